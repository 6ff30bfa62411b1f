/*
 * device - the smallest program that uses all of the three functions, poll, the result and the log: what the linker keeps
 * of it is the library's size. Without -DSDS the program without the library, to be subtracted.
 */
#include <stddef.h>
#include <stdint.h>

#include "sds_smtp_firmware.h"

/* The transport is the program's own, and costs the library nothing. */
static volatile int32_t answer;

#ifdef SDS
static int32_t begin(void *context, const struct sds_smtp_address *server) {
  (void)context;
  return answer + (int32_t)server->port;
}
static int32_t look(void *context) {
  (void)context;
  return answer;
}
static int32_t send_some(void *context, const uint8_t *octets, size_t length) {
  (void)context;
  (void)octets;
  return answer + (int32_t)length;
}
static int32_t receive(void *context, uint8_t *octets, size_t max) {
  (void)context;
  (void)octets;
  return answer + (int32_t)max;
}
static void end(void *context) { (void)context; }

static unsigned char storage[SDS_SMTP_CLIENT_SIZE + 1];
static struct sds_smtp_log_entry entries[1];
#endif

int main(void) {
#ifdef SDS
  static const struct sds_smtp_transport transport = {
      sizeof transport, 0, NULL, begin, look, send_some, receive, end, NULL, NULL, NULL};
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;
  struct sds_smtp_log_entry entry = SDS_SMTP_LOG_ENTRY_INIT;

  sds_smtp_client_init(storage, sizeof storage);
  sds_smtp_client_set_log(NULL, entries, 1);
  sds_smtp_set_transport(&transport);
  sds_smtp_configure("192.0.2.1", 1, "user", "password", "device@example.org");
  sds_smtp_send("someone@example.org", "alarm", "Boiler room: 93 degrees.");
  while (sds_smtp_status() == SDS_SMTP_BUSY) sds_smtp_poll((uint32_t)answer);
  sds_smtp_client_result(NULL, &result);
  sds_smtp_client_log(NULL, &entry, 1);
  answer = result.code + entry.code;
#endif
  return answer;
}

void _start(void);
void _start(void) { main(); }

/* What a C library would bring: not the library's, and the smallest there is. */
void *memcpy(void *to, const void *from, size_t length) {
  for (size_t i = 0; i < length; i++) ((volatile char *)to)[i] = ((const char *)from)[i];
  return to;
}
void *memmove(void *to, const void *from, size_t length) {
  volatile char *t = to;
  const char *f = from;
  if ((uintptr_t)to < (uintptr_t)from) return memcpy(to, from, length);
  while (length--) t[length] = f[length];
  return to;
}
void *memset(void *to, int octet, size_t length) {
  for (size_t i = 0; i < length; i++) ((volatile char *)to)[i] = (char)octet;
  return to;
}
int memcmp(const void *a, const void *b, size_t length) {
  const volatile unsigned char *x = a, *y = b;
  for (size_t i = 0; i < length; i++)
    if (x[i] != y[i]) return x[i] - y[i];
  return 0;
}
size_t strlen(const char *text) {
  size_t length = 0;
  while (((const volatile char *)text)[length]) length++;
  return length;
}
