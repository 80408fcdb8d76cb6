"""One party under two keys: the merge that would let them agree, and what it does to what they owe.

Here: the proposal behind a hold of a check that lets two ways of knowing a party agree, and the
merge itself, which changes mapping entries only. Not here: how spellings are matched (the maps of
the rules), and what is posted already: it stays with its party (reclassification.py lists it).
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from holding.access.actors import Actor
from holding.access.operations import once
from holding.db import bulk
from holding.db.models import Evaluation, Hold, MappingEntry, MappingTable, Record
from holding.db.models.decisions import HOLD_OPEN
from holding.db.refusal import Refusal, plural
from holding.db.together import KEPT
from holding.mappings import fixes, keepers
from holding.mappings.preview import active_program
from holding.parties import kept_apart
from holding.parties.kept_apart import Apart
from holding.parties.party_balances import Owed, owed, together
from holding.platform.changes import locked_company
from holding.platform.events import record_event
from holding.programs.replay import replay_each
from rules.outcomes.outcome import Outcome, Use
from rules.rulebook.coverage import Agreement, agreements

LOOKED_AT: Final = 50


@dataclass(frozen=True, slots=True)
class Key:
    """A key that the merge would give another party, as it counts from a day on."""

    table: str
    key: str
    since: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """A proposal: `gone` becomes `keep` wherever a key has it; `why` names how both are known.

    `rows` are what the books know of each, and of both together, as of a day. `apart`: somebody
    said, for good, that they are two.
    """

    hold_id: int
    number: str
    rule: str
    message: str
    keep: str
    gone: str
    why: tuple[Use, ...]
    keys: tuple[Key, ...]
    rows: tuple[Owed, Owed, Owed]
    apart: Apart | None = None


@dataclass(frozen=True, slots=True)
class Merged:
    """What was done."""

    keep: str
    gone: str
    keys: int
    revision: int
    woken: int
    first: int = 0  # the revision of its first key; `revision` is that of its last
    later: bool = False  # more records may be woken than were at once


def proposal(
    session: Session, company_id: int, hold_id: int, today: date, *, turned: bool = False
) -> Merge | None:
    """The merge that would clear an open hold, or the same `turned` round; None: no party is in it.

    The party that the first side of the check knows stays: rules name there what says the most.
    """
    found = _proposals(session, company_id, [hold_id], today, turned=turned)
    return found[0] if found else None


def _proposals(
    session: Session, company_id: int, hold_ids: Sequence[int], today: date, *, turned: bool = False
) -> list[Merge]:
    """Those of these holds, in their order, by as many statements as one takes."""
    judge = active_program(session, company_id)
    last = select(func.max(Evaluation.id)).where(Evaluation.record_id == Hold.record_id)
    query = (
        select(Hold, Record.type, last.scalar_subquery().label("last"))
        .join(Record, Record.id == Hold.record_id)
        .where(Hold.company_id + 0 == company_id)  # by their ids, not by all of the company
        .where(bulk.among(Hold.id, hold_ids), HOLD_OPEN)
    )
    rows = session.execute(query, execution_options=KEPT).all()
    kinds = {kind for _, kind, _ in rows}
    ways = {kind: agreements(judge.ruleset, kind) if judge else () for kind in kinds}
    of_hold = {
        hold.id: (hold, kind, way, evaluation)
        for hold, kind, evaluation in rows
        for way in ways[kind]
        if way.check.name == hold.rule and evaluation is not None
    }
    told = replay_each(session, {evaluation for *_, evaluation in of_hold.values()})
    pairs = {
        hold_id: pair[::-1] if turned else pair
        for hold_id, (_, _, way, evaluation) in of_hold.items()
        if (pair := _pair(told[evaluation], way)) is not None
    }
    values = sorted({one.value for pair in pairs.values() for one in pair})
    owes = dict(zip(values, owed(session, company_id, values, today), strict=True))
    keys, apart = _keys(session, company_id, values), kept_apart.all_of(session, company_id, values)
    return [
        _merge_of(*of_hold[hold_id][:2], pairs[hold_id], ways, owes, keys, apart)
        for hold_id in hold_ids
        if hold_id in pairs and all(_stands(use, keys) for use in pairs[hold_id])
    ]


def _stands(use: Use, keys: Mapping[str, Sequence[Key]]) -> bool:
    """Whether the party is still known so; else its record waits to be judged again."""
    return any((one.table, one.key) == (use.table, use.key) for one in keys.get(use.value, ()))


def _merge_of(
    hold: Hold,
    kind: str,
    pair: tuple[Use, Use],
    ways: Mapping[str, Sequence[Agreement]],
    owes: Mapping[str, Owed],
    keys: Mapping[str, Sequence[Key]],
    apart: Mapping[tuple[str, ...], Apart],
) -> Merge:
    first, second = pair
    tables = {name for one in ways[kind] for side in one.sides for name in side}
    kept, gone = owes[first.value], owes[second.value]
    return Merge(
        hold_id=hold.id,
        number=hold.number,
        rule=hold.rule,
        message=hold.message,
        keep=first.value,
        gone=second.value,
        why=pair,
        keys=tuple(one for one in keys.get(second.value, ()) if one.table in tables),
        rows=(kept, gone, together((kept, gone))),
        apart=apart.get(tuple(sorted((first.value, second.value)))),
    )


def party_checks(session: Session, company_id: int) -> frozenset[str]:
    """The names of the checks in force by which one party is found under two keys."""
    judge = active_program(session, company_id)
    if judge is None:
        return frozenset()
    found = (agreements(judge.ruleset, kind) for kind in judge.records)
    return frozenset(one.check.name for each in found for one in each)


def proposals(session: Session, company_id: int, today: date) -> tuple[Merge, ...]:
    """Those of the open holds that nobody refused, each pair once, the oldest hold first."""
    names = party_checks(session, company_id)
    named = select(Hold.id).where(Hold.company_id == company_id, HOLD_OPEN, Hold.rule.in_(names))
    ids = session.scalars(named.order_by(Hold.opened_at, Hold.id).limit(LOOKED_AT)).all()
    found: dict[frozenset[str], Merge] = {}
    for merge in _proposals(session, company_id, ids, today):
        if merge.apart is None:
            found.setdefault(frozenset((merge.keep, merge.gone)), merge)
    return tuple(found.values())


def accept(
    session: Session,
    actor: Actor,
    hold_id: int,
    reason: str,
    now: datetime,
    *,
    today: date,
    turned: bool = False,
    rev: int,
    op: str | None = None,
) -> Merged | Refusal:
    """Give every key of the one party to the other; nothing is asked of any target."""

    def act() -> Merged | Refusal:
        merge = _found(session, actor, hold_id, today, turned=turned)
        if isinstance(merge, Refusal):
            return merge
        if merge.apart is not None:
            return merge.apart.refusal
        return _merge(session, actor, merge, reason, now, rev)

    asked = ("parties.merge", hold_id, reason, turned, rev)
    return once(session, actor, op, asked=asked, now=now, act=act, read=_read)


def refuse(
    session: Session,
    actor: Actor,
    hold_id: int,
    reason: str,
    now: datetime,
    *,
    today: date,
    op: str | None = None,
) -> Apart | Refusal:
    """Say for good that the two parties behind a hold are not one: no hold proposes it again."""

    def act() -> Apart | Refusal:
        merge = _found(session, actor, hold_id, today)
        if isinstance(merge, Refusal):
            return merge
        pair = merge.keep, merge.gone
        return kept_apart.keep(session, actor, pair, merge.number, reason, now)

    asked = ("parties.refuse", hold_id, reason)
    return once(session, actor, op, asked=asked, now=now, act=act, read=kept_apart.read)


def _found(
    session: Session, actor: Actor, hold_id: int, today: date, *, turned: bool = False
) -> Merge | Refusal:
    """The proposal, once whoever answers it otherwise at this moment is done."""
    if refusal := keepers.refused(session, actor, ()):
        return refusal
    company_id = actor.company_id or 0
    locked_company(session, company_id)
    merge = proposal(session, company_id, hold_id, today, turned=turned)
    if merge is None:
        gone = "This proposal is over: the two parties agree, or it no longer holds the record."
        return Refusal("merge.over", gone, "Look at the list again.", 409)
    return merge


def _read(stored: Mapping[str, Any]) -> Merged:
    return Merged(**stored)


def _merge(
    session: Session, actor: Actor, merge: Merge, reason: str, now: datetime, rev: int
) -> Merged | Refusal:
    """All keys or none."""

    def give(one: Key) -> fixes.Fixed | Refusal:
        table, key, since = one.table, one.key, one.since
        return fixes.fix(session, actor, table, key, merge.keep, reason, now, rev, since=since)

    made = fixes.together(session, (partial(give, one) for one in merge.keys))
    if isinstance(made, Refusal):
        return made
    keys = plural(len(merge.keys), "key")
    record_event(
        session,
        company_id=actor.company_id or 0,
        at=now,
        actor=actor,
        act="party.merged",
        body={
            "say": f"{actor.name} merged {merge.gone} into {merge.keep}, by {keys}"
            f" ({reason.strip()}). Nothing in an accounting system was changed.",
            "keep": merge.keep,
            "gone": merge.gone,
            "keys": [f"{one.table}: {one.key}" for one in merge.keys],
        },
    )
    keep, gone, count = merge.keep, merge.gone, len(merge.keys)
    return Merged(keep, gone, count, made.revision, made.woken, made.first, made.later)


def _pair(outcome: Outcome, way: Agreement) -> tuple[Use, Use] | None:
    """How the record's party is known on each side of the check, where they differ."""
    told = {
        value
        for verdict in outcome.verdicts
        if verdict.rule == way.check.name
        for _, value in verdict.operands
    }
    sides = [
        [use for use in outcome.used if use.table in side and use.value in told]
        for side in way.sides
    ]
    return next(
        (
            (first, second)
            for first in sides[0]
            for second in sides[1]
            if first.value != second.value
        ),
        None,
    )


def _keys(
    session: Session, company_id: int, parties: Collection[str]
) -> Mapping[str, Sequence[Key]]:
    """Party -> the keys that have it."""
    rows = session.execute(
        select(MappingEntry.value, MappingTable.name, MappingEntry.key, MappingEntry.valid_from)
        .join(MappingTable, MappingTable.id == MappingEntry.table_id)
        .where(MappingTable.company_id == company_id, MappingEntry.to_revision.is_(None))
        .where(bulk.among(MappingEntry.value, parties))
        .order_by(MappingTable.name, MappingEntry.key, MappingEntry.valid_from)
    )
    found: defaultdict[str, list[Key]] = defaultdict(list)
    for party, table, key, since in rows:
        found[party or ""].append(Key(table, key, since))
    return found
