/*
 * misuse - what a device's program can do wrong with the library without an operating system: each gets a documented answer,
 * harms nothing and sends nothing
 *
 * What both libraries have in common is in tests/c/misuse.c, which runs with this one, too.
 */
#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLENTY (SDS_SMTP_CLIENT_SIZE + 1024u)
#define GUARD  64u

/* Refusals, in the library's words. */
#define WRONG_VALUE "struct_size, flags, auth, tls, tls_name, credential_limit or charset"
#ifdef SMALL
#define LACKING "a field that this library lacks"
#else
#define LACKING "a field that this library lacks, or tls and no transport with start_tls"
#endif

static struct server server;

static const struct sds_smtp_config good_config = {
    .struct_size = sizeof good_config, .server = "192.0.2.1", .sender = "unit7@example.test"};
static const struct sds_smtp_message good_message = {
    .struct_size = sizeof good_message, .to = "someone@example.test", .subject = "misuse", .text = "Hello.\n"};

static uint32_t clock_calls;

static uint32_t unix_time(void *context)
{
  (void)context;
  clock_calls++;
  return 1795000000u;
}

/* Every function that takes a handle, with one that is none. */
static void is_no_handle(const void *handle)
{
  sds_smtp_client *client = (sds_smtp_client *)handle;
  struct sds_smtp_result result;
  struct sds_smtp_log_entry entry = SDS_SMTP_LOG_ENTRY_INIT;

  memset(&result, 0xEE, sizeof result);
  result.struct_size = sizeof result;
  entry.code = 77;
  CHECK(sds_smtp_client_status(client) == SDS_SMTP_BAD_HANDLE);
  CHECK(sds_smtp_client_configure(client, &good_config) == SDS_SMTP_BAD_HANDLE);
  CHECK(sds_smtp_client_send(client, &good_message) == SDS_SMTP_BAD_HANDLE);
  CHECK(sds_smtp_client_send(client, NULL) == SDS_SMTP_BAD_HANDLE);
  CHECK(sds_smtp_client_probe(client) == SDS_SMTP_BAD_HANDLE);
  CHECK(sds_smtp_client_cancel(client) == SDS_SMTP_BAD_HANDLE);
  CHECK(sds_smtp_client_result(client, &result) == SDS_SMTP_BAD_HANDLE);
  CHECK(result.outcome == 0xEEEEEEEEu);
  CHECK(sds_smtp_client_log(client, &entry, 1) == 0 && entry.code == 77);
  CHECK(sds_smtp_client_log(client, NULL, 0) == 0);
  CHECK(sds_smtp_client_set_transport(client, &server.transport) == SDS_SMTP_BAD_HANDLE);
  CHECK(sds_smtp_client_set_transport(client, NULL) == SDS_SMTP_BAD_HANDLE);
  CHECK(sds_smtp_client_set_log(client, &entry, 1) == SDS_SMTP_BAD_HANDLE && entry.code == 77);
  CHECK(sds_smtp_client_set_log(client, NULL, 0) == SDS_SMTP_BAD_HANDLE);
  CHECK(sds_smtp_client_configure(client, NULL) == SDS_SMTP_BAD_HANDLE);
  CHECK(sds_smtp_client_refusal(client, NULL, 0) == 0);
  sds_smtp_client_free(client);
}

/* The functions of the built-in client, while there is none. */
static void nobody_is_there(void)
{
  unsigned int status = sds_smtp_program_status();

  clock_calls = 0;
  is_no_handle(NULL);
  CHECK(sds_smtp_status() == SDS_SMTP_BAD_HANDLE);
  CHECK(sds_smtp_configure("192.0.2.1", 1, "u", "p", "unit7@example.test") == SDS_SMTP_BAD_HANDLE);
  CHECK(sds_smtp_send("someone@example.test", "s", "t") == SDS_SMTP_BAD_HANDLE);
  CHECK(sds_smtp_send(NULL, NULL, NULL) == SDS_SMTP_BAD_HANDLE);
  CHECK(sds_smtp_set_transport(&server.transport) == SDS_SMTP_BAD_HANDLE);
  CHECK(status > 256 && status != 277); /* an error, neither idle nor sent nor in flight */
  CHECK(sds_smtp_poll(now) == SDS_SMTP_NO_LIMIT);
  CHECK(sds_smtp_poll(now + 1000) == SDS_SMTP_NO_LIMIT);
  sds_smtp_set_clock(unix_time, NULL);
  CHECK(sds_smtp_poll(now) == SDS_SMTP_NO_LIMIT);
  sds_smtp_set_clock(NULL, NULL);
  CHECK(clock_calls == 0);
}

static void words(void)
{
  int code;

  for (code = -40; code < 300; code++) {
    const char *text = sds_smtp_strerror(code);

    CHECK(text != NULL && text[0] != '\0' && strlen(text) < 256);
  }
  CHECK(sds_smtp_strerror(INT32_MIN) != NULL && sds_smtp_strerror(INT32_MAX) != NULL);
  CHECK(strcmp(sds_smtp_version(), SDS_SMTP_VERSION) == 0);
#ifdef SMALL /* without the feature "complete" */
  CHECK(sds_smtp_features() == 0);
#else
  CHECK(sds_smtp_features() == (SDS_SMTP_FEATURE_COMPLETE | SDS_SMTP_FEATURE_TLS));
#endif
}

static void a_mail_arrives(sds_smtp_client *client)
{
  struct sds_smtp_result result;

  server_reset(&server);
  CHECK(sds_smtp_client_set_transport(client, &server.transport) == SDS_SMTP_OK);
  CHECK(sds_smtp_client_configure(client, &good_config) == SDS_SMTP_OK);
  CHECK(sds_smtp_client_send(client, &good_message) == SDS_SMTP_OK);
  poll_until_status(client);
  result = result_of(client, &server);
  CHECK(result.code == SDS_SMTP_OK && server.mails == 1);
  CHECK(strcmp(strstr(server.mail, "\r\n\r\n"), "\r\n\r\nHello.\r\n") == 0);
  poll_until_idle();
  CHECK(server.connections == 1 && server.closings == 1);
}

static int untouched(const unsigned char *memory, size_t length)
{
  size_t i;

  for (i = 0; i < length; i++)
    if (memory[i] != 0xC5)
      return 0;
  return 1;
}

/* --- storage ------------------------------------------------------------------------------------------------------ */

static void storage_of_every_size_at_every_address(void)
{
  static unsigned char memory[16 + 2 * GUARD + PLENTY];
  size_t offset, length;

  CHECK(sds_smtp_client_init(NULL, 0) == NULL);
  CHECK(sds_smtp_client_init(NULL, PLENTY) == NULL);
  CHECK(sds_smtp_client_init(NULL, (size_t)-1) == NULL);
  for (offset = 0; offset < 16; offset++) {
    unsigned char *storage = memory + GUARD + offset;
    sds_smtp_client *client;

    memset(memory, 0xC5, sizeof memory);
    for (length = 0; length < SDS_SMTP_CLIENT_SIZE; length++) {
      CHECK(sds_smtp_client_init(storage, length) == NULL);
      if (length % 97 == 0 || length + 3 > SDS_SMTP_CLIENT_SIZE)
        CHECK(untouched(memory, sizeof memory));
    }
    CHECK(untouched(memory, sizeof memory));
    nobody_is_there();

    /* Just large enough: a client, without room for a configuration. */
    client = sds_smtp_client_init(storage, SDS_SMTP_CLIENT_SIZE);
    CHECK(client != NULL);
    CHECK(untouched(memory, GUARD + offset));
    CHECK(untouched(storage + SDS_SMTP_CLIENT_SIZE, sizeof memory - GUARD - offset - SDS_SMTP_CLIENT_SIZE));
    CHECK(sds_smtp_client_status(client) == SDS_SMTP_OK && sds_smtp_status() == SDS_SMTP_OK);
    CHECK(sds_smtp_program_status() == 0);
    CHECK(sds_smtp_client_send(client, &good_message) == SDS_SMTP_CONNECT_FAILED);
    CHECK(sds_smtp_client_probe(client) == SDS_SMTP_CONNECT_FAILED);
    CHECK(sds_smtp_client_configure(client, NULL) == SDS_SMTP_BAD_ARGUMENT);
    sds_smtp_client_free(client);
    is_no_handle(client);
    sds_smtp_client_free(client);

    /* With an arena; the memory is as it was left. */
    memset(storage, 0xFF, PLENTY);
    client = sds_smtp_client_init(storage, PLENTY);
    CHECK(client != NULL);
    a_mail_arrives(client);
    CHECK(untouched(memory, GUARD + offset));
    CHECK(untouched(storage + PLENTY, sizeof memory - GUARD - offset - PLENTY));
    sds_smtp_client_free(client);
    client = sds_smtp_client_init(storage, PLENTY);
    CHECK(client != NULL && sds_smtp_client_status(client) == SDS_SMTP_OK);
    CHECK(sds_smtp_client_send(client, &good_message) == SDS_SMTP_CONNECT_FAILED); /* nothing is left of the first */
    CHECK(sds_smtp_client_log(client, NULL, 0) == 0);
    a_mail_arrives(client);
    sds_smtp_client_free(client);
    nobody_is_there();
    CHECK(untouched(memory, GUARD + offset));
    CHECK(untouched(storage + PLENTY, sizeof memory - GUARD - offset - PLENTY));
  }
}

static void storage_in_which_a_client_lives(void)
{
  static unsigned char memory[3 * PLENTY];
  unsigned char *storage = memory + PLENTY;
  sds_smtp_client *client = sds_smtp_client_init(storage, PLENTY);
  size_t offset;

  CHECK(client != NULL);
  CHECK(sds_smtp_client_set_transport(client, &server.transport) == SDS_SMTP_OK);
  CHECK(sds_smtp_client_configure(client, &good_config) == SDS_SMTP_OK);
  CHECK(sds_smtp_client_init(storage, PLENTY) == NULL);
  CHECK(sds_smtp_client_init(storage, SDS_SMTP_CLIENT_SIZE) == NULL);
  CHECK(sds_smtp_client_init(memory, sizeof memory) == NULL);
  /* Wherever the two have something in common, its texts included. */
  for (offset = 0; offset < PLENTY; offset += offset < 40 ? 1 : 40) {
    CHECK(sds_smtp_client_init(storage + offset, PLENTY) == NULL);
    CHECK(sds_smtp_client_init(storage + offset, SDS_SMTP_CLIENT_SIZE) == NULL);
    CHECK(sds_smtp_client_init(storage - offset, SDS_SMTP_CLIENT_SIZE + offset) == NULL);
  }
  CHECK(sds_smtp_client_send(client, &good_message) == SDS_SMTP_OK);
  CHECK(sds_smtp_client_init(storage, PLENTY) == NULL);
  poll_until_status(client);
  CHECK(result_of(client, &server).code == SDS_SMTP_OK);
  poll_until_idle();

  /* Beside it there is room. */
  {
    sds_smtp_client *before = sds_smtp_client_init(memory, PLENTY);
    sds_smtp_client *behind = sds_smtp_client_init(storage + PLENTY, PLENTY);

    CHECK(before != NULL && behind != NULL);
    CHECK(sds_smtp_client_init(memory, PLENTY) == NULL && sds_smtp_client_init(storage + PLENTY, PLENTY) == NULL);
    sds_smtp_client_free(before);
    sds_smtp_client_free(behind);
  }
  a_mail_arrives(client);
  sds_smtp_client_free(client);
}

/* --- handles ------------------------------------------------------------------------------------------------------ */

static void handles(void)
{
  static unsigned char memory[5][PLENTY];
  static const uintptr_t numbers[] = {1, 2, 3, 4, 7, 8, 16, 64, 4095, 4096, 0xFFFF, 0x10000, 0x7FFFFFFF, UINTPTR_MAX};
  static unsigned char garbage[4096];
  sds_smtp_client *clients[5];
  size_t i, bit;

  for (i = 0; i < 5; i++) {
    clients[i] = sds_smtp_client_init(memory[i], PLENTY);
    CHECK(clients[i] != NULL);
  }
  memset(garbage, 0xA5, sizeof garbage);
  for (i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
    is_no_handle((void *)numbers[i]);
  is_no_handle(garbage);
  is_no_handle(garbage + 1);
  is_no_handle(&good_config);
  is_no_handle(memory[0] + PLENTY - 1);
  for (bit = 0; bit < 8 * sizeof(uintptr_t); bit++) {
    uintptr_t changed = (uintptr_t)clients[2] ^ (uintptr_t)1 << bit;

    CHECK(changed != (uintptr_t)clients[0] && changed != (uintptr_t)clients[4]);
    is_no_handle((void *)changed);
  }

  /* The first of them is the built-in one. */
  CHECK(sds_smtp_configure("192.0.2.1", 0, NULL, NULL, "unit7@example.test") == SDS_SMTP_OK);
  CHECK(sds_smtp_set_transport(&server.transport) == SDS_SMTP_OK);
  CHECK(sds_smtp_send(NULL, "s", "t") == SDS_SMTP_RECIPIENT_REFUSED);
  CHECK(sds_smtp_client_status(clients[0]) == SDS_SMTP_RECIPIENT_REFUSED);
  CHECK(sds_smtp_status() == SDS_SMTP_RECIPIENT_REFUSED && sds_smtp_client_status(NULL) == sds_smtp_status());
  CHECK(sds_smtp_program_status() == 256 + SDS_SMTP_RECIPIENT_REFUSED);
  for (i = 1; i < 5; i++)
    CHECK(sds_smtp_client_status(clients[i]) == SDS_SMTP_OK);
  sds_smtp_client_free(NULL); /* does nothing */
  CHECK(sds_smtp_status() == SDS_SMTP_RECIPIENT_REFUSED);

  /* Freed in the middle, at the end and at the beginning of wherever they are kept; twice each. */
  sds_smtp_client_free(clients[2]);
  is_no_handle(clients[2]);
  is_no_handle(clients[2]);
  CHECK(sds_smtp_client_status(clients[1]) == SDS_SMTP_OK && sds_smtp_client_status(clients[3]) == SDS_SMTP_OK);
  a_mail_arrives(clients[1]);
  a_mail_arrives(clients[3]);
  sds_smtp_client_free(clients[4]);
  is_no_handle(clients[4]);
  a_mail_arrives(clients[3]);
  a_mail_arrives(NULL);
  sds_smtp_client_free(clients[0]);
  is_no_handle(clients[0]);
  nobody_is_there(); /* the built-in one was freed; the others live */
  a_mail_arrives(clients[1]);

  /* The next one that is made is the built-in one then. */
  clients[4] = sds_smtp_client_init(memory[4], PLENTY);
  CHECK(clients[4] != NULL && sds_smtp_status() == SDS_SMTP_OK);
  a_mail_arrives(NULL);
  CHECK(sds_smtp_send(NULL, NULL, NULL) == SDS_SMTP_RECIPIENT_REFUSED);
  CHECK(sds_smtp_client_status(clients[4]) == SDS_SMTP_RECIPIENT_REFUSED);
  sds_smtp_client_free(clients[1]);
  sds_smtp_client_free(clients[3]);
  sds_smtp_client_free(clients[4]);
  nobody_is_there();
}

/* A client that is freed in the middle of a mail, at each poll: its connection is closed once, and nobody uses its memory. */
static void freed_in_flight(void)
{
  static unsigned char memory[PLENTY], other[PLENTY];
  uint32_t polls, i;
  int came = 0;

  for (polls = 0; polls < 60 && !came; polls++) {
    sds_smtp_client *client = sds_smtp_client_init(memory, sizeof memory);
    sds_smtp_client *second = sds_smtp_client_init(other, sizeof other);

    server_reset(&server);
    server.at_once = 7;
    CHECK(sds_smtp_client_set_transport(client, &server.transport) == SDS_SMTP_OK);
    CHECK(sds_smtp_client_configure(client, &good_config) == SDS_SMTP_OK);
    CHECK(sds_smtp_client_send(client, &good_message) == SDS_SMTP_OK);
    for (i = 0; i < polls; i++)
      sds_smtp_poll(now);
    came = sds_smtp_client_status(client) == SDS_SMTP_OK;
    sds_smtp_client_free(client);
    CHECK(!server.open && server.closings == server.connections);
    memset(memory, 0xC5, sizeof memory);
    for (i = 0; i < 20; i++)
      CHECK(sds_smtp_poll(now += 1000) == SDS_SMTP_NO_LIMIT);
    CHECK(untouched(memory, sizeof memory));
    CHECK(server.connections <= 1);
    is_no_handle(client);
    sds_smtp_client_free(second);
  }
  CHECK(came);
}

/* --- the transport ------------------------------------------------------------------------------------------------ */

static void transports(void)
{
  static unsigned char memory[PLENTY];
  static struct server two;
  struct sds_smtp_transport bad;
  sds_smtp_client *client = sds_smtp_client_init(memory, sizeof memory);
  uint32_t number;

  CHECK(sds_smtp_client_configure(client, &good_config) == SDS_SMTP_OK);
  CHECK(sds_smtp_client_send(client, &good_message) == SDS_SMTP_CONNECT_FAILED); /* none at all */
  CHECK(sds_smtp_client_probe(client) == SDS_SMTP_CONNECT_FAILED);
  CHECK(sds_smtp_poll(now) == SDS_SMTP_NO_LIMIT);
  for (number = 0; number < 200; number++) {
    bad = server.transport;
    bad.struct_size = number;
    if (number != sizeof bad)
      CHECK(sds_smtp_client_set_transport(client, &bad) == SDS_SMTP_BAD_ARGUMENT);
  }
  bad.struct_size = 0xFFFFFFFFu;
  CHECK(sds_smtp_set_transport(&bad) == SDS_SMTP_BAD_ARGUMENT);
  for (number = 2; number != 0; number <<= 1) {
    bad = server.transport;
    bad.flags = number;
    CHECK(sds_smtp_client_set_transport(client, &bad) == SDS_SMTP_BAD_ARGUMENT);
    bad.flags |= SDS_SMTP_TRANSPORT_WAKES;
    CHECK(sds_smtp_set_transport(&bad) == SDS_SMTP_BAD_ARGUMENT);
  }
#define WITHOUT(callback) \
  bad = server.transport; \
  bad.callback = NULL; \
  CHECK(sds_smtp_client_set_transport(client, &bad) == SDS_SMTP_BAD_ARGUMENT)
  WITHOUT(connect);
  WITHOUT(connected);
  WITHOUT(send);
  WITHOUT(receive);
  WITHOUT(close);
  CHECK(sds_smtp_client_send(client, &good_message) == SDS_SMTP_CONNECT_FAILED); /* still none */

  /* A refused one leaves the one there is. */
  CHECK(sds_smtp_set_transport(&server.transport) == SDS_SMTP_OK);
  bad = server.transport;
  bad.flags = 2;
  CHECK(sds_smtp_set_transport(&bad) == SDS_SMTP_BAD_ARGUMENT);
  server_reset(&server);
  CHECK(sds_smtp_client_send(client, &good_message) == SDS_SMTP_OK);
  /* None is taken while a mail is in flight, nor taken away. */
  CHECK(sds_smtp_set_transport(NULL) == SDS_SMTP_BUSY);
  sds_smtp_poll(now);
  CHECK(sds_smtp_set_transport(NULL) == SDS_SMTP_BUSY && sds_smtp_set_transport(&server.transport) == SDS_SMTP_BUSY);
  poll_until_status(client);
  CHECK(result_of(client, &server).code == SDS_SMTP_OK);
  poll_until_idle();

  /* Taken away, or another one taken, while the farewell is still said: the old connection is closed, the new one is not
     touched before it was told to connect (the server looks). */
  for (number = 0; number < 2; number++) {
    server_reset(&server);
    server_init(&two);
    server.unanswered = "QUIT";
    CHECK(sds_smtp_set_transport(&server.transport) == SDS_SMTP_OK);
    CHECK(sds_smtp_client_send(client, &good_message) == SDS_SMTP_OK);
    poll_until_status(client);
    CHECK(server.open);
    CHECK(sds_smtp_set_transport(number ? &two.transport : NULL) == SDS_SMTP_OK);
    CHECK(!server.open && server.closings == 1);
    poll_until_idle();
    CHECK(two.connections == 0 && two.calls[CLOSE] == 0);
  }
  CHECK(sds_smtp_client_send(client, &good_message) == SDS_SMTP_OK);
  poll_until_status(client);
  CHECK(result_of(client, &two).code == SDS_SMTP_OK && two.mails == 1);
  poll_until_idle();
  sds_smtp_client_free(client);
}

/* --- the log ------------------------------------------------------------------------------------------------------ */

static void send_to(sds_smtp_client *client, unsigned number)
{
  struct sds_smtp_message message = good_message;
  char to[64];

  snprintf(to, sizeof to, "operator%u@example.test", number);
  message.to = to;
  server_reset(&server);
  CHECK(sds_smtp_client_send(client, &message) == SDS_SMTP_OK);
  poll_until_status(client);
  poll_until_idle();
}

static void logs(void)
{
  static unsigned char memory[PLENTY];
  static struct sds_smtp_log_entry lent[8], shown[12];
  unsigned char *octets = (unsigned char *)lent;
  sds_smtp_client *client = sds_smtp_client_init(memory, sizeof memory);
  size_t count, i;
  unsigned number;

  CHECK(sds_smtp_client_set_transport(client, &server.transport) == SDS_SMTP_OK);
  CHECK(sds_smtp_client_configure(client, &good_config) == SDS_SMTP_OK);
  /* Without one. */
  send_to(client, 1);
  shown[0].struct_size = sizeof shown[0];
  CHECK(sds_smtp_client_log(client, NULL, 0) == 0 && sds_smtp_client_log(client, shown, 12) == 0);

  CHECK(sds_smtp_client_set_log(client, NULL, 1) == SDS_SMTP_BAD_ARGUMENT);
  CHECK(sds_smtp_client_set_log(client, NULL, (size_t)-1) == SDS_SMTP_BAD_ARGUMENT);
  memset(octets, 0xC5, sizeof lent);
  for (i = 1; i < 8; i++)
    CHECK(sds_smtp_client_set_log(client, (struct sds_smtp_log_entry *)(void *)(octets + i), 4) == SDS_SMTP_BAD_ARGUMENT);
  CHECK(untouched(octets, sizeof lent));
  CHECK(sds_smtp_client_set_log(client, NULL, 0) == SDS_SMTP_OK);
  CHECK(sds_smtp_client_set_log(client, lent, 0) == SDS_SMTP_OK);
  send_to(client, 1);
  CHECK(sds_smtp_client_log(client, NULL, 0) == 0 && untouched(octets, sizeof lent));

  /* More mails than entries: the newest stay, in order, and nothing behind them is written. */
  for (count = 1; count <= 7; count++) {
    memset(octets, 0xC5, sizeof lent);
    CHECK(sds_smtp_client_set_log(client, lent, count) == SDS_SMTP_OK);
    CHECK(sds_smtp_client_log(client, NULL, 0) == 0);
    for (number = 1; number <= 2 * count + 1; number++) {
      size_t held = number < count ? number : count, most;

      send_to(client, number);
      CHECK(sds_smtp_client_log(client, NULL, 0) == held);
      for (most = 1; most <= 12; most++) {
        size_t wanted = held < most ? held : most;

        memset(shown, 0xC5, sizeof shown);
        shown[0].struct_size = sizeof shown[0];
        CHECK(sds_smtp_client_log(client, shown, most) == wanted);
        for (i = 0; i < wanted; i++) {
          char to[64];

          snprintf(to, sizeof to, "operator%u@example.test", (unsigned)(number - wanted + 1 + i));
          CHECK(strcmp(shown[i].recipient, to) == 0 && shown[i].code == SDS_SMTP_OK && shown[i].reply_code == 250);
          CHECK(shown[i].outcome == SDS_SMTP_OUTCOME_SENT && shown[i].recipients == 1 && shown[i].time_ms == 0);
          CHECK(shown[i].struct_size == sizeof shown[i]);
        }
        CHECK(untouched((unsigned char *)(shown + wanted), (12 - wanted) * sizeof shown[0]));
      }
    }
    CHECK(untouched(octets + count * sizeof lent[0], (8 - count) * sizeof lent[0]));
  }
  /* Sizes. */
  memset(shown, 0xC5, sizeof shown);
  for (number = 0; number < 5000; number++) {
    if (number == sizeof shown[0])
      continue;
    shown[0].struct_size = number;
    CHECK(sds_smtp_client_log(client, shown, 12) == 0);
    CHECK(untouched((unsigned char *)shown + 4, sizeof shown - 4));
  }

  /* Another one in flight: what the mail leaves stands in the new one. */
  memset(octets, 0xC5, sizeof lent);
  CHECK(sds_smtp_client_set_log(client, lent, 2) == SDS_SMTP_OK);
  server_reset(&server);
  CHECK(sds_smtp_client_send(client, &good_message) == SDS_SMTP_OK);
  sds_smtp_poll(now);
  CHECK(sds_smtp_client_set_log(client, lent + 4, 3) == SDS_SMTP_OK);
  memset(lent, 0xC5, 2 * sizeof lent[0]);
  poll_until_status(client);
  poll_until_idle();
  CHECK(untouched((unsigned char *)lent, 2 * sizeof lent[0]));
  CHECK(sds_smtp_client_log(client, NULL, 0) == 1);
  /* Taken away in flight. */
  server_reset(&server);
  CHECK(sds_smtp_client_send(client, &good_message) == SDS_SMTP_OK);
  sds_smtp_poll(now);
  CHECK(sds_smtp_client_set_log(client, NULL, 0) == SDS_SMTP_OK);
  memset(lent, 0xC5, sizeof lent);
  poll_until_status(client);
  CHECK(result_of(client, &server).code == SDS_SMTP_OK);
  poll_until_idle();
  CHECK(untouched((unsigned char *)lent, sizeof lent) && sds_smtp_client_log(client, NULL, 0) == 0);
  /* With the clock's time. */
  CHECK(sds_smtp_client_set_log(client, lent, 1) == SDS_SMTP_OK);
  sds_smtp_set_clock(unix_time, NULL);
  send_to(client, 1);
  shown[0].struct_size = sizeof shown[0];
  CHECK(sds_smtp_client_log(client, shown, 1) == 1 && shown[0].time_ms == 1795000000000);
  sds_smtp_set_clock(NULL, NULL);
  sds_smtp_client_free(client);
  memset(lent, 0xC5, sizeof lent);
  sds_smtp_poll(now);
  CHECK(untouched((unsigned char *)lent, sizeof lent));
}

/* --- structures --------------------------------------------------------------------------------------------------- */

static int32_t no_text(void *context, uint32_t offset, char *out, size_t max)
{
  (void)context;
  (void)offset;
  (void)out;
  (void)max;
  return 0;
}

static void structures(void)
{
  static unsigned char memory[PLENTY];
  struct sds_smtp_config config;
  struct sds_smtp_message message;
  struct sds_smtp_result result;
  sds_smtp_client *client = sds_smtp_client_init(memory, sizeof memory);
  uint32_t number;

  CHECK(sds_smtp_client_set_transport(client, &server.transport) == SDS_SMTP_OK);
  CHECK(sds_smtp_client_configure(client, NULL) == SDS_SMTP_BAD_ARGUMENT);
  CHECK(sds_smtp_configure(NULL, 1, NULL, NULL, NULL) == SDS_SMTP_CONNECT_FAILED);
  CHECK(sds_smtp_configure("192.0.2.1", 1, NULL, NULL, NULL) == SDS_SMTP_BAD_USERNAME);
  CHECK(sds_smtp_configure("192.0.2.1", 1, "u", NULL, NULL) == SDS_SMTP_BAD_PASSWORD);
  CHECK(sds_smtp_configure("192.0.2.1", 1, "u", "p", NULL) == SDS_SMTP_SENDER_REFUSED);
  /* Program and library are linked together: there is one size. */
  for (number = 0; number < 5000; number++) {
    config = good_config;
    config.struct_size = number;
    if (number != sizeof config)
      CHECK(sds_smtp_client_configure(client, &config) == SDS_SMTP_BAD_ARGUMENT);
  }
  config.struct_size = 0xFFFFFFFFu;
  CHECK(sds_smtp_client_configure(client, &config) == SDS_SMTP_BAD_ARGUMENT);
  for (number = 2; number != 0; number <<= 1) {
    config = good_config;
    config.flags = number;
    /* What other libraries have, and what none has. */
    CHECK(sds_smtp_client_configure(client, &config) ==
          (number <= SDS_SMTP_KEEP_DIALOGUE ? SDS_SMTP_NOT_SUPPORTED : SDS_SMTP_BAD_ARGUMENT));
  }
  CHECK(sds_smtp_client_send(client, &good_message) == SDS_SMTP_CONNECT_FAILED); /* none of them was taken */
  CHECK(sds_smtp_client_configure(client, &good_config) == SDS_SMTP_OK);

  CHECK(sds_smtp_client_send(client, NULL) == SDS_SMTP_BAD_ARGUMENT);
  for (number = 0; number < 5000; number++) {
    message = good_message;
    message.struct_size = number;
    if (number != sizeof message)
      CHECK(sds_smtp_client_send(client, &message) == SDS_SMTP_BAD_ARGUMENT);
  }
  for (number = 4; number != 0; number <<= 1) {
    int wanted;

    message = good_message;
    message.flags = number;
    wanted = number <= SDS_SMTP_AUTO_SUBMITTED ? SDS_SMTP_NOT_SUPPORTED : SDS_SMTP_BAD_ARGUMENT;
    CHECK(sds_smtp_client_send(client, &message) == wanted);
    message.flags |= SDS_SMTP_BORROW_TEXT;
    CHECK(sds_smtp_client_send(client, &message) == wanted);
  }
  /* A text twice. */
  message = good_message;
  message.read = no_text;
  CHECK(sds_smtp_client_send(client, &message) == SDS_SMTP_BAD_ARGUMENT);
  message.flags = SDS_SMTP_BORROW_TEXT;
  CHECK(sds_smtp_client_send(client, &message) == SDS_SMTP_BAD_ARGUMENT);
  message.text = "";
  CHECK(sds_smtp_client_send(client, &message) == SDS_SMTP_BAD_ARGUMENT);
  CHECK(sds_smtp_client_result(client, NULL) == SDS_SMTP_BAD_ARGUMENT);
  memset(&result, 0xC5, sizeof result);
  for (number = 0; number < 5000; number++) {
    if (number == sizeof result)
      continue;
    result.struct_size = number;
    CHECK(sds_smtp_client_result(client, &result) == SDS_SMTP_BAD_ARGUMENT);
    CHECK(untouched((unsigned char *)&result + 4, sizeof result - 4));
  }
  result.struct_size = sizeof result;
  CHECK(sds_smtp_client_result(client, &result) == SDS_SMTP_OK && result.code == SDS_SMTP_BAD_ARGUMENT);
  CHECK(result.struct_size == sizeof result && result.phase == SDS_SMTP_PHASE_START && result.message_id[0] == '\0');

  /* In flight each wrong mail is answered 14, and changes nothing. */
  server_reset(&server);
  CHECK(sds_smtp_client_send(client, &good_message) == SDS_SMTP_OK);
  CHECK(sds_smtp_client_send(client, NULL) == SDS_SMTP_BUSY && sds_smtp_client_send(client, &message) == SDS_SMTP_BUSY);
  sds_smtp_poll(now);
  CHECK(sds_smtp_client_send(client, NULL) == SDS_SMTP_BUSY && sds_smtp_send(NULL, NULL, NULL) == SDS_SMTP_BUSY);
  CHECK(sds_smtp_client_probe(client) == SDS_SMTP_BUSY);
  poll_until_status(client);
  CHECK(result_of(client, &server).code == SDS_SMTP_OK);
  poll_until_idle();
  CHECK(server.mails == 1);
  sds_smtp_client_free(client);
}

/* A structure at an odd address, which not every processor can read. */
static void trace(void *context, const char *line)
{
  (void)context;
  (void)line;
  CHECK(0);
}

static void done(void *context, sds_smtp_client *client, const struct sds_smtp_result *result)
{
  (void)context;
  (void)client;
  (void)result;
  CHECK(0);
}

/* Each field that only other libraries have, alone. */
static void what_a_device_lacks(void)
{
  static unsigned char memory[PLENTY];
  static const char *const one_header[] = {"X-Unit: 7", NULL};
  struct sds_smtp_config config;
  struct sds_smtp_message message;
  struct sds_smtp_result before = SDS_SMTP_RESULT_INIT, result = SDS_SMTP_RESULT_INIT;
  sds_smtp_client *client = sds_smtp_client_init(memory, sizeof memory);
  uint32_t number;

  CHECK(sds_smtp_client_set_transport(client, &server.transport) == SDS_SMTP_OK);
  CHECK(sds_smtp_client_configure(client, &good_config) == SDS_SMTP_OK);
  CHECK(sds_smtp_client_result(client, &before) == SDS_SMTP_OK);
#define LACKS(field, value) \
  config = good_config; \
  config.field = value; \
  CHECK(sds_smtp_client_configure(client, &config) == SDS_SMTP_NOT_SUPPORTED)
  LACKS(source, "192.0.2.9");
  LACKS(tls_ca, "ca.pem");
  LACKS(tls_certificate, "certificate.pem");
  LACKS(tls_key, "key.pem");
  LACKS(tls_pin, "sha256//AAAA");
#ifdef SMALL
  LACKS(tls_name, "mail.example.test");
#endif
  LACKS(trace, trace);
  LACKS(trace_context, &config);
  for (number = SDS_SMTP_TLS_STARTTLS; number <= SDS_SMTP_TLS_OPPORTUNISTIC; number++) {
    LACKS(tls, number);
  }
  for (number = 1; number != 0; number <<= 1) {
    LACKS(retry_max, number);
    LACKS(retry_delay_ms, number);
    LACKS(keep_alive_ms, number);
  }
#undef LACKS
  for (number = SDS_SMTP_TLS_OPPORTUNISTIC + 1; number < 1000; number++) {
    config = good_config;
    config.tls = number;
    CHECK(sds_smtp_client_configure(client, &config) == SDS_SMTP_BAD_ARGUMENT);
  }
  CHECK(sds_smtp_client_result(client, &result) == SDS_SMTP_OK && memcmp(&before, &result, sizeof result) == 0);
#define LACKS(field, value) \
  message = good_message; \
  message.field = value; \
  CHECK(sds_smtp_client_send(client, &message) == SDS_SMTP_NOT_SUPPORTED)
  LACKS(cc, "other@example.test");
  LACKS(bcc, "other@example.test");
  LACKS(reply_to, "other@example.test");
  LACKS(from, "other@example.test");
  LACKS(reverse_path, "<>");
  LACKS(html, "<p>");
  LACKS(text_path, "text");
  LACKS(headers, one_header);
  LACKS(message_id, "<1@example.test>");
  LACKS(envelope_id, "1");
  LACKS(date, 1);
  LACKS(attachment_count, 1);
  LACKS(verb, 1);
  LACKS(dsn, 8);
  LACKS(priority, 1);
  LACKS(done_context, &message);
  LACKS(done, done);
#undef LACKS
  a_mail_arrives(client);
  sds_smtp_client_free(client);
}

/* Why a call was refused: into every room, and nothing of the credentials. */
static void refused_because(const sds_smtp_client *client, const char *words)
{
  char out[128];
  size_t max;

  CHECK(sds_smtp_client_refusal(client, NULL, 0) == strlen(words));
  CHECK(sds_smtp_client_refusal(client, NULL, sizeof out) == strlen(words));
  for (max = 0; max <= sizeof out; max++) {
    memset(out, 0xC5, sizeof out);
    CHECK(sds_smtp_client_refusal(client, out, max) == strlen(words));
    CHECK(max == 0 || strncmp(out, words, max - 1) == 0);
    CHECK(max == 0 || strlen(out) == (strlen(words) < max ? strlen(words) : max - 1));
    CHECK(untouched((unsigned char *)out + max, sizeof out - max));
  }
}

static void refusals(void)
{
  static unsigned char memory[PLENTY];
  struct sds_smtp_config config;
  struct sds_smtp_message message;
  sds_smtp_client *client = sds_smtp_client_init(memory, sizeof memory);

  refused_because(client, "");
  CHECK(sds_smtp_client_send(client, &good_message) == SDS_SMTP_CONNECT_FAILED);
  refused_because(client, "no configuration");
#define REFUSED(field, value, code, words) \
  config = good_config; \
  config.auth = SDS_SMTP_AUTH_ANY; \
  config.username = "sds"; \
  config.password = "sds-secret"; \
  config.field = value; \
  CHECK(sds_smtp_client_configure(client, &config) == code); \
  refused_because(client, words)
  REFUSED(server, "mail.example.test", SDS_SMTP_CONNECT_FAILED, "server or port");
  REFUSED(server, NULL, SDS_SMTP_CONNECT_FAILED, "server or port");
  REFUSED(port, 65536, SDS_SMTP_CONNECT_FAILED, "server or port");
  REFUSED(username, "", SDS_SMTP_BAD_USERNAME, "username");
  REFUSED(password, "sds-secret\n", SDS_SMTP_BAD_PASSWORD, "password");
  REFUSED(sender, "unit7", SDS_SMTP_SENDER_REFUSED, "sender or sender_name");
  REFUSED(sender_name, "a\nb", SDS_SMTP_SENDER_REFUSED, "sender or sender_name");
  REFUSED(ehlo_name, "two words", SDS_SMTP_HELO_FAILED, "ehlo_name");
  REFUSED(auth, 77, SDS_SMTP_BAD_ARGUMENT, WRONG_VALUE);
  REFUSED(charset, "a b", SDS_SMTP_BAD_ARGUMENT, WRONG_VALUE);
  REFUSED(struct_size, 8, SDS_SMTP_BAD_ARGUMENT, WRONG_VALUE);
  REFUSED(retry_max, 5, SDS_SMTP_NOT_SUPPORTED, LACKING);
  CHECK(sds_smtp_client_configure(client, NULL) == SDS_SMTP_BAD_ARGUMENT);
  refused_because(client, WRONG_VALUE);
  CHECK(sds_smtp_client_configure(client, &good_config) == SDS_SMTP_OK);
  refused_because(client, "");
  CHECK(sds_smtp_client_send(client, &good_message) == SDS_SMTP_CONNECT_FAILED);
  refused_because(client, "no transport");
  CHECK(sds_smtp_client_set_transport(client, &server.transport) == SDS_SMTP_OK);
#undef REFUSED
#define REFUSED(field, value, code, words) \
  message = good_message; \
  message.field = value; \
  CHECK(sds_smtp_client_send(client, &message) == code); \
  refused_because(client, words)
  REFUSED(to, "operator", SDS_SMTP_RECIPIENT_REFUSED, "to: bad recipients");
  REFUSED(subject, "a\nb", SDS_SMTP_DATA_FAILED, "control character in subject");
  REFUSED(flags, 1024, SDS_SMTP_BAD_ARGUMENT, "struct_size, flags, or text and read");
  REFUSED(cc, "other@example.test", SDS_SMTP_NOT_SUPPORTED, "a field that this library lacks");
#undef REFUSED
  server_reset(&server);
  CHECK(sds_smtp_client_send(client, &good_message) == SDS_SMTP_OK);
  refused_because(client, "");
  CHECK(sds_smtp_client_send(client, &good_message) == SDS_SMTP_BUSY);
  refused_because(client, "a mail is in flight");
  poll_until_status(client);
  poll_until_idle();
  /* A result of a later mail is not taken for a reason. */
  refused_because(client, "a mail is in flight");
  CHECK(sds_smtp_client_configure(client, &good_config) == SDS_SMTP_OK);
  refused_because(client, "");
  sds_smtp_client_free(client);
}

/* What a server may be. */
static void servers(void)
{
  static const struct {
    const char *server;
    int names, device, complete; /* the codes: with names and without, and of sds_smtp_configure(); `complete`: and only there */
    uint32_t port;
  } all[] = {{"192.0.2.1", 0, 0, 0, 25},
             {"192.0.2.1:2525", 0, 0, 1, 2525},
             {"192.0.2.1:65535", 0, 0, 1, 65535},
             {"192.0.2.1:0", 13, 13, 0, 0},
             {"192.0.2.1:65536", 13, 13, 0, 0},
             {"192.0.2.1:", 13, 13, 0, 0},
             {"192.0.2.1:25:25", 13, 13, 0, 0},
             {"[192.0.2.1]:25", 13, 13, 0, 0},
             {"2001:db8::1", 0, 0, 1, 25},
             {"[2001:db8::1]", 0, 0, 1, 25},
             {"[2001:db8::1]:2525", 0, 0, 1, 2525},
             {"[2001:db8::1", 13, 13, 0, 0},
             {"mail.example.test", 0, 13, 0, 25},
             {"mail.example.test.", 0, 13, 0, 25},
             {"mail.example.test:2525", 0, 13, 1, 2525},
             {"localhost", 0, 13, 0, 25},
             {"localhost:2525:3", 13, 13, 0, 0},
             {"mail..example.test", 13, 13, 0, 0},
             {"smtp@example.test", 13, 13, 0, 0},
             {"http://example.test", 13, 13, 0, 0},
             {"mail.example.test,192.0.2.1", 13, 13, 0, 0},
             {"192.0.2.256", 13, 13, 0, 0},
             {"", 13, 13, 0, 0},
             {"0.0.0.0", 13, 13, 0, 0}};
  static unsigned char memory[PLENTY];
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  sds_smtp_client *client = sds_smtp_client_init(memory, sizeof memory);
  struct sds_smtp_transport without = server.transport;
  size_t i;
#ifdef SMALL
  int complete = 0;
#else
  int complete = 1;
#endif

  config.sender = "unit7@example.test";
  for (i = 0; i < sizeof all / sizeof all[0]; i++) {
    int names = all[i].complete && !complete ? SDS_SMTP_CONNECT_FAILED : all[i].names;
    int device = all[i].complete && !complete ? SDS_SMTP_CONNECT_FAILED : all[i].device;

    config.server = all[i].server;
    CHECK(sds_smtp_client_set_transport(client, NULL) == SDS_SMTP_OK);
    CHECK(sds_smtp_client_configure(client, &config) == device);
    CHECK(sds_smtp_client_set_transport(client, &without) == SDS_SMTP_OK);
    CHECK(sds_smtp_client_configure(client, &config) == device);
    server_with_names(&server);
    CHECK(sds_smtp_client_set_transport(client, &server.transport) == SDS_SMTP_OK);
    CHECK(sds_smtp_configure(all[i].server, 0, NULL, NULL, "unit7@example.test") == device);
    CHECK(sds_smtp_client_configure(client, &config) == names);
    if (names == SDS_SMTP_OK) {
      server_reset(&server);
      CHECK(sds_smtp_client_send(client, &good_message) == SDS_SMTP_OK);
      poll_until_status(client);
      poll_until_idle();
      CHECK(strncmp(all[i].server, "localhost", 9) == 0 || (server.mails == 1 && server.address.port == all[i].port));
    }
    server.transport.resolve = NULL;
  }
  sds_smtp_client_free(client);
}

static void structures_at_odd_addresses(void)
{
  static unsigned char memory[PLENTY], octets[1024];
  sds_smtp_client *client = sds_smtp_client_init(memory, sizeof memory);
  uint32_t size;
  size_t offset;

  CHECK(sds_smtp_client_set_transport(client, &server.transport) == SDS_SMTP_OK);
  CHECK(sds_smtp_client_configure(client, &good_config) == SDS_SMTP_OK);
  for (offset = 0; offset < sizeof(void *); offset++) {
    unsigned char *odd = octets + offset;
    int wanted;

    if ((uintptr_t)odd % sizeof(void *) == 0)
      continue;
    memcpy(odd, &good_config, sizeof good_config);
    CHECK(sds_smtp_client_configure(client, (struct sds_smtp_config *)(void *)odd) == SDS_SMTP_BAD_ARGUMENT);
    memcpy(odd, &good_message, sizeof good_message);
    CHECK(sds_smtp_client_send(client, (struct sds_smtp_message *)(void *)odd) == SDS_SMTP_BAD_ARGUMENT);
    memcpy(odd, &server.transport, sizeof server.transport);
    CHECK(sds_smtp_set_transport((struct sds_smtp_transport *)(void *)odd) == SDS_SMTP_BAD_ARGUMENT);
    memset(octets, 0xC5, sizeof octets);
    size = sizeof(struct sds_smtp_result);
    memcpy(odd, &size, sizeof size);
    wanted = (uintptr_t)odd % sizeof(uint32_t) == 0 ? SDS_SMTP_OK : SDS_SMTP_BAD_ARGUMENT;
    CHECK(sds_smtp_client_result(client, (struct sds_smtp_result *)(void *)odd) == wanted);
    if (wanted != SDS_SMTP_OK)
      CHECK(untouched(odd + sizeof size, sizeof octets - 100));
    size = sizeof(struct sds_smtp_log_entry);
    memset(octets, 0xC5, sizeof octets);
    memcpy(odd, &size, sizeof size);
    CHECK(sds_smtp_client_log(client, (struct sds_smtp_log_entry *)(void *)odd, 2) == 0);
    CHECK(untouched(odd + sizeof size, sizeof octets - 100));
  }
  sds_smtp_client_free(client);
}

/* Strings at the end of what may be read. */
static void long_strings(void)
{
  static unsigned char memory[PLENTY];
  sds_smtp_client *client = sds_smtp_client_init(memory, sizeof memory);
  char *huge = (char *)malloc(1000001);
  size_t length;

  CHECK(huge != NULL);
  CHECK(sds_smtp_client_set_transport(client, &server.transport) == SDS_SMTP_OK);
  for (length = 1; length <= 1000000; length *= 10) {
    memset(huge, 'a', length);
    huge[length] = '\0';
    if (length >= 100) {
      CHECK(sds_smtp_configure(huge, 0, NULL, NULL, "unit7@example.test") == SDS_SMTP_CONNECT_FAILED);
      CHECK(sds_smtp_configure("192.0.2.1", 1, huge, "p", "unit7@example.test") == SDS_SMTP_BAD_USERNAME);
      CHECK(sds_smtp_configure("192.0.2.1", 1, "u", huge, "unit7@example.test") == SDS_SMTP_BAD_PASSWORD);
      CHECK(sds_smtp_configure("192.0.2.1", 1, "u", "p", huge) == SDS_SMTP_SENDER_REFUSED);
    }
    CHECK(sds_smtp_configure("192.0.2.1", 0, huge, huge, "unit7@example.test") == SDS_SMTP_OK);
    CHECK(sds_smtp_send(huge, "s", "t") == SDS_SMTP_RECIPIENT_REFUSED);
    if (length >= 10000) {
      CHECK(sds_smtp_send("someone@example.test", huge, "t") == SDS_SMTP_DATA_FAILED);
      CHECK(sds_smtp_send("someone@example.test", "s", huge) == SDS_SMTP_DATA_FAILED); /* no room */
    }
  }
  free(huge);
  sds_smtp_client_free(client);
}

int main(void)
{
  server_init(&server);
  nobody_is_there();
  words();
  storage_of_every_size_at_every_address();
  storage_in_which_a_client_lives();
  handles();
  freed_in_flight();
  transports();
  logs();
  structures();
  what_a_device_lacks();
  refusals();
  servers();
  structures_at_odd_addresses();
  long_strings();
  nobody_is_there();
  puts("misuse: all as documented");
  return 0;
}
