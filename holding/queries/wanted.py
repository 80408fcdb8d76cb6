"""What a person wants to see of the holding area, and its terms in SQL.

Here: the filter. Not here: what is counted or listed under it (holds.py, groups.py).
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, false, or_, select

from holding.models import (
    Cause,
    Hold,
    Record,
    TeamMember,
)
from rules.outcome import NEEDS_APPROVAL


@dataclass(frozen=True, slots=True)
class Filter:
    """What the person wants to see; an empty part asks nothing."""

    view: str = "todo"  # todo | mine | approve | snoozed | all
    classes: tuple[str, ...] = ()
    teams: tuple[int, ...] = ()
    people: tuple[int, ...] = ()  # who took it; 0 = nobody did
    causes: tuple[int, ...] = ()
    text: str = ""
    person_id: int | None = None

    @property
    def narrowed(self) -> int:
        """How many filters are set."""
        return sum(map(bool, (self.classes, self.teams, self.people, self.causes, self.text)))


def terms(company_id: int, wanted: Filter) -> list[ColumnElement[bool]]:
    """The terms of a filter over open holds."""
    terms: list[ColumnElement[bool]] = [Hold.company_id == company_id, Hold.state == "open"]
    if wanted.view == "mine":
        terms.append(mine(wanted))
    if wanted.view == "approve":
        terms.append(Hold.code == NEEDS_APPROVAL)
    if wanted.view == "todo":
        terms.append(Hold.snoozed_until.is_(None))
    if wanted.view == "snoozed":
        terms.append(Hold.snoozed_until.is_not(None))
    if wanted.people:
        nobody = Hold.person_id.is_(None) if 0 in wanted.people else false()
        terms.append(or_(Hold.person_id.in_(wanted.people), nobody))
    if wanted.causes:
        terms.append(Hold.cause_id.in_(wanted.causes))
    if wanted.classes:
        terms.append(Hold.error_class.in_(wanted.classes))
    if wanted.teams:
        nobody = Hold.team_id.is_(None) if 0 in wanted.teams else Hold.team_id.in_(wanted.teams)
        terms.append(or_(Hold.team_id.in_(wanted.teams), nobody))
    if wanted.text:
        terms.append(_contains(company_id, wanted.text))
    return terms


def mine(wanted: Filter) -> ColumnElement[bool]:
    """Holds given to the person, or to nobody in one of their teams."""
    my_teams = select(TeamMember.team_id).where(TeamMember.person_id == wanted.person_id)
    return or_(
        Hold.person_id == wanted.person_id,
        and_(Hold.person_id.is_(None), Hold.team_id.in_(my_teams)),
    )


def _contains(company_id: int, text: str) -> ColumnElement[bool]:
    found = select(Record.id).where(
        Record.company_id == company_id,
        or_(
            Record.number.icontains(text, autoescape=True),
            Record.party.icontains(text, autoescape=True),
        ),
    )
    causes = select(Cause.id).where(
        Cause.company_id == company_id, Cause.label.icontains(text, autoescape=True)
    )
    return or_(Hold.record_id.in_(found), Hold.cause_id.in_(causes))
