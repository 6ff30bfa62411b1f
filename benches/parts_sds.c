/* parts_sds - the task of parts.h with this library */
#include "parts.h"
#include "sds_smtp.h"

#define MAIL_TIMEOUT_MS 100000

static int send_and_wait(const struct sds_smtp_message *message)
{
  int code = sds_smtp_client_send(NULL, message);

  return code == SDS_SMTP_OK ? sds_smtp_client_wait(NULL, MAIL_TIMEOUT_MS) : code;
}

int main(int argc, char **argv)
{
  struct parts_task task = read_parts_task(argc, argv);
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
  struct sds_smtp_attachment attachment = SDS_SMTP_ATTACHMENT_INIT;
  double began;
  int code;

  config.server = SERVER;
  config.port = task.port;
  config.sender = SENDER;
  config.ehlo_name = EHLO_NAME;
  message.to = RECIPIENT;
  message.subject = SUBJECT;
  if (is(&task, "text") || is(&task, "lent")) {
    message.text = task.octets;
    message.flags = is(&task, "lent") ? SDS_SMTP_BORROW_TEXT : 0;
  } else {
    message.text = "The measurements.\r\n";
    message.attachments = &attachment;
    message.attachment_count = 1;
    attachment.name = "measurements.bin";
    if (is(&task, "file")) {
      attachment.path = task.path;
    } else {
      attachment.data = task.octets;
      attachment.length = task.length;
    }
  }
  code = sds_smtp_client_configure(NULL, &config);
  if (code == SDS_SMTP_OK)
    code = send_and_wait(&message);
  began = milliseconds();
  if (code == SDS_SMTP_OK)
    code = send_and_wait(&message);
  print_parts(began);
  if (code != SDS_SMTP_OK)
    fprintf(stderr, "parts_sds: %d: %s\n", code, sds_smtp_strerror(code));
  free(task.octets);
  return code == SDS_SMTP_OK ? 0 : 1;
}
