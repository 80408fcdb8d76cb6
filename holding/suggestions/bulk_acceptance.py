"""Exact matches accepted together: what that would do, and doing it as one change.

Here: the matches as edits, and saving them all or none. Not here: which values match
(exact_matches.py), what edits do (holding/mappings/many_changes.py), one entry and who may change
it (holding/mappings/fixes.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any, Final

from sqlalchemy.orm import Session

from holding.access.actors import Actor
from holding.access.operations import once
from holding.db.models.rules import ALWAYS
from holding.db.refusal import Refusal, plural
from holding.mappings import fixes, keepers
from holding.mappings.entries import Parsed
from holding.mappings.many_changes import NOTHING, Edit, Effect, KnownMaps, effect
from holding.platform.changes import locked_company
from holding.platform.events import record_event
from holding.suggestions.exact_matches import LeftOut, Match, Matches, exact_matches

TOLD: Final = 5


@dataclass(frozen=True, slots=True)
class Seen:
    """A match as it was shown: its value, and how many records waited for it."""

    cause_id: int
    key: str
    value: str
    records: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """What was done: so many keys by the revisions `first` to `revision`, so many records woken;
    `later`: more may be.
    """

    keys: int
    woken: int
    first: int
    revision: int
    later: bool = False


def bulk_preview(
    session: Session,
    company_id: int,
    matches: Sequence[Match],
    now: datetime,
    since: date = ALWAYS,
    *,
    maps: KnownMaps | None = None,
) -> Effect:
    """Judge again, in memory, what waits for these keys as if all entries were there."""
    edits = [Edit(one.row.table, one.row.key, Parsed(one.value), since) for one in matches]
    return effect(session, company_id, edits, now, maps=maps) if edits else NOTHING


def accept(
    session: Session,
    actor: Actor,
    seen: Sequence[Seen],
    ready: int,
    reason: str,
    now: datetime,
    *,
    rev: int,
    since: date = ALWAYS,
    op: str | None = None,
) -> Accepted | Refusal:
    """Save all of them or none. Refused with each difference where anything is otherwise than it
    was shown: a value, how many records wait for it, or how many become `ready`.
    """

    def act() -> Accepted | Refusal:
        company_id = actor.company_id or 0
        locked_company(session, company_id)
        found = exact_matches(session, company_id)
        by_cause = {one.row.cause_id: one for one in found.exact}
        picked = [by_cause[one.cause_id] for one in seen if one.cause_id in by_cause]
        if refusal := keepers.refused(session, actor, [one.row.table for one in picked]):
            return refusal
        if not seen:
            return Refusal("mapping.none", "No mapping is selected.", "Select one.", 422)
        if not reason.strip():
            return Refusal("reason.missing", "A fix needs a reason.", status=422)
        told = list(_differences(seen, found))
        if not told:
            now_ready = bulk_preview(session, company_id, picked, now, since).ready
            if now_ready != ready:
                told = [f"{plural(now_ready, 'record')} would become ready, not {ready}"]
        return _moved(told) if told else _save(session, actor, picked, reason, now, rev, since)

    asked = ("mapping.accept", [[o.cause_id, o.value] for o in seen], ready, reason, str(since))
    return once(session, actor, op, asked=asked, now=now, act=act, read=_read)


def _read(stored: Mapping[str, Any]) -> Accepted:
    return Accepted(**stored)


def _differences(seen: Sequence[Seen], found: Matches) -> Iterator[str]:
    """What is otherwise than it was shown."""
    exact = {one.row.cause_id: one for one in found.exact}
    left: dict[int, LeftOut] = {one.row.cause_id: one for one in found.left}
    for one in seen:
        match = exact.get(one.cause_id)
        if match is None and one.cause_id in left:
            yield f"{one.key} does not match exactly any more ({left[one.cause_id].why})"
        elif match is None:
            yield f"{one.key} has a value now, or nothing waits for it"
        elif match.value != one.value:
            yield f"{one.key} matches {match.value} now, not {one.value}"
        elif match.row.records != one.records:
            waits = plural(match.row.records, "record waits", "records wait")
            yield f"{waits} for {one.key} now, not {one.records}"


def _moved(told: Sequence[str]) -> Refusal:
    more = f"; and {len(told) - TOLD} more" if len(told) > TOLD else ""
    return Refusal(
        "mapping.moved",
        "You cannot accept these mappings, because something changed since they were shown: "
        f"{'; '.join(told[:TOLD])}{more}.",
        "Nothing was saved. Look at the preview again, then accept.",
        409,
    )


def _save(
    session: Session,
    actor: Actor,
    picked: Sequence[Match],
    reason: str,
    now: datetime,
    rev: int,
    since: date,
) -> Accepted | Refusal:
    matches = plural(len(picked), "exact match", "exact matches")

    def make(one: Match) -> fixes.Fixed | Refusal:
        table, key = one.row.table, one.row.key
        why = f"{reason.strip()} ({', '.join(one.reasons)})"
        return fixes.fix(session, actor, table, key, one.value, why, now, rev, since=since)

    made = fixes.together(session, (partial(make, one) for one in picked))
    if isinstance(made, Refusal):
        return made
    record_event(
        session,
        company_id=actor.company_id or 0,
        at=now,
        actor=actor,
        act="mapping.accepted",
        body={
            "say": f"{actor.name} accepted {matches} together ({reason.strip()}).",
            "keys": [f"{one.row.table}: {one.row.key} = {one.value}" for one in picked],
            "first": made.first,
            "revision": made.revision,
        },
    )
    return Accepted(len(picked), made.woken, made.first, made.revision, made.later)
