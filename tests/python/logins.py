"""Logins, as strangers play them: an independent client, and what a server needs besides.

SCRAM is scramp's here; nothing of this shares code with the library.
"""

import base64
import contextlib
import hmac
import http.server
import json
import smtplib
import ssl
import threading
import urllib.parse

import scramp

# The bits of SDS_SMTP_AUTH_*.
ANY = 1
MECHANISMS = {
    "PLAIN": 2,
    "LOGIN": 4,
    "CRAM-MD5": 8,
    "SCRAM-SHA-1": 16,
    "SCRAM-SHA-256": 32,
    "XOAUTH2": 64,
    "OAUTHBEARER": 128,
}
WITH_PASSWORD = ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"]
WITH_TOKEN = ["XOAUTH2", "OAUTHBEARER"]


# --- an independent client ------------------------------------------------------


def responses(mechanism, user, password):
    """The client's part: gives a response for each challenge that it is sent. The first is the initial one, None: there is none."""
    given, secret = user.encode(), password.encode()
    if mechanism == "PLAIN":
        yield b"\0" + given + b"\0" + secret
    elif mechanism == "LOGIN":
        yield None
        yield given
        yield secret
    elif mechanism == "CRAM-MD5":
        challenge = yield None
        yield given + b" " + hmac.new(secret, challenge, "md5").hexdigest().encode()
    elif mechanism == "XOAUTH2":
        yield b"user=" + given + b"\1auth=Bearer " + secret + b"\1\1"
        yield b""
    elif mechanism == "OAUTHBEARER":
        name = given.replace(b"=", b"=3D").replace(b",", b"=2C")
        yield b"n,a=" + name + b",\1host=localhost\1port=25\1auth=Bearer " + secret + b"\1\1"
        yield b"\1"
    else:
        # It leaves the name as it is.
        client = scramp.ScramClient([mechanism], user.replace("=", "=3D").replace(",", "=2C"), password)
        client.set_server_first((yield client.get_client_first().encode()).decode())
        client.set_server_final((yield client.get_client_final().encode()).decode())
        yield b""


def log_in(smtp, mechanism, user, password, alone=False):
    """What the server says in the end: (code, text, challenges). alone -- the initial response on a line of its own"""
    said = responses(mechanism, user, password)
    initial = next(said)
    line = base64.b64encode(initial or b"").decode()
    if initial is None or alone:
        code, text = smtp.docmd("AUTH", mechanism)
        if initial is not None and code == 334:
            code, text = smtp.docmd(line)
    else:
        code, text = smtp.docmd("AUTH", f"{mechanism} {line}")
    challenges = []
    while code == 334:
        challenges.append(base64.b64decode(text))
        code, text = smtp.docmd(base64.b64encode(said.send(challenges[-1])).decode())
    return code, text.decode("utf-8", "replace"), challenges


@contextlib.contextmanager
def stranger(port, tls_ca=None):
    """A connection of smtplib's; with a CA behind STARTTLS."""
    with smtplib.SMTP("127.0.0.1", port, "client.example.test", timeout=20) as smtp:
        smtp.ehlo()
        if tls_ca is not None:
            smtp.starttls(context=ssl.create_default_context(cadata=tls_ca))
            smtp.ehlo()
        yield smtp


# --- which octets are a password ---------------------------------------------------


def disguises(secret):
    """The secret's octets as they may stand on a wire: as they are, and in base64 behind any number of other octets."""
    yield secret
    for before in range(3):
        text = base64.b64encode(bytes(before) + secret)
        # The characters at both ends depend on the neighbours, too.
        yield text[-(-before * 8 // 6) : (before + len(secret)) * 8 // 6]
    yield secret.hex().encode()
    yield secret.hex().upper().encode()


# --- who knows the tokens ---------------------------------------------------------


class TokenServer:
    """Says whether a token is valid, and whose it is (RFC 7662).

    tokens -- {token: user}; asked -- the tokens that somebody has asked for
    """

    def __init__(self):
        self.tokens, self.asked = {}, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                token = urllib.parse.parse_qs(form)["token"][0]
                outer.asked.append(token)
                user = outer.tokens.get(token)
                answer = {"active": False} if user is None else {"active": True, "username": user}
                body = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/introspect"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._thread.join(20)
        self._server.server_close()
