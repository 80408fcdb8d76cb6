"""The documents of the calls recorded of AiAccount, by file (see recorded_documents.py)."""

from decimal import Decimal

from tests.connectors.sample_documents import Posted

_TEE = {
    "LineNo": "1",
    "SKU": "TEE-BLK-M",
    "Description": "Tee, black, M",
    "Quantity": "2",
    "UOM": "PCS",
    "UnitPrice": "49.50",
    "AccountCode": "40000",
    "TaxCode": "MY-SALES10",
    "LineTotal": "108.90",
}
_SHIPPING = {
    "LineNo": "2",
    "Description": "Shipping",
    "Quantity": "1",
    "UnitPrice": "9.90",
    "AccountCode": "40000",
    "TaxCode": "NT",
    "LineTotal": "9.90",
}
_CAP = {**_TEE, "SKU": "CAP", "Description": "Cap", "Quantity": "3", "UnitPrice": "10.05"}
_MUG = {
    **_TEE,
    "SKU": "0012",
    "Description": "Mug",
    "Quantity": "2.5",
    "UnitPrice": "4.1234",
    "DiscountAmount": "0.31",
    "TaxAmount": "1.00",
    "LineTotal": "11.00",
    "ClassificationCode": "022",
}
_BUYER = {
    "CustomerTIN": "IG24680135790",
    "CustomerIDType": "NRIC",
    "CustomerIDNumber": "900101105566",
    "CustomerAddress": "12 Jalan Ampang, 50450 Kuala Lumpur",
    "CustomerPhone": "03-5192 9527",
}
_FOREIGN = {"DueDate": "2026-12-19", **_BUYER, "Currency": "SGD", "ExchangeRate": "3.41"}
_PAID = {"Currency": "MYR", "ExchangeRate": "1", "BankAccountCode": "12000"}


def _sold(number: str, party: str, amount: str, *lines, **more: str) -> Posted:
    own = {"InvoiceNumber": number, "InvoiceDate": "2026-11-19", "Customer": party}
    fields = {**own, "Currency": "MYR", "Reference": number.removeprefix("NS-"), **more}
    return Posted(
        number, party, fields["Currency"], Decimal(amount), "sales_invoice", fields, lines
    )


def _other(document: str, number: str, party: str, amount: str, fields, *lines) -> Posted:
    return Posted(number, party, "MYR", Decimal(amount), document, fields, lines)


AIACCOUNT = {
    "sales_invoice.batch": (
        _sold("NS-10231", "Aisyah Rahman", "118.80", _TEE, _SHIPPING),
        _sold("NS-10232", "Lim Wei", "33.16", {**_CAP, "LineTotal": "33.16"}),
        _sold("NS-10236", "Tan Mei", "11.00", _MUG, **_FOREIGN, CustomerEmail="mei@example.com"),
    ),
    "sales_invoice.alone": (
        _sold(
            "NS-10240",
            "Aisyah Rahman",
            "108.90",
            {
                **_TEE,
                "DiscountAmount": "9.00",
                "TaxAmount": "9.00",
                "LineTotal": "99.00",
                "ClassificationCode": "022",
            },
            _SHIPPING,
            **_FOREIGN,
            CustomerEmail="aisyah@example.com",
        ),
    ),
    "sales_receipt": (
        _other(
            "sales_receipt",
            "RC-NS-10231",
            "Aisyah Rahman",
            "118.80",
            {
                "ReceiptNumber": "RC-NS-10231",
                "ReceiptDate": "2026-11-19",
                "Customer": "Aisyah Rahman",
                "InvoiceNumber": "NS-10231",
                "Amount": "118.80",
                **_PAID,
                "PaymentMethod": "FPX",
                "PaymentReference": "FPX-771",
                "Notes": "Paid at the counter",
            },
        ),
    ),
    "expense_bill": (
        _other(
            "expense_bill",
            "ST-88",
            "Blogger 12",
            "261.00",
            {
                "BillNumber": "ST-88",
                "BillDate": "2026-11-17",
                "Supplier": "Blogger 12",
                "DueDate": "2026-12-17",
                "Currency": "MYR",
                "ExchangeRate": "1",
                "Reference": "ST-88",
                "Notes": "Week 46",
            },
            {
                "LineNo": "1",
                "Description": "Commission 10–16 Nov",
                "AccountCode": "61001",
                "TaxCode": "NT",
                "Amount": "250.00",
                "TaxAmount": "0",
            },
            {
                "LineNo": "2",
                "Description": "Bonus",
                "AccountCode": "61001",
                "TaxCode": "MY-SALES10",
                "Amount": "11.00",
                "TaxAmount": "1.00",
            },
        ),
    ),
    "expense_payment": (
        _other(
            "expense_payment",
            "PV-ST-88",
            "Blogger 12",
            "250.00",
            {
                "PaymentNumber": "PV-ST-88",
                "PaymentDate": "2026-11-20",
                "Supplier": "Blogger 12",
                "BillNumber": "ST-88",
                "Amount": "250.00",
                **_PAID,
                "PaymentMethod": "IBG",
                "PaymentReference": "IBG-991",
            },
        ),
    ),
    "sales_refund.alone": (
        _other(
            "sales_refund",
            "RF-NS-10231-1",
            "Aisyah Rahman",
            "54.45",
            {
                "RefundNumber": "RF-NS-10231-1",
                "InvoiceNumber": "NS-10231",
                "Customer": "Aisyah Rahman",
                "RefundDate": "2026-11-20",
                "SourceRefundStatus": "Refunded + Items Returned",
                "Currency": "MYR",
            },
            {"SKU": "TEE-BLK-M", "Quantity": "1", "Amount": "54.45"},
        ),
    ),
}

_VOUCHER = {**_SHIPPING, "LineNo": "1", "Description": "Voucher", "UnitPrice": "59.00"}
_VOUCHER["LineTotal"] = "59.00"
SOME_OF_A_BATCH = (
    _sold("NS-10233", "Tan Mei", "59.00", _VOUCHER),
    AIACCOUNT["sales_invoice.batch"][0],
    _sold("NS-10234", "Raj", "59.00", _VOUCHER, InvoiceDate="2026-09-29"),
    _sold("NS-10235", "Siti", "59.00", {**_VOUCHER, "TaxCode": "SR-6"}),
)
