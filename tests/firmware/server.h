/*
 * server.h - a mail server and the connection to it inside the test, for a host: every octet and every call under control
 *
 * The server reads each octet when it is sent and answers at once. What may go wrong is set between server_init() and the
 * mail; what happened can be looked at afterwards.
 */
#ifndef SERVER_H
#define SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "sds_smtp_firmware.h"

enum call { CONNECT, CONNECTED, SEND, RECEIVE, CLOSE, LOCAL_ADDRESS, RANDOM, START_TLS, RESOLVE, CALLS };

#define NEVER     ((size_t)-1)
#define MAIL_SIZE 1000000u

struct server {
  struct sds_smtp_transport transport;

  /* How it behaves. */
  const char *keywords; /* what EHLO announces, as "250-PIPELINING\r\n"; NULL: nothing */
  const char *refused;  /* what is refused: the beginning of a command, "220" for the greeting, "." for the end of the mail */
  const char *refusal;  /* how, as "550 5.1.1 no\r\n" */
  const char *unanswered; /* what is not answered, likewise */
  int repeats_login;    /* answers to the login repeat what it was told */
  size_t at_once;       /* at most so many octets in a call; 0: any number */
  int starttls;         /* with TLS: it begins with STARTTLS, which is announced; 2: not announced */
  int next_starttls;    /* not 0: that is 1 less from the next connection on */
  const char *behind;   /* octets behind the answer to STARTTLS, which somebody else has put there */
  int moody;            /* random numbers of octets, often none */
  /* On the first connection, so many octets of the client's, or of the server's: */
  size_t sent_break, received_break; /* then the connection is broken */
  size_t sent_stall, received_stall; /* then nothing moves in this direction any more */
  size_t half_closed;                /* octets of the client's, after which the server says that it closed, and still listens */
  /* The call number `wrong_at` of this kind, from 1 on (0: none), returns this; with `wrong_stays` all after it, too. */
  enum call wrong_call;
  uint32_t wrong_at;
  int32_t wrong_value;
  int wrong_stays;
  /* So often close returns `closing_value` before it has closed. */
  uint32_t not_closed;
  int32_t closing_value;
  /* Called out of each callback, and when the server has taken a mail over. */
  void (*inside)(struct server *server, enum call call);
  void (*delivered)(struct server *server);

  /* What happened. */
  uint32_t calls[CALLS];
  uint32_t connections, closings; /* connects that returned 0, and closes */
  uint32_t mails;                 /* whole mails that were taken */
  int dot;                        /* on this connection the whole end of a mail came in */
  int accepted, denied;           /* the client was given the server's whole answer to it */
  size_t sent, received;          /* octets on this connection */
  struct sds_smtp_address address;
  size_t plain;                   /* octets of the client's before TLS */
  char server_name[256];          /* what start_tls was told; "-": NULL */
  char mail[MAIL_SIZE]; /* the last mail, header block and text, without the doubled dots; ended by a NUL */
  size_t mail_length;
  char ehlo[300]; /* what EHLO or HELO said */

  /* The server's own. */
  int open, closing, secured, to_secure, broken, login, has_sender, recipients, in_data, is_first;
  char line[8192], out[16384];
  uint32_t closes;
  size_t line_length, out_from, out_to, verdict_at;
  int verdict;
};

void server_init(struct server *server);

/* Has the transport speak TLS, and look names up: "mail.example.test" is 192.0.2.7. */
void server_with_tls(struct server *server);
void server_with_names(struct server *server);

/* Forgets what happened, and how it behaves. The connection must be closed. */
void server_reset(struct server *server);

/* The time in the tests. */
extern uint32_t now;

/* Polls until the mail has ended, and goes on with the time as sds_smtp_poll() says; then until nothing is in flight. */
void poll_until_status(const sds_smtp_client *client);
void poll_until_idle(void);

/* The end of a mail: the result, checked against what the server saw. */
struct sds_smtp_result result_of(const sds_smtp_client *client, const struct server *server);

/* The text of a mail as its reader sees it: decoded. Its length; NEVER where the mail is not well formed. */
size_t decoded_text(const struct server *server, char *out, size_t size);

/* What has to arrive of a text: each line end as CRLF, the last line with one. Its length. */
size_t canonical(const char *text, size_t length, char *out);

/* Whether a header line begins so. */
int has_header(const struct server *server, const char *begin);

/* Whether the octets stand somewhere in the memory. */
int holds(const void *memory, size_t length, const char *octets);

uint32_t chance(void);
void seed(uint32_t number);

void failed(const char *file, int line, const char *what);

#define CHECK(what) \
  do { \
    if (!(what)) failed(__FILE__, __LINE__, #what); \
  } while (0)

#endif
