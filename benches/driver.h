/*
 * driver.h - the task that every driver has: N mails of 1 KiB, one connection a mail, one after the other
 *
 *     driver PORT N [USER PASSWORD]
 *
 * With USER the driver logs in with AUTH PLAIN. With DRIVER_CA in the environment, the path of a certificate, it speaks TLS
 * from the first octet on, and the server's name is localhost. With DRIVER_CHUNKING it uses CHUNKING, where
 * it can. With DRIVER_KEEP all mails go over one connection, and the driver
 * says how many microseconds they took: "wait", each is sent when the one before is waited for; "done", when its end is told (this
 * library's drivers only; others give all mails to one session). The exit code is 0 only when the server took all mails.
 */
#ifndef DRIVER_H
#define DRIVER_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SERVER     "127.0.0.1"
#define TLS_SERVER "localhost"
#define SENDER     "unit7@example.com"
#define RECIPIENT  "operator@example.com"
#define EHLO_NAME  "unit7.example.com"
#define SUBJECT    "Boiler room: 93 degrees"
#define TEXT_BYTES 1024
#define LINE_BYTES 64
#define MOST_MAILS 1000000

struct task {
  unsigned port;
  unsigned mails;
  const char *user; /* NULL: no login */
  const char *password;
  const char *ca;   /* NULL: no TLS */
  const char *keep; /* NULL: one connection a mail */
};

/* A number of 1 to most, or the program ends. */
static inline unsigned number(const char *text, unsigned long most)
{
  char *end;
  unsigned long value = strtoul(text, &end, 10);

  if (*text == '\0' || *end != '\0' || value < 1 || value > most) {
    fprintf(stderr, "%s: not a number from 1 to %lu\n", text, most);
    exit(2);
  }
  return (unsigned)value;
}

static inline struct task read_task(int argc, char **argv)
{
  struct task task = {0, 0, NULL, NULL, NULL, NULL};

  if (argc != 3 && argc != 5) {
    fprintf(stderr, "usage: %s PORT N [USER PASSWORD]\n", argv[0]);
    exit(2);
  }
  task.port = number(argv[1], 65535);
  task.mails = number(argv[2], MOST_MAILS);
  task.ca = getenv("DRIVER_CA");
  task.keep = getenv("DRIVER_KEEP");
  if (argc == 5) {
    task.user = argv[3];
    task.password = argv[4];
  }
  return task;
}

static inline long long microseconds(void)
{
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

/* 1 KiB as it goes over the wire, in lines of 64 octets that end as told. Returns what follows the text. */
static inline char *write_text(char *place, const char *line_end)
{
  unsigned at;

  for (at = 0; at < TEXT_BYTES; at++) {
    unsigned column = at % LINE_BYTES;

    if (column < LINE_BYTES - 2)
      *place++ = (char)('a' + (at / LINE_BYTES + column) % 26);
    else if (column == LINE_BYTES - 1)
      for (const char *octet = line_end; *octet != '\0'; octet++)
        *place++ = *octet;
  }
  *place = '\0';
  return place;
}

#endif
