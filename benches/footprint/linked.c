/* linked - a program of mail.c over a transport that does nothing: what the linker keeps of it is what it takes. */
#include "mail.h"

void _start(void);

#if defined MINIMAL || defined NORMAL || defined FULL

static LENT volatile int32_t answer;

static int32_t begin(void *context, const struct sds_smtp_address *server)
{
  (void)context;
  (void)server;
  return answer;
}

static int32_t look(void *context)
{
  (void)context;
  return answer;
}

static int32_t send_some(void *context, const uint8_t *octets, size_t length)
{
  (void)context;
  (void)octets;
  (void)length;
  return answer;
}

static int32_t receive(void *context, uint8_t *octets, size_t max)
{
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

void _start(void)
{
  mail_begin(&transport, storage, sizeof storage);
  mail_send();
  while (mail_status() == SDS_SMTP_BUSY)
    sds_smtp_poll((uint32_t)answer);
  mail_look();
#ifdef FULL
  mail_end();
#endif
}

#else

void _start(void)
{
}

#endif
