"""An admin has something tried again although nothing changed, and says why.

Here: that one act. Not here: tries after a change (`retries.py`), what is never tried again because
somebody has to decide it first.
"""

from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from holding.access.actors import Actor, may
from holding.db.models import Hold
from holding.db.refusal import Refusal
from holding.exceptions.holds import Desk, Done, Each, alone, done
from holding.exceptions.retries import Looked, try_again
from rules.values.clauses import clears_when

ACT: Final = "retry.override"
WAITS_FOR_A_CHANGE: Final = frozenset({"retry.unchanged", "retry.early"})


def override(
    session: Session,
    actor: Actor,
    hold_id: int,
    reason: str,
    now: datetime,
    op: str | None = None,
) -> Done | Refusal:
    """Send once more what the target refused, though nothing moved since."""

    def ask() -> Each | Refusal:
        refusal = may(actor, ACT)
        if refusal is None and not reason.strip():
            refusal = Refusal(code="reason.missing", message="Enter a reason.", status=422)
        if refusal:
            return refusal
        desk = Desk(session, actor, [hold_id])
        looked = Looked(desk, now)
        good, left = desk.each(lambda hold: _senseless(hold, looked))
        why = reason.strip()
        made = [done(one, f"{actor.name} had {one.number} tried again: {why}") for one in good]
        try_again(desk, good, made, "retry.overridden", now, op)
        return Each(tuple(made), tuple(left))

    return alone(session, actor, now, op, ("override", hold_id, reason), ask)


def _senseless(hold: Hold, looked: Looked) -> Refusal | None:
    """Why there is nothing to override, or why it would not help."""
    refusal = looked.refusal(hold)
    if refusal is None:
        return Refusal(
            code="override.needless",
            message="Something has changed since. Use Retry instead.",
            hint="Use Try again.",
        )
    if refusal.code not in WAITS_FOR_A_CHANGE:
        return refusal
    if not hold.of_push:
        return Refusal(
            code="override.senseless",
            message="The rules of Clearpost hold this, not the accounting system: checked again"
            " as it is, it stays on hold.",
            hint=clears_when(hold.would_pass),
        )
    return None
