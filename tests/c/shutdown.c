/*
 * shutdown - the end of the library's work, in every situation
 *
 *     shutdown PORT
 *
 * PORT accepts every mail. Each case is a process of its own, which has no thread, descriptor or memory of the library's left
 * that it need not have. Exit code 0: every case was right.
 */
#include <dirent.h>
#include <pthread.h>
#include <signal.h>

#include "server.h"

#define CASE_SECONDS 60
#define THREADS      20

static unsigned port;
static int silent_server;
static volatile int calls, may_return, last_code;

static void sleep_ms(unsigned milliseconds)
{
  struct timespec time;

  time.tv_sec = milliseconds / 1000u;
  time.tv_nsec = (long)(milliseconds % 1000u) * 1000000;
  nanosleep(&time, NULL);
}

/* The entries of a folder of /proc: threads, or descriptors and the one that reads them. */
static int entries(const char *path)
{
  DIR *folder = opendir(path);
  int count = 0;

  CHECK(folder != NULL);
  while (readdir(folder) != NULL)
    count++;
  closedir(folder);
  return count;
}

static int threads(void)
{
  return entries("/proc/self/task") - 2;
}

/* A thread that was joined may be shown for a moment. */
static void has_threads(int wanted)
{
  uint64_t begun = now_ms();

  while (threads() != wanted && now_ms() - begun < PATIENCE_MS)
    sleep_ms(1);
  CHECK_IS(threads(), wanted);
}

/* A server that takes connections, and says nothing. */
static unsigned silent_port(void)
{
  unsigned silent;

  silent_server = listen_on_loopback(&silent);
  return silent;
}

static void is_connected(void)
{
  CHECK(readable(silent_server, (int)PATIENCE_MS) && accept(silent_server, NULL, NULL) >= 0);
}

static int send_with(sds_smtp_client *client, const char *subject,
                     void (*done)(void *, sds_smtp_client *, const struct sds_smtp_result *))
{
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;

  message.to = "operator@example.com";
  message.subject = subject;
  message.text = "The text.\n";
  message.done = done;
  return sds_smtp_client_send(client, &message);
}

static void note(void *context, sds_smtp_client *client, const struct sds_smtp_result *result)
{
  (void)context, (void)client;
  last_code = result->code;
  calls++;
}

static void stay(void *context, sds_smtp_client *client, const struct sds_smtp_result *result)
{
  note(context, client, result);
  while (!may_return)
    sleep_ms(1);
}

static void shut_down_inside(void *context, sds_smtp_client *client, const struct sds_smtp_result *result)
{
  (void)context, (void)client, (void)result;
  last_code = sds_smtp_shutdown(0);
  calls++;
}

static void without_a_mail_there_is_nothing_to_do(void)
{
  CHECK_IS(sds_smtp_shutdown(0), SDS_SMTP_OK);
  CHECK_IS(sds_smtp_shutdown(SDS_SMTP_NO_LIMIT), SDS_SMTP_OK);
  CHECK_IS(threads(), 1);
}

static void the_next_mail_starts_the_thread_again(void)
{
  int descriptors = entries("/proc/self/fd"), i;

  CHECK_IS(configure(NULL, port, 0), SDS_SMTP_OK);
  for (i = 0; i < 20; i++) {
    CHECK_IS(send_with(NULL, "shutdown, again", note), SDS_SMTP_OK);
    CHECK_IS(sds_smtp_shutdown(SDS_SMTP_NO_LIMIT), SDS_SMTP_OK);
    /* It has waited for the mail, and for its done. */
    CHECK_IS(calls, i + 1);
    CHECK_IS(last_code, SDS_SMTP_OK);
    CHECK_IS(sds_smtp_status(), SDS_SMTP_OK);
    has_threads(1);
    CHECK_IS(entries("/proc/self/fd"), descriptors);
  }
}

static void what_is_left_is_cancelled(void)
{
  const unsigned silent = silent_port();
  sds_smtp_client *clients[50];
  uint64_t begun;
  int i;

  for (i = 0; i < 50; i++) {
    clients[i] = sds_smtp_client_new();
    CHECK_IS(configure(clients[i], silent, 0), SDS_SMTP_OK);
    CHECK_IS(send_with(clients[i], "shutdown, cancelled", note), SDS_SMTP_OK);
  }
  begun = now_ms();
  CHECK_IS(sds_smtp_shutdown(200), SDS_SMTP_OK);
  CHECK(now_ms() - begun >= 200u && now_ms() - begun < 5000u);
  CHECK_IS(calls, 50);
  for (i = 0; i < 50; i++) {
    CHECK_IS(sds_smtp_client_status(clients[i]), SDS_SMTP_CANCELLED);
    sds_smtp_client_free(clients[i]);
  }
  has_threads(1);
}

static void a_function_that_does_not_return_is_told(void)
{
  uint64_t begun;

  CHECK_IS(configure(NULL, port, 0), SDS_SMTP_OK);
  CHECK_IS(send_with(NULL, "shutdown, stuck", stay), SDS_SMTP_OK);
  while (calls == 0)
    sleep_ms(1);
  begun = now_ms();
  CHECK_IS(sds_smtp_shutdown(0), SDS_SMTP_BUSY);
  CHECK(now_ms() - begun < 5000u);
  CHECK_IS(threads(), 2);
  may_return = 1;
  CHECK_IS(sds_smtp_shutdown(1000), SDS_SMTP_OK);
  has_threads(1);
  CHECK_IS(deliver(NULL, "shutdown, later"), SDS_SMTP_OK);
  CHECK_IS(sds_smtp_shutdown(0), SDS_SMTP_OK);
}

static void out_of_a_function_nothing_happens(void)
{
  CHECK_IS(configure(NULL, port, 0), SDS_SMTP_OK);
  CHECK_IS(send_with(NULL, "shutdown, inside", shut_down_inside), SDS_SMTP_OK);
  while (calls == 0)
    sleep_ms(1);
  CHECK_IS(last_code, SDS_SMTP_BUSY);
  CHECK_IS(sds_smtp_shutdown(1000), SDS_SMTP_OK);
}

static void an_event_loop_ends_too(void)
{
  int descriptors = entries("/proc/self/fd"), i;

  CHECK_IS(configure(NULL, port, 0), SDS_SMTP_OK);
  for (i = 0; i < 5; i++) {
    CHECK(event_loop() >= 0);
    CHECK_IS(send_with(NULL, "shutdown, in a loop", note), SDS_SMTP_OK);
    CHECK_IS(sds_smtp_shutdown(SDS_SMTP_NO_LIMIT), SDS_SMTP_OK);
    CHECK_IS(calls, i + 1);
    CHECK_IS(sds_smtp_status(), SDS_SMTP_OK);
    CHECK_IS(entries("/proc/self/fd"), descriptors);
    CHECK_IS(sds_smtp_poll(0), SDS_SMTP_NO_LIMIT);
  }
  CHECK_IS(threads(), 1);
  CHECK_IS(configure(NULL, silent_port(), 0), SDS_SMTP_OK);
  CHECK(event_loop() >= 0);
  CHECK_IS(send_with(NULL, "shutdown, cancelled in a loop", note), SDS_SMTP_OK);
  CHECK_IS(sds_smtp_shutdown(50), SDS_SMTP_OK);
  CHECK_IS(calls, 6);
  CHECK_IS(sds_smtp_status(), SDS_SMTP_CANCELLED);
  /* The mode has ended: the next mail starts a thread. */
  CHECK_IS(configure(NULL, port, 0), SDS_SMTP_OK);
  CHECK_IS(deliver(NULL, "shutdown, by a thread"), SDS_SMTP_OK);
  CHECK_IS(threads(), 2);
  CHECK_IS(sds_smtp_shutdown(0), SDS_SMTP_OK);
}

/* Freeing a client whose connection is open leaves the engine something to do, which nobody has done yet. */
static void clients_that_are_freed_in_a_loop_hold_nothing_up(void)
{
  int round;

  for (round = 0; round < 3; round++) {
    sds_smtp_client *client = sds_smtp_client_new();

    CHECK(event_loop() >= 0);
    /* In flight; ended, with the answer to QUIT to come; only ordered. */
    CHECK_IS(configure(client, round == 1 ? port : silent_port(), 0), SDS_SMTP_OK);
    CHECK_IS(send_with(client, "shutdown, freed in a loop", note), SDS_SMTP_OK);
    if (round == 0)
      sds_smtp_poll(0);
    while (round == 1 && sds_smtp_client_status(client) == SDS_SMTP_BUSY)
      sds_smtp_poll(0);
    sds_smtp_client_free(client);
    CHECK_IS(sds_smtp_shutdown(0), SDS_SMTP_OK);
  }
  CHECK_IS(calls, 1);
}

static void the_child_of_a_fork_shuts_down_its_own(void)
{
  int status, i;
  pid_t child;

  CHECK_IS(configure(NULL, silent_port(), 0), SDS_SMTP_OK);
  CHECK_IS(send_with(NULL, "shutdown, the parent's", note), SDS_SMTP_OK);
  is_connected();
  for (i = 0; i < 10; i++) {
    child = fork();
    if (child == 0) {
      CHECK_IS(sds_smtp_shutdown(0), SDS_SMTP_OK);
      CHECK_IS(configure(NULL, port, 0), SDS_SMTP_OK);
      CHECK_IS(deliver(NULL, "shutdown, the child's"), SDS_SMTP_OK);
      CHECK_IS(sds_smtp_shutdown(0), SDS_SMTP_OK);
      has_threads(1);
      _exit(calls);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_IS(status, 0);
  }
  CHECK_IS(sds_smtp_status(), SDS_SMTP_BUSY);
  CHECK_IS(sds_smtp_shutdown(0), SDS_SMTP_OK);
  CHECK(calls == 1 && last_code == SDS_SMTP_CANCELLED);
  child = fork();
  if (child == 0) {
    CHECK_IS(configure(NULL, port, 0), SDS_SMTP_OK);
    CHECK_IS(deliver(NULL, "shutdown, the last child's"), SDS_SMTP_OK);
    CHECK_IS(sds_smtp_shutdown(0), SDS_SMTP_OK);
    _exit(0);
  }
  CHECK(waitpid(child, &status, 0) == child);
  CHECK_IS(status, 0);
}

static void *sends_and_shuts_down(void *number)
{
  sds_smtp_client *client = sds_smtp_client_new();
  int i;

  CHECK_IS(configure(client, port, 0), SDS_SMTP_OK);
  for (i = 0; i < 10; i++) {
    int code = deliver(client, "shutdown, threads");

    /* Others shut down meanwhile. */
    CHECK(code == SDS_SMTP_OK || code == SDS_SMTP_CANCELLED);
    if (number != NULL) {
      code = sds_smtp_shutdown((uint32_t)i);
      CHECK(code == SDS_SMTP_OK || code == SDS_SMTP_BUSY);
    }
  }
  sds_smtp_client_free(client);
  return NULL;
}

static void many_threads_send_and_shut_down(void)
{
  pthread_t all[THREADS];
  int i;

  for (i = 0; i < THREADS; i++)
    CHECK_IS(pthread_create(&all[i], NULL, sends_and_shuts_down, i % 2 == 0 ? all : NULL), 0);
  for (i = 0; i < THREADS; i++)
    CHECK_IS(pthread_join(all[i], NULL), 0);
  CHECK_IS(sds_smtp_shutdown(SDS_SMTP_NO_LIMIT), SDS_SMTP_OK);
  has_threads(1);
}

/* The program has closed the library's descriptors: nothing of them is touched, and the next mail goes out. */
static void with_closed_descriptors_it_ends(void)
{
  int number;

  CHECK_IS(configure(NULL, silent_port(), 0), SDS_SMTP_OK);
  CHECK_IS(send_with(NULL, "shutdown, closed", note), SDS_SMTP_OK);
  is_connected();
  sleep_ms(100);
  for (number = 3; number < 2000; number++)
    close(number);
  CHECK_IS(sds_smtp_shutdown(0), SDS_SMTP_OK);
  CHECK_IS(calls, 1);
  CHECK_IS_NOT(sds_smtp_status(), SDS_SMTP_BUSY);
  CHECK_IS(configure(NULL, port, 0), SDS_SMTP_OK);
  CHECK_IS(deliver(NULL, "shutdown, after that"), SDS_SMTP_OK);
}

#define CASE(name) {#name, name}

static const struct {
  const char *name;
  void (*run)(void);
} cases[] = {
  CASE(without_a_mail_there_is_nothing_to_do),
  CASE(the_next_mail_starts_the_thread_again),
  CASE(what_is_left_is_cancelled),
  CASE(a_function_that_does_not_return_is_told),
  CASE(out_of_a_function_nothing_happens),
  CASE(an_event_loop_ends_too),
  CASE(clients_that_are_freed_in_a_loop_hold_nothing_up),
  CASE(the_child_of_a_fork_shuts_down_its_own),
  CASE(many_threads_send_and_shut_down),
  CASE(with_closed_descriptors_it_ends),
};

int main(int argc, char **argv)
{
  const int count = (int)(sizeof cases / sizeof cases[0]);
  int i, failed = 0;

  if (argc < 2)
    return 2;
  port = (unsigned)strtoul(argv[1], NULL, 10);
  for (i = 0; i < count; i++) {
    pid_t child;

    if (argc > 2 && strcmp(argv[2], cases[i].name) != 0)
      continue;
    child = fork();
    if (child == 0) {
      alarm(CASE_SECONDS);
      cases[i].run();
      /* With exit(), which looks for leaks. */
      exit(0);
    }
    failed += case_is_wrong(child, cases[i].name);
  }
  printf("shutdown: %d cases, %d wrong\n", count, failed);
  return failed != 0;
}
