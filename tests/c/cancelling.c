/*
 * cancelling - pthread_cancel() does not end a thread inside a call of the library
 *
 *     cancelling PORT SILENT_PORT
 *
 * The server on PORT accepts every mail; the one on SILENT_PORT never says a word.
 *
 * Each exported function is called by a thread whose cancellation is pending: once allowed, once switched off. The call
 * comes back with its answer, state and type of the cancellation are as they were, and the thread ends at the program's
 * own next cancellation point. The same where the cancellation arrives while the thread waits or polls. After that a mail
 * is sent. Every case is a process of its own: in a program whose library has not been called yet, in one that has sent a
 * mail, and in one with an event loop of its own.
 *
 * Exit code 0: every case was right.
 */
#include <pthread.h>
#include <poll.h>

#include "mail.h"

#define CASE_SECONDS 60

enum { FRESH, AFTER_A_MAIL, POLLED, SETTINGS };

static const char *const settings[SETTINGS] = {"fresh", "after a mail", "event loop"};

static unsigned port, silent_port;
static int setting;
static sds_smtp_client *other; /* with a mail in flight at the silent server, or idle: see needs_a_mail_in_flight */

/* Takes the text from the program, which checks in the middle of the call that its cancellation is off. */
static int32_t read_text(void *context, uint32_t offset, char *out, size_t max)
{
  int *calls = (int *)context, before;

  if (offset > 0)
    return 0;
  CHECK(max >= 6);
  pthread_testcancel();
  CHECK(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before) == 0);
  CHECK_IS(before, PTHREAD_CANCEL_DISABLE);
  ++*calls;
  memcpy(out, "Text.\n", 6);
  return 6;
}

static void call_read(void)
{
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
  int calls = 0;

  message.to = "operator@example.com";
  message.read = read_text;
  message.read_context = &calls;
  CHECK_IS(sds_smtp_client_send(NULL, &message), SDS_SMTP_OK);
  CHECK_IS(calls, 1);
}

static void call_configure(void)
{
  CHECK_IS(sds_smtp_configure("127.0.0.1", 0, NULL, NULL, "device@example.com"), SDS_SMTP_OK);
  CHECK_IS(configure(NULL, port, 0), SDS_SMTP_OK);
}

static void call_send(void)
{
  CHECK_IS(sds_smtp_send("operator@example.com", "three functions", "Text.\n"), SDS_SMTP_OK);
}

static void call_client_send(void)
{
  CHECK_IS(start_mail(NULL, "handle"), SDS_SMTP_OK);
}

static void call_refused_send(void)
{
  CHECK_IS(sds_smtp_send("nobody", "refused", "Text.\n"), SDS_SMTP_RECIPIENT_REFUSED);
}

static void call_probe(void)
{
  CHECK_IS(sds_smtp_client_probe(NULL), SDS_SMTP_OK);
}

static void call_status(void)
{
  CHECK_IS(sds_smtp_status(), SDS_SMTP_OK);
  CHECK(sds_smtp_program_status() == (setting == FRESH ? 0u : 256u));
  CHECK_IS(sds_smtp_client_status(other), SDS_SMTP_OK);
}

static void call_words(void)
{
  CHECK(strlen(sds_smtp_strerror(SDS_SMTP_BUSY)) > 0);
  CHECK(strlen(sds_smtp_version()) > 0);
}

static void call_new(void)
{
  sds_smtp_client *client = sds_smtp_client_new();

  CHECK(client != NULL);
  sds_smtp_client_free(client);
}

static void call_free(void)
{
  sds_smtp_client_free(other);
  CHECK_IS(sds_smtp_client_status(other), SDS_SMTP_BAD_HANDLE);
}

static void call_cancel(void)
{
  CHECK_IS(sds_smtp_client_cancel(other), SDS_SMTP_OK);
}

static void call_wait(void)
{
  int status = sds_smtp_client_status(other);

  CHECK_IS(sds_smtp_client_wait(other, 200), status);
}

static void call_result(void)
{
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;

  CHECK_IS(sds_smtp_client_result(other, &result), SDS_SMTP_OK);
}

static void call_log(void)
{
  struct sds_smtp_log_entry entry = SDS_SMTP_LOG_ENTRY_INIT;

  CHECK_IS(sds_smtp_client_log(NULL, &entry, 1), setting == FRESH ? 0 : 1);
}

static void call_use_event_loop(void)
{
  intptr_t descriptor = -1;

  CHECK_IS(sds_smtp_use_event_loop(&descriptor), setting == AFTER_A_MAIL ? SDS_SMTP_BUSY : SDS_SMTP_OK);
  CHECK((descriptor == -1) == (setting == AFTER_A_MAIL));
}

static void call_poll(void)
{
  sds_smtp_poll(0);
}

static const struct function {
  const char *name;
  void (*call)(void);
  int needs_a_mail_in_flight;
} functions[] = {
  {"configure", call_configure, 0},
  {"send", call_send, 0},
  {"client_send", call_client_send, 0},
  {"a send that is refused", call_refused_send, 0},
  {"message.read", call_read, 0},
  {"probe", call_probe, 0},
  {"status", call_status, 0},
  {"strerror and version", call_words, 0},
  {"new", call_new, 0},
  {"free", call_free, 0},
  {"free with a mail in flight", call_free, 1},
  {"cancel", call_cancel, 0},
  {"cancel with a mail in flight", call_cancel, 1},
  {"wait", call_wait, 0},
  {"wait with a mail in flight", call_wait, 1},
  {"result", call_result, 0},
  {"log", call_log, 0},
  {"use_event_loop", call_use_event_loop, 0},
  {"poll", call_poll, 0},
  {"poll with a mail in flight", call_poll, 1},
};

struct attempt {
  void (*call)(void);
  int state;
  volatile int begun, came_back;
};

/* The call with a cancellation that is pending. */
static void *with_it_pending(void *argument)
{
  struct attempt *attempt = (struct attempt *)argument;
  int state, type;

  CHECK(pthread_setcancelstate(attempt->state, NULL) == 0);
  CHECK(pthread_cancel(pthread_self()) == 0);
  attempt->call();
  CHECK(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state) == 0);
  CHECK(pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &type) == 0);
  CHECK_IS(state, attempt->state);
  CHECK_IS(type, PTHREAD_CANCEL_DEFERRED);
  attempt->came_back = 1;
  pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
  pthread_testcancel();
  return NULL;
}

/* A wait for a mail that does not end within its time, while the cancellation arrives. */
static void *waits(void *argument)
{
  struct attempt *attempt = (struct attempt *)argument;
  int code;

  attempt->begun = 1;
  code = sds_smtp_client_wait(other, 1500);
  CHECK(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL) == 0);
  CHECK_IS(code, SDS_SMTP_BUSY);
  attempt->came_back = 1;
  pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
  pthread_testcancel();
  return NULL;
}

/* An event loop that runs until its cancellation arrives, which it looks for after each turn. */
static void *polls(void *argument)
{
  struct attempt *attempt = (struct attempt *)argument;
  uint64_t begin = now_ms();

  while (now_ms() - begin < PATIENCE_MS) {
    attempt->came_back = 0;
    attempt->begun = 1;
    sds_smtp_poll(0);
    attempt->came_back = 1;
    pthread_testcancel();
  }
  return NULL;
}

static void set_up(int needs_a_mail_in_flight)
{
  alarm(CASE_SECONDS);
  if (setting == POLLED)
    CHECK(event_loop() >= 0);
  if (setting != FRESH || needs_a_mail_in_flight) {
    CHECK_IS(configure(NULL, port, 0), SDS_SMTP_OK);
    CHECK_IS(deliver(NULL, "before"), SDS_SMTP_OK);
    setting = setting == FRESH ? AFTER_A_MAIL : setting;
  } else {
    /* The library's first call is the one that is looked at; but a mail needs a configuration. */
    CHECK_IS(configure(NULL, port, 0), SDS_SMTP_OK);
  }
  other = sds_smtp_client_new();
  CHECK(other != NULL);
  CHECK_IS(configure(other, silent_port, 0), SDS_SMTP_OK);
  if (needs_a_mail_in_flight)
    CHECK_IS(start_mail(other, "to the silent one"), SDS_SMTP_OK);
}

static void run_thread(void *(*body)(void *), struct attempt *attempt, int arrives)
{
  pthread_t thread;
  void *result = NULL;

  CHECK(pthread_create(&thread, NULL, body, attempt) == 0);
  if (arrives) {
    while (!attempt->begun)
      poll(NULL, 0, 1);
    poll(NULL, 0, 300);
    CHECK(pthread_cancel(thread) == 0);
  }
  CHECK(pthread_join(thread, &result) == 0);
  CHECK(attempt->came_back);
  CHECK(result == PTHREAD_CANCELED);
}

/* What was begun ends, and the next mail is sent. */
static void still_sends(void)
{
  CHECK_IS_NOT(sds_smtp_client_wait(NULL, PATIENCE_MS), SDS_SMTP_BUSY);
  CHECK_IS(configure(NULL, port, 0), SDS_SMTP_OK);
  CHECK_IS(deliver(NULL, "after"), SDS_SMTP_OK);
  sds_smtp_client_free(other);
}

static void one_function(const struct function *function, int state)
{
  struct attempt attempt = {NULL, 0, 0, 0};

  attempt.call = function->call;
  attempt.state = state;
  set_up(function->needs_a_mail_in_flight);
  run_thread(with_it_pending, &attempt, 0);
  still_sends();
  _exit(0);
}

static void one_arrival(void *(*body)(void *))
{
  struct attempt attempt = {NULL, 0, 0, 0};

  set_up(1);
  run_thread(body, &attempt, 1);
  still_sends();
  _exit(0);
}

int main(int argc, char **argv)
{
  const int count = (int)(sizeof functions / sizeof functions[0]);
  char name[128];
  int i, state, cases = 0, wrong = 0;
  pid_t child;

  if (argc != 3)
    return 2;
  port = (unsigned)strtoul(argv[1], NULL, 10);
  silent_port = (unsigned)strtoul(argv[2], NULL, 10);
  for (setting = 0; setting < SETTINGS; setting++) {
    for (i = 0; i < count; i++) {
      if (setting == FRESH && functions[i].needs_a_mail_in_flight)
        continue;
      for (state = 0; state < 2; state++) {
        child = fork();
        if (child == 0)
          one_function(&functions[i], state == 0 ? PTHREAD_CANCEL_ENABLE : PTHREAD_CANCEL_DISABLE);
        snprintf(name, sizeof name, "%s, %s, cancellation pending and %s", settings[setting], functions[i].name,
                 state == 0 ? "allowed" : "off");
        wrong += case_is_wrong(child, name);
        cases++;
      }
    }
  }
  for (setting = AFTER_A_MAIL; setting <= POLLED; setting++) {
    child = fork();
    if (child == 0)
      one_arrival(waits);
    snprintf(name, sizeof name, "%s, cancelled while it waits", settings[setting]);
    wrong += case_is_wrong(child, name);
    cases++;
  }
  setting = POLLED;
  child = fork();
  if (child == 0)
    one_arrival(polls);
  wrong += case_is_wrong(child, "event loop, cancelled while it polls");
  cases++;
  printf("cancelling: %d cases, %d wrong\n", cases, wrong);
  return wrong == 0 ? 0 : 1;
}
