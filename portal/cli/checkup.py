"""What `clearpost doctor` looks at.

Here: one small question each, answered in words. Not here: repairs.
"""

import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holding.db.database import DatabaseSession
    from holding.platform.settings import Settings
    from holding.rulesets.rulebook import Later

FLOORS = ("grammar", "rules", "connectors", "holding", "portal", "workers")


@dataclass(frozen=True, slots=True)
class Looked:
    """One thing looked at."""

    name: str
    ok: bool
    words: str


def examine(settings: "Settings") -> tuple[Looked, ...]:
    """Everything that can be seen from here."""
    return (
        _python(),
        *_packages(),
        _home(settings),
        _key(settings),
        *_database(settings),
        _redis(settings),
    )


def _python() -> Looked:
    found = ".".join(str(part) for part in sys.version_info[:3])
    return Looked("python", sys.version_info >= (3, 11), f"{found}; 3.11 or newer is needed")


def _packages() -> Iterator[Looked]:
    """Another distribution may have overwritten one of our plainly named packages."""
    for name in FLOORS:
        spec = importlib.util.find_spec(name)
        origin = Path(spec.origin) if spec and spec.origin else None
        ours = origin is not None and f"Clearpost {name}:" in origin.read_text("utf-8")[:200]
        words = "ours" if ours else f"{origin or 'missing'} is not ours: install into a fresh venv"
        yield Looked(name, ours, words)


def _home(settings: "Settings") -> Looked:
    return _good("home", f"{settings.home} ({settings.env})")


def _key(settings: "Settings") -> Looked:
    from holding.access.actors import load_keys
    from holding.db.refusal import Refusal

    found = load_keys(settings)
    if isinstance(found, Refusal):
        return _bad("key", f"{found.message} {found.hint}")
    return _good("key", f"{len(found.lines)} in use")


def _database(settings: "Settings") -> Iterator[Looked]:
    from connectors.transport.http import MachineClock
    from holding.db.database import Database
    from holding.platform import backup as schema_version
    from holding.platform import settings as clock
    from holding.rulesets import rulebook as later_findings

    refusal = schema_version.check(settings.database_url)
    if refusal:
        yield _bad("database", f"{refusal.message} {refusal.hint}")
        return
    yield _good("database", f"schema {schema_version.VERSION}")
    database = Database(settings.database_url)
    with database.read() as session:
        step = clock.last_step(session)
        now = clock.DatabaseClock(database, MachineClock(settings.home)).now()
        worker = _worker(session, now)
        later = later_findings.of_all(session)
        rates = tuple(_rates(session))
        lists = tuple(_lists(session, now))
    database.close()
    yield _good("clock", step or "was never found to be set back")
    yield worker
    yield from (_rules(code, found) for code, found in later.items())
    yield from rates
    yield from lists


def _rates(session: "DatabaseSession") -> Iterator[Looked]:
    """What each target tells of units, and which rates people confirmed for it; a rate that waits
    is work for them, and no fault here.
    """
    from connectors import registry
    from connectors.contract.targets import TellsItems
    from holding.connections import confirmed_rates

    for found in confirmed_rates.of_all(session):
        tells = isinstance(registry.targets().get(found.connector), TellsItems)
        yield _good(f"rates {found.company}", found.rates.says(found.name, unit=tells))


def _lists(session: "DatabaseSession", now: datetime) -> Iterator[Looked]:
    """Where each target's lists of codes come from, and how old they are; no list is no fault here,
    one that should have been read since is.
    """
    from holding.mappings import list_sources

    for code, zone, found in list_sources.of_every_company(session, now):
        for one in found:
            words = f"{one.target} {one.says(now.astimezone(zone).date())}"
            yield Looked(f"list {code}", not one.old, words)


def _rules(code: str, later: "Later") -> Looked:
    """Rules in force go on with what a later checker finds in them; they cannot be published so."""
    from holding.db.refusal import plural

    name = f"rules {code}"
    if later.errors:
        first = later.errors[0]
        words = f"version {later.no} stays in force, but cannot be published again: "
        words += f"{plural(len(later.errors), 'error')}, the first {first.code} at {first.place}: "
        return _bad(name, f"{words}{first.message}")
    if later.changes:
        return _good(name, f"version {later.no}; published again it changes: {later.changes[0]}")
    return _good(name, f"version {later.no}, edition {later.edition}")


def _worker(session: "DatabaseSession", now: datetime) -> Looked:
    """Whether anybody does the work; a worker that died is named, others may have its place."""
    from holding.db.refusal import duration, plural
    from holding.operations.idle_work import TO_DO, idle_work
    from holding.platform import processes as heartbeats

    gone = [
        f"{one.owner} not seen for {duration(int((now - one.seen_at).total_seconds()) // 60)}"
        for one in heartbeats.silent_workers(session, now)
    ]
    idle = idle_work(session, now)
    if idle is not None and idle.since is None and not idle.count:
        return _good("worker", "none has run yet, and nothing is due")
    if idle is not None:
        return _bad("worker", " ".join([f"{idle.headline}. {idle.waits} {TO_DO}", *gone]))
    running = plural(heartbeats.workers(session, now).running, "worker runs", "workers run")
    return _good("worker", "; ".join([running, *gone]))


def _redis(settings: "Settings") -> Looked:
    from holding.platform.processes import find_server, heard

    if settings.redis_url:
        ok = heard(settings.redis_url)
        return Looked("redis", ok, "answers" if ok else "REDIS_URL is set, but nothing answers")
    program = find_server()
    if program:
        return _good("redis", f"`clearpost up` starts {program}")
    return _good("redis", "none here: workers use the claim loop")


def _good(name: str, words: str) -> Looked:
    return Looked(name, ok=True, words=words)


def _bad(name: str, words: str) -> Looked:
    return Looked(name, ok=False, words=words)
