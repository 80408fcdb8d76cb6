"""The facts of the language: what a rule may ask besides the record.

Here: TOLD, how each is read from a run. Not here: how facts are gathered (the caller does), the
facts that only a decision table has (tables.py).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from rules.gaps import fact_gap
from rules.lives import age, live
from rules.run import Run
from rules.unknown import Unknown


def _today(run: Run, _: str) -> date:
    run.clock.add("today")
    return run.today


def _now(run: Run, _: str) -> datetime:
    run.clock.add("now")
    return run.now


def _last_editor(run: Run, owner: str) -> Any:
    editor = run.facts.last_editor
    return editor if editor is not None else Unknown(fact_gap("last_editor", owner))


def _e_invoice_age(run: Run, owner: str) -> Any:
    posting = next(reversed(live(run.facts.postings, run.route.name)), None)
    return age(run, posting, owner)


TOLD: dict[str, Callable[[Run, str], Any]] = {
    "period": lambda run, _: run.route.period,
    "today": _today,
    "now": _now,
    "first_seen": lambda run, _: run.facts.first_seen,
    "last_editor": _last_editor,
    "e_invoice_age": _e_invoice_age,
    "target_edited": lambda run, _: any(
        e.route == run.route.name and e.field not in run.route.theirs
        for e in run.facts.target_edited
    ),
}
"""Each fact with its reader; the text is the team that owns what nobody could tell."""
