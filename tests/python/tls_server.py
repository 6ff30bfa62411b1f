"""Servers of this process for the tests of TLS: one that speaks SMTP, one whose every octet the test says, and a proxy that can
cut and slow down what it carries.
"""

import contextlib
import socket
import ssl
import threading
import warnings

from conftest import ScriptedServer

STARTTLS = ("STARTTLS", "PIPELINING", "8BITMIME", "SIZE 1000000", "AUTH PLAIN LOGIN")


def context(identity, *, versions=None, ciphers=None, client_ca=None, curve=None):
    """How a server speaks TLS. versions -- the only one, as ssl.TLSVersion.TLSv1_2."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(identity.chain, identity.key)
    if versions is not None:
        with warnings.catch_warnings():
            # Python warns of old versions.
            warnings.simplefilter("ignore", DeprecationWarning)
            made.minimum_version = made.maximum_version = versions
    if ciphers is not None:
        made.set_ciphers(ciphers)
    if client_ca is not None:
        made.verify_mode = ssl.CERT_REQUIRED
        made.load_verify_locations(client_ca.certificate)
    if curve is not None:
        made.set_ecdh_curve(curve)
    return made


class TlsServer(ScriptedServer):
    """ScriptedServer with TLS: from the first octet on, or behind STARTTLS.

    names -- the server names that clients have asked for; versions -- of TLS, of each handshake that was done
    """

    def __init__(self, tls, implicit=True, extensions=None, **more):
        self.tls, self.implicit = tls, implicit
        self.names, self.versions = [], []
        self._own = threading.local()
        tls.sni_callback = lambda _, name, __: self.names.append(name)
        usual = STARTTLS[1:] if implicit else STARTTLS
        super().__init__(extensions=usual if extensions is None else extensions, **more)
        if not implicit:
            self.secure_extensions = list(STARTTLS[1:])

    def _secure(self, connection):
        # The session tickets are small writes: the next one would wait for the client's delayed ACK.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        secure = self.tls.wrap_socket(connection, server_side=True, suppress_ragged_eofs=True)
        self._connections.append(secure)
        self._own.secure = secure
        self.versions.append(secure.version())
        return secure

    def _serve(self, connection, number):
        with contextlib.suppress(OSError):
            if self.implicit:
                connection = self._secure(connection)
            super()._serve(connection, number)
        # Behind STARTTLS it is another one than the connection that began.
        secure = getattr(self._own, "secure", connection)
        with contextlib.suppress(OSError):
            secure.close()


class RawServer:
    """Calls a function with each connection, in a thread of its own."""

    def __init__(self, serve):
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = self._listener.getsockname()[1]
        self.connections = []
        self._threads = []
        self._start(self._accept)

    def _start(self, target, *arguments):
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(20)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections.append(connection)
            self._start(self._run, connection)

    def _run(self, connection):
        with contextlib.suppress(OSError), connection:
            self._serve(connection)

    def close(self):
        for each in [self._listener] + self.connections:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive(), "a thread of the server hangs"
        self._listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def says(octets, then=None):
    """For RawServer: says this at once, and listens. then -- a function for what follows."""

    def serve(connection):
        if octets:
            connection.sendall(octets)
        if then is not None:
            then(connection)
        while connection.recv(4096):
            pass

    return serve


def answers(*replies, heard=None):
    """For RawServer: says these, one before each line that it hears. heard -- a list that takes the lines."""

    def serve(connection):
        lines = connection.makefile("rb")
        for reply in replies:
            connection.sendall(reply)
            line = lines.readline()
            if heard is not None:
                heard.append(line)
        while lines.read1(4096):
            pass

    return serve


class Proxy(RawServer):
    """Carries octets to and from a server.

    said, heard -- all that the client and the server have said; piece -- so many octets of the server's at a time; cut_at -- the
    connection ends behind so many octets of the server's; pause -- seconds before each of its pieces
    """

    def __init__(self, port, *, piece=4096, cut_at=None, pause=0.0):
        self.said, self.heard = bytearray(), bytearray()
        self._port, self._piece, self._cut_at, self._pause = port, piece, cut_at, pause
        super().__init__(self._carry)

    def _carry(self, connection):
        with socket.create_connection(("127.0.0.1", self._port)) as server:
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections.append(server)
            forward = self._start(self._forward, connection, server)
            try:
                self._back(connection, server)
            finally:
                for each in (connection, server):
                    with contextlib.suppress(OSError):
                        each.shutdown(socket.SHUT_RDWR)
                # A descriptor that is closed may be another's before that thread has noticed.
                forward.join()

    def _forward(self, connection, server):
        with contextlib.suppress(OSError):
            while True:
                octets = connection.recv(4096)
                if not octets:
                    break
                self.said += octets
                server.sendall(octets)
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_WR)

    def _back(self, connection, server):
        left = self._cut_at
        while left is None or left > 0:
            octets = server.recv(self._piece if left is None else min(self._piece, left))
            if not octets:
                break
            if self._pause:
                threading.Event().wait(self._pause)
            self.heard += octets
            left = None if left is None else left - len(octets)
            connection.sendall(octets)
