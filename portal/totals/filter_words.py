"""The filter of the comparison as an address and as a sentence, and what its standings are called.

Here: reading and writing addresses, the words of page and files. Not here: the page
(daily_page.py), what a standing means (holding/reconciliation/compared_documents.py).
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from werkzeug.datastructures import MultiDict

from holding.reconciliation import daily_totals
from holding.reconciliation.compared_documents import Span, Standing
from holding.reconciliation.daily_totals import Sides
from portal.web import forms

A_WEEK: Final = timedelta(days=6)
STATUS_LENGTH: Final = 60
ANY: Final = "*"
"""How an address says that a side has any status, where the other has one."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a standing is called, its tone and icon, and what it says of a document."""

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
    Standing.BY_RULE: Shown(
        "Other amount by rule", "idle", "rules", "The rules post it with another amount."
    ),
    Standing.AGREES: Shown("Agrees", "ok", "pass", "All sides show the same."),
}
_NAMES: Final = {"source": ("from", "to", "status"),
                 "target": ("target_from", "target_to", "target_status")}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for: both filters, what is wrong with them by field, which target and
    kind, the day that is open and which of its documents are shown.
    """

    sides: Sides
    problems: dict[str, str]
    target: str
    doc_type: str
    day: date | None
    standing: Standing | None
    after: int

    def query(self) -> dict[str, str | None]:
        """Both filters as the words of an address; None leaves one out."""
        words = _words("source", self.sides.source)
        return words if self.sides.same else words | _words("target", self.sides.target)


def asked(args: MultiDict[str, str], today: date) -> Asked:
    """What an address asks for. Days that cannot be compared are replaced by the last seven."""
    problems: dict[str, str] = {}
    week = Span(today - A_WEEK, today)
    source = _span(args, "source", week, problems)
    target = _span(args, "target", source, problems)
    shown = args.get("show", "")
    return Asked(
        sides=Sides(source, target),
        problems=problems,
        target=args.get("target", "")[:100],
        doc_type=args.get("kind", "")[:100],
        day=forms.day(args.get("day")),
        standing=next((one for one in Standing if one == shown), None),
        after=forms.whole(args.get("after")) or 0,
    )


def said(span: Span) -> str:
    """A filter in a sentence, as page and files print it."""
    days = f"{span.first}" if span.first == span.last else f"{span.first} to {span.last}"
    return f"document date {days}, {span.status or 'any status'}"


def _span(args: MultiDict[str, str], side: str, usual: Span, problems: dict[str, str]) -> Span:
    """The filter of a side; what it leaves blank is that of the usual one."""
    first, last, status = _NAMES[side]
    days = []
    for name, known in ((first, usual.first), (last, usual.last)):
        text = args.get(name, "").strip()
        found = forms.day(text) if text else known
        if found is None:
            problems[name] = "Enter a day, such as 2026-11-20."
        days.append(found or known)
    text = args.get(status, "").strip()[:STATUS_LENGTH]
    word = "" if text == ANY else text or usual.status
    made = Span(days[0], days[1], word)
    if wrong := daily_totals.problem(made):
        problems.setdefault(last, wrong)
        return Span(usual.first, usual.last, word)
    return made


def _words(side: str, span: Span) -> dict[str, str | None]:
    first, last, status = _NAMES[side]
    told = span.status or (None if side == "source" else ANY)
    return {first: span.first.isoformat(), last: span.last.isoformat(), status: told}
