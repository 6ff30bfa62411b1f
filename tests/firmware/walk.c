/*
 * walk - calls in random order, with random arguments, against servers of random moods
 *
 *     walk SECONDS SEED
 *
 * Three clients that come and go, one after the other's memory; whatever is answered must be legal, and every mail that ended
 * must have ended as its server saw it.
 */
#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CLIENTS 3

static struct device {
  struct server server;
  unsigned char storage[SDS_SMTP_CLIENT_SIZE + 1500];
  struct sds_smtp_log_entry entries[5];
  sds_smtp_client *client;
  size_t lent;
  int in_flight, probe;
  uint32_t tls; /* as it is configured */
  char text[4001];
  size_t length, given, piece;
  uint32_t laters;
  int fails;
} devices[CLIENTS];

static sds_smtp_client *dead;
static uint32_t calls, sent, not_sent, unknown;

static uint32_t unix_time(void *context)
{
  (void)context;
  return chance() % 4 ? 1795000000u + now / 1000 : 0;
}

static int is_code(int code)
{
  return (code >= 0 && code <= 15) || code == SDS_SMTP_CANCELLED || code == SDS_SMTP_BAD_ARGUMENT ||
         (code >= SDS_SMTP_TLS_FAILED && code <= SDS_SMTP_NOT_SUPPORTED);
}

static int32_t read_text(void *context, uint32_t offset, char *out, size_t max)
{
  struct device *device = (struct device *)context;
  size_t length = device->length - device->given;

  CHECK(device->in_flight && offset == device->given && max > 0);
  if (device->laters > 0 && chance() % 3 == 0) {
    device->laters--;
    return SDS_SMTP_READ_LATER;
  }
  if (device->fails && chance() % 8 == 0)
    return (int32_t[]){-1, INT32_MIN, INT32_MAX, (int32_t)max + 1}[chance() % 4];
  if (length > max)
    length = max;
  if (length > device->piece)
    length = device->piece;
  memcpy(out, device->text + offset, length);
  device->given += length;
  return (int32_t)length;
}

static void choose_manners(struct server *server)
{
  static const char *const keywords[] = {NULL, "250-PIPELINING\r\n", "250-8BITMIME\r\n250-SIZE 3000\r\n", "250-AUTH LOGIN\r\n",
                                         "250-AUTH PLAIN LOGIN\r\n250-PIPELINING\r\n250-SIZE\r\n", "250-AUTH GSSAPI\r\n"};
  static const char *const steps[] = {"220", "EHLO", "HELO", "AUTH", "MAIL", "RCPT", "DATA", ".", "QUIT", "RSET", "STARTTLS"};
  static const char *const refusals[] = {"421 4.3.2 later\r\n",  "550 5.1.1 no\r\n",   "501 5.5.4 what\r\n",
                                         "554-5.7.1 relay\r\n554 denied\r\n", "250\r\n", "354 go on\r\n",
                                         "999 nothing\r\n",      "nonsense\r\n",       "450 4.2.0 greylisted\r\n"};

  server_reset(server);
  server->transport.flags = chance() % 2;
  server->keywords = keywords[chance() % 6];
  server->moody = chance() % 2 != 0;
  server->at_once = chance() % 3 ? 0 : 1 + chance() % 20;
  server->repeats_login = chance() % 4 == 0;
  if (chance() % 3 == 0) {
    server->refused = steps[chance() % 11];
    server->refusal = refusals[chance() % 9];
  }
  if (chance() % 8 == 0)
    server->unanswered = steps[chance() % 11];
  switch (chance() % 16) {
  case 0: server->sent_break = chance() % 900; break;
  case 1: server->received_break = chance() % 300; break;
  case 2: server->sent_stall = chance() % 900; break;
  case 3: server->received_stall = chance() % 300; break;
  case 4: server->half_closed = chance() % 900; break;
  case 5:
    server->wrong_call = chance() % 4 ? (enum call)(chance() % CLOSE) : START_TLS;
    server->wrong_at = 1 + chance() % 20;
    server->wrong_value = -1 - (int32_t)(chance() % 6);
    server->wrong_stays = (int)(chance() % 2);
    break;
  default: break;
  }
}

/* A server that says something else than it does cannot be asked afterwards what became of the mail. */
static int is_honest(const struct server *server)
{
  return server->refused == NULL || (server->refusal[0] >= '4' && server->refusal[0] <= '5');
}

static void look(struct device *device)
{
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;
  int status;

  if (device->client == NULL)
    return;
  status = sds_smtp_client_status(device->client);
  CHECK(is_code(status) && (status == SDS_SMTP_BUSY) == device->in_flight);
  CHECK(sds_smtp_client_result(device->client, &result) == SDS_SMTP_OK);
  CHECK(result.outcome <= SDS_SMTP_OUTCOME_UNKNOWN && result.phase <= SDS_SMTP_PHASE_END && is_code(result.code));
  CHECK(memchr(result.text, 0, sizeof result.text) && memchr(result.message_id, 0, sizeof result.message_id));
  CHECK(!holds(&result, sizeof result, "sds-secret") && !holds(&result, sizeof result, "c2RzLXNlY3JldA"));
}

static void poll_clients(void)
{
  uint32_t wait, i;

  now += chance() % 5 ? chance() % 20 : chance() % 100000;
  wait = sds_smtp_poll(chance() % 10 ? now : now - chance() % 50);
  for (i = 0; i < CLIENTS; i++) {
    struct device *device = &devices[i];
    int busy = device->client != NULL && sds_smtp_client_status(device->client) == SDS_SMTP_BUSY;

    CHECK(!busy || (device->in_flight && wait != SDS_SMTP_NO_LIMIT));
    if (device->in_flight && !busy) {
      struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;

      device->in_flight = 0;
      if (!device->probe && is_honest(&device->server))
        result = result_of(device->client, &device->server);
      else
        CHECK(sds_smtp_client_result(device->client, &result) == SDS_SMTP_OK);
      if (device->probe)
        CHECK(device->server.mails == 0 && result.outcome == SDS_SMTP_OUTCOME_NOT_SENT);
      sent += result.outcome == SDS_SMTP_OUTCOME_SENT;
      not_sent += result.outcome == SDS_SMTP_OUTCOME_NOT_SENT;
      unknown += result.outcome == SDS_SMTP_OUTCOME_UNKNOWN;
      if (result.outcome == SDS_SMTP_OUTCOME_SENT && is_honest(&device->server) && !device->probe) {
        static char wanted[10000], got[10000];
        size_t length = canonical(device->text, device->length, wanted);

        CHECK(device->server.mails >= 1);
        CHECK(decoded_text(&device->server, got, sizeof got) == length && memcmp(got, wanted, length) == 0);
      }
    }
  }
  if (wait == SDS_SMTP_NO_LIMIT)
    for (i = 0; i < CLIENTS; i++)
      CHECK(!devices[i].server.open && devices[i].server.closings == devices[i].server.connections);
}

/* A mail has started: its connections have the TLS that is configured now. */
static void started(struct device *device)
{
  int starttls = device->tls == SDS_SMTP_TLS_STARTTLS;

  device->in_flight = 1;
  device->server.next_starttls = 1 + starttls + (starttls && chance() % 8 == 0);
}

static void send_a_mail(struct device *device)
{
  static const char *const lists[] = {"someone@example.test", "a@b.cz,c@d.cz , e@f.cz", "nobody", "", NULL, "a@b.cz,"};
  static const char *const subjects[] = {"alarm", NULL, "P\xC5\x99\xC3\xADli\xC5\xA1 \xC5\xBElu\xC5\xA5ou\xC4\x8Dk\xC3\xBD", "two\nlines", ""};
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
  int busy = device->in_flight, code, way = (int)(chance() % 3);
  size_t i, length = chance() % 4 ? chance() % 300 : chance() % 4000;

  if (device->client == NULL)
    return;
  if (!busy) {
    if (!device->server.open && chance() % 4)
      choose_manners(&device->server);
    for (i = 0; i < length; i++)
      device->text[i] = "abcdefgh. =\r\n\n.\xC5"[chance() % (chance() % 50 ? 15 : 16)];
    device->text[length] = '\0';
    device->length = length;
    device->given = 0;
    device->piece = 1 + chance() % 300;
    device->laters = chance() % 2 ? chance() % 20 : 0;
    device->fails = chance() % 8 == 0;
  }
  message.to = lists[chance() % 3 ? 0 : chance() % 6];
  message.subject = subjects[chance() % 5];
  message.flags = chance() % 16 ? chance() % 4 : chance();
  if (way == 0) {
    message.read = read_text;
    message.read_context = device;
  }
  if (way != 0 || chance() % 32 == 0)
    message.text = device->text;
  code = sds_smtp_client_send(device->client, &message);
  CHECK(busy ? code == SDS_SMTP_BUSY : is_code(code));
  if (code == SDS_SMTP_OK) {
    started(device);
    device->probe = 0;
    device->server.dot = device->server.accepted = device->server.denied = 0;
  }
}

static void probe(struct device *device)
{
  int code;

  if (device->client == NULL)
    return;
  if (!device->in_flight && !device->server.open)
    choose_manners(&device->server);
  code = sds_smtp_client_probe(device->client);
  CHECK(device->in_flight ? code == SDS_SMTP_BUSY : is_code(code));
  if (code == SDS_SMTP_OK) {
    started(device);
    device->probe = 1;
    device->server.mails = 0;
    device->server.dot = 0;
  }
}

static void configure(struct device *device)
{
  static const char *const senders[] = {"unit7@example.test", "other-unit-with-a-long-name@department.example.test", "none"};
  static const char *const servers[] = {"192.0.2.1", "2001:db8::1", "localhost"};
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  int code;

  config.server = servers[chance() % 8 ? chance() % 2 : 2];
  config.sender = senders[chance() % 8 ? chance() % 2 : 2];
  config.flags = chance() % 16 ? chance() % 2 : chance();
  config.auth = chance() % 16 ? chance() % 8 : chance();
  config.username = "sds";
  config.password = "sds-secret";
  config.sender_name = chance() % 2 ? NULL : "Kotelna \xC4\x8D. 7";
  config.ehlo_name = chance() % 2 ? NULL : "unit7.example.test";
  config.charset = chance() % 2 ? NULL : "windows-1250";
  config.tls = device->server.transport.start_tls != NULL && chance() % 2 ? chance() % 3 : chance() % 32 == 0;
  config.tls_name = chance() % 4 ? NULL : "mail.example.test";
  config.port = chance() % 4 ? 0 : chance() % 70000;
  config.total_timeout_ms = chance() % 4 ? 0 : chance();
  config.greeting_timeout_ms = chance() % 4 ? 0 : chance();
  /* Without one of its own it would be the built-in client, whose TLS another device knows. */
  if (device->client == NULL)
    return;
  code = sds_smtp_client_configure(device->client, &config);
  CHECK(is_code(code));
  if (code == SDS_SMTP_OK)
    device->tls = config.tls;
}

static void come_or_go(struct device *device)
{
  if (device->client != NULL) {
    dead = device->client;
    sds_smtp_client_free(device->client);
    CHECK(!device->server.open && device->server.closings == device->server.connections);
    CHECK(!holds(device->storage, device->lent, "sds-secret") && !holds(device->storage, device->lent, "unit7@"));
    CHECK(sds_smtp_client_status(dead) == SDS_SMTP_BAD_HANDLE);
    memset(device->storage, (int)(chance() & 255), sizeof device->storage);
    device->client = NULL;
    device->in_flight = 0;
  } else {
    size_t offset = chance() % 16;

    device->lent = SDS_SMTP_CLIENT_SIZE + chance() % 1484;
    device->client = sds_smtp_client_init(device->storage + offset, device->lent);
    CHECK(device->client != NULL);
    device->tls = SDS_SMTP_TLS_NONE;
    device->lent += offset;
    if (dead == device->client)
      dead = NULL;
    choose_manners(&device->server);
    CHECK(sds_smtp_client_set_transport(device->client, &device->server.transport) == SDS_SMTP_OK);
    configure(device);
  }
}

static void step(void)
{
  struct device *device = &devices[chance() % CLIENTS];
  struct sds_smtp_log_entry shown[6];
  size_t count, max;
  int code;

  calls++;
  switch (chance() % 64) {
  case 0:
  case 1: come_or_go(device); break;
  case 2:
  case 3:
  case 4:
  case 5: send_a_mail(device); break;
  case 6: probe(device); break;
  case 7:
  case 8: configure(device); break;
  case 9:
    if (device->client != NULL) {
      CHECK(sds_smtp_client_cancel(device->client) == SDS_SMTP_OK);
    }
    break;
  case 10:
    if (device->client == NULL)
      break;
    count = chance() % 6;
    CHECK(sds_smtp_client_set_log(device->client, count ? device->entries : NULL, count) == SDS_SMTP_OK);
    break;
  case 11:
    shown[0].struct_size = sizeof shown[0];
    max = chance() % 7;
    count = sds_smtp_client_log(device->client, max ? shown : NULL, max);
    CHECK(count <= 5);
    while (max > 0 && count-- > 0)
      CHECK(is_code(shown[count].code) && memchr(shown[count].recipient, 0, 96) && memchr(shown[count].text, 0, 128));
    break;
  case 12:
    if (device->client == NULL)
      break;
    code = sds_smtp_client_set_transport(device->client, chance() % 2 ? &device->server.transport : NULL);
    CHECK(code == (device->in_flight ? SDS_SMTP_BUSY : SDS_SMTP_OK));
    if (!device->in_flight)
      CHECK(sds_smtp_client_set_transport(device->client, &device->server.transport) == SDS_SMTP_OK);
    break;
  case 13: sds_smtp_set_clock(chance() % 2 ? unix_time : NULL, NULL); break;
  case 14:
    if (dead != NULL) {
      CHECK(sds_smtp_client_send(dead, NULL) == SDS_SMTP_BAD_HANDLE && sds_smtp_client_cancel(dead) == SDS_SMTP_BAD_HANDLE);
      sds_smtp_client_free(dead);
    }
    break;
  case 15:
    CHECK(device->client == NULL || sds_smtp_client_init(device->storage, sizeof device->storage) == NULL);
    break;
  case 16:
  case 17:
  case 18:
  case 19: look(device); break;
  default: poll_clients(); break;
  }
}

int main(int argc, char **argv)
{
  time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 2);
  uint32_t number = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1, i;

  printf("walk: seed %u\n", (unsigned)number);
  fflush(stdout);
  seed(number);
  now = chance();
  for (i = 0; i < CLIENTS; i++)
    server_init(&devices[i].server);
  for (i = 0; i < CLIENTS; i += 2)
    server_with_tls(&devices[i].server);
  while (time(NULL) < end)
    for (i = 0; i < 1000; i++)
      step();
  for (i = 0; i < CLIENTS; i++)
    if (devices[i].client != NULL)
      come_or_go(&devices[i]);
  CHECK(sds_smtp_poll(now) == SDS_SMTP_NO_LIMIT);
  printf("walk: %u calls; %u mails sent, %u not sent, %u unknown\n", (unsigned)calls, (unsigned)sent, (unsigned)not_sent,
         (unsigned)unknown);
  CHECK(sent > 0 && not_sent > sent / 20);
  return 0;
}
