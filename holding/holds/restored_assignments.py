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
from holding.holds.holds import FINDING, Desk, done_with, latest_event_text
from holding.platform.states import OF_READING, recount_causes
from rules.outcomes import NEEDS_APPROVAL
from rules.values.canonical import PostingState

_MOVED = Refusal("undo.moved", "It was changed since.")


@dataclass(frozen=True, slots=True)
class PutBack:
    """The number of restored holds, and the numbers of holds that changed meanwhile."""

    holds: int
    changed: tuple[str, ...]

    @property
    def say(self) -> str:
        """One sentence for the page."""
        sentence = f"Undone: {plural(self.holds, 'hold is as it was', 'holds are as they were')}."
        if not self.changed:
            return sentence
        first_numbers = ", ".join(self.changed[:5]) + (", …" if len(self.changed) > 5 else "")
        stay = plural(
            len(self.changed), "was changed since and stays", "were changed since and stay"
        )
        return f"{sentence} {stay}: {first_numbers}."


def state_before(what: str, holds: Iterable[Hold]) -> dict[str, Any]:
    """Return what a form stores about holds before changing them; `what` names the change."""
    return {"what": what, "holds": {str(hold.id): _as_it_is(hold) for hold in holds}}


def _as_it_is(hold: Hold) -> dict[str, Any]:
    rests = hold.snoozed_until
    return {
        "lock": hold.lock,
        "person_id": hold.person_id,
        "snoozed_until": moment_text(rests) if rests else None,
    }


def restore_state(
    session: Session, actor: Actor, form: Operation, stood: Mapping[str, Any], now: datetime
) -> PutBack | Refusal:
    """Restore the holds of a form to their earlier state, except those changed since."""
    what, before = stood["what"], stood["holds"]
    desk = Desk(session, actor, map(int, before))
    as_before = _as_before(session, form)
    good, refused_holds = desk.each(
        lambda hold: None if as_before(hold) == before[str(hold.id)]["lock"] + 1 else _MOVED
    )
    changed = tuple(dict.fromkeys(left_hold.number for left_hold in refused_holds))
    if not good:
        first = desk.holds.get(refused_holds[0].hold_id)
        subject = changed[0] if len(changed) == 1 else f"Each of the {len(changed)}"
        message = f"{subject} was changed since: nothing was undone."
        return Refusal(
            "undo.moved", message, latest_event_text(session, first, but=form.id) if first else ""
        )
    _write(desk, good, before)
    restored = [
        done_with(hold, f"{actor.name} undid the {what} of {hold.number}.") for hold in good
    ]
    desk.tell(restored, "operation.undone", now, form.id)
    restored_state = {
        str(hold.id): {**before[str(hold.id)], "back": hold.lock + 1} for hold in good
    }
    form.stood = {"what": what, "holds": {**before, **restored_state}}
    bulk.forget(session, Hold, [hold.id for hold in good])
    return PutBack(len(good), changed)


def _as_before(session: Session, form: Operation) -> Callable[[Hold], int]:
    """Return a function for a hold's lock as it would be without this user's undone actions."""
    query = select(Operation.stood).where(
        Operation.person_id == form.person_id,
        Operation.company_id == form.company_id,
        Operation.undo_until >= form.undo_until,
        Operation.undone_at.is_not(None),
        Operation.stood.is_not(None),
    )
    undone = {
        (int(hold_id), hold_state["back"]): hold_state["lock"]
        for stored_state in session.scalars(query.order_by(Operation.id))
        for hold_id, hold_state in stored_state["holds"].items()
        if "back" in hold_state
    }

    def lock(hold: Hold) -> int:
        earlier_lock = hold.lock
        while (hold.id, earlier_lock) in undone:
            earlier_lock = undone[hold.id, earlier_lock]
        return earlier_lock

    return lock


def _write(desk: Desk, holds: Iterable[Hold], before: Mapping[str, Any]) -> None:
    """Restore owner and snooze of each hold. A user who left gets no holds back."""
    state_by_hold = {hold.id: before[str(hold.id)] for hold in holds}
    person_ids = {hold_state["person_id"] for hold_state in state_by_hold.values()} - {None}
    takers_by_id = takers(desk.session, desk.company_id, person_ids)
    rows = [
        {
            "id": hold_id,
            "person_id": hold_state["person_id"]
            if hold_state["person_id"] in takers_by_id
            else None,
            "snoozed_until": moment_of(hold_state["snoozed_until"])
            if hold_state["snoozed_until"]
            else None,
        }
        for hold_id, hold_state in state_by_hold.items()
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
    or_(Hold.code.in_(sorted(OF_READING)), _other.cause_id == Hold.cause_id),
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


def reopen_holds(
    session: Session, release_ids: Collection[int], approval_ids: Collection[int]
) -> None:
    """Reopen holds that these decisions released, rejected or approved, with text, owner and age.

    An evaluation keeps the findings that still exist. A finding of a target reading stays while the
    document is posted. The caller sets the records' states.
    """
    released = (
        select(Hold)
        .join(Release, _THEIRS)
        .where(bulk.among(Release.id, release_ids), Hold.state == HoldState.RELEASED)
        .where(or_(Hold.code.not_in(sorted(OF_READING)), _POSTED), ~_OPEN)
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
    # Decisions in one instant match every copy of a hold: reopen the latest copy of each finding.
    latest = {
        tuple(getattr(hold, name) for name in FINDING): hold
        for query, ids in (
            (released, release_ids),
            (rejected, release_ids),
            (approved, approval_ids),
        )
        if ids
        for hold in session.scalars(query.order_by(Hold.id))
    }
    bulk.insert_rows(session, Hold, [_again(hold) for hold in latest.values()])
    recount_causes(session, sorted({hold.cause_id for hold in latest.values()}))


def _again(hold: Hold) -> dict[str, Any]:
    """Return the columns of a new hold that copies this one."""
    columns = {
        attribute.columns[0].name: attribute.key for attribute in Hold.__mapper__.column_attrs
    }
    copied_columns = {name: getattr(hold, key) for name, key in columns.items() if name != "id"}
    return copied_columns | _NEW
