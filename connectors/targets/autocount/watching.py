"""What stands in AutoCount: many documents a call beside ours, and those that are like one of ours.

Here: the reads by listing and what they say. Not here: the read by one number (reading.py), the
comparison (compare.py), look-ups after a write (lookup.py).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from connectors.kit.calling import KEPT_BYTES, Get
from connectors.kit.contract import Found, OutgoingDocument, Stands
from connectors.kit.endings import crowded
from connectors.kit.http import HttpAnswer, HttpFailure
from connectors.kit.schema import DocumentSchema
from connectors.kit.strictjson import dumps, loads
from connectors.targets.autocount import lookup
from connectors.targets.autocount.bodies import BASE_CURRENCY, BODIES
from connectors.targets.autocount.payload import SCHEMAS, path_of
from connectors.targets.autocount.reading import Seen, not_told, read
from connectors.targets.autocount.shown import number_of, told, validated_at

AT_ONCE = 50
DAYS = 3
A_PAGE, PAGES = 100, 30
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
        listed = _page(BODIES[name].path, wanted, 1, ask)
        for found in () if isinstance(listed, Found) else filter(number_of, listed):
            seen = Seen(found, clear=True, words="", proof=dumps(found)[:KEPT_BYTES])
            shown[name, number_of(found).casefold()] = seen
    return tuple(_beside(one, shown, get) for one in documents)


def alike(document: OutgoingDocument, ask: Ask) -> tuple[Stands, ...] | Found:
    """Live documents of the same party, total and currency, a few days around; ours may be among
    them.
    """
    schema = SCHEMAS.get(document.document)
    if schema is None or schema.name not in _LISTED:
        return ()
    found: dict[str, Stands] = {}
    for listed in _around(schema, document, ask):
        if isinstance(listed, Found):
            return listed
        seen = told(schema, listed)
        live = listed["master"].get("cancelled") is not True
        money = (document.amount, document.currency or BASE_CURRENCY)
        same = (seen.amount, seen.currency) == money
        if live and same and seen.party == document.party:
            found[seen.number] = seen
    return tuple(found.values())


def _beside(document: OutgoingDocument, shown: Mapping[tuple[str, str], Seen], get: Get) -> Found:
    seen = shown.get((document.document, document.number.casefold()))
    if seen is None:
        seen = read(path_of(document, "update"), document.number, get)
    return lookup.beside(document, seen, validated_at(seen.document))


def _around(
    schema: DocumentSchema, document: OutgoingDocument, ask: Ask
) -> Iterator[Mapping[str, Any] | Found]:
    """The documents of the party around the day, or of the day alone where those are too many; or
    why nobody can say.
    """
    day = date.fromisoformat(document.fields[schema.date_field])
    for around in (timedelta(days=DAYS), timedelta()):
        wanted = {
            "debtorCode": {"multiSelect": [document.party]},
            "date": {"from": (day - around).isoformat(), "to": (day + around).isoformat()},
        }
        for page in range(1, PAGES + 1):
            found = _page(BODIES[schema.name].path, wanted, page, ask)
            if isinstance(found, Found):
                yield found
                return
            yield from (one for one in found if number_of(one))
            if len(found) < A_PAGE:
                return
    yield crowded(PAGES * A_PAGE, document, day)


def _page(
    path: str, wanted: Mapping[str, Any], page: int, ask: Ask
) -> list[Mapping[str, Any]] | Found:
    answer = ask(f"{path}/listing", dumps({"page": page, "filter": dict(wanted)}))
    content = loads(answer.body) if isinstance(answer, HttpAnswer) else None
    data = content.get("data") if isinstance(content, dict) else None
    if not isinstance(answer, HttpAnswer) or answer.status != 200 or not isinstance(data, list):
        return lookup.unclear(not_told(answer))
    return [one if isinstance(one, dict) else {} for one in data]
