"""Undo a user's action on holds before any of its results was sent.

Assignments and snoozes are restored in `restored_assignments.py`.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, and_, exists, or_, select, update
from sqlalchemy.orm import Session, aliased

from holding.access.actors import Actor
from holding.access.operations import find_operation
from holding.approvals import consent
from holding.db import bulk, kept_plans
from holding.db.models import Approval, Dating, Operation, Posting, Push, Record, Release
from holding.db.models.postings import IN_FLIGHT_STATES
from holding.db.refusal import Refusal, plural
from holding.holds.restored_assignments import PutBack, reopen_holds, restore_state
from holding.platform.changes import wake_records
from holding.platform.events import Fact, record_events
from holding.platform.settings import Settings
from holding.platform.states import move_postings, refresh_record_states
from rules.values.canonical import PostingState

_ABOUT: Final = ("record_id", "route", "instead_of", "day")
KEPT: Final = (*_ABOUT, "person_id", "reason", "at", "operation_id")


def restore_datings(session: Session, taken_back: Collection[int]) -> None:
    """Insert again the dates that were voided to make way for these.

    Such a date was voided at the time the other was set, and was not undone itself.
    """
    later = aliased(Dating)
    made_way = and_(
        Dating.record_id == later.record_id,
        Dating.route == later.route,
        Dating.id < later.id,
        Dating.voided_at == later.at,
    )
    query = (
        select(later.id, Dating)
        .join(Dating, made_way)
        .outerjoin(Operation, Operation.id == Dating.operation_id)
        .where(bulk.among(later.id, taken_back), Operation.undone_at.is_(None))
        .where(or_(Dating.operation_id.is_(None), Dating.operation_id != later.operation_id))
        .order_by(Dating.id)
    )
    newest = dict(session.execute(query).all())
    rows = [{name: getattr(row, name) for name in KEPT} for row in newest.values()]
    bulk.insert_rows(session, Dating, rows)


AGAIN: Final = {  # posted: what was planned on it
    PostingState.READY: PostingState.HELD,
    PostingState.IGNORED: PostingState.HELD,  # what was rejected
    PostingState.POSTED: PostingState.POSTED,
}


@dataclass(frozen=True, slots=True)
class Undone:
    """The number of restored documents, and the numbers of those already being sent."""

    undone: int
    sent: tuple[str, ...]

    @property
    def say(self) -> str:
        """One sentence for the page."""
        waits = plural(self.undone, "document is on hold", "documents are on hold")
        sentence = f"Undone: {waits} again."
        if not self.sent:
            return sentence
        first_numbers = ", ".join(self.sent[:5]) + (", …" if len(self.sent) > 5 else "")
        return f"{sentence} {len(self.sent)} already sent: {first_numbers}."


@dataclass(frozen=True, slots=True)
class Undoable:
    """A user's latest action, and until when it can be undone.

    `sends`: something is sent when that time is over.
    """

    op: str
    say: str
    until: datetime
    sends: bool


def latest_undoable(session: Session, actor: Actor, now: datetime) -> Undoable | None:
    """Return the user's latest action that can still be undone."""
    if not Settings.from_env().undo_seconds:
        return None
    query = (
        select(Operation.id, Operation.say, Operation.undo_until)
        .add_columns(Operation.stood.is_(None).label("sends"))
        .where(
            Operation.person_id == actor.person_id,
            Operation.company_id == actor.company_id,
            Operation.undo_until.is_not(None),
            Operation.undo_until > now,
            Operation.undone_at.is_(None),
        )
        .order_by(Operation.undo_until.desc())
    )
    row = session.execute(query.limit(1), execution_options=kept_plans.KEPT).first()
    if row is None:
        return None
    return Undoable(op=row.id, say=row.say or "", until=row.undo_until, sends=row.sends)


def is_undone(session: Session, op: str) -> bool:
    """Check whether a form's action was undone."""
    form = session.get(Operation, op)
    return form is not None and form.undone_at is not None


def undo(session: Session, actor: Actor, op: str, now: datetime) -> Undone | PutBack | Refusal:
    """Undo a user's form, as far as none of its results is being sent."""
    form = find_operation(session, actor, op, lock=True)
    if form is None or form.undo_until is None:
        return _unknown()
    if refusal := _over(form, form.undo_until, now):
        return refusal
    answer: Undone | PutBack | Refusal
    if form.stood is None or not form.stood["holds"]:
        answer = _void_all(session, actor, op, now)
    else:
        answer = restore_state(session, actor, form, form.stood, now)
    if not isinstance(answer, Refusal):
        form.undone_at = now
    return answer


def _void_all(session: Session, actor: Actor, op: str, now: datetime) -> Undone | Refusal:
    """Void the form's decisions, and put its documents on hold again."""
    lines = _lines(session, op)
    record_ids = sorted({line.record_id for line in lines})
    locked = select(Record.id).where(bulk.among(Record.id, record_ids)).order_by(Record.id)
    session.execute(locked.with_for_update(key_share=True)).all()
    lines = _lines(session, op)
    back = [line for line in lines if not line.begun]
    sent = tuple(dict.fromkeys(line.number for line in lines if line.begun))
    if not back:
        return Refusal(
            code="undo.sent",
            message="You cannot undo this, because sending has already started.",
            hint="What is posted is reversed by the rules, or by hand in the accounting system.",
        )
    _void(session, actor, back, now)
    _hold_again(session, back)
    released, approved = (
        sorted({line.id for line in back if line.of == of}) for of in (RELEASE, APPROVAL)
    )
    reopen_holds(session, released, approved)
    _tell(session, actor, back, now, op)
    wake_records(session, {line.record_id for line in back}, now)
    refresh_record_states(session, sorted({line.record_id for line in back}))
    return Undone(len({(line.record_id, line.posting_id) for line in back}), sent)


APPROVAL, RELEASE, DATING = "approval", "release", "new date"  # what it can be, as it is told


@dataclass(frozen=True, slots=True)
class _Line:
    """One decision of the form, with the posting that it released."""

    of: str
    id: int
    record_id: int
    posting_id: int | None
    number: str
    begun: bool


def _lines(session: Session, op: str) -> list[_Line]:
    lines = [
        _Line(
            of=of,
            id=row.id,
            record_id=row.record_id,
            posting_id=row.posting_id,
            number=row.number,
            begun=bool(row.begun),
        )
        for of, query in _line_queries(op)
        for row in session.execute(query)
    ]
    begun_lines = {(line.of, line.id) for line in lines if line.begun}  # with any of its documents
    return [replace(line, begun=(line.of, line.id) in begun_lines) for line in lines]


def _line_queries(op: str) -> tuple[tuple[str, Select[*tuple[Any, ...]]], ...]:
    """Return the queries for the operation's approvals, releases and datings."""
    pushed = exists().where(Push.posting_id == Posting.id)
    busy = or_(Posting.state.in_(IN_FLIGHT_STATES), Posting.lease_until.is_not(None))
    approvals = (
        select(
            Approval.id,
            Posting.record_id,
            Posting.id.label("posting_id"),
            Posting.number,
            or_(busy, pushed.where(Push.hash == Approval.hash, Push.made_at >= Approval.at)).label(
                "begun"
            ),
        )
        .join(Posting, Posting.id == Approval.posting_id)
        .where(Approval.operation_id == op, Approval.voided_at.is_(None))
    )
    same_posting = and_(
        Posting.record_id == Release.record_id,
        Posting.route == Release.route,
        Posting.seq == Release.seq,
    )
    releases = (
        select(
            Release.id,
            Release.record_id,
            Posting.id.label("posting_id"),
            Record.number,
            or_(busy, pushed.where(Push.made_at >= Release.at)).label("begun"),
        )
        .join(Record, Record.id == Release.record_id)
        .outerjoin(Posting, same_posting)
        .where(Release.operation_id == op, Release.voided_at.is_(None))
    )
    datings = (
        select(
            Dating.id,
            Dating.record_id,
            Posting.id.label("posting_id"),
            Record.number,
            or_(busy, pushed.where(Push.made_at >= Dating.at)).label("begun"),
        )
        .join(Record, Record.id == Dating.record_id)
        .outerjoin(
            Posting,
            and_(Posting.record_id == Dating.record_id, Posting.route == Dating.route),
        )
        .where(Dating.operation_id == op, Dating.voided_at.is_(None))
    )
    return (APPROVAL, approvals), (RELEASE, releases), (DATING, datings)


def _void(session: Session, actor: Actor, lines: Iterable[_Line], now: datetime) -> None:
    all_ = (APPROVAL, RELEASE, DATING)
    ids = {of: sorted({line.id for line in lines if line.of == of}) for of in all_}
    consent.void_taken_back(session, ids[APPROVAL], actor.person_id, now)
    for of, table, more in (
        (RELEASE, Release, {"voided_by_id": actor.person_id}),
        (DATING, Dating, {}),
    ):
        if ids[of]:
            session.execute(
                update(table)
                .where(bulk.among(table.id, ids[of]))
                .values(voided_at=now, **more)
                .execution_options(synchronize_session=False)
            )
    if ids[DATING]:
        restore_datings(session, ids[DATING])


def _hold_again(session: Session, lines: Collection[_Line]) -> None:
    """Put released postings on hold again."""
    ids = sorted({line.posting_id for line in lines if line.posting_id is not None})
    fresh = select(Posting).where(bulk.among(Posting.id, ids))
    postings = session.scalars(fresh.execution_options(populate_existing=True))
    moved = move_postings(
        session, [posting for posting in postings if posting.state in AGAIN], to=AGAIN, due={}
    )
    bulk.forget(session, Posting, moved)


def _tell(session: Session, actor: Actor, lines: Iterable[_Line], now: datetime, op: str) -> None:
    record_events(
        session,
        [
            Fact(
                company_id=actor.company_id or 0,
                at=now,
                actor=actor,
                act="operation.undone",
                record_id=line.record_id,
                posting_id=line.posting_id,
                operation_id=op,
                body={"say": f"{actor.name} undid the {line.of} of {line.number}."},
            )
            for line in lines
        ],
    )


def _over(form: Operation, until: datetime, now: datetime) -> Refusal | None:
    if form.undone_at is not None:
        return Refusal("undo.done", "This was undone already.")
    if now > until:
        return Refusal(
            code="undo.late",
            message="The undo time has passed.",
            hint=(
                "Reject the document on hold, or reverse the posted one in the accounting system."
            ),
        )
    return None


def _unknown() -> Refusal:
    return Refusal("undo.unknown", "There is nothing to undo.", status=404)
