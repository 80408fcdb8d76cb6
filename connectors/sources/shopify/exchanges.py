"""Split an order into what was bought and what each exchange added to it after the payment.

Shopify adds the new goods of an exchange to the order itself
(https://shopify.dev/docs/apps/build/orders-fulfillment/returns-apps/read-exchanges). Their sale has
an invoice of its own, so the goods of each exchange become an order of their own here.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import combinations, pairwise
from string import ascii_uppercase
from typing import Any, Final

from connectors.kit.shops.payload_parts import ZERO, plain
from connectors.sources.shopify.kinds import CENT, Line, Part, lines_of, moved

Payload = Mapping[str, object]

Group = frozenset[str]
"""The ids of the items that one exchange added."""

MARKS: Final = tuple(f"-{letter}" for letter in ascii_uppercase)
"""What follows the id and the name of an order, for the goods that its first, second, … exchange
added to it.
"""

EXCHANGE_OF: Final = "exchange_of"
"""Our name for the id of the first order, in the order of the added goods."""

EXCHANGE: Final = "exchange"
"""Our name for the letter of the exchange, in the order of the added goods."""

_MOST_DIVIDED: Final = 12
"""With more new items, the number of their divisions would grow without bound."""

_OF_FIRST_SALE: Final = (
    "total_tip_received",
    "original_total_duties",
    "original_total_additional_fees",
    "total_cash_rounding_payment_adjustment",
    "total_discounts",
    "subtotal_price",
    "total_outstanding",
)
"""Amounts of the first sale, or of both sales together."""

_OF_REFUND: Final = (
    "transactions",
    "order_adjustments",
    "refund_shipping_lines",
    "duties",
    "additional_fees",
)


def split_exchange(place: str, order: Payload) -> tuple[Payload, ...]:
    """Return the original order, then the goods that each exchange added as orders of their own.

    An order without an exchange, with unreadable amounts, or cancelled is returned unchanged. A
    cancelled order's money and goods are judged together.
    """
    order_part = Part(place, order)
    if order.get("cancelled_at"):
        return (order,)
    groups = _groups(order_part)
    if not groups or len(groups) > len(MARKS) or order_part.errors:
        return (order,)
    split = (
        _sale(order_part, frozenset().union(*groups)),
        *_build_exchange_orders(order_part, groups),
    )
    return (order,) if order_part.errors else split


def sales_of_refunds(order: Payload) -> Mapping[str, str]:
    """Return refund id -> id of the exchange's order, for refunds whose goods were all added by one
    exchange. Such a refund credits that order's invoice.
    """
    order_part = Part("order", order).alone()
    groups = _groups(order_part) if len(split_exchange("order", order)) > 1 else ()
    sales_by_refund = {}
    for refund in order_part.parts("refunds") if groups else ():
        items = {line.text("line_item_id") for line in refund.parts("refund_line_items")}
        for group, mark in zip(groups, MARKS, strict=False):
            if items and items <= group:
                sales_by_refund[refund.text("id")] = f"{order_part.text('id')}{mark}"
    return sales_by_refund


def added_items(order: Part) -> Group:
    """Return the ids of the items that exchanges added; none where no goods came back."""
    return frozenset().union(*_groups(order))


def worth_added(order: Part, refund_id: str) -> Decimal | None:
    """Return what the goods cost, with tax, that the exchange of this refund added; None where the
    order does not show which ones these are.
    """
    order_part = order.alone()
    groups = _groups(order_part)
    paid = [
        refund.text("id")
        for refund in order_part.parts("refunds")
        if _pays_for_goods(refund, order_part)
    ]
    if len(paid) != len(groups) or refund_id not in paid:
        return None
    return _goods(order_part, groups[paid.index(refund_id)], order_part.flag("taxes_included"))[0]


def _groups(order: Part) -> tuple[Group, ...]:
    """Return the items that each exchange added, the earliest exchange first."""
    order_part = order.alone()
    refunds = order_part.parts("refunds")
    lines = [line for refund in refunds for line in refund.parts("refund_line_items")]
    back = {line.text("line_item_id") for line in lines if line.text("restock_type") == "return"}
    groups = _stated(order_part)
    if not groups and any(_pays_for_goods(refund, order_part) for refund in refunds):
        groups = _by_money(order_part, _beyond_total(order_part))
    ids, added = (
        [item.text("id") for item in order_part.parts("line_items")],
        Group().union(*groups),
    )
    if order_part.errors or not back - added or not set(ids) - added:
        return ()
    known_groups = [group.intersection(ids) for group in groups if not group.isdisjoint(ids)]
    return tuple(sorted(known_groups, key=lambda group: min(map(ids.index, group))))


def _pays_for_goods(refund: Part, order: Part) -> bool:
    """Check whether the goods returned in a refund are worth more than the money paid back.

    The difference then paid for other goods. If all the money was paid back, added goods are a
    separate sale.
    """
    worth, money = _worth_and_money(refund, order)
    return money is not None and _brings_goods(refund) and money < worth


def _brings_goods(refund: Part) -> bool:
    return any(line.text("restock_type") == "return" for line in refund.parts("refund_line_items"))


def _worth_and_money(refund: Part, order: Part) -> tuple[Decimal, Decimal | None]:
    """Return what the goods of a refund cost with their tax, and the money that went back for
    them; None where it is in the buyer's currency.
    """
    goods = refund.parts("refund_line_items")
    worth = sum((line.amount("subtotal") for line in goods), ZERO)
    if not order.flag("taxes_included"):
        worth += sum((line.amount("total_tax") for line in goods), ZERO)
    moves = [move for move in refund.parts("transactions") if move.text("kind") == "refund"]
    if any(move.text("currency") not in ("", order.text("currency")) for move in moves):
        return worth, None
    money = [move for move in moves if move.text("status") in ("success", "pending")]
    return worth, sum((move.amount("amount") for move in money), ZERO)


def _stated(order: Part) -> list[Group]:
    """Return the new items that Shopify lists with each of the order's returns."""
    groups = []
    for order_return in order.parts("returns"):
        ids = set()
        for exchange in order_return.parts("exchange_line_items"):
            items = exchange.parts("line_items") or [exchange.part("line_item")]
            ids |= {item.text("id") for item in items}
            ids.add(exchange.text("line_item_id"))
        groups.append(frozenset(ids - {""}))
    return [group for group in groups if group]


def _by_money(order: Part, added: Group) -> list[Group]:
    """Return the items that each exchange added, where Shopify lists no returns.

    The items are in the order of the exchanges. The items of one exchange cost as much as its
    returned goods, less the refunded money. Without a refund they may cost more. Unless exactly one
    division fits, all items form one group, and the change of a posted order is held.
    """
    refunds = [refund for refund in order.parts("refunds") if _pays_for_goods(refund, order)]
    inside = order.flag("taxes_included")
    ids = [item.text("id") for item in order.parts("line_items")]
    worths = dict(zip(ids, (_worth(line, inside) for line in _all_lines(order)), strict=False))
    items = [item_id for item_id in ids if item_id in added]
    paid = [_worth_and_money(refund, order) for refund in refunds]
    fits = [
        parts
        for parts in _divisions(items, len(refunds))
        if all(
            _is_paid(sum((worths[item_id] for item_id in part), ZERO), *back)
            for part, back in zip(parts, paid, strict=True)
        )
    ]
    return [frozenset(part) for part in fits[0]] if len(fits) == 1 else [added] if added else []


def _divisions(items: Sequence[str], count: int) -> Iterator[list[Sequence[str]]]:
    """Yield each division of the items into `count` consecutive parts that are not empty.

    None for more than _MOST_DIVIDED items.
    """
    if 0 < count <= len(items) <= _MOST_DIVIDED:
        for cuts in combinations(range(1, len(items)), count - 1):
            yield [items[start:end] for start, end in pairwise((0, *cuts, len(items)))]


def _is_paid(added: Decimal, worth: Decimal, money: Decimal | None) -> bool:
    """Check whether returned goods of this worth, less the money that went back, paid for goods."""
    remainder = worth - (money or ZERO)
    return abs(added - remainder) <= CENT or (not money and added > remainder)


def _beyond_total(order: Part) -> Group:
    """Return the ids of the items added last, if the lines before them add up to `total_price`.

    `total_price` keeps the first order's total, while `current_total_price` includes the exchange.
    """
    items, lines = order.parts("line_items"), _all_lines(order)
    inside = order.flag("taxes_included")
    worths = [_worth(line, inside) for line in lines]
    goods = worths[: len(items)]
    apart = sum(worths, ZERO) - order.amount("total_price")
    for at in range(1, len(goods)):
        if apart > 0 and abs(sum(goods[at:], ZERO) - apart) <= CENT:
            return frozenset(item.text("id") for item in items[at:])
    return frozenset()


def _all_lines(order: Part) -> list[Line]:
    """Return the lines of an order with all pieces of each item."""
    all_pieces = moved(order)
    for item in order.parts("line_items"):
        all_pieces.refunded[item.text("id")] = item.whole("quantity")
    return lines_of(order, all_pieces)


def _worth(line: Line, inside: bool) -> Decimal:
    return line.amount if inside else line.amount + line.tax


def _goods(order: Part, added: Group, inside: bool) -> tuple[Decimal, Decimal]:
    """Return the worth of the added items with tax, and the tax in it."""
    lines = [line for line in _all_lines(order) if _line_id(line) in added]
    return sum((_worth(line, inside) for line in lines), ZERO), sum(
        (line.tax for line in lines), ZERO
    )


def _line_id(line: Line) -> str:
    return str(line.cells["line_id"].value) if "line_id" in line.cells else ""


def _remaining_worth(order: Part, added: Group, inside: bool) -> Decimal:
    """Return the worth with tax of the added items' remaining pieces."""
    counts = {
        item.text("id"): Decimal(item.whole("current_quantity")) / item.whole("quantity")
        for item in order.parts("line_items")
        if item.value.get("current_quantity") is not None and item.whole("quantity")
    }
    lines = [line for line in _all_lines(order) if _line_id(line) in added]
    worths = (_worth(line, inside) * counts.get(_line_id(line), Decimal(1)) for line in lines)
    return sum((worth.quantize(CENT) for worth in worths), ZERO)


def _sale(order: Part, added: Group) -> Payload:
    """Return the order without the added items, with the status of its own goods and money."""
    inside = order.flag("taxes_included")
    total, tax = _goods(order, added, inside)
    added_worth, outstanding = (
        _remaining_worth(order, added, inside),
        order.amount("total_outstanding"),
    )
    value = _with_items(order, added, only_added=False)
    amounts = {"current_total_price": order.amount("current_total_price") - added_worth}
    if order.stated("total_outstanding"):
        amounts["total_outstanding"] = outstanding - added_worth
    goods_total = sum((_worth(line, inside) for line in _all_lines(order)), ZERO)
    if abs(order.amount("total_price") - goods_total) <= CENT:
        amounts["total_price"] = order.amount("total_price") - total
        if order.stated("total_tax"):
            amounts["total_tax"] = order.amount("total_tax") - tax
    sent = moved(order).sent
    items = [item for item in order.parts("line_items") if item.text("id") not in added]
    if order.text("fulfillment_status") == "partial" and all(
        _is_sent(item, sent) for item in items
    ):
        value["fulfillment_status"] = "fulfilled"
    if order.text("financial_status") == "partially_paid" and 0 < outstanding <= added_worth:
        value["financial_status"] = "paid"
    return _stating(value, amounts)


def _is_sent(item: Part, sent: Mapping[str, int]) -> bool:
    fulfilled = item.text("fulfillment_status") == "fulfilled"
    return fulfilled or sent.get(item.text("id"), 0) >= item.whole("quantity")


def _build_exchange_orders(order: Part, groups: Sequence[Group]) -> Iterator[Payload]:
    """Yield the items of each exchange as an order of their own.

    What the buyer still owes is for the latest exchanges: Shopify collects each balance with its
    exchange.
    """
    inside, owed = order.flag("taxes_included"), order.amount("total_outstanding")
    lefts = [_remaining_worth(order, group, inside) for group in groups]
    for at, (group, mark) in enumerate(zip(groups, MARKS, strict=False)):
        owes = owed > sum(lefts[at + 1 :], ZERO)
        yield _build_exchange_order(
            order, group, mark, _returned_at(order, at, len(groups)), owes=owes
        )


def _build_exchange_order(
    order: Part, added: Group, mark: str, returned_at: object, *, owes: bool
) -> Payload:
    """Return one exchange's added items as a separate order, dated on the day of the return.

    `mark` is appended to the order's id and name. With `owes`, the buyer still owes money for it;
    otherwise a partially paid order becomes paid.
    """
    inside = order.flag("taxes_included")
    total, tax = _goods(order, added, inside)
    value = _with_items(order, added, only_added=True)
    value |= {"id": f"{order.text('id')}{mark}", "name": f"{order.text('name')}{mark}"}
    value |= {
        EXCHANGE_OF: order.text("id"),
        EXCHANGE: mark.removeprefix("-"),
        "shipping_lines": [],
        "processed_at": returned_at,
    }
    if order.text("fulfillment_status") != "fulfilled":
        value["fulfillment_status"] = None
    if order.text("financial_status") == "partially_paid" and not owes:
        value["financial_status"] = "paid"
    amounts = {"total_price": total, "current_total_price": _remaining_worth(order, added, inside)}
    if order.stated("total_tax"):
        amounts["total_tax"] = tax
    left_out = {name for field in _OF_FIRST_SALE for name in (field, f"{field}_set")}
    return _stating({name: entry for name, entry in value.items() if name not in left_out}, amounts)


def _returned_at(order: Part, at: int, count: int) -> object:
    """Return the moment at which the goods of an exchange came back. Later refunds, also of goods
    that come back for money, do not move the day of a posted exchange.
    """
    back = [refund for refund in order.parts("refunds") if _brings_goods(refund)]
    paid = [refund for refund in back if _pays_for_goods(refund, order)]
    refunds = paid if len(paid) >= count else back
    moments = [
        refund.value.get("processed_at") or refund.value.get("created_at") for refund in refunds
    ]
    known_moments = [moment for moment in moments if moment]
    return (
        known_moments[min(at, len(known_moments) - 1)]
        if known_moments
        else order.value.get("updated_at")
    )


def _with_items(order: Part, added: Group, *, only_added: bool) -> dict[str, Any]:
    """Return the order and its refunds with only the added items (`only_added`), or without
    these items.
    """

    def matching(name: str, parts: Sequence[Part]) -> list[Payload]:
        return [part.value for part in parts if (part.text(name) in added) == only_added]

    refunds = []
    for refund in order.parts("refunds"):
        lines = refund.parts("refund_line_items")
        refund_lines = matching("line_item_id", lines)
        if only_added and refund_lines:
            without: dict[str, list[Payload]] = {name: [] for name in _OF_REFUND}
            refunds.append({**refund.value, **without, "refund_line_items": refund_lines})
        elif not only_added and (refund_lines or not lines):
            refunds.append({**refund.value, "refund_line_items": refund_lines})
    items = matching("id", order.parts("line_items"))
    return {**order.value, "line_items": items, "refunds": refunds}


def _stating(value: Mapping[str, Any], amounts: Mapping[str, Decimal]) -> Payload:
    """Return the order with these amounts, in the shop's money."""
    content = dict(value)
    for name, amount in amounts.items():
        content[name] = plain(amount)
        content.pop(f"{name}_set", None)
    return content
