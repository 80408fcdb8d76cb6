"""The row of a file that a person carries to a target, and what such a file is called.

Here: writing it beside its call, in the same transaction, so that no file is there without one;
having its documents looked at when their records say another thing meanwhile. Not here: what people
do with it, and what that look does (holding/import_files).
"""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session

from connectors.contract import Payload
from connectors.kit.connection_settings import base_currency_of
from holding.connections.channel import Channel, Desk
from holding.store import bulk
from holding.tables import Attempt, ImportFile, Posting
from holding.tables.columns import to_minor
from holding.tables.row_states import ImportFileState
from rules.outcomes.outcome import Document
from rules.values.canonical import sha256_hex
from rules.values.posting_states import PostingState


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
