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


def class_of(status: int, vendor_fault: Told | None) -> ErrorClass:
    """Return the error class of a refusal.

    QuickBooks uses an old code both for a taken number and for a closed period. For a taken number,
    the answer names the document with the number.
    """
    if vendor_fault is not None and vendor_fault.code == _PERIOD_CLOSED and vendor_fault.holder:
        return "duplicate"
    if vendor_fault is not None and vendor_fault.code in CODES:
        return CODES[vendor_fault.code]
    return _STATUS.get(status, "business_rule")


def _lower(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        return {}
    return {str(name).lower(): element for name, element in value.items()}


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
    documents = tuple(document for page in pages for document in page.documents)
    return Seen(documents, pages[0].proof, whole=pages[-1].whole)


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
    response = content.get("QueryResponse") if isinstance(content, dict) else None
    if answer.status == 200 and isinstance(response, dict):
        rows = response.get(entity) or []
        entries = tuple(row for row in rows if isinstance(row, dict))
        return Seen(entries, answer.body[:KEPT_BYTES], whole=len(rows) < MOST)
    vendor_fault = told_of(answer.body)
    return unclear_lookup(answer, vendor_fault.words if vendor_fault else "", pause_of(answer))


def pause_of(answer: HttpAnswer) -> float:
    """Return how many seconds to wait before the next call. Calls are limited per minute."""
    seconds = retry_after(answer.headers, answer.at)
    return A_MINUTE if seconds is None else seconds


def with_names(document: str, numbers: Sequence[str], get: Get) -> tuple[Seen, Names] | Found:
    """Return the documents under these numbers, and the numbers of the documents they pay, by
    id.
    """
    reading = by_number(document, numbers, get)
    if isinstance(reading, Found):
        return reading
    names = _names_of(document, reading.documents, get)
    return names if isinstance(names, Found) else (reading, names)


def with_names_on_day(document: OutgoingDocument, get: Get) -> tuple[Seen, Names] | Found:
    """Return the documents under a number, searched among the documents of its party and day.

    Used for a company that refuses a search by number (QueryValidationError: property PaymentRefNum
    is not queryable).
    """
    schema = SCHEMAS[document.document]
    party = next(f.wire.split(".")[0] for f in schema.header if f.name == schema.party_field)
    day = document.fields[schema.date_field]
    where = f"{party} = {text_of(document.party)} and TxnDate = {text_of(day)}"
    reading = numbered_among(schema.name, document.number, where, get)
    if isinstance(reading, Found):
        return reading
    if not reading.documents and not reading.whole:
        words = f"QuickBooks has too many documents of {document.party} on {day} to look through."
        return Found(kind="unknown", words=words, answered=True, by_person=True)
    names = _names_of(document.document, reading.documents, get)
    return names if isinstance(names, Found) else (reading, names)


def numbered_among(document: str, number: str, where: str, get: Get) -> Seen | Found:
    """Return the documents under a number among those that meet a condition without the number."""
    reading = query(ENTITIES[document].name, where, get)
    if isinstance(reading, Found):
        return reading
    word = number_field(SCHEMAS[document])
    matching_documents = tuple(
        remote_document
        for remote_document in reading.documents
        if remote_document.get(word) == number
    )
    return replace(reading, documents=matching_documents)


def with_names_each(document: str, numbers: Collection[str], get: Get) -> Each:
    """Return the documents under each of many numbers, by queries for several numbers at once.

    A number whose result stays unclear is queried again on its own.
    """
    readings_by_number: dict[str, tuple[Seen, Names] | Found] = {}
    all_numbers = list(dict.fromkeys(numbers))
    for first in range(0, len(all_numbers), AT_ONCE):
        part = all_numbers[first : first + AT_ONCE]
        part_result = with_names(document, part, get)
        if isinstance(part_result, Found):
            readings_by_number |= dict.fromkeys(part, part_result)
            continue
        reading, names = part_result
        readings_by_number |= {
            number: (part_reading, names)
            for number, part_reading in _of_each(reading, document, part).items()
        }
    return readings_by_number | {
        number: with_names(document, [number], get)
        for number in all_numbers
        if number not in readings_by_number
    }


def _of_each(reading: Seen, document: str, numbers: Sequence[str]) -> Mapping[str, Seen]:
    """Return, for each number, the documents that a query for several numbers returned.

    An exact match comes first, else a match that differs only in case, since QuickBooks may ignore
    case. The proof is the number's own part of the answer, or the whole answer if nothing matches.
    A number without a match is left out if the answer is incomplete or contains other numbers.
    """
    if len(numbers) == 1:  # QuickBooks said itself what has it
        return {numbers[0]: reading}
    word, entity = number_field(SCHEMAS[document]), ENTITIES[document].name
    exact: dict[str, list[Shown]] = defaultdict(list)
    folded: dict[str, list[Shown]] = defaultdict(list)
    for remote_document in reading.documents:
        remote_number = str(remote_document.get(word) or "")
        exact[remote_number].append(remote_document)
        folded[_folded(remote_number)].append(remote_document)
    sure = reading.whole and folded.keys() <= {_folded(number) for number in numbers}
    readings: dict[str, Seen] = {}
    for number in numbers:
        matching_documents = tuple(exact.get(number) or folded.get(_folded(number)) or ())
        proof = (
            dumps({"QueryResponse": {entity: matching_documents}})[:KEPT_BYTES]
            if matching_documents
            else reading.proof
        )
        if matching_documents or sure:
            readings[number] = Seen(matching_documents, proof, whole=reading.whole)
    return readings


def _folded(number: str) -> str:
    return number.strip().casefold()


def _names_of(document: str, remote_documents: Iterable[Shown], get: Get) -> Names | Found:
    pays = ENTITIES[document].pays
    paid_ids = (
        sorted({linked(remote_document) for remote_document in remote_documents} - {""})
        if pays
        else []
    )
    if not paid_ids:
        return {}
    reading = query(ENTITIES[pays].name, f"Id {among(paid_ids)}", get)
    if isinstance(reading, Found):
        return reading
    return {
        str(remote_document.get("Id")): str(remote_document.get("DocNumber") or "")
        for remote_document in reading.documents
    }


def text_of(value: str) -> str:
    """Return a text quoted for a query."""
    plain = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{plain}'"


def among(values: Sequence[str]) -> str:
    """Return the condition that a field is one of these values."""
    if len(values) == 1:
        return f"= {text_of(values[0])}"
    return f"in ({', '.join(map(text_of, values))})"
