"""What stands in QuickBooks: many documents a call beside ours, and those that are like one.

Here: the reads by list and what they say, what was changed since a moment, and whether a party is
in use. Not here: the query (responses.py), the comparison (compare.py), look-ups after a write
(lookup.py).
"""

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from urllib.parse import quote

from connectors.contract import Found, OutgoingDocument, Settings, Stands
from connectors.contract.schema import DocumentSchema
from connectors.kit.calls import Get, crowded, unclear
from connectors.targets.quickbooks import lookup
from connectors.targets.quickbooks.form import E_INVOICE
from connectors.targets.quickbooks.payload import (
    ENTITIES,
    SCHEMAS,
    Names,
    custom_field,
    is_void,
    told,
)
from connectors.targets.quickbooks.responses import (
    MOST,
    Each,
    Seen,
    Shown,
    pause_of,
    query,
    text_of,
    told_of,
    with_names_each,
)
from connectors.transport.http import HttpFailure
from connectors.transport.strict_json import loads

REACH = timedelta(days=30)
DAYS = 3
CENT = Decimal("0.01")
NO_SUCH_FILTER = 400  # it is asked for by the total, and then without


def standing(
    documents: Sequence[OutgoingDocument], settings: Settings, get: Get
) -> tuple[Found, ...]:
    """What the target has for each document: by one query a kind."""
    told: dict[str, Each] = {}
    for name in sorted({one.document for one in documents}):
        mine = [one.number for one in documents if one.document == name]
        told[name] = with_names_each(name, mine, get)
    return tuple(
        seen if isinstance(seen, Found) else _beside(one, *seen, settings)
        for one, seen in ((one, told[one.document][one.number]) for one in documents)
    )


def changed(documents: Collection[str], since: datetime, get: Get) -> frozenset[str] | Found:
    """The ids of all documents of these types that were changed or deleted since."""
    entities = sorted({ENTITIES[name].name for name in documents})
    moment = quote(since.astimezone(UTC).isoformat(timespec="seconds"), safe="")
    answer = get(f"/cdc?entities={','.join(entities)}&changedSince={moment}")
    if isinstance(answer, HttpFailure):
        return unclear(answer)
    found = _ids(loads(answer.body), entities) if answer.status == HTTPStatus.OK else None
    if found is not None:
        return found
    fault = told_of(answer.body)
    return unclear(answer, fault.words if fault else "", pause_of(answer))


def _ids(content: object, entities: Sequence[str]) -> frozenset[str] | None:
    """The ids of an answer; None where it has not a whole part for each of these entities."""
    first = content.get("CDCResponse") if isinstance(content, dict) else None
    told = first[0] if isinstance(first, list) and len(first) == 1 else None
    parts = told.get("QueryResponse") if isinstance(told, dict) else None
    if not isinstance(parts, list) or len(parts) != len(entities):
        return None
    found: set[str] = set()
    for part in parts:
        for entity in entities if isinstance(part, dict) else ():
            entries = part.get(entity, [])
            if not isinstance(entries, list) or len(entries) >= MOST:
                return None
            found |= {str(one.get("Id")) if isinstance(one, dict) else "" for one in entries}
    whole = all(isinstance(part, dict) for part in parts) and not found & {"", "None"}
    return frozenset(found) if whole else None


def alike(document: OutgoingDocument, get: Get) -> tuple[Stands, ...] | Found:
    """Live documents of the same party, total and currency, a few days around; ours may be among
    them.
    """
    schema = SCHEMAS.get(document.document)
    if schema is None:
        return ()
    day = date.fromisoformat(document.fields[schema.date_field])
    entity, around = ENTITIES[schema.name].name, _around(schema, document, day)
    seen = query(entity, f"{around} and {_about(document.amount)}", get)
    if isinstance(seen, Found) and seen.status == NO_SUCH_FILTER:
        seen = query(entity, around, get)
    if isinstance(seen, Found):
        return seen
    if not seen.whole:
        return crowded(len(seen.documents), document, day)
    found = [told(schema, one, {}) for one in seen.documents if not is_void(one)]
    currencies = {document.currency, ""}
    return tuple(
        one
        for one in found
        if one.amount == document.amount and (one.currency in currencies or not document.currency)
    )


def inactive(document: OutgoingDocument, get: Get) -> str | Found:
    """The customer or vendor of a document, where somebody made it inactive. A query shows only
    active entries unless it asks for the others.
    """
    schema = SCHEMAS.get(document.document)
    if schema is None or not document.party:
        return ""
    kind = next(f.refers for f in schema.header if f.name == schema.party_field)
    where = f"Id = {text_of(document.party)} and Active = false"
    seen = query(kind.capitalize(), where, get)
    if isinstance(seen, Found):
        return seen
    return f"{kind} {document.party}" if seen.documents else ""


def _around(schema: DocumentSchema, document: OutgoingDocument, day: date) -> str:
    """The condition for those of the party, a few days around."""
    first, last = ((day + timedelta(days=by)).isoformat() for by in (-DAYS, DAYS))
    party = next(f.wire.split(".")[0] for f in schema.header if f.name == schema.party_field)
    return f"{party} = {text_of(document.party)} and TxnDate >= '{first}' and TxnDate <= '{last}'"


def _about(amount: Decimal) -> str:
    """The condition for those of about the total, so that many of one party are not all read; which
    of them have just this total is ours to say.
    """
    return f"TotalAmt >= '{amount - CENT:f}' and TotalAmt <= '{amount + CENT:f}'"


def _beside(document: OutgoingDocument, seen: Seen, names: Names, settings: Settings) -> Found:
    shown = seen.documents
    since = _validated(shown[0], settings) if len(shown) == 1 else None
    return lookup.beside(document, seen, names, since)


def _validated(shown: Shown, settings: Settings) -> datetime | None:
    """Since when its e-invoice is valid, from the field in which the company has it noted."""
    name = str(settings.get(E_INVOICE, "")).strip()
    try:
        found = datetime.fromisoformat(custom_field(shown, name)) if name else None
    except ValueError:
        return None
    return found.astimezone(UTC) if found is not None and found.tzinfo else None
