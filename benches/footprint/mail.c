/*
 * mail.c - see mail.h
 *
 *     -DMINIMAL   the three functions and sds_smtp_poll(): a login, one recipient, a line of ASCII; no log, no clock
 *     -DNORMAL    a log of four mails, a clock, the result; subject and text in UTF-8
 *     -DFULL      every function: clients by handle, everything that can be configured, a text that is read piece by piece
 *
 * Without one of these: nothing, to be subtracted.
 */
#include "mail.h"

#define SENDER   "unit7@example.test"
#define OPERATOR "someone@example.test"

#define SUBJECT "P\xC5\x99" "eh\xC5\x99\xC3\xA1t\xC3\xAD v kotelně: 93 °C"

#if defined NORMAL || defined FULL
static uint32_t unix_time(void *context)
{
  (void)context;
  return 1795305600; /* 2026-11-22 */
}

static LENT struct sds_smtp_log_entry log_memory[4], entry;
static LENT struct sds_smtp_result result;
#endif
#ifdef FULL
static LENT struct sds_smtp_config config; /* not on the stack, which is the library's to measure */
static LENT struct sds_smtp_message message;
#endif

/* --- minimal and normal ------------------------------------------------------------------------------------------- */

#if defined MINIMAL || defined NORMAL

static LENT sds_smtp_client *client;

void mail_begin(const struct sds_smtp_transport *transport, void *storage, size_t length)
{
  client = sds_smtp_client_init(storage, length);
  sds_smtp_set_transport(transport);
#ifdef NORMAL
  sds_smtp_set_clock(unix_time, NULL);
  sds_smtp_client_set_log(NULL, log_memory, 4);
#endif
  sds_smtp_configure("192.0.2.1", 1, "sds", "sds-secret", SENDER);
}

int mail_send(void)
{
#ifdef NORMAL
  return sds_smtp_send(OPERATOR, SUBJECT, "Kotel hlásí 93 °C, mez je 85 °C.\nČerpadlo stojí.\n");
#else
  return sds_smtp_send(OPERATOR, "alarm", "Boiler room: 93 degrees.\n");
#endif
}

int mail_status(void)
{
  return sds_smtp_status();
}

void mail_look(void)
{
#ifdef NORMAL
  result.struct_size = sizeof result;
  sds_smtp_client_result(NULL, &result);
  entry.struct_size = sizeof entry;
  sds_smtp_client_log(NULL, &entry, 1);
#endif
}

/* A device has one client, and never ends it: only the measurement does. */
#ifdef MEASURED
void mail_end(void)
{
  sds_smtp_client_free(client);
}
#endif

/* --- full --------------------------------------------------------------------------------------------------------- */

#elif defined FULL

static LENT sds_smtp_client *client, *second;
static unsigned char second_storage[SDS_SMTP_CLIENT_SIZE];
static LENT unsigned turn;
/* What a program would print. */
static LENT const char *volatile words;
static LENT volatile int numbers;

/* Ten lines. */
static int32_t give_text(void *context, uint32_t offset, char *out, size_t max)
{
  static const char line[] = "Kotel hlásí 93 °C, mez je 85 °C.\n";
  static LENT size_t at;
  size_t i;

  (void)context;
  if (offset == 0)
    at = 0;
  for (i = 0; i < max && offset + i < 10 * (sizeof line - 1); i++) {
    out[i] = line[at];
    at = at + 1 < sizeof line - 1 ? at + 1 : 0;
  }
  return (int32_t)i;
}

void mail_begin(const struct sds_smtp_transport *transport, void *storage, size_t length)
{
  static const struct sds_smtp_config initial = SDS_SMTP_CONFIG_INIT;

  client = sds_smtp_client_init(storage, length);
  second = sds_smtp_client_init(second_storage, sizeof second_storage);
  sds_smtp_set_transport(transport);
  sds_smtp_client_set_transport(second, transport);
  sds_smtp_set_clock(unix_time, NULL);
  sds_smtp_client_set_log(client, log_memory, 4);
  config = initial;
  config.server = "192.0.2.1";
  config.port = 587;
  config.auth = SDS_SMTP_AUTH_ANY;
  config.username = "sds";
  config.password = "sds-secret";
  config.sender = SENDER;
  config.sender_name = "Kotelna č. 7";
  config.ehlo_name = "unit7.example.test";
  config.charset = "windows-1250";
  config.total_timeout_ms = 600000;
  sds_smtp_client_configure(client, &config);
  sds_smtp_client_configure(second, &config);
}

int mail_send(void)
{
  static const char text[] = "Kotel hl\xE1s\xED 93 \xB0" "C.\n";
  static const struct sds_smtp_message initial = SDS_SMTP_MESSAGE_INIT;

  message = initial;
  message.to = OPERATOR ", second@example.test";
  message.subject = SUBJECT;
  if (turn++ % 2 == 0) {
    message.read = give_text;
  } else {
    message.text = text;
    message.flags = SDS_SMTP_BORROW_TEXT;
  }
  return sds_smtp_client_send(client, &message);
}

int mail_status(void)
{
  return sds_smtp_client_status(client);
}

void mail_look(void)
{
  result.struct_size = sizeof result;
  sds_smtp_client_result(client, &result);
  entry.struct_size = sizeof entry;
  sds_smtp_client_log(client, &entry, 1);
  words = sds_smtp_strerror(result.code);
  words = sds_smtp_version();
  numbers = sds_smtp_program_status() + sds_smtp_status();
  sds_smtp_client_cancel(client);
  sds_smtp_client_probe(second);
  sds_smtp_client_cancel(second);
}

void mail_end(void)
{
  sds_smtp_client_free(second);
  sds_smtp_client_free(client);
}

#endif
