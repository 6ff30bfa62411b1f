/*
 * board_host.c - of board.h what the tests of the boards need, for a host: they run there, too
 */
#include "board.h"

#include <stdio.h>
#include <stdlib.h>

void board_init(void)
{
}

void board_console(const char *text)
{
  fputs(text, stdout);
}

void board_stop(int code)
{
  exit(code);
}
