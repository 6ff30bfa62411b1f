/*
 * peer.h - a mail server inside the firmware, for tests that need no network: exact, fast, and as bad as it is told to be
 */
#ifndef PEER_H
#define PEER_H

#include <stddef.h>
#include <stdint.h>

#include "sds_smtp_firmware.h"

/* Where in the conversation something may go wrong. */
enum peer_step { GREETING, EHLO, HELO, AUTH, MAIL, RCPT, DATA, TEXT, END, QUIT, STEPS };
#define NEVER STEPS

/* How the server behaves. Zeroed and with NEVER in the three steps it is a good one, which announces nothing. */
struct peer_manners {
  const char *keywords;           /* what EHLO announces, each line as "250-WORD\r\n"; NULL: nothing */
  const char *refusal;            /* the answer at refused_at, as "550 5.1.1 no\r\n" */
  enum peer_step refused_at;
  enum peer_step silent_at;       /* no answer there */
  enum peer_step lost_at;         /* the connection breaks there */
  int no_connection;              /* connect fails with this number */
  uint32_t answer_after_ms;
  uint32_t at_once;               /* at most so many octets are taken or given in a call; 0: all */
  int moody;                      /* takes and gives random numbers of octets, often none */
};

struct peer {
  struct sds_smtp_transport transport;
  struct peer_manners manners;
  /* Called for each mail that the server has taken over: header block and text, dots removed, ended by a NUL. */
  void (*delivered)(const char *mail, size_t length);
  /* What happened. */
  uint32_t connections, mails, closings;
  /* The peer's own. */
  enum { CLOSED, OPEN, BROKEN } line;
  enum peer_step step;
  int greeted, login, has_sender, recipients, in_data, overflow;
  char in[128], out[512], mail[2048];
  volatile size_t in_length, out_from, out_to;
  size_t line_length, mail_length;
  char command[700];
  uint32_t now, answer_at;
};

void peer_init(struct peer *peer);

/* The server's work, out of the main loop: reads what has come, and answers. */
void peer_work(struct peer *peer, uint32_t now);

/* Random numbers, the same in each run. */
uint32_t test_random(void);
void test_seed(uint32_t seed);

/* Number in digits, behind a word, on the console. */
void test_say(const char *word, uint32_t number);

void test_failed(const char *file, int line, const char *what);

#define CHECK(what) \
  do { \
    if (!(what)) \
      test_failed(__FILE__, __LINE__, #what); \
  } while (0)

int test_equal(const char *one, const char *other);
int test_begins(const char *text, const char *with);
const char *test_find(const char *text, const char *what);

#endif
