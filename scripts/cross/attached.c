/*
 * attached - a mail with files, on any system: their paths and names are UTF-8, whatever the system's own letters are
 *
 *     attached PORT FOLDER
 *
 * PORT is that of a server on 127.0.0.1. Makes files in FOLDER and sends two mails: their text from a file, files of various
 * lengths, and an attachment that a function gives. Then what is no file is refused with 40.
 * Exit code 0: every mail ended as it should.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef _WIN32
#include <wchar.h>
#include <windows.h>
#define SEPARATOR '\\'
#else
#define SEPARATOR '/'
#endif

#include "sds_smtp.h"

#define LONGEST 1024
#define OCTETS 300000u

static unsigned wrong;

/* What scripts/cross/hosted.sh looks for: every octet, and no period of a buffer. */
static unsigned char octet(size_t at)
{
  return (unsigned char)(at * 7 + at / 251);
}

static FILE *create(const char *path)
{
#ifdef _WIN32
  wchar_t wide[LONGEST];

  return MultiByteToWideChar(CP_UTF8, 0, path, -1, wide, LONGEST) > 0 ? _wfopen(wide, L"wb") : NULL;
#else
  return fopen(path, "wb");
#endif
}

/* FOLDER, a separator and a name; a file of so many octets there. */
static char *make(const char *folder, char separator, const char *name, size_t length)
{
  char *path = (char *)malloc(LONGEST);
  FILE *file;
  size_t i;

  snprintf(path, LONGEST, "%s%c%s", folder, separator, name);
  if (length == (size_t)-1)
    return path;
  file = create(path);
  if (file == NULL) {
    printf("%s cannot be made\n", path);
    exit(2);
  }
  for (i = 0; i < length; i++)
    putc(octet(i), file);
  fclose(file);
  return path;
}

static int32_t give(void *context, uint64_t offset, char *out, size_t max)
{
  size_t i;

  (void)context;
  for (i = 0; i < max && offset + i < OCTETS; i++)
    out[i] = (char)octet((size_t)offset + i);
  return (int32_t)i;
}

static void deliver(const char *what, const struct sds_smtp_message *message, int code)
{
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;
  int ended = sds_smtp_client_send(NULL, message);

  if (ended == SDS_SMTP_OK)
    ended = sds_smtp_client_wait(NULL, 60000);
  sds_smtp_client_result(NULL, &result);
  if (ended == code && result.outcome == (code == SDS_SMTP_OK ? SDS_SMTP_OUTCOME_SENT : SDS_SMTP_OUTCOME_NOT_SENT))
    return;
  wrong++;
  printf("%s: code %d, outcome %u: %s\n", what, ended, (unsigned)result.outcome, result.text);
}

int main(int argc, char **argv)
{
  static const char *const names[] = {"\xC5\xBElu\xC5\xA5ou\xC4\x8Dk\xC3\xBD k\xC5\xAF\xC5\x88.bin", "plain.bin", "empty"};
  static const size_t lengths[] = {OCTETS, 1, 0};
  const struct sds_smtp_attachment none = SDS_SMTP_ATTACHMENT_INIT;
  struct sds_smtp_attachment attachments[4];
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
  char *text, *missing;
  int round, i;

  if (argc != 3)
    return 2;
  config.server = "127.0.0.1";
  config.port = (uint32_t)strtoul(argv[1], NULL, 10);
  config.sender = "unit7@example.com";
  if (sds_smtp_client_configure(NULL, &config) != SDS_SMTP_OK)
    return 2;
  missing = make(argv[2], SEPARATOR, "missing", (size_t)-1);
  text = make(argv[2], SEPARATOR, "text", 0);
  {
    FILE *file = create(text);

    fputs("Toto je testovaci email.\n", file);
    fclose(file);
  }
  message.to = "operator@example.com";
  message.subject = "attached";
  message.text_path = text;
  message.attachments = attachments;
  /* Windows takes both separators. */
  for (round = 0; round < 2; round++) {
    for (i = 0; i < 4; i++)
      attachments[i] = none;
    for (i = 0; i < 3; i++)
      attachments[i].path = make(argv[2], round == 0 ? SEPARATOR : '/', names[i], lengths[i]);
    attachments[3].read = give;
    attachments[3].name = "read";
    message.attachment_count = 4;
    deliver("files", &message, SDS_SMTP_OK);
  }
  message.attachment_count = 1;
  attachments[0].path = missing;
  deliver("a missing file", &message, SDS_SMTP_READ_FAILED);
  attachments[0].path = argv[2];
  attachments[0].name = "folder";
  deliver("a folder", &message, SDS_SMTP_READ_FAILED);
  message.attachment_count = 0;
  message.text_path = missing;
  deliver("a missing text", &message, SDS_SMTP_READ_FAILED);
  printf("attached: %u wrong\n", wrong);
  return wrong != 0;
}
