/* The five functions of C that the library asks for, for programs without a C library. */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *to, const void *from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int octet, size_t length);
int memcmp(const void *one, const void *other, size_t length);
size_t strlen(const char *text);

/* A compiler makes a call of memcpy out of a loop that copies, but not out of one over volatile octets. */
void *memcpy(void *to, const void *from, size_t length) {
  volatile unsigned char *place = to;
  const unsigned char *octet = from;

  while (length--) *place++ = *octet++;
  return to;
}

void *memmove(void *to, const void *from, size_t length) {
  volatile unsigned char *place = to;
  const unsigned char *octet = from;

  if ((uintptr_t)to < (uintptr_t)from) return memcpy(to, from, length);
  while (length--) place[length] = octet[length];
  return to;
}

void *memset(void *to, int octet, size_t length) {
  volatile unsigned char *place = to;

  while (length--) *place++ = (unsigned char)octet;
  return to;
}

int memcmp(const void *one, const void *other, size_t length) {
  const volatile unsigned char *a = one, *b = other;

  for (; length; length--, a++, b++)
    if (*a != *b) return *a - *b;
  return 0;
}

size_t strlen(const char *text) {
  const volatile char *end = text;

  while (*end) end++;
  return (size_t)(end - text);
}
