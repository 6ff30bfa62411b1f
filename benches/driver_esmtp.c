/*
 * driver_esmtp - the task of driver.h with libESMTP
 *
 * A session is one connection, and has to be made anew for each mail. The mechanisms are plugins (sasl-plain.so and
 * others), which libESMTP loads from the folder that was compiled into it; Debian's package has both in agreement.
 */
#include <signal.h>

#include <auth-client.h>
#include <libesmtp.h>

#include "driver.h"

/* libESMTP asks for what it needs. It keeps the pointers and changes nothing behind them. */
static int answer(auth_client_request_t request, char **result, int fields, void *data)
{
  const struct task *task = data;
  int field;

  for (field = 0; field < fields; field++)
    result[field] = (char *)((request[field].flags & AUTH_PASS) != 0 ? task->password : task->user);
  return 1;
}

static int send_mail(const char *server, auth_context_t login, char *mail)
{
  smtp_session_t session = smtp_create_session();
  smtp_message_t message = session == NULL ? NULL : smtp_add_message(session);
  const smtp_status_t *status;
  int sent;

  if (message == NULL)
    return 0;
  sent = smtp_set_server(session, server) && smtp_set_hostname(session, EHLO_NAME)
         && (login == NULL || smtp_auth_set_context(session, login)) && smtp_set_reverse_path(message, SENDER)
         && smtp_set_header(message, "To", NULL, RECIPIENT) && smtp_set_header(message, "Subject", SUBJECT)
         && smtp_set_header_option(message, "Subject", Hdr_OVERRIDE, 1)
         && smtp_add_recipient(message, RECIPIENT) != NULL && smtp_set_message_str(message, mail)
         && smtp_start_session(session);
  status = smtp_message_transfer_status(message);
  sent = sent && status != NULL && status->code == 250;
  if (!sent) {
    char words[128] = "";
    const char *why = smtp_strerror(smtp_errno(), words, sizeof words);

    fprintf(stderr, "driver_esmtp: %s; the server: %d\n", why == NULL ? "?" : why, status == NULL ? 0 : status->code);
  }
  smtp_destroy_session(session);
  return sent;
}

int main(int argc, char **argv)
{
  struct task task = read_task(argc, argv);
  char server[80];
  /* libESMTP makes the other headers: Date, Message-Id, From; and To, Subject as told. */
  char mail[TEXT_BYTES + 128] = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n";
  auth_context_t login = NULL;
  char *end = mail;
  unsigned sent;

  while (*end != '\0')
    end++;
  write_text(end, "\r\n");
  snprintf(server, sizeof server, "%s:%u", SERVER, task.port);
  /* libESMTP writes without MSG_NOSIGNAL. */
  signal(SIGPIPE, SIG_IGN);
  auth_client_init();
  if (task.user != NULL) {
    login = auth_create_context();
    if (login == NULL || !auth_set_mechanism_flags(login, AUTH_PLUGIN_PLAIN, 0)
        || !auth_set_interact_cb(login, answer, &task)) {
      fprintf(stderr, "driver_esmtp: no login possible\n");
      return 1;
    }
  }
  for (sent = 0; sent < task.mails && send_mail(server, login, mail); sent++)
    continue;
  if (login != NULL)
    auth_destroy_context(login);
  auth_client_exit();
  return sent == task.mails ? 0 : 1;
}
