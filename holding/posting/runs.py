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
    """The last push of a posting in a run: its state, its last attempt's state and why
    it failed.
    """

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
    """Return the run for immediate pushes; the last one continues if it ended a moment ago."""
    row = session.execute(
        _ASKED, {"at": channel.connection_id, "of": doc_type} | continued_run_values(now)
    )
    last, new = row.one()
    writes = JointWrites(session)
    run_id = join_immediate_run(writes, channel, doc_type, last, new, now)
    writes.write()
    return run_id


def join_immediate_run(
    writes: JointWrites, channel: Channel, doc_type: str, last: int | None, new: int, now: datetime
) -> int:
    """Reopen the last run, or insert a new run with this id, with other pending writes.

    Return the run's id.
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


def continued_run(connection_id: Any, doc_type: Any) -> ScalarSelect[int | None]:
    """Return a subquery for the immediate run that is open or ended just now.

    It covers one connection and document type. It is NULL if a newer run is of another kind.
    """
    newest, last = aliased(Run), aliased(Run)
    of_route = (newest.connection_id == connection_id, newest.doc_type == doc_type)
    newest_id = (
        select(func.max(newest.id)).where(*of_route).correlate_except(newest).scalar_subquery()
    )
    return (
        select(last.id)
        .where(last.id == newest_id, last.kind == "immediate")
        .where(or_(last.ended_at.is_(None), last.ended_at > moment("lately")))
        .correlate_except(last)
        .scalar_subquery()
    )


def continued_run_values(now: datetime) -> dict[str, datetime]:
    """Return the parameters of a statement with `continued_run`."""
    return {"lately": now - JOINED}


def end_immediate(session: Session, run_id: int, now: datetime) -> None:
    """Count and end a run of immediate pushes."""
    session.execute(_END, _ended(_rows(session, run_id), now) | {"this": run_id})


def _ended(rows: Mapping[int, _Last], now: datetime) -> dict[str, Any]:
    """Return the columns of a run that ended with these pushes."""
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
    return Counter(_word(row.push, row.attempt) for row in rows.values())


def _word(push: PushState, attempt: AttemptState) -> str:
    if push == PushState.ACCEPTED:
        return "existing" if attempt == AttemptState.EXISTING else "posted"
    if push == PushState.REFUSED and attempt == AttemptState.TEMPORARY:
        return "later"
    return "failed" if push in {PushState.REFUSED, PushState.CONFLICT} else push.value


def _error(counts: Counter[str], rows: Sequence[_Last]) -> str | None:
    """Return why the whole run failed, or None.

    Single refusals and accepted documents do not fail a run.
    """
    if not rows or any(counts[word] for word in ("posted", "existing", PushState.AWAITING)):
        return None
    errors = [row.error for row in rows if row.error_class in WHOLE or row.push in UNHEARD]
    return (errors[-1] or "No clear answer.") if len(errors) == len(rows) else None


def _told(counts: Counter[str]) -> dict[str, int]:
    return {word: count for word, count in sorted(counts.items()) if count}


def _over(rows: Mapping[int, _Last], counts: Counter[str]) -> int:
    return len(rows) - sum(counts[word] for word in ON_THEIR_WAY)


def _rows(session: Session, run_id: int) -> dict[int, _Last]:
    """Return posting id -> its last push in this run."""
    query = _of_run(_LAST.select(), run_id).order_by(Push.id, Attempt.no)
    return {row.posting_id: row for row in _LAST.each(session.execute(query))}


def _of_run(query: Select[Any], run_id: Any) -> Select[Any]:
    """Limit a query of pushes to the attempts of one run."""
    return (
        query.join(Attempt, Attempt.push_id == Push.id)
        .join(Request, Request.id == Attempt.request_id)
        .where(Request.run_id == run_id, Request.kind == "push")
    )


def join_end(
    writes: JointWrites,
    run_id: int,
    run_rows: str | None,
    posted: Mapping[int, bool],
    now: datetime,
) -> None:
    """End a locked run with the writes that mark these postings as posted (True: existing).

    The third argument is the result of the `ROWS` subquery under the lock.
    """
    rows = _last_of(run_rows)
    for posting_id, existing in posted.items():
        attempt_state = AttemptState.EXISTING if existing else AttemptState.ACCEPTED
        rows[posting_id] = _Last(posting_id, PushState.ACCEPTED, attempt_state, None, None)
    writes.update(Run, [_ended(rows, now) | {"id": run_id}])


def _last_of(run_rows: str | None) -> dict[int, _Last]:
    """Return posting id -> its last push from the JSON of the `ROWS` subquery."""
    return {
        posting_id: _Last(posting_id, PushState(push), AttemptState(attempt), error_class, error)
        for _, _, posting_id, push, attempt, error_class, error in sorted(
            json.loads(run_rows or "[]"), key=lambda row: row[:2]
        )
    }


def recount(session: Session, run_ids: Collection[int], *, ended: datetime | None = None) -> None:
    """Update the counts of runs; with `ended` the runs are over."""
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
    open_run_ids = session.scalars(_LEFT, {"long_ago": now - LEFT_OPEN}).all()
    recount(session, open_run_ids, ended=now)


def next_file_name(desk: Desk, channel: Channel, run_id: int) -> str:
    """Return the name of the run's next file: day and run (`20261120_17`).

    A further file of the run adds its number (`20261120_17-2`).
    """
    with desk.database.read() as session:
        query = select(func.count(ImportFile.id)).where(ImportFile.run_id == run_id)
        file_count = session.scalar(query) or 0
    day = desk.clock.now().astimezone(channel.zone)
    return f"{day:%Y%m%d}_{run_id}" + (f"-{file_count + 1}" if file_count else "")


def add_import_file(
    session: Session,
    channel: Channel,
    payload: Payload,
    documents: Sequence[Document],
    run_id: int | None,
    request_id: int,
    now: datetime,
) -> None:
    """Insert the row of a file that was just built and not downloaded yet."""
    numbers = set(payload.rows.values())
    included = [document for document in documents if document.number in numbers]
    totals: Counter[str] = Counter()
    for document in included:
        currency = document.currency or base_currency_of(channel.settings)
        totals[currency] += to_minor(document.amount, currency)
    session.add(
        ImportFile(
            company_id=channel.company_id,
            connection_id=channel.connection_id,
            run_id=run_id,
            request_id=request_id,
            doc_type=payload.path,
            name=payload.file_name,
            sha256=sha256_hex(payload.body),
            documents=len(included),
            rows=len(payload.rows),
            totals=dict(totals),
            state=ImportFileState.EXPORTED,
            verdicts={},
            made_at=now,
        )
    )


def check_files_again(session: Session, posting_ids: Collection[int], now: datetime) -> None:
    """Make postings in import files due now.

    They would be due a day later, after the file's import.
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
    continued_run(bindparam("at", type_=BigInteger), bindparam("of")), next_id(Run, shared=True)
)

ROWS = _of_run(select(json_rows(*_TOLD)).select_from(Push), bindparam("run")).scalar_subquery()
"""What `join_end` reads of the run that is given."""
