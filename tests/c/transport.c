/*
 * transport - connections that functions of the program carry
 *
 *     transport
 *
 * The server is a part of the functions, and takes every mail. Each case is a process of its own. Exit code 0: every case was
 * right.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "server.h"

#define CASE_SECONDS 100

enum function { CONNECT, CONNECTED, SEND, RECEIVE, CLOSE, LOCAL, TLS, RESOLVE, DESCRIPTOR, FUNCTIONS };

/* The server, and what its functions do. */
static struct wire {
  struct peer peer;           /* what the client has said and no whole line is yet */
  char says[4096];            /* what the server has to say */
  size_t said, length;
  size_t most;                /* octets that are moved at a time */
  int open, silent, accepted; /* accepted: mails that it has answered with 250 */
  int calls, of[FUNCTIONS], connects, closes;
  int fails_at, fails_with;   /* the call with this number returns this */
  int tls_after, tls_result, resolve_after, resolve_result, close_after;
  int descriptor;
  int overlaps, inside;
  unsigned address_port;
  char tls_name[64], name[64];
  void (*calls_back)(enum function function);
} wire;

static sds_smtp_client *volatile own;
static volatile int wrong;

static void sleep_ms(unsigned milliseconds)
{
  struct timespec time;

  time.tv_sec = milliseconds / 1000u;
  time.tv_nsec = (long)(milliseconds % 1000u) * 1000000;
  nanosleep(&time, NULL);
}

static void server_says(const char *words)
{
  size_t length = strlen(words);

  if (wire.silent || wire.length + length > sizeof wire.says)
    return;
  memcpy(wire.says + wire.length, words, length);
  wire.length += length;
}

static void server_hears(const unsigned char *octets, size_t length)
{
  size_t i;

  for (i = 0; i < length; i++) {
    char *line = wire.peer.octets;

    if (wire.peer.used < sizeof wire.peer.octets - 1)
      line[wire.peer.used++] = (char)octets[i];
    if (octets[i] == '\n') {
      const char *reply;
      int ends_text;

      line[wire.peer.used - 2] = '\0';
      ends_text = is_verb(&wire.peer, line, ".");
      reply = reply_to(&wire.peer, line);
      wire.accepted += ends_text;
      if (reply != NULL)
        server_says(reply);
      wire.peer.used = 0;
    }
  }
}

/* Counts a call; whether it is the one that fails. */
static int enters(enum function function)
{
  wire.overlaps |= __sync_lock_test_and_set(&wire.inside, 1);
  wire.of[function]++;
  if (wire.calls_back != NULL)
    wire.calls_back(function);
  return ++wire.calls == wire.fails_at;
}

static int32_t leaves(int32_t result)
{
  __sync_lock_release(&wire.inside);
  return result;
}

static int32_t do_connect(void *context, const sds_smtp_address *server)
{
  int fails = enters(CONNECT);

  wrong |= context != &wire || wire.open || server->version != 4;
  wire.address_port = server->port;
  if (fails)
    return leaves(wire.fails_with);
  wire.connects++;
  wire.open = 1;
  wire.said = wire.length = 0;
  memset(&wire.peer, 0, sizeof wire.peer);
  server_says("220 wire ready\r\n");
  return leaves(0);
}

static int32_t do_connected(void *context)
{
  int fails = enters(CONNECTED);

  wrong |= context != &wire || !wire.open;
  /* With a descriptor nobody would ask again. */
  return leaves(fails ? wire.fails_with : wire.descriptor >= 0 || wire.of[CONNECTED] % 3 == 0);
}

static int32_t do_send(void *context, const uint8_t *octets, size_t length)
{
  int fails = enters(SEND);
  size_t taken = length < wire.most ? length : wire.most;

  wrong |= context != &wire || !wire.open || length == 0;
  if (fails)
    return leaves(wire.fails_with > 0 ? (int32_t)length + wire.fails_with : wire.fails_with);
  server_hears(octets, taken);
  return leaves((int32_t)taken);
}

static int32_t do_receive(void *context, uint8_t *octets, size_t max)
{
  int fails = enters(RECEIVE);
  size_t there = wire.length - wire.said, given = there < wire.most ? there : wire.most;

  wrong |= context != &wire || !wire.open || max == 0;
  if (fails)
    return leaves(wire.fails_with > 0 ? (int32_t)max + wire.fails_with : wire.fails_with);
  if (given > max)
    given = max;
  memcpy(octets, wire.says + wire.said, given);
  wire.said += given;
  if (wire.said == wire.length)
    wire.said = wire.length = 0;
  return leaves((int32_t)given);
}

static int32_t do_close(void *context)
{
  int fails = enters(CLOSE);

  wrong |= context != &wire || !wire.open;
  if (!fails && wire.close_after-- > 0)
    return leaves(wire.close_after % 2 == 0 ? SDS_SMTP_TRANSPORT_AGAIN : 0);
  wire.closes++;
  wire.open = 0;
  return leaves(1);
}

static int32_t do_local(void *context, sds_smtp_address *out)
{
  static const uint8_t address[4] = {192, 0, 2, 7};
  int fails = enters(LOCAL);

  wrong |= context != &wire;
  out->version = fails && wire.fails_with > 0 ? (uint32_t)wire.fails_with : 4u;
  memcpy(out->octets, address, sizeof address);
  return leaves(fails && wire.fails_with < 0 ? wire.fails_with : 0);
}

static int32_t do_tls(void *context, const char *server_name)
{
  int fails = enters(TLS);

  wrong |= context != &wire || !wire.open;
  strncpy(wire.tls_name, server_name != NULL ? server_name : "(none)", sizeof wire.tls_name - 1);
  if (fails)
    return leaves(wire.fails_with);
  if (wire.tls_after-- > 0)
    return leaves(wire.tls_after % 2 == 0 ? SDS_SMTP_TRANSPORT_AGAIN : 0);
  return leaves(wire.tls_result);
}

static int32_t do_resolve(void *context, const char *name, sds_smtp_address *out)
{
  static const uint8_t address[4] = {192, 0, 2, 9};
  int fails = enters(RESOLVE);

  wrong |= context != &wire || wire.open;
  strncpy(wire.name, name, sizeof wire.name - 1);
  if (fails)
    return leaves(wire.fails_with);
  if (wire.resolve_after-- > 0)
    return leaves(wire.resolve_after % 2 == 0 ? SDS_SMTP_TRANSPORT_AGAIN : 0);
  out->version = 4;
  memcpy(out->octets, address, sizeof address);
  return leaves(wire.resolve_result);
}

static intptr_t do_descriptor(void *context)
{
  int fails = enters(DESCRIPTOR);

  wrong |= context != &wire;
  leaves(0);
  return fails ? wire.fails_with : wire.descriptor;
}

/* A transport with the functions that every connection needs; with all of them. */
static sds_smtp_transport transport_of(int all)
{
  sds_smtp_transport transport = SDS_SMTP_TRANSPORT_INIT;

  transport.context = &wire;
  transport.connect = do_connect;
  transport.connected = do_connected;
  transport.send = do_send;
  transport.receive = do_receive;
  transport.close = do_close;
  if (all) {
    transport.local_address = do_local;
    transport.start_tls = do_tls;
    transport.resolve = do_resolve;
    transport.descriptor = do_descriptor;
  }
  return transport;
}

static void begin(int all)
{
  sds_smtp_transport transport = transport_of(all);

  memset(&wire, 0, sizeof wire);
  wire.most = sizeof wire.says;
  wire.tls_result = wire.resolve_result = 1;
  wire.descriptor = -1;
  if (own == NULL)
    own = sds_smtp_client_new();
  CHECK_IS(sds_smtp_client_set_transport(own, &transport), SDS_SMTP_OK);
  CHECK_IS(configure(own, 2525, 0), SDS_SMTP_OK);
}

static void configure_names(const char *server, uint32_t retries)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;

  config.server = server;
  config.sender = "device@example.com";
  config.flags = SDS_SMTP_KEEP_DIALOGUE;
  config.retry_max = retries;
  config.retry_delay_ms = 1;
  CHECK_IS(sds_smtp_client_configure(own, &config), SDS_SMTP_OK);
}

/* After a mail: waits until its connection is closed. */
static void is_closed(void)
{
  uint64_t begun = now_ms();

  while (__sync_fetch_and_add(&wire.open, 0) && now_ms() - begun < PATIENCE_MS)
    sleep_ms(1);
  CHECK_IS(wire.open, 0);
  CHECK_IS(wire.closes, wire.connects);
  CHECK(!wrong && !wire.overlaps);
}

static void a_mail_goes_octet_by_octet(void)
{
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;
  int all;

  for (all = 0; all < 2; all++) {
    begin(all);
    wire.most = 1;
    wire.tls_after = 5;
    CHECK_IS(deliver(own, "transport, octets"), SDS_SMTP_OK);
    is_closed();
    CHECK(wire.accepted == 1 && wire.connects == 1 && wire.address_port == 2525u);
    CHECK_IS(sds_smtp_client_result(own, &result), SDS_SMTP_OK);
    CHECK_IS(strcmp(result.server, "127.0.0.1:2525"), 0);
    CHECK_IS(wire.of[TLS], all ? 6 : 0);
    CHECK_IS(strcmp(wire.tls_name, all ? "(none)" : ""), 0);
    CHECK_IS(wire.of[RESOLVE], 0);
  }
}

/* Whatever a function returns, in whatever call: the mail ends, is sent where the server has taken it, and each connection is
 * closed. */
static void a_failure_in_any_call_ends_the_mail(void)
{
  static const int with[] = {-1, -2, -3, -4, -5, -6, -99, 1000, 3};
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;
  int number, calls;
  size_t i;

  begin(1);
  configure_names("mail.example.org", 0);
  CHECK_IS(deliver(own, "transport, whole"), SDS_SMTP_OK);
  is_closed();
  calls = wire.calls;
  CHECK(calls > 30);
  for (i = 0; i < sizeof with / sizeof with[0]; i++)
    for (number = 1; number <= calls; number++) {
      int code;

      begin(1);
      configure_names("mail.example.org", 0);
      wire.fails_at = number;
      wire.fails_with = with[i];
      code = deliver(own, "transport, fails");
      CHECK_IS_NOT(code, SDS_SMTP_BUSY);
      is_closed();
      CHECK_IS(sds_smtp_client_result(own, &result), SDS_SMTP_OK);
      CHECK(result.outcome != SDS_SMTP_OUTCOME_SENT || wire.accepted == 1);
      CHECK(result.outcome != SDS_SMTP_OUTCOME_NOT_SENT || wire.accepted == 0);
      CHECK((code == SDS_SMTP_OK) == (result.outcome == SDS_SMTP_OUTCOME_SENT));
    }
}

static void tls_and_names_have_codes_of_their_own(void)
{
  begin(1);
  configure_names("mail.example.org.", 0);
  wire.tls_after = 4;
  wire.resolve_after = 4;
  CHECK_IS(deliver(own, "transport, name"), SDS_SMTP_OK);
  is_closed();
  CHECK_IS(wire.of[RESOLVE], 5);
  CHECK_IS(strcmp(wire.name, "mail.example.org"), 0);
  CHECK_IS(strcmp(wire.tls_name, "mail.example.org"), 0);
  begin(1);
  wire.tls_result = SDS_SMTP_TRANSPORT_UNTRUSTED;
  CHECK_IS(deliver(own, "transport, untrusted"), SDS_SMTP_TLS_UNTRUSTED);
  is_closed();
  begin(1);
  wire.tls_result = SDS_SMTP_TRANSPORT_TLS_FAILED;
  CHECK_IS(deliver(own, "transport, no TLS"), SDS_SMTP_TLS_FAILED);
  is_closed();
  begin(1);
  configure_names("mail.example.org", 0);
  wire.resolve_result = SDS_SMTP_LOST;
  CHECK_IS(deliver(own, "transport, no name"), SDS_SMTP_NAME_NOT_FOUND);
  CHECK_IS(wire.connects, 0);
  /* Without a function for it, the system is asked. */
  begin(0);
  configure_names("localhost:2526", 0);
  CHECK_IS(deliver(own, "transport, localhost"), SDS_SMTP_OK);
  is_closed();
  CHECK(wire.address_port == 2526u);
}

static void the_next_server_and_the_next_attempt_are_tried(void)
{
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;
  char dialogue[512];

  begin(1);
  configure_names("192.0.2.1,192.0.2.2:2526", 0);
  wire.fails_at = 1;
  wire.fails_with = SDS_SMTP_REFUSED;
  CHECK_IS(deliver(own, "transport, second server"), SDS_SMTP_OK);
  is_closed();
  CHECK_IS(sds_smtp_client_result(own, &result), SDS_SMTP_OK);
  CHECK_IS(strcmp(result.server, "192.0.2.2:2526"), 0);
  /* A name without an address: the result does not show the server before. */
  begin(1);
  configure_names("192.0.2.1,mail.example.org:2526", 0);
  wire.fails_at = 1;
  wire.fails_with = SDS_SMTP_REFUSED;
  wire.resolve_result = SDS_SMTP_LOST;
  CHECK_IS(deliver(own, "transport, second server without an address"), SDS_SMTP_NAME_NOT_FOUND);
  is_closed();
  CHECK_IS(sds_smtp_client_result(own, &result), SDS_SMTP_OK);
  CHECK_IS(strcmp(result.server, "mail.example.org:2526"), 0);
  sds_smtp_client_dialogue(own, dialogue, sizeof dialogue);
  CHECK_IS(strcmp(dialogue,
                  "# connecting to 192.0.2.1:25\n# 192.0.2.1:25: connection refused\n# next server\n"
                  "# looking up mail.example.org\n# mail.example.org: the server's name has no address\n"),
           0);
  begin(1);
  configure_names("192.0.2.1", 3);
  wire.fails_at = 6;
  wire.fails_with = SDS_SMTP_LOST;
  CHECK_IS(deliver(own, "transport, second attempt"), SDS_SMTP_OK);
  is_closed();
  CHECK_IS(sds_smtp_client_result(own, &result), SDS_SMTP_OK);
  CHECK(result.attempts == 2 && wire.connects == 2);
}

/* A connection is closed before the next one is made, however long that takes; but not longer than a second. */
static void closing_takes_its_time(void)
{
  uint64_t begun;
  int i;

  begin(0);
  wire.close_after = 20;
  for (i = 0; i < 3; i++)
    CHECK_IS(deliver(own, "transport, closes slowly"), SDS_SMTP_OK);
  is_closed();
  CHECK_IS(wire.of[CLOSE], 23);
  begin(0);
  wire.close_after = 1 << 20;
  CHECK_IS(deliver(own, "transport, never closes"), SDS_SMTP_OK);
  begun = now_ms();
  sleep_ms(1500);
  i = wire.of[CLOSE];
  CHECK(i > 10);
  sleep_ms(100);
  CHECK_IS(wire.of[CLOSE], i);
  CHECK(now_ms() - begun >= 1000u);
}

/* With a descriptor nothing is asked while nothing happens. */
static void a_descriptor_is_waited_on(void)
{
  int ends[2], before, turns;

  CHECK(pipe(ends) == 0);
  begin(1);
  wire.descriptor = ends[0];
  wire.silent = 1;
  CHECK_IS(start_mail(own, "transport, descriptor"), SDS_SMTP_OK);
  /* On a machine with much to do it takes its time until nothing happens. */
  for (turns = 0; turns < 20; turns++) {
    before = wire.calls;
    sleep_ms(300);
    if (wire.calls - before <= 2)
      break;
  }
  CHECK(turns < 20);
  wire.silent = 0;
  memcpy(wire.says, "220 late\r\n", 10);
  wire.length = 10;
  CHECK(write(ends[1], "x", 1) == 1);
  CHECK_IS(sds_smtp_client_wait(own, PATIENCE_MS), SDS_SMTP_OK);
  is_closed();
  /* A descriptor that cannot be waited on: the functions are asked. */
  begin(1);
  wire.descriptor = 999999;
  CHECK_IS(deliver(own, "transport, no descriptor"), SDS_SMTP_OK);
  is_closed();
  /* Nor does it hurt where it is one of the library's own. */
  for (before = 0; before < 40; before++) {
    begin(1);
    wire.descriptor = before;
    CHECK_IS(deliver(own, "transport, any descriptor"), SDS_SMTP_OK);
    is_closed();
  }
}

static void call_everything(enum function function)
{
  sds_smtp_transport transport = transport_of(0);
  intptr_t descriptor;
  int code;

  wrong |= sds_smtp_poll(0) != 0 || sds_smtp_shutdown(0) != SDS_SMTP_BUSY;
  wrong |= sds_smtp_client_wait(own, SDS_SMTP_NO_LIMIT) != SDS_SMTP_BUSY;
  code = sds_smtp_client_status(own);
  if (code == SDS_SMTP_BUSY) {
    wrong |= sds_smtp_client_set_transport(own, &transport) != SDS_SMTP_BUSY;
    wrong |= start_mail(own, "transport, busy") != SDS_SMTP_BUSY;
  }
  wrong |= configure(own, 2525, 0) != SDS_SMTP_OK;
  wrong |= sds_smtp_client_refusal(own, NULL, 0) != 0;
  sds_smtp_use_event_loop(&descriptor);
  if (wire.of[function] % 7 == 0) {
    sds_smtp_client *other = sds_smtp_client_new();

    wrong |= configure(other, 9, 0) != SDS_SMTP_OK || start_mail(other, "transport, other") != SDS_SMTP_OK;
    sds_smtp_client_free(other);
  }
}

static void functions_call_everything(void)
{
  begin(1);
  wire.most = 1;
  wire.calls_back = call_everything;
  CHECK_IS(deliver(own, "transport, everything"), SDS_SMTP_OK);
  is_closed();
  CHECK_IS(wire.accepted, 1);
}

static uint64_t had_left;
static int on_its_way;

/* What has left does not become less, wherever the mail is; and in the end it is all. */
static void ask_how_far(enum function function)
{
  uint64_t sent = 0, whole = 0;

  (void)function;
  wrong |= sds_smtp_client_progress(own, &sent, &whole) != SDS_SMTP_OK || sent < had_left || (whole > 0 && sent > whole);
  on_its_way += sent > had_left && sds_smtp_client_status(own) == SDS_SMTP_BUSY;
  had_left = sent;
}

static void functions_ask_how_far_it_is(void)
{
  uint64_t sent = 0;

  begin(1);
  wire.most = 1;
  wire.calls_back = ask_how_far;
  CHECK_IS(deliver(own, "transport, progress"), SDS_SMTP_OK);
  is_closed();
  CHECK_IS(sds_smtp_client_progress(own, &sent, NULL), SDS_SMTP_OK);
  CHECK(on_its_way >= 10 && sent == had_left);
}

static enum function at;

static void cancel_there(enum function function)
{
  if (function == at)
    sds_smtp_client_cancel(own);
}

static void free_there(enum function function)
{
  if (function == at && own != NULL) {
    sds_smtp_client_free(own);
    own = NULL;
    wire.calls = -1000000;
  }
}

static void functions_cancel(void)
{
  int function;

  for (function = CONNECT; function < FUNCTIONS; function++) {
    begin(1);
    configure_names("mail.example.org", 0);
    at = (enum function)function;
    wire.calls_back = cancel_there;
    CHECK_IS(deliver(own, "transport, cancelled"), function == CLOSE ? SDS_SMTP_OK : SDS_SMTP_CANCELLED);
    is_closed();
  }
}

/* After free nothing is called: from inside a function not even close. */
static void functions_free(void)
{
  int function, calls;

  for (function = CONNECT; function < FUNCTIONS; function++) {
    begin(1);
    configure_names("mail.example.org", 0);
    at = (enum function)function;
    wire.calls_back = free_there;
    CHECK_IS(start_mail(own, "transport, freed inside"), SDS_SMTP_OK);
    while (__sync_fetch_and_add(&wire.calls, 0) >= 0)
      sleep_ms(1);
    sleep_ms(30);
    calls = wire.calls;
    CHECK(calls == -999999);
    sleep_ms(30);
    CHECK_IS(wire.calls, calls);
  }
}

static void free_closes_and_nothing_is_called_after_it(void)
{
  int round, calls;

  for (round = 0; round < 60; round++) {
    begin(round % 2);
    wire.silent = round % 3 == 0;
    wire.most = 1;
    CHECK_IS(start_mail(own, "transport, freed"), SDS_SMTP_OK);
    sleep_ms((unsigned)(round % 20));
    sds_smtp_client_free(own);
    own = NULL;
    calls = wire.calls;
    CHECK_IS(wire.open, 0);
    CHECK_IS(wire.closes, wire.connects);
    CHECK(!wrong);
    sleep_ms(10);
    CHECK_IS(wire.calls, calls);
  }
}

static void another_transport_closes_the_one_before(void)
{
  int calls;

  begin(0);
  CHECK_IS(deliver(own, "transport, the one before"), SDS_SMTP_OK);
  CHECK_IS(sds_smtp_client_set_transport(own, NULL), SDS_SMTP_OK);
  CHECK(!wire.open && wire.closes == 1);
  calls = wire.calls;
  CHECK_IS(configure(own, 9, 0), SDS_SMTP_OK);
  /* Without one it is a socket. */
  CHECK_IS(deliver(own, "transport, none"), SDS_SMTP_CONNECT_FAILED);
  CHECK_IS(wire.calls, calls);
}

static volatile int closing;

/* The connection of the first mail lingers, for its QUIT is not answered; and takes its time to be closed. */
static void linger_and_close_slowly(enum function function)
{
  if (wire.accepted == 1 && !closing)
    wire.silent = 1;
  if (function == CLOSE) {
    wire.silent = 0;
    closing = 1;
    sleep_ms(300);
  }
}

static void *replaces(void *unused)
{
  sds_smtp_transport transport = transport_of(0);

  CHECK_IS(sds_smtp_client_set_transport(own, &transport), SDS_SMTP_OK);
  return unused;
}

/* A mail that waits for the one before to be closed by another thread goes on as soon as that is done. */
static void a_mail_waits_for_another_thread_to_close(void)
{
  pthread_t thread;
  uint64_t begun;

  begin(0);
  wire.calls_back = linger_and_close_slowly;
  CHECK_IS(deliver(own, "transport, lingers"), SDS_SMTP_OK);
  CHECK_IS(pthread_create(&thread, NULL, replaces, NULL), 0);
  while (!closing)
    sleep_ms(1);
  /* Nothing else is left to do then. */
  sleep_ms(100);
  begun = now_ms();
  CHECK_IS(deliver(own, "transport, waits"), SDS_SMTP_OK);
  CHECK(now_ms() - begun < 900u && wire.accepted == 2 && wire.connects == 2);
  CHECK_IS(pthread_join(thread, NULL), 0);
  is_closed();
}

static pid_t children[4096];
static volatile int children_count;

static void fork_there(enum function function)
{
  pid_t child;

  (void)function;
  if (children_count == (int)(sizeof children / sizeof children[0]))
    return;
  child = fork();
  if (child == 0) {
    /* Nothing more may be called in this process. */
    wire.calls_back = NULL;
    wire.of[CONNECT] = -1;
    alarm(20);
    if (sds_smtp_client_status(own) == SDS_SMTP_BUSY)
      _exit(1);
    return;
  }
  children[children_count++] = child;
}

/* In the child the connection is the parent's: its functions are not called there, and the thread ends. */
static void functions_fork(void)
{
  int i, status;

  begin(1);
  configure_names("mail.example.org", 0);
  wire.calls_back = fork_there;
  CHECK_IS(deliver(own, "transport, forks"), SDS_SMTP_OK);
  is_closed();
  CHECK(wire.accepted == 1 && children_count > 20);
  for (i = 0; i < children_count; i++) {
    CHECK(waitpid(children[i], &status, 0) == children[i]);
    CHECK_IS(status, 0);
  }
}

static void an_event_loop_carries_it(void)
{
  int descriptor = event_loop();
  uint32_t wait = 0;

  CHECK(descriptor >= 0);
  begin(1);
  wire.most = 1;
  CHECK_IS(start_mail(own, "transport, loop"), SDS_SMTP_OK);
  while (sds_smtp_client_status(own) == SDS_SMTP_BUSY || wire.open) {
    readable(descriptor, wait > 1000u ? 1000 : (int)wait);
    wait = sds_smtp_poll(0);
  }
  CHECK(wire.accepted == 1 && wire.closes == 1 && !wrong);
  CHECK_IS(deliver(own, "transport, waited for"), SDS_SMTP_OK);
  CHECK_IS(wire.accepted, 2);
  wire.silent = 1;
  CHECK_IS(start_mail(own, "transport, freed in a loop"), SDS_SMTP_OK);
  for (wait = 0; wait < 20; wait++)
    sds_smtp_poll(0);
  sds_smtp_client_free(own);
  CHECK(!wire.open && wire.closes == wire.connects);
}

/* A turn of the connection in another thread: it stays inside of a function until the case lets it go on. */
static volatile int stays_in = -1, inside, goes_on;

static void stay(enum function function)
{
  if ((int)function != stays_in)
    return;
  stays_in = -1;
  inside = 1;
  while (!goes_on)
    sleep_ms(1);
}

static void *waits(void *code)
{
  *(int *)code = sds_smtp_client_wait(own, PATIENCE_MS);
  return NULL;
}

/* What a poll brings while another thread has the connection is not lost: a cancellation, and octets that arrive. */
static void what_comes_in_a_turn_is_looked_at_after_it(void)
{
  int ends[2], code, cancels;
  pthread_t thread;
  char octet;

  CHECK(event_loop() >= 0);
  CHECK(pipe(ends) == 0);
  for (cancels = 0; cancels < 2; cancels++) {
    begin(1);
    wire.descriptor = ends[0];
    wire.silent = 1;
    wire.calls_back = stay;
    inside = goes_on = 0;
    CHECK_IS(start_mail(own, "transport, in a turn"), SDS_SMTP_OK);
    CHECK_IS(pthread_create(&thread, NULL, waits, &code), 0);
    /* After the first turn the descriptor is waited on. In the next one nothing has arrived, and this is its last function. */
    sleep_ms(100);
    stays_in = DESCRIPTOR;
    CHECK(write(ends[1], "x", 1) == 1);
    while (!inside)
      sleep_ms(1);
    CHECK(read(ends[0], &octet, 1) == 1);
    if (cancels) {
      sds_smtp_client_cancel(own);
    } else {
      wire.silent = 0;
      memcpy(wire.says, "220 late\r\n", 10);
      wire.length = 10;
      CHECK(write(ends[1], "x", 1) == 1);
    }
    sds_smtp_poll(0);
    goes_on = 1;
    CHECK_IS(pthread_join(thread, NULL), 0);
    if (!cancels)
      CHECK(read(ends[0], &octet, 1) == 1);
    CHECK_IS(code, cancels ? SDS_SMTP_CANCELLED : SDS_SMTP_OK);
  }
  sds_smtp_client_free(own);
  CHECK(!wire.open);
}

static void shutdown_closes(void)
{
  begin(0);
  wire.silent = 1;
  CHECK_IS(start_mail(own, "transport, shut down"), SDS_SMTP_OK);
  sleep_ms(50);
  CHECK_IS(sds_smtp_shutdown(50), SDS_SMTP_OK);
  CHECK_IS(sds_smtp_client_status(own), SDS_SMTP_CANCELLED);
  CHECK(!wire.open && wire.closes == 1);
  wire.silent = 0;
  CHECK_IS(deliver(own, "transport, after it"), SDS_SMTP_OK);
  is_closed();
}

static volatile int over;

static void *replaces_and_shuts_down(void *number)
{
  sds_smtp_transport transport = transport_of(number != NULL);
  int code;

  while (!over) {
    code = sds_smtp_client_set_transport(own, &transport);
    wrong |= code != SDS_SMTP_OK && code != SDS_SMTP_BUSY;
    if (number != NULL) {
      code = sds_smtp_shutdown(5);
      wrong |= code != SDS_SMTP_OK && code != SDS_SMTP_BUSY;
      /* Some mails are to have the time to arrive. */
      sleep_ms(2);
    }
    /* On a machine with few processors and much to do, nobody else would come to the lock. */
    sched_yield();
  }
  return NULL;
}

/* Whatever other threads do, each mail ends, and a client has one connection at a time. */
static void threads_replace_it_and_shut_down(void)
{
  pthread_t threads[3];
  int i, sent = 0;

  begin(0);
  for (i = 0; i < 3; i++)
    CHECK_IS(pthread_create(&threads[i], NULL, replaces_and_shuts_down, i == 0 ? threads : NULL), 0);
  for (i = 0; i < 200; i++) {
    int code = deliver(own, "transport, replaced");

    CHECK(code == SDS_SMTP_OK || code == SDS_SMTP_CANCELLED);
    sent += code == SDS_SMTP_OK;
  }
  over = 1;
  for (i = 0; i < 3; i++)
    CHECK_IS(pthread_join(threads[i], NULL), 0);
  is_closed();
  CHECK(sent > 0 && wire.accepted >= sent);
}

/* The program has closed the library's descriptors: the mail has an end, and so has its connection. */
static void closed_descriptors_end_it(void)
{
  int number;

  begin(0);
  wire.silent = 1;
  CHECK_IS(start_mail(own, "transport, descriptors closed"), SDS_SMTP_OK);
  sleep_ms(50);
  for (number = 3; number < 2000; number++)
    close(number);
  sds_smtp_client_cancel(own);
  CHECK_IS_NOT(sds_smtp_client_wait(own, PATIENCE_MS), SDS_SMTP_BUSY);
  is_closed();
  wire.silent = 0;
  CHECK_IS(deliver(own, "transport, after them"), SDS_SMTP_OK);
  is_closed();
}

static void what_is_no_transport_is_refused(void)
{
  sds_smtp_transport transport;

  begin(0);
  transport = transport_of(1);
  transport.struct_size = 12;
  CHECK_IS(sds_smtp_client_set_transport(own, &transport), SDS_SMTP_BAD_ARGUMENT);
  transport = transport_of(1);
  transport.flags = 2;
  CHECK_IS(sds_smtp_client_set_transport(own, &transport), SDS_SMTP_BAD_ARGUMENT);
  transport = transport_of(1);
  transport.close = NULL;
  CHECK_IS(sds_smtp_client_set_transport(own, &transport), SDS_SMTP_BAD_ARGUMENT);
  CHECK_IS(sds_smtp_client_set_transport((sds_smtp_client *)&transport, NULL), SDS_SMTP_BAD_HANDLE);
  wire.silent = 1;
  CHECK_IS(start_mail(own, "transport, busy"), SDS_SMTP_OK);
  CHECK_IS(sds_smtp_client_set_transport(own, NULL), SDS_SMTP_BUSY);
  sds_smtp_client_free(own);
  CHECK(!wire.open);
}

#define CASE(name) {#name, name}

static const struct {
  const char *name;
  void (*run)(void);
} cases[] = {
  CASE(a_mail_goes_octet_by_octet),
  CASE(a_failure_in_any_call_ends_the_mail),
  CASE(tls_and_names_have_codes_of_their_own),
  CASE(the_next_server_and_the_next_attempt_are_tried),
  CASE(closing_takes_its_time),
  CASE(a_descriptor_is_waited_on),
  CASE(functions_call_everything),
  CASE(functions_ask_how_far_it_is),
  CASE(functions_cancel),
  CASE(functions_free),
  CASE(free_closes_and_nothing_is_called_after_it),
  CASE(another_transport_closes_the_one_before),
  CASE(a_mail_waits_for_another_thread_to_close),
  CASE(functions_fork),
  CASE(an_event_loop_carries_it),
  CASE(what_comes_in_a_turn_is_looked_at_after_it),
  CASE(shutdown_closes),
  CASE(threads_replace_it_and_shut_down),
  CASE(closed_descriptors_end_it),
  CASE(what_is_no_transport_is_refused),
};

int main(int argc, char **argv)
{
  const int count = (int)(sizeof cases / sizeof cases[0]);
  int i, failed = 0;

  for (i = 0; i < count; i++) {
    pid_t child;

    /* A case alone, or all but one. */
    if (argc > 1 && (argv[1][0] == '-') == (strcmp(argv[1] + (argv[1][0] == '-'), cases[i].name) == 0))
      continue;
    child = fork();
    if (child == 0) {
      alarm(CASE_SECONDS);
      cases[i].run();
      exit(0);
    }
    failed += case_is_wrong(child, cases[i].name);
  }
  printf("transport: %d cases, %d wrong\n", count, failed);
  return failed != 0;
}
