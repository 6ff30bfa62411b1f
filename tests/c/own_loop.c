/*
 * own_loop PORT - two clients in a program that has an event loop of its own: no thread of the library's, no call that waits
 *
 * Exit code 0: all as it should be; else the line that failed is printed.
 */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sds_smtp.h"

#define CHECK(condition)                                                    \
  do {                                                                      \
    if (!(condition)) {                                                     \
      fprintf(stderr, "line %d: %s is not true\n", __LINE__, #condition);   \
      exit(1);                                                              \
    }                                                                       \
  } while (0)

static int threads(void) {
  DIR *folder = opendir("/proc/self/task");
  int count = 0;

  CHECK(folder != NULL);
  while (readdir(folder) != NULL) count++;
  closedir(folder);
  return count - 2; /* without . and .. */
}

/* The descriptor of the library's engine, or -1 and the code. */
static int event_loop_or(int *code) {
  intptr_t descriptor = -1;

  *code = sds_smtp_use_event_loop(&descriptor);
  return (int)descriptor;
}

static int event_loop(void) {
  int code;
  int descriptor = event_loop_or(&code);

  CHECK(code == SDS_SMTP_OK && descriptor >= 0);
  return descriptor;
}

static void configure(sds_smtp_client *client, const char *port, uint32_t greeting_ms) {
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;

  config.server = "127.0.0.1";
  config.port = (uint32_t)atoi(port);
  config.sender = "device@example.org";
  config.greeting_timeout_ms = greeting_ms;
  CHECK(sds_smtp_client_configure(client, &config) == 0);
}

static void send_one(sds_smtp_client *client, const char *subject) {
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;

  message.to = "someone@example.org";
  message.subject = subject;
  message.text = "The text.\n";
  CHECK(sds_smtp_client_send(client, &message) == 0);
}

/* The loop of the program: waits for its descriptors, of which one is the library's. */
static int run(int descriptor, sds_smtp_client *a, sds_smtp_client *b) {
  uint32_t wait = 0;
  int turns = 0;

  while (sds_smtp_client_status(a) == SDS_SMTP_BUSY || sds_smtp_client_status(b) == SDS_SMTP_BUSY) {
    struct pollfd ready;

    CHECK(++turns < 10000);
    ready.fd = descriptor;
    ready.events = POLLIN;
    ready.revents = 0;
    poll(&ready, 1, wait > 10000u ? 10000 : (int)wait);
    wait = sds_smtp_poll(0);
  }
  return turns;
}

/* Where the system has no descriptor, or one only, there is none to wait on; and later there is. */
static void no_descriptor_is_no_end(void) {
  struct rlimit all, few;
  int free_one = dup(0), code;

  CHECK(free_one >= 0 && close(free_one) == 0);
  CHECK(getrlimit(RLIMIT_NOFILE, &all) == 0);
  for (few = all, few.rlim_cur = (rlim_t)free_one; few.rlim_cur < (rlim_t)free_one + 2; few.rlim_cur++) {
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    CHECK(event_loop_or(&code) == -1 && code == SDS_SMTP_DATA_FAILED);
    CHECK(setrlimit(RLIMIT_NOFILE, &all) == 0);
  }
}

int main(int argc, char **argv) {
  sds_smtp_client *other = sds_smtp_client_new();
  struct timespec before, after;
  int descriptor;
  pid_t child;
  int status;

  CHECK(argc == 3 && other != NULL);
  CHECK(sds_smtp_poll(0) == SDS_SMTP_NO_LIMIT);
  /* Without one the library goes on as if it had not been asked: with a thread. */
  child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    no_descriptor_is_no_end();
    configure(NULL, argv[1], 0);
    send_one(NULL, "by a thread");
    CHECK(sds_smtp_client_wait(NULL, SDS_SMTP_NO_LIMIT) == 0 && threads() == 2);
    CHECK(event_loop_or(&status) == -1 && status == SDS_SMTP_BUSY);
    CHECK(sds_smtp_use_event_loop(NULL) == SDS_SMTP_BAD_ARGUMENT);
    _exit(0);
  }
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  no_descriptor_is_no_end();
  descriptor = event_loop();
  CHECK(event_loop() == descriptor);

  configure(NULL, argv[1], 0);
  configure(other, argv[1], 0);
  send_one(NULL, "one");
  send_one(other, "two");
  CHECK(sds_smtp_client_status(NULL) == SDS_SMTP_BUSY);
  CHECK(run(descriptor, NULL, other) < 200);
  CHECK(sds_smtp_client_status(NULL) == 0 && sds_smtp_client_status(other) == 0);
  CHECK(threads() == 1);

  /* Waiting does the work, too. */
  send_one(other, "three");
  CHECK(sds_smtp_client_wait(other, 0) == SDS_SMTP_BUSY);
  CHECK(sds_smtp_client_wait(other, SDS_SMTP_NO_LIMIT) == 0);

  /* The deadline comes out of sds_smtp_poll(): the second port is one where nobody says anything. */
  configure(other, argv[2], 300);
  send_one(other, "four");
  clock_gettime(CLOCK_MONOTONIC, &before);
  run(descriptor, NULL, other);
  clock_gettime(CLOCK_MONOTONIC, &after);
  CHECK(sds_smtp_client_status(other) == SDS_SMTP_TIMEOUT);
  CHECK((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 < 5000);

  /* So does a wait that is too short for it. */
  send_one(other, "five");
  CHECK(sds_smtp_client_wait(other, 20) == SDS_SMTP_BUSY);
  CHECK(sds_smtp_client_cancel(other) == 0);
  CHECK(sds_smtp_client_wait(other, SDS_SMTP_NO_LIMIT) == SDS_SMTP_CANCELLED);

  /* The child of a fork drives an engine of its own. */
  child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    int own = event_loop();
    send_one(NULL, "from the child");
    run(own, NULL, NULL);
    CHECK(sds_smtp_status() == 0 && threads() == 1);
    _exit(0);
  }
  CHECK(waitpid(child, &status, 0) == child && status == 0);

  send_one(NULL, "and the parent");
  run(descriptor, NULL, NULL);
  CHECK(sds_smtp_status() == 0 && threads() == 1);
  sds_smtp_client_free(other);
  while (sds_smtp_poll(0) != SDS_SMTP_NO_LIMIT) poll(NULL, 0, 5);
  return 0;
}
