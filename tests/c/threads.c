/*
 * threads - one hundred threads send at once on one client: exactly one is told 0, ninety-nine are told 14
 *
 *     threads PORT
 *
 * The server on PORT accepts connections and never says a word, so that a mail that was started stays in flight until this
 * program cancels it: the answer does not depend on how fast the machine is. Done with the built-in client and with a
 * handle, ROUNDS times each. Exit code 0: every round was right.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sds_smtp.h"

#define THREADS 100
#define ROUNDS  10

static pthread_barrier_t start;
static sds_smtp_client *client; /* NULL: the built-in client */
static int codes[THREADS];

static void *send_one(void *argument)
{
  int *code = (int *)argument;
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;

  message.to = "operator@example.com";
  message.subject = "at once";
  message.text = "One of a hundred.\n";
  pthread_barrier_wait(&start);
  if (client == NULL)
    *code = sds_smtp_send(message.to, message.subject, message.text);
  else
    *code = sds_smtp_client_send(client, &message);
  return NULL;
}

static int one_round(void)
{
  pthread_t threads[THREADS];
  int i, started = 0, busy = 0, status;

  for (i = 0; i < THREADS; i++) {
    codes[i] = -1;
    if (pthread_create(&threads[i], NULL, send_one, &codes[i]) != 0) {
      fprintf(stderr, "threads: cannot create thread %d\n", i);
      exit(2);
    }
  }
  for (i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  for (i = 0; i < THREADS; i++) {
    started += codes[i] == SDS_SMTP_OK;
    busy += codes[i] == SDS_SMTP_BUSY;
  }
  status = sds_smtp_client_status(client);
  if (started != 1 || busy != THREADS - 1 || status != SDS_SMTP_BUSY) {
    printf("threads: %d times 0, %d times 14, status %d\n", started, busy, status);
    return 1;
  }
  if (sds_smtp_client_cancel(client) != SDS_SMTP_OK || sds_smtp_client_wait(client, 10000) != SDS_SMTP_CANCELLED) {
    printf("threads: the cancelled mail did not end with 32 but with %d\n", sds_smtp_client_status(client));
    return 1;
  }
  return 0;
}

int main(int argc, char **argv)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  sds_smtp_client *handle;
  int round, wrong = 0;

  if (argc != 2) {
    fprintf(stderr, "usage: threads PORT\n");
    return 2;
  }
#ifndef _WIN32 /* which has no alarm */
  alarm(60);
#endif
  config.server = "127.0.0.1";
  config.port = (uint32_t)strtoul(argv[1], NULL, 10);
  config.sender = "device@example.com";
  handle = sds_smtp_client_new();
  if (handle == NULL || sds_smtp_client_configure(NULL, &config) != SDS_SMTP_OK ||
      sds_smtp_client_configure(handle, &config) != SDS_SMTP_OK || pthread_barrier_init(&start, NULL, THREADS) != 0) {
    fprintf(stderr, "threads: cannot begin\n");
    return 2;
  }
  for (round = 0; round < 2 * ROUNDS; round++) {
    client = round % 2 == 0 ? NULL : handle;
    wrong += one_round();
  }
  pthread_barrier_destroy(&start);
  sds_smtp_client_free(handle);
  printf("threads: %d rounds, %d wrong\n", 2 * ROUNDS, wrong);
  return wrong == 0 ? 0 : 1;
}
