"""Convert a Lazada order and its pieces into records."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Final
from zoneinfo import ZoneInfo

from connectors.contract.schema import KindSchema
from connectors.kit.canonical_record import Cell
from connectors.kit.delivery import Read, record_of
from connectors.kit.shops import payload_parts
from connectors.kit.shops.payload_parts import ZERO, Line, one_of, plain, summed
from connectors.kit.shops.payouts import POS, UPDATED, field_schema, payout_kinds

Given = Mapping[str, object]

_WRITTEN: Final = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d ?(Z|[+-]\d\d:?\d\d)", re.ASCII)

_SAME_TEXTS: Final = ("sku", "shop_sku", "name", "variation")

_SAME_AMOUNTS: Final = (
    "item_price",
    "paid_price",
    "voucher_seller",
    "voucher_platform",
    "tax_amount",
)

NAME = "lazada"

RETURNED, LOST = "returned", "lost"

PIECE_WORDS: Mapping[str, str] = {
    "unpaid": "unpaid",
    **dict.fromkeys(("pending", "topack", "packed", "toship", "ready_to_ship"), "paid"),
    "shipped": "shipped",
    "delivered": "delivered",
    "confirmed": "delivered",
    "canceled": "cancelled",
    "cancelled": "cancelled",
    **dict.fromkeys(
        ("failed", "failed_delivery", "shipped_back", "shipped_back_failed"), "exception"
    ),
    "returned": RETURNED,
    "shipped_back_success": RETURNED,
    **dict.fromkeys(("lost_by_3pl", "damaged_by_3pl", "package_scrapped"), LOST),
}
"""The status of a piece; Lazada tells it for each piece. `exception`: on its way back."""

ORDER_WORDS: Mapping[str, str] = {
    "all pieces cancelled": "cancelled",
    "a word that is not known": "all words as they came",
    "a piece on its way back": "exception",
    "a piece unpaid": "unpaid",
    "all pieces returned or lost": "refunded",
    "a piece returned or lost": "refunded_partly",
    "all pieces delivered": "delivered",
    "a piece delivered": "partially_delivered",
    "all pieces shipped": "shipped",
    "anything else": "paid",
}
"""The status of an order, by the first of these that is so; cancelled pieces count no further."""

RESTOCK_WORDS: Final[Mapping[str, str]] = {RETURNED: "returned", LOST: "none"}

_ORDER_ID = field_schema("order_id", "Lazada's id of the order, equal in order and refund.")

_CURRENCY = field_schema("currency", "The currency of the order. All amounts are in it.")

_SKU = field_schema("sku", "The seller's article number, exactly as it came.")

_VARIANT = field_schema("variant_id", "Lazada's own number of the variation (shop_sku).")

_NAME = field_schema("name", "Name of the product with its variation.")

ORDER = KindSchema(
    source=NAME,
    kind="order",
    fields=(
        field_schema("number", "Lazada's number of the order.", required=True, longest=50),
        field_schema(
            "status", "One word made of the status of each piece.", required=True, longest=100
        ),
        field_schema("shop_status", "The words of the pieces as they came, each once."),
        _ORDER_ID,
        field_schema("ordered_on", "The shop's day of the order.", "date"),
        UPDATED,
        field_schema("channel", "The way of paying, in Lazada's word."),
        _CURRENCY,
        field_schema("customer_name", "The buyer's name, which Lazada may mask."),
        field_schema(
            "goods_total", "The goods at their prices less what the seller bears.", "money"
        ),
        field_schema("shipping_total", "What the shipping cost the buyer.", "money"),
        field_schema("seller_voucher", "Vouchers that the seller bears (voucher_seller).", "money"),
        field_schema(
            "platform_voucher",
            "Vouchers that Lazada bears (voucher_platform). Lazada pays this part of the total.",
            "money",
        ),
        field_schema(
            "unexplained_discount",
            "What the buyer paid less than the price and no voucher explains. It is taken off the "
            "total.",
            "money",
        ),
        field_schema("buyer_paid", "What the buyer paid, with shipping.", "money"),
        field_schema(
            "total",
            "What was sold, with shipping: what the buyer paid and the vouchers that Lazada bears. "
            "The lines add up to it.",
            "money",
        ),
    ),
    lines=(
        POS,
        field_schema("part", "What the line stands for: goods or shipping."),
        _SKU,
        _VARIANT,
        _NAME,
        field_schema("qty", "Pieces sold: all that were not cancelled.", "quantity"),
        field_schema("price", "Price of a piece before vouchers.", "money"),
        field_schema("discount", "What the seller bears of the line's price.", "money"),
        field_schema("amount", "Quantity times price less discount.", "money"),
        field_schema("tax_amount", "The tax of the line, where Lazada tells it.", "money"),
        field_schema("delivered_qty", "Pieces that were delivered.", "quantity"),
        field_schema(
            "cancelled_qty",
            "Pieces that were cancelled; they count nowhere else. Once all pieces of a line are "
            "cancelled, the line is left out.",
            "quantity",
        ),
        field_schema("returned_qty", "Pieces that came back.", "quantity"),
    ),
    total_field="total",
)

REFUND = KindSchema(
    source=NAME,
    kind="refund",
    fields=(
        field_schema("number", "R- and Lazada's id of the piece.", required=True, longest=50),
        field_schema("status", "Always refunded.", required=True, longest=100),
        field_schema("shop_status", "The word of the piece as it came."),
        _ORDER_ID,
        field_schema(
            "refunded_on",
            "The shop's day of the piece's latest change: it moves with each. Keep it in a group "
            "of changes that is ignored where documents are dated by it.",
            "date",
        ),
        UPDATED,
        _CURRENCY,
        field_schema("reason", "The reason, in Lazada's words."),
        field_schema("restock", "returned: the piece came back. none: it is lost or damaged."),
        field_schema(
            "total",
            "What the piece was sold for: what the buyer gets back and the voucher that Lazada "
            "bore. The line adds up to it.",
            "money",
        ),
    ),
    lines=(
        POS,
        _SKU,
        _VARIANT,
        _NAME,
        field_schema("qty", "Always 1: each piece is a refund of its own.", "quantity"),
        field_schema("amount", "What it was sold for.", "money"),
    ),
    total_field="total",
)

PAYOUTS = payout_kinds(
    NAME,
    field_schema("first_day", "First day of the statement.", "date"),
    field_schema("last_day", "Last day of the statement.", "date"),
)

KINDS = (ORDER, REFUND, *PAYOUTS)


class Part(payload_parts.Part):
    """An object of Lazada's answers."""

    __slots__ = ()
    api: ClassVar[str] = "Lazada's Open Platform"

    def when(self, name: str) -> datetime | None:
        """A moment as Lazada writes it: 2026-11-19 14:03:11 +0800; None where none is told."""
        found = self.value.get(name)
        if found in (None, ""):
            return None
        text = found.strip() if isinstance(found, str) else ""
        try:
            if _WRITTEN.fullmatch(text):
                return datetime.fromisoformat(text[:19] + text[19:].strip())
        except ValueError:
            pass
        hint = "Send it as 2026-11-19 14:03:11 +0800."
        self.wrong(name, "This is not a date and time with a time zone.", hint)
        return None

    @property
    def word(self) -> str:
        """The status of a piece in one of our words; one that is not known stays as it came."""
        told = self.text("status")
        return PIECE_WORDS.get(told, told)

    @property
    def price(self) -> Decimal:
        """The price of a piece before vouchers."""
        return self.amount("item_price" if self.stated("item_price") else "paid_price")

    @property
    def revenue(self) -> Decimal:
        """The seller's revenue from a piece: what the buyer and Lazada paid."""
        return self.amount("paid_price") + self.amount("voucher_platform")


def records_of(place: str, given: Given, zone: ZoneInfo) -> list[Read]:
    """The order with its pieces (`order_items`), then a refund for each piece that was returned or
    lost; of one that is wrong all that is wrong with it.
    """
    order = Part(place, given)
    pieces = order.parts("order_items")
    _prove(order, pieces)
    read = [_order(order, pieces, zone)]
    if order.errors:
        return read
    return [*read, *(_refund(order, one, zone) for one in pieces if one.word in RESTOCK_WORDS)]


def _prove(order: Part, pieces: Sequence[Part]) -> None:
    """Add an error where pieces are missing, or there is none."""
    if not pieces:
        order.wrong("order_items", "The order has no pieces.", "Ask Lazada for its items.")
        return
    count = order.whole("items_count")
    if count and count != len(pieces):
        words = f"The order has {count} pieces, and {len(pieces)} came."
        order.wrong("items_count", words, "Ask Lazada for all its items.")
    for piece in pieces:
        for name in ("order_item_id", "paid_price", "status"):
            if not piece.stated(name):
                piece.wrong(name, f"The piece has no {name}.", "Ask Lazada for its items again.")


def _order(order: Part, pieces: Sequence[Part], zone: ZoneInfo) -> Read:
    told = [piece.text("status") for piece in pieces]
    known = all(word in PIECE_WORDS for word in told)
    status = status_of([piece.word for piece in pieces] if known else told, known)
    sold = [one for one in pieces if one.word != "cancelled"] or pieces
    goods = [_goods(same, sold) for same in _joined(pieces) if any(one in sold for one in same)]
    shipping = sum((one.amount("shipping_amount") for one in sold), ZERO)
    place = order.at("order_items")
    lines = [*goods, *([one_of("shipping", "Shipping", place, shipping)] if shipping else [])]
    created, changed = order.when("created_at"), _newest(order, pieces)
    names = [order.text(f"customer_{word}_name") for word in ("first", "last")]
    head = {
        "number": order.cell("order_number" if order.text("order_number") else "order_id"),
        "status": Cell(f"{place}[0].status", status),
        "shop_status": Cell(f"{place}[0].status", ", ".join(sorted(set(told)))),
        "order_id": order.cell("order_id"),
        "ordered_on": Cell(order.at("created_at"), _day(created, zone)),
        "updated_at": Cell(order.at("updated_at"), changed),
        "channel": order.cell("payment_method"),
        "currency": Cell(f"{place}[0].currency", _currency(order, pieces)),
        "customer_name": Cell(order.at("customer_first_name"), " ".join(filter(None, names))),
        "goods_total": Cell(place, plain(summed(goods))),
        "shipping_total": Cell(place, plain(shipping)),
        **_borne(place, sold, shipping),
        "total": Cell(place, plain(summed(lines))) if pieces else order.cell("price"),
    }
    return record_of(ORDER, order, order.cell("order_id"), head, lines, zone)


def _borne(place: str, sold: Sequence[Part], shipping: Decimal) -> dict[str, Cell]:
    """Return who bears which part of the prices, and what the buyer paid."""
    price = sum((one.price for one in sold), ZERO)
    paid, seller, platform = (
        sum((one.amount(name) for one in sold), ZERO)
        for name in ("paid_price", "voucher_seller", "voucher_platform")
    )
    amounts = {
        "seller_voucher": seller,
        "platform_voucher": platform,
        "unexplained_discount": price - seller - platform - paid,
        "buyer_paid": paid + shipping,
    }
    return {name: Cell(place, plain(amount)) for name, amount in amounts.items()}


def _goods(same: Sequence[Part], sold: Sequence[Part]) -> Line:
    """One line. Of an order that is cancelled whole, all pieces stay in it."""
    first, mine = same[0], [one for one in same if one in sold]
    price, revenue = first.price, first.revenue
    words, count = [one.word for one in same], len(mine)
    cells = {
        **_article(first),
        "part": Cell(first.place, "goods"),
        "qty": Cell(first.place, count),
        "price": Cell(first.at("item_price"), plain(price)),
        "discount": Cell(first.at("voucher_seller"), plain((price - revenue) * count)),
        "amount": Cell(first.at("paid_price"), plain(revenue * count)),
        "delivered_qty": Cell(first.place, words.count("delivered")),
        "cancelled_qty": Cell(first.place, words.count("cancelled")),
        "returned_qty": Cell(first.place, words.count(RETURNED)),
    }
    if first.stated("tax_amount"):
        cells["tax_amount"] = Cell(
            first.at("tax_amount"), plain(first.amount("tax_amount") * count)
        )
    return Line(cells, revenue * count)


def _article(piece: Part) -> dict[str, Cell]:
    name = " - ".join(text for text in (piece.text("name"), piece.text("variation")) if text)
    return {
        "sku": piece.cell("sku"),
        "variant_id": piece.cell("shop_sku"),
        "name": Cell(piece.at("name"), name),
    }


def _joined(pieces: Sequence[Part]) -> list[list[Part]]:
    """The pieces of each line, in the order in which they came."""
    found: dict[tuple[str, ...], list[Part]] = {}
    for piece in pieces:
        found.setdefault(tuple(_same(piece)), []).append(piece)
    return list(found.values())


def _same(piece: Part) -> list[str]:
    money = [plain(piece.amount(name).normalize()) for name in _SAME_AMOUNTS]
    return [*(piece.text(name) for name in _SAME_TEXTS), *money]


def _newest(order: Part, pieces: Sequence[Part]) -> str | None:
    """The latest moment that the order or a piece of it knows of."""
    told = [one.when("updated_at") for one in (order, *pieces)]
    found = [one for one in told if one is not None]
    if not found:
        order.wrong("updated_at", "The moment of the change is missing.", "Ask Lazada again.")
        return None
    return max(found).isoformat()


def _day(when: datetime | None, zone: ZoneInfo) -> str | None:
    return when.astimezone(zone).date().isoformat() if when else None


def _currency(order: Part, pieces: Sequence[Part]) -> str:
    """The currency of all pieces; two are wrong."""
    found = sorted({one.text("currency") for one in pieces} - {""})
    if len(found) > 1:
        words = f"The pieces have the currencies {' and '.join(found)}."
        order.wrong("order_items", words, "Ask Lazada for its items again.")
    return found[0] if found else order.text("currency")


def _refund(order: Part, piece: Part, zone: ZoneInfo) -> Read:
    key, revenue = piece.text("order_item_id"), plain(piece.revenue)
    when = piece.when("updated_at") or piece.when("created_at")
    head = {
        "number": Cell(piece.at("order_item_id"), f"R-{key}" if key else None),
        "status": Cell(piece.at("status"), "refunded"),
        "shop_status": piece.cell("status"),
        "order_id": order.cell("order_id"),
        "refunded_on": Cell(piece.at("updated_at"), _day(when, zone)),
        "updated_at": Cell(piece.at("updated_at"), when.isoformat() if when else None),
        "currency": piece.cell("currency"),
        "reason": piece.cell("reason"),
        "restock": Cell(piece.at("status"), RESTOCK_WORDS[piece.word]),
        "total": Cell(piece.at("paid_price"), revenue),
    }
    line = {
        **_article(piece),
        "qty": Cell(piece.place, 1),
        "amount": Cell(piece.at("paid_price"), revenue),
    }
    lines = [Line(line, piece.revenue)]
    return record_of(REFUND, order, piece.cell("order_item_id"), head, lines, zone)


def status_of(words: Sequence[str], known: bool) -> str:
    """The one word of an order whose pieces have these; as they came where one is not known."""
    left = [word for word in words if word != "cancelled"]
    if not known:
        return ", ".join(sorted(set(words)))
    if not left:
        return "cancelled"
    for one in ("exception", "unpaid"):
        if one in left:
            return one
    for some, all_, part in (
        ({RETURNED, LOST}, "refunded", "refunded_partly"),
        ({"delivered"}, "delivered", "partially_delivered"),
    ):
        if some & set(left):
            return all_ if set(left) <= some else part
    return "shipped" if set(left) == {"shipped"} else "paid"
