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
    """What happens to the call of this moment; the connection tells how far it came."""

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
    """What `Http.request` is told beside method and address, for sessions that hand it on."""

    headers: Required[Mapping[str, str]]
    body: bytes | None
    push: bool


class Clock(Protocol):
    """What tells the time. One is passed in; nothing asks the machine directly."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump, for deadlines and durations."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Http:
    """A session for calls to targets. Every call has its own connection, so a failure says how
    far it came.
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
        self._whole = connect_seconds + 2 * read_seconds

    def now(self) -> datetime:
        """The present moment, for answers that name a time."""
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
        """Make one call. `push` marks the one that has an effect, whose fault points then count."""
        started = self._clock.monotonic()
        to = resolve_url(url)
        if isinstance(to, Blocked):
            kind: Literal["not_sent", "blocked"] = "not_sent" if to.temporary else "blocked"
            return HttpFailure(
                kind=kind,
                words=to.words,
                seconds=self._clock.monotonic() - started,
                cause="name" if to.temporary else "blocked",
            )
        with _calling(_Call(to, pushing=push)) as call:
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
            words = _words(error, call)
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
        """The body as it comes: waiting for a full piece would wait for the slowest sender."""
        content = bytearray()
        while True:
            left = self._whole - (self._clock.monotonic() - started)
            if left <= 0:
                raise ValueError("it did not end in time")
            if call.wire is not None and not response.raw.closed:
                call.wire.settimeout(min(self._timeouts[1], left))
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
    """A session for one call: a connection used twice could break after the bytes left, as if
    none had.
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


class _Judged:
    """Connects to the address that was judged, whatever the name says by now, and holds the
    fault points of a push.
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


class _PlainConnection(_Judged, HTTPConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls: ClassVar[Any] = _PlainConnection  # type: ignore[misc]


class _SecureConnection(_Judged, HTTPSConnection):
    pass


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls: ClassVar[Any] = _SecureConnection  # type: ignore[misc]


def _words(error: Exception, call: _Call) -> str:
    if not call.connected:
        return f"No connection to {call.to.host}: nothing was sent."
    if isinstance(error, (requests.Timeout, TimeoutError, ReadTimeoutError)):
        return f"{call.to.host} did not answer in time."
    if isinstance(error, ValueError) and not isinstance(error, requests.RequestException):
        return f"The answer of {call.to.host} cannot be used: {error}."
    return f"The connection to {call.to.host} was cut before the answer was complete."


def _cause(error: Exception) -> Cause:
    """What broke, from the error or from what it was raised for."""
    seen: BaseException | None = error
    found: Cause = "cut"
    while seen is not None:
        if isinstance(seen, ssl.SSLError | requests.exceptions.SSLError):
            return "tls"
        if isinstance(seen, ConnectionRefusedError):
            return "refused"
        if isinstance(seen, TimeoutError | requests.Timeout | ReadTimeoutError):
            found = "timeout"
        inner = seen.args[0] if seen.args and isinstance(seen.args[0], BaseException) else None
        reason = getattr(seen, "reason", None)  # of an error that urllib3 gave up with
        outer = reason if isinstance(reason, BaseException) else inner
        seen = outer or seen.__cause__ or seen.__context__
    return found


def reached(answer: HttpAnswer | HttpFailure) -> bool:
    """Whether the other side answered, and not only with "not now"."""
    return isinstance(answer, HttpAnswer) and answer.status < 500 and answer.status not in NOT_NOW


def without_secrets(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers as they may be stored: what proves who we are is masked."""
    return {k: "***" if k.lower() in _SECRET_HEADERS else v for k, v in headers.items()}


def mask(content: bytes, secret: str) -> bytes:
    """Bytes as they may be stored, should the other side have echoed the secret."""
    return content.replace(secret.encode(), b"***") if secret else content


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds that `Retry-After` asks for, given as a number or as a date. Shopify: "2.0"."""
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

    A file that says no number, perhaps because it is being written, leaves the offset as it was.
    The file counts only when `CLEARPOST_ENV` is `demo` or `test`: in production nobody can move
    time by a file.
    """

    def __init__(self, home: Path | None = None) -> None:
        self._file = home / "clock" if home is not None else None
        self._last = 0.0

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return datetime.now(UTC) + timedelta(seconds=self._offset())

    def monotonic(self) -> float:
        """Seconds that never jump; the offset does not touch them."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait; the offset does not touch it."""
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
    """A session that makes no call of its own."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def now(self) -> datetime:
        """The present moment, for answers that name a time."""
        return self._http.now()

    def request(
        self, method: str, url: str, **given: Unpack[RequestOptions]
    ) -> HttpAnswer | HttpFailure:
        """The call, as the other session makes it."""
        return self._http.request(method, url, **given)


class Counting(Through):
    """The number of calls that were made: a target that counts them must be charged for each."""

    def __init__(self, http: Http) -> None:
        super().__init__(http)
        self.calls = 0

    def request(
        self, method: str, url: str, **given: Unpack[RequestOptions]
    ) -> HttpAnswer | HttpFailure:
        """One call more."""
        self.calls += 1
        return super().request(method, url, **given)


class Remembering(Counting):
    """Reads that were answered once are not asked again, nor counted; only good answers are
    remembered.
    """

    def __init__(self, http: Http) -> None:
        super().__init__(http)
        self._known: dict[tuple[str, str, bytes | None], HttpAnswer] = {}

    def request(
        self, method: str, url: str, **given: Unpack[RequestOptions]
    ) -> HttpAnswer | HttpFailure:
        """The answer of before, or one call. All calls of a pass carry the same key."""
        asked = (method, url, given.get("body"))
        if asked in self._known:
            return self._known[asked]
        answer = super().request(method, url, **given)
        if isinstance(answer, HttpAnswer) and answer.status == OK and not given.get("push"):
            self._known[asked] = answer
        return answer


class Clocked(Through):
    """`ahead`: by how many whole seconds the clock of the other side is ahead of ours, less than 0
    where it is behind, by the last answer that told its time; None while none did.

    An answer tells a whole second, somewhere between the call and its end: the middle of both.
    """

    def __init__(self, http: Http) -> None:
        super().__init__(http)
        self.ahead: int | None = None

    def request(
        self, method: str, url: str, **given: Unpack[RequestOptions]
    ) -> HttpAnswer | HttpFailure:
        """The call, and what its answer tells of the time there."""
        answer = super().request(method, url, **given)
        told = _date_of(answer.headers) if isinstance(answer, HttpAnswer) else None
        if told is not None and isinstance(answer, HttpAnswer):
            there = told + timedelta(seconds=0.5)
            here = answer.at - timedelta(seconds=answer.seconds / 2)
            self.ahead = round((there - here).total_seconds())
        return answer


def _date_of(headers: Mapping[str, str]) -> datetime | None:
    """The moment that an answer says it was made at; None where it tells none."""
    try:
        told = parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError, OverflowError):
        return None
    return told if told.tzinfo is not None else told.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class MailServer:
    """The server that takes our mail; `tls`: from the first byte, after a greeting, or none."""

    host: str
    port: int
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)
    tls: str = MAIL_TLS_MODES[0]


@dataclass(frozen=True, slots=True)
class MailResult:
    """What became of a message: `words` is empty where it was taken. `doubtful`: its bytes left and
    no answer came, so it may arrive; `final`: trying again is useless; `unasked`: the words are not
    the server's.
    """

    words: str = ""
    doubtful: bool = False
    final: bool = False
    unasked: bool = False

    @property
    def taken(self) -> bool:
        """Whether the server said that it has it."""
        return not self.words


def try_mail(server: MailServer, *, to: str, subject: str, text: str) -> str:
    """Give one message to the server; nothing, or why it was not taken."""
    return send_mail(server, to=to, subject=subject, text=text).words


def send_mail(
    server: MailServer, *, to: str, subject: str, text: str, message_id: str = ""
) -> MailResult:
    """Give one message to the server, once. With a `message_id` the same one has the same name
    wherever it arrives.
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
    left = False
    try:
        with _connected(server) as line:
            if server.user:
                line.login(server.user, server.password)
            _agreed(line, server.sender, to)
            left = True
            _carried(line, message.as_bytes())
    except _RefusedError as error:
        return MailResult(str(error) or "refused", final=error.final)
    except UnicodeError as error:  # such as a name of the server that is none
        return MailResult(str(error), final=True, unasked=True)
    except (OSError, smtplib.SMTPException) as error:
        return MailResult(str(error) or type(error).__name__, doubtful=left)
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


def _agreed(line: smtplib.SMTP, sender: str, to: str) -> None:
    """Everything until the server waits for the message itself."""
    line.ehlo_or_helo_if_needed()
    for code, words in (line.mail(sender), line.rcpt(to)):
        if code not in {_TAKEN, _TAKEN + 1}:
            raise _RefusedError(code, words)
    code, words = line.docmd("DATA")
    if code != _GO_ON:
        raise _RefusedError(code, words)


class _RefusedError(Exception):
    """The server said no before it had the message, or to the message itself."""

    def __init__(self, code: int, words: bytes) -> None:
        super().__init__(words.decode("utf-8", "replace"))
        self.final = code in _REFUSED_FOR_GOOD


def _carried(line: smtplib.SMTP, raw: bytes) -> None:
    """The message and the answer to it."""
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
    """Where to look for the connectors of a side besides the product's own place."""
    named = [
        Path(one) for one in os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep) if one.strip()
    ]
    return [str(one.resolve() / side) for one in named]


def missing_folders() -> list[Path]:
    """The folders of the setting that are not there."""
    named = (
        Path(one) for one in os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep) if one.strip()
    )
    return [one for one in named if not one.is_dir()]
