"""Teams: the owners of holds that rule files name, and who answers for one.

Here: making teams, putting people in, who answers for a team without people, who can be given a
hold. Not here: roles and what they allow (`people.py`, `actors.py`).
"""

from collections.abc import Collection, Mapping
from typing import Final

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from holding.access.actors import ACTS
from holding.db import bulk
from holding.db.bulk import insert_once
from holding.db.models import Company, Membership, Person, Team, TeamMember
from holding.db.together import Question, Together

ACT: Final = "hold.assign"


def takers(session: Session, company_id: int, person_ids: Collection[int]) -> Mapping[int, str]:
    """Those of these people who are in the company with a role that takes holds, by name."""
    query = (
        select(Person.id, Person.name)
        .join(Membership, Membership.person_id == Person.id)
        .where(
            Membership.company_id == company_id,
            Membership.role.in_(sorted(ACTS[ACT])),
            bulk.among(Person.id, sorted(person_ids)),
            Person.active,
        )
    )
    return dict(session.execute(query).all())


def asked_able(company_id: int, act: str) -> Question[dict[int, str]]:
    """The active people who may do an act, by name: person id -> it; asked with other questions."""
    rows = yield (
        select(Person.id, Person.name)
        .join(Membership, Membership.person_id == Person.id)
        .where(
            Membership.company_id == company_id,
            Membership.role.in_(sorted(ACTS[act])),
            Person.active,
        )
        .distinct()
        .order_by(Person.name)
    )
    return dict(rows.all())


def able(session: Session, company_id: int, act: str, team_id: int | None) -> dict[int, str]:
    """The active people who may do the act (and answer for the team), by name: person id -> it."""
    page = Together(session)
    asked = page.ask(asked_able(company_id, act))
    theirs = page.ask(asked_answering(session, company_id)) if team_id is not None else None
    members = theirs.value.get(team_id or 0) if theirs else ()
    return {key: name for key, name in asked.value.items() if not members or key in members}


FALLBACK_TEAM: Final = "fallback_team"  # key of company.settings: who answers for an empty team


def ensure_team(session: Session, company_id: int, name: str) -> Team:
    """The company's team of that name, made when missing."""
    same = select(Team).where(Team.company_id == company_id, Team.name == name)
    found = session.scalar(same)
    if found is None:  # somebody else may be making it at this moment: then theirs is ours
        insert_once(session, Team, {"company_id": company_id, "name": name})
        found = session.scalars(same).one()
    return found


def add_to_team(session: Session, *, company_id: int, name: str, person_id: int) -> None:
    """Put a person into a team, making the team when it is missing."""
    team = ensure_team(session, company_id, name)
    if session.get(TeamMember, (team.id, person_id)) is None:
        session.add(TeamMember(team_id=team.id, person_id=person_id))
        session.flush()


def titles_of(session: Session, company_id: int) -> dict[str, str]:
    """Team name -> what people read."""
    query = select(Team.name, Team.shown).where(Team.company_id == company_id)
    return {row.name: row.shown for row in session.execute(query)}


def teams(session: Session, company_id: int) -> dict[str, tuple[str, ...]]:
    """Team name -> names of its people, of the whole company; empty teams included."""
    rows = session.execute(
        select(Team.name, Person.name)
        .outerjoin(TeamMember, TeamMember.team_id == Team.id)
        .outerjoin(Person, Person.id == TeamMember.person_id)
        .where(Team.company_id == company_id)
        .order_by(Team.name, Person.name)
    )
    found: dict[str, list[str]] = {}
    for team, person in rows:
        found.setdefault(team, []).extend([person] if person else [])
    return {team: tuple(people) for team, people in found.items()}


def in_team(session: Session, team_id: int | None, person_id: int | None) -> bool:
    """Whether the person answers for the team: a member, or of the fallback team of an empty one.

    Where neither has a member nobody could ever act, so then the role alone decides.
    """
    members = answering(session, team_id)
    return not members or person_id in members


def answering(session: Session, team_id: int | None) -> set[int]:
    """The people who answer for a team: its own, else those of the company's fallback team."""
    if team_id is None:
        return set()
    team = session.get(Team, team_id)
    if team is None:
        return set()
    members = _members(session, team.company_id, team.name)
    if members:
        return members
    company = session.get(Company, team.company_id)
    fallback = company.settings.get(FALLBACK_TEAM) if company else None
    return _members(session, team.company_id, str(fallback)) if fallback else set()


def asked_answering(session: Session, company_id: int) -> Question[Mapping[int, set[int]]]:
    """Team id -> the people who answer for it, of each team of a company; asked with other
    questions.
    """
    rows = yield (
        select(Team.id, Team.name, Person.id.label("person_id"))
        .outerjoin(TeamMember, TeamMember.team_id == Team.id)
        .outerjoin(Person, and_(Person.id == TeamMember.person_id, Person.active))
        .where(Team.company_id == company_id)
    )
    found: dict[int, set[int]] = {}
    ids: dict[str, int] = {}
    for row in rows:
        ids[row.name] = row.id
        found.setdefault(row.id, set()).update([row.person_id] if row.person_id else [])
    if all(found.values()):
        return found
    settings = session.get_one(Company, company_id).settings
    others = found.get(ids.get(str(settings.get(FALLBACK_TEAM)), 0), set())
    return {team_id: people or others for team_id, people in found.items()}


def empty_team(session: Session, team_id: int | None) -> str:
    """The title of the team that answers instead, where nobody is in a team; else nothing."""
    team = session.get(Team, team_id or 0)
    if team is None or _members(session, team.company_id, team.name):
        return ""
    return _instead(session, team)


def duty(session: Session, team_id: int | None, person_id: int | None) -> tuple[bool, str]:
    """What `in_team` and `empty_team` tell, by what is asked once."""
    team = session.get(Team, team_id or 0)
    members = _members(session, team.company_id, team.name) if team else set()
    if team is None or members:
        return not members or person_id in members, ""
    return in_team(session, team_id, person_id), _instead(session, team)


def _instead(session: Session, team: Team) -> str:
    company = session.get_one(Company, team.company_id)
    name = company.settings.get(FALLBACK_TEAM)
    same = select(Team).where(Team.company_id == team.company_id, Team.name == name)
    fallback = session.scalar(same)
    return fallback.shown if fallback is not None and fallback.id != team.id else ""


def _members(session: Session, company_id: int, name: str) -> set[int]:
    return set(
        session.scalars(
            select(TeamMember.person_id)
            .join(Team, Team.id == TeamMember.team_id)
            .join(Person, Person.id == TeamMember.person_id)
            .where(Team.company_id == company_id, Team.name == name, Person.active)
        )
    )
