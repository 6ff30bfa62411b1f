/*
 * mbedtls_transport.c - transport_mbedtls.c in each of its troubles, on a host, under sanitizers
 *
 * Both ends are in this one process: the transport under test, and a server with the same mbedTLS that sends back what it
 * gets. Between them are two pipes that let through as much as a test wants. All of mbedTLS's memory is counted: what a
 * connection leaves behind is found, and each piece of it is refused once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* With its functions, for their own tests. */
#include "transport_mbedtls.c"

#include "mbedtls/pk.h"
#include "mbedtls/platform.h"

#include "certificates.h" /* authority, stranger, server, server_key: DER, which the script makes for mx.example.test */

#define CHECK(what) \
  do { \
    if (!(what)) { \
      fprintf(stderr, "%s:%d: %s is not so\n", __FILE__, __LINE__, #what); \
      exit(1); \
    } \
  } while (0)

/* --- memory and chance --------------------------------------------------------------------------------------------- */

/* The client's; those of the server are not counted. */
static long allocated, allocations, refused_at;
static int of_server = 1;

/* Before each piece of memory stands whose it is. */
#define OWNER 16

static void *test_calloc(size_t count, size_t size)
{
  unsigned char *memory;

  if (!of_server && ++allocations == refused_at)
    return NULL;
  memory = (unsigned char *)calloc(1, count * size + OWNER);
  CHECK(memory != NULL);
  memory[0] = (unsigned char)of_server;
  allocated += !of_server;
  return memory + OWNER;
}

static void test_free(void *memory)
{
  if (memory == NULL)
    return;
  allocated -= !((unsigned char *)memory - OWNER)[0];
  free((unsigned char *)memory - OWNER);
}

static uint32_t chance(void)
{
  static uint32_t state = 20261128;

  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}

static int entropy_fails;

static int entropy(void *context, unsigned char *out, size_t length)
{
  CHECK(context == &entropy_fails && length <= 32);
  while (length-- > 0)
    *out++ = (unsigned char)(chance() >> 11);
  return entropy_fails;
}

static int server_chance(void *context, unsigned char *out, size_t length)
{
  (void)context;
  while (length-- > 0)
    *out++ = (unsigned char)(chance() >> 11);
  return 0;
}

static uint32_t date;

static uint32_t unix_time(void *context)
{
  CHECK(context == &entropy_fails);
  return date;
}

/* --- the network --------------------------------------------------------------------------------------------------- */

struct pipe {
  unsigned char octets[200000];
  size_t from, to;
};

static struct pipe up, down; /* to the server, and from it */

static size_t at_once; /* at most so many octets in a call, and often none; 0: all */
static size_t most_up; /* so many may be in the pipe */
static uint32_t calls, lost_at; /* the call of the connection's with this number finds it broken, and all after it */
static int open_below, not_closed;

static size_t take(struct pipe *pipe, unsigned char *octets, size_t max)
{
  size_t length = pipe->to - pipe->from;

  if (length > max)
    length = max;
  memcpy(octets, pipe->octets + pipe->from, length);
  pipe->from += length;
  return length;
}

static void put(struct pipe *pipe, const unsigned char *octets, size_t length)
{
  CHECK(pipe->to + length <= sizeof pipe->octets);
  memcpy(pipe->octets + pipe->to, octets, length);
  pipe->to += length;
}

static size_t portion(size_t length)
{
  if (at_once == 0)
    return length;
  if (chance() % 3 == 0)
    return 0;
  return length < at_once ? length : at_once;
}

static int is_lost(void)
{
  return lost_at != 0 && ++calls >= lost_at;
}

static int32_t pipe_connect(void *context, const struct sds_smtp_address *server)
{
  (void)context;
  (void)server;
  CHECK(!open_below);
  open_below = 1;
  return is_lost() ? (open_below = 0, SDS_SMTP_UNREACHABLE) : 0;
}

static int32_t pipe_connected(void *context)
{
  (void)context;
  return is_lost() ? SDS_SMTP_REFUSED : 1;
}

static int32_t pipe_send(void *context, const uint8_t *octets, size_t length)
{
  (void)context;
  CHECK(open_below);
  if (is_lost())
    return SDS_SMTP_LOST;
  length = portion(length);
  if (length > most_up - (up.to - up.from))
    length = most_up - (up.to - up.from);
  put(&up, octets, length);
  return (int32_t)length;
}

static int server_closed;

static int32_t pipe_receive(void *context, uint8_t *octets, size_t max)
{
  size_t length;

  (void)context;
  CHECK(open_below);
  if (is_lost())
    return SDS_SMTP_LOST;
  if (down.from == down.to)
    return server_closed ? SDS_SMTP_LOST : 0;
  length = portion(max);
  return (int32_t)take(&down, octets, length);
}

static int32_t pipe_close(void *context)
{
  (void)context;
  CHECK(open_below);
  if (not_closed > 0) {
    not_closed--;
    return 0;
  }
  open_below = 0;
  return 1;
}

static const struct sds_smtp_transport below = {
    .struct_size = sizeof below,
    .flags = SDS_SMTP_TRANSPORT_WAKES,
    .connect = pipe_connect,
    .connected = pipe_connected,
    .send = pipe_send,
    .receive = pipe_receive,
    .close = pipe_close,
};

/* --- the server ---------------------------------------------------------------------------------------------------- */

static mbedtls_ssl_context server_ssl;
static mbedtls_ssl_config server_config;
static mbedtls_x509_crt server_chain;
static mbedtls_pk_context server_private;
static int notified; /* the client has said that it ends */
static size_t echoed;

static int server_send(void *context, const unsigned char *octets, size_t length)
{
  (void)context;
  put(&down, octets, length);
  return (int)length;
}

static int server_receive(void *context, unsigned char *octets, size_t max)
{
  size_t length = take(&up, octets, max);

  (void)context;
  return length > 0 ? (int)length : MBEDTLS_ERR_SSL_WANT_READ;
}

/* Does what can be done. */
static void serve(void)
{
  static unsigned char octets[4096];
  int length = MBEDTLS_ERR_SSL_WANT_READ;

  of_server = 1;
  if (server_ssl.state == MBEDTLS_SSL_HANDSHAKE_OVER || mbedtls_ssl_handshake(&server_ssl) == 0) {
    while ((length = mbedtls_ssl_read(&server_ssl, octets, 900)) > 0) {
      CHECK(mbedtls_ssl_write(&server_ssl, octets, (size_t)length) == length);
      echoed += (size_t)length;
    }
  }
  of_server = 0;
  if (length == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
    notified = 1;
}

static void make_server(void)
{
  mbedtls_ssl_config_init(&server_config);
  mbedtls_x509_crt_init(&server_chain);
  mbedtls_pk_init(&server_private);
  mbedtls_ssl_init(&server_ssl);
  CHECK(mbedtls_x509_crt_parse_der(&server_chain, server, sizeof server) == 0);
  CHECK(mbedtls_pk_parse_key(&server_private, server_key, sizeof server_key, NULL, 0) == 0);
  CHECK(mbedtls_ssl_config_defaults(&server_config, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM,
                                    MBEDTLS_SSL_PRESET_DEFAULT) == 0);
  mbedtls_ssl_conf_rng(&server_config, server_chance, NULL);
  CHECK(mbedtls_ssl_conf_own_cert(&server_config, &server_chain, &server_private) == 0);
  CHECK(mbedtls_ssl_setup(&server_ssl, &server_config) == 0);
  mbedtls_ssl_set_bio(&server_ssl, NULL, server_send, server_receive, NULL);
  of_server = 0;
}

/* --- the client ---------------------------------------------------------------------------------------------------- */

static struct transport_mbedtls tls;
static const struct sds_smtp_address nowhere = {.version = 4, .port = 465, .octets = {192, 0, 2, 1}};
static long at_rest; /* pieces of memory without a connection */

static void fresh(void)
{
  up.from = up.to = down.from = down.to = 0;
  at_once = 0;
  most_up = sizeof up.octets / 2;
  calls = lost_at = 0;
  server_closed = notified = not_closed = 0;
  echoed = 0;
  of_server = 1;
  CHECK(mbedtls_ssl_session_reset(&server_ssl) == 0);
  of_server = 0;
}

static void use(const unsigned char *trusted, size_t length, transport_mbedtls_time *time_of)
{
  transport_mbedtls_free(&tls);
  CHECK(transport_mbedtls_init(&tls, &below, entropy, time_of, &entropy_fails) == 0);
  CHECK(transport_mbedtls_trust(&tls, trusted, length) == 0);
  CHECK(tls.transport.flags == below.flags && tls.transport.local_address == NULL && tls.transport.resolve == NULL);
  at_rest = allocated;
}

/* Connects and secures; how that ended. `parts` counts the calls. */
static uint32_t parts;

static int32_t secured(const char *name)
{
  int32_t done = tls.transport.connect(&tls, &nowhere);

  parts = 0;
  if (done == 0)
    done = tls.transport.connected(&tls);
  while (done >= 0 && (parts == 0 || done != 1)) {
    done = tls.transport.start_tls(&tls, name);
    serve();
    CHECK(++parts < 100000);
  }
  return done;
}

static void close_all(void)
{
  uint32_t rounds = 0;

  while (tls.transport.close(&tls) != 1) {
    serve();
    CHECK(++rounds < 100000);
  }
  serve();
  CHECK(!open_below && allocated == at_rest);
}

/* Sends so many octets and gets them back; 0, or why not. */
static int32_t echo(size_t length)
{
  static uint8_t sent[20000], received[20000];
  size_t out = 0, in = 0, i;
  uint32_t rounds = 0;

  for (i = 0; i < length; i++)
    sent[i] = (uint8_t)chance();
  while (in < length) {
    int32_t moved;

    if (out < length) {
      /* As the library does: the octets are gone when the call returns. */
      uint8_t piece[96];
      size_t wanted = length - out < sizeof piece ? length - out : sizeof piece;

      memcpy(piece, sent + out, wanted);
      moved = tls.transport.send(&tls, piece, wanted);
      memset(piece, 'x', sizeof piece);
      if (moved < 0)
        return moved;
      CHECK((size_t)moved <= wanted);
      out += (size_t)moved;
    }
    serve();
    moved = tls.transport.receive(&tls, received + in, 64 < length - in ? 64 : length - in);
    if (moved < 0)
      return moved;
    in += (size_t)moved;
    CHECK(in <= out && ++rounds < 1000000);
  }
  CHECK(memcmp(sent, received, length) == 0);
  return 0;
}

/* --- tests ---------------------------------------------------------------------------------------------------------- */

static void dates_are_seconds(void)
{
  time_t seconds_since;

  for (seconds_since = 0; seconds_since < 0xFFFFFFFFLL; seconds_since += 86399 * 3) {
    struct tm *parts_of = gmtime(&seconds_since);
    mbedtls_x509_time one = {parts_of->tm_year + 1900, parts_of->tm_mon + 1, parts_of->tm_mday,
                             parts_of->tm_hour,        parts_of->tm_min,     parts_of->tm_sec};

    CHECK(seconds(&one) == (uint32_t)seconds_since);
  }
  {
    mbedtls_x509_time early = {1950, 1, 1, 0, 0, 0}, late = {9999, 12, 31, 23, 59, 59}, end = {2106, 2, 7, 6, 28, 15};

    CHECK(seconds(&early) == 0 && seconds(&late) == 0xFFFFFFFFu && seconds(&end) == 0xFFFFFFFFu);
  }
}

static void octets_arrive_through_any_network(void)
{
  static const size_t portions[] = {0, 1, 2, 7, 50, 1000};
  size_t i, most;

  use(authority, sizeof authority, unix_time);
  for (i = 0; i < sizeof portions / sizeof portions[0]; i++) {
    for (most = 1; most <= 10000; most *= 10) {
      fresh();
      at_once = portions[i];
      most_up = most;
      CHECK(secured("mx.example.test") == 1 && tls.transport.start_tls(&tls, "mx.example.test") == 1);
      CHECK(parts > 20); /* in parts, with a main loop between them */
      CHECK(echo(5000) == 0 && echoed == 5000);
      not_closed = 3;
      close_all();
      CHECK(notified && tls.error == 0);
    }
  }
}

/* What was taken last leaves, and the end is told, however slow the network is. */
static void what_was_taken_leaves_before_the_end(void)
{
  use(authority, sizeof authority, unix_time);
  fresh();
  CHECK(secured("mx.example.test") == 1);
  most_up = 5;
  CHECK(tls.transport.send(&tls, (const uint8_t *)"QUIT\r\n", 6) == 6);
  CHECK(tls.transport.send(&tls, (const uint8_t *)"more", 4) == 0); /* there is no room for another record */
  CHECK(tls.transport.close(&tls) == 0 && open_below && !notified);
  close_all();
  CHECK(echoed == 6 && notified);
  /* A close that nobody goes on with, and another connection. */
  fresh();
  CHECK(secured("mx.example.test") == 1);
  most_up = 0;
  CHECK(tls.transport.send(&tls, (const uint8_t *)"QUIT\r\n", 6) == 6);
  CHECK(tls.transport.close(&tls) == 0);
  fresh();
  CHECK(secured("mx.example.test") == 1 && echo(100) == 0);
  close_all();
}

static void before_starttls_octets_pass_as_they_are(void)
{
  uint8_t octets[16];

  use(authority, sizeof authority, unix_time);
  fresh();
  CHECK(tls.transport.connect(&tls, &nowhere) == 0 && tls.transport.connected(&tls) == 1);
  CHECK(tls.transport.send(&tls, (const uint8_t *)"STARTTLS\r\n", 10) == 10 && up.to == 10);
  CHECK(take(&up, octets, sizeof octets) == 10 && memcmp(octets, "STARTTLS\r\n", 10) == 0);
  CHECK(tls.transport.receive(&tls, octets, sizeof octets) == 0);
  put(&down, (const unsigned char *)"220 go\r\n", 8);
  CHECK(tls.transport.receive(&tls, octets, sizeof octets) == 8 && memcmp(octets, "220 go\r\n", 8) == 0);
  for (parts = 0; tls.transport.start_tls(&tls, "mx.example.test") != 1; parts++) {
    serve();
    CHECK(parts < 10000);
  }
  CHECK(echo(300) == 0);
  close_all();
  /* Octets that are no TLS, behind the answer. */
  fresh();
  CHECK(tls.transport.connect(&tls, &nowhere) == 0);
  put(&down, (const unsigned char *)"250 x\r\n250 y\r\n", 14);
  for (parts = 0; parts < 10 && tls.transport.start_tls(&tls, "mx.example.test") >= 0; parts++) {
  }
  CHECK(tls.transport.start_tls(&tls, "mx.example.test") == SDS_SMTP_TRANSPORT_TLS_FAILED && tls.error != 0);
  close_all();
}

static void certificates_are_looked_at(void)
{
  uint32_t now = (uint32_t)time(NULL);

  date = now;
  use(authority, sizeof authority, unix_time);
  fresh();
  CHECK(secured("other.example.test") == SDS_SMTP_TRANSPORT_UNTRUSTED);
  CHECK(tls.verified == MBEDTLS_X509_BADCERT_CN_MISMATCH && tls.error == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED);
  close_all();
  fresh();
  CHECK(secured("192.0.2.1") == SDS_SMTP_TRANSPORT_UNTRUSTED);
  close_all();
  /* Without a name any certificate of the authority would do. */
  fresh();
  CHECK(secured(NULL) == SDS_SMTP_TRANSPORT_UNTRUSTED && up.to == 0);
  close_all();
  fresh();
  tls.name = "mx.example.test";
  CHECK(secured(NULL) == 1);
  close_all();
  fresh();
  CHECK(secured("other.example.test") == SDS_SMTP_TRANSPORT_UNTRUSTED); /* what was configured comes first */
  close_all();
  /* The certificates are valid from today on, for thirty days. */
  for (date = now - 10 * 86400 - 43000; date < now + 40 * 86400; date += 86400) {
    uint32_t from = now, to = from + 30 * 86400;
    int32_t wanted = date > from + 3600 && date < to - 3600 ? 1 : SDS_SMTP_TRANSPORT_UNTRUSTED;

    if (date - (from - 3600) < 7200 || date - (to - 3600) < 7200)
      continue;
    fresh();
    CHECK(secured("mx.example.test") == wanted);
    CHECK(wanted == 1 || tls.verified == (date < from ? MBEDTLS_X509_BADCERT_FUTURE : MBEDTLS_X509_BADCERT_EXPIRED));
    close_all();
  }
  date = 0; /* not known */
  fresh();
  CHECK(secured("mx.example.test") == SDS_SMTP_TRANSPORT_UNTRUSTED);
  close_all();
  use(authority, sizeof authority, NULL); /* no clock at all */
  fresh();
  CHECK(secured("mx.example.test") == 1);
  close_all();
  date = now;
  use(stranger, sizeof stranger, unix_time);
  fresh();
  CHECK(secured("mx.example.test") == SDS_SMTP_TRANSPORT_UNTRUSTED && tls.verified == MBEDTLS_X509_BADCERT_NOT_TRUSTED);
  close_all();
  CHECK(transport_mbedtls_trust(&tls, authority, sizeof authority) == 0); /* both */
  at_rest = allocated;
  fresh();
  CHECK(secured("mx.example.test") == 1);
  close_all();
  CHECK(transport_mbedtls_trust(&tls, authority, 10) != 0);
  /* Nobody is trusted. */
  transport_mbedtls_free(&tls);
  CHECK(transport_mbedtls_init(&tls, &below, entropy, unix_time, &entropy_fails) == 0);
  at_rest = allocated;
  fresh();
  CHECK(secured("mx.example.test") == SDS_SMTP_TRANSPORT_UNTRUSTED);
  close_all();
}

static void a_connection_that_is_lost_at_every_call(void)
{
  uint32_t all, at;

  use(authority, sizeof authority, unix_time);
  fresh();
  lost_at = 0x7FFFFFFF;
  CHECK(secured("mx.example.test") == 1 && echo(500) == 0);
  all = calls;
  close_all();
  for (at = 1; at <= all; at++) {
    int32_t done;

    fresh();
    lost_at = at;
    done = secured("mx.example.test");
    if (done == 1)
      done = echo(500);
    CHECK(done < 0 && done >= SDS_SMTP_NO_SOCKET);
    CHECK(at != 1 || done == SDS_SMTP_UNREACHABLE);
    if (open_below)
      close_all();
    CHECK(allocated == at_rest);
  }
}

/* The server ends without a word: what it said before can be read. */
static void an_end_without_notice(void)
{
  uint8_t octets[16];
  uint32_t i;

  use(authority, sizeof authority, unix_time);
  fresh();
  CHECK(secured("mx.example.test") == 1);
  CHECK(tls.transport.send(&tls, (const uint8_t *)"hello", 5) == 5);
  serve();
  server_closed = 1;
  CHECK(tls.transport.receive(&tls, octets, sizeof octets) == 5 && memcmp(octets, "hello", 5) == 0);
  for (i = 0; i < 3; i++)
    CHECK(tls.transport.receive(&tls, octets, sizeof octets) == SDS_SMTP_LOST);
  close_all();
  /* It ends in good order. */
  fresh();
  CHECK(secured("mx.example.test") == 1);
  CHECK(mbedtls_ssl_close_notify(&server_ssl) == 0);
  CHECK(tls.transport.receive(&tls, octets, sizeof octets) == SDS_SMTP_LOST);
  close_all();
  /* What arrives was changed on its way. */
  fresh();
  CHECK(secured("mx.example.test") == 1);
  CHECK(tls.transport.send(&tls, (const uint8_t *)"hello", 5) == 5);
  serve();
  down.octets[down.to - 1] ^= 1;
  CHECK(tls.transport.receive(&tls, octets, sizeof octets) == SDS_SMTP_TRANSPORT_TLS_FAILED);
  close_all();
}

static void memory_that_is_refused(void)
{
  long all, at;

  use(authority, sizeof authority, unix_time);
  fresh();
  allocations = 0;
  CHECK(secured("mx.example.test") == 1 && echo(100) == 0);
  all = allocations;
  close_all();
  CHECK(all > 1000);
  /* The first ones, which are what stays, and some of the thousands that calculate. */
  for (at = 1; at <= all; at += at < 60 ? 1 : all / 97) {
    int32_t done;

    fresh();
    allocations = 0;
    refused_at = at;
    done = secured("mx.example.test");
    if (done == 1)
      done = echo(100);
    refused_at = 0;
    CHECK(done == 0 || done == SDS_SMTP_NO_SOCKET || done == SDS_SMTP_TRANSPORT_TLS_FAILED ||
          done == SDS_SMTP_TRANSPORT_UNTRUSTED);
    close_all();
  }
  fresh();
  CHECK(secured("mx.example.test") == 1 && echo(100) == 0);
  close_all();
}

static void no_chance_no_tls(void)
{
  transport_mbedtls_free(&tls);
  entropy_fails = -1;
  CHECK(transport_mbedtls_init(&tls, &below, entropy, unix_time, &entropy_fails) != 0);
  transport_mbedtls_free(&tls);
  entropy_fails = 0;
  use(authority, sizeof authority, unix_time);
  CHECK(tls.transport.random(&tls) != tls.transport.random(&tls));
}

int main(void)
{
  mbedtls_platform_set_calloc_free(test_calloc, test_free);
  date = (uint32_t)time(NULL);
  make_server();
  dates_are_seconds();
  octets_arrive_through_any_network();
  what_was_taken_leaves_before_the_end();
  before_starttls_octets_pass_as_they_are();
  certificates_are_looked_at();
  a_connection_that_is_lost_at_every_call();
  an_end_without_notice();
  memory_that_is_refused();
  no_chance_no_tls();
  transport_mbedtls_free(&tls);
  CHECK(allocated == 0);
  mbedtls_ssl_free(&server_ssl);
  mbedtls_ssl_config_free(&server_config);
  mbedtls_x509_crt_free(&server_chain);
  mbedtls_pk_free(&server_private);
  printf("mbedtls_transport: all as documented\n");
  return 0;
}
