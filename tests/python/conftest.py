"""What the Python tests share: the binding, a scripted server inside this process, the real servers of scripts/servers,
and a limit on the time that a test may take.
"""

import faulthandler
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
BINDING = CHECKOUT / "python" / "sds_smtp.py"
SERVERS = CHECKOUT / "scripts" / "servers"
SERVERS_DIR = pathlib.Path(
    os.environ.get("SDS_SERVERS_DIR") or os.path.join(os.environ.get("TMPDIR", "/tmp"), "sds-smtp-servers")
)


def cargo_target():
    """Where cargo builds. The scripts say so; else its variables and its configuration decide, and it is asked."""
    named = os.environ.get("CARGO_TARGET_DIR")
    if named:
        return CHECKOUT / named
    question = ["cargo", "metadata", "--no-deps", "--offline", "--format-version", "1"]
    try:
        answer = subprocess.run(question, cwd=str(CHECKOUT), stdout=subprocess.PIPE, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return CHECKOUT / "target"
    return pathlib.Path(json.loads(answer)["target_directory"])


TARGET = cargo_target()
LIBRARY = pathlib.Path(os.environ.get("SDS_SMTP_LIBRARY") or TARGET / "release" / "libsds_smtp.so").resolve()

sys.path.insert(0, str(BINDING.parent))
os.environ["SDS_SMTP_LIBRARY"] = str(LIBRARY)

import sds_smtp  # noqa: E402  (found through the path set above)
from certificates import Pki  # noqa: E402

TEST_LIMIT = 60  # seconds; servers are started and stopped outside of it
INSTALL_LIMIT = 900


def pytest_configure(config):
    if not LIBRARY.exists():
        raise pytest.UsageError(f"{LIBRARY} is missing: build it with 'make'")
    # Ended by CI or by hand: as with Ctrl-C, the fixtures get to stop their servers.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


# --- no test runs for ever ----------------------------------------------------


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    """A thread ends a run that hangs: the library's calls leave the interpreter free, but no signal handler runs in them."""

    def give_up():
        capture = item.config.pluginmanager.getplugin("capturemanager")
        if capture is not None:
            capture.suspend_global_capture(in_=True)
        print(f"\n{item.nodeid} hangs: {TEST_LIMIT} seconds. Where each thread is:", file=sys.stderr, flush=True)
        faulthandler.dump_traceback(file=sys.stderr, all_threads=True)
        RealServers.stop_all()
        os._exit(1)

    timer = threading.Timer(TEST_LIMIT, give_up)
    timer.daemon = True
    timer.start()
    yield
    timer.cancel()


# --- a server whose every answer the test can set -----------------------------


class ScriptedServer:
    """Speaks SMTP on 127.0.0.1 from threads of this process and keeps what it was told.

    replies -- {"RCPT": "550 5.1.1 no"}: the answer to that command (GREETING, EHLO, ..., END) instead of the usual one
    closing -- {"RCPT"}: commands at which it closes the connection without an answer
    gate("END") -- makes that answer wait until the event given back is set
    address -- where it listens; "::" is everywhere
    extensions -- what it announces, a list that a test may change; secure_extensions: after STARTTLS, where that differs
    """

    def __init__(self, extensions=("PIPELINING", "8BITMIME", "SIZE 1000000", "AUTH PLAIN LOGIN"), address="127.0.0.1", port=0):
        self.extensions = list(extensions)
        self.secure_extensions = None
        self.replies = {}
        self.closing = set()
        self.commands = []  # (number of the connection, command line)
        self.mails = []  # (number of the connection, reverse path, forward paths, data)
        self.ends = []  # for each connection the addresses of both ends: the client's, ours
        self._gates = {}
        self._reached = {}
        self._threads = []
        self._connections = []
        self._closing = False
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.create_server(
            (address, port), family=family, backlog=200, dualstack_ipv6=address == "::"
        )
        self.port = self._listener.getsockname()[1]
        self._start(self._accept)

    def gate(self, command):
        self._reached[command] = threading.Event()
        self._gates[command] = threading.Event()
        return self._gates[command]

    def reached(self, command):
        """Wait until the gated answer is due."""
        assert self._reached[command].wait(20), f"no {command} came"

    def verbs(self):
        return [line.split(b" ")[0].split(b":")[0].decode("latin-1").upper() for _, line in self.commands]

    def close(self):
        self._closing = True
        for gate in self._gates.values():
            gate.set()
        # A blocked accept() does not notice that its socket is closed; shutdown wakes it.
        for each in [self._listener] + self._connections:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive(), "a thread of the scripted server hangs"
        self._listener.close()

    def _start(self, target, *arguments):
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        number = 0
        while not self._closing:
            try:
                connection, peer = self._listener.accept()
            except OSError:
                return
            number += 1
            self.ends.append((peer[0], connection.getsockname()[0]))
            connection.settimeout(20)
            # Answers to pipelined commands are small writes: each would wait for the ACK of the one before.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections.append(connection)
            self._start(self._serve, connection, number)

    def _serve(self, connection, number):
        with connection:
            try:
                self._talk(connection, connection.makefile("rb"), number)
            except OSError:
                pass  # the client went away, or the test is over

    def _answer(self, connection, command, usual):
        if command in self._gates:
            self._reached[command].set()
            self._gates[command].wait(20)
        if command in self.closing:
            raise OSError("closed, as the test wants it")
        reply = self.replies.get(command, usual)
        connection.sendall(reply.encode("latin-1") + b"\r\n")
        return reply[:1] in "23"

    def _secure(self, connection):
        """Begins TLS behind STARTTLS; tls_server.py has a server that can."""
        raise OSError("no TLS here")

    def _log_in(self, connection, lines, line, number):
        """Lets everybody in; login_server.py has a server that looks."""
        if line.upper() == b"AUTH LOGIN":
            connection.sendall(b"334 VXNlcm5hbWU6\r\n")
            lines.readline()
            connection.sendall(b"334 UGFzc3dvcmQ6\r\n")
            lines.readline()
        self._answer(connection, "AUTH", "235 2.7.0 Welcome")

    def _talk(self, connection, lines, number):
        if not self._answer(connection, "GREETING", "220 mx.example.test ESMTP scripted"):
            return
        reverse_path, forward_paths = None, []
        extensions = self.extensions
        while True:
            line = lines.readline()
            if not line.endswith(b"\r\n"):
                return
            line = line[:-2]
            self.commands.append((number, line))
            verb = line.split(b" ")[0].upper().decode("latin-1")
            if verb == "EHLO":
                keywords = ["mx.example.test"] + extensions
                last = len(keywords) - 1
                usual = "\r\n".join(f"250{' ' if i == last else '-'}{word}" for i, word in enumerate(keywords))
                self._answer(connection, "EHLO", usual)
            elif verb == "AUTH":
                self._log_in(connection, lines, line, number)
            elif verb == "MAIL":
                if self._answer(connection, "MAIL", "250 2.1.0 Sender ok"):
                    reverse_path, forward_paths = line, []
            elif verb == "RCPT" and reverse_path is None:
                connection.sendall(b"503 5.5.1 No sender\r\n")
            elif verb == "RCPT":
                if self._answer(connection, "RCPT", "250 2.1.5 Recipient ok"):
                    forward_paths.append(line)
            elif verb == "DATA" and not forward_paths:
                connection.sendall(b"503 5.5.1 No recipient\r\n")
            elif verb == "DATA":
                if self._answer(connection, "DATA", "354 Go on"):
                    data = []
                    while True:
                        line = lines.readline()
                        if not line:
                            return
                        if line == b".\r\n":
                            break
                        data.append(line[1:] if line.startswith(b".") else line)
                    mail = (number, reverse_path, list(forward_paths), b"".join(data))
                    # Kept before the answer: who knows the answer finds the mail.
                    if self.replies.get("END", "250")[:1] == "2":
                        self.mails.append(mail)
                    reverse_path, forward_paths = None, []
                    self._answer(connection, "END", "250 2.0.0 Queued as 4711")
            elif verb == "STARTTLS":
                if self._answer(connection, "STARTTLS", "220 2.0.0 Go ahead"):
                    connection = self._secure(connection)
                    lines = connection.makefile("rb")
                    extensions = self.extensions if self.secure_extensions is None else self.secure_extensions
            elif verb == "QUIT":
                self._answer(connection, "QUIT", "221 2.0.0 Bye")
                return
            else:
                self._answer(connection, verb, "250 2.0.0 Ok")


@pytest.fixture
def server():
    scripted = ScriptedServer()
    yield scripted
    scripted.close()


@pytest.fixture
def client():
    one = sds_smtp.Client()
    yield one
    # Not the end of a `with`: that would wait for what a test has left in flight.
    one.close()


# --- keys and certificates ----------------------------------------------------


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    return Pki(tmp_path_factory.mktemp("pki"))


# --- the real servers ---------------------------------------------------------


def free_port():
    """A port that nobody uses on 127.0.0.1 and ::1."""
    for _ in range(100):
        with socket.socket(socket.AF_INET) as four, socket.socket(socket.AF_INET6) as six:
            four.bind(("127.0.0.1", 0))
            port = four.getsockname()[1]
            try:
                six.bind(("::1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


class RealServer:
    """One instance that a script of scripts/servers runs."""

    def __init__(self, kind, settings):
        self.kind = kind
        self.settings = settings
        self.port = free_port()
        if "SDS_TLS" in settings:
            self.tls_port = free_port()
            settings = {**settings, "SDS_TLS_PORT": str(self.tls_port)}
        self.state = SERVERS_DIR / f"{kind}-{self.port}"
        self._environment = {**os.environ, **settings, "SDS_PORT": str(self.port), "SDS_SERVERS_DIR": str(SERVERS_DIR)}

    def script(self, verb, limit=60):
        """Run the script; what it prints."""
        done = subprocess.run(
            [str(SERVERS / f"{self.kind}.sh"), verb],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=limit,
        )
        if done.returncode != 0:
            words = done.stderr.decode("utf-8", "replace")[-3000:]
            pytest.fail(f"{self.kind}.sh {verb} ended with {done.returncode}:\n{words}", pytrace=False)
        return done.stdout.decode()

    def start(self):
        self.script("start")

    def stop(self):
        self.script("stop")
        shutil.rmtree(self.state, ignore_errors=True)

    def files(self):
        return [pathlib.Path(line) for line in self.script("mail").splitlines()]

    def wait_for_files(self, contained, count=1):
        """The delivered files that hold these bytes, once there are so many. Servers deliver after they have answered."""
        end = time.monotonic() + 20
        while True:
            found = [file for file in self.files() if contained in file.read_bytes()]
            if len(found) >= count:
                return found
            assert time.monotonic() < end, f"{self.kind} delivered {len(found)} mails with {contained!r}, not {count}"
            time.sleep(0.05)

    def log(self):
        """The server's own log of its sessions."""
        return (self.state / {"postfix": "mail.log", "exim": "main.log"}[self.kind]).read_text("utf-8", "replace")

    def wait_for_log(self, pattern):
        end = time.monotonic() + 20
        while not re.search(pattern, self.log()):
            assert time.monotonic() < end, f"{self.kind} logged nothing like {pattern}:\n{self.log()[-3000:]}"
            time.sleep(0.05)

    @staticmethod
    def envelope(file):
        """aiosmtpd's note of the envelope."""
        return json.loads(file.with_suffix(".json").read_text())


class RealServers:
    """All instances of this run: each is started when a test first asks for it and stopped at the end."""

    _running = {}
    _installed = set()

    @classmethod
    def get(cls, kind, **settings):
        key = (kind, tuple(sorted(settings.items())))
        if key not in cls._running:
            if kind in ("postfix", "exim") and os.geteuid() != 0:
                pytest.fail(
                    f"the tests with {kind} start a real mail server and need root: run 'make test' as root, "
                    "or the other Python tests alone with 'pytest tests/python/test_binding.py'",
                    pytrace=False,
                )
            one = RealServer(kind, settings)
            if kind not in cls._installed:
                one.script("install", INSTALL_LIMIT)
                cls._installed.add(kind)
            one.start()
            cls._running[key] = one
        return cls._running[key]

    @classmethod
    def stop_all(cls):
        """Stop all at once, even when one of them cannot be stopped."""
        faults = []

        def stop(one):
            try:
                one.stop()
            except BaseException as fault:  # pytest.fail's exception is no Exception
                faults.append(f"{one.kind}: {fault}")

        threads = [threading.Thread(target=stop, args=(one,)) for one in cls._running.values()]
        cls._running.clear()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return faults


@pytest.fixture(scope="session")
def real_servers():
    yield RealServers
    faults = RealServers.stop_all()
    assert not faults, faults
