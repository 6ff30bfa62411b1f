/*
 * latency - how long sds_smtp_send() takes to return, with the library's thread running
 *
 *     latency PORT N [USER PASSWORD]           prints median, 99th percentile and maximum of N calls, in nanoseconds
 *     latency PORT N USER PASSWORD marked      reads no clock, but marks each call for strace: a write to the descriptor
 *                                              -1, which fails without effect, before ("begin") and after it ("end")
 *
 * Each mail has ended before the next one starts. The first ones, which start the thread and fill the allocator's lists,
 * do not count.
 */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "driver.h"
#include "sds_smtp.h"

#define WARM_UP         20
#define MAIL_TIMEOUT_MS 10000

static void mark(const char *word)
{
  if (write(-1, word, strlen(word)) >= 0)
    abort();
}

static long long now(void)
{
  struct timespec time;

  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int ascending(const void *left, const void *right)
{
  long long one = *(const long long *)left, other = *(const long long *)right;

  return (one > other) - (one < other);
}

int main(int argc, char **argv)
{
  int marked = argc == 6 && strcmp(argv[5], "marked") == 0;
  struct task task = read_task(marked ? 5 : argc, argv);
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  char text[TEXT_BYTES + 1];
  long long *times = calloc(task.mails, sizeof *times);
  unsigned mail;
  int code;

  if (times == NULL)
    return 1;
  write_text(text, "\n");
  config.server = SERVER;
  config.port = task.port;
  config.sender = SENDER;
  config.ehlo_name = EHLO_NAME;
  if (task.user != NULL) {
    config.auth = SDS_SMTP_AUTH_PLAIN;
    config.username = task.user;
    config.password = task.password;
  }
  code = sds_smtp_client_configure(NULL, &config);
  for (mail = 0; mail < WARM_UP + task.mails && code == SDS_SMTP_OK; mail++) {
    long long before = 0, after = 0;

    if (marked && mail >= WARM_UP) {
      mark("begin");
      code = sds_smtp_send(RECIPIENT, SUBJECT, text);
      mark("end");
    } else {
      before = now();
      code = sds_smtp_send(RECIPIENT, SUBJECT, text);
      after = now();
    }
    if (mail >= WARM_UP)
      times[mail - WARM_UP] = after - before;
    if (code == SDS_SMTP_OK)
      code = sds_smtp_client_wait(NULL, MAIL_TIMEOUT_MS);
  }
  if (code != SDS_SMTP_OK) {
    fprintf(stderr, "latency: mail %u: %d: %s\n", mail, code, sds_smtp_strerror(code));
    return 1;
  }
  if (!marked) {
    qsort(times, task.mails, sizeof *times, ascending);
    printf("median %lld\np99 %lld\nmax %lld\n", times[task.mails / 2], times[(task.mails - 1) * 99ULL / 100],
           times[task.mails - 1]);
  }
  free(times);
  return 0;
}
