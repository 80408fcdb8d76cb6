"""The failed calls of a target or run as an SVG picture for a support desk."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from unicodedata import east_asian_width

from flask import Blueprint, Response, abort, g, make_response, render_template

from connectors.contract.errors import class_label
from connectors.registry import insert_titles
from holding.access.actors import ALL_PERSONAL, hiding_each
from holding.connections import connections
from holding.db.models.columns import AttemptState
from holding.db.refusal import plural
from holding.runs import run_history
from holding.runs.run_history import FailedCall, FailureLog
from portal.web import filters, store
from portal.web.permissions import needs
from portal.web.redaction import secret_remover

pages = Blueprint("failures", __name__, url_prefix="/c/<co>")

FOOT: Final = "API keys, passwords, tax numbers and personal data are removed."

NONE: Final = "No failed call is recorded."

SILENT: Final = "No answer is recorded."

ENDS: Final = {
    AttemptState.REFUSED: "rejected",
    AttemptState.TEMPORARY: "temporary failure",
    AttemptState.UNCERTAIN: "result not known",
    AttemptState.DIFFERENT: "found with another content",
    run_history.NOT_SENT: "not sent",
}

WIDTH: Final = 900

CELLS: Final = 100  # letters of a line; at 13 units a letter of the fixed-width font takes 7.8

_TITLE_CELLS: Final = 64  # of 20 units

MOST_LINES: Final = 8

_LEFT: Final = 24

_AFTER: Final = 14  # room between two entries

_UNDRAWABLE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Style(StrEnum):
    """The style of a line of text."""

    TITLE = "title"
    STRONG = "strong"
    NOTE = "note"
    QUOTE = "quote"


_HEIGHTS: Final = {Style.TITLE: 32, Style.STRONG: 22, Style.NOTE: 20, Style.QUOTE: 18}


@pages.get("/connections/<name>/failures.svg")
@needs("record.read")  # contains no personal data
def of_connection(name: str) -> Response:
    """Return a picture of a target's latest failed calls."""
    row = connections.find_connection(store.reading(), g.company.id, name)
    if row is None or not row.is_target:
        abort(404)
    log = run_history.failures_of_connection(store.reading(), g.company.id, row.id)
    return _picture(f"Latest failures of {row.name}", log, _entries(log), name)


@dataclass(frozen=True, slots=True)
class Entry:
    """One failure: when and in which run, of what, and the words of the target."""

    head: str
    about: str
    words: str


def _picture(title: str, log: FailureLog, entries: list[Entry], name: str) -> Response:
    shown = f"{len(log.calls)} of {plural(log.count, 'failed call')}, newest first"
    notes = (
        f"{g.company.name} · {filters.zone_note()} ({g.company.zone})",
        f"Made {_moment(g.now)} · {shown if log.count else NONE}",
    )
    made = draw(title, notes, entries, FOOT)
    shape = {"drawing": made, "width": WIDTH}
    answer = make_response(render_template("evidence/failures.svg", **shape))
    answer.headers["Content-Type"] = "image/svg+xml; charset=utf-8"
    file = f"failures-{g.company.code}-{name}.svg"
    answer.headers["Content-Disposition"] = f'attachment; filename="{file}"'
    return answer


def _moment(at: datetime) -> str:
    zone: str = g.company.zone
    return f"{filters.stamp(at)} {filters.ZONE_NAMES.get(zone, zone)}"


def _entries(log: FailureLog) -> list[Entry]:
    """Return the texts of each call. Secrets and personal data are removed before a text is cut."""
    hide = hiding_each(store.reading(), [one.record_id for one in log.calls], ALL_PERSONAL)
    keep = {number for one in log.calls for number in (one.record, one.number)}
    redact = secret_remover(tax_numbers=False, keep=keep)
    return [
        Entry(_head(one), _about(one), hide(one.record_id, redact(_said(one)))) for one in log.calls
    ]


def _head(one: FailedCall) -> str:
    run = f"Run {one.run_id}" if one.run_id else "outside of a run"
    why = f" · {class_label(one.error_class)}" if one.error_class else ""
    return f"{_moment(one.at)} · {run} · {ENDS[one.end]}{why}"


def _about(one: FailedCall) -> str:
    kind = filters.capfirst(filters.kind_of(one.doc_type))
    answered = f"HTTP {one.status}" if one.status else "no HTTP answer"
    return (
        f"Record {one.record} · {kind} {one.number} · attempt {one.no}"
        f" · call {one.request_id} · {answered}"
    )


def _said(one: FailedCall) -> str:
    if one.unsent and one.error:
        return insert_titles(one.error)
    return f'{insert_titles(one.target)} says: "{one.error}"' if one.error else SILENT


@pages.get("/runs/<int:run_id>/failures.svg")
@needs("record.read")
def of_run(run_id: int) -> Response:
    """Return a picture of why a run failed, with its latest failed calls."""
    run = run_history.load_run(store.reading(), g.company.id, run_id)
    if run is None:
        abort(404)
    log = run_history.failures_of_run(store.reading(), g.company.id, run_id)
    entries = _entries(log)
    if run.error:
        head = f"{_moment(run.ended_at or run.made_at)} · Run {run.id}"
        words = secret_remover(tax_numbers=False)(run.error)
        entries.insert(0, Entry(head, "The run failed as a whole.", words))
    title = f"Failures of run {run.id}" + (f", {insert_titles(run.target)}" if run.target else "")
    return _picture(title, log, entries, f"run-{run.id}")


@dataclass(frozen=True, slots=True)
class Text:
    """A line of text at a place."""

    x: int
    y: int
    style: Style
    words: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """Lines of text, and the heights at which a rule is drawn, in a box of WIDTH x `height`."""

    title: str
    texts: tuple[Text, ...]
    rules: tuple[int, ...]
    height: int


def draw(title: str, notes: Sequence[str], entries: Sequence[Entry], foot: str) -> Drawing:
    """Draw the title, its notes, the entries with a line above each, and the footer."""
    texts: list[Text] = []
    rules: list[int] = []
    y = 8

    def put(style: Style, words: str) -> None:
        nonlocal y
        for line in wrap_text(words, _TITLE_CELLS if style is Style.TITLE else CELLS):
            y += _HEIGHTS[style]
            texts.append(Text(_LEFT, y, style, line))

    put(Style.TITLE, title)
    for note in notes:
        put(Style.NOTE, note)
    for entry in entries:
        y += _AFTER
        rules.append(y)
        put(Style.STRONG, entry.head)
        put(Style.NOTE, entry.about)
        put(Style.QUOTE, entry.words)
    y += _AFTER
    rules.append(y)
    put(Style.NOTE, foot)
    return Drawing(title, tuple(texts), tuple(rules), y + 16)


def wrap_text(text: str, cells: int) -> tuple[str, ...]:
    """Wrap a text into lines of `cells` letters, counting wide letters twice; at most MOST_LINES.

    Letters that cannot be drawn are replaced. The last line states how many lines were left out.
    """
    whole = _UNDRAWABLE.sub("\ufffd", text)
    lines = [line for part in whole.splitlines() for line in _lines(part, cells)]
    if len(lines) <= MOST_LINES:
        return tuple(lines) or ("",)
    kept = lines[: MOST_LINES - 1]
    left = len(lines) - len(kept)
    return (*kept, f"… {left} more lines are on the page")


def _lines(text: str, cells: int) -> Iterator[str]:
    rest = text.expandtabs(2).rstrip()
    while rest:
        end = _fitting(rest, cells)
        if end < len(rest):
            space = rest.rfind(" ", 1, end + 1)
            end = space if space > 0 else end
        yield rest[:end].rstrip()
        rest = rest[end:].lstrip()


def _fitting(text: str, cells: int) -> int:
    """Return how many letters of the beginning fit into this width."""
    used = 0
    for place, letter in enumerate(text):
        used += 2 if east_asian_width(letter) in "WF" else 1
        if used > cells:
            return place
    return len(text)
