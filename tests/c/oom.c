/*
 * oom - allocations of a program that sends a mail are refused: none ends the process, and the next mail is sent
 *
 *     oom PORT [TLS_PORT TLS CA.pem]
 *     oom PORT AUTH USER PASSWORD -
 *     oom PORT kept
 *
 * The server on PORT accepts every mail, and so does the one on TLS_PORT, with TLS as sds_smtp_config has it. With that one,
 * a mail over TLS and a plain one are sent beside each other, and what is refused comes after the configuration: where the one
 * over TLS fails for one refused allocation, the plain one arrives; it ends nothing else, and the next mails are both sent.
 * So is what a configuration with many certificates allocates; and a function of the program that carries TLS is refused what
 * it asks for meanwhile, and the mail is sent.
 *
 * With AUTH it logs in: the server knows USER and PASSWORD.
 *
 * With "kept" the mails have SDS_SMTP_PARTIAL and several recipients, of whom the server refuses nobody@example.com and takes two at a
 * time, and go over a connection that is kept: memory is refused to the first one, or to the second one, and the third one is right.
 * The last line says how many transactions have to have arrived by what was told.
 *
 * For each number N a child process runs in which the N-th allocation fails, and one in which all from the N-th on fail until
 * the mail has a result. Without TLS: with a handle, and with the built-in client; with an address, with a list of servers,
 * and with a name. What the library answers then is NULL, 7 or 13, with a name 35, or
 * nothing went wrong at all; never a signal, and never "busy" for ever.
 * Exit code 0: every child did right, and there were some in which an allocation failed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sds_smtp.h"

#define MOST 600

/* The second one of the list is converted, and not connected to: the first one takes the mail. */
static const char *const servers[] = {"127.0.0.1", "127.0.0.1, b\xC3\xBC" "cher.example.:2525", "one.test"};

#define SERVERS ((int)(sizeof servers / sizeof servers[0]))

static const char *server;

/* With a login. */
static uint32_t auth;
static const char *username, *password;

/* glibc's own: what stands behind malloc() and its family. */
#ifdef __cplusplus
#define NOTHROW noexcept
extern "C" {
#else
#define NOTHROW
#endif
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
#ifdef __cplusplus
}
#endif

/* How many allocations succeed before one fails; negative: all. */
static volatile long left = -1;

/* Whether all that follow fail, too. */
static volatile int lasting;

/* Whether one has failed. */
static volatile int failed;

static int fails(void)
{
  if (left < 0 || __sync_fetch_and_sub(&left, 1) > 0)
    return 0;
  if (lasting)
    left = 0;
  failed = 1;
  errno = ENOMEM;
  return 1;
}

void *malloc(size_t size) NOTHROW
{
  return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) NOTHROW
{
  return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size) NOTHROW
{
  return fails() ? NULL : __libc_realloc(memory, size);
}

/* Stands in for the system's, which ends the process where it gets no memory (glibc 2.36). */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **list)
{
  struct addrinfo *one = (struct addrinfo *)__libc_calloc(1, sizeof *one + sizeof(struct sockaddr_in));
  struct sockaddr_in *address = (struct sockaddr_in *)(void *)(one + 1);

  (void)name;
  (void)service;
  (void)hints;
  if (one == NULL)
    return EAI_MEMORY;
  address->sin_family = AF_INET;
  address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  one->ai_family = AF_INET;
  one->ai_socktype = SOCK_STREAM;
  one->ai_addr = (struct sockaddr *)address;
  one->ai_addrlen = sizeof *address;
  *list = one;
  return 0;
}

/* How often the program was told of a mail's end, and lines of its conversation. */
static volatile int told_ends, told_lines;

static void tell_end(void *context, sds_smtp_client *client, const struct sds_smtp_result *result)
{
  (void)context;
  if (sds_smtp_client_status(client) != result->code)
    _exit(97);
  __sync_fetch_and_add(&told_ends, 1);
}

static void tell_line(void *context, const char *line)
{
  (void)context;
  (void)line;
  __sync_fetch_and_add(&told_lines, 1);
}

/* Who has sent a mail is told of its end once, whatever was refused; who could not, never. */
static void check_ends(int sent)
{
  int i;

  for (i = 0; i < 5000 && told_ends < sent; i++)
    usleep(1000);
  if (told_ends != sent)
    _exit(98);
  told_ends = 0;
}

/*
 * 0: the mail was sent; otherwise what the first call said that did not do its work (7 for no client). The built-in client
 * is not made, and is sent with even where it could not be configured.
 */
static int send_one(unsigned port, long refused, int built_in)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
  sds_smtp_client *client;
  int code = SDS_SMTP_DATA_FAILED;

  left = refused;
  client = built_in ? NULL : sds_smtp_client_new();
  if (built_in || client != NULL) {
    config.server = server;
    config.port = port;
    config.sender = "unit7@example.com";
    config.trace = tell_line;
    config.auth = auth;
    config.username = username;
    config.password = password;
    message.done = tell_end;
    message.to = "operator@example.com";
    message.subject = "memory";
    message.text = "One of them is refused.\n";
    code = sds_smtp_client_configure(client, &config);
    if (code == SDS_SMTP_OK || built_in)
      code = sds_smtp_client_send(client, &message);
    if (code == SDS_SMTP_OK) {
      code = sds_smtp_client_wait(client, 10000);
      check_ends(1);
    }
    check_ends(0);
    if (sds_smtp_client_status(client) == SDS_SMTP_BUSY)
      code = SDS_SMTP_BUSY;
    sds_smtp_client_free(client);
  }
  return code;
}

static int refuse_each(unsigned port, int built_in, int and_all_after)
{
  long refused;
  int failures = 0, told = 0, last = 0;

  for (refused = 0; refused < MOST && !last; refused++) {
    int status;
    pid_t child = fork();

    if (child == 0) {
      int code;

      alarm(30);
      lasting = and_all_after;
      code = send_one(port, refused, built_in);
      left = -1;
      if (code == SDS_SMTP_NAME_NOT_FOUND && server != servers[0])
        code = SDS_SMTP_CONNECT_FAILED;
      if (code != SDS_SMTP_OK && code != SDS_SMTP_DATA_FAILED && code != SDS_SMTP_CONNECT_FAILED)
        _exit(100 + code);
      told_lines = 0;
      if (send_one(port, -1, built_in) != SDS_SMTP_OK || told_lines < 8)
        _exit(99);
      _exit(!failed ? 1 : code == SDS_SMTP_OK ? 2 : 3);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
      return 0;
    if (WIFSIGNALED(status)) {
      printf("allocation %ld refused: ended by signal %d\n", refused, WTERMSIG(status));
      failures++;
    } else if (WEXITSTATUS(status) > 3) {
      printf("allocation %ld refused: %d\n", refused, WEXITSTATUS(status));
      failures++;
    } else {
      told += WEXITSTATUS(status) == 3;
      last = WEXITSTATUS(status) == 1;
    }
  }
  printf("oom: %ld allocations, %d refusals told, %d failures\n", refused, told, failures);
  return failures == 0 && last && told > 5;
}

/* --- several recipients, over a connection that is kept ------------------------------------ */

#define SEVERAL 4

/* Transactions that arrived, by what was told. */
static volatile int *transactions;

/* What is told of each recipient of a mail that has ended so; 0: right. `whole`: no memory was refused. */
static int check_recipients(sds_smtp_client *client, int code, int whole)
{
  static const char *const names[SEVERAL] = {"a@example.com", "nobody@example.com", "b@example.com", "c@example.com"};
  sds_smtp_recipient told[SEVERAL];
  int i, sent = 0;

  memset(told, 0, sizeof told);
  told[0].struct_size = sizeof told[0];
  if (sds_smtp_client_recipients(client, told, SEVERAL) != SEVERAL) {
    /* There was no memory for a connection: it did not start. */
    return whole || code != SDS_SMTP_DATA_FAILED || sds_smtp_client_recipients(client, NULL, 0) != 0;
  }
  for (i = 0; i < SEVERAL; i++) {
    if (strcmp(told[i].address, names[i]) != 0)
      return 2;
    if ((told[i].outcome == SDS_SMTP_OUTCOME_SENT) != (told[i].code == SDS_SMTP_OK) || told[i].outcome == SDS_SMTP_OUTCOME_UNKNOWN)
      return 3;
    sent += told[i].outcome == SDS_SMTP_OUTCOME_SENT;
    if (whole && strcmp(told[i].text, i == 1 ? "5.1.1 nobody@example.com is unknown" : "2.0.0 taken") != 0)
      return 4;
  }
  if (told[1].outcome == SDS_SMTP_OUTCOME_SENT || told[2].outcome != told[3].outcome || (whole && sent != 3))
    return 5;
  __sync_fetch_and_add(transactions, (told[0].outcome == SDS_SMTP_OUTCOME_SENT) + (told[2].outcome == SDS_SMTP_OUTCOME_SENT));
  return (code == SDS_SMTP_PARTLY_SENT) != (sent > 0) ? 6 : 0;
}

/* Sends a mail; 0: right. */
static int send_to_several(sds_smtp_client *client, int whole)
{
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
  int code, wrong = 0;

  message.to = "a@example.com, nobody@example.com, b@example.com, c@example.com";
  message.subject = "memory";
  message.text = "Some of it is refused.\n";
  message.flags = SDS_SMTP_PARTIAL;
  message.done = tell_end;
  code = sds_smtp_client_send(client, &message);
  if (code == SDS_SMTP_OK) {
    code = sds_smtp_client_wait(client, 10000);
    check_ends(1);
    left = -1;
    wrong = check_recipients(client, code, whole);
  } else if (sds_smtp_client_recipients(client, NULL, 0) != 0) {
    wrong = 7;
  }
  left = -1;
  if (wrong == 0 && code != SDS_SMTP_PARTLY_SENT && code != SDS_SMTP_DATA_FAILED && code != SDS_SMTP_CONNECT_FAILED)
    return 100 + code;
  return wrong == 0 && whole && code != SDS_SMTP_PARTLY_SENT ? 8 : wrong;
}

/* 0: right, and nothing was refused; 1: right; else wrong. */
static int over_a_kept_connection(unsigned port, long refused, int and_all_after, int second)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  sds_smtp_client *client = sds_smtp_client_new();
  int i, wrong;

  alarm(30);
  config.server = servers[0];
  config.port = port;
  config.sender = "unit7@example.com";
  config.keep_alive_ms = 60000;
  config.flags = SDS_SMTP_KEEP_DIALOGUE;
  if (client == NULL || sds_smtp_client_configure(client, &config) != SDS_SMTP_OK)
    return 96;
  for (i = 0; i < 3; i++) {
    lasting = and_all_after;
    left = i == second ? refused : -1;
    wrong = send_to_several(client, i != second);
    if (wrong != 0)
      return 10 * (i + 1) + wrong;
  }
  sds_smtp_client_free(client);
  return failed;
}

static int refuse_each_of_several(unsigned port, int and_all_after, int second)
{
  long refused;
  int failures = 0, last = 0;

  for (refused = 0; refused < MOST && !last; refused++) {
    int status;
    pid_t child = fork();

    if (child == 0)
      _exit(over_a_kept_connection(port, refused, and_all_after, second));
    if (child < 0 || waitpid(child, &status, 0) != child)
      return 0;
    if (WIFSIGNALED(status) || WEXITSTATUS(status) > 1) {
      printf("allocation %ld of mail %d refused: signal %d, %d\n", refused, second, WIFSIGNALED(status) ? WTERMSIG(status) : 0,
             WIFSIGNALED(status) ? 0 : WEXITSTATUS(status));
      failures++;
    } else {
      last = WEXITSTATUS(status) == 0;
    }
  }
  printf("oom: %ld allocations of mail %d to several, %d failures\n", refused, second, failures);
  return failures == 0 && last && refused > 10;
}

static int refuse_over_kept_connections(unsigned port)
{
  int lasts, second, right = 1;

  transactions = (volatile int *)mmap(NULL, sizeof *transactions, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (transactions == (volatile int *)MAP_FAILED)
    return 0;
  for (lasts = 0; lasts < 2; lasts++) {
    for (second = 0; second < 2; second++) {
      right &= refuse_each_of_several(port, lasts, second);
      fflush(stdout);
    }
  }
  printf("oom: %d transactions\n", *transactions);
  return right;
}

/* A client for one of the two servers. */
static sds_smtp_client *client_of(unsigned port, uint32_t tls, const char *ca)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  sds_smtp_client *client = sds_smtp_client_new();

  config.server = servers[0];
  config.port = port;
  config.tls = tls;
  config.tls_ca = ca;
  config.tls_name = tls ? "mx.example.test" : NULL;
  config.sender = "unit7@example.com";
  if (client == NULL || sds_smtp_client_configure(client, &config) != SDS_SMTP_OK)
    _exit(96);
  return client;
}

/* Sends a mail with each of them; what became of it. */
static void send_both(sds_smtp_client *const client[2], int code[2])
{
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
  int i;

  message.to = "operator@example.com";
  message.subject = "memory";
  message.text = "One of them is refused.\n";
  for (i = 0; i < 2; i++)
    code[i] = sds_smtp_client_send(client[i], &message);
  for (i = 0; i < 2; i++)
    if (code[i] == SDS_SMTP_OK)
      code[i] = sds_smtp_client_wait(client[i], 10000);
}

/* 0: right, and nothing was refused; 1: right; else wrong. */
static int beside(unsigned port, unsigned tls_port, uint32_t tls, const char *ca, long refused, int and_all_after)
{
  sds_smtp_client *client[2];
  int code[2], refused_one;

  alarm(30);
  client[0] = client_of(tls_port, tls, ca);
  client[1] = client_of(port, 0, NULL);
  lasting = and_all_after;
  left = refused;
  send_both(client, code);
  left = -1;
  refused_one = failed;
  if (code[0] == SDS_SMTP_BUSY || code[1] == SDS_SMTP_BUSY)
    return 2;
  /* Nothing was wrong with the certificate. */
  if (code[0] == SDS_SMTP_TLS_UNTRUSTED)
    return 5;
  if (!and_all_after && code[0] != SDS_SMTP_OK && code[1] != SDS_SMTP_OK)
    return 3;
  send_both(client, code);
  if (code[0] != SDS_SMTP_OK || code[1] != SDS_SMTP_OK)
    return 4;
  sds_smtp_client_free(client[0]);
  sds_smtp_client_free(client[1]);
  return refused_one;
}

/* every -- only each of so many */
static int refuse_each_beside(unsigned port, unsigned tls_port, uint32_t tls, const char *ca, int and_all_after, int every)
{
  long refused;
  int failures = 0, last = 0;

  for (refused = 0; refused < MOST && !last; refused += every) {
    int status;
    pid_t child = fork();

    if (child == 0)
      _exit(beside(port, tls_port, tls, ca, refused, and_all_after));
    if (child < 0 || waitpid(child, &status, 0) != child)
      return 0;
    if (WIFSIGNALED(status) || WEXITSTATUS(status) > 1) {
      printf("allocation %ld refused beside a plain mail: signal %d, %d\n", refused, WIFSIGNALED(status) ? WTERMSIG(status) : 0,
             WIFSIGNALED(status) ? 0 : WEXITSTATUS(status));
      failures++;
    } else {
      last = WEXITSTATUS(status) == 0;
    }
  }
  printf("oom: %ld allocations over TLS, %d failures\n", refused, failures);
  return failures == 0 && last && refused > 50;
}

/* --- a configuration with many certificates ----------------------------------------------- */

#define CERTIFICATES 300

/* So many of one certificate, as in the store of a system: 200 KB, in memory that nothing refuses. NULL for one with many names. */
static char *bundle_of(const char *ca)
{
  size_t room = 0, length;
  char one[4096], *all;
  FILE *file = fopen(ca, "r");
  int i;

  if (file == NULL)
    _exit(95);
  length = fread(one, 1, sizeof one, file);
  fclose(file);
  if (length == sizeof one)
    return NULL;
  all = (char *)__libc_malloc(length * CERTIFICATES + 1);
  if (all == NULL)
    _exit(95);
  for (i = 0; i < CERTIFICATES; i++, room += length)
    memcpy(all + room, one, length);
  all[room] = '\0';
  return all;
}

/* 0: right, and nothing was refused; 1: right; else wrong. ca -- NULL: the system's store */
static int configured(const char *ca, long refused, int and_all_after)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  sds_smtp_client *client = sds_smtp_client_new();
  int code, was_refused;

  alarm(30);
  config.server = servers[0];
  config.sender = "unit7@example.com";
  config.tls = SDS_SMTP_TLS_IMPLICIT;
  config.tls_ca = ca;
  lasting = and_all_after;
  left = refused;
  code = sds_smtp_client_configure(client, &config);
  left = -1;
  was_refused = failed;
  if (code != SDS_SMTP_OK && code != SDS_SMTP_DATA_FAILED)
    return 100 + code;
  if (!was_refused && code != SDS_SMTP_OK)
    return 3;
  if (sds_smtp_client_configure(client, &config) != SDS_SMTP_OK)
    return 4;
  sds_smtp_client_free(client);
  return was_refused;
}

static int refuse_each_of_a_configuration(const char *ca, int and_all_after)
{
  long refused;
  int failures = 0, last = 0;

  /* Each certificate takes the same ones. */
  for (refused = 0; refused < 20L * CERTIFICATES && !last; refused += refused < 100 ? 1 : 17) {
    int status;
    pid_t child = fork();

    if (child == 0)
      _exit(configured(ca, refused, and_all_after));
    if (child < 0 || waitpid(child, &status, 0) != child)
      return 0;
    if (WIFSIGNALED(status) || WEXITSTATUS(status) > 1) {
      printf("allocation %ld of a configuration refused: signal %d, %d\n", refused, WIFSIGNALED(status) ? WTERMSIG(status) : 0,
             WIFSIGNALED(status) ? 0 : WEXITSTATUS(status));
      failures++;
    } else {
      last = WEXITSTATUS(status) == 0;
    }
  }
  printf("oom: %ld allocations of a configuration, %d failures\n", refused, failures);
  return failures == 0 && last && refused > CERTIFICATES;
}

/* Whether it is a certificate with many names. */
static int is_large(const char *ca)
{
  char *bundle = bundle_of(ca);
  int large = bundle == NULL;

  free(bundle);
  return large;
}

static int refuse_each_of_all_configurations(const char *ca)
{
  char *bundle = bundle_of(ca), path[1024];
  int right = 1, lasts;
  FILE *file;

  if (bundle == NULL)
    return 1;
  snprintf(path, sizeof path, "%s.store", ca);
  file = fopen(path, "w");
  if (file == NULL || fputs(bundle, file) < 0 || fclose(file) != 0 || setenv("SSL_CERT_FILE", path, 1) != 0)
    return 0;
  for (lasts = 0; lasts < 2; lasts++) {
    right &= refuse_each_of_a_configuration(bundle, lasts);
    right &= refuse_each_of_a_configuration(NULL, lasts);
    fflush(stdout);
  }
  free(bundle);
  return right;
}

/* --- a function of the program that carries TLS ------------------------------------------- */

static int own_socket = -1, asked;

static int32_t own_connect(void *context, const sds_smtp_address *address)
{
  struct sockaddr_in in;

  (void)context;
  memset(&in, 0, sizeof in);
  in.sin_family = AF_INET;
  in.sin_port = htons((uint16_t)address->port);
  in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  own_socket = socket(AF_INET, SOCK_STREAM, 0);
  return connect(own_socket, (const struct sockaddr *)(const void *)&in, sizeof in) == 0 ? 0 : SDS_SMTP_REFUSED;
}

static int32_t own_connected(void *context)
{
  (void)context;
  return 1;
}

/* Memory is refused to what it has the library make. */
static int32_t own_send(void *context, const uint8_t *octets, size_t length)
{
  sds_smtp_client *client;

  (void)context;
  lasting = 1;
  left = 0;
  client = sds_smtp_client_new();
  left = -1;
  if (client != NULL)
    _exit(7);
  asked++;
  return (int32_t)send(own_socket, octets, length, MSG_NOSIGNAL);
}

static int32_t own_receive(void *context, uint8_t *octets, size_t max)
{
  ssize_t got = recv(own_socket, octets, max, MSG_DONTWAIT);

  (void)context;
  return got > 0 ? (int32_t)got : got < 0 && errno == EAGAIN ? 0 : SDS_SMTP_LOST;
}

static int32_t own_close(void *context)
{
  (void)context;
  close(own_socket);
  return 1;
}

static int refuse_in_functions(unsigned tls_port, uint32_t tls, const char *ca)
{
  int status;
  pid_t child = fork();

  if (child == 0) {
    struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
    sds_smtp_transport transport = SDS_SMTP_TRANSPORT_INIT;
    sds_smtp_client *client = client_of(tls_port, tls, ca);

    alarm(30);
    transport.connect = own_connect;
    transport.connected = own_connected;
    transport.send = own_send;
    transport.receive = own_receive;
    transport.close = own_close;
    message.to = "operator@example.com";
    message.subject = "memory";
    message.text = "Not for the functions.\n";
    if (sds_smtp_client_set_transport(client, &transport) != SDS_SMTP_OK || sds_smtp_client_send(client, &message) != SDS_SMTP_OK)
      _exit(3);
    _exit(sds_smtp_client_wait(client, 20000) == SDS_SMTP_OK && asked > 5 ? 0 : 4);
  }
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
    printf("oom: refused in a function that carries TLS: status %x\n", (unsigned)status);
    return 0;
  }
  return 1;
}

int main(int argc, char **argv)
{
  unsigned port;
  int built_in, lasts, i, right = 1;

  if (argc != 2 && argc != 3 && argc != 5 && argc != 6)
    return 2;
  port = (unsigned)strtoul(argv[1], NULL, 10);
  if (argc == 3)
    return refuse_over_kept_connections(port) ? 0 : 1;
  if (argc == 6) {
    server = servers[0];
    auth = (uint32_t)strtoul(argv[2], NULL, 10);
    username = argv[3];
    password = argv[4];
    for (built_in = 0; built_in < 2; built_in++) {
      for (lasts = 0; lasts < 2; lasts++) {
        right &= refuse_each(port, built_in, lasts);
        fflush(stdout);
      }
    }
    return right ? 0 : 1;
  }
  if (argc == 5) {
    /* They are the same in every mode. */
    if (argv[3][0] == '2')
      right &= refuse_each_of_all_configurations(argv[4]);
    right &= refuse_in_functions((unsigned)strtoul(argv[2], NULL, 10), (uint32_t)strtoul(argv[3], NULL, 10), argv[4]);
    for (lasts = 0; lasts < 2; lasts++) {
      right &= refuse_each_beside(port, (unsigned)strtoul(argv[2], NULL, 10), (uint32_t)strtoul(argv[3], NULL, 10), argv[4], lasts,
                                  is_large(argv[4]) ? 5 : 1);
      fflush(stdout);
    }
    return right ? 0 : 1;
  }
  for (i = 0; i < SERVERS; i++) {
    server = servers[i];
    for (built_in = 0; built_in < 2; built_in++) {
      for (lasts = 0; lasts < 2; lasts++) {
        right &= refuse_each(port, built_in, lasts);
        fflush(stdout);
      }
    }
  }
  return right ? 0 : 1;
}
