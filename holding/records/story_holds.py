"""Load a record's holds with their owner, the person who closed them, and the clearing change."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session, aliased

from holding.access.people import names_of
from holding.db.kept_plans import KEPT
from holding.db.models import (
    Cause,
    Evaluation,
    Event,
    Hold,
    MappingEntry,
    MappingTable,
    Revision,
    RulesetVersion,
    Team,
)
from holding.db.models.columns import HoldState
from holding.mappings.entries import OWN_KINDS
from holding.programs.world import UnreadableRulesError, program
from rules.values.cause_keys import CauseKind

_NAMED: Final = re.compile(r" (?:read|changed) \d{4}-\d{2}-\d{2} ")
"""In a hold's closing reason: the list or entry that cleared it, with its time."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A change of entries or rules: number, kind, author, time and reason."""

    no: int
    kind: str
    what: str
    person_id: int | None
    at: datetime
    reason: str | None


@dataclass(frozen=True, slots=True)
class HeldBy:
    """A hold with the names around it; `change` is the change that cleared it.

    `team` is the team's name when the hold ended, or its current name.
    """

    hold: Hold
    cause: Cause
    team: str
    person: str
    closed_by: str
    change: Changed | None


@dataclass(frozen=True, slots=True)
class _Judging:
    """The evaluation that closed a hold; `same_version`: the earlier evaluation used this version
    too.
    """

    revision: int
    same_version: bool


def holds_of(session: Session, record_id: int) -> tuple[HeldBy, ...]:
    """Return every hold a record ever had, in order, with names."""
    result = session.execute(
        select(Hold, Cause, Team)
        .join(Cause, Cause.id == Hold.cause_id)
        .outerjoin(Team, Team.id == Hold.team_id)
        .where(Hold.record_id == record_id)
        .order_by(Hold.opened_at, Hold.id),
        execution_options=KEPT,
    )
    rows = result.all()
    changes = _changes(session, [(hold, cause) for hold, cause, _ in rows])
    titles = _Titles(session)
    wanted = [i for hold, _, _ in rows for i in (hold.person_id, hold.closed_by_id)]
    person_ids = [*wanted, *(one.person_id for one in changes.values())]
    people = names_of(session, person_ids)
    return tuple(
        HeldBy(
            hold=hold,
            cause=cause,
            team=titles.of(hold, team) if team else "",
            person=people.get(hold.person_id or 0, ""),
            closed_by=people.get(_closer(hold, changes.get(hold.id)) or 0, ""),
            change=changes.get(hold.id),
        )
        for hold, cause, team in rows
    )


def _closer(hold: Hold, change: Changed | None) -> int | None:
    return hold.closed_by_id or (change.person_id if change else None)


class _Titles:
    """Team names over time, because a later publication may rename a team."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.versions: list[tuple[int, datetime]] | None = None

    def of(self, hold: Hold, team: Team) -> str:
        """Return the team's name when the hold ended; the current one for an open hold or unknown
        rules.
        """
        version = self._in_force(hold) if hold.closed_at else None
        if version is None:
            return team.shown
        try:
            roles = program(self.session, version).ruleset.roles
        except UnreadableRulesError:
            return team.shown
        return next(
            (role.title or role.name for role in roles if role.name == team.name), team.shown
        )

    def _in_force(self, hold: Hold) -> int | None:
        """Return the rule version at that time, if another one is current now."""
        if self.versions is None:
            query = select(RulesetVersion.id, RulesetVersion.published_at)
            mine = query.where(RulesetVersion.company_id == hold.company_id)
            rows = self.session.execute(mine.order_by(RulesetVersion.no)).all()
            self.versions = [(row.id, row.published_at) for row in rows]
        then = [key for key, at in self.versions if hold.closed_at and at <= hold.closed_at]
        return then[-1] if then and then[-1] != self.versions[-1][0] else None


def _changes(session: Session, held: list[tuple[Hold, Cause]]) -> dict[int, Changed]:
    """Return by hold the change that cleared it.

    A change of its own key comes first, then one that woke the record, then a rule change. The last
    one that the closing evaluation saw counts.
    """
    cleared = [
        (hold, cause)
        for hold, cause in held
        if hold.state == HoldState.CLEARED and hold.closed_evaluation_id is not None
        if cause.key.kind is not CauseKind.CREDENTIAL  # no change of entries or rules ends these
    ]
    if not cleared:
        return {}
    judged = _judgings(session, [hold.closed_evaluation_id or 0 for hold, _ in cleared])
    woken = _woken(session, cleared[0][0].record_id)
    entries = _entries(session, cleared)
    rows = _revisions(session, cleared, {*woken, *(no for own in entries.values() for no in own)})
    change_by_hold = {}
    for hold, cause in cleared:
        last = judged.get(hold.closed_evaluation_id or 0)
        if last is None:
            continue
        seen = [row for row in rows if hold.revision < row.no <= last.revision]
        of_key = entries.get((str(cause.table_name), str(cause.value)), ())
        own = [row for row in seen if row.no in of_key]
        moved = last.same_version and hold.posting_id is not None
        others = [row for row in seen if moved and row.no in woken]
        rules = [row for row in seen if moved and row.kind == "rules"]
        is_named = _NAMED.search(hold.closed_why or "") is not None
        if best := own or ([] if is_named else others or rules):
            columns = {one.name: getattr(best[-1], one.name) for one in fields(Changed)}
            change_by_hold[hold.id] = Changed(**columns)
    return change_by_hold


def _judgings(session: Session, ids: Collection[int]) -> dict[int, _Judging]:
    """Return these evaluations, each compared with the one before it."""
    before = aliased(Evaluation)
    version_before = (
        select(before.version_id)
        .where(before.record_id == Evaluation.record_id, before.id < Evaluation.id)
        .order_by(before.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = select(
        Evaluation.id,
        Evaluation.revision,
        (Evaluation.version_id == version_before).label("same_version"),
    ).where(Evaluation.id.in_(ids))
    return {
        row.id: _Judging(row.revision, bool(row.same_version)) for row in session.execute(query)
    }


def _entries(
    session: Session, cleared: Sequence[tuple[Hold, Cause]]
) -> Mapping[tuple[str, str], Collection[int]]:
    """Return by table and key the revisions that changed the entry."""
    keys = {(cause.table_name, cause.value) for _, cause in cleared if cause.table_name}
    if not keys:
        return {}
    query = (
        select(MappingTable.name, MappingEntry.key, MappingEntry.from_revision)
        .join(MappingTable, MappingTable.id == MappingEntry.table_id)
        .where(
            MappingTable.company_id == cleared[0][0].company_id,
            MappingTable.name.in_({table for table, _ in keys}),
            MappingEntry.key.in_({value for _, value in keys}),
        )
    )
    revisions_by_key: dict[tuple[str, str], set[int]] = {}
    for row in session.execute(query):
        if (row.name, row.key) in keys:
            revisions_by_key.setdefault((row.name, row.key), set()).add(row.from_revision)
    return revisions_by_key


def _woken(session: Session, record_id: int) -> set[int]:
    """Return the entry changes that woke the record."""
    query = select(Event.body).where(Event.record_id == record_id, Event.act == "record.woken")
    revision_numbers = (body.get("revision") for body in session.scalars(query))
    return {int(no) for no in revision_numbers if no is not None}


def _revisions(
    session: Session, cleared: Sequence[tuple[Hold, Cause]], of_entries: Collection[int]
) -> Sequence[Revision]:
    """Return the revisions that may have cleared a hold, in order."""
    entries = Revision.kind.in_(OWN_KINDS)
    return session.scalars(
        select(Revision)
        .where(
            Revision.company_id == cleared[0][0].company_id,
            Revision.no > min(hold.revision for hold, _ in cleared),
            or_(and_(entries, Revision.no.in_(of_entries)), Revision.kind == "rules"),
        )
        .order_by(Revision.no)
    ).all()
