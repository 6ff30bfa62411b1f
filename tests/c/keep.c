/*
 * keep - connections that are kept for the next mail, and what ends them
 *
 *     keep
 *
 * The server is a process of its own, which counts. Each case is a process of its own, too. Exit code 0: every case was right.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "server.h"

#define CASE_SECONDS 60
#define PEERS        1100
#define CLIENTS      50
#define MINUTE_MS    60000u

/* What the server has seen. */
static struct seen {
  volatile int connections, open, mails, resets, quits;
  volatile int silent_ends; /* connections that ended without QUIT */
} *seen;

static unsigned port;
static struct peer peers[PEERS];

static void sleep_ms(unsigned milliseconds)
{
  struct timespec time;

  time.tv_sec = milliseconds / 1000u;
  time.tv_nsec = (long)(milliseconds % 1000u) * 1000000;
  nanosleep(&time, NULL);
}

static void serve_peer(struct peer *peer, int *quits)
{
  char line[512];

  while (hear(peer, line, sizeof line)) {
    const char *reply;

    seen->mails += is_verb(peer, line, ".");
    seen->resets += is_verb(peer, line, "RSET");
    if (is_verb(peer, line, "QUIT")) {
      *quits = 1;
      seen->quits++;
    }
    reply = reply_to(peer, line);
    if (reply != NULL)
      say(peer, reply);
  }
  if (peer->socket < 0) {
    seen->open--;
    seen->silent_ends += !*quits;
  }
}

/* Takes every mail, until it is killed. */
static void serve(int listening)
{
  static struct pollfd wanted[PEERS + 1];
  static int quits[PEERS];
  int i;

  for (i = 0; i < PEERS; i++)
    peers[i].socket = -1;
  for (;;) {
    for (i = 0; i < PEERS; i++) {
      wanted[i].fd = peers[i].socket;
      wanted[i].events = POLLIN;
    }
    wanted[PEERS].fd = listening;
    wanted[PEERS].events = POLLIN;
    if (poll(wanted, PEERS + 1, -1) < 0)
      continue;
    for (i = 0; i < PEERS; i++)
      if (peers[i].socket >= 0 && wanted[i].revents != 0)
        serve_peer(&peers[i], &quits[i]);
    if ((wanted[PEERS].revents & POLLIN) == 0)
      continue;
    for (i = 0; i < PEERS && peers[i].socket >= 0; i++)
      ;
    CHECK(i < PEERS);
    begin_peer(&peers[i], accept(listening, NULL, NULL));
    quits[i] = 0;
    seen->connections++;
    seen->open++;
    say(&peers[i], "220 ready\r\n");
  }
}

static int keep_for(sds_smtp_client *client, uint32_t milliseconds)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;

  config.server = "127.0.0.1";
  config.port = port;
  config.sender = "device@example.com";
  config.keep_alive_ms = milliseconds;
  return sds_smtp_client_configure(client, &config);
}

static void reaches(const volatile int *count, int wanted)
{
  uint64_t begun = now_ms();

  while (*count != wanted && now_ms() - begun < PATIENCE_MS)
    sleep_ms(1);
  CHECK_IS(*count, wanted);
}

static void many_clients_keep(sds_smtp_client **clients, int count)
{
  int i;

  for (i = 0; i < count; i++) {
    clients[i] = sds_smtp_client_new();
    CHECK_IS(keep_for(clients[i], MINUTE_MS), SDS_SMTP_OK);
    CHECK_IS(deliver(clients[i], "keep, many"), SDS_SMTP_OK);
  }
  CHECK_IS(seen->open, count);
}

static void shutdown_says_quit_and_the_next_mail_connects_again(void)
{
  sds_smtp_client *clients[CLIENTS];
  uint64_t begun;
  int i;

  many_clients_keep(clients, CLIENTS);
  begun = now_ms();
  CHECK_IS(sds_smtp_shutdown(0), SDS_SMTP_OK);
  CHECK(now_ms() - begun < 5000u);
  reaches(&seen->open, 0);
  CHECK_IS(seen->quits, CLIENTS);
  CHECK_IS(seen->silent_ends, 0);
  for (i = 0; i < CLIENTS; i++)
    CHECK_IS(deliver(clients[i], "keep, again"), SDS_SMTP_OK);
  CHECK_IS(seen->connections, 2 * CLIENTS);
  CHECK_IS(sds_smtp_shutdown(0), SDS_SMTP_OK);
  reaches(&seen->quits, 2 * CLIENTS);
  for (i = 0; i < CLIENTS; i++)
    sds_smtp_client_free(clients[i]);
}

static void free_says_quit_and_does_not_wait(void)
{
  sds_smtp_client *clients[CLIENTS];
  uint64_t begun;
  int i;

  many_clients_keep(clients, CLIENTS);
  begun = now_ms();
  for (i = 0; i < CLIENTS; i++)
    sds_smtp_client_free(clients[i]);
  CHECK(now_ms() - begun < 5000u);
  reaches(&seen->open, 0);
  CHECK_IS(seen->quits, CLIENTS);
  CHECK_IS(seen->silent_ends, 0);
  CHECK_IS(sds_smtp_shutdown(0), SDS_SMTP_OK);
}

static volatile int left, last_code;

static void send_another(void *context, sds_smtp_client *client, const struct sds_smtp_result *result)
{
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;

  (void)context;
  last_code = result->code;
  if (result->code != SDS_SMTP_OK || left == 0)
    return;
  left--;
  message.to = "operator@example.com";
  message.subject = "keep, out of done";
  message.text = "The text.\n";
  message.done = send_another;
  CHECK_IS(sds_smtp_client_send(client, &message), SDS_SMTP_OK);
}

static void mails_out_of_done_go_over_one_connection(void)
{
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;

  left = 100;
  CHECK_IS(keep_for(NULL, MINUTE_MS), SDS_SMTP_OK);
  message.to = "operator@example.com";
  message.done = send_another;
  CHECK_IS(sds_smtp_client_send(NULL, &message), SDS_SMTP_OK);
  reaches(&seen->mails, 101);
  CHECK_IS(sds_smtp_client_wait(NULL, PATIENCE_MS), SDS_SMTP_OK);
  CHECK_IS(seen->connections, 1);
  CHECK_IS(seen->resets, 0);
  CHECK_IS(sds_smtp_shutdown(PATIENCE_MS), SDS_SMTP_OK);
  CHECK_IS(last_code, SDS_SMTP_OK);
}

/* Polls until the server has seen this. */
static void poll_until(const volatile int *count, int wanted)
{
  uint64_t begun = now_ms();

  while (*count != wanted && now_ms() - begun < PATIENCE_MS) {
    sds_smtp_poll(0);
    sleep_ms(1);
  }
  CHECK_IS(*count, wanted);
}

static void an_event_loop_keeps_them_too(void)
{
  sds_smtp_client *client = sds_smtp_client_new();
  uint32_t wait;
  int i;

  CHECK(event_loop() >= 0);
  CHECK_IS(keep_for(client, 300), SDS_SMTP_OK);
  for (i = 0; i < 5; i++)
    CHECK_IS(deliver(client, "keep, in a loop"), SDS_SMTP_OK);
  CHECK_IS(seen->connections, 1);
  /* The loop is told when it ends. */
  wait = sds_smtp_poll(0);
  CHECK(wait > 0 && wait <= 301u);
  sleep_ms(350);
  poll_until(&seen->quits, 1);
  poll_until(&seen->open, 0);
  /* Another configuration ends it. */
  CHECK_IS(keep_for(client, MINUTE_MS), SDS_SMTP_OK);
  CHECK_IS(deliver(client, "keep, in a loop"), SDS_SMTP_OK);
  CHECK_IS(keep_for(client, MINUTE_MS), SDS_SMTP_OK);
  poll_until(&seen->quits, 2);
  CHECK_IS(deliver(client, "keep, in a loop"), SDS_SMTP_OK);
  sds_smtp_client_free(client);
  poll_until(&seen->quits, 3);
  /* The end of the library's work does not need the loop. */
  CHECK_IS(keep_for(NULL, MINUTE_MS), SDS_SMTP_OK);
  CHECK_IS(deliver(NULL, "keep, in a loop"), SDS_SMTP_OK);
  CHECK_IS(sds_smtp_shutdown(0), SDS_SMTP_OK);
  reaches(&seen->quits, 4);
  CHECK_IS(seen->silent_ends, 0);
}

static void the_child_of_a_fork_says_nothing_on_the_parents(void)
{
  int i;

  CHECK_IS(keep_for(NULL, MINUTE_MS), SDS_SMTP_OK);
  CHECK_IS(deliver(NULL, "keep, the parent's"), SDS_SMTP_OK);
  for (i = 0; i < 10; i++) {
    pid_t child = fork();
    int status;

    if (child == 0) {
      if (i % 2 == 0) {
        CHECK_IS(deliver(NULL, "keep, the child's"), SDS_SMTP_OK);
        CHECK_IS(deliver(NULL, "keep, the child's"), SDS_SMTP_OK);
      }
      CHECK_IS(sds_smtp_shutdown(0), SDS_SMTP_OK);
      _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_IS(status, 0);
    CHECK_IS(deliver(NULL, "keep, the parent's"), SDS_SMTP_OK);
  }
  /* Five children had one of their own. */
  CHECK_IS(seen->connections, 6);
  CHECK_IS(seen->quits, 5);
  CHECK_IS(seen->mails, 21);
  reaches(&seen->open, 1);
  CHECK_IS(seen->silent_ends, 0);
  CHECK_IS(sds_smtp_shutdown(0), SDS_SMTP_OK);
  reaches(&seen->quits, 6);
}

static void without_descriptors_the_oldest_gives_its_own_up(void)
{
  sds_smtp_client *clients[CLIENTS];
  struct rlimit limit;
  int i, round, probe = open("/dev/null", O_RDONLY);

  CHECK(probe >= 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0);
  close(probe);
  /* The engine has some, and there are ten more. */
  limit.rlim_cur = (rlim_t)probe + 14;
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  for (i = 0; i < CLIENTS; i++) {
    clients[i] = sds_smtp_client_new();
    CHECK_IS(keep_for(clients[i], MINUTE_MS), SDS_SMTP_OK);
  }
  for (round = 0; round < 3; round++)
    for (i = 0; i < CLIENTS; i++)
      CHECK_IS(deliver(clients[i], "keep, few descriptors"), SDS_SMTP_OK);
  CHECK_IS(seen->mails, 3 * CLIENTS);
  CHECK(seen->open >= 5 && seen->open <= 14);
  /* The newest one is there still. */
  i = seen->connections;
  CHECK_IS(deliver(clients[CLIENTS - 1], "keep, the newest"), SDS_SMTP_OK);
  CHECK_IS(seen->connections, i);
  CHECK(seen->quits >= 3 * CLIENTS - 14);
  CHECK_IS(sds_smtp_shutdown(0), SDS_SMTP_OK);
  reaches(&seen->open, 0);
  CHECK_IS(seen->silent_ends, 0);
}

static void a_connection_that_the_program_has_closed_is_not_used(void)
{
  sds_smtp_client *clients[5];
  int number, i;

  many_clients_keep(clients, 5);
  for (number = 3; number < 200; number++)
    close(number);
  /* The numbers are others' now. */
  for (number = 3; number < 30; number++)
    CHECK(open("/dev/null", O_RDWR) >= 0);
  for (i = 0; i < 5; i++)
    CHECK_IS_NOT(deliver(clients[i], "keep, closed"), SDS_SMTP_BUSY);
  for (i = 0; i < 5; i++)
    CHECK_IS(deliver(clients[i], "keep, after that"), SDS_SMTP_OK);
}

/* ------------------------------------------------------------------------------------------------------------------
 * Functions of the program that carry the connection.
 */

static struct carrier {
  int socket, connects, closes, with_descriptor, calls;
} carrier = {-1, 0, 0, 0, 0};

static int32_t do_connect(void *context, const sds_smtp_address *server)
{
  struct sockaddr_in address;

  (void)context, (void)server;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons((uint16_t)port);
  CHECK_IS(carrier.socket, -1);
  carrier.socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(connect(carrier.socket, (const struct sockaddr *)&address, sizeof address) == 0);
  carrier.connects++;
  return 0;
}

static int32_t do_connected(void *context)
{
  (void)context;
  return 1;
}

static int32_t do_send(void *context, const uint8_t *octets, size_t length)
{
  ssize_t sent = send(carrier.socket, octets, length, MSG_DONTWAIT | MSG_NOSIGNAL);

  (void)context;
  return sent >= 0 ? (int32_t)sent : errno == EAGAIN ? 0 : SDS_SMTP_LOST;
}

static int32_t do_receive(void *context, uint8_t *octets, size_t max)
{
  ssize_t got = recv(carrier.socket, octets, max, MSG_DONTWAIT);

  (void)context;
  carrier.calls++;
  return got > 0 ? (int32_t)got : got < 0 && errno == EAGAIN ? 0 : SDS_SMTP_LOST;
}

static int32_t do_close(void *context)
{
  (void)context;
  close(carrier.socket);
  carrier.socket = -1;
  carrier.closes++;
  return 1;
}

static intptr_t do_descriptor(void *context)
{
  (void)context;
  return carrier.with_descriptor ? carrier.socket : -1;
}

static void functions_of_the_program_keep_theirs(void)
{
  struct sds_smtp_transport transport = SDS_SMTP_TRANSPORT_INIT;
  int i, calls;

  transport.connect = do_connect;
  transport.connected = do_connected;
  transport.send = do_send;
  transport.receive = do_receive;
  transport.close = do_close;
  transport.descriptor = do_descriptor;
  for (carrier.with_descriptor = 0; carrier.with_descriptor < 2; carrier.with_descriptor++) {
    sds_smtp_client *client = sds_smtp_client_new();
    int quits = seen->quits, connects = carrier.connects;

    CHECK_IS(sds_smtp_client_set_transport(client, &transport), SDS_SMTP_OK);
    CHECK_IS(keep_for(client, MINUTE_MS), SDS_SMTP_OK);
    for (i = 0; i < 5; i++)
      CHECK_IS(deliver(client, "keep, carried"), SDS_SMTP_OK);
    CHECK_IS(carrier.connects, connects + 1);
    /* Nobody asks it while nothing is wanted of it. */
    sleep_ms(50);
    calls = carrier.calls;
    sleep_ms(200);
    CHECK_IS(carrier.calls, calls);
    /* Another configuration. */
    CHECK_IS(keep_for(client, MINUTE_MS), SDS_SMTP_OK);
    reaches(&seen->quits, quits + 1);
    CHECK_IS(deliver(client, "keep, carried"), SDS_SMTP_OK);
    CHECK_IS(carrier.connects, connects + 2);
    /* Other functions: said before the call returns, and nothing is called after it. */
    CHECK_IS(sds_smtp_client_set_transport(client, NULL), SDS_SMTP_OK);
    CHECK_IS(carrier.closes, connects + 2);
    reaches(&seen->quits, quits + 2);
    CHECK_IS(deliver(client, "keep, over a socket"), SDS_SMTP_OK);
    CHECK_IS(carrier.connects, connects + 2);
    /* And back. */
    CHECK_IS(sds_smtp_client_set_transport(client, &transport), SDS_SMTP_OK);
    reaches(&seen->quits, quits + 3);
    CHECK_IS(deliver(client, "keep, carried"), SDS_SMTP_OK);
    CHECK_IS(carrier.connects, connects + 3);
    sds_smtp_client_free(client);
    CHECK_IS(carrier.closes, connects + 3);
    reaches(&seen->quits, quits + 4);
  }
  {
    /* The end of the library's work. */
    int quits = seen->quits;

    CHECK_IS(sds_smtp_client_set_transport(NULL, &transport), SDS_SMTP_OK);
    CHECK_IS(keep_for(NULL, MINUTE_MS), SDS_SMTP_OK);
    CHECK_IS(deliver(NULL, "keep, carried"), SDS_SMTP_OK);
    CHECK_IS(sds_smtp_shutdown(0), SDS_SMTP_OK);
    CHECK_IS(carrier.closes, carrier.connects);
    reaches(&seen->quits, quits + 1);
    CHECK_IS(deliver(NULL, "keep, carried again"), SDS_SMTP_OK);
    CHECK_IS(sds_smtp_shutdown(0), SDS_SMTP_OK);
  }
  reaches(&seen->open, 0);
  CHECK_IS(seen->silent_ends, 0);
}

static void *sends_some(void *unused)
{
  sds_smtp_client *client = sds_smtp_client_new();
  int i;

  (void)unused;
  CHECK_IS(keep_for(client, 5), SDS_SMTP_OK);
  for (i = 0; i < 30; i++) {
    CHECK_IS(deliver(client, "keep, threads"), SDS_SMTP_OK);
    /* Some find it, some do not, and some come when it just ends. */
    sleep_ms((unsigned)i % 10u);
    if (i % 7 == 0)
      CHECK_IS(keep_for(client, (uint32_t)i), SDS_SMTP_OK);
  }
  sds_smtp_client_free(client);
  return NULL;
}

static void many_threads_keep_theirs_for_a_short_time(void)
{
  pthread_t all[16];
  int i;

  for (i = 0; i < 16; i++)
    CHECK_IS(pthread_create(&all[i], NULL, sends_some, NULL), 0);
  for (i = 0; i < 16; i++)
    CHECK_IS(pthread_join(all[i], NULL), 0);
  CHECK_IS(seen->mails, 16 * 30);
  CHECK_IS(sds_smtp_shutdown(0), SDS_SMTP_OK);
  reaches(&seen->open, 0);
}

#define CASE(name) {#name, name}

static const struct {
  const char *name;
  void (*run)(void);
} cases[] = {
  CASE(shutdown_says_quit_and_the_next_mail_connects_again),
  CASE(free_says_quit_and_does_not_wait),
  CASE(mails_out_of_done_go_over_one_connection),
  CASE(an_event_loop_keeps_them_too),
  CASE(the_child_of_a_fork_says_nothing_on_the_parents),
  CASE(without_descriptors_the_oldest_gives_its_own_up),
  CASE(a_connection_that_the_program_has_closed_is_not_used),
  CASE(functions_of_the_program_keep_theirs),
  CASE(many_threads_keep_theirs_for_a_short_time),
};

/* The server of a case. */
static pid_t start_server(void)
{
  int listening = listen_on_loopback(&port);
  pid_t server;

  memset(seen, 0, sizeof *seen);
  server = fork();
  CHECK(server >= 0);
  if (server == 0) {
    alarm(CASE_SECONDS + 10);
    serve(listening);
  }
  close(listening);
  return server;
}

int main(int argc, char **argv)
{
  const int count = (int)(sizeof cases / sizeof cases[0]);
  int i, failed = 0;

  seen = (struct seen *)mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(seen != (struct seen *)MAP_FAILED);
  for (i = 0; i < count; i++) {
    pid_t child, server;

    if (argc > 1 && strcmp(argv[1], cases[i].name) != 0)
      continue;
    server = start_server();
    child = fork();
    if (child == 0) {
      alarm(CASE_SECONDS);
      cases[i].run();
      /* With exit(), which looks for leaks. */
      exit(0);
    }
    failed += case_is_wrong(child, cases[i].name);
    kill(server, SIGKILL);
    CHECK(waitpid(server, NULL, 0) == server);
  }
  printf("keep: %d cases, %d wrong\n", count, failed);
  return failed != 0;
}
