"""The newest run of each document type that is sent to a target.

Here: what is read of it, and which it is. Not here: how it is told (status.py), the runs before it
(run_history.py).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.db.bulk import Columns, known, of
from holding.db.models import Run
from holding.db.models.columns import RunState
from holding.db.together import Question, answer

Place = tuple[int, str]
"""A connection and a document type of it."""
RUN_KINDS: Final = ("immediate", "daily", "manual")
UNDER_WAY: Final = (RunState.DUE, RunState.RUNNING)


@dataclass(frozen=True, slots=True)
class LastRun:
    """What it was to do, how far it came, and what went wrong."""

    connection_id: int
    doc_type: str
    kind: str
    state: RunState
    done: int
    total: int
    counts: Mapping[str, Any]
    error: str | None
    made_at: datetime
    ended_at: datetime | None


_LAST = Columns(
    LastRun(
        connection_id=known(Run.connection_id),
        doc_type=known(Run.doc_type),
        kind=of(Run.kind),
        state=of(Run.state),
        done=of(Run.done),
        total=of(Run.total),
        counts=of(Run.counts),
        error=of(Run.error),
        made_at=of(Run.made_at),
        ended_at=of(Run.ended_at),
    )
)


def last_run(session: Session, connection_id: int, doc_type: str) -> LastRun | None:
    """The newest run that sends."""
    place = (connection_id, doc_type)
    return answer(session, newest_runs([place])).get(place)


def newest_runs(wanted: Collection[Place]) -> Question[dict[Place, LastRun]]:
    """The newest run that sends, of each place that has one; each is found by the index."""
    newest = [
        select(Run.id)
        .where(Run.connection_id == connection_id, Run.doc_type == doc_type)
        .where(Run.kind.in_(RUN_KINDS))
        .order_by(Run.id.desc())
        .limit(1)
        .scalar_subquery()
        for connection_id, doc_type in wanted
    ]
    rows = yield _LAST.select().where(Run.id.in_(newest)).order_by(Run.id)
    return {(run.connection_id, run.doc_type): run for run in _LAST.each(rows)}
