/*
 * late - an answer that came before its deadline counts, however late the program looks at it
 *
 *     late
 *
 * A child process sends mails to a server in this one. The server lets all of them come to a point of the conversation;
 * then the child is stopped by a signal, or does something else than the library's work, and the server answers. The child
 * goes on when the deadline is over. Right: every mail that was answered is sent; every one that was not has met its
 * deadline. Some cases do it in a storm of signals.
 *
 * Each case is a process of its own, and they run side by side. A machine that was too slow for a case's time limit gets
 * a longer one. Exit code 0: every case was right.
 */
#include <signal.h>

#include "server.h"

#define MOST          200
#define LIMIT_MS      3000u
#define ATTEMPTS      3
#define CASE_SECONDS  140

enum { THREAD, OWN_LOOP, WAITING }; /* who drives the engine: its thread, the program's loop, the program's waits */
enum { STOPPED, BUSY };             /* what the client is when the answers come */

static const struct situation {
  const char *name;
  int driver, away, mails;
  const char *at; /* the line that is answered late, or 220 */
  int total;      /* it is the whole mail's deadline */
  int answered;
  int storm;
} situations[] = {
  {"thread, stopped at the greeting", THREAD, STOPPED, 1, "220", 0, 1, 0},
  {"thread, stopped at EHLO", THREAD, STOPPED, 1, "EHLO", 0, 1, 0},
  {"thread, stopped at MAIL", THREAD, STOPPED, 1, "MAIL", 0, 1, 0},
  {"thread, stopped at RCPT", THREAD, STOPPED, 1, "RCPT", 0, 1, 0},
  {"thread, stopped at DATA", THREAD, STOPPED, 1, "DATA", 0, 1, 0},
  {"thread, stopped at the final dot", THREAD, STOPPED, 1, ".", 0, 1, 0},
  {"thread, stopped at the final dot until the whole mail's deadline", THREAD, STOPPED, 1, ".", 1, 1, 0},
  {"thread, 100 mails, stopped at the final dot", THREAD, STOPPED, 100, ".", 0, 1, 0},
  {"thread, 200 mails, stopped at the final dot", THREAD, STOPPED, MOST, ".", 0, 1, 0},
  {"thread, 200 mails, stopped at the greeting", THREAD, STOPPED, MOST, "220", 0, 1, 0},
  {"thread, 100 mails, stopped at the final dot, signals", THREAD, STOPPED, 100, ".", 0, 1, 1},
  {"event loop, stopped at the final dot", OWN_LOOP, STOPPED, 1, ".", 0, 1, 0},
  {"event loop, busy at the final dot", OWN_LOOP, BUSY, 1, ".", 0, 1, 0},
  {"event loop, 100 mails, busy at the final dot", OWN_LOOP, BUSY, 100, ".", 0, 1, 0},
  {"event loop, 200 mails, busy at the final dot", OWN_LOOP, BUSY, MOST, ".", 0, 1, 0},
  {"event loop, 200 mails, busy at the greeting", OWN_LOOP, BUSY, MOST, "220", 0, 1, 0},
  {"event loop, 200 mails, busy at EHLO", OWN_LOOP, BUSY, MOST, "EHLO", 0, 1, 0},
  {"event loop, 200 mails, busy until the whole mails' deadline", OWN_LOOP, BUSY, MOST, ".", 1, 1, 0},
  {"event loop, 200 mails, busy at the final dot, signals", OWN_LOOP, BUSY, MOST, ".", 0, 1, 1},
  {"waits in an event loop's program, stopped at the final dot", WAITING, STOPPED, 1, ".", 0, 1, 0},
  {"waits in an event loop's program, 100 mails, stopped", WAITING, STOPPED, 100, ".", 0, 1, 0},
  {"thread, stopped, and no answer", THREAD, STOPPED, 1, ".", 0, 0, 0},
  {"event loop, 100 mails, busy, and no answer", OWN_LOOP, BUSY, 100, ".", 0, 0, 0},
  {"waits in an event loop's program, 100 mails, no answer, signals", WAITING, STOPPED, 100, ".", 0, 0, 1},
};

#define SITUATIONS ((int)(sizeof situations / sizeof situations[0]))

static const struct situation *situation;
static sds_smtp_client *clients[MOST];
static struct peer peers[MOST];

static void nothing(int signal_number)
{
  (void)signal_number;
}

/* The next octet of the server's; waits for it. */
static void read_octet(int descriptor)
{
  char octet;
  ssize_t got;

  do {
    got = read(descriptor, &octet, 1);
  } while (got < 0 && errno == EINTR);
  CHECK_IS(got, 1);
}

static void set_limit(struct sds_smtp_config *config, uint32_t limit_ms)
{
  if (situation->total)
    config->total_timeout_ms = limit_ms;
  else if (strcmp(situation->at, "220") == 0)
    config->greeting_timeout_ms = limit_ms;
  else if (strcmp(situation->at, "EHLO") == 0)
    config->ehlo_timeout_ms = limit_ms;
  else if (strcmp(situation->at, "MAIL") == 0)
    config->mail_timeout_ms = limit_ms;
  else if (strcmp(situation->at, "RCPT") == 0)
    config->rcpt_timeout_ms = limit_ms;
  else if (strcmp(situation->at, "DATA") == 0)
    config->data_timeout_ms = limit_ms;
  else
    config->final_timeout_ms = limit_ms;
}

/* The client's process. While it is busy, it reads from `orders`: an octet when it is to begin, one when it may go on. */
static void send_mails(unsigned port, uint32_t limit_ms, int orders)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  int i, descriptor = -1, wrong = 0, turns = 0;
  uint32_t wait = 0;

  alarm(CASE_SECONDS);
  if (situation->driver != THREAD) {
    descriptor = event_loop();
    CHECK(descriptor >= 0);
  }
  config.server = "127.0.0.1";
  config.port = port;
  config.sender = "device@example.com";
  set_limit(&config, limit_ms);
  for (i = 0; i < situation->mails; i++) {
    clients[i] = sds_smtp_client_new();
    CHECK(clients[i] != NULL);
    CHECK_IS(sds_smtp_client_configure(clients[i], &config), SDS_SMTP_OK);
    CHECK_IS(start_mail(clients[i], "late"), SDS_SMTP_OK);
  }
  while (situation->driver == OWN_LOOP && in_flight(clients, situation->mails) > 0) {
    struct pollfd ready[2];

    CHECK(++turns < 100000);
    ready[0].fd = descriptor;
    ready[1].fd = orders;
    ready[0].events = ready[1].events = POLLIN;
    ready[0].revents = ready[1].revents = 0;
    poll(ready, 2, wait > 1000u ? 1000 : (int)wait);
    if (ready[1].revents & POLLIN) {
      read_octet(orders);
      read_octet(orders);
    }
    wait = sds_smtp_poll(0);
  }
  for (i = 0; i < situation->mails; i++) {
    struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;

    CHECK_IS_NOT(sds_smtp_client_wait(clients[i], 60000), SDS_SMTP_BUSY);
    CHECK_IS(sds_smtp_client_result(clients[i], &result), SDS_SMTP_OK);
    if (situation->answered)
      wrong += result.code != SDS_SMTP_OK || result.outcome != SDS_SMTP_OUTCOME_SENT;
    else
      wrong += result.code != SDS_SMTP_TIMEOUT || result.outcome != SDS_SMTP_OUTCOME_UNKNOWN;
  }
  if (wrong > 0)
    fprintf(stderr, "%s: %d of %d mails ended otherwise\n", situation->name, wrong, situation->mails);
  _exit(wrong > 0);
}

/* Waits until a time, with signals for the client where that is wanted. */
static void wait_until(uint64_t time, pid_t client)
{
  while (now_ms() < time) {
    poll(NULL, 0, situation->storm ? 1 : 20);
    if (situation->storm)
      kill(client, SIGUSR1);
  }
}

/* One turn of the server: accepts, answers, and notes who waits at the point where the answer is late. */
static int one_turn(int listening, int *connected, int *held, const char *at)
{
  struct pollfd wanted[MOST + 1];
  char line[1100];
  int i, count = 0;

  for (i = 0; i < *connected; i++) {
    wanted[i].fd = peers[i].socket;
    wanted[i].events = POLLIN;
  }
  wanted[*connected].fd = *connected < MOST ? listening : -1;
  wanted[*connected].events = POLLIN;
  if (poll(wanted, (nfds_t)*connected + 1, situation->storm ? 1 : 20) < 0)
    return 0;
  for (i = 0; i < *connected; i++) {
    while (hear(&peers[i], line, sizeof line)) {
      int late = at != NULL && is_verb(&peers[i], line, at);
      const char *reply = reply_to(&peers[i], line);

      count += late;
      held[i] |= late;
      if (reply != NULL && !late)
        say(&peers[i], reply);
    }
  }
  while (*connected < situation->mails && readable(listening, 0)) {
    int late = at != NULL && strcmp(at, "220") == 0;

    begin_peer(&peers[*connected], accept(listening, NULL, NULL));
    CHECK(peers[*connected].socket >= 0);
    held[*connected] = late;
    count += late;
    if (!late)
      say(&peers[*connected], "220 here\r\n");
    ++*connected;
  }
  return count;
}

static const char *late_reply(void)
{
  if (strcmp(situation->at, "220") == 0)
    return "220 here\r\n";
  return strcmp(situation->at, "DATA") == 0 ? "354 go on\r\n" : "250 late\r\n";
}

/* 0: right; 1: wrong; -1: the machine was too slow for this limit. */
static int attempt(uint32_t limit_ms)
{
  static int held[MOST];
  unsigned port;
  int listening = listen_on_loopback(&port), orders[2], connected = 0, all = 0, status = 0, i;
  uint64_t begin = now_ms(), first = 0, last;
  pid_t client;

  CHECK(pipe(orders) == 0);
  client = fork();
  CHECK(client >= 0);
  if (client == 0) {
    close(listening);
    close(orders[1]);
    send_mails(port, limit_ms, orders[0]);
  }
  while (all < situation->mails) {
    all += one_turn(listening, &connected, held, situation->at);
    if (all > 0 && first == 0)
      first = now_ms();
    if (situation->storm)
      kill(client, SIGUSR1);
    if (now_ms() - begin > 40000u) {
      kill(client, SIGKILL);
      waitpid(client, &status, 0);
      return -1;
    }
  }
  last = now_ms();
  if (situation->total)
    first = begin;
  if (situation->away == STOPPED) {
    wait_until(now_ms() + 100, client); /* it sleeps by then */
    CHECK(kill(client, SIGSTOP) == 0);
    CHECK(waitpid(client, &status, WUNTRACED) == client);
  } else {
    CHECK(write(orders[1], "b", 1) == 1);
    /* It has begun to be busy when it has read that. */
    for (i = 0; i < 500 && readable(orders[0], 0); i++)
      poll(NULL, 0, 10);
  }
  for (i = 0; i < situation->mails && situation->answered; i++)
    say(&peers[i], late_reply());
  if (now_ms() - first > limit_ms / 2) {
    kill(client, SIGKILL);
    waitpid(client, &status, 0);
    return -1;
  }
  if (situation->away == STOPPED && !WIFSTOPPED(status))
    return 1;
  wait_until(last + limit_ms + 500, client);
  if (situation->away == STOPPED)
    kill(client, SIGCONT);
  else
    CHECK(write(orders[1], "g", 1) == 1);
  while (waitpid(client, &status, WNOHANG) == 0) {
    one_turn(listening, &connected, held, NULL);
    if (situation->storm)
      kill(client, SIGUSR1);
  }
  for (i = 0; i < connected; i++)
    end_peer(&peers[i]);
  close(listening);
  close(orders[0]);
  close(orders[1]);
  if (WIFSIGNALED(status))
    fprintf(stderr, "%s: ended by signal %d\n", situation->name, WTERMSIG(status));
  return status != 0;
}

int main(void)
{
  pid_t cases[SITUATIONS];
  int i, tries, wrong = 0;

  signal(SIGPIPE, SIG_IGN);
  for (i = 0; i < SITUATIONS; i++) {
    cases[i] = fork();
    if (cases[i] == 0) {
      struct sigaction action;
      uint32_t limit_ms = LIMIT_MS;
      int result = -1;

      situation = &situations[i];
      memset(&action, 0, sizeof action);
      action.sa_handler = nothing; /* without SA_RESTART: system calls are interrupted */
      sigaction(SIGUSR1, &action, NULL);
      alarm(CASE_SECONDS);
      for (tries = 0; tries < ATTEMPTS && result < 0; tries++, limit_ms *= 2)
        result = attempt(limit_ms);
      if (result < 0)
        fprintf(stderr, "%s: this machine is too slow\n", situation->name);
      _exit(result != 0);
    }
  }
  for (i = 0; i < SITUATIONS; i++)
    wrong += case_is_wrong(cases[i], situations[i].name);
  printf("late: %d cases, %d wrong\n", SITUATIONS, wrong);
  return wrong == 0 ? 0 : 1;
}
