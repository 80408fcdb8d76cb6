"""Update the stored hold tally from the records that changed, in batches."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    and_,
    delete,
    false,
    func,
    insert,
    or_,
    select,
    text,
    true,
    update,
)
from sqlalchemy.orm import Session

from holding.db import bulk
from holding.db.database import Database
from holding.db.models import Company, Hold, HoldTally, Posting, Record, TalliedRecord, TallyMark
from holding.db.models.decisions import HOLD_OPEN
from holding.holds.shapes import Counted, Waits, counted, each_owner
from rules.outcomes import NEEDS_APPROVAL
from rules.values.canonical import PostingState, dumps

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

_PLACE: Final = (HoldTally.company_id, HoldTally.cause_id, HoldTally.shape, HoldTally.currency)

_COUNT: Final = (
    "UPDATE hold_tally AS t SET records = t.records + v.records, minor = t.minor + v.minor,"
    " blank = t.blank + v.blank FROM v WHERE t.id = v.id"
)

AMOUNTS: Final = (10_000, 100_000, 1_000_000, 10_000_000)
"""Where the bands of amounts end, in minor units of the books, whichever sign the amount has."""

UNKNOWN: Final = len(AMOUNTS) + 1  # the band of what has no amount in the currency of the books

DAYS: Final = (0, 2, 7, 30)
"""How many days before midnight the bands of ages end: today, up to 2, 7, 30 days; then older."""

BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)  # nothing was opened before


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


def _now(session: Session, ids: Collection[int]) -> dict[Part, Counted]:
    return counts(session.execute(WAITING.where(bulk.among(Hold.record_id, ids))))


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
            amount=of_amount(row.book),
            age=of_age(row.opened_at, row.ages_from),
        )
        for cause_id in (WHOLE_RECORD, row.cause_id, FINE + row.cause_id):
            holds[row.company_id, row.record_id, cause_id].append(hold)
    return {
        part: counted(found, *money[part[1]], fine=not WHOLE_RECORD < part[2] < FINE)
        for part, found in holds.items()
    }


def pass_days(database: Database, now: datetime) -> int:
    """Note the midnight of each company in which another day has begun; how many there were."""
    with database.read() as session:
        rows = session.execute(select(Company.id, Company.zone, Company.ages_from)).all()
    begun = {row.id: (row.ages_from, midnight(now, row.zone)) for row in rows}
    passed = {key: day for key, (noted, day) in begun.items() if noted != day}
    for company_id, day in passed.items():
        with database.write() as session:
            _pass(session, company_id, day)
    return len(passed)


def _pass(session: Session, company_id: int, day: datetime) -> None:
    before = session.scalar(select(Company.ages_from).where(Company.id == company_id))
    crossed = select(Hold.company_id, Hold.record_id).distinct()
    crossed = crossed.where(Hold.company_id == company_id, HOLD_OPEN)
    crossed = crossed.where(or_(*_between(before, day)))
    columns = [TallyMark.company_id, TallyMark.record_id]
    session.execute(insert(TallyMark).from_select(columns, crossed))
    session.execute(update(Company).where(Company.id == company_id).values(ages_from=day))


def _between(before: datetime | None, day: datetime) -> Iterator[ColumnElement[bool]]:
    """When the holds were opened that were of one band and are of another."""
    for one, other in zip(edges(before), edges(day), strict=True):
        first, last = sorted((one, other))
        yield and_(Hold.opened_at >= first, Hold.opened_at < last)


def midnight(now: datetime, zone: str) -> datetime:
    """When the day of this moment began in a zone."""
    own = ZoneInfo(zone)
    return datetime.combine(now.astimezone(own).date(), time(), own).astimezone(now.tzinfo)


def of_amounts(chosen: Iterable[int]) -> ColumnElement[bool]:
    """The condition that the amount of a hold is in one of these bands, whichever sign it has."""
    numbers = sorted(set(chosen))
    found: list[ColumnElement[bool]] = [Hold.book.is_(None)] if UNKNOWN in numbers else []
    for least, end in _met(amounts_of(one) for one in numbers if one != UNKNOWN):
        size = func.abs(Hold.book)  # for a range of the column SQLite would leave the order of ages
        far = size >= least if least else Hold.book.is_not(None)
        found.append(far if end is None else and_(size < end, far))
    return or_(false(), *found)


def _met(spans: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
    """Spans in their order, those that meet as one."""
    last: tuple[Any, Any] | None = None
    for since, until in spans:
        if last is not None and last[1] is not None and last[1] == since:
            last = (last[0], until)
            continue
        if last is not None:
            yield last
        last = (since, until)
    if last is not None:
        yield last


def of_ages(chosen: Iterable[int], midnight: datetime | None) -> ColumnElement[bool]:
    """The condition that a hold is of one of these bands of ages, counted to that midnight."""
    spans = (opened_in(one, midnight) for one in sorted(set(chosen), reverse=True))
    return or_(false(), *(_opened(since, until) for since, until in _met(spans)))


def _opened(since: datetime | None, until: datetime | None) -> ColumnElement[bool]:
    first: ColumnElement[bool] = true() if since is None else Hold.opened_at >= since
    return first if until is None else and_(first, Hold.opened_at < until)


def of_amount(book: int | None) -> int:
    """The band of an amount of the books, in minor units."""
    if book is None:
        return UNKNOWN
    return sum(abs(book) >= edge for edge in AMOUNTS)


def amounts_of(band: int) -> tuple[int, int | None]:
    """From which amount a band goes, and up to which, that one not included; None: without end."""
    edges = (0, *AMOUNTS, None)
    return edges[band] or 0, edges[band + 1]


def edges(midnight: datetime | None) -> Sequence[datetime]:
    """The moments at which bands of ages meet, the newest first; while no midnight is noted all
    holds are of the first.
    """
    return [midnight - timedelta(days=days) if midnight else BEGINNING for days in DAYS]


def of_age(opened_at: datetime, midnight: datetime | None) -> int:
    """The band of a hold that was opened then."""
    return sum(opened_at < edge for edge in edges(midnight))


def opened_in(band: int, midnight: datetime | None) -> tuple[datetime | None, datetime | None]:
    """From when, and until when, that moment not included, the holds of a band were opened; None:
    without end.
    """
    found = [None, *edges(midnight), None]
    return found[band + 1], found[band]
