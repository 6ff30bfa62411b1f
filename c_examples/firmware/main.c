/*
 * main.c - a device without an operating system that mails an alarm, over a serial line
 *
 * The pattern to copy: set up once, then a main loop that does the device's work, polls the library and sleeps. Nothing in
 * it waits for the mail server. The alarm itself is in alarm.c.
 */
#include "alarm.h"
#include "board.h"
#include "sds_smtp_firmware.h"
#include "transport_uart.h"

/* The client lives in here; the kilobyte is for its configuration and one mail's recipients, subject and text. */
static unsigned char storage[SDS_SMTP_CLIENT_SIZE + 1024];

/* The last four mails. A device without a log leaves this out. */
static struct sds_smtp_log_entry log_memory[4];

static uint32_t unix_time(void *context)
{
  (void)context;
  return board_unix_time();
}

static void begin_mail(void)
{
  int code;

  sds_smtp_client_init(storage, sizeof storage); /* the first client is the one of sds_smtp_configure() and the others */
  sds_smtp_set_transport(&transport_uart);
  sds_smtp_set_clock(unix_time, NULL);
  sds_smtp_client_set_log(NULL, log_memory, 4);

  /* From the device's settings. May be called again at any time; a mail in flight keeps what it began with. */
  code = sds_smtp_configure("192.168.1.10", 1, "sds", "sds-secret", "unit7@example.test");
  if (code != SDS_SMTP_OK)
    alarm_say("configuration refused, code", code);
}

int main(void)
{
  board_init();
  begin_mail();
  for (;;) {
    uint32_t now = board_milliseconds();

    alarm_work(now);
    if (sds_smtp_poll(now) > 0) /* 0: there is more to do at once */
      board_sleep();
  }
}
