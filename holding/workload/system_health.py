"""What the work runs on, as it answers now: the database, Redis, the clock.

Here: one look at each, with the time that it took. Not here: the workers (workers_seen.py), the
checks of an installation (`clearpost doctor`).
"""

import os
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from time import monotonic, perf_counter
from typing import Final, TypeAlias

from sqlalchemy import text
from sqlalchemy.orm import Session

from holding.platform import processes as doorbell

_ASKED: Final = {
    "postgresql": text("SELECT current_setting('server_version'), clock_timestamp()"),
    "sqlite": text("SELECT sqlite_version(), NULL"),
}
AS_LONG: Final = 60
_NAMES: Final = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}


class RedisState(StrEnum):
    """Whether there is a Redis that says at once that work is due."""

    ANSWERS = "answers"
    SILENT = "silent"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class SystemHealth:
    """`clock_off`: how far the clock of the database is from ours, in seconds; None where both are
    one. The other times are how long an answer took.
    """

    database: str
    database_seconds: float
    redis: RedisState
    redis_seconds: float
    clock_off: float | None


_Known: TypeAlias = tuple[float, str, float | None]  # when it was asked, version, clock
_known: dict[str, _Known] = {}


def system_health(session: Session, now: datetime, took: float) -> SystemHealth:
    """One look at each; `took`: how long the database needed for something that the page asks
    anyhow. Its version and its clock are asked once a minute.
    """
    _, name, off = _database(session, now)
    state, waited = _redis()
    return SystemHealth(name, took, state, waited, off)


def _database(session: Session, now: datetime) -> _Known:
    engine = session.get_bind().engine
    found, asked = _known.get(str(engine.url)), monotonic()
    if found is None or asked - found[0] > AS_LONG:
        version, there = session.execute(_ASKED[engine.dialect.name]).one()
        off = abs((now - there).total_seconds()) if there else None
        named = (_NAMES[engine.dialect.name], str(version).split()[0])
        found = asked, " ".join(named), off
        _known[str(engine.url)] = found
    return found


def _redis() -> tuple[RedisState, float]:
    url = os.environ.get("REDIS_URL")
    if not url:
        return RedisState.NONE, 0.0
    began = perf_counter()
    answers = doorbell.answers(url)
    return RedisState.ANSWERS if answers else RedisState.SILENT, perf_counter() - began
