"""TLS on the wire: what is said before the handshake is done and behind it, and servers, proxies and networks that do what they
should not.
"""

import contextlib
import os
import re
import socket
import ssl
import struct
import threading
import time
from random import Random

import pytest
from conftest import ScriptedServer
from sds_smtp import KEEP_DIALOGUE, NO_PIPELINING, Advice, Auth, Client, Code, Outcome, Phase, Tls
from test_tls import BEHIND, LOGIN, SENDER, SOMEONE, WITH_TLS
from test_tls import assert_failed, assert_heard, assert_sent, deliver, mode, phase_of, serve
from tls_server import STARTTLS, Proxy, RawServer, TlsServer, context, says

__all__ = ["mode", "serve"]  # fixtures
pytestmark = WITH_TLS

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA = 20, 21, 22, 23
SECRETS = (b"AUTH", b"MAIL", b"RCPT", b"DATA", b"Subject", b"sds-secret", b"AHNkcwBzZHMtc2VjcmV0")


def records(octets):
    """The TLS records that these octets are: (type, length of what is in it). What is none fails."""
    found, at = [], 0
    while at + 5 <= len(octets):
        kind, major, length = octets[at], octets[at + 1], int.from_bytes(octets[at + 3 : at + 5], "big")
        assert kind in range(20, 24) and major == 3 and length <= 16640, octets[at : at + 40]
        found.append((kind, length))
        at += 5 + length
    return found


# --- what is said when ----------------------------------------------------------------


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_nothing_of_login_and_mail_is_said_in_the_clear(pki, serve, mode, version):
    server = serve(pki.good, implicit=mode == Tls.IMPLICIT, versions=version)
    with Proxy(server.port) as proxy:
        assert_sent(deliver(proxy.port, tls=mode, tls_ca=pki.ca.pem, **LOGIN), int(version))
        begun = ["EHLO", "STARTTLS"] if mode == Tls.STARTTLS else []
        assert_heard(server, *begun, "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT")
    said = bytes(proxy.said)
    if mode == Tls.STARTTLS:
        begun = b"EHLO [127.0.0.1]\r\nSTARTTLS\r\n"
        assert said.startswith(begun)
        said = said[len(begun) :]
    kinds = [kind for kind, _ in records(said)]
    assert kinds[0] == HANDSHAKE and kinds[-1] in (ALERT, APPLICATION_DATA)
    assert not [secret for secret in SECRETS if secret in proxy.said]


def test_before_the_server_has_spoken_only_the_hello_is_said(pki, mode):
    """A server that does not answer has nothing but one message of ours, whatever there is to say."""
    said = []

    def listen(connection):
        if mode == Tls.STARTTLS:
            lines = connection.makefile("rb")
            connection.sendall(b"220 mx.example.test\r\n")
            lines.readline()
            connection.sendall(b"250-mx.example.test\r\n250-AUTH PLAIN LOGIN\r\n250 STARTTLS\r\n")
            lines.readline()
            connection.sendall(b"220 Go\r\n")
        connection.settimeout(0.5)
        octets = b""
        try:
            while more := connection.recv(4096):
                octets += more
        except OSError:
            said.append(octets)

    with RawServer(listen) as server:
        result = deliver(server.port, tls=mode, tls_ca=pki.ca.pem, connect_timeout_ms=1000, **LOGIN)
    assert result.outcome == Outcome.NOT_SENT
    assert [kind for kind, _ in records(said[0])] == [HANDSHAKE]
    assert said[0][5] == 1  # ClientHello


@pytest.mark.parametrize("where", ["ServerHello", "Certificate"])
def test_before_the_servers_certificate_nothing_is_said_behind_the_hello(pki, serve, where):
    """The server's stream stops in the middle of the handshake: of ours there is nothing but handshake."""
    server = serve(pki.good, versions=ssl.TLSVersion.TLSv1_2)
    with Proxy(server.port, cut_at={"ServerHello": 40, "Certificate": 400}[where]) as proxy:
        assert deliver(proxy.port, tls_ca=pki.ca.pem, **LOGIN).outcome == Outcome.NOT_SENT
    assert {kind for kind, _ in records(proxy.said)} <= {HANDSHAKE, ALERT}


def test_what_was_announced_before_tls_is_not_used_behind_it(pki, serve):
    server = serve(pki.good, implicit=False)
    server.secure_extensions = []
    waits = server.gate("MAIL")
    client = Client()
    settings = {"server": "127.0.0.1", "port": server.port, "sender": SENDER, "tls": Tls.STARTTLS, "tls_ca": pki.ca.pem}
    client.configure(**settings)
    client.send(SOMEONE, "Alarm", "Příliš žluťoučký kůň\n")
    server.reached("MAIL")
    time.sleep(0.2)
    assert server.verbs() == ["EHLO", "STARTTLS", "EHLO", "MAIL"]  # no pipelining
    assert server.commands[-1][1] == f"MAIL FROM:<{SENDER}>".encode()  # no SIZE, no BODY
    waits.set()
    assert client.wait(20) == Code.OK
    assert b"quoted-printable" in server.mails[0][3]
    # Nor is a login.
    client.configure(**settings, **LOGIN)
    client.send(SOMEONE, "Alarm", "Text.\n")
    assert client.wait(20) == Code.AUTH_UNSUPPORTED
    assert client.result().text == "no AUTH offered"
    client.close()


def test_what_is_announced_behind_tls_only_is_used(pki, serve):
    server = serve(pki.good, implicit=False, extensions=["STARTTLS"])
    server.secure_extensions = ["AUTH LOGIN", "SIZE 1000000", "8BITMIME"]
    assert_sent(deliver(server.port, tls=Tls.STARTTLS, tls_ca=pki.ca.pem, **LOGIN))
    assert_heard(server, "EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT")
    assert b"SIZE=" in server.commands[4][1]


def test_a_server_that_offers_starttls_again_is_not_asked_twice(pki, serve):
    server = serve(pki.good, implicit=False)
    server.secure_extensions = list(STARTTLS)
    assert_sent(deliver(server.port, tls=Tls.STARTTLS, tls_ca=pki.ca.pem))
    assert_heard(server, "EHLO", "STARTTLS", "EHLO", "MAIL", "RCPT", "DATA", "QUIT")


def test_a_helo_behind_tls(pki, serve):
    server = serve(pki.good, implicit=False)
    ehlos = []

    def once(connection, command, usual, answer=server._answer):
        ehlos.append(command)
        if command == "EHLO" and ehlos.count("EHLO") == 2:
            connection.sendall(b"502 5.5.1 Not behind TLS\r\n")
            return False
        return answer(connection, command, usual)

    server._answer = once
    assert_sent(deliver(server.port, tls=Tls.STARTTLS, tls_ca=pki.ca.pem))
    assert_heard(server, "EHLO", "STARTTLS", "EHLO", "HELO", "MAIL", "RCPT", "DATA", "QUIT")


def test_a_second_connection_for_helo_has_tls_too(pki, serve, mode):
    """The server refuses EHLO, and closes at HELO. Behind STARTTLS there is no second one: HELO has no STARTTLS."""
    server = serve(pki.good, implicit=mode == Tls.IMPLICIT)

    def close(connection, command, usual, answer=server._answer):
        secure = isinstance(connection, ssl.SSLSocket)
        if secure and command == "EHLO":
            connection.sendall(b"500 5.5.1 What\r\n")
            return False
        if secure and command == "HELO" and len(server.ends) == 1:
            connection.close()
            raise OSError
        return answer(connection, command, usual)

    server._answer = close
    with Proxy(server.port) as proxy:
        result = deliver(proxy.port, tls=mode, tls_ca=pki.ca.pem)
        if mode == Tls.IMPLICIT:
            assert_sent(result)
            assert_heard(server, "EHLO", "HELO", "HELO", "MAIL", "RCPT", "DATA", "QUIT")
            assert len(server.versions) == 2
        else:
            assert (result.code, result.outcome, result.phase) == (Code.HELO_FAILED, Outcome.NOT_SENT, Phase.HELLO), result
            assert_heard(server, "EHLO", "STARTTLS", "EHLO", "HELO")
            assert len(server.ends) == 1
    assert not [secret for secret in (b"HELO", b"MAIL", b"RCPT") if secret in proxy.said]


def test_a_server_that_knows_no_ehlo_has_no_starttls(pki, serve):
    """Nothing is said to it but QUIT; where TLS is not required, it has the mail."""
    server = serve(pki.good, implicit=False)
    server.replies["EHLO"] = "500 5.5.1 What"
    result = deliver(server.port, tls=Tls.STARTTLS, tls_ca=pki.ca.pem, **LOGIN)
    assert (result.code, result.outcome) == (Code.TLS_UNAVAILABLE, Outcome.NOT_SENT), result
    assert_heard(server, "EHLO", "QUIT")
    server.commands.clear()
    assert_sent(deliver(server.port, tls=Tls.OPPORTUNISTIC), 0)
    assert_heard(server, "EHLO", "HELO", "MAIL", "RCPT", "DATA", "QUIT")


@pytest.mark.parametrize("reply", ["451 4.3.0 Later", "550 5.7.1 Helo command rejected"])
def test_an_ehlo_that_is_refused_is_no_missing_starttls(pki, serve, client, reply):
    """It may be offered another time, or to another name. For now is repeated, and nothing is said without TLS."""
    server = serve(pki.good, implicit=False)
    server.replies["EHLO"] = reply
    again = {"retry_max": 1, "retry_delay_ms": 1, "total_timeout_ms": 60000}
    result = deliver(server.port, tls=Tls.STARTTLS, tls_ca=pki.ca.pem, **again, **LOGIN)
    assert (result.code, result.phase, result.reply_code) == (Code.HELO_FAILED, Phase.HELLO, int(reply[:3])), result
    assert result.attempts == (2 if reply[0] == "4" else 1)
    assert_heard(server, *["EHLO", "QUIT"] * result.attempts)


def test_the_dialogue_has_what_tls_protects_without_the_login(pki, serve, client):
    server = serve(pki.good, implicit=False)
    lines = []
    client.configure(
        **{"server": "127.0.0.1", "port": server.port, "sender": SENDER, "tls": Tls.STARTTLS, "tls_ca": pki.ca.pem},
        **{"flags": KEEP_DIALOGUE | NO_PIPELINING, "trace": lines.append, **LOGIN},
    )
    client.send(SOMEONE, "Alarm", "Text.\n", wait=True)
    dialogue = client.dialogue()
    assert "sds-secret" not in dialogue and "AHNkcwBzZHMtc2VjcmV0" not in dialogue
    said = [line.split(" ")[1] for line in dialogue.splitlines() if line.startswith("C: ")]
    assert said[:4] == ["EHLO", "STARTTLS", "EHLO", "AUTH"]
    assert [line for line in lines if line.startswith("C: STARTTLS")] == ["C: STARTTLS"]


# --- large and slow -------------------------------------------------------------------


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_one_octet_at_a_time(pki, serve, mode, version):
    server = serve(pki.good, implicit=mode == Tls.IMPLICIT, versions=version)
    with Proxy(server.port, piece=1) as proxy:
        assert_sent(deliver(proxy.port, tls=mode, tls_ca=pki.ca.pem, **LOGIN), int(version))
    assert len(server.mails) == 1


def test_a_handshake_that_drips_ends_with_its_time(pki, serve, mode):
    server = serve(pki.good, implicit=mode == Tls.IMPLICIT)
    limit, pause = (3000, 1.0) if mode == Tls.IMPLICIT else (500, 0.01)
    with Proxy(server.port, piece=1, pause=pause) as proxy:
        result = deliver(proxy.port, tls=mode, tls_ca=pki.ca.pem, connect_timeout_ms=limit)
    assert_failed(result, Code.TIMEOUT, phase_of(mode), "no answer in time", Advice.LATER)
    assert limit <= result.elapsed_ms < 10000


class Fragmented(Proxy):
    """The server's handshake in records of one octet, as far as it is not encrypted."""

    def _back(self, connection, server):
        stream = server.makefile("rb")
        plain = True
        while len(head := stream.read(5)) == 5:
            content = stream.read(int.from_bytes(head[3:], "big"))
            plain = plain and head[0] == HANDSHAKE
            pieces = [content[at : at + 1] for at in range(len(content))] if plain else [content]
            connection.sendall(b"".join(head[:3] + len(piece).to_bytes(2, "big") + piece for piece in pieces))


def test_a_handshake_in_records_of_one_octet(pki, serve):
    server = serve(pki.below, versions=ssl.TLSVersion.TLSv1_2)
    with Fragmented(server.port) as proxy:
        assert_sent(deliver(proxy.port, tls_ca=pki.ca.pem), 0x0303)


def test_a_handshake_that_is_too_long_is_36(pki, serve):
    """A certificate of 60 KB, each octet with five that are none of it."""
    server = serve(pki.large, versions=ssl.TLSVersion.TLSv1_2)
    with Fragmented(server.port) as proxy:
        result = deliver(proxy.port, tls_ca=pki.ca.pem)
    assert_failed(result, Code.TLS_FAILED, Phase.TLS, "TLS: the handshake is too long")


BROKEN = "TLS: what the server says breaks the rules of TLS; something on the way may have changed it"

ENDLESS = {
    "a message without an end": bytes([22, 3, 3, 64, 0, 2, 255, 255, 255]) + bytes(16380),
    "messages that begin nothing": bytes([22, 3, 3, 0, 4, 0, 0, 0, 0]),
    "warnings": bytes([21, 3, 3, 0, 2, 1, 112]),
    "empty records": bytes([22, 3, 3, 0, 0]),
    "records of another kind": bytes([20, 3, 3, 0, 1, 1]),
    "application data": bytes([23, 3, 3, 0, 1, 0]),
    "a heartbeat": bytes([24, 3, 3, 0, 3, 1, 255, 255]),
}


@pytest.mark.parametrize("case", ENDLESS)
def test_an_endless_handshake_is_36(pki, mode, case):
    """Whatever comes without an end, it has one."""

    def go_on(connection):
        if mode == Tls.STARTTLS:
            lines = connection.makefile("rb")
            connection.sendall(b"220 mx.example.test\r\n")
            lines.readline()
            connection.sendall(b"250-mx.example.test\r\n250 STARTTLS\r\n")
            lines.readline()
            connection.sendall(b"220 Go\r\n")
        connection.recv(4096)
        while True:
            connection.sendall(ENDLESS[case] * (1 + 60000 // len(ENDLESS[case])))

    with RawServer(go_on) as server:
        result = deliver(server.port, tls=mode, tls_ca=pki.ca.pem)
    if case == "a message without an end":
        text = "TLS: the handshake is too long"
    elif case != "a heartbeat":
        text = BROKEN
    elif mode == Tls.IMPLICIT:
        text = "no TLS on this port: what answers is no TLS record"
    else:
        text = BEHIND
    assert_failed(result, Code.TLS_FAILED, phase_of(mode), text)
    assert result.elapsed_ms < 5000


@pytest.mark.parametrize("tickets, sent", [(0, True), (300, True), (5000, False)])
def test_session_tickets_without_an_end_are_no_smtp(pki, tickets, sent):
    """Nobody wants one; a server may say some, and not for ever."""
    tls = context(pki.good, versions=ssl.TLSVersion.TLSv1_3)
    tls.num_tickets = tickets
    server = TlsServer(tls)
    result = deliver(server.port, tls_ca=pki.ca.pem)
    server.close()
    if sent:
        assert_sent(result)
    else:
        assert_failed(result, Code.NOT_READY, Phase.GREETING, "not an SMTP reply", Advice.LATER)


def test_a_chain_of_a_hundred_certificates(pki, serve):
    """Those above the server's own prove nothing, and are not needed."""
    one = pki.maker.server(pki.ca)
    one.chain.write_text(one.pem + pki.stranger.pem * 99)
    assert_sent(deliver(serve(one).port, tls_ca=pki.ca.pem))


def test_a_hundred_authorities_above_each_other_are_too_many(pki, serve, mode):
    result = deliver(serve(pki.deep, implicit=mode == Tls.IMPLICIT).port, tls=mode, tls_ca=pki.ca.pem)
    assert_failed(result, Code.TLS_UNTRUSTED, phase_of(mode), "certificate not trusted")
    # With a pin nobody looks at them.
    assert_sent(deliver(serve(pki.deep, implicit=mode == Tls.IMPLICIT).port, tls=mode, tls_pin=pki.deep.pin))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_certificate_of_60_kb(pki, serve, version):
    assert len(pki.large.pem) > 60000
    server = serve(pki.large, versions=version)
    assert_sent(deliver(server.port, tls_ca=pki.ca.pem), int(version))
    with Proxy(server.port, piece=997) as proxy:
        assert_sent(deliver(proxy.port, tls_ca=pki.ca.pem), int(version))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_certificate_that_is_too_large_is_36(pki, serve, version):
    result = deliver(serve(pki.too_large, versions=version).port, tls_ca=pki.ca.pem)
    assert_failed(result, Code.TLS_FAILED, Phase.TLS, "TLS: the handshake is too long")


@pytest.mark.parametrize("text", ["Text of a line.\n" * 20000, "x"])
def test_a_large_mail_arrives_whole(pki, serve, mode, text):
    server = serve(pki.good, implicit=mode == Tls.IMPLICIT)
    client = Client()
    settings = {"tls": mode, "tls_ca": pki.ca.pem}
    client.configure(server="127.0.0.1", port=server.port, sender=SENDER, **settings)
    client.send(SOMEONE, "Alarm", text)
    assert client.wait(30) == Code.OK, client.result()
    body = server.mails[0][3].partition(b"\r\n\r\n")[2]
    assert body == text.rstrip("\n").encode().replace(b"\n", b"\r\n") + b"\r\n"
    client.close()


@pytest.mark.parametrize("length", [5000, 15900, 40000])
def test_a_long_reply_in_few_records(pki, serve, mode, length):
    """What TLS has taken in is not waited for on the socket."""
    server = serve(pki.good, implicit=mode == Tls.IMPLICIT)
    announced = [f"XUNKNOWN{number:040}" for number in range(length // 60)] + ["SIZE 1000000"]
    server.extensions, server.secure_extensions = server.extensions + announced, announced
    assert_sent(deliver(server.port, tls=mode, tls_ca=pki.ca.pem))
    assert b"SIZE=" in [line for _, line in server.commands if line.startswith(b"MAIL")][0]


def test_all_replies_to_an_envelope_in_one_record(pki, serve):
    server = serve(pki.good)
    held = []

    def hold(connection, command, usual, answer=server._answer):
        if command in ("MAIL", "RCPT"):
            held.append(usual)
            return True
        if command == "DATA":
            usual = "\r\n".join([*held, usual])
        return answer(connection, command, usual)

    server._answer = hold
    assert_sent(deliver(server.port, tls_ca=pki.ca.pem))


class Narrow(Proxy):
    """Takes the client's octets in small pieces, and after so many no more."""

    def __init__(self, port, most=None):
        self._left = most
        super().__init__(port)

    def _forward(self, connection, server):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        with contextlib.suppress(OSError):
            while self._left is None or self._left > 0:
                octets = connection.recv(4096)
                if not octets:
                    break
                self._left = None if self._left is None else self._left - len(octets)
                self.said += octets
                server.sendall(octets)
                time.sleep(0.0005)


def test_a_large_mail_through_a_narrow_connection(pki, serve, mode):
    server = serve(pki.good, implicit=mode == Tls.IMPLICIT)
    with Narrow(server.port) as proxy, Client() as client:
        client.configure(server="127.0.0.1", port=proxy.port, sender=SENDER, tls=mode, tls_ca=pki.ca.pem)
        text = "".join(f"Line {number} of a text that does not fit into anybody's buffers.\n" for number in range(12000))
        client.send(SOMEONE, "Alarm", text)
        assert client.wait(40) == Code.OK, client.result()
    assert server.mails[0][3].partition(b"\r\n\r\n")[2] == text.encode().replace(b"\n", b"\r\n")


def test_a_text_that_does_not_leave_has_its_time(pki, serve):
    """More than the system takes of it."""
    server = serve(pki.good, extensions=["8BITMIME"])
    with Narrow(server.port, 100000) as proxy, Client() as client:
        settings = {"block_timeout_ms": 500, "tls": Tls.IMPLICIT, "tls_ca": pki.ca.pem}
        client.configure(server="127.0.0.1", port=proxy.port, sender=SENDER, **settings)
        client.send(SOMEONE, "Alarm", "Text of a line.\n" * 600000)
        assert client.wait(20) == Code.TIMEOUT
        result = client.result()
        assert (result.outcome, result.phase) == (Outcome.NOT_SENT, Phase.TEXT), result
    assert server.mails == []


# --- what ends in the middle ----------------------------------------------------------


def truthful(result, server, subject):
    """Sent only what the server took, and not sent only what it did not take."""
    taken = len([mail for mail in server.mails if f"Subject: {subject}\r\n".encode() in mail[3]])
    assert taken <= 1
    assert (result.code == Code.OK) == (result.outcome == Outcome.SENT), result
    assert result.outcome in (Outcome.SENT if taken else Outcome.NOT_SENT, Outcome.UNKNOWN), (result, taken)
    assert result.text or result.reply_code
    return result.outcome


class Dialogue:
    """A server with TLS, a configuration for it, and how long its stream is."""

    def __init__(self, pki, replies=None, extensions=None, secure_extensions=None, version=None, **settings):
        implicit = settings.setdefault("tls", Tls.IMPLICIT) == Tls.IMPLICIT
        tls = context(pki.good, versions=version)
        # Tickets are other octets each time, and no part of the conversation.
        tls.num_tickets = 0
        self.server = TlsServer(tls, implicit=implicit, extensions=extensions)
        if secure_extensions is not None:
            self.server.secure_extensions = secure_extensions
        self.server.replies.update(replies or {})
        if settings["tls"] != Tls.OPPORTUNISTIC:
            settings["tls_ca"] = pki.ca.pem
        self.settings = {"sender": SENDER, "server": "127.0.0.1", "total_timeout_ms": 30000, **settings}
        self._number = 0

    def begin(self, port):
        """Starts a mail; the client, and its subject."""
        self._number += 1
        client, subject = Client(), f"Alarm {self._number}"
        client.configure(port=port, **self.settings)
        client.send(SOMEONE, subject, "Text.\n")
        return client, subject

    def length(self):
        """The octets of the server's stream; without TLS's own, what is said within it."""
        with Proxy(self.server.port) as proxy:
            client, _ = self.begin(proxy.port)
            client.wait(20)
            client.close()
            time.sleep(0.05)
            return len(proxy.heard)

    def cut(self, positions):
        """Cuts the connection at each of these positions; how often each outcome came."""
        outcomes = dict.fromkeys(Outcome, 0)
        positions = list(positions)
        for at in range(0, len(positions), 16):
            running = []
            for position in positions[at : at + 16]:
                proxy = Proxy(self.server.port, cut_at=position)
                running.append((proxy, *self.begin(proxy.port)))
            for proxy, client, subject in running:
                assert client.wait(20) != Code.BUSY
                outcomes[truthful(client.result(), self.server, subject)] += 1
                client.close()
                proxy.close()
        return outcomes


DIALOGUES = {
    "implicit": {},
    "implicit, TLS 1.2": {"version": ssl.TLSVersion.TLSv1_2},
    "STARTTLS": {"tls": Tls.STARTTLS},
    "STARTTLS, TLS 1.2": {"tls": Tls.STARTTLS, "version": ssl.TLSVersion.TLSv1_2},
    "opportunistic": {"tls": Tls.OPPORTUNISTIC},
    "a login": {"auth": Auth.PLAIN, "username": "sds", "password": "sds-secret"},
    "a login in parts": {"tls": Tls.STARTTLS, "auth": Auth.LOGIN, "username": "sds", "password": "sds-secret"},
    "no pipelining": {"flags": NO_PIPELINING},
    "a refused recipient": {"replies": {"RCPT": "550 5.1.1 No such user"}},
    "a refused mail": {"tls": Tls.STARTTLS, "replies": {"END": "554 5.7.1 Spam"}},
}
WHOLE = (0, 1, 6)
STRIDE = 3


@pytest.mark.parametrize("number, case", list(enumerate(DIALOGUES)))
def test_a_connection_that_ends_at_any_octet_has_a_truthful_result(pki, number, case):
    """Three dialogues at every octet, each other one at every third, and at each of the last hundred."""
    dialogue = Dialogue(pki, **DIALOGUES[case])
    length = dialogue.length()
    assert length > 500
    stride = 1 if number in WHOLE else STRIDE
    positions = set(range(number % stride, length, stride)) | set(range(length - 100, length + 1))
    outcomes = dialogue.cut(sorted(positions))
    dialogue.server.close()
    refused = case.startswith("a refused")
    assert (outcomes[Outcome.SENT] > 0) != refused
    assert outcomes[Outcome.NOT_SENT] > len(positions) // 2
    # Behind the mail's last octet nobody knows.
    assert (outcomes[Outcome.UNKNOWN] > 0) == (case != "a refused recipient")


@pytest.mark.parametrize("step", ["GREETING", "EHLO", "MAIL", "RCPT", "DATA", "END", "QUIT"])
@pytest.mark.parametrize("how", ["close_notify", "half a reply, close_notify", "half a reply", "close"])
def test_a_server_that_closes_in_the_middle(pki, serve, mode, step, how):
    server = serve(pki.good, implicit=mode == Tls.IMPLICIT)

    def close(connection, command, usual, answer=server._answer):
        if command != step or (mode == Tls.STARTTLS and not isinstance(connection, ssl.SSLSocket)):
            return answer(connection, command, usual)
        if how.startswith("half"):
            connection.sendall(b"250-2.0.0 Half\r\n250")
        if "close_notify" in how:
            connection.settimeout(0.2)
            # Behind QUIT the client has gone.
            with contextlib.suppress(ValueError):
                connection.unwrap()
        connection.close()
        raise OSError

    server._answer = close
    result = deliver(server.port, tls=mode, tls_ca=pki.ca.pem)
    if step == "GREETING" and mode == Tls.STARTTLS:
        assert_sent(result)
        return
    wanted = {"QUIT": Outcome.SENT, "END": Outcome.UNKNOWN}.get(step, Outcome.NOT_SENT)
    assert result.outcome == wanted, result
    if step != "QUIT":
        assert (result.text, result.reply_code) == ("connection lost", 0), result


def test_a_server_that_closes_without_close_notify_behind_the_final_reply_has_the_mail(pki, serve):
    server = serve(pki.good)

    def close(connection, command, usual, answer=server._answer):
        done = answer(connection, command, usual)
        if command == "END":
            connection.close()
            raise OSError
        return done

    server._answer = close
    for _ in range(20):
        assert_sent(deliver(server.port, tls_ca=pki.ca.pem))


class Injecting(Proxy):
    """Puts octets before the server's record with this number, from 0; or changes it."""

    def __init__(self, port, at, octets=None):
        self._at, self._octets = at, octets
        self.count = 0
        super().__init__(port)

    def _back(self, connection, server):
        stream = server.makefile("rb")
        while len(head := stream.read(5)) == 5:
            content = stream.read(int.from_bytes(head[3:], "big"))
            if self.count == self._at and self._octets is not None:
                connection.sendall(self._octets)
            elif self.count == self._at:
                content = content[:-1] + bytes([content[-1] ^ 1])
            self.count += 1
            connection.sendall(head + content)


def alert(level, description):
    return bytes([ALERT, 3, 3, 0, 2, level, description])


INJECTED = {
    "a fatal alert": alert(2, 40),
    "internal error": alert(2, 80),
    "an unknown alert": alert(2, 255),
    "an alert of no level": alert(9, 9),
    "a warning": alert(1, 90),
    "close_notify": alert(1, 0),
    "no renegotiation": alert(1, 100),
    "half an alert": bytes([ALERT, 3, 3, 0, 1, 2]),
    "a long alert": bytes([ALERT, 3, 3, 0, 4, 2, 40, 2, 40]),
    "words": b"554 5.7.0 Too many nonmail commands\r\n",
    "an acceptance": b"250 2.0.0 Queued as 4711\r\n",
    "a change of the cipher": bytes([CHANGE_CIPHER_SPEC, 3, 3, 0, 1, 1]),
    "a hello request": bytes([HANDSHAKE, 3, 3, 0, 4, 0, 0, 0, 0]),
    "application data": bytes([APPLICATION_DATA, 3, 3, 0, 5]) + b"250 x",
    "a huge record": bytes([APPLICATION_DATA, 3, 3, 255, 255]) + bytes(1000),
    "another octet": None,
}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("case", INJECTED)
def test_what_somebody_puts_between_the_records_is_never_taken_for_the_servers(pki, case, version):
    dialogue = Dialogue(pki, version=version, flags=NO_PIPELINING, connect_timeout_ms=1000)
    outcomes, at = [], 0
    while True:
        running = []
        for number in range(at, at + 8):
            proxy = Injecting(dialogue.server.port, number, INJECTED[case])
            running.append((proxy, *dialogue.begin(proxy.port)))
        for proxy, client, subject in running:
            assert client.wait(20) != Code.BUSY
            result = client.result()
            outcomes.append(truthful(result, dialogue.server, subject))
            assert result.reply_code in (0, 250), result
            client.close()
            proxy.close()
        at += 8
        # There are fewer records than that.
        if outcomes[-1] == outcomes[-2] == Outcome.SENT and at >= 16:
            break
    dialogue.server.close()
    if case not in ("a warning", "no renegotiation", "a change of the cipher"):
        assert Outcome.NOT_SENT in outcomes and Outcome.UNKNOWN in outcomes


class Mutating(Proxy):
    """Changes, drops, repeats or adds an octet of the server's stream, or swaps two."""

    def __init__(self, port, random, length):
        self._at, self._how, self._octet = random.randrange(length), random.choice("cdras"), random.randrange(256)
        super().__init__(port)

    def _back(self, connection, server):
        done = 0
        while octets := server.recv(4096):
            at = self._at - done
            done += len(octets)
            if 0 <= at < len(octets):
                before, one, behind = octets[:at], octets[at : at + 1], octets[at + 1 :]
                added = bytes([self._octet])
                middle = {"c": added, "d": b"", "r": one * 2, "a": one + added, "s": behind[:1] + one}[self._how]
                octets = before + middle + (behind[1:] if self._how == "s" else behind)
            connection.sendall(octets)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("seed", range(2))
def test_whatever_becomes_of_the_servers_octets_the_result_is_true(pki, version, seed):
    limits = {f"{phase}_timeout_ms": 300 for phase in ("connect", "greeting", "ehlo", "mail", "rcpt", "data", "final", "quit")}
    dialogue = Dialogue(pki, version=version, tls=[Tls.IMPLICIT, Tls.STARTTLS][seed % 2], **limits)
    length = dialogue.length()
    outcomes = dict.fromkeys(Outcome, 0)
    random = Random(seed)
    for _ in range(6):
        running = []
        for _ in range(16):
            proxy = Mutating(dialogue.server.port, random, length)
            running.append((proxy, *dialogue.begin(proxy.port)))
        for proxy, client, subject in running:
            assert client.wait(20) != Code.BUSY
            outcomes[truthful(client.result(), dialogue.server, subject)] += 1
            client.close()
            proxy.close()
    dialogue.server.close()
    assert outcomes[Outcome.NOT_SENT] > 10 and outcomes[Outcome.NONE] == 0


def test_plain_words_within_tls_are_not_read_as_smtp(pki, serve):
    """As Exim with GnuTLS does it, after too many failures."""
    server = serve(pki.good)

    def say_plainly(connection, command, usual, answer=server._answer):
        if command == "MAIL":
            with SocketBelow(connection) as plain:
                plain.sendall(b"554 Too many nonmail commands\r\n")
            raise OSError
        return answer(connection, command, usual)

    server._answer = say_plainly
    result = deliver(server.port, tls_ca=pki.ca.pem)
    assert (result.outcome, result.phase, result.reply_code) == (Outcome.NOT_SENT, Phase.MAIL, 0), result
    assert "nonmail" not in result.text


def test_what_is_no_tls_behind_half_a_reply_ends_it_at_once(pki, serve):
    """In one piece with it, and the server does not close: nobody waits for what cannot come any more."""
    server = serve(pki.good)
    listens = threading.Event()

    def say_both(connection, command, usual, answer=server._answer):
        if command == "EHLO":
            with SocketBelow(connection) as plain:
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
                connection.sendall(b"250-mx.example.test\r\n")
                plain.sendall(b"\x17\x03\x03\x00\x20" + b"A" * 32)
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
                listens.wait(20)
            raise OSError
        return answer(connection, command, usual)

    server._answer = say_both
    result = deliver(server.port, tls_ca=pki.ca.pem, ehlo_timeout_ms=15000)
    listens.set()
    assert (result.code, result.phase, result.text) == (Code.HELO_FAILED, Phase.HELLO, "connection lost"), result
    assert result.elapsed_ms < 10000


class SocketBelow:
    """The socket below a TLS connection."""

    def __init__(self, secure):
        self._socket = socket.socket(fileno=os.dup(secure.fileno()))
        self._secure = secure

    def __enter__(self):
        return self._socket

    def __exit__(self, *_):
        self._socket.close()
        self._secure.close()


# --- many -----------------------------------------------------------------------------


def test_connections_that_are_reset_in_the_handshake_end_at_once(pki):
    """Also those whose turn had not come when that happened: a turn goes on with few handshakes."""

    def reset(connection):
        connection.recv(4096)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with RawServer(reset) as server:
        clients = [Client() for _ in range(200)]
        for client in clients:
            client.configure(
                server="127.0.0.1", port=server.port, sender=SENDER, tls=Tls.IMPLICIT, tls_ca=pki.ca.pem, connect_timeout_ms=20000
            )
        for client in clients:
            client.send(SOMEONE, "Alarm", "Text.")
        for client in clients:
            client.wait(40)
            result = client.result()
            assert_failed(result, Code.TLS_FAILED, Phase.TLS, "TLS: connection lost in the handshake")
            assert result.elapsed_ms < 15000
            client.close()


def test_mails_with_and_without_tls_beside_each_other(pki, serve):
    """Servers that say nothing in the handshake hold nobody up."""
    secure, opened = serve(pki.good), serve(pki.good, implicit=False)
    plain = ScriptedServer()
    clients = []
    with RawServer(says(b"")) as silent:
        stuck = []
        for number in range(30):
            client = Client()
            client.configure(server="127.0.0.1", port=silent.port, sender=SENDER, tls=2, tls_ca=pki.ca.pem)
            client.send(SOMEONE, "Stuck", "Text.")
            stuck.append(client)
        for number in range(60):
            client = Client()
            kind = number % 3
            settings = [{"tls": 2, "tls_ca": pki.ca.pem}, {"tls": 1, "tls_ca": pki.ca.pem}, {}][kind]
            client.configure(
                **{"server": "127.0.0.1", "port": [secure, opened, plain][kind].port, "sender": SENDER, **settings}
            )
            client.send(SOMEONE, f"Alarm {number}", "Text.")
            clients.append(client)
        for client in clients:
            assert client.wait(30) == Code.OK, client.result()
            client.close()
        for client in stuck:
            assert client.status() == Code.BUSY
            client.cancel()
            assert client.wait(5) == Code.CANCELLED
            assert client.result().outcome == Outcome.NOT_SENT
            client.close()
    assert len(secure.mails) == len(opened.mails) == len(plain.mails) == 20
    plain.close()


def test_a_mail_is_cancelled_in_the_handshake(pki, mode):
    begun = threading.Event()

    def listen(connection):
        if mode == Tls.STARTTLS:
            lines = connection.makefile("rb")
            connection.sendall(b"220 mx.example.test\r\n")
            lines.readline()
            connection.sendall(b"250-mx.example.test\r\n250 STARTTLS\r\n")
            lines.readline()
            connection.sendall(b"220 Go\r\n")
        connection.recv(4096)
        begun.set()
        while connection.recv(4096):
            pass

    with RawServer(listen) as server:
        client = Client()
        settings = {"tls": mode, "tls_ca": pki.ca.pem}
        client.configure(server="127.0.0.1", port=server.port, sender=SENDER, **settings)
        client.send(SOMEONE, "Alarm", "Text.")
        assert begun.wait(10)
        client.cancel()
        assert client.wait(5) == Code.CANCELLED
        assert (client.result().outcome, client.result().phase) == (Outcome.NOT_SENT, phase_of(mode))
        client.close()


def test_a_mail_is_cancelled_at_any_time(pki, serve):
    """One after the other, while octets drip."""
    server, outcomes = serve(pki.good), set()
    for piece in (10, 30):
        running = []
        for number in range(16):
            client, subject = Client(), f"Alarm {piece}.{number}"
            proxy = Proxy(server.port, piece=piece, pause=0.0003)
            client.configure(server="127.0.0.1", port=proxy.port, sender=SENDER, tls=Tls.IMPLICIT, tls_ca=pki.ca.pem)
            client.send(SOMEONE, subject, "Text.")
            running.append((proxy, client, subject))
        for proxy, client, subject in running:
            client.cancel()
            assert client.wait(5) in (Code.CANCELLED, Code.OK)
            outcomes.add(truthful(client.result(), server, subject))
            client.close()
            proxy.close()
            time.sleep(0.3 / piece)
    assert Outcome.NOT_SENT in outcomes and Outcome.SENT in outcomes


def test_two_threads_use_one_configuration(pki, serve):
    server = serve(pki.good)
    results = []

    def send():
        results.extend(deliver(server.port, tls_ca=pki.ca.pem, **LOGIN) for _ in range(20))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        assert_sent(result)
    assert len(server.mails) == 80
    assert len({re.search(rb"Message-ID: (\S+)", mail[3])[1] for mail in server.mails}) == 80
