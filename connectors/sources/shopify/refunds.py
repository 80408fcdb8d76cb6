"""Convert a Shopify refund into a record: the money, the goods, and the order's status."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from connectors.kit.canonical_record import Cell, RawRecord, read_record
from connectors.kit.delivery import Read
from connectors.kit.shops.payload_parts import ZERO, LineKind, plain
from connectors.sources.shopify.exchanges import added_items, worth_added
from connectors.sources.shopify.kinds import (
    BUYER,
    CENT,
    REFUND,
    SHOP,
    Line,
    Part,
    difference,
    lines_of,
    moved,
    part_of,
    tax_words,
    unpaid_edits,
)

SHIPPING = "shipping_refund"

_COIN: Final = Decimal("0.05")
"""Cash is rounded to this coin, so a refund in cash differs from its lines by less."""

UNPAID = ("authorized", "pending", "partially_paid", "voided", "expired")

STATUS_WORDS: Mapping[str, str] = {
    "deleted (orders/delete)": "deleted",
    "cancelled_at is set, and money or goods did not come back": "cancelled_kept",
    "cancelled_at is set": "cancelled",
    "refunded": "refunded",
    "partially_refunded": "refunded_partly",
    "paid and fulfilled": "delivered",
    "paid and partial": "partially_delivered",
    "paid, nothing sent": "paid",
    **dict.fromkeys(UNPAID, "unpaid"),
}
"""The status of an order, by the first of these that is so."""

_PAID = {"fulfilled": "delivered", "partial": "partially_delivered", "": "paid"}

RESTOCK_WORDS: Mapping[str, str] = {
    "return": "returned",
    "cancel": "cancelled",
    "no_restock": "none",
    "legacy_restock": "unknown",
}
"""What became of the goods of a refund line. Only `returned` came back into the stock after it had
left; `cancelled` never left; of `unknown` Shopify cannot tell.
"""


@dataclass(frozen=True, slots=True)
class _Back:
    """A part of a refund, such as goods or shipping: its cells, and the names of its amount and tax
    fields.
    """

    part: Part
    cells: Mapping[str, Cell]
    amount: str
    tax: str = ""
    sign: int = 1

    def net(self, money: str) -> Decimal:
        """Return the amount in the shop's or the buyer's money."""
        return self.sign * self.part.amount(self.amount, money)

    def taxed(self, money: str) -> Decimal:
        """Return the part's tax; zero if the payload states no separate tax."""
        return self.sign * self.part.amount(self.tax, money) if self.tax else ZERO

    def line(self) -> Mapping[str, Cell]:
        """Return the line of the record."""
        tax = Cell(self.part.at(self.tax or self.amount), plain(self.taxed(SHOP)))
        amount = Cell(self.part.at(self.amount), plain(self.net(SHOP)))
        return {**self.cells, "amount": amount, "tax_amount": tax}


def refund_of(
    place: str, content: Mapping[str, object], zone: ZoneInfo, order: Mapping[str, object]
) -> Read:
    """Return the refund's record, or its errors.

    `order` is the order that the refund came in, or {}. Only values that a refund alone lacks are
    taken from it.
    """
    refund, inside_of = Part(place, content), Part(place, order)
    items = {item.text("id"): item for item in inside_of.parts("line_items")}
    back = _given(refund, items, inside_of.parts("shipping_lines"))
    lines = [entry.line() for entry in back]
    money = _money(refund)
    shop = refund_currency(refund, order) or money.currency
    head = {**_head(refund, zone), "currency": Cell(refund.at("transactions"), shop)}
    if not lines and not money.moved:
        words = "The refund has neither goods nor shipping."
        refund.wrong("refund_line_items", words, "Ask Shopify for the whole refund.")
    elif not refund.errors:
        settled = _Settling(refund, inside_of, back, money, shop)
        head |= settled.head()
        lines += [line.cells for line in settled.lines]
    else:
        head["status"] = Cell(refund.at("transactions"), _status(refund, inside_of, money))
    cells = [{"pos": Cell(place, at), **line} for at, line in enumerate(lines, 1)]
    ends = {str(line["restock"].value) for line in lines if "restock" in line} or {"none"}
    restock_kind = ends.pop() if len(ends) == 1 else "mixed"
    head["restock"] = Cell(refund.at("refund_line_items"), restock_kind)
    key = Cell(refund.at("id"), content.get("id"))
    return read_record(REFUND, RawRecord(key, head, cells), zone, refund.errors)


def _given(refund: Part, items: Mapping[str, Part], sent: Sequence[Part] = ()) -> list[_Back]:
    """Return the lines of a refund: goods, shipping, duties, fees and manual adjustments.

    Older versions of the API list refunded shipping among the adjustments, newer versions in
    `refund_shipping_lines`. `items` maps each line id of the order to its goods, `sent` lists the
    order's shipping; both state the tax names and rates that a refund leaves out.
    """
    goods = [_goods(line, items) for line in refund.parts("refund_line_items")]
    shipping = [_shipping(line, sent) for line in refund.parts("refund_shipping_lines")]
    adjustments = refund.parts("order_adjustments")
    if shipping:
        adjustments = [
            adjustment for adjustment in adjustments if adjustment.text("kind") != SHIPPING
        ]
    return [
        *goods,
        *shipping,
        *_extra(refund, "duty", "duties", "amount", "total_duties"),
        *_extra(refund, "fee", "additional_fees", "price", "total_additional_fees"),
        *(_adjustment(adjustment, sent) for adjustment in adjustments),
    ]


def _goods(line: Part, items: Mapping[str, Part]) -> _Back:
    item = line.part("line_item")
    item = item if item.value else items.get(line.text("line_item_id"), item)
    if not line.stated("subtotal"):
        words = "The refund does not say what this line gives back."
        line.wrong("subtotal", words, "Ask Shopify for the refund in a newer version of its API.")
    tax, _ = tax_words(item)
    cells = {
        "line_id": line.cell("line_item_id"),
        "part": Cell(line.place, part_of(item)),
        "sku": item.cell("sku"),
        "variant_id": item.cell("variant_id"),
        "product_id": item.cell("product_id"),
        "name": item.cell("name" if item.text("name") else "title"),
        "qty": line.cell("quantity"),
        "restock": Cell(line.at("restock_type"), restock(line.text("restock_type"))),
        **tax,
    }
    return _Back(line, cells, "subtotal", "total_tax")


def _shipping_tax(line: Part, sent: Sequence[Part]) -> Mapping[str, Cell]:
    """Return name and rate of the tax on refunded shipping.

    They come from the refund's own tax, else from the order's shipping line with its id. Else the
    tax is used that all shipping lines of the order share; empty if they differ.
    """
    line_tax, _ = tax_words(line)
    if line_tax:
        return line_tax
    taxes = {shipping_line.text("id"): tax_words(shipping_line)[0] for shipping_line in sent}
    if line.text("id") in taxes:
        return taxes[line.text("id")]
    known_taxes = [tax for tax in taxes.values() if tax]
    distinct_taxes = {tuple(cell.value for cell in tax.values()) for tax in known_taxes}
    return known_taxes[0] if len(distinct_taxes) == 1 else {}


def _shipping(entry: Part, sent: Sequence[Part]) -> _Back:
    """Return the refunded shipping of an entry of `refund_shipping_lines`."""
    line = entry.part("shipping_line")
    cells = {
        "line_id": line.cell("id"),
        "part": Cell(entry.place, "shipping"),
        "sku": line.cell("code"),
        "name": line.cell("title") if line.text("title") else Cell(entry.place, "Shipping"),
        "qty": Cell(entry.place, 1),
    }
    amount = next(
        (name for name in ("subtotal_amount", "amount") if entry.stated(name)), "subtotal"
    )
    taxes = ("tax_amount", "total_tax")
    tax = next((name for name in taxes if entry.stated(name)), "tax")
    if entry.amount(tax):
        cells |= _shipping_tax(line, sent)
    return _Back(entry, cells, amount, tax)


def _extra(refund: Part, part: LineKind, list_name: str, amount: str, total: str) -> list[_Back]:
    """Return the refunded duties or fees: each entry if they are listed, else their stated sum."""
    title = {"duty": "Duties", "fee": "Additional fees"}[part]
    back_parts = []
    for entry in refund.parts(list_name):
        name = entry.cell("name") if entry.text("name") else Cell(entry.place, title)
        cells = {"part": Cell(entry.place, part), "name": name, "qty": Cell(entry.place, 1)}
        used = amount if entry.stated(amount) else "amount"
        back_parts.append(
            _Back(entry, cells, used, "total_tax" if entry.stated("total_tax") else "")
        )
    if not back_parts and refund.amount(total):
        place = refund.at(total)
        cells = {
            "part": Cell(place, part),
            "name": Cell(place, title),
            "qty": Cell(place, 1),
        }
        back_parts.append(_Back(refund, cells, total))
    return back_parts


def _adjustment(adjustment: Part, sent: Sequence[Part]) -> _Back:
    """Return a refund part for shipping that was refunded, or for a difference that a person typed.

    A negative amount goes to the buyer.
    """
    part = "shipping" if adjustment.text("kind") == SHIPPING else "adjustment"
    cells = {
        "part": Cell(adjustment.at("kind"), part),
        "name": adjustment.cell("reason" if adjustment.text("reason") else "kind"),
        "qty": Cell(adjustment.place, 1),
    }
    if part == "shipping" and adjustment.amount("tax_amount"):
        cells |= _shipping_tax(Part(adjustment.place, {}), sent)
    return _Back(adjustment, cells, "amount", "tax_amount", sign=-1)


@dataclass(frozen=True, slots=True)
class _Money:
    """The sums of a refund's transactions in their currency: money paid back, and money still
    pending.

    `count` is the number of transactions, and `failed` how many moved no money.
    """

    back: Decimal
    waiting: Decimal
    currency: str
    count: int
    failed: int

    @property
    def moved(self) -> Decimal:
        """The money that was paid back or is still pending."""
        return self.back + self.waiting


def _money(refund: Part) -> _Money:
    transactions = [
        transaction
        for transaction in refund.parts("transactions")
        if transaction.text("kind") == "refund"
    ]
    by = {
        word: sum(
            (
                transaction.amount("amount")
                for transaction in transactions
                if transaction.text("status") == word
            ),
            ZERO,
        )
        for word in ("success", "pending")
    }
    currency = next((transaction.text("currency") for transaction in transactions), "")
    failed = sum(transaction.text("status") not in by for transaction in transactions)
    return _Money(by["success"], by["pending"], currency, len(transactions), failed)


def _head(refund: Part, zone: ZoneInfo) -> dict[str, Cell]:
    dated = "processed_at" if refund.value.get("processed_at") else "created_at"
    number = refund.text("id")
    return {
        "number": Cell(refund.at("id"), f"R-{number}" if number else None),
        "order_id": refund.cell("order_id"),
        "refunded_on": refund.day(dated, zone),
        "updated_at": _newest(refund),
        "reason": refund.cell("note"),
    }


def _newest(refund: Part) -> Cell:
    """Return the latest moment in a refund.

    Its money may move days after the refund was created.
    """
    moments = [refund.moment("created_at"), refund.moment("processed_at")]
    moments += [
        transaction.moment("processed_at", "created_at")
        for transaction in refund.parts("transactions")
    ]
    if refund.errors:
        return moments[0]
    return max(
        (cell for cell in moments if cell.value),
        key=lambda cell: datetime.fromisoformat(str(cell.value)),
        default=moments[0],
    )


class _Settling:
    """Compare the lines of a refund with the money that moved.

    A refund does not show whether its amounts include tax. The money does: it equals the lines with
    their tax, or without. Else the order shows it, if the refund came in an order.
    """

    def __init__(
        self, refund: Part, order: Part, back: Sequence[_Back], money: _Money, shop: str
    ) -> None:
        self.refund, self.order, self.back, self.money = refund, order, back, money
        self.side = SHOP if money.currency in ("", shop) else BUYER
        self.lines: list[Line] = []
        self.round_off: Decimal | None = None
        self.net, self.tax = _sums(back, SHOP)
        self.inside = self._inside()

    def head(self) -> dict[str, Cell]:
        """Return status and amounts; `lines` are then what the stated lines lack."""
        refund, money = self.refund, self.money
        status = _status(refund, self.order, money)
        head = {"status": Cell(refund.at("transactions"), status)}
        if self.side == SHOP and (money.count or status == "refunded"):
            head["paid_back"] = Cell(refund.at("transactions"), plain(money.back))
        if money.moved:
            self._compare()
        elif status == "refunded":
            self._compare_exchange(self.net if self.inside else self.net + self.tax)
        remainder = sum((line.amount for line in self.lines), ZERO)
        if self.inside is not None:
            total = self.net + remainder + (ZERO if self.inside else self.tax)
            head["total"] = Cell(refund.place, plain(total))
            tax_mode = Cell(refund.place, self.inside if self.tax else None)
            head |= {"taxes_included": tax_mode, "prices_include_tax": tax_mode}
        if self.round_off is not None:
            head["round_off"] = Cell(refund.at("transactions"), plain(self.round_off))
        head["tax_total"] = Cell(refund.place, plain(self.tax))
        return head

    @property
    def _goods(self) -> list[Part]:
        return self.refund.parts("refund_line_items")

    def _inside(self) -> bool | None:
        """Check whether the amounts include their tax; None if neither money nor order shows it."""
        net, tax = _sums(self.back, self.side)
        if not self.tax or self.money.moved == net + tax:
            return False
        if self.money.moved == net:
            return True
        stated = self.order.value.get("taxes_included")
        if isinstance(stated, bool):
            return stated
        return False if self.money.moved else None

    def _compare(self) -> None:
        """Explain a difference between the lines and the money paid back with a line; else hold the
        refund.
        """
        net, tax = _sums(self.back, self.side)
        lines_total = net if self.inside else net + tax
        remainder, place = self.money.moved - lines_total, self.refund.at("transactions")
        if not remainder:
            return
        if self.side == BUYER:
            if abs(remainder) > CENT * len(self.back):
                words = f"Both figures are in {self.money.currency}, the money of the buyer."
                self.refund.differs("transactions", self.money.moved, lines_total, words)
        elif self._is_cash_rounding(remainder):
            self.round_off = remainder
        elif abs(remainder) <= CENT:
            self.lines = [difference(place, "rounding", "Rounding", remainder)]
        elif remainder < 0 and self._is_exchange():
            self._compare_exchange(-remainder)
        elif remainder < 0 and self._keeps_fee():
            self.lines = [difference(place, "fee", "Fee kept of the refund", remainder)]
        else:
            words = "The lines do not come to the money that went back."
            self.refund.differs("transactions", self.money.moved, lines_total, words)
            self.lines = [difference(place, "adjustment", "Difference to the money", remainder)]

    def _compare_exchange(self, returned_worth: Decimal) -> None:
        """Compare what the money leaves of the returned goods with the goods that were added: they
        are billed by an order of their own, so the returned goods are credited whole.
        """
        added, place = (
            worth_added(self.order, self.refund.text("id")),
            self.refund.at("transactions"),
        )
        kept_fee = ZERO if added is None else returned_worth - added
        if kept_fee <= CENT:
            return  # the buyer paid the rest of dearer goods, if any
        if self.money.moved and self._keeps_fee():
            self.lines = [difference(place, "fee", "Fee kept of the exchange", -kept_fee)]
        else:
            words = (
                "The added goods and the money that went back do not come to the returned goods."
            )
            self.refund.differs(
                "transactions", self.money.moved, self.money.moved + kept_fee, words
            )
            self.lines = [difference(place, "adjustment", "Difference to the money", -kept_fee)]

    def _is_cash_rounding(self, remainder: Decimal) -> bool:
        adjustment = self.order.amount("total_cash_rounding_refund_adjustment")
        gateways = {
            transaction.text("gateway") for transaction in self.refund.parts("transactions")
        }
        coins = self.money.moved % _COIN == 0 and abs(remainder) < _COIN
        return remainder == adjustment or (gateways == {"cash"} and coins)

    def _keeps_fee(self) -> bool:
        """Check whether the shop keeps a restocking or return fee.

        All goods came back, no money failed, and none is still owed to the buyer. A refund without
        its order does not show this.
        """
        ends = {line.text("restock_type") for line in self._goods}
        owed = self.order.amount("total_outstanding") < 0
        is_complete = not self.money.failed and not owed
        return bool(self.order.value) and ends == {"return"} and is_complete

    def _is_exchange(self) -> bool:
        """Check whether other goods replaced these, so that the remaining money paid for them."""
        return _is_exchange(self.order)


def _is_exchange(order: Part) -> bool:
    """Check whether goods that were added to the order take the place of returned goods, and none
    of their money is still owed to the buyer.
    """
    if not order.stated("total_price") or order.amount("total_outstanding") < 0:
        return False
    return bool(added_items(order)) or _ordered(order) > order.amount("total_price")


def _ordered(order: Part) -> Decimal:
    """Return the sum of all lines of an order with tax, including the lines of a later exchange."""
    lines = lines_of(order, moved(order))
    net = sum((line.amount for line in lines), ZERO)
    return net if order.flag("taxes_included") else net + sum((line.tax for line in lines), ZERO)


def _sums(back: Sequence[_Back], money: str) -> tuple[Decimal, Decimal]:
    """Return the sum of all refund parts without tax, and their tax."""
    net = sum((part.net(money) for part in back), ZERO)
    return net, sum((part.taxed(money) for part in back), ZERO)


def _status(refund: Part, order: Part, money: _Money) -> str:
    if not money.count:
        if refund.text("id") in unpaid_edits(order):
            return "edited"
        goods = refund.parts("refund_line_items")
        if not any(line.text("restock_type") == "return" for line in goods):
            return "removed"
        return (
            "refunded" if order.stated("total_outstanding") and _is_exchange(order) else "returned"
        )
    if money.waiting:
        return "pending"
    return "refunded" if money.back else "failed"


def given_back(refund: Part, *, inside: bool) -> Decimal:
    """Return what a refund takes off its order, in the shop's currency.

    `inside`: its amounts include tax.
    """
    net, tax = _sums(_given(refund, {}), SHOP)
    return net if inside else net + tax


def tax_back(refund: Part) -> Decimal:
    """Return the tax that a refund takes off its order, in the shop's money."""
    return _sums(_given(refund, {}), SHOP)[1]


def money_kept(order: Part, total: Decimal) -> Decimal:
    """Return what was paid for a cancelled order and did not go back, in the shop's money."""
    financial, shop = order.text("financial_status"), order.text("currency")
    if financial == "refunded":
        return ZERO
    sales = [
        transaction
        for transaction in order.parts("transactions")
        if transaction.text("kind") in ("sale", "capture")
        and transaction.text("status") == "success"
        and transaction.text("currency") in ("", shop)
    ]
    if sales:
        paid = sum((transaction.amount("amount") for transaction in sales), ZERO)
    elif financial in ("paid", "partially_refunded"):
        paid = total
    elif financial == "partially_paid":
        paid = total - order.amount("total_outstanding")
    else:
        return ZERO
    inside = order.flag("taxes_included")
    for refund in order.parts("refunds"):
        money = _money(refund)
        in_shop = money.currency in ("", shop)
        back = money.moved if in_shop else given_back(refund, inside=inside)
        paid -= back if money.count else ZERO
    return max(paid, ZERO)


def refund_currency(refund: Part, order: Mapping[str, object]) -> str:
    """Return the shop's currency, as the refund's own amounts or its order name it."""
    list_names = ("refund_line_items", "refund_shipping_lines", "order_adjustments", "duties")
    places = [entry for name in list_names for entry in refund.parts(name)]
    currency = next((word for word in (part.money_word() for part in places) if word), "")
    return currency or str(order.get("currency") or "")


def order_status(
    cancelled: bool, financial: str, fulfillment: str, *, keeps_money: bool = False
) -> str:
    """Return an order's status as a single word; blank without a payment status.

    `keeps_money`: money or goods of a cancelled order did not come back. A combination without a
    word of its own returns both words of Shopify, such as `paid, restocked`, so that no rule
    matches it by mistake.
    """
    if cancelled:
        return "cancelled_kept" if keeps_money else "cancelled"
    if financial == "paid" and fulfillment in _PAID:
        return _PAID[fulfillment]
    if financial in STATUS_WORDS:
        return STATUS_WORDS[financial]
    return f"{financial}, {fulfillment or 'nothing sent'}" if financial else ""


def restock(word: str) -> str:
    """Return our word for the handling of returned goods.

    An unknown word stays as it came; a blank becomes `unknown`.
    """
    return RESTOCK_WORDS.get(word, word) or "unknown"
