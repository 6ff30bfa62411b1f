/*
 * first_mail - sends one mail, waits for its end and says what became of it
 *
 * The program to begin with: it shows whether server, login and addresses are right.
 *
 *     first_mail SERVER PORT USER PASSWORD FROM TO
 *     first_mail mail.example.com 25 "" "" unit7@example.com operator@example.com
 *
 * SERVER is an address or a name. An empty USER means: no login.
 * The exit code is 0 only when the server accepted the mail.
 *
 * A command line can be read by every user of the machine. A real program takes the password from its own configuration.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sds_smtp.h"

static const char *advice(uint32_t advice)
{
  switch (advice) {
  case SDS_SMTP_ADVICE_LATER:         return "send it again later, as it is";
  case SDS_SMTP_ADVICE_CONFIGURATION: return "change the configuration";
  case SDS_SMTP_ADVICE_MESSAGE:       return "change the mail";
  case SDS_SMTP_ADVICE_UNKNOWN:       return "ask the recipient: it may have been delivered";
  default:                            return "nothing to do";
  }
}

static int configure(const char *server, unsigned long port, const char *user, const char *password, const char *from)
{
  int login = user[0] != '\0';

  if (port == 25 && strspn(server, "0123456789.") == strlen(server)) {
    /* The three-function way: the five fields of the device's configuration page. It takes an IP address. */
    return sds_smtp_configure(server, login, user, password, from);
  } else {
    /* Names, and everything else that can be set, need the structure. NULL is the client of the three functions. */
    struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;

    config.server = server;
    config.port = (uint32_t)port;
    config.sender = from;
    if (login) {
      /* In the clear, as with the three functions. Over TLS take SDS_SMTP_AUTH_ANY. */
      config.auth = SDS_SMTP_AUTH_PLAIN | SDS_SMTP_AUTH_LOGIN;
      config.username = user;
      config.password = password;
    }
    return sds_smtp_client_configure(NULL, &config);
  }
}

static void print_result(void)
{
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;

  if (sds_smtp_client_result(NULL, &result) != SDS_SMTP_OK)
    return;
  printf("outcome     %s\n", sds_smtp_outcome_name(result.outcome));
  printf("advice      %s\n", advice(result.advice));
  printf("phase       %s\n", sds_smtp_phase_name(result.phase));
  if (result.server[0] != '\0')
    printf("server      %s\n", result.server);
  if (result.recipient[0] != '\0')
    printf("refused     %s\n", result.recipient);
  if (result.reply_code != 0)
    printf("reply       %u %s\n", (unsigned)result.reply_code, result.text);
  else
    printf("reply       none; %s\n", result.text);
  if (result.enhanced_class != 0)
    printf("enhanced    %u.%u.%u\n", (unsigned)result.enhanced_class, (unsigned)result.enhanced_subject,
           (unsigned)result.enhanced_detail);
  printf("attempts    %u\n", (unsigned)result.attempts);
  printf("recipients  %u accepted, %u refused\n", (unsigned)result.recipients_accepted, (unsigned)result.recipients_refused);
  printf("Message-ID  %s\n", result.message_id);
  printf("time        %u ms\n", (unsigned)result.elapsed_ms);
}

/* The newest line of the client's log, the "OSI7 Log" of the device. Each finished mail and each refused start is there. */
static void print_newest_log_line(void)
{
  struct sds_smtp_log_entry entry = SDS_SMTP_LOG_ENTRY_INIT;
  char when[32] = "no clock";

  if (sds_smtp_client_log(NULL, &entry, 1) != 1)
    return;
  if (entry.time_ms != 0) {
    time_t seconds = (time_t)(entry.time_ms / 1000);
    const struct tm *utc = gmtime(&seconds);

    if (utc != NULL)
      strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S UTC", utc);
  }
  printf("log         %s | code %d | %s | reply %u | %u ms | %s\n", when, (int)entry.code, entry.recipient,
         (unsigned)entry.reply_code, (unsigned)entry.elapsed_ms, entry.text);
}

int main(int argc, char **argv)
{
  unsigned long port;
  char *end;
  int code;

  if (argc != 7) {
    fprintf(stderr, "usage: first_mail SERVER PORT USER PASSWORD FROM TO   (USER \"\": no login)\n");
    return 2;
  }
  port = strtoul(argv[2], &end, 10);
  if (*end != '\0' || port < 1 || port > 65535) {
    fprintf(stderr, "first_mail: PORT is a number from 1 to 65535\n");
    return 2;
  }

  code = configure(argv[1], port, argv[3], argv[4], argv[5]);
  if (code != SDS_SMTP_OK) {
    char refusal[256];

    sds_smtp_client_refusal(NULL, refusal, sizeof refusal);
    fprintf(stderr, "first_mail: configuration refused, code %d: %s\n  %s\n", code, sds_smtp_strerror(code), refusal);
    return 2;
  }

  /* Returns at once, all strings are copied. 0 says that the mail is on its way, not that it has arrived. */
  code = sds_smtp_send(argv[6], "testovaci email", "Toto je testovaci email.");

  /* A device goes on with its work here and looks at sds_smtp_status() now and then: 14 is "still in flight". This
     program has nothing else to do. The wait has an end: each mail has a total deadline. */
  if (code == SDS_SMTP_OK)
    code = sds_smtp_client_wait(NULL, SDS_SMTP_NO_LIMIT);

  printf("sds-smtp    %s\n", sds_smtp_version());
  printf("code        %d: %s\n", code, sds_smtp_strerror(code));
  print_result();
  print_newest_log_line();
  return code == SDS_SMTP_OK ? 0 : 1;
}
