/*
 * overtaken - a thread of the library's that comes late takes nothing away from the one that follows it
 *
 *     overtaken PORT
 *
 * The server on PORT accepts every mail.
 *
 * The program closes all descriptors while the library's thread is on its way to wait on one of them: epoll_wait() stands
 * in this program, and holds it up there. The next mails start a new thread, whose list gets the same number, and which is
 * held up at its beginning: pthread_create() stands here, too. Now the old thread waits on the new one's list, and is told
 * what the new one should hear. Right: the mail is sent all the same. On a machine with much to do this happens by itself.
 *
 * Exit code 0: all as it should be.
 */
#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>

#include "mail.h"

static volatile int hold_waits;   /* threads that come to wait are held up */
static volatile int held;         /* threads that were */
static volatile int hold_threads; /* new threads are held up */
static volatile int waits_ended;  /* how often a thread came back from its wait after it had been held up */

/* The system's own function of this name, behind the one that stands here. */
static void find(const char *name, void *function, size_t size)
{
  void *symbol = dlsym(RTLD_NEXT, name);

  CHECK(symbol != NULL && size == sizeof symbol);
  memcpy(function, &symbol, size);
}

/* Bounded: a library that does otherwise than this test thinks is not held up for ever. */
static void wait_while(const volatile int *held_up, uint64_t milliseconds)
{
  uint64_t begin = now_ms();

  while (*held_up && now_ms() - begin < milliseconds)
    poll(NULL, 0, 2);
}

static int until_at_least(const volatile int *count, int wanted, uint64_t milliseconds)
{
  uint64_t begin = now_ms();

  while (*count < wanted && now_ms() - begin < milliseconds)
    poll(NULL, 0, 2);
  return *count >= wanted;
}

int epoll_wait(int list, struct epoll_event *events, int most, int timeout)
{
  int (*own)(int, struct epoll_event *, int, int), was_held = hold_waits, count;

  find("epoll_wait", &own, sizeof own);
  if (was_held) {
    __sync_fetch_and_add(&held, 1);
    wait_while(&hold_waits, PATIENCE_MS);
  }
  count = own(list, events, most, timeout);
  if (was_held)
    __sync_fetch_and_add(&waits_ended, 1);
  return count;
}

struct body {
  void *(*run)(void *);
  void *argument;
};

static void *begin_late(void *argument)
{
  struct body body = *(struct body *)argument;

  free(argument);
  wait_while(&hold_threads, PATIENCE_MS);
  return body.run(body.argument);
}

#ifdef __cplusplus
#define NOTHROW noexcept
#else
#define NOTHROW
#endif

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument) NOTHROW
{
  int (*own)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
  struct body *body = (struct body *)malloc(sizeof *body);

  CHECK(body != NULL);
  body->run = run;
  body->argument = argument;
  find("pthread_create", &own, sizeof own);
  return own(thread, attributes, begin_late, body);
}

int main(int argc, char **argv)
{
  int descriptor, code, mails;

  if (argc != 2)
    return 2;
  alarm(120);
  CHECK_IS(configure(NULL, (unsigned)strtoul(argv[1], NULL, 10), 0), SDS_SMTP_OK);
  CHECK_IS(deliver(NULL, "before"), SDS_SMTP_OK);
  poll(NULL, 0, 300); /* it sleeps by then, and goes on with the next mail */
  hold_waits = 1;
  CHECK_IS(start_mail(NULL, "before"), SDS_SMTP_OK);
  CHECK(until_at_least(&held, 1, PATIENCE_MS)); /* and is on its way to wait again */
  for (descriptor = 3; descriptor < 256; descriptor++)
    close(descriptor);
  CHECK_IS(sds_smtp_client_cancel(NULL), SDS_SMTP_OK);
  CHECK_IS_NOT(sds_smtp_client_wait(NULL, PATIENCE_MS), SDS_SMTP_BUSY);

  hold_threads = 1;
  CHECK_IS(start_mail(NULL, "overtaken"), SDS_SMTP_OK);
  hold_waits = 0; /* the old thread waits now */
  until_at_least(&waits_ended, 1, 2000);
  poll(NULL, 0, 200);
  hold_threads = 0; /* and the new one begins */
  code = sds_smtp_client_wait(NULL, PATIENCE_MS);
  CHECK_IS_NOT(code, SDS_SMTP_BUSY);
  /* Where it was this mail that found out, the next ones are sent. */
  for (mails = 0; mails < 3; mails++)
    CHECK_IS(deliver(NULL, "after"), SDS_SMTP_OK);
  CHECK_IS(code, SDS_SMTP_OK);
  return 0;
}
