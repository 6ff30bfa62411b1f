/*
 * board_virt.c - start-up and drivers for QEMU's "virt" machine with a RISC-V processor (RV32IMC)
 *
 * Its one UART is the line to the network; the console is QEMU's terminal. Everything is polled.
 */
#include "board.h"
#include "semihosting.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))

#define TIME_LOW      REGISTER(0x0200BFF8) /* ticks of 100 ns */
#define TIME_HIGH     REGISTER(0x0200BFFC)
#define CALENDAR_LOW  REGISTER(0x00101000) /* nanoseconds since 1970; reading this half holds the other one */
#define CALENDAR_HIGH REGISTER(0x00101004)

#define UART(number)  (((volatile uint8_t *)0x10000000)[number])
#define UART_DATA     UART(0)
#define UART_LINE     UART(5)
#define LINE_RECEIVED 0x01
#define LINE_FREE     0x20

int main(void);
void start(void);

/* --- start-up ---------------------------------------------------------------------------------------------------- */

/* From the linker script. The loader has put the data where it belongs: all is in RAM. */
extern uint32_t bss_start[], bss_end[];

void reset_handler(void);

void reset_handler(void)
{
  uint32_t *to;

  for (to = bss_start; to < bss_end;)
    *to++ = 0;
  board_stop(main());
}

void trap_handler(void);

__attribute__((aligned(4))) void trap_handler(void)
{
  board_console("trap\n");
  board_stop(99);
}

__attribute__((naked, section(".start"), used)) void start(void)
{
  __asm__ volatile(".option push\n.option arch, +zicsr\n"
                   "la sp, stack_top\n"
                   "la t0, trap_handler\n"
                   "csrw mtvec, t0\n"
                   "j reset_handler\n"
                   ".option pop");
}

/* --- board.h ----------------------------------------------------------------------------------------------------- */

void board_init(void)
{
  /* The UART works from the start. Its queue stays off: to switch it on would drop what the server has said already. */
}

static uint64_t ticks(void)
{
  uint32_t high, low;

  do {
    high = TIME_HIGH;
    low = TIME_LOW;
  } while (high != TIME_HIGH);
  return (uint64_t)high << 32 | low;
}

uint32_t board_milliseconds(void)
{
  return (uint32_t)(ticks() / 10000);
}

uint32_t board_unix_time(void)
{
  uint32_t low = CALENDAR_LOW;

  return (uint32_t)(((uint64_t)CALENDAR_HIGH << 32 | low) / 1000000000u);
}

/* The machine has no source of randomness: this is a plain generator, begun with the time. */
uint32_t board_random(void)
{
  static uint32_t state;

  if (state == 0)
    state = (CALENDAR_LOW ^ TIME_LOW << 7) | 1;
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}

void board_sleep(void)
{
  /* No interrupt would end it. */
}

void board_led(int on)
{
  (void)on;
}

void board_console(const char *text)
{
  semihosting(SEMIHOSTING_WRITE0, text);
}

size_t board_line_send(const uint8_t *octets, size_t length)
{
  size_t taken = 0;

  while (taken < length && (UART_LINE & LINE_FREE))
    UART_DATA = octets[taken++];
  return taken;
}

size_t board_line_receive(uint8_t *octets, size_t max)
{
  size_t given = 0;

  while (given < max && (UART_LINE & LINE_RECEIVED))
    octets[given++] = UART_DATA;
  return given;
}

void board_stop(int code)
{
  semihosting_exit(code);
  for (;;) {
  }
}
