/* lwip_smtp - the program of device.c with lwIP's own SMTP client: what the linker keeps of it is that client's size. */
#include "lwip/apps/smtp.h"

void _start(void);

static volatile int answer;

#ifdef SMTP
static void ended(void *context, u8_t result, u16_t reply, err_t error)
{
  (void)context;
  answer = result + reply + error;
}
#endif

void _start(void)
{
#ifdef SMTP
  smtp_set_server_addr("192.0.2.1");
  smtp_set_auth("user", "password");
  answer = smtp_send_mail("device@example.org", "someone@example.org", "alarm", "Boiler room: 93 degrees.", ended, NULL);
#endif
  while (answer) {
  }
}
