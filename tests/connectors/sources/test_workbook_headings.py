"""Which field a heading of a file means."""

import pytest

from connectors.contract.uploads import LEFT_OUT, FileOrders, MatchedBy
from connectors.registry import sources
from connectors.sources.workbook.headings import ITEMS, JOINED, ORDERS, matched
from tests.support.zones import SHOP_ZONE


@pytest.mark.parametrize("fields", [ORDERS, ITEMS, JOINED])
def test_every_field_is_found_by_its_name_its_label_and_each_usual_name(fields):
    for name, (label, text) in fields.items():
        for word in (name, label, label.upper(), *text.split(", "), f" {name}."):
            assert matched([(1, word)], fields, {})[1][0] == name, word


def test_a_name_goes_before_a_usual_name_and_a_choice_before_both():
    words = [(1, "Order No"), (2, "number"), (3, "Ref")]
    told = matched(words, ORDERS, {})
    assert told[1] == (LEFT_OUT, MatchedBy.NOTHING)
    assert told[2] == ("number", MatchedBy.NAME)
    told = matched(words, ORDERS, {3: "number"})
    assert told[3] == ("number", MatchedBy.PERSON)
    assert told[2] == (LEFT_OUT, MatchedBy.NOTHING)
    assert matched(words, ORDERS, {2: LEFT_OUT})[1] == ("number", MatchedBy.MEANING)


def upload(text, chosen=None):
    found = sources()["workbook"].upload("a.csv", text.encode(), SHOP_ZONE, chosen or {})
    assert isinstance(found, FileOrders)
    return found


def test_a_csv_of_items_is_orders_with_the_cells_of_each():
    found = upload(
        "Order ID,Order No,Status,Line,SKU,Errors\n"
        "7,SO-7,paid,1,A,old words\n7,SO-7,paid,2,B,\n8,SO-8,paid,x,C,\n"
    )
    good, bad = found.orders
    assert good.rows == ("orders!A2", "orders!A3")
    assert found.place(good.rows[1], "sku") == "orders!E3"
    assert [line["sku"] for line in good.record.body["lines"]] == ["A", "B"]
    assert (bad.record, bad.number) == (None, "SO-8")
    assert [error.where for error in bad.errors] == ["orders!D4"]
    assert "Errors" not in {one.heading for one in found.columns}


def test_what_no_column_fills_is_told_and_nothing_is_read():
    found = upload("Order No,Our word,Line\nSO-1,paid,1\n")
    assert (found.missing, found.orders) == ((("orders", "status"),), ())
    assert len(upload("Order No,Our word,Line\nSO-1,paid,1\n", {"orders!B": "status"}).orders) == 1
