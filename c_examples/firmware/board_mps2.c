/*
 * board_mps2.c - start-up and drivers for Arm's MPS2 boards: AN385 (Cortex-M3) and AN386 (Cortex-M4 with FPU)
 *
 * UART0 is the line to the network, UART1 the console. Both queues of the line are served by interrupts.
 */
#include "board.h"
#include "ring.h"
#include "semihosting.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))

#define CLOCK_HZ 25000000u
#define BAUD     115200u

#define SYSTICK_CONTROL   REGISTER(0xE000E010)
#define SYSTICK_RELOAD    REGISTER(0xE000E014)
#define SYSTICK_VALUE     REGISTER(0xE000E018)
#define NVIC_SET_ENABLE   REGISTER(0xE000E100)
#define NVIC_CLEAR_ENABLE REGISTER(0xE000E180)
#define CPACR             REGISTER(0xE000ED88)
#define LEDS              REGISTER(0x40028000)

#define LINE_INTERRUPTS 3u /* numbers 0 and 1: UART0 has received, UART0 has sent */

struct uart {
  volatile uint32_t data, state, control, interrupts, divider;
};
#define LINE    ((struct uart *)0x40004000)
#define CONSOLE ((struct uart *)0x40005000)

#define STATE_SENDING   1u /* the transmit register is full */
#define STATE_RECEIVED  2u
#define INTERRUPT_SENT     1u
#define INTERRUPT_RECEIVED 2u

static struct ring to_line, from_line;
static volatile uint32_t milliseconds;

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
#ifdef __ARM_FP
  CPACR |= 0xFu << 20; /* the FPU may be used */
  __asm__ volatile("dsb\nisb");
#endif
  board_stop(main());
}

/* A fault is a bug: the emulation ends and tells. A device would note it and start again. */
void fault_handler(void)
{
  board_console("fault\n");
  board_stop(99);
}

void tick_handler(void)
{
  milliseconds++;
}

/* Takes what has come, as long as there is room. What there is no room for stays in the UART, which holds up the sender
   where the line has flow control. */
static void take_received(void)
{
  while ((LINE->state & STATE_RECEIVED) && !ring_is_full(&from_line))
    ring_put(&from_line, (uint8_t)LINE->data);
}

static void send_queued(void)
{
  while (!(LINE->state & STATE_SENDING) && !ring_is_empty(&to_line))
    LINE->data = ring_get(&to_line);
}

void received_handler(void)
{
  LINE->interrupts = INTERRUPT_RECEIVED; /* first: what comes from here on interrupts again */
  take_received();
}

void sent_handler(void)
{
  LINE->interrupts = INTERRUPT_SENT;
  send_queued();
}

/* A program may bring a handler of its own for the timer. */
void timer_handler(void) __attribute__((weak, alias("fault_handler")));

struct vectors {
  void *stack;
  void (*handlers[31])(void);
};

__attribute__((section(".vectors"), used)) const struct vectors vectors = {
  stack_top,
  {reset_handler, fault_handler, fault_handler, fault_handler, fault_handler, fault_handler, 0, 0, 0, 0,
   fault_handler /* SVCall */, fault_handler, 0, fault_handler /* PendSV */, tick_handler,
   /* The board's own, from number 0 on. */
   received_handler, sent_handler, fault_handler, fault_handler, fault_handler, fault_handler, fault_handler,
   fault_handler, timer_handler /* 8 */, fault_handler, fault_handler, fault_handler, fault_handler, fault_handler,
   fault_handler, fault_handler},
};

/* --- board.h ----------------------------------------------------------------------------------------------------- */

void board_init(void)
{
  LINE->divider = CLOCK_HZ / BAUD;
  LINE->control = 0xF; /* send and receive, with an interrupt for both */
  CONSOLE->divider = CLOCK_HZ / BAUD;
  CONSOLE->control = 1; /* send only */
  NVIC_SET_ENABLE = LINE_INTERRUPTS;
  SYSTICK_RELOAD = CLOCK_HZ / 1000 - 1;
  SYSTICK_VALUE = 0;
  SYSTICK_CONTROL = 7; /* the processor's clock, with an interrupt */
}

uint32_t board_milliseconds(void)
{
  return milliseconds;
}

/* The board has no calendar: QEMU tells the date. */
uint32_t board_unix_time(void)
{
  return semihosting(SEMIHOSTING_TIME, 0);
}

/* Nor has it a source of randomness: this is a plain generator, begun with the date and the place in the millisecond. */
uint32_t board_random(void)
{
  static uint32_t state;

  if (state == 0)
    state = (board_unix_time() ^ SYSTICK_VALUE << 16) | 1;
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}

void board_sleep(void)
{
  __asm__ volatile("wfi");
}

void board_led(int on)
{
  LEDS = on ? 1 : 0;
}

void board_console(const char *text)
{
  for (; *text != '\0'; text++) {
    while (CONSOLE->state & STATE_SENDING) {
    }
    CONSOLE->data = (uint8_t)*text;
  }
}

size_t board_line_send(const uint8_t *octets, size_t length)
{
  size_t taken = 0;

  while (taken < length && !ring_is_full(&to_line))
    ring_put(&to_line, octets[taken++]);
  NVIC_CLEAR_ENABLE = LINE_INTERRUPTS; /* this now does the interrupt's work: an idle UART raises none */
  send_queued();
  NVIC_SET_ENABLE = LINE_INTERRUPTS;
  return taken;
}

size_t board_line_receive(uint8_t *octets, size_t max)
{
  size_t given = 0;

  while (given < max && !ring_is_empty(&from_line))
    octets[given++] = ring_get(&from_line);
  NVIC_CLEAR_ENABLE = LINE_INTERRUPTS; /* what had no room before was left in the UART */
  take_received();
  NVIC_SET_ENABLE = LINE_INTERRUPTS;
  return given;
}

void board_stop(int code)
{
  semihosting_exit(code);
  for (;;) {
  }
}
