"""Mails from bare metal: the programs of c_examples/firmware on boards that QEMU emulates, to a Postfix, read back from its
mailbox; and the test programs of tests/firmware, which bring a mail server of their own.

They need compilers and emulators for other processors, and run when they are asked for: pytest -m firmware.
"""

import email
import email.policy
import email.utils
import os
import re
import subprocess
import time

import pytest
from conftest import CHECKOUT

pytestmark = pytest.mark.firmware

TRIPLES = {
    "mps2-an385": "thumbv7m-none-eabi",
    "mps2-an386": "thumbv7em-none-eabihf",
    "microbit": "thumbv6m-none-eabi",
    "virt": "riscv32imc-unknown-none-elf",
}
SOMEONE = "someone@example.test"
# In bytes; the oldest of these processors has few registers at hand, and keeps more on the stack.
STACK_LIMITS = {"mps2-an385": 1024, "mps2-an386": 1024, "microbit": 1280, "virt": 1024}


@pytest.fixture(scope="session")
def libraries():
    """Builds the library for a board, where it is not given, once."""
    built = set()

    def build(board):
        triple = TRIPLES[board]
        if triple not in built and not os.environ.get("SDS_SMTP_FIRMWARE"):
            done = subprocess.run(
                ["scripts/cross/firmware.sh", triple],
                cwd=CHECKOUT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=900,
            )
            assert done.returncode == 0, done.stdout.decode("utf-8", "replace")[-3000:]
        built.add(triple)

    return build


@pytest.fixture
def library(request, libraries):
    """The library for the test's board: built here, since a test itself has little time."""
    parameters = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    libraries(parameters.get("board", "mps2-an385"))


def run(*arguments, port=None, **settings):
    """Run a firmware: its exit code, and what it said on its console."""
    environment = {**os.environ, "SDS_SECONDS": "40", **settings}
    if port is not None:
        environment["SDS_PORT"] = str(port)
    done = subprocess.run(
        ["scripts/boards/board.sh", *arguments],
        cwd=CHECKOUT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=55,
    )
    console = done.stdout.decode("utf-8", "replace")
    print(console, done.stderr.decode("utf-8", "replace"))  # shown when the test fails
    return done.returncode, console


def alarm_of(server, console):
    """The one mail that the console says was queued."""
    queued = re.search(r"Ok: queued as (\w+)", console)
    assert queued, "the log on the console does not show the server's words"
    [file] = server.wait_for_files(f"id {queued[1]}\n".encode())
    return email.message_from_bytes(file.read_bytes(), policy=email.policy.default)


def check_alarm(mail, address):
    assert mail["From"] == "unit7@example.test"
    assert mail["To"] == SOMEONE
    assert mail["Subject"] == "Boiler room: too hot"
    assert mail["Delivered-To"] == SOMEONE
    assert mail["MIME-Version"] == "1.0"
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content_charset() == "utf-8"
    # The device has a clock, and so its mail a Date; Postfix adds one after the headers where there is none.
    assert mail.keys().index("Date") < mail.keys().index("From")
    assert abs(email.utils.parsedate_to_datetime(mail["Date"]).timestamp() - time.time()) < 120
    assert re.fullmatch(r"<[0-9a-f]{32}@example\.test>", mail["Message-ID"])
    # "with ESMTPA": it has logged in.
    assert re.search(rf"from \[{re.escape(address)}\] .*with ESMTPS?A", mail["Received"], re.DOTALL)
    text = mail.get_content().replace("\r\n", "\n")
    assert re.fullmatch(
        r"Boiler room: 85\.[1-9] °C, the limit is 85\.0 °C\.\nMilliseconds since the start: \d+\n", text
    ), text


@pytest.mark.parametrize("board", TRIPLES)
def test_an_alarm_over_a_serial_line_arrives(board, library, real_servers):
    server = real_servers.get("postfix")
    code, console = run("uart", board, port=server.port)
    assert code == 0, console
    assert "mail, code 0: " in console
    check_alarm(alarm_of(server, console), "192.168.1.250")


def test_an_alarm_from_a_library_without_the_feature_complete_arrives(library, real_servers, monkeypatch):
    given = os.environ.get("SDS_SMTP_FIRMWARE", "target/cross/thumbv7m-none-eabi/libsds_smtp.a")
    monkeypatch.setenv("SDS_SMTP_FIRMWARE", given.replace("libsds_smtp.a", "libsds_smtp_small.a"))
    server = real_servers.get("postfix")
    code, console = run("uart", "mps2-an385", port=server.port)
    assert code == 0, console
    check_alarm(alarm_of(server, console), "192.168.1.250")


def test_an_alarm_over_lwip_arrives(library, real_servers):
    server = real_servers.get("postfix")
    code, console = run("lwip", port=server.port)
    assert code == 0, console
    assert "mail, code 0: " in console
    check_alarm(alarm_of(server, console), "10.0.2.15")


@pytest.fixture(scope="session")
def tls_server(real_servers, pki, tmp_path_factory):
    """A Postfix with TLS, and a certificate of this name."""
    folders = {}

    def get(identity="good"):
        if identity not in folders:
            folders[identity] = tmp_path_factory.mktemp("tls")
            (folders[identity] / "chain.pem").write_text(getattr(pki, identity).chain.read_text())
            (folders[identity] / "key.pem").write_text(getattr(pki, identity).key_pem)
        return real_servers.get("postfix", SDS_TLS=str(folders[identity]))

    return get


def run_tls(server, authority, mode="starttls", **settings):
    settings = {"SDS_TLS_PORT": str(server.tls_port), "SDS_AUTHORITY": str(authority.certificate), **settings}
    return run("mbedtls", mode, port=server.port, **settings)


@pytest.mark.parametrize("identity, authority", [("good", "ca"), ("rsa", "rsa_ca"), ("below", "ca")])
@pytest.mark.parametrize("mode", ["starttls", "implicit"])
def test_an_alarm_over_tls_arrives(library, tls_server, pki, mode, identity, authority):
    server = tls_server(identity)
    code, console = run_tls(server, getattr(pki, authority), mode)
    assert code == 0, console
    mail = alarm_of(server, console)
    check_alarm(mail, "10.0.2.15")
    assert re.search(r"using TLSv1.2 .*with ESMTPSA", mail["Received"], re.DOTALL)


@pytest.mark.parametrize(
    "mode, identity, authority, name",
    [
        ("starttls", "good", "other_ca", "mx.example.test"),
        ("implicit", "good", "other_ca", "mx.example.test"),
        ("starttls", "good", "rsa_ca", "mx.example.test"),
        ("implicit", "good", "ca", "mx.example.net"),
        ("starttls", "expired", "ca", "mx.example.test"),
        ("implicit", "not_yet_valid", "ca", "mx.example.test"),
    ],
    ids=["another_ca", "another_ca_at_once", "another_kind_of_ca", "another_name", "expired", "not_yet_valid"],
)
def test_a_certificate_that_is_not_to_be_trusted_ends_the_mail(library, tls_server, pki, mode, identity, authority, name):
    code, console = run_tls(tls_server(identity), getattr(pki, authority), mode, SDS_TLS_NAME=name)
    assert code == 37, console
    assert re.search(r"^ +certificate not trusted", console, re.MULTILINE), console


@pytest.mark.parametrize(
    "identity, authority, most",
    [("good", "ca", 2_000_000), ("rsa", "rsa_ca", 2_000_000), ("below", "ca", 2_000_000), ("rsa_below", "rsa_ca", 4_500_000)],
)
def test_no_call_of_a_handshake_takes_long(library, tls_server, pki, identity, authority, most):
    """In instructions. Signatures of RSA in a chain of certificates are checked in one call, which mbedTLS does not divide."""
    code, console = run_tls(tls_server(identity), getattr(pki, authority), SDS_MEASURED="1")
    assert code == 0, console
    said = dict(re.findall(r"^([a-z_, ]+): (\d+)$", console, re.MULTILINE))
    for function in ("start_tls", "send", "receive", "close"):
        assert 0 < int(said[f"{function}, longest"]) <= most, console
    assert int(said["handshake, instructions"]) > 10_000_000, console
    assert int(said["heap, without a connection"]) < 1024, console


@pytest.mark.parametrize("way", ["uart", "lwip"])
def test_a_server_that_refuses_is_told_of_on_the_console(way, library, real_servers):
    server = real_servers.get("postfix", SDS_REFUSE="1")
    code, console = run(way, port=server.port)
    assert code == 2, console
    # The code in words, and the server's own words in the log.
    assert re.search(r"^mail, code 2: \w+", console, re.MULTILINE)
    assert re.search(r"^ +.*[Aa]ccess denied", console, re.MULTILINE), console


@pytest.mark.parametrize("board", ["mps2-an385", "microbit"])
def test_calls_out_of_an_interrupt_corrupt_nothing(board, library):
    code, console = run("test", "interrupts", board)
    assert code == 0, console


@pytest.mark.parametrize("board", TRIPLES)
def test_clocks_that_wrap_and_jump_and_are_late(board, library):
    code, console = run("test", "clock", board)
    assert code == 0, console


@pytest.mark.parametrize("board", TRIPLES)
def test_the_stack_is_small(board, library):
    code, console = run("test", "stack", board)
    assert code == 0, console
    [worst] = re.findall(r"^stack, bytes: (\d+)$", console, re.MULTILINE)
    assert int(worst) <= STACK_LIMITS[board]


@pytest.mark.parametrize("script", ["lwip_test.sh", "mbedtls_test.sh"])
def test_the_connections_of_lwip_and_mbedtls_in_each_of_their_troubles(script):
    done = subprocess.run(
        [f"scripts/boards/{script}"],
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=55,
    )
    assert done.returncode == 0, done.stdout.decode("utf-8", "replace")[-3000:]
