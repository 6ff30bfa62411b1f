"""A network of a test's own: a network namespace and a mount namespace with an /etc/hosts, an /etc/resolv.conf and a name server
that the test writes. Nothing of it is seen outside, and nothing outside is reached from it. It needs root.

    @inside
    def test_a_name(network):
        network.names.add("mx.example.test", "192.0.2.25", "2001:db8::25")

Addresses in it: those of SERVERS are this machine's own; what goes to SILENT is lost; UNREACHABLE has no route.
"""

import importlib
import inspect
import os
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

SERVERS = ("192.0.2.25", "192.0.2.26", "192.0.2.27", "2001:db8::25", "2001:db8::26", "2001:db8::27")
SILENT = ("198.51.100.", "2001:db8:dead::")
UNREACHABLE = "2001:db8:bad::"

LIMIT = 50  # seconds; conftest.py ends a test after 60

# A pair of links that ask for nobody's hardware address: what goes into one comes out of the other, where nobody takes it.
SETUP = """
set -e
ip link set lo up
ip link add hole type veth peer name end
ip link set hole arp off up
ip link set end arp off up
ip addr add 198.51.100.1/24 dev hole
ip addr add 2001:db8:dead::1/64 dev hole nodad
ip route add unreachable 203.0.113.0/24
ip route add unreachable 2001:db8:bad::/64
"""


class NameServer:
    """DNS (RFC 1035) over UDP and TCP on 127.0.0.1. Names that it does not know do not exist."""

    def __init__(self):
        self.addresses = {}
        self.failing = set()  # SERVFAIL
        self.delays = {}  # seconds; None: no answer at all
        self.asked = []
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 53))
        self._tcp = socket.create_server(("127.0.0.1", 53))
        for target in (self._serve_udp, self._serve_tcp):
            threading.Thread(target=target, daemon=True).start()

    def add(self, name, *addresses):
        self.addresses[name.lower()] = addresses

    def silence(self, *names):
        self.delays.update({name: None for name in names})

    def _serve_udp(self):
        while True:
            query, peer = self._udp.recvfrom(512)
            delay = self.delays.get(self._question(query)[0], 0)
            reply = self._reply(query, 512)
            if delay is not None:
                timer = threading.Timer(delay, self._udp.sendto, (reply, peer))
                timer.daemon = True
                timer.start()

    def _serve_tcp(self):
        while True:
            connection, _ = self._tcp.accept()
            with connection:
                stream = connection.makefile("rb")
                # Both questions may come over one connection.
                while len(length := stream.read(2)) == 2:
                    reply = self._reply(stream.read(struct.unpack(">H", length)[0]), 65535)
                    connection.sendall(struct.pack(">H", len(reply)) + reply)

    @staticmethod
    def _question(query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode("ascii"))
            at += 1 + query[at]
        return ".".join(labels).lower(), struct.unpack(">H", query[at + 1 : at + 3])[0], query[12 : at + 5]

    def _reply(self, query, most):
        name, kind, question = self._question(query)
        self.asked.append(name)
        family = {1: socket.AF_INET, 28: socket.AF_INET6}.get(kind)
        found = [one for one in self.addresses.get(name, ()) if (":" in one) == (family == socket.AF_INET6)] if family else []
        answers = b""
        for address in found:
            data = socket.inet_pton(family, address)
            answers += struct.pack(">HHHIH", 0xC00C, kind, 1, 60, len(data)) + data
        code = 2 if name in self.failing else 0 if name in self.addresses else 3
        flags, count = 0x8580 | code, len(found)
        if 12 + len(question) + len(answers) > most:
            flags, count, answers = flags | 0x0200, 0, b""  # TC: ask again over TCP
        return query[:2] + struct.pack(">HHHHH", flags, 1, count, 0, 0) + question + answers


class Network:
    """What a test finds inside."""

    def __init__(self):
        subprocess.run(["bash", "-c", SETUP], check=True)
        for address in SERVERS:
            self.add_address(address)
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="sds-smtp-network-"))
        # Writing keeps the file, so each can be written anew.
        for name in ("hosts", "resolv.conf", "nsswitch.conf"):
            (self._folder / name).touch()
            subprocess.run(["mount", "--bind", str(self._folder / name), f"/etc/{name}"], check=True)
        self.write("hosts", "127.0.0.1 localhost\n::1 localhost\n")
        self.write("nsswitch.conf", "hosts: files dns\n")
        self.write("resolv.conf", "nameserver 127.0.0.1\noptions timeout:20 attempts:2\n")
        self.names = NameServer()

    def write(self, name, text):
        """One of the files of /etc."""
        (self._folder / name).write_text(text)

    @staticmethod
    def add_address(address):
        subprocess.run(["ip", "addr", "add", address, "dev", "lo"], check=True)

    @staticmethod
    def attempts():
        """Connections that are being made in this network: the addresses that they go to."""
        found = []
        for family, file in ((socket.AF_INET, "tcp"), (socket.AF_INET6, "tcp6")):
            for line in pathlib.Path(f"/proc/self/net/{file}").read_text().splitlines()[1:]:
                _, _, remote, state = line.split()[:4]
                if state == "02":  # SYN_SENT
                    # Words of 32 bits, in this machine's order.
                    words = bytes.fromhex(remote.partition(":")[0])
                    octets = b"".join(words[at : at + 4][::-1] for at in range(0, len(words), 4))
                    found.append(socket.inet_ntop(family, octets if sys.byteorder == "little" else words))
        return found


def wait_until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it does not come to that"
        time.sleep(0.01)


def inside(function):
    """Run a test in a process and a network of its own."""

    def run():
        import pytest
        from conftest import TARGET

        if os.geteuid() != 0:
            pytest.fail("a network of one's own needs root: run 'make test' as root", pytrace=False)
        # Its own process group ends with it: servers that it started, too.
        done = subprocess.run(
            ["unshare", "--net", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"]
            + [sys.executable, __file__, pathlib.Path(inspect.getfile(function)).stem, function.__name__],
            env={**os.environ, "CARGO_TARGET_DIR": str(TARGET)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LIMIT,
        )
        if done.returncode != 0:
            words = done.stdout.decode("utf-8", "replace")[-6000:]
            pytest.fail(f"{function.__name__} ended with {done.returncode}:\n{words}", pytrace=False)

    run.__name__, run.__doc__, run.__module__ = function.__name__, function.__doc__, function.__module__
    run.inside = function
    return run


def main(module, name):
    """The first process in there: as such it has to wait for processes that their parents left."""
    test = os.fork()
    if test == 0:
        getattr(importlib.import_module(module), name).inside(Network())
        return 0
    while True:
        process, status = os.wait()
        if process == test:
            return 0 if status == 0 else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
