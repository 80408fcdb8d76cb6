"""Spreadsheets as people export them go from the upload page into QuickBooks' books."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from holding.db.models import Record, Version
from tests.cases.company import CaseCompany, Plan, case_path
from tests.cases.conftest import Make

pytestmark = pytest.mark.sqlite

SHEETS = Plan(
    template="orders-quickbooks",
    connector="workbook",
    maps={
        "customers": ["C-77,Kedai Maju,,,58,RETAIL", "00077,Kedai Maju Lama,,,59,RETAIL"],
        "items": [
            "TEA-LOOSE,11,81",
            "TEA-CUP,12,82",
            "TEA,11,81",
            "CUP,12,82",
            "0012,11,81",
            "SHIPPING,13,82",
            "DISCOUNT,13,82",
        ],
    },
)
HEAD = (
    "number,status,ordered_on,version,branch,customer,customer_name,price_level,currency,"
    "subtotal,tax_total,total,line,sku,name,uom,qty,price,tax\n"
)
WOO = {
    "customer": "C-77",
    "currency": "MYR",
    "branch": "KL",
    "version": "1",
    "price_level": "RETAIL",
    "tax": "SST",
}
"""What the rules need of a shop's export beside its columns."""


@pytest.fixture
def company(make: Make) -> CaseCompany:
    """Return a company with the shipped template, whose files come from the upload page."""
    return make(SHEETS, "quickbooks")


def page(company: CaseCompany, url: str) -> str:
    """Return the text of a page."""
    html = company.visit("farah").text(url)
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def upload(company: CaseCompany, path: Path, **values: str) -> str:
    """Upload a file, set one value for all rows of some fields, and confirm it."""
    url = company.upload(path, confirm=not values)
    if values:
        browser = company.visit("farah")
        form = {f"fixed:{name}": value for name, value in values.items()}
        browser.post(f"{url}/columns", form, status=303)
        company.work_uploads()
        browser.post(f"{url}/confirm", {}, status=303)
        company.work_uploads()
    return url


def total(company: CaseCompany, number: str) -> Decimal:
    """Return the total of the document that was posted for an order."""
    names = [one for one in company.documents() if one.startswith(f"{number}-")]
    assert len(names) == 1, (number, company.documents().keys(), company.holds())
    return Decimal(str(company.documents()[names[0]]["TotalAmt"]))


def written(tmp_path: Path, text: str, charset: str = "utf-8", name: str = "orders.csv") -> Path:
    """Write a small file."""
    path = tmp_path / name
    path.write_bytes(text.encode(charset))
    return path


def test_a_woocommerce_export_is_posted_with_its_shipping(company: CaseCompany) -> None:
    path = case_path("36-woo-csv-export") / "orders-2026-11-20.csv"
    url = company.upload(path, confirm=False)
    for label in ("Customer code", "Currency", "Branch", "Version", "Tax type"):
        assert label in page(company, url)
    upload(company, path, **WOO)
    company.work()
    assert company.body("5001")["lines"][2] == {
        "pos": 3,
        "part": "shipping",
        "sku": "SHIPPING",
        "name": "Flat rate",
        "uom": "PCS",
        "qty": "1",
        "price": "8.00",
        "tax": "NONE",
    }
    assert total(company, "5001") == Decimal("63.00")


PACKED = (
    "order_id,order_number,order_date,status,shipping_total,tax_total,order_total,order_currency,"
    "payment_method_title,customer_id,billing_first_name,line_item_1,line_item_2\n"
    "7001,7001,2026-11-20 09:30:00,processing,8.00,0.00,63.00,MYR,FPX,,Kedai Maju,"
    "name:Earl|product_id:12|sku:TEA|quantity:2|total:30.00|sub_total:30.00,"
    "name:Cup|product_id:13|sku:CUP|quantity:2|total:25.00|sub_total:25.00\n"
)


def test_a_woocommerce_export_with_a_row_an_order_is_posted(
    company: CaseCompany, tmp_path: Path
) -> None:
    url = company.upload(written(tmp_path, PACKED), confirm=False)
    assert "Customer code" in page(company, url), "its column is blank"
    upload(company, written(tmp_path, PACKED), **{**WOO, "tax": "NONE"})
    company.work()
    assert total(company, "7001") == Decimal("63.00")
    names = [line["sku"] for line in company.body("7001")["lines"]]
    assert names == ["TEA", "CUP", "SHIPPING"]


def test_the_next_file_needs_no_answers(company: CaseCompany, tmp_path: Path) -> None:
    path = case_path("36-woo-csv-export") / "orders-2026-11-20.csv"
    upload(company, path, **WOO)
    again = written(tmp_path, path.read_text("utf-8").replace("5001", "5002"), name="next.csv")
    url = company.upload(again, confirm=False)
    assert "Read as the last file with the same headings" in page(company, url)
    company.visit("farah").post(f"{url}/confirm", {}, status=303)
    company.work_uploads()
    company.work()
    assert company.body("5002")["branch"] == "KL"


@pytest.mark.parametrize(
    ("file", "number", "name"),
    [
        ("orders.csv", "E1", "Kedai Maju"),
        ("orders-bom.csv", "E2", "Kedai Maju"),
        ("orders-cp1252.csv", "E3", "Café Müller"),
    ],
)
def test_every_character_set_is_read(
    company: CaseCompany, file: str, number: str, name: str
) -> None:
    upload(company, case_path("39-csv-utf16") / file)
    assert company.body(number)["customer_name"] == name


def test_days_as_spreadsheets_and_people_write_them(company: CaseCompany) -> None:
    folder = case_path("40-leading-zeros-serial-dates")
    upload(company, folder / "orders.csv")
    numbers = ("G1", "G2", "G3", "G4", "G5")
    assert {company.body(number)["ordered_on"] for number in numbers} == {"2026-11-20"}
    url = upload(company, folder / "orders.xlsx")
    body = company.body("1001")
    assert (body["ordered_on"], body["customer"]) == ("2026-11-20", "00077")
    assert body["lines"][0]["sku"] == "0012"
    assert "orders!J3" in page(company, url)


@pytest.mark.parametrize(
    ("file", "number", "amount"),
    [
        ("orders.csv", "F1", "1375.55"),
        ("orders-currency-sign.csv", "F2", "27.50"),
        ("orders-trailing-minus-paren.csv", "F3", "27.50"),
    ],
)
def test_amounts_as_people_write_them(
    company: CaseCompany, file: str, number: str, amount: str
) -> None:
    url = upload(company, case_path("41-thousands-separators") / file)
    company.work()
    assert total(company, number) == Decimal(amount)
    if number == "F3":
        assert (
            "Rows that are no records and cancelled pieces are not read: orders!A3 TOTAL"
            in page(company, url)
        )


def test_a_shortened_number_stays_refused(company: CaseCompany) -> None:
    url = company.upload(case_path("42-order-id-scientific") / "orders.csv", confirm=False)
    assert "A spreadsheet has shortened this number" in page(company, url)
    company.ingest(case_path("42-order-id-scientific") / "orders.csv")
    assert company.states() == {}


def test_half_an_order_is_offered_on_hold_only(company: CaseCompany, tmp_path: Path) -> None:
    text = (case_path("36-woo-csv-export") / "orders-2026-11-20.csv").read_text("utf-8")
    rows = text.splitlines(keepends=True)
    url = company.upload(written(tmp_path, "".join(rows[:2])), confirm=False)
    shown = page(company, url)
    assert "1 order with wrong cells." in shown
    assert "The lines come to 43.00 and the order to 63.00: +20.00." in shown
    assert "Order Total Amount" in shown
    assert "Confirm import" not in shown
    upload(company, written(tmp_path, "".join(rows[:2])), **WOO)
    company.work()
    [held] = [one for one in company.holds("5001") if one.code == "SUM01"]
    assert (held.amount, held.owner) == (Decimal("63.00"), "accounts")
    assert "RM 63.00 stated, RM 43.00 computed: RM 20.00." in held.text
    assert company.documents() == {}
    upload(company, written(tmp_path, text), **WOO)
    company.work()
    assert total(company, "5001") == Decimal("63.00")
    assert company.holds() == []


COLUMNS = (
    "Order No,Status,Date,Version,Branch,Customer code,Customer name,price_level,Currency,Subtotal,"
    "Total tax,Rounding,Total,Line,Item code,Item name,Unit,Qty,Unit price,Tax type\n"
)
ROW = "{},{},{},1,KL,C-77,Kedai Maju,RETAIL,MYR,{},0,0,{},1,CUP,Cup,PCS,{},{},NONE\n"


def rows_of_orders(qty: str, day: str, status: str) -> str:
    """Return a sheet of four orders, each of two cups at a price of its own."""
    return COLUMNS + "".join(
        (
            ROW.format("B-1", "paid", "2026-11-20", "25.00", "25.00", qty, "12.50"),
            ROW.format("B-2", "paid", day, "27.00", "27.00", 2, "13.50"),
            ROW.format("B-3", status, "2026-11-20", "29.00", "29.00", 2, "14.50"),
            ROW.format("B-4", "paid", "2026-11-20", "31.00", "31.00", 2, "15.50"),
        )
    )


def test_the_preview_counts_what_the_rules_will_hold(company: CaseCompany, tmp_path: Path) -> None:
    """Values that the rules need are missing; what only the rules can see is named."""
    rows = rows_of_orders("2", "2026-11-20", "paid").splitlines(keepends=True)
    rows[2] = rows[2].replace("C-77", "")
    rows[3] = rows[3].replace("C-77", "").replace("KL", "").replace("NONE", "")
    url = company.upload(written(tmp_path, "".join(rows)), confirm=False)
    shown = page(company, url)
    assert (
        "2 orders without a value that the rules need. If you confirm, they stay on hold" in shown
    )
    missing = shown.partition("until it is filled: ")[2].partition(".")[0]
    assert sorted(missing.split(", ")) == [
        "Branch (1 order)",
        "Customer code (2 orders)",
        "Tax type (1 order)",
    ]
    assert "The rules judge what is imported. They can hold more than is counted here" in shown
    company.visit("farah").post(f"{url}/confirm", {}, status=303)
    company.work_uploads()
    company.work()
    holds = {(hold.number, hold.rule) for hold in company.holds() if hold.code == "MIS01"}
    assert holds == {
        ("B-2", "customer"),
        ("B-3", "customer"),
        ("B-3", "branch"),
        ("B-3", "line.tax"),
    }


@pytest.mark.parametrize("way", ["page", "command"])
def test_a_row_with_a_wrong_cell_is_stored_and_held(
    company: CaseCompany, tmp_path: Path, way: str
) -> None:
    path = written(tmp_path, rows_of_orders("2 ctn", "31/31/2026", ""))
    if way == "page":
        url = company.upload(path, confirm=False)
        shown = page(company, url)
        assert "3 orders with wrong cells. If you confirm, they are stored on hold" in shown
        assert shown.index("3 orders with wrong cells") < shown.index("Orders read 4")
        assert "Confirm import of 4 orders" in shown
        company.visit("farah").post(f"{url}/confirm", {}, status=303)
        company.work_uploads()
        assert "On hold because of wrong cells: 3 orders." in page(company, url)
    else:
        company.ingest(path)
    company.work()
    assert company.states()["B-4"] == "posted"
    cells = {
        "B-1": ("Qty in orders!R", "25.00"),
        "B-2": ("Date in orders!C", "27.00"),
        "B-3": ("Status in orders!B", "29.00"),
    }
    for number, (cell, amount) in cells.items():
        [held] = [one for one in company.holds(number) if one.code == "VAL04"]
        assert cell in held.text
        assert (held.amount, held.owner) == (Decimal(amount), "sales_admin")
    upload(company, written(tmp_path, rows_of_orders("2", "2026-11-20", "paid")))
    company.work()
    assert company.holds() == []
    assert set(company.states().values()) == {"posted"}


@pytest.mark.parametrize(
    "cell", [("8,00", "free"), ("RM 29,00", "RM 30,00"), ("RM 10,50", "")], ids=str
)
def test_no_order_without_its_shipping_is_good(
    company: CaseCompany, tmp_path: Path, cell: tuple[str, str]
) -> None:
    text = (
        "Order No;Date;Customer code;Item;Qty;Unit price;Shipping;Total\n"
        "H-1;20-Nov-2026;C-77;CUP;2;RM 10,50;8,00;RM 29,00\n"
    )
    path = written(tmp_path, text.replace(*cell))
    url = company.upload(path, confirm=False)
    browser = company.visit("farah")
    browser.post(f"{url}/columns", {"fixed:status": "paid"}, status=303)
    company.work_uploads()
    assert "1 order with wrong cells" in page(company, url)


def test_the_form_of_columns_keeps_what_it_shows(company: CaseCompany, tmp_path: Path) -> None:
    """Pressing its button without a change read the shipping column no longer."""
    text = "Order No;Item;Qty;Unit price;Shipping;Total\nH-1;CUP;2;10,50;8,00;29,00\n"
    url = company.upload(written(tmp_path, text), confirm=False)
    html = company.visit("farah").text(url)
    selected = dict(
        re.findall(r'name="column:(\S+)"(?:(?!</select).)*?value="(\S+)" sel', html, re.S)
    )
    assert selected["orders!E"] == "+shipping"
    offered = re.findall(r'<option value="([^"]+)"></option>', html)
    assert {"Processing", "Completed", "MYR", "C-77", "SST"} <= set(offered)
    shown = page(company, url)
    assert "Status" in shown
    assert "Rounding" not in shown.partition("Check again with these values")[0]


def test_a_hand_made_sheet_is_posted_to_aiaccount(make: Make, tmp_path: Path) -> None:
    items = ["TEA-EARL-100,TEA-EARL-100", "CUP-GLASS-20,CUP-GLASS-20", "SHIPPING,TEA-EARL-100"]
    plan = Plan(
        template="workbook-aiaccount",
        maps={"debtors": ["WALK-IN,Online Customers"], "items": items},
    )
    company = make(plan, "aiaccount")
    path = written(
        tmp_path,
        "Kedai Contoh\nSales of 20 November\n\n"
        "No;Order No;Date;Customer code;Customer name;Item;Product;Qty;Unit price;Shipping;Total\n"
        "1;H-1;20-Nov-2026;WALK-IN;Siti;TEA-EARL-100;Earl;2;RM 10,50;RM 8,00;RM 37,00\n"
        ";;;;;CUP-GLASS-20;Glass;1;8,00;;\n"
        ";Grand Total;;;;;;;;;37,00\n",
        "cp1252",
    )
    upload(company, path, status="paid", channel="FPX", currency="MYR", uom="PCS", tax="NONE")
    company.work()
    assert company.holds() == []
    assert company.states() == {"H-1": "posted"}
    assert [one[2] for one in company.postings("H-1")] == [Decimal("37.00")]
    assert list(company.documents()) == ["H-1"]


def test_a_value_of_last_week_fills_no_blank_cell_of_this_week(
    company: CaseCompany, tmp_path: Path
) -> None:
    row = ROW.format("{}", "", "2026-11-20", "25.00", "25.00", 2, "12.50")
    url = upload(company, written(tmp_path, COLUMNS + row.format("B-1")), status="paid")
    assert "that was set for all rows: Status paid (1 cell)." in page(company, url)
    assert company.body("B-1")["status"] == "paid"
    url = company.upload(written(tmp_path, COLUMNS + row.format("B-2")), confirm=False)
    shown = page(company, url)
    assert "Status is blank." in shown
    assert "that was set for all rows" not in shown
    company.visit("farah").post(f"{url}/confirm", {}, status=303)
    company.work_uploads()
    company.work()
    assert "VAL04" in {one.code for one in company.holds("B-2")}
    assert not company.body("B-2").get("status")


def test_a_released_order_stays_released_when_its_row_moves(
    company: CaseCompany, tmp_path: Path
) -> None:
    text = (case_path("36-woo-csv-export") / "orders-2026-11-20.csv").read_text("utf-8")
    head, *rows = text.splitlines(keepends=True)
    values = {**WOO, "currency": "MYR"}
    upload(company, written(tmp_path, head + rows[0]), **values)
    company.work()
    before = company.body("5001")
    first = rows[0].replace("5001", "4999")
    upload(company, written(tmp_path, head + first + rows[0]), **values)
    assert company.body("5001") == before
    with company.database.read() as session:
        query = select(Version.no).join(Record, Record.id == Version.record_id)
        assert session.scalars(query.where(Record.number == "5001")).all() == [1]


PASTED = (("B-1", "25.00", "12.50"), ("B-2", "27.00", "13.50"))


def test_headings_that_come_again_between_two_pasted_files_are_no_order(
    company: CaseCompany, tmp_path: Path
) -> None:
    rows = [ROW.format(n, "paid", "2026-11-20", t, t, 2, p) for n, t, p in PASTED]
    url = upload(company, written(tmp_path, COLUMNS + rows[0] + COLUMNS + rows[1]))
    assert "Rows that are no records and cancelled pieces are not read: orders!A3" in page(
        company, url
    )
    company.work()
    assert company.states() == {"B-1": "posted", "B-2": "posted"}


@pytest.mark.parametrize("cell", ['"=""00123"""', "'00123", "00123"])
def test_a_number_that_an_export_guards_keeps_its_zeros_and_not_the_guard(
    company: CaseCompany, tmp_path: Path, cell: str
) -> None:
    row = ROW.format(cell, "paid", "2026-11-20", "25.00", "25.00", 2, "'12.50")
    upload(company, written(tmp_path, COLUMNS + row))
    company.work()
    assert company.states() == {"00123": "posted"}
    assert total(company, "00123") == Decimal("25.00")


SHOPIFY_EXPORT = (
    "Name,Email,Financial Status,Paid at,Currency,Subtotal,Shipping,Taxes,Total,Created at,"
    "Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Refunded Amount,Id,Tax 1 Name\n"
    "#9001,a@example.com,{status},2026-11-19 10:00:00 +0800,MYR,20.00,0.00,2.00,22.00,"
    "2026-11-19 10:00:00 +0800,2,Tea,10.00,TEA,{refunded},9001,SST\n"
)


@pytest.mark.parametrize("status", ["partially_refunded", "refunded"])
def test_an_order_of_shopifys_export_of_which_money_went_back_is_posted_once_released(
    company: CaseCompany, tmp_path: Path, status: str
) -> None:
    text = SHOPIFY_EXPORT.format(status=status, refunded="5.50")
    values = {"customer": "C-77", "customer_name": "Siti", "branch": "KL", "version": "1"}
    upload(company, written(tmp_path, text), **values, price_level="RETAIL")
    company.work()
    (hold,) = company.holds()
    assert (hold.code, hold.owner, hold.rule) == ("HLD01", "accounts", "gate")
    company.release("#9001")
    company.work()
    assert total(company, "#9001") == Decimal("22.00")


def test_an_order_of_shopifys_export_without_tax_is_posted_without_tax(
    company: CaseCompany, tmp_path: Path
) -> None:
    text = SHOPIFY_EXPORT.format(status="paid", refunded="0.00")
    text = text.replace(",2.00,22.00,", ",0.00,20.00,").replace(",9001,SST\n", ",9001,\n")
    values = {"customer": "C-77", "customer_name": "Siti", "branch": "KL", "version": "1"}
    upload(company, written(tmp_path, text), **values, price_level="RETAIL")
    company.work()
    assert company.body("#9001")["lines"][0]["tax"] == "NONE"
    assert company.holds() == []
    assert total(company, "#9001") == Decimal("20.00")


@pytest.mark.parametrize("status", ["pending", "authorized", "partially_paid", "voided"])
def test_an_order_of_shopifys_export_that_is_not_paid_waits(
    company: CaseCompany, tmp_path: Path, status: str
) -> None:
    text = SHOPIFY_EXPORT.format(status=status, refunded="0.00")
    values = {"customer": "C-77", "customer_name": "Siti", "branch": "KL", "version": "1"}
    upload(company, written(tmp_path, text), **values, price_level="RETAIL")
    company.work()
    assert company.holds() == []
    assert company.states() == {"#9001": "waiting"}


def test_a_partly_refunded_order_of_shopifys_export_is_held_for_accounts_in_aiaccount(
    make: Make, tmp_path: Path
) -> None:
    plan = Plan(
        template="workbook-aiaccount",
        maps={
            "debtors": ["C-77,Warung Melati"],
            "items": ["TEA,TEA"],
        },
    )
    company = make(plan, "aiaccount")
    text = SHOPIFY_EXPORT.format(status="partially_refunded", refunded="5.50")
    values = {"customer": "C-77", "customer_name": "Melati", "version": "1", "channel": "web"}
    upload(company, written(tmp_path, text), **values)
    company.work()
    assert ("HLD01", "accounts") in [(one.code, one.owner) for one in company.holds()]
