"""Convert values from JSON or a sheet into the canonical text of an order's fields.

Every source uses this form, so that a webhook and a workbook give equal bytes.
"""

import html
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from html.entities import html5
from zoneinfo import ZoneInfo

from connectors.contract import IncomingRecord, RowError
from connectors.contract.pulls import storable
from connectors.contract.schema import FieldSchema, KindSchema
from grammar.text.characters import in_words, invisible, shown

TEXT_CAP = 32_767
LONGEST_ID = 200
_DECIMAL = re.compile(r"[+-]?\d{1,18}(\.\d{1,18})?([eE][+-]?\d{1,2})?", re.ASCII)
_LONGEST_DECIMAL = len("+123456789012345678.123456789012345678e+12")
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d", re.ASCII)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});", re.ASCII)
"""An entity of HTML with its semicolon: without it, `&copy` is what somebody wrote."""
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
_MAX_PLACES = 12
_BINARY_DIGITS = 15
"""Decimal digits that a binary number keeps; those behind are its error: 40101.50000000001."""

_NO_AMOUNTS = frozenset({"text", "date", "moment", "yesno"})

ORDER_FIELDS = (
    FieldSchema(name="number", required=True, max_length=50),
    FieldSchema(name="status", required=True, max_length=100),
    FieldSchema(name="ordered_on", type="date"),
    FieldSchema(name="paid_at", type="moment"),
    FieldSchema(name="updated_at", type="moment"),
    FieldSchema(name="channel"),
    FieldSchema(name="currency"),
    FieldSchema(name="exchange_rate", type="decimal"),
    FieldSchema(name="customer"),
    FieldSchema(name="customer_name"),
    FieldSchema(name="tin"),
    FieldSchema(name="address"),
    FieldSchema(name="subtotal", type="money"),
    FieldSchema(name="tax_total", type="money"),
    FieldSchema(name="round_off", type="money"),
    FieldSchema(name="prices_include_tax", type="yesno"),
    FieldSchema(name="total", type="money"),
    FieldSchema(name="created_by"),
    FieldSchema(name="approved_by"),
    FieldSchema(name="approved_version", type="whole"),
    FieldSchema(name="version", type="whole"),
    FieldSchema(name="delivered", type="yesno"),
)

LINE_FIELDS = (
    FieldSchema(name="pos", type="whole", required=True),
    FieldSchema(name="sku"),
    FieldSchema(name="name"),
    FieldSchema(name="uom"),
    FieldSchema(name="qty", type="quantity"),
    FieldSchema(name="price", type="money"),
    FieldSchema(name="discount", type="money"),
    FieldSchema(name="tax"),
    FieldSchema(name="delivered_qty", type="quantity"),
    FieldSchema(name="returned_qty", type="quantity"),
    FieldSchema(name="part"),
)

COMPANY_CODE = FieldSchema(name="company_code", max_length=50)
"""The company that a record names as its own, in kinds of a source that serves several."""


def orders_of(source: str, *more: FieldSchema) -> KindSchema:
    """Return the schema of a source's orders, with `more` as additional header fields."""
    return KindSchema(
        source=source,
        kind="order",
        fields=(*ORDER_FIELDS, *more),
        lines=LINE_FIELDS,
        total_field="total",
        tax_field="tax_total",
        rounding_field="round_off",
    )


@dataclass(frozen=True, slots=True)
class Cell:
    """One value and the place it came from. A moment without a zone is meant in the
    source's own.
    """

    where: str
    value: object


@dataclass(frozen=True, slots=True)
class RawRecord:
    """A record as a source laid it out: cells by canonical field name."""

    external_id: Cell
    head: Mapping[str, Cell]
    lines: Sequence[Mapping[str, Cell]]


@dataclass(frozen=True, slots=True)
class _Bad:
    message: str
    hint: str


_NO_NUMBER = _Bad(
    "This is not a number.", "Write it with digits and a decimal point, such as 1234.50."
)
_TOO_LONG = _Bad("This number is too long to be exact.", "Round it in the source.")
_NO_DATE = _Bad("This is not a date.", "Write it as 2026-11-19.")
_NO_MOMENT = _Bad("This is not a date and time.", "Write it as 2026-11-19T14:03:11+08:00.")


def canonical(
    schema: KindSchema, raw: RawRecord, zone: ZoneInfo
) -> IncomingRecord | tuple[RowError, ...]:
    """Return the record, or all its errors, for files that a person corrects before they are
    imported.

    `zone` is the source's time zone. All other deliveries use `read_record`.
    """
    no_id = _missing_id(schema, raw)
    body, errors = _body(schema, raw, zone)
    if no_id or errors:
        return (*([no_id] if no_id else []), *errors)
    return _record(schema, raw, body)


def read_record(
    schema: KindSchema, raw: RawRecord, zone: ZoneInfo, errors: Sequence[RowError] = ()
) -> IncomingRecord | tuple[RowError, ...]:
    """Return the record with all its faults, or errors if it has no id that can be stored.

    A record with an id is never refused. What cannot be read stays blank in its body and is listed
    there as an intake fault, for which the judge holds the record: VAL04 for a value that cannot be
    read, SUM01 for sums that differ. A newer version without the fault clears the hold.

    `errors` are those that the connector found itself, usually in a `Part` (payload_parts.py):

        order = Part("order", payload)
        total, lines = order.amount("total_price"), lines_of(order)  # adds unreadable amounts
        if summed(lines) != total:
            order.differs("total_price", total, summed(lines), "The lines are not the total.")
        raw = RawRecord(order.cell("id"), head, numbered(lines))
        return read_record(ORDER, raw, zone, order.errors)

    Read each part with an id of its own (a refund in an order) with a `Part` that has its own
    `errors` list, so that it is held alone and its neighbours pass.
    """
    if no_id := _missing_id(schema, raw):
        return (no_id, *errors)
    places = _places(raw)
    known_errors = [
        replace(error, field=error.field or places.get(error.where, "")) for error in errors
    ]
    unread = {error.where for error in known_errors if error.stated is None}
    body, further = _body(schema, _without(raw, unread), zone)
    further = [error for error in further if error.where not in unread]
    record, all_errors = _record(schema, raw, body), [*known_errors, *further]
    return record.with_faults(all_errors) if all_errors else record


def _missing_id(schema: KindSchema, raw: RawRecord) -> RowError | None:
    """Return an error for a record whose id is missing, unreadable or too long; else None."""
    kind, external_id = schema.kind.replace("_", " "), _text(raw.external_id.value)
    unread = isinstance(external_id, _Bad)
    if len(str(raw.external_id.value) if unread else str(external_id)) > LONGEST_ID:
        words = f"The id of the {kind} is longer than {LONGEST_ID} characters."
        return _error(raw.external_id, _Bad(words, "Give it a shorter id."))
    if unread or not str(external_id).strip():
        hint = f"Give the {kind}'s id: it tells one {kind} from another."
        number = raw.head.get("number", raw.external_id)  # by which a person finds it in the shop
        named = Cell(raw.external_id.where, number.value)
        return _error(named, _Bad(f"The {kind} has no id.", hint))
    return None


def _body(
    schema: KindSchema, raw: RawRecord, zone: ZoneInfo
) -> tuple[dict[str, object], list[RowError]]:
    errors, place = list[RowError](), raw.external_id.where
    body = _fields(schema.fields, raw.head, (place, ""), zone, errors)
    lines = [
        _fields(schema.lines, line, (place, f"lines[{at}]."), zone, errors)
        for at, line in enumerate(raw.lines)
    ]
    errors += _repeated_positions(raw.lines, lines, schema.kind.replace("_", " "))
    if schema.lines:
        body["lines"] = lines
    return body, errors


def _record(schema: KindSchema, raw: RawRecord, body: dict[str, object]) -> IncomingRecord:
    external_id = str(_text(raw.external_id.value))
    stamp = body.get("updated_at")
    return IncomingRecord(
        kind=schema.kind,
        external_id=external_id,
        number=str(body.get("number") or external_id),
        stamp=str(stamp) if stamp is not None else None,
        body=body,
    )


def _places(raw: RawRecord) -> dict[str, str]:
    """Return the record's field for each place of the payload that fills one."""
    fields = {cell.where: name for name, cell in raw.head.items()}
    for at, line in enumerate(raw.lines):
        fields |= {cell.where: f"lines[{at}].{name}" for name, cell in line.items()}
    return fields


def _without(raw: RawRecord, unread: Collection[str]) -> RawRecord:
    """Return the record without the values of these places, which were found unreadable."""
    if not unread:
        return raw

    def readable(cells: Mapping[str, Cell]) -> dict[str, Cell]:
        return {
            name: Cell(cell.where, None) if cell.where in unread else cell
            for name, cell in cells.items()
        }

    return RawRecord(raw.external_id, readable(raw.head), [readable(line) for line in raw.lines])


def _value(schema: FieldSchema, value: object, zone: ZoneInfo) -> object | _Bad:
    """Return a value in its canonical form, or why it cannot be read.

    Decimals, dates and moments become text; whole numbers and yes/no keep their type.
    """
    if schema.type == "text":
        text = _text(_decoded(value))
        if isinstance(text, str) and schema.max_length and len(text) > schema.max_length:
            return _Bad(f"This is longer than {schema.max_length} characters.", "Shorten it.")
        return text
    result = _typed(schema, value.strip() if isinstance(value, str) else value, zone)
    hidden = invisible(value) if isinstance(value, str) else ()
    if hidden:
        return _Bad(f"This holds {in_words(hidden)}.", "Type it again: it came with a copied text.")
    return result


def _typed(schema: FieldSchema, value: object, zone: ZoneInfo) -> object | _Bad:
    """Return a value of a field that is not text in its canonical form, or why it cannot be
    read.
    """
    match schema.type:
        case "whole":
            return _whole(value)
        case "yesno":
            return _yesno(value)
        case "date":
            return _date(value)
        case "moment":
            return _moment(value, zone)
        case _:
            return _decimal(value, pad=2 if schema.type == "money" else 0)


def _fields(
    schemas: Sequence[FieldSchema],
    cells: Mapping[str, Cell],
    place: tuple[str, str],
    zone: ZoneInfo,
    errors: list[RowError],
) -> dict[str, object]:
    """Return the readable fields and add the errors of the others.

    `place`: the record's own place, and how the paths of these fields begin.
    """
    values: dict[str, object] = {}
    for schema in schemas:
        cell = cells.get(schema.name)
        if cell is None or cell.value is None or cell.value == "":
            if schema.required:
                bad = _Bad(f"{schema.name} is blank.", f"Fill in {schema.name}.")
                errors.append(_error(cell or Cell(place[0], ""), bad, place[1] + schema.name))
            continue
        value = _value(schema, cell.value, zone)
        if isinstance(value, _Bad):
            error = _error(cell, value, place[1] + schema.name)
            optional = not schema.required and schema.type in _NO_AMOUNTS
            errors.append(replace(error, optional=optional))
        else:
            values[schema.name] = value
    return values


def _repeated_positions(
    cells: Sequence[Mapping[str, Cell]], lines: Sequence[Mapping[str, object]], kind: str
) -> list[RowError]:
    positions: set[object] = set()
    errors = []
    for at, (cell, line) in enumerate(zip(cells, lines, strict=True)):
        pos = line.get("pos")
        if pos is not None and pos in positions:
            bad = _Bad(f"Line {pos} occurs twice in this {kind}.", "Number the lines 1, 2, 3, …")
            errors.append(_error(cell["pos"], bad, f"lines[{at}].pos"))
        positions.add(pos)
    return errors


def _error(cell: Cell, bad: _Bad, field: str = "") -> RowError:
    value = "" if cell.value is None else storable(shown(str(cell.value)[:200]))
    return RowError(where=cell.where, value=value, message=bad.message, hint=bad.hint, field=field)


def _decoded(value: object) -> object:
    """Return a text with its HTML entities as characters, once: shops store names for a page."""
    if not isinstance(value, str) or "&" not in value:
        return value
    return _ENTITY.sub(_character, value)


def _character(entity: re.Match[str]) -> str:
    """Return the character of an entity; a name that HTML does not know stays."""
    text = entity[0]
    return html.unescape(text) if text[1] == "#" else html5.get(text[1:], text)


def _text(value: object) -> str | _Bad:
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal, date)):
        return _Bad("This is not text.", "Give it as text.")
    text = value if isinstance(value, str) else _plain(value)
    if len(text) > TEXT_CAP:
        return _Bad(f"This is longer than {TEXT_CAP} characters.", "Shorten it.")
    if _NO_TEXT.search(text):
        return _Bad("This contains an unsupported character.", "Remove the invisible signs.")
    return text


def _plain(value: int | Decimal | date) -> str:
    if isinstance(value, datetime) and (value.hour, value.minute, value.second) == (0, 0, 0):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    text = _decimal(value, pad=0)
    return text if isinstance(text, str) else str(value)


def _decimal(value: object, *, pad: int) -> str | _Bad:
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        return _NO_NUMBER
    text = str(value)
    return _decimal_text(text, pad) if len(text) <= _LONGEST_DECIMAL else _NO_NUMBER


@lru_cache(maxsize=4096)
def _decimal_text(text: str, pad: int) -> str | _Bad:
    """Return a decimal in canonical text, with at least `pad` decimals, or why it cannot be read.

    Cached, because rows often repeat prices and quantities.
    """
    if not _DECIMAL.fullmatch(text):
        return _NO_NUMBER
    try:
        number = Decimal(text)
    except InvalidOperation:
        return _NO_NUMBER
    integer_part, _, places = format(number, "f").partition(".")
    places = places.rstrip("0")
    whole_digits = len(integer_part.lstrip("+-"))
    if len(places) > _MAX_PLACES or whole_digits > 18 or has_binary_error(number):
        return _TOO_LONG
    integer_part = integer_part.lstrip("+")
    if not integer_part.strip("-0") and not places:
        integer_part = "0"
    places = places.ljust(pad, "0")
    return f"{integer_part}.{places}" if places else integer_part


def has_binary_error(number: Decimal) -> bool:
    """Check whether a number has a fraction and more digits than a binary number keeps."""
    integer_part, _, places = format(number, "f").partition(".")
    places = places.rstrip("0")
    digits = (integer_part.lstrip("+-") + places).lstrip("0")
    return bool(places) and len(digits) > _BINARY_DIGITS


def _whole(value: object) -> int | _Bad:
    text = _decimal(value, pad=0)
    if isinstance(text, _Bad) and str(value).lstrip("+-").isdigit():
        return _TOO_LONG
    if isinstance(text, _Bad) or "." in text:
        return _Bad("This is not a whole number.", "Write it with digits only, such as 3.")
    return int(text)


def _yesno(value: object) -> bool | _Bad:
    words = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if isinstance(value, bool):
        return value
    if isinstance(value, (str, int, Decimal)) and str(value).lower() in words:
        return words[str(value).lower()]
    return _Bad("Expected yes or no.", "Write yes or no.")


def _date(value: object) -> str | _Bad:
    if isinstance(value, datetime):
        midnight = (value.hour, value.minute, value.second, value.microsecond) == (0, 0, 0, 0)
        return value.date().isoformat() if midnight and value.tzinfo is None else _NO_DATE
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return _NO_DATE
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        return _NO_DATE


def _moment(value: object, zone: ZoneInfo) -> str | _Bad:
    if isinstance(value, str) and _MOMENT.match(value):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return _NO_MOMENT
    if not isinstance(value, datetime):
        return _NO_MOMENT
    aware = value if value.tzinfo is not None else value.replace(tzinfo=zone)
    try:
        utc = aware.astimezone(UTC)
    except (OverflowError, ValueError):
        return _NO_MOMENT
    return utc.isoformat()[: -len("+00:00")] + "Z" if utc.year > 999 else _NO_MOMENT
