/*
 * heap.h - the bytes and blocks that a program has on the heap
 *
 * heap.c stands in for malloc() and its family in the program that it is linked into, the libraries of the
 * program included. Bytes are those of the blocks, the heap's own word before each of them included. glibc
 * only.
 */
#ifndef HEAP_H
#define HEAP_H

#include <time.h>

long long heap_bytes(void);
long long heap_blocks(void);

/* The most bytes that there have been since this was called the last time. */
long long heap_most(void);

/*
 * The bytes when they have not changed for 50 ms; after 10 s, whatever they are. The server sees a connection
 * before the engine has tidied up behind the turn that opened it.
 */
static inline long long quiet_heap_bytes(void)
{
  const struct timespec round = {0, 2000000};
  long long before = heap_bytes();

  for (int rounds = 0, quiet = 0; rounds < 5000 && quiet < 25; rounds++) {
    long long now;

    nanosleep(&round, NULL);
    now = heap_bytes();
    quiet = now == before ? quiet + 1 : 0;
    before = now;
  }
  return before;
}

#endif
