/*
 * leftovers - of a mail that has ended no copy is left in memory
 *
 *     leftovers PORT FILE
 *
 * PORT: a server that accepts every mail. FILE: a path where this program may write.
 *
 * Draws a mark by chance, and sends mails that consist of it, each in another field and short and long; then it looks at all
 * writable memory of this process for the mark. This program keeps it only XORed with a mask, and wipes the buffers that lend it
 * to the library. What stands in a freed block is found, too: the mark is repeated, and is looked for anywhere.
 *
 * Exit code 0: nothing was found.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sds_smtp.h"

#define MARK   16
#define LINE   64
#define MASK   0xA5
#define WINDOW 65536
#define SCANS  20

enum way { BY_READ, BY_TEXT, BY_HTML, BY_DATA, BY_NAME, BY_FILE, BY_ATTACHED_FILE, BY_ATTACHED_READ, WAYS };

static const char *const names[WAYS] = {"read", "text", "html", "data", "name", "text_path", "path", "an attachment's read"};
static const size_t lengths[] = {300, 5000, 100000, 1000000};

static unsigned char masked[MARK];
static unsigned char window[WINDOW];
static size_t length;

static void wipe(void *at, size_t size)
{
  volatile unsigned char *bytes = (volatile unsigned char *)at;

  while (size-- > 0)
    bytes[size] = 0;
}

static void draw(void)
{
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-";
  int file = open("/dev/urandom", O_RDONLY), i;

  if (file < 0 || read(file, masked, MARK) != MARK) {
    fprintf(stderr, "leftovers: cannot read /dev/urandom\n");
    exit(2);
  }
  close(file);
  for (i = 0; i < MARK; i++)
    masked[i] = (unsigned char)(alphabet[masked[i] % 64] ^ MASK);
}

/* The octet at this place of a text of lines. */
static char octet(size_t at)
{
  return at % LINE == LINE - 1 ? '\n' : (char)(masked[at % LINE % MARK] ^ MASK);
}

static size_t fill(char *out, size_t from, size_t max)
{
  size_t some = length - from < max ? length - from : max, i;

  for (i = 0; i < some; i++)
    out[i] = octet(from + i);
  return some;
}

static int32_t give(void *context, uint32_t offset, char *out, size_t max)
{
  (void)context;
  return (int32_t)fill(out, offset, max);
}

static int32_t give_more(void *context, uint64_t offset, char *out, size_t max)
{
  (void)context;
  return (int32_t)fill(out, (size_t)offset, max);
}

static int write_file(const char *path)
{
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  char line[LINE];
  size_t at, some;

  for (at = 0; file >= 0 && at < length; at += some) {
    some = fill(line, at, sizeof line);
    if (write(file, line, some) != (ssize_t)some)
      return -1;
  }
  wipe(line, sizeof line);
  return file < 0 ? -1 : close(file);
}

static int marks_in(const unsigned char *bytes, size_t size)
{
  int found = 0;
  size_t at, i;

  for (at = 0; at + MARK <= size; at++) {
    for (i = 0; i < MARK && (bytes[at + i] ^ MASK) == masked[i]; i++)
      ;
    found += i == MARK;
  }
  return found;
}

/* Looks at every writable mapping but the stacks, which a function may be using. */
static int marks_in_memory(void)
{
  FILE *maps = fopen("/proc/self/maps", "r");
  int memory = open("/proc/self/mem", O_RDONLY), found = 0;
  const unsigned long own = (unsigned long)window;
  char line[512], rights[8];
  unsigned long begin, end, at;

  if (maps == NULL || memory < 0) {
    fprintf(stderr, "leftovers: cannot read /proc/self\n");
    exit(2);
  }
  while (fgets(line, sizeof line, maps) != NULL) {
    if (sscanf(line, "%lx-%lx %7s", &begin, &end, rights) != 3 || rights[0] != 'r' || rights[1] != 'w' ||
        strstr(line, "[stack]") != NULL)
      continue;
    /* Readings overlap, so that a mark on the border is seen. */
    for (at = begin; at < end; at += WINDOW - MARK) {
      ssize_t got = pread(memory, window, end - at < WINDOW ? end - at : WINDOW, (off_t)at);

      /* The window would find in itself what it has just read. */
      if (got > 0 && (at + WINDOW <= own || at >= own + WINDOW))
        found += marks_in(window, (size_t)got);
      wipe(window, sizeof window);
    }
  }
  fclose(maps);
  close(memory);
  return found;
}

static int one_mail(enum way way, unsigned port, const char *path)
{
  sds_smtp_client *client = sds_smtp_client_new();
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
  struct sds_smtp_attachment attachment = SDS_SMTP_ATTACHMENT_INIT;
  char *text = (char *)calloc(length + 1, 1), name[49];
  int code, scans, left, seen = 1;

  if (client == NULL || text == NULL)
    return 1;
  config.server = "127.0.0.1";
  config.port = port;
  config.sender = "device@example.com";
  code = sds_smtp_client_configure(client, &config);
  message.to = "operator@example.com";
  message.attachments = &attachment;
  message.attachment_count = way == BY_DATA || way == BY_NAME || way >= BY_ATTACHED_FILE;
  memset(name, 0, sizeof name);
  if (way == BY_TEXT || way == BY_HTML || way == BY_DATA) {
    fill(text, 0, length);
    seen = marks_in_memory();
  }
  if (way == BY_READ)
    message.read = give;
  else if (way == BY_TEXT)
    message.text = text;
  else if (way == BY_HTML)
    message.html = text;
  else if (way == BY_FILE)
    message.text_path = path;
  else if (way == BY_ATTACHED_FILE)
    attachment.path = path;
  else if (way == BY_ATTACHED_READ)
    attachment.read = give_more;
  else
    attachment.data = text;
  attachment.length = way == BY_DATA ? length : 0;
  if (way == BY_NAME) {
    fill(name, 0, sizeof name - 1);
    attachment.name = name;
  }
  if (way == BY_FILE || way == BY_ATTACHED_FILE)
    code = write_file(path);
  if (code == SDS_SMTP_OK)
    code = sds_smtp_client_send(client, &message);
  wipe(text, length);
  wipe(name, sizeof name);
  if (code == SDS_SMTP_OK)
    code = sds_smtp_client_wait(client, 20000);
  if (code != SDS_SMTP_OK || seen == 0) {
    printf("leftovers: %s, %lu: code %d, %d marks seen before\n", names[way], (unsigned long)length, code, seen);
    return 1;
  }
  left = marks_in_memory();
  for (scans = 1; left > 0 && scans < SCANS; scans++) {
    usleep(100000);
    left = marks_in_memory();
  }
  if (left > 0)
    printf("leftovers: %s, %lu octets: %d marks are left\n", names[way], (unsigned long)length, left);
  sds_smtp_client_free(client);
  free(text);
  return left > 0;
}

int main(int argc, char **argv)
{
  size_t i;
  int way, wrong = 0;

  if (argc != 3) {
    fprintf(stderr, "usage: leftovers PORT FILE\n");
    return 2;
  }
  alarm(120);
  for (way = 0; way < WAYS; way++) {
    for (i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
      draw();
      length = lengths[i];
      wrong += one_mail((enum way)way, (unsigned)strtoul(argv[1], NULL, 10), argv[2]);
    }
  }
  unlink(argv[2]);
  printf("leftovers: %d wrong\n", wrong);
  return wrong == 0 ? 0 : 1;
}
