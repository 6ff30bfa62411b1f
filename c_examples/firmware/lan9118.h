/*
 * lan9118.h - lwIP's driver for the Ethernet chip LAN9118 of the MPS2 boards, polled
 */
#ifndef LAN9118_H
#define LAN9118_H

#include "lwip/netif.h"

/* For netif_add(). */
err_t lan9118_init(struct netif *netif);

/* Gives lwIP the frames that have come. To be called from the main loop. */
void lan9118_poll(struct netif *netif);

#endif
