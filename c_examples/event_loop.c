/*
 * event_loop - mails in a program that has an event loop of its own: no thread of the library's, no call that waits
 *
 *     event_loop SERVER PORT FROM TO COUNT
 *
 * The loop waits with epoll for a timer, which stands for all that a device does besides, and for the library's
 * descriptor. COUNT mails are sent one after the other: the end of each is told to a function, and that sends the next.
 * SERVER is an address or a name. The exit code is 0 only when every mail was accepted.
 *
 * For Linux. Elsewhere: poll() or select() with the same descriptor; on Windows it is the handle of an event.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L /* for struct itimerspec with -std=c99 */
#endif
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "sds_smtp.h"

#define TICK_MS 10

struct work {
  const char *to;
  unsigned long count, started, sent, failed, ticks;
};

static void start_mail(struct work *work);

/* Called once for each mail that was started, within sds_smtp_poll(): on this thread, and between two turns of the loop. */
static void mail_ended(void *context, sds_smtp_client *client, const struct sds_smtp_result *result)
{
  struct work *work = (struct work *)context;

  (void)client;
  printf("mail %lu: %s, code %d (%s), %u ms\n", work->started, sds_smtp_outcome_name(result->outcome), (int)result->code,
         sds_smtp_code_name(result->code), (unsigned)result->elapsed_ms);
  if (result->code == SDS_SMTP_OK)
    work->sent++;
  else
    work->failed++;
  if (work->started < work->count)
    start_mail(work);
}

static void start_mail(struct work *work)
{
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
  char subject[48], refusal[256];

  work->started++;
  snprintf(subject, sizeof subject, "testovaci email %lu", work->started);
  message.to = work->to;
  message.subject = subject;
  message.text = "Toto je testovaci email.";
  message.done = mail_ended;
  message.done_context = work; /* stays until `done` was called */
  if (sds_smtp_client_send(NULL, &message) != SDS_SMTP_OK) {
    /* Not started: `done` is not called. What is wrong with this mail is wrong with the others, too. */
    sds_smtp_client_refusal(NULL, refusal, sizeof refusal);
    fprintf(stderr, "event_loop: refused: %s\n", refusal);
    work->failed += work->count - work->started + 1;
    work->started = work->count;
  }
}

/* The descriptors that the loop waits for; -1 where the system refuses. */
static int watch(int list, int descriptor)
{
  struct epoll_event event;

  memset(&event, 0, sizeof event);
  event.events = EPOLLIN;
  event.data.fd = descriptor;
  return epoll_ctl(list, EPOLL_CTL_ADD, descriptor, &event);
}

static int begin_ticks(void)
{
  struct itimerspec every;
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

  memset(&every, 0, sizeof every);
  every.it_value.tv_nsec = every.it_interval.tv_nsec = TICK_MS * 1000000L;
  if (timer >= 0)
    timerfd_settime(timer, 0, &every, NULL);
  return timer;
}

static void run(struct work *work, int list, int timer)
{
  while (work->sent + work->failed < work->count) {
    struct epoll_event happened[8];
    uint32_t wait_ms = sds_smtp_poll(0); /* does what can be done now; how long the loop may sleep then */
    int i, count;

    if (work->sent + work->failed == work->count)
      break;
    count = epoll_wait(list, happened, 8, wait_ms > (uint32_t)INT_MAX ? -1 : (int)wait_ms);
    for (i = 0; i < count; i++) {
      uint64_t times;

      /* The library's descriptor is left alone: sds_smtp_poll() looks what it has to do. */
      if (happened[i].data.fd == timer && read(timer, &times, sizeof times) == (ssize_t)sizeof times)
        work->ticks += (unsigned long)times;
    }
  }
}

int main(int argc, char **argv)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  struct work work;
  char refusal[256];
  intptr_t descriptor;
  int list, timer, code;

  if (argc != 6) {
    fprintf(stderr, "usage: event_loop SERVER PORT FROM TO COUNT\n");
    return 2;
  }
  memset(&work, 0, sizeof work);
  work.to = argv[4];
  work.count = strtoul(argv[5], NULL, 10);

  code = sds_smtp_use_event_loop(&descriptor); /* before the first mail */
  if (code != SDS_SMTP_OK) {
    fprintf(stderr, "event_loop: code %d: %s\n", code, sds_smtp_strerror(code));
    return 2;
  }
  list = epoll_create1(EPOLL_CLOEXEC);
  timer = begin_ticks();
  if (list < 0 || timer < 0 || watch(list, timer) < 0 || watch(list, (int)descriptor) < 0) {
    perror("event_loop");
    return 2;
  }
  config.server = argv[1];
  config.port = (uint32_t)strtoul(argv[2], NULL, 10);
  config.sender = argv[3];
  if (sds_smtp_client_configure(NULL, &config) != SDS_SMTP_OK) {
    sds_smtp_client_refusal(NULL, refusal, sizeof refusal);
    fprintf(stderr, "event_loop: configuration refused: %s\n", refusal);
    return 2;
  }

  if (work.count > 0)
    start_mail(&work);
  run(&work, list, timer);
  close(timer);
  close(list);
  sds_smtp_shutdown(1000); /* ends what the library has open; its descriptor is closed */
  printf("sent %lu, failed %lu, ticks %lu\n", work.sent, work.failed, work.ticks);
  return work.sent == work.count ? 0 : 1;
}
