/*
 * limits.c - what a client's memory holds, found from outside: by how much shorter the longest text becomes that is taken
 */
#include "board.h"
#include "peer.h"

#define ARENA 1024u

static unsigned char storage[SDS_SMTP_CLIENT_SIZE + ARENA];
static char text[sizeof storage];
static struct peer peer;
static sds_smtp_client *client;
static struct sds_smtp_config config;
static struct sds_smtp_message message;
static int32_t (*peer_send)(void *context, const uint8_t *octets, size_t length);
static int32_t (*peer_receive)(void *context, uint8_t *octets, size_t max);
static uint32_t sent, received, read_max, read_min, now;

static int32_t note_send(void *context, const uint8_t *octets, size_t length)
{
  if (length > sent)
    sent = length;
  return peer_send(context, octets, length);
}

static int32_t note_receive(void *context, uint8_t *octets, size_t max)
{
  if (max > received)
    received = max;
  return peer_receive(context, octets, max);
}

static int32_t note_read(void *context, uint32_t offset, char *out, size_t max)
{
  (void)context;
  (void)out;
  if (offset == 0 && max > read_max)
    read_max = max;
  if (offset == 0 && max < read_min)
    read_min = max;
  return 0;
}

static void begin(size_t length)
{
  client = sds_smtp_client_init(storage, length);
  CHECK(client != NULL);
  sds_smtp_client_set_transport(client, &peer.transport);
}

static int send_and_wait(void)
{
  int code = sds_smtp_client_send(client, &message);

  while (sds_smtp_client_status(client) == SDS_SMTP_BUSY || peer.line != CLOSED) {
    sds_smtp_poll(now++);
    peer_work(&peer, now);
  }
  return code;
}

/* The longest text that is taken with the configuration and the other parts of the message as they are; with `twice` the
   client is configured once more while the mail is in flight. */
static uint32_t longest(int twice)
{
  uint32_t length;

  for (length = sizeof text - 1; length > 0; length--) {
    int code;

    text[length] = '\0';
    begin(sizeof storage);
    CHECK(sds_smtp_client_configure(client, &config) == SDS_SMTP_OK);
    message.text = text;
    code = sds_smtp_client_send(client, &message);
    if (code == SDS_SMTP_OK && twice)
      code = sds_smtp_client_configure(client, &config);
    sds_smtp_client_free(client);
    text[length] = 'x';
    if (code == SDS_SMTP_OK)
      break;
    CHECK(code == SDS_SMTP_DATA_FAILED);
  }
  return length;
}

/* How much of the text's room a part of the configuration or message takes, beyond an empty one. */
#define COST(part, words) cost(&(part), (words))

static uint32_t cost(const char **part, const char *words)
{
  const char *before = *part;
  uint32_t without = longest(0), with;

  *part = words;
  with = longest(0);
  *part = before;
  return without - with;
}

static void texts(void)
{
  uint32_t room = longest(0);

  test_say("octets of text with 1024 of arena", room);
  test_say("one recipient more, of 20 octets with its comma", COST(message.to, "someone@example.test,second@example.test"));
  test_say("a subject of 16 octets", COST(message.subject, "Boiler room: hot"));
  test_say("a sender's name of 16 octets", COST(config.sender_name, "Boiler room no 7"));
  /* The next one, while a mail is in flight, has its place beside the first; 31 are user name, password and sender. */
  test_say("a configuration, beside its texts", room - longest(1) - 31);
}

static void pieces(void)
{
  size_t length;

  message.text = NULL;
  message.read = note_read;
  read_min = UINT32_MAX;
  begin(sizeof storage);
  sds_smtp_client_configure(client, &config);
  CHECK(send_and_wait() == SDS_SMTP_OK);
  sds_smtp_client_free(client);
  for (length = SDS_SMTP_CLIENT_SIZE;; length++) {
    int code;

    begin(length);
    sds_smtp_client_configure(client, &config);
    code = send_and_wait();
    sds_smtp_client_free(client);
    if (code == SDS_SMTP_OK)
      break;
  }
  test_say("octets of a text read at a time, at the most", read_max);
  test_say("octets of a text read at a time, at the least", read_min);
  test_say("octets given to the transport at a time, at the most", sent);
  test_say("octets asked of the transport at a time", received);
}

int main(void)
{
  static const struct sds_smtp_config no_config = SDS_SMTP_CONFIG_INIT;
  static const struct sds_smtp_message no_message = SDS_SMTP_MESSAGE_INIT;
  size_t i;

  board_init();
  peer_init(&peer);
  peer.manners.keywords = "250-AUTH PLAIN\r\n";
  peer_send = peer.transport.send;
  peer_receive = peer.transport.receive;
  peer.transport.send = note_send;
  peer.transport.receive = note_receive;
  for (i = 0; i < sizeof text; i++)
    text[i] = 'x';
  config = no_config;
  config.server = "192.0.2.1";
  config.auth = SDS_SMTP_AUTH_ANY;
  config.username = "sds";
  config.password = "sds-secret";
  config.sender = "unit7@example.test";
  message = no_message;
  message.to = "someone@example.test";

  test_say("a client", SDS_SMTP_CLIENT_SIZE);
  test_say("a log entry", sizeof(struct sds_smtp_log_entry));
  test_say("a result", sizeof(struct sds_smtp_result));
  texts();
  pieces();
  board_stop(0);
  return 0;
}
