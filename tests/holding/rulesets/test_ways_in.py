"""By which ways a kind of record comes: two of one kind may not be on side by side."""

from collections.abc import Mapping

import pytest

from holding.access.actors import SYSTEM
from holding.connections import connections
from holding.db.database import Database
from holding.db.models import Company, Connection
from holding.db.refusal import Refusal
from holding.rulesets import target_ways
from holding.rulesets.new_connections import add_connection, change_settings
from tests.support.factories import connection_named, make_company, make_connection
from tests.support.postings import NOW


def add(
    database: Database, company: Company, name: str, connector: str, **settings: str
) -> int | Refusal:
    with database.write() as session:
        return add_connection(
            session,
            company_id=company.id,
            name=name,
            side="source",
            connector=connector,
            settings=settings,
            actor=SYSTEM,
            now=NOW,
        )


def test_two_shops_by_api_are_no_two_ways(database: Database, company: Company) -> None:
    assert isinstance(add(database, company, "shopify", "shopify"), int)
    assert isinstance(add(database, company, "second", "netshop"), int)
    with database.read() as session:
        assert target_ways.find_clashes(session, company.id) == ()


@pytest.mark.parametrize(
    ("netshop", "stall", "refused"),
    [
        ({}, {}, True),
        ({"record_kinds": "order"}, {}, True),
        ({"record_kinds": "settlement"}, {}, True),
        ({"record_kinds": "settlement"}, {"record_kinds": "order"}, False),
        ({"deliveries": "off"}, {}, False),
        ({"deliveries": "on"}, {"deliveries": "off"}, False),
    ],
)
def test_the_second_way_of_one_kind_is_refused(
    database: Database,
    company: Company,
    netshop: Mapping[str, str],
    stall: Mapping[str, str],
    refused: bool,
) -> None:
    with database.write() as session:
        connection_named(session, company, "netshop").settings = dict(netshop)
    made = add(database, company, "stall", "workbook", **stall)
    assert isinstance(made, Refusal) is refused
    if isinstance(made, Refusal):
        assert (made.code, made.status) == ("connection.two_ways", 422)
        assert "netshop (API)" in made.message
        assert "switch the deliveries of netshop off before you add stall" in made.hint, (
            "it is not there yet: nothing of it can be switched"
        )


def test_another_company_is_another_matter(database: Database, company: Company) -> None:
    with database.write() as session:
        other = make_company(session, "toko")
        connection_named(session, other, "netshop").settings = {"deliveries": "off"}
        make_connection(session, other, "stall", side="source", connector="workbook")
        assert target_ways.find_clashes(session, company.id) == ()
        assert target_ways.find_clashes(session, other.id) == ()


def test_an_old_clash_hinders_no_other_change_and_ends_by_the_switch(
    database: Database, company: Company
) -> None:
    with database.write() as session:
        stall = make_connection(session, company, "stall", side="source", connector="workbook")
        stall.settings = {"record_kinds": "order"}
        assert [one.kinds for one in target_ways.find_clashes(session, company.id)] == [("order",)]
        key = stall.id

    def change(**settings: str) -> object:
        with database.write() as session:
            return change_settings(session, SYSTEM, key, settings, now=NOW)

    assert change(zone="Asia/Singapore") == ("zone",)
    assert isinstance(change(record_kinds="order,settlement"), Refusal)
    assert change(deliveries="off") == ("deliveries",)
    with database.read() as session:
        assert target_ways.find_clashes(session, company.id) == ()
        assert session.get_one(Connection, key).settings["deliveries"] == "off"


def test_a_source_that_is_off_is_not_asked() -> None:
    told = {"base_url": "https://shop.example"}
    assert connections.is_set(told)
    assert not connections.is_set({**told, "deliveries": "off"})
