/*
 * secured - mails over TLS on any system: with a CA, with a pin, with the system's trust store; and certificates that are refused
 *
 *     secured IMPLICIT_PORT STARTTLS_PORT VERSION CA OTHER_CA PIN
 *     secured IMPLICIT_PORT STARTTLS_PORT VERSION system CODE
 *
 * Both ports are those of one server on 127.0.0.1, whose certificate for mx.example.test is of CA; it chooses this VERSION of TLS
 * (772 is 1.3). With `system` nothing but the system's trust store is asked, and each mail ends with this CODE.
 * Exit code 0: every mail ended as it should.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sds_smtp.h"

static unsigned ports[2], version, mails, wrong;

static const uint32_t modes[2] = {SDS_SMTP_TLS_IMPLICIT, SDS_SMTP_TLS_STARTTLS};

/* A mail over TLS in either mode, to a server that is known by these; how it has to end. */
static void deliver(const char *what, const char *ca, const char *pin, const char *name, int code)
{
  size_t i;

  for (i = 0; i < 2; i++) {
    struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
    struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
    struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;
    uint32_t phase = code == SDS_SMTP_OK ? SDS_SMTP_PHASE_END : i == 0 ? SDS_SMTP_PHASE_TLS : SDS_SMTP_PHASE_STARTTLS;
    int ended;

    config.server = "127.0.0.1";
    config.port = ports[i];
    config.sender = "unit7@example.com";
    config.tls = modes[i];
    config.tls_ca = ca;
    config.tls_pin = pin;
    config.tls_name = name;
    config.auth = SDS_SMTP_AUTH_ANY;
    config.username = "unit7";
    config.password = "secret";
    message.to = "operator@example.com";
    message.subject = what;
    message.text = "Toto je testovaci email.\n";
    ended = sds_smtp_client_configure(NULL, &config);
    if (ended == SDS_SMTP_OK) ended = sds_smtp_client_send(NULL, &message);
    if (ended == SDS_SMTP_OK) ended = sds_smtp_client_wait(NULL, 60000);
    sds_smtp_client_result(NULL, &result);
    mails++;
    if (ended == code && result.phase == phase && result.tls_version == (code == SDS_SMTP_OK ? version : 0)) continue;
    wrong++;
    printf("%s, %s: code %d, phase %u, TLS %u: %s\n", what, i == 0 ? "implicit" : "STARTTLS", ended, (unsigned)result.phase,
           (unsigned)result.tls_version, result.text);
  }
}

int main(int argc, char **argv)
{
  static const char name[] = "mx.example.test";

  if (argc < 6) {
    fprintf(stderr, "usage: secured IMPLICIT_PORT STARTTLS_PORT VERSION CA OTHER_CA PIN, or ... VERSION system CODE\n");
    return 2;
  }
  ports[0] = (unsigned)atoi(argv[1]);
  ports[1] = (unsigned)atoi(argv[2]);
  version = (unsigned)atoi(argv[3]);
  if (strcmp(argv[4], "system") == 0) {
    deliver("the system's trust store", NULL, NULL, name, atoi(argv[5]));
  } else {
    const char *ca = argv[4], *other = argv[5], *pin = argv[6];

    deliver("a CA", ca, NULL, name, SDS_SMTP_OK);
    deliver("a pin", NULL, pin, NULL, SDS_SMTP_OK);
    deliver("a CA and a pin", ca, pin, name, SDS_SMTP_OK);
    deliver("another CA", other, NULL, name, SDS_SMTP_TLS_UNTRUSTED);
    deliver("another CA and a pin", other, pin, name, SDS_SMTP_TLS_UNTRUSTED);
    deliver("another name", ca, NULL, "mail.elsewhere.test", SDS_SMTP_TLS_UNTRUSTED);
    deliver("another pin", NULL, "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", NULL, SDS_SMTP_TLS_UNTRUSTED);
  }
  printf("secured: %u mails, %u wrong\n", mails, wrong);
  return wrong != 0;
}
