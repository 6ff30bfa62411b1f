/*
 * lan9118.c - lwIP's driver for the Ethernet chip LAN9118 of the MPS2 boards, polled
 */
#include "lan9118.h"

#include <string.h>

#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/pbuf.h"

#define CHIP(offset) (*(volatile uint32_t *)(0x40200000u + (offset)))

#define RX_DATA       CHIP(0x00)
#define TX_DATA       CHIP(0x20)
#define RX_STATUS     CHIP(0x40)
#define TX_STATUS     CHIP(0x48)
#define TX_CONFIG     CHIP(0x70)
#define HARDWARE      CHIP(0x74)
#define RX_FIFO       CHIP(0x7C)
#define TX_FIFO       CHIP(0x80)
#define MAC_COMMAND   CHIP(0xA4)
#define MAC_DATA      CHIP(0xA8)

#define MAC_CONTROL      1u
#define MAC_ADDRESS_HIGH 2u
#define MAC_ADDRESS_LOW  3u

#define ONLY_SEGMENT 0x3000u /* the first one and the last one of its frame */
#define CHECKSUM     4u      /* octets behind each frame received */
#define LONGEST      1522u

static const uint8_t hardware_address[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

/* The chip is read and written in words: one frame, on its way in or out. */
static uint32_t frame[(LONGEST + 3) / 4];

static void write_mac(uint32_t number, uint32_t value)
{
  MAC_DATA = value;
  MAC_COMMAND = 0x80000000u | number;
  while (MAC_COMMAND & 0x80000000u) {
  }
}

static err_t transmit(struct netif *netif, struct pbuf *octets)
{
  uint32_t length = octets->tot_len, i;

  (void)netif;
  if (length > sizeof frame || (TX_FIFO & 0xFFFF) < length + 16)
    return ERR_MEM; /* TCP sends it again */
  while (TX_FIFO >> 16 & 0xFF)
    (void)TX_STATUS; /* what became of the frames before: nobody asks */
  pbuf_copy_partial(octets, frame, (u16_t)length, 0);
  TX_DATA = ONLY_SEGMENT | length;
  TX_DATA = length;
  for (i = 0; i < (length + 3) / 4; i++)
    TX_DATA = frame[i];
  return ERR_OK;
}

void lan9118_poll(struct netif *netif)
{
  while (RX_FIFO >> 16 & 0xFF) {
    uint32_t status = RX_STATUS;
    uint32_t length = status >> 16 & 0x3FFF, i;
    struct pbuf *octets;

    for (i = 0; i < (length + 3) / 4; i++) {
      uint32_t word = RX_DATA;

      if (i < sizeof frame / 4)
        frame[i] = word;
    }
    if ((status & 0x8000) != 0 || length <= CHECKSUM || length > sizeof frame)
      continue;
    length -= CHECKSUM;
    octets = pbuf_alloc(PBUF_RAW, (u16_t)length, PBUF_POOL);
    if (octets == NULL)
      continue; /* TCP sends it again */
    pbuf_take(octets, frame, (u16_t)length);
    if (netif->input(octets, netif) != ERR_OK)
      pbuf_free(octets);
  }
}

err_t lan9118_init(struct netif *netif)
{
  const uint8_t *a = hardware_address;

  netif->name[0] = 'e';
  netif->name[1] = 'n';
#if LWIP_IPV4
  netif->output = etharp_output;
#endif
#if LWIP_IPV6
  netif->output_ip6 = ethip6_output;
#endif
  netif->linkoutput = transmit;
  netif->mtu = 1500;
  netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
  netif->hwaddr_len = sizeof hardware_address;
  memcpy(netif->hwaddr, hardware_address, sizeof hardware_address);

  HARDWARE = 1; /* reset */
  while (HARDWARE & 1) {
  }
  HARDWARE = 0x00150000; /* 5 KiB for frames to send */
  write_mac(MAC_ADDRESS_LOW, (uint32_t)a[3] << 24 | (uint32_t)a[2] << 16 | (uint32_t)a[1] << 8 | a[0]);
  write_mac(MAC_ADDRESS_HIGH, (uint32_t)a[5] << 8 | a[4]);
  write_mac(MAC_CONTROL, 0x0008000C); /* sends and receives, also what is for a group (IPv6) */
  TX_CONFIG = 2;                      /* on */
  return ERR_OK;
}
