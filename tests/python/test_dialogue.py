"""The conversation as it is told to a trace function and kept with KEEP_DIALOGUE: what it shows, and that user name and password are
nowhere in it, in no form.
"""

import base64
import re

import pytest
from conftest import free_port
from own_network import wait_until
from sds_smtp import DRY_RUN, KEEP_DIALOGUE, NO_PIPELINING, Auth, Client, Code, Outcome

# Both say the password in the clear, and to name them is the consent.
CLEAR = Auth.PLAIN | Auth.LOGIN
KINDS = ["postfix", "exim", "aiosmtpd"]
SENDER, SOMEONE = "unit7@example.test", "someone@example.test"
# Nothing that is written on either side has a part of these by chance.
USER, PASSWORD = "boiler.house", "Kotelna-7-heslo!"
ACCOUNT = {"SDS_ACCOUNT": USER}
KEPT_BYTES = 4096


def forms(secret):
    """A secret as it is, and in base64 wherever it may stand in it: the characters that depend on nothing beside it."""
    octets = secret.encode()
    yield octets
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + octets)
        # The first characters hold octets before it, the last ones may hold some behind it.
        whole = (before + len(octets)) // 3 * 4
        yield encoded[(before * 8 + 5) // 6 : whole]


def assert_no_secret_in(*texts, user=USER, password=PASSWORD):
    for text in texts:
        for secret in (user, password):
            for form in forms(secret):
                assert len(form) >= 4 and form.lower() not in text.encode().lower(), (form, text)


class Listener:
    """A client whose conversations are told and kept."""

    def __init__(self, port, **more):
        self.lines = []
        self.client = Client()
        self.client.configure(
            **{
                "server": "127.0.0.1",
                "port": port,
                "sender": SENDER,
                "total_timeout_ms": 30000,
                "flags": KEEP_DIALOGUE,
                "trace": self.lines.append,
                **more,
            }
        )

    def deliver(self, to=SOMEONE, flags=0):
        """Send a mail: its result, and its conversation, which is told as it is kept."""
        self.lines.clear()
        self.client.send(to, "Alarm", "A line of the text.\n", flags=flags)
        return self.ended()

    def ended(self):
        self.client.wait(40)
        result = self.client.result()
        wait_until(lambda: "\nS: 221 " in self.client.dialogue(), 5)
        kept, told = self.client.dialogue(), "".join(line + "\n" for line in self.lines)
        assert_no_secret_in(kept, told, result.text, *(entry.text for entry in self.client.log()))
        assert "\r" not in told and "A line of the text" not in told
        assert len(kept.encode()) <= KEPT_BYTES
        # The trace function is told of nothing behind the end of the mail; RSET and QUIT may follow it.
        lines = kept.splitlines(keepends=True)
        wholes = [told + "".join(lines[len(lines) - behind :]) for behind in range(5)]
        # Of a long conversation the newest whole lines are kept.
        (whole,) = {whole for whole in wholes if ("\n" + whole).endswith("\n" + kept)}
        assert whole == kept or len(kept) > KEPT_BYTES - 1100
        return result, kept

    def close(self):
        self.client.close()


@pytest.fixture
def listener():
    made = []

    def make(port, **more):
        made.append(Listener(port, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_the_whole_conversation_with_postfix(real_servers, listener):
    server = real_servers.get("postfix", SDS_HIDE="SIZE 8BITMIME")
    one = listener(server.port, auth=Auth.PLAIN, username=USER, password=PASSWORD, flags=KEEP_DIALOGUE)
    result, told = one.deliver()
    assert result.code == Code.BAD_PASSWORD
    # What is offered besides is Postfix's affair.
    told = re.sub(r"S: 250-(?!mx).*\n", "", told)
    assert re.fullmatch(
        rf"# connecting to 127\.0\.0\.1:{server.port}\n"
        r"S: 220 mx\.example\.test ESMTP Postfix\n"
        r"C: EHLO \[127\.0\.0\.1\]\n"
        r"S: 250-mx\.example\.test\n"
        r"S: 250 \w+\n"
        r"C: AUTH PLAIN \*\*\*\n"
        r"S: 535 5\.7\.8 Error: authentication failed: .*\n"
        r"C: QUIT\n"
        r"S: 221 2\.0\.0 Bye\n",
        told,
    ), told


def test_the_whole_conversation_of_a_mail_that_is_sent(real_servers, listener):
    server = real_servers.get("postfix", SDS_HIDE="SIZE 8BITMIME")
    one = listener(server.port, flags=KEEP_DIALOGUE | NO_PIPELINING)
    result, told = one.deliver()
    assert result.code == Code.OK
    told = re.sub(r"S: 250-(?!mx).*\n", "", told)
    assert re.fullmatch(
        rf"# connecting to 127\.0\.0\.1:{server.port}\n"
        r"S: 220 mx\.example\.test ESMTP Postfix\n"
        r"C: EHLO \[127\.0\.0\.1\]\n"
        r"S: 250-mx\.example\.test\n"
        r"S: 250 \w+\n"
        r"C: MAIL FROM:<unit7@example\.test>\n"
        r"S: 250 2\.1\.0 Ok\n"
        r"C: RCPT TO:<someone@example\.test>\n"
        r"S: 250 2\.1\.5 Ok\n"
        r"C: DATA\n"
        r"S: 354 End data with <CR><LF>\.<CR><LF>\n"
        r"C: \(\d+ octets of mail data\)\n"
        r"C: \.\n"
        r"S: 250 2\.0\.0 Ok: queued as \w+\n"
        r"C: QUIT\n"
        r"S: 221 2\.0\.0 Bye\n",
        told,
    ), told


@pytest.mark.parametrize("auth", [CLEAR, Auth.PLAIN, Auth.LOGIN])
@pytest.mark.parametrize("kind", KINDS)
def test_no_secret_is_told_by_a_real_server(real_servers, listener, kind, auth):
    server = real_servers.get(kind, **ACCOUNT)
    # The account's password is that of scripts/servers/lib.sh.
    right, wrong = "sds-secret", PASSWORD
    for password, code in ((right, Code.OK), (wrong, Code.BAD_PASSWORD)):
        one = listener(server.port, auth=auth, username=USER, password=password)
        result, told = one.deliver()
        assert result.code == code, result
        assert_no_secret_in(told, password=password)
        assert told.count("***") == (2 if auth == Auth.LOGIN else 1), told
        # The test of the settings.
        one.lines.clear()
        one.client.probe()
        result, told = one.ended()
        assert result.code == code, result
        assert_no_secret_in(told, password=password)


def repeating(words):
    """What a server may make of the login that it repeats."""
    plain = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()
    name, password = (base64.b64encode(secret.encode()).decode() for secret in (USER, PASSWORD))
    return words.format(plain=plain, name64=name, password64=password, name=USER, password=PASSWORD)


@pytest.mark.parametrize("auth", [Auth.PLAIN, Auth.LOGIN])
@pytest.mark.parametrize(
    "words",
    [
        "{plain}",
        "unknown command: AUTH PLAIN {plain}",
        "{name64} {password64}",
        "user={name} password={password}",
        "5.7.8 <{name}>: wrong password '{password}'",
        "(({password}))",
        "{password}{password}",
        "x" * 400 + "{password}" + "y" * 200,
        "x" * 600 + " {plain}",
        "x" * 995 + "{password}",
        "x" * 1010 + "{password64}",
    ],
)
def test_what_a_server_repeats_of_a_login_is_masked(server, listener, auth, words):
    words = repeating(words)
    server.replies = {"AUTH": f"535-5.7.8 {words}\r\n535-{words}\r\n535 5.7.8 {words}"}
    one = listener(server.port, auth=auth, username=USER, password=PASSWORD)
    result, _ = one.deliver()
    assert result.code == Code.BAD_PASSWORD


def test_a_password_that_a_server_repeats_later_is_masked(server, listener):
    # The user name may be the sender's address, which is no secret later; here it is not repeated.
    words = repeating("{plain} {password64} {password}")
    server.replies = {
        "AUTH": f"235-{words}\r\n235 {words}",
        "MAIL": f"250-{words}\r\n250 {words}",
        "RCPT": f"250 {words}",
        "DATA": f"354 {words}",
        "END": f"250 {words}",
        "QUIT": f"221 {words}",
    }
    one = listener(server.port, auth=Auth.PLAIN, username=USER, password=PASSWORD)
    result, _ = one.deliver()
    assert result.code == Code.OK


def test_of_a_long_conversation_the_newest_lines_are_kept(server, listener):
    one = listener(server.port, flags=KEEP_DIALOGUE | NO_PIPELINING)
    result, told = one.deliver([f"operator-{number:02}@example.test" for number in range(100)])
    assert result.code == Code.OK
    assert "operator-99@example.test" in told and "operator-00@example.test" not in told
    assert "250 2.0.0 Queued as 4711" in told


def test_the_dialogue_is_that_of_the_last_conversation(server, listener):
    one = listener(server.port)
    server.replies = {"RCPT": "550 5.1.1 nobody"}
    _, told = one.deliver("first@example.test")
    assert "first@example.test" in told and "550 5.1.1 nobody" in told
    server.replies = {}
    _, told = one.deliver("second@example.test")
    assert "second@example.test" in told and "first@example.test" not in told
    # Without the flag nothing of the next one is kept, and nothing of this one stays.
    one.client.configure(server="127.0.0.1", port=server.port, sender=SENDER)
    one.lines.clear()
    one.client.send(SOMEONE, "Alarm", "Text.\n")
    assert one.client.wait(20) == Code.OK
    assert (one.client.dialogue(), one.lines) == ("", [])


def test_every_attempt_is_told_of(server):
    lines = []
    client = Client()
    dead = free_port()
    client.configure(
        server=f"127.0.0.1:{dead}, 127.0.0.1",
        port=server.port,
        sender=SENDER,
        retry_max=1,
        retry_delay_ms=1,
        trace=lines.append,
    )
    server.replies = {"MAIL": "451 4.3.0 later"}
    client.send(SOMEONE, "Alarm", "Text.\n")
    assert client.wait(20) == Code.SENDER_REFUSED
    connecting = [line for line in lines if line.startswith("# connecting to ")]
    assert connecting == [f"# connecting to 127.0.0.1:{dead}", f"# connecting to 127.0.0.1:{server.port}"] * 2, lines
    assert lines.count("S: 451 4.3.0 later") == 2
    client.close()


def conversation(client, code, shown, **more):
    """Send a mail: its whole conversation, in which the port that is `shown` is left out."""
    client.configure(**{"sender": SENDER, "flags": KEEP_DIALOGUE, **more})
    client.send(SOMEONE, "Alarm", "Text.\n")
    assert client.wait(20) == code, client.result()
    return client.dialogue().replace(f":{shown}", ":PORT").splitlines()


def test_the_notes_tell_what_ended_an_attempt_and_what_follows(server):
    client = Client()
    dead = free_port()
    refused = ["# connecting to 127.0.0.1:PORT", "# 127.0.0.1:PORT: connection refused"]
    # One address; the next attempt; the next server.
    assert conversation(client, Code.CONNECT_FAILED, dead, server="127.0.0.1", port=dead) == refused
    told = conversation(client, Code.CONNECT_FAILED, dead, server="127.0.0.1", port=dead, retry_max=1, retry_delay_ms=500)
    assert told == [*refused, "# next attempt in 1 s", *refused]
    told = conversation(client, Code.OK, dead, server=f"127.0.0.1:{dead}, 127.0.0.1:{server.port}")
    assert told[:4] == [*refused, "# next server", f"# connecting to 127.0.0.1:{server.port}"]
    # A name without an address (RFC 6761, 6.4), before an address and behind it.
    name = ["# looking up nosuch.invalid", "# nosuch.invalid: the server's name has no address"]
    told = conversation(client, Code.CONNECT_FAILED, dead, server=f"nosuch.invalid, 127.0.0.1:{dead}")
    assert told == [*name, "# next server", *refused]
    told = conversation(client, Code.NAME_NOT_FOUND, dead, server=f"127.0.0.1:{dead}, nosuch.invalid:{dead}")
    assert told == [*refused, "# next server", *name]
    client.close()


def test_the_notes_tell_of_a_server_that_falls_silent_or_breaks_off(server):
    client = Client()
    common = {"server": "127.0.0.1", "port": server.port, "sender": SENDER}
    for command, more, code, last in (
        ("GREETING", {"greeting_timeout_ms": 200}, Code.TIMEOUT, "# no answer in time"),
        ("MAIL", {"mail_timeout_ms": 200}, Code.TIMEOUT, "# no answer in time"),
        ("RCPT", {"total_timeout_ms": 500}, Code.TIMEOUT, "# mail took too long"),
    ):
        answers = server.gate(command)
        told = conversation(client, code, server.port, **common, **more)
        answers.set()
        assert (told[0], told[-1]) == ("# connecting to 127.0.0.1:PORT", last), told
        assert sum(line.startswith("# ") for line in told) == 2, told
    server.closing = {"RCPT"}
    told = conversation(client, Code.RECIPIENT_REFUSED, server.port, **common)
    assert told[-1] == "# connection lost", told
    server.closing = set()
    # The server's own words are enough. What follows stands behind the end of the conversation.
    server.replies = {"RCPT": "450 4.2.0 later"}
    told = conversation(client, Code.RECIPIENT_REFUSED, server.port, **common, retry_max=1, retry_delay_ms=500)
    notes = [line for line in told if line.startswith("# ")]
    assert notes == ["# connecting to 127.0.0.1:PORT", "# next attempt in 1 s", "# connecting to 127.0.0.1:PORT"]
    at = told.index("# next attempt in 1 s")
    assert told[at - 1].startswith("S: 221 "), told
    # The program ends a mail that waits.
    lines = []
    client.configure(**common, trace=lines.append, retry_max=1, retry_delay_ms=30000)
    client.send(SOMEONE, "Alarm", "Text.\n")
    wait_until(lambda: lines and lines[-1].startswith("# next attempt in "))
    client.cancel()
    assert client.wait(2) == Code.CANCELLED
    wait_until(lambda: lines[-1] == "# cancelled")
    client.close()


def test_where_no_time_is_left_for_another_attempt_the_text_says_so(server):
    client = Client()
    common = {"server": "127.0.0.1", "port": server.port, "sender": SENDER, "retry_delay_ms": 1}
    server.replies = {"RCPT": "450 4.2.0 later"}
    for more, attempts, text in (
        ({"retry_max": 1, "total_timeout_ms": 30000}, 1, "4.2.0 later - no time left for another attempt"),
        ({"retry_max": 1, "total_timeout_ms": 90000}, 2, "4.2.0 later"),
        ({"retry_max": 0, "total_timeout_ms": 30000}, 1, "4.2.0 later"),
    ):
        client.configure(**common, **more)
        client.send(SOMEONE, "Alarm", "Text.\n")
        assert client.wait(20) == Code.RECIPIENT_REFUSED
        result = client.result()
        assert (result.attempts, result.text) == (attempts, text), result
    client.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_dry_run_goes_to_the_last_recipient_and_sends_nothing(real_servers, listener, kind):
    server = real_servers.get(kind, **ACCOUNT)
    before = len(server.files())
    for flags in (KEEP_DIALOGUE, KEEP_DIALOGUE | NO_PIPELINING):
        one = listener(server.port, flags=flags)
        result, told = one.deliver([SOMEONE, "second@example.test"], flags=DRY_RUN)
        assert (result.code, result.outcome, result.recipients_accepted) == (Code.OK, Outcome.NOT_SENT, 2), result
        assert "C: DATA" not in told and told.count("C: RCPT") == 2
    result, told = one.deliver([SOMEONE, "nobody@example.test"], flags=DRY_RUN)
    assert (result.code, result.recipient) == (Code.INVALID_RECIPIENT, "nobody@example.test"), result
    assert len(server.files()) == before

