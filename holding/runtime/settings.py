"""Every setting that comes from the environment, and its default.

Here: one frozen reading of the environment. Not here: settings of a company or a connection, which
are rows.
"""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors.transport.mail import TLS, MailServer
from holding.store.database import default_url

ENVIRONMENTS = ("production", "demo", "test")
LOGS = ("text", "json")


@dataclass(frozen=True, slots=True)
class Settings:
    """What this process was told; `settle_seconds` None leaves it to the target's manifest."""

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

    @property
    def embedded(self) -> bool:
        """True when the database is our own file, so that its key may be made here."""
        return self.database_url == default_url(self.home)

    @property
    def page_root(self) -> str:
        """Where people reach the pages, for links that are sent to them."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the environment; a value that makes no sense raises, naming its variable."""
        found = os.environ if environ is None else environ
        env = _one_of(found, "CLEARPOST_ENV", ENVIRONMENTS)
        home = home_of(found)
        playing = env in ("demo", "test")
        return cls(
            env=env,
            home=home,
            database_url=found.get("DATABASE_URL") or default_url(home),
            redis_url=found.get("REDIS_URL") or None,
            key_file=Path(found["CLEARPOST_KEY_FILE"]) if found.get("CLEARPOST_KEY_FILE") else None,
            anchor_file=Path(found.get("CLEARPOST_ANCHOR_FILE") or home / "anchors.jsonl"),
            host=found.get("CLEARPOST_HOST") or "127.0.0.1",
            port=int(_number(found, "CLEARPOST_PORT", 8000)),
            public_url=found.get("CLEARPOST_URL") or None,
            outgoing_address=found.get("CLEARPOST_OUTGOING_ADDRESS") or None,
            lease_seconds=_number(found, "CLEARPOST_LEASE_SECONDS", 60),
            settle_seconds=_optional(found, "CLEARPOST_SETTLE_SECONDS"),
            undo_seconds=_number(found, "CLEARPOST_UNDO_SECONDS", 0 if env == "test" else 30),
            sweep_seconds=_number(found, "CLEARPOST_SWEEP_SECONDS", 5),
            answer_seconds=_number(found, "CLEARPOST_ANSWER_SECONDS", 40),
            check_seconds=_number(found, "CLEARPOST_CHECK_SECONDS", 10),
            body_days=_number(found, "CLEARPOST_BODY_DAYS", 30),
            backup_hours=_number(found, "CLEARPOST_BACKUP_HOURS", 26),
            keep_years=max(1, int(_number(found, "CLEARPOST_KEEP_YEARS", 7))),
            item_minutes=max(1.0, _number(found, "CLEARPOST_ITEM_MINUTES", 60)),
            workers=int(_number(found, "CLEARPOST_WORKERS", 1)),
            trusted_proxy=found.get("CLEARPOST_TRUSTED_PROXY") or None,
            metrics_token=found.get("CLEARPOST_METRICS_TOKEN") or None,
            allow_loopback=playing and found.get("CLEARPOST_ALLOW_LOOPBACK") == "1",
            log_for_machines=_one_of(found, "CLEARPOST_LOG", LOGS) == "json",
            mail=_mail(found),
        )


def home_of(environ: Mapping[str, str]) -> Path:
    """The folder of the database, the key and the clock."""
    if environ.get("CLEARPOST_HOME"):
        return Path(environ["CLEARPOST_HOME"])
    data = environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "clearpost"


def _mail(environ: Mapping[str, str]) -> MailServer | None:
    """The server that mail is given to; without a host none is sent."""
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
        tls=_one_of(environ, "CLEARPOST_SMTP_TLS", TLS),
    )


def _one_of(environ: Mapping[str, str], name: str, words: Sequence[str]) -> str:
    """One of these words; the first where none is given."""
    found = environ.get(name) or words[0]
    if found not in words:
        message = f"{name} is {found!r}; it can be {', '.join(words)}"
        raise ValueError(message)
    return found


def _number(environ: Mapping[str, str], name: str, default: float) -> float:
    found = _optional(environ, name)
    return default if found is None else found


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
