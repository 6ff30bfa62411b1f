/*
 * taken - a program closes descriptors of the library's in the worst moments
 *
 *     taken PORT SILENT_PORT SLOW_PORT
 *
 * The server on PORT accepts every mail; the one on SILENT_PORT never says a word; the one on SLOW_PORT accepts every mail,
 * and takes 300 ms for each answer.
 *
 * together: every descriptor is closed while THREADS threads wait, which find out at the same time. Each starts a mail at once
 *      when its own has ended: what the first of them has started anew is not given up by the others. ROUNDS times.
 * between: every descriptor is closed while the thread is between two waits, and its list's number becomes that of an epoll
 *      of the program's with something to tell. The thread leaves it alone, and the mail in flight ends.
 * ours: a socket of the library's is closed, and the library's next socket gets its number. What becomes of the first mail
 *      does not touch the second one.
 * child: a socket of the library's is closed, and a file of the program's gets its number. It is open in the child of a fork.
 *
 * Each case is a process of its own. Exit code 0: all as it should be.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include "server.h"

#define THREADS      16
#define ROUNDS       2
#define LAST         256 /* no descriptor of a case is beyond it, but for those that are out of the way */
#define OWN          24
#define CASE_SECONDS 60

static unsigned port, silent_port, slow_port;
static sds_smtp_client *clients[THREADS];
static pthread_barrier_t all_wait;
static int codes[THREADS][3];

static volatile int slowly;       /* a thread whose epoll_ctl() fails is not scheduled for a moment */
static volatile int close_before; /* the next wait of the thread begins when everything was closed */
static volatile int waits;        /* on the program's own list */
static int own_counter, own[OWN];

static void close_all(void)
{
  int descriptor;

  for (descriptor = 3; descriptor < LAST; descriptor++)
    close(descriptor);
  /* The one that wakes the thread is out of the program's way. */
  for (descriptor = 512; descriptor < 600; descriptor++)
    close(descriptor);
}

static void watch_counter(int list)
{
  struct epoll_event event;

  memset(&event, 0, sizeof event);
  event.events = EPOLLIN;
  event.data.u64 = (uint64_t)own_counter;
  CHECK(syscall(SYS_epoll_ctl, list, EPOLL_CTL_ADD, own_counter, &event) == 0);
}

/* In front of the system's: the same call. */
#ifdef __cplusplus
extern "C"
#endif
int epoll_ctl(int list, int operation, int descriptor, struct epoll_event *event)
#ifdef __cplusplus
  noexcept(true)
#endif
{
  static __thread unsigned seed;
  int result = (int)syscall(SYS_epoll_ctl, list, operation, descriptor, event), error = errno;

  if (slowly && result < 0 && error != EEXIST) {
    if (seed == 0)
      seed = (unsigned)syscall(SYS_gettid);
    usleep((useconds_t)(rand_r(&seed) % 4000));
  }
  errno = error;
  return result;
}

#ifdef __cplusplus
extern "C"
#endif
int epoll_wait(int list, struct epoll_event *events, int most, int timeout)
{
  int i;

  if (close_before) {
    close_before = 0;
    close_all();
    for (i = 0; i < OWN; i++) {
      own[i] = epoll_create1(0);
      CHECK(own[i] >= 0 && own[i] < LAST);
      watch_counter(own[i]);
    }
    waits = 1;
  } else if (waits > 0) {
    waits++;
  }
  return (int)syscall(SYS_epoll_pwait, list, events, most, timeout, NULL, 8);
}

static void prepare(int count, int polled)
{
  int i;

  alarm(CASE_SECONDS);
  for (i = 0; i < count; i++) {
    clients[i] = sds_smtp_client_new();
    CHECK(clients[i] != NULL);
  }
  if (polled)
    CHECK(event_loop() >= 0);
}

static void *wait_and_send(void *argument)
{
  int i = *(int *)argument;

  CHECK_IS(configure(clients[i], silent_port, 0), SDS_SMTP_OK);
  CHECK_IS(start_mail(clients[i], "in flight"), SDS_SMTP_OK);
  pthread_barrier_wait(&all_wait);
  CHECK_IS(configure(clients[i], port, 0), SDS_SMTP_OK);
  codes[i][0] = sds_smtp_client_wait(clients[i], PATIENCE_MS);
  codes[i][1] = deliver(clients[i], "second");
  codes[i][2] = deliver(clients[i], "third");
  return NULL;
}

static void together(int polled)
{
  static int places[THREADS];
  pthread_t threads[THREADS];
  int i;

  prepare(THREADS, polled);
  slowly = 1;
  CHECK(pthread_barrier_init(&all_wait, NULL, THREADS + 1) == 0);
  for (i = 0; i < THREADS; i++) {
    places[i] = i;
    CHECK(pthread_create(&threads[i], NULL, wait_and_send, &places[i]) == 0);
  }
  pthread_barrier_wait(&all_wait);
  poll(NULL, 0, 50);
  close_all();
  for (i = 0; i < THREADS; i++)
    CHECK(pthread_join(threads[i], NULL) == 0);
  for (i = 0; i < THREADS; i++) {
    CHECK_IS_NOT(codes[i][0], SDS_SMTP_BUSY);
    CHECK_IS_NOT(codes[i][0], SDS_SMTP_OK);
    CHECK_IS(codes[i][1], SDS_SMTP_OK);
    CHECK_IS(codes[i][2], SDS_SMTP_OK);
  }
}

static void between(int polled)
{
  uint64_t begin;
  int i;

  (void)polled;
  prepare(2, 0);
  i = eventfd(1, EFD_NONBLOCK);
  own_counter = fcntl(i, F_DUPFD, LAST);
  CHECK(own_counter >= LAST && close(i) == 0);
  for (i = 0; i < 2; i++)
    CHECK_IS(configure(clients[i], silent_port, 0), SDS_SMTP_OK);
  CHECK_IS(start_mail(clients[0], "in flight"), SDS_SMTP_OK);
  poll(NULL, 0, 200);
  close_before = 1;
  CHECK_IS(start_mail(clients[1], "in flight, too"), SDS_SMTP_OK);
  for (begin = now_ms(); waits == 0;) {
    CHECK(now_ms() - begin < PATIENCE_MS);
    poll(NULL, 0, 1);
  }
  /* Nobody calls the library meanwhile but for the status, which does nothing. */
  poll(NULL, 0, 500);
  CHECK(waits < 4);
  CHECK_IS(in_flight(clients, 2), 0);
  for (i = 0; i < OWN; i++)
    CHECK(fcntl(own[i], F_GETFD) >= 0);
  CHECK_IS(configure(clients[0], port, 0), SDS_SMTP_OK);
  CHECK_IS(deliver(clients[0], "after"), SDS_SMTP_OK);
}

/* The number of the socket that is connected to this port. */
static int socket_to(unsigned where)
{
  struct sockaddr_in address;
  int descriptor;

  for (descriptor = 3; descriptor < LAST; descriptor++) {
    socklen_t length = sizeof address;

    memset(&address, 0, sizeof address);
    if (getpeername(descriptor, (struct sockaddr *)&address, &length) == 0 && address.sin_family == AF_INET &&
        ntohs(address.sin_port) == where)
      return descriptor;
  }
  return -1;
}

/* Does what there is to do for so long. */
static void go_on(int polled, unsigned milliseconds)
{
  uint64_t begin = now_ms();

  while (now_ms() - begin < milliseconds) {
    if (polled)
      sds_smtp_poll(0);
    poll(NULL, 0, 2);
  }
}

/* The same as soon as there is one, however busy the machine is. */
static int socket_that_comes(int polled, unsigned where)
{
  uint64_t begin = now_ms();
  int descriptor;

  while ((descriptor = socket_to(where)) < 0) {
    CHECK(now_ms() - begin < PATIENCE_MS);
    go_on(polled, 5);
  }
  return descriptor;
}

/* A mail in flight whose socket the program has closed: the socket's number. */
static int mail_without_a_socket(int polled)
{
  int number;

  prepare(2, polled);
  CHECK_IS(configure(clients[0], silent_port, 1000), SDS_SMTP_OK);
  CHECK_IS(start_mail(clients[0], "in flight"), SDS_SMTP_OK);
  number = socket_that_comes(polled, silent_port);
  /* The thread is not about to put it on its list now: then that would get what has the number next. */
  go_on(polled, 100);
  CHECK(close(number) == 0);
  return number;
}

static void ours(int polled)
{
  int number = mail_without_a_socket(polled);

  CHECK_IS(configure(clients[1], slow_port, 0), SDS_SMTP_OK);
  CHECK_IS(start_mail(clients[1], "beside it"), SDS_SMTP_OK);
  CHECK_IS(socket_that_comes(polled, slow_port), number);
  CHECK_IS(sds_smtp_client_wait(clients[1], PATIENCE_MS), SDS_SMTP_OK);
  CHECK_IS_NOT(sds_smtp_client_status(clients[0]), SDS_SMTP_BUSY);
  CHECK_IS_NOT(sds_smtp_client_status(clients[0]), SDS_SMTP_OK);
}

static void child(int polled)
{
  int number = mail_without_a_socket(polled);
  pid_t process;

  CHECK_IS(eventfd(0, EFD_NONBLOCK), number);
  process = fork();
  if (process == 0)
    _exit(fcntl(number, F_GETFD) >= 0 ? 0 : 1);
  CHECK(!case_is_wrong(process, "the child's copy"));
  go_on(polled, 1500);
  CHECK_IS_NOT(sds_smtp_client_status(clients[0]), SDS_SMTP_BUSY);
  CHECK(fcntl(number, F_GETFD) >= 0);
}

static int run_case(void (*body)(int), int polled, const char *name)
{
  pid_t process = fork();

  if (process == 0) {
    body(polled);
    _exit(0);
  }
  return case_is_wrong(process, name);
}

int main(int argc, char **argv)
{
  int polled, round, wrong = 0;

  if (argc != 4)
    return 2;
  port = (unsigned)strtoul(argv[1], NULL, 10);
  silent_port = (unsigned)strtoul(argv[2], NULL, 10);
  slow_port = (unsigned)strtoul(argv[3], NULL, 10);
  wrong += run_case(between, 0, "between");
  for (polled = 0; polled < 2; polled++) {
    for (round = 0; round < ROUNDS; round++)
      wrong += run_case(together, polled, polled ? "together, event loop" : "together");
    wrong += run_case(ours, polled, polled ? "ours, event loop" : "ours");
    wrong += run_case(child, polled, polled ? "child, event loop" : "child");
  }
  printf("taken: %d wrong\n", wrong);
  return wrong != 0;
}
