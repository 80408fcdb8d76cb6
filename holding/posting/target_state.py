"""What stands in the target under a posting that is updated, made void or taken back.

Here: the columns that an answer leaves on a posting, by the action of its push; the posting that a
credit note takes back. Not here: the move and its event (results.py).
"""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from connectors.contract import Action
from holding.journal import kept_totals
from holding.lifecycle.states import move_posting
from holding.tables import Posting
from rules.outcomes.outcome import Document
from rules.values.posting_states import PostingState


def accepted(
    posting: Posting,
    action: Action,
    document: Document,
    push_id: int,
    *,
    kept: int | None,
    read_at: datetime | None,
) -> dict[str, Any]:
    """What an accepted push changes besides the state; a void leaves what it made void.

    What the target has now is read back at `read_at`, if it can be; what was read before is past.
    """
    if action == "void":
        return {"read_due_at": None}
    watched = {"posted_push_id": push_id, "read_due_at": read_at, "reading_id": None}
    if action == "create":
        return watched | (in_books(posting, document, kept) if kept is not None else {})
    return watched | {
        **in_books(posting, document, kept),
        "currency": document.currency,
        "doc_date": document.date,
        "party": document.party,
    }


def in_books(posting: Posting, document: Document, kept: int | None) -> dict[str, Any]:
    """The amount of a posting, as its document counts in the target."""
    amount = kept_totals.stands(document, kept)
    home = posting.book is not None and document.currency == posting.currency
    return {"amount": amount, "book": amount if home else None}


def take_back(session: Session, posting: Posting) -> int | None:
    """A posted credit note: the posting that it takes back is reversed; its id."""
    if posting.reverses_id is None:
        return None
    other = session.get_one(Posting, posting.reverses_id, with_for_update={"key_share": True})
    move_posting(
        session,
        other.id,
        expected=PostingState.POSTED,
        to=PostingState.REVERSED,
        lock=other.lock,
        due_at=None,
    )
    return other.id
