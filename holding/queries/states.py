"""Records and postings of one state, and who could take a hold.

Here: the lists of the holding area that are no groups. Not here: groups by cause (holds.py).
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.columns import Columns, of
from holding.models import Connection, Membership, Person, Posting, Record
from holding.roles import ACTS

A_PAGE = 50
STATES = {"ignored": ("ignored", "dropped"), "uncertain": ("uncertain",)}


@dataclass(frozen=True, slots=True)
class StateRow:
    """A posting in a state that needs no group."""

    id: int
    number: str
    source: str
    kind: str
    external_id: str
    party: str
    state: str
    document: str
    doc_type: str
    reason: str
    amount: int | None
    currency: str
    since: datetime
    record_id: int


STATE = Columns(
    StateRow(
        id=of(Posting.id),
        number=of(Record.number),
        source=of(Connection.name),
        kind=of(Record.type),
        external_id=of(Record.external_id),
        party=of(Record.party),
        state=of(Posting.state),
        document=of(Posting.number),
        doc_type=of(Posting.doc_type),
        reason=of(Posting.reason),
        amount=of(Posting.amount),
        currency=of(Posting.currency),
        since=of(Record.seen_at),
        record_id=of(Record.id),
    ),
    {
        "source": "connection.name",
        "kind": "record.type",
        "document": "posting.number",
        "since": "record.seen_at",
    },
)


def in_state(
    session: Session, company_id: int, view: str, after: int | None = None
) -> tuple[StateRow, ...]:
    """Postings that were ignored or dropped, or whose result is not known; newest first."""
    query = (
        STATE.select()
        .join(Record, Record.id == Posting.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .where(Posting.company_id == company_id, Posting.state.in_(STATES[view]))
        .order_by(Posting.id.desc())
        .limit(A_PAGE)
    )
    if after is not None:
        query = query.where(Posting.id < after)
    return STATE.each(session.execute(query))


def colleagues(session: Session, company_id: int) -> tuple[tuple[int, str], ...]:
    """People who may take a hold, by name."""
    rows = session.execute(
        select(Person.id, Person.name)
        .join(Membership, Membership.person_id == Person.id)
        .where(
            Membership.company_id == company_id,
            Membership.role.in_(sorted(ACTS["hold.assign"])),
            Person.active,
        )
        .distinct()
        .order_by(Person.name)
    )
    return tuple((row.id, row.name) for row in rows)
