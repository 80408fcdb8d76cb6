"""Companies, people, their roles and teams, and who can perform an act."""

import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from zoneinfo import available_timezones

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from holding.access import operations
from holding.access.actors import (
    ACTS,
    ROLE_LABELS,
    ROLES,
    SYSTEM,
    UNEASY_PAIRS,
    Actor,
    actor_of,
    roles_of,
)
from holding.access.sessions import (
    SignedIn,
    hash_password,
    password_fault,
    person_of,
    set_password,
    sign_out,
    touch,
)
from holding.db import bulk
from holding.db.bulk import Columns, insert_once, of
from holding.db.kept_plans import KEPT
from holding.db.models import (
    Company,
    FormerMember,
    FormerName,
    Membership,
    Person,
    Team,
    TeamMember,
)
from holding.db.models.columns import is_currency
from holding.db.refusal import Refusal
from holding.platform.events import record_event

__all__ = [
    "FALLBACK_TEAM",
    "SYSTEM",
    "Actor",
    "NewPerson",
    "SignedIn",
    "actor_of",
    "add_company",
    "add_membership",
    "add_person",
    "add_to_team",
    "companies_of",
    "empty_team",
    "ensure_team",
    "in_team",
    "names_of",
    "person_of",
    "renew_password",
    "sign_out",
    "teams",
    "touch",
    "who_may",
]


@dataclass(frozen=True, slots=True)
class OwnCompany:
    """A company in which a person has a role."""

    id: int
    code: str
    name: str


_OWN = Columns(OwnCompany(id=of(Company.id), code=of(Company.code), name=of(Company.name)))

ACT: Final = "hold.assign"

FALLBACK_TEAM: Final = "fallback_team"  # key of company.settings: who answers for an empty team


@dataclass(frozen=True, slots=True)
class NewPerson:
    """A new person with the password to hand over once."""

    person_id: int
    password: str


def add_company(
    session: Session,
    *,
    code: str,
    name: str,
    now: datetime,
    zone: str = "Asia/Kuala_Lumpur",
    currency: str = "MYR",
) -> int | Refusal:
    """Add a company that is not live and return its id; its code is part of every URL."""
    if not code.isascii() or not code.replace("-", "").isalnum() or code != code.lower():
        return Refusal(
            code="company.code",
            message=f"“{code}” cannot be a company code.",
            hint="Use lower-case letters, digits and hyphens: the code is part of every address.",
            status=422,
        )
    if zone not in available_timezones():
        hint = "Name it as Asia/Kuala_Lumpur."
        return Refusal("company.zone", f"“{zone}” is not a time zone.", hint, 422)
    if not is_currency(currency):
        hint = "Use its three letters, such as MYR."
        return Refusal("company.currency", f"“{currency}” is not a currency.", hint, 422)
    if session.scalar(select(Company.id).where(Company.code == code)):
        return Refusal(
            code="company.taken", message=f"There is a company {code} already.", hint="", status=409
        )
    company = Company(
        code=code,
        name=name,
        zone=zone,
        currency=currency,
        revision=0,
        rules_revision=0,
        settings={},
        lock=0,
        live=False,
    )
    session.add(company)
    session.flush()
    record_event(
        session,
        company_id=company.id,
        at=now,
        actor=SYSTEM,
        act="company.added",
        body={"say": f"Company {name} ({code}) was added.", "code": code},
    )
    return company.id


def add_person(
    session: Session, *, email: str, name: str, password: str | None = None
) -> NewPerson | Refusal:
    """Add a person. Without a password one is generated, to be handed over once."""
    address = email.strip().lower()
    if "@" not in address:
        return Refusal(
            code="person.email", message=f"“{email}” is not an email address.", hint="", status=422
        )
    if session.scalar(select(Person.id).where(Person.email == address)):
        return Refusal(
            code="person.taken", message=f"{address} is a person already.", hint="", status=409
        )
    new_password = password if password is not None else secrets.token_urlsafe(12)
    if password is not None and (refusal := password_fault(password, address)):
        return refusal
    person = Person(
        email=address,
        name=name,
        password_hash=hash_password(new_password),
        active=True,
        settings={},
    )
    session.add(person)
    session.flush()
    return NewPerson(person_id=person.id, password=new_password)


def renew_password(session: Session, actor: Actor, person_id: int, now: datetime) -> str:
    """Set a new generated password and return it; sessions and tokens of the person end."""
    new_password, person = secrets.token_urlsafe(12), session.get_one(Person, person_id)
    set_password(session, person.id, new_password, now)
    operations.end_all(session, actor, person.id, f"{person.name} was given a new password", now)
    for company in companies_of(session, person.id):
        record_event(
            session,
            company_id=company.id,
            at=now,
            actor=actor,
            act="person.password",
            body={"say": f"{person.name} was given a new password.", "person": person.id},
        )
    return new_password


def add_membership(
    session: Session,
    *,
    company_id: int,
    person_id: int,
    role: str,
    actor: Actor,
    now: datetime,
) -> Refusal | None:
    """Give a person a role in a company; no person gives a role to themselves.

    A former member may sign in again.
    """
    if role not in ROLES:
        return Refusal(
            code="role.unknown",
            message=f"There is no role {role}.",
            hint=f"Roles: {', '.join(ROLES)}.",
            status=422,
        )
    if actor.person_id == person_id:
        hint = "Ask a second admin, or use the command line."
        return Refusal("role.self", "You cannot give yourself a role.", hint, 403)
    current_roles = roles_of(session, company_id, person_id)
    if role in current_roles:
        return None
    session.add(
        Membership(
            company_id=company_id,
            person_id=person_id,
            role=role,
            granted_by_id=actor.person_id,
            granted_at=now,
        )
    )
    person = session.get_one(Person, person_id)
    person.active, name = True, person.name
    if former_member := session.get(FormerMember, (company_id, person_id)):
        session.delete(former_member)
    session.flush()
    operations.grant_requests(session, company_id, person_id, role, actor, now)
    record_event(
        session,
        company_id=company_id,
        at=now,
        actor=actor,
        act="person.role_granted",
        body={
            "say": f"{name} was given the role {ROLE_LABELS[role]}.",
            "person": person_id,
            "role": role,
        },
    )
    roles = current_roles | {role}
    pairs = [pair for pair in UNEASY_PAIRS if role in pair and roles.issuperset(pair)]
    _log_conflicting_duties(session, company_id, name, pairs, actor, now)
    return None


def _log_conflicting_duties(
    session: Session,
    company_id: int,
    name: str,
    pairs: Iterable[tuple[str, str]],
    actor: Actor,
    now: datetime,
) -> None:
    """Log that this person now has both roles of each pair."""
    for pair in pairs:
        record_event(
            session,
            company_id=company_id,
            at=now,
            actor=actor,
            act="person.duties_meet",
            body={"say": f"{name} is now both {pair[0]} and {pair[1]}.", "roles": list(pair)},
        )


def companies_of(session: Session, person_id: int) -> tuple[OwnCompany, ...]:
    """Return the companies in which the person has a role, by name."""
    company_ids = select(Membership.company_id).where(Membership.person_id == person_id)
    query = _OWN.select().where(Company.id.in_(company_ids)).order_by(Company.name)
    return _OWN.each(session.execute(query))


def has_people(session: Session) -> bool:
    """Check whether any person exists."""
    return session.scalar(select(Person.id).limit(1)) is not None


@dataclass(frozen=True, slots=True)
class SamplePerson:
    """A person of a sample company, with the roles that they have in it."""

    person_id: int
    name: str
    company: str
    roles: frozenset[str]


def list_sample_people(session: Session) -> list[SamplePerson]:
    """Return the active people of all companies, for the sign-in page of a demo installation."""
    query = (
        select(Company.name, Person.id, Person.name, Membership.role)
        .join(Membership, Membership.company_id == Company.id)
        .join(Person, Person.id == Membership.person_id)
        .where(Person.active)
        .order_by(Company.id, Person.id)
    )
    roles: dict[tuple[str, int, str], set[str]] = {}
    for company, person_id, name, role in session.execute(query):
        roles.setdefault((company, person_id, name), set()).add(role)
    return [
        SamplePerson(person_id, name, company, frozenset(own_roles))
        for (company, person_id, name), own_roles in roles.items()
    ]


def first_reader(session: Session, role: str) -> tuple[str, int] | None:
    """Return the code of the oldest live company with a person of this role, and that
    person's id.
    """
    query = select(Company.code, Person.id).join(Membership, Membership.company_id == Company.id)
    query = query.join(Person, Person.id == Membership.person_id)
    query = query.where(Company.live, Person.active, Membership.role == role)
    row = session.execute(query.order_by(Company.id, Person.id).limit(1)).first()
    return (row.code, row.id) if row else None


def who_may(
    session: Session,
    company_id: int,
    act: str,
    *,
    team_id: int | None = None,
    but: Iterable[int] = (),
) -> tuple[str, ...]:
    """Return the names of active people who may do the act, optionally in a team, without some."""
    left_out = set(but)
    people_by_id = able(session, company_id, act, team_id)
    return tuple(name for person_id, name in people_by_id.items() if person_id not in left_out)


def id_of_address(session: Session, email: str) -> int | None:
    """Return the person with this address, whether or not they have a company."""
    return session.scalar(select(Person.id).where(Person.email == email.strip().lower()))


def id_of(session: Session, company_id: int, email: str) -> int | None:
    """Return the company's person with this address."""
    query = select(Person.id).join(Membership, Membership.person_id == Person.id)
    of_company = (Membership.company_id == company_id, Person.email == email.strip().lower())
    return session.scalar(query.where(*of_company).limit(1))


def names_of(session: Session, person_ids: Iterable[int | None]) -> dict[int, str]:
    """Return person id -> name; None ids are left out."""
    ids = sorted({i for i in person_ids if i is not None})
    if not ids:
        return {}
    rows = session.execute(
        select(Person.id, Person.name).where(Person.id.in_(ids)), execution_options=KEPT
    )
    return {row.id: row.name for row in rows}


def takers(session: Session, company_id: int, person_ids: Collection[int]) -> Mapping[int, str]:
    """Return id -> name of the active people among these whose role permits taking holds."""
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


def load_able(session: Session, company_id: int, act: str) -> dict[int, str]:
    """Return person id -> name of the active people who may do an act."""
    rows = session.execute(
        select(Person.id, Person.name)
        .join(Membership, Membership.person_id == Person.id)
        .where(
            Membership.company_id == company_id,
            Membership.role.in_(sorted(ACTS[act])),
            Person.active,
        )
        .distinct()
        .order_by(Person.name),
        execution_options=KEPT,
    )
    return dict(rows.all())


def able(session: Session, company_id: int, act: str, team_id: int | None) -> dict[int, str]:
    """Return person id -> name of the active people who may do the act, optionally in a team."""
    people = load_able(session, company_id, act)
    members = load_people_by_team(session, company_id).get(team_id) if team_id is not None else ()
    return {key: name for key, name in people.items() if not members or key in members}


def ensure_team(session: Session, company_id: int, name: str) -> Team:
    """Return the company's team of that name; create it if it is missing."""
    query = select(Team).where(Team.company_id == company_id, Team.name == name)
    team = session.scalar(query)
    if team is None:  # somebody else may be making it at this moment: then theirs is ours
        insert_once(session, Team, {"company_id": company_id, "name": name})
        team = session.scalars(query).one()
    return team


def add_to_team(session: Session, *, company_id: int, name: str, person_id: int) -> None:
    """Add a person to a team; create the team if it is missing."""
    team = ensure_team(session, company_id, name)
    if session.get(TeamMember, (team.id, person_id)) is None:
        session.add(TeamMember(team_id=team.id, person_id=person_id))
        session.flush()


def titles_of(session: Session, company_id: int) -> dict[str, str]:
    """Return team name -> its displayed title."""
    query = select(Team.name, Team.shown).where(Team.company_id == company_id)
    return {row.name: row.shown for row in session.execute(query)}


def teams(session: Session, company_id: int) -> dict[str, tuple[str, ...]]:
    """Return team name -> names of its people, including empty teams."""
    rows = session.execute(
        select(Team.name, Person.name)
        .outerjoin(TeamMember, TeamMember.team_id == Team.id)
        .outerjoin(Person, Person.id == TeamMember.person_id)
        .where(Team.company_id == company_id)
        .order_by(Team.name, Person.name)
    )
    names_by_team: dict[str, list[str]] = {}
    for team, person in rows:
        names_by_team.setdefault(team, []).extend([person] if person else [])
    return {team: tuple(people) for team, people in names_by_team.items()}


def in_team(session: Session, team_id: int | None, person_id: int | None) -> bool:
    """Check whether the person acts for the team: as a member, or for the fallback team of an empty
    one.

    If both teams are empty the role alone decides, because otherwise no person could act.
    """
    members = answering(session, team_id)
    return not members or person_id in members


def answering(session: Session, team_id: int | None) -> set[int]:
    """Return the people who act for a team: its own members, or the members of the company's
    fallback team.
    """
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


def _members(session: Session, company_id: int, name: str) -> set[int]:
    return set(
        session.scalars(
            select(TeamMember.person_id)
            .join(Team, Team.id == TeamMember.team_id)
            .join(Person, Person.id == TeamMember.person_id)
            .where(Team.company_id == company_id, Team.name == name, Person.active)
        )
    )


def load_people_by_team(session: Session, company_id: int) -> Mapping[int, set[int]]:
    """Return team id -> the people who act for it, for each team of a company."""
    rows = session.execute(
        select(Team.id, Team.name, Person.id.label("person_id"))
        .outerjoin(TeamMember, TeamMember.team_id == Team.id)
        .outerjoin(Person, and_(Person.id == TeamMember.person_id, Person.active))
        .where(Team.company_id == company_id),
        execution_options=KEPT,
    )
    people_by_team: dict[int, set[int]] = {}
    ids: dict[str, int] = {}
    for row in rows:
        ids[row.name] = row.id
        people_by_team.setdefault(row.id, set()).update([row.person_id] if row.person_id else [])
    if all(people_by_team.values()):
        return people_by_team
    settings = session.get_one(Company, company_id).settings
    fallback_people = people_by_team.get(ids.get(str(settings.get(FALLBACK_TEAM)), 0), set())
    return {team_id: people or fallback_people for team_id, people in people_by_team.items()}


def empty_team(session: Session, team_id: int | None) -> str:
    """Return the title of the team that acts for an empty one, or an empty string."""
    team = session.get(Team, team_id or 0)
    if team is None or _members(session, team.company_id, team.name):
        return ""
    return _instead(session, team)


def _instead(session: Session, team: Team) -> str:
    company = session.get_one(Company, team.company_id)
    name = company.settings.get(FALLBACK_TEAM)
    query = select(Team).where(Team.company_id == team.company_id, Team.name == name)
    fallback = session.scalar(query)
    return fallback.shown if fallback is not None and fallback.id != team.id else ""


def duty(session: Session, team_id: int | None, person_id: int | None) -> tuple[bool, str]:
    """Return the results of `in_team` and `empty_team` with fewer queries."""
    team = session.get(Team, team_id or 0)
    members = _members(session, team.company_id, team.name) if team else set()
    if team is None or members:
        return not members or person_id in members, ""
    return in_team(session, team_id, person_id), _instead(session, team)


def rename(session: Session, person: Person, name: str, now: datetime) -> None:
    """Rename a person and keep the old name, because sources may still use it."""
    old, person.name = person.name, name
    # A new name must not make `never created_by` miss its person, whom the source still calls by
    # the old name.
    if old != name and session.get(FormerName, (person.id, old)) is None:
        session.add(FormerName(person_id=person.id, name=old, until_at=now))
    session.flush()


@dataclass(frozen=True, slots=True)
class Called:
    """A person's name, address and former names."""

    name: str
    email: str
    former: set[str] = field(default_factory=set)


def load_called(session: Session, company_ids: Collection[int]) -> Mapping[int, Called]:
    """Return person id -> names of everybody with a role in one of these companies."""
    members = select(Membership.person_id).where(Membership.company_id.in_(sorted(company_ids)))
    rows = session.execute(
        select(Person.id, Person.name, Person.email, FormerName.name.label("former"))
        .outerjoin(FormerName, FormerName.person_id == Person.id)
        .where(Person.id.in_(members)),
        execution_options=KEPT,
    )
    people: dict[int, Called] = {}
    for row in rows:
        person = people.setdefault(row.id, Called(row.name, row.email))
        person.former.update([row.former] if row.former is not None else [])
    return people
