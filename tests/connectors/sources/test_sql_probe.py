"""The connection test of a database tells line by line what fits, and what has to be done."""

from datetime import timedelta

import pytest

from tests.connectors.shop_database import PASSWORD, SYSTEMS, shop_database
from tests.connectors.sources.test_sql import NOW, order

CURSOR = "Orders: cursor"


@pytest.fixture(scope="module", params=SYSTEMS)
def kept_shop(request, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        folder = tmp_path_factory.mktemp("shops")
        with shop_database(request.param, folder, patched.setenv) as made:
            yield made


@pytest.fixture
def shop(kept_shop):
    kept_shop.empty()
    kept_shop.run(*order(1, NOW - timedelta(hours=1)), *order(2, NOW - timedelta(hours=1)))
    return kept_shop


def steps(shop, **settings):
    report = shop.tested(NOW, **settings)
    told = " ".join(f"{step.words} {step.hint}" for step in report.steps)
    assert PASSWORD not in told
    assert all(step.words.endswith(".") for step in report.steps)
    assert all(step.hint for step in report.steps if step.ok is False)
    return {step.name: step for step in report.steps}


def test_all_that_fits_passes_and_says_what_is_read(shop):
    told = steps(shop)
    assert list(told) == [
        *("Settings", "Driver", "Reach", "Login", "Read-only"),
        *("Orders: columns", "Order lines: columns", CURSOR),
        *("Settlements: columns", "Settlements: cursor"),
    ]
    assert {step.ok for step in told.values()} == {True}
    assert "order_no" in told["Orders: columns"].words
    assert told["Orders: columns"].hint == "Not read, for no field is called so: created_at."
    assert told["Order lines: columns"].words.startswith("Read: pos, sku, name, qty, unit_price")


def test_a_login_that_may_write_is_a_warning(shop):
    if shop.system == "sqlite":
        assert steps(shop)["Read-only"].words == "The file is opened for reading, and nothing else."
        return
    to = shop.name if shop.system == "postgresql" else f"'{shop.name[-20:]}'@'%'"
    on = "orders" if shop.system == "postgresql" else f"{shop.name}.orders"
    shop.run(f"GRANT UPDATE ON {on} TO {to}")
    step = steps(shop)["Read-only"]
    shop.run(f"REVOKE UPDATE ON {on} FROM {to}")
    assert step.ok is None
    assert step.words.startswith("The connection only reads, but its login may do more:")
    assert "SELECT" in step.hint
    assert steps(shop)["Read-only"].ok is True


def test_columns_that_are_not_there_are_named(shop):
    told = steps(shop, order_columns="order_number = number, customer_id = customer")
    assert told["Orders: columns"].ok is False
    assert told["Orders: columns"].words == "The query has no column order_number."
    assert "order_no" in told["Orders: columns"].hint
    assert steps(shop, order_columns="")["Orders: columns"].words == (
        "The query has no column for number."
    )
    assert steps(shop, line_order="parcel")["Order lines: columns"].ok is False
    assert steps(shop, order_cursor="changed_at")["Orders: columns"].ok is False
    lost = steps(shop, order_query="SELECT * FROM parcels")
    assert lost["Orders"].words.startswith("The database knows no")
    assert lost["Settlements: cursor"].ok is True


def test_a_cursor_that_leaves_rows_out_fails(shop):
    blank = (
        "SELECT id, order_no, status, total, CASE WHEN id = 1 THEN updated_at END AS updated_at"
        " FROM orders"
    )
    assert "blank in some rows" in steps(shop, order_query=blank)[CURSOR].words
    twice = "SELECT 7 AS id, order_no, status, total, updated_at FROM orders"
    step = steps(shop, order_query=twice)[CURSOR]
    assert (step.ok, step.words) == (False, "The id 7 occurs more than once in id.")
    step = steps(shop, order_cursor="order_no")[CURSOR]
    assert step.ok is False
    assert "not a moment" in step.words


def test_amounts_of_binary_numbers_are_named(shop):
    assert "Orders: amounts" not in steps(shop)
    kind = "double precision" if shop.system == "postgresql" else "DOUBLE"
    shop.run(
        f"CREATE TABLE float_orders (id BIGINT, total {kind}, tax_total REAL)",
        f"CREATE TABLE float_items (id BIGINT, order_id BIGINT, qty {kind}, unit_price DECIMAL)",
    )
    if shop.system == "postgresql":
        shop.run(f"GRANT SELECT ON float_orders, float_items TO {shop.name}")
    orders = (
        "SELECT o.id, o.order_no, o.status, o.updated_at, f.total, f.tax_total FROM orders o"
        " LEFT JOIN float_orders f ON f.id = o.id"
    )
    told = steps(shop, order_query=orders, line_query="SELECT * FROM float_items")
    shop.run("DROP TABLE float_orders", "DROP TABLE float_items")
    step = told["Orders: amounts"]
    assert (step.ok, step.code) == (None, "database.float")
    assert step.words.endswith(": tax_total, total, qty.")


def test_a_cursor_that_changes_do_not_move_is_a_warning(shop):
    assert "Orders: changes" not in steps(shop)
    step = steps(shop, order_cursor="created_at")["Orders: changes"]
    assert (step.ok, step.code) == (None, "database.unmoved")
    shop.run("UPDATE orders SET paid_at = '2025-11-20 13:59:00' WHERE id = 2")
    step = steps(shop)["Orders: changes"]
    assert (step.ok, step.code) == (None, "database.unmoved")
    assert "later moment in paid_at than in updated_at" in step.words
    assert "deleted" in steps(shop)[CURSOR].hint
    by_id = steps(shop, order_cursor="id")[CURSOR]
    assert by_id.ok is False
    assert "an id does not" in by_id.hint


def test_a_cursor_without_an_index_or_ahead_of_the_clock_is_a_warning(shop):
    slow = steps(shop, order_cursor="created_at")[CURSOR]
    assert slow.ok is None
    assert "no index on created_at" in slow.words
    shop.run(*order(3, NOW + timedelta(hours=8)))
    ahead = steps(shop)[CURSOR]
    assert ahead.ok is None
    assert "2025-11-20 14:00 UTC, which is yet to come" in ahead.words


def test_who_is_not_there_or_refuses_stops_the_test(shop):
    if shop.system == "sqlite":
        told = steps(shop, base_url="sqlite:///none.db")
        assert [told[name].ok for name in ("Driver", "Reach", "Login")] == [True, False, None]
        return
    away = shop.settings["base_url"].rpartition(":")[0] + ":18347/shop"
    told = steps(shop, base_url=away)
    assert [told[name].ok for name in ("Driver", "Reach", "Login")] == [True, False, None]
    assert told["Reach"].code == "reach.refused"
    told = steps(shop, base_url=shop.settings["base_url"].replace("://", "://no"))
    assert [told[name].ok for name in ("Reach", "Login", "Read-only")] == [True, False, None]
    assert told["Login"].words == "The database does not accept the login."
    nothing = steps(shop, order_query="", settlement_query="")
    assert nothing["Settings"].ok is False
