"""Putting holds back as they stood before somebody gave them away or put them aside.

Here: what such a form notes of its holds, and writing it back. Not here: whose form it is and until
when it can be taken back (`undo.py`), the acts themselves (`assignments.py`).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access.actors import Actor
from holding.access.teams import takers
from holding.exceptions.holds import Desk, done, latest
from holding.refusal import Refusal
from holding.store import bulk
from holding.tables import Hold, Operation
from holding.tables.columns import moment_of, moment_text
from holding.words import plural

_MOVED = Refusal("undo.moved", "It was changed since.")


@dataclass(frozen=True, slots=True)
class PutBack:
    """How many holds are as they were, and the numbers of those that were changed meanwhile."""

    holds: int
    changed: tuple[str, ...]

    @property
    def say(self) -> str:
        """One sentence for the page."""
        told = f"Taken back: {plural(self.holds, 'hold is as it was', 'holds are as they were')}."
        if not self.changed:
            return told
        shown = ", ".join(self.changed[:5]) + (", …" if len(self.changed) > 5 else "")
        stay = plural(
            len(self.changed), "was changed since and stays", "were changed since and stay"
        )
        return f"{told} {stay}: {shown}."


def as_they_stand(what: str, holds: Iterable[Hold]) -> dict[str, Any]:
    """What a form notes of holds before it changes them; `what` it did, for the trace."""
    return {"what": what, "holds": {str(hold.id): _as_it_is(hold) for hold in holds}}


def _as_it_is(hold: Hold) -> dict[str, Any]:
    rests = hold.snoozed_until
    return {
        "lock": hold.lock,
        "person_id": hold.person_id,
        "snoozed_until": moment_text(rests) if rests else None,
    }


def put_back(
    session: Session, actor: Actor, form: Operation, stood: Mapping[str, Any], now: datetime
) -> PutBack | Refusal:
    """Write back how the holds of a form stood, but of those that were changed since."""
    what, before = stood["what"], stood["holds"]
    desk = Desk(session, actor, map(int, before))
    as_before = _as_before(session, form)
    good, left = desk.each(
        lambda hold: None if as_before(hold) == before[str(hold.id)]["lock"] + 1 else _MOVED
    )
    changed = tuple(dict.fromkeys(one.number for one in left))
    if not good:
        first = desk.holds.get(left[0].hold_id)
        told = changed[0] if len(changed) == 1 else f"Each of the {len(changed)}"
        message = f"{told} was changed since: nothing was taken back."
        return Refusal("undo.moved", message, latest(session, first, but=form.id) if first else "")
    _write(desk, good, before)
    made = [done(hold, f"{actor.name} took the {what} of {hold.number} back.") for hold in good]
    desk.tell(made, "operation.undone", now, form.id)
    again = {str(hold.id): {**before[str(hold.id)], "back": hold.lock + 1} for hold in good}
    form.stood = {"what": what, "holds": {**before, **again}}
    bulk.forget(session, Hold, [hold.id for hold in good])
    return PutBack(len(good), changed)


def _as_before(session: Session, form: Operation) -> Callable[[Hold], int]:
    """The lock of a hold without the acts that this person took back: as if they never were."""
    query = select(Operation.stood).where(
        Operation.person_id == form.person_id,
        Operation.company_id == form.company_id,
        Operation.undo_until >= form.undo_until,
        Operation.undone_at.is_not(None),
        Operation.stood.is_not(None),
    )
    undone = {
        (int(hold_id), one["back"]): one["lock"]
        for noted in session.scalars(query.order_by(Operation.id))
        for hold_id, one in noted["holds"].items()
        if "back" in one
    }

    def lock(hold: Hold) -> int:
        found = hold.lock
        while (hold.id, found) in undone:
            found = undone[hold.id, found]
        return found

    return lock


def _write(desk: Desk, holds: Iterable[Hold], before: Mapping[str, Any]) -> None:
    """The person and the rest of each hold; somebody who left meanwhile gets nothing back."""
    stands = {hold.id: before[str(hold.id)] for hold in holds}
    wanted = {one["person_id"] for one in stands.values()} - {None}
    here = takers(desk.session, desk.company_id, wanted)
    rows = [
        {
            "id": hold_id,
            "person_id": one["person_id"] if one["person_id"] in here else None,
            "snoozed_until": moment_of(one["snoozed_until"]) if one["snoozed_until"] else None,
        }
        for hold_id, one in stands.items()
    ]
    bulk.update(desk.session, Hold, rows, bump="lock")
