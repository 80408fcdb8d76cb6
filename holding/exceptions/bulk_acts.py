"""One act over many holds, frozen as somebody looked at them.

Here: which acts there are, the check that each hold still is what was looked at, and the answer of
each. Not here: what the acts do (`releases.py`, `retries.py`, `assignments.py`,
`locked_periods.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access import operations
from holding.access import people as teams
from holding.access.actors import Actor, may
from holding.access.operations import once
from holding.access.reach import within
from holding.approvals import separation as releasers
from holding.db import bulk
from holding.db.models import Hold, Record
from holding.db.models.columns import HoldState
from holding.db.refusal import Refusal
from holding.exceptions import assignments, locked_periods, releases, retries
from holding.exceptions.holds import Each, Left, lock_records, read_each
from holding.programs.posted_differences import ACCEPTED, CODES

Act = Literal["release", "retry", "assign", "snooze", "date"]
MOST: Final = 1000
NEEDS: Final[Mapping[str, str]] = {
    "release": releasers.ACT,
    "retry": retries.ACT,
    "assign": teams.ACT,
    "snooze": teams.ACT,
    "date": locked_periods.DATE,
}
_ALONE: Final[Mapping[str, tuple[str, ...]]] = {"release": (ACCEPTED,), "retry": CODES}
"""The acts by which no change after posting is decided together with others."""
Seen = Mapping[int, tuple[int, int]]  # hold id -> its lock and its record's version


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What to do with which holds, as they were looked at."""

    act: Act
    seen: Seen
    reason: str = ""
    person_id: int | None = None
    until: datetime | None = None
    day: date | None = None  # None: the first open one of each
    opened: bool = False  # a retry asks whether the person has opened the messages


@dataclass(frozen=True, slots=True)
class SetChanged(Refusal):
    """Some of the holds are not what was looked at; `changes`: what became of each of these."""

    changes: tuple[Left, ...] = ()


def open_to(actor: Actor) -> list[str]:
    """The acts that a person may do at all."""
    return [act for act, need in NEEDS.items() if may(actor, need) is None]


def do(
    session: Session, actor: Actor, wish: Wish, now: datetime, op: str, *, as_seen: bool = False
) -> Each | Refusal:
    """Do it with each of the holds; what cannot be done is left, with its reason, and stops none
    of the others. `as_seen`: with all of them as they were looked at, or with none (SetChanged).
    """
    if len(wish.seen) > MOST:
        return Refusal(
            code="many.too_many",
            message=f"At most {MOST:,} at once; these are {len(wish.seen):,}.",
            hint="Narrow the filter.",
            status=422,
        )

    def act() -> Each | Refusal:
        moved = _moved(session, actor, wish.seen)
        if as_seen and (changes := (*moved.values(), *_closed(session, actor, wish.seen))):
            return _changed(changes)
        rest = [hold_id for hold_id in wish.seen if hold_id not in moved]
        answer = _act(session, actor, wish, rest, now, op)
        if isinstance(answer, Refusal):
            return answer
        return replace(answer, left=(*moved.values(), *answer.left))

    asked = ("many", wish)
    return once(session, actor, op, asked=asked, now=now, act=act, read=read_each)


def forbidden(answer: Each) -> Refusal | None:
    """What is said where nothing was done because none of the holds is the person's to decide."""
    return None if answer.done else releasers.none_of([one.refusal for one in answer.left])


def answered(session: Session, actor: Actor, op: str) -> Each | None:
    """What was done for a form of this person."""
    return operations.answered(session, actor, op, ("done", "left"), read_each)


def _act(
    session: Session, actor: Actor, wish: Wish, ids: list[int], now: datetime, op: str
) -> Each | Refusal:
    if wish.act in _ALONE:
        alone = _alone(session, actor, ids, _ALONE[wish.act])
        rest = [hold_id for hold_id in ids if hold_id not in alone]
        if wish.act == "release":
            answer = releases.release_each(session, actor, rest, wish.reason, now, op)
        else:
            answer = retries.retry_each(session, actor, rest, now, op, opened=wish.opened)
        if isinstance(answer, Refusal):
            return answer
        return replace(answer, left=(*alone.values(), *answer.left))
    if wish.act == "assign":
        return assignments.assign_each(session, actor, ids, wish.person_id, now, op)
    if wish.act == "date":
        return locked_periods.date_each(session, actor, ids, wish.day, wish.reason, now, op)
    return assignments.snooze_each(session, actor, ids, wish.until or now, now, op)


def _alone(
    session: Session, actor: Actor, ids: list[int], codes: tuple[str, ...]
) -> dict[int, Left]:
    """The holds that are decided one by one: each change after posting has its own money."""
    query = select(Hold.id, Hold.number).where(
        Hold.company_id == (actor.company_id or 0),
        bulk.among(Hold.id, ids),
        Hold.code.in_(codes),
        *within(actor.reach, Hold),
    )
    return {
        hold_id: Left(
            hold_id,
            number,
            Refusal(
                code="difference.alone",
                message=f"{number} changed after posting, so its difference is decided on its own.",
                hint="Open it to see what is posted against what the source says now.",
            ),
        )
        for hold_id, number in session.execute(query.order_by(Hold.id))
    }


def _changed(changes: tuple[Left, ...]) -> SetChanged:
    """The refusal of all of them for what became of some."""
    return SetChanged(
        code="many.changed",
        message="The list changed while you were reviewing it. Nothing was done.",
        hint="Look at what changed, then do it with what is there now.",
        status=409,
        changes=changes,
    )


def _closed(session: Session, actor: Actor, seen: Seen) -> list[Left]:
    """The holds that nobody has to decide about any more."""
    query = (
        select(Hold.id, Hold.number)
        .where(Hold.company_id == (actor.company_id or 0), bulk.among(Hold.id, list(seen)))
        .where(Hold.state != HoldState.OPEN, *within(actor.reach, Hold))
        .order_by(Hold.id)
    )
    over = Refusal("hold.closed", "It is no longer on hold.", "Nothing is left to do.")
    return [Left(row.id, row.number, over) for row in session.execute(query)]


def _moved(session: Session, actor: Actor, seen: Seen) -> dict[int, Left]:
    """The holds that are not what was looked at: theirs is a content that nobody saw."""
    lock_records(session, actor.company_id or 0, list(seen))
    query = (
        select(Hold.id, Hold.lock, Hold.number, Hold.state, Record.version_id)
        .join(Record, Record.id == Hold.record_id)
        .where(Hold.company_id == (actor.company_id or 0), bulk.among(Hold.id, list(seen)))
        .where(*within(actor.reach, Hold))
        .order_by(Record.id, Hold.id)
    )
    changed = Refusal(
        code="hold.moved",
        message="It changed while you were reviewing it.",
        hint="Look at it again.",
    )
    return {
        row.id: Left(row.id, row.number, changed)
        for row in session.execute(query)
        if row.state == HoldState.OPEN and seen[row.id] != (row.lock, row.version_id)
    }
