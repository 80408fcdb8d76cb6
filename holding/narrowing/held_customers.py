"""The customers and suppliers with the largest amounts that are held, as a facet.

Here: those of the largest holds, and those that are asked for, with their records and money. There
are far too many to tally: each is counted by the index of open holds by party, up to a bound. Not
here: the other facets (facets.py), finding one by letters (holding/parties).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from holding.db.models import Hold, Record
from holding.db.models.decisions import HOLD_OPEN
from holding.db.refusal import Sums
from holding.db.together import Question, Together
from holding.worklist.filters import Filter, terms

SHOWN: Final = 5
LARGEST: Final = 200  # holds among which the customers of the largest amounts are looked for
COUNTED: Final = 200  # holds of a customer; how many more there are is not said


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer with what is held of them; `more`: so many holds that nobody counted them."""

    key: str
    name: str
    records: int
    money: Sums
    more: bool


def largest(company_id: int, wanted: Filter) -> Question[tuple[str, ...]]:
    """Keys of the customers of the largest amounts that the rest of the filter finds, largest
    first; of those among the largest of the company.
    """
    mine = (Hold.company_id == company_id, HOLD_OPEN, Hold.book.is_not(None))
    top = select(Hold.id).where(*mine).order_by(Hold.book.desc(), Hold.id.desc()).limit(LARGEST)
    first = top.subquery("largest")
    rest = terms(company_id, replace(wanted, customers=()))
    # Joined to them and sorted here: else SQLite walks the open holds of the whole company
    rows = (
        yield select(Hold.party_key, Hold.book)
        .join_from(first, Hold, Hold.id == first.c.id)
        .where(*rest)
    )
    found = sorted((-row.book, row.party_key) for row in rows if row.party_key)
    return tuple(dict.fromkeys(key for _, key in found))[:SHOWN]


def of(
    session: Session, company_id: int, wanted: Filter, keys: Sequence[str]
) -> tuple[Customer, ...]:
    """These customers, and those that are asked for, under the rest of the filter."""
    page = Together(session)
    every = dict.fromkeys((*wanted.customers, *keys))
    asked = [page.ask(_one(company_id, wanted, key)) for key in every]
    return tuple(one.value for one in asked)


def _one(company_id: int, wanted: Filter, key: str) -> Question[Customer]:
    """Summed here: their holds need not be looked at as the tally looks at shapes."""
    mine = terms(company_id, replace(wanted, customers=(key,)))
    oldest = select(Hold.id).where(*mine).order_by(Hold.opened_at, Hold.id).limit(COUNTED + 1)
    rows = (
        yield select(Record.party, Record.currency, Record.amount)
        .add_columns(func.max(Hold.book).label("book"), func.count().label("holds"))
        .join_from(Hold, Record, Record.id == Hold.record_id)
        .where(Hold.id.in_(oldest))
        .group_by(Record.id)
    ).all()
    sums: dict[str, int] = {}
    for row in rows:
        code, minor = (row.currency, row.amount) if row.book is None else ("", row.book)
        if minor is not None:
            sums[code] = sums.get(code, 0) + minor
    name = max((row.party for row in rows), default="") or key
    return Customer(key, name, len(rows), sums, more=sum(row.holds for row in rows) > COUNTED)
