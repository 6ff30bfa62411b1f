/*
 * sds_smtp.h - send a mail from a C program.
 *
 *     sds_smtp_configure("192.0.2.1", 1, "user", "password", "device@example.org");
 *     sds_smtp_send("someone@example.org", "alarm", "Boiler room: 93 degrees.");
 *     while (sds_smtp_status() == SDS_SMTP_BUSY) { ... the device's own work ... }
 *
 * These three functions are all that a device program needs. They work on one built-in client. Everything more
 * goes through a handle (sds_smtp_client), and NULL is the handle of the built-in client.
 *
 * Sending runs in the background, on one thread of the library's for all clients; one mail a client is in flight
 * at a time. No function but sds_smtp_client_wait() blocks, and none calls back but for sds_smtp_message.read. All are safe to call from
 * any thread, but not from a signal handler, where fork() is not allowed either. After fork() the child has the same
 * clients and configurations, and no mail in flight; the parent's mail goes on. The handlers of pthread_atfork() may
 * call the library. A mail in flight ends with the process, undelivered: a program that is about to end waits first,
 * with sds_smtp_client_wait().
 *
 * pthread_cancel() does not take effect inside a function of the library, nor in a callback: it waits for the thread's
 * next cancellation point. A loop that calls nothing else wants a pthread_testcancel().
 *
 * Functions return a result code, which sds_smtp_strerror() puts into words. A NULL where a pointer is needed is
 * answered with a code, never with a crash. Structures begin with struct_size: start them with their _INIT macro.
 *
 * This file is generated from the library's source; do not edit it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */

#ifndef SDS_SMTP_H
#define SDS_SMTP_H

#include <stddef.h>
#include <stdint.h>

/** The server has taken the mail over: it answered 2xx to the end of the data. */
#define SDS_SMTP_OK 0

/** A deadline passed, in any phase, connecting included. */
#define SDS_SMTP_TIMEOUT 1

/**
 * The server's greeting is not 220, or did not come; 421 in any phase before the mail was accepted; or any 4xx to the login,
 * which says nothing about user name and password. Try again later.
 */
#define SDS_SMTP_NOT_READY 2

/** EHLO and then HELO refused, or the connection lost there. */
#define SDS_SMTP_HELO_FAILED 3

/** The sender was refused, or is not an e-mail address. With 530: the server wants a login. */
#define SDS_SMTP_SENDER_REFUSED 4

/** A recipient was refused, other than by 6, 12 and 15; or is not an e-mail address. */
#define SDS_SMTP_RECIPIENT_REFUSED 5

/** The recipient was refused in words that refuse to relay ("relay access denied"), or with 530: log in, or use another server. */
#define SDS_SMTP_RELAY_DENIED 6

/**
 * The data was not accepted, or the connection lost while it was sent; mail too large (552 to the sender, too); subject with
 * a line end in it; out of memory.
 */
#define SDS_SMTP_DATA_FAILED 7

/**
 * The end of the data was refused; or the connection was lost while waiting for that answer: then the outcome is
 * unknown.
 */
#define SDS_SMTP_DATA_END_FAILED 8

/** Login was asked for, and the server offers none that may be used. */
#define SDS_SMTP_AUTH_UNSUPPORTED 9

/** The user name was refused, is missing or too long. */
#define SDS_SMTP_BAD_USERNAME 10

/** The login was refused; or the password is missing or too long. */
#define SDS_SMTP_BAD_PASSWORD 11

/**
 * The server answered 550 to the recipient, and not because it does not relay. With an enhanced status code X.1.1 (no such
 * mailbox) it never does.
 */
#define SDS_SMTP_INVALID_RECIPIENT 12

/** No connection, or no usable server configured. */
#define SDS_SMTP_CONNECT_FAILED 13

/** The previous mail is still in flight. */
#define SDS_SMTP_BUSY 14

/** The server answered 501 ("syntax") after the greeting exchange. Some servers answer so by a rule of theirs: see its text. */
#define SDS_SMTP_SYNTAX 15

/** The program cancelled the mail. (Codes from 32 up are those that the devices do not have.) */
#define SDS_SMTP_CANCELLED 32

/** A pointer is NULL, or a structure, flag or value is not one that this library knows. */
#define SDS_SMTP_BAD_ARGUMENT 33

/** The handle is not one of a living client. */
#define SDS_SMTP_BAD_HANDLE 34

/** `sds_smtp_config.auth`: no login. */
#define SDS_SMTP_AUTH_NONE 0

/** `sds_smtp_config.auth`: PLAIN where the server offers it, else LOGIN. */
#define SDS_SMTP_AUTH_ANY 1

/** `sds_smtp_config.auth`: PLAIN only. */
#define SDS_SMTP_AUTH_PLAIN 2

/** `sds_smtp_config.auth`: LOGIN only. */
#define SDS_SMTP_AUTH_LOGIN 3

/** `sds_smtp_config.flags`: do not use PIPELINING, even where the server offers it. */
#define SDS_SMTP_NO_PIPELINING 1

/**
 * `sds_smtp_message.flags`: a library without an operating system does not copy the text, but takes it from where it is
 * until the mail has ended. Others copy it all the same.
 */
#define SDS_SMTP_BORROW_TEXT 1

/**
 * `sds_smtp_message.flags`: what `read` gives is in the configuration's charset, not in UTF-8. Without it, and without a
 * system, a text that is not UTF-8 ends the mail with code 7; with a system the whole text is there, and is looked at.
 */
#define SDS_SMTP_TEXT_IN_CHARSET 2

/**
 * What `sds_smtp_message.read` returns when it has nothing now, and is to be asked again; with a system, where it is asked in
 * sds_smtp_client_send() and nobody can wait, the mail is refused with code 7.
 */
#define SDS_SMTP_READ_LATER (-2)

/** `outcome`: no mail yet. */
#define SDS_SMTP_OUTCOME_NONE 0

/** `outcome`: the server has the mail. */
#define SDS_SMTP_OUTCOME_SENT 1

/** `outcome`: the server does not have the mail; sending it again is safe. */
#define SDS_SMTP_OUTCOME_NOT_SENT 2

/** `outcome`: the whole mail had left and no answer came; sending it again may deliver it twice. */
#define SDS_SMTP_OUTCOME_UNKNOWN 3

/** `phase`: no mail yet. */
#define SDS_SMTP_PHASE_NONE 0

/** `phase`: checking the arguments; nothing left the device. */
#define SDS_SMTP_PHASE_START 1

/** `phase`: connecting. */
#define SDS_SMTP_PHASE_CONNECT 2

/** `phase`: waiting for the server's greeting. */
#define SDS_SMTP_PHASE_GREETING 3

/** `phase`: EHLO or HELO. */
#define SDS_SMTP_PHASE_HELLO 4

/** `phase`: logging in. */
#define SDS_SMTP_PHASE_AUTH 5

/** `phase`: MAIL FROM, the sender. */
#define SDS_SMTP_PHASE_MAIL 6

/** `phase`: RCPT TO, the recipients. */
#define SDS_SMTP_PHASE_RCPT 7

/** `phase`: DATA. */
#define SDS_SMTP_PHASE_DATA 8

/** `phase`: the text is being sent. */
#define SDS_SMTP_PHASE_TEXT 9

/** `phase`: the final dot has been sent. */
#define SDS_SMTP_PHASE_END 10

/** The entries that a client's log keeps. */
#define SDS_SMTP_LOG_ENTRIES 64

/**
 * A client: one SDS device, with its own configuration, its own single mail in flight, its own log. Opaque.
 *
 * Wherever a function takes one, NULL means the built-in client of sds_smtp_configure(), sds_smtp_send() and
 * sds_smtp_status(). A handle that was freed is recognised: the function returns SDS_SMTP_BAD_HANDLE.
 */
typedef struct sds_smtp_client sds_smtp_client;

/**
 * A configuration. Begin with `SDS_SMTP_CONFIG_INIT`; a field that is 0 or NULL means its default.
 *
 * All strings end with a NUL, are copied by the call, and may be freed or wiped after it.
 */
typedef struct sds_smtp_config {
    /** sizeof(struct sds_smtp_config); SDS_SMTP_CONFIG_INIT sets it. */
    uint32_t struct_size;
    /** 0 or SDS_SMTP_NO_PIPELINING. */
    uint32_t flags;
    /** The server's IPv4 or IPv6 address, as "192.0.2.1" or "2001:db8::1"; no host name. Else code 13. */
    const char *server;
    /** The user name, 1 to 4096 bytes, no line end in it; only with `auth`. Else code 10. */
    const char *username;
    /** The password, 1 to 4096 bytes, no line end in it; only with `auth`. Else code 11. The library's copy is wiped when it ends. */
    const char *password;
    /** The sender's whole e-mail address. Else code 4. */
    const char *sender;
    /** The sender's display name, at most 200 bytes; none by default. With control characters in it: code 4. */
    const char *sender_name;
    /**
     * What EHLO says: a domain name, an address literal, or an IP address, of which the literal is said ("192.0.2.7" becomes
     * "[192.0.2.7]"); by default the literal of our own address. Else code 3.
     */
    const char *ehlo_name;
    /**
     * The charset of text that is not UTF-8, as "windows-1250": letters, digits, - _ +. By default "unknown-8bit", also
     * where this names UTF-8. Else code 33.
     */
    const char *charset;
    /** SDS_SMTP_AUTH_NONE, _ANY, _PLAIN or _LOGIN. Else code 9. */
    uint32_t auth;
    /** The server's port, 1 to 65535; by default 25. Else code 13. */
    uint32_t port;
    /**
     * What sds_smtp_configure() takes from now on for user name and password, in bytes, 1 to 4096; by default 32. The
     * devices' firmware had 16 before 17 July 2010. Else code 33.
     */
    uint32_t credential_limit;
    /** Time limits in milliseconds; the defaults are those of RFC 5321, 4.5.3.2. Until the connection stands: 60000. */
    uint32_t connect_timeout_ms;
    /** Until the greeting: 300000. */
    uint32_t greeting_timeout_ms;
    /** The answer to EHLO or HELO: 300000. */
    uint32_t ehlo_timeout_ms;
    /** Each answer while logging in: 300000. */
    uint32_t auth_timeout_ms;
    /** The answer to MAIL: 300000. */
    uint32_t mail_timeout_ms;
    /** The answer to each RCPT: 300000. */
    uint32_t rcpt_timeout_ms;
    /** The answer to DATA: 120000. */
    uint32_t data_timeout_ms;
    /** Until some more of the text could be sent: 180000. */
    uint32_t block_timeout_ms;
    /**
     * The answer to the end of the data: 600000. A server may scan the mail that long; too short a time makes mails
     * whose outcome is unknown.
     */
    uint32_t final_timeout_ms;
    /** The answers to RSET and QUIT, after the result is known: 5000 each. Nobody waits for them. */
    uint32_t quit_timeout_ms;
    /** The whole mail, from the start to the result: 1800000. */
    uint32_t total_timeout_ms;
} sds_smtp_config;

/**
 * A mail. Begin with `SDS_SMTP_MESSAGE_INIT`.
 *
 * All strings end with a NUL, are copied by the call, and may be freed after it; but see SDS_SMTP_BORROW_TEXT.
 */
typedef struct sds_smtp_message {
    /** sizeof(struct sds_smtp_message); SDS_SMTP_MESSAGE_INIT sets it. */
    uint32_t struct_size;
    /** 0, or a sum of SDS_SMTP_BORROW_TEXT and SDS_SMTP_TEXT_IN_CHARSET. */
    uint32_t flags;
    /** The recipients' e-mail addresses, separated by commas; 1 to 100 of them. Else code 5. */
    const char *to;
    /** The subject, at most 2000 bytes in one line; NULL is an empty one. With a line end in it: code 7. */
    const char *subject;
    /** The text, at most 64 MiB; NULL is an empty one. Lines may end with LF, CR or CRLF and be of any length. */
    const char *text;
    /**
     * Instead of `text`: a function that gives the text piece by piece, so that it may be longer than there is memory for.
     * It writes up to `max` bytes of the text, from the byte number `offset` on, and returns how many; 0 at the end of the
     * text; SDS_SMTP_READ_LATER where it has none now; another negative number where it fails: then the mail ends with
     * code 7, and the server gets nothing of it. It is asked for each piece once, in order. With a system it is
     * asked for all of it within sds_smtp_client_send(); without one out of sds_smtp_poll(), and such a text is sent as
     * quoted-printable.
     */
    int32_t (*read)(void *context, uint32_t offset, char *out, size_t max);
    /** Handed to `read`, untouched. */
    void *read_context;
} sds_smtp_message;

/** How the last mail ended. Begin with `SDS_SMTP_RESULT_INIT`. */
typedef struct sds_smtp_result {
    /** sizeof(struct sds_smtp_result); SDS_SMTP_RESULT_INIT sets it. */
    uint32_t struct_size;
    /** The result code, as sds_smtp_client_status() has it. */
    int32_t code;
    /** What became of the mail: SDS_SMTP_OUTCOME_... */
    uint32_t outcome;
    /** How far it came: SDS_SMTP_PHASE_... */
    uint32_t phase;
    /** The server's reply code (RFC 5321), as 550; 0 where the server did not decide. */
    uint32_t reply_code;
    /** The enhanced status code (RFC 3463), as 5.1.1: class, */
    uint32_t enhanced_class;
    /** subject, */
    uint32_t enhanced_subject;
    /** and detail; zeros where the server gave none. */
    uint32_t enhanced_detail;
    /** Recipients that the server accepted. */
    uint32_t recipients_accepted;
    /** Recipients that the server refused. */
    uint32_t recipients_refused;
    /** Milliseconds from the start to the result. */
    uint32_t elapsed_ms;
    /** The Message-ID with its angle brackets; empty where the mail did not start. */
    char message_id[320];
    /**
     * The server's text in printable ASCII, its lines joined, cut after 255 bytes; where reply_code is 0, the
     * library's own words. Never anything of the credentials.
     */
    char text[256];
} sds_smtp_result;

/** A line of the log: a mail that ended, or one that could not be started. Begin with `SDS_SMTP_LOG_ENTRY_INIT`. */
typedef struct sds_smtp_log_entry {
    /** sizeof(struct sds_smtp_log_entry); SDS_SMTP_LOG_ENTRY_INIT sets it. */
    uint32_t struct_size;
    /** The result code. */
    int32_t code;
    /** When it ended, in milliseconds since 1970, UTC; 0 where the device does not know the date. */
    int64_t time_ms;
    /** Milliseconds from the start to the end. */
    uint32_t elapsed_ms;
    /** What became of the mail: SDS_SMTP_OUTCOME_... */
    uint32_t outcome;
    /** How far it came: SDS_SMTP_PHASE_... */
    uint32_t phase;
    /** The server's reply code, or 0. */
    uint32_t reply_code;
    /** How many recipients the mail had; 0 for a probe. */
    uint32_t recipients;
    /** 0. */
    uint32_t reserved;
    /** The first recipient, or the one that was refused; cut after 95 bytes. */
    char recipient[96];
    /** The server's text, or the library's own words; cut after 127 bytes. Never anything of the credentials. */
    char text[128];
} sds_smtp_log_entry;

/** The version of this header. */
#define SDS_SMTP_VERSION "0.1.0"

/** sds_smtp_client_wait(): as long as it takes. */
#define SDS_SMTP_NO_LIMIT 0xFFFFFFFFu

/** The null pointer of the language, for the macros that begin structures: some compilers warn of a 0 there. */
#if defined(__cplusplus) && __cplusplus >= 201103L
#define SDS_SMTP_NULL nullptr
#else
#define SDS_SMTP_NULL NULL
#endif

/** Begins a configuration: everything at its default. */
#define SDS_SMTP_CONFIG_INIT \
    {sizeof(struct sds_smtp_config), 0, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, \
     SDS_SMTP_NULL, SDS_SMTP_NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}

/** Begins a message. */
#define SDS_SMTP_MESSAGE_INIT \
    {sizeof(struct sds_smtp_message), 0, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL}

/** Begins a result, to be filled by sds_smtp_client_result(). */
#define SDS_SMTP_RESULT_INIT {sizeof(struct sds_smtp_result), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, {0}, {0}}

/** Begins a log entry, to be filled by sds_smtp_client_log(). */
#define SDS_SMTP_LOG_ENTRY_INIT {sizeof(struct sds_smtp_log_entry), 0, 0, 0, 0, 0, 0, 0, 0, {0}, {0}}

#ifdef __cplusplus
extern "C" {
#endif  /* __cplusplus */

/**
 * Configures the built-in client, as the devices' page "CONFIG DNS, SMTP" does: port 25, plain text. On an error the old
 * configuration stays. Allowed while a mail is in flight: that mail keeps the configuration it began with.
 *
 * @param server_ip  the server's IPv4 or IPv6 address, as "192.0.2.1"; no host name
 * @param auth       0: no login, and the credentials are ignored; otherwise: log in, with PLAIN or LOGIN
 * @param username   at most 32 bytes (see sds_smtp_config.credential_limit)
 * @param password   at most 32 bytes
 * @param sender     the sender's whole e-mail address
 * @return 0; 13 server_ip is no IP address; 10 the user name is missing, too long or has a line
 *         end in it; 11 likewise the password; 4 sender
 *         is no e-mail address; 7 out of memory
 */
int sds_smtp_configure(const char *server_ip,
                       int auth,
                       const char *username,
                       const char *password,
                       const char *sender);

/**
 * Starts to send a mail, in the background: copies all it needs and returns at once, without any network access.
 *
 * @param to       the recipients' e-mail addresses, separated by commas
 * @param subject  the subject, in UTF-8; NULL is an empty one
 * @param text     the text, in UTF-8; NULL is an empty one. Lines may end with LF, CR or CRLF
 * @return 0: started, see sds_smtp_status(); 14: the previous mail is still in flight, and nothing was changed; otherwise
 *         the mail could not be started, and this is the status now, too: 5 recipients, 7 subject, text or memory, 13
 *         not configured
 */
int sds_smtp_send(const char *to,
                  const char *subject,
                  const char *text);

/**
 * The state of the built-in client, in one atomic load.
 *
 * @return 14 while a mail is in flight, else the code of the last mail that ended or could not be started; 0 before the
 *         first one
 */
int sds_smtp_status(void);

/**
 * The state of the built-in client in the numbers of FULL-C's smtp_send_status() (see sds_fullc.h).
 *
 * @return 0 before the first mail; 277 while a mail is in flight; 256 when the last one was sent, else 256 and its code
 */
unsigned int sds_smtp_program_status(void);

/**
 * What a code means and what to do, in one English sentence.
 *
 * @param code  a code that a function of this library returned
 * @return a string that lives as long as the program; never NULL
 */
const char *sds_smtp_strerror(int code);

/**
 * The version of the library that is linked, which may be another than the header's SDS_SMTP_VERSION.
 *
 * @return "major.minor.patch"; a string that lives as long as the program
 */
const char *sds_smtp_version(void);

/**
 * Ends a client. A mail in flight is given up, and its connections are closed by the library's thread, soon. Does not block.
 * Its configuration is wiped when the last mail that uses it has ended.
 *
 * @param client  the client; NULL, or one that was freed before, does nothing
 */
void sds_smtp_client_free(struct sds_smtp_client *client);

/**
 * The state of a client, in one atomic load: may be called as often as you like, from any thread.
 *
 * @param client  the client, or NULL for the built-in one
 * @return 14 while a mail is in flight, else the code of the last mail that ended or could not be started; 0 before the
 *         first one; 34
 */
int sds_smtp_client_status(const struct sds_smtp_client *client);

/**
 * Gives up the mail in flight: it ends soon with SDS_SMTP_CANCELLED, unless the server's verdict comes first. Its outcome
 * says whether the server may have it. Does not block; sds_smtp_client_wait() waits for the end.
 *
 * @param client  the client, or NULL for the built-in one
 * @return 0, also when no mail is in flight; 34
 */
int sds_smtp_client_cancel(struct sds_smtp_client *client);

/**
 * Makes a client. It has no configuration, and no mail in flight.
 *
 * @return the client, to be given to sds_smtp_client_free() in the end; NULL when out of memory, or when 65535 live
 */
struct sds_smtp_client *sds_smtp_client_new(void);

/**
 * Waits until the mail in flight has ended. With several threads that send with one client, it is the first mail that
 * ends after the wait began, also where another thread has started the next one by then.
 *
 * @param client      the client, or NULL for the built-in one
 * @param timeout_ms  the longest time to wait, in milliseconds; 0 does not wait; SDS_SMTP_NO_LIMIT as long as it takes
 * @return the code of that mail; without a mail in flight the status; 14 when the time was over before; 34, also when
 *         another thread frees the client meanwhile
 */
int sds_smtp_client_wait(struct sds_smtp_client *client,
                         uint32_t timeout_ms);

/**
 * For programs with an event loop of their own: the library starts no thread from now on, but leaves its work to
 * sds_smtp_poll(). To be called before the first mail, and again in the child of a fork().
 *
 * @return a descriptor to wait on, with poll() or the like, until it is readable: then sds_smtp_poll() has something to
 *         do (on Windows the handle of an event object, to wait on until it is set). It stays the same, and is not to be closed. -1 where the library has started its thread already, or the
 *         system has no descriptor or memory
 */
int sds_smtp_poll_descriptor(void);

/**
 * Does the library's work for all clients, where that is left to the program: what is possible without waiting, and a bounded
 * amount of it: some milliseconds, however many clients there are. Without a system (sds_smtp_firmware.h) it always is; with one, see sds_smtp_poll_descriptor().
 *
 * @param now_ms  the time in milliseconds, where the library has no clock of its own: see sds_smtp_firmware.h. With a
 *                system it is not looked at
 * @return the milliseconds after which it wants to be called again, at the latest, and at once when the descriptor is
 *         readable; SDS_SMTP_NO_LIMIT: only then
 */
uint32_t sds_smtp_poll(uint32_t now_ms);

/**
 * Configures a client. On an error the old configuration stays; a mail in flight keeps the one it began with.
 *
 * @param client  the client, or NULL for the built-in one
 * @param config  the configuration; copied
 * @return 0; or the code of a field that is wrong (see struct sds_smtp_config); 33 where config is NULL or its
 *         struct_size or flags are not known; 34; 7 when out of memory
 */
int sds_smtp_client_configure(struct sds_smtp_client *client,
                              const struct sds_smtp_config *config);

/**
 * Starts to send a mail, in the background: returns at once. What the three-function sds_smtp_send() does, for any
 * client.
 *
 * With several recipients the mail goes to all of them or, when the server refuses one, to none.
 *
 * @param client   the client, or NULL for the built-in one
 * @param message  the mail; copied
 * @return 0: started; 14: the previous mail is still in flight, and nothing was changed; otherwise the mail could not
 *         be started, and this is the status now, too: 5 recipients, 7 subject, text or memory, 13 not configured, 33
 *         where message is NULL or its struct_size or flags are not known; or 34
 */
int sds_smtp_client_send(struct sds_smtp_client *client,
                         const struct sds_smtp_message *message);

/**
 * Starts a probe, in the background: connects, greets, logs in and leaves, and sends no mail. It counts as the mail in
 * flight; its status is 0 when a mail could be sent as far as the login shows, and its outcome "not sent".
 *
 * @param client  the client, or NULL for the built-in one
 * @return 0: started; 14: a mail is in flight; 13 not configured; 7 out of memory; 34
 */
int sds_smtp_client_probe(struct sds_smtp_client *client);

/**
 * Tells how the last mail ended (or was refused). While a mail is in flight it tells of the one before; before the
 * first mail everything is zero.
 *
 * @param client  the client, or NULL for the built-in one
 * @param out     written to on success only; its struct_size stays
 * @return 0; 33 where out is NULL or its struct_size is not known; 34
 */
int sds_smtp_client_result(const struct sds_smtp_client *client,
                           struct sds_smtp_result *out);

/**
 * Reads the log: the newest entries, the oldest of them first.
 *
 * @param client  the client, or NULL for the built-in one
 * @param out     an array; the struct_size of its first element is the size of each. NULL: nothing is written
 * @param max     the elements of the array
 * @return how many were written; where out is NULL or max is 0, how many there are (at most 64); 0 where
 *         that struct_size is not known, or the handle is not one of a living client
 */
size_t sds_smtp_client_log(const struct sds_smtp_client *client,
                           struct sds_smtp_log_entry *out,
                           size_t max);

#ifdef __cplusplus
}  /* extern "C" */
#endif  /* __cplusplus */

#endif  /* SDS_SMTP_H */
