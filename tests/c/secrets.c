/*
 * secrets - user name and password show up nowhere, and are wiped from memory
 *
 *     secrets REFUSING_PORT ACCEPTING_PORT
 *
 * REFUSING_PORT: a server that offers AUTH PLAIN LOGIN, refuses every login and repeats in its reply what it was sent.
 * ACCEPTING_PORT: a server that accepts every login; it may repeat the password in its later replies.
 *
 * Draws user name and password by chance, logs in by each mechanism, and looks
 *   - at result and log: neither of the two is there, plain or in base64;
 *   - at all writable memory of this process, after the handle was freed (or the built-in client configured anew): the same.
 *
 * This program keeps the two only XORed with a mask; the buffers that lend them to the library are wiped by it. Each secret
 * is looked for in pieces of PIECE bytes, since a freed block loses its first bytes to the allocator's own data.
 *
 * Exit code 0: nothing was found.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sds_smtp.h"

#define LENGTH      32  /* of user name and of password */
#define PLAIN_SIZE  (2 * LENGTH + 2)
#define PIECE       8
#define MASK        0xA5
#define MAX_PIECES  64
#define WINDOW      65536
#define SCANS       20  /* the engine may need a moment after client_free */

static unsigned char masked_user[LENGTH], masked_password[LENGTH];
static unsigned char pieces[MAX_PIECES][PIECE]; /* masked as well */
static int piece_count;
static unsigned char is_first[256];      /* by masked byte: some piece begins with it */
static unsigned char window[WINDOW];
static char maps[131072];

static void wipe(void *buffer, size_t size)
{
  volatile unsigned char *bytes = (volatile unsigned char *)buffer;

  while (size-- > 0)
    bytes[size] = 0;
}

static void draw_secret(unsigned char *masked)
{
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-";
  unsigned char random[LENGTH];
  int i, file = open("/dev/urandom", O_RDONLY);

  if (file < 0 || read(file, random, sizeof random) != (ssize_t)sizeof random) {
    fprintf(stderr, "secrets: cannot read /dev/urandom\n");
    exit(2);
  }
  close(file);
  for (i = 0; i < LENGTH; i++)
    masked[i] = (unsigned char)(alphabet[random[i] % 64] ^ MASK);
}

static void unmask(char *out, const unsigned char *masked)
{
  volatile unsigned char *bytes = (volatile unsigned char *)out;
  int i;

  for (i = 0; i < LENGTH; i++)
    bytes[i] = masked[i] ^ MASK;
  bytes[LENGTH] = 0;
}

static void add_pieces(const unsigned char *masked, int length)
{
  int i;

  for (i = 0; i + PIECE <= length; i += PIECE) {
    if (piece_count == MAX_PIECES) {
      fprintf(stderr, "secrets: too many pieces\n");
      exit(2);
    }
    memcpy(pieces[piece_count++], masked + i, PIECE);
    is_first[masked[i]] = 1;
  }
}

/* Base64 of masked bytes into masked text, one character at a time, so that the text stands nowhere in the clear. */
static int masked_base64(const unsigned char *masked, int length, unsigned char *out)
{
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  int bit, used = 0;

  for (bit = 0; bit < 8 * length; bit += 6) {
    unsigned pair = (unsigned)(masked[bit / 8] ^ MASK) << 8;

    if (bit / 8 + 1 < length)
      pair |= (unsigned)(masked[bit / 8 + 1] ^ MASK);
    out[used++] = (unsigned char)(alphabet[(pair >> (10 - bit % 8)) & 63] ^ MASK);
  }
  return used;
}

static void draw_secrets(void)
{
  unsigned char plain[PLAIN_SIZE], text[2 * PLAIN_SIZE];

  piece_count = 0;
  memset(is_first, 0, sizeof is_first);
  draw_secret(masked_user);
  draw_secret(masked_password);
  plain[0] = MASK; /* NUL user NUL password, masked */
  memcpy(plain + 1, masked_user, LENGTH);
  plain[LENGTH + 1] = MASK;
  memcpy(plain + LENGTH + 2, masked_password, LENGTH);

  add_pieces(masked_user, LENGTH);
  add_pieces(masked_password, LENGTH);
  add_pieces(text, masked_base64(masked_user, LENGTH, text));
  add_pieces(text, masked_base64(masked_password, LENGTH, text));
  add_pieces(text, masked_base64(plain, PLAIN_SIZE, text));
}

static int pieces_in(const unsigned char *bytes, size_t size)
{
  int found = 0;
  size_t at;

  for (at = 0; at + PIECE <= size; at++) {
    int piece, i;

    if (!is_first[bytes[at] ^ MASK])
      continue;
    for (piece = 0; piece < piece_count; piece++) {
      for (i = 0; i < PIECE && (bytes[at + (size_t)i] ^ MASK) == pieces[piece][i]; i++)
        ;
      found += i == PIECE;
    }
  }
  return found;
}

/* Looks at every writable mapping, through /proc/self/mem: reading there fails where reading a pointer would crash. */
static int pieces_in_memory(int tell_where)
{
  int maps_file = open("/proc/self/maps", O_RDONLY), memory = open("/proc/self/mem", O_RDONLY), found = 0;
  size_t used = 0;
  ssize_t got;
  char *line, *next;

  if (maps_file < 0 || memory < 0) {
    fprintf(stderr, "secrets: cannot read /proc/self\n");
    exit(2);
  }
  while ((got = read(maps_file, maps + used, sizeof maps - 1 - used)) > 0)
    used += (size_t)got;
  maps[used] = '\0';
  close(maps_file);

  for (line = maps; *line != '\0'; line = next) {
    unsigned long begin, end, at;
    char rights[8];

    next = strchr(line, '\n');
    if (next == NULL)
      break;
    *next++ = '\0';
    if (sscanf(line, "%lx-%lx %7s", &begin, &end, rights) != 3 || rights[0] != 'r' || rights[1] != 'w')
      continue;
    for (at = begin; at < end;) {
      const unsigned long own = (unsigned long)window;
      size_t size = end - at < WINDOW ? end - at : WINDOW;
      int here, last;

      /* The window would find in itself what it just read elsewhere. */
      if (at >= own && at < own + WINDOW) {
        at = own + WINDOW;
        continue;
      }
      if (at < own && own < at + size)
        size = own - at;
      last = at + size == own || at + size == end;
      got = pread(memory, window, size, (off_t)at);
      if (got <= 0)
        break;
      here = pieces_in(window, (size_t)got);
      wipe(window, sizeof window);
      if (here > 0 && tell_where)
        printf("secrets: %d pieces in %#lx..%#lx of %s\n", here, at, at + (unsigned long)got, line);
      found += here;
      /* Readings overlap, so that a piece on the border is seen. */
      at += (size_t)got == WINDOW && !last ? WINDOW - (PIECE - 1) : (unsigned long)got;
    }
  }
  close(memory);
  return found;
}

static int configure(sds_smtp_client *client, unsigned port, unsigned auth)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  char user[LENGTH + 1], password[LENGTH + 1];
  int code, seen;

  unmask(user, masked_user);
  unmask(password, masked_password);
  config.server = "127.0.0.1";
  config.port = port;
  config.sender = "device@example.com";
  config.auth = auth;
  config.username = user;
  config.password = password;
  code = sds_smtp_client_configure(client, &config);
  seen = pieces_in_memory(0);
  wipe(user, sizeof user);
  wipe(password, sizeof password);
  wipe(&config, sizeof config);
  if (code == SDS_SMTP_OK && seen == 0) {
    printf("secrets: the search does not find what is there\n");
    return -1;
  }
  return code;
}

static int look_at_what_is_told(const sds_smtp_client *client)
{
  static struct sds_smtp_log_entry log[SDS_SMTP_LOG_ENTRIES];
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;
  size_t count, i;
  int found;

  memset(log, 0, sizeof log);
  log[0].struct_size = sizeof log[0];
  sds_smtp_client_result(client, &result);
  count = sds_smtp_client_log(client, log, SDS_SMTP_LOG_ENTRIES);
  found = pieces_in((const unsigned char *)&result, sizeof result) + pieces_in((const unsigned char *)log, sizeof log);
  if (count == 0) {
    printf("secrets: the mail is not in the log\n");
    return 1;
  }
  printf("secrets: result: code %d reply %u \"%s\"\n", (int)result.code, (unsigned)result.reply_code, result.text);
  for (i = 0; i < count; i++)
    printf("secrets: log: code %d \"%s\"\n", (int)log[i].code, log[i].text);
  if (found > 0)
    printf("secrets: result and log tell %d pieces of the secrets\n", found);
  wipe(&result, sizeof result);
  wipe(log, sizeof log);
  return found > 0;
}

static int one_login(int built_in, unsigned port, unsigned auth, int expected)
{
  sds_smtp_client *client = NULL;
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
  int code, scans, left, wrong;

  if (!built_in) {
    client = sds_smtp_client_new();
    if (client == NULL)
      return 1;
  }
  draw_secrets();
  code = configure(client, port, auth);
  if (code != SDS_SMTP_OK) {
    printf("secrets: configure gives %d\n", code);
    return 1;
  }
  message.to = "operator@example.com";
  message.text = "Nothing secret.\n";
  code = sds_smtp_client_send(client, &message);
  if (code == SDS_SMTP_OK)
    code = sds_smtp_client_wait(client, 20000);
  if (code != expected) {
    printf("secrets: the mail ended with %d, expected %d\n", code, expected);
    return 1;
  }
  wrong = look_at_what_is_told(client);
  usleep(150000); /* the answer to QUIT comes, too */
  if (built_in)
    sds_smtp_configure("127.0.0.1", 0, NULL, NULL, "device@example.com");
  else
    sds_smtp_client_free(client);

  left = pieces_in_memory(0);
  for (scans = 1; left > 0 && scans < SCANS; scans++) {
    usleep(100000);
    left = pieces_in_memory(scans == SCANS - 1);
  }
  if (left > 0) {
    printf("secrets: %d pieces of the secrets are left in memory (%s, auth %u, code %d)\n", left,
           built_in ? "built-in client" : "handle", auth, code);
    wrong = 1;
  }
  return wrong;
}

int main(int argc, char **argv)
{
  static const unsigned logins[] = {SDS_SMTP_AUTH_PLAIN | SDS_SMTP_AUTH_LOGIN, SDS_SMTP_AUTH_PLAIN, SDS_SMTP_AUTH_LOGIN};
  size_t i;
  int built_in, wrong = 0;

  if (argc != 3) {
    fprintf(stderr, "usage: secrets REFUSING_PORT ACCEPTING_PORT\n");
    return 2;
  }
  setvbuf(stdout, NULL, _IONBF, 0); /* no copy of what is printed stays in a buffer */
  alarm(120);
  for (built_in = 0; built_in < 2; built_in++) {
    for (i = 0; i < sizeof logins / sizeof logins[0]; i++) {
      wrong += one_login(built_in, (unsigned)strtoul(argv[1], NULL, 10), logins[i], SDS_SMTP_BAD_PASSWORD);
      wrong += one_login(built_in, (unsigned)strtoul(argv[2], NULL, 10), logins[i], SDS_SMTP_OK);
    }
  }
  printf("secrets: %d wrong\n", wrong);
  return wrong == 0 ? 0 : 1;
}
