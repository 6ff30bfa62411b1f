"""Servers by name, in a network of the test's own: which address of a name is used, lists of servers, names that have no address and
name servers that do not answer, our own address.
"""

import os
import time

from conftest import RealServers, ScriptedServer
from own_network import inside, wait_until
from sds_smtp import Advice, Auth, Client, Code, Outcome, Phase, SmtpError

SENDER, SOMEONE = "unit7@example.test", "someone@example.test"
NAME = "mx.example.test"
SIX, FOUR = "2001:db8::25", "192.0.2.25"
AT_SIX, AT_FOUR = "[2001:db8::25]:25", "192.0.2.25:25"
# How long an address tries before the next one begins (RFC 8305, 5).
HEAD_START = 250


def begin(client, server, **more):
    client.configure(**{"server": server, "sender": SENDER, "total_timeout_ms": 60000, **more})
    client.send(SOMEONE, "Alarm", "Text.\n")


def deliver(server, **more):
    """Send a mail with a client of its own; its result."""
    client = Client()
    begin(client, server, **more)
    client.wait(40)
    result = client.result()
    client.close()
    return result


def at(*addresses):
    """A server on port 25 of each of these addresses."""
    return [ScriptedServer(address=address, port=25) for address in addresses]


def assert_sent(result, server):
    assert (result.code, result.outcome, result.server) == (Code.OK, Outcome.SENT, server), result


def assert_not_found(result, least_ms=0, most_ms=5000, server=f"{NAME}:25"):
    assert (result.code, result.outcome, result.phase) == (Code.NAME_NOT_FOUND, Outcome.NOT_SENT, Phase.RESOLVE), result
    assert (result.reply_code, result.server, result.advice) == (0, server, Advice.LATER), result
    assert least_ms <= result.elapsed_ms <= most_ms, result


# --- several addresses --------------------------------------------------------------


@inside
def test_the_first_address_in_the_systems_order_is_used_alone(network):
    six, four = at(SIX, FOUR)
    network.names.add(NAME, FOUR, SIX)
    assert_sent(deliver(NAME), AT_SIX)
    assert (len(six.mails), four.ends) == (1, [])


@inside
def test_where_the_first_address_is_silent_the_second_one_is_used_after_a_quarter_of_a_second(network):
    (four,) = at(FOUR)
    network.names.add(NAME, FOUR, "2001:db8:dead::25")
    result = deliver(NAME)
    assert_sent(result, AT_FOUR)
    assert HEAD_START <= result.elapsed_ms < 5000
    assert len(four.ends) == 1
    assert network.attempts() == []  # the other attempt is given up


@inside
def test_addresses_that_cannot_be_reached_or_refuse_hold_nothing_up(network):
    at(FOUR)
    # Nobody listens on the last two.
    dead = [f"2001:db8:bad::{number}" for number in range(1, 21)] + ["2001:db8::26", "2001:db8::27"]
    network.names.add(NAME, *dead, "203.0.113.1", "192.0.2.26", FOUR)
    result = deliver(NAME)
    assert_sent(result, AT_FOUR)
    assert result.elapsed_ms < HEAD_START * 10


@inside
def test_whichever_address_stands_first_is_used_and_the_other_one_hears_nothing(network):
    (everywhere,) = at("::")
    one, other = "2001:db8:dead::25", "2001:db8:dead::26"
    network.names.add(NAME, one, other)
    client = Client()
    begin(client, NAME)
    wait_until(lambda: sorted(network.attempts()) == [one, other])
    assert everywhere.ends == []
    # Its next SYN arrives, a second after the first one.
    network.add_address(one)
    assert client.wait(20) == Code.OK
    assert_sent(client.result(), f"[{one}]:25")
    assert [ours for _, ours in everywhere.ends] == [one]
    assert network.attempts() == []


@inside
def test_the_one_that_began_later_is_used_where_it_stands_first(network):
    (everywhere,) = at("::")
    one, other = "2001:db8:dead::25", "2001:db8:dead::26"
    network.names.add(NAME, one, other)
    client = Client()
    begin(client, NAME)
    wait_until(lambda: sorted(network.attempts()) == [one, other])
    network.add_address(other)
    assert client.wait(20) == Code.OK
    assert_sent(client.result(), f"[{other}]:25")
    assert [ours for _, ours in everywhere.ends] == [other]
    assert network.attempts() == []


@inside
def test_a_name_with_300_addresses(network):
    everybody = [f"127.1.{number // 200}.{number % 200 + 1}" for number in range(300)]
    network.names.add(NAME, *everybody)
    result = deliver(NAME)
    assert (result.code, result.phase) == (Code.CONNECT_FAILED, Phase.CONNECT), result
    # All that are tried refuse at once.
    assert result.elapsed_ms < 3000
    at(everybody[40])
    assert_sent(deliver(NAME), f"{everybody[40]}:25")


@inside
def test_300_silent_addresses_have_the_time_of_one_server_together(network):
    silent = [f"2001:db8:dead::{number:x}" for number in range(0x100, 0x100 + 300)]
    network.names.add(NAME, *silent)
    client = Client()
    begin(client, NAME, connect_timeout_ms=2000)
    most = 0
    while client.status() == Code.BUSY:
        most = max(most, len(network.attempts()))
        time.sleep(0.02)
    result = client.result()
    assert (result.code, result.outcome, result.phase) == (Code.TIMEOUT, Outcome.NOT_SENT, Phase.CONNECT), result
    assert 2000 <= result.elapsed_ms < 5000
    assert 3 <= most <= 2000 // HEAD_START + 1
    assert network.attempts() == []


@inside
def test_a_mail_that_is_cancelled_ends_all_its_attempts(network):
    network.names.add(NAME, *(f"2001:db8:dead::{number}" for number in range(25, 30)))
    client = Client()
    begin(client, NAME)
    wait_until(lambda: len(network.attempts()) >= 2)
    client.cancel()
    assert client.wait(2) == Code.CANCELLED
    wait_until(lambda: network.attempts() == [], 2)


# --- names ---------------------------------------------------------------------------


@inside
def test_a_name_without_an_address_is_35(network):
    network.names.add("no-address.example.test")
    network.names.failing.add("failing.example.test")
    texts = {}
    for name in ("unknown.example.test", "no-address.example.test", "failing.example.test"):
        result = deliver(name)
        assert_not_found(result, server=f"{name}:25")
        texts[name] = result.text
    assert all(texts.values()) and texts["unknown.example.test"] != texts["failing.example.test"], texts


@inside
def test_a_name_server_that_is_silent_is_35_within_the_time_of_one_server(network):
    network.names.silence(NAME)
    assert_not_found(deliver(NAME, connect_timeout_ms=1000), 1000, 4000)
    assert_not_found(deliver(NAME, total_timeout_ms=500), 500, 4000)
    client = Client()
    begin(client, NAME)
    time.sleep(0.2)
    client.cancel()
    assert client.wait(2) == Code.CANCELLED
    assert client.result().outcome == Outcome.NOT_SENT


@inside
def test_fifteen_names_that_never_answer_hold_up_no_other_name_and_no_address(network):
    at(FOUR)
    network.names.add(NAME, FOUR)
    silent = [f"silent-{number}.example.test" for number in range(15)]
    network.names.silence(*silent)
    waiting = [Client() for _ in range(45)]
    for number, client in enumerate(waiting):
        begin(client, silent[number % 15])
    wait_until(lambda: set(silent) <= set(network.names.asked))
    for server in (NAME, FOUR):
        result = deliver(server)
        assert_sent(result, AT_FOUR)
        assert result.elapsed_ms < 3000
    assert [client.status() for client in waiting] == [Code.BUSY] * 45
    # One lookup for each name, of which each asks for both families.
    assert max(network.names.asked.count(name) for name in silent) <= 2
    for client in waiting:
        client.close()


@inside
def test_with_sixteen_names_that_never_answer_a_further_one_waits_until_its_deadline(network):
    at(FOUR)
    network.names.add(NAME, FOUR)
    silent = [f"silent-{number}.example.test" for number in range(16)]
    network.names.silence(*silent)
    waiting = [Client() for _ in silent]
    for client, name in zip(waiting, silent):
        begin(client, name)
    wait_until(lambda: set(silent) <= set(network.names.asked))
    assert_not_found(deliver(NAME, connect_timeout_ms=1000), 1000, 4000)
    assert NAME not in network.names.asked
    result = deliver(FOUR)
    assert_sent(result, AT_FOUR)
    assert result.elapsed_ms < 3000
    # The library's for names, its own one, ours, and the servers', some of which have just ended.
    assert len(os.listdir("/proc/self/task")) <= 16 + 1 + 1 + 10
    for client in waiting:
        client.close()


@inside
def test_clients_that_ask_for_one_name_at_once_share_its_answer(network):
    (four,) = at(FOUR)
    network.names.add(NAME, FOUR)
    network.names.delays[NAME] = 0.5
    clients = [Client() for _ in range(50)]
    for client in clients:
        begin(client, NAME)
    assert [client.wait(20) for client in clients] == [Code.OK] * 50
    assert len(four.mails) == 50
    assert network.names.asked.count(NAME) <= 2
    for client in clients:
        client.close()


@inside
def test_an_answer_after_the_deadline_or_after_free_is_dropped(network):
    at(FOUR)
    network.names.add(NAME, FOUR)
    network.names.delays[NAME] = 1.0
    assert_not_found(deliver(NAME, connect_timeout_ms=300), 300, 900)
    freed = [Client() for _ in range(20)]
    for client in freed:
        begin(client, NAME)
    for client in freed:
        client.close()
    time.sleep(1.5)
    network.names.delays.clear()
    assert_sent(deliver(NAME), AT_FOUR)


@inside
def test_a_child_of_a_process_that_looks_names_up_looks_up_its_own(network):
    at(FOUR)
    network.names.add(NAME, FOUR)
    network.names.silence("silent.example.test")
    waiting = Client()
    begin(waiting, "silent.example.test")
    wait_until(lambda: "silent.example.test" in network.names.asked)
    # Several, because what glibc 2.36 did there it did in one of three children only.
    for _ in range(8):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                assert_sent(deliver(NAME, connect_timeout_ms=10000), AT_FOUR)
                code = 0
            except AssertionError as failure:
                print(failure, flush=True)
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
    assert_sent(deliver(NAME), AT_FOUR)
    assert waiting.status() == Code.BUSY
    waiting.close()


@inside
def test_spellings_of_a_name(network):
    at(FOUR, "127.0.0.1")
    longest = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])
    a_label = "pošta.example.test".encode("idna").decode()
    for name in (NAME, longest, a_label):
        network.names.add(name, FOUR)
    for spelt in (NAME, NAME + ".", NAME.upper(), NAME + ":25", NAME + ".:25", longest, longest + "."):
        assert_sent(deliver(spelt), AT_FOUR)
    # IDNA: in Unicode, in another case, decomposed, and as the A-label itself.
    for spelt in ("pošta.example.test", "POŠTA.Example.test.", "pos\u030cta.example.test", a_label):
        assert_sent(deliver(spelt), AT_FOUR)
    # Those of /etc/hosts; there is no port but 25 here.
    network.write("hosts", "127.0.0.1 localhost printer\n")
    assert_sent(deliver("printer"), "127.0.0.1:25")
    assert_sent(deliver("localhost"), "127.0.0.1:25")


@inside
def test_what_is_no_name_is_refused_at_once_and_the_reason_names_it(network):
    client = Client()
    too_long = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 62])
    for server in (
        too_long,
        "a" * 64 + ".example.test",
        "smtp@gmail.com",
        "http://mx.example.test",
        "localhost:2525:3",
        "mx.example.test:0",
        "mx.example.test:70000",
        "mx..example.test",
        "mx example.test",
        "mx.example.test\x7f",
        b"mx\xff.example.test",
        "mx.example.test,,192.0.2.25",
        "mx.example.test,",
        "fe80::1%nowhere",
        ".",
        "-",
        "",
    ):
        try:
            client.configure(server=server, sender=SENDER)
        except SmtpError as refused:
            assert refused.code == Code.CONNECT_FAILED, server
            assert client.refusal().startswith("server"), (server, client.refusal())
        else:
            raise AssertionError(f"{server!r} was taken")
    assert network.names.asked == []


@inside
def test_files_of_the_name_service_are_read_anew(network):
    at(FOUR, "192.0.2.26")
    network.write("hosts", f"{FOUR} printer\n")
    assert_sent(deliver("printer"), AT_FOUR)
    network.write("hosts", "192.0.2.26 printer\n")
    assert_sent(deliver("printer"), "192.0.2.26:25")
    network.write("hosts", "")
    assert_not_found(deliver("printer"), server="printer:25")


@inside
def test_a_name_with_a_dot_at_its_end_is_looked_up_as_it_is(network):
    at(FOUR, "192.0.2.26", "127.0.0.1")
    network.write("resolv.conf", "search example.test\nnameserver 127.0.0.1\noptions timeout:20 attempts:2\n")
    for name in ("mailhost", "mail.host"):
        network.names.add(f"{name}.example.test", FOUR)
        assert_sent(deliver(name), AT_FOUR)
        assert_not_found(deliver(f"{name}."), server=f"{name}:25")
        # One behind the other, and beside each other.
        assert_sent(deliver(f"{name}., {name}"), AT_FOUR)
        with Client() as with_dot, Client() as without:
            begin(with_dot, f"{name}.")
            begin(without, name)
            assert (with_dot.wait(20), without.wait(20)) == (Code.NAME_NOT_FOUND, Code.OK)
    network.names.add("mailhost", "192.0.2.26")
    assert_sent(deliver("mailhost."), "192.0.2.26:25")
    # /etc/hosts has names without dots.
    assert_sent(deliver("localhost."), "127.0.0.1:25")


@inside
def test_a_name_that_appears_is_found_by_a_further_attempt(network):
    at(FOUR)
    client = Client()
    begin(client, NAME, retry_max=1, retry_delay_ms=1500)
    wait_until(lambda: client.log())
    (entry,) = client.log()
    assert (entry.code, entry.phase) == (Code.NAME_NOT_FOUND, Phase.WAITING), entry
    assert client.status() == Code.BUSY
    network.names.add(NAME, FOUR)
    assert client.wait(20) == Code.OK
    assert client.result().attempts == 2


# --- lists ----------------------------------------------------------------------------


@inside
def test_the_next_server_of_a_list_follows_what_the_server_could_not_do(network):
    (first, second) = at("192.0.2.26", FOUR)
    network.names.add(NAME, FOUR)
    network.names.silence("silent.example.test")
    network.names.add("dead.example.test", "2001:db8:bad::1", "192.0.2.27")
    # Nobody listens there; a name without an address; one that is not answered; one without a living server; nobody answers.
    for server in ("192.0.2.27", "unknown.example.test", "silent.example.test", "dead.example.test", "198.51.100.25"):
        result = deliver(f"{server}, {NAME}", connect_timeout_ms=500)
        assert_sent(result, AT_FOUR)
        assert result.attempts == 1
    # It is busy, or refuses for now.
    for command, reply in {
        "GREETING": "421 4.3.2 too many",
        "EHLO": "421 4.3.2 too many",
        "MAIL": "451 4.3.0 later",
        "RCPT": "450 4.2.0 greylisted",
        "DATA": "452 4.3.1 no space",
        "END": "451 4.3.0 later",
    }.items():
        first.replies = {command: reply}
        before = len(first.ends)
        assert_sent(deliver(f"192.0.2.26,{FOUR}"), AT_FOUR)
        assert len(first.ends) == before + 1
    assert (len(first.mails), len(second.mails)) == (0, 11), (first.mails, second.mails)


@inside
def test_the_result_names_the_server_that_failed_last_and_no_other_one(network):
    six, four = f"[{SIX}]:2699", "127.0.0.1:2698"
    # A name that has no address, behind addresses, and before one; with attempts; without an address of our own one's family.
    for servers, last in (
        (f"{six}, {four}, nosuch.example.test", "nosuch.example.test:25"),
        (f"{six}, {four}, NoSuch.Example.test.:587", "nosuch.example.test:587"),
        (f"nosuch.example.test, {four}", four),
    ):
        for attempts in (1, 2):
            result = deliver(servers, retry_max=attempts - 1, retry_delay_ms=1)
            assert (result.server, result.outcome, result.attempts) == (last, Outcome.NOT_SENT, attempts), result
    network.names.add("six.example.test", SIX)
    result = deliver(f"{four}, six.example.test:2525", source="192.0.2.27")
    assert (result.code, result.phase, result.server) == (Code.CONNECT_FAILED, Phase.CONNECT, "six.example.test:2525"), result
    # There is room for 63 octets.
    longest = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])
    assert deliver(f"{four}, {longest}").server == "a" * 63
    # What ends it while a name is looked up.
    network.names.silence(NAME)
    client = Client()
    begin(client, f"{four}, {NAME}")
    wait_until(lambda: NAME in network.names.asked)
    client.cancel()
    assert client.wait(2) == Code.CANCELLED
    assert client.result().server == f"{NAME}:25"


@inside
def test_a_server_that_refuses_for_good_ends_the_list(network):
    (first, second) = at("192.0.2.26", FOUR)
    for command, reply, code in (
        ("GREETING", "554 5.7.1 go away", Code.NOT_READY),
        ("MAIL", "550 5.1.8 no such sender", Code.SENDER_REFUSED),
        ("RCPT", "550 5.1.1 no such user", Code.INVALID_RECIPIENT),
        ("END", "554 5.7.1 spam", Code.DATA_END_FAILED),
    ):
        first.replies = {command: reply}
        result = deliver(f"192.0.2.26,{FOUR}", retry_max=5, retry_delay_ms=1)
        assert (result.code, result.outcome, result.attempts) == (code, Outcome.NOT_SENT, 1), result
        # Our own advice stands behind the server's words.
        assert result.server == "192.0.2.26:25" and result.text.startswith(reply[4:]), result
    assert second.ends == []


@inside
def test_a_mail_whose_outcome_is_unknown_goes_to_no_other_server(network):
    (first, second) = at("192.0.2.26", FOUR)
    first.gate("END")
    result = deliver(f"192.0.2.26,{FOUR}", final_timeout_ms=300, retry_max=5, retry_delay_ms=1)
    assert (result.code, result.outcome, result.advice) == (Code.TIMEOUT, Outcome.UNKNOWN, Advice.UNKNOWN), result
    assert (result.attempts, second.ends) == (1, [])


@inside
def test_the_total_deadline_covers_the_whole_list(network):
    silent = ", ".join(f"198.51.100.{number}" for number in range(10, 40))
    result = deliver(silent, connect_timeout_ms=400, total_timeout_ms=1500)
    assert (result.code, result.outcome) == (Code.TIMEOUT, Outcome.NOT_SENT), result
    assert 1500 <= result.elapsed_ms < 4000
    # The list as a whole is attempted again.
    result = deliver("192.0.2.26, 192.0.2.27", retry_max=2, retry_delay_ms=1)
    assert (result.code, result.attempts) == (Code.CONNECT_FAILED, 3), result
    assert result.server == "192.0.2.27:25"


@inside
def test_ports_of_a_list_are_those_of_its_entries(network):
    ScriptedServer(address=SIX, port=2525)
    ScriptedServer(address=FOUR, port=587)
    network.names.add(NAME, FOUR)
    assert_sent(deliver(f"192.0.2.26:587, [{SIX}]:2525"), f"[{SIX}]:2525")
    assert_sent(deliver(f"192.0.2.26:25 ,{NAME}", port=587), f"{FOUR}:587")
    assert_sent(deliver(f"{NAME}:587", port=2525), f"{FOUR}:587")


# --- our own address ------------------------------------------------------------------


@inside
def test_the_source_is_where_the_server_sees_us_come_from(network):
    six, four = at(SIX, FOUR)
    network.names.add(NAME, FOUR, SIX)
    network.names.add("six.example.test", SIX)
    assert_sent(deliver(FOUR, source="127.0.0.5"), AT_FOUR)
    assert_sent(deliver(SIX, source="2001:db8::27"), AT_SIX)
    # Of the name's addresses those of the source's family.
    assert_sent(deliver(NAME, source="192.0.2.27"), AT_FOUR)
    assert [peer for peer, _ in four.ends] == ["127.0.0.5", "192.0.2.27"]
    assert [peer for peer, _ in six.ends] == ["2001:db8::27"]
    # The EHLO literal is that address.
    assert four.commands[0][1] == b"EHLO [127.0.0.5]"
    # An address that is not ours; a name without an address of that family.
    for server, source in ((FOUR, "192.0.2.99"), ("six.example.test", "192.0.2.27")):
        result = deliver(server, source=source)
        assert (result.code, result.outcome, result.phase) == (Code.CONNECT_FAILED, Outcome.NOT_SENT, Phase.CONNECT), result
        assert "source" in result.text, result
    client = Client()
    for server, source in ((FOUR, "2001:db8::27"), (FOUR, "localhost"), (FOUR, "192.0.2.27:25"), (FOUR, "300.1.1.1")):
        try:
            client.configure(server=server, sender=SENDER, source=source)
        except SmtpError as refused:
            assert refused.code == Code.BAD_ARGUMENT
            assert client.refusal().startswith("source"), client.refusal()
        else:
            raise AssertionError(f"{source!r} was taken")


# --- real servers ---------------------------------------------------------------------


@inside
def test_real_servers_by_name(network):
    instances = [RealServers.get("postfix"), RealServers.get("aiosmtpd"), RealServers.get("postfix", SDS_REFUSE="1")]
    postfix, aiosmtpd, refusing = instances
    try:
        network.names.add(NAME, "127.0.0.1", "::1")
        network.names.add("broken.example.test", "2001:db8:dead::25", "127.0.0.1")
        login = {"auth": Auth.PLAIN, "username": "sds", "password": "sds-secret"}
        assert_sent(deliver(f"{NAME}:{postfix.port}", **login), f"[::1]:{postfix.port}")
        assert_sent(deliver(f"broken.example.test:{aiosmtpd.port}", **login), f"127.0.0.1:{aiosmtpd.port}")
        # A 554 greeting ends a list, nobody there does not.
        servers = f"{NAME}:1, {NAME}:{postfix.port}"
        assert_sent(deliver(servers, **login), f"[::1]:{postfix.port}")
        result = deliver(f"{NAME}:{refusing.port}, {NAME}:{postfix.port}", **login)
        assert (result.code, result.reply_code, result.server) == (Code.NOT_READY, 554, f"[::1]:{refusing.port}"), result
        assert len(postfix.wait_for_files(b"Alarm", 2)) == 2
        assert len(aiosmtpd.wait_for_files(b"Alarm")) == 1
    finally:
        faults = RealServers.stop_all()
        assert not faults, faults
