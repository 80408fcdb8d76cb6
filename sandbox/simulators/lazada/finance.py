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
            made = dict(line["statement"])
            self.statements[made["shown"]["statement_number"]] = made


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
        given = dict(given_of(request))
        made = statement(self._finance, given, self.stand_in.now())
        self.note(request_id, "statement", statement=made, effect="closed")
        return done("statement", statement=made)


def statement(books: LazadaBooks, given: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return a statement with its transactions; raise ControlError."""
    local = now.astimezone(HERE)
    number = str(given.get("number") or f"MY1042-{local:%Y-%m%d}")
    before = books.statements.get(number)
    paid = {one for name, x in books.statements.items() if name != number for one in x["orders"]}
    mine = before["orders"] if before else [one for one in books.orders if one not in paid]
    orders = [int(one) for one in given.get("orders", mine)]
    if not orders:
        raise ControlError("There is nothing to pay out")
    made = before["shown"]["created_at"] if before else f"{local:%Y-%m-%d %H:%M:%S}"
    last = date.fromisoformat(made[:10]) - timedelta(days=1)
    common = {
        "statement": f"{last - timedelta(days=6):%d %b %Y} - {last:%d %b %Y}",
        "transaction_date": f"{last:%d %b %Y}",
        "paid_status": "Yes" if given.get("paid", True) else "No",
        "payment_ref_id": str(given.get("reference", "")),
        "reference": "",
        "comment": "",
    }
    rows = [
        {**row, **common, "transaction_number": f"MY1042-{row['order_no'][-8:]}-{at:03}"}
        for one in orders
        for at, row in enumerate(_rows(books, one), 1)
    ]
    net = sum((Decimal(row["amount"]) for row in rows), Decimal(0))
    net += Decimal(str(given.get("off", "0")))
    shown = {
        "statement_number": number,
        "created_at": made,
        "updated_at": f"{local:%Y-%m-%d %H:%M:%S}",
        "opening_balance": "0.00",
        "closing_balance": f"{net:.2f}",
        "payout": f"{net:.2f} MYR",
        "paid": "1" if given.get("paid", True) else "0",
    }
    return {"shown": shown, "orders": orders, "rows": rows, "last": last.isoformat()}


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
    found = [one["shown"] for one in books.statements.values()]
    found = [one for one in found if one["created_at"][:10] >= since]
    return sorted(found, key=lambda one: one["created_at"], reverse=True)


def transactions(books: LazadaBooks, query: Mapping[str, str]) -> list[Order] | str:
    """Return a page of the transactions of some days; or the fault."""
    since, until = (date.fromisoformat(query[name]) for name in ("start_time", "end_time"))
    most, skip = int(query.get("limit", "100")), int(query.get("offset", "0"))
    if until - since >= _LONGEST:
        return "endTime - startTime must should be less than 180 days"
    if not 0 < most <= _MOST or skip < 0 or until < since:
        return _NO_STATEMENT
    found = [
        row
        for one in books.statements.values()
        if since <= date.fromisoformat(one["last"]) <= until
        for row in one["rows"]
    ]
    return found[skip : skip + most]


def bought(number: int, given: Mapping[str, Any], now: datetime) -> LazadaOrder:
    """Return a new order.

    `items` have sku, quantity, price, was and platform_voucher; further a piece's `shipping`, and
    `status`. Every value has a default.
    """
    asked = given.get("items") or [{"sku": GOODS[number % 3][0], "quantity": 1 + number % 3}]
    moment, (first, last) = told(now), _BUYERS[number % len(_BUYERS)]
    order: LazadaOrder = {
        "order_id": ID + number,
        "order_number": ID + number,
        "created_at": moment,
        "updated_at": moment,
        "payment_method": str(given.get("payment", "MIXEDCARD")),
        "customer_first_name": first,
        "customer_last_name": last,
        "order_items": [],
    }
    for one in asked:
        for _ in range(int(one.get("quantity", 1))):
            order["order_items"].append(_piece(order, one, given, moment))
    return _summed(order)


def _piece(
    order: LazadaOrder, given: Mapping[str, Any], whole: Mapping[str, Any], moment: str
) -> dict[str, Any]:
    sku = str(given.get("sku", "MUG"))
    known = next((one for one in GOODS if one[0] == sku), (sku, sku, "", 10.00, 10.00))
    _, name, variation, was, price = known
    price = float(given.get("price", price))
    was = float(given.get("was", max(was, price)))
    platform = float(given.get("platform_voucher", 0))
    at = len(order["order_items"]) + 1
    return {
        "order_item_id": order["order_id"] * 100 + at,
        "order_id": order["order_id"],
        "sku": sku,
        "shop_sku": f"{sku}_MY-9",
        "name": str(given.get("name", name)),
        "variation": variation,
        "status": str(whole.get("status", "pending")),
        "item_price": was,
        "paid_price": price,
        "voucher_amount": round(was - price, 2),
        "voucher_seller": round(was - price - platform, 2),
        "voucher_platform": platform,
        "tax_amount": 0.00,
        "shipping_amount": float(whole.get("shipping", 4.00)),
        "currency": str(whole.get("currency", "MYR")),
        "reason": "",
        "created_at": moment,
        "updated_at": moment,
    }


def _summed(order: LazadaOrder) -> LazadaOrder:
    pieces = order["order_items"]
    shipping = sum(one["shipping_amount"] for one in pieces)
    words = list(dict.fromkeys(one["status"] for one in pieces))
    price = f"{sum(one['item_price'] for one in pieces):.2f}"
    more = {"items_count": len(pieces), "statuses": words, "price": price}
    return {**order, **more, "shipping_fee": round(shipping, 2)}


def changed(act: str, order: LazadaOrder, given: Mapping[str, Any], now: datetime) -> LazadaOrder:
    """Return the order after a later act.

    `edit` cancels pieces, `delete` fails to deliver everything, `restore` sends it again.
    """
    made = copy.deepcopy(order)
    left = [one for one in made["order_items"] if one["status"] not in _GONE]
    pieces = int(given.get("pieces", 1))
    match act:
        case "edit":
            _set(left[:pieces], str(given.get("status", "canceled")), now)
        case "complete":
            _set(left[: given.get("pieces")], str(given.get("status", "delivered")), now)
        case "cancel":
            _set(left, "canceled", now)
        case "refund":
            if len(left) < pieces:
                raise ControlError("So many pieces are not left")
            _set(left[:pieces], str(given.get("status", "returned")), now)
        case "delete":
            _set(left, "failed_delivery", now)
        case _:
            _set(left, "shipped", now)
    return _summed({**made, "updated_at": told(now)})


def _set(pieces: list[dict[str, Any]], status: str, now: datetime) -> None:
    for one in pieces:
        one["status"], one["updated_at"] = status, told(now)
        one["reason"] = "Damaged" if status in _GONE else ""


def told(moment: datetime) -> str:
    """Return a moment as Lazada writes it, by the shop's clock."""
    return moment.astimezone(HERE).strftime("%Y-%m-%d %H:%M:%S %z")


def moment_of(text: str) -> datetime:
    """Return the moment of a Lazada text."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S %z")


def sold(order: LazadaOrder) -> dict[str, int]:
    """Return SKU -> pieces out of stock, without cancelled and returned pieces."""
    found: Counter[str] = Counter()
    for one in order["order_items"]:
        found[one["sku"]] += one["status"] not in _GONE
    return found


def listed(order: LazadaOrder) -> LazadaOrder:
    """Return the order as in the list, without its pieces."""
    return {name: one for name, one in order.items() if name != "order_items"}
