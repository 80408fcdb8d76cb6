"""Define the record kinds of Shopify, and convert order lines and payouts."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import ClassVar, Final
from zoneinfo import ZoneInfo

from connectors.contract import IncomingRecord, RowError
from connectors.contract.schema import KindSchema
from connectors.kit.canonical_record import Cell
from connectors.kit.shops import payload_parts, payouts
from connectors.kit.shops.payload_parts import ZERO, LineKind, part_field, plain
from connectors.kit.shops.payouts import POS, UPDATED, field_schema, payout_kinds

NAME = "shopify"

_LINE_ID = field_schema(
    "line_id", "Shopify's id of the order line. It ties the three kinds together."
)

_ORDER_ID = field_schema(
    "order_id", "Shopify's id of the order, equal in order, delivery and refund."
)

_CURRENCY = field_schema("currency", "The shop's currency. All amounts are in it.")

ORDER = KindSchema(
    source=NAME,
    kind="order",
    fields=(
        field_schema("number", "The name of the order, such as #1042.", required=True, longest=50),
        field_schema(
            "status",
            "One word made of payment, fulfilment and cancellation.",
            required=True,
            longest=100,
        ),
        _ORDER_ID,
        field_schema("financial_status", "How far it is paid, in Shopify's word."),
        field_schema(
            "fulfillment_status", "How far it is sent, in Shopify's word. Blank: nothing yet."
        ),
        field_schema(
            "exchange_of",
            "Of goods that an exchange added: Shopify's id of the order. They are an order of "
            "their own, dated when the goods came back.",
        ),
        field_schema(
            "exchange", "Of goods that an exchange added: A for the order's first one, B, …."
        ),
        field_schema("ordered_on", "The shop's day of the order.", "date"),
        field_schema("cancelled_at", "Moment of the cancellation.", "moment"),
        UPDATED,
        field_schema("channel", "Where it was sold, such as web or pos."),
        _CURRENCY,
        field_schema("buyer_currency", "The currency that the buyer was shown and paid in."),
        field_schema("customer", "Shopify's id of the customer."),
        field_schema(
            "customer_name", "Company of the billing address, otherwise the person's name."
        ),
        field_schema("email", "E-mail address of the order."),
        field_schema("phone", "Telephone number of the order or of the billing address."),
        field_schema("tin", "What the buyer wrote into the order's note attribute TIN."),
        field_schema("address", "Billing address in one line, otherwise the shipping address."),
        field_schema("taxes_included", "Whether prices and amounts hold their tax.", "yesno"),
        field_schema(
            "prices_include_tax", "The same, under the name that all shops share.", "yesno"
        ),
        field_schema("subtotal", "Goods less discounts, as Shopify states it.", "money"),
        field_schema("discount_total", "All discounts, as Shopify states it.", "money"),
        field_schema(
            "tax_total", "All tax, as Shopify states it. The lines add up to it.", "money"
        ),
        field_schema("total", "What was sold, with tax. The lines add up to it.", "money"),
        field_schema("current_total", "What is left of it after edits and refunds.", "money"),
        field_schema(
            "round_off",
            "Cash rounding of the payment. It is not in the total: the buyer paid both.",
            "money",
        ),
        field_schema(
            "kept", "Of a cancelled order: money that was paid and did not go back.", "money"
        ),
    ),
    lines=(
        POS,
        _LINE_ID,
        part_field(
            "goods", "gift_card", "shipping", "tip", "duty", "fee", "rounding", "adjustment"
        ),
        field_schema("sku", "The shop's article number, exactly as it came."),
        field_schema("variant_id", "Shopify's id of the variant."),
        field_schema("product_id", "Shopify's id of the product."),
        field_schema("name", "Title with the variant, or the name of the shipping."),
        field_schema("qty", "Pieces sold: what is there now and what was refunded.", "quantity"),
        field_schema("price", "Price of a piece before discounts.", "money"),
        field_schema(
            "discount", "All discounts on the line, its share of the order's too.", "money"
        ),
        field_schema("amount", "Quantity times price less discount.", "money"),
        field_schema("tax", "The name of the tax, such as SST. Several are joined with +."),
        field_schema("tax_rate", "The rates of these taxes together: 0.1 is 10%.", "decimal"),
        field_schema(
            "tax_amount",
            "The tax of the line. A cent that rounding leaves to the order's tax is in the "
            "largest.",
            "money",
        ),
        field_schema("delivered_qty", "Pieces in fulfilments that succeeded.", "quantity"),
        field_schema("refunded_qty", "Pieces in refunds.", "quantity"),
        field_schema("returned_qty", "Of these, pieces that came back into the stock.", "quantity"),
    ),
    total_field="total",
    tax_field="tax_total",
)

DELIVERY = KindSchema(
    source=NAME,
    kind="delivery",
    fields=(
        field_schema(
            "number", "The name of the fulfilment, such as #1042.1.", required=True, longest=50
        ),
        field_schema("status", "Shopify's word. Only success is sent.", required=True, longest=100),
        _ORDER_ID,
        field_schema("delivered_on", "The shop's day of the fulfilment.", "date"),
        UPDATED,
        field_schema("carrier", "Who carries it."),
        field_schema("tracking_number", "The carrier's number."),
    ),
    lines=(
        POS,
        _LINE_ID,
        field_schema("sku", "The shop's article number, exactly as it came."),
        field_schema("name", "Title with the variant."),
        field_schema("qty", "Pieces sent.", "quantity"),
    ),
)

REFUND = KindSchema(
    source=NAME,
    kind="refund",
    fields=(
        field_schema("number", "R- and Shopify's id of the refund.", required=True, longest=50),
        field_schema(
            "status",
            "refunded: the money went back. pending, failed: not yet, not at all. "
            "returned: goods came back, and no money moved. "
            "removed: lines were taken off the order, and no money went back. "
            "edited: they were taken off before they were paid for.",
            required=True,
            longest=100,
        ),
        _ORDER_ID,
        field_schema("refunded_on", "The shop's day of the refund.", "date"),
        UPDATED,
        _CURRENCY,
        field_schema("reason", "The note on the refund."),
        field_schema(
            "restock",
            "returned, cancelled, none or unknown where all lines of goods agree, otherwise mixed. "
            "Without goods: none.",
        ),
        field_schema("taxes_included", "Whether the lines' amounts hold their tax.", "yesno"),
        field_schema(
            "prices_include_tax", "The same, under the name that all shops share.", "yesno"
        ),
        field_schema("tax_total", "All tax of the refund.", "money"),
        field_schema("total", "What was given back, with tax. The lines add up to it.", "money"),
        field_schema("paid_back", "Money that really went back, in the shop's currency.", "money"),
        field_schema("round_off", "Cash rounding of the money that went back.", "money"),
    ),
    lines=(
        POS,
        _LINE_ID,
        part_field(
            "goods", "gift_card", "shipping", "tip", "duty", "fee", "rounding", "adjustment"
        ),
        field_schema("sku", "The shop's article number, exactly as it came."),
        field_schema("variant_id", "Shopify's id of the variant."),
        field_schema("product_id", "Shopify's id of the product."),
        field_schema("name", "Title with the variant, or the reason of an adjustment."),
        field_schema("qty", "Pieces refunded; 1 for lines that are no goods.", "quantity"),
        field_schema(
            "amount", "What is given back for the line; with a minus what the shop keeps.", "money"
        ),
        field_schema("tax", "The name of the tax, such as SST. Several are joined with +."),
        field_schema("tax_rate", "The rates of these taxes together: 0.1 is 10%.", "decimal"),
        field_schema("tax_amount", "The tax of it.", "money"),
        field_schema(
            "restock",
            "returned: came back into the stock. cancelled: never left it. none: did not come "
            "back. unknown: Shopify does not say.",
        ),
    ),
    total_field="total",
    tax_field="tax_total",
)

PAYOUTS = payout_kinds(NAME)

KINDS = (ORDER, DELIVERY, REFUND, *PAYOUTS)

TRANSACTIONS: Final = "transactions"
"""Under this word the balance transactions of a payout are kept with it."""

CENT: Final = Decimal("0.01")

_OUT: Final = "payout"
"""The transaction that takes the payout itself out of the balance."""

_SUMS: Final = ("charges", "refunds", "adjustments", "reserved_funds", "retried_payouts")

_WORDS: Final[Mapping[str, payouts.EntryPart]] = {"charge": "sale", "refund": "refund"}

SHOP, BUYER = "shop_money", "presentment_money"


def payouts_of(
    place: str, content: Mapping[str, object], zone: ZoneInfo
) -> tuple[IncomingRecord | RowError, ...]:
    """Return the payout and what it pays of each order."""
    payout_part = Part(place, content)
    entries = [
        entry for part in payout_part.parts(TRANSACTIONS) for entry in _entries(part, payout_part)
    ]
    head = {
        **payout_part.cells("status", "currency"),
        "number": payout_part.cell("id"),
        "deposited_on": payout_part.cell("date"),
        "bank_ref": payout_part.cell("external_trace_id"),
        "net": Cell(payout_part.at("amount"), plain(payout_part.amount("amount"))),
        **_totals(payout_part.part("summary")),
    }
    if not isinstance(content.get(TRANSACTIONS), list):
        words = "The payout comes without what it is made of."
        hint = f"Put its balance transactions beside it, as {TRANSACTIONS}."
        payout_part.wrong(TRANSACTIONS, words, hint)
    if not payout_part.stated("amount"):
        payout_part.wrong(
            "amount", "The payout has no amount.", "Ask Shopify for the whole payout."
        )
    payout = payouts.Payout(place=place, key=payout_part.cell("id"), head=head, entries=entries)
    return payouts.records_of(payout, PAYOUTS, zone, payout_part.errors)


class Part(payload_parts.Part):
    """An object at its place. Shopify gives an amount plainly, in shop money, and once more in both
    currencies (`price_set`).
    """

    __slots__ = ()
    api: ClassVar[str] = "Shopify's API"

    def stated(self, name: str) -> bool:
        """Check whether the payload has an amount of that name in the shop's currency."""
        return self._money(name, SHOP) is not None

    def amount(self, name: str, money: str = SHOP) -> Decimal:
        """Return an amount in the shop's currency, or in the buyer's with `money=BUYER`; zero if it
        is missing.
        """
        return self.exact(name, self._money(name, money))

    def money_word(self, money: str = SHOP) -> str:
        """Return the currency of this part's amounts: the first currency code in a `…_set` field.

        Blank if there is none.
        """
        for name, amounts in self.value.items():
            if name.endswith("_set") and isinstance(amounts, Mapping):
                inner = amounts.get(money)
                code = inner.get("currency_code") if isinstance(inner, Mapping) else None
                if isinstance(code, str):
                    return code
        return ""

    def _money(self, name: str, money: str) -> object:
        money_set = self.value.get(f"{name}_set")
        inner = money_set.get(money) if isinstance(money_set, Mapping) else None
        stated_amount = inner.get("amount") if isinstance(inner, Mapping) else None
        return self.value.get(name) if stated_amount is None and money == SHOP else stated_amount


def _entries(transaction: Part, payout: Part) -> Iterator[payouts.Entry]:
    """Yield the payout entries of a balance transaction: its amount, and its fee as a second
    entry.
    """
    word = transaction.text("type")
    if word == _OUT:
        return
    if transaction.text("currency") not in ("", payout.text("currency")):
        words = "The transaction is in another currency than its payout."
        transaction.wrong("currency", words, "Post this payout by hand.")
    if not transaction.stated("amount"):
        transaction.wrong(
            "amount", "The transaction has no amount.", "Ask Shopify for the payout again."
        )
    order = transaction.text("source_order_id")
    order_id = "" if order == "0" else order
    yield payouts.Entry(
        place=transaction.place,
        line_id=transaction.text("id"),
        part=_WORDS.get(word, "adjustment"),
        amount=transaction.amount("amount"),
        order_id=order_id,
        name=word,
    )
    if fee := transaction.amount("fee"):
        yield payouts.Entry(
            place=transaction.at("fee"),
            line_id=transaction.text("id"),
            part="fee",
            amount=-fee,
            order_id=order_id,
            name=word,
        )


def _totals(summary: Part) -> dict[str, Cell]:
    """Return the payout's totals from Shopify's own summary; empty if it has none."""
    if not summary.value:
        return {}
    gross = {name: summary.amount(f"{name}_gross_amount") for name in _SUMS}
    fees = sum((summary.amount(f"{name}_fee_amount") for name in _SUMS), ZERO)
    adjustments = gross["adjustments"] + gross["reserved_funds"] + gross["retried_payouts"]
    totals = {
        "gross": gross["charges"],
        "refunds": -gross["refunds"],
        "fees": fees,
        "adjustments": adjustments,
    }
    return {name: Cell(summary.place, plain(amount)) for name, amount in totals.items()}


@dataclass(frozen=True, slots=True)
class Line:
    """One line as cells, and its amounts."""

    cells: Mapping[str, Cell]
    amount: Decimal
    tax: Decimal

    def with_tax(self, tax: Decimal) -> "Line":
        """Return the line with another tax, which keeps the place of the line's own tax."""
        cell = replace(self.cells["tax_amount"], value=plain(tax))
        return replace(self, cells={**self.cells, "tax_amount": cell}, tax=tax)


@dataclass(frozen=True, slots=True)
class Moved:
    """Numbers of pieces by order line: sent by fulfilments, refunded, returned, and removed by an
    edit before payment.
    """

    sent: Counter[str]
    refunded: Counter[str]
    returned: Counter[str]
    unpaid: Counter[str]


def moved(order: Part) -> Moved:
    """Return how many pieces of each order line were sent, refunded, returned or removed unpaid."""
    moved_pieces = Moved(Counter(), Counter(), Counter(), Counter())
    for fulfillment in order.parts("fulfillments"):
        if fulfillment.text("status") == "success":
            for line in fulfillment.parts("line_items"):
                moved_pieces.sent[line.text("id")] += line.whole("quantity")
    edits = unpaid_edits(order)
    for refund in order.parts("refunds"):
        is_edit = refund.text("id") in edits
        for line in refund.parts("refund_line_items"):
            name, pieces = line.text("line_item_id"), line.whole("quantity")
            (moved_pieces.unpaid if is_edit else moved_pieces.refunded)[name] += pieces
            came_back = not is_edit and line.text("restock_type") == "return"
            moved_pieces.returned[name] += pieces if came_back else 0
    items = order.parts("line_items")
    if all(moved_pieces.unpaid[item.text("id")] >= item.whole("quantity") for item in items):
        # an order that was never paid sold all of its goods, or none
        moved_pieces.unpaid.clear()
    return moved_pieces


def unpaid_edits(order: Part) -> dict[str, tuple[Decimal, Decimal]]:
    """Return the refunds that only record pieces which an edit removed before payment.

    Maps the refund's id to (worth of the pieces, tax in it). Shopify lists such pieces as a refund
    without a transaction, like a refund still owed to the buyer. The unpaid amount separates the
    two cases: the first total, plus added goods, less all money that came in. A later return or
    refund does not change it. The earliest refunds that fit into it are such edits, since Shopify's
    ids grow. A negative `total_outstanding` is money in the buyer's favour
    (https://shopify.dev/docs/api/admin-graphql/latest/objects/Order).
    """
    if not (order.stated("total_outstanding") and order.stated("current_total_price")):
        return {}
    order_part, inside = order.alone(), order.flag("taxes_included")
    refunds = sorted(
        order_part.parts("refunds"), key=lambda refund: (len(refund.text("id")), refund.text("id"))
    )
    removed = (
        _shipping(line) for line in order_part.parts("shipping_lines") if line.flag("is_removed")
    )
    unpaid = (
        order_part.amount("total_price")
        + _added(order_part, inside)
        - _paid_in(order_part, refunds, inside)
    )
    unpaid -= sum((line.amount + (ZERO if inside else line.tax) for line in removed), ZERO)
    edits = {}
    for refund in refunds:
        ends = {line.text("restock_type") for line in refund.parts("refund_line_items")}
        if refund.value.get("transactions") or not ends or "return" in ends:
            continue
        worth, tax = _goods_worth(refund, inside)
        if order_part.errors or worth > unpaid + CENT * len(refund.parts("refund_line_items")):
            break
        edits[refund.text("id")] = worth, tax
        unpaid -= worth
    return edits


def _added(order: Part, inside: bool) -> Decimal:
    """Return the worth of goods that an edit added, if `total_price` holds the first order's total.
    Else zero.

    Added goods are the last items, and all lines before them add up to `total_price`. Another
    difference between lines and total, such as a discount, is not an added item.
    """
    items = order.parts("line_items")
    ordered = Counter({item.text("id"): item.whole("quantity") for item in items})
    all_pieces = Moved(Counter(), ordered, Counter(), Counter())
    lines = lines_of(order, all_pieces)
    worths = [line.amount + (ZERO if inside else line.tax) for line in lines]
    goods = worths[: len(items)]
    apart = sum(worths, ZERO) - order.amount("total_price")
    ends = (sum(goods[at:], ZERO) for at in range(1, len(goods)))
    return apart if apart > 0 and apart in ends else ZERO


def _paid_in(order: Part, refunds: Sequence[Part], inside: bool) -> Decimal:
    """Return all money that came in for an order, also what went back since."""
    paid = order.amount("current_total_price") - order.amount("total_outstanding")
    for refund in refunds:
        for transaction in refund.parts("transactions"):
            if (transaction.text("kind"), transaction.text("status")) != ("refund", "success"):
                continue
            if transaction.text("currency") not in ("", order.text("currency")):
                paid += _goods_worth(refund, inside)[0]
                break
            paid += transaction.amount("amount")
    return paid


def _goods_worth(refund: Part, inside: bool) -> tuple[Decimal, Decimal]:
    """Return the worth of a refund's goods with tax, and the tax in it."""
    goods = refund.parts("refund_line_items")
    net = sum((line.amount("subtotal") for line in goods), ZERO)
    tax = sum((line.amount("total_tax") for line in goods), ZERO)
    return net if inside else net + tax, tax


def sold(item: Part, moved_pieces: Moved, *, cancelled: bool = False) -> int:
    """Return the number of pieces sold: the current pieces plus the refunded pieces.

    `quantity` keeps the first ordered number, also after an edit removed pieces. A cancelled order
    has no current pieces. For it, return the ordered pieces less the pieces removed before payment.
    """
    ordered = item.whole("quantity")
    if cancelled:
        return max(ordered - moved_pieces.unpaid[item.text("id")], 0)
    if item.value.get("current_quantity") is None:
        return ordered
    now = item.whole("current_quantity")
    return min(ordered, now + moved_pieces.refunded[item.text("id")])


SENT_FREE: Final = "shipping"

_OF_ALL: Final = ((), ("discount", "tax"), ("tax",), ("discount",))

EDITS: Final = (*_OF_ALL, *((*names, SENT_FREE) for names in _OF_ALL))
"""What of a line's discount and tax may still be that of all pieces that were ordered at first,
after an edit took some off, and whether removed shipping counts: Shopify does not say which.
"""


def lines_of(order: Part, moved_pieces: Moved, of_all: Sequence[str] = ()) -> list[Line]:
    """Return all lines of an order: its goods in Shopify's order, then the additional charges.

    `of_all` names the amounts that are stated for all pieces first ordered. They are reduced in
    proportion to the pieces left. If it contains `SENT_FREE`, shipping that an edit removed becomes
    a line. An item without any piece left becomes a line only if all items are without.
    """
    items = order.parts("line_items")
    cancelled = bool(order.value.get("cancelled_at"))
    pieces = [sold(item, moved_pieces, cancelled=cancelled) for item in items]
    pairs = list(zip(items, pieces, strict=True))
    sold_pairs = [pair for pair in pairs if pair[1]] or pairs
    lines = [_goods(item, count, moved_pieces, of_all) for item, count in sold_pairs]
    lines += [
        _shipping(shipping_line)
        for shipping_line in order.parts("shipping_lines")
        if SENT_FREE in of_all or not shipping_line.flag("is_removed")
    ]
    if not any("tip" in item.value and item.value["tip"] for item in items):
        lines += _on_top(order, "tip", "Tip", "total_tip_received")
    lines += _duties(order, items)
    lines += _on_top(order, "fee", "Additional fees", "original_total_additional_fees")
    return lines


def _goods(item: Part, pieces: int, moved_pieces: Moved, of_all: Sequence[str]) -> Line:
    name, ordered = item.text("id"), item.whole("quantity")
    discount = _discount(item)
    cells = {
        "line_id": item.cell("id"),
        "part": Cell(item.at("gift_card"), part_of(item)),
        "sku": item.cell("sku"),
        "variant_id": item.cell("variant_id"),
        "product_id": item.cell("product_id"),
        "name": item.cell("name" if item.text("name") else "title"),
        "delivered_qty": Cell(item.place, moved_pieces.sent[name]),
        "refunded_qty": Cell(item.place, moved_pieces.refunded[name]),
        "returned_qty": Cell(item.place, moved_pieces.returned[name]),
    }
    if "discount" in of_all:
        discount = _share(discount, pieces, ordered)
    line = _priced(item, pieces, item.amount("price"), discount, cells)
    if "tax" not in of_all:
        return line
    return line.with_tax(_share(line.tax, pieces, ordered))


def _share(amount: Decimal, pieces: int, ordered: int) -> Decimal:
    """Return the share of these pieces in an amount for all, with the amount's own places."""
    if pieces >= ordered:
        return amount
    exponent = amount.as_tuple().exponent
    places = -exponent if isinstance(exponent, int) and exponent < 0 else 0
    return round_half_up(amount * pieces / ordered, places)


def round_half_up(amount: Decimal, places: int) -> Decimal:
    """Return the amount rounded half up to `places` decimals."""
    return amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def part_of(item: Part) -> LineKind:
    """Return the line kind of an order's item: goods, gift card or tip."""
    if item.flag("gift_card"):
        return "gift_card"
    return "tip" if item.value.get("tip") else "goods"


def difference(place: str, part: LineKind, name: str, amount: Decimal) -> Line:
    """Return a line of an amount that no part of the payload states as a line.

    Its cells have a place of their own, so that a fault at `place` names the amount stated there.
    """
    cells = {
        "part": part,
        "name": name,
        "qty": 1,
        "price": plain(amount),
        "discount": "0",
        "amount": plain(amount),
        "tax_amount": "0",
    }
    place = f"{place}.difference"
    return Line({field: Cell(place, value) for field, value in cells.items()}, amount, ZERO)


def _priced(
    part: Part, pieces: int, price: Decimal, discount: Decimal, cells: Mapping[str, Cell]
) -> Line:
    words, tax = tax_words(part)
    amount = price * pieces - discount
    money = {
        "qty": Cell(part.at("quantity"), pieces),
        "price": Cell(part.at("price"), plain(price)),
        "discount": Cell(part.at("discount_allocations"), plain(discount)),
        "amount": Cell(part.place, None if part.has_unread() else plain(amount)),
        "tax_amount": Cell(part.at("tax_lines"), plain(tax)),
    }
    return Line({**cells, **money, **words}, amount, tax)


def _discount(part: Part) -> Decimal:
    """Return all discounts on a line, including its share of the order's discounts."""
    allocations = part.parts("discount_allocations")
    if allocations:
        return sum((allocation.amount("amount") for allocation in allocations), ZERO)
    return part.amount("total_discount")


def _shipping_discount(shipping_line: Part) -> Decimal:
    """Return the discount on shipping, which an older version of the API states as the price after
    it (https://shopify.dev/docs/api/admin-rest/latest/resources/order).
    """
    if shipping_line.parts("discount_allocations") or not shipping_line.stated("discounted_price"):
        return _discount(shipping_line)
    return shipping_line.amount("price") - shipping_line.amount("discounted_price")


def _shipping(shipping_line: Part) -> Line:
    cells = {
        "line_id": shipping_line.cell("id"),
        "part": Cell(shipping_line.place, "shipping"),
        "sku": shipping_line.cell("code"),
        "name": shipping_line.cell("title"),
    }
    return _priced(
        shipping_line, 1, shipping_line.amount("price"), _shipping_discount(shipping_line), cells
    )


def _on_top(order: Part, part: str, title: str, name: str) -> list[Line]:
    amount = order.amount(name)
    if not amount:
        return []
    place = order.at(name)
    cells = {"part": Cell(place, part), "name": Cell(place, title)}
    return [_priced(Part(place, {}, order.errors), 1, amount, ZERO, cells)]


def _duties(order: Part, items: Sequence[Part]) -> list[Line]:
    """Return a single line with all duties of an order.

    Its tax is summed from the duties of each item.
    """
    duty_lines = _on_top(order, "duty", "Duties", "original_total_duties")
    taxes = [tax_words(duty) for item in items for duty in item.parts("duties")]
    tax = sum((amount for _, amount in taxes), ZERO)
    words = next((cells for cells, amount in taxes if amount), {})
    return [
        Line({**line.cells, **words, "tax_amount": Cell(order.place, plain(tax))}, line.amount, tax)
        for line in duty_lines
    ]


def numbered(lines: Sequence[Line]) -> list[Mapping[str, Cell]]:
    """Return the cells of the lines, each with its position from 1."""
    return [{"pos": Cell("", at), **line.cells} for at, line in enumerate(lines, 1)]


def tax_words(part: Part) -> tuple[dict[str, Cell], Decimal]:
    """Name and rate of the tax of a line as cells, and how much it is; no tax has no name."""
    tax_lines = part.parts("tax_lines")
    if not tax_lines:
        return {}, ZERO
    names = sorted({tax_line.text("title") for tax_line in tax_lines} - {""})
    rate = sum((tax_line.amount("rate") for tax_line in tax_lines), ZERO)
    place = part.at("tax_lines")
    cells = {"tax": Cell(place, " + ".join(names)), "tax_rate": Cell(place, plain(rate))}
    return cells, sum((tax_line.amount("price") for tax_line in tax_lines), ZERO)
