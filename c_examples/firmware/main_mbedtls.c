/*
 * main_mbedtls.c - a device without an operating system that mails an alarm over TLS: Ethernet, lwIP, mbedTLS
 *
 * The same device as in main_lwip.c; between the library and lwIP there is transport_mbedtls.c.
 */
#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/timeouts.h"
#include "netif/ethernet.h"

#include "mbedtls/memory_buffer_alloc.h"

#include "alarm.h"
#include "board.h"
#include "lan9118.h"
#include "sds_smtp_firmware.h"
#include "transport_lwip.h"
#include "transport_mbedtls.h"

#include "authority.h" /* static const unsigned char authority[]: whom we trust, as DER; board.sh makes it of a PEM file */

/* The network that QEMU makes up, and in it the mail server. */
#define OUR_ADDRESS "10.0.2.15"
#define NETWORK     "255.255.255.0"
#define GATEWAY     "10.0.2.2"
#define SERVER      "10.0.2.100"

#ifndef TLS
#define TLS SDS_SMTP_TLS_STARTTLS /* port 587; or SDS_SMTP_TLS_IMPLICIT: port 465 */
#endif
#ifndef TLS_NAME
#define TLS_NAME "mx.example.test"
#endif

static unsigned char storage[SDS_SMTP_CLIENT_SIZE + 1024];
static unsigned char heap[16384] __attribute__((aligned(8)));
static struct sds_smtp_log_entry log_memory[4];
static struct transport_lwip network;
static struct transport_mbedtls connection;
static struct netif ethernet;

/* lwIP's clock is ours. */
u32_t sys_now(void)
{
  return board_milliseconds();
}

static uint32_t unix_time(void *context)
{
  (void)context;
  return board_unix_time();
}

/* The emulated board has no generator of random numbers, and this is none: a device must have one. */
static int entropy(void *context, unsigned char *out, size_t length)
{
  (void)context;
  while (length-- > 0)
    *out++ = (unsigned char)(board_random() >> 11);
  return 0;
}

static void begin_network(void)
{
  ip4_addr_t address, mask, gateway;

  lwip_init();
  ip4addr_aton(OUR_ADDRESS, &address);
  ip4addr_aton(NETWORK, &mask);
  ip4addr_aton(GATEWAY, &gateway);
  netif_add(&ethernet, &address, &mask, &gateway, NULL, lan9118_init, ethernet_input);
  netif_set_default(&ethernet);
  netif_set_up(&ethernet);
}

static void begin_mail(void)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  int code;

  mbedtls_memory_buffer_alloc_init(heap, sizeof heap);
  transport_lwip_init(&network);
  network.transport.flags = SDS_SMTP_TRANSPORT_WAKES; /* the main loop polls after whatever lwIP has done */
  if (transport_mbedtls_init(&connection, &network.transport, entropy, unix_time, NULL) != 0 ||
      transport_mbedtls_trust(&connection, authority, sizeof authority) != 0)
    board_console("no entropy, no memory, or no certificate of an authority: mails will fail\n");
  sds_smtp_client_init(storage, sizeof storage);
  sds_smtp_set_transport(&connection.transport);
  sds_smtp_set_clock(unix_time, NULL);
  sds_smtp_client_set_log(NULL, log_memory, 4);
  config.server = SERVER;
  config.tls = TLS;
  config.tls_name = TLS_NAME; /* the server is configured by its address, and its certificate is for its name */
  config.auth = SDS_SMTP_AUTH_ANY;
  config.username = "sds";
  config.password = "sds-secret";
  config.sender = "unit7@example.test";
  code = sds_smtp_client_configure(NULL, &config);
  if (code != SDS_SMTP_OK)
    alarm_say("configuration refused, code", code);
}

int main(void)
{
  board_init();
  begin_network();
  begin_mail();
  for (;;) {
    uint32_t now = board_milliseconds();

    lan9118_poll(&ethernet);
    sys_check_timeouts();
    alarm_work(now);
    if (sds_smtp_poll(now) > 0)
      board_sleep();
  }
}
