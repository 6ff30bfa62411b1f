"""The README's Python program does what it says."""

import contextlib
import io
import pathlib
import shutil
import sys

import pytest
from login_server import TlsLoginServer
from test_tls import WITH_TLS
from tls_server import context

ROOT = pathlib.Path(__file__).resolve().parents[2]


@WITH_TLS
@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make certificates with")
def test_the_readmes_program_sends_its_mail(pki, monkeypatch):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    program = readme.split("```python\n")[1].split("```")[0]
    with contextlib.closing(TlsLoginServer(context(pki.good), implicit=False)) as server:
        server.accounts = {"unit7": "secret"}
        # The server of the README is nowhere; the test's is here. Nothing else is changed.
        assert program.count('server="mail.example.com"') == 1
        here = f'server="localhost", port={server.port}, tls_ca={str(pki.ca.certificate)!r}'
        program = program.replace('server="mail.example.com"', here)
        monkeypatch.syspath_prepend(str(ROOT / "python"))
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(program, "README.md", "exec"), {"__name__": "readme"})
        assert "code=<Code.OK: 0>" in printed.getvalue()
        assert [mechanism for mechanism, _ in server.ended] == ["PLAIN"]
        ((_, _, forward_paths, mail),) = server.mails
    assert forward_paths[0].startswith(b"RCPT TO:<operator@example.com>")
    assert b"Subject: Boiler room\r\n" in mail
    assert mail.endswith(b"\r\n\r\nTemperature 93 degrees.\r\n")
    assert "sds_smtp" in sys.modules
