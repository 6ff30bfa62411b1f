"""Messages of Python's email package to an aiosmtpd without 8BITMIME: 8-bit parts are encoded, what is signed stays as it is."""

import email
import email.message
import email.mime.multipart
import email.mime.text
import email.policy
import re

import pytest
from sds_smtp import BadArgument, Code, MessageError, Outcome, SmtpError
from test_real_servers import LOGIN, SENDER, SOMEONE, configure, data_of, unique

CZECH = "Příliš žluťoučký kůň\n.\n..\nFrom here \t\n=41 end\n"
EVERY_OCTET = bytes(range(256)) * 20
HIDING = {"SDS_HIDE": "8BITMIME"}


@pytest.fixture
def server(real_servers):
    return real_servers.get("aiosmtpd", **HIDING)


@pytest.fixture
def ready(server, client):
    configure(client, server, **LOGIN)
    return client


def head(kind="text/plain; charset=utf-8", encoding="8bit"):
    return f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode()


def parsed(*parts, kind="multipart/mixed", fields=b"", policy=email.policy.default):
    """A message that was read from octets: one part, or several in a multipart."""
    start = f"From: {SENDER}\r\nTo: {SOMEONE}\r\nMessage-ID: <{unique()}@example.test>\r\nMIME-Version: 1.0\r\n".encode() + fields
    if kind is None:
        return email.message_from_bytes(start + parts[0], policy=policy)
    start += f'Content-Type: {kind}; boundary="=x"\r\n\r\n'.encode()
    return email.message_from_bytes(start + b"--=x\r\n" + b"\r\n--=x\r\n".join(parts) + b"\r\n--=x--\r\n", policy=policy)


def sent(server, client, message):
    """What arrives, and the package's view of it."""
    before = message.as_bytes()
    result = client.send(message, wait=True)
    assert (result.code, result.outcome) == (Code.OK, Outcome.SENT)
    assert message.as_bytes() == before, "the program's own message was changed"
    (file,) = server.wait_for_files(message["Message-ID"].encode(), 1)
    data = data_of(server, file)
    return data, email.message_from_bytes(data, policy=email.policy.default)


def canonical(octets):
    return re.sub(rb"\r\n|\r|\n", b"\r\n", octets)


def leaves(message):
    return [part for part in message.walk() if not part.is_multipart()]


@pytest.mark.parametrize("policy", [email.policy.default, email.policy.compat32, email.policy.SMTP])
@pytest.mark.parametrize("kind", [None, "multipart/mixed", "multipart/alternative"])
@pytest.mark.parametrize("charset", ["utf-8", "windows-1250", "x-unheard-of", None])
def test_8_bit_texts_reach_a_server_without_8bitmime(server, ready, policy, kind, charset):
    octets = CZECH.encode("windows-1250" if charset == "windows-1250" else "utf-8").replace(b"\n", b"\r\n")
    text = head(f"text/plain; charset={charset}" if charset else "text/plain") + octets
    html = head("text/html; charset=us-ascii", "7bit") + b"<p>\r\n"
    message = parsed(*([text, html] if kind else [text]), policy=policy, kind=kind)
    data, got = sent(server, ready, message)
    assert data.isascii() and b"8bit" not in data
    first, *rest = leaves(got)
    assert canonical(first.get_payload(decode=True)) == octets
    assert first.get_content_charset() == charset
    assert [one.get_payload() for one in rest] == ["<p>\r\n"] * len(rest)


@pytest.mark.parametrize("encoding", ["8bit", "binary"])
def test_octets_of_other_types_arrive(server, ready, encoding):
    octets = EVERY_OCTET if encoding == "binary" else canonical(EVERY_OCTET)
    part = email.message.EmailMessage()
    part["Content-Type"], part["Content-Transfer-Encoding"] = "application/x-blob", encoding
    part.set_payload(octets.decode("ascii", "surrogateescape"))
    message = email.message.EmailMessage()
    message["To"], message["Message-ID"] = SOMEONE, f"<{unique()}@example.test>"
    message.set_content("x")
    message.make_mixed()
    message.attach(part)
    data, got = sent(server, ready, message)
    assert data.isascii()
    assert leaves(got)[1].get_payload(decode=True) == octets


def test_contents_that_the_package_makes_8_bit_itself_arrive(server, ready):
    message = email.message.EmailMessage()
    message["To"], message["Message-ID"], message["Subject"] = SOMEONE, f"<{unique()}@example.test>", "žluť"
    message.set_content(CZECH, cte="8bit")
    message.add_alternative("<p>ž\n", subtype="html", cte="8bit")
    message.add_attachment(CZECH, subtype="csv", filename="ž.csv", cte="8bit")
    message.add_attachment(b"\xff\x00", maintype="application", subtype="x", cte="base64")
    data, got = sent(server, ready, message)
    assert data.isascii() and got["Subject"] == "žluť"
    assert got.get_body(("plain",)).get_content() == CZECH.replace("\n", "\r\n")
    csv, blob = got.iter_attachments()
    assert (csv.get_filename(), csv.get_content()) == ("ž.csv", CZECH.replace("\n", "\r\n"))
    assert blob.get_content() == b"\xff\x00"


def test_a_forwarded_message_is_encoded_in_its_parts(server, ready):
    inner = b"From: x@example.org\r\nSubject: inner\r\n" + head() + "žluť\r\n".encode()
    data, got = sent(server, ready, parsed(head(encoding="7bit") + b"see below", head("message/rfc822") + inner))
    assert data.isascii() and b"8bit" not in data
    assert [part["Content-Transfer-Encoding"] for part in got.walk() if part.get_content_maintype() == "message"] == ["7bit"]
    assert leaves(got)[-1].get_content() == "žluť\r\n"


def test_raw_header_fields_are_encoded(server, ready):
    fields = "Subject: žluť\r\n".encode()
    data, _ = sent(server, ready, parsed(head() + "ž\r\n".encode(), kind=None, fields=fields))
    assert data.isascii()


SIGNATURE = head("application/pgp-signature", "7bit") + b"-----BEGIN PGP SIGNATURE-----"
SIGNED = "multipart/signed; protocol=\"application/pgp-signature\"; micalg=pgp-sha256"
SIGNED_PART = head() + b"X\xc5\xbd  \t\r\n trailing \r\nend"


def test_a_signed_part_keeps_its_octets(real_servers, server, ready, client):
    message = parsed(SIGNED_PART, SIGNATURE, kind=SIGNED)
    # This server cannot take it, and it is not changed so that it can.
    with pytest.raises(MessageError) as refused:
        ready.send(message, wait=True)
    assert (refused.value.code, refused.value.result.outcome) == (Code.NOT_SUPPORTED, Outcome.NOT_SENT)
    assert "8BITMIME" in refused.value.result.text
    other = real_servers.get("aiosmtpd")
    configure(client, other, **LOGIN)
    data, _ = sent(other, client, message)
    assert b"--=x\r\n" + SIGNED_PART + b"\r\n--=x\r\n" in data


def test_a_signed_part_in_ascii_goes_anywhere(server, ready):
    octets = head(encoding="quoted-printable") + b"=C5=BE=20\r\nend"
    data, _ = sent(server, ready, parsed(octets, SIGNATURE, kind=SIGNED))
    assert b"--=x\r\n" + octets + b"\r\n--=x\r\n" in data


def test_what_stands_beside_a_signed_part_is_encoded(server, ready):
    inner = parsed(head(encoding="7bit") + b"signed", SIGNATURE, kind=SIGNED).as_bytes().partition(b"Content-Type: multipart")
    signed = (inner[1] + inner[2]).replace(b"=x", b"=y").replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    data, got = sent(server, ready, parsed(signed, head() + "ž".encode()))
    assert data.isascii() and leaves(got)[-1].get_content().strip() == "ž"
    assert b"--=y\r\n" + head(encoding="7bit") + b"signed\r\n--=y\r\n" in data


def test_the_body_of_a_message_with_dkim_keeps_its_octets(real_servers, ready, client):
    message = parsed(SIGNED_PART, kind=None, fields=b"DKIM-Signature: v=1; a=rsa-sha256; bh=x; b=y\r\n")
    with pytest.raises(SmtpError) as refused:
        ready.send(message, wait=True)
    assert refused.value.code == Code.NOT_SUPPORTED
    other = real_servers.get("aiosmtpd")
    configure(client, other, **LOGIN)
    data, _ = sent(other, client, message)
    assert data.endswith(SIGNED_PART.partition(b"\r\n\r\n")[2] + b"\r\n")


def test_letters_without_a_charset_are_refused(ready):
    message = email.mime.multipart.MIMEMultipart()
    message["To"] = SOMEONE
    text = email.mime.text.MIMEText("x")
    text.set_payload("žluť")
    message.attach(text)
    with pytest.raises(MessageError) as refused:
        ready.send(message)
    assert refused.value.code == Code.BAD_ARGUMENT and "text/plain" in str(refused.value)


def test_subject_beside_a_message_is_refused(ready):
    message = email.message.EmailMessage()
    message["To"] = SOMEONE
    with pytest.raises(BadArgument):
        ready.send(message, "subject")
