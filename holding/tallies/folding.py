"""Folding what has changed into the tally, some records at a time.

Here: the one writer of the tally. Not here: marking what has changed (triggers of the database),
what a record adds (shapes.py, and owner_waits.py for its owners), reading (tally_figures.py).

Why it is right: a change of a hold and its mark are one transaction. Folding takes away the marks
that it sees and looks at their records after that, so it sees what was marked. A change that it
does not see has a mark that it did not see either, and that one stays. One process folds at a time.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from sqlalchemy import delete, false, func, select, text
from sqlalchemy.orm import Session

from holding.db import bulk
from holding.db.database import Database
from holding.db.models import Company, Hold, HoldTally, Posting, Record, TalliedRecord, TallyMark
from holding.db.models.decisions import HOLD_OPEN
from holding.tallies import bands
from holding.tallies.owner_waits import each_owner
from holding.tallies.shapes import Counted, Waits, counted
from rules.outcomes.outcome import NEEDS_APPROVAL
from rules.values.canonical import dumps
from rules.values.posting_states import PostingState

A_TURN: Final = 1_000
TURNS: Final = 50  # of one sweep; what is left waits for the next, and pages count it meanwhile
_ALONE: Final = text("SELECT pg_try_advisory_xact_lock(hashtext('hold_tally'))")
WHOLE_RECORD: Final = 0  # in place of a cause: all holds of a record
FINE: Final = 1 << 40  # added to a cause: its records once more, by fine shapes (shapes.py)
Part = tuple[int, int, int]
"""What is counted once: company, record, and a cause, the same from FINE on, WHOLE_RECORD, or below
it one owner.
"""
Place = tuple[int, int, str, str]
"""A row of the tally: company, in place of the record what a part has, shape, currency."""


def fold_all(database: Database, *, turns: int = TURNS) -> int:
    """Fold what is marked, a turn a transaction; how many marks were folded."""
    folded = 0
    for _ in range(turns):
        with database.write() as session:
            found = fold(session)
        folded += found
        if found < A_TURN:
            break
    return folded


def fold(session: Session, most: int = A_TURN) -> int:
    """Fold some marks, the oldest first; how many. None while another process folds."""
    if session.get_bind().dialect.name == "postgresql" and not session.scalar(_ALONE):
        return 0
    marks = session.execute(
        select(TallyMark.id, TallyMark.record_id).order_by(TallyMark.id).limit(most)
    ).all()
    if not marks:
        return 0
    session.execute(delete(TallyMark).where(bulk.among(TallyMark.id, [one.id for one in marks])))
    ids = sorted({one.record_id for one in marks})
    _write(session, ids, _now(session, ids))
    return len(marks)


def counts(rows: Iterable[Any]) -> dict[Part, Counted]:
    """Everything that each record adds; of rows of `WAITING`."""
    found = list(rows)
    owners = {
        (company_id, record_id, -number): one.counted
        for (company_id, record_id), each in each_owner(found).items()
        for number, one in enumerate(each, 1)
    }
    return waiting(found) | owners


def waiting(rows: Iterable[Any]) -> dict[Part, Counted]:
    """What each record adds with all of its holds, by a fine shape, and for each cause, by a coarse
    one and by a fine one; of rows of `HELD`. Of causes there are many, and a list that is not
    narrowed by what a fine shape tells is spared those rows.
    """
    holds: dict[Part, list[Waits]] = defaultdict(list)
    money: dict[int, tuple[str, int | None]] = {}
    for row in rows:
        money[row.record_id] = row.currency, row.amount
        hold = Waits(
            cause_id=row.cause_id,
            error_class=row.error_class,
            team_id=row.team_id,
            person_id=row.person_id,
            snoozed=row.snoozed_until is not None,
            asks=row.code == NEEDS_APPROVAL,
            book=row.book,
            source=row.source_id,
            target=row.connection_id or 0,
            amount=bands.of_amount(row.book),
            age=bands.of_age(row.opened_at, row.ages_from),
        )
        for cause_id in (WHOLE_RECORD, row.cause_id, FINE + row.cause_id):
            holds[row.company_id, row.record_id, cause_id].append(hold)
    return {
        part: counted(found, *money[part[1]], fine=not WHOLE_RECORD < part[2] < FINE)
        for part, found in holds.items()
    }


HELD = (
    select(
        Hold.company_id,
        Hold.record_id,
        Hold.cause_id,
        Hold.error_class.label("error_class"),
        Hold.team_id,
        Hold.person_id,
        Hold.snoozed_until,
        Hold.code,
        Hold.book,
        Hold.connection_id,
        Hold.opened_at,
        Record.currency,
        Record.amount,
        Record.source_id,
        Company.ages_from,
    )
    .join(Record, Record.id == Hold.record_id)
    .join(Company, Company.id == Hold.company_id)
    .where(HOLD_OPEN)
)
"""Open holds, with the money of their records."""
WAITING = HELD.add_columns(
    Hold.answer_by,
    func.coalesce(Posting.state == PostingState.FAILED, false()).label("refused"),
).outerjoin(Posting, Posting.id == Hold.posting_id)
"""The same, with how long they wait and whether a target refused them."""


def _now(session: Session, ids: Collection[int]) -> dict[Part, Counted]:
    return counts(session.execute(WAITING.where(bulk.among(Hold.record_id, ids))))


def _write(session: Session, ids: Collection[int], now: Mapping[Part, Counted]) -> None:
    """Let the tally count these records as they are now, in place of as they were."""
    deltas: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    before = session.execute(
        select(TalliedRecord.tally_id, TalliedRecord.minor).where(
            bulk.among(TalliedRecord.record_id, ids)
        )
    )
    for row in before:
        _add(deltas[row.tally_id], -1, row.minor)
    session.execute(delete(TalliedRecord).where(bulk.among(TalliedRecord.record_id, ids)))
    places = _places(session, {(c, cause, n.shape, n.currency) for (c, _, cause), n in now.items()})
    rows = []
    for (company_id, record_id, cause_id), one in now.items():
        tally_id = places[company_id, cause_id, one.shape, one.currency]
        _add(deltas[tally_id], 1, one.minor)
        rows.append(
            {
                "record_id": record_id,
                "cause_id": cause_id,
                "company_id": company_id,
                "tally_id": tally_id,
                "minor": one.minor,
            }
        )
    bulk.insert_rows(session, TalliedRecord, rows)
    _count(session, deltas)


def _add(delta: list[int], records: int, minor: int | None) -> None:
    delta[0] += records
    delta[1] += records * (minor or 0)
    delta[2] += records * (minor is None)


def _places(session: Session, wanted: Collection[Place]) -> dict[Place, int]:
    """The rows of the tally, made where they are missing."""
    rows = [
        {"company_id": company_id, "cause_id": cause_id, "shape": shape, "currency": currency}
        for company_id, cause_id, shape, currency in sorted(wanted)
    ]
    bulk.insert_rows(session, HoldTally, rows, ignore=True)
    query = select(HoldTally.id, *_PLACE).where(
        bulk.among(HoldTally.company_id, sorted({one[0] for one in wanted})),
        bulk.among(HoldTally.cause_id, sorted({one[1] for one in wanted})),
        bulk.among(HoldTally.shape, sorted({one[2] for one in wanted})),
    )
    found = session.execute(query).all() if wanted else ()
    return {(row.company_id, row.cause_id, row.shape, row.currency): row.id for row in found}


_PLACE: Final = (HoldTally.company_id, HoldTally.cause_id, HoldTally.shape, HoldTally.currency)
_COUNT: Final = (
    "UPDATE hold_tally AS t SET records = t.records + v.records, minor = t.minor + v.minor,"
    " blank = t.blank + v.blank FROM v WHERE t.id = v.id"
)


def _count(session: Session, deltas: Mapping[int, list[int]]) -> None:
    """Add to the rows of the tally; those that count nothing more go."""
    rows = [
        {"id": key, "records": records, "minor": minor, "blank": blank}
        for key, (records, minor, blank) in deltas.items()
        if records or minor or blank
    ]
    if rows:
        columns = dict.fromkeys(("id", "records", "minor", "blank"), "bigint")
        statement = f"{bulk.given(session, 'v', columns)} {_COUNT}"
        session.execute(text(statement), {"rows": dumps(rows)})
    gone = (bulk.among(HoldTally.id, list(deltas)), HoldTally.records == 0)
    session.execute(delete(HoldTally).where(*gone).execution_options(synchronize_session=False))
