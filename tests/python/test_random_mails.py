"""Random mails, taken apart by two readers that share no code with the library or with each other: octet for octet.

Python's email package, and fast-mail-parser (in Rust). Every combination of parts, names, encodings and headers, and sizes
around the ends of the buffers. Each mail has a seed of its own. SDS_MAILS=10000 is a part of `make test-all`; SDS_FIRST_MAIL=4711
begins with that one.
"""

import email
import email.header
import email.policy
import email.utils
import os
import random
import re
import zlib

import pytest
from conftest import ScriptedServer
from sds_smtp import AUTO_SUBMITTED, Attachment, Client, Code, Priority
from test_addresses import mailboxes

fast = pytest.importorskip("fast_mail_parser")

MAILS = int(os.environ.get("SDS_MAILS", "400"))
FIRST = int(os.environ.get("SDS_FIRST_MAIL", "0"))
AT_ONCE = 200  # a test: none of them takes long

EXTENSIONS = [["PIPELINING", "8BITMIME", "SIZE 0"], ["8BITMIME"], ["SIZE 0"], ["PIPELINING"], ["8BITMIME", "SMTPUTF8", "SIZE 0"]]
# What is read from a file at once, what is written at once, a line of base64, of quoted-printable, of RFC 5321.
EDGES = [0, 1, 2, 3, 56, 57, 58, 75, 76, 77, 997, 998, 999, 4095, 4096, 4097, 8192, 16383, 16384, 16385, 32768, 65536]
LETTERS = "abcXYZ 019._-'=?%+&()[]{}!#$^~,;@\"ěščřžýáíéůťďňÉßøñдом日本語のテスト😀👍🏽e\u0301אבﷺ"
WORDS = ["Alarm", "kotelna", "Příliš žluťoučký kůň", "温度", "41 °C", "=?utf-8?q?x?=", "--=_sds-m", ".", "..", "From ", "\t", "="]
ENDS = ["\n", "\r\n", "\r", "\n\n", "\r\r\n", " \n", "\t\r\n", ""]
TYPES = ["", "application/pdf", "image/png", "text/csv; charset=utf-8", "text/plain; charset=us-ascii", "application/x-sds"]


def lines(text):
    """A text as it arrives: each line ended with CRLF."""
    text = re.sub(r"\r\r\n|\r\n|\r|\n", "\r\n", text)
    return text if not text or text.endswith("\r\n") else text + "\r\n"


def size(source):
    return source.choice([source.choice(EDGES), source.choice(EDGES), source.randrange(200), source.randrange(60_000)])


def text(source):
    kind = source.randrange(7)
    if kind == 0:
        return ""
    if kind == 1:  # exactly so many octets, without a line end
        return "x" * size(source)
    if kind == 2:  # the same, in letters of two, three and four octets
        return source.choice("ž日😀") * (size(source) // 3)
    if kind == 3:
        return "".join(chr(source.choice([*range(1, 127), 0x17E])) for _ in range(source.randrange(3000)))
    if kind == 4:  # lines around the length at which they have to be encoded
        return "".join("y" * source.randrange(70, 80) + source.choice(ENDS) for _ in range(source.randrange(300)))
    return "".join(source.choice(WORDS) + source.choice([" ", "", *ENDS]) for _ in range(source.randrange(1, 2000)))


def name(source, most=255):
    """What may stand in a header: no control characters, nor what turns the direction of the letters that follow."""
    made = "".join(source.choice(LETTERS) for _ in range(source.randrange(1, 90))).strip()
    while len(made.encode()) > most:
        made = made[:-1].rstrip()
    return made or "x"


def file_name(source):
    free = name(source)
    # These two are no names of files.
    free = free if free.strip(".") else "x"
    return source.choice([free, "report.csv", "s mezerou č. 1.pdf", 'quo"te.txt', "%41;=.x", "a=b?.x", "é" * 127, "n" * 255])


def people(source, at_most):
    count = source.randrange(1, at_most + 1)
    return [(source.choice(["", "Jan Novák", 'J. "Joe" N, Jr.', name(source, 200)]), f"p{n}@example.org") for n in range(count)]


class Wanted:
    """A part as it has to arrive."""

    def __init__(self, kind, octets=None, parts=(), **more):
        self.kind, self.octets, self.parts = kind, octets, list(parts)
        self.name, self.inside, self.disposition = more.get("name"), more.get("content_id"), more.get("disposition")


def attachment(source, folder, with_data):
    length = size(source)
    octets = source.choice([source.randbytes(length), b"\r\n.\r\n" * (length // 5), bytes(length)])
    kind, given = source.choice(TYPES), file_name(source)
    inline = f"c{source.randrange(10**9)}@x" if source.randrange(4) == 0 else None
    fields = {"name": given, "content_type": kind or None, "content_id": inline}
    known = True
    way = source.randrange(4) if with_data else 0
    if way == 0:
        one = Attachment(data=octets, **fields)
    elif way == 1:
        path = folder / f"{source.randrange(10**12)}"
        path.write_bytes(octets)
        one = Attachment(path=path, **fields)
    else:
        piece = source.choice([1 << 20, 16384, 1000, 57, 100])

        def read(offset, most):
            return octets[offset : offset + min(piece, most)]

        one = Attachment(read=read, length=len(octets) if way == 2 else 0, **fields)
        known = way == 2 and bool(octets)
    wanted = Wanted(
        (kind or "application/octet-stream").partition(";")[0],
        octets,
        name=given,
        content_id=inline,
        disposition="inline" if inline else "attachment",
    )
    return one, wanted, known


def mail(number, folder):
    """The arguments of send(), and what has to arrive: the parts, whether the size is known before, the people."""
    source = random.Random(f"sds-smtp {number}")
    extensions = source.choice(EXTENSIONS)
    plain = text(source)
    html = source.choice([None, None, f"<p>{text(source)}</p>"])
    made = [attachment(source, folder, True) for _ in range(source.choice([0, 0, 1, 1, 2, 3, 6]))]
    fields = {"to": people(source, 4), "subject": source.choice(["", "Alarm", name(source), name(source) * 5])}
    fields["cc"] = source.choice([None, people(source, 3)])
    fields["bcc"] = source.choice([None, None, [("Tajný " + name(source, 100), "secret@example.org")]])
    fields["reply_to"] = source.choice([None, people(source, 2)])
    fields["from_"] = source.choice([None, (name(source, 200), "a@example.com")])
    fields["headers"] = source.choice([None, {"X-Sds": name(source) * 3, "List-Id": "<x.example.org>"}])
    fields["priority"] = source.choice([Priority.NORMAL, Priority.HIGH, Priority.LOW])
    fields["flags"] = source.choice([0, AUTO_SUBMITTED])
    known = all(one[2] for one in made)
    if source.randrange(6) == 0:
        path = folder / f"text-{number}"
        path.write_bytes(plain.encode())
        # What it has to be encoded as is not known before it is read.
        fields["text"], fields["text_path"], known = None, path, False
    else:
        fields["text"] = plain
    fields["html"], fields["attachments"] = html, [one[0] for one in made]

    inline = [one[1] for one in made if one[1].inside and html is not None]
    others = [one[1] for one in made if one[1] not in inline]
    body = []
    # An empty text beside something else is none.
    if plain or "text_path" in fields or not (html or others):
        body.append(Wanted("text/plain", lines(plain).encode()))
    if html is not None:
        page = Wanted("text/html", lines(html).encode())
        body.append(Wanted("multipart/related", parts=[page, *inline]) if inline else page)
    if len(body) == 2:
        body = [Wanted("multipart/alternative", parts=body)]
    top = Wanted("multipart/mixed", parts=[*body, *others]) if others else body[0]
    return extensions, fields, top, known


# --- what the readers see ------------------------------------------------------------------------


def by_email(part):
    """(type, octets or parts, name, Content-ID, disposition)"""
    inside = part["Content-ID"]
    return (
        part.get_content_type(),
        [by_email(one) for one in part.iter_parts()] if part.is_multipart() else part.get_payload(decode=True),
        part.get_filename(),
        inside and str(inside).strip("<>"),
        part.get_content_disposition(),
    )


def by_fast(part):
    return (
        part.content_type.lower(),
        [by_fast(one) for one in part.children] if part.content is None else bytes(part.content),
        part.filename or None,
        part.content_id and part.content_id.strip("<>"),
        part.disposition,
    )


def in_ascii(given):
    """The name that old readers see: of two names fast-mail-parser takes the second one."""
    return "".join(one if " " <= one <= "~" and one not in '"\\?' else "_" for one in given)


def same(got, wanted, reader, path="0"):
    kind, content, got_name, inside, disposition = got
    assert kind == wanted.kind, f"{reader}: part {path} is {kind}, not {wanted.kind}"
    if wanted.parts:
        assert len(content) == len(wanted.parts), f"{reader}: part {path} has {len(content)} parts"
        for number, (one, other) in enumerate(zip(content, wanted.parts)):
            same(one, other, reader, f"{path}.{number}")
        return
    assert content == wanted.octets, f"{reader}: part {path} has other octets"
    assert inside == wanted.inside and disposition == wanted.disposition, f"{reader}: part {path}: {inside} {disposition}"
    if reader == "email":
        # It takes quotation marks around a name off, whether they are written or meant.
        assert got_name == (wanted.name and email.utils.unquote(wanted.name)), path
    elif wanted.name is not None and ";" not in wanted.name:  # It takes no notice of quotation marks.
        assert got_name in (wanted.name, in_ascii(wanted.name)), (path, got_name, wanted.name)


def field(message, header):
    value = re.sub(r"\r\n(?=[ \t])", "", str(message[header]))
    return str(email.header.make_header(email.header.decode_header(value)))


def judge(data, fields, wanted):
    head, _, _ = data.partition(b"\r\n\r\n")
    assert head.isascii() and b"\r" not in data.replace(b"\r\n", b"") and b"\n" not in data.replace(b"\r\n", b"")
    assert max(map(len, data.split(b"\r\n"))) <= 998
    assert b"secret" not in data and "Tajný".encode() not in data
    ours = email.message_from_bytes(data, policy=email.policy.default)
    assert not [(part.get_content_type(), part.defects) for part in ours.walk() if part.defects]
    same(by_email(ours), wanted, "email")
    other = fast.parse_email_tree(data)
    same(by_fast(other), wanted, "fast-mail-parser")
    # The older policy: the newer one puts blanks between encoded words that belong together.
    older = email.message_from_bytes(data, policy=email.policy.compat32)
    assert field(older, "Subject") == fields["subject"]
    envelope = fast.parse_email(data)
    assert envelope.subject == fields["subject"]
    for key, header, seen in [("to", "To", envelope.to), ("cc", "Cc", envelope.cc), ("reply_to", "Reply-To", envelope.reply_to)]:
        given = fields[key]
        assert mailboxes(older, header) == given
        assert [(one.display_name or "", one.address) for one in seen] == (given or []), header
    author = fields["from_"] or ("", "a@example.com")
    assert mailboxes(older, "From") == [author]
    assert [(one.display_name or "", one.address) for one in [envelope.from_]] == [author]
    if fields["headers"]:
        assert field(older, "X-Sds") == fields["headers"]["X-Sds"]
    assert (older["X-Priority"] or "3") == {Priority.NORMAL: "3", Priority.HIGH: "1", Priority.LOW: "5"}[fields["priority"]]
    assert ("Auto-Submitted" in older) == bool(fields["flags"])


@pytest.mark.parametrize("first", range(FIRST, FIRST + MAILS, AT_ONCE))
def test_random_mails_are_read_by_others_octet_for_octet(first, tmp_path):
    server = ScriptedServer()
    try:
        with Client() as client:
            client.configure(server="127.0.0.1", port=server.port, sender="a@example.com", total_timeout_ms=20000)
            for number in range(first, min(first + AT_ONCE, FIRST + MAILS)):
                server.extensions[:], fields, wanted, known = mail(number, tmp_path)
                result = client.send(wait=True, **fields)
                assert result.code == Code.OK, number
                _, reverse, forward, data = server.mails.pop()
                try:
                    judge(data, fields, wanted)
                    everybody = [*fields["to"], *(fields["cc"] or []), *(fields["bcc"] or [])]
                    assert forward == [f"RCPT TO:<{address}>".encode() for _, address in everybody]
                    size = re.search(rb" SIZE=(\d+)", reverse)
                    assert (size is not None) == (known and "SIZE 0" in server.extensions)
                    assert size is None or int(size.group(1)) == len(data)
                    progress = client.progress()
                    # Where SIZE is not said, a single part is not measured. Dots that are doubled count then.
                    assert progress.all in (0, len(data)) and (progress.all or not known or not (size or wanted.parts))
                    assert progress.sent == progress.all or (not progress.all and progress.sent >= len(data))
                    if "8BITMIME" not in server.extensions:
                        assert data.isascii()
                except AssertionError as fault:
                    kept = tmp_path / f"{number}.eml"
                    kept.write_bytes(data)
                    raise AssertionError(f"mail {number} ({zlib.crc32(data):x}), kept as {kept}: {fault}") from fault
    finally:
        server.close()
