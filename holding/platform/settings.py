"""Settings from the environment with their defaults, logging, and the database clock."""

import logging
import math
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

import structlog
from sqlalchemy import ColumnElement, select, text, update
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from structlog.stdlib import BoundLogger, ProcessorFormatter
from structlog.typing import EventDict, Processor

from connectors.transport.http import MAIL_TLS_MODES, Clock, MachineClock, MailServer
from holding.db.database import Database, default_url
from holding.db.models import (
    ClockMark,
    Company,
    Event,
    Operation,
    Posting,
    Pull,
    Record,
    Run,
    Snapshot,
    Throttle,
)
from holding.db.models.columns import Moment, table_of
from holding.db.refusal import plural
from holding.platform.events import record_event

ENVIRONMENTS = ("production", "demo", "test")

LOGS = ("text", "json")

HIDDEN = "(hidden)"

SHORTEST_SECRET = 6
"""A shorter one would blot out words that have nothing to do with it."""

_TELLTALE = ("password", "secret", "token", "authorization", "cookie", "credential", "api_key")

ACCESS_LOG = "clearpost.access"
"""The log with a line for each request of the portal."""

SIGN_IN_LOG = "clearpost.signin"
"""The log of sign-ins, sign-outs, failures and refused access."""

_known: set[str] = set()

FRESH_SECONDS = 30.0

JUMP_SECONDS = 1.0

SMALLEST = timedelta(seconds=5)
"""Less than this is how clocks are kept right; what waits simply waits so much longer."""

ONLY = 1

SET_BACK = "clock.set_back"

ADJUSTED = "Scheduled times were adjusted."

UNNOTICED = timedelta(minutes=5)
"""A step is found out at the next sweep, seldom later than this."""

MOVED: dict[type[Any], tuple[str, ...]] = {
    Record: ("due_at", "lease_until"),
    Posting: ("due_at", "lease_until", "read_due_at"),
    Run: ("due_at", "lease_until"),
    Snapshot: ("due_at",),
    Pull: ("due_at", "lease_until"),
    Throttle: ("open_until", "filled_at", "opened_at"),
    Operation: ("undo_until",),
}
"""Moments that are a delay after some present moment."""

_MARK = table_of(ClockMark)

_NEWEST = select(_MARK.c.newest_at).where(_MARK.c.id == ONLY).with_for_update()

_NOTE = update(_MARK).where(_MARK.c.id == ONLY)  # it sets the columns that it is given values for


@dataclass(frozen=True, slots=True)
class Oidc:
    """The provider by which people may sign in, and what its button is called."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    label: str


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of this process.

    `settle_seconds` None uses the value of the target's manifest.
    """

    env: str
    home: Path
    database_url: str
    redis_url: str | None
    key_file: Path | None
    anchor_file: Path
    host: str
    port: int
    public_url: str | None
    outgoing_address: str | None
    lease_seconds: float
    settle_seconds: float | None
    undo_seconds: float
    sweep_seconds: float
    answer_seconds: float
    check_seconds: float
    body_days: float
    item_minutes: float
    workers: int
    allow_loopback: bool
    log_for_machines: bool
    mail: MailServer | None = None
    metrics_token: str | None = None
    trusted_proxy: str | None = None
    keep_years: int = 7
    backup_hours: float = 26
    oidc: Oidc | None = None

    @property
    def embedded(self) -> bool:
        """Return whether the database is our own file, so that its key may be created here."""
        return self.database_url == default_url(self.home)

    @property
    def page_root(self) -> str:
        """Return the URL of the pages, for links in messages."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the environment; an invalid value raises ValueError that names its variable."""
        environment = os.environ if environ is None else environ
        env = _one_of(environment, "CLEARPOST_ENV", ENVIRONMENTS)
        home = home_of(environment)
        playing = env in ("demo", "test")
        allow_loopback = playing and environment.get("CLEARPOST_ALLOW_LOOPBACK") == "1"
        return cls(
            env=env,
            home=home,
            database_url=environment.get("DATABASE_URL") or default_url(home),
            redis_url=environment.get("REDIS_URL") or None,
            key_file=Path(environment["CLEARPOST_KEY_FILE"])
            if environment.get("CLEARPOST_KEY_FILE")
            else None,
            anchor_file=Path(environment.get("CLEARPOST_ANCHOR_FILE") or home / "anchors.jsonl"),
            host=environment.get("CLEARPOST_HOST") or "127.0.0.1",
            port=int(_number(environment, "CLEARPOST_PORT", 8000)),
            public_url=environment.get("CLEARPOST_URL") or None,
            outgoing_address=environment.get("CLEARPOST_OUTGOING_ADDRESS") or None,
            lease_seconds=_number(environment, "CLEARPOST_LEASE_SECONDS", 60),
            settle_seconds=_optional(environment, "CLEARPOST_SETTLE_SECONDS"),
            undo_seconds=_number(environment, "CLEARPOST_UNDO_SECONDS", 0 if env == "test" else 30),
            sweep_seconds=_number(environment, "CLEARPOST_SWEEP_SECONDS", 5),
            answer_seconds=_number(environment, "CLEARPOST_ANSWER_SECONDS", 40),
            check_seconds=_number(environment, "CLEARPOST_CHECK_SECONDS", 10),
            body_days=_number(environment, "CLEARPOST_BODY_DAYS", 30),
            backup_hours=_number(environment, "CLEARPOST_BACKUP_HOURS", 26),
            keep_years=max(1, int(_number(environment, "CLEARPOST_KEEP_YEARS", 7))),
            item_minutes=max(1.0, _number(environment, "CLEARPOST_ITEM_MINUTES", 60)),
            workers=int(_number(environment, "CLEARPOST_WORKERS", 1)),
            trusted_proxy=environment.get("CLEARPOST_TRUSTED_PROXY") or None,
            metrics_token=environment.get("CLEARPOST_METRICS_TOKEN") or None,
            allow_loopback=allow_loopback,
            log_for_machines=_one_of(environment, "CLEARPOST_LOG", LOGS) == "json",
            mail=_mail(environment),
            oidc=_oidc(environment, http=allow_loopback),
        )


def _one_of(environ: Mapping[str, str], name: str, words: Sequence[str]) -> str:
    """Return the value if it is one of these words; the first word if it is missing."""
    value = environ.get(name) or words[0]
    if value not in words:
        message = f"{name} is {value!r}; it can be {', '.join(words)}"
        raise ValueError(message)
    return value


def _number(environ: Mapping[str, str], name: str, default: float) -> float:
    value = _optional(environ, name)
    return default if value is None else value


def _optional(environ: Mapping[str, str], name: str) -> float | None:
    text = environ.get(name)
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if value < 0 or not math.isfinite(value):
        message = f"{name} is {text!r}; it must be a number, 0 or more"
        raise ValueError(message)
    return value


def _mail(environ: Mapping[str, str]) -> MailServer | None:
    """Return the mail server, or None without a host."""
    host = environ.get("CLEARPOST_SMTP_HOST")
    if not host:
        return None
    sender = environ.get("CLEARPOST_SMTP_FROM") or ""
    if "@" not in sender:
        message = "CLEARPOST_SMTP_FROM must be the address that mail comes from"
        raise ValueError(message)
    return MailServer(
        host=host,
        port=int(_number(environ, "CLEARPOST_SMTP_PORT", 587)),
        sender=sender,
        user=environ.get("CLEARPOST_SMTP_USER") or "",
        password=environ.get("CLEARPOST_SMTP_PASSWORD") or "",
        tls=_one_of(environ, "CLEARPOST_SMTP_TLS", MAIL_TLS_MODES),
    )


def _oidc(environ: Mapping[str, str], *, http: bool) -> Oidc | None:
    """Return the sign-in provider, or None without an issuer. `http`: it needs no https."""
    issuer = environ.get("CLEARPOST_OIDC_ISSUER")
    if not issuer:
        return None
    parts = urlsplit(issuer)
    if not parts.hostname or parts.scheme not in (("https", "http") if http else ("https",)):
        message = "CLEARPOST_OIDC_ISSUER must be an address that begins with https://"
        raise ValueError(message)
    for name in ("CLEARPOST_OIDC_CLIENT_ID", "CLEARPOST_OIDC_CLIENT_SECRET"):
        if not environ.get(name):
            message = f"{name} must be set, because CLEARPOST_OIDC_ISSUER is"
            raise ValueError(message)
    return Oidc(
        issuer=issuer,
        client_id=environ["CLEARPOST_OIDC_CLIENT_ID"],
        client_secret=environ["CLEARPOST_OIDC_CLIENT_SECRET"],
        label=environ.get("CLEARPOST_OIDC_LABEL") or parts.hostname,
    )


def home_of(environ: Mapping[str, str]) -> Path:
    """Return the folder of the database, the key and the clock."""
    if environ.get("CLEARPOST_HOME"):
        return Path(environ["CLEARPOST_HOME"])
    data = environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "clearpost"


def conceal(secret: str) -> None:
    """Hide this text in every log line of this process from now on."""
    if len(secret) >= SHORTEST_SECRET:
        _known.add(secret)


def logger(name: str) -> BoundLogger:
    """Return a log for sentences with named values; `start_logging` sets its output."""
    bound_logger: BoundLogger = structlog.wrap_logger(
        logging.getLogger(name),
        wrapper_class=BoundLogger,
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.processors.format_exc_info,
            _hide,
            ProcessorFormatter.wrap_for_formatter,
        ],
    )
    return bound_logger


def _hide(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Hide values whose name suggests a secret, and the secrets that this process has read."""
    return {
        name: HIDDEN if any(word in name.lower() for word in _TELLTALE) else _without(value)
        for name, value in event.items()
    }


def _without(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _hide(None, "", dict(value))
    if isinstance(value, (list, tuple)):
        return [_without(item) for item in value]
    text = value if isinstance(value, str) else str(value)
    if not any(secret in text for secret in _known):
        return value
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def start_logging(*, for_machines: bool, stream: TextIO | None = None) -> None:
    """Send warnings and errors, also from libraries, to `stream` (default: standard error).

    Each is one line for people, or one JSON object. For machines the information of the access log
    and of the sign-in log is sent, too.
    """
    stream = stream or sys.stderr
    renderer: Processor = structlog.dev.ConsoleRenderer(
        colors=stream.isatty(),
        pad_event_to=0,
        pad_level=False,
        exception_formatter=structlog.dev.plain_traceback,
    )
    if for_machines:
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
    handler = logging.StreamHandler(stream)
    detailed_logs = {ACCESS_LOG, SIGN_IN_LOG} if for_machines else set()
    # A library may have set the level of its own log, so the handler checks again.
    handler.addFilter(
        lambda record: record.levelno >= logging.WARNING or record.name in detailed_logs
    )
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[structlog.processors.format_exc_info, _hide],
            processors=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                ProcessorFormatter.remove_processors_meta,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in (ACCESS_LOG, SIGN_IN_LOG):
        logging.getLogger(name).setLevel(logging.INFO if for_machines else logging.WARNING)


class DatabaseClock:
    """The machine's clock, corrected by the database's clock.

    The difference is measured every 30 seconds, and at once after the machine's clock was set.
    """

    def __init__(self, database: Database, machine: MachineClock) -> None:
        self._database = database
        self._machine = machine
        self._measured_at: float | None = None
        self._then = machine.now()
        self._difference = timedelta(0)

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        if self._database.dialect == "postgresql" and self._must_measure():
            self._measure()
        return self._machine.now() + self._difference

    def monotonic(self) -> float:
        """Return seconds that never jump."""
        return self._machine.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._machine.sleep(seconds)

    def _must_measure(self) -> bool:
        """Check whether the difference is missing, too old, or the machine's clock was set."""
        if self._measured_at is None:
            return True
        passed = self.monotonic() - self._measured_at
        jumped = abs((self._machine.now() - self._then).total_seconds() - passed) > JUMP_SECONDS
        return jumped or passed > FRESH_SECONDS

    def _measure(self) -> None:
        with self._database.engine.connect() as connection:
            server_time: datetime = connection.execute(
                text("SELECT clock_timestamp()")
            ).scalar_one()
        self._difference = server_time.astimezone(UTC) - datetime.now(UTC)
        self._measured_at, self._then = self.monotonic(), self._machine.now()


def notice_clock_step(session: Session, clock: Clock) -> int:
    """Return by how many seconds the clock was set back since the last call.

    Scheduled times move back with it, and each company gets an event.
    """
    newest = _newest(session)
    now = clock.now()  # after the lock: whoever held it has written no later moment
    back = newest - now if newest else timedelta()
    if back <= SMALLEST:
        session.execute(_NOTE, {"newest_at": now})
        return 0
    seconds = round(back.total_seconds())
    session.execute(_NOTE, {"newest_at": now, "back_at": now, "back_seconds": seconds})
    _move(session, now, seconds)
    words = f"The clock was set back by {length_text(seconds)}."
    for company_id in session.scalars(select(Company.id).order_by(Company.id)).all():
        record_event(
            session,
            company_id=company_id,
            at=now,
            actor=None,
            act=SET_BACK,
            object=f"company:{company_id}",
            body={
                "say": f"{words} {ADJUSTED}",
                "seconds": seconds,
            },
        )
    return seconds


def _newest(session: Session) -> datetime | None:
    """Return the newest noted time; its single row is locked."""
    clock_row = session.execute(_NEWEST).one_or_none()
    if clock_row is None:
        on_server = session.get_bind().dialect.name == "postgresql"
        insert = insert_postgresql if on_server else insert_sqlite
        row = insert(ClockMark).values(id=ONLY, back_seconds=0).on_conflict_do_nothing()
        session.execute(row)
        clock_row = session.execute(_NEWEST).one()
    newest: datetime | None = clock_row.newest_at
    return newest


def _move(session: Session, now: datetime, seconds: int) -> None:
    """Move future times back by these seconds, so that their distance from now stays."""
    for table, names in MOVED.items():
        for name in names:
            column = getattr(table, name)
            session.execute(
                update(table)
                .where(column > now)
                .values({name: _Earlier(column, seconds)})
                .execution_options(synchronize_session=False)
            )


class _Earlier(ColumnElement[datetime]):
    """A stored time minus whole seconds, as an SQL expression."""

    inherit_cache = False
    type = Moment()

    def __init__(self, column: Any, seconds: int) -> None:
        self.column, self.seconds = column, seconds


def last_clock_step(session: Session) -> str:
    """Return when the clock was last set back and by how much, as text; empty if never."""
    mark = session.get(ClockMark, ONLY)
    if mark is None or mark.back_at is None:
        return ""
    noticed_at = mark.back_at.strftime("%Y-%m-%d %H:%M UTC")
    return f"set back by {length_text(mark.back_seconds)}, found at {noticed_at}"


def repeated_spans(session: Session, company_id: int) -> list[tuple[datetime, datetime]]:
    """Return the time spans that the clock passed more than once, in order.

    The clock cannot order two moments of such a span.
    """
    query = select(Event.at, Event.body).where(
        Event.company_id == company_id, Event.act == SET_BACK
    )
    spans: list[tuple[datetime, datetime]] = []
    for at, body in sorted(session.execute(query), key=lambda row: row.at):
        start, end = at - UNNOTICED, at + timedelta(seconds=body["seconds"]) + UNNOTICED
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return spans


def length_text(seconds: int) -> str:
    """Return a duration as text, such as `1 hour 30 minutes`."""
    if seconds < 60:
        return plural(seconds, "second")
    minutes = round(seconds / 60)
    parts = ((minutes // 1440, "day"), (minutes // 60 % 24, "hour"), (minutes % 60, "minute"))
    return " ".join(plural(count, word) for count, word in parts if count)


@compiles(_Earlier, "postgresql")
def _on_postgresql(element: _Earlier, compiler: Any, **options: Any) -> str:
    column = compiler.process(element.column, **options)
    return f"{column} - make_interval(secs => {element.seconds})"


@compiles(_Earlier, "sqlite")
def _on_sqlite(element: _Earlier, compiler: Any, **options: Any) -> str:
    column = compiler.process(element.column, **options)  # its seconds move, its fraction stays
    shift = f"strftime('%Y-%m-%dT%H:%M:%S', {column}, '-{element.seconds} seconds')"
    return f"{shift} || substr({column}, 20)"
