"""Rows that tests start from, with everything that does not matter filled in."""

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding import connections
from holding.models import Company, Connection, Membership, Person, Team
from holding.roles import SYSTEM

AT = datetime(2026, 11, 1, tzinfo=UTC)


def make_company(
    session: Session, code: str = "kedai", *, name: str = "Kedai Contoh Sdn Bhd"
) -> Company:
    """A company with the source `netshop`, the target `aiaccount` and one team that everything
    falls back to.
    """
    company = Company(code=code, name=name, zone="Asia/Kuala_Lumpur", currency="MYR")
    session.add(company)
    session.flush()
    session.add(Team(company_id=company.id, name="accounts", title="Accounts team"))
    make_connection(session, company, "netshop", side="source")
    settings = {"company_id": "CMP-1042", "company_name": name, "base_url": "http://127.0.0.1:1"}
    make_connection(session, company, "aiaccount", side="target", settings=settings)
    return company


def add_target(
    session: Session, company: Company, name: str, settings: Mapping[str, object], now: datetime
) -> Connection:
    """A connection to a target, added as an administrator adds one."""
    made = connections.add_connection(
        session,
        company_id=company.id,
        name=name,
        side="target",
        connector=name,
        settings=dict(settings),
        actor=SYSTEM,
        now=now,
    )
    assert isinstance(made, Connection), made
    return made


def make_connection(
    session: Session,
    company: Company,
    name: str,
    *,
    side: str,
    connector: str | None = None,
    settings: Mapping[str, object] | None = None,
) -> Connection:
    connection = Connection(
        company_id=company.id,
        name=name,
        side=side,
        connector=connector or name,
        settings=dict(settings or {}),
    )
    session.add(connection)
    session.flush()
    return connection


def connection_named(session: Session, company: Company, name: str) -> Connection:
    query = select(Connection).where(Connection.company_id == company.id, Connection.name == name)
    return session.scalars(query).one()


def make_person(session: Session, company: Company, email: str, *roles: str) -> Person:
    """A person with roles in a company; no password."""
    person = Person(email=email, name=email.partition("@")[0].title())
    session.add(person)
    session.flush()
    session.add_all(
        Membership(company_id=company.id, person_id=person.id, role=role, granted_at=AT)
        for role in roles
    )
    session.flush()
    return person
