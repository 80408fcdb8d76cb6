"""Rows that tests start from, with everything that does not matter filled in."""

from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session, make_transient_to_detached

from holding.access.actors import SYSTEM
from holding.connections import breaker
from holding.db.database import Database
from holding.db.models import Company, Connection, Membership, Person, Team
from holding.rulesets.new_connections import add_connection
from tests.support.kept import kept

AT = datetime(2026, 11, 1, tzinfo=UTC)


def make_company(
    session: Session, code: str = "kedai", *, name: str = "Kedai Contoh Sdn Bhd"
) -> Company:
    """A live company with the source `netshop`, the target `aiaccount` and one team that everything
    falls back to.
    """
    company = Company(code=code, name=name, zone="Asia/Kuala_Lumpur", currency="MYR", live=True)
    session.add(company)
    session.flush()
    session.add(Team(company_id=company.id, name="accounts", title="Accounts team"))
    make_connection(session, company, "netshop", side="source")
    settings = {"company_id": "CMP-1042", "company_name": name, "base_url": "http://127.0.0.1:1"}
    make_connection(session, company, "aiaccount", side="target", settings=settings)
    return company


def kept_company(database: Database) -> Company:
    """The same in a database, made once (tests/support/kept.py); the row is in no session."""

    def make() -> dict[str, Any]:
        with database.write() as session:
            made = make_company(session)
            return {column.key: getattr(made, column.key) for column in inspect(Company).columns}

    found = Company(**deepcopy(kept(database, "company", make)))
    make_transient_to_detached(found)
    return found


def add_target(
    session: Session, company: Company, name: str, settings: Mapping[str, object], now: datetime
) -> Connection:
    """A connection to a target, added as an administrator adds one."""
    made = add_connection(
        session,
        company_id=company.id,
        name=name,
        side="target",
        connector=name,
        settings=dict(settings),
        actor=SYSTEM,
        now=now,
        ask_rates=False,
    )
    assert isinstance(made, int), made
    row = session.get_one(Connection, made)
    passed(session, row)
    return row


def passed(session: Session, row: Connection) -> None:
    """A test of this target passed: it may send."""
    row.untested_since = None
    breaker.let_begin(session, row.id)


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
