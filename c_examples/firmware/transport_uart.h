/*
 * transport_uart.h - a serial line with a TCP connection behind it
 */
#ifndef TRANSPORT_UART_H
#define TRANSPORT_UART_H

#include "sds_smtp_firmware.h"

/* For sds_smtp_set_transport(). There is one line: one client at a time can use it. */
extern const struct sds_smtp_transport transport_uart;

#endif
