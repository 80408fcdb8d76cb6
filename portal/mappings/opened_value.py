"""One missing value with its form: what the source said of it, and what it could be mapped to.

Here: what the panel is told. Not here: the search itself (holding/suggestions/choices.py), the page
around it and what is saved (mapping_pages.py).
"""

from dataclasses import dataclass, replace

from flask import g

from holding.access.personal_data import MASK
from holding.mappings import entries, fixes
from holding.mappings import preview as mappings_preview
from holding.parties import party_merge
from holding.suggestions import choices, waiting_record
from portal.web import filters, store


@dataclass(frozen=True, slots=True)
class Pick:
    """The values to choose from: those that are suggested where nothing is typed, and what fits.

    `more`: so many fit that some are left out. `complete` are targets that told all their codes.
    """

    text: str
    suggestions: tuple[entries.Suggestion, ...]
    found: tuple[choices.Choice, ...]
    more: bool
    complete: tuple[str, ...]


@dataclass(slots=True)
class Opened:
    """The missing value that the page shows, with what is in its form.

    `known` is of the value that is chosen or typed.
    """

    row: fixes.Missing
    purpose: choices.Purpose
    waiting: waiting_record.Waiting | None
    pick: Pick
    preview: mappings_preview.Preview | None = None
    known: choices.Known | None = None
    chosen: str = ""
    typed: str = ""
    since: str = ""
    reason: str = ""


def opened(cause_id: int | None, text: str = "") -> Opened | None:
    """The form of one missing value, and what fits the text in it; None: it is solved."""
    session = store.reading()
    found = fixes.missing(session, g.company.id, cause_id=cause_id) if cause_id else ()
    if not found:
        return None
    (row,) = found
    told = choices.purpose(session, g.company.id, row.table)
    waiting = waiting_record.waiting_record(
        session, g.company.id, row.cause_id, row.key, personal=filters.sees_personal()
    )
    suggestions = () if text.strip() else _suggested(row)
    return Opened(row, told, waiting, _pick(row.table, text, suggestions, told))


def found_by(cause_id: int | None, text: str) -> Pick | None:
    """What fits some letters, for a missing value; None: it is solved."""
    table = fixes.table_of_missing(store.reading(), g.company.id, cause_id)
    if table is None:
        return None
    return _pick(table, text, (), choices.purpose(store.reading(), g.company.id, table))


def judge(shown: Opened, value: str) -> None:
    """Say what is known of the value that is chosen or typed."""
    session, row = store.reading(), shown.row
    shown.chosen = value
    shown.known = choices.known(session, g.company.id, row.table, row.key, value, shown.purpose)


def _pick(
    table: str, text: str, suggestions: tuple[entries.Suggestion, ...], told: choices.Purpose
) -> Pick:
    """What fits, without what is suggested anyhow; blank text finds the first of all."""
    found = choices.search(store.reading(), g.company.id, table, text, told)
    suggested = {one.value for one in suggestions}
    rest = [one for one in found[: choices.SHOWN] if one.value not in suggested]
    if told.of_parties and not filters.sees_personal():
        rest = [replace(one, name=MASK) if one.name else one for one in rest]
    text = text.strip()[: choices.LONGEST]
    told_all = [one.target for one in told.lists if one.complete]
    complete = tuple(dict.fromkeys([*told_all, *(one.target for one in told.files)]))
    return Pick(text, suggestions, tuple(rest), len(found) > choices.SHOWN, complete)


def _suggested(row: fixes.Missing) -> tuple[entries.Suggestion, ...]:
    """Values in use: how the party is known otherwise first, then keys that look alike."""
    session = store.reading()
    known = party_merge.known_as(session, g.company.id, row.table, row.cause_id)
    values = {one.value for one in known}
    alike = entries.suggestions(session, g.company.id, row.table, row.key)
    return (*known, *(one for one in alike if one.value not in values))
