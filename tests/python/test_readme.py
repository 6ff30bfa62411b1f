"""The README's Python program does what it says."""

import io
import os
import pathlib
import subprocess
import sys
from contextlib import redirect_stdout

from conftest import TARGET

ROOT = pathlib.Path(__file__).resolve().parents[2]
SINK = pathlib.Path(os.environ.get("SDS_SMTP_SINK") or TARGET / "debug" / "mail_sink")


def test_the_readmes_program_sends_its_mail(tmp_path, monkeypatch):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    program = readme.split("```python\n")[1].split("```")[0]
    assert SINK.exists(), "build it with: cargo build -p mail-sink"
    port_file, mails = tmp_path / "port", tmp_path / "mails"
    sink = subprocess.Popen(
        [str(SINK), "--port-file", str(port_file), "--out", str(mails), "--mails", "1", "--seconds", "30"]
        + ["--user", "unit7", "--password", "secret"],
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(200):
            if port_file.exists() or sink.poll() is not None:
                break
            try:
                sink.wait(0.05)
            except subprocess.TimeoutExpired:
                pass
        port = int(port_file.read_text())
        # The server of the README is nowhere; the test's is here. Nothing else is changed.
        assert program.count('server="192.0.2.25"') == 1
        program = program.replace('server="192.0.2.25"', f'server="127.0.0.1", port={port}')
        monkeypatch.syspath_prepend(str(ROOT / "python"))
        printed = io.StringIO()
        with redirect_stdout(printed):
            exec(compile(program, "README.md", "exec"), {"__name__": "readme"})
        assert sink.wait(30) == 0
    finally:
        sink.kill()
        sink.wait()
    assert "code=<Code.OK: 0>" in printed.getvalue()
    mail = (mails / "0001.eml").read_bytes()
    assert b"Subject: Boiler room\r\n" in mail
    assert mail.endswith(b"\r\n\r\nTemperature 93 degrees.\r\n")
    assert "sds_smtp" in sys.modules
