/*
 * sds_smtp_firmware.h - send a mail from a device without an operating system.
 *
 *     static unsigned char storage[SDS_SMTP_CLIENT_SIZE + 1024];
 *
 *     sds_smtp_client_init(storage, sizeof storage);
 *     sds_smtp_set_transport(&transport);
 *     sds_smtp_configure("192.0.2.25", 1, "unit7", "secret", "unit7@example.com");
 *     sds_smtp_send("operator@example.com", "Boiler room", "Temperature 93 degrees.");
 *     for (;;) { sds_smtp_poll(milliseconds()); ... the device's own work ... }
 *
 * What sds_smtp.h says holds here, with these differences:
 *
 * - There is no thread: sds_smtp_poll() does all the work, called from the program's main loop. There is no
 *   sds_smtp_client_wait().
 * - There is no heap: a client lives in memory that the program lends (sds_smtp_client_init() instead of
 *   sds_smtp_client_new()), and so does its log. Before the first sds_smtp_client_init() every function that
 *   returns a code returns 34.
 * - There are no sockets: the program provides the connection (struct sds_smtp_transport). Its start_tls
 *   speaks TLS, its resolve looks names up. Without resolve a server is an IP address: a name gives 13.
 * - There is one server: no list, no further attempts, no source address. Nor are there done, trace, a
 *   dialogue, SDS_SMTP_DRY_RUN and the names of codes. Each mail has its own connection: no keep_alive_ms,
 *   no SDS_SMTP_CHUNKING. It goes to all recipients or to none: no SDS_SMTP_PARTIAL, no
 *   sds_smtp_client_recipients(). What the program asks for and the library lacks gives 39. The fields of a
 *   result from attempts to recipient are empty but for the Message-ID.
 * - struct_size must be that of this header: library and program are built together.
 * - A result has its Message-ID only until the client is configured again.
 *
 * One function of the library runs at a time. Any of them may be called from an interrupt. A call that comes
 * while another function is running, such as sds_smtp_send() during sds_smtp_poll(), returns 14 and changes
 * nothing. sds_smtp_client_free() then does nothing either, and the client's status is not 34. The status
 * functions always work, except on a client that is just being freed.
 *
 * Tasks of a real-time system may share a client. Two kinds of processors need a lock of the program around
 * all calls: those without atomic exchange (Cortex-M0 and M0+, RISC-V without "A"), and those with several
 * cores.
 *
 * The library needs memcpy, memmove, memset, memcmp and strlen of the C library.
 *
 * libsds_smtp_small.a is the same library with less code: without IPv6, a port behind the server's address,
 * quoted-printable, SIZE (RFC 1870) and quoted local parts of addresses. An IPv6 address or a port in the
 * server gives 13; a quoted local part gives 4 or 5. The text is sent as it is. The mail ends with code 7 and
 * "text needs quoted-printable" if the text has octets above 127 and the server has no 8BITMIME, or a control
 * character other than tab, or a line of more than 998 octets.
 *
 * docs/c-api.md has the conventions of this interface on one page.
 *
 * This file is generated from the library's source; do not edit it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */

#ifndef SDS_SMTP_FIRMWARE_H
#define SDS_SMTP_FIRMWARE_H

#include <stddef.h>
#include <stdint.h>
#include "sds_smtp.h"

/** The storage of a client, without its arena: see sds_smtp_client_init(). */
#define SDS_SMTP_CLIENT_SIZE (sizeof(void *) == 8 ? 1136u : 928u)

#ifdef __cplusplus
extern "C" {
#endif  /* __cplusplus */

/**
 * Makes a client in memory that the program lends. The first client is the built-in one, which
 * sds_smtp_configure(), sds_smtp_send() and sds_smtp_status() use; its handle is also NULL.
 *
 * The part of `storage` beyond SDS_SMTP_CLIENT_SIZE is the client's arena. It holds the configuration (about
 * 200 bytes and its strings). While a mail is in flight it also holds the mail's recipients, subject and
 * text: for a text that is read in pieces only a buffer of 16 to 256 bytes, for a borrowed text nothing. A
 * client that is configured meanwhile needs room for both configurations. 1 KiB is plenty for a text of a
 * few lines.
 *
 * @param storage  memory that stays until sds_smtp_client_free(); it may begin at any address
 * @param length   its size in bytes
 * @return the client; NULL: storage is NULL or shorter than SDS_SMTP_CLIENT_SIZE, or there is a client in
 *         it, or another function of the library is running (the call comes from an interrupt or a callback)
 */
sds_smtp_client *sds_smtp_client_init(void *storage, size_t length);

/**
 * Sets the transport of the built-in client: sds_smtp_client_set_transport() with NULL.
 *
 * @param transport  the callbacks; NULL: none, and no mail can be sent
 * @return as sds_smtp_client_set_transport()
 */
int sds_smtp_set_transport(const sds_smtp_transport *transport);

/**
 * Lends a client memory for its log. Without it there is no log. In a full log a new entry replaces the
 * oldest one.
 *
 * @param client   the client, or NULL for the built-in one
 * @param entries  memory for `count` entries, which stays until the client ends. Read it with
 *                 sds_smtp_client_log() only. NULL: no log from now on
 * @param count    the number of entries
 * @return 0; 14: another function of the library is running (the call comes from an interrupt or a
 *         callback); 33: entries is NULL and count is not 0, or entries is not aligned; 34
 */
int sds_smtp_client_set_log(sds_smtp_client *client, sds_smtp_log_entry *entries, size_t count);

/**
 * Sets the calendar clock of all clients: for the Date of mails, their Message-IDs, and the log. Without a
 * clock mails have no Date; most servers then add one.
 *
 * @param unix_time  returns the seconds since 1970, UTC; 0 while they are not known. sds_smtp_poll() calls
 *                   it; it must not block. NULL: no clock
 * @param context    handed to it, untouched
 */
void sds_smtp_set_clock(uint32_t (*unix_time)(void *context), void *context);

/**
 * Does the work of all clients, as far as that is possible now without waiting. The work of one call is
 * bounded; once in each mail, after the reply to EHLO, it reads the whole text (not if the text is read in
 * pieces). Call it from the program's main loop. Call it at once after starting a mail or a probe or
 * cancelling one, whatever it returned before: the time limits begin with that call.
 *
 * @param now_ms  the time in milliseconds, of a monotonic clock that wraps from 0xFFFFFFFF to 0. While a
 *                mail is in flight, call at least once in 24 days
 * @return the time in milliseconds after which it is to be called again at the latest. 0: at once, there is
 *         more to do; SDS_SMTP_NO_LIMIT: no mail is in flight. See SDS_SMTP_TRANSPORT_WAKES. 1: another
 *         function of the library is running (the call comes from an interrupt or a callback), and nothing
 *         was done
 */
/* uint32_t sds_smtp_poll(uint32_t now_ms); It is declared in sds_smtp.h. */

#ifdef __cplusplus
}  /* extern "C" */
#endif  /* __cplusplus */

#endif  /* SDS_SMTP_FIRMWARE_H */
