/*
 * many_recipients - sends one mail to many recipients, and says what became of each
 *
 *     many_recipients SERVER PORT FROM TO [TO...]
 *     many_recipients 127.0.0.1 25 unit7@example.com operator@example.com night@example.com
 *
 * Whoever the server accepts gets the mail (SDS_SMTP_PARTIAL). Without that flag all get it, or nobody.
 * The exit code is 0 only when all have it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sds_smtp.h"

/* All addresses in one list, with commas between them; NULL without memory. */
static char *joined(char **addresses, int count)
{
  size_t length = 1;
  char *list, *end;
  int i;

  for (i = 0; i < count; i++)
    length += strlen(addresses[i]) + 2;
  list = (char *)malloc(length);
  if (list == NULL)
    return NULL;
  for (i = 0, end = list; i < count; i++)
    end += sprintf(end, "%s%s", i == 0 ? "" : ", ", addresses[i]);
  return list;
}

/* What became of each recipient; 0 without memory for that. */
static int tell(void)
{
  static const struct sds_smtp_recipient first = SDS_SMTP_RECIPIENT_INIT;
  size_t i, count = sds_smtp_client_recipients(NULL, NULL, 0);
  struct sds_smtp_recipient *all = (struct sds_smtp_recipient *)malloc((count + 1) * sizeof *all);

  if (all == NULL)
    return 0;
  all[0] = first;
  count = sds_smtp_client_recipients(NULL, all, count);
  for (i = 0; i < count; i++) {
    printf("%s: %s", all[i].address, sds_smtp_outcome_name(all[i].outcome));
    if (all[i].code != SDS_SMTP_OK)
      printf(", code %d: %u %s", (int)all[i].code, (unsigned)all[i].reply_code, all[i].text);
    printf("\n");
  }
  free(all);
  return 1;
}

int main(int argc, char **argv)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
  char refusal[256], *list;
  int code;

  if (argc < 5) {
    fprintf(stderr, "usage: many_recipients SERVER PORT FROM TO [TO...]\n");
    return 2;
  }
  config.server = argv[1];
  config.port = (uint32_t)strtoul(argv[2], NULL, 10);
  config.sender = argv[3];
  config.retry_max = 3; /* further attempts, for those only who have not got it and may get it */
  config.retry_delay_ms = 1000;
  code = sds_smtp_client_configure(NULL, &config);
  if (code != SDS_SMTP_OK) {
    fprintf(stderr, "many_recipients: configuration refused, code %d: %s\n", code, sds_smtp_strerror(code));
    return 2;
  }

  list = joined(argv + 4, argc - 4);
  if (list == NULL)
    return 2;
  message.bcc = list; /* nobody sees who else got it */
  message.subject = "Kotelna";
  message.text = "Teplota kotle prekrocila 90 stupnu.\n";
  message.flags = SDS_SMTP_PARTIAL | SDS_SMTP_AUTO_SUBMITTED;
  code = sds_smtp_client_send(NULL, &message);
  free(list);
  if (code != SDS_SMTP_OK) {
    sds_smtp_client_refusal(NULL, refusal, sizeof refusal);
    fprintf(stderr, "many_recipients: refused before it started: %s\n", refusal);
    return 1;
  }
  code = sds_smtp_client_wait(NULL, SDS_SMTP_NO_LIMIT);
  printf("code %d: %s\n", code, sds_smtp_strerror(code));
  return tell() && code == SDS_SMTP_OK ? 0 : 1;
}
