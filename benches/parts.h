/*
 * parts.h - the task of the part `parts`: a large mail, and how long it takes
 *
 *     parts_sds PORT KIND FILE
 *     parts_curl PORT KIND FILE
 *
 * KIND: text, the file is the text, in memory; lent (this library only), it stays there; data, it is an attachment in memory;
 * file, one that is read while it is sent. It goes twice, so that what happens once in a process does not count, as memory that the
 * heap does not have yet. They print the milliseconds from the call that sends the second one until it has ended, and the most memory
 * that the process had. The exit code is 0 only when the server took both.
 */
#ifndef PARTS_H
#define PARTS_H

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "driver.h"

struct parts_task {
  unsigned port;
  const char *kind;
  const char *path;
  char *octets; /* unless KIND is file; with a NUL behind them */
  size_t length;
};

static inline int is(const struct parts_task *task, const char *kind)
{
  return strcmp(task->kind, kind) == 0;
}

/* Whether no more was left to read, and nothing failed. */
static inline int read_file(int file, char *place, size_t length)
{
  while (length > 0) {
    ssize_t got = read(file, place, length);

    if (got <= 0)
      return 0;
    place += got;
    length -= (size_t)got;
  }
  return 1;
}

static inline struct parts_task read_parts_task(int argc, char **argv)
{
  struct parts_task task = {0, NULL, NULL, NULL, 0};
  struct stat status;
  int file;

  if (argc != 4) {
    fprintf(stderr, "usage: %s PORT text|lent|data|file FILE\n", argv[0]);
    exit(2);
  }
  task.port = number(argv[1], 65535);
  task.kind = argv[2];
  task.path = argv[3];
  if (is(&task, "file"))
    return task;
  file = open(task.path, O_RDONLY);
  if (file >= 0 && fstat(file, &status) == 0) {
    task.length = (size_t)status.st_size;
    task.octets = malloc(task.length + 1);
    if (task.octets != NULL && read_file(file, task.octets, task.length)) {
      task.octets[task.length] = '\0';
      close(file);
      return task;
    }
  }
  fprintf(stderr, "%s: %s cannot be read\n", argv[0], task.path);
  exit(2);
}

static inline double milliseconds(void)
{
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static inline void print_parts(double began)
{
  char line[256];
  FILE *status;

  printf("milliseconds %.3f\n", milliseconds() - began);
  status = fopen("/proc/self/status", "r");
  while (status != NULL && fgets(line, sizeof line, status) != NULL)
    if (strncmp(line, "VmHWM:", 6) == 0)
      printf("kilobytes %ld\n", strtol(line + 6, NULL, 10));
  if (status != NULL)
    fclose(status);
}

#endif
