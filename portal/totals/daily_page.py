"""Daily totals of source, Clearpost and target side by side, a day opened into its documents.

Here: the page. Not here: what is added up
(holding/reconciliation/daily_totals.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, g, request, url_for

from holding.connections import connections as connection_rows
from holding.db.together import KEPT, Together
from holding.reconciliation import daily_totals, document_sides
from holding.reconciliation.compared_documents import EXPLAINED, DateUsed, Standing
from holding.reconciliation.counted_documents import Days
from holding.reconciliation.daily_totals import Comparison, Day, Kind, Line
from holding.worklist import search as whereabouts
from portal.totals import filter_words
from portal.totals.filter_words import DATES, STANDINGS, Asked
from portal.web import filters, forms, fragments, frame, store

A_PAGE, A_FORTNIGHT = 25, 14  # documents, and lines of days: a page keeps to 60 kB
pages = Blueprint("reconcile", __name__, url_prefix="/c/<co>")


@pages.get("/reconcile")
def show() -> Response:
    """The sums of each day, the difference explained; documents of a day where one is open."""
    asked = filter_words.asked(request.args, filters.today())
    page = Together(store.reading(), KEPT)
    frame.ask(page)
    found = compared(asked, [asked.day] if asked.day else [], page)
    kind = found.kind(asked.target, asked.doc_type)
    return fragments.respond(
        "totals/daily.html",
        {
            "asked": asked,
            "found": found,
            "kind": kind,
            "opened": _opened(asked, kind),
            "part": _part(asked, kind),
            "newest": _newest(asked, found),
            "Standing": Standing,
            "standings": STANDINGS,
            "explained": EXPLAINED,
            "dates": DATES,
            "sources": _sources(),
            "link": _links(asked, kind),
        },
        status=422 if asked.problems else 200,
    )


def compared(asked: Asked, each: Days = None, page: Together | None = None) -> Comparison:
    """Both sides added up, of all targets; each document that differs of these days, or of all."""
    targets = {row.id: row.name for row in _connections() if row.is_target}
    return daily_totals.compare(store.reading(), g.company.id, asked.sides, targets, each, page)


def _part(asked: Asked, kind: Kind | None) -> forms.Part[Day] | None:
    """The days that are listed of many: with the one that is open, or from the row asked for."""
    days = kind.shown(only=asked.only) if kind else ()
    if not days:
        return None
    most = max(1, A_FORTNIGHT // max(len(one.totals) for one in days))
    at = next((at for at, one in enumerate(days) if one.day == asked.day), None)
    start = fragments.asked("row") if at is None else at - at % most
    return forms.part(days, most, start)


def _opened(asked: Asked, kind: Kind | None) -> dict[str, object] | None:
    """The documents of the day that is open: those that differ, or those of one standing."""
    if kind is None or asked.day is None or not asked.sides.same:
        return None
    lines = list(kind.of_day(asked.day, asked.standing))
    more = None
    if asked.standing is Standing.AGREES:
        lines = [] if asked.after else lines
        lines += _agreeing(asked, kind, asked.day)
        more = lines[-1].document.posting_id if len(lines) >= A_PAGE else None
    else:
        begin = max(0, asked.after)
        more = begin + A_PAGE if len(lines) > begin + A_PAGE else None
        lines = lines[begin : begin + A_PAGE]
    held = [one.document.record_id for one in lines]
    holds = whereabouts.first_of(store.reading(), g.company.id, held)
    return {"lines": lines, "more": more, "holds": holds}


def _agreeing(asked: Asked, kind: Kind, day: date) -> list[Line]:
    place = (kind.place.target_id, kind.place.doc_type)
    span = replace(asked.sides.source, first=day, last=day)
    rows = document_sides.a_page(
        store.reading(), g.company.id, span, place, after=asked.after, most=A_PAGE
    )
    return [Line(row, Standing.AGREES) for row in rows]


def _links(asked: Asked, kind: Kind | None) -> Callable[..., str]:
    """What makes the address of the page with some of its words replaced, None leaving one out. A
    page of days has a hundred of them, so what they share is written once.
    """
    page = url_for("reconcile.show", co=g.company.code)
    place = {"target": kind.place.target, "kind": kind.place.doc_type} if kind else {}
    shared = _written({**asked.query(), **place})

    def link(_anchor: str | None = None, **other: Any) -> str:
        words = "&".join(filter(None, {**shared, **_written(other)}.values()))
        address = f"{page}?{words}" if words else page
        return f"{address}#{_anchor}" if _anchor else address

    return link


def _written(words: Mapping[str, Any]) -> dict[str, str]:
    """Each word as an address has it."""
    return {name: "" if value is None else urlencode({name: value})
            for name, value in words.items()}  # fmt: skip


def _sources() -> list[str]:
    return [row.name for row in _connections() if not row.is_target]


def _connections() -> tuple[connection_rows.ConnectionRow, ...]:
    """Both sides, asked for once a page."""
    if "connections" not in g:
        g.connections = connection_rows.listing(store.reading(), g.company.id)
    found: tuple[connection_rows.ConnectionRow, ...] = g.connections
    return found


def _newest(asked: Asked, found: Comparison) -> date | None:
    """The newest day by the date of documents, where there is nothing to compare by it."""
    if found.kinds or asked.sides.source.by is not DateUsed.DOCUMENT:
        return None
    return document_sides.newest_day(store.reading(), g.company.id)
