"""What TLS leaves in the memory of a program after its client was freed: no password, no traffic key, no private key.

The server writes the secrets of the connection into a file (SSLKEYLOGFILE's format), and the keys are derived from them as the
protocol does (RFC 8446, 7.3). Another process looks at all writable memory of the program that sent the mail.
"""

import base64
import hashlib
import hmac
import os
import re
import secrets
import ssl
import subprocess

import pytest
from conftest import LIBRARY
from sds_smtp import Auth
from test_tls import WITH_TLS
from tls_server import TlsServer, context

pytestmark = WITH_TLS

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def built(tmp_path_factory, name):
    """A program of tests/c."""
    made = tmp_path_factory.mktemp(name) / name
    folder = os.path.dirname(os.path.abspath(LIBRARY))
    options = ["-std=gnu99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{ROOT}/include"]
    link = [f"-L{folder}", "-lsds_smtp", f"-Wl,-rpath,{folder},-z,now"]
    subprocess.run(["cc", *options, os.path.join(ROOT, "tests", "c", f"{name}.c"), "-o", made, *link], check=True)
    return made


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return built(tmp_path_factory, "login_pause")


def writable(process):
    """All writable memory of a process."""
    with open(f"/proc/{process}/maps", encoding="ascii") as maps, open(f"/proc/{process}/mem", "rb", buffering=0) as memory:
        for line in maps:
            place = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if place and "[v" not in line:
                start, end = (int(number, 16) for number in place.groups())
                memory.seek(start)
                yield memory.read(end - start)


def found(process, wanted):
    """The names of what is in the process's memory: a freed block loses its first octets to the allocator, so half is enough."""
    seen = set()
    for block in writable(process):
        for name, octets in wanted.items():
            half = len(octets) // 2
            if octets[:half] in block or octets[half:] in block:
                seen.add(name)
    return seen


def expand(secret, label, length):
    """HKDF-Expand-Label with an empty context."""
    digest = {32: hashlib.sha256, 48: hashlib.sha384}[len(secret)]
    label = b"tls13 " + label
    info = length.to_bytes(2, "big") + bytes([len(label)]) + label + b"\0"
    return hmac.new(secret, info + b"\1", digest).digest()[:length]


def keys_of(log):
    """The secrets of connections with TLS 1.3, and the keys that are made of them."""
    keys = {}
    for line in log.splitlines():
        if line.startswith("#"):
            continue
        name, _, secret = line.split(" ")
        secret = bytes.fromhex(secret)
        if name == "EXPORTER_SECRET":
            continue
        keys[name] = secret
        keys[f"key of {name}"] = expand(secret, b"key", 32 if len(secret) == 48 else 16)
    return keys


def private_key(identity):
    """The number that an EC key is."""
    text = subprocess.run(
        ["openssl", "ec", "-in", str(identity.key), "-outform", "DER"], capture_output=True, check=True
    ).stdout
    return text[text.index(b"\x04\x20") + 2 :][:32]


def test_nothing_secret_is_left_in_memory(pki, program, tmp_path):
    log = tmp_path / "keys"
    made = context(pki.good, versions=ssl.TLSVersion.TLSv1_3, client_ca=pki.client_ca)
    made.keylog_filename = str(log)
    server = TlsServer(made)
    username, password = secrets.token_hex(16), secrets.token_hex(16)
    identity = [str(pki.client.certificate), str(pki.client.key)]
    arguments = [str(server.port), str(int(Auth.PLAIN)), "1", "0", str(pki.ca.certificate), *identity]
    process = subprocess.Popen([program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        process.stdin.write(f"{username}\n{password}\n".encode())
        process.stdin.flush()
        assert process.stdout.readline() == b"freed 0\n"
        wanted = keys_of(log.read_text(encoding="ascii"))
        assert len(wanted) == 8, wanted.keys()
        wanted["password"] = password.encode()
        wanted["response"] = base64.b64encode(f"\0{username}\0{password}".encode())
        wanted["private key"] = private_key(pki.client)
        # What is there is found: this one is an argument.
        wanted["a path"] = str(pki.ca.certificate).encode()
        assert found(process.pid, wanted) == {"a path"}
    finally:
        process.stdin.close()
        process.wait(10)
        server.close()
