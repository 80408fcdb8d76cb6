"""The way of a record as a picture: delivery, version, verdict, approval, attempt, document.

Here: what is drawn, what leads to what, and where each box stands. Not here: the values of a
document (lineage.py), the drawing itself (portal/templates/records).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access.people import names_of
from holding.tables import (
    Approval,
    Attempt,
    Connection,
    Delivery,
    Evaluation,
    Posting,
    Push,
    Request,
    Version,
)
from rules.values.posting_states import PostingState

MOST: Final = 12  # boxes of a column; the newest are drawn
WIDTH: Final = 152
HEIGHT: Final = 44
ACROSS: Final = 176
DOWN: Final = 60
TOP: Final = 36


class Stage(StrEnum):
    """The columns of the picture, in the order in which a record goes through them."""

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
    """One box: its row, what it says, when it was, and what it comes from."""

    key: Key
    title: str
    note: str
    at: datetime | None
    sources: tuple[Key, ...]

    @property
    def stage(self) -> Stage:
        """Its column."""
        return self.key[0]


@dataclass(frozen=True, slots=True)
class Box:
    """A step with the upper left corner of its box, in units of the drawing."""

    step: Step
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Line:
    """From the right side of one box to the left side of another."""

    x1: int
    y1: int
    x2: int
    y2: int


@dataclass(frozen=True, slots=True)
class Picture:
    """What is drawn, in a box of `width` x `height` units.

    `left_out`: how many older steps of full columns are not.
    """

    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    width: int
    height: int
    left_out: int

    def source_titles(self, step: Step) -> tuple[str, ...]:
        """What a step comes from, in words."""
        known = {box.step.key: box.step.title for box in self.boxes}
        return tuple(known[key] for key in step.sources if key in known)


def picture(session: Session, record_id: int) -> Picture:
    """The way of a record from its deliveries to its documents, from stored rows alone."""
    return drawn(steps(session, record_id))


def drawn(found: Sequence[Step]) -> Picture:
    """Steps as boxes and lines: a column a stage, the oldest on top."""
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


def steps(session: Session, record_id: int) -> tuple[Step, ...]:
    """Every step, column by column, the oldest first."""
    versions = _rows(session, Version, Version.record_id == record_id)
    verdicts = _rows(session, Evaluation, Evaluation.record_id == record_id)
    postings = _rows(session, Posting, Posting.record_id == record_id)
    ids = [posting.id for posting in postings]
    given = select(Approval).where(Approval.posting_id.in_(ids)).order_by(Approval.id)
    approvals = session.scalars(given).all()
    pushes = {push.id: push for push in _rows(session, Push, Push.posting_id.in_(ids))}
    attempts = session.execute(
        select(Attempt, Request.kind)
        .join(Request, Request.id == Attempt.request_id)
        .where(Attempt.push_id.in_(sorted(pushes)))
        .order_by(Attempt.id)
    ).all()
    return (
        *_deliveries(session, versions),
        *(_version(one) for one in versions),
        *(_verdict(one) for one in verdicts),
        *_approvals(session, approvals, postings),
        *(_attempt(one, kind, pushes[one.push_id], approvals) for one, kind in attempts),
        *_documents(session, postings, [one for one, _ in attempts], pushes),
    )


def _rows(session: Session, model: Any, term: Any) -> Sequence[Any]:
    return session.scalars(select(model).where(term).order_by(model.id)).all()


def _deliveries(session: Session, versions: Iterable[Version]) -> list[Step]:
    ids = {one.delivery_id for one in versions if one.delivery_id is not None}
    found = _rows(session, Delivery, Delivery.id.in_(sorted(ids)))
    return [
        Step((Stage.DELIVERY, one.id), f"Delivery {one.id}", one.kind, one.received_at, ())
        for one in found
    ]


def _version(one: Version) -> Step:
    source = ((Stage.DELIVERY, one.delivery_id),) if one.delivery_id is not None else ()
    note = "corrected by hand" if one.corrects_id else one.status
    return Step((Stage.VERSION, one.id), f"Version {one.no}", note, one.at, source)


def _verdict(one: Evaluation) -> Step:
    decisions = one.outcome.get("decisions", []) if isinstance(one.outcome, dict) else []
    note = ", ".join(dict.fromkeys(str(each["state"]) for each in decisions)) or "no route applies"
    return Step(
        (Stage.VERDICT, one.id),
        f"Verdict {one.id}",
        note,
        one.at,
        ((Stage.VERSION, one.version_id),),
    )


def _approvals(
    session: Session, approvals: Iterable[Approval], postings: Iterable[Posting]
) -> list[Step]:
    """Each comes from the verdict that its posting was planned by."""
    planned = {posting.id: posting.evaluation_id for posting in postings}
    people = names_of(session, [one.person_id for one in approvals])
    return [
        Step(
            (Stage.APPROVAL, one.id),
            f"Approval {one.id}",
            f"{people.get(one.person_id, 'not recorded')}{', void' if one.voided_at else ''}",
            one.at,
            ((Stage.VERDICT, planned[one.posting_id]),),
        )
        for one in approvals
    ]


def _attempt(one: Attempt, kind: str, push: Push, approvals: Iterable[Approval]) -> Step:
    """It comes from the approvals of exactly its content, else from the verdict of its push."""
    given = tuple(
        (Stage.APPROVAL, each.id)
        for each in approvals
        if each.posting_id == push.posting_id and each.hash == push.hash and not each.voided_at
    )
    sources = given or ((Stage.VERDICT, push.evaluation_id),)
    title = f"Look-up {one.no}" if kind == "lookup" else f"Attempt {one.no}"
    note = f"{push.number}, {one.state}"
    return Step((Stage.ATTEMPT, one.id), title, note, one.at, sources)


def _documents(
    session: Session,
    postings: Sequence[Posting],
    attempts: Iterable[Attempt],
    pushes: dict[int, Push],
) -> list[Step]:
    """Each comes from the attempts that were made for it, else from the verdict that plans it."""
    names = {
        one.id: one.name
        for one in _rows(
            session, Connection, Connection.id.in_({posting.connection_id for posting in postings})
        )
    }
    made: dict[int, list[Key]] = {}
    for one in attempts:
        made.setdefault(pushes[one.push_id].posting_id, []).append((Stage.ATTEMPT, one.id))
    return [
        Step(
            (Stage.DOCUMENT, one.id),
            one.number or f"Document {one.seq}",
            f"{names[one.connection_id]}, {one.state}",
            one.posted_at if one.state == PostingState.POSTED else None,
            tuple(made.get(one.id, [(Stage.VERDICT, one.evaluation_id)])),
        )
        for one in postings
    ]
