/*
 * parts - mails of several parts whose memory is refused, and whose client is freed while its own memory is lent
 *
 *     parts PORT FILE
 *
 * The server on PORT accepts every mail. For each number N a child process sends a mail with text, HTML, attachments from
 * memory, from FILE and from a function, in which the N-th allocation fails: the mail is sent, or is 7 or 13; never a signal,
 * never "busy" for ever, and the next mail is sent. Then clients are freed at various times while a text and an attachment are lent,
 * and the memory is unmapped at once.
 * Exit code 0: all of it went right.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sds_smtp.h"

#define MOST 400
#define LENT (4u << 20)

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
static volatile int failed;

static int fails(void)
{
  if (left < 0 || __sync_fetch_and_sub(&left, 1) > 0)
    return 0;
  if (__sync_fetch_and_add(&failed, 1) > 0)
    return 0; /* only the N-th */
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

static char server[32];
static const char *file;

static int32_t give(void *context, uint64_t offset, char *out, size_t max)
{
  size_t length = 1000 - (size_t)offset;

  (void)context;
  if (length > max)
    length = max;
  memset(out, 'g', length);
  return (int32_t)length;
}

static int configure(sds_smtp_client *client)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;

  config.server = server;
  config.sender = "unit7@example.com";
  return sds_smtp_client_configure(client, &config);
}

static int send_parts(void)
{
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
  struct sds_smtp_attachment attachments[4];
  const struct sds_smtp_attachment empty = SDS_SMTP_ATTACHMENT_INIT;
  int i;

  for (i = 0; i < 4; i++)
    attachments[i] = empty;
  attachments[0].data = "data";
  attachments[0].length = 4;
  attachments[0].name = "\xC5\xBElu\xC5\xA5.bin";
  attachments[1].path = file;
  attachments[2].read = give;
  attachments[3].data = "inline";
  attachments[3].length = 6;
  attachments[3].content_id = "a@b";
  attachments[3].flags = SDS_SMTP_BORROW_TEXT;
  message.to = "operator@example.com";
  message.subject = "parts";
  message.text = "text";
  message.html = "<p>html";
  message.attachments = attachments;
  message.attachment_count = 4;
  return sds_smtp_client_send(NULL, &message);
}

/* In a child: one allocation fails on the way of a mail. Exits with 1 where one has failed, 0 where none has. */
static void refuse(long number)
{
  int code;

  if (configure(NULL) != SDS_SMTP_OK)
    _exit(90);
  left = number;
  code = send_parts();
  if (code == SDS_SMTP_OK)
    code = sds_smtp_client_wait(NULL, 20000);
  left = -1;
  if (code != SDS_SMTP_OK && ((code != SDS_SMTP_DATA_FAILED && code != SDS_SMTP_CONNECT_FAILED) || !failed))
    _exit(100 + code);
  if (send_parts() != SDS_SMTP_OK || sds_smtp_client_wait(NULL, 20000) != SDS_SMTP_OK)
    _exit(91);
  _exit(failed != 0);
}

static int refuse_each(void)
{
  long number;
  int status;

  for (number = 0; number < MOST; number++) {
    pid_t child = fork();

    if (child == 0)
      refuse(number);
    if (child < 0 || waitpid(child, &status, 0) != child)
      return 1;
    if (!WIFEXITED(status) || WEXITSTATUS(status) > 1) {
      printf("allocation %ld: %s %d\n", number, WIFEXITED(status) ? "exit code" : "signal",
             WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
      return 1;
    }
    if (WEXITSTATUS(status) == 0)
      break;
  }
  printf("%ld allocations refused\n", number);
  return number < 20 || number == MOST;
}

/* Lent memory is read no more when free returns: it is unmapped at once. */
static int free_lent(void)
{
  int i;

  for (i = 0; i < 40; i++) {
    struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
    struct sds_smtp_attachment attachment = SDS_SMTP_ATTACHMENT_INIT;
    sds_smtp_client *client = sds_smtp_client_new();
    char *lent = (char *)mmap(NULL, LENT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (client == NULL || configure(client) != SDS_SMTP_OK || lent == MAP_FAILED)
      return 1;
    memset(lent, 'x', LENT);
    lent[LENT - 1] = '\0';
    message.to = "operator@example.com";
    if (i % 2 == 0) {
      message.text = lent;
      message.flags = SDS_SMTP_BORROW_TEXT;
    } else {
      attachment.data = lent;
      attachment.length = LENT;
      attachment.flags = SDS_SMTP_BORROW_TEXT;
      message.attachments = &attachment;
      message.attachment_count = 1;
    }
    if (sds_smtp_client_send(client, &message) != SDS_SMTP_OK)
      return 1;
    usleep((unsigned)i * 200u);
    sds_smtp_client_free(client);
    munmap(lent, LENT);
  }
  puts("lent memory is given back");
  return 0;
}

int main(int argc, char **argv)
{
  if (argc != 3)
    return 2;
  snprintf(server, sizeof server, "127.0.0.1:%s", argv[1]);
  file = argv[2];
  setvbuf(stdout, NULL, _IONBF, 0);
  return refuse_each() || free_lent();
}
