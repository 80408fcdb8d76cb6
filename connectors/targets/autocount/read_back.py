"""Read what AutoCount holds: many documents a call, documents similar to ours, and units.

AutoCount has one unit for each item, and no conversion.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache, partial
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote
from zoneinfo import ZoneInfo

from connectors.contract import Found, ItemSetup, OutgoingDocument, Stands
from connectors.contract.schema import DocumentSchema
from connectors.kit.calls import KEPT_BYTES, Call, Get, too_many_found
from connectors.targets.autocount import answers
from connectors.targets.autocount.answers import Seen, not_told, number_of, read, told, validated_at
from connectors.targets.autocount.payload import BODIES, SCHEMAS, path_of
from connectors.transport.http import KEY_REFUSED, TOO_MANY, HttpAnswer, HttpFailure
from connectors.transport.strict_json import dumps, loads

AT_ONCE = 50
ITEMS_AT_ONCE = 10
DAYS = 3
A_PAGE, PAGES = 100, 30
_OF_ALL = frozenset({*KEY_REFUSED, TOO_MANY})
"""What is said of us, whatever product was asked for."""
_LISTED = frozenset({"invoice", "credit_note"})
Ask = Callable[[str, bytes], HttpAnswer | HttpFailure]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Listed:
    """A page of a listing: the number of its documents, and the documents that are not void."""

    count: int
    live: tuple[Stands, ...]


def standing(
    documents: Sequence[OutgoingDocument], get: Get, ask: Ask, zone: ZoneInfo
) -> tuple[Found, ...]:
    """Return each document's state in AutoCount. Where a type has a listing, one call reads all its
    documents.

    A document missing in the listing is read by its number, since only AutoCount's own message
    proves that it does not exist. AutoCount's times are read in `zone`.
    """
    readings: dict[tuple[str, str], Seen] = {}
    for name in sorted({document.document for document in documents} & _LISTED):
        numbers = [document.number for document in documents if document.document == name]
        filters = {"docNo": {"multiSelect": numbers}}
        listed = _page(BODIES[name].path, filters, 1, ask, _entries)
        for entry in () if isinstance(listed, Found) else filter(number_of, listed):
            number = number_of(entry)
            proof = dumps(entry)[:KEPT_BYTES]
            readings[name, number.casefold()] = Seen(entry, f"{number} exists there.", proof)
    return tuple(_beside(document, readings, get, zone) for document in documents)


def alike(document: OutgoingDocument, ask: Ask, base: str) -> tuple[Stands, ...] | Found:
    """Return live documents with an equal party, total and currency, dated a few days around.

    Our own document may be among these. `base` is the currency of a document that names none.
    """
    schema = SCHEMAS.get(document.document)
    if schema is None or schema.name not in _LISTED:
        return ()
    documents_by_number: dict[str, Stands] = {}
    for listed in _around(schema, document, ask):
        if isinstance(listed, Found):
            return listed
        money = (document.amount, document.currency or base)
        is_same_amount = (listed.amount, listed.currency or base) == money
        if is_same_amount and listed.party == document.party:
            documents_by_number[listed.number] = listed
    return tuple(documents_by_number.values())


def units(codes: Sequence[str], get: Get) -> Mapping[str, ItemSetup | None] | Found:
    """Return the unit of each product by code; None for a product without a unit.

    A product that gets an unclear answer is skipped. Reading stops after two unclear answers in a
    row, or if AutoCount refuses us. Without any result, the reason is returned.
    """
    setups: dict[str, ItemSetup | None] = {}
    untold: Call | None = None
    for code in codes:
        quoted_code = quote(
            code, safe=""
        )  # by the word of the vendor's page, and by that of our contract
        answer = get(f"/product?code={quoted_code}&productCode={quoted_code}")
        if isinstance(answer, HttpFailure) or answer.status in _OF_ALL:
            return setups or not_told(answer)
        product = _product(answer)
        if product is None:
            if untold is not None:
                return setups or not_told(answer)
            untold = answer
            continue
        unit = product.get("unit") if product.get("productCode") == code else None
        unit_name = unit.strip() if isinstance(unit, str) else ""
        setups[code] = ItemSetup(unit_name) if unit_name else None
        untold = None
    return setups if setups or untold is None else not_told(untold)


def _product(answer: HttpAnswer) -> Mapping[str, Any] | None:
    """Return the product of an answer; empty if it does not exist.

    None if the answer is unclear: a page without a product does not prove a missing unit.
    """
    content = loads(answer.body)
    product = content.get("product") if isinstance(content, dict) else None
    if answer.status == HTTPStatus.OK:
        return product if isinstance(product, dict) else None
    return {} if answer.status == HTTPStatus.NOT_FOUND else None


def _beside(
    document: OutgoingDocument, readings: Mapping[tuple[str, str], Seen], get: Get, zone: ZoneInfo
) -> Found:
    listed = readings.get((document.document, document.number.casefold()))
    reading = listed or read(path_of(document, "update"), document.number, get)
    if isinstance(reading, Found):
        return reading
    return answers.beside(document, reading, validated_at(reading.document, zone))


def _around(
    schema: DocumentSchema, document: OutgoingDocument, ask: Ask
) -> Iterator[Stands | Found]:
    """Yield the party's live documents around the day, or of the day alone if there are too many.

    A failed call, or too many even on that day, yields a lookup result instead.
    """
    day = date.fromisoformat(document.fields[schema.date_field])
    for around in (timedelta(days=DAYS), timedelta()):
        filters = {
            "debtorCode": {"multiSelect": [document.party]},
            "date": {"from": (day - around).isoformat(), "to": (day + around).isoformat()},
        }
        for page in range(1, PAGES + 1):
            listing = _page(
                BODIES[schema.name].path, filters, page, ask, partial(_live, schema.name)
            )
            if isinstance(listing, Found):
                yield listing
                return
            yield from listing.live
            if listing.count < A_PAGE:
                return
    yield too_many_found(PAGES * A_PAGE, document, day)


def _page(
    path: str, filters: Mapping[str, Any], page: int, ask: Ask, opened: Callable[[bytes], T | None]
) -> T | Found:
    answer = ask(f"{path}/listing", dumps({"page": page, "filter": dict(filters)}))
    if isinstance(answer, HttpAnswer) and answer.status == 200:
        page_content = opened(answer.body)
        if page_content is not None:
            return page_content
    return not_told(answer)


def _entries(body: bytes) -> list[Mapping[str, Any]] | None:
    content = loads(body)
    data = content.get("data") if isinstance(content, dict) else None
    return (
        [row if isinstance(row, dict) else {} for row in data] if isinstance(data, list) else None
    )


@lru_cache(maxsize=PAGES)
def _live(name: str, body: bytes) -> _Listed | None:
    """Return a page of live documents of this type; None if it is unreadable.

    Cached, because each document of a run reads it.
    """
    entries = _entries(body)
    if entries is None:
        return None
    live = (
        entry
        for entry in entries
        if number_of(entry) and entry["master"].get("cancelled") is not True
    )
    return _Listed(len(entries), tuple(told(SCHEMAS[name], entry) for entry in live))
