/*
 * tls_load - mails over TLS: what each takes of the heap, and what a plain mail waits for because of them
 *
 *     tls_load memory SERVER [CERTIFICATE KEY]      heap of a mail in flight, over TLS or without it
 *     tls_load waits SERVER CERTIFICATE KEY N       N mails over TLS at once, and one plain mail after the other beside them
 *
 * SERVER is the path of load_server, built with TLS; the certificate vouches for itself. The server keeps back its first
 * flights until all N are made, and then sends them in one go: however slow the server is, the engine has N handshakes to go
 * on with at once.
 *
 * One thread drives the engine with sds_smtp_poll(), and is the plain server, too, which answers between two calls. So what
 * else the machine does is not measured: a wait is the time that those calls have used of a processor from an answer to the
 * client's next octets, and of a mail that from sds_smtp_client_send() to its end. All of the time is told, too.
 *
 * Prints "name number" lines: bytes for a mail, milliseconds. The exit code is 0 only when each mail arrived once.
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "driver.h"
#include "heap.h"
#include "load.h"
#include "sds_smtp.h"

#define MOST_CLIENTS    10000
#define MOST_WAITS      200000
#define MOST_PLAIN      20000
#define PLAIN_MAILS     200    /* while there is no other */
#define LONGEST_WAIT_MS 120000 /* for the server, or for the end of a mail */
#define HELD            100    /* clients that are held, and whose heap is measured */
#define HELD_AT_TEXT    4      /* those whose text is long */
#define LONG_TEXT       (16u << 20)

static const char *certificate; /* NULL: without TLS */
static int server;              /* the socket to the server */
static struct sds_smtp_client *clients[MOST_CLIENTS];
static unsigned clients_count;
static uint32_t mails_sent;

static _Noreturn void stop(const char *what)
{
  fprintf(stderr, "tls_load: %s\n", what);
  exit(1);
}

static void check(int code, const char *what)
{
  if (code == SDS_SMTP_OK)
    return;
  fprintf(stderr, "tls_load: %s: code %d: %s\n", what, code, sds_smtp_strerror(code));
  exit(1);
}

static double clock_ms(clockid_t clock)
{
  struct timespec time;

  clock_gettime(clock, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

/* --- the server of the mails over TLS --- */

static void start_server(const char *program, const char *key)
{
  int ends[2];
  pid_t pid;

  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    stop("no socket pair");
  pid = fork();
  if (pid < 0)
    stop("no process for the server");
  if (pid == 0) {
    if (dup2(ends[1], 0) == 0)
      execl(program, program, certificate, key, (char *)NULL);
    perror(program);
    _exit(127);
  }
  close(ends[1]);
  server = ends[0];
}

static void ask(uint32_t what, uint32_t count)
{
  struct request request = {what, count};

  if (send(server, &request, sizeof request, MSG_NOSIGNAL) != sizeof request)
    stop("the server has ended");
}

/* The server's number when what was asked for has come about. */
static uint32_t told(void)
{
  struct pollfd polled = {server, POLLIN, 0};
  uint32_t number;

  if (poll(&polled, 1, LONGEST_WAIT_MS) != 1)
    stop("the server does not answer");
  if (read(server, &number, sizeof number) != sizeof number)
    stop("the server has ended");
  return number;
}

static uint32_t ask_and_wait(uint32_t what, uint32_t count)
{
  ask(what, count);
  return told();
}

/* --- the mails --- */

static struct sds_smtp_client *client_of(unsigned port, int tls)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  struct sds_smtp_client *client = sds_smtp_client_new();

  if (client == NULL)
    stop("no client");
  config.server = SERVER;
  config.port = port;
  config.sender = SENDER;
  config.ehlo_name = EHLO_NAME;
  config.connect_timeout_ms = LONGEST_WAIT_MS;
  if (tls) {
    config.tls = SDS_SMTP_TLS_IMPLICIT;
    config.tls_ca = certificate;
    config.tls_name = TLS_SERVER;
  }
  check(sds_smtp_client_configure(client, &config), "configuration");
  return client;
}

static void send_mail(struct sds_smtp_client *client, const char *text)
{
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
  char subject[64];

  snprintf(subject, sizeof subject, "%s%u", LOAD_SUBJECT, (unsigned)mails_sent++);
  message.to = RECIPIENT;
  message.subject = subject;
  message.text = text;
  check(sds_smtp_client_send(client, &message), "sending");
}

/* --- memory --- */

/* Bytes of a mail that is held at a place, beside its text. Those mails are lost. */
static double held(unsigned port, uint32_t place, unsigned count, const char *text, uint32_t made)
{
  long long before = 0;

  ask_and_wait(LOAD_HOLD, place);
  /* The first of them also fills what the allocator and the engine keep. */
  for (unsigned at = 0; at <= count; at++) {
    clients[at] = client_of(port, certificate != NULL);
    if (at == 0)
      send_mail(clients[at], text);
  }
  ask_and_wait(LOAD_CONNECTED, made + 1);
  before = quiet_heap_bytes();
  for (unsigned at = 1; at <= count; at++)
    send_mail(clients[at], text);
  ask_and_wait(LOAD_CONNECTED, made + 1 + count);
  before = quiet_heap_bytes() - before;
  for (unsigned at = 0; at <= count; at++) {
    if (sds_smtp_client_status(clients[at]) != SDS_SMTP_BUSY)
      stop("a mail is not in flight");
    sds_smtp_client_free(clients[at]);
  }
  return (double)before / count - (double)strlen(text);
}

/* The most bytes of one mail beside its text, from its begin to its end. */
static double most(unsigned port, const char *text)
{
  struct sds_smtp_client *client = client_of(port, certificate != NULL);
  long long before = 0, reached = 0;

  for (uint32_t round = 1; round <= 2; round++) {
    before = quiet_heap_bytes();
    heap_most();
    send_mail(client, text);
    check(sds_smtp_client_wait(client, LONGEST_WAIT_MS), "a mail");
    if (ask_and_wait(LOAD_DELIVERED, round) != round)
      stop("a mail did not arrive");
    ask_and_wait(LOAD_CLOSED, 0);
    quiet_heap_bytes();
    reached = heap_most();
  }
  sds_smtp_client_free(client);
  return (double)(reached - before) - (double)strlen(text);
}

static void memory(void)
{
  static char text[LONG_TEXT + 1];
  unsigned port = ask_and_wait(LOAD_PORT, 0);
  uint32_t made = 2;

  write_text(text, "\n");
  printf("most %.0f\n", most(port, text));
  if (certificate != NULL) {
    printf("flight %.0f\n", held(port, LOAD_AT_FLIGHT, HELD, text, made));
    made += HELD + 1;
  }
  printf("greeting %.0f\n", held(port, LOAD_AT_GREETING, HELD, text, made));
  made += HELD + 1;
  memset(text, 'x', LONG_TEXT);
  for (size_t at = 63; at < LONG_TEXT; at += 64)
    text[at] = '\n';
  printf("text %.0f\n", held(port, LOAD_AT_TEXT, HELD_AT_TEXT, text, made));
}

/* --- waits --- */

struct wait {
  double whole; /* milliseconds of the clock */
  double work;  /* those in which the engine was at work */
};

static struct wait plain_waits[MOST_WAITS];
static unsigned waits_count;
static double worked, longest_turn;

static struct wait now(void)
{
  return (struct wait){clock_ms(CLOCK_MONOTONIC), worked};
}

static struct wait since(struct wait begun)
{
  struct wait end = now();

  return (struct wait){end.whole - begun.whole, end.work - begun.work};
}

/* --- the plain server --- */

static int plain_listener, plain_socket = -1;
static unsigned plain_port, answers;
static int in_text;
static struct wait answered;
static char octets[65536];
static size_t length;

static void answer(void)
{
  static const char *const replies[] = {"220 plain\r\n", "250 plain\r\n", "250 ok\r\n",  "250 ok\r\n",
                                        "354 go on\r\n", "250 taken\r\n", "221 bye\r\n"};
  const char *words;

  if (answers >= sizeof replies / sizeof *replies)
    stop("the plain client says more than it should");
  words = replies[answers++];
  in_text = words[0] == '3';
  length = 0;
  answered = now();
  (void)!send(plain_socket, words, strlen(words), MSG_NOSIGNAL);
}

/* Answers what has come; notes how long that took. */
static void serve_plain(void)
{
  ssize_t came;

  if (plain_socket < 0) {
    plain_socket = accept4(plain_listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    answers = 0;
    if (plain_socket >= 0)
      answer();
    return;
  }
  came = recv(plain_socket, octets + length, sizeof octets - length, 0);
  if (came < 0)
    return;
  if (came == 0) {
    close(plain_socket);
    plain_socket = -1;
    return;
  }
  if (length == 0 && waits_count < MOST_WAITS)
    plain_waits[waits_count++] = since(answered);
  length += (size_t)came;
  if (length >= 5 && memcmp(octets + length - (in_text ? 5 : 2), in_text ? "\r\n.\r\n" : "\r\n", in_text ? 5 : 2) == 0)
    answer();
}

static void start_plain_server(void)
{
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;

  plain_listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (plain_listener < 0 || bind(plain_listener, (struct sockaddr *)&address, sizeof address) != 0
      || listen(plain_listener, 16) != 0 || getsockname(plain_listener, (struct sockaddr *)&address, &size) != 0)
    stop("no plain server");
  plain_port = ntohs(address.sin_port);
}

/* --- the loop --- */

static int engine;

static struct sds_smtp_client *plain;
static struct wait mails[MOST_PLAIN];
static unsigned mails_count;
static char plain_text[TEXT_BYTES + 1];

static struct wait mail_begun;
static int plain_in_flight;

/* A turn of the engine, and what the plain server has to do behind it; sleeps where neither has anything to do. */
static void turn(void)
{
  struct pollfd polled[] = {{engine, POLLIN, 0}, {server, POLLIN, 0}, {plain_listener, POLLIN, 0}, {plain_socket, POLLIN, 0}};
  double begun = clock_ms(CLOCK_THREAD_CPUTIME_ID), took;
  uint32_t wait = sds_smtp_poll(0);

  took = clock_ms(CLOCK_THREAD_CPUTIME_ID) - begun;
  worked += took;
  if (took > longest_turn)
    longest_turn = took;
  serve_plain();
  if (plain_in_flight && sds_smtp_client_status(plain) != SDS_SMTP_BUSY) {
    check(sds_smtp_client_status(plain), "a plain mail");
    if (mails_count < MOST_PLAIN)
      mails[mails_count++] = since(mail_begun);
    plain_in_flight = 0;
  }
  if (wait > 0)
    poll(polled, sizeof polled / sizeof *polled, wait < 1000 ? (int)wait : 1000);
}

/* The same, and there is always a plain mail in flight. */
static void turn_with_plain_mails(void)
{
  if (!plain_in_flight) {
    mail_begun = now();
    send_mail(plain, plain_text);
    plain_in_flight = 1;
  }
  turn();
}

/* Asks the server for something, and turns until it has come about. */
static uint32_t ask_and_turn(uint32_t what, uint32_t count, void (*turns)(void))
{
  struct pollfd polled = {server, POLLIN, 0};
  double end = clock_ms(CLOCK_MONOTONIC) + LONGEST_WAIT_MS;

  ask(what, count);
  while (poll(&polled, 1, 0) == 0) {
    if (clock_ms(CLOCK_MONOTONIC) > end)
      stop("the server does not answer");
    turns();
  }
  return told();
}

static int compared(const void *one, const void *other)
{
  double left = *(const double *)one, right = *(const double *)other;

  return (left > right) - (left < right);
}

/* Median and longest of some times. */
static void tell(const char *name, const struct wait *waits, unsigned count, int work)
{
  static double sorted[MOST_WAITS];

  if (count == 0)
    stop("nothing was measured");
  for (unsigned at = 0; at < count; at++)
    sorted[at] = work ? waits[at].work : waits[at].whole;
  qsort(sorted, count, sizeof *sorted, compared);
  printf("%s_median %.3f\n%s_longest %.3f\n", name, sorted[count / 2], name, sorted[count - 1]);
}

static void tell_all(const char *when)
{
  char name[64];

  for (int work = 0; work < 2; work++) {
    const char *of = work ? "work" : "whole";

    snprintf(name, sizeof name, "%s_wait_%s", when, of);
    tell(name, plain_waits, waits_count, work);
    snprintf(name, sizeof name, "%s_mail_%s", when, of);
    tell(name, mails, mails_count, work);
  }
  printf("%s_mails %u\n%s_turn %.3f\n", when, mails_count, when, longest_turn);
  waits_count = mails_count = 0;
  longest_turn = 0;
}

static void raise_limit(void)
{
  struct rlimit limit;

  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max < clients_count + 64)
    stop("the limit of descriptors is too low (ulimit -Hn)");
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

static void waits(void)
{
  unsigned port = ask_and_wait(LOAD_PORT, 0);
  struct wait begun;
  intptr_t descriptor;

  check(sds_smtp_use_event_loop(&descriptor), "an event loop");
  engine = (int)descriptor;
  write_text(plain_text, "\n");
  plain = client_of(plain_port, 0);
  for (unsigned at = 0; at < clients_count; at++)
    clients[at] = client_of(port, 1);
  /* The first of each. */
  send_mail(clients[0], plain_text);
  ask_and_turn(LOAD_DELIVERED, 1, turn_with_plain_mails);
  ask_and_turn(LOAD_CLOSED, 0, turn_with_plain_mails);
  waits_count = mails_count = 0;

  while (mails_count < PLAIN_MAILS)
    turn_with_plain_mails();
  tell_all("quiet");

  ask_and_turn(LOAD_HOLD, LOAD_AT_FLIGHT, turn_with_plain_mails);
  begun = now();
  for (unsigned at = 0; at < clients_count; at++)
    send_mail(clients[at], plain_text);
  if (ask_and_turn(LOAD_CONNECTED, 1 + clients_count, turn_with_plain_mails) != 1 + clients_count)
    stop("more connections than mails");
  tell_all("begin");
  for (unsigned at = 0; at < clients_count; at++)
    if (sds_smtp_client_status(clients[at]) != SDS_SMTP_BUSY)
      stop("a mail is not in flight");
  ask_and_turn(LOAD_GREET, 0, turn_with_plain_mails);
  ask_and_turn(LOAD_DELIVERED, 1 + clients_count, turn_with_plain_mails);
  tell_all("go_on");
  begun = since(begun);
  printf("seconds %.2f\nworked %.2f\n", begun.whole / 1e3, begun.work / 1e3);
  if (ask_and_turn(LOAD_CLOSED, 0, turn) != 1 + clients_count)
    stop("more mails than were sent");
  for (unsigned at = 0; at < clients_count; at++)
    check(sds_smtp_client_status(clients[at]), "a mail over TLS");
  printf("arrived %u\n", clients_count);
}

int main(int argc, char **argv)
{
  if (argc > 3)
    certificate = argv[3];
  if ((argc == 3 || argc == 5) && strcmp(argv[1], "memory") == 0) {
    start_server(argv[2], argc == 5 ? argv[4] : NULL);
    memory();
  } else if (argc == 6 && strcmp(argv[1], "waits") == 0) {
    clients_count = number(argv[5], MOST_CLIENTS);
    raise_limit();
    start_plain_server();
    start_server(argv[2], argv[4]);
    waits();
  } else {
    stop("usage: tls_load memory SERVER [CERTIFICATE KEY] | tls_load waits SERVER CERTIFICATE KEY N");
  }
  return 0;
}
