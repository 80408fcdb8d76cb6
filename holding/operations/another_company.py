"""Add a further company, on request with the people and notices of an existing one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access.actors import ACTS, Actor, actor_of
from holding.access.people import OwnCompany, add_membership, companies_of
from holding.company.first_company import FirstCompany, SetUp, create_company
from holding.db.models import Company, Membership, Person, Recipient, SourceLimit
from holding.db.models.columns import moment_text
from holding.db.refusal import Refusal, plural
from holding.operations import planning, recipients
from holding.platform.events import record_event

ACT: Final = "company.setup"

NO_ADMINISTRATOR: Final = Refusal(
    "company.not_admin",
    "You cannot add a company, because you are not an administrator of any company here.",
    "An administrator of a company adds it and invites you.",
    403,
)


@dataclass(frozen=True, slots=True)
class Pattern:
    """An existing company, and what a new one takes over from it."""

    company_id: int
    people: bool
    notices: bool


@dataclass(frozen=True, slots=True)
class Copied:
    """How many people and recipients of notices were copied."""

    people: int
    recipients: int


@dataclass(frozen=True, slots=True)
class Added:
    """The new company, and how many people and recipients it took over."""

    made: SetUp
    people: int
    recipients: int


def administered(session: Session, person_id: int) -> tuple[OwnCompany, ...]:
    """Return the companies that the person administers, by name."""
    allowed = select(Membership.company_id).where(
        Membership.person_id == person_id, Membership.role.in_(sorted(ACTS[ACT]))
    )
    ids = set(session.scalars(allowed))
    return tuple(company for company in companies_of(session, person_id) if company.id in ids)


def add_another(
    session: Session,
    person_id: int,
    company: FirstCompany,
    pattern: Pattern | None,
    now: datetime,
) -> Added | Refusal:
    """Create a company whose administrator this person becomes; nothing is sent before it is live.

    An administrator of an existing company may do so, and takes people and notices only from a
    company that they administer.
    """
    own_ids = {company.id for company in administered(session, person_id)}
    if not own_ids:
        return NO_ADMINISTRATOR
    if pattern is not None and pattern.company_id not in own_ids:
        words = "You cannot take anything over from a company that you do not administer."
        return Refusal("company.pattern", words, "Choose another company.", 403)
    with session.begin_nested() as savepoint:
        setup = create_company(session, company, person_id, now)
        if isinstance(setup, Refusal):
            savepoint.rollback()
            return setup
        new_id = session.scalars(select(Company.id).where(Company.code == setup.code)).one()
        actor = actor_of(session, person_id, new_id)
        if pattern is None or actor is None:
            return Added(setup, 0, 0)
        copied = copy_setup(session, actor, new_id, pattern, now)
        if isinstance(copied, Refusal):
            savepoint.rollback()
            return copied
    return Added(setup, copied.people, copied.recipients)


def copy_setup(
    session: Session, actor: Actor, company_id: int, pattern: Pattern, now: datetime
) -> Copied | Refusal:
    """Copy people with their roles, and notices, into a new company; log it in both companies.

    The caller has checked that the actor administers the other company.
    """
    company, source = (session.get_one(Company, key) for key in (company_id, pattern.company_id))
    people: list[str] = []
    if pattern.people:
        names = _copy_people(session, actor, company, source.id, now)
        if isinstance(names, Refusal):
            return names
        people = names
    count = _copy_notices(session, actor, company, source.id, now) if pattern.notices else 0
    number, recipient_count = plural(len(people), "person", "people"), plural(count, "recipient")
    came = (
        f"{actor.name} copied {number} with their roles and {recipient_count} of notices"
        f" from {source.name}."
    )
    went = (
        f"{actor.name} copied {number} with their roles and {recipient_count} of notices"
        f" to {company.name}."
    )
    for company_id, say in ((company.id, came), (source.id, went)):
        record_event(
            session,
            company_id=company_id,
            at=now,
            actor=actor,
            act="company.copied",
            body={"say": say, "from": source.code, "to": company.code},
        )
    return Copied(len(people), count)


def _copy_people(
    session: Session, actor: Actor, company: Company, source_id: int, now: datetime
) -> list[str] | Refusal:
    """Give each active person their roles of the source company, and return their names.

    Left out: the actor, whose roles another person grants, and people limited to some sources of
    the other company, which do not exist here.
    """
    limited = select(SourceLimit.person_id).where(SourceLimit.company_id == source_id)
    query = (
        select(Person.id, Person.name, Membership.role)
        .join(Membership, Membership.person_id == Person.id)
        .where(Membership.company_id == source_id, Person.active)
        .where(Person.id != actor.person_id, Person.id.not_in(limited))
        .order_by(Person.name, Person.id, Membership.role)
    )
    names: dict[int, str] = {}
    for row in session.execute(query).all():
        names[row.id] = row.name
        refusal = add_membership(
            session,
            company_id=company.id,
            person_id=row.id,
            role=row.role,
            actor=actor,
            now=now,
        )
        if refusal:
            return refusal
    company.needs_second_factor = session.get_one(Company, source_id).needs_second_factor
    session.flush()
    return list(names.values())


def _copy_notices(
    session: Session, actor: Actor, company: Company, source_id: int, now: datetime
) -> int:
    """Copy digest times and recipients, and return the number of recipients.

    Webhooks are left out, because each has a secret of its own that is shown once.
    """
    source = session.get_one(Company, source_id)
    if planning.SETTING in source.settings:
        times = {**source.settings[planning.SETTING], "since": moment_text(now)}
        company.settings = {**company.settings, planning.SETTING: times}
    members = set(
        session.scalars(select(Membership.person_id).where(Membership.company_id == company.id))
    )
    count = 0
    for row in recipients.list_recipients(session, source_id):
        if row.webhook or (row.person_id is not None and row.person_id not in members):
            continue
        session.add(
            Recipient(
                company_id=company.id,
                kind=row.kind,
                person_id=row.person_id,
                address=row.address,
                digest=row.digest,
                urgent=row.urgent,
                packets=row.packets,
                made_at=now,
                made_by_id=actor.person_id,
            )
        )
        count += 1
    session.flush()
    return count
