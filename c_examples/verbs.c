/*
 * verbs - sends one mail with a verb of RFC 821, and says whether the server knows it
 *
 *     verbs SERVER PORT FROM TO VERB
 *     verbs 127.0.0.1 25 unit7@example.com "Boiler room <operator@example.com>" SAML
 *
 * VERB is MAIL (to the recipient's mailbox), SEND (to the terminal), SOML (to the terminal or else to the mailbox) or SAML
 * (to both). Hardly a server of today knows more than MAIL: for the others this program asks again with MAIL.
 * The exit code is 0 only when the server accepted the mail.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sds_smtp.h"

static const char *const verbs[] = {"MAIL", "SEND", "SOML", "SAML"}; /* their numbers are SDS_SMTP_VERB_... */

static int configure(const char *server, unsigned long port, const char *from)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;

  config.server = server;
  config.port = (uint32_t)port;
  config.sender = from;
  return sds_smtp_client_configure(NULL, &config);
}

/* One mail; its code. */
static int send_with(uint32_t verb, const char *to)
{
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;
  char refusal[256];
  int code;

  message.to = to;
  message.subject = "Kotelna";
  message.text = "Teplota kotle prekrocila 90 stupnu.\n";
  message.flags = SDS_SMTP_AUTO_SUBMITTED;
  message.priority = SDS_SMTP_PRIORITY_HIGH;
  message.verb = verb;

  code = sds_smtp_client_send(NULL, &message);
  if (code != SDS_SMTP_OK) {
    sds_smtp_client_refusal(NULL, refusal, sizeof refusal);
    printf("%s: refused before it started: %s\n", verbs[verb], refusal);
    return code;
  }
  code = sds_smtp_client_wait(NULL, SDS_SMTP_NO_LIMIT);
  sds_smtp_client_result(NULL, &result);
  printf("%s: code %d, %s: %u %s\n", verbs[verb], code, sds_smtp_outcome_name(result.outcome), (unsigned)result.reply_code,
         result.text);
  return code;
}

int main(int argc, char **argv)
{
  unsigned long port;
  uint32_t verb;
  char *end;
  int code;

  if (argc != 6) {
    fprintf(stderr, "usage: verbs SERVER PORT FROM TO VERB\n");
    return 2;
  }
  port = strtoul(argv[2], &end, 10);
  if (*end != '\0' || port < 1 || port > 65535) {
    fprintf(stderr, "verbs: PORT is a number from 1 to 65535\n");
    return 2;
  }
  for (verb = 0; verb < 4 && strcmp(argv[5], verbs[verb]) != 0; verb++)
    ;
  if (verb == 4) {
    fprintf(stderr, "verbs: VERB is MAIL, SEND, SOML or SAML\n");
    return 2;
  }
  code = configure(argv[1], port, argv[3]);
  if (code != SDS_SMTP_OK) {
    fprintf(stderr, "verbs: configuration refused, code %d: %s\n", code, sds_smtp_strerror(code));
    return 2;
  }

  code = send_with(verb, argv[4]);
  if (code == SDS_SMTP_NOT_SUPPORTED && verb != SDS_SMTP_VERB_MAIL) {
    /* It was not sent: to ask again is safe. */
    printf("the server does not know %s\n", verbs[verb]);
    code = send_with(SDS_SMTP_VERB_MAIL, argv[4]);
  }
  return code == SDS_SMTP_OK ? 0 : 1;
}
