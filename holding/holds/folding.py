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
from holding.db.held_amounts import HELD_AMOUNT, HELD_CURRENCY
from holding.db.models import Company, Hold, HoldTally, Posting, Record, TalliedRecord, TallyMark
from holding.db.models.decisions import HOLD_OPEN
from holding.holds.shapes import Counted, Waits, count_record, each_owner, money_of_row
from rules.outcomes import NEEDS_APPROVAL
from rules.values.canonical import PostingState, dumps

A_TURN: Final = 1_000

TURNS: Final = 50  # of one sweep; what is left waits for the next, and pages count it meanwhile

_ALONE: Final = text("SELECT pg_try_advisory_xact_lock(hashtext('hold_tally'))")

WHOLE_RECORD: Final = 0  # in place of a cause: all holds of a record

FINE: Final = 1 << 40  # added to a cause: its records once more, by fine shapes (shapes.py)

Part = tuple[int, int, int]
"""The unit of counting: company, record, and a cause.

Causes from FINE on repeat a cause by fine shapes. WHOLE_RECORD covers all holds, and a number below
it is one owner.
"""

Place = tuple[int, int, str, str]
"""The key of a tally row: company, the part's cause, shape, currency."""

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
        HELD_CURRENCY,
        HELD_AMOUNT,
        Record.source_id,
        Company.ages_from,
    )
    .join(Record, Record.id == Hold.record_id)
    .join(Company, Company.id == Hold.company_id)
    .where(HOLD_OPEN)
)
"""Open holds, with their amounts."""

WAITING = HELD.add_columns(
    Hold.answer_by,
    func.coalesce(Posting.state == PostingState.FAILED, false()).label("refused"),
).outerjoin(Posting, Posting.id == Hold.posting_id)
"""Open holds, with their answer deadline and whether a target refused the document."""

_PLACE: Final = (HoldTally.company_id, HoldTally.cause_id, HoldTally.shape, HoldTally.currency)

_COUNT: Final = (
    "UPDATE hold_tally AS t SET records = t.records + v.records, minor = t.minor + v.minor,"
    " blank = t.blank + v.blank FROM v WHERE t.id = v.id"
)

AMOUNTS: Final = (10_000, 100_000, 1_000_000, 10_000_000)
"""Upper limits of the amount bands in minor units of the book currency, regardless of sign."""

UNKNOWN: Final = len(AMOUNTS) + 1  # the band of what has no amount in the currency of the books

DAYS: Final = (0, 2, 7, 30)
"""Days before midnight at which the age bands end: today, up to 2, 7, 30 days, then older."""

BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)  # nothing was opened before


def fold_all(database: Database, *, turns: int = TURNS) -> int:
    """Fold marked records in batches, one transaction each, and return the number of marks
    folded.
    """
    folded = 0
    for _ in range(turns):
        with database.write() as session:
            marks_folded = fold(session)
        folded += marks_folded
        if marks_folded < A_TURN:
            break
    return folded


def fold(session: Session, most: int = A_TURN) -> int:
    """Fold the oldest marks and return their number; return 0 while another process folds."""
    if session.get_bind().dialect.name == "postgresql" and not session.scalar(_ALONE):
        return 0
    marks = session.execute(
        select(TallyMark.id, TallyMark.record_id).order_by(TallyMark.id).limit(most)
    ).all()
    if not marks:
        return 0
    session.execute(delete(TallyMark).where(bulk.among(TallyMark.id, [mark.id for mark in marks])))
    ids = sorted({mark.record_id for mark in marks})
    _write(session, ids, _now(session, ids))
    return len(marks)


def _write(session: Session, ids: Collection[int], now: Mapping[Part, Counted]) -> None:
    """Replace what the tally counts for these records by their current counts."""
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
    for (company_id, record_id, cause_id), count in now.items():
        tally_id = places[company_id, cause_id, count.shape, count.currency]
        _add(deltas[tally_id], 1, count.minor)
        rows.append(
            {
                "record_id": record_id,
                "cause_id": cause_id,
                "company_id": company_id,
                "tally_id": tally_id,
                "minor": count.minor,
            }
        )
    bulk.insert_rows(session, TalliedRecord, rows)
    _count(session, deltas)


def _add(delta: list[int], records: int, minor: int | None) -> None:
    delta[0] += records
    delta[1] += records * (minor or 0)
    delta[2] += records * (minor is None)


def _places(session: Session, places: Collection[Place]) -> dict[Place, int]:
    """Return the ids of tally rows, and insert the missing rows."""
    rows = [
        {"company_id": company_id, "cause_id": cause_id, "shape": shape, "currency": currency}
        for company_id, cause_id, shape, currency in sorted(places)
    ]
    bulk.insert_rows(session, HoldTally, rows, ignore=True)
    query = select(HoldTally.id, *_PLACE).where(
        bulk.among(HoldTally.company_id, sorted({place[0] for place in places})),
        bulk.among(HoldTally.cause_id, sorted({place[1] for place in places})),
        bulk.among(HoldTally.shape, sorted({place[2] for place in places})),
    )
    tally_rows = session.execute(query).all() if places else ()
    return {(row.company_id, row.cause_id, row.shape, row.currency): row.id for row in tally_rows}


def _count(session: Session, deltas: Mapping[int, list[int]]) -> None:
    """Add deltas to the tally rows, and delete rows that count no records."""
    rows = [
        {"id": key, "records": records, "minor": minor, "blank": blank}
        for key, (records, minor, blank) in deltas.items()
        if records or minor or blank
    ]
    if rows:
        columns = dict.fromkeys(("id", "records", "minor", "blank"), "bigint")
        statement = f"{bulk.given(session, 'v', columns)} {_COUNT}"
        session.execute(text(statement), {"rows": dumps(rows)})
    empty_rows = (bulk.among(HoldTally.id, list(deltas)), HoldTally.records == 0)
    session.execute(
        delete(HoldTally).where(*empty_rows).execution_options(synchronize_session=False)
    )


def _now(session: Session, ids: Collection[int]) -> dict[Part, Counted]:
    return count_with_owners(session.execute(WAITING.where(bulk.among(Hold.record_id, ids))))


def count_with_owners(rows: Iterable[Any]) -> dict[Part, Counted]:
    """Return all tally parts of each record, from rows of `WAITING`."""
    hold_rows = list(rows)
    owners = {
        (company_id, record_id, -number): wait.counted
        for (company_id, record_id), owner_waits in each_owner(hold_rows).items()
        for number, wait in enumerate(owner_waits, 1)
    }
    return count_records(hold_rows) | owners


def count_records(rows: Iterable[Any]) -> dict[Part, Counted]:
    """Return each record's counts from rows of `HELD`: all holds by a fine shape, and each cause by
    a coarse and a fine shape.

    There are many causes, so a list without a fine filter reads the coarse rows only.
    """
    holds: dict[Part, list[Waits]] = defaultdict(list)
    for row in rows:
        hold = Waits(
            cause_id=row.cause_id,
            error_class=row.error_class,
            team_id=row.team_id,
            person_id=row.person_id,
            snoozed=row.snoozed_until is not None,
            asks=row.code == NEEDS_APPROVAL,
            money=money_of_row(row),
            source=row.source_id,
            target=row.connection_id or 0,
            amount=amount_band(row.book),
            age=age_band(row.opened_at, row.ages_from),
        )
        for cause_id in (WHOLE_RECORD, row.cause_id, FINE + row.cause_id):
            holds[row.company_id, row.record_id, cause_id].append(hold)
    return {
        part: count_record(waits, fine=not WHOLE_RECORD < part[2] < FINE)
        for part, waits in holds.items()
    }


def start_new_days(database: Database, now: datetime) -> int:
    """Store the new midnight of each company where a day has begun, and return how many."""
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
    # Ages change only here, so that lists, facets and tally always count by the same midnight.
    crossed = select(Hold.company_id, Hold.record_id).distinct()
    crossed = crossed.where(Hold.company_id == company_id, HOLD_OPEN)
    crossed = crossed.where(or_(*_between(before, day)))
    columns = [TallyMark.company_id, TallyMark.record_id]
    session.execute(insert(TallyMark).from_select(columns, crossed))
    session.execute(update(Company).where(Company.id == company_id).values(ages_from=day))


def _between(before: datetime | None, day: datetime) -> Iterator[ColumnElement[bool]]:
    """Yield conditions for the opening time of holds whose age band changed."""
    for edge, other in zip(age_band_edges(before), age_band_edges(day), strict=True):
        first, last = sorted((edge, other))
        yield and_(Hold.opened_at >= first, Hold.opened_at < last)


def midnight(now: datetime, zone: str) -> datetime:
    """Return when the current day began in a time zone."""
    time_zone = ZoneInfo(zone)
    return datetime.combine(now.astimezone(time_zone).date(), time(), time_zone).astimezone(
        now.tzinfo
    )


def in_amount_bands(chosen: Iterable[int]) -> ColumnElement[bool]:
    """Return the condition that a hold's amount, regardless of sign, is in one of these bands."""
    numbers = sorted(set(chosen))
    conditions: list[ColumnElement[bool]] = [Hold.book.is_(None)] if UNKNOWN in numbers else []
    for least, end in _met(amount_band_limits(number) for number in numbers if number != UNKNOWN):
        size = func.abs(Hold.book)  # for a range of the column SQLite would leave the order of ages
        far = size >= least if least else Hold.book.is_not(None)
        conditions.append(far if end is None else and_(size < end, far))
    return or_(false(), *conditions)


def _met(spans: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
    """Yield the spans in order, with adjacent spans joined."""
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


def in_age_bands(chosen: Iterable[int], midnight: datetime | None) -> ColumnElement[bool]:
    """Return the condition that a hold is in one of these age bands, counted back from a
    midnight.
    """
    spans = (age_band_limits(number, midnight) for number in sorted(set(chosen), reverse=True))
    return or_(false(), *(_opened(since, until) for since, until in _met(spans)))


def _opened(since: datetime | None, until: datetime | None) -> ColumnElement[bool]:
    first: ColumnElement[bool] = true() if since is None else Hold.opened_at >= since
    return first if until is None else and_(first, Hold.opened_at < until)


def amount_band(book: int | None) -> int:
    """Return the band of an amount in minor units of the book currency."""
    if book is None:
        return UNKNOWN
    return sum(abs(book) >= edge for edge in AMOUNTS)


def amount_band_limits(band: int) -> tuple[int, int | None]:
    """Return the lower limit and the exclusive upper limit of a band; None means no limit."""
    edges = (0, *AMOUNTS, None)
    return edges[band] or 0, edges[band + 1]


def age_band_edges(midnight: datetime | None) -> Sequence[datetime]:
    """Return the times between age bands, newest first.

    Without a midnight all holds are in the first band.
    """
    return [midnight - timedelta(days=days) if midnight else BEGINNING for days in DAYS]


def age_band(opened_at: datetime, midnight: datetime | None) -> int:
    """Return the age band of a hold opened at this time."""
    return sum(opened_at < edge for edge in age_band_edges(midnight))


def age_band_limits(
    band: int, midnight: datetime | None
) -> tuple[datetime | None, datetime | None]:
    """Return the first and the exclusive last opening time of a band; None means no limit."""
    limits = [None, *age_band_edges(midnight), None]
    return limits[band + 1], limits[band]
