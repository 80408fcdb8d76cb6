"""Files as shops and people export them are read as orders that agree with their totals."""

import io
from decimal import Decimal

import openpyxl
import pytest

from connectors.contract import Accepted, SourceRefusal
from connectors.contract.pulls import FileOrders
from connectors.contract.schema import FieldType
from connectors.registry import sources
from connectors.sources.workbook.delimited import decoded, separator_of
from connectors.sources.workbook.text_values import (
    ColumnReading,
    Decimals,
    DecimalSign,
    currency_of,
    decimals_of,
    read_amount,
    read_moment,
)
from tests.support.zones import SHOP_ZONE

ORDER = next(one for one in sources()["workbook"].kinds if one.kind == "order")


def upload(raw, name="orders.csv", chosen=None):
    data = raw if isinstance(raw, bytes) else raw.encode()
    found = sources()["workbook"].upload(name, data, SHOP_ZONE, chosen or {}, ORDER)
    assert isinstance(found, FileOrders), found
    return found


def good(found):
    """Return number -> body of the orders without a fault."""
    return {
        one.number: one.record.body
        for one in found.orders
        if one.record is not None and not one.record.faults
    }


def wrong(found):
    """Return place -> message of everything that is wrong."""
    every = [*found.errors, *(error for one in found.orders for error in one.errors)]
    return {one.where: one.message for one in every}


def amounts(body):
    """Return kind, code and amount of each line."""
    return [
        (line["part"], line["sku"], Decimal(line["qty"]) * Decimal(line["price"]))
        for line in body["lines"]
    ]


SHOPIFY = (
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,"
    "Currency,Subtotal,Shipping,Taxes,Total,Discount Code,Discount Amount,Shipping Method,"
    "Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem compare at price,"
    "Lineitem sku,Lineitem requires shipping,Lineitem taxable,Lineitem fulfillment status,"
    "Billing Name,Billing Company,Cancelled at,Payment Method,Refunded Amount,Vendor,Id,"
    "Lineitem discount,Tax 1 Name,Tax 1 Value\n"
    "#1001,siti@example.com,paid,2026-11-20 10:01:00 +0800,unfulfilled,,no,MYR,60.00,8.00,4.80,"
    "72.80,LESS5,5.00,Standard,2026-11-20 00:30:00 +0800,2,Mug,20.00,,MUG,true,true,pending,"
    "Siti Contoh,,,FPX,0.00,Contoh,6123456789012,0.00,SST 8%,4.80\n"
    "#1001,siti@example.com,,,,,,,,,,,,,,2026-11-20 00:30:00 +0800,1,Tee,25.00,,TEE,true,true,"
    "pending,,,,,,Contoh,,0.00,,\n"
    "#1002,ali@example.com,refunded,2026-11-20 11:00:00 +0800,unfulfilled,,no,MYR,20.00,0.00,0.00,"
    "20.00,,0.00,,2026-11-20 10:00:00 +0800,1,Mug,20.00,,MUG,true,false,pending,Ali Contoh,,"
    "2026-11-20 12:00:00 +0800,FPX,20.00,Contoh,6123456789013,0.00,,\n"
)


def test_shopify_writes_the_order_in_its_first_row_only():
    orders = good(upload(SHOPIFY))
    body = orders["#1001"]
    assert (body["ordered_on"], body["customer_name"]) == ("2026-11-20", "Siti Contoh")
    assert (body["status"], orders["#1002"]["status"]) == ("paid", "cancelled")
    assert amounts(body) == [
        ("goods", "MUG", Decimal("40.00")),
        ("goods", "TEE", Decimal("25.00")),
        ("shipping", "SHIPPING", Decimal("8.00")),
        ("discount", "DISCOUNT", Decimal("-5.00")),
    ]
    assert {line["tax"] for line in body["lines"] if line["part"] != "shipping"} == {"SST 8%"}
    assert body["lines"][2]["tax"] == "NONE", "4.80 is 8 % of 60.00, not of 68.00"
    assert (body["subtotal"], body["tax_total"], body["total"]) == ("68.00", "4.80", "72.80")
    assert next(iter(upload(SHOPIFY).orders)).record.external_id == "6123456789012"


def test_a_row_that_is_missing_is_seen_by_the_total():
    lines = SHOPIFY.splitlines(keepends=True)
    found = upload("".join([*lines[:2], lines[3]]))
    assert list(good(found)) == ["#1002"]
    [fault] = found.orders[0].record.faults
    assert (fault["code"], fault["column"], fault["field"]) == ("SUM01", "Total", "total")
    assert (fault["stated"], fault["computed"]) == ("72.80", "47.80")
    assert wrong(found) == {"orders!L2": "The lines come to 47.80 and the order to 72.80: +25.00."}


def test_an_order_cancelled_with_its_money_kept_has_a_word_that_rules_hold():
    text = SHOPIFY.replace("refunded,2026", "paid,2026").replace("FPX,20.00,", "FPX,0.00,")
    assert good(upload(text))["#1002"]["status"] == "paid, cancelled"
    text = SHOPIFY.replace("FPX,0.00,Contoh,6123456789012", "FPX,8.00,Contoh,6123456789012")
    assert good(upload(text))["#1001"]["status"] == "paid, 8.00 refunded"


def saved(*rows, title="orders", merged=()):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = title
    for row in rows:
        sheet.append(row)
    for cells in merged:
        sheet.merge_cells(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


SHOPEE = [
    "Order ID",
    "Order Status",
    "Order Creation Date",
    "Order Paid Time",
    "Parent SKU Reference No.",
    "Product Name",
    "SKU Reference No.",
    "Original Price",
    "Deal Price",
    "Quantity",
    "Product Subtotal",
    "Seller Voucher",
    "Shopee Voucher",
    "Shopee Coins Offset",
    "Buyer Paid Shipping Fee",
    "Commission Fee",
    "Grand Total",
    "Username (Buyer)",
    "Receiver Name",
]


def shopee(product: str, sku: str, price: str, qty: int) -> list[object]:
    head = ["2611200ABCDE1", "Completed", "2026-11-20 10:00", "2026-11-20 10:02", None]
    tail = ["3.00", "5.00", "0.50", "4.90", "2.10", "46.40", "siti_c", "Siti Contoh"]
    goods = [product, sku, "25.00", price, qty, str(Decimal(price) * qty)]
    return [*head, *goods, *tail]


def test_shopee_repeats_the_order_and_its_own_vouchers_are_revenue():
    rows = [SHOPEE, shopee("Mug", "MUG", "20.00", 2), shopee("Pin", "PIN", "10.00", 1)]
    (body,) = good(upload(saved(*rows), "Order.all.20261101_20261130.xlsx")).values()
    assert body["total"] == "51.90", "46.40 of the buyer, 5.50 of Shopee"
    assert amounts(body)[2:] == [
        ("shipping", "SHIPPING", Decimal("4.90")),
        ("discount", "DISCOUNT", Decimal("-3.00")),
    ]
    assert (body["number"], body["ordered_on"]) == ("2611200ABCDE1", "2026-11-20")
    assert body["marketplace"] == "Shopee"


LAZADA = [
    "orderItemId",
    "lazadaId",
    "sellerSku",
    "createTime",
    "updateTime",
    "orderNumber",
    "customerName",
    "payMethod",
    "paidPrice",
    "unitPrice",
    "sellerDiscountTotal",
    "shippingFee",
    "itemName",
    "status",
]


def lazada(item: int, sku: str, price: float, off: float, shipping: float) -> list[object]:
    start = [item, "MY-1", sku, "20 Nov 2026 10:00", "21 Nov 2026 10:00", 412345678901234]
    return [*start, "Siti Contoh", "FPX", price, price, off, shipping, sku.title(), "delivered"]


def test_lazada_has_a_row_for_each_piece_and_no_total():
    rows = [LAZADA, lazada(1, "MUG", 20, -2, 3.5), lazada(2, "MUG", 20, 0, 1.4)]
    (body,) = good(upload(saved(*rows, title="sheet1"), "lazada.xlsx")).values()
    assert body["marketplace"] == "Lazada"
    assert (body["number"], body["total"]) == ("412345678901234", "42.90")
    assert [line["qty"] for line in body["lines"]] == ["1", "1", "1"]
    assert amounts(body)[2] == ("shipping", "SHIPPING", Decimal("4.9"))


WOO_ITEMS = (
    "order_id,order_number,date,status,shipping_total,shipping_tax_total,fee_total,tax_total,"
    "discount_total,order_total,refunded_total,order_currency,payment_method,shipping_method,"
    "customer_id,billing_first_name,billing_last_name,billing_company,item_name,item_sku,"
    "item_quantity,item_total,item_total_tax\n"
    "77,W-77,2026-11-20 10:00:00,processing,8.00,0.80,2.00,6.60,5.00,62.60,0.00,MYR,fpx,Flat rate,"
    "12,Siti,Contoh,Kedai Contoh,Tea,TEA,3,30.00,3.00\n"
    "77,W-77,2026-11-20 10:00:00,processing,8.00,0.80,2.00,6.60,5.00,62.60,0.00,MYR,fpx,Flat rate,"
    "12,Siti,Contoh,Kedai Contoh,Cup,CUP,2,16.00,1.60\n"
)


def test_woocommerce_items_hold_their_discount_already():
    (body,) = good(upload(WOO_ITEMS)).values()
    assert "marketplace" not in body
    assert [one[:2] for one in amounts(body)] == [
        ("goods", "TEA"),
        ("goods", "CUP"),
        ("shipping", "SHIPPING"),
        ("fee", "FEE"),
    ]
    assert (body["customer_name"], body["total"]) == ("Kedai Contoh", "62.60")
    assert body["lines"][2]["price"] == "8.00"


HAND = [
    ["Kedai Contoh Sdn Bhd"],
    ["Sales of November 2026"],
    [],
    ["No", "Order No", "Date", "Customer Name", "Item", "Qty", "Unit price", "Shipping", "Total"],
]


def test_a_hand_made_sheet_has_titles_merged_cells_and_a_total():
    rows = [
        *HAND,
        [1, "A-1", "20-Nov-2026", "Siti", "MUG", 2, "RM 1,250.50", "RM 8.00", "RM 2,529.00"],
        [None, None, None, None, "TEE", 1, "20.00"],
        [2, "A-2", 46347, "Ali", "MUG", 1, "(5.00)", None, "-5.00"],
        [None, "Grand Total", None, None, None, None, None, None, "2,524.00"],
        ["Printed by Siti"],
    ]
    merged = ("B5:B6", "C5:C6", "D5:D6", "I5:I6")
    found = upload(saved(*rows, title="Sales", merged=merged), "sales.xlsx", {"=status": "paid"})
    orders = good(found)
    assert (found.missing, wrong(found), dict(found.fixed)) == ((), {}, {"status": "paid"})
    assert [one.where for one in found.skipped] == ["Sales!A8", "Sales!A9"]
    first, second = orders["A-1"], orders["A-2"]
    assert (first["status"], first["currency"]) == ("paid", "MYR")
    assert [one[2] for one in amounts(first)] == [Decimal("2501.00"), 20, 8]
    assert (second["ordered_on"], second["total"]) == ("2026-11-21", "-5.00")


def test_everything_that_is_missing_is_listed_at_once_and_cells_are_named_as_in_the_file():
    found = upload("Item,Qty,Unit price\nMUG,1,5.00\n")
    assert [name for _, name in found.missing] == ["number", "status"]
    refused = sources()["workbook"].read("a.csv", b"Item,Qty,Unit price\nMUG,1,5.00\n", SHOP_ZONE)
    assert isinstance(refused, SourceRefusal)
    assert "missing columns: number, status" in refused.message
    found = upload("Doc No,Order No,State,Date,SKU\n,A-1,,20-Nov-2026,MUG\n")
    assert wrong(found) == {"orders!C2": "State is blank."}


def test_a_row_without_a_number_is_no_line_of_the_order_above_unless_it_is_blank():
    text = "Order No,Status,Date,SKU,Qty,Unit price,Total\nA-1,paid,20-Nov-2026,MUG,1,5.00,10.00\n"
    assert list(good(upload(text + ",,,TEE,1,5.00,\n"))) == ["A-1"]
    found = upload(text.replace("10.00", "5.00") + ",paid,,TEE,1,5.00,\n")
    assert list(good(found)) == ["A-1"]
    assert "orders!A3" in wrong(found)


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_text_file_is_read_in_any_character_set(charset):
    assert decoded("number;name\n1;Müller 李\n".encode(charset)) == "number;name\n1;Müller 李\n"


def test_a_western_file_is_read_and_another_one_is_not_guessed():
    assert decoded("Café – Müller".encode("cp1252")) == "Café – Müller"
    assert decoded("茶叶和茶杯".encode("gb18030")) is None


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_the_sign_between_cells_is_the_one_that_cuts_all_rows_alike(sign):
    rows = [["number", "status", "name", "price"], ["1", "paid", "Tea; loose, green", "1"]]
    text = "\n".join(sign.join(f'"{one}"' for one in row) for row in rows)
    assert separator_of(text) == sign


@pytest.mark.parametrize(
    ("text", "point", "comma"),
    [
        ("1,250.50", "1250.50", None),
        ("RM 1,250.50", "1250.50", None),
        ("RM12.50", "12.50", None),
        ("1.250,50", None, "1250.50"),
        ("12,50 €", None, "12.50"),
        ("(12.50)", "-12.50", None),
        ("(RM 12.50)", "-12.50", None),
        ("12.50-", "-12.50", None),
        ("-RM 12.50", "-12.50", None),
        ("RM -12.50", "-12.50", None),
        ("1 250.50", "1250.50", None),
        ("1\u00a0250,50", None, "1250.50"),
        ("12,3456", None, "12.3456"),
        ("1,25,0", None, None),
        ("--5", None, None),
        ("12a", None, None),
        ("1e3", None, None),
    ],
)
def test_an_amount_is_read_as_people_write_it(text, point, comma):
    assert read_amount(text, DecimalSign.POINT) == point
    assert read_amount(text, DecimalSign.COMMA) == comma


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (["12,50", "1.250"], Decimals(DecimalSign.COMMA)),
        (["1,250", "25.00"], Decimals(DecimalSign.POINT)),
        (["1,250"], Decimals(DecimalSign.POINT, "1,250")),
        (["1,250,000"], Decimals(DecimalSign.POINT)),
    ],
)
def test_a_file_shows_its_decimal_sign(values, found):
    assert decimals_of(values) == found


def test_an_amount_that_may_be_a_thousand_times_larger_is_a_wrong_cell():
    text = "Order No;Status;SKU;Qty;Unit price\nA-1;paid;MUG;1;{}\n"
    assert wrong(upload(text.format("1,250"))) == {"orders!E2": "This is not a number."}
    (body,) = good(upload(text.format("1.250,50"))).values()
    assert body["lines"][0]["price"] == "1250.50"


def test_an_amount_in_another_currency_is_a_wrong_cell():
    text = "Order No,Status,Currency,SKU,Qty,Unit price\nA-1,paid,MYR,MUG,1,USD 5.00\n"
    assert list(wrong(upload(text))) == ["orders!F2"]
    assert (currency_of("RM5"), currency_of("5.00"), currency_of("$5")) == ("MYR", "", "")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("20-Nov-2026", "2026-11-20T00:00:00"),
        ("20 Nov 26", "2026-11-20T00:00:00"),
        ("Nov 20, 2026", "2026-11-20T00:00:00"),
        ("20 Ogos 2026", "2026-08-20T00:00:00"),
        ("2026-11-20 10:05", "2026-11-20T10:05:00"),
        ("2026/11/20 2:05 PM", "2026-11-20T14:05:00"),
        ("2026-11-20 10:05:00 +0800", "2026-11-20T10:05:00+08:00"),
        ("46346", "2026-11-20T00:00:00"),
        (Decimal("46346.5"), "2026-11-20T12:00:00"),
        ("20/11/2026", None),
        ("31-Feb-2026", None),
        ("25.00", None),
        ("1234567", None),
    ],
)
def test_a_day_is_read_as_people_and_spreadsheets_write_it(value, found):
    moment = read_moment(value)
    assert (moment and moment.isoformat()) == found


def test_a_moment_has_its_day_where_the_shop_is():
    text = "Order No,Status,Date,SKU\nA-1,paid,2026-11-19 18:00:00 UTC,MUG\n"
    taken = sources()["workbook"].read("orders.csv", text.encode(), SHOP_ZONE)
    assert isinstance(taken, Accepted)
    assert taken.records[0].body["ordered_on"] == "2026-11-20"


@pytest.mark.parametrize("type_", ["quantity", "decimal", "whole"])
@pytest.mark.parametrize("text", ["2 ctn", "3 PCS", "CTN 2", "RM 2", "2 CUP"])
def test_a_number_with_a_unit_stays_as_it_is_written(type_: FieldType, text: str) -> None:
    """Two cartons are not two pieces: a person has to correct the cell."""
    column = ColumnReading(type_, SHOP_ZONE, None, Decimals(DecimalSign.POINT))
    assert column.read(text) == text


@pytest.mark.parametrize(
    ("text", "amount"),
    [("RM 2.50", "2.50"), ("2.50 MYR", "2.50"), ("usd 2", "2"), ("2 ctn", "2 ctn")],
)
def test_an_amount_is_written_with_a_currency_only(text: str, amount: str) -> None:
    column = ColumnReading("money", SHOP_ZONE, None, Decimals(DecimalSign.POINT))
    assert column.read(text) == amount


PACKED = (
    "order_id,order_number,order_date,status,shipping_total,shipping_tax_total,fee_total,tax_total,"
    "discount_total,order_total,order_currency,payment_method_title,shipping_method,customer_id,"
    "billing_first_name,billing_last_name,line_item_1,line_item_2\n"
    "7001,7001,2026-11-20 09:30:00,processing,8.00,0.00,0.00,0.00,5.00,60.50,MYR,FPX,Flat rate,12,"
    "Siti,Co,name:Earl | Grey: loose|product_id:12|sku:TEA|quantity:2|total:40.00|sub_total:45.00,"
    "name:Cup|product_id:13|sku:CUP|quantity:1|total:12.50|sub_total:12.50\n"
    "7002,7002,2026-11-20 09:40:00,processing,0.00,0.00,0.00,0.00,0.00,12.50,MYR,FPX,,12,"
    "Siti,Contoh,name:Cup|product_id:13|sku:|quantity:1|total:12.50|sub_total:12.50,\n"
)


def test_woocommerce_writes_the_items_of_an_order_in_one_row():
    found = upload(PACKED)
    orders = good(found)
    body = orders["7001"]
    assert amounts(body) == [
        ("goods", "TEA", Decimal("40.00")),
        ("goods", "CUP", Decimal("12.50")),
        ("shipping", "SHIPPING", Decimal("8.00")),
    ]
    assert body["lines"][0]["name"] == "Earl | Grey: loose"
    assert [line["qty"] for line in body["lines"]] == ["2", "1", "1"]
    assert (body["total"], body["subtotal"], body["customer"]) == ("60.50", "60.50", "12")
    assert [line.get("sku") for line in orders["7002"]["lines"]] == [None]
    assert {one.heading for one in found.columns if one.field == "+packed_item"} == {
        "line_item_1",
        "line_item_2",
    }


def test_an_item_that_cannot_be_unpacked_holds_its_order():
    found = upload(PACKED.replace("|quantity:1|total:12.50|sub_total:12.50,\n", "|qty 1,\n"))
    assert list(good(found)) == ["7001"]
    [fault] = found.orders[1].record.faults
    assert (fault["code"], fault["stated"]) == ("SUM01", "12.50")


def test_all_items_in_one_column_are_read():
    text = PACKED.replace(",line_item_1,line_item_2", ",line_items")
    text = text.replace("sub_total:45.00,name", "sub_total:45.00;name").replace(
        "12.50,\n", "12.50\n"
    )
    assert good(upload(text)) == good(upload(PACKED))


STATUSES = "Order No,Status,Date,SKU,Qty,Unit price,Total\nA-1,,2026-11-20,TEA,1,5.00,5.00\n"


def test_a_remembered_value_fills_no_blank_cell_of_a_column():
    found = upload(STATUSES, chosen={"~status": "paid"})
    assert wrong(found) == {"orders!B2": "Status is blank."}
    assert (found.fixed, found.filled) == ({}, {})
    found = upload(STATUSES, chosen={"~status": "paid", "=status": "new"})
    assert (good(found)["A-1"]["status"], found.filled) == ("new", {"status": 1})
    found = upload(STATUSES, chosen={"~status": "paid", "=status": ""})
    assert wrong(found) == {"orders!B2": "Status is blank."}
    found = upload(STATUSES, chosen={"~status": "paid", "orders!B": ""})
    assert (good(found)["A-1"]["status"], found.filled) == ("paid", {"status": 1})


def test_a_remembered_value_of_no_field_refuses_no_file():
    read = sources()["workbook"].read_as_before
    text = STATUSES.replace("A-1,,", "A-1,paid,").encode()
    found = read("a.csv", text, SHOP_ZONE, lambda _kind, _columns: {"~colour": "red"})
    assert isinstance(found, Accepted)
    found = read("a.csv", text, SHOP_ZONE, lambda _kind, _columns: {"=colour": "red"})
    assert isinstance(found, SourceRefusal)


def test_filled_cells_are_counted_by_record_and_by_line():
    text = (
        "Order No,Status,Date,SKU,Qty,Unit price,Unit\nA-1,paid,2026-11-20,TEA,1,5.00,\n"
        "A-1,paid,2026-11-20,CUP,1,5.00,BOX\nA-2,,2026-11-20,CUP,1,5.00,\n"
    )
    found = upload(text, chosen={"=status": "new", "=uom": "PCS", "=currency": "MYR"})
    assert found.filled == {"status": 1, "uom": 2, "currency": 2}


GIFT = (
    "Order No,Status,Date,SKU,Qty,Unit price,Total\n"
    "A-1,paid,2026-11-20,TEA,1,10.00,{0}\nA-1,paid,2026-11-20,GIFT,1,,{0}\n"
)


def test_a_line_without_an_amount_is_no_difference_where_the_others_come_to_the_total():
    assert wrong(upload(GIFT.format("10.00"))) == {}
    [order] = upload(GIFT.format("12.00")).orders
    [error] = order.errors
    assert (error.stated, error.computed) == (Decimal(12), Decimal(10))
    assert error.hint.startswith("Line 2 has no amount.")


def test_orders_without_lines_have_nothing_to_be_compared():
    text = "Order No,Status,Date,Shipping,Total\nA-1,paid,2026-11-20,8.00,18.00\n"
    assert wrong(upload(text)) == {}


def test_an_item_of_no_pieces_and_no_amount_is_worth_nothing():
    text = (
        "order_id,order_number,order_date,status,shipping_total,tax_total,order_total,"
        "order_currency,payment_method_title,line_item_1,line_item_2\n"
        "7001,7001,2026-11-20 09:30:00,processing,0.00,0.00,30.00,MYR,FPX,"
        "name:Earl|product_id:12|sku:TEA|quantity:2|total:30.00|sub_total:30.00,"
        "name:Gift|product_id:13|sku:GIFT|quantity:0|total:0.00|sub_total:0.00\n"
    )
    found = upload(text)
    assert wrong(found) == {}
    assert [one[2] for one in amounts(good(found)["7001"])] == [30, 0]


def test_a_faulty_row_that_moves_in_its_file_stays_the_same_record():
    head = "Order No,Status,Date,SKU,Qty,Unit price,Total\n"
    faulty = "A-1,paid,2026-11-20,TEA,1,10.00,12.00\nA-1,paid,2026-11-20,CUP,many,,12.00\n"
    [before] = upload(head + faulty).orders
    _, after = upload(f"{head}A-0,paid,2026-11-20,TEA,1,1.00,1.00\n{faulty}").orders
    assert before.record.faults
    assert after.record.body == before.record.body
    assert [one.where for one in after.errors] != [one.where for one in before.errors]
    assert {one["where"] for one in after.record.faults} <= {"orders!E", "orders!F", "orders!G"}


def test_a_dash_is_a_day_or_an_amount_that_there_is_none_of():
    rows = [SHOPEE, [*shopee("Mug", "MUG", "20.00", 2)]]
    rows[1][1:4] = ["Cancelled", "2026-11-20 10:00", "-"]
    rows[1][11:14] = ["-", "\u2013", "--"]
    rows[1][16] = "44.90"
    (body,) = good(upload(saved(*rows), "Order.all.xlsx")).values()
    assert "paid_at" not in body
    assert body["total"] == "44.90"


def test_a_piece_of_lazada_that_was_cancelled_is_no_line():
    rows = [LAZADA, lazada(1, "MUG", 20, 0, 3.5), lazada(2, "PIN", 10, 0, 0)]
    rows[2][-1] = "canceled"
    found = upload(saved(*rows, title="sheet1"), "lazada.xlsx")
    (body,) = good(found).values()
    assert (body["status"], body["total"]) == ("delivered", "23.50")
    assert amounts(body) == [
        ("goods", "MUG", Decimal(20)),
        ("shipping", "SHIPPING", Decimal("3.5")),
    ]
    assert [(one.where, one.value) for one in found.skipped] == [("sheet1!N3", "canceled")]
    for row in rows[1:]:
        row[-1] = "canceled"
    (body,) = good(upload(saved(*rows, title="sheet1"), "lazada.xlsx")).values()
    assert (body["status"], len(body["lines"])) == ("canceled", 3)


def test_a_rebate_of_shopee_is_revenue_and_a_line_of_its_own():
    heads, row = [*SHOPEE, "Shopee Rebate(MYR)"], [*shopee("Mug", "MUG", "20.00", 2), "2.00"]
    row[16] = "36.40"  # 40.00 and 4.90, less 3.00 of the seller and 5.50 of Shopee
    (body,) = good(upload(saved(heads, row), "Order.all.xlsx")).values()
    assert body["total"] == "43.90"
    assert amounts(body)[2] == ("price_support", "PRICE_SUPPORT", Decimal(2))


def test_a_hand_made_sheet_calls_its_columns_as_people_do():
    text = (
        "No.,Invoice No,Inv Date,Cust Code,Customer,Item Code,Qty,U/Price,Amount,Delivery,"
        "Total (RM)\n"
        "1,CS-1,20-Nov-2026,WALK-IN,Siti,MUG,2,20.00,40.00,8.00,48.00\n"
    )
    found = upload(text, chosen={"=status": "paid"})
    assert {one.heading: one.field for one in found.columns} == {
        "No.": "",
        "Invoice No": "number",
        "Inv Date": "ordered_on",
        "Cust Code": "customer",
        "Customer": "customer_name",
        "Item Code": "sku",
        "Qty": "qty",
        "U/Price": "price",
        "Amount": "+line_total",
        "Delivery": "+shipping",
        "Total (RM)": "total",
    }
    assert (good(found)["CS-1"]["total"], wrong(found)) == ("48.00", {})


def test_the_number_of_an_order_goes_before_that_of_its_invoice():
    text = "No,Invoice No,Order No,Customer\n1,INV-1,A-1,C-7\n"
    found = upload(text, chosen={"=status": "paid"})
    fields = {one.heading: one.field for one in found.columns}
    assert fields == {"No": "", "Invoice No": "", "Order No": "number", "Customer": "customer"}
