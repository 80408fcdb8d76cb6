"""Listings: documents by page and by filter.

Here: the answer of `…/listing`. Not here: one document by its number (api.py).
"""

from collections.abc import Mapping
from typing import Any

from connectors.kit.simulator import Reply, Request
from connectors.kit.strictjson import loads
from connectors.targets.autocount.simulator.books import Books, Shown
from connectors.targets.autocount.simulator.checks import Kind

A_PAGE = 100
_DATES = {"date": "docDate", "createdDate": "createdTimeStamp", "lastModifiedDate": "lastModified"}
_TEXTS = ("docNo", "debtorCode", "salesAgent")


def answer(books: Books, request: Request, book: str, kind: Kind) -> Reply:
    """One page; `totalCount` is what this page holds, and a page past the end is empty."""
    given = loads(request.body) if request.method == "POST" else None
    asked: Mapping[str, Any] = given if isinstance(given, dict) else {}
    page = asked.get("page") or request.query.get("page") or 1
    chosen = asked.get("filter")
    wanted: Mapping[str, Any] = chosen if isinstance(chosen, dict) else _simple(request)
    found = [
        document
        for place, document in books.documents.items()
        if place[:2] == (book, kind.path.casefold()) and _fits(document, wanted)
    ]
    start = (int(page) - 1) * A_PAGE if str(page).isdecimal() else 0
    shown = [books.bare(one) for one in found[max(0, start) : start + A_PAGE]]
    return Reply(status=200, content={"data": shown, "totalCount": len(shown)})


def _simple(request: Request) -> dict[str, Any]:
    limits = {"from": request.query.get("startdate"), "to": request.query.get("enddate")}
    return {"date": {name: day for name, day in limits.items() if day}}


def _fits(document: Shown, wanted: Mapping[str, Any]) -> bool:
    master = document["master"]
    for name, field in (*_DATES.items(), *((text, text) for text in _TEXTS)):
        limits = wanted.get(name)
        if isinstance(limits, dict) and not _within(str(master.get(field) or ""), limits):
            return False
    return True


def _within(value: str, limits: Mapping[str, Any]) -> bool:
    several = limits.get("multiSelect")
    if isinstance(several, list):
        return value.casefold() in {str(one).casefold() for one in several}
    low, high = str(limits.get("from") or ""), str(limits.get("to") or "")
    return low <= value[: len(low) or None] and (not high or value[: len(high)] <= high)
