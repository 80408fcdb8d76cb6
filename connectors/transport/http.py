"""The one HTTP session: it connects to a judged address, follows nothing and repeats nothing.

Here: deadlines, the cap on answers, what is known after a failure, and taking secrets out of
what is kept. Not here: what an answer means (each target's contract/errors.py).
"""

import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, Literal, Required, TypedDict

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError

from connectors.transport.addresses import Blocked, Destination, resolve
from connectors.transport.clock import Clock, MachineClock
from connectors.transport.fault_points import point

ANSWER_CAP = 5 * 1024 * 1024
KEY_REFUSED = frozenset({401, 403})
TOO_MANY = 429
LONGEST_PAUSE = 366 * 86_400.0  # seconds; no other side can ask for more than can be reckoned with
_PIECE = 65_536
_NOT_NOW = frozenset({408, 425, TOO_MANY})
_SECRET_HEADERS = frozenset(
    {"authorization", "cookie", "set-cookie", "x-api-key", "api-key", "x-shopify-access-token"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """A complete answer, and when it was there. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float
    at: datetime


Cause = Literal["name", "refused", "tls", "timeout", "blocked", "cut"]
"""Why there was no answer: the name is not known, the port is closed, the certificate is not
trusted, nobody answered in time, the address is not called, or the connection broke.
"""


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


class Given(TypedDict, total=False):
    """What `Http.request` is told beside method and address, for sessions that hand it on."""

    headers: Required[Mapping[str, str]]
    body: bytes | None
    push: bool


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
            point("push.after_connect")

    def getresponse(self) -> Any:
        if _CALL.get().pushing:
            point("push.after_send")
        return super().getresponse()  # type: ignore[misc]


class _PlainConnection(_Judged, HTTPConnection):
    pass


class _SecureConnection(_Judged, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls: ClassVar[Any] = _PlainConnection  # type: ignore[misc]


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls: ClassVar[Any] = _SecureConnection  # type: ignore[misc]


class _Adapter(HTTPAdapter):
    def __init__(self) -> None:
        super().__init__(max_retries=0)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}


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
        to = resolve(url)
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
                point("push.after_answer")
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


def _session() -> requests.Session:
    """A session for one call: a connection used twice could break after the bytes left, as if
    none had.
    """
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", _Adapter())
    session.mount("http://", _Adapter())
    return session


@contextmanager
def _calling(call: _Call) -> Iterator[_Call]:
    token = _CALL.set(call)
    try:
        yield call
    finally:
        _CALL.reset(token)


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
    return isinstance(answer, HttpAnswer) and answer.status < 500 and answer.status not in _NOT_NOW


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
