"""Read changes from a shop's database page by page: orders first, then settlements."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from connectors.contract import IncomingRecord, RowError, Settings
from connectors.contract.errors import FILE, parse_address
from connectors.contract.pulls import NoPage, Page, Pulled
from connectors.contract.schema import FieldSchema
from connectors.kit.canonical_record import Cell, RawRecord, read_record
from connectors.kit.delivery import too_long
from connectors.kit.delivery_limits import LINES, MEGABYTE
from connectors.kit.order_sums import complete_order, settle_sums
from connectors.sources.sql.connector import (
    STAMP,
    KindQuery,
    LineQuery,
    fields_by_column,
    late_minutes,
    queries_of,
    rows_at_once,
)
from connectors.sources.sql.database import (
    Place,
    Reader,
    Row,
    Start,
    moment_of,
    open_reader,
    parse_place,
    place_to_json,
)
from connectors.sources.sql.failures import TooLongError, UnansweredError
from connectors.transport.http import Http
from connectors.transport.strict_json import dumps

PAGE_BYTES: Final = 8 * MEGABYTE

PAGE_LINES: Final = 4 * LINES

BLANK: Final = 5  # rows without a moment that are reported

MANY_AT_ONCE: Final = 10  # rows of one moment

JUST_NOW: Final = timedelta(minutes=1)

SET_BY_THE_SHOP: Final = "Name the column that the shop itself sets with each change."

_MOMENT: Final = "Have the query give it as 2026-11-19 14:03:11, in every row alike."


DatabaseRow = Mapping[str, object]

_DIGITS: Final = 15
"""What a binary number holds exactly as it was written."""

_JSON_WHOLE: Final = 2**53

_KNOWN_BY: Final = frozenset({"number", "status", "total", "currency", "commission"})
"""The fields that are read of a row that is too long to be read whole."""

Connect = Callable[[], AbstractContextManager[Reader]]

_MOST: Final = 1_000_000  # characters of one record, as it is kept


def begin(since: datetime) -> str:
    """Return the cursor from which every change at or after this moment shows."""
    return _Cursor(since).text()


@dataclass(frozen=True, slots=True)
class _Cursor:
    """Since when anything is read; the kind that is read, the place of each, and the latest moment
    that was seen of each.
    """

    floor: datetime
    kind: str = ""
    at: dict[str, Place | Start] = field(default_factory=dict)
    high: dict[str, datetime] = field(default_factory=dict)

    def text(self) -> str:
        return json.dumps(
            {
                "floor": self.floor.isoformat(),
                "kind": self.kind,
                "at": {kind: place_to_json(place) for kind, place in self.at.items()},
                "high": {kind: high.isoformat() for kind, high in self.high.items()},
            }
        )

    @classmethod
    def of(cls, text: str) -> "_Cursor":
        fields = json.loads(text)
        return cls(
            floor=datetime.fromisoformat(fields["floor"]),
            kind=fields["kind"],
            at={kind: parse_place(place) for kind, place in fields["at"].items()},
            high={kind: datetime.fromisoformat(high) for kind, high in fields["high"].items()},
        )


@dataclass(frozen=True, slots=True)
class _Reading:
    """The request to read one kind from a cursor on.

    `most` limits the rows. `alone`: only a single row is read, without checking for further rows.
    """

    query: KindQuery
    later: Sequence[KindQuery]
    at: _Cursor
    most: int
    late: timedelta
    now: datetime
    alone: bool = False

    @property
    def place(self) -> Place | Start:
        """Return where the reading begins."""
        return self.at.at.get(self.query.kind, Start(self.at.floor))


def page(
    cursor: str, settings: Settings, password: str, zone: ZoneInfo, http: Http
) -> Page | NoPage:
    """Return the page that follows a cursor."""
    queries, address = queries_of(settings), parse_address(str(settings.get("base_url") or ""))
    if isinstance(queries, str):
        return NoPage(words=queries, hint="An admin changes it under Settings.")
    if isinstance(address, str):
        return NoPage(words=address, hint="An admin changes it under Settings.")
    at = _Cursor.of(cursor)
    query = next((candidate for candidate in queries if candidate.kind == at.kind), queries[0])
    reading = _Reading(
        query=query,
        later=queries[queries.index(query) + 1 :],
        at=at,
        most=rows_at_once(settings),
        late=timedelta(minutes=late_minutes(settings)),
        now=http.now(),
    )
    try:
        return _shorter(reading, lambda: open_reader(address, password, zone))
    except UnansweredError as error:
        refused = error.cause == "login"
        return NoPage(words=error.words, hint=error.hint, key_refused=refused)


def _shorter(reading: _Reading, connect: Connect) -> Page:
    """Return the next page; read fewer rows at a time while a page exceeds the byte limit.

    A single row that exceeds the limit is returned as a held record with its id and the fields that
    identify it, so that the rows after it are still read.
    """
    fewer = (replace(reading, most=max(1, reading.most // 16)), replace(reading, alone=True))
    for attempt in (reading, *fewer):
        with suppress(TooLongError), connect() as reader:
            return _read(reader, attempt)
    try:
        with connect() as reader:
            return _held_unread(reader, reading, _short_columns(reader, reading.query))
    except UnansweredError:
        with connect() as reader:
            return _held_unread(reader, reading, ())


def _short_columns(reader: Reader, query: KindQuery) -> tuple[str, ...]:
    """Return the columns whose fields identify a record to a person, such as its number."""
    named = [name for name, field in query.columns.items() if field in _KNOWN_BY]
    free = _KNOWN_BY - set(query.columns.values())
    return (*named, *(name for name in reader.columns(query.text) if name in free))


def _held_unread(reader: Reader, reading: _Reading, names: Sequence[str]) -> Page:
    """Return a page with the next row, held because it is too long."""
    query = reading.query
    place = _with_sample(reader, query, reading.place)
    rows = list(reader.page(query, place, 1, (query.cursor, query.id, *names)))
    words = f"The {query.kind} is longer than may be read at once."
    faults = [_value_error(f"{query.kind} {_key(row, query)}", "", words) for row in rows]
    records = [
        pulled(query, row, (), reader.zone, [fault])
        for row, fault in zip(rows, faults, strict=True)
        if _since(row, query, reading.at.floor, reader.zone)
    ]
    return _page_with_cursor(reader, reading, place, _Heads(rows, more=True), records)


def _read(reader: Reader, reading: _Reading) -> Page:
    query, floor = reading.query, reading.at.floor
    place = _with_sample(reader, query, reading.place)
    heads = _heads(reader, reading, place)
    _refuse_query_time(heads.rows, query, reader.zone, reading.now)
    records, heads = _with_lines(reader, query, heads, floor)
    without_id = [pulled(query, row, (), reader.zone) for row in heads.without_id]
    return _page_with_cursor(reader, reading, place, heads, (*records, *without_id))


def _page_with_cursor(
    reader: Reader,
    reading: _Reading,
    place: Place | Start,
    heads: "_Heads",
    records: Sequence[Pulled],
) -> Page:
    """Return the page with the cursor behind it."""
    query, at = reading.query, reading.at
    high = _latest_moment(heads.rows, query, reader.zone, at.high.get(query.kind))
    highs = at.high if high is None else {**at.high, query.kind: high}
    if heads.more and heads.rows:
        places = {**at.at, query.kind: _place_after(heads.last or heads.rows[-1], query)}
        after = replace(at, kind=query.kind, at=places, high=highs)
        return Page(found=records, after=after.text(), more=True)
    later = reading.later
    back = None if high is None else min(high, reading.now) - reading.late
    after = _Cursor(
        floor=at.floor,
        kind=later[0].kind if later else "",
        at={**at.at, query.kind: _next_start(at.floor, place, back)},
        high={kind: moment for kind, moment in highs.items() if kind != query.kind},
    )
    blank = _unreadable_rows(reader, query, at.floor)
    return Page(found=(*records, *blank), after=after.text(), more=bool(later))


def _with_sample(reader: Reader, query: KindQuery, place: Place | Start) -> Place | Start:
    """Return the start with a sample of how a text column writes its moments."""
    if reader.system != FILE or isinstance(place, Place) or place.sample:
        return place
    newest = reader.newest(query)
    if newest is None:
        return place
    if not isinstance(newest, str) or moment_of(newest, reader.zone) is None:
        words = f"The column {query.cursor} holds “{str(newest)[:40]}”, which is not a moment."
        raise UnansweredError("value", words, _MOMENT)
    return Start(place.moment, newest)


@dataclass(frozen=True, slots=True)
class _Heads:
    """Rows of one kind, and whether more rows follow.

    If several rows have one id, only the first is included. `without_id`: rows whose id cannot be
    read. `last`: the last row of all.
    """

    rows: Sequence[Row]
    more: bool
    without_id: Sequence[Row] = ()
    last: Row | None = None


def _heads(reader: Reader, reading: _Reading, place: Place | Start) -> _Heads:
    query, most = reading.query, 1 if reading.alone else reading.most
    rows: dict[str, Row] = {}
    without_id = list[Row]()
    size, latest, last, more = 0, None, None, reading.alone
    for at, row in enumerate(reader.page(query, place, most + (not reading.alone))):
        key = _key(row, query)
        moment = moment_of(row.get(query.cursor.lower()), reader.zone)
        if reader.system == FILE and moment and latest and moment < latest:
            words = f"The column {query.cursor} writes its moments in more than one way."
            raise UnansweredError("value", words, _MOMENT)
        latest = moment or latest
        size += sum(len(str(value)) for value in row.values())
        if at == most or (rows and size > PAGE_BYTES):
            more = True
            break
        if not key:
            without_id.append(row)
            continue
        rows.setdefault(key, row)
        last = row
    if without_id and not rows and more:
        words = f"No row has an id in the column {query.id}."
        raise UnansweredError("value", words, "Have the query give each row its id.")
    return _Heads(list(rows.values()), more, without_id, last)


def _key(row: Row, query: KindQuery) -> str:
    return key_text(row.get(query.id.lower()))


def _refuse_query_time(
    rows: Sequence[Row], query: KindQuery, zone: ZoneInfo, now: datetime
) -> None:
    """Raise if many rows changed at one recent moment: the column may hold the query's time.

    Such a column would restart the pull with each page, and the pull would never end. A real change
    of many rows at once is read a minute later.
    """
    moments = {moment_of(row.get(query.cursor.lower()), zone) for row in rows}
    if len(rows) < MANY_AT_ONCE or len(moments) > 1:
        return
    (moment,) = moments
    if moment is not None and abs(now - moment) < JUST_NOW:
        raise UnansweredError("value", query_time_fault(query), SET_BY_THE_SHOP)


def _with_lines(
    reader: Reader, query: KindQuery, heads: _Heads, floor: datetime
) -> tuple[tuple[Pulled, ...], _Heads]:
    """Return the records of rows that may be read, and the rows; fewer rows if they have many
    lines.
    """
    new_rows = [row for row in heads.rows if _since(row, query, floor, reader.zone)]
    lines: dict[str, list[Row]] = {}
    faults: dict[str, list[RowError]] = {}
    keys = [row[query.id.lower()] for row in new_rows]
    if query.lines and new_rows:
        line_rows = reader.lines(query.lines, keys, PAGE_LINES + 1)
        if len(line_rows) > PAGE_LINES and len(heads.rows) > 1:
            fewer = replace(heads, rows=heads.rows[: len(heads.rows) // 2], more=True, last=None)
            return _with_lines(reader, query, fewer, floor)
        lines = group_by_order(query.lines, line_rows)
        for key, error in _misnamed_orders(query, lines, {key_text(key) for key in keys}):
            faults.setdefault(key, []).append(error)
    # another page, or no page of this reading, may have the other row
    for key in map(key_text, reader.repeated_among(query, keys) if keys else ()):
        faults.setdefault(key, []).append(_repeated(query, key))
    records = (
        pulled(query, row, lines.get(key, ()), reader.zone, faults.get(key, ()))
        for row in new_rows
        if (key := _key(row, query))
    )
    return tuple(records), heads


def _repeated(query: KindQuery, key: str) -> RowError:
    hint = "Have the query give one row for each; lines have a query of their own."
    words = "Two rows have this id."
    return RowError(where=f"{query.kind} {key}, {query.id}", value=key, message=words, hint=hint)


def _misnamed_orders(
    query: KindQuery, lines: Mapping[str, Sequence[Row]], keys: Collection[str]
) -> Iterator[tuple[str, RowError]]:
    """Yield the orders whose id is written differently in their lines, each with an error.

    A database may match lines by another spelling of an id. If no order has a similar id, every
    order without lines may be meant.
    """
    for name in sorted(lines.keys() - keys):
        similar_keys = {key for key in keys if _loosely(key) == _loosely(name)}
        for key in sorted(similar_keys or keys - lines.keys()):
            yield (
                key,
                RowError(
                    where=f"{query.kind} {key}, lines",
                    value=name[:200],
                    message="Lines name the order otherwise than the order itself.",
                    hint="Have both queries give the id alike.",
                ),
            )


def _loosely(key: str) -> str:
    return key.strip().casefold().lstrip("0")


def _since(row: Row, query: KindQuery, floor: datetime, zone: ZoneInfo) -> bool:
    moment = moment_of(row.get(query.cursor.lower()), zone)
    return moment is None or moment >= floor


def _latest_moment(
    rows: Iterable[Row], query: KindQuery, zone: ZoneInfo, earlier: datetime | None
) -> datetime | None:
    """Return the latest moment so far."""
    moments = [moment_of(row.get(query.cursor.lower()), zone) for row in rows]
    return max((moment for moment in (earlier, *moments) if moment is not None), default=None)


def _place_after(row: Row, query: KindQuery) -> Place:
    """Return the place after a row."""
    moved, key = row[query.cursor.lower()], row[query.id.lower()]
    return Place(
        moved if isinstance(moved, (datetime, str)) else str(moved),
        key if isinstance(key, (int, str, Decimal)) else key_text(key),
    )


def _next_start(floor: datetime, place: Place | Start, back: datetime | None) -> Start:
    """Return where the next pull of a kind begins; without any row, where this pull began."""
    if back is None:
        return place if isinstance(place, Start) else Start(floor)
    sample = place.sample if isinstance(place, Start) else place.moved
    return Start(max(floor, back), sample if isinstance(sample, str) else "")


def _unreadable_rows(reader: Reader, query: KindQuery, floor: datetime) -> tuple[Pulled, ...]:
    """Return the rows that no pull can reach: rows without a moment, and rows without an id."""
    rows_without_moment = reader.blank(query, query.cursor, BLANK)
    rows_without_id = reader.blank(query, query.id, BLANK)
    return (
        *(_blank_moment_row(query, _key(row, query)) for row in rows_without_moment),
        *(
            pulled(query, row, (), reader.zone)
            for row in rows_without_id
            if _since(row, query, floor, reader.zone)
        ),
    )


def _blank_moment_row(query: KindQuery, key: str) -> Pulled:
    error = RowError(
        where=f"{query.kind} {key}, {query.cursor}",
        value="",
        message="It is blank, so the row is never read.",
        hint="Have the shop fill it in, and forbid that it is blank.",
    )
    return Pulled(raw=dumps({query.kind: key, query.cursor: None}), errors=(error,))


def query_time_fault(query: KindQuery) -> str:
    """Return the fault of a cursor column that is calculated during the query."""
    return (
        f"All {query.kind}s changed just now: the column {query.cursor} holds when it is asked, not"
        " when a row changed."
    )


@dataclass(frozen=True, slots=True)
class Unfit:
    """A value that no field can take; `text` is its readable form."""

    text: str

    def __str__(self) -> str:
        return self.text


def pulled(
    query: KindQuery,
    row: DatabaseRow,
    lines: Sequence[DatabaseRow],
    zone: ZoneInfo,
    faults: Sequence[RowError] = (),
) -> Pulled:
    """Return a row with its lines as a record, held for these faults and what cannot be read."""
    raw = dumps({query.kind: _json_row(row), "lines": [_json_row(line) for line in lines]})
    place = f"{query.kind} {key_text(row.get(query.id.lower()))}"
    errors: list[RowError] = []
    if len(raw) > _MOST:
        errors.append(
            _value_error(place, "", f"The {query.kind} is longer than {_MOST:,} characters.")
        )
    if long := too_long(place, len(lines)):
        errors.append(long)
    if errors:
        raw, lines = dumps({query.kind: place}), ()
    moved = row.get(query.cursor.lower())
    if moment_of(moved, zone) is None:
        words = f"The column {query.cursor} holds no moment."
        errors.append(_value_error(f"{place}, {query.cursor}", str(moved), words))
    head = _cells(place, row, query.columns, query.schema.fields, zone)
    head[STAMP] = Cell(f"{place}, {query.cursor}", _in_zone(moved, zone))
    key = Cell(place, key_text(row.get(query.id.lower())))
    of_lines = _lines(place, query, lines, zone)
    errors += [error for cells in (head, *of_lines) for error in _unfit_errors(cells)]
    errors += faults
    # a settlement has no such fields
    order, differences = settle_sums(complete_order(RawRecord(key, head, of_lines)))
    record = read_record(query.schema, order, zone, (*errors, *differences))
    if isinstance(record, IncomingRecord):
        return Pulled(raw=raw, records=(record,))
    return Pulled(raw=raw, errors=record)


def _json_row(row: DatabaseRow) -> dict[str, object]:
    """Return a row as JSON without loss: a value that JSON has no exact form for is a text."""
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: object) -> object:
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int) and abs(value) <= _JSON_WHOLE:
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"{len(value)} bytes"
    return value.isoformat() if isinstance(value, (date, time)) else str(value)


def _value_error(where: str, value: str, message: str) -> RowError:
    hint = "Have the query give it as text or as an exact number (CAST … AS DECIMAL)."
    return RowError(where=where, value=value[:200], message=message, hint=hint)


def _cells(
    place: str,
    row: DatabaseRow,
    columns: Mapping[str, str],
    fields: tuple[FieldSchema, ...],
    zone: ZoneInfo,
) -> dict[str, Cell]:
    filled = fields_by_column(columns, fields)
    return {
        filled[name].name: Cell(f"{place}, {name}", convert_value(value, filled[name], zone))
        for name, value in row.items()
        if name in filled
    }


def _in_zone(value: object, zone: ZoneInfo) -> object:
    """Return a moment with the source's time zone if it has none."""
    plain = isinstance(value, datetime) and value.tzinfo is None
    return value.replace(tzinfo=zone) if plain and isinstance(value, datetime) else value


def _lines(
    place: str, query: KindQuery, lines: Sequence[DatabaseRow], zone: ZoneInfo
) -> list[dict[str, Cell]]:
    line_cells = []
    columns = query.lines.columns if query.lines else {}
    for position, line in enumerate(lines, 1):
        cells = _cells(f"{place}, line {position}", line, columns, query.schema.lines, zone)
        cells.setdefault("pos", Cell(f"{place}, line {position}", position))
        line_cells.append(cells)
    return sorted(line_cells, key=_pos)


def _pos(cells: Mapping[str, Cell]) -> int:
    """Return a line's position for sorting, 0 if it cannot be read; such a line is reported
    elsewhere.
    """
    value = cells["pos"].value
    if isinstance(value, Decimal):
        return int(value) if value.is_finite() else 0
    return value if isinstance(value, int) else 0


def _unfit_errors(cells: Mapping[str, Cell]) -> list[RowError]:
    words = "This value is not exact, or of a type that no field takes."
    unfit_cells = [cell for cell in cells.values() if isinstance(cell.value, Unfit)]
    return [_value_error(cell.where, str(cell.value), words) for cell in unfit_cells]


def key_text(value: object) -> str:
    """Return an id as text; numbers of any size keep their digits."""
    if isinstance(value, Decimal) and not value.is_finite():
        return ""
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return str(int(value))
    return str(value) if isinstance(value, (int, str, Decimal, UUID)) else ""


def group_by_order(query: LineQuery, lines: Sequence[DatabaseRow]) -> dict[str, list[DatabaseRow]]:
    """Return order id -> lines."""
    lines_by_order: dict[str, list[DatabaseRow]] = {}
    for line in lines:
        lines_by_order.setdefault(key_text(line.get(query.order.lower())), []).append(line)
    return lines_by_order


def convert_value(value: object, field: FieldSchema, zone: ZoneInfo) -> object:
    """Return a column's exact value in the form that the field takes."""
    match value:
        case None:
            return None
        case float():
            exact = Decimal(repr(value))
            short = exact.is_finite() and len(exact.as_tuple().digits) <= _DIGITS
            return exact if short else Unfit(repr(value))
        case datetime() | str() if field.type == "date" and (moment := moment_of(value, zone)):
            return _day(moment, zone)
        case datetime():
            return _in_zone(value, zone)
        case UUID():
            return str(value)
        case time():
            return value.isoformat()
        case bool() | int() | str() | Decimal() | date():
            return value
        case _:
            return Unfit(type(value).__name__)


def _day(moment: datetime, zone: ZoneInfo) -> object:
    """Return the day of a moment. Some shops write the last possible day for "never", which is
    unfit.
    """
    try:
        return moment.astimezone(zone).date()
    except OverflowError:
        return Unfit(moment.isoformat())
