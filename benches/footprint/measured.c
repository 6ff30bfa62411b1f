/*
 * measured.c - a program of mail.c on an emulated board, with a mail server of its own
 *
 * It says how much stack the library uses at the most, over good mails and failures in each step (the memory below the stack
 * pointer is painted before each call; the server's callbacks, about 50 bytes, count with it), and how small an arena does.
 * With -DTRACED it sends two mails, and the second one runs between two calls of mark(): whoever records which instructions
 * are executed finds there what a mail takes.
 */
#include "board.h"
#include "mail.h"
#include "peer.h"

#define PAINTED 3072u
#define PAINT   0xC5u

enum function { NOTHING, BEGIN, SEND, POLL, STATUS, LOOK };

static unsigned char storage[SDS_SMTP_CLIENT_SIZE + 1024];
static struct peer peer;
static uint32_t now;
static int returned;

void mark(void);

__attribute__((noinline)) void mark(void)
{
  __asm__ volatile("");
}

static __attribute__((noinline)) void call(enum function function)
{
  switch (function) {
  case NOTHING:
    break;
  case BEGIN:
    mail_begin(&peer.transport, storage, sizeof storage);
    break;
  case SEND:
    returned = mail_send();
    break;
  case POLL:
    sds_smtp_poll(now);
    break;
  case STATUS:
    returned = mail_status();
    break;
  case LOOK:
    mail_look();
    break;
  }
}

#ifdef TRACED
static int measure(enum function function)
{
  call(function);
  return returned;
}
#else
static inline volatile uint8_t *stack_pointer(void)
{
  volatile uint8_t *here;

#if defined __arm__
  __asm__ volatile("mov %0, sp" : "=r"(here));
#else
  __asm__ volatile("mv %0, sp" : "=r"(here));
#endif
  return here;
}

static uint32_t worst;

/* The stack that a call used. */
static __attribute__((noinline)) uint32_t painted(enum function function)
{
  volatile uint8_t *top = stack_pointer();
  volatile uint8_t *place;

  for (place = top - PAINTED; place < top; place++)
    *place = PAINT;
  call(function);
  for (place = top - PAINTED; place < top && *place == PAINT; place++) {
  }
  CHECK(place > top - PAINTED);
  return (uint32_t)(top - place);
}

static int measure(enum function function)
{
  uint32_t used = painted(function);

  if (used > worst)
    worst = used;
  return returned;
}
#endif

static void mail(void)
{
  uint32_t rounds = 0;

  CHECK(measure(SEND) == SDS_SMTP_OK);
  while (measure(STATUS) == SDS_SMTP_BUSY || peer.line != CLOSED) {
    CHECK(++rounds < 100000);
    measure(POLL);
    peer_work(&peer, now);
    now += peer.manners.silent_at == NEVER ? 1 : 60000;
  }
  measure(LOOK);
  /* A client that LOOK has started and cancelled ends in the next poll. */
  measure(POLL);
}

#ifndef TRACED
static void bad_mails(void)
{
  static const char *const refusals[] = {
    "550-5.7.1 Relay access denied, and this is said at some length, so that it does not fit into one piece\r\n550 5.7.1 no\r\n",
    "421 4.3.2 not now\r\n", "530 5.7.0 sds c2Rz sds-secret c2RzLXNlY3JldA== AHNkcwBzZHMtc2VjcmV0\r\n", "what?\r\n"};
  unsigned step, i;

  for (step = GREETING; step < STEPS; step++) {
    peer.manners.refused_at = (enum peer_step)step;
    for (i = 0; i < 4; i++) {
      peer.manners.refusal = refusals[i];
      mail();
    }
    peer.manners.refused_at = NEVER;
    peer.manners.lost_at = (enum peer_step)step;
    mail();
    peer.manners.lost_at = NEVER;
    peer.manners.silent_at = (enum peer_step)step;
    mail();
    peer.manners.silent_at = NEVER;
  }
}

/* The smallest arena with which the mail is taken. */
static uint32_t arena(void)
{
  uint32_t size;

  for (size = 0;; size++) {
    CHECK(size <= sizeof storage - SDS_SMTP_CLIENT_SIZE);
    mail_begin(&peer.transport, storage, SDS_SMTP_CLIENT_SIZE + size);
    returned = mail_send();
    mail_end();
    if (returned == SDS_SMTP_OK)
      return size;
  }
}
#endif

int main(void)
{
  board_init();
#if defined __arm__
  __asm__ volatile("cpsid i"); /* interrupts would use the same stack */
#endif
  peer_init(&peer);
  peer.manners.keywords = "250-AUTH LOGIN\r\n";
  measure(BEGIN);
  mail();
#ifdef TRACED
  mark();
  mail();
  mark();
#else
  peer.manners.keywords = "250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 100000\r\n250-AUTH PLAIN LOGIN\r\n";
  mail();
  CHECK(peer.mails == 2);
  bad_mails();
  test_say("stack", worst - painted(NOTHING)); /* call() itself */
  mail_end();
  test_say("arena", arena());
#endif
  board_stop(0);
  return 0;
}
