"""What is sent to the four companies of every target, and the list of documents that must follow.

Here: which orders of the month nothing is wrong with, commissions, an order in WooCommerce's words,
and what each target must hold in the end, by day: the driver's own list, made of nothing that
Clearpost says. Not here: the sending (course.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

from portal.demo import shop
from portal.demo.generator import MALAYSIA, Month
from portal.demo.order import CENT, Order, cents
from portal.demo.targets.samples import BLOGGERS

READY: Final = ("paid", "packed", "Delivered", "Completed")
MOST: Final = Decimal("3000.00")  # above it somebody approves
RATE_ID: Final = 75
CANCELLED_EACH: Final = 40  # one of so many orders is cancelled after it was posted
WEEKS: Final = 4
_KNOWN: Final = {one.sku: one.tax for one in shop.ITEMS}


@dataclass(frozen=True, slots=True, order=True)
class Wanted:
    """A document that a target must hold once: its day there, and its total."""

    target: str
    type: str
    number: str
    day: date
    total: Decimal


@dataclass(frozen=True, slots=True)
class Plan:
    """What arrives, and what must stand in the targets when all is done."""

    orders: tuple[Order, ...]
    web: tuple[Order, ...]
    cancelled: tuple[Order, ...]
    settlements: tuple[Mapping[str, object], ...]
    purchases: tuple[Mapping[str, object], ...]
    wanted: tuple[Wanted, ...]


def plan(month: Month, today: date, most: int) -> Plan:
    """Up to so many orders of the month, spread over its days."""
    orders = _spread([one for one in _all(month) if _is_plain(one, today)], most)
    web = tuple(one for one in map(_in_pieces, orders) if _taxed_alike(one))
    cancelled = orders[:: max(2, min(CANCELLED_EACH, most // 2))]
    settlements = tuple(_settlements(today, most))
    purchases = tuple(_purchases(today, most))
    wanted = (
        *(each for order in orders for each in _of_order(order)),
        *(Wanted("quickbooks", "invoice", f"WC-{o.id}", o.day, o.total) for o in web),
        *(
            Wanted("autocount", "credit_note", f"CN-{one.number}-1", today, one.total)
            for one in cancelled
        ),
        *(each for one in settlements for each in _of_settlement(one)),
        *(each for one in purchases for each in _of_purchase(one)),
    )
    return Plan(orders, web, cancelled, settlements, purchases, tuple(sorted(wanted)))


def gone(order: Order) -> Order:
    """The order as NetShop sends it when it was cancelled afterwards."""
    return order.later(90, status="cancelled")


def web_order(order: Order) -> dict[str, object]:
    """The order in WooCommerce's words: it knows no units, and tells a moment in UTC."""
    lines = [
        {
            "id": 300 + line.pos,
            "name": line.name,
            "sku": line.sku,
            "product_id": 90 + line.pos,
            "variation_id": 0,
            "quantity": int(line.qty),
            "tax_class": "",
            "subtotal": f"{cents(line.qty * line.price):.2f}",
            "subtotal_tax": f"{line.tax_due:.2f}",
            "total": f"{line.amount:.2f}",
            "total_tax": f"{line.tax_due:.2f}",
            "taxes": [{"id": RATE_ID, "total": f"{line.tax_due:.2f}"}] if line.tax_due else [],
            "meta_data": [],
        }
        for line in order.lines
    ]
    discount = sum((line.discount or Decimal(0) for line in order.lines), Decimal(0))
    rate = {"rate_code": "MY-SST-1", "rate_id": RATE_ID, "label": "SST", "rate_percent": 10}
    walks_in = order.customer.code == shop.WALK_IN
    return {
        "id": order.id,
        "parent_id": 0,
        "number": str(order.id),
        "status": "completed" if order.status in READY[2:] else "processing",
        "currency": order.currency,
        "prices_include_tax": False,
        "customer_id": 0 if walks_in else int(order.customer.code.removeprefix("C-")),
        "billing": {"company": order.customer.name, "address_1": order.customer.address or ""},
        "payment_method": order.channel,
        "line_items": lines,
        "shipping_lines": [],
        "fee_lines": [],
        "coupon_lines": [],
        "refunds": [],
        "tax_lines": [{**rate, "tax_total": f"{order.tax_total:.2f}"}] if order.tax_total else [],
        "discount_total": f"{discount:.2f}",
        "total_tax": f"{order.tax_total:.2f}",
        "total": f"{order.total:.2f}",
        "date_created_gmt": _utc(order.ordered_at),
        "date_paid_gmt": _utc(order.paid_at or order.ordered_at),
        "date_modified_gmt": _utc(order.updated_at),
    }


def _all(month: Month) -> Sequence[Order]:
    """The orders that came with those of their day and never changed."""
    changed = {order.id for delivery in month.later for order in delivery.orders}
    came = [delivery for delivery in month.first if delivery.event == "orders.collected"]
    return [one for delivery in came for one in delivery.orders if one.id not in changed]


def _is_plain(order: Order, today: date) -> bool:
    """Whether no rule of a template has anything against it."""
    return (
        order.status in READY
        and order.paid_at is not None
        and 2 <= (today - order.day).days <= 28
        and (order.customer in shop.CUSTOMERS or order.customer.code == shop.WALK_IN)
        and order.total <= MOST
        and order.said_tax is None
        and order.round_off == 0
        and order.approved_by is None
        and order.version == 1
        and order.currency == shop.CURRENCY
        and all(
            _KNOWN.get(line.sku) == line.tax
            and line.uom in ("PCS", "BOX", "CTN")
            and line.delivered is None
            and line.qty == line.qty.to_integral_value()
            for line in order.lines
        )
    )


def _spread(orders: Sequence[Order], most: int) -> tuple[Order, ...]:
    """At most so many, of all days alike."""
    if len(orders) <= most:
        return tuple(orders)
    return tuple(orders[at * len(orders) // most] for at in range(most))


def _in_pieces(order: Order) -> Order:
    """The order as a shop without units sells it: what was a carton is one piece at its price."""
    return replace(order, lines=tuple(replace(line, uom="PCS") for line in order.lines))


def _taxed_alike(order: Order) -> bool:
    """Whether the tax on the sum is that of the lines: QuickBooks taxes the sum."""
    taxed = sum((line.amount for line in order.lines if line.tax == "SST"), Decimal(0))
    return cents(taxed * Decimal("0.10")) == order.tax_total


def _of_order(order: Order) -> tuple[Wanted, ...]:
    paid = (order.paid_at or order.ordered_at).astimezone(MALAYSIA).date()
    number, total = order.number, order.total
    delivered = order.status in READY[2:]
    return (
        Wanted("aiaccount", "sales_invoice", number, order.day, total),
        Wanted("aiaccount", "sales_receipt", f"RC-{number}", paid, total),
        Wanted("autocount", "invoice", f"{number}-1", order.day, total),
        Wanted("autocount_excel", "sales_order", f"CP-S-{number}", order.day, total),
        Wanted("autocount_excel", "ar_payment", f"CP-R-{number}", paid, total),
        *(
            (Wanted("autocount_excel", "delivery_order", f"CP-D-{number}", order.day, total),)
            if delivered
            else ()
        ),
    )


def _settlements(today: date, most: int) -> list[Mapping[str, object]]:
    """What each blogger earned in each week; the older half is paid."""
    found: list[Mapping[str, object]] = []
    for at, blogger in enumerate(BLOGGERS[: max(1, most // 10)]):
        for week in range(1, WEEKS + 1):
            last = today - timedelta(days=7 * week - 3)
            paid = datetime.combine(last + timedelta(days=2), datetime.min.time(), MALAYSIA)
            settled = week > WEEKS // 2
            found.append(
                {
                    "id": f"ST-{blogger[2:]}{week}",
                    "blogger": blogger,
                    "period": f"{last - timedelta(days=6)}/{last}",
                    "amount": str(Decimal(80 + 13 * at + 7 * week) + CENT * (at * 10 + week)),
                    "currency": shop.CURRENCY,
                    "status": "paid" if settled else "approved",
                    "paid_at": (paid + timedelta(hours=10)).isoformat() if settled else None,
                }
            )
    return found


def _purchases(today: date, most: int) -> list[Mapping[str, object]]:
    """What was asked for in each week, from the same supplier; the newest has not come yet."""
    found: list[Mapping[str, object]] = []
    for week in range(WEEKS):
        for at, item in enumerate(shop.ITEMS[: max(1, most // 10)]):
            day = today - timedelta(days=7 * week + 2)
            asked = datetime.combine(day, datetime.min.time(), MALAYSIA) + timedelta(hours=9)
            qty, price = 10 + at, cents(item.price / 2)
            line = {"pos": 1, "sku": item.sku, "name": item.name, "qty": qty, "price": str(price)}
            found.append(
                {
                    "id": f"PR-{week}{at:02}",
                    "number": f"PR-{week}{at:02}",
                    "status": "received" if week else "approved",
                    "ordered_at": asked.isoformat(),
                    "items": [line],
                    "total": str(qty * price),
                }
            )
    return found


def _of_purchase(one: Mapping[str, object]) -> tuple[Wanted, ...]:
    if one["status"] != "received":
        return ()
    day, total = date.fromisoformat(str(one["ordered_at"])[:10]), Decimal(str(one["total"]))
    number = f"CP-G-{one['number']}"
    return (Wanted("autocount_excel", "goods_received_note", number, day, total),)


def _of_settlement(one: Mapping[str, object]) -> tuple[Wanted, ...]:
    number, total = str(one["id"]), Decimal(str(one["amount"]))
    day = date.fromisoformat(str(one["period"]).rpartition("/")[2])
    bills = (
        Wanted("aiaccount", "expense_bill", number, day, total),
        Wanted("autocount_excel", "ap_invoice", f"CP-B-{number}", day, total),
    )
    if one["paid_at"] is None:
        return bills
    paid = datetime.fromisoformat(str(one["paid_at"])).date()
    return (
        *bills,
        Wanted("aiaccount", "expense_payment", f"PV-{number}", paid, total),
        Wanted("autocount_excel", "ap_payment", f"CP-P-{number}", paid, total),
    )


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
