/*
 * done - a mail's end is told by a function of the program
 *
 *     done PORT
 *
 * PORT accepts every mail. Each case is a process of its own. Exit code 0: every case was right.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

#include "server.h"

#define CASE_SECONDS 60
#define CHAIN        20
#define THREADS      100
#define MAILS        5

static unsigned port;

/* What a case notes of the calls of its done. */
static volatile int calls, wrong, last_code, finished;
static volatile long thread_of_done;
static sds_smtp_client *volatile own;
static void *const CONTEXT = &port;

static void sleep_ms(unsigned milliseconds)
{
  struct timespec time;

  time.tv_sec = milliseconds / 1000u;
  time.tv_nsec = (long)(milliseconds % 1000u) * 1000000;
  nanosleep(&time, NULL);
}

/* Waits until a number is this; else the case is wrong. */
static void becomes(const volatile int *number, int wanted)
{
  uint64_t begun = now_ms();

  while (*number != wanted && now_ms() - begun < PATIENCE_MS)
    sleep_ms(1);
  CHECK_IS(*number, wanted);
}

static int send_with(sds_smtp_client *client, const char *subject,
                     void (*done)(void *, sds_smtp_client *, const struct sds_smtp_result *), void *context)
{
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;

  message.to = "operator@example.com";
  message.subject = subject;
  message.text = "The text.\n";
  message.done = done;
  message.done_context = context;
  return sds_smtp_client_send(client, &message);
}

/* A server that takes connections, and says nothing. */
static int silent_server;

static unsigned silent_port(void)
{
  unsigned silent;

  silent_server = listen_on_loopback(&silent);
  return silent;
}

/* Waits until the library has connected to it. */
static void is_connected(void)
{
  CHECK(readable(silent_server, (int)PATIENCE_MS) && accept(silent_server, NULL, NULL) >= 0);
}

/* The status is final before done, and what it is told is the result. */
static void note(void *context, sds_smtp_client *client, const struct sds_smtp_result *result)
{
  struct sds_smtp_result again = SDS_SMTP_RESULT_INIT;

  wrong |= context != CONTEXT || client != own || result->struct_size != sizeof *result;
  wrong |= sds_smtp_client_status(client) != result->code;
  wrong |= sds_smtp_client_result(client, &again) != SDS_SMTP_OK || memcmp(&again, result, sizeof again) != 0;
  last_code = result->code;
  thread_of_done = syscall(SYS_gettid);
  calls++;
}

static void done_comes_once_for_the_built_in_client(void)
{
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;

  CHECK_IS(configure(NULL, port, 0), SDS_SMTP_OK);
  CHECK_IS(send_with(NULL, "done, once", note, CONTEXT), SDS_SMTP_OK);
  becomes(&calls, 1);
  CHECK(!wrong && last_code == SDS_SMTP_OK && thread_of_done != syscall(SYS_gettid));
  CHECK_IS(sds_smtp_client_result(NULL, &result), SDS_SMTP_OK);
  CHECK(result.outcome == SDS_SMTP_OUTCOME_SENT && strchr(result.message_id, '@') != NULL);
  /* A mail without it is told to nobody. */
  CHECK_IS(deliver(NULL, "done, without"), SDS_SMTP_OK);
  sleep_ms(50);
  CHECK_IS(calls, 1);
}

static void done_comes_for_each_way_to_end(void)
{
  own = sds_smtp_client_new();
  CHECK_IS(configure(own, silent_port(), 0), SDS_SMTP_OK);
  CHECK_IS(send_with(own, "done, cancelled", note, CONTEXT), SDS_SMTP_OK);
  CHECK_IS(sds_smtp_client_cancel(own), SDS_SMTP_OK);
  becomes(&calls, 1);
  CHECK_IS(last_code, SDS_SMTP_CANCELLED);
  CHECK_IS(configure(own, silent_port(), 100), SDS_SMTP_OK);
  CHECK_IS(send_with(own, "done, too late", note, CONTEXT), SDS_SMTP_OK);
  becomes(&calls, 2);
  CHECK_IS(last_code, SDS_SMTP_TIMEOUT);
  CHECK(!wrong);
}

static void a_mail_that_does_not_start_is_not_told(void)
{
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;

  own = sds_smtp_client_new();
  CHECK_IS(send_with(own, "done, not configured", note, CONTEXT), SDS_SMTP_CONNECT_FAILED);
  CHECK_IS(configure(own, silent_port(), 0), SDS_SMTP_OK);
  message.to = "nobody";
  message.done = note;
  CHECK_IS(sds_smtp_client_send(own, &message), SDS_SMTP_RECIPIENT_REFUSED);
  CHECK_IS(start_mail(own, "done, in flight"), SDS_SMTP_OK);
  CHECK_IS(send_with(own, "done, busy", note, CONTEXT), SDS_SMTP_BUSY);
  CHECK_IS(sds_smtp_client_cancel(own), SDS_SMTP_OK);
  CHECK_IS(sds_smtp_client_wait(own, PATIENCE_MS), SDS_SMTP_CANCELLED);
  sleep_ms(50);
  CHECK_IS(calls, 0);
}

static void send_the_next(void *context, sds_smtp_client *client, const struct sds_smtp_result *result)
{
  wrong |= result->code != SDS_SMTP_OK;
  if (++calls < CHAIN)
    wrong |= send_with(client, "done, a chain", send_the_next, context) != SDS_SMTP_OK;
}

static void done_sends_the_next_mail(void)
{
  own = sds_smtp_client_new();
  CHECK_IS(configure(own, port, 0), SDS_SMTP_OK);
  CHECK_IS(send_with(own, "done, a chain", send_the_next, NULL), SDS_SMTP_OK);
  becomes(&calls, CHAIN);
  CHECK(!wrong);
}

static void free_it(void *context, sds_smtp_client *client, const struct sds_smtp_result *result)
{
  (void)context, (void)result;
  sds_smtp_client_free(client);
  wrong |= sds_smtp_client_status(client) != SDS_SMTP_BAD_HANDLE;
  calls++;
}

static void done_frees_its_client(void)
{
  own = sds_smtp_client_new();
  CHECK_IS(configure(own, port, 0), SDS_SMTP_OK);
  CHECK_IS(send_with(own, "done, freed", free_it, NULL), SDS_SMTP_OK);
  becomes(&calls, 1);
  CHECK(!wrong);
  CHECK_IS(sds_smtp_client_status(own), SDS_SMTP_BAD_HANDLE);
}

static void call_everything(void *context, sds_smtp_client *client, const struct sds_smtp_result *result)
{
  struct sds_smtp_log_entry entry = SDS_SMTP_LOG_ENTRY_INIT;
  sds_smtp_client *another = sds_smtp_client_new();
  intptr_t descriptor = -1;
  char text[64];

  (void)context;
  wrong |= another == NULL;
  wrong |= sds_smtp_client_wait(client, 1000) != SDS_SMTP_BUSY;
  wrong |= configure(another, port, 0) != SDS_SMTP_OK || configure(client, port, 0) != SDS_SMTP_OK;
  wrong |= start_mail(another, "done, everything") != SDS_SMTP_OK;
  wrong |= sds_smtp_client_wait(another, SDS_SMTP_NO_LIMIT) != SDS_SMTP_BUSY;
  wrong |= sds_smtp_poll(0) != 0;
  wrong |= sds_smtp_shutdown(0) != SDS_SMTP_BUSY;
  wrong |= sds_smtp_use_event_loop(&descriptor) != (own != NULL ? SDS_SMTP_BUSY : SDS_SMTP_OK);
  wrong |= sds_smtp_client_log(client, &entry, 1) != 1 || entry.code != result->code;
  wrong |= sds_smtp_client_refusal(client, text, sizeof text) != 0;
  wrong |= sds_smtp_client_cancel(another) != SDS_SMTP_OK;
  wrong |= sds_smtp_client_probe(client) != SDS_SMTP_OK || sds_smtp_client_cancel(client) != SDS_SMTP_OK;
  sds_smtp_client_free(another);
  calls++;
}

static void done_calls_everything(void)
{
  own = sds_smtp_client_new();
  CHECK_IS(configure(own, port, 0), SDS_SMTP_OK);
  CHECK_IS(send_with(own, "done, calls", call_everything, NULL), SDS_SMTP_OK);
  becomes(&calls, 1);
  CHECK(!wrong);
  sds_smtp_client_wait(own, PATIENCE_MS);
}

static void take_long(void *context, sds_smtp_client *client, const struct sds_smtp_result *result)
{
  (void)context, (void)client, (void)result;
  calls++;
  sleep_ms(300);
  finished++;
}

static void free_returns_when_done_has_returned(void)
{
  own = sds_smtp_client_new();
  CHECK_IS(configure(own, port, 0), SDS_SMTP_OK);
  CHECK_IS(send_with(own, "done, long", take_long, NULL), SDS_SMTP_OK);
  becomes(&calls, 1);
  CHECK_IS(finished, 0);
  sds_smtp_client_free(own);
  CHECK_IS(finished, 1);
}

static void free_drops_done(void)
{
  int i;

  for (i = 0; i < 100; i++) {
    own = sds_smtp_client_new();
    CHECK_IS(configure(own, silent_port(), 0), SDS_SMTP_OK);
    CHECK_IS(send_with(own, "done, dropped", note, CONTEXT), SDS_SMTP_OK);
    sleep_ms(i % 3);
    sds_smtp_client_free(own);
  }
  own = sds_smtp_client_new();
  CHECK_IS(configure(own, port, 0), SDS_SMTP_OK);
  CHECK_IS(send_with(own, "done, not dropped", note, CONTEXT), SDS_SMTP_OK);
  becomes(&calls, 1);
  CHECK(!wrong);
}

/* Everything that ends is told although the program has closed all descriptors of the library's. */
static void done_comes_when_the_descriptors_are_closed(void)
{
  int number;

  own = sds_smtp_client_new();
  CHECK_IS(configure(own, silent_port(), 0), SDS_SMTP_OK);
  CHECK_IS(send_with(own, "done, closed", note, CONTEXT), SDS_SMTP_OK);
  is_connected();
  sleep_ms(100);
  for (number = 3; number < 2000; number++)
    close(number);
  CHECK_IS(sds_smtp_client_cancel(own), SDS_SMTP_OK);
  becomes(&calls, 1);
  CHECK(!wrong && sds_smtp_client_status(own) != SDS_SMTP_BUSY);
}

static void fork_and_leave(void *context, sds_smtp_client *client, const struct sds_smtp_result *result)
{
  pid_t child = fork();

  (void)context;
  if (child == 0) {
    /* In the child there is no mail in flight, and this is no thread of the library's any more. */
    wrong |= sds_smtp_client_status(client) != result->code;
    wrong |= sds_smtp_poll(0) != 0 || sds_smtp_client_wait(client, 0) != SDS_SMTP_BUSY;
    wrong |= start_mail(client, "done, from the child") != SDS_SMTP_OK;
    while (sds_smtp_client_status(client) == SDS_SMTP_BUSY)
      sleep_ms(1);
    wrong |= sds_smtp_client_status(client) != SDS_SMTP_OK;
    _exit(wrong);
  }
  finished = child;
  calls++;
}

static void fork_and_return(void *context, sds_smtp_client *client, const struct sds_smtp_result *result)
{
  pid_t child = fork();

  (void)context, (void)client, (void)result;
  /* The thread that the child has finds its engine gone and ends, and so does the process. */
  if (child == 0)
    return;
  finished = child;
  calls++;
}

static void done_forks(void)
{
  int status;

  own = sds_smtp_client_new();
  CHECK_IS(configure(own, port, 0), SDS_SMTP_OK);
  CHECK_IS(send_with(own, "done, forks", fork_and_leave, NULL), SDS_SMTP_OK);
  becomes(&calls, 1);
  CHECK(waitpid(finished, &status, 0) == finished);
  CHECK_IS(status, 0);
  CHECK_IS(send_with(own, "done, forks once more", fork_and_return, NULL), SDS_SMTP_OK);
  becomes(&calls, 2);
  CHECK(waitpid(finished, &status, 0) == finished);
  CHECK_IS(status, 0);
  /* The parent goes on. */
  CHECK_IS(send_with(own, "done, after the fork", note, CONTEXT), SDS_SMTP_OK);
  becomes(&calls, 3);
}

static void the_child_of_a_fork_is_not_told(void)
{
  int status;
  pid_t child;

  own = sds_smtp_client_new();
  CHECK_IS(configure(own, silent_port(), 500), SDS_SMTP_OK);
  CHECK_IS(send_with(own, "done, the parent's", note, CONTEXT), SDS_SMTP_OK);
  is_connected();
  child = fork();
  if (child == 0) {
    CHECK_IS(configure(own, port, 0), SDS_SMTP_OK);
    CHECK_IS(deliver(own, "done, in a child"), SDS_SMTP_OK);
    sleep_ms(500);
    _exit(calls);
  }
  CHECK(waitpid(child, &status, 0) == child);
  CHECK_IS(status, 0);
  becomes(&calls, 1);
  CHECK_IS(last_code, SDS_SMTP_TIMEOUT);
}

/* What a trace is told: the newest lines, and how the mail stood. */
static char lines[64][128];
static volatile int lines_count;
static void (*volatile trace_does)(const char *line);

static void trace(void *context, const char *line)
{
  wrong |= context != CONTEXT || calls > 0 || strchr(line, '\r') != NULL || strchr(line, '\n') != NULL;
  strncpy(lines[lines_count % 64], line, sizeof lines[0] - 1);
  lines_count++;
  if (trace_does != NULL)
    trace_does(line);
}

static void configure_traced(unsigned server)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;

  config.server = "127.0.0.1";
  config.port = server;
  config.sender = "device@example.com";
  config.trace = trace;
  config.trace_context = CONTEXT;
  CHECK_IS(sds_smtp_client_configure(own, &config), SDS_SMTP_OK);
}

static int is_traced(const char *beginning)
{
  int i, found = 0;

  for (i = 0; i < 64; i++)
    found += strncmp(lines[i], beginning, strlen(beginning)) == 0;
  return found;
}

static void call_everything_in_a_trace(const char *line)
{
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;
  sds_smtp_client *another = sds_smtp_client_new();
  intptr_t descriptor;

  (void)line;
  wrong |= sds_smtp_client_wait(own, SDS_SMTP_NO_LIMIT) != SDS_SMTP_BUSY;
  wrong |= sds_smtp_poll(0) != 0 || sds_smtp_shutdown(0) != SDS_SMTP_BUSY;
  wrong |= sds_smtp_use_event_loop(&descriptor) != SDS_SMTP_BUSY;
  wrong |= sds_smtp_client_result(own, &result) != SDS_SMTP_OK;
  wrong |= configure(another, port, 0) != SDS_SMTP_OK || start_mail(another, "done, in a trace") != SDS_SMTP_OK;
  sds_smtp_client_free(another);
}

static void a_trace_is_told_every_line_before_done(void)
{
  own = sds_smtp_client_new();
  configure_traced(port);
  trace_does = call_everything_in_a_trace;
  CHECK_IS(send_with(own, "done, traced", note, CONTEXT), SDS_SMTP_OK);
  becomes(&calls, 1);
  CHECK(!wrong && last_code == SDS_SMTP_OK);
  CHECK(is_traced("S: 220") == 1 && is_traced("C: EHLO ") == 1 && is_traced("C: MAIL FROM:<device@example.com>") == 1);
  CHECK(is_traced("C: RCPT TO:<operator@example.com>") == 1 && is_traced("S: 354") == 1);
  CHECK_IS(is_traced("C: Subject"), 0);
}

static volatile int is_over;

static void is_not_over(const char *line)
{
  (void)line;
  sleep_ms(1);
  wrong |= is_over;
}

/* When a wait has returned, the trace's context may be gone. */
static void no_line_is_told_after_the_end(void)
{
  int i;

  configure_traced(port);
  trace_does = is_not_over;
  for (i = 0; i < 30; i++) {
    is_over = 0;
    CHECK_IS(deliver(own, "done, traced to the end"), SDS_SMTP_OK);
    is_over = 1;
    sleep_ms(3);
    CHECK(!wrong);
  }
}

static void cancel_in_a_trace(const char *line)
{
  if (strncmp(line, "C: EHLO", 7) == 0)
    wrong |= sds_smtp_client_cancel(own) != SDS_SMTP_OK;
}

static void free_in_a_trace(const char *line)
{
  if (strncmp(line, "S: 220", 6) == 0) {
    sds_smtp_client_free(own);
    wrong |= sds_smtp_client_status(own) != SDS_SMTP_BAD_HANDLE;
    finished = 1;
  } else {
    wrong |= finished;
  }
}

static void a_trace_cancels_and_frees(void)
{
  own = sds_smtp_client_new();
  configure_traced(port);
  trace_does = cancel_in_a_trace;
  CHECK_IS(send_with(own, "done, cancelled in a trace", note, CONTEXT), SDS_SMTP_OK);
  becomes(&calls, 1);
  /* The server may have been quicker. */
  CHECK(!wrong && (last_code == SDS_SMTP_CANCELLED || last_code == SDS_SMTP_OK));
  calls = 0;
  trace_does = free_in_a_trace;
  configure_traced(port);
  CHECK_IS(send_with(own, "done, freed in a trace", note, CONTEXT), SDS_SMTP_OK);
  becomes(&finished, 1);
  sleep_ms(100);
  CHECK(!wrong && calls == 0);
}

static void fork_in_a_trace(const char *line)
{
  pid_t child = fork();

  (void)line;
  if (child == 0)
    return;
  finished = child;
}

static void a_trace_forks(void)
{
  int status;

  own = sds_smtp_client_new();
  configure_traced(port);
  trace_does = fork_in_a_trace;
  CHECK_IS(send_with(own, "done, forked in a trace", note, CONTEXT), SDS_SMTP_OK);
  becomes(&calls, 1);
  CHECK(!wrong && last_code == SDS_SMTP_OK);
  /* In each child the thread has ended, and the process with it. */
  while (lines_count-- > 0) {
    CHECK(wait(&status) > 0);
    CHECK_IS(status, 0);
  }
}

/* The same where this thread is the program's: in the child, the call that it came out of returns. */
static volatile int in_child;

static void fork_and_wait(void *context, sds_smtp_client *client, const struct sds_smtp_result *result)
{
  pid_t child = fork();
  int status;

  (void)context, (void)client, (void)result;
  in_child = child == 0;
  if (child == 0)
    return;
  wrong |= waitpid(child, &status, 0) != child || status != 0;
  calls++;
}

/* Many threads, each with a client of its own, and all of them with one more. */
static int told, sent;

static void count(void *context, sds_smtp_client *client, const struct sds_smtp_result *result)
{
  (void)client;
  if (context != NULL)
    __atomic_store_n((int *)context, result->code + 1, __ATOMIC_SEQ_CST);
  __atomic_fetch_add(&told, 1, __ATOMIC_SEQ_CST);
}

static void *sender(void *shared)
{
  sds_smtp_client *client = sds_smtp_client_new();
  int code;
  int i;

  CHECK_IS(configure(client, port, 0), SDS_SMTP_OK);
  for (i = 0; i < MAILS; i++) {
    __atomic_store_n(&code, 0, __ATOMIC_SEQ_CST);
    CHECK_IS(send_with(client, "done, threads", count, &code), SDS_SMTP_OK);
    __atomic_fetch_add(&sent, 1, __ATOMIC_SEQ_CST);
    if (send_with((sds_smtp_client *)shared, "done, shared", count, NULL) == SDS_SMTP_OK)
      __atomic_fetch_add(&sent, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&code, __ATOMIC_SEQ_CST) == 0)
      sleep_ms(1);
    CHECK_IS(__atomic_load_n(&code, __ATOMIC_SEQ_CST), SDS_SMTP_OK + 1);
  }
  sds_smtp_client_free(client);
  return NULL;
}

static void many_threads_are_told(void)
{
  pthread_t threads[THREADS];
  uint64_t begun;
  int i;

  own = sds_smtp_client_new();
  CHECK_IS(configure(own, port, 0), SDS_SMTP_OK);
  for (i = 0; i < THREADS; i++)
    CHECK_IS(pthread_create(&threads[i], NULL, sender, own), 0);
  for (i = 0; i < THREADS; i++)
    CHECK_IS(pthread_join(threads[i], NULL), 0);
  sds_smtp_client_wait(own, PATIENCE_MS);
  begun = now_ms();
  while (__atomic_load_n(&told, __ATOMIC_SEQ_CST) != __atomic_load_n(&sent, __ATOMIC_SEQ_CST)) {
    CHECK(now_ms() - begun < PATIENCE_MS);
    sleep_ms(1);
  }
  CHECK_IS(__atomic_load_n(&told, __ATOMIC_SEQ_CST), __atomic_load_n(&sent, __ATOMIC_SEQ_CST));
  CHECK(__atomic_load_n(&sent, __ATOMIC_SEQ_CST) > THREADS * MAILS);
}

/* In an event loop, done is called by who calls sds_smtp_poll(), or by who waits. */
static void an_event_loop_calls_done(void)
{
  int descriptor = event_loop();

  CHECK(descriptor >= 0);
  own = sds_smtp_client_new();
  CHECK_IS(configure(own, port, 0), SDS_SMTP_OK);
  CHECK_IS(send_with(own, "done, polled", note, CONTEXT), SDS_SMTP_OK);
  while (calls == 0) {
    uint32_t wait = sds_smtp_poll(0);

    if (calls == 0)
      readable(descriptor, wait > 1000u ? 1000 : (int)wait);
  }
  CHECK(!wrong && last_code == SDS_SMTP_OK && thread_of_done == syscall(SYS_gettid));
  CHECK_IS(send_with(own, "done, waited for", note, CONTEXT), SDS_SMTP_OK);
  CHECK_IS(sds_smtp_client_wait(own, PATIENCE_MS), SDS_SMTP_OK);
  CHECK(calls == 2 && !wrong);
  own = NULL;
  calls = 0;
  CHECK_IS(configure(NULL, port, 0), SDS_SMTP_OK);
  CHECK_IS(send_with(NULL, "done, calls in a loop", call_everything, NULL), SDS_SMTP_OK);
  CHECK_IS(sds_smtp_client_wait(NULL, PATIENCE_MS), SDS_SMTP_OK);
  CHECK(calls == 1 && !wrong);
  sds_smtp_client_wait(NULL, PATIENCE_MS);
  /* It forks: in the child the call that it came out of returns. */
  calls = 0;
  CHECK_IS(send_with(NULL, "done, forks in a loop", fork_and_wait, NULL), SDS_SMTP_OK);
  CHECK_IS(sds_smtp_client_wait(NULL, PATIENCE_MS), SDS_SMTP_OK);
  if (in_child) {
    CHECK_IS(calls, 0);
    CHECK(event_loop() >= 0);
    CHECK_IS(deliver(NULL, "done, in the child of a loop"), SDS_SMTP_OK);
    _exit(0);
  }
  CHECK(calls == 1 && !wrong);
}

/* A wait is no longer than its mail, whatever the functions of other clients do. */
static void a_wait_in_an_event_loop_ends_with_its_mail(void)
{
  sds_smtp_client *others[8];
  uint64_t begun;
  int i;

  CHECK(event_loop() >= 0);
  own = sds_smtp_client_new();
  CHECK_IS(configure(own, port, 0), SDS_SMTP_OK);
  for (i = 0; i < 8; i++) {
    others[i] = sds_smtp_client_new();
    CHECK_IS(configure(others[i], silent_port(), 0), SDS_SMTP_OK);
    CHECK_IS(send_with(others[i], "done, others", take_long, NULL), SDS_SMTP_OK);
  }
  CHECK_IS(send_with(own, "done, first", note, CONTEXT), SDS_SMTP_OK);
  CHECK_IS(sds_smtp_client_wait(own, PATIENCE_MS), SDS_SMTP_OK);
  CHECK_IS(calls, 1);
  for (i = 0; i < 8; i++)
    CHECK_IS(sds_smtp_client_cancel(others[i]), SDS_SMTP_OK);
  begun = now_ms();
  CHECK_IS(sds_smtp_client_wait(others[0], PATIENCE_MS), SDS_SMTP_CANCELLED);
  /* Its own done takes 300 ms, and one before it may have begun. */
  CHECK(now_ms() - begun < 1500u);
  /* The rest is left to the program's loop. */
  while (finished < 8)
    sds_smtp_poll(0);
  CHECK_IS(calls, 9);
}

#define CASE(name) {#name, name}

static const struct {
  const char *name;
  void (*run)(void);
} cases[] = {
  CASE(done_comes_once_for_the_built_in_client),
  CASE(done_comes_for_each_way_to_end),
  CASE(a_mail_that_does_not_start_is_not_told),
  CASE(done_sends_the_next_mail),
  CASE(done_frees_its_client),
  CASE(done_calls_everything),
  CASE(free_returns_when_done_has_returned),
  CASE(free_drops_done),
  CASE(done_comes_when_the_descriptors_are_closed),
  CASE(done_forks),
  CASE(the_child_of_a_fork_is_not_told),
  CASE(many_threads_are_told),
  CASE(a_trace_is_told_every_line_before_done),
  CASE(no_line_is_told_after_the_end),
  CASE(a_trace_cancels_and_frees),
  CASE(a_trace_forks),
  CASE(an_event_loop_calls_done),
  CASE(a_wait_in_an_event_loop_ends_with_its_mail),
};

int main(int argc, char **argv)
{
  const int count_of_cases = (int)(sizeof cases / sizeof cases[0]);
  int i, failed = 0;

  if (argc < 2)
    return 2;
  port = (unsigned)strtoul(argv[1], NULL, 10);
  for (i = 0; i < count_of_cases; i++) {
    pid_t child;

    if (argc > 2 && strcmp(argv[2], cases[i].name) != 0)
      continue;
    child = fork();
    if (child == 0) {
      alarm(CASE_SECONDS);
      cases[i].run();
      _exit(0);
    }
    failed += case_is_wrong(child, cases[i].name);
  }
  printf("done: %d cases, %d wrong\n", count_of_cases, failed);
  return failed != 0;
}
