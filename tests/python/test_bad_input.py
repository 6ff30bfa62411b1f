"""What a program can hand over that is wrong, too large, or changes meanwhile: a code and a text each, nothing half.

The smaller mistakes are in test_addresses.py, test_headers.py, test_parts.py and tests/c/refusal.c.
"""

import ctypes
import email
import email.policy
import os
import socket
import subprocess
import sys
import textwrap

import pytest
import sds_smtp
from conftest import BINDING, ScriptedServer
from sds_smtp import RAW, Attachment, Client, Code, MessageError, Outcome, Phase, SmtpError

TO = b"b@example.com"
MIB = 1 << 20


@pytest.fixture
def server():
    scripted = ScriptedServer(extensions=["PIPELINING", "8BITMIME", "SIZE 0"])
    yield scripted
    scripted.close()


@pytest.fixture
def client(server):
    one = Client()
    one.configure(server="127.0.0.1", port=server.port, sender="a@example.com", total_timeout_ms=50000)
    yield one
    one.close()


def parsed(server):
    return email.message_from_bytes(server.mails[-1][3], policy=email.policy.default)


def still_works(server, client):
    """The next mail is whole, and the only one."""
    assert not server.mails
    client.send("b@example.com", "x", "whole", wait=True)
    assert parsed(server).get_content() == "whole\r\n"


def not_read(server, client, words, phase, **fields):
    with pytest.raises(MessageError) as failed:
        client.send("b@example.com", "x", wait=True, **fields)
    result = failed.value.result
    assert (result.code, result.outcome, result.phase) == (Code.READ_FAILED, Outcome.NOT_SENT, phase), result
    assert words in result.text
    still_works(server, client)


# --- lists -----------------------------------------------------------------------------------------


def test_a_list_of_a_mebibyte_is_taken(server, client):
    server.extensions[:] = ["PIPELINING"]
    everybody = [f"{'x' * 60}{number:05}@example.com" for number in range(MIB // 79)]
    text = ", ".join(everybody)
    assert MIB - 100 < len(text) < MIB + 100
    result = client.send(text, wait=True)
    assert result.recipients_accepted == len(everybody)
    assert server.mails[-1][2] == [f"RCPT TO:<{one}>".encode() for one in everybody]


@pytest.mark.parametrize(
    "text",
    [
        "a@example.org " + "(" * 1000 + "x" + ")" * 1000,
        "a@example.org " + "(x) " * 1000,
        "a@example.org (\\(\\)\\\\ (\\) x))",
        "(before) a@example.org (behind; and, (again))",
        '"' + '\\"' * 90 + '" <a@example.org>',
        '"' + "\\\\" * 90 + '" <a@example.org>',
        'a@example.org (")',
        '"(" <a@example.org> (", <x@y>)',
    ],
)
def test_nested_quotes_and_comments_are_read(server, client, text):
    client.send(text, wait=True)
    assert server.mails[-1][2] == [b"RCPT TO:<a@example.org>"]
    assert [one.addr_spec for one in parsed(server)["To"].addresses] == ["a@example.org"]


@pytest.mark.parametrize(
    "text",
    [
        "a@example.org " + "(" * 1000 + "x" + ")" * 999,
        '"' * 1001 + " <a@example.org>",
        '"' + '\\"' * 1000 + " <a@example.org>",
        "<" * 1000 + "a@example.org" + ">" * 1000,
        "friends: a@example.org;",
        "friends:;",
        "a: b: c@example.org;;",
        "a@example.org, friends: b@example.org, c@example.org;",
    ],
)
def test_nesting_without_end_and_groups_are_refused(server, client, text):
    with pytest.raises(SmtpError) as refused:
        client.send(text)
    assert refused.value.code == Code.RECIPIENT_REFUSED and "to: entry " in client.refusal()
    assert not server.commands


# --- functions -------------------------------------------------------------------------------------

READ = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_size_t)
PART = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_size_t)


def hand_over(client, message):
    message.struct_size, message.to = ctypes.sizeof(message), TO
    with client._use() as (library, handle):
        return Code(library.sds_smtp_client_send(handle, ctypes.byref(message)))


@pytest.mark.parametrize("wrong", [-1, -2, -(2**31), 2**31 - 1, "more than asked for"])
@pytest.mark.parametrize("call", range(1, 8))
def test_a_text_of_which_a_call_fails_is_not_begun(server, client, call, wrong):
    text, calls = b"line\r\n" * 1000, []

    def read(_, offset, out, most):
        calls.append(offset)
        if len(calls) == call:
            return most + 1 if isinstance(wrong, str) else wrong
        piece = text[offset : offset + min(most, 1000)]
        ctypes.memmove(out, piece, len(piece))
        return len(piece)

    function = READ(read)
    message = sds_smtp._Message(read=ctypes.cast(function, ctypes.c_void_p))
    assert hand_over(client, message) == Code.READ_FAILED
    assert len(calls) == call and client.refusal().startswith("read: ")
    assert client.result().outcome == Outcome.NOT_SENT and not server.commands
    still_works(server, client)


@pytest.mark.parametrize("wrong", [-1, -(2**31), 2**31 - 1, "more than asked for"])
@pytest.mark.parametrize("call", [1, 2, 3, 7])
@pytest.mark.parametrize("length", [0, 6000])
def test_an_attachment_of_which_a_call_is_wrong_is_not_delivered(server, client, call, wrong, length):
    octets, calls = b"line\r\n" * 1000, []

    def read(_, offset, out, most):
        calls.append(offset)
        if len(calls) == call:
            return most + 1 if isinstance(wrong, str) else wrong
        piece = octets[offset : offset + min(most, 1000)]
        ctypes.memmove(out, piece, len(piece))
        return len(piece)

    function = PART(read)
    one = sds_smtp._Attachment(struct_size=ctypes.sizeof(sds_smtp._Attachment), length=length)
    one.read = ctypes.cast(function, ctypes.c_void_p)
    message = sds_smtp._Message(attachments=ctypes.addressof(one), attachment_count=1)
    assert hand_over(client, message) == Code.OK
    code = client.wait(40)
    result = client.result()
    assert len(calls) == call
    assert (code, result.outcome, result.phase) == (Code.READ_FAILED, Outcome.NOT_SENT, Phase.TEXT), result
    still_works(server, client)


@pytest.mark.parametrize("field", ["text", "read", "attachments", "cc"])
def test_nothing_is_read_for_a_mail_that_comes_too_early(server, client, field):
    def read(*_):
        asked.append(1)
        return 0

    asked, function = [], READ(read)
    server.gate("END")
    client.send("b@example.com", "x", "first")
    server.reached("END")
    message = sds_smtp._Message()
    if field == "read":
        message.read = ctypes.cast(function, ctypes.c_void_p)
    elif field == "attachments":
        message.attachment_count = 5  # And no array.
    elif field == "cc":
        message.cc = b"no address"
    assert hand_over(client, message) == Code.BUSY
    assert client.refusal() == "client: a mail is in flight" and not asked
    server._gates["END"].set()
    assert client.wait(40) == Code.OK and client.result().code == Code.OK
    assert len(server.mails) == 1 and len(client.log()) == 1


# --- files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["path", "text_path", "raw"])
@pytest.mark.parametrize(
    "change, words",
    [("vanish", "cannot be opened"), ("shrink", "shorter"), ("empty", "shorter"), ("grow", "longer"), ("a directory", "")],
)
def test_a_file_that_changes_between_its_measure_and_its_sending_delivers_nothing(server, client, tmp_path, field, change, words):
    path = tmp_path / "file"
    line = b"X-A: a line of it\r\n"
    path.write_bytes(line * 20_000)
    server.gate("DATA")
    fields = {"attachments": [Attachment(path=path)]} if field == "path" else {"text": None, "text_path": path}
    client.send("b@example.com", flags=RAW if field == "raw" else 0, **fields)
    server.reached("DATA")
    path.unlink()
    if change == "a directory":
        path.mkdir()
    elif change != "vanish":
        path.write_bytes(line * {"shrink": 19_999, "grow": 20_001, "empty": 0}[change])
    gate = server._gates.pop("DATA")
    gate.set()
    code, result = client.wait(40), client.result()
    assert (code, result.outcome) == (Code.READ_FAILED, Outcome.NOT_SENT), result
    assert words in result.text
    still_works(server, client)


def odd(folder, kind):
    path = folder / kind.replace(" ", "-")
    if kind == "a dangling link":
        path.symlink_to(folder / "nowhere")
    elif kind == "a link to itself":
        path.symlink_to(path)
    elif kind == "a socket":
        bound = socket.socket(socket.AF_UNIX)
        bound.bind(str(path))
        bound.close()
    elif kind == "a link to a directory":
        path.symlink_to(folder)
    elif kind == "a file taken for a directory":
        (folder / "plain").write_bytes(b"x")
        path = folder / "plain" / "x"
    elif kind == "a long name":
        path = folder / ("n" * 300)
    elif kind == "a long path":
        return str(folder) + "/." * 4000 + "/x"
    elif kind.startswith("/"):
        return kind
    return path


@pytest.mark.parametrize("field", ["path", "text_path"])
@pytest.mark.parametrize(
    "kind",
    ["a dangling link", "a link to itself", "a socket", "a link to a directory", "a file taken for a directory", "a long name",
     "a long path", "/dev/null", "/dev/zero", "/dev/full", "/dev/ptmx", "/dev/tty", "/proc", "/proc/self/fd", "/proc/self/mem"],
)
def test_what_is_no_file_is_not_sent(server, client, tmp_path, field, kind):
    path = odd(tmp_path, kind)
    fields = {"attachments": [Attachment(path=path, name="x")]} if field == "path" else {"text": None, "text_path": path}
    with pytest.raises(MessageError) as failed:
        client.send("b@example.com", wait=True, **fields)
    code, result = failed.value.code, failed.value.result
    assert (code, result.outcome) == (Code.READ_FAILED, Outcome.NOT_SENT), result
    assert result.text
    still_works(server, client)


@pytest.mark.parametrize("path", ["/proc/self/maps", "/proc/self/cmdline", "/proc/version"])
def test_files_that_the_kernel_makes_arrive_whole(server, client, path):
    client.send("b@example.com", attachments=[Attachment(path=path)], wait=True)
    (part,) = parsed(server).iter_attachments()
    octets = part.get_content()
    assert octets and (path == "/proc/self/maps" or octets == open(path, "rb").read())


def test_a_file_that_the_program_may_not_read_is_named(server, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root, which becomes nobody")
    secret = tmp_path / "secret"
    secret.write_bytes(b"x")
    secret.chmod(0o600)
    program = textwrap.dedent(
        """
        import os, sys
        sys.path.insert(0, os.path.dirname(sys.argv[1]))
        import sds_smtp
        client = sds_smtp.Client()
        client.configure(server="127.0.0.1", port=int(sys.argv[3]), sender="a@example.com")
        os.setgid(65534)
        os.setuid(65534)
        for fields in ({"attachments": [sds_smtp.Attachment(path=sys.argv[2])]}, {"text": None, "text_path": sys.argv[2]}):
            try:
                client.send("b@example.com", wait=True, **fields)
            except sds_smtp.MessageError as failed:
                print(int(failed.code), int(failed.result.outcome), int(failed.result.phase), failed.result.text)
        """
    )
    command = [sys.executable, "-c", program, str(BINDING), str(secret), str(server.port)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=50)
    lines = done.stdout.decode().splitlines()
    assert len(lines) == 2 and all(line.startswith("40 2 10 ") and "cannot be opened" in line for line in lines), lines
    assert not server.commands


# --- attachments -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [*(one * 4096 for one in '"/\\\n'), "\r\n" * 2048, "a/" * 2048, "ž" * 2048, "\u202e" * 1365, '"\r\n\r\n' * 800],
)
def test_names_of_4_kib_are_refused(server, client, name):
    with pytest.raises(MessageError) as refused:
        client.send("b@example.com", attachments=[Attachment(data=b"x", name=name)])
    assert refused.value.code == Code.BAD_ARGUMENT
    assert client.refusal().startswith("attachments: entry 1: name: ")
    assert not server.commands


@pytest.mark.parametrize(
    "name", ['"' * 254 + "x", "'" * 255, "%" * 255, "*" * 255, "=?" * 127, "ž" * 127, "a;b=" * 63, "." * 254 + "x"]
)
def test_odd_names_of_255_octets_arrive(server, client, name):
    client.send("b@example.com", attachments=[Attachment(data=b"x", name=name)], wait=True)
    assert max(map(len, server.mails[-1][3].split(b"\r\n"))) <= 998
    (part,) = parsed(server).iter_attachments()
    assert part.get_filename() == name


@pytest.mark.parametrize("way", ["data", "path", "read", "read with a length"])
def test_an_attachment_of_nothing_arrives(server, client, tmp_path, way):
    path = tmp_path / "empty"
    path.write_bytes(b"")
    one = {
        "data": Attachment(data=b"", name="empty"),
        "path": Attachment(path=path),
        "read": Attachment(read=lambda offset, most: b"", name="empty"),
        "read with a length": Attachment(read=lambda offset, most: b"abc"[offset:], length=3, name="empty"),
    }[way]
    client.send("b@example.com", "x", "text", attachments=[one, Attachment(data=b"z", name="z")], wait=True)
    got = [(part.get_filename(), part.get_content()) for part in parsed(server).iter_attachments()]
    assert got == [("empty", b"abc" if "length" in way else b""), ("z", b"z")]


def test_ten_thousand_attachments_arrive(server, client):
    many = [Attachment(data=b"%d" % number, name=f"{number}") for number in range(10_000)]
    client.send("b@example.com", "x", "text", attachments=many, wait=True)
    got = [(part.get_filename(), part.get_content()) for part in parsed(server).iter_attachments()]
    assert got == [(one.name, one.data) for one in many]
    with pytest.raises(MessageError) as refused:
        client.send("b@example.com", attachments=[*many, many[0]])
    assert refused.value.code == Code.BAD_ARGUMENT and client.refusal() == "attachments: more than 10000 attachments"


class Larger(ctypes.Structure):
    _fields_ = [("known", sds_smtp._Attachment), ("more", ctypes.c_uint64)]


@pytest.mark.parametrize(
    "sizes, more, words",
    [
        ([0, 0], 0, "entry 1: struct_size is not known"),
        ([7, 7], 0, "entry 1: struct_size is not known"),
        ([8, 8], 0, "entry 1: none of data, path and read is set"),
        ([None, 0], 0, "entry 2: another struct_size than the first one"),
        ([None, 8], 0, "entry 2: another struct_size than the first one"),
        ([None, 0xFFFFFFFF], 0, "entry 2: another struct_size than the first one"),
        ([None, None], 1, "entry 1: struct_size is not known, or reserved fields are not 0"),
    ],
)
def test_arrays_of_wrong_sizes_are_refused(server, client, sizes, more, words):
    array = (Larger * 2)()
    for one, size in zip(array, sizes):
        one.known.struct_size = ctypes.sizeof(Larger) if size is None else size
        one.known.data, one.known.length, one.more = ctypes.cast(ctypes.c_char_p(b"x"), ctypes.c_void_p).value, 1, more
    message = sds_smtp._Message(attachments=ctypes.addressof(array), attachment_count=2)
    assert hand_over(client, message) == Code.BAD_ARGUMENT
    assert client.refusal().startswith(f"attachments: {words}"), client.refusal()
    assert not server.commands


def test_an_array_of_a_newer_program_is_read_at_its_own_distance(server, client):
    array = (Larger * 3)()
    for number, one in enumerate(array):
        one.known.struct_size, one.known.name = ctypes.sizeof(Larger), b"%d" % number
        one.known.data, one.known.length = ctypes.cast(ctypes.c_char_p(b"abc"), ctypes.c_void_p).value, number
    message = sds_smtp._Message(attachments=ctypes.addressof(array), attachment_count=3)
    assert hand_over(client, message) == Code.OK and client.wait(40) == Code.OK
    got = [(part.get_filename(), part.get_content()) for part in parsed(server).iter_attachments()]
    assert got == [("0", b""), ("1", b"a"), ("2", b"ab")]


@pytest.mark.parametrize("both", [("data", "path"), ("data", "read"), ("path", "read"), ("data", "path", "read"), ()])
def test_exactly_one_of_data_path_and_read_is_given(server, client, both):
    given = {"data": b"x", "path": "/proc/version", "read": lambda offset, most: b""}
    with pytest.raises(MessageError) as refused:
        client.send("b@example.com", attachments=[Attachment(**{name: given[name] for name in both})])
    words = "more than one" if both else "none"
    assert refused.value.code == Code.BAD_ARGUMENT
    assert client.refusal() == f"attachments: entry 1: {words} of data, path and read is set"
    assert not server.commands


# --- sizes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["<p>x</p>\n", "<p>ž</p>\n"])
def test_html_of_64_mib_arrives_and_one_octet_more_is_refused(server, client, line):
    html = line * (64 * MIB // len(line.encode()))
    html += "x" * (64 * MIB - len(html.encode()))
    client.send("b@example.com", html=html, wait=True)
    head, _, body = server.mails[-1][3].partition(b"\r\n\r\n")
    assert b"Content-Type: text/html" in head
    assert body == html.replace("\n", "\r\n").encode() + b"\r\n"
    del body
    with pytest.raises(MessageError) as refused:
        client.send("b@example.com", html=html + "x")
    assert refused.value.code == Code.DATA_FAILED and client.refusal() == "html: longer than 64 MiB"
    assert len(server.mails) == 1
