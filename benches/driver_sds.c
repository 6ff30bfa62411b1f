/* driver_sds - the task of driver.h with this library */
#include <semaphore.h>
#include <string.h>

#include "driver.h"
#include "sds_smtp.h"

#define MAIL_TIMEOUT_MS 10000
#define KEEP_MS         60000

static char text[TEXT_BYTES + 1];
static unsigned sent, mails;
static int last_code;
static sem_t over;

static int send_and_tell(void);

static void send_next(void *context, struct sds_smtp_client *client, const struct sds_smtp_result *result)
{
  (void)context, (void)client;
  last_code = result->code;
  sent += last_code == SDS_SMTP_OK;
  if (last_code == SDS_SMTP_OK && sent < mails)
    last_code = send_and_tell();
  if (last_code != SDS_SMTP_OK || sent == mails)
    sem_post(&over);
}

static int send_and_tell(void)
{
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;

  message.to = RECIPIENT;
  message.subject = SUBJECT;
  message.text = text;
  message.done = send_next;
  return sds_smtp_client_send(NULL, &message);
}

/* Each mail is sent by the function that is told the end of the one before. */
static int send_out_of_done(void)
{
  int code;

  sem_init(&over, 0, 0);
  code = send_and_tell();
  if (code != SDS_SMTP_OK)
    return code;
  sem_wait(&over);
  return last_code;
}

static int send_and_wait(void)
{
  int code = SDS_SMTP_OK;

  for (; sent < mails && code == SDS_SMTP_OK; sent++) {
    code = sds_smtp_send(RECIPIENT, SUBJECT, text);
    if (code == SDS_SMTP_OK)
      code = sds_smtp_client_wait(NULL, MAIL_TIMEOUT_MS);
  }
  return code;
}

int main(int argc, char **argv)
{
  struct task task = read_task(argc, argv);
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  long long begun;
  int code;

  /* The library makes CRLF of LF; the driver's 1 KiB are those on the wire. */
  write_text(text, "\n");
  mails = task.mails;
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
  if (task.keep != NULL)
    config.keep_alive_ms = KEEP_MS;
  code = sds_smtp_client_configure(NULL, &config);
  begun = microseconds();
  if (code == SDS_SMTP_OK)
    code = task.keep != NULL && strcmp(task.keep, "done") == 0 ? send_out_of_done() : send_and_wait();
  if (task.keep != NULL) {
    printf("microseconds %lld\n", microseconds() - begun);
    sds_smtp_shutdown(MAIL_TIMEOUT_MS);
  }
  if (code != SDS_SMTP_OK)
    fprintf(stderr, "driver_sds: mail %u: %d: %s\n", sent, code, sds_smtp_strerror(code));
  return code == SDS_SMTP_OK && sent == mails ? 0 : 1;
}
