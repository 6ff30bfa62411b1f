/*
 * two_devices - two devices in one program, each with its own handle
 *
 *     two_devices TO  SERVER_A PORT_A FROM_A  SERVER_B PORT_B FROM_B
 *
 * Each handle has its own configuration, its own mail in flight, its own result and log. Both mails are on their way at
 * the same time. The exit code is 0 only when both were accepted.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sds_smtp.h"

/* A new device, or NULL when there is no memory or the configuration is refused. */
static sds_smtp_client *new_device(const char *name, const char *server, const char *port, const char *from)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  sds_smtp_client *device = sds_smtp_client_new();
  int code;

  if (device == NULL)
    return NULL;
  config.server = server;
  config.port = (uint32_t)strtoul(port, NULL, 10);
  config.sender = from;
  config.sender_name = name;
  code = sds_smtp_client_configure(device, &config); /* copies the strings */
  if (code != SDS_SMTP_OK) {
    char refusal[256];

    sds_smtp_client_refusal(device, refusal, sizeof refusal);
    fprintf(stderr, "%s: configuration refused, code %d: %s\n", name, code, refusal);
    sds_smtp_client_free(device);
    return NULL;
  }
  return device;
}

/* A start that is refused leaves its code as the status, so the wait below finds it: no need to look at it here. */
static void start_mail(sds_smtp_client *device, const char *to, const char *subject)
{
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;

  message.to = to;
  message.subject = subject;
  message.text = "Toto je testovaci email.";
  sds_smtp_client_send(device, &message);
}

static void print_result(const sds_smtp_client *device, const char *name, int code)
{
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;

  sds_smtp_client_result(device, &result);
  printf("%s: code %d (%s), reply %u %s, %s, %u ms\n", name, code, sds_smtp_strerror(code), (unsigned)result.reply_code,
         result.text, result.message_id, (unsigned)result.elapsed_ms);
}

int main(int argc, char **argv)
{
  sds_smtp_client *a, *b;
  int code_a = -1, code_b = -1;

  if (argc != 8) {
    fprintf(stderr, "usage: two_devices TO SERVER_A PORT_A FROM_A SERVER_B PORT_B FROM_B\n");
    return 2;
  }
  a = new_device("Device A", argv[2], argv[3], argv[4]);
  b = new_device("Device B", argv[5], argv[6], argv[7]);
  if (a != NULL && b != NULL) {
    start_mail(a, argv[1], "testovaci email, device A");
    start_mail(b, argv[1], "testovaci email, device B"); /* does not wait for A */

    code_a = sds_smtp_client_wait(a, SDS_SMTP_NO_LIMIT);
    code_b = sds_smtp_client_wait(b, SDS_SMTP_NO_LIMIT);
    print_result(a, "Device A", code_a);
    print_result(b, "Device B", code_b);
  }
  sds_smtp_client_free(a); /* NULL is fine */
  sds_smtp_client_free(b);
  return code_a == SDS_SMTP_OK && code_b == SDS_SMTP_OK ? 0 : 1;
}
