"""The workers of the installation, and what of one company each has in hand.

Here: one row a process of the last day. Not here: its sign of life (holding/platform/processes.py).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Select, func, select, text, union_all
from sqlalchemy.orm import Session

from holding.db.models import Heartbeat, Posting, Record, Run
from holding.db.models.columns import LEASED
from holding.db.together import Question, Together
from holding.platform.processes import AHEAD, KEPT, UNKNOWN, Room

MOST: Final = 50


class WorkerState(StrEnum):
    """Whether a worker works, works off what it has, ended in order, or gives no sign of life."""

    SILENT = "silent"
    RUNNING = "running"
    DRAINING = "draining"
    ENDED = "ended"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """One process. One that hears bells gives no sign of its own (`unseen`): it is known by what it
    has in hand; its times are None, its room is not known. `lease_until`: when the first of that
    ends.
    """

    owner: str
    state: WorkerState
    started_at: datetime | None
    seen_at: datetime | None
    in_hand: int
    lease_until: datetime | None
    room: Room


def workers_seen(session: Session, company_id: int, now: datetime) -> tuple[WorkerRow, ...]:
    """Those that are silent first, then those that run, then those that ended."""
    return asked_workers(Together(session), company_id, now)()


def asked_workers(
    page: Together, company_id: int, now: datetime
) -> Callable[[], tuple[WorkerRow, ...]]:
    """The same, asked with the other questions of a page; called, it answers."""
    asked, signs = page.ask(_in_hand(company_id)), page.ask(_signs(now))
    return lambda: _workers(asked.value, signs.value, now)


def _workers(
    held: Mapping[str, tuple[int, datetime | None]], signs: Sequence[Heartbeat], now: datetime
) -> tuple[WorkerRow, ...]:
    hands, found = dict(held), []
    for row in signs:
        count, until = hands.pop(row.owner, (0, None))
        state, room = _state(row, now), Room(row.memory_bytes, row.disk_free_bytes)
        found.append(WorkerRow(row.owner, state, row.started_at, row.seen_at, count, until, room))
    found += [
        WorkerRow(owner, WorkerState.UNSEEN, None, None, count, until, UNKNOWN)
        for owner, (count, until) in sorted(hands.items())
    ]
    order = list(WorkerState)
    return tuple(sorted(found, key=lambda one: order.index(one.state)))


def _signs(now: datetime) -> Question[list[Heartbeat]]:
    """The signs of life of the last day, the newest first."""
    query = (
        select(Heartbeat)
        .where(Heartbeat.seen_at > now - KEPT)
        .order_by(Heartbeat.left_at.is_not(None), Heartbeat.seen_at.desc(), Heartbeat.owner)
        .limit(MOST)
    )
    return list((yield query).scalars())


def _state(row: Heartbeat, now: datetime) -> WorkerState:
    if row.left_at is not None:
        return WorkerState.ENDED
    if row.next_by <= now or row.seen_at > now + AHEAD:
        return WorkerState.SILENT
    asked = row.stop_asked_at is not None and row.stop_asked_at >= row.started_at
    return WorkerState.DRAINING if asked else WorkerState.RUNNING


def _in_hand(company_id: int) -> Question[dict[str, tuple[int, datetime | None]]]:
    """Worker -> how much of this company it has in hand, and when the first lease of that ends."""
    rows = yield _leases(company_id)
    return {owner or "": (count, until) for owner, count, until in rows}


@lru_cache(maxsize=256)
def _leases(company_id: int) -> Select[Any, int, datetime | None]:
    each = union_all(*(_leased(table, company_id) for table in (Record, Posting, Run))).subquery()
    return select(each.c.owner, func.count(), func.min(each.c.until)).group_by(each.c.owner)


def _leased(table: type[Record | Posting | Run], company_id: int) -> Any:
    owner, until = table.lease_owner.label("owner"), table.lease_until.label("until")
    mine = table.company_id + 0 == company_id  # by no index of the company's rows: few are leased
    return select(owner, until).where(mine, text(LEASED))
