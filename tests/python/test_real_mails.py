"""Whatever a mail can be, through Postfix, Exim and aiosmtpd: a table. Two readers of others judge what was delivered.

The rows are what `send` takes; what has to arrive is said as in test_random_mails.py.
"""

import email
import email.message
import email.policy
import re

import pytest
from sds_smtp import AUTO_SUBMITTED, RAW, Attachment, Code, Dsn, Feature, Outcome, Priority, features
from test_addresses import mailboxes
from test_random_mails import Wanted, by_email, by_fast, fast, field, lines, same
from test_real_servers import CZECH, KINDS, LOGIN, SECOND, SENDER, SOMEONE, configure, data_of, unique

BORROW_TEXT = 1
EVERY_OCTET = bytes(range(256)) * 700
HTML = f'<p>{CZECH} <img src="cid:chart@x"></p>\n.\n'
BLOB = "application/octet-stream"


@pytest.fixture(params=KINDS)
def server(request, real_servers):
    return real_servers.get(request.param)


def slowly(octets, piece=1000):
    return lambda offset, most: octets[offset : offset + min(piece, most)]


def text(words=CZECH):
    return Wanted("text/plain", lines(words).encode())


def page(words=HTML):
    return Wanted("text/html", lines(words).encode())


def octets(content, name=None, kind=BLOB, content_id=None):
    how = "inline" if content_id else "attachment"
    return Wanted(kind, content, name=name, content_id=content_id, disposition=how)


def several(kind, *parts):
    return Wanted(f"multipart/{kind}", parts=parts)


def rows(folder):
    """For each: what is given to send(), the parts that have to arrive, and the fields that have to."""
    path = folder / "soubor č. 1.bin"
    path.write_bytes(EVERY_OCTET)
    written = folder / "text"
    written.write_text(CZECH * 3000)
    chart = Attachment(data=b"\x89PNG", content_type="image/png", content_id="chart@x", name="graf č. 1.png")
    inside = octets(b"\x89PNG", "graf č. 1.png", "image/png", "chart@x")
    plain = {"text": CZECH}
    yield "text", plain, text(), {}
    yield "text from a file", {"text": None, "text_path": written}, text(CZECH * 3000), {}
    yield "borrowed text", {"text": CZECH * 20000, "flags": BORROW_TEXT}, text(CZECH * 20000), {}
    yield "html", {"html": HTML}, page(), {}
    yield "text and html", {**plain, "html": HTML}, several("alternative", text(), page()), {}
    yield "text and html, borrowed", {**plain, "html": HTML, "flags": BORROW_TEXT}, several("alternative", text(), page()), {}
    yield "from memory", {**plain, "attachments": [Attachment(data=EVERY_OCTET, name="a.bin")]}, several(
        "mixed", text(), octets(EVERY_OCTET, "a.bin")
    ), {}
    yield "from a path", {**plain, "attachments": [Attachment(path=path)]}, several(
        "mixed", text(), octets(EVERY_OCTET, path.name)
    ), {}
    read = Attachment(read=slowly(EVERY_OCTET), length=len(EVERY_OCTET), name="日本語.bin")
    yield "from a function", {**plain, "attachments": [read]}, several("mixed", text(), octets(EVERY_OCTET, "日本語.bin")), {}
    read = Attachment(read=slowly(EVERY_OCTET), name="unknown length")
    yield "from a function without a length", {**plain, "attachments": [read]}, several(
        "mixed", text(), octets(EVERY_OCTET, "unknown length")
    ), {}
    nothing = Attachment(data=b"", name="empty")
    yield "nothing in an attachment", {"attachments": [nothing]}, several("mixed", octets(b"", "empty")), {}
    yield "inline", {**plain, "html": HTML, "attachments": [chart]}, several(
        "alternative", text(), several("related", page(), inside)
    ), {}
    many = [Attachment(data=bytes([number]), name=f"{number}.bin", content_type="application/x-sds") for number in range(100)]
    yield "everything", {**plain, "html": HTML, "attachments": [chart, *many, Attachment(path=path)]}, several(
        "mixed",
        several("alternative", text(), several("related", page(), inside)),
        *[octets(one.data, one.name, one.content_type) for one in many],
        octets(EVERY_OCTET, path.name),
    ), {}
    yield "long lines", {"text": "x" * 5000, "html": "y" * 5000}, several("alternative", text("x" * 5000), page("y" * 5000)), {}
    yield "a sender of its own", {**plain, "from_": f"{CZECH} <other@example.test>", "reverse_path": SENDER}, text(), {
        "From": [(CZECH, "other@example.test")]
    }
    yield "answers elsewhere", {**plain, "reply_to": [(CZECH, "r@example.test"), "s@example.test"]}, text(), {
        "Reply-To": [(CZECH, "r@example.test"), ("", "s@example.test")]
    }
    yield "names", {**plain, "to": f'"Novák, Jan; ml." <{SOMEONE}>;', "cc": f"O'Neill & Sons <{SECOND}>,"}, text(), {
        "To": [("Novák, Jan; ml.", SOMEONE)],
        "Cc": [("O'Neill & Sons", SECOND)],
    }
    yield "the null path", {**plain, "reverse_path": "<>"}, text(), {}
    own = {"X-Sds": CZECH * 3, "List-Unsubscribe": f"<https://example.org/{'x' * 300}>"}
    yield "fields", {**plain, "headers": own}, text(), own
    urgent = {"X-Priority": "1", "Importance": "high", "Priority": "urgent"}
    yield "urgent", {**plain, "priority": Priority.HIGH}, text(), urgent
    idle = {"X-Priority": "5", "Importance": "low", "Priority": "non-urgent"}
    yield "not urgent", {**plain, "priority": Priority.LOW}, text(), idle
    yield "of a machine", {**plain, "flags": AUTO_SUBMITTED}, text(), {"Auto-Submitted": "auto-generated"}
    yield "dated", {**plain, "date": 1529064000}, text(), {"Date": "Fri, 15 Jun 2018 12:00:00 +0000"}
    yield "with notices", {**plain, "dsn": Dsn.FAILURE | Dsn.DELAY, "envelope_id": "sds 1"}, text(), {}
    yield "to many", {**plain, "to": SOMEONE, "bcc": [SECOND, SOMEONE] * 45}, text(), {"To": [("", SOMEONE)], "Bcc": None}
    if Feature.NAMES in features():
        label = "háčky".encode("idna").decode()
        given = {"from_": "X <a@háčky.test>", "reverse_path": SENDER, "reply_to": "b@háčky.test"}
        seen = {"From": [("X", f"a@{label}.test")], "Reply-To": [("", f"b@{label}.test")]}
        yield "domains in other letters", {**plain, **given}, text(), seen
    yield "a sender in other letters", {**plain, "from_": "žluťoučký@example.test"}, text(), {}


NAMES = [
    "text", "text from a file", "borrowed text", "html", "text and html", "text and html, borrowed", "from memory", "from a path",
    "from a function", "from a function without a length", "nothing in an attachment", "inline", "everything", "long lines",
    "a sender of its own", "answers elsewhere", "names", "the null path", "fields", "urgent", "not urgent", "of a machine",
    "dated", "with notices", "to many", "domains in other letters", "a sender in other letters",
]


def delivered(server, result):
    files = server.wait_for_files(result.message_id.encode())
    return data_of(server, files[0])


def judge(data, parts, fields):
    read = email.message_from_bytes(data, policy=email.policy.default)
    assert not [(part.get_content_type(), part.defects) for part in read.walk() if part.defects]
    same(by_email(read), parts, "email")
    same(by_fast(fast.parse_email_tree(data)), parts, "fast-mail-parser")
    older = email.message_from_bytes(data, policy=email.policy.compat32)
    for name, wanted in fields.items():
        if isinstance(wanted, list):
            assert mailboxes(older, name) == wanted
        else:
            assert (field(older, name) if older[name] is not None else None) == wanted, name


@pytest.mark.parametrize("name", NAMES)
def test_each_kind_of_mail_is_delivered_as_it_was_given(server, client, tmp_path, name):
    found = [row for row in rows(tmp_path) if row[0] == name]
    if not found:
        pytest.skip("a build without unicode")
    ((_, fields, parts, seen),) = found
    configure(client, server, **LOGIN)
    subject = f"{CZECH} {name}"
    result = client.send(**{"to": SOMEONE, "subject": subject, **fields}, wait=True)
    assert (result.code, result.outcome) == (Code.OK, Outcome.SENT)
    judge(delivered(server, result), parts, {"Subject": subject, **seen})
    progress = client.progress()
    assert progress.sent == progress.all or not progress.all


def test_the_table_has_every_row(tmp_path):
    assert [row[0] for row in rows(tmp_path)] == [name for name in NAMES if Feature.NAMES in features() or "domains" not in name]


@pytest.mark.parametrize("way", ["text", "text_path", "email package"])
def test_a_whole_message_is_delivered_as_it_was_given(server, client, tmp_path, way):
    configure(client, server, **LOGIN)
    word = unique()
    body = f"{CZECH}\r\n.\r\n..\r\n.end\r\n"
    raw = f"Date: Fri, 15 Jun 2018 12:00:00 +0000\r\nFrom: {SENDER}\r\nTo: {SOMEONE}\r\n"
    raw += f"Message-ID: <{word}@example.test>\r\nMIME-Version: 1.0\r\n"
    raw += f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nX-Word: {word}\r\n\r\n{body}"
    path = tmp_path / "raw"
    path.write_bytes(raw.encode())
    if way == "email package":
        result = client.send(email.message_from_bytes(raw.encode(), policy=email.policy.default), wait=True)
    elif way == "text":
        result = client.send(SOMEONE, text=raw, flags=RAW, wait=True)
    else:
        result = client.send(SOMEONE, text=None, text_path=path, flags=RAW, wait=True)
    assert (result.code, result.outcome) == (Code.OK, Outcome.SENT)
    (file, *_) = server.wait_for_files(word.encode())
    data = data_of(server, file)
    if way != "email package":
        assert data.endswith(raw.partition("X-Word")[2].encode())
    read = email.message_from_bytes(data, policy=email.policy.default)
    assert re.sub(r"\r?\n", "\r\n", read.get_content()) == body and read["X-Word"] == word
