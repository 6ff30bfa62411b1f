/*
 * driver_curl - the task of driver.h with libcurl
 *
 * One easy handle for all mails, a fresh connection for each. The headers, which libcurl leaves to the program, are
 * composed once, which flatters libcurl a little.
 */
#include <string.h>

#include <curl/curl.h>

#include "driver.h"

struct source {
  const char *mail;
  size_t length;
  size_t at;
};

static size_t read_mail(char *place, size_t size, size_t count, void *data)
{
  struct source *source = data;
  size_t length = source->length - source->at;

  if (length > size * count)
    length = size * count;
  memcpy(place, source->mail + source->at, length);
  source->at += length;
  return length;
}

int main(int argc, char **argv)
{
  struct task task = read_task(argc, argv);
  char url[80];
  char mail[TEXT_BYTES + 512];
  struct source source = {mail, 0, 0};
  struct curl_slist *recipients = NULL;
  CURLcode code = CURLE_FAILED_INIT;
  CURL *curl;
  int headers;
  unsigned sent = 0;

  /* The path is what libcurl says in EHLO. */
  snprintf(url, sizeof url, "%s://%s:%u/%s", task.ca != NULL ? "smtps" : "smtp", task.ca != NULL ? TLS_SERVER : SERVER, task.port,
           EHLO_NAME);
  headers = snprintf(mail, sizeof mail,
                     "Date: Tue, 21 Nov 2023 12:00:00 +0000\r\n"
                     "From: <%s>\r\n"
                     "To: <%s>\r\n"
                     "Subject: %s\r\n"
                     "Message-ID: <0123456789abcdef0123456789abcdef@example.com>\r\n"
                     "MIME-Version: 1.0\r\n"
                     "Content-Type: text/plain; charset=us-ascii\r\n"
                     "\r\n",
                     SENDER, RECIPIENT, SUBJECT);
  source.length = (size_t)(write_text(mail + headers, "\r\n") - mail);

  curl_global_init(CURL_GLOBAL_DEFAULT);
  curl = curl_easy_init();
  recipients = curl_slist_append(NULL, "<" RECIPIENT ">");
  if (curl != NULL && recipients != NULL) {
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    if (task.ca != NULL) {
      curl_easy_setopt(curl, CURLOPT_CAINFO, task.ca);
      /* Else the one with GnuTLS reads all certificates of the system for each connection. */
      curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
      curl_easy_setopt(curl, CURLOPT_IPRESOLVE, (long)CURL_IPRESOLVE_V4);
      curl_easy_setopt(curl, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    }
    curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(curl, CURLOPT_MAIL_FROM, "<" SENDER ">");
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, recipients);
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)source.length);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, read_mail);
    curl_easy_setopt(curl, CURLOPT_READDATA, &source);
    if (task.user != NULL) {
      curl_easy_setopt(curl, CURLOPT_USERNAME, task.user);
      curl_easy_setopt(curl, CURLOPT_PASSWORD, task.password);
      curl_easy_setopt(curl, CURLOPT_LOGIN_OPTIONS, "AUTH=PLAIN");
      /* The response goes with the command, as in the other two. */
      curl_easy_setopt(curl, CURLOPT_SASL_IR, 1L);
    }
    do {
      source.at = 0;
      code = curl_easy_perform(curl);
    } while (code == CURLE_OK && ++sent < task.mails);
  }
  if (code != CURLE_OK)
    fprintf(stderr, "driver_curl: mail %u: %s\n", sent + 1, curl_easy_strerror(code));
  curl_slist_free_all(recipients);
  curl_easy_cleanup(curl);
  curl_global_cleanup();
  return code == CURLE_OK ? 0 : 1;
}
