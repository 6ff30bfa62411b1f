/*
 * transport_lwip.c - the connection of a client over lwIP's raw TCP interface; see transport_lwip.h
 */
#include "transport_lwip.h"

#include <string.h>

#if !LWIP_TCP || !LWIP_CALLBACK_API
#error "lwIP is needed with LWIP_TCP and LWIP_CALLBACK_API"
#endif

/* --- lwIP tells ------------------------------------------------------------------------------------------------- */

static err_t on_connected(void *context, struct tcp_pcb *pcb, err_t error)
{
  struct transport_lwip *network = (struct transport_lwip *)context;

  (void)pcb;
  (void)error; /* always ERR_OK: see on_error */
  network->connected = 1;
  return ERR_OK;
}

static err_t on_received(void *context, struct tcp_pcb *pcb, struct pbuf *octets, err_t error)
{
  struct transport_lwip *network = (struct transport_lwip *)context;

  (void)pcb;
  (void)error;
  if (octets == NULL) {
    network->ended = 1; /* the server has closed; what it sent before can still be read */
    return ERR_OK;
  }
  if (network->received == NULL) {
    network->received = octets;
    return ERR_OK;
  }
  /* A chain's length has 16 bits. What is not taken lwIP keeps, and offers again. */
  if (octets->tot_len > 0xFFFFu - network->received->tot_len)
    return ERR_MEM;
  pbuf_cat(network->received, octets);
  return ERR_OK;
}

/* The connection has failed, and lwIP has freed the control block. */
static void on_error(void *context, err_t error)
{
  struct transport_lwip *network = (struct transport_lwip *)context;

  network->pcb = NULL;
  network->ended = 1;
  if (network->connected == 0)
    network->connected = error == ERR_RST ? SDS_SMTP_REFUSED : SDS_SMTP_UNREACHABLE; /* else nobody has answered */
}

/* --- the library asks ------------------------------------------------------------------------------------------- */

static int set_address(ip_addr_t *address, const struct sds_smtp_address *server)
{
#if LWIP_IPV4
  if (server->version == 4) {
    ip_addr_set_zero_ip4(address);
    memcpy(&ip_2_ip4(address)->addr, server->octets, 4);
    return 1;
  }
#endif
#if LWIP_IPV6
  if (server->version == 6) {
    ip_addr_set_zero_ip6(address); /* no zone: tcp_connect() finds it */
    memcpy(ip_2_ip6(address)->addr, server->octets, 16);
    return 1;
  }
#endif
  return 0;
}

static int32_t lwip_connect(void *context, const struct sds_smtp_address *server)
{
  struct transport_lwip *network = (struct transport_lwip *)context;
  struct tcp_pcb *pcb;
  ip_addr_t address;
  err_t error;

  if (!set_address(&address, server))
    return SDS_SMTP_UNREACHABLE;
  pcb = tcp_new_ip_type(IP_GET_TYPE(&address));
  if (pcb == NULL)
    return SDS_SMTP_NO_SOCKET;
  network->pcb = pcb;
  network->received = NULL;
  network->connected = 0;
  network->ended = 0;
  tcp_arg(pcb, network);
  tcp_recv(pcb, on_received);
  tcp_err(pcb, on_error);
  tcp_nagle_disable(pcb); /* the library writes in large pieces, and waits for the answer */
  error = tcp_connect(pcb, &address, (u16_t)server->port, on_connected);
  if (error != ERR_OK) {
    network->pcb = NULL;
    tcp_close(pcb); /* an unused control block is freed; this cannot fail */
    return error == ERR_RTE ? SDS_SMTP_UNREACHABLE : SDS_SMTP_NO_SOCKET;
  }
  return 0;
}

static int32_t lwip_connected(void *context)
{
  const struct transport_lwip *network = (const struct transport_lwip *)context;

  return network->connected;
}

static int32_t lwip_send(void *context, const uint8_t *octets, size_t length)
{
  struct transport_lwip *network = (struct transport_lwip *)context;
  err_t error = ERR_MEM;

  if (network->pcb == NULL)
    return SDS_SMTP_LOST;
  if (length > tcp_sndbuf(network->pcb))
    length = tcp_sndbuf(network->pcb);
  if (length > 0xFFFF)
    length = 0xFFFF;
  /* Less may fit where lwIP is short of memory or segments. */
  for (; length > 0; length /= 2) {
    error = tcp_write(network->pcb, octets, (u16_t)length, TCP_WRITE_FLAG_COPY);
    if (error != ERR_MEM)
      break;
  }
  if (error == ERR_MEM)
    return 0;
  if (error != ERR_OK)
    return SDS_SMTP_LOST;
  tcp_output(network->pcb); /* where it fails now, lwIP's timer tries again */
  return (int32_t)length;
}

static int32_t lwip_receive(void *context, uint8_t *octets, size_t max)
{
  struct transport_lwip *network = (struct transport_lwip *)context;
  u16_t length;

  if (network->received == NULL)
    return network->ended ? SDS_SMTP_LOST : 0;
  length = network->received->tot_len;
  if (length > max)
    length = (u16_t)max;
  pbuf_copy_partial(network->received, octets, length, 0);
  network->received = pbuf_free_header(network->received, length);
  if (network->pcb != NULL)
    tcp_recved(network->pcb, length); /* only now: the window holds up a server that sends more than is read */
  return (int32_t)length;
}

static int32_t lwip_close(void *context)
{
  struct transport_lwip *network = (struct transport_lwip *)context;
  struct tcp_pcb *pcb = network->pcb;
  struct pbuf *unread = network->received;

  network->pcb = NULL;
  network->received = NULL;
  network->ended = 1;
  if (pcb != NULL) {
    tcp_arg(pcb, NULL);
    tcp_recv(pcb, NULL); /* lwIP's own takes what still comes */
    tcp_err(pcb, NULL);
    if (unread != NULL)
      tcp_recved(pcb, unread->tot_len); /* else the connection would be reset, and what was sent perhaps lost */
    if (tcp_close(pcb) != ERR_OK)
      tcp_abort(pcb); /* no memory for an orderly end */
  }
  if (unread != NULL)
    pbuf_free(unread);
  return 1; /* lwIP delivers by itself what was taken */
}

static int32_t lwip_local_address(void *context, struct sds_smtp_address *out)
{
  const struct transport_lwip *network = (const struct transport_lwip *)context;
  const ip_addr_t *address;

  if (network->pcb == NULL)
    return SDS_SMTP_LOST;
  address = &network->pcb->local_ip;
  out->port = network->pcb->local_port;
#if LWIP_IPV6
  if (IP_IS_V6(address)) {
    out->version = 6;
    memcpy(out->octets, ip_2_ip6(address)->addr, 16);
    return 0;
  }
#endif
#if LWIP_IPV4
  out->version = 4;
  memcpy(out->octets, &ip_2_ip4(address)->addr, 4);
#endif
  return 0;
}

#ifdef LWIP_RAND
static uint32_t lwip_random(void *context)
{
  (void)context;
  return (uint32_t)LWIP_RAND();
}
#endif

void transport_lwip_init(struct transport_lwip *network)
{
  memset(network, 0, sizeof *network);
  network->transport.struct_size = sizeof network->transport;
  network->transport.context = network;
  network->transport.connect = lwip_connect;
  network->transport.connected = lwip_connected;
  network->transport.send = lwip_send;
  network->transport.receive = lwip_receive;
  network->transport.close = lwip_close;
  network->transport.local_address = lwip_local_address;
#ifdef LWIP_RAND
  network->transport.random = lwip_random;
#endif
}
