"""The audit trail: one row for each fact, in the transaction that made it true.

Here: writing events, one or many. Not here: reading them (holding/records/trace.py,
holding/worklist).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy.orm import Session

from holding.store import bulk
from holding.store.joint_writes import JointWrites
from holding.tables import Event

SYSTEM_WORD = "Clearpost"
USUAL_WAYS = ("portal", "system")
COMMAND_LINE = "command line"


class Acting(Protocol):
    """Whoever does something: `holding.access.people.Actor` fits."""

    @property
    def person_id(self) -> int | None:
        """The person, or None for the system itself."""

    @property
    def name(self) -> str:
        """How the event names them."""

    @property
    def via(self) -> str:
        """The way in that they came by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One event to be written; `body` has the sentence `say`."""

    company_id: int
    at: datetime
    act: str
    body: Mapping[str, Any]
    actor: Acting | None = None
    record_id: int | None = None
    posting_id: int | None = None
    object: str | None = None
    fence: int | None = None
    operation_id: str | None = None


def record_event(
    session: Session,
    *,
    company_id: int,
    at: datetime,
    actor: Acting | None,
    act: str,
    body: Mapping[str, Any],
    record_id: int | None = None,
    posting_id: int | None = None,
    object: str | None = None,  # noqa: A002 - the column's name
    fence: int | None = None,
    operation_id: str | None = None,
) -> None:
    """Write one event."""
    fact = Fact(
        company_id=company_id,
        at=at,
        act=act,
        body=body,
        actor=actor,
        record_id=record_id,
        posting_id=posting_id,
        object=object,
        fence=fence,
        operation_id=operation_id,
    )
    record_events(session, [fact])


def record_events(session: Session, facts: Iterable[Fact]) -> None:
    """Write many events with one statement."""
    rows = [_row(fact) for fact in facts]
    bulk.insert(session, Event, rows)


def join_events(writes: JointWrites, facts: Iterable[Fact]) -> None:
    """Write events with the rows that they tell of."""
    writes.insert(Event, [_row(fact) for fact in facts])


def _row(fact: Fact) -> dict[str, Any]:
    return {
        "company_id": fact.company_id,
        "at": fact.at,
        "person_id": fact.actor.person_id if fact.actor else None,
        "actor": fact.actor.name if fact.actor else SYSTEM_WORD,
        "act": fact.act,
        "record_id": fact.record_id,
        "posting_id": fact.posting_id,
        "object": fact.object,
        "fence": fact.fence,
        "body": {**fact.body, **_way(fact.actor)},
        "operation_id": fact.operation_id,
    }


def _way(actor: Acting | None) -> dict[str, str]:
    """The way in, unless it is a page or the system's own work."""
    return {} if actor is None or actor.via in USUAL_WAYS else {"via": actor.via}


def shown_actor(actor: str, body: Mapping[str, Any]) -> str:
    """Who did it, as people read it: `Tan (command line)`; a token has its name beside it."""
    return f"{actor} ({COMMAND_LINE})" if body.get("via") == COMMAND_LINE else actor
