/*
 * memory - what the library keeps on the heap, and how many threads it has
 *
 *     memory idle N               N clients without configuration; then some with a full log; then all with a configuration
 *     memory flight N greeting    N clients with a mail in flight each, at a server that accepts and says nothing
 *     memory flight N final_dot   likewise, at one that says nothing any more once it has the whole mail
 *     memory kept N               N clients whose connection is kept after a mail
 *
 * Prints "name number" lines. Bytes are those of the heap, as heap.h counts them.
 */
#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver.h"
#include "heap.h"
#include "sds_smtp.h"

#define MOST_CLIENTS   60000
#define MOST_FLIGHTS   900 /* descriptors: 1,024 are usual */
#define MOST_KEPT      250 /* the server sees up to three connections for each */
#define SERVER_SECONDS 60  /* the server's own end, should this program not live to end it */
#define REPORT_TIMEOUT 20000

/* --- what both parts need --- */

static void stop(const char *what)
{
  fprintf(stderr, "memory: %s\n", what);
  exit(1);
}

static void per_client(const char *name, long long bytes, unsigned clients)
{
  printf("%s %.1f\n", name, (double)bytes / clients);
}

static uint32_t keep_alive;

static void configure(struct sds_smtp_client *client, unsigned port)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;

  config.server = SERVER;
  config.port = port;
  config.sender = SENDER;
  config.ehlo_name = EHLO_NAME;
  config.auth = SDS_SMTP_AUTH_NONE;
  config.keep_alive_ms = keep_alive;
  if (sds_smtp_client_configure(client, &config) != SDS_SMTP_OK)
    stop("configuration refused");
}

static unsigned threads(void)
{
  DIR *folder = opendir("/proc/self/task");
  const struct dirent *entry;
  unsigned count = 0;

  if (folder == NULL)
    stop("no /proc");
  while ((entry = readdir(folder)) != NULL)
    count += entry->d_name[0] != '.';
  closedir(folder);
  return count;
}

static struct sds_smtp_client *clients[MOST_CLIENTS];

/* --- idle --- */

#define LOGGED 100 /* clients whose log is filled: a full one is larger than all the rest */

static void idle(unsigned count)
{
  unsigned logged = count < LOGGED ? count : LOGGED;
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
  long long start = heap_bytes(), blocks = heap_blocks(), before;
  unsigned at, entry;

  for (at = 0; at < count; at++) {
    clients[at] = sds_smtp_client_new();
    if (clients[at] == NULL)
      stop("no client");
  }
  per_client("idle", heap_bytes() - start, count);
  per_client("idle_blocks", heap_blocks() - blocks, count);

  /* A refused start makes a line of the log, and needs no server. */
  before = heap_bytes();
  message.to = RECIPIENT;
  for (at = 0; at < logged; at++)
    for (entry = 0; entry < SDS_SMTP_LOG_ENTRIES; entry++)
      if (sds_smtp_client_send(clients[at], &message) != SDS_SMTP_CONNECT_FAILED)
        stop("a client without configuration sends");
  if (sds_smtp_client_log(clients[0], NULL, 0) != SDS_SMTP_LOG_ENTRIES)
    stop("the log is not full");
  per_client("full_log", heap_bytes() - before, logged);

  before = heap_bytes();
  for (at = 0; at < count; at++)
    configure(clients[at], 25);
  per_client("configuration", heap_bytes() - before, count);

  for (at = 0; at < count; at++)
    sds_smtp_client_free(clients[at]);
  printf("threads %u\n", threads());
}

/* --- in flight --- */

struct session {
  int socket;
  unsigned replies; /* sent so far */
  char tail[5];     /* the last octets received */
};

static const char *const REPLIES[] = {"220 x\r\n", "250 x\r\n", "250 x\r\n", "250 x\r\n", "354 x\r\n"};
#define ALL_REPLIES (sizeof REPLIES / sizeof *REPLIES)

static void reply(struct session *session)
{
  const char *words = REPLIES[session->replies++];

  if (send(session->socket, words, strlen(words), MSG_NOSIGNAL) < 0)
    _exit(1);
}

/* The last octets of all that was received end a line, or are the final dot. */
static int ends_with(const struct session *session, const char *end)
{
  size_t length = strlen(end);

  return memcmp(session->tail + sizeof session->tail - length, end, length) == 0;
}

static void remember(struct session *session, const char *octets, size_t length)
{
  for (size_t at = 0; at < length; at++) {
    memmove(session->tail, session->tail + 1, sizeof session->tail - 1);
    session->tail[sizeof session->tail - 1] = octets[at];
  }
}

/* How far the server goes. */
enum { GREETING, FINAL_DOT, KEPT };

/* The server's process: writes an octet to `report` for each session that has come to where it stays. */
static void serve(int listener, int report, int answering)
{
  static struct session sessions[MOST_FLIGHTS + 1];
  static struct pollfd polled[MOST_FLIGHTS + 2];
  unsigned count = 0, at;

  signal(SIGALRM, SIG_DFL);
  alarm(SERVER_SECONDS);
  polled[0] = (struct pollfd){listener, POLLIN, 0};
  for (;;) {
    if (poll(polled, count + 1, -1) < 0)
      _exit(1);
    for (at = 0; at < count; at++) {
      struct session *session = &sessions[at];
      char octets[4096];
      ssize_t length;

      if (polled[at + 1].revents == 0)
        continue;
      length = recv(session->socket, octets, sizeof octets, 0);
      if (length <= 0) {
        polled[at + 1].fd = -1;
        close(session->socket);
        continue;
      }
      if (!answering)
        _exit(1); /* a client speaks after the greeting */
      remember(session, octets, (size_t)length);
      if (session->replies < ALL_REPLIES && ends_with(session, "\r\n"))
        reply(session);
      else if (ends_with(session, "\r\n.\r\n")) {
        if (answering == KEPT && send(session->socket, "250 x\r\n", 7, MSG_NOSIGNAL) < 0)
          _exit(1);
        if (write(report, "", 1) != 1)
          _exit(1);
      }
    }
    if (polled[0].revents != 0 && count <= MOST_FLIGHTS) {
      struct session *session = &sessions[count];

      session->socket = accept(listener, NULL, NULL);
      if (session->socket < 0)
        _exit(1);
      polled[++count] = (struct pollfd){session->socket, POLLIN, 0};
      if (answering)
        reply(session);
      else if (write(report, "", 1) != 1)
        _exit(1);
    }
  }
}

static pid_t start_server(int answering, unsigned *port, int *report)
{
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  int ends[2];
  pid_t pid;

  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1024) != 0
      || getsockname(listener, (struct sockaddr *)&address, &length) != 0 || pipe(ends) != 0)
    stop("no server socket");
  *port = ntohs(address.sin_port);
  pid = fork();
  if (pid < 0)
    stop("no server process");
  if (pid == 0) {
    close(ends[0]);
    serve(listener, ends[1], answering);
  }
  close(listener);
  close(ends[1]);
  *report = ends[0];
  return pid;
}

/* Waits until so many sessions more have come to where they stay. */
static void wait_for(int report, unsigned sessions)
{
  char octets[64];

  while (sessions > 0) {
    struct pollfd polled = {report, POLLIN, 0};
    size_t most = sessions < sizeof octets ? sessions : sizeof octets;
    ssize_t length;

    if (poll(&polled, 1, REPORT_TIMEOUT) != 1)
      stop("the mails are not in flight in time");
    length = read(report, octets, most);
    if (length <= 0)
      stop("the server ended");
    sessions -= (unsigned)length;
  }
}

static void flight(unsigned count, int answering)
{
  const char *where = answering ? "final_dot" : "greeting";
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
  char text[TEXT_BYTES + 1], name[64];
  long long before, blocks;
  unsigned port, at, before_threads;
  int report;
  pid_t server = start_server(answering, &port, &report);

  before_threads = threads();
  write_text(text, "\n");
  message.to = RECIPIENT;
  message.subject = SUBJECT;
  message.text = text;
  for (at = 0; at <= count; at++) {
    clients[at] = sds_smtp_client_new();
    if (clients[at] == NULL)
      stop("no client");
    configure(clients[at], port);
  }

  /* The first mail starts the thread, whose own memory is no mail's. */
  if (sds_smtp_client_send(clients[count], &message) != SDS_SMTP_OK)
    stop("mail refused");
  wait_for(report, 1);
  before = quiet_heap_bytes();
  blocks = heap_blocks();
  for (at = 0; at < count; at++)
    if (sds_smtp_client_send(clients[at], &message) != SDS_SMTP_OK)
      stop("mail refused");
  wait_for(report, count);
  for (at = 0; at <= count; at++)
    if (sds_smtp_client_status(clients[at]) != SDS_SMTP_BUSY)
      stop("a mail is not in flight");
  snprintf(name, sizeof name, "flight_%s", where);
  per_client(name, quiet_heap_bytes() - before - (long long)count * (long long)strlen(text), count);
  snprintf(name, sizeof name, "flight_%s_blocks", where);
  per_client(name, heap_blocks() - blocks, count);
  printf("threads_%s %u\n", where, threads() - before_threads);

  for (at = 0; at <= count; at++)
    sds_smtp_client_free(clients[at]);
  kill(server, SIGTERM);
  waitpid(server, NULL, 0);
  close(report);
}

static void kept(unsigned count)
{
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
  char text[TEXT_BYTES + 1];
  long long before, ended;
  unsigned port, at, round;
  int report;
  pid_t server = start_server(KEPT, &port, &report);

  write_text(text, "\n");
  message.to = RECIPIENT;
  message.subject = SUBJECT;
  message.text = text;
  for (at = 0; at <= count; at++) {
    clients[at] = sds_smtp_client_new();
    if (clients[at] == NULL)
      stop("no client");
  }
  /* Twice: with the connection and without it. Each has had a mail then, and a line in its log. */
  for (round = 0; round < 2; round++) {
    keep_alive = round == 0 ? 0 : 60000;
    for (at = 0; at <= count; at++)
      configure(clients[at], port);
    for (at = 0; at <= count; at++)
      if (sds_smtp_client_send(clients[count - at], &message) != SDS_SMTP_OK
          || sds_smtp_client_wait(clients[count - at], REPORT_TIMEOUT) != SDS_SMTP_OK)
        stop("mail not sent");
    wait_for(report, count + 1);
    if (round == 0) {
      sds_smtp_shutdown(REPORT_TIMEOUT);
      for (at = 0; at <= count; at++)
        configure(clients[at], port);
      /* The thread, and what the engine has for the first client. */
      if (sds_smtp_client_send(clients[count], &message) != SDS_SMTP_OK
          || sds_smtp_client_wait(clients[count], REPORT_TIMEOUT) != SDS_SMTP_OK)
        stop("mail not sent");
      wait_for(report, 1);
      before = quiet_heap_bytes();
    }
  }
  ended = quiet_heap_bytes();
  per_client("kept", ended - before, count);
  sds_smtp_shutdown(REPORT_TIMEOUT);
  kill(server, SIGTERM);
  waitpid(server, NULL, 0);
  close(report);
}

int main(int argc, char **argv)
{
  if (argc == 3 && strcmp(argv[1], "idle") == 0)
    idle(number(argv[2], MOST_CLIENTS));
  else if (argc == 4 && strcmp(argv[1], "flight") == 0 && strcmp(argv[3], "greeting") == 0)
    flight(number(argv[2], MOST_FLIGHTS), GREETING);
  else if (argc == 4 && strcmp(argv[1], "flight") == 0 && strcmp(argv[3], "final_dot") == 0)
    flight(number(argv[2], MOST_FLIGHTS), FINAL_DOT);
  else if (argc == 3 && strcmp(argv[1], "kept") == 0)
    kept(number(argv[2], MOST_KEPT));
  else
    stop("usage: memory idle N | memory flight N greeting | memory flight N final_dot | memory kept N");
  return 0;
}
