"""A server of this process that looks at logins: scramp plays SCRAM, or a script of the test's own does.

A player is a function that is called with a Login, and gives the last reply. It asks with ask(), say() and so on.
"""

import base64
import functools
import hashlib
import hmac
import subprocess

from conftest import ScriptedServer
from tls_server import TlsServer

WELCOME = "235 2.7.0 Welcome"
WRONG = "535 5.7.8 Wrong user name or password"
HASHES = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256"}
NONCE = "3rfcNHYJY1ZVvWVs7j"
SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")


def b64(octets):
    return base64.b64encode(octets)


def text_of(octets):
    """Whatever octets they are."""
    return octets.decode("utf-8", "surrogateescape")


def octets_of(text):
    return text.encode("utf-8", "surrogateescape")


class Cancelled(Exception):
    """The client has said `*`."""


class Login:
    """One AUTH command, as the server sees it."""

    def __init__(self, connection, lines, command, heard):
        self._connection, self._lines, self._heard = connection, lines, heard
        words = command.split(b" ")
        self.mechanism = words[1].decode("ascii").upper()
        # An initial response of no octets is said as "=" (RFC 4954 section 4).
        self.initial = None if len(words) < 3 else b"" if words[2] == b"=" else base64.b64decode(words[2], validate=True)

    def say(self, line):
        """A line of the server's, whatever it is; what the client answers, as it stands."""
        self._connection.sendall(line + b"\r\n")
        answer = self._lines.readline()
        if not answer.endswith(b"\r\n"):
            raise OSError("the client went away")
        self._heard.append(answer[:-2])
        if answer == b"*\r\n":
            raise Cancelled
        return answer[:-2]

    def ask(self, challenge):
        return base64.b64decode(self.say(b"334 " + b64(challenge)), validate=True)

    def first(self):
        """The initial response, asked for where it did not come with the command."""
        return self.ask(b"") if self.initial is None else self.initial


# --- players that do as they should ---------------------------------------------


def plain(accounts, login):
    _, user, password = login.first().split(b"\0")
    return WELCOME if accounts.get(text_of(user)) == text_of(password) else WRONG


def login_login(accounts, login):
    user = login.ask(b"User Name\0")
    password = login.ask(b"Password\0")
    return WELCOME if accounts.get(text_of(user)) == text_of(password) else WRONG


def cram_md5(accounts, login):
    challenge = b"<1896.697170952@postoffice.example.test>"
    user, _, digest = login.ask(challenge).rpartition(b" ")
    password = accounts.get(text_of(user))
    wanted = None if password is None else hmac.new(octets_of(password), challenge, "md5").hexdigest().encode()
    return WELCOME if digest == wanted else WRONG


@functools.lru_cache(maxsize=None)
def scram_keys(mechanism, password):
    import scramp

    return scramp.ScramMechanism(mechanism).make_auth_info(password)


def scram(accounts, login, last="alone"):
    """last -- where the server's signature stands: "alone", or in the last "reply"."""
    # `make check` uses this file, and installs nothing.
    import scramp

    first = login.first().decode()
    name = first.split(",")[2][2:]
    user = name.replace("=2C", ",").replace("=3D", "=")
    if user not in accounts:
        return WRONG
    server = scramp.ScramMechanism(login.mechanism).make_server(lambda _: scram_keys(login.mechanism, accounts[user]))
    server.set_client_first(first)
    final = login.ask(server.get_server_first().encode()).decode()
    try:
        server.set_client_final(final)
    except scramp.ScramException:
        return WRONG
    signature = server.get_server_final().encode()
    if last == "reply":
        return f"235 {b64(signature).decode()}"
    assert login.ask(signature) == b""
    return WELCOME


def token(tokens, login):
    response = login.first()
    fields = dict(field.split(b"=", 1) for field in response.split(b"\1") if b"=" in field)
    if login.mechanism == "XOAUTH2":
        user = fields[b"user"]
    else:
        user = fields[b"n,a"].rstrip(b",").replace(b"=2C", b",").replace(b"=3D", b"=")
    kind, _, said = fields[b"auth"].partition(b" ")
    if kind == b"Bearer" and tokens.get(text_of(said)) == text_of(user):
        return WELCOME
    answer = login.ask(b'{"status":"401","schemes":"bearer","scope":"mail"}')
    assert answer == (b"" if login.mechanism == "XOAUTH2" else b"\1"), answer
    return WRONG


def gsasl(password, login):
    """Played by the tool of GNU SASL."""
    process = subprocess.Popen(
        ["stdbuf", "-o0", "gsasl", "--server", "--no-client-first", "--mechanism", login.mechanism, "--password", password]
        + ["--iteration-count", "4096", "--service", "smtp", "--hostname", "localhost", "--quiet"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        response = login.first()
        while True:
            process.stdin.write(b64(response) + b"\n")
            process.stdin.flush()
            line = process.stdout.readline().strip()
            # Before its first message it names the mechanism.
            while line in (b"", login.mechanism.encode()):
                if not line and process.poll() is not None:
                    return WRONG
                line = process.stdout.readline().strip()
            message = base64.b64decode(line)
            response = login.ask(message)
            # It signs for who has shown the right proof only.
            if message.startswith(b"v="):
                return WELCOME
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


# --- SCRAM of which every part can be another -----------------------------------


class Scram:
    """RFC 5802 by hashlib alone; a test says what is to be different.

    first, final -- functions that change the server's messages; rounds, salt -- what it announces; last -- as scram's
    """

    def __init__(self, password="sds-secret", *, rounds=4096, salt=SALT, nonce=None, first=None, final=None, last="alone", raw=None):
        self.password, self.rounds, self.salt, self.nonce, self.last = password, rounds, salt, nonce, last
        self._first, self._final, self._raw = first, final, raw
        self.users = []
        self.proved = []  # for each client's proof whether it was right
        self._keys = {}

    def __call__(self, login):
        name = HASHES[login.mechanism]
        bare = text_of(login.first()).split(",", 2)[2]
        user, ours = (field[2:] for field in bare.split(","))
        self.users.append(user.replace("=2C", ",").replace("=3D", "="))
        nonce = ours + NONCE if self.nonce is None else self.nonce(ours)
        server_first = f"r={nonce},s={b64(self.salt).decode()},i={self.rounds}"
        if self._first is not None:
            server_first = self._first(server_first)
        line = b"334 " + b64(server_first.encode())
        final = base64.b64decode(login.say(line if self._raw is None else self._raw(line)), validate=True).decode()
        without_proof, _, proof = final.rpartition(",p=")
        if name not in self._keys:
            self._keys[name] = hashlib.pbkdf2_hmac(name, octets_of(self.password), self.salt, int(self.rounds))
        salted = self._keys[name]
        key = hmac.new(salted, b"Client Key", name).digest()
        stored = hashlib.new(name, key).digest()
        message = octets_of(",".join((bare, server_first, without_proof)))
        wanted = bytes(a ^ b for a, b in zip(key, hmac.new(stored, message, name).digest()))
        self.proved.append(base64.b64decode(proof) == wanted)
        if not self.proved[-1]:
            return WRONG
        signature = hmac.new(hmac.new(salted, b"Server Key", name).digest(), message, name).digest()
        server_final = "v=" + b64(signature).decode()
        if self._final is not None:
            server_final = self._final(server_final)
        if self.last == "reply":
            return f"235 {b64(server_final.encode()).decode()}"
        if self.last == "nowhere":
            return WELCOME
        login.say(b"334 " + b64(server_final.encode()))
        return WELCOME


# --- the server -------------------------------------------------------------------


class LoginMixin:
    """What ScriptedServer and TlsServer get.

    accounts, tokens -- who is let in; players -- {mechanism: player} instead of the usual ones; heard -- the lines that clients
    have answered, behind the command; ended -- (mechanism, last reply) of each AUTH command
    """

    def __init__(self, *arguments, **more):
        self.accounts = {"sds": "sds-secret"}
        self.tokens = {"a-token": "sds"}
        self.players, self.heard, self.ended = {}, [], []
        super().__init__(*arguments, **more)

    def offer(self, *mechanisms):
        self.extensions = [word for word in self.extensions if not word.startswith("AUTH")]
        if mechanisms:
            self.extensions.append("AUTH " + " ".join(mechanisms))
        if self.secure_extensions is not None:
            self.secure_extensions = [word for word in self.extensions if word != "STARTTLS"]

    def _player(self, mechanism):
        if mechanism in self.players:
            return self.players[mechanism]
        if mechanism in HASHES:
            return functools.partial(scram, self.accounts)
        if mechanism in ("XOAUTH2", "OAUTHBEARER"):
            return functools.partial(token, self.tokens)
        usual = {"PLAIN": plain, "LOGIN": login_login, "CRAM-MD5": cram_md5}
        return functools.partial(usual[mechanism], self.accounts)

    def _log_in(self, connection, lines, line, number):
        login = Login(connection, lines, line, self.heard)
        try:
            reply = self._player(login.mechanism)(login)
        except Cancelled:
            reply = "501 5.7.0 Cancelled"
        self.ended.append((login.mechanism, reply))
        self._answer(connection, "AUTH", reply)


class LoginServer(LoginMixin, ScriptedServer):
    """In the clear."""


class TlsLoginServer(LoginMixin, TlsServer):
    """With TLS: from the first octet on, or behind STARTTLS."""
