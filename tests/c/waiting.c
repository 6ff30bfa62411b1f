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
 * The last two with the library's thread and with the waits driving the engine. Each part is a process of its own.
 * Exit code 0: all as it should be.
 */
#include <pthread.h>
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
    CHECK(sds_smtp_poll_descriptor() >= 0);
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

int main(int argc, char **argv)
{
  static const struct part {
    const char *name;
    void (*run)(int polled);
  } parts[] = {{"each its own", each_its_own}, {"all on one", all_on_one}, {"the next one begins", the_next_one_begins}};
  pid_t children[3][2];
  char name[80];
  int i, polled, wrong = 0;

  if (argc != 3)
    return 2;
  port = (unsigned)strtoul(argv[1], NULL, 10);
  silent_port = (unsigned)strtoul(argv[2], NULL, 10);
  for (i = 0; i < 3; i++)
    for (polled = 0; polled < 2; polled++) {
      children[i][polled] = fork();
      if (children[i][polled] == 0)
        parts[i].run(polled);
    }
  for (i = 0; i < 3; i++)
    for (polled = 0; polled < 2; polled++) {
      snprintf(name, sizeof name, "%s, %s", polled ? "event loop" : "thread", parts[i].name);
      wrong += case_is_wrong(children[i][polled], name);
    }
  printf("waiting: %d wrong\n", wrong);
  return wrong == 0 ? 0 : 1;
}
