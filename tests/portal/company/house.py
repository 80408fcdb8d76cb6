"""A company in set-up: its connections, people and records, made by the services themselves."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from connectors.contract import ConnectionSide, IncomingRecord
from holding.access.actors import SYSTEM
from holding.access.people import NewPerson, add_membership, add_person
from holding.connections import breaker
from holding.db.database import Database
from holding.db.models import Company, Connection, Snapshot
from holding.intake import receive as versions
from holding.rulesets.new_connections import add_connection
from tests.support.clock import SetClock

WORD = "a long password"


def company_id(database: Database) -> int:
    with database.read() as session:
        return session.scalars(select(Company.id)).one()


def connect(database: Database, clock: SetClock) -> None:
    """The source `netshop` and the target `aiaccount`."""
    own = company_id(database)
    given: tuple[tuple[str, ConnectionSide, Mapping[str, str]], ...] = (
        ("netshop", "source", {}),
        ("aiaccount", "target", {"company_id": "CMP-1"}),
    )
    with database.write() as session:
        for name, side, settings in given:
            made = add_connection(
                session,
                company_id=own,
                name=name,
                side=side,
                connector=name,
                settings=settings,
                actor=SYSTEM,
                now=clock.now(),
            )
            assert isinstance(made, int), made


def target_passed(database: Database, clock: SetClock) -> None:
    """The target answered its connection test."""
    with database.write() as session:
        row = session.scalars(select(Connection).where(Connection.side == "target")).one()
        row.untested_since, target = None, row.id
        breaker.let_begin(session, target)
        at = {"checked_at": clock.now(), "changed_at": clock.now()}
        session.add(Snapshot(connection_id=target, kind="account", revision=0, sha256="0", **at))


def join(database: Database, clock: SetClock, name: str, *roles: str) -> None:
    """A person with roles, `name@x.my`."""
    own = company_id(database)
    with database.write() as session:
        made = add_person(session, email=f"{name}@x.my", name=name.title(), password=WORD)
        assert isinstance(made, NewPerson)
        for role in roles:
            refused = add_membership(
                session,
                company_id=own,
                person_id=made.person_id,
                role=role,
                actor=SYSTEM,
                now=clock.now(),
            )
            assert refused is None


def order(number: str, **changes: Any) -> dict[str, Any]:
    """A paid order of October, RM 37.50, of a customer that is not mapped."""
    line = {
        "pos": 1,
        "sku": "CUP",
        "name": "Glass cup",
        "uom": "PCS",
        "qty": "3",
        "price": "12.50",
        "tax": "NONE",
    }
    return {
        "number": number,
        "status": "paid",
        "ordered_on": "2026-10-20",
        "paid_at": "2026-10-20T06:30:00Z",
        "channel": "FPX",
        "currency": "MYR",
        "customer": "C-9",
        "customer_name": "Boon",
        "subtotal": "37.50",
        "tax_total": "0.00",
        "round_off": "0.00",
        "total": "37.50",
        "version": 1,
        "lines": [line],
    } | changes


def receive(database: Database, clock: SetClock, *bodies: dict[str, Any]) -> None:
    """One delivery with these orders."""
    own = company_id(database)
    records = [
        IncomingRecord(
            kind="order",
            external_id=one["number"],
            number=one["number"],
            stamp="2026-10-20T07:00:00Z",
            body=one,
        )
        for one in bodies
    ]
    with database.write() as session:
        source = select(Connection.id).where(Connection.side == "source")
        answer = versions.receive(
            session,
            company_id=own,
            source_id=session.scalars(source).one(),
            delivery_key=bodies[0]["number"],
            kind="webhook",
            headers={},
            raw=bodies[0]["number"].encode(),
            records=records,
            now=clock.now(),
            by=None,
        )
    assert isinstance(answer, versions.Receipt), answer
