"""What people are called, and were called before.

Here: the names behind ids, another name for somebody, and all names that mean a person. Not here:
who a person is and what they may do (people.py, actors.py).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.store import bulk
from holding.store.together import Question
from holding.tables import FormerName, Person


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


def former_names(session: Session, person_ids: Collection[int]) -> dict[int, set[str]]:
    """Person id -> what they were called before; who always had one name is left out."""
    query = select(FormerName.person_id, FormerName.name)
    found: defaultdict[int, set[str]] = defaultdict(set)
    for row in session.execute(query.where(bulk.among(FormerName.person_id, sorted(person_ids)))):
        found[row.person_id].add(row.name)
    return dict(found)
