/*
 * siblings - the children of one process send mails with different Message-IDs
 *
 *     siblings PORT
 *
 * The parent sends first, so that everything that is made once is made before the children are. Exit code 0: no two
 * Message-IDs are the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sds_smtp.h"

#define CHILDREN 5

static char ids[CHILDREN + 2][320];

static int send_one(char *id)
{
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;

  if (sds_smtp_client_send(NULL, NULL) != SDS_SMTP_BAD_ARGUMENT)
    return 0;
  if (sds_smtp_send("operator@example.com", "sibling", "Which one?\n") != SDS_SMTP_OK)
    return 0;
  if (sds_smtp_client_wait(NULL, 10000) != SDS_SMTP_OK || sds_smtp_client_result(NULL, &result) != SDS_SMTP_OK)
    return 0;
  memcpy(id, result.message_id, sizeof result.message_id);
  return 1;
}

int main(int argc, char **argv)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  int one, other;

  if (argc != 2)
    return 2;
  alarm(60);
  config.server = "127.0.0.1";
  config.port = (uint32_t)strtoul(argv[1], NULL, 10);
  config.sender = "unit7@example.com";
  if (sds_smtp_client_configure(NULL, &config) != SDS_SMTP_OK || !send_one(ids[CHILDREN]))
    return 1;
  for (one = 0; one < CHILDREN; one++) {
    int pipes[2];
    pid_t child;

    if (pipe(pipes) != 0 || (child = fork()) < 0)
      return 2;
    if (child == 0) {
      int sent = send_one(ids[0]) && write(pipes[1], ids[0], sizeof ids[0]) == (ssize_t)sizeof ids[0];

      _exit(sent ? 0 : 1);
    }
    close(pipes[1]);
    if (read(pipes[0], ids[one], sizeof ids[one]) != (ssize_t)sizeof ids[one] || waitpid(child, NULL, 0) != child)
      return 1;
    close(pipes[0]);
  }
  if (!send_one(ids[CHILDREN + 1]))
    return 1;
  for (one = 0; one < CHILDREN + 2; one++) {
    printf("%s\n", ids[one]);
    for (other = 0; other < one; other++)
      if (strcmp(ids[one], ids[other]) == 0)
        return 1;
  }
  return 0;
}
