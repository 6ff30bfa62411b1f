/* driver_sds - the task of driver.h with this library */
#include "driver.h"
#include "sds_smtp.h"

#define MAIL_TIMEOUT_MS 10000

int main(int argc, char **argv)
{
  struct task task = read_task(argc, argv);
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  char text[TEXT_BYTES + 1];
  unsigned mail;
  int code;

  /* The library makes CRLF of LF; the driver's 1 KiB are those on the wire. */
  write_text(text, "\n");
  config.server = SERVER;
  config.port = task.port;
  config.sender = SENDER;
  config.ehlo_name = EHLO_NAME;
  if (getenv("DRIVER_CHUNKING") != NULL)
    config.flags = SDS_SMTP_CHUNKING;
  if (task.ca != NULL) {
    config.tls = SDS_SMTP_TLS_IMPLICIT;
    config.tls_ca = task.ca;
    config.tls_name = TLS_SERVER;
  }
  if (task.user != NULL) {
    config.auth = SDS_SMTP_AUTH_PLAIN;
    config.username = task.user;
    config.password = task.password;
  }
  code = sds_smtp_client_configure(NULL, &config);
  for (mail = 0; mail < task.mails && code == SDS_SMTP_OK; mail++) {
    code = sds_smtp_send(RECIPIENT, SUBJECT, text);
    if (code == SDS_SMTP_OK)
      code = sds_smtp_client_wait(NULL, MAIL_TIMEOUT_MS);
  }
  if (code != SDS_SMTP_OK)
    fprintf(stderr, "driver_sds: mail %u: %d: %s\n", mail, code, sds_smtp_strerror(code));
  return code == SDS_SMTP_OK ? 0 : 1;
}
