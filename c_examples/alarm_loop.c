/*
 * alarm_loop - a device loop that raises alarms faster than mails can be sent
 *
 *     alarm_loop SERVER PORT FROM TO COUNT
 *
 * SERVER is an address or a name, or several with commas: the next one is tried where one does not work.
 *
 * Raises COUNT alarms, one every 5 ms. One mail can be in flight at a time; while the status is 14 (busy), new alarms wait
 * in a queue of fixed size, and the next mail takes all that wait. Nothing is lost in silence:
 *
 *   - a mail that was not sent is attempted again by the library, where that may help, and is busy meanwhile;
 *   - where all attempts have failed its alarms stay in the queue, and they go out with the next mail;
 *   - a mail whose outcome is unknown (the connection broke after the text had left) is not repeated, since it may have
 *     arrived; its alarms are counted as uncertain;
 *   - an alarm that finds the queue full is counted;
 *   - both counts, totals since the start, are written into the next mail.
 *
 * The exit code is 0 when every alarm was mailed or reported in a mail as not mailed.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L /* for nanosleep() with -std=c99 */
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sds_smtp.h"

#define ALARM_EVERY_MS 5
#define ATTEMPTS       2    /* further ones, for each mail; the second wait is twice the first one */
#define RETRY_AFTER_MS 500  /* before the first of them; 0, a minute, is right for a device */
#define PAUSE_MS       1000 /* after a mail whose attempts have all failed; a device would rather take some minutes */
#define LAST_TRIES     2    /* after the last alarm: this program ends some day, a device does not */
#define QUEUE_LENGTH   8
#define ALARM_SIZE     64
#define MAIL_SIZE      (QUEUE_LENGTH * ALARM_SIZE + 256)

static char queue[QUEUE_LENGTH][ALARM_SIZE]; /* oldest first */
static unsigned queued;

static int in_flight;         /* a mail of ours is on its way ... */
static unsigned alarms_in_it; /* ... with the first so many alarms of the queue ... */
static unsigned long overflowed_in_it, uncertain_in_it; /* ... and these totals */

static unsigned long mailed;     /* alarms that the server has accepted */
static unsigned long overflowed; /* alarms that found the queue full */
static unsigned long uncertain;  /* alarms in mails with unknown outcome */
static unsigned long overflowed_told, uncertain_told; /* the totals that the last accepted mail told */
static unsigned long busy_rounds;
static unsigned failures; /* mails that failed in a row after the last alarm, each after all of its attempts */
static unsigned pause_left_ms;

/* The one thing that is not C99. On a device: the delay function of its system. */
static void sleep_ms(unsigned ms)
{
  struct timespec t;

  t.tv_sec = (time_t)(ms / 1000);
  t.tv_nsec = (long)(ms % 1000) * 1000000L;
  nanosleep(&t, NULL);
}

static void raise_alarm(unsigned long number)
{
  if (queued == QUEUE_LENGTH) {
    overflowed++;
    return;
  }
  snprintf(queue[queued], ALARM_SIZE, "alarm %lu: input %lu is active\n", number, number % 4 + 1);
  queued++;
}

static void drop_alarms_of_the_mail(void)
{
  memmove(queue[0], queue[alarms_in_it], (queued - alarms_in_it) * sizeof queue[0]);
  queued -= alarms_in_it;
}

static int something_to_tell(void)
{
  return queued > 0 || overflowed != overflowed_told || uncertain != uncertain_told;
}

static void mail_failed(int code, const char *where)
{
  printf("%s, code %d: %s\n", where, code, sds_smtp_strerror(code));
  failures++;
  pause_left_ms = PAUSE_MS; /* the alarms stay in the queue */
}

static void start_mail(const char *to)
{
  char subject[48];
  char text[MAIL_SIZE];
  size_t used = 0;
  unsigned i;
  int code;

  text[0] = '\0';
  for (i = 0; i < queued; i++) {
    size_t length = strlen(queue[i]);

    memcpy(text + used, queue[i], length + 1);
    used += length;
  }
  if (overflowed > 0)
    used += (size_t)snprintf(text + used, sizeof text - used, "lost because the queue was full: %lu alarms\n", overflowed);
  if (uncertain > 0)
    snprintf(text + used, sizeof text - used, "in mails that may not have arrived: %lu alarms\n", uncertain);
  snprintf(subject, sizeof subject, "Device: %u alarms", queued);

  code = sds_smtp_send(to, subject, text);
  if (code == SDS_SMTP_OK) {
    in_flight = 1;
    alarms_in_it = queued;
    overflowed_in_it = overflowed;
    uncertain_in_it = uncertain;
  } else if (code == SDS_SMTP_BUSY) {
    busy_rounds++; /* another task uses the same client; the alarms stay in the queue */
  } else {
    mail_failed(code, "mail not started");
  }
}

static void finish_mail(void)
{
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;

  in_flight = 0;
  sds_smtp_client_result(NULL, &result);
  switch (result.outcome) {
  case SDS_SMTP_OUTCOME_SENT:
    printf("mail with %u alarms sent in %u ms, attempts: %u\n", alarms_in_it, (unsigned)result.elapsed_ms,
           (unsigned)result.attempts);
    mailed += alarms_in_it;
    overflowed_told = overflowed_in_it;
    uncertain_told = uncertain_in_it;
    drop_alarms_of_the_mail();
    failures = 0;
    break;
  case SDS_SMTP_OUTCOME_UNKNOWN:
    uncertain += alarms_in_it;
    drop_alarms_of_the_mail();
    mail_failed(result.code, "mail with unknown outcome");
    break;
  default:
    /* LATER: the next mail may succeed. Else somebody has to act first, and is told what the server said. */
    if (result.advice != SDS_SMTP_ADVICE_LATER)
      printf("%s has to be changed: %s\n", result.advice == SDS_SMTP_ADVICE_MESSAGE ? "the mail" : "the configuration",
             result.text);
    mail_failed(result.code, "mail not sent");
    break;
  }
}

/* Once each round of the device's loop. It asks for the status first and sends then: the other way round, a mail that
   ended between the two calls would be followed by the next one before anybody had seen its result. */
static void serve_mail(const char *to)
{
  if (sds_smtp_status() == SDS_SMTP_BUSY) {
    busy_rounds++;
    return;
  }
  if (in_flight)
    finish_mail();
  if (pause_left_ms > 0) {
    pause_left_ms -= pause_left_ms < ALARM_EVERY_MS ? pause_left_ms : ALARM_EVERY_MS;
    return;
  }
  if (something_to_tell())
    start_mail(to);
}

int main(int argc, char **argv)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  unsigned long count, raised = 0;
  int code;

  if (argc != 6) {
    fprintf(stderr, "usage: alarm_loop SERVER PORT FROM TO COUNT\n");
    return 2;
  }
  config.server = argv[1];
  config.port = (uint32_t)strtoul(argv[2], NULL, 10);
  config.sender = argv[3];
  config.total_timeout_ms = 3600000; /* with all attempts: an alarm is of no use after an hour */
  config.retry_max = ATTEMPTS;
  config.retry_delay_ms = RETRY_AFTER_MS;
  count = strtoul(argv[5], NULL, 10);
  code = sds_smtp_client_configure(NULL, &config);
  if (code != SDS_SMTP_OK) {
    char refusal[256];

    sds_smtp_client_refusal(NULL, refusal, sizeof refusal);
    fprintf(stderr, "alarm_loop: configuration refused, code %d: %s\n", code, refusal);
    return 2;
  }

  /* A device's loop has no end; this one stops when all is told, or when telling has failed too often. */
  while (raised < count || in_flight || (something_to_tell() && failures < LAST_TRIES)) {
    if (raised < count) {
      raise_alarm(++raised);
      failures = 0;
    }
    serve_mail(argv[4]);
    sleep_ms(ALARM_EVERY_MS);
  }

  printf("raised %lu, mailed %lu, lost %lu, uncertain %lu, waiting %u, busy rounds %lu\n", raised, mailed, overflowed,
         uncertain, queued, busy_rounds);
  return something_to_tell() ? 1 : 0;
}
