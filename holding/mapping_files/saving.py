"""Saving what a workbook of mappings asks for, as it was shown: all of it or nothing.

Here: the confirmed changes, in one transaction. Not here: which changes there are
(workbook_changes.py), who may change an entry and what follows from that (holding/mappings).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from sqlalchemy.orm import Session

from holding.access.actors import Actor
from holding.access.operations import once
from holding.db.refusal import Refusal, plural
from holding.mapping_files.workbook_changes import AT_ONCE, Change, differences, edits
from holding.mappings import fixes, keepers
from holding.mappings.many_changes import Effect, effect
from holding.mappings.mapping_lists import tables
from holding.platform.changes import locked_company
from holding.platform.events import record_event

TOLD: Final = 5


@dataclass(frozen=True, slots=True)
class Saved:
    """What was done: so many keys by the revisions `first` to `revision`, so many records woken;
    `later`: more may be.
    """

    keys: int
    woken: int
    first: int
    revision: int
    later: bool = False


def effect_of(
    session: Session, company_id: int, changes: Sequence[Change], now: datetime
) -> Effect:
    """What saving these would do to records; nothing is written."""
    kinds = {one.name: one.kind for one in tables(session, company_id)}
    return effect(session, company_id, list(edits(kinds, changes)), now)


def save(
    session: Session,
    actor: Actor,
    seen: Sequence[Change],
    ready: int,
    reason: str,
    now: datetime,
    *,
    rev: int,
    op: str | None = None,
) -> Saved | Refusal:
    """Save all of them or none, each as a form would. Refused with each difference where a key has
    another value than was shown, or other records would become `ready`.
    """

    def act() -> Saved | Refusal:
        company_id = actor.company_id or 0
        locked_company(session, company_id)
        if refusal := keepers.refused(session, actor, [one.table for one in seen]):
            return refusal
        if not seen:
            return Refusal("mapping.none", "The file changes nothing.", "Change a value.", 422)
        if len(seen) > AT_ONCE:
            words = f"At most {AT_ONCE:,} changes are saved together."
            return Refusal("mapping.many", words, "Upload the file again.", 422)
        if not reason.strip():
            return Refusal("reason.missing", "A fix needs a reason.", status=422)
        told = list(differences(session, company_id, seen, rev))
        if not told:
            ready_now = effect_of(session, company_id, seen, now).ready
            if ready_now != ready:
                told = [f"{plural(ready_now, 'record')} would become ready, not {ready}"]
        return _moved(told) if told else _save(session, actor, seen, reason, now, rev)

    asked = [[one.table, one.key, str(one.since), one.before, one.value] for one in seen]
    request = ("mapping.upload", asked, ready, reason)
    return once(session, actor, op, asked=request, now=now, act=act, read=_read)


def _read(stored: Mapping[str, Any]) -> Saved:
    return Saved(**stored)


def _moved(told: Sequence[str]) -> Refusal:
    more = f"; and {len(told) - TOLD} more" if len(told) > TOLD else ""
    return Refusal(
        "mapping.moved",
        "You cannot save this workbook, because something changed since it was shown: "
        f"{'; '.join(told[:TOLD])}{more}.",
        "Nothing was saved. Upload the file again: what somebody else changed is shown there.",
        409,
    )


def _save(
    session: Session,
    actor: Actor,
    seen: Sequence[Change],
    reason: str,
    now: datetime,
    rev: int,
) -> Saved | Refusal:
    why = reason.strip()

    def make(one: Change) -> fixes.Fixed | Refusal:
        table, key, since = one.table, one.key, one.since
        if one.value:
            return fixes.fix(session, actor, table, key, one.value, why, now, rev, since=since)
        return fixes.remove(session, actor, table, key, why, now, rev, since=since)

    made = fixes.together(session, (partial(make, one) for one in seen))
    if isinstance(made, Refusal):
        return made
    changes = plural(len(seen), "mapping")
    record_event(
        session,
        company_id=actor.company_id or 0,
        at=now,
        actor=actor,
        act="mapping.uploaded",
        body={
            "say": f"{actor.name} saved {changes} from a workbook ({why}).",
            "keys": [f"{one.table}: {one.key} = {one.value or 'removed'}" for one in seen],
            "first": made.first,
            "revision": made.revision,
        },
    )
    return Saved(len(seen), made.woken, made.first, made.revision, made.later)
