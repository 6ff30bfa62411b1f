/*
 * tls - TLS in a program of C: over sockets and over functions of the program, with a thread and in an event loop
 *
 *     tls IMPLICIT_PORT STARTTLS_PORT PLAIN_PORT CA
 *
 * The first two are servers with TLS whose certificate CA vouches for, the third one has none. Each case is a process of its own.
 * Exit code 0: every case was right.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

#include "server.h"

#define CASE_SECONDS 60

static unsigned implicit_port, starttls_port, plain_port;
static const char *ca;

static void sleep_ms(unsigned milliseconds)
{
  struct timespec time;

  time.tv_sec = milliseconds / 1000u;
  time.tv_nsec = (long)(milliseconds % 1000u) * 1000000;
  nanosleep(&time, NULL);
}

static unsigned port_of(uint32_t tls)
{
  return tls == SDS_SMTP_TLS_IMPLICIT ? implicit_port : tls == SDS_SMTP_TLS_NONE ? plain_port : starttls_port;
}

static int configure_tls(sds_smtp_client *client, unsigned port, uint32_t tls)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;

  config.server = "127.0.0.1";
  config.port = port;
  config.sender = "device@example.com";
  config.tls = tls;
  if (tls == SDS_SMTP_TLS_STARTTLS || tls == SDS_SMTP_TLS_IMPLICIT)
    config.tls_ca = ca;
  config.auth = tls == SDS_SMTP_TLS_NONE ? SDS_SMTP_AUTH_NONE : SDS_SMTP_AUTH_ANY;
  if (tls == SDS_SMTP_TLS_OPPORTUNISTIC)
    config.auth = SDS_SMTP_AUTH_PLAIN; /* ANY says no password to a server that is not verified */
  config.username = "kotelna";
  config.password = "tajne-heslo";
  return sds_smtp_client_configure(client, &config);
}

static struct sds_smtp_result result_of(const sds_smtp_client *client)
{
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;

  CHECK_IS(sds_smtp_client_result((sds_smtp_client *)client, &result), SDS_SMTP_OK);
  return result;
}

static void was_sent_with(const sds_smtp_client *client, uint32_t version)
{
  struct sds_smtp_result result = result_of(client);

  if (result.code != SDS_SMTP_OK)
    fprintf(stderr, "%s\n", result.text);
  CHECK_IS(result.code, SDS_SMTP_OK);
  CHECK_IS(result.outcome, SDS_SMTP_OUTCOME_SENT);
  CHECK_IS(result.tls_version, version);
}

/* --- sockets --------------------------------------------------------------------------- */

static const uint32_t modes[] = {SDS_SMTP_TLS_IMPLICIT, SDS_SMTP_TLS_STARTTLS, SDS_SMTP_TLS_OPPORTUNISTIC, SDS_SMTP_TLS_NONE};

static void every_mode_arrives(void)
{
  sds_smtp_client *client = sds_smtp_client_new();
  size_t i;

  CHECK(sds_smtp_features() & SDS_SMTP_FEATURE_TLS);
  for (i = 0; i < sizeof modes / sizeof modes[0]; i++) {
    CHECK_IS(configure_tls(client, port_of(modes[i]), modes[i]), SDS_SMTP_OK);
    CHECK_IS(deliver(client, "tls, by a thread"), SDS_SMTP_OK);
    was_sent_with(client, modes[i] == SDS_SMTP_TLS_NONE ? 0 : 0x0304);
  }
  sds_smtp_client_free(client);
}

static void an_event_loop_carries_every_mode(void)
{
  int descriptor = event_loop(), busy = 1;
  sds_smtp_client *clients[4];
  uint32_t wait = 0;
  size_t i;

  CHECK(descriptor >= 0);
  for (i = 0; i < 4; i++) {
    clients[i] = sds_smtp_client_new();
    CHECK_IS(configure_tls(clients[i], port_of(modes[i]), modes[i]), SDS_SMTP_OK);
    CHECK_IS(start_mail(clients[i], "tls, in a loop"), SDS_SMTP_OK);
  }
  while (busy > 0) {
    readable(descriptor, wait > 1000u ? 1000 : (int)wait);
    wait = sds_smtp_poll(0);
    busy = in_flight(clients, 4);
  }
  for (i = 0; i < 4; i++) {
    was_sent_with(clients[i], modes[i] == SDS_SMTP_TLS_NONE ? 0 : 0x0304);
    sds_smtp_client_free(clients[i]);
  }
  CHECK_IS(sds_smtp_shutdown(1000), SDS_SMTP_OK);
}

/* Its descriptor is told of everything: the loop need not look without it. */
static void an_event_loop_sleeps_meanwhile(void)
{
  sds_smtp_client *client = sds_smtp_client_new();
  int descriptor = event_loop(), looks = 0;

  CHECK(descriptor >= 0);
  CHECK_IS(configure_tls(client, implicit_port, SDS_SMTP_TLS_IMPLICIT), SDS_SMTP_OK);
  CHECK_IS(start_mail(client, "tls, told of"), SDS_SMTP_OK);
  while (sds_smtp_client_status(client) == SDS_SMTP_BUSY) {
    uint32_t wait = sds_smtp_poll(0);

    if (sds_smtp_client_status(client) == SDS_SMTP_BUSY)
      CHECK(readable(descriptor, wait > 20000u ? 20000 : (int)wait) || wait < 20000u);
    CHECK(++looks < 300);
  }
  was_sent_with(client, 0x0304);
  sds_smtp_client_free(client);
}

static void *sends(void *mode)
{
  sds_smtp_client *client = sds_smtp_client_new();
  uint32_t tls = *(const uint32_t *)mode;
  int i;

  for (i = 0; i < 10; i++) {
    CHECK_IS(configure_tls(client, port_of(tls), tls), SDS_SMTP_OK);
    CHECK_IS(deliver(client, "tls, threads"), SDS_SMTP_OK);
  }
  sds_smtp_client_free(client);
  return NULL;
}

static void threads_send(void)
{
  pthread_t threads[3];
  int i;

  for (i = 0; i < 3; i++)
    CHECK_IS(pthread_create(&threads[i], NULL, sends, (void *)&modes[i]), 0);
  for (i = 0; i < 3; i++)
    CHECK_IS(pthread_join(threads[i], NULL), 0);
}

/* --- a handshake that is under way ------------------------------------------------------- */

/* Carries the octets of one connection to a server and back, the server's one at a time, with a pause before each. */
struct relay {
  int listening;
  unsigned port, target, pause_us;
  volatile int back;     /* octets of the server's that were carried */
  pthread_t thread;
};

static int connect_to(unsigned port)
{
  struct sockaddr_in address;
  int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = htons((uint16_t)port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK(made >= 0 && connect(made, (const struct sockaddr *)&address, sizeof address) == 0);
  return made;
}

static void *carries(void *argument)
{
  struct relay *relay = (struct relay *)argument;
  int client = accept(relay->listening, NULL, NULL), server;
  char octets[4096];

  if (client < 0)
    return NULL;
  server = connect_to(relay->target);
  for (;;) {
    struct pollfd wanted[2];
    ssize_t got;

    wanted[0].fd = client;
    wanted[1].fd = server;
    wanted[0].events = wanted[1].events = POLLIN;
    if (poll(wanted, 2, -1) < 0)
      break;
    if (wanted[0].revents) {
      got = recv(client, octets, sizeof octets, 0);
      if (got <= 0 || send(server, octets, (size_t)got, MSG_NOSIGNAL) != got)
        break;
    } else if (wanted[1].revents) {
      got = recv(server, octets, 1, 0);
      usleep(relay->pause_us);
      if (got <= 0 || send(client, octets, 1, MSG_NOSIGNAL) != 1)
        break;
      relay->back++;
    }
  }
  close(client);
  close(server);
  return NULL;
}

static void begin_relay(struct relay *relay, unsigned target, unsigned pause_us)
{
  memset(relay, 0, sizeof *relay);
  relay->listening = listen_on_loopback(&relay->port);
  relay->target = target;
  relay->pause_us = pause_us;
  CHECK_IS(pthread_create(&relay->thread, NULL, carries, relay), 0);
}

static void end_relay(struct relay *relay)
{
  /* A client that was freed early has not connected. */
  shutdown(relay->listening, SHUT_RDWR);
  CHECK_IS(pthread_join(relay->thread, NULL), 0);
  close(relay->listening);
}

/* In the child the connection is the parent's: nothing is said on it there, whatever the child does with its client. */
static void a_child_says_nothing_on_a_connection_of_its_parents(void)
{
  size_t i;

  for (i = 0; i < 2; i++) {
    sds_smtp_client *client = sds_smtp_client_new();
    struct relay relay;
    pid_t children[40];
    int count = 0, status, number;

    begin_relay(&relay, port_of(modes[i]), 200);
    CHECK_IS(configure_tls(client, relay.port, modes[i]), SDS_SMTP_OK);
    CHECK_IS(start_mail(client, "tls, the parent's"), SDS_SMTP_OK);
    while (sds_smtp_client_status(client) == SDS_SMTP_BUSY) {
      /* In the handshake, and behind it. */
      if (count < 40 && relay.back > count * 50) {
        pid_t child = fork();

        if (child == 0) {
          alarm(20);
          switch (count % 4) {
          case 0: sds_smtp_client_free(client); break;
          case 1: CHECK_IS(sds_smtp_client_cancel(client), SDS_SMTP_OK); break;
          case 2: CHECK_IS(sds_smtp_shutdown(100), SDS_SMTP_OK); break;
          default:
            CHECK_IS(sds_smtp_client_status(client), SDS_SMTP_OK);
            CHECK_IS(configure_tls(client, implicit_port, SDS_SMTP_TLS_IMPLICIT), SDS_SMTP_OK);
            CHECK_IS(deliver(client, "tls, the child's"), SDS_SMTP_OK);
          }
          _exit(0);
        }
        children[count++] = child;
      }
      sleep_ms(1);
    }
    was_sent_with(client, 0x0304);
    CHECK(count > 10);
    for (number = 0; number < count; number++) {
      CHECK(waitpid(children[number], &status, 0) == children[number]);
      CHECK_IS(status, 0);
    }
    sds_smtp_client_free(client);
    end_relay(&relay);
  }
}

/* Whenever in its handshake a client is freed, or its mail cancelled: that is done at once. */
static void a_client_is_freed_and_a_mail_cancelled_in_the_handshake(void)
{
  int round;

  for (round = 0; round < 12; round++) {
    sds_smtp_client *client = sds_smtp_client_new();
    uint32_t mode = modes[round % 2];
    struct relay relay;
    uint64_t begun;

    begin_relay(&relay, port_of(mode), 200);
    CHECK_IS(configure_tls(client, relay.port, mode), SDS_SMTP_OK);
    CHECK_IS(start_mail(client, "tls, given up"), SDS_SMTP_OK);
    while (relay.back < round * 50)
      sleep_ms(1);
    begun = now_ms();
    if (round % 4 < 2) {
      CHECK_IS(sds_smtp_client_cancel(client), SDS_SMTP_OK);
      CHECK_IS(sds_smtp_client_wait(client, PATIENCE_MS), SDS_SMTP_CANCELLED);
      CHECK_IS(result_of(client).outcome, SDS_SMTP_OUTCOME_NOT_SENT);
    }
    sds_smtp_client_free(client);
    CHECK(now_ms() - begun < 5000u);
    end_relay(&relay);
  }
}

/* --- functions of the program that carry octets ------------------------------------------ */

static struct own {
  int socket;
  size_t most;
  int connects, closes;
  int calls, fails_at, fails_with; /* the call with this number returns this */
  int sends, full_at; /* the send with this number has no room, and those behind it fail */
} own;

static int own_fails(void)
{
  return ++own.calls == own.fails_at;
}

static int32_t own_connect(void *context, const sds_smtp_address *server)
{
  (void)context;
  CHECK(own.socket < 0);
  if (own_fails())
    return own.fails_with;
  own.socket = connect_to(server->port);
  CHECK(fcntl(own.socket, F_SETFL, O_NONBLOCK) == 0);
  own.connects++;
  return 0;
}

static int32_t own_connected(void *context)
{
  (void)context;
  return own_fails() ? own.fails_with : 1;
}

static int32_t own_send(void *context, const uint8_t *octets, size_t length)
{
  ssize_t sent;

  (void)context;
  if (own_fails())
    return own.fails_with;
  if (own.full_at > 0 && ++own.sends >= own.full_at)
    return own.sends == own.full_at ? 0 : SDS_SMTP_LOST;
  sent = send(own.socket, octets, length < own.most ? length : own.most, MSG_NOSIGNAL);
  return sent >= 0 ? (int32_t)sent : errno == EAGAIN ? 0 : SDS_SMTP_LOST;
}

static int32_t own_receive(void *context, uint8_t *octets, size_t max)
{
  ssize_t got;

  (void)context;
  if (own_fails())
    return own.fails_with;
  got = recv(own.socket, octets, max < own.most ? max : own.most, 0);
  return got > 0 ? (int32_t)got : got < 0 && errno == EAGAIN ? 0 : SDS_SMTP_LOST;
}

static int32_t own_close(void *context)
{
  (void)context;
  close(own.socket);
  own.socket = -1;
  own.closes++;
  return 1;
}

static intptr_t own_descriptor(void *context)
{
  (void)context;
  return own.socket;
}

static void set_own(sds_smtp_client *client, size_t most, int with_descriptor)
{
  sds_smtp_transport transport = SDS_SMTP_TRANSPORT_INIT;

  /* The connection before, which may wait for the answer to QUIT, is closed, and counted with its own. */
  CHECK_IS(sds_smtp_client_set_transport(client, NULL), SDS_SMTP_OK);
  CHECK_IS(own.closes, own.connects);
  memset(&own, 0, sizeof own);
  own.socket = -1;
  own.most = most;
  transport.connect = own_connect;
  transport.connected = own_connected;
  transport.send = own_send;
  transport.receive = own_receive;
  transport.close = own_close;
  transport.descriptor = with_descriptor ? own_descriptor : NULL;
  CHECK_IS(sds_smtp_client_set_transport(client, &transport), SDS_SMTP_OK);
}

static void tls_over_functions_of_the_program(void)
{
  sds_smtp_client *client = sds_smtp_client_new();
  static const size_t most[] = {4096, 1};
  size_t i, j;

  for (i = 0; i < 2; i++)
    for (j = 0; j < 3; j++) {
      set_own(client, most[i], (int)(i + j) % 2);
      CHECK_IS(configure_tls(client, port_of(modes[j]), modes[j]), SDS_SMTP_OK);
      CHECK_IS(deliver(client, "tls, over functions"), SDS_SMTP_OK);
      was_sent_with(client, 0x0304);
    }
  sds_smtp_client_free(client);
  CHECK_IS(own.closes, own.connects);
}

static void tls_over_functions_of_the_program_in_a_loop(void)
{
  sds_smtp_client *client = sds_smtp_client_new();
  int descriptor = event_loop();
  size_t i;

  CHECK(descriptor >= 0);
  for (i = 0; i < 2; i++) {
    uint32_t wait = 0;

    set_own(client, 3, (int)i);
    CHECK_IS(configure_tls(client, port_of(modes[i]), modes[i]), SDS_SMTP_OK);
    CHECK_IS(start_mail(client, "tls, over functions in a loop"), SDS_SMTP_OK);
    while (sds_smtp_client_status(client) == SDS_SMTP_BUSY) {
      readable(descriptor, wait > 1000u ? 1000 : (int)wait);
      wait = sds_smtp_poll(0);
    }
    was_sent_with(client, 0x0304);
  }
  sds_smtp_client_free(client);
  CHECK_IS(own.closes, own.connects);
}

/* A handshake over functions has its time, and is cancelled at once. */
static void a_handshake_over_functions_has_its_time(void)
{
  int i;

  for (i = 0; i < 4; i++) {
    sds_smtp_client *client = sds_smtp_client_new();
    struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
    uint64_t begun = now_ms();
    unsigned port;
    int listening = listen_on_loopback(&port);

    set_own(client, 4096, i % 2);
    config.server = "127.0.0.1";
    config.port = port;
    config.sender = "device@example.com";
    config.tls = SDS_SMTP_TLS_IMPLICIT;
    config.tls_ca = ca;
    config.connect_timeout_ms = 300;
    CHECK_IS(sds_smtp_client_configure(client, &config), SDS_SMTP_OK);
    CHECK_IS(start_mail(client, "tls, silent"), SDS_SMTP_OK);
    if (i < 2) {
      CHECK_IS(sds_smtp_client_wait(client, PATIENCE_MS), SDS_SMTP_TIMEOUT);
      CHECK(now_ms() - begun >= 300u);
      CHECK_IS(result_of(client).phase, SDS_SMTP_PHASE_TLS);
    } else {
      sleep_ms(50);
      CHECK_IS(sds_smtp_client_cancel(client), SDS_SMTP_OK);
      CHECK_IS(sds_smtp_client_wait(client, PATIENCE_MS), SDS_SMTP_CANCELLED);
    }
    CHECK_IS(result_of(client).outcome, SDS_SMTP_OUTCOME_NOT_SENT);
    sds_smtp_client_free(client);
    CHECK(own.connects == 1 && own.closes == 1);
    close(listening);
  }
}

/* Whatever a function returns, in whatever call: the mail ends, and its result is true as far as that is known here. */
static void a_function_fails_in_any_call(void)
{
  static const int with[] = {SDS_SMTP_LOST, SDS_SMTP_TRANSPORT_TLS_FAILED, 100000};
  sds_smtp_client *client = sds_smtp_client_new();
  size_t i, j;

  for (i = 0; i < 2; i++)
    for (j = 0; j < 3; j++) {
      int number, sent = 0;

      for (number = 1; number < 200 && sent < 3; number += j == 0 ? 2 : 8) {
        struct sds_smtp_result result;
        int code;

        set_own(client, 4096, 1);
        own.fails_at = number;
        own.fails_with = with[j];
        CHECK_IS(configure_tls(client, port_of(modes[i]), modes[i]), SDS_SMTP_OK);
        code = deliver(client, "tls, fails");
        CHECK_IS_NOT(code, SDS_SMTP_BUSY);
        result = result_of(client);
        CHECK((code == SDS_SMTP_OK) == (result.outcome == SDS_SMTP_OUTCOME_SENT));
        /* In the handshake nothing has left. */
        CHECK(result.tls_version != 0 || result.outcome == SDS_SMTP_OUTCOME_NOT_SENT);
        CHECK(result.tls_version == 0 || result.phase >= SDS_SMTP_PHASE_TLS);
        sent += code == SDS_SMTP_OK;
        /* Without waiting for the answer to QUIT. */
        CHECK_IS(sds_smtp_client_set_transport(client, NULL), SDS_SMTP_OK);
        CHECK(own.closes == own.connects);
      }
      CHECK(number > 10 && sent == 3);
    }
  sds_smtp_client_free(client);
}

/* What TLS has taken cannot leave any more, and nothing comes: that is the end, and not when the time is over. */
static void a_connection_is_lost_behind_what_tls_has_taken(void)
{
  sds_smtp_client *client = sds_smtp_client_new();
  size_t i;

  for (i = 0; i < 2; i++) {
    int full_at, sent = 0;

    for (full_at = 1; !sent; full_at++) {
      uint64_t begun = now_ms();
      int code;

      CHECK(full_at < 100);
      set_own(client, 4096, 0);
      own.full_at = full_at;
      CHECK_IS(configure_tls(client, port_of(modes[i]), modes[i]), SDS_SMTP_OK);
      code = deliver(client, "tls, taken");
      CHECK_IS_NOT(code, SDS_SMTP_BUSY);
      CHECK(now_ms() - begun < 5000u);
      CHECK((code == SDS_SMTP_OK) == (result_of(client).outcome == SDS_SMTP_OUTCOME_SENT));
      sent = code == SDS_SMTP_OK;
      /* Who has failed is asked no more. */
      CHECK(own.sends <= own.full_at + 1);
    }
    CHECK(full_at > 5);
  }
  sds_smtp_client_free(client);
}

/* A server whose certificate nobody vouches for, over functions: each attempt is one connection, and nothing is said there. */
static void a_certificate_is_verified_over_functions_too(void)
{
  static const char *const names[] = {"mail.elsewhere.test", "192.0.2.1"};
  sds_smtp_client *client = sds_smtp_client_new();
  size_t i, j;

  for (i = 0; i < 2; i++)
    for (j = 0; j < 2; j++) {
      struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;

      set_own(client, 50, 1);
      config.server = "127.0.0.1";
      config.port = port_of(modes[i]);
      config.sender = "device@example.com";
      config.tls = modes[i];
      config.tls_ca = ca;
      config.tls_name = names[j];
      CHECK_IS(sds_smtp_client_configure(client, &config), SDS_SMTP_OK);
      CHECK_IS(deliver(client, "tls, another name"), SDS_SMTP_TLS_UNTRUSTED);
      CHECK_IS(result_of(client).phase, i == 0 ? SDS_SMTP_PHASE_TLS : SDS_SMTP_PHASE_STARTTLS);
    }
  sds_smtp_client_free(client);
  CHECK_IS(own.closes, own.connects);
}

/* --- functions of the program that speak TLS ----------------------------------------------- */

/* The server is a part of the functions, and notes what it hears before TLS and behind it. */
static struct wire {
  struct peer peer;
  char says[1024];
  size_t said, length, noted;
  int open, secure, accepted, offers, asked, refuses;
  int calls, later, result;
  char name[64], heard[2048];
} wire;

static void wire_says(const char *words)
{
  CHECK(wire.length + strlen(words) < sizeof wire.says);
  memcpy(wire.says + wire.length, words, strlen(words));
  wire.length += strlen(words);
}

static int32_t wire_connect(void *context, const sds_smtp_address *server)
{
  (void)context;
  (void)server;
  wire.open = 1;
  wire.secure = wire.asked = 0;
  wire.said = wire.length = 0;
  memset(&wire.peer, 0, sizeof wire.peer);
  wire_says("220 wire ready\r\n");
  return 0;
}

static int32_t wire_connected(void *context)
{
  (void)context;
  return 1;
}

static void note(const char *words, size_t length)
{
  CHECK(wire.noted + length < sizeof wire.heard);
  memcpy(wire.heard + wire.noted, words, length);
  wire.noted += length;
}

static void wire_hears(char *line)
{
  int ends_text = is_verb(&wire.peer, line, ".");
  const char *reply;

  if (!wire.peer.in_text) {
    note(wire.secure ? "+" : "-", 1);
    note(line, strcspn(line, " :"));
    note(" ", 1);
  }
  if (strncmp(line, "STARTTLS", 8) == 0) {
    wire.asked = 1;
    wire_says(wire.refuses ? "454 not now\r\n" : "220 go ahead\r\n");
    return;
  }
  if (strncmp(line, "EHLO", 4) == 0 && wire.offers && !wire.secure) {
    wire_says("250-wire\r\n250-PIPELINING\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n");
    return;
  }
  if (strncmp(line, "EHLO", 4) == 0) {
    wire_says("250-wire\r\n250 AUTH PLAIN\r\n");
    return;
  }
  if (strncmp(line, "AUTH", 4) == 0) {
    wire_says("235 welcome\r\n");
    return;
  }
  reply = reply_to(&wire.peer, line);
  wire.accepted += ends_text;
  if (reply != NULL)
    wire_says(reply);
}

static int32_t wire_send(void *context, const uint8_t *octets, size_t length)
{
  size_t i;

  (void)context;
  for (i = 0; i < length; i++) {
    char *line = wire.peer.octets;

    line[wire.peer.used++] = (char)octets[i];
    if (octets[i] == '\n') {
      line[wire.peer.used - 2] = '\0';
      wire_hears(line);
      wire.peer.used = 0;
    }
  }
  return (int32_t)length;
}

static int32_t wire_receive(void *context, uint8_t *octets, size_t max)
{
  size_t there = wire.length - wire.said, given = there < max ? there : max;

  (void)context;
  memcpy(octets, wire.says + wire.said, given);
  wire.said += given;
  if (wire.said == wire.length)
    wire.said = wire.length = 0;
  return (int32_t)given;
}

static int32_t wire_close(void *context)
{
  (void)context;
  wire.open = 0;
  return 1;
}

static int32_t wire_start_tls(void *context, const char *server_name)
{
  (void)context;
  CHECK(wire.open && !wire.secure);
  wire.calls++;
  snprintf(wire.name, sizeof wire.name, "%s", server_name != NULL ? server_name : "(none)");
  if (wire.later-- > 0)
    return wire.later % 2 == 0 ? SDS_SMTP_TRANSPORT_AGAIN : 0;
  wire.secure = wire.result == 1;
  return wire.result;
}

static sds_smtp_client *with_wire(int offers, int later, int result)
{
  sds_smtp_transport transport = SDS_SMTP_TRANSPORT_INIT;
  sds_smtp_client *client = sds_smtp_client_new();

  memset(&wire, 0, sizeof wire);
  wire.offers = offers;
  wire.later = later;
  wire.result = result;
  transport.connect = wire_connect;
  transport.connected = wire_connected;
  transport.send = wire_send;
  transport.receive = wire_receive;
  transport.close = wire_close;
  transport.start_tls = wire_start_tls;
  CHECK_IS(sds_smtp_client_set_transport(client, &transport), SDS_SMTP_OK);
  return client;
}

/* A mail through it: its code, and what the server has heard. */
static int deliver_through(sds_smtp_client *client, uint32_t tls, const char *name, const char *heard)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  uint64_t begun = now_ms();
  int code;

  config.server = "127.0.0.1";
  config.port = 2525;
  config.sender = "device@example.com";
  config.tls = tls;
  config.tls_name = name;
  config.auth = SDS_SMTP_AUTH_PLAIN;
  config.username = "kotelna";
  config.password = "tajne-heslo";
  CHECK_IS(sds_smtp_client_configure(client, &config), SDS_SMTP_OK);
  code = deliver(client, "tls, by functions");
  while (__sync_fetch_and_add(&wire.open, 0) && now_ms() - begun < PATIENCE_MS)
    sleep_ms(1);
  if (strcmp(wire.heard, heard) != 0)
    fprintf(stderr, "heard: %s\n", wire.heard);
  CHECK_IS(strcmp(wire.heard, heard), 0);
  return code;
}

static void functions_that_speak_tls_are_called_when_it_is_time(void)
{
  static const char whole[] = "+EHLO +AUTH +MAIL +RCPT +DATA +QUIT ";
  static const char behind[] = "-EHLO -STARTTLS +EHLO +AUTH +MAIL +RCPT +DATA +QUIT ";
  int later;

  for (later = 0; later < 6; later += 5) {
    sds_smtp_client *client = with_wire(1, later, 1);

    CHECK_IS(deliver_through(client, SDS_SMTP_TLS_NONE, NULL, whole), SDS_SMTP_OK);
    CHECK_IS(wire.calls, later + 1);
    CHECK_IS(strcmp(wire.name, "(none)"), 0);
    sds_smtp_client_free(client);
    client = with_wire(1, later, 1);
    CHECK_IS(deliver_through(client, SDS_SMTP_TLS_IMPLICIT, "mx.example.test", whole), SDS_SMTP_OK);
    CHECK_IS(wire.calls, later + 1);
    CHECK_IS(strcmp(wire.name, "mx.example.test"), 0);
    sds_smtp_client_free(client);
    client = with_wire(1, later, 1);
    CHECK_IS(deliver_through(client, SDS_SMTP_TLS_STARTTLS, "mx.example.test", behind), SDS_SMTP_OK);
    CHECK_IS(wire.calls, later + 1);
    CHECK_IS(strcmp(wire.name, "mx.example.test"), 0);
    sds_smtp_client_free(client);
    client = with_wire(1, later, 1);
    CHECK_IS(deliver_through(client, SDS_SMTP_TLS_OPPORTUNISTIC, NULL, behind), SDS_SMTP_OK);
    CHECK_IS(wire.calls, later + 1);
    CHECK_IS(strcmp(wire.name, "(none)"), 0);
    sds_smtp_client_free(client);
  }
}

static void functions_that_speak_tls_are_not_called_without_starttls(void)
{
  static const char plain[] = "-EHLO -AUTH -MAIL -RCPT -DATA -QUIT ";
  sds_smtp_client *client = with_wire(0, 0, 1);

  CHECK_IS(deliver_through(client, SDS_SMTP_TLS_STARTTLS, NULL, "-EHLO -QUIT "), SDS_SMTP_TLS_UNAVAILABLE);
  sds_smtp_client_free(client);
  client = with_wire(0, 0, 1);
  CHECK_IS(deliver_through(client, SDS_SMTP_TLS_OPPORTUNISTIC, NULL, plain), SDS_SMTP_OK);
  CHECK_IS(wire.calls, 0);
  sds_smtp_client_free(client);
  client = with_wire(1, 0, 1);
  wire.refuses = 1;
  CHECK_IS(deliver_through(client, SDS_SMTP_TLS_STARTTLS, NULL, "-EHLO -STARTTLS -QUIT "), SDS_SMTP_TLS_FAILED);
  CHECK_IS(wire.calls, 0);
  sds_smtp_client_free(client);
}

static void functions_that_speak_tls_fail(void)
{
  static const struct {
    int returned, code;
  } failures[] = {
    {SDS_SMTP_TRANSPORT_UNTRUSTED, SDS_SMTP_TLS_UNTRUSTED},
    {SDS_SMTP_TRANSPORT_TLS_FAILED, SDS_SMTP_TLS_FAILED},
  };
  static const uint32_t tried[] = {SDS_SMTP_TLS_NONE, SDS_SMTP_TLS_IMPLICIT, SDS_SMTP_TLS_STARTTLS, SDS_SMTP_TLS_OPPORTUNISTIC};
  size_t i, j;

  for (i = 0; i < 2; i++)
    for (j = 0; j < 4; j++) {
      sds_smtp_client *client = with_wire(1, 3, failures[i].returned);

      CHECK_IS(deliver_through(client, tried[j], NULL, j < 2 ? "" : "-EHLO -STARTTLS "), failures[i].code);
      CHECK_IS(result_of(client).outcome, SDS_SMTP_OUTCOME_NOT_SENT);
      CHECK_IS(wire.calls, 4);
      sds_smtp_client_free(client);
    }
}

/* Where the transport speaks TLS, certificates are its own affair. */
static void functions_that_speak_tls_take_no_certificates(void)
{
  sds_smtp_client *client = with_wire(1, 0, 1);
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  char why[256];
  int i;

  for (i = 0; i < 3; i++) {
    config.server = "127.0.0.1";
    config.sender = "device@example.com";
    config.tls = SDS_SMTP_TLS_STARTTLS;
    config.tls_ca = i == 0 ? ca : NULL;
    config.tls_pin = i == 1 ? "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" : NULL;
    config.tls_certificate = config.tls_key = i == 2 ? ca : NULL;
    CHECK_IS(sds_smtp_client_configure(client, &config), SDS_SMTP_NOT_SUPPORTED);
    CHECK(sds_smtp_client_refusal(client, why, sizeof why) > 0);
    CHECK(strncmp(why, "tls_", 4) == 0 && strstr(why, "set, and the transport speaks TLS itself") != NULL);
  }
  sds_smtp_client_free(client);
}

/* The transport is another one than when TLS was configured: nothing is said in the clear, nor without the certificate's check. */
static void another_transport_than_the_configured_one_says_nothing(void)
{
  static const uint32_t tried[] = {SDS_SMTP_TLS_IMPLICIT, SDS_SMTP_TLS_STARTTLS, SDS_SMTP_TLS_OPPORTUNISTIC};
  size_t i;
  int later;

  for (i = 0; i < 3; i++)
    for (later = 0; later < 2; later++) {
      sds_smtp_client *client = with_wire(1, 0, 1);
      struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
      unsigned port;
      int listening = listen_on_loopback(&port), code;

      config.server = "127.0.0.1";
      config.port = port;
      config.sender = "device@example.com";
      config.tls = tried[i];
      CHECK_IS(sds_smtp_client_configure(client, &config), SDS_SMTP_OK);
      if (later)
        set_own(client, 4096, 1);
      else
        CHECK_IS(sds_smtp_client_set_transport(client, NULL), SDS_SMTP_OK);
      code = deliver(client, "tls, another transport");
      CHECK_IS(code, SDS_SMTP_TLS_FAILED);
      CHECK_IS(result_of(client).outcome, SDS_SMTP_OUTCOME_NOT_SENT);
      sds_smtp_client_free(client);
      close(listening);
    }
  /* The other way round: certificates are configured that the transport would not look at. */
  for (i = 0; i < 2; i++) {
    sds_smtp_client *client = sds_smtp_client_new();
    sds_smtp_transport transport = SDS_SMTP_TRANSPORT_INIT;

    CHECK_IS(configure_tls(client, 2525, tried[i]), SDS_SMTP_OK);
    sds_smtp_client_free(with_wire(1, 0, 1));
    transport.connect = wire_connect;
    transport.connected = wire_connected;
    transport.send = wire_send;
    transport.receive = wire_receive;
    transport.close = wire_close;
    transport.start_tls = wire_start_tls;
    CHECK_IS(sds_smtp_client_set_transport(client, &transport), SDS_SMTP_OK);
    CHECK_IS(deliver(client, "tls, another transport"), SDS_SMTP_TLS_FAILED);
    CHECK_IS(wire.accepted, 0);
    sds_smtp_client_free(client);
  }
}

#define CASE(name) {#name, name}

static const struct {
  const char *name;
  void (*run)(void);
} cases[] = {
  CASE(every_mode_arrives),
  CASE(an_event_loop_carries_every_mode),
  CASE(an_event_loop_sleeps_meanwhile),
  CASE(threads_send),
  CASE(a_child_says_nothing_on_a_connection_of_its_parents),
  CASE(a_client_is_freed_and_a_mail_cancelled_in_the_handshake),
  CASE(tls_over_functions_of_the_program),
  CASE(tls_over_functions_of_the_program_in_a_loop),
  CASE(a_handshake_over_functions_has_its_time),
  CASE(a_function_fails_in_any_call),
  CASE(a_connection_is_lost_behind_what_tls_has_taken),
  CASE(a_certificate_is_verified_over_functions_too),
  CASE(functions_that_speak_tls_are_called_when_it_is_time),
  CASE(functions_that_speak_tls_are_not_called_without_starttls),
  CASE(functions_that_speak_tls_fail),
  CASE(functions_that_speak_tls_take_no_certificates),
  CASE(another_transport_than_the_configured_one_says_nothing),
};

int main(int argc, char **argv)
{
  const int count = (int)(sizeof cases / sizeof cases[0]);
  int i, failed = 0;

  if (argc < 5) {
    fprintf(stderr, "usage: tls IMPLICIT_PORT STARTTLS_PORT PLAIN_PORT CA [CASE|-CASE]\n");
    return 2;
  }
  implicit_port = (unsigned)strtoul(argv[1], NULL, 10);
  starttls_port = (unsigned)strtoul(argv[2], NULL, 10);
  plain_port = (unsigned)strtoul(argv[3], NULL, 10);
  ca = argv[4];
  for (i = 0; i < count; i++) {
    pid_t child;

    /* A case alone, or all but one. */
    if (argc > 5 && (argv[5][0] == '-') == (strcmp(argv[5] + (argv[5][0] == '-'), cases[i].name) == 0))
      continue;
    child = fork();
    if (child == 0) {
      alarm(CASE_SECONDS);
      cases[i].run();
      exit(0);
    }
    failed += case_is_wrong(child, cases[i].name);
  }
  printf("tls: %d cases, %d wrong\n", count, failed);
  return failed != 0;
}
