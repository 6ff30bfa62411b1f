/*
 * urgent - an octet of TCP urgent data in a reply holds nothing up
 *
 *     urgent
 *
 * A child process sends a mail to a server in this one. At one point of the conversation the server sends its reply in two
 * parts with an urgent octet between them, all of it while the child is stopped: so it finds all of it at once. Right: the
 * mail goes on at once, and is sent. Whether the urgent octet is read with the others or not, the reply means the same.
 * Each point is a process of its own. Exit code 0: every case was right.
 */
#include <signal.h>

#include "server.h"

#define CASE_SECONDS 60

static const struct situation {
  const char *at, *first, *rest;
  int polled;
} situations[] = {
  {"220", "220 wel", "come\r\n", 0}, {"EHLO", "250-hel", "lo\r\n250 8BITMIME\r\n", 0},
  {"MAIL", "250 sen", "der\r\n", 0}, {"RCPT", "250 reci", "pient\r\n", 0},
  {"DATA", "354 go", " on\r\n", 0},  {".", "250 que", "ued\r\n", 0},
  {".", "250 que", "ued\r\n", 1},    {".", "250-first line\r\n250 que", "ued\r\n", 0},
};

#define SITUATIONS ((int)(sizeof situations / sizeof situations[0]))

/* The client: its mail has the default deadlines of some minutes, and the wait is much shorter. */
static void send_mail(unsigned port, int polled)
{
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;

  alarm(CASE_SECONDS);
  if (polled)
    CHECK(event_loop() >= 0);
  CHECK_IS(configure(NULL, port, 0), SDS_SMTP_OK);
  CHECK_IS(deliver(NULL, "urgent"), SDS_SMTP_OK);
  CHECK_IS(sds_smtp_client_result(NULL, &result), SDS_SMTP_OK);
  CHECK_IS(result.outcome, SDS_SMTP_OUTCOME_SENT);
  CHECK_IS(result.reply_code, 250);
  _exit(0);
}

static void say_urgently(const struct situation *situation, const struct peer *peer, pid_t client)
{
  int status;

  poll(NULL, 0, 50); /* it sleeps by then */
  CHECK(kill(client, SIGSTOP) == 0);
  CHECK(waitpid(client, &status, WUNTRACED) == client && WIFSTOPPED(status));
  say(peer, situation->first);
  CHECK(send(peer->socket, "X", 1, MSG_OOB | MSG_NOSIGNAL) == 1);
  say(peer, situation->rest);
  poll(NULL, 0, 50);
  CHECK(kill(client, SIGCONT) == 0);
}

static void one_case(const struct situation *situation)
{
  static struct peer peer;
  char line[1100];
  unsigned port;
  int listening = listen_on_loopback(&port), status, said = 0;
  pid_t client = fork();

  CHECK(client >= 0);
  if (client == 0)
    send_mail(port, situation->polled);
  alarm(CASE_SECONDS);
  CHECK(readable(listening, (int)PATIENCE_MS));
  begin_peer(&peer, accept(listening, NULL, NULL));
  if (strcmp(situation->at, "220") == 0) {
    say_urgently(situation, &peer, client);
    said = 1;
  } else {
    say(&peer, "220 here\r\n");
  }
  while (waitpid(client, &status, WNOHANG) == 0) {
    readable(peer.socket, 10);
    while (hear(&peer, line, sizeof line)) {
      int here = !said && is_verb(&peer, line, situation->at);
      const char *reply = reply_to(&peer, line);

      if (here) {
        say_urgently(situation, &peer, client);
        said = 1;
      } else if (reply != NULL) {
        say(&peer, reply);
      }
    }
  }
  CHECK(said);
  _exit(status != 0);
}

int main(void)
{
  pid_t children[SITUATIONS];
  char name[80];
  int i, wrong = 0;

  signal(SIGPIPE, SIG_IGN);
  for (i = 0; i < SITUATIONS; i++) {
    children[i] = fork();
    if (children[i] == 0)
      one_case(&situations[i]);
  }
  for (i = 0; i < SITUATIONS; i++) {
    snprintf(name, sizeof name, "%s, urgent data at %s", situations[i].polled ? "event loop" : "thread", situations[i].at);
    wrong += case_is_wrong(children[i], name);
  }
  printf("urgent: %d cases, %d wrong\n", SITUATIONS, wrong);
  return wrong == 0 ? 0 : 1;
}
