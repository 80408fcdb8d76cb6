"""Create companies: the first one by a single-use link, further ones by commands."""

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from holding.access.actors import SYSTEM, Actor, actor_of, may, roles_of
from holding.access.people import (
    add_company,
    add_membership,
    add_person,
    add_to_team,
    ensure_team,
    id_of_address,
    names_of,
)
from holding.access.sessions import password_fault
from holding.db.models import Company, SetupAddress
from holding.db.refusal import Refusal
from holding.platform.changes import lock_company
from holding.platform.events import record_event
from holding.rulesets import publication
from holding.rulesets.admission import Report

WORKS_FOR: Final = timedelta(hours=24)

FIRST_ROLES: Final = ("admin", "consultant")
"""What the first person is: neither of the two approves documents or publishes rules."""

LONGEST_CODE: Final = 40

_LEGAL_FORMS: Final = frozenset(
    {"sdn", "bhd", "berhad", "pte", "ltd", "limited", "inc", "llc", "plt", "co", "company", "corp"}
)

_ANY: Final = re.compile(r"[0-9A-Z](?:[0-9A-Z /.-]{3,28})[0-9A-Z]")

_NEW: Final = re.compile(r"(?P<year>[0-9]{4})(?P<kind>[0-9]{2})[0-9]{6}")

_OLD: Final = re.compile(r"(?:[0-9]{1,9}|[A-Z]{2}[0-9]{7})-?[A-Z]|LLP[0-9]{7}-[A-Z]{3}")
"""Companies (1368665-X), businesses (003156789-A, SA0123456-X) and partnerships."""

_BOTH: Final = re.compile(r"(?P<new>[0-9]{12})(?: ?\((?P<old>[^()]+)\))?")

_KINDS: Final = ("01", "02", "03", "04", "05", "06")
"""Local and foreign companies, businesses, local, foreign and professional LLPs."""

_FIRST_YEAR: Final = 1897  # the first companies' ordinance in Malaya

RINGGIT: Final = "MYR"

UNKNOWN = Refusal(
    "setup.unknown",
    "This set-up address does not work.",
    "Copy the whole address that clearpost up printed, or run clearpost up again: it prints a new"
    " one.",
    404,
)

EXPIRED = Refusal(
    "setup.expired",
    "This set-up address has expired, because it was not used within 24 hours.",
    "Run clearpost up again: it prints a new address.",
    410,
)

USED = Refusal(
    "setup.used",
    "This set-up address was used already: it works once.",
    "Sign in with the email address and password that were entered then.",
    410,
)

COMPANY_EXISTS = Refusal(
    "setup.company_exists",
    "You cannot set up the first company, because this installation has one already.",
    "Sign in, or ask an administrator to invite you.",
    410,
)


@dataclass(frozen=True, slots=True)
class NewAddress:
    """The secret token of a set-up address, shown once, and the time at which it expires."""

    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstCompany:
    """A company to create; an empty `code` follows from the name."""

    name: str
    code: str
    registration: str
    currency: str
    zone: str
    closed_through: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstPerson:
    """The person who sets the company up."""

    name: str
    email: str
    password: str


@dataclass(frozen=True, slots=True)
class SetUp:
    """The result of setting up a company: its code and name, and the id of its first person."""

    code: str
    name: str
    person_id: int


def any_company(session: Session) -> bool:
    """Check whether this installation has a company."""
    return session.scalar(select(Company.id).limit(1)) is not None


def new_address(session: Session, now: datetime) -> NewAddress | None:
    """Return a new set-up address, which replaces earlier ones; None where a company exists."""
    if any_company(session):
        return None
    session.execute(delete(SetupAddress).where(SetupAddress.used_at.is_(None)))
    token = secrets.token_urlsafe(32)
    row = SetupAddress(token_hash=_hash(token), made_at=now, expires_at=now + WORKS_FOR)
    session.add(row)
    session.flush()
    return NewAddress(token, row.expires_at)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def usable(session: Session, token: str, now: datetime) -> datetime | Refusal:
    """Return the time at which the set-up address expires, or why it cannot be used."""
    address = _standing(session, token, now, lock=False)
    return address if isinstance(address, Refusal) else address.expires_at


def _standing(session: Session, token: str, now: datetime, *, lock: bool) -> SetupAddress | Refusal:
    row = session.get(
        SetupAddress, _hash(token), with_for_update=lock or None, populate_existing=lock
    )
    if row is None:
        return COMPANY_EXISTS if any_company(session) else UNKNOWN
    if row.used_at is not None:
        return USED
    if any_company(session):
        return COMPANY_EXISTS
    return EXPIRED if now >= row.expires_at else row


def set_up(
    session: Session, token: str, company: FirstCompany, person: FirstPerson, now: datetime
) -> SetUp | Refusal:
    """Create the company and its first person together, or not at all; the address is used up."""
    address = _standing(session, token, now, lock=True)
    if isinstance(address, Refusal):
        return address
    result = _found_first(session, company, person, now)
    if not isinstance(result, Refusal):
        address.used_at = now
        session.flush()
    return result


def _found_first(
    session: Session, company: FirstCompany, person: FirstPerson, now: datetime
) -> SetUp | Refusal:
    """Create the first company; its person is new, because an account needs its own sign-in."""
    if id_of_address(session, person.email) is not None:
        return Refusal(
            "person.taken", f"{person.email} is a person already.", "Sign in with it.", 409
        )
    return found_company(session, company, person, now)


def found_company(
    session: Session, company: FirstCompany, person: FirstPerson, now: datetime
) -> SetUp | Refusal:
    """Create a company with its first person, without an address: for commands on the machine.

    A person with this email address becomes the first person; their name and password stay.
    """
    with session.begin_nested() as savepoint:
        person_id = _ensure_person(session, person)
        result = (
            person_id
            if isinstance(person_id, Refusal)
            else create_company(session, company, person_id, now)
        )
        if isinstance(result, Refusal):
            savepoint.rollback()
    return result


def _ensure_person(session: Session, person: FirstPerson) -> int | Refusal:
    """Return the id of the person with this email address; add the person if missing."""
    person_id = id_of_address(session, person.email)
    if person_id is not None:
        return person_id
    added = add_person(
        session, email=person.email, name=person.name.strip(), password=person.password
    )
    return added if isinstance(added, Refusal) else added.person_id


def create_company(
    session: Session, company: FirstCompany, person_id: int, now: datetime
) -> SetUp | Refusal:
    """Create a company that is not live, with this person as administrator and rule author."""
    today = now.date() + timedelta(days=1)  # New Year's Day comes earlier in Malaysia than in UTC
    if refusal := registration_fault(company.registration, company.currency, today):
        return refusal
    if refusal := closed_books_fault(company.closed_through, today):
        return refusal
    code = company.code.strip() or proposed_code(company.name)
    name = company.name.strip()
    company_id = add_company(
        session, code=code, name=name, now=now, zone=company.zone, currency=company.currency
    )
    if isinstance(company_id, Refusal):
        return company_id
    row = session.get_one(Company, company_id)
    row.registration = company.registration.strip().upper()
    row.closed_through = company.closed_through
    for role in FIRST_ROLES:
        refusal = add_membership(
            session,
            company_id=company_id,
            person_id=person_id,
            role=role,
            actor=SYSTEM,
            now=now,
        )
        if refusal:
            return refusal
    closed = company.closed_through
    books = f"books closed through {closed}" if closed else "no closed month"
    person = names_of(session, [person_id])[person_id]
    say = f"{person} set up {name} (registration number {row.registration}, {books})."
    record_event(
        session,
        company_id=company_id,
        at=now,
        actor=actor_of(session, person_id, company_id),
        act="company.set_up",
        body={"say": say, "closed_through": closed.isoformat() if closed else None},
    )
    return SetUp(code, name, person_id)


def proposed_code(name: str) -> str:
    """Return a code for a company's addresses, from its name without the legal form."""
    together = name.replace("'", "").replace("\N{RIGHT SINGLE QUOTATION MARK}", "")
    plain = unicodedata.normalize("NFKD", together).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", plain)
    name_words = [word for word in words if word not in _LEGAL_FORMS] or words
    code = ""
    for word in name_words:
        longer = f"{code}-{word}" if code else word[:LONGEST_CODE]
        if len(longer) > LONGEST_CODE:
            break
        code = longer
    return code or "company"


def registration_fault(number: str, currency: str, today: date) -> Refusal | None:
    """Return why this cannot be a company's registration number, or None.

    Companies that keep their books in ringgit are registered with SSM.
    """
    plain = number.strip().upper()
    words = f"“{number}” is not a registration number."
    if currency != RINGGIT:
        hint = "Enter it as the register of your country shows it."
        is_valid = _ANY.fullmatch(plain)
        return None if is_valid else Refusal("company.registration", words, hint, 422)
    if _OLD.fullmatch(plain):
        return None
    hint = "Enter the 12 digits of SSM, such as 202001012345, or the old form, such as 1368665-X."
    number_pair = _BOTH.fullmatch(plain)
    if number_pair is None or (number_pair["old"] and not _OLD.fullmatch(number_pair["old"])):
        return Refusal("company.registration", words, hint, 422)
    parts = _NEW.fullmatch(number_pair["new"])
    if parts is None or not _FIRST_YEAR <= int(parts["year"]) <= today.year:
        hint = (
            f"Its first four digits are the year of registration: {number_pair['new'][:4]} is none."
        )
        return Refusal("company.registration", words, hint, 422)
    if parts["kind"] not in _KINDS:
        hint = f"Its fifth and sixth digit are 01 to 06, and not {parts['kind']}."
        return Refusal("company.registration", words, hint, 422)
    return None


def closed_books_fault(closed_through: date | None, today: date) -> Refusal | None:
    """Return why the books cannot be closed through this day, or None."""
    if closed_through is None or closed_through <= today:
        return None
    words = f"The books cannot be closed through {closed_through}, because that day has not come."
    return Refusal("company.closed", words, "Enter the last day of your last closed month.", 422)


def form_faults(company: FirstCompany, person: FirstPerson, now: datetime) -> list[Refusal]:
    """Return all faults that can be seen without the database, so that a form shows them at once.

    The refusals are those with which the company or its first person would be refused.
    """
    today = now.date() + timedelta(days=1)
    faults = (
        registration_fault(company.registration, company.currency, today),
        closed_books_fault(company.closed_through, today),
        password_fault(person.password, person.email),
    )
    return [fault for fault in faults if fault is not None]


def choose(
    session: Session,
    actor: Actor,
    files: Mapping[str, str],
    title: str,
    teams: Mapping[str, int],
    now: datetime,
    checked: Report | None = None,
    titles: Mapping[str, str] = MappingProxyType({}),
) -> int | Refusal:
    """Create a company's first rule change and return its number.

    `files` maps paths to texts, and `title` is the title of the change. `teams` maps a team's name
    in the rules to the person who joins it; only administrators may set it. `titles` maps a team's
    name to its title on pages. `checked` is the report of these files if the caller checked them;
    otherwise they are checked here.
    """
    refusal = may(actor, "rules.draft") or (may(actor, "people.admin") if teams else None)
    if refusal or actor.company_id is None:
        return refusal or Refusal("company.none", "No company is chosen.", status=404)
    if lock_company(session, actor.company_id).ruleset_version_id is not None:
        words = "You cannot start from a template, because rules are in force already."
        return Refusal("rules.in_force", words, "Change the files under Rules instead.")
    names = names_of(session, teams.values())
    if unknown := [team for team, person in teams.items() if not _here(session, actor, person)]:
        words = f"The person chosen for {unknown[0]} is not in this company."
        return Refusal("team.stranger", words, "Reload the page and choose another person.", 422)
    change = publication.push_change(session, actor.company_id, actor, files, title, now, checked)
    if isinstance(change, Refusal):
        return change
    for team, person in teams.items():
        add_to_team(session, company_id=actor.company_id, name=team, person_id=person)
        ensure_team(session, actor.company_id, team).title = titles.get(team, "")
        record_event(
            session,
            company_id=actor.company_id,
            at=now,
            actor=actor,
            act="team.joined",
            body={"say": f"{names[person]} joined the team {team}.", "person": person},
        )
    return change


def _here(session: Session, actor: Actor, person_id: int) -> bool:
    return bool(roles_of(session, actor.company_id or 0, person_id))
