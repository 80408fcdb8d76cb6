"""Companies, people and their roles: who is who, and who could do an act.

Here: adding companies, people and roles, a new password; naming the people who may do what the
asker may not. Not here: a person as an `Actor` (`actors.py`), passwords and sessions
(`sessions.py`), the table of acts (`actors.py`).
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import available_timezones

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access import access_requests, tokens
from holding.access.actors import ROLES, SYSTEM, UNEASY_PAIRS, Actor, actor_of, roles_of
from holding.access.person_names import asked_names
from holding.access.role_words import ROLE_LABELS
from holding.access.sessions import (
    SignedIn,
    hash_password,
    person_of,
    set_password,
    sign_out,
    touch,
)
from holding.access.teams import (
    FALLBACK_TEAM,
    able,
    add_to_team,
    empty_team,
    ensure_team,
    in_team,
    teams,
)
from holding.db.bulk import Columns, of
from holding.db.models import Company, FormerMember, Membership, Person
from holding.db.models.columns import is_currency
from holding.db.refusal import Refusal
from holding.db.together import answer
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

MIN_PASSWORD: Final = 12


@dataclass(frozen=True, slots=True)
class NewPerson:
    """A person just added, with the password to hand over once."""

    person_id: int
    password: str


@dataclass(frozen=True, slots=True)
class OwnCompany:
    """A company in which a person has a role."""

    id: int
    code: str
    name: str


_OWN = Columns(OwnCompany(id=of(Company.id), code=of(Company.code), name=of(Company.name)))


def add_company(
    session: Session,
    *,
    code: str,
    name: str,
    now: datetime,
    zone: str = "Asia/Kuala_Lumpur",
    currency: str = "MYR",
) -> int | Refusal:
    """The id of a new set of books; its code is part of every address."""
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
    """A new person. Without a password one is made up, to be handed over once."""
    address = email.strip().lower()
    if "@" not in address:
        return Refusal(
            code="person.email", message=f"“{email}” is not an email address.", hint="", status=422
        )
    if session.scalar(select(Person.id).where(Person.email == address)):
        return Refusal(
            code="person.taken", message=f"{address} is a person already.", hint="", status=409
        )
    word = password if password is not None else secrets.token_urlsafe(12)
    if len(word) < MIN_PASSWORD:
        return Refusal(
            code="person.password",
            message=f"The password must have at least {MIN_PASSWORD} characters; this one has "
            f"{len(word)}.",
            hint="",
            status=422,
        )
    person = Person(
        email=address, name=name, password_hash=hash_password(word), active=True, settings={}
    )
    session.add(person)
    session.flush()
    return NewPerson(person_id=person.id, password=word)


def renew_password(session: Session, actor: Actor, person_id: int, now: datetime) -> str:
    """A new password, to be handed over once; whoever was signed in with the old one no longer
    is, and no program acts for them any more.
    """
    word, person = secrets.token_urlsafe(12), session.get_one(Person, person_id)
    set_password(session, person.id, word, now)
    tokens.end_all(session, actor, person.id, f"{person.name} was given a new password", now)
    for company in companies_of(session, person.id):
        record_event(
            session,
            company_id=company.id,
            at=now,
            actor=actor,
            act="person.password",
            body={"say": f"{person.name} was given a new password.", "person": person.id},
        )
    return word


def add_membership(
    session: Session,
    *,
    company_id: int,
    person_id: int,
    role: str,
    actor: Actor,
    now: datetime,
) -> Refusal | None:
    """Give a person a role in a company; nobody gives one to himself. Who had left may sign in
    again.
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
    held = roles_of(session, company_id, person_id)
    if role in held:
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
    if gone := session.get(FormerMember, (company_id, person_id)):
        session.delete(gone)
    session.flush()
    access_requests.settle(session, company_id, person_id, role, actor, now)
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
    _say_uneasy(session, company_id, name, held | {role}, role, actor, now)
    return None


def companies_of(session: Session, person_id: int) -> tuple[OwnCompany, ...]:
    """The companies in which the person has any role, by name."""
    mine = select(Membership.company_id).where(Membership.person_id == person_id)
    query = _OWN.select().where(Company.id.in_(mine)).order_by(Company.name)
    return _OWN.each(session.execute(query))


def anybody(session: Session) -> bool:
    """Whether there is any person at all."""
    return session.scalar(select(Person.id).limit(1)) is not None


def first_reader(session: Session, role: str) -> tuple[str, int] | None:
    """The code of the oldest company that is live and has somebody of a role, and that person."""
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
    """Names of the active people who may do the act (and answer for the team), without some."""
    left_out = set(but)
    found = able(session, company_id, act, team_id)
    return tuple(name for person_id, name in found.items() if person_id not in left_out)


def id_of_address(session: Session, email: str) -> int | None:
    """The person with this address, of whichever company: one who is given a role may have none."""
    return session.scalar(select(Person.id).where(Person.email == email.strip().lower()))


def id_of(session: Session, company_id: int, email: str) -> int | None:
    """The person of the company with this address."""
    query = select(Person.id).join(Membership, Membership.person_id == Person.id)
    mine = (Membership.company_id == company_id, Person.email == email.strip().lower())
    return session.scalar(query.where(*mine).limit(1))


def names_of(session: Session, person_ids: Iterable[int | None]) -> dict[int, str]:
    """Person id -> name."""
    return answer(session, asked_names(person_ids))


def _say_uneasy(
    session: Session,
    company_id: int,
    name: str,
    held: set[str],
    role: str,
    actor: Actor,
    now: datetime,
) -> None:
    for pair in UNEASY_PAIRS:
        if role in pair and held.issuperset(pair):
            record_event(
                session,
                company_id=company_id,
                at=now,
                actor=actor,
                act="person.duties_meet",
                body={"say": f"{name} is now both {pair[0]} and {pair[1]}.", "roles": list(pair)},
            )
