"""TLS against scripted servers: what is trusted, what is refused, and which text says why.

Keys and certificates are made when the tests run (certificates.py). test_tls_servers.py has real servers, test_tls_wire.py what
passes on the wire, and bad input.
"""

import os
import ssl
import subprocess
import sys
import tempfile
import time

import pytest
from certificates import Pki
from conftest import LIBRARY, free_port
from own_network import inside
from sds_smtp import (
    DRY_RUN,
    Advice,
    Auth,
    BadArgument,
    Client,
    Code,
    ConfigurationError,
    Feature,
    Outcome,
    Phase,
    SmtpError,
    TemporaryFailure,
    Tls,
    features,
)
from tls_server import STARTTLS, RawServer, TlsServer, answers, context, says

# For all tests of TLS: a lean library has none.
WITH_TLS = pytest.mark.skipif(Feature.TLS not in features(), reason="this library has no TLS")
pytestmark = WITH_TLS

SENDER, SOMEONE = "unit7@example.test", "someone@example.test"
LOGIN = {"auth": Auth.ANY, "username": "sds", "password": "sds-secret"}
TLS_1_2, TLS_1_3 = 0x0303, 0x0304
EHLO = b"250-mx.example.test\r\n250 STARTTLS\r\n"


def deliver(port, **more):
    """Send a mail with a client of its own; its result."""
    client = Client()
    settings = {"server": "127.0.0.1", "port": port, "sender": SENDER, "total_timeout_ms": 30000, "tls": Tls.IMPLICIT, **more}
    client.configure(**settings)
    client.send(SOMEONE, "Alarm", "Text.\n")
    client.wait(40)
    result = client.result()
    client.close()
    return result


def assert_sent(result, version=TLS_1_3):
    assert (result.code, result.outcome, result.tls_version) == (Code.OK, Outcome.SENT, version), result


def assert_failed(result, code, phase, text, advice=Advice.CONFIGURATION):
    assert (result.code, result.outcome, result.phase, result.text) == (code, Outcome.NOT_SENT, phase, text), result
    assert result.advice == advice, result


@pytest.fixture
def serve():
    """Starts servers that end with the test. serve(identity, implicit=..., and what context() takes)"""
    running = []

    def start(identity, *, implicit=True, extensions=None, address="127.0.0.1", port=0, **tls):
        made = context(identity, **tls)
        running.append(TlsServer(made, implicit=implicit, extensions=extensions, address=address, port=port))
        return running[-1]

    yield start
    for server in running:
        server.close()


@pytest.fixture(params=[Tls.IMPLICIT, Tls.STARTTLS], ids=["implicit", "starttls"])
def mode(request):
    return request.param


def assert_heard(server, *verbs):
    """QUIT may come when the mail has ended."""
    end = time.monotonic() + 5
    while len(server.commands) < len(verbs) and time.monotonic() < end:
        time.sleep(0.005)
    assert server.verbs() == list(verbs)


def phase_of(mode):
    return Phase.TLS if mode == Tls.IMPLICIT else Phase.STARTTLS


# --- what is trusted ------------------------------------------------------------------

# The server's certificate, and the fields of the configuration.
TRUSTED = {
    "an EC key": ("good", lambda pki: {"tls_ca": pki.ca.pem}),
    "RSA": ("rsa", lambda pki: {"tls_ca": pki.rsa_ca.pem}),
    "P-384": ("p384", lambda pki: {"tls_pin": pki.p384.pin}),
    "Ed25519": ("ed25519", lambda pki: {"tls_ca": pki.ca.pem}),
    "a CA in the middle": ("below", lambda pki: {"tls_ca": pki.ca.pem}),
    "the CA in the middle is the anchor": ("below", lambda pki: {"tls_ca": pki.middle_ca.pem}),
    "a CA by path": ("good", lambda pki: {"tls_ca": str(pki.ca.certificate)}),
    "several CAs": ("good", lambda pki: {"tls_ca": pki.other_ca.pem + pki.rsa_ca.pem + pki.ca.pem}),
    "DOS line ends": ("good", lambda pki: {"tls_ca": pki.ca.pem.replace("\n", "\r\n")}),
    "a BOM": ("good", lambda pki: {"tls_ca": "\ufeff" + pki.ca.pem}),
    "words around it": ("good", lambda pki: {"tls_ca": f"Test CA\n=======\n{pki.ca.pem}\nThat is all.\n"}),
    "a name": ("good", lambda pki: {"tls_ca": pki.ca.pem, "server": "localhost"}),
    "a name with a dot at its end": ("good", lambda pki: {"tls_ca": pki.ca.pem, "server": "localhost."}),
    "another name": ("good", lambda pki: {"tls_ca": pki.ca.pem, "tls_name": "mx.example.test"}),
    "a name in capitals": ("good", lambda pki: {"tls_ca": pki.ca.pem, "tls_name": "MX.Example.TEST"}),
    "an address, in a certificate with nothing else": ("only_address", lambda pki: {"tls_ca": pki.ca.pem}),
    "an IPv4 address as an IPv6 one": ("only_address", lambda pki: {"tls_ca": pki.ca.pem, "server": "::ffff:127.0.0.1"}),
    "such a name": (
        "only_address",
        lambda pki: {"tls_ca": pki.ca.pem, "server": "localhost", "tls_name": "::ffff:127.0.0.1"},
    ),
    "another address": ("other_name", lambda pki: {"tls_ca": pki.ca.pem, "tls_name": "192.0.2.1"}),
    "self-signed, as its own CA": ("self_signed", lambda pki: {"tls_ca": pki.self_signed.pem}),
    "a pin": ("good", lambda pki: {"tls_pin": pki.good.pin}),
    "a pin, self-signed": ("self_signed", lambda pki: {"tls_pin": pki.self_signed.pin}),
    "a pin, self-signed with CA:TRUE": ("self_signed_ca", lambda pki: {"tls_pin": pki.self_signed_ca.pin}),
    "a pin, expired": ("expired_self_signed", lambda pki: {"tls_pin": pki.expired_self_signed.pin}),
    "a pin, not yet valid": ("not_yet_valid", lambda pki: {"tls_pin": pki.not_yet_valid.pin}),
    "a pin, another name": ("other_name", lambda pki: {"tls_pin": pki.other_name.pin}),
    "the second of two pins": ("self_signed", lambda pki: {"tls_pin": f"{pki.good.pin}; {pki.self_signed.pin}"}),
    "a pin and its CA": ("good", lambda pki: {"tls_ca": pki.ca.pem, "tls_pin": pki.good.pin}),
}


@pytest.mark.parametrize("case", TRUSTED)
def test_what_is_trusted_is_sent(pki, serve, mode, case):
    identity, settings = TRUSTED[case]
    server = serve(getattr(pki, identity), implicit=mode == Tls.IMPLICIT)
    assert_sent(deliver(server.port, tls=mode, **settings(pki)))
    assert len(server.mails) == 1
    assert server.versions == ["TLSv1.3"]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("identity", ["good", "rsa"])
def test_both_versions(pki, serve, mode, version, identity):
    server = serve(getattr(pki, identity), implicit=mode == Tls.IMPLICIT, versions=version)
    result = deliver(server.port, tls=mode, tls_ca=pki.ca.pem + pki.rsa_ca.pem, **LOGIN)
    assert_sent(result, int(version))
    assert [verb for verb in server.verbs() if verb == "AUTH"] == ["AUTH"]


@pytest.mark.parametrize("curve", ["prime256v1", "secp384r1", "X25519"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_that_wants_another_group_is_answered(pki, serve, version, curve):
    """With TLS 1.3 it asks by a HelloRetryRequest."""
    server = serve(pki.good, versions=version, curve=curve)
    assert_sent(deliver(server.port, tls_ca=pki.ca.pem), int(version))


@pytest.mark.parametrize(
    "cipher",
    ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"],
)
def test_each_cipher_suite_of_tls_1_2(pki, serve, cipher):
    server = serve(pki.good, versions=ssl.TLSVersion.TLSv1_2, ciphers=cipher)
    assert_sent(deliver(server.port, tls_ca=pki.ca.pem), TLS_1_2)


def test_a_server_is_told_the_name_and_never_an_address(pki, serve, mode):
    server = serve(pki.good, implicit=mode == Tls.IMPLICIT)
    for settings in ({}, {"server": "localhost."}, {"tls_name": "mx.example.test"}, {"tls_name": "127.0.0.1"}):
        assert_sent(deliver(server.port, tls=mode, tls_ca=pki.ca.pem, **settings))
    assert server.names == [None, "localhost", "mx.example.test", None]


@pytest.mark.parametrize("by_path", [False, True])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("kind", ["ec", "rsa", "p384", "ed25519"])
def test_a_certificate_of_ours_is_shown(pki, serve, mode, version, kind, by_path):
    ours = pki.client_of(kind)
    server = serve(pki.good, implicit=mode == Tls.IMPLICIT, versions=version, client_ca=pki.client_ca)
    if by_path:
        shown = {"tls_certificate": str(ours.certificate), "tls_key": str(ours.key)}
    else:
        shown = {"tls_certificate": ours.pem.replace("\n", "\r\n"), "tls_key": "\ufeff" + ours.key_pem}
    assert_sent(deliver(server.port, tls=mode, tls_ca=pki.ca.pem, **shown), int(version))


def test_a_certificate_of_ours_is_shown_with_its_chain(pki, serve):
    middle = pki.maker.authority("CA of some clients", pki.client_ca)
    ours = pki.maker.client(middle)
    server = serve(pki.good, client_ca=pki.client_ca)
    assert_sent(deliver(server.port, tls_ca=pki.ca.pem, tls_certificate=ours.chain.read_text(), tls_key=ours.key_pem))


def test_a_certificate_that_nobody_asks_for_is_not_needed(pki, serve):
    server = serve(pki.good)
    ours = {"tls_certificate": pki.client.pem, "tls_key": pki.client.key_pem}
    assert_sent(deliver(server.port, tls_ca=pki.ca.pem, **ours))


@pytest.mark.parametrize(
    "name, code",
    [("mx.example.test", 0), ("a.example.test", 0), ("example.test", 37), ("a.b.example.test", 37), ("mxexample.test", 37)],
)
def test_a_wildcard_stands_for_one_part_of_a_name(pki, serve, name, code):
    server = serve(pki.wildcard)
    assert deliver(server.port, tls_ca=pki.ca.pem, tls_name=name).code == code


def test_an_ipv6_address(pki, serve, mode):
    server = serve(pki.ipv6, implicit=mode == Tls.IMPLICIT, address="::1")
    settings = {"tls": mode, "tls_ca": pki.ca.pem}
    assert_sent(deliver(0, server=f"[::1]:{server.port}", **settings))
    assert_sent(deliver(0, server=f"[0:0::1%lo]:{server.port}", **settings))
    result = deliver(0, server=f"[::1]:{server.port}", **settings, tls_name="::2")
    assert (result.code, result.text) == (Code.TLS_UNTRUSTED, OTHER_ADDRESS)


# --- what is not trusted: 37 ----------------------------------------------------------

UNKNOWN_ISSUER = "certificate: of an unknown issuer; give its CA as tls_ca, or pin the server's key (tls_pin)"
OTHER_NAME = "certificate: for another name; give the server's own name as server or tls_name"
OTHER_ADDRESS = "certificate: not for this IP address; give the server's name as server or tls_name"
EXPIRED = "certificate: expired; renew it, and check the clock here"
CA_TRUE = "certificate: a CA's own (CA:TRUE), and no server's; pin the server's key (tls_pin)"
WRONG_PIN = "certificate: the server has another key than tls_pin says"
COMMON_NAME = "certificate: its only name is a common name (CN), which does not count; pin the server's key (tls_pin)"

UNTRUSTED = {
    "unknown issuer": ("stranger", {}, UNKNOWN_ISSUER),
    "no chain": ("without_chain", {}, UNKNOWN_ISSUER),
    "self-signed": (
        "self_signed",
        {},
        "certificate: self-signed; give it as tls_ca, or pin the server's key (tls_pin)",
    ),
    "self-signed with CA:TRUE": ("self_signed_ca", {}, CA_TRUE),
    "self-signed with CA:TRUE, and given": ("self_signed_ca", {"tls_ca": "self_signed_ca"}, CA_TRUE),
    "expired": ("expired", {}, EXPIRED),
    "not yet valid": ("not_yet_valid", {}, "certificate: not yet valid; check the clock here"),
    "other name": ("other_name", {"server": "localhost"}, OTHER_NAME),
    "other name in tls_name": ("good", {"tls_name": "mail.elsewhere.test"}, OTHER_NAME),
    "name in CN only": ("only_common_name", {"server": "localhost"}, COMMON_NAME),
    "name in CN only, and an address is configured": ("only_common_name", {}, COMMON_NAME),
    "an address only, and a name is configured": ("only_address", {"server": "localhost"}, OTHER_NAME),
    "address not in it": ("only_name", {}, OTHER_ADDRESS),
    "for clients": ("for_clients", {}, "certificate: not for servers (extended key usage)"),
    "version 1": (
        "version_1",
        {},
        "certificate: not readable (X.509 version 1, or an unknown critical extension)",
    ),
    "version 1, pinned": (
        "version_1",
        {"tls_ca": None, "tls_pin": "version_1"},
        "certificate: not readable (X.509 version 1, or an unknown critical extension)",
    ),
    "wrong pin": ("good", {"tls_ca": None, "tls_pin": "expired"}, WRONG_PIN),
    "wrong pin, and the right CA": ("good", {"tls_pin": "expired"}, WRONG_PIN),
    "right pin, and the wrong CA": ("good", {"tls_ca": "other_ca", "tls_pin": "good"}, UNKNOWN_ISSUER),
    "right pin, and expired": ("expired", {"tls_pin": "expired"}, EXPIRED),
    "the pin of its CA": ("good", {"tls_ca": None, "tls_pin": "ca"}, WRONG_PIN),
}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("case", UNTRUSTED)
def test_what_is_not_trusted_is_37_and_says_why(pki, serve, mode, case, version):
    identity, given, text = UNTRUSTED[case]
    identity = getattr(pki, identity)
    settings = {"tls_ca": "ca", **given}
    if settings["tls_ca"]:
        settings["tls_ca"] = getattr(pki, settings["tls_ca"]).pem
    if settings.get("tls_pin"):
        settings["tls_pin"] = getattr(pki, settings["tls_pin"]).pin
    server = serve(identity, implicit=mode == Tls.IMPLICIT, versions=version)
    result = deliver(server.port, tls=mode, retry_max=2, retry_delay_ms=1, **settings, **LOGIN)
    assert_failed(result, Code.TLS_UNTRUSTED, phase_of(mode), text)
    assert (result.attempts, result.reply_code, server.mails) == (1, 0, [])
    # Nothing was said behind the handshake.
    assert server.verbs() == ([] if mode == Tls.IMPLICIT else ["EHLO", "STARTTLS"])


IN_A_CHILD = """
import sys
from sds_smtp import Client, SmtpError
client = Client()
try:
    if sys.argv[2].startswith("smtp"):
        client.configure_url(sys.argv[2], "unit7@example.test")
    else:
        client.configure(server="localhost", port=int(sys.argv[1]), sender="unit7@example.test", tls=int(sys.argv[2]))
except SmtpError as error:
    print(int(error.code), client.refusal())
    raise SystemExit
client.send("someone@example.test", "Alarm", "Text.")
client.wait(20)
result = client.result()
print(int(result.code), result.text)
"""


def with_trust_store(server, what, tmp_path, file=None, folder=None):
    """What a process of its own says of a mail, whose system has this trust store."""
    nowhere = tmp_path / "empty"
    nowhere.mkdir(exist_ok=True)
    (nowhere / "none.pem").touch()
    paths = {
        "SSL_CERT_FILE": str(file or nowhere / "none.pem"),
        "SSL_CERT_DIR": str(folder or nowhere),
        "PYTHONPATH": os.path.dirname(sys.modules["sds_smtp"].__file__),
        "SDS_SMTP_LIBRARY": str(LIBRARY),
    }
    done = subprocess.run(
        [sys.executable, "-c", IN_A_CHILD, str(server.port), str(what)],
        env={**os.environ, **paths},
        stdout=subprocess.PIPE,
        timeout=40,
        check=True,
    )
    return done.stdout.decode().strip()


def test_a_system_without_a_trust_store_is_37_and_says_so(pki, serve, tmp_path):
    server = serve(pki.good)
    text = "tls: this system has no trust store (package ca-certificates): give tls_ca or tls_pin"
    for mode in (Tls.IMPLICIT, Tls.STARTTLS):
        assert with_trust_store(server, int(mode), tmp_path) == f"37 {text}"
    assert with_trust_store(server, f"smtps://localhost:{server.port}", tmp_path).startswith("37 ")
    assert server.ends == []
    # Nothing is verified there.
    assert with_trust_store(serve(pki.good, implicit=False), int(Tls.OPPORTUNISTIC), tmp_path).startswith("0 ")


def test_the_systems_trust_store_is_used(pki, serve, tmp_path):
    server = serve(pki.good)
    assert with_trust_store(server, int(Tls.IMPLICIT), tmp_path, file=pki.ca.certificate).startswith("0 ")
    assert with_trust_store(server, int(Tls.IMPLICIT), tmp_path, file=pki.other_ca.certificate) == f"37 {UNKNOWN_ISSUER}"


def test_keys_are_written_to_no_file(pki, serve, tmp_path, monkeypatch):
    """As other libraries do for those who look for faults."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    assert with_trust_store(serve(pki.good), int(Tls.IMPLICIT), tmp_path, file=pki.ca.certificate).startswith("0 ")
    assert not (tmp_path / "keys").exists()


def test_a_url_with_a_login_uses_tls(pki, serve, tmp_path):
    for scheme, implicit in (("smtps", True), ("smtp+starttls", False)):
        server = serve(pki.good, implicit=implicit)
        url = f"{scheme}://unit7:p%40ss@localhost:{server.port}"
        assert with_trust_store(server, url, tmp_path, file=pki.ca.certificate).startswith("0 ")
        begun = [] if implicit else ["EHLO", "STARTTLS"]
        assert_heard(server, *begun, "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT")


# --- the C examples -------------------------------------------------------------------


@pytest.fixture
def example(tmp_path):
    """Runs a program of c_examples against the library that is tested: example(name, argument...)"""

    def run(name, *arguments):
        folder = os.path.dirname(os.path.abspath(LIBRARY))
        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        program = tmp_path / name
        source = os.path.join(root, "c_examples", f"{name}.c")
        link = [f"-L{folder}", "-lsds_smtp", f"-Wl,-rpath,{folder}"]
        options = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{root}/include"]
        subprocess.run(["cc", *options, source, "-o", program, *link], check=True)
        done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    return run


def test_submission_sends_with_starttls_and_a_login(pki, serve, example):
    server = serve(pki.good, implicit=False)
    arguments = (f"localhost:{server.port}", SENDER, "app password", SOMEONE)
    assert example("submission", *arguments, str(pki.ca.certificate)) == (0, "OK: 2.0.0 Queued as 4711\n")
    assert_heard(server, "EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT")
    assert example("submission", *arguments, str(pki.other_ca.certificate)) == (1, f"TLS_UNTRUSTED: {UNKNOWN_ISSUER}\n")
    assert example("submission", *arguments, "/nonexistent") == (1, "not started: tls_ca: the file cannot be read\n")


def test_pinned_device_takes_the_key_that_it_knows(pki, serve, example):
    server = serve(pki.expired_self_signed)
    arguments = (SENDER, SOMEONE)
    code, said = example("pinned_device", f"127.0.0.1:{server.port}", pki.expired_self_signed.pin, *arguments)
    assert (code, said) == (0, "OK, TLS 1.3: 2.0.0 Queued as 4711\n")
    code, said = example("pinned_device", f"127.0.0.1:{server.port}", pki.good.pin, *arguments)
    assert code == 1 and said.startswith("TLS_UNTRUSTED") and "another key than tls_pin" in said, said


# --- what the configuration refuses ---------------------------------------------------

GARBAGE = "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"
LONG = "-----BEGIN CERTIFICATE-----\n" + "A" * (1 << 20)

REFUSED = {
    "an unreadable CA": ({"tls_ca": "/nonexistent/ca.pem"}, 40, "tls_ca: the file cannot be read"),
    "a folder": ({"tls_ca": "/etc"}, 40, "tls_ca: the file cannot be read"),
    "an unreadable certificate": (
        {"tls_certificate": "/nonexistent/our.pem", "tls_key": "client.key"},
        40,
        "tls_certificate: the file cannot be read",
    ),
    "an unreadable key": (
        {"tls_certificate": "client.pem", "tls_key": "/nonexistent/our.key"},
        40,
        "tls_key: the file cannot be read",
    ),
    "garbage": ({"tls_ca": GARBAGE}, 33, "tls_ca: not readable as PEM"),
    "a PEM that is no certificate": (
        {"tls_ca": GARBAGE.replace("!!!", "AAAA")},
        33,
        "tls_ca: a certificate in it is not readable",
    ),
    "a key as CA": ({"tls_ca": "client.key"}, 33, "tls_ca: no certificate in it (PEM)"),
    "a file without PEM": ({"tls_ca": "/etc/passwd"}, 33, "tls_ca: no PEM in the file"),
    "an empty file": ({"tls_ca": "/dev/null"}, 33, "tls_ca: no PEM in the file"),
    "an endless file": ({"tls_ca": "/dev/zero"}, 33, "tls_ca: longer than 1 MiB"),
    "a PEM of more than 1 MiB": ({"tls_ca": LONG}, 33, "tls_ca: longer than 1 MiB"),
    "a key that does not belong": (
        {"tls_certificate": "client.pem", "tls_key": "good.key"},
        33,
        "tls_key: not the key of tls_certificate",
    ),
    "two keys": (
        {"tls_certificate": "client.pem", "tls_key": "client.key+good.key"},
        33,
        "tls_key: more than one key in it",
    ),
    "a certificate instead of a key": (
        {"tls_certificate": "client.pem", "tls_key": "client.pem"},
        33,
        "tls_key: no private key in it (PEM)",
    ),
    "a certificate alone": (
        {"tls_certificate": "client.pem"},
        33,
        "tls_certificate: needs the other one: tls_certificate and tls_key",
    ),
    "a key alone": ({"tls_key": "client.key"}, 33, "tls_key: needs the other one: tls_certificate and tls_key"),
    "an encrypted key": (
        {"tls_certificate": "client.pem", "tls_key": "encrypted"},
        33,
        "tls_key: an encrypted key: decrypt it first",
    ),
    "a pin without its kind": ({"tls_pin": "A" * 43 + "="}, 33, "tls_pin: not as sha256//BASE64;sha256//BASE64"),
    "a short pin": ({"tls_pin": "sha256//AAAA"}, 33, "tls_pin: a SHA-256 in base64 has 44 characters"),
    "a pin that is no base64": ({"tls_pin": "sha256//" + "!" * 44}, 33, "tls_pin: not a SHA-256 in base64"),
    "a name with a port": (
        {"tls_name": "mx.example.test:465"},
        33,
        "tls_name: a port where a name or an address alone is needed",
    ),
    "a wildcard": ({"tls_name": "*.example.test"}, 33, "tls_name: a character that no server's name has"),
    "an address with a zone": (
        {"tls_name": "fe80::1%lo"},
        33,
        "tls_name: not a name, and not an address, that a certificate can have",
    ),
    "an unknown mode": ({"tls": 4}, 33, "tls: unknown value"),
    "no TLS, and a CA": ({"tls": 0, "tls_ca": "ca.pem"}, 33, "tls_ca: set, and tls is 0"),
    "no TLS, and a certificate": (
        {"tls": 0, "tls_certificate": "client.pem", "tls_key": "client.key"},
        33,
        "tls_certificate: set, and tls is 0",
    ),
    "no TLS, and a key": ({"tls": 0, "tls_key": "client.key"}, 33, "tls_key: set, and tls is 0"),
    "no TLS, and a pin": ({"tls": 0, "tls_pin": "pin"}, 33, "tls_pin: set, and tls is 0"),
    "opportunistic, and a CA": (
        {"tls": 3, "tls_ca": "ca.pem"},
        33,
        "tls_ca: set, and opportunistic TLS verifies nothing (tls 3)",
    ),
    "opportunistic, and a pin": (
        {"tls": 3, "tls_pin": "pin"},
        33,
        "tls_pin: set, and opportunistic TLS verifies nothing (tls 3)",
    ),
    "opportunistic, and a name": (
        {"tls": 3, "tls_name": "mx.example.test"},
        33,
        "tls_name: set, and opportunistic TLS verifies nothing (tls 3)",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_configuration_that_cannot_be_used_is_refused_with_its_field(pki, client, case):
    given, code, text = REFUSED[case]
    known = {
        "client.pem": lambda: pki.client.pem,
        "client.key": lambda: pki.client.key_pem,
        "good.key": lambda: pki.good.key_pem,
        "client.key+good.key": lambda: pki.client.key_pem + pki.good.key_pem,
        "ca.pem": lambda: pki.ca.pem,
        "pin": lambda: pki.good.pin,
        "encrypted": lambda: pki.encrypted_key,
    }
    settings = {field: known[value]() if value in known else value for field, value in given.items()}
    client.configure(server="127.0.0.1", port=1, sender=SENDER)
    with pytest.raises(ConfigurationError) as refused:
        client.configure(**{"server": "127.0.0.1", "port": 2, "sender": SENDER, "tls": Tls.IMPLICIT, **settings})
    assert (refused.value.code, client.refusal()) == (code, text)
    assert refused.value.hint.startswith(text)
    # The configuration before stays.
    client.send(SOMEONE, "Alarm", "Text.")
    assert client.wait(20) == Code.CONNECT_FAILED
    assert client.result().server == "127.0.0.1:1"


def test_nobody_waits_for_a_fifo(client, tmp_path):
    """No writer may ever come. With one, and nothing said, it cannot be read; what is said is read."""
    fifo = tmp_path / "ca.pem"
    os.mkfifo(fifo)

    def refused():
        begun = time.monotonic()
        with pytest.raises(ConfigurationError) as why:
            client.configure(server="127.0.0.1", port=1, sender=SENDER, tls=Tls.IMPLICIT, tls_ca=str(fifo))
        assert time.monotonic() - begun < 5
        return why.value.code

    assert refused() == 33
    writer = os.open(fifo, os.O_RDWR)
    assert refused() == 40
    os.write(writer, b"no PEM")
    assert refused() == 40
    os.close(writer)


def test_a_key_with_a_nul_in_it_is_refused_and_kept_nowhere(client):
    with pytest.raises(BadArgument) as refused:
        client.configure(server="127.0.0.1", sender=SENDER, tls=Tls.IMPLICIT, tls_certificate="x", tls_key="se\0cret")
    traceback = refused.tb
    while traceback is not None:
        frame = traceback.tb_frame
        if frame.f_code.co_filename.endswith("sds_smtp.py"):
            assert not [value for value in frame.f_locals.values() if value == "se\0cret"]
        traceback = traceback.tb_next


def test_what_is_in_a_file_counts_when_it_is_configured(pki, serve, tmp_path):
    """Neither the file of another time, nor that of another mail, is taken for it."""
    server, file = serve(pki.good), tmp_path / "ca.pem"
    with Client() as client:
        for ca, code in ((pki.ca, Code.OK), (pki.other_ca, Code.TLS_UNTRUSTED), (pki.ca, Code.OK)):
            file.write_text(ca.pem)
            client.configure(server="127.0.0.1", port=server.port, sender=SENDER, tls=Tls.IMPLICIT, tls_ca=str(file))
            file.unlink()
            client.send(SOMEONE, "Alarm", "Text.")
            assert client.wait(20) == code


def test_a_bundle_of_many_authorities(pki, serve):
    bundle = (pki.other_ca.pem + pki.rsa_ca.pem) * 150 + pki.ca.pem
    assert_sent(deliver(serve(pki.good).port, tls_ca=bundle))


# --- a handshake that fails: 36 -------------------------------------------------------

TOO_OLD = "TLS: the server is too old for TLS 1.3, and 1.2 with ECDHE and AES-GCM or ChaCha20; or has a key of P-521 only"
WANTED = "TLS: the server wants a certificate of ours (tls_certificate, tls_key)"
NOT_OURS = "TLS: the server refuses our certificate (tls_certificate)"

TOO_OLD_SERVERS = {
    "TLS 1.0": ("good", {"versions": ssl.TLSVersion.TLSv1, "ciphers": "ALL:@SECLEVEL=0"}),
    "TLS 1.1": ("good", {"versions": ssl.TLSVersion.TLSv1_1, "ciphers": "ALL:@SECLEVEL=0"}),
    "CBC suites only": ("good", {"versions": ssl.TLSVersion.TLSv1_2, "ciphers": "ECDHE-ECDSA-AES128-SHA"}),
    "RSA key exchange only": ("rsa", {"versions": ssl.TLSVersion.TLSv1_2, "ciphers": "AES128-GCM-SHA256"}),
    "P-521 only": ("p521", {}),
}


@pytest.mark.parametrize("case", TOO_OLD_SERVERS)
def test_a_server_that_is_too_old_is_36(pki, serve, mode, case):
    identity, tls = TOO_OLD_SERVERS[case]
    server = serve(getattr(pki, identity), implicit=mode == Tls.IMPLICIT, **tls)
    result = deliver(server.port, tls=mode, tls_ca=pki.ca.pem, retry_max=2, retry_delay_ms=1)
    assert_failed(result, Code.TLS_FAILED, phase_of(mode), TOO_OLD)
    assert (result.attempts, result.tls_version) == (1, 0)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("ours", [None, "stranger_client"])
def test_a_server_that_wants_another_certificate_of_ours_is_36(pki, serve, mode, version, ours):
    """In TLS 1.3 it says so after the handshake."""
    server = serve(pki.good, implicit=mode == Tls.IMPLICIT, versions=version, client_ca=pki.client_ca)
    shown = {}
    if ours:
        shown = {"tls_certificate": getattr(pki, ours).pem, "tls_key": getattr(pki, ours).key_pem}
    phase = phase_of(mode)
    if version == ssl.TLSVersion.TLSv1_3:
        phase = Phase.GREETING if mode == Tls.IMPLICIT else Phase.HELLO
    for _ in range(10):
        result = deliver(server.port, tls=mode, tls_ca=pki.ca.pem, **shown, **LOGIN)
        assert_failed(result, Code.TLS_FAILED, phase, NOT_OURS if ours else WANTED)
    assert server.mails == []


NO_TLS = {
    "a greeting": (
        b"220 mx.example.test ESMTP\r\n",
        "no TLS on this port, but a plain greeting: STARTTLS (tls 1) may be meant, or port 465",
    ),
    "a refusing greeting": (
        b"554 5.7.1 No\r\n",
        "no TLS on this port, but a plain greeting: STARTTLS (tls 1) may be meant, or port 465",
    ),
    "HTTP": (b"HTTP/1.1 400 Bad Request\r\n\r\n", "no TLS on this port: a web server answers"),
    "SSH": (b"SSH-2.0-OpenSSH_9.2\r\n", "no TLS on this port: an SSH server answers"),
    "POP3": (b"+OK ready\r\n", "no TLS on this port: what answers is no TLS record"),
    "IMAP": (b"* OK ready\r\n", "no TLS on this port: what answers is no TLS record"),
    "zeros": (bytes(64), "no TLS on this port: what answers is no TLS record"),
}


@pytest.mark.parametrize("case", NO_TLS)
def test_a_port_without_tls_is_36_and_says_what_answers(pki, case):
    octets, text = NO_TLS[case]
    with RawServer(says(octets)) as server:
        result = deliver(server.port, tls_ca=pki.ca.pem)
    assert_failed(result, Code.TLS_FAILED, Phase.TLS, text)


@inside
def test_port_465_in_the_clear_says_so(network):
    """The server waits for a handshake, and says nothing: so do these two, without TLS and with STARTTLS."""
    with tempfile.TemporaryDirectory() as folder:
        pki = Pki(folder)
        server = TlsServer(context(pki.good), address="192.0.2.25", port=465)
        clients = [Client(), Client()]
        for client, settings in zip(clients, ({}, {"tls": Tls.STARTTLS, "tls_ca": pki.ca.pem})):
            repeats = {"retry_max": 1, "retry_delay_ms": 1}
            client.configure(server="192.0.2.25:465,192.0.2.25:2525", sender=SENDER, **repeats, **settings)
            client.send(SOMEONE, "Alarm", "Text.")
        for client in clients:
            client.wait(30)
            text = "no answer in time - this port speaks TLS from the first octet on: use another port, or tls 2"
            assert_failed(client.result(), Code.TLS_FAILED, Phase.GREETING, text)
            assert 10000 <= client.result().elapsed_ms < 20000
            # No other attempt helps, and the next server is not asked.
            assert (client.result().attempts, client.result().server) == (1, "192.0.2.25:465")
            client.close()
        server.close()


def test_tls_where_none_is_configured_says_so_on_other_ports(pki, serve):
    result = deliver(serve(pki.good).port, tls=Tls.NONE, greeting_timeout_ms=300)
    text = "no answer in time - the server does not greet: does this port speak TLS?"
    assert_failed(result, Code.TIMEOUT, Phase.GREETING, text, Advice.LATER)


# --- STARTTLS -------------------------------------------------------------------------

BEHIND = "octets behind the answer to STARTTLS: somebody on the way may have put them there"
NOT_OFFERED = "no STARTTLS offered: check the port, or whether TLS from the first octet (tls 2) is meant"
MASKED = "STARTTLS is made unreadable on the way: a firewall inspects SMTP (fixup, inspect esmtp)"
WORKS_NOT = "it offers STARTTLS and refuses it: try port 465 with tls 2"

BEGINNINGS = {
    "not offered": (b"250 mx.example.test\r\n", None, 38, Phase.STARTTLS, NOT_OFFERED, ["EHLO", "QUIT"]),
    "masked": (b"250-mx\r\n250-XXXXXXXA\r\n250 SIZE\r\n", None, 38, Phase.STARTTLS, MASKED, ["EHLO", "QUIT"]),
    "EHLO unknown": (b"502 5.5.1 What\r\n", None, 38, Phase.HELLO, "5.5.1 What", ["EHLO", "QUIT"]),
    "454": (EHLO, b"454 4.7.0 Not now\r\n", 36, Phase.STARTTLS, f"4.7.0 Not now - {WORKS_NOT}", ["EHLO", "STARTTLS", "QUIT"]),
    "502": (EHLO, b"502 What\r\n", 36, Phase.STARTTLS, f"What - {WORKS_NOT}", ["EHLO", "STARTTLS", "QUIT"]),
    "501": (EHLO, b"501 No\r\n", 15, Phase.STARTTLS, f"No - {WORKS_NOT}", ["EHLO", "STARTTLS", "QUIT"]),
    "554": (EHLO, b"554 No\r\n", 36, Phase.STARTTLS, f"No - {WORKS_NOT}", ["EHLO", "STARTTLS", "QUIT"]),
    "421": (EHLO, b"421 4.3.2 Closing\r\n", 2, Phase.STARTTLS, "4.3.2 Closing", ["EHLO", "STARTTLS"]),
    "250": (EHLO, b"250 Ok\r\n", 36, Phase.STARTTLS, "not an SMTP reply", ["EHLO", "STARTTLS"]),
    "354": (EHLO, b"354 Ok\r\n", 36, Phase.STARTTLS, "not an SMTP reply", ["EHLO", "STARTTLS"]),
    "no reply": (EHLO, b"what?\r\n", 36, Phase.STARTTLS, "not an SMTP reply", ["EHLO", "STARTTLS"]),
    "octets behind it": (EHLO, b"220 Go\r\n250 x\r\n", 36, Phase.STARTTLS, BEHIND, ["EHLO", "STARTTLS"]),
    "one octet behind it": (EHLO, b"220 Go\r\n\x16", 36, Phase.STARTTLS, BEHIND, ["EHLO", "STARTTLS"]),
    "a line end behind it": (EHLO, b"220 Go\r\n\r\n", 36, Phase.STARTTLS, BEHIND, ["EHLO", "STARTTLS"]),
}


def assert_lines(heard, verbs):
    end = time.monotonic() + 5
    while len(heard) < len(verbs) and time.monotonic() < end:
        time.sleep(0.005)
    assert [line.split()[0].decode() for line in heard if line.strip()] == verbs


@pytest.mark.parametrize("case", BEGINNINGS)
def test_without_starttls_nothing_is_sent(pki, case):
    hello, reply, code, phase, text, wanted = BEGINNINGS[case]
    heard = []
    replies = [b"220 mx.example.test\r\n", hello] + ([reply] if reply else []) + [b"221 Bye\r\n"]
    with RawServer(answers(*replies, heard=heard)) as server:
        # Whatever the server's code says, another attempt would not help.
        repeats = {} if code == 2 else {"retry_max": 2, "retry_delay_ms": 1, "total_timeout_ms": 60000}
        result = deliver(server.port, tls=Tls.STARTTLS, tls_ca=pki.ca.pem, **{**LOGIN, **repeats})
        assert_lines(heard, wanted)
        assert (result.attempts, len(server.connections)) == (1, 1)
    advice = Advice.LATER if code == 2 else Advice.CONFIGURATION
    assert_failed(result, code, phase, text, advice)


def test_octets_that_are_put_behind_the_answer_later_are_told_as_such(pki):
    def serve(connection):
        lines = connection.makefile("rb")
        for reply in (b"220 mx.example.test\r\n", EHLO, b"220 Go\r\n"):
            connection.sendall(reply)
            if reply != b"220 Go\r\n":
                lines.readline()
        connection.recv(1)  # the handshake has begun
        connection.sendall(b"250 2.0.0 Injected\r\n")
        while connection.recv(4096):
            pass

    for mode in (Tls.STARTTLS, Tls.OPPORTUNISTIC):
        with RawServer(serve) as server:
            settings = {"tls_ca": pki.ca.pem} if mode == Tls.STARTTLS else {}
            assert_failed(deliver(server.port, tls=mode, **settings), Code.TLS_FAILED, Phase.STARTTLS, BEHIND)


@pytest.mark.parametrize("word", ["STARTTLS", "starttls", "StartTLS required", "STARTTLS "])
@pytest.mark.parametrize("reply", ["220 2.0.0 Go", "220", "220 ", "220-2.0.0 Go\r\n220-on\r\n220 now", "220-Go\r\n220"])
def test_every_offer_and_every_answer_of_starttls_is_understood(pki, serve, word, reply):
    server = serve(pki.good, implicit=False, extensions=["SIZE", word, "HELP"])
    server.replies["STARTTLS"] = reply
    assert_sent(deliver(server.port, tls=Tls.STARTTLS, tls_ca=pki.ca.pem))


@pytest.mark.parametrize("word", ["STARTTLSX", "XSTARTTLS", "START TLS", "TLS", "AUTH STARTTLS"])
def test_what_only_looks_like_starttls_is_none(pki, serve, word):
    server = serve(pki.good, implicit=False, extensions=["SIZE", word])
    result = deliver(server.port, tls=Tls.STARTTLS, tls_ca=pki.ca.pem)
    assert_failed(result, Code.TLS_UNAVAILABLE, Phase.STARTTLS, NOT_OFFERED)


@pytest.mark.parametrize("identity", ["good", "stranger", "expired", "other_name", "self_signed_ca"])
def test_opportunistic_takes_whatever_certificate_there_is(pki, serve, identity):
    server = serve(getattr(pki, identity), implicit=False)
    assert_sent(deliver(server.port, tls=Tls.OPPORTUNISTIC))
    assert_heard(server, "EHLO", "STARTTLS", "EHLO", "MAIL", "RCPT", "DATA", "QUIT")


def test_opportunistic_is_plain_where_nothing_is_offered(pki, serve):
    server = serve(pki.good, implicit=False, extensions=STARTTLS[1:])
    assert_sent(deliver(server.port, tls=Tls.OPPORTUNISTIC), 0)
    assert_heard(server, "EHLO", "MAIL", "RCPT", "DATA", "QUIT")


@pytest.mark.parametrize("reply", ["454 4.7.0 Not now", "502 What", "501 No", "554 No"])
def test_opportunistic_goes_on_in_plain_where_starttls_is_refused(pki, serve, reply):
    server = serve(pki.good, implicit=False)
    server.replies["STARTTLS"] = reply
    assert_sent(deliver(server.port, tls=Tls.OPPORTUNISTIC), 0)
    assert_heard(server, "EHLO", "STARTTLS", "MAIL", "RCPT", "DATA", "QUIT")
    assert len(server.ends) == 1


@pytest.mark.parametrize("case", ["250", "354", "421", "no reply", "octets behind it"])
def test_opportunistic_ends_where_the_answer_is_no_refusal(case):
    hello, reply, code, phase, text, wanted = BEGINNINGS[case]
    heard = []
    with RawServer(answers(b"220 mx.example.test\r\n", hello, reply, heard=heard)) as server:
        result = deliver(server.port, tls=Tls.OPPORTUNISTIC)
        assert_lines(heard, wanted)
    assert (result.code, result.phase, result.text) == (code, phase, text)


def test_opportunistic_ends_where_the_handshake_fails(pki, serve):
    server = serve(pki.good, implicit=False, versions=ssl.TLSVersion.TLSv1_2, ciphers="ECDHE-ECDSA-AES128-SHA")
    result = deliver(server.port, tls=Tls.OPPORTUNISTIC, retry_max=2, retry_delay_ms=1)
    assert_failed(result, Code.TLS_FAILED, Phase.STARTTLS, TOO_OLD)
    assert len(server.ends) == 1


# --- lists of servers, and repeating --------------------------------------------------


def test_a_server_that_is_not_trusted_ends_the_list(pki, serve, mode):
    first = serve(pki.stranger, implicit=mode == Tls.IMPLICIT)
    second = serve(pki.good, implicit=mode == Tls.IMPLICIT)
    servers = f"127.0.0.1:{first.port},127.0.0.1:{second.port}"
    result = deliver(0, server=servers, tls=mode, tls_ca=pki.ca.pem, retry_max=3, retry_delay_ms=1)
    assert_failed(result, Code.TLS_UNTRUSTED, phase_of(mode), UNKNOWN_ISSUER)
    assert (len(first.ends), second.ends) == (1, [])


def test_a_server_without_starttls_ends_the_list(pki, serve):
    first = serve(pki.good, implicit=False, extensions=STARTTLS[1:])
    second = serve(pki.good, implicit=False)
    servers = f"127.0.0.1:{first.port},127.0.0.1:{second.port}"
    result = deliver(0, server=servers, tls=Tls.STARTTLS, tls_ca=pki.ca.pem, retry_max=3, retry_delay_ms=1)
    assert_failed(result, Code.TLS_UNAVAILABLE, Phase.STARTTLS, NOT_OFFERED)
    assert (len(first.ends), second.ends) == (1, [])


def test_the_next_server_is_tried_where_the_first_is_not_reached(pki, serve, mode):
    server = serve(pki.good, implicit=mode == Tls.IMPLICIT)
    servers = f"127.0.0.1:{free_port()},localhost:{server.port}"
    result = deliver(0, server=servers, tls=mode, tls_ca=pki.ca.pem)
    assert_sent(result)
    assert result.server == f"127.0.0.1:{server.port}"
    assert server.names == ["localhost"]


def test_the_next_server_is_tried_where_the_first_says_nothing_in_the_handshake(pki, serve):
    server = serve(pki.good)
    with RawServer(says(b"")) as silent:
        servers = f"127.0.0.1:{silent.port},127.0.0.1:{server.port}"
        assert_sent(deliver(0, server=servers, tls_ca=pki.ca.pem, connect_timeout_ms=500))


@inside
def test_of_several_addresses_the_one_that_stands_first_has_the_handshake(network):
    with tempfile.TemporaryDirectory() as folder:
        pki = Pki(folder)
        settings = {"server": "mx.example.test", "tls_ca": pki.ca.pem}
        network.names.add("mx.example.test", "2001:db8:dead::25", "2001:db8:bad::1", "192.0.2.25", "192.0.2.26")
        for tls, port in ((Tls.IMPLICIT, 465), (Tls.STARTTLS, 587)):
            servers = [
                TlsServer(context(identity), implicit=tls == Tls.IMPLICIT, address=address, port=port)
                for identity, address in ((pki.good, "192.0.2.25"), (pki.stranger, "192.0.2.26"))
            ]
            # The port is that of the mode.
            result = deliver(0, tls=tls, **settings)
            assert_sent(result)
            assert result.server == f"192.0.2.25:{port}"
            assert result.elapsed_ms < 3000
            assert (len(servers[0].ends), servers[0].names, servers[1].ends) == (1, ["mx.example.test"], [])
            # One that is not trusted has the last word.
            network.names.add("mx2.example.test", "2001:db8:dead::25", "192.0.2.26", "192.0.2.25")
            result = deliver(0, tls=tls, **{**settings, "server": "mx2.example.test"}, tls_name="mx.example.test")
            assert_failed(result, Code.TLS_UNTRUSTED, phase_of(tls), UNKNOWN_ISSUER)
            assert (len(servers[0].ends), len(servers[1].ends)) == (1, 1)


def test_a_timeout_in_the_handshake_is_repeated(pki):
    with RawServer(says(b"")) as silent:
        limits = {"connect_timeout_ms": 200, "retry_max": 2, "retry_delay_ms": 1, "total_timeout_ms": 60000}
        result = deliver(silent.port, tls_ca=pki.ca.pem, **limits)
        assert (result.code, result.phase, result.attempts) == (Code.TIMEOUT, Phase.TLS, 3), result
        assert (result.outcome, result.advice) == (Outcome.NOT_SENT, Advice.LATER)
        assert len(silent.connections) == 3


def test_a_connection_lost_in_the_handshake_is_36_and_not_repeated(pki):
    def lose(connection):
        connection.recv(1)

    with RawServer(lose) as server:
        result = deliver(server.port, tls_ca=pki.ca.pem, retry_max=2, retry_delay_ms=1)
    assert_failed(result, Code.TLS_FAILED, Phase.TLS, "TLS: connection lost in the handshake")
    assert result.attempts == 1


def test_each_attempt_has_its_own_handshake(pki, serve, mode):
    server = serve(pki.good, implicit=mode == Tls.IMPLICIT)
    answers_of_end = ["451 4.3.0 Later", "451 4.3.0 Later"]

    def refuse(connection, command, usual, answer=server._answer):
        if command == "END" and answers_of_end:
            connection.sendall(answers_of_end.pop().encode() + b"\r\n")
            return False
        return answer(connection, command, usual)

    server._answer = refuse
    result = deliver(server.port, tls=mode, tls_ca=pki.ca.pem, retry_max=2, retry_delay_ms=1, total_timeout_ms=60000)
    assert_sent(result)
    assert (result.attempts, len(server.versions), len(server.ends)) == (3, 3, 3)


def test_a_probe_logs_in_behind_tls(pki, serve, client, mode):
    server = serve(pki.good, implicit=mode == Tls.IMPLICIT)
    settings = {"server": "127.0.0.1", "port": server.port, "sender": SENDER, "tls": mode, "tls_ca": pki.ca.pem}
    client.configure(**settings, **LOGIN)
    client.probe()
    assert client.wait(20) == Code.OK
    assert client.result().tls_version == TLS_1_3
    begun = [] if mode == Tls.IMPLICIT else ["EHLO", "STARTTLS"]
    assert_heard(server, *begun, "EHLO", "AUTH", "QUIT")
    # Of a server that is not trusted it tells as a mail does.
    client.configure(**{**settings, "tls_ca": pki.other_ca.pem}, **LOGIN)
    client.probe()
    assert client.wait(20) == Code.TLS_UNTRUSTED
    assert client.result().text == UNKNOWN_ISSUER


def test_a_dry_run_behind_tls(pki, serve, client, mode):
    server = serve(pki.good, implicit=mode == Tls.IMPLICIT)
    client.configure(server="127.0.0.1", port=server.port, sender=SENDER, tls=mode, tls_ca=pki.ca.pem)
    client.send(SOMEONE, "Alarm", "Text.", flags=DRY_RUN)
    assert client.wait(20) == Code.OK
    begun = [] if mode == Tls.IMPLICIT else ["EHLO", "STARTTLS"]
    assert_heard(server, *begun, "EHLO", "MAIL", "RCPT", "RSET", "QUIT")


def test_a_mail_keeps_the_configuration_that_it_began_with(pki, serve, client):
    first, second = serve(pki.good, implicit=False), serve(pki.stranger)
    waits = first.gate("MAIL")
    settings = {"server": "127.0.0.1", "sender": SENDER}
    client.configure(**settings, port=first.port, tls=Tls.STARTTLS, tls_ca=pki.ca.pem)
    client.send(SOMEONE, "Alarm", "Text.")
    first.reached("MAIL")
    client.configure(**settings, port=second.port, tls=Tls.IMPLICIT, tls_pin=pki.stranger.pin)
    waits.set()
    assert client.wait(20) == Code.OK
    client.send(SOMEONE, "Alarm", "Text.")
    assert client.wait(20) == Code.OK
    assert (len(first.mails), len(second.mails)) == (1, 1)


def test_the_built_in_client_has_tls_too(pki, serve):
    server, client = serve(pki.good), Client.builtin()
    client.configure(server="127.0.0.1", port=server.port, sender=SENDER, tls=Tls.IMPLICIT, tls_ca=pki.ca.pem)
    client.send(SOMEONE, "Alarm", "Text.", wait=True)
    assert_sent(client.result())


def test_the_log_has_the_reason(pki, serve, client):
    client.configure(server="127.0.0.1", port=serve(pki.expired).port, sender=SENDER, tls=Tls.IMPLICIT, tls_ca=pki.ca.pem)
    client.send(SOMEONE, "Alarm", "Text.")
    client.wait(20)
    entry = client.log()[-1]
    assert (entry.code, entry.phase, entry.text) == (Code.TLS_UNTRUSTED, Phase.TLS, EXPIRED)


def test_a_mail_that_failed_raises_what_its_advice_says(pki, serve):
    with Client() as client:
        client.configure(server="127.0.0.1", port=serve(pki.stranger).port, sender=SENDER, tls=2, tls_ca=pki.ca.pem)
        with pytest.raises(ConfigurationError) as failed:
            client.send(SOMEONE, "Alarm", "Text.", wait=True)
        assert (failed.value.code, failed.value.name) == (Code.TLS_UNTRUSTED, "TLS_UNTRUSTED")
        with RawServer(says(b"")) as silent:
            limits = {"connect_timeout_ms": 200}
            client.configure(server="127.0.0.1", port=silent.port, sender=SENDER, tls=2, tls_ca=pki.ca.pem, **limits)
            with pytest.raises(TemporaryFailure):
                client.send(SOMEONE, "Alarm", "Text.", wait=True)
    assert issubclass(ConfigurationError, SmtpError)
