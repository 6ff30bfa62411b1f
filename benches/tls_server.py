"""A mail server with TLS from the first octet on, for the part `tls` of run.sh: one mail after the other, all of them taken.

    tls_server.py CERTIFICATE KEY PORT_FILE MAILS
"""

import socket
import ssl
import sys


def serve(connection):
    lines = connection.makefile("rwb", buffering=0)

    def say(words):
        lines.write(words.encode() + b"\r\n")

    say("220 localhost")
    for line in iter(lines.readline, b""):
        verb = line[:4].upper()
        if verb == b"EHLO":
            say("250-localhost\r\n250-PIPELINING\r\n250 AUTH PLAIN")
        elif verb == b"AUTH":
            say("235 ok")
        elif verb == b"DATA":
            say("354 go on")
            while lines.readline() != b".\r\n":
                pass
            say("250 taken")
        elif verb == b"QUIT":
            say("221 bye")
            return
        else:
            say("250 ok")


def main(certificate, key, port_file, mails):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with open(port_file, "w", encoding="ascii") as file:
            file.write(str(listener.getsockname()[1]))
        listener.settimeout(300)
        for _ in range(int(mails)):
            plain, _ = listener.accept()
            plain.settimeout(60)
            with context.wrap_socket(plain, server_side=True) as connection:
                serve(connection)


if __name__ == "__main__":
    main(*sys.argv[1:])
