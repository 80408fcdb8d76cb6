"""One missing value with its form: what the source said of it, and what it could be mapped to.

Here: what the panel is told, and what a saved value did. Not here: the search itself
(holding/mappings/choices.py), the page around it and what is saved (mapping_pages.py).
"""

from dataclasses import dataclass, replace

from flask import g

from holding.access.actors import MASK
from holding.db.refusal import plural
from holding.db.together import Together
from holding.mappings import choices, fixes, mapping_lists
from holding.mappings import choices as waiting_record
from holding.mappings import party_merge as known_otherwise
from holding.mappings import preview as mappings_preview
from holding.mappings.preview import active_program
from portal.mappings.personal_entries import hidden
from portal.web import filters, store
from rules.phrases import capital
from rules.values.wording import term


@dataclass(frozen=True, slots=True)
class Pick:
    """The values to choose from: those that are suggested where nothing is typed, and what fits.

    `more`: so many fit that some are left out. `complete` are targets that told all their codes.
    """

    text: str
    suggestions: tuple[mapping_lists.Suggestion, ...]
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
    if not cause_id:
        return None
    session, company_id = store.reading(), g.company.id
    asked = Together(session)
    causes = asked.ask(fixes.asked_causes(company_id, cause_id=cause_id))
    lists_of = choices.asked_lists(asked, company_id)
    if not causes.value:
        return None
    table, key = causes.value[0].key.table or "", causes.value[0].key.entry
    rows = asked.ask(fixes.asked_missing(session, company_id, causes.value))
    lists = lists_of()
    personal = filters.sees_personal()
    waiting = asked.ask(waiting_record.waiting_record(company_id, cause_id, key, personal=personal))
    alike = asked.ask(mapping_lists.asked_suggestions(company_id, table, key))
    (row,) = rows.value
    judge = active_program(session, company_id)
    told = lists.purpose(judge.ruleset if judge else None, table)
    suggestions = () if text.strip() else _suggested(row, alike.value)
    return Opened(row, told, waiting.value, _pick(table, text, suggestions, told))


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
    table: str, text: str, suggestions: tuple[mapping_lists.Suggestion, ...], told: choices.Purpose
) -> Pick:
    """What fits, without what is suggested anyhow; blank text finds the first of all. Nothing of a
    table that they may not read.
    """
    if table in hidden():
        return Pick(text.strip()[: choices.LONGEST_SEARCH], (), (), more=False, complete=())
    found = choices.search(store.reading(), g.company.id, table, text, told)
    suggested = {one.value for one in suggestions}
    rest = [one for one in found[: choices.SHOWN_CHOICES] if one.value not in suggested]
    if told.of_parties and not filters.sees_personal():
        rest = [replace(one, name=MASK) if one.name else one for one in rest]
    text = text.strip()[: choices.LONGEST_SEARCH]
    told_all = [one.target for one in told.lists if one.complete]
    complete = tuple(dict.fromkeys([*told_all, *(one.target for one in told.files)]))
    return Pick(text, suggestions, tuple(rest), len(found) > choices.SHOWN_CHOICES, complete)


def _suggested(
    row: fixes.Missing, alike: tuple[mapping_lists.Suggestion, ...]
) -> tuple[mapping_lists.Suggestion, ...]:
    """Values in use: how the party is known otherwise first, then keys that look alike."""
    session = store.reading()
    known = known_otherwise.known_as(session, g.company.id, row.table, row.cause_id)
    values = {one.value for one in known}
    return (*known, *(one for one in alike if one.value not in values))


def said(done: fixes.Fixed) -> str:
    """What a saved value did, in one sentence."""
    was = f", before {done.before}" if done.before else ""
    since = f" from {done.since}" if done.since else ""
    became = f"is now {done.value}" if done.value else "was removed"
    woken = plural(done.woken, "record is", "records are")
    table = capital(term(done.table))
    if done.later:
        return (
            f"{table}: “{done.key}” {became}{since}{was}. {woken} checked again, more may follow."
        )
    return f"{table}: “{done.key}” {became}{since}{was}. {woken} checked again."
