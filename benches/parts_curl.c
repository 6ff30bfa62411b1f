/*
 * parts_curl - the task of parts.h with libcurl
 *
 * A text is read from memory by a function, as in driver_curl; an attachment is a part of libcurl's own mime, in base64.
 */
#include <curl/curl.h>

#include "parts.h"

#define MOST_HEADERS 512

struct source {
  char headers[MOST_HEADERS];
  size_t header_length;
  const struct parts_task *task;
  size_t at; /* in both, one behind the other */
};

static size_t read_mail(char *place, size_t size, size_t count, void *data)
{
  struct source *source = data;
  int in_text = source->at >= source->header_length;
  const char *from = in_text ? source->task->octets + (source->at - source->header_length) : source->headers + source->at;
  size_t length = (in_text ? source->header_length + source->task->length : source->header_length) - source->at;

  if (length > size * count)
    length = size * count;
  memcpy(place, from, length);
  source->at += length;
  return length;
}

static struct curl_slist *add_headers(struct curl_slist *list)
{
  list = curl_slist_append(list, "Date: Tue, 21 Nov 2023 12:00:00 +0000");
  list = curl_slist_append(list, "From: <" SENDER ">");
  list = curl_slist_append(list, "To: <" RECIPIENT ">");
  list = curl_slist_append(list, "Subject: " SUBJECT);
  return curl_slist_append(list, "Message-ID: <0123456789abcdef0123456789abcdef@example.com>");
}

static curl_mime *make_mime(CURL *curl, const struct parts_task *task)
{
  curl_mime *mime = curl_mime_init(curl);
  curl_mimepart *part = curl_mime_addpart(mime);

  curl_mime_data(part, "The measurements.\r\n", CURL_ZERO_TERMINATED);
  curl_mime_type(part, "text/plain; charset=us-ascii");
  part = curl_mime_addpart(mime);
  if (is(task, "file"))
    curl_mime_filedata(part, task->path);
  else
    curl_mime_data(part, task->octets, task->length);
  curl_mime_filename(part, "measurements.bin");
  curl_mime_type(part, "application/octet-stream");
  curl_mime_encoder(part, "base64");
  return mime;
}

static CURLcode send_text(CURL *curl, struct source *source, const struct parts_task *task)
{
  source->task = task;
  source->at = 0;
  curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)(source->header_length + task->length));
  curl_easy_setopt(curl, CURLOPT_READFUNCTION, read_mail);
  curl_easy_setopt(curl, CURLOPT_READDATA, source);
  return curl_easy_perform(curl);
}

static CURLcode send_parts(CURL *curl, struct curl_slist *headers, const struct parts_task *task)
{
  curl_mime *mime = make_mime(curl, task);
  CURLcode code;

  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_MIMEPOST, mime);
  code = curl_easy_perform(curl);
  curl_mime_free(mime);
  return code;
}

int main(int argc, char **argv)
{
  struct parts_task task = read_parts_task(argc, argv);
  struct source source = {"", 0, NULL, 0};
  struct curl_slist *recipients, *headers;
  CURLcode code;
  CURL *curl;
  char url[80];
  double began;

  snprintf(url, sizeof url, "smtp://%s:%u/%s", SERVER, task.port, EHLO_NAME);
  source.header_length = (size_t)snprintf(source.headers, sizeof source.headers,
                                          "Date: Tue, 21 Nov 2023 12:00:00 +0000\r\n"
                                          "From: <%s>\r\n"
                                          "To: <%s>\r\n"
                                          "Subject: %s\r\n"
                                          "Message-ID: <0123456789abcdef0123456789abcdef@example.com>\r\n"
                                          "MIME-Version: 1.0\r\n"
                                          "Content-Type: text/plain; charset=us-ascii\r\n"
                                          "\r\n",
                                          SENDER, RECIPIENT, SUBJECT);
  curl_global_init(CURL_GLOBAL_DEFAULT);
  curl = curl_easy_init();
  recipients = curl_slist_append(NULL, "<" RECIPIENT ">");
  headers = add_headers(NULL);
  if (curl == NULL || recipients == NULL || headers == NULL)
    return 1;
  curl_easy_setopt(curl, CURLOPT_URL, url);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_MAIL_FROM, "<" SENDER ">");
  curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, recipients);
  curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
  curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
  code = is(&task, "text") ? send_text(curl, &source, &task) : send_parts(curl, headers, &task);
  began = milliseconds();
  if (code == CURLE_OK)
    code = is(&task, "text") ? send_text(curl, &source, &task) : send_parts(curl, headers, &task);
  print_parts(began);
  if (code != CURLE_OK)
    fprintf(stderr, "parts_curl: %s\n", curl_easy_strerror(code));
  curl_slist_free_all(headers);
  curl_slist_free_all(recipients);
  curl_easy_cleanup(curl);
  curl_global_cleanup();
  free(task.octets);
  return code == CURLE_OK ? 0 : 1;
}
