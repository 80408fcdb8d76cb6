"""Change a member's roles and teams, and list members, invitations and former members."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from holding.access.actors import (
    ACTS,
    GUARDED_ROLES,
    ROLE_LABELS,
    ROLES,
    Actor,
    actor_of,
    may,
    roles_of,
)
from holding.access.people import ACT as TAKES_HOLDS
from holding.access.people import add_membership, who_may
from holding.db.bulk import Columns, of
from holding.db.models import (
    AccessLink,
    Company,
    FormerMember,
    Membership,
    Person,
    SecondFactor,
    SourceLimit,
    Team,
    TeamMember,
)
from holding.db.models import Session as SignIn
from holding.db.refusal import Refusal
from holding.holds import assignments
from holding.platform.events import COMMAND_LINE, record_event

ACT = "people.admin"


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation of a person that is not used yet."""

    id: int
    email: str
    name: str
    roles: list[str]
    expires_at: datetime


_INVITATION = Columns(
    Invitation(
        id=of(AccessLink.id),
        email=of(AccessLink.email),
        name=of(AccessLink.name),
        roles=of(AccessLink.roles),
        expires_at=of(AccessLink.expires_at),
    )
)


@dataclass(frozen=True, slots=True)
class Former:
    """A person who left."""

    id: int
    name: str
    left_at: datetime


_FORMER = Columns(Former(id=of(Person.id), name=of(Person.name), left_at=of(FormerMember.left_at)))


@dataclass(frozen=True, slots=True)
class Changed:
    """The result of changing a person's roles.

    `handed`: the number of holds that returned to their teams.
    """

    name: str
    handed: int


def administers(session: Session, actor: Actor, company_id: int) -> Refusal | None:
    """Return why this person may not manage the company's users now, or None.

    Roles are read again under a lock, so that two administrators who remove each other's role at
    one moment do not both succeed.
    """
    if actor.person_id is None and actor.via == COMMAND_LINE:
        return None
    session.execute(select(Company.id).where(Company.id == company_id).with_for_update())
    now_there = actor_of(session, actor.person_id or 0, company_id)
    if now_there is not None:
        return may(now_there, ACT)
    return Refusal("forbidden", f"{actor.name} has no role here any more.", status=403)


def change(
    session: Session,
    actor: Actor,
    *,
    company_id: int,
    person_id: int,
    roles: Collection[str],
    team_ids: Collection[int],
    shown_mark: str,
    now: datetime,
) -> Changed | Refusal:
    """Set exactly these roles and teams of a person.

    `shown_mark` is the form's `mark` of the roles and teams that it showed.
    """
    refused = administers(session, actor, company_id) or _not_oneself(
        session, actor, company_id, person_id
    )
    if refused:
        return refused
    held_roles = roles_of(session, company_id, person_id)
    person = session.get(Person, person_id)
    if person is None or not held_roles:
        return Refusal("person.unknown", "There is no such person here.", status=404)
    if wrong := not_possible(person.name, roles):
        return wrong
    if wrong := _limited(session, company_id, person, set(roles) - held_roles):
        return wrong
    if shown_mark != mark(held_roles, teams_of(session, company_id, person_id)):
        return Refusal(
            "person.changed",
            f"The roles or teams of {person.name} were changed meanwhile.",
            "Look at them again, then change them.",
            409,
        )
    for role in sorted(set(roles) - held_roles):
        refused = add_membership(
            session, company_id=company_id, person_id=person_id, role=role, actor=actor, now=now
        )
        if refused:
            return refused
    _take(session, actor, company_id, person, held_roles - set(roles), now)
    _move(session, actor, company_id, person, set(team_ids), now)
    session.flush()
    if set(roles) & ACTS[TAKES_HOLDS]:
        return Changed(person.name, 0)
    why = "has no role that takes holds any more"
    return Changed(person.name, assignments.hand_over(session, actor, person, now, why=why))


def _not_oneself(session: Session, actor: Actor, company_id: int, person_id: int) -> Refusal | None:
    if actor.person_id != person_id:
        return None
    others = who_may(session, company_id, ACT, but=(person_id,))
    hint = f"{', '.join(others)} can." if others else "Invite a second administrator first."
    words = (
        "You cannot change your own roles and teams, because rights are granted by another person."
    )
    return Refusal("role.self", words, hint, 403)


def _limited(
    session: Session, company_id: int, person: Person, added: Collection[str]
) -> Refusal | None:
    """Return why a person limited to some sources cannot get these roles, or None."""
    limit_query = select(SourceLimit.source_id).where(
        SourceLimit.company_id == company_id, SourceLimit.person_id == person.id
    )
    if "admin" not in added or session.scalar(limit_query.limit(1)) is None:
        return None
    words = (
        f"You cannot make {person.name} an administrator, because they see some sources only and"
        " administrators manage all of them."
    )
    return Refusal("role.limited", words, "Let them see all sources first.", 422)


def _take(
    session: Session,
    actor: Actor,
    company_id: int,
    person: Person,
    roles: Collection[str],
    now: datetime,
) -> None:
    for role in sorted(roles):
        session.execute(
            delete(Membership).where(
                Membership.company_id == company_id,
                Membership.person_id == person.id,
                Membership.role == role,
            )
        )
        say = f"{person.name} no longer has the role {ROLE_LABELS[role]}."
        _tell(session, actor, company_id, "person.role_taken", say, person, now, role=role)


def _tell(
    session: Session,
    actor: Actor,
    company_id: int,
    act: str,
    say: str,
    person: Person,
    now: datetime,
    **more: object,
) -> None:
    record_event(
        session,
        company_id=company_id,
        at=now,
        actor=actor,
        act=act,
        body={"say": say, "person": person.id, **more},
    )


def _move(
    session: Session,
    actor: Actor,
    company_id: int,
    person: Person,
    team_ids: set[int],
    now: datetime,
) -> None:
    """Change the person's teams; teams of another company are unchanged."""
    had = teams_of(session, company_id, person.id)
    query = select(Team).where(Team.company_id == company_id)
    for team in session.scalars(query.order_by(Team.id)).all():
        if team.id in team_ids and team.id not in had:
            session.add(TeamMember(team_id=team.id, person_id=person.id))
            say, act = f"{person.name} is in the team {team.shown} now.", "person.team_joined"
        elif team.id in had and team.id not in team_ids:
            session.execute(
                delete(TeamMember).where(
                    TeamMember.team_id == team.id, TeamMember.person_id == person.id
                )
            )
            say, act = f"{person.name} is no longer in the team {team.shown}.", "person.team_left"
        else:
            continue
        _tell(session, actor, company_id, act, say, person, now, team=team.id)


def mark(roles: Collection[str], team_ids: Collection[int]) -> str:
    """Return a person's roles and teams as one text, to compare when the form comes back."""
    return f"{' '.join(sorted(roles))}|{' '.join(str(team_id) for team_id in sorted(team_ids))}"


def teams_of(session: Session, company_id: int, person_id: int) -> set[int]:
    """Return the ids of the person's teams in a company."""
    query = select(Team.id).join(TeamMember, TeamMember.team_id == Team.id)
    conditions = (Team.company_id == company_id, TeamMember.person_id == person_id)
    return set(session.scalars(query.where(*conditions)))


def not_possible(name: str, roles: Collection[str]) -> Refusal | None:
    """Return why this combination of roles is impossible, or None."""
    unknown = sorted(set(roles) - set(ROLES))
    if unknown:
        return Refusal("role.unknown", f"There is no role {', '.join(unknown)}.", status=422)
    if not roles:
        hint = "Tick one, or let the person leave the company."
        return Refusal("role.none", f"{name} needs at least one role.", hint, 422)
    return None


@dataclass(frozen=True, slots=True)
class Member:
    """A person with a role in the company.

    `seen_at`: when they last used any page, `factor_since`: since when they prove a second factor
    at sign-in.
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
        """Check whether a company can require a second factor of this person."""
        return not set(GUARDED_ROLES).isdisjoint(self.roles)


@dataclass(frozen=True, slots=True)
class OwnTeam:
    """A team of the company, as a form offers it."""

    id: int
    name: str


def members(session: Session, company_id: int) -> tuple[Member, ...]:
    """Return everybody with a role in the company, by name."""
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
    last_seen = _last_seen(session, company_id)
    return tuple(
        Member(
            id=key,
            name=name,
            email=email,
            roles=tuple(role for role in ROLES if role in roles[key]),
            team_ids=tuple(team_id for team_id, _ in in_teams[key]),
            teams=tuple(team_name for _, team_name in in_teams[key]),
            seen_at=last_seen.get(key),
            factor_since=factor_since,
        )
        for key, (name, email, factor_since) in named.items()
    )


def _in_teams(session: Session, company_id: int) -> dict[int, list[tuple[int, str]]]:
    """Return by person id the teams, by name."""
    query = (
        select(TeamMember.person_id, Team.id, Team.shown.label("shown"))
        .join(Team, Team.id == TeamMember.team_id)
        .where(Team.company_id == company_id)
        .order_by(Team.shown, Team.id)
    )
    teams_by_person: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for row in session.execute(query):
        teams_by_person[row.person_id].append((row.id, row.shown))
    return teams_by_person


def _last_seen(session: Session, company_id: int) -> dict[int, datetime]:
    member_ids = select(Membership.person_id).where(Membership.company_id == company_id)
    query = (
        select(SignIn.person_id, func.max(SignIn.seen_at).label("seen_at"))
        .where(SignIn.person_id.in_(member_ids))
        .group_by(SignIn.person_id)
    )
    return {row.person_id: row.seen_at for row in session.execute(query)}


def invitations(session: Session, company_id: int) -> tuple[Invitation, ...]:
    """Return open invitations, newest first."""
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
    """Return people who left the company and did not return, latest first."""
    query = (
        _FORMER.select()
        .join(FormerMember, FormerMember.person_id == Person.id)
        .where(FormerMember.company_id == company_id)
        .order_by(FormerMember.left_at.desc(), Person.id)
    )
    return _FORMER.each(session.execute(query))


def teams(session: Session, company_id: int) -> tuple[OwnTeam, ...]:
    """Return the company's teams by name."""
    query = select(Team.id, Team.shown.label("shown")).where(Team.company_id == company_id)
    rows = session.execute(query.order_by(Team.shown, Team.id))
    return tuple(OwnTeam(row.id, row.shown) for row in rows)
