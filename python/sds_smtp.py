#!/usr/bin/env python3
"""Send mail through sds-smtp from Python: one file, nothing but ctypes.

    from sds_smtp import Client

    with Client() as client:
        client.configure(server="mail.example.com, 192.0.2.25", sender="unit7@example.com")
        result = client.send("service@example.com", "Alarm", "Teplota 41 °C", wait=True)
        print(result.code.name, result.reply_code, result.text, result.message_id)

`send` returns at once without `wait=True`; the mail goes out in the background, `wait`, `status` and `result` tell how it
fares, and a function given as `done` is called at its end. A mail is lost when the program ends before it is through: the
end of a `with` block waits for it. What is refused or fails is an exception, and its class says what helps: see SmtpError.

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
import atexit
import base64
import binascii
import contextlib
import copy
import ctypes
import ctypes.util
import datetime
import email.errors
import email.generator
import email.header
import email.headerregistry
import email.message
import email.policy
import email.utils
import enum
import io
import itertools
import math
import os
import pathlib
import re
import sys
import threading
import time
import weakref
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple, Type, TypeVar, Union

__all__ = [
    "AUTO_SUBMITTED",
    "Advice",
    "Attachment",
    "Auth",
    "BadArgument",
    "Busy",
    "CHUNKING",
    "Client",
    "Code",
    "ConfigurationError",
    "DRY_RUN",
    "Dsn",
    "Feature",
    "KEEP_DIALOGUE",
    "LibraryNotFound",
    "LogEntry",
    "MessageError",
    "NO_PIPELINING",
    "Outcome",
    "PARTIAL",
    "PartlySent",
    "Phase",
    "Priority",
    "Progress",
    "RAW",
    "Recipient",
    "Result",
    "SmtpError",
    "TEXT_IN_CHARSET",
    "TemporaryFailure",
    "Tls",
    "UnknownOutcome",
    "Verb",
    "code_name",
    "features",
    "outcome_name",
    "phase_name",
    "poll",
    "program_status",
    "shutdown",
    "strerror",
    "use_event_loop",
    "version",
]

Text = Union[str, bytes]
"""A str is handed over as UTF-8; bytes are handed over as they are (see `charset` of Client.configure)."""

Mailbox = Union[Text, Tuple[str, str]]
"""An address, "Name <address>", or a pair of name and address."""

Mailboxes = Union[Text, Sequence[Mailbox]]
"""Mailboxes in one text, separated by commas or semicolons; or a list of them."""

Headers = Union[Mapping[str, str], Sequence[Union[Text, Tuple[str, str]]]]
"""Header fields: names and values, or a list of pairs, or of texts as "Name: value"."""

NO_PIPELINING = 1
"""For `flags` of Client.configure: one command at a time, even where the server offers PIPELINING."""

CHUNKING = 2
"""For `flags` of Client.configure: BDAT where the server offers CHUNKING and PIPELINING, one answer earlier. A server that refuses
a recipient and does not read on over the mail takes its text for commands: use it with servers that you know."""

KEEP_DIALOGUE = 4
"""For `flags` of Client.configure: the newest 4 KiB of the last conversation, for Client.dialogue()."""

TEXT_IN_CHARSET = 2
"""For `flags` of Client.send: the text is in the `charset` of the configuration, also where it looks like UTF-8."""

RAW = 4
"""For `flags` of Client.send: `text`, or the file `text_path`, is a whole message with its header block, sent as it is."""

DRY_RUN = 16
"""For `flags` of Client.send: the whole way up to the last recipient, and then nothing is sent."""

PARTIAL = 8
"""For `flags` of Client.send: whoever is accepted gets the mail; without it all do, or nobody. The code is OK only where all have it,
and Code.PARTLY_SENT where some have; Client.recipients says what became of each."""

AUTO_SUBMITTED = 32
"""For `flags` of Client.send: the mail says that no person has written it, so that no answering machine answers."""

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
    NAME_NOT_FOUND = 35
    TLS_FAILED = 36
    TLS_UNTRUSTED = 37
    TLS_UNAVAILABLE = 38
    NOT_SUPPORTED = 39
    READ_FAILED = 40
    PARTLY_SENT = 41


class Auth(_Open):
    """Whether and how to log in: NONE, ANY, or a sum of the others, of which the strongest is used that the server offers.

    ANY is SCRAM_SHA_256, SCRAM_SHA_1 or CRAM_MD5; else PLAIN or LOGIN, over TLS that verifies the server only. To name these two
    is the consent to say the password in the clear. With XOAUTH2 and OAUTHBEARER the password is a token.
    """

    NONE = 0
    ANY = 1
    PLAIN = 2
    LOGIN = 4
    CRAM_MD5 = 8
    SCRAM_SHA_1 = 16
    SCRAM_SHA_256 = 32
    XOAUTH2 = 64
    OAUTHBEARER = 128


class Outcome(_Open):
    """UNKNOWN: the connection was lost after the whole mail had left, so the server may have it or not."""

    NONE = 0
    SENT = 1
    NOT_SENT = 2
    UNKNOWN = 3


class Phase(_Open):
    """How far the mail came. WAITING is an attempt that is repeated, and stands in the log only."""

    NONE = 0
    WAITING = 5
    START = 10
    RESOLVE = 20
    CONNECT = 30
    TLS = 40
    GREETING = 50
    HELLO = 60
    STARTTLS = 70
    AUTH = 80
    MAIL = 90
    RCPT = 100
    DATA = 110
    TEXT = 120
    END = 130


class Advice(_Open):
    """What helps: nothing; later, as it is; another configuration; another mail; nobody knows whether it was sent."""

    NONE = 0
    LATER = 1
    CONFIGURATION = 2
    MESSAGE = 3
    UNKNOWN = 4


class Tls(_Open):
    """For `tls` of Client.configure. All but NONE need a library with TLS (see features), and are code 39 without.

    STARTTLS: with STARTTLS (port 587), or nothing is sent. IMPLICIT: from the first octet on (port 465). OPPORTUNISTIC: with
    STARTTLS where it is offered, and with whatever certificate: it keeps out who listens, and nobody else.
    """

    NONE = 0
    STARTTLS = 1
    IMPLICIT = 2
    OPPORTUNISTIC = 3


class Verb(_Open):
    """For `verb` of Client.send: how the transaction begins. All but MAIL are those of RFC 821: to the recipients' terminals,
    to the terminal or else the mailbox, to both. A server that does not know the verb: code 39."""

    MAIL = 0
    SEND = 1
    SOML = 2
    SAML = 3


class Priority(_Open):
    """For `priority` of Client.send."""

    NORMAL = 0
    HIGH = 1
    LOW = 2


class Dsn(enum.IntFlag):
    """For `dsn` of Client.send: when a notice about the delivery goes to the sender (RFC 3461). NEVER stands alone. FULL: the
    notice has the whole mail, else its header block."""

    SUCCESS = 1
    FAILURE = 2
    DELAY = 4
    NEVER = 8
    FULL = 16


class Feature(enum.IntFlag):
    """What a build of the library can do: see features."""

    TLS = 1
    NAMES = 2
    COMPLETE = 4
    PARTS = 8


# --- errors ------------------------------------------------------------------


class LibraryNotFound(OSError):
    """The shared library is not there or is not the right one; the text names each place that was tried."""


class SmtpError(Exception):
    """A call was refused, or a mail failed. The subclass says what helps; this class itself: nothing is known to.

    code -- the Code; name -- its name; hint -- a sentence on what is wrong and what to do; result -- the Result of the mail
    that failed, None where a call was refused.
    """

    def __init__(self, code: int, hint: Optional[str] = None, result: Optional["Result"] = None) -> None:
        self.code = Code(code)
        self.name: str = self.code.name
        self.hint = strerror(code) if hint is None else hint
        self.result = result
        super().__init__(f"{int(self.code)} {self.name}: {self.hint}")

    def __reduce__(self) -> Tuple[Type["SmtpError"], Tuple[int, str, Optional["Result"]]]:
        return type(self), (int(self.code), self.hint, self.result)


class TemporaryFailure(SmtpError):
    """The mail was not sent, and may go later as it is (Advice.LATER)."""


class ConfigurationError(SmtpError):
    """Nothing was sent: change the configuration (Advice.CONFIGURATION)."""


class MessageError(SmtpError):
    """Nothing was sent: change the mail (Advice.MESSAGE)."""


class PartlySent(SmtpError):
    """Some recipients have the mail, and others do not (Code.PARTLY_SENT): see Client.recipients."""


class UnknownOutcome(SmtpError):
    """Nobody knows whether the mail was sent (Advice.UNKNOWN): to send it again may deliver it twice."""


class Busy(SmtpError):
    """The previous mail is still in flight (code 14): wait for it, or use another Client."""


class BadArgument(SmtpError, ValueError):
    """A value that cannot be handed to the library (code 33); found before the call."""


_BY_ADVICE: Dict[int, Type[SmtpError]] = {
    Advice.LATER: TemporaryFailure,
    Advice.CONFIGURATION: ConfigurationError,
    Advice.MESSAGE: MessageError,
    Advice.UNKNOWN: UnknownOutcome,
}


def _check(code: int, refused: Type[SmtpError] = SmtpError, refusal: str = "") -> None:
    if code == Code.OK:
        return
    if code == Code.BUSY:
        raise Busy(code)
    # A closed client, and memory, are nobody's configuration or mail.
    of_its_own = code in (Code.BAD_HANDLE, Code.DATA_FAILED) and not refusal
    raise (SmtpError if of_its_own else refused)(code, f"{refusal} [{strerror(code)}]" if refusal else None)


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
        ("source", ctypes.c_void_p),
        ("tls_ca", ctypes.c_void_p),
        ("tls_certificate", ctypes.c_void_p),
        ("tls_key", ctypes.c_void_p),
        ("tls_pin", ctypes.c_void_p),
        ("tls_name", ctypes.c_void_p),
        ("trace", ctypes.c_void_p),
        ("trace_context", ctypes.c_void_p),
        ("reserved_pointer", ctypes.c_void_p),
        ("auth", ctypes.c_uint32),
        ("port", ctypes.c_uint32),
        ("tls", ctypes.c_uint32),
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
        ("retry_max", ctypes.c_uint32),
        ("retry_delay_ms", ctypes.c_uint32),
        ("keep_alive_ms", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("reserved_2", ctypes.c_uint32),
    ]


class _Message(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("to", ctypes.c_char_p),
        ("cc", ctypes.c_char_p),
        ("bcc", ctypes.c_char_p),
        ("reply_to", ctypes.c_char_p),
        ("from", ctypes.c_char_p),
        ("reverse_path", ctypes.c_char_p),
        ("subject", ctypes.c_char_p),
        ("text", ctypes.c_char_p),
        ("html", ctypes.c_char_p),
        ("text_path", ctypes.c_char_p),
        # A function that gives the text piece by piece: not used here.
        ("read", ctypes.c_void_p),
        ("read_context", ctypes.c_void_p),
        ("headers", ctypes.c_void_p),
        ("attachments", ctypes.c_void_p),
        ("message_id", ctypes.c_char_p),
        ("envelope_id", ctypes.c_char_p),
        ("done", ctypes.c_void_p),
        ("done_context", ctypes.c_void_p),
        ("date", ctypes.c_int64),
        ("attachment_count", ctypes.c_uint32),
        ("verb", ctypes.c_uint32),
        ("dsn", ctypes.c_uint32),
        ("priority", ctypes.c_uint32),
    ]


class _Attachment(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("length", ctypes.c_uint64),
        ("name", ctypes.c_char_p),
        ("content_type", ctypes.c_char_p),
        ("content_id", ctypes.c_char_p),
        ("data", ctypes.c_void_p),
        ("path", ctypes.c_char_p),
        ("read", ctypes.c_void_p),
        ("read_context", ctypes.c_void_p),
        ("reserved_pointer", ctypes.c_void_p),
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
        ("attempts", ctypes.c_uint32),
        ("advice", ctypes.c_uint32),
        ("tls_version", ctypes.c_uint32),
        ("message_id", ctypes.c_char * 320),
        ("server", ctypes.c_char * 64),
        ("recipient", ctypes.c_char * 256),
        ("text", ctypes.c_char * 256),
    ]


class _Recipient(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("code", ctypes.c_int32),
        ("outcome", ctypes.c_uint32),
        ("reply_code", ctypes.c_uint32),
        ("enhanced_class", ctypes.c_uint32),
        ("enhanced_subject", ctypes.c_uint32),
        ("enhanced_detail", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("address", ctypes.c_char * 256),
        ("text", ctypes.c_char * 128),
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
    "sds_smtp_features": (ctypes.c_uint32, []),
    "sds_smtp_code_name": (ctypes.c_char_p, [ctypes.c_int]),
    "sds_smtp_phase_name": (ctypes.c_char_p, [ctypes.c_uint32]),
    "sds_smtp_outcome_name": (ctypes.c_char_p, [ctypes.c_uint32]),
    "sds_smtp_use_event_loop": (ctypes.c_int, [ctypes.POINTER(ctypes.c_ssize_t)]),
    "sds_smtp_poll": (ctypes.c_uint32, [ctypes.c_uint32]),
    "sds_smtp_shutdown": (ctypes.c_int, [ctypes.c_uint32]),
    "sds_smtp_client_new": (ctypes.c_void_p, []),
    "sds_smtp_client_free": (None, [ctypes.c_void_p]),
    "sds_smtp_client_configure": (ctypes.c_int, [ctypes.c_void_p, ctypes.POINTER(_Config)]),
    "sds_smtp_client_configure_url": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p]),
    "sds_smtp_client_refusal": (ctypes.c_size_t, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]),
    "sds_smtp_client_dialogue": (ctypes.c_size_t, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]),
    "sds_smtp_client_progress": (
        ctypes.c_int,
        [ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint64), ctypes.POINTER(ctypes.c_uint64)],
    ),
    "sds_smtp_client_send": (ctypes.c_int, [ctypes.c_void_p, ctypes.POINTER(_Message)]),
    "sds_smtp_client_status": (ctypes.c_int, [ctypes.c_void_p]),
    "sds_smtp_client_result": (ctypes.c_int, [ctypes.c_void_p, ctypes.POINTER(_Result)]),
    "sds_smtp_client_wait": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_uint32]),
    "sds_smtp_client_cancel": (ctypes.c_int, [ctypes.c_void_p]),
    "sds_smtp_client_probe": (ctypes.c_int, [ctypes.c_void_p]),
    "sds_smtp_client_recipients": (
        ctypes.c_size_t,
        [ctypes.c_void_p, ctypes.POINTER(_Recipient), ctypes.c_size_t],
    ),
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


def features() -> Feature:
    """What this build of the library can do."""
    return Feature(_library().sds_smtp_features())


def code_name(code: int) -> str:
    """The library's name of a result code, as "TIMEOUT"; "UNKNOWN_CODE" for any other number."""
    text: bytes = _library().sds_smtp_code_name(code)
    return text.decode("ascii", "replace")


def phase_name(phase: int) -> str:
    """The library's name of a phase, as "RCPT"; "UNKNOWN_PHASE" for any other number."""
    text: bytes = _library().sds_smtp_phase_name(phase)
    return text.decode("ascii", "replace")


def outcome_name(outcome: int) -> str:
    """The library's name of an outcome, as "NOT_SENT"; "UNKNOWN_OUTCOME" for any other number."""
    text: bytes = _library().sds_smtp_outcome_name(outcome)
    return text.decode("ascii", "replace")


def use_event_loop() -> int:
    """From now on the library starts no thread, and `poll` does its work.

    Returns what to wait on: a descriptor that is readable, or on Windows the handle of an event that is set, when `poll` has
    something to do. It stays the same, and is not to be closed. Busy is raised where the library has started its thread. Call
    it before the first mail, and again in the child of a fork().
    """
    descriptor = ctypes.c_ssize_t(-1)
    _check(_library().sds_smtp_use_event_loop(ctypes.byref(descriptor)))
    return descriptor.value


def poll() -> Optional[float]:
    """Do the library's work without waiting, in a program that has called use_event_loop.

    Returns after how many seconds to call it again at the latest, besides whenever the descriptor is readable; None: only then.
    """
    left: int = _library().sds_smtp_poll(0)
    return None if left == _NO_LIMIT else left / 1000


def shutdown(timeout: Optional[float] = None) -> None:
    """Wait `timeout` seconds for all mails (None: without limit), cancel those that are left, and end the library's thread.

    The next mail starts it again. Busy is raised where a function of the program's, or a look-up of a name, does not end in
    time; and inside a function that the library has called.
    """
    _check(_library().sds_smtp_shutdown(_milliseconds(timeout)))


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


def _milliseconds(timeout: Optional[float]) -> int:
    """A time limit in seconds, as the library takes it."""
    if timeout is not None and math.isnan(timeout):
        raise BadArgument(Code.BAD_ARGUMENT, "timeout must be a number")
    if timeout is None or math.isinf(timeout) and timeout > 0:
        return _NO_LIMIT
    return int(min(max(math.ceil(timeout * 1000) if timeout > 0 else 0, 0), _LONGEST_WAIT_MS))


def _separates(mailbox: bytes) -> bool:
    """Whether the library would take this for more than one entry of a list: a separator outside quotation marks and comments."""
    depth, quoted, escaped, angle = 0, False, False, False
    for octet in mailbox:
        one = bytes([octet])
        if escaped:
            escaped = False
        elif one == b"\\" and (quoted or depth):
            escaped = True
        elif one == b'"' and not depth:
            quoted = not quoted
        elif quoted:
            pass
        elif one == b"(" and not angle:
            depth += 1
        elif one == b")" and depth:
            depth -= 1
        elif depth:
            pass
        elif one in b"<>":
            angle = one == b"<"
        elif one in b",;":
            return True
    return False


def _mailbox(name: str, item: Mailbox) -> bytes:
    """One mailbox as it stands in a list."""
    if isinstance(item, tuple):
        display, address = item
        if not display:
            return _mailbox(name, address)
        display = display.replace("\\", "\\\\").replace('"', '\\"')
        item = f'"{display}" <{address}>'
    if item is None:
        raise TypeError(f"{name} must hold str or bytes, not None")
    mailbox = _bytes(name, item) or b""
    # Each item is one mailbox: a comma in it would make two, and an empty one would vanish.
    if not mailbox.strip() or _separates(mailbox):
        raise MessageError(Code.RECIPIENT_REFUSED, f"each item of {name} must be one address, without a comma outside quotes")
    return mailbox


def _mailboxes(name: str, given: Optional[Mailboxes]) -> Optional[bytes]:
    if given is None or isinstance(given, (str, bytes, bytearray)):
        return _bytes(name, given)
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], str) and "@" not in str(given[0]):
        return _mailbox(name, (str(given[0]), given[1]))
    return b",".join([_mailbox(name, item) for item in given])


def _headers(given: Optional[Headers]) -> Optional["ctypes.Array[ctypes.c_char_p]"]:
    """The array that ends with NULL."""
    if not given:
        return None
    if isinstance(given, (str, bytes, bytearray)):
        raise TypeError("headers must be a mapping or a list")
    fields = []
    for item in given.items() if isinstance(given, Mapping) else given:
        field = f"{item[0]}: {item[1]}" if isinstance(item, tuple) else item
        fields.append(_bytes("headers", field))
    return (ctypes.c_char_p * (len(fields) + 1))(*fields, None)


def _date(given: Union[int, datetime.datetime]) -> int:
    if isinstance(given, datetime.datetime):
        return int(given.timestamp())
    if not isinstance(given, int):
        raise TypeError(f"date must be int or datetime, not {type(given).__name__}")
    if not -(2**63) <= given < 2**63:
        raise BadArgument(Code.BAD_ARGUMENT, "date must be before 2106")
    return given


Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]


@dataclass(frozen=True)
class Attachment:
    """An attachment, or with `content_id` an inline part of the HTML. Exactly one of `data`, `path` and `read` is given.

    data -- the bytes; path -- a file, read while the mail is sent; read -- a function that is asked for bytes: read(offset, most)
    returns at most so many from there on, b"" at the end, None if it has nothing now. It is called on a thread of the library;
    what it raises goes to sys.unraisablehook and ends the mail with code 40. length -- how many it gives, 0: not known.

    name -- the file's name (None: the last part of `path`, or none); content_type -- None: application/octet-stream.
    """

    data: Optional[bytes] = None
    path: Optional[Path] = None
    read: Optional[Callable[[int, int], Optional[bytes]]] = None
    length: int = 0
    name: Optional[Text] = None
    content_type: Optional[Text] = None
    content_id: Optional[Text] = None


@dataclass(frozen=True)
class Progress:
    """How far a mail is: bytes that have left, and bytes that there are (0: not known)."""

    sent: int
    all: int


def _attachments(attachments: Sequence[Attachment], reads: List[int], client: "Client") -> Tuple[Any, List[Any]]:
    """The C structures, and what has to live as long as they do. The numbers of read functions are added to `reads`."""
    kept: List[Any] = []
    array = (_Attachment * len(attachments))()
    for item, given in zip(array, attachments):
        item.struct_size = ctypes.sizeof(_Attachment)
        item.name = _bytes("name", given.name)
        item.content_type = _bytes("content_type", given.content_type)
        item.content_id = _bytes("content_id", given.content_id)
        item.length = given.length
        if given.data is not None:
            data = bytes(given.data)
            kept.append(data)
            # An empty one is not NULL.
            item.data = ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p)
            item.length = len(data)
        if given.path is not None:
            item.path = _bytes("path", os.fsencode(given.path))
        if given.read is not None:
            _calls.check("read", given.read)
            reads.append(_calls.add(client, given.read))
            item.read, item.read_context = _calls.read, reads[-1]
    return array, kept


def _addresses(header: Any) -> List[str]:
    """The addresses of a field of Python's email package: of its own form, not of a text in which decoded names may look like more.

    Of a field that is none the package knows the first addresses only: nobody is left out in silence.
    """
    if hasattr(header, "addresses"):
        if any(isinstance(defect, email.errors.InvalidHeaderDefect) for defect in header.defects):
            raise MessageError(Code.RECIPIENT_REFUSED, f"{header.name}: the email package cannot read all of its addresses")
        return [one.addr_spec for one in header.addresses]
    text = header.encode() if isinstance(header, email.header.Header) else str(header)
    return [address for _, address in email.utils.getaddresses([text]) if address]


def _in_ascii(header: Any) -> Any:
    """A field of addresses, its domains as A-labels: where no local part needs SMTPUTF8, no domain does."""
    if not hasattr(header, "groups") or all(one.domain.isascii() for one in header.addresses):
        return header
    groups = []
    for group in header.groups:
        members = []
        for one in group.addresses:
            # A domain that the codec does not know is the library's to refuse.
            with contextlib.suppress(UnicodeError):
                one = email.headerregistry.Address(one.display_name, one.username, one.domain.encode("idna").decode())
            members.append(one)
        groups.append(email.headerregistry.Group(group.display_name, members))
    return groups


def _encoded(part: email.message.Message) -> email.message.Message:
    """A part without parts, encoded where there are octets above 127 in it."""
    # get_payload() would decode it.
    raw: Any = getattr(part, "_payload", None)
    if not isinstance(raw, str) or raw.isascii():
        return part
    encoding = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
    if encoding not in ("", "7bit", "8bit", "binary"):
        return part
    try:
        octets = raw.encode("ascii", "surrogateescape")
    except UnicodeEncodeError:
        fault = f"a {part.get_content_type()} of the message has letters in it, and no charset says which octets they are"
        raise MessageError(Code.BAD_ARGUMENT, fault) from None
    if encoding != "binary":
        octets = re.sub(rb"\r\n|\r|\n", b"\r\n", octets)
    ways = [(base64.encodebytes(octets), "base64")]
    if encoding != "binary":
        ways.append((binascii.b2a_qp(octets, istext=True), "quoted-printable"))
    encoded, encoding = min(ways, key=lambda way: len(way[0]))
    # The headers of a copy are the original's until the first one is deleted.
    changed = copy.copy(part)
    del changed["Content-Transfer-Encoding"]
    changed["Content-Transfer-Encoding"] = encoding
    changed.set_payload(encoded.decode("ascii"))
    return changed


def _in_7_bit(part: email.message.Message) -> email.message.Message:
    """The part as servers without 8BITMIME take it, too. What is signed stays as it is; so does what is in ASCII already."""
    if part.get_content_type() == "multipart/signed":
        return part
    members: Any = part.get_payload() if part.is_multipart() else None
    if members is None:
        return _encoded(part)
    encoded = [_in_7_bit(one) for one in members]
    if all(one is before for one, before in zip(encoded, members)):
        return part
    changed = copy.copy(part)
    changed.set_payload(encoded)
    if "Content-Transfer-Encoding" in changed and not _signed(part):
        del changed["Content-Transfer-Encoding"]
        changed["Content-Transfer-Encoding"] = "7bit"
    return changed


def _signed(message: email.message.Message) -> bool:
    """Whether another encoding would make a signature wrong, somewhere in it."""
    return any(part.get_content_type() == "multipart/signed" for part in message.walk())


def _whole(message: email.message.Message) -> Tuple[bytes, bytes]:
    """Who gets a message of Python's email package, and the message as it is sent: without Bcc, with Date and Message-ID."""
    named = [header for name in ("To", "Cc", "Bcc") for header in message.get_all(name, [])]
    addresses = [address for header in named for address in _addresses(header)]
    # This signature is of the whole body.
    untouched = "DKIM-Signature" in message
    # Parts that stay are the message's own: they are not changed.
    sent = copy.copy(message if untouched else _in_7_bit(message))
    for name in ("Bcc", "Resent-Bcc"):
        del sent[name]
    international = any(not address.rpartition("@")[0].isascii() for address in addresses)
    for name in () if international else ("From", "Sender", "Reply-To", "To", "Cc"):
        if sent[name] is not None and not str(sent[name]).isascii():
            sent.replace_header(name, _in_ascii(sent[name]))
    if "Date" not in sent:
        sent["Date"] = email.utils.formatdate(localtime=True)
    if "Message-ID" not in sent:
        sent["Message-ID"] = email.utils.make_msgid()
    policy = (email.policy.SMTPUTF8 if international else email.policy.SMTP) if isinstance(
        message, email.message.EmailMessage
    ) else message.policy.clone(linesep="\r\n")
    # Else the package would encode what is signed.
    policy = policy.clone(cte_type="8bit" if untouched or _signed(message) else "7bit")
    out = io.BytesIO()
    email.generator.BytesGenerator(out, policy=policy).flatten(sent)
    return ", ".join(addresses).encode("utf-8"), out.getvalue()


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
    attempts: int = 0
    """How often it was attempted; 0 where it did not start."""
    advice: Advice = Advice.NONE
    """What helps; check raises the exception of it."""
    tls_version: int = 0
    """0x0304: TLS 1.3; 0x0303: TLS 1.2; 0: without TLS."""
    server: str = ""
    """The server that the last attempt tried, as "192.0.2.25:25"; a name without an address as "mail.example.org:25"."""
    recipient: str = ""
    """The recipient that was refused, where that decided."""

    def check(self) -> None:
        """Raise the SmtpError of its advice unless the code is OK."""
        if self.code != Code.OK:
            reply = f" [{self.reply_code} {self.text}]" if self.reply_code else f" [{self.text}]" if self.text else ""
            other = PartlySent if self.code == Code.PARTLY_SENT else SmtpError
            raise _BY_ADVICE.get(self.advice, other)(self.code, strerror(self.code) + reply, self)


def _result(out: _Result) -> Result:
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
        attempts=out.attempts,
        advice=Advice(out.advice),
        tls_version=out.tls_version,
        server=_text(out.server),
        recipient=_text(out.recipient),
    )


@dataclass(frozen=True)
class Recipient:
    """What became of a recipient. Where a mail without PARTIAL was refused for another one, `text` says so."""

    address: str
    code: Code
    """OK if the mail was sent to it; in a dry run, if it was accepted."""
    outcome: Outcome
    reply_code: int
    """The server's reply code that decided; 0 where there was none."""
    enhanced_status: Optional[Tuple[int, int, int]]
    text: str


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


# --- functions that the library calls ------------------------------------------


_READ_LATER = -2


def _tell_unraisable(failure: BaseException) -> None:
    """Hands over to sys.unraisablehook what one of the program's functions has raised, as ctypes does."""

    def again() -> None:
        raise failure

    ctypes.CFUNCTYPE(None)(again)()


class _Calls:
    """The functions of Python that the library may call: by numbers, which it is given as context.

    What C holds is two functions of this module, which live as long as the process, and a number: there is nothing that could be
    gone when it calls. An exception in a function of the program's goes to sys.unraisablehook, as ctypes does it; none gets
    into C.
    """

    def __init__(self) -> None:
        # Changed by single operations on dicts, and counted without a lock: see Client.
        self._numbers = itertools.count(1)
        self._functions: Dict[int, Callable[..., object]] = {}
        self._inside: Dict[int, int] = {}
        self._clients: Dict[int, "weakref.ref[Client]"] = {}
        self._registered = False
        self._ending = False
        self._trace = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)(self._tell_line)
        self._done = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(_Result))(self._tell_end)
        self._read = ctypes.CFUNCTYPE(
            ctypes.c_int32, ctypes.c_void_p, ctypes.c_uint64, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t
        )(self._give)
        self.read = ctypes.cast(self._read, ctypes.c_void_p).value
        self.trace = ctypes.cast(self._trace, ctypes.c_void_p).value
        self.done = ctypes.cast(self._done, ctypes.c_void_p).value

    def check(self, what: str, function: Callable[..., object]) -> None:
        if not callable(function):
            raise TypeError(f"{what} must be callable, not {type(function).__name__}")
        if self._ending:
            raise BadArgument(Code.BAD_ARGUMENT, f"{what} cannot be called any more: the interpreter is ending")

    def add(self, client: "Client", function: Callable[..., object]) -> int:
        """The number for a function of this client's."""
        if not self._registered:
            self._registered = True
            atexit.register(self.end)
        # There is one built-in client, whatever object stands for it, and it is never freed.
        self._clients[0 if client._builtin else id(client)] = weakref.ref(client)
        number = next(self._numbers)
        self._functions[number] = function
        return number

    def drop(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            self._functions.pop(number, None)

    def forget(self, client: "Client") -> None:
        if not client._builtin:
            self._clients.pop(id(client), None)

    def here(self) -> bool:
        """Whether this thread is inside a function that the library has called."""
        return threading.get_ident() in self._inside

    def end(self) -> None:
        """Before the interpreter ends: from now on the library calls nothing of Python's. A thread that does so afterwards is
        ended by the interpreter in the middle of the library, and that ends the process."""
        self._ending = True
        for key, reference in list(self._clients.items()):
            client = reference() if key else Client.builtin()
            if client is not None:
                client._end_calls()

    @contextlib.contextmanager
    def _noted(self) -> Iterator[None]:
        thread = threading.get_ident()
        self._inside[thread] = self._inside.get(thread, 0) + 1
        try:
            yield
        finally:
            self._inside[thread] -= 1
            if not self._inside[thread]:
                del self._inside[thread]

    def _give(self, number: int, offset: int, out: Any, most: int) -> int:
        """Hands over what a read function of the program's gives."""
        function = self._functions.get(number)
        if function is None or self._ending:
            return -1
        try:
            with self._noted():
                given = function(offset, most)
                if given is None:
                    return _READ_LATER
                if len(given) > most:  # type: ignore[arg-type]
                    raise ValueError(f"read gave {len(given)} bytes where {most} were asked for")  # type: ignore[arg-type]
                ctypes.memmove(out, bytes(given), len(given))  # type: ignore[call-overload, arg-type]
                return len(given)  # type: ignore[arg-type]
        except BaseException as failure:
            # ctypes would return something else instead, perhaps 0, which is the end of the text.
            _tell_unraisable(failure)
            return -1

    def _tell_line(self, number: int, line: bytes) -> None:
        function = self._functions.get(number)
        if function is not None:
            with self._noted():
                function(_text(line))

    def _tell_end(self, number: int, _: Optional[int], result: Any) -> None:
        function = self._functions.pop(number, None)
        if function is not None:
            with self._noted():
                function(_result(result.contents))


_calls = _Calls()

_Self = TypeVar("_Self", bound="Client")


class Client:
    """One device: its own configuration, one mail in flight at a time, its own log. Safe to use from several threads.

    The end of a `with` block waits for its mail, and raises how it failed where nobody has asked.
    """

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
        # A mail was started, and nobody has asked how it went.
        self._unseen = False
        # Functions that a configuration is traced with, by number: the newest one, and those that a mail may still have.
        self._traces: Dict[int, Callable[[str], object]] = {}
        # The numbers of `done` functions that are still to be called.
        self._to_be_done: Dict[int, None] = {}
        self._calls = _calls
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
        retry_max: int = 0,
        retry_delay_ms: int = 0,
        keep_alive_ms: int = 0,
        source: Optional[Text] = None,
        tls: int = Tls.NONE,
        tls_ca: Optional[Text] = None,
        tls_certificate: Optional[Text] = None,
        tls_key: Optional[Text] = None,
        tls_pin: Optional[Text] = None,
        tls_name: Optional[Text] = None,
        trace: Optional[Callable[[str], object]] = None,
        flags: int = 0,
    ) -> None:
        """Set the whole configuration anew; on an error (ConfigurationError) the old one stays. None and 0 mean the default.

        server -- addresses and names, with ports or without, separated by commas: they are tried in this order;
        port -- of those without one, by default 25, with STARTTLS 587, with IMPLICIT 465; auth -- see Auth;
        sender -- the sender's address; sender_name -- shown beside it; ehlo_name -- instead of the
        socket's own address; source -- our own address to connect from; charset -- names the charset of subjects and texts that
        are given as bytes and are not UTF-8; retry_max -- further attempts of a mail that was not sent, where they may help;
        retry_delay_ms -- before the first of them, 60000 by default, and doubled each time; flags -- a sum of NO_PIPELINING,
        CHUNKING and KEEP_DIALOGUE. The limits are in milliseconds. A mail in flight keeps the configuration that it started with.

        trace -- is called with every line of the conversation, as "S: 220 mail.example.com", on the library's thread; user name
        and password are masked, the mail's text is left out. It may call everything; wait() and shutdown() raise Busy there, or
        return it. What it raises goes to sys.unraisablehook.

        tls -- see Tls; tls_ca -- whom to trust for the server's certificate, a path or the PEM itself, by default the system's
        trust store; tls_pin -- the server's own key, "sha256//BASE64", or several with ";": it replaces the certificate's issuer,
        dates and name, and with tls_ca both must hold; tls_name -- the name in the certificate, where it is not that in `server`;
        tls_certificate, tls_key -- our own certificate with its chain, and its key, each a path or the PEM itself. Files are read
        here and not later. A mail whose handshake fails has code 36, 37 or 38, and Result.text says why.

        keep_alive_ms -- how long the connection stays after a mail for this client's next one, by default 0: not at all. That one
        needs no connection, TLS and login then; where the server has closed it meanwhile, another one is made, which is no further
        attempt. Another configure(), close(), the end of a `with` block, and shutdown() end it. A fork's child makes its own.

        What the library lacks is refused with code 39: fields of TLS where `features` has no TLS.
        """
        config = _Config(
            struct_size=ctypes.sizeof(_Config),
            flags=_uint32("flags", flags),
            auth=_uint32("auth", auth),
            port=_uint32("port", port),
            tls=_uint32("tls", tls),
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
            retry_max=_uint32("retry_max", retry_max),
            retry_delay_ms=_uint32("retry_delay_ms", retry_delay_ms),
            keep_alive_ms=_uint32("keep_alive_ms", keep_alive_ms),
        )
        strings: Dict[str, Optional[Text]] = {
            "server": server,
            "username": username,
            "password": password,
            "sender": sender,
            "sender_name": sender_name,
            "ehlo_name": ehlo_name,
            "charset": charset,
            "source": source,
            "tls_ca": tls_ca,
            "tls_certificate": tls_certificate,
            "tls_key": tls_key,
            "tls_pin": tls_pin,
            "tls_name": tls_name,
        }
        # An exception's traceback keeps the locals alive and some tools print them: the password stays in none.
        del password, tls_key
        buffers = []
        number, code = 0, None
        refusal = ""
        try:
            if trace is not None:
                number = self._add_trace(trace)
                config.trace, config.trace_context = _calls.trace, number
            while strings:
                name, value = strings.popitem()
                data = _bytes(name, value)
                if data is not None:
                    buffer = ctypes.create_string_buffer(data)
                    buffers.append(buffer)
                    setattr(config, name, ctypes.addressof(buffer))
                del value, data
            with self._use() as (library, handle):
                code = library.sds_smtp_client_configure(handle, ctypes.byref(config))
                refusal = self._copy(library.sds_smtp_client_refusal, handle) if code else ""
        finally:
            strings.clear()
            value = data = None
            for buffer in buffers:
                ctypes.memset(buffer, 0, len(buffer))
            self._keep_trace(number, code == Code.OK)
        _check(code, ConfigurationError, refusal)

    def configure_url(self, url: Text, sender: Text) -> None:
        """Set the configuration from a URL: smtp://, smtp+starttls:// or smtps://, with user, password and port.

        "smtp://unit7:pass%20word@mail.example.com:2525". User and password are percent-encoded; a user in it means Auth.ANY. All
        else has its default. On an error (ConfigurationError) the old configuration stays.
        """
        # It may hold the password: see configure.
        strings = [url]
        del url
        data = _bytes("url", strings.pop())
        buffer = ctypes.create_string_buffer(data or b"")
        del data
        code, refusal = None, ""
        try:
            address = _bytes("sender", sender)
            with self._use() as (library, handle):
                code = library.sds_smtp_client_configure_url(handle, ctypes.addressof(buffer), address)
                refusal = self._copy(library.sds_smtp_client_refusal, handle) if code else ""
        finally:
            ctypes.memset(buffer, 0, len(buffer))
            self._keep_trace(0, code == Code.OK)
        _check(code, ConfigurationError, refusal)

    def refusal(self) -> str:
        """Why the last configure, configure_url or send was refused: the field, and what is wrong. "" where it was not."""
        with self._use() as (library, handle):
            return self._copy(library.sds_smtp_client_refusal, handle)

    def dialogue(self) -> str:
        """With KEEP_DIALOGUE: the newest lines of the last conversation, as `trace` has them, each with a line feed."""
        with self._use() as (library, handle):
            return self._copy(library.sds_smtp_client_dialogue, handle)

    @staticmethod
    def _copy(function: Any, handle: Optional[int]) -> str:
        """A text that the library copies out; it may have grown since its length was asked for."""
        room = 0
        while True:
            out = ctypes.create_string_buffer(room + 1)
            length: int = function(handle, out, room + 1)
            if length <= room:
                return _text(out.value)
            room = length

    def _add_trace(self, trace: Callable[[str], object]) -> int:
        _calls.check("trace", trace)
        itself, numbers = weakref.ref(self), []

        def tell(line: str) -> None:
            # The client holds its functions, and nobody else does: what refers to a client in a circle can be forgotten.
            client = itself()
            function = client and client._traces.get(numbers[0])
            if function:
                function(line)

        numbers.append(_calls.add(self, tell))
        self._traces[numbers[0]] = trace
        return numbers[0]

    def _keep_trace(self, number: int, taken: bool) -> None:
        """Forgets the functions that nothing calls any more, after a configuration has come or has been refused."""
        if not taken:
            gone = [number]
        elif self._open and self._library.sds_smtp_client_status(self._open[0]) != Code.BUSY:
            gone = [one for one in list(self._traces) if one != number]
        else:
            gone = []
        for one in gone:
            self._traces.pop(one, None)
        _calls.drop(gone)

    def send(
        self,
        to: Union[Mailboxes, email.message.Message] = "",
        subject: Text = "",
        text: Optional[Text] = "",
        *,
        html: Optional[Text] = None,
        attachments: Sequence[Attachment] = (),
        text_path: Optional[Path] = None,
        cc: Optional[Mailboxes] = None,
        bcc: Optional[Mailboxes] = None,
        reply_to: Optional[Mailboxes] = None,
        from_: Optional[Mailbox] = None,
        reverse_path: Optional[Text] = None,
        headers: Optional[Headers] = None,
        message_id: Optional[Text] = None,
        envelope_id: Optional[Text] = None,
        date: Union[int, datetime.datetime] = 0,
        verb: int = Verb.MAIL,
        dsn: int = 0,
        priority: int = Priority.NORMAL,
        flags: int = 0,
        done: Optional[Callable[["Client", Result], object]] = None,
        wait: bool = False,
    ) -> Optional[Result]:
        """Start a mail and return at once. Busy is raised while the previous one is in flight.

        to, cc, bcc -- addresses in one text, or a list of them, with names or without; bcc is not named in the mail

        to -- or a message of Python's email package, and nothing else: it goes as it is to those in its To, Cc and Bcc, without the
        Bcc field; a Date and a Message-ID are added where it has none. Parts with octets above 127 are encoded, so that any
        server takes them; but for what is signed, which a server without 8BITMIME does not get (code 39).

        html -- the same as `text`, as HTML; attachments -- a list of Attachment; text_path -- a file instead of `text`, which is read
        while the mail is sent.

        from_ -- the author, instead of the configuration's sender; reverse_path -- the sender of the envelope, where it is
        another, "<>" for none; reply_to -- where answers go to

        headers -- further header fields; message_id -- with its angle brackets; date -- a datetime, or seconds since 1970;
        priority -- a Priority

        verb -- a Verb; dsn -- a sum of Dsn; envelope_id -- what the notices that dsn asks for name the mail by

        flags -- a sum of RAW, PARTIAL, DRY_RUN, TEXT_IN_CHARSET and AUTO_SUBMITTED

        done -- is called once when the mail has ended, with this client and the Result, on the library's thread (with
        use_event_loop in poll, or in a wait). It may call everything, and send the next mail; what it raises goes to
        sys.unraisablehook. Not after close(), and not in the child of a fork().

        wait -- True: wait for the end of this mail and return its Result; raise the SmtpError that its advice asks for (see
        Result.check) unless its code is OK.
        """
        if wait and _calls.here():
            raise BadArgument(Code.BAD_ARGUMENT, "nothing can wait inside a function that the library has called")
        if done is not None:
            _calls.check("done", done)
        if isinstance(to, email.message.Message):
            if subject or text or html or attachments or text_path:
                raise BadArgument(Code.BAD_ARGUMENT, "a message of the email package has all that a mail has")
            to, text = _whole(to)
            flags |= RAW
        message = _Message(
            struct_size=ctypes.sizeof(_Message),
            flags=_uint32("flags", flags),
            to=_mailboxes("to", to),
            cc=_mailboxes("cc", cc),
            bcc=_mailboxes("bcc", bcc),
            reply_to=_mailboxes("reply_to", reply_to),
            reverse_path=_bytes("reverse_path", reverse_path),
            subject=_bytes("subject", subject),
            text=_bytes("text", text) if text_path is None or text else None,
            html=_bytes("html", html),
            text_path=None if text_path is None else _bytes("text_path", os.fsencode(text_path)),
            message_id=_bytes("message_id", message_id),
            envelope_id=_bytes("envelope_id", envelope_id),
            date=_date(date),
            verb=_uint32("verb", verb),
            dsn=_uint32("dsn", dsn),
            priority=_uint32("priority", priority),
        )
        if from_ is not None:
            setattr(message, "from", _mailbox("from", from_))
        fields = _headers(headers)
        if fields is not None:
            message.headers = ctypes.cast(fields, ctypes.c_void_p)
        ended: List[Result] = []
        number = 0
        reads: List[int] = []
        if attachments:
            array, _kept = _attachments(attachments, reads, self)
            message.attachments, message.attachment_count = ctypes.addressof(array), len(array)
        if done is not None or wait or reads:
            number = self._add_done(done, ended, reads)
            message.done, message.done_context = _calls.done, number
        code, refusal, refused = None, "", SmtpError
        try:
            with self._use() as (library, handle):
                before, self._unseen = self._unseen, done is None
                code = library.sds_smtp_client_send(handle, ctypes.byref(message))
                if code:
                    self._unseen = before
                    refusal = self._copy(library.sds_smtp_client_refusal, handle) if code != Code.BUSY else ""
                    out = _Result(struct_size=ctypes.sizeof(_Result))
                    library.sds_smtp_client_result(handle, ctypes.byref(out))
                    refused = _BY_ADVICE.get(out.advice, SmtpError) if out.code == code else SmtpError
        finally:
            if code != Code.OK:
                self._to_be_done.pop(number, None)
                _calls.drop([number, *reads])
        _check(code, refused, refusal)
        return self._wait_for(ended) if wait else None

    def _add_done(
        self, done: Optional[Callable[["Client", Result], object]], ended: List[Result], reads: Sequence[int] = ()
    ) -> int:
        numbers: List[int] = []

        def tell(result: Result) -> None:
            # Holds the client until then: the mail of a client that its program has forgotten ends, and is told.
            self._to_be_done.pop(numbers[0], None)
            _calls.drop(reads)
            try:
                if done is not None:
                    self._unseen = False
                    done(self, result)
            finally:
                # Last: who waits for it goes on then.
                ended.append(result)

        numbers.append(_calls.add(self, tell))
        self._to_be_done[numbers[0]] = None
        return numbers[0]

    def _wait_for(self, ended: List[Result]) -> Result:
        """Waits for the mail whose end goes into this list. What result() has could be another thread's mail."""
        while not ended:
            self.wait()
            if not ended:
                # It has ended, and is told in a moment; in an event loop it may be this thread that has to.
                with self._use() as (library, _):
                    library.sds_smtp_poll(0)
                time.sleep(0.001)
        ended[0].check()
        return ended[0]

    def progress(self) -> Progress:
        """How far the mail in flight is; without one, the last mail."""
        sent, whole = ctypes.c_uint64(), ctypes.c_uint64()
        with self._use() as (library, handle):
            _check(library.sds_smtp_client_progress(handle, ctypes.byref(sent), ctypes.byref(whole)))
        return Progress(sent.value, whole.value)

    def probe(self) -> None:
        """Start a dry run: connect, greet, log in, quit. Like a mail, but nothing is sent."""
        with self._use() as (library, handle):
            before, self._unseen = self._unseen, True
            code: int = library.sds_smtp_client_probe(handle)
            if code:
                self._unseen = before
        _check(code)

    def status(self) -> Code:
        """BUSY while a mail is in flight, else the code of the last one, OK before the first."""
        with self._use() as (library, handle):
            return self._seen(Code(library.sds_smtp_client_status(handle)))

    def _seen(self, status: Code) -> Code:
        """The program knows now how its mail went."""
        if status != Code.BUSY:
            self._unseen = False
        return status

    def wait(self, timeout: Optional[float] = None) -> Code:
        """Wait until no mail is in flight, at most `timeout` seconds (None: without limit); return the status then.

        Inside a function that the library has called it does not wait: it returns BUSY while a mail is in flight.
        """
        limit = _milliseconds(timeout)
        if threading.current_thread() is threading.main_thread() and not _calls.here():
            return self._wait_in_steps(timeout)
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
            return self._seen(Code(status))
        if self._ended is None:
            raise _closed()
        return self._ended

    def result(self) -> Result:
        """How the last finished mail or probe went; all zero before the first."""
        out = _Result(struct_size=ctypes.sizeof(_Result))
        with self._use() as (library, handle):
            _check(library.sds_smtp_client_result(handle, ctypes.byref(out)))
        self._unseen = False
        return _result(out)

    def recipients(self) -> List[Recipient]:
        """What became of each recipient of the last mail that has ended: to, cc and bcc, in this order.

        Empty before the first mail, after a probe, and where the last mail did not start. It may be asked in `done`, and while the
        next mail is in flight.
        """
        with self._use() as (library, handle):
            count: int = library.sds_smtp_client_recipients(handle, None, 0)
            # Another mail, with more of them, may end meanwhile.
            while True:
                if count == 0:
                    return []
                all_of_them = (_Recipient * count)()
                all_of_them[0].struct_size = ctypes.sizeof(_Recipient)
                told: int = library.sds_smtp_client_recipients(handle, all_of_them, count)
                more: int = library.sds_smtp_client_recipients(handle, None, 0)
                if more <= count:
                    break
                count = more
        return [
            Recipient(
                code=Code(one.code),
                outcome=Outcome(one.outcome),
                reply_code=one.reply_code,
                enhanced_status=(
                    (one.enhanced_class, one.enhanced_subject, one.enhanced_detail) if one.enhanced_class else None
                ),
                address=_text(one.address),
                text=_text(one.text),
            )
            for one in all_of_them[:told]
        ]

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
            self._unseen = False
            _check(library.sds_smtp_client_cancel(handle))

    def close(self) -> None:
        """Cancel what is in flight and free the client. A second time does nothing; other calls then raise code 34.

        A wait() that this ends returns how the mail ended. A `done` that is still to be called is not called any more; one that
        runs, and a `trace`, has ended when this returns, unless it is inside of it that close() is called. May be called from any
        thread, from a Python signal handler, in the child of a fork() and while the interpreter ends: it waits for nobody who
        cannot come back, and for nobody long, but for the functions of the program's that run.
        """
        try:
            handle = self._open.pop()
        except IndexError:
            return
        if self._builtin:
            return
        # Threads do not come back when the interpreter ends, nor do those of the process that this one was forked from.
        if not sys.is_finalizing() and self._callers() and not _calls.here():
            self._library.sds_smtp_client_cancel(handle)
            status: int = self._library.sds_smtp_client_wait(handle, int(_PATIENCE * 1000))
            if status != Code.BUSY:
                self._ended = Code(status)
            end = time.monotonic() + _PATIENCE
            # This thread's own call is one that a signal handler has interrupted: it comes back after the handler.
            while self._callers() - {threading.get_ident()} and time.monotonic() < end:
                time.sleep(0.001)
        self._free(handle)

    def _free(self, handle: Optional[int]) -> None:
        self._library.sds_smtp_client_free(handle)
        self._calls.drop(list(self._traces) + list(self._to_be_done))
        self._traces.clear()
        self._to_be_done.clear()
        self._calls.forget(self)

    def _end_calls(self) -> None:
        """Before the interpreter ends: see _Calls.end."""
        if not self._builtin:
            self.close()
            return
        self._library.sds_smtp_client_cancel(None)
        self._library.sds_smtp_shutdown(0)

    def _callers(self) -> Set[int]:
        """The threads of this process that are inside the library."""
        process = os.getpid()
        return {thread for owner, thread in list(self._inside.values()) if owner == process}

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(self, failure: Optional[Type[BaseException]], *_: object) -> None:
        """Wait for the mail in flight, and close. Where nobody has asked how the last mail went, and it failed, raise that.

        Where the block has raised an exception nothing is waited for: the mail is cancelled, as close() does it.
        """
        try:
            if failure is None and self._open:
                unseen = self._unseen
                if self.wait() == Code.BUSY:
                    raise Busy(Code.BUSY, "nothing can wait inside a function that the library has called: the mail is cancelled")
                if unseen:
                    self.result().check()
        finally:
            self.close()

    def __del__(self) -> None:
        # Nobody is inside, since a call holds its client; and nothing of this module may be left where the interpreter ends.
        if getattr(self, "_open", None) and not self._builtin:
            self._free(self._open.pop())

    def __repr__(self) -> str:
        handles = self._open[:]
        kind = "built-in" if self._builtin else hex(handles[0] or 0) if handles else "closed"
        return f"<sds_smtp.Client {kind}>"


def _closed() -> SmtpError:
    return SmtpError(Code.BAD_HANDLE, "this Client is closed")


def main(arguments: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(description="Send one mail through sds-smtp and say how it went.")
    parser.add_argument("server", metavar="SERVER", help="address or name, with a port or several with commas, too")
    parser.add_argument("port", metavar="PORT", type=int)
    parser.add_argument("sender", metavar="FROM")
    parser.add_argument("to", metavar="TO", help="addresses, separated by commas")
    parser.add_argument("subject", metavar="SUBJECT", nargs="?", default="Zkouška / test of sds-smtp")
    parser.epilog = "Logs in, in the clear, when SDS_SMTP_PASSWORD is set, as SDS_SMTP_USERNAME or else as FROM."
    options = parser.parse_args(arguments)
    login = "SDS_SMTP_PASSWORD" in os.environ
    try:
        with Client() as client:
            client.configure(
                server=options.server,
                port=options.port,
                sender=options.sender,
                auth=Auth.PLAIN | Auth.LOGIN if login else Auth.NONE,
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
