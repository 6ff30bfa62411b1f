"""Recipients as people write them, authors, reverse paths: what goes into the envelope and what into the header block.

What arrives is read by Python's email package, which shares no code with the library. docs/addresses.md is the page of it.
"""

import ctypes
import email
import email.header
import email.policy
import email.utils
import re

import pytest
import sds_smtp
from conftest import CHECKOUT
from sds_smtp import Client, Code, Outcome, Phase, SmtpError

SENDER = "unit7@example.test"
CZECH = "Příliš žluťoučký kůň"
UTF8 = ["PIPELINING", "8BITMIME", "SIZE 10000000", "SMTPUTF8"]


@pytest.fixture
def ready(server, client):
    client.configure(server="127.0.0.1", port=server.port, sender=SENDER, total_timeout_ms=30000)
    return client


def paths(server):
    """The paths of the last mail: the reverse one, and the forward ones."""
    _, reverse, forward, _ = server.mails[-1]
    found = re.match(rb"MAIL FROM:<(.*?)>( .*)?$", reverse)
    return found.group(1), [re.match(rb"RCPT TO:<(.*)>$", path).group(1) for path in forward]


def read(server):
    # The older policy: the newer one puts blanks between encoded words that belong together.
    return email.message_from_bytes(server.mails[-1][3], policy=email.policy.compat32)


def mailboxes(mail, name):
    if mail[name] is None:
        return None
    value = re.sub(r"\r\n(?=[ \t])", "", str(mail[name]))
    pairs = email.utils.getaddresses([value])
    return [(str(email.header.make_header(email.header.decode_header(name))), address) for name, address in pairs]


def refusal(client, **fields):
    with pytest.raises(SmtpError) as refused:
        client.send(**fields)
    assert client.result().code == refused.value.code
    return refused.value.code, client.refusal()


LISTS = {
    "a@example.org": [("", "a@example.org")],
    "a@example.org, b@example.org": [("", "a@example.org"), ("", "b@example.org")],
    "a@example.org; b@example.org;": [("", "a@example.org"), ("", "b@example.org")],
    "a@example.org,": [("", "a@example.org")],
    "a@example.org, ; ,": [("", "a@example.org")],
    "Boiler room <a@example.org>": [("Boiler room", "a@example.org")],
    '"Novak, Jan" <a@example.org>; B <b@example.org>': [("Novak, Jan", "a@example.org"), ("B", "b@example.org")],
    f"{CZECH} <a@example.org>": [(CZECH, "a@example.org")],
    f"{CZECH * 5} <a@example.org>, {CZECH} <b@example.org>": [(CZECH * 5, "a@example.org"), (CZECH, "b@example.org")],
    "a@example.org (home; or work)": [("", "a@example.org")],
    "a@example.org <a@example.org>": [("a@example.org", "a@example.org")],
    r'"J. \"Joe\" O\\N" <a@example.org>': [(r'J. "Joe" O\N', "a@example.org")],
    "=?UTF-8?Q?x?= <a@example.org>": [("=?UTF-8?Q?x?=", "a@example.org")],
    "O'Neill & Sons (Ltd.) [UK] <a@example.org>": [("O'Neill & Sons [UK]", "a@example.org")],
    "<a@example.org>": [("", "a@example.org")],
    '"a;b,c"@example.org': [("", '"a;b,c"@example.org')],
    "a@[192.0.2.1]": [("", "a@[192.0.2.1]")],
    "root@host_name.local": [("", "root@host_name.local")],
    "x" * 200 + "@example.org": [("", "x" * 200 + "@example.org")],
}


@pytest.mark.parametrize("field", ["to", "cc"])
@pytest.mark.parametrize("text", LISTS)
def test_a_list_as_people_write_it_reaches_each_and_names_each(server, ready, text, field):
    result = ready.send(**{field: text}, text="x", wait=True)
    assert result.code == Code.OK
    wanted = LISTS[text]
    assert paths(server)[1] == [address.encode() for _, address in wanted]
    mail = read(server)
    assert mailboxes(mail, field) == wanted
    assert not mail.defects and (field == "to") == ("To" in mail)
    assert all(len(line) <= 78 for line in server.mails[-1][3].partition(b"\r\n\r\n")[0].split(b"\r\n") if b"x" * 99 not in line)


REFUSED = {
    "": "no recipient",
    " ": "no recipient",
    ",": "entry 1: empty",
    "a@example.org,,b@example.org": "entry 2: empty",
    ", a@example.org": "entry 1: empty",
    "operator": "entry 1 (operator): no @: a whole e-mail address is needed",
    "a@example.org; operator": "entry 2 (operator): no @: a whole e-mail address is needed",
    "a@example.org b@example.org": "entry 1 (a@example.org b@example.org): an invalid character before the @",
    "a..b@example.org": "entry 1 (a..b@example.org): an invalid character before the @",
    ".a@example.org": "entry 1 (.a@example.org): an invalid character before the @",
    "a.@example.org": "entry 1 (a.@example.org): an invalid character before the @",
    "@example.org": "entry 1 (@example.org): nothing before the @",
    "a@": "entry 1 (a@): nothing behind the @",
    "a@b..org": "entry 1 (a@b..org): no domain behind the @",
    "a@example.org.": "entry 1 (a@example.org.): no domain behind the @",
    "Name <a@example.org": "entry 1 (Name <a@example.org): a < without its >",
    "<a@example.org> x": "entry 1 (<a@example.org> x): something behind the >; a comma separates",
    '"Novak <a@example.org>': 'entry 1 ("Novak <a@example.org>): a quotation mark without its end',
    "a@example.org (x": "entry 1 (a@example.org (x): a comment (in parentheses) without its end",
    "friends: a@example.org, b@example.org;": "entry 1 (friends: a@example.org, b@example.org;): "
    "a colon: groups are not taken, and a name with a colon stands in quotation marks",
    "undisclosed-recipients:;": "entry 1 (undisclosed-recipients:;): "
    "a colon: groups are not taken, and a name with a colon stands in quotation marks",
    "a@example.org\r\nBcc: x@y": "entry 1 (a@example.org??Bcc: x@y): a control character in it",
    "Name\n <a@example.org>": "entry 1 (Name? <a@example.org>): a control character in it",
    "\x7f@example.org": "entry 1 (?@example.org): a control character in it",
    "x" * 243 + "@example.org": f"entry 1 ({'x' * 64}...): longer than 254 bytes",
    "n" * 201 + " <a@example.org>": f"entry 1 ({'n' * 64}...): a name longer than 200 bytes",
    b"\xe9@example.org": "entry 1 (?@example.org): neither ASCII nor UTF-8",
    b"a@\xe9.org": "entry 1 (a@?.org): neither ASCII nor UTF-8",
    "a@ex\u2024ample.org\u3002\u3002": "entry 1 (a@ex???ample.org??????): no domain behind the @",
}


@pytest.mark.parametrize("field", ["to", "cc", "bcc", "reply_to"])
@pytest.mark.parametrize("text", REFUSED)
def test_a_list_that_is_wrong_is_refused_with_its_entry(ready, server, text, field):
    if REFUSED[text] == "no recipient" and field != "to":
        return
    fields = {field: text} if field in ("to", "cc", "bcc") else {"to": "a@example.org", field: text}
    if field == "bcc" and "a name longer" in REFUSED[text]:
        # It is not written anywhere.
        assert ready.send(**fields, wait=True).code == Code.OK
        return
    code, words = refusal(ready, **fields)
    if REFUSED[text] == "no recipient":
        assert (code, words) == (Code.RECIPIENT_REFUSED, "to: no recipient")
    else:
        assert code == (Code.BAD_ARGUMENT if field == "reply_to" else Code.RECIPIENT_REFUSED)
        assert words == f"{field}: {REFUSED[text]}"
    assert not server.commands


def test_bcc_is_in_the_envelope_and_nowhere_else(server, ready):
    ready.send("a@example.org", cc="C <c@example.org>", bcc="Secret <b@example.org>; d@example.org", wait=True)
    assert paths(server)[1] == [b"a@example.org", b"c@example.org", b"b@example.org", b"d@example.org"]
    data = server.mails[-1][3]
    assert b"b@example.org" not in data and b"d@example.org" not in data and b"ecret" not in data and b"Bcc" not in data
    mail = read(server)
    assert (mailboxes(mail, "To"), mailboxes(mail, "Cc")) == ([("", "a@example.org")], [("C", "c@example.org")])


def test_a_mail_to_bcc_alone_has_no_to(server, ready):
    result = ready.send(bcc="b@example.org", subject="x", wait=True)
    assert result.code == Code.OK and result.recipients_accepted == 1
    mail = read(server)
    assert "To" not in mail and "Cc" not in mail and "Bcc" not in mail and paths(server)[1] == [b"b@example.org"]


def test_answers_go_where_reply_to_says(server, ready):
    ready.send("a@example.org", reply_to=[(CZECH, "r@example.org"), "s@example.org"], wait=True)
    assert mailboxes(read(server), "Reply-To") == [(CZECH, "r@example.org"), ("", "s@example.org")]
    assert paths(server)[1] == [b"a@example.org"]


def test_from_is_the_author_and_the_reverse_path(server, ready):
    result = ready.send("a@example.org", from_=f"{CZECH} <other@example.net>", wait=True)
    mail = read(server)
    assert mailboxes(mail, "From") == [(CZECH, "other@example.net")]
    assert paths(server)[0] == b"other@example.net"
    assert mail["Message-ID"] == result.message_id and result.message_id.endswith("@example.net>")


@pytest.mark.parametrize("given, path", [("bounces@example.net", b"bounces@example.net"), ("<b@example.net>", b"b@example.net"), ("<>", b"")])
@pytest.mark.parametrize("author", [None, "other@example.com"])
def test_the_reverse_path_may_be_another_than_the_author(server, ready, given, path, author):
    ready.send("a@example.org", reverse_path=given, from_=author, wait=True)
    assert paths(server)[0] == path
    assert mailboxes(read(server), "From") == [("", author or SENDER)]


@pytest.mark.parametrize(
    "fields, code, words",
    [
        ({"from_": "x"}, Code.SENDER_REFUSED, "from: no @: a whole e-mail address is needed"),
        ({"from_": "a@b.cz, c@d.cz"}, Code.RECIPIENT_REFUSED, None),
        ({"from_": "<a@b.cz>\r\nBcc: x@y"}, Code.SENDER_REFUSED, "from: something behind the >; a comma separates"),
        ({"from_": "a\r\n@b.cz"}, Code.SENDER_REFUSED, "from: a control character in it"),
        ({"from_": "<>"}, Code.SENDER_REFUSED, "from: empty"),
        ({"from_": "n" * 201 + " <a@b.cz>"}, Code.SENDER_REFUSED, f"from: entry 1 ({'n' * 64}...): a name longer than 200 bytes"),
        ({"reverse_path": "x"}, Code.SENDER_REFUSED, "reverse_path: no @: a whole e-mail address is needed"),
        ({"reverse_path": "N <a@b.cz>"}, Code.SENDER_REFUSED, "reverse_path: a name in it"),
        ({"reverse_path": "a@b.cz;c@d.cz"}, Code.SENDER_REFUSED, "reverse_path: more than one address"),
        ({"reverse_path": "< >"}, Code.SENDER_REFUSED, "reverse_path: empty"),
        ({"reverse_path": "a@b.cz> SIZE=1"}, Code.SENDER_REFUSED, "reverse_path: no domain behind the @"),
    ],
)
def test_an_author_or_reverse_path_that_is_none_is_refused(ready, server, fields, code, words):
    got, why = refusal(ready, to="a@example.org", **fields) if words else (None, None)
    if words:
        assert (got, why) == (code, words)
    else:
        with pytest.raises(sds_smtp.MessageError):
            ready.send("a@example.org", **fields)
    assert not server.commands


@pytest.mark.parametrize("name", ["Boiler room", CZECH, '"Novak, Jan"'])
def test_the_sender_may_have_its_name_with_it(server, client, name):
    client.configure(server="127.0.0.1", port=server.port, sender=f"{name} <unit7@example.test>")
    client.send("a@example.org", wait=True)
    assert mailboxes(read(server), "From") == [(name.strip('"'), SENDER)]
    assert paths(server)[0] == SENDER.encode()


@pytest.mark.parametrize(
    "fields, words",
    [
        ({"sender": "A <unit7@example.test>", "sender_name": "B"}, "sender_name: set, and sender has a name in it"),
        ({"sender": "A <unit7>"}, "sender: no @: a whole e-mail address is needed"),
        ({"sender": "a@b.cz, c@d.cz"}, "sender: more than one address"),
        ({"sender": "A\r\nB <a@b.cz>"}, "sender: a control character in it"),
        ({"sender": "n" * 201 + "<a@b.cz>"}, "sender: a name longer than 200 bytes"),
        ({"sender": "x" * 250 + "@b.cz"}, "sender: longer than 254 bytes"),
    ],
)
def test_a_sender_that_is_none_is_refused(client, fields, words):
    with pytest.raises(SmtpError) as refused:
        client.configure(server="127.0.0.1", **fields)
    assert (refused.value.code, client.refusal()) == (Code.SENDER_REFUSED, words)


# --- letters outside ASCII ---------------------------------------------------------------

IDN = "háčky.example"
A_LABEL = "xn--hky-qla8d.example"


def test_a_domain_goes_as_a_labels_to_any_server(server, ready):
    if not sds_smtp.features() & 2:
        pytest.skip("no names")
    server.extensions = ["8BITMIME"]
    label = "háčky".encode("idna").decode()
    ready.send(f"X <a@{IDN}>", from_=f"b@{IDN}", reverse_path=f"c@{IDN}", reply_to=f"d@{IDN.upper()}", wait=True)
    ascii_domain = f"{label}.example"
    assert paths(server) == (f"c@{ascii_domain}".encode(), [f"a@{ascii_domain}".encode()])
    mail = read(server)
    assert mailboxes(mail, "To") == [("X", f"a@{ascii_domain}")]
    assert mailboxes(mail, "From") == [("", f"b@{ascii_domain}")]
    assert mailboxes(mail, "Reply-To") == [("", f"d@{ascii_domain}")]
    assert server.mails[-1][3].isascii()


def test_the_senders_domain_goes_as_a_labels(server, client):
    client.configure(server="127.0.0.1", port=server.port, sender=f"{CZECH} <a@{IDN}>")
    result = client.send("a@example.org", wait=True)
    label = "háčky".encode("idna").decode()
    assert paths(server)[0] == f"a@{label}.example".encode()
    assert result.message_id.endswith(f"@{label}.example>")


@pytest.mark.parametrize("field", ["to", "cc", "bcc", "from_", "reverse_path", "reply_to"])
def test_a_local_part_outside_ascii_needs_smtputf8(server, ready, field):
    fields = {"to": "a@example.org", field: "žluťoučký@example.org"}
    result = None
    with pytest.raises(SmtpError):
        ready.send(**fields, wait=True)
    result = ready.result()
    assert (result.code, result.outcome, result.phase) == (Code.NOT_SUPPORTED, Outcome.NOT_SENT, Phase.MAIL)
    assert "SMTPUTF8" in result.text and result.advice == sds_smtp.Advice.MESSAGE
    assert not {"MAIL", "RCPT", "DATA"} & set(server.verbs())
    server.extensions = UTF8
    result = ready.send(**fields, wait=True)
    assert result.code == Code.OK
    assert b" SMTPUTF8" in server.mails[-1][1]
    envelope, data = server.mails[-1][1] + b"".join(server.mails[-1][2]), server.mails[-1][3]
    assert ("žluťoučký@example.org".encode() in data) == (field not in ("bcc", "reverse_path"))
    assert ("žluťoučký@example.org".encode() in envelope) == (field != "reply_to")


def test_the_three_functions_have_a_code_of_the_devices_for_it(server):
    library = sds_smtp._library()
    assert library.sds_smtp_configure(f"127.0.0.1:{server.port}".encode(), 0, None, None, SENDER.encode()) == 0
    assert library.sds_smtp_send("žluťoučký@example.org".encode(), b"Alarm", b"Text.\n") == 0
    assert library.sds_smtp_client_wait(None, 20000) == Code.RECIPIENT_REFUSED == library.sds_smtp_status()
    result = sds_smtp._Result(struct_size=ctypes.sizeof(sds_smtp._Result))
    library.sds_smtp_client_result(None, ctypes.byref(result))
    assert (result.code, result.outcome) == (Code.RECIPIENT_REFUSED, Outcome.NOT_SENT)
    assert b"SMTPUTF8" in result.text and "MAIL" not in server.verbs()
    assert library.sds_smtp_send("žluťoučký@example.org, a@example.org".encode(), b"Alarm", b"Text.\n") == 0
    assert library.sds_smtp_client_wait(None, 20000) == Code.RECIPIENT_REFUSED
    each = (sds_smtp._Recipient * 2)()
    each[0].struct_size = ctypes.sizeof(sds_smtp._Recipient)
    assert library.sds_smtp_client_recipients(None, each, 2) == 2
    assert [one.code for one in each] == [Code.RECIPIENT_REFUSED] * 2


def test_ascii_addresses_go_without_smtputf8_whatever_their_names(server, ready):
    server.extensions = UTF8
    ready.send(f"{CZECH} <a@example.org>", CZECH, CZECH, wait=True)
    assert b"SMTPUTF8" not in server.mails[-1][1]
    assert server.mails[-1][3].partition(b"\r\n\r\n")[0].isascii()


def test_a_utf8_local_part_may_be_quoted(server, ready):
    server.extensions = UTF8
    ready.send('"ž ,;> "@example.org, b@example.org', wait=True)
    assert paths(server)[1] == ['"ž ,;> "@example.org'.encode(), b"b@example.org"]


def test_the_sender_may_have_a_utf8_local_part(server, client):
    client.configure(server="127.0.0.1", port=server.port, sender="ž@example.org")
    with pytest.raises(SmtpError) as refused:
        client.send("a@example.org", wait=True)
    assert refused.value.code == Code.NOT_SUPPORTED
    server.extensions = UTF8
    client.send("a@example.org", wait=True)
    assert paths(server)[0] == "ž@example.org".encode()
    # With another author and another path no such address is left.
    server.extensions = ["8BITMIME"]
    client.send("a@example.org", from_="b@example.org", wait=True)
    assert paths(server)[0] == b"b@example.org"


def test_a_name_in_another_charset_is_labelled_with_it(server, client):
    client.configure(server="127.0.0.1", port=server.port, sender=SENDER, charset="windows-1250")
    client.send(CZECH.encode("windows-1250") + b" <a@example.org>", wait=True)
    assert mailboxes(read(server), "To") == [(CZECH, "a@example.org")]


# --- many --------------------------------------------------------------------------------


@pytest.mark.parametrize("pipelining", [True, False])
def test_more_than_a_hundred_recipients_are_taken(server, ready, pipelining):
    if not pipelining:
        server.extensions = []
    everybody = [f"person{number}@example.org" for number in range(1000)]
    result = ready.send(everybody, wait=True)
    assert (result.code, result.recipients_accepted) == (Code.OK, 1000)
    assert paths(server)[1] == [address.encode() for address in everybody]
    assert [address for _, address in mailboxes(read(server), "To")] == everybody


def test_a_hundred_thousand_recipients_are_taken_and_not_one_more(server, ready):
    everybody = "; ".join(f"person{number}@example.org" for number in range(99_998))
    more = {"cc": "Boss <boss@example.org>;", "bcc": "secret@example.org"}
    code, words = refusal(ready, to=everybody, **{**more, "bcc": "secret@example.org, one.more@example.org"})
    assert (code, words) == (Code.RECIPIENT_REFUSED, "bcc: too many recipients: more than 100000")
    assert not server.commands
    server.extensions = ["PIPELINING"]
    result = ready.send(everybody, wait=True, **more)
    assert (result.code, result.recipients_accepted) == (Code.OK, 100_000)
    _, forward = paths(server)
    assert (len(forward), forward[0], forward[-1]) == (100_000, b"person0@example.org", b"secret@example.org")
    assert ready.log()[-1].recipients == 100_000


def test_the_recipient_that_decided_is_told_behind_many(server, ready):
    server.extensions = []
    everybody = [f"person{number}@example.org" for number in range(70_000)]
    server.replies["RCPT"] = "250 ok"
    real = server._answer

    def answer(connection, command, usual):
        if command == "RCPT" and server.commands[-1][1] == b"RCPT TO:<person69999@example.org>":
            connection.sendall(b"550 5.1.1 no such user\r\n")
            return False
        return real(connection, command, usual)

    server._answer = answer
    with pytest.raises(SmtpError):
        ready.send(everybody, wait=True)
    result = ready.result()
    assert (result.code, result.recipient) == (Code.INVALID_RECIPIENT, "person69999@example.org")
    assert (result.recipients_accepted, result.recipients_refused) == (69_999, 1)
    assert ready.log()[-1].recipient == "person69999@example.org"


@pytest.mark.parametrize("unit", ["(", "((", "\\", '"', "<", "a@b,", ",", ";", "a@b (", "a" * 1000, "\t"])
def test_lists_of_a_mebibyte_are_refused_or_taken_in_time(ready, server, unit):
    text = unit * (1048576 // len(unit))
    try:
        ready.send(text, flags=sds_smtp.DRY_RUN)
    except SmtpError as refused:
        assert refused.code == Code.RECIPIENT_REFUSED
    else:
        pytest.fail("taken")


@pytest.mark.parametrize(
    "given, wanted",
    [
        ([("Jan", "a@example.org"), "b@example.org"], [("Jan", "a@example.org"), ("", "b@example.org")]),
        ([('J "x" \\, y', "a@example.org")], [('J "x" \\, y', "a@example.org")]),
        (["Novak <a@example.org>", '"N, J" <b@example.org>'], [("Novak", "a@example.org"), ("N, J", "b@example.org")]),
        (("Jan", "a@example.org"), [("Jan", "a@example.org")]),
        (("a@example.org", "b@example.org"), [("", "a@example.org"), ("", "b@example.org")]),
    ],
)
def test_python_takes_pairs_and_lists(server, ready, given, wanted):
    ready.send(given, wait=True)
    assert mailboxes(read(server), "To") == wanted


@pytest.mark.parametrize("given", [["a@b.cz,c@d.cz"], ["a@b.cz;c@d.cz"], [""], ["x, y <a@b.cz>"]])
def test_an_item_of_a_list_is_one_mailbox(ready, given):
    with pytest.raises(sds_smtp.MessageError):
        ready.send(given)


def test_the_three_functions_take_the_same_lists(server):
    builtin = Client.builtin()
    builtin.configure_device(f"127.0.0.1:{server.port}", False, "", "", SENDER) if hasattr(builtin, "configure_device") else builtin.configure(
        server="127.0.0.1", port=server.port, sender=SENDER
    )
    library = sds_smtp._library()
    assert library.sds_smtp_send(f"{CZECH} <a@example.org>; b@example.org;".encode(), b"x", b"y") == 0
    assert builtin.wait(20) == Code.OK
    assert paths(server)[1] == [b"a@example.org", b"b@example.org"]


@pytest.mark.parametrize(
    "item", ['a@b.cz ("), evil@x.cz (")', "a@b.cz, evil@x.cz", "a@b.cz;evil@x.cz", '"x\\"" <a@b.cz>, evil@x.cz', "(x\\)), a@b.cz"]
)
def test_an_item_of_a_list_is_one_mailbox_only(server, ready, item):
    with pytest.raises(SmtpError) as refused:
        ready.send([item, "c@d.cz"], wait=True)
    assert refused.value.code == Code.RECIPIENT_REFUSED
    assert not server.commands


def test_an_item_of_a_list_may_have_separators_in_quotes_and_comments(server, ready):
    ready.send(['"N, J; \\"x" <a@b.cz>', "c@d.cz (one, (or) two;)", ("O; P, (Q)", "e@f.cz")], wait=True)
    assert server.mails[-1][2] == [b"RCPT TO:<a@b.cz>", b"RCPT TO:<c@d.cz>", b"RCPT TO:<e@f.cz>"]


# --- docs/addresses.md ---------------------------------------------------------------------


def rows_of(heading):
    """The first column of the tables below a heading: what is in backquotes there."""
    page = (CHECKOUT / "docs" / "addresses.md").read_text("utf-8")
    section = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found = [example for row in re.findall(r"^\| (`.*?) \|", section, re.M) for example in re.findall(r"`([^`]+)`", row)]
    return [example for example in found if not re.fullmatch(r"[a-z_]+", example) or example == "operator"]


def test_the_page_on_addresses_says_what_is_taken(server, ready):
    server.extensions = UTF8
    examples = rows_of("Lists")
    assert len(examples) >= 11
    for example in examples:
        result = ready.send(example, wait=True)
        assert (result.code, result.recipients_accepted) == (Code.OK, example.count("@")), example


def test_the_page_on_addresses_says_what_is_refused(server, ready):
    server.extensions = UTF8
    examples = rows_of("Refused on purpose")
    assert len(examples) >= 10
    for example in [*examples, "a\u2028@example.org", "a\u202e@example.org", "n" * 201 + " <a@example.org>", b"\xe9@example.org"]:
        assert refusal(ready, to=example)[0] == Code.RECIPIENT_REFUSED, example
    assert not server.commands
    # What it says to write instead.
    for example in ['"a..b"@example.org', '"Alarm: unit 7" <a@example.org>']:
        assert ready.send(example, wait=True).code == Code.OK
