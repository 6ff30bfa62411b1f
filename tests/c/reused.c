/*
 * reused - a program closes descriptors of the library's, without a fork, and gets their numbers for its own
 *
 *     reused PORT SILENT_PORT all|one
 *
 * The server on PORT accepts every mail; the one on SILENT_PORT never says a word.
 *
 * all: every descriptor from 3 up is closed, as daemons do. one: one of those that the idle library holds, each in turn.
 * The numbers are then the program's regular files, event counters, epolls, socket pairs or pipes. Done with the thread
 * and with an event loop of the program's own; with no mail in flight, with two that their deadline ends, and with two
 * that are cancelled.
 *
 * Right: nothing of the program's is written to, read, closed or otherwise changed; every mail ends with a code; the mail
 * after next is sent. (The next one may find out that the descriptors are gone.) Each case is a process of its own, and
 * they run side by side. Exit code 0: every case was right.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "mail.h"

#define LAST          256   /* no descriptor of this program is beyond it */
#define OWN           24    /* descriptors that the program opens: more than were closed */
#define CASE_SECONDS  80
#define TOTAL_MS      1500u /* of the mails that their deadline ends */
#define TAG           0x7EA5u

enum { IDLE, DEADLINE, CANCEL, FLIGHTS };
enum { FILES, COUNTERS, EPOLLS, SOCKETS, PIPES, KINDS };

static const char *const flights[FLIGHTS] = {"idle", "two in flight", "two in flight and cancelled"};
static const char *const kinds[KINDS] = {"files", "event counters", "epolls", "socket pairs", "pipes"};

static unsigned port, silent_port;
static int kind;
static int counter; /* what the program's own epolls watch; its number was never the library's */
static int own[OWN];
static struct stat about[OWN];
static int flags[OWN];

/* The program's own counter: non-blocking, so that it can be looked at. */
static int new_counter(unsigned value)
{
  int descriptor = eventfd(value, EFD_NONBLOCK);

  CHECK(descriptor >= 0);
  return descriptor;
}

/* A descriptor beyond all that are closed. */
static int out_of_the_way(int descriptor)
{
  int moved = fcntl(descriptor, F_DUPFD, LAST);

  CHECK(moved >= LAST && close(descriptor) == 0);
  return moved;
}

static void open_two(int *pair)
{
  struct epoll_event event;
  FILE *file;
  int i;

  if (kind == SOCKETS)
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  if (kind == PIPES)
    CHECK(pipe(pair) == 0);
  for (i = 0; i < 2; i++) {
    switch (kind) {
    case FILES: /* with no name */
      file = tmpfile();
      CHECK(file != NULL);
      pair[i] = fileno(file);
      break;
    case COUNTERS:
      pair[i] = new_counter(0);
      break;
    case EPOLLS: /* has one event, which is told once */
      pair[i] = epoll_create1(0);
      memset(&event, 0, sizeof event);
      event.events = EPOLLIN | EPOLLET;
      event.data.u32 = TAG;
      CHECK(pair[i] >= 0 && epoll_ctl(pair[i], EPOLL_CTL_ADD, counter, &event) == 0);
      break;
    default:
      break;
    }
  }
}

static void open_own(void)
{
  int i;

  for (i = 0; i < OWN; i += 2)
    open_two(own + i);
  for (i = 0; i < OWN; i++) {
    CHECK(own[i] >= 3 && own[i] < LAST);
    CHECK(fstat(own[i], &about[i]) == 0);
    flags[i] = fcntl(own[i], F_GETFL);
    CHECK(flags[i] >= 0);
  }
}

/* How many descriptors an epoll watches, as the kernel tells. */
static int watched(int descriptor)
{
  char name[64], line[256];
  int count = 0;
  FILE *file;

  snprintf(name, sizeof name, "/proc/self/fdinfo/%d", descriptor);
  file = fopen(name, "r");
  CHECK(file != NULL);
  while (fgets(line, sizeof line, file) != NULL)
    count += strncmp(line, "tfd:", 4) == 0;
  fclose(file);
  return count;
}

static void check_own(void)
{
  struct epoll_event events[4];
  struct stat now;
  uint64_t value;
  char octet;
  int i, octets;

  for (i = 0; i < OWN; i++) {
    CHECK_IS(fcntl(own[i], F_GETFL), flags[i]); /* -1 where it was closed */
    CHECK(fstat(own[i], &now) == 0 && now.st_ino == about[i].st_ino && now.st_dev == about[i].st_dev);
    switch (kind) {
    case FILES:
      CHECK_IS(now.st_size, 0);
      CHECK_IS(lseek(own[i], 0, SEEK_CUR), 0);
      break;
    case COUNTERS:
      CHECK_IS(read(own[i], &value, sizeof value), -1); /* it is 0 still */
      CHECK_IS(errno, EAGAIN);
      break;
    case EPOLLS:
      CHECK_IS(watched(own[i]), 1);
      CHECK_IS(epoll_wait(own[i], events, 4, 0), 1); /* nobody else has been told */
      CHECK_IS(events[0].data.u32, TAG);
      break;
    case SOCKETS:
      CHECK_IS(recv(own[i], &octet, 1, MSG_DONTWAIT), -1); /* neither octets nor an end */
      CHECK_IS(errno, EAGAIN);
      break;
    default:
      CHECK(i % 2 == 1 || (ioctl(own[i], FIONREAD, &octets) == 0 && octets == 0));
      break;
    }
  }
}

static void list_descriptors(char *open)
{
  int descriptor;

  for (descriptor = 0; descriptor < LAST; descriptor++)
    open[descriptor] = fcntl(descriptor, F_GETFD) >= 0;
}

/* The place-th of the descriptors that are open now and were not before; -1 when there are fewer. */
static int library_descriptor(const char *before, int place)
{
  int descriptor;

  for (descriptor = 3; descriptor < LAST; descriptor++)
    if (!before[descriptor] && fcntl(descriptor, F_GETFD) >= 0 && place-- == 0)
      return descriptor;
  return -1;
}

/* Until nothing of the conversation's end is left: the thread sleeps then, with what it always has. */
static void until_idle(int polled, const char *before)
{
  uint64_t begin = now_ms();
  int descriptor, sockets;
  struct stat file;

  do {
    CHECK(now_ms() - begin < PATIENCE_MS);
    if (polled)
      sds_smtp_poll(0);
    poll(NULL, 0, 20);
    sockets = 0;
    for (descriptor = 3; descriptor < LAST; descriptor++) {
      socklen_t length = sizeof(int);
      int domain;

      if (!before[descriptor] && fstat(descriptor, &file) == 0 && S_ISSOCK(file.st_mode) &&
          getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0)
        sockets += domain == AF_INET;
    }
  } while (sockets > 0);
  poll(NULL, 0, 200);
}

/* Closes what is to be closed; 1 when there was no place-th one. */
static int close_some(const char *before, int place)
{
  int descriptor;

  if (place >= 0) {
    descriptor = library_descriptor(before, place);
    return descriptor < 0 || close(descriptor) != 0;
  }
  for (descriptor = 3; descriptor < LAST; descriptor++)
    close(descriptor);
  return 0;
}

/* place: which of the library's descriptors is closed; -1: all that there are. Leaves with 3 when there is no such one. */
static void one_case(int polled, int flight, int place)
{
  static char before[LAST];
  sds_smtp_client *clients[2] = {NULL, NULL};
  int i;

  alarm(CASE_SECONDS);
  clients[1] = sds_smtp_client_new();
  CHECK(clients[1] != NULL);
  counter = out_of_the_way(new_counter(1));
  list_descriptors(before);
  if (polled)
    CHECK(event_loop() >= 0);
  for (i = 0; i < 2; i++)
    CHECK_IS(configure(clients[i], port, 0), SDS_SMTP_OK);
  CHECK_IS(deliver(NULL, "before"), SDS_SMTP_OK);
  until_idle(polled, before);
  if (place >= 0 && library_descriptor(before, place) < 0)
    _exit(3);

  for (i = 0; i < 2 && flight != IDLE; i++) {
    CHECK_IS(configure(clients[i], silent_port, flight == DEADLINE ? TOTAL_MS : 0), SDS_SMTP_OK);
    CHECK_IS(start_mail(clients[i], "in flight"), SDS_SMTP_OK);
  }
  if (flight != IDLE && polled)
    CHECK_IS(sds_smtp_client_wait(NULL, 200), SDS_SMTP_BUSY);
  else if (flight != IDLE)
    poll(NULL, 0, 200);

  CHECK_IS(close_some(before, place), 0);
  open_own();

  for (i = 0; i < 2 && flight == CANCEL; i++)
    CHECK_IS(sds_smtp_client_cancel(clients[i]), SDS_SMTP_OK);
  for (i = 0; i < 2 && flight != IDLE; i++) {
    int code = sds_smtp_client_wait(clients[i], PATIENCE_MS);

    CHECK_IS_NOT(code, SDS_SMTP_BUSY);
    CHECK_IS_NOT(code, SDS_SMTP_OK);
  }
  for (i = 0; i < 2; i++)
    CHECK_IS(configure(clients[i], port, 15000), SDS_SMTP_OK);
  CHECK_IS_NOT(deliver(clients[0], "finds out"), SDS_SMTP_BUSY);
  for (i = 0; i < 2; i++)
    CHECK_IS(deliver(clients[i], "after"), SDS_SMTP_OK);
  sds_smtp_client_free(clients[1]);
  CHECK_IS(deliver(clients[0], "in the end"), SDS_SMTP_OK);
  check_own();
  _exit(0);
}

/* 1 when the case was wrong; *there is 0 when the library has no such descriptor. */
static int ended_wrong(pid_t child, const char *name, int *there)
{
  int status = 0;

  if (child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 3) {
    *there = 0;
    return 0;
  }
  *there = 1;
  if (WIFSIGNALED(status))
    printf("reused: %s: ended by signal %d\n", name, WTERMSIG(status));
  else if (status != 0 || child < 0)
    printf("reused: %s: wrong\n", name);
  return status != 0 || child < 0;
}

int main(int argc, char **argv)
{
  static pid_t children[2][FLIGHTS][KINDS];
  char name[160], which[32];
  int polled, flight, place, last, there, cases = 0, wrong = 0;

  if (argc != 4)
    return 2;
  port = (unsigned)strtoul(argv[1], NULL, 10);
  silent_port = (unsigned)strtoul(argv[2], NULL, 10);
  place = strcmp(argv[3], "all") == 0 ? -1 : 0;
  do {
    last = place < 0;
    for (polled = 0; polled < 2; polled++)
      for (flight = 0; flight < FLIGHTS; flight++)
        for (kind = 0; kind < KINDS; kind++) {
          fflush(stdout);
          children[polled][flight][kind] = fork();
          if (children[polled][flight][kind] == 0)
            one_case(polled, flight, place);
        }
    for (polled = 0; polled < 2; polled++)
      for (flight = 0; flight < FLIGHTS; flight++)
        for (kind = 0; kind < KINDS; kind++) {
          snprintf(which, sizeof which, place < 0 ? "all numbers" : "number %d", place);
          snprintf(name, sizeof name, "%s, %s, %s used for %s", polled ? "event loop" : "thread", flights[flight], which,
                   kinds[kind]);
          wrong += ended_wrong(children[polled][flight][kind], name, &there);
          cases += there;
          last |= !there;
        }
    place++;
  } while (!last && wrong == 0 && place < 16);
  printf("reused: %d cases, %d wrong\n", cases, wrong);
  return wrong == 0 && cases > 0 ? 0 : 1;
}
