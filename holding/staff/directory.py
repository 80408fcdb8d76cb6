"""Who is in a company, who is invited and who has left; reads only.

Here: the lists of the page of people. Not here: changing them (`duties.py`, `access_links.py`).
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from holding.access.actors import GUARDED_ROLES, ROLES
from holding.db.bulk import Columns, of
from holding.db.models import (
    AccessLink,
    FormerMember,
    Membership,
    Person,
    SecondFactor,
    Team,
    TeamMember,
)
from holding.db.models import Session as SignIn


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody with a role in the company; `seen_at`: when they last used any page, `factor_since`:
    since when they prove a second factor at sign-in.
    """

    id: int
    name: str
    email: str
    roles: tuple[str, ...]
    team_ids: tuple[int, ...]
    teams: tuple[str, ...]
    seen_at: datetime | None
    factor_since: datetime | None

    @property
    def guarded(self) -> bool:
        """Whether a company can require a second factor of them."""
        return not set(GUARDED_ROLES).isdisjoint(self.roles)


@dataclass(frozen=True, slots=True)
class Invitation:
    """Somebody who was invited and has not come yet."""

    id: int
    email: str
    name: str
    roles: list[str]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Former:
    """Somebody who left."""

    id: int
    name: str
    left_at: datetime


@dataclass(frozen=True, slots=True)
class OwnTeam:
    """A team of the company, as a form offers it."""

    id: int
    name: str


_INVITATION = Columns(
    Invitation(
        id=of(AccessLink.id),
        email=of(AccessLink.email),
        name=of(AccessLink.name),
        roles=of(AccessLink.roles),
        expires_at=of(AccessLink.expires_at),
    )
)
_FORMER = Columns(Former(id=of(Person.id), name=of(Person.name), left_at=of(FormerMember.left_at)))


def members(session: Session, company_id: int) -> tuple[Member, ...]:
    """Everybody with a role in the company, by name."""
    roles: dict[int, set[str]] = defaultdict(set)
    named: dict[int, tuple[str, str, datetime | None]] = {}
    query = (
        select(Person.id, Person.name, Person.email, Membership.role, SecondFactor.confirmed_at)
        .join(Membership, Membership.person_id == Person.id)
        .outerjoin(SecondFactor, SecondFactor.person_id == Person.id)
        .where(Membership.company_id == company_id)
        .order_by(Person.name, Person.id)
    )
    for row in session.execute(query):
        roles[row.id].add(row.role)
        named[row.id] = (row.name, row.email, row.confirmed_at)
    in_teams = _in_teams(session, company_id)
    seen = _last_seen(session, company_id)
    return tuple(
        Member(
            id=key,
            name=name,
            email=email,
            roles=tuple(role for role in ROLES if role in roles[key]),
            team_ids=tuple(team_id for team_id, _ in in_teams[key]),
            teams=tuple(shown for _, shown in in_teams[key]),
            seen_at=seen.get(key),
            factor_since=factor_since,
        )
        for key, (name, email, factor_since) in named.items()
    )


def invitations(session: Session, company_id: int) -> tuple[Invitation, ...]:
    """Whoever was invited and neither came nor was told off, the newest first."""
    query = (
        _INVITATION.select()
        .where(
            AccessLink.company_id == company_id,
            AccessLink.kind == "join",
            AccessLink.used_at.is_(None),
            AccessLink.ended_at.is_(None),
        )
        .order_by(AccessLink.id.desc())
    )
    return _INVITATION.each(session.execute(query))


def former(session: Session, company_id: int) -> tuple[Former, ...]:
    """Whoever left the company and did not come back, the last first."""
    query = (
        _FORMER.select()
        .join(FormerMember, FormerMember.person_id == Person.id)
        .where(FormerMember.company_id == company_id)
        .order_by(FormerMember.left_at.desc(), Person.id)
    )
    return _FORMER.each(session.execute(query))


def teams(session: Session, company_id: int) -> tuple[OwnTeam, ...]:
    """The teams of the company, by name."""
    query = select(Team.id, Team.shown.label("shown")).where(Team.company_id == company_id)
    rows = session.execute(query.order_by(Team.shown, Team.id))
    return tuple(OwnTeam(row.id, row.shown) for row in rows)


def _in_teams(session: Session, company_id: int) -> dict[int, list[tuple[int, str]]]:
    """Person id -> their teams, by name."""
    query = (
        select(TeamMember.person_id, Team.id, Team.shown.label("shown"))
        .join(Team, Team.id == TeamMember.team_id)
        .where(Team.company_id == company_id)
        .order_by(Team.shown, Team.id)
    )
    found: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for row in session.execute(query):
        found[row.person_id].append((row.id, row.shown))
    return found


def _last_seen(session: Session, company_id: int) -> dict[int, datetime]:
    mine = select(Membership.person_id).where(Membership.company_id == company_id)
    query = (
        select(SignIn.person_id, func.max(SignIn.seen_at).label("seen_at"))
        .where(SignIn.person_id.in_(mine))
        .group_by(SignIn.person_id)
    )
    return {row.person_id: row.seen_at for row in session.execute(query)}
