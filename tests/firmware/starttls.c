/*
 * starttls - TLS as it is configured: with STARTTLS, or with the connection; through the transport, or no mail at all
 *
 *     starttls [STRIDE]      each STRIDE-th of the many cases only (under valgrind)
 *
 * The server looks that nothing but EHLO, STARTTLS and QUIT comes in the clear.
 */
#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct server server;
static unsigned char storage[SDS_SMTP_CLIENT_SIZE + 1024];
static sds_smtp_client *client;
static uint32_t mails;

#define AGAIN SDS_SMTP_TRANSPORT_AGAIN

/* "EHLO [192.168.1.250]\r\nSTARTTLS\r\n" */
#define PLAIN 32u

static struct sds_smtp_config configuration(uint32_t tls)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;

  config.server = "192.0.2.1";
  config.sender = "unit7@example.test";
  config.auth = SDS_SMTP_AUTH_PLAIN;
  config.username = "sds";
  config.password = "sds-secret";
  config.tls = tls;
  return config;
}

static void begin(void)
{
  server_reset(&server);
  server.transport.flags = 0;
  server.starttls = 1;
  server.keywords = "250-PIPELINING\r\n250-AUTH PLAIN\r\n";
}

static void use(const struct sds_smtp_config *config)
{
  server_init(&server);
  server_with_tls(&server);
  server_with_names(&server);
  CHECK(sds_smtp_set_transport(&server.transport) == SDS_SMTP_OK);
  CHECK(sds_smtp_client_configure(NULL, config) == SDS_SMTP_OK);
  begin();
}

static void use_starttls(void)
{
  struct sds_smtp_config config = configuration(SDS_SMTP_TLS_STARTTLS);

  use(&config);
}

static void start(void)
{
  mails++;
  CHECK(sds_smtp_send("someone@example.test", "alarm", "Boiler room: 93 degrees.") == SDS_SMTP_OK);
}

static struct sds_smtp_result mail(void)
{
  struct sds_smtp_result result;

  start();
  poll_until_status(client);
  result = result_of(client, &server);
  poll_until_idle();
  CHECK(!server.open && server.closings == server.connections);
  CHECK(result.code != SDS_SMTP_OK || server.secured);
  return result;
}

static void wrong(enum call call, uint32_t at, int32_t value, int stays)
{
  server.wrong_call = call;
  server.wrong_at = at;
  server.wrong_value = value;
  server.wrong_stays = stays;
}

static void refused_because(const char *words)
{
  char text[100];

  CHECK(sds_smtp_client_refusal(NULL, text, sizeof text) == strlen(words) && strcmp(text, words) == 0);
}

#define LACKS "a field that this library lacks, or tls and no transport with start_tls"
#define WRONG "struct_size, flags, auth, tls, tls_name, credential_limit or charset"

/* --- what can be configured --------------------------------------------------------------------------------------- */

#ifdef SMALL

static void a_small_library_has_no_tls(void)
{
  uint32_t tls;

  server_init(&server);
  server_with_tls(&server);
  CHECK(sds_smtp_set_transport(&server.transport) == SDS_SMTP_OK);
  for (tls = SDS_SMTP_TLS_STARTTLS; tls <= SDS_SMTP_TLS_OPPORTUNISTIC; tls++) {
    struct sds_smtp_config config = configuration(tls);

    CHECK(sds_smtp_client_configure(NULL, &config) == SDS_SMTP_NOT_SUPPORTED);
    config.tls = 0;
    config.tls_name = "mail.example.test";
    CHECK(sds_smtp_client_configure(NULL, &config) == SDS_SMTP_NOT_SUPPORTED);
  }
  (void)use;
  (void)use_starttls;
  (void)mail;
  (void)wrong;
  (void)refused_because;
}

#else

static void tls_needs_a_transport_that_has_it(void)
{
  struct sds_smtp_config config = configuration(SDS_SMTP_TLS_NONE);
  uint32_t tls;

  CHECK((sds_smtp_features() & SDS_SMTP_FEATURE_TLS) != 0);
  server_init(&server);
  for (tls = SDS_SMTP_TLS_STARTTLS; tls <= SDS_SMTP_TLS_IMPLICIT; tls++) {
    config = configuration(tls);
    server.transport.start_tls = NULL;
    CHECK(sds_smtp_set_transport(NULL) == SDS_SMTP_OK);
    CHECK(sds_smtp_client_configure(NULL, &config) == SDS_SMTP_NOT_SUPPORTED);
    refused_because(LACKS);
    CHECK(sds_smtp_set_transport(&server.transport) == SDS_SMTP_OK);
    CHECK(sds_smtp_client_configure(NULL, &config) == SDS_SMTP_NOT_SUPPORTED);
    server_with_tls(&server);
    CHECK(sds_smtp_set_transport(&server.transport) == SDS_SMTP_OK);
    CHECK(sds_smtp_client_configure(NULL, &config) == SDS_SMTP_OK);
    refused_because("");
  }
  config.tls = SDS_SMTP_TLS_OPPORTUNISTIC;
  CHECK(sds_smtp_client_configure(NULL, &config) == SDS_SMTP_NOT_SUPPORTED);
  config.tls = SDS_SMTP_TLS_OPPORTUNISTIC + 1;
  CHECK(sds_smtp_client_configure(NULL, &config) == SDS_SMTP_BAD_ARGUMENT);
  refused_because(WRONG);
  config.tls = SDS_SMTP_TLS_STARTTLS;
  config.tls_ca = "ca.pem";
  CHECK(sds_smtp_client_configure(NULL, &config) == SDS_SMTP_NOT_SUPPORTED);
}

static void a_name_for_the_certificate_is_a_name_or_an_address(void)
{
  static const struct {
    const char *name;
    int code;
  } names[] = {{"mail.example.test", SDS_SMTP_OK},
               {"mail.example.test.", SDS_SMTP_OK},
               {"192.0.2.7", SDS_SMTP_OK},
               {"2001:db8::7", SDS_SMTP_OK},
               {"", SDS_SMTP_OK}, /* as NULL */
               {"mail.example.test:465", SDS_SMTP_BAD_ARGUMENT},
               {"two words", SDS_SMTP_BAD_ARGUMENT},
               {"192.0.2", SDS_SMTP_BAD_ARGUMENT},
               {"[192.0.2.7]", SDS_SMTP_BAD_ARGUMENT},
               {".", SDS_SMTP_BAD_ARGUMENT}};
  struct sds_smtp_config config = configuration(SDS_SMTP_TLS_STARTTLS);
  char name[300];
  size_t i;

  use_starttls();
  for (i = 0; i < sizeof names / sizeof names[0]; i++) {
    config.tls_name = names[i].name;
    CHECK(sds_smtp_client_configure(NULL, &config) == names[i].code);
  }
  config.tls_name = name;
  for (i = 1; i < sizeof name; i++) {
    memset(name, 'x', i);
    for (size_t dot = 9; dot + 1 < i; dot += 10)
      name[dot] = '.';
    name[i] = '\0';
    CHECK(sds_smtp_client_configure(NULL, &config) == (i <= 253 ? SDS_SMTP_OK : SDS_SMTP_BAD_ARGUMENT));
  }
  config.tls_name = "mail.example.test";
  config.tls = SDS_SMTP_TLS_NONE;
  CHECK(sds_smtp_client_configure(NULL, &config) == SDS_SMTP_BAD_ARGUMENT);
  refused_because(WRONG);
}

/* A configuration that is refused, also for want of memory, leaves the old one. */
static void what_does_not_fit_is_refused(void)
{
  struct sds_smtp_config config = configuration(SDS_SMTP_TLS_STARTTLS);
  char name[254];
  size_t fits = 0, length, room = 460;

  sds_smtp_client_free(client);
  client = sds_smtp_client_init(storage, SDS_SMTP_CLIENT_SIZE + room);
  CHECK(client != NULL);
  use_starttls();
  config.tls_name = name;
  config.server = "mail.example.test";
  for (length = 1; length <= 250; length++) {
    int code;

    memset(name, 'x', length);
    for (size_t dot = 9; dot + 1 < length; dot += 10)
      name[dot] = '.';
    name[length] = '\0';
    code = sds_smtp_client_configure(NULL, &config);
    CHECK(code == SDS_SMTP_OK || (fits > 0 && code == SDS_SMTP_DATA_FAILED));
    if (code == SDS_SMTP_OK) {
      CHECK(fits == length - 1);
      fits = length;
    }
  }
  CHECK(fits > 20 && fits < 250);
  sds_smtp_client_free(client);
  client = sds_smtp_client_init(storage, sizeof storage);
  CHECK(client != NULL);
}

/* --- how it begins ------------------------------------------------------------------------------------------------ */

static void each_mode_begins_at_its_time_and_has_its_port(void)
{
  static const struct {
    uint32_t tls;
    const char *server;
    uint32_t port, is;
  } ports[] = {{SDS_SMTP_TLS_STARTTLS, "192.0.2.1", 0, 587},     {SDS_SMTP_TLS_STARTTLS, "192.0.2.1", 25, 25},
               {SDS_SMTP_TLS_STARTTLS, "192.0.2.1:2525", 0, 2525}, {SDS_SMTP_TLS_STARTTLS, "192.0.2.1:2525", 26, 2525},
               {SDS_SMTP_TLS_IMPLICIT, "192.0.2.1", 0, 465},     {SDS_SMTP_TLS_IMPLICIT, "mail.example.test", 0, 465},
               {SDS_SMTP_TLS_IMPLICIT, "192.0.2.1", 1465, 1465}, {SDS_SMTP_TLS_NONE, "192.0.2.1", 0, 25}};
  size_t i;

  for (i = 0; i < sizeof ports / sizeof ports[0]; i++) {
    struct sds_smtp_config config = configuration(ports[i].tls);
    struct sds_smtp_result result;

    config.server = ports[i].server;
    config.port = ports[i].port;
    use(&config);
    server.starttls = ports[i].tls == SDS_SMTP_TLS_STARTTLS;
    result = mail();
    CHECK(result.code == SDS_SMTP_OK && server.mails == 1 && server.connections == 1);
    CHECK(server.address.port == ports[i].is && server.calls[START_TLS] == 1);
    CHECK(server.plain == (ports[i].tls == SDS_SMTP_TLS_STARTTLS ? PLAIN : 0u));
  }
}

static void the_transport_is_told_the_name(void)
{
  static const struct {
    const char *server, *name, *told;
  } names[] = {{"192.0.2.1", NULL, "-"},
               {"mail.example.test", NULL, "mail.example.test"},
               {"mail.example.test.", NULL, "mail.example.test"},
               {"mail.example.test", "smtp.example.net", "smtp.example.net"},
               {"192.0.2.1", "smtp.example.net.", "smtp.example.net"},
               {"192.0.2.1", "2001:db8::7", "2001:db8::7"}};
  uint32_t tls;
  size_t i;

  for (tls = SDS_SMTP_TLS_STARTTLS; tls <= SDS_SMTP_TLS_IMPLICIT; tls++) {
    for (i = 0; i < sizeof names / sizeof names[0]; i++) {
      struct sds_smtp_config config = configuration(tls);
      char name[32] = "", address[32];

      /* Both are copied. */
      strcpy(address, names[i].server);
      config.server = address;
      if (names[i].name != NULL) {
        strcpy(name, names[i].name);
        config.tls_name = name;
      }
      use(&config);
      memset(name, 'x', sizeof name);
      memset(address, 'x', sizeof address);
      server.starttls = tls == SDS_SMTP_TLS_STARTTLS;
      CHECK(mail().code == SDS_SMTP_OK && strcmp(server.server_name, names[i].told) == 0);
    }
  }
}

/* A client that is configured while a mail is in flight: each mail has its own TLS. */
static void a_configuration_that_comes_while_a_mail_is_in_flight(void)
{
  struct sds_smtp_config first = configuration(SDS_SMTP_TLS_STARTTLS), second = configuration(SDS_SMTP_TLS_IMPLICIT);
  int round;

  first.tls_name = "first.example.test";
  second.tls_name = "second.example.test";
  second.server = "mail.example.test";
  use(&first);
  for (round = 0; round < 4; round++) {
    int is_first = round % 2 == 0;

    begin();
    server.starttls = is_first;
    start();
    sds_smtp_poll(now);
    CHECK(sds_smtp_client_configure(NULL, is_first ? &second : &first) == SDS_SMTP_OK);
    poll_until_status(client);
    poll_until_idle();
    CHECK(server.mails == 1 && server.address.port == (is_first ? 587 : 465));
    CHECK(strcmp(server.server_name, is_first ? "first.example.test" : "second.example.test") == 0);
  }
}

/* --- how a mail ends without TLS ----------------------------------------------------------------------------------- */

static void starttls_is_refused(void)
{
  static const struct {
    const char *refusal;
    int code;
  } refusals[] = {{"454 4.7.0 TLS not available\r\n", SDS_SMTP_TLS_FAILED},
                  {"502 5.5.1 no such thing\r\n", SDS_SMTP_TLS_FAILED},
                  {"500 5.5.1 what\r\n", SDS_SMTP_TLS_FAILED},
                  {"530 5.7.0 no\r\n", SDS_SMTP_TLS_FAILED},
                  {"501 5.5.2 no\r\n", SDS_SMTP_SYNTAX},
                  {"421 4.3.2 closing\r\n", SDS_SMTP_NOT_READY},
                  {"250 2.0.0 Ok\r\n", SDS_SMTP_TLS_FAILED},
                  {"what?\r\n", SDS_SMTP_TLS_FAILED}};
  size_t i;

  use_starttls();
  for (i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
    struct sds_smtp_result result;

    begin();
    server.refused = "STARTTLS";
    server.refusal = refusals[i].refusal;
    result = mail();
    CHECK(result.code == refusals[i].code && result.phase == SDS_SMTP_PHASE_STARTTLS);
    CHECK(result.outcome == SDS_SMTP_OUTCOME_NOT_SENT && server.calls[START_TLS] == 0 && server.mails == 0);
    if (refusals[i].refusal[0] > '3' && refusals[i].refusal[0] < '6') {
      CHECK(strncmp(refusals[i].refusal + 4, result.text, strlen(result.text)) == 0 && result.text[0] != '\0');
      CHECK(result.reply_code == (uint32_t)strtoul(refusals[i].refusal, NULL, 10));
    }
    begin();
    CHECK(mail().code == SDS_SMTP_OK && server.mails == 1);
  }
}

static void starttls_is_not_offered(void)
{
  struct sds_smtp_result result;

  use_starttls();
  server.starttls = 2;
  result = mail();
  CHECK(result.code == SDS_SMTP_TLS_UNAVAILABLE && result.phase == SDS_SMTP_PHASE_STARTTLS);
  CHECK(strcmp(result.text, "no STARTTLS offered") == 0 && result.outcome == SDS_SMTP_OUTCOME_NOT_SENT);
  CHECK(server.calls[START_TLS] == 0 && server.mails == 0);
  /* Nor can it be where EHLO is not known: HELO is not said. */
  begin();
  server.refused = "EHLO";
  server.refusal = "502 5.5.1 no\r\n";
  result = mail();
  CHECK(result.code == SDS_SMTP_TLS_UNAVAILABLE && server.connections == 1 && server.calls[START_TLS] == 0);
}

/* What somebody has put behind the answer is not read as the answer of the server that TLS vouches for. */
static void octets_behind_the_answer_end_it(void)
{
  static const char *const behind[] = {"250 x\r\n", "2", "\r\n", "250-x\r\n250 AUTH PLAIN\r\n", "\x15\x03\x01"};
  static const size_t at_once[] = {0, 1, 24, 25, 63};
  size_t i, j;

  use_starttls();
  for (i = 0; i < sizeof behind / sizeof behind[0]; i++) {
    for (j = 0; j < sizeof at_once / sizeof at_once[0]; j++) {
      struct sds_smtp_result result;

      begin();
      server.behind = behind[i];
      server.at_once = at_once[j];
      result = mail();
      CHECK(result.code == SDS_SMTP_TLS_FAILED && result.phase == SDS_SMTP_PHASE_STARTTLS && server.mails == 0);
      CHECK(server.plain == PLAIN && server.sent == PLAIN);
      CHECK(strcmp(result.text, server.calls[START_TLS] == 0 ? "octets behind STARTTLS" : "TLS failed") == 0);
      CHECK(at_once[j] != 0 || server.calls[START_TLS] == 0);
    }
  }
}

static const char *words_of(int32_t value)
{
  switch (value) {
  case SDS_SMTP_REFUSED: return "connection refused";
  case SDS_SMTP_UNREACHABLE: return "server unreachable";
  case SDS_SMTP_NO_SOCKET: return "no free socket";
  case SDS_SMTP_TRANSPORT_UNTRUSTED: return "certificate not trusted";
  case SDS_SMTP_TRANSPORT_TLS_FAILED: return "TLS failed";
  default: return value > AGAIN ? "transport failed" : "connection lost";
  }
}

static void a_handshake_fails_with_each_number(void)
{
  static const int32_t numbers[] = {SDS_SMTP_LOST, SDS_SMTP_REFUSED, SDS_SMTP_UNREACHABLE, SDS_SMTP_NO_SOCKET,
                                    SDS_SMTP_TRANSPORT_UNTRUSTED, SDS_SMTP_TRANSPORT_TLS_FAILED, -7, INT32_MIN, 3, INT32_MAX};
  size_t number;
  uint32_t at;

  use_starttls();
  for (number = 0; number < sizeof numbers / sizeof numbers[0]; number++) {
    /* At once, and in the middle of a handshake that takes its time. */
    for (at = 1; at <= 2; at++) {
      struct sds_smtp_result result;

      begin();
      wrong(START_TLS, 1, at == 1 ? numbers[number] : AGAIN, 0);
      start();
      while (server.calls[START_TLS] < at) {
        sds_smtp_poll(now);
        if (server.calls[START_TLS] == 1 && at == 2)
          wrong(START_TLS, 2, numbers[number], 0);
      }
      poll_until_status(client);
      result = result_of(client, &server);
      poll_until_idle();
      CHECK(result.code == (numbers[number] == SDS_SMTP_TRANSPORT_UNTRUSTED ? SDS_SMTP_TLS_UNTRUSTED : SDS_SMTP_TLS_FAILED));
      CHECK(result.phase == SDS_SMTP_PHASE_STARTTLS && result.outcome == SDS_SMTP_OUTCOME_NOT_SENT);
      CHECK(strcmp(result.text, words_of(numbers[number])) == 0 && result.reply_code == 0);
      CHECK(server.calls[START_TLS] == at && server.sent == PLAIN && server.mails == 0 && server.connections == 1);
      begin();
      CHECK(mail().code == SDS_SMTP_OK && server.mails == 1);
    }
  }
}

static void later_and_again(void)
{
  static const int32_t numbers[] = {0, AGAIN};
  size_t number;
  uint32_t wakes, i;

  use_starttls();
  for (number = 0; number < 2; number++) {
    for (wakes = 0; wakes < 2; wakes++) {
      struct sds_smtp_result result;

      /* It is called once in each poll, and the poll says when it is wanted again. */
      begin();
      server.transport.flags = wakes;
      wrong(START_TLS, 1, numbers[number], 1);
      start();
      while (server.calls[START_TLS] == 0)
        sds_smtp_poll(now);
      for (i = 2; i <= 10; i++) {
        uint32_t wait = sds_smtp_poll(now);

        CHECK(server.calls[START_TLS] == i && server.sent == PLAIN);
        CHECK(numbers[number] == AGAIN ? wait == 0 : wakes ? wait == 60000 : wait >= 1 && wait <= 10);
      }
      server.wrong_at = 0;
      poll_until_status(client);
      CHECK(result_of(client, &server).code == SDS_SMTP_OK && server.mails == 1 && server.calls[START_TLS] == 11);
      poll_until_idle();
      /* For ever: the handshake has the time limit of a connection. */
      begin();
      server.transport.flags = wakes;
      wrong(START_TLS, 1, numbers[number], 1);
      start();
      while (server.calls[START_TLS] == 0)
        sds_smtp_poll(now);
      CHECK(sds_smtp_poll(now + 59999) <= 5 && sds_smtp_status() == SDS_SMTP_BUSY);
      now += 60000;
      poll_until_status(client);
      result = result_of(client, &server);
      CHECK(result.code == SDS_SMTP_TIMEOUT && result.elapsed_ms == 60000 && result.phase == SDS_SMTP_PHASE_STARTTLS);
      poll_until_idle();
      CHECK(server.closings == server.connections && server.sent == PLAIN);
      /* Until the program does not want the mail any more. */
      begin();
      wrong(START_TLS, 1, numbers[number], 1);
      start();
      while (server.calls[START_TLS] == 0)
        sds_smtp_poll(now);
      CHECK(sds_smtp_client_cancel(NULL) == SDS_SMTP_OK);
      sds_smtp_poll(now);
      CHECK(sds_smtp_status() == SDS_SMTP_CANCELLED);
      poll_until_idle();
      CHECK(server.closings == server.connections && server.sent == PLAIN);
    }
  }
}

/* Another transport, without TLS, takes the place of the one that had it. */
static void never_in_the_clear(void)
{
  uint32_t tls;

  for (tls = SDS_SMTP_TLS_STARTTLS; tls <= SDS_SMTP_TLS_IMPLICIT; tls++) {
    struct sds_smtp_config config = configuration(tls);
    struct sds_smtp_result result;

    use(&config);
    server.transport.start_tls = NULL;
    CHECK(sds_smtp_set_transport(&server.transport) == SDS_SMTP_OK);
    result = mail();
    CHECK(result.code == SDS_SMTP_TLS_FAILED && strcmp(result.text, "TLS failed") == 0);
    CHECK(result.outcome == SDS_SMTP_OUTCOME_NOT_SENT && server.mails == 0);
    CHECK(server.sent == (tls == SDS_SMTP_TLS_STARTTLS ? PLAIN : 0u));
    server_with_tls(&server);
    CHECK(sds_smtp_set_transport(&server.transport) == SDS_SMTP_OK);
    begin();
    server.starttls = tls == SDS_SMTP_TLS_STARTTLS;
    CHECK(mail().code == SDS_SMTP_OK && server.mails == 1);
  }
}

/* --- all at once --------------------------------------------------------------------------------------------------- */

/* The connection ends, or stands still, at every octet in both directions, and each function fails at every call. */
static void it_breaks_at_every_octet_and_call(size_t stride)
{
  static const enum call calls[] = {SEND, RECEIVE, START_TLS, CONNECTED};
  size_t sent, received, at, call, which = 0;
  uint32_t number[CALLS], n;
  int how;

  use_starttls();
  CHECK(mail().code == SDS_SMTP_OK);
  sent = server.sent;
  received = server.received;
  memcpy(number, server.calls, sizeof number);
  for (how = 0; how < 4; how++) {
    for (at = 0; at <= (how % 2 == 0 ? sent : received); at++) {
      struct sds_smtp_result result;

      if (which++ % stride != 0)
        continue;
      begin();
      server.moody = at % 3 == 0;
      server.at_once = at % 5 == 1;
      if (how == 0)
        server.sent_break = at;
      else if (how == 1)
        server.received_break = at;
      else if (how == 2)
        server.sent_stall = at;
      else
        server.received_stall = at;
      result = mail();
      CHECK(result.code == SDS_SMTP_OK || server.mails == 0 || result.outcome == SDS_SMTP_OUTCOME_UNKNOWN);
      CHECK(result.phase != SDS_SMTP_PHASE_STARTTLS || result.code == SDS_SMTP_TLS_FAILED || result.code == SDS_SMTP_TIMEOUT);
      CHECK(server.plain <= PLAIN);
    }
  }
  for (call = 0; call < sizeof calls / sizeof calls[0]; call++) {
    for (n = 1; n <= number[calls[call]]; n++) {
      int32_t value;

      for (value = -7; value < 0; value++) {
        struct sds_smtp_result result;

        if (which++ % stride != 0)
          continue;
        begin();
        wrong(calls[call], n, value, 1);
        result = mail();
        CHECK(server.plain <= PLAIN);
        CHECK(result.code == SDS_SMTP_OK || server.mails == 0 || result.outcome == SDS_SMTP_OUTCOME_UNKNOWN);
      }
    }
  }
}

/* Nothing of the login or the mail is left in memory behind a handshake that failed. */
static void nothing_is_left(void)
{
  use_starttls();
  wrong(START_TLS, 1, SDS_SMTP_TRANSPORT_UNTRUSTED, 0);
  CHECK(mail().code == SDS_SMTP_TLS_UNTRUSTED);
  CHECK(!holds(storage, sizeof storage, "Boiler room"));
  sds_smtp_client_free(client);
  CHECK(!holds(storage, sizeof storage, "sds-secret"));
  client = sds_smtp_client_init(storage, sizeof storage);
  CHECK(client != NULL);
}

#endif

int main(int argc, char **argv)
{
  size_t stride = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 1;

  seed(20261128);
  server_init(&server);
  client = sds_smtp_client_init(storage, sizeof storage);
  CHECK(client != NULL);
#ifdef SMALL
  (void)stride;
  a_small_library_has_no_tls();
#else
  tls_needs_a_transport_that_has_it();
  a_name_for_the_certificate_is_a_name_or_an_address();
  what_does_not_fit_is_refused();
  each_mode_begins_at_its_time_and_has_its_port();
  the_transport_is_told_the_name();
  a_configuration_that_comes_while_a_mail_is_in_flight();
  starttls_is_refused();
  starttls_is_not_offered();
  octets_behind_the_answer_end_it();
  a_handshake_fails_with_each_number();
  later_and_again();
  never_in_the_clear();
  it_breaks_at_every_octet_and_call(stride);
  nothing_is_left();
#endif
  printf("starttls: %u mails, all as documented\n", (unsigned)mails);
  return 0;
}
