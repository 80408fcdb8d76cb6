"""Payouts of Shopify Payments: what the shop's orders brought, less fees, sent to the bank.

Here: a payout and its balance transactions, made of orders; the pages in which both are shown; the
control call that makes one. Not here: who may ask (api.py), what an order looks like (orders.py).
"""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode

from connectors.simulators.base.control import ControlError, Deed, done, given_of
from connectors.simulators.base.server import Reply, Request
from connectors.simulators.base.shop import Order, Shop, ShopBooks, ShopControl
from connectors.simulators.shopify.orders import CENT, ID, told

FIRST: Final = 128_000_000_000
"""What payouts are counted from, and times ten what their transactions are."""
FEE: Final = Decimal("0.029")
STATUSES: Final = ("scheduled", "in_transit", "paid", "failed", "canceled")
_USUAL, _MOST = 50, 250
_KINDS: Final = {"charge": "charges", "refund": "refunds", "adjustment": "adjustments"}
_SUMS: Final = (*_KINDS.values(), "reserved_funds", "retried_payouts")


class ShopifyBooks(ShopBooks):
    """The orders, and the payouts by their ids with what each is made of."""

    def rewind(self) -> None:
        """No order and no payout."""
        super().rewind()
        self.payouts: dict[int, Order] = {}

    def take(self, line: Mapping[str, Any]) -> None:
        """Let a payout take effect, or what every shop knows."""
        super().take(line)
        if line["call"] == "payout":
            self.payouts[int(line["payout"]["id"])] = dict(line["payout"])


class PayoutControl(ShopControl):
    """The control calls of a shop, and one that pays out."""

    def __init__(self, shop: Shop, books: ShopifyBooks) -> None:
        super().__init__(shop)
        self._payouts = books

    def shown(self, what: str) -> Mapping[str, object]:
        """The payouts, too."""
        if what == "payouts":
            return {what: list(self._payouts.payouts.values())}
        return super().shown(what)

    def deeds(self) -> Mapping[str, Deed]:
        """A payout beside the acts on orders."""
        return {**super().deeds(), "payout": self._pay_out}

    def _pay_out(self, request: Request, request_id: str) -> Reply:
        """`orders` (their ids here, or ids of other shops; all that are not paid out where they are
        left out), `status`, `fee` (a share), `adjust` (an amount more), `off` (what the payout
        states beside what it is made of). With `id` a payout is made again: its fee may be another.
        """
        given = dict(given_of(request))
        now = self.stand_in.now()
        payout = paid_out(self._payouts, given, now)
        self.note(request_id, "payout", payout=payout, effect="paid_out")
        return done("payout", payout=payout)


def paid_out(books: ShopifyBooks, given: Mapping[str, Any], now: datetime) -> Order:
    """A payout of these orders with all that it is made of; raises ControlError."""
    key = int(given.get("id") or max(books.payouts, default=FIRST) + 1)
    before = books.payouts.get(key)
    status = str(given.get("status", "paid"))
    if status not in STATUSES:
        raise ControlError(f"No such status; known: {', '.join(STATUSES)}")
    paid = {one for other, each in books.payouts.items() if other != key for one in each["orders"]}
    mine = before["orders"] if before else [n for n in books.orders if n not in paid]
    orders = [int(one) for one in given.get("orders", mine)]
    rows = list(_rows(books, orders, given, told(now)))
    transactions = [
        {"id": key * 10_000 + at, "payout_id": key, "payout_status": status, **row}
        for at, row in enumerate(rows, 1)
    ]
    summary = dict.fromkeys((f"{name}_{what}" for name in _SUMS for what in _AMOUNTS), Decimal(0))
    for one in transactions:
        name = _KINDS[one["type"]]
        summary[f"{name}_gross_amount"] += Decimal(one["amount"])
        summary[f"{name}_fee_amount"] += Decimal(one["fee"])
    net = sum((Decimal(one["net"]) for one in transactions), Decimal(0))
    return {
        "id": key,
        "status": status,
        "date": told(now)[:10],
        "currency": "MYR",
        "amount": _text(net + Decimal(str(given.get("off", "0")))),
        "summary": {name: _text(amount) for name, amount in summary.items()},
        "orders": orders,
        "transactions": [*transactions, _out(key, status, net, told(now))],
    }


_AMOUNTS: Final = ("gross_amount", "fee_amount")


def _rows(
    books: ShopifyBooks, orders: Sequence[int], given: Mapping[str, Any], moment: str
) -> Iterator[Order]:
    """What moved the balance: the sale of each order and its refunds, and an adjustment."""
    share = Decimal(str(given.get("fee", FEE)))
    for number in orders:
        order = books.orders.get(number)
        order_id = order["id"] if order else ID + number
        total = Decimal(order["total_price"] if order else str(given.get("foreign", "10.00")))
        yield _row("charge", total, (total * share).quantize(CENT), order_id, moment)
        for refund in order["refunds"] if order else ():
            moves = [one for one in refund["transactions"] if one["status"] == "success"]
            for one in moves:
                yield _row("refund", -Decimal(one["amount"]), Decimal(0), order_id, moment)
    if more := Decimal(str(given.get("adjust", "0"))):
        yield _row("adjustment", more, Decimal(0), None, moment)


def _row(kind: str, amount: Decimal, fee: Decimal, order_id: int | None, moment: str) -> Order:
    return {
        "type": kind,
        "test": False,
        "currency": "MYR",
        "amount": _text(amount),
        "fee": _text(fee),
        "net": _text(amount - fee),
        "source_order_id": order_id,
        "processed_at": moment,
    }


def _out(key: int, status: str, net: Decimal, moment: str) -> Order:
    """The transaction by which the payout leaves the balance."""
    row = _row("payout", -net, Decimal(0), None, moment)
    return {"id": key * 10_000, "payout_id": key, "payout_status": status, **row}


def _text(amount: Decimal) -> str:
    return str(amount.quantize(CENT))


# ---- what is shown ----


def shown(books: ShopifyBooks, path: str, query: Mapping[str, str], root: str) -> Reply | None:
    """A page of payouts or of balance transactions; None where something else is asked for."""
    if path == f"{root}shopify_payments/payouts.json":
        hidden = {"orders", "transactions"}
        newest = sorted(books.payouts.values(), key=lambda one: (one["date"], one["id"]))[::-1]
        bare = [{name: x for name, x in one.items() if name not in hidden} for one in newest]
        return _page("payouts", bare, path, query, ("date_min", "date"))
    if path == f"{root}shopify_payments/balance/transactions.json":
        rows = [row for one in books.payouts.values() for row in one["transactions"]]
        return _page("transactions", rows, path, query, ("payout_id", "payout_id"))
    return None


def _page(
    name: str,
    rows: Sequence[Order],
    path: str,
    query: Mapping[str, str],
    filtered: tuple[str, str],
) -> Reply:
    """Rows by a filter, or by a cursor, beside which only `limit` may stand."""
    asked, word = filtered
    try:
        page = json.loads(base64.b64decode(query["page_info"])) if "page_info" in query else {}
        most = int(query.get("limit", _USUAL))
    except ValueError:
        return Reply(status=400, content={"errors": "Invalid value."})
    if not 0 < most <= _MOST or (page and query.keys() - {"page_info", "limit"}):
        return Reply(status=400, content={"errors": "Invalid parameters."})
    value, past = str(page.get("value", query.get(asked, ""))), int(page.get("past", 0))
    if asked == "date_min":
        fits = [one for one in rows if one[word] >= value]
    else:
        fits = [one for one in rows if str(one[word]) == value or not value]
    headers = {}
    if len(fits) > past + most:
        told_next = json.dumps({"value": value, "past": past + most})
        info = base64.b64encode(told_next.encode()).decode()
        link = f"https://kedai-demo.myshopify.com{path}?{urlencode({'page_info': info})}"
        headers["Link"] = f'<{link}>; rel="next"'
    raw = json.dumps({name: fits[past : past + most]}, ensure_ascii=False).encode()
    return Reply(status=200, content=raw, headers=headers)
