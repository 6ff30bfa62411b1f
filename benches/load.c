/*
 * load - the engine with N mails in flight at once
 *
 *     load SERVER N ROUNDS measure   CPU time and memory for a mail; under callgrind, which it tells where to
 *                                    count, also instructions
 *     load SERVER N ROUNDS probe     the longest time that fork(), sds_smtp_client_send() and
 *                                    sds_smtp_client_cancel() take while the engine works
 *     load SERVER N ROUNDS poll      the longest call of sds_smtp_poll(), in a program that drives the engine
 *
 * SERVER is the path of load_server, which greets nobody until it is told: so all N mails are in flight at
 * once. There are four parts of ROUNDS rounds each, the last two of at most four. In each round N mails are
 * sent and all connections made; then the server greets and all mails are delivered (deliver), all are
 * cancelled (cancel), the greeting's time limit passes (deadline), or all clients are freed (free; here the
 * clients are made anew in each round). A round ends when the last connection is closed.
 *
 * Prints "name number" lines: mails, microseconds for a mail, bytes for a mail, milliseconds. The exit code
 * is 0 only when each mail ended as it has to, and when the server got each that was to be delivered once and
 * no other.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <valgrind/callgrind.h>

#include "driver.h"
#include "heap.h"
#include "load.h"
#include "sds_smtp.h"

#define MOST_CLIENTS      50000
#define MOST_ROUNDS       100
#define MOST_SLOW_ROUNDS  4  /* of deadlines, which take their time, and of the lives of clients */
#define SPARE_DESCRIPTORS 64 /* besides those of the connections */

#define LONGEST_WAIT_MS   120000 /* for the server, or for the end of a mail */
#define MAIL_TIMEOUT_MS   600000 /* what no mail reaches, under valgrind either, but in the part deadline */
#define PROBE_INTERVAL_MS 2
#define QUIET_FORKS       20

enum mode { MEASURE, PROBE, POLL };

static enum mode mode;
static unsigned clients_count, rounds;
static struct sds_smtp_client *clients[MOST_CLIENTS];
static char text[TEXT_BYTES + 1];
static unsigned port;
static int server = -1; /* the socket to the server */
static uint32_t mails_sent, connections, mails_delivered;

static _Noreturn void stop(const char *what)
{
  fprintf(stderr, "load: %s\n", what);
  exit(1);
}

static void check(int code, const char *what)
{
  if (code == SDS_SMTP_OK)
    return;
  fprintf(stderr, "load: %s: code %d: %s\n", what, code, sds_smtp_strerror(code));
  exit(1);
}

static double milliseconds(void)
{
  struct timespec time;

  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

/* The longest of some calls, in milliseconds, by what the calling thread did. */
struct times {
  double whole;  /* from begin to end */
  double worked; /* CPU time */
  double waited; /* asleep: neither at work nor only without a processor */
};

/* Milliseconds in which the thread could have run and had no processor; 0 where the kernel does not tell. */
static double delayed(void)
{
  static int schedstat = -1;
  char words[96];
  unsigned long long delay = 0;
  ssize_t length;

  if (schedstat == -1)
    schedstat = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
  length = pread(schedstat, words, sizeof words - 1, 0);
  words[length > 0 ? length : 0] = '\0';
  if (sscanf(words, "%*u %llu", &delay) != 1)
    return 0;
  return (double)delay / 1e6;
}

/* In the mode measure nothing of it: the C library's instructions are counted there. */
static struct times now(void)
{
  struct timespec cpu;
  struct times times = {0, 0, 0};

  if (mode == MEASURE)
    return times;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
  times.whole = milliseconds();
  times.worked = (double)cpu.tv_sec * 1e3 + (double)cpu.tv_nsec / 1e6;
  times.waited = times.whole - times.worked - delayed();
  return times;
}

static void longest(struct times *place, struct times since)
{
  struct times end = now();

  if (end.whole - since.whole > place->whole)
    place->whole = end.whole - since.whole;
  if (end.worked - since.worked > place->worked)
    place->worked = end.worked - since.worked;
  if (end.waited - since.waited > place->waited)
    place->waited = end.waited - since.waited;
}

/* --- what it takes --- */

static void need_descriptors(unsigned count)
{
  struct rlimit limit;

  if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
    stop("no limit of descriptors");
  if (limit.rlim_max < count) {
    /* Allowed to root, in some places. */
    struct rlimit higher = {count, count};

    if (setrlimit(RLIMIT_NOFILE, &higher) == 0)
      return;
    fprintf(stderr,
            "load: %u connections at once need %u open descriptors, and this process may have %llu (ulimit -Hn): raise\n"
            "load: the hard limit, in /etc/security/limits.conf or with the container's option for it (nofile)\n",
            clients_count, count, (unsigned long long)limit.rlim_max);
    exit(1);
  }
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
    stop("the limit of descriptors cannot be raised");
}

static void start_server(const char *program)
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
      execl(program, program, (char *)NULL);
    perror(program);
    _exit(127);
  }
  close(ends[1]);
  server = ends[0];
}

/* --- the program that waits: it probes the engine, or drives it --- */

static struct times longest_fork, longest_send, longest_cancel, longest_poll, quiet_fork;
static unsigned probes;
static int engine = -1; /* the engine's descriptor, where the program drives it */
static uint32_t poll_again;
static unsigned silent_port; /* of a listener that never accepts */

static void listen_silently(void)
{
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1) != 0
      || getsockname(listener, (struct sockaddr *)&address, &length) != 0)
    stop("no listener");
  silent_port = ntohs(address.sin_port);
}

static void time_fork(struct times *place)
{
  struct times before = now();
  pid_t pid = fork();

  if (pid == 0)
    _exit(0);
  longest(place, before);
  if (pid < 0 || waitpid(pid, NULL, 0) != pid)
    stop("fork() failed");
}

static void configure(struct sds_smtp_client *client, unsigned at_port, uint32_t greeting_timeout)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;

  config.server = SERVER;
  config.port = at_port;
  config.sender = SENDER;
  config.ehlo_name = EHLO_NAME;
  config.connect_timeout_ms = MAIL_TIMEOUT_MS;
  config.greeting_timeout_ms = greeting_timeout;
  config.quit_timeout_ms = MAIL_TIMEOUT_MS;
  check(sds_smtp_client_configure(client, &config), "configuration");
}

static void send_mail(struct sds_smtp_client *client)
{
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
  char subject[] = LOAD_SUBJECT "000000";
  struct times before;

  if (mails_sent >= LOAD_MOST_MAILS)
    stop("more mails than have a number");
  /* Without the C library, whose instructions are counted. */
  for (unsigned rest = mails_sent++, at = sizeof subject - 2; rest > 0; rest /= 10, at--)
    subject[at] = (char)('0' + rest % 10);
  message.to = RECIPIENT;
  message.subject = subject;
  message.text = text;
  before = now();
  check(sds_smtp_client_send(client, &message), "sending");
  longest(&longest_send, before);
}

static void cancel(struct sds_smtp_client *client)
{
  struct times before = now();

  check(sds_smtp_client_cancel(client), "cancelling");
  longest(&longest_cancel, before);
}

/* A client that has nothing to do with the others, at a server that says nothing. */
static void probe(void)
{
  struct sds_smtp_client *client = sds_smtp_client_new();

  if (client == NULL)
    stop("no client");
  configure(client, silent_port, MAIL_TIMEOUT_MS);
  send_mail(client);
  cancel(client);
  sds_smtp_client_free(client);
  time_fork(&longest_fork);
  probes++;
}

static void drive(void)
{
  struct times before = now();

  poll_again = sds_smtp_poll(0);
  longest(&longest_poll, before);
}

static const char *const asked_for[] = {
  [LOAD_PORT] = "told its port",
  [LOAD_HOLD] = "begun to hold its greetings",
  [LOAD_GREET] = "begun to greet",
  [LOAD_CONNECTED] = "seen all connections made",
  [LOAD_DELIVERED] = "got all mails",
  [LOAD_CLOSED] = "seen all connections closed",
};

/* Asks the server for something, and goes on when it has come about. Returns the server's number. */
static uint32_t ask(uint32_t what, uint32_t count)
{
  struct request request = {what, count};
  struct pollfd polled[2] = {{server, POLLIN, 0}, {engine, POLLIN, 0}};
  double end = milliseconds() + LONGEST_WAIT_MS;
  uint32_t number;

  if (send(server, &request, sizeof request, MSG_NOSIGNAL) != sizeof request)
    stop("the server has ended");
  while (milliseconds() < end) {
    int timeout = mode == MEASURE ? LONGEST_WAIT_MS : PROBE_INTERVAL_MS;

    if (mode == POLL)
      timeout = poll_again < 1000 ? (int)poll_again : 1000;
    if (poll(polled, 2, timeout) < 0 && errno != EINTR)
      stop("poll() failed");
    if (polled[0].revents != 0) {
      if (read(server, &number, sizeof number) != sizeof number)
        stop("the server has ended");
      return number;
    }
    if (mode == POLL)
      drive();
    else if (mode == PROBE)
      probe();
  }
  fprintf(stderr, "load: after %d seconds the server has not %s yet\n", LONGEST_WAIT_MS / 1000, asked_for[what]);
  exit(1);
}

static void wait_for(struct sds_smtp_client *client, int expected)
{
  double end = milliseconds() + LONGEST_WAIT_MS;
  int code;

  if (mode != POLL)
    code = sds_smtp_client_wait(client, LONGEST_WAIT_MS);
  else
    while ((code = sds_smtp_client_status(client)) == SDS_SMTP_BUSY && milliseconds() < end)
      drive();
  if (code != expected) {
    fprintf(stderr, "load: a mail ended with code %d, not %d: %s\n", code, expected, sds_smtp_strerror(code));
    exit(1);
  }
}

/* --- the parts --- */

static double cpu_before;

static double cpu_microseconds(void)
{
  struct rusage usage;

  getrusage(RUSAGE_SELF, &usage);
  return ((double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec) * 1e6 + (double)usage.ru_utime.tv_usec
         + (double)usage.ru_stime.tv_usec;
}

static void begin(void)
{
  longest_poll = (struct times){0, 0, 0};
  cpu_before = cpu_microseconds();
  CALLGRIND_ZERO_STATS;
}

#define END(part, mails)                \
  do {                                  \
    CALLGRIND_DUMP_STATS_AT(part);      \
    end_of_part(part, mails);           \
  } while (0)

static void end_of_part(const char *part, unsigned mails)
{
  if (mode == MEASURE)
    printf("mails_%s %u\ncpu_%s %.1f\n", part, mails, part, (cpu_microseconds() - cpu_before) / mails);
  else if (mode == POLL)
    printf("poll_%s %.1f\npoll_%s_worked %.1f\n", part, longest_poll.whole, part, longest_poll.worked);
}

static void make_clients(void)
{
  for (unsigned at = 0; at < clients_count; at++) {
    clients[at] = sds_smtp_client_new();
    if (clients[at] == NULL)
      stop("no client");
    configure(clients[at], port, MAIL_TIMEOUT_MS);
  }
}

static void free_clients(void)
{
  for (unsigned at = 0; at < clients_count; at++)
    sds_smtp_client_free(clients[at]);
}

/* Sends a mail from each client, and goes on when all of them are in flight, and wait for the greeting. */
static void send_all(void)
{
  uint32_t made;

  ask(LOAD_HOLD, 0);
  for (unsigned at = 0; at < clients_count; at++)
    send_mail(clients[at]);
  connections += clients_count;
  made = ask(LOAD_CONNECTED, connections);
  if (made != connections)
    stop("more connections than mails");
}

static void all_ended(int code)
{
  /* The last connection is closed after the last mail has ended, so nobody has to wait for a mail any more. */
  if (ask(LOAD_CLOSED, 0) != mails_delivered)
    stop("a mail was delivered that should not have been, or one was not");
  for (unsigned at = 0; at < clients_count; at++)
    wait_for(clients[at], code);
}

/* Returns the milliseconds until all mails of the first round were in flight. */
static double deliver(void)
{
  double took = 0;

  begin();
  for (unsigned round = 0; round < rounds; round++) {
    long long before = heap_bytes();
    double start = milliseconds();

    send_all();
    if (round == 0) {
      took = milliseconds() - start;
      /* The logs are empty yet. */
      if (mode == MEASURE)
        printf("memory %.1f\n", (double)(quiet_heap_bytes() - before) / clients_count - (double)strlen(text));
      for (unsigned at = 0; at < clients_count; at++)
        if (sds_smtp_client_status(clients[at]) != SDS_SMTP_BUSY)
          stop("a mail is not in flight");
      for (unsigned at = 0; mode == PROBE && at < QUIET_FORKS; at++)
        time_fork(&quiet_fork);
    }
    ask(LOAD_GREET, 0);
    mails_delivered += clients_count;
    ask(LOAD_DELIVERED, mails_delivered);
    all_ended(SDS_SMTP_OK);
  }
  END("deliver", rounds * clients_count);
  return took;
}

static void cancel_all(void)
{
  begin();
  for (unsigned round = 0; round < rounds; round++) {
    send_all();
    for (unsigned at = 0; at < clients_count; at++)
      cancel(clients[at]);
    all_ended(SDS_SMTP_CANCELLED);
  }
  END("cancel", rounds * clients_count);
}

static void let_deadlines_pass(unsigned times, uint32_t limit)
{
  for (unsigned at = 0; at < clients_count; at++)
    configure(clients[at], port, limit);
  begin();
  for (unsigned round = 0; round < times; round++) {
    send_all();
    all_ended(SDS_SMTP_TIMEOUT);
  }
  END("deadline", times * clients_count);
}

static void free_all(unsigned times)
{
  free_clients();
  begin();
  for (unsigned round = 0; round < times; round++) {
    make_clients();
    send_all();
    free_clients();
    if (ask(LOAD_CLOSED, 0) != mails_delivered)
      stop("a freed client's mail was delivered");
  }
  END("free", times * clients_count);
}

static enum mode mode_of(const char *word)
{
  if (strcmp(word, "measure") == 0)
    return MEASURE;
  if (strcmp(word, "probe") == 0)
    return PROBE;
  if (strcmp(word, "poll") != 0)
    stop("usage: load SERVER N ROUNDS measure|probe|poll");
  return POLL;
}

int main(int argc, char **argv)
{
  unsigned slow_rounds;
  double took;

  if (argc != 5)
    stop("usage: load SERVER N ROUNDS measure|probe|poll");
  clients_count = number(argv[2], MOST_CLIENTS);
  rounds = number(argv[3], MOST_ROUNDS);
  mode = mode_of(argv[4]);
  slow_rounds = rounds < MOST_SLOW_ROUNDS ? rounds : MOST_SLOW_ROUNDS;
  need_descriptors(clients_count + SPARE_DESCRIPTORS);
  start_server(argv[1]);
  write_text(text, "\n");
  if (mode == PROBE)
    listen_silently();
  if (mode == POLL) {
    intptr_t descriptor;

    if (sds_smtp_use_event_loop(&descriptor) != SDS_SMTP_OK)
      stop("no descriptor of the engine");
    engine = (int)descriptor;
  }
  port = ask(LOAD_PORT, 0);
  make_clients();

  /* The first mail starts the thread, and fills what the allocator and the engine keep for the next. */
  send_mail(clients[0]);
  connections = mails_delivered = 1;
  ask(LOAD_DELIVERED, 1);
  wait_for(clients[0], SDS_SMTP_OK);
  ask(LOAD_CLOSED, 0);

  took = deliver();
  cancel_all();
  /* Longer than it takes to have all mails in flight. */
  let_deadlines_pass(slow_rounds, (uint32_t)(500 + took * 1.5));
  free_all(slow_rounds);
  if (mode == PROBE)
    printf("probes %u\nfork %.1f\nfork_waited %.1f\nfork_quiet %.1f\nfork_quiet_waited %.1f\n"
           "send %.1f\nsend_waited %.1f\ncancel %.1f\ncancel_waited %.1f\n",
           probes, longest_fork.whole, longest_fork.waited, quiet_fork.whole, quiet_fork.waited, longest_send.whole,
           longest_send.waited, longest_cancel.whole, longest_cancel.waited);
  return 0;
}
