"""What people are called, and were called before.

Here: the names behind ids, another name for somebody, and all names that mean a person. Not here:
who a person is and what they may do (people.py, actors.py).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.db.models import FormerName, Membership, Person
from holding.db.together import Question


def asked_names(person_ids: Iterable[int | None]) -> Question[dict[int, str]]:
    """Person id -> name; ids that are None are left out."""
    wanted = sorted({i for i in person_ids if i is not None})
    if not wanted:
        return {}
    rows = yield select(Person.id, Person.name).where(Person.id.in_(wanted))
    return {row.id: row.name for row in rows}


def rename(session: Session, person: Person, name: str, now: datetime) -> None:
    """Call somebody otherwise. The name of before goes on meaning them: a source may still call
    them so, and nobody becomes a stranger to their own orders by another name.
    """
    old, person.name = person.name, name
    if old != name and session.get(FormerName, (person.id, old)) is None:
        session.add(FormerName(person_id=person.id, name=old, until_at=now))
    session.flush()


@dataclass(frozen=True, slots=True)
class Called:
    """What somebody is called: name, address, and the names of before."""

    name: str
    email: str
    former: set[str] = field(default_factory=set)


def asked_called(company_ids: Collection[int]) -> Question[Mapping[int, Called]]:
    """Person id -> what they are called, of everybody who has a role in one of these companies."""
    members = select(Membership.person_id).where(Membership.company_id.in_(sorted(company_ids)))
    rows = yield (
        select(Person.id, Person.name, Person.email, FormerName.name.label("former"))
        .outerjoin(FormerName, FormerName.person_id == Person.id)
        .where(Person.id.in_(members))
    )
    found: dict[int, Called] = {}
    for row in rows:
        one = found.setdefault(row.id, Called(row.name, row.email))
        one.former.update([row.former] if row.former is not None else [])
    return found
