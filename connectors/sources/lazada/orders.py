"""Convert a Lazada order and its pieces into records."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Final
from zoneinfo import ZoneInfo

from connectors.contract import IncomingRecord
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

_SHARES: Final = ("seller_voucher", "platform_voucher", "unexplained_discount", "buyer_paid")

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
        field_schema(
            "number",
            "R- and Lazada's id of the piece, or of the statement's transaction that gives "
            "shipping back.",
            required=True,
            longest=50,
        ),
        field_schema("status", "Always refunded.", required=True, longest=100),
        field_schema(
            "shop_status", "The word of the piece as it came, or the name of the transaction."
        ),
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
        field_schema(
            "restock",
            "returned: the piece came back. none: it is lost or damaged, or shipping went back.",
        ),
        field_schema(
            "total",
            "What the piece was sold for: what the buyer gets back and the voucher that Lazada "
            "bore. The line adds up to it.",
            "money",
        ),
    ),
    lines=(
        POS,
        field_schema("part", "Blank: goods. shipping: shipping that the buyer got back."),
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
        """Return a moment written as 2026-11-19 14:03:11 +0800, or None if there is none."""
        raw_moment = self.value.get(name)
        if raw_moment in (None, ""):
            return None
        text = raw_moment.strip() if isinstance(raw_moment, str) else ""
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
        """The status of a piece in our own words; an unknown status is unchanged."""
        status = self.text("status")
        return PIECE_WORDS.get(status, status)

    @property
    def price(self) -> Decimal:
        """The price of a piece before vouchers."""
        return self.amount("item_price" if self.stated("item_price") else "paid_price")

    @property
    def revenue(self) -> Decimal:
        """The seller's revenue from a piece: what the buyer and Lazada paid."""
        return self.amount("paid_price") + self.amount("voucher_platform")


def records_of(place: str, payload: Given, zone: ZoneInfo) -> list[Read]:
    """Return the order, then a refund for each returned or lost piece.

    The pieces are in `order_items`.
    """
    order = Part(place, payload)
    pieces = order.parts("order_items")
    _check_pieces(order, pieces)
    read = [_order(order, pieces, zone)]
    back = [piece.alone() for piece in pieces if piece.word in RESTOCK_WORDS]
    return [*read, *(refund for piece in back if (refund := _refund(order, piece, zone)))]


def _check_pieces(order: Part, pieces: Sequence[Part]) -> None:
    """Add an error if pieces are missing, or there are none."""
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
    statuses = [piece.text("status") for piece in pieces]
    all_known = all(word in PIECE_WORDS for word in statuses)
    status = status_of([piece.word for piece in pieces] if all_known else statuses, all_known)
    sold = [piece for piece in pieces if piece.word != "cancelled"] or pieces
    goods = [
        _goods(group, sold)
        for group in _group_pieces(pieces)
        if any(piece in sold for piece in group)
    ]
    shipping = sum((piece.amount("shipping_amount") for piece in sold), ZERO)
    place = order.at("order_items")
    lines = [*goods, *([one_of("shipping", "Shipping", place, shipping)] if shipping else [])]
    created, changed = order.when("created_at"), _newest(order, pieces)
    names = [order.text(f"customer_{word}_name") for word in ("first", "last")]
    head = {
        "number": order.cell("order_number" if order.text("order_number") else "order_id"),
        "status": Cell(f"{place}[0].status", status),
        "shop_status": Cell(f"{place}[0].status", ", ".join(sorted(set(statuses)))),
        "order_id": order.cell("order_id"),
        "ordered_on": Cell(order.at("created_at"), _day(created, zone)),
        "updated_at": Cell(order.at("updated_at"), changed),
        "channel": order.cell("payment_method"),
        "currency": Cell(f"{place}[0].currency", _currency(order, pieces)),
        "customer_name": Cell(order.at("customer_first_name"), " ".join(filter(None, names))),
        "goods_total": Cell(place, plain(summed(goods))),
        "shipping_total": Cell(place, plain(shipping)),
        **_price_shares(place, sold, shipping),
        "total": Cell(place, plain(summed(lines))) if pieces else order.cell("price"),
    }
    if any(piece.has_unread() for piece in sold):  # what follows from it is not known, either
        derived = ("goods_total", "shipping_total", "total", *_SHARES)
        head |= {name: replace(head[name], value=None) for name in derived}
    return record_of(ORDER, order, order.cell("order_id"), head, lines, zone)


def _price_shares(place: str, sold: Sequence[Part], shipping: Decimal) -> dict[str, Cell]:
    """Return who bears which part of the prices, and what the buyer paid."""
    price = sum((piece.price for piece in sold), ZERO)
    paid, seller, platform = (
        sum((piece.amount(name) for piece in sold), ZERO)
        for name in ("paid_price", "voucher_seller", "voucher_platform")
    )
    amounts = (seller, platform, price - seller - platform - paid, paid + shipping)
    shares = zip(_SHARES, amounts, strict=True)
    return {name: Cell(place, plain(amount)) for name, amount in shares}


def _goods(pieces: Sequence[Part], sold: Sequence[Part]) -> Line:
    """Return one line. If the whole order is cancelled, all its pieces stay in the line."""
    first, sold_pieces = pieces[0], [piece for piece in pieces if piece in sold]
    price, revenue = first.price, first.revenue
    words, count = [piece.word for piece in pieces], len(sold_pieces)
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
    if first.has_unread():
        cells |= {name: replace(cells[name], value=None) for name in ("discount", "amount")}
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


def _group_pieces(pieces: Sequence[Part]) -> list[list[Part]]:
    """Return the pieces of each line, in the order in which they came."""
    groups: dict[tuple[str, ...], list[Part]] = {}
    for piece in pieces:
        groups.setdefault(tuple(_line_key(piece)), []).append(piece)
    return list(groups.values())


def _line_key(piece: Part) -> list[str]:
    money = [plain(piece.amount(name).normalize()) for name in _SAME_AMOUNTS]
    return [*(piece.text(name) for name in _SAME_TEXTS), *money]


def _newest(order: Part, pieces: Sequence[Part]) -> str | None:
    """Return the latest change of the order or any piece."""
    moments = [part.when("updated_at") for part in (order, *pieces)]
    known_moments = [moment for moment in moments if moment is not None]
    if not known_moments:
        order.wrong("updated_at", "The moment of the change is missing.", "Ask Lazada again.")
        return None
    return max(known_moments).isoformat()


def _day(when: datetime | None, zone: ZoneInfo) -> str | None:
    return when.astimezone(zone).date().isoformat() if when else None


def _currency(order: Part, pieces: Sequence[Part]) -> str:
    """Return the currency of all pieces; different currencies are an error."""
    currencies = sorted({piece.text("currency") for piece in pieces} - {""})
    if len(currencies) > 1:
        words = f"The pieces have the currencies {' and '.join(currencies)}."
        order.wrong("order_items", words, "Ask Lazada for its items again.")
    return currencies[0] if currencies else order.text("currency")


def _refund(order: Part, piece: Part, zone: ZoneInfo) -> IncomingRecord | None:
    """Return what a piece gives back, held for its own faults alone; None without an id.

    The order then has the fault of the missing id.
    """
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
    read = record_of(REFUND, piece, piece.cell("order_item_id"), head, lines, zone)
    return read if isinstance(read, IncomingRecord) else None


def status_of(words: Sequence[str], is_known: bool) -> str:
    """Return the status of an order whose pieces have these words; unchanged if any is unknown."""
    active = [word for word in words if word != "cancelled"]
    if not is_known:
        return ", ".join(sorted(set(words)))
    if not active:
        return "cancelled"
    for exception_word in ("exception", "unpaid"):
        if exception_word in active:
            return exception_word
    for some, all_, part in (
        ({RETURNED, LOST}, "refunded", "refunded_partly"),
        ({"delivered"}, "delivered", "partially_delivered"),
    ):
        if some & set(active):
            return all_ if set(active) <= some else part
    return "shipped" if set(active) == {"shipped"} else "paid"
