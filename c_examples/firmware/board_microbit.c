/*
 * board_microbit.c - start-up and drivers for the BBC micro:bit (nRF51, Cortex-M0)
 *
 * Its one UART is the line to the network; the console is QEMU's terminal. Everything is polled: the main loop comes round
 * often enough for the UART, which holds six octets.
 */
#include "board.h"
#include "semihosting.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))

#define GPIO_SET       REGISTER(0x50000508)
#define GPIO_CLEAR     REGISTER(0x5000050C)
#define GPIO_DIRECTION REGISTER(0x50000518)
#define LED            (1u << 13) /* row 1 of the display */

#define UART(offset)       REGISTER(0x40002000 + (offset))
#define UART_START_RECEIVE UART(0x000)
#define UART_START_SEND    UART(0x008)
#define UART_RECEIVED      UART(0x108)
#define UART_SENT          UART(0x11C)
#define UART_ENABLE        UART(0x500)
#define UART_PIN_SEND      UART(0x50C)
#define UART_PIN_RECEIVE   UART(0x514)
#define UART_RECEIVE       UART(0x518)
#define UART_SEND          UART(0x51C)
#define UART_BAUD          UART(0x524)

#define TIMER(offset)   REGISTER(0x40008000 + (offset))
#define TIMER_START     TIMER(0x000)
#define TIMER_CAPTURE   TIMER(0x040)
#define TIMER_BITS      TIMER(0x508)
#define TIMER_PRESCALER TIMER(0x510)
#define TIMER_VALUE     TIMER(0x540)

#define RANDOM(offset) REGISTER(0x4000D000 + (offset))
#define RANDOM_START   RANDOM(0x000)
#define RANDOM_READY   RANDOM(0x100)
#define RANDOM_VALUE   RANDOM(0x508)

static int sending; /* an octet is on its way */

int main(void);

/* --- start-up ---------------------------------------------------------------------------------------------------- */

/* From the linker script. */
extern uint32_t data_start[], data_end[], data_load[], bss_start[], bss_end[], stack_top[];

void reset_handler(void)
{
  uint32_t *from = data_load, *to;

  for (to = data_start; to < data_end;)
    *to++ = *from++;
  for (to = bss_start; to < bss_end;)
    *to++ = 0;
  board_stop(main());
}

void fault_handler(void)
{
  board_console("fault\n");
  board_stop(99);
}

/* A program may bring a handler of its own for SysTick. */
void tick_handler(void) __attribute__((weak, alias("fault_handler")));

struct vectors {
  void *stack;
  void (*handlers[15])(void);
};

__attribute__((section(".vectors"), used)) const struct vectors vectors = {
  stack_top,
  {reset_handler, fault_handler, fault_handler, 0, 0, 0, 0, 0, 0, 0, fault_handler /* SVCall */, 0, 0,
   fault_handler /* PendSV */, tick_handler},
};

/* --- board.h ----------------------------------------------------------------------------------------------------- */

void board_init(void)
{
  GPIO_DIRECTION = LED | 1u << 24; /* 24: what the UART sends on */
  UART_PIN_SEND = 24;
  UART_PIN_RECEIVE = 25;
  UART_BAUD = 0x01D7E000; /* 115200 */
  UART_ENABLE = 4;
  UART_START_RECEIVE = 1;
  UART_START_SEND = 1;
  TIMER_BITS = 3;      /* 32 bits */
  TIMER_PRESCALER = 4; /* microseconds */
  TIMER_START = 1;
  RANDOM_START = 1;
}

/* The timer counts microseconds and wraps after 71 minutes; this is called more often. */
uint32_t board_milliseconds(void)
{
  static uint32_t milliseconds, counted;
  uint32_t passed;

  TIMER_CAPTURE = 1;
  passed = (TIMER_VALUE - counted) / 1000;
  milliseconds += passed;
  counted += passed * 1000;
  return milliseconds;
}

/* The board has no calendar: QEMU tells the date. */
uint32_t board_unix_time(void)
{
  return semihosting(SEMIHOSTING_TIME, 0);
}

uint32_t board_random(void)
{
  uint32_t number = 0;
  unsigned i;

  for (i = 0; i < 4; i++) {
    while (!RANDOM_READY) {
    }
    RANDOM_READY = 0;
    number = number << 8 | (RANDOM_VALUE & 0xFF);
  }
  return number;
}

void board_sleep(void)
{
  /* No interrupt would end it. */
}

void board_led(int on)
{
  if (on)
    GPIO_SET = LED;
  else
    GPIO_CLEAR = LED;
}

void board_console(const char *text)
{
  semihosting(SEMIHOSTING_WRITE0, text);
}

size_t board_line_send(const uint8_t *octets, size_t length)
{
  size_t taken = 0;

  while (taken < length && (!sending || UART_SENT)) {
    UART_SENT = 0;
    UART_SEND = octets[taken++];
    sending = 1;
  }
  return taken;
}

size_t board_line_receive(uint8_t *octets, size_t max)
{
  size_t given = 0;

  while (given < max && UART_RECEIVED) {
    UART_RECEIVED = 0; /* first: it is set again when there is more */
    octets[given++] = (uint8_t)UART_RECEIVE;
  }
  return given;
}

void board_stop(int code)
{
  semihosting_exit(code);
  for (;;) {
  }
}
