/* heap.c - the heap, counted: see heap.h */
#include "heap.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *block);

static atomic_llong bytes;
static atomic_llong blocks;
static atomic_llong most;

long long heap_bytes(void)
{
  return bytes;
}

long long heap_blocks(void)
{
  return blocks;
}

long long heap_most(void)
{
  return atomic_exchange(&most, bytes);
}

static void *counted(void *block, int sign)
{
  if (block != NULL) {
    long long change = sign * (long long)(malloc_usable_size(block) + sizeof(size_t));
    long long now = atomic_fetch_add(&bytes, change) + change, before = most;

    while (now > before && !atomic_compare_exchange_weak(&most, &before, now))
      continue;
    atomic_fetch_add(&blocks, sign);
  }
  return block;
}

void *malloc(size_t size)
{
  return counted(__libc_malloc(size), 1);
}

void *calloc(size_t count, size_t size)
{
  return counted(__libc_calloc(count, size), 1);
}

void *realloc(void *block, size_t size)
{
  void *moved;

  counted(block, -1);
  moved = __libc_realloc(block, size);
  if (moved == NULL && size > 0)
    counted(block, 1);
  return counted(moved, 1);
}

void *memalign(size_t alignment, size_t size)
{
  return counted(__libc_memalign(alignment, size), 1);
}

void *aligned_alloc(size_t alignment, size_t size)
{
  return memalign(alignment, size);
}

int posix_memalign(void **place, size_t alignment, size_t size)
{
  void *block = memalign(alignment, size);

  if (block == NULL)
    return ENOMEM;
  *place = block;
  return 0;
}

void free(void *block)
{
  __libc_free(counted(block, -1));
}
