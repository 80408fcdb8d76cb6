"""The documents of the calls recorded of QuickBooks, by file (see recorded_documents.py)."""

from decimal import Decimal

from tests.connectors.sample_documents import Posted

_SALE = {
    "TxnDate": "2026-11-19",
    "CustomerRef": "58",
    "DepartmentRef": "1",
    "CurrencyRef": "MYR",
    "ExchangeRate": "1",
    "GlobalTaxCalculation": "TaxExcluded",
    "SalesRep": "House",
    "CustomerMemo": "Thank you",
}
_MONEY = {"PaymentMethodRef": "3", "DepositToAccountRef": "35"}
_OF_KIND = {
    "invoice": {"DocNumber": "NS-10231", "SalesTermRef": "3", "DueDate": "2026-12-19"},
    "sales_receipt": {"DocNumber": "SR-10231", **_MONEY, "PaymentRefNum": "FPX-771"},
    "credit_memo": {"DocNumber": "CN-NS-10231-1"},
    "refund_receipt": {"DocNumber": "RF-NS-10231-1", **_MONEY},
}


def _posted(document: str, number: str, party: str, total: str, fields, *lines):
    return (Posted(number, party, "MYR", Decimal(total), document, fields, lines),)


def _sale(document: str, *, revised: bool = False):
    tee = {
        "ItemRef": "11",
        "Description": "Tee, black, M",
        "Qty": "1" if revised else "2",
        "UnitPrice": "49.50",
        "Amount": "49.50" if revised else "99.00",
        "TaxCodeRef": "5",
        "ClassRef": "200000000001",
    }
    ship = {
        "ItemRef": "12",
        "Description": "Shipping",
        "Qty": "1",
        "UnitPrice": "9.90",
        "Amount": "9.90",
        "TaxCodeRef": "3",
    }
    total = "64.35" if revised else "118.80"
    note = "cp:ns16:10231:v4" if revised else "cp:ns16:10231:v3"
    fields = {**_SALE, **_OF_KIND[document], "PrivateNote": note, "Total": total}
    return _posted(document, fields["DocNumber"], "58", total, fields, tee, ship)


def _bill(*, revised: bool = False):
    total = "211.00" if revised else "261.00"
    fields = {
        "DocNumber": "ST-88",
        "TxnDate": "2026-11-18",
        "SalesTermRef": "3",
        "DueDate": "2026-12-18",
        "VendorRef": "77",
        "DepartmentRef": "1",
        "CurrencyRef": "MYR",
        "ExchangeRate": "1",
        "GlobalTaxCalculation": "TaxExcluded",
        "PrivateNote": "cp:ns16:ST-88:v2" if revised else "cp:ns16:ST-88:v1",
        "Total": total,
    }
    amount = "200.00" if revised else "250.00"
    first = {"AccountRef": "81", "Description": "Commission", "Amount": amount, "TaxCodeRef": "3"}
    bonus = {"AccountRef": "82", "Description": "Bonus", "Amount": "10.00", "TaxCodeRef": "5"}
    return _posted("bill", "ST-88", "77", total, fields, first, bonus)


def _payment(total: str, note: str):
    fields = {
        "PaymentRefNum": "FPX-771",
        "TxnDate": "2026-11-19",
        "CustomerRef": "58",
        "InvoiceNumber": "NS-10231",
        "TotalAmt": total,
        "CurrencyRef": "MYR",
        "ExchangeRate": "1",
        **_MONEY,
        "PrivateNote": note,
    }
    return _posted("payment", "FPX-771", "58", total, fields)


def _bill_payment(total: str, note: str):
    fields = {
        "DocNumber": "PV-ST-88",
        "TxnDate": "2026-11-20",
        "VendorRef": "77",
        "BillNumber": "ST-88",
        "TotalAmt": total,
        "CurrencyRef": "MYR",
        "ExchangeRate": "1",
        "PayType": "Check",
        "BankAccountRef": "35",
        "PrivateNote": note,
    }
    return _posted("bill_payment", "PV-ST-88", "77", total, fields)


QUICKBOOKS = {
    **{f"{name}.create": _sale(name) for name in _OF_KIND},
    **{f"{name}.update": _sale(name, revised=True) for name in _OF_KIND},
    "invoice.void": _sale("invoice"),
    "bill.create": _bill(),
    "bill.update": _bill(revised=True),
    "payment.create": _payment("118.80", "cp:ns16:p:v1"),
    "payment.update": _payment("100.00", "cp:ns16:p:v2"),
    "bill_payment.create": _bill_payment("261.00", "cp:ns16:p:v1"),
    "bill_payment.update": _bill_payment("200.00", "cp:ns16:p:v2"),
}
