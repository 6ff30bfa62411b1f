/*
 * times - what tests/firmware/clock.c leaves out: idle for days and weeks, one client idle while another is at work, farewells
 */
#include "server.h"

#include <stdio.h>

#define DAY 86400000u

static struct server server, second;
static unsigned char storage[2][SDS_SMTP_CLIENT_SIZE + 600];
static sds_smtp_client *clients[2];

static const uint32_t starts[] = {0, 1, 12345678, 0x7FFFFFFE, 0x80000001, 0xFFFFF000, 0xFFFFFFFF};

static void begin(sds_smtp_client *client)
{
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;

  message.to = "someone@example.test";
  message.text = "text";
  CHECK(sds_smtp_client_send(client, &message) == SDS_SMTP_OK);
}

static void a_quick_mail(void)
{
  struct sds_smtp_result result;

  server_reset(&server);
  begin(NULL);
  poll_until_status(NULL);
  result = result_of(NULL, &server);
  CHECK(result.code == SDS_SMTP_OK && result.elapsed_ms < 1000);
  poll_until_idle();
}

/* A device whose main loop polls, and one that polls only when there is a mail; its clock wraps after 49 days. */
static void idle_for_days(void)
{
  size_t start;
  uint32_t days, polled;

  for (start = 0; start < sizeof starts / sizeof starts[0]; start++) {
    now = starts[start];
    a_quick_mail();
    for (days = 1; days <= 120; days += days < 60 ? 1 : 7) {
      for (polled = 0; polled < 2; polled++) {
        uint32_t day;

        for (day = 0; day < days; day++) {
          now += DAY;
          if (polled)
            CHECK(sds_smtp_poll(now) == SDS_SMTP_NO_LIMIT);
        }
        a_quick_mail();
      }
    }
  }
}

/* Ordered, and polled much later for the first time: the mail begins then. */
static void a_first_poll_that_comes_late(void)
{
  uint32_t days;

  for (days = 0; days < 60; days++) {
    struct sds_smtp_result result;

    server_reset(&server);
    begin(NULL);
    now += days * DAY + 7;
    poll_until_status(NULL);
    result = result_of(NULL, &server);
    CHECK(result.code == SDS_SMTP_OK && result.elapsed_ms < 1000);
    poll_until_idle();
  }
}

/* Polled once in 24 days at the least, a mail in flight comes to its end: a deadline. */
static void polls_weeks_apart(void)
{
  size_t start;

  for (start = 0; start < sizeof starts / sizeof starts[0]; start++) {
    struct sds_smtp_result result;

    now = starts[start];
    server_reset(&server);
    server.unanswered = ".";
    begin(NULL);
    while (!server.dot)
      sds_smtp_poll(now);
    now += 24 * DAY;
    sds_smtp_poll(now);
    result = result_of(NULL, &server);
    CHECK(result.code == SDS_SMTP_TIMEOUT && result.outcome == SDS_SMTP_OUTCOME_UNKNOWN);
    poll_until_idle();
  }
}

/* One client's waiting is nothing to the other, nor its idleness. */
static void one_waits_and_the_other_sends(void)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  struct sds_smtp_result result;
  uint32_t hours, started;
  int mails = 0;

  config.server = "192.0.2.1";
  config.sender = "unit7@example.test";
  config.greeting_timeout_ms = config.total_timeout_ms = 20 * DAY;
  CHECK(sds_smtp_client_configure(clients[1], &config) == SDS_SMTP_OK);
  CHECK(sds_smtp_client_set_transport(clients[1], &second.transport) == SDS_SMTP_OK);
  now = 0xFFFFFFFFu - 3 * DAY;
  server_reset(&second);
  second.unanswered = "220";
  begin(clients[1]);
  sds_smtp_poll(now);
  started = now;
  for (hours = 1; hours < 20 * 24; hours++) {
    now = started + hours * (DAY / 24);
    sds_smtp_poll(now);
    CHECK(sds_smtp_client_status(clients[1]) == SDS_SMTP_BUSY);
    if (hours % 5 == 0) {
      server_reset(&server);
      begin(clients[0]);
      poll_until_status(clients[0]);
      result = result_of(clients[0], &server);
      CHECK(result.code == SDS_SMTP_OK && result.elapsed_ms < 1000);
      mails++;
    }
  }
  now = started + 20 * DAY - 1;
  sds_smtp_poll(now);
  CHECK(sds_smtp_client_status(clients[1]) == SDS_SMTP_BUSY);
  now++;
  sds_smtp_poll(now);
  result = result_of(clients[1], &second);
  CHECK(result.code == SDS_SMTP_TIMEOUT && result.elapsed_ms == 20 * DAY && mails == 95);
  poll_until_idle();
}

/* A farewell that nobody answers has 5 seconds, and does not keep the next mail. */
static void farewells(void)
{
  uint32_t wait, ended;

  server_reset(&server);
  server.unanswered = "QUIT";
  begin(NULL);
  poll_until_status(NULL);
  CHECK(result_of(NULL, &server).code == SDS_SMTP_OK && server.open);
  ended = now;
  while ((wait = sds_smtp_poll(now)) != SDS_SMTP_NO_LIMIT)
    now += wait;
  CHECK(!server.open && now - ended >= 4900 && now - ended <= 5100);

  server_reset(&server);
  server.unanswered = "QUIT";
  begin(NULL);
  poll_until_status(NULL);
  CHECK(server.open);
  begin(NULL); /* the old connection is closed before (the server looks) */
  poll_until_status(NULL);
  CHECK(result_of(NULL, &server).code == SDS_SMTP_OK && server.mails == 2 && server.connections == 2);
  poll_until_idle();
}

int main(void)
{
  int i;

  server_init(&server);
  server_init(&second);
  for (i = 0; i < 2; i++)
    clients[i] = sds_smtp_client_init(storage[i], sizeof storage[i]);
  CHECK(sds_smtp_set_transport(&server.transport) == SDS_SMTP_OK);
  CHECK(sds_smtp_configure("192.0.2.1", 0, NULL, NULL, "unit7@example.test") == SDS_SMTP_OK);
  idle_for_days();
  a_first_poll_that_comes_late();
  polls_weeks_apart();
  one_waits_and_the_other_sends();
  farewells();
  puts("times: all in time");
  return 0;
}
