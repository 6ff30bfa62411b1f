/*
 * server.h - a small SMTP server for tests of this directory that have to know exactly when it says what
 *
 * It accepts every mail, offers nothing, and answers line by line. All of it is on 127.0.0.1.
 */
#ifndef SDS_SMTP_TESTS_SERVER_H
#define SDS_SMTP_TESTS_SERVER_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "mail.h"

struct peer {
  int socket; /* -1: there is none, or it has ended */
  int in_text;
  size_t used;
  char octets[2048];
};

/* A listening socket on a free port. */
static inline int listen_on_loopback(unsigned *port)
{
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK(listening >= 0 && bind(listening, (const struct sockaddr *)&address, sizeof address) == 0);
  CHECK(listen(listening, 1024) == 0 && getsockname(listening, (struct sockaddr *)&address, &length) == 0);
  *port = ntohs(address.sin_port);
  return listening;
}

/* Whether something can be read, or accepted, within so many milliseconds. */
static inline int readable(int descriptor, int milliseconds)
{
  struct pollfd wanted;

  wanted.fd = descriptor;
  wanted.events = POLLIN;
  wanted.revents = 0;
  return poll(&wanted, 1, milliseconds) == 1;
}

static inline void begin_peer(struct peer *peer, int socket)
{
  memset(peer, 0, sizeof *peer);
  peer->socket = socket;
}

static inline void end_peer(struct peer *peer)
{
  if (peer->socket >= 0)
    close(peer->socket);
  peer->socket = -1;
}

/* Says octets; a client that is gone knows best why. */
static inline void say(const struct peer *peer, const char *octets)
{
  if (peer->socket >= 0)
    (void)!send(peer->socket, octets, strlen(octets), MSG_NOSIGNAL);
}

/* Takes the next line without its end; 0 where there is no whole one yet, and where the connection has ended. */
static inline int hear(struct peer *peer, char *line, size_t size)
{
  for (;;) {
    char *end = (char *)memchr(peer->octets, '\n', peer->used);
    ssize_t got;

    if (end != NULL) {
      size_t length = (size_t)(end - peer->octets), kept = length > 0 && end[-1] == '\r' ? length - 1 : length;

      if (kept >= size)
        kept = size - 1;
      memcpy(line, peer->octets, kept);
      line[kept] = '\0';
      peer->used -= length + 1;
      memmove(peer->octets, end + 1, peer->used);
      return 1;
    }
    if (peer->socket < 0 || peer->used == sizeof peer->octets)
      return 0;
    got = recv(peer->socket, peer->octets + peer->used, sizeof peer->octets - peer->used, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
      return 0;
    if (got <= 0) {
      end_peer(peer);
      return 0;
    }
    peer->used += (size_t)got;
  }
}

/* What to say to a line; NULL: nothing, it belongs to a text. */
static inline const char *reply_to(struct peer *peer, const char *line)
{
  if (peer->in_text) {
    if (strcmp(line, ".") != 0)
      return NULL;
    peer->in_text = 0;
    return "250 queued\r\n";
  }
  if (strncmp(line, "DATA", 4) == 0) {
    peer->in_text = 1;
    return "354 go on\r\n";
  }
  return strncmp(line, "QUIT", 4) == 0 ? "221 bye\r\n" : "250 ok\r\n";
}

/* Whether a line is the one with this verb; "." is the end of a text. */
static inline int is_verb(const struct peer *peer, const char *line, const char *verb)
{
  return peer->in_text ? strcmp(verb, ".") == 0 && strcmp(line, ".") == 0 : strncmp(line, verb, strlen(verb)) == 0;
}

#endif
