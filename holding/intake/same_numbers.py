"""Records that are alike: those with one number, and what a judging made of those that came later.

Here: two questions for a batch. Not here: values that rules compare (evaluation/related_facts.py),
whether another counts (evaluation/gather.py).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from sqlalchemy import and_, bindparam, func, select
from sqlalchemy.orm import Session, aliased

from holding.store import bulk
from holding.tables import Evaluation, Posting, Record

GONE_STATES = ("dropped", "ignored")


@dataclass(frozen=True, slots=True)
class Known:
    """Later records like one that was judged: those it does not wait for, and those it does."""

    passed: frozenset[int] = frozenset()
    stopped: frozenset[int] = frozenset()


def twins(
    session: Session, company_id: int, ids: Sequence[int]
) -> tuple[dict[int, dict[int, str]], dict[int, set[int]]]:
    """Of the same source, kind and number: their ids there, and who of them came later and has
    nothing posted; such a one counts only while something may come of it.
    """
    rows = session.execute(_TWINS, {"company": company_id, "ids": list(ids)})
    found: dict[int, dict[int, str]] = defaultdict(dict)
    later: dict[int, set[int]] = defaultdict(set)
    for row in sorted(rows, key=attrgetter("twin_id")):
        first = row.twin_id < row.record_id or row.sent
        if row.alike and (first or row.state not in GONE_STATES):
            found[row.record_id][row.twin_id] = row.external_id
            if not first:
                later[row.record_id].add(row.twin_id)
    return found, later


def known(session: Session, ids: Sequence[int]) -> dict[int, Known]:
    """Of records that were judged: what their last judging made of the later ones."""
    rows = session.execute(_LAST, {"ids": list(ids)}) if ids else ()
    return {
        row.record_id: Known(
            frozenset((row.facts or {}).get("passed", ())),
            frozenset((row.facts or {}).get("stopped", ())),
        )
        for row in rows
    }


_mine = aliased(Record)
_gone = select(Posting.id).where(Posting.record_id == Record.id, Posting.sent_at.is_not(None))
# Told, not asked for: PostgreSQL would go through all records of a source instead of a number.
_alike = and_(Record.source_id == _mine.source_id, Record.type == _mine.type)
_TWINS = (
    select(
        _mine.id.label("record_id"),
        Record.id.label("twin_id"),
        Record.external_id,
        Record.state,
        _alike.label("alike"),
        _gone.exists().label("sent"),
    )
    .join(_mine, and_(_mine.number == Record.number, _mine.company_id == Record.company_id))
    .where(_mine.company_id == bindparam("company"), bulk.among_given(_mine.id, "ids"))
    .where(Record.id != _mine.id)
)
_newest = select(func.max(Evaluation.id)).where(bulk.among_given(Evaluation.record_id, "ids"))
_LAST = select(Evaluation.record_id, Evaluation.facts).where(
    Evaluation.id.in_(_newest.group_by(Evaluation.record_id))
)
