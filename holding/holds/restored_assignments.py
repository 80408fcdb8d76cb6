"""Restore holds to the state that they had before an assignment, snooze, release or approval.

`undo.py` decides whether an action may still be undone.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, exists, or_, select
from sqlalchemy.orm import Session, aliased

from holding.access.actors import Actor
from holding.access.people import takers
from holding.db import bulk
from holding.db.models import Approval, Hold, Operation, Posting, Release
from holding.db.models.columns import HoldState, moment_of, moment_text
from holding.db.models.decisions import is_open
from holding.db.refusal import Refusal, plural
from holding.holds.holds import Desk, done, latest
from holding.platform.states import TOTALS, recount_causes
from rules.outcomes import NEEDS_APPROVAL
from rules.values.canonical import PostingState

_MOVED = Refusal("undo.moved", "It was changed since.")


@dataclass(frozen=True, slots=True)
class PutBack:
    """How many holds are as they were, and the numbers of those that were changed meanwhile."""

    holds: int
    changed: tuple[str, ...]

    @property
    def say(self) -> str:
        """One sentence for the page."""
        told = f"Undone: {plural(self.holds, 'hold is as it was', 'holds are as they were')}."
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
        message = f"{told} was changed since: nothing was undone."
        return Refusal("undo.moved", message, latest(session, first, but=form.id) if first else "")
    _write(desk, good, before)
    made = [done(hold, f"{actor.name} undid the {what} of {hold.number}.") for hold in good]
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


_NEW: Final = {
    "state": HoldState.OPEN,
    "snoozed_until": None,
    "closed_at": None,
    "closed_by_id": None,
    "closed_why": None,
    "closed_evaluation_id": None,
    "lock": 0,
}
_other = aliased(Hold)
_OPEN = exists().where(  # a reading was faster
    _other.record_id == Hold.record_id,
    _other.route == Hold.route,
    _other.seq == Hold.seq,
    _other.code == Hold.code,
    or_(Hold.code == TOTALS, _other.cause_id == Hold.cause_id),
    is_open(_other.state),
)
_THEIRS = and_(
    Hold.record_id == Release.record_id,
    Hold.route == Release.route,
    Hold.seq == Release.seq,
    Hold.code == Release.code,
    Hold.cause_id == Release.cause_id,
    Hold.closed_at == Release.at,
)


_POSTED = exists().where(Posting.id == Hold.posting_id, Posting.state == PostingState.POSTED)
_REJECTED = and_(  # whatever stood on the document
    Release.kind == "reject",
    Hold.record_id == Release.record_id,
    Hold.route == Release.route,
    Hold.seq == Release.seq,
    Hold.closed_at == Release.at,
)
_CONSENTED = and_(
    Hold.posting_id == Approval.posting_id,
    Hold.rule == Approval.level,
    Hold.code == NEEDS_APPROVAL,
    Hold.closed_at == Approval.at,
)


def open_again(
    session: Session, release_ids: Collection[int], approval_ids: Collection[int]
) -> None:
    """Open what these let pass or rejected: as it was, with its words, its owner and its age. A
    judging keeps what it still finds; what only a reading of the target finds stays while that is
    posted. The states of the records are set by whoever asks.
    """
    released = (
        select(Hold)
        .join(Release, _THEIRS)
        .where(bulk.among(Release.id, release_ids), Hold.state == HoldState.RELEASED)
        .where(or_(Hold.code != TOTALS, _POSTED), ~_OPEN)
    )
    rejected = (
        select(Hold)
        .join(Release, _REJECTED)
        .where(bulk.among(Release.id, release_ids), Hold.state == HoldState.CLEARED, ~_OPEN)
    )
    approved = (
        select(Hold)
        .join(Approval, _CONSENTED)
        .where(bulk.among(Approval.id, approval_ids), Hold.state == HoldState.APPROVED, ~_OPEN)
    )
    found = [
        hold
        for query, ids in (
            (released, release_ids),
            (rejected, release_ids),
            (approved, approval_ids),
        )
        if ids
        for hold in session.scalars(query.order_by(Hold.id))
    ]
    bulk.insert_rows(session, Hold, [_again(hold) for hold in found])
    recount_causes(session, sorted({hold.cause_id for hold in found}))


def _again(hold: Hold) -> dict[str, Any]:
    """The columns of a new hold that says what this one says."""
    columns = {one.columns[0].name: one.key for one in Hold.__mapper__.column_attrs}
    kept = {name: getattr(hold, key) for name, key in columns.items() if name != "id"}
    return kept | _NEW
