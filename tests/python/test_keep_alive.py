"""Connections that are kept for the next mail, on Postfix, Exim and aiosmtpd: who says what, what the servers' own limits do to
it, and that each mail is delivered once.
"""

import time

import pytest
from sds_smtp import KEEP_DIALOGUE, Auth, Client, Code, Outcome, Tls
from test_real_servers import KINDS, LOGIN, SENDER, SOMEONE, UNKNOWN, unique
from test_tls import WITH_TLS
from test_tls_servers import port_of, tls_servers  # noqa: F401 - a fixture

IDLE = 2
KEPT = "# over the connection that was kept to "


@pytest.fixture(params=KINDS)
def server(request, real_servers):
    return real_servers.get(request.param)


def configure(client, port, **more):
    client.configure(
        **{
            **{"server": "127.0.0.1", "port": port, "sender": SENDER, "total_timeout_ms": 30000},
            **{"keep_alive_ms": 60000, "flags": KEEP_DIALOGUE, **LOGIN, **more},
        }
    )


def deliver(client, to, word):
    """Sends a mail; whether it went over the connection that was kept, and what the client said."""
    client.send(to, word, f"{word}\n")
    code = client.wait(40)
    lines = client.dialogue().splitlines()
    assert client.result().attempts == 1
    return code, any(line.startswith(KEPT) for line in lines), [line[3:] for line in lines if line.startswith("C: ")]


def assert_delivered_once(server, words):
    for word in words:
        server.wait_for_files(word.encode())
    for word in words:
        assert len(server.wait_for_files(word.encode())) == 1, word


def test_one_connection_one_login_and_each_mail_once(server, client):
    configure(client, server.port)
    words = [unique() for _ in range(10)]
    for number, word in enumerate(words):
        code, kept, said = deliver(client, SOMEONE, word)
        assert (code, kept) == (Code.OK, number > 0)
        assert said[0].startswith("MAIL FROM:" if number else "EHLO"), said
        assert not any(line.startswith("QUIT") for line in said)
    assert_delivered_once(server, words)


def test_after_more_than_a_second_rset_goes_first(server, client):
    configure(client, server.port)
    words = [unique(), unique()]
    assert deliver(client, SOMEONE, words[0])[0] == Code.OK
    time.sleep(1.2)
    code, kept, said = deliver(client, SOMEONE, words[1])
    assert (code, kept, said[0]) == (Code.OK, True, "RSET")
    assert_delivered_once(server, words)


def test_behind_a_refused_recipient_the_connection_goes_on(server, client):
    configure(client, server.port)
    word = unique()
    assert deliver(client, UNKNOWN, unique())[0] in (Code.INVALID_RECIPIENT, Code.RECIPIENT_REFUSED)
    code, kept, said = deliver(client, SOMEONE, word)
    assert (code, kept) == (Code.OK, True), client.result()
    assert_delivered_once(server, [word])


def test_mails_of_each_size_go_over_one_connection(server, client):
    configure(client, server.port)
    words = [unique() for _ in range(4)]
    for word, lines in zip(words, (0, 100, 10000, 1)):
        client.send(SOMEONE, word, f"{word}\n" + "A line of the text with a dot.\n.\n" * lines)
        assert client.wait(40) == Code.OK, client.result()
    assert KEPT in client.dialogue()
    assert_delivered_once(server, words)


@pytest.mark.parametrize("kind", KINDS)
def test_the_idle_limit_of_the_server_costs_nothing(real_servers, client, kind):
    server = real_servers.get(kind, SDS_IDLE=str(IDLE))
    configure(client, server.port)
    words = [unique() for _ in range(2)]
    assert deliver(client, SOMEONE, words[0])[0] == Code.OK
    time.sleep(IDLE + 1.5)
    code, kept, _ = deliver(client, SOMEONE, words[1])
    assert (code, kept) == (Code.OK, False), client.result()
    assert_delivered_once(server, words)


@pytest.mark.parametrize("kind", KINDS)
def test_mails_just_when_the_limit_is_reached_are_delivered_once(real_servers, kind):
    server = real_servers.get(kind, SDS_IDLE=str(IDLE))
    clients = [Client() for _ in range(24)]
    first, second = ([unique() for _ in clients] for _ in range(2))
    for client, word in zip(clients, first):
        configure(client, server.port)
        client.send(SOMEONE, word, word)
    for client in clients:
        assert client.wait(40) == Code.OK
    # From a while before the limit to a while behind it.
    begun = time.monotonic()
    for number, (client, word) in enumerate(zip(clients, second)):
        time.sleep(max(0, begun + IDLE - 0.3 + number * 0.025 - time.monotonic()))
        client.send(SOMEONE, word, word)
    for client in clients:
        assert client.wait(40) == Code.OK, client.result()
        assert client.result().outcome == Outcome.SENT
        client.close()
    assert_delivered_once(server, first + second)


def test_another_configuration_begins_another_session(server, client):
    configure(client, server.port)
    word = unique()
    assert deliver(client, SOMEONE, unique())[0] == Code.OK
    configure(client, server.port, auth=Auth.NONE, username=None, password=None)
    code, kept, said = deliver(client, SOMEONE, word)
    assert (code, kept, said[0][:4]) == (Code.OK, False, "EHLO")
    assert not any(line.startswith("AUTH") for line in said)
    if server.kind == "postfix":
        server.wait_for_log(r"disconnect from .* auth=1 mail=1 rcpt=1 data=1 quit=1")


def test_the_keeping_ends_with_quit(real_servers, client):
    server = real_servers.get("postfix")
    configure(client, server.port, keep_alive_ms=300)
    word = unique()
    for _ in range(2):
        assert deliver(client, SOMEONE, word)[0] == Code.OK
    server.wait_for_log(r"disconnect from .* auth=1 mail=2 rcpt=2 data=2 quit=1")
    assert not deliver(client, SOMEONE, word)[1]


@WITH_TLS
@pytest.mark.parametrize("mode", [Tls.IMPLICIT, Tls.STARTTLS], ids=["implicit", "starttls"])
@pytest.mark.parametrize("kind", KINDS)
def test_one_handshake_serves_all_mails(tls_servers, pki, client, kind, mode):  # noqa: F811
    server = tls_servers(kind)
    more = {"server": "localhost", "tls": mode, "tls_ca": pki.ca.pem, "auth": Auth.ANY}
    configure(client, port_of(server, mode), **more)
    words = [unique() for _ in range(5)]
    for number, word in enumerate(words):
        if number == 3:
            time.sleep(1.2)
        code, kept, said = deliver(client, SOMEONE, word)
        assert (code, kept) == (Code.OK, number > 0), client.result()
        assert client.result().tls_version == 0x0304
        assert not kept or said[0] == ("RSET" if number == 3 else f"MAIL FROM:<{SENDER}>" + said[0][len(SENDER) + 12 :])
    assert_delivered_once(server, words)


@WITH_TLS
@pytest.mark.parametrize("kind", KINDS)
def test_the_idle_limit_costs_a_handshake_and_nothing_else(tls_servers, pki, client, kind):  # noqa: F811
    server = tls_servers(kind, SDS_IDLE=str(IDLE))
    configure(client, server.tls_port, server="localhost", tls=Tls.IMPLICIT, tls_ca=pki.ca.pem, auth=Auth.ANY)
    words = [unique() for _ in range(2)]
    assert deliver(client, SOMEONE, words[0])[0] == Code.OK
    time.sleep(IDLE + 1.5)
    assert deliver(client, SOMEONE, words[1])[:2] == (Code.OK, False), client.result()
    assert_delivered_once(server, words)
