/*
 * parts_server - a server that takes mails as fast as they come, and throws them away
 *
 *     parts_server PORT_FILE
 *
 * It listens on a free port of 127.0.0.1, which it writes into the file, and takes one connection after the other until it is
 * ended. Of the mail data it looks at the last octets of what it has received only: a client waits behind its final dot.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOM    (512 * 1024)
#define SECONDS 600
#define END     "\r\n.\r\n"
#define TAIL    (sizeof END - 1)

static char octets[ROOM];

static void stop(const char *why)
{
  perror(why);
  exit(1);
}

static void say(int connection, const char *words)
{
  if (send(connection, words, strlen(words), MSG_NOSIGNAL) < 0)
    stop("send");
}

/* Throws the mail data away; 0 where the connection has ended before. */
static int take_data(int connection)
{
  char tail[TAIL] = "";

  for (;;) {
    ssize_t length = recv(connection, octets, sizeof octets, 0);
    size_t new = length > 0 ? (size_t)length : 0;

    if (new == 0)
      return 0;
    if (new >= TAIL) {
      memcpy(tail, octets + new - TAIL, TAIL);
    } else {
      memmove(tail, tail + new, TAIL - new);
      memcpy(tail + TAIL - new, octets, new);
    }
    if (memcmp(tail, END, TAIL) == 0)
      return 1;
  }
}

static void serve(int connection)
{
  size_t length = 0;

  say(connection, "220 sink\r\n");
  for (;;) {
    char *line = octets, *end;
    ssize_t got = recv(connection, octets + length, sizeof octets - 1 - length, 0);

    if (got <= 0)
      return;
    length += (size_t)got;
    octets[length] = '\0';
    while ((end = strchr(line, '\n')) != NULL) {
      if (strncmp(line, "EHLO", 4) == 0) {
        say(connection, "250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE\r\n");
      } else if (strncmp(line, "DATA", 4) == 0) {
        say(connection, "354 go on\r\n");
        if (!take_data(connection))
          return;
        say(connection, "250 taken\r\n");
        end = octets;
        length = 0;
        line = octets;
        break;
      } else {
        say(connection, strncmp(line, "QUIT", 4) == 0 ? "221 bye\r\n" : "250 ok\r\n");
      }
      line = end + 1;
    }
    length -= (size_t)(line - octets) < length ? (size_t)(line - octets) : length;
    memmove(octets, line, length);
  }
}

int main(int argc, char **argv)
{
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
  FILE *file;

  if (argc != 2)
    return 2;
  alarm(SECONDS);
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, SOMAXCONN) != 0
      || getsockname(listener, (struct sockaddr *)&address, &size) != 0)
    stop("no server socket");
  file = fopen(argv[1], "w");
  if (file == NULL || fprintf(file, "%u\n", (unsigned)ntohs(address.sin_port)) < 0 || fclose(file) != 0)
    stop(argv[1]);
  for (;;) {
    int connection = accept(listener, NULL, NULL);

    if (connection < 0)
      stop("accept");
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    serve(connection);
    close(connection);
  }
}
