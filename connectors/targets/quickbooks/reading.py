"""Documents as QuickBooks shows them, or why they could not be read.

Here: the read-only queries. Not here: comparing (compare.py), and what follows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from connectors.kit.calling import KEPT_BYTES, Get, unclear
from connectors.kit.contract import Found
from connectors.kit.http import HttpAnswer, HttpFailure, retry_after
from connectors.kit.strictjson import loads
from connectors.targets.quickbooks.bodies import ENTITIES, SCHEMAS, linked, number_field
from connectors.targets.quickbooks.errors import told_of

MOST, PAGES = 1000, 10
A_MINUTE = 60.0
Shown = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a query saw; `whole` unless there are more than anybody looks through."""

    documents: tuple[Shown, ...]
    proof: bytes
    whole: bool


def by_number(document: str, numbers: Sequence[str], get: Get) -> Seen | Found:
    """The documents under these numbers; QuickBooks may have several under one."""
    field = number_field(SCHEMAS[document])
    return query(ENTITIES[document].name, f"{field} {_among(numbers)}", get)


def query(entity: str, where: str, get: Get) -> Seen | Found:
    """All entries that fit, page by page; what is kept of the answers is the first page."""
    pages: list[Seen] = []
    while len(pages) < PAGES and not (pages and pages[-1].whole):
        page = _page(entity, where, len(pages) * MOST + 1, get)
        if isinstance(page, Found):
            return page
        pages.append(page)
    found = tuple(one for page in pages for one in page.documents)
    return Seen(found, pages[0].proof, whole=pages[-1].whole)


def _page(entity: str, where: str, start: int, get: Get) -> Seen | Found:
    """One page; `whole` where no more can follow."""
    chosen = f" where {where}" if where else ""
    later = f" startposition {start}" if start > 1 else ""
    text = f"select * from {entity}{chosen}{later} maxresults {MOST}"  # noqa: S608
    answer = get(f"/query?query={quote(text, safe='')}")
    if isinstance(answer, HttpFailure):
        return unclear(answer)
    content = loads(answer.body)
    found = content.get("QueryResponse") if isinstance(content, dict) else None
    if answer.status == 200 and isinstance(found, dict):
        rows = found.get(entity) or []
        shown = tuple(one for one in rows if isinstance(one, dict))
        return Seen(shown, answer.body[:KEPT_BYTES], whole=len(rows) < MOST)
    told = told_of(answer.body)
    return unclear(answer, told.words if told else "", pause_of(answer))


def pause_of(answer: HttpAnswer) -> float:
    """After how many seconds it may be asked again: calls are counted by the minute."""
    asked = retry_after(answer.headers, answer.at)
    return A_MINUTE if asked is None else asked


def with_names(
    document: str, numbers: Sequence[str], get: Get
) -> tuple[Seen, Mapping[str, str]] | Found:
    """The documents under these numbers, and the numbers of what they pay by their ids."""
    seen = by_number(document, numbers, get)
    if isinstance(seen, Found):
        return seen
    names = _names_of(document, seen.documents, get)
    return names if isinstance(names, Found) else (seen, names)


def _names_of(document: str, shown: Iterable[Shown], get: Get) -> Mapping[str, str] | Found:
    pays = ENTITIES[document].pays
    wanted = sorted({linked(one) for one in shown} - {""}) if pays else []
    if not wanted:
        return {}
    seen = query(ENTITIES[pays].name, f"Id {_among(wanted)}", get)
    if isinstance(seen, Found):
        return seen
    return {str(one.get("Id")): str(one.get("DocNumber") or "") for one in seen.documents}


def text_of(value: str) -> str:
    """A text as a query writes it."""
    plain = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{plain}'"


def _among(values: Sequence[str]) -> str:
    if len(values) == 1:
        return f"= {text_of(values[0])}"
    return f"in ({', '.join(map(text_of, values))})"
