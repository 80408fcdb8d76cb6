"""The run rows that pushing fills: one for a drain of immediate pushes, one for each batch.

Here: opening one, counting its postings from the journal, ending it. Not here: asking for a batch,
the pill (holding/runs/date_ranges.py).
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from grammar.text.finding_codes import ErrorClass
from holding.connections.channel import Channel
from holding.store.row_objects import Columns, of
from holding.tables import Attempt, Push, Request, Run
from holding.tables.columns import moment, table_of
from holding.tables.row_states import AttemptState, PushState, RunState

LEFT_OPEN = timedelta(minutes=5)
JOINED = timedelta(seconds=5)  # a drain that goes on after a short rest is the same run
ON_THEIR_WAY = (PushState.SENDING, PushState.AWAITING, PushState.UNCERTAIN)
UNHEARD = (PushState.SENDING, PushState.UNCERTAIN)
WHOLE = ("authorization_failed", "temporary", "uncertain")


@dataclass(frozen=True, slots=True)
class _Last:
    """The last push of a posting in a run: its state, the state of its last try, why it failed."""

    posting_id: int
    push: PushState
    attempt: AttemptState
    error_class: ErrorClass | None
    error: str | None


_LAST = Columns(
    _Last(
        posting_id=of(Push.posting_id),
        push=of(Push.state),
        attempt=of(Attempt.state),
        error_class=of(Push.error_class),
        error=of(Push.error),
    ),
    {"push": "push.state", "attempt": "attempt.state"},
)


def immediate_run(session: Session, channel: Channel, doc_type: str, now: datetime) -> int:
    """The run of this drain: the last one goes on if it is immediate and ended a moment ago."""
    given = {"connection": channel.connection_id, "type": doc_type, "lately": now - JOINED}
    if (last := session.scalar(_GOES_ON, given)) is not None:
        return int(last)
    run = Run(
        company_id=channel.company_id,
        kind="immediate",
        connection_id=channel.connection_id,
        doc_type=doc_type,
        state=RunState.RUNNING,
        made_at=now,
        counts={},
    )
    session.add(run)
    session.flush()
    return run.id


_RUN = table_of(Run)
_NEWEST = (
    select(func.max(_RUN.c.id))
    .where(_RUN.c.connection_id == bindparam("connection"))
    .where(_RUN.c.doc_type == bindparam("type"))
    .scalar_subquery()
)
_GOES_ON = (
    update(_RUN)
    .where(_RUN.c.id == _NEWEST, _RUN.c.kind == "immediate")
    .where(or_(_RUN.c.ended_at.is_(None), _RUN.c.ended_at > moment("lately")))
    .values(state=RunState.RUNNING, ended_at=None)
    .returning(_RUN.c.id)
)


def end_immediate(session: Session, run_id: int, now: datetime) -> None:
    """Count a run of pushes that go at once, and end it."""
    rows = _rows(session, run_id)
    counts = _counts(rows)
    error = _error(counts, list(rows.values()))
    ended = {
        "this": run_id,
        "total": len(rows),
        "counts": _told(counts),
        "done": _over(rows, counts),
        "error": error,
        "state": RunState.FAILED if error else RunState.DONE,
        "ended_at": now,
    }
    session.execute(_END, ended)


_END = update(_RUN).where(_RUN.c.id == bindparam("this"))


def recount(session: Session, run_ids: Collection[int], *, ended: datetime | None = None) -> None:
    """Bring the counts of runs up to date; with `ended`, these runs are over."""
    for run_id in sorted(run_ids):
        run = session.get_one(Run, run_id, populate_existing=True)
        rows = _rows(session, run_id)
        counts = _counts(rows)
        if run.kind == "immediate":
            run.total = len(rows)
        else:
            counts["left"] = max(0, run.total - len(rows))
        run.counts, run.done = _told(counts), _over(rows, counts)
        if ended is not None:
            run.error = _error(counts, list(rows.values()))
            run.state, run.ended_at = (RunState.FAILED if run.error else RunState.DONE), ended
            run.due_at = run.lease_owner = run.lease_until = None


_LEFT = select(Run.id).where(
    Run.kind == "immediate", Run.state == RunState.RUNNING, Run.made_at < moment("long_ago")
)


def close_left_open(session: Session, now: datetime) -> None:
    """End immediate runs that a dead worker left running."""
    left = session.scalars(_LEFT, {"long_ago": now - LEFT_OPEN}).all()
    recount(session, left, ended=now)


def _counts(rows: Mapping[int, _Last]) -> Counter[str]:
    return Counter(_word(one.push, one.attempt) for one in rows.values())


def _told(counts: Counter[str]) -> dict[str, int]:
    return {word: count for word, count in sorted(counts.items()) if count}


def _over(rows: Mapping[int, _Last], counts: Counter[str]) -> int:
    return len(rows) - sum(counts[word] for word in ON_THEIR_WAY)


def _rows(session: Session, run_id: int) -> dict[int, _Last]:
    """posting -> its last push in this run."""
    query = (
        _LAST.select()
        .join(Attempt, Attempt.push_id == Push.id)
        .join(Request, Request.id == Attempt.request_id)
        .where(Request.run_id == run_id, Request.kind == "push")
        .order_by(Push.id, Attempt.no)
    )
    return {one.posting_id: one for one in _LAST.each(session.execute(query))}


def _word(push: PushState, attempt: AttemptState) -> str:
    if push == PushState.ACCEPTED:
        return "existing" if attempt == AttemptState.EXISTING else "posted"
    if push == PushState.REFUSED and attempt == AttemptState.TEMPORARY:
        return "later"
    return "failed" if push in {PushState.REFUSED, PushState.CONFLICT} else push.value


def _error(counts: Counter[str], rows: Sequence[_Last]) -> str | None:
    """Why the run as a whole came to nothing, if it did; single refusals are no failed run, nor is
    what the target has taken in.
    """
    if not rows or any(counts[word] for word in ("posted", "existing", PushState.AWAITING)):
        return None
    words = [one.error for one in rows if one.error_class in WHOLE or one.push in UNHEARD]
    return (words[-1] or "No clear answer.") if len(words) == len(rows) else None
