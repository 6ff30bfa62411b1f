/*
 * mail.h - three programs that send a mail, from the least to the most that the library offers: mail.c
 *
 * What is here is called by linked.c, for the linker to show what the program takes, and by measured.c, on an emulated board.
 */
#ifndef MAIL_H
#define MAIL_H

#include "sds_smtp_firmware.h"

/* Memory that the program would lend in any case, or that is its own: not counted with the library's. */
#define LENT __attribute__((section(".lent")))

/* Makes the client in storage, and configures it. */
void mail_begin(const struct sds_smtp_transport *transport, void *storage, size_t length);

/* Starts the mail: the code. */
int mail_send(void);

/* 14 while it is in flight. */
int mail_status(void);

/* Looks at the result, as far as the program does. */
void mail_look(void);

/* Ends the client. */
void mail_end(void);

#endif
