/*
 * alarm.c - the device's own work: it measures a temperature, and mails an alarm when it is too high
 */
#include "alarm.h"

#include "board.h"
#include "sds_smtp_firmware.h"

#define OPERATOR "someone@example.test"

#define MEASURE_EVERY_MS 20
#define BLINK_EVERY_MS   250
#define RETRY_AFTER_MS   60000
#define LIMIT            850 /* tenths of a degree */

static int32_t temperature = 800;
static uint32_t measured_at, blinked_at, failed_at;
static int lit;

/* The alarm's way. The mail is in the library's hands between IN_FLIGHT and its end, and nobody waits for it. */
static enum { NONE, RAISED, IN_FLIGHT, FAILED, TOLD, UNCERTAIN } alarm;

/* --- words ------------------------------------------------------------------------------------------------------- */

/* Small, and without printf(): appends to a text that has room for it. */
static char *append(char *end, const char *text)
{
  while (*text != '\0')
    *end++ = *text++;
  *end = '\0';
  return end;
}

static char *append_number(char *end, uint32_t number)
{
  char digits[11];
  char *first = digits + sizeof digits - 1;

  *first = '\0';
  do {
    *--first = (char)('0' + number % 10);
    number /= 10;
  } while (number != 0);
  return append(end, first);
}

static char *append_degrees(char *end, int32_t tenths)
{
  end = append_number(end, (uint32_t)tenths / 10);
  end = append(end, ".");
  end = append_number(end, (uint32_t)tenths % 10);
  return append(end, " \xC2\xB0" "C"); /* texts are UTF-8 */
}

void alarm_say(const char *what, int code)
{
  char number[16];

  append(append_number(append(number, " "), (uint32_t)code), ": ");
  board_console(what);
  board_console(number);
  board_console(sds_smtp_strerror(code));
  board_console("\n");
}

/* --- the mail ---------------------------------------------------------------------------------------------------- */

static void say_log(void)
{
  static struct sds_smtp_log_entry entries[4]; /* large: not on the stack */
  char number[16];
  size_t count, i;

  entries[0].struct_size = sizeof entries[0]; /* counts for all of them */
  count = sds_smtp_client_log(NULL, entries, 4);
  for (i = 0; i < count; i++) {
    append(append_number(append(number, " "), (uint32_t)entries[i].elapsed_ms), " ms ");
    board_console("log: ");
    board_console(entries[i].recipient);
    board_console(number);
    alarm_say("code", entries[i].code);
    board_console("     ");
    board_console(entries[i].text); /* the server's words, or the library's */
    board_console("\n");
  }
}

static void start_mail(uint32_t now_ms)
{
  char text[160];
  char *end = text;
  int code;

  end = append(end, "Boiler room: ");
  end = append_degrees(end, temperature);
  end = append(end, ", the limit is ");
  end = append_degrees(end, LIMIT);
  end = append(end, ".\nMilliseconds since the start: ");
  end = append_number(end, now_ms);
  append(end, "\n");

  /* Copies what it needs and returns at once; the mail leaves in sds_smtp_poll(). */
  code = sds_smtp_send(OPERATOR, "Boiler room: too hot", text);
  if (code == SDS_SMTP_OK) {
    alarm = IN_FLIGHT;
  } else if (code != SDS_SMTP_BUSY) { /* busy: somebody else's mail is in flight, and the alarm stays raised */
    alarm_say("mail not started, code", code);
    alarm = FAILED;
    failed_at = now_ms;
  }
}

static void finish_mail(uint32_t now_ms)
{
  static struct sds_smtp_result result; /* likewise */

  result.struct_size = sizeof result;
  sds_smtp_client_result(NULL, &result);
  alarm_say("mail, code", result.code);
  switch (result.outcome) {
  case SDS_SMTP_OUTCOME_SENT:
    alarm = TOLD;
    break;
  case SDS_SMTP_OUTCOME_UNKNOWN:
    alarm = UNCERTAIN; /* perhaps sent: this device does not send it twice, and does not say that it is told */
    board_console("the alarm was perhaps not told\n");
    break;
  default:
    alarm = FAILED; /* surely not sent: it is tried again */
    failed_at = now_ms;
    break;
  }
  say_log();
#ifdef DEMONSTRATION
  board_stop(result.code);
#endif
}

static void work_on_alarm(uint32_t now_ms)
{
  switch (alarm) {
  case NONE:
    if (temperature > LIMIT)
      alarm = RAISED;
    break;
  case RAISED:
    start_mail(now_ms);
    break;
  case IN_FLIGHT:
    if (sds_smtp_status() != SDS_SMTP_BUSY)
      finish_mail(now_ms);
    break;
  case FAILED:
    if (now_ms - failed_at >= RETRY_AFTER_MS)
      alarm = RAISED;
    break;
  case TOLD:
  case UNCERTAIN:
    break;
  }
}

/* --- the rest of the device's work ------------------------------------------------------------------------------- */

static void measure(void)
{
  temperature += 3; /* somebody has left the valve open */
  if (temperature > 950)
    temperature = 950;
}

void alarm_work(uint32_t now_ms)
{
  if (now_ms - measured_at >= MEASURE_EVERY_MS) {
    measured_at = now_ms;
    measure();
  }
  if (now_ms - blinked_at >= BLINK_EVERY_MS) {
    blinked_at = now_ms;
    lit = !lit;
    board_led(lit);
  }
  work_on_alarm(now_ms);
}
