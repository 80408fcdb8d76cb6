"""The documents of the imports recorded of AutoCount desktop, by file, and how a file is read.

A file of wire/autocount_excel has the sheets of the workbook (`=== Data`, `=== Clearpost`) row by
row, what each row came to (`=== outcome`), and the listing that AutoCount saves afterwards
(`=== Listing`). They were written from the contract, by neither side. See test_wire_by_hand.py.
"""

import io
import json
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import openpyxl

from tests.connectors.sample_documents import Posted

FOLDER = Path(__file__).parent / "wire" / "autocount_excel"
SHEETS = ("Data", "Clearpost", "Listing")
Rows = list[list[object]]

_TEE = {
    "ItemCode": "TEE-BLK-M",
    "DtlDescription": "Tee, black, M",
    "AccNo": "500-0000",
    "Location": "JB01",
    "UOM": "PCS",
    "Qty": "2",
    "UnitPrice": "49.50",
    "Discount": "9.00",
    "TaxCode": "S-10",
    "Classification": "022",
}
_BOXES = {
    "ItemCode": "TEE-BLK-M",
    "DtlDescription": "Tee, black, M",
    "UOM": "BOX",
    "Qty": "2",
    "UnitPrice": "1188.00",
    "TaxCode": "S-10",
}
_SHIPPING = {
    "ItemCode": "SHIP",
    "DtlDescription": "Shipping",
    "UOM": "UNIT",
    "Qty": "1",
    "UnitPrice": "9.90",
    "TaxCode": "NT",
}
_VOUCHER = {
    "DtlDescription": "Voucher",
    "AccNo": "510-0000",
    "Qty": "1",
    "UnitPrice": "50.00",
    "TaxCode": "NT",
}
_SOLD = {
    "DocDate": "2026-11-19",
    "DebtorCode": "300-W001",
    "DebtorName": "Web Customer",
    "Ref": "0010231",
    "Description": "Web order 10231",
    "DisplayTerm": "C.O.D.",
    "SalesAgent": "LIWEI",
    "Location": "HQ",
    "CurrencyCode": "MYR",
    "CurrencyRate": "1",
    "InclusiveTax": "no",
}
_ABROAD = {
    "DocDate": "2026-11-19",
    "DebtorCode": "300-K210",
    "Ref": "0010232",
    "DisplayTerm": "Net 30 days",
    "CurrencyCode": "SGD",
    "CurrencyRate": "3.41",
    "InclusiveTax": "yes",
}


def _document(
    kind: str, number: str, amount: str, fields: Mapping[str, str], *lines: Mapping[str, str]
) -> Posted:
    return Posted(
        number=number,
        party=fields.get("DebtorCode") or fields["CreditorCode"],
        currency=fields.get("CurrencyCode", "MYR"),
        amount=Decimal(amount),
        document=kind,
        fields={"DocNo": number, **fields},
        lines=lines,
    )


DOCUMENTS = {
    "invoice": (
        _document("invoice", "NS-10231", "108.90", _SOLD, _TEE, _SHIPPING),
        _document("invoice", "NS-10232", "50.00", _ABROAD, _VOUCHER),
    ),
    "credit_note": (
        _document(
            "credit_note",
            "NS-10231-C1",
            "49.01",
            {
                **_SOLD,
                "DocDate": "2026-11-20",
                "Description": "Return of 10231",
                "OurInvoice": "NS-10231",
                "Reason": "Too small",
            },
            {**_TEE, "Qty": "1", "Discount": "10%", "GoodsReturn": "yes"},
        ),
    ),
    "cash_sale": (
        _document(
            "cash_sale",
            "NS-CS-10233",
            "108.90",
            {
                **_SOLD,
                "Description": "Till 2",
                "PaymentMethod": "CASH",
                "PaymentAmt": "108.90",
                "ChequeNo": "TILL-2-771",
            },
            _TEE,
            _SHIPPING,
        ),
    ),
    "sales_order": (
        _document(
            "sales_order",
            "NS-SO-10231",
            "2613.60",
            {**_SOLD, "DocDate": "2026-11-18"},
            {**_BOXES, "Location": "JB01", "Discount": "9.00"},
            {**_SHIPPING, "AccNo": "510-0000"},
        ),
    ),
    "delivery_order": (
        _document(
            "delivery_order",
            "NS-DO-10231",
            "1617.00",
            {**_SOLD, "DocDate": "2026-11-18", "Description": "Parcel 1 of 2"},
            {key: value for key, value in _TEE.items() if key != "Classification"}
            | {"Qty": "30", "Discount": "15.00"},
        ),
    ),
    "goods_received_note": (
        _document(
            "goods_received_note",
            "NS-GR-77",
            "174.16",
            {
                "DocDate": "2026-11-18",
                "CreditorCode": "400-S014",
                "CreditorName": "Sabun Supply",
                "Ref": "PO-77",
                "Description": "Lorry 2",
                "DisplayTerm": "Net 30 days",
                "Location": "HQ",
                "CurrencyCode": "MYR",
                "CurrencyRate": "1",
                "InclusiveTax": "yes",
            },
            {
                "ItemCode": "SOAP90",
                "DtlDescription": "Soap 90 g",
                "Location": "JB01",
                "UOM": "CTN",
                "Qty": "3",
                "UnitPrice": "57.60",
                "Discount": "5%",
                "TaxCode": "SR-8",
            },
            {
                "ItemCode": "SOAP90",
                "DtlDescription": "Soap 90 g, loose",
                "AccNo": "610-0001",
                "UOM": "PCS",
                "Qty": "4",
                "UnitPrice": "2.50",
                "TaxCode": "SR-8",
            },
        ),
    ),
    "ar_payment": (
        _document(
            "ar_payment",
            "NS-10231-R1",
            "108.90",
            {
                "DocDate": "2026-11-20",
                "DebtorCode": "300-W001",
                "PaymentMethod": "FPX",
                "PaymentAmt": "108.90",
                "ChequeNo": "FPX-771",
                "Description": "Paid for 10231",
                "KnockOffDocNo": "NS-10231",
                "KnockOffAmt": "100.00",
            },
        ),
    ),
    "ap_invoice": (
        _document(
            "ap_invoice",
            "NS-ST-88",
            "270.00",
            {
                "SupplierInvoiceNo": "ST-88",
                "DocDate": "2026-11-17",
                "CreditorCode": "400-B012",
                "Description": "Week 46",
                "DisplayTerm": "C.O.D.",
                "CurrencyCode": "MYR",
                "CurrencyRate": "1",
                "AccNo": "610-0001",
                "DtlDescription": "Commission 10–16 Nov",
                "TaxCode": "SR-8",
                "Amount": "250.00",
            },
        ),
    ),
    "ap_payment": (
        _document(
            "ap_payment",
            "NS-PV-88",
            "270.00",
            {
                "DocDate": "2026-11-20",
                "CreditorCode": "400-B012",
                "PaymentMethod": "BANK",
                "PaymentAmt": "270.00",
                "ChequeNo": "IBG-991",
                "KnockOffDocNo": "NS-ST-88",
                "KnockOffAmt": "250.00",
            },
        ),
    ),
}
BEFORE = {"ar_payment": "invoice", "ap_payment": "ap_invoice"}
"""What must exist there first."""


def recorded(name: str) -> dict[str, list[object]]:
    """The parts of a file: a sheet as its rows, an outcome as the one line of JSON that it is."""
    text = (FOLDER / f"{name}.txt").read_text("utf-8")
    told = (part.partition("\n") for part in re.split(r"^=== ", text, flags=re.M)[1:])
    return {
        title: [json.loads(row, parse_float=Decimal) for row in rows.splitlines() if row]
        for title, _, rows in told
    }


def workbook(parts: Mapping[str, Rows]) -> bytes:
    """Sheets as a workbook, by a library that neither side uses for writing."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in parts.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append([date.fromisoformat(c["date"]) if isinstance(c, dict) else c for c in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def opened(raw: bytes) -> dict[str, Rows]:
    """The sheets of a workbook with the types of their cells, comparable with `plain`."""
    sheets = openpyxl.load_workbook(io.BytesIO(raw)).worksheets
    return {one.title: [_bare([_read(c) for c in row]) for row in one.values] for one in sheets}


def plain(rows: Rows) -> Rows:
    """Recorded rows, comparable: a number, and a text of the same digits, are not the same."""
    return [_bare([_number(c) if isinstance(c, int | Decimal) else c for c in row]) for row in rows]


def _bare(row: list[object]) -> list[object]:
    """Without the blank cells at its end, which only a wider row beside it makes."""
    while row and row[-1] is None:
        row.pop()
    return row


def _read(cell: object) -> object:
    if isinstance(cell, date):
        return {"date": cell.strftime("%Y-%m-%d")}
    return _number(Decimal(str(cell))) if isinstance(cell, int | float) else cell


def _number(value: int | Decimal) -> tuple[str, str]:
    return "number", format(Decimal(value).normalize(), "f")
