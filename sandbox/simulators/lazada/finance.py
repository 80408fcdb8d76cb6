"""Build Lazada's orders, and the statements and transactions of their payouts."""

import copy
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Final

from sandbox.simulators.base.control import ControlError, Deed, done, given_of
from sandbox.simulators.base.market import MarketBooks
from sandbox.simulators.base.server import Reply, Request
from sandbox.simulators.base.shop import Order, Shop, ShopControl

STATEMENTS: Final = "/finance/payout/status/get"

TRANSACTIONS: Final = "/finance/transaction/details/get"

COMMISSION, PAYMENT, VAT = Decimal("0.04"), Decimal("0.0212"), Decimal("0.08")

CENT: Final = Decimal("0.01")

_MOST, _LONGEST = 500, timedelta(days=180)

_NO_STATEMENT = "Wrong start_time, end_time, limit or offset."

LazadaOrder = dict[str, Any]

ID = 9_007_199_254_740_993
"""What ids are counted from: above 2^53, where who reads them as floats is off by one."""

HERE = timezone(timedelta(hours=8))

GOODS = (
    ("TEE-BLK-M", "Tee", "Black / M", 55.00, 49.50),
    ("MUG", "Mug", "", 25.00, 25.00),
    ("CUP-GLASS-20", "Kopitiam glass", "200 ml", 6.50, 5.00),
)

_BUYERS = (("Aisyah", "R***n"), ("陈", "***玲"), ("முத்து", "***"), ("Farid", "R***n"))

_GONE = ("canceled", "returned", "shipped_back_success")


class LazadaBooks(MarketBooks):
    """The orders, and the statements by their numbers with the transactions of each."""

    def rewind(self) -> None:
        """Reset to no orders and no statements."""
        super().rewind()
        self.statements: dict[str, dict[str, Any]] = {}

    def take(self, line: Mapping[str, Any]) -> None:
        """Apply a statement, or an event that every marketplace has."""
        super().take(line)
        if line["call"] == "statement":
            entry = dict(line["statement"])
            self.statements[entry["shown"]["statement_number"]] = entry


class FinanceControl(ShopControl):
    """The control calls of a seller, and one that makes a statement."""

    def __init__(self, shop: Shop, books: LazadaBooks) -> None:
        super().__init__(shop)
        self._finance = books

    def shown(self, what: str) -> Mapping[str, object]:
        """Return the state with all statements."""
        if what == "statements":
            return {what: list(self._finance.statements.values())}
        return super().shown(what)

    def deeds(self) -> Mapping[str, Deed]:
        """Return the acts by hand: make a statement."""
        return {**super().deeds(), "statement": self._statement}

    def _statement(self, request: Request, request_id: str) -> Reply:
        """Close the seven days until yesterday: `orders` (their ids here, or ids of no order; all
        that are in no statement where they are left out), `paid` (yes), `off` (what is paid out
        beside what the transactions come to), `reference`. With `number` it is made again.
        """
        body = dict(given_of(request))
        entry = statement(self._finance, body, self.stand_in.now())
        self.note(request_id, "statement", statement=entry, effect="closed")
        return done("statement", statement=entry)


def statement(books: LazadaBooks, body: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return a statement with its transactions; raise ControlError."""
    local = now.astimezone(HERE)
    number = str(body.get("number") or f"MY1042-{local:%Y-%m%d}")
    before = books.statements.get(number)
    paid = {
        order_id
        for name, x in books.statements.items()
        if name != number
        for order_id in x["orders"]
    }
    order_ids = (
        before["orders"]
        if before
        else [order_id for order_id in books.orders if order_id not in paid]
    )
    orders = [int(order_id) for order_id in body.get("orders", order_ids)]
    if not orders:
        raise ControlError("There is nothing to pay out")
    created_at = before["shown"]["created_at"] if before else f"{local:%Y-%m-%d %H:%M:%S}"
    last = date.fromisoformat(created_at[:10]) - timedelta(days=1)
    common = {
        "statement": f"{last - timedelta(days=6):%d %b %Y} - {last:%d %b %Y}",
        "transaction_date": f"{last:%d %b %Y}",
        "paid_status": "Yes" if body.get("paid", True) else "No",
        "payment_ref_id": str(body.get("reference", "")),
        "reference": "",
        "comment": "",
    }
    rows = [
        {**row, **common, "transaction_number": f"MY1042-{row['order_no'][-8:]}-{at:03}"}
        for order_id in orders
        for at, row in enumerate(_rows(books, order_id), 1)
    ]
    net = sum((Decimal(row["amount"]) for row in rows), Decimal(0))
    net += Decimal(str(body.get("off", "0")))
    summary = {
        "statement_number": number,
        "created_at": created_at,
        "updated_at": f"{local:%Y-%m-%d %H:%M:%S}",
        "opening_balance": "0.00",
        "closing_balance": f"{net:.2f}",
        "payout": f"{net:.2f} MYR",
        "paid": "1" if body.get("paid", True) else "0",
    }
    return {"shown": summary, "orders": orders, "rows": rows, "last": last.isoformat()}


def _rows(books: LazadaBooks, number: int) -> Iterator[dict[str, str]]:
    """Yield an order's transactions: each piece's price, shipping and fees."""
    order = books.orders.get(number)
    foreign = [
        {
            "order_item_id": 1,
            "status": "delivered",
            "item_price": 10.0,
            "paid_price": 10.0,
            "voucher_seller": 0,
            "shipping_amount": 0,
        }
    ]
    for piece in order["order_items"] if order else foreign:
        if piece["status"] == "canceled":
            continue
        price, shipping, borne, listed = (
            Decimal(str(piece[x]))
            for x in ("paid_price", "shipping_amount", "voucher_seller", "item_price")
        )
        about = {
            "order_no": str(order["order_id"] if order else ID + number),
            "orderItem_no": str(piece["order_item_id"]),
        }
        yield {**about, **_row("Orders-Sales", "Item Price Credit", listed)}
        if borne:
            voucher = _row("Orders-Marketing Fees", "Promotional Charges Vouchers", -borne)
            yield {**about, **voucher}
        yield {**about, **_row("Orders-Sales", "Shipping Fee (Paid By Customer)", shipping)}
        for name, share in (("Commission", COMMISSION), ("Payment Fee", PAYMENT)):
            fee = (price * share).quantize(CENT)
            vat = (fee * VAT).quantize(Decimal("0.0001"))
            yield {**about, **_row("Orders-Lazada Fees", name, -(fee + vat.quantize(CENT)), vat)}
        yield {**about, **_row("Orders-Logistics", "Shipping Fee Charged by Lazada", -shipping)}
        if piece["status"] in ("returned", "shipped_back_success"):
            yield {**about, **_row("Refunds-Sales", "Reversal Item Price", -listed)}
            if borne:
                name = "Reversal Promotional Charges Vouchers"
                yield {**about, **_row("Refunds-Marketing Fees", name, borne)}


def _row(kind: str, name: str, amount: Decimal, vat: Decimal = Decimal(0)) -> dict[str, str]:
    return {
        "transaction_type": kind,
        "fee_name": name,
        "amount": f"{amount:.2f}",
        "VAT_in_amount": str(vat),
        "WHT_amount": "0",
        "WHT_included_in_amount": "No",
    }


def statements(books: LazadaBooks, query: Mapping[str, str]) -> list[Order]:
    """Return the statements since this day, newest first."""
    since = date.fromisoformat(query["created_after"]).isoformat()
    summaries = [entry["shown"] for entry in books.statements.values()]
    summaries = [summary for summary in summaries if summary["created_at"][:10] >= since]
    return sorted(summaries, key=lambda summary: summary["created_at"], reverse=True)


def transactions(books: LazadaBooks, query: Mapping[str, str]) -> list[Order] | str:
    """Return a page of the transactions of some days; or the fault."""
    since, until = (date.fromisoformat(query[name]) for name in ("start_time", "end_time"))
    most, skip = int(query.get("limit", "100")), int(query.get("offset", "0"))
    if until - since >= _LONGEST:
        return "endTime - startTime must should be less than 180 days"
    if not 0 < most <= _MOST or skip < 0 or until < since:
        return _NO_STATEMENT
    rows = [
        row
        for entry in books.statements.values()
        if since <= date.fromisoformat(entry["last"]) <= until
        for row in entry["rows"]
    ]
    return rows[skip : skip + most]


def bought(number: int, arguments: Mapping[str, Any], now: datetime) -> LazadaOrder:
    """Return a new order.

    `items` have sku, quantity, price, was and platform_voucher; further a piece's `shipping`, and
    `status`. Every value has a default.
    """
    items = arguments.get("items") or [{"sku": GOODS[number % 3][0], "quantity": 1 + number % 3}]
    moment, (first, last) = told(now), _BUYERS[number % len(_BUYERS)]
    order: LazadaOrder = {
        "order_id": ID + number,
        "order_number": ID + number,
        "created_at": moment,
        "updated_at": moment,
        "payment_method": str(arguments.get("payment", "MIXEDCARD")),
        "customer_first_name": first,
        "customer_last_name": last,
        "order_items": [],
    }
    for item in items:
        for _ in range(int(item.get("quantity", 1))):
            order["order_items"].append(_piece(order, item, arguments, moment))
    return _summed(order)


def _piece(
    order: LazadaOrder, item: Mapping[str, Any], arguments: Mapping[str, Any], moment: str
) -> dict[str, Any]:
    sku = str(item.get("sku", "MUG"))
    product = next((choice for choice in GOODS if choice[0] == sku), (sku, sku, "", 10.00, 10.00))
    _, name, variation, was, price = product
    price = float(item.get("price", price))
    was = float(item.get("was", max(was, price)))
    platform = float(item.get("platform_voucher", 0))
    at = len(order["order_items"]) + 1
    return {
        "order_item_id": order["order_id"] * 100 + at,
        "order_id": order["order_id"],
        "sku": sku,
        "shop_sku": f"{sku}_MY-9",
        "name": str(item.get("name", name)),
        "variation": variation,
        "status": str(arguments.get("status", "pending")),
        "item_price": was,
        "paid_price": price,
        "voucher_amount": round(was - price, 2),
        "voucher_seller": round(was - price - platform, 2),
        "voucher_platform": platform,
        "tax_amount": 0.00,
        "shipping_amount": float(arguments.get("shipping", 4.00)),
        "currency": str(arguments.get("currency", "MYR")),
        "reason": "",
        "created_at": moment,
        "updated_at": moment,
    }


def _summed(order: LazadaOrder) -> LazadaOrder:
    pieces = order["order_items"]
    shipping = sum(piece["shipping_amount"] for piece in pieces)
    words = list(dict.fromkeys(piece["status"] for piece in pieces))
    price = f"{sum(piece['item_price'] for piece in pieces):.2f}"
    more = {"items_count": len(pieces), "statuses": words, "price": price}
    return {**order, **more, "shipping_fee": round(shipping, 2)}


def changed(
    act: str, order: LazadaOrder, arguments: Mapping[str, Any], now: datetime
) -> LazadaOrder:
    """Return the order after a later act.

    `edit` cancels pieces, `delete` fails to deliver everything, `restore` sends it again.
    """
    new_order = copy.deepcopy(order)
    open_pieces = [piece for piece in new_order["order_items"] if piece["status"] not in _GONE]
    pieces = int(arguments.get("pieces", 1))
    match act:
        case "edit":
            _set(open_pieces[:pieces], str(arguments.get("status", "canceled")), now)
        case "complete":
            _set(
                open_pieces[: arguments.get("pieces")],
                str(arguments.get("status", "delivered")),
                now,
            )
        case "cancel":
            _set(open_pieces, "canceled", now)
        case "refund":
            if len(open_pieces) < pieces:
                raise ControlError("So many pieces are not left")
            _set(open_pieces[:pieces], str(arguments.get("status", "returned")), now)
        case "delete":
            _set(open_pieces, "failed_delivery", now)
        case _:
            _set(open_pieces, "shipped", now)
    return _summed({**new_order, "updated_at": told(now)})


def _set(pieces: list[dict[str, Any]], status: str, now: datetime) -> None:
    for piece in pieces:
        piece["status"], piece["updated_at"] = status, told(now)
        piece["reason"] = "Damaged" if status in _GONE else ""


def told(moment: datetime) -> str:
    """Return a moment as Lazada writes it, by the shop's clock."""
    return moment.astimezone(HERE).strftime("%Y-%m-%d %H:%M:%S %z")


def moment_of(text: str) -> datetime:
    """Return the moment of a Lazada text."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S %z")


def sold(order: LazadaOrder) -> dict[str, int]:
    """Return SKU -> pieces out of stock, without cancelled and returned pieces."""
    pieces: Counter[str] = Counter()
    for piece in order["order_items"]:
        pieces[piece["sku"]] += piece["status"] not in _GONE
    return pieces


def listed(order: LazadaOrder) -> LazadaOrder:
    """Return the order as in the list, without its pieces."""
    return {name: value for name, value in order.items() if name != "order_items"}
