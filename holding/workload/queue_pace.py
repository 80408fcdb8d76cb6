"""How fast each queue goes now, and in how long it is empty at that rate.

Here: what was checked, sent and looked up in the last minutes, by queue. Not here: what is due and
in hand (queues.py), how long one record takes (latency.py).

Of each queue the newest are looked at, so that no page goes through a day of calls; the rate is
that of the time in which these were made.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from holding.db.models import Attempt, Evaluation, Record, Request
from holding.db.models.columns import AttemptState, among_words
from holding.db.together import Question, Together
from holding.workload.queues import Part, Queue

WINDOW: Final = timedelta(minutes=10)
NEWEST: Final = 300
"""So many evaluations, and calls of a target, are looked at."""
SHORT: Final = timedelta(minutes=1)
"""What became due so lately that nothing came of it yet does not stand still."""
ON_THE_WAY: Final = (AttemptState.SENDING, AttemptState.SPLIT)
"""Attempts of which nothing came yet, or that went again in parts."""


Place = tuple[Part, str]
"""A queue, by its part and its connection."""


@dataclass(frozen=True, slots=True)
class Pace:
    """So many were done in so many seconds; `stopped`: some are due, and for minutes none was done.
    `empty_in`: seconds until nothing is due or in hand; None where that cannot be said.
    """

    done: int
    seconds: float
    stopped: bool = False
    empty_in: float | None = None

    @property
    def a_second(self) -> float:
        """How many a second."""
        return self.done / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class _Done:
    """How many of the newest were done in the window, how many were looked at, since when."""

    done: int
    looked: int
    since: datetime | None

    def seconds(self, now: datetime) -> float:
        """The time in which they were done: the whole window, unless more than the newest were."""
        if self.looked < NEWEST or self.since is None:
            return WINDOW.total_seconds()
        return max(1.0, (now - self.since).total_seconds())


_NOTHING: Final = _Done(0, 0, None)


def paces(
    session: Session, company_id: int, found: Sequence[Queue], now: datetime
) -> Mapping[Place, Pace]:
    """Queue, by its part and connection -> its pace."""
    return asked(Together(session), company_id, found, now)()


def asked(
    page: Together, company_id: int, found: Sequence[Queue], now: datetime
) -> Callable[[], Mapping[Place, Pace]]:
    """The same, asked with the other questions of a page; called, it answers."""
    checks = page.ask(_checked(company_id, now))
    targets = {one.connection_id: one.connection for one in found if one.connection_id}
    calls = {name: page.ask(_called(id_, now)) for id_, name in targets.items()}

    def answered() -> Mapping[Place, Pace]:
        done = {(Part.CHECKS, ""): checks.value}
        for name, one in calls.items():
            done |= {(part, name): figures for part, figures in one.value.items()}
        places = [(queue.part, queue.connection) for queue in found]
        return {
            place: _pace(queue, done.get(place, _NOTHING), now)
            for place, queue in zip(places, found, strict=True)
        }

    return answered


def _pace(queue: Queue, done: _Done, now: datetime) -> Pace:
    seconds, waits = done.seconds(now), queue.due + queue.in_hand
    if not done.done:
        late = queue.due > 0 and queue.oldest(now) >= SHORT.total_seconds()
        return Pace(0, seconds, stopped=late)
    return Pace(done.done, seconds, empty_in=waits * seconds / done.done if waits else None)


def _checked(company_id: int, now: datetime) -> Question[_Done]:
    """The newest evaluations of the installation, of which some are the company's."""
    last = select(func.max(Evaluation.id) - NEWEST).scalar_subquery()  # a search, not a scan
    newest = select(Evaluation.record_id, Evaluation.at).where(Evaluation.id > last).subquery()
    mine = func.sum(case((Record.company_id == company_id, 1), else_=0))
    rows = yield (
        select(mine, func.count(), func.min(newest.c.at))
        .join_from(newest, Record, Record.id == newest.c.record_id)
        .where(newest.c.at > now - WINDOW)
    )
    done, looked, since = rows.one()
    return _Done(int(done or 0), looked, since)


def _called(connection_id: int, now: datetime) -> Question[dict[Part, _Done]]:
    """Documents that a target answered to, and that were looked up there, in its newest calls."""
    newest = (
        select(Request.id, Request.kind, Request.made_at)
        .where(Request.connection_id == connection_id)
        .order_by(Request.id.desc())
        .limit(NEWEST)
        .subquery()
    )
    came = ~among_words(Attempt.state, ON_THE_WAY)
    rows = yield (
        select(
            newest.c.kind,
            func.sum(case((came, 1), else_=0)).label("done"),
            func.count(newest.c.id.distinct()).label("looked"),
            func.min(newest.c.made_at).label("since"),
        )
        .join_from(newest, Attempt, Attempt.request_id == newest.c.id)
        .where(newest.c.made_at > now - WINDOW)
        .group_by(newest.c.kind)
    )
    told = {row.kind: row for row in rows}
    looked = sum(row.looked for row in told.values())
    since = min((row.since for row in told.values()), default=None)
    return {
        part: _Done(sum(int(told[kind].done) for kind in kinds if kind in told), looked, since)
        for part, kinds in _KINDS.items()
    }


_KINDS: Final = {Part.DOCUMENTS: ("push",), Part.LOOK_UPS: ("lookup", "poll")}
"""Kinds of calls in which documents of a queue are done."""
