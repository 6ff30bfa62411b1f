/*
 * load_server - an SMTP server that holds its greetings until it is told, for the drivers load and tls_load: see load.h
 *
 *     load_server                    without TLS
 *     load_server CERTIFICATE KEY    with TLS from the first octet on, where it is built with LOAD_TLS and OpenSSL
 *
 * One process with epoll. It answers each command with success, and looks into each mail for its number: a
 * mail that comes twice is an error, as is whatever it does not understand. It says so and ends, and its exit
 * code is 1.
 *
 * It closes a connection after the client has: so that no connection is left means that the client is through
 * with all of them. It resets it then, since ports that rest for a minute would be missing in the next
 * thousands of connections.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef LOAD_TLS
#include <openssl/ssl.h>
#endif

#include "load.h"

#define DRIVER           0   /* the descriptor of the driver's socket */
#define MOST_DESCRIPTORS 65536
#define SECONDS          300 /* its own end, should the driver hang */
#define LINE             128
#define EVENTS           256

#define NONE UINT32_MAX

enum { FREE, SHAKING, HELD, COMMANDS, HEADER, BODY };

struct tls;

struct connection {
  struct tls *tls; /* NULL: without */
  unsigned char state;
  unsigned char counted; /* among those that have come to where they are held */
  unsigned char length; /* of the line; what does not fit is left out */
  uint32_t mail;        /* the number in its subject, or NONE */
  char line[LINE];
};

static struct connection connections[MOST_DESCRIPTORS]; /* by descriptor */
static unsigned char taken[LOAD_MOST_MAILS];
static int poller, listener, last_descriptor;
static int holding, held_at;
static uint32_t made, open_now, delivered;
static struct request asked;
static int is_asked;

static _Noreturn void stop(const char *what)
{
  fprintf(stderr, "load_server: %s\n", what);
  exit(1);
}

static void watch(int descriptor)
{
  struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};

  if (epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event) != 0)
    stop("epoll_ctl() failed");
}

static void count(struct connection *connection)
{
  made += !connection->counted;
  connection->counted = 1;
}

/* --- what carries the octets --- */

static void put(int descriptor, const char *octets, size_t length)
{
  /* A client that has just gone is seen when it is read from. */
  if (send(descriptor, octets, length, MSG_NOSIGNAL) != (ssize_t)length && errno != EPIPE && errno != ECONNRESET)
    stop("what is said does not leave at once");
}

#ifdef LOAD_TLS

#define LARGEST_RECORD 16384

static SSL_CTX *context;

static SSL *of(const struct connection *connection)
{
  return (SSL *)connection->tls;
}

/* Sends what TLS has to send, but for so many octets, and never the first flight that is held. */
static void flush(int descriptor, int kept)
{
  struct connection *connection = &connections[descriptor];
  BIO *out = SSL_get_wbio(of(connection));
  char *octets;
  long length = BIO_get_mem_data(out, &octets);

  if (length == 0)
    return;
  if (holding && held_at == LOAD_AT_FLIGHT && !SSL_is_init_finished(of(connection))) {
    count(connection);
    return;
  }
  put(descriptor, octets, (size_t)(length - kept));
  (void)BIO_reset(out);
}

static void say(int descriptor, const char *words, size_t length)
{
  if (connections[descriptor].tls == NULL) {
    put(descriptor, words, length);
    return;
  }
  if (SSL_write(of(&connections[descriptor]), words, (int)length) != (int)length)
    stop("TLS does not take what is said");
  flush(descriptor, 0);
}

/* A reply that fills a record, but for its last octet. */
static void say_most_of_a_record(int descriptor)
{
  static char reply[LARGEST_RECORD];

  for (size_t at = 0; at < sizeof reply; at += 64) {
    memset(reply + at, 'x', 64);
    memcpy(reply + at, "250-", 4);
    memcpy(reply + at + 62, "\r\n", 2);
  }
  if (SSL_write(of(&connections[descriptor]), reply, sizeof reply) != sizeof reply)
    stop("TLS does not take what is said");
  flush(descriptor, 1);
}

static void begin_tls(struct connection *connection)
{
  SSL *ssl = context != NULL ? SSL_new(context) : NULL;

  connection->tls = (struct tls *)ssl;
  if (ssl == NULL)
    return;
  SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_accept_state(ssl);
}

static void end_tls(struct connection *connection)
{
  SSL_free(of(connection));
  connection->tls = NULL;
}

static void load_certificate(const char *certificate, const char *key)
{
  context = SSL_CTX_new(TLS_server_method());
  if (context == NULL || !SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION)
      || SSL_CTX_use_certificate_chain_file(context, certificate) != 1
      || SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
    stop("no certificate");
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
}

#else

static void flush(int descriptor, int kept)
{
  (void)descriptor;
  (void)kept;
}

static void say(int descriptor, const char *words, size_t length)
{
  put(descriptor, words, length);
}

static void say_most_of_a_record(int descriptor)
{
  (void)descriptor;
}

static void begin_tls(struct connection *connection)
{
  connection->tls = NULL;
}

static void end_tls(struct connection *connection)
{
  (void)connection;
}

static void load_certificate(const char *certificate, const char *key)
{
  (void)certificate;
  (void)key;
  stop("built without TLS");
}

#endif

static void end(int descriptor)
{
  struct linger reset = {1, 0};

  end_tls(&connections[descriptor]);
  setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  close(descriptor);
  connections[descriptor].state = FREE;
  open_now--;
}

/* --- the mails --- */

static void greet(int descriptor)
{
  connections[descriptor].state = COMMANDS;
  say(descriptor, "220 load\r\n", 10);
}

static void take_mail(struct connection *connection)
{
  if (connection->mail >= LOAD_MOST_MAILS)
    stop("a mail without its number");
  if (taken[connection->mail]++ != 0) {
    fprintf(stderr, "load_server: mail %u was delivered twice\n", (unsigned)connection->mail);
    exit(1);
  }
  delivered++;
}

static int begins(const char *line, const char *word)
{
  return strncmp(line, word, strlen(word)) == 0;
}

/* What is said to a line, which has no line end any more; NULL: nothing. */
static const char *answer(struct connection *connection)
{
  const char *line = connection->line;

  switch (connection->state) {
  case COMMANDS:
    if (begins(line, "EHLO "))
      return "250-load\r\n250-8BITMIME\r\n250 PIPELINING\r\n";
    if (strcmp(line, "DATA") == 0) {
      connection->state = HEADER;
      connection->mail = NONE;
      return "354 go on\r\n";
    }
    if (begins(line, "MAIL FROM:") || begins(line, "RCPT TO:"))
      return "250 2.1.0 ok\r\n";
    if (strcmp(line, "QUIT") == 0)
      return "221 2.0.0 bye\r\n";
    break;
  case HEADER:
    if (begins(line, "Subject: " LOAD_SUBJECT))
      connection->mail = (uint32_t)strtoul(line + strlen("Subject: " LOAD_SUBJECT), NULL, 10);
    if (line[0] == '\0')
      connection->state = BODY;
    return NULL;
  case BODY:
    if (strcmp(line, ".") != 0)
      return NULL;
    take_mail(connection);
    connection->state = COMMANDS;
    return "250 2.0.0 taken\r\n";
  default:
    break;
  }
  fprintf(stderr, "load_server: not understood: %s\n", line);
  exit(1);
}

/* It has come to where it may be held before the greeting. */
static void arrive(int descriptor)
{
  connections[descriptor].state = HELD;
  if (holding && held_at == LOAD_AT_TEXT) {
    greet(descriptor);
    return;
  }
  count(&connections[descriptor]);
  if (!holding)
    greet(descriptor);
}

/* The text is not read any more. */
static void hold_text(int descriptor)
{
  if (connections[descriptor].tls != NULL)
    say_most_of_a_record(descriptor);
  if (epoll_ctl(poller, EPOLL_CTL_DEL, descriptor, NULL) != 0)
    stop("epoll_ctl() failed");
  count(&connections[descriptor]);
}

/* Answers what a client has said. */
static void hear(int descriptor, const char *octets, ssize_t length)
{
  struct connection *connection = &connections[descriptor];
  char replies[1024];
  size_t said = 0;

  for (ssize_t at = 0; at < length; at++) {
    const char *words;

    if (octets[at] != '\n') {
      if (connection->length < LINE - 1 && octets[at] != '\r')
        connection->line[connection->length++] = octets[at];
      continue;
    }
    connection->line[connection->length] = '\0';
    connection->length = 0;
    words = answer(connection);
    if (words == NULL)
      continue;
    if (said + strlen(words) > sizeof replies)
      stop("more commands at once than a mail has");
    memcpy(replies + said, words, strlen(words));
    said += strlen(words);
  }
  if (said > 0)
    say(descriptor, replies, said);
  if (connection->state == HEADER && holding && held_at == LOAD_AT_TEXT)
    hold_text(descriptor);
}

#ifdef LOAD_TLS

static void hear_records(int descriptor, const char *octets, ssize_t length)
{
  struct connection *connection = &connections[descriptor];
  SSL *ssl = of(connection);
  char words[8192];
  int heard = 1;

  if (BIO_write(SSL_get_rbio(ssl), octets, (int)length) != length)
    stop("TLS takes no octets");
  if (!SSL_is_init_finished(ssl)) {
    int done = SSL_do_handshake(ssl);

    if (done != 1 && SSL_get_error(ssl, done) != SSL_ERROR_WANT_READ)
      stop("a handshake fails");
    flush(descriptor, 0);
    if (done != 1)
      return;
    arrive(descriptor);
  }
  while (heard > 0) {
    heard = SSL_read(ssl, words, sizeof words);
    if (heard > 0)
      hear(descriptor, words, heard);
    else if (SSL_get_error(ssl, heard) == SSL_ERROR_SSL)
      stop("a record is wrong");
  }
}

#else

static void hear_records(int descriptor, const char *octets, ssize_t length)
{
  hear(descriptor, octets, length);
}

#endif

static void read_from(int descriptor)
{
  char octets[8192];
  ssize_t length = recv(descriptor, octets, sizeof octets, 0);

  if (length < 0 && errno != ECONNRESET)
    stop("recv() failed");
  if (length <= 0)
    end(descriptor);
  else if (connections[descriptor].tls != NULL)
    hear_records(descriptor, octets, length);
  else
    hear(descriptor, octets, length);
}

static void accept_all(void)
{
  for (;;) {
    int descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (descriptor < 0) {
      if (errno == EAGAIN || errno == ECONNABORTED)
        return;
      stop(errno == EMFILE ? "no descriptor is left" : "accept4() failed");
    }
    if (descriptor >= MOST_DESCRIPTORS)
      stop("more connections than it has room for");
    connections[descriptor] = (struct connection){.state = SHAKING};
    begin_tls(&connections[descriptor]);
    if (descriptor > last_descriptor)
      last_descriptor = descriptor;
    open_now++;
    watch(descriptor);
    if (connections[descriptor].tls == NULL)
      arrive(descriptor);
  }
}

/* --- the driver --- */

static void tell(uint32_t number)
{
  is_asked = 0;
  if (write(DRIVER, &number, sizeof number) != sizeof number)
    stop("the driver does not listen");
}

/* Answers the driver, if what it asks for has come about. */
static void answer_driver(void)
{
  if (!is_asked)
    return;
  if (asked.what == LOAD_CONNECTED && made >= asked.count)
    tell(made);
  else if (asked.what == LOAD_DELIVERED && delivered > asked.count)
    stop("more mails than were sent");
  else if (asked.what == LOAD_DELIVERED && delivered == asked.count)
    tell(delivered);
  else if (asked.what == LOAD_CLOSED && open_now == 0)
    tell(delivered);
}

static void hear_driver(uint32_t port)
{
  ssize_t length = read(DRIVER, &asked, sizeof asked);

  if (length == 0)
    exit(0);
  if (length != sizeof asked || is_asked)
    stop("no request");
  is_asked = 1;
  switch (asked.what) {
  case LOAD_PORT:
    tell(port);
    break;
  case LOAD_HOLD:
    holding = 1;
    held_at = (int)asked.count;
    tell(0);
    break;
  case LOAD_GREET:
    holding = 0;
    tell(0);
    for (int descriptor = 0; descriptor <= last_descriptor; descriptor++)
      if (connections[descriptor].state == HELD)
        greet(descriptor);
      else if (connections[descriptor].state == SHAKING)
        flush(descriptor, 0);
    break;
  default:
    break;
  }
}

/* As many descriptors as it may have: the driver checks that they are enough. */
static void raise_limit(void)
{
  struct rlimit limit;

  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
}

int main(int argc, char **argv)
{
  static struct epoll_event events[EVENTS];
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;

  alarm(SECONDS);
  raise_limit();
  if (argc == 3)
    load_certificate(argv[1], argv[2]);
  listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  poller = epoll_create1(EPOLL_CLOEXEC);
  if (listener < 0 || poller < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0
      || listen(listener, SOMAXCONN) != 0 || getsockname(listener, (struct sockaddr *)&address, &length) != 0)
    stop("no server socket");
  watch(DRIVER);
  watch(listener);
  for (;;) {
    int count = epoll_wait(poller, events, EVENTS, -1);

    if (count < 0 && errno != EINTR)
      stop("epoll_wait() failed");
    for (int at = 0; at < count; at++) {
      int descriptor = events[at].data.fd;

      if (descriptor == DRIVER)
        hear_driver(ntohs(address.sin_port));
      else if (descriptor == listener)
        accept_all();
      else
        read_from(descriptor);
    }
    answer_driver();
  }
}
