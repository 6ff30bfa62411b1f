/* neighbour - a program that takes every function of the library, and another Rust library beside it. */
#include <stddef.h>
#include <stdint.h>

uint64_t neighbour_ratio(const uint64_t *numbers, size_t length, size_t at);

void _start(void);
void everything(void);

static volatile uint64_t numbers[2];

void _start(void)
{
  numbers[0] = neighbour_ratio((const uint64_t *)numbers, 2, 0);
  everything();
}
