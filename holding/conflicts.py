"""What waits until a person has put something right in the target is looked at again.

Here: that one act. Nothing is sent on a person's word alone: the look tells whether it stands there
as ours, and a document that is not posted goes out only where nothing stands. Not here: the look
(holding/pushing/first_look.py), taking it as it stands (holding/manual_entries.py).
"""

from datetime import datetime

from sqlalchemy.orm import Session

from connectors.kit.errors import RETRY
from holding.closing import close, settle
from holding.desk import Desk, Done, done
from holding.holds import decide_one
from holding.models import Hold
from holding.pushing.trouble import MANUAL
from holding.refusal import Refusal
from holding.roles import Actor, Voice
from holding.wakes import wake_records


def look_again(
    session: Session,
    actor: Actor,
    hold_id: int,
    reason: str,
    now: datetime,
    op: str | None = None,
) -> Done | Refusal:
    """It was put right in the target: have it looked at, and go on with what is seen."""

    def act(desk: Desk, hold: Hold, voice: Voice) -> Done | Refusal:
        why = reason.strip()
        told = f"to be looked at again: {why}"
        close(session, [hold], voice, state="cleared", why=told, now=now)
        made = done(hold, f"{voice.name} had {hold.number} looked at again in the target: {why}")
        desk.tell([made], "hold.looked_again", now, op, actor=voice)
        wake_records(session, [hold.record_id], now)
        settle(session, [hold])
        return made

    return decide_one(
        session,
        actor,
        hold_id,
        reason,
        now,
        op,
        verb="have another look at",
        may=_decided_there,
        act=act,
    )


def waits_for_a_look(code: str, error_class: str, *, of_push: bool) -> bool:
    """Whether only what is done in the target ends it."""
    return of_push and code != MANUAL and RETRY[error_class].retry == "never"  # type: ignore[index]


def _decided_there(_: Desk, hold: Hold) -> Refusal | None:
    if waits_for_a_look(hold.code, hold.error_class, of_push=hold.of_push):
        return None
    words = "This does not wait for something to be put right in the target."
    return Refusal("hold.no_look", words, hold.would_pass)
