/*
 * transport_uart.c - the connection is a serial line; a module at its other end bridges it to a TCP connection
 *
 * The module is told once, in its own settings, to which server and port it connects; the address in the library's
 * configuration is not used. It connects when it is switched on and after each connection that has ended.
 *
 * The line does not tell when the server has closed the connection: the library's time limits do. With a module that
 * has a carrier detect line, let line_receive() return SDS_SMTP_LOST when the carrier is gone and everything was read;
 * and let line_close() hang up (by a control line, or as the module wants it): a module that is not told goes on with
 * the connection of a mail that has ended early, and the next mail waits for a greeting until the server gives it up.
 */
#include "transport_uart.h"

#include "board.h"

/* Our address in the module's network, which the mail server is told in EHLO. */
static const uint8_t our_address[4] = {192, 168, 1, 250};

static int32_t line_connect(void *context, const struct sds_smtp_address *server)
{
  (void)context;
  (void)server;
  /* With a module that dials by a control line: raise it here, and answer in line_connected() whether it has. The server
     speaks first: what is already in the queue belongs to this connection, and stays. */
  return 0;
}

static int32_t line_connected(void *context)
{
  (void)context;
  return 1;
}

static int32_t line_send(void *context, const uint8_t *octets, size_t length)
{
  (void)context;
  return (int32_t)board_line_send(octets, length);
}

static int32_t line_receive(void *context, uint8_t *octets, size_t max)
{
  (void)context;
  return (int32_t)board_line_receive(octets, max);
}

static int32_t line_close(void *context)
{
  uint8_t rest[16];

  (void)context;
  while (board_line_receive(rest, sizeof rest) > 0) {
    /* Words to a mail that has ended: the next connection's greeting must not stand behind them. */
  }
  return 1;
}

static int32_t line_local_address(void *context, struct sds_smtp_address *out)
{
  unsigned i;

  (void)context;
  out->version = 4;
  for (i = 0; i < sizeof our_address; i++)
    out->octets[i] = our_address[i];
  return 0;
}

static uint32_t line_random(void *context)
{
  (void)context;
  return board_random();
}

const struct sds_smtp_transport transport_uart = {
  .struct_size = sizeof(struct sds_smtp_transport),
  .flags = SDS_SMTP_TRANSPORT_WAKES, /* an octet that comes ends board_sleep(), and the main loop polls */
  .connect = line_connect,
  .connected = line_connected,
  .send = line_send,
  .receive = line_receive,
  .close = line_close,
  .local_address = line_local_address,
  .random = line_random,
};
