"""What stands in AutoCount: many documents a call beside ours, and those that are like one of ours.

Here: the reads by listing and what they say. Not here: the read by one number (reading.py), the
comparison (compare.py), look-ups after a write (lookup.py).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from connectors.kit.contract import Found, OutgoingDocument
from connectors.kit.http import HttpAnswer, HttpFailure
from connectors.kit.schema import DocumentSchema, FieldSchema
from connectors.kit.standing import Stands
from connectors.kit.strictjson import dumps, loads
from connectors.targets.autocount import lookup
from connectors.targets.autocount.bodies import BASE_CURRENCY, BODIES
from connectors.targets.autocount.payload import SCHEMAS, path_of
from connectors.targets.autocount.reading import KEPT_BYTES, Get, Seen, read

ZONE = timezone(timedelta(hours=8))  # its moments have no zone
VALIDATED = "eInvoiceValidatedTimeStamp"
AT_ONCE = 50
DAYS = 3
PAGES = 5
_LISTED = frozenset({"invoice", "credit_note"})
Ask = Callable[[str, bytes], HttpAnswer | HttpFailure]


def standing(documents: Sequence[OutgoingDocument], get: Get, ask: Ask) -> tuple[Found, ...]:
    """What stands there beside each document: by one listing a kind where there are listings.

    What a listing leaves out is read by its number: only AutoCount's own words prove that nothing
    stands there.
    """
    shown: dict[tuple[str, str], Seen] = {}
    for name in sorted({one.document for one in documents} & _LISTED):
        mine = [one.number for one in documents if one.document == name]
        wanted = {"docNo": {"multiSelect": mine}}
        for found in _page(BODIES[name].path, wanted, 1, ask) or ():
            seen = Seen(found, clear=True, words="", proof=dumps(found)[:KEPT_BYTES])
            shown[name, number_of(found).casefold()] = seen
    return tuple(_beside(one, shown, get) for one in documents)


def alike(document: OutgoingDocument, ask: Ask) -> tuple[Stands, ...] | None:
    """Live documents of the same party, total and currency, a few days around; ours may be among
    them.
    """
    schema = SCHEMAS.get(document.document)
    if schema is None or schema.name not in _LISTED:
        return ()
    found = []
    for listed in _around(schema, document, ask):
        if listed is None:
            return None
        seen = told(schema, listed)
        live = not listed["master"].get("cancelled")
        same = (seen.amount, seen.currency) == (document.amount, document.currency or BASE_CURRENCY)
        if live and same and seen.party == document.party:
            found.append(seen)
    return tuple(found)


def told(schema: DocumentSchema, stands: Mapping[str, Any]) -> Stands:
    """A document of AutoCount by the names of our schema."""
    master, rows = stands["master"], stands.get("details")
    fields = _fields(schema.header, master)
    total = master.get("finalTotal")
    return Stands(
        number=number_of(stands),
        target_ref=number_of(stands) or None,
        party=fields.get(schema.party_field, ""),
        date=fields.get(schema.date_field, ""),
        currency=str(master.get("currencyCode") or BASE_CURRENCY),
        amount=Decimal(str(total)) if isinstance(total, int | Decimal) else None,
        fields=fields,
        lines=tuple(_fields(schema.lines, row) for row in rows or () if isinstance(row, dict)),
    )


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


def _beside(document: OutgoingDocument, shown: Mapping[tuple[str, str], Seen], get: Get) -> Found:
    seen = shown.get((document.document, document.number.casefold()))
    if seen is None:
        seen = read(path_of(document, "update"), document.number, get)
    return lookup.beside(document, seen, validated_at(seen.document))


def _around(
    schema: DocumentSchema, document: OutgoingDocument, ask: Ask
) -> Iterator[Mapping[str, Any] | None]:
    """The documents of the party around the day; None where AutoCount does not answer."""
    day = date.fromisoformat(document.fields[schema.date_field])
    limits = [(day + timedelta(days=by)).isoformat() for by in (-DAYS, DAYS)]
    wanted = {
        "debtorCode": {"multiSelect": [document.party]},
        "date": {"from": limits[0], "to": limits[1]},
    }
    for page in range(1, PAGES + 1):
        found = _page(BODIES[schema.name].path, wanted, page, ask)
        yield from (None,) if found is None else found
        if not found:
            return


def _page(
    path: str, wanted: Mapping[str, Any], page: int, ask: Ask
) -> list[Mapping[str, Any]] | None:
    answer = ask(f"{path}/listing", dumps({"page": page, "filter": dict(wanted)}))
    content = loads(answer.body) if isinstance(answer, HttpAnswer) else None
    data = content.get("data") if isinstance(content, dict) else None
    if not isinstance(answer, HttpAnswer) or answer.status != 200 or not isinstance(data, list):
        return None
    return [one for one in data if isinstance(one, dict) and number_of(one)]


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
