"""What many changes of entries would do together; nothing is written.

Here: an edit, and the records that all of them reach, judged again in memory. Not here: one entry
(preview.py), which edits there are (holding/suggestions, holding/mapping_files), saving them
(fixes.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.db.models import Company, MappingTable
from holding.db.refusal import Sums, added
from holding.db.together import Question, Together, answer
from holding.mappings.entries import Parsed, with_value
from holding.mappings.key_reach import reaches
from holding.mappings.preview import (
    Stay,
    active_program,
    asked_amounts,
    judged_in,
    reasons_of,
    stays_of,
)
from holding.programs.world import fresh_now, world

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
    made with what the keys have now, and is judged again. `more`: there are more of both.
    """

    records: int
    money: Sums
    looked_at: int
    ready: int
    ready_money: Sums
    stays: tuple[Stay, ...]
    going: int
    more: bool

    @property
    def complete(self) -> bool:
        """Whether all that waits was judged."""
        return self.looked_at == self.records and not self.more


NOTHING: Final = Effect(0, {}, 0, 0, {}, (), 0, more=False)


class KnownMaps:
    """The maps of a company, read once for what asks for them later."""

    def __init__(self, by_name: Mapping[str, MappingTable]) -> None:
        self._by_name = by_name


def asked_maps(company_id: int) -> Question[dict[str, MappingTable]]:
    """All tables of a company by name, asked with other questions."""
    rows = yield select(MappingTable).where(MappingTable.company_id == company_id)
    return {one.name: one for one in rows.scalars()}


def effect(
    session: Session,
    company_id: int,
    edits: Sequence[Edit],
    now: datetime,
    *,
    maps: KnownMaps | None = None,
) -> Effect:
    """Judge again, in memory, what waits for these keys as if all edits were made. `maps`: those of
    the company, where they were read already.
    """
    judge = active_program(session, company_id)
    asked, revision = Together(session), session.get_one(Company, company_id).revision
    fresh, waiting, using = asked.ask(fresh_now(company_id, now)), set[int](), set[int]()
    tables = answer(session, asked_maps(company_id)) if maps is None else maps._by_name
    known = [one for one in edits if one.table in tables]
    wanted = [(tables[one.table], one.key) for one in known]
    reached = reaches(session, wanted, judge.ruleset if judge else None, beside=asked)
    changed = world(session, company_id, revision, fresh.value)
    for one, found in zip(known, reached, strict=True):
        waiting |= set(found.waiting)
        using |= set(found.using)
        kind = tables[one.table].kind
        changed = with_value(changed, kind, one.table, one.key, one.parsed, one.since)
    looked_at = sorted(waiting)[:LOOKED_AT]
    judged = asked.ask(judged_in(judge, looked_at, changed, now))
    told = asked.ask(asked_amounts(sorted(waiting)))
    outcomes = judged.value
    amounts = {record_id: money for record_id, (_, money) in told.value.items()}
    reasons = {record_id: reasons_of(outcome) for record_id, outcome in outcomes.items()}
    ready = [record_id for record_id, why in reasons.items() if not why]
    return Effect(
        records=len(waiting),
        money=added(amounts.values()),
        looked_at=len(looked_at),
        ready=len(ready),
        ready_money=added(amounts.get(record_id, {}) for record_id in ready),
        stays=stays_of(why for why in reasons.values() if why),
        going=len(using - waiting),
        more=any(one.more for one in reached),
    )
