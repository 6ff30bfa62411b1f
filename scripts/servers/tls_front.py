"""TLS in front of a mail server on 127.0.0.1 that has none, for tests; Python's, which is OpenSSL.

    tls_front.py [--tls12] CERTIFICATE KEY PORT PORTS_FILE

PORT is the mail server's. Two free ports are opened: one with TLS from the first octet on, one with STARTTLS; PORTS_FILE gets them,
as "IMPLICIT STARTTLS". The mail server is connected to when the handshake is done. --tls12: TLS 1.2 only, with ChaCha20-Poly1305.
"""

import argparse
import contextlib
import os
import select
import socket
import ssl
import threading

PATIENCE = 60


def carry(secure, server):
    """Octets both ways, until either side ends. One thread alone: OpenSSL wants one at a time for a connection."""
    while True:
        # What TLS has taken from the socket already, select() does not tell of.
        ready = [secure] if secure.pending() else select.select([secure, server], [], [], PATIENCE)[0]
        if not ready:
            return
        for source, target in ((secure, server), (server, secure)):
            if source in ready:
                octets = source.recv(16384)
                if not octets:
                    return
                target.sendall(octets)


def greet(client):
    """What a server says up to STARTTLS; whether it was said."""
    client.sendall(b"220 front\r\n")
    # Nothing that is behind STARTTLS's line is taken along.
    for reply in (b"250-front\r\n250 STARTTLS\r\n", b"220 go ahead\r\n"):
        line = b""
        while not line.endswith(b"\n"):
            octet = client.recv(1)
            if not octet:
                return False
            line += octet
        client.sendall(reply)
    return line.upper().startswith(b"STARTTLS")


def serve(client, context, port, implicit):
    with client, contextlib.suppress(OSError):
        client.settimeout(PATIENCE)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not implicit and not greet(client):
            return
        with context.wrap_socket(client, server_side=True) as secure, socket.create_connection(("127.0.0.1", port)) as server:
            server.settimeout(PATIENCE)
            if not implicit:
                # The greeting was heard in the clear.
                while server.recv(1) not in (b"\n", b""):
                    pass
            carry(secure, server)
            secure.unwrap()


def listen(listener, *arguments):
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, *arguments), daemon=True).start()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tls12", action="store_true")
    parser.add_argument("certificate")
    parser.add_argument("key")
    parser.add_argument("port", type=int)
    parser.add_argument("ports_file")
    options = parser.parse_args()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.certificate, options.key)
    if options.tls12:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("CHACHA20")
    listeners = [socket.create_server(("127.0.0.1", 0), backlog=100) for _ in range(2)]
    with open(options.ports_file + ".new", "w", encoding="ascii") as file:
        print(*(each.getsockname()[1] for each in listeners), file=file)
    os.rename(options.ports_file + ".new", options.ports_file)
    threading.Thread(target=listen, args=(listeners[0], context, options.port, True), daemon=True).start()
    listen(listeners[1], context, options.port, False)


if __name__ == "__main__":
    main()
