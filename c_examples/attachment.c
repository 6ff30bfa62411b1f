/*
 * attachment - sends files, and something that the program makes while the mail is sent
 *
 *     attachment SERVER[:PORT] FROM TO FILE...
 *     attachment mail.example.com unit7@example.com operator@example.com report.csv photo.jpg
 *
 * The files are read while the mail is sent: they may be larger than the memory. The last attachment is a table of
 * measurements, which a function gives line by line; the library calls it on a thread of its own.
 * The exit code is 0 only when the server accepted the mail.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sds_smtp.h"

#define LINES 1000u
#define LINE 15u

/* Gives the bytes from `offset` on, at most `max`; 0 at the end. A negative number would end the mail with code 40. */
static int32_t read_table(void *context, uint64_t offset, char *out, size_t max)
{
  const unsigned *first = (const unsigned *)context;
  size_t written = 0;

  while (offset < (uint64_t)LINES * LINE && written < max) {
    char line[LINE + 1];

    snprintf(line, sizeof line, "%05u;%07.3f\r\n", (unsigned)(offset / LINE), (double)(*first + offset / LINE) / 8.0);
    out[written++] = line[offset++ % LINE];
  }
  return (int32_t)written;
}

int main(int argc, char **argv)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;
  const struct sds_smtp_attachment empty = SDS_SMTP_ATTACHMENT_INIT;
  struct sds_smtp_attachment *attachments;
  unsigned first = 160;
  uint64_t sent, all;
  char why[256];
  int code, number, files = argc - 4;

  if (files < 0)
    return 2;
  attachments = (struct sds_smtp_attachment *)calloc((size_t)files + 1, sizeof *attachments);
  if (attachments == NULL)
    return 1;
  for (number = 0; number < files; number++) {
    attachments[number] = empty;
    attachments[number].path = argv[4 + number]; /* its last part is the name, too */
  }
  attachments[files] = empty;
  attachments[files].name = "measurements.csv";
  attachments[files].content_type = "text/csv; charset=utf-8";
  attachments[files].read = read_table;
  attachments[files].read_context = &first;
  attachments[files].length = (uint64_t)LINES * LINE; /* 0, if it is not known */

  config.server = argv[1];
  config.sender = argv[2];
  message.to = argv[3];
  message.subject = "Files";
  message.text = "The files are attached.\n";
  message.attachments = attachments;
  message.attachment_count = (uint32_t)files + 1u;
  if (sds_smtp_client_configure(NULL, &config) != SDS_SMTP_OK || sds_smtp_client_send(NULL, &message) != SDS_SMTP_OK) {
    sds_smtp_client_refusal(NULL, why, sizeof why);
    fprintf(stderr, "not started: %s\n", why);
    free(attachments);
    return 1;
  }
  free(attachments); /* the structures were copied; `first` is still read */
  while ((code = sds_smtp_client_wait(NULL, 500)) == SDS_SMTP_BUSY) {
    sds_smtp_client_progress(NULL, &sent, &all);
    printf("%lu of %lu bytes\n", (unsigned long)sent, (unsigned long)all);
  }
  sds_smtp_client_result(NULL, &result);
  printf("%s: %s\n", sds_smtp_code_name(code), result.text);
  return code != SDS_SMTP_OK;
}
