/*
 * transport_lwip.h - the connection of a client over lwIP's raw TCP interface (lwIP 2.1 and 2.2)
 *
 *     static struct transport_lwip network;
 *
 *     transport_lwip_init(&network);
 *     sds_smtp_set_transport(&network.transport);
 *
 * Each client has a structure of its own, which stays as long as the client lives. IPv4 and IPv6, as lwIP is configured.
 * It looks no names up: a program that has lwIP's DNS sets transport.resolve to a function of its own.
 *
 * The random numbers are LWIP_RAND's, which cc.h maps to the device's generator. Where it is lwIP's default, a rand() that
 * begins with the same numbers after each start, set transport.random to NULL.
 *
 * lwIP's raw interface has one thread, and sds_smtp_poll() and sds_smtp_client_free() are called in it: without an
 * operating system (NO_SYS) in the main loop, else in the TCP/IP thread, as with tcpip_callback(). Not out of a callback
 * of lwIP's.
 */
#ifndef TRANSPORT_LWIP_H
#define TRANSPORT_LWIP_H

#include "lwip/err.h"
#include "lwip/pbuf.h"
#include "lwip/tcp.h"

#include "sds_smtp_firmware.h"

#ifdef __cplusplus
extern "C" {
#endif

struct transport_lwip {
  struct sds_smtp_transport transport;
  /* From here on: transport_lwip.c's own. */
  struct tcp_pcb *pcb;   /* NULL: no connection, or lwIP has freed it */
  struct pbuf *received; /* what was received and not yet read */
  int32_t connected;     /* 0 not yet, 1 yes, or why not: SDS_SMTP_REFUSED, SDS_SMTP_UNREACHABLE */
  int32_t ended;         /* 1: nothing more will be received */
};

/* Once for each structure; not while a mail is in flight.
 *
 * A program that calls sds_smtp_poll() after each frame that it has given to lwIP, and after sys_check_timeouts(), may set
 * transport.flags to SDS_SMTP_TRANSPORT_WAKES: then sds_smtp_poll() says how long the program may sleep. */
void transport_lwip_init(struct transport_lwip *network);

#ifdef __cplusplus
}
#endif

#endif
