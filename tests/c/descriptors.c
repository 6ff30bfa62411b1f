/*
 * descriptors - a program that closes all descriptors, ours among them, gets a result for every mail, and sends again
 *
 *     descriptors PORT SILENT_PORT
 *
 * Exit code 0: no mail stayed in flight, the mail after next was sent, and no processor time was burnt.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "sds_smtp.h"

static int send_to(const char *port, uint32_t limit_ms)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  int code;

  config.server = "127.0.0.1";
  config.port = (uint32_t)strtoul(port, NULL, 10);
  config.sender = "unit7@example.com";
  config.total_timeout_ms = limit_ms;
  code = sds_smtp_client_configure(NULL, &config);
  return code != SDS_SMTP_OK ? code : sds_smtp_send("operator@example.com", "closed", "Who closed it?\n");
}

static int deliver_to(const char *port)
{
  int code = send_to(port, 0);

  return code != SDS_SMTP_OK ? code : sds_smtp_client_wait(NULL, 10000);
}

static void close_all(void)
{
  int descriptor;

  for (descriptor = 3; descriptor < 256; descriptor++)
    close(descriptor);
}

int main(int argc, char **argv)
{
  int idle, after_idle, in_flight, after, again;
  double seconds;

  if (argc != 3)
    return 2;
  alarm(60);
  /* While the thread sleeps. */
  if (deliver_to(argv[1]) != SDS_SMTP_OK)
    return 1;
  usleep(300000);
  close_all();
  idle = deliver_to(argv[1]);
  after_idle = deliver_to(argv[1]);
  /* With a mail in flight, which its deadline ends. */
  if (send_to(argv[2], 1000) != SDS_SMTP_OK)
    return 1;
  usleep(300000);
  close_all();
  in_flight = sds_smtp_client_wait(NULL, 10000);
  after = deliver_to(argv[1]);
  again = deliver_to(argv[1]);
  seconds = (double)clock() / CLOCKS_PER_SEC;
  printf("descriptors: idle %d, then %d; in flight %d, then %d, %d; %.2f s of the processor\n", idle, after_idle, in_flight,
         after, again, seconds);
  return idle != SDS_SMTP_BUSY && after_idle == SDS_SMTP_OK && in_flight != SDS_SMTP_BUSY && in_flight != SDS_SMTP_OK &&
             after != SDS_SMTP_BUSY && again == SDS_SMTP_OK && seconds < 1.0
           ? 0
           : 1;
}
