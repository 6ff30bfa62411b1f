"""A mail server for the tests, made of aiosmtpd; started by aiosmtpd.sh.

Each accepted mail becomes two files: NNNN.eml, the data exactly as it came (only the stuffed dots removed, so the line
ends are the client's own), and NNNN.json, the envelope.
"""

import argparse
import asyncio
import functools
import itertools
import json
import os
import pathlib
import signal
import ssl

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

MAILBOXES = {"someone@example.test", "second@example.test"}


class Handler:
    """The answers to the commands, and the files of the mails."""

    def __init__(self, options):
        self.options = options
        self.numbers = itertools.count(1)

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        session.host_name = hostname
        # aiosmtpd reads pipelined commands well but never says so.
        lines = responses[:-1] + ["250-PIPELINING"] + responses[-1:]
        hidden = self.options.hide.upper().split()
        lines = [line for line in lines if line[4:].upper().split(" ")[0] not in hidden]
        return [line[:3] + "-" + line[4:] for line in lines[:-1]] + [lines[-1][:3] + " " + lines[-1][4:]]

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if self.options.demand_login == "rcpt" and not session.authenticated:
            return "530 5.7.0 Authentication required"
        domain = address.rpartition("@")[2].lower()
        if domain != "example.test":
            if not session.authenticated:
                return "554 5.7.1 Relaying denied"
        elif address.lower() not in MAILBOXES:
            return "550 5.1.1 User unknown"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(rcpt_options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        name = f"{next(self.numbers):04d}"
        out = pathlib.Path(self.options.out)
        (out / f"{name}.json").write_text(
            json.dumps(
                {
                    "hello": session.host_name,
                    "extended": session.extended_smtp,
                    "authenticated": bool(session.authenticated),
                    "mechanism": session.auth_data.decode() if session.auth_data else None,
                    "peer": session.peer[0],
                    "from": envelope.mail_from,
                    "from_options": envelope.mail_options,
                    "to": envelope.rcpt_tos,
                }
            )
        )
        # Whoever sees the name sees the whole file.
        (out / f"{name}.part").write_bytes(envelope.original_content)
        (out / f"{name}.part").rename(out / f"{name}.eml")
        return f"250 2.0.0 OK queued as {name}"


def authenticator(server, session, envelope, mechanism, data):
    expected = LoginPassword(os.environb[b"SDS_ACCOUNT"], os.environb[b"SDS_PASSWORD"])
    if data != expected:
        return AuthResult(success=False, handled=False)
    return AuthResult(success=True, auth_data=mechanism.encode())


def tls_context(options):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{options.tls}/chain.pem", f"{options.tls}/key.pem")
    if options.tls_old == "1":
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    if options.tls_client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(options.tls_client_ca)
    return context


async def serve(options):
    handler = Handler(options)
    known = {"PLAIN", "LOGIN"}
    extra = {}
    if options.auth == "1":
        extra = {
            "authenticator": authenticator,
            "auth_exclude_mechanism": sorted(known - set(options.mechanisms.split())),
            "auth_required": options.demand_login == "mail",
        }

    context = tls_context(options) if options.tls else None

    def session(starttls=context):
        return SMTP(
            handler,
            hostname="mx.example.test",
            tls_context=starttls,
            # A login behind STARTTLS only, or never. A connection that has begun with TLS counts as one without.
            auth_require_tls=starttls is not None or options.auth == "0",
            ident="aiosmtpd",
            data_size_limit=options.size,
            enable_SMTPUTF8=True,
            timeout=options.idle,
            **extra,
        )

    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(session, address, options.port) for address in options.address]
    if options.tls_port:
        secure = functools.partial(session, None)
        servers += [
            await loop.create_server(secure, address, options.tls_port, ssl=context) for address in options.address
        ]
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    for server in servers:
        server.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--out", required=True, help="folder of the mails")
    parser.add_argument("--size", type=int, default=62914560)
    parser.add_argument("--auth", choices=("0", "1"), default="1")
    parser.add_argument("--mechanisms", default="PLAIN LOGIN")
    parser.add_argument("--idle", type=float, default=60, help="seconds after which a silent client is left")
    parser.add_argument("--hide", default="", help="EHLO keywords not to announce")
    parser.add_argument("--demand-login", choices=("", "mail", "rcpt"), default="")
    parser.add_argument("--tls", default="", help="folder of chain.pem and key.pem")
    parser.add_argument("--tls-port", type=int, default=0, help="a further port, with TLS from the first octet on")
    parser.add_argument("--tls-client-ca", default="")
    parser.add_argument("--tls-old", choices=("0", "1"), default="0")
    parser.add_argument("address", nargs="+")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
