/*
 * stack.c - how much stack each function of the library uses at the most, over mails of all kinds
 *
 * The memory below the stack pointer is painted before a call; what has lost its paint afterwards was used. The callbacks of
 * the test's own server count with it: they are small (about 50 bytes).
 */
#include "board.h"
#include "peer.h"

#define PAINTED 3072u
#define PAINT   0xC5u

enum function { NOTHING, INIT, SET_TRANSPORT, SET_LOG, CONFIGURE, SEND, POLL, STATUS, RESULT, LOG, CANCEL, PROBE, STRERROR, FREE, FUNCTIONS };

static const char *const names[FUNCTIONS] = {
  "nothing", "sds_smtp_client_init",   "sds_smtp_client_set_transport", "sds_smtp_client_set_log", "sds_smtp_client_configure",
  "sds_smtp_client_send",   "sds_smtp_poll",                 "sds_smtp_client_status",  "sds_smtp_client_result",
  "sds_smtp_client_log",    "sds_smtp_client_cancel",        "sds_smtp_client_probe",   "sds_smtp_strerror",
  "sds_smtp_client_free",
};

static uint32_t used[FUNCTIONS];

static unsigned char storage[SDS_SMTP_CLIENT_SIZE + 2048];
static struct sds_smtp_log_entry log_memory[3], entries[3];
static struct sds_smtp_result result;
static struct sds_smtp_config config;
static struct sds_smtp_message message;
static struct peer peer;
static sds_smtp_client *client;
static uint32_t now;
static int returned;

static uint32_t unix_time(void *context)
{
  (void)context;
  return 1795305600; /* 2026-11-22 */
}

/* --- the calls ----------------------------------------------------------------------------------------------------- */

static __attribute__((noinline)) void call(enum function function)
{
  switch (function) {
  case NOTHING:
    break;
  case INIT:
    client = sds_smtp_client_init(storage, sizeof storage);
    break;
  case SET_TRANSPORT:
    returned = sds_smtp_client_set_transport(client, &peer.transport);
    break;
  case SET_LOG:
    returned = sds_smtp_client_set_log(client, log_memory, 3);
    break;
  case CONFIGURE:
    returned = sds_smtp_client_configure(client, &config);
    break;
  case SEND:
    returned = sds_smtp_client_send(client, &message);
    break;
  case POLL:
    sds_smtp_poll(now);
    break;
  case STATUS:
    returned = sds_smtp_client_status(client);
    break;
  case RESULT:
    returned = sds_smtp_client_result(client, &result);
    break;
  case LOG:
    returned = (int)sds_smtp_client_log(client, entries, 3);
    break;
  case CANCEL:
    returned = sds_smtp_client_cancel(client);
    break;
  case PROBE:
    returned = sds_smtp_client_probe(client);
    break;
  case STRERROR:
    returned = sds_smtp_strerror(returned) != NULL;
    break;
  default:
    sds_smtp_client_free(client);
    break;
  }
}

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

static __attribute__((noinline)) int measure(enum function function)
{
  volatile uint8_t *top = stack_pointer();
  volatile uint8_t *place;

  for (place = top - PAINTED; place < top; place++)
    *place = PAINT;
  call(function);
  for (place = top - PAINTED; place < top && *place == PAINT; place++) {
  }
  CHECK(place > top - PAINTED);
  if ((uint32_t)(top - place) > used[function])
    used[function] = (uint32_t)(top - place);
  return returned;
}

/* --- mails --------------------------------------------------------------------------------------------------------- */

static int32_t give_text(void *context, uint32_t offset, char *out, size_t max)
{
  static const char line[] = "P\xC5\x99\xC3\xADli\xC5\xA1 hork\xC3\xBD kotel.\n.\n";
  size_t i;

  (void)context;
  for (i = 0; i < max && offset + i < 500; i++)
    out[i] = line[(offset + i) % (sizeof line - 1)];
  if (offset + i == 500 && i > 0) /* does not end within a character */
    out[i - 1] = out[i - 2] = out[i - 3] = '.';
  return (int32_t)i;
}

static void look(void)
{
  result.struct_size = sizeof result;
  CHECK(measure(RESULT) == SDS_SMTP_OK);
  entries[0].struct_size = sizeof entries[0];
  measure(LOG);
  returned = result.code;
  measure(STRERROR);
}

static void until_its_end(void)
{
  uint32_t rounds = 0;

  while (measure(STATUS) == SDS_SMTP_BUSY || peer.line != CLOSED) {
    CHECK(++rounds < 100000);
    measure(POLL);
    peer_work(&peer, now);
    now += peer.manners.silent_at == NEVER ? 1 : 60000;
  }
  look();
}

static void mail_of_each_kind(void)
{
  static const char *const texts[] = {
    "", "Boiler room: 93 degrees.\r\n.\r\n.dots\n", "P\xC5\x99\xC3\xADli\xC5\xA1 \xC5\xBElu\xC5\xA5ou\xC4\x8Dk\xC3\xBD k\xC5\xAF\xC5\x88",
    "\xE8\xE1st v jin\xE9 znakov\xE9 sad\xEC"};
  static const char *const subjects[] = {
    "alarm",
    "P\xC5\x99\xC3\xADli\xC5\xA1 \xC5\xBElu\xC5\xA5ou\xC4\x8Dk\xC3\xBD k\xC5\xAF\xC5\x88 \xC3\xBAp\xC4\x9Bl \xC4\x8F\xC3\xA1"
    "belsk\xC3\xA9 \xC3\xB3" "dy, a to velmi dlouho, a\xC5\xBE do \xC3\xBApln\xC3\xA9ho konce t\xC3\xA9to \xC5\x99\xC3\xA1" "dky"};
  unsigned i;

  for (i = 0; i < 4; i++) {
    message.text = texts[i];
    message.subject = subjects[i % 2];
    message.flags = i == 3 ? SDS_SMTP_BORROW_TEXT : 0;
    CHECK(measure(SEND) == SDS_SMTP_OK);
    until_its_end();
  }
  message.flags = 0;
  message.text = NULL;
  message.read = give_text;
  CHECK(measure(SEND) == SDS_SMTP_OK);
  until_its_end();
  message.read = NULL;
  message.text = texts[1];
  CHECK(measure(PROBE) == SDS_SMTP_OK);
  until_its_end();
}

static void configure_all_kinds(void)
{
  static const char *const servers[] = {"192.0.2.1", "2001:db8:1:2:3:4:5:6", "::ffff:192.0.2.1"};
  static const struct sds_smtp_config initial = SDS_SMTP_CONFIG_INIT;
  unsigned i;

  for (i = 0; i < 3; i++) {
    config = initial;
    config.server = servers[i];
    config.sender = "\"unit 7\"@[IPv6:2001:db8::1]";
    config.sender_name = "P\xC5\x99\xC3\xADli\xC5\xA1";
    config.ehlo_name = "unit7.example.test";
    config.charset = "windows-1250";
    config.port = 65535;
    CHECK(measure(CONFIGURE) == SDS_SMTP_OK);
    config.server = "mail.example.test";
    CHECK(measure(CONFIGURE) == SDS_SMTP_CONNECT_FAILED);
  }
  config = initial;
  config.server = servers[0];
  config.sender = "unit7@example.test";
  config.sender_name = "P\xC5\x99\xC3\xADli\xC5\xA1";
  config.charset = "windows-1250";
  config.auth = SDS_SMTP_AUTH_ANY;
  config.username = "sds";
  config.password = "sds-secret";
  CHECK(measure(CONFIGURE) == SDS_SMTP_OK);
}

static void good_mails(void)
{
  static const char *const keywords[] = {
    "250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 100000\r\n250-AUTH PLAIN LOGIN\r\n", "250-AUTH LOGIN\r\n",
    "250-PIPELINING\r\n250-AUTH PLAIN\r\n"};
  unsigned i;

  for (i = 0; i < 3; i++) {
    peer.manners.keywords = keywords[i];
    peer.manners.moody = i == 1;
    mail_of_each_kind();
    CHECK(i == 1 || result.code == SDS_SMTP_OK);
  }
  peer.manners.moody = 0;
  CHECK(peer.mails >= 15);
}

static void bad_mails(void)
{
  static const char *const refusals[] = {
    "550-5.7.1 Relay access denied, and this is said at some length, so that it does not fit into one piece\r\n550 5.7.1 no\r\n",
    "421 4.3.2 not now\r\n", "530 5.7.0 sds c2Rz sds-secret c2RzLXNlY3JldA== AHNkcwBzZHMtc2VjcmV0\r\n",
    "501 5.5.4 sds-secret\r\n", "what?\r\n"};
  unsigned step, i;

  for (step = GREETING; step < STEPS; step++) {
    peer.manners.refused_at = (enum peer_step)step;
    for (i = 0; i < 5; i++) {
      peer.manners.keywords = i % 2 ? "250-AUTH LOGIN\r\n" : "250-PIPELINING\r\n250-AUTH PLAIN LOGIN\r\n250-SIZE 100000\r\n";
      peer.manners.refusal = refusals[i];
      CHECK(measure(SEND) == SDS_SMTP_OK);
      until_its_end();
    }
    peer.manners.refused_at = NEVER;
    peer.manners.lost_at = (enum peer_step)step;
    CHECK(measure(SEND) == SDS_SMTP_OK);
    until_its_end();
    peer.manners.lost_at = NEVER;
    peer.manners.silent_at = (enum peer_step)step;
    CHECK(measure(SEND) == SDS_SMTP_OK);
    until_its_end();
    peer.manners.silent_at = NEVER;
  }
  peer.manners.no_connection = SDS_SMTP_UNREACHABLE;
  CHECK(measure(SEND) == SDS_SMTP_OK);
  until_its_end();
  CHECK(result.code == SDS_SMTP_CONNECT_FAILED);
  peer.manners.no_connection = 0;

  CHECK(measure(SEND) == SDS_SMTP_OK);
  CHECK(measure(SEND) == SDS_SMTP_BUSY);
  CHECK(measure(CONFIGURE) == SDS_SMTP_OK);
  measure(POLL);
  CHECK(measure(CANCEL) == SDS_SMTP_OK);
  until_its_end();
  CHECK(result.code == SDS_SMTP_CANCELLED);

  message.to = "someone@example.test, @";
  CHECK(measure(SEND) == SDS_SMTP_RECIPIENT_REFUSED);
  look();
}

int main(void)
{
  static const struct sds_smtp_message initial = SDS_SMTP_MESSAGE_INIT;
  uint32_t worst = 0;
  int i;

  board_init();
#if defined __arm__
  __asm__ volatile("cpsid i"); /* interrupts would use the same stack */
#endif
  peer_init(&peer);
  message = initial;
  message.to = "someone@example.test, second@example.test";
  measure(INIT);
  CHECK(client != NULL && measure(SET_TRANSPORT) == SDS_SMTP_OK && measure(SET_LOG) == SDS_SMTP_OK);
  sds_smtp_set_clock(unix_time, NULL);
  configure_all_kinds();
  good_mails();
  bad_mails();
  measure(FREE);

  measure(NOTHING);
  for (i = INIT; i < FUNCTIONS; i++) {
    used[i] -= used[NOTHING]; /* call() itself */
    board_console(names[i]);
    test_say(":", used[i]);
    if (used[i] > worst)
      worst = used[i];
  }
  test_say("stack, bytes:", worst);
  board_stop(0);
  return 0;
}
