"""The money of orders that Lazada pays out: statements, and the transactions behind them.

Here: the transactions of an order, the answers that show them, the control call that makes a
statement. Not here: who may ask (api.py), what an order looks like (orders.py).
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from connectors.simulators.base.control import ControlError, Deed, done, given_of
from connectors.simulators.base.market import MarketBooks
from connectors.simulators.base.server import Reply, Request
from connectors.simulators.base.shop import Order, Shop, ShopControl
from connectors.simulators.lazada.orders import HERE, ID

STATEMENTS: Final = "/finance/payout/status/get"
TRANSACTIONS: Final = "/finance/transaction/details/get"
COMMISSION, PAYMENT, VAT = Decimal("0.04"), Decimal("0.0212"), Decimal("0.08")
CENT: Final = Decimal("0.01")
_MOST, _LONGEST = 500, timedelta(days=180)
_NO_STATEMENT = "Wrong start_time, end_time, limit or offset."


class LazadaBooks(MarketBooks):
    """The orders, and the statements by their numbers with the transactions of each."""

    def rewind(self) -> None:
        """No order and no statement."""
        super().rewind()
        self.statements: dict[str, dict[str, Any]] = {}

    def take(self, line: Mapping[str, Any]) -> None:
        """Let a statement take effect, or what every marketplace knows."""
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
        """The statements, too."""
        if what == "statements":
            return {what: list(self._finance.statements.values())}
        return super().shown(what)

    def deeds(self) -> Mapping[str, Deed]:
        """A statement beside the acts on orders."""
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
    """A statement with its transactions; raises ControlError."""
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
    """What moved for an order: for each piece its price, its shipping and the fees."""
    order = books.orders.get(number)
    foreign = [
        {"order_item_id": 1, "status": "delivered", "paid_price": 10.0, "shipping_amount": 0}
    ]
    for piece in order["order_items"] if order else foreign:
        if piece["status"] == "canceled":
            continue
        price, shipping = (Decimal(str(piece[x])) for x in ("paid_price", "shipping_amount"))
        about = {
            "order_no": str(order["order_id"] if order else ID + number),
            "orderItem_no": str(piece["order_item_id"]),
        }
        yield {**about, **_row("Orders-Sales", "Item Price Credit", price)}
        yield {**about, **_row("Orders-Sales", "Shipping Fee (Paid By Customer)", shipping)}
        for name, share in (("Commission", COMMISSION), ("Payment Fee", PAYMENT)):
            fee = (price * share).quantize(CENT)
            vat = (fee * VAT).quantize(Decimal("0.0001"))
            yield {**about, **_row("Orders-Lazada Fees", name, -(fee + vat.quantize(CENT)), vat)}
        yield {**about, **_row("Orders-Logistics", "Shipping Fee Charged by Lazada", -shipping)}
        if piece["status"] in ("returned", "shipped_back_success"):
            yield {**about, **_row("Refunds-Sales", "Reversal Item Price", -price)}


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
    """The statements that were made on this day or later, the newest first."""
    since = date.fromisoformat(query["created_after"]).isoformat()
    found = [one["shown"] for one in books.statements.values()]
    found = [one for one in found if one["created_at"][:10] >= since]
    return sorted(found, key=lambda one: one["created_at"], reverse=True)


def transactions(books: LazadaBooks, query: Mapping[str, str]) -> list[Order] | str:
    """A page of the transactions of some days; or what is wrong."""
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
