/*
 * mail.h - what several tests of this directory need: a check, the time, a mail, a child process that is one case
 */
#ifndef SDS_SMTP_TESTS_MAIL_H
#define SDS_SMTP_TESTS_MAIL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sds_smtp.h"

/* How long a mail or a call may take that does not hang, on a machine that has other things to do. */
#define PATIENCE_MS 20000u

/* Ends the process, which may be a child, so nothing of the parent's stdio is written. */
#define CHECK(condition)                                                                \
  do {                                                                                  \
    if (!(condition)) {                                                                 \
      fprintf(stderr, "%s:%d: %s is not true\n", __FILE__, __LINE__, #condition);       \
      _exit(1);                                                                         \
    }                                                                                   \
  } while (0)

/* Two numbers are equal; if not, says both. */
#define CHECK_IS(value, wanted)                                                                             \
  do {                                                                                                      \
    long value_ = (long)(value), wanted_ = (long)(wanted);                                                  \
    if (value_ != wanted_) {                                                                                \
      fprintf(stderr, "%s:%d: %s is %ld, not %ld\n", __FILE__, __LINE__, #value, value_, wanted_);          \
      _exit(1);                                                                                             \
    }                                                                                                       \
  } while (0)

/* Two numbers differ; if not, says which it is. */
#define CHECK_IS_NOT(value, unwanted)                                                                       \
  do {                                                                                                      \
    long value_ = (long)(value), unwanted_ = (long)(unwanted);                                              \
    if (value_ == unwanted_) {                                                                              \
      fprintf(stderr, "%s:%d: %s is %ld\n", __FILE__, __LINE__, #value, value_);                            \
      _exit(1);                                                                                             \
    }                                                                                                       \
  } while (0)

static inline uint64_t now_ms(void)
{
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

/* The limits are the defaults, but for the whole mail's, which is 0 for the default. */
static inline int configure(sds_smtp_client *client, unsigned port, uint32_t total_ms)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;

  config.server = "127.0.0.1";
  config.port = port;
  config.sender = "device@example.com";
  config.total_timeout_ms = total_ms;
  return sds_smtp_client_configure(client, &config);
}

static inline int start_mail(sds_smtp_client *client, const char *subject)
{
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;

  message.to = "operator@example.com";
  message.subject = subject;
  message.text = "The text.\n";
  return sds_smtp_client_send(client, &message);
}

/* The code with which a mail ended, or could not be started; 14 where it did not end. */
static inline int deliver(sds_smtp_client *client, const char *subject)
{
  int code = start_mail(client, subject);

  return code != SDS_SMTP_OK ? code : sds_smtp_client_wait(client, PATIENCE_MS);
}

/* The descriptor of the engine that the program drives from now on; -1 where there is none. */
static inline int event_loop(void)
{
  intptr_t descriptor = -1;

  return sds_smtp_use_event_loop(&descriptor) == SDS_SMTP_OK ? (int)descriptor : -1;
}

/* How many clients have a mail in flight. */
static inline int in_flight(sds_smtp_client *const *clients, int count)
{
  int i, busy = 0;

  for (i = 0; i < count; i++)
    busy += sds_smtp_client_status(clients[i]) == SDS_SMTP_BUSY;
  return busy;
}

/* Waits for the child that is a case of a test: 0 when it left with 0. */
static inline int case_is_wrong(pid_t child, const char *name)
{
  int status = 0;

  if (child < 0 || waitpid(child, &status, 0) != child) {
    fprintf(stderr, "%s: no child\n", name);
    return 1;
  }
  if (WIFSIGNALED(status))
    fprintf(stderr, "%s: ended by signal %d (%s)\n", name, WTERMSIG(status), strsignal(WTERMSIG(status)));
  else if (WEXITSTATUS(status) != 0)
    fprintf(stderr, "%s: left with %d\n", name, WEXITSTATUS(status));
  return status != 0;
}

#endif
