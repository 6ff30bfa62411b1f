/*
 * waiting - a thread that waits for a mail comes back when it has ended, with its status, whatever other threads do
 *
 *     waiting PORT SILENT_PORT
 *
 * The server on PORT accepts every mail; the one on SILENT_PORT never says a word.
 *
 * own: in a program with an event loop, THREADS threads send a mail each, on a client of their own, and wait for it without
 *      limit, while one more mail is at the silent server. Every wait comes back while that one is still in flight.
 * one: THREADS threads send and wait without limit, all on one client: no wait tells 14, all tell 0, as every mail ended.
 * next: THREADS threads wait for one mail, which the server refuses; another thread starts the next mail at once, at the
 *      silent server. Every wait comes back, with the status of the mail that has ended.
 *
 * beside: a program polls in an event loop of its own and takes all events, while one thread waits for a mail at the silent
 *      server, and another one sends and waits: it is told soon.
 * leaves: a program sleeps in its event loop for as long as it was told, while a thread sends a mail to the silent server and
 *      waits for a shorter time than the mail's limit. The mail ends at its limit.
 *
 * "one" and "next" with the library's thread and with the waits driving the engine. Each part is a process of its own.
 * Exit code 0: all as it should be.
 */
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "server.h"

#define THREADS       8
#define CASE_SECONDS  100

static unsigned port, silent_port;
static sds_smtp_client *mine[THREADS], *shared_client, *silent;
static volatile int stop;
static int codes[THREADS], wrong_codes[THREADS];
static volatile pid_t task[THREADS]; /* the thread's number, as soon as it is about to wait */
static volatile int back;

static void start_threads(pthread_t *threads, void *(*body)(void *))
{
  static int places[THREADS];
  int i;

  back = 0;
  for (i = 0; i < THREADS; i++) {
    places[i] = i;
    task[i] = 0;
    CHECK(pthread_create(&threads[i], NULL, body, &places[i]) == 0);
  }
}

/* All threads are back, or the process ends: a thread that waits for ever can't be joined. */
static void join_all(const pthread_t *threads, const char *part)
{
  uint64_t begin = now_ms();
  int i;

  while (back < THREADS) {
    if (now_ms() - begin > PATIENCE_MS) {
      fprintf(stderr, "%s: %d of %d threads still wait\n", part, THREADS - back, THREADS);
      _exit(1);
    }
    poll(NULL, 0, 5);
  }
  for (i = 0; i < THREADS; i++)
    CHECK(pthread_join(threads[i], NULL) == 0);
}

static void set_up(int polled)
{
  alarm(CASE_SECONDS);
  if (polled)
    CHECK(event_loop() >= 0);
}

static void *send_mine(void *argument)
{
  int i = *(int *)argument;

  codes[i] = start_mail(mine[i], "own");
  if (codes[i] == SDS_SMTP_OK)
    codes[i] = sds_smtp_client_wait(mine[i], SDS_SMTP_NO_LIMIT);
  __sync_fetch_and_add(&back, 1);
  return NULL;
}

static void each_its_own(int polled)
{
  pthread_t threads[THREADS];
  int i, round;

  set_up(polled);
  silent = sds_smtp_client_new();
  CHECK(silent != NULL);
  CHECK_IS(configure(silent, silent_port, 0), SDS_SMTP_OK);
  CHECK_IS(start_mail(silent, "silent"), SDS_SMTP_OK);
  for (i = 0; i < THREADS; i++) {
    mine[i] = sds_smtp_client_new();
    CHECK(mine[i] != NULL);
    CHECK_IS(configure(mine[i], port, 0), SDS_SMTP_OK);
  }
  for (round = 0; round < 150; round++) {
    start_threads(threads, send_mine);
    join_all(threads, polled ? "event loop, own clients" : "thread, own clients");
    for (i = 0; i < THREADS; i++)
      CHECK_IS(codes[i], SDS_SMTP_OK);
    CHECK_IS(sds_smtp_client_status(silent), SDS_SMTP_BUSY);
  }
  _exit(0);
}

static void *send_often(void *argument)
{
  int i = *(int *)argument, mails, code;

  for (mails = 0; mails < 300 && !stop; mails++) {
    code = start_mail(shared_client, "one");
    if (code == SDS_SMTP_OK || code == SDS_SMTP_BUSY)
      code = sds_smtp_client_wait(shared_client, SDS_SMTP_NO_LIMIT);
    if (code != SDS_SMTP_OK) {
      codes[i] = code;
      wrong_codes[i]++;
    }
  }
  __sync_fetch_and_add(&back, 1);
  return NULL;
}

static void all_on_one(int polled)
{
  pthread_t threads[THREADS];
  int i, wrong = 0, last = 0;

  set_up(polled);
  shared_client = sds_smtp_client_new();
  CHECK(shared_client != NULL);
  CHECK_IS(configure(shared_client, port, 0), SDS_SMTP_OK);
  start_threads(threads, send_often);
  for (i = 0; i < 80 && back < THREADS; i++)
    poll(NULL, 0, 50);
  stop = 1; /* a slow machine sends fewer */
  join_all(threads, polled ? "event loop, one client" : "thread, one client");
  for (i = 0; i < THREADS; i++) {
    wrong += wrong_codes[i];
    last = wrong_codes[i] > 0 ? codes[i] : last;
  }
  if (wrong > 0)
    fprintf(stderr, "%s, one client: %d waits told %d or so\n", polled ? "event loop" : "thread", wrong, last);
  _exit(wrong > 0);
}

static void *wait_for_it(void *argument)
{
  int i = *(int *)argument;

  task[i] = (pid_t)syscall(SYS_gettid);
  codes[i] = sds_smtp_client_wait(shared_client, SDS_SMTP_NO_LIMIT);
  __sync_fetch_and_add(&back, 1);
  return NULL;
}

/* Whether a thread of this process sleeps, as the kernel tells. */
static int sleeps(pid_t thread)
{
  char name[64], line[256], state = '?';
  FILE *file;

  snprintf(name, sizeof name, "/proc/self/task/%d/stat", (int)thread);
  file = fopen(name, "r");
  if (file == NULL)
    return 0;
  if (fgets(line, sizeof line, file) != NULL && strrchr(line, ')') != NULL)
    sscanf(strrchr(line, ')') + 1, " %c", &state);
  fclose(file);
  return state == 'S';
}

/* All threads are in their waits: each has said that it is about to, and sleeps. */
static void until_all_wait(void)
{
  uint64_t begin = now_ms();
  int i, asleep, rounds = 0;

  while (rounds < 3) {
    CHECK(now_ms() - begin < PATIENCE_MS);
    for (i = 0, asleep = 0; i < THREADS; i++)
      asleep += task[i] != 0 && sleeps(task[i]);
    rounds = asleep == THREADS ? rounds + 1 : 0;
    poll(NULL, 0, 10);
  }
}

static void the_next_one_begins(int polled)
{
  static struct peer peer;
  pthread_t threads[THREADS];
  unsigned refusing;
  int listening = listen_on_loopback(&refusing), round, i, code;
  uint64_t begin;

  set_up(polled);
  shared_client = sds_smtp_client_new();
  CHECK(shared_client != NULL);
  for (round = 0; round < 25; round++) {
    CHECK_IS(configure(shared_client, refusing, 0), SDS_SMTP_OK);
    CHECK_IS(start_mail(shared_client, "refused"), SDS_SMTP_OK);
    CHECK_IS(configure(shared_client, silent_port, 0), SDS_SMTP_OK); /* for the next one */
    start_threads(threads, wait_for_it);
    until_all_wait();
    CHECK(readable(listening, (int)PATIENCE_MS));
    begin_peer(&peer, accept(listening, NULL, NULL));
    say(&peer, "554 not today\r\n");
    begin = now_ms();
    do {
      code = start_mail(shared_client, "the next one");
      CHECK(now_ms() - begin < PATIENCE_MS);
    } while (code == SDS_SMTP_BUSY);
    CHECK_IS(code, SDS_SMTP_OK);
    join_all(threads, polled ? "event loop, the next one begins" : "thread, the next one begins");
    for (i = 0; i < THREADS; i++)
      CHECK_IS(codes[i], SDS_SMTP_NOT_READY);
    CHECK_IS(sds_smtp_client_cancel(shared_client), SDS_SMTP_OK);
    CHECK_IS(sds_smtp_client_wait(shared_client, PATIENCE_MS), SDS_SMTP_CANCELLED);
    end_peer(&peer);
  }
  _exit(0);
}

static __thread int blind; /* other threads take what this one waits for */

/* In front of the system's: the same call. */
#ifdef __cplusplus
extern "C"
#endif
int epoll_wait(int list, struct epoll_event *events, int most, int timeout)
{
  if (blind)
    return poll(NULL, 0, timeout);
  return (int)syscall(SYS_epoll_pwait, list, events, most, timeout, NULL, 8);
}

static void *wait_for_the_silent(void *argument)
{
  (void)argument;
  blind = 1;
  CHECK_IS(sds_smtp_client_wait(silent, SDS_SMTP_NO_LIMIT), SDS_SMTP_CANCELLED);
  back = 2;
  return NULL;
}

static volatile uint64_t ended; /* when the program saw that the mail has ended */

static void *send_and_wait(void *argument)
{
  int mails, late = 0;

  (void)argument;
  for (mails = 0; mails < 8; mails++) {
    CHECK_IS(start_mail(shared_client, "beside"), SDS_SMTP_OK);
    CHECK_IS(sds_smtp_client_wait(shared_client, SDS_SMTP_NO_LIMIT), SDS_SMTP_OK);
    late += ended > 0 && now_ms() > ended + 500;
    ended = 0;
  }
  /* A loaded machine may be late once or twice. */
  if (late > 2)
    fprintf(stderr, "event loop, beside: %d of 8 waits were told late\n", late);
  CHECK(late <= 2);
  CHECK_IS(sds_smtp_client_cancel(silent), SDS_SMTP_OK);
  back = back == 0 ? 1 : 2;
  return NULL;
}

static void beside(int polled)
{
  pthread_t waits, sends;
  struct pollfd wanted;
  int busy = 0;

  set_up(polled);
  wanted.fd = event_loop();
  wanted.events = POLLIN;
  silent = sds_smtp_client_new();
  shared_client = sds_smtp_client_new();
  CHECK_IS(configure(silent, silent_port, 0), SDS_SMTP_OK);
  CHECK_IS(configure(shared_client, port, 0), SDS_SMTP_OK);
  CHECK_IS(start_mail(silent, "silent"), SDS_SMTP_OK);
  CHECK(pthread_create(&waits, NULL, wait_for_the_silent, NULL) == 0);
  poll(NULL, 0, 200);
  CHECK(pthread_create(&sends, NULL, send_and_wait, NULL) == 0);
  while (back < 2) {
    int now;

    poll(&wanted, 1, 1);
    sds_smtp_poll(0);
    now = sds_smtp_client_status(shared_client) == SDS_SMTP_BUSY;
    if (busy && !now)
      ended = now_ms();
    busy = now;
  }
  CHECK(pthread_join(waits, NULL) == 0 && pthread_join(sends, NULL) == 0);
  _exit(0);
}

static void *send_and_leave(void *argument)
{
  uint64_t begin;
  int mails;

  (void)argument;
  for (mails = 0; mails < 15; mails++) {
    CHECK_IS(start_mail(silent, "leaves"), SDS_SMTP_OK);
    sds_smtp_client_wait(silent, 1 + (unsigned)mails);
    for (begin = now_ms(); sds_smtp_client_status(silent) == SDS_SMTP_BUSY;) {
      CHECK(now_ms() - begin < PATIENCE_MS);
      poll(NULL, 0, 2);
    }
  }
  _exit(0);
}

static void leaves(int polled)
{
  struct pollfd wanted;
  pthread_t thread;

  set_up(polled);
  silent = sds_smtp_client_new();
  CHECK_IS(configure(silent, silent_port, 200), SDS_SMTP_OK);
  wanted.fd = event_loop();
  wanted.events = POLLIN;
  CHECK(wanted.fd >= 0 && pthread_create(&thread, NULL, send_and_leave, NULL) == 0);
  for (;;) {
    uint32_t left = sds_smtp_poll(0);

    poll(&wanted, 1, left == SDS_SMTP_NO_LIMIT ? -1 : (int)left);
  }
}

int main(int argc, char **argv)
{
  static const struct part {
    const char *name;
    void (*run)(int polled);
    int polled_only; /* nothing for the thread */
  } parts[] = {{"each its own", each_its_own, 0},
               {"all on one", all_on_one, 0},
               {"the next one begins", the_next_one_begins, 0},
               {"beside", beside, 1},
               {"leaves", leaves, 1}};
  enum { PARTS = sizeof parts / sizeof parts[0] };
  pid_t children[PARTS][2];
  char name[80];
  int i, polled, wrong = 0;

  if (argc != 3)
    return 2;
  port = (unsigned)strtoul(argv[1], NULL, 10);
  silent_port = (unsigned)strtoul(argv[2], NULL, 10);
  for (i = 0; i < PARTS; i++)
    for (polled = parts[i].polled_only; polled < 2; polled++) {
      children[i][polled] = fork();
      if (children[i][polled] == 0)
        parts[i].run(polled);
    }
  for (i = 0; i < PARTS; i++)
    for (polled = parts[i].polled_only; polled < 2; polled++) {
      snprintf(name, sizeof name, "%s, %s", polled ? "event loop" : "thread", parts[i].name);
      wrong += case_is_wrong(children[i][polled], name);
    }
  printf("waiting: %d wrong\n", wrong);
  return wrong == 0 ? 0 : 1;
}
