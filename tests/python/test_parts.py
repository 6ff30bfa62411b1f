"""HTML, attachments, files, whole messages: what arrives is taken apart by Python's email package, octet for octet."""

import email
import email.message
import email.policy
import os
import random
import re
import socket
import statistics
import sys
import threading
import time

import pytest
import sds_smtp
from conftest import ScriptedServer
from sds_smtp import (
    RAW,
    TEXT_IN_CHARSET,
    Attachment,
    BadArgument,
    Client,
    Code,
    Feature,
    MessageError,
    Outcome,
    Phase,
    SmtpError,
)
from test_real_servers import LOGIN, SENDER, SOMEONE, configure, data_of, unique

MAILS = 150
EXTENSIONS = ["PIPELINING", "8BITMIME", "SIZE 0"]
CZECH = "Příliš žluťoučký kůň"


@pytest.fixture
def server():
    scripted = ScriptedServer(extensions=EXTENSIONS)
    yield scripted
    scripted.close()


@pytest.fixture
def client(server):
    one = Client()
    one.configure(server="127.0.0.1", port=server.port, sender="a@example.com", total_timeout_ms=20000)
    yield one
    one.close()


def last(server):
    return server.mails[-1][3]


def parsed(data):
    return email.message_from_bytes(data, policy=email.policy.default)


def lines(text):
    """A text as it arrives: each line ended with CRLF."""
    text = re.sub(r"\r\r\n|\r\n|\r|\n", "\r\n", text)
    return text if not text or text.endswith("\r\n") else text + "\r\n"


def announced(server):
    return int(re.search(rb"SIZE=(\d+)", [line for _, line in server.commands if line.startswith(b"MAIL")][-1]).group(1))


def test_the_library_says_that_it_knows_parts():
    assert Feature.PARTS in sds_smtp.features()


def test_text_and_html_are_alternatives_and_the_chart_is_related(server, client):
    html = f'<p>{CZECH} <img src="cid:chart@x"></p>'
    chart = Attachment(data=b"PNG", content_type="image/png", content_id="chart@x", name="graf č. 1.png")
    report = Attachment(data=b"a;b\r\n", content_type="text/csv; charset=utf-8", name="r.csv")
    client.send("b@example.com", "x", CZECH, html=html, attachments=[chart, report], wait=True)
    mail = parsed(last(server))
    assert mail.get_content_type() == "multipart/mixed"
    body, attached = mail.iter_parts()
    text, related = body.iter_parts()
    page, image = related.iter_parts()
    assert [part.get_content_type() for part in (body, text, related, page)] == [
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
    ]
    assert (text.get_content(), page.get_content()) == (lines(CZECH), lines(html))
    assert (image["Content-ID"], image.get_filename(), image.get_content()) == ("<chart@x>", "graf č. 1.png", b"PNG")
    assert image.get_content_disposition() == "inline" and attached.get_content_disposition() == "attachment"
    assert attached.get_content() == "a;b\r\n" and attached.get_filename() == "r.csv"
    assert announced(server) == len(last(server))
    assert mail.get_body(("html",)) is not None and mail.get_body(("plain",)) is not None


def test_html_alone_is_no_multipart(server, client):
    client.send("b@example.com", "x", html="<b>x</b>", wait=True)
    mail = parsed(last(server))
    assert (mail.get_content_type(), mail.get_content()) == ("text/html", "<b>x</b>\r\n")


@pytest.mark.parametrize("more", [[], [Attachment(data=b"z", name="z")]])
def test_an_inline_part_without_html_is_not_lost(server, client, more):
    chart = Attachment(data=b"PNG", content_type="image/png", content_id="chart@x", name="graf.png")
    client.send("b@example.com", "x", "text", attachments=[chart, *more], wait=True)
    mail = parsed(last(server))
    assert mail.get_content_type() == "multipart/mixed"
    text, image, *rest = mail.iter_parts()
    assert text.get_content() == "text\r\n" and len(rest) == len(more)
    assert (image["Content-ID"], image.get_filename(), image.get_content()) == ("<chart@x>", "graf.png", b"PNG")
    assert image.get_content_disposition() == "inline"
    assert announced(server) == len(last(server))


NAMES = ["r.csv", "a b.txt", 'quo"te.txt', "back'tick`.x", CZECH + ".pdf", "日本語の長い名前" * 8 + ".txt", "%41;=.x", "é" * 127, "=?utf-8?Q?=2E=2E=2Fx?=", "a=b?.x"]
TEXTS = ["", "x", "x\n", ".\n..\n\n.x", CZECH + "\n" * 3, "a\rb\r\r\nc", "z" * 2000, "tab\tend \n", "=_sds-m\n--=_sds-a", "\x07"]


def some_octets(source):
    length = source.choice([0, 1, 2, 3, 56, 57, 58, 113, 114, 16383, 16384, 32768, 32769, source.randrange(100000)])
    return source.randbytes(length)


def test_random_mails_arrive_octet_for_octet(server, client, tmp_path):
    source = random.Random(20261128)
    for number in range(MAILS):
        server.extensions[:] = source.choice([EXTENSIONS, ["SIZE 0"], ["PIPELINING"]])
        text, html = source.choice(TEXTS), source.choice([None, None, "<p>ž</p>", "<p>x\n" * source.randrange(1, 3000)])
        wanted, attachments = [], []
        for _ in range(source.choice([0, 1, 1, 2, 5])):
            data, name = some_octets(source), source.choice(NAMES)
            wanted.append((name, data))
            kind = source.randrange(4)
            if kind == 0:
                attachments.append(Attachment(data=data, name=name))
            elif kind == 1:
                path = tmp_path / f"{number}-{len(wanted)}"
                path.write_bytes(data)
                attachments.append(Attachment(path=path, name=name))
            else:
                piece = source.choice([1 << 20, 1000, 57, 100])

                def read(offset, most, data=data, piece=piece):
                    return data[offset : offset + min(piece, most)]

                attachments.append(Attachment(read=read, length=len(data) if kind == 2 else 0, name=name))
        result = client.send("b@example.com", f"{number}", text, html=html, attachments=attachments, wait=True)
        data = last(server)
        progress = client.progress()
        assert progress.sent == progress.all or progress.all == 0, (progress, result)
        assert b"\r" not in data.replace(b"\r\n", b"") and b"\n" not in data.replace(b"\r\n", b"")
        assert max(map(len, data.split(b"\r\n"))) <= 998
        known = all(one.data is not None or one.length or one.path for one in attachments)
        mails = [line for _, line in server.commands if line.startswith(b"MAIL")]
        assert (b"SIZE=" in mails[-1]) == (known and "SIZE 0" in server.extensions), number
        if b"SIZE=" in mails[-1]:
            assert announced(server) == len(data), number
        if "8BITMIME" not in server.extensions:
            assert data.isascii()
        mail = parsed(data)
        assert not [part for part in mail.walk() if part.defects], number
        if text:
            assert mail.get_body(("plain",)).get_content() == lines(text), number
        if html:
            assert mail.get_body(("html",)).get_content() == lines(html), number
        if attachments:
            got = [(part.get_filename(), part.get_content()) for part in mail.iter_attachments()]
            assert got == wanted, number


def test_old_readers_see_a_name_in_ascii(server, client):
    client.send("b@example.com", attachments=[Attachment(data=b"x", name=CZECH + '".pdf')], wait=True)
    fields = last(server).decode()
    assert fields.index("filename*") < fields.index('filename="P__li_ _lu_ou_k_ k___.pdf"')


@pytest.mark.parametrize(
    "attachment, why",
    [
        (Attachment(), "none of data, path and read"),
        (Attachment(data=b"x", path="/x"), "more than one of data, path and read"),
        (Attachment(path="/x", length=3), "length is not 0"),
        (Attachment(data=b"x", name="../x"), "name: a path"),
        (Attachment(data=b"x", name="a\\b"), "name: a path"),
        (Attachment(data=b"x", name="a\r\nX: y"), "name: a line end"),
        (Attachment(data=b"x", name="a\u202egpj.exe"), "turns the direction"),
        (Attachment(data=b"x", name=b"\xff"), "name: not UTF-8"),
        (Attachment(data=b"x", name="n" * 4096), "name: longer than 255"),
        (Attachment(data=b"x", content_type="message/rfc822"), "cannot be attached"),
        (Attachment(data=b"x", content_type="multipart/mixed"), "cannot be attached"),
        (Attachment(data=b"x", content_type="text/plain\r\nX: y"), "content_type:"),
        (Attachment(data=b"x", content_type="text/plain;\r\nX: y"), "content_type:"),
        (Attachment(data=b"x", content_type="text/plain;\r\n\r\na=b"), "content_type:"),
        (Attachment(data=b"x", content_type="text/plain\n;a=b"), "content_type:"),
        (Attachment(data=b"x", content_type="text"), "no type/subtype"),
        (Attachment(data=b"x", content_id="<a@b>"), "angle brackets"),
        (Attachment(data=b"x", content_id=""), "content_id: empty"),
    ],
)
def test_what_is_wrong_with_an_attachment_is_told_with_its_number(server, client, attachment, why):
    with pytest.raises(SmtpError) as refused:
        client.send("b@example.com", attachments=[Attachment(data=b"x"), attachment])
    assert refused.value.code == Code.BAD_ARGUMENT
    assert "attachments: entry 2: " in str(refused.value) and why in str(refused.value)
    assert not server.commands


def assert_not_read(client, server, words, phase, **more):
    with pytest.raises(MessageError) as failed:
        client.send("b@example.com", "x", wait=True, **more)
    result = failed.value.result
    assert (result.code, result.outcome, result.phase) == (Code.READ_FAILED, Outcome.NOT_SENT, phase)
    assert words in result.text
    assert not server.mails


def test_a_function_that_fails_at_any_call_delivers_nothing(server, client):
    data = bytes(200_000)
    for failing in range(1, 12):
        calls = []

        def read(offset, most):
            calls.append(offset)
            if len(calls) == failing:
                raise OSError("gone")
            return data[offset : offset + min(20_000, most)]

        hook, told = sys.unraisablehook, []
        sys.unraisablehook = told.append
        try:
            more = {"attachments": [Attachment(read=read, length=len(data))]}
            assert_not_read(client, server, "the read function", Phase.TEXT, **more)
        finally:
            sys.unraisablehook = hook
        assert len(told) == 1 and len(calls) == failing


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("failure", [OSError("gone"), KeyboardInterrupt(), TypeError()])
def test_a_function_that_raises_delivers_nothing_with_the_interpreters_own_hook(server, client, failure, capfd):
    hook, sys.unraisablehook = sys.unraisablehook, sys.__unraisablehook__
    try:

        def read(offset, most):
            if offset:
                raise failure
            return b"x" * 10

        assert_not_read(client, server, "the read function", Phase.TEXT, attachments=[Attachment(read=read)])
    finally:
        sys.unraisablehook = hook
    told = capfd.readouterr().err
    assert type(failure).__name__ in told and "UnraisableHookArgs" not in told


@pytest.mark.parametrize("length, words", [(9, "more octets"), (11, "fewer octets")])
def test_another_length_than_announced_delivers_nothing(server, client, length, words):
    read = Attachment(read=lambda offset, most: b"0123456789"[offset:], length=length)
    assert_not_read(client, server, words, Phase.TEXT, attachments=[read])


def test_files_that_cannot_be_read_are_found_before_there_is_a_connection(server, client, tmp_path):
    for path, words in [
        (tmp_path / "none", "cannot be opened"),
        (tmp_path, "a directory, a device"),
        ("/dev/zero", "a directory, a device"),
        ("", "cannot be opened"),
    ]:
        assert_not_read(client, server, words, Phase.START, attachments=[Attachment(path=path, name="x")])
        assert_not_read(client, server, words, Phase.START, text_path=path)
    assert not server.commands


@pytest.mark.parametrize("change, words", [("shrink", "shorter"), ("grow", "longer"), ("vanish", "cannot be opened")])
def test_a_file_that_changes_while_it_is_sent_delivers_nothing(server, client, tmp_path, change, words):
    path = tmp_path / "file"
    path.write_bytes(bytes(300_000))

    def read(offset, most):
        if offset == 0:
            if change == "vanish":
                path.unlink()
            else:
                path.write_bytes(bytes(100_000 if change == "shrink" else 500_000))
        return b"x" if offset == 0 else b""

    both = [Attachment(read=read), Attachment(path=path)]
    assert_not_read(client, server, words, Phase.TEXT, attachments=both)


def test_an_empty_file_has_a_length_and_the_mail_a_size(server, client, tmp_path):
    empty, other = tmp_path / "empty", tmp_path / "other"
    empty.touch()
    other.write_bytes(b"x")
    client.send("b@example.com", attachments=[Attachment(path=empty), Attachment(path=other)], wait=True)
    assert announced(server) == len(last(server))
    first, second = parsed(last(server)).iter_attachments()
    assert (first.get_content(), second.get_content()) == (b"", b"x")


def test_what_seems_empty_in_proc_has_no_size(server, client):
    client.send("b@example.com", attachments=[Attachment(path="/proc/self/status")], wait=True)
    assert not any(b"SIZE=" in line for _, line in server.commands)


def test_what_is_in_proc_has_no_length_and_arrives(server, client):
    client.send("b@example.com", attachments=[Attachment(path="/proc/self/status")], wait=True)
    (part,) = parsed(last(server)).iter_attachments()
    assert part.get_content().startswith(b"Name:")


def test_a_pipe_that_nobody_writes_holds_up_its_own_mail_only(server, client, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    stuck = [Client() for _ in range(6)]
    for one in stuck:
        one.configure(server="127.0.0.1", port=server.port, sender="a@example.com", total_timeout_ms=1500)
        one.send("b@example.com", attachments=[Attachment(path=pipe)])
    begun = time.monotonic()
    client.send("b@example.com", "x", "plain", wait=True)
    assert time.monotonic() - begun < 1
    for one in stuck:
        assert one.wait(10) == Code.TIMEOUT
        result = one.result()
        assert (result.outcome, "gave nothing in time" in result.text) == (Outcome.NOT_SENT, True), result
        # Of those that found no thread nobody knows how long the pipe is.
        assert result.phase in (Phase.START, Phase.TEXT)
        one.close()
    assert len(server.mails) == 1


@pytest.mark.parametrize("field", ["path", "text_path", "read"])
def test_the_text_says_that_nothing_was_read_in_time(server, tmp_path, field):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    more = {
        "path": {"attachments": [Attachment(path=pipe)]},
        "text_path": {"text": None, "text_path": pipe},
        "read": {"attachments": [Attachment(read=lambda offset, most: None)]},
    }
    with Client() as client:
        client.configure(server="127.0.0.1", port=server.port, sender="a@example.com", block_timeout_ms=300)
        with pytest.raises(SmtpError) as failed:
            client.send("b@example.com", wait=True, **more[field])
        result = failed.value.result
        assert (result.code, result.outcome, result.phase) == (Code.TIMEOUT, Outcome.NOT_SENT, Phase.TEXT)
        assert result.text == "a file, or the read function of an attachment, gave nothing in time"
        server.gate("END")
        with pytest.raises(SmtpError) as failed:
            client.configure(server="127.0.0.1", port=server.port, sender="a@example.com", total_timeout_ms=500)
            client.send("b@example.com", attachments=[Attachment(data=b"x")], wait=True)
        assert failed.value.result.outcome == Outcome.UNKNOWN and "read" not in failed.value.result.text


def mails_while(client, condition):
    """Plain mails one after the other, as long as the condition holds: how long each took, in seconds."""
    took = []
    while condition():
        begun = time.perf_counter()
        client.send("b@example.com", "Alarm", "Text.\n", wait=True)
        took.append(time.perf_counter() - begun)
    return took


@pytest.mark.parametrize("field", ["text", "html"])
def test_64_mib_for_a_server_without_8bitmime_hold_up_no_other_mail(server, client, field, capsys):
    """It is looked at, and its size as quoted-printable counted, in the call that sends it, not on the engine's thread."""
    line = "<p>Příliš žluťoučký kůň = 5 °C, a teplota stoupá dál a dál.</p>\n".encode()
    octets = (line * (2**26 // len(line) + 1))[: 2**26 - 1].rsplit(b"\n", 1)[0]
    other = ScriptedServer(extensions=["SIZE 0"])
    gate = other.gate("MAIL")
    with Client() as large:
        large.configure(server="127.0.0.1", port=other.port, sender="a@example.com")
        begun = time.perf_counter()
        sending = threading.Thread(target=lambda: large.send("b@example.com", **{"text": None, field: octets}))
        sending.start()
        waits = {"while it is sent": mails_while(client, lambda: not other._reached["MAIL"].is_set())}
        took = time.perf_counter() - begun
        sending.join()
        gate.set()
        until = time.perf_counter() + 1
        waits["while it leaves"] = mails_while(client, lambda: time.perf_counter() < until)
        progress = large.progress()
        large.cancel()
    other.close()
    with capsys.disabled():
        for name, all_of_them in waits.items():
            median, worst = statistics.median(all_of_them) * 1000, max(all_of_them) * 1000
            print(f"\n{field}: send {took * 1000:.0f} ms; a plain mail {name}: median {median:.1f} ms, worst {worst:.1f}", end="")
    assert all(len(each) >= 5 for each in waits.values()), waits
    assert max(statistics.median(each) for each in waits.values()) < 0.1, waits
    # Had the engine counted, one of them would have waited for that.
    assert max(waits["while it is sent"]) < max(0.25, took / 2), (took, waits)
    # On a quiet machine all of it has left by now.
    assert 0 < progress.sent <= progress.all and progress.all > 2**26


@pytest.mark.parametrize("field", ["path", "read"])
def test_what_gave_nothing_in_time_is_not_tried_elsewhere_nor_again(server, tmp_path, field):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    more = Attachment(path=pipe) if field == "path" else Attachment(read=lambda offset, most: None)
    other = ScriptedServer(extensions=EXTENSIONS)
    with Client() as client:
        servers = f"127.0.0.1:{server.port}, 127.0.0.1:{other.port}"
        client.configure(server=servers, sender="a@example.com", block_timeout_ms=300, retry_max=3, retry_delay_ms=10)
        with pytest.raises(SmtpError) as failed:
            client.send("b@example.com", attachments=[more], wait=True)
        result = failed.value.result
        assert (result.code, result.outcome, result.attempts) == (Code.TIMEOUT, Outcome.NOT_SENT, 1)
        # A server that gives no answer is another matter.
        server.gate("EHLO")
        client.configure(server=servers, sender="a@example.com", ehlo_timeout_ms=300)
        client.send("b@example.com", "x", "plain", wait=True)
    assert [len(one.mails) for one in (server, other)] == [0, 1]
    other.close()


def test_a_length_that_no_number_can_say_is_too_large(server, client):
    server.extensions[:] = ["SIZE 1000000"]
    with pytest.raises(SmtpError) as failed:
        client.send("b@example.com", attachments=[Attachment(read=lambda offset, most: b"", length=2**64 - 1)], wait=True)
    assert failed.value.code == Code.DATA_FAILED and "SIZE" in failed.value.result.text


def test_a_pipe_is_read_to_its_end(server, client, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def write():
        time.sleep(0.2)
        with open(pipe, "wb") as out:
            for _ in range(10):
                out.write(b"x" * 1000)
                out.flush()
                time.sleep(0.01)

    threading.Thread(target=write).start()
    client.send("b@example.com", attachments=[Attachment(path=pipe)], wait=True)
    (part,) = parsed(last(server)).iter_attachments()
    assert part.get_content() == b"x" * 10_000


def test_a_function_that_has_nothing_now_is_asked_again(server, client):
    calls = []

    def read(offset, most):
        calls.append(offset)
        return None if len(calls) % 2 else b"abcde"[offset : offset + 2]

    client.send("b@example.com", attachments=[Attachment(read=read)], wait=True)
    (part,) = parsed(last(server)).iter_attachments()
    assert part.get_content() == b"abcde"


def test_a_read_function_that_blocks_holds_up_its_own_mail_only_and_close_waits_for_it(server):
    entered, leave, left = threading.Event(), threading.Event(), []

    def read(offset, most):
        entered.set()
        leave.wait(20)
        left.append(1)
        return b""

    stuck, other = Client(), Client()
    ends = []
    for one in (stuck, other):
        one.configure(server="127.0.0.1", port=server.port, sender="a@example.com", total_timeout_ms=1000)
    stuck.send("b@example.com", attachments=[Attachment(read=read)], done=lambda _, result: ends.append((result.code, len(left))))
    assert entered.wait(10)
    other.send("b@example.com", "x", "plain", wait=True)
    assert stuck.wait(10) == Code.TIMEOUT
    time.sleep(0.2)
    # The status is final, and the program is told when its function has returned.
    assert ends == []
    leave.set()
    for _ in range(200):
        if ends:
            break
        time.sleep(0.01)
    assert ends == [(Code.TIMEOUT, 1)]
    stuck.close()
    other.close()


def test_a_function_is_not_asked_again_while_it_still_runs_for_the_attempt_before(server):
    full = socket.create_server(("127.0.0.1", 0))

    def refuse():
        connection, _ = full.accept()
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b"220 x\r\n")
            while not lines.readline().startswith(b"DATA"):
                connection.sendall(b"250 x\r\n")
            connection.sendall(b"354 x\r\n")
            assert entered.wait(10)
            connection.sendall(b"451 4.3.1 full\r\n")
            lines.read()

    running, entered, together, offsets = threading.Lock(), threading.Event(), [], []
    data = random.Random(7).randbytes(100_000)

    def read(offset, most):
        offsets.append(offset)
        if not running.acquire(blocking=False):
            together.append(offset)
            return data[offset : offset + most]
        try:
            if offset:
                entered.set()
                time.sleep(0.5)
            return data[offset : offset + most]
        finally:
            running.release()

    thread = threading.Thread(target=refuse)
    thread.start()
    with full, Client() as client:
        servers = f"127.0.0.1:{full.getsockname()[1]}, 127.0.0.1:{server.port}"
        client.configure(server=servers, sender="a@example.com", total_timeout_ms=20000)
        client.send("b@example.com", attachments=[Attachment(read=read, length=len(data))], wait=True)
    thread.join(10)
    assert offsets.count(0) == 2 and together == []
    (part,) = parsed(last(server)).iter_attachments()
    assert part.get_content() == data


def test_many_files_with_long_paths_take_no_longer_each(server, client, tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"x")
    long = str(tmp_path) + "/." * 1900 + "/x"
    begun = time.monotonic()
    client.send("b@example.com", attachments=[Attachment(path=long)] * 5000, wait=True)
    # Where each one was looked for from the beginning it took a minute, and held up all other mails.
    assert time.monotonic() - begun < 20
    assert last(server).count(b"eA==") == 5000


def test_a_text_from_a_file_that_is_not_utf8_delivers_nothing(server, client, tmp_path):
    path = tmp_path / "text"
    for octets in (b"x" * 70_000 + b"\xe9" + b"y" * 10, b"x" * 70_000 + b"\xc5"):
        path.write_bytes(octets)
        with pytest.raises(MessageError) as failed:
            client.send("b@example.com", text=None, text_path=path, wait=True)
        result = failed.value.result
        assert (result.code, result.outcome) == (Code.DATA_FAILED, Outcome.NOT_SENT) and "UTF-8" in result.text
    assert not server.mails


def test_a_whole_message_asks_for_smtputf8_only_where_its_envelope_needs_it(server):
    server.extensions.append("SMTPUTF8")
    raw = "From: x\r\n\r\n"
    with Client() as client:
        client.configure(server="127.0.0.1", port=server.port, sender="ž@example.com")
        for more, wanted in [
            ({}, True),
            ({"reverse_path": "a@example.com"}, False),
            ({"reverse_path": "<>"}, False),
            ({"from_": "a@example.com"}, False),
            ({"from_": "ž@example.com", "reverse_path": "a@example.com"}, False),
            ({"reverse_path": "ž@example.com"}, True),
            ({"reverse_path": "<>", "bcc": "ž@example.com"}, True),
        ]:
            client.send("b@example.com", text=raw, flags=RAW, wait=True, **more)
            assert (b"SMTPUTF8" in server.mails[-1][1]) == wanted, more


def test_the_message_id_of_a_whole_message_is_its_own(server, client):
    assert client.send("b@example.com", text="Message-ID: <x@y>\r\n\r\n", flags=RAW, wait=True).message_id == ""
    assert client.send("b@example.com", text="x", wait=True).message_id.encode() in last(server)


def test_a_text_from_a_file_arrives(server, client, tmp_path):
    text = (CZECH + "\n.\n\nend") * 3000
    path = tmp_path / "text"
    path.write_bytes(text.encode())
    client.send("b@example.com", "x", text_path=path, wait=True)
    assert parsed(last(server)).get_content() == lines(text)
    client.send("b@example.com", "x", text_path=path, html="<p>", attachments=[Attachment(path=path)], wait=True)
    mail = parsed(last(server))
    assert mail.get_body(("plain",)).get_content() == lines(text)
    assert [part.get_content() for part in mail.iter_attachments()] == [text.encode()]
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SmtpError) as failed:
        client.send("b@example.com", "x", text_path=path, wait=True)
    assert (failed.value.code, failed.value.result.outcome) == (Code.DATA_FAILED, Outcome.NOT_SENT)


def test_the_charset_of_a_file_is_not_that_of_the_html(server, client, tmp_path):
    client.configure(server="127.0.0.1", port=server.port, sender="a@example.com", charset="iso-8859-2")
    path = tmp_path / "text"
    path.write_bytes(CZECH.encode("iso-8859-2"))
    client.send("b@example.com", "x", text_path=path, html=f"<p>{CZECH}", flags=TEXT_IN_CHARSET, wait=True)
    mail = parsed(last(server))
    assert mail.get_body(("plain",)).get_content() == lines(CZECH)
    assert mail.get_body(("html",)).get_content() == lines(f"<p>{CZECH}")
    # Of what is in memory, what is in it decides, in a mail of one part and of two.
    for html in (None, "<p>"):
        client.send("b@example.com", "x", CZECH, html=html, flags=TEXT_IN_CHARSET, wait=True)
        assert parsed(last(server)).get_body(("plain",)).get_content() == lines(CZECH)


def test_a_whole_message_is_sent_as_it_is(server, client, tmp_path):
    raw = b"From: a@example.com\nSubject: x\r\n\n.dot\r..\r\r\nend"
    wire = b"From: a@example.com\r\nSubject: x\r\n\r\n.dot\r\n..\r\nend\r\n"
    client.send("b@example.com", text=raw, flags=RAW, wait=True)
    assert last(server) == wire and announced(server) == len(wire)
    path = tmp_path / "raw"
    path.write_bytes(raw * 3000)
    client.send("b@example.com", text=None, text_path=path, flags=RAW, wait=True)
    assert last(server) == (wire[:-2] * 3000).replace(b"endFrom", b"endFrom") + b"\r\n"


@pytest.mark.parametrize("field", ["Bcc: x@example.com", "bCC : x", "Resent-Bcc: x"])
def test_a_whole_message_that_names_bcc_is_refused(server, client, tmp_path, field):
    raw = f"From: a@example.com\r\n{field}\r\n\r\nx"
    with pytest.raises(SmtpError) as refused:
        client.send("b@example.com", text=raw, flags=RAW)
    assert refused.value.code == Code.BAD_ARGUMENT and "Bcc" in str(refused.value)
    path = tmp_path / "raw"
    path.write_text(raw)
    with pytest.raises(SmtpError) as refused:
        client.send("b@example.com", text=None, text_path=path, flags=RAW, wait=True)
    assert refused.value.code == Code.BAD_ARGUMENT and not server.mails
    client.send("b@example.com", text=f"From: a@example.com\r\n {field}\r\n\r\n{field}", flags=RAW, wait=True)


def test_octets_above_127_need_8bitmime(server, client, tmp_path):
    raw = "From: a@example.com\r\n\r\n" + CZECH
    client.send("b@example.com", text=raw, flags=RAW, wait=True)
    assert last(server) == lines(raw).encode()
    server.extensions[:] = ["SIZE 0"]
    path = tmp_path / "raw"
    path.write_text(raw)
    for more in ({"text": raw}, {"text": None, "text_path": path}):
        with pytest.raises(SmtpError) as refused:
            client.send("b@example.com", flags=RAW, wait=True, **more)
        assert refused.value.code == Code.NOT_SUPPORTED and "8BITMIME" in refused.value.result.text
    assert len(server.mails) == 1


def test_a_message_of_the_email_package_is_accepted_as_it_is(server, client):
    message = email.message.EmailMessage()
    message["From"], message["To"] = "Jan <a@example.com>", "B <b@example.com>, c@example.com"
    message["Cc"], message["Bcc"], message["Subject"] = "d@example.com", "hidden@example.com", CZECH
    message.set_content(CZECH + "\n.\n")
    message.add_alternative("<p>x</p>", subtype="html")
    message.add_attachment(b"\x00\xff" * 1000, maintype="application", subtype="x", filename="ž.bin")
    client.send(message, wait=True)
    assert message["Bcc"] == "hidden@example.com"
    _, _, recipients, data = server.mails[-1]
    assert [str(one).strip("<>b'") for one in recipients] or recipients
    named = b" ".join(one if isinstance(one, bytes) else one.encode() for one in recipients)
    assert all(one in named for one in (b"b@example.com", b"c@example.com", b"d@example.com", b"hidden@example.com"))
    assert b"hidden" not in data
    got = parsed(data)
    assert (got["Subject"], got["To"]) == (CZECH, message["To"])
    assert got["Message-ID"] and got["Date"]
    assert got.get_body(("plain",)).get_content().replace("\r\n", "\n") == CZECH + "\n.\n"
    assert [part.get_content() for part in got.iter_attachments()] == [b"\x00\xff" * 1000]
    with pytest.raises(BadArgument):
        client.send(message, "subject")


@pytest.mark.parametrize("policy", [email.policy.default, email.policy.compat32])
@pytest.mark.parametrize(
    "to, wanted",
    [
        ("=?utf-8?q?evil=40example=2Ecom=2C_Bob?= <b@example.com>", ["b@example.com"]),
        ('"c@example.com, x" <b@example.com>', ["b@example.com"]),
        ("all: b@example.com, c@example.com;", ["b@example.com", "c@example.com"]),
        ('"q, r"@example.com,, b@example.com', ['"q, r"@example.com', "b@example.com"]),
    ],
)
def test_a_message_of_the_email_package_goes_to_its_addresses_only(server, client, policy, to, wanted):
    message = email.message_from_string(f"To: {to}\nbcc:\n hidden@example.com\nBcc: two@example.com\n\nx\n", policy=policy)
    client.send(message, wait=True)
    _, _, recipients, data = server.mails[-1]
    everybody = [*wanted, "hidden@example.com", "two@example.com"]
    assert recipients == [f"RCPT TO:<{address}>".encode() for address in everybody]
    assert b"bcc" not in data.lower() and b"hidden" not in data


def test_nobody_in_a_message_of_the_email_package_is_left_out_in_silence(server, client):
    for to in ["b@example.com; c@example.com", "b@example.com c@example.com", "b@example.com, c"]:
        message = email.message.EmailMessage()
        message["To"] = to
        message.set_content("x")
        with pytest.raises(MessageError) as refused:
            client.send(message)
        assert refused.value.code == Code.RECIPIENT_REFUSED
    assert not server.commands


@pytest.mark.skipif(Feature.NAMES not in sds_smtp.features(), reason="a build without unicode")
def test_domains_of_a_message_of_the_email_package_go_as_a_labels(server, client):
    message = email.message.EmailMessage()
    message["To"] = f"{CZECH} <b@háček.example>, all: c@example.com, d@háček.example;"
    message["From"] = "a@háček.example"
    message.set_content("x")
    client.send(message, wait=True)
    _, reverse_path, recipients, data = server.mails[-1]
    assert recipients[0] == b"RCPT TO:<b@xn--hek-ela4t.example>" and len(recipients) == 3
    assert b"SMTPUTF8" not in reverse_path and data.isascii()
    assert parsed(data)["To"].addresses[0].display_name == CZECH and b"From: a@xn--hek-ela4t.example" in data
    assert "háček" in message["To"]


def test_progress_is_there_until_the_mail_has_ended_and_after_it(server):
    """Also while the program is told of the last lines, and the result has to wait for that."""
    told = []
    with Client() as client:
        configured = {"server": "127.0.0.1", "port": server.port, "sender": "a@example.com"}
        client.configure(**configured, trace=lambda line: told.append((line, client.progress().sent)))
        client.send("b@example.com", "x", "A text.\n", attachments=[Attachment(data=b"x" * 1000)], wait=True)
        whole = len(last(server))
        behind = [sent for line, sent in told if line.startswith(("S: 250 2.0.0", "C: QUIT"))]
        assert behind and set(behind) == {whole}, told
        assert client.progress() == sds_smtp.Progress(whole, whole)


def test_progress_of_a_mail_whose_length_nobody_knows(server, client):
    data = b"x" * 100_000
    client.send("b@example.com", attachments=[Attachment(read=lambda offset, most: data[offset : offset + most])], wait=True)
    assert client.progress() == sds_smtp.Progress(len(last(server)), 0)


def test_progress_begins_anew_with_each_attempt(server):
    data = b"x" * 100_000
    server.replies["END"] = "451 4.3.0 later"
    with Client() as client:
        client.configure(server="127.0.0.1", port=server.port, sender="a@example.com", retry_max=1, retry_delay_ms=300)
        gate = server.gate("MAIL")
        client.send("b@example.com", attachments=[Attachment(data=data)])
        server.reached("MAIL")
        first = client.progress()
        gate.set()
        while not client.progress().sent == client.progress().all > len(data):
            time.sleep(0.001)
        whole = client.progress()
        gate = server.gate("MAIL")
        del server.replies["END"]
        server.reached("MAIL")
        second = client.progress()
        gate.set()
        assert client.wait(20) == Code.OK and client.result().attempts == 2
        assert (first.sent, second) == (0, first) and whole.all == first.all
        assert client.progress() == whole == sds_smtp.Progress(len(last(server)), len(last(server)))


def test_progress_grows_up_to_all(server, client):
    data = bytes(3_000_000)
    server.gate("END")
    client.send("b@example.com", attachments=[Attachment(data=data)])
    server.reached("END")
    progress = client.progress()
    assert progress.sent == progress.all > len(data) * 4 // 3
    server._gates["END"].set()
    client.wait(20)
    assert client.progress() == progress and progress.all == len(last(server))


@pytest.mark.parametrize("kind", ["postfix", "exim", "aiosmtpd"])
def test_real_servers_deliver_all_parts(real_servers, kind, tmp_path):
    server = real_servers.get(kind)
    path = tmp_path / "soubor č. 1.bin"
    path.write_bytes(bytes(range(256)) * 300)
    word = unique()
    with Client() as client:
        configure(client, server, **LOGIN)
        parts = [
            Attachment(path=path),
            Attachment(read=lambda offset, most: path.read_bytes()[offset : offset + most], name="r", length=76800),
            Attachment(data=b"PNG", content_id="c@x", content_type="image/png", name="c.png"),
        ]
        client.send(SOMEONE, word, CZECH, html=f"<p>{CZECH}</p>", attachments=parts, wait=True)
        (file, *_) = server.wait_for_files(word.encode(), 1)
        mail = parsed(data_of(server, file))
        assert mail.get_body(("plain",)).get_content() == lines(CZECH)
        assert mail.get_body(("html",)).get_content() == lines(f"<p>{CZECH}</p>")
        got = [(part.get_filename(), part.get_content()) for part in mail.iter_attachments()]
        assert got == [("soubor č. 1.bin", path.read_bytes()), ("r", path.read_bytes())]
        raw = unique()
        client.send(SOMEONE, text=f"From: {SENDER}\nTo: {SOMEONE}\nSubject: {raw}\n\n.dot\nend\n", flags=RAW, wait=True)
        (file, *_) = server.wait_for_files(raw.encode(), 1)
        assert data_of(server, file).endswith(b"\r\n\r\n.dot\r\nend\r\n")
