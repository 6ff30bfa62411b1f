/*
 * lwip_transport.c - transport_lwip.c in each of its troubles, on a host, under sanitizers
 *
 * Both ends of each connection are in this one process, in the same lwIP, which has a loopback and a hole: a network whose
 * packets vanish. All of lwIP's memory is counted: what a test leaves behind is found.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"

#include "transport_lwip.h"

#define CHECK(what) \
  do { \
    if (!(what)) { \
      fprintf(stderr, "%s:%d: %s is not so\n", __FILE__, __LINE__, #what); \
      exit(1); \
    } \
  } while (0)

#define PORT 2525

/* --- time and memory ----------------------------------------------------------------------------------------------- */

static u32_t now;
static long allocated;
static int memory_is_short;

u32_t sys_now(void)
{
  return now;
}

/* What lwIP is compiled to call. */
void *test_malloc(size_t length);
void *test_calloc(size_t count, size_t length);
void test_free(void *memory);

void *test_malloc(size_t length)
{
  void *memory = memory_is_short ? NULL : malloc(length);

  allocated += memory != NULL;
  return memory;
}

void *test_calloc(size_t count, size_t length)
{
  void *memory = memory_is_short ? NULL : calloc(count, length);

  allocated += memory != NULL;
  return memory;
}

void test_free(void *memory)
{
  allocated -= memory != NULL;
  free(memory);
}

static void go_on(unsigned rounds, u32_t step)
{
  while (rounds-- > 0) {
    netif_poll_all();
    now += step;
    sys_check_timeouts();
  }
  netif_poll_all();
}

/* --- the other end ------------------------------------------------------------------------------------------------- */

struct server {
  struct tcp_pcb *listener, *pcb;
  int reads;  /* whether it takes what comes */
  int closed; /* by us */
  int reset;
  size_t length, unread;
  unsigned char got[300000];
};

static err_t server_received(void *context, struct tcp_pcb *pcb, struct pbuf *octets, err_t error)
{
  struct server *server = (struct server *)context;

  (void)error;
  if (octets == NULL) {
    server->closed = 1;
    return ERR_OK;
  }
  CHECK(server->length + octets->tot_len <= sizeof server->got);
  pbuf_copy_partial(octets, server->got + server->length, octets->tot_len, 0);
  server->length += octets->tot_len;
  if (server->reads)
    tcp_recved(pcb, octets->tot_len);
  else
    server->unread += octets->tot_len;
  pbuf_free(octets);
  return ERR_OK;
}

static void server_failed(void *context, err_t error)
{
  struct server *server = (struct server *)context;

  (void)error;
  server->pcb = NULL;
  server->reset = 1;
}

static err_t server_accepted(void *context, struct tcp_pcb *pcb, err_t error)
{
  struct server *server = (struct server *)context;

  CHECK(error == ERR_OK && pcb != NULL);
  server->pcb = pcb;
  tcp_arg(pcb, server);
  tcp_recv(pcb, server_received);
  tcp_err(pcb, server_failed);
  return ERR_OK;
}

static void server_begin(struct server *server)
{
  memset(server, 0, sizeof *server);
  server->reads = 1;
  server->listener = tcp_new_ip_type(IPADDR_TYPE_ANY);
  CHECK(server->listener != NULL && tcp_bind(server->listener, IP_ANY_TYPE, PORT) == ERR_OK);
  server->listener = tcp_listen(server->listener);
  CHECK(server->listener != NULL);
  tcp_arg(server->listener, server);
  tcp_accept(server->listener, server_accepted);
}

/* Nothing of the connections may be left. */
static void check_that_nothing_is_left(long allocated_before)
{
  go_on(1000, 250); /* TIME-WAIT */
  CHECK(tcp_active_pcbs == NULL && tcp_tw_pcbs == NULL && tcp_bound_pcbs == NULL);
  CHECK(allocated == allocated_before);
}

static void server_end(struct server *server, long allocated_before)
{
  if (server->pcb != NULL) {
    tcp_arg(server->pcb, NULL);
    tcp_recv(server->pcb, NULL);
    tcp_err(server->pcb, NULL);
    tcp_close(server->pcb);
  }
  tcp_close(server->listener);
  check_that_nothing_is_left(allocated_before);
}

/* --- our end ------------------------------------------------------------------------------------------------------- */

static int32_t begin_to(struct transport_lwip *network, int version, const char *where, unsigned port)
{
  struct sds_smtp_address server;
  ip_addr_t address;

  memset(&server, 0, sizeof server);
  CHECK(ipaddr_aton(where, &address));
  server.version = (uint32_t)version;
  server.port = port;
  if (version == 4)
    memcpy(server.octets, &ip_2_ip4(&address)->addr, 4);
  else
    memcpy(server.octets, ip_2_ip6(&address)->addr, 16);
  return network->transport.connect(network, &server);
}

static int32_t is_connected(struct transport_lwip *network)
{
  return network->transport.connected(network);
}

static int32_t send_octets(struct transport_lwip *network, const void *octets, size_t length)
{
  return network->transport.send(network, (const uint8_t *)octets, length);
}

static int32_t receive_octets(struct transport_lwip *network, void *octets, size_t max)
{
  return network->transport.receive(network, (uint8_t *)octets, max);
}

static void connect_here(struct transport_lwip *network, int version)
{
  transport_lwip_init(network);
  CHECK(begin_to(network, version, version == 4 ? "127.0.0.1" : "::1", PORT) == 0);
  CHECK(is_connected(network) == 0);
  go_on(5, 10);
  CHECK(is_connected(network) == 1);
}

static unsigned char pattern(size_t at)
{
  return (unsigned char)(at * 31 + at / 251);
}

static const unsigned char *patterned(size_t from, size_t length)
{
  static unsigned char octets[10000];
  size_t i;

  CHECK(length <= sizeof octets);
  for (i = 0; i < length; i++)
    octets[i] = pattern(from + i);
  return octets;
}

static struct server server;

/* --- tests --------------------------------------------------------------------------------------------------------- */

static void octets_go_both_ways(int version)
{
  struct transport_lwip network;
  struct sds_smtp_address local;
  unsigned char octets[100];
  size_t sent = 0, got = 0;
  unsigned i;

  server_begin(&server);
  connect_here(&network, version);
  CHECK(network.transport.local_address(&network, &local) == 0);
  CHECK(local.version == (uint32_t)version && local.port != 0);
  CHECK(local.octets[version == 4 ? 0 : 15] == (version == 4 ? 127 : 1));
  CHECK(receive_octets(&network, octets, sizeof octets) == 0);
  for (i = 1; i < 60; i++) {
    int32_t took = send_octets(&network, patterned(sent, i * 7), i * 7);
    int32_t gave;

    CHECK(took == (int32_t)(i * 7));
    CHECK(tcp_write(server.pcb, patterned(sent, i * 7), (u16_t)(i * 7), TCP_WRITE_FLAG_COPY) == ERR_OK);
    CHECK(tcp_output(server.pcb) == ERR_OK);
    sent += (size_t)took;
    if (i % 5 == 0) {
      go_on(3, 10);
      /* In pieces of all sizes, which end within and between the segments. */
      while ((gave = receive_octets(&network, octets, 1 + got % (sizeof octets - 1))) > 0) {
        CHECK(memcmp(octets, patterned(got, (size_t)gave), (size_t)gave) == 0);
        got += (size_t)gave;
      }
      CHECK(gave == 0);
    }
  }
  go_on(10, 100);
  CHECK(server.length == sent && memcmp(server.got + 5000, patterned(5000, 1000), 1000) == 0);
  network.transport.close(&network);
  go_on(5, 10);
  CHECK(server.closed && !server.reset);
}

static void nobody_listens(void)
{
  struct transport_lwip network;
  unsigned char octet;

  transport_lwip_init(&network);
  CHECK(begin_to(&network, 4, "127.0.0.1", PORT) == 0);
  go_on(5, 10);
  CHECK(is_connected(&network) == SDS_SMTP_REFUSED);
  CHECK(receive_octets(&network, &octet, 1) == SDS_SMTP_LOST && send_octets(&network, "x", 1) == SDS_SMTP_LOST);
  network.transport.close(&network);
}

static void there_is_no_way(void)
{
  struct transport_lwip network;
  struct sds_smtp_address server_address;

  transport_lwip_init(&network);
  CHECK(begin_to(&network, 4, "203.0.113.1", PORT) == SDS_SMTP_UNREACHABLE);
  CHECK(begin_to(&network, 6, "2001:db8::1", PORT) == SDS_SMTP_UNREACHABLE);
  memset(&server_address, 0, sizeof server_address);
  server_address.version = 5;
  CHECK(network.transport.connect(&network, &server_address) == SDS_SMTP_UNREACHABLE);
}

static void nobody_answers(void)
{
  struct transport_lwip network;

  transport_lwip_init(&network);
  CHECK(begin_to(&network, 4, "192.0.2.1", PORT) == 0);
  go_on(40, 250);
  CHECK(is_connected(&network) == 0);
  go_on(2400, 250); /* lwIP gives up */
  CHECK(is_connected(&network) == SDS_SMTP_UNREACHABLE);
  network.transport.close(&network);
  /* And the library does, before lwIP. */
  CHECK(begin_to(&network, 4, "192.0.2.1", PORT) == 0);
  go_on(12, 250);
  network.transport.close(&network);
  CHECK(begin_to(&network, 4, "192.0.2.1", PORT) == 0);
  network.transport.close(&network);
}

static void memory_is_short_at_each_place(void)
{
  struct transport_lwip network;
  unsigned char octets[100];
  int32_t took;

  transport_lwip_init(&network);
  memory_is_short = 1;
  CHECK(begin_to(&network, 4, "127.0.0.1", PORT) == SDS_SMTP_NO_SOCKET);
  memory_is_short = 0;

  server_begin(&server);
  connect_here(&network, 4);
  memory_is_short = 1;
  CHECK(send_octets(&network, patterned(0, 100), 100) == 0);
  memory_is_short = 0;
  took = send_octets(&network, patterned(0, 100), 100);
  CHECK(took == 100);
  go_on(5, 300);
  CHECK(server.length == 100 && memcmp(server.got, patterned(0, 100), 100) == 0);
  CHECK(tcp_write(server.pcb, "220 x\r\n", 7, TCP_WRITE_FLAG_COPY) == ERR_OK);
  tcp_output(server.pcb);
  go_on(5, 10);
  CHECK(receive_octets(&network, octets, sizeof octets) == 7);
  /* No memory for an orderly end: an end all the same, and the server learns of it. */
  memory_is_short = 1;
  network.transport.close(&network);
  memory_is_short = 0;
  go_on(5, 300);
}

static void the_server_closes_at_once(void)
{
  struct transport_lwip network;
  unsigned char octets[100];

  server_begin(&server);
  transport_lwip_init(&network);
  CHECK(begin_to(&network, 4, "127.0.0.1", PORT) == 0);
  go_on(5, 10);
  CHECK(tcp_write(server.pcb, "554 no\r\n", 8, TCP_WRITE_FLAG_COPY) == ERR_OK);
  CHECK(tcp_close(server.pcb) == ERR_OK);
  server.pcb = NULL;
  go_on(5, 10);
  /* It was connected, and what was said is read before the end is told. */
  CHECK(is_connected(&network) == 1);
  CHECK(receive_octets(&network, octets, 5) == 5 && memcmp(octets, "554 n", 5) == 0);
  CHECK(receive_octets(&network, octets, 100) == 3);
  CHECK(receive_octets(&network, octets, 100) == SDS_SMTP_LOST);
  network.transport.close(&network);
}

static void the_server_resets(void)
{
  struct transport_lwip network;
  struct sds_smtp_address local;
  unsigned char octets[100];

  server_begin(&server);
  connect_here(&network, 6);
  CHECK(tcp_write(server.pcb, "421 bye\r\n", 9, TCP_WRITE_FLAG_COPY) == ERR_OK);
  tcp_output(server.pcb);
  go_on(5, 10);
  tcp_abort(server.pcb);
  server.pcb = NULL;
  go_on(5, 10);
  CHECK(is_connected(&network) == 1);
  CHECK(send_octets(&network, "x", 1) == SDS_SMTP_LOST);
  CHECK(network.transport.local_address(&network, &local) < 0);
  CHECK(receive_octets(&network, octets, 100) == 9 && memcmp(octets, "421 bye\r\n", 9) == 0);
  CHECK(receive_octets(&network, octets, 100) == SDS_SMTP_LOST);
  network.transport.close(&network);
  /* The same structure, another connection. */
  CHECK(begin_to(&network, 4, "127.0.0.1", PORT) == 0);
  go_on(5, 10);
  CHECK(is_connected(&network) == 1 && receive_octets(&network, octets, 100) == 0);
  network.transport.close(&network);
}

static void the_server_reads_slowly(void)
{
  struct transport_lwip network;
  size_t sent = 0, stops = 0;

  server_begin(&server);
  server.reads = 0;
  connect_here(&network, 4);
  while (sent < 290000) {
    int32_t took = send_octets(&network, patterned(sent, 10000), 10000);

    CHECK(took >= 0 && took <= 10000);
    sent += (size_t)took;
    if (took == 0) {
      stops++;
      CHECK(stops < 2000);
      go_on(1, 100);
      if (server.unread > 100000) { /* the window is nearly closed */
        tcp_recved(server.pcb, (u16_t)60000);
        server.unread -= 60000;
      }
    }
  }
  tcp_recved(server.pcb, (u16_t)60000);
  go_on(50, 100);
  CHECK(stops > 30 && server.length == sent);
  for (sent = 0; sent < server.length; sent++)
    CHECK(server.got[sent] == pattern(sent));
  network.transport.close(&network);
}

/* More than 64 KiB wait to be read: a chain of buffers cannot hold them. */
static void the_server_floods(void)
{
  struct transport_lwip network;
  unsigned char octets[333];
  size_t said = 0, got = 0;
  unsigned rounds = 0;
  int32_t gave;

  server_begin(&server);
  connect_here(&network, 4);
  while (said < 180000) {
    u16_t room = tcp_sndbuf(server.pcb) > 1000 ? 1000 : (u16_t)tcp_sndbuf(server.pcb);

    if (room > 0 && tcp_write(server.pcb, patterned(said, room), room, TCP_WRITE_FLAG_COPY) == ERR_OK)
      said += room;
    tcp_output(server.pcb);
    go_on(1, 50);
    if (++rounds > 2000)
      break; /* the window is closed */
  }
  CHECK(said > 65536);
  CHECK(network.received->tot_len > 60000);
  for (rounds = 0; got < said; rounds++) {
    CHECK(rounds < 20000);
    gave = receive_octets(&network, octets, sizeof octets);
    CHECK(gave >= 0);
    CHECK(memcmp(octets, patterned(got, (size_t)gave), (size_t)gave) == 0);
    got += (size_t)gave;
    if (gave == 0)
      go_on(1, 50);
  }
  network.transport.close(&network);
}

static void what_was_sent_arrives_though_much_is_unread(void)
{
  struct transport_lwip network;

  server_begin(&server);
  connect_here(&network, 4);
  CHECK(tcp_write(server.pcb, patterned(0, 3000), 3000, TCP_WRITE_FLAG_COPY) == ERR_OK);
  tcp_output(server.pcb);
  go_on(5, 10);
  CHECK(send_octets(&network, patterned(0, 5000), 5000) == 5000);
  network.transport.close(&network);
  go_on(20, 100);
  CHECK(server.length == 5000 && memcmp(server.got, patterned(0, 5000), 5000) == 0);
  CHECK(server.closed && !server.reset);
  /* What the server still says goes nowhere, and harms nobody. */
  CHECK(tcp_write(server.pcb, patterned(0, 100), 100, TCP_WRITE_FLAG_COPY) == ERR_OK);
  tcp_output(server.pcb);
  go_on(20, 100);
  CHECK(server.reset);
}

static void two_clients_do_not_meet(void)
{
  struct transport_lwip one, other;
  struct tcp_pcb *ones;
  unsigned char octets[10];

  server_begin(&server);
  connect_here(&one, 4);
  ones = server.pcb;
  connect_here(&other, 6);
  CHECK(tcp_write(ones, "one", 3, TCP_WRITE_FLAG_COPY) == ERR_OK && tcp_output(ones) == ERR_OK);
  go_on(5, 10);
  CHECK(receive_octets(&other, octets, 10) == 0 && receive_octets(&one, octets, 10) == 3);
  one.transport.close(&one);
  go_on(5, 10);
  CHECK(is_connected(&other) == 1 && receive_octets(&other, octets, 10) == 0);
  other.transport.close(&other);
  tcp_arg(ones, NULL);
  tcp_recv(ones, NULL);
  tcp_err(ones, NULL);
  tcp_close(ones);
}

/* --- the hole ------------------------------------------------------------------------------------------------------ */

static err_t swallow(struct netif *netif, struct pbuf *octets, const ip4_addr_t *to)
{
  (void)netif;
  (void)octets;
  (void)to;
  return ERR_OK;
}

static err_t hole_init(struct netif *netif)
{
  netif->name[0] = 'h';
  netif->name[1] = 'o';
  netif->mtu = 1500;
  netif->output = swallow;
  netif->flags = NETIF_FLAG_LINK_UP;
  return ERR_OK;
}

int main(void)
{
  static struct netif hole;
  ip4_addr_t address, mask, none;
  struct transport_lwip network;
  long before;
  int i;

  lwip_init();
  ip4addr_aton("192.0.2.250", &address);
  ip4addr_aton("255.255.255.0", &mask);
  ip4addr_aton("0.0.0.0", &none);
  CHECK(netif_add(&hole, &address, &mask, &none, NULL, hole_init, netif_input) != NULL);
  netif_set_up(&hole);
  go_on(50, 100);

  transport_lwip_init(&network);
  CHECK(network.transport.struct_size == sizeof(struct sds_smtp_transport) && network.transport.random(&network) != 0);
  CHECK(network.transport.start_tls == NULL);

  before = allocated;
  for (i = 0; i < 2; i++) {
    octets_go_both_ways(i == 0 ? 4 : 6);
    server_end(&server, before);
  }
  nobody_listens();
  check_that_nothing_is_left(before);
  there_is_no_way();
  check_that_nothing_is_left(before);
  nobody_answers();
  check_that_nothing_is_left(before);
  memory_is_short_at_each_place();
  server_end(&server, before);
  the_server_closes_at_once();
  server_end(&server, before);
  the_server_resets();
  server_end(&server, before);
  the_server_reads_slowly();
  server_end(&server, before);
  the_server_floods();
  server_end(&server, before);
  what_was_sent_arrives_though_much_is_unread();
  server_end(&server, before);
  two_clients_do_not_meet();
  server_end(&server, before);
  puts("transport_lwip.c: all is well");
  return 0;
}
