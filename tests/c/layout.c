/*
 * layout - size and offset of every field of the four structures, checked by the compiler, and that each _INIT macro sets
 * struct_size and nothing else, checked when the program runs
 *
 * Uses no header of the C library, so it can be compiled (not linked) for 32 bits where no 32-bit C library is installed.
 * Exit code 0: as published; else the number of the check that failed.
 */
#include <stddef.h>

#include "sds_smtp.h"

/* An array of size -1 stops the compilation; its name says which field has moved. */
#define CHECK(name, condition) typedef char name[(condition) ? 1 : -1]
#define EITHER(for64, for32) (sizeof(void *) == 8 ? (for64) : (for32))

#define CONFIG(field, for64, for32) \
  CHECK(config_##field, offsetof(struct sds_smtp_config, field) == EITHER(for64, for32))
#define MESSAGE(field, for64, for32) \
  CHECK(message_##field, offsetof(struct sds_smtp_message, field) == EITHER(for64, for32))
#define RESULT(field, everywhere) CHECK(result_##field, offsetof(struct sds_smtp_result, field) == (everywhere))
#define LOG_ENTRY(field, everywhere) CHECK(log_entry_##field, offsetof(struct sds_smtp_log_entry, field) == (everywhere))

CHECK(pointers_are_of_32_or_64_bits, sizeof(void *) == 8 || sizeof(void *) == 4);
CHECK(int_is_of_32_bits, sizeof(int) == 4);

CHECK(config_size, sizeof(struct sds_smtp_config) == EITHER(120, 92));
CONFIG(struct_size, 0, 0);
CONFIG(flags, 4, 4);
CONFIG(server, 8, 8);
CONFIG(username, 16, 12);
CONFIG(password, 24, 16);
CONFIG(sender, 32, 20);
CONFIG(sender_name, 40, 24);
CONFIG(ehlo_name, 48, 28);
CONFIG(charset, 56, 32);
CONFIG(auth, 64, 36);
CONFIG(port, 68, 40);
CONFIG(credential_limit, 72, 44);
CONFIG(connect_timeout_ms, 76, 48);
CONFIG(greeting_timeout_ms, 80, 52);
CONFIG(ehlo_timeout_ms, 84, 56);
CONFIG(auth_timeout_ms, 88, 60);
CONFIG(mail_timeout_ms, 92, 64);
CONFIG(rcpt_timeout_ms, 96, 68);
CONFIG(data_timeout_ms, 100, 72);
CONFIG(block_timeout_ms, 104, 76);
CONFIG(final_timeout_ms, 108, 80);
CONFIG(quit_timeout_ms, 112, 84);
CONFIG(total_timeout_ms, 116, 88);

CHECK(message_size, sizeof(struct sds_smtp_message) == EITHER(48, 28));
MESSAGE(struct_size, 0, 0);
MESSAGE(flags, 4, 4);
MESSAGE(to, 8, 8);
MESSAGE(subject, 16, 12);
MESSAGE(text, 24, 16);
MESSAGE(read, 32, 20);
MESSAGE(read_context, 40, 24);

CHECK(result_size, sizeof(struct sds_smtp_result) == 620);
RESULT(struct_size, 0);
RESULT(code, 4);
RESULT(outcome, 8);
RESULT(phase, 12);
RESULT(reply_code, 16);
RESULT(enhanced_class, 20);
RESULT(enhanced_subject, 24);
RESULT(enhanced_detail, 28);
RESULT(recipients_accepted, 32);
RESULT(recipients_refused, 36);
RESULT(elapsed_ms, 40);
RESULT(message_id, 44);
RESULT(text, 364);
CHECK(result_message_id_size, sizeof(((struct sds_smtp_result *)0)->message_id) == 320);
CHECK(result_text_size, sizeof(((struct sds_smtp_result *)0)->text) == 256);

CHECK(log_entry_size, sizeof(struct sds_smtp_log_entry) == 264);
LOG_ENTRY(struct_size, 0);
LOG_ENTRY(code, 4);
LOG_ENTRY(time_ms, 8);
LOG_ENTRY(elapsed_ms, 16);
LOG_ENTRY(outcome, 20);
LOG_ENTRY(phase, 24);
LOG_ENTRY(reply_code, 28);
LOG_ENTRY(recipients, 32);
LOG_ENTRY(reserved, 36);
LOG_ENTRY(recipient, 40);
LOG_ENTRY(text, 136);
CHECK(log_entry_recipient_size, sizeof(((struct sds_smtp_log_entry *)0)->recipient) == 96);
CHECK(log_entry_text_size, sizeof(((struct sds_smtp_log_entry *)0)->text) == 128);

/* The numbers are part of the binary interface as well: they never change. */
CHECK(code_ok, SDS_SMTP_OK == 0);
CHECK(code_timeout, SDS_SMTP_TIMEOUT == 1);
CHECK(code_not_ready, SDS_SMTP_NOT_READY == 2);
CHECK(code_helo_failed, SDS_SMTP_HELO_FAILED == 3);
CHECK(code_sender_refused, SDS_SMTP_SENDER_REFUSED == 4);
CHECK(code_recipient_refused, SDS_SMTP_RECIPIENT_REFUSED == 5);
CHECK(code_relay_denied, SDS_SMTP_RELAY_DENIED == 6);
CHECK(code_data_failed, SDS_SMTP_DATA_FAILED == 7);
CHECK(code_data_end_failed, SDS_SMTP_DATA_END_FAILED == 8);
CHECK(code_auth_unsupported, SDS_SMTP_AUTH_UNSUPPORTED == 9);
CHECK(code_bad_username, SDS_SMTP_BAD_USERNAME == 10);
CHECK(code_bad_password, SDS_SMTP_BAD_PASSWORD == 11);
CHECK(code_invalid_recipient, SDS_SMTP_INVALID_RECIPIENT == 12);
CHECK(code_connect_failed, SDS_SMTP_CONNECT_FAILED == 13);
CHECK(code_busy, SDS_SMTP_BUSY == 14);
CHECK(code_syntax, SDS_SMTP_SYNTAX == 15);
CHECK(code_cancelled, SDS_SMTP_CANCELLED == 32);
CHECK(code_bad_argument, SDS_SMTP_BAD_ARGUMENT == 33);
CHECK(code_bad_handle, SDS_SMTP_BAD_HANDLE == 34);
CHECK(auth_none, SDS_SMTP_AUTH_NONE == 0);
CHECK(auth_any, SDS_SMTP_AUTH_ANY == 1);
CHECK(auth_plain, SDS_SMTP_AUTH_PLAIN == 2);
CHECK(auth_login, SDS_SMTP_AUTH_LOGIN == 3);
CHECK(flag_no_pipelining, SDS_SMTP_NO_PIPELINING == 1);
CHECK(outcome_none, SDS_SMTP_OUTCOME_NONE == 0);
CHECK(outcome_sent, SDS_SMTP_OUTCOME_SENT == 1);
CHECK(outcome_not_sent, SDS_SMTP_OUTCOME_NOT_SENT == 2);
CHECK(outcome_unknown, SDS_SMTP_OUTCOME_UNKNOWN == 3);
CHECK(phase_none, SDS_SMTP_PHASE_NONE == 0);
CHECK(phase_start, SDS_SMTP_PHASE_START == 1);
CHECK(phase_connect, SDS_SMTP_PHASE_CONNECT == 2);
CHECK(phase_greeting, SDS_SMTP_PHASE_GREETING == 3);
CHECK(phase_hello, SDS_SMTP_PHASE_HELLO == 4);
CHECK(phase_auth, SDS_SMTP_PHASE_AUTH == 5);
CHECK(phase_mail, SDS_SMTP_PHASE_MAIL == 6);
CHECK(phase_rcpt, SDS_SMTP_PHASE_RCPT == 7);
CHECK(phase_data, SDS_SMTP_PHASE_DATA == 8);
CHECK(phase_text, SDS_SMTP_PHASE_TEXT == 9);
CHECK(phase_end, SDS_SMTP_PHASE_END == 10);
CHECK(log_entries, SDS_SMTP_LOG_ENTRIES == 64);
CHECK(no_limit, SDS_SMTP_NO_LIMIT == 0xFFFFFFFFu);

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
  return 0;
}
