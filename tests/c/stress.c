/*
 * stress - threads that call everything in random order on the same clients, and fork: nothing crashes, nothing sticks
 *
 *     stress PORT SECONDS SEED
 *
 * The server on PORT accepts every mail. Clients are made and freed while other threads use them; children of forks have
 * no mail in flight and send one. Exit code 0: every thread came to its end, every child was right, and in the end no
 * client had a mail in flight.
 *
 * Before that, "first": many processes fork while another thread of theirs makes the library's very first call. A child
 * that inherited a lock would never come to its end.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sds_smtp.h"

#define THREADS 8
#define CLIENTS 10
#define FIRSTS  200

static sds_smtp_client *clients[CLIENTS]; /* [0] stays NULL: the built-in one */
static pthread_mutex_t exchange = PTHREAD_MUTEX_INITIALIZER;
static uint32_t port;
static volatile int stop;
static int sent, forked, wrong;

static int configure(sds_smtp_client *client, uint32_t at_port)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;

  config.server = "127.0.0.1";
  config.port = at_port;
  config.sender = "unit7@example.com";
  config.total_timeout_ms = 5000;
  config.quit_timeout_ms = 200;
  return sds_smtp_client_configure(client, &config);
}

static int send_one(sds_smtp_client *client)
{
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;

  message.to = "operator@example.com";
  message.subject = "stress";
  message.text = ".\nOne of many.\n";
  return sds_smtp_client_send(client, &message);
}

static void child(void)
{
  sds_smtp_client *client;
  int at;

  alarm(20);
  for (at = 0; at < CLIENTS; at++)
    if (sds_smtp_client_status(clients[at]) == SDS_SMTP_BUSY)
      _exit(3);
  client = sds_smtp_client_new();
  if (client == NULL || configure(client, port) != SDS_SMTP_OK || send_one(client) != SDS_SMTP_OK)
    _exit(4);
  _exit(sds_smtp_client_wait(client, 15000) == SDS_SMTP_OK ? 0 : 5);
}

static void replace(unsigned at)
{
  sds_smtp_client *fresh = sds_smtp_client_new(), *old;

  if (at == 0 || fresh == NULL) {
    sds_smtp_client_free(fresh);
    return;
  }
  configure(fresh, port);
  pthread_mutex_lock(&exchange);
  old = clients[at];
  clients[at] = fresh;
  pthread_mutex_unlock(&exchange);
  sds_smtp_client_free(old);
}

static void *work(void *argument)
{
  unsigned seed = *(unsigned *)argument;
  struct sds_smtp_log_entry log[8];
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;

  while (!stop) {
    unsigned at = (unsigned)rand_r(&seed) % CLIENTS;
    sds_smtp_client *client;

    pthread_mutex_lock(&exchange);
    client = clients[at];
    pthread_mutex_unlock(&exchange);
    switch (rand_r(&seed) % 12) {
    case 0: case 1: case 2:
      if (send_one(client) == SDS_SMTP_OK)
        __sync_fetch_and_add(&sent, 1);
      break;
    case 3:
      sds_smtp_client_cancel(client);
      break;
    case 4:
      replace(at);
      break;
    case 5:
      sds_smtp_client_wait(client, (uint32_t)rand_r(&seed) % 20);
      break;
    case 6:
      sds_smtp_client_wait(client, SDS_SMTP_NO_LIMIT);
      break;
    case 7:
      memset(log, 0, sizeof log);
      log[0].struct_size = sizeof log[0];
      sds_smtp_client_log(client, log, 8);
      break;
    case 8:
      sds_smtp_client_result(client, &result);
      break;
    case 9:
      configure(client, rand_r(&seed) % 10 == 0 ? 1 : port);
      break;
    case 10:
      sds_smtp_client_probe(client);
      break;
    default:
      if (rand_r(&seed) % 16 == 0) {
        pid_t process = fork();
        int status;

        if (process == 0)
          child();
        __sync_fetch_and_add(&forked, 1);
        if (process < 0 || waitpid(process, &status, 0) != process || status != 0) {
          fprintf(stderr, "stress: a child ended with %x\n", (unsigned)status);
          __sync_fetch_and_add(&wrong, 1);
        }
      }
    }
  }
  return NULL;
}

static void *first_call(void *argument)
{
  (void)argument;
  configure(NULL, port);
  return NULL;
}

/* In a process of its own each: the first call of a process happens once. */
static int fork_during_the_first_call(unsigned nanoseconds)
{
  pid_t process = fork(), inner;
  int status;

  if (process == 0) {
    struct timespec pause = {0, 0};
    pthread_t thread;

    alarm(20);
    pause.tv_nsec = (long)nanoseconds;
    if (pthread_create(&thread, NULL, first_call, NULL) != 0)
      _exit(2);
    nanosleep(&pause, NULL);
    inner = fork();
    if (inner == 0) {
      alarm(10);
      _exit(configure(NULL, port) == SDS_SMTP_OK ? 0 : 1);
    }
    if (inner < 0 || waitpid(inner, &status, 0) != inner)
      _exit(2);
    pthread_join(thread, NULL);
    _exit(status == 0 ? 0 : 1);
  }
  return process > 0 && waitpid(process, &status, 0) == process && status == 0;
}

int main(int argc, char **argv)
{
  pthread_t threads[THREADS];
  unsigned seeds[THREADS], seed, at;
  int seconds, busy, round;

  if (argc != 4)
    return 2;
  port = (uint32_t)strtoul(argv[1], NULL, 10);
  seconds = atoi(argv[2]);
  seed = (unsigned)strtoul(argv[3], NULL, 10);
  alarm((unsigned)seconds + 90);
  for (at = 0; at < FIRSTS; at++) {
    if (!fork_during_the_first_call(at * 500)) {
      fprintf(stderr, "stress: a fork during the first call left the child behind\n");
      return 1;
    }
  }
  configure(NULL, port);
  for (at = 1; at < CLIENTS; at++) {
    clients[at] = sds_smtp_client_new();
    configure(clients[at], port);
  }
  for (at = 0; at < THREADS; at++) {
    seeds[at] = seed * 1000 + at;
    if (pthread_create(&threads[at], NULL, work, &seeds[at]) != 0)
      return 2;
  }
  sleep((unsigned)seconds);
  stop = 1;
  for (at = 0; at < THREADS; at++)
    pthread_join(threads[at], NULL);
  for (round = 0, busy = 1; round < 100 && busy > 0; round++) {
    for (at = 0, busy = 0; at < CLIENTS; at++)
      busy += sds_smtp_client_wait(clients[at], 100) == SDS_SMTP_BUSY;
  }
  for (at = 0; at < CLIENTS; at++)
    sds_smtp_client_free(clients[at]);
  printf("stress: seed %u, %d mails, %d forks, %d children wrong, %d clients stuck\n", seed, sent, forked, wrong, busy);
  return wrong == 0 && busy == 0 && sent > 100 && forked > 5 ? 0 : 1;
}
