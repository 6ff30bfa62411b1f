/*
 * names - names of servers, and a name service that does not answer, or too late
 *
 *     names PORT
 *
 * PORT: a server on 127.0.0.1 that takes every mail. The name service is getaddrinfo() of this program: what a name begins
 * with says what it does. Each case is a process of its own, and they run side by side.
 *
 * Exit code 0: every case was right.
 */
#include <netdb.h>
#include <pthread.h>

#include "server.h"

#define LOOKUPS       16
#define SOON_MS       5000u
#define CASE_SECONDS  120

static unsigned port;
static volatile int released; /* the stuck lookups may end */
static volatile int begun;    /* lookups that have begun */

/* The next address in a list, as glibc's freeaddrinfo() frees it. */
static struct addrinfo *add_address(struct addrinfo *next, const char *text)
{
  struct addrinfo *one = (struct addrinfo *)calloc(1, sizeof *one + sizeof(struct sockaddr_in));
  struct sockaddr_in *address = (struct sockaddr_in *)(void *)(one + 1);

  CHECK(one != NULL);
  address->sin_family = AF_INET;
  CHECK(inet_pton(AF_INET, text, &address->sin_addr) == 1);
  one->ai_family = AF_INET;
  one->ai_socktype = SOCK_STREAM;
  one->ai_addr = (struct sockaddr *)address;
  one->ai_addrlen = sizeof *address;
  one->ai_next = next;
  return one;
}

/* The first address in a list: an IPv6 one, in this zone. */
static struct addrinfo *add_address6(struct addrinfo *next, const char *text, uint32_t zone)
{
  struct addrinfo *one = (struct addrinfo *)calloc(1, sizeof *one + sizeof(struct sockaddr_in6));
  struct sockaddr_in6 *address = (struct sockaddr_in6 *)(void *)(one + 1);

  CHECK(one != NULL);
  address->sin6_family = AF_INET6;
  CHECK(inet_pton(AF_INET6, text, &address->sin6_addr) == 1);
  address->sin6_scope_id = zone;
  one->ai_family = AF_INET6;
  one->ai_socktype = SOCK_STREAM;
  one->ai_addr = (struct sockaddr *)address;
  one->ai_addrlen = sizeof *address;
  one->ai_next = next;
  return one;
}

/* Stands in for the system's. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **list)
{
  int i;

  (void)hints;
  __sync_fetch_and_add(&begun, 1);
  CHECK(service == NULL && strchr(name, ':') == NULL && strpbrk(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == NULL);
  CHECK(name[0] != '\0' && name[strlen(name) - 1] != '.');
  if (strncmp(name, "missing", 7) == 0)
    return EAI_NONAME;
  if (strncmp(name, "again", 5) == 0)
    return EAI_AGAIN;
  if (strncmp(name, "memory", 6) == 0)
    return EAI_MEMORY;
  if (strncmp(name, "nowhere", 7) == 0) {
    *list = add_address(add_address(NULL, "0.0.0.0"), "224.0.0.1");
    return 0;
  }
  if (strncmp(name, "zone", 4) == 0) {
    /* The loopback's. */
    *list = add_address6(NULL, "fe80::25", 1);
    return 0;
  }
  while (strncmp(name, "stuck", 5) == 0 && !released)
    usleep(1000);
  *list = NULL;
  for (i = 0; strncmp(name, "many", 4) == 0 && i < 299; i++)
    *list = add_address(*list, "203.0.113.1");
  *list = add_address(*list, "127.0.0.1");
  if (strncmp(name, "both", 4) == 0)
    *list = add_address6(*list, "::1", 0);
  return 0;
}

static int configure_names(sds_smtp_client *client, const char *server, uint32_t connect_ms, uint32_t total_ms)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;

  config.server = server;
  config.port = port;
  config.sender = "device@example.com";
  config.connect_timeout_ms = connect_ms;
  config.total_timeout_ms = total_ms;
  return sds_smtp_client_configure(client, &config);
}

/* A client that has begun to send a mail to this server. */
static sds_smtp_client *client_of(const char *server, uint32_t connect_ms, const char *subject)
{
  sds_smtp_client *client = sds_smtp_client_new();

  CHECK(client != NULL);
  CHECK_IS(configure_names(client, server, connect_ms, 0), SDS_SMTP_OK);
  CHECK_IS(start_mail(client, subject), SDS_SMTP_OK);
  return client;
}

/* Sends a mail to this server, and it ends with this code. */
static void sends(const char *server, int code)
{
  sds_smtp_client *client = client_of(server, 0, "sent");
  uint64_t begin = now_ms();

  CHECK_IS(sds_smtp_client_wait(client, PATIENCE_MS), code);
  CHECK(now_ms() - begin < SOON_MS);
  sds_smtp_client_free(client);
}

static void wait_for_lookups(int count)
{
  uint64_t begin = now_ms();

  while (begun < count) {
    CHECK(now_ms() - begin < PATIENCE_MS);
    usleep(1000);
  }
}

static void every_form_reaches_the_server(void)
{
  sends("one.test", SDS_SMTP_OK);
  sends("One.TEST.", SDS_SMTP_OK);
  sends("many.test", SDS_SMTP_OK);
  sends("xn--bcher-kva.test", SDS_SMTP_OK);
  sends("missing.test, one.test", SDS_SMTP_OK);
  sends("again.test,missing.test , 127.0.0.1", SDS_SMTP_OK);
}

/* Nobody has that address, but it is the one that was tried. */
static void a_link_local_address_keeps_its_zone(void)
{
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;
  sds_smtp_client *client = client_of("zone.test", 100, "not sent");
  char wanted[32];

  CHECK(sds_smtp_client_wait(client, PATIENCE_MS) != SDS_SMTP_OK);
  CHECK_IS(sds_smtp_client_result(client, &result), SDS_SMTP_OK);
  snprintf(wanted, sizeof wanted, "[fe80::25%%1]:%u", port);
  CHECK(strcmp(result.server, wanted) == 0);
  sds_smtp_client_free(client);
}

static void a_name_without_an_address_is_35(void)
{
  static const char *const names[] = {"missing.test", "again.test", "nowhere.test", "missing.test,again.test"};
  size_t i;

  for (i = 0; i < sizeof names / sizeof names[0]; i++) {
    struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;
    sds_smtp_client *client = client_of(names[i], 0, "not sent");

    CHECK_IS(sds_smtp_client_wait(client, PATIENCE_MS), SDS_SMTP_NAME_NOT_FOUND);
    CHECK_IS(sds_smtp_client_result(client, &result), SDS_SMTP_OK);
    CHECK_IS(result.phase, SDS_SMTP_PHASE_RESOLVE);
    CHECK_IS(result.outcome, SDS_SMTP_OUTCOME_NOT_SENT);
    CHECK(result.text[0] != '\0');
    sds_smtp_client_free(client);
  }
}

static void fifteen_stuck_names_hold_nobody_up(void)
{
  sds_smtp_client *stuck[LOOKUPS];
  char name[32];
  int i;

  for (i = 0; i < LOOKUPS - 1; i++) {
    snprintf(name, sizeof name, "stuck%d.test", i);
    stuck[i] = client_of(name, 0, "stuck");
  }
  wait_for_lookups(LOOKUPS - 1);
  for (i = 0; i < 5; i++) {
    sends("one.test", SDS_SMTP_OK);
    sends("127.0.0.1", SDS_SMTP_OK);
  }
  CHECK_IS(in_flight(stuck, LOOKUPS - 1), LOOKUPS - 1);
  released = 1;
  for (i = 0; i < LOOKUPS - 1; i++)
    CHECK_IS(sds_smtp_client_wait(stuck[i], PATIENCE_MS), SDS_SMTP_OK);
}

static void with_sixteen_stuck_names_others_wait_until_their_deadline(void)
{
  sds_smtp_client *stuck[LOOKUPS], *other;
  char name[32];
  int i;

  for (i = 0; i < LOOKUPS; i++) {
    snprintf(name, sizeof name, "stuck%d.test", i);
    stuck[i] = client_of(name, 0, "stuck");
  }
  wait_for_lookups(LOOKUPS);
  sends("127.0.0.1", SDS_SMTP_OK);
  other = client_of("one.test", 300, "waits");
  CHECK_IS(sds_smtp_client_wait(other, PATIENCE_MS), SDS_SMTP_NAME_NOT_FOUND);
  CHECK_IS(begun, LOOKUPS);
  /* Cancelled and freed ones end at once; their threads do not. */
  sds_smtp_client_cancel(stuck[0]);
  CHECK_IS(sds_smtp_client_wait(stuck[0], PATIENCE_MS), SDS_SMTP_CANCELLED);
  sds_smtp_client_free(stuck[1]);
  released = 1;
  for (i = 2; i < LOOKUPS; i++)
    CHECK_IS(sds_smtp_client_wait(stuck[i], PATIENCE_MS), SDS_SMTP_OK);
  CHECK_IS(start_mail(stuck[0], "once more"), SDS_SMTP_OK);
  CHECK_IS(sds_smtp_client_wait(stuck[0], PATIENCE_MS), SDS_SMTP_OK);
}

static void an_answer_after_the_deadline_harms_nobody(void)
{
  sds_smtp_client *late = client_of("stuck.test", 200, "late"), *freed = client_of("stuck.test", 0, "freed");
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;
  uint64_t begin = now_ms();

  CHECK_IS(sds_smtp_client_wait(late, PATIENCE_MS), SDS_SMTP_NAME_NOT_FOUND);
  CHECK(now_ms() - begin >= 150 && now_ms() - begin < SOON_MS);
  CHECK_IS(sds_smtp_client_result(late, &result), SDS_SMTP_OK);
  CHECK_IS(result.phase, SDS_SMTP_PHASE_RESOLVE);
  sds_smtp_client_free(freed);
  /* The next mail to this name waits for the lookup that there is. */
  CHECK_IS(configure_names(late, "stuck.test", 0, 0), SDS_SMTP_OK);
  CHECK_IS(start_mail(late, "joins"), SDS_SMTP_OK);
  CHECK_IS(sds_smtp_client_wait(late, 100), SDS_SMTP_BUSY);
  CHECK_IS(begun, 1);
  released = 1;
  CHECK_IS(sds_smtp_client_wait(late, PATIENCE_MS), SDS_SMTP_OK);
  CHECK_IS(begun, 1);
  sends("one.test", SDS_SMTP_OK);
}

/* More than a turn takes. */
static void two_hundred_mails_wait_for_one_name(void)
{
  static sds_smtp_client *clients[200];
  int i;

  for (i = 0; i < 200; i++)
    clients[i] = client_of("stuck.test", 0, "one of many");
  wait_for_lookups(1);
  usleep(100000);
  released = 1;
  for (i = 0; i < 200; i++)
    CHECK_IS(sds_smtp_client_wait(clients[i], PATIENCE_MS), SDS_SMTP_OK);
}

static void a_fork_leaves_the_lookup_to_the_parent(void)
{
  sds_smtp_client *client = client_of("stuck.test", 0, "of the parent");
  int i;

  wait_for_lookups(1);
  for (i = 0; i < 10; i++) {
    pid_t child = fork();

    if (child == 0) {
      alarm(CASE_SECONDS / 2);
      CHECK_IS(sds_smtp_client_status(client), SDS_SMTP_OK);
      begun = 0;
      sends("one.test", SDS_SMTP_OK);
      CHECK_IS(begun, 1);
      released = 1;
      CHECK_IS(start_mail(client, "of the child"), SDS_SMTP_OK);
      CHECK_IS(sds_smtp_client_wait(client, PATIENCE_MS), SDS_SMTP_OK);
      CHECK_IS(begun, 2);
      _exit(0);
    }
    CHECK_IS(case_is_wrong(child, "the child"), 0);
  }
  CHECK_IS(sds_smtp_client_status(client), SDS_SMTP_BUSY);
  released = 1;
  CHECK_IS(sds_smtp_client_wait(client, PATIENCE_MS), SDS_SMTP_OK);
}

static void a_shutdown_waits_for_the_lookup(void)
{
  sds_smtp_client *client = client_of("stuck.test", 0, "cut off");

  wait_for_lookups(1);
  CHECK_IS(sds_smtp_shutdown(200), SDS_SMTP_BUSY);
  CHECK_IS(sds_smtp_client_wait(client, PATIENCE_MS), SDS_SMTP_CANCELLED);
  released = 1;
  CHECK_IS(sds_smtp_shutdown(PATIENCE_MS), SDS_SMTP_OK);
  sends("one.test", SDS_SMTP_OK);
  CHECK_IS(sds_smtp_shutdown(PATIENCE_MS), SDS_SMTP_OK);
}

/* The first address refuses, the second one stands and says nothing: its greeting has its time from then on. */
static void a_greeting_has_its_time_after_a_race_of_addresses(void)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;
  sds_smtp_client *client = sds_smtp_client_new();

  listen_on_loopback(&port);
  config.server = "both.test";
  config.port = port;
  config.sender = "device@example.com";
  config.connect_timeout_ms = 15000;
  config.greeting_timeout_ms = 500;
  CHECK_IS(sds_smtp_client_configure(client, &config), SDS_SMTP_OK);
  CHECK_IS(start_mail(client, "not greeted"), SDS_SMTP_OK);
  CHECK_IS(sds_smtp_client_wait(client, PATIENCE_MS), SDS_SMTP_TIMEOUT);
  CHECK_IS(sds_smtp_client_result(client, &result), SDS_SMTP_OK);
  CHECK_IS(result.phase, SDS_SMTP_PHASE_GREETING);
  CHECK(result.elapsed_ms >= 500u && result.elapsed_ms < SOON_MS);
  CHECK(strncmp(result.server, "127.0.0.1:", 10) == 0);
}

static int32_t refuses(void *context, const sds_smtp_address *server)
{
  (void)context;
  (void)server;
  return SDS_SMTP_REFUSED;
}

static int32_t is_not_called(void *context)
{
  (void)context;
  _exit(1);
}

static int32_t sends_nothing(void *context, const uint8_t *octets, size_t length)
{
  (void)octets;
  return (int32_t)length * is_not_called(context);
}

static int32_t receives_nothing(void *context, uint8_t *octets, size_t max)
{
  (void)octets;
  return (int32_t)max * is_not_called(context);
}

static volatile int polls_on = 1;

static void *polls(void *unused)
{
  while (polls_on)
    sds_smtp_poll(0);
  return unused;
}

/* A loop and a thread that waits: whoever takes the answer, while the other one has the connection for the turn that asks for it, it
 * counts. */
static void an_answer_that_comes_in_a_turn_counts(void)
{
  sds_smtp_transport transport = SDS_SMTP_TRANSPORT_INIT;
  sds_smtp_client *client = sds_smtp_client_new();
  uint64_t begin = now_ms();
  pthread_t thread;

  CHECK(event_loop() >= 0);
  transport.connect = refuses;
  transport.connected = is_not_called;
  transport.send = sends_nothing;
  transport.receive = receives_nothing;
  transport.close = is_not_called;
  CHECK_IS(sds_smtp_client_set_transport(client, &transport), SDS_SMTP_OK);
  CHECK_IS(configure_names(client, "one.test", 1000, 0), SDS_SMTP_OK);
  CHECK_IS(pthread_create(&thread, NULL, polls, NULL), 0);
  while (now_ms() - begin < 2000) {
    CHECK_IS(start_mail(client, "refused"), SDS_SMTP_OK);
    CHECK_IS(sds_smtp_client_wait(client, PATIENCE_MS), SDS_SMTP_CONNECT_FAILED);
  }
  polls_on = 0;
  CHECK_IS(pthread_join(thread, NULL), 0);
}

static const struct {
  const char *name;
  void (*run)(void);
} cases[] = {
  {"every form reaches the server", every_form_reaches_the_server},
  {"a link-local address keeps its zone", a_link_local_address_keeps_its_zone},
  {"a name without an address is 35", a_name_without_an_address_is_35},
  {"fifteen stuck names hold nobody up", fifteen_stuck_names_hold_nobody_up},
  {"with sixteen stuck names others wait", with_sixteen_stuck_names_others_wait_until_their_deadline},
  {"an answer after the deadline harms nobody", an_answer_after_the_deadline_harms_nobody},
  {"two hundred mails wait for one name", two_hundred_mails_wait_for_one_name},
  {"a fork leaves the lookup to the parent", a_fork_leaves_the_lookup_to_the_parent},
  {"a shutdown waits for the lookup", a_shutdown_waits_for_the_lookup},
  {"a greeting has its time after a race of addresses", a_greeting_has_its_time_after_a_race_of_addresses},
  {"an answer that comes in a turn counts", an_answer_that_comes_in_a_turn_counts},
};

#define CASES ((int)(sizeof cases / sizeof cases[0]))

int main(int argc, char **argv)
{
  pid_t children[CASES];
  int i, wrong = 0;

  CHECK_IS(argc, 2);
  port = (unsigned)strtoul(argv[1], NULL, 10);
  for (i = 0; i < CASES; i++) {
    children[i] = fork();
    if (children[i] == 0) {
      alarm(CASE_SECONDS);
      cases[i].run();
      /* Nothing is left for whoever looks for lost memory. */
      released = 1;
      CHECK_IS(sds_smtp_shutdown(PATIENCE_MS), SDS_SMTP_OK);
      exit(0);
    }
  }
  for (i = 0; i < CASES; i++)
    wrong += case_is_wrong(children[i], cases[i].name);
  printf("names: %d cases, %d wrong\n", CASES, wrong);
  return wrong == 0 ? 0 : 1;
}
