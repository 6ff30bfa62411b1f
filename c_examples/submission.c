/*
 * submission - sends one mail as most mail providers want it: port 587, STARTTLS, a login
 *
 *     submission SERVER[:PORT] USER PASSWORD TO [CA.pem]
 *     submission mail.example.com unit7@example.com "app password" operator@example.com
 *
 * USER is the sender, too. The server's certificate is checked against the system's trust store, or against CA.pem.
 * The exit code is 0 only when the server accepted the mail.
 */
#include <stdio.h>

#include "sds_smtp.h"

int main(int argc, char **argv)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;
  char why[256];
  int code;

  if (argc < 5)
    return 2;
  config.server = argv[1];
  config.tls = SDS_SMTP_TLS_STARTTLS; /* nothing is sent without it */
  config.tls_ca = argc > 5 ? argv[5] : NULL;
  config.auth = SDS_SMTP_AUTH_ANY; /* the strongest that the server offers */
  config.username = config.sender = argv[2];
  config.password = argv[3];
  if (sds_smtp_client_configure(NULL, &config) != SDS_SMTP_OK || sds_smtp_send(argv[4], "Test", "It works.\n") != SDS_SMTP_OK) {
    sds_smtp_client_refusal(NULL, why, sizeof why);
    fprintf(stderr, "not started: %s\n", why);
    return 1;
  }
  code = sds_smtp_client_wait(NULL, SDS_SMTP_NO_LIMIT);
  sds_smtp_client_result(NULL, &result);
  printf("%s: %s\n", sds_smtp_code_name(code), result.text);
  return code != SDS_SMTP_OK;
}
