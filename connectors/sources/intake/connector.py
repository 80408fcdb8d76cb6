"""Take records of any known kind by signed webhook or from a JSON file."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from connectors.contract import ConnectionForm, IncomingRecord, RowError, Source, SourceRefusal
from connectors.contract.pulls import FAULTS
from connectors.contract.schema import FieldSchema, KindSchema, generated_key
from connectors.kit.canonical_record import Cell, RawRecord, read_record
from connectors.kit.delivery import Placed, SignedJson
from connectors.kit.order_sums import complete_order, settle_sums
from connectors.kit.shops.payouts import shared_kinds

NAME = "intake"


KINDS = shared_kinds(NAME)

BY_KIND: Mapping[str, KindSchema] = {schema.kind: schema for schema in KINDS}

_COMMON_FIELDS = frozenset({"kind", "id", "lines"})
_SHOWN = 50  # characters of a name that nobody knows
_MOST_REPORTED = FAULTS - 1  # such names in one record, or in one line


FORM = ConnectionForm(
    title="Your own system",
    statements=("settlement",),
    gives="Records of any kind, by signed webhook or from a JSON file",
    needs="A program of yours that signs and sends JSON",
    key=generated_key(
        "Give the address and the secret to who writes the program that sends.",
        "Sign each delivery as the example on the page of the connection shows.",
    ),
)


class Intake(SignedJson):
    """The source `intake`."""

    name = NAME
    form = FORM
    kinds = KINDS
    suffixes = (".records.json",)
    headers = "x-clearpost"

    def sample(self, now: datetime) -> Mapping[str, object]:
        """Return a receipt of RM 60.00."""
        receipt = {
            "kind": "receipt",
            "id": "TEST-1",
            "number": "RC-TEST-1",
            "status": "received",
            "received_on": now.date().isoformat(),
            "customer": "C-102",
            "amount": "60.00",
        }
        return {"records": [receipt]}

    def found(self, value: object) -> list[Placed] | SourceRefusal:
        """Return the records of a delivery."""
        rows = value.get("records") if isinstance(value, Mapping) else None
        if not isinstance(rows, list):
            return SourceRefusal(
                422, "no_records", "The delivery holds no records.", 'Send {"records": [{…}]}.'
            )
        return [(f"records[{index}]", row) for index, row in enumerate(rows)]

    def record(
        self, place: str, payload: object, zone: ZoneInfo
    ) -> IncomingRecord | tuple[RowError, ...]:
        """Return a record of the kind that it names."""
        return _record(place, payload, zone)


def _record(place: str, payload: object, zone: ZoneInfo) -> IncomingRecord | tuple[RowError, ...]:
    if not isinstance(payload, Mapping):
        return (_error(place, payload, "This is not a record.", "Send an object with its fields."),)
    schema = BY_KIND.get(str(payload.get("kind", "")))
    if schema is None:
        words = f"Nothing is known of this kind. Known: {', '.join(BY_KIND)}."
        return (_error(f"{place}.kind", payload.get("kind"), words, "Name the kind of record."),)
    lines_value, errors = (
        payload.get("lines", []),
        [*_unknown_fields(place, payload, schema.fields, _COMMON_FIELDS)],
    )
    lines = (
        [line_object for line_object in lines_value if isinstance(line_object, Mapping)]
        if isinstance(lines_value, list)
        else []
    )
    if not isinstance(lines_value, list) or len(lines) < len(lines_value):
        hint = "Send a list of objects."
        errors.append(_error(f"{place}.lines", lines_value, "These are no lines.", hint))
    for index, line in enumerate(lines):
        errors += _unknown_fields(f"{place}.lines[{index}]", line, schema.lines, frozenset())
    word = "id" if payload.get("id") not in (None, "") else "number"
    raw = RawRecord(
        Cell(f"{place}.{word}", payload.get(word)),
        _cells(place, payload, schema.fields),
        [_cells(f"{place}.lines[{at}]", line, schema.lines) for at, line in enumerate(lines)],
    )
    if schema.kind in ("order", "refund"):
        raw, differences = settle_sums(complete_order(raw) if schema.kind == "order" else raw)
        errors += differences
    return read_record(schema, raw, zone, errors)


def _cells(
    place: str, payload: Mapping[str, object], fields: Sequence[FieldSchema]
) -> dict[str, Cell]:
    return {f.name: Cell(f"{place}.{f.name}", payload.get(f.name)) for f in fields}


def _unknown_fields(
    place: str,
    payload: Mapping[str, object],
    fields: Sequence[FieldSchema],
    common_fields: frozenset[str],
) -> list[RowError]:
    """Return errors for values under names that the kind does not have: they would be lost
    otherwise.
    """
    known_names = common_fields | {field.name for field in fields}
    unknown_names = [name for name in payload if name not in known_names]
    errors = [
        _error(
            f"{place}.{name[:_SHOWN]}",
            payload[name],
            f"{name[:_SHOWN]} is not a field of this kind.",
            "Take it out.",
        )
        for name in unknown_names[:_MOST_REPORTED]
    ]
    if more := len(unknown_names) - len(errors):
        words = f"{more:,} more names are not fields of this kind."
        errors.append(_error(place, "", words, "Take them out."))
    return errors


def _error(where: str, value: object, message: str, hint: str) -> RowError:
    text = value if isinstance(value, str) else ""
    return RowError(where=where, value=text[:200], message=message, hint=hint)


SOURCE: Source = Intake()
