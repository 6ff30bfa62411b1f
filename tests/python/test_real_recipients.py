"""Recipients, header fields, verbs and delivery status notifications through Postfix, Exim and aiosmtpd.

As in test_real_servers.py: what arrived is taken apart by Python's email package.
"""

import json

import pytest
from sds_smtp import AUTO_SUBMITTED, PARTIAL, Code, Dsn, MessageError, Outcome, PartlySent, Priority, SmtpError, Verb
from test_addresses import mailboxes
from test_real_servers import CZECH, KINDS, LOGIN, SECOND, SENDER, SOMEONE, UNKNOWN, configure, data_of, unique

import email
import email.policy


@pytest.fixture(params=KINDS)
def server(request, real_servers):
    return real_servers.get(request.param)


def arrived(server, result, copies):
    """The mail in each mailbox, found by its Message-ID."""
    files = server.wait_for_files(result.message_id.encode(), 1 if server.kind == "aiosmtpd" else copies)
    assert len(files) == (1 if server.kind == "aiosmtpd" else copies)
    return [email.message_from_bytes(data_of(server, file), policy=email.policy.compat32) for file in files]


def test_names_semicolons_cc_and_bcc_reach_everybody(server, client):
    configure(client, server, **LOGIN)
    result = client.send(
        f'"Novák, Jan" <{SOMEONE}>;', "Recipients", "x", cc=f"{CZECH} <{SECOND}>", bcc=f"Secret <{SOMEONE}>; {SECOND},", wait=True
    )
    assert (result.code, result.outcome, result.recipients_accepted) == (Code.OK, Outcome.SENT, 4)
    for mail in arrived(server, result, 2):
        assert mailboxes(mail, "To") == [("Novák, Jan", SOMEONE)]
        assert mailboxes(mail, "Cc") == [(CZECH, SECOND)]
        assert "Bcc" not in mail and "Secret" not in mail.as_string()


def test_bcc_alone_is_delivered_without_a_to_of_ours(server, client):
    configure(client, server, **LOGIN)
    result = client.send(bcc=SOMEONE, subject="Bcc", text="x", wait=True)
    (mail,) = arrived(server, result, 1)
    # Postfix adds a field that says no more than that.
    assert mail["To"] in (None, "undisclosed-recipients:;") and SOMEONE not in str(mail["To"])


def test_author_path_reply_to_and_fields_arrive(server, client):
    configure(client, server, **LOGIN)
    word = unique()
    result = client.send(
        SOMEONE,
        "Fields",
        "x",
        from_=f"{CZECH} <other@example.test>",
        reverse_path=SENDER,
        reply_to=f"{CZECH} <r@example.test>; s@example.test",
        headers={"X-Word": word, "X-Czech": CZECH * 3, "List-Unsubscribe": f"<https://example.org/{'x' * 200}>"},
        priority=Priority.HIGH,
        flags=AUTO_SUBMITTED,
        message_id=f"<{word}@example.test>",
        date=1529064000,
        wait=True,
    )
    assert result.message_id == f"<{word}@example.test>"
    (mail,) = arrived(server, result, 1)
    assert mailboxes(mail, "From") == [(CZECH, "other@example.test")]
    assert mailboxes(mail, "Reply-To") == [(CZECH, "r@example.test"), ("", "s@example.test")]
    assert [mail[name] for name in ("X-Word", "X-Priority", "Importance", "Priority", "Auto-Submitted")] == [
        word, "1", "high", "urgent", "auto-generated",
    ]
    assert mail["Date"] == "Fri, 15 Jun 2018 12:00:00 +0000"
    assert not mail.defects
    if server.kind != "aiosmtpd":
        assert SENDER in mail.as_string().split("\n\n")[0].replace("From: ", "", 1)


@pytest.mark.parametrize("path", ["<>", "second@example.test"])
def test_the_reverse_path_arrives(server, client, path):
    configure(client, server, **LOGIN)
    result = client.send(SOMEONE, "Path", "x", reverse_path=path, wait=True)
    assert result.code == Code.OK
    arrived(server, result, 1)
    if server.kind == "aiosmtpd":
        # A file beside the mail has the envelope.
        (file,) = server.wait_for_files(result.message_id.encode())
        assert json.loads(file.with_suffix(".json").read_text())["from"] in (path, path.strip("<>"), None)


def test_notices_are_sent_where_the_server_has_them(server, client):
    configure(client, server, **LOGIN)
    word = unique()
    result = client.send(
        SOMEONE, "Notices", "x", reverse_path=SECOND, dsn=Dsn.SUCCESS | Dsn.FULL, envelope_id=word, wait=True
    )
    assert result.code == Code.OK
    if server.kind == "postfix":
        # It reports the delivery to the reverse path, and names the envelope.
        (notice,) = server.wait_for_files(b"Original-Envelope-Id: " + word.encode())
        text = notice.read_text("utf-8", "replace")
        assert "Action: delivered" in text and f"Original-Recipient: rfc822;{SOMEONE}" in text
        assert "sent without" not in result.text
    else:
        assert result.text.endswith(" - sent without dsn: the server does not offer it")


@pytest.mark.parametrize("verb", [Verb.SEND, Verb.SOML, Verb.SAML])
def test_todays_servers_do_not_know_the_verbs_of_rfc_821(server, client, verb):
    configure(client, server, **LOGIN)
    with pytest.raises(SmtpError):
        client.send(SOMEONE, "Verb", "x", verb=verb, wait=True)
    result = client.result()
    assert (result.code, result.outcome, result.advice.name) == (Code.NOT_SUPPORTED, Outcome.NOT_SENT, "MESSAGE")
    assert result.reply_code in (500, 502, 504)


def test_a_local_part_in_utf8_goes_where_smtputf8_is_offered(server, client):
    configure(client, server, **LOGIN)
    with pytest.raises(SmtpError):
        client.send("žluťoučký@example.test", "UTF-8", "x", wait=True)
    result = client.result()
    if result.code == Code.NOT_SUPPORTED:
        assert (result.reply_code, result.outcome) == (0, Outcome.NOT_SENT) and "SMTPUTF8" in result.text
    else:
        # Offered: nobody there has such a mailbox.
        assert result.code == Code.INVALID_RECIPIENT and result.recipient == "žluťoučký@example.test"


def test_a_domain_in_other_letters_is_looked_for_as_a_labels(server, client):
    configure(client, server, **LOGIN)
    result = client.send([SOMEONE, "x@háčky.example.test"], "IDN", "x", flags=16)
    client.wait(40)
    result = client.result()
    assert result.recipient in ("", "x@xn--hky-elab.example.test") or result.recipient.startswith("x@xn--")


def test_the_refused_recipient_of_a_list_with_names_is_told(server, client):
    configure(client, server, **LOGIN)
    with pytest.raises(SmtpError):
        client.send(SOMEONE, "x", "y", cc=f"Nobody <{UNKNOWN}>", bcc=SECOND, wait=True)
    result = client.result()
    assert (result.code, result.recipient) == (Code.INVALID_RECIPIENT, UNKNOWN)


def test_whoever_is_accepted_gets_the_mail_and_each_is_told_of(server, client):
    configure(client, server, **LOGIN)
    with pytest.raises(PartlySent) as failure:
        client.send([SOMEONE, UNKNOWN], "Partial", "x", bcc=SECOND, flags=PARTIAL, wait=True)
    result = failure.value.result
    assert (result.code, result.outcome, result.recipient) == (Code.PARTLY_SENT, Outcome.SENT, UNKNOWN)
    assert (result.recipients_accepted, result.recipients_refused) == (2, 1)
    someone, unknown, second = client.recipients()
    assert [one.address for one in (someone, unknown, second)] == [SOMEONE, UNKNOWN, SECOND]
    for one in (someone, second):
        assert (one.code, one.outcome, one.reply_code) == (Code.OK, Outcome.SENT, 250)
    assert (unknown.code, unknown.outcome, unknown.reply_code) == (Code.INVALID_RECIPIENT, Outcome.NOT_SENT, 550)
    assert unknown.text and unknown.text == result.text[:127]
    for mail in arrived(server, result, 2):
        assert "Bcc" not in mail


def test_with_nobody_accepted_the_mail_is_not_sent(server, client):
    configure(client, server, **LOGIN)
    with pytest.raises(MessageError) as failure:
        client.send([UNKNOWN, "other-" + UNKNOWN], "Partial", "x", flags=PARTIAL, wait=True)
    assert (failure.value.code, failure.value.result.outcome) == (Code.INVALID_RECIPIENT, Outcome.NOT_SENT)
    assert [one.code for one in client.recipients()] == [Code.INVALID_RECIPIENT] * 2


def test_all_or_none_tells_of_each_recipient(server, client):
    configure(client, server, **LOGIN)
    with pytest.raises(SmtpError):
        client.send([SOMEONE, UNKNOWN], "All or none", "x", wait=True)
    someone, unknown = client.recipients()
    assert (someone.outcome, someone.reply_code) == (Outcome.NOT_SENT, 0)
    assert (unknown.outcome, unknown.reply_code) == (Outcome.NOT_SENT, 550)
    client.send(SECOND, "One", "x", wait=True)
    (second,) = client.recipients()
    assert (second.address, second.code, second.outcome) == (SECOND, Code.OK, Outcome.SENT)


def test_a_long_list_goes_in_as_many_transactions_as_the_server_wants(server, client):
    """Postfix takes 1000 recipients at a time, and hangs up behind 20 refusals without a mail."""
    configure(client, server, **LOGIN)
    many = [SOMEONE if number % 7 else UNKNOWN for number in range(700)] + [SOMEONE] * 2500
    with pytest.raises(PartlySent):
        client.send("", "Many", "x", bcc=many, flags=PARTIAL, wait=True)
    told = client.recipients()
    assert [one.address for one in told] == many
    for one in told:
        wanted = (Outcome.SENT, 250) if one.address == SOMEONE else (Outcome.NOT_SENT, 550)
        assert (one.outcome, one.reply_code) == wanted, one
