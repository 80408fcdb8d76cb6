"""One push under its fence, inside one transaction: what every end of it is made of.

Here: the case, the lock on its posting, the move with its event. Not here: the ends (results.py)
and the doubts (doubts.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from holding.events import record_event
from holding.lifecycle import move_posting, move_push
from holding.models import Posting
from holding.pushing.claim import Claim
from holding.pushing.desk import Channel, Desk
from holding.pushing.rows import Member

FREE: Mapping[str, Any] = {"lease_owner": None, "lease_until": None}


@dataclass(frozen=True, slots=True)
class Case:
    """One push under its fence, inside one transaction; pushes of one call share its `luck`."""

    session: Session
    desk: Desk
    channel: Channel
    member: Member
    now: datetime
    causes: set[int] = field(default_factory=set)  # those whose counters are to be counted again
    luck: float = 0.0  # from 0 to 1: how much of a pause between two bounds is waited


def owned(case: Case) -> Posting | None:
    """The posting, if its fence is still ours."""
    return locked(case.session, case.member.claim)


def locked(session: Session, claim: Claim) -> Posting | None:
    """The posting under our lock, if this claim's fence is still its own."""
    given = {"posting": claim.posting_id, "fence": claim.fence}
    return session.scalars(_OURS, given).one_or_none()


_OURS = (
    select(Posting)
    .where(Posting.id == bindparam("posting"), Posting.fence == bindparam("fence"))
    .execution_options(populate_existing=True)
    .with_for_update(key_share=True)
)


def move(case: Case, posting: Posting, to: str, **columns: Any) -> None:
    """The conditional move; the row is locked and its fence was ours, so it cannot fail."""
    before, lock = posting.state, posting.lock
    if not move_posting(case.session, posting.id, expected=before, to=to, lock=lock, **columns):
        message = f"posting {posting.id} moved under our lock"
        raise RuntimeError(message)


def close_push(case: Case, state: str, **columns: Any) -> None:
    """The push is over, in this state."""
    open_push(case, state, closed_at=case.now, **columns)


def open_push(case: Case, state: str, **columns: Any) -> None:
    """Write the push's state; it is not over. Its posting is ours, so it cannot have ended."""
    if not move_push(case.session, case.member.push_id, state, **columns):
        message = f"push {case.member.push_id} never becomes {state} as it stands"
        raise RuntimeError(message)


def tell(case: Case, act: str, say: str, **body: Any) -> None:
    """The event of what happened to the posting."""
    record_event(
        case.session,
        company_id=case.channel.company_id,
        at=case.now,
        actor=None,
        act=act,
        record_id=case.member.record_id,
        posting_id=case.member.claim.posting_id,
        fence=case.member.claim.fence,
        body={"say": say, "push": case.member.push_id, **body},
    )
