"""The documents of the calls recorded of AutoCount, by file (see recorded_documents.py)."""

from decimal import Decimal

from tests.connectors.sample_documents import Posted

_HEAD = {
    "DisplayTerm": "C.O.D.",
    "Location": "HQ",
    "CurrencyRate": "1",
    "InclusiveTax": "no",
    "Remark2": "Counter 2",
    "Remark3": "Gift",
    "Remark4": "No bag",
}
_DEBTOR = {"DebtorCode": "300-W001", "DebtorName": "Web Customer", "SalesAgent": "LIWEI"}
_CREDITOR = {"CreditorCode": "400-B012", "CreditorName": "Blogger 12"}


def _other(document: str, number: str, party: str, amount: str, fields, *lines) -> Posted:
    return Posted(number, party, "MYR", Decimal(amount), document, fields, lines)


def _trade(document: str, fields, account: str, *, more=(), less=(), revised=False, rows=2):
    """Tees and their shipping; revised: one tee less."""
    tee = {
        "ItemCode": "TEE-BLK-M",
        "DtlDescription": "Tee, black, M",
        "FurtherDescription": "Organic cotton",
        "AccNo": account,
        "UOM": "PCS",
        "Qty": "1" if revised else "2",
        "UnitPrice": "49.50",
        "Discount": "9.00",
        "TaxCode": "S-10",
        "SubTotal": "40.50" if revised else "90.00",
        **dict(more),
    }
    ship = {
        "DtlDescription": "Shipping",
        "AccNo": account,
        "Qty": "1",
        "UnitPrice": "9.90",
        "TaxCode": "NT",
        "SubTotal": "9.90",
        **dict(less),
    }
    total = {(False, 2): "108.90", (True, 2): "54.45", (True, 1): "44.55"}[revised, rows]
    told = {**_HEAD, **fields, "FinalTotal": total, "Remark1": "rev 2" if revised else "rev 1"}
    party = fields.get("DebtorCode") or fields["CreditorCode"]
    lines = (tee, ship)[:rows]
    return (Posted(fields["DocNo"], party, "MYR", Decimal(total), document, told, lines),)


_INVOICE = {
    "DocNo": "NS-10231",
    "DocDate": "2026-11-19",
    "Ref": "10231",
    "Description": "Web order 10231",
    **_DEBTOR,
}
_CREDIT = {
    **_INVOICE,
    "DocNo": "CN-NS-10231-1",
    "DocDate": "2026-11-20",
    "OurInvoice": "NS-10231",
    "Reason": "Refunded + Items Returned",
}
_ORDER = {
    "DocNo": "PO-7",
    "DocDate": "2026-11-18",
    "Ref": "R-7",
    "Description": "Restock",
    **_CREDITOR,
    "DisplayTerm": "Net 30 days",
}
_BACK, _KEPT = {"GoodsReturn": "yes"}, {"GoodsReturn": "no"}

AUTOCOUNT = {
    "invoice.create": _trade("invoice", _INVOICE, "500-0000"),
    "invoice.update": _trade("invoice", _INVOICE, "500-0000", revised=True),
    "invoice.void": _trade("invoice", _INVOICE, "500-0000"),
    "credit_note.create": _trade("credit_note", _CREDIT, "510-0000", more=_BACK, less=_KEPT),
    "credit_note.update": _trade(
        "credit_note", _CREDIT, "510-0000", more=_BACK, revised=True, rows=1
    ),
    "purchase_order.create": _trade("purchase_order", _ORDER, "610-0001"),
    "purchase_order.update": _trade("purchase_order", _ORDER, "610-0001", revised=True),
    "purchase_order.void": _trade("purchase_order", _ORDER, "610-0001"),
    "purchase_invoice.create": _trade(
        "purchase_invoice",
        {**_ORDER, "DocNo": "PI-7", "SupplierInvoiceNo": "ST-88"},
        "610-0001",
    ),
    "ap_invoice.create": (
        _other(
            "ap_invoice",
            "PI-ST-88",
            "400-B012",
            "250.00",
            {
                "SupplierInvoiceNo": "ST-88",
                "DocNo": "PI-ST-88",
                "DocDate": "2026-11-18",
                "Description": "Settlement 88",
                "DisplayTerm": "Net 30 days",
                "CurrencyRate": "1",
                **_CREDITOR,
                "AccNo": "610-0001",
                "DtlDescription": "Commission Nov wk 2",
                "TaxCode": "NT",
                "Amount": "250.00",
            },
        ),
    ),
    "ar_payment.create": (
        _other(
            "ar_payment",
            "OR-NS-10231",
            "300-W001",
            "108.90",
            {
                "DocNo": "OR-NS-10231",
                "DocDate": "2026-11-19",
                "Description": "Payment for NS-10231",
                "PaymentMethod": "FPX",
                "PaymentAmt": "108.90",
                "ChequeNo": "FPX-771",
                "DebtorCode": "300-W001",
            },
        ),
    ),
    "knock_off.create": (
        _other(
            "knock_off",
            "KO-10231",
            "300-W001",
            "108.90",
            {
                "DocNo": "KO-10231",
                "DocDate": "2026-11-20",
                "DebtorCode": "300-W001",
                "ReceiptNo": "OR-NS-10231",
                "Total": "108.90",
            },
            {"InvoiceNo": "NS-10231", "Amount": "108.90"},
        ),
    ),
    "ap_payment.create": (
        _other(
            "ap_payment",
            "PV-ST-88",
            "400-B012",
            "250.00",
            {
                "DocNo": "PV-ST-88",
                "DocDate": "2026-11-20",
                "Description": "Settlement 88",
                "PaymentMethod": "BANK",
                "PaymentAmt": "250.00",
                "ChequeNo": "IBG-991",
                "CreditorCode": "400-B012",
            },
        ),
    ),
}
