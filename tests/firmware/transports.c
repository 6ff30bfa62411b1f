/*
 * transports - what a connection may do besides moving octets: speak TLS, look names up, take its time to close; at every call
 *
 *     transports [STRIDE]      each STRIDE-th of the many cases only (under valgrind)
 */
#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct server server;
static unsigned char storage[SDS_SMTP_CLIENT_SIZE + 1024];
static sds_smtp_client *client;
static uint32_t runs;

#define AGAIN SDS_SMTP_TRANSPORT_AGAIN

static const struct sds_smtp_config by_name = {
    .struct_size = sizeof by_name, .server = "mail.example.test", .sender = "unit7@example.test", .port = 465};
static const struct sds_smtp_config by_address = {
    .struct_size = sizeof by_address, .server = "192.0.2.1", .sender = "unit7@example.test"};

static void begin(void)
{
  server_reset(&server);
  server.transport.flags = 0;
}

static void start(void)
{
  runs++;
  CHECK(sds_smtp_send("someone@example.test", "alarm", "Boiler room: 93 degrees.") == SDS_SMTP_OK);
}

static struct sds_smtp_result mail(void)
{
  struct sds_smtp_result result;

  start();
  poll_until_status(client);
  result = result_of(client, &server);
  poll_until_idle();
  CHECK(!server.open && server.closings == server.connections);
  return result;
}

static void wrong(enum call call, uint32_t at, int32_t value, int stays)
{
  server.wrong_call = call;
  server.wrong_at = at;
  server.wrong_value = value;
  server.wrong_stays = stays;
}

static void use(const struct sds_smtp_config *config, int tls, int names)
{
  server_init(&server);
  if (tls)
    server_with_tls(&server);
  if (names)
    server_with_names(&server);
  CHECK(sds_smtp_set_transport(&server.transport) == SDS_SMTP_OK);
  if (config != NULL)
    CHECK(sds_smtp_client_configure(NULL, config) == SDS_SMTP_OK);
  else
    CHECK(sds_smtp_configure("192.0.2.1", 0, NULL, NULL, "unit7@example.test") == SDS_SMTP_OK);
}

/* --- how a mail ends that a function of the transport ends ------------------------------------------------------- */

static int code_of(enum call call, int32_t value, int devices)
{
  if (value == SDS_SMTP_TRANSPORT_UNTRUSTED && call != RESOLVE)
    return devices ? SDS_SMTP_NOT_READY : SDS_SMTP_TLS_UNTRUSTED;
  if (value == SDS_SMTP_TRANSPORT_TLS_FAILED && call != RESOLVE)
    return devices ? SDS_SMTP_NOT_READY : SDS_SMTP_TLS_FAILED;
  return SDS_SMTP_CONNECT_FAILED;
}

static const char *words_of(enum call call, int32_t value)
{
  if (value > AGAIN)
    return "transport failed";
  if (call == RESOLVE)
    return value == 1 ? "transport failed" : "no such name"; /* 1, and no address */
  switch (value) {
  case SDS_SMTP_REFUSED: return "connection refused";
  case SDS_SMTP_UNREACHABLE: return "server unreachable";
  case SDS_SMTP_NO_SOCKET: return "no free socket";
  case SDS_SMTP_TRANSPORT_UNTRUSTED: return "certificate not trusted";
  case SDS_SMTP_TRANSPORT_TLS_FAILED: return "TLS failed";
  default: return "connection lost";
  }
}

static void connecting_ends_with_each_number(void)
{
  static const int32_t numbers[] = {SDS_SMTP_LOST, SDS_SMTP_REFUSED, SDS_SMTP_UNREACHABLE, SDS_SMTP_NO_SOCKET,
                                    SDS_SMTP_TRANSPORT_UNTRUSTED, SDS_SMTP_TRANSPORT_TLS_FAILED, -7, INT32_MIN, 3, INT32_MAX};
  static const enum call calls[] = {CONNECT, CONNECTED, START_TLS, RESOLVE};
  size_t number, call;
  int devices;

  for (devices = 0; devices < 2; devices++) {
    use(devices ? NULL : &by_name, 1, 1);
    for (call = 0; call < 4; call++) {
      if (devices && calls[call] == RESOLVE)
        continue;
      for (number = 0; number < sizeof numbers / sizeof numbers[0]; number++) {
        struct sds_smtp_result result;

        begin();
        wrong(calls[call], 1, numbers[number], 0);
        result = mail();
        CHECK(server.calls[calls[call]] == 1 && server.sent == 0 && server.mails == 0);
        CHECK(server.connections == (calls[call] == CONNECTED || calls[call] == START_TLS));
        CHECK(result.code == code_of(calls[call], numbers[number], devices));
        CHECK(result.outcome == SDS_SMTP_OUTCOME_NOT_SENT && result.phase == SDS_SMTP_PHASE_CONNECT);
        CHECK(strcmp(result.text, words_of(calls[call], numbers[number])) == 0);
        CHECK(sds_smtp_status() == result.code);
        begin();
        CHECK(mail().code == SDS_SMTP_OK && server.mails == 1);
      }
    }
  }
  /* Found, and what was found is no address. */
  use(&by_name, 0, 1);
  wrong(RESOLVE, 1, 1, 0);
  CHECK(strcmp(mail().text, words_of(RESOLVE, 1)) == 0 && server.connections == 0);
}

/* TLS may fail at any time, also when octets are moved. */
static void a_conversation_ends_with_each_number(size_t stride)
{
  static const int32_t numbers[] = {SDS_SMTP_TRANSPORT_UNTRUSTED, SDS_SMTP_TRANSPORT_TLS_FAILED};
  uint32_t calls[CALLS], at;
  size_t number, which = 0;
  enum call call;

  use(&by_address, 1, 0);
  CHECK(mail().code == SDS_SMTP_OK);
  memcpy(calls, server.calls, sizeof calls);
  for (call = SEND; call <= RECEIVE; call++) {
    for (at = 1; at <= calls[call]; at++) {
      for (number = 0; number < 2; number++) {
        struct sds_smtp_result result;

        if (which++ % stride != 0)
          continue;
        begin();
        wrong(call, at, numbers[number], 1);
        result = mail();
        CHECK(server.calls[call] >= at);
        if (result.code != SDS_SMTP_OK) {
          CHECK(result.code == code_of(call, numbers[number], 0));
          CHECK(result.outcome != SDS_SMTP_OUTCOME_SENT);
          CHECK(result.outcome == SDS_SMTP_OUTCOME_UNKNOWN || server.mails == 0);
        }
      }
    }
  }
}

/* --- names -------------------------------------------------------------------------------------------------------- */

static void a_name_is_looked_up_for_each_mail(void)
{
  struct sds_smtp_config config = by_name;
  uint32_t i;

  use(&by_name, 1, 1);
  for (i = 1; i <= 3; i++) {
    begin();
    CHECK(mail().code == SDS_SMTP_OK && server.calls[RESOLVE] == 1 && server.mails == 1);
    CHECK(server.address.version == 4 && server.address.octets[0] == 192 && server.address.octets[3] == 7);
    CHECK(server.address.port == 465);
    CHECK(strcmp(server.server_name, "mail.example.test") == 0);
  }
  /* The string is copied, and the dot that may end it is not a part of the name. */
  {
    char name[] = "mail.example.test.";

    config.server = name;
    CHECK(sds_smtp_client_configure(NULL, &config) == SDS_SMTP_OK);
    memset(name, 'x', sizeof name - 1);
    begin();
    CHECK(mail().code == SDS_SMTP_OK && strcmp(server.server_name, "mail.example.test") == 0);
  }
  /* Another connection, with HELO: the name is looked up anew. */
  begin();
  server.refused = "EHLO";
  server.refusal = "500 5.5.1 no\r\n";
  server.received_break = 41;
  CHECK(mail().code == SDS_SMTP_OK && server.connections == 2 && server.calls[RESOLVE] == 2);
  /* A name that is not there, and then an address. */
  config.server = "mail.example.net";
  CHECK(sds_smtp_client_configure(NULL, &config) == SDS_SMTP_OK);
  begin();
  CHECK(mail().code == SDS_SMTP_CONNECT_FAILED && server.connections == 0);
  CHECK(sds_smtp_client_configure(NULL, &by_address) == SDS_SMTP_OK);
  begin();
  CHECK(mail().code == SDS_SMTP_OK && server.calls[RESOLVE] == 0 && strcmp(server.server_name, "-") == 0);
  CHECK(server.address.octets[3] == 1 && server.address.port == 25);
}

/* A client that is configured while a mail is in flight: each mail goes to its own server. */
static void a_name_that_comes_while_a_mail_is_in_flight(void)
{
  use(&by_address, 0, 1);
  begin();
  start();
  sds_smtp_poll(now);
  CHECK(sds_smtp_client_configure(NULL, &by_name) == SDS_SMTP_OK);
  poll_until_status(client);
  poll_until_idle();
  CHECK(server.mails == 1 && server.address.octets[3] == 1 && server.calls[RESOLVE] == 0);
  begin();
  start();
  sds_smtp_poll(now);
  CHECK(sds_smtp_client_configure(NULL, &by_address) == SDS_SMTP_OK);
  poll_until_status(client);
  poll_until_idle();
  CHECK(server.mails == 1 && server.address.octets[3] == 7 && server.calls[RESOLVE] == 1);
  begin();
  CHECK(mail().code == SDS_SMTP_OK && server.address.octets[3] == 1 && server.calls[RESOLVE] == 0);
}

/* A transport that has no resolve takes the place of one that has. */
static void a_name_without_anybody_who_knows_it(void)
{
  use(&by_name, 0, 1);
  server.transport.resolve = NULL;
  CHECK(sds_smtp_set_transport(&server.transport) == SDS_SMTP_OK);
  begin();
  CHECK(mail().code == SDS_SMTP_CONNECT_FAILED && server.connections == 0);
  CHECK(sds_smtp_client_configure(NULL, &by_name) == SDS_SMTP_CONNECT_FAILED);
  CHECK(sds_smtp_client_configure(NULL, &by_address) == SDS_SMTP_OK);
  begin();
  CHECK(mail().code == SDS_SMTP_OK);
}

/* --- not yet ------------------------------------------------------------------------------------------------------ */

static void later_and_again(void)
{
  static const enum call calls[] = {RESOLVE, START_TLS};
  static const int32_t numbers[] = {0, AGAIN};
  size_t call, number;
  uint32_t wakes, i;

  use(&by_name, 1, 1);
  for (call = 0; call < 2; call++) {
    for (number = 0; number < 2; number++) {
      for (wakes = 0; wakes < 2; wakes++) {
        struct sds_smtp_result result;

        /* It is called once in each poll, and the poll says when it is wanted again. */
        begin();
        server.transport.flags = wakes;
        wrong(calls[call], 1, numbers[number], 1);
        start();
        for (i = 1; i <= 5; i++) {
          uint32_t wait = sds_smtp_poll(now);

          CHECK(server.calls[calls[call]] == i);
          CHECK(numbers[number] == AGAIN ? wait == 0 : wakes ? wait == 60000 : wait >= 1 && wait <= 10);
        }
        server.wrong_at = 0;
        poll_until_status(client);
        CHECK(result_of(client, &server).code == SDS_SMTP_OK && server.mails == 1 && server.calls[calls[call]] == 6);
        poll_until_idle();
        /* For ever: connecting has its time limit. */
        begin();
        server.transport.flags = wakes;
        wrong(calls[call], 1, numbers[number], 1);
        start();
        CHECK(sds_smtp_poll(now) == (numbers[number] == AGAIN ? 0 : wakes ? 60000u : 5u));
        CHECK(sds_smtp_poll(now + 59999) <= 5 && sds_smtp_status() == SDS_SMTP_BUSY);
        now += 60000;
        poll_until_status(client);
        result = result_of(client, &server);
        CHECK(result.code == SDS_SMTP_TIMEOUT && result.elapsed_ms == 60000 && result.phase == SDS_SMTP_PHASE_CONNECT);
        poll_until_idle();
        CHECK(server.closings == server.connections && server.sent == 0);
        /* Until the program does not want the mail any more. */
        begin();
        wrong(calls[call], 1, numbers[number], 1);
        start();
        sds_smtp_poll(now);
        CHECK(sds_smtp_client_cancel(NULL) == SDS_SMTP_OK);
        sds_smtp_poll(now);
        CHECK(sds_smtp_status() == SDS_SMTP_CANCELLED);
        poll_until_idle();
        CHECK(server.closings == server.connections);
      }
    }
  }
}

/* --- closing ------------------------------------------------------------------------------------------------------ */

/* Polls until the mail has ended, while the time stands still: the server answers at once. */
static void until_status(void)
{
  uint32_t rounds = 0;

  while (sds_smtp_status() == SDS_SMTP_BUSY) {
    sds_smtp_poll(now);
    CHECK(++rounds < 1000);
  }
}

/* Polls until nothing is in flight; how long that took. */
static uint32_t until_idle(void)
{
  uint32_t started = now, wait;

  while ((wait = sds_smtp_poll(now)) != SDS_SMTP_NO_LIMIT)
    now += wait == 0 ? 1 : wait;
  return now - started;
}

/* close is called until it returns 1, a second at most. Nothing else is called meanwhile: the server looks. */
static void close_is_called_until_it_has_closed(void)
{
  static const int32_t numbers[] = {0, AGAIN, SDS_SMTP_LOST, SDS_SMTP_TRANSPORT_UNTRUSTED, 3, INT32_MAX, INT32_MIN};
  size_t number;
  uint32_t wakes, i;

  use(&by_address, 0, 0);
  for (number = 0; number < sizeof numbers / sizeof numbers[0]; number++) {
    for (wakes = 0; wakes < 2; wakes++) {
      uint32_t wait, took;

      /* It closes at the sixth call. */
      begin();
      server.transport.flags = wakes;
      server.not_closed = 5;
      server.closing_value = numbers[number];
      start();
      until_status();
      CHECK(result_of(client, &server).code == SDS_SMTP_OK);
      while (server.calls[CLOSE] == 0)
        sds_smtp_poll(now);
      for (i = server.calls[CLOSE]; i < 5; i++) {
        CHECK(server.calls[CLOSE] == i && server.closing);
        wait = sds_smtp_poll(now);
        CHECK(numbers[number] == AGAIN ? wait == 0 : wakes ? wait == 1000 : wait >= 1 && wait <= 10);
      }
      CHECK(sds_smtp_poll(now) == SDS_SMTP_NO_LIMIT && server.calls[CLOSE] == 6 && !server.closing);
      CHECK(sds_smtp_poll(now) == SDS_SMTP_NO_LIMIT && server.calls[CLOSE] == 6);
      /* Never. */
      begin();
      server.transport.flags = wakes;
      server.not_closed = 0xFFFFFFFFu;
      server.closing_value = numbers[number];
      start();
      until_status();
      CHECK(result_of(client, &server).code == SDS_SMTP_OK);
      took = until_idle();
      CHECK(took >= 1000 && took <= 1010 && server.calls[CLOSE] >= 2 && server.closings == 1);
      i = server.calls[CLOSE];
      CHECK(sds_smtp_poll(now) == SDS_SMTP_NO_LIMIT && server.calls[CLOSE] == i);
      /* The next mail does without it. */
      server.closing = 0;
      begin();
      CHECK(mail().code == SDS_SMTP_OK && server.calls[CLOSE] == 1);
    }
  }
}

/* A mail that is started while the connection of the one before closes: it begins when that is closed, or given up. */
static void a_mail_waits_for_the_connection_before_it(void)
{
  static const uint32_t counts[] = {1, 2, 10, 0xFFFFFFFFu};
  size_t count;
  uint32_t started;

  use(&by_address, 0, 0);
  for (count = 0; count < 4; count++) {
    begin();
    server.not_closed = counts[count];
    start();
    until_status();
    while (server.calls[CLOSE] == 0)
      sds_smtp_poll(now);
    CHECK(server.mails == 1 && server.connections == 1);
    start();
    started = now;
    while (server.connections == 1) {
      CHECK(sds_smtp_status() == SDS_SMTP_BUSY);
      sds_smtp_poll(now++);
    }
    CHECK(counts[count] > 10 ? now - started >= 1000 && now - started <= 1010 : server.calls[CLOSE] == counts[count] + 1);
    server.not_closed = 0;
    until_status();
    CHECK(result_of(client, &server).code == SDS_SMTP_OK && server.mails == 2);
    poll_until_idle();
    /* It is cancelled before that. */
    server.closing = 0;
    begin();
    server.not_closed = 0xFFFFFFFFu;
    start();
    until_status();
    while (server.calls[CLOSE] == 0)
      sds_smtp_poll(now);
    start();
    sds_smtp_poll(now);
    CHECK(server.connections == 1 && sds_smtp_client_cancel(NULL) == SDS_SMTP_OK);
    sds_smtp_poll(now);
    CHECK(sds_smtp_status() == SDS_SMTP_CANCELLED);
    CHECK(until_idle() <= 1010 && server.connections == 1);
    server.closing = 0;
  }
  /* EHLO is refused, and the second connection waits for the first one. */
  begin();
  server.refused = "EHLO";
  server.refusal = "500 5.5.1 no\r\n";
  server.received_break = 41;
  server.not_closed = 4;
  CHECK(mail().code == SDS_SMTP_OK && server.connections == 2 && server.calls[CLOSE] == 10);
}

/* A client that ends, and one whose transport is taken away, call close once and do not wait. */
static void who_does_not_wait(void)
{
  int i;

  for (i = 0; i < 4; i++) {
    use(&by_address, 0, 0);
    begin();
    server.not_closed = 0xFFFFFFFFu;
    start();
    if (i % 2 != 0)
      until_status();
    while (server.calls[CLOSE] == 0 && (i % 2 != 0 || !server.open))
      sds_smtp_poll(now);
    if (i < 2) {
      sds_smtp_client_free(client);
      CHECK(sds_smtp_client_status(client) == SDS_SMTP_BAD_HANDLE);
      CHECK(server.calls[CLOSE] == (i % 2 != 0 ? 2 : 1) && server.closings == 1);
      client = sds_smtp_client_init(storage, sizeof storage);
    } else if (i == 2) {
      CHECK(sds_smtp_set_transport(NULL) == SDS_SMTP_BUSY && server.calls[CLOSE] == 0);
      CHECK(sds_smtp_client_cancel(NULL) == SDS_SMTP_OK);
      sds_smtp_poll(now);
      CHECK(server.calls[CLOSE] == 1);
    }
    if (i >= 2) {
      CHECK(sds_smtp_set_transport(NULL) == SDS_SMTP_OK && server.calls[CLOSE] == 2 && server.closings == 1);
      CHECK(sds_smtp_poll(now) == SDS_SMTP_NO_LIMIT && server.calls[CLOSE] == 2);
    }
    server.closing = 0;
    use(&by_address, 0, 0);
    CHECK(mail().code == SDS_SMTP_OK);
  }
}

/* The clock wraps, goes backwards, and jumps while a connection closes. */
static void times_while_closing(void)
{
  int i;

  use(&by_address, 0, 0);
  for (i = 0; i < 3; i++) {
    begin();
    now = 0xFFFFFFFFu - 500;
    server.not_closed = 0xFFFFFFFFu;
    start();
    until_status();
    while (server.calls[CLOSE] == 0)
      sds_smtp_poll(now);
    if (i == 1)
      sds_smtp_poll(now - 100000);
    if (i == 2)
      CHECK(sds_smtp_poll(now + 2000000000u) == SDS_SMTP_NO_LIMIT);
    else
      CHECK(until_idle() <= 1010);
    CHECK(sds_smtp_poll(now) == SDS_SMTP_NO_LIMIT);
    server.closing = 0;
  }
  now = 1000;
}

/* --- all at once -------------------------------------------------------------------------------------------------- */

static uint32_t calls_back;

static void call_back(struct server *of, enum call call)
{
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;
  char words[4] = "abc";

  (void)of;
  if (call != START_TLS && call != RESOLVE && call != CLOSE)
    return;
  calls_back++;
  CHECK(sds_smtp_poll(now) == 1 && sds_smtp_poll(now + 5000) == 1);
  CHECK(sds_smtp_client_configure(NULL, &by_name) == SDS_SMTP_BUSY);
  CHECK(sds_smtp_client_configure(NULL, NULL) == SDS_SMTP_BUSY || sds_smtp_client_configure(NULL, NULL) == SDS_SMTP_BAD_ARGUMENT);
  CHECK(sds_smtp_configure("192.0.2.9:99", 0, NULL, NULL, "intruder@example.test") == SDS_SMTP_BUSY);
  CHECK(sds_smtp_send("intruder@example.test", "x", "y") == SDS_SMTP_BUSY);
  CHECK(sds_smtp_set_transport(NULL) == SDS_SMTP_BUSY && sds_smtp_client_cancel(NULL) == SDS_SMTP_BUSY);
  CHECK(sds_smtp_client_result(NULL, &result) == SDS_SMTP_BUSY);
  CHECK(sds_smtp_client_refusal(NULL, words, sizeof words) == 0 && words[0] == '\0');
  sds_smtp_client_free(client);
}

/* Every new callback returns every number at every call, and calls the library back. */
static void each_call_returns_each_number(size_t stride)
{
  static const int32_t numbers[] = {0, 1, AGAIN, 3, 1000, INT32_MAX, -1, -2, -3, -4, -5, -6, -7, INT32_MIN};
  static const enum call calls[] = {START_TLS, RESOLVE, CLOSE};
  size_t call, number, which = 0;
  uint32_t at, wakes;
  int stays;

  use(&by_name, 1, 1);
  for (call = 0; call < 3; call++) {
    for (at = 1; at <= 4; at++) {
      for (number = 0; number < sizeof numbers / sizeof numbers[0]; number++) {
        for (wakes = 0; wakes < 3; wakes++) {
          for (stays = 0; stays < 2; stays++) {
            struct sds_smtp_result result;

            /* "At once" for ever: the time would stand still. */
            if (which++ % stride != 0 || (stays && numbers[number] == AGAIN && calls[call] != CLOSE))
              continue;
            begin();
            server.keywords = "250-PIPELINING\r\n";
            server.transport.flags = wakes == 1;
            server.inside = call_back;
            server.moody = wakes == 2;
            wrong(calls[call], at, numbers[number], stays);
            if (calls[call] == CLOSE)
              server.wrong_at = 0;
            server.not_closed = calls[call] == CLOSE ? at : 0;
            server.closing_value = numbers[number];
            calls_back = 0;
            start();
            poll_until_status(client);
            result = result_of(client, &server);
            until_idle();
            CHECK(calls_back > 0 && server.connections == server.closings && server.connections <= 1);
            CHECK((result.code == SDS_SMTP_OK) == (server.mails == 1));
            if (calls[call] == CLOSE || (!stays && wakes != 1 && numbers[number] == 0) || server.calls[calls[call]] < at)
              CHECK(result.code == SDS_SMTP_OK);
            server.closing = 0;
          }
        }
      }
    }
  }
}

int main(int argc, char **argv)
{
  size_t stride = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 1;

  seed(20261128);
  server_init(&server);
  client = sds_smtp_client_init(storage, sizeof storage);
  CHECK(client != NULL);
  connecting_ends_with_each_number();
  a_conversation_ends_with_each_number(stride);
  a_name_is_looked_up_for_each_mail();
  a_name_that_comes_while_a_mail_is_in_flight();
  a_name_without_anybody_who_knows_it();
  later_and_again();
  close_is_called_until_it_has_closed();
  a_mail_waits_for_the_connection_before_it();
  who_does_not_wait();
  times_while_closing();
  each_call_returns_each_number(stride);
  printf("transports: %u mails, all as documented\n", (unsigned)runs);
  return 0;
}
