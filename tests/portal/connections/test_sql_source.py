"""A shop's database is connected in the browser: its queries, its test, its password."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from connectors.transport.http import Http
from holding.db.models import Connection, Delivery, Pull, Version
from holding.intake.pulls import pull_due, start_new_pulls
from tests.connectors.shop_database import PASSWORD, QUERIES, shop_database
from tests.connectors.sources.test_sql import NOW, order
from tests.portal.reading import plain

pytestmark = pytest.mark.sqlite
NEW = "/c/kedai/connections/new"
PAGE = "/c/kedai/connections/stall"


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        folder = tmp_path_factory.mktemp("shop")
        with shop_database("sqlite", folder, patched.setenv) as made:
            yield made


@pytest.fixture
def shop_file(there):
    there.empty()
    return there


def wish(shop_file, **other):
    given = {"system": "sql", "name": "stall", "key": "", "record_kinds": "settlement"}
    return {**given, **QUERIES, "base_url": shop_file.settings["base_url"], **other}


def stored(database):
    with database.read() as session:
        return session.scalars(select(Connection).where(Connection.name == "stall")).one_or_none()


def test_the_form_asks_for_queries_in_fields_of_several_lines(visit):
    form = visit("adam").text(f"{NEW}?system=sql")
    assert form.count("<textarea") == 6
    assert 'type="password"' in form
    assert "Save and test A shop" in plain(form)
    assert "Password (optional)" in plain(form)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"base_url": "postgresql://r:hush-hush-9@db/shop"}, "The password does not belong"),
        ({"base_url": "https://db.example"}, "This names no database that is known."),
        ({"order_query": "DELETE FROM orders"}, "it does not begin with SELECT or WITH"),
        ({"line_query": "SELECT 1; SELECT 2"}, "The query holds a semicolon."),
        ({"order_columns": "order_no = nummer"}, "There is no field nummer."),
        ({"key": "has blanks in it"}, "The key has white space inside."),
    ],
)
def test_what_cannot_be_right_is_refused_beside_its_field(
    visit, shop_file, database, changed, told
):
    page = visit("adam").post(NEW, wish(shop_file, **changed), status=422).get_data(as_text=True)
    assert told in plain(page)
    assert "SELECT * FROM order_items" in page or "line_query" in changed
    assert stored(database) is None


def test_it_is_stored_tested_and_its_page_tells_the_test_and_no_webhook(visit, shop_file, database):
    adam = visit("adam")
    answer = adam.post(NEW, wish(shop_file), status=303)
    assert answer.location == f"{PAGE}#conntest"
    page = plain(adam.text(PAGE))
    assert "Connection test: 10 of 10 passed" in page
    assert "updated_at is never blank" in page
    assert "Webhook" not in page
    shop_file.run(*order(1, NOW))
    adam.post("/c/kedai/connections/stall/settings", {**wish(shop_file), "order_cursor": "paid"})
    page = plain(adam.text(PAGE))
    assert "The query has no column paid." in page
    assert "Its test failed: below is what to correct." in page
    for who in ("farah", "olga"):
        visit(who).post(f"{PAGE}/test", {}, status=403)
    visit("adam").post(f"{PAGE}/test", {})
    assert stored(database).test_steps


def test_a_password_is_kept_and_never_shown(visit, shop_file, database):
    adam = visit("adam")
    adam.post(NEW, wish(shop_file, key=PASSWORD), status=303)
    page = adam.text(PAGE)
    assert PASSWORD not in page
    assert f"…{PASSWORD[-4:]}" in page


@pytest.mark.slow
def test_without_a_key_it_is_read_by_the_worker_and_each_state_once(
    visit, shop_file, database, clock
):
    visit("adam").post(NEW, wish(shop_file), status=303)
    company = stored(database).company_id
    with database.write() as session:
        start_new_pulls(session, clock.now())

    def pulled():
        told = pull_due(
            database,
            clock,
            company_id=company,
            owner="w",
            http=Http(clock),
            keys=None,
            lease_seconds=60,
        )
        with database.read() as session:
            wrong = session.scalars(select(Pull.wrong)).all()
            versions = session.scalars(
                select(Version.id)
                .join(Delivery, Version.delivery_id == Delivery.id)
                .where(Delivery.source_id == stored(database).id)
            ).all()
        assert not any(wrong)
        return told.new, len(versions)

    def settle(number, status, amount="250.10"):
        moment = (clock.now() + timedelta(hours=8)).replace(tzinfo=None).isoformat(" ", "seconds")
        shop_file.run(
            f"DELETE FROM blogger_settlements WHERE id = {number}",
            f"INSERT INTO blogger_settlements VALUES ({number}, 'ST-{number}', '{status}', 'B',"
            f" NULL, '2026-11-16', NULL, '{moment}', 'MYR', {amount})",
        )

    assert pulled() == (0, 0)
    clock.advance(60)
    settle(1, "approved")
    settle(2, "approved")
    clock.advance(900)
    assert pulled() == (2, 2)
    settle(1, "paid")
    settle(3, "approved")
    clock.advance(900)
    assert pulled() == (2, 4)
    clock.advance(900)
    assert pulled() == (0, 4)


def test_a_row_that_is_deleted_or_changed_without_a_sign_is_found_in_the_night(
    visit, shop_file, database, clock
):
    start = (clock.now() - timedelta(days=9)).date().isoformat()
    visit("adam").post(NEW, wish(shop_file, record_kinds="", pull_from=start), status=303)
    moments = {n: clock.now() - timedelta(days=n, hours=1) for n in (1, 2, 3)}
    shop_file.run(*(one for n, moment in moments.items() for one in order(n, moment)))
    source = stored(database)
    with database.write() as session:
        start_new_pulls(session, clock.now())

    def pulled():
        more = True
        while more:
            more = pull_due(
                database,
                clock,
                company_id=source.company_id,
                owner="w",
                http=Http(clock),
                keys=None,
                lease_seconds=60,
            ).more

    def versions():
        of_source = (
            select(Version.body)
            .join(Delivery, Version.delivery_id == Delivery.id)
            .where(Delivery.source_id == source.id)
            .order_by(Version.id)
        )
        with database.read() as session:
            return [
                (one["number"], one["total"], [f["code"] for f in one.get("intake_faults", [])])
                for one in session.scalars(of_source)
            ]

    pulled()
    assert len(versions()) == 3
    shop_file.run("DELETE FROM orders WHERE id = 1", "UPDATE orders SET total = 7 WHERE id = 2")
    for _ in range(2):
        clock.advance(timedelta(days=1))
        pulled()
    assert versions()[3:] == [("NS-2", "7.00", []), ("NS-1", "10.00", ["SRC01"])]
