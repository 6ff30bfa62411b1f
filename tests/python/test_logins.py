"""Every login against real servers: Postfix with Cyrus SASL, Postfix with Dovecot's, Exim; and against independent libraries.

Each server is first tried with a client that shares no code with the library (logins.py): what fails there is the server's.
"""

import functools
import re

import pytest
from login_server import LoginServer, Scram, gsasl, scram
from logins import ANY, MECHANISMS, WITH_PASSWORD, WITH_TOKEN, TokenServer, log_in, stranger
from sds_smtp import Client, Code, Feature, Outcome, Phase, SmtpError, Tls, features

SENDER, SOMEONE, ELSEWHERE = "unit7@example.test", "someone@example.test", "someone@elsewhere.test"
PLAIN, LOGIN = MECHANISMS["PLAIN"], MECHANISMS["LOGIN"]

# What the servers have. In the order of lib.sh: the user name, then the password.
ACCOUNTS = {
    "a=b,c": "secret=,1",
    "uživatel": "žluťoučký kůň úpěl ďábelské ódy",
    "32": "y" * 32,
    "4096": "x" * 4096,
    # What RFC 4013 makes of the next one's, and as it was typed.
    "prepared": "IX é",
    "typed": "I\u00adX\u00a0e\u0301",
    # RFC 4013 prohibits it: as given.
    "prohibited": "a\ue000b",
}
KINDS = {"cyrus": WITH_PASSWORD, "dovecot": WITH_PASSWORD + WITH_TOKEN, "exim": WITH_PASSWORD[:3]}
ALL = [(kind, mechanism) for kind, mechanisms in KINDS.items() for mechanism in mechanisms]
PASSWORDS = [each for each in ALL if each[1] in WITH_PASSWORD]
TOKENS = {"t" * size: "sds" for size in (100, 1024, 4096, 8192, 12 * 1024, 16 * 1024)}
TOKENS.update({"token-1": "a=b,c", "token-2": "uživatel"})
HAS_TLS = Feature.TLS in features()
TLS_ONLY = pytest.mark.skipif(not HAS_TLS, reason="this library has no TLS")
MODES = ["clear", "starttls", "implicit"] if HAS_TLS else ["clear"]


@pytest.fixture(scope="module")
def tokens():
    server = TokenServer()
    server.tokens.update(TOKENS)
    yield server
    server.close()


@pytest.fixture(scope="module")
def login_servers(real_servers, pki, tmp_path_factory, tokens):
    """Each kind takes logins in the clear, behind STARTTLS, and with TLS from the first octet."""
    folder = tmp_path_factory.mktemp("logins")
    (folder / "chain.pem").write_text(pki.good.chain.read_text())
    (folder / "key.pem").write_text(pki.good.key_pem)
    (folder / "accounts").write_text("".join(f"{user}\n{password}\n" for user, password in ACCOUNTS.items()))

    def get(kind, **more):
        settings = {
            "SDS_TLS": str(folder),
            "SDS_CLEAR_LOGIN": "1",
            "SDS_ACCOUNTS": str(folder / "accounts"),
            "SDS_MECHANISMS": " ".join(KINDS[kind]),
            **more,
        }
        if kind == "dovecot":
            settings.update({"SDS_SASL": "dovecot", "SDS_TOKEN_URL": tokens.url})
        return real_servers.get("exim" if kind == "exim" else "postfix", **settings)

    return get


def secret_of(mechanism):
    return "sds-secret" if mechanism in WITH_PASSWORD else "t" * 100


# --- the servers are right ----------------------------------------------------------


@pytest.mark.parametrize("kind, mechanism", ALL)
def test_a_stranger_logs_in(login_servers, pki, kind, mechanism):
    server = login_servers(kind)
    for ca in (None, pki.ca.pem):
        with stranger(server.port, ca) as smtp:
            assert mechanism in smtp.esmtp_features["auth"].split()
            code, text, _ = log_in(smtp, mechanism, "sds", secret_of(mechanism))
            assert code == 235, text
        with stranger(server.port, ca) as smtp:
            code, text, _ = log_in(smtp, mechanism, "sds", "wrong")
            assert code == 535, text


# --- our client ------------------------------------------------------------------------


def settings_of(server, mode, pki, **more):
    ports = {"clear": server.port, "starttls": server.port, "implicit": getattr(server, "tls_port", None)}
    tls = {"clear": Tls.NONE, "starttls": Tls.STARTTLS, "implicit": Tls.IMPLICIT}[mode]
    ca = {} if mode == "clear" else {"tls_ca": pki.ca.pem}
    return {
        **{"server": "127.0.0.1", "port": ports[mode], "sender": SENDER, "tls": tls, "total_timeout_ms": 30000},
        **ca,
        **more,
    }


def send(client, to=SOMEONE):
    client.send(to, "Alarm", "Text.\n")
    client.wait(40)
    return client.result()


def deliver(server, mode, pki, **more):
    client = Client()
    try:
        client.configure(**settings_of(server, mode, pki, **more))
        return send(client, [SOMEONE, ELSEWHERE])
    finally:
        client.close()


def assert_delivered(server, result, mechanism=None, user="sds"):
    """The mail lies there, and the server's log names the mechanism and the user."""
    assert (result.code, result.outcome, result.recipients_accepted) == (Code.OK, Outcome.SENT, 2), result
    (file,) = server.wait_for_files(result.message_id.encode())
    if mechanism is not None and server.kind == "postfix":
        server.wait_for_log(f"sasl_method={re.escape(mechanism)}, sasl_username={re.escape(user)}")
    elif mechanism is not None:
        name = {"PLAIN": "plain", "LOGIN": "login", "CRAM-MD5": "cram_md5"}[mechanism]
        arrived = re.escape(result.message_id)
        server.wait_for_log(rf"A={name}:.*id={arrived[1:-1].replace('<', '')}|id={arrived[1:-1]}.*A={name}:")
    return file


def assert_refused(server, result, mechanism, reply=535):
    assert (result.code, result.outcome, result.phase) == (Code.BAD_PASSWORD, Outcome.NOT_SENT, Phase.AUTH), result
    assert result.reply_code == reply, result
    assert mechanism in result.text, result
    assert not [file for file in server.files() if result.message_id.encode() in file.read_bytes()]


def modes_of(mechanism):
    """Tokens over verified TLS only."""
    return [mode for mode in MODES if mechanism in WITH_PASSWORD or mode != "clear"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind, mechanism", ALL)
def test_the_right_login_delivers(login_servers, pki, kind, mechanism, mode):
    """Two mails, one after the other, on connections of their own."""
    if mode not in modes_of(mechanism):
        pytest.skip("tokens are said over TLS only")
    server = login_servers(kind)
    client = Client()
    client.configure(
        **settings_of(server, mode, pki, auth=MECHANISMS[mechanism], username="sds", password=secret_of(mechanism))
    )
    for _ in range(2):
        assert_delivered(server, send(client, [SOMEONE, ELSEWHERE]), mechanism)
    client.close()


@pytest.mark.parametrize("kind, mechanism", ALL)
def test_a_wrong_password_is_11_and_the_text_names_the_mechanism(login_servers, pki, kind, mechanism):
    modes = modes_of(mechanism)
    if not modes:
        pytest.skip("tokens are said over TLS only")
    server = login_servers(kind)
    result = deliver(server, modes[-1], pki, auth=MECHANISMS[mechanism], username="sds", password="wrong")
    assert_refused(server, result, mechanism)


@pytest.mark.parametrize("kind, mechanism", ALL)
def test_a_wrong_password_is_said_once(login_servers, pki, kind, mechanism):
    """535 is final: though PLAIN and LOGIN are allowed, too, the strongest one is tried, and no other."""
    modes = modes_of(mechanism)
    if not modes:
        pytest.skip("tokens are said over TLS only")
    server = login_servers(kind)
    before = server.log()
    allowed = MECHANISMS[mechanism] | PLAIN | LOGIN
    result = deliver(server, modes[0], pki, auth=allowed, username="sds", password="wrong")
    assert_refused(server, result, mechanism if mechanism != "LOGIN" else "PLAIN")
    if server.kind == "postfix":
        server.wait_for_log(rf"(?s).{{{len(before)}}}.*authentication failed")
        assert len(re.findall("authentication failed", server.log()[len(before) :])) == 1


@pytest.mark.parametrize("kind, mechanism", PASSWORDS)
def test_an_unknown_user_is_refused(login_servers, pki, kind, mechanism):
    server = login_servers(kind)
    result = deliver(server, MODES[-1], pki, auth=MECHANISMS[mechanism], username="nobody", password="sds-secret")
    assert_refused(server, result, mechanism)


@pytest.mark.parametrize("user", ["a=b,c", "uživatel", "32", "4096", "prohibited"])
@pytest.mark.parametrize("kind, mechanism", PASSWORDS)
def test_names_and_passwords_of_all_kinds(login_servers, pki, kind, mechanism, user):
    if (kind, user) == ("cyrus", "4096"):
        pytest.skip("Cyrus SASL does not take it")
    server = login_servers(kind)
    for mode in MODES[-2:]:
        given = {"auth": MECHANISMS[mechanism], "username": user, "password": ACCOUNTS[user]}
        assert_delivered(server, deliver(server, mode, pki, **given), mechanism, user)


@pytest.mark.skipif(not HAS_TLS, reason="this library has no TLS, and no SASLprep")
@pytest.mark.parametrize("kind, mechanism", PASSWORDS)
def test_a_password_is_prepared_for_scram_only(login_servers, pki, kind, mechanism):
    """RFC 5802 section 2.2: SASLprep. The other mechanisms say it as it was typed."""
    server = login_servers(kind)
    given = {"auth": MECHANISMS[mechanism], "password": ACCOUNTS["typed"]}
    prepared = deliver(server, "starttls", pki, username="prepared", **given)
    typed = deliver(server, "starttls", pki, username="typed", **given)
    if mechanism.startswith("SCRAM"):
        assert_delivered(server, prepared, mechanism, "prepared")
        assert_refused(server, typed, mechanism)
    else:
        assert_delivered(server, typed, mechanism, "typed")
        assert_refused(server, prepared, mechanism)


def test_any_is_the_strongest_that_is_offered(login_servers, pki):
    for kind, mechanism in {"cyrus": "SCRAM-SHA-256", "dovecot": "SCRAM-SHA-256", "exim": "CRAM-MD5"}.items():
        server = login_servers(kind)
        for mode in MODES:
            result = deliver(server, mode, pki, auth=ANY, username="sds", password="sds-secret")
            assert_delivered(server, result, mechanism)


@pytest.mark.parametrize(
    "offered, mechanism",
    [
        ("PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1", "SCRAM-SHA-1"),
        ("LOGIN PLAIN CRAM-MD5", "CRAM-MD5"),
        ("LOGIN PLAIN", "PLAIN"),
        ("LOGIN", "LOGIN"),
    ],
)
def test_any_with_fewer_offered(login_servers, pki, offered, mechanism):
    """PLAIN and LOGIN over verified TLS only."""
    server = login_servers("cyrus", SDS_MECHANISMS=offered)
    for mode in MODES:
        result = deliver(server, mode, pki, auth=ANY, username="sds", password="sds-secret")
        if mode == "clear" and mechanism in ("PLAIN", "LOGIN"):
            assert (result.code, result.outcome, result.phase) == (Code.AUTH_UNSUPPORTED, Outcome.NOT_SENT, Phase.AUTH), result
        else:
            assert_delivered(server, result, mechanism)


@TLS_ONLY
def test_any_does_not_say_plain_over_tls_that_is_not_verified(login_servers, pki):
    server = login_servers("cyrus", SDS_MECHANISMS="LOGIN PLAIN")
    given = {"auth": ANY, "username": "sds", "password": "sds-secret", "tls": Tls.OPPORTUNISTIC}
    result = deliver(server, "clear", pki, **given)
    assert (result.code, result.phase, result.tls_version) == (Code.AUTH_UNSUPPORTED, Phase.AUTH, 0x0304), result
    # Named, they are.
    assert_delivered(server, deliver(server, "clear", pki, **{**given, "auth": LOGIN}), "LOGIN")
    # The one certificate that is meant is as good as one that is signed.
    pinned = {**given, "tls": Tls.STARTTLS, "tls_pin": pki.good.pin}
    assert_delivered(server, deliver(server, "clear", pki, **pinned), "PLAIN")


# --- tokens -------------------------------------------------------------------------------

@TLS_ONLY
@pytest.mark.parametrize("mechanism", WITH_TOKEN)
@pytest.mark.parametrize("size", [100, 1024, 4096, 8192])
def test_tokens_of_all_sizes(login_servers, pki, tokens, mechanism, size):
    server = login_servers("dovecot")
    for mode in ("starttls", "implicit"):
        result = deliver(server, mode, pki, auth=MECHANISMS[mechanism], username="sds", password="t" * size)
        assert_delivered(server, result, mechanism)
    assert "t" * size in tokens.asked


@TLS_ONLY
@pytest.mark.parametrize("mechanism", WITH_TOKEN)
@pytest.mark.parametrize("size", [12 * 1024, 16 * 1024])
def test_a_token_that_is_too_long_for_the_server(login_servers, pki, mechanism, size):
    """Postfix takes 12,288 octets in base64."""
    server = login_servers("dovecot")
    result = deliver(server, "starttls", pki, auth=MECHANISMS[mechanism], username="sds", password="t" * size)
    assert (result.outcome, result.phase, result.reply_code) == (Outcome.NOT_SENT, Phase.AUTH, 500), result
    assert "SASL response limit exceeded" in result.text and mechanism in result.text, result
    assert "many servers take none of more than 9000 octets" in result.text, result


@TLS_ONLY
@pytest.mark.parametrize("mechanism", WITH_TOKEN)
@pytest.mark.parametrize("user", ["a=b,c", "uživatel"])
def test_tokens_of_users_with_all_kinds_of_names(login_servers, pki, mechanism, user):
    server = login_servers("dovecot")
    (token,) = [token for token, of in TOKENS.items() if of == user]
    result = deliver(server, "starttls", pki, auth=MECHANISMS[mechanism], username=user, password=token)
    assert_delivered(server, result, mechanism, user)


@TLS_ONLY
@pytest.mark.parametrize("mechanism", WITH_TOKEN)
def test_what_a_server_says_of_a_refused_token_is_kept(login_servers, pki, mechanism):
    server = login_servers("dovecot")
    result = deliver(server, "starttls", pki, auth=MECHANISMS[mechanism], username="sds", password="of-nobody")
    assert_refused(server, result, mechanism)
    status = {"XOAUTH2": '"status":"401"', "OAUTHBEARER": '"status":"invalid_token"'}[mechanism]
    assert status in result.text, result
    # Another's.
    result = deliver(server, "starttls", pki, auth=MECHANISMS[mechanism], username="another", password="t" * 100)
    assert_refused(server, result, mechanism)


@pytest.mark.parametrize("mechanism", WITH_TOKEN)
@pytest.mark.parametrize("tls", [Tls.NONE, Tls.OPPORTUNISTIC] if HAS_TLS else [Tls.NONE])
def test_a_token_without_verified_tls_is_39(mechanism, tls):
    client = Client()
    with pytest.raises(SmtpError) as caught:
        client.configure(
            server="127.0.0.1", sender=SENDER, tls=tls, auth=MECHANISMS[mechanism], username="sds", password="t" * 100
        )
    assert caught.value.code == Code.NOT_SUPPORTED and "auth" in caught.value.hint, caught.value
    client.close()


# --- waits ------------------------------------------------------------------------------------


def test_an_answer_that_comes_late(login_servers, pki):
    """Dovecot waits 2 seconds before it refuses, then longer, even before it lets the right one in."""
    server = login_servers("dovecot", SDS_AUTH_DELAY="1")
    result = deliver(server, MODES[-1], pki, auth=ANY, username="sds", password="wrong")
    assert_refused(server, result, "SCRAM-SHA-256")
    assert result.elapsed_ms >= 1500, result
    result = deliver(server, MODES[-1], pki, auth=ANY, username="sds", password="sds-secret")
    assert_delivered(server, result, "SCRAM-SHA-256")


# --- other libraries play SCRAM -----------------------------------------------------------------

PLAYERS = {
    "GNU SASL": lambda accounts: functools.partial(gsasl, accounts["sds"]),
    "scramp": lambda accounts: functools.partial(scram, accounts),
    "scramp, in the last reply": lambda accounts: functools.partial(scram, accounts, last="reply"),
    "hashlib": lambda accounts: Scram(accounts["sds"]),
    "hashlib, one round": lambda accounts: Scram(accounts["sds"], rounds=1),
    "hashlib, 100,000 rounds": lambda accounts: Scram(accounts["sds"], rounds=100000),
}


@pytest.mark.parametrize("password", ["sds-secret", "y" * 32, "x" * 4096, "žluťoučký kůň", "=,="])
@pytest.mark.parametrize("player", PLAYERS)
@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_scram_with_other_libraries(login_player, mechanism, player, password):
    server = login_player({"sds": password})
    server.offer(mechanism)
    server.players[mechanism] = PLAYERS[player](server.accounts)
    client = Client()
    given = {"server": "127.0.0.1", "port": server.port, "sender": SENDER, "auth": MECHANISMS[mechanism], "username": "sds"}
    client.configure(**given, password=password)
    for _ in range(2):
        assert send(client).code == Code.OK, client.result()
    client.configure(**given, password="wrong")
    result = send(client)
    assert (result.code, result.reply_code, result.phase) == (Code.BAD_PASSWORD, 535, Phase.AUTH), result
    assert mechanism in result.text
    client.close()
    assert [reply[:3] for _, reply in server.ended] == ["235", "235", "535"]


@pytest.fixture
def login_player():
    running = []

    def start(accounts):
        running.append(LoginServer())
        running[-1].accounts = accounts
        return running[-1]

    yield start
    for server in running:
        server.close()
