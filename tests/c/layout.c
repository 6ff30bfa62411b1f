/*
 * layout - every structure and number of the header is as recorded in tests/abi/, which the compiler checks; and
 * each _INIT macro sets struct_size and nothing else, which is checked when the program runs
 *
 * Uses no header of the C library, so it can be compiled (not linked) for 32 bits where no 32-bit C library is installed.
 * Exit code 0: as published; else the number of the check that failed.
 */
#include <stddef.h>

#include "sds_smtp.h"

#include "../abi/layout.h"

/* 1 when the structure begins with its own size as uint32_t and is zero from there to its end. */
static int only_the_size_is_set(const void *structure, size_t size)
{
  const unsigned char *bytes = (const unsigned char *)structure;
  uint32_t struct_size = 0;
  size_t i;

  for (i = 0; i < sizeof struct_size; i++)
    ((unsigned char *)&struct_size)[i] = bytes[i];
  if (struct_size != size)
    return 0;
  for (i = sizeof struct_size; i < size; i++)
    if (bytes[i] != 0)
      return 0;
  return 1;
}

/* Static storage: padding, if there were any, would be zero and not chance. That there is none, the offsets above say. */
static const struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
static const struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
static const struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;
static const struct sds_smtp_log_entry log_entry = SDS_SMTP_LOG_ENTRY_INIT;
static const struct sds_smtp_recipient recipient = SDS_SMTP_RECIPIENT_INIT;

int main(void)
{
  if (!only_the_size_is_set(&config, sizeof config))
    return 1;
  if (!only_the_size_is_set(&message, sizeof message))
    return 2;
  if (!only_the_size_is_set(&result, sizeof result))
    return 3;
  if (!only_the_size_is_set(&log_entry, sizeof log_entry))
    return 4;
  if (!only_the_size_is_set(&recipient, sizeof recipient))
    return 5;
  return 0;
}
