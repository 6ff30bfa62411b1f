/* program - sends a mail to the port of 127.0.0.1 that its argument names, while two other Rust libraries panic and catch it. */
#include <stdio.h>
#include <stdlib.h>

#include "sds_smtp.h"

unsigned neighbour_panics(unsigned threads);
/* The same, after scripts/people/archive.sh has made one object of it. */
unsigned finished_panics(unsigned threads);

#define THREADS 8u

int main(int argc, char **argv)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
  unsigned seen;
  int code;

  if (argc != 2) return 2;
  config.server = "127.0.0.1";
  config.port = (unsigned)atoi(argv[1]);
  config.sender = "unit7@example.com";
  message.to = "operator@example.com";
  message.subject = "testovaci email";
  message.text = "Toto je testovaci email.\n";

  code = sds_smtp_client_configure(NULL, &config);
  if (code == SDS_SMTP_OK) code = sds_smtp_client_send(NULL, &message);
  seen = neighbour_panics(THREADS) + finished_panics(THREADS);
  if (code == SDS_SMTP_OK) code = sds_smtp_client_wait(NULL, 60000);
  printf("code %d, panics seen: %u\n", code, seen);
  return code == SDS_SMTP_OK && seen == 2 * THREADS ? 0 : 1;
}
