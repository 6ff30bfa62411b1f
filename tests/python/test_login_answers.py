"""Logins against servers that answer wrongly, late, with too much or too little."""

import base64
import ctypes
import functools
import os
import re
import statistics
import subprocess
import sys
import time

import pytest
import sds_smtp
from conftest import CHECKOUT, LIBRARY
from login_server import WELCOME, WRONG, LoginServer, Scram, TlsLoginServer, b64, plain, text_of
from logins import MECHANISMS, WITH_PASSWORD, WITH_TOKEN, disguises
from sds_smtp import KEEP_DIALOGUE, Advice, Client, Code, Feature, Outcome, Phase, SmtpError, Tls, features
from tls_server import context

HAS_TLS = Feature.TLS in features()
WITH_TLS = pytest.mark.skipif(not HAS_TLS, reason="this library has no TLS")

SENDER, SOMEONE = "unit7@example.test", "someone@example.test"
PASSWORD = "sds-secret"
# A server that has not shown that it knows the password.
UNPROVEN = Code.BAD_PASSWORD
SCRAMS = ["SCRAM-SHA-1", "SCRAM-SHA-256"]


@pytest.fixture
def login_server():
    one = LoginServer()
    one.offer(*MECHANISMS)
    yield one
    one.close()


def configure(client, server, mechanisms, **more):
    auth = sum(MECHANISMS[mechanism] for mechanism in mechanisms) if isinstance(mechanisms, list) else mechanisms
    client.configure(
        **{
            **{"server": "127.0.0.1", "port": server.port, "sender": SENDER, "auth": auth, "total_timeout_ms": 30000},
            **{"username": "sds", "password": PASSWORD, **more},
        }
    )


def send(client):
    client.send(SOMEONE, "Alarm", "Text.\n")
    client.wait(40)
    return client.result()


def assert_nothing_of_the_mail_left(server):
    assert not {"MAIL", "RCPT", "DATA"} & set(server.verbs()), server.commands
    assert not server.mails


def assert_password_unseen(server, *texts):
    """Not on the wire, whatever the server did, and not in what a program reads."""
    said = b"\n".join([line for _, line in server.commands] + server.heard)
    for one in disguises(PASSWORD.encode()):
        assert one not in said, said
        assert not [text for text in texts if one.decode() in text], texts


# --- SCRAM: what the server says first -----------------------------------------------


def instead(pattern, by):
    return {"first": lambda message: re.sub(pattern, by, message)}


FIRST = {
    "a nonce that does not begin with ours": {"nonce": lambda ours: "x" + ours[1:] + "server"},
    "a nonce of the server's alone": {"nonce": lambda ours: "server"},
    "a nonce that is ours alone": {"nonce": lambda ours: ours},
    "a nonce that ends like ours": {"nonce": lambda ours: "server" + ours},
    "a part of our nonce": {"nonce": lambda ours: ours[:-1]},
    "no octet of a nonce": {"nonce": lambda ours: ""},
    "a nonce with a blank": {"nonce": lambda ours: ours + "a b"},
    "a nonce that is not ASCII": {"nonce": lambda ours: ours + "ž"},
    "no nonce": instead("^r=[^,]*,", ""),
    "no rounds": instead(",i=.*", ""),
    "0 rounds": {"rounds": "0"},
    "00 rounds": {"rounds": "00"},
    "empty rounds": {"rounds": ""},
    "fewer than no rounds": {"rounds": "-1"},
    "rounds with a plus": {"rounds": "+4096"},
    "rounds with a blank": {"rounds": " 4096"},
    "rounds with a letter": {"rounds": "4096x"},
    "hexadecimal rounds": {"rounds": "0x10"},
    "1,000,001 rounds": {"rounds": "1000001"},
    "10,000,000 rounds": {"rounds": "10000000"},
    "more rounds than 32 bits have": {"rounds": "4294971392"},
    "more rounds than 64 bits have": {"rounds": "18446744073709555712"},
    "no salt": instead(",s=[^,]*", ""),
    "a salt of no octet": {"salt": b""},
    "a salt that is no base64": instead(",s=[^,]*", ",s=%%%%"),
    "a salt without its padding": instead(",s=[^,]*", ",s=QSXCR+Q6sek8bf9"),
    "a salt with a blank": instead(",s=[^,]*", ",s=QSXC R+Q6sek8bf92"),
    "a salt with bits that do not count": instead(",s=[^,]*", ",s=QR=="),
    "an extension that has to be understood": instead("^", "m=must,"),
    "another order": instead("(r=[^,]*),(s=[^,]*),(i=.*)", r"\2,\1,\3"),
    "two nonces": instead("^(r=[^,]*),", r"\1,\1,"),
    "a server's last message": {"first": lambda message: "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="},
    "an error": {"first": lambda message: "e=other-error"},
    "NUL behind it": {"first": lambda message: message + "\0"},
    "NUL before it": {"first": lambda message: "\0" + message},
    "not UTF-8": {"raw": lambda line: b"334 " + b64(base64.b64decode(line[4:]).replace(b",s=", b"\xff,s="))},
    "no base64": {"raw": lambda line: b"334 Go on, please"},
    "a blank in base64": {"raw": lambda line: line[:20] + b" " + line[20:]},
    "a line end in base64": {"raw": lambda line: line[:20] + b"\r\n" + line[20:]},
    "several lines": {"raw": lambda line: b"334-" + line[4:24] + b"\r\n334 " + line[24:]},
    "a letter too many": {"raw": lambda line: line.rstrip(b"=") + b"A"},
    "half of it": {"raw": lambda line: line[: len(line) // 2 // 4 * 4]},
    "padding in the middle": {"raw": lambda line: line[:20] + b"====" + line[20:]},
    "base64 of URLs": {"raw": lambda line: b"334 " + base64.urlsafe_b64encode(b"r=\xfb\xff\xfe,s=\xff\xff\xff,i=4096")},
}


@pytest.mark.parametrize("what", FIRST)
@pytest.mark.parametrize("mechanism", SCRAMS)
def test_a_first_message_that_is_wrong_ends_the_login(login_server, client, mechanism, what):
    """Nothing that depends on the password leaves: the server could guess with it. Nor is a weaker mechanism tried."""
    player = Scram(PASSWORD, **FIRST[what])
    login_server.players[mechanism] = player
    weaker = [each for each in WITH_PASSWORD if each != "SCRAM-SHA-256"] if mechanism == "SCRAM-SHA-1" else WITH_PASSWORD
    configure(client, login_server, weaker, flags=KEEP_DIALOGUE)
    result = send(client)
    assert (result.outcome, result.phase) == (Outcome.NOT_SENT, Phase.AUTH), result
    assert result.code not in (Code.OK, Code.TIMEOUT, Code.CANCELLED), result
    assert player.proved == []
    assert [each for each in login_server.verbs() if each == "AUTH"] == ["AUTH"]
    assert_nothing_of_the_mail_left(login_server)
    assert_password_unseen(login_server, result.text, client.dialogue())


MAY_BE = {
    "an extension behind it": instead("$", ",x=y,z=something else"),
    "one round": {"rounds": 1},
    "a salt of one octet": {"salt": b"x"},
    "a salt of 64 octets": {"salt": bytes(range(64))},
    "a long nonce": {"nonce": lambda ours: ours + "n" * 100},
    "a nonce of all characters": {"nonce": lambda ours: ours + "".join(chr(one) for one in range(33, 127) if one != 44)},
    "two blanks behind it": {"raw": lambda line: line + b"  "},
}


@pytest.mark.parametrize("what", MAY_BE)
@pytest.mark.parametrize("mechanism", SCRAMS)
def test_a_first_message_that_is_unusual_is_taken(login_server, client, mechanism, what):
    login_server.players[mechanism] = Scram(PASSWORD, **MAY_BE[what])
    configure(client, login_server, [mechanism])
    assert send(client).code == Code.OK, client.result()


@pytest.mark.parametrize("octets", [1024, 8 * 1024, 12 * 1024, 64 * 1024, 1024 * 1024])
@pytest.mark.parametrize("mechanism", SCRAMS)
def test_a_salt_of_any_size_is_taken_or_refused(login_server, client, mechanism, octets):
    login_server.players[mechanism] = Scram(PASSWORD, salt=b"s" * octets)
    configure(client, login_server, [mechanism])
    result = send(client)
    assert result.code == Code.OK or (result.outcome, result.phase) == (Outcome.NOT_SENT, Phase.AUTH), result
    assert octets < 16 * 1024 or result.code != Code.OK, "there is a limit"
    # The next one is none the worse for it.
    login_server.players[mechanism] = Scram(PASSWORD)
    assert send(client).code == Code.OK


# --- SCRAM: what the server says last -----------------------------------------------------

FINAL = {
    "another signature": lambda message: "v=" + b64(bytes(len(base64.b64decode(message[2:])))).decode(),
    "one bit is another": lambda message: message[:2] + ("A" if message[2] != "A" else "B") + message[3:],
    "the last octet is missing": lambda message: "v=" + b64(base64.b64decode(message[2:])[:-1]).decode(),
    "an octet more": lambda message: "v=" + b64(base64.b64decode(message[2:]) + b"\0").decode(),
    "an empty signature": lambda message: "v=",
    "no base64": lambda message: "v=????",
    "no padding": lambda message: message.rstrip("="),
    "upper case": lambda message: "V" + message[1:],
    "nothing": lambda message: "",
    "something else": lambda message: "x=" + message[2:],
}


@pytest.mark.parametrize("last", ["alone", "reply"])
@pytest.mark.parametrize("what", FINAL)
@pytest.mark.parametrize("mechanism", SCRAMS)
def test_a_server_that_does_not_prove_itself_gets_no_mail(login_server, client, mechanism, what, last):
    """It answers 235, and does not know the password."""
    login_server.players[mechanism] = Scram(PASSWORD, final=FINAL[what], last=last)
    configure(client, login_server, WITH_PASSWORD, flags=KEEP_DIALOGUE)
    login_server.offer(mechanism, "PLAIN", "LOGIN", "CRAM-MD5")
    result = send(client)
    assert (result.code, result.outcome, result.phase) == (UNPROVEN, Outcome.NOT_SENT, Phase.AUTH), result
    assert result.text.startswith("the server did not prove that it knows the password"), result
    assert result.advice == Advice.CONFIGURATION
    assert [each for each in login_server.verbs() if each == "AUTH"] == ["AUTH"]
    assert_nothing_of_the_mail_left(login_server)
    assert_password_unseen(login_server, result.text, client.dialogue())


@pytest.mark.parametrize("mechanism", SCRAMS)
def test_235_without_a_signature_is_no_login(login_server, client, mechanism):
    login_server.players[mechanism] = Scram(PASSWORD, last="nowhere")
    configure(client, login_server, [mechanism])
    result = send(client)
    assert (result.code, result.outcome, result.phase) == (UNPROVEN, Outcome.NOT_SENT, Phase.AUTH), result
    assert_nothing_of_the_mail_left(login_server)


@pytest.mark.parametrize("mechanism", SCRAMS)
def test_235_to_the_first_message_is_no_login(login_server, client, mechanism):
    login_server.players[mechanism] = lambda login: login.first() and WELCOME
    configure(client, login_server, [mechanism])
    result = send(client)
    assert (result.code, result.outcome, result.phase) == (UNPROVEN, Outcome.NOT_SENT, Phase.AUTH), result
    assert_nothing_of_the_mail_left(login_server)


@pytest.mark.parametrize("mechanism", SCRAMS)
def test_an_error_of_scram_is_kept(login_server, client, mechanism):
    def player(login):
        Scram(PASSWORD, final=lambda _: "e=channel-bindings-dont-match")(login)
        return WRONG

    login_server.players[mechanism] = player
    configure(client, login_server, [mechanism])
    result = send(client)
    assert (result.code, result.outcome, result.phase) == (Code.BAD_PASSWORD, Outcome.NOT_SENT, Phase.AUTH), result
    assert "channel-bindings-dont-match" in result.text, result
    assert_nothing_of_the_mail_left(login_server)


@pytest.mark.parametrize("last", ["alone", "reply"])
@pytest.mark.parametrize("mechanism", SCRAMS)
def test_an_extension_behind_the_signature_is_not_looked_at(login_server, client, mechanism, last):
    login_server.players[mechanism] = Scram(PASSWORD, final=lambda message: message + ",x=y", last=last)
    configure(client, login_server, [mechanism])
    assert send(client).code == Code.OK, client.result()


@pytest.mark.parametrize("mechanism", SCRAMS)
def test_challenges_that_never_end(login_server, client, mechanism):
    def player(login):
        while True:
            login.ask(b"r=again,s=c2FsdA==,i=4096")

    login_server.players[mechanism] = player
    configure(client, login_server, [mechanism])
    result = send(client)
    assert (result.outcome, result.phase) == (Outcome.NOT_SENT, Phase.AUTH), result
    assert len(login_server.heard) < 8


# --- challenges of all sizes -----------------------------------------------------------------


@pytest.mark.parametrize("octets", [0, 1, 1000, 12 * 1024, 16 * 1024, 100 * 1024, 2 * 1024 * 1024])
@pytest.mark.parametrize("mechanism", WITH_PASSWORD)
def test_challenges_of_all_sizes(login_server, client, mechanism, octets):
    """The login goes on or ends; and never hangs, or sends the mail without it."""
    seen = []

    def player(login):
        if mechanism == "PLAIN":
            login.say(b"334 " + b64(b"c" * octets))
            return WELCOME
        if mechanism == "LOGIN":
            login.say(b"334 " + b64(b"c" * octets))
            seen.append(login.say(b"334 " + b64(b"c" * octets)))
            return WELCOME if base64.b64decode(seen[-1]) == PASSWORD.encode() else WRONG
        if mechanism == "CRAM-MD5":
            user, _, digest = login.ask(b"c" * octets).rpartition(b" ")
            seen.append(digest)
            return WELCOME
        login.first()
        login.say(b"334 " + b64(b"c" * octets))
        return WELCOME

    login_server.players[mechanism] = player
    configure(client, login_server, [mechanism], flags=KEEP_DIALOGUE)
    result = send(client)
    if result.code != Code.OK:
        assert (result.outcome, result.phase) == (Outcome.NOT_SENT, Phase.AUTH), result
        assert_nothing_of_the_mail_left(login_server)
    assert octets < 100 * 1024 or result.code != Code.OK, "there is a limit"
    assert mechanism != "LOGIN" or octets > 1000 or result.code == Code.OK, result


@pytest.mark.parametrize("mechanism", WITH_PASSWORD)
@pytest.mark.parametrize("line", [b"334", b"334 ", b"334  "])
def test_334_without_text(login_server, client, mechanism, line):
    """It asks for the initial response, or for the user's name; to CRAM-MD5 it is a challenge of no octets. SCRAM ends there."""
    usual = functools.partial(plain, login_server.accounts)

    def player(login):
        if mechanism == "PLAIN":
            login.initial = base64.b64decode(login.say(line)) if login.initial is None else login.initial
            return usual(login)
        if mechanism == "LOGIN":
            user, password = login.say(line), login.say(line)
            return WELCOME if (user, password) == (b64(b"sds"), b64(PASSWORD.encode())) else WRONG
        if mechanism.startswith("SCRAM"):
            login.first()
        login.say(line)
        return WELCOME

    login_server.players[mechanism] = player
    configure(client, login_server, [mechanism])
    result = send(client)
    if mechanism in ("PLAIN", "LOGIN", "CRAM-MD5"):
        assert result.code == Code.OK, result
    else:
        assert (result.outcome, result.phase) == (Outcome.NOT_SENT, Phase.AUTH), result
        assert_nothing_of_the_mail_left(login_server)


# --- the next mechanism ------------------------------------------------------------------------


AS_SUCH = ["500 5.5.1 What", "504 5.5.4 Unknown mechanism", "538 5.7.11 Encrypt"]
ALONE_ONLY = ["534 5.7.9 Too weak", "535 5.7.8 Error: authentication failed: no mechanism available"]


def without_doubles(ended):
    """A mechanism may be tried once with an initial response, and once alone."""
    tried = [mechanism for mechanism, _ in ended]
    return [tried[at] for at in range(len(tried)) if tried[at] not in tried[at - 1 : at]]


@pytest.mark.parametrize("reply", AS_SUCH)
@pytest.mark.parametrize("mechanism", WITH_PASSWORD[1:])
def test_a_mechanism_that_is_refused_as_such_leads_to_the_next(login_server, client, mechanism, reply):
    login_server.players[mechanism] = lambda _: reply
    configure(client, login_server, WITH_PASSWORD)
    following = "LOGIN" if mechanism != "LOGIN" else "CRAM-MD5"
    if mechanism == "LOGIN":
        configure(client, login_server, ["LOGIN"])
        login_server.offer("LOGIN")
        assert send(client).code == Code.AUTH_UNSUPPORTED, client.result()
        assert [each for each, _ in login_server.ended] == ["LOGIN"]
        return
    login_server.offer(mechanism, following)
    assert send(client).code == Code.OK, client.result()
    assert without_doubles(login_server.ended) == [mechanism, following]


@pytest.mark.parametrize("reply", AS_SUCH + ALONE_ONLY)
def test_a_command_alone_that_is_refused_leads_to_the_next(login_server, client, reply):
    """Nothing that was said could be wrong. Postfix and Courier answer 535 to a mechanism that they do not have."""
    login_server.players["CRAM-MD5"] = lambda _: reply
    configure(client, login_server, ["CRAM-MD5", "LOGIN"])
    assert send(client).code == Code.OK, client.result()
    assert [each for each, _ in login_server.ended] == ["CRAM-MD5", "LOGIN"]


@pytest.mark.parametrize("reply", AS_SUCH)
def test_all_mechanisms_are_refused_as_such(login_server, client, reply):
    """Each is tried once, and then it is 9."""
    for mechanism in WITH_PASSWORD:
        login_server.players[mechanism] = lambda _: reply
    configure(client, login_server, WITH_PASSWORD)
    result = send(client)
    assert without_doubles(login_server.ended) == ["SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN"]
    assert (result.code, result.outcome, result.phase) == (Code.AUTH_UNSUPPORTED, Outcome.NOT_SENT, Phase.AUTH), result
    assert_nothing_of_the_mail_left(login_server)


@pytest.mark.parametrize("reply", ["534 5.7.9 Application-specific password required", "535 5.7.8 Bad credentials"])
@pytest.mark.parametrize("mechanism", WITH_PASSWORD)
def test_a_refused_credential_is_the_end(login_server, client, mechanism, reply):
    usual = login_server._player(mechanism)

    def player(login):
        usual(login)
        return reply

    login_server.accounts["sds"] = "another"
    login_server.players[mechanism] = player
    configure(client, login_server, WITH_PASSWORD)
    login_server.offer(mechanism, *["LOGIN"] if mechanism == "PLAIN" else ["PLAIN"] if mechanism != "LOGIN" else [])
    result = send(client)
    assert (result.code, result.outcome, result.phase) == (Code.BAD_PASSWORD, Outcome.NOT_SENT, Phase.AUTH), result
    assert (result.reply_code, result.advice) == (int(reply[:3]), Advice.CONFIGURATION)
    assert mechanism in result.text and reply[10:] in result.text, result
    assert [each for each, _ in login_server.ended] == [mechanism]


@pytest.mark.parametrize("mechanism", WITH_PASSWORD)
def test_a_temporary_refusal_may_go_later(login_server, client, mechanism):
    login_server.players[mechanism] = lambda _: "454 4.7.0 Temporary authentication failure"
    configure(client, login_server, WITH_PASSWORD)
    login_server.offer(mechanism)
    result = send(client)
    assert (result.code, result.outcome, result.phase, result.reply_code) == (Code.NOT_READY, Outcome.NOT_SENT, Phase.AUTH, 454)
    assert result.advice == Advice.LATER


def test_nothing_but_what_is_offered_is_tried(login_server, client):
    login_server.offer("GSSAPI", "NTLM")
    configure(client, login_server, WITH_PASSWORD)
    result = send(client)
    assert (result.code, result.phase) == (Code.AUTH_UNSUPPORTED, Phase.AUTH)
    assert "GSSAPI" in result.text and "NTLM" in result.text, result
    assert "AUTH" not in login_server.verbs()


# --- a derivation that takes long -------------------------------------------------------------------


def mails_while(client, server, condition):
    """Plain mails one after the other, as long as the condition holds: how long each took, in seconds."""
    took = []
    while condition():
        begun = time.perf_counter()
        client.send(SOMEONE, "Alarm", "Text.\n")
        assert client.wait(20) == Code.OK
        took.append(time.perf_counter() - begun)
    return took


def test_a_million_rounds_hold_up_nobody_else(login_server, server):
    """Medians: the machine may be busy. Without slices one plain mail would wait for all of the derivation."""
    login_server.offer("SCRAM-SHA-256")
    login_server.players["SCRAM-SHA-256"] = Scram(PASSWORD, rounds=1000000)
    slow, other = Client(), Client()
    other.configure(server="127.0.0.1", port=server.port, sender=SENDER)
    configure(slow, login_server, ["SCRAM-SHA-256"])
    count = iter(range(30))
    alone = mails_while(other, server, lambda: next(count, None) is not None)
    slow.send(SOMEONE, "Alarm", "Text.\n")
    while not login_server.commands or login_server.verbs()[-1] != "AUTH":
        time.sleep(0.001)
    # The server's own derivation is no part of ours: what it hears ends the measure.
    beside = mails_while(other, server, lambda: not login_server.heard)
    assert slow.wait(40) == Code.OK, slow.result()
    assert len(beside) >= 5, beside
    assert statistics.median(beside) - statistics.median(alone) < 0.02, (alone, beside)
    # The keys are kept: the next mail is not slow.
    first = slow.result().elapsed_ms
    assert send(slow).code == Code.OK
    assert slow.result().elapsed_ms < first / 4, (first, slow.result().elapsed_ms)
    slow.close()
    other.close()


def test_a_derivation_can_be_cancelled(login_server, client):
    login_server.offer("SCRAM-SHA-256")
    login_server.players["SCRAM-SHA-256"] = Scram(PASSWORD, rounds=1000000)
    configure(client, login_server, ["SCRAM-SHA-256"])
    client.send(SOMEONE, "Alarm", "Text.\n")
    while not login_server.commands or login_server.verbs()[-1] != "AUTH":
        time.sleep(0.001)
    time.sleep(0.03)
    client.cancel()
    assert client.wait(20) == Code.CANCELLED
    assert login_server.heard == []
    assert_nothing_of_the_mail_left(login_server)


def test_a_deadline_counts_while_keys_are_derived(login_server, client):
    login_server.offer("SCRAM-SHA-256")
    login_server.players["SCRAM-SHA-256"] = Scram(PASSWORD, rounds=1000000)
    configure(client, login_server, ["SCRAM-SHA-256"], total_timeout_ms=100)
    # On a busy machine the time may have passed before it comes to that.
    for _ in range(20):
        result = send(client)
        if result.phase == Phase.AUTH:
            break
    assert (result.code, result.outcome, result.phase) == (Code.TIMEOUT, Outcome.NOT_SENT, Phase.AUTH), result
    assert login_server.heard == []


# --- what a program reads --------------------------------------------------------------------------------


@pytest.mark.parametrize("mechanism", WITH_PASSWORD)
def test_no_text_has_a_secret(login_server, client, mechanism):
    """Not even where the server repeats it."""
    usual = login_server._player(mechanism)

    def last():
        commands = [line for _, line in login_server.commands if line.startswith(b"AUTH")]
        return login_server.heard[-1] if login_server.heard else commands[-1].split(b" ")[2]

    def player(login):
        usual(login)
        return f"535 5.7.8 I heard {text_of(last())} and {PASSWORD}"

    lines = []
    login_server.accounts["sds"] = "another"
    login_server.players[mechanism] = player
    configure(client, login_server, [mechanism], flags=KEEP_DIALOGUE, trace=lines.append)
    result = send(client)
    assert result.code == Code.BAD_PASSWORD
    texts = [result.text, client.dialogue(), "\n".join(lines), client.log()[-1].text]
    for secret in [*disguises(PASSWORD.encode()), last()]:
        assert not [text for text in texts if secret.decode() in text], (secret, texts)
    assert f"AUTH {mechanism}" in client.dialogue()


# --- tokens: over TLS only ---------------------------------------------------------------------------


@pytest.fixture
def token_server(pki):
    one = TlsLoginServer(context(pki.good))
    one.offer(*MECHANISMS)
    yield one
    one.close()


def configure_token(client, server, pki, mechanisms, token, **more):
    configure(client, server, mechanisms, password=token, tls=Tls.IMPLICIT, tls_ca=pki.ca.pem, **more)


@WITH_TLS
@pytest.mark.parametrize("octets", [1, 100, 300, 340, 1024, 4096, 12 * 1024, 16 * 1024])
@pytest.mark.parametrize("mechanism", WITH_TOKEN)
def test_tokens_of_all_sizes(token_server, client, pki, mechanism, octets):
    """With the command where a line of 512 octets has room for it (RFC 5321 section 4.5.3.1.4), else alone."""
    token = "t" * octets
    token_server.tokens[token] = "sds"
    configure_token(client, token_server, pki, [mechanism], token)
    assert send(client).code == Code.OK, client.result()
    (command,) = [line for _, line in token_server.commands if line.startswith(b"AUTH")]
    assert len(command) <= 510
    alone = command == f"AUTH {mechanism}".encode()
    assert alone == (octets > 350 if octets not in (300, 340) else alone), command
    assert len(token_server.heard) == (1 if alone else 0)


@pytest.mark.parametrize("octets", [16385, 1 << 20])
@pytest.mark.parametrize("mechanism", WITH_TOKEN)
def test_a_token_of_more_than_16_kib_is_refused(mechanism, octets):
    code, hint = refusal(auth=MECHANISMS[mechanism], password="t" * octets, **({"tls": Tls.STARTTLS} if HAS_TLS else {}))
    assert code == Code.BAD_PASSWORD, (code, hint)


SAID_OF_A_TOKEN = {
    "JSON": (b'{"status":"401","schemes":"bearer","scope":"https://mail.example.test/"}', "https://mail.example.test/"),
    "JSON in several lines": (b'{\r\n  "status": "401",\r\n  "error": "expired"\r\n}\r\n', "expired"),
    "much": (b'{"status":"401","text":"' + b"x" * 5000 + b'"}', '"status":"401"'),
    "words": (b"the token has expired", "the token has expired"),
    "not ASCII": ("Žeton vypršel: 401".encode(), "401"),
    "nothing": (b"", ""),
}


@WITH_TLS
@pytest.mark.parametrize("what", SAID_OF_A_TOKEN)
@pytest.mark.parametrize("size", [100, 4096])
@pytest.mark.parametrize("mechanism", WITH_TOKEN)
def test_what_is_said_of_a_refused_token_is_kept(token_server, client, pki, mechanism, size, what):
    """And it is answered: an empty line for XOAUTH2, AQ== for OAUTHBEARER (RFC 7628 section 3.2.3)."""
    if (size, what) == (100, "nothing"):
        pytest.skip("to an initial response that asks for it once more")
    said, kept = SAID_OF_A_TOKEN[what]
    answers = []

    def player(login):
        login.first()
        answers.append(login.ask(said))
        return "535 5.7.8 Token refused"

    token_server.players[mechanism] = player
    configure_token(client, token_server, pki, WITH_TOKEN if mechanism == "OAUTHBEARER" else [mechanism], "t" * size)
    token_server.offer(mechanism)
    result = send(client)
    assert (result.code, result.outcome, result.phase) == (Code.BAD_PASSWORD, Outcome.NOT_SENT, Phase.AUTH), result
    assert (result.reply_code, result.advice) == (535, Advice.CONFIGURATION), result
    assert "Token refused" in result.text and kept in result.text, result
    assert all(" " <= each <= "~" for each in result.text), result.text
    assert answers == [b"" if mechanism == "XOAUTH2" else b"\1"]
    assert_nothing_of_the_mail_left(token_server)


@WITH_TLS
@pytest.mark.parametrize("line", [b"334", b"334 ", b"334 no base64, but {words}", b"334 " + b"A" * 100000])
@pytest.mark.parametrize("mechanism", WITH_TOKEN)
def test_odd_challenges_to_a_token(token_server, client, pki, mechanism, line):
    def player(login):
        login.first()
        login.say(line)
        return "535 5.7.8 Token refused"

    token_server.players[mechanism] = player
    configure_token(client, token_server, pki, [mechanism], "t" * 100)
    result = send(client)
    assert (result.outcome, result.phase) == (Outcome.NOT_SENT, Phase.AUTH), result
    assert len(line) > 1000 or (result.code, result.reply_code) == (Code.BAD_PASSWORD, 535), result
    assert_nothing_of_the_mail_left(token_server)


@WITH_TLS
@pytest.mark.parametrize("mechanism", WITH_TOKEN)
def test_a_server_that_asks_again_and_again(token_server, client, pki, mechanism):
    def player(login):
        login.first()
        while True:
            login.ask(b"{}")

    token_server.players[mechanism] = player
    configure_token(client, token_server, pki, [mechanism], "t" * 100)
    result = send(client)
    assert (result.outcome, result.phase) == (Outcome.NOT_SENT, Phase.AUTH), result
    assert len(token_server.heard) < 8


def blanks_before(octets):
    return lambda first, token: b64(b" " * octets + token)


REPEATED_IN_A_CHALLENGE = {
    "JSON": lambda first, token: b64(b'{"status":"401","token":"' + token + b'","heard":"' + b64(first) + b'"}'),
    "the response": lambda first, token: b64(b'{"heard":"' + b64(first) + b'"}'),
    "the token, no base64": lambda first, token: b'{"token":"' + token + b'"}',
    "the response, no base64": lambda first, token: b"(" + b64(first) + b")",
    **{f"behind {octets} blanks": blanks_before(octets) for octets in (1, 60, 110, 200, 240, 255, 300)},
}


@WITH_TLS
@pytest.mark.parametrize("how", REPEATED_IN_A_CHALLENGE)
@pytest.mark.parametrize("reply", ["535 5.7.8 I heard {first} and {token}", "535 5.7.8 no", "535"])
@pytest.mark.parametrize("times", [4, 100, 400])
@pytest.mark.parametrize("mechanism", WITH_TOKEN)
def test_no_text_has_a_token(token_server, client, pki, mechanism, times, reply, how):
    """Nor the beginning of one that is longer than what is kept of it."""
    token = "heslo-0123456789-abcdefghi" * times
    lines = []

    def player(login):
        first = login.first()
        login.say(b"334 " + REPEATED_IN_A_CHALLENGE[how](first, token.encode()))
        return reply.format(first=b64(first).decode(), token=token)

    token_server.players[mechanism] = player
    configure_token(client, token_server, pki, [mechanism], token, flags=KEEP_DIALOGUE, trace=lines.append)
    result = send(client)
    assert result.code == Code.BAD_PASSWORD, result
    texts = [result.text, client.dialogue(), "\n".join(lines), client.log()[-1].text]
    for secret in disguises(token.encode()[:9]):
        assert not [text for text in texts if secret.decode() in text], (secret, texts)


# --- what may be configured -----------------------------------------------------------------------------------


def refusal(**more):
    client = Client()
    try:
        client.configure(**{"server": "127.0.0.1", "sender": SENDER, "username": "sds", "password": PASSWORD, **more})
    except SmtpError as refused:
        return refused.code, refused.hint
    finally:
        client.close()
    return Code.OK, ""


@pytest.mark.parametrize("auth", [256, 257, 1 | 2, 1 | 4, 1 | 32, 1 | 64, 0x80000000, 0xFFFFFFFF])
def test_a_set_that_is_none_is_33(auth):
    code, hint = refusal(auth=auth)
    assert code == Code.BAD_ARGUMENT and "auth" in hint, (code, hint)


@pytest.mark.parametrize("auth", range(2, 64, 2))
def test_each_set_without_tokens_is_taken(auth):
    assert refusal(auth=auth)[0] == Code.OK


@pytest.mark.parametrize("octets, code", [(4096, Code.OK), (4097, Code.BAD_PASSWORD), (1 << 20, Code.BAD_PASSWORD)])
@pytest.mark.parametrize("mechanism", WITH_PASSWORD)
def test_a_password_has_4096_octets_at_most(mechanism, octets, code):
    assert refusal(auth=MECHANISMS[mechanism], password="p" * octets)[0] == code


@pytest.mark.parametrize("user", ["=", ",", "a=b,c", "=2C=3D", "uživatel", b"\xff\xfe", "u" * 255])
@pytest.mark.parametrize("mechanism", WITH_PASSWORD)
def test_user_names_of_all_kinds(login_server, client, mechanism, user):
    name = text_of(user) if isinstance(user, bytes) else user
    login_server.accounts[name] = PASSWORD
    if mechanism.startswith("SCRAM"):
        player = Scram(PASSWORD)
        login_server.players[mechanism] = player
    configure(client, login_server, [mechanism], username=user)
    assert send(client).code == Code.OK, client.result()
    if mechanism.startswith("SCRAM"):
        assert player.users == [name]


# --- the example --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def oauth(tmp_path_factory):
    made = tmp_path_factory.mktemp("oauth") / "oauth"
    folder = LIBRARY.parent
    options = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{CHECKOUT}/include"]
    link = [f"-L{folder}", "-lsds_smtp", f"-Wl,-rpath,{folder}"]
    subprocess.run(["cc", *options, CHECKOUT / "c_examples" / "oauth.c", "-o", made, *link], check=True)
    return made


@WITH_TLS
@pytest.mark.parametrize("octets", [40, 2048, 16 * 1024])
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
@pytest.mark.parametrize("by", ["file", "variable"])
def test_the_example_sends_with_a_token(pki, oauth, tmp_path, octets, end, by):
    token, user = "t" * octets, "unit7@example.test"
    server = TlsLoginServer(context(pki.good), implicit=False)
    server.offer("XOAUTH2", "OAUTHBEARER")
    server.extensions = ["STARTTLS"]
    path = tmp_path / "token"
    path.write_bytes((token + end).encode())

    def run(to=SOMEONE):
        arguments = [f"localhost:{server.port}", user, str(path) if by == "file" else "-", to, pki.ca.certificate]
        variables = {**os.environ, "SDS_SMTP_TOKEN": token + end}
        return subprocess.run([oauth, *arguments], env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=40)

    try:
        server.tokens = {}
        refused = run()
        assert refused.returncode == 3 and b"OAUTHBEARER" in refused.stdout and token.encode() not in refused.stdout, refused
        assert_nothing_of_the_mail_left(server)
        server.tokens = {token: user}
        sent = run()
        assert sent.returncode == 0, sent
        assert [mechanism for mechanism, _ in server.ended] == ["OAUTHBEARER"] * 2
        assert len(server.mails) == 1
        assert run(to="nobody").returncode == 1
    finally:
        server.close()


@pytest.mark.parametrize("octets", [0, 16 * 1024 + 1, 1 << 20])
def test_the_example_takes_no_token_of_another_size(oauth, tmp_path, octets):
    path = tmp_path / "token"
    path.write_bytes(b"t" * octets)
    ended = subprocess.run([oauth, "127.0.0.1:1", "sds", path, SOMEONE], stderr=subprocess.PIPE, timeout=40)
    assert (ended.returncode, ended.stderr[:8]) == (2, b"no token"), ended


# --- the devices' functions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("offered", [["CRAM-MD5"], ["SCRAM-SHA-256", "CRAM-MD5"], ["XOAUTH2"]])
def test_the_three_functions_have_plain_and_login_only(login_server, offered):
    login_server.offer(*offered)
    library = sds_smtp._library()
    texts = [text.encode() for text in ("sds", PASSWORD, SENDER)]
    assert library.sds_smtp_configure(f"127.0.0.1:{login_server.port}".encode(), 1, *texts) == 0
    assert library.sds_smtp_send(SOMEONE.encode(), b"Alarm", b"Text.\n") == 0
    assert library.sds_smtp_client_wait(None, 20000) == Code.AUTH_UNSUPPORTED
    result = sds_smtp._Result(struct_size=ctypes.sizeof(sds_smtp._Result))
    library.sds_smtp_client_result(None, ctypes.byref(result))
    text = result.text.decode()
    assert (result.outcome, result.phase) == (Outcome.NOT_SENT, Phase.AUTH)
    assert all(mechanism in text for mechanism in offered), text
    assert "PLAIN and LOGIN" in text and "auth " not in text, text
    assert "AUTH" not in login_server.verbs()


def test_any_has_no_tokens_and_says_so(login_server, client):
    login_server.offer("XOAUTH2", "OAUTHBEARER")
    configure(client, login_server, 1)
    result = send(client)
    assert result.code == Code.AUTH_UNSUPPORTED and "XOAUTH2 OAUTHBEARER" in result.text, result
    assert "token" in result.text, result.text


# --- keys that were saved ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("again", [False, True])
def test_saved_keys_are_of_the_password_that_is_configured(login_server, client, again):
    """Same server, user, salt and rounds, another password: right, wrong, right."""
    login_server.offer("SCRAM-SHA-256")
    player = login_server.players["SCRAM-SHA-256"] = Scram(PASSWORD)
    for password, right in ((PASSWORD, True), ("another", False), (PASSWORD, True), ("another", False)):
        configure(client, login_server, ["SCRAM-SHA-256"], password=password)
        for _ in range(2 if again else 1):
            assert send(client).code == (Code.OK if right else Code.BAD_PASSWORD)
            assert player.proved[-1] is right


def test_a_configuration_in_the_middle_of_a_derivation_keeps_its_own_keys(login_server, client):
    login_server.offer("SCRAM-SHA-256")
    player = login_server.players["SCRAM-SHA-256"] = Scram(PASSWORD, rounds=300000)
    configure(client, login_server, ["SCRAM-SHA-256"], password="another")
    client.send(SOMEONE, "Alarm", "Text.\n")
    while not login_server.commands or login_server.verbs()[-1] != "AUTH":
        time.sleep(0.001)
    time.sleep(0.02)
    configure(client, login_server, ["SCRAM-SHA-256"])
    assert client.wait(20) == Code.BAD_PASSWORD
    assert send(client).code == Code.OK
    assert player.proved == [False, True]


# --- a derivation, and what may end it --------------------------------------------------------------------------------


PROGRAM = """
import os, sys, time
import sds_smtp
from sds_smtp import Auth, Client, Code
what, port = sys.argv[1], int(sys.argv[2])
client = Client()
if what == "poll":
    sds_smtp.use_event_loop()
client.configure(server="127.0.0.1", port=port, sender="unit7@example.test", auth=32, username="sds", password="sds-secret")
client.send("someone@example.test", "Alarm", "Text.\\n")
begun = time.monotonic()
if what == "poll":
    longest = 0
    while client.status() == Code.BUSY and time.monotonic() - begun < 40:
        before = time.monotonic()
        pause = sds_smtp.poll()
        longest = max(longest, time.monotonic() - before)
        time.sleep(min(pause if pause is not None else 0.001, 0.001))
    print("status", int(client.status()), longest < 0.2)
else:
    sys.stdin.readline()
    if what == "shutdown":
        sds_smtp.shutdown(20)
        print("took", time.monotonic() - begun < 20)
    elif what == "free":
        client.close()
        print("freed")
    elif what == "fork":
        child = os.fork()
        if child == 0:
            ended = int(client.status())
            client.close()
            other = Client()
            other.configure(server="127.0.0.1", port=port, sender="unit7@example.test")
            other.send("someone@example.test", "Alarm", "Text.\\n")
            os._exit(0 if other.wait(20) == Code.OK and ended != Code.BUSY else 1)
        print("child", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), int(client.wait(40)))
    elif what == "wait":
        print("status", int(client.wait(40)))
"""


class Mute(Scram):
    """Says its first message and nothing more; with `then`: octets that nobody has asked for, or the end of the connection."""

    def __init__(self, then=None, **more):
        super().__init__(PASSWORD, **more)
        self.then = then

    def __call__(self, login):
        if self.then is None:
            return super().__call__(login)
        bare = text_of(login.first()).split(",", 2)[2]
        ours = bare.split("r=")[1]
        first = f"r={ours}xyz,s={b64(self.salt).decode()},i={self.rounds}".encode()
        login._connection.sendall(b"334 " + b64(first) + b"\r\n")
        time.sleep(0.1)
        if self.then == "end":
            login._connection.close()
            raise OSError("gone")
        login._connection.sendall(self.then)
        login.then = login._lines.readline()
        raise OSError("said")


def run_program(what, server):
    variables = {**os.environ, "PYTHONPATH": str(CHECKOUT / "python"), "SDS_SMTP_LIBRARY": str(LIBRARY)}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, what, str(server.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=variables
    )
    try:
        while what != "poll" and (not server.commands or server.verbs()[-1] != "AUTH"):
            time.sleep(0.001)
        time.sleep(0.05)
        said, _ = process.communicate(b"\n", timeout=50)
        assert process.returncode == 0
        return said.decode().strip()
    finally:
        process.kill()


@pytest.mark.parametrize(
    "what, wanted", [("poll", "status 0 True"), ("shutdown", "took True"), ("free", "freed"), ("fork", "child 0 0"), ("wait", "status 0")]
)
def test_a_derivation_goes_on_or_ends(login_server, what, wanted):
    login_server.offer("SCRAM-SHA-256")
    login_server.players["SCRAM-SHA-256"] = Scram(PASSWORD, rounds=1000000)
    assert run_program(what, login_server) == wanted


@pytest.mark.parametrize(
    "then, code", [(b"421 4.3.0 closing\r\n", 2), (b"235 2.7.0 ok\r\n", 11), (b"535 5.7.8 no\r\n", 11), (b"x" * 100, 11), ("end", 11)]
)
def test_octets_that_arrive_in_a_derivation(login_server, client, then, code):
    login_server.offer("SCRAM-SHA-256")
    login_server.players["SCRAM-SHA-256"] = Mute(then, rounds=1000000)
    configure(client, login_server, ["SCRAM-SHA-256"])
    result = send(client)
    assert (result.code, result.outcome, result.phase) == (code, Outcome.NOT_SENT, Phase.AUTH), result
    # It is not derived to the end first.
    assert result.elapsed_ms < 400, result
    assert login_server.heard == []
    assert_nothing_of_the_mail_left(login_server)


# --- a URL ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offered, mechanism", [(["PLAIN", "LOGIN"], None), (["CRAM-MD5", "PLAIN"], "CRAM-MD5")])
def test_a_url_says_no_password_in_the_clear(login_server, client, offered, mechanism):
    login_server.offer(*offered)
    client.configure_url(f"smtp://sds:{PASSWORD}@127.0.0.1:{login_server.port}", SENDER)
    result = send(client)
    if mechanism is None:
        assert result.code == Code.AUTH_UNSUPPORTED and "set tls" in result.text, result
        assert "AUTH" not in login_server.verbs()
    else:
        assert result.code == Code.OK and [each for each, _ in login_server.ended] == [mechanism]


@WITH_TLS
def test_a_url_with_tls_says_the_password(pki, token_server, client):
    """The system's store does not know the CA: refused before anything is said."""
    token_server.offer("PLAIN")
    client.configure_url(f"smtps://sds:{PASSWORD}@localhost:{token_server.port}", SENDER)
    assert send(client).code == Code.TLS_UNTRUSTED
    assert token_server.commands == []
