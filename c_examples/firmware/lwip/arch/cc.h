/*
 * cc.h - what lwIP asks of the compiler and the board
 */
#ifndef CC_H
#define CC_H

#include "board.h"

#define LWIP_RAND() board_random()

#define LWIP_PLATFORM_DIAG(message) \
  do { \
  } while (0)
#define LWIP_PLATFORM_ASSERT(message) \
  do { \
    board_console(message); \
    board_stop(98); \
  } while (0)

#endif
