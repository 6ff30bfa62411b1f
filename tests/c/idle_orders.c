/*
 * idle_orders - clients that come and go, and mails that are given up, leave no memory behind, also while nobody works
 *
 *     idle_orders
 *
 * Makes and frees ROUNDS idle clients; cancels as often where no mail is in flight, and a mail that is; starts a mail on a
 * new client and frees it. Before the library's first mail, with its thread, and with an event loop that stands still
 * meanwhile, so that nothing that is ordered can be done. The memory of the process stays within BOUND bytes of what it
 * was, and only mails may take more until they have ended. Nobody answers the mails: a socket that listens is all there is.
 * Each case is a process of its own. Exit code 0: every case was right.
 */
#include <malloc.h>

#include "server.h"

#define ROUNDS        300000
#define MAILS         20000
#define BOUND         (4096 * 1024l)
#define CASE_SECONDS  120

enum { BEFORE_A_MAIL, THREAD, STANDS_STILL, SETTINGS };

static const char *const settings[SETTINGS] = {"before a mail", "thread", "event loop that stands still"};

static unsigned silent_port;

/* A line of /proc/self/status, in octets. */
static long memory(const char *name)
{
  char line[256];
  long kib = -1;
  FILE *file = fopen("/proc/self/status", "r");

  CHECK(file != NULL);
  while (fgets(line, sizeof line, file) != NULL)
    if (strncmp(line, name, strlen(name)) == 0)
      kib = strtol(line + strlen(name), NULL, 10);
  fclose(file);
  CHECK(kib > 0);
  return kib * 1024;
}

static void new_and_free(int round)
{
  sds_smtp_client *client = sds_smtp_client_new();

  (void)round;
  CHECK(client != NULL);
  sds_smtp_client_free(client);
}

static void cancel_idle(int round)
{
  static sds_smtp_client *clients[100];

  if (clients[round % 100] == NULL)
    clients[round % 100] = sds_smtp_client_new();
  CHECK_IS(sds_smtp_client_cancel(clients[round % 100]), SDS_SMTP_OK);
}

static void cancel_in_flight(int round)
{
  static sds_smtp_client *client;

  if (client == NULL) {
    client = sds_smtp_client_new();
    CHECK_IS(configure(client, silent_port, 0), SDS_SMTP_OK);
  }
  if (sds_smtp_client_status(client) != SDS_SMTP_BUSY)
    CHECK_IS(start_mail(client, "in flight"), SDS_SMTP_OK);
  (void)round;
  CHECK_IS(sds_smtp_client_cancel(client), SDS_SMTP_OK);
}

static void send_and_free(int round)
{
  sds_smtp_client *client = sds_smtp_client_new();

  if (client == NULL)
    return; /* 65535 of them */
  CHECK_IS(configure(client, silent_port, 0), SDS_SMTP_OK);
  CHECK_IS(start_mail(client, "freed"), SDS_SMTP_OK);
  sds_smtp_client_free(client);
  /* A thread that is given no time has no fault of its own when its mails pile up. */
  if (round % 100 == 0)
    poll(NULL, 0, 2);
}

static const struct work {
  const char *name;
  void (*once)(int round);
  int rounds, has_mails, may_peak;
} works[] = {
  {"new and free", new_and_free, ROUNDS, 0, 0},
  {"cancel of idle clients", cancel_idle, ROUNDS, 0, 0},
  {"cancel of a mail in flight", cancel_in_flight, ROUNDS, 1, 0},
  {"send and free", send_and_free, MAILS, 1, 1},
};

#define WORKS ((int)(sizeof works / sizeof works[0]))

static void one_case(int setting, const struct work *work)
{
  long before, peak, after;
  uint64_t begin;
  int round;

  alarm(CASE_SECONDS);
  if (setting == STANDS_STILL)
    CHECK(event_loop() >= 0);
  CHECK_IS(configure(NULL, silent_port, 0), SDS_SMTP_OK);
  if (setting != BEFORE_A_MAIL) {
    CHECK_IS(start_mail(NULL, "the first"), SDS_SMTP_OK);
    CHECK_IS(sds_smtp_client_cancel(NULL), SDS_SMTP_OK);
    CHECK_IS(sds_smtp_client_wait(NULL, PATIENCE_MS), SDS_SMTP_CANCELLED);
  }
  /* What is made once is there: places that rest, lists, the allocator's own. */
  for (round = 0; round < 1000; round++)
    work->once(round);
  if (setting == STANDS_STILL)
    sds_smtp_poll(0);
  before = memory("VmRSS:");
  for (round = 0; round < work->rounds; round++)
    work->once(round);
  peak = memory("VmHWM:");
  /* Afterwards everything has been given back. */
  begin = now_ms();
  do {
    if (setting == STANDS_STILL)
      sds_smtp_poll(0);
    poll(NULL, 0, 20);
    malloc_trim(0);
    after = memory("VmRSS:");
  } while (after > before + BOUND && now_ms() - begin < PATIENCE_MS);
  if ((peak > before + BOUND && !work->may_peak) || after > before + BOUND) {
    fprintf(stderr, "%s, %s: %ld KiB before, %ld at most, %ld after\n", settings[setting], work->name, before / 1024,
            peak / 1024, after / 1024);
    _exit(1);
  }
  _exit(0);
}

int main(void)
{
  static pid_t children[SETTINGS][WORKS];
  char name[120];
  int setting, i, cases = 0, wrong = 0;

  listen_on_loopback(&silent_port);
  for (setting = 0; setting < SETTINGS; setting++)
    for (i = 0; i < WORKS; i++)
      if (setting != BEFORE_A_MAIL || !works[i].has_mails) {
        children[setting][i] = fork();
        if (children[setting][i] == 0)
          one_case(setting, &works[i]);
      }
  for (setting = 0; setting < SETTINGS; setting++)
    for (i = 0; i < WORKS; i++)
      if (setting != BEFORE_A_MAIL || !works[i].has_mails) {
        snprintf(name, sizeof name, "%s, %s", settings[setting], works[i].name);
        wrong += case_is_wrong(children[setting][i], name);
        cases++;
      }
  printf("idle_orders: %d cases, %d wrong\n", cases, wrong);
  return wrong == 0 ? 0 : 1;
}
