"""Read documents and errors from QuickBooks' answers."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from connectors.contract import Found, OutgoingDocument
from connectors.kit.calls import KEPT_BYTES, Get, unclear_lookup
from connectors.targets.quickbooks.payload import ENTITIES, SCHEMAS, Names, linked, number_field
from connectors.transport.http import HttpAnswer, HttpFailure, retry_after
from connectors.transport.strict_json import dumps, loads
from grammar.text.finding_codes import ErrorClass

NUMBER_TAKEN, NAME_TAKEN, EXPIRED = "6140", "6240", "3200"
NOT_ALLOWED, ENDED = "120", "6190"
_PERIOD_CLOSED = "6210"
_HOLDER = re.compile(r"TxnId=(\d+)")


@dataclass(frozen=True, slots=True)
class Told:
    """A fault in QuickBooks' own words; `holder` is the id of the document that has the number."""

    code: str
    words: str
    holder: str = ""


CODES: Mapping[str, ErrorClass] = {
    NOT_ALLOWED: "authorization_failed",
    "3100": "authorization_failed",
    EXPIRED: "authorization_failed",
    "3201": "authorization_failed",
    ENDED: "authorization_failed",
    "610": "mapping_missing",
    "2500": "mapping_missing",
    "2020": "missing_field",
    "2010": "bad_value",
    "2050": "bad_value",
    "2170": "bad_value",
    "6070": "bad_value",
    "5010": "stale_version",
    "6000": "business_rule",
    "6540": "business_rule",
    NUMBER_TAKEN: "duplicate",
    NAME_TAKEN: "duplicate",
    _PERIOD_CLOSED: "period_locked",
    "3001": "temporary",
}
NEXT: Mapping[str, str] = {
    NAME_TAKEN: "Map the customer, vendor or employee that has this name in QuickBooks already, or"
    " rename it there, then retry.",
}
"""What a person does about a code whose words do not say it."""
_STATUS: Mapping[int, ErrorClass] = {
    401: "authorization_failed",
    403: "authorization_failed",
    429: "temporary",
}


def told_of(body: bytes) -> Told | None:
    """Return the first fault of an answer, or None.

    Intuit's gateway writes the field names in lower case, QuickBooks does not.
    """
    content = loads(body)
    if not isinstance(content, dict):
        return None
    lower = {str(name).lower(): value for name, value in content.items()}
    fault = lower.get("fault")
    errors = _lower(fault).get("error")
    first = _lower(errors[0]) if isinstance(errors, list) and errors else {}
    code = str(first.get("code") or "").lstrip("0")
    if not code:
        return None
    message, detail = str(first.get("message") or ""), str(first.get("detail") or "")
    holder = _HOLDER.search(detail)
    words = f"{message}: {detail}" if detail and detail != message else message
    return Told(code, words, holder.group(1) if holder else "")


def class_of(status: int, told: Told | None) -> ErrorClass:
    """Return the error class of a refusal.

    QuickBooks uses an old code both for a taken number and for a closed period. For a taken number,
    the answer names the document with the number.
    """
    if told is not None and told.code == _PERIOD_CLOSED and told.holder:
        return "duplicate"
    if told is not None and told.code in CODES:
        return CODES[told.code]
    return _STATUS.get(status, "business_rule")


def _lower(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        return {}
    return {str(name).lower(): held for name, held in value.items()}


MOST, PAGES = 1000, 10
AT_ONCE = 30  # numbers in a query: each has 21 characters at most, and an address its bounds
A_MINUTE = 60.0
Shown = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """The documents that a query returned.

    `whole`: it returned all of these, without reaching the page limit.
    """

    documents: tuple[Shown, ...]
    proof: bytes
    whole: bool


Each = Mapping[str, tuple[Seen, Names] | Found]
"""By number: what was seen under it and the numbers of what that pays, or why nothing was."""


def by_number(document: str, numbers: Sequence[str], get: Get) -> Seen | Found:
    """Return the documents under these numbers.

    QuickBooks may have several documents under a number.
    """
    field = number_field(SCHEMAS[document])
    return query(ENTITIES[document].name, f"{field} {among(numbers)}", get)


def query(entity: str, where: str, get: Get) -> Seen | Found:
    """Return all entries that match a condition, read page by page.

    As proof, the first page's answer is kept.
    """
    pages: list[Seen] = []
    while len(pages) < PAGES and not (pages and pages[-1].whole):
        page = page_of(entity, where, len(pages) * MOST + 1, get)
        if isinstance(page, Found):
            return page
        pages.append(page)
    found = tuple(one for page in pages for one in page.documents)
    return Seen(found, pages[0].proof, whole=pages[-1].whole)


def page_of(entity: str, where: str, start: int, get: Get) -> Seen | Found:
    """Return the page of entries that starts at this position, counted from 1.

    `whole`: no further page can follow.
    """
    chosen = f" where {where}" if where else ""
    later = f" startposition {start}" if start > 1 else ""
    text = f"select * from {entity}{chosen}{later} maxresults {MOST}"  # noqa: S608
    answer = get(f"/query?query={quote(text, safe='')}")
    if isinstance(answer, HttpFailure):
        return unclear_lookup(answer)
    content = loads(answer.body)
    found = content.get("QueryResponse") if isinstance(content, dict) else None
    if answer.status == 200 and isinstance(found, dict):
        rows = found.get(entity) or []
        shown = tuple(one for one in rows if isinstance(one, dict))
        return Seen(shown, answer.body[:KEPT_BYTES], whole=len(rows) < MOST)
    told = told_of(answer.body)
    return unclear_lookup(answer, told.words if told else "", pause_of(answer))


def pause_of(answer: HttpAnswer) -> float:
    """Return how many seconds to wait before the next call. Calls are limited per minute."""
    asked = retry_after(answer.headers, answer.at)
    return A_MINUTE if asked is None else asked


def with_names(document: str, numbers: Sequence[str], get: Get) -> tuple[Seen, Names] | Found:
    """Return the documents under these numbers, and the numbers of the documents they pay, by
    id.
    """
    seen = by_number(document, numbers, get)
    if isinstance(seen, Found):
        return seen
    names = _names_of(document, seen.documents, get)
    return names if isinstance(names, Found) else (seen, names)


def with_names_on_day(document: OutgoingDocument, get: Get) -> tuple[Seen, Names] | Found:
    """Return the documents under a number, searched among the documents of its party and day.

    Used for a company that refuses a search by number (QueryValidationError: property PaymentRefNum
    is not queryable).
    """
    schema = SCHEMAS[document.document]
    party = next(f.wire.split(".")[0] for f in schema.header if f.name == schema.party_field)
    day = document.fields[schema.date_field]
    where = f"{party} = {text_of(document.party)} and TxnDate = {text_of(day)}"
    seen = query(ENTITIES[schema.name].name, where, get)
    if isinstance(seen, Found):
        return seen
    word = number_field(schema)
    mine = tuple(one for one in seen.documents if one.get(word) == document.number)
    if not mine and not seen.whole:
        words = f"QuickBooks has too many documents of {document.party} on {day} to look through."
        return Found(kind="unknown", words=words, answered=True, by_person=True)
    names = _names_of(document.document, mine, get)
    return names if isinstance(names, Found) else (replace(seen, documents=mine), names)


def with_names_each(document: str, numbers: Collection[str], get: Get) -> Each:
    """Return the documents under each of many numbers, by queries for several numbers at once.

    A number whose result stays unclear is queried again on its own.
    """
    found: dict[str, tuple[Seen, Names] | Found] = {}
    every = list(dict.fromkeys(numbers))
    for first in range(0, len(every), AT_ONCE):
        part = every[first : first + AT_ONCE]
        told = with_names(document, part, get)
        if isinstance(told, Found):
            found |= dict.fromkeys(part, told)
            continue
        seen, names = told
        found |= {number: (mine, names) for number, mine in _of_each(seen, document, part).items()}
    return found | {
        number: with_names(document, [number], get) for number in every if number not in found
    }


def _of_each(seen: Seen, document: str, numbers: Sequence[str]) -> Mapping[str, Seen]:
    """Return, for each number, the documents that a query for several numbers returned.

    An exact match comes first, else a match that differs only in case, since QuickBooks may ignore
    case. The proof is the number's own part of the answer, or the whole answer if nothing matches.
    A number without a match is left out if the answer is incomplete or contains other numbers.
    """
    if len(numbers) == 1:  # QuickBooks said itself what has it
        return {numbers[0]: seen}
    word, entity = number_field(SCHEMAS[document]), ENTITIES[document].name
    exact: dict[str, list[Shown]] = defaultdict(list)
    folded: dict[str, list[Shown]] = defaultdict(list)
    for one in seen.documents:
        told = str(one.get(word) or "")
        exact[told].append(one)
        folded[_folded(told)].append(one)
    sure = seen.whole and folded.keys() <= {_folded(one) for one in numbers}
    found: dict[str, Seen] = {}
    for number in numbers:
        mine = tuple(exact.get(number) or folded.get(_folded(number)) or ())
        proof = dumps({"QueryResponse": {entity: mine}})[:KEPT_BYTES] if mine else seen.proof
        if mine or sure:
            found[number] = Seen(mine, proof, whole=seen.whole)
    return found


def _folded(number: str) -> str:
    return number.strip().casefold()


def _names_of(document: str, shown: Iterable[Shown], get: Get) -> Names | Found:
    pays = ENTITIES[document].pays
    wanted = sorted({linked(one) for one in shown} - {""}) if pays else []
    if not wanted:
        return {}
    seen = query(ENTITIES[pays].name, f"Id {among(wanted)}", get)
    if isinstance(seen, Found):
        return seen
    return {str(one.get("Id")): str(one.get("DocNumber") or "") for one in seen.documents}


def text_of(value: str) -> str:
    """Return a text quoted for a query."""
    plain = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{plain}'"


def among(values: Sequence[str]) -> str:
    """Return the condition that a field is one of these values."""
    if len(values) == 1:
        return f"= {text_of(values[0])}"
    return f"in ({', '.join(map(text_of, values))})"
