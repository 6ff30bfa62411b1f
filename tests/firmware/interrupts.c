/*
 * interrupts.c - the library is called out of an interrupt, at any moment, while the main loop uses it
 *
 * The interrupt comes at random instructions of the library. Every answer must be a legal one, and every mail that was taken
 * must be delivered once and whole.
 */
#include "board.h"
#include "peer.h"

#define GOOD_MAILS 1200u /* with a server that does all it is asked */
#define BAD_MAILS  800u  /* with one that does not */

static unsigned char storage[SDS_SMTP_CLIENT_SIZE + 1024];
static struct sds_smtp_log_entry log_memory[3];
static struct peer peer;

/* Mails of the main loop have even numbers, those of the interrupt odd ones. */
#define NUMBERS 4096u
static uint8_t taken_by[2][NUMBERS / 16]; /* a bit for each number; either side writes its own */
static uint8_t delivered[NUMBERS / 8];
static uint32_t next_of_main = 2;
static volatile uint32_t next_of_interrupt = 1;
static volatile uint32_t taken_by_main, taken_by_interrupt;

static uint32_t now;
static volatile int in_library, in_peer;
static volatile uint32_t interrupts, inside, busy_inside, taken_outside;
static int good;

/* --- the interrupt ------------------------------------------------------------------------------------------------- */

#define REGISTER(address) (*(volatile uint32_t *)(address))

#if defined __ARM_ARCH_6M__
#define interrupt_handler tick_handler
#define TIMER_CONTROL REGISTER(0xE000E010)
#define TIMER_RELOAD  REGISTER(0xE000E014)
#define TIMER_VALUE   REGISTER(0xE000E018)
#define ON            7u /* SysTick: the processor's clock, with an interrupt */
#else
#define interrupt_handler timer_handler
#define TIMER_CONTROL REGISTER(0x40000000)
#define TIMER_VALUE   REGISTER(0x40000004)
#define TIMER_RELOAD  REGISTER(0x40000008)
#define TIMER_CLEAR   REGISTER(0x4000000C)
#define ON            9u /* the first timer of the MPS2, with an interrupt */
#endif

void interrupt_handler(void);

static void begin_interrupts(void)
{
#ifndef __ARM_ARCH_6M__
  REGISTER(0xE000E180) = 0xFFFFFFFF; /* the line's are not needed */
  REGISTER(0xE000E100) = 1u << 8;
#endif
  TIMER_RELOAD = TIMER_VALUE = 1000;
  TIMER_CONTROL = ON;
}

static void end_interrupts(void)
{
  TIMER_CONTROL = 0;
}

static int is_code(int code)
{
  return (code >= 0 && code <= 15) || code == SDS_SMTP_CANCELLED;
}

/* --- mails --------------------------------------------------------------------------------------------------------- */

static int has(const uint8_t *set, uint32_t number)
{
  return set[number / 8] >> number % 8 & 1;
}

static void put(uint8_t *set, uint32_t number)
{
  set[number / 8] |= (uint8_t)(1u << number % 8);
}

/* A text that tells its number, and in each octet whose it is. */
static void write_text(char *text, uint32_t number)
{
  uint32_t i, length = 40 + number % 300;

  for (i = 0; i < 5; i++)
    text[i] = (char)('0' + number / (i == 0 ? 10000u : i == 1 ? 1000u : i == 2 ? 100u : i == 3 ? 10u : 1u) % 10);
  text[i++] = '\n';
  for (; i < length; i++)
    text[i] = (char)(i % 64 == 0 ? '\n' : 'a' + (number * 7 + i) % 26);
  text[i] = '\0';
}

static void check_mail(const char *mail, size_t length)
{
  static char text[400];
  const char *body = test_find(mail, "\r\n\r\n");
  uint32_t number = 0, i;

  (void)length;
  CHECK(body != NULL && test_find(mail, "\r\nSubject: alarm\r\n") != NULL);
  body += 4;
  for (i = 0; i < 5; i++)
    number = number * 10 + (uint32_t)(body[i] - '0');
  CHECK(number < NUMBERS);
  write_text(text, number);
  for (i = 0; text[i] != '\0'; i++) {
    if (text[i] == '\n')
      CHECK(*body++ == '\r');
    CHECK(*body++ == text[i]);
  }
  CHECK(test_equal(body, i > 0 && text[i - 1] == '\n' ? "" : "\r\n"));
  CHECK(!has(delivered, number));
  put(delivered, number);
}

/* Both tell by what they return whether the mail was taken. */
static int send_a_mail(uint32_t number)
{
  char text[400];
  int code;

  CHECK(number < NUMBERS);
  write_text(text, number);
  code = sds_smtp_send("someone@example.test", "alarm", text);
  CHECK(code == SDS_SMTP_OK || code == SDS_SMTP_BUSY);
  if (code == SDS_SMTP_OK)
    put(taken_by[number % 2], number / 2);
  return code;
}

void interrupt_handler(void)
{
  static struct sds_smtp_result result;
  static struct sds_smtp_log_entry entries[3];
  uint32_t chance = test_random();
  int code;

#ifdef TIMER_CLEAR
  TIMER_CLEAR = 1;
#endif
  TIMER_RELOAD = TIMER_VALUE = 200 + chance % 5000;
  interrupts++;
  inside += (uint32_t)in_library;
  switch (chance >> 16 & 7) {
  case 0:
    code = sds_smtp_status();
    CHECK(is_code(code));
    CHECK(!good || code == SDS_SMTP_OK || code == SDS_SMTP_BUSY);
    break;
  case 1:
    result.struct_size = sizeof result;
    code = sds_smtp_client_result(NULL, &result);
    CHECK(code == SDS_SMTP_OK || code == SDS_SMTP_BUSY);
    CHECK(result.outcome <= SDS_SMTP_OUTCOME_UNKNOWN && is_code(result.code));
    break;
  case 2:
    entries[0].struct_size = sizeof entries[0];
    CHECK(sds_smtp_client_log(NULL, entries, 3) <= 3);
    break;
  case 3:
    code = sds_smtp_configure("192.0.2.1", 1, "sds", "sds-secret", "unit7@example.test");
    CHECK(code == SDS_SMTP_OK || code == SDS_SMTP_BUSY || code == SDS_SMTP_DATA_FAILED); /* 7: no room beside the mail */
    break;
  case 4:
    /* Out of the main loop's work with it the server cannot be touched. */
    if (!in_peer)
      sds_smtp_poll(now);
    break;
  default:
    code = send_a_mail(next_of_interrupt);
    if (code == SDS_SMTP_OK) {
      taken_by_interrupt++;
      taken_outside += (uint32_t)!in_library;
      next_of_interrupt += 2;
    } else {
      busy_inside += (uint32_t)in_library;
    }
    break;
  }
}

/* --- the main loop ------------------------------------------------------------------------------------------------- */

static void choose_manners(void)
{
  static const char *const keywords[] = {
    NULL, "250-PIPELINING\r\n250-AUTH PLAIN LOGIN\r\n", "250-AUTH LOGIN\r\n250-8BITMIME\r\n",
    "250-SIZE 100000\r\n250-PIPELINING\r\n250-AUTH LOGIN PLAIN\r\n"};
  struct peer_manners *manners = &peer.manners;

  manners->moody = test_random() % 2 != 0;
  manners->keywords = keywords[1 + test_random() % 3];
  if (good)
    return;
  manners->keywords = keywords[test_random() % 4];
  manners->no_connection = test_random() % 8 == 0 ? SDS_SMTP_REFUSED : 0;
  manners->lost_at = (enum peer_step)(test_random() % (2 * STEPS)); /* in half of all cases nowhere */
  manners->refused_at = (enum peer_step)(test_random() % (4 * STEPS));
  manners->refusal = test_random() % 2 ? "550 5.1.1 no\r\n" : "421 4.3.2 not now\r\n";
}

static uint32_t mail_until(uint32_t wanted)
{
  uint32_t rounds = 0, ok = 0;
  int before = SDS_SMTP_OK;

  while (taken_by_main + taken_by_interrupt < wanted || sds_smtp_status() == SDS_SMTP_BUSY) {
    int status;

    CHECK(++rounds < 2000000);
    now++;
    if (peer.line == CLOSED)
      choose_manners();
    in_peer = 1;
    peer_work(&peer, now);
    in_peer = 0;
    in_library = 1;
    sds_smtp_poll(now);
    in_library = 0;
    status = sds_smtp_status();
    CHECK(is_code(status));
    ok += before == SDS_SMTP_BUSY && status == SDS_SMTP_OK;
    before = status;
    if (taken_by_main + taken_by_interrupt >= wanted) {
      end_interrupts(); /* the last mails end in peace */
    } else if (test_random() % 64 == 0) {
      in_library = 1;
      if (send_a_mail(next_of_main) == SDS_SMTP_OK) {
        taken_by_main++;
        next_of_main += 2;
      }
      in_library = 0;
    }
  }
  return ok;
}

static void count(uint32_t *took, uint32_t *came)
{
  uint32_t i;

  *took = *came = 0;
  for (i = 0; i < NUMBERS; i++) {
    int took_it = has(taken_by[i % 2], i / 2), has_come = has(delivered, i);

    CHECK(took_it || !has_come);
    *took += (uint32_t)took_it;
    *came += (uint32_t)has_come;
  }
}

int main(void)
{
  uint32_t took, came;

  board_init();
  test_seed(20261121);
  peer_init(&peer);
  peer.delivered = check_mail;
  CHECK(sds_smtp_client_init(storage, sizeof storage) != NULL);
  CHECK(sds_smtp_set_transport(&peer.transport) == 0);
  CHECK(sds_smtp_client_set_log(NULL, log_memory, 3) == 0);
  CHECK(sds_smtp_configure("192.0.2.1", 1, "sds", "sds-secret", "unit7@example.test") == 0);

  good = 1;
  begin_interrupts();
  mail_until(GOOD_MAILS);
  count(&took, &came);
  CHECK(took == taken_by_main + taken_by_interrupt && came == took);
  test_say("mails of the main loop", taken_by_main);
  test_say("mails of the interrupt", taken_by_interrupt);

  good = 0;
  begin_interrupts();
  mail_until(GOOD_MAILS + BAD_MAILS);
  count(&took, &came);
  CHECK(took == taken_by_main + taken_by_interrupt);
  CHECK(came > GOOD_MAILS && came < took); /* some arrived, some did not */
  test_say("mails with a bad server", took - GOOD_MAILS);
  test_say("of which arrived", came - GOOD_MAILS);
  test_say("interrupts", interrupts);
  test_say("of which in the library", inside);
  test_say("mails refused there", busy_inside);

  /* Else this was no test. */
  CHECK(inside > 1000 && busy_inside > 500 && taken_by_main > 50 && taken_outside > 50);
  board_stop(0);
  return 0;
}
