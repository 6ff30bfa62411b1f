"""SEND, SOML, SAML and RSET against an aiosmtpd that has them, as RFC 821 (3.4) and the course's chapter 4 describe them.

Each user has a terminal, at which he is or is not, and a mailbox. A test for each row of the chapter.
"""

import asyncio
import threading
import time

import pytest
from aiosmtpd.smtp import SMTP
from sds_smtp import NO_PIPELINING, Code, Dsn, Outcome, Phase, SmtpError, Verb

SENDER = "karel@example.test"
AT_TERMINAL, AWAY, DEAF = "tonda@example.test", "milan@example.test", "eva@example.test"
UNKNOWN = "nobody@example.test"


class Users:
    """What RFC 821 calls users: `terminal` and `mailbox` are what was delivered there."""

    def __init__(self):
        self.active = {AT_TERMINAL}  # AWAY has gone home; DEAF takes no messages (mesg n)
        self.known = {AT_TERMINAL, AWAY, DEAF}
        self.terminal = []
        self.mailbox = []
        self.said = []


class Rfc821(SMTP):
    """aiosmtpd with the verbs of RFC 821."""

    users = None
    verb = "MAIL"

    async def handle_command(self, line):
        self.users.said.append(line)

    async def smtp_MAIL(self, arg):
        self.users.said.append(f"MAIL {arg}")
        self.verb = "MAIL"
        await super().smtp_MAIL(arg)

    async def begin(self, verb, arg):
        self.users.said.append(f"{verb} {arg}")
        if not arg or not arg.upper().startswith("FROM:<") or not arg.endswith(">"):
            # No parameters: RFC 821 has none.
            await self.push(f"501 Syntax: {verb} FROM:<address>")
            return
        if self.envelope.mail_from is not None:
            await self.push("503 nested MAIL")
            return
        self.verb, self.envelope.mail_from = verb, arg[6:-1] or "<>"
        await self.push("250 OK")

    async def smtp_SEND(self, arg):
        await self.begin("SEND", arg)

    async def smtp_SOML(self, arg):
        await self.begin("SOML", arg)

    async def smtp_SAML(self, arg):
        await self.begin("SAML", arg)

    async def smtp_RSET(self, arg):
        self.users.said.append("RSET")
        await super().smtp_RSET(arg)


class Handler:
    def __init__(self, users, pipelining):
        self.users = users
        self.pipelining = pipelining

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        session.host_name = hostname
        return responses[:-1] + (["250-PIPELINING"] if self.pipelining else []) + responses[-1:]

    async def handle_RCPT(self, server, session, envelope, address, options):
        self.users.said.append(f"RCPT {address} {options}")
        if address not in self.users.known:
            return "550 zadny takovy uzivatel"
        if server.verb == "SEND" and address not in self.users.active:
            return "450 the user is not active or takes no messages"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = (server.verb, envelope.mail_from, bytes(envelope.original_content))
        for address in envelope.rcpt_tos:
            at_terminal = server.verb in ("SEND", "SOML", "SAML") and address in self.users.active
            if at_terminal:
                self.users.terminal.append((address, *mail))
            if server.verb in ("MAIL", "SAML") or not at_terminal:
                self.users.mailbox.append((address, *mail))
        return "250 OK"


class Server:
    def __init__(self, pipelining=True, kind=Rfc821):
        self.users = Users()
        self.loop = asyncio.new_event_loop()

        def session():
            one = kind(Handler(self.users, pipelining), hostname="mx.example.test", enable_SMTPUTF8=True)
            one.users = self.users
            return one

        self.listener = self.loop.run_until_complete(self.loop.create_server(session, "127.0.0.1", 0))
        self.port = self.listener.sockets[0].getsockname()[1]
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def close(self):
        def end():
            self.listener.close()
            self.loop.stop()

        self.loop.call_soon_threadsafe(end)
        self.thread.join(10)


@pytest.fixture(params=[True, False], ids=["pipelining", "one by one"])
def old(request):
    server = Server(request.param)
    yield server
    server.close()


@pytest.fixture
def ready(old, client):
    client.configure(server="127.0.0.1", port=old.port, sender=SENDER, total_timeout_ms=20000)
    return client


def refused(client, *arguments, **fields):
    with pytest.raises(SmtpError):
        client.send(*arguments, wait=True, **fields)
    return client.result()


def comes(said, line):
    """The result is told before the transaction is given up."""
    end = time.monotonic() + 10
    while line not in said and time.monotonic() < end:
        time.sleep(0.01)
    return line in said


def places(users):
    return [address for address, *_ in users.terminal], [address for address, *_ in users.mailbox]


def test_mail_goes_to_the_mailbox(old, ready):
    assert ready.send(AT_TERMINAL, "x", "y", wait=True).code == Code.OK
    assert places(old.users) == ([], [AT_TERMINAL])


def test_rcpt_of_an_unknown_user_is_550(old, ready):
    result = refused(ready, UNKNOWN, verb=Verb.SEND)
    assert (result.code, result.reply_code, result.text) == (Code.INVALID_RECIPIENT, 550, "zadny takovy uzivatel")
    assert places(old.users) == ([], [])


def test_data_of_a_send_is_the_whole_mail(old, ready):
    assert ready.send(AT_TERMINAL, "Kotelna", "příliš\n.\n", verb=Verb.SEND, wait=True).code == Code.OK
    _, verb, reverse, data = old.users.terminal[0]
    assert (verb, reverse) == ("SEND", SENDER)
    assert b"\r\nSubject: Kotelna\r\n" in data and b"quoted-printable" in data and data.endswith(b"\r\n.\r\n")


def test_send_goes_to_the_terminal_only(old, ready):
    result = ready.send(AT_TERMINAL, "x", "y", verb=Verb.SEND, wait=True)
    assert (result.code, result.outcome) == (Code.OK, Outcome.SENT)
    assert places(old.users) == ([AT_TERMINAL], [])
    assert f"SEND FROM:<{SENDER}>" in old.users.said


@pytest.mark.parametrize("user", [AWAY, DEAF])
def test_send_to_who_is_not_active_is_450(old, ready, user):
    result = refused(ready, user, "x", "y", verb=Verb.SEND)
    assert (result.code, result.reply_code, result.outcome) == (Code.RECIPIENT_REFUSED, 450, Outcome.NOT_SENT)
    assert result.phase == Phase.RCPT and result.recipient == user
    assert result.advice.name == "LATER"
    assert places(old.users) == ([], [])


def test_send_to_one_who_is_there_and_one_who_is_not_reaches_nobody(old, ready):
    result = refused(ready, [AT_TERMINAL, AWAY], verb=Verb.SEND)
    assert (result.code, result.recipient) == (Code.RECIPIENT_REFUSED, AWAY)
    assert places(old.users) == ([], [])


def test_soml_goes_to_the_terminal_or_else_to_the_mailbox(old, ready):
    assert ready.send([AT_TERMINAL, AWAY], verb=Verb.SOML, wait=True).code == Code.OK
    assert places(old.users) == ([AT_TERMINAL], [AWAY])


def test_saml_goes_to_the_terminal_and_in_any_case_to_the_mailbox(old, ready):
    assert ready.send([AT_TERMINAL, AWAY], verb=Verb.SAML, wait=True).code == Code.OK
    assert places(old.users) == ([AT_TERMINAL], [AT_TERMINAL, AWAY])


@pytest.mark.parametrize("verb", [Verb.SEND, Verb.SOML, Verb.SAML])
def test_rset_gives_a_transaction_up(old, ready, verb):
    refused(ready, [AT_TERMINAL, UNKNOWN], verb=verb)
    assert comes(old.users.said, "RSET")
    assert places(old.users) == ([], [])
    # The next mail is none of it.
    assert ready.send(AT_TERMINAL, verb=verb, wait=True).code == Code.OK


@pytest.mark.parametrize("verb", [Verb.SEND, Verb.SOML, Verb.SAML])
def test_a_verb_has_the_null_reverse_path_and_no_parameters(old, ready, verb):
    ready.send(AT_TERMINAL, "x", "Příliš", reverse_path="<>", verb=verb, wait=True)
    assert f"{verb.name} FROM:<>" in old.users.said
    assert not [line for line in old.users.said if "SIZE" in line or "BODY" in line]


@pytest.mark.parametrize("verb", [Verb.SEND, Verb.SOML, Verb.SAML])
@pytest.mark.parametrize("pipelining", [True, False])
def test_a_server_that_does_not_know_the_verb_is_39(client, verb, pipelining):
    # aiosmtpd as it is: 500.
    class Modern(SMTP):
        users = None
        verb = "MAIL"

    server = Server(pipelining, Modern)
    try:
        client.configure(server="127.0.0.1", port=server.port, sender=SENDER)
        result = refused(client, AT_TERMINAL, verb=verb)
        assert (result.code, result.reply_code, result.phase) == (Code.NOT_SUPPORTED, 500, Phase.MAIL)
        assert (result.outcome, result.advice.name) == (Outcome.NOT_SENT, "MESSAGE")
        assert client.send(AT_TERMINAL, wait=True).code == Code.OK
    finally:
        server.close()


@pytest.mark.parametrize("reply, code", [("500 what", 39), ("502 no", 39), ("504 no", 39), ("550 no", 4), ("450 no", 4), ("501 no", 15), ("421 no", 2)])
def test_only_some_refusals_say_that_the_verb_is_unknown(server, client, reply, code):
    client.configure(server="127.0.0.1", port=server.port, sender=SENDER)
    server.replies["SAML"] = reply
    assert refused(client, AT_TERMINAL, verb=Verb.SAML, flags=0).code == code


@pytest.mark.parametrize(
    "fields, code, words",
    [
        ({"verb": 4}, 33, "verb: unknown value"),
        ({"verb": Verb.SEND, "dsn": Dsn.FAILURE}, 33, "dsn: set, and SEND, SOML and SAML have no parameters"),
        ({"verb": Verb.SOML, "envelope_id": "x"}, 33, "envelope_id: set, and SEND, SOML and SAML have no parameters"),
        (
            {"verb": Verb.SAML, "to": "ž@example.test"},
            39,
            "verb: with it no address can have other letters than ASCII before its @",
        ),
    ],
)
def test_what_does_not_go_with_a_verb_is_refused_before_anything_is_said(server, client, fields, code, words):
    client.configure(server="127.0.0.1", port=server.port, sender=SENDER)
    with pytest.raises(SmtpError) as refusal:
        client.send(**{"to": AT_TERMINAL, **fields})
    assert (refusal.value.code, client.refusal()) == (code, words)
    assert not server.commands


def test_a_verb_is_said_again_at_each_attempt(server, client):
    client.configure(server="127.0.0.1", port=server.port, sender=SENDER, retry_max=1, retry_delay_ms=1, flags=NO_PIPELINING)
    server.replies["SEND"] = "451 later"
    result = refused(client, AT_TERMINAL, verb=Verb.SEND)
    assert (result.attempts, result.reply_code) == (2, 451)
    assert server.verbs().count("SEND") == 2
