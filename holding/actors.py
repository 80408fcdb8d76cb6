"""A person as an actor of one company: their roles there, and in whose place they may act.

Here: reading it. Not here: what roles allow (`roles.py`), giving them (`people.py`), naming a
deputy (`deputies.py`).
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from holding.models import Deputy, Membership, Person
from holding.roles import Actor, StandIn


def actor_of(
    session: Session,
    person_id: int,
    company_id: int,
    *,
    via: str = "portal",
    now: datetime | None = None,
) -> Actor | None:
    """The person inside one company, with all roles there; None for strangers and the disabled.

    With `now`, also with the people in whose place they may act at that moment.
    """
    person = session.get(Person, person_id)
    roles = _roles_with_lenders(session, company_id, person_id, now)
    own = roles.pop(person_id, None)
    if person is None or not person.active or not own:
        return None
    return Actor(
        person_id=person.id,
        name=person.name,
        email=person.email,
        company_id=company_id,
        roles=frozenset(own),
        via=via,
        stands_for=_stand_ins(session, roles),
    )


def roles_of(session: Session, company_id: int, person_id: int) -> set[str]:
    """The person's own roles in a company."""
    return _roles_with_lenders(session, company_id, person_id, None).get(person_id, set())


def _roles_with_lenders(
    session: Session, company_id: int, person_id: int, now: datetime | None
) -> dict[int, set[str]]:
    """Person id -> roles: the person's own, and those of the people they stand in for."""
    who = Membership.person_id == person_id
    if now is not None:
        lenders = select(Deputy.person_id).where(
            Deputy.company_id == company_id,
            Deputy.deputy_id == person_id,
            Deputy.until_at > now,
            Deputy.from_at <= now,
            Deputy.ended_at.is_(None),
        )
        who = or_(who, Membership.person_id.in_(lenders))
    query = select(Membership.person_id, Membership.role).where(
        Membership.company_id == company_id, who
    )
    found: dict[int, set[str]] = {}
    for row in session.execute(query):
        found.setdefault(row.person_id, set()).add(row.role)
    return found


def _stand_ins(session: Session, roles: Mapping[int, set[str]]) -> tuple[StandIn, ...]:
    """The lenders that could act themselves."""
    if not roles:
        return ()
    people = select(Person.id, Person.name).where(Person.id.in_(roles), Person.active)
    return tuple(
        StandIn(row.id, row.name, frozenset(roles[row.id]))
        for row in session.execute(people.order_by(Person.id))
    )
