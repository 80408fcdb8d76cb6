"""Orders as NetShop writes them, and how they change.

Here: what is bought by a seed, its sums, and each act. Not here: who is told of it (api.py). Prices
are before tax, a tenth of each taxed line is added. An order counts its changes as `version`.
"""

import random
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from connectors.simulators.base.control import ControlError
from connectors.simulators.base.shop import LATER, Order

HERE: Final = ZoneInfo("Asia/Kuala_Lumpur")
SEN: Final = Decimal("0.01")
RATE: Final = Decimal("0.10")
REFUNDED, RETURNED = "Refunded", "Refunded + Items Returned"
GOODS: Final = (
    ("TEE-BLK-M", "Tee, black, M", "49.50"),
    ("TEE-WHT-L", "Tee, white, L", "49.50"),
    ("CUP-30", "Cup, 30 cl", "15.00"),
    ("BAG-CANVAS", "Canvas bag", "28.90"),
    ("SOCK-3", "Socks, three pairs", "19.95"),
)
BUYERS: Final = (
    ("C-88", "Aisyah Rahman", "IG24680135790", "12 Jalan Ampang, 50450 Kuala Lumpur"),
    ("C-102", "Boon & Co", "C20990050040", "3 Jalan Tun Perak, 30000 Ipoh"),
    ("C-117", "Kavitha Raj", "", "77 Lebuh Pantai, 10300 George Town"),
    ("C-130", "陈美玲", "", "5 Jalan Merdeka, 75000 Melaka"),
)


def created(order_id: int, seed: int, now: datetime, given: Mapping[str, Any]) -> Order:
    """A new order that was paid; `given` may name items (`sku`, `qty`, `price`), and `fields`."""
    chance = random.Random(seed * 1_000_003 + order_id)  # noqa: S311 - can be repeated
    key, name, tin, address = chance.choice(BUYERS)
    moment = _moment(now)
    order: Order = {
        "id": order_id,
        "number": f"NS-{order_id}",
        "status": "paid",
        "ordered_at": moment,
        "paid_at": moment,
        "updated_at": moment,
        "currency": "MYR",
        "channel": chance.choice(("FPX", "Card", "E-wallet")),
        "customer": {"id": key, "name": name, "tin": tin, "address": address},
        "items": _wanted(given) or _bought(chance),
        "version": 1,
    }
    return {**_summed(order), **given.get("fields", {})}


def changed(act: str, order: Order, now: datetime, given: Mapping[str, Any]) -> Order:
    """The order after an act, changed at least a second later than before."""
    made: Order = {**order, "items": [dict(one) for one in order["items"]]}
    _ACTS[act](made, given)
    before = datetime.fromisoformat(order["updated_at"])
    told = {"updated_at": _moment(max(now, before + LATER)), "version": order["version"] + 1}
    return {**_summed(made), **told, **given.get("fields", {})}


def sold(order: Order) -> dict[str, int]:
    """SKU -> pieces that left the stock and did not come back: only the words that say so bring
    goods back.
    """
    left: Counter[str] = Counter()
    gone = order["status"] == "cancelled"
    for one in order["items"]:
        left[one["sku"]] += 0 if gone else one["qty"]
    back = [*order.get("refunds", ()), *([order["refund"]] if "refund" in order else [])]
    for one in (
        item for refund in back if refund["status"] == RETURNED for item in refund["items"]
    ):
        left[one["sku"]] -= one["qty"]
    return dict(left)


def _summed(order: Order) -> Order:
    """The order with its places and sums."""
    net, tax = Decimal(), Decimal()
    for place, item in enumerate(order["items"], 1):
        item["pos"] = place
        amount = (Decimal(item["price"]) * item["qty"]).quantize(SEN, ROUND_HALF_UP)
        net += amount
        tax += (amount * RATE).quantize(SEN, ROUND_HALF_UP) if item["tax"] == "SST" else 0
    sums = {"subtotal": net, "tax_total": tax, "round_off": Decimal("0.00"), "total": net + tax}
    return {**order, **{name: str(amount.quantize(SEN)) for name, amount in sums.items()}}


def _edit(order: Order, given: Mapping[str, Any]) -> None:
    if wanted := _wanted(given):
        order["items"] = wanted
    elif "fields" not in given:
        order["items"][0]["qty"] += 1


def _complete(order: Order, _given: Mapping[str, Any]) -> None:
    order["status"] = "Completed"


def _cancel(order: Order, _given: Mapping[str, Any]) -> None:
    order["status"] = "cancelled"


def _refund(order: Order, given: Mapping[str, Any]) -> None:
    """What is left of it, unless an `amount` is named; the goods come back only where `returned`
    says so. `words` are others than the two that are known. The order's own status stays.
    """
    before = order.pop("refunds", None) or ([order.pop("refund")] if "refund" in order else [])
    left = Decimal(order["total"]) - sum(Decimal(one["amount"]) for one in before)
    amount = Decimal(str(given.get("amount", left)))
    if not 0 < amount <= left:
        raise ControlError("More than is left of the order")
    sold = [{"sku": one["sku"], "qty": one["qty"]} for one in order["items"]]
    status = RETURNED if given.get("returned") else REFUNDED
    refund = {
        "id": f"RF-{order['id']}" + (f"-{len(before) + 1}" if before else ""),
        "status": given.get("words", status),
        "amount": str(amount.quantize(SEN)),
        "items": sold if given.get("returned") else [],
    }
    order.update({"refunds": [*before, refund]} if before else {"refund": refund})


def _restore(order: Order, _given: Mapping[str, Any]) -> None:
    if order["status"] != "cancelled":
        raise ControlError("It is not cancelled")
    order["status"] = "paid"


_ACTS: Final = {
    "edit": _edit,
    "complete": _complete,
    "cancel": _cancel,
    "refund": _refund,
    "delete": _cancel,  # NetShop is not known to take orders away
    "restore": _restore,
}


def _wanted(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    known = {sku: (name, price) for sku, name, price in GOODS}
    found = []
    for item in given.get("items", ()):
        sku = str(item["sku"])
        name, price = known.get(sku, (sku, "10.00"))
        told = {"qty": int(item.get("qty", 1)), "price": str(item.get("price", price))}
        found.append({"sku": sku, "name": name, "uom": "PCS", **told, "tax": "SST"})
    return found


def _bought(chance: random.Random) -> list[dict[str, Any]]:
    chosen = chance.sample(GOODS, chance.randint(1, 3))
    items = _wanted({"items": [{"sku": sku, "qty": chance.randint(1, 4)} for sku, *_ in chosen]})
    if chance.random() < 0.6:
        post = {"sku": "SHIP", "name": "Shipping", "uom": "PCS", "qty": 1, "price": "9.90"}
        items.append({**post, "tax": "NONE"})
    return items


def _moment(at: datetime) -> str:
    return at.astimezone(HERE).isoformat(timespec="seconds")
