/*
 * refused - giving up a mail needs no memory
 *
 *     refused PORT
 *
 * The server on PORT accepts every mail.
 *
 * Mails are in flight at a server of this program's, which does not greet; then every allocation is refused. Cancelling
 * answers 0, and each mail ends with 32; freeing closes each connection. Some mails were ordered only, and nobody has worked on them: with an event loop of the program's. When
 * there is memory again the next mail is sent. Each case is a process of its own. Exit code 0: every case was right.
 */
#include <signal.h>

#include "server.h"

#define MOST          40
#define CASE_SECONDS  90

/* glibc's own: what stands behind malloc() and its family. */
#ifdef __cplusplus
#define NOTHROW noexcept
extern "C" {
#else
#define NOTHROW
#endif
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
#ifdef __cplusplus
}
#endif

static volatile int refuse;
static volatile int refusals;

static int refused(void)
{
  if (!refuse)
    return 0;
  __sync_fetch_and_add(&refusals, 1);
  errno = ENOMEM;
  return 1;
}

void *malloc(size_t size) NOTHROW
{
  return refused() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) NOTHROW
{
  return refused() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size) NOTHROW
{
  return refused() ? NULL : __libc_realloc(memory, size);
}

static unsigned port;
static int polled;

/* Lets the library work where the program drives it. */
static void work(void)
{
  if (polled)
    sds_smtp_poll(0);
}

/* The server's ends of all connections. */
static void accept_all(int listening, struct peer *peers, int count)
{
  uint64_t begin = now_ms();
  int i = 0;

  while (i < count) {
    CHECK(now_ms() - begin < PATIENCE_MS);
    work();
    if (readable(listening, 10))
      begin_peer(&peers[i++], accept(listening, NULL, NULL));
  }
}

/* Nothing may come but the end. */
static void must_end_in_silence(struct peer *peer)
{
  uint64_t begin = now_ms();
  char line[1100] = "";

  while (peer->socket >= 0) {
    CHECK(now_ms() - begin < PATIENCE_MS);
    work();
    readable(peer->socket, 10);
    if (hear(peer, line, sizeof line)) {
      fprintf(stderr, "refused: a mail that was freed says %s\n", line);
      _exit(1);
    }
  }
}

/* On new clients; the first one may be the built-in one. */
static void start_all(sds_smtp_client **clients, int count, unsigned where, int built_in_first)
{
  int i;

  for (i = 0; i < count; i++) {
    clients[i] = i == 0 && built_in_first ? NULL : sds_smtp_client_new();
    CHECK((i == 0 && built_in_first) || clients[i] != NULL);
    CHECK_IS(configure(clients[i], where, 0), SDS_SMTP_OK);
    CHECK_IS(start_mail(clients[i], "given up"), SDS_SMTP_OK);
  }
}

/* connected: the mails have a connection each; otherwise they are ordered only. */
static void cancelled(int count, int connected)
{
  static sds_smtp_client *clients[MOST];
  static struct peer peers[MOST];
  unsigned silent_port;
  int listening = listen_on_loopback(&silent_port), i;

  start_all(clients, count, silent_port, 1);
  if (connected)
    accept_all(listening, peers, count);
  refuse = 1;
  for (i = 0; i < count; i++)
    CHECK_IS(sds_smtp_client_cancel(clients[i]), SDS_SMTP_OK);
  for (i = 0; i < count; i++)
    CHECK_IS(sds_smtp_client_wait(clients[i], PATIENCE_MS), SDS_SMTP_CANCELLED);
  refuse = 0;
  for (i = 0; i < count && connected; i++)
    must_end_in_silence(&peers[i]);
  for (i = 0; i < count; i++) {
    CHECK_IS(configure(clients[i], port, 0), SDS_SMTP_OK);
    CHECK_IS(deliver(clients[i], "after"), SDS_SMTP_OK);
  }
}

static void freed(int count, int connected)
{
  static sds_smtp_client *clients[MOST];
  static struct peer peers[MOST];
  unsigned silent_port;
  int listening = listen_on_loopback(&silent_port), i, turns;

  start_all(clients, count, silent_port, 0);
  if (connected)
    accept_all(listening, peers, count);
  refuse = 1;
  for (i = 0; i < count; i++) {
    sds_smtp_client_free(clients[i]);
    CHECK_IS(sds_smtp_client_status(clients[i]), SDS_SMTP_BAD_HANDLE);
  }
  for (i = 0; i < count && connected; i++)
    must_end_in_silence(&peers[i]);
  /* Those without a connection: none is made, or it is closed. */
  for (turns = 0; turns < 50 && !connected; turns++) {
    work();
    if (readable(listening, 10)) {
      begin_peer(&peers[0], accept(listening, NULL, NULL));
      must_end_in_silence(&peers[0]);
    }
  }
  refuse = 0;
  CHECK_IS(configure(NULL, port, 0), SDS_SMTP_OK);
  CHECK_IS(deliver(NULL, "after"), SDS_SMTP_OK);
}

/* The connection has broken when the mail is given up, and nobody has looked since: no further attempt follows. */
static void broken(int count, int connected)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  sds_smtp_client *client = sds_smtp_client_new();
  struct peer peer;
  unsigned silent_port;
  int listening = listen_on_loopback(&silent_port), code;

  (void)count, (void)connected;
  config.server = "127.0.0.1";
  config.port = silent_port;
  config.sender = "device@example.com";
  config.retry_max = 3;
  config.retry_delay_ms = 1;
  CHECK_IS(sds_smtp_client_configure(client, &config), SDS_SMTP_OK);
  CHECK_IS(start_mail(client, "broken"), SDS_SMTP_OK);
  accept_all(listening, &peer, 1);
  work();
  end_peer(&peer);
  CHECK(readable(listening, 100) == 0);
  CHECK_IS(sds_smtp_client_cancel(client), SDS_SMTP_OK);
  code = sds_smtp_client_wait(client, PATIENCE_MS);
  CHECK(code == SDS_SMTP_CANCELLED || code == SDS_SMTP_NOT_READY);
  CHECK(readable(listening, 100) == 0);
  sds_smtp_client_free(client);
}

static const struct situation {
  const char *name;
  void (*run)(int count, int connected);
  int polled, count, connected;
} situations[] = {
  {"thread, one mail cancelled", cancelled, 0, 1, 1},
  {"thread, many mails cancelled", cancelled, 0, MOST, 1},
  {"thread, one mail freed", freed, 0, 1, 1},
  {"thread, many mails freed", freed, 0, MOST, 1},
  {"event loop, one mail cancelled", cancelled, 1, 1, 1},
  {"event loop, many mails cancelled", cancelled, 1, MOST, 1},
  {"event loop, many mails cancelled before they were begun", cancelled, 1, MOST, 0},
  {"event loop, a mail cancelled whose connection has broken", broken, 1, 1, 1},
  {"event loop, one mail freed", freed, 1, 1, 1},
  {"event loop, many mails freed", freed, 1, MOST, 1},
  {"event loop, many mails freed before they were begun", freed, 1, MOST, 0},
};

#define SITUATIONS ((int)(sizeof situations / sizeof situations[0]))

int main(int argc, char **argv)
{
  pid_t children[SITUATIONS];
  int i, wrong = 0;

  if (argc != 2)
    return 2;
  port = (unsigned)strtoul(argv[1], NULL, 10);
  signal(SIGPIPE, SIG_IGN);
  for (i = 0; i < SITUATIONS; i++) {
    children[i] = fork();
    if (children[i] == 0) {
      alarm(CASE_SECONDS);
      polled = situations[i].polled;
      if (polled)
        CHECK(event_loop() >= 0);
      /* The hooks are the ones that are called. */
      refuse = 1;
      sds_smtp_client_free(sds_smtp_client_new());
      CHECK(refusals > 0);
      refuse = 0;
      situations[i].run(situations[i].count, situations[i].connected);
      _exit(0);
    }
  }
  for (i = 0; i < SITUATIONS; i++)
    wrong += case_is_wrong(children[i], situations[i].name);
  printf("refused: %d cases, %d wrong\n", SITUATIONS, wrong);
  return wrong == 0 ? 0 : 1;
}
