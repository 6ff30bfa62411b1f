/*
 * mbedtls.c - main_mbedtls.c, measured: how long the longest call of each of the transport's functions is, what the
 * handshake takes in all, the peak of the heap, and the stack
 *
 * Under QEMU's -icount shift=5 an instruction takes 32 ns of the board's time, and SysTick counts in steps of 40.
 */
#include "sds_smtp_firmware.h"

static int measured(const struct sds_smtp_transport *transport);

#define main device
#define sds_smtp_set_transport measured
#include "main_mbedtls.c"
#undef main
#undef sds_smtp_set_transport

#define SYSTICK_VALUE (*(volatile uint32_t *)0xE000E018)
#define STEPS         25000u /* a millisecond */
#define PAINTED       16384u
#define PAINT         0xC5C5C5C5u

enum function { START_TLS, SEND, RECEIVE, CLOSE, FUNCTIONS };

static const struct sds_smtp_transport *tls;
static struct sds_smtp_transport timed;
static uint32_t longest[FUNCTIONS], handshake, parts, begun_at;

static uint32_t steps(void)
{
  uint32_t milliseconds, left;

  do {
    milliseconds = board_milliseconds();
    left = SYSTICK_VALUE;
  } while (milliseconds != board_milliseconds());
  return milliseconds * STEPS + (STEPS - 1 - left);
}

static void begin(void)
{
  begun_at = steps();
}

static int32_t end(enum function function, int32_t returned)
{
  uint32_t took = steps() - begun_at;

  if (took > longest[function])
    longest[function] = took;
  if (function == START_TLS) {
    handshake += took;
    parts++;
  }
  return returned;
}

static int32_t timed_start(void *context, const char *name)
{
  begin();
  return end(START_TLS, tls->start_tls(context, name));
}

static int32_t timed_send(void *context, const uint8_t *octets, size_t length)
{
  begin();
  return end(SEND, tls->send(context, octets, length));
}

static int32_t timed_receive(void *context, uint8_t *octets, size_t max)
{
  begin();
  return end(RECEIVE, tls->receive(context, octets, max));
}

static int32_t timed_close(void *context)
{
  begin();
  return end(CLOSE, tls->close(context));
}

static int measured(const struct sds_smtp_transport *transport)
{
  tls = transport;
  timed = *transport;
  timed.start_tls = timed_start;
  timed.send = timed_send;
  timed.receive = timed_receive;
  timed.close = timed_close;
  return sds_smtp_set_transport(&timed);
}

/* --- what was found ----------------------------------------------------------------------------------------------- */

static void say(const char *what, uint32_t number)
{
  char text[12], *first = text + sizeof text - 1;

  *first = '\0';
  do {
    *--first = (char)('0' + number % 10);
    number /= 10;
  } while (number != 0);
  board_console(what);
  board_console(": ");
  board_console(first);
  board_console("\n");
}

static uint32_t instructions(uint32_t count)
{
  return count / 4 * 5;
}

extern uint32_t stack_top[];

static uint32_t stack(void)
{
  const uint32_t *place = stack_top - PAINTED / 4;

  while (*place == PAINT)
    place++;
  return (uint32_t)((const unsigned char *)stack_top - (const unsigned char *)place);
}

void __real_board_stop(int code);
void __wrap_board_stop(int code);

/* The device ends when its mail has ended; here the conversation ends first. */
void __wrap_board_stop(int code)
{
  static int ending;
  size_t peak, blocks;

  if (ending)
    return;
  ending = 1;
  for (;;) {
    uint32_t now = board_milliseconds();

    lan9118_poll(&ethernet);
    sys_check_timeouts();
    if (sds_smtp_poll(now) == SDS_SMTP_NO_LIMIT)
      break;
  }
  mbedtls_memory_buffer_alloc_max_get(&peak, &blocks);
  say("handshake, instructions", instructions(handshake));
  say("handshake, calls", parts);
  say("start_tls, longest", instructions(longest[START_TLS]));
  say("send, longest", instructions(longest[SEND]));
  say("receive, longest", instructions(longest[RECEIVE]));
  say("close, longest", instructions(longest[CLOSE]));
  say("heap, peak", (uint32_t)peak);
  mbedtls_memory_buffer_alloc_cur_get(&peak, &blocks);
  say("heap, without a connection", (uint32_t)peak);
  say("stack", stack());
  say("transport", (uint32_t)sizeof connection);
  say("error", (uint32_t)-connection.error);
  __real_board_stop(code);
}

int main(void)
{
  volatile uint32_t *place;
  uint32_t here;

  for (place = stack_top - PAINTED / 4; (uintptr_t)place < (uintptr_t)&here - 64; place++)
    *place = PAINT;
  return device();
}
