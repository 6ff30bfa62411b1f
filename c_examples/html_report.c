/*
 * html_report - sends a report as text and as HTML, with a chart in it
 *
 *     html_report SERVER[:PORT] FROM TO
 *     html_report mail.example.com unit7@example.com operator@example.com
 *
 * Readers show the HTML, or the text where they show no HTML. The chart is an inline part: the HTML names it by its
 * Content-ID. It is a BMP, because that takes no library to make.
 * The exit code is 0 only when the server accepted the mail.
 */
#include <stdio.h>
#include <string.h>

#include "sds_smtp.h"

#define WIDTH 96u
#define HEIGHT 32u
#define HEADER 54u
#define PIXELS (WIDTH * HEIGHT * 3u)

static unsigned char chart[HEADER + PIXELS];

static void put(unsigned char *at, unsigned long value)
{
  int octet;

  for (octet = 0; octet < 4; octet++)
    at[octet] = (unsigned char)(value >> (8 * octet));
}

/* Draws a bar for each value from 0 to HEIGHT. */
static void draw(const unsigned *values, unsigned count)
{
  unsigned x, y;

  memset(chart + HEADER, 0xFF, PIXELS);
  memcpy(chart, "BM", 2);
  put(chart + 2, sizeof chart);
  put(chart + 10, HEADER);
  put(chart + 14, 40);
  put(chart + 18, WIDTH);
  put(chart + 22, HEIGHT);
  put(chart + 26, 1ul | 24ul << 16); /* one plane, 24 bits */
  put(chart + 34, PIXELS);
  for (x = 0; x < WIDTH; x++) {
    for (y = 0; y < values[x * count / WIDTH] && y < HEIGHT; y++)
      memset(chart + HEADER + (y * WIDTH + x) * 3, 0x40, 2);
  }
}

int main(int argc, char **argv)
{
  static const unsigned values[] = {4, 6, 9, 14, 22, 30, 27, 18};
  struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
  struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
  struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;
  struct sds_smtp_attachment inline_chart = SDS_SMTP_ATTACHMENT_INIT;
  char why[256];
  int code;

  if (argc != 4)
    return 2;
  draw(values, sizeof values / sizeof values[0]);
  inline_chart.name = "chart.bmp";
  inline_chart.content_type = "image/bmp";
  inline_chart.content_id = "chart@unit7";
  inline_chart.data = chart;
  inline_chart.length = sizeof chart;
  inline_chart.flags = SDS_SMTP_BORROW_TEXT; /* it stays where it is: nothing is copied */

  config.server = argv[1];
  config.sender = argv[2];
  message.to = argv[3];
  message.subject = "Report of unit 7";
  message.text = "Boiler room: at most 30 degrees above the outside.\n";
  message.html = "<h1>Boiler room</h1>\n"
                 "<p>At most <b>30 \xC2\xB0"
                 "C</b> above the outside.</p>\n"
                 "<p><img src=\"cid:chart@unit7\" alt=\"temperatures\"></p>\n";
  message.attachments = &inline_chart;
  message.attachment_count = 1;
  if (sds_smtp_client_configure(NULL, &config) != SDS_SMTP_OK || sds_smtp_client_send(NULL, &message) != SDS_SMTP_OK) {
    sds_smtp_client_refusal(NULL, why, sizeof why);
    fprintf(stderr, "not started: %s\n", why);
    return 1;
  }
  code = sds_smtp_client_wait(NULL, SDS_SMTP_NO_LIMIT);
  sds_smtp_client_result(NULL, &result);
  printf("%s: %s\n", sds_smtp_code_name(code), result.text);
  return code != SDS_SMTP_OK;
}
