"""CHUNKING: against Postfix and Exim, which offer it, aiosmtpd, which does not, and servers with the faults that were reported."""

import email
import time

import pytest
from conftest import ScriptedServer
from sds_smtp import CHUNKING, KEEP_DIALOGUE, Advice, Attachment, Code, Outcome, Phase
from test_real_servers import (
    CASES,
    CZECH,
    KINDS,
    LOGIN,
    NEEDING_ROOT,
    SECOND,
    SENDER,
    SOMEONE,
    UNKNOWN,
    assert_arrived,
    assert_case_arrives,
    assert_nobody_has,
    assert_refused,
    configure,
    data_of,
    send,
    unique,
)

FLAGS = CHUNKING | KEEP_DIALOGUE


@pytest.fixture(params=KINDS)
def real(request, real_servers):
    return real_servers.get(request.param)


@pytest.fixture(params=NEEDING_ROOT)
def chunking(request, real_servers):
    return real_servers.get(request.param)


def commands(client):
    """What the client has said in the last conversation."""
    return [line[3:] for line in client.dialogue().splitlines() if line.startswith("C: ")]


def chunks(client):
    return [line for line in commands(client) if line.startswith("BDAT")]


# --- real servers ------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_what_arrives_is_what_was_meant(real, client, case):
    configure(client, real, flags=FLAGS, **LOGIN)
    assert_case_arrives(client, real, case)
    if real.kind == "aiosmtpd":
        assert not chunks(client) and "DATA" in commands(client)
    else:
        assert chunks(client)[-1].endswith(" LAST") and "DATA" not in commands(client)


def test_a_mail_arrives_the_same_with_data_and_in_chunks(chunking, client):
    text = "".join(f".{number} {CZECH} {'x' * (number % 90)}\r\n" for number in range(4000))
    bodies = []
    for flags in (0, CHUNKING):
        configure(client, chunking, flags=flags | KEEP_DIALOGUE, **LOGIN)
        assert send(client, [SOMEONE, SECOND], CZECH, text) == Code.OK, client.result()
        data, _ = assert_arrived(chunking, client.result(), CZECH, text.encode(), to=(SOMEONE, SECOND))
        bodies.append(data.partition(b"\r\n\r\n")[2])
        assert bool(chunks(client)) == bool(flags)
    assert bodies[0] == bodies[1] == text.encode()
    sizes = [int(line.split()[1]) for line in chunks(client)]
    assert len(sizes) > 5 and max(sizes) <= 65536 and min(sizes[:-1]) > 60000


@pytest.mark.parametrize("length", [1000, 60000, 300000])
def test_files_arrive_in_chunks(chunking, client, tmp_path, length):
    file = tmp_path / "log.bin"
    file.write_bytes(bytes(number * number % 256 for number in range(length)))
    configure(client, chunking, flags=FLAGS, **LOGIN)
    client.send(SOMEONE, "File", "text\n", attachments=[Attachment(path=file)], wait=True)
    assert chunks(client)
    (stored,) = chunking.wait_for_files(client.result().message_id.encode())
    mail = email.message_from_bytes(data_of(chunking, stored))
    assert mail.get_payload()[1].get_payload(decode=True) == file.read_bytes()


def test_a_text_in_a_file_arrives_in_chunks(chunking, client, tmp_path):
    """Its length is not known before."""
    text = (f"{CZECH} =20\n.\n" * 4000).encode()
    file = tmp_path / "text.txt"
    file.write_bytes(text)
    configure(client, chunking, flags=FLAGS, **LOGIN)
    client.send(SOMEONE, "Text", text_path=file, wait=True)
    assert len(chunks(client)) > 3
    (stored,) = chunking.wait_for_files(client.result().message_id.encode())
    mail = email.message_from_bytes(data_of(chunking, stored))
    assert mail.get_payload(decode=True) == text.replace(b"\n", b"\r\n")


def test_an_unknown_recipient_is_refused_although_the_mail_has_left(chunking, client):
    configure(client, chunking, flags=FLAGS, **LOGIN)
    word = unique()
    assert send(client, UNKNOWN, word, word) == Code.INVALID_RECIPIENT
    assert_refused(client, Code.INVALID_RECIPIENT, Phase.RCPT, 550)
    # RSET and QUIT follow the result.
    end = time.monotonic() + 20
    while commands(client)[-1] != "QUIT":
        assert time.monotonic() < end, client.dialogue()
        time.sleep(0.01)
    assert len(chunks(client)) == 1 and commands(client)[-2] == "RSET"
    assert_nobody_has(chunking, word)


def test_of_two_recipients_one_is_refused_before_the_mail_leaves(chunking, client):
    configure(client, chunking, flags=FLAGS, **LOGIN)
    word = unique()
    assert send(client, [SOMEONE, UNKNOWN], word, word) == Code.INVALID_RECIPIENT
    assert_refused(client, Code.INVALID_RECIPIENT, Phase.RCPT, 550)
    assert not chunks(client)
    assert_nobody_has(chunking, word)


def test_many_mails_one_after_another_all_arrive(chunking, client):
    configure(client, chunking, flags=CHUNKING, **LOGIN)
    sent = []
    for number in range(20):
        text = f".{number}\n" * (1 + number * 400)
        assert send(client, SOMEONE, f"Alarm {number}", text) == Code.OK
        sent.append((client.result(), number, text))
    for result, number, text in sent:
        assert_arrived(chunking, result, f"Alarm {number}", text.encode())


# --- servers with faults -----------------------------------------------------------


class ChunkingServer(ScriptedServer):
    """Offers CHUNKING. bdat -- what it answers to a chunk, instead of the usual; swallows -- whether it reads a chunk that it
    refuses, or takes it for commands."""

    def __init__(self, bdat=None, swallows=True):
        self.bdat, self.swallows = bdat, swallows
        super().__init__(extensions=("PIPELINING", "8BITMIME", "SIZE 1000000", "CHUNKING"))

    def _talk(self, connection, lines, number):
        if not self._answer(connection, "GREETING", "220 mx.example.test ESMTP scripted"):
            return
        reverse_path, forward_paths, data = None, [], b""
        while True:
            line = lines.readline()
            if not line.endswith(b"\r\n"):
                return
            line = line[:-2]
            self.commands.append((number, line))
            verb = line.split(b" ")[0].split(b":")[0].upper().decode("latin-1")
            if verb == "EHLO":
                words = ["mx.example.test"] + self.extensions
                self._answer(connection, "EHLO", "\r\n".join(f"250{' -'[word is not words[-1]]}{word}" for word in words))
            elif verb == "MAIL":
                if self._answer(connection, "MAIL", "250 2.1.0 Sender ok"):
                    reverse_path, forward_paths, data = line, [], b""
            elif verb == "RCPT":
                if self._answer(connection, "RCPT", "250 2.1.5 Recipient ok"):
                    forward_paths.append(line)
            elif verb == "BDAT":
                refused = self.bdat or (None if forward_paths else "503 5.5.1 No recipient")
                if refused and not self.swallows:
                    connection.sendall(refused.encode() + b"\r\n")
                    continue
                words = line.split(b" ")
                data += lines.read(int(words[1]))
                if refused:
                    connection.sendall(refused.encode() + b"\r\n")
                elif words[-1] != b"LAST":
                    self._answer(connection, "BDAT", "250 2.0.0 Chunk ok")
                else:
                    if self.replies.get("END", "250")[:1] == "2":
                        self.mails.append((number, reverse_path, list(forward_paths), data))
                    self._answer(connection, "END", "250 2.0.0 Queued as 4711")
            elif verb == "DATA":
                if not forward_paths:
                    connection.sendall(b"503 5.5.1 No recipient\r\n")
                    continue
                connection.sendall(b"354 Go on\r\n")
                data = b""
                while (line := lines.readline()) != b".\r\n":
                    if not line:
                        return
                    data += line[1:] if line.startswith(b".") else line
                self.mails.append((number, reverse_path, list(forward_paths), data))
                connection.sendall(b"250 2.0.0 Queued as 4711\r\n")
            elif verb == "RSET":
                reverse_path, forward_paths = None, []
                connection.sendall(b"250 2.0.0 Ok\r\n")
            elif verb == "QUIT":
                connection.sendall(b"221 2.0.0 Bye\r\n")
                return
            else:
                connection.sendall(b"500 5.5.2 Command unknown\r\n")


@pytest.fixture
def faulty():
    servers = []

    def start(**how):
        servers.append(ChunkingServer(**how))
        return servers[-1]

    yield start
    for one in servers:
        one.close()


def to(client, server, **more):
    client.configure(
        **{"server": "127.0.0.1", "port": server.port, "sender": SENDER, "flags": FLAGS, "total_timeout_ms": 30000, **more}
    )


def test_the_whole_mail_comes_with_its_envelope(faulty, client):
    server = faulty()
    to(client, server)
    assert send(client, SOMEONE, "s", ".\n..x\nend") == Code.OK
    ((_, _, _, data),) = server.mails
    assert data.endswith(b"\r\n\r\n.\r\n..x\r\nend\r\n")


@pytest.mark.parametrize("reply", ["500 5.5.2 unknown", "502 5.5.1 not implemented", "503 5.5.1 sequence"])
@pytest.mark.parametrize("swallows", [True, False])
@pytest.mark.parametrize("length", [10, 200000])
def test_a_server_that_does_not_know_bdat_gets_the_mail_once(faulty, client, reply, swallows, length):
    server = faulty(bdat=reply, swallows=swallows)
    to(client, server)
    text = "abcdefghi\r\n" * (length // 10)
    assert send(client, SOMEONE, "s", text) == Code.OK, client.result()
    ((number, _, _, data),) = server.mails
    assert number == 2 and data.partition(b"\r\n\r\n")[2] == text.encode()
    result = client.result()
    assert (result.outcome, result.attempts, result.recipients_accepted) == (Outcome.SENT, 1, 1)


def test_a_file_is_read_anew_for_the_other_connection(faulty, client, tmp_path):
    server = faulty(bdat="500 5.5.2 unknown")
    to(client, server)
    file = tmp_path / "text.txt"
    file.write_bytes(b"abcdefghi\n" * 30000)
    client.send(SOMEONE, "Text", text_path=file, wait=True)
    ((number, _, _, data),) = server.mails
    assert number == 2 and data.partition(b"\r\n\r\n")[2] == b"abcdefghi\r\n" * 30000


def test_a_text_with_commands_in_it_is_not_sent_again_where_it_may_have_been_run(faulty, client):
    """The reported fault at its worst: the server finds a mail in the text, with the envelope that was accepted."""
    server = faulty(bdat="500 5.5.2 unknown", swallows=False)
    to(client, server)
    assert send(client, SOMEONE, "s", "DATA\nSubject: forged\n\nforged\n.\n") == Code.DATA_END_FAILED
    assert client.result().outcome == Outcome.NOT_SENT
    # What the server has done, before the connection was closed, is done; nothing of ours comes on top.
    assert len(server.mails) <= 1 and {number for number, _ in server.commands} == {1}


@pytest.mark.parametrize("swallows", [True, False])
def test_a_refused_recipient_stays_refused_whatever_the_server_says_of_the_text(faulty, client, swallows):
    server = faulty(swallows=swallows)
    server.replies["RCPT"] = "550 5.1.1 no such user"
    to(client, server)
    assert send(client, SOMEONE, "s", "RSET\nNOOP\nQUIT\n") == Code.INVALID_RECIPIENT
    result = client.result()
    assert (result.outcome, result.reply_code, result.phase) == (Outcome.NOT_SENT, 550, Phase.RCPT)
    assert "no such user" in result.text
    assert not server.mails


def test_a_chunk_for_nobody_that_is_accepted_is_nobodys(faulty, client):
    server = faulty(bdat="250 2.0.0 Ok")
    server.replies["RCPT"] = "450 4.2.1 try later"
    to(client, server)
    assert send(client, SOMEONE, "s", "t") == Code.RECIPIENT_REFUSED
    assert client.result().outcome == Outcome.NOT_SENT
    assert client.result().advice == Advice.LATER


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "END"])
def test_a_server_that_closes_behind_the_whole_mail_leaves_it_unknown(faulty, client, command):
    server = faulty()
    server.closing.add(command)
    to(client, server, retry_max=3, retry_delay_ms=1)
    assert send(client, SOMEONE, "s", "t") == Code.DATA_END_FAILED
    result = client.result()
    assert (result.outcome, result.phase, result.attempts) == (Outcome.UNKNOWN, Phase.END, 1)
    assert {number for number, _ in server.commands} == {1}


def test_a_server_that_stalls_before_the_last_chunk_takes_the_time_of_data(faulty, client):
    server = faulty()
    gate = server.gate("BDAT")
    to(client, server, data_timeout_ms=300)
    assert send(client, [SOMEONE, SECOND], "s", "0123456789\n" * 30000) == Code.TIMEOUT
    result = client.result()
    assert (result.outcome, result.phase) == (Outcome.NOT_SENT, Phase.DATA)
    gate.set()
    assert not server.mails


def test_a_mail_that_is_refused_for_now_is_sent_again_in_chunks(faulty, client):
    server = faulty()
    server.replies["END"] = "451 4.3.0 try later"
    to(client, server, retry_max=5, retry_delay_ms=1, total_timeout_ms=120000)
    client.send(SOMEONE, "s", "t")
    end = time.monotonic() + 20
    while server.verbs().count("BDAT") < 2:
        assert time.monotonic() < end
        time.sleep(0.01)
    del server.replies["END"]
    assert client.wait(30) == Code.OK
    assert len(server.mails) == 1 and client.result().attempts > 2
