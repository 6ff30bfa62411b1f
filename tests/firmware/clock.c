/*
 * clock.c - the device's clock wraps in the middle of a mail, jumps, and is told late or out of order
 */
#include "board.h"
#include "peer.h"

static unsigned char storage[SDS_SMTP_CLIENT_SIZE + 1024];
static struct peer peer;
static struct sds_smtp_result result;

static const char *const all_keywords = "250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 100000\r\n250-AUTH PLAIN LOGIN\r\n";
static const char *const few_keywords = "250-AUTH LOGIN\r\n";

static void begin(const char *keywords)
{
  static const struct peer_manners good = {.refused_at = NEVER, .silent_at = NEVER, .lost_at = NEVER};

  peer.manners = good;
  peer.manners.keywords = keywords;
}

static void end_of_mail(void)
{
  result.struct_size = sizeof result;
  CHECK(sds_smtp_client_result(NULL, &result) == SDS_SMTP_OK);
  CHECK(result.code == sds_smtp_status());
}

/* The clock goes on to there, while nothing is in flight. */
static void go_on(uint32_t now, uint32_t to)
{
  while (now != to) {
    now += to - now < 0x40000000u ? to - now : 0x40000000u;
    CHECK(sds_smtp_poll(now) == SDS_SMTP_NO_LIMIT);
    peer_work(&peer, now);
  }
}

/* Mails at this time with a clock that goes on by so much in each round; the time after it. */
static uint32_t mail(uint32_t now, uint32_t step)
{
  uint32_t rounds = 0;

  CHECK(sds_smtp_send("someone@example.test", "alarm", "Boiler room: 93 degrees.") == SDS_SMTP_OK);
  while (sds_smtp_status() == SDS_SMTP_BUSY) {
    CHECK(++rounds < 100000);
    sds_smtp_poll(now);
    peer_work(&peer, now);
    now += step;
  }
  end_of_mail();
  return now;
}

/* The last mail's farewell: RSET, QUIT. */
static uint32_t leave(uint32_t now)
{
  uint32_t rounds = 0;

  while (peer.line != CLOSED) {
    CHECK(++rounds < 100000);
    sds_smtp_poll(now);
    peer_work(&peer, now);
    now += 10;
  }
  CHECK(sds_smtp_poll(now) == SDS_SMTP_NO_LIMIT);
  return now;
}

/* --- the beginning ------------------------------------------------------------------------------------------------- */

/* A mail is ordered before the first poll ever, and the clock has just four seconds left before it wraps. */
static uint32_t the_clock_may_begin_anywhere(uint32_t now)
{
  begin(few_keywords);
  peer.manners.answer_after_ms = 1000;
  peer_work(&peer, now);
  now = mail(now, 13);
  CHECK(result.code == SDS_SMTP_OK);
  CHECK(result.elapsed_ms >= 7000 && result.elapsed_ms < 8000 && now < 0x80000000u);
  return leave(now);
}

/* --- the wrap ------------------------------------------------------------------------------------------------------ */

static uint32_t the_clock_wraps_at_every_step_of_a_mail(uint32_t now)
{
  uint32_t before, wraps = 0;

  begin(few_keywords);
  peer.manners.answer_after_ms = 400;
  for (before = 0; before < 5200; before += 40) {
    uint32_t start = 0u - before, mails = peer.mails;

    go_on(now, start);
    now = mail(start, 13);
    CHECK(result.code == SDS_SMTP_OK && result.outcome == SDS_SMTP_OUTCOME_SENT);
    CHECK(peer.mails == mails + 1);
    CHECK(result.elapsed_ms >= 2800 && result.elapsed_ms < 3200);
    wraps += now < start;
    now = leave(now);
  }
  CHECK(wraps > 60);
  test_say("mails across the wrap", wraps);
  return now;
}

static uint32_t a_time_limit_that_ends_behind_the_wrap_is_kept(uint32_t now)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  uint32_t start = 0xFFFFF000, wait;

  config.server = "192.0.2.1";
  config.sender = "unit7@example.test";
  config.greeting_timeout_ms = 10000;
  CHECK(sds_smtp_client_configure(NULL, &config) == SDS_SMTP_OK);
  begin(few_keywords);
  peer.manners.silent_at = GREETING;
  peer.transport.flags = SDS_SMTP_TRANSPORT_WAKES;
  go_on(now, start);
  CHECK(sds_smtp_send("someone@example.test", "alarm", "") == SDS_SMTP_OK);
  for (now = start; (wait = sds_smtp_poll(now)) == 0;) {
  }
  CHECK(wait == 10000);
  CHECK(sds_smtp_poll(now + 6000) == 4000); /* 1904 ms behind the wrap */
  CHECK(sds_smtp_poll(now + 9999) == 1);
  CHECK(sds_smtp_status() == SDS_SMTP_BUSY);
  sds_smtp_poll(now + 10000);
  end_of_mail();
  CHECK(result.code == SDS_SMTP_TIMEOUT && result.phase == SDS_SMTP_PHASE_GREETING);
  CHECK(result.outcome == SDS_SMTP_OUTCOME_NOT_SENT && result.elapsed_ms == 10000);
  now = leave(now + 10000);
  peer.transport.flags = 0;
  CHECK(sds_smtp_configure("192.0.2.1", 1, "sds", "sds-secret", "unit7@example.test") == SDS_SMTP_OK);
  return now;
}

/* --- late ---------------------------------------------------------------------------------------------------------- */

/* The device is busy for minutes between two polls. What the server said meanwhile is there, and counts. */
static uint32_t polls_that_come_minutes_late_do_no_harm(uint32_t now)
{
  uint32_t i;

  for (i = 0; i < 40; i++) {
    begin(i % 2 ? all_keywords : few_keywords);
    now = mail(now, 60000 + 1000 * i); /* within each command's time, which is 2 minutes at the least */
    CHECK(result.code == SDS_SMTP_OK);
    now = leave(now);
  }
  return now;
}

/* Hours late: a deadline has passed, or the answer that is there is taken. Never anything else. */
static uint32_t polls_that_come_hours_late_end_the_mail(uint32_t now)
{
  uint32_t i, timeouts = 0;

  for (i = 0; i < 40; i++) {
    uint32_t mails = peer.mails;

    begin(few_keywords);
    now = mail(now, 3600000u + 100000u * i);
    CHECK(result.code == SDS_SMTP_OK || result.code == SDS_SMTP_TIMEOUT);
    CHECK((result.code == SDS_SMTP_OK) == (result.outcome == SDS_SMTP_OUTCOME_SENT));
    CHECK(result.outcome != SDS_SMTP_OUTCOME_NOT_SENT || peer.mails == mails);
    timeouts += result.code == SDS_SMTP_TIMEOUT;
    now = leave(now);
  }
  CHECK(timeouts > 0);
  return now;
}

/* --- silence ------------------------------------------------------------------------------------------------------- */

static uint32_t a_silent_server_is_left_at_each_step(uint32_t now)
{
  uint32_t step;

  for (step = GREETING; step <= END; step++) {
    if (step == HELO || step == TEXT)
      continue;
    begin(step % 2 ? all_keywords : few_keywords);
    peer.manners.silent_at = (enum peer_step)step;
    now = mail(now, 997);
    CHECK(result.code == SDS_SMTP_TIMEOUT);
    CHECK(result.outcome == (step == END ? SDS_SMTP_OUTCOME_UNKNOWN : SDS_SMTP_OUTCOME_NOT_SENT));
    CHECK(result.elapsed_ms >= (step == DATA ? 120000u : step == END ? 600000u : 300000u));
    CHECK(result.elapsed_ms <= (step == DATA ? 140000u : step == END ? 620000u : 320000u));
    now = leave(now);
  }
  return now;
}

/* --- out of order -------------------------------------------------------------------------------------------------- */

/* An interrupt or another task polls with a newer time than the main loop, which has just read the clock. */
static uint32_t a_time_that_was_passed_already_changes_nothing(uint32_t now)
{
  uint32_t i;

  for (i = 0; i < 20; i++) {
    uint32_t start = i % 2 ? 0xFFFFFF00u : 4000;

    begin(few_keywords);
    peer.manners.answer_after_ms = 50;
    go_on(now, start);
    now = start;
    CHECK(sds_smtp_send("someone@example.test", "alarm", "") == SDS_SMTP_OK);
    while (sds_smtp_status() == SDS_SMTP_BUSY) {
      sds_smtp_poll(now);
      sds_smtp_poll(now - 1);
      sds_smtp_poll(now - test_random() % 1000);
      peer_work(&peer, now);
      now += 3;
    }
    end_of_mail();
    CHECK(result.code == SDS_SMTP_OK);
    CHECK(result.elapsed_ms < 1000);
    now = leave(now);
  }
  return now;
}

int main(void)
{
  uint32_t now = 0xFFFFF000;

  board_init();
  peer_init(&peer);
  CHECK(sds_smtp_client_init(storage, sizeof storage) != NULL);
  CHECK(sds_smtp_set_transport(&peer.transport) == SDS_SMTP_OK);
  CHECK(sds_smtp_configure("192.0.2.1", 1, "sds", "sds-secret", "unit7@example.test") == SDS_SMTP_OK);
  now = the_clock_may_begin_anywhere(now);
  now = the_clock_wraps_at_every_step_of_a_mail(now);
  now = a_time_limit_that_ends_behind_the_wrap_is_kept(now);
  now = polls_that_come_minutes_late_do_no_harm(now);
  now = polls_that_come_hours_late_end_the_mail(now);
  now = a_silent_server_is_left_at_each_step(now);
  a_time_that_was_passed_already_changes_nothing(now);
  test_say("mails", peer.mails);
  board_stop(0);
  return 0;
}
