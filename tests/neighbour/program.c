/*
 * program - sends mails while two other Rust libraries work beside it, and panic and catch it
 *
 *     program PORT [TLS_PORT CA]
 *
 * Both ports are of 127.0.0.1; the second one has TLS from the first octet on, and gets a mail, too.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sds_smtp.h"

unsigned neighbour_works(unsigned threads);
/* The same, after scripts/people/archive.sh has finished it. */
unsigned finished_works(unsigned threads);

#define THREADS 8u

/* The code with which a mail ended, and how many of the others' threads have worked meanwhile. */
static int deliver(const char *port, const char *ca, unsigned *worked)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
  int code;

  config.server = "127.0.0.1";
  config.port = (unsigned)atoi(port);
  config.sender = "unit7@example.com";
  config.tls = ca != NULL ? SDS_SMTP_TLS_IMPLICIT : SDS_SMTP_TLS_NONE;
  config.tls_ca = ca;
  message.to = "operator@example.com";
  message.subject = "testovaci email";
  message.text = "Toto je testovaci email.\n";

  code = sds_smtp_client_configure(NULL, &config);
  if (code == SDS_SMTP_OK) code = sds_smtp_client_send(NULL, &message);
  *worked = neighbour_works(THREADS) + finished_works(THREADS);
  return code == SDS_SMTP_OK ? sds_smtp_client_wait(NULL, 60000) : code;
}

int main(int argc, char **argv)
{
  int mail, wrong = 0;

  if (argc != 2 && argc != 4) return 2;
  for (mail = 0; mail < argc / 2; mail++) {
    unsigned worked;
    int code = deliver(argv[1 + mail], mail == 0 ? NULL : argv[3], &worked);

    printf("mail %d: code %d, threads that worked: %u\n", mail + 1, code, worked);
    wrong += code != SDS_SMTP_OK || worked != 2 * THREADS;
  }
  return wrong != 0;
}
