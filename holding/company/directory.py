"""Limit a member to some sources of a company.

`holding/access/reach.py` applies the limit.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from holding.access.actors import Actor, roles_of
from holding.access.people import who_may
from holding.access.reach import of_ids, within
from holding.company.duties import ACT, administers
from holding.db.models import Connection, Hold, Person, SourceLimit
from holding.db.refusal import Refusal
from holding.holds import assignments
from holding.platform.events import record_event


@dataclass(frozen=True, slots=True)
class OwnSource:
    """A source of the company, as a form offers it."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Limited:
    """The result of changing a person's sources.

    `sources`: the names of their sources, empty for all. `handed`: the number of holds that
    returned to their teams.
    """

    name: str
    sources: tuple[str, ...]
    handed: int

    @property
    def say(self) -> str:
        """The change as a sentence."""
        return _said(self.name, self.sources)


def sources(session: Session, company_id: int) -> tuple[OwnSource, ...]:
    """Return the company's sources by name."""
    query = select(Connection.id, Connection.name).where(
        Connection.company_id == company_id, Connection.side == "source"
    )
    rows = session.execute(query.order_by(Connection.name))
    return tuple(OwnSource(row.id, row.name) for row in rows)


def limits(session: Session, company_id: int) -> dict[int, tuple[OwnSource, ...]]:
    """Return by person id the sources a person is limited to, by name; others are not limited."""
    query = (
        select(SourceLimit.person_id, Connection.id, Connection.name)
        .join(Connection, Connection.id == SourceLimit.source_id)
        .where(SourceLimit.company_id == company_id)
        .order_by(Connection.name)
    )
    sources_by_person: dict[int, tuple[OwnSource, ...]] = {}
    for row in session.execute(query):
        source = OwnSource(row.id, row.name)
        sources_by_person[row.person_id] = (*sources_by_person.get(row.person_id, ()), source)
    return sources_by_person


def limit(
    session: Session,
    actor: Actor,
    *,
    company_id: int,
    person_id: int,
    source_ids: Collection[int],
    now: datetime,
) -> Limited | Refusal:
    """Limit a person to records of these sources, or remove the limit if none is named.

    Their holds of other sources return to the teams.
    """
    refused = administers(session, actor, company_id) or _not_oneself(
        session, actor, company_id, person_id
    )
    if refused:
        return refused
    held_roles = roles_of(session, company_id, person_id)
    person = session.get(Person, person_id)
    if person is None or not held_roles:
        return Refusal("person.unknown", "There is no such person here.", status=404)
    if wrong := unfit(session, company_id, person.name, held_roles, source_ids):
        return wrong
    before = {source.id for source in limits(session, company_id).get(person_id, ())}
    names = _keep(session, actor, company_id, person_id, set(source_ids), now)
    limited = Limited(person.name, names, 0)
    if before == set(source_ids):
        return limited
    _tell(session, actor, company_id, person_id, limited, now)
    reach = of_ids(source_ids)
    if not reach.limited:
        return limited
    why = "does not work with its source any more"
    handed = assignments.hand_over(
        session,
        replace(actor, company_id=company_id),
        person,
        now,
        why=why,
        but=within(reach, Hold),
    )
    return Limited(person.name, names, handed)


def unfit(
    session: Session,
    company_id: int,
    name: str,
    roles: Collection[str],
    source_ids: Collection[int],
) -> Refusal | None:
    """Return why a person with these roles cannot be limited to these sources, or None."""
    known_ids = {source.id for source in sources(session, company_id)}
    if unknown := set(source_ids) - known_ids:
        words = f"{len(unknown)} of the sources are none of this company."
        return Refusal("source.unknown", words, "Select them again.", 422)
    if source_ids and "admin" in roles:
        words = (
            f"You cannot limit {name} to some sources, because administrators manage all of them."
        )
        return Refusal("source.admin", words, "Take the role Administrator away first.", 422)
    return None


def join_limited(
    session: Session,
    actor: Actor,
    company_id: int,
    person_id: int,
    source_ids: Collection[int],
    now: datetime,
) -> None:
    """Apply an invitation's limit from the moment the person joins."""
    names = _keep(session, actor, company_id, person_id, set(source_ids), now)
    if names:
        name = session.get_one(Person, person_id).name
        _tell(session, actor, company_id, person_id, Limited(name, names, 0), now)


def _keep(
    session: Session,
    actor: Actor,
    company_id: int,
    person_id: int,
    source_ids: Collection[int],
    now: datetime,
) -> tuple[str, ...]:
    conditions = (SourceLimit.company_id == company_id, SourceLimit.person_id == person_id)
    session.execute(delete(SourceLimit).where(*conditions))
    chosen = [source for source in sources(session, company_id) if source.id in source_ids]
    for source in chosen:
        row = SourceLimit(
            company_id=company_id,
            person_id=person_id,
            source_id=source.id,
            set_by_id=actor.person_id,
            set_at=now,
        )
        session.add(row)
    session.flush()
    return tuple(source.name for source in chosen)


def _not_oneself(session: Session, actor: Actor, company_id: int, person_id: int) -> Refusal | None:
    if actor.person_id != person_id:
        return None
    others = who_may(session, company_id, ACT, but=(person_id,))
    hint = f"{', '.join(others)} can." if others else "Invite a second administrator first."
    words = "You cannot change your own sources, because rights are granted by another person."
    return Refusal("source.self", words, hint, 403)


def _said(name: str, sources: Collection[str]) -> str:
    if not sources:
        return f"{name} sees records of all sources."
    return f"{name} sees only records of {', '.join(sources)}."


def _tell(
    session: Session, actor: Actor, company_id: int, person_id: int, limited: Limited, now: datetime
) -> None:
    record_event(
        session,
        company_id=company_id,
        at=now,
        actor=actor,
        act="person.sources",
        body={"say": limited.say, "person": person_id, "sources": list(limited.sources)},
    )
