"""What stands in QuickBooks: many documents a call beside ours, and those that are like one.

Here: the reads by list and what they say. Not here: the query (reading.py), the comparison
(compare.py), look-ups after a write (lookup.py).
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from connectors.kit.calling import Get
from connectors.kit.contract import Found, OutgoingDocument, Settings, Stands
from connectors.targets.quickbooks import lookup
from connectors.targets.quickbooks.bodies import (
    ENTITIES,
    SCHEMAS,
    Names,
    custom_field,
    is_void,
    number_field,
    told,
)
from connectors.targets.quickbooks.reading import (
    Seen,
    Shown,
    by_number,
    names_of,
    query,
    text_of,
)

AT_ONCE = 30
DAYS = 3
E_INVOICE = "e_invoice_field"


def standing(
    documents: Sequence[OutgoingDocument], settings: Settings, get: Get
) -> tuple[Found, ...]:
    """What stands there beside each document: by one query a kind."""
    told_of: dict[str, tuple[Seen, Names]] = {}
    for name in sorted({one.document for one in documents}):
        mine = [one.number for one in documents if one.document == name]
        seen = by_number(name, mine, get)
        names = names_of(name, seen.documents, get)
        if names is None:
            seen, names = Seen((), clear=False, words="What they pay could not be read."), {}
        told_of[name] = (seen, names)
    return tuple(_beside(one, *told_of[one.document], settings) for one in documents)


def alike(document: OutgoingDocument, get: Get) -> tuple[Stands, ...] | None:
    """Live documents of the same party, total and currency, a few days around; ours may be among
    them.
    """
    schema = SCHEMAS.get(document.document)
    if schema is None:
        return ()
    day = date.fromisoformat(document.fields[schema.date_field])
    first, last = ((day + timedelta(days=by)).isoformat() for by in (-DAYS, DAYS))
    party = next(f.wire.split(".")[0] for f in schema.header if f.name == schema.party_field)
    where = f"{party} = {text_of(document.party)} and TxnDate >= '{first}' and TxnDate <= '{last}'"
    seen = query(ENTITIES[schema.name].name, where, get)
    if not seen.clear:
        return None
    found = [told(schema, one, {}) for one in seen.documents if not is_void(one)]
    currencies = {document.currency, ""}
    return tuple(
        one
        for one in found
        if one.amount == document.amount and (one.currency in currencies or not document.currency)
    )


def _beside(document: OutgoingDocument, seen: Seen, names: Names, settings: Settings) -> Found:
    word = number_field(SCHEMAS[document.document])
    mine = tuple(one for one in seen.documents if one.get(word) == document.number)
    only = Seen(mine, seen.clear, seen.words, seen.proof, seen.key_refused)
    since = _validated(mine[0], settings) if len(mine) == 1 else None
    return lookup.beside(document, only, names, since)


def _validated(shown: Shown, settings: Settings) -> datetime | None:
    """Since when its e-invoice is valid, from the field in which the company has it noted."""
    name = str(settings.get(E_INVOICE, "")).strip()
    try:
        found = datetime.fromisoformat(custom_field(shown, name)) if name else None
    except ValueError:
        return None
    return found.astimezone(UTC) if found is not None and found.tzinfo else None
