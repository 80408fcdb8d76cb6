"""The holds of a record with the names around them: owner, who closed it, which fix cleared it.

Here: loading them. Not here: how they are told (`seven_answers.py`).
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access.people import names_of
from holding.tables import Cause, Hold, Revision, Team
from holding.tables.row_states import HoldState


@dataclass(frozen=True, slots=True)
class HeldBy:
    """A hold with the names around it; `fix` = the mapping fix that cleared it, in words."""

    hold: Hold
    cause: Cause
    team: str
    person: str
    closed_by: str
    fix: str


def holds_of(session: Session, record_id: int) -> tuple[HeldBy, ...]:
    """Every hold that a record ever had, in order, with names."""
    rows = session.execute(
        select(Hold, Cause, Team)
        .join(Cause, Cause.id == Hold.cause_id)
        .outerjoin(Team, Team.id == Hold.team_id)
        .where(Hold.record_id == record_id)
        .order_by(Hold.opened_at, Hold.id)
    ).all()
    fixes = _fixes(session, [(hold, cause) for hold, cause, _ in rows])
    wanted = [i for hold, _, _ in rows for i in (hold.person_id, hold.closed_by_id)]
    people = names_of(session, [*wanted, *(fix.person_id for fix in fixes.values())])
    return tuple(
        HeldBy(
            hold=hold,
            cause=cause,
            team=team.shown if team else "",
            person=people.get(hold.person_id or 0, ""),
            closed_by=people.get(_closer(hold, fixes.get(hold.id)) or 0, ""),
            fix=_fix_words(fixes.get(hold.id)),
        )
        for hold, cause, team in rows
    )


def _fixes(session: Session, held: list[tuple[Hold, Cause]]) -> dict[int, Revision]:
    """Hold id -> the change of its key that came between its last judging and its end."""
    whats = {f"{cause.table_name}: {cause.value}" for _, cause in held if cause.table_name}
    if not whats:
        return {}
    companies = {hold.company_id for hold, _ in held}
    rows = session.scalars(
        select(Revision)
        .where(
            Revision.company_id.in_(companies),
            Revision.kind.in_(("mapping", "unit")),
            Revision.what.in_(whats),
        )
        .order_by(Revision.no)
    ).all()
    return {
        hold.id: row
        for hold, cause in held
        for row in rows
        if row.what == f"{cause.table_name}: {cause.value}"
        and hold.state == HoldState.CLEARED
        and row.no > hold.revision
        and hold.closed_at is not None
        and row.at <= hold.closed_at
    }


def _closer(hold: Hold, fix: Revision | None) -> int | None:
    return hold.closed_by_id or (fix.person_id if fix else None)


def _fix_words(fix: Revision | None) -> str:
    return f"mapped {fix.what} (revision {fix.no}), {fix.reason}" if fix else ""
