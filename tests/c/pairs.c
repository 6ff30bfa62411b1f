/*
 * pairs - what happens at the same time on connections that functions of the program carry
 *
 *     pairs
 *
 * Each connection is a pair of sockets, whose other end is the case's own: it is the server, and says everything when it is time.
 * Each case is a process of its own, and they run side by side. Exit code 0: every case was right.
 */
#include <fcntl.h>
#include <pthread.h>

#include "server.h"

#define CASE_SECONDS 100
#define MAILS        100

struct link {
  sds_smtp_client *client;
  volatile int ours, theirs; /* the ends of the pair; -1: there is none */
  volatile int connects, closes, calls;
  int again; /* so often `start_tls` wants to be called again at once */
  void (*on_call)(struct link *link, const char *function);
};

static void enters(struct link *link, const char *function)
{
  link->calls++;
  if (link->on_call != NULL)
    link->on_call(link, function);
}

static int32_t do_connect(void *context, const sds_smtp_address *server)
{
  struct link *link = (struct link *)context;
  int ends[2];

  (void)server;
  enters(link, "connect");
  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
  link->ours = ends[0];
  link->theirs = ends[1];
  link->connects++;
  return 0;
}

static int32_t do_connected(void *context)
{
  enters((struct link *)context, "connected");
  return 1;
}

static int32_t do_send(void *context, const uint8_t *octets, size_t length)
{
  struct link *link = (struct link *)context;
  ssize_t sent;

  enters(link, "send");
  sent = send(link->ours, octets, length, MSG_NOSIGNAL);
  return sent >= 0 ? (int32_t)sent : errno == EAGAIN ? 0 : SDS_SMTP_LOST;
}

static int32_t do_receive(void *context, uint8_t *octets, size_t max)
{
  struct link *link = (struct link *)context;
  ssize_t got;

  enters(link, "receive");
  got = recv(link->ours, octets, max, 0);
  return got > 0 ? (int32_t)got : got < 0 && errno == EAGAIN ? 0 : SDS_SMTP_LOST;
}

static int32_t do_close(void *context)
{
  struct link *link = (struct link *)context;

  enters(link, "close");
  link->closes++;
  close(link->ours);
  link->ours = -1;
  return 1;
}

static intptr_t do_descriptor(void *context)
{
  struct link *link = (struct link *)context;

  enters(link, "descriptor");
  return link->ours;
}

static int32_t secures(void *context, const char *server_name)
{
  struct link *link = (struct link *)context;

  (void)server_name;
  enters(link, "start_tls");
  return link->again-- > 0 ? SDS_SMTP_TRANSPORT_AGAIN : 1;
}

/* A client whose connections are such pairs. */
static void link_up(struct link *link, int with_tls)
{
  sds_smtp_transport transport = SDS_SMTP_TRANSPORT_INIT;

  memset(link, 0, sizeof *link);
  link->ours = link->theirs = -1;
  link->client = sds_smtp_client_new();
  transport.context = link;
  transport.connect = do_connect;
  transport.connected = do_connected;
  transport.send = do_send;
  transport.receive = do_receive;
  transport.close = do_close;
  transport.descriptor = do_descriptor;
  transport.start_tls = with_tls ? secures : NULL;
  CHECK_IS(sds_smtp_client_set_transport(link->client, &transport), SDS_SMTP_OK);
  CHECK_IS(configure(link->client, 2525, 0), SDS_SMTP_OK);
}

/* The server's words. */
static void says(const struct link *link, const char *words)
{
  CHECK(send(link->theirs, words, strlen(words), MSG_NOSIGNAL) == (ssize_t)strlen(words));
}

/* Waits for the client's words. */
static void hears(const struct link *link, const char *words)
{
  char heard[4096];
  ssize_t length;

  CHECK(readable(link->theirs, (int)PATIENCE_MS));
  length = recv(link->theirs, heard, sizeof heard - 1, 0);
  CHECK(length > 0);
  heard[length] = '\0';
  CHECK(strstr(heard, words) != NULL);
}

/* What the server says up to a mail's end, and what the client says then. */
static const char *const replies[][2] = {
  {"220 x\r\n", "EHLO "},   {"250 x\r\n", "MAIL "}, {"250 x\r\n", "RCPT "},
  {"250 x\r\n", "DATA\r\n"}, {"354 x\r\n", ".\r\n"}, {"250 x\r\n", "QUIT\r\n"},
};
#define REPLIES (sizeof replies / sizeof replies[0])

/* Waits until the client has connected so many times. */
static void wait_for_connection(const struct link *link, int connects)
{
  uint64_t begun = now_ms();

  while (link->connects < connects) {
    CHECK(now_ms() - begun < PATIENCE_MS);
    usleep(500);
  }
}

/* --- a thread that waits, and a loop -------------------------------------------------------------- */

/* One mail's wait takes what has happened to another mail's connection: the loop is called for it. */
static void a_wait_leaves_nothing_of_others_undone(void)
{
  static struct link one, two; /* called until the process is gone */
  int descriptor = event_loop(), round;
  size_t i;

  CHECK(descriptor >= 0);
  link_up(&one, 0);
  link_up(&two, 0);
  CHECK_IS(start_mail(one.client, "pairs, one"), SDS_SMTP_OK);
  CHECK_IS(start_mail(two.client, "pairs, two"), SDS_SMTP_OK);
  for (round = 0; round < 5; round++)
    sds_smtp_poll(0);
  CHECK(one.connects == 1 && two.connects == 1);
  for (i = 0; i < REPLIES - 1; i++) {
    says(&one, replies[i][0]);
    for (round = 0; round < 5; round++)
      sds_smtp_poll(0);
    hears(&one, replies[i][1]);
  }
  while (readable(descriptor, 50))
    sds_smtp_poll(0);
  /* The loop sleeps now. */
  CHECK(sds_smtp_poll(0) > 1000u);
  says(&one, "421 busy\r\n");
  close(one.theirs);
  says(&two, "220 x\r\n");
  CHECK_IS_NOT(sds_smtp_client_wait(one.client, PATIENCE_MS), SDS_SMTP_BUSY);
  CHECK_IS(sds_smtp_client_status(two.client), SDS_SMTP_BUSY);
  for (round = 0; round < 5 && !readable(two.theirs, 0); round++) {
    CHECK(readable(descriptor, 1000));
    sds_smtp_poll(0);
  }
  hears(&two, "EHLO ");
}

/* --- sds_smtp_poll() beside the thread ------------------------------------------------------------ */

static volatile int stops, of_poller, ended;
static pthread_t poller;

static void *polls(void *unused)
{
  /* valgrind runs one thread at a time, and would leave the others no time beside one that never sleeps. */
  const struct timespec moment = {0, 20000};

  while (!stops) {
    CHECK_IS(sds_smtp_poll(0), SDS_SMTP_NO_LIMIT);
    nanosleep(&moment, NULL);
  }
  return unused;
}

static void note_thread(struct link *link, const char *function)
{
  (void)link;
  (void)function;
  if (pthread_equal(pthread_self(), poller))
    of_poller++;
}

static void note_end(void *context, sds_smtp_client *client, const sds_smtp_result *result)
{
  (void)client;
  (void)result;
  note_thread((struct link *)context, "done");
  ended++;
}

/* Where the library has its thread, a program that polls calls nothing and takes nothing away. */
static void polling_beside_the_thread_does_nothing(void)
{
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
  static struct link link; /* called until the process is gone */
  const struct timespec millisecond = {0, 1000000};
  int mail;
  size_t i;

  link_up(&link, 1);
  CHECK_IS(pthread_create(&poller, NULL, polls, NULL), 0);
  link.on_call = note_thread;
  message.to = "operator@example.com";
  message.text = "The text.\n";
  message.done = note_end;
  message.done_context = &link;
  for (mail = 1; mail <= MAILS; mail++) {
    /* Turns in which the other thread could take it. */
    link.again = 200;
    CHECK_IS(sds_smtp_client_send(link.client, &message), SDS_SMTP_OK);
    wait_for_connection(&link, mail);
    for (i = 0; i < REPLIES; i++) {
      says(&link, replies[i][0]);
      hears(&link, replies[i][1]);
    }
    CHECK_IS(sds_smtp_client_wait(link.client, PATIENCE_MS), SDS_SMTP_OK);
    says(&link, "221 x\r\n");
    close(link.theirs);
  }
  /* The status is final before `done` is called. */
  for (i = 0; i < PATIENCE_MS && ended < MAILS; i++)
    nanosleep(&millisecond, NULL);
  stops = 1;
  CHECK_IS(pthread_join(poller, NULL), 0);
  CHECK_IS(ended, MAILS);
  CHECK_IS(of_poller, 0);
}

/* --- a transport that is replaced ----------------------------------------------------------------- */

static volatile int replaced, late;

static void replace_in_receive(struct link *link, const char *function)
{
  if (replaced) {
    fprintf(stderr, "%s is called\n", function);
    late++;
  }
  if (!replaced && strcmp(function, "receive") == 0 && sds_smtp_client_status(link->client) != SDS_SMTP_BUSY) {
    CHECK_IS(sds_smtp_client_set_transport(link->client, NULL), SDS_SMTP_OK);
    replaced = 1;
  }
}

/* A function of the transport takes the transport away, when only the answer to QUIT is waited for: none is called any more. */
static void a_transport_that_is_replaced_inside_is_called_no_more(void)
{
  static struct link link; /* called until the process is gone */
  size_t i;

  link_up(&link, 0);
  link.on_call = replace_in_receive;
  CHECK_IS(start_mail(link.client, "pairs, replaced"), SDS_SMTP_OK);
  wait_for_connection(&link, 1);
  for (i = 0; i < REPLIES; i++) {
    says(&link, replies[i][0]);
    hears(&link, replies[i][1]);
  }
  CHECK_IS(sds_smtp_client_wait(link.client, PATIENCE_MS), SDS_SMTP_OK);
  says(&link, "221 b");
  usleep(100000);
  says(&link, "ye\r\n");
  usleep(100000);
  CHECK_IS(replaced, 1);
  CHECK_IS(late, 0);
  CHECK_IS(link.closes, 0);
  close(link.ours);
  sds_smtp_client_free(link.client);
  CHECK_IS(late, 0);
}

/* --- port 465 ------------------------------------------------------------------------------------- */

/* A mail to a server on port 465 that says nothing; it may be repeated, and another server follows. */
static struct sds_smtp_result result_on_port_465(struct link *link, uint32_t greeting_ms)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;

  config.server = "127.0.0.1:465,127.0.0.2:2525";
  config.sender = "device@example.com";
  config.retry_max = 1;
  config.retry_delay_ms = 1;
  config.greeting_timeout_ms = greeting_ms;
  config.total_timeout_ms = 60000;
  CHECK_IS(sds_smtp_client_configure(link->client, &config), SDS_SMTP_OK);
  CHECK_IS(start_mail(link->client, "pairs, 465"), SDS_SMTP_OK);
  sds_smtp_client_wait(link->client, 3 * PATIENCE_MS);
  CHECK_IS(sds_smtp_client_result(link->client, &result), SDS_SMTP_OK);
  return result;
}

/* It waits for TLS: that is known after 10 s, and neither another attempt nor another server helps. */
static void port_465_in_the_clear_is_tried_once(void)
{
  struct sds_smtp_result result;
  static struct link link; /* called until the process is gone */

  link_up(&link, 0);
  result = result_on_port_465(&link, 0);
  CHECK_IS(result.code, SDS_SMTP_TLS_FAILED);
  CHECK_IS(result.phase, SDS_SMTP_PHASE_GREETING);
  CHECK(result.elapsed_ms >= 10000u && result.elapsed_ms < 20000u);
  CHECK_IS(result.attempts, 1);
  CHECK_IS(link.connects, 1);
  CHECK_IS(strcmp(result.server, "127.0.0.1:465"), 0);
}

/* Where the transport has secured the connection, TLS is not what is missing: the next server follows, and another attempt. */
static void a_secured_transport_on_port_465_is_only_slow(void)
{
  struct sds_smtp_result result;
  static struct link link; /* called until the process is gone */

  link_up(&link, 1);
  result = result_on_port_465(&link, 300);
  CHECK_IS(result.code, SDS_SMTP_TIMEOUT);
  CHECK_IS(result.phase, SDS_SMTP_PHASE_GREETING);
  CHECK_IS(result.attempts, 2);
  CHECK_IS(link.connects, 4);
  CHECK(strstr(result.text, "first octet") == NULL);
}

#define CASE(name) {#name, name}

static const struct {
  const char *name;
  void (*run)(void);
} cases[] = {
  CASE(a_wait_leaves_nothing_of_others_undone),
  CASE(polling_beside_the_thread_does_nothing),
  CASE(a_transport_that_is_replaced_inside_is_called_no_more),
  CASE(port_465_in_the_clear_is_tried_once),
  CASE(a_secured_transport_on_port_465_is_only_slow),
};

#define CASES ((int)(sizeof cases / sizeof cases[0]))

int main(int argc, char **argv)
{
  pid_t children[CASES];
  int i, failed = 0;

  for (i = 0; i < CASES; i++) {
    if (argc > 1 && strcmp(argv[1], cases[i].name) != 0)
      continue;
    children[i] = fork();
    if (children[i] == 0) {
      alarm(CASE_SECONDS);
      cases[i].run();
      exit(0);
    }
  }
  for (i = 0; i < CASES; i++)
    if (argc == 1 || strcmp(argv[1], cases[i].name) == 0)
      failed += case_is_wrong(children[i], cases[i].name);
  printf("pairs: %d cases, %d wrong\n", CASES, failed);
  return failed != 0;
}
