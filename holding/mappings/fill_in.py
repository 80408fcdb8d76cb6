"""Save the values of many missing mapping keys in one transaction.

The module is short because each value is saved by fixes.py, which is long already.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from sqlalchemy.orm import Session

from holding.access.actors import Actor
from holding.access.operations import once
from holding.db.refusal import Refusal
from holding.mappings import fixes
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
    """The entered values, their common reason, and the revision that the user saw."""

    values: Sequence[EnteredValue]
    reason: str
    revision: int


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
        fixed = fixes.fix(session, actor, table, key, value, form.reason, now, form.revision)
        if isinstance(fixed, Refusal):
            rejected_causes.append(entered.cause_id)
        return fixed

    def act() -> fixes.Together | Refusal:
        lock_company(session, actor.company_id or 0)
        if not form.values:
            return NOTHING_ENTERED
        return fixes.apply_together(session, (partial(fix, entered) for entered in form.values))

    entries = [[entered.table, entered.key, entered.value] for entered in form.values]
    request = ("mapping.fill_in", entries, form.reason)
    saved = once(session, actor, op, asked=request, now=now, act=act, read=_read_answer)
    if isinstance(saved, Refusal) and rejected_causes:
        return Rejected(rejected_causes[0], saved)
    return saved


def _read_answer(stored: Mapping[str, Any]) -> fixes.Together:
    return fixes.Together(**stored)
