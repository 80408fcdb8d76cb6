"""Which field a heading of a file means."""

import pytest

from connectors.contract.pulls import LEFT_OUT, FileOrders, MatchedBy
from connectors.registry import sources
from connectors.sources.workbook.connector import _kind_named
from connectors.sources.workbook.file_sheets import headings_of, matched
from tests.support.zones import SHOP_ZONE

ALL = [kind for source in sources().values() for kind in source.kinds]
ORDER = next(one for one in ALL if (one.source, one.kind) == ("workbook", "order"))
ORDERS = headings_of(ORDER).head


def kind(name, source="workbook"):
    return next(one for one in ALL if (one.source, one.kind) == (source, name))


def test_every_field_is_found_by_its_name_its_label_and_each_usual_name():
    for each in ("head", "items", "joined"):
        for name, (label, text) in getattr(headings_of(ORDER), each).items():
            for word in (name, label, label.upper(), *text.split(", "), f" {name}."):
                fields = getattr(headings_of(ORDER), each)
                assert matched([(1, word)], fields, {})[1][0] == name, word


@pytest.mark.parametrize("one", ALL, ids=lambda one: f"{one.source}.{one.kind}")
def test_every_field_of_every_kind_is_found_by_its_name_and_its_label(one):
    """No two fields of a sheet are called the same, and none is lost where lines stand beside."""
    told = headings_of(one)
    for fields in (told.head, told.items, told.joined):
        for name, (label, _) in fields.items():
            for word in (name, label):
                assert matched([(1, word)], fields, {})[1][0] == name, word
    fields = {field.name for field in one.fields}
    assert {"id", *fields} - {f"{one.kind}_id"} == told.head.keys()
    assert set(told.lines.values()) == {field.name for field in one.lines}
    assert told.joined.keys() == told.head.keys() | told.lines.keys()


def test_a_name_goes_before_a_usual_name_and_a_choice_before_both():
    words = [(1, "Order No"), (2, "number"), (3, "Ref")]
    told = matched(words, ORDERS, {})
    assert told[1] == (LEFT_OUT, MatchedBy.NOTHING)
    assert told[2] == ("number", MatchedBy.NAME)
    told = matched(words, ORDERS, {3: "number"})
    assert told[3] == ("number", MatchedBy.PERSON)
    assert told[2] == (LEFT_OUT, MatchedBy.NOTHING)
    assert matched(words, ORDERS, {2: LEFT_OUT})[1] == ("number", MatchedBy.MEANING)


def upload(text, chosen=None, of=ORDER):
    found = sources()["workbook"].upload("a.csv", text.encode(), SHOP_ZONE, chosen or {}, of)
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
    assert (bad.number, bad.record.faults[0]["column"]) == ("SO-8", "Line")
    assert [error.where for error in bad.errors] == ["orders!D4"]
    assert "Errors" not in {one.heading for one in found.columns}


def test_what_no_column_fills_is_told_and_nothing_is_read():
    found = upload("Order No,Our word,Line\nSO-1,paid,1\n")
    assert (found.missing, found.orders) == ((("orders", "status"),), ())
    assert len(upload("Order No,Our word,Line\nSO-1,paid,1\n", {"orders!B": "status"}).orders) == 1


SAMPLES = {
    ("workbook", "refund"): (
        "Refund no,Order no,Status,Refund date,Customer code,Total,Line,SKU,Qty,Amount\n"
        "RF-1,SO-1,refunded,2026-11-19,C-1,5.00,1,A,1,5.00\n"
    ),
    ("workbook", "delivery"): (
        "Delivery no,Order no,Status,Delivery date,Line,SKU,Qty,Line of the order\n"
        "DO-1,SO-1,confirmed,2026-11-19,1,A,1,1\n"
    ),
    ("workbook", "receipt"): (
        "Receipt no,Status,Receipt date,Payment method,Amount\nRC-1,cleared,2026-11-19,FPX,5.00\n"
    ),
    ("workbook", "purchase"): (
        "Purchase no,Status,Order date,Supplier code,Total,Line,SKU,Qty,Unit price\n"
        "PR-1,requested,2026-11-19,S-1,5.00,1,A,1,5.00\n"
    ),
    ("workbook", "settlement"): (
        "Settlement no,Status,Settlement date,Supplier,Gross,Fees,Net,Line,Gross of the line\n"
        "ST-1,approved,2026-11-19,S-1,5.00,-1.00,4.00,1,5.00\n"
    ),
    ("netshop", "settlement"): (
        "Settlement no,Status,Blogger,Settlement date,Commission\nST-1,paid,B-1,2026-11-19,5.00\n"
    ),
    ("netshop", "payout"): (
        "Payout no,Status,Deposit date,Gross,Fees,Net,Bank deposit,Line,Kind of entry,Amount\n"
        "PO-1,paid,2026-11-19,5.00,1.00,4.00,4.00,1,sale,5.00\n"
    ),
}


@pytest.mark.parametrize("of", SAMPLES, ids="-".join)
def test_a_file_of_any_kind_is_read_as_its_records(of):
    found = upload(SAMPLES[of], of=kind(of[1], of[0]))
    assert {one.heading for one in found.columns if one.field == LEFT_OUT} == set()
    (one,) = found.orders
    assert one.errors == ()
    assert (one.record.kind, one.record.number) == (of[1], SAMPLES[of].split("\n")[1].split(",")[0])
    assert one.record.external_id == one.number
    filled = {*one.record.body, *(key for x in one.record.body.get("lines", ()) for key in x)}
    assert len(filled - {"lines"}) == len(
        {column.field.removeprefix("line_") for column in found.columns}
    )


def test_the_id_of_an_order_is_also_the_field_in_which_a_shop_has_it():
    text = "Order ID,Order No,Status,Line,SKU\n77,W-1,processing,1,A\n"
    (one,) = upload(text, of=kind("order", "woocommerce")).orders
    told = (one.record.external_id, one.record.number, one.record.body["order_id"])
    assert told == ("77", "W-1", "77")


def test_a_kind_without_lines_has_a_record_a_row_and_none_twice():
    text = "Receipt no,Status,Amount\nRC-1,cleared,5.00\nRC-2,cleared,6.00\nRC-2,cleared,6.00\n"
    found = upload(text, of=kind("receipt"))
    assert [one.record.number for one in found.orders if one.record] == ["RC-1"]
    twice = [error.message for one in found.orders for error in one.errors]
    assert twice == ["This receipt occurs twice in the file."] * 2


DAYS = "Order No,Status,Date,Paid at,Line,SKU\n"


def dated(*days, chosen=None):
    rows = [f"SO-{at},paid,{day},{day} 09:05,1,A\n" for at, day in enumerate(days)]
    found = upload(DAYS + "".join(rows), chosen)
    return found, [one.record.body.get("ordered_on") for one in found.orders]


def test_a_day_that_can_be_read_in_two_ways_is_asked_for_once_a_file():
    found, _ = dated("05/06/2026", "07/08/2026")
    assert (found.in_doubt, found.orders) == ("05/06/2026", ())
    found, days = dated("05/06/2026", "07/08/2026", chosen={"days": "day"})
    assert (found.days, days) == ("day", ["2026-06-05", "2026-08-07"])
    assert found.orders[0].record.body["paid_at"] == "2026-06-05T01:05:00Z"
    found, days = dated("05/06/2026", "07/08/2026", chosen={"days": "month"})
    assert (found.days, days) == ("month", ["2026-05-06", "2026-07-08"])


@pytest.mark.parametrize(
    ("days", "read", "told"),
    [
        (["05/06/2026", "13/06/2026"], "day", ["2026-06-05", "2026-06-13"]),
        (["5.6.2026", "13.6.2026"], "day", ["2026-06-05", "2026-06-13"]),
        (["05-06-2026", "06-13-2026"], "month", ["2026-05-06", "2026-06-13"]),
        (["06/13/2026"], "month", ["2026-06-13"]),
        (["2026-06-05", "2026-06-13"], None, ["2026-06-05", "2026-06-13"]),
        (["05/05/2026"], None, ["2026-05-05"]),
    ],
)
def test_a_file_that_says_itself_which_is_the_day_is_not_asked(days, read, told):
    for chosen in ({}, {"days": "day"}, {"days": "month"}):
        found, made = dated(*days, chosen=chosen)
        assert (found.in_doubt, found.days, made) == ("", read, told)


@pytest.mark.parametrize(
    ("days", "ways", "read"),
    [
        (["19/11/26", "20/11/26"], ["day", "year"], {"day": ["2026-11-19", "2026-11-20"]}),
        (["26/11/19", "26/11/20"], ["day", "year"], {"year": ["2026-11-19", "2026-11-20"]}),
        (["05/06/26"], ["day", "month", "year"], {"month": ["2026-05-06"], "year": ["2005-06-26"]}),
        (["32/06/26"], ["year"], {"year": ["2032-06-26"]}),  # as likely a typing error: it is asked
    ],
)
def test_a_year_of_two_digits_is_asked_for_too(days, ways, read):
    found, _ = dated(*days)
    assert (found.in_doubt, [order for order, _ in found.ways]) == (days[0], ways)
    for order, made in read.items():
        assert dict(found.ways)[order] == made[0]
        again, told = dated(*days, chosen={"short_days": order})
        assert (again.in_doubt, again.days, told) == ("", order, made)
        assert dated(*days, chosen={"days": order})[0].in_doubt, "an answer about whole years"
    for order in {"day", "month", "year"} - set(ways):
        assert dated(*days, chosen={"short_days": order})[0].in_doubt, "no way to read it"


@pytest.mark.parametrize(
    ("days", "read", "told"),
    [
        (["06/13/26"], "month", ["2026-06-13"]),
        (["05/06/26", "13/06/2026"], "day", ["2026-06-05", "2026-06-13"]),
        (["05/06/26", "06/13/26"], "month", ["2026-05-06", "2026-06-13"]),
        (["12/11/10", "13/11/2026", "11/13/2026"], None, [None, None, None]),
    ],
)
def test_of_a_year_of_two_digits_a_file_may_say_which_is_the_day(days, read, told):
    for chosen in ({}, {"short_days": "year"}):
        found, made = dated(*days, chosen=chosen)
        assert (found.in_doubt, found.days, made) == ("", read, told)


def test_days_that_say_two_things_and_what_is_no_day_are_wrong_cells():
    found, made = dated(
        "13/06/2026", "06/13/2026", "05/06/2026", "2026-06-05", chosen={"days": "day"}
    )
    assert (found.in_doubt, made) == ("", [None, None, None, "2026-06-05"])
    found, made = dated("13/13/2026", "31/02/2026", "5/6/126", "31/12/2026")
    assert made == [None, None, None, "2026-12-31"]
    assert found.orders[0].errors[0].value == "13/13/2026"


def test_a_file_that_nobody_is_asked_about_names_the_day_in_doubt():
    source = sources()["workbook"]
    refused = source.read("orders.csv", (DAYS + "SO-1,paid,05/06/2026,,1,A\n").encode(), SHOP_ZONE)
    assert (refused.status, refused.code) == (422, "days_in_doubt")
    assert "05/06/2026 can be read in more than one way" in refused.message
    taken = source.read("orders.csv", (DAYS + "SO-1,paid,15/06/2026,,1,A\n").encode(), SHOP_ZONE)
    assert [one.body["ordered_on"] for one in taken.records] == ["2026-06-15"]


@pytest.mark.parametrize(
    ("number", "good"), [("8.20983E+17", False), ("8E-17", True), ("E17", True)]
)
def test_an_id_that_a_spreadsheet_has_shortened_is_a_wrong_cell(number, good):
    """A CSV file that Excel saved has of a long number what its cell showed."""
    text = f"{DAYS}{number},paid,15/06/2026,,1,A\n"
    told = sources()["workbook"].read("orders.csv", text.encode(), SHOP_ZONE)
    assert [one.external_id for one in told.records] == [number] * good
    assert [one.value for one in told.errors] == [number] * (not good)
    assert all("shortened this number" in one.message for one in told.errors)


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("refunds.csv", "refund"),
        ("Settlement-payments 2026.csv", "settlement_payment"),
        ("settlement.csv", "settlement"),
        ("receipts_november.csv", "receipt"),
        ("stall.csv", "order"),
        ("receiptsold.csv", "order"),
    ],
)
def test_the_name_of_a_file_says_the_kind_where_nobody_is_asked(name, of):
    text = f"{of.replace('_', ' ')} no,Status,Line,SKU,Amount\nX-1,paid,1,A,5.00\n"
    taken = sources()["workbook"].read(name, text.encode(), SHOP_ZONE)
    assert [one.kind for one in taken.records] == [of] or taken.code == "missing_column"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("deliveries.csv", "delivery"),
        ("Delivery 2026-11.csv", "delivery"),
        ("settlement payments.csv", "settlement_payment"),
        ("settlements.csv", "settlement"),
        ("november.csv", "order"),
        ("refunded.csv", "order"),
    ],
)
def test_a_file_says_its_kind_by_its_name(name: str, kind: str) -> None:
    assert _kind_named(name).kind == kind


@pytest.mark.parametrize(
    ("cells", "field"),
    [
        (["9.90", "0.00", ""], "tax_total"),
        (["RM 9.90", "RM 1,250.50"], "tax_total"),
        (["SST", "NONE"], "tax"),
        (["9.90", "SST"], "tax"),
        (["6", "10"], "tax"),  # rates
        (["0.06", "0.1"], "tax"),
        (["6%", "10%"], "tax"),
        (["", ""], "tax"),
    ],
)
def test_a_column_tax_of_amounts_is_the_tax_of_the_order(cells, field):
    rows = "".join(f'NS-{at},paid,A,1,"{cell}"\n' for at, cell in enumerate(cells, 1))
    found = upload(f"number,status,sku,qty,Tax\n{rows}")
    [told] = [column for column in found.columns if column.heading == "Tax"]
    assert told.field == field


def test_amounts_of_tax_fill_nothing_where_another_column_has_them_or_a_person_chose():
    text = "number,status,sku,qty,Tax,Total tax\nNS-1,paid,A,1,9.90,9.90\n"
    assert [one.field for one in upload(text).columns][-2:] == ["", "tax_total"]
    (key,) = [one.key for one in upload(text).columns if one.heading == "Tax"]
    chosen = upload(text, {key: "tax"})
    assert [one.field for one in chosen.columns][-2:] == ["tax", "tax_total"]
