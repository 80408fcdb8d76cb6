"""Daily totals of source, Clearpost and target side by side, down to the documents of a day."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from flask import Blueprint, Response, g, request, url_for
from werkzeug.datastructures import MultiDict

from holding.connections import connections
from holding.reconciliation import daily_totals, document_sides
from holding.reconciliation.compared_documents import EXPLAINED, DateUsed, Span, Standing
from holding.reconciliation.counted_documents import Days
from holding.reconciliation.daily_totals import Comparison, Day, Kind, Line, Sides
from holding.worklist import search
from portal.web import filters, forms, store
from portal.web.permissions import needs

A_PAGE, A_FORTNIGHT = 25, 14  # documents, and lines of days: a page keeps to 60 kB

pages = Blueprint("reconcile", __name__, url_prefix="/c/<co>")

A_WEEK: Final = timedelta(days=6)

WORD_LENGTH: Final = 100

ANY: Final = "*"
"""How an address says that a side has any status (source, channel), where the other has one."""


@dataclass(frozen=True, slots=True)
class Dated:
    """The name and meaning of a date by which documents are counted.

    `sent`: only sent documents have it.
    """

    title: str
    counts: str
    sent: bool = False


DATES: Final = {
    DateUsed.DOCUMENT: Dated("Document date", "A document counts on its document date."),
    DateUsed.RECORD: Dated(
        "Date in the source", "A document counts on the date that the source gives its record."
    ),
    DateUsed.POSTED: Dated(
        "Date posted",
        "A document counts on the day on which it was posted. What is not posted has no such day.",
        sent=True,
    ),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """The title, tone and icon of a document's result in the comparison, with its explanation."""

    word: str
    tone: str
    icon: str
    text: str


STANDINGS: Final = {
    Standing.UNEXPLAINED: Shown(
        "Unexplained", "bad", "failed", "The accounting system shows other values than were posted."
    ),
    Standing.ACCEPTED: Shown(
        "Accepted difference", "idle", "ok", "A person accepted the difference."
    ),
    Standing.HELD: Shown("On hold", "warn", "held", "A person has to decide."),
    Standing.WAITING: Shown("Waiting", "idle", "waiting", "A status or a date is awaited."),
    Standing.SENDING: Shown(
        "Sending", "info", "sending", "The accounting system has not confirmed it."
    ),
    Standing.UNREAD: Shown(
        "Not read back yet",
        "doubt",
        "uncertain",
        "The accounting system accepted it. It was not read back yet.",
    ),
    Standing.CANCELLED: Shown("Cancelled", "idle", "dropped", "It was cancelled."),
    Standing.IGNORED: Shown(
        "Not posted", "idle", "ignored", "A rule excludes it, or a person rejected it."
    ),
    Standing.LEFT: Shown(
        "Left posted",
        "idle",
        "rules",
        "It is not ready in the source any more. The rules, or a person, left it posted.",
    ),
    Standing.BY_RULE: Shown(
        "Other amount by rule", "idle", "rules", "The rules post it with another amount."
    ),
    Standing.AGREES: Shown("Agrees", "ok", "pass", "All sides show the same."),
}

DIFFERENCES: Final = "differences"
"""How an address leaves out the days on which both sides are equal."""

_BEFORE: Final = {"source": "", "target": "target_"}
"""How the names of a side's own words begin in an address."""


@pages.get("/reconcile")
@needs("record.read")
def show() -> Response:
    """Show the totals of each day with explained differences, and the documents of an opened
    day.
    """
    asked = read_filter(request.args, filters.today())
    found = compare_totals(asked, [asked.day] if asked.day else [])
    kind = found.kind(asked.target, asked.doc_type)
    return store.respond(
        "totals/daily.html",
        {
            "asked": asked,
            "found": found,
            "kind": kind,
            "opened": _opened(asked, kind),
            "part": _part(asked, kind),
            "newest": _newest(asked, found),
            "yesterday": _yesterday(asked, kind),
            "Standing": Standing,
            "standings": STANDINGS,
            "explained": EXPLAINED,
            "dates": DATES,
            "sources": _sources(),
            "link": _links(asked, kind),
        },
        status=422 if asked.problems else 200,
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """The filters and options in the page's address.

    `problems` maps a field to what is wrong with it. `day` is the open day, and `standing` limits
    its documents. `only`: show only days that differ.
    """

    sides: Sides
    problems: dict[str, str]
    target: str
    doc_type: str
    day: date | None
    standing: Standing | None
    after: int
    only: bool = False

    def query(self) -> dict[str, str | None]:
        """Return both filters as arguments of an address; None omits an argument."""
        words = _words(_BEFORE["source"], self.sides.source)
        if not self.sides.same:
            words |= _words(_BEFORE["target"], self.sides.target, blank=ANY)
        return words | {"only": DIFFERENCES if self.only else None}


def _opened(asked: Asked, kind: Kind | None) -> dict[str, object] | None:
    """Return the documents of the open day: the differing ones, or the documents with the chosen
    result.
    """
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
    holds = search.first_holds(store.reading(), g.company.id, held)
    return {"lines": lines, "more": more, "holds": holds}


def _agreeing(asked: Asked, kind: Kind, day: date) -> list[Line]:
    place = (kind.place.target_id, kind.place.doc_type)
    span = replace(asked.sides.source, first=day, last=day)
    rows = document_sides.agreeing_page(
        store.reading(), g.company.id, span, place, after=asked.after, most=A_PAGE
    )
    return [Line(row, Standing.AGREES) for row in rows]


def _part(asked: Asked, kind: Kind | None) -> forms.RowPage[Day] | None:
    """Return a part of the days, newest first: with the open day, or from the requested row."""
    days = tuple(reversed(kind.shown(only=asked.only))) if kind else ()
    if not days:
        return None
    most = max(1, A_FORTNIGHT // max(len(one.totals) for one in days))
    at = next((at for at, one in enumerate(days) if one.day == asked.day), None)
    start = store.whole_arg("row") if at is None else at - at % most
    return forms.page_rows(days, most, start)


def _yesterday(asked: Asked, kind: Kind | None) -> Day | None:
    """Return yesterday's totals if both sides have equal filters and it has documents; else
    None.
    """
    if kind is None or not asked.sides.same:
        return None
    yesterday = filters.today() - timedelta(days=1)
    return next((day for day in kind.days if day.day == yesterday), None)


def _newest(asked: Asked, found: Comparison) -> date | None:
    """Return the newest day with documents, if the filter by document date matches none; else
    None.
    """
    if found.kinds or asked.sides.source.by is not DateUsed.DOCUMENT:
        return None
    return document_sides.newest_day(store.reading(), g.company.id)


def _sources() -> list[str]:
    return [row.name for row in _connections() if not row.is_target]


def _connections() -> tuple[connections.ConnectionRow, ...]:
    """Return all connections of the company, loaded once per request."""
    if "connections" not in g:
        g.connections = connections.list_connections(store.reading(), g.company.id)
    found: tuple[connections.ConnectionRow, ...] = g.connections
    return found


def _links(asked: Asked, kind: Kind | None) -> Callable[..., str]:
    """Return a function that gives the page's address with some arguments replaced; None omits an
    argument.

    A page has many such links, so their shared part is written once.
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
    """Return each argument in its URL-encoded form."""
    return {name: "" if value is None else urlencode({name: value})
            for name, value in words.items()}  # fmt: skip


def compare_totals(asked: Asked, each: Days = None) -> Comparison:
    """Compare the totals of both sides for all targets.

    It includes each differing document of these days, or of all days.
    """
    targets = {row.id: row.name for row in _connections() if row.is_target}
    return daily_totals.compare_days(store.reading(), g.company.id, asked.sides, targets, each)


def _words(before: str, span: Span, blank: str | None = None) -> dict[str, str | None]:
    """Return a filter as arguments of an address. `blank` is the value that means "any"."""
    return {
        f"{before}from": span.first.isoformat(),
        f"{before}to": span.last.isoformat(),
        f"{before}by": span.by.value if blank or span.by is not DateUsed.DOCUMENT else None,
        f"{before}status": span.status or blank,
        f"{before}source": span.source or blank,
        f"{before}channel": span.channel or blank,
    }


def read_filter(args: MultiDict[str, str], today: date) -> Asked:
    """Return the filters in an address.

    An invalid range of days is replaced by the last seven days.
    """
    problems: dict[str, str] = {}
    week = Span(today - A_WEEK, today)
    source = _span(args, _BEFORE["source"], week, problems)
    target = _span(args, _BEFORE["target"], source, problems)
    shown, sides = args.get("show", ""), Sides(source, target)
    return Asked(
        sides=sides,
        problems=problems,
        target=args.get("target", "")[:100],
        doc_type=args.get("kind", "")[:100],
        day=forms.parse_day(args.get("day")),
        standing=next((one for one in Standing if one == shown), None),
        after=forms.parse_whole(args.get("after")) or 0,
        only=sides.same and args.get("only") == DIFFERENCES,
    )


def _span(args: MultiDict[str, str], before: str, usual: Span, problems: dict[str, str]) -> Span:
    """Return the filter of one side. Blank parts are taken from `usual`."""

    def word(name: str, known: str) -> str:
        text = args.get(f"{before}{name}", "").strip()[:WORD_LENGTH]
        return "" if text == ANY else text or known

    days = []
    for name, known in (("from", usual.first), ("to", usual.last)):
        text = args.get(f"{before}{name}", "").strip()
        found = forms.parse_day(text) if text else known
        if found is None:
            problems[f"{before}{name}"] = "Enter a day, such as 2026-11-20."
        days.append(found or known)
    made = Span(
        days[0],
        days[1],
        word("status", usual.status),
        next((one for one in DateUsed if one == args.get(f"{before}by")), usual.by),
        word("source", usual.source),
        word("channel", usual.channel),
    )
    if wrong := daily_totals.span_problem(made):
        problems.setdefault(f"{before}to", wrong)
        return replace(made, first=usual.first, last=usual.last)
    return made


def span_text(span: Span) -> str:
    """Return a filter as a sentence for files.

    The page shows it likewise (totals/_figures.html).
    """
    days = f"{span.first}" if span.first == span.last else f"{span.first} to {span.last}"
    told = f"{DATES[span.by].title.lower()} {days}, {span.status or 'any status'}"
    if span.source:
        told += f", from {span.source}"
    return f"{told}, channel {span.channel}" if span.channel else told
