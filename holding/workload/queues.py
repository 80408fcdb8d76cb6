"""What is due now and what is in hand, by queue: checks, documents and look-ups of each target.

Here: counts, the oldest, and how old what is due is. Not here: who works (workers_seen.py), why
something waits (long_waits.py), runs by the calendar (holding/workload/idle_work.py).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, case, func, select, text
from sqlalchemy.orm import Session

from holding.db.models import Company, Connection, Posting, Record
from holding.db.models.columns import DUE, LEASED, among_words
from holding.db.models.postings import IN_FLIGHT_STATES
from holding.db.together import Question, Together
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
    connection_id: int = 0

    def oldest(self, now: datetime) -> float:
        """Seconds since the oldest of it became due; 0 where nothing is."""
        return max(0.0, (now - self.oldest_at).total_seconds()) if self.oldest_at else 0.0


def queues(session: Session, company_id: int, now: datetime) -> tuple[Queue, ...]:
    """The queues of a company: its checks, then two of each target in order of names."""
    return asked_queues(Together(session), company_id, now)()


def asked_queues(page: Together, company_id: int, now: datetime) -> Callable[[], tuple[Queue, ...]]:
    """The same, asked with the other questions of a page; called, it answers."""
    checks, targets = page.ask(_checks(company_id, now)), page.ask(_targets(company_id))
    due, in_hand = page.ask(_due(company_id, now)), page.ask(_in_hand(company_id))
    none = (0, None, *(0 for _ in AGES))

    def of_target(id_: int, name: str, part: Part, flag: int) -> Queue:
        figures = due.value.get((id_, flag), none)
        queue = _queue(part, name, figures, in_hand.value.get((id_, flag), 0))
        return replace(queue, connection_id=id_)

    return lambda: (
        checks.value,
        *(
            of_target(id_, name, part, flag)
            for id_, name in targets.value
            for part, flag in ((Part.DOCUMENTS, 0), (Part.LOOK_UPS, 1))
        ),
    )


def by_age(found: Sequence[Queue]) -> tuple[tuple[str, int], ...]:
    """How much is due of each age, in all of these queues."""
    sums = [sum(column) for column in zip(*(one.ages for one in found), strict=True)]
    return tuple((words, count) for (words, _), count in zip(AGES, sums, strict=True))


def _checks(company_id: int, now: datetime) -> Question[Queue]:
    mine = Record.company_id + 0 == company_id  # by no index of the company's rows: few are leased
    leased = select(func.count()).where(mine, text(f"record.{LEASED}"))
    in_hand = leased.scalar_subquery().label("in_hand")
    due = (
        select(in_hand, func.count(), func.min(Record.due_at), *_ages(Record.due_at, now))
        .join(Company, Company.id == Record.company_id)
        .where(Record.company_id == company_id, Company.ruleset_version_id.is_not(None))
        .where(text(f"record.{DUE}"), Record.due_at <= now)
    )
    held, *row = (yield due).one()
    return _queue(Part.CHECKS, "", row, held)


def _targets(company_id: int) -> Question[list[tuple[int, str]]]:
    rows = yield _ids(company_id).add_columns(Connection.name).order_by(Connection.name)
    return [(row.id, row.name) for row in rows]


def _ids(company_id: int) -> Select[Any]:
    return select(Connection.id).where(
        Connection.company_id == company_id, Connection.side == "target"
    )


_LOOKING: Final = case((among_words(Posting.state, IN_FLIGHT_STATES), 1), else_=0)


def _due(company_id: int, now: datetime) -> Question[dict[tuple[int, int], Sequence[Any]]]:
    """(target, whether it is looked up) -> how many documents are due, since when, by age."""
    mine = Posting.connection_id.in_(_ids(company_id))
    sent = among_words(Posting.state, (PostingState.READY, *IN_FLIGHT_STATES))
    rows = yield (
        select(
            Posting.connection_id,
            _LOOKING.label("looking"),
            func.count(),
            func.min(Posting.due_at),
            *_ages(Posting.due_at, now),
        )
        .where(mine, text(f"posting.{DUE}"), Posting.due_at <= now, sent)
        .group_by(Posting.connection_id, text("looking"))
    )
    return {(row[0], row[1]): tuple(row[2:]) for row in rows}


def _in_hand(company_id: int) -> Question[dict[tuple[int, int], int]]:
    """(target, whether it is looked up) -> how many documents a worker has in hand."""
    rows = yield (
        select(Posting.connection_id, _LOOKING.label("looking"), func.count())
        .where((Posting.connection_id + 0).in_(_ids(company_id)), text(f"posting.{LEASED}"))
        .group_by(Posting.connection_id, text("looking"))
    )
    return {(row[0], row[1]): row[2] for row in rows}


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
