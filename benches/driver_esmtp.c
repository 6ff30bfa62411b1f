/*
 * driver_esmtp - the task of driver.h with libESMTP
 *
 * A session is one connection, and has to be made anew for each mail, but for those that are given to it before it starts. The mechanisms are plugins (sasl-plain.so and
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

/* Sends so many mails in one session. */
static int send_mails(const char *server, auth_context_t login, char *mail, unsigned count)
{
  smtp_session_t session = smtp_create_session();
  smtp_message_t message = NULL;
  const smtp_status_t *status = NULL;
  unsigned added;
  int sent = session != NULL && smtp_set_server(session, server) && smtp_set_hostname(session, EHLO_NAME)
             && (login == NULL || smtp_auth_set_context(session, login));

  for (added = 0; sent && added < count; added++) {
    message = smtp_add_message(session);
    sent = message != NULL && smtp_set_reverse_path(message, SENDER) && smtp_set_header(message, "To", NULL, RECIPIENT)
           && smtp_set_header(message, "Subject", SUBJECT)
           && smtp_set_header_option(message, "Subject", Hdr_OVERRIDE, 1)
           && smtp_add_recipient(message, RECIPIENT) != NULL && smtp_set_message_str(message, mail);
  }
  sent = sent && smtp_start_session(session);
  /* The last one: a session ends with the first that fails. */
  status = message == NULL ? NULL : smtp_message_transfer_status(message);
  sent = sent && status != NULL && status->code == 250;
  if (!sent) {
    char words[128] = "";
    const char *why = smtp_strerror(smtp_errno(), words, sizeof words);

    fprintf(stderr, "driver_esmtp: %s; the server: %d\n", why == NULL ? "?" : why, status == NULL ? 0 : status->code);
  }
  if (session != NULL)
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
  long long begun;

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
  begun = microseconds();
  if (task.keep != NULL)
    sent = send_mails(server, login, mail, task.mails) ? task.mails : 0;
  else
    for (sent = 0; sent < task.mails && send_mails(server, login, mail, 1); sent++)
      continue;
  if (task.keep != NULL)
    printf("microseconds %lld\n", microseconds() - begun);
  if (login != NULL)
    auth_destroy_context(login);
  auth_client_exit();
  return sent == task.mails ? 0 : 1;
}
