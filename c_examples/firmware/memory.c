/*
 * memory.c - the five functions of C that the library calls, for a toolchain that comes without a C library
 *
 * To be compiled with -ffreestanding or -fno-builtin: else the compiler may see memset() in the loop of memset(), and call it.
 */
#include <stddef.h>

void *memcpy(void *to, const void *from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int octet, size_t length);
int memcmp(const void *one, const void *other, size_t length);
size_t strlen(const char *text);

void *memcpy(void *to, const void *from, size_t length)
{
  return memmove(to, from, length);
}

void *memmove(void *to, const void *from, size_t length)
{
  unsigned char *out = (unsigned char *)to;
  const unsigned char *in = (const unsigned char *)from;
  size_t i;

  if (out < in) {
    for (i = 0; i < length; i++)
      out[i] = in[i];
  } else {
    for (i = length; i > 0; i--)
      out[i - 1] = in[i - 1];
  }
  return to;
}

void *memset(void *to, int octet, size_t length)
{
  unsigned char *out = (unsigned char *)to;

  while (length > 0)
    out[--length] = (unsigned char)octet;
  return to;
}

int memcmp(const void *one, const void *other, size_t length)
{
  const unsigned char *a = (const unsigned char *)one, *b = (const unsigned char *)other;
  size_t i;

  for (i = 0; i < length; i++) {
    if (a[i] != b[i])
      return a[i] - b[i];
  }
  return 0;
}

size_t strlen(const char *text)
{
  size_t length = 0;

  while (text[length] != '\0')
    length++;
  return length;
}
