"""What stands in AutoCount: many documents a call beside ours, and those that are like one of ours.

Here: the reads by listing and what they say. Not here: the read by one number (reading.py), the
comparison (compare.py), look-ups after a write (lookup.py).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from connectors.kit.calling import KEPT_BYTES, Get
from connectors.kit.contract import Found, OutgoingDocument, Stands
from connectors.kit.http import HttpAnswer, HttpFailure
from connectors.kit.schema import DocumentSchema
from connectors.kit.strictjson import dumps, loads
from connectors.targets.autocount import lookup
from connectors.targets.autocount.bodies import BASE_CURRENCY, BODIES
from connectors.targets.autocount.payload import SCHEMAS, path_of
from connectors.targets.autocount.reading import Seen, read
from connectors.targets.autocount.shown import number_of, told, validated_at

AT_ONCE = 50
DAYS = 3
A_PAGE, PAGES = 100, 5
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
        live = listed["master"].get("cancelled") is not True
        money = (document.amount, document.currency or BASE_CURRENCY)
        same = (seen.amount, seen.currency) == money
        if live and same and seen.party == document.party:
            found.append(seen)
    return tuple(found)


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
        if not found or len(found) < A_PAGE:
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
