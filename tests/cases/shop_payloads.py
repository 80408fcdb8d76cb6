"""Payloads of Shopify and WooCommerce, built from a few figures as these shops send them."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

MOMENT = "2026-11-20T10:00:00+08:00"
SEN = Decimal("0.01")
Taxes = Sequence[tuple[str, str]]
SST: Taxes = (("SST", "0.1"),)
"""Names and rates of the taxes of a line."""


def both(amount: object, currency: str = "MYR") -> dict[str, Any]:
    """Return an amount as Shopify states it in both currencies."""
    money = {"amount": str(amount), "currency_code": currency}
    return {"shop_money": money, "presentment_money": dict(money)}


def money(name: str, amount: object) -> dict[str, Any]:
    """Return an amount under its name and in both currencies."""
    return {name: str(amount), f"{name}_set": both(amount)}


def rounded(amount: Decimal) -> Decimal:
    """Return an amount in whole sen."""
    return amount.quantize(SEN, ROUND_HALF_UP)


def tax_lines(base: Decimal, taxes: Taxes) -> list[dict[str, Any]]:
    """Return the taxes of a base as Shopify lists them."""
    return [
        {"title": name, "rate": float(rate)} | money("price", rounded(base * Decimal(rate)))
        for name, rate in taxes
    ]


def shopify_line(
    number: int, sku: str, price: str, qty: int = 1, *, off: str = "0.00", taxes: Taxes = ()
) -> dict[str, Any]:
    """Return a line; `off` is its share of a discount of the order."""
    net = Decimal(price) * qty - Decimal(off)
    allocations = [money("amount", off) | {"discount_application_index": 0}]
    return {
        "id": number,
        "sku": sku,
        "name": sku.title(),
        "title": sku.title(),
        "variant_id": 600 + number,
        "product_id": 1000 + number,
        "quantity": qty,
        "current_quantity": qty,
        "gift_card": False,
        "taxable": bool(taxes),
        "total_discount": "0.00",
        "discount_allocations": allocations if Decimal(off) else [],
        "tax_lines": tax_lines(net, taxes),
        "duties": [],
        **money("price", price),
    }


def shopify_shipping(price: str, taxes: Taxes = ()) -> dict[str, Any]:
    """Return a shipping line."""
    return {
        "id": 91,
        "title": "Standard",
        "code": "Standard",
        "discount_allocations": [],
        "tax_lines": tax_lines(Decimal(price), taxes),
        **money("price", price),
    }


def line_net(line: Mapping[str, Any]) -> Decimal:
    """Return what a line comes to without its tax."""
    off = sum((Decimal(one["amount"]) for one in line["discount_allocations"]), Decimal(0))
    return Decimal(line["price"]) * line.get("quantity", 1) - off


def line_tax(line: Mapping[str, Any]) -> Decimal:
    """Return the tax of a line."""
    return sum((Decimal(one["price"]) for one in line["tax_lines"]), Decimal(0))


def shopify_order(
    number: int,
    lines: Sequence[Mapping[str, Any]],
    *,
    shipping: Sequence[Mapping[str, Any]] = (),
    more: str = "0.00",
    **changed: Any,
) -> dict[str, Any]:
    """Return a paid order whose totals follow from its lines; `more` is added to the total."""
    parts = [*lines, *shipping]
    inside = bool(changed.get("taxes_included"))
    tax = sum((line_tax(one) for one in parts), Decimal(0))
    off = sum(
        (Decimal(a["amount"]) for one in parts for a in one["discount_allocations"]), Decimal(0)
    )
    total = sum((line_net(one) for one in parts), Decimal(0)) + Decimal(more)
    total += Decimal(0) if inside else tax
    subtotal = sum((line_net(one) for one in lines), Decimal(0))
    return {
        "id": number,
        "name": f"#R{number}",
        "test": False,
        "created_at": MOMENT,
        "processed_at": MOMENT,
        "updated_at": "2026-11-20T10:05:00+08:00",
        "cancelled_at": None,
        "financial_status": "paid",
        "fulfillment_status": "fulfilled",
        "source_name": "web",
        "currency": "MYR",
        "presentment_currency": "MYR",
        "taxes_included": inside,
        **money("subtotal_price", subtotal),
        **money("total_discounts", off),
        **money("total_tax", tax),
        **money("total_price", total),
        **money("current_total_price", total),
        **money("total_outstanding", "0.00"),
        "total_tip_received": "0.00",
        "email": f"buyer{number}@example.com",
        "note_attributes": [],
        "customer": {"id": 7000 + number, "first_name": "Noor", "last_name": f"Contoh {number}"},
        "billing_address": {
            "name": f"Noor Contoh {number}",
            "address1": "1 Jalan Contoh",
            "zip": "50000",
            "city": "Kuala Lumpur",
            "country": "Malaysia",
        },
        "line_items": [dict(one) for one in lines],
        "shipping_lines": [dict(one) for one in shipping],
        "fulfillments": [],
        "refunds": [],
        **changed,
    }


def refunded_line(line: Mapping[str, Any], qty: int = 1, *, restock: str = "return") -> Any:
    """Return some pieces of a line as a refund lists them, each with its share."""
    share = Decimal(qty) / Decimal(line["quantity"])
    return {
        "id": 8000 + line["id"],
        "line_item_id": line["id"],
        "line_item": dict(line),
        "quantity": qty,
        "restock_type": restock,
        "location_id": 1,
        **money("subtotal", rounded(line_net(line) * share)),
        **money("total_tax", rounded(line_tax(line) * share)),
    }


def shopify_refund(
    number: int, order: int, paid: str, lines: Sequence[Mapping[str, Any]] = (), **changed: Any
) -> dict[str, Any]:
    """Return a refund that paid this amount back."""
    transaction = {
        "id": number * 10,
        "order_id": order,
        "kind": "refund",
        "status": "success",
        "amount": paid,
        "currency": "MYR",
        "gateway": "shopify_payments",
        "processed_at": "2026-11-22T09:00:05+08:00",
        "created_at": "2026-11-22T09:00:05+08:00",
        "test": False,
    }
    return {
        "id": number,
        "order_id": order,
        "created_at": "2026-11-22T09:00:00+08:00",
        "processed_at": "2026-11-22T09:00:00+08:00",
        "note": "",
        "restock": True,
        "duties": [],
        "refund_shipping_lines": [],
        "additional_fees": [],
        "return": None,
        "order_adjustments": [],
        "refund_line_items": [dict(one) for one in lines],
        "transactions": [transaction],
        **changed,
    }


def shopify_payout(number: int, *moved: tuple[str, str, str, int | None]) -> dict[str, Any]:
    """Return a payout of these transactions: type, amount, fee and order."""
    sums = dict.fromkeys(("charge", "refund", "adjustment"), Decimal(0))
    fees = dict(sums)
    for kind, amount, fee, _ in moved:
        name = kind if kind in sums else "adjustment"
        sums[name] += Decimal(amount)
        fees[name] += Decimal(fee)
    summary = {}
    for name in sums:
        summary |= {
            f"{name}s_gross_amount": str(sums[name]),
            f"{name}s_fee_amount": str(fees[name]),
        }
    net = sum(sums.values(), Decimal(0)) - sum(fees.values(), Decimal(0))
    transactions = [
        {
            "id": number * 100 + at,
            "payout_id": number,
            "type": kind,
            "currency": "MYR",
            "amount": amount,
            "fee": fee,
            "source_order_id": order,
            "processed_at": MOMENT,
            "test": False,
        }
        for at, (kind, amount, fee, order) in enumerate(moved)
    ]
    return {
        "id": number,
        "status": "paid",
        "date": "2026-11-24",
        "currency": "MYR",
        "amount": str(net),
        "external_trace_id": f"TRACE-{number}",
        "summary": summary,
        "transactions": transactions,
    }
