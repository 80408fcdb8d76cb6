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

_BESIDE = frozenset({"kind", "id", "lines"})
_SHOWN = 50  # characters of a name that nobody knows
_TOLD = FAULTS - 1  # such names in one record, or in one line


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
        """One receipt of RM 60.00."""
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
        """The records of a delivery."""
        found = value.get("records") if isinstance(value, Mapping) else None
        if not isinstance(found, list):
            return SourceRefusal(
                422, "no_records", "The delivery holds no records.", 'Send {"records": [{…}]}.'
            )
        return [(f"records[{index}]", given) for index, given in enumerate(found)]

    def record(
        self, place: str, given: object, zone: ZoneInfo
    ) -> IncomingRecord | tuple[RowError, ...]:
        """A record of the kind that it names."""
        return _record(place, given, zone)


def _record(place: str, given: object, zone: ZoneInfo) -> IncomingRecord | tuple[RowError, ...]:
    if not isinstance(given, Mapping):
        return (_wrong(place, given, "This is not a record.", "Send an object with its fields."),)
    schema = BY_KIND.get(str(given.get("kind", "")))
    if schema is None:
        words = f"Nothing is known of this kind. Known: {', '.join(BY_KIND)}."
        return (_wrong(f"{place}.kind", given.get("kind"), words, "Name the kind of record."),)
    told, strange = given.get("lines", []), [*_strange(place, given, schema.fields, _BESIDE)]
    lines = [one for one in told if isinstance(one, Mapping)] if isinstance(told, list) else []
    if not isinstance(told, list) or len(lines) < len(told):
        hint = "Send a list of objects."
        strange.append(_wrong(f"{place}.lines", told, "These are no lines.", hint))
    for index, line in enumerate(lines):
        strange += _strange(f"{place}.lines[{index}]", line, schema.lines, frozenset())
    word = "id" if given.get("id") not in (None, "") else "number"
    raw = RawRecord(
        Cell(f"{place}.{word}", given.get(word)),
        _cells(place, given, schema.fields),
        [_cells(f"{place}.lines[{at}]", line, schema.lines) for at, line in enumerate(lines)],
    )
    if schema.kind in ("order", "refund"):
        raw, differences = settle_sums(complete_order(raw) if schema.kind == "order" else raw)
        strange += differences
    return read_record(schema, raw, zone, strange)


def _cells(
    place: str, given: Mapping[str, object], fields: Sequence[FieldSchema]
) -> dict[str, Cell]:
    return {f.name: Cell(f"{place}.{f.name}", given.get(f.name)) for f in fields}


def _strange(
    place: str,
    given: Mapping[str, object],
    fields: Sequence[FieldSchema],
    beside: frozenset[str],
) -> list[RowError]:
    """Values under a name that the kind does not have: left out in silence they would be lost."""
    known = beside | {field.name for field in fields}
    found = [name for name in given if name not in known]
    told = [
        _wrong(
            f"{place}.{name[:_SHOWN]}",
            given[name],
            f"{name[:_SHOWN]} is not a field of this kind.",
            "Take it out.",
        )
        for name in found[:_TOLD]
    ]
    if more := len(found) - len(told):
        words = f"{more:,} more names are not fields of this kind."
        told.append(_wrong(place, "", words, "Take them out."))
    return told


def _wrong(where: str, value: object, message: str, hint: str) -> RowError:
    shown = value if isinstance(value, str) else ""
    return RowError(where=where, value=shown[:200], message=message, hint=hint)


SOURCE: Source = Intake()
