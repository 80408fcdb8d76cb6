"""Appoint and end deputies, who act for another person for a limited time.

A deputy may not release what either of the two people worked on. See holding/approvals/approve.py
and holding/holds/releases.py for that check.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from holding.access.actors import ACTS, LENT, Actor, may
from holding.access.people import names_of
from holding.db.bulk import Columns, of
from holding.db.models import Deputy, Membership, Person
from holding.db.refusal import Refusal
from holding.platform.events import record_event

LONGEST: Final = timedelta(days=92)
_LENDING: Final = frozenset().union(*(ACTS[act] for act in LENT))  # roles with something to lend


@dataclass(frozen=True, slots=True)
class Standing:
    """One deputy in the list."""

    id: int
    person_id: int
    deputy_id: int
    person: str
    deputy: str
    from_at: datetime
    until_at: datetime
    reason: str
    ended_at: datetime | None


_deputy = aliased(Person, name="other")
_STANDING = Columns(
    Standing(
        id=of(Deputy.id),
        person_id=of(Deputy.person_id),
        deputy_id=of(Deputy.deputy_id),
        person=of(Person.name),
        deputy=of(_deputy.name),
        from_at=of(Deputy.from_at),
        until_at=of(Deputy.until_at),
        reason=of(Deputy.reason),
        ended_at=of(Deputy.ended_at),
    ),
    {"person": "person.name", "deputy": "other.name"},
)


@dataclass(frozen=True, slots=True)
class Colleague:
    """A person of the company. `lends`: their role allows a deputy."""

    id: int
    name: str
    lends: bool


def appoint(
    session: Session,
    actor: Actor,
    *,
    person_id: int,
    deputy_id: int,
    from_at: datetime,
    until_at: datetime,
    reason: str,
    now: datetime,
) -> int | Refusal:
    """Appoint a deputy for a person for a limited time; return the row's id.

    Only the person or an administrator may do this.
    """
    company_id = actor.company_id or 0
    refused = (
        _not_theirs(actor, person_id, deputy_id)
        or _no_time(from_at, until_at, now)
        or _no_people(session, company_id, person_id, deputy_id)
    )
    if refused:
        return refused
    if not reason.strip():
        return Refusal("reason.missing", "Enter a reason.", "It is recorded in the audit log.", 422)
    deputy = Deputy(
        company_id=company_id,
        person_id=person_id,
        deputy_id=deputy_id,
        from_at=from_at,
        until_at=until_at,
        reason=reason.strip(),
        named_at=now,
        named_by_id=actor.person_id,
    )
    session.add(deputy)
    session.flush()
    names = names_of(session, (person_id, deputy_id))
    until = until_at.isoformat(timespec="minutes")
    say = f"{names[deputy_id]} is the delegate of {names[person_id]} until {until}: {deputy.reason}"
    _tell(session, actor, deputy, "deputy.named", say, now)
    return deputy.id


def end(session: Session, actor: Actor, deputy_id: int, now: datetime) -> Refusal | None:
    """End a deputy's time early: by the person, the deputy or an administrator."""
    row = session.get(Deputy, deputy_id, with_for_update=True, populate_existing=True)
    if row is None or row.company_id != actor.company_id:
        return Refusal("deputy.unknown", "There is no such delegate.", status=404)
    if actor.person_id not in (row.person_id, row.deputy_id):
        refused = may(actor, "people.admin")
        if refused:
            return refused
    if row.ended_at is not None or row.until_at <= now:
        return Refusal("deputy.over", "That is over already.")
    row.ended_at, row.ended_by_id = now, actor.person_id
    session.flush()
    names = names_of(session, (row.person_id, row.deputy_id))
    say = f"{names[row.deputy_id]} is no longer the delegate of {names[row.person_id]}."
    _tell(session, actor, row, "deputy.ended", say, now)
    return None


def list_deputies(session: Session, company_id: int) -> Sequence[Standing]:
    """Return all current and former deputies, newest first."""
    query = (
        _STANDING.select()
        .join(Person, Person.id == Deputy.person_id)
        .join(_deputy, _deputy.id == Deputy.deputy_id)
        .where(Deputy.company_id == company_id)
        .order_by(Deputy.id.desc())
    )
    return _STANDING.each(session.execute(query))


def list_colleagues(session: Session, company_id: int) -> Sequence[Colleague]:
    """Return all people who can be or have a deputy, by name."""
    rows = session.execute(
        select(Person.id, Person.name, Membership.role)
        .join(Membership, Membership.person_id == Person.id)
        .where(Membership.company_id == company_id, Person.active)
    ).all()
    lending = {row.id for row in rows if row.role in _LENDING}
    names = {row.id: row.name for row in rows}
    return [
        Colleague(key, names[key], key in lending) for key in sorted(names, key=names.__getitem__)
    ]


def begins(day: date, zone: ZoneInfo) -> datetime:
    """Return the first moment of a day in the zone; the earliest possible one for the first day."""
    try:
        return datetime.combine(day, time.min, zone).astimezone(UTC)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def ends(day: date, zone: ZoneInfo) -> datetime:
    """Return the moment when a day is over in the zone; the latest possible one for the
    last day.
    """
    try:
        return datetime.combine(day + timedelta(days=1), time.min, zone).astimezone(UTC)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def _not_theirs(actor: Actor, person_id: int, deputy_id: int) -> Refusal | None:
    if deputy_id == person_id:
        return Refusal("deputy.self", "You cannot be your own delegate.", status=422)
    if actor.person_id == deputy_id:
        hint = "Ask them, or another admin."
        return Refusal("deputy.own", "You cannot make yourself a delegate.", hint, 403)
    return None if actor.person_id == person_id else may(actor, "people.admin")


def _no_time(from_at: datetime, until_at: datetime, now: datetime) -> Refusal | None:
    if until_at <= max(from_at, now):
        return Refusal("deputy.time", "The end is before the beginning.", status=422)
    if until_at - from_at > LONGEST:
        message = f"A delegate can be appointed for {LONGEST.days} days at most."
        return Refusal("deputy.time", message, "For longer, give them the role.", 422)
    return None


def _no_people(session: Session, company_id: int, person_id: int, deputy_id: int) -> Refusal | None:
    """Refuse unless both are members and the person has something to lend.

    A deputy cannot lend it further.
    """
    rows = session.execute(
        select(Membership.person_id, Membership.role)
        .join(Person, Person.id == Membership.person_id)
        .where(
            Membership.company_id == company_id,
            Membership.person_id.in_((person_id, deputy_id)),
            Person.active,
        )
    ).all()
    if {row.person_id for row in rows} != {person_id, deputy_id}:
        return Refusal("person.unknown", "There is no such person here.", status=404)
    if not any(row.person_id == person_id and row.role in _LENDING for row in rows):
        needed = " or ".join(sorted(_LENDING))
        message = f"They approve nothing themselves: only an {needed} has a delegate."
        return Refusal("deputy.nothing", message, status=422)
    return None


def _tell(session: Session, actor: Actor, row: Deputy, act: str, say: str, now: datetime) -> None:
    body = {"say": say, "deputy": row.deputy_id, "person": row.person_id}
    record_event(
        session,
        company_id=row.company_id,
        at=now,
        actor=actor,
        act=act,
        object=f"deputy:{row.id}",
        body=body,
    )
