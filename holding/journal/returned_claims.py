"""Giving claimed postings back: to their places in the queue, or to be due later.

Here: one statement for however many, each by its fence. Not here: claiming (posting_claims.py).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from holding.connections.channel import Desk
from holding.journal.posting_claims import Claim
from holding.store import bulk
from holding.tables.columns import moment_text
from rules.values.canonical import dumps


def line_up_again(desk: Desk, claims: Sequence[Claim]) -> None:
    """Give back postings that were not worked on; they keep their places in the queue."""
    with desk.database.write() as session:
        now = desk.clock.now()
        put_back_each(session, ((found, found.due_at or now) for found in claims))


def stay_in_line(desk: Desk, claims: Sequence[Claim]) -> None:
    """The same where the queue may be a run: what is due by no clock stays so."""
    with desk.database.write() as session:
        put_back_each(session, ((found, found.due_at) for found in claims))


def give_back(desk: Desk, claims: Sequence[Claim], *, after: timedelta) -> None:
    """Give back postings that were not worked on; they are due again then."""
    with desk.database.write() as session:
        due = desk.clock.now() + after
        put_back_each(session, ((found, due) for found in claims))


def put_back(session: Session, found: Claim, due: datetime | None) -> None:
    """Give back one posting, due then (None: by no clock); a wake that came meanwhile stays."""
    put_back_each(session, [(found, due)])


def put_back_each(session: Session, found: Iterable[tuple[Claim, datetime | None]]) -> None:
    """The same for many, each due at its own time."""
    rows = [
        {"id": claim.posting_id, "fence": claim.fence, "due_at": due and moment_text(due)}
        for claim, due in found
    ]
    if rows:
        statement = f"{bulk.given(session, 'v', _GIVEN_BACK)} {_GIVE_BACK}"
        session.execute(text(statement), {"rows": dumps(rows)})


_GIVEN_BACK = {"id": "bigint", "fence": "bigint", "due_at": "timestamptz"}
_GIVE_BACK = (
    "UPDATE posting AS t SET due_at = coalesce(t.due_at, v.due_at), lease_owner = NULL,"
    " lease_until = NULL FROM v WHERE t.id = v.id AND t.fence = v.fence"
)
