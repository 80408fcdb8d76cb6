"""A delivery of a shop, from its bytes to its answer.

Here: JSON that is refused, a record or its errors, records and errors side by side. Not here: who
signed it, what a record is made of (each source).
"""

from collections.abc import Iterable, Mapping, Sequence
from zoneinfo import ZoneInfo

from connectors.contract import Accepted, IncomingRecord, RowError, SourceRefusal
from connectors.contract.schema import KindSchema
from connectors.kit.canonical_record import Cell, RawRecord, canonical
from connectors.kit.shops.line_sums import Line, numbered
from connectors.kit.shops.payload_parts import Part
from connectors.transport.strict_json import JsonRefusal, loads

Read = IncomingRecord | tuple[RowError, ...]
"""A record, or everything that is wrong with it."""


def parsed(raw: bytes) -> object | SourceRefusal:
    """The JSON of a delivery, or why it is none."""
    value = loads(raw)
    if isinstance(value, JsonRefusal):
        return SourceRefusal(400, value.code, value.message, value.hint)
    return value


def record_of(
    kind: KindSchema,
    told: Part,
    key: Cell,
    head: Mapping[str, Cell],
    lines: Sequence[Line],
    zone: ZoneInfo,
) -> Read:
    """The record of a part of a payload, whose lines are numbered as they come."""
    return read_of(kind, told, RawRecord(key, head, numbered(lines)), zone)


def read_of(kind: KindSchema, told: Part, raw: RawRecord, zone: ZoneInfo) -> Read:
    """The record of a part; what was wrong with the part comes before the rest."""
    read = canonical(kind, raw, zone)
    if not told.errors:
        return read
    return (*told.errors, *(() if isinstance(read, IncomingRecord) else read))


def sorted_out(found: Iterable[Read]) -> tuple[tuple[IncomingRecord, ...], tuple[RowError, ...]]:
    """The records that are good, and every error of the others."""
    records: list[IncomingRecord] = []
    errors: list[RowError] = []
    for one in found:
        if isinstance(one, IncomingRecord):
            records.append(one)
        else:
            errors += one
    return tuple(records), tuple(errors)


def taken(found: Iterable[Read], delivery_id: str, signature: str) -> Accepted:
    """A delivery that could be read."""
    records, errors = sorted_out(found)
    return Accepted(delivery_id=delivery_id, signature=signature, records=records, errors=errors)
