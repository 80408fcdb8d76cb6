"""What people are called, for a page that asks for it beside other things.

Here: the names behind ids. Not here: who a person is and what they may do (people.py, actors.py).
"""

from collections.abc import Iterable

from sqlalchemy import select

from holding.store.together import Question
from holding.tables import Person


def asked_names(person_ids: Iterable[int | None]) -> Question[dict[int, str]]:
    """Person id -> name; ids that are None are left out."""
    wanted = sorted({i for i in person_ids if i is not None})
    if not wanted:
        return {}
    rows = yield select(Person.id, Person.name).where(Person.id.in_(wanted))
    return {row.id: row.name for row in rows}
