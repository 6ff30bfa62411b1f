"""What a login leaves in the memory of a program after its client was freed: no password, no proof, and nothing that stands for it.

Another process looks at all writable memory of the program that sent the mails.
"""

import base64
import hashlib
import hmac
import secrets
import struct
import subprocess
import unicodedata

import pytest
from login_server import SALT, WELCOME, LoginServer, Scram, TlsLoginServer, b64
from logins import MECHANISMS, WITH_TOKEN
from test_tls import WITH_TLS
from test_tls_secrets import built, found
from tls_server import context

HASHES = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256", "CRAM-MD5": "md5"}


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return built(tmp_path_factory, "login_pause")


def left_behind(program, server, mechanism, username, password, wanted, ca=None, mails=2, code=0):
    """The names of what is in its memory when the client is gone."""
    arguments = [str(server.port), str(MECHANISMS[mechanism]), str(mails), str(code), *([] if ca is None else [ca])]
    process = subprocess.Popen([program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        process.stdin.write(f"{username}\n{password}\n".encode())
        process.stdin.flush()
        assert process.stdout.readline() == f"freed {code}\n".encode()
        # What is there is found: this one is an argument.
        seen = found(process.pid, {**wanted(), "an argument": b"/login_pause\0" + arguments[0].encode()})
        assert "an argument" in seen
        return seen - {"an argument"}
    finally:
        process.stdin.close()
        process.wait(10)


# --- what stands for a password ------------------------------------------------------


def rotated(word, by):
    return (word >> by | word << (32 - by)) & 0xFFFFFFFF


def primes(count):
    found = []
    number = 2
    while len(found) < count:
        if all(number % each for each in found):
            found.append(number)
        number += 1
    return found


def root_bits(number, power):
    """32 bits behind the point of a root."""
    scaled, low, high = number << (32 * power), 0, 1 << 40
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**power <= scaled else (low, middle - 1)
    return low & 0xFFFFFFFF


def sha256_state(block):
    """What SHA-256 remembers after one block: a key of HMAC is in there, and whoever has it needs no key."""
    constants = [root_bits(prime, 3) for prime in primes(64)]
    state = [root_bits(prime, 2) for prime in primes(8)]
    words = list(struct.unpack(">16I", block))
    for at in range(16, 64):
        low = rotated(words[at - 15], 7) ^ rotated(words[at - 15], 18) ^ words[at - 15] >> 3
        high = rotated(words[at - 2], 17) ^ rotated(words[at - 2], 19) ^ words[at - 2] >> 10
        words.append((words[at - 16] + low + words[at - 7] + high) & 0xFFFFFFFF)
    a, b, c, d, e, f, g, h = state
    for word, constant in zip(words, constants):
        one = (h + (rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)) + (e & f ^ ~e & g) + constant + word) & 0xFFFFFFFF
        two = (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) + (a & b ^ a & c ^ b & c)
        a, b, c, d, e, f, g, h = (one + two) & 0xFFFFFFFF, a, b, c, (d + one) & 0xFFFFFFFF, e, f, g
    return struct.pack("=8I", *((x + y) & 0xFFFFFFFF for x, y in zip(state, (a, b, c, d, e, f, g, h))))


def pads(key, name):
    """The blocks that HMAC begins with."""
    block = key.ljust(64, b"\0")
    both = {f"{name}, {pad:#x}": bytes(octet ^ pad for octet in block) for pad in (0x36, 0x5C)}
    return {pad: octets[: len(key)] for pad, octets in both.items()}


def test_the_state_of_a_hash_is_computed_as_it_should_be():
    whole = b"abc\x80".ljust(62, b"\0") + b"\0\x18"
    assert struct.pack(">8I", *struct.unpack("=8I", sha256_state(whole))) == hashlib.sha256(b"abc").digest()


def keys_of(mechanism, password, rounds):
    name = HASHES[mechanism]
    salted = hashlib.pbkdf2_hmac(name, password, SALT, rounds)
    first = hmac.new(password, SALT + b"\0\0\0\1", name).digest()
    client, server = (hmac.new(salted, text, name).digest() for text in (b"Client Key", b"Server Key"))
    keys = {"first round": first, "salted": salted, "client key": client, "server key": server}
    keys["stored key"] = hashlib.new(name, client).digest()
    for key in ("salted", "server key", "stored key"):
        keys.update(pads(keys[key], f"block of the {key}"))
    keys.update(pads(password, "block of the password"))
    if name == "sha256":
        for pad in (0x36, 0x5C):
            keys[f"state of the password, {pad:#x}"] = sha256_state(bytes(octet ^ pad for octet in password.ljust(64, b"\0")))
    return keys


# --- what is left of it --------------------------------------------------------------


@pytest.mark.parametrize("code", [0, 11])
@pytest.mark.parametrize("rounds", [1, 4096, 20000])
@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_nothing_of_scram_is_left_in_memory(program, mechanism, rounds, code):
    """Two mails: the second one has the keys that were saved."""
    server = LoginServer()
    username, password = secrets.token_hex(16), secrets.token_hex(20)
    server.offer(mechanism)
    wrong = (lambda message: "v=" + base64.b64encode(bytes(32 if "256" in mechanism else 20)).decode()) if code else None
    server.players[mechanism] = Scram(password, rounds=rounds, final=wrong)

    def wanted():
        keys = keys_of(mechanism, password.encode(), rounds)
        keys["password"] = password.encode()
        keys["password in base64"] = base64.b64encode(password.encode())
        proofs = [line for line in server.heard if len(line) > 80]
        assert len(proofs) == 2
        for number, line in enumerate(proofs):
            proof = base64.b64decode(line).rpartition(b",p=")[2]
            keys.update({f"proof {number}": proof, f"octets of proof {number}": base64.b64decode(proof)})
            keys[f"response {number}"] = line[-40:]
        return keys

    try:
        assert left_behind(program, server, mechanism, username, password, wanted, code=code) == set()
    finally:
        server.close()


@pytest.mark.parametrize("code", [0, 11])
def test_nothing_of_cram_md5_is_left_in_memory(program, code):
    server = LoginServer()
    username, password = secrets.token_hex(16), secrets.token_hex(20)
    server.accounts = {username: password if code == 0 else "another"}
    server.offer("CRAM-MD5")

    def wanted():
        answers = [base64.b64decode(line).rpartition(b" ")[2] for line in server.heard]
        assert len(answers) == 2
        digest = {"answer": answers[0], "its octets": bytes.fromhex(answers[0].decode()), "response": server.heard[0][-40:]}
        return {**digest, **pads(password.encode(), "block of the password"), "password": password.encode()}

    try:
        assert left_behind(program, server, "CRAM-MD5", username, password, wanted, code=code) == set()
    finally:
        server.close()


@WITH_TLS
@pytest.mark.parametrize("code", [0, 11])
@pytest.mark.parametrize("repeated", [False, True])
@pytest.mark.parametrize("octets", [60, 1000, 12000])
@pytest.mark.parametrize("mechanism", WITH_TOKEN)
def test_nothing_of_a_token_is_left_in_memory(pki, program, mechanism, octets, repeated, code):
    """Not where the server repeats it, either. In a vector register glibc's memcpy() leaves 64 octets at most, which the loader may
    save on the stack: longer pieces are looked for."""
    server = TlsLoginServer(context(pki.good))
    username, token = secrets.token_hex(16), secrets.token_hex(octets // 2)
    server.offer(mechanism)
    responses = []

    def player(login):
        responses.append(login.first())
        said = f"{token} {b64(responses[-1]).decode()}" if repeated else "I say nothing of it"
        if code == 0:
            return "235 2.7.0 " + said
        login.ask(said.encode())
        return "535 5.7.8 " + said

    server.players[mechanism] = player

    def wanted():
        parts = {}
        for kind, whole in (("token", token.encode()), ("response", b64(responses[0])), ("in base64", b64(token.encode()))):
            size = 24 if octets < 100 else 160
            for at in range(0, len(whole) - size, max(24, len(whole) // 20)):
                parts[f"{kind} from {at}"] = whole[at : at + size]
        return parts

    try:
        ca = str(pki.ca.certificate)
        assert left_behind(program, server, mechanism, username, token, wanted, ca=ca, code=code) == set()
    finally:
        server.close()


# --- memory that is refused ------------------------------------------------------------


@pytest.fixture(scope="module")
def refusing(tmp_path_factory):
    return built(tmp_path_factory, "oom")


@pytest.mark.parametrize("password", ["sds-secret", "Šds-secret-ﬁ"])
@pytest.mark.parametrize("mechanism", ["CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_each_allocation_of_a_login_may_be_refused(refusing, mechanism, password):
    """The mail is sent, or it is not and says so; and the next one is sent. The challenge is longer than a reply's text."""
    server = LoginServer()
    server.accounts = {"sds": password}
    server.offer(mechanism)
    if mechanism != "CRAM-MD5":
        prepared = unicodedata.normalize("NFKC", password)
        server.players[mechanism] = Scram(prepared, rounds=1, salt=secrets.token_bytes(600))
    try:
        arguments = [str(server.port), str(MECHANISMS[mechanism]), "sds", password, "-"]
        ended = subprocess.run([refusing, *arguments], stdout=subprocess.PIPE, timeout=55)
        assert ended.returncode == 0, ended.stdout.decode()
        assert ended.stdout.count(b", 0 failures\n") == 4, ended.stdout.decode()
        assert all(answer == WELCOME for _, answer in server.ended)
    finally:
        server.close()
