"""Run shadows in a worker: evaluate records again by the rules of a change.

Writes shadow verdicts only. An evaluation that commits late can have a smaller id than ones already
read, so each turn looks back and skips those already evaluated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from connectors.transport.http import Clock
from holding.db.database import Database
from holding.db.models import Change, Connection, Evaluation, Record, Shadow, ShadowVerdict, Version
from holding.db.models.columns import ShadowEnd
from holding.programs.replay import judged_again
from holding.rulesets.publication import OPEN_STATES
from holding.trials import shadows
from holding.trials.shadows import Candidate, Stored
from rules.comparison.two_sides import route_differences, route_sides
from rules.facts import Facts
from rules.outcome_hash import hash_outcome
from rules.values.canonical import dumps

A_TURN: Final = 50  # evaluations: judging orders comes first
A_TURN_SECONDS: Final = 1.0
LOOKS_BACK: Final = 2_000  # ids: more evaluations than are ever on their way at once


@dataclass(frozen=True, slots=True)
class Judged:
    """One evaluation under the shadow; the sides are blank where it could not be judged."""

    evaluation_id: int
    record_id: int
    differs: bool
    was: Any
    would: Any
    hash: str


def due_companies(session: Session, now: datetime) -> Sequence[int]:
    """Return the ids of companies whose shadow has records to evaluate, or is over."""
    rows = session.scalars(select(Shadow).where(Shadow.ended_at.is_(None))).all()
    last = _last(session) if rows else 0
    return [
        row.company_id
        for row in rows
        if _over(session, row, now) or last - row.seen_id > LOOKS_BACK or _next(session, row, 1)
    ]


def take_turn(database: Database, clock: Clock, company_id: int) -> int:
    """Judge some evaluations of a company for its shadow; how many, 0 when there is none left."""
    with database.read(many=True) as session:
        shadow = shadows.running(session, company_id)
        if shadow is None:
            return 0
        why = _over(session, shadow, clock.now())
        candidate = None if why else _candidate(session, shadow)
        late = candidate is not None and _is_behind(session, candidate, shadow)
        judged = _each(session, candidate, shadow, clock) if candidate and not late else []
        last_id = 0 if judged or not candidate else _last(session)
    with database.write() as session:
        if late and candidate:
            shadows.go_on(session, company_id, candidate.program)
            return 1
        return _store(session, company_id, shadow.id, judged, why, clock.now(), last_id)


def _last(session: Session) -> int:
    """Return the newest evaluation id of any company.

    A shadow that has read up to this id skips old rows, however many evaluations other companies
    add.
    """
    return session.scalar(select(func.max(Evaluation.id))) or 0


def _over(session: Session, shadow: Shadow, now: datetime) -> ShadowEnd | None:
    if shadow.until <= now:
        return ShadowEnd.TIME
    if shadow.judged + shadow.unread >= shadows.MOST_VERDICTS:
        return ShadowEnd.LIMIT
    change = session.get_one(Change, shadow.change_id)
    return None if change.state in OPEN_STATES else ShadowEnd.CLOSED


def _next(session: Session, shadow: Shadow, most: int) -> list[Stored]:
    """Return the first evaluations since the shadow began that it has not evaluated yet."""
    is_judged = exists().where(
        ShadowVerdict.shadow_id == shadow.id, ShadowVerdict.evaluation_id == Evaluation.id
    )
    first = max(shadow.since_id, shadow.seen_id - LOOKS_BACK)
    rows = session.execute(
        select(Evaluation, Version, Record, Connection)
        .join(Version, Version.id == Evaluation.version_id)
        .join(Record, Record.id == Evaluation.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .where(Evaluation.id > first, Record.company_id == shadow.company_id, ~is_judged)
        .order_by(Evaluation.id)
        .limit(most)
    )
    return [
        Stored(
            evaluation=row.Evaluation,
            version=row.Version,
            record=row.Record,
            source=row.Connection,
        )
        for row in rows
    ]


def _is_behind(session: Session, candidate: Candidate, shadow: Shadow) -> bool:
    """Check whether the shadow's rules need lookup keys that are not yet complete."""
    some = (stored for stored in _next(session, shadow, A_TURN) if stored.replayable)
    needs_lookups = any(
        shadows.asking(session, candidate.program, stored) is not None for stored in some
    )
    return needs_lookups and shadows.is_behind(session, shadow.company_id, candidate.program)


def _each(session: Session, candidate: Candidate, shadow: Shadow, clock: Clock) -> list[Judged]:
    """Evaluate the next records until the turn's time is over, at least one.

    So slow rules do not block other work.
    """
    until, judged = clock.monotonic() + A_TURN_SECONDS, []
    for stored in _next(session, shadow, A_TURN):
        judged.append(_judged(session, candidate, stored))
        if clock.monotonic() >= until:
            break
    return judged


def _found(session: Session, candidate: Candidate, stored: Stored) -> Facts | None:
    """Return the facts of an evaluation, completed with the lookups of the new rules.

    None if a lookup would match too many records.
    """
    lookup = shadows.asking(session, candidate.program, stored)
    if lookup is None:
        return shadows.facts_kept(stored)
    facts_by_evaluation = shadows.facts_of(
        session, stored.record.company_id, candidate.program, [lookup]
    )
    return facts_by_evaluation.get(stored.evaluation.id)


def _candidate(session: Session, shadow: Shadow) -> Candidate | None:
    change = session.get_one(Change, shadow.change_id)
    return shadows.of_change(session, shadow.company_id, change.no)


def _judged(session: Session, candidate: Candidate, stored: Stored) -> Judged:
    """Evaluate a record with the new rules.

    Any error is contained: the record then counts as not evaluated.
    """
    evaluation, record = stored.evaluation, stored.record
    blank = Judged(evaluation.id, record.id, differs=False, was={}, would={}, hash="")
    if not stored.replayable:
        return blank
    try:
        completed_facts = _found(session, candidate, stored)
        if completed_facts is None:
            return blank
        would = shadows.judged_with(session, candidate, stored, completed_facts).outcome
        was = judged_again(
            session, evaluation, version=stored.version, record=record, source=stored.source
        )
    except Exception:  # noqa: BLE001 - rules on trial may fail on a record; nothing else may
        return blank
    pair = ({route: side.to_json() for route, side in route_sides(o).items()} for o in (was, would))
    before, after = pair
    facts = dumps(evaluation.facts)
    return Judged(
        evaluation.id,
        record.id,
        differs=bool(route_differences(was, would)),
        was=before,
        would=after,
        hash=hash_outcome(would, facts),
    )


def _store(
    session: Session,
    company_id: int,
    shadow_id: int,
    judged: Sequence[Judged],
    why: ShadowEnd | None,
    now: datetime,
    last_id: int,
) -> int:
    """Store the verdicts, unless the shadow has ended meanwhile or another worker was faster."""
    shadow = session.scalar(
        select(Shadow)
        .where(Shadow.id == shadow_id, Shadow.company_id == company_id)
        .with_for_update()
    )
    if shadow is None or shadow.ended_at is not None:
        return 0
    if why is not None:
        shadows.end(session, shadow, why, now)
        return 0
    stored_ids = set(
        session.scalars(
            select(ShadowVerdict.evaluation_id).where(
                ShadowVerdict.shadow_id == shadow.id,
                ShadowVerdict.evaluation_id.in_([verdict.evaluation_id for verdict in judged]),
            )
        )
    )
    fresh = [verdict for verdict in judged if verdict.evaluation_id not in stored_ids]
    session.add_all(
        ShadowVerdict(
            shadow_id=shadow.id,
            evaluation_id=verdict.evaluation_id,
            record_id=verdict.record_id,
            at=now,
            differs=verdict.differs,
            was=verdict.was,
            would=verdict.would,
            hash=verdict.hash,
        )
        for verdict in fresh
    )
    shadow.judged += sum(bool(verdict.hash) for verdict in fresh)
    shadow.unread += sum(not verdict.hash for verdict in fresh)
    shadow.differ += sum(verdict.differs for verdict in fresh)
    shadow.seen_id = max([shadow.seen_id, last_id, *(verdict.evaluation_id for verdict in fresh)])
    session.flush()
    return len(fresh)
