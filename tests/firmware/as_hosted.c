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

/* Without further attempts, which a device lacks: then the program repeats what was not sent. */
int hosted_client_configure(sds_smtp_client *client, const struct sds_smtp_config *config)
{
  struct sds_smtp_config without;

  if (config == NULL || config->struct_size != sizeof without)
    return sds_smtp_client_configure(client, config);
  without = *config;
  without.retry_max = without.retry_delay_ms = 0;
  return sds_smtp_client_configure(client, &without);
}

/* A device has no names of numbers. */
const char *hosted_code_name(int code)
{
  return code == SDS_SMTP_OK ? "OK" : "a code";
}

const char *hosted_phase_name(uint32_t phase)
{
  switch (phase) {
  case SDS_SMTP_PHASE_START:   return "START";
  case SDS_SMTP_PHASE_CONNECT: return "CONNECT";
  case SDS_SMTP_PHASE_AUTH:    return "AUTH";
  case SDS_SMTP_PHASE_END:     return "END";
  default:                     return "a phase";
  }
}

const char *hosted_outcome_name(uint32_t outcome)
{
  switch (outcome) {
  case SDS_SMTP_OUTCOME_SENT:     return "SENT";
  case SDS_SMTP_OUTCOME_NOT_SENT: return "NOT_SENT";
  default:                        return "UNKNOWN";
  }
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
