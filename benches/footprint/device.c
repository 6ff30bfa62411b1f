/*
 * device - the smallest program that uses the three functions, poll, the result and the log: what the linker keeps of it is
 * the library's size. Without -DSDS it is the program without the library, to be subtracted.
 */
#include <stddef.h>
#include <stdint.h>

#include "sds_smtp_firmware.h"

void _start(void);

static volatile int32_t answer;

/* Not the library's, and not counted: the result, the log, and the line that is read from it. */
static volatile struct sds_smtp_result result;
static volatile struct sds_smtp_log_entry entries[1], entry;

#ifdef SDS
/* The transport is the program's own: these functions are as small as they can be. */
static int32_t begin(void *context, const struct sds_smtp_address *server) {
  (void)context;
  (void)server;
  return answer;
}

static int32_t look(void *context) {
  (void)context;
  return answer;
}

static int32_t send_some(void *context, const uint8_t *octets, size_t length) {
  (void)context;
  (void)octets;
  (void)length;
  return answer;
}

static int32_t receive(void *context, uint8_t *octets, size_t max) {
  (void)context;
  (void)octets;
  (void)max;
  return answer;
}

static int32_t end(void *context)
{
  (void)context;
  return answer;
}

static const struct sds_smtp_transport transport = {
    sizeof(struct sds_smtp_transport), 0, 0, begin, look, send_some, receive, end, 0, 0, 0, 0, 0, 0};

static unsigned char storage[SDS_SMTP_CLIENT_SIZE];

void _start(void) {
  result.struct_size = sizeof result;
  entry.struct_size = sizeof entry;
  entries[0].struct_size = 0;
  sds_smtp_client_init(storage, sizeof storage);
  sds_smtp_client_set_log(0, (struct sds_smtp_log_entry *)entries, 1);
  sds_smtp_set_transport(&transport);
  sds_smtp_configure("192.0.2.1", 1, "user", "password", "device@example.org");
  sds_smtp_send("someone@example.org", "alarm", "Boiler room: 93 degrees.");
  while (sds_smtp_status() == SDS_SMTP_BUSY) sds_smtp_poll((uint32_t)answer);
  sds_smtp_client_result(0, (struct sds_smtp_result *)&result);
  sds_smtp_client_log(0, (struct sds_smtp_log_entry *)&entry, 1);
}
#else
void _start(void) {
  answer = 0;
  result.struct_size = 0;
  entry.struct_size = 0;
  entries[0].struct_size = 0;
}
#endif
