"""A document of AutoCount by the names of our schema.

Here: reading what it shows, value by value. Not here: getting it (reading.py, watching.py), and
what differs from ours (compare.py).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from connectors.kit.contract import Stands
from connectors.kit.schema import DocumentSchema, FieldSchema
from connectors.targets.autocount.bodies import BASE_CURRENCY

ZONE = timezone(timedelta(hours=8))  # its moments have no zone
VALIDATED = "eInvoiceValidatedTimeStamp"


def told(schema: DocumentSchema, stands: Mapping[str, Any]) -> Stands:
    """A document of AutoCount by the names of our schema."""
    master, rows = stands["master"], stands.get("details")
    fields = _fields(schema.header, master)
    return Stands(
        number=number_of(stands),
        target_ref=number_of(stands) or None,
        party=fields.get(schema.party_field, ""),
        date=fields.get(schema.date_field, ""),
        currency=str(master.get("currencyCode") or BASE_CURRENCY),
        amount=total_of(stands),
        fields=fields,
        lines=tuple(_fields(schema.lines, row) for row in rows or () if isinstance(row, dict)),
    )


def total_of(stands: Mapping[str, Any] | None) -> Decimal | None:
    """What a document comes to there; None where that is not shown."""
    master = (stands or {}).get("master")
    total = master.get("finalTotal") if isinstance(master, Mapping) else None
    return Decimal(str(total)) if isinstance(total, int | Decimal) else None


def validated_at(stands: Mapping[str, Any] | None) -> datetime | None:
    """Since when its e-invoice is valid, if AutoCount tells."""
    master = (stands or {}).get("master")
    text = master.get(VALIDATED) if isinstance(master, Mapping) else None
    try:
        return datetime.fromisoformat(str(text)).replace(tzinfo=ZONE) if text else None
    except ValueError:
        return None


def number_of(stands: Mapping[str, Any]) -> str:
    """The number of a document, blank if it has none."""
    master = stands.get("master")
    found = master.get("docNo") if isinstance(master, Mapping) else None
    return found if isinstance(found, str) else ""


def _fields(schema: Sequence[FieldSchema], shown: Mapping[str, Any]) -> dict[str, str]:
    return {
        field.name: _text(field, shown[field.wire])
        for field in schema
        if field.wire and shown.get(field.wire) not in (None, "")
    }


def _text(field: FieldSchema, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if field.type == "date":
        return str(value)[:10]
    if isinstance(value, Decimal):
        places = field.places or 0
        whole = value.quantize(Decimal(1).scaleb(-places)) if field.type == "money" else value
        return format(whole.normalize() if field.type != "money" else whole, "f")
    return str(value)
