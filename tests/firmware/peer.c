/*
 * peer.c - a mail server inside the firmware; see peer.h
 *
 * The callbacks move octets and do nothing else: what they use of the stack is little, and they may run in an interrupt.
 */
#include "peer.h"

#include "board.h"

/* --- small things ------------------------------------------------------------------------------------------------- */

static uint32_t state = 1;

void test_seed(uint32_t seed)
{
  state = seed | 1;
}

uint32_t test_random(void)
{
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}

void test_say(const char *word, uint32_t number)
{
  char digits[12];
  char *first = digits + sizeof digits - 1;

  *first = '\0';
  do {
    *--first = (char)('0' + number % 10);
    number /= 10;
  } while (number != 0);
  *--first = ' ';
  board_console(word);
  board_console(first);
  board_console("\n");
}

void test_failed(const char *file, int line, const char *what)
{
  board_console(what);
  board_console(" is not so, ");
  test_say(file, (uint32_t)line);
  board_stop(1);
}

int test_begins(const char *text, const char *with)
{
  while (*with != '\0') {
    if (*text++ != *with++)
      return 0;
  }
  return 1;
}

int test_equal(const char *one, const char *other)
{
  while (*one != '\0' && *one == *other) {
    one++;
    other++;
  }
  return *one == *other;
}

const char *test_find(const char *text, const char *what)
{
  for (; *text != '\0'; text++) {
    if (test_begins(text, what))
      return text;
  }
  return NULL;
}

/* --- the line ----------------------------------------------------------------------------------------------------- */

static size_t portion(const struct peer *peer, size_t length)
{
  if (peer->manners.at_once != 0 && length > peer->manners.at_once)
    length = peer->manners.at_once;
  if (peer->manners.moody && length > 0)
    length = test_random() % 3 == 0 ? 0 : test_random() % length + 1;
  return length;
}

static int32_t peer_connect(void *context, const struct sds_smtp_address *server)
{
  struct peer *peer = (struct peer *)context;

  CHECK(peer->line == CLOSED); /* an earlier connection has been closed before */
  CHECK(server->version == 4 || server->version == 6);
  if (peer->manners.no_connection != 0)
    return peer->manners.no_connection;
  peer->line = OPEN;
  peer->connections++;
  peer->step = GREETING;
  peer->greeted = peer->login = peer->has_sender = peer->recipients = peer->in_data = 0;
  peer->in_length = peer->out_from = peer->out_to = peer->line_length = 0;
  peer->answer_at = peer->now + peer->manners.answer_after_ms;
  return 0;
}

static int32_t peer_connected(void *context)
{
  struct peer *peer = (struct peer *)context;

  CHECK(peer->line != CLOSED);
  return peer->manners.moody ? (int32_t)(test_random() % 2) : 1;
}

static int32_t peer_send(void *context, const uint8_t *octets, size_t length)
{
  struct peer *peer = (struct peer *)context;
  size_t i;

  CHECK(peer->line != CLOSED && length > 0);
  if (peer->line == BROKEN)
    return SDS_SMTP_LOST;
  if (length > sizeof peer->in - peer->in_length)
    length = sizeof peer->in - peer->in_length;
  length = portion(peer, length);
  for (i = 0; i < length; i++)
    peer->in[peer->in_length + i] = (char)octets[i];
  peer->in_length += length;
  return (int32_t)length;
}

static int32_t peer_receive(void *context, uint8_t *octets, size_t max)
{
  struct peer *peer = (struct peer *)context;
  size_t length = peer->out_to - peer->out_from, i;

  CHECK(peer->line != CLOSED && max > 0);
  if (length == 0)
    return peer->line == BROKEN ? SDS_SMTP_LOST : 0;
  length = portion(peer, length < max ? length : max);
  for (i = 0; i < length; i++)
    octets[i] = (uint8_t)peer->out[peer->out_from + i];
  peer->out_from += length;
  return (int32_t)length;
}

static int32_t peer_close(void *context)
{
  struct peer *peer = (struct peer *)context;

  CHECK(peer->line != CLOSED); /* once for each connect */
  peer->line = CLOSED;
  peer->closings++;
  return 1;
}

static int32_t peer_local_address(void *context, struct sds_smtp_address *out)
{
  static const uint8_t address[4] = {192, 168, 1, 250};
  unsigned i;

  (void)context;
  out->version = 4;
  for (i = 0; i < 4; i++)
    out->octets[i] = address[i];
  return 0;
}

static uint32_t peer_chance(void *context)
{
  (void)context;
  return test_random();
}

void peer_init(struct peer *peer)
{
  static const struct peer empty;

  *peer = empty;
  peer->transport.struct_size = sizeof peer->transport;
  peer->transport.context = peer;
  peer->transport.connect = peer_connect;
  peer->transport.connected = peer_connected;
  peer->transport.send = peer_send;
  peer->transport.receive = peer_receive;
  peer->transport.close = peer_close;
  peer->transport.local_address = peer_local_address;
  peer->transport.random = peer_chance;
  peer->manners.refused_at = peer->manners.silent_at = peer->manners.lost_at = NEVER;
}

/* --- the server --------------------------------------------------------------------------------------------------- */

static void say(struct peer *peer, const char *words)
{
  if (peer->out_from == peer->out_to)
    peer->out_from = peer->out_to = 0;
  for (; *words != '\0'; words++) {
    CHECK(peer->out_to < sizeof peer->out);
    peer->out[peer->out_to++] = *words;
  }
}

/* Answers at a step: as usual, or as the manners demand. Returns whether it was accepted. */
static int answer(struct peer *peer, enum peer_step step, const char *usual)
{
  peer->step = step;
  peer->answer_at = peer->now + peer->manners.answer_after_ms;
  if (peer->manners.lost_at == step) {
    peer->line = BROKEN;
    return 0;
  }
  if (peer->manners.silent_at == step)
    return 0;
  if (peer->manners.refused_at == step) {
    say(peer, peer->manners.refusal);
    return 0;
  }
  say(peer, usual);
  return 1;
}

static void take_mail(struct peer *peer)
{
  peer->in_data = 0;
  CHECK(!peer->overflow);
  if (peer->recipients == 0) {
    CHECK(peer->mail_length == 0); /* DATA had left before the refusal came, and the mail is taken back */
    say(peer, "554 5.5.1 No valid recipients\r\n");
    return;
  }
  peer->mail[peer->mail_length] = '\0';
  /* What is lost or left unsaid from here on is the answer: the mail is delivered. */
  if (peer->manners.refused_at != END) {
    peer->mails++;
    if (peer->delivered != NULL)
      peer->delivered(peer->mail, peer->mail_length);
  }
  answer(peer, END, "250 2.0.0 Ok: queued\r\n");
}

/* A line with its line end. */
static void take_text(struct peer *peer, const char *line, size_t length)
{
  size_t i;

  if (length == 3 && line[0] == '.') {
    take_mail(peer);
    return;
  }
  if (peer->manners.lost_at == TEXT && test_random() % 4 == 0) {
    peer->line = BROKEN;
    return;
  }
  for (i = line[0] == '.'; i < length; i++) {
    if (peer->mail_length + 1 < sizeof peer->mail)
      peer->mail[peer->mail_length++] = line[i];
    else
      peer->overflow = 1;
  }
}

static void take_command(struct peer *peer, const char *line)
{
  if (peer->login > 0) { /* in AUTH LOGIN */
    const char *expected = peer->login == 1 ? "c2Rz\r\n" : "c2RzLXNlY3JldA==\r\n";

    CHECK(test_equal(line, expected));
    if (peer->login == 1) {
      peer->login = 2;
      say(peer, "334 UGFzc3dvcmQ6\r\n");
    } else {
      peer->login = 0;
      answer(peer, AUTH, "235 2.7.0 Welcome\r\n");
    }
  } else if (test_begins(line, "EHLO ")) {
    if (answer(peer, EHLO, "250-mx.example.test\r\n")) {
      if (peer->manners.keywords != NULL)
        say(peer, peer->manners.keywords);
      say(peer, "250 HELP\r\n");
    }
  } else if (test_begins(line, "HELO ")) {
    answer(peer, HELO, "250 mx.example.test\r\n");
  } else if (test_begins(line, "AUTH PLAIN ")) {
    CHECK(test_equal(line, "AUTH PLAIN AHNkcwBzZHMtc2VjcmV0\r\n"));
    answer(peer, AUTH, "235 2.7.0 Welcome\r\n");
  } else if (test_equal(line, "AUTH LOGIN\r\n")) {
    peer->login = 1;
    say(peer, "334 VXNlcm5hbWU6\r\n");
  } else if (test_begins(line, "MAIL FROM:<unit7@example.test>")) {
    peer->recipients = 0;
    peer->has_sender = answer(peer, MAIL, "250 2.1.0 Ok\r\n");
  } else if (test_begins(line, "RCPT TO:<") && !peer->has_sender) {
    say(peer, "503 5.5.1 No sender\r\n");
  } else if (test_begins(line, "RCPT TO:<")) {
    peer->recipients += answer(peer, RCPT, "250 2.1.5 Ok\r\n");
  } else if (test_equal(line, "DATA\r\n") && peer->recipients == 0 && test_random() % 2) {
    say(peer, "554 5.5.1 No valid recipients\r\n"); /* other servers let it come */
  } else if (test_equal(line, "DATA\r\n")) {
    peer->in_data = answer(peer, DATA, "354 Go on\r\n");
    peer->mail_length = 0;
    peer->overflow = 0;
  } else if (test_equal(line, "RSET\r\n")) {
    say(peer, "250 2.0.0 Ok\r\n");
  } else {
    CHECK(test_equal(line, "QUIT\r\n"));
    if (answer(peer, QUIT, "221 2.0.0 Bye\r\n"))
      peer->line = BROKEN; /* after which what was said can still be read */
  }
}

static void take_octet(struct peer *peer, char octet)
{
  CHECK(peer->line_length + 1 < sizeof peer->command);
  peer->command[peer->line_length++] = octet;
  if (octet != '\n')
    return;
  CHECK(peer->line_length >= 2 && peer->command[peer->line_length - 2] == '\r');
  peer->command[peer->line_length] = '\0';
  if (peer->in_data)
    take_text(peer, peer->command, peer->line_length);
  else
    take_command(peer, peer->command);
  peer->line_length = 0;
}

void peer_work(struct peer *peer, uint32_t now)
{
  size_t i;

  peer->now = now;
  /* What was answered is read first: so the answers have room, and come in order. */
  if (peer->line != OPEN || peer->out_from != peer->out_to || (int32_t)(now - peer->answer_at) < 0)
    return;
  if (!peer->greeted) {
    peer->greeted = 1;
    answer(peer, GREETING, "220 mx.example.test ESMTP\r\n");
    return;
  }
  for (i = 0; i < peer->in_length && peer->line == OPEN && peer->manners.silent_at != peer->step; i++)
    take_octet(peer, peer->in[i]);
  peer->in_length = 0;
}
