"""The filter of the comparison as an address and as a sentence, and what its standings are called.

Here: reading and writing addresses, the words of page and files. Not here: the page
(daily_page.py), what a standing means (holding/reconciliation/compared_documents.py).
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from werkzeug.datastructures import MultiDict

from holding.reconciliation import daily_totals
from holding.reconciliation.compared_documents import DateUsed, Span, Standing
from holding.reconciliation.daily_totals import Sides
from portal.web import forms

A_WEEK: Final = timedelta(days=6)
WORD_LENGTH: Final = 100
ANY: Final = "*"
"""How an address says that a side has any status (source, channel), where the other has one."""


@dataclass(frozen=True, slots=True)
class Dated:
    """What a date is called by which documents count, and what that means. `sent`: only what was
    sent has it.
    """

    title: str
    counts: str
    sent: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """What a standing is called, its tone and icon, and what it says of a document."""

    word: str
    tone: str
    icon: str
    text: str


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


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for: both filters, what is wrong with them by field, which target and
    kind, whether only days that differ, the day that is open and which of its documents are shown.
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
        """Both filters as the words of an address; None leaves one out."""
        words = _words(_BEFORE["source"], self.sides.source)
        if not self.sides.same:
            words |= _words(_BEFORE["target"], self.sides.target, blank=ANY)
        return words | {"only": DIFFERENCES if self.only else None}


def asked(args: MultiDict[str, str], today: date) -> Asked:
    """What an address asks for. Days that cannot be compared are replaced by the last seven."""
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
        day=forms.day(args.get("day")),
        standing=next((one for one in Standing if one == shown), None),
        after=forms.whole(args.get("after")) or 0,
        only=sides.same and args.get("only") == DIFFERENCES,
    )


def said(span: Span) -> str:
    """A filter in a sentence, as files print it; the page has the same (totals/_figures.html)."""
    days = f"{span.first}" if span.first == span.last else f"{span.first} to {span.last}"
    told = f"{DATES[span.by].title.lower()} {days}, {span.status or 'any status'}"
    if span.source:
        told += f", from {span.source}"
    return f"{told}, channel {span.channel}" if span.channel else told


def _span(args: MultiDict[str, str], before: str, usual: Span, problems: dict[str, str]) -> Span:
    """The filter of a side; what it leaves blank is that of the usual one."""

    def word(name: str, known: str) -> str:
        text = args.get(f"{before}{name}", "").strip()[:WORD_LENGTH]
        return "" if text == ANY else text or known

    days = []
    for name, known in (("from", usual.first), ("to", usual.last)):
        text = args.get(f"{before}{name}", "").strip()
        found = forms.day(text) if text else known
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
    if wrong := daily_totals.problem(made):
        problems.setdefault(f"{before}to", wrong)
        return replace(made, first=usual.first, last=usual.last)
    return made


def _words(before: str, span: Span, blank: str | None = None) -> dict[str, str | None]:
    """A filter as the words of an address; `blank`: what a word is that lets any through."""
    return {
        f"{before}from": span.first.isoformat(),
        f"{before}to": span.last.isoformat(),
        f"{before}by": span.by.value if blank or span.by is not DateUsed.DOCUMENT else None,
        f"{before}status": span.status or blank,
        f"{before}source": span.source or blank,
        f"{before}channel": span.channel or blank,
    }
