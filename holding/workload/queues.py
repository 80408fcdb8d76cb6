"""What is due now and what is in hand, by queue: checks, documents and look-ups of each target.

Here: counts, the oldest, and how old what is due is. Not here: who works (workers_seen.py), why
something waits (long_waits.py), runs by the calendar (holding/worklist/idle_work.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, func, select, text
from sqlalchemy.orm import Session

from holding.tables import Company, Connection, Posting, Record
from holding.tables.columns import DUE, LEASED, among_words
from holding.tables.postings import IN_FLIGHT_STATES
from rules.values.posting_states import PostingState


class Part(StrEnum):
    """What is done with what stands in a queue."""

    CHECKS = "checks"
    DOCUMENTS = "documents"
    LOOK_UPS = "look-ups"


AGES: Final = (
    ("under 10 s", timedelta(seconds=10)),
    ("10 s to 1 min", timedelta(minutes=1)),
    ("1 to 10 min", timedelta(minutes=10)),
    ("10 min to 1 h", timedelta(hours=1)),
    ("over 1 h", timedelta.max),
)
"""How old due work is: the words, and the age that it has not reached yet."""


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue of a company; `connection` is "" for checks. `ages` counts what is due by `AGES`.

    Due is what its moment has come for and nobody has in hand, also where its target is paused or
    out of reach: it waits all the same.
    """

    part: Part
    connection: str
    due: int
    in_hand: int
    oldest_at: datetime | None
    ages: tuple[int, ...]

    def oldest(self, now: datetime) -> float:
        """Seconds since the oldest of it became due; 0 where nothing is."""
        return max(0.0, (now - self.oldest_at).total_seconds()) if self.oldest_at else 0.0


def queues(session: Session, company_id: int, now: datetime) -> tuple[Queue, ...]:
    """The queues of a company: its checks, then two of each target in order of names."""
    return (_checks(session, company_id, now), *_of_targets(session, company_id, now))


def by_age(found: Sequence[Queue]) -> tuple[tuple[str, int], ...]:
    """How much is due of each age, in all of these queues."""
    sums = [sum(column) for column in zip(*(one.ages for one in found), strict=True)]
    return tuple((words, count) for (words, _), count in zip(AGES, sums, strict=True))


def _checks(session: Session, company_id: int, now: datetime) -> Queue:
    due = (
        select(func.count(), func.min(Record.due_at), *_ages(Record.due_at, now))
        .join(Company, Company.id == Record.company_id)
        .where(Record.company_id == company_id, Company.ruleset_version_id.is_not(None))
        .where(text(f"record.{DUE}"), Record.due_at <= now)
    )
    in_hand = select(func.count()).where(Record.company_id == company_id, text(f"record.{LEASED}"))
    count, oldest, *ages = session.execute(due).one()
    return _queue(Part.CHECKS, "", (count, oldest, *ages), session.scalar(in_hand) or 0)


def _of_targets(session: Session, company_id: int, now: datetime) -> list[Queue]:
    targets = session.execute(
        select(Connection.id, Connection.name)
        .where(Connection.company_id == company_id, Connection.side == "target")
        .order_by(Connection.name)
    ).all()
    looking = case((among_words(Posting.state, IN_FLIGHT_STATES), 1), else_=0).label("looking")
    mine = Posting.connection_id.in_([row.id for row in targets])
    sent = among_words(Posting.state, (PostingState.READY, *IN_FLIGHT_STATES))
    due = session.execute(
        select(
            Posting.connection_id,
            looking,
            func.count(),
            func.min(Posting.due_at),
            *_ages(Posting.due_at, now),
        )
        .where(mine, text(f"posting.{DUE}"), Posting.due_at <= now, sent)
        .group_by(Posting.connection_id, looking)
    )
    in_hand = session.execute(
        select(Posting.connection_id, looking, func.count())
        .where(mine, text(f"posting.{LEASED}"))
        .group_by(Posting.connection_id, looking)
    )
    rows = {(row[0], row[1]): tuple(row[2:]) for row in due}
    held = {(row[0], row[1]): row[2] for row in in_hand}
    none = (0, None, *(0 for _ in AGES))
    return [
        _queue(part, row.name, rows.get((row.id, flag), none), held.get((row.id, flag), 0))
        for row in targets
        for part, flag in ((Part.DOCUMENTS, 0), (Part.LOOK_UPS, 1))
    ]


def _queue(part: Part, connection: str, row: Sequence[Any], in_hand: int) -> Queue:
    count, oldest, *ages = row
    return Queue(part, connection, count, in_hand, oldest, tuple(int(one or 0) for one in ages))


def _ages(due_at: Any, now: datetime) -> list[ColumnElement[int]]:
    """One sum for each of `AGES`: the youngest first, so that each row counts once."""
    bounds = [now - age for _, age in AGES[:-1]]
    found, younger = [], None
    for bound in [*bounds, None]:
        inside = []
        if bound is not None:
            inside.append(due_at > bound)
        if younger is not None:
            inside.append(due_at <= younger)
        found.append(_sum(inside))
        younger = bound
    return found


def _sum(inside: Sequence[ColumnElement[bool]]) -> ColumnElement[int]:
    return func.sum(case((and_(*inside), 1), else_=0))
