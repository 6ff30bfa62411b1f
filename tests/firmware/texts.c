/*
 * texts - a text arrives as it was given: copied, borrowed or read piece by piece, in an arena of any size; and leaves nothing
 *
 *     texts [STRIDE]      each STRIDE-th of the many cases only (under valgrind)
 *
 * With SMALL it is for a library without the feature "complete".
 */
#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST 100000u

#define PASSWORD       "sds-secret"
#define PASSWORD_LOGIN "c2RzLXNlY3JldA"
#define PASSWORD_PLAIN "AHNkcwBzZHMtc2VjcmV0"

static struct server server;
static unsigned char storage[SDS_SMTP_CLIENT_SIZE + LONGEST + 1000];
static size_t lent; /* of it */
static sds_smtp_client *client;
static uint32_t mails;

static const char *const extensions[] = {NULL, "250-8BITMIME\r\n250-SIZE 1000000\r\n250-PIPELINING\r\n"};

enum way { COPIED, BORROWED, READ, WAYS };

static void make_client(size_t arena)
{
  memset(storage, 0, sizeof storage);
  lent = SDS_SMTP_CLIENT_SIZE + arena;
  client = sds_smtp_client_init(storage, lent);
  CHECK(client != NULL);
  CHECK(sds_smtp_set_transport(&server.transport) == SDS_SMTP_OK);
}

static int configure_as(const char *sender, const char *charset, uint32_t auth)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;

  config.server = "192.0.2.1";
  config.auth = auth;
  config.username = "sds";
  config.password = PASSWORD;
  config.sender = sender;
  config.charset = charset;
  return sds_smtp_client_configure(client, &config);
}

/* --- a source of text --------------------------------------------------------------------------------------------- */

static struct source {
  const char *text;
  size_t length, piece; /* at most so much at a time */
  uint32_t laters;      /* so often before each piece */
  uint32_t wrong_at;    /* the piece of this number, from 1 on, ... */
  int32_t wrong;        /* ... is this instead */
  int wrong_more;       /* ... or more than the room by this */
  /* What happened. */
  size_t given;
  uint32_t pieces, calls, waited;
  int ended;
} source;

static int32_t read_source(void *context, uint32_t offset, char *out, size_t max)
{
  size_t length;

  CHECK(context == &source && max > 0 && max <= 4096);
  source.calls++;
  CHECK(!source.ended);           /* the end is told once */
  CHECK(offset == source.given);  /* each piece is asked for once, in order */
  if (source.waited < source.laters) {
    source.waited++;
    return SDS_SMTP_READ_LATER;
  }
  source.waited = 0;
  if (++source.pieces == source.wrong_at) {
    source.ended = 1;
    return source.wrong_more ? (int32_t)max + source.wrong_more : source.wrong;
  }
  length = source.length - source.given;
  if (length > max)
    length = max;
  if (length > source.piece)
    length = source.piece;
  memcpy(out, source.text + source.given, length);
  source.given += length;
  source.ended = length == 0;
  return (int32_t)length;
}

static int begin_mail(const char *text, enum way way, uint32_t flags)
{
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;

  message.to = "someone@example.test";
  message.subject = "subject-of-this-mail";
  message.flags = flags;
  if (way == READ) {
    message.read = read_source;
    message.read_context = &source;
  } else {
    message.text = text;
    message.flags |= way == BORROWED ? SDS_SMTP_BORROW_TEXT : 0u;
  }
  return sds_smtp_client_send(client, &message);
}

static void set_source(const char *text, size_t length, size_t piece, uint32_t laters)
{
  memset(&source, 0, sizeof source);
  source.text = text;
  source.length = length;
  source.piece = piece;
  source.laters = laters;
}

static void begin(uint32_t extension)
{
  server_reset(&server);
  server.keywords = extensions[extension];
}

static char wanted[3 * LONGEST], got[3 * LONGEST];

static void check_text(const char *text, size_t length)
{
  size_t canon = canonical(text, length, wanted);

  CHECK(server.mails == 1);
  CHECK(decoded_text(&server, got, sizeof got) == canon);
  CHECK(memcmp(got, wanted, canon) == 0);
}

#ifdef SMALL
static const int small = 1;
#else
static const int small = 0;
#endif

/* Whether a text can go as it is. */
static int is_plain(const char *text, size_t length, uint32_t extension)
{
  size_t i, line = 0;

  for (i = 0; i < length; i++) {
    unsigned char octet = (unsigned char)text[i];

    line = octet == '\n' || octet == '\r' ? 0 : line + 1;
    if (line > 998 || octet == 0x7F || (octet < ' ' && line > 0 && octet != '\t') || (octet > 0x7F && extension == 0))
      return 0;
  }
  return 1;
}

/* Sends a text, and looks at what arrives. 0: it does not, as it has to be. */
static int arrives(const char *text, size_t length, enum way way, uint32_t extension, uint32_t flags)
{
  struct sds_smtp_result result;
  int can_go = !small || is_plain(text, length, extension);

  mails++;
  CHECK(begin_mail(text, way, flags) == SDS_SMTP_OK);
  poll_until_status(client);
  result = result_of(client, &server);
  if (!can_go) {
    CHECK(result.code == SDS_SMTP_DATA_FAILED && result.outcome == SDS_SMTP_OUTCOME_NOT_SENT);
    CHECK(strcmp(result.text, "text needs quoted-printable") == 0 && server.mails == 0 && !server.dot);
    poll_until_idle();
    return 0;
  }
  CHECK(result.code == SDS_SMTP_OK);
  CHECK(way != READ || (source.given == length && source.ended));
  check_text(text, length);
  poll_until_idle();
  return 1;
}

/* --- all kinds of text -------------------------------------------------------------------------------------------- */

enum kind { LETTERS, LINES, DOTS, RETURNS, CZECH, ALL_OCTETS, BLANKS, LONG_LINES, KINDS };

static void make_text(char *text, size_t length, enum kind kind)
{
  static const char czech[] = "P\xC5\x99\xC3\xADli\xC5\xA1 \xC5\xBElu\xC5\xA5ou\xC4\x8Dk\xC3\xBD k\xC5\xAF\xC5\x88 \xF0\x9F\x94\xA5=\n";
  size_t i;

  for (i = 0; i < length; i++) {
    switch (kind) {
    case LETTERS:    text[i] = (char)('a' + i % 26); break;
    case LINES:      text[i] = chance() % 40 == 0 ? '\n' : (char)(' ' + chance() % 95); break;
    case DOTS:       text[i] = "\n..\r\n."[chance() % 6]; break;
    case RETURNS:    text[i] = "\r\n\rx. ="[chance() % 7]; break;
    case CZECH:      text[i] = czech[i % (sizeof czech - 1)]; break;
    case ALL_OCTETS: text[i] = (char)(1 + (i * 7 + i / 255) % 255); break;
    case BLANKS:     text[i] = " \t \t\n a"[chance() % 7]; break;
    default:         text[i] = i % 2003 == 2002 ? '\n' : (char)('A' + i % 26); break;
    }
  }
  /* Not in the middle of a character. */
  if (kind == CZECH)
    while (length > 0 && ((unsigned char)text[length - 1] & 0x80))
      text[--length] = '.';
  text[i] = '\0';
}

static void texts_of_all_kinds(size_t stride)
{
  static const size_t lengths[] = {0, 1, 2, 15, 16, 17, 63, 64, 65, 95, 96, 97, 255, 256, 257, 998, 999, 1000, 1023, 4096, LONGEST};
  static const size_t pieces[] = {1, 3, 16, 255, 4096};
  static char text[LONGEST + 1];
  size_t i, which = 0;
  int kind, way, extension, in_charset, piece;

  make_client(LONGEST + 1000);
  CHECK(configure_as("unit7@example.test", "windows-1250", 0) == SDS_SMTP_OK);
  for (i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
    for (kind = 0; kind < KINDS; kind++) {
      make_text(text, lengths[i], (enum kind)kind);
      for (extension = 0; extension < 2; extension++) {
        for (way = 0; way < READ; way++) {
          if (which++ % stride != 0)
            continue;
          begin((uint32_t)extension);
          if (!arrives(text, lengths[i], (enum way)way, (uint32_t)extension, 0))
            continue;
          CHECK(has_header(&server, kind == ALL_OCTETS && lengths[i] > 30 ? "Content-Type: text/plain; charset=windows-1250"
                                                                          : "Content-Type: text/plain; charset="));
          if (kind == CZECH && lengths[i] > 10)
            CHECK(has_header(&server, "Content-Type: text/plain; charset=UTF-8"));
        }
        for (in_charset = 0; in_charset < 2; in_charset++) {
          for (piece = 0; piece < 5; piece++) {
            if ((kind == ALL_OCTETS && !in_charset) || (lengths[i] == LONGEST && piece < 3) || which++ % stride != 0)
              continue;
            begin((uint32_t)extension);
            server.at_once = piece == 2 ? 11 : 0;
            set_source(text, lengths[i], pieces[piece], piece == 1 ? 3 : 0);
            if (!arrives(text, lengths[i], READ, (uint32_t)extension, in_charset ? SDS_SMTP_TEXT_IN_CHARSET : 0u))
              continue;
            CHECK(has_header(&server, in_charset ? "Content-Type: text/plain; charset=windows-1250"
                                                 : "Content-Type: text/plain; charset=UTF-8"));
            CHECK(small || has_header(&server, "Content-Transfer-Encoding: quoted-printable"));
          }
        }
      }
    }
  }
  sds_smtp_client_free(client);
}

/* --- a source that fails ------------------------------------------------------------------------------------------ */

static void fails(const char *text)
{
  struct sds_smtp_result result;

  mails++;
  CHECK(begin_mail(text, READ, 0) == SDS_SMTP_OK);
  poll_until_status(client);
  result = result_of(client, &server);
  CHECK(result.code == SDS_SMTP_DATA_FAILED && result.outcome == SDS_SMTP_OUTCOME_NOT_SENT);
  CHECK(result.phase == SDS_SMTP_PHASE_TEXT && result.reply_code == 0 && result.text[0] != '\0');
  CHECK(!server.dot && server.mails == 0);
  poll_until_idle();
  CHECK(server.closings == server.connections);
}

static void sources_that_fail_at_each_piece(void)
{
  static const int32_t numbers[] = {-1, -3, -100, INT32_MIN, INT32_MAX, 100000};
  static char text[700];
  uint32_t at, number;

  make_client(1000);
  CHECK(configure_as("unit7@example.test", NULL, 0) == SDS_SMTP_OK);
  make_text(text, sizeof text - 1, LINES);
  for (at = 1; at <= 8; at++) {
    for (number = 0; number < sizeof numbers / sizeof numbers[0]; number++) {
      begin(at % 2);
      set_source(text, 699, 100, at % 3);
      source.wrong_at = at;
      source.wrong = numbers[number];
      fails(text);
    }
    begin(at % 2);
    set_source(text, 699, 100, 0);
    source.wrong_at = at;
    source.wrong_more = 1;
    fails(text);
  }
  begin(0);
  set_source(text, 699, 100, 0);
  arrives(text, 699, READ, 0, 0);
  sds_smtp_client_free(client);
}

static void text_that_is_not_utf_8(void)
{
  static const char *const bad[] = {"\xFF", "\x80", "\xC3", "\xC3(", "\xE2\x82", "\xE2\x82(", "\xF0\x9F\x94", "\xF0\x9F\x94 ",
                                    "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80"};
  static char text[700];
  size_t i, before, piece;

  make_client(1000);
  CHECK(configure_as("unit7@example.test", "windows-1250", 0) == SDS_SMTP_OK);
  for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    for (before = 0; before < 600; before += before < 20 ? 1 : 59) {
      for (piece = 1; piece <= 400; piece = piece * 3 + 1) {
        make_text(text, before, LETTERS);
        strcat(text, bad[i]);
        begin(before % 2);
        set_source(text, strlen(text), piece, 0);
        fails(text);
        if (before == 19) { /* with more behind it */
          strcat(text, "and so on, and on, and on, and on, and on, and on, and on, and on, and on, and on, and on, and on");
          begin(0);
          set_source(text, strlen(text), piece, 0);
          fails(text);
        }
      }
      begin(0);
      set_source(text, strlen(text), 7, 0);
      arrives(text, strlen(text), READ, 0, SDS_SMTP_TEXT_IN_CHARSET);
      begin(1);
      arrives(text, strlen(text), COPIED, 1, 0);
      CHECK(has_header(&server, "Content-Type: text/plain; charset=windows-1250"));
    }
  }
  sds_smtp_client_free(client);
}

/* A source that never has anything: the time limit for the text. */
static void a_source_that_never_comes(void)
{
  struct sds_smtp_result result;

  make_client(1000);
  CHECK(configure_as("unit7@example.test", NULL, 0) == SDS_SMTP_OK);
  begin(0);
  set_source("never", 5, 5, 0xFFFFFFFFu);
  CHECK(begin_mail(NULL, READ, 0) == SDS_SMTP_OK);
  poll_until_status(client);
  result = result_of(client, &server);
  CHECK(result.code == SDS_SMTP_TIMEOUT && result.phase == SDS_SMTP_PHASE_TEXT && result.elapsed_ms == 180000);
  CHECK(source.calls > 1000);
  poll_until_idle();
  sds_smtp_client_free(client);
}

/* --- arenas ------------------------------------------------------------------------------------------------------- */

static const char short_text[] = "The text of this mail, some lines long:\n.\nboiler room 93 degrees\nvalve open\n";

/* Nothing of a mail that has ended is left; and nothing of a login at any time but while it is sent. */
static void nothing_of_the_mail_is_left(void)
{
  CHECK(!holds(storage, lent, "boiler room") && !holds(storage, lent, "lines long"));
  CHECK(!holds(storage, lent, "subject-of-this-mail"));
  CHECK(!holds(storage, lent, PASSWORD_LOGIN) && !holds(storage, lent, PASSWORD_PLAIN));
}

static void at_delivery(struct server *of)
{
  (void)of;
  CHECK(!holds(storage, lent, PASSWORD_LOGIN) && !holds(storage, lent, PASSWORD_PLAIN));
  CHECK(holds(storage, lent, PASSWORD));
}

/* In an arena of this size: whether a configuration and a mail found room. */
static int in_an_arena_of(size_t arena, enum way way, uint32_t auth)
{
  static const char *const keywords[] = {"250-AUTH LOGIN\r\n", "250-PIPELINING\r\n250-AUTH PLAIN\r\n"};
  int code, fitted = 0, next, round;

  make_client(arena);
  code = configure_as("unit7@example.test", "windows-1250", auth);
  CHECK(code == SDS_SMTP_OK || code == SDS_SMTP_DATA_FAILED);
  if (code != SDS_SMTP_OK) {
    CHECK(begin_mail(short_text, way, 0) == SDS_SMTP_CONNECT_FAILED);
    CHECK(!holds(storage, lent, PASSWORD));
    sds_smtp_client_free(client);
    return 0;
  }
  for (round = 0; round < 4; round++) {
    const char *from = round % 2 ? "From: other-unit@example.test\r\n" : "From: unit7@example.test\r\n";
    const char *to_be = round % 2 ? "unit7@example.test" : "other-unit@example.test";

    begin(0);
    server.keywords = keywords[round / 2];
    server.delivered = auth ? at_delivery : NULL;
    set_source(short_text, sizeof short_text - 1, 50, 0);
    code = begin_mail(short_text, way, 0);
    CHECK(code == SDS_SMTP_OK || code == SDS_SMTP_DATA_FAILED);
    if (code != SDS_SMTP_OK) {
      CHECK(sds_smtp_status() == SDS_SMTP_DATA_FAILED && sds_smtp_poll(now) == SDS_SMTP_NO_LIMIT);
      CHECK(server.connections == 0);
      nothing_of_the_mail_is_left();
      break;
    }
    fitted = 1;
    mails++;
    CHECK((way == COPIED) == holds(storage, lent, "boiler room"));
    /* A configuration in flight; another one in its place; each has room or changes nothing. */
    sds_smtp_poll(now);
    code = configure_as(to_be, "iso-8859-2", auth);
    CHECK(code == SDS_SMTP_OK || code == SDS_SMTP_DATA_FAILED);
    next = code == SDS_SMTP_OK;
    if (next) {
      CHECK(configure_as("never-used@example.test", NULL, auth) == SDS_SMTP_OK || arena < 2000);
      sds_smtp_poll(now);
      CHECK(configure_as("no address", NULL, 0) == SDS_SMTP_SENDER_REFUSED);
      CHECK(configure_as(to_be, "iso-8859-2", auth) == SDS_SMTP_OK);
      CHECK(!holds(storage, lent, "never-used"));
    }
    poll_until_status(client);
    CHECK(result_of(client, &server).code == SDS_SMTP_OK);
    check_text(short_text, sizeof short_text - 1);
    CHECK(strstr(server.mail, from) != NULL);
    poll_until_idle();
    nothing_of_the_mail_is_left();
    CHECK(holds(storage, lent, to_be) == next);
    if (!next)
      break;
    CHECK(!holds(storage, lent, round % 2 ? "other-unit" : "unit7@"));
  }
  sds_smtp_client_free(client);
  nothing_of_the_mail_is_left();
  CHECK(!holds(storage, lent, PASSWORD) && !holds(storage, lent, "unit") && !holds(storage, lent, "windows"));
  return fitted ? round + 1 : 0;
}

static void arenas_of_every_size(size_t stride)
{
  int way, before;
  size_t arena;
  uint32_t auth;

  for (way = 0; way < WAYS; way++) {
    for (auth = 0; auth < 2; auth++) {
      before = 0;
      for (arena = 0; arena < 1200; arena += stride) {
        int fits = in_an_arena_of(arena, (enum way)way, auth);

        /* More room is never too little. A text that is read takes the more of it, and leaves the less for a configuration. */
        CHECK(way == READ ? (fits > 0) >= (before > 0) : fits >= before);
        before = fits;
      }
      CHECK(before == 5);
    }
  }
  /* One octet of a piece after the other, where there is no room for more; and what is not copied may be long. */
  for (way = BORROWED; way < WAYS; way++) {
    static char text[LONGEST + 1];

    make_text(text, LONGEST, LINES);
    make_client(500);
    CHECK(configure_as("unit7@example.test", NULL, 0) == SDS_SMTP_OK);
    begin(0);
    set_source(text, LONGEST, 4096, 0);
    arrives(text, LONGEST, (enum way)way, 0, 0);
    sds_smtp_client_free(client);
  }
}

/* --- secrets ------------------------------------------------------------------------------------------------------ */

/* A server that repeats what it was told, when it accepts the login and when it refuses it; at each octet of what it says the
   connection may break, or the client end. */
static void a_server_that_repeats_the_login(size_t stride)
{
  static const char *const keywords[] = {"250-AUTH LOGIN\r\n", "250-AUTH PLAIN\r\n", "250-AUTH PLAIN LOGIN\r\n"};
  static struct sds_smtp_log_entry entries[3], shown[3];
  enum { WHOLE, BROKEN, SILENT, FREED, ENDS };
  uint32_t way, refuses, end;
  size_t at, broken = 0;

  for (way = 0; way < 3; way++) {
    for (refuses = 0; refuses < 2; refuses++) {
      for (end = 0; end < ENDS; end++) {
        for (at = 40; at < 220; at += end == WHOLE ? 20 : stride) {
          struct sds_smtp_result result;

          make_client(1000);
          memset(entries, 0, sizeof entries);
          CHECK(sds_smtp_client_set_log(client, entries, 3) == SDS_SMTP_OK);
          CHECK(configure_as("unit7@example.test", NULL, 1) == SDS_SMTP_OK);
          CHECK(holds(storage, lent, PASSWORD));
          begin(0);
          server.keywords = keywords[way];
          server.repeats_login = 1;
          server.refused = refuses ? "AUTH" : NULL;
          server.at_once = end == WHOLE ? at - 39 : 0;
          if (end == BROKEN)
            server.received_break = at;
          else if (end != WHOLE)
            server.received_stall = at;
          CHECK(begin_mail(short_text, COPIED, 0) == SDS_SMTP_OK);
          if (end == FREED) {
            int i;

            for (i = 0; i < 20; i++)
              sds_smtp_poll(now);
          } else {
            poll_until_status(client);
            result = result_of(client, &server);
            CHECK(end != WHOLE || result.code == (refuses ? SDS_SMTP_BAD_PASSWORD : SDS_SMTP_OK));
            broken += result.code != SDS_SMTP_OK && result.reply_code == 0;
            poll_until_idle();
            nothing_of_the_mail_is_left();
            CHECK(!holds(storage, lent, "c2Rz") && !holds(storage, lent, "AHNk"));
            CHECK(!holds(&result, sizeof result, PASSWORD) && !holds(&result, sizeof result, "c2Rz"));
            CHECK(!holds(&result, sizeof result, "AHNk"));
            shown[0].struct_size = sizeof shown[0];
            CHECK(sds_smtp_client_log(client, shown, 3) == 1);
            CHECK(!holds(shown, sizeof shown, "c2Rz") && !holds(shown, sizeof shown, "secret"));
            CHECK(!holds(entries, sizeof entries, "c2Rz") && !holds(entries, sizeof entries, "secret"));
          }
          sds_smtp_client_free(client);
          CHECK(!holds(storage, lent, PASSWORD) && !holds(storage, lent, "c2Rz") && !holds(storage, lent, "AHNk"));
        }
      }
    }
  }
  CHECK(broken > 100 / stride);
}

/* A mail given up at each poll leaves nothing, nor a client that is freed then. */
static void given_up_at_each_poll(void)
{
  uint32_t polls, i, way, freed;
  int came = 0;

  for (freed = 0; freed < 2; freed++) {
    for (way = 0; way < WAYS; way++) {
      came = 0;
      for (polls = 0; polls < 300 && !came; polls++) {
        make_client(1000);
        CHECK(configure_as("unit7@example.test", NULL, 1) == SDS_SMTP_OK);
        begin(0);
        server.keywords = polls % 2 ? "250-AUTH LOGIN\r\n" : "250-AUTH PLAIN\r\n";
        server.at_once = 9;
        set_source(short_text, sizeof short_text - 1, 50, 0);
        CHECK(begin_mail(short_text, (enum way)way, 0) == SDS_SMTP_OK);
        for (i = 0; i < polls; i++)
          sds_smtp_poll(now);
        came = sds_smtp_status() != SDS_SMTP_BUSY;
        if (!freed) {
          CHECK(sds_smtp_client_cancel(client) == SDS_SMTP_OK);
          poll_until_status(client);
          CHECK(result_of(client, &server).code == (came ? SDS_SMTP_OK : SDS_SMTP_CANCELLED));
          poll_until_idle();
          nothing_of_the_mail_is_left();
        }
        sds_smtp_client_free(client);
        CHECK(!server.open);
        nothing_of_the_mail_is_left();
        CHECK(!holds(storage, lent, PASSWORD));
      }
      CHECK(came && polls > 10);
    }
  }
}

int main(int argc, char **argv)
{
  size_t stride = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 1;

  seed(20261121);
  server_init(&server);
  texts_of_all_kinds(stride);
  sources_that_fail_at_each_piece();
  text_that_is_not_utf_8();
  a_source_that_never_comes();
  arenas_of_every_size(stride);
  a_server_that_repeats_the_login(stride);
  given_up_at_each_poll();
  printf("texts: %u mails, all as given\n", (unsigned)mails);
  return 0;
}
