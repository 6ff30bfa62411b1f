/*
 * refusal - everything that a configuration or a mail is refused for is told in words: the field, and what is wrong
 *
 * Nothing is sent: nobody listens where the mails that start go to. Exit code 0: every refusal has its code and exactly
 * its words.
 */
#include "mail.h"

static sds_smtp_client *client;
static int refusals, wrong;

static const char *refusal_of(const sds_smtp_client *of)
{
  static char text[512];
  size_t length = sds_smtp_client_refusal(of, text, sizeof text);

  CHECK_IS(length, strlen(text));
  return text;
}

static void compare(int line, const char *text, int code, int code_wanted, const char *wanted)
{
  refusals++;
  if (code == code_wanted && strcmp(text, wanted) == 0)
    return;
  wrong++;
  printf("refusal, line %d: code %d, \"%s\"\n  wanted: code %d, \"%s\"\n", line, code, text, code_wanted, wanted);
}

static struct sds_smtp_config good_config(void)
{
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;

  config.server = "127.0.0.1:1";
  config.sender = "device@example.com";
  return config;
}

static struct sds_smtp_message good_message(void)
{
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;

  message.to = "operator@example.com";
  message.text = "This mail must not be seen.\n";
  return message;
}

/* The same configuration, with TLS. */
static struct sds_smtp_config *with_tls(struct sds_smtp_config *config)
{
  config->tls = SDS_SMTP_TLS_STARTTLS;
  return config;
}

/* A configuration that is right but for this change. */
#define CONFIG(code, change, words)                                                                  \
  do {                                                                                               \
    struct sds_smtp_config config = good_config();                                                   \
    int code_;                                                                                       \
    change;                                                                                          \
    code_ = sds_smtp_client_configure(client, &config);                                              \
    compare(__LINE__, refusal_of(client), code_, SDS_SMTP_##code, words);                            \
  } while (0)

/* A server of a configuration. */
#define SERVER(code, text, words) CONFIG(code, config.server = text, "server: " words)

/* A mail that is right but for this change. Its result and the log say the same words. */
#define MESSAGE(code, change, words)                                                                 \
  do {                                                                                               \
    struct sds_smtp_message message = good_message();                                                \
    int code_;                                                                                       \
    change;                                                                                          \
    code_ = sds_smtp_client_send(client, &message);                                                  \
    compare(__LINE__, refusal_of(client), code_, SDS_SMTP_##code, words);                            \
    told(__LINE__, SDS_SMTP_##code, words);                                                          \
  } while (0)

/* The second one of two attachments is wrong. */
#define ATTACHMENT(change, why)                                                                    \
  do {                                                                                             \
    struct sds_smtp_attachment one = SDS_SMTP_ATTACHMENT_INIT;                                     \
                                                                                                   \
    change;                                                                                        \
    attachments[1] = one;                                                                          \
    MESSAGE(BAD_ARGUMENT, (message.attachments = attachments, message.attachment_count = 2), why); \
  } while (0)

/* The text that begins with these words is the one of the result and of the log. */
static void told(int line, int code, const char *words)
{
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;
  struct sds_smtp_log_entry entry = SDS_SMTP_LOG_ENTRY_INIT;

  CHECK_IS(sds_smtp_client_result(client, &result), SDS_SMTP_OK);
  CHECK_IS(sds_smtp_client_log(client, &entry, 1), 1);
  CHECK_IS(result.outcome, SDS_SMTP_OUTCOME_NOT_SENT);
  CHECK_IS(result.phase, SDS_SMTP_PHASE_START);
  CHECK_IS(entry.code, code);
  result.text[strlen(words)] = '\0';
  compare(line, result.text, result.code, code, words);
  CHECK(strncmp(entry.text, words, strlen(entry.text)) == 0 && entry.text[0] != '\0');
}

static char *repeated(char octet, size_t count)
{
  char *text = (char *)malloc(count + 1);

  CHECK(text != NULL);
  memset(text, octet, count);
  text[count] = '\0';
  return text;
}

/* A list with this entry so many times. */
static char *listed(const char *entry, size_t count)
{
  size_t each = strlen(entry) + 1, i;
  char *text = repeated(',', each * count);

  for (i = 0; i < count; i++)
    memcpy(text + i * each, entry, each - 1);
  text[each * count - 1] = '\0';
  return text;
}

static void servers(void)
{
  char *label = repeated('a', 64), *many = listed("192.0.2.1", 101), *huge = listed("192.0.2.1", 20000);
  char *name = repeated('a', 254);
  size_t i;

  for (i = 49; i < 254; i += 50)
    name[i] = '.';

  SERVER(CONNECT_FAILED, NULL, "entry 1: no server is given");
  SERVER(CONNECT_FAILED, "", "entry 1: no server is given");
  SERVER(CONNECT_FAILED, " ", "entry 1: no server is given");
  SERVER(CONNECT_FAILED, "smtp@gmail.com", "entry 1: an e-mail address, not a server");
  SERVER(CONNECT_FAILED, "http://mail.example.org",
         "entry 1: a URL, not a server: sds_smtp_client_configure_url() takes URLs");
  SERVER(CONNECT_FAILED, "mail.example.org/", "entry 1: a slash: no server has one");
  SERVER(CONNECT_FAILED, "localhost:2525:3",
         "entry 1: several colons, but no IPv6 address (with a port, it stands in brackets)");
  SERVER(CONNECT_FAILED, "localhost:0", "entry 1: the port is not between 1 and 65535");
  SERVER(CONNECT_FAILED, "localhost:70000", "entry 1: the port is not between 1 and 65535");
  SERVER(CONNECT_FAILED, "localhost:", "entry 1: the port is not a number");
  SERVER(CONNECT_FAILED, "localhost:smtp", "entry 1: the port is not a number");
  SERVER(CONNECT_FAILED, ":25", "entry 1: a port without a server");
  SERVER(CONNECT_FAILED, "[::1", "entry 1: brackets that do not hold exactly one IPv6 address");
  SERVER(CONNECT_FAILED, "[127.0.0.1]", "entry 1: brackets that do not hold exactly one IPv6 address");
  SERVER(CONNECT_FAILED, "[::1]25", "entry 1: something other than a port behind the bracket");
  SERVER(CONNECT_FAILED, "fe80::1%no-such-interface",
         "entry 1: this system has no such interface (the zone behind %)");
  SERVER(CONNECT_FAILED, "192.0.2.1%lo", "entry 1: only IPv6 addresses have a zone (behind %)");
  SERVER(CONNECT_FAILED, "192.0.2.1, ", "entry 2: an empty entry in the list of servers");
  SERVER(CONNECT_FAILED, "192.0.2.1,,192.0.2.2", "entry 2: an empty entry in the list of servers");
  SERVER(CONNECT_FAILED, ",192.0.2.1", "entry 1: an empty entry in the list of servers");
  SERVER(CONNECT_FAILED, "192.0.2.1,192.0.2.256", "entry 2: this looks like an IP address, and is none");
  SERVER(CONNECT_FAILED, "192.0.2", "entry 1: this looks like an IP address, and is none");
  SERVER(CONNECT_FAILED, "0.0.0.0", "entry 1: this address stands for any address, and is no server's");
  SERVER(CONNECT_FAILED, "::", "entry 1: this address stands for any address, and is no server's");
  SERVER(CONNECT_FAILED, "224.0.0.1", "entry 1: a multicast address is no server's");
  SERVER(CONNECT_FAILED, "mail server", "entry 1: a blank or a control character in a server's name");
  SERVER(CONNECT_FAILED, "mail\tserver", "entry 1: a blank or a control character in a server's name");
  SERVER(CONNECT_FAILED, "mail.example.org\n", "entry 1: a blank or a control character in a server's name");
  SERVER(CONNECT_FAILED, "mail!.example.org", "entry 1: a character that no server's name has");
  SERVER(CONNECT_FAILED, "mail..example.org", "entry 1: an empty part between two dots of a name");
  SERVER(CONNECT_FAILED, "-mail.example.org", "entry 1: a part of a name begins or ends with a hyphen");
  SERVER(CONNECT_FAILED, label, "entry 1: a part of a name has more than 63 octets");
  SERVER(CONNECT_FAILED, name, "entry 1: a name has more than 253 octets");
  SERVER(CONNECT_FAILED, many, "entry 101: more than 100 servers");
  SERVER(CONNECT_FAILED, huge, "entry 1: the list of servers is too long");
  free(label);
  free(many);
  free(huge);
  free(name);
}

static void fields(void)
{
  char *credential = repeated('x', 4097), *name = repeated('x', 201), *charset = repeated('x', 41);
  struct {
    struct sds_smtp_config config;
    unsigned char tail[8];
  } longer;
  int code;

  code = sds_smtp_client_configure(client, NULL);
  compare(__LINE__, refusal_of(client), code, SDS_SMTP_BAD_ARGUMENT, "config: NULL, or struct_size is not known");
  CONFIG(BAD_ARGUMENT, config.struct_size = 0, "config: NULL, or struct_size is not known");
  memset(&longer, 0, sizeof longer);
  longer.config = good_config();
  longer.config.struct_size = (uint32_t)sizeof longer;
  longer.tail[7] = 1;
  code = sds_smtp_client_configure(client, &longer.config);
  compare(__LINE__, refusal_of(client), code, SDS_SMTP_BAD_ARGUMENT, "config: NULL, or struct_size is not known");

  CONFIG(BAD_ARGUMENT, config.flags = 8, "flags: unknown bit");
  CONFIG(CONNECT_FAILED, config.port = 65536, "port: not 1 to 65535");
  CONFIG(BAD_ARGUMENT, config.auth = 256, "auth: unknown bit");
  CONFIG(BAD_ARGUMENT, config.auth = 3, "auth: SDS_SMTP_AUTH_ANY (1) with others: it stands alone");
  CONFIG(NOT_SUPPORTED,
         (config.auth = SDS_SMTP_AUTH_XOAUTH2 | SDS_SMTP_AUTH_OAUTHBEARER, config.username = "u", config.password = "p"),
         "auth: a token is sent over verified TLS only, and tls is not 1 or 2");
  CONFIG(BAD_USERNAME, config.auth = 1, "username: missing, and auth is not 0");
  CONFIG(BAD_USERNAME, (config.auth = 1, config.username = credential), "username: longer than 4096 bytes");
  CONFIG(BAD_USERNAME, (config.auth = 1, config.username = "u\n"), "username: a line end in it");
  CONFIG(BAD_PASSWORD, (config.auth = 1, config.username = "u"), "password: missing, and auth is not 0");
  CONFIG(BAD_PASSWORD, (config.auth = 1, config.username = "u", config.password = credential),
         "password: longer than 4096 bytes");
  CONFIG(BAD_PASSWORD, (config.auth = 1, config.username = "u", config.password = "p\r"),
         "password: a line end in it");
  CONFIG(SENDER_REFUSED, config.sender = NULL, "sender: missing");
  CONFIG(SENDER_REFUSED, config.sender = "unit7", "sender: no @: a whole e-mail address is needed");
  CONFIG(SENDER_REFUSED, config.sender = "unit7@", "sender: nothing behind the @");
  CONFIG(SENDER_REFUSED, config.sender = "@example.com", "sender: nothing before the @");
  CONFIG(SENDER_REFUSED, config.sender = "u\n@example.com", "sender: a control character in it");
  CONFIG(SENDER_REFUSED, config.sender = "a@b.cz, c@d.cz", "sender: more than one address");
  CONFIG(SENDER_REFUSED, config.sender = "N <a@b.cz> x", "sender: something behind the >; a comma separates");
  CONFIG(SENDER_REFUSED, (config.sender = "N <a@b.cz>", config.sender_name = "N"),
         "sender_name: set, and sender has a name in it");
  CONFIG(SENDER_REFUSED, config.sender_name = name, "sender_name: longer than 200 bytes");
  CONFIG(SENDER_REFUSED, config.sender_name = "a\nb", "sender_name: a control character in it");
  CONFIG(HELO_FAILED, config.ehlo_name = "two words", "ehlo_name: no domain name, IP address or address literal");
  CONFIG(BAD_ARGUMENT, config.charset = charset, "charset: longer than 40 bytes");
  CONFIG(BAD_ARGUMENT, config.charset = "a b", "charset: something else than letters, digits, - _ + in it");
  CONFIG(BAD_ARGUMENT, config.source = "eth0", "source: no IP address");
  CONFIG(BAD_ARGUMENT, config.source = "::1", "source: of another IP version than the server");
  CONFIG(BAD_ARGUMENT, config.tls = 4, "tls: unknown value");
  CONFIG(BAD_ARGUMENT, config.tls_ca = "ca.pem", "tls_ca: set, and tls is 0");
  CONFIG(BAD_ARGUMENT, config.tls_certificate = "c.pem", "tls_certificate: set, and tls is 0");
  CONFIG(BAD_ARGUMENT, config.tls_key = "k.pem", "tls_key: set, and tls is 0");
  CONFIG(BAD_ARGUMENT, config.tls_pin = "sha256//", "tls_pin: set, and tls is 0");
  CONFIG(BAD_ARGUMENT, config.tls_name = "mail.example.org", "tls_name: set, and tls is 0");
  CONFIG(READ_FAILED, with_tls(&config)->tls_ca = "/nonexistent/ca.pem", "tls_ca: the file cannot be read");
  CONFIG(BAD_ARGUMENT, with_tls(&config)->tls_ca = "-----BEGIN X-----", "tls_ca: not readable as PEM");
  CONFIG(BAD_ARGUMENT, with_tls(&config)->tls_pin = "sha256//", "tls_pin: a SHA-256 in base64 has 44 characters");
  CONFIG(BAD_ARGUMENT, with_tls(&config)->tls_key = "k.pem", "tls_key: needs the other one: tls_certificate and tls_key");
  CONFIG(BAD_ARGUMENT, config.credential_limit = 4097, "credential_limit: not 1 to 4096");
  CONFIG(BAD_ARGUMENT, config.reserved = 1, "reserved: not known to this version");
  CONFIG(BAD_ARGUMENT, config.reserved_2 = 1, "reserved_2: not known to this version");
  CONFIG(BAD_ARGUMENT, config.reserved_pointer = &config, "reserved_pointer: not known to this version");
  free(credential);
  free(name);
  free(charset);
}

/* The three functions, on the built-in client. */
static void three_functions(void)
{
  static const char user_of_33[] = "0123456789abcdef0123456789abcdefX", *const sender = "device@example.com";
  int code;

#define DEVICE(code_wanted, server, auth, user, password, from, words)                               \
  do {                                                                                               \
    code = sds_smtp_configure(server, auth, user, password, from);                                   \
    compare(__LINE__, refusal_of(NULL), code, SDS_SMTP_##code_wanted, words);                        \
  } while (0)

  DEVICE(CONNECT_FAILED, NULL, 0, NULL, NULL, sender, "server: entry 1: no server is given");
  DEVICE(CONNECT_FAILED, "localhost", 0, NULL, NULL, sender, "server: entry 1: a name where an IP address is needed");
  DEVICE(CONNECT_FAILED, "192.0.2.1,192.0.2.2", 0, NULL, NULL, sender,
         "server: entry 1: a list where one IP address is needed");
  DEVICE(BAD_USERNAME, "192.0.2.1", 1, NULL, "p", sender, "username: missing, and auth is not 0");
  DEVICE(BAD_USERNAME, "192.0.2.1", 1, user_of_33, "p", sender, "username: longer than credential_limit");
  DEVICE(BAD_PASSWORD, "192.0.2.1", 1, "u", user_of_33, sender, "password: longer than credential_limit");
  DEVICE(SENDER_REFUSED, "192.0.2.1", 0, NULL, NULL, "unit7", "sender: no @: a whole e-mail address is needed");
  code = sds_smtp_send("operator@example.com", "s", "t");
  compare(__LINE__, refusal_of(NULL), code, SDS_SMTP_CONNECT_FAILED, "client: not configured");
  code = sds_smtp_send("operator", "s", "t");
  compare(__LINE__, refusal_of(NULL), code, SDS_SMTP_RECIPIENT_REFUSED,
          "to: entry 1 (operator): no @: a whole e-mail address is needed");
#undef DEVICE
}

static int32_t failing(void *context, uint32_t offset, char *out, size_t max)
{
  (void)offset, (void)out, (void)max;
  return *(const int32_t *)context;
}

static void messages(void)
{
  static const char *const ours[] = {"X-Unit: 7", "Subject: x", NULL}, *const no_colon[] = {"X-Unit", NULL};
  static const char *const smuggling[] = {"X-Unit: 7\r\nBcc: x@y", NULL}, *const blank[] = {"X Unit: 7", NULL};
  static const char *const priority[] = {"Importance: x", NULL}, *const automatic[] = {"Auto-Submitted: no", NULL};
  int32_t fails = -1, later = SDS_SMTP_READ_LATER, too_much = INT32_MAX;
  char *many = listed("a@example.com", 100001), *local = repeated('a', 243 + 12), *text = repeated('a', (64u << 20) + 1);
  char *subject = repeated('a', 2001);
  const struct sds_smtp_attachment first = SDS_SMTP_ATTACHMENT_INIT;
  struct sds_smtp_attachment attachments[2];
  int code;

  attachments[0] = first;
  attachments[0].data = "x";
  memcpy(local + 243, "@example.com", 12);
  code = sds_smtp_client_send(client, NULL);
  compare(__LINE__, refusal_of(client), code, SDS_SMTP_BAD_ARGUMENT, "message: NULL, or struct_size is not known");
  MESSAGE(BAD_ARGUMENT, message.struct_size = 1, "message: NULL, or struct_size is not known");
  MESSAGE(BAD_ARGUMENT, message.flags = 64, "flags: unknown bit");
  MESSAGE(BAD_ARGUMENT, (message.flags = SDS_SMTP_RAW, message.text = "From: a@b.cz\nbcc : x@y.cz\n\n"),
          "text: a Bcc field in a whole message");
  MESSAGE(RECIPIENT_REFUSED, message.to = NULL, "to: no recipient");
  MESSAGE(RECIPIENT_REFUSED, message.to = "", "to: no recipient");
  MESSAGE(RECIPIENT_REFUSED, message.to = "a@example.com,;b@example.com", "to: entry 2: empty");
  MESSAGE(RECIPIENT_REFUSED, message.to = ",", "to: entry 1: empty");
  MESSAGE(RECIPIENT_REFUSED, message.to = "a@example.com, operator",
          "to: entry 2 (operator): no @: a whole e-mail address is needed");
  MESSAGE(RECIPIENT_REFUSED, message.to = "a@example..com", "to: entry 1 (a@example..com): no domain behind the @");
  MESSAGE(RECIPIENT_REFUSED, message.to = "a@b.cz\r\nBcc: x@y", "to: entry 1 (a@b.cz??Bcc: x@y): a control character in it");
  MESSAGE(RECIPIENT_REFUSED, message.to = many, "to: too many recipients: more than 100000");
  MESSAGE(RECIPIENT_REFUSED, (message.to = NULL, message.bcc = many), "bcc: too many recipients: more than 100000");
  MESSAGE(BAD_ARGUMENT, message.reply_to = many, "reply_to: more than 100000 addresses");
  MESSAGE(RECIPIENT_REFUSED, message.to = local,
          "to: entry 1 (aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...): longer than 254 bytes");
  MESSAGE(RECIPIENT_REFUSED, message.to = "a@b.cz c@d.cz", "to: entry 1 (a@b.cz c@d.cz): an invalid character before the @");
  MESSAGE(RECIPIENT_REFUSED, message.to = "a..b@c.cz", "to: entry 1 (a..b@c.cz): an invalid character before the @");
  MESSAGE(RECIPIENT_REFUSED, message.to = "N <a@b.cz", "to: entry 1 (N <a@b.cz): a < without its >");
  MESSAGE(RECIPIENT_REFUSED, message.to = "<a@b.cz> N", "to: entry 1 (<a@b.cz> N): something behind the >; a comma separates");
  MESSAGE(RECIPIENT_REFUSED, message.to = "\"N <a@b.cz>", "to: entry 1 (\"N <a@b.cz>): a quotation mark without its end");
  MESSAGE(RECIPIENT_REFUSED, message.to = "a@b.cz (x", "to: entry 1 (a@b.cz (x): a comment (in parentheses) without its end");
  MESSAGE(RECIPIENT_REFUSED, message.to = "g: a@b.cz;", "to: entry 1 (g: a@b.cz;): a colon: groups are not taken, "
          "and a name with a colon stands in quotation marks");
  MESSAGE(RECIPIENT_REFUSED, message.to = "\xe9@b.cz", "to: entry 1 (?@b.cz): neither ASCII nor UTF-8");
  MESSAGE(RECIPIENT_REFUSED, message.cc = "operator", "cc: entry 1 (operator): no @: a whole e-mail address is needed");
  MESSAGE(RECIPIENT_REFUSED, message.bcc = "a@b.cz,,c@d.cz", "bcc: entry 2: empty");
  MESSAGE(BAD_ARGUMENT, message.reply_to = "@b.cz", "reply_to: entry 1 (@b.cz): nothing before the @");
  MESSAGE(SENDER_REFUSED, message.from = "a@", "from: nothing behind the @");
  MESSAGE(SENDER_REFUSED, message.from = "a@b.cz, c@d.cz", "from: more than one address");
  MESSAGE(SENDER_REFUSED, message.from = "<>", "from: empty");
  MESSAGE(SENDER_REFUSED, message.reverse_path = "N <a@b.cz>", "reverse_path: a name in it");
  MESSAGE(SENDER_REFUSED, message.reverse_path = "a@b.cz\r\nDATA", "reverse_path: a control character in it");
  MESSAGE(DATA_FAILED, message.subject = "a\r\nBcc: x@y", "subject: a line end in it");
  MESSAGE(DATA_FAILED, message.subject = "\x1b", "subject: a control character in it");
  MESSAGE(DATA_FAILED, message.subject = subject, "subject: longer than 2000 bytes");
  MESSAGE(DATA_FAILED, message.text = text, "text: longer than 64 MiB");
  MESSAGE(DATA_FAILED, message.html = text, "html: longer than 64 MiB");
  MESSAGE(BAD_ARGUMENT, message.text_path = "text", "text_path: text_path, and text or read, are both set");
  MESSAGE(BAD_ARGUMENT, message.read = failing, "read: text and read are both set");
  MESSAGE(READ_FAILED, (message.text = NULL, message.read = failing, message.read_context = &fails),
          "read: it failed, or gave more than there was room for");
  MESSAGE(READ_FAILED, (message.text = NULL, message.read = failing, message.read_context = &too_much),
          "read: it failed, or gave more than there was room for");
  MESSAGE(READ_FAILED, (message.text = NULL, message.read = failing, message.read_context = &later),
          "read: it has nothing now, and the call cannot wait");
  MESSAGE(BAD_ARGUMENT, message.headers = ours, "headers: entry 2 (Subject): written by the library itself");
  MESSAGE(BAD_ARGUMENT, message.headers = smuggling, "headers: entry 1 (X-Unit): a line end in it");
  MESSAGE(BAD_ARGUMENT, message.headers = no_colon, "headers: entry 1 (X-Unit): no colon behind its name");
  MESSAGE(BAD_ARGUMENT, message.headers = blank,
          "headers: entry 1 (X Unit): a name with a blank, or something else than printable ASCII, in it");
  MESSAGE(BAD_ARGUMENT, (message.headers = priority, message.priority = SDS_SMTP_PRIORITY_HIGH),
          "headers: entry 1 (Importance): written by the library itself");
  MESSAGE(BAD_ARGUMENT, (message.headers = automatic, message.flags = SDS_SMTP_AUTO_SUBMITTED),
          "headers: entry 1 (Auto-Submitted): written by the library itself");
  MESSAGE(BAD_ARGUMENT, message.attachment_count = 1, "attachments: NULL, and attachment_count is not 0");
  MESSAGE(BAD_ARGUMENT, (message.attachments = attachments, message.attachment_count = 10001),
          "attachments: more than 10000 attachments");
  attachments[1] = attachments[0];
  attachments[1].struct_size = 8;
  MESSAGE(BAD_ARGUMENT, (message.attachments = attachments, message.attachment_count = 2),
          "attachments: entry 2: another struct_size than the first one");
  ATTACHMENT((void)0, "attachments: entry 2: none of data, path and read is set");
  ATTACHMENT((one.data = "x", one.path = "x"), "attachments: entry 2: more than one of data, path and read is set");
  ATTACHMENT((one.path = "x", one.length = 1), "attachments: entry 2: length is not 0, and path is set");
  ATTACHMENT((one.data = "x", one.flags = 2), "attachments: entry 2: flags: unknown bit");
  ATTACHMENT((one.data = "x", one.reserved_pointer = text), "attachments: entry 2: reserved_pointer is not NULL");
  ATTACHMENT((one.data = "x", one.length = (uint64_t)-1), "attachments: entry 2: length is longer than memory");
  ATTACHMENT((one.data = "x", one.name = "a/b"), "attachments: entry 2: name: a path; only its last part is wanted");
  ATTACHMENT((one.data = "x", one.name = "a\nb"), "attachments: entry 2: name: a line end in it");
  ATTACHMENT((one.data = "x", one.name = "a\x1b"), "attachments: entry 2: name: a control character in it");
  ATTACHMENT((one.data = "x", one.name = "\xe9"), "attachments: entry 2: name: not UTF-8");
  ATTACHMENT((one.path = "a\\b"), "attachments: entry 2: name: a path; only its last part is wanted");
  ATTACHMENT((one.data = "x", one.content_type = "message/rfc822"),
             "attachments: entry 2: content_type: message/... and multipart/... cannot be attached");
  ATTACHMENT((one.data = "x", one.content_type = "text"), "attachments: entry 2: content_type: no type/subtype");
  ATTACHMENT((one.data = "x", one.content_id = "<a>"), "attachments: entry 2: content_id: angle brackets in it");
  MESSAGE(BAD_ARGUMENT, message.message_id = "a@b", "message_id: not <something@somewhere> in ASCII, without blanks");
  MESSAGE(BAD_ARGUMENT, message.message_id = subject, "message_id: longer than 319 bytes");
  MESSAGE(BAD_ARGUMENT, message.envelope_id = "a\r\nDATA", "envelope_id: something else than printable ASCII in it");
  MESSAGE(BAD_ARGUMENT, message.envelope_id = subject,
          "envelope_id: longer than 100 bytes (blanks, + and = count as three)");
  MESSAGE(BAD_ARGUMENT, message.date = -1, "date: before 1970, or after 2106");
  MESSAGE(BAD_ARGUMENT, message.date = INT64_MAX, "date: before 1970, or after 2106");
  MESSAGE(BAD_ARGUMENT, message.verb = 4, "verb: unknown value");
  MESSAGE(BAD_ARGUMENT, message.dsn = SDS_SMTP_DSN_NEVER | SDS_SMTP_DSN_DELAY, "dsn: SDS_SMTP_DSN_NEVER stands alone");
  MESSAGE(BAD_ARGUMENT, (message.dsn = SDS_SMTP_DSN_DELAY, message.verb = SDS_SMTP_VERB_SEND),
          "dsn: set, and SEND, SOML and SAML have no parameters");
  MESSAGE(BAD_ARGUMENT, (message.envelope_id = "1", message.verb = SDS_SMTP_VERB_SOML),
          "envelope_id: set, and SEND, SOML and SAML have no parameters");
  MESSAGE(NOT_SUPPORTED, (message.to = "\xc5\xbe@b.cz", message.verb = SDS_SMTP_VERB_SAML),
          "verb: with it no address can have other letters than ASCII before its @");
  MESSAGE(BAD_ARGUMENT, message.dsn = 32, "dsn: unknown bit");
  MESSAGE(BAD_ARGUMENT, message.priority = 3, "priority: unknown value");
  free(many);
  free(local);
  free(text);
  free(subject);
}

/* A refusal ends with the next call that is not refused. It is cut where it does not fit. */
static void life_of_a_refusal(void)
{
  struct sds_smtp_result before = SDS_SMTP_RESULT_INIT, after = SDS_SMTP_RESULT_INIT;
  struct sds_smtp_config config = good_config();
  struct sds_smtp_message message = good_message();
  char text[8];

  CHECK_IS(sds_smtp_client_configure(client, &config), SDS_SMTP_OK);
  CHECK(refusal_of(client)[0] == '\0');
  CHECK_IS(sds_smtp_client_send(client, NULL), SDS_SMTP_BAD_ARGUMENT);
  CHECK(refusal_of(client)[0] != '\0');
  CHECK_IS(sds_smtp_client_send(client, &message), SDS_SMTP_OK);
  CHECK(refusal_of(client)[0] == '\0');
  CHECK_IS(sds_smtp_client_wait(client, PATIENCE_MS), SDS_SMTP_CONNECT_FAILED);
  CHECK(refusal_of(client)[0] == '\0');

  /* A configuration that is refused leaves the result of the last mail as it was. */
  CHECK_IS(sds_smtp_client_result(client, &before), SDS_SMTP_OK);
  config.port = 65536;
  CHECK_IS(sds_smtp_client_configure(client, &config), SDS_SMTP_CONNECT_FAILED);
  CHECK_IS(sds_smtp_client_result(client, &after), SDS_SMTP_OK);
  CHECK(memcmp(&before, &after, sizeof before) == 0);
  CHECK_IS(before.phase, SDS_SMTP_PHASE_CONNECT);
  CHECK_IS(sds_smtp_client_refusal(client, text, sizeof text), strlen("port: not 1 to 65535"));
  CHECK(strcmp(text, "port: n") == 0);

  /* Of a client that does not live there is none. */
  sds_smtp_client_free(client);
  CHECK_IS(sds_smtp_client_refusal(client, text, sizeof text), 0);
  CHECK(text[0] == '\0');
}

int main(void)
{
  client = sds_smtp_client_new();
  CHECK(client != NULL);
  CHECK(refusal_of(client)[0] == '\0');
  servers();
  fields();
  three_functions();
  messages();
  life_of_a_refusal();
  printf("refusal: %d refusals, %d wrong\n", refusals, wrong);
  return wrong == 0 ? 0 : 1;
}
