#!/usr/bin/env python3
"""Send mail through sds-smtp from Python: one file, nothing but ctypes.

    from sds_smtp import Client

    with Client() as client:
        client.configure(server="192.0.2.25", sender="unit7@example.com")
        client.send("service@example.com", "Alarm", "Teplota 41 °C")
        client.wait(60)
        result = client.result()
        print(result.code.name, result.reply_code, result.text, result.message_id)

`send` returns at once; the mail goes out in the background and `wait`, `status` and `result` tell how it fares. A mail is
lost when the program ends before it is through, so wait for it. Refusals are exceptions: see SmtpError.

The shared library is looked for in this order: the file that the environment variable SDS_SMTP_LIBRARY names (then
nowhere else), the folder of this file, target/release of the checkout that this file lies in, the system's library path (as
ctypes finds it, then as the loader does), /usr/local/lib.

To try it by hand, with the password in SDS_SMTP_PASSWORD where the server wants a login (and the user name in
SDS_SMTP_USERNAME, if it is not the sender's address):

    python3 sds_smtp.py SERVER PORT FROM TO [SUBJECT]

Python 3.8 or newer. License: MIT OR Apache-2.0.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import ctypes.util
import datetime
import enum
import math
import os
import pathlib
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Optional, Sequence, Set, Tuple, Type, TypeVar, Union

__all__ = [
    "Auth",
    "BadArgument",
    "Busy",
    "Client",
    "Code",
    "LibraryNotFound",
    "LogEntry",
    "NO_PIPELINING",
    "Outcome",
    "Phase",
    "Result",
    "SmtpError",
    "program_status",
    "strerror",
    "version",
]

Text = Union[str, bytes]
"""A str is handed over as UTF-8; bytes are handed over as they are (see `charset` of Client.configure)."""

NO_PIPELINING = 1
"""For `flags` of Client.configure: one command at a time, even where the server offers PIPELINING."""

_NO_LIMIT = 0xFFFFFFFF
_LONGEST_WAIT_MS = 0xFFFFFFFE
_NAME = {"darwin": "libsds_smtp.dylib", "win32": "sds_smtp.dll"}.get(sys.platform, "libsds_smtp.so")
# The name that the library gives itself, with the number of its binary interface.
_SONAME = "libsds_smtp.so.0" if _NAME == "libsds_smtp.so" else _NAME
# How long close() waits for calls that are inside the library, which its cancelling ends.
_PATIENCE = 5.0


# --- numbers -----------------------------------------------------------------


class _Open(enum.IntEnum):
    """Numbers are only ever added: one that a newer library knows and this file doesn't is kept as it is."""

    @classmethod
    def _missing_(cls, value: object) -> Optional["_Open"]:
        if not isinstance(value, int):
            return None
        member = int.__new__(cls, value)
        member._name_ = f"UNKNOWN_{value}"
        member._value_ = value
        return member


class Code(_Open):
    """The result codes; `strerror` says what each means and what to do."""

    OK = 0
    TIMEOUT = 1
    NOT_READY = 2
    HELO_FAILED = 3
    SENDER_REFUSED = 4
    RECIPIENT_REFUSED = 5
    RELAY_DENIED = 6
    DATA_FAILED = 7
    DATA_END_FAILED = 8
    AUTH_UNSUPPORTED = 9
    BAD_USERNAME = 10
    BAD_PASSWORD = 11
    INVALID_RECIPIENT = 12
    CONNECT_FAILED = 13
    BUSY = 14
    SYNTAX = 15
    CANCELLED = 32
    BAD_ARGUMENT = 33
    BAD_HANDLE = 34


class Auth(_Open):
    """Whether and how to log in: ANY is PLAIN where it is offered, else LOGIN."""

    NONE = 0
    ANY = 1
    PLAIN = 2
    LOGIN = 3


class Outcome(_Open):
    """UNKNOWN: the connection was lost after the whole mail had left, so the server may have it or not."""

    NONE = 0
    SENT = 1
    NOT_SENT = 2
    UNKNOWN = 3


class Phase(_Open):
    """How far the mail came."""

    NONE = 0
    START = 1
    CONNECT = 2
    GREETING = 3
    HELLO = 4
    AUTH = 5
    MAIL = 6
    RCPT = 7
    DATA = 8
    TEXT = 9
    END = 10


# --- errors ------------------------------------------------------------------


class LibraryNotFound(OSError):
    """The shared library is not there or is not the right one; the text names each place that was tried."""


class SmtpError(Exception):
    """A call was refused, or a mail failed.

    code -- the Code; name -- its name; hint -- a sentence on what is wrong and what to do.
    """

    def __init__(self, code: int, hint: Optional[str] = None) -> None:
        self.code = Code(code)
        self.name: str = self.code.name
        self.hint = strerror(code) if hint is None else hint
        super().__init__(f"{int(self.code)} {self.name}: {self.hint}")

    def __reduce__(self) -> Tuple[Type["SmtpError"], Tuple[int, str]]:
        return type(self), (int(self.code), self.hint)


class Busy(SmtpError):
    """The previous mail is still in flight (code 14): wait for it, or use another Client."""


class BadArgument(SmtpError, ValueError):
    """A value that cannot be handed to the library (code 33); found before the call."""


def _check(code: int) -> None:
    if code == Code.BUSY:
        raise Busy(code)
    if code != Code.OK:
        raise SmtpError(code)


# --- the library -------------------------------------------------------------


class _Config(ctypes.Structure):
    # The strings are void pointers, so that they can point into buffers that are wiped after the call.
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("server", ctypes.c_void_p),
        ("username", ctypes.c_void_p),
        ("password", ctypes.c_void_p),
        ("sender", ctypes.c_void_p),
        ("sender_name", ctypes.c_void_p),
        ("ehlo_name", ctypes.c_void_p),
        ("charset", ctypes.c_void_p),
        ("auth", ctypes.c_uint32),
        ("port", ctypes.c_uint32),
        ("credential_limit", ctypes.c_uint32),
        ("connect_timeout_ms", ctypes.c_uint32),
        ("greeting_timeout_ms", ctypes.c_uint32),
        ("ehlo_timeout_ms", ctypes.c_uint32),
        ("auth_timeout_ms", ctypes.c_uint32),
        ("mail_timeout_ms", ctypes.c_uint32),
        ("rcpt_timeout_ms", ctypes.c_uint32),
        ("data_timeout_ms", ctypes.c_uint32),
        ("block_timeout_ms", ctypes.c_uint32),
        ("final_timeout_ms", ctypes.c_uint32),
        ("quit_timeout_ms", ctypes.c_uint32),
        ("total_timeout_ms", ctypes.c_uint32),
    ]


class _Message(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("to", ctypes.c_char_p),
        ("subject", ctypes.c_char_p),
        ("text", ctypes.c_char_p),
        # A function that gives the text piece by piece: not used here.
        ("read", ctypes.c_void_p),
        ("read_context", ctypes.c_void_p),
    ]


class _Result(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("code", ctypes.c_int32),
        ("outcome", ctypes.c_uint32),
        ("phase", ctypes.c_uint32),
        ("reply_code", ctypes.c_uint32),
        ("enhanced_class", ctypes.c_uint32),
        ("enhanced_subject", ctypes.c_uint32),
        ("enhanced_detail", ctypes.c_uint32),
        ("recipients_accepted", ctypes.c_uint32),
        ("recipients_refused", ctypes.c_uint32),
        ("elapsed_ms", ctypes.c_uint32),
        ("message_id", ctypes.c_char * 320),
        ("text", ctypes.c_char * 256),
    ]


class _LogEntry(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("code", ctypes.c_int32),
        ("time_ms", ctypes.c_int64),
        ("elapsed_ms", ctypes.c_uint32),
        ("outcome", ctypes.c_uint32),
        ("phase", ctypes.c_uint32),
        ("reply_code", ctypes.c_uint32),
        ("recipients", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("recipient", ctypes.c_char * 96),
        ("text", ctypes.c_char * 128),
    ]


_PROTOTYPES: Dict[str, Tuple[Any, List[Any]]] = {
    "sds_smtp_program_status": (ctypes.c_uint, []),
    "sds_smtp_strerror": (ctypes.c_char_p, [ctypes.c_int]),
    "sds_smtp_version": (ctypes.c_char_p, []),
    "sds_smtp_client_new": (ctypes.c_void_p, []),
    "sds_smtp_client_free": (None, [ctypes.c_void_p]),
    "sds_smtp_client_configure": (ctypes.c_int, [ctypes.c_void_p, ctypes.POINTER(_Config)]),
    "sds_smtp_client_send": (ctypes.c_int, [ctypes.c_void_p, ctypes.POINTER(_Message)]),
    "sds_smtp_client_status": (ctypes.c_int, [ctypes.c_void_p]),
    "sds_smtp_client_result": (ctypes.c_int, [ctypes.c_void_p, ctypes.POINTER(_Result)]),
    "sds_smtp_client_wait": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_uint32]),
    "sds_smtp_client_cancel": (ctypes.c_int, [ctypes.c_void_p]),
    "sds_smtp_client_probe": (ctypes.c_int, [ctypes.c_void_p]),
    "sds_smtp_client_log": (ctypes.c_size_t, [ctypes.c_void_p, ctypes.POINTER(_LogEntry), ctypes.c_size_t]),
}


def _places() -> Iterator[str]:
    """Where the library may be, the most particular place first."""
    here = pathlib.Path(__file__).resolve().parent
    yield str(here / _NAME)
    # Only in a checkout: elsewhere the folder above may be anybody's.
    if here.name == "python" and (here.parent / "Cargo.toml").exists():
        yield str(here.parent / "target" / "release" / _NAME)
    found = ctypes.util.find_library("sds_smtp")
    if found is not None:
        yield found
    # ctypes asks a compiler, or a cache of libraries; a device has neither. The loader needs no help.
    yield _SONAME
    yield _NAME
    yield str(pathlib.Path("/usr/local/lib") / _NAME)


def _open(path: str) -> ctypes.CDLL:
    # CDLL, not PyDLL: other Python threads run on while a call is inside the library.
    library = ctypes.CDLL(path)
    for name, (result, arguments) in _PROTOTYPES.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise LibraryNotFound(f"{path} is not the sds-smtp library, or an older one: it has no {name}") from None
        function.restype = result
        function.argtypes = arguments
    return library


def _find() -> ctypes.CDLL:
    named = os.environ.get("SDS_SMTP_LIBRARY")
    if named:
        try:
            return _open(named)
        except LibraryNotFound:
            raise
        except OSError as error:
            raise LibraryNotFound(f"SDS_SMTP_LIBRARY={named} cannot be loaded: {error}") from None
    tried = []
    for path in _places():
        # A name without a folder is for the system's own search; what is not there needs no attempt.
        if os.sep in path and not os.path.exists(path):
            tried.append(f"{path} (not there)")
            continue
        try:
            return _open(path)
        except OSError as error:
            tried.append(str(error))
    raise LibraryNotFound(
        f"cannot find {_NAME}; build it with 'make', install it with 'make install', or name it in "
        f"SDS_SMTP_LIBRARY. Tried: {'; '.join(tried)}"
    )


_loaded: Optional[ctypes.CDLL] = None


def _library() -> ctypes.CDLL:
    """The library, looked for when it is first needed: importing this file never fails for want of it."""
    global _loaded
    # Without a lock, which a fork() would leave locked in the child: two threads that look at once find the same.
    if _loaded is None:
        _loaded = _find()
    return _loaded


def strerror(code: int) -> str:
    """What the code means and what to do, in a short English sentence."""
    text: bytes = _library().sds_smtp_strerror(code)
    return text.decode("utf-8", "replace")


def version() -> str:
    """The version of the library."""
    text: bytes = _library().sds_smtp_version()
    return text.decode("ascii", "replace")


def program_status() -> int:
    """The built-in client's state as a FULL-C program sees it: 0 idle, 256 sent, 277 in flight, else 256 + code."""
    status: int = _library().sds_smtp_program_status()
    return status


# --- values across the boundary ----------------------------------------------


def _bytes(name: str, value: Optional[Text]) -> Optional[bytes]:
    if value is None:
        return None
    fault = None
    data = b""
    if isinstance(value, str):
        try:
            data = value.encode("utf-8")
        except UnicodeEncodeError:
            fault = "holds a lone surrogate, which no charset can carry"
    elif isinstance(value, (bytes, bytearray)):
        data = bytes(value)
    else:
        raise TypeError(f"{name} must be str or bytes, not {type(value).__name__}")
    if 0 in data:
        fault = "holds a NUL byte, where a C string would end"
    if fault is not None:
        # The value may be the password. An exception keeps the locals of each frame, and the exception that it
        # followed (UnicodeEncodeError holds the string), so it is raised when neither is there.
        del value, data
        raise BadArgument(Code.BAD_ARGUMENT, f"{name} {fault}")
    return data


def _uint32(name: str, value: int) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{name} must be int, not {type(value).__name__}")
    if not 0 <= value <= 0xFFFFFFFF:
        raise BadArgument(Code.BAD_ARGUMENT, f"{name} must be between 0 and 4294967295, not {value}")
    return value


def _recipients(to: Union[Text, Sequence[Text]]) -> bytes:
    if isinstance(to, (str, bytes, bytearray)):
        return _bytes("to", to) or b""
    addresses = []
    for item in to:
        if item is None:
            raise TypeError("to must hold str or bytes, not None")
        address = _bytes("to", item) or b""
        # Each item is one address: a comma in it would make two, and an empty one would vanish.
        if not address.strip() or b"," in address:
            raise SmtpError(Code.RECIPIENT_REFUSED, "each item of the list must be one address, without a comma")
        addresses.append(address)
    return b",".join(addresses)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


# --- what comes back ---------------------------------------------------------


@dataclass(frozen=True)
class Result:
    """How the last finished mail or probe went."""

    code: Code
    outcome: Outcome
    phase: Phase
    reply_code: int
    """The server's last reply code, or 0 where the server did not decide."""
    enhanced_status: Optional[Tuple[int, int, int]]
    """The enhanced status code of that reply (RFC 3463), such as (5, 7, 8)."""
    recipients_accepted: int
    recipients_refused: int
    elapsed_ms: int
    message_id: str
    """As in the mail's header, angle brackets included; empty before the first mail."""
    text: str
    """The text of the server's last reply, or, with reply code 0, the library's own words."""

    def check(self) -> None:
        """Raise SmtpError unless the code is OK."""
        if self.code != Code.OK:
            reply = f" [{self.reply_code} {self.text}]" if self.reply_code else f" [{self.text}]" if self.text else ""
            raise SmtpError(self.code, strerror(self.code) + reply)


@dataclass(frozen=True)
class LogEntry:
    """One finished mail or one refused start."""

    code: Code
    time_ms: int
    """Unix time in milliseconds; 0 where there was no clock."""
    elapsed_ms: int
    outcome: Outcome
    phase: Phase
    reply_code: int
    recipients: int
    recipient: str
    """The first recipient, cut where it is very long."""
    text: str

    @property
    def time(self) -> Optional[datetime.datetime]:
        """The time in UTC, None where there was no clock."""
        if self.time_ms == 0:
            return None
        epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        return epoch + datetime.timedelta(milliseconds=self.time_ms)


_Self = TypeVar("_Self", bound="Client")


class Client:
    """One device: its own configuration, one mail in flight at a time, its own log. Safe to use from several threads."""

    # No lock is held anywhere in here: in the child of a fork() it would stay locked, and a signal handler would wait for the
    # call that it has interrupted. What several threads share is changed by single operations on a list or a dict.

    def __init__(self) -> None:
        # First of all what __del__ needs, since that runs even when the rest fails.
        self._open: List[Optional[int]] = []
        self._begin(builtin=False)
        handle: Optional[int] = self._library.sds_smtp_client_new()
        if handle is None:
            raise SmtpError(Code.DATA_FAILED, "out of memory")
        self._open.append(handle)

    @classmethod
    def builtin(cls: Type[_Self]) -> _Self:
        """The built-in client that the C functions without a handle use too. There is only one; close() leaves it alone."""
        client = cls.__new__(cls)
        client._begin(builtin=True)
        client._open = [None]
        return client

    def _begin(self, builtin: bool) -> None:
        self._builtin = builtin
        # The calls that are inside the library: of which process, and of which thread.
        self._inside: Dict[object, Tuple[int, int]] = {}
        # How the mail ended that close() has cancelled, for the calls that waited for it.
        self._ended: Optional[Code] = None
        self._library = _library()

    @contextlib.contextmanager
    def _use(self) -> Iterator[Tuple[ctypes.CDLL, Optional[int]]]:
        """The library and the handle, which close() does not free before the call is back, where it can come back."""
        call = object()
        try:
            # Noted before the look whether it is open: close() does these two the other way round.
            self._inside[call] = (os.getpid(), threading.get_ident())
            handles = self._open[:]
            if not handles:
                raise _closed()
            yield self._library, handles[0]
        finally:
            self._inside.pop(call, None)

    def configure(
        self,
        *,
        server: Optional[Text] = None,
        port: int = 0,
        auth: int = Auth.NONE,
        username: Optional[Text] = None,
        password: Optional[Text] = None,
        sender: Optional[Text] = None,
        sender_name: Optional[Text] = None,
        ehlo_name: Optional[Text] = None,
        charset: Optional[Text] = None,
        credential_limit: int = 0,
        connect_timeout_ms: int = 0,
        greeting_timeout_ms: int = 0,
        ehlo_timeout_ms: int = 0,
        auth_timeout_ms: int = 0,
        mail_timeout_ms: int = 0,
        rcpt_timeout_ms: int = 0,
        data_timeout_ms: int = 0,
        block_timeout_ms: int = 0,
        final_timeout_ms: int = 0,
        quit_timeout_ms: int = 0,
        total_timeout_ms: int = 0,
        flags: int = 0,
    ) -> None:
        """Set the whole configuration anew; on an error the old one stays. None and 0 mean the default.

        server -- IPv4 or IPv6 address; port -- 25 by default; auth -- see Auth; sender -- the sender's address;
        sender_name -- shown beside it; ehlo_name -- instead of the socket's own address; charset -- names the charset
        of subjects and texts that are given as bytes and are not UTF-8; flags -- 0 or NO_PIPELINING. The limits are in
        milliseconds. A mail in flight keeps the configuration that it started with.
        """
        config = _Config(
            struct_size=ctypes.sizeof(_Config),
            flags=_uint32("flags", flags),
            auth=_uint32("auth", auth),
            port=_uint32("port", port),
            credential_limit=_uint32("credential_limit", credential_limit),
            connect_timeout_ms=_uint32("connect_timeout_ms", connect_timeout_ms),
            greeting_timeout_ms=_uint32("greeting_timeout_ms", greeting_timeout_ms),
            ehlo_timeout_ms=_uint32("ehlo_timeout_ms", ehlo_timeout_ms),
            auth_timeout_ms=_uint32("auth_timeout_ms", auth_timeout_ms),
            mail_timeout_ms=_uint32("mail_timeout_ms", mail_timeout_ms),
            rcpt_timeout_ms=_uint32("rcpt_timeout_ms", rcpt_timeout_ms),
            data_timeout_ms=_uint32("data_timeout_ms", data_timeout_ms),
            block_timeout_ms=_uint32("block_timeout_ms", block_timeout_ms),
            final_timeout_ms=_uint32("final_timeout_ms", final_timeout_ms),
            quit_timeout_ms=_uint32("quit_timeout_ms", quit_timeout_ms),
            total_timeout_ms=_uint32("total_timeout_ms", total_timeout_ms),
        )
        strings: Dict[str, Optional[Text]] = {
            "server": server,
            "username": username,
            "password": password,
            "sender": sender,
            "sender_name": sender_name,
            "ehlo_name": ehlo_name,
            "charset": charset,
        }
        # An exception's traceback keeps the locals alive and some tools print them: the password stays in none.
        del password
        buffers = []
        try:
            while strings:
                name, value = strings.popitem()
                data = _bytes(name, value)
                if data is not None:
                    buffer = ctypes.create_string_buffer(data)
                    buffers.append(buffer)
                    setattr(config, name, ctypes.addressof(buffer))
                del value, data
            with self._use() as (library, handle):
                code: int = library.sds_smtp_client_configure(handle, ctypes.byref(config))
        finally:
            strings.clear()
            value = data = None
            for buffer in buffers:
                ctypes.memset(buffer, 0, len(buffer))
        _check(code)

    def send(self, to: Union[Text, Sequence[Text]], subject: Text = "", text: Text = "") -> None:
        """Start a mail and return at once. Busy is raised while the previous one is in flight.

        to -- one address, several separated by commas, or a list of addresses.
        """
        message = _Message(
            struct_size=ctypes.sizeof(_Message),
            flags=0,
            to=_recipients(to),
            subject=_bytes("subject", subject),
            text=_bytes("text", text),
        )
        with self._use() as (library, handle):
            code: int = library.sds_smtp_client_send(handle, ctypes.byref(message))
        _check(code)

    def probe(self) -> None:
        """Start a dry run: connect, greet, log in, quit. Like a mail, but nothing is sent."""
        with self._use() as (library, handle):
            code: int = library.sds_smtp_client_probe(handle)
        _check(code)

    def status(self) -> Code:
        """BUSY while a mail is in flight, else the code of the last one, OK before the first."""
        with self._use() as (library, handle):
            return Code(library.sds_smtp_client_status(handle))

    def wait(self, timeout: Optional[float] = None) -> Code:
        """Wait until no mail is in flight, at most `timeout` seconds (None: without limit); return the status then."""
        if timeout is not None and math.isnan(timeout):
            raise BadArgument(Code.BAD_ARGUMENT, "timeout must be a number")
        if threading.current_thread() is threading.main_thread():
            return self._wait_in_steps(timeout)
        if timeout is None or math.isinf(timeout) and timeout > 0:
            limit = _NO_LIMIT
        else:
            limit = int(min(max(math.ceil(timeout * 1000) if timeout > 0 else 0, 0), _LONGEST_WAIT_MS))
        with self._use() as (library, handle):
            return self._status(library.sds_smtp_client_wait(handle, limit))

    def _wait_in_steps(self, timeout: Optional[float]) -> Code:
        """The main thread comes back to Python now and then: only there Ctrl-C is noticed."""
        end = math.inf if timeout is None else time.monotonic() + timeout
        with self._use() as (library, handle):
            while True:
                left = max(end - time.monotonic(), 0.0)
                step = math.ceil(min(left, 0.25) * 1000)
                status = self._status(library.sds_smtp_client_wait(handle, step))
                if status != Code.BUSY or left <= 0.25:
                    return status

    def _status(self, status: int) -> Code:
        """What a wait came back with; close() may have freed the client meanwhile."""
        if status != Code.BAD_HANDLE:
            return Code(status)
        if self._ended is None:
            raise _closed()
        return self._ended

    def result(self) -> Result:
        """How the last finished mail or probe went; all zero before the first."""
        out = _Result(struct_size=ctypes.sizeof(_Result))
        with self._use() as (library, handle):
            _check(library.sds_smtp_client_result(handle, ctypes.byref(out)))
        enhanced = (out.enhanced_class, out.enhanced_subject, out.enhanced_detail)
        return Result(
            code=Code(out.code),
            outcome=Outcome(out.outcome),
            phase=Phase(out.phase),
            reply_code=out.reply_code,
            enhanced_status=enhanced if out.enhanced_class else None,
            recipients_accepted=out.recipients_accepted,
            recipients_refused=out.recipients_refused,
            elapsed_ms=out.elapsed_ms,
            message_id=_text(out.message_id),
            text=_text(out.text),
        )

    def log(self) -> List[LogEntry]:
        """The finished mails and refused starts that the library still holds, oldest first."""
        with self._use() as (library, handle):
            held: int = library.sds_smtp_client_log(handle, None, 0)
            if held == 0:
                return []
            entries = (_LogEntry * held)()
            entries[0].struct_size = ctypes.sizeof(_LogEntry)
            copied: int = library.sds_smtp_client_log(handle, entries, held)
        return [
            LogEntry(
                code=Code(entry.code),
                time_ms=entry.time_ms,
                elapsed_ms=entry.elapsed_ms,
                outcome=Outcome(entry.outcome),
                phase=Phase(entry.phase),
                reply_code=entry.reply_code,
                recipients=entry.recipients,
                recipient=_text(entry.recipient),
                text=_text(entry.text),
            )
            for entry in entries[:copied]
        ]

    def cancel(self) -> None:
        """Ask for the mail in flight to end; its code is CANCELLED, or the server's verdict if that came first."""
        with self._use() as (library, handle):
            _check(library.sds_smtp_client_cancel(handle))

    def close(self) -> None:
        """Cancel what is in flight and free the client. A second time does nothing; other calls then raise code 34.

        A wait() that this ends returns how the mail ended. May be called from any thread, from a Python signal handler, in the
        child of a fork() and while the interpreter ends: it waits for nobody who cannot come back, and for nobody long.
        """
        try:
            handle = self._open.pop()
        except IndexError:
            return
        if self._builtin:
            return
        # Threads do not come back when the interpreter ends, nor do those of the process that this one was forked from.
        if not sys.is_finalizing() and self._callers():
            self._library.sds_smtp_client_cancel(handle)
            status: int = self._library.sds_smtp_client_wait(handle, int(_PATIENCE * 1000))
            if status != Code.BUSY:
                self._ended = Code(status)
            end = time.monotonic() + _PATIENCE
            # This thread's own call is one that a signal handler has interrupted: it comes back after the handler.
            while self._callers() - {threading.get_ident()} and time.monotonic() < end:
                time.sleep(0.001)
        self._library.sds_smtp_client_free(handle)

    def _callers(self) -> Set[int]:
        """The threads of this process that are inside the library."""
        process = os.getpid()
        return {thread for owner, thread in list(self._inside.values()) if owner == process}

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        # Nobody is inside, since a call holds its client; and nothing of this module may be left where the interpreter ends.
        if getattr(self, "_open", None) and not self._builtin:
            self._library.sds_smtp_client_free(self._open.pop())

    def __repr__(self) -> str:
        handles = self._open[:]
        kind = "built-in" if self._builtin else hex(handles[0] or 0) if handles else "closed"
        return f"<sds_smtp.Client {kind}>"


def _closed() -> SmtpError:
    return SmtpError(Code.BAD_HANDLE, "this Client is closed")


def main(arguments: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(description="Send one mail through sds-smtp and say how it went.")
    parser.add_argument("server", metavar="SERVER", help="IPv4 or IPv6 address")
    parser.add_argument("port", metavar="PORT", type=int)
    parser.add_argument("sender", metavar="FROM")
    parser.add_argument("to", metavar="TO", help="addresses, separated by commas")
    parser.add_argument("subject", metavar="SUBJECT", nargs="?", default="Zkouška / test of sds-smtp")
    parser.epilog = "Logs in when SDS_SMTP_PASSWORD is set, as SDS_SMTP_USERNAME or else as FROM."
    options = parser.parse_args(arguments)
    login = "SDS_SMTP_PASSWORD" in os.environ
    try:
        with Client() as client:
            client.configure(
                server=options.server,
                port=options.port,
                sender=options.sender,
                auth=Auth.ANY if login else Auth.NONE,
                username=os.environ.get("SDS_SMTP_USERNAME", options.sender) if login else None,
                password=os.environ["SDS_SMTP_PASSWORD"] if login else None,
            )
            client.send(options.to, options.subject, "This mail was sent by sds_smtp.py to see whether mail gets through.\n")
            client.wait()
            result = client.result()
    except SmtpError as error:
        print(f"not sent: {error}", file=sys.stderr)
        return int(error.code)
    except LibraryNotFound as error:
        print(error, file=sys.stderr)
        return 1
    reply = f"{result.reply_code} {result.text}" if result.reply_code else result.text
    print(f"{result.outcome.name.lower().replace('_', ' ')}: {int(result.code)} {result.code.name}: {strerror(result.code)}")
    print(f"server's last reply: {reply}\nMessage-ID: {result.message_id}\ntook {result.elapsed_ms} ms")
    return int(result.code)


if __name__ == "__main__":
    sys.exit(main())
