"""Header fields of the program's, priorities, Message-ID, date, delivery status notifications: exactly as they leave."""

import datetime
import email
import email.header
import email.policy
import email.utils
import re

import pytest
import sds_smtp
from sds_smtp import AUTO_SUBMITTED, Code, Dsn, Priority, SmtpError

SENDER = "unit7@example.test"
TO = "a@example.org"
CZECH = "Příliš žluťoučký kůň úpěl ďábelské ódy"


@pytest.fixture
def ready(server, client):
    client.configure(server="127.0.0.1", port=server.port, sender=SENDER, total_timeout_ms=30000)
    return client


def block(server):
    return server.mails[-1][3].partition(b"\r\n\r\n")[0].decode("ascii")


def read(server):
    return email.message_from_bytes(server.mails[-1][3], policy=email.policy.compat32)


def text_of(value):
    unfolded = re.sub(r"\r\n(?=[ \t])", "", str(value))
    return str(email.header.make_header(email.header.decode_header(unfolded)))


def refused(client, **fields):
    with pytest.raises(SmtpError) as refusal:
        client.send(TO, **fields)
    assert client.result().code == refusal.value.code
    return refusal.value.code, client.refusal()


FIELDS = {
    "X-Unit": "7",
    "X-Czech": CZECH * 4,
    "X-Empty": "",
    "X-Long": "word and another, " * 40 + "end",
    "X-Tabs": "a\tb  c",
    "List-Unsubscribe": f"<https://example.org/{'x' * 300}>, <mailto:off@example.org>",
    "References": " ".join(f"<{number}.abcdefghijklmnop@mail.example.org>" for number in range(30)),
    "In-Reply-To": "<1@example.org>",
    "Sender": "operator@example.test",
    "X" * 76: "the longest name",
    "x-encoded": "=?UTF-8?B?xb0=?=",
    "X-Colon": "a: b: c",
    "X-Priority": "3",
    "Auto-Submitted": "no",
}


@pytest.mark.parametrize("as_list", [False, True])
def test_fields_of_the_program_arrive_as_they_were_given(server, ready, as_list):
    fields = [f"{name}: {value}" for name, value in FIELDS.items()] if as_list else FIELDS
    assert ready.send(TO, "x", "y", headers=fields, wait=True).code == Code.OK
    mail = read(server)
    assert not mail.defects
    for name, value in FIELDS.items():
        (got,) = mail.get_all(name)
        unfolded = re.sub(r"\r\n(?=[ \t])", "", got).lstrip()
        assert (text_of(got) if not value.isascii() else unfolded) == value, name
    for line in block(server).split("\r\n"):
        assert len(line) <= 78 or "x" * 300 in line


REFUSED = {
    "Subject: x": "headers: entry 2 (Subject): written by the library itself",
    "subject:x": "headers: entry 2 (subject): written by the library itself",
    **{
        f"{name}: x": f"headers: entry 2 ({name}): written by the library itself"
        for name in (
            "Date", "From", "To", "CC", "Reply-To", "Message-Id", "MIME-Version", "Content-Type", "Content-Foo",
            "content-transfer-encoding",
        )
    },
    **{f"{name}: x": f"headers: entry 2 ({name}): written by servers" for name in ("Return-Path", "received")},
    **{
        f"{name}: x": f"headers: entry 2 ({name}): it would name who is not to be named: give them as bcc"
        for name in ("BCC", "Resent-Bcc")
    },
    "X-A": "headers: entry 2 (X-A): no colon behind its name",
    "": "headers: entry 2: no colon behind its name",
    ": x": "headers: entry 2: a name with a blank, or something else than printable ASCII, in it",
    "X A: x": "headers: entry 2 (X A): a name with a blank, or something else than printable ASCII, in it",
    "X-A : x": "headers: entry 2 (X-A ): a name with a blank, or something else than printable ASCII, in it",
    "X-Ž: x": "headers: entry 2 (X-??): a name with a blank, or something else than printable ASCII, in it",
    "X-A: x\r\nBcc: b@example.org": "headers: entry 2 (X-A): a line end in it",
    "X-A: x\n y": "headers: entry 2 (X-A): a line end in it",
    "X-A: x\r": "headers: entry 2 (X-A): a line end in it",
    "X-A: Ž\r\nBcc: b@example.org": "headers: entry 2 (X-A): a line end in it",
    "X\r\nBcc: b@example.org": "headers: entry 2 (X??Bcc): a name with a blank, or something else than printable ASCII, in it",
    "X-A: \x00": None,
    "X-A: \x1b": "headers: entry 2 (X-A): a control character in it",
    "X-A: " + "x" * 901: "headers: entry 2 (X-A): a word longer than 900 bytes",
    "X" * 77 + ": x": f"headers: entry 2 ({'X' * 64}...): a name longer than 76 bytes",
    "X-A: " + "x " * 524288: "headers: entry 2 (X-A): all together longer than 1 MiB",
}


@pytest.mark.parametrize("field", REFUSED, ids=lambda field: repr(field[:40]))
def test_what_is_no_field_of_the_programs_is_refused_with_its_name(server, ready, field):
    got = refused(ready, headers=["X-Good: x", field]) if REFUSED[field] else None
    if got is None:
        with pytest.raises(sds_smtp.BadArgument):
            ready.send(TO, headers=["X-Good: x", field])
    else:
        assert got == (Code.BAD_ARGUMENT, REFUSED[field])
    assert not server.commands


def test_fields_of_a_priority_collide_only_with_a_priority(ready):
    assert refused(ready, headers={"Importance": "x"}, priority=Priority.LOW) == (
        Code.BAD_ARGUMENT,
        "headers: entry 1 (Importance): written by the library itself",
    )
    assert refused(ready, headers={"auto-submitted": "x"}, flags=AUTO_SUBMITTED) == (
        Code.BAD_ARGUMENT,
        "headers: entry 1 (auto-submitted): written by the library itself",
    )


@pytest.mark.parametrize(
    "priority, wanted",
    [
        (Priority.NORMAL, (None, None, None)),
        (Priority.HIGH, ("1", "high", "urgent")),
        (Priority.LOW, ("5", "low", "non-urgent")),
    ],
)
def test_a_priority_is_said_in_three_fields(server, ready, priority, wanted):
    ready.send(TO, priority=priority, headers={"X-Other": "x"}, wait=True)
    mail = read(server)
    assert (mail["X-Priority"], mail["Importance"], mail["Priority"]) == wanted


def test_a_mail_says_that_no_person_wrote_it(server, ready):
    ready.send(TO, flags=AUTO_SUBMITTED, wait=True)
    assert read(server)["Auto-Submitted"] == "auto-generated"
    ready.send(TO, wait=True)
    assert "Auto-Submitted" not in read(server)


@pytest.mark.parametrize("message_id", ["<1@example.org>", "<" + "x" * 300 + "@example.org>", "<a$%!=/{}~@[192.0.2.1]>"])
def test_a_message_id_may_be_the_programs(server, ready, message_id):
    result = ready.send(TO, message_id=message_id, wait=True)
    assert result.message_id == message_id
    assert read(server)["Message-ID"].strip() == message_id


@pytest.mark.parametrize(
    "message_id, words",
    [
        (text, "message_id: not <something@somewhere> in ASCII, without blanks")
        for text in ("x", "<x>", "<@b>", "<a@>", "<a b@c>", "<a@b>\r\nX: y", "<a@b@c>", "<ž@b>", "<a@b><c@d>", "a@b", " <a@b>")
    ]
    + [("<" + "x" * 307 + "@example.org>", "message_id: longer than 319 bytes")],
)
def test_what_is_no_message_id_is_refused(ready, message_id, words):
    assert refused(ready, message_id=message_id) == (Code.BAD_ARGUMENT, words)


@pytest.mark.parametrize("date", [1, 951782400, 4294967295, datetime.datetime(2018, 6, 15, 12, tzinfo=datetime.timezone.utc)])
def test_a_date_may_be_the_programs(server, ready, date):
    ready.send(TO, date=date, wait=True)
    seconds = date if isinstance(date, int) else int(date.timestamp())
    assert email.utils.mktime_tz(email.utils.parsedate_tz(read(server)["Date"])) == seconds


@pytest.mark.parametrize("date", [-1, 4294967296, -(2**63), 2**63 - 1])
def test_a_date_out_of_range_is_refused(ready, date):
    assert refused(ready, date=date) == (Code.BAD_ARGUMENT, "date: before 1970, or after 2106")


def test_everything_at_once_is_one_header_block(server, ready):
    ready.send(
        f"{CZECH} <a@example.org>",
        CZECH,
        CZECH,
        cc="c@example.org",
        bcc="b@example.org",
        reply_to="r@example.org",
        from_="Unit 7 <other@example.test>",
        reverse_path="<>",
        headers=FIELDS,
        message_id="<1@example.org>",
        date=1529064000,
        wait=True,
    )
    mail = read(server)
    assert not mail.defects and mail.get_payload(decode=True).decode() == CZECH + "\r\n"
    assert mail.keys()[:5] == ["Date", "From", "Reply-To", "To", "Cc"] and mail.keys()[-3:] == [
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
    ]
    assert text_of(mail["Subject"]) == CZECH
    assert all(len(mail.get_all(name)) == 1 for name in mail.keys())


@pytest.mark.parametrize("subject", [CZECH * 10, "ž" * 1000, "word " * 100 + "end", "=?x?= " * 50 + "x"])
@pytest.mark.parametrize("more", [{}, {"headers": FIELDS}, {"cc": "c@example.org"}, {"priority": Priority.HIGH}])
def test_a_long_subject_is_folded_behind_whatever_fields(server, ready, subject, more):
    ready.send(TO, subject, wait=True, **more)
    mail = read(server)
    assert text_of(mail["Subject"]) == subject
    lines = f"Subject: {mail['Subject']}".split("\r\n")
    assert len(lines) > 3 and all(len(line) <= 76 for line in lines)
    # Filled, but for the last one.
    assert all(len(line) >= 60 for line in lines[:-1])


def test_size_counts_the_whole_header_block(server, ready):
    ready.send(TO, "x", "y", headers=FIELDS, cc=[f"person{number}@example.org" for number in range(500)], wait=True)
    size = int(re.search(rb" SIZE=(\d+)", server.mails[-1][1]).group(1))
    assert size == len(server.mails[-1][3])


# --- delivery status notifications -------------------------------------------------------


@pytest.mark.parametrize(
    "dsn, envelope_id, mail, rcpt",
    [
        (Dsn.SUCCESS, None, b" RET=HDRS", b" NOTIFY=SUCCESS ORCPT=rfc822;a@example.org"),
        (Dsn.SUCCESS | Dsn.FAILURE | Dsn.DELAY | Dsn.FULL, "alarm 7+", b" RET=FULL ENVID=alarm+207+2B",
         b" NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;a@example.org"),
        (Dsn.NEVER, None, b"", b" NOTIFY=NEVER ORCPT=rfc822;a@example.org"),
        (Dsn.FULL, None, b" RET=FULL", b""),
        (0, "x" * 100, b" ENVID=" + b"x" * 100, b""),
    ],
)
def test_notices_are_asked_for_where_they_are_offered(server, ready, dsn, envelope_id, mail, rcpt):
    server.extensions = ["DSN"]
    result = ready.send(TO, dsn=dsn, envelope_id=envelope_id, wait=True)
    assert server.mails[-1][1:3] == (b"MAIL FROM:<" + SENDER.encode() + b">" + mail, [b"RCPT TO:<a@example.org>" + rcpt])
    assert result.text == "2.0.0 Queued as 4711"
    # Not offered: the mail goes without, and the result says so.
    server.extensions = ["ENHANCEDSTATUSCODES"]
    result = ready.send(TO, dsn=dsn, envelope_id=envelope_id, wait=True)
    assert server.mails[-1][1:3] == (b"MAIL FROM:<" + SENDER.encode() + b">", [b"RCPT TO:<a@example.org>"])
    assert result.text == "2.0.0 Queued as 4711 - sent without dsn: the server does not offer it"
    assert result.code == Code.OK


def test_a_refused_mail_does_not_say_that_it_was_sent(server, ready):
    server.extensions = []
    server.replies["RCPT"] = "550 5.1.1 no"
    with pytest.raises(SmtpError):
        ready.send(TO, dsn=Dsn.SUCCESS, wait=True)
    assert ready.result().text == "5.1.1 no"


@pytest.mark.parametrize(
    "fields, words",
    [
        ({"dsn": 32}, "dsn: unknown bit"),
        ({"dsn": Dsn.NEVER | Dsn.SUCCESS}, "dsn: SDS_SMTP_DSN_NEVER stands alone"),
        ({"dsn": Dsn.NEVER | Dsn.FULL}, "dsn: SDS_SMTP_DSN_NEVER stands alone"),
        ({"envelope_id": "ž"}, "envelope_id: something else than printable ASCII in it"),
        ({"envelope_id": "a\r\nRCPT TO:<x@y>"}, "envelope_id: something else than printable ASCII in it"),
        ({"envelope_id": "x" * 101}, "envelope_id: longer than 100 bytes (blanks, + and = count as three)"),
        ({"envelope_id": "+" * 34}, "envelope_id: longer than 100 bytes (blanks, + and = count as three)"),
        ({"priority": 3}, "priority: unknown value"),
    ],
)
def test_what_is_no_wish_for_notices_is_refused(server, ready, fields, words):
    assert refused(ready, **fields) == (Code.BAD_ARGUMENT, words)
    assert not server.commands
