"""What leaves for every combination of (auth, tls, what the server offers): read from the wire, and compared with the table of
docs/logins.md and with rules of this file's own.

The server learns from the EHLO name which combination it is in, and keeps all octets, encrypted and decrypted.
"""

import base64
import concurrent.futures
import contextlib
import itertools
import ssl

import pytest
from conftest import CHECKOUT
from login_server import HASHES, Cancelled, Login, cram_md5, login_login, plain, scram, token
from logins import ANY, MECHANISMS, WITH_TOKEN, disguises
from sds_smtp import Client, Code, Feature, Outcome, Phase, SmtpError, Tls, features
from tls_server import RawServer, context

PASSWORD = "heslo-0123456789-abcdefghi"
USER = "unit7"
STRONGEST_FIRST = ["SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN"]
# With these the password is said; with the others only what is made of it.
SAYING_IT = ["PLAIN", "LOGIN", *WITH_TOKEN]


# --- which octets are the password -----------------------------------------------------


DISGUISES = [*disguises(PASSWORD.encode())]


def holds_password(octets):
    return any(one in octets for one in DISGUISES)


@pytest.mark.parametrize("before", range(7))
@pytest.mark.parametrize("behind", range(4))
def test_a_password_in_base64_is_found(before, behind):
    """So that the test below can fail."""
    assert holds_password(base64.b64encode(b"x" * before + PASSWORD.encode() + b"y" * behind))
    assert holds_password(b"AUTH PLAIN " + base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()) + b"\r\n")
    assert not holds_password(base64.b64encode(b"x" * before + PASSWORD[:-2].encode() + b"y" * behind))


# --- the server --------------------------------------------------------------------------


class Conversation:
    """raw -- the client's octets as they came; clear, secret -- its lines before TLS, and within"""

    def __init__(self):
        self.raw, self.clear, self.secret, self.mechanisms = bytearray(), [], [], []


class Channel:
    """A connection that keeps what it carries, and can become TLS."""

    def __init__(self, connection, tls):
        self._connection, self._context, self._tls, self._read = connection, tls, None, bytearray()
        self.kept = Conversation()

    def _more(self):
        octets = self._connection.recv(16384)
        if not octets:
            raise OSError("the client went away")
        self.kept.raw += octets
        return octets

    def start_tls(self):
        assert not self._read, "octets behind STARTTLS"
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = self._context.wrap_bio(self._in, self._out, server_side=True)
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._flush()
                self._in.write(self._more())
        self._flush()

    def _flush(self):
        if self._out.pending:
            self._connection.sendall(self._out.read())

    def sendall(self, octets):
        if self._tls is None:
            self._connection.sendall(octets)
        else:
            self._tls.write(octets)
            self._flush()

    def readline(self):
        while b"\n" not in self._read:
            if self._tls is None:
                self._read += self._more()
                continue
            try:
                octets = self._tls.read(16384)
            except ssl.SSLWantReadError:
                self._in.write(self._more())
                continue
            if not octets:
                raise OSError("the client went away")
            self._read += octets
        line, _, rest = bytes(self._read).partition(b"\n")
        self._read[:] = rest
        (self.kept.clear if self._tls is None else self.kept.secret).append(line + b"\n")
        return line + b"\n"


PLAYERS = {
    **{"PLAIN": (plain, {USER: PASSWORD}), "LOGIN": (login_login, {USER: PASSWORD}), "CRAM-MD5": (cram_md5, {USER: PASSWORD})},
    **{mechanism: (scram, {USER: PASSWORD}) for mechanism in HASHES},
    **{mechanism: (token, {PASSWORD: USER}) for mechanism in WITH_TOKEN},
}


class TableServer(RawServer):
    """conversations -- {EHLO name: Conversation}; offered -- {EHLO name: what it offers there}"""

    def __init__(self, tls, implicit=False, starttls=True):
        self.conversations, self.offered = {}, {}
        self._tls, self._implicit, self._starttls = tls, implicit, starttls
        super().__init__(self._talk)

    def _talk(self, connection):
        channel = Channel(connection, self._tls)
        secure = self._implicit
        if secure:
            channel.start_tls()
        channel.sendall(b"220 mx.example.test\r\n")
        name = None
        while True:
            line = channel.readline().rstrip(b"\r\n")
            verb = line.split(b" ")[0].upper()
            if verb == b"EHLO":
                name = line.split(b" ")[1].decode()
                self.conversations[name] = channel.kept
                words = ["mx.example.test"]
                words += ["AUTH " + " ".join(self.offered[name])] if self.offered[name] else []
                words += ["STARTTLS"] if self._starttls and not secure else []
                channel.sendall(("".join(f"250-{word}\r\n" for word in words) + "250 8BITMIME\r\n").encode())
            elif verb == b"STARTTLS":
                channel.sendall(b"220 Go on\r\n")
                channel.start_tls()
                secure = True
            elif verb == b"AUTH":
                self._log_in(channel, line)
            else:
                channel.sendall(b"221 Bye\r\n" if verb == b"QUIT" else b"250 Ok\r\n")

    def _log_in(self, channel, line):
        login = Login(channel, channel, line, [])
        channel.kept.mechanisms.append(login.mechanism)
        player, known = PLAYERS[login.mechanism]
        try:
            reply = player(known, login)
        except Cancelled:
            reply = "501 5.7.0 Cancelled"
        channel.sendall(reply.encode() + b"\r\n")


# --- the combinations ------------------------------------------------------------------------

ALL_BITS = sum(MECHANISMS.values())


def bits(*mechanisms):
    return sum(MECHANISMS[mechanism] for mechanism in mechanisms)


SETS = [
    ANY,
    *MECHANISMS.values(),
    bits("PLAIN", "LOGIN"),
    bits("PLAIN", "LOGIN", "CRAM-MD5"),
    bits("LOGIN", "CRAM-MD5"),
    bits("SCRAM-SHA-1", "SCRAM-SHA-256"),
    bits("CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"),
    bits("XOAUTH2", "OAUTHBEARER"),
    bits("XOAUTH2", "PLAIN"),
    bits("OAUTHBEARER", "SCRAM-SHA-256"),
    bits("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"),
    ALL_BITS,
]

OFFERS = [
    [],
    *([mechanism] for mechanism in MECHANISMS),
    ["PLAIN", "LOGIN"],
    ["LOGIN", "XOAUTH2"],
    ["LOGIN", "PLAIN", "XOAUTH2", "OAUTHBEARER", "PLAIN-CLIENTTOKEN", "XOAUTH"],
    ["DIGEST-MD5", "CRAM-MD5", "LOGIN", "PLAIN"],
    ["SCRAM-SHA-1", "CRAM-MD5", "PLAIN"],
    ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"],
    ["NTLM", "GSSAPI"],
    ["NTLM", "LOGIN"],
    ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-512"],
    ["SCRAM-SHA-256-PLUS", "scram-sha-256", "Plain"],
    ["EXTERNAL", "ANONYMOUS"],
    list(MECHANISMS),
]

# Whether the server's certificate was looked at.
MODES = {
    "none": False,
    "starttls": True,
    "implicit": True,
    "opportunistic": False,
    "opportunistic, not offered": False,
    "pinned": True,
    "pinned, implicit": True,
}


def expected(auth, verified, offered):
    """The mechanism of the strongest login that may be; None: none is. As design and RFCs have it, not as the library does."""
    offered = [word.upper() for word in offered]
    for mechanism in STRONGEST_FIRST:
        if auth == ANY:
            allowed = mechanism not in WITH_TOKEN and (verified or mechanism not in SAYING_IT)
        else:
            allowed = bool(auth & MECHANISMS[mechanism]) and (verified or mechanism not in WITH_TOKEN)
        if allowed and mechanism in offered:
            return mechanism
    return None


# --- the table -----------------------------------------------------------------------------------

# How the table writes the modes, and what a reader learns there.
TABLE_MODES = {
    "none, opportunistic": ["none", "opportunistic", "opportunistic, not offered"],
    "STARTTLS, implicit, pinned": ["starttls", "implicit", "pinned", "pinned, implicit"],
}
SAYS = {
    None: "nothing",
    **{mechanism: "user name, proof" for mechanism in MECHANISMS},
    **{mechanism: "user name, password" for mechanism in ("PLAIN", "LOGIN")},
    **{mechanism: "user name, token" for mechanism in WITH_TOKEN},
}
REFUSED = "code 39"


def documented():
    """The table's rows: (auth, modes, what is offered, the mechanism or the code, what it says)."""
    rows = []
    for line in (CHECKOUT / "docs" / "logins.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and cells[0].isdigit() and len(cells) == 6:
            auth, _, tls, offered, outcome, says = cells
            offered = [] if offered == "no AUTH" else offered.split()
            rows.append((int(auth), TABLE_MODES[tls], offered, outcome, says))
    return rows


def is_refused(auth, verified):
    """Tokens alone, and no verified TLS."""
    return auth != ANY and not verified and not auth & ~bits(*WITH_TOKEN)


def test_the_table_says_what_the_rules_say():
    rows = documented()
    assert len(rows) >= 200
    assert {auth for auth, *_ in rows} >= {ANY, *MECHANISMS.values(), ALL_BITS}
    for auth, modes, offered, outcome, says in rows:
        for mode in modes:
            mechanism = expected(auth, MODES[mode], offered)
            wanted = REFUSED if is_refused(auth, MODES[mode]) else mechanism or "code 9"
            assert (outcome, says) == (wanted, SAYS[mechanism]), (auth, mode, offered)


@pytest.fixture(scope="module")
def servers(pki):
    tls = context(pki.good)
    made = {
        "none": TableServer(tls),
        "starttls": TableServer(tls),
        "implicit": TableServer(tls, implicit=True),
        "opportunistic, not offered": TableServer(tls, starttls=False),
    }
    yield made
    for server in made.values():
        server.close()


def settings_of(mode, servers, pki):
    ca, pin = {"tls_ca": pki.ca.pem}, {"tls_pin": pki.good.pin}
    server, more = {
        "none": ("none", {"tls": Tls.NONE}),
        "starttls": ("starttls", {"tls": Tls.STARTTLS, **ca}),
        "implicit": ("implicit", {"tls": Tls.IMPLICIT, **ca}),
        "opportunistic": ("starttls", {"tls": Tls.OPPORTUNISTIC}),
        "opportunistic, not offered": ("opportunistic, not offered", {"tls": Tls.OPPORTUNISTIC}),
        "pinned": ("starttls", {"tls": Tls.STARTTLS, **pin}),
        "pinned, implicit": ("implicit", {"tls": Tls.IMPLICIT, **pin}),
    }[mode]
    return servers[server], {"server": "127.0.0.1", "port": servers[server].port, "sender": "unit7@example.test", **more}


def check(client, server, settings, mode, auth, offered, number):
    """One combination; what is wrong with it, or None."""
    verified = MODES[mode]
    name = f"n{number}.example.test"
    server.offered[name] = offered
    wanted = expected(auth, verified, offered)
    not_possible = is_refused(auth, verified)
    try:
        client.configure(**settings, auth=auth, username=USER, password=PASSWORD, ehlo_name=name, total_timeout_ms=30000)
    except SmtpError as refused:
        return None if not_possible and refused.code == Code.NOT_SUPPORTED else f"configure: {refused}"
    if not_possible:
        return "configure took it"
    client.probe()
    client.wait(40)
    result = client.result()
    kept = server.conversations[name]
    if wanted is None:
        if (result.code, result.outcome, result.phase) != (Code.AUTH_UNSUPPORTED, Outcome.NOT_SENT, Phase.AUTH):
            return f"no mechanism is left: {result}"
    elif result.code != Code.OK:
        return f"{wanted}: {result}"
    if kept.mechanisms != ([] if wanted is None else [wanted]):
        return f"{wanted} was meant: {kept.mechanisms}"
    # Line by line.
    hello = f"EHLO {name}\r\n".encode()
    begun = [hello, b"STARTTLS\r\n"] if mode in ("starttls", "opportunistic", "pinned") else []
    in_tls = mode not in ("none", "opportunistic, not offered")
    said = kept.secret if in_tls else kept.clear
    if in_tls and kept.clear != begun:
        return f"before TLS: {kept.clear}"
    if said[:1] != [hello] or (wanted is None and said[1:] not in ([], [b"QUIT\r\n"])):
        return f"said: {said}"
    if wanted is not None and not said[1].startswith(f"AUTH {wanted}".encode()):
        return f"said: {said}"
    if max(map(len, said)) > 512:
        return "a line of more than 512 octets"
    if holds_password(b"".join(said)) != (wanted in SAYING_IT):
        return f"the password: {said}"
    if holds_password(bytes(kept.raw)) != (wanted in SAYING_IT and not in_tls):
        return f"the password on the wire: {kept.raw}"
    return None


def combinations():
    """Those of the table, and more: {(mode, auth): what is offered}."""
    modes = MODES if Feature.TLS in features() else ["none"]
    found = {(mode, auth): [*OFFERS] for mode, auth in itertools.product(modes, SETS)}
    for auth, of_row, offered, _, _ in documented():
        for mode in of_row:
            if mode in modes and offered not in found.setdefault((mode, auth), []):
                found[mode, auth].append(offered)
    return found


def test_what_leaves_for_every_combination(servers, pki):
    numbers = itertools.count(1)

    def row(key, offers):
        mode, auth = key
        server, settings = settings_of(mode, servers, pki)
        wrong = []
        with contextlib.closing(Client()) as client:
            for offered in offers:
                fault = check(client, server, settings, mode, auth, offered, next(numbers))
                if fault:
                    wrong.append(f"auth {auth}, tls {mode}, offered {offered}: {fault}")
        return wrong

    # A client waits for the server most of the time.
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        rows = pool.map(lambda item: row(*item), combinations().items())
        wrong = [fault for found in rows for fault in found]
    done = next(numbers) - 1
    assert done > (2000 if Feature.TLS in features() else 200)
    assert not wrong, f"{len(wrong)} of {done}:\n" + "\n".join(wrong[:20])
