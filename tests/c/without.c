/*
 * without - where the system has no thread or no descriptor for the library, the result says which
 *
 *     without PORT
 *
 * The server on PORT accepts every mail.
 *
 * Each function by which a library gets what its engine needs stands in this program, and refuses with one of the errors
 * that a full or a guarded system gives. The mail ends with its code, with words that tell of the thread or of the
 * descriptor and not of the memory, in result and log; use_event_loop answers 7. When nothing is refused any more the
 * next mail is sent. A function that the library does not call makes no case. Exit code 0: every case was right.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "mail.h"

enum { NOTHING, THREAD, LIST, ADDING, COUNTER };

static volatile int refused_function, error_given, refusals;

static int refuses(int function)
{
  if (refused_function != function)
    return 0;
  refusals++;
  errno = error_given;
  return 1;
}

/* The system's own function of this name, behind the one that stands here. */
static void find(const char *name, void *function, size_t size)
{
  void *symbol = dlsym(RTLD_NEXT, name);

  CHECK(symbol != NULL && size == sizeof symbol);
  memcpy(function, &symbol, size);
}

#ifdef __cplusplus
#define NOTHROW noexcept
#else
#define NOTHROW
#endif

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument) NOTHROW
{
  int (*own)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

  if (refuses(THREAD))
    return error_given;
  find("pthread_create", &own, sizeof own);
  return own(thread, attributes, body, argument);
}

int epoll_create1(int flags) NOTHROW
{
  int (*own)(int);

  if (refuses(LIST))
    return -1;
  find("epoll_create1", &own, sizeof own);
  return own(flags);
}

int epoll_ctl(int list, int operation, int descriptor, struct epoll_event *event) NOTHROW
{
  int (*own)(int, int, int, struct epoll_event *);

  if (refuses(ADDING))
    return -1;
  find("epoll_ctl", &own, sizeof own);
  return own(list, operation, descriptor, event);
}

int eventfd(unsigned value, int flags) NOTHROW
{
  int (*own)(unsigned, int);

  if (refuses(COUNTER))
    return -1;
  find("eventfd", &own, sizeof own);
  return own(value, flags);
}

static const struct situation {
  const char *name;
  int function, error, code;
  const char *words;
} situations[] = {
  {"no thread, EAGAIN", THREAD, EAGAIN, SDS_SMTP_DATA_FAILED, "no thread"},
  {"no thread, EPERM", THREAD, EPERM, SDS_SMTP_DATA_FAILED, "no thread"},
  {"no list of descriptors, EMFILE", LIST, EMFILE, SDS_SMTP_CONNECT_FAILED, "no descriptor is free"},
  {"no list of descriptors, ENFILE", LIST, ENFILE, SDS_SMTP_CONNECT_FAILED, "no descriptor is free"},
  {"no list of descriptors, EPERM", LIST, EPERM, SDS_SMTP_CONNECT_FAILED, "no descriptor is free"},
  {"no list of descriptors, ENOSYS", LIST, ENOSYS, SDS_SMTP_CONNECT_FAILED, "no descriptor is free"},
  {"no room in the list, ENOSPC", ADDING, ENOSPC, SDS_SMTP_CONNECT_FAILED, "no descriptor is free"},
  {"no event counter, EMFILE", COUNTER, EMFILE, SDS_SMTP_CONNECT_FAILED, "no descriptor is free"},
  {"no event counter, ENODEV", COUNTER, ENODEV, SDS_SMTP_CONNECT_FAILED, "no descriptor is free"},
  {"no event counter, EPERM", COUNTER, EPERM, SDS_SMTP_CONNECT_FAILED, "no descriptor is free"},
};

#define SITUATIONS ((int)(sizeof situations / sizeof situations[0]))

static unsigned port;

static void must_say(const struct situation *situation, const char *text)
{
  if (strstr(text, situation->words) == NULL || strstr(text, "memory") != NULL) {
    fprintf(stderr, "%s: says \"%s\"\n", situation->name, text);
    _exit(1);
  }
}

static void one_case(const struct situation *situation, int polled)
{
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;
  struct sds_smtp_log_entry entry = SDS_SMTP_LOG_ENTRY_INIT;
  int code;

  alarm(60);
  CHECK_IS(configure(NULL, port, 0), SDS_SMTP_OK);
  error_given = situation->error;
  refused_function = situation->function;
  if (polled) {
    code = event_loop();
    CHECK(refusals == 0 || code == -1);
  } else {
    code = deliver(NULL, "refused");
    if (refusals > 0) {
      CHECK_IS(code, situation->code);
      CHECK_IS(sds_smtp_status(), situation->code);
      CHECK_IS(sds_smtp_client_result(NULL, &result), SDS_SMTP_OK);
      CHECK_IS(result.code, situation->code);
      CHECK_IS(result.outcome, SDS_SMTP_OUTCOME_NOT_SENT);
      must_say(situation, result.text);
      CHECK_IS(sds_smtp_client_log(NULL, &entry, 1), 1);
      must_say(situation, entry.text);
    }
  }
  refused_function = NOTHING;
  if (polled)
    CHECK(event_loop() >= 0);
  CHECK_IS(deliver(NULL, "later"), SDS_SMTP_OK);
  _exit(refusals > 0 ? 0 : 3);
}

int main(int argc, char **argv)
{
  int i, polled, status, cases = 0, lists = 0, threads = 0, wrong = 0;

  if (argc != 2)
    return 2;
  port = (unsigned)strtoul(argv[1], NULL, 10);
  for (i = 0; i < SITUATIONS; i++)
    for (polled = 0; polled < 2; polled++) {
      pid_t child;

      if (polled && situations[i].function == THREAD)
        continue;
      child = fork();
      if (child == 0)
        one_case(&situations[i], polled);
      CHECK(child > 0 && waitpid(child, &status, 0) == child);
      if (WIFEXITED(status) && WEXITSTATUS(status) == 3)
        continue; /* not called */
      cases++;
      lists += situations[i].function == LIST;
      threads += situations[i].function == THREAD;
      if (status != 0)
        fprintf(stderr, "%s, %s: wrong\n", polled ? "event loop" : "thread", situations[i].name);
      wrong += status != 0;
    }
  printf("without: %d cases, %d wrong\n", cases, wrong);
  return wrong == 0 && lists > 0 && threads > 0 ? 0 : 1;
}
