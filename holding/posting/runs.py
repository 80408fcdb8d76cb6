"""Keep the run rows: one run for immediate pushes, one for each batch."""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ScalarSelect,
    Select,
    bindparam,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session, aliased

from connectors.contract import Payload
from connectors.kit.calls import base_currency_of
from grammar.text.finding_codes import ErrorClass
from holding.connections.channel import Channel, Desk
from holding.db import bulk
from holding.db.bulk import Columns, JointWrites, json_rows, next_id, of
from holding.db.models import Attempt, ImportFile, Posting, Push, Request, Run
from holding.db.models.columns import (
    AttemptState,
    ImportFileState,
    PushState,
    RunState,
    moment,
    table_of,
    to_minor,
)
from rules.outcomes import Document
from rules.values.canonical import PostingState, sha256_hex

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

_RUN = table_of(Run)

_END = update(_RUN).where(_RUN.c.id == bindparam("this"))

_LEFT = select(Run.id).where(
    Run.kind == "immediate", Run.state == RunState.RUNNING, Run.made_at < moment("long_ago")
)

_TOLD = (
    Push.id,
    Attempt.no,
    Push.posting_id,
    Push.state,
    Attempt.state,
    Push.error_class,
    Push.error,
)


def immediate_run(session: Session, channel: Channel, doc_type: str, now: datetime) -> int:
    """The run of this drain: the last one goes on if it is immediate and ended a moment ago."""
    found = session.execute(
        _ASKED, {"at": channel.connection_id, "of": doc_type} | joined_since(now)
    )
    last, new = found.one()
    writes = JointWrites(session)
    run_id = join_immediate_run(writes, channel, doc_type, last, new, now)
    writes.write()
    return run_id


def join_immediate_run(
    writes: JointWrites, channel: Channel, doc_type: str, last: int | None, new: int, now: datetime
) -> int:
    """The same with other writes: the last one where it goes on (`going_on`), or a new one of this
    id; which of both.
    """
    if last is not None:
        writes.update(Run, [{"id": last, "state": RunState.RUNNING, "ended_at": None}])
        return last
    run = {
        "id": new,
        "company_id": channel.company_id,
        "kind": "immediate",
        "connection_id": channel.connection_id,
        "doc_type": doc_type,
        "state": RunState.RUNNING,
        "made_at": now,
        "counts": {},
        "done": 0,
        "total": 0,
    }
    writes.insert(Run, [run])
    return new


def going_on(connection_id: Any, doc_type: Any) -> ScalarSelect[int | None]:
    """The run of what goes at once that is open, or ended so lately that what goes now belongs to
    it, among those of a connection and document type; none where a newer run is of another kind.
    """
    newest, last = aliased(Run), aliased(Run)
    mine = (newest.connection_id == connection_id, newest.doc_type == doc_type)
    of_all = select(func.max(newest.id)).where(*mine).correlate_except(newest).scalar_subquery()
    return (
        select(last.id)
        .where(last.id == of_all, last.kind == "immediate")
        .where(or_(last.ended_at.is_(None), last.ended_at > moment("lately")))
        .correlate_except(last)
        .scalar_subquery()
    )


def joined_since(now: datetime) -> dict[str, datetime]:
    """What a statement with `going_on` in it is given."""
    return {"lately": now - JOINED}


def end_immediate(session: Session, run_id: int, now: datetime) -> None:
    """Count a run of pushes that go at once, and end it."""
    session.execute(_END, _ended(_rows(session, run_id), now) | {"this": run_id})


def _ended(rows: Mapping[int, _Last], now: datetime) -> dict[str, Any]:
    """The columns of a run that is over, with these postings."""
    counts = _counts(rows)
    error = _error(counts, list(rows.values()))
    return {
        "total": len(rows),
        "counts": _told(counts),
        "done": _over(rows, counts),
        "error": error,
        "state": RunState.FAILED if error else RunState.DONE,
        "ended_at": now,
    }


def _counts(rows: Mapping[int, _Last]) -> Counter[str]:
    return Counter(_word(one.push, one.attempt) for one in rows.values())


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


def _told(counts: Counter[str]) -> dict[str, int]:
    return {word: count for word, count in sorted(counts.items()) if count}


def _over(rows: Mapping[int, _Last], counts: Counter[str]) -> int:
    return len(rows) - sum(counts[word] for word in ON_THEIR_WAY)


def _rows(session: Session, run_id: int) -> dict[int, _Last]:
    """posting -> its last push in this run."""
    query = _of_run(_LAST.select(), run_id).order_by(Push.id, Attempt.no)
    return {one.posting_id: one for one in _LAST.each(session.execute(query))}


def _of_run(query: Select[Any], run_id: Any) -> Select[Any]:
    """Pushes with the tries that a run has of them."""
    return (
        query.join(Attempt, Attempt.push_id == Push.id)
        .join(Request, Request.id == Attempt.request_id)
        .where(Request.run_id == run_id, Request.kind == "push")
    )


def join_end(
    writes: JointWrites, run_id: int, told: str | None, posted: Mapping[int, bool], now: datetime
) -> None:
    """The same with the writes by which these postings become posted (True: they existed already).
    The run is locked, and `told` is what a look has read of it since then (`ROWS`).
    """
    rows = _last_of(told)
    for posting_id, existing in posted.items():
        ended = AttemptState.EXISTING if existing else AttemptState.ACCEPTED
        rows[posting_id] = _Last(posting_id, PushState.ACCEPTED, ended, None, None)
    writes.update(Run, [_ended(rows, now) | {"id": run_id}])


def _last_of(told: str | None) -> dict[int, _Last]:
    """The same of what another look has brought of it."""
    return {
        posting_id: _Last(posting_id, PushState(push), AttemptState(attempt), error_class, error)
        for _, _, posting_id, push, attempt, error_class, error in sorted(
            json.loads(told or "[]"), key=lambda one: one[:2]
        )
    }


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


def close_left_open(session: Session, now: datetime) -> None:
    """End immediate runs that a dead worker left running."""
    left = session.scalars(_LEFT, {"long_ago": now - LEFT_OPEN}).all()
    recount(session, left, ended=now)


def file_name(desk: Desk, channel: Channel, run_id: int) -> str:
    """What the next file of a run is told as its name: its day and run, `20261120_17`; a further
    file of the same run ends in its number, `20261120_17-2`.
    """
    with desk.database.read() as session:
        so_far = select(func.count(ImportFile.id)).where(ImportFile.run_id == run_id)
        before = session.scalar(so_far) or 0
    day = desk.clock.now().astimezone(channel.zone)
    return f"{day:%Y%m%d}_{run_id}" + (f"-{before + 1}" if before else "")


def add(
    session: Session,
    channel: Channel,
    payload: Payload,
    documents: Sequence[Document],
    run_id: int | None,
    request_id: int,
    now: datetime,
) -> None:
    """Write the row of a file that was just made; nobody has it yet."""
    numbers = set(payload.rows.values())
    inside = [one for one in documents if one.number in numbers]
    totals: Counter[str] = Counter()
    for one in inside:
        currency = one.currency or base_currency_of(channel.settings)
        totals[currency] += to_minor(one.amount, currency)
    session.add(
        ImportFile(
            company_id=channel.company_id,
            connection_id=channel.connection_id,
            run_id=run_id,
            request_id=request_id,
            doc_type=payload.path,
            name=payload.file_name,
            sha256=sha256_hex(payload.body),
            documents=len(inside),
            rows=len(payload.rows),
            totals=dict(totals),
            state=ImportFileState.EXPORTED,
            verdicts={},
            made_at=now,
        )
    )


def look_again(session: Session, posting_ids: Collection[int], now: datetime) -> None:
    """Have the worker look at those of these that stand in a file: it would do so a day later, and
    by then the file is imported.
    """
    if not posting_ids:
        return
    in_file = exists().where(
        Attempt.push_id == Posting.push_id, ImportFile.request_id == Attempt.request_id
    )
    session.execute(
        update(Posting)
        .where(bulk.among(Posting.id, list(posting_ids)), in_file)
        .where(Posting.state == PostingState.AWAITING, Posting.lease_until.is_(None))
        .values(due_at=now)
        .execution_options(synchronize_session=False)
    )


_ASKED = select(
    going_on(bindparam("at", type_=BigInteger), bindparam("of")), next_id(Run, once=True)
)

ROWS = _of_run(select(json_rows(*_TOLD)).select_from(Push), bindparam("run")).scalar_subquery()
"""What `join_end` reads of the run that is given."""
