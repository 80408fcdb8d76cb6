"""Save the values of many missing mapping keys in one transaction.

The module is short because each value is saved by fixes.py, which is long already.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any, Final

from sqlalchemy.orm import Session

from holding.access.actors import Actor
from holding.access.operations import once
from holding.db.models.rules import ALWAYS
from holding.db.refusal import Refusal
from holding.mappings import choices, fixes, preview
from holding.mappings.choices import Lists, Purpose
from holding.mappings.entries import read_value, refuse_circle, refuse_wrong_kind
from holding.mappings.exact_matches import same_word
from holding.platform.changes import lock_company

NOTHING_ENTERED: Final = Refusal(
    "mapping.none", "No value was entered.", "Enter a value for at least one of them.", 422
)


@dataclass(frozen=True, slots=True)
class EnteredValue:
    """A value that a user entered for a missing key."""

    cause_id: int
    table: str
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class FilledForm:
    """The entered values, their common reason and first day, and the revision the user saw."""

    values: Sequence[EnteredValue]
    reason: str
    revision: int
    since: date = ALWAYS


@dataclass(frozen=True, slots=True)
class Rejected:
    """The entered value that prevented all values from being saved, and why."""

    cause_id: int
    refusal: Refusal


def save_values(
    session: Session, actor: Actor, form: FilledForm, now: datetime, *, op: str | None = None
) -> fixes.Together | Rejected | Refusal:
    """Save all entered mappings in one transaction, or none if one is rejected."""
    rejected_causes: list[int] = []

    def fix(entered: EnteredValue) -> fixes.Fixed | Refusal:
        table, key, value = entered.table, entered.key, entered.value
        why, since = form.reason, form.since
        fixed = fixes.fix(session, actor, table, key, value, why, now, form.revision, since=since)
        if isinstance(fixed, Refusal):
            rejected_causes.append(entered.cause_id)
        return fixed

    def act() -> fixes.Together | Refusal:
        lock_company(session, actor.company_id or 0)
        if not form.values:
            return NOTHING_ENTERED
        return fixes.apply_together(session, (partial(fix, entered) for entered in form.values))

    entries = [[entered.table, entered.key, entered.value] for entered in form.values]
    request = ("mapping.fill_in", entries, form.reason, str(form.since))
    saved = once(session, actor, op, asked=request, now=now, act=act, read=_read_answer)
    if isinstance(saved, Refusal) and rejected_causes:
        return Rejected(rejected_causes[0], saved)
    return saved


def preview_values(
    session: Session,
    company_id: int,
    values: Sequence[EnteredValue],
    since: date,
    now: datetime,
) -> preview.Effect | Rejected:
    """Return what saving these values would do, or the first value that cannot be saved."""
    tables = preview.load_maps(session, company_id)
    judge = preview.active_program(session, company_id)
    edits = []
    for entered in values:
        table = tables.get(entered.table)
        if table is None:  # the rules changed meanwhile; saving refuses it
            continue
        parsed = read_value(table.kind, entered.value)
        if isinstance(parsed, Refusal):
            return Rejected(entered.cause_id, parsed)
        refusal = refuse_wrong_kind(judge.ruleset if judge else None, table, parsed)
        refusal = refusal or refuse_circle(session, table, entered.key, parsed)
        if refusal:
            return Rejected(entered.cause_id, refusal)
        edits.append(preview.Edit(entered.table, entered.key, parsed, since))
    maps = preview.KnownMaps(tables)
    return preview.preview_edits(session, company_id, edits, now, maps=maps)


def unlisted_values(
    session: Session, company_id: int, values: Sequence[EnteredValue]
) -> dict[int, Refusal]:
    """Return by cause why an accounting system would not know an entered value.

    A name typed in place of its code is answered with the code.
    """
    judge, lists = preview.active_program(session, company_id), Lists(session, company_id)
    ruleset = judge.ruleset if judge else None
    purposes = {table: lists.purpose(ruleset, table) for table in {one.table for one in values}}
    unlisted: dict[int, Refusal] = {}
    for entered in values:
        table, value, purpose = entered.table, entered.value, purposes[entered.table]
        known = choices.check_value(session, company_id, table, entered.key, value, purpose)
        targets = dict.fromkeys([*known.unlisted, *(file.target for file in known.off_file)])
        if not targets:
            continue
        message = f"{', '.join(targets)} does not list “{value}”."
        near = _codes_of_name(session, company_id, entered, purpose) or known.nearest
        hint = f"Did you mean {', '.join(near)}?" if near else ""
        unlisted[entered.cause_id] = Refusal("mapping.unlisted", message, hint, 422)
    return unlisted


def _codes_of_name(
    session: Session, company_id: int, entered: EnteredValue, purpose: Purpose
) -> list[str]:
    """Return the listed codes whose name is the entered text."""
    table, value = entered.table, entered.value
    offered = choices.search_choices(session, company_id, table, value, purpose)
    return [choice.value for choice in offered if same_word(choice.name, value)]


def _read_answer(stored: Mapping[str, Any]) -> fixes.Together:
    return fixes.Together(**stored)
