"""What changes of rules and mappings move: postings that go, or go otherwise, through one of them.

Here: which postings of a judging those are, and which change it was; what moves by a new version of
its record or by a person's consent is left out. Not here: what is too much (safety_stop.py).
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.evaluation.batch import Batch
from holding.evaluation.plan_parts import Plan
from holding.lifecycle.stored_postings import PostingRow
from holding.mappings.superseded_fixes import taken_back
from holding.store import bulk
from holding.tables import MappingEntry
from holding.tables.row_states import HoldState
from rules.values.posting_states import PostingState

Moves = dict[tuple[str, int], tuple[int, int]]  # (route, revision) -> records, book


@dataclass(frozen=True, slots=True)
class _Move:
    """A posting that goes now, or goes as another content, and was judged before the change."""

    plan: Plan
    route: str
    since: int
    book: int


def moved_by_changes(session: Session, batch: Batch, plans: Sequence[Plan]) -> Moves:
    """What this judging makes ready, or ready with other content, through changes alone, by route
    and revision.
    """
    moved = [move for plan in plans if plan.case.postings for move in _of_plan(batch, plan)]
    entries = _fresh_entries(session, moved) if moved else {}
    undone = taken_back(session, batch.company_id, list(entries))
    sums: defaultdict[tuple[str, int], list[_Move]] = defaultdict(list)
    for move in moved:
        revision = _through(batch, move, entries, undone)
        if revision:
            sums[move.route, revision].append(move)
    return {
        key: (len({m.plan.case.record_id for m in found}), sum(m.book for m in found))
        for key, found in sums.items()
    }


def _of_plan(batch: Batch, plan: Plan) -> Iterator[_Move]:
    rows = {(row.route, row.seq): row for row in plan.case.postings}
    by_id = {row.id: row for row in plan.case.postings}
    newest = max(plan.case.postings, key=lambda row: row.revision)
    for one in plan.postings:
        row = rows.get((one.route, one.seq))
        if one.state != PostingState.READY or not _goes_otherwise(row, one.hash):
            continue
        before = row or newest
        fresh = before.version_id != plan.case.version_id  # a new version moves without a change
        if not fresh and before.revision < batch.revision and not _consented(plan, one.route):
            yield _Move(plan, one.route, before.revision, one.book or 0)
    for acting in plan.acting:
        row = by_id[acting.id]
        if acting.due_at is not None and row.hash != acting.hash and row.revision < batch.revision:
            yield _Move(plan, row.route, row.revision, plan.book or 0)


def _goes_otherwise(row: PostingRow | None, hash_: str) -> bool:
    return row is None or row.state != PostingState.READY or row.hash != hash_


def _consented(plan: Plan, route: str) -> bool:
    """Somebody approved or released it: a person moved it, not a change."""
    released = any(of == route for of, _ in plan.case.facts.releases)
    return released or any(
        one.state == HoldState.APPROVED and one.hold.route == route for one in plan.closed
    )


def _fresh_entries(session: Session, moved: Sequence[_Move]) -> dict[int, int]:
    """Entry id -> its revision, of those that these records use and were not judged with before."""
    oldest = min(move.since for move in moved)
    used = {
        use.entry_id
        for move in moved
        if move.plan.judged.outcome is not None
        for use in move.plan.judged.outcome.used
    }
    query = select(MappingEntry.id, MappingEntry.from_revision).where(
        bulk.among(MappingEntry.id, sorted(used)), MappingEntry.from_revision > oldest
    )
    return dict(session.execute(query).all()) if used else {}


def _through(batch: Batch, move: _Move, entries: Mapping[int, int], undone: Collection[int]) -> int:
    """The newest change that moved it: of an entry that it uses, else of the rules; 0 = neither.

    What only goes back to a value that was agreed before (`undone`) moves by nothing.
    """
    uses = move.plan.judged.outcome.used if move.plan.judged.outcome else ()
    found = {entries[use.entry_id]: use.entry_id for use in uses if use.entry_id in entries}
    revision = max(found, default=0)
    if revision > move.since:
        return 0 if found[revision] in undone else revision
    return batch.rules_revision if batch.rules_revision > move.since else 0
