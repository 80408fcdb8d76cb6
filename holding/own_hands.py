"""Who had a hand in what a hold keeps back, so that a page can say it before anybody decides.

Here: that look. Not here: what counts as a hand (duties.py), the refusal of an act
(approval_desk.py, holds.py).
"""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from holding import duties
from holding.models import Hold, Posting
from holding.refusal import Refusal
from holding.roles import Actor
from rules.outcome import NEEDS_APPROVAL


def in_hold(session: Session, hold: Hold) -> Mapping[int, str]:
    """Person id -> what they did, of those who may not let this hold go."""
    posting = session.get(Posting, hold.posting_id) if hold.posting_id else None
    if posting is None:
        return {}
    asks = hold.code == NEEDS_APPROVAL
    found = duties.touched(session, [posting], releases=asks, makers=asks, approvals=not asks)
    return found.get(posting.id, {})


def barred(actor: Actor, hands: Mapping[int, str], others: tuple[str, ...]) -> Refusal | None:
    """Why this person decides nothing here, and who does; `others` had no hand in it."""
    said = hands.get(actor.person_id or 0)
    if said is None:
        return None
    return Refusal("hold.own_hand", f"You {said}.", f"{duties.could(others)}.", 403)
