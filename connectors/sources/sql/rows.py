"""Rows of a shop's database as records.

Here: which column fills which field, and a value of a driver as a value of a record. Not here:
reading rows (database.py), the canonical form (kit/canonical_record.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from connectors.contract import IncomingRecord, RowError
from connectors.contract.pulls import Pulled
from connectors.contract.schema import FieldSchema
from connectors.kit.canonical_record import Cell, RawRecord, canonical
from connectors.kit.delivery_counts import too_long
from connectors.sources.sql.kinds import STAMP
from connectors.sources.sql.places import moment_of
from connectors.sources.sql.queries import KindQuery, LineQuery, fields_by_column
from connectors.transport.strict_json import dumps

Row = Mapping[str, object]
_DIGITS: Final = 15
"""What a binary number holds exactly as it was written."""
_JSON_WHOLE: Final = 2**53
_MOST: Final = 1_000_000  # characters of one record, as it is kept


@dataclass(frozen=True, slots=True)
class Unfit:
    """A value that no field can take; `text` is what is shown of it."""

    text: str

    def __str__(self) -> str:
        return self.text


def pulled(query: KindQuery, row: Row, lines: Sequence[Row], zone: ZoneInfo) -> Pulled:
    """One row with its lines: a record, or what is wrong with it."""
    raw = dumps({query.kind: _kept(row), "lines": [_kept(line) for line in lines]})
    place = f"{query.kind} {key_text(row.get(query.id.lower()))}"
    if len(raw) > _MOST:
        words = f"The {query.kind} is longer than {_MOST:,} characters."
        return Pulled(raw=dumps({query.kind: place}), errors=(_wrong(place, "", words),))
    if long := too_long(place, len(lines)):
        return Pulled(raw=dumps({query.kind: place}), errors=(long,))
    moved = row.get(query.cursor.lower())
    if moment_of(moved, zone) is None:
        words = f"The column {query.cursor} holds no moment."
        return Pulled(raw=raw, errors=(_wrong(f"{place}, {query.cursor}", str(moved), words),))
    head = _cells(place, row, query.columns, query.schema.fields, zone)
    head[STAMP] = Cell(f"{place}, {query.cursor}", _in_zone(moved, zone))
    key = Cell(place, key_text(row.get(query.id.lower())))
    of_lines = _lines(place, query, lines, zone)
    errors = [error for cells in (head, *of_lines) for error in _unfit(cells)]
    record = canonical(query.schema, RawRecord(key, head, of_lines), zone)
    if isinstance(record, IncomingRecord) and not errors:
        return Pulled(raw=raw, records=(record,))
    more = () if isinstance(record, IncomingRecord) else record
    places = {error.where for error in errors}
    return Pulled(raw=raw, errors=(*errors, *(one for one in more if one.where not in places)))


def key_text(value: object) -> str:
    """An id as text; numbers of any size keep their digits."""
    if isinstance(value, Decimal) and not value.is_finite():
        return ""
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return str(int(value))
    return str(value) if isinstance(value, (int, str, Decimal, UUID)) else ""


def by_order(query: LineQuery, lines: Sequence[Row]) -> dict[str, list[Row]]:
    """The lines by the id of their order."""
    found: dict[str, list[Row]] = {}
    for line in lines:
        found.setdefault(key_text(line.get(query.order.lower())), []).append(line)
    return found


def value_of(value: object, field: FieldSchema, zone: ZoneInfo) -> object:
    """What a column holds, exactly, as the field takes it."""
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
    """The day of a moment; some shops write the end of all days for "never", which is none here."""
    try:
        return moment.astimezone(zone).date()
    except OverflowError:
        return Unfit(moment.isoformat())


def _in_zone(value: object, zone: ZoneInfo) -> object:
    """A moment that names no zone is meant in the source's own."""
    plain = isinstance(value, datetime) and value.tzinfo is None
    return value.replace(tzinfo=zone) if plain and isinstance(value, datetime) else value


def _cells(
    place: str,
    row: Row,
    columns: Mapping[str, str],
    fields: tuple[FieldSchema, ...],
    zone: ZoneInfo,
) -> dict[str, Cell]:
    filled = fields_by_column(columns, fields)
    return {
        filled[name].name: Cell(f"{place}, {name}", value_of(value, filled[name], zone))
        for name, value in row.items()
        if name in filled
    }


def _lines(
    place: str, query: KindQuery, lines: Sequence[Row], zone: ZoneInfo
) -> list[dict[str, Cell]]:
    found = []
    columns = query.lines.columns if query.lines else {}
    for at, line in enumerate(lines, 1):
        cells = _cells(f"{place}, line {at}", line, columns, query.schema.lines, zone)
        cells.setdefault("pos", Cell(f"{place}, line {at}", at))
        found.append(cells)
    return sorted(found, key=_pos)


def _pos(cells: Mapping[str, Cell]) -> int:
    """Lines are told in their own order; one whose number cannot be read is told of anyway."""
    value = cells["pos"].value
    if isinstance(value, Decimal):
        return int(value) if value.is_finite() else 0
    return value if isinstance(value, int) else 0


def _unfit(cells: Mapping[str, Cell]) -> list[RowError]:
    words = "This value is not exact, or of a type that no field takes."
    found = [cell for cell in cells.values() if isinstance(cell.value, Unfit)]
    return [_wrong(cell.where, str(cell.value), words) for cell in found]


def _wrong(where: str, value: str, message: str) -> RowError:
    hint = "Have the query give it as text or as an exact number (CAST … AS DECIMAL)."
    return RowError(where=where, value=value[:200], message=message, hint=hint)


def _kept(row: Row) -> dict[str, object]:
    """A row as JSON that loses nothing: what JSON has no exact word for is a text."""
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: object) -> object:
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int) and abs(value) <= _JSON_WHOLE:
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"{len(value)} bytes"
    return value.isoformat() if isinstance(value, (date, time)) else str(value)
