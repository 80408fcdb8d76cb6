"""Lay out a record's path as a picture: delivery, version, verdict, approval, attempt, document."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from holding.db.models import (
    Approval,
    Attempt,
    Connection,
    Delivery,
    Evaluation,
    Person,
    Posting,
    Push,
    Request,
    Version,
)
from holding.platform.states import ATTEMPT_LABELS, state_label
from rules.values.canonical import PostingState, in_sentence

MOST: Final = 12  # boxes of a column; the newest are drawn
WIDTH: Final = 152
HEIGHT: Final = 44
ACROSS: Final = 176
DOWN: Final = 60
TOP: Final = 36


class Stage(StrEnum):
    """The columns of the picture, in the order in which a record passes them."""

    DELIVERY = "Delivery"
    VERSION = "Version"
    VERDICT = "Verdict"
    APPROVAL = "Approval"
    ATTEMPT = "Attempt"
    DOCUMENT = "Document"


STAGES: Final = tuple(Stage)
Key = tuple[Stage, int]  # a column and the id of its row


@dataclass(frozen=True, slots=True)
class Step:
    """One box: its row, title, notes, time, and the boxes that it comes from.

    `never`: it did not happen and will not.
    """

    key: Key
    title: str
    notes: tuple[str, ...]
    at: datetime | None
    sources: tuple[Key, ...]
    never: bool = False

    @property
    def stage(self) -> Stage:
        """The column of the box."""
        return self.key[0]


@dataclass(frozen=True, slots=True)
class Box:
    """A step with the upper left corner of its box, in drawing units."""

    step: Step
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Line:
    """A line from the right side of one box to the left side of another."""

    x1: int
    y1: int
    x2: int
    y2: int


@dataclass(frozen=True, slots=True)
class Picture:
    """The drawing, `width` x `height` units large.

    `left_out` counts older steps of full columns.
    """

    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    width: int
    height: int
    left_out: int

    def source_titles(self, step: Step) -> tuple[str, ...]:
        """Return the titles of the boxes that a step comes from."""
        known = {box.step.key: box.step.title for box in self.boxes}
        return tuple(known[key] for key in step.sources if key in known)


def load_picture(session: Session, record_id: int) -> Picture:
    """Return a record's path from its deliveries to its documents, from stored rows only."""
    return lay_out(load_steps(session, record_id))


def lay_out(found: Sequence[Step]) -> Picture:
    """Place steps as boxes and lines: one column per stage, oldest on top."""
    boxes: dict[Key, Box] = {}
    left_out = 0
    for column, stage in enumerate(STAGES):
        of_stage = [step for step in found if step.stage is stage]
        left_out += max(0, len(of_stage) - MOST)
        for row, step in enumerate(of_stage[-MOST:]):
            boxes[step.key] = Box(step, column * ACROSS, TOP + row * DOWN)
    lines = [
        Line(boxes[key].x + WIDTH, boxes[key].y + HEIGHT // 2, box.x, box.y + HEIGHT // 2)
        for box in boxes.values()
        for key in box.step.sources
        if key in boxes
    ]
    height = max((box.y for box in boxes.values()), default=TOP) + DOWN
    return Picture(
        tuple(boxes.values()), tuple(lines), (len(STAGES) - 1) * ACROSS + WIDTH, height, left_out
    )


def load_steps(session: Session, record_id: int) -> tuple[Step, ...]:
    """Return every step, column by column, oldest first."""
    of_record = Posting.record_id == record_id
    documents, carried = select(Posting.id).where(of_record), select(Version.delivery_id)
    carried = carried.where(Version.record_id == record_id)
    postings = _load_postings(session, of_record)
    approvals = _load_approvals(session, documents)
    pushes = {push.id: push for push in _load(session, Push, Push.posting_id.in_(documents))}
    attempts = _load_attempts(session, documents)
    approval_rows = [row for row, _ in approvals]
    deliveries = _load(session, Delivery, Delivery.id.in_(carried))
    versions = _load(session, Version, Version.record_id == record_id)
    verdicts = _load(session, Evaluation, Evaluation.record_id == record_id)
    return (
        *_deliveries(deliveries),
        *(_version(row) for row in versions),
        *(_verdict(row) for row in verdicts),
        *_approvals(approvals, [row for row, _ in postings]),
        *(_attempt(row, kind, pushes[row.push_id], approval_rows) for row, kind in attempts),
        *_documents(postings, [row for row, _ in attempts], pushes),
    )


def _load(session: Session, model: Any, term: Any) -> Sequence[Any]:
    return list(session.scalars(select(model).where(term).order_by(model.id)))


def _load_approvals(session: Session, documents: Select[int]) -> Sequence[Any]:
    """Return approvals with the name of the approver."""
    query = select(Approval, Person.name).join(Person, Person.id == Approval.person_id)
    rows = session.execute(query.where(Approval.posting_id.in_(documents)).order_by(Approval.id))
    return list(rows)


def _load_attempts(session: Session, documents: Select[int]) -> Sequence[Any]:
    """Return attempts with the kind of their call."""
    rows = session.execute(
        select(Attempt, Request.kind)
        .join(Request, Request.id == Attempt.request_id)
        .join(Push, Push.id == Attempt.push_id)
        .where(Push.posting_id.in_(documents))
        .order_by(Attempt.id)
    )
    return list(rows)


def _load_postings(session: Session, mine: ColumnElement[bool]) -> Sequence[Any]:
    """Return documents with the name of their target."""
    query = select(Posting, Connection.name).where(mine).order_by(Posting.id)
    rows = session.execute(query.join(Connection, Connection.id == Posting.connection_id))
    return list(rows)


def _deliveries(found: Iterable[Delivery]) -> list[Step]:
    return [
        Step((Stage.DELIVERY, one.id), f"Delivery {one.id}", (one.kind,), one.received_at, ())
        for one in found
    ]


def _version(one: Version) -> Step:
    source = ((Stage.DELIVERY, one.delivery_id),) if one.delivery_id is not None else ()
    note = "corrected by hand" if one.corrects_id else one.status
    return Step((Stage.VERSION, one.id), f"Version {one.no}", (note,), one.at, source)


def _verdict(one: Evaluation) -> Step:
    decisions = one.outcome.get("decisions", []) if isinstance(one.outcome, dict) else []
    failed = isinstance(one.outcome, dict) and "error" in one.outcome
    none = "not known" if failed else "no posting rule applies"
    states = dict.fromkeys(in_sentence(state_label(str(each["state"]))) for each in decisions)
    return Step(
        (Stage.VERDICT, one.id),
        f"Verdict {one.id}",
        tuple(states) or (none,),
        one.at,
        ((Stage.VERSION, one.version_id),),
    )


def _approvals(approvals: Iterable[Any], postings: Iterable[Posting]) -> list[Step]:
    """Return approvals; each comes from the verdict that planned its posting."""
    planned = {posting.id: posting.evaluation_id for posting in postings}
    return [
        Step(
            (Stage.APPROVAL, one.id),
            f"Approval {one.id}",
            (name, "void") if one.voided_at else (name,),
            one.at,
            ((Stage.VERDICT, planned[one.posting_id]),),
        )
        for one, name in approvals
    ]


def _attempt(one: Attempt, kind: str, push: Push, approvals: Iterable[Approval]) -> Step:
    """Return an attempt; it comes from approvals of exactly its content, otherwise from its
    verdict.
    """
    approval_keys = tuple(
        (Stage.APPROVAL, approval.id)
        for approval in approvals
        if approval.posting_id == push.posting_id
        and approval.hash == push.hash
        and not approval.voided_at
    )
    sources = approval_keys or ((Stage.VERDICT, push.evaluation_id),)
    title = f"Attempt {one.no}" if kind == "push" else f"Look-up {one.no}"
    notes = (push.number, in_sentence(ATTEMPT_LABELS[one.state]))
    return Step((Stage.ATTEMPT, one.id), title, notes, one.at, sources)


def _documents(
    postings: Iterable[Any], attempts: Iterable[Attempt], pushes: dict[int, Push]
) -> list[Step]:
    """Return documents; each comes from its attempts, otherwise from the verdict that plans it."""
    attempts_by_posting: dict[int, list[Key]] = {}
    for one in attempts:
        attempts_by_posting.setdefault(pushes[one.push_id].posting_id, []).append(
            (Stage.ATTEMPT, one.id)
        )
    return [
        Step(
            (Stage.DOCUMENT, one.id),
            one.number or f"Document {one.seq}",
            (target, in_sentence(state_label(one.state, one.reason))),
            one.posted_at,
            tuple(attempts_by_posting.get(one.id, [(Stage.VERDICT, one.evaluation_id)])),
            never=one.state in {PostingState.DROPPED, PostingState.IGNORED},
        )
        for one, target in postings
    ]
