"""Customers and suppliers by letters of their name, over the index of parties.

Here: their keys. Not here: what is looked for by those (holding/worklist/search.py,
holding/runs/run_search.py).
"""

from typing import Any

from sqlalchemy import Select, func, select

from holding.db.models import Record


def keys_named(company_id: int, text: str, most: int | None = None) -> Select[Any]:
    """Keys of the customers and suppliers whose name has these letters; all, or at most so many.

    Each key is stepped to from the one before, in the index of parties: there are far more records
    than parties.
    """
    mine = Record.company_id == company_id
    first = select(func.min(Record.party_key).label("key")).where(mine).cte(recursive=True)
    after = (
        select(func.min(Record.party_key)).where(mine, Record.party_key > first.c.key)
    ).scalar_subquery()
    key = first.union_all(select(after).where(first.c.key.is_not(None)))
    newest = (
        select(Record.party)
        .where(mine, Record.party_key == key.c.key)
        .order_by(Record.seen_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    return select(key.c.key).where(newest.icontains(text, autoescape=True)).limit(most)
