/* A transport over non-blocking sockets: what the firmware's library is tested with on a host. */
#ifndef TRANSPORT_POSIX_H
#define TRANSPORT_POSIX_H

#include "sds_smtp_firmware.h"

struct posix_link {
  int fd;
};

/* Fills a transport in, for one client; the link must stay. */
void posix_transport(struct sds_smtp_transport *transport, struct posix_link *link);

/* Milliseconds of a clock that only goes forward. */
uint32_t posix_now(void);

#endif
