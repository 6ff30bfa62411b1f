/*
 * as_hosted.c - see as_hosted.h
 */
#define AS_HOSTED_ITSELF
#include "as_hosted.h"

#include <stdlib.h>
#include <time.h>

#include "transport_posix.h"

#define ARENA 16384u

/* A client with all that it needs. It is never given back: a handle that was freed stays one of no client. */
struct place {
  struct place *next;
  struct sds_smtp_transport transport;
  struct posix_link link;
  struct sds_smtp_log_entry entries[SDS_SMTP_LOG_ENTRIES];
  unsigned char storage[SDS_SMTP_CLIENT_SIZE + ARENA];
};

static struct place *places;

static uint32_t unix_time(void *context)
{
  (void)context;
  return (uint32_t)time(NULL);
}

sds_smtp_client *hosted_client_new(void)
{
  struct place *place = (struct place *)malloc(sizeof *place);
  sds_smtp_client *client;

  if (place == NULL)
    return NULL;
  client = sds_smtp_client_init(place->storage, sizeof place->storage);
  if (client == NULL) {
    free(place);
    return NULL;
  }
  posix_transport(&place->transport, &place->link);
  sds_smtp_client_set_transport(client, &place->transport);
  sds_smtp_client_set_log(client, place->entries, SDS_SMTP_LOG_ENTRIES);
  place->next = places;
  places = place;
  return client;
}

void hosted_client_free(sds_smtp_client *client)
{
  sds_smtp_client_free(client);
}

/* The other library does its work in the background: here it is done whenever somebody looks. */
static uint32_t work(void)
{
  uint32_t wait;
  int rounds = 0;

  do
    wait = sds_smtp_poll(posix_now());
  while (wait == 0 && ++rounds < 1000);
  return wait;
}

int hosted_client_status(const sds_smtp_client *client)
{
  work();
  return sds_smtp_client_status(client);
}

int hosted_status(void)
{
  work();
  return sds_smtp_status();
}

unsigned int hosted_program_status(void)
{
  work();
  return sds_smtp_program_status();
}

int hosted_client_wait(sds_smtp_client *client, uint32_t timeout_ms)
{
  uint32_t begun = posix_now();
  int status;

  while ((status = hosted_client_status(client)) == SDS_SMTP_BUSY &&
         (timeout_ms == SDS_SMTP_NO_LIMIT || posix_now() - begun < timeout_ms)) {
    struct timespec pause = {0, 500000};

    nanosleep(&pause, NULL);
  }
  return status;
}

/* The built-in client is the first one that is made. */
static void make_the_built_in_client(void) __attribute__((constructor));

static void make_the_built_in_client(void)
{
  sds_smtp_set_clock(unix_time, NULL);
  if (hosted_client_new() == NULL)
    abort();
}
