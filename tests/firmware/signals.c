/*
 * signals - an interrupt at any instruction, which calls the library while the main program is in it
 *
 *     signals MAILS      the interrupt is SIGALRM, after random microseconds; the program has one thread
 *
 * Every answer must be a legal one, and every mail that was taken must be delivered once and whole.
 */
#include "server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#define NUMBERS 100000u

static struct server server;
static unsigned char storage[SDS_SMTP_CLIENT_SIZE + 1500], other_storage[SDS_SMTP_CLIENT_SIZE + 100];
static struct sds_smtp_log_entry entries[4];
static sds_smtp_client *client;

/* Mails of the main program have even numbers, those of the interrupt odd ones. */
static volatile unsigned char taken[NUMBERS], delivered[NUMBERS];
static uint32_t next_of_main = 2;
static volatile uint32_t next_of_interrupt = 1, taken_by_main, taken_by_interrupt;
static volatile sig_atomic_t in_library, interrupts, inside, busy_inside, sent_outside;

/* Of the handler's own: what it interrupts may be in the other one. */
static uint32_t interrupts_state = 88172645u;

static uint32_t interrupts_chance(void)
{
  interrupts_state ^= interrupts_state << 13;
  interrupts_state ^= interrupts_state >> 17;
  interrupts_state ^= interrupts_state << 5;
  return interrupts_state;
}

static void write_text(char *text, uint32_t number)
{
  uint32_t i, length = 40 + number % 500;

  for (i = 0; i < 6; i++) {
    static const uint32_t tens[] = {100000, 10000, 1000, 100, 10, 1};

    text[i] = (char)('0' + number / tens[i] % 10);
  }
  for (; i < length; i++)
    text[i] = (char)(i % 60 == 0 ? '\n' : 'a' + (number * 7 + i) % 26);
  text[i] = '\0';
}

static void check_mail(struct server *of)
{
  static char got[2000], wanted[2000], text[700];
  size_t length = decoded_text(of, got, sizeof got), i;
  uint32_t number = 0;

  CHECK(length != NEVER && length > 40);
  for (i = 0; i < 6; i++)
    number = number * 10 + (uint32_t)(got[i] - '0');
  CHECK(number > 0 && number < NUMBERS);
  write_text(text, number);
  CHECK(length == canonical(text, strlen(text), wanted) && memcmp(got, wanted, length) == 0);
  CHECK(!delivered[number]);
  delivered[number] = 1;
}

static int send_a_mail(uint32_t number, int borrowed)
{
  static char texts[2][700]; /* borrowed ones stay; of each kind one is in flight at a time, and is written when it is not */
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
  char own[700];
  int code;

  CHECK(number < NUMBERS);
  if (borrowed && sds_smtp_status() == SDS_SMTP_BUSY)
    return SDS_SMTP_BUSY;
  write_text(own, number);
  message.to = "someone@example.test,other@example.test";
  message.subject = "alarm";
  message.text = own;
  if (borrowed) {
    write_text(texts[number % 2], number);
    message.text = texts[number % 2];
    message.flags = SDS_SMTP_BORROW_TEXT;
  }
  code = sds_smtp_client_send(number % 4 < 2 ? NULL : client, &message);
  CHECK(code == SDS_SMTP_OK || code == SDS_SMTP_BUSY);
  if (code == SDS_SMTP_OK)
    taken[number] = 1;
  return code;
}

static int is_code(int code)
{
  return (code >= 0 && code <= 15) || code == SDS_SMTP_CANCELLED;
}

static void again(uint32_t microseconds)
{
  struct itimerval timer;

  memset(&timer, 0, sizeof timer);
  timer.it_value.tv_usec = (suseconds_t)microseconds;
  setitimer(ITIMER_REAL, &timer, NULL);
}

static void interrupt(int number)
{
  static struct sds_smtp_result result;
  static struct sds_smtp_log_entry shown[4];
  uint32_t what = interrupts_chance();
  sds_smtp_client *made;
  uint32_t wait;
  size_t count;
  int code;

  (void)number;
  interrupts++;
  inside += in_library;
  switch (what >> 20 & 15) {
  case 0:
    CHECK(is_code(sds_smtp_status()) && is_code(sds_smtp_client_status(client)));
    code = (int)sds_smtp_program_status();
    CHECK(code == 0 || code == 277 || is_code(code - 256));
    break;
  case 1:
    result.struct_size = sizeof result;
    code = sds_smtp_client_result(client, &result);
    CHECK(code == SDS_SMTP_OK || (code == SDS_SMTP_BUSY && in_library));
    CHECK(result.outcome <= SDS_SMTP_OUTCOME_UNKNOWN && is_code(result.code) && result.phase <= SDS_SMTP_PHASE_END);
    break;
  case 2:
    shown[0].struct_size = sizeof shown[0];
    count = sds_smtp_client_log(NULL, shown, 4);
    CHECK(count <= 4);
    while (count-- > 0)
      CHECK(is_code(shown[count].code) && shown[count].recipients == 2 && strncmp(shown[count].recipient, "someone@", 8) == 0);
    break;
  case 3:
    code = sds_smtp_configure("192.0.2.1", 1, "sds", "sds-secret", "unit7@example.test");
    CHECK(code == SDS_SMTP_OK || (code == SDS_SMTP_BUSY && in_library) || code == SDS_SMTP_DATA_FAILED);
    break;
  case 4:
    wait = sds_smtp_poll(now);
    CHECK(wait <= 10 || wait == SDS_SMTP_NO_LIMIT);
    break;
  case 5:
    made = sds_smtp_client_init(other_storage, sizeof other_storage);
    CHECK(made != NULL || in_library);
    if (made != NULL) {
      CHECK(sds_smtp_client_status(made) == SDS_SMTP_OK);
      sds_smtp_client_free(made);
      CHECK(sds_smtp_client_status(made) == SDS_SMTP_BAD_HANDLE);
    }
    break;
  case 6:
    CHECK(sds_smtp_client_init(storage, sizeof storage) == NULL);
    CHECK(sds_smtp_client_status((sds_smtp_client *)(void *)entries) == SDS_SMTP_BAD_HANDLE);
    break;
  case 7:
    code = sds_smtp_client_set_log(client, entries, 4);
    CHECK(code == SDS_SMTP_OK || (code == SDS_SMTP_BUSY && in_library));
    break;
  default:
    code = send_a_mail(next_of_interrupt, what >> 24 & 1);
    if (code == SDS_SMTP_OK) {
      taken_by_interrupt++;
      next_of_interrupt += 2;
      sent_outside += !in_library;
    } else {
      busy_inside += in_library;
    }
    break;
  }
  again(1 + what % 60);
}

static void mail_until(uint32_t wanted)
{
  uint32_t rounds = 0;

  while (taken_by_main + taken_by_interrupt < wanted || sds_smtp_status() == SDS_SMTP_BUSY) {
    CHECK(++rounds < 100000000u);
    now++;
    in_library = 1;
    sds_smtp_poll(now);
    in_library = 0;
    CHECK(is_code(sds_smtp_status()));
    if (taken_by_main + taken_by_interrupt < wanted && chance() % 64 == 0) {
      in_library = 1;
      if (send_a_mail(next_of_main, (int)(chance() & 1)) == SDS_SMTP_OK) {
        taken_by_main++;
        next_of_main += 2;
      }
      in_library = 0;
    }
  }
}

int main(int argc, char **argv)
{
  uint32_t wanted = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 4000, i, came = 0, took = 0;
  struct sigaction action;

  server_init(&server);
  server.delivered = check_mail;
  server.moody = 1;
  server.keywords = "250-PIPELINING\r\n250-AUTH PLAIN LOGIN\r\n";
  client = sds_smtp_client_init(storage, sizeof storage);
  CHECK(client != NULL);
  CHECK(sds_smtp_set_transport(&server.transport) == SDS_SMTP_OK);
  CHECK(sds_smtp_client_set_log(NULL, entries, 4) == SDS_SMTP_OK);
  CHECK(sds_smtp_configure("192.0.2.1", 1, "sds", "sds-secret", "unit7@example.test") == SDS_SMTP_OK);
  memset(&action, 0, sizeof action);
  action.sa_handler = interrupt;
  CHECK(sigaction(SIGALRM, &action, NULL) == 0);
  again(50);
  mail_until(wanted);
  signal(SIGALRM, SIG_IGN);
  again(0);
  mail_until(0);
  for (i = 0; i < NUMBERS; i++) {
    CHECK(!delivered[i] || taken[i]);
    took += taken[i];
    came += delivered[i];
  }
  CHECK(took == taken_by_main + taken_by_interrupt && came == took && took >= wanted && server.mails == came);
  poll_until_idle();
  CHECK(server.closings == server.connections);
  printf("signals: %u mails of the program, %u of the interrupt; %u interrupts, %u in the library, %u mails refused there\n",
         (unsigned)taken_by_main, (unsigned)taken_by_interrupt, (unsigned)interrupts, (unsigned)inside, (unsigned)busy_inside);
  /* Else this was no test. */
  CHECK(inside > 20 && busy_inside > 0 && taken_by_main > 0 && (sent_outside > 0 || wanted < 4000));
  return 0;
}
