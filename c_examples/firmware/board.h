/*
 * board.h - what the programs of this folder ask of a board
 *
 * board_mps2.c, board_microbit.c and board_virt.c provide it for boards that QEMU emulates. For a board of your own
 * write these functions over your vendor's drivers.
 */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>

void board_init(void);

/* Milliseconds since the start. Wraps after 49 days, as sds_smtp_poll() expects it. */
uint32_t board_milliseconds(void);

/* Seconds since 1970, UTC; 0 while the date is not known. */
uint32_t board_unix_time(void);

uint32_t board_random(void);

/* Sleeps until the next interrupt, a millisecond at the most. */
void board_sleep(void);

void board_led(int on);

/* Says something on the second serial line. Waits until it is out: for a few words only. */
void board_console(const char *text);

/* The first serial line, behind which the network is. These two never wait; they return how many octets they took. */
size_t board_line_send(const uint8_t *octets, size_t length);
size_t board_line_receive(uint8_t *octets, size_t max);

/* Ends the emulation with an exit code. A device has no such thing. */
void board_stop(int code);

#endif
