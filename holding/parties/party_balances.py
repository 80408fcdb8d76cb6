"""What the books know of a party: its posted documents, by age.

Here: sums of what this product posted. Not here: what else stands in the accounts; that is asked of
nobody.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

from sqlalchemy import case, func, select, text
from sqlalchemy.orm import Session

from connectors import registry
from holding.db.models import Connection, Posting
from holding.db.refusal import Sums, added, by_key

AGES: Final = (30, 60, 90)  # days, up to; what is older is the last sum


@dataclass(frozen=True, slots=True)
class Owed:
    """A party with what it owes (or is owed, if a supplier), one sum a currency.

    `ages`: up to 30 days, to 60, to 90, older.
    """

    party: str
    ages: tuple[Sums, Sums, Sums, Sums]

    @property
    def total(self) -> Sums:
        """All ages."""
        return added(self.ages)


def owed(
    session: Session, company_id: int, parties: Sequence[str], today: date
) -> tuple[Owed, ...]:
    """Each party by the dates of its documents."""
    place = (Posting.party, Posting.connection_id, Posting.doc_type, Posting.doc_date)
    foreign = case((Posting.book.is_(None), Posting.amount))
    summed = (  # in the order of an index that has all of it: a party may have many thousands
        select(*place, Posting.currency, func.sum(Posting.book).label("book"))
        .add_columns(func.sum(foreign).label("amount"))
        .where(Posting.company_id == company_id, text(f"posting.{Posting.POSTED}"))
        .where(Posting.party.in_(parties))
        .group_by(*place, Posting.currency)
        .subquery()
    )
    query = select(summed, Connection.connector).join(
        Connection, Connection.id == summed.c.connection_id
    )
    rows = [
        (
            (row.party, _age(row.doc_date, today)),
            currency,
            _sign(row.connector, row.doc_type) * int(minor),
        )
        for row in session.execute(query)
        for currency, minor in (("", row.book), (row.currency, row.amount))
        if minor is not None
    ]
    sums = by_key(rows)
    return tuple(_owed(one, [sums.get((one, at), {}) for at in range(4)]) for one in parties)


def _owed(party: str, ages: Sequence[Sums]) -> Owed:
    youngest, young, old, oldest = ages
    return Owed(party, (youngest, young, old, oldest))


def together(rows: Iterable[Owed]) -> Owed:
    """All of them as one party."""
    found = list(rows)
    return _owed("", [added(row.ages[at] for row in found) for at in range(4)])


def _age(day: date | None, today: date) -> int:
    days = (today - day).days if day is not None else 0
    return next((at for at, most in enumerate(AGES) if days <= most), len(AGES))


@lru_cache
def _sign(connector: str, doc_type: str) -> int:
    """1 where the document raises what its party owes (or is owed), -1 where it settles some."""
    schema = registry.document(connector, doc_type)
    if schema is None or schema.books is None:
        return 0
    refers = {field.name: field.refers for field in schema.header}.get(schema.party_field)
    raises = "debit" if refers == "vendor" else "credit"
    return 1 if schema.books.side == raises else -1
