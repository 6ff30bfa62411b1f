/*
 * callbacks - a program's connection that fails, lies, blocks, trickles or calls back: at every call and at every octet
 *
 *     callbacks [STRIDE]      each STRIDE-th of the many cases only (under valgrind)
 */
#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct server server;
static unsigned char storage[SDS_SMTP_CLIENT_SIZE + 1024];
static sds_smtp_client *client;
static uint32_t runs;

static const char *const extensions[] = {
    NULL, "250-AUTH LOGIN\r\n", "250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 100000\r\n250-AUTH PLAIN LOGIN\r\n"};

static void configure(int auth)
{
  CHECK(sds_smtp_configure("192.0.2.1", auth, "sds", "sds-secret", "unit7@example.test") == SDS_SMTP_OK);
}

static void begin(void)
{
  server_reset(&server);
  server.transport.flags = 0;
}

/* One mail to its end, and the farewell. */
static struct sds_smtp_result mail(void)
{
  struct sds_smtp_result result;

  runs++;
  CHECK(sds_smtp_send("someone@example.test,other@example.test", "alarm", "Boiler room: 93 degrees.\n.\n..dots") ==
        SDS_SMTP_OK);
  poll_until_status(client);
  result = result_of(client, &server);
  poll_until_idle();
  CHECK(!server.open && server.closings == server.connections);
  return result;
}

/* After whatever happened the next mail arrives. */
static void the_next_mail_arrives(void)
{
  begin();
  server.keywords = extensions[2];
  CHECK(mail().code == SDS_SMTP_OK && server.mails == 1);
}

/* --- numbers ------------------------------------------------------------------------------------------------------ */

/* How often each callback is called by a mail of which nothing goes wrong. */
static void usual_calls(uint32_t *calls, const char *keywords, size_t at_once)
{
  begin();
  server.keywords = keywords;
  server.at_once = at_once;
  CHECK(mail().code == SDS_SMTP_OK);
  memcpy(calls, server.calls, sizeof server.calls);
}

static void each_call_returns_each_number(size_t stride)
{
  static const int32_t numbers[] = {SDS_SMTP_LOST, SDS_SMTP_REFUSED, SDS_SMTP_UNREACHABLE, SDS_SMTP_NO_SOCKET, -5, -1000,
                                    INT32_MIN, INT32_MAX, 100000, 65, 97, 2, 1, 0};
  uint32_t calls[CALLS], at, call, extension, number, stays;
  size_t which = 0;

  for (extension = 0; extension < 3; extension++) {
    configure(extension > 0);
    usual_calls(calls, extensions[extension], 40);
    for (call = 0; call < CALLS; call++) {
      if (call == CLOSE || call == START_TLS || call == RESOLVE) /* transports.c has them */
        continue;
      CHECK(calls[call] > 0);
      for (at = 1; at <= calls[call]; at++) {
        for (number = 0; number < sizeof numbers / sizeof numbers[0]; number++) {
          for (stays = 0; stays < 2; stays++) {
            struct sds_smtp_result result;
            int32_t value = numbers[number];
            /* What a callback may say at any time. A lie about octets that it says it has moved is not looked for. */
            int harmless = call == LOCAL_ADDRESS || call == RANDOM || (call == CONNECT && value == 0) ||
                           (call == CONNECTED && value == 1) || (value == 0 && !stays);
            int lie = (call == SEND || call == RECEIVE) && value > 0 && value < 97;

            if ((call == CONNECT && value == 0) || lie || which++ % stride != 0)
              continue;
            begin();
            server.keywords = extensions[extension];
            server.at_once = 40;
            server.wrong_call = (enum call)call;
            server.wrong_at = at;
            server.wrong_value = value;
            server.wrong_stays = (int)stays;
            result = mail();
            CHECK(server.calls[call] >= at);
            if (harmless)
              CHECK(result.code == SDS_SMTP_OK && server.mails == 1);
            else if (call == CONNECT || call == CONNECTED)
              /* Of a certificate that is not trusted the devices' codes have "not ready". */
              CHECK(result.code == (value == 0                              ? SDS_SMTP_TIMEOUT
                                    : value == SDS_SMTP_TRANSPORT_UNTRUSTED ? SDS_SMTP_NOT_READY
                                                                            : SDS_SMTP_CONNECT_FAILED) &&
                    result.phase == SDS_SMTP_PHASE_CONNECT && server.sent == 0);
            if (call == CONNECT)
              CHECK(server.connections == 0 && server.closings == 0);
          }
        }
      }
    }
    the_next_mail_arrives();
  }
}

/* --- octets ------------------------------------------------------------------------------------------------------- */

static void cut(uint32_t extension, size_t at_once, size_t at, int way)
{
  struct sds_smtp_result result;

  begin();
  server.keywords = extensions[extension];
  server.at_once = at_once;
  server.transport.flags = way >= 3 ? SDS_SMTP_TRANSPORT_WAKES : 0;
  *(way == 0   ? &server.sent_break
    : way == 1 ? &server.received_break
    : way == 2 ? &server.half_closed
    : way == 3 ? &server.sent_stall
               : &server.received_stall) = at;
  result = mail();
  if (result.outcome == SDS_SMTP_OUTCOME_UNKNOWN)
    CHECK(result.code == (way >= 3 ? SDS_SMTP_TIMEOUT : SDS_SMTP_DATA_END_FAILED) && !server.accepted);
  if (way >= 3 && result.code != SDS_SMTP_OK) {
    uint32_t wanted = result.phase == SDS_SMTP_PHASE_CONNECT ? 60000u
                      : result.phase == SDS_SMTP_PHASE_DATA  ? 120000u
                      : result.phase == SDS_SMTP_PHASE_TEXT  ? 180000u
                      : result.phase == SDS_SMTP_PHASE_END   ? 600000u
                                                             : 300000u;

    CHECK(result.code == SDS_SMTP_TIMEOUT);
    /* After the envelope the answer to DATA has its time, those to its other commands have theirs. */
    CHECK(result.elapsed_ms == wanted ||
          (result.phase >= SDS_SMTP_PHASE_MAIL && result.phase <= SDS_SMTP_PHASE_DATA && result.elapsed_ms >= 120000u &&
           result.elapsed_ms <= 300000u));
  }
}

static void broken_and_stuck_at_every_octet(size_t stride)
{
  static const size_t at_once[] = {0, 1, 13};
  uint32_t extension, portion;
  size_t at, which = 0;
  int way;

  for (extension = 0; extension < 3; extension++) {
    configure(extension > 0);
    for (portion = 0; portion < 3; portion++) {
      size_t sent, received;

      begin();
      server.keywords = extensions[extension];
      server.at_once = at_once[portion];
      CHECK(mail().code == SDS_SMTP_OK && server.mails == 1);
      sent = server.sent;
      received = server.received;
      CHECK(sent > 300 && received > 100);
      for (way = 0; way < 5; way++) {
        size_t octets = way == 1 || way == 4 ? received : sent;

        for (at = 0; at <= octets; at++)
          if (which++ % stride == 0)
            cut(extension, at_once[portion], at, way);
      }
    }
    the_next_mail_arrives();
  }
}

/* A server that refuses EHLO and closes is asked anew with HELO: both connections are closed, once each. */
static void asked_again_with_helo(void)
{
  static const size_t portions[] = {0, 1, 5};
  struct sds_smtp_result result;
  size_t at, portion;

  configure(0);
  for (portion = 0; portion < 3; portion++) {
    for (at = 26; at < 60; at++) {
      begin();
      server.refused = "EHLO";
      server.refusal = "500 5.5.1 no\r\n";
      server.at_once = portions[portion];
      server.received_break = at;
      result = mail();
      CHECK(server.connections <= 2);
      if (at >= 41 && at < 60)
        CHECK(server.connections == 2 && result.code == SDS_SMTP_OK && memcmp(server.ehlo, "HELO ", 5) == 0);
    }
    begin();
    server.refused = "EHLO";
    server.refusal = "500 5.5.1 no\r\n";
    server.received_break = 41;
    server.wrong_call = CONNECT;
    server.wrong_at = 2;
    server.wrong_value = SDS_SMTP_NO_SOCKET;
    result = mail();
    CHECK(result.code != SDS_SMTP_OK && server.connections == 1 && server.closings == 1);
  }
}

/* A server that says no and still reads: nothing of the mail leaves any more. */
static void nothing_leaves_after_the_verdict(void)
{
  static const char *const steps[] = {"EHLO", "AUTH", "MAIL", "RCPT", "DATA"};
  uint32_t step, extension, moods;

  for (step = 0; step < 5; step++) {
    for (extension = 0; extension < 3; extension++) {
      configure(extension > 0);
      for (moods = 0; moods < 20; moods++) {
        struct sds_smtp_result result;

        begin();
        server.keywords = extensions[extension];
        server.moody = 1;
        server.refused = steps[step];
        server.refusal = moods % 2 ? "421 4.3.2 shutting down\r\n" : "550 5.0.0 no\r\n";
        result = mail();
        if (step == 1 && extension == 0)
          CHECK(result.code == SDS_SMTP_OK);
        else if (result.code != SDS_SMTP_OK)
          CHECK(result.outcome == SDS_SMTP_OUTCOME_NOT_SENT && server.mails == 0);
        else
          CHECK(step == 0 && extension == 0 && moods % 2 == 0); /* HELO was enough */
      }
    }
  }
}

/* --- calls back --------------------------------------------------------------------------------------------------- */

static struct sds_smtp_log_entry own_log[4], other_log[4];
static uint32_t calls_back;

static void call_everything(struct server *of, enum call call)
{
  static const struct sds_smtp_config config = {
      .struct_size = sizeof config, .server = "192.0.2.99", .sender = "intruder@example.test"};
  static const struct sds_smtp_message message = {
      .struct_size = sizeof message, .to = "intruder@example.test", .text = "This must not be seen."};
  static unsigned char memory[SDS_SMTP_CLIENT_SIZE + 1024];
  static struct server second;
  struct sds_smtp_result result;
  struct sds_smtp_log_entry entry = SDS_SMTP_LOG_ENTRY_INIT;
  sds_smtp_client *handles[2];
  int i;

  (void)of;
  (void)call;
  handles[0] = NULL;
  handles[1] = client;
  calls_back++;
  memset(&result, 0xC5, sizeof result);
  result.struct_size = sizeof result;
  entry.code = 77;
  CHECK(sds_smtp_poll(now) == 1 && sds_smtp_poll(now + 1000000) == 1 && sds_smtp_poll(0) == 1);
  CHECK(sds_smtp_configure("192.0.2.99", 0, NULL, NULL, "intruder@example.test") == SDS_SMTP_BUSY);
  CHECK(sds_smtp_send("intruder@example.test", "x", "y") == SDS_SMTP_BUSY);
  CHECK(sds_smtp_send(NULL, NULL, NULL) == SDS_SMTP_BUSY);
  CHECK(sds_smtp_set_transport(NULL) == SDS_SMTP_BUSY && sds_smtp_set_transport(&second.transport) != SDS_SMTP_OK);
  CHECK(sds_smtp_client_init(memory, sizeof memory) == NULL);
  CHECK(sds_smtp_client_init(storage, sizeof storage) == NULL);
  sds_smtp_set_clock(NULL, NULL);
  for (i = 0; i < 2; i++) {
    int status = sds_smtp_client_status(handles[i]);

    CHECK(sds_smtp_client_configure(handles[i], &config) == SDS_SMTP_BUSY);
    CHECK(sds_smtp_client_send(handles[i], &message) == SDS_SMTP_BUSY);
    CHECK(sds_smtp_client_send(handles[i], NULL) == SDS_SMTP_BUSY);
    CHECK(sds_smtp_client_probe(handles[i]) == SDS_SMTP_BUSY);
    CHECK(sds_smtp_client_cancel(handles[i]) == SDS_SMTP_BUSY);
    CHECK(sds_smtp_client_result(handles[i], &result) == SDS_SMTP_BUSY && result.outcome == 0xC5C5C5C5u);
    CHECK(sds_smtp_client_log(handles[i], &entry, 1) == 0 && entry.code == 77);
    CHECK(sds_smtp_client_set_log(handles[i], other_log, 4) == SDS_SMTP_BUSY);
    CHECK(sds_smtp_client_set_transport(handles[i], NULL) == SDS_SMTP_BUSY);
    sds_smtp_client_free(handles[i]); /* does nothing */
    CHECK(sds_smtp_client_status(handles[i]) == status && status == sds_smtp_status());
    if (status == SDS_SMTP_BAD_HANDLE) /* it is being freed */
      CHECK(sds_smtp_program_status() > 256 && sds_smtp_program_status() != 277);
    else
      CHECK(sds_smtp_program_status() == (status == SDS_SMTP_BUSY ? 277u : 256u + (unsigned)status));
  }
  CHECK(sds_smtp_client_status((sds_smtp_client *)(void *)memory) == SDS_SMTP_BAD_HANDLE);
  CHECK(sds_smtp_strerror(14) != NULL && sds_smtp_version() != NULL);
}

static uint32_t clock_time;

static uint32_t unix_time(void *context)
{
  CHECK(context == &clock_time);
  if (server.inside != NULL)
    call_everything(&server, CALLS);
  return clock_time;
}

static size_t text_length;

static int32_t read_text(void *context, uint32_t offset, char *out, size_t max)
{
  size_t i, length = text_length - offset < max ? text_length - offset : max;

  CHECK(context == &text_length);
  if (server.inside != NULL)
    call_everything(&server, CALLS);
  for (i = 0; i < length; i++)
    out[i] = (char)('a' + (offset + i) % 26);
  return (int32_t)length;
}

static void each_callback_calls_everything(void)
{
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
  struct sds_smtp_log_entry entry = SDS_SMTP_LOG_ENTRY_INIT;
  static char text[4000];
  uint32_t extension, i;

  clock_time = 1795000000u;
  message.to = "someone@example.test";
  message.read = read_text;
  message.read_context = &text_length;
  text_length = 500;
  for (extension = 0; extension < 3; extension++) {
    sds_smtp_set_clock(unix_time, &clock_time);
    CHECK(sds_smtp_client_set_log(client, own_log, 4) == SDS_SMTP_OK);
    configure(extension > 0);
    for (i = 0; i < 3; i++) {
      begin();
      server.keywords = extensions[extension];
      server.at_once = i == 1 ? 9 : 0;
      server.inside = call_everything;
      calls_back = 0;
      CHECK(sds_smtp_client_send(client, &message) == SDS_SMTP_OK);
      poll_until_status(client);
      CHECK(result_of(client, &server).code == SDS_SMTP_OK);
      poll_until_idle();
      CHECK(calls_back > 20 && server.mails == 1 && server.connections == 1 && server.closings == 1);
      CHECK(server.address.octets[3] == 1 && has_header(&server, "Date: ") && has_header(&server, "From: unit7@example"));
      CHECK(decoded_text(&server, text, sizeof text) == text_length + 2 && text[499] == 'a' + 499 % 26);
      CHECK(sds_smtp_client_log(client, &entry, 1) == 1 && entry.time_ms == 1795000000000 && entry.code == SDS_SMTP_OK);
    }
    CHECK(sds_smtp_client_log(client, NULL, 0) == 3);
  }
  /* Out of close, in a client that ends, and in one whose transport is taken away. */
  for (i = 0; i < 2; i++) {
    begin();
    server.inside = call_everything;
    server.unanswered = i == 0 ? "220" : "QUIT";
    CHECK(sds_smtp_client_send(client, &message) == SDS_SMTP_OK);
    if (i == 0)
      sds_smtp_poll(now);
    else
      poll_until_status(client);
    CHECK(server.open);
    calls_back = 0;
    if (i == 0) {
      sds_smtp_client_free(client);
      CHECK(sds_smtp_client_status(client) == SDS_SMTP_BAD_HANDLE);
      client = sds_smtp_client_init(storage, sizeof storage);
      CHECK(client != NULL);
      CHECK(server.calls[CLOSE] == 1);
      CHECK(sds_smtp_set_transport(&server.transport) == SDS_SMTP_OK);
      configure(0);
    } else {
      CHECK(sds_smtp_set_transport(NULL) == SDS_SMTP_OK);
      CHECK(calls_back == 1 && server.closings == 1);
      CHECK(sds_smtp_set_transport(&server.transport) == SDS_SMTP_OK);
    }
    poll_until_idle();
  }
  sds_smtp_set_clock(NULL, NULL);
  CHECK(sds_smtp_client_set_log(client, NULL, 0) == SDS_SMTP_OK);
}

/* --- what a device may not have ----------------------------------------------------------------------------------- */

static char message_id[320];

static void mail_with(int clock, int random, int local)
{
  struct sds_smtp_transport all = server.transport;
  struct sds_smtp_result result;
  /* Something that no other device and no other start has. */
  int known = random || (clock && local);

  begin();
  clock_time = 1795000000u;
  sds_smtp_set_clock(clock ? unix_time : NULL, &clock_time);
  if (!random)
    server.transport.random = NULL;
  if (!local)
    server.transport.local_address = NULL;
  CHECK(sds_smtp_set_transport(&server.transport) == SDS_SMTP_OK);
  result = mail();
  CHECK(result.code == SDS_SMTP_OK);
  CHECK(has_header(&server, "Date: ") == clock);
  CHECK(has_header(&server, "Message-ID: <") == known);
  CHECK((result.message_id[0] == '<') == known);
  if (known) {
    char line[340];

    snprintf(line, sizeof line, "Message-ID: %s\r\n", result.message_id);
    CHECK(strstr(server.mail, line) != NULL);
    CHECK(strcmp(message_id, result.message_id) != 0);
    strcpy(message_id, result.message_id);
  }
  CHECK(strcmp(server.ehlo, local ? "EHLO [192.168.1.250]" : "EHLO [127.0.0.1]") == 0);
  server.transport = all;
  sds_smtp_set_clock(NULL, NULL);
}

static int32_t sixth_version(void *context, struct sds_smtp_address *out)
{
  (void)context;
  memset(out, 0, sizeof *out);
  out->version = 6;
  out->octets[0] = 0x20;
  out->octets[1] = 0x01;
  out->octets[15] = 7;
  return 0;
}

static int32_t no_version(void *context, struct sds_smtp_address *out)
{
  (void)context;
  memset(out, 0xFF, sizeof *out);
  return 0;
}

static void clock_random_and_address_may_be_missing(void)
{
  struct sds_smtp_transport all = server.transport;
  int which;

  configure(0);
  for (which = 0; which < 16; which++) {
    now += 1;
    mail_with(which & 1, which & 2, which & 4);
  }
  /* A clock that does not know the time yet is none. */
  begin();
  clock_time = 0;
  sds_smtp_set_clock(unix_time, &clock_time);
  server.transport.random = NULL;
  CHECK(mail().code == SDS_SMTP_OK && !has_header(&server, "Date: ") && !has_header(&server, "Message-ID: "));
  sds_smtp_set_clock(NULL, NULL);
  server.transport = all;
  begin();
  server.transport.local_address = sixth_version;
#ifdef SMALL /* without the feature "complete" */
  CHECK(mail().code == SDS_SMTP_OK && strcmp(server.ehlo, "EHLO [127.0.0.1]") == 0);
#else
  CHECK(mail().code == SDS_SMTP_OK && strcmp(server.ehlo, "EHLO [IPv6:2001:0:0:0:0:0:0:7]") == 0);
#endif
  begin();
  server.transport.local_address = no_version;
  CHECK(mail().code == SDS_SMTP_OK && strcmp(server.ehlo, "EHLO [127.0.0.1]") == 0);
  server.transport = all;
}

/* --- a transport that speaks TLS ------------------------------------------------------------------------------------ */

static int handshakes, handshake_fails;

static int32_t handshake(void *context, const char *server_name)
{
  CHECK(context == server.transport.context && server_name == NULL); /* an address was configured */
  /* Nothing of the mail has passed before it is done. */
  CHECK(server.open && server.ehlo[0] == 0);
  if (++handshakes < 3)
    return 0;
  server.secured = !handshake_fails;
  return handshake_fails ? SDS_SMTP_LOST : 1;
}

static void a_connection_is_secured_before_a_word_is_said(void)
{
  struct sds_smtp_transport all = server.transport;
  struct sds_smtp_result result;

  configure(0);
  for (handshake_fails = 0; handshake_fails < 2; handshake_fails++) {
    begin();
    server.ehlo[0] = 0;
    handshakes = 0;
    server.transport.start_tls = handshake;
    CHECK(sds_smtp_set_transport(&server.transport) == SDS_SMTP_OK);
    result = mail();
    CHECK(handshakes == 3);
    CHECK(result.code == (handshake_fails ? SDS_SMTP_CONNECT_FAILED : SDS_SMTP_OK));
    CHECK((server.ehlo[0] == 0) == handshake_fails);
  }
  server.transport = all;
}

/* Two devices that connect in the same millisecond, and one that sends two mails within it: without random numbers, too,
   their mails have different Message-IDs. */
static void message_ids_differ_without_random_numbers(void)
{
  static unsigned char memory[SDS_SMTP_CLIENT_SIZE + 1024];
  static struct server second;
  struct sds_smtp_transport all = server.transport;
  char seen[24][320];
  sds_smtp_client *clients[2];
  int i, j, count = 0, round;

  clients[0] = client;
  clients[1] = sds_smtp_client_init(memory, sizeof memory);
  CHECK(clients[1] != NULL);
  server_init(&second);
  begin();
  server.transport.random = second.transport.random = NULL;
  clock_time = 1795000000u;
  sds_smtp_set_clock(unix_time, &clock_time);
  configure(0);
  CHECK(sds_smtp_client_set_transport(clients[1], &second.transport) == SDS_SMTP_OK);
  for (round = 0; round < 10; round++) {
    struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
    struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;

    config.server = "192.0.2.1";
    config.sender = "unit7@example.test";
    message.to = "someone@example.test";
    if (round == 0)
      CHECK(sds_smtp_client_configure(clients[1], &config) == SDS_SMTP_OK);
    for (i = 0; i < 2; i++)
      CHECK(sds_smtp_client_send(clients[i], &message) == SDS_SMTP_OK);
    for (i = 0; i < 200; i++)
      sds_smtp_poll(now);
    for (i = 0; i < 2; i++) {
      struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;

      CHECK(sds_smtp_client_result(clients[i], &result) == SDS_SMTP_OK && result.code == SDS_SMTP_OK);
      for (j = 0; j < count; j++)
        CHECK(strcmp(seen[j], result.message_id) != 0);
      strcpy(seen[count++], result.message_id);
    }
  }
  sds_smtp_set_clock(NULL, NULL);
  sds_smtp_client_free(clients[1]);
  server.transport = all;
}

/* --- when a poll is wanted ---------------------------------------------------------------------------------------- */

static void a_transport_that_wakes_is_left_alone(void)
{
  static const struct {
    const char *unanswered;
    uint32_t limit;
  } steps[] = {{"220", 300000}, {"EHLO", 300000}, {"AUTH", 300000}, {"MAIL", 300000},
               {"RCPT", 300000}, {"DATA", 120000}, {".", 600000}};
  uint32_t step, wait, wakes;

  configure(1);
  for (wakes = 0; wakes < 2; wakes++) {
    for (step = 0; step < sizeof steps / sizeof steps[0]; step++) {
      struct sds_smtp_result result;
      uint32_t started, polls = 0;

      begin();
      server.keywords = extensions[1];
      server.transport.flags = wakes;
      server.unanswered = steps[step].unanswered;
      CHECK(sds_smtp_send("someone@example.test", "alarm", "text") == SDS_SMTP_OK);
      started = now;
      while ((wait = sds_smtp_poll(now)) == 0)
        CHECK(++polls < 100);
      if (wakes) {
        CHECK(wait == steps[step].limit);
        CHECK(sds_smtp_poll(now + wait - 1) == 1 && sds_smtp_status() == SDS_SMTP_BUSY);
        CHECK(sds_smtp_poll(now + wait) == SDS_SMTP_NO_LIMIT);
        now += wait;
      } else {
        CHECK(wait >= 1 && wait <= 10);
        poll_until_status(client);
      }
      result = result_of(client, &server);
      CHECK(result.code == SDS_SMTP_TIMEOUT && result.elapsed_ms == steps[step].limit && now - started >= steps[step].limit);
      poll_until_idle();
    }
  }
}

static int later;

static int32_t read_later(void *context, uint32_t offset, char *out, size_t max)
{
  (void)context;
  if (later > 0 && --later > 0)
    return SDS_SMTP_READ_LATER;
  if (offset > 0)
    return 0;
  CHECK(max >= 4);
  memcpy(out, "text", 4);
  return 4;
}

/* The connection wakes the program; the source of the text does not. */
static void a_text_that_comes_later_is_asked_for_soon(void)
{
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
  uint32_t started = now;

  configure(0);
  begin();
  server.transport.flags = SDS_SMTP_TRANSPORT_WAKES;
  message.to = "someone@example.test";
  message.read = read_later;
  later = 20;
  CHECK(sds_smtp_client_send(client, &message) == SDS_SMTP_OK);
  poll_until_status(client);
  CHECK(result_of(client, &server).code == SDS_SMTP_OK && server.mails == 1);
  CHECK(now - started <= 1000);
  poll_until_idle();
}

/* A time limit as long as it can be: a mail in flight is never taken for none, nor is a poll wanted later than the clock allows. */
static void the_longest_time_limits(void)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  uint32_t wait;

  config.server = "192.0.2.1";
  config.sender = "unit7@example.test";
  config.connect_timeout_ms = config.greeting_timeout_ms = config.total_timeout_ms = 0xFFFFFFFFu;
  CHECK(sds_smtp_client_configure(NULL, &config) == SDS_SMTP_OK);
  begin();
  server.transport.flags = SDS_SMTP_TRANSPORT_WAKES;
  server.received_stall = 0;
  CHECK(sds_smtp_send("someone@example.test", "alarm", "text") == SDS_SMTP_OK);
  while ((wait = sds_smtp_poll(now)) == 0) {
  }
  CHECK(sds_smtp_status() == SDS_SMTP_BUSY);
  CHECK(wait <= 0x7FFFFFFFu); /* 24 days */
  sds_smtp_poll(now - 1);
  CHECK(sds_smtp_status() == SDS_SMTP_BUSY);
  poll_until_status(client);
  CHECK(result_of(client, &server).code == SDS_SMTP_TIMEOUT);
  poll_until_idle();
  configure(0);
}

/* What one call of sds_smtp_poll() does is bounded, however much there is to do. */
static void a_poll_ends(void)
{
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
  static char text[100001];
  uint32_t polls = 0, i;

  configure(0);
  begin();
  memset(text, 'x', 100000);
  for (i = 500; i < 100000; i += 501)
    text[i] = '\n';
  message.to = "someone@example.test";
  message.flags = SDS_SMTP_BORROW_TEXT;
  message.text = text;
  CHECK(sds_smtp_client_send(client, &message) == SDS_SMTP_OK);
  while (sds_smtp_status() == SDS_SMTP_BUSY) {
    uint32_t before = server.calls[SEND] + server.calls[RECEIVE], wait = sds_smtp_poll(now);

    CHECK(server.calls[SEND] + server.calls[RECEIVE] - before <= 20);
    CHECK(wait == 0 || server.calls[SEND] > 0 || server.calls[RECEIVE] > 0);
    CHECK(++polls < 5000);
  }
  CHECK(polls > 200 && result_of(client, &server).code == SDS_SMTP_OK);
  poll_until_idle();
}

int main(int argc, char **argv)
{
  size_t stride = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 1;

  seed(20261121);
  server_init(&server);
  client = sds_smtp_client_init(storage, sizeof storage);
  CHECK(client != NULL);
  CHECK(sds_smtp_set_transport(&server.transport) == SDS_SMTP_OK);
  a_transport_that_wakes_is_left_alone();
  a_text_that_comes_later_is_asked_for_soon();
  the_longest_time_limits();
  a_poll_ends();
  clock_random_and_address_may_be_missing();
  a_connection_is_secured_before_a_word_is_said();
  message_ids_differ_without_random_numbers();
  each_callback_calls_everything();
  asked_again_with_helo();
  nothing_leaves_after_the_verdict();
  broken_and_stuck_at_every_octet(stride);
  each_call_returns_each_number(stride);
  the_next_mail_arrives();
  printf("callbacks: %u mails, all as documented\n", (unsigned)runs);
  return 0;
}
