"""Mails through Postfix, Exim and aiosmtpd, read back from where the server put them.

What arrived is taken apart by Python's email package, which shares no code with the library. The servers are started by
scripts/servers on free ports of 127.0.0.1 and ::1; Postfix and Exim need root.
"""

import email
import email.header
import email.policy
import email.utils
import ipaddress
import itertools
import re
import socket
import time

import pytest
from conftest import free_port
from sds_smtp import NO_PIPELINING, Auth, Client, Code, Outcome, Phase

KINDS = ["postfix", "exim", "aiosmtpd"]
NEEDING_ROOT = ["postfix", "exim"]

# The account, the mailboxes and what becomes of other addresses are those of scripts/servers/lib.sh.
# Both say the password in the clear, and to name them is the consent.
CLEAR = Auth.PLAIN | Auth.LOGIN
LOGIN = {"auth": CLEAR, "username": "sds", "password": "sds-secret"}
SENDER = "unit7@example.test"
SOMEONE, SECOND = "someone@example.test", "second@example.test"
UNKNOWN, ELSEWHERE = "nobody@example.test", "someone@elsewhere.test"

CZECH = "Příliš žluťoučký kůň úpěl ďábelské ódy"

# Settings of further instances beside each kind's main one.
NO_LOGIN_AND_SMALL = {"SDS_AUTH": "0", "SDS_SIZE": "20000"}
DEMANDING_AT_MAIL_AND_BARE = {
    "SDS_DEMAND_LOGIN": "mail",
    "SDS_MECHANISMS": "LOGIN",
    "SDS_HIDE": "SIZE 8BITMIME PIPELINING",
    "SDS_SIZE": "600000",
}
DEMANDING_AT_RCPT = {"SDS_DEMAND_LOGIN": "rcpt", "SDS_MECHANISMS": "PLAIN"}
REFUSING = {"SDS_REFUSE": "1"}
ONE_CONNECTION = {"SDS_CONNECTIONS": "1"}


@pytest.fixture(params=KINDS)
def server(request, real_servers):
    return real_servers.get(request.param)


numbers = itertools.count(1)


def unique():
    """A word that no other mail of this run holds."""
    return f"sds-{time.time_ns()}-{next(numbers)}"


def configure(client, instance, **more):
    client.configure(
        **{
            "server": "127.0.0.1",
            "port": instance.port,
            "sender": SENDER,
            "sender_name": CZECH,
            "total_timeout_ms": 30000,
            **more,
        }
    )


def send(client, to, subject="", text=""):
    client.send(to, subject, text)
    return client.wait(40)


def assert_refused(client, code, phase, reply_code=None):
    result = client.result()
    assert (result.code, result.outcome, result.phase) == (code, Outcome.NOT_SENT, phase), result
    if reply_code is not None:
        assert result.reply_code == reply_code, result
    entry = client.log()[-1]
    assert (entry.code, entry.reply_code, entry.outcome) == (code, result.reply_code, Outcome.NOT_SENT)


def assert_nobody_has(server, word):
    """A later mail has come to each mailbox and none with this word."""
    marker = unique()
    with Client() as other:
        configure(other, server, **({} if server.settings.get("SDS_AUTH") == "0" else LOGIN))
        assert send(other, [SOMEONE, SECOND], marker, marker) == Code.OK
    server.wait_for_files(marker.encode(), 1 if server.kind == "aiosmtpd" else 2)
    assert not [file for file in server.files() if word.encode() in file.read_bytes()]


# --- what arrived ------------------------------------------------------------------

# Each line end that people and programs write; the library sends one CRLF for each.
LINE_END = re.compile(rb"\r\r\n|\r\n|\r|\n")
OURS = ("Date", "Message-ID", "From", "To", "Subject", "MIME-Version", "Content-Type", "Content-Transfer-Encoding")
ENCODED_WORD = re.compile(r"=\?[^? ]+\?[bBqQ]\?[^? ]*\?=")


def canonical(text):
    """The text as it is meant on the wire: CRLF line ends, the last line ended too."""
    text = LINE_END.sub(b"\r\n", text)
    return text if text == b"" or text.endswith(b"\r\n") else text + b"\r\n"


def data_of(server, file):
    """The mail's bytes as they were on the wire. Postfix and Exim store LF, with their own headers on top."""
    data = file.read_bytes()
    if server.kind == "aiosmtpd":
        return data
    assert b"\r" not in data, "a CR was left over within a line"
    return data.replace(b"\n", b"\r\n")


def assert_well_formed(data):
    assert data.endswith(b"\r\n")
    assert b"\r" not in data.replace(b"\r\n", b"") and b"\n" not in data.replace(b"\r\n", b""), "a lone CR or LF"
    assert max(map(len, data.split(b"\r\n"))) <= 998
    header = data.partition(b"\r\n\r\n")[0].decode("ascii")
    for line in header.split("\r\n"):
        words = ENCODED_WORD.findall(line)
        # RFC 2047 section 2: 75 characters a word, 76 a line that holds one.
        assert not words or (len(line) <= 76 and max(map(len, words)) <= 75), line
        for word in words:
            # RFC 2047 section 5: no character is split between two words.
            (encoded, charset), *rest = email.header.decode_header(word)
            assert not rest and encoded.decode(charset)


def decoded(value):
    """A header field's text, by the email package's older decoder (that knows only RFC 2047)."""
    unfolded = re.sub(r"\r\n(?=[ \t])", "", str(value)).lstrip(" \t")
    return str(email.header.make_header(email.header.decode_header(unfolded)))


def assert_arrived(server, result, subject, text, to=(SOMEONE,), charset=None):
    """Find the mail by its Message-ID in each mailbox and compare everything; its first copy's parts."""
    assert re.fullmatch(r"<[!-~]+@[!-~]+>", result.message_id)
    copies = 1 if server.kind == "aiosmtpd" else len(to)
    files = server.wait_for_files(result.message_id.encode(), copies)
    assert len(files) == copies
    for file in files:
        data = data_of(server, file)
        assert_well_formed(data)
        mail = email.message_from_bytes(data, policy=email.policy.compat32)
        for name in OURS:
            assert len(mail.get_all(name, [])) == 1, f"{name} stands {len(mail.get_all(name, []))} times"
        assert not mail.defects
        assert mail["Message-ID"].strip() == result.message_id
        assert abs(time.time() - email.utils.mktime_tz(email.utils.parsedate_tz(mail["Date"]))) < 300
        assert mail["MIME-Version"] == "1.0"
        assert mail.get_content_type() == "text/plain"
        assert mail["Content-Transfer-Encoding"].lower() in ("7bit", "8bit", "quoted-printable", "base64")
        assert decoded(mail["Subject"]) == subject
        name, address = email.utils.parseaddr(re.sub(r"\r\n(?=[ \t])", "", mail["From"]))
        assert (decoded(name), address) == (CZECH, SENDER)
        assert [address for _, address in email.utils.getaddresses([mail["To"]])] == list(to)
        body = mail.get_payload(decode=True)
        assert body == canonical(text)
        declared = mail.get_content_charset()
        if charset is not None:
            assert declared == charset
        else:
            assert declared in ("utf-8", "us-ascii")
            assert declared == "utf-8" or body.isascii()
        if mail["Content-Transfer-Encoding"].lower() == "7bit":
            assert body.isascii()
    return data, mail


CASES = {
    "czech_subject_and_text": (CZECH, f"{CZECH}\n{CZECH.upper()}\n"),
    "a_subject_of_300_czech_characters": ((CZECH + " " * 2) * 7 + CZECH[:20], "Text.\n"),
    "a_subject_of_300_characters_without_blanks": ("ěščřžýáíé€𝄞" * 27 + "abc", "Text.\n"),
    "lines_that_begin_with_dots": ("Dots", ".\n..\n...\n.text\n\n.\n. \n.\r\n..\n.konec"),
    "only_a_dot": ("Dot", "."),
    "a_line_of_5000_characters": ("Long", "x" * 5000 + "\nand a short one\n"),
    "a_czech_line_of_5000_characters": ("Long", "ž" * 5000 + "\n"),
    "lines_around_the_limit": ("Limit", "".join("y" * n + "\n" for n in range(990, 1005))),
    "dots_in_a_long_line": ("Dots", "." * 3000 + "\n." + "." * 998 + "\n"),
    "empty_text": ("Nothing", ""),
    "empty_subject": ("", "No subject.\n"),
    "empty_subject_and_text": ("", ""),
    "mixed_line_ends": ("Ends", b"lf\nbare cr\rcrlf\r\ncr cr lf\r\r\ntwo lf\n\ntwo crlf\r\n\r\ntwo cr\r\rlf cr\n\rend\n"),
    "only_line_ends": ("Ends", "\n\r\r\n\n"),
    "no_final_newline": ("End", "the last line has no end"),
    "blank_lines_at_the_end": ("End", "text\n\n\n\n"),
    "trailing_spaces": ("Spaces", "one \ntwo  \ntab\t\n \n\t\n   end   "),
    "what_looks_like_headers": ("Subject: x", "Subject: y\n\nFrom someone\n>From\nFrom me\n"),
    "what_looks_encoded": ("=?utf-8?q?not_this?= =20", "=20=\n=3D=\n=?utf-8?q?x?=\n"),
    "every_ascii_character": ("".join(map(chr, range(33, 127))), bytes(set(range(1, 128)) - {10, 13})),
    "100_kib_of_text": ("Big", (CZECH + " 0123456789 abcdefghijklmnopqrstuv.\n").encode() * (102400 // 80)),
}


def assert_case_arrives(client, server, case):
    subject, text = CASES[case]
    code = send(client, SOMEONE, subject, text)
    assert code == Code.OK, client.result()
    result = client.result()
    assert (result.outcome, result.phase, result.recipients_accepted) == (Outcome.SENT, Phase.END, 1)
    return assert_arrived(server, result, subject, text if isinstance(text, bytes) else text.encode())


@pytest.mark.parametrize("case", CASES)
def test_what_arrives_is_what_was_meant(server, client, case):
    configure(client, server, **LOGIN)
    assert_case_arrives(client, server, case)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", KINDS)
def test_what_arrives_is_what_was_meant_without_8bitmime_and_pipelining(real_servers, client, kind, case):
    bare = real_servers.get(kind, **DEMANDING_AT_MAIL_AND_BARE)
    configure(client, bare, **LOGIN)
    data, _ = assert_case_arrives(client, bare, case)
    # Not announced, so not used: the mail is ASCII, its text in quoted-printable or base64.
    assert data.isascii()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n", ""])
def test_a_dot_before_every_kind_of_line_end_stays_a_dot(server, client, end):
    configure(client, server, **LOGIN)
    text = f"a{end}.{end}..{end}.b{end}{end}.".encode()
    assert send(client, SOMEONE, "Dots", text) == Code.OK
    assert_arrived(server, client.result(), "Dots", text)


@pytest.mark.parametrize("name", ["windows-1250", "iso-8859-2"])
def test_text_that_is_not_utf_8_is_sent_in_the_charset_configured(server, client, name):
    configure(client, server, charset=name, **LOGIN)
    text = f"{CZECH}\n.{CZECH}\n".encode(name)
    assert send(client, SOMEONE, CZECH.encode(name), text) == Code.OK
    assert_arrived(server, client.result(), CZECH, text, charset=name)
    # The charset is for what is not UTF-8; the rest goes as before.
    assert send(client, SOMEONE, CZECH, CZECH) == Code.OK
    assert_arrived(server, client.result(), CZECH, CZECH.encode())


def test_text_that_is_not_utf_8_is_never_called_utf_8(server, client):
    configure(client, server, **LOGIN)
    text = f"{CZECH}\n".encode("windows-1250")
    assert send(client, SOMEONE, "Unknown", text) == Code.OK
    # RFC 1428 section 3: what to say where nobody knows the charset.
    assert_arrived(server, client.result(), "Unknown", text, charset="unknown-8bit")


@pytest.mark.parametrize("kind", KINDS)
def test_text_that_is_not_utf_8_is_encoded_where_8bitmime_is_missing(real_servers, client, kind):
    bare = real_servers.get(kind, **DEMANDING_AT_MAIL_AND_BARE)
    configure(client, bare, charset="windows-1250", **LOGIN)
    text = f"{CZECH}\n".encode("windows-1250") * 50
    assert send(client, SOMEONE, CZECH.encode("windows-1250"), text) == Code.OK
    data, _ = assert_arrived(bare, client.result(), CZECH, text, charset="windows-1250")
    assert data.isascii()


def test_many_mails_one_after_another_all_arrive(server, client):
    configure(client, server, **LOGIN)
    sent = []
    for number in range(20):
        assert send(client, SOMEONE, f"Alarm {number}", f"{number}\n") == Code.OK
        sent.append((client.result(), number))
    for result, number in sent:
        assert_arrived(server, result, f"Alarm {number}", b"%d\n" % number)


def test_mails_of_several_clients_at_once_all_arrive(server):
    clients = [Client() for _ in range(10)]
    try:
        for number, client in enumerate(clients):
            configure(client, server, **LOGIN)
            client.send(SOMEONE, f"Alarm {number}", f"{number}\n")
        for number, client in enumerate(clients):
            assert client.wait(40) == Code.OK, client.result()
            assert_arrived(server, client.result(), f"Alarm {number}", b"%d\n" % number)
    finally:
        for client in clients:
            client.close()


def test_the_envelope_is_as_configured(real_servers, client):
    server = real_servers.get("aiosmtpd")
    configure(client, server, **LOGIN)
    assert send(client, [SOMEONE, SECOND], CZECH, CZECH) == Code.OK
    (file,) = server.wait_for_files(client.result().message_id.encode())
    envelope = server.envelope(file)
    assert (envelope["from"], envelope["to"]) == (SENDER, [SOMEONE, SECOND])
    assert (envelope["hello"], envelope["extended"]) == ("[127.0.0.1]", True)
    assert (envelope["authenticated"], envelope["mechanism"]) == (True, "PLAIN")
    assert "BODY=8BITMIME" in envelope["from_options"]


def test_a_server_without_pipelining_in_use_gets_the_same_mail(server, client):
    configure(client, server, flags=NO_PIPELINING, **LOGIN)
    assert send(client, [SOMEONE, SECOND], CZECH, CZECH) == Code.OK
    assert_arrived(server, client.result(), CZECH, CZECH.encode(), to=(SOMEONE, SECOND))


# --- addresses of the server and logins --------------------------------------------


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("auth", [Auth.NONE, CLEAR, Auth.PLAIN, Auth.LOGIN])
def test_a_mail_arrives_over_each_address_with_each_login(server, client, address, auth):
    configure(client, server, **{**LOGIN, "auth": auth, "server": address})
    assert send(client, SOMEONE, CZECH, CZECH) == Code.OK, client.result()
    result = client.result()
    assert_arrived(server, result, CZECH, CZECH.encode())
    # The server's own word for who logged in how, and from where.
    mechanism = {Auth.NONE: None, CLEAR: "PLAIN", Auth.PLAIN: "PLAIN", Auth.LOGIN: "LOGIN"}[auth]
    if server.kind == "aiosmtpd":
        (file,) = server.wait_for_files(result.message_id.encode())
        envelope = server.envelope(file)
        assert (envelope["peer"], envelope["mechanism"]) == (address, mechanism)
        # The address literal (RFC 5321 section 4.1.3), in whichever spelling of the address.
        spelt = envelope["hello"].strip("[]").rpartition("IPv6:")[2]
        assert ipaddress.ip_address(spelt) == ipaddress.ip_address(address)
        assert envelope["hello"] == ("[IPv6:" if ":" in address else "[") + spelt + "]"
    elif server.kind == "postfix":
        queue_id = re.search(r"queued as (\w+)", result.text).group(1)
        login = f", sasl_method={mechanism}, sasl_username=sds@example.test" if mechanism else ""
        server.wait_for_log(rf"{queue_id}: client=unknown\[{address}\]{login}\n")
    else:
        exim_id = re.search(r"id=([\w-]+)", result.text).group(1)
        login = f" A={mechanism.lower()}:sds" if mechanism else ""
        server.wait_for_log(rf"{exim_id} <= {SENDER} H=.*\[{address}\] P=esmtp{'a' if login else ''}{login} ")


def test_a_wrong_password_is_11(server, client):
    for auth in (CLEAR, Auth.PLAIN, Auth.LOGIN):
        word = unique()
        configure(client, server, auth=auth, username="sds", password="wrong")
        assert send(client, SOMEONE, word, word) == Code.BAD_PASSWORD
        assert_refused(client, Code.BAD_PASSWORD, Phase.AUTH, 535)
        assert_nobody_has(server, word)


def test_a_wrong_user_name_is_10_or_11(server, client):
    for auth in (Auth.PLAIN, Auth.LOGIN):
        configure(client, server, auth=auth, username="nobody", password="sds-secret")
        assert send(client, SOMEONE, "s", "t") in (Code.BAD_USERNAME, Code.BAD_PASSWORD)
        assert client.result().reply_code == 535


def test_after_a_wrong_password_the_right_one_works(server, client):
    configure(client, server, auth=CLEAR, username="sds", password="wrong")
    assert send(client, SOMEONE, "s", "t") == Code.BAD_PASSWORD
    configure(client, server, **LOGIN)
    assert send(client, SOMEONE, "s", "t") == Code.OK
    assert [entry.code for entry in client.log()] == [Code.BAD_PASSWORD, Code.OK]


def test_a_wrong_password_is_tried_only_once(real_servers, client):
    server = real_servers.get("postfix")
    before = len(re.findall("authentication failed", server.log()))
    configure(client, server, auth=CLEAR, username="sds", password="wrong")
    assert send(client, SOMEONE, "s", "t") == Code.BAD_PASSWORD
    server.wait_for_log(rf"(?s)(authentication failed.*){{{before + 1}}}")
    time.sleep(0.3)  # a second try would be logged by now
    assert len(re.findall("authentication failed", server.log())) == before + 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("auth", [CLEAR, Auth.LOGIN])
def test_the_only_mechanism_offered_is_used(real_servers, client, kind, auth):
    server = real_servers.get(kind, **DEMANDING_AT_MAIL_AND_BARE)  # LOGIN only
    configure(client, server, **{**LOGIN, "auth": auth})
    assert send(client, SOMEONE, CZECH, CZECH) == Code.OK
    assert_arrived(server, client.result(), CZECH, CZECH.encode())


@pytest.mark.parametrize("kind", KINDS)
def test_a_mechanism_that_is_not_offered_is_9(real_servers, client, kind):
    for settings, auth in ((DEMANDING_AT_MAIL_AND_BARE, Auth.PLAIN), (DEMANDING_AT_RCPT, Auth.LOGIN)):
        server = real_servers.get(kind, **settings)
        configure(client, server, **{**LOGIN, "auth": auth})
        assert send(client, SOMEONE, "s", "t") == Code.AUTH_UNSUPPORTED
        assert_refused(client, Code.AUTH_UNSUPPORTED, Phase.AUTH)


@pytest.mark.parametrize("kind", KINDS)
def test_a_login_where_none_is_offered_is_9(real_servers, client, kind):
    server = real_servers.get(kind, **NO_LOGIN_AND_SMALL)
    for auth in (CLEAR, Auth.PLAIN, Auth.LOGIN):
        word = unique()
        configure(client, server, **{**LOGIN, "auth": auth})
        assert send(client, SOMEONE, word, word) == Code.AUTH_UNSUPPORTED
        assert_refused(client, Code.AUTH_UNSUPPORTED, Phase.AUTH)
    assert_nobody_has(server, word)


@pytest.mark.parametrize("kind", KINDS)
def test_a_login_demanded_at_mail_and_not_configured_is_4(real_servers, client, kind):
    server = real_servers.get(kind, **DEMANDING_AT_MAIL_AND_BARE)
    word = unique()
    configure(client, server)
    assert send(client, SOMEONE, word, word) == Code.SENDER_REFUSED
    assert_refused(client, Code.SENDER_REFUSED, Phase.MAIL, 530)
    assert_nobody_has(server, word)


@pytest.mark.parametrize("kind", KINDS)
def test_a_login_demanded_at_rcpt_and_not_configured_is_6(real_servers, client, kind):
    server = real_servers.get(kind, **DEMANDING_AT_RCPT)
    word = unique()
    configure(client, server)
    assert send(client, SOMEONE, word, word) == Code.RELAY_DENIED
    assert_refused(client, Code.RELAY_DENIED, Phase.RCPT, 530)
    assert_nobody_has(server, word)


# --- recipients --------------------------------------------------------------------


def test_an_unknown_recipient_is_12(server, client):
    word = unique()
    for more in ({}, LOGIN):
        configure(client, server, **more)
        assert send(client, UNKNOWN, word, word) == Code.INVALID_RECIPIENT
        assert_refused(client, Code.INVALID_RECIPIENT, Phase.RCPT, 550)
        assert (client.result().recipients_accepted, client.result().recipients_refused) == (0, 1)
    assert_nobody_has(server, word)


def test_relaying_without_login_is_6(server, client):
    configure(client, server)
    assert send(client, ELSEWHERE, "s", "t") == Code.RELAY_DENIED
    assert_refused(client, Code.RELAY_DENIED, Phase.RCPT)


def test_relaying_with_login_is_accepted(server, client):
    configure(client, server, **LOGIN)
    assert send(client, ELSEWHERE, "s", "t") == Code.OK


def test_a_mail_to_several_reaches_each(server, client):
    configure(client, server, **LOGIN)
    assert send(client, [SOMEONE, SECOND], CZECH, CZECH) == Code.OK
    result = client.result()
    assert (result.recipients_accepted, result.recipients_refused) == (2, 0)
    assert_arrived(server, result, CZECH, CZECH.encode(), to=(SOMEONE, SECOND))


@pytest.mark.parametrize("flags", [0, NO_PIPELINING])
@pytest.mark.parametrize(
    "to, code",
    [
        ([SOMEONE, UNKNOWN], Code.INVALID_RECIPIENT),
        ([UNKNOWN, SOMEONE], Code.INVALID_RECIPIENT),
        ([SOMEONE, UNKNOWN, SECOND, ELSEWHERE], Code.INVALID_RECIPIENT),
        ([SOMEONE, ELSEWHERE, SECOND, UNKNOWN], Code.RELAY_DENIED),
        ([UNKNOWN, ELSEWHERE], Code.INVALID_RECIPIENT),
    ],
)
def test_where_one_recipient_is_refused_nobody_gets_the_mail(server, client, to, code, flags):
    word = unique()
    configure(client, server, flags=flags)
    assert send(client, to, word, word) == code
    assert_refused(client, code, Phase.RCPT)
    refused = len({UNKNOWN, ELSEWHERE} & set(to))
    assert client.result().recipients_refused in range(1, refused + 1)
    assert_nobody_has(server, word)


# --- size --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_mail_larger_than_the_size_announced_is_7(real_servers, client, kind):
    server = real_servers.get(kind, **NO_LOGIN_AND_SMALL)
    word = unique()
    configure(client, server)
    assert send(client, SOMEONE, word, "x" * 70 + "\n" + ("y" * 70 + "\n") * 300) == Code.DATA_FAILED
    assert_refused(client, Code.DATA_FAILED, client.result().phase)
    # One that fits goes through the same client.
    text = ("y" * 70 + "\n") * 200
    assert send(client, SOMEONE, "Fits", text) == Code.OK
    assert_arrived(server, client.result(), "Fits", text.encode())
    assert_nobody_has(server, word)


@pytest.mark.parametrize("kind", KINDS)
def test_a_mail_refused_as_too_large_at_its_end_is_8_or_7(real_servers, client, kind):
    server = real_servers.get(kind, **DEMANDING_AT_MAIL_AND_BARE)
    word = unique()
    configure(client, server, **LOGIN)
    code = send(client, SOMEONE, word, ("y" * 70 + "\n") * 10000)
    # 7 where the server speaks up before the final dot, 8 where it waits for it.
    assert code in (Code.DATA_END_FAILED, Code.DATA_FAILED)
    assert_refused(client, code, Phase.END if code == Code.DATA_END_FAILED else Phase.TEXT, 552)
    assert_nobody_has(server, word)


# --- connecting --------------------------------------------------------------------


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_refused_connection_is_13(client, address):
    client.configure(server=address, port=free_port(), sender=SENDER, total_timeout_ms=30000)
    assert send(client, SOMEONE, "s", "t") == Code.CONNECT_FAILED
    assert_refused(client, Code.CONNECT_FAILED, Phase.CONNECT, 0)
    assert client.result().text  # the library's own words


@pytest.mark.parametrize("kind", NEEDING_ROOT)
def test_a_554_greeting_is_2(real_servers, client, kind):
    server = real_servers.get(kind, **REFUSING)
    for more in ({}, LOGIN):
        configure(client, server, **more)
        assert send(client, SOMEONE, "s", "t") == Code.NOT_READY
        assert_refused(client, Code.NOT_READY, Phase.GREETING, 554)


@pytest.mark.parametrize("kind", NEEDING_ROOT)
def test_a_421_greeting_is_2(real_servers, client, kind):
    server = real_servers.get(kind, **ONE_CONNECTION)
    configure(client, server)
    end = time.monotonic() + 20
    # The connection that takes the only place; the one before it may not be forgotten at once.
    while True:
        with socket.create_connection(("127.0.0.1", server.port), 20) as other:
            if other.makefile("rb").readline().startswith(b"220"):
                assert send(client, SOMEONE, "s", "t") == Code.NOT_READY
                break
        assert time.monotonic() < end
        time.sleep(0.1)
    assert_refused(client, Code.NOT_READY, Phase.GREETING, 421)
    while send(client, SOMEONE, "s", "t") != Code.OK:
        assert time.monotonic() < end, client.result()
        time.sleep(0.1)


def test_a_stopped_server_is_13_and_a_started_one_works_again(real_servers, client):
    server = real_servers.get("aiosmtpd", **DEMANDING_AT_RCPT)
    configure(client, server, **LOGIN)
    server.script("stop")
    assert server.script("status") == "stopped\n"
    assert send(client, SOMEONE, "s", "t") == Code.CONNECT_FAILED
    server.start()
    assert server.script("status") == "running\n"
    assert send(client, SOMEONE, CZECH, CZECH) == Code.OK
    assert_arrived(server, client.result(), CZECH, CZECH.encode())


# --- the dry run -------------------------------------------------------------------


def test_a_probe_with_the_right_password_is_0_and_sends_nothing(server, client):
    word = unique()
    for auth in (Auth.NONE, CLEAR, Auth.PLAIN, Auth.LOGIN):
        configure(client, server, **{**LOGIN, "auth": auth, "sender_name": word})
        client.probe()
        assert client.wait(40) == Code.OK, client.result()
    assert_nobody_has(server, word)


def test_a_probe_with_a_wrong_password_is_11(server, client):
    for auth in (CLEAR, Auth.PLAIN, Auth.LOGIN):
        configure(client, server, auth=auth, username="sds", password="wrong")
        client.probe()
        assert client.wait(40) == Code.BAD_PASSWORD
        assert client.result().reply_code == 535
        assert client.result().phase == Phase.AUTH
