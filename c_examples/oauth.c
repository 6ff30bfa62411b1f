/*
 * oauth - sends one mail with a token of OAuth 2.0 instead of a password: port 587, STARTTLS, XOAUTH2 or OAUTHBEARER
 *
 *     oauth SERVER[:PORT] USER TOKEN-FILE TO [CA.pem]
 *     oauth smtp.gmail.com unit7@example.com /run/token operator@example.com
 *
 * The file has the token alone; "-" stands for the environment variable SDS_SMTP_TOKEN. Whoever renews the token (it lasts an
 * hour, most often) writes the file anew. USER is the sender, too. The exit code is 0 only when the server accepted the mail; 3
 * where it refused the token: get a new one, and do not try this one again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sds_smtp.h"

#define MOST 16384 /* bytes of a token */

/* Reads the token, without the line end behind it; its length, or 0. */
static size_t read_token(const char *path, char *token)
{
  const char *given = getenv("SDS_SMTP_TOKEN");
  size_t length = 0;
  FILE *file;

  if (strcmp(path, "-") == 0) {
    length = given == NULL ? 0 : strlen(given);
    while (length > 0 && (given[length - 1] == '\n' || given[length - 1] == '\r'))
      length--;
    if (length > MOST)
      return 0;
    memcpy(token, given == NULL ? "" : given, length);
  } else {
    file = fopen(path, "r");
    if (file == NULL)
      return 0;
    setvbuf(file, NULL, _IONBF, 0); /* no copy of it stays in a buffer */
    length = fread(token, 1, MOST + 1, file);
    fclose(file);
  }
  while (length > 0 && (token[length - 1] == '\n' || token[length - 1] == '\r'))
    length--;
  token[length <= MOST ? length : 0] = '\0';
  return length <= MOST ? length : 0;
}

int main(int argc, char **argv)
{
  static char token[MOST + 2];
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;
  char why[256];
  int code;

  if (argc < 5)
    return 2;
  if (read_token(argv[3], token) == 0) {
    fprintf(stderr, "no token in %s, or a longer one than %d bytes\n", argv[3], MOST);
    return 2;
  }
  config.server = argv[1];
  config.tls = SDS_SMTP_TLS_STARTTLS; /* a token is sent to a server that is verified, or not at all */
  config.tls_ca = argc > 5 ? argv[5] : NULL;
  config.auth = SDS_SMTP_AUTH_OAUTHBEARER | SDS_SMTP_AUTH_XOAUTH2;
  config.username = config.sender = argv[2];
  config.password = token;
  code = sds_smtp_client_configure(NULL, &config);
  memset(token, 0, sizeof token);
  if (code != SDS_SMTP_OK || sds_smtp_send(argv[4], "Test", "It works.\n") != SDS_SMTP_OK) {
    sds_smtp_client_refusal(NULL, why, sizeof why);
    fprintf(stderr, "not started: %s\n", why);
    return 1;
  }
  code = sds_smtp_client_wait(NULL, SDS_SMTP_NO_LIMIT);
  sds_smtp_client_result(NULL, &result);
  printf("%s: %s\n", sds_smtp_code_name(code), result.text); /* with what the server said of the token */
  if (code == SDS_SMTP_BAD_PASSWORD)
    return 3;
  return code != SDS_SMTP_OK;
}
