/*
 * versions - programs that were made with an older or a newer header than the library they run with
 *
 * Their structures are shorter or longer; struct_size tells. Nothing is sent. Exit code 0: every call gave what it should.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "sds_smtp.h"

static int calls, wrong;

static void expect(const char *what, int got, int wanted)
{
  calls++;
  if (got == wanted)
    return;
  wrong++;
  printf("versions: %s: got %d, wanted %d\n", what, got, wanted);
}

static void check(const char *what, int true_or_not)
{
  expect(what, true_or_not != 0, 1);
}

static struct sds_smtp_config good_config(void)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;

  config.server = "127.0.0.1";
  config.sender = "device@example.com";
  return config;
}

static struct sds_smtp_message good_message(void)
{
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;

  message.to = "operator@example.com";
  message.text = "This mail must not be seen.\n";
  return message;
}

static void configurations(sds_smtp_client *client)
{
  struct {
    struct sds_smtp_config config;
    unsigned char tail[64];
  } config;
  uint32_t size;

  memset(&config, 0, sizeof config);
  config.config = good_config();
  config.config.struct_size = (uint32_t)offsetof(struct sds_smtp_config, server);
  expect("config that ends before the server", sds_smtp_client_configure(client, &config.config), SDS_SMTP_CONNECT_FAILED);
  config.config.struct_size = (uint32_t)offsetof(struct sds_smtp_config, sender);
  expect("config that ends before the sender", sds_smtp_client_configure(client, &config.config), SDS_SMTP_SENDER_REFUSED);
  config.config.struct_size = (uint32_t)offsetof(struct sds_smtp_config, auth);
  expect("config that ends before the mechanism", sds_smtp_client_configure(client, &config.config), SDS_SMTP_OK);
  /* What lies within struct_size only in part is taken for 0. */
  for (size = (uint32_t)offsetof(struct sds_smtp_config, sender_name); size < sizeof config.config; size++) {
    config.config.retry_max = 0xFFFFFFFFu;
    config.config.tls = size > offsetof(struct sds_smtp_config, tls) + 3 ? 0 : 0xFFFFFFFFu;
    config.config.reserved_2 = 0xFFFFFFFFu;
    config.config.struct_size = size;
    expect("config that ends anywhere behind the sender", sds_smtp_client_configure(client, &config.config), SDS_SMTP_OK);
  }
  config.config.struct_size = (uint32_t)sizeof config.config;
  expect("config as long as the library's", sds_smtp_client_configure(client, &config.config), SDS_SMTP_BAD_ARGUMENT);
  config.config.reserved_2 = 0;
  config.config.struct_size = (uint32_t)sizeof config;
  expect("larger config with zeros", sds_smtp_client_configure(client, &config.config), SDS_SMTP_OK);
  config.tail[63] = 1;
  expect("larger config with a one", sds_smtp_client_configure(client, &config.config), SDS_SMTP_BAD_ARGUMENT);
  config.tail[63] = 0;
  config.tail[0] = 1;
  expect("larger config with a one", sds_smtp_client_configure(client, &config.config), SDS_SMTP_BAD_ARGUMENT);
}

static void messages(sds_smtp_client *client)
{
  struct {
    struct sds_smtp_message message;
    unsigned char tail[64];
  } message;

  memset(&message, 0, sizeof message);
  message.message = good_message();
  message.message.struct_size = (uint32_t)offsetof(struct sds_smtp_message, to);
  expect("message that ends before the recipient", sds_smtp_client_send(client, &message.message),
         SDS_SMTP_RECIPIENT_REFUSED);
  /* A program that knows nothing from `html` on, and one that knows all but the last one. */
  message.message.to = "operator";
  message.message.html = "<p>";
  message.message.struct_size = (uint32_t)offsetof(struct sds_smtp_message, html);
  expect("message that ends before html", sds_smtp_client_send(client, &message.message), SDS_SMTP_RECIPIENT_REFUSED);
  message.message.html = NULL;
  message.message.priority = 3;
  message.message.struct_size = (uint32_t)offsetof(struct sds_smtp_message, priority) + 3;
  expect("message that ends within priority", sds_smtp_client_send(client, &message.message), SDS_SMTP_RECIPIENT_REFUSED);
  message.message.struct_size = (uint32_t)sizeof message.message;
  expect("whole message", sds_smtp_client_send(client, &message.message), SDS_SMTP_BAD_ARGUMENT);
  message.message.priority = 0;
  message.message.struct_size = (uint32_t)sizeof message;
  message.tail[0] = 1;
  expect("larger message with a one", sds_smtp_client_send(client, &message.message), SDS_SMTP_BAD_ARGUMENT);
  message.tail[0] = 0;
  message.tail[63] = 0x80;
  expect("larger message with a one", sds_smtp_client_send(client, &message.message), SDS_SMTP_BAD_ARGUMENT);
}

static void results(sds_smtp_client *client)
{
  struct {
    struct sds_smtp_result result;
    unsigned char tail[64];
  } result;

  memset(&result, 0xEE, sizeof result);
  result.result.struct_size = (uint32_t)offsetof(struct sds_smtp_result, phase);
  expect("result of an older program", sds_smtp_client_result(client, &result.result), SDS_SMTP_OK);
  check("an older program's result is filled", result.result.code == SDS_SMTP_BAD_ARGUMENT);
  check("no more than the older program's result is written",
        result.result.phase == 0xEEEEEEEEu && (unsigned char)result.result.text[255] == 0xEE && result.tail[0] == 0xEE);
  memset(&result, 0xEE, sizeof result);
  result.result.struct_size = (uint32_t)offsetof(struct sds_smtp_result, attempts);
  expect("result that ends before attempts", sds_smtp_client_result(client, &result.result), SDS_SMTP_OK);
  check("attempts and what follows is left alone",
        result.result.elapsed_ms == 0 && result.result.attempts == 0xEEEEEEEEu &&
            (unsigned char)result.result.server[0] == 0xEE);
  result.result.struct_size = (uint32_t)sizeof result;
  expect("result of a newer program", sds_smtp_client_result(client, &result.result), SDS_SMTP_OK);
  check("a newer program's result is filled", result.result.phase == SDS_SMTP_PHASE_START && result.tail[0] == 0);
}

/* An older program's log entries stand closer together. */
static void log_entries(sds_smtp_client *client)
{
  static struct sds_smtp_log_entry log[SDS_SMTP_LOG_ENTRIES];
  int64_t older[SDS_SMTP_LOG_ENTRIES * 5]; /* 40 bytes each */
  unsigned char *strides = (unsigned char *)older;
  uint32_t size = 40;
  size_t held, i;

  for (i = 0; i < 5; i++)
    sds_smtp_client_send(client, NULL);
  log[0].struct_size = sizeof log[0];
  held = sds_smtp_client_log(client, log, SDS_SMTP_LOG_ENTRIES);
  check("there are entries", held >= 5);
  memset(older, 0, sizeof older);
  memcpy(strides, &size, sizeof size);
  check("an older program's entries",
        sds_smtp_client_log(client, (struct sds_smtp_log_entry *)(void *)older, SDS_SMTP_LOG_ENTRIES) == held);
  for (i = 0; i < held; i++) {
    int32_t code;

    memcpy(&code, strides + 40 * i + 4, sizeof code);
    expect("the code of an older program's entry", code, log[i].code);
  }
}

int main(void)
{
  sds_smtp_client *client = sds_smtp_client_new();

  if (client == NULL)
    return 2;
  configurations(client);
  messages(client);
  results(client);
  log_entries(client);
  sds_smtp_client_free(client);
  printf("versions: %d calls, %d wrong\n", calls, wrong);
  return wrong == 0 ? 0 : 1;
}
