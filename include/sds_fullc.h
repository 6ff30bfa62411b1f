/*
 * sds_fullc.h - the two mail functions of a FULL-C program, over sds-smtp
 *
 * A program written for the second product line compiles unchanged: include this header, link with sds_smtp.
 * It gives exactly the two functions of FULL-C, with their parameter types: char *, although the strings are
 * only read, and are copied before smtp_send() returns.
 *
 * smtp_send() starts one mail in the background and returns at once. It returns nothing; the program asks
 * smtp_send_status() instead:
 *
 *     0     idle: no mail yet
 *     256   done: the server accepted the last mail
 *     277   in progress
 *     257   error: timeout
 *     258.. error: 256 + the result code of sds_smtp.h, up to 271 for its 15 (server and client do not
 *           understand each other); codes from 32 up, which the devices do not know, give 288 and up in the
 *           same way
 *
 * The published list names 0, 256, 257 and 277. The other numbers continue its rule (257 is 256 + 1, the
 * timeout) and are this library's choice. 270 (256 + 14, busy) is never seen: a busy client shows 277. So
 *
 *     status == 277                    wait
 *     status == 256                    sent
 *     status > 256 (and not 277)       not known to be sent; sds_smtp_strerror((int)(status - 256)) says why
 *
 * A smtp_send() during 277 is ignored, as on the device: wait for the end of a mail before the next one.
 *
 * Server, login and sender come from the device's configuration page. Here the program sets them beforehand,
 * with sds_smtp_configure() or sds_smtp_client_configure(NULL, ...).
 */
#ifndef SDS_FULLC_H
#define SDS_FULLC_H

#include "sds_smtp.h"

/* C90 has no word for it, but its compilers do. */
#if defined(__cplusplus) || (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 199901L)
#define SDS_FULLC_INLINE static inline
#elif defined(__GNUC__)
#define SDS_FULLC_INLINE static __inline__
#elif defined(_MSC_VER)
#define SDS_FULLC_INLINE static __inline
#else
#define SDS_FULLC_INLINE static
#endif

SDS_FULLC_INLINE void smtp_send(char *to, char *subject, char *text)
{
  /* A refusal is not lost with the return value: it becomes the status. */
  (void)sds_smtp_send(to, subject, text);
}

SDS_FULLC_INLINE unsigned int smtp_send_status(void)
{
  return sds_smtp_program_status();
}

#endif
