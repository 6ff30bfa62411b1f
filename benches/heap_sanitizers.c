/* heap_sanitizers.c - heap.h in a program with sanitizers, which have a heap of their own and count it */
#include "heap.h"

#include <stddef.h>

/* The sanitizers' own: GCC brings no header for it. */
extern size_t __sanitizer_get_current_allocated_bytes(void);

long long heap_bytes(void)
{
  return (long long)__sanitizer_get_current_allocated_bytes();
}
