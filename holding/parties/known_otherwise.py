"""How the party of a key without an entry is known otherwise: by the other side of a check.

Here: the values, of many keys at once. Not here: the merge of two parties (party_merge.py).
"""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from holding.db import bulk
from holding.db.models import Cause, Evaluation, Hold, Record
from holding.db.models.decisions import HOLD_OPEN
from holding.mappings.mapping_lists import Suggestion
from holding.mappings.preview import active_program
from holding.programs.replay import replay_each
from rules.rulebook.coverage import Agreement, agreements

SURE: Final = 99  # per cent; only another spelling of the very key is surer


def known_as(
    session: Session, company_id: int, table: str, cause_id: int
) -> tuple[Suggestion, ...]:
    """How the party of a key without an entry is known otherwise: by the other side of a check."""
    return all_known_as(session, company_id, {cause_id: table}).get(cause_id, ())


def all_known_as(
    session: Session, company_id: int, causes: Mapping[int, str]
) -> dict[int, tuple[Suggestion, ...]]:
    """The same of many keys, by cause: each is given with the table in which it has no entry.

    Nothing is asked where no check lets a party of these tables be known by another table.
    """
    judge = active_program(session, company_id)
    if judge is None:
        return {}
    others = {
        (kind, table): {name for way in ways for side in way.sides for name in side} - {table}
        for kind in judge.records
        for table in {*causes.values()}
        if (ways := [way for way in agreements(judge.ruleset, kind) if _of(way, table)])
    }
    wanted = [cause for cause, table in causes.items() if any(t == table for _, t in others)]
    if not wanted:
        return {}
    oldest = select(func.min(Hold.id)).where(Hold.cause_id == Cause.id, HOLD_OPEN)
    first = select(oldest.correlate(Cause).scalar_subquery()).where(
        Cause.company_id == company_id, bulk.among(Cause.id, wanted)
    )
    last = select(func.max(Evaluation.id)).where(Evaluation.record_id == Record.id)
    rows = session.execute(
        select(Hold.cause_id, Record.type, last.scalar_subquery().label("evaluation"))
        .join(Record, Record.id == Hold.record_id)
        .where(Hold.id.in_(first))
    ).all()
    replayed = replay_each(session, {row.evaluation for row in rows if row.evaluation is not None})
    return {
        row.cause_id: tuple(
            Suggestion(use.value, use.key, f"{use.table} says so", SURE)
            for use in dict.fromkeys(replayed[row.evaluation].used)
            if use.table in others.get((row.type, causes[row.cause_id]), ())
        )
        for row in rows
        if row.evaluation is not None
    }


def _of(way: Agreement, table: str) -> bool:
    return any(table in side for side in way.sides)
