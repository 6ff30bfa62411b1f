/*
 * fork - the library in a process that forks
 *
 *     fork SLOW_PORT QUICK_PORT
 *
 * SLOW_PORT: a server that takes its time for each reply. QUICK_PORT: a server that answers at once.
 *
 * Part 1: the parent has a mail in flight on the built-in client and one on a handle, and forks. The child finds both
 * clients idle, sends a mail of its own on each and waits for it, and has a child that does so as well. The parent's mails
 * go on and end with 0.
 *
 * Part 2: while threads of the parent call the library all the time, it forks FORKS times; each child sends a mail. A lock
 * that some other thread held at the moment of the fork must not be locked for ever in the child: alarm() would kill it.
 *
 * Exit code 0: all as it should be.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sds_smtp.h"

#define FORKS           50
#define THREADS         4
#define CHILD_SECONDS   30
#define PARENT_SECONDS  120
#define WAIT_MS         20000

static unsigned slow_port, quick_port;
static volatile sig_atomic_t stop_threads;

static int configure(sds_smtp_client *client, unsigned port)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;

  config.server = "127.0.0.1";
  config.port = port;
  config.sender = "device@example.com";
  return sds_smtp_client_configure(client, &config);
}

static int start_mail(sds_smtp_client *client, const char *subject)
{
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;

  message.to = "operator@example.com";
  message.subject = subject;
  message.text = "Sent around a fork.\n";
  return sds_smtp_client_send(client, &message);
}

/* For the child: write() and _exit() only, so that nothing of the parent's stdio is written twice. */
static void child_fails(const char *what, int code)
{
  char line[128];
  int length = snprintf(line, sizeof line, "fork: in the child: %s, code %d\n", what, code);

  if (length > 0 && write(STDOUT_FILENO, line, (size_t)length) < 0)
    _exit(4);
  _exit(3);
}

static void child_sends(sds_smtp_client *client, const char *subject)
{
  int code = configure(client, quick_port);

  if (code != SDS_SMTP_OK)
    child_fails("configure", code);
  code = start_mail(client, subject);
  if (code != SDS_SMTP_OK)
    child_fails("send", code);
  code = sds_smtp_client_wait(client, WAIT_MS);
  if (code != SDS_SMTP_OK)
    child_fails("wait", code);
}

/* 0 when the child left with 0. */
static int wait_for_child(pid_t child, const char *which)
{
  int status = 0;

  if (child < 0 || waitpid(child, &status, 0) != child) {
    printf("fork: %s: no child\n", which);
    return 1;
  }
  if (WIFSIGNALED(status)) {
    printf("fork: %s: child ended by signal %d%s\n", which, WTERMSIG(status),
           WTERMSIG(status) == SIGALRM ? ", it stood still" : "");
    return 1;
  }
  if (WEXITSTATUS(status) != 0) {
    printf("fork: %s: child left with %d\n", which, WEXITSTATUS(status));
    return 1;
  }
  return 0;
}

static int mails_in_flight_survive(void)
{
  sds_smtp_client *handle = sds_smtp_client_new();
  pid_t child;
  int code, wrong = 0;

  if (handle == NULL || configure(NULL, slow_port) != SDS_SMTP_OK || configure(handle, slow_port) != SDS_SMTP_OK) {
    printf("fork: cannot begin\n");
    return 1;
  }
  if (start_mail(NULL, "parent, built-in") != SDS_SMTP_OK || start_mail(handle, "parent, handle") != SDS_SMTP_OK) {
    printf("fork: the parent cannot send\n");
    return 1;
  }
  /* Some replies have been read when the child is made: the conversation must not be disturbed in its middle. */
  usleep(150000);
  if (sds_smtp_status() != SDS_SMTP_BUSY || sds_smtp_client_status(handle) != SDS_SMTP_BUSY) {
    printf("fork: the mails are over before the fork: the server on SLOW_PORT is not slow\n");
    return 1;
  }
  fflush(stdout);
  child = fork();
  if (child == 0) {
    struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;

    alarm(CHILD_SECONDS);
    if (sds_smtp_status() != SDS_SMTP_OK)
      child_fails("the built-in client is not idle", sds_smtp_status());
    if (sds_smtp_program_status() != 0)
      child_fails("the program status is not 0", (int)sds_smtp_program_status());
    if (sds_smtp_client_status(handle) != SDS_SMTP_OK)
      child_fails("the handle is not idle", sds_smtp_client_status(handle));
    code = sds_smtp_client_wait(handle, WAIT_MS);
    if (code != SDS_SMTP_OK)
      child_fails("waiting for the handle that is idle", code);
    code = sds_smtp_client_result(handle, &result);
    if (code != SDS_SMTP_OK || result.outcome != SDS_SMTP_OUTCOME_NONE)
      child_fails("there is a result of a mail that the child never sent", code);
    code = sds_smtp_client_cancel(NULL); /* nothing to cancel here, and not the parent's mail either */
    if (code != SDS_SMTP_OK)
      child_fails("cancel", code);
    child_sends(NULL, "child, built-in");
    child_sends(handle, "child, handle");
    child = fork();
    if (child == 0) {
      alarm(CHILD_SECONDS);
      child_sends(NULL, "grandchild");
      _exit(0);
    }
    if (wait_for_child(child, "fork of the child") != 0)
      child_fails("the grandchild failed", 0);
    sds_smtp_client_free(handle);
    _exit(0);
  }
  wrong += wait_for_child(child, "fork with mails in flight");

  code = sds_smtp_client_wait(NULL, WAIT_MS);
  if (code != SDS_SMTP_OK) {
    printf("fork: the parent's mail on the built-in client ended with %d\n", code);
    wrong++;
  }
  code = sds_smtp_client_wait(handle, WAIT_MS);
  if (code != SDS_SMTP_OK) {
    printf("fork: the parent's mail on the handle ended with %d\n", code);
    wrong++;
  }
  sds_smtp_client_free(handle);
  return wrong;
}

/* Calls everything that takes a lock or memory. Refusals are expected and of no interest here. */
static void *call_all_the_time(void *argument)
{
  int sends = *(const int *)argument;
  sds_smtp_client *mine = sds_smtp_client_new();

  configure(mine, quick_port);
  while (!stop_threads) {
    struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;
    struct sds_smtp_log_entry entry = SDS_SMTP_LOG_ENTRY_INIT;
    sds_smtp_client *other = sds_smtp_client_new();

    configure(other, quick_port);
    sds_smtp_client_free(other);
    sds_smtp_status();
    sds_smtp_client_result(NULL, &result);
    sds_smtp_client_log(mine, &entry, 1);
    configure(mine, quick_port);
    configure(NULL, quick_port);
    sds_smtp_send("", "refused", "and written to the log");
    sds_smtp_client_wait(NULL, 1);
    if (sends && start_mail(mine, "parent, thread") == SDS_SMTP_OK)
      sds_smtp_client_wait(mine, WAIT_MS);
  }
  sds_smtp_client_wait(mine, WAIT_MS);
  sds_smtp_client_free(mine);
  return NULL;
}

static int forks_among_threads_do_not_stand_still(void)
{
  static const int sends[THREADS] = {0, 0, 1, 1};
  pthread_t threads[THREADS];
  int i, forks, wrong = 0;

  for (i = 0; i < THREADS; i++) {
    if (pthread_create(&threads[i], NULL, call_all_the_time, (void *)&sends[i]) != 0) {
      printf("fork: cannot create threads\n");
      exit(2);
    }
  }
  fflush(stdout);
  for (forks = 0; forks < FORKS && wrong == 0; forks++) {
    pid_t child = fork();

    if (child == 0) {
      alarm(CHILD_SECONDS);
      child_sends(NULL, "child, among threads");
      _exit(0);
    }
    wrong += wait_for_child(child, "fork among threads");
  }
  stop_threads = 1;
  for (i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  printf("fork: %d forks among threads\n", forks);
  return wrong;
}

int main(int argc, char **argv)
{
  int wrong;

  if (argc != 3) {
    fprintf(stderr, "usage: fork SLOW_PORT QUICK_PORT\n");
    return 2;
  }
  slow_port = (unsigned)strtoul(argv[1], NULL, 10);
  quick_port = (unsigned)strtoul(argv[2], NULL, 10);
  alarm(PARENT_SECONDS);
  wrong = mails_in_flight_survive();
  if (wrong == 0)
    wrong = forks_among_threads_do_not_stand_still();
  printf("fork: %d wrong\n", wrong);
  return wrong == 0 ? 0 : 1;
}
