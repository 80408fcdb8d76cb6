"""What the books know of a party: its posted documents, by age.

Here: sums of what this product posted. Not here: what else stands in the accounts; that is asked of
nobody.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connectors import registry
from holding.tables import Connection, Posting
from rules.values.posting_states import PostingState

AGES: Final = (30, 60, 90)  # days, up to; what is older is the last sum


@dataclass(frozen=True, slots=True)
class Owed:
    """A party with what it owes (or is owed, if a supplier), in minor units of the books.

    `ages`: up to 30 days, to 60, to 90, older.
    """

    party: str
    ages: tuple[int, int, int, int]

    @property
    def total(self) -> int:
        """All ages."""
        return sum(self.ages)


def owed(
    session: Session, company_id: int, parties: Sequence[str], today: date
) -> tuple[Owed, ...]:
    """Each party by the dates of its documents."""
    query = (
        select(
            Posting.party,
            Connection.connector,
            Posting.doc_type,
            Posting.doc_date,
            func.sum(Posting.book).label("book"),
        )
        .join(Connection, Connection.id == Posting.connection_id)
        .where(Posting.company_id == company_id, Posting.state == PostingState.POSTED)
        .where(Posting.party.in_(parties))
        .group_by(Posting.party, Connection.connector, Posting.doc_type, Posting.doc_date)
    )
    sums = {party: [0, 0, 0, 0] for party in parties}
    for row in session.execute(query):
        signed = _sign(row.connector, row.doc_type) * int(row.book or 0)
        sums[row.party][_age(row.doc_date, today)] += signed
    return tuple(Owed(party, (a, b, c, d)) for party, (a, b, c, d) in sums.items())


def together(rows: Iterable[Owed]) -> Owed:
    """All of them as one party."""
    found = list(rows)
    a, b, c, d = (sum(row.ages[at] for row in found) for at in range(4))
    return Owed("", (a, b, c, d))


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
