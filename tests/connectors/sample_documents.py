"""Documents as decisions would hold them, one or more for each target and document type."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from sandbox.conformance.target_bench import Posted

Lines = Sequence[Mapping[str, str]]


def line(at: int = 1, **changed: str) -> dict[str, str]:
    plain = {
        "LineNo": str(at),
        "SKU": "TEE-BLK-M",
        "Description": "Tee, black, M",
        "Quantity": "2",
        "UOM": "PCS",
        "UnitPrice": "49.50",
        "AccountCode": "40000",
        "TaxCode": "MY-SALES10",
        "LineTotal": "108.90",
    }
    return {name: value for name, value in {**plain, **changed}.items() if value != ""}


def shipping(at: int = 2, **changed: str) -> dict[str, str]:
    plain = {"SKU": "", "Description": "Shipping", "Quantity": "1", "UOM": "", "UnitPrice": "9.90"}
    return line(at, **{**plain, "TaxCode": "NT", "LineTotal": "9.90", **changed})


def invoice(
    number: str = "NS-1", *, lines: Lines | None = None, amount: str = "118.80", **changed: str
) -> Posted:
    plain = {
        "InvoiceNumber": number,
        "InvoiceDate": "2026-11-19",
        "Customer": "Aisyah Rahman",
        "Currency": "MYR",
        "Reference": "10231",
    }
    fields = {name: value for name, value in {**plain, **changed}.items() if value != ""}
    return Posted(
        number=number,
        party=fields.get("Customer", ""),
        currency=fields.get("Currency", "MYR"),
        amount=Decimal(amount),
        fields=fields,
        lines=tuple(lines) if lines is not None else (line(1), shipping(2)),
    )


def settling(
    document: str, number: str, amount: str, plain: Mapping[str, str], **changed: str
) -> Posted:
    """A receipt or payment: one row, all of it in the header."""
    paid = {"Amount": amount, "Currency": "MYR", "BankAccountCode": "12000", "PaymentMethod": "FPX"}
    fields = {name: value for name, value in {**plain, **paid, **changed}.items() if value != ""}
    return Posted(
        document=document,
        number=number,
        party=fields.get("Customer", fields.get("Supplier", "")),
        currency=fields.get("Currency", "MYR"),
        amount=Decimal(fields["Amount"]),
        fields=fields,
    )


def receipt(number: str = "RC-1", *, amount: str = "118.80", **changed: str) -> Posted:
    """Money for invoice IN-1, see `billed`."""
    plain = {"ReceiptNumber": number, "ReceiptDate": "2026-11-20", "Customer": "Aisyah Rahman"}
    return settling("sales_receipt", number, amount, {**plain, "InvoiceNumber": "IN-1"}, **changed)


def refund(
    number: str = "RF-1", *, amount: str = "54.45", lines: Lines | None = None, **changed: str
) -> Posted:
    """Money back for one tee of invoice IN-1, which came back, too."""
    plain = {
        "RefundNumber": number,
        "InvoiceNumber": "IN-1",
        "Customer": "Aisyah Rahman",
        "RefundDate": "2026-11-20",
        "SourceRefundStatus": "Refunded + Items Returned",
        "Currency": "MYR",
    }
    fields = {name: value for name, value in {**plain, **changed}.items() if value != ""}
    one = {"SKU": "TEE-BLK-M", "Quantity": "1", "Amount": amount}
    return Posted(
        document="sales_refund",
        number=number,
        party=fields.get("Customer", ""),
        amount=Decimal(amount),
        fields=fields,
        lines=tuple(lines) if lines is not None else (one,),
    )


def payment(number: str = "PV-1", *, amount: str = "118.80", **changed: str) -> Posted:
    """Money for bill ST-1."""
    plain = {"PaymentNumber": number, "PaymentDate": "2026-11-20", "Supplier": "Blogger 12"}
    return settling("expense_payment", number, amount, {**plain, "BillNumber": "ST-1"}, **changed)


def bill(
    number: str = "ST-1", *, amount: str = "118.80", lines: Lines = (), **changed: str
) -> Posted:
    """A commission, all in the header where no lines are given."""
    plain = {
        "BillNumber": number,
        "BillDate": "2026-11-17",
        "Supplier": "Blogger 12",
        "Currency": "MYR",
        "Reference": number,
    }
    row = {"LineNo": "1", "Description": "Commission", "AccountCode": "61001", "TaxCode": "NT"}
    whole = {**plain, **({} if lines else {**row, "Amount": amount}), **changed}
    fields = {name: value for name, value in whole.items() if value != ""}
    return Posted(
        document="expense_bill",
        number=number,
        party=fields.get("Supplier", ""),
        currency=fields.get("Currency", "MYR"),
        amount=Decimal(amount),
        fields=fields,
        lines=tuple(lines),
    )


def billed() -> Posted:
    """An invoice over 173.25, of which receipts pay parts."""
    return invoice("IN-1", lines=[line(1, Quantity="3", LineTotal="163.35"), shipping(2)])


def bill_line(**changed: str) -> dict[str, str]:
    """A line of an AutoCount document: 2 tees, 108.90 with tax."""
    plain = {
        "ItemCode": "TEE-BLK-M",
        "DtlDescription": "Tee, black, M",
        "AccNo": "500-0000",
        "UOM": "PCS",
        "Qty": "2",
        "UnitPrice": "49.50",
        "TaxCode": "S-10",
        "SubTotal": "99.00",
    }
    return {name: value for name, value in {**plain, **changed}.items() if value != ""}


def autocount_invoice(
    number: str = "NS-1",
    *,
    lines: Lines | None = None,
    document: str = "invoice",
    amount: str = "118.80",
    **changed: str | None,
) -> Posted:
    """A tee and its shipping; a field given as None is left out, a blank one is said blank."""
    plain = {
        "DocNo": number,
        "DocDate": "2026-11-19",
        "DebtorCode": "300-W001",
        "DebtorName": "Web Customer",
        "DisplayTerm": "C.O.D.",
        "Location": "HQ",
        "Ref": "10231",
        "InclusiveTax": "no",
        "FinalTotal": amount,
    }
    ship = {"ItemCode": "", "DtlDescription": "Shipping", "Qty": "1", "UOM": "", "TaxCode": "NT"}
    two = (bill_line(), bill_line(**ship, UnitPrice="9.90", SubTotal="9.90"))
    fields = {name: value for name, value in {**plain, **changed}.items() if value is not None}
    return Posted(
        document=document,
        number=number,
        party=fields.get("DebtorCode", ""),
        amount=Decimal(amount),
        fields=fields,
        lines=tuple(lines) if lines is not None else two,
    )


def autocount_credit_note(
    number: str = "CN-1", *, lines: Lines | None = None, amount: str = "54.45", **changed: str
) -> Posted:
    """One of the tees of NS-7 that came back, 54.45 with tax."""
    back = bill_line(AccNo="510-0000", Qty="1", SubTotal="49.50", GoodsReturn="yes")
    rows = tuple(lines) if lines is not None else (back,)
    given = {"OurInvoice": "NS-7", "Reason": "Refunded", **changed}
    return autocount_invoice(number, document="credit_note", lines=rows, amount=amount, **given)


def autocount_receipt(number: str = "OR-1", amount: str = "237.60") -> Posted:
    """Money for two such invoices."""
    fields = {
        "DocNo": number,
        "DocDate": "2026-11-19",
        "DebtorCode": "300-W001",
        "PaymentMethod": "FPX",
        "PaymentAmt": amount,
    }
    return Posted(number, "300-W001", "MYR", Decimal(amount), "ar_payment", fields)


def autocount_knock_off(
    number: str = "KO-1",
    *,
    pays: tuple[tuple[str, str], ...] = (("NS-7", "118.80"), ("NS-8", "100.00")),
    amount: str = "218.80",
    **changed: str,
) -> Posted:
    """The receipt tied to both."""
    plain = {
        "DocNo": number,
        "DocDate": "2026-11-20",
        "DebtorCode": "300-W001",
        "ReceiptNo": "OR-1",
        "Total": amount,
    }
    lines = tuple({"InvoiceNo": invoice, "Amount": paid} for invoice, paid in pays)
    fields = {**plain, **changed}
    return Posted(number, "300-W001", "MYR", Decimal(amount), "knock_off", fields, lines)


def booked_line(**changed: str) -> dict[str, str]:
    """A line of AutoCount On The Go: an amount on an account, 99.00 before tax."""
    plain = {
        "AccNo": "500-0000",
        "Description": "Tee, black, M x 2",
        "Tax": "S-10",
        "Amount": "99.00",
    }
    return {name: value for name, value in {**plain, **changed}.items() if value != ""}


def aotg_invoice(
    number: str = "NS-1",
    *,
    lines: Lines | None = None,
    document: str = "ar_invoice",
    amount: str = "118.80",
    **changed: str | None,
) -> Posted:
    """Two tees and their shipping, as amounts; a field given as None is left out."""
    plain = {
        "DebtorCode": "300-W001",
        "DocNo": number,
        "DocDate": "2026-11-19",
        "JournalType": "SALES",
        "Description": "Web order 10231",
        "RefNo2": "10231",
        "InclusiveTax": "no",
        "Agent": "WEB",
        "CreditTerm": "C.O.D.",
        "CurrencyCode": "MYR",
        "NetTotal": amount,
    }
    ship = booked_line(Description="Shipping", Tax="NT", Amount="9.90")
    fields = {name: value for name, value in {**plain, **changed}.items() if value is not None}
    return Posted(
        document=document,
        number=number,
        party=fields.get("DebtorCode", ""),
        currency=fields.get("CurrencyCode", "MYR"),
        amount=Decimal(amount),
        fields=fields,
        lines=tuple(lines) if lines is not None else (booked_line(), ship),
    )


def sold_line(**changed: str) -> dict[str, str]:
    """A line of a QuickBooks document: 2 teas, 99.00 before tax."""
    plain = {
        "ItemRef": "11",
        "Description": "Tea, loose",
        "Qty": "2",
        "UnitPrice": "49.50",
        "Amount": "99.00",
        "TaxCodeRef": "5",
    }
    return {name: value for name, value in {**plain, **changed}.items() if value != ""}


def quickbooks_invoice(
    number: str = "NS-1",
    *,
    lines: Lines | None = None,
    document: str = "invoice",
    amount: str = "118.80",
    **changed: str | None,
) -> Posted:
    """Tea and a cup; a field given as None is left out, a blank one is said blank."""
    plain = {
        "DocNumber": number,
        "TxnDate": "2026-11-19",
        "CustomerRef": "58",
        "SalesRep": "House",
        "GlobalTaxCalculation": "TaxExcluded",
        "PrivateNote": "10231",
        "Total": amount,
    }
    cup = {"ItemRef": "12", "Description": "Tea cup", "Qty": "1", "TaxCodeRef": "3"}
    two = (sold_line(), sold_line(**cup, UnitPrice="9.90", Amount="9.90"))
    fields = {name: value for name, value in {**plain, **changed}.items() if value is not None}
    return Posted(
        document=document,
        number=number,
        party=fields.get("CustomerRef", ""),
        amount=Decimal(amount),
        fields=fields,
        lines=tuple(lines) if lines is not None else two,
    )


def quickbooks_credit(
    document: str, number: str, *, lines: Lines | None = None, amount: str = "54.45", **changed: str
) -> Posted:
    """One of the teas of NS-7 that came back, 54.45 with tax, as a credit memo or a refund."""
    back = sold_line(Qty="1", Amount="49.50")
    rows = tuple(lines) if lines is not None else (back,)
    bank = {"DepositToAccountRef": "35"} if document == "refund_receipt" else {}
    return quickbooks_invoice(
        number, document=document, lines=rows, amount=amount, **{**bank, **changed}
    )
