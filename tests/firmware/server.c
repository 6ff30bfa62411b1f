/*
 * server.c - see server.h
 */
#include "server.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

uint32_t now;

static uint32_t state = 1;

void seed(uint32_t number)
{
  state = number * 2654435761u | 1;
}

uint32_t chance(void)
{
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}

void failed(const char *file, int line, const char *what)
{
  printf("%s:%d: not so: %s\n", file, line, what);
  fflush(stdout);
  abort();
}

int holds(const void *memory, size_t length, const char *octets)
{
  static char copy[200000];
  static int self = -1;
  const char *at = copy, *end = copy + length;
  size_t wanted = strlen(octets);

  /* Read by the system: between the values in it there are octets that were never written, at which valgrind takes offence. */
  if (self < 0)
    self = open("/proc/self/mem", O_RDONLY);
  CHECK(length <= sizeof copy && pread(self, copy, length, (off_t)(uintptr_t)memory) == (ssize_t)length);
  while ((size_t)(end - at) >= wanted && (at = (const char *)memchr(at, octets[0], (size_t)(end - at) - wanted + 1)) != NULL) {
    if (memcmp(at, octets, wanted) == 0)
      return 1;
    at++;
  }
  return 0;
}

/* --- the server --------------------------------------------------------------------------------------------------- */

static void say(struct server *server, const char *words)
{
  size_t length = strlen(words);

  if (server->out_from == server->out_to)
    server->out_from = server->out_to = 0;
  CHECK(server->out_to + length <= sizeof server->out);
  memcpy(server->out + server->out_to, words, length);
  server->out_to += length;
}

static int begins(const char *line, const char *with)
{
  return with != NULL && strncmp(line, with, strlen(with)) == 0;
}

/* Answers to `what` as usual, or as it was told to. Returns whether it was accepted. */
static int answer(struct server *server, const char *what, const char *usual)
{
  if (begins(what, server->unanswered))
    return 0;
  if (begins(what, server->refused)) {
    say(server, server->refusal);
    return 0;
  }
  say(server, usual);
  return 1;
}

static void end_of_mail(struct server *server)
{
  int refused = begins(".", server->refused);

  server->in_data = 0;
  if (server->recipients == 0) {
    /* DATA had left before the refusal came, and the mail is taken back. */
    CHECK(server->mail_length == 0 || (server->refused != NULL && server->refusal[0] < '4'));
    say(server, "554 5.5.1 No valid recipients\r\n");
    return;
  }
  server->dot = 1;
  server->mail[server->mail_length] = '\0';
  if (!refused) {
    server->mails++;
    if (server->delivered != NULL)
      server->delivered(server);
  }
  answer(server, ".", "250 2.0.0 Ok: queued\r\n");
  if (!begins(".", server->unanswered)) {
    server->verdict = refused ? 2 : 1;
    server->verdict_at = server->received + (server->out_to - server->out_from);
  }
}

static void login(struct server *server, const char *line)
{
  char words[900];

  snprintf(words, sizeof words, "235 2.7.0 Welcome%s%.600s", server->repeats_login ? " " : "\r\n",
           server->repeats_login ? line : "");
  server->login = 0;
  if (server->repeats_login && server->refused != NULL && begins("AUTH", server->refused))
    memcpy(words, "535", 3);
  answer(server, server->repeats_login ? "" : "AUTH", words);
}

static void command(struct server *server, const char *line)
{
  int plain = server->starttls != 0 && !server->secured;

  /* In the clear nothing is said but how to begin, and the end. */
  CHECK(!plain || begins(line, "EHLO ") || begins(line, "STARTTLS\r\n") || begins(line, "QUIT\r\n"));
  if (server->login == 1) {
    server->login = 2;
    say(server, "334 UGFzc3dvcmQ6\r\n");
  } else if (server->login == 2) {
    login(server, line);
  } else if (begins(line, "EHLO ") || begins(line, "HELO ")) {
    snprintf(server->ehlo, sizeof server->ehlo, "%.*s", (int)(strlen(line) - 2), line);
    if (begins(line, "HELO "))
      answer(server, line, "250 mx.example.test\r\n");
    else if (answer(server, line, "250-mx.example.test\r\n")) {
      if (server->keywords != NULL)
        say(server, server->keywords);
      if (plain && server->starttls == 1)
        say(server, "250-STARTTLS\r\n");
      say(server, "250 HELP\r\n");
    }
  } else if (plain && begins(line, "STARTTLS")) {
    server->to_secure = answer(server, line, "220 2.0.0 Ready\r\n");
    if (server->behind != NULL)
      say(server, server->behind);
  } else if (begins(line, "AUTH PLAIN ")) {
    login(server, line);
  } else if (begins(line, "AUTH PLAIN")) {
    server->login = 2;
    say(server, "334 \r\n");
  } else if (begins(line, "AUTH LOGIN")) {
    server->login = 1;
    say(server, "334 VXNlcm5hbWU6\r\n");
  } else if (begins(line, "MAIL FROM:<")) {
    server->recipients = 0;
    server->has_sender = answer(server, line, "250 2.1.0 Ok\r\n");
  } else if (begins(line, "RCPT TO:<") && !server->has_sender) {
    say(server, "503 5.5.1 No sender\r\n");
  } else if (begins(line, "RCPT TO:<")) {
    server->recipients += answer(server, line, "250 2.1.5 Ok\r\n");
  } else if (begins(line, "DATA") && server->recipients == 0) {
    server->in_data = 1; /* as some servers do */
    server->mail_length = 0;
    say(server, "354 Go on\r\n");
  } else if (begins(line, "DATA")) {
    server->in_data = answer(server, line, "354 Go on\r\n");
    server->mail_length = 0;
  } else if (begins(line, "RSET")) {
    answer(server, line, "250 2.0.0 Ok\r\n");
  } else if (strcmp(line, "QUIT\r\n") != 0) {
    /* What was to be refused was accepted: the client takes the next step alone. */
    CHECK(server->refused != NULL && server->refusal[0] < '4');
    say(server, "500 5.5.1 what\r\n");
  } else {
    server->broken = !begins(line, server->unanswered); /* what was said can still be read */
    answer(server, line, "221 2.0.0 Bye\r\n");
  }
}

static void take(struct server *server, char octet)
{
  size_t length;

  CHECK(server->line_length + 1 < sizeof server->line);
  server->line[server->line_length++] = octet;
  if (octet != '\n')
    return;
  length = server->line_length;
  server->line_length = 0;
  server->line[length] = '\0';
  CHECK(length >= 2 && server->line[length - 2] == '\r');
  CHECK(memchr(server->line, '\r', length - 2) == NULL);
  CHECK(length <= (server->in_data ? 1000u : 12290u));
  if (!server->in_data) {
    CHECK(memchr(server->line, '\0', length) == NULL);
    command(server, server->line);
  } else if (length == 3 && server->line[0] == '.') {
    end_of_mail(server);
  } else {
    size_t from = server->line[0] == '.';

    CHECK(server->mail_length + length < MAIL_SIZE);
    memcpy(server->mail + server->mail_length, server->line + from, length - from);
    server->mail_length += length - from;
  }
}

/* --- the connection ----------------------------------------------------------------------------------------------- */

/* Whether this call is to return `wrong_value`. */
static int enter(struct server *server, enum call call)
{
  uint32_t number = ++server->calls[call];

  if (server->inside != NULL)
    server->inside(server, call);
  return server->wrong_at != 0 && server->wrong_call == call &&
         (number == server->wrong_at || (server->wrong_stays && number > server->wrong_at));
}

static size_t least(size_t one, size_t other)
{
  return one < other ? one : other;
}

/* Of `length` octets those that move now, `from` octets having moved before. */
static size_t portion(const struct server *server, size_t length, size_t from, size_t stop, size_t stall)
{
  if (server->is_first)
    length = least(length, least(stop, stall) - from);
  if (server->at_once != 0)
    length = least(length, server->at_once);
  if (server->moody && length > 0)
    length = chance() % 3 == 0 ? 0 : chance() % length + 1;
  return length;
}

/* With TLS nothing moves before it has begun, or before STARTTLS has been answered. */
static void may_move(const struct server *server)
{
  CHECK(server->secured || server->transport.start_tls == NULL ||
        (server->starttls != 0 && !(server->to_secure && server->out_from == server->out_to)));
}

static int32_t begin_to_connect(void *context, const struct sds_smtp_address *address)
{
  struct server *server = (struct server *)context;

  CHECK(!server->open); /* an earlier connection has been closed before */
  if (enter(server, CONNECT))
    return server->wrong_value;
  CHECK(address->version == 4 || address->version == 6);
  CHECK(address->port >= 1 && address->port <= 65535);
  server->address = *address;
  server->open = 1;
  server->secured = server->to_secure = 0;
  if (server->next_starttls != 0)
    server->starttls = server->next_starttls - 1;
  server->plain = 0;
  server->closing = 0; /* one that did not end was given up */
  server->is_first = ++server->connections == 1;
  server->broken = server->login = server->has_sender = server->recipients = server->in_data = 0;
  server->line_length = server->out_from = server->out_to = server->sent = server->received = 0;
  server->dot = server->accepted = server->denied = server->verdict = 0;
  answer(server, "220", "220 mx.example.test ESMTP\r\n");
  return 0;
}

static int32_t whether_connected(void *context)
{
  struct server *server = (struct server *)context;

  CHECK(server->open);
  if (enter(server, CONNECTED))
    return server->wrong_value;
  return server->moody ? (int32_t)(chance() % 2) : 1;
}

static int32_t send_octets(void *context, const uint8_t *octets, size_t length)
{
  struct server *server = (struct server *)context;
  size_t i;

  CHECK(server->open && length > 0 && octets != NULL);
  may_move(server);
  if (enter(server, SEND))
    return server->wrong_value;
  if (server->broken ||
      (server->is_first && (server->sent >= server->sent_break || server->received >= server->received_break)))
    return SDS_SMTP_LOST;
  length = portion(server, length, server->sent, server->sent_break, server->sent_stall);
  for (i = 0; i < length && !server->broken; i++)
    take(server, (char)octets[i]);
  server->sent += length;
  if (!server->secured)
    server->plain = server->sent;
  return (int32_t)length;
}

static int32_t receive_octets(void *context, uint8_t *octets, size_t max)
{
  struct server *server = (struct server *)context;
  size_t length = server->out_to - server->out_from;

  CHECK(server->open && max > 0 && octets != NULL);
  may_move(server);
  if (enter(server, RECEIVE))
    return server->wrong_value;
  if (server->is_first && (server->sent >= server->sent_break || server->received >= server->received_break ||
                           server->sent >= server->half_closed))
    return SDS_SMTP_LOST;
  if (length == 0)
    return server->broken ? SDS_SMTP_LOST : 0;
  length = portion(server, least(length, max), server->received, server->received_break, server->received_stall);
  memcpy(octets, server->out + server->out_from, length);
  server->out_from += length;
  server->received += length;
  if (server->verdict != 0 && server->received >= server->verdict_at) {
    server->accepted = server->verdict == 1;
    server->denied = server->verdict == 2;
  }
  return (int32_t)length;
}

static int32_t close_connection(void *context)
{
  struct server *server = (struct server *)context;

  enter(server, CLOSE);
  CHECK(server->open || server->closing); /* until it is closed, for each connect */
  if (server->open)
    server->closes = 0;
  server->closings += (uint32_t)server->open;
  server->open = 0;
  server->closing = server->closes++ < server->not_closed && server->closing_value != 1;
  return server->closing ? server->closing_value : 1;
}

static int32_t local_address(void *context, struct sds_smtp_address *out)
{
  static const uint8_t address[4] = {192, 168, 1, 250};
  struct server *server = (struct server *)context;

  if (enter(server, LOCAL_ADDRESS))
    return server->wrong_value;
  out->version = 4;
  memcpy(out->octets, address, sizeof address);
  return 0;
}

static uint32_t random_bits(void *context)
{
  struct server *server = (struct server *)context;

  if (enter(server, RANDOM))
    return (uint32_t)server->wrong_value;
  return chance();
}

static int32_t start_tls(void *context, const char *server_name)
{
  struct server *server = (struct server *)context;

  CHECK(server->open && !server->secured && (server->starttls == 0 || server->to_secure));
  snprintf(server->server_name, sizeof server->server_name, "%s", server_name == NULL ? "-" : server_name);
  if (enter(server, START_TLS)) {
    server->secured = server->wrong_value == 1;
    return server->wrong_value;
  }
  if (server->out_from != server->out_to && server->starttls != 0)
    return SDS_SMTP_TRANSPORT_TLS_FAILED; /* what stands there is no TLS */
  if (server->moody && chance() % 2)
    return (int32_t)(chance() % 2) * SDS_SMTP_TRANSPORT_AGAIN;
  server->secured = 1;
  return 1;
}

static int32_t resolve(void *context, const char *name, struct sds_smtp_address *out)
{
  static const uint8_t address[4] = {192, 0, 2, 7};
  struct server *server = (struct server *)context;

  CHECK(!server->open && out->version == 0 && out->port >= 1 && out->port <= 65535);
  if (enter(server, RESOLVE)) {
    memset(out, 0xFF, sizeof *out);
    return server->wrong_value;
  }
  if (server->moody && chance() % 2)
    return (int32_t)(chance() % 2) * SDS_SMTP_TRANSPORT_AGAIN;
  if (strcmp(name, "mail.example.test") != 0)
    return SDS_SMTP_LOST;
  out->version = 4;
  out->port = 0; /* the port is the library's */
  memcpy(out->octets, address, sizeof address);
  return 1;
}

void server_with_tls(struct server *server)
{
  server->transport.start_tls = start_tls;
}

void server_with_names(struct server *server)
{
  server->transport.resolve = resolve;
}

void server_init(struct server *server)
{
  memset(server, 0, sizeof *server);
  server->transport.struct_size = sizeof server->transport;
  server->transport.context = server;
  server->transport.connect = begin_to_connect;
  server->transport.connected = whether_connected;
  server->transport.send = send_octets;
  server->transport.receive = receive_octets;
  server->transport.close = close_connection;
  server->transport.local_address = local_address;
  server->transport.random = random_bits;
  server->sent_break = server->received_break = server->sent_stall = server->received_stall = NEVER;
  server->half_closed = NEVER;
}

void server_reset(struct server *server)
{
  struct sds_smtp_transport transport = server->transport;
  size_t kept = offsetof(struct server, mail);

  CHECK(!server->open);
  memset(server, 0, kept);
  memset((char *)server + kept + MAIL_SIZE, 0, sizeof *server - kept - MAIL_SIZE);
  server->transport = transport;
  server->sent_break = server->received_break = server->sent_stall = server->received_stall = NEVER;
  server->half_closed = NEVER;
}

/* --- the way of a mail -------------------------------------------------------------------------------------------- */

static uint32_t poll_once(void)
{
  uint32_t wait = sds_smtp_poll(now);

  if (wait != SDS_SMTP_NO_LIMIT)
    now += wait;
  return wait;
}

void poll_until_status(const sds_smtp_client *client)
{
  uint32_t rounds = 0;

  while (sds_smtp_client_status(client) == SDS_SMTP_BUSY) {
    CHECK(++rounds < 3000000);
    CHECK(poll_once() != SDS_SMTP_NO_LIMIT || sds_smtp_client_status(client) != SDS_SMTP_BUSY);
  }
}

void poll_until_idle(void)
{
  uint32_t rounds = 0;

  while (poll_once() != SDS_SMTP_NO_LIMIT)
    CHECK(++rounds < 3000000);
}

struct sds_smtp_result result_of(const sds_smtp_client *client, const struct server *server)
{
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;

  CHECK(sds_smtp_client_result(client, &result) == SDS_SMTP_OK);
  CHECK(result.code == sds_smtp_client_status(client));
  CHECK((result.code == SDS_SMTP_OK) == (result.outcome == SDS_SMTP_OUTCOME_SENT));
  CHECK(result.phase >= SDS_SMTP_PHASE_START && result.phase <= SDS_SMTP_PHASE_END);
  CHECK(memchr(result.text, 0, sizeof result.text) != NULL);
  CHECK(memchr(result.message_id, 0, sizeof result.message_id) != NULL);
  switch (result.outcome) {
  case SDS_SMTP_OUTCOME_SENT:
    CHECK(server->dot && server->accepted && result.phase == SDS_SMTP_PHASE_END);
    break;
  case SDS_SMTP_OUTCOME_UNKNOWN:
    /* Of a transport that lies nobody knows what it took. */
    CHECK((server->dot || strcmp(result.text, "transport failed") == 0) && result.phase == SDS_SMTP_PHASE_END);
    break;
  default:
    CHECK(result.outcome == SDS_SMTP_OUTCOME_NOT_SENT);
    CHECK(!server->dot || server->denied);
    break;
  }
  return result;
}

/* --- what arrived ------------------------------------------------------------------------------------------------- */

int has_header(const struct server *server, const char *begin)
{
  const char *line = server->mail;

  while (line != NULL && strncmp(line, "\r\n", 2) != 0) {
    if (strncmp(line, begin, strlen(begin)) == 0)
      return 1;
    line = strstr(line, "\r\n");
    line = line == NULL ? NULL : line + 2;
  }
  return 0;
}

static int digit(char sign)
{
  return sign >= '0' && sign <= '9' ? sign - '0' : sign >= 'A' && sign <= 'F' ? sign - 'A' + 10 : -1;
}

size_t decoded_text(const struct server *server, char *out, size_t size)
{
  const char *head = strstr(server->mail, "\r\n\r\n");
  const char *end = server->mail + server->mail_length, *at;
  int quoted = has_header(server, "Content-Transfer-Encoding: quoted-printable");
  size_t length = 0, column = 0;

  if (head == NULL)
    return NEVER;
  for (at = head + 4; at < end; at++) {
    char octet = *at;

    if (length == size)
      return NEVER;
    column = octet == '\n' ? 0 : column + 1;
    if (!quoted) {
      out[length++] = octet;
      continue;
    }
    if (column > 77) /* 76 and the CR */
      return NEVER;
    if (octet != '=') {
      if (octet != '\r' && octet != '\n' && octet != '\t' && (octet < ' ' || octet > '~'))
        return NEVER;
      if ((octet == ' ' || octet == '\t') && at[1] == '\r')
        return NEVER;
      out[length++] = octet;
    } else if (at[1] == '\r' && at[2] == '\n') {
      at += 2;
      column = 0;
    } else if (digit(at[1]) >= 0 && digit(at[2]) >= 0) {
      out[length++] = (char)(digit(at[1]) * 16 + digit(at[2]));
      at += 2;
      column += 2;
    } else {
      return NEVER;
    }
  }
  return length;
}

size_t canonical(const char *text, size_t length, char *out)
{
  size_t from = 0, to = 0;

  while (from < length) {
    size_t returns = 0;

    while (from + returns < length && text[from + returns] == '\r')
      returns++;
    if (from + returns < length && text[from + returns] == '\n') {
      /* CR CR LF is one line end; of more CRs each before it is one. */
      size_t ends = returns > 2 ? returns - 1 : 1;

      from += returns + 1;
      while (ends-- > 0) {
        out[to++] = '\r';
        out[to++] = '\n';
      }
    } else if (returns > 0) {
      from += returns;
      while (returns-- > 0) {
        out[to++] = '\r';
        out[to++] = '\n';
      }
    } else {
      out[to++] = text[from++];
    }
  }
  if (to > 0 && out[to - 1] != '\n') {
    out[to++] = '\r';
    out[to++] = '\n';
  }
  return to;
}
