"""The Python binding (python/sds_smtp.py) against a scripted server in this process."""

import base64
import ctypes
import email
import email.header
import email.policy
import email.utils
import gc
import hmac
import os
import pathlib
import pickle
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref

import pytest
import sds_smtp
from conftest import BINDING, CHECKOUT, LIBRARY, ScriptedServer
from sds_smtp import (
    Advice,
    Auth,
    BadArgument,
    Busy,
    Client,
    Code,
    ConfigurationError,
    Feature,
    LibraryNotFound,
    MessageError,
    Outcome,
    Phase,
    SmtpError,
    TemporaryFailure,
    Tls,
    UnknownOutcome,
)

CZECH = "Příliš žluťoučký kůň úpěl ďábelské ódy"
SENDER = "unit7@example.test"
TO = "someone@example.test"


def configure(client, scripted, **more):
    client.configure(**{"server": "127.0.0.1", "port": scripted.port, "sender": SENDER, "total_timeout_ms": 20000, **more})


def send(client, *arguments):
    """Send and wait; the code."""
    client.send(*arguments)
    return client.wait(30)


def parsed(data):
    return email.message_from_bytes(data, policy=email.policy.SMTP)


def run_python(program, *arguments, path=BINDING.parent, **environment):
    """Run a program in a Python of its own; what came out."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("SDS_")}
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env={**inherited, "PYTHONPATH": str(path), "PYTHONDONTWRITEBYTECODE": "1", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        encoding="utf-8",
        timeout=50,
    )


# --- finding the library --------------------------------------------------------

PRINT_WHAT_IS_LOADED = """
import re, sds_smtp
print(sds_smtp.version())
print(*sorted({line.split()[-1] for line in open("/proc/self/maps") if "sds" in line.split()[-1]} - {""}))
"""


def assert_loads(expected, **arguments):
    done = run_python(PRINT_WHAT_IS_LOADED, **arguments)
    assert done.returncode == 0, done.stderr
    version, loaded = done.stdout.splitlines()
    assert version == sds_smtp.version()
    assert loaded == str(expected.resolve())


def copy(what, to):
    to.parent.mkdir(parents=True, exist_ok=True)
    return pathlib.Path(shutil.copy(str(what), str(to)))


def test_the_library_named_in_the_environment_is_used(tmp_path):
    named = copy(LIBRARY, tmp_path / "an-sds.library")
    # One beside the binding would be next in order.
    copy(BINDING, tmp_path / "program" / "sds_smtp.py")
    copy(LIBRARY, tmp_path / "program" / "libsds_smtp.so")
    assert_loads(named, path=tmp_path / "program", SDS_SMTP_LIBRARY=str(named))


def test_the_library_beside_the_binding_is_found(tmp_path):
    copy(BINDING, tmp_path / "python" / "sds_smtp.py")
    copy(LIBRARY, tmp_path / "target" / "release" / "libsds_smtp.so")
    beside = copy(LIBRARY, tmp_path / "python" / "libsds_smtp.so")
    assert_loads(beside, path=beside.parent)


def test_the_library_of_the_checkout_is_found(tmp_path):
    copy(BINDING, tmp_path / "python" / "sds_smtp.py")
    built = copy(LIBRARY, tmp_path / "target" / "release" / "libsds_smtp.so")
    (tmp_path / "Cargo.toml").touch()
    assert_loads(built, path=tmp_path / "python")


def test_the_folder_above_is_not_looked_into_outside_of_a_checkout(tmp_path):
    copy(BINDING, tmp_path / "python" / "sds_smtp.py")
    copy(LIBRARY, tmp_path / "target" / "release" / "libsds_smtp.so")
    installed = copy(LIBRARY, tmp_path / "lib" / sds_smtp._SONAME)
    assert_loads(installed, path=tmp_path / "python", LD_LIBRARY_PATH=str(installed.parent))


def test_the_library_on_the_system_path_is_found(tmp_path):
    copy(BINDING, tmp_path / "program" / "sds_smtp.py")
    installed = copy(LIBRARY, tmp_path / "lib" / "libsds_smtp.so")
    # ctypes looks for the name that the library gives itself (its SONAME), as the loader does.
    dynamic = subprocess.run(["readelf", "-d", str(LIBRARY)], stdout=subprocess.PIPE, check=True).stdout.decode()
    soname = re.search(r"\(SONAME\).*\[(.+)\]", dynamic).group(1)
    if soname != installed.name:
        (installed.parent / soname).symlink_to(installed.name)
    assert_loads(installed, path=tmp_path / "program", LD_LIBRARY_PATH=str(installed.parent))


def test_the_loader_finds_what_no_tool_finds(tmp_path):
    """A device has neither a compiler nor a cache of libraries to ask, which ctypes asks."""
    copy(BINDING, tmp_path / "program" / "sds_smtp.py")
    installed = copy(LIBRARY, tmp_path / "lib" / sds_smtp._SONAME)
    (tmp_path / "bin").mkdir()
    assert_loads(
        installed, path=tmp_path / "program", LD_LIBRARY_PATH=str(installed.parent), PATH=str(tmp_path / "bin")
    )


def test_the_binding_knows_the_name_that_the_library_gives_itself():
    dynamic = subprocess.run(["readelf", "-d", str(LIBRARY)], stdout=subprocess.PIPE, check=True).stdout.decode()
    assert f"[{sds_smtp._SONAME}]" in dynamic


def test_usr_local_lib_is_the_last_place():
    places = list(sds_smtp._places())
    assert places[0] == str(BINDING.parent / "libsds_smtp.so")
    assert places[1] == str(CHECKOUT / "target" / "release" / "libsds_smtp.so")
    assert places[-1] == "/usr/local/lib/libsds_smtp.so"


def test_a_wrong_library_path_is_named_in_the_error(tmp_path):
    wrong = tmp_path / "nowhere" / "libsds_smtp.so"
    done = run_python("import sds_smtp; sds_smtp.Client()", SDS_SMTP_LIBRARY=str(wrong))
    assert done.returncode == 1
    assert f"LibraryNotFound: SDS_SMTP_LIBRARY={wrong} cannot be loaded" in done.stderr


def test_another_library_is_named_in_the_error():
    done = run_python("import sds_smtp; sds_smtp.version()", SDS_SMTP_LIBRARY="libc.so.6")
    assert done.returncode == 1
    assert "libc.so.6 is not the sds-smtp library, or an older one: it has no sds_smtp_program_status" in done.stderr


def test_when_no_library_is_found_the_error_says_what_to_do(monkeypatch):
    def missing(path):
        raise OSError(f"{path}: cannot open shared object file")

    monkeypatch.delenv("SDS_SMTP_LIBRARY")
    monkeypatch.setattr(os.path, "exists", lambda path: False)
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    # The loader would find the one that this process has loaded already.
    monkeypatch.setattr(ctypes, "CDLL", missing)
    with pytest.raises(LibraryNotFound) as caught:
        sds_smtp._find()
    text = str(caught.value)
    assert "'make'" in text and "SDS_SMTP_LIBRARY" in text
    assert all(place in text for place in sds_smtp._places())


def test_importing_the_binding_needs_no_library():
    done = run_python("import sds_smtp; print(sds_smtp.Code(11).name)", SDS_SMTP_LIBRARY="/nowhere")
    assert (done.returncode, done.stdout) == (0, "BAD_PASSWORD\n"), done.stderr


# --- the binding says the same as the header --------------------------------------

STRUCTS = {
    "sds_smtp_config": sds_smtp._Config,
    "sds_smtp_message": sds_smtp._Message,
    "sds_smtp_result": sds_smtp._Result,
    "sds_smtp_log_entry": sds_smtp._LogEntry,
    "sds_smtp_recipient": sds_smtp._Recipient,
}
PREFIXES = {
    "ADVICE_": Advice,
    "AUTH_": Auth,
    "FEATURE_": Feature,
    "OUTCOME_": Outcome,
    "PHASE_": Phase,
    "TLS_": Tls,
}


def compiled(tmp_path, body):
    """What a C program with the project's header prints."""
    source = tmp_path / "facts.c"
    source.write_text(f'#include <stdio.h>\n#include "sds_smtp.h"\nint main(void) {{\n{body}\nreturn 0;\n}}\n')
    program = tmp_path / "facts"
    subprocess.run(["cc", "-I", str(CHECKOUT / "include"), "-o", str(program), str(source)], check=True, timeout=50)
    return subprocess.run([str(program)], stdout=subprocess.PIPE, check=True, timeout=10).stdout.decode()


def test_the_layouts_are_those_of_the_header(tmp_path):
    body, ours = [], []
    for name, structure in STRUCTS.items():
        body.append(f'printf("{name} %zu\\n", sizeof(struct {name}));')
        ours.append(f"{name} {ctypes.sizeof(structure)}")
        for field, _ in structure._fields_:
            member = f"((struct {name} *)0)->{field}"
            body.append(f'printf("{name}.{field} %zu %zu\\n", offsetof(struct {name}, {field}), sizeof {member});')
            ours.append(f"{name}.{field} {getattr(structure, field).offset} {getattr(structure, field).size}")
    assert compiled(tmp_path, "\n".join(body)).splitlines() == ours


def test_the_numbers_are_those_of_the_header(tmp_path):
    header = (CHECKOUT / "include" / "sds_smtp.h").read_text("utf-8")
    names = sorted(set(re.findall(r"(?m)^#define SDS_SMTP_([A-Z0-9_]+) [0-9]", header)))
    numbers = {}
    for name in names:
        for prefix, enumeration in PREFIXES.items():
            # Two result codes begin like one of the prefixes: AUTH_UNSUPPORTED and, were there one, the like.
            if name.startswith(prefix) and name not in Code.__members__:
                numbers[name] = enumeration[name[len(prefix) :]]
                break
        else:
            if name in Code.__members__:
                numbers[name] = Code[name]
    for prefix, members in {"": Code, **PREFIXES}.items():
        missing = {prefix + member for member in members.__members__} - set(numbers)
        assert not missing, f"the header does not have {missing}"
    for name in ("NO_PIPELINING", "KEEP_DIALOGUE", "DRY_RUN", "TEXT_IN_CHARSET"):
        numbers[name] = getattr(sds_smtp, name)
    numbers["NO_LIMIT"] = sds_smtp._NO_LIMIT
    body = "\n".join(f'printf("{name} %lld\\n", (long long)SDS_SMTP_{name});' for name in numbers)
    assert compiled(tmp_path, body).splitlines() == [f"{name} {int(number)}" for name, number in numbers.items()]


def test_every_function_of_the_header_is_called_as_it_is_declared():
    """All but those that the binding has no use for."""
    header = (CHECKOUT / "include" / "sds_smtp.h").read_text("utf-8")
    declared = set(re.findall(r"(?m)^[a-z][^*/(=]*\*?\b(sds_smtp_\w+)\(", header))
    not_used = {"sds_smtp_configure", "sds_smtp_send", "sds_smtp_status", "sds_smtp_client_set_transport"}
    assert declared - not_used == set(sds_smtp._PROTOTYPES)
    for name, (_, arguments) in sds_smtp._PROTOTYPES.items():
        inside = re.search(rf"(?m)^[a-z][^*/(=]*\*?\b{name}\(([^)]*)\)", header).group(1)
        assert len(arguments) == (0 if inside == "void" else inside.count(",") + 1), name


def test_the_names_are_those_of_the_library():
    for code in Code.__members__.values():
        assert sds_smtp.code_name(code) == code.name
    for phase in Phase.__members__.values():
        assert sds_smtp.phase_name(phase) == phase.name
    for outcome in Outcome.__members__.values():
        assert sds_smtp.outcome_name(outcome) == outcome.name
    assert sds_smtp.code_name(99) == "UNKNOWN_CODE"
    assert sds_smtp.phase_name(99) == "UNKNOWN_PHASE"
    assert sds_smtp.outcome_name(99) == "UNKNOWN_OUTCOME"
    assert Feature.NAMES | Feature.COMPLETE in sds_smtp.features()


def test_a_number_from_a_newer_library_is_kept():
    assert Code(77) == 77 and Code(77).name == "UNKNOWN_77"
    assert Phase(99).name == "UNKNOWN_99"
    with pytest.raises(ValueError):
        Code("11")


# --- configuring ------------------------------------------------------------------

GOOD = {"server": "127.0.0.1", "sender": SENDER}
# Both say the password in the clear, and to name them is the consent.
CLEAR = Auth.PLAIN | Auth.LOGIN
LOGIN = {"auth": CLEAR, "username": "sds", "password": "secret"}


@pytest.mark.parametrize(
    "change, code",
    [
        ({"server": None}, Code.CONNECT_FAILED),
        ({"server": ""}, Code.CONNECT_FAILED),
        ({"server": "smtp@example.test"}, Code.CONNECT_FAILED),
        ({"server": "http://mail.example.test"}, Code.CONNECT_FAILED),
        ({"server": "localhost:2525:3"}, Code.CONNECT_FAILED),
        ({"server": "mail.example.test,"}, Code.CONNECT_FAILED),
        ({"server": "192.0.2.256"}, Code.CONNECT_FAILED),
        ({"sender": None}, Code.SENDER_REFUSED),
        ({"sender": ""}, Code.SENDER_REFUSED),
        ({"sender": "nobody"}, Code.SENDER_REFUSED),
        ({"sender": "a@b.test\r\nRCPT TO:<c@d.test>"}, Code.SENDER_REFUSED),
        ({**LOGIN, "username": None}, Code.BAD_USERNAME),
        ({**LOGIN, "username": ""}, Code.BAD_USERNAME),
        ({**LOGIN, "password": None}, Code.BAD_PASSWORD),
        ({**LOGIN, "password": ""}, Code.BAD_PASSWORD),
        ({**LOGIN, "username": "u" * 4097}, Code.BAD_USERNAME),
        ({**LOGIN, "password": "p" * 4097}, Code.BAD_PASSWORD),
        ({**LOGIN, "auth": 3}, Code.BAD_ARGUMENT),
        ({"port": 65536}, Code.CONNECT_FAILED),
        ({"sender_name": "Unit\r\nBcc: c@d.test"}, Code.SENDER_REFUSED),
        ({"sender_name": "n" * 201}, Code.SENDER_REFUSED),
        ({"ehlo_name": "two words"}, Code.HELO_FAILED),
        ({"charset": "utf-8\r\nX: y"}, Code.BAD_ARGUMENT),
        ({"credential_limit": 4097}, Code.BAD_ARGUMENT),
        ({"flags": 1 << 31}, Code.BAD_ARGUMENT),
        ({"source": "eth0"}, Code.BAD_ARGUMENT),
        ({"tls": 4}, Code.BAD_ARGUMENT),
    ],
)
def test_a_bad_configuration_is_refused_with_its_code(client, change, code):
    with pytest.raises(SmtpError) as caught:
        client.configure(**{**GOOD, **change})
    assert caught.value.code == code
    assert caught.value.name == code.name
    assert type(caught.value) is ConfigurationError and caught.value.result is None
    assert client.refusal() and caught.value.hint == f"{client.refusal()} [{sds_smtp.strerror(code)}]"


def test_a_refusal_names_the_field_and_the_reason(client):
    assert client.refusal() == ""
    with pytest.raises(ConfigurationError, match="server: entry 2: the port is not between 1 and 65535"):
        client.configure(server="127.0.0.1, localhost:70000", sender=SENDER)
    assert client.refusal() == "server: entry 2: the port is not between 1 and 65535"
    client.configure(server="127.0.0.1", sender=SENDER)
    assert client.refusal() == ""
    with pytest.raises(MessageError, match="to: entry 1 .operator.: no @"):
        client.send("operator", "s", "t")
    assert client.refusal() == "to: entry 1 (operator): no @: a whole e-mail address is needed"


@pytest.mark.skipif(Feature.TLS in sds_smtp.features(), reason="this library has TLS")
@pytest.mark.parametrize(
    "field, value",
    [("tls", Tls.STARTTLS)] + [(f"tls_{name}", "x") for name in ("ca", "certificate", "key", "pin", "name")],
)
def test_what_the_library_lacks_is_refused(client, field, value):
    with pytest.raises(ConfigurationError, match=f"{field}: ") as caught:
        client.configure(**{**GOOD, field: value})
    assert caught.value.code == Code.NOT_SUPPORTED


def test_the_next_server_of_a_list_gets_the_mail(client, server):
    client.configure(server=f"127.0.0.1:1, localhost:{server.port}", sender=SENDER, source="127.0.0.1")
    assert send(client, TO, "s", "t") == Code.OK
    assert client.result().server == f"127.0.0.1:{server.port}"
    assert (client.result().attempts, len(server.mails)) == (1, 1)


def test_a_mail_is_attempted_again(client, server):
    server.replies["RCPT"] = "450 4.2.0 Greylisted"
    lines = []

    def trace(line):
        lines.append(line)
        if "450" in line:
            server.replies.pop("RCPT", None)

    configure(client, server, retry_max=2, retry_delay_ms=10, total_timeout_ms=60000, trace=trace)
    assert send(client, TO, "s", "t") == Code.OK
    assert client.result().attempts == 2
    assert [(entry.code, entry.phase) for entry in client.log()] == [
        (Code.RECIPIENT_REFUSED, Phase.WAITING),
        (Code.OK, Phase.END),
    ]
    assert len(server.mails) == 1


def test_a_url_configures(client, server):
    client.configure_url(f"smtp://s%40ds:hes%20lo@127.0.0.1:{server.port}", SENDER)
    # The mechanism is the library's choice, and it says no password in the clear.
    assert send(client, TO, "s", "t") == Code.AUTH_UNSUPPORTED
    assert "no password is said in the clear" in client.result().text
    assert "AUTH" not in server.verbs()
    # What is decoded: the server has a challenge for it.
    server.replies["EHLO"] = "250-test\r\n250 AUTH CRAM-MD5"
    challenge = base64.b64encode(b"<1@test>").decode()
    server.replies["AUTH"] = f"334 {challenge}"
    send(client, TO, "s", "t")
    answer = "s@ds " + hmac.new(b"hes lo", b"<1@test>", "md5").hexdigest()
    assert base64.b64encode(answer.encode()) in [line for _, line in server.commands]


@pytest.mark.parametrize("url", ["", "mail.example.test", "http://mail.example.test", "smtp://", "smtp://a:%2@b", "smtp://h:0"])
def test_a_malformed_url_is_refused(client, url):
    with pytest.raises(ConfigurationError) as caught:
        client.configure_url(url, SENDER)
    assert caught.value.code == Code.BAD_ARGUMENT
    assert client.refusal() and client.refusal() in str(caught.value)


def test_a_url_with_a_password_is_kept_nowhere(client):
    for url in ("smtp://sds:tajneheslo@:0", "smtp://sds:tajneheslo\0@127.0.0.1"):
        url = "".join([url, "/"])
        with pytest.raises(SmtpError) as caught:
            client.configure_url(url, SENDER)
        assert "heslo" not in str(caught.value) + client.refusal()
        step = caught.value.__traceback__.tb_next
        while step:
            assert "heslo" not in repr(step.tb_frame.f_locals)
            step = step.tb_next


def test_a_refused_configuration_leaves_the_old_one(client, server):
    configure(client, server)
    with pytest.raises(SmtpError):
        client.configure(server="not an address", sender="other@example.test")
    assert send(client, TO, "Alarm", "still there") == Code.OK
    assert b"MAIL FROM:<unit7@example.test>" in server.mails[0][1]


def test_a_client_without_configuration_refuses_to_send(client):
    with pytest.raises(SmtpError) as caught:
        client.send(TO, "s", "t")
    assert caught.value.code == Code.CONNECT_FAILED
    assert client.status() == Code.CONNECT_FAILED


@pytest.mark.parametrize("value", [-1, 1 << 32])
@pytest.mark.parametrize("field", ["port", "auth", "flags", "credential_limit", "total_timeout_ms", "quit_timeout_ms"])
def test_a_number_that_does_not_fit_is_refused_before_the_call(client, field, value):
    with pytest.raises(BadArgument, match=field):
        client.configure(**{**GOOD, field: value})


def test_a_value_of_the_wrong_type_is_a_type_error(client):
    with pytest.raises(TypeError, match="port"):
        client.configure(**{**GOOD, "port": "25"})
    with pytest.raises(TypeError, match="sender must be str or bytes, not int"):
        client.configure(**{**GOOD, "sender": 5})
    with pytest.raises(TypeError, match="text must be str or bytes, not list"):
        client.send(TO, "s", ["t"])


@pytest.mark.parametrize(
    "timeout",
    [
        f"{name}_timeout_ms"
        for name in ("connect", "greeting", "ehlo", "auth", "mail", "rcpt", "data", "block", "final", "quit")
    ],
)
def test_each_time_limit_is_accepted(client, server, timeout):
    configure(client, server, **{timeout: 20000})
    assert send(client, TO, "s", "t") == Code.OK


@pytest.mark.parametrize(
    "command, field, phase, code",
    [
        ("GREETING", "greeting_timeout_ms", Phase.GREETING, Code.TIMEOUT),
        ("EHLO", "ehlo_timeout_ms", Phase.HELLO, Code.TIMEOUT),
        ("AUTH", "auth_timeout_ms", Phase.AUTH, Code.TIMEOUT),
        ("MAIL", "mail_timeout_ms", Phase.MAIL, Code.TIMEOUT),
        ("RCPT", "rcpt_timeout_ms", Phase.RCPT, Code.TIMEOUT),
        ("DATA", "data_timeout_ms", Phase.DATA, Code.TIMEOUT),
        ("END", "final_timeout_ms", Phase.END, Code.TIMEOUT),
    ],
)
def test_each_time_limit_reaches_its_phase(client, server, command, field, phase, code):
    server.gate(command)
    configure(client, server, **LOGIN, **{field: 300})
    assert send(client, TO, "s", "t") == code
    result = client.result()
    assert result.phase == phase
    # What was not answered after the final dot may have been accepted.
    assert result.outcome == (Outcome.UNKNOWN if command == "END" else Outcome.NOT_SENT)
    assert 250 <= result.elapsed_ms < 15000


def test_every_string_of_the_configuration_reaches_the_wire(client, server):
    configure(
        client,
        server,
        auth=Auth.PLAIN,
        username="jméno",
        password="heslo, dlouhé a s mezerami " * 3,
        sender_name=CZECH,
        ehlo_name="unit7.example.test",
    )
    assert send(client, TO, "s", "t") == Code.OK
    lines = [line for _, line in server.commands]
    assert lines[0] == b"EHLO unit7.example.test"
    token = base64.b64encode(("\0jméno\0" + "heslo, dlouhé a s mezerami " * 3).encode())
    assert lines[1] == b"AUTH PLAIN " + token
    mail = parsed(server.mails[0][3])
    assert mail["From"].addresses[0].addr_spec == SENDER
    # Newer parsers of the email package keep the blank between two encoded words of a name; the older one is right.
    name = email.utils.parseaddr(email.message_from_bytes(server.mails[0][3])["From"].replace("\r\n", ""))[0]
    assert str(email.header.make_header(email.header.decode_header(name))) == CZECH


@pytest.mark.parametrize(
    "auth, verb", [(Auth.PLAIN, b"AUTH PLAIN "), (Auth.LOGIN, b"AUTH LOGIN"), (CLEAR, b"AUTH PLAIN ")]
)
def test_the_mechanism_asked_for_is_used(client, server, auth, verb):
    configure(client, server, **{**LOGIN, "auth": auth})
    assert send(client, TO, "s", "t") == Code.OK
    assert [line for _, line in server.commands if line.startswith(verb)]


def test_no_pipelining_sends_one_command_at_a_time(client, server):
    gate = server.gate("MAIL")
    configure(client, server, flags=sds_smtp.NO_PIPELINING)
    client.send(TO, "s", "t")
    server.reached("MAIL")
    connection = server._connections[0]
    connection.settimeout(0.3)
    # The answer to MAIL is held back: nothing more may be under way.
    with pytest.raises(socket.timeout):
        connection.recv(1, socket.MSG_PEEK)
    connection.settimeout(20)
    gate.set()
    assert client.wait(30) == Code.OK


# --- sending ----------------------------------------------------------------------


def test_a_mail_arrives_as_it_was_meant(client, server):
    configure(client, server)
    assert client.status() == Code.OK
    assert send(client, TO, CZECH, f"{CZECH}\n.tečka na začátku\n") == Code.OK
    (_, reverse_path, forward_paths, data) = server.mails[0]
    assert reverse_path.startswith(b"MAIL FROM:<unit7@example.test>")
    assert forward_paths == [b"RCPT TO:<someone@example.test>"]
    mail = parsed(data)
    assert mail["Subject"] == CZECH
    assert mail["To"].addresses[0].addr_spec == TO
    assert mail.get_payload(decode=True) == f"{CZECH}\r\n.tečka na začátku\r\n".encode()
    assert mail.get_content_charset() == "utf-8"


def test_bytes_and_str_mean_the_same(client, server):
    configure(client, server)
    assert send(client, TO, CZECH, CZECH) == Code.OK
    client.configure(server=b"127.0.0.1", port=server.port, sender=SENDER.encode(), sender_name=b"", total_timeout_ms=20000)
    assert send(client, TO.encode(), CZECH.encode(), CZECH.encode()) == Code.OK
    bodies = [re.sub(rb"(?m)^(Message-ID|Date): .*\r\n", b"", mail[3]) for mail in server.mails]
    assert bodies[0] == bodies[1]


def test_several_recipients_come_as_a_list_or_as_one_string(client, server):
    configure(client, server)
    for to in (
        ["a@example.test", b"b@example.test"],
        ("a@example.test", "b@example.test"),
        "a@example.test, b@example.test",
    ):
        assert send(client, to, "s", "t") == Code.OK
        assert client.result().recipients_accepted == 2
        assert server.mails[-1][2] == [b"RCPT TO:<a@example.test>", b"RCPT TO:<b@example.test>"]


@pytest.mark.parametrize(
    "to", [[], "", None, ["a@example.test", ""], ["a@example.test,b@example.test"], "nobody", ["a@b.test\nx"]]
)
def test_a_bad_recipient_list_is_refused(client, server, to):
    configure(client, server)
    with pytest.raises((SmtpError, TypeError)) as caught:
        client.send(to, "s", "t")
    if to is not None:
        assert caught.value.code == Code.RECIPIENT_REFUSED
    assert server.commands == []


def test_subject_and_text_may_be_left_out(client, server):
    configure(client, server)
    assert send(client, TO) == Code.OK
    mail = parsed(server.mails[0][3])
    assert (mail["Subject"] or "") == ""
    assert mail.get_payload(decode=True) == b""


def test_a_line_break_in_the_subject_is_refused(client, server):
    configure(client, server)
    for subject in ("a\nBcc: b@example.test", "a\r\nb", b"a\rb"):
        with pytest.raises(SmtpError) as caught:
            client.send(TO, subject, "t")
        assert caught.value.code == Code.DATA_FAILED
    assert server.commands == []


@pytest.mark.parametrize("field", ["server", "username", "password", "sender", "sender_name", "ehlo_name", "charset"])
@pytest.mark.parametrize("value", ["127.0.0.1\0", b"\0", "\0@example.test"])
def test_nul_in_the_configuration_is_refused_before_the_call(client, field, value):
    with pytest.raises(BadArgument, match=f"{field} holds a NUL") as caught:
        client.configure(**{**GOOD, **LOGIN, field: value})
    assert isinstance(caught.value, (SmtpError, ValueError))
    assert caught.value.code == Code.BAD_ARGUMENT
    assert client.log() == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("a@b.test\0", "s", "t"),
        (["a@b.test\0"], "s", "t"),
        (TO, "s\0", "t"),
        (TO, b"s\0", "t"),
        (TO, "s", "t\0u"),
        (TO, "s", b"\0"),
    ],
)
def test_nul_in_a_mail_is_refused_before_the_call(client, server, arguments):
    configure(client, server)
    with pytest.raises(ValueError, match="NUL"):
        client.send(*arguments)
    # The library never heard of it: a refused start would be in the log.
    assert client.log() == []
    assert client.status() == Code.OK


def test_a_lone_surrogate_is_refused_before_the_call(client, server):
    configure(client, server)
    with pytest.raises(BadArgument, match="text holds a lone surrogate"):
        client.send(TO, "s", "\udcff")
    with pytest.raises(BadArgument, match="password holds a lone surrogate"):
        client.configure(**{**GOOD, **LOGIN, "password": "\udc80"})


# --- the end of a mail, told and waited for ---------------------------------------


def test_send_can_wait_and_gives_the_result(client, server):
    configure(client, server)
    assert client.send(TO, "s", "t") is None
    assert client.wait(30) == Code.OK
    result = client.send(TO, "s", "t", wait=True)
    assert (result.code, result.outcome, result.advice) == (Code.OK, Outcome.SENT, Advice.NONE)
    assert result.server == f"127.0.0.1:{server.port}"
    assert result.message_id == parsed(server.mails[1][3])["Message-ID"]
    assert result == client.result()


@pytest.mark.parametrize(
    "command, reply, kind, advice",
    [
        ("RCPT", "450 4.2.0 Greylisted", TemporaryFailure, Advice.LATER),
        ("GREETING", "421 4.3.2 Closing", TemporaryFailure, Advice.LATER),
        ("AUTH", "535 5.7.8 No", ConfigurationError, Advice.CONFIGURATION),
        ("MAIL", "550 5.7.1 Not you", ConfigurationError, Advice.CONFIGURATION),
        ("RCPT", "550 5.1.1 No such mailbox", MessageError, Advice.MESSAGE),
        ("END", "554 5.6.0 Spam", MessageError, Advice.MESSAGE),
    ],
)
def test_a_failure_is_the_exception_of_its_advice(client, server, command, reply, kind, advice):
    server.replies[command] = reply
    configure(client, server, **LOGIN)
    with pytest.raises(kind) as caught:
        client.send(TO, "s", "t", wait=True)
    error = caught.value
    assert type(error) is kind and error.result.advice == advice
    assert error.result == client.result() and error.code == error.result.code
    assert error.result.reply_code == int(reply[:3])
    assert reply[4:] in str(error)
    assert error.result.recipient == (TO if command == "RCPT" else "")


def test_an_unknown_outcome_is_an_exception_of_its_own(client, server):
    server.gate("END")
    configure(client, server, final_timeout_ms=300)
    with pytest.raises(UnknownOutcome) as caught:
        client.send(TO, "s", "t", wait=True)
    assert caught.value.result.outcome == Outcome.UNKNOWN
    assert caught.value.result.message_id


def test_a_dry_run_goes_up_to_the_last_recipient(client, server):
    configure(client, server)
    result = client.send([TO, "b@example.test"], "s", "t", flags=sds_smtp.DRY_RUN, wait=True)
    assert (result.code, result.outcome) == (Code.OK, Outcome.NOT_SENT)
    assert server.mails == [] and "DATA" not in server.verbs()
    assert server.verbs().count("RCPT") == 2
    server.replies["RCPT"] = "550 5.1.1 No such mailbox"
    with pytest.raises(MessageError):
        client.send(TO, "s", "t", flags=sds_smtp.DRY_RUN, wait=True)


def test_done_is_called_once_with_the_result(client, server):
    configure(client, server)
    seen, told = [], threading.Event()

    def done(one, result):
        seen.append((one is client, result, one.status(), threading.current_thread() is threading.main_thread()))
        told.set()

    client.send(TO, "s", "t", done=done)
    assert told.wait(30)
    assert seen == [(True, client.result(), Code.OK, False)]
    assert client.send(TO, "s", "t", done=done, wait=True) == seen[-1][1]
    assert len(seen) == 2
    assert sds_smtp._calls._functions == {}


def test_done_sends_the_next_mail(client, server):
    configure(client, server)
    subjects, told = iter(["two", "three"]), threading.Event()

    def done(one, result):
        result.check()
        subject = next(subjects, None)
        if subject is None:
            told.set()
        else:
            one.send(TO, subject, "t", done=done)

    client.send(TO, "one", "t", done=done)
    assert told.wait(30)
    assert [parsed(mail[3])["Subject"] for mail in server.mails] == ["one", "two", "three"]


def test_nothing_waits_inside_done(client, server):
    configure(client, server)
    seen, told = [], threading.Event()
    other = Client()
    gate = server.gate("END")

    def done(one, result):
        try:
            configure(other, server, total_timeout_ms=20000)
            other.send(TO, "s", "t")
            seen.append(other.wait())
            for call in (lambda: other.send(TO, "s", "t", wait=True), lambda: sds_smtp.shutdown(0)):
                try:
                    call()
                except SmtpError as error:
                    seen.append(error.code)
            try:
                with other:
                    pass
            except Busy:
                seen.append("busy")
        finally:
            told.set()

    gate.set()
    client.send(TO, "s", "t", done=done)
    assert told.wait(30)
    assert seen == [Code.BUSY, Code.BAD_ARGUMENT, Code.BUSY, "busy"]


def test_done_can_close_its_client(server):
    client = Client()
    configure(client, server)
    told = threading.Event()

    def done(one, result):
        one.close()
        told.set()

    client.send(TO, "s", "t", done=done)
    assert told.wait(30)
    with pytest.raises(SmtpError, match="closed"):
        client.status()
    assert sds_smtp._calls._functions == {}


def test_close_drops_done(server):
    server.gate("GREETING")
    client = Client()
    configure(client, server)
    seen = []
    client.send(TO, "s", "t", done=lambda *_: seen.append(True))
    server.reached("GREETING")
    client.close()
    time.sleep(0.3)
    assert seen == [] and sds_smtp._calls._functions == {}


def test_close_waits_for_a_function_that_runs(server):
    client = Client()
    configure(client, server)
    inside, seen = threading.Event(), []

    def done(one, result):
        inside.set()
        time.sleep(0.5)
        seen.append(True)

    client.send(TO, "s", "t", done=done)
    assert inside.wait(30)
    client.close()
    assert seen == [True]


def test_a_forgotten_client_with_done_is_told_the_end_of_its_mail(server):
    gate = server.gate("END")
    client = Client()
    configure(client, server)
    seen, told = [], threading.Event()
    client.send(TO, "s", "t", done=lambda one, result: (seen.append(result.code), told.set()))
    del client
    gc.collect()
    gate.set()
    assert told.wait(30)
    assert seen == [Code.OK] and len(server.mails) == 1


def test_a_refused_mail_has_no_done(client, server):
    configure(client, server)
    seen = []
    with pytest.raises(MessageError):
        client.send("nobody", "s", "t", done=lambda *_: seen.append(True))
    with pytest.raises(TypeError, match="done must be callable, not int"):
        client.send(TO, "s", "t", done=5)
    with pytest.raises(TypeError, match="trace must be callable, not str"):
        configure(client, server, trace="x")
    time.sleep(0.1)
    assert seen == [] and sds_smtp._calls._functions == {}


@pytest.mark.parametrize("what", ["done", "trace"])
def test_an_exception_in_a_function_goes_to_the_unraisable_hook(client, server, what, monkeypatch):
    caught = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: caught.append(unraisable.exc_type))

    def fail(*_):
        raise ZeroDivisionError

    configure(client, server, trace=fail if what == "trace" else None)
    assert client.send(TO, "s", "t", done=fail if what == "done" else None, wait=True).code == Code.OK
    end = time.monotonic() + 20
    while not caught and time.monotonic() < end:
        time.sleep(0.01)
    assert caught and set(caught) == {ZeroDivisionError}
    assert client.send(TO, "s", "t", wait=True).code == Code.OK


def test_trace_is_called_with_each_line(client, server):
    lines = []
    configure(client, server, **{**LOGIN, "auth": Auth.PLAIN}, trace=lines.append)
    assert client.send(TO, "s", "the text\n", wait=True).code == Code.OK
    end = time.monotonic() + 20
    while "C: QUIT" not in lines and time.monotonic() < end:
        time.sleep(0.01)
    assert lines[:2] == [f"# connecting to 127.0.0.1:{server.port}", "S: 220 mx.example.test ESMTP scripted"]
    assert lines[2].startswith("C: EHLO [127.0.0.1]")
    assert "C: QUIT" in lines
    token = base64.b64encode(b"\0sds\0secret").decode()
    assert not [line for line in lines if "secret" in line or token in line or "the text" in line or "\n" in line]
    assert [line for line in lines if line.startswith("C: AUTH PLAIN ")]


def test_a_trace_is_forgotten_when_nothing_calls_it_any_more(client, server):
    class Trace:
        def __call__(self, line):
            pass

    traces = [Trace(), Trace()]
    gone = [weakref.ref(trace) for trace in traces]
    configure(client, server, trace=traces[0])
    assert client.send(TO, "s", "t", wait=True).code == Code.OK
    configure(client, server, trace=traces[1])
    with pytest.raises(ConfigurationError):
        configure(client, server, port=65536, trace=Trace())
    assert len(client._traces) == 1
    traces.clear()
    assert [one() is None for one in gone] == [True, False]
    client.close()
    assert [one() is None for one in gone] == [True, True]


def test_a_client_that_its_trace_refers_to_can_be_forgotten(server):
    client = Client()
    configure(client, server, trace=lambda line, client=client: client.status())
    assert client.send(TO, "s", "t", wait=True).code == Code.OK
    gone = weakref.ref(client)
    del client
    gc.collect()
    assert gone() is None and sds_smtp._calls._functions == {}


def test_the_dialogue_is_kept_where_it_is_asked_for(client, server):
    configure(client, server, **LOGIN)
    assert client.send(TO, "s", "t", wait=True).code == Code.OK
    assert client.dialogue() == ""
    configure(client, server, **LOGIN, flags=sds_smtp.KEEP_DIALOGUE)
    assert client.send(TO, "s", "the text", wait=True).code == Code.OK
    lines = client.dialogue().splitlines()
    assert lines[:2] == [f"# connecting to 127.0.0.1:{server.port}", "S: 220 mx.example.test ESMTP scripted"]
    assert "S: 250 2.0.0 Queued as 4711" in lines
    assert "secret" not in client.dialogue() and "the text" not in client.dialogue()


def test_a_block_waits_for_its_mail(server):
    gate = server.gate("END")
    timer = threading.Timer(0.3, gate.set)
    with Client() as client:
        configure(client, server)
        client.send(TO, "s", "t")
        server.reached("END")
        timer.start()
    assert len(server.mails) == 1
    assert repr(client) == "<sds_smtp.Client closed>"


def test_a_block_raises_what_nobody_has_asked_for(server):
    server.replies["RCPT"] = "550 5.1.1 No such mailbox"
    for pause in (0, 0.5):
        with pytest.raises(MessageError) as caught:
            with Client() as client:
                configure(client, server)
                client.send(TO, "s", "t")
                time.sleep(pause)
        assert caught.value.code == Code.INVALID_RECIPIENT
        assert repr(client) == "<sds_smtp.Client closed>"
    for ask in (lambda client: client.wait(30), lambda client: (client.wait(30), client.result()), Client.cancel):
        with Client() as client:
            configure(client, server)
            client.send(TO, "s", "t")
            ask(client)
    with Client() as client:
        configure(client, server)
        client.send(TO, "s", "t", done=lambda *_: None)


def test_a_block_that_raises_cancels_its_mail(server):
    server.gate("GREETING")
    begin = time.monotonic()
    with pytest.raises(ZeroDivisionError):
        with Client() as client:
            configure(client, server)
            client.send(TO, "s", "t")
            raise ZeroDivisionError
    assert time.monotonic() - begin < 10 and server.mails == []


# Each of the programs below is a process of its own: they end, or change how the library of the process works.

EVENT_LOOP = """
import select, sys, threading
import sds_smtp
from sds_smtp import Client, Code
descriptor = sds_smtp.use_event_loop()
assert descriptor >= 0 and sds_smtp.use_event_loop() == descriptor
seen = []
with Client() as client:
    client.configure(server="127.0.0.1", port=int(sys.argv[1]), sender="unit7@example.com")
    client.send("a@example.com", "s", "t", done=lambda one, result: seen.append(threading.get_ident()))
    while client.status() == Code.BUSY or not seen:
        left = sds_smtp.poll()
        select.select([descriptor], [], [], left)
    assert seen == [threading.get_ident()]
    # What waits does the work, too.
    assert client.send("a@example.com", "s", "t", wait=True).code == Code.OK
sds_smtp.shutdown(5)
print(len([None for _ in threading.enumerate()]))
"""

SHUT_DOWN = """
import os, sys, time
import sds_smtp
from sds_smtp import Client, Code
client = Client()
client.configure(server="127.0.0.1", port=int(sys.argv[1]), sender="unit7@example.com")
assert client.send("a@example.com", "s", "t", wait=True).code == Code.OK
assert len(os.listdir("/proc/self/task")) == 2
sds_smtp.shutdown()
assert len(os.listdir("/proc/self/task")) == 1
assert client.send("a@example.com", "s", "t", wait=True).code == Code.OK
sds_smtp.shutdown(10)
try:
    sds_smtp.use_event_loop()
    client.send("a@example.com", "s", "t", wait=True)
finally:
    client.close()
print(1)
"""

ENDS_WITH_CALLS_TO_COME = """
import sys, time
import sds_smtp
from sds_smtp import Client

class Slow:
    sleep = staticmethod(time.sleep)

    def __del__(self):
        self.sleep(1.5)

client = Client() if sys.argv[2] == "client" else Client.builtin()
client.configure(
    server="127.0.0.1", port=int(sys.argv[1]), sender="unit7@example.com", trace=print if sys.argv[3] == "trace" else None
)
client.send("a@example.com", "s", "t", done=print if sys.argv[3] == "done" else None)
# What this module holds goes when nobody can call Python any more.
sys.modules["kept"] = Slow()
time.sleep(0.3)
"""

FORKED_WITH_CALLS_TO_COME = """
import os, signal, sys, threading
import sds_smtp
from sds_smtp import Client, Code
seen, told = [], threading.Event()
def done(one, result):
    seen.append(os.getpid())
    told.set()
client = Client()
client.configure(server="127.0.0.1", port=int(sys.argv[1]), sender="unit7@example.com")
client.send("a@example.com", "s", "t", done=done)
child = os.fork()
if child == 0:
    signal.alarm(20)
    assert client.status() == Code.OK and client.send("a@example.com", "s", "t", wait=True).code == Code.OK
    os._exit(0 if seen == [] else 2)
assert os.waitpid(child, 0)[1] == 0
assert told.wait(20) and seen == [os.getpid()]
client.close()
print(1)
"""


@pytest.mark.parametrize(
    "program, mails",
    [(EVENT_LOOP, 2), (SHUT_DOWN, 3), (FORKED_WITH_CALLS_TO_COME, 2)],
    ids=["in_an_event_loop", "shut_down", "forked_with_calls_to_come"],
)
def test_programs_of_their_own(server, program, mails):
    done = run_python(program, server.port, SDS_SMTP_LIBRARY=str(LIBRARY))
    assert (done.returncode, done.stdout.splitlines(), done.stderr) == (0, ["1"], "")
    assert len(server.mails) == mails


@pytest.mark.parametrize("function", ["done", "trace"])
@pytest.mark.parametrize("which", ["client", "builtin"])
def test_nothing_is_called_when_the_interpreter_has_ended(server, which, function):
    """The server answers while the interpreter ends: a thread that called Python then would be ended inside the library."""
    gate = server.gate("END")

    def answer():
        server.reached("END")
        time.sleep(0.8)
        gate.set()

    thread = threading.Thread(target=answer)
    thread.start()
    done = run_python(ENDS_WITH_CALLS_TO_COME, server.port, which, function, SDS_SMTP_LIBRARY=str(LIBRARY))
    thread.join(20)
    assert (done.returncode, done.stderr) == (0, "")
    # The built-in client is never closed: its mail is cancelled, and that is told.
    told = "CANCELLED" if which == "builtin" else ""
    assert function == "trace" or done.stdout.count("Result") == done.stdout.count(told or "Result") == len(told) // 9


# --- busy, wait, cancel, probe ----------------------------------------------------


def test_a_second_mail_while_one_is_in_flight_is_busy(client, server):
    gate = server.gate("END")
    configure(client, server)
    client.send(TO, "first", "1")
    server.reached("END")
    assert client.status() == Code.BUSY
    for start in (lambda: client.send(TO, "second", "2"), client.probe):
        with pytest.raises(Busy) as caught:
            start()
        assert isinstance(caught.value, SmtpError)
        assert (caught.value.code, caught.value.name) == (Code.BUSY, "BUSY")
        assert caught.value.hint == sds_smtp.strerror(14)
    gate.set()
    assert client.wait(30) == Code.OK
    assert [parsed(mail[3])["Subject"] for mail in server.mails] == ["first"]
    # Busy is an answer, not a mail: it is in no log.
    assert [entry.code for entry in client.log()] == [Code.OK]


def test_waiting_ends_at_its_time_limit(client, server):
    server.gate("GREETING")
    configure(client, server)
    client.send(TO, "s", "t")
    for timeout in (0, -1, 0.1, 0.6):
        begin = time.monotonic()
        assert client.wait(timeout) == Code.BUSY
        assert max(timeout, 0) <= time.monotonic() - begin < max(timeout, 0) + 5
    with pytest.raises(ValueError):
        client.wait(float("nan"))


def test_waiting_in_another_thread_ends_at_its_time_limit(client, server):
    server.gate("GREETING")
    configure(client, server)
    client.send(TO, "s", "t")
    seen = []

    def wait():
        for timeout in (0, 0.3):
            begin = time.monotonic()
            seen.append((client.wait(timeout), time.monotonic() - begin >= timeout))

    thread = threading.Thread(target=wait)
    thread.start()
    thread.join(20)
    assert seen == [(Code.BUSY, True), (Code.BUSY, True)]


def test_waiting_when_nothing_is_in_flight_returns_at_once(client, server):
    assert client.wait() == Code.OK
    assert client.wait(1e9) == Code.OK
    assert client.wait(float("inf")) == Code.OK


def test_other_threads_run_while_one_waits(client, server):
    gate = server.gate("END")
    configure(client, server)
    client.send(TO, "s", "t")
    seen = []
    thread = threading.Thread(target=lambda: seen.append(client.wait(None)))
    thread.start()
    server.reached("END")
    # Were the interpreter held by the wait, this thread would stand still here and so would the server.
    assert sum(range(100000)) and seen == []
    gate.set()
    thread.join(30)
    assert seen == [Code.OK]


@pytest.fixture
def ctrl_c():
    """A shell starts what is to run in the background with SIGINT ignored, and Python leaves it so."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_ends_a_wait_of_the_main_thread(client, server, ctrl_c):
    server.gate("GREETING")
    configure(client, server)
    client.send(TO, "s", "t")
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        client.wait(20)
    assert time.monotonic() - begin < 10
    timer.join(10)


def test_a_cancelled_mail_ends_soon(client, server):
    server.gate("MAIL")
    configure(client, server)
    client.send(TO, "s", "t")
    server.reached("MAIL")
    client.cancel()
    assert client.wait(10) == Code.CANCELLED
    assert client.result().outcome == Outcome.NOT_SENT
    assert server.mails == []
    client.cancel()  # idle: nothing to do, no error
    assert client.status() == Code.CANCELLED


def test_a_probe_logs_in_and_sends_nothing(client, server):
    configure(client, server, **LOGIN)
    client.probe()
    assert client.wait(30) == Code.OK
    assert "AUTH" in server.verbs() and not {"MAIL", "RCPT", "DATA"} & set(server.verbs())
    server.replies["AUTH"] = "535 5.7.8 No"
    client.probe()
    assert client.wait(30) == Code.BAD_PASSWORD
    assert client.result().phase == Phase.AUTH


# --- result and log ---------------------------------------------------------------


def test_the_result_is_empty_before_the_first_mail(client):
    result = client.result()
    assert (result.code, result.outcome, result.phase) == (Code.OK, Outcome.NONE, Phase.NONE)
    assert (result.reply_code, result.enhanced_status, result.message_id, result.text) == (0, None, "", "")
    assert client.log() == []
    result.check()


def test_the_result_tells_of_a_sent_mail(client, server):
    configure(client, server)
    assert send(client, TO, "s", "t") == Code.OK
    result = client.result()
    assert (result.code, result.outcome, result.phase) == (Code.OK, Outcome.SENT, Phase.END)
    assert (result.reply_code, result.enhanced_status) == (250, (2, 0, 0))
    assert result.text.endswith("Queued as 4711")
    assert (result.recipients_accepted, result.recipients_refused) == (1, 0)
    assert result.message_id == parsed(server.mails[0][3])["Message-ID"]
    assert 0 <= result.elapsed_ms < 30000
    result.check()
    with pytest.raises(AttributeError):
        result.code = Code.TIMEOUT


def test_the_result_tells_of_a_refused_mail(client, server):
    server.replies["RCPT"] = "550 5.1.1 No such mailbox here"
    configure(client, server)
    assert send(client, TO, "s", "t") == Code.INVALID_RECIPIENT
    result = client.result()
    assert (result.code, result.outcome, result.phase) == (Code.INVALID_RECIPIENT, Outcome.NOT_SENT, Phase.RCPT)
    assert (result.reply_code, result.enhanced_status) == (550, (5, 1, 1))
    assert result.text.endswith("No such mailbox here")
    assert (result.recipients_accepted, result.recipients_refused) == (0, 1)
    with pytest.raises(SmtpError) as caught:
        result.check()
    assert (caught.value.code, caught.value.name) == (12, "INVALID_RECIPIENT")
    assert caught.value.hint.startswith(sds_smtp.strerror(12))
    assert "No such mailbox here" in str(caught.value)


def test_the_log_holds_finished_mails_and_refused_starts_in_order(client, server):
    before = time.time()
    configure(client, server)
    send(client, TO, "s", "t")
    with pytest.raises(SmtpError):
        client.send("nobody", "s", "t")
    server.replies["END"] = "554 5.6.0 Looks odd"
    send(client, ["second@example.test", TO], "s", "t")
    after = time.time()
    sent, refused, failed = client.log()
    assert [sent.code, refused.code, failed.code] == [Code.OK, Code.RECIPIENT_REFUSED, Code.DATA_END_FAILED]
    assert [sent.phase, refused.phase, failed.phase] == [Phase.END, Phase.START, Phase.END]
    assert [sent.outcome, failed.outcome] == [Outcome.SENT, Outcome.NOT_SENT]
    assert [sent.reply_code, refused.reply_code, failed.reply_code] == [250, 0, 554]
    assert [sent.recipients, failed.recipients] == [1, 2]
    assert [sent.recipient, failed.recipient] == [TO, "second@example.test"]
    assert failed.text.endswith("Looks odd")
    for entry in (sent, refused, failed):
        assert before - 1 <= entry.time.timestamp() <= after + 1
        assert entry.time_ms == round(entry.time.timestamp() * 1000)


def test_the_log_keeps_the_newest_entries(client):
    for number in range(70):
        with pytest.raises(SmtpError):
            client.send(f"n{number}@example.test", "s", "t")  # not configured
    log = client.log()
    assert len(log) == 64
    assert [entry.recipient for entry in log] == [f"n{number}@example.test" for number in range(6, 70)]


# --- errors -----------------------------------------------------------------------


def test_every_code_has_a_name_and_a_hint():
    hints = {code: SmtpError(code).hint for code in Code if code.name in Code.__members__}
    assert all(len(hint) > 1 and hint.isascii() for hint in hints.values())
    assert len(set(hints.values())) == len(Code.__members__)
    assert str(SmtpError(11)) == f"11 BAD_PASSWORD: {sds_smtp.strerror(11)}"
    assert sds_smtp.strerror(-5) and sds_smtp.strerror(9999)


@pytest.mark.parametrize("error", [SmtpError(12), Busy(14), BadArgument(33, "port must be a number"), MessageError(5)])
def test_errors_can_be_pickled(error):
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (again.code, again.name, again.hint, str(again)) == (error.code, error.name, error.hint, str(error))


def test_the_binding_keeps_no_reference_to_the_password(client):
    for start in ("tajné", "tajn\0"):
        password = "".join([start, "heslo"])
        as_bytes = password.encode()
        counts = sys.getrefcount(password), sys.getrefcount(as_bytes)
        kept = []
        for value in (password, as_bytes):
            try:
                client.configure(**{**GOOD, "auth": CLEAR, "username": "sds", "password": value})
            except SmtpError as error:
                kept.append(error)  # its traceback lives as long
        # A second way to fail: in the library, after the strings were handed over.
        for value in (password, as_bytes):
            try:
                client.configure(server="x:0", sender=SENDER, auth=CLEAR, username="sds", password=value)
            except SmtpError as error:
                kept.append(error)
        del value
        assert len(kept) >= 2
        frames = []
        for error in kept:
            assert "heslo" not in str(error) + repr(error)
            assert error.__context__ is None
            step = error.__traceback__.tb_next  # the first frame is this test's own
            while step:
                frames.append(repr(step.tb_frame.f_locals))
                step = step.tb_next
        assert frames and not [frame for frame in frames if "heslo" in frame]
        assert (sys.getrefcount(password), sys.getrefcount(as_bytes)) == counts


def test_the_password_is_nowhere_in_what_the_client_shows(client, server):
    server.replies["AUTH"] = "535 5.7.8 sds heslo-1234 refused"
    configure(client, server, auth=Auth.PLAIN, username="sds", password="heslo-1234")
    assert send(client, TO, "s", "t") == Code.BAD_PASSWORD
    assert "heslo-1234" not in repr(client) + repr(vars(client))


# --- the client's life ------------------------------------------------------------


def test_a_closed_client_refuses_every_call(server):
    with Client() as client:
        configure(client, server)
        assert send(client, TO, "s", "t") == Code.OK
    client.close()
    assert repr(client) == "<sds_smtp.Client closed>"
    for call in (
        lambda: client.configure(**GOOD),
        lambda: client.send(TO, "s", "t"),
        client.status,
        client.wait,
        client.result,
        client.log,
        client.cancel,
        client.probe,
    ):
        with pytest.raises(SmtpError, match="closed") as caught:
            call()
        assert caught.value.code == Code.BAD_HANDLE


def test_closing_cancels_the_mail_in_flight(server):
    server.gate("GREETING")
    client = Client()
    configure(client, server)
    client.send(TO, "s", "t")
    server.reached("GREETING")
    begin = time.monotonic()
    client.close()
    assert time.monotonic() - begin < 10
    assert server.mails == []


def test_closing_ends_the_wait_of_another_thread(server):
    server.gate("GREETING")
    client = Client()
    configure(client, server)
    client.send(TO, "s", "t")
    seen = []
    thread = threading.Thread(target=lambda: seen.append(client.wait(None)))
    thread.start()
    server.reached("GREETING")
    time.sleep(0.2)
    client.close()
    thread.join(10)
    assert seen == [Code.CANCELLED]


# Each of the programs below closes a client that some call is still inside, in a process of its own: a close() that hangs is
# ended from outside, and the test fails.

BEGIN = """
import os, signal, sys, threading, time
import sds_smtp
from sds_smtp import Client, Code, SmtpError
client = Client()
client.configure(server="127.0.0.1", port=int(sys.argv[1]), sender="unit7@example.test")
client.send("a@example.test", "s", "t")

def wait_for(what):
    for _ in range(2000):
        if what():
            return
        time.sleep(0.01)
    raise SystemExit("it did not come to that")

def started(target):
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    # It is inside the library's wait, without limit.
    wait_for(lambda: any(frame.f_code.co_name == "wait" for frame in frames_of(thread)))
    time.sleep(0.2)
    return thread

def frames_of(thread):
    frame = sys._current_frames().get(thread.ident)
    while frame:
        yield frame
        frame = frame.f_back
"""

FORKED_WHILE_ANOTHER_THREAD_WAITED = """
seen = []
thread = started(lambda: seen.append(client.wait(None)))
child = os.fork()
if child == 0:
    signal.alarm(20)
    begin = time.monotonic()
    client.close()
    try:
        client.status()
    except SmtpError as error:
        os._exit(0 if error.code == Code.BAD_HANDLE and time.monotonic() - begin < 10 else 2)
    os._exit(3)
status = os.waitpid(child, 0)[1]
assert status == 0, status
assert client.status() == Code.BUSY, "the child's close() ended the parent's mail"
client.close()
thread.join(10)
assert seen == [Code.CANCELLED], seen
print("closed")
"""

FORKED_AND_FORGOTTEN = """
thread = started(lambda: client.wait(None))
child = os.fork()
if child == 0:
    signal.alarm(20)
    # The interpreter ends in the child, and the client with it.
    sys.exit(0)
status = os.waitpid(child, 0)[1]
assert status == 0, status
client.close()
print("closed")
"""

CLOSED_IN_A_SIGNAL_HANDLER = """
closed = []

def handler(*_):
    client.close()
    closed.append(True)

signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.5)
code = client.wait(None)
assert closed == [True]
assert code == Code.CANCELLED, code
print("closed")
"""

CLOSED_IN_A_SIGNAL_HANDLER_WITH_ANOTHER_THREAD_INSIDE = """
seen = []
thread = started(lambda: seen.append(client.wait(None)))
signal.signal(signal.SIGALRM, lambda *_: client.close())
signal.setitimer(signal.ITIMER_REAL, 0.5)
code = client.wait(None)
thread.join(10)
assert [code] == seen == [Code.CANCELLED], (code, seen)
print("closed")
"""

ENDED_WHILE_A_THREAD_WAITS = """
thread = started(lambda: client.wait(None))
print("closed", flush=True)
"""

CLOSED_WHILE_THE_INTERPRETER_ENDS = """
class Closer:
    def __init__(self):
        self.client, self.finalizing, self.write = client, sys.is_finalizing, os.write

    def __del__(self):
        assert self.finalizing()
        self.client.close()
        self.write(1, b"closed\\n")

# What this module holds goes when the threads have been stopped already.
sys.modules["kept"] = Closer()
thread = started(lambda: client.wait(None))
"""

CLOSED_BY_MANY_AT_ONCE = """
threads = [started(lambda: client.wait(None))] + [threading.Thread(target=client.close) for _ in range(20)]
for thread in threads[1:]:
    thread.start()
for thread in threads:
    thread.join(20)
    assert not thread.is_alive()
print("closed")
"""


@pytest.mark.parametrize(
    "program",
    [
        FORKED_WHILE_ANOTHER_THREAD_WAITED,
        FORKED_AND_FORGOTTEN,
        CLOSED_IN_A_SIGNAL_HANDLER,
        CLOSED_IN_A_SIGNAL_HANDLER_WITH_ANOTHER_THREAD_INSIDE,
        ENDED_WHILE_A_THREAD_WAITS,
        CLOSED_WHILE_THE_INTERPRETER_ENDS,
        CLOSED_BY_MANY_AT_ONCE,
    ],
    ids=[
        "forked_while_another_thread_waited",
        "forked_and_forgotten",
        "in_a_signal_handler",
        "in_a_signal_handler_with_another_thread_inside",
        "at_the_end_while_a_thread_waits",
        "while_the_interpreter_ends",
        "by_many_at_once",
    ],
)
def test_closing_never_hangs(server, program):
    server.gate("GREETING")
    done = run_python(BEGIN + program, server.port, SDS_SMTP_LIBRARY=str(LIBRARY))
    assert (done.returncode, done.stdout.splitlines()) == (0, ["closed"]), done.stderr
    assert server.mails == []


def test_a_client_is_made_in_a_child_of_a_process_that_was_looking_for_the_library(server):
    program = """
import os, signal, sys, threading, time
import sds_smtp
inside, go_on = threading.Event(), threading.Event()
find = sds_smtp._find

def slow():
    inside.set()
    go_on.wait(20)
    return find()

sds_smtp._find = slow
thread = threading.Thread(target=sds_smtp.version)
thread.start()
inside.wait(20)
child = os.fork()
if child == 0:
    signal.alarm(20)
    sds_smtp._find = find
    sds_smtp.Client().close()
    os._exit(0)
status = os.waitpid(child, 0)[1]
go_on.set()
thread.join(20)
assert status == 0, status
"""
    done = run_python(program, SDS_SMTP_LIBRARY=str(LIBRARY))
    assert done.returncode == 0, done.stderr


def test_a_forgotten_client_is_freed_and_its_mail_cancelled(server):
    server.gate("GREETING")
    client = Client()
    configure(client, server)
    client.send(TO, "s", "t")
    server.reached("GREETING")
    del client
    gc.collect()
    connection = server._connections[0]
    connection.settimeout(10)
    assert connection.recv(1) == b""  # the client's side is closed


def test_of_many_threads_one_starts_a_mail_and_the_others_are_busy(client, server):
    gate = server.gate("END")
    configure(client, server)
    barrier = threading.Barrier(30)
    seen = []

    def start():
        barrier.wait(20)
        try:
            client.send(TO, "s", "t")
            seen.append("started")
        except Busy:
            seen.append("busy")

    threads = [threading.Thread(target=start) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(seen) == ["busy"] * 29 + ["started"]
    gate.set()
    assert client.wait(30) == Code.OK
    assert len(server.mails) == 1


def test_several_clients_send_at_once(server):
    gate = server.gate("END")
    clients = [Client() for _ in range(30)]
    try:
        for number, client in enumerate(clients):
            configure(client, server, sender=f"unit{number}@example.test")
            client.send(TO, f"Alarm {number}", f"text {number}")
        assert {client.status() for client in clients} == {Code.BUSY}
        gate.set()
        assert {client.wait(30) for client in clients} == {Code.OK}
        seen = sorted((mail[1].split(b">")[0], parsed(mail[3])["Subject"]) for mail in server.mails)
        assert seen == sorted((b"MAIL FROM:<unit%d@example.test" % n, f"Alarm {n}") for n in range(30))
        assert len({client.result().message_id for client in clients}) == 30
    finally:
        for client in clients:
            client.close()


def test_a_client_is_used_by_many_threads_at_once(client, server):
    configure(client, server)
    faults = []

    def work(number):
        try:
            for _ in range(20):
                try:
                    client.send(TO, f"from {number}", "t")
                except Busy:
                    pass
                client.wait(30)
                client.status(), client.result(), client.log()
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(50)
    assert faults == []
    assert client.wait(30) == Code.OK
    assert 20 <= len(server.mails) <= 160


BUILT_IN = """
import sys, sds_smtp
from sds_smtp import Client, Code
assert sds_smtp.program_status() == 0
one, two = Client.builtin(), Client.builtin()
try:
    one.send("a@example.test", "s", "t")
except sds_smtp.SmtpError as error:
    assert error.code == 13
assert sds_smtp.program_status() == 256 + 13
one.configure(server="127.0.0.1", port=int(sys.argv[1]), sender="unit7@example.test", total_timeout_ms=20000)
two.send("a@example.test", "s", "t")
try:
    one.send("a@example.test", "s", "t")
    raise SystemExit("not busy")
except sds_smtp.Busy:
    assert sds_smtp.program_status() == 277
print("in flight", flush=True)
assert sys.stdin.readline() == "go on\\n"
assert one.wait(30) == Code.OK
assert sds_smtp.program_status() == 256
assert repr(one) == "<sds_smtp.Client built-in>"
one.close()
assert [entry.code for entry in two.log()] == [13, 0]
assert two.result().reply_code == 250
with Client() as other:
    assert other.log() == []
"""


def test_the_built_in_client_is_one_for_the_whole_program(server):
    gate = server.gate("END")
    program = subprocess.Popen(
        [sys.executable, "-c", BUILT_IN, str(server.port)],
        env={**os.environ, "PYTHONPATH": str(BINDING.parent)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
    )
    try:
        first = program.stdout.readline()
        gate.set()
        _, errors = program.communicate("go on\n", timeout=40)
        assert (program.returncode, first) == (0, "in flight\n"), errors
    finally:
        program.kill()
        program.wait()
    assert len(server.mails) == 1


# --- the program ------------------------------------------------------------------

RUN_MAIN = "import sys, sds_smtp; sys.exit(sds_smtp.main(sys.argv[1:]))"


def test_the_program_sends_a_mail_and_says_how_it_went(server):
    done = run_python(
        RUN_MAIN, "127.0.0.1", server.port, SENDER, TO, CZECH, SDS_SMTP_LIBRARY=str(LIBRARY), SDS_SMTP_PASSWORD="heslo-1234",
        PYTHONIOENCODING="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    mail = parsed(server.mails[0][3])
    assert mail["Subject"] == CZECH
    assert done.stdout.startswith("sent: 0 OK: ")
    assert f"Message-ID: {mail['Message-ID']}\n" in done.stdout
    assert "heslo-1234" not in done.stdout + done.stderr
    token = base64.b64encode(b"\0unit7@example.test\0heslo-1234")
    assert b"AUTH PLAIN " + token in [line for _, line in server.commands]


def test_the_program_ends_with_the_code_of_what_went_wrong(server):
    server.replies["RCPT"] = "550 5.1.1 Unknown"
    done = run_python(RUN_MAIN, "127.0.0.1", server.port, SENDER, TO, SDS_SMTP_LIBRARY=str(LIBRARY))
    assert (done.returncode, done.stdout.split(":")[0]) == (12, "not sent"), done.stderr
    assert "AUTH" not in server.verbs()
    done = run_python(RUN_MAIN, "smtp@example.test", server.port, SENDER, TO, SDS_SMTP_LIBRARY=str(LIBRARY))
    assert (done.returncode, done.stderr.split(":")[0]) == (13, "not sent")
    done = run_python(RUN_MAIN, "127.0.0.1", 25, SENDER, TO, SDS_SMTP_LIBRARY="/nowhere/lib.so")
    assert done.returncode == 1 and "SDS_SMTP_LIBRARY=/nowhere/lib.so cannot be loaded" in done.stderr


def test_the_program_explains_itself():
    done = run_python(RUN_MAIN, "--help")
    assert done.returncode == 0
    assert all(word in done.stdout for word in ("SERVER", "PORT", "FROM", "TO", "[SUBJECT]", "SDS_SMTP_PASSWORD"))


def test_a_scripted_server_that_refuses_is_believed(client):
    """The scripted server itself: what is not accepted is not counted as a mail."""
    scripted = ScriptedServer(extensions=())
    try:
        scripted.replies["DATA"] = "451 4.3.0 Not now"
        configure(client, scripted)
        assert send(client, TO, "s", "t") == Code.DATA_FAILED
        assert scripted.mails == []
    finally:
        scripted.close()
