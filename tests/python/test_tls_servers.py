"""TLS against real servers: Postfix (OpenSSL), Exim (GnuTLS), aiosmtpd (OpenSSL through asyncio), and the strangers
`openssl s_server` and `gnutls-serv`.
"""

import re
import select
import subprocess
import time

import pytest
from conftest import free_port
from sds_smtp import Auth, Client, Code, Outcome, Phase, Tls
from test_tls import NOT_OURS, UNKNOWN_ISSUER, WANTED, WITH_TLS, assert_failed, assert_sent, deliver, phase_of

pytestmark = WITH_TLS

KINDS = ["postfix", "exim", "aiosmtpd"]
LOGIN = {"auth": Auth.ANY, "username": "sds", "password": "sds-secret"}
ELSEWHERE = "someone@elsewhere.test"
VERSIONS = {"0": 0x0304, "1": 0x0303}


@pytest.fixture(scope="session")
def tls_servers(real_servers, pki, tmp_path_factory):
    """Starts a real server with TLS: of a kind, with a certificate of this name."""
    folders = {}

    def get(kind, identity="good", **settings):
        if identity not in folders:
            folders[identity] = tmp_path_factory.mktemp("tls")
            (folders[identity] / "chain.pem").write_text(getattr(pki, identity).chain.read_text())
            (folders[identity] / "key.pem").write_text(getattr(pki, identity).key_pem)
        return real_servers.get(kind, SDS_TLS=str(folders[identity]), **settings)

    return get


@pytest.fixture(params=[Tls.IMPLICIT, Tls.STARTTLS], ids=["implicit", "starttls"])
def mode(request):
    return request.param


def port_of(server, mode):
    return server.tls_port if mode == Tls.IMPLICIT else server.port


def deliver_to(server, mode, **more):
    """A mail that only a login lets through."""
    client = Client()
    client.configure(
        **{
            **{"server": "localhost", "port": port_of(server, mode), "sender": "unit7@example.test", "tls": mode},
            **{"total_timeout_ms": 30000, **LOGIN, **more},
        }
    )
    client.send(["someone@example.test", ELSEWHERE], "Alarm", "Text.\n" * 2000)
    client.wait(40)
    result = client.result()
    client.close()
    return result


# The OpenSSL of Postfix is that of aiosmtpd, which starts faster.
BOTH_VERSIONS = [("postfix", "0"), ("exim", "0"), ("exim", "1"), ("aiosmtpd", "0"), ("aiosmtpd", "1")]


@pytest.mark.parametrize("kind, old", BOTH_VERSIONS)
def test_a_mail_with_a_login_arrives(tls_servers, pki, kind, old, mode):
    server = tls_servers(kind, SDS_TLS_OLD=old)
    result = deliver_to(server, mode, tls_ca=pki.ca.pem)
    assert_sent(result, VERSIONS[old])
    assert result.recipients_accepted == 2
    (file,) = server.wait_for_files(result.message_id.encode())
    arrived = file.read_bytes().replace(b"\r\n", b"\n")
    assert arrived.endswith(b"Text.\n" * 2000)
    if kind == "postfix":
        assert b"using TLSv1.3" in arrived if old == "0" else b"using TLSv1.2" in arrived
    if kind == "exim":
        assert b"with esmtpsa" in arrived


@pytest.mark.parametrize("kind", KINDS)
def test_opportunistic_arrives_without_a_login(tls_servers, kind):
    server = tls_servers(kind, SDS_TLS_OLD="0")
    result = deliver(server.port, tls=Tls.OPPORTUNISTIC)
    assert_sent(result)
    server.wait_for_files(result.message_id.encode())


@pytest.mark.parametrize("kind", KINDS)
def test_a_login_without_tls_is_not_possible(tls_servers, kind):
    """The server offers it behind STARTTLS only."""
    server = tls_servers(kind, SDS_TLS_OLD="0")
    result = deliver(server.port, tls=Tls.NONE, **{**LOGIN, "auth": Auth.PLAIN | Auth.LOGIN})
    assert (result.code, result.outcome, result.phase) == (Code.AUTH_UNSUPPORTED, Outcome.NOT_SENT, Phase.AUTH), result


@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_of_another_issuer_is_refused(tls_servers, pki, kind, mode):
    server = tls_servers(kind, SDS_TLS_OLD="0")
    for _ in range(3):
        result = deliver_to(server, mode, tls_ca=pki.other_ca.pem)
        assert_failed(result, Code.TLS_UNTRUSTED, phase_of(mode), UNKNOWN_ISSUER)


@pytest.mark.parametrize("kind", KINDS[1:])
def test_an_rsa_chain(tls_servers, pki, kind, mode):
    server = tls_servers(kind, "rsa_below")
    assert_sent(deliver_to(server, mode, tls_ca=pki.rsa_ca.pem))


@pytest.mark.parametrize("kind", KINDS)
def test_a_port_of_the_other_mode_is_told(tls_servers, pki, kind):
    server = tls_servers(kind, SDS_TLS_OLD="0")
    result = deliver(server.port, tls=Tls.IMPLICIT, tls_ca=pki.ca.pem)
    text = "no TLS on this port, but a plain greeting: STARTTLS (tls 1) may be meant, or port 465"
    assert_failed(result, Code.TLS_FAILED, Phase.TLS, text)
    result = deliver(server.tls_port, tls=Tls.STARTTLS, tls_ca=pki.ca.pem, greeting_timeout_ms=500)
    assert (result.code, result.phase) == (Code.TIMEOUT, Phase.GREETING), result
    assert result.text == "no answer in time - the server does not greet: does this port speak TLS?"


@pytest.mark.parametrize("kind, old", BOTH_VERSIONS)
def test_a_server_that_wants_a_certificate_of_ours(tls_servers, pki, kind, old, mode):
    server = tls_servers(kind, SDS_TLS_OLD=old, SDS_TLS_CLIENT_CA=str(pki.client_ca.certificate))
    ours = {"tls_certificate": pki.client.pem, "tls_key": pki.client.key_pem}
    assert_sent(deliver_to(server, mode, tls_ca=pki.ca.pem, **ours), VERSIONS[old])


@pytest.mark.parametrize("shown", [False, True])
@pytest.mark.parametrize("kind, old", BOTH_VERSIONS)
def test_a_server_that_refuses_our_certificate(tls_servers, pki, kind, old, shown, mode):
    server = tls_servers(kind, SDS_TLS_OLD=old, SDS_TLS_CLIENT_CA=str(pki.client_ca.certificate))
    ours = {"tls_certificate": pki.stranger_client.pem, "tls_key": pki.stranger_client.key_pem} if shown else {}
    result = deliver_to(server, mode, tls_ca=pki.ca.pem, **ours)
    assert result.outcome == Outcome.NOT_SENT
    if kind == "postfix":
        # It has words for it, behind the handshake.
        text = "Client certificate not trusted" if shown else "No client certificate presented"
        assert (result.code, result.reply_code) == (Code.NOT_READY, 421), result
        assert result.text == f"4.7.1 mx.example.test Error: {text}"
    elif kind == "exim":
        assert (result.code, result.text) == (Code.TLS_FAILED, NOT_OURS if shown else WANTED), result
    else:
        # asyncio closes the connection without an alert.
        assert result.text in ("connection lost", "TLS: connection lost in the handshake"), result


# --- strangers ------------------------------------------------------------------------


class Stranger:
    """A command that speaks TLS, and lets the test say what stands in it."""

    def __init__(self, *command):
        self.port = free_port()
        self.heard = b""
        words = [str(word).replace("PORT", str(self.port)) for word in command]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def wait_for(self, pattern, seconds=10):
        """Reads until this has come; what came up to there."""
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.heard)):
            left = end - time.monotonic()
            assert left > 0 and select.select([self._process.stdout], [], [], left)[0], (pattern, self.heard)
            octets = self._process.stdout.read1(65536)
            assert octets, (pattern, self.heard)
            self.heard += octets
        before, self.heard = self.heard[: found.end()], self.heard[found.end() :]
        return before

    def say(self, octets):
        self._process.stdin.write(octets)
        self._process.stdin.flush()

    def close(self):
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()


@pytest.fixture
def stranger():
    running = []

    def start(*command):
        running.append(Stranger(*command))
        return running[-1]

    yield start
    for one in running:
        one.close()


def s_server(stranger, identity, *more):
    server = stranger(
        *["openssl", "s_server", "-accept", "127.0.0.1:PORT", "-cert", identity.certificate, "-key", identity.key],
        *["-cert_chain", identity.chain, "-no_ticket", "-naccept", "1", *more],
    )
    server.wait_for(rb"ACCEPT")
    return server


def begin(client, server, **more):
    client.configure(
        **{"server": "127.0.0.1", "port": server.port, "sender": "unit7@example.test", "tls": Tls.IMPLICIT},
        **{"total_timeout_ms": 30000, **more},
    )
    client.send("someone@example.test", "Alarm", "Text.\n")


def talk(server, *, before_mail=None):
    """The server's part of a whole conversation. before_mail -- is called when the client waits for the answer to EHLO"""
    server.say(b"220 mx.example.test\n")
    server.wait_for(rb"EHLO .*\r\n")
    if before_mail is not None:
        before_mail()
    server.say(b"250 mx.example.test\n")
    for command, reply in ((rb"MAIL .*\r\n", b"250 ok\n"), (rb"RCPT .*\r\n", b"250 ok\n"), (rb"DATA\r\n", b"354 go on\n")):
        server.wait_for(command)
        server.say(reply)
    server.wait_for(rb"\r\nText\.\r\n\.\r\n")
    server.say(b"250 taken\n")


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_s_server(stranger, client, pki, version):
    server = s_server(stranger, pki.good, version)
    begin(client, server, tls_ca=pki.ca.pem)
    talk(server)
    assert client.wait(20) == Code.OK
    assert_sent(client.result(), {"-tls1_2": 0x0303, "-tls1_3": 0x0304}[version])


@pytest.mark.parametrize("command", [b"r\n", b"R\n"])
def test_a_server_that_renegotiates_is_told_that_nobody_does(stranger, client, pki, command):
    """With TLS 1.2, by a warning, as RFC 5246 has it. OpenSSL takes the next command, and gives up then."""
    server = s_server(stranger, pki.good, "-tls1_2")
    begin(client, server, tls_ca=pki.ca.pem)
    server.say(b"220 mx.example.test\n")
    server.wait_for(rb"EHLO .*\r\n")
    server.say(command)
    # What it reads together with the command it throws away.
    time.sleep(0.3)
    server.say(b"250 mx.example.test\n")
    server.wait_for(rb"no renegotiation")
    assert client.wait(20) == Code.SENDER_REFUSED
    result = client.result()
    assert (result.outcome, result.phase, result.text) == (Outcome.NOT_SENT, Phase.MAIL, "connection lost")


@pytest.mark.parametrize("command", [b"k\n", b"K\n"])
def test_a_server_that_changes_its_keys(stranger, client, pki, command):
    """With TLS 1.3; the second one asks for a new key of ours, too."""
    server = s_server(stranger, pki.good, "-tls1_3")
    begin(client, server, tls_ca=pki.ca.pem)

    def change():
        server.say(command)
        # What it reads together with the command it throws away.
        time.sleep(0.3)

    talk(server, before_mail=change)
    assert client.wait(20) == Code.OK
    assert_sent(client.result())


@pytest.mark.parametrize("priority", ["NORMAL", "NORMAL:-VERS-TLS1.3", "NORMAL:-GROUP-ALL:+GROUP-SECP384R1"])
def test_gnutls_serv(stranger, client, pki, priority):
    """It repeats what it hears, and hears nothing from us before its greeting."""
    server = stranger(
        *["gnutls-serv", "--echo", "--port", "PORT", "--x509certfile", pki.good.chain, "--x509keyfile", pki.good.key],
        *["--priority", priority],
    )
    server.wait_for(rb"listening on|HTTP Server|Echo Server")
    time.sleep(0.2)
    begin(client, server, tls_ca=pki.ca.pem, greeting_timeout_ms=300)
    client.wait(20)
    result = client.result()
    assert (result.code, result.phase) == (Code.TIMEOUT, Phase.GREETING), result
    assert result.tls_version == (0x0303 if "-VERS" in priority else 0x0304)


def test_gnutls_serv_with_another_issuer(stranger, client, pki):
    server = stranger(
        *["gnutls-serv", "--echo", "--port", "PORT", "--x509certfile", pki.stranger.chain, "--x509keyfile", pki.stranger.key]
    )
    server.wait_for(rb"listening on|HTTP Server|Echo Server")
    time.sleep(0.2)
    begin(client, server, tls_ca=pki.ca.pem)
    client.wait(20)
    assert_failed(client.result(), Code.TLS_UNTRUSTED, Phase.TLS, UNKNOWN_ISSUER)
