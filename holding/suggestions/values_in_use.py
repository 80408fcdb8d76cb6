"""The values that a table leads to: which keys have one, and with which something was posted.

Here: both, of many values at once. Not here: what a value could be chosen for (choices.py).
"""

from collections.abc import Collection
from typing import Final

from sqlalchemy import func, literal, select
from sqlalchemy.orm import Session

from holding.db import bulk
from holding.db.models import MappingEntry, MappingTable, Posting, PostingUse
from holding.db.together import Question, answer
from holding.mappings.entries import shown

NAMED: Final = 3
"""So many of the other keys that have a value are named."""


def accepted(session: Session, table: MappingTable, values: Collection[str]) -> set[str]:
    """Those of the values of a table with which something was posted: their target has them."""
    return answer(session, asked_accepted(table, values))


def asked_accepted(table: MappingTable, values: Collection[str]) -> Question[set[str]]:
    """The same, asked with other questions."""
    # of each entry only until one is found: of its uses there may be millions
    posted = (
        select(literal(1))
        .select_from(PostingUse)
        .join(Posting, Posting.id == PostingUse.posting_id)
        .where(PostingUse.entry_id == MappingEntry.id, Posting.posted_at.is_not(None))
        .limit(1)
        .correlate(MappingEntry)
        .scalar_subquery()
    )
    mine = (MappingEntry.table_id == table.id, bulk.among(MappingEntry.value, list(values)))
    return set((yield select(MappingEntry.value).where(*mine, posted == 1)).scalars())


def conversions(
    session: Session, table: MappingTable, text: str, most: int
) -> dict[str, tuple[tuple[str, ...], int]]:
    """The same of the conversions of a units table that have these letters, in their order: a unit
    is no value without its factor.
    """
    mine = MappingEntry.table_id == table.id, MappingEntry.to_revision.is_(None)
    rows = session.execute(
        select(MappingEntry.key, MappingEntry.value, MappingEntry.num, MappingEntry.den)
        .where(*mine, MappingEntry.num.is_not(None))
        .order_by(MappingEntry.key)
    )
    keys: dict[str, list[str]] = {}
    for key, value, num, den in rows:
        keys.setdefault(shown(value, num, den), []).append(key)
    found = sorted(one for one in keys if text.casefold() in one.casefold())
    return {one: (tuple(keys[one][: NAMED + 1]), len(keys[one])) for one in found[:most]}


def keys_of(
    session: Session, table: MappingTable, values: Collection[str]
) -> dict[str, tuple[tuple[str, ...], int]]:
    """Value -> the first keys that have it now, and how many do."""
    return answer(session, asked_keys(table, values))


def asked_keys(
    table: MappingTable, values: Collection[str]
) -> Question[dict[str, tuple[tuple[str, ...], int]]]:
    """The same, asked with other questions."""
    mine = (
        MappingEntry.table_id == table.id,
        MappingEntry.to_revision.is_(None),
        bulk.among(MappingEntry.value, list(values)),
    )
    place = func.row_number().over(partition_by=MappingEntry.value, order_by=MappingEntry.key)
    count = func.count().over(partition_by=MappingEntry.value)
    each = select(
        MappingEntry.value, MappingEntry.key, place.label("place"), count.label("uses")
    ).where(*mine)
    rows = each.subquery()
    first = select(rows.c.value, rows.c.key, rows.c.uses).where(rows.c.place <= NAMED + 1)
    keys: dict[str, tuple[tuple[str, ...], int]] = dict.fromkeys(values, ((), 0))
    for value, key, uses in (yield first.order_by(rows.c.value, rows.c.key)):
        keys[value] = (*keys[value][0], key), uses
    return keys
