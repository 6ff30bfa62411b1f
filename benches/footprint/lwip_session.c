/* lwip_session - how large lwIP's structure of one mail is, which only its source file knows; it lies on the heap. */
#include "apps/smtp/smtp.c"

char lwip_session[sizeof(struct smtp_session)];
