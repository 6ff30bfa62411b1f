/*
 * sds_smtp.h - send a mail from a C program.
 *
 *     sds_smtp_configure("192.0.2.25", 1, "unit7", "secret", "unit7@example.com");
 *     sds_smtp_send("operator@example.com", "Boiler room", "Temperature 93 degrees.");
 *     while (sds_smtp_status() == SDS_SMTP_BUSY) { ... the device's own work ... }
 *
 * A device program needs these three functions only. They work on one built-in client. Everything else takes
 * a handle (sds_smtp_client); NULL is the handle of the built-in client.
 *
 * Mails are sent in the background, by one thread of the library for all clients. Each client has one mail in
 * flight at a time. Only sds_smtp_client_wait() and sds_smtp_shutdown() block, and sds_smtp_client_free()
 * while a callback of that client runs. A mail in flight is lost when the process ends: wait for it or shut
 * down before.
 *
 * The library calls back only where a program asks for it: `read`, `done`, `trace`, a transport. A callback
 * may call every function; wait and shutdown answer SDS_SMTP_BUSY there. docs/threads-and-loops.md has the
 * rules.
 *
 * All functions may be called from any thread, but not from a signal handler; fork() is not allowed there
 * either. After fork() the child has the same clients and configurations, and no mail in flight; the parent's
 * mail goes on. Handlers of pthread_atfork() may call the library. Inside a function of the library, and in a
 * callback, pthread_cancel() has no effect; it takes effect at the thread's next cancellation point. A loop
 * that calls only the library needs a pthread_testcancel().
 *
 * Functions return a result code, which sds_smtp_strerror() describes. NULL where a pointer is needed gives a
 * code, never a crash. Structures begin with struct_size: initialise them with their _INIT macro.
 *
 * docs/c-api.md has the conventions of this interface on one page: ownership, threads, strings, structures,
 * errors, callbacks, fork, descriptors, and what is not allowed.
 *
 * This file is generated from the library's source; do not edit it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */

#ifndef SDS_SMTP_H
#define SDS_SMTP_H

#include <stddef.h>
#include <stdint.h>

/** The server has accepted the mail: it answered 2xx to the end of the data. */
#define SDS_SMTP_OK 0

/** A deadline passed, in any phase, connecting included. */
#define SDS_SMTP_TIMEOUT 1

/**
 * Try again later. The greeting is not 220, or did not come; or the server answered 421 in any phase before
 * it accepted the mail, or 4xx to the login, which says nothing about user name and password.
 */
#define SDS_SMTP_NOT_READY 2

/** EHLO and then HELO were refused, or the connection was lost there. */
#define SDS_SMTP_HELO_FAILED 3

/**
 * The sender was refused (or the connection was lost there), or is not an e-mail address. With 530: the
 * server wants a login.
 */
#define SDS_SMTP_SENDER_REFUSED 4

/**
 * A recipient was refused, other than by 6, 12 and 15 (or the connection was lost there); or is not an
 * e-mail address.
 */
#define SDS_SMTP_RECIPIENT_REFUSED 5

/**
 * The server refused to relay to the recipient ("relay access denied"), or answered 530. Log in, or use
 * another server.
 */
#define SDS_SMTP_RELAY_DENIED 6

/**
 * The server did not accept the data, or the connection was lost while the data was sent; the mail is too
 * large (also 552 to the sender); the subject has a line end in it; out of memory.
 */
#define SDS_SMTP_DATA_FAILED 7

/**
 * The server refused the mail after its end; or the connection was lost before that reply came, and the
 * outcome is unknown.
 */
#define SDS_SMTP_DATA_END_FAILED 8

/**
 * The configuration asks for a login, and the server offers none that may be used (or the connection was
 * lost there).
 */
#define SDS_SMTP_AUTH_UNSUPPORTED 9

/** The user name was refused (or the connection was lost there), is missing or too long. */
#define SDS_SMTP_BAD_USERNAME 10

/** The login was refused (or the connection was lost there); or the password is missing or too long. */
#define SDS_SMTP_BAD_PASSWORD 11

/**
 * The server answered 550 to the recipient, for another reason than relaying (6). 550 with the enhanced
 * status code X.1.1, "no such mailbox", is always this code.
 */
#define SDS_SMTP_INVALID_RECIPIENT 12

/** No connection, or no usable server configured. */
#define SDS_SMTP_CONNECT_FAILED 13

/** The previous mail is still in flight. */
#define SDS_SMTP_BUSY 14

/**
 * The server answered 501 ("syntax error") after EHLO or HELO. Some servers use 501 for rules of their own:
 * see the text of the result.
 */
#define SDS_SMTP_SYNTAX 15

/** The program cancelled the mail. (The devices do not have the codes from 32 on.) */
#define SDS_SMTP_CANCELLED 32

/** A pointer is NULL, or this library does not know a structure, flag or value. */
#define SDS_SMTP_BAD_ARGUMENT 33

/** The handle is not that of a client, or the client was freed. */
#define SDS_SMTP_BAD_HANDLE 34

/** The server's name has no address, or the name service gave no answer in time. */
#define SDS_SMTP_NAME_NOT_FOUND 35

/** The TLS handshake failed, or one side speaks no TLS on this port. The text of the result says which. */
#define SDS_SMTP_TLS_FAILED 36

/** The server's certificate is not trusted. The text of the result says why. */
#define SDS_SMTP_TLS_UNTRUSTED 37

/** TLS is required, and the server does not offer STARTTLS. */
#define SDS_SMTP_TLS_UNAVAILABLE 38

/**
 * A field that is not 0, or the mail, needs something that the server, or this build of the library, does
 * not have.
 */
#define SDS_SMTP_NOT_SUPPORTED 39

/**
 * A file of the configuration, or a read function of the mail, failed. On bare metal a read function that
 * fails gives 7.
 */
#define SDS_SMTP_READ_FAILED 40

/**
 * With SDS_SMTP_PARTIAL: some recipients have the mail, and others do not. sds_smtp_client_recipients() says
 * what became of each. In a dry run: some were accepted, and others were not.
 */
#define SDS_SMTP_PARTLY_SENT 41

/** `sds_smtp_config.auth`: no login. */
#define SDS_SMTP_AUTH_NONE 0

/**
 * `sds_smtp_config.auth`, alone: the strongest of SCRAM-SHA-256, SCRAM-SHA-1 and CRAM-MD5 that the server
 * offers; else PLAIN or LOGIN, but over TLS that verifies the server only. On bare metal: PLAIN, else LOGIN,
 * with TLS or without.
 */
#define SDS_SMTP_AUTH_ANY 1

/** `sds_smtp_config.auth`: PLAIN may be used. Without TLS everybody on the way reads the password then. */
#define SDS_SMTP_AUTH_PLAIN 2

/** `sds_smtp_config.auth`: LOGIN may be used. Likewise. */
#define SDS_SMTP_AUTH_LOGIN 4

/** `sds_smtp_config.auth`: CRAM-MD5 may be used. This and what follows is not on bare metal (code 39). */
#define SDS_SMTP_AUTH_CRAM_MD5 8

/** `sds_smtp_config.auth`: SCRAM-SHA-1 may be used. */
#define SDS_SMTP_AUTH_SCRAM_SHA_1 16

/** `sds_smtp_config.auth`: SCRAM-SHA-256 may be used. */
#define SDS_SMTP_AUTH_SCRAM_SHA_256 32

/**
 * `sds_smtp_config.auth`: XOAUTH2 may be used: `password` is a token of OAuth 2.0, which is sent over TLS
 * that verifies the server only. Not in SDS_SMTP_AUTH_ANY.
 */
#define SDS_SMTP_AUTH_XOAUTH2 64

/** `sds_smtp_config.auth`: OAUTHBEARER may be used. Likewise. */
#define SDS_SMTP_AUTH_OAUTHBEARER 128

/** `sds_smtp_config.flags`: do not use PIPELINING, even where the server offers it. */
#define SDS_SMTP_NO_PIPELINING 1

/**
 * `sds_smtp_config.flags`: use BDAT (RFC 3030) where the server offers CHUNKING and PIPELINING. Not on bare
 * metal.
 */
#define SDS_SMTP_CHUNKING 2

/** `sds_smtp_config.flags`: keep the newest 4 KiB of the last conversation for sds_smtp_client_dialogue(). */
#define SDS_SMTP_KEEP_DIALOGUE 4

/** `sds_smtp_config.tls`: no TLS. */
#define SDS_SMTP_TLS_NONE 0

/** `sds_smtp_config.tls`: STARTTLS (port 587); nothing is sent without it: code 38. */
#define SDS_SMTP_TLS_STARTTLS 1

/** `sds_smtp_config.tls`: TLS from the first octet on (port 465). */
#define SDS_SMTP_TLS_IMPLICIT 2

/**
 * `sds_smtp_config.tls`: STARTTLS where the server offers it and does not refuse it, with whatever
 * certificate; else in the clear, a login, too. It keeps out who only listens. Not on bare metal.
 */
#define SDS_SMTP_TLS_OPPORTUNISTIC 3

/**
 * `sds_smtp_message.flags`, `sds_smtp_attachment.flags`: `text`, or `data`, is not copied; it must stay
 * unchanged until the mail has ended: until `done` is called, or the status is no longer SDS_SMTP_BUSY.
 * sds_smtp_client_free() returns when nothing reads it any more (called in a callback, it does not wait).
 */
#define SDS_SMTP_BORROW_TEXT 1

/**
 * `sds_smtp_message.flags`: the text in `text_path`, and on bare metal the text that `read` gives, is in the
 * configuration's charset, not in UTF-8: without the flag the mail ends with code 7. For `text` and `html`,
 * and with an operating system for `read`, it means nothing: what is not UTF-8 is in that charset.
 */
#define SDS_SMTP_TEXT_IN_CHARSET 2

/**
 * `sds_smtp_message.flags`: `text`, `text_path` or `read` is a whole message (RFC 5322) with its header
 * block, which is sent as it is: only line ends become CRLF. `to` says who gets it. `subject`, `html`,
 * `headers`, `attachments`, `date`, `message_id` and `priority` are not used. With a Bcc field in it: code
 * 33. With bytes above 127, and a server without 8BITMIME: code 39. Not on bare metal.
 */
#define SDS_SMTP_RAW 4

/**
 * `sds_smtp_message.flags`: whoever the server accepts gets the mail. Without it all recipients get the mail
 * or, if the server refuses one, nobody. Recipients that the server does not take at a time get it in several
 * transactions on the same connection, with the same Message-ID; a further attempt repeats only recipients
 * that have not got it and were not refused for good. Not on bare metal.
 *
 * If all have it: code 0, "sent". If some have it: 41, "sent". If nobody has it: the code of the first one in
 * the list, "not sent". If it is not known whether some have it: the code of the first of these, "unknown";
 * the mail ends there. Reply and text of the result, unless the code is 0, are of the first one that has not
 * got it, or of whom that is not known. sds_smtp_client_recipients() tells of each.
 */
#define SDS_SMTP_PARTIAL 8

/**
 * `sds_smtp_message.flags`: try everything up to the last recipient, then RSET: nothing is sent. The code is
 * 0 if the server accepted them all, with SDS_SMTP_PARTIAL 41 if it accepted some; the outcome is "not
 * sent". Not on bare metal.
 */
#define SDS_SMTP_DRY_RUN 16

/**
 * `sds_smtp_message.flags`: the header block says that no person has written the mail (Auto-Submitted:
 * auto-generated, RFC 3834): no answering machine answers it. Not on bare metal.
 */
#define SDS_SMTP_AUTO_SUBMITTED 32

/**
 * `sds_smtp_message.read` returns this if it has nothing now: on bare metal sds_smtp_poll() calls it again
 * later. With an operating system sds_smtp_client_send() cannot wait, and refuses the mail with code 40. An
 * attachment's `read` is called again some milliseconds later.
 */
#define SDS_SMTP_READ_LATER (-2)

/** `sds_smtp_message.verb`: MAIL, to the recipients' mailboxes. */
#define SDS_SMTP_VERB_MAIL 0

/**
 * `sds_smtp_message.verb`: SEND (RFC 821, 3.4), to the recipients' terminals. Who is not at one is refused
 * with 450.
 */
#define SDS_SMTP_VERB_SEND 1

/** `sds_smtp_message.verb`: SOML, to the terminal or else to the mailbox. */
#define SDS_SMTP_VERB_SOML 2

/** `sds_smtp_message.verb`: SAML, to the terminal and to the mailbox. */
#define SDS_SMTP_VERB_SAML 3

/** `sds_smtp_message.priority`: no such header field. */
#define SDS_SMTP_PRIORITY_NORMAL 0

/** `sds_smtp_message.priority`: X-Priority: 1, Importance: high, Priority: urgent. */
#define SDS_SMTP_PRIORITY_HIGH 1

/** `sds_smtp_message.priority`: X-Priority: 5, Importance: low, Priority: non-urgent. */
#define SDS_SMTP_PRIORITY_LOW 2

/** `sds_smtp_message.dsn`: the sender is told that the mail was delivered. */
#define SDS_SMTP_DSN_SUCCESS 1

/** `sds_smtp_message.dsn`: the sender is told that it could not be delivered. */
#define SDS_SMTP_DSN_FAILURE 2

/** `sds_smtp_message.dsn`: the sender is told that it is late. */
#define SDS_SMTP_DSN_DELAY 4

/** `sds_smtp_message.dsn`: the sender is told nothing. It stands alone. */
#define SDS_SMTP_DSN_NEVER 8

/** `sds_smtp_message.dsn`: what comes back has the whole mail (RET=FULL); else its header block. */
#define SDS_SMTP_DSN_FULL 16

/** `outcome`: no mail yet. */
#define SDS_SMTP_OUTCOME_NONE 0

/** `outcome`: the server has the mail. */
#define SDS_SMTP_OUTCOME_SENT 1

/** `outcome`: the server does not have the mail; sending it again is safe. */
#define SDS_SMTP_OUTCOME_NOT_SENT 2

/** `outcome`: the whole mail was sent and no reply came; sending it again may deliver it twice. */
#define SDS_SMTP_OUTCOME_UNKNOWN 3

/** `sds_smtp_result.advice`: the mail was sent, with code 41 to some; or there is nothing to do. */
#define SDS_SMTP_ADVICE_NONE 0

/** `sds_smtp_result.advice`: it was not sent, and may go later as it is. */
#define SDS_SMTP_ADVICE_LATER 1

/** `sds_smtp_result.advice`: it was not sent; change the configuration. */
#define SDS_SMTP_ADVICE_CONFIGURATION 2

/** `sds_smtp_result.advice`: it was not sent; change the mail. */
#define SDS_SMTP_ADVICE_MESSAGE 3

/** `sds_smtp_result.advice`: nobody knows whether it was sent; look into the recipient's mailbox. */
#define SDS_SMTP_ADVICE_UNKNOWN 4

/** sds_smtp_features(): TLS. */
#define SDS_SMTP_FEATURE_TLS 1

/** sds_smtp_features(): the server may be a host name. */
#define SDS_SMTP_FEATURE_NAMES 2

/** sds_smtp_features(): IPv6, quoted-printable, SIZE and quoted local parts. */
#define SDS_SMTP_FEATURE_COMPLETE 4

/** sds_smtp_features(): HTML, attachments, files, whole messages, and further header fields. */
#define SDS_SMTP_FEATURE_PARTS 8

/** `phase`: no mail yet. */
#define SDS_SMTP_PHASE_NONE 0

/** `phase`: between two attempts. Only in the log: the entry of an attempt that is repeated. */
#define SDS_SMTP_PHASE_WAITING 5

/** `phase`: checking the arguments; nothing was sent. */
#define SDS_SMTP_PHASE_START 10

/** `phase`: looking the server's name up. */
#define SDS_SMTP_PHASE_RESOLVE 20

/** `phase`: connecting. */
#define SDS_SMTP_PHASE_CONNECT 30

/** `phase`: TLS from the first octet on. */
#define SDS_SMTP_PHASE_TLS 40

/** `phase`: waiting for the server's greeting. */
#define SDS_SMTP_PHASE_GREETING 50

/** `phase`: EHLO or HELO. */
#define SDS_SMTP_PHASE_HELLO 60

/** `phase`: STARTTLS. */
#define SDS_SMTP_PHASE_STARTTLS 70

/** `phase`: logging in. */
#define SDS_SMTP_PHASE_AUTH 80

/** `phase`: MAIL FROM, the sender. */
#define SDS_SMTP_PHASE_MAIL 90

/** `phase`: RCPT TO, the recipients. */
#define SDS_SMTP_PHASE_RCPT 100

/** `phase`: DATA. */
#define SDS_SMTP_PHASE_DATA 110

/** `phase`: the text is being sent. */
#define SDS_SMTP_PHASE_TEXT 120

/** `phase`: the final dot has been sent. */
#define SDS_SMTP_PHASE_END 130

/** The number of entries that a client's log keeps. */
#define SDS_SMTP_LOG_ENTRIES 64

/** A callback of sds_smtp_transport: the connection ended, or was never there. */
#define SDS_SMTP_LOST (-1)

/** A callback of sds_smtp_transport: the server's machine refused the connection. */
#define SDS_SMTP_REFUSED (-2)

/** A callback of sds_smtp_transport: there is no way to the server, or no network. */
#define SDS_SMTP_UNREACHABLE (-3)

/** A callback of sds_smtp_transport: there is no memory for a connection, or too many are open. */
#define SDS_SMTP_NO_SOCKET (-4)

/**
 * A callback of sds_smtp_transport: the server's certificate is not trusted, not valid now, or for another
 * server. The mail ends with code 37.
 */
#define SDS_SMTP_TRANSPORT_UNTRUSTED (-5)

/** A callback of sds_smtp_transport: TLS failed in any other way. The mail ends with code 36. */
#define SDS_SMTP_TRANSPORT_TLS_FAILED (-6)

/** start_tls, close and resolve of sds_smtp_transport: not done, call me again at once. */
#define SDS_SMTP_TRANSPORT_AGAIN 2

/**
 * `sds_smtp_transport.flags`: on bare metal the program calls sds_smtp_poll() by itself when a function that
 * returned 0 has something to say or to do: when the connection is made, has something to read, or has room
 * again. Then sds_smtp_poll() returns the time to the next deadline, instead of asking for a call every few
 * milliseconds. With an operating system it has no effect: see `descriptor`.
 */
#define SDS_SMTP_TRANSPORT_WAKES 1

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
 * All strings end with a NUL, are copied by the call, and may be freed or wiped after it. A field that is
 * not 0 or NULL, and that this build of the library lacks, gives code 39. sds_smtp_client_refusal() says
 * which field was refused, and why.
 */
typedef struct sds_smtp_config {
    /** sizeof(struct sds_smtp_config); SDS_SMTP_CONFIG_INIT sets it. */
    uint32_t struct_size;
    /**
     * 0, or a sum of SDS_SMTP_NO_PIPELINING, SDS_SMTP_CHUNKING and SDS_SMTP_KEEP_DIALOGUE. SDS_SMTP_CHUNKING:
     * where the server offers CHUNKING (RFC 3030) and PIPELINING, the mail goes with BDAT. To one recipient,
     * up to 64 KiB, it goes out at once with its envelope, one answer earlier. A server that refuses the
     * recipient and does not read on over the mail takes its text for commands: use it with servers that you
     * know. Where the server does not know BDAT after all, the mail goes with DATA on another connection, if
     * nothing of it can have been delivered. Not on bare metal (code 39).
     */
    uint32_t flags;
    /**
     * The server: an IP address or a host name, each with a port where it is not `port`: "192.0.2.1",
     * "mail.example.org:587", "[2001:db8::1]:2525", "2001:db8::1", "fe80::1%eth0". Several are separated by
     * commas, at most 100, and tried in this order: the next one follows only where the one before cannot be
     * reached, does not answer in time, or refuses for now (4xx), and never where the mail may have been
     * sent. A name with other letters than ASCII needs a build with the feature `unicode` (code 39), or its
     * form in ASCII ("xn--..."). On bare metal: one IP address, or a name, if the transport has `resolve`,
     * and has been set before; each with a port, but for libsds_smtp_small.a. Else code 13.
     */
    const char *server;
    /**
     * The user name, 1 to 4096 bytes, no line end in it; only with `auth`. Else code 10. Without `auth` it is
     * kept, and not used: if the server asks for a login then, the result says that `auth` is 0.
     */
    const char *username;
    /**
     * The password, 1 to 4096 bytes, no line end in it; only with `auth`. Else code 11. Where `auth` has only
     * XOAUTH2 and OAUTHBEARER: the token, at most 16384 bytes; where it has one of them neither this nor the
     * user name has a control character. SCRAM has it, and the user name, normalized (RFC 4013) in a build
     * with the feature `unicode`, where it is UTF-8; all else as it is. The library wipes its copy, and the
     * keys that SCRAM makes of it, when the configuration ends.
     */
    const char *password;
    /** The sender's whole e-mail address. Else code 4. */
    const char *sender;
    /** The sender's display name, at most 200 bytes; none by default. With a control character in it: 4. */
    const char *sender_name;
    /**
     * What EHLO says: a domain name, an address literal, or an IP address, which becomes a literal
     * ("192.0.2.7" becomes "[192.0.2.7]"). By default the literal of the client's own address. Else code 3.
     */
    const char *ehlo_name;
    /**
     * The charset of text that is not UTF-8, as "windows-1250": letters, digits, - _ +. By default, and if
     * this names UTF-8, "unknown-8bit". Else code 33.
     */
    const char *charset;
    /**
     * The client's own IP address that it connects from; by default the system chooses. Addresses of the
     * server of the other IP version are left out. No address: code 33. Not on bare metal.
     */
    const char *source;
    /**
     * The certificates of the authorities that are trusted, instead of those of the system: the path of a
     * file, or its content (PEM), at most 1 MiB. A file that cannot be read: code 40; garbage: 33; no
     * certificates in the system: 37. Files are read by this call only.
     */
    const char *tls_ca;
    /** The client's own certificate with its chain, where the server wants one: a path, or PEM. */
    const char *tls_certificate;
    /** Its private key, not encrypted: a path, or PEM. The library wipes its copy. */
    const char *tls_key;
    /**
     * The server's own public key, as "sha256//BASE64", several separated by ";": the SHA-256 of its
     * SubjectPublicKeyInfo. It takes the place of issuer, dates and name; with `tls_ca` both must hold.
     */
    const char *tls_pin;
    /**
     * The name or the IP address in the server's certificate, where it is another one than in `server`. On
     * bare metal the transport's start_tls is told it.
     */
    const char *tls_name;
    /**
     * Called for every line of the conversation, on the library's thread, when the line was said: "S: 220
     * mail.example.org", "C: EHLO [192.0.2.7]". User name and password are masked, the mail's text is left
     * out, `line` has no line end and is the callback's until it returns. Lines that begin with "# " are the
     * library's own notes: the name that is looked up, the address that is connected to, what ended an
     * attempt without a word of the server, and what follows. After the end of the mail it is not called:
     * the answer to QUIT is only in the dialogue (SDS_SMTP_KEEP_DIALOGUE). docs/threads-and-loops.md says
     * what it may do. Not on bare metal.
     */
    void (*trace)(void *context, const char *line);
    /** Handed to `trace`, untouched. */
    void *trace_context;
    /** NULL. */
    const void *reserved_pointer;
    /**
     * SDS_SMTP_AUTH_NONE, SDS_SMTP_AUTH_ANY, or a sum of the others, of which the strongest is used that the
     * server offers: SCRAM-SHA-256, SCRAM-SHA-1, CRAM-MD5, OAUTHBEARER, XOAUTH2, PLAIN, LOGIN. One that it
     * refuses as such is followed by the next; a wrong password never is. An unknown bit, or _ANY with
     * others: code 33. Only XOAUTH2 and OAUTHBEARER, and no TLS that verifies the server: code 39. TLS does
     * so with SDS_SMTP_TLS_STARTTLS and _IMPLICIT, and where a transport of the program has start_tls.
     * docs/logins.md has a table.
     */
    uint32_t auth;
    /**
     * The port of servers that `server` names without one, 1 to 65535; by default 25, with
     * SDS_SMTP_TLS_STARTTLS 587, with SDS_SMTP_TLS_IMPLICIT 465. Else code 13.
     */
    uint32_t port;
    /**
     * SDS_SMTP_TLS_NONE, _STARTTLS, _IMPLICIT or _OPPORTUNISTIC. Where a transport of the program has
     * start_tls, it speaks TLS, and tls_ca, tls_certificate, tls_key and tls_pin are refused (39). The
     * fields above with SDS_SMTP_TLS_NONE, or those that verify with _OPPORTUNISTIC: code 33. In a build
     * without TLS (LEAN=1), without such a transport: code 39. On bare metal _STARTTLS and _IMPLICIT need
     * such a transport, which has been set before; without it, with _OPPORTUNISTIC and in
     * libsds_smtp_small.a: 39. If another one without start_tls is set later, the mails end with code 36.
     */
    uint32_t tls;
    /**
     * The longest user name and password that sds_smtp_configure() accepts from now on, in bytes, 1 to 4096;
     * by default 32. The devices' firmware had 16 before 17 July 2010. Else code 33.
     */
    uint32_t credential_limit;
    /**
     * The time limits are in milliseconds; the defaults are those of RFC 5321, 4.5.3.2. This one: until the
     * connection is made, with the lookup of the name, all addresses of one server, and TLS from the first
     * octet on, 60000. With STARTTLS the answer to it and the handshake have the same time, each.
     */
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
    /** Until more of the text could be sent: 180000. It begins anew whenever some was. */
    uint32_t block_timeout_ms;
    /**
     * The answer to the end of the data: 600000. A server may scan the mail that long; too short a time
     * makes mails whose outcome is unknown.
     */
    uint32_t final_timeout_ms;
    /** The answers to RSET and QUIT, after the result is known: 5000 each. They do not delay the result. */
    uint32_t quit_timeout_ms;
    /** The whole mail with all its attempts, from the start to the result: 1800000. */
    uint32_t total_timeout_ms;
    /**
     * How often a mail is attempted again that was not sent, where that may help: after a temporary refusal
     * (4xx), a timeout, a lost connection, or where no server could be reached. A mail whose outcome is
     * unknown is never repeated. By default 0. `total_timeout_ms` has to have room for all attempts: by
     * default it has for four further ones. The client is busy (14) meanwhile. Not on bare metal.
     */
    uint32_t retry_max;
    /**
     * The wait before the first further attempt, in milliseconds, 60000 by default. It doubles each time, up
     * to 15 minutes, and varies by a quarter. No attempt begins with less than 30 seconds of
     * `total_timeout_ms` left: then the mail ends, and the text of the result says so.
     */
    uint32_t retry_delay_ms;
    /**
     * How long the connection stays after a mail, for the client's next one, in milliseconds, any number; by
     * default 0: it ends with QUIT. It stays behind a mail that was sent or refused, a dry run and a probe;
     * not after a timeout, a cancellation or 421. No other client uses it. The next mail needs no connection,
     * TLS and login then; after more than a second, and behind a refusal, RSET goes first. Where the server
     * has closed it meanwhile, the mail goes over another connection: this is no further attempt.
     *
     * A new configuration, the same one again included, another transport, sds_smtp_client_free() and
     * sds_smtp_shutdown() end it with QUIT. A process without descriptors ends the oldest one so. Where the
     * process ends it is only closed. After fork() it is the parent's; the child makes its own. A server may
     * allow few mails on a connection (LIMITS, RFC 9422: kept), and a shorter time. Not on bare metal (39).
     */
    uint32_t keep_alive_ms;
    /** 0. */
    uint32_t reserved;
    /** 0. */
    uint32_t reserved_2;
} sds_smtp_config;

/**
 * An attachment, or an inline part of `html`. Begin with `SDS_SMTP_ATTACHMENT_INIT`, and give exactly one of
 * `data`, `path` and `read`. What is wrong here gives code 33, if nothing else is said.
 *
 * All strings end with a NUL. The call copies them.
 */
typedef struct sds_smtp_attachment {
    /** sizeof(struct sds_smtp_attachment); SDS_SMTP_ATTACHMENT_INIT sets it. */
    uint32_t struct_size;
    /**
     * 0, or SDS_SMTP_BORROW_TEXT: `data` is not copied. It must stay unchanged until `done` is called or the
     * status is no longer SDS_SMTP_BUSY.
     */
    uint32_t flags;
    /** The number of bytes of `data`, or of what `read` gives; for `read`, 0: not known. 0 with `path`. */
    uint64_t length;
    /**
     * The name of the file, in UTF-8, at most 255 bytes; no path, no control characters, none that turn the
     * direction of writing. NULL: the last part of `path`, or none.
     */
    const char *name;
    /**
     * Its type, such as "text/csv; charset=utf-8", at most 255 bytes. NULL: application/octet-stream. Not
     * message/... or multipart/...
     */
    const char *content_type;
    /**
     * What `html` calls it as "cid:...", without angle brackets, ASCII, at most 200 bytes: an inline part,
     * which without `html` stands behind the text. NULL: an attachment.
     */
    const char *content_id;
    /** The bytes; not NULL where `length` is 0, too. */
    const void *data;
    /**
     * A file, which is read while the mail is sent. If it cannot be read, or becomes shorter or longer
     * meanwhile, the mail ends with code 40 and is not delivered. Directories and devices give code 40.
     */
    const char *path;
    /**
     * A function that gives the bytes, as sds_smtp_message.read does; but the library calls it on a thread
     * of its own, while the mail is sent, never twice at the same time for one mail. It is asked until it
     * returns 0, also where `length` says how much there is: fewer or more bytes, or a failure, end the mail
     * with code 40, and nothing is delivered. It may block: that holds up this mail only, until its deadline
     * (four at the same time: then also other mails with files or such functions). An attempt that is
     * repeated begins with offset 0 again. When the mail has ended the last call may not have returned yet:
     * `done` is called, and sds_smtp_client_free() returns, behind it.
     */
    int32_t (*read)(void *context, uint64_t offset, char *out, size_t max);
    /** Handed to `read`, untouched. */
    void *read_context;
    /** NULL. */
    void *reserved_pointer;
} sds_smtp_attachment;

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
    /**
     * How often it was attempted, 1 where it was not repeated; 0 where it did not start, and on bare
     * metal.
     */
    uint32_t attempts;
    /** What to do: SDS_SMTP_ADVICE_...; 0 on bare metal. */
    uint32_t advice;
    /**
     * The version of TLS that protected the last attempt: 0x0303 (1.2), 0x0304 (1.3); 0: none, or a
     * transport's.
     */
    uint32_t tls_version;
    /**
     * The Message-ID with its angle brackets; empty where the mail did not start, and with SDS_SMTP_RAW: that
     * mail has its own. All attempts have the same.
     */
    char message_id[320];
    /**
     * The server that the last attempt tried: its address and port, as "192.0.2.1:25"; a name that had no
     * address to connect to as "mail.example.org:25", cut after 63 bytes. Empty where there was none, and on
     * bare metal.
     */
    char server[64];
    /** The recipient that the server refused, where that decided; empty on bare metal. */
    char recipient[256];
    /**
     * The server's text in printable ASCII, its lines joined, and behind it what it may mean, in the
     * library's words; where reply_code is 0, the library's words alone. Cut after 255 bytes. Never anything
     * of the credentials.
     */
    char text[256];
} sds_smtp_result;

/**
 * A mail. Begin with `SDS_SMTP_MESSAGE_INIT`.
 *
 * All strings end with a NUL. The call copies them, and they may be freed after it (but see
 * SDS_SMTP_BORROW_TEXT). A field that is not 0 or NULL, and that this build of the library lacks, gives code
 * 39.
 */
typedef struct sds_smtp_message {
    /** sizeof(struct sds_smtp_message); SDS_SMTP_MESSAGE_INIT sets it. */
    uint32_t struct_size;
    /**
     * 0, or a sum of SDS_SMTP_BORROW_TEXT, SDS_SMTP_TEXT_IN_CHARSET, SDS_SMTP_RAW, SDS_SMTP_PARTIAL,
     * SDS_SMTP_DRY_RUN and SDS_SMTP_AUTO_SUBMITTED.
     */
    uint32_t flags;
    /**
     * The recipients, as people write them: "a@example.org, Boiler room <b@example.org>", separated by
     * commas or semicolons; docs/addresses.md says what is taken. `to`, `cc` and `bcc` together: 1 to 100000
     * (code 5). An address with other letters than ASCII before its @ needs a server with SMTPUTF8, one
     * behind it a library with the feature `unicode` (code 39). On bare metal addresses only, 1 to 100, and
     * no `cc` to `reverse_path`.
     */
    const char *to;
    /** Recipients that Cc names. */
    const char *cc;
    /** Recipients that the mail does not name. */
    const char *bcc;
    /** Where answers go to, a list as `to`. Else code 33. */
    const char *reply_to;
    /** The author, instead of the configuration's sender: "Name <address>" or an address. Else code 4. */
    const char *from;
    /**
     * The reverse-path of the envelope, to which the servers send what they have to say of the mail, where it
     * is not the author's address. "<>" is the null one: nothing comes back. Else code 4.
     */
    const char *reverse_path;
    /** The subject, one line of at most 2000 bytes; NULL is an empty one. With a line end in it: code 7. */
    const char *subject;
    /**
     * The text, at most 64 MiB; NULL is an empty one. Lines may end with LF, CR or CRLF and be of any
     * length.
     */
    const char *text;
    /**
     * The same as HTML, at most 64 MiB (code 7), always copied; NULL: none. With `text`, or `text_path`,
     * readers show what they can. Not on bare metal.
     */
    const char *html;
    /**
     * Instead of `text`: a file with the text, which is read while the mail is sent. It is UTF-8, or with
     * SDS_SMTP_TEXT_IN_CHARSET in the configuration's charset, and sent as quoted-printable. If it cannot be
     * read the mail ends with code 40, if it is not UTF-8 with code 7, and is not delivered. Not on bare
     * metal.
     */
    const char *text_path;
    /**
     * Instead of `text`: a function that gives the text in pieces. It writes up to `max` bytes of the text
     * into `out`, from byte number `offset` on. It returns the number of bytes written; 0 at the end of the
     * text; SDS_SMTP_READ_LATER if it has nothing now; another negative number if it fails: then the mail
     * ends with code 40 (7 on bare metal) and is not delivered. The library asks for each piece once, in
     * order. With an operating system it reads the whole text within sds_smtp_client_send(). On bare metal
     * it reads within sds_smtp_poll(), so that the text may be longer than the memory, and sends it as
     * quoted-printable.
     */
    int32_t (*read)(void *context, uint32_t offset, char *out, size_t max);
    /** Handed to `read`, untouched. */
    void *read_context;
    /**
     * Further header fields, each "Name: value"; the last pointer is NULL. Values are folded; one with other
     * letters than ASCII is encoded. Code 33: fields that the library writes itself (Date, From, To, Cc,
     * Bcc, Reply-To, Subject, Message-ID, MIME-Version, Content-..., those of `priority` and
     * SDS_SMTP_AUTO_SUBMITTED where they are set), Return-Path, Received and Resent-Bcc; a line end; no
     * colon; a blank in the name, or more than 76 bytes; a control character; a word over 900 bytes; more
     * than 1 MiB together. Not on bare metal, nor are the fields below.
     */
    const char *const *headers;
    /** Attachments, and inline parts of `html`: an array of `attachment_count` structures. */
    const struct sds_smtp_attachment *attachments;
    /**
     * The Message-ID, with its angle brackets, at most 319 bytes. By default the library makes one. Else code
     * 33.
     */
    const char *message_id;
    /**
     * What notices about the delivery name the mail by (ENVID, RFC 3461): printable ASCII, at most 100 bytes,
     * where blanks, + and = count as three. Else code 33.
     */
    const char *envelope_id;
    /**
     * Called once when the mail has ended, on the library's thread (in the program's own sds_smtp_poll()
     * after sds_smtp_use_event_loop()), after sds_smtp_client_send() has returned 0. The status is final
     * then; `result` is the callback's until it returns. It may call every function, and send the next mail;
     * docs/threads-and-loops.md has the rules. Not after sds_smtp_client_free(), not in the child of a fork.
     * Not on bare metal.
     */
    void (*done)(void *context, struct sds_smtp_client *client, const struct sds_smtp_result *result);
    /** Handed to `done`, untouched. */
    void *done_context;
    /** What Date says, in seconds since 1970, up to 2106; 0: now. Else code 33. */
    int64_t date;
    /** How many there are, at most 10000. Else code 33. */
    uint32_t attachment_count;
    /**
     * SDS_SMTP_VERB_...: how the transaction begins. A server that does not know the verb: code 39. SEND,
     * SOML and SAML have no parameters: with them `dsn` and `envelope_id` give code 33, and addresses that
     * need SMTPUTF8 code 39.
     */
    uint32_t verb;
    /**
     * A sum of SDS_SMTP_DSN_...: when a notice about the delivery goes to the reverse-path (RFC 3461). If the
     * server does not offer DSN, the mail goes without, and the text of the result says so.
     */
    uint32_t dsn;
    /** SDS_SMTP_PRIORITY_... */
    uint32_t priority;
} sds_smtp_message;

/** What became of a recipient of the last mail. Begin with `SDS_SMTP_RECIPIENT_INIT`. Not on bare metal. */
typedef struct sds_smtp_recipient {
    /** sizeof(struct sds_smtp_recipient); SDS_SMTP_RECIPIENT_INIT sets it. */
    uint32_t struct_size;
    /** The result code for it: 0 if the mail was sent to it; in a dry run, if it was accepted. Never 41. */
    int32_t code;
    /** What became of the mail for it: SDS_SMTP_OUTCOME_... */
    uint32_t outcome;
    /**
     * The server's reply code that decided: to RCPT, or to what ended the mail for it; 0 where there was
     * none.
     */
    uint32_t reply_code;
    /** The enhanced status code (RFC 3463), as 5.1.1: class, */
    uint32_t enhanced_class;
    /** subject, */
    uint32_t enhanced_subject;
    /** and detail; zeros where the server gave none. */
    uint32_t enhanced_detail;
    /** 0. */
    uint32_t reserved;
    /** Its address, as it is sent. */
    char address[256];
    /**
     * The server's text, or where reply_code is 0 the library's words; cut after 127 bytes. Never any of the
     * credentials.
     */
    char text[128];
} sds_smtp_recipient;

/**
 * An entry of the log: a mail that ended, or one that could not be started; and each attempt that is
 * repeated, with the phase SDS_SMTP_PHASE_WAITING. Between two attempts only the log tells why:
 * sds_smtp_client_result() still tells of the mail before. Begin with `SDS_SMTP_LOG_ENTRY_INIT`.
 */
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
    /** The server's text, or the library's own words; cut after 127 bytes. Never any of the credentials. */
    char text[128];
} sds_smtp_log_entry;

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
 * The connection that the program provides. A client has one at a time. Each client has its own: two clients
 * that shared one would read each other's answers. Begin with SDS_SMTP_TRANSPORT_INIT.
 *
 * None of the functions may block: what is not possible now is tried again in a later call. `connect`,
 * `connected`, `send`, `receive` and `close` are needed; the others may be NULL. A negative number is one of
 * SDS_SMTP_LOST, _REFUSED, _UNREACHABLE, _NO_SOCKET, _TRANSPORT_UNTRUSTED and _TRANSPORT_TLS_FAILED; the
 * result of the mail says which it was.
 *
 * On bare metal sds_smtp_poll() calls these functions; sds_smtp_client_free() and
 * sds_smtp_client_set_transport() call close, too. If one of them calls the library, it gets 14;
 * sds_smtp_client_free() and sds_smtp_set_clock() then do nothing. The structure is not copied: it must stay
 * in place, unchanged, as long as the client uses it.
 *
 * With an operating system the library's thread calls them, or sds_smtp_poll() after
 * sds_smtp_use_event_loop(), and no lock of the library is held: see docs/threads-and-loops.md. The
 * structure is copied; what `context` points to must stay as long as the client uses it.
 */
typedef struct sds_smtp_transport {
    /** sizeof(struct sds_smtp_transport); SDS_SMTP_TRANSPORT_INIT sets it. */
    uint32_t struct_size;
    /** 0 or SDS_SMTP_TRANSPORT_WAKES. */
    uint32_t flags;
    /** Handed to each of the functions, untouched. */
    void *context;
    /**
     * Begins to connect. Returns 0: begun (or done), or a negative number. An earlier connection has been
     * closed before.
     */
    int32_t (*connect)(void *context, const struct sds_smtp_address *server);
    /** Whether the connection is made: 1 yes, 0 not yet, or a negative number. */
    int32_t (*connected)(void *context);
    /**
     * Sends up to `length` octets. Returns how many it took; 0 if it can take none now; or a negative
     * number: none of these octets has left, and none will. It copies the octets: they are gone when it
     * returns.
     */
    int32_t (*send)(void *context, const uint8_t *octets, size_t length);
    /**
     * Receives up to `max` octets. Returns how many; 0 if there are none now; or SDS_SMTP_LOST if the server
     * has closed the connection or it broke, after everything that came before was received. A transport
     * that connects anew by itself returns SDS_SMTP_LOST first: what a later connection brings belongs to
     * the next connect.
     */
    int32_t (*receive)(void *context, uint8_t *octets, size_t max);
    /**
     * Closes the connection, whatever its state, and delivers what send took, if possible. Returns 1:
     * closed; 0: not yet, call me again later; SDS_SMTP_TRANSPORT_AGAIN: not yet, call me again at once. For
     * each connect that returned 0 it is called until it returns 1, a second at most; then the connection
     * counts as closed. No other function is called meanwhile. sds_smtp_client_free() and
     * sds_smtp_client_set_transport() call it once and do not wait.
     */
    int32_t (*close)(void *context);
    /**
     * Writes the device's own address, for EHLO. Returns 0, or a negative number if it is not known. NULL:
     * not known. Then EHLO says `[127.0.0.1]` unless sds_smtp_config.ehlo_name is set.
     */
    int32_t (*local_address)(void *context, struct sds_smtp_address *out);
    /**
     * Returns 32 random bits of a real source, for the Message-ID. On bare metal NULL means that there is
     * none. Then a mail has a Message-ID only if there is a clock (sds_smtp_set_clock) and local_address is
     * known. Otherwise it has none, and most servers add one: a Message-ID that repeats, after a restart or
     * on another device, would make servers drop mails. With an operating system it is not called.
     */
    uint32_t (*random)(void *context);
    /**
     * Secures the connection. NULL: no TLS. With SDS_SMTP_TLS_STARTTLS it is called in mid-session, behind
     * the server's 220 to STARTTLS; else when the connection is made, before the server speaks (RFC 8314:
     * port 465), each time after connected. It is called again and again until it returns 1: secured. 0: not
     * yet; SDS_SMTP_TRANSPORT_AGAIN: not yet, call me again at once, as for a handshake that is calculated
     * in parts; or a negative number. From then on send and receive go through TLS. `server_name` is the
     * name that the certificate has to be for: sds_smtp_config.tls_name, or the server's name as it was
     * configured, without a dot at its end; NULL where an address was configured, and no tls_name.
     */
    int32_t (*start_tls)(void *context, const char *server_name);
    /**
     * Looks up the address of a server that was configured by its name. NULL: only addresses can be
     * configured on bare metal; with an operating system the library asks the system. It is called before
     * each connect, again and again until it returns 1: found, and version and octets of `out` are filled in
     * (the port is the library's). 0: not yet; SDS_SMTP_TRANSPORT_AGAIN: not yet, call me again at once; a
     * negative number: not found, and the mail ends with code 35, or 13 on bare metal.
     */
    int32_t (*resolve)(void *context, const char *name, struct sds_smtp_address *out);
    /**
     * With an operating system: a descriptor that is readable or writable when a function that returned 0
     * may have something to say, asked while a connection is open. -1, or NULL: none, and the functions are
     * called every few milliseconds. On bare metal it is not called.
     */
    intptr_t (*descriptor)(void *context);
    /** NULL. */
    const void *reserved;
} sds_smtp_transport;

/** The version of this header. */
#define SDS_SMTP_VERSION "0.2.0"

/** The same as a number: major, minor, patch, a byte each. */
#define SDS_SMTP_VERSION_NUMBER 0x000200

/** For sds_smtp_client_wait(): wait as long as it takes. */
#define SDS_SMTP_NO_LIMIT 0xFFFFFFFFu

/** The null pointer for the macros below: C++ compilers may warn of a 0 or NULL there. */
#if defined(__cplusplus) && __cplusplus >= 201103L
#define SDS_SMTP_NULL nullptr
#else
#define SDS_SMTP_NULL NULL
#endif

/** Begins a configuration: everything at its default. */
#define SDS_SMTP_CONFIG_INIT \
    {sizeof(struct sds_smtp_config), 0, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, \
     SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, \
     SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, \
     0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}

/** Begins a message. */
#define SDS_SMTP_MESSAGE_INIT \
    {sizeof(struct sds_smtp_message), 0, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, \
     SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, \
     SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, \
     SDS_SMTP_NULL, SDS_SMTP_NULL, 0, 0, 0, 0, 0}

/** Begins an attachment. */
#define SDS_SMTP_ATTACHMENT_INIT \
    {sizeof(struct sds_smtp_attachment), 0, 0, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, \
     SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL}

/** Begins a result, to be filled by sds_smtp_client_result(). */
#define SDS_SMTP_RESULT_INIT \
    {sizeof(struct sds_smtp_result), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, {0}, {0}, {0}, {0}}

/** Begins a log entry, to be filled by sds_smtp_client_log(). */
#define SDS_SMTP_LOG_ENTRY_INIT {sizeof(struct sds_smtp_log_entry), 0, 0, 0, 0, 0, 0, 0, 0, {0}, {0}}

/** Begins a recipient, to be filled by sds_smtp_client_recipients(). */
#define SDS_SMTP_RECIPIENT_INIT {sizeof(struct sds_smtp_recipient), 0, 0, 0, 0, 0, 0, 0, {0}, {0}}

/** Begins a transport. */
#define SDS_SMTP_TRANSPORT_INIT \
    {sizeof(struct sds_smtp_transport), 0, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, \
     SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, SDS_SMTP_NULL, \
     SDS_SMTP_NULL, SDS_SMTP_NULL}

#ifdef __cplusplus
extern "C" {
#endif  /* __cplusplus */

/**
 * Configures the built-in client, as the devices' page "CONFIG DNS, SMTP" does: port 25, plain text. On an
 * error the old configuration stays. Allowed while a mail is in flight: that mail keeps the configuration it
 * began with.
 *
 * @param server_ip  the server's IPv4 or IPv6 address, as "192.0.2.1"; with another port "192.0.2.1:2525" or
 *                   "[2001:db8::1]:2525" (not in libsds_smtp_small.a); no host name
 * @param auth       0: no login, and the credentials are ignored; otherwise: log in, with PLAIN or LOGIN
 * @param username   at most 32 bytes (see sds_smtp_config.credential_limit)
 * @param password   at most 32 bytes
 * @param sender     the sender's whole e-mail address
 * @return 0; 13: server_ip is no IP address; 10: the user name is missing, too long or has a line end in it;
 *         11: the same for the password; 4: sender is no e-mail address; 7: out of memory
 */
int sds_smtp_configure(const char *server_ip,
                       int auth,
                       const char *username,
                       const char *password,
                       const char *sender);

/**
 * Starts to send a mail in the background: copies what it needs and returns at once, without network access.
 *
 * @param to       the recipients' e-mail addresses, separated by commas
 * @param subject  the subject, in UTF-8; NULL is an empty one
 * @param text     the text, in UTF-8; NULL is an empty one. Lines may end with LF, CR or CRLF
 * @return 0: started, see sds_smtp_status(); 14: the previous mail is still in flight, and nothing was
 *         changed; otherwise the mail could not be started, and the status has this code, too: 5 recipients,
 *         7 subject, text or memory, 13 not configured
 */
int sds_smtp_send(const char *to, const char *subject, const char *text);

/**
 * The state of the built-in client: one atomic load.
 *
 * Where sds_smtp_configure() has configured it, a mail ends with a code of the devices, 0 to 15, or with 32
 * after sds_smtp_client_cancel(): the codes 36 to 38 are 2 then, and 39 is 4 or 5. Only a mail of
 * sds_smtp_client_send() may end with 40 or 41. A configuration of sds_smtp_client_configure() gives all
 * codes, here, too.
 *
 * @return 14 while a mail is in flight, else the code of the last mail that ended or could not be started; 0
 *         before the first one
 */
int sds_smtp_status(void);

/**
 * The state of the built-in client in the numbers of FULL-C's smtp_send_status() (see sds_fullc.h).
 *
 * @return 0 before the first mail; 277 while a mail is in flight; 256 if the last one was sent; otherwise
 *         256 plus its code
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
 * The version of the linked library, which may differ from the header's SDS_SMTP_VERSION.
 *
 * @return "major.minor.patch"; a string that lives as long as the program
 */
const char *sds_smtp_version(void);

/**
 * What this build of the library can do.
 *
 * @return a sum of SDS_SMTP_FEATURE_... On bare metal SDS_SMTP_FEATURE_COMPLETE and SDS_SMTP_FEATURE_TLS, for
 *         which the transport needs start_tls; or 0 of libsds_smtp_small.a. Names are the transport's there
 */
uint32_t sds_smtp_features(void);

/**
 * The name of a result code.
 *
 * @param code  a code that a function of this library returned
 * @return its constant without the prefix, as "TIMEOUT"; "UNKNOWN_CODE" for any other number. A string that
 *         lives as long as the program; never NULL
 */
const char *sds_smtp_code_name(int code);

/**
 * The name of a phase.
 *
 * @param phase  SDS_SMTP_PHASE_...
 * @return its constant without the prefix, as "RCPT"; "UNKNOWN_PHASE" for any other number. A string that
 *         lives as long as the program; never NULL
 */
const char *sds_smtp_phase_name(uint32_t phase);

/**
 * The name of an outcome.
 *
 * @param outcome  SDS_SMTP_OUTCOME_...
 * @return its constant without the prefix, as "NOT_SENT"; "UNKNOWN_OUTCOME" for any other number. A string
 *         that lives as long as the program; never NULL
 */
const char *sds_smtp_outcome_name(uint32_t outcome);

/**
 * Ends a client. A mail in flight is cancelled; the library's thread soon closes its connection and wipes its
 * data. A connection that is kept (`keep_alive_ms`) ends with QUIT, for which this does not wait.
 *
 * Waits only while a callback of this client runs, and then no more of them is called; and until memory that
 * was lent with SDS_SMTP_BORROW_TEXT is read no more, some milliseconds. Within a callback it does not wait.
 *
 * @param client  the client; with NULL, or a client that was freed before, nothing is done
 */
void sds_smtp_client_free(struct sds_smtp_client *client);

/**
 * The state of a client: one atomic load. May be called as often as you like, from any thread.
 *
 * @param client  the client, or NULL for the built-in one
 * @return 14 while a mail is in flight, else the code of the last mail that ended or could not be started; 0
 *         before the first one; 34
 */
int sds_smtp_client_status(const struct sds_smtp_client *client);

/**
 * Cancels the mail in flight. It soon ends with SDS_SMTP_CANCELLED, unless the server's final reply comes
 * first. Its outcome tells whether the server may have it. Does not block; sds_smtp_client_wait() waits for
 * the end.
 *
 * @param client  the client, or NULL for the built-in one
 * @return 0, also when no mail is in flight; 34
 */
int sds_smtp_client_cancel(struct sds_smtp_client *client);

/**
 * Why the last sds_smtp_client_configure(), sds_smtp_client_configure_url(), sds_smtp_configure(),
 * sds_smtp_client_send() or sds_smtp_send() of a client was refused: the field and what is wrong with it, as
 * "to: entry 2 (operator): no @: a whole e-mail address is needed". Never anything of the credentials. On
 * bare metal the text is short, as "to: bad recipients", and may name the few fields of which one is wrong.
 *
 * @param client  the client, or NULL for the built-in one
 * @param out     gets the text, cut where it does not fit, with a NUL behind it; or NULL
 * @param max     the size of `out` in bytes
 * @return the length of the whole text, without the NUL; 0: it was not refused, or the handle is not that of
 *         a client
 */
size_t sds_smtp_client_refusal(const struct sds_smtp_client *client, char *out, size_t max);

/**
 * Makes a client. It has no configuration, and no mail in flight.
 *
 * @return the client, to be freed with sds_smtp_client_free(); NULL if out of memory, or if there are 65535
 *         clients
 */
struct sds_smtp_client *sds_smtp_client_new(void);

/**
 * Waits until the mail in flight has ended. If several threads send with one client, this is the first mail
 * that ends after the wait began, even if another thread has started the next one by then.
 *
 * @param client      the client, or NULL for the built-in one
 * @param timeout_ms  the longest time to wait, in milliseconds; 0: does not wait; SDS_SMTP_NO_LIMIT: waits
 *                    as long as it takes
 * @return the code of that mail; without a mail in flight, the status; 14: the time ran out first, or the
 *         call comes from a callback; 34: also if another thread frees the client meanwhile
 */
int sds_smtp_client_wait(struct sds_smtp_client *client, uint32_t timeout_ms);

/**
 * How far the mail in flight is, or without one the last mail.
 *
 * @param client  the client, or NULL for the built-in one
 * @param sent    gets the number of bytes of the mail, its header included, that have left; or NULL
 * @param all     gets the number of bytes that there are; 0: not known; or NULL
 * @return 0, or 34
 */
int sds_smtp_client_progress(const struct sds_smtp_client *client, uint64_t *sent, uint64_t *all);

/**
 * Does the library's work for all clients, as far as that is possible without waiting, and for a few
 * milliseconds at most, whatever the number of clients. On bare metal (sds_smtp_firmware.h) every program
 * calls it; with an operating system, a program that has called sds_smtp_use_event_loop().
 *
 * @param now_ms  on bare metal, the time in milliseconds: see sds_smtp_firmware.h. With an operating system
 *                it is ignored
 * @return the time in milliseconds after which it is to be called again at the latest, besides whenever the
 *         descriptor is readable; SDS_SMTP_NO_LIMIT: only when the descriptor is readable
 */
uint32_t sds_smtp_poll(uint32_t now_ms);

/**
 * The last conversation of a client that has SDS_SMTP_KEEP_DIALOGUE in its configuration: its newest lines,
 * at most 4 KiB of all attempts together, each as a trace has it and with a line feed behind it. User name
 * and password are masked, the mail's text is left out. It is there when the mail has ended; right after
 * that it may still lack RSET, QUIT and the answers to them.
 *
 * @param client  the client, or NULL for the built-in one
 * @param out     gets whole lines, the newest that fit, with a NUL behind them; or NULL
 * @param max     the size of `out` in bytes
 * @return the number of bytes that there are, without the NUL; 0 before the first mail, or where the handle
 *         is not that of a client
 */
size_t sds_smtp_client_dialogue(const struct sds_smtp_client *client, char *out, size_t max);

/**
 * For programs with an event loop: from now on the library starts no thread, and sds_smtp_poll() does its
 * work. Call this before the first mail, and again in the child of a fork() and after sds_smtp_shutdown().
 *
 * @param descriptor  gets a descriptor to wait on, with poll() or the like: when it is readable,
 *                    sds_smtp_poll() has something to do. On Windows it is the handle of an event object,
 *                    which is set then. It stays the same, also where this is called again; do not close it
 * @return 0; 14: the library's thread runs already; 7: the system has no descriptor or memory: the library
 *         goes on with a thread; 33: descriptor is NULL
 */
int sds_smtp_use_event_loop(intptr_t *descriptor);

/**
 * Ends the library's work: waits for the mails in flight, cancels those that are left when the time is over
 * (they end with SDS_SMTP_CANCELLED), ends the thread, and gives back its memory and descriptors. After
 * sds_smtp_use_event_loop() it does the waiting mails' work itself, and ends that mode, too. Clients stay,
 * with their configurations, results and logs, and the next mail starts the thread again. Connections that
 * are kept (`keep_alive_ms`) end with QUIT; for the replies it waits half a second at most.
 *
 * When the time is over, a `done` or another function of the program's that runs, and lookups of names, have
 * another second.
 *
 * @param timeout_ms  the longest time to wait for mails, in milliseconds; 0: cancels them at once;
 *                    SDS_SMTP_NO_LIMIT: waits as long as it takes
 * @return 0; 14: a function of the program's or a lookup of a name has not ended in time, and the thread
 *         goes on: this may be called again. 14 also out of such a function, where nothing happens
 */
int sds_smtp_shutdown(uint32_t timeout_ms);

/**
 * Configures a client. On an error the old configuration stays; a mail in flight keeps the one it began
 * with.
 *
 * @param client  the client, or NULL for the built-in one
 * @param config  the configuration; copied
 * @return 0; or the code of a field that is wrong (see struct sds_smtp_config); 39: a field that is not 0
 *         needs what this build of the library lacks; 33: config is NULL, or its struct_size or flags are
 *         not known; 34; 7: out of memory. sds_smtp_client_refusal() names the field
 */
int sds_smtp_client_configure(struct sds_smtp_client *client, const struct sds_smtp_config *config);

/**
 * Configures a client with a URL and a sender, and everything else at its default:
 * "smtp://user:password@mail.example.org:587". User name, password and server are percent-encoded (RFC
 * 3986). A user name means SDS_SMTP_AUTH_ANY. An IPv6 address stands in brackets, its zone behind "%25".
 * smtp+starttls:// is SDS_SMTP_TLS_STARTTLS (port 587), smtps:// SDS_SMTP_TLS_IMPLICIT (port 465), with the
 * system's trust store. The library wipes its copies of the URL; wipe yours. On an error the old
 * configuration stays.
 *
 * @param client  the client, or NULL for the built-in one
 * @param url     the URL
 * @param sender  the sender's whole e-mail address
 * @return 0; 33: the URL is NULL or malformed (sds_smtp_client_refusal() says where); 4: sender is no e-mail
 *         address; 10, 11: user name or password cannot be one; 37: TLS, and the system has no trust store;
 *         39: TLS, in a build without it; 34; 7: out of memory
 */
int sds_smtp_client_configure_url(struct sds_smtp_client *client, const char *url, const char *sender);

/**
 * Starts to send a mail in the background and returns at once, as sds_smtp_send() does, for any client.
 *
 * With several recipients the mail goes to all of them or, when the server refuses one, to none; with
 * SDS_SMTP_PARTIAL to whoever the server accepts.
 *
 * @param client   the client, or NULL for the built-in one
 * @param message  the mail; copied
 * @return 0: started; 14: the previous mail is still in flight, and nothing was changed; otherwise the mail
 *         could not be started, and the status has this code, too: 4 the author or the reverse-path,
 *         5 recipients, 7 subject, text, HTML or memory, 13 not configured, 40 `read` failed, 39 a field
 *         that is not 0 needs what this build of the library lacks, 33 another field, or message is NULL or
 *         its struct_size or flags are not known; or 34. sds_smtp_client_refusal() names the field
 */
int sds_smtp_client_send(struct sds_smtp_client *client, const struct sds_smtp_message *message);

/**
 * Starts a probe in the background: it connects, says EHLO, logs in, and sends no mail. Then it quits, or
 * with `keep_alive_ms` leaves its connection to the next mail; it never uses one that was kept. It counts
 * as the mail in flight. Its status is 0 if EHLO and the login were accepted; its outcome is "not sent".
 *
 * @param client  the client, or NULL for the built-in one
 * @return 0: started; 14: a mail is in flight; 13: not configured; 7: out of memory; 34
 */
int sds_smtp_client_probe(struct sds_smtp_client *client);

/**
 * Tells how the last mail ended, or why it could not be started. While a mail is in flight it tells of the
 * one before; before the first mail every field is zero.
 *
 * @param client  the client, or NULL for the built-in one
 * @param out     filled on success only; its struct_size is kept
 * @return 0; 33: out is NULL or its struct_size is not known; 34
 */
int sds_smtp_client_result(const struct sds_smtp_client *client, struct sds_smtp_result *out);

/**
 * What became of each recipient of the last mail that has ended: `to`, `cc`, `bcc`, in this order; who is
 * named twice stands there twice. Without SDS_SMTP_PARTIAL all of them share what became of the mail. Where
 * one was refused it has its own answer, and the others have the code of the mail, reply_code 0, and a text
 * that says so. Not on bare metal.
 *
 * It is there in `done`, and while the next mail is in flight, until that one ends. A mail that does not
 * start ends it, too. One call tells of one mail; but another mail may end between two calls.
 *
 * @param client  the client, or NULL for the built-in one
 * @param out     an array; the struct_size of its first element is the size of every element; that of the
 *                others is not read, but written. NULL: the recipients are only counted
 * @param max     the number of elements in the array; with fewer than recipients, the first ones are told of
 * @return the number of elements written; if out is NULL or max is 0, the number of recipients; 0 before the
 *         first mail, after a probe, where the last mail did not start, if that struct_size is not known, or
 *         if the handle is not that of a client
 */
size_t sds_smtp_client_recipients(const struct sds_smtp_client *client,
                                  struct sds_smtp_recipient *out,
                                  size_t max);

/**
 * Reads the log: the newest entries, the oldest of them first.
 *
 * @param client  the client, or NULL for the built-in one
 * @param out     an array; the struct_size of its first element is the size of every element. NULL: the
 *                entries are only counted
 * @param max     the number of elements in the array
 * @return the number of entries written; if out is NULL or max is 0, the number of entries in the log (at
 *         most 64); 0 if that struct_size is not known, or the handle is not that of a client
 */
size_t sds_smtp_client_log(const struct sds_smtp_client *client, struct sds_smtp_log_entry *out, size_t max);

/**
 * Sets the transport of a client: its connections are made of the program's functions. The structure is
 * checked. On bare metal it is not copied: it must stay in place, unchanged, until it is replaced or the
 * client ends. With an operating system it is copied; `context` must stay until then.
 *
 * With an operating system a connection that only waits for the reply to QUIT is closed here, and so is one
 * that is kept (`keep_alive_ms`), which says QUIT before. When this returns, the functions of the transport
 * before are not called any more, unless it is called from inside one of them.
 *
 * @param client     the client, or NULL for the built-in one
 * @param transport  the functions; NULL: none. On bare metal no mail can be sent then; with an operating
 *                   system the library uses sockets
 * @return 0; 14: a mail is in flight; 33: struct_size or flags are not known, or connect, connected, send,
 *         receive or close is NULL; 7: out of memory; 34
 */
int sds_smtp_client_set_transport(struct sds_smtp_client *client, const struct sds_smtp_transport *transport);

#ifdef __cplusplus
}  /* extern "C" */
#endif  /* __cplusplus */

#endif  /* SDS_SMTP_H */
