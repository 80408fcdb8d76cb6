"""What names a database: addresses without a password, one SELECT, columns that fit."""

import pytest

from connectors.contract.errors import (
    DatabaseAddress,
    address_fault,
    columns_fault,
    parse_address,
    parse_columns,
    query_fault,
    query_text,
)

GOOD = (
    "SELECT * FROM orders",
    "  select id, updated_at from orders where status <> 'draft';  ",
    "WITH paid AS (SELECT * FROM orders) SELECT * FROM paid",
    "SELECT id::text, to_char(at, 'HH24:MI') AS t FROM orders WHERE note <> 'a -- b (' OR 1 = 1",
    "SELECT \"update\", `set`, 'drop it', 'it''s' FROM orders",
    "SELECT tags[1] AS [first one], (parts)[2] FROM orders WHERE a = '[' OR b = 'x'",
    "SELECT updated_at, replace(name, 'a', 'b') AS inserted FROM orders",
)
BAD = {
    "DELETE FROM orders": "begin with SELECT",
    "": "begin with SELECT",
    "('SELECT 1')": "begin with SELECT",
    "SELECT 1; DELETE FROM orders": "semicolon",
    "SELECT ';' FROM orders": "semicolon",
    "SELECT 1;;": "semicolon",
    "SELECT 'a\\' FROM orders": "backslash",
    "SELECT 1 -- all": "“--”",
    "SELECT 1 /* all */": "“/*”",
    "SELECT 1 # all": "“#”",
    "SELECT $$a$$": "“$”",
    "SELECT 'open": "quotation mark",
    "SELECT * INTO taken FROM orders": "says INTO",
    "SELECT * FROM orders FOR UPDATE": "says UPDATE",
    "WITH gone AS (DELETE FROM orders RETURNING id) SELECT * FROM gone": "says DELETE",
    "SELECT * FROM orders) AS q, (SELECT 1": "",
    "SELECT 1) AS q": "brackets",
    "SELECT (1": "brackets",
    "SELECT 1 AS [a'] ) AS x DELETE FROM orders WHERE [b'] = 1": "square brackets",
    "SELECT 1 AS [a]] ') AS x DELETE FROM orders WHERE [b']": "square brackets",
    "SELECT 1 AS [a": "square brackets",
    f"SELECT {'1,' * 10_000} 1": "20,000",
}


@pytest.mark.parametrize("query", GOOD)
def test_one_select_is_taken(query):
    assert query_fault(query) == ""


@pytest.mark.parametrize(("query", "words"), BAD.items())
def test_whatever_else_is_refused_in_words(query, words):
    fault = query_fault(query)
    assert fault
    assert words in fault


def test_a_semicolon_behind_the_query_is_no_part_of_it():
    assert query_text(" SELECT 1 ; ") == "SELECT 1"


def test_an_address_names_system_user_host_and_database():
    told = parse_address("postgresql+psycopg://reader@DB.example/shop")
    assert told == DatabaseAddress("postgresql", "reader", "db.example", 5432, "shop")
    assert parse_address("mariadb://r%40x@db.example:3307/shop") == DatabaseAddress(
        "mariadb", "r@x", "db.example", 3307, "shop"
    )
    assert parse_address("sqlite:///shops/one.db") == DatabaseAddress(
        "sqlite", "", "", 0, "shops/one.db"
    )


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://reader:s3cret-word@db.example/shop",
        "postgresql://reader@db.example/shop?sslmode=disable",
        "postgresql://reader@db.example/",
        "postgresql://db.example/shop",
        "postgresql:///shop",
        "postgresql://reader@db.example:99999/shop",
        "mysql://reader@db.example/shop#x",
        "oracle://reader@db.example/shop",
        "https://db.example",
        "sqlite://",
        "sqlite://host/file.db",
        "sqlite:///a.db?mode=rwc",
        "postgresql://reader@[::1/shop",
        "nothing",
    ],
)
def test_any_other_address_is_refused_and_its_password_not_repeated(address):
    fault = address_fault(address)
    assert fault.endswith(".")
    assert "s3cret" not in fault


def test_columns_go_to_fields_that_are_there_and_each_field_once():
    fields = ("number", "total")
    assert columns_fault("Order_No = number,\n grand = total", fields) == ""
    assert parse_columns("Order_No = number,\n grand = total") == {
        "order_no": "number",
        "grand": "total",
    }
    for wrong in ("order_no", "= number", "order_no = ", "a = nummer", "a = number, b = number"):
        assert columns_fault(wrong, fields).endswith("."), wrong
