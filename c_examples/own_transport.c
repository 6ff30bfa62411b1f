/*
 * own_transport - a mail over a connection that the program makes itself
 *
 *     own_transport SERVER PORT FROM TO
 *
 * The library speaks SMTP, the program carries the octets: here over a plain TCP socket, as a pattern for a connection
 * that the system does not know (a modem's sockets, a tunnel, another TLS library). All functions return at once. SERVER is
 * an address or a name. The exit code is 0 only when the server accepted the mail.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sds_smtp.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* where there is none, a program has to ignore SIGPIPE */
#endif

/* One connection; the library gives it back to each function as `context`. */
struct own_connection {
  int socket; /* -1: there is none */
  unsigned long sent, received;
};

/* What the library understands of a failure before the connection is made, and behind it. */
static int32_t why(int error)
{
  switch (error) {
  case ECONNREFUSED: return SDS_SMTP_REFUSED;
  case ENETUNREACH:
  case EHOSTUNREACH: return SDS_SMTP_UNREACHABLE;
  case EMFILE:
  case ENFILE:
  case ENOBUFS:
  case ENOMEM:       return SDS_SMTP_NO_SOCKET;
  default:           return SDS_SMTP_LOST;
  }
}

static int again(int error)
{
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

static int32_t own_connect(void *context, const struct sds_smtp_address *server)
{
  struct own_connection *own = (struct own_connection *)context;
  struct sockaddr_storage address;
  socklen_t length;
  int made;

  memset(&address, 0, sizeof address);
  if (server->version == 6) {
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)&address;

    six->sin6_family = AF_INET6;
    six->sin6_port = htons((uint16_t)server->port);
    memcpy(&six->sin6_addr, server->octets, 16);
    length = sizeof *six;
  } else {
    struct sockaddr_in *four = (struct sockaddr_in *)(void *)&address;

    four->sin_family = AF_INET;
    four->sin_port = htons((uint16_t)server->port);
    memcpy(&four->sin_addr, server->octets, 4);
    length = sizeof *four;
  }
  own->socket = socket(address.ss_family, SOCK_STREAM, 0);
  if (own->socket < 0)
    return why(errno);
  if (fcntl(own->socket, F_SETFD, FD_CLOEXEC) == 0 && fcntl(own->socket, F_SETFL, O_NONBLOCK) == 0) {
    made = connect(own->socket, (const struct sockaddr *)(const void *)&address, length);
    if (made == 0 || errno == EINPROGRESS)
      return 0; /* begun; own_connected() says when it is made */
  }
  made = errno;
  close(own->socket);
  own->socket = -1;
  return why(made);
}

static int32_t own_connected(void *context)
{
  const struct own_connection *own = (const struct own_connection *)context;
  struct pollfd writable;
  socklen_t length = sizeof(int);
  int error = 0;

  writable.fd = own->socket;
  writable.events = POLLOUT;
  writable.revents = 0;
  if (poll(&writable, 1, 0) == 0)
    return 0; /* not yet */
  if (getsockopt(own->socket, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
    error = errno;
  return error == 0 ? 1 : why(error);
}

static int32_t own_send(void *context, const uint8_t *octets, size_t length)
{
  struct own_connection *own = (struct own_connection *)context;
  ssize_t sent = send(own->socket, octets, length < 0x7FFFFFFF ? length : 0x7FFFFFFF, MSG_NOSIGNAL);

  if (sent < 0)
    return again(errno) ? 0 : SDS_SMTP_LOST;
  own->sent += (unsigned long)sent;
  return (int32_t)sent; /* the system has copied them */
}

static int32_t own_receive(void *context, uint8_t *octets, size_t max)
{
  struct own_connection *own = (struct own_connection *)context;
  ssize_t received = recv(own->socket, octets, max < 0x7FFFFFFF ? max : 0x7FFFFFFF, 0);

  if (received < 0)
    return again(errno) ? 0 : SDS_SMTP_LOST;
  own->received += (unsigned long)received;
  return received == 0 ? SDS_SMTP_LOST : (int32_t)received; /* 0 of recv() is the server's end */
}

static int32_t own_close(void *context)
{
  struct own_connection *own = (struct own_connection *)context;

  close(own->socket);
  own->socket = -1;
  return 1; /* at once: the system delivers what it has taken */
}

/* For EHLO, which says the client's own address. */
static int32_t own_local_address(void *context, struct sds_smtp_address *out)
{
  const struct own_connection *own = (const struct own_connection *)context;
  struct sockaddr_storage address;
  socklen_t length = sizeof address;

  if (getsockname(own->socket, (struct sockaddr *)(void *)&address, &length) != 0)
    return SDS_SMTP_LOST;
  if (address.ss_family == AF_INET6) {
    out->version = 6;
    memcpy(out->octets, &((const struct sockaddr_in6 *)(const void *)&address)->sin6_addr, 16);
  } else {
    out->version = 4;
    memcpy(out->octets, &((const struct sockaddr_in *)(const void *)&address)->sin_addr, 4);
  }
  return 0;
}

/* The library's thread sleeps until something happens on it. Without this function it would ask every few milliseconds. */
static intptr_t own_descriptor(void *context)
{
  return ((const struct own_connection *)context)->socket;
}

int main(int argc, char **argv)
{
  static struct own_connection own; /* stays as long as the client */
  struct sds_smtp_transport transport = SDS_SMTP_TRANSPORT_INIT;
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;
  sds_smtp_client *client;
  char refusal[256] = "out of memory";
  int code = SDS_SMTP_DATA_FAILED;

  if (argc != 5) {
    fprintf(stderr, "usage: own_transport SERVER PORT FROM TO\n");
    return 2;
  }
  own.socket = -1;
  transport.context = &own;
  transport.connect = own_connect;
  transport.connected = own_connected;
  transport.send = own_send;
  transport.receive = own_receive;
  transport.close = own_close;
  transport.local_address = own_local_address;
  transport.descriptor = own_descriptor;

  config.server = argv[1];
  config.port = (uint32_t)strtoul(argv[2], NULL, 10);
  config.sender = argv[3];
  message.to = argv[4];
  message.subject = "testovaci email";
  message.text = "Toto je testovaci email.";

  client = sds_smtp_client_new();
  if (client != NULL) {
    code = sds_smtp_client_set_transport(client, &transport); /* copies the structure, not what context leads to */
    if (code == SDS_SMTP_OK)
      code = sds_smtp_client_configure(client, &config);
    if (code == SDS_SMTP_OK)
      code = sds_smtp_client_send(client, &message);
    if (code != SDS_SMTP_OK)
      sds_smtp_client_refusal(client, refusal, sizeof refusal);
  }
  if (code != SDS_SMTP_OK) {
    fprintf(stderr, "own_transport: not started, code %d: %s\n", code, refusal);
    sds_smtp_client_free(client);
    return 2;
  }
  code = sds_smtp_client_wait(client, SDS_SMTP_NO_LIMIT);
  sds_smtp_client_result(client, &result);
  printf("code %d: %s\n", code, sds_smtp_strerror(code));
  printf("server %s, outcome %s, reply %u %s\n", result.server, sds_smtp_outcome_name(result.outcome),
         (unsigned)result.reply_code, result.text);
  sds_smtp_client_free(client); /* from here on none of the functions is called */
  printf("the program carried %lu octets out and %lu in\n", own.sent, own.received);
  return code == SDS_SMTP_OK ? 0 : 1;
}
