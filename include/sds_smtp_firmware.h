/*
 * sds_smtp_firmware.h - send a mail from a device without an operating system.
 *
 *     static unsigned char storage[SDS_SMTP_CLIENT_SIZE + 1024];
 *
 *     sds_smtp_client_init(storage, sizeof storage);
 *     sds_smtp_set_transport(&transport);
 *     sds_smtp_configure("192.0.2.1", 1, "user", "password", "device@example.org");
 *     sds_smtp_send("someone@example.org", "alarm", "Boiler room: 93 degrees.");
 *     for (;;) { sds_smtp_poll(milliseconds()); ... the device's own work ... }
 *
 * What sds_smtp.h says holds here, with these differences. There is no thread: all is done in sds_smtp_poll(), out of the
 * program's main loop. There is no heap: a client lives in memory that the program lends (sds_smtp_client_init instead of
 * sds_smtp_client_new), and so does its log. There are no sockets: the program provides the connection (struct
 * sds_smtp_transport). There is no sds_smtp_client_wait().
 *
 * One function of the library runs at a time. Any of them may be called from an interrupt: one that comes while another is
 * running, as sds_smtp_send() during sds_smtp_poll(), returns 14 and changes nothing (sds_smtp_client_free() then does nothing
 * either: the client's status is not 34). The functions that tell the status always work, but on a client that is being
 * freed just then. Before the first sds_smtp_client_init() every function that returns a code returns 34. Tasks of a real-time
 * system may share a client, but for those on a processor without atomic exchange (Cortex-M0 and M0+, RISC-V without "A"): there
 * a lock of the program's is to keep them apart, and so it is with the cores of a processor that has several.
 *
 * Of the C library it needs memcpy, memmove, memset, memcmp and strlen. Structures are taken with the struct_size of this header
 * only: library and program are made together. The Message-ID of a result is told until the client is configured anew.
 *
 * libsds_smtp_small.a is the same with less code: without IPv6, without quoted-printable, without SIZE (RFC 1870), without quoted
 * local parts of addresses. An IPv6 address gives 13, such a mailbox 4 or 5. A text goes as it is; one with octets above 127 where
 * the server has no 8BITMIME, with a control character other than the tab, or with a line over 998 octets ends the mail with
 * code 7 and the words "text needs quoted-printable".
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

/** A callback of sds_smtp_transport: the connection ended, or was never there. */
#define SDS_SMTP_LOST (-1)

/** A callback of sds_smtp_transport: the server's machine refused the connection. */
#define SDS_SMTP_REFUSED (-2)

/** A callback of sds_smtp_transport: there is no way to the server, or no network. */
#define SDS_SMTP_UNREACHABLE (-3)

/** A callback of sds_smtp_transport: there is no memory for a connection, or too many are open. */
#define SDS_SMTP_NO_SOCKET (-4)

/**
 * `sds_smtp_transport.flags`: the program calls sds_smtp_poll() by itself when the connection stands, has something to
 * read, or has room again. Then sds_smtp_poll() returns the time to the next deadline, instead of asking for a call
 * every few milliseconds.
 */
#define SDS_SMTP_TRANSPORT_WAKES 1

/** An IP address and a port. */
typedef struct sds_smtp_address {
    /** 4: the first four octets of `octets` are an IPv4 address; 6: all of them are an IPv6 address. */
    uint32_t version;
    /** The port. */
    uint32_t port;
    /** The address, in network byte order: 192.0.2.1 is {192, 0, 2, 1}. */
    uint8_t octets[16];
} sds_smtp_address;

/**
 * The connection that the program provides: one at a time for each client, and a connection of its own for each: two clients that
 * shared one would read each other's answers.
 *
 * The library calls these functions out of sds_smtp_poll() only (and close out of sds_smtp_client_free() and
 * sds_smtp_client_set_transport(), too). None of them may block: what is not possible now is tried again in a later call. A
 * function that calls back into the library is answered 14; sds_smtp_client_free() and sds_smtp_set_clock() do nothing
 * then. The structure is not copied: it stays where it is, and as it is, as long as the client lives.
 */
typedef struct sds_smtp_transport {
    /** sizeof(struct sds_smtp_transport); SDS_SMTP_TRANSPORT_INIT sets it. */
    uint32_t struct_size;
    /** 0 or SDS_SMTP_TRANSPORT_WAKES. */
    uint32_t flags;
    /** Handed to each of the functions, untouched. */
    void *context;
    /**
     * Begins to connect. Returns 0: begun (or done), or a negative number: SDS_SMTP_LOST, _REFUSED, _UNREACHABLE or
     * _NO_SOCKET. An earlier connection has been closed before.
     */
    int32_t (*connect)(void *context, const struct sds_smtp_address *server);
    /** Whether the connection stands: 1 yes, 0 not yet, or a negative number as for connect. */
    int32_t (*connected)(void *context);
    /**
     * Sends up to `length` octets. Returns how many were taken, 0 when none can be taken now, or SDS_SMTP_LOST: none of these
     * octets has left, and none will. The octets are to be copied: they are gone when the function returns.
     */
    int32_t (*send)(void *context, const uint8_t *octets, size_t length);
    /**
     * Receives up to `max` octets. Returns how many, 0 when there are none now, or SDS_SMTP_LOST when the server has
     * closed the connection or it broke, and all that came before was received. What a later connection brings belongs to
     * the next connect: a transport that connects anew by itself says SDS_SMTP_LOST first.
     */
    int32_t (*receive)(void *context, uint8_t *octets, size_t max);
    /**
     * Closes the connection, whatever its state; called once for each connect that returned 0. What was taken by send is
     * still to be delivered where that is possible.
     */
    void (*close)(void *context);
    /**
     * Writes our end's address, for EHLO; returns 0, or a negative number where it is not known. NULL: not known; then
     * EHLO says `[127.0.0.1]` unless sds_smtp_config.ehlo_name is set.
     */
    int32_t (*local_address)(void *context, struct sds_smtp_address *out);
    /**
     * 32 random bits, of a real source, for the Message-ID; NULL: none. Then a mail has a Message-ID only where there is a
     * clock (sds_smtp_set_clock) and local_address is known; else it has none, which most servers then add: one that
     * repeats, after a restart or on another device, would make servers drop mails.
     */
    uint32_t (*random)(void *context);
    /**
     * Secures the connection: called when it stands, before the server speaks, again and again (each time after connected)
     * until it returns 1: secured. 0: not yet; negative: it failed, or the server's certificate is not the right one. From
     * then on send and receive go through TLS. For ports that speak TLS from the first octet (RFC 8314: 465). NULL: no TLS.
     */
    int32_t (*start_tls)(void *context);
} sds_smtp_transport;

/** The storage of a client, without its arena: see sds_smtp_client_init(). */
#define SDS_SMTP_CLIENT_SIZE (sizeof(void *) == 8 ? 1088u : 904u)

/** Begins a transport. */
#define SDS_SMTP_TRANSPORT_INIT \
    {sizeof(struct sds_smtp_transport), 0, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, \
     SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL}

#ifdef __cplusplus
extern "C" {
#endif  /* __cplusplus */

/**
 * The transport of a client. It is checked, and not copied: it stays where it is until it is replaced or the client ends.
 *
 * @param client     the client, or NULL for the built-in one
 * @param transport  the callbacks; NULL: none, and no mail can be sent
 * @return 0; 14 while a mail is in flight; 33 where struct_size or flags are not known, or connect, connected, send,
 *         receive or close is NULL; 34
 */
int sds_smtp_client_set_transport(sds_smtp_client *client,
                                  const struct sds_smtp_transport *transport);

/**
 * The transport of the built-in client: sds_smtp_client_set_transport() with NULL.
 *
 * @param transport  the callbacks; NULL: none, and no mail can be sent
 * @return as sds_smtp_client_set_transport()
 */
int sds_smtp_set_transport(const struct sds_smtp_transport *transport);

/**
 * Makes a client in memory that the program lends. The first client that is made is the built-in one of
 * sds_smtp_configure(), sds_smtp_send() and sds_smtp_status(), whose handle is NULL, too.
 *
 * What `storage` has beyond SDS_SMTP_CLIENT_SIZE is the client's arena. It holds the configuration (about 200 bytes and its
 * strings), and beside it, while a mail is in flight, the mail: its recipients, subject and text where they are copied (a
 * buffer of 16 to 256 bytes for a text that is read). A configuration made meanwhile has its place there, too. 1 KiB is
 * plenty for a text of a few lines.
 *
 * @param storage  memory that stays until sds_smtp_client_free(); it may begin at any address. NULL: none
 * @param length   its size in bytes
 * @return the client; NULL where storage is NULL or shorter than SDS_SMTP_CLIENT_SIZE, a client lives in it, or
 *         in an interrupt or a callback, while another function of the library runs
 */
sds_smtp_client *sds_smtp_client_init(void *storage,
                                      size_t length);

/**
 * Lends a client memory for its log. Without it there is no log. Where it is full the oldest entry goes, and the others move up.
 *
 * @param client   the client, or NULL for the built-in one
 * @param entries  memory for `count` entries, which stays until the client ends; its contents are the library's own (read
 *                 them with sds_smtp_client_log()). NULL: no log any more
 * @param count    how many
 * @return 0; 14 in an interrupt or a callback, while another function of the library runs; 33 where entries is
 *         NULL and count is not 0, or is not aligned as its type is; 34
 */
int sds_smtp_client_set_log(sds_smtp_client *client,
                            sds_smtp_log_entry *entries,
                            size_t count);

/**
 * The calendar's clock, for the Date of mails, their Message-IDs, and the log; of all clients. Without one mails have no
 * Date, which most servers then add.
 *
 * @param unix_time  returns the seconds since 1970, UTC; 0 where they are not known (yet). It is called out of
 *                   sds_smtp_poll(), and may not block. NULL: no clock
 * @param context    handed to it, untouched
 */
void sds_smtp_set_clock(uint32_t (*unix_time)(void *context),
                        void *context);

/**
 * Does the work of all clients: what is possible now without waiting, and a bounded amount of it (a text that is not read piece by
 * piece is looked through as a whole, once, when the server has answered EHLO). To be called from the program's main loop;
 * and at once after a mail, a probe or a cancellation was ordered, whatever it returned before: the time limits
 * begin there.
 *
 * @param now_ms  the time in milliseconds, of a clock that only goes forward and is never set; it wraps from
 *                0xFFFFFFFF to 0. It is to be called once in 24 days at the least while a mail is in flight
 * @return the milliseconds after which it wants to be called again, at the latest: 0: at once, there is more to do;
 *         SDS_SMTP_NO_LIMIT: no mail is in flight. See SDS_SMTP_TRANSPORT_WAKES. 1 in an interrupt or a callback,
 *         while another function of the library runs
 */
/* uint32_t sds_smtp_poll(uint32_t now_ms); It is declared in sds_smtp.h. */

#ifdef __cplusplus
}  /* extern "C" */
#endif  /* __cplusplus */

#endif  /* SDS_SMTP_FIRMWARE_H */
