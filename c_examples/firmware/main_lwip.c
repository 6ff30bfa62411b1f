/*
 * main_lwip.c - a device without an operating system that mails an alarm, over Ethernet and lwIP
 *
 * The same device as in main.c; what differs is the connection.
 */
#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/timeouts.h"
#include "netif/ethernet.h"

#include "alarm.h"
#include "board.h"
#include "lan9118.h"
#include "sds_smtp_firmware.h"
#include "transport_lwip.h"

/* The network that QEMU makes up, and in it the mail server. */
#define OUR_ADDRESS "10.0.2.15"
#define NETWORK     "255.255.255.0"
#define GATEWAY     "10.0.2.2"
#define SERVER      "10.0.2.100"

static unsigned char storage[SDS_SMTP_CLIENT_SIZE + 1024];
static struct sds_smtp_log_entry log_memory[4];
static struct transport_lwip connection;
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

static void begin_network(void)
{
  ip4_addr_t address, network, gateway;

  lwip_init();
  ip4addr_aton(OUR_ADDRESS, &address);
  ip4addr_aton(NETWORK, &network);
  ip4addr_aton(GATEWAY, &gateway);
  netif_add(&ethernet, &address, &network, &gateway, NULL, lan9118_init, ethernet_input);
  netif_set_default(&ethernet);
  netif_set_up(&ethernet);
}

static void begin_mail(void)
{
  int code;

  transport_lwip_init(&connection);
  connection.transport.flags = SDS_SMTP_TRANSPORT_WAKES; /* the main loop polls after whatever lwIP has done */
  sds_smtp_client_init(storage, sizeof storage);
  sds_smtp_set_transport(&connection.transport);
  sds_smtp_set_clock(unix_time, NULL);
  sds_smtp_client_set_log(NULL, log_memory, 4);
  code = sds_smtp_configure(SERVER, 1, "sds", "sds-secret", "unit7@example.test");
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
