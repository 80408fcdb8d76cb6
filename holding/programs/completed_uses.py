"""Entries of documents that were judged before all of them were noted (decision 0127).

Here: judging again what a marked document was decided by, noting the entries that it lacks, and
waking what may have missed a change of one. Not here: the marks (a migration made them), noting the
entries of what is judged now (holding/evaluation/store_results.py).
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, delete, select
from sqlalchemy.orm import Session, aliased

from holding.db import bulk
from holding.db.database import Database
from holding.db.models import Evaluation, Posting, PostingUse, Push, Record, UseMark
from holding.platform.changes import UNSENT, wake_records
from holding.platform.settings import logger
from holding.programs.replay import replay

A_TURN: Final = 100
Entries = frozenset[int]
log = logger("clearpost.uses")


def complete(database: Database, now: datetime) -> int:
    """Note what some marked documents lack, the newest first; how many they were.

    A record is judged again where something unsent of it lacked an entry: that may have changed
    since, and nobody was told.
    """
    with database.read() as session:
        marked = session.execute(_MARKED).all()
        known = {key for row in marked for key in (row.evaluation_id, row.stands) if key}
        decided = {key: _entries(session, key) for key in _kept(session, known)}
    if marked:
        with database.write() as session:
            _note(session, marked, decided, now)
    return len(marked)


_stands = aliased(Push)
_MARKED: Final = (
    select(UseMark.posting_id, Posting.record_id, Posting.evaluation_id)
    .add_columns(_stands.evaluation_id.label("stands"))
    .outerjoin(Posting, Posting.id == UseMark.posting_id)
    .outerjoin(_stands, _stands.id == Posting.posted_push_id)
    .order_by(UseMark.posting_id.desc())
    .limit(A_TURN)
)
"""A document has the entries of its last judging, and of that by which it stands in the target."""


def _kept(session: Session, evaluation_ids: Collection[int]) -> list[int]:
    """Those that came to an outcome on facts that are still kept, world by world."""
    query = (
        select(Evaluation.id, Evaluation.outcome)
        .where(bulk.among(Evaluation.id, sorted(evaluation_ids)), Evaluation.facts.is_not(None))
        .order_by(Evaluation.revision, Evaluation.id)
    )
    return [row.id for row in session.execute(query) if "error" not in row.outcome]


def _entries(session: Session, evaluation_id: int) -> Entries:
    """The entries that it was decided by; none where nobody can tell any more."""
    try:
        return frozenset(use.entry_id for use in replay(session, evaluation_id).used)
    except Exception as error:  # noqa: BLE001 - rules of old may not be readable; others go on
        log.warning("Its entries cannot be told.", evaluation=evaluation_id, why=str(error))
        return frozenset()


def _note(
    session: Session, marked: Iterable[Row[Any]], decided: Mapping[int, Entries], now: datetime
) -> None:
    """Write what was found of documents that were not judged again meanwhile."""
    seen = {row.posting_id: row for row in marked}
    records = sorted({row.record_id for row in seen.values() if row.record_id})
    session.execute(_LOCKED, {"ids": records}).all()
    found = session.execute(_AS_THEY_ARE, {"ids": list(seen)}).all()
    rows = set()
    for row in found:
        was = seen[row.id]
        by = {was.stands} | ({was.evaluation_id} & {row.evaluation_id})
        rows |= {(entry, row.id) for key in by for entry in decided.get(key, ())}
    uses = [{"entry_id": entry, "posting_id": key} for entry, key in sorted(rows)]
    added = bulk.insert_rows(session, PostingUse, uses, returning=("posting_id",), ignore=True)
    lacked = {key for (key,) in added}
    waking = select(Posting.record_id).where(bulk.among(Posting.id, sorted(lacked)), UNSENT)
    wake_records(session, sorted(set(session.scalars(waking))), now)
    session.execute(delete(UseMark).where(bulk.among(UseMark.posting_id, list(seen))))


_LOCKED: Final = (
    select(Record.id)
    .where(bulk.among_given(Record.id, "ids"))
    .order_by(Record.id)
    .with_for_update(key_share=True)
)
"""Who judges a record has it locked."""
_AS_THEY_ARE: Final = select(Posting.id, Posting.evaluation_id).where(
    bulk.among_given(Posting.id, "ids")
)
