/*
 * load.h - what the driver load asks of its server load_server
 *
 * The two are joined by a socket pair of type SOCK_SEQPACKET, which is the server's standard input. The
 * driver writes a struct request; when what it asks for has come about, the server writes a number, a
 * uint32_t. One request is open at a time. The server ends when the driver closes its end. Both count mails
 * and connections from the server's start.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdint.h>

/* The subject of a mail: its number follows, from 0, and no mail has another's. */
#define LOAD_SUBJECT "Load, mail "

#define LOAD_MOST_MAILS 100000

enum {
  LOAD_PORT,      /* the number is the server's port on 127.0.0.1 */
  LOAD_HOLD,      /* hold whoever connects from now on; `count` is where, below */
  LOAD_GREET,     /* go on with all who are held, and with all who come */
  LOAD_CONNECTED, /* wait until `count` connections have come to where they are held, or have been made */
  LOAD_DELIVERED, /* wait until `count` mails have been taken; more of them are an error */
  LOAD_CLOSED     /* wait until no connection is left; the number is that of the mails that have been taken */
};

/* Where a connection is held. */
enum {
  LOAD_AT_GREETING, /* it is not greeted; with TLS, the handshake is done */
  LOAD_AT_FLIGHT,   /* with TLS: the server's first flight is made, and kept back */
  LOAD_AT_TEXT      /* for ever: the text is not read; with TLS, the largest record there is lacks its last octet */
};

struct request {
  uint32_t what;
  uint32_t count;
};

#endif
