"""One missing value with its form: what the source said of it, and what it could be mapped to.

Here: what the panel is told. Not here: the search itself (holding/mappings/choices.py), the page
around it and what is saved (mappings.py).
"""

from dataclasses import dataclass, field

from flask import g

from holding.mappings import choices, entries, fixes, party_merge, waiting_record
from holding.mappings import preview as mappings_preview
from portal.web import filters, store


@dataclass(slots=True)
class Opened:
    """The missing value that the page shows, with what is in its form and what was found for it.

    `more`: so many fit that some are left out. `known` is of the value that is chosen or typed.
    """

    row: fixes.Missing
    suggestions: tuple[entries.Suggestion, ...]
    purpose: choices.Purpose
    waiting: waiting_record.Waiting | None = None
    preview: mappings_preview.Preview | None = None
    found: tuple[choices.Choice, ...] = ()
    known: choices.Known | None = None
    more: bool = False
    text: str = ""
    chosen: str = ""
    typed: str = ""
    since: str = ""
    reason: str = ""
    reasons: dict[str, str] = field(default_factory=dict)


def opened(cause_id: int | None) -> Opened | None:
    """The form of one missing value as it is before anything is typed; None: it is solved."""
    session = store.reading()
    row = next((r for r in fixes.missing(session, g.company.id) if r.cause_id == cause_id), None)
    if row is None:
        return None
    sees = filters.sees_personal()
    return Opened(
        row=row,
        suggestions=_suggested(row),
        purpose=choices.purpose(session, g.company.id, row.table),
        waiting=waiting_record.waiting_record(
            session, g.company.id, row.cause_id, row.key, personal=sees
        ),
    )


def look(shown: Opened, text: str) -> None:
    """Find what fits a text, without what is suggested anyhow; blank shows the first of all."""
    session, row = store.reading(), shown.row
    shown.text = text.strip()[: choices.LONGEST]
    suggested = {one.value for one in shown.suggestions} if not shown.text else set()
    found = choices.search(session, g.company.id, row.table, text, shown.purpose.lists)
    rest = [one for one in found if one.value not in suggested]
    shown.found, shown.more = tuple(rest[: choices.SHOWN]), len(found) > choices.SHOWN
    shown.reasons = {one.value: one.reason for one in shown.suggestions}


def judge(shown: Opened, value: str) -> None:
    """Say what is known of the value that is chosen or typed."""
    session, row = store.reading(), shown.row
    shown.chosen = value
    shown.known = choices.known(session, g.company.id, row.table, row.key, value, shown.purpose)


def _suggested(row: fixes.Missing) -> tuple[entries.Suggestion, ...]:
    """Values in use: how the party is known otherwise first, then keys that look alike."""
    session = store.reading()
    known = party_merge.known_as(session, g.company.id, row.table, row.cause_id)
    values = {one.value for one in known}
    alike = entries.suggestions(session, g.company.id, row.table, row.key)
    return (*known, *(one for one in alike if one.value not in values))
