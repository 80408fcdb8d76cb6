"""What many changes of entries would do together; nothing is written.

Here: an edit, and the records that all of them reach, judged again in memory. Not here: one entry
(preview.py), which edits there are (holding/suggestions, holding/mapping_files), saving them
(fixes.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy.orm import Session

from holding.mappings.changed_world import with_value
from holding.mappings.entries import Parsed, reach, table_of
from holding.mappings.preview import (
    Stay,
    active_program,
    amounts_of,
    judged_in,
    reasons_of,
    stays_of,
    world_now,
)
from holding.tables import Company
from holding.words import Sums, added

LOOKED_AT: Final = 1_000


@dataclass(frozen=True, slots=True)
class Edit:
    """What a key of a table is to have from a day on; no `parsed`: the entry of that day goes."""

    table: str
    key: str
    parsed: Parsed | None
    since: date


@dataclass(frozen=True, slots=True)
class Effect:
    """What edits would do to the records that wait for their keys.

    `looked_at` is smaller than `records` where there are too many to judge at once: then `ready`
    and `stays` are among those looked at. `going` waits for nothing and is not sent yet: it was
    made with what the keys have now, and is judged again.
    """

    records: int
    money: Sums
    looked_at: int
    ready: int
    ready_money: Sums
    stays: tuple[Stay, ...]
    going: int


def effect(session: Session, company_id: int, edits: Sequence[Edit], now: datetime) -> Effect:
    """Judge again, in memory, what waits for these keys as if all edits were made."""
    judge = active_program(session, company_id)
    company = session.get_one(Company, company_id)
    world, waiting, using = world_now(session, company, now), set[int](), set[int]()
    tables = {name: table_of(session, company_id, name) for name in {one.table for one in edits}}
    for one in edits:
        table = tables[one.table]
        if table is not None:
            reached = reach(session, table, one.key, judge.ruleset if judge else None)
            waiting |= set(reached.waiting)
            using |= set(reached.using)
            world = with_value(world, table.kind, table.name, one.key, one.parsed, one.since)
    looked_at = sorted(waiting)[:LOOKED_AT]
    outcomes = judged_in(session, judge, looked_at, world, now) if judge and looked_at else {}
    reasons = {record_id: reasons_of(outcome) for record_id, outcome in outcomes.items()}
    ready = [record_id for record_id, why in reasons.items() if not why]
    amounts = amounts_of(session, sorted(waiting))
    return Effect(
        records=len(waiting),
        money=added(amounts.values()),
        looked_at=len(looked_at),
        ready=len(ready),
        ready_money=added(amounts.get(record_id, {}) for record_id in ready),
        stays=stays_of(why for why in reasons.values() if why),
        going=len(using - waiting),
    )
