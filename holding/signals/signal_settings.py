"""When a company wants to hear: how many failures of a connector, and when its books close.

Here: both settings with their limits. Not here: the signals (signal_causes.py).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access.actors import Actor, may
from holding.db.models import Company, Connection
from holding.db.refusal import Refusal, plural
from holding.platform.changes import locked_company
from holding.platform.events import record_event

ACT: Final = "company.setup"
TARGET: Final = "target"
FAILURES: Final = "signal_failures"  # key of company.settings: connection -> how many
CLOSE_DAY: Final = "books_close_day"  # key of company.settings: day of the month after
USUAL_FAILURES: Final = 10
MOST_FAILURES: Final = 100_000
LAST_CLOSE_DAY: Final = 28
"""Every month has this day."""


def failures_of(settings: Mapping[str, Any], connection: str) -> int:
    """How many records of one cause this connection may fail for before it is a signal."""
    found = settings.get(FAILURES, {})
    return int(found.get(connection, USUAL_FAILURES)) if isinstance(found, Mapping) else 0


def close_day(settings: Mapping[str, Any]) -> int | None:
    """The day of a month on which the books of the month before close; None where none is set."""
    found = settings.get(CLOSE_DAY)
    return int(found) if found else None


def listed(session: Session, company_id: int) -> tuple[tuple[str, int], ...]:
    """Each accounting system of a company, with the number of failures that is a signal."""
    settings = session.get_one(Company, company_id).settings
    names = session.scalars(
        select(Connection.name)
        .where(Connection.company_id == company_id, Connection.side == TARGET)
        .order_by(Connection.name)
    )
    return tuple((name, failures_of(settings, name)) for name in names)


def own_close_day(session: Session, company_id: int) -> int | None:
    """The day on which the books of a company close, where it set one."""
    return close_day(session.get_one(Company, company_id).settings)


def set_failures(
    session: Session, actor: Actor, connection: str, many: int, now: datetime
) -> Refusal | None:
    """From how many failing records on a connector is a signal."""
    if refusal := may(actor, ACT):
        return refusal
    company = locked_company(session, actor.company_id or 0)
    query = select(Connection.id).where(
        Connection.company_id == company.id,
        Connection.name == connection,
        Connection.side == TARGET,
    )
    if session.scalar(query) is None:
        return Refusal("connection.unknown", "There is no such connection here.", "", 404)
    if not 1 <= many <= MOST_FAILURES:
        words = f"Enter a number from 1 to {MOST_FAILURES:,}."
        return Refusal("signal.failures", words, "", 422)
    own = dict(company.settings.get(FAILURES, {}))
    company.settings = {**company.settings, FAILURES: {**own, connection: many}}
    say = (
        f"{actor.name} set the signal for {connection} to {plural(many, 'record')}"
        " of one cause in 10 minutes."
    )
    _tell(session, actor, say, now)
    return None


def set_close_day(session: Session, actor: Actor, day: int | None, now: datetime) -> Refusal | None:
    """On which day the books of the month before close; None: no signal before a close."""
    if refusal := may(actor, ACT):
        return refusal
    if day is not None and not 1 <= day <= LAST_CLOSE_DAY:
        words = f"Enter a day from 1 to {LAST_CLOSE_DAY}, or leave it blank."
        return Refusal("signal.close_day", words, "", 422)
    company = locked_company(session, actor.company_id or 0)
    company.settings = {**company.settings, CLOSE_DAY: day}
    told = f"close on day {day} of the month after" if day else "close on no set day"
    _tell(session, actor, f"{actor.name} noted that the books {told}.", now)
    return None


def _tell(session: Session, actor: Actor, say: str, now: datetime) -> None:
    record_event(
        session,
        company_id=actor.company_id or 0,
        at=now,
        actor=actor,
        act="signal.set",
        body={"say": say},
    )
