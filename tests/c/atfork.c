/*
 * atfork - the program's own fork handlers call the library; forks from other unusual places
 *
 *     atfork SLOW_PORT QUICK_PORT
 *
 * SLOW_PORT: a server that takes its time for each reply. QUICK_PORT: a server that answers at once.
 *
 * handlers: prepare, parent and child handlers of pthread_atfork(), registered before the library's first call, or after
 *   it, call every function of the library; in a program with the library's thread, and in one with an event loop.
 * destructor: a thread that has forked before forks again from the destructor of a thread-specific value (pthread_key_create).
 * at once: threads fork at the same time, and the children fork again.
 *
 * Right: nothing hangs; the child is told of no mail in flight and sends one; the parent's mail, in flight at the fork, is
 * delivered once. Each case is a process of its own. Exit code 0: every case was right.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>

#include "mail.h"

#define CASE_SECONDS  60
#define CHILD_SECONDS 25 /* a child that stands still is ended then */
#define FORKERS       4
#define ROUNDS        10

enum { PREPARE, PARENT, CHILD, HANDLERS };

static const char *const handlers[HANDLERS] = {"prepare", "parent", "child"};

static unsigned slow_port, quick_port;
static int polled, active = HANDLERS, begun; /* which handler calls the library, and whether the case has set it up */
static sds_smtp_client *handle;
static const char *volatile doing = "";
static volatile int handler_ran;

static void stands_still(int signal_number)
{
  static char words[128] = "atfork: stood still in ";

  (void)signal_number;
  strcat(strcat(words, doing), "\n");
  (void)!write(STDERR_FILENO, words, strlen(words));
  _exit(9);
}

/* Every function of the library. What each answers in the middle of a fork is not looked at: that it answers is. */
static void call_everything(int which)
{
  static struct sds_smtp_log_entry entry = SDS_SMTP_LOG_ENTRY_INIT;
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;
  sds_smtp_client *own;

  if (which != active || !begun)
    return;
  handler_ran = 1;
  if (which == CHILD)
    alarm(CHILD_SECONDS);
  doing = "status";
  sds_smtp_status();
  sds_smtp_program_status();
  sds_smtp_client_status(handle);
  doing = "new";
  own = sds_smtp_client_new();
  doing = "configure";
  configure(own, quick_port, 0);
  doing = "use_event_loop";
  event_loop();
  doing = "poll";
  sds_smtp_poll(0);
  doing = "send";
  start_mail(own, "from a handler");
  doing = "wait";
  sds_smtp_client_wait(own, 50);
  doing = "cancel";
  sds_smtp_client_cancel(own);
  doing = "result";
  sds_smtp_client_result(own, &result);
  doing = "log";
  sds_smtp_client_log(own, &entry, 1);
  doing = "probe";
  sds_smtp_client_probe(own);
  doing = "wait for another client";
  sds_smtp_client_wait(handle, 50);
  doing = "free";
  sds_smtp_client_free(own);
  doing = "what follows the handlers";
}

static void in_prepare(void)
{
  call_everything(PREPARE);
}

static void in_parent(void)
{
  call_everything(PARENT);
}

static void in_child(void)
{
  call_everything(CHILD);
}

static void set_up(void)
{
  signal(SIGALRM, stands_still);
  alarm(CASE_SECONDS);
  doing = "set-up";
}

static void first_calls(void)
{
  if (polled)
    CHECK(event_loop() >= 0);
  handle = sds_smtp_client_new();
  CHECK(handle != NULL);
  CHECK_IS(configure(NULL, slow_port, 0), SDS_SMTP_OK);
  CHECK_IS(configure(handle, quick_port, 0), SDS_SMTP_OK);
}

/* The mail that the forks must not disturb: some replies have been read when the first one happens. */
static void parents_mail_begins(void)
{
  CHECK_IS(start_mail(NULL, "the parent's"), SDS_SMTP_OK);
  CHECK_IS(sds_smtp_client_wait(NULL, 80), SDS_SMTP_BUSY);
}

static void parents_mail_ends(void)
{
  doing = "the parent's wait";
  CHECK_IS(sds_smtp_client_wait(NULL, PATIENCE_MS), SDS_SMTP_OK);
  doing = "the parent's next mail";
  CHECK_IS(deliver(handle, "the parent's next"), SDS_SMTP_OK);
  _exit(0);
}

/* What a child must be able to do, in an order in which a program would. */
static void child_is_usable(const char *subject)
{
  sds_smtp_client *own;

  signal(SIGALRM, stands_still);
  alarm(CHILD_SECONDS);
  doing = "the child's status";
  CHECK_IS_NOT(sds_smtp_status(), SDS_SMTP_BUSY);
  doing = "the child's use_event_loop";
  if (polled)
    CHECK(event_loop() >= 0);
  doing = "the child's mail on a client of the parent's";
  CHECK_IS(deliver(handle, subject), SDS_SMTP_OK);
  doing = "the child's mail on the built-in client";
  CHECK_IS(configure(NULL, quick_port, 0), SDS_SMTP_OK);
  CHECK_IS(deliver(NULL, subject), SDS_SMTP_OK);
  doing = "the child's mail on its own client";
  own = sds_smtp_client_new();
  CHECK(own != NULL);
  CHECK_IS(configure(own, quick_port, 0), SDS_SMTP_OK);
  CHECK_IS(deliver(own, subject), SDS_SMTP_OK);
  doing = "the child's free";
  sds_smtp_client_free(own);
  sds_smtp_client_free(handle);
}

static void one_handler(int which, int early)
{
  pid_t child;

  active = which;
  set_up();
  if (early)
    CHECK(pthread_atfork(in_prepare, in_parent, in_child) == 0);
  first_calls();
  if (!early)
    CHECK(pthread_atfork(in_prepare, in_parent, in_child) == 0);
  parents_mail_begins();
  begun = 1;
  doing = "fork";
  child = fork();
  begun = 0;
  if (child == 0) {
    CHECK(which == PARENT || handler_ran);
    child_is_usable("from the child");
    /* Once more, of a child's process. */
    child = fork();
    if (child == 0) {
      handle = sds_smtp_client_new();
      CHECK(handle != NULL && configure(handle, quick_port, 0) == SDS_SMTP_OK);
      child_is_usable("from the grandchild");
      _exit(0);
    }
    _exit(case_is_wrong(child, "the grandchild"));
  }
  CHECK(which == CHILD || handler_ran);
  doing = "waiting for the child";
  CHECK_IS(case_is_wrong(child, "the child"), 0);
  parents_mail_ends();
}

static void fork_once(void)
{
  pid_t child = fork();

  if (child == 0) {
    child_is_usable("from the child");
    _exit(0);
  }
  CHECK_IS(case_is_wrong(child, "the child"), 0);
}

static void fork_in_destructor(void *value)
{
  (void)value;
  doing = "fork in a destructor";
  fork_once();
}

static void *forks_and_ends(void *key)
{
  fork_once();
  CHECK(pthread_setspecific(*(pthread_key_t *)key, "a value") == 0);
  return NULL;
}

static void fork_of_a_destructor(void)
{
  pthread_key_t key;
  pthread_t thread;

  set_up();
  CHECK(pthread_key_create(&key, fork_in_destructor) == 0);
  first_calls();
  parents_mail_begins();
  CHECK(pthread_create(&thread, NULL, forks_and_ends, &key) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  parents_mail_ends();
}

static void *forks_often(void *argument)
{
  pthread_barrier_t *together = (pthread_barrier_t *)argument;
  int round;

  for (round = 0; round < ROUNDS; round++) {
    pid_t child;

    pthread_barrier_wait(together);
    child = fork();
    if (child == 0) {
      child = fork();
      if (child == 0) {
        child_is_usable("from the grandchild");
        _exit(0);
      }
      child_is_usable("from the child");
      _exit(case_is_wrong(child, "the grandchild"));
    }
    CHECK_IS(case_is_wrong(child, "the child"), 0);
  }
  return NULL;
}

static void forks_at_once(void)
{
  pthread_barrier_t together;
  pthread_t threads[FORKERS];
  int i;

  set_up();
  CHECK(pthread_barrier_init(&together, NULL, FORKERS) == 0);
  first_calls();
  parents_mail_begins();
  for (i = 0; i < FORKERS; i++)
    CHECK(pthread_create(&threads[i], NULL, forks_often, &together) == 0);
  for (i = 0; i < FORKERS; i++)
    CHECK(pthread_join(threads[i], NULL) == 0);
  parents_mail_ends();
}

int main(int argc, char **argv)
{
  static pid_t children[HANDLERS][2][2], others[2][2];
  char name[120];
  int which, early, cases = 0, wrong = 0;

  if (argc != 3)
    return 2;
  slow_port = (unsigned)strtoul(argv[1], NULL, 10);
  quick_port = (unsigned)strtoul(argv[2], NULL, 10);
  for (which = 0; which < HANDLERS; which++)
    for (early = 0; early < 2; early++)
      for (polled = 0; polled < 2; polled++) {
        children[which][early][polled] = fork();
        if (children[which][early][polled] == 0)
          one_handler(which, early);
      }
  for (polled = 0; polled < 2; polled++) {
    others[0][polled] = fork();
    if (others[0][polled] == 0)
      fork_of_a_destructor();
    others[1][polled] = fork();
    if (others[1][polled] == 0)
      forks_at_once();
  }
  for (which = 0; which < HANDLERS; which++)
    for (early = 0; early < 2; early++)
      for (polled = 0; polled < 2; polled++, cases++) {
        snprintf(name, sizeof name, "%s, the %s handler, registered %s the library's first call",
                 polled ? "event loop" : "thread", handlers[which], early ? "before" : "after");
        wrong += case_is_wrong(children[which][early][polled], name);
      }
  for (polled = 0; polled < 2; polled++, cases += 2) {
    snprintf(name, sizeof name, "%s, a destructor's fork", polled ? "event loop" : "thread");
    wrong += case_is_wrong(others[0][polled], name);
    snprintf(name, sizeof name, "%s, forks at once", polled ? "event loop" : "thread");
    wrong += case_is_wrong(others[1][polled], name);
  }
  printf("atfork: %d cases, %d wrong\n", cases, wrong);
  return wrong == 0 ? 0 : 1;
}
