"""By which ways documents go into one accounting system: no type of them by two."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from holding.access.actors import SYSTEM
from holding.connections.connections import pause
from holding.db.database import Database
from holding.db.models import Company, Connection, Event
from holding.db.refusal import Refusal
from holding.rulesets import target_ways
from holding.rulesets.new_connections import add_connection, change_settings
from tests.support.factories import connection_named
from tests.support.postings import NOW

API = {
    "base_url": "http://127.0.0.1:9",
    "company_id": "1042",
    "key_id": "K",
    "locked_through": "none",
}
FILE = {"company_id": "kedai", "number_prefix": "CP", "locked_through": "none"}
GOODS = "sales_order, delivery_order,goods_received_note"


def add(database: Database, company: Company, connector: str, **more: str) -> int | Refusal:
    settings = (API if connector == "autocount" else FILE) | more
    with database.write() as session:
        return add_connection(
            session,
            company_id=company.id,
            name=connector,
            side="target",
            connector=connector,
            settings=settings,
            actor=SYSTEM,
            now=NOW,
            ask_rates=False,
        )


@pytest.mark.parametrize("first", ["autocount", "autocount_excel"])
@pytest.mark.parametrize(
    ("types", "refused"),
    [
        ("", True),
        ("invoice", True),
        ("delivery_order, ar_payment", True),
        (GOODS, False),
        ("delivery_order", False),
    ],
)
def test_interface_and_import_take_no_type_both(
    database: Database, company: Company, first: str, types: str, refused: bool
) -> None:
    second = {"autocount": "autocount_excel", "autocount_excel": "autocount"}[first]
    told = {"autocount": {}, "autocount_excel": {"document_types": types}}
    assert isinstance(add(database, company, first, **told[first]), int)
    found = add(database, company, second, **told[second])
    assert isinstance(found, Refusal) == refused
    if isinstance(found, Refusal):
        assert (found.code, found.status) == ("connection.two_ways", 422)
        assert "the same documents could get there by both" in found.message
        assert found.hint == (
            f"Keep one: pause {first} first. Or leave autocount_excel only what autocount cannot"
            " post, as its document types: cash_sale, delivery_order, goods_received_note,"
            " sales_order."
        )


def test_what_the_import_takes_is_not_widened_beside_the_interface(
    database: Database, company: Company
) -> None:
    """Only while one of them is paused; and then it is not resumed."""
    assert isinstance(add(database, company, "autocount"), int)
    assert isinstance(add(database, company, "autocount_excel", document_types=GOODS), int)

    def widened() -> tuple[str, ...] | Refusal:
        with database.write() as session:
            row = connection_named(session, company, "autocount_excel")
            return change_settings(session, SYSTEM, row.id, {"document_types": ""}, now=NOW)

    refused = widened()
    assert isinstance(refused, Refusal)
    assert refused.code == "connection.two_ways"
    with database.write() as session:
        row = connection_named(session, company, "autocount_excel")
        assert row.settings["document_types"] == GOODS
        assert pause(session, SYSTEM, row.id, "looked at", now=NOW) is None
    assert widened() == ("document_types",)
    with database.write() as session:
        row = connection_named(session, company, "autocount_excel")
        again = target_ways.resume_target(session, SYSTEM, row.id, now=NOW)
    assert isinstance(again, Refusal)
    assert again.code == "connection.two_ways"


def test_an_unknown_type_is_refused(database: Database, company: Company) -> None:
    found = add(database, company, "autocount_excel", document_types="delivery")
    assert isinstance(found, Refusal)
    assert found.hint == "The setting is document_types."


def paused(database: Database, company: Company, name: str) -> Connection:
    with database.read() as session:
        return connection_named(session, company, name)


def over(database: Database, moment: datetime) -> None:
    with database.write() as session:
        target_ways.resume_due(session, moment)


def test_a_pause_ends_at_its_time_and_no_other(database: Database, company: Company) -> None:
    assert isinstance(add(database, company, "autocount"), int)
    assert isinstance(add(database, company, "autocount_excel", document_types=GOODS), int)
    until = NOW + timedelta(hours=3)
    with database.write() as session:
        key = connection_named(session, company, "autocount").id
        late = pause(session, SYSTEM, key, "stock count", now=NOW, until=NOW)
        assert isinstance(late, Refusal)
        assert late.code == "pause.until"
        assert pause(session, SYSTEM, key, "stock count", now=NOW, until=until) is None
        other = connection_named(session, company, "autocount_excel").id
        assert pause(session, SYSTEM, other, "month end", now=NOW) is None
    assert paused(database, company, "autocount").pause_until == until
    over(database, until - timedelta(seconds=1))
    assert paused(database, company, "autocount").paused_at == NOW
    over(database, until)
    row = paused(database, company, "autocount")
    assert (row.paused_at, row.pause_until, row.pause_reason) == (None, None, None)
    assert paused(database, company, "autocount_excel").paused_at == NOW, "one without an end stays"
    with database.read() as session:
        query = select(Event).where(Event.act.startswith("connection.")).order_by(Event.id)
        acts = ("connection.paused", "connection.resumed")
        told = [one.body["say"] for one in session.scalars(query) if one.act in acts]
    assert f"autocount was paused until {until:%Y-%m-%d %H:%M} UTC: stock count" in told
    assert told[-1] == "autocount was resumed."


def test_who_resumes_by_hand_ends_the_time_too(database: Database, company: Company) -> None:
    assert isinstance(add(database, company, "autocount"), int)
    until = NOW + timedelta(hours=3)
    with database.write() as session:
        key = connection_named(session, company, "autocount").id
        assert pause(session, SYSTEM, key, "stock count", now=NOW, until=until) is None
        assert target_ways.resume_target(session, SYSTEM, key, now=NOW) is None
        assert pause(session, SYSTEM, key, "month end", now=NOW) is None
    over(database, until)
    assert paused(database, company, "autocount").paused_at == NOW


def test_what_cannot_be_resumed_stays_paused_and_says_why(
    database: Database, company: Company
) -> None:
    """Another way into the same books was opened meanwhile."""
    assert isinstance(add(database, company, "autocount"), int)
    until = NOW + timedelta(hours=3)
    with database.write() as session:
        key = connection_named(session, company, "autocount").id
        assert pause(session, SYSTEM, key, "moving", now=NOW, until=until) is None
    assert isinstance(add(database, company, "autocount_excel"), int)
    over(database, until)
    row = paused(database, company, "autocount")
    assert (row.paused_at, row.pause_until) == (NOW, None)
    with database.read() as session:
        query = select(Event.body).where(Event.act == "connection.stays_paused")
        (body,) = session.scalars(query)
    assert body["say"].startswith("autocount stays paused: You cannot use autocount")
    over(database, until + timedelta(hours=1))
    with database.read() as session:
        assert len(session.scalars(query).all()) == 1, "told once"
