"""What documents do to the stock that the stand-ins of the targets keep."""

from decimal import Decimal
from typing import Any

import pytest

from sandbox.simulators.aiaccount import api as of_aiaccount
from sandbox.simulators.aiaccount.kinds import default_companies
from sandbox.simulators.autocount import api as of_autocount
from sandbox.simulators.autocount_excel import api as of_desktop
from sandbox.simulators.autocount_excel.imports import Books
from sandbox.simulators.quickbooks import api as of_quickbooks


def row(quantity: str, **more: Any) -> dict[str, Any]:
    return {"productCode": "TEA", "qty": Decimal(quantity), "unit": "CTN", **more}


@pytest.mark.parametrize(
    ("path", "rows", "stands"),
    [
        ("invoice", [row("2"), row("0.5")], "-2.5"),
        ("creditnote", [row("2", goodsReturn=True), row("5", goodsReturn=False)], "2"),
        ("purchaseinvoice", [row("12"), {"qty": Decimal(3), "productCode": None}], "12"),
    ],
)
def test_T07c_autocount_counts_each_row_as_its_product_whatever_its_unit(
    path: str, rows: list[dict[str, Any]], stands: str
) -> None:
    for cancelled, expected in ((False, {"TEA": stands}), (True, None)):
        found = {"master": {"cancelled": cancelled}, "details": rows}
        assert of_autocount.stocked({("1042", path, "a"): found}).get("1042") == expected


def test_T07c_what_is_no_matter_of_stock_moves_none() -> None:
    found = {"master": {"cancelled": False}, "details": [row("2")]}
    assert of_autocount.stocked({("1042", "receipt", "a"): found}) == {}
    assert of_autocount.stocked({("1042", "purchaseorder", "a"): found}) == {}


def test_T07c_quickbooks_puts_back_what_is_credited_or_refunded() -> None:
    def sold(quantity: int, **more: Any) -> dict[str, Any]:
        detail = {"ItemRef": {"value": "11"}, "Qty": quantity}
        return {"Line": [{"SalesItemLineDetail": detail}, {"DetailType": "SubTotalLineDetail"}]}

    documents = {
        ("1", "Invoice", "1"): sold(24),
        ("1", "SalesReceipt", "2"): sold(6),
        ("1", "CreditMemo", "3"): sold(12),
        ("1", "RefundReceipt", "4"): sold(1),
        ("1", "Bill", "5"): sold(100),
    }
    assert of_quickbooks.stocked(documents) == {"1": {"11": "-17"}}


def test_T07c_aiaccount_takes_invoices_away_where_stock_is_kept() -> None:
    companies = default_companies(name="Kedai", locked_through=None, quota=None, rounding="")
    companies["CMP-2001"].inventory_enabled = False
    line = {"SKU": "TEE", "Quantity": "2.5", "UOM": "PCS"}
    documents = [
        {"type": kind, "company": company, "document": {"lines": [line, {"Quantity": "1"}]}}
        for kind, company in (
            ("sales_invoice", "CMP-1042"),
            ("expense_bill", "CMP-1042"),
            ("sales_invoice", "CMP-2001"),
        )
    ]
    assert of_aiaccount.stocked(documents, companies) == {"CMP-1042": {"TEE": "-2.5"}}


def test_T07c_autocount_desktop_counts_by_the_rates_that_it_has_now() -> None:
    """A rate that was changed counts for what was entered before, too."""
    books = Books(withhold=0, seed=1)
    row = {"ItemCode": "SOAP90", "UOM": "CTN", "Qty": "2"}
    back = {"ItemCode": "SOAP90", "UOM": "PCS", "Qty": "6", "GoodsReturn": "T"}
    kept = {**back, "GoodsReturn": "F"}
    books.documents = {
        ("invoice", "1"): {"rows": [row, {"AccNo": "500-0000", "Qty": "9"}]},
        ("credit_note", "2"): {"rows": [back, kept]},
        ("ap_invoice", "3"): {"rows": [row]},
    }
    assert of_desktop.stocked(books) == {"SOAP90": "-42"}
    books.masters.items["SOAP90"]["CTN"] = Decimal(12)
    assert of_desktop.stocked(books) == {"SOAP90": "-18"}


def test_T07c_autocount_desktop_counts_goods_that_leave_and_come_at_each_location() -> None:
    """At that of the row, else at that of the document; an order moves nothing."""
    books = Books(withhold=0, seed=1)
    row = {"ItemCode": "SOAP90", "UOM": "CTN", "Qty": "1"}
    sold = {**row, "SalesLocation": "HQ"}
    books.documents = {
        ("sales_order", "1"): {"rows": [sold]},
        ("delivery_order", "2"): {"rows": [sold, {**sold, "Location": "JB01"}]},
        ("goods_received_note", "3"): {"rows": [{**row, "Qty": "3", "PurchaseLocation": "JB01"}]},
        ("invoice", "4"): {"rows": [{**row, "UOM": "PCS"}]},
    }
    assert of_desktop.stocked(books) == {"SOAP90": "23"}
    assert of_desktop.stocked_by_location(books) == {
        "": {"SOAP90": "-1"},
        "HQ": {"SOAP90": "-24"},
        "JB01": {"SOAP90": "48"},
    }
