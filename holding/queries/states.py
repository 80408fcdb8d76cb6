"""Records and postings of one state, and who could take a hold.

Here: the lists of the holding area that are no groups. Not here: groups by cause (holds.py).
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.models import Connection, Membership, Person, Posting, Record
from holding.queries.rows import each
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


def in_state(
    session: Session, company_id: int, view: str, after: int | None = None
) -> tuple[StateRow, ...]:
    """Postings that were ignored or dropped, or whose result is not known; newest first."""
    query = (
        select(
            Posting.id,
            Record.number,
            Connection.name,
            Record.type,
            Record.external_id,
            Record.party,
            Posting.state,
            Posting.number,
            Posting.doc_type,
            Posting.reason,
            Posting.amount,
            Posting.currency,
            Record.seen_at,
            Record.id,
        )
        .join(Record, Record.id == Posting.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .where(Posting.company_id == company_id, Posting.state.in_(STATES[view]))
        .order_by(Posting.id.desc())
        .limit(A_PAGE)
    )
    if after is not None:
        query = query.where(Posting.id < after)
    return each(StateRow, session.execute(query))


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
    return tuple((row[0], row[1]) for row in rows)
