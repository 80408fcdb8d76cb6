"""Call outside systems over HTTP, send mail, show the time, and find connector folders.

The HTTP session connects only to a checked address, follows no redirect and repeats no call.
"""

import os
import re
import smtplib
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid, parsedate_to_datetime
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Protocol, Required, TypedDict, Unpack

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError

from connectors.transport.strict_json import Blocked, Destination, fault_point, resolve_url

ANSWER_CAP = 5 * 1024 * 1024

KEY_REFUSED = frozenset({401, 403})

TOO_MANY = 429

LONGEST_PAUSE = 366 * 86_400.0  # seconds; no other side can ask for more than can be reckoned with

_PIECE = 65_536

NOT_NOW = frozenset({408, 425, TOO_MANY})

_SECRET_HEADERS = frozenset(
    {"authorization", "cookie", "set-cookie", "x-api-key", "api-key", "x-shopify-access-token"}
)

Cause = Literal["name", "refused", "tls", "timeout", "blocked", "cut"]
"""Why there was no answer: the name is not known, the port is closed, the certificate is not
trusted, nobody answered in time, the address is not called, or the connection broke.
"""


@dataclass(slots=True)
class _Call:
    """The state of the current call; `wire` is set once the connection is open."""

    to: Destination
    pushing: bool
    wire: socket.socket | None = field(default=None)

    @property
    def connected(self) -> bool:
        return self.wire is not None


_CALL: ContextVar[_Call] = ContextVar("call")

OK = 200

MAIL_TLS_MODES: Final = ("starttls", "tls", "none")

MAIL_TIMEOUT: Final = 10.0

_GO_ON: Final = 354

_TAKEN: Final = 250

_REFUSED_FOR_GOOD: Final = range(500, 600)

_LETTERS: Final = "the address has letters that mail cannot carry"

_LONGEST_LINE: Final = 998  # RFC 5322; longer ones are cut or refused on the way

_DOT: Final = re.compile(rb"(?m)^\.")

FOLDERS_VARIABLE = "CLEARPOST_CONNECTORS"
"""Folders with a colon between them; each holds `sources`, `targets` and `simulators`."""

MOVABLE = frozenset({"demo", "test"})


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """A complete answer, and when it was there. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpFailure:
    """No complete answer. `not_sent` is certain: no byte left; `blocked` too, and trying again
    is useless.
    """

    kind: Literal["not_sent", "no_answer", "blocked"]
    words: str
    seconds: float
    status: int | None = None
    cause: Cause = "cut"


class RequestOptions(TypedDict, total=False):
    """Keyword arguments of `Http.request`, for sessions that pass them on."""

    headers: Required[Mapping[str, str]]
    body: bytes | None
    push: bool


class Clock(Protocol):
    """A source of time. It is passed in, so that no code reads the machine's clock directly."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never jump, for deadlines and durations."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Http:
    """A session for calls to outside systems.

    Every call has its own connection, so that a failure shows how far the call came.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        connect_seconds: float = 5.0,
        read_seconds: float = 30.0,
    ) -> None:
        self._clock = clock or MachineClock()
        self._timeouts = (connect_seconds, read_seconds)
        self._total_seconds = connect_seconds + 2 * read_seconds

    def now(self) -> datetime:
        """Return the present moment, for answers that name a time."""
        return self._clock.now()

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        push: bool = False,
    ) -> HttpAnswer | HttpFailure:
        """Make one call. `push` marks a call with an effect, at which planned faults may happen."""
        started = self._clock.monotonic()
        destination = resolve_url(url)
        if isinstance(destination, Blocked):
            kind: Literal["not_sent", "blocked"] = (
                "not_sent" if destination.temporary else "blocked"
            )
            return HttpFailure(
                kind=kind,
                words=destination.words,
                seconds=self._clock.monotonic() - started,
                cause="name" if destination.temporary else "blocked",
            )
        with _calling(_Call(destination, pushing=push)) as call:
            answer = self._call(call, method, url, headers, body, started)
            if push and isinstance(answer, HttpAnswer):
                fault_point("push.after_answer")
        return answer

    def _call(
        self,
        call: _Call,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        started: float,
    ) -> HttpAnswer | HttpFailure:
        status = None
        plain = {"Accept-Encoding": "identity", "Connection": "close", "User-Agent": "clearpost"}
        try:
            with (
                _session() as session,
                session.request(
                    method,
                    url,
                    headers={**plain, **headers},
                    data=body,
                    timeout=self._timeouts,
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                status = response.status_code
                content = self._read(call, response, started)
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            seconds = self._clock.monotonic() - started
            kind: Literal["not_sent", "no_answer"] = "no_answer" if call.connected else "not_sent"
            words = _failure_text(error, call)
            return HttpFailure(
                kind=kind, words=words, seconds=seconds, status=status, cause=_cause(error)
            )
        return HttpAnswer(
            status=status,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=content,
            seconds=self._clock.monotonic() - started,
            at=self._clock.now(),
        )

    def _read(self, call: _Call, response: requests.Response, started: float) -> bytes:
        """Read the body in the pieces that arrive: a full piece could take too long on a slow
        connection.
        """
        content = bytearray()
        while True:
            remaining = self._total_seconds - (self._clock.monotonic() - started)
            if remaining <= 0:
                raise ValueError("it did not end in time")
            if call.wire is not None and not response.raw.closed:
                call.wire.settimeout(min(self._timeouts[1], remaining))
            piece = response.raw.read1(_PIECE, decode_content=True)
            if not piece:
                return bytes(content)
            content += piece
            if len(content) > ANSWER_CAP:
                raise ValueError("it is longer than 5 MB")


@contextmanager
def _calling(call: _Call) -> Iterator[_Call]:
    token = _CALL.set(call)
    try:
        yield call
    finally:
        _CALL.reset(token)


def _session() -> requests.Session:
    """Create a session for one call.

    A reused connection could break after the bytes left and look as if nothing was sent.
    """
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", _Adapter())
    session.mount("http://", _Adapter())
    return session


class _Adapter(HTTPAdapter):
    def __init__(self) -> None:
        super().__init__(max_retries=0)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}


class _PinnedConnection:
    """Connects to the checked address, even if the name resolves differently by now.

    It also holds the fault points of a push.
    """

    def _new_conn(self: Any) -> socket.socket:
        call = _CALL.get()
        try:
            return socket.create_connection((call.to.address, call.to.port), self.timeout)
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"no connection to {call.to.host} in time") from error
        except OSError as error:
            raise NewConnectionError(self, f"no connection to {call.to.host}: {error}") from error

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        call = _CALL.get()
        call.wire = self.sock  # type: ignore[attr-defined]
        if call.pushing:
            fault_point("push.after_connect")

    def getresponse(self) -> Any:
        if _CALL.get().pushing:
            fault_point("push.after_send")
        return super().getresponse()  # type: ignore[misc]


class _PlainConnection(_PinnedConnection, HTTPConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls: ClassVar[Any] = _PlainConnection  # type: ignore[misc]


class _SecureConnection(_PinnedConnection, HTTPSConnection):
    pass


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls: ClassVar[Any] = _SecureConnection  # type: ignore[misc]


def _failure_text(error: Exception, call: _Call) -> str:
    if not call.connected:
        return f"No connection to {call.to.host}: nothing was sent."
    if isinstance(error, (requests.Timeout, TimeoutError, ReadTimeoutError)):
        return f"{call.to.host} did not answer in time."
    if isinstance(error, ValueError) and not isinstance(error, requests.RequestException):
        return f"The answer of {call.to.host} cannot be used: {error}."
    return f"The connection to {call.to.host} was cut before the answer was complete."


def _cause(error: Exception) -> Cause:
    """Return what broke, from the error or from the errors that caused it."""
    current: BaseException | None = error
    cause: Cause = "cut"
    while current is not None:
        if isinstance(current, ssl.SSLError | requests.exceptions.SSLError):
            return "tls"
        if isinstance(current, ConnectionRefusedError):
            return "refused"
        if isinstance(current, TimeoutError | requests.Timeout | ReadTimeoutError):
            cause = "timeout"
        inner = (
            current.args[0] if current.args and isinstance(current.args[0], BaseException) else None
        )
        reason = getattr(current, "reason", None)  # of an error that urllib3 gave up with
        outer = reason if isinstance(reason, BaseException) else inner
        current = outer or current.__cause__ or current.__context__
    return cause


def reached(answer: HttpAnswer | HttpFailure) -> bool:
    """Check whether the other side answered with more than "not now"."""
    return isinstance(answer, HttpAnswer) and answer.status < 500 and answer.status not in NOT_NOW


def without_secrets(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers as they may be stored, with credentials masked."""
    return {k: "***" if k.lower() in _SECRET_HEADERS else v for k, v in headers.items()}


def mask(content: bytes, secret: str) -> bytes:
    """Return the content as it may be stored, with an echoed secret masked."""
    return content.replace(secret.encode(), b"***") if secret else content


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the `Retry-After` header in seconds; it may be a number or a date. Shopify sends
    "2.0".
    """
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", value, re.ASCII):
        return min(float(value), LONGEST_PAUSE)
    try:
        moment = parsedate_to_datetime(value)
        return min(max(0.0, (moment - now).total_seconds()), LONGEST_PAUSE)
    except (ValueError, TypeError, OverflowError):
        return None


class MachineClock:
    """The machine's clock plus the offset in `<home>/clock` (seconds), read at each call.

    A file without a readable number, perhaps because it is being written, leaves the offset
    unchanged. The file counts only when `CLEARPOST_ENV` is `demo` or `test`: in production a file
    must not move time.
    """

    def __init__(self, home: Path | None = None) -> None:
        self._file = home / "clock" if home is not None else None
        self._last = 0.0

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        return datetime.now(UTC) + timedelta(seconds=self._offset())

    def monotonic(self) -> float:
        """Return seconds that never jump; the offset does not apply."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait; the offset does not apply."""
        time.sleep(seconds)

    def _offset(self) -> float:
        if self._file is None or os.environ.get("CLEARPOST_ENV") not in MOVABLE:
            return 0.0
        with suppress(ValueError):
            try:
                self._last = float(self._file.read_text("ascii"))
            except OSError:
                self._last = 0.0
        return self._last


class Through(Http):
    """A session that passes each call on to another session."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def now(self) -> datetime:
        """Return the present moment, for answers that name a time."""
        return self._http.now()

    def request(
        self, method: str, url: str, **options: Unpack[RequestOptions]
    ) -> HttpAnswer | HttpFailure:
        """Make the call through the other session."""
        return self._http.request(method, url, **options)


class Counting(Through):
    """Counts the calls that it passes on: a target may bill each call."""

    def __init__(self, http: Http) -> None:
        super().__init__(http)
        self.calls = 0

    def request(
        self, method: str, url: str, **options: Unpack[RequestOptions]
    ) -> HttpAnswer | HttpFailure:
        """Count and make the call."""
        self.calls += 1
        return super().request(method, url, **options)


class Remembering(Counting):
    """Caches successful reads, so that a repeated read is neither sent nor counted."""

    def __init__(self, http: Http) -> None:
        super().__init__(http)
        self._answers: dict[tuple[str, str, bytes | None], HttpAnswer] = {}

    def request(
        self, method: str, url: str, **options: Unpack[RequestOptions]
    ) -> HttpAnswer | HttpFailure:
        """Return the cached answer, or make the call.

        Headers are not part of the cache key, because all calls of one pass use one credential.
        """
        cache_key = (method, url, options.get("body"))
        if cache_key in self._answers:
            return self._answers[cache_key]
        answer = super().request(method, url, **options)
        if isinstance(answer, HttpAnswer) and answer.status == OK and not options.get("push"):
            self._answers[cache_key] = answer
        return answer


class Clocked(Through):
    """Measures how far the other side's clock is ahead of ours.

    `ahead` is in whole seconds, negative if it is behind, by the last answer with a date; None
    before that. A date header has whole seconds and was made between the call and its end, so the
    middle of both is compared.
    """

    def __init__(self, http: Http) -> None:
        super().__init__(http)
        self.ahead: int | None = None

    def request(
        self, method: str, url: str, **options: Unpack[RequestOptions]
    ) -> HttpAnswer | HttpFailure:
        """Make the call and measure the clock difference from the answer's date."""
        answer = super().request(method, url, **options)
        date = _date_header(answer.headers) if isinstance(answer, HttpAnswer) else None
        if date is not None and isinstance(answer, HttpAnswer):
            their_time = date + timedelta(seconds=0.5)
            our_time = answer.at - timedelta(seconds=answer.seconds / 2)
            self.ahead = round((their_time - our_time).total_seconds())
        return answer


def _date_header(headers: Mapping[str, str]) -> datetime | None:
    """Return the moment in the `Date` header, or None."""
    try:
        date = parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError, OverflowError):
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class MailServer:
    """The server that takes our mail; `tls` is `tls` from the first byte, `starttls` or `none`."""

    host: str
    port: int
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)
    tls: str = MAIL_TLS_MODES[0]


@dataclass(frozen=True, slots=True)
class MailResult:
    """The outcome of one message; `words` is empty if the server accepted it.

    `doubtful`: its bytes left and no answer came, so it may arrive. `final`: a retry is useless.
    `unasked`: `words` do not come from the server.
    """

    words: str = ""
    doubtful: bool = False
    final: bool = False
    unasked: bool = False

    @property
    def taken(self) -> bool:
        """Whether the server accepted the message."""
        return not self.words


def try_mail(server: MailServer, *, to: str, subject: str, text: str) -> str:
    """Send one message once; return a blank, or why it was not accepted."""
    return send_mail(server, to=to, subject=subject, text=text).words


def send_mail(
    server: MailServer, *, to: str, subject: str, text: str, message_id: str = ""
) -> MailResult:
    """Send one message to the server, once.

    A `message_id` lets receivers recognise a repeated message.
    """
    if not (server.sender + to).isascii():
        return MailResult(_LETTERS, final=True, unasked=True)
    message = EmailMessage(policy=SMTP)
    domain = server.sender.rpartition("@")[2]
    message["From"], message["To"] = server.sender, to
    message["Subject"] = " ".join(subject.split())
    message["Date"] = formatdate(localtime=False)
    message["Message-ID"] = f"<{message_id}@{domain}>" if message_id else make_msgid(domain=domain)
    message["Auto-Submitted"] = "auto-generated"
    plain = text.isascii() and max(map(len, text.splitlines()), default=0) <= _LONGEST_LINE
    message.set_content(text, cte="7bit" if plain else "quoted-printable")
    may_have_left = False
    try:
        with _connected(server) as connection:
            if server.user:
                connection.login(server.user, server.password)
            _begin_message(connection, server.sender, to)
            may_have_left = True
            _send_content(connection, message.as_bytes())
    except _RefusedError as error:
        return MailResult(str(error) or "refused", final=error.final)
    except UnicodeError as error:  # such as a name of the server that is none
        return MailResult(str(error), final=True, unasked=True)
    except (OSError, smtplib.SMTPException) as error:
        return MailResult(str(error) or type(error).__name__, doubtful=may_have_left)
    return MailResult()


def _connected(server: MailServer) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if server.tls == "tls":
        return smtplib.SMTP_SSL(server.host, server.port, timeout=MAIL_TIMEOUT, context=context)
    line = smtplib.SMTP(server.host, server.port, timeout=MAIL_TIMEOUT)
    if server.tls == "starttls":
        try:
            line.starttls(context=context)
        except BaseException:
            line.close()
            raise
    return line


def _begin_message(line: smtplib.SMTP, sender: str, to: str) -> None:
    """Send the envelope, until the server expects the content."""
    line.ehlo_or_helo_if_needed()
    for code, words in (line.mail(sender), line.rcpt(to)):
        if code not in {_TAKEN, _TAKEN + 1}:
            raise _RefusedError(code, words)
    code, words = line.docmd("DATA")
    if code != _GO_ON:
        raise _RefusedError(code, words)


class _RefusedError(Exception):
    """The server rejected the envelope or the message."""

    def __init__(self, code: int, words: bytes) -> None:
        super().__init__(words.decode("utf-8", "replace"))
        self.final = code in _REFUSED_FOR_GOOD


def _send_content(line: smtplib.SMTP, raw: bytes) -> None:
    """Send the message content and check the answer."""
    line.send(_DOT.sub(b"..", raw) + b"\r\n.\r\n")
    code, words = line.getreply()
    if code != _TAKEN:
        raise _RefusedError(code, words)


class BrokenConnectorError(Exception):
    """A connector that cannot be used: which, why, and what to do about it."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def connector_folders(side: str) -> list[str]:
    """Return the extra folders with connectors of this side."""
    folders = [
        Path(path)
        for path in os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep)
        if path.strip()
    ]
    return [str(path.resolve() / side) for path in folders]


def missing_folders() -> list[Path]:
    """Return the configured folders that do not exist."""
    folders = (
        Path(path)
        for path in os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep)
        if path.strip()
    )
    return [path for path in folders if not path.is_dir()]
