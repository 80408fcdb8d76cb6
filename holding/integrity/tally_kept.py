"""A part of I8: the tally of open holds says what one finds by counting them.

Here: each record that is not marked counts in the tally as its holds are, and each row of the tally
is the sum of its records. Not here: how a page reads it (holding/holds/tally_figures.py).
"""

from collections import defaultdict
from collections.abc import Iterator

from sqlalchemy import select

from holding.db.models import Hold, HoldTally, TalliedRecord, TallyMark
from holding.holds import folding
from holding.holds.folding import FINE, Part
from holding.holds.shapes import Counted
from holding.integrity.journal_and_ledgers import Breach, Look


def wrong_tally(look: Look) -> Iterator[Breach]:
    """Where the tally and the holds differ; what is marked may, until it is folded."""
    rows = look.session.execute(folding.WAITING.where(Hold.company_id == look.company_id))
    true = folding.counts(rows)
    kept, sums = _kept(look)
    marked = set(
        look.session.scalars(
            select(TallyMark.record_id).where(TallyMark.company_id == look.company_id)
        )
    )
    for part in sorted({*true, *kept}):
        _, record_id, cause_id = part
        if record_id not in marked and true.get(part) != kept.get(part):
            of = f"cause {cause_id % FINE}" if cause_id > 0 else "all its holds"
            of = "an owner's holds" if cause_id < 0 else of
            yield Breach("I8", f"The tally of {of} is not what is open now.", (record_id,))
    yield from _wrong_sums(look, sums)


def _kept(look: Look) -> tuple[dict[Part, Counted], dict[int, list[int]]]:
    """What the tally has of each record, and what each of its rows therefore amounts to."""
    query = (
        select(
            TalliedRecord.record_id,
            TalliedRecord.cause_id,
            TalliedRecord.minor,
            TalliedRecord.tally_id,
            HoldTally.shape,
            HoldTally.currency,
        )
        .join(HoldTally, HoldTally.id == TalliedRecord.tally_id)
        .where(TalliedRecord.company_id == look.company_id)
    )
    kept: dict[Part, Counted] = {}
    sums: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in look.session.execute(query):
        part = look.company_id, row.record_id, row.cause_id
        kept[part] = Counted(row.shape, row.currency, row.minor)
        found = sums[row.tally_id]
        found[0] += 1
        found[1] += row.minor or 0
        found[2] += row.minor is None
    return kept, sums


def _wrong_sums(look: Look, sums: dict[int, list[int]]) -> Iterator[Breach]:
    query = select(
        HoldTally.id, HoldTally.cause_id, HoldTally.records, HoldTally.minor, HoldTally.blank
    ).where(HoldTally.company_id == look.company_id)
    for row in look.session.execute(query):
        true = sums[row.id]
        if [row.records, row.minor, row.blank] != true:
            cause = row.cause_id % FINE
            say = f"The tally counts {row.records} records of cause {cause}; {true[0]} are."
            yield Breach("I8", say)
