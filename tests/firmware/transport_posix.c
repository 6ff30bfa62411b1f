#define _POSIX_C_SOURCE 200809L
#include "transport_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int32_t failure(int error) {
  switch (error) {
    case ECONNREFUSED: return SDS_SMTP_REFUSED;
    case ENETUNREACH:
    case EHOSTUNREACH: return SDS_SMTP_UNREACHABLE;
    case EMFILE:
    case ENFILE: return SDS_SMTP_NO_SOCKET;
    default: return SDS_SMTP_LOST;
  }
}

static int32_t begin(void *context, const struct sds_smtp_address *server) {
  struct posix_link *link = context;
  struct sockaddr_storage address;
  socklen_t length;

  memset(&address, 0, sizeof address);
  if (server->version == 4) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
    v4->sin_family = AF_INET;
    v4->sin_port = htons((uint16_t)server->port);
    memcpy(&v4->sin_addr, server->octets, 4);
    length = sizeof *v4;
  } else {
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons((uint16_t)server->port);
    memcpy(&v6->sin6_addr, server->octets, 16);
    length = sizeof *v6;
  }
  link->fd = socket(address.ss_family, SOCK_STREAM, 0);
  if (link->fd < 0) return failure(errno);
  fcntl(link->fd, F_SETFL, O_NONBLOCK);
  if (connect(link->fd, (struct sockaddr *)&address, length) == 0 || errno == EINPROGRESS) return 0;
  {
    int error = errno;
    close(link->fd);
    return failure(error);
  }
}

static int32_t look(void *context) {
  struct posix_link *link = context;
  struct pollfd ready = {0, POLLOUT, 0};
  int error = 0;
  socklen_t length = sizeof error;

  ready.fd = link->fd;
  if (poll(&ready, 1, 0) == 0) return 0;
  getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &length);
  return error ? failure(error) : 1;
}

static int32_t send_some(void *context, const uint8_t *octets, size_t length) {
  struct posix_link *link = context;
  ssize_t sent = send(link->fd, octets, length, MSG_NOSIGNAL);

  if (sent >= 0) return (int32_t)sent;
  return errno == EAGAIN ? 0 : SDS_SMTP_LOST;
}

static int32_t receive(void *context, uint8_t *octets, size_t max) {
  struct posix_link *link = context;
  ssize_t received = recv(link->fd, octets, max, 0);

  if (received > 0) return (int32_t)received;
  return received < 0 && errno == EAGAIN ? 0 : SDS_SMTP_LOST;
}

static int32_t end(void *context) {
  struct posix_link *link = context;

  close(link->fd);
  link->fd = -1;
  return 1;
}

static int32_t local_address(void *context, struct sds_smtp_address *out) {
  struct posix_link *link = context;
  struct sockaddr_storage address;
  socklen_t length = sizeof address;

  if (getsockname(link->fd, (struct sockaddr *)&address, &length) != 0) return SDS_SMTP_LOST;
  if (address.ss_family == AF_INET) {
    out->version = 4;
    memcpy(out->octets, &((struct sockaddr_in *)&address)->sin_addr, 4);
  } else {
    out->version = 6;
    memcpy(out->octets, &((struct sockaddr_in6 *)&address)->sin6_addr, 16);
  }
  return 0;
}

static uint32_t random_bits(void *context) {
  static uint32_t state;

  (void)context;
  if (state == 0) state = (uint32_t)time(NULL) ^ ((uint32_t)getpid() << 16) ^ 0x9E3779B9u;
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}

void posix_transport(struct sds_smtp_transport *transport, struct posix_link *link) {
  static const struct sds_smtp_transport begun = SDS_SMTP_TRANSPORT_INIT;

  *transport = begun;
  link->fd = -1;
  transport->context = link;
  transport->connect = begin;
  transport->connected = look;
  transport->send = send_some;
  transport->receive = receive;
  transport->close = end;
  transport->local_address = local_address;
  transport->random = random_bits;
}

uint32_t posix_now(void) {
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint32_t)((uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u);
}
