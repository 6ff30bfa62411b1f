/*
 * semihosting.h - calls to the debugger, which QEMU answers: the date, words on a terminal, the end
 *
 * They stand in for parts that the emulated boards lack. A chip without a debugger stops at such a call: do not take this
 * file along.
 */
#ifndef SEMIHOSTING_H
#define SEMIHOSTING_H

#include <stdint.h>

#define SEMIHOSTING_WRITE0 0x04 /* writes a string */
#define SEMIHOSTING_TIME   0x11 /* seconds since 1970 */
#define SEMIHOSTING_EXIT   0x20 /* ends the emulation with a code */

static inline uint32_t semihosting(uint32_t operation, const void *parameter)
{
#if defined __arm__
  register uint32_t r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = parameter;

  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
#else /* RISC-V: these three instructions, uncompressed and on one page */
  register uint32_t a0 __asm__("a0") = operation;
  register const void *a1 __asm__("a1") = parameter;

  __asm__ volatile(".option push\n.option norvc\n.balign 16\n"
                   "slli x0, x0, 0x1f\nebreak\nsrai x0, x0, 7\n"
                   ".option pop"
                   : "+r"(a0)
                   : "r"(a1)
                   : "memory");
  return a0;
#endif
}

static inline void semihosting_exit(int code)
{
  const uint32_t reason_and_code[2] = {0x20026, (uint32_t)code};

  semihosting(SEMIHOSTING_EXIT, reason_and_code);
}

#endif
