/*
 * oom - each allocation of a program that sends a mail is refused once: none ends the process, and the next mail is sent
 *
 *     oom PORT
 *
 * The server on PORT accepts every mail. For each number N a child process runs in which the N-th allocation fails. What
 * the library answers then is NULL, 7 or 13, or nothing went wrong at all; never a signal, and never "busy" for ever.
 * Exit code 0: every child did right, and there were some in which an allocation failed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sds_smtp.h"

#define MOST 400

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

static int fails(void)
{
  if (left < 0 || __sync_fetch_and_sub(&left, 1) != 0)
    return 0;
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

/* 0: the mail was sent; otherwise what the first call said that did not do its work (7 for no client). */
static int send_one(unsigned port, long refused)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
  sds_smtp_client *client;
  int code = SDS_SMTP_DATA_FAILED;

  left = refused;
  client = sds_smtp_client_new();
  if (client != NULL) {
    config.server = "127.0.0.1";
    config.port = port;
    config.sender = "unit7@example.com";
    message.to = "operator@example.com";
    message.subject = "memory";
    message.text = "One of them is refused.\n";
    code = sds_smtp_client_configure(client, &config);
    if (code == SDS_SMTP_OK)
      code = sds_smtp_client_send(client, &message);
    if (code == SDS_SMTP_OK)
      code = sds_smtp_client_wait(client, 10000);
    sds_smtp_client_free(client);
  }
  return code;
}

int main(int argc, char **argv)
{
  long refused;
  int failures = 0, told = 0;

  if (argc != 2)
    return 2;
  for (refused = 0; refused < MOST; refused++) {
    int status, last = 0;
    pid_t child = fork();

    if (child == 0) {
      unsigned port = (unsigned)strtoul(argv[1], NULL, 10);
      int code, used;

      alarm(30);
      code = send_one(port, refused);
      used = left < 0;
      left = -1;
      if (code != SDS_SMTP_OK && code != SDS_SMTP_DATA_FAILED && code != SDS_SMTP_CONNECT_FAILED)
        _exit(100 + code);
      if (send_one(port, -1) != SDS_SMTP_OK)
        _exit(99);
      _exit(!used ? 1 : code == SDS_SMTP_OK ? 2 : 3);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
      return 2;
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
    if (last)
      break;
  }
  printf("oom: %ld allocations, %d refusals told, %d failures\n", refused, told, failures);
  return failures == 0 && refused > 5 && refused < MOST && told > 5 ? 0 : 1;
}
