"""The mistakes that users of the device are known to make, against real servers: what a person then reads, in the result, in the log,
and where the configuration is refused.
"""

import socket

import pytest
from conftest import RealServers, free_port
from own_network import inside
from sds_smtp import Advice, Auth, Client, Code, Outcome, Phase, SmtpError

SENDER, SOMEONE = "unit7@example.test", "someone@example.test"
NAME, ADDRESS, PASSWORD = "sds", "sds@example.test", "sds-secret"
# Both say the password in the clear, and to name them is the consent.
CLEAR = Auth.PLAIN | Auth.LOGIN
LOGIN = {"auth": CLEAR, "username": NAME, "password": PASSWORD}

POSTFIX, EXIM, AIOSMTPD = "postfix", "exim", "aiosmtpd"
WHOLE_ADDRESS = {"SDS_ACCOUNT": ADDRESS}
AT_MAIL, AT_RCPT = {"SDS_DEMAND_LOGIN": "mail"}, {"SDS_DEMAND_LOGIN": "rcpt"}
STRICT = {"SDS_STRICT": "1"}

ONLY_THE_NAME = "PLAIN: check the password; or try the user name without the domain"
THE_WHOLE_ADDRESS = "PLAIN: check the password; or try the whole e-mail address as user name"
SWITCHED_OFF = "a login is configured, but switched off (auth is 0)"
NO_LOGIN = "the server wants a login: set user name, password and auth"
CHECK_THE_SENDER = "the sender has to be a whole e-mail address that this server accepts"
CHECK_THE_EHLO_NAME = "set an EHLO name that this server accepts"

# What the server says to a wrong login.
POSTFIX_535 = "5.7.8 Error: authentication failed: authentication failure"
EXIM_535 = "Incorrect authentication data"
AIOSMTPD_535 = "5.7.8 Authentication credentials invalid"

# What is done wrong: the server and its settings, the configuration, the code, the phase, the reply, the text.
MISTAKES = {
    "the whole address as user name where only the name is wanted": (
        (EXIM, {}),
        {**LOGIN, "username": ADDRESS},
        (Code.BAD_PASSWORD, Phase.AUTH, 535),
        f"{EXIM_535} - {ONLY_THE_NAME}",
    ),
    "only the name as user name where the whole address is wanted": (
        (EXIM, WHOLE_ADDRESS),
        LOGIN,
        (Code.BAD_PASSWORD, Phase.AUTH, 535),
        f"{EXIM_535} - {THE_WHOLE_ADDRESS}",
    ),
    "the same, said by another server": (
        (AIOSMTPD, WHOLE_ADDRESS),
        LOGIN,
        (Code.BAD_PASSWORD, Phase.AUTH, 535),
        f"{AIOSMTPD_535} - {THE_WHOLE_ADDRESS}",
    ),
    "a wrong user name": (
        (POSTFIX, {}),
        {**LOGIN, "username": "sdss"},
        (Code.BAD_PASSWORD, Phase.AUTH, 535),
        f"{POSTFIX_535} - {THE_WHOLE_ADDRESS}",
    ),
    "a wrong password": (
        (POSTFIX, {}),
        {**LOGIN, "username": ADDRESS, "password": "sds-Secret"},
        (Code.BAD_PASSWORD, Phase.AUTH, 535),
        f"{POSTFIX_535} - {ONLY_THE_NAME}",
    ),
    "a wrong password by LOGIN": (
        (POSTFIX, {}),
        {**LOGIN, "auth": Auth.LOGIN, "password": "sds-Secret"},
        (Code.BAD_PASSWORD, Phase.AUTH, 535),
        f"{POSTFIX_535} - {THE_WHOLE_ADDRESS.replace('PLAIN', 'LOGIN')}",
    ),
    "the login not switched on, asked for at MAIL": (
        (POSTFIX, AT_MAIL),
        {**LOGIN, "auth": Auth.NONE},
        (Code.SENDER_REFUSED, Phase.MAIL, 530),
        f"5.7.0 <{SENDER}>: Sender address rejected: Authentication required - {SWITCHED_OFF}",
    ),
    "the login not switched on, asked for at RCPT": (
        (POSTFIX, AT_RCPT),
        {**LOGIN, "auth": Auth.NONE},
        (Code.RELAY_DENIED, Phase.RCPT, 530),
        f"5.7.0 <{SENDER}>: Sender address rejected: Authentication required - {SWITCHED_OFF}",
    ),
    "no login configured, asked for at RCPT": (
        (EXIM, AT_RCPT),
        {},
        (Code.RELAY_DENIED, Phase.RCPT, 530),
        f"5.7.0 Authentication required - {NO_LOGIN}",
    ),
    "the login not switched on, and a recipient elsewhere": (
        (POSTFIX, {}),
        {**LOGIN, "auth": Auth.NONE, "to": "operator@elsewhere.test"},
        (Code.RELAY_DENIED, Phase.RCPT, 554),
        f"5.7.1 <operator@elsewhere.test>: Relay access denied - {SWITCHED_OFF}",
    ),
    "no login, and a recipient elsewhere": (
        (EXIM, {}),
        {"to": "operator@elsewhere.test"},
        (Code.RELAY_DENIED, Phase.RCPT, 550),
        f"relay not permitted - {NO_LOGIN}",
    ),
    "a sender that the server blocks, told at RCPT": (
        (POSTFIX, STRICT),
        {"sender": "blocked@example.test"},
        (Code.SENDER_REFUSED, Phase.RCPT, 554),
        f"5.7.1 <blocked@example.test>: Sender address rejected: Access denied - {CHECK_THE_SENDER}",
    ),
    "an EHLO name without a domain, told at RCPT": (
        (POSTFIX, STRICT),
        {"ehlo_name": "device"},
        (Code.HELO_FAILED, Phase.RCPT, 504),
        f"5.5.2 <device>: Helo command rejected: need fully-qualified hostname - {CHECK_THE_EHLO_NAME}",
    ),
}


def send(instance, to=SOMEONE, **more):
    """Send a mail; its result, and its only entry in the log."""
    client = Client()
    client.configure(**{"server": "127.0.0.1", "port": instance.port, "sender": SENDER, "total_timeout_ms": 30000, **more})
    client.send(to, "Alarm", "Text.\n")
    client.wait(40)
    result, (entry,) = client.result(), client.log()
    client.close()
    return result, entry


def assert_read(result, entry, text):
    """A person reads this text in the result, and as much of it as fits in the log."""
    assert result.text == text
    assert text.startswith(entry.text) and len(entry.text) == min(len(text), 127)
    assert (entry.code, entry.phase, entry.reply_code) == (result.code, result.phase, result.reply_code)
    for told in (result.text, entry.text):
        assert PASSWORD not in told


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_a_sentence(real_servers, mistake):
    (kind, settings), configuration, (code, phase, reply), text = MISTAKES[mistake]
    instance = real_servers.get(kind, **settings)
    result, entry = send(instance, **configuration)
    assert (result.code, result.outcome, result.phase, result.reply_code) == (code, Outcome.NOT_SENT, phase, reply), result
    assert_read(result, entry, text)
    assert result.advice == Advice.CONFIGURATION
    assert result.server == f"127.0.0.1:{instance.port}"
    assert result.attempts == 1
    # At RCPT it is the recipient's refusal that decides, whoever is meant.
    assert result.recipient == (configuration.get("to", SOMEONE) if phase == Phase.RCPT else "")


@pytest.mark.parametrize("kind", [POSTFIX, EXIM, AIOSMTPD])
def test_the_same_without_the_mistake_is_sent(real_servers, kind):
    for settings, configuration in (
        ({}, LOGIN),
        (WHOLE_ADDRESS, {**LOGIN, "username": ADDRESS}),
        (AT_MAIL, LOGIN),
        (AT_RCPT, LOGIN),
        (STRICT, {**LOGIN, "ehlo_name": "device.example.test"}),
    ):
        if settings == STRICT and kind != POSTFIX:
            continue
        if settings == STRICT:
            # The sender's domain is looked up, and there is no name service: see below.
            configuration = {**configuration, "sender": "unit7@[127.0.0.1]"}
        result, _ = send(real_servers.get(kind, **settings), **configuration)
        assert (result.code, result.advice, result.recipient) == (Code.OK, Advice.NONE, ""), result


def test_an_ip_address_where_nobody_listens():
    port = free_port()
    for address, shown in (("127.0.0.1", f"127.0.0.1:{port}"), ("::1", f"[::1]:{port}")):
        client = Client()
        client.configure(server=address, port=port, sender=SENDER)
        client.send(SOMEONE, "Alarm", "Text.\n")
        assert client.wait(20) == Code.CONNECT_FAILED
        result = client.result()
        assert_read(
            result,
            client.log()[-1],
            "connection refused - nothing listens there: check the server's address and port",
        )
        assert (result.server, result.advice) == (shown, Advice.LATER)


@inside
def test_an_ip_address_that_nobody_has(network):
    silent = "no answer in time - check the server's address and port, and the firewall"
    unreachable = "server unreachable - check the server's address and the network"
    for address, code, text in (
        ("198.51.100.25", Code.TIMEOUT, silent),
        ("203.0.113.25", Code.CONNECT_FAILED, unreachable),
        ("10.1.2.3", Code.CONNECT_FAILED, unreachable),
    ):
        client = Client()
        client.configure(server=address, sender=SENDER, connect_timeout_ms=500)
        client.send(SOMEONE, "Alarm", "Text.\n")
        assert client.wait(20) == code
        result = client.result()
        assert_read(result, client.log()[-1], text)
        assert (result.phase, result.server, result.advice) == (Phase.CONNECT, f"{address}:25", Advice.LATER)


def test_an_ip_address_of_something_else():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = Client()
        client.configure(server="127.0.0.1", port=listener.getsockname()[1], sender=SENDER, greeting_timeout_ms=500)
        client.send(SOMEONE, "Alarm", "Text.\n")
        assert client.wait(20) == Code.TIMEOUT
        text = "no answer in time - the server does not greet: does this port speak TLS?"
        assert_read(client.result(), client.log()[-1], text)


# Refused before a mail is sent: the field, and what the program is told.
REFUSED = [
    ({"server": "192.168.1.300"}, Code.CONNECT_FAILED, "server: entry 1: this looks like an IP address, and is none"),
    ({"server": "192.168.1"}, Code.CONNECT_FAILED, "server: entry 1: this looks like an IP address, and is none"),
    ({"server": "192.168.1.1.1"}, Code.CONNECT_FAILED, "server: entry 1: this looks like an IP address, and is none"),
    ({"server": ""}, Code.CONNECT_FAILED, "server: entry 1: no server is given"),
    ({"sender": "unit7"}, Code.SENDER_REFUSED, "sender: no @: a whole e-mail address is needed"),
    ({"sender": "unit7@"}, Code.SENDER_REFUSED, "sender: nothing behind the @"),
    ({"sender": "@example.test"}, Code.SENDER_REFUSED, "sender: nothing before the @"),
    ({"sender": None}, Code.SENDER_REFUSED, "sender: missing"),
    ({**LOGIN, "username": ""}, Code.BAD_USERNAME, "username: missing, and auth is not 0"),
    ({**LOGIN, "password": ""}, Code.BAD_PASSWORD, "password: missing, and auth is not 0"),
]


@pytest.mark.parametrize("wrong, code, words", REFUSED)
def test_what_is_refused_at_once_is_named(client, wrong, code, words):
    with pytest.raises(SmtpError) as refused:
        client.configure(**{"server": "192.0.2.25", "sender": SENDER, **wrong})
    assert refused.value.code == code
    assert client.refusal() == words


@inside
def test_a_sender_whose_domain_does_not_exist(network):
    network.names.add("example.test", "192.0.2.25")
    network.names.add("mx.example.test", "127.0.0.1")
    try:
        strict = RealServers.get(POSTFIX, **STRICT)
        result, entry = send(strict, sender="unit7@exmaple.test")
        text = "4.1.8 <unit7@exmaple.test>: Sender address rejected: Domain not found"
        assert (result.code, result.phase, result.reply_code) == (Code.SENDER_REFUSED, Phase.RCPT, 450), result
        assert_read(result, entry, text)
        assert (result.advice, result.recipient) == (Advice.LATER, SOMEONE), result
        result, _ = send(strict)
        assert result.code == Code.OK, result
    finally:
        faults = RealServers.stop_all()
        assert not faults, faults
