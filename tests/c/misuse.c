/*
 * misuse - everything that a caller can do wrong gets a documented code, harms nothing and sends nothing
 *
 *     misuse SILENT_PORT WORKING_PORT
 *
 * SILENT_PORT: nobody may ever connect there. All wrong calls aim at it: each is right in everything but the one thing.
 * WORKING_PORT: a mail server. In the end one mail is sent to it by the built-in client and one by a handle that was
 * misused before, to see that both still work.
 *
 * Exit code 0: every call gave what it should.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sds_smtp.h"

#define MIB (1024 * 1024)

static int calls, wrong;
static uint32_t silent_port;
static char *huge; /* 1 MiB of 'a' */

/* Addresses and names that hold one forbidden byte each. */
static const char *const bad_addresses[] = {
    "",
    " ",
    "@",
    "device",
    "device@",
    "@example.com",
    "device@@example.com",
    "device@exam ple.com",
    "device@example.com\r",
    "device@example.com\n",
    "device\r\n@example.com",
    "device@example.com\r\nRCPT TO:<other@example.com>",
    "device@example.com>\r\nDATA",
    "<device@example.com",
    "device@example.com>",
    "device@example..com",
    "device\xFF@example.com",
    "device\x01@example.com",
    "device\x7F@example.com",
    "device@p\xC5\x99\xC3stroj.cz",
    /* With an operating system these are addresses, and lists: docs/addresses.md. */
    "p\xC5\x99\xC3\xADstroj@example.com",
    "device@p\xC5\x99\xC3\xADstroj.cz",
};
#define BAD_FOR_THREE (sizeof bad_addresses / sizeof bad_addresses[0])

static const char *const bad_lists[] = {
    ",",
    ",operator@example.com",
    "operator@example.com,,other@example.com",
    "operator@example.com other@example.com",
    "operator@example.com,device",
    "operator@example.com,\r\nother@example.com",
    "friends: operator@example.com;",
    "operator@example.com,",
    "operator@example.com;other@example.com",
};
#define BAD_FOR_DEVICES (sizeof bad_lists / sizeof bad_lists[0])

#ifdef SDS_SMTP_FIRMWARE_H
#define BAD_ADDRESSES BAD_FOR_THREE
#define BAD_LISTS BAD_FOR_DEVICES
#define MOST_RECIPIENTS 100
#else
#define BAD_ADDRESSES (BAD_FOR_THREE - 2)
#define BAD_LISTS (BAD_FOR_DEVICES - 2)
#define MOST_RECIPIENTS 100000
#endif

static const char *const bad_servers[] = {
    "", " ", "127.0.0", "127.0.0.1.1", "127.0.0.256", "127.0.0.1\r", "127.0.0.1\n", "1::2::3", "-1", "\r\n",
    "127.0.0.1\x7F", "[127.0.0.1]", "127.0.0.1:0", "127.0.0.1:70000", "127.0.0.1:2525:3", "http://127.0.0.1",
    "127.0.0.1/", "smtp@example.com", "127.0.0.1,", ",127.0.0.1", "127.0.0.1,,127.0.0.1", "::1%no-such-interface",
    "two words", "a..b", "0.0.0.0", "224.0.0.1",
};
#define BAD_SERVERS (sizeof bad_servers / sizeof bad_servers[0])

/* Servers of a client with a handle; the three functions take one IP address. */
static const char *const not_for_three[] = {
    "localhost", "mail.example.com", "mail.example.com:25", "127.0.0.1,127.0.0.1", "\xFF\xFE", "m\xC3\xA1l.cz",
};
#define NOT_FOR_THREE (sizeof not_for_three / sizeof not_for_three[0])

static void print_bytes(const char *text)
{
  size_t i;

  if (text == NULL) {
    fputs("NULL", stdout);
    return;
  }
  for (i = 0; text[i] != '\0' && i < 40; i++) {
    if (text[i] >= ' ' && text[i] <= '~')
      putchar(text[i]);
    else
      printf("\\x%02X", (unsigned)(unsigned char)text[i]);
  }
}

static void expect(const char *what, const char *value, int got, int wanted)
{
  calls++;
  if (got == wanted)
    return;
  wrong++;
  printf("misuse: %s \"", what);
  print_bytes(value);
  printf("\": got %d, wanted %d\n", got, wanted);
}

static void check(const char *what, int true_or_not)
{
  calls++;
  if (true_or_not)
    return;
  wrong++;
  printf("misuse: %s\n", what);
}

/* Right in everything, for the port where nobody may connect. */
static struct sds_smtp_config good_config(void)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;

  config.server = "127.0.0.1";
  config.port = silent_port;
  config.sender = "device@example.com";
  return config;
}

static struct sds_smtp_message good_message(void)
{
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;

  message.to = "operator@example.com";
  message.subject = "misuse";
  message.text = "This mail must not be seen.\n";
  return message;
}

static int configure_three(const char *server, int auth, const char *user, const char *password, const char *sender)
{
  return sds_smtp_configure(server, auth, user, password, sender);
}

static void three_function_configuration(void)
{
  static const char name32[] = "0123456789abcdef0123456789abcdef";
  static const char name33[] = "0123456789abcdef0123456789abcdefX";
  const char *ip = "127.0.0.1", *sender = "device@example.com";
  size_t i;

  expect("configure, server", NULL, configure_three(NULL, 0, NULL, NULL, sender), SDS_SMTP_CONNECT_FAILED);
  for (i = 0; i < BAD_SERVERS; i++)
    expect("configure, server", bad_servers[i], configure_three(bad_servers[i], 0, NULL, NULL, sender),
           SDS_SMTP_CONNECT_FAILED);
  for (i = 0; i < NOT_FOR_THREE; i++)
    expect("configure, server", not_for_three[i], configure_three(not_for_three[i], 0, NULL, NULL, sender),
           SDS_SMTP_CONNECT_FAILED);
  expect("configure, server", huge, configure_three(huge, 0, NULL, NULL, sender), SDS_SMTP_CONNECT_FAILED);
  expect("configure, sender", NULL, configure_three(ip, 0, NULL, NULL, NULL), SDS_SMTP_SENDER_REFUSED);
  for (i = 0; i < BAD_FOR_THREE; i++)
    expect("configure, sender", bad_addresses[i], configure_three(ip, 0, NULL, NULL, bad_addresses[i]),
           SDS_SMTP_SENDER_REFUSED);
  expect("configure, sender", huge, configure_three(ip, 0, NULL, NULL, huge), SDS_SMTP_SENDER_REFUSED);
  expect("configure, user name", NULL, configure_three(ip, 1, NULL, "p", sender), SDS_SMTP_BAD_USERNAME);
  expect("configure, user name", "", configure_three(ip, 1, "", "p", sender), SDS_SMTP_BAD_USERNAME);
  expect("configure, user name", name33, configure_three(ip, 1, name33, "p", sender), SDS_SMTP_BAD_USERNAME);
  expect("configure, user name", huge, configure_three(ip, 1, huge, "p", sender), SDS_SMTP_BAD_USERNAME);
  expect("configure, password", NULL, configure_three(ip, 1, "u", NULL, sender), SDS_SMTP_BAD_PASSWORD);
  expect("configure, password", "", configure_three(ip, 1, "u", "", sender), SDS_SMTP_BAD_PASSWORD);
  expect("configure, password", name33, configure_three(ip, 1, "u", name33, sender), SDS_SMTP_BAD_PASSWORD);
  expect("configure, password", huge, configure_three(ip, 1, "u", huge, sender), SDS_SMTP_BAD_PASSWORD);
  expect("configure, everything", NULL, configure_three(NULL, 1, NULL, NULL, NULL), SDS_SMTP_CONNECT_FAILED);

  expect("status after refused configurations", NULL, sds_smtp_status(), SDS_SMTP_OK);
  expect("send without a configuration", NULL, sds_smtp_send("operator@example.com", "s", "t"), SDS_SMTP_CONNECT_FAILED);
  expect("status after it", NULL, sds_smtp_status(), SDS_SMTP_CONNECT_FAILED);
  expect("program status after it", NULL, (int)sds_smtp_program_status(), 256 + SDS_SMTP_CONNECT_FAILED);

  /* What looks wrong and is right: 32 bytes; 8-bit bytes and control bytes in credentials, which travel in base64. */
  expect("configure, 32 bytes", name32, configure_three(ip, 1, name32, name32, sender), SDS_SMTP_OK);
  expect("configure, 8-bit", NULL, configure_three(ip, 1, "u\xC5\xBE\xFF", "p\xFF\xFE", sender), SDS_SMTP_OK);
  expect("configure, no login", huge, configure_three(ip, 0, huge, huge, sender), SDS_SMTP_OK);
  expect("configure, IPv6", NULL, configure_three("::1", 0, NULL, NULL, sender), SDS_SMTP_OK);
  expect("configure, checkbox -1", NULL, configure_three(ip, -1, NULL, "p", sender), SDS_SMTP_BAD_USERNAME);
}

/* Sizes that no structure ever had. What older and newer programs hand over is in versions.c. */
static void structure_sizes(sds_smtp_client *client)
{
  struct sds_smtp_config config = good_config();
  struct sds_smtp_message message = good_message();
  struct sds_smtp_result result;
  uint32_t size;

  memset(&result, 0xEE, sizeof result);
  for (size = 0; size < 8; size++) {
    config.struct_size = size;
    expect("config, struct_size < 8", NULL, sds_smtp_client_configure(client, &config), SDS_SMTP_BAD_ARGUMENT);
    message.struct_size = size;
    expect("message, struct_size < 8", NULL, sds_smtp_client_send(client, &message), SDS_SMTP_BAD_ARGUMENT);
    result.struct_size = size;
    expect("result, struct_size < 8", NULL, sds_smtp_client_result(client, &result), SDS_SMTP_BAD_ARGUMENT);
    check("a refused result was written to",
          ((unsigned char *)&result)[4] == 0xEE && ((unsigned char *)&result)[sizeof result - 1] == 0xEE);
  }
}

static void configuration_fields(sds_smtp_client *client)
{
  static const uint32_t unknown_numbers[] = {5, 7, 255, 256, 65536, 0x7FFFFFFF, 0x80000000u, 0xFFFFFFFFu};
  struct sds_smtp_config config;
  size_t i;

  expect("config", NULL, sds_smtp_client_configure(client, NULL), SDS_SMTP_BAD_ARGUMENT);

  config = good_config();
  config.server = NULL;
  expect("server", NULL, sds_smtp_client_configure(client, &config), SDS_SMTP_CONNECT_FAILED);
  for (i = 0; i < BAD_SERVERS; i++) {
    config.server = bad_servers[i];
    expect("server", bad_servers[i], sds_smtp_client_configure(client, &config), SDS_SMTP_CONNECT_FAILED);
  }
  config.server = huge;
  expect("server", huge, sds_smtp_client_configure(client, &config), SDS_SMTP_CONNECT_FAILED);

  config = good_config();
  config.sender = NULL;
  expect("sender", NULL, sds_smtp_client_configure(client, &config), SDS_SMTP_SENDER_REFUSED);
  for (i = 0; i < BAD_ADDRESSES; i++) {
    config.sender = bad_addresses[i];
    expect("sender", bad_addresses[i], sds_smtp_client_configure(client, &config), SDS_SMTP_SENDER_REFUSED);
  }
  config.sender = huge;
  expect("sender", huge, sds_smtp_client_configure(client, &config), SDS_SMTP_SENDER_REFUSED);

  config = good_config();
  config.auth = SDS_SMTP_AUTH_ANY;
  config.password = "p";
  expect("user name", NULL, sds_smtp_client_configure(client, &config), SDS_SMTP_BAD_USERNAME);
  config.username = "";
  expect("user name", "", sds_smtp_client_configure(client, &config), SDS_SMTP_BAD_USERNAME);
  config.username = huge;
  expect("user name", huge, sds_smtp_client_configure(client, &config), SDS_SMTP_BAD_USERNAME);
  config.username = "u";
  config.password = NULL;
  expect("password", NULL, sds_smtp_client_configure(client, &config), SDS_SMTP_BAD_PASSWORD);
  config.password = "";
  expect("password", "", sds_smtp_client_configure(client, &config), SDS_SMTP_BAD_PASSWORD);
  config.password = huge;
  expect("password", huge, sds_smtp_client_configure(client, &config), SDS_SMTP_BAD_PASSWORD);

  {
    static const char *const one_line[] = {"name\r", "name\n", "\r\nBcc: <other@example.com>", "a\r\nb"};

    for (i = 0; i < sizeof one_line / sizeof one_line[0]; i++) {
      config = good_config();
      config.sender_name = one_line[i];
      expect("sender's name", one_line[i], sds_smtp_client_configure(client, &config), SDS_SMTP_SENDER_REFUSED);
      config = good_config();
      config.ehlo_name = one_line[i];
      expect("EHLO name", one_line[i], sds_smtp_client_configure(client, &config), SDS_SMTP_HELO_FAILED);
      config = good_config();
      config.charset = one_line[i];
      expect("charset", one_line[i], sds_smtp_client_configure(client, &config), SDS_SMTP_BAD_ARGUMENT);
    }
  }
  config = good_config();
  config.sender_name = huge;
  expect("sender's name", huge, sds_smtp_client_configure(client, &config), SDS_SMTP_SENDER_REFUSED);
  config = good_config();
  config.ehlo_name = huge;
  expect("EHLO name", huge, sds_smtp_client_configure(client, &config), SDS_SMTP_HELO_FAILED);
  config.ehlo_name = "p\xC5\x99\xC3\xADstroj.cz";
  expect("EHLO name", config.ehlo_name, sds_smtp_client_configure(client, &config), SDS_SMTP_HELO_FAILED);
  config.ehlo_name = "two words";
  expect("EHLO name", config.ehlo_name, sds_smtp_client_configure(client, &config), SDS_SMTP_HELO_FAILED);
  config = good_config();
  config.charset = huge;
  expect("charset", huge, sds_smtp_client_configure(client, &config), SDS_SMTP_BAD_ARGUMENT);
  config.charset = "latin\xB2";
  expect("charset", config.charset, sds_smtp_client_configure(client, &config), SDS_SMTP_BAD_ARGUMENT);
  config.charset = "utf-8; boundary=x";
  expect("charset", config.charset, sds_smtp_client_configure(client, &config), SDS_SMTP_BAD_ARGUMENT);

  for (i = 0; i < sizeof unknown_numbers / sizeof unknown_numbers[0]; i++) {
    config = good_config();
    config.username = "u";
    config.password = "p";
    config.auth = unknown_numbers[i];
    expect("unknown mechanism", NULL, sds_smtp_client_configure(client, &config), SDS_SMTP_BAD_ARGUMENT);
    config = good_config();
    config.flags = unknown_numbers[i] & ~(uint32_t)7;
    if (config.flags != 0)
      expect("unknown flag", NULL, sds_smtp_client_configure(client, &config), SDS_SMTP_BAD_ARGUMENT);
    config = good_config();
    config.tls = unknown_numbers[i];
    expect("unknown kind of TLS", NULL, sds_smtp_client_configure(client, &config), SDS_SMTP_BAD_ARGUMENT);
  }
  config = good_config();
  config.port = 65536;
  expect("port 65536", NULL, sds_smtp_client_configure(client, &config), SDS_SMTP_CONNECT_FAILED);
  config.port = 0xFFFFFFFFu;
  expect("port 0xFFFFFFFF", NULL, sds_smtp_client_configure(client, &config), SDS_SMTP_CONNECT_FAILED);
  config = good_config();
  config.credential_limit = 4097;
  expect("credential_limit 4097", NULL, sds_smtp_client_configure(client, &config), SDS_SMTP_BAD_ARGUMENT);
  config.credential_limit = 0xFFFFFFFFu;
  expect("credential_limit 0xFFFFFFFF", NULL, sds_smtp_client_configure(client, &config), SDS_SMTP_BAD_ARGUMENT);
}

#ifndef SDS_SMTP_FIRMWARE_H
static void urls(sds_smtp_client *client)
{
  static const char *const bad_urls[] = {
      "", " ", "smtp", "smtp:", "smtp:/", "smtp://", "smtp:///", "127.0.0.1", "http://127.0.0.1", "mailto:a@example.com",
      "smtp://127.0.0.1:0", "smtp://127.0.0.1:70000", "smtp://127.0.0.1:a", "smtp://127.0.0.1/path", "smtp://[::1",
      "smtp://u:%zz@127.0.0.1", "smtp://u:%2@127.0.0.1", "smtp://u:%00@127.0.0.1", "smtp://u:%0d%0a@127.0.0.1",
      "smtp://@127.0.0.1", "smtp://u@", "smtp://two words", "smtp://127.0.0.1\r\n", "\xFF\xFE://127.0.0.1",
  };
  size_t i;

  expect("url", NULL, sds_smtp_client_configure_url(client, NULL, "device@example.com"), SDS_SMTP_BAD_ARGUMENT);
  for (i = 0; i < sizeof bad_urls / sizeof bad_urls[0]; i++) {
    expect("url", bad_urls[i], sds_smtp_client_configure_url(client, bad_urls[i], "device@example.com"),
           SDS_SMTP_BAD_ARGUMENT);
    check("a refused URL is explained", sds_smtp_client_refusal(client, NULL, 0) > 0);
  }
  expect("url", huge, sds_smtp_client_configure_url(client, huge, "device@example.com"), SDS_SMTP_BAD_ARGUMENT);
  expect("sender with a URL", NULL, sds_smtp_client_configure_url(client, "smtp://127.0.0.1", NULL),
         SDS_SMTP_SENDER_REFUSED);
  for (i = 0; i < BAD_ADDRESSES; i++)
    expect("sender with a URL", bad_addresses[i],
           sds_smtp_client_configure_url(client, "smtp://127.0.0.1", bad_addresses[i]), SDS_SMTP_SENDER_REFUSED);
}
#endif

static void message_fields(sds_smtp_client *client)
{
  struct sds_smtp_config config = good_config();
  struct sds_smtp_message message;
  const char one[] = "operator@example.com,";
  char *list = (char *)malloc((MOST_RECIPIENTS + 1) * (sizeof one - 1) + 1);
  size_t i;

  expect("the right configuration", NULL, sds_smtp_client_configure(client, &config), SDS_SMTP_OK);
  expect("message", NULL, sds_smtp_client_send(client, NULL), SDS_SMTP_BAD_ARGUMENT);

  message = good_message();
  message.to = NULL;
  expect("to", NULL, sds_smtp_client_send(client, &message), SDS_SMTP_RECIPIENT_REFUSED);
  for (i = 0; i < BAD_ADDRESSES; i++) {
    message.to = bad_addresses[i];
    expect("to", bad_addresses[i], sds_smtp_client_send(client, &message), SDS_SMTP_RECIPIENT_REFUSED);
  }
  for (i = 0; i < BAD_LISTS; i++) {
    message.to = bad_lists[i];
    expect("to", bad_lists[i], sds_smtp_client_send(client, &message), SDS_SMTP_RECIPIENT_REFUSED);
  }
  message.to = huge;
  expect("to", huge, sds_smtp_client_send(client, &message), SDS_SMTP_RECIPIENT_REFUSED);
  check("memory", list != NULL);
  if (list == NULL)
    return;
  for (i = 0; i <= MOST_RECIPIENTS; i++)
    memcpy(list + i * (sizeof one - 1), one, sizeof one);
  list[i * (sizeof one - 1) - 1] = '\0';
  message.to = list;
  expect("one recipient too many", NULL, sds_smtp_client_send(client, &message), SDS_SMTP_RECIPIENT_REFUSED);
  free(list);

  message = good_message();
  message.subject = "subject\r";
  expect("subject", message.subject, sds_smtp_client_send(client, &message), SDS_SMTP_DATA_FAILED);
  message.subject = "subject\n";
  expect("subject", message.subject, sds_smtp_client_send(client, &message), SDS_SMTP_DATA_FAILED);
  message.subject = "subject\r\nBcc: <other@example.com>";
  expect("subject", message.subject, sds_smtp_client_send(client, &message), SDS_SMTP_DATA_FAILED);
  message.subject = huge;
  expect("subject", huge, sds_smtp_client_send(client, &message), SDS_SMTP_DATA_FAILED);

  message = good_message();
#ifdef SDS_SMTP_FIRMWARE_H
  message.flags = SDS_SMTP_PARTIAL;
  expect("a flag that bare metal lacks", NULL, sds_smtp_client_send(client, &message), SDS_SMTP_NOT_SUPPORTED);
#endif
  message.flags = 64;
  expect("message flags 64", NULL, sds_smtp_client_send(client, &message), SDS_SMTP_BAD_ARGUMENT);
  message.flags = 0xFFFFFFFFu;
  expect("message flags 0xFFFFFFFF", NULL, sds_smtp_client_send(client, &message), SDS_SMTP_BAD_ARGUMENT);

  expect("the status is the last refusal", NULL, sds_smtp_client_status(client), SDS_SMTP_BAD_ARGUMENT);
  expect("cancel of an idle client", NULL, sds_smtp_client_cancel(client), SDS_SMTP_OK);
  expect("wait for an idle client", NULL, sds_smtp_client_wait(client, SDS_SMTP_NO_LIMIT), SDS_SMTP_BAD_ARGUMENT);
}

/* 8-bit bytes, lone CR and LF and 1 MiB are welcome in a text, 8-bit bytes in a subject: not a reason for a refusal. The
   client has no configuration, so that nothing is sent. */
static void texts_that_are_fine(void)
{
  sds_smtp_client *client = sds_smtp_client_new();
  struct sds_smtp_message message = good_message();

  message.subject = "P\xC5\x99\xC3\xADli\xC5\xA1 \xFF\xFE";
  message.text = "\r\n.\r\nMAIL FROM:<other@example.com>\r\n\xFF\r\r\n\n.";
  expect("8-bit bytes, no configuration", NULL, sds_smtp_client_send(client, &message), SDS_SMTP_CONNECT_FAILED);
  message.subject = NULL;
  message.text = NULL;
  expect("NULL texts, no configuration", NULL, sds_smtp_client_send(client, &message), SDS_SMTP_CONNECT_FAILED);
  message.text = huge;
  expect("1 MiB text, no configuration", NULL, sds_smtp_client_send(client, &message), SDS_SMTP_CONNECT_FAILED);
  expect("probe, no configuration", NULL, sds_smtp_client_probe(client), SDS_SMTP_CONNECT_FAILED);
  sds_smtp_client_free(client);
}

#ifndef SDS_SMTP_FIRMWARE_H
/* The recipients of the last mail, which did not start: there are none, and nothing is written. */
static void recipients(sds_smtp_client *client)
{
  struct sds_smtp_recipient out[2], before[2];
  uint32_t size;

  memset(before, 0xEE, sizeof before);
  memcpy(out, before, sizeof out);
  check("recipients, NULL", sds_smtp_client_recipients(client, NULL, 0) == 0);
  check("recipients, NULL and a huge maximum", sds_smtp_client_recipients(client, NULL, (size_t)-1) == 0);
  check("recipients of the built-in client", sds_smtp_client_recipients(NULL, NULL, 7) == 0);
  for (size = 0; size < 5000; size++) {
    before[0].struct_size = size;
    memcpy(out, before, sizeof out);
    check("recipients of a mail that did not start", sds_smtp_client_recipients(client, out, 1) == 0);
    check("recipients, nothing is written", memcmp(out, before, sizeof out) == 0);
  }
}

/* A function that copies a text: with NULL, with no room, with too little, and with more than enough. */
static void texts(const sds_smtp_client *client, size_t (*copy)(const sds_smtp_client *, char *, size_t),
                  const char *what, size_t length)
{
  char out[512];
  size_t max;

  check(what, copy(client, NULL, 0) == length);
  check(what, copy(client, NULL, sizeof out) == length);
  check(what, copy(client, NULL, (size_t)-1) == length);
  for (max = 0; max < 80; max++) {
    memset(out, 0xEE, sizeof out);
    check(what, copy(client, out, max) == length);
    check(what, max == 0 || memchr(out, '\0', max) != NULL);
    check(what, (unsigned char)out[max] == 0xEE);
  }
  check(what, copy(client, out, sizeof out) == length && strlen(out) == length);
}
#endif

static void outputs(sds_smtp_client *client)
{
  static struct sds_smtp_log_entry log[2 * SDS_SMTP_LOG_ENTRIES];
  struct sds_smtp_log_entry entry = SDS_SMTP_LOG_ENTRY_INIT;
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;
  uint32_t size;
  size_t held, i;

  expect("result, out", NULL, sds_smtp_client_result(client, NULL), SDS_SMTP_BAD_ARGUMENT);
  expect("result, out, built-in client", NULL, sds_smtp_client_result(NULL, NULL), SDS_SMTP_BAD_ARGUMENT);

  for (i = 0; i <= SDS_SMTP_LOG_ENTRIES; i++)
    sds_smtp_client_send(client, NULL);
  held = sds_smtp_client_log(client, NULL, 0);
  check("64 refusals and more fill the log with 64 entries", held == SDS_SMTP_LOG_ENTRIES);
  check("log, NULL and a maximum", sds_smtp_client_log(client, NULL, 10) == held);
  check("log, NULL and a huge maximum", sds_smtp_client_log(client, NULL, (size_t)-1) == held);
  check("log, a maximum of 0", sds_smtp_client_log(client, &entry, 0) == held);
  for (size = 0; size < 8; size++) {
    memset(&entry, 0xEE, sizeof entry);
    entry.struct_size = size;
    check("log, struct_size < 8", sds_smtp_client_log(client, &entry, 1) == 0);
    check("log, a refused entry was written to", (uint32_t)entry.code == 0xEEEEEEEEu);
  }
  memset(log, 0, sizeof log);
  log[0].struct_size = sizeof log[0];
  check("log, more room than entries", sds_smtp_client_log(client, log, 2 * SDS_SMTP_LOG_ENTRIES) == held);
  for (i = 0; i < held; i++) {
    check("log, the code of an entry", log[i].code > 0 && log[i].code <= SDS_SMTP_PARTLY_SENT);
    check("log, the phase of an entry", log[i].phase == SDS_SMTP_PHASE_START);
    check("log, the strings end", memchr(log[i].text, 0, sizeof log[i].text) != NULL &&
                                      memchr(log[i].recipient, 0, sizeof log[i].recipient) != NULL);
  }
  check("log, more than the entries was written", log[held].struct_size == 0 && log[held].code == 0);
  log[0].struct_size = sizeof log[0];
  check("log, a maximum without end", sds_smtp_client_log(client, log, (size_t)-1) == held);

#ifndef SDS_SMTP_FIRMWARE_H
  texts(client, sds_smtp_client_refusal, "refusal", strlen("message: NULL, or struct_size is not known"));
  texts(client, sds_smtp_client_dialogue, "dialogue", 0);
  recipients(client);
#endif
  expect("result after refusals", NULL, sds_smtp_client_result(client, &result), SDS_SMTP_OK);
  check("result after refusals: not sent, in the start",
        result.outcome == SDS_SMTP_OUTCOME_NOT_SENT && result.phase == SDS_SMTP_PHASE_START);
}

static void handle_that_is_none(const char *what, sds_smtp_client *client)
{
  struct sds_smtp_config config = good_config();
  struct sds_smtp_message message = good_message();
  struct sds_smtp_result result;
  struct sds_smtp_log_entry entry = SDS_SMTP_LOG_ENTRY_INIT;

  memset(&result, 0xEE, sizeof result);
  result.struct_size = sizeof result;
  expect(what, "configure", sds_smtp_client_configure(client, &config), SDS_SMTP_BAD_HANDLE);
  expect(what, "send", sds_smtp_client_send(client, &message), SDS_SMTP_BAD_HANDLE);
  expect(what, "status", sds_smtp_client_status(client), SDS_SMTP_BAD_HANDLE);
  expect(what, "result", sds_smtp_client_result(client, &result), SDS_SMTP_BAD_HANDLE);
  check("a refused result was written to", result.outcome == 0xEEEEEEEEu);
  expect(what, "wait", sds_smtp_client_wait(client, SDS_SMTP_NO_LIMIT), SDS_SMTP_BAD_HANDLE);
  expect(what, "cancel", sds_smtp_client_cancel(client), SDS_SMTP_BAD_HANDLE);
  expect(what, "probe", sds_smtp_client_probe(client), SDS_SMTP_BAD_HANDLE);
  check("a log of no client", sds_smtp_client_log(client, &entry, 1) == 0);
  check("a log of no client", sds_smtp_client_log(client, NULL, 0) == 0);
#ifndef SDS_SMTP_FIRMWARE_H
  texts(client, sds_smtp_client_refusal, "a refusal of no client", 0);
  texts(client, sds_smtp_client_dialogue, "a dialogue of no client", 0);
  expect(what, "configure_url", sds_smtp_client_configure_url(client, "smtp://127.0.0.1", "device@example.com"),
         SDS_SMTP_BAD_HANDLE);
  expect(what, "set_transport", sds_smtp_client_set_transport(client, NULL), SDS_SMTP_BAD_HANDLE);
#endif
  sds_smtp_client_free(client);
}

static void handles(const sds_smtp_client *alive)
{
  static unsigned char garbage[4096];
  sds_smtp_client *freed[8];
  sds_smtp_client *first = sds_smtp_client_new(), *second;
  struct sds_smtp_config config = good_config();
  int i, bit;

  /* Numbers that were never a handle. The pointers are made from integers: nothing is behind them. */
  static const uintptr_t numbers[] = {1, 2, 3, 7, 8, 16, 64, 4096, 0xFFFF, 0x10000, 0x7FFFFFFF};

  for (i = 0; i < (int)(sizeof numbers / sizeof numbers[0]); i++)
    if ((sds_smtp_client *)numbers[i] != first && (sds_smtp_client *)numbers[i] != alive)
      handle_that_is_none("a number as handle", (sds_smtp_client *)numbers[i]);
  handle_that_is_none("all ones as handle", (sds_smtp_client *)UINTPTR_MAX);
  memset(garbage, 0xA5, sizeof garbage);
  handle_that_is_none("own memory as handle", (sds_smtp_client *)(void *)garbage);
  handle_that_is_none("odd own memory as handle", (sds_smtp_client *)(void *)(garbage + 1));
  handle_that_is_none("a structure as handle", (sds_smtp_client *)(void *)&config);

  /* A handle with one bit changed; where that gives another living handle, it is right. */
  for (bit = 0; bit < (int)(8 * sizeof(uintptr_t)); bit++) {
    sds_smtp_client *changed = (sds_smtp_client *)((uintptr_t)first ^ ((uintptr_t)1 << bit));

    if (changed != alive && changed != NULL)
      handle_that_is_none("a handle with a wrong bit", changed);
  }
  expect("the right handle after all that", NULL, sds_smtp_client_configure(first, &config), SDS_SMTP_OK);
  sds_smtp_client_free(first);
  handle_that_is_none("a freed handle", first);
  sds_smtp_client_free(first); /* the second and third time */
  sds_smtp_client_free(first);

  /* A new client may take the place of a freed one; the old handle must not become the new one's. */
  for (i = 0; i < 8; i++) {
    freed[i] = sds_smtp_client_new();
    check("a new client", freed[i] != NULL);
    sds_smtp_client_free(freed[i]);
  }
  second = sds_smtp_client_new();
  for (i = 0; i < 8; i++)
    handle_that_is_none("a freed handle of many", freed[i]);
  handle_that_is_none("a freed handle while another lives", first);
  expect("the living handle beside the dead ones", NULL, sds_smtp_client_status(second), SDS_SMTP_OK);
  sds_smtp_client_free(second);

  sds_smtp_client_free(NULL); /* does nothing: the built-in client lives as long as the process */
  check("the built-in client after client_free(NULL)", sds_smtp_client_status(NULL) != SDS_SMTP_BAD_HANDLE);
}

#ifndef SDS_SMTP_FIRMWARE_H
/* The name of a number: one of its own where the number is known. */
static void name(const char *text, const char *unknown, int known)
{
  check("a name", text != NULL && text[0] != '\0' && (strcmp(text, unknown) != 0) == known);
}
#endif

static void words(void)
{
  static const int codes[] = {-1, 16, 31, 35, 255, 256, 257, 277, 1000, INT32_MAX, INT32_MIN};
  int i;

  for (i = -300; i <= 300; i++) {
    const char *text = sds_smtp_strerror(i);

    check("strerror gives words", text != NULL && text[0] != '\0' && strlen(text) < 256);
  }
  for (i = 0; i < (int)(sizeof codes / sizeof codes[0]); i++)
    check("strerror of no code", sds_smtp_strerror(codes[i]) != NULL && strlen(sds_smtp_strerror(codes[i])) > 0);
  for (i = 0; i < 15; i++)
    check("strerror tells codes apart", strcmp(sds_smtp_strerror(i), sds_smtp_strerror(i + 1)) != 0);
#ifndef SDS_SMTP_FIRMWARE_H
  expect("use_event_loop", NULL, sds_smtp_use_event_loop(NULL), SDS_SMTP_BAD_ARGUMENT);
  for (i = -300; i <= 300; i++) {
    name(sds_smtp_code_name(i), "UNKNOWN_CODE", i >= 0 && (i <= 15 || (i >= 32 && i <= 41)));
    name(sds_smtp_phase_name((uint32_t)i), "UNKNOWN_PHASE", i == 5 || (i >= 0 && i <= 130 && i % 10 == 0));
    name(sds_smtp_outcome_name((uint32_t)i), "UNKNOWN_OUTCOME", i >= 0 && i <= 3);
  }
  check("names", strcmp(sds_smtp_code_name(SDS_SMTP_BAD_PASSWORD), "BAD_PASSWORD") == 0 &&
                     strcmp(sds_smtp_phase_name(SDS_SMTP_PHASE_RCPT), "RCPT") == 0 &&
                     strcmp(sds_smtp_outcome_name(SDS_SMTP_OUTCOME_NOT_SENT), "NOT_SENT") == 0);
  check("version", sds_smtp_version() != NULL && strcmp(sds_smtp_version(), SDS_SMTP_VERSION) == 0);
  check("features", (sds_smtp_features() & SDS_SMTP_FEATURE_NAMES) != 0 &&
                        (sds_smtp_features() & ~(uint32_t)(SDS_SMTP_FEATURE_TLS | SDS_SMTP_FEATURE_NAMES |
                                                           SDS_SMTP_FEATURE_COMPLETE | SDS_SMTP_FEATURE_PARTS)) == 0);
#endif
}

/* The same wrong calls on the built-in client, which the three functions use. */
static void three_function_send(void)
{
  struct sds_smtp_config config = good_config();
  size_t i;

  expect("the built-in client's configuration", NULL, sds_smtp_client_configure(NULL, &config), SDS_SMTP_OK);
  expect("send, to", NULL, sds_smtp_send(NULL, "s", "t"), SDS_SMTP_RECIPIENT_REFUSED);
  expect("send, all", NULL, sds_smtp_send(NULL, NULL, NULL), SDS_SMTP_RECIPIENT_REFUSED);
  for (i = 0; i < BAD_ADDRESSES; i++)
    expect("send, to", bad_addresses[i], sds_smtp_send(bad_addresses[i], "s", "t"), SDS_SMTP_RECIPIENT_REFUSED);
  expect("send, to", huge, sds_smtp_send(huge, huge, huge), SDS_SMTP_RECIPIENT_REFUSED);
  expect("send, subject", "\r\n", sds_smtp_send("operator@example.com", "a\r\nb", "t"), SDS_SMTP_DATA_FAILED);
  expect("send, subject", huge, sds_smtp_send("operator@example.com", huge, "t"), SDS_SMTP_DATA_FAILED);
  expect("status", NULL, sds_smtp_status(), SDS_SMTP_DATA_FAILED);
  expect("program status", NULL, (int)sds_smtp_program_status(), 256 + SDS_SMTP_DATA_FAILED);
}

static void still_working(sds_smtp_client *client, const char *name, uint32_t port)
{
  struct sds_smtp_config config = good_config();
  struct sds_smtp_message message = good_message();

  config.port = port;
  message.subject = name;
  message.text = "After all that misuse.\n";
  expect("configure in the end", name, sds_smtp_client_configure(client, &config), SDS_SMTP_OK);
  expect("send in the end", name, sds_smtp_client_send(client, &message), SDS_SMTP_OK);
  expect("wait in the end", name, sds_smtp_client_wait(client, 30000), SDS_SMTP_OK);
}

int main(int argc, char **argv)
{
  sds_smtp_client *client;

  if (argc != 3) {
    fprintf(stderr, "usage: misuse SILENT_PORT WORKING_PORT\n");
    return 2;
  }
  silent_port = (uint32_t)strtoul(argv[1], NULL, 10);
  huge = (char *)malloc(MIB + 1);
  client = sds_smtp_client_new();
  if (huge == NULL || client == NULL)
    return 2;
  memset(huge, 'a', MIB);
  huge[MIB] = '\0';

  three_function_configuration();
  configuration_fields(client);
#ifndef SDS_SMTP_FIRMWARE_H
  urls(client);
#endif
  expect("status before the first mail", NULL, sds_smtp_client_status(client), SDS_SMTP_OK);
  structure_sizes(client);
  message_fields(client);
  texts_that_are_fine();
  outputs(client);
  handles(client);
  words();
  three_function_send();
  still_working(NULL, "built-in client", (uint32_t)strtoul(argv[2], NULL, 10));
  still_working(client, "handle", (uint32_t)strtoul(argv[2], NULL, 10));
  sds_smtp_client_free(client);
  free(huge);
  printf("misuse: %d calls, %d wrong\n", calls, wrong);
  return wrong == 0 ? 0 : 1;
}
