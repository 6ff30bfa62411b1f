/*
 * login_pause - sends mails with a login, frees the client, and waits: another process looks at its memory then
 *
 *     login_pause PORT AUTH MAILS CODE [CA.pem [OWN.pem OWN_KEY.pem]]
 *
 * User name and password are read from the standard input, a line each, and wiped here. AUTH is sds_smtp_config.auth. With a CA
 * the server is localhost, with TLS from the first octet on; OWN is our certificate. Each mail has to end with CODE. Says
 * "freed CODE" when the client is gone, and ends when the standard input does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "sds_smtp.h"

#define LINE 16500

static char username[LINE], password[LINE];

static void wipe(char *text)
{
  volatile char *octets = text;
  size_t at;

  for (at = 0; at < LINE; at++)
    octets[at] = '\0';
}

/* Without the standard library's buffers, which would keep it. */
static int read_line(char *text)
{
  size_t at;

  for (at = 0; at < LINE - 1; at++) {
    if (read(0, &text[at], 1) != 1)
      return -1;
    if (text[at] == '\n') {
      text[at] = '\0';
      return 0;
    }
  }
  return -1;
}

int main(int argc, char **argv)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
  const struct timespec moment = {0, 300000000};
  sds_smtp_client *client = sds_smtp_client_new();
  char octet;
  int code, mails, wanted;

  if (argc < 5 || client == NULL || read_line(username) != 0 || read_line(password) != 0)
    return 2;
  mails = atoi(argv[3]);
  wanted = atoi(argv[4]);
  config.server = argc > 5 ? "localhost" : "127.0.0.1";
  config.port = (uint32_t)atoi(argv[1]);
  config.sender = "unit7@example.test";
  config.auth = (uint32_t)atoi(argv[2]);
  config.username = username;
  config.password = password;
  if (argc > 5) {
    config.tls = SDS_SMTP_TLS_IMPLICIT;
    config.tls_ca = argv[5];
  }
  if (argc > 7) {
    config.tls_certificate = argv[6];
    config.tls_key = argv[7];
  }
  code = sds_smtp_client_configure(client, &config);
  wipe(username);
  wipe(password);
  message.to = "someone@example.test";
  message.subject = "Alarm";
  message.text = "Text.\n";
  if (code == SDS_SMTP_OK) {
    do {
      code = sds_smtp_client_send(client, &message);
      if (code == SDS_SMTP_OK)
        code = sds_smtp_client_wait(client, 30000);
      mails--;
    } while (code == wanted && mails > 0);
  }
  sds_smtp_client_free(client);
  /* The connection may have waited for the reply to QUIT. */
  nanosleep(&moment, NULL);
  printf("freed %d\n", code);
  fflush(stdout);
  while (read(0, &octet, 1) == 1)
    continue;
  return code;
}
