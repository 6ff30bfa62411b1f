/*
 * pinned_device - sends one mail to an appliance whose certificate nobody vouches for
 *
 *     pinned_device SERVER[:PORT] PIN FROM TO
 *     pinned_device 192.0.2.25 sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU= unit7@example.com operator@example.com
 *
 * Appliances have certificates that they made themselves, for a name that is not theirs, and that expire unnoticed. A pin
 * is the SHA-256 of the server's own public key: it takes the place of issuer, dates and name, needs no trust store and no
 * clock, and stays the same as long as the server keeps its key. This prints it:
 *
 *     openssl s_client -connect SERVER:465 </dev/null 2>/dev/null | openssl x509 -noout -pubkey |
 *       openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary | base64
 *
 * Several pins are separated by ";": the next key's can be there before the server has it. TLS begins with the connection
 * here (port 465).
 */
#include <stdio.h>

#include "sds_smtp.h"

int main(int argc, char **argv)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;
  char why[256];
  int code;

  if (argc != 5) {
    fprintf(stderr, "usage: pinned_device SERVER[:PORT] PIN FROM TO\n");
    return 2;
  }
  config.server = argv[1];
  config.tls = SDS_SMTP_TLS_IMPLICIT;
  config.tls_pin = argv[2];
  config.sender = argv[3];
  code = sds_smtp_client_configure(NULL, &config);
  if (code == SDS_SMTP_OK)
    code = sds_smtp_send(argv[4], "Boiler room", "Temperature 93 degrees.\n");
  if (code != SDS_SMTP_OK) {
    sds_smtp_client_refusal(NULL, why, sizeof why);
    fprintf(stderr, "not started: %s\n", why);
    return 1;
  }
  code = sds_smtp_client_wait(NULL, SDS_SMTP_NO_LIMIT);
  sds_smtp_client_result(NULL, &result);
  printf("%s, TLS 1.%u: %s\n", sds_smtp_code_name(code), result.tls_version == 0x0304 ? 3u : 2u, result.text);
  if (code == SDS_SMTP_TLS_UNTRUSTED)
    printf("If the server has a new key, and you know it from elsewhere than this connection, set its pin.\n");
  return code != SDS_SMTP_OK;
}
