"""Orders as WooCommerce writes them, and how they change.

Here: the words of an order, its sums, and each act. Not here: who is told of it (api.py), the
random life of a shop (simulators/base/shop.py). All amounts are texts of two decimals, but the
`price` of a line, which is a number and rounded nowhere; days are told twice, in the shop's own
time and, with `_gmt`, in UTC, neither with a zone.
"""

import random
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from connectors.simulators.base.control import ControlError
from connectors.simulators.base.shop import LATER, Order

HERE: Final = ZoneInfo("Asia/Kuala_Lumpur")
CENT: Final = Decimal("0.01")
RATE_ID: Final = 75
GOODS: Final = (
    ("TEA-EARL-100", "Earl Grey, 100 g", "12.90"),
    ("TEA-OOLONG-50", "Oolong, 50 g", "18.50"),
    ("TEA-JASMIN-80", "Jasmine, 80 g", "15.00"),
    ("CUP-GLASS-20", "Glass cup", "9.90"),
    ("CUP-PORC-25", "Porcelain cup", "24.00"),
    ("POT-GLASS-60", "Glass pot", "59.00"),
    ("TRAY-RATTAN-M", "Rattan tray", "33.30"),
    ("BISC-PEANUT-3", "Peanut biscuits", "7.25"),
)
BUYERS: Final = (
    (101, "Aisyah", "Rahman", "Warung Melati", "C20113344550"),
    (102, "Wei Ling", "Tan", "Kafe Senja Sdn Bhd", ""),
    (103, "Kavitha", "Raj", "", ""),
    (104, "美玲", "陈", "", ""),
    (105, "கவிதா", "ராஜன்", "", ""),
    (0, "Guest", "Buyer", "", ""),
)
_PLACES: Final = (("Ipoh", "PRK", "30000"), ("Kuala Lumpur", "KUL", "50450"))


def created(order_id: int, seed: int, now: datetime, given: Mapping[str, Any]) -> Order:
    """A new order that was paid; `given` may name lines (`sku`, `quantity`), and `fields`."""
    chance = random.Random(seed * 1_000_003 + order_id)  # noqa: S311 - can be repeated
    buyer, place = chance.choice(BUYERS), chance.choice(_PLACES)
    order: Order = {
        "id": order_id,
        "parent_id": 0,
        "number": str(order_id),
        "order_key": f"wc_order_{seed:03}{order_id:06}",
        "created_via": "checkout",
        "version": "9.4.2",
        "status": "processing",
        "currency": "MYR",
        "prices_include_tax": False,
        "customer_id": buyer[0],
        "customer_note": "",
        "billing": _billing(buyer, place),
        "payment_method": chance.choice(("fpx", "card")),
        "payment_method_title": "Online banking",
        "transaction_id": f"tx-{order_id}",
        "line_items": _wanted(given) or _bought(chance),
        "shipping_lines": [_shipping(chance)],
        "fee_lines": _fees(chance),
        "coupon_lines": [{"id": 1, "code": "TEA10"}] if chance.random() < 0.2 else [],
        "refunds": [],
        "meta_data": [{"id": 1, "key": "is_vat_exempt", "value": "no"}],
    }
    _stamp(order, now, "created", "paid", "modified")
    return summed({**order, **given.get("fields", {})})


def changed(act: str, order: Order, now: datetime, given: Mapping[str, Any]) -> Order:
    """The order after an act, modified at least a second later than before."""
    made: Order = {**order, "line_items": [dict(one) for one in order["line_items"]]}
    before = datetime.fromisoformat(order["date_modified_gmt"]).replace(tzinfo=UTC)
    _ACTS[act](made, given)
    made = summed({**made, **given.get("fields", {})}) if act == "edit" else made
    made.update(given.get("fields", {}) if act != "edit" else {})
    _stamp(made, max(now, before + LATER), "modified")
    if act == "complete":
        _stamp(made, max(now, before + LATER), "completed")
    return made


def summed(order: Order) -> Order:
    """The order with all its sums."""
    off = Decimal("0.1") if order["coupon_lines"] else Decimal()
    for place, line in enumerate(order["line_items"], start=1):
        _priced(line, place, off)
    items = [Decimal(line["total"]) for line in order["line_items"]]
    before = [Decimal(line["subtotal"]) for line in order["line_items"]]
    taxes = [Decimal(line["total_tax"]) for line in order["line_items"]]
    shipping = sum((Decimal(one["total"]) for one in order["shipping_lines"]), Decimal())
    fees = sum((Decimal(one["total"]) for one in order["fee_lines"]), Decimal())
    tax = sum(taxes, Decimal())
    return {
        **order,
        "discount_total": _text(sum(before, Decimal()) - sum(items, Decimal())),
        "discount_tax": "0.00",
        "shipping_total": _text(shipping),
        "shipping_tax": "0.00",
        "cart_tax": _text(tax),
        "total_tax": _text(tax),
        "total": _text(sum(items, Decimal()) + shipping + fees + tax),
        "tax_lines": [
            {
                "id": 900 + order["id"],
                "rate_code": "MY-SST-1",
                "rate_id": RATE_ID,
                "label": "SST",
                "compound": False,
                "tax_total": _text(tax),
                "shipping_tax_total": "0.00",
                "rate_percent": 10,
            }
        ],
    }


def _priced(line: dict[str, Any], place: int, off: Decimal) -> None:
    quantity, price = int(line["quantity"]), Decimal(line.pop("_each", line.get("_price", "0")))
    line["_price"] = str(price)
    subtotal = (price * quantity).quantize(CENT, ROUND_HALF_UP)
    total = (subtotal * (1 - off)).quantize(CENT, ROUND_HALF_UP)
    tax = (total / 10).quantize(CENT, ROUND_HALF_UP)
    told = {"id": RATE_ID, "total": _text(tax), "subtotal": _text(tax)}
    line |= {
        "id": line.get("id", 300 + place),
        "tax_class": "",
        "subtotal": _text(subtotal),
        "subtotal_tax": _text(tax),
        "total": _text(total),
        "total_tax": _text(tax),
        "taxes": [told],
        "meta_data": [],
        "price": float(total / quantity) if quantity else 0,
    }


def _edit(order: Order, given: Mapping[str, Any]) -> None:
    if wanted := _wanted(given):
        order["line_items"] = wanted
    elif "fields" not in given:
        order["line_items"][0]["quantity"] += 1


def _complete(order: Order, given: Mapping[str, Any]) -> None:
    del given
    order["status"] = "completed"


def _cancel(order: Order, given: Mapping[str, Any]) -> None:
    del given
    order["status"] = "cancelled"


def _refund(order: Order, given: Mapping[str, Any]) -> None:
    back = sum((-Decimal(one["total"]) for one in order["refunds"]), Decimal())
    left = Decimal(order["total"]) - back
    amount = Decimal(str(given.get("amount", (left / 2).quantize(CENT, ROUND_HALF_UP))))
    if not 0 < amount <= left:
        raise ControlError("More than is left of the order")
    told = {"id": 7000 + order["id"] * 10 + len(order["refunds"]), "reason": "Broken cup"}
    order["refunds"] = [*order["refunds"], {**told, "total": _text(-amount)}]
    if amount == left:
        order["status"] = "refunded"
    if given.get("restock"):
        lines = given.get("lines") or [{"sku": s, "quantity": n} for s, n in sold(order).items()]
        kept: Counter[str] = Counter()
        kept.update(order.get("_restocked", {}))
        for one in lines:
            kept[str(one["sku"])] += int(one.get("quantity", 1))
        order["_restocked"] = dict(kept)


def _delete(order: Order, given: Mapping[str, Any]) -> None:
    del given
    order["_before"], order["status"] = order["status"], "trash"


def _restore(order: Order, given: Mapping[str, Any]) -> None:
    del given
    if order["status"] != "trash":
        raise ControlError("It is not in the trash")
    order["status"] = order.pop("_before")


_ACTS: Final = {
    "edit": _edit,
    "complete": _complete,
    "cancel": _cancel,
    "refund": _refund,
    "delete": _delete,
    "restore": _restore,
}


def shown(order: Order) -> Order:
    """The order as the shop tells of it: what it keeps for itself begins with `_`."""
    lines = [{n: v for n, v in one.items() if n[0] != "_"} for one in order["line_items"]]
    return {n: v for n, v in order.items() if n[0] != "_"} | {"line_items": lines}


def sold(order: Order) -> dict[str, int]:
    """SKU -> pieces that are not in stock any more. A cancelled order has none; a refund puts
    pieces back only where it said so as it was made, which the order itself never tells.
    """
    found: Counter[str] = Counter()
    for one in order["line_items"]:
        found[one["sku"]] += one["quantity"]
    if order.get("_before", order["status"]) == "cancelled":
        return dict.fromkeys(found, 0)
    found.subtract(order.get("_restocked", {}))
    return found


def _wanted(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    known = {sku: (name, price) for sku, name, price in GOODS}
    found = []
    for line in given.get("lines", ()):
        name, price = known.get(line["sku"], (line["sku"], "10.00"))
        told = {"product_id": 93, "variation_id": 0, "quantity": int(line.get("quantity", 1))}
        each = str(line.get("price", price))
        found.append({"name": name, "sku": line["sku"], "_each": each, **told})
    return found


def _bought(chance: random.Random) -> list[dict[str, Any]]:
    chosen = chance.sample(GOODS, chance.randint(1, 4))
    lines = [{"sku": sku, "quantity": chance.randint(1, 5)} for sku, *_ in chosen]
    return _wanted({"lines": lines})


def _shipping(chance: random.Random) -> dict[str, Any]:
    free = chance.random() < 0.3
    word, total = ("free_shipping", "0.00") if free else ("flat_rate", "8.00")
    title = "Free shipping" if free else "Post"
    told = {"total_tax": "0.00", "taxes": [], "meta_data": []}
    return {"id": 400, "method_title": title, "method_id": word, "total": total, **told}


def _fees(chance: random.Random) -> list[dict[str, Any]]:
    if chance.random() > 0.15:
        return []
    told = {"tax_class": "", "tax_status": "none", "total_tax": "0.00", "taxes": []}
    return [{"id": 500, "name": "Gift wrapping", "amount": "3.00", "total": "3.00", **told}]


def _billing(buyer: tuple[int, str, str, str, str], place: tuple[str, str, str]) -> dict[str, str]:
    _, first, last, company, _ = buyer
    city, state, postcode = place
    return {
        "first_name": first,
        "last_name": last,
        "company": company,
        "address_1": "1 Jalan A",
        "address_2": "",
        "city": city,
        "state": state,
        "postcode": postcode,
        "country": "MY",
        "email": "a@example.com",
        "phone": "0123456789",
    }


def _stamp(order: Order, at: datetime, *names: str) -> None:
    for name in names:
        utc = at.astimezone(UTC) - timedelta(microseconds=at.microsecond)
        order[f"date_{name}_gmt"] = utc.strftime("%Y-%m-%dT%H:%M:%S")
        order[f"date_{name}"] = utc.astimezone(HERE).strftime("%Y-%m-%dT%H:%M:%S")


def _text(amount: Decimal) -> str:
    return str(amount.quantize(CENT, ROUND_HALF_UP))
