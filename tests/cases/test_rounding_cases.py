"""Cash rounding, released differences and inclusive prices, from the source into the books."""

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from holding.access import people
from holding.db.models import Hold, Person, Record, Version
from tests.cases.company import CaseCompany, Plan
from tests.cases.conftest import Make
from tests.cases.test_upload_cases import SHEETS, total, upload, written

pytestmark = pytest.mark.sqlite
BOUGHT = {"sku": "CUP", "name": "Cup", "qty": 2, "price": "5.31", "tax": "SST", "uom": "PCS"}
AI = Plan(
    template="netshop-aiaccount",
    maps={"debtors": ["C-7,Warung Melati"], "items": ["CUP,CUP", "ROUNDING,ROUNDING"]},
)
CLOUD = Plan(
    template="netshop-autocount",
    maps={"debtors": ["FPX,300-N001"], "items": ["CUP,CUP", "ROUNDING,ROUNDING"]},
)
BOOKS = {
    "debtors": ["300-N001"],
    "accounts": ["500-0000", "510-0000", "906-0000"],
    "products": {"CUP": "PCS", "ROUNDING": "PCS"},
}


def netshop(**values: Any) -> dict[str, Any]:
    """Return an order of 10.62 and 10% tax, 11.68, for which 11.70 was paid in cash."""
    order = {
        "id": 901,
        "number": "NS-901",
        "status": "paid",
        "ordered_at": "2026-11-20T10:00:00+08:00",
        "paid_at": "2026-11-20T10:05:00+08:00",
        "updated_at": "2026-11-20T10:06:00+08:00",
        "channel": "FPX",
        "currency": "MYR",
        "customer": {"id": "C-7", "name": "Warung Melati"},
        "items": [BOUGHT],
        "subtotal": "10.62",
        "tax_total": "1.06",
        "round_off": "0.02",
        "total": "11.70",
        "version": 1,
    }
    return {"order": {**order, **values}}


def intake(**values: Any) -> dict[str, Any]:
    """Return the same order as a program sends it."""
    order = {
        "kind": "order",
        "id": "901",
        "number": "NS-901",
        "status": "paid",
        "ordered_on": "2026-11-20",
        "version": 1,
        "branch": "KL",
        "customer": "C-77",
        "customer_name": "Kedai Maju",
        "price_level": "TRADE",
        "currency": "MYR",
        "subtotal": "10.62",
        "tax_total": "1.06",
        "round_off": "0.02",
        "total": "11.70",
        "lines": [{"pos": 1, **BOUGHT, "sku": "TEA-1"}],
    }
    return {"records": [{**order, **values}]}


def feed(company: CaseCompany, folder: Path, content: Mapping[str, Any]) -> None:
    """Read what a source sends from a file, and let the workers work."""
    ending = "records.json" if "records" in content else "json"
    path = folder / f"sent.{ending}"
    path.write_text(json.dumps(content), "utf-8")
    company.ingest(path)
    assert company.errors == []
    company.work()


@pytest.mark.parametrize(("rounding", "paid"), [("0.02", "11.70"), ("-0.03", "11.65")])
def test_cash_rounding_is_a_line_in_aiaccount(
    make: Make, tmp_path: Path, rounding: str, paid: str
) -> None:
    company = make(AI, "aiaccount")
    feed(company, tmp_path, netshop(round_off=rounding, total=paid))
    assert company.holds() == []
    stands = company.documents()["NS-901"]
    assert Decimal(str(stands["total"])) == Decimal(paid), stands
    line = stands["document"]["lines"][1]
    assert (line["SKU"], line["AccountCode"], line["TaxCode"]) == ("ROUNDING", "90600", "NT")
    assert Decimal(str(line["LineTotal"])) == Decimal(rounding)


@pytest.mark.parametrize(("rounding", "paid"), [("0.02", "11.70"), ("-0.03", "11.65")])
@pytest.mark.parametrize("book", ["off", "on"])
def test_cash_rounding_is_one_line_in_autocount(
    make: Make, tmp_path: Path, rounding: str, paid: str, book: str
) -> None:
    """Also where the book could round to 5 sen itself: nothing is left to round."""
    company = make(CLOUD, "autocount", **BOOKS, five_sen=book)
    feed(company, tmp_path, netshop(round_off=rounding, total=paid))
    assert company.holds() == []
    document = company.documents()["NS-901"]
    amounts = [Decimal(document["master"][name]) for name in ("tax", "roundAdj", "finalTotal")]
    assert amounts == [Decimal("1.06"), 0, Decimal(paid)]
    row = document["details"][1]
    assert (row["accNo"], row["taxCode"]) == ("906-0000", "NT")
    assert Decimal(row["subTotal"]) == Decimal(rounding)


@pytest.mark.parametrize(("rounding", "paid"), [("0.02", "11.70"), ("-0.03", "11.65")])
def test_cash_rounding_goes_back_with_the_whole_order(
    make: Make, tmp_path: Path, rounding: str, paid: str
) -> None:
    company = make(CLOUD, "autocount", **BOOKS)
    feed(company, tmp_path, netshop(round_off=rounding, total=paid))
    back = {
        "id": "R-1",
        "status": "Refunded + Items Returned",
        "amount": paid,
        "refunded_at": "2026-11-21T10:00:00+08:00",
        "updated_at": "2026-11-21T10:00:00+08:00",
        "items": [{"pos": 1, "sku": "CUP", "qty": 2, "uom": "PCS"}],
    }
    refunded = netshop(round_off=rounding, total=paid, refunds=[back])
    refunded["order"]["updated_at"] = "2026-11-21T10:00:00+08:00"
    feed(company, tmp_path, refunded)
    assert company.holds() == []
    note = company.documents()["CN-R-1"]
    assert Decimal(note["master"]["finalTotal"]) == Decimal(paid)
    assert Decimal(note["master"]["tax"]) == Decimal("1.06")


def test_cash_rounding_and_inclusive_prices_in_quickbooks(make: Make, tmp_path: Path) -> None:
    company = make(Plan(template="orders-quickbooks"), "quickbooks")
    feed(company, tmp_path, intake())
    assert company.holds() == []
    (document,) = company.documents().values()
    assert Decimal(str(document["TotalAmt"])) == Decimal("11.70")
    assert Decimal(str(document["TxnTaxDetail"]["TotalTax"])) == Decimal("1.06")
    assert document["Line"][1]["SalesItemLineDetail"]["ItemRef"]["value"] == "901"


@pytest.mark.parametrize("stated", [True, None])
def test_an_inclusive_order_of_a_program_is_posted_for_its_money(
    make: Make, tmp_path: Path, stated: bool | None
) -> None:
    """A total that only tax in the prices explains counts as such where the sender says nothing."""
    company = make(Plan(template="orders-quickbooks"), "quickbooks")
    sums = {"subtotal": "9.65", "tax_total": "0.97", "total": "10.62", "round_off": None}
    feed(company, tmp_path, intake(**sums, prices_include_tax=stated))
    assert company.holds() == []
    assert company.body("NS-901")["prices_include_tax"] is True
    (document,) = company.documents().values()
    assert document["GlobalTaxCalculation"] == "TaxInclusive"
    assert Decimal(str(document["TotalAmt"])) == Decimal("10.62")
    assert Decimal(str(document["TxnTaxDetail"]["TotalTax"])) == Decimal("0.97")


def test_prices_that_are_stated_without_tax_and_hold_it_are_held(
    make: Make, tmp_path: Path
) -> None:
    company = make(Plan(template="orders-quickbooks"), "quickbooks")
    sums = {"subtotal": "9.65", "tax_total": "0.97", "total": "10.62", "round_off": None}
    feed(company, tmp_path, intake(**sums, prices_include_tax=False))
    assert {hold.rule for hold in company.holds()} == {"intake total", "total_adds"}
    assert company.documents() == {}


COLUMNS = (
    "Order No,Status,Date,Version,Branch,Customer code,Customer name,price_level,Currency,Subtotal,"
    "Total tax,Total,Line,Item code,Item name,Unit,Qty,Unit price,Tax type"
)
ROW = "V-1,paid,2026-11-20,1,KL,C-77,Kedai Maju,RETAIL,MYR,9.65,0.97,10.62,1,CUP,Cup,PCS,2,5.31,SST"


@pytest.mark.parametrize(("heading", "cell"), [(",Tax inclusive", ",yes"), ("", "")])
def test_an_inclusive_sheet_is_posted_for_its_money(
    make: Make, tmp_path: Path, heading: str, cell: str
) -> None:
    company = make(SHEETS, "quickbooks")
    company.upload(written(tmp_path, f"{COLUMNS}{heading}\n{ROW}{cell}\n"))
    company.work()
    assert company.holds() == []
    assert company.body("V-1")["prices_include_tax"] is True
    assert total(company, "V-1") == Decimal("10.62")


HALF = (
    "Order ID,Order Number,Order Date,Order Status,Order Currency,Order Total,Order Subtotal,"
    "Tax Total,Customer ID,Billing First Name,Item Name,Item SKU,Item Quantity,Item Total\n"
    "81,81,2026-11-20 10:00,processing,MYR,20.50,20.48,0.00,C-77,Kedai Maju,Cup,CUP,2,20.48\n"
)


def test_a_released_difference_is_booked_as_rounding(make: Make, tmp_path: Path) -> None:
    company = make(SHEETS, "quickbooks")
    values = {"branch": "KL", "version": "1", "price_level": "RETAIL", "tax": "NONE"}
    upload(company, written(tmp_path, HALF), **values)
    company.work()
    assert {hold.code for hold in company.holds("81")} == {"SUM01"}
    assert company.documents() == {}
    company.release("81")
    company.work()
    assert total(company, "81") == Decimal("20.50")
    (document,) = company.documents().values()
    assert Decimal(str(document["Line"][1]["Amount"])) == Decimal("0.02")


@pytest.mark.parametrize("value", ["no", "yes"])
def test_one_value_says_of_all_rows_whether_prices_include_tax(
    make: Make, tmp_path: Path, value: str
) -> None:
    company = make(SHEETS, "quickbooks")
    path = written(tmp_path, f"{COLUMNS}\n{ROW}\n")
    upload(company, path, prices_include_tax=value)
    company.work()
    assert company.body("V-1")["prices_include_tax"] is (value == "yes")
    rules = {hold.rule for hold in company.holds("V-1")}
    assert rules == ({"intake total", "total_adds"} if value == "no" else set())


def lines_of(company: CaseCompany, number: str) -> list[tuple[str, str, str]]:
    """Return (part, price, round_off) of the record's lines that are no goods."""
    body = company.body(number)
    return [
        (line["part"], line["price"], body["round_off"])
        for line in body["lines"]
        if line.get("part") not in (None, "goods")
    ]


@pytest.mark.parametrize(("paid", "off"), [("11.70", "0.02"), ("9.99", "-1.69")])
def test_a_netshop_order_whose_sums_differ_is_booked_with_its_difference_once_released(
    make: Make, tmp_path: Path, paid: str, off: str
) -> None:
    company = make(AI, "aiaccount")
    feed(company, tmp_path, netshop(round_off="0.00", total=paid))
    (hold,) = company.holds()
    assert (hold.code, hold.owner) == ("SUM01", "accounts")
    for figure in (paid, "11.68", off.removeprefix("-")):
        assert figure in hold.text
    assert company.documents() == {}
    company.release("NS-901")
    company.work()
    assert company.holds() == []
    stands = company.documents()["NS-901"]
    assert Decimal(str(stands["total"])) == Decimal(paid)
    assert Decimal(str(stands["document"]["lines"][1]["LineTotal"])) == Decimal(off)
    assert lines_of(company, "NS-901") == [("rounding", off, off)]


@pytest.mark.parametrize("round_off", [None, ""])
def test_a_netshop_order_without_cash_rounding_is_posted(
    make: Make, tmp_path: Path, round_off: str | None
) -> None:
    company = make(AI, "aiaccount")
    feed(company, tmp_path, netshop(round_off=round_off, total="11.68"))
    assert company.holds() == []
    assert Decimal(str(company.documents()["NS-901"]["total"])) == Decimal("11.68")


def test_an_autocount_order_whose_sums_differ_is_released_with_a_rounding_line(
    make: Make, tmp_path: Path
) -> None:
    company = make(CLOUD, "autocount", **BOOKS)
    feed(company, tmp_path, netshop(round_off="0.00", total="11.71"))
    assert {(hold.code, hold.owner) for hold in company.holds()} == {("SUM01", "accounts")}
    company.release("NS-901")
    company.work()
    assert company.holds() == []
    document = company.documents()["NS-901"]
    assert Decimal(document["master"]["finalTotal"]) == Decimal("11.71")
    assert document["details"][1]["accNo"] == "906-0000"


def test_an_order_of_a_program_whose_sums_differ_is_released_with_a_rounding_line(
    make: Make, tmp_path: Path
) -> None:
    company = make(Plan(template="orders-quickbooks"), "quickbooks")
    feed(company, tmp_path, intake(round_off="0.00", total="11.75"))
    assert {(hold.code, hold.owner) for hold in company.holds()} == {("SUM01", "accounts")}
    company.release("NS-901")
    company.work()
    assert company.holds() == []
    (document,) = company.documents().values()
    assert Decimal(str(document["TotalAmt"])) == Decimal("11.75")


def given_back(total: str, amount: str, tax: str) -> dict[str, Any]:
    """Return a refund of a program that states no total tax."""
    money = {"amount": amount, "tax": tax}
    refund = {
        "kind": "refund",
        "id": "R-1",
        "number": "RF-1",
        "status": "Refunded",
        "updated_at": "2026-11-21T10:00:00+08:00",
        "order_number": "NS-901",
        "refunded_on": "2026-11-21",
        "customer": "C-77",
        "currency": "MYR",
        "total": total,
        "lines": [
            {"pos": 1, "sku": "TEA-1", "name": "Tea", "uom": "PCS", "qty": "2", **money},
        ],
    }
    return {"records": [refund]}


def test_an_untaxed_refund_of_a_program_is_released_with_a_rounding_line(
    make: Make, tmp_path: Path
) -> None:
    company = make(Plan(template="orders-quickbooks"), "quickbooks")
    feed(company, tmp_path, intake(round_off="0.00", total="11.68"))
    feed(company, tmp_path, given_back("10.70", "10.62", "NONE"))
    assert {(hold.code, hold.owner) for hold in company.holds("RF-1")} == {("SUM01", "accounts")}
    company.release("RF-1")
    company.work()
    assert company.holds("RF-1") == []
    assert total_back(company) == Decimal("10.70")


def test_a_taxed_refund_of_a_program_is_corrected(make: Make, tmp_path: Path) -> None:
    """Its total tax is not stated, so the rules compare it with their rates. QuickBooks computes
    the tax again, so a released difference would stop at its total.
    """
    company = make(Plan(template="orders-quickbooks"), "quickbooks")
    feed(company, tmp_path, intake(round_off="0.00", total="11.68"))
    feed(company, tmp_path, given_back("11.50", "10.62", "SST"))
    (hold,) = company.holds("RF-1")
    assert (hold.rule, hold.owner) == ("refund_adds", "accounts")
    assert all(figure in hold.text for figure in ("RM 10.62", "RM 11.50", "RM 0.18"))
    assert "can be released" in hold.text  # only with its total tax
    correct(company, "RF-1", "lines[0].amount", "10.45")
    assert company.holds("RF-1") == []
    assert total_back(company) == Decimal("11.50")


def test_a_taxed_refund_whose_tax_is_rounded_in_the_sum_is_posted(
    make: Make, tmp_path: Path
) -> None:
    """10% of two lines of 1.05 are 0.21 together and 0.11 each."""
    company = make(Plan(template="orders-quickbooks"), "quickbooks")
    feed(company, tmp_path, intake(round_off="0.00", total="11.68"))
    body = given_back("2.31", "1.05", "SST")
    (line,) = body["records"][0]["lines"]
    body["records"][0]["lines"] = [line | {"pos": pos, "qty": "1"} for pos in (1, 2)]
    feed(company, tmp_path, body)
    assert company.holds("RF-1") == []
    assert total_back(company) == Decimal("2.31")


def test_a_refund_above_its_order_names_both_figures(make: Make, tmp_path: Path) -> None:
    company = make(Plan(template="orders-quickbooks"), "quickbooks")
    feed(company, tmp_path, intake(round_off="0.00", total="11.68"))
    feed(company, tmp_path, given_back("12.00", "12.00", "NONE"))
    (hold,) = company.holds("RF-1")
    assert (hold.rule, hold.owner) == ("refund_within_order", "accounts")
    assert all(figure in hold.text for figure in ("RM 12.00", "RM 11.68", "RM 0.32"))
    company.release("RF-1")
    company.work()
    assert total_back(company) == Decimal("12.00")


def total_back(company: CaseCompany) -> Decimal:
    """Return the total of the refund receipt in QuickBooks."""
    return Decimal(str(company.documents()["RF-RF-1"]["TotalAmt"]))


def test_an_order_of_a_sheet_in_our_own_layout_is_released_with_a_rounding_line(
    make: Make, tmp_path: Path
) -> None:
    company = make(SHEETS, "quickbooks")
    row = ROW.replace("10.62,1,CUP", "11.70,1,CUP").replace("9.65,0.97", "10.62,1.06")
    company.upload(written(tmp_path, f"{COLUMNS}\n{row}\n"))
    company.work()
    assert {(hold.code, hold.owner) for hold in company.holds("V-1")} == {("SUM01", "accounts")}
    company.release("V-1")
    company.work()
    assert total(company, "V-1") == Decimal("11.70")


def refunded(paid: str, rounding: str, back: str, **item: Any) -> dict[str, Any]:
    """Return the order after a refund of `back` for its cups."""
    refund = {
        "id": "R-1",
        "status": "Refunded + Items Returned",
        "amount": back,
        "refunded_at": "2026-11-21T10:00:00+08:00",
        "updated_at": "2026-11-21T10:00:00+08:00",
        "items": [{"pos": 1, "sku": "CUP", "qty": 2, "uom": "PCS", **item}],
    }
    sent = netshop(round_off=rounding, total=paid, refunds=[refund])
    sent["order"]["updated_at"] = "2026-11-21T10:00:00+08:00"
    return sent


@pytest.mark.parametrize(("rounding", "paid"), [("0.02", "11.70"), ("-0.03", "11.65")])
def test_cash_rounding_goes_back_to_aiaccount(
    make: Make, tmp_path: Path, rounding: str, paid: str
) -> None:
    company = make(Plan(template="netshop-aiaccount-refunds", maps=AI.maps), "aiaccount")
    feed(company, tmp_path, netshop(round_off=rounding, total=paid))
    feed(company, tmp_path, refunded(paid, rounding, paid))
    assert company.holds() == []
    assert company.postings("R-1") == [("aiaccount.sales_refund", "posted", Decimal(paid))]


@pytest.mark.parametrize("amount", ["1.15", "11.68", "0.05", "3.33"])
def test_a_refund_goes_to_autocount_for_its_amount_whatever_its_tax_rounds_to(
    make: Make, tmp_path: Path, amount: str
) -> None:
    company = make(CLOUD, "autocount", **BOOKS)
    feed(company, tmp_path, netshop(round_off="0.00", total="11.68"))
    feed(company, tmp_path, refunded("11.68", "0.00", amount))
    assert company.holds("R-1") == []
    note = company.documents()["CN-R-1"]
    assert Decimal(note["master"]["finalTotal"]) == Decimal(amount)


def test_a_refund_whose_items_do_not_come_to_it_is_released_with_a_rounding_line(
    make: Make, tmp_path: Path
) -> None:
    company = make(CLOUD, "autocount", **BOOKS)
    feed(company, tmp_path, netshop(round_off="0.00", total="11.68"))
    feed(company, tmp_path, refunded("11.68", "0.00", "5.05", amount="5.00", qty=1))
    assert {(hold.code, hold.owner) for hold in company.holds("R-1")} == {("SUM01", "accounts")}
    company.release("R-1")
    company.work()
    assert company.holds("R-1") == []
    note = company.documents()["CN-R-1"]
    assert Decimal(note["master"]["finalTotal"]) == Decimal("5.05")
    assert [row["productCode"] for row in note["details"]] == ["CUP", "ROUNDING"]


@pytest.mark.parametrize(("back", "off"), [("5.05", "0.05"), ("4.95", "-0.05")])
def test_a_released_difference_of_an_aiaccount_refund_is_an_amount_of_its_item(
    make: Make, tmp_path: Path, back: str, off: str
) -> None:
    """The invoice has no rounding line, and AiAccount refunds items of the invoice only."""
    company = make(Plan(template="netshop-aiaccount-refunds", maps=AI.maps), "aiaccount")
    feed(company, tmp_path, netshop(round_off="0.00", total="11.68"))
    feed(company, tmp_path, refunded("11.68", "0.00", back, amount="5.00", qty=1))
    assert {(hold.code, hold.owner) for hold in company.holds("R-1")} == {("SUM01", "accounts")}
    assert company.body("R-1")["lines"][1]["amount"] == off
    company.release("R-1")
    company.work()
    assert company.holds("R-1") == []
    note = company.documents()["R-1"]["document"]
    lines = [(line["SKU"], line["Quantity"], line["Amount"]) for line in note["lines"]]
    assert [(sku, Decimal(qty), Decimal(paid)) for sku, qty, paid in lines] == [
        ("CUP", 1, Decimal(back))
    ]


def correct(company: CaseCompany, number: str, path: str, value: str) -> None:
    """Correct a field on the page of a hold of this record, as the accounts team does."""
    query = select(Hold.id, Version.no).join(Record, Record.id == Hold.record_id)
    query = query.join(Version, Version.id == Record.version_id)
    query = query.where(Record.number == number, Hold.state == "open").order_by(Hold.id)
    who = select(Person.id).where(Person.name == "Farah")
    with company.database.write() as session:
        hold_id, seen = session.execute(query.limit(1)).one()
        farah = session.scalars(who).one()
        people.add_to_team(session, company_id=company.company_id, name="accounts", person_id=farah)
    form = {"path": path, "value": value, "reason": "the line comes to the same"}
    form |= {"rev": str(seen), "op": f"{path}-{value}"}
    company.visit("farah").post(f"/c/kedai/holding/{hold_id}/correct", form, status=303)
    company.work()


def test_a_price_of_three_decimals_is_rounded_up_and_its_line_keeps_its_amount(
    make: Make, tmp_path: Path
) -> None:
    company = make(CLOUD, "autocount", **BOOKS)
    item = {**BOUGHT, "price": "5.305", "qty": 3}
    sums = {"subtotal": "15.92", "tax_total": "1.59", "total": "17.51", "round_off": "0.00"}
    feed(company, tmp_path, netshop(**sums, items=[item]))
    assert company.holds() == []
    document = company.documents()["NS-901"]
    amounts = [Decimal(document["master"][name]) for name in ("tax", "finalTotal")]
    assert amounts == [Decimal("1.59"), Decimal("17.51")]
    (row,) = document["details"]
    assert [Decimal(row[name]) for name in ("unitPrice", "discount")] == [
        Decimal("5.31"),
        Decimal("0.01"),
    ]


@pytest.mark.parametrize("first", ["discount", "price"])
def test_a_negative_discount_is_corrected_so_that_its_line_keeps_its_amount(
    make: Make, tmp_path: Path, first: str
) -> None:
    company = make(CLOUD, "autocount", **BOOKS)
    item = {**BOUGHT, "price": "5.30", "discount": "-0.02"}
    feed(company, tmp_path, netshop(items=[item], round_off="0.00", total="11.68"))
    assert {(hold.code, hold.owner) for hold in company.holds()} == {("VAL05", "accounts")}
    values = {"discount": "0.00", "price": "5.31"}
    for name in (first, *(values.keys() - {first})):
        correct(company, "NS-901", f"lines[0].{name}", values[name])
    assert company.holds() == []
    document = company.documents()["NS-901"]
    assert Decimal(document["master"]["finalTotal"]) == Decimal("11.68")
