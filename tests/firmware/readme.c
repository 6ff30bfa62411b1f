/*
 * readme - the README's program for a microcontroller, against a server that refuses its mail, does not answer, and takes it
 *
 * The program is taken out of the README as it is. Its time stands still unless it asks for it.
 */
#include "server.h"

#include <setjmp.h>
#include <stdio.h>

static const struct sds_smtp_transport *device_transport;

/* What the README declares as a structure of the device is the one of the test's server. */
#define transport (*device_transport)
#define extern    static
#define main      device
#include "readme_alarm.c"
#undef main
#undef extern
#undef transport

static struct server server;
static jmp_buf end;
static int raised = 1, told, stage;
static uint32_t attempts, last_attempt;
static const int ends[] = {SDS_SMTP_NOT_READY, SDS_SMTP_DATA_END_FAILED, SDS_SMTP_TIMEOUT};

/* How the server behaves, one connection after the other. */
static void behave(void)
{
  server_reset(&server);
  server.keywords = "250-AUTH PLAIN LOGIN\r\n";
  switch (stage) {
  case 0:
    server.refused = "220";
    server.refusal = "421 4.3.2 closing\r\n";
    break;
  case 1:
    server.refused = ".";
    server.refusal = "451 4.7.1 later\r\n";
    break;
  case 2:
    server.unanswered = ".";
    break;
  default:
    break;
  }
}

static uint32_t milliseconds(void)
{
  static uint32_t sent_at;

  now += 100;
  if (server.connections > 0 && attempts == (uint32_t)stage) {
    attempts++;
    CHECK(stage == 0 || now - last_attempt >= 30000); /* no hammering */
    last_attempt = now;
  }
  if (stage < 3 && server.closings > 0) {
    CHECK(!told && raised && sds_smtp_status() == ends[stage]);
    stage++;
    behave();
  }
  if (told && sent_at == 0)
    sent_at = now;
  if (sent_at != 0 && now - sent_at > 600000)
    longjmp(end, 1);
  CHECK(now < 7200000);
  return now;
}

static int alarm_raised(void)
{
  return raised;
}

static void alarm_told(void)
{
  CHECK(stage == 3 && server.mails == 1 && server.accepted && sds_smtp_status() == SDS_SMTP_OK);
  CHECK(!told);
  told = 1;
  raised = 0;
}

int main(void)
{
  server_init(&server);
  behave();
  device_transport = &server.transport;
  if (setjmp(end) == 0)
    device();
  CHECK(told && server.mails == 1 && server.connections == 1 && attempts == 4);
  puts("readme: told when it was sent");
  return 0;
}
