"""Convert a Shopify refund into a record: the money, the goods, and the order's status."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from connectors.kit.canonical_record import Cell, RawRecord, canonical
from connectors.kit.delivery import Read
from connectors.kit.shops.payload_parts import ZERO, plain
from connectors.sources.shopify.kinds import BUYER, REFUND, SHOP, Part, tax_words
from grammar.text.characters import in_currency

SHIPPING = "shipping_refund"

UNPAID = ("authorized", "pending", "partially_paid", "voided", "expired")

STATUS_WORDS: Mapping[str, str] = {
    "deleted (orders/delete)": "deleted",
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


def refund_of(
    place: str, given: Mapping[str, object], zone: ZoneInfo, order: Mapping[str, object]
) -> Read:
    """The refund, or what is wrong with it. `order` is the one that it came inside of, or {}: only
    what a refund alone lacks is taken from there.
    """
    refund = Part(place, given)
    items = {one.text("id"): one for one in Part(place, order).parts("line_items")}
    lines = [_goods(line, items) for line in refund.parts("refund_line_items")]
    lines += [_adjustment(one) for one in refund.parts("order_adjustments")]
    money = _money(refund)
    shop = refund_currency(refund, order) or money.currency
    head = {**_head(refund, zone), "currency": Cell(refund.at("transactions"), shop)}
    if not lines:
        words = "The refund has neither goods nor shipping."
        refund.wrong("refund_line_items", words, "Ask Shopify for the whole refund.")
    elif not refund.errors:
        head |= _settled(refund, money, shop)
    cells = [{"pos": Cell(place, at), **line} for at, line in enumerate(lines, 1)]
    ends = {str(line["restock"].value) for line in lines if "restock" in line} or {"none"}
    shown = ends.pop() if len(ends) == 1 else "mixed"
    head["restock"] = Cell(refund.at("refund_line_items"), shown)
    key = Cell(refund.at("id"), given.get("id"))
    read = canonical(REFUND, RawRecord(key, head, cells), zone)
    if not refund.errors:
        return read
    return tuple(refund.errors)


def _goods(line: Part, items: Mapping[str, Part]) -> dict[str, Cell]:
    item = line.part("line_item")
    item = item if item.value else items.get(line.text("line_item_id"), item)
    if not line.stated("subtotal"):
        words = "The refund does not say what this line gives back."
        line.wrong("subtotal", words, "Ask Shopify for the refund in a newer version of its API.")
    tax, _ = tax_words(item)
    taxed = {"tax": tax["tax"]} if tax else {}
    return {
        "line_id": line.cell("line_item_id"),
        "part": Cell(line.place, "goods"),
        "sku": item.cell("sku"),
        "name": item.cell("name" if item.text("name") else "title"),
        "qty": line.cell("quantity"),
        "amount": Cell(line.at("subtotal"), plain(line.amount("subtotal"))),
        "tax_amount": Cell(line.at("total_tax"), plain(line.amount("total_tax"))),
        "restock": Cell(line.at("restock_type"), restock(line.text("restock_type"))),
        **taxed,
    }


def _adjustment(one: Part) -> dict[str, Cell]:
    """Shipping that was given back, or a difference that a person typed: with a minus where the
    buyer gets it.
    """
    part = "shipping" if one.text("kind") == SHIPPING else "adjustment"
    return {
        "part": Cell(one.at("kind"), part),
        "name": one.cell("reason" if one.text("reason") else "kind"),
        "qty": Cell(one.place, 1),
        "amount": Cell(one.at("amount"), plain(-one.amount("amount"))),
        "tax_amount": Cell(one.at("tax_amount"), plain(-one.amount("tax_amount"))),
    }


@dataclass(frozen=True, slots=True)
class _Money:
    """What the transactions of a refund say, in their currency: what went back, and what is on its
    way; `told` is how many there are.
    """

    back: Decimal
    waiting: Decimal
    currency: str
    told: int


def _money(refund: Part) -> _Money:
    told = [one for one in refund.parts("transactions") if one.text("kind") == "refund"]
    by = {
        word: sum((one.amount("amount") for one in told if one.text("status") == word), ZERO)
        for word in ("success", "pending")
    }
    currency = next((one.text("currency") for one in told), "")
    return _Money(by["success"], by["pending"], currency, len(told))


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
    """The latest moment that a refund knows of: its money may move days after it was made."""
    told = [refund.moment("created_at"), refund.moment("processed_at")]
    told += [one.moment("processed_at", "created_at") for one in refund.parts("transactions")]
    if refund.errors:
        return told[0]
    return max(
        (cell for cell in told if cell.value),
        key=lambda cell: datetime.fromisoformat(str(cell.value)),
        default=told[0],
    )


def _settled(refund: Part, money: _Money, shop: str) -> dict[str, Cell]:
    """Status and amounts. Whether the amounts hold their tax a refund does not say; the money that
    moved does: it is the lines with their tax, or without it.
    """
    side = SHOP if money.currency in ("", shop) else BUYER
    net, tax = _sums(refund, side)
    moved = money.back + money.waiting
    head = {"status": Cell(refund.at("transactions"), _status(money))}
    if side == SHOP and money.told:
        head["paid_back"] = Cell(refund.at("transactions"), plain(money.back))
    if moved and moved not in (net, net + tax):
        lines, back = (in_currency(one, money.currency) for one in (net + tax, moved))
        words = f"The lines give back {lines}, the money that went back is {back}."
        refund.wrong("transactions", words, "Compare the refund in Shopify, then send it again.")
    net, own_tax = _sums(refund, SHOP)
    if moved or not own_tax:
        inside = bool(own_tax) and moved != _sums(refund, side)[0] + tax
        head["total"] = Cell(refund.place, plain(net if inside else net + own_tax))
        head["taxes_included"] = Cell(refund.place, inside if own_tax else None)
    head["tax_total"] = Cell(refund.place, plain(own_tax))
    return head


def _sums(refund: Part, money: str) -> tuple[Decimal, Decimal]:
    """What all lines give back, and the tax of it."""
    goods, rest = refund.parts("refund_line_items"), refund.parts("order_adjustments")
    net = sum((one.amount("subtotal", money) for one in goods), ZERO)
    net -= sum((one.amount("amount", money) for one in rest), ZERO)
    tax = sum((one.amount("total_tax", money) for one in goods), ZERO)
    return net, tax - sum((one.amount("tax_amount", money) for one in rest), ZERO)


def _status(money: _Money) -> str:
    if not money.told:
        return "removed"
    if money.waiting:
        return "pending"
    return "refunded" if money.back else "failed"


def given_back(refund: Part, *, inside: bool) -> Decimal:
    """What a refund takes off its order, in the shop's money; `inside`: its amounts hold tax."""
    net, tax = _sums(refund, SHOP)
    return net if inside else net + tax


def refund_currency(refund: Part, order: Mapping[str, object]) -> str:
    """The shop's currency, as the refund's own amounts or its order name it."""
    places = [*refund.parts("refund_line_items"), *refund.parts("order_adjustments")]
    told = next((word for word in (part.money_word() for part in places) if word), "")
    return told or str(order.get("currency") or "")


def order_status(cancelled: bool, financial: str, fulfillment: str) -> str:
    """The one word; "" without a word of payment. What is not in the list is told with both words
    of Shopify's, so that no rule takes it for a word it knows: `paid, restocked`.
    """
    if cancelled:
        return "cancelled"
    if financial == "paid" and fulfillment in _PAID:
        return _PAID[fulfillment]
    if financial in STATUS_WORDS:
        return STATUS_WORDS[financial]
    return f"{financial}, {fulfillment or 'nothing sent'}" if financial else ""


def restock(word: str) -> str:
    """What became of the goods; an unknown word stays as it came, no word is `unknown`."""
    return RESTOCK_WORDS.get(word, word) or "unknown"
