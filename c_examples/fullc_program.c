/*
 * fullc_program - a FULL-C program as the second product line knows it
 *
 *     fullc_program SERVER_IP PORT FROM TO
 *
 * smtp_send() starts the mail, smtp_send_status() tells how it goes: 277 in progress, 256 done, 257 and up an error. On
 * the device the configuration comes from its web page; here it comes from the arguments, before the FULL-C part begins.
 * The exit code is 0 only when the server accepted the mail.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L /* for nanosleep() with -std=c99 */
#endif
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sds_fullc.h"

static void sleep_ms(unsigned ms)
{
  struct timespec t;

  t.tv_sec = (time_t)(ms / 1000);
  t.tv_nsec = (long)(ms % 1000) * 1000000L;
  nanosleep(&t, NULL);
}

static int configure_device(const char *server, const char *port, const char *from)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;

  config.server = server;
  config.port = (uint32_t)strtoul(port, NULL, 10);
  config.sender = from;
  return sds_smtp_client_configure(NULL, &config); /* NULL: the client that smtp_send() uses */
}

/* From here on it is the FULL-C program, unchanged. */
static unsigned int send_and_wait(char *to)
{
  static char subject[] = "testovaci email";
  static char text[] = "Toto je testovaci email.";
  unsigned int status;

  smtp_send(to, subject, text);
  status = smtp_send_status();
  while (status == 277) { /* it ends: each mail has a deadline */
    sleep_ms(10);         /* the device does its other work here */
    status = smtp_send_status();
  }
  return status;
}

int main(int argc, char **argv)
{
  unsigned int status;
  int code;

  if (argc != 5) {
    fprintf(stderr, "usage: fullc_program SERVER_IP PORT FROM TO\n");
    return 2;
  }
  code = configure_device(argv[1], argv[2], argv[3]);
  if (code != SDS_SMTP_OK) {
    fprintf(stderr, "fullc_program: configuration refused, code %d: %s\n", code, sds_smtp_strerror(code));
    return 2;
  }

  printf("before the mail: status %u\n", smtp_send_status());
  status = send_and_wait(argv[4]);
  if (status == 256) {
    printf("after the mail: status 256, sent\n");
    return 0;
  }
  printf("after the mail: status %u, %s\n", status, sds_smtp_strerror((int)(status - 256)));
  return 1;
}
