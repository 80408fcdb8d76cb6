"""What arrives at the AiAccount templates in tests, and every change of it that is driven."""

from decimal import Decimal
from typing import Any

from tests.holding.cells import Change

Body = dict[str, Any]


def day(lock: str, at: int = 0) -> str:
    """A day of November in an open period, or in one that is closed in the end."""
    return f"2026-11-{(18 if lock == 'open' else 9) - at:02}"


# ---- NetShop: orders and commissions ----


BUYER = {"id": "C-101", "name": "Warung Melati", "address": "1 Jalan Ampang"}
TEA = {"pos": 1, "sku": "TEA-EARL-100", "name": "Tea", "uom": "PCS", "tax": "SST"}


def order(number: str, on: str, **changes: Any) -> Body:
    """Two teas, paid on their day; no two orders come to the same."""
    price = 10 + Decimal(number[-2:]) / 10
    return {
        "id": number,
        "number": number,
        "status": "paid",
        "ordered_at": f"{on}T10:00:00+08:00",
        "paid_at": f"{on}T14:00:00+08:00",
        "currency": "MYR",
        "channel": "FPX",
        "customer": BUYER,
        "items": [{**TEA, "qty": "2", "price": f"{price:.2f}"}],
        "subtotal": f"{price * 2:.2f}",
        "tax_total": f"{price / 5:.2f}",
        "round_off": "0.00",
        "total": f"{price * Decimal('2.2'):.2f}",
        "version": 1,
        **changes,
    }


def commission(number: str, on: str, **changes: Any) -> Body:
    """What a blogger earned, paid on its day."""
    return {
        "id": number,
        "blogger": "B-12",
        "period": f"{on}/{on}",
        "amount": f"250.{number[-2:]}",
        "currency": "MYR",
        "status": "paid",
        "paid_at": f"{on}T16:00:00+08:00",
        **changes,
    }


ORDERS = (
    Change("lines", {"items": [{**TEA, "qty": "3", "price": "10.00"}]}, ("lines",)),
    Change("subtotal", {"subtotal": "99.00"}, ("subtotal",)),
    Change("tax", {"tax_total": "9.00"}, ("tax_total",)),
    Change("rounding", {"round_off": "0.01"}, ("round_off",)),
    Change("total", {"total": "99.00"}, ("total",)),
    Change("customer", {"customer": {**BUYER, "id": "C-102"}}, ("customer",)),
    Change("tax number", {"customer": {**BUYER, "tin": "IG24680135790"}}, ("tin",)),
    Change("address", {"customer": {**BUYER, "address": "2 Jalan B"}}, ("address",)),
    Change("channel", {"channel": "TNG"}, ("channel",)),
    Change("currency", {"currency": "SGD"}, ("currency",)),
    Change("day", {"ordered_at": "2026-11-01T10:00:00+08:00"}, ("ordered_on",)),
    Change("packed", {"status": "packed"}, ("status",)),
    Change("paid later", {"paid_at": "2026-11-19T09:00:00+08:00"}, ("paid_at",)),
    Change("version", {"version": 2}, ("version",)),
    Change(
        "approved",
        {"approved_version": 1, "approved_by": "Mei"},
        ("approved_version", "approved_by"),
    ),
    Change("fell back", {"status": "pending"}, ("status",), ("sales_invoice", "sales_receipt")),
    Change("unpaid", {"paid_at": None}, ("paid_at",), ("sales_invoice", "sales_receipt")),
    Change("cancelled", {"status": "cancelled"}, (), cancels=True),
    Change("refunded", {"status": "refunded"}, (), cancels=True),
)
_PAPERS = ("sales_invoice", "sales_receipt")
REFUNDED_LATER = (
    *ORDERS[:-1],
    Change("refunded", {"status": "refunded"}, ("status",), _PAPERS),
)
"""The same where a refund holds an order instead of cancelling it."""
NAMED = (
    Change("name", {"customer": {**BUYER, "name": "Warung Melati Baru"}}, ("customer_name",)),
    Change("typed", {"created_by": "Ali"}, ("created_by",)),
)
COMMISSIONS = (
    Change("commission", {"amount": "260.00"}, ("commission",)),
    Change("currency", {"currency": "SGD"}, ("currency",)),
    Change("blogger", {"blogger": "B-13"}, ("blogger",)),
    Change("day", {"period": "2026-11-01/2026-11-01"}, ("settled_on",)),
    Change("paid later", {"paid_at": "2026-11-19T09:00:00+08:00"}, ("paid_at",)),
    Change("approved again", {"status": "approved"}, ("status",), ("expense_payment",)),
    Change("fell back", {"status": "pending"}, ("status",), ("expense_bill", "expense_payment")),
    Change("void", {"status": "void"}, (), cancels=True),
)

# ---- intake: a marketplace's statements and payouts ----


def money(number: str) -> tuple[str, str, str]:
    """Gross, fee and net of a statement; no two numbers have the same."""
    at = Decimal(number[-2:])
    gross, fee = 100 + at, 10 + at / 100
    return f"{gross:.2f}", f"-{fee:.2f}", f"{gross - fee:.2f}"


def statement(number: str, on: str, **changes: Any) -> Body:
    """One order of a marketplace, less its fees."""
    gross, fee, net = money(number)
    line = {"pos": 1, "order_number": f"o-{number}", "tax": "SST"}
    return {
        "kind": "settlement",
        "number": number,
        "status": "approved",
        "version": 1,
        "approved_version": 1,
        "approved_by": "Farid",
        "created_by": "Mei Ling",
        "supplier": "SHOPEE",
        "tin": "C22334455660",
        "channel": "shopee",
        "settled_on": on,
        "gross": gross,
        "fees": fee,
        "refunds": "0.00",
        "net": net,
        "lines": [{**line, "gross": gross, "fee": fee, "net": net}],
        **changes,
    }


def payout(number: str, on: str, **changes: Any) -> Body:
    """The payout of the statement of the same digits."""
    return {
        "kind": "settlement_payment",
        "number": number,
        "settlement": number.replace("PO", "SP"),
        "status": "paid",
        "supplier": "SHOPEE",
        "tin": "C22334455660",
        "method": "IBG",
        "bank_ref": f"IBG-{number}",
        "paid_on": on,
        "amount": money(number)[2],
        **changes,
    }


SOLD = {"pos": 1, "order_number": "other", "tax": "SST"}
STATEMENTS = (
    Change("lines", {"lines": [{**SOLD, "gross": "9", "fee": "-1", "net": "8"}]}, ("lines",)),
    Change("gross", {"gross": "999.00"}, ("gross",)),
    Change("fees", {"fees": "-9.00"}, ("fees",)),
    Change("refunds", {"refunds": "-1.00"}, ("refunds",)),
    Change("net", {"net": "1.00"}, ("net",)),
    Change("supplier", {"supplier": "LAZADA"}, ("supplier",)),
    Change("tax number", {"tin": "C33445566770"}, ("tin",)),
    Change("channel", {"channel": "tiktok"}, ("channel",)),
    Change("day", {"settled_on": "2026-11-01"}, ("settled_on",)),
    Change("version", {"version": 2}, ("version",)),
    Change("approved again", {"approved_version": 2}, ("approved_version",)),
    Change("approver", {"approved_by": "Faridah"}, ("approved_by",)),
    Change("paid", {"status": "Paid Out"}, ("status",)),
    Change("typed", {"created_by": "Ali"}, ("created_by",)),
    Change("open again", {"status": "open"}, ("status",), ("sales_invoice", "expense_bill")),
    Change("closed again", {"status": "Closed"}, ("status",), ("sales_invoice",)),
    Change("no fees", {"fees": "0.00"}, ("fees",), ("expense_bill",)),
    Change("withdrawn", {"status": "Void"}, (), cancels=True),
)
BOTH = ("sales_receipt", "expense_payment")
PAYOUTS = (
    Change("amount", {"amount": "1.00"}, ("amount",)),
    Change("day", {"paid_on": "2026-11-02"}, ("paid_on",)),
    Change("statement", {"settlement": "SP-none"}, ("settlement",)),
    Change("supplier", {"supplier": "LAZADA"}, ("supplier",)),
    Change("tax number", {"tin": "C33445566770"}, ("tin",)),
    Change("way", {"method": "FPX"}, ("method",)),
    Change("reference", {"bank_ref": "IBG-0"}, ("bank_ref",)),
    Change(
        "announced", {"status": "Processing"}, ("status",), ("sales_receipt", "expense_payment")
    ),
    Change("failed", {"status": "Failed"}, (), cancels=True),
)
