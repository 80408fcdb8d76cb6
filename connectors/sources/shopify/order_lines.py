"""The lines of an order: goods, shipping, tips, duties and fees, each with its amounts.

Here: how many pieces were sold, and what each line amounts to. Not here: if all of them come to
the order's total (orders.py).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from connectors.kit.canonical_record import Cell
from connectors.kit.shops.payload_parts import ZERO, plain
from connectors.sources.shopify.payload import Part


@dataclass(frozen=True, slots=True)
class Line:
    """One line as cells, and its amounts."""

    cells: Mapping[str, Cell]
    amount: Decimal
    tax: Decimal


@dataclass(frozen=True, slots=True)
class Moved:
    """Pieces by order line: what fulfilments sent, refunds took away, and what came back."""

    sent: Counter[str]
    refunded: Counter[str]
    returned: Counter[str]


def moved(order: Part) -> Moved:
    """What became of the pieces of an order."""
    found = Moved(Counter(), Counter(), Counter())
    for fulfillment in order.parts("fulfillments"):
        if fulfillment.text("status") == "success":
            for line in fulfillment.parts("line_items"):
                found.sent[line.text("id")] += line.whole("quantity")
    for refund in order.parts("refunds"):
        for line in refund.parts("refund_line_items"):
            name, pieces = line.text("line_item_id"), line.whole("quantity")
            found.refunded[name] += pieces
            found.returned[name] += pieces if line.text("restock_type") == "return" else 0
    return found


def sold(item: Part, found: Moved) -> int:
    """The pieces that were sold: what is there now and what refunds took away. `quantity` keeps
    what was ordered at first, also after an edit took pieces off.
    """
    ordered = item.whole("quantity")
    if item.value.get("current_quantity") is None:
        return ordered
    now = item.whole("current_quantity")
    return min(ordered, now + found.refunded[item.text("id")])


def lines_of(order: Part, found: Moved) -> list[Line]:
    """All lines of an order: its goods in Shopify's order, then what came on top."""
    items = order.parts("line_items")
    lines = [_goods(item, found) for item in items]
    lines += [_shipping(one) for one in order.parts("shipping_lines") if not one.flag("is_removed")]
    if not any("tip" in item.value and item.value["tip"] for item in items):
        lines += _on_top(order, "tip", "Tip", "total_tip_received")
    lines += _duties(order, items)
    lines += _on_top(order, "fee", "Additional fees", "original_total_additional_fees")
    return lines


def numbered(lines: Sequence[Line]) -> list[Mapping[str, Cell]]:
    """The cells of the lines, with their positions."""
    return [{"pos": Cell("", at), **line.cells} for at, line in enumerate(lines, 1)]


def tax_words(part: Part) -> tuple[dict[str, Cell], Decimal]:
    """Name and rate of the tax of a line as cells, and how much it is; no tax has no name."""
    told = part.parts("tax_lines")
    if not told:
        return {}, ZERO
    names = sorted({one.text("title") for one in told} - {""})
    rate = sum((one.amount("rate") for one in told), ZERO)
    place = part.at("tax_lines")
    cells = {"tax": Cell(place, " + ".join(names)), "tax_rate": Cell(place, plain(rate))}
    return cells, sum((one.amount("price") for one in told), ZERO)


def _goods(item: Part, found: Moved) -> Line:
    name, pieces = item.text("id"), sold(item, found)
    cells = {
        "line_id": item.cell("id"),
        "part": Cell(item.at("gift_card"), _part_of(item)),
        "sku": item.cell("sku"),
        "variant_id": item.cell("variant_id"),
        "name": item.cell("name" if item.text("name") else "title"),
        "delivered_qty": Cell(item.place, found.sent[name]),
        "refunded_qty": Cell(item.place, found.refunded[name]),
        "returned_qty": Cell(item.place, found.returned[name]),
    }
    return _priced(item, pieces, item.amount("price"), _discount(item), cells)


def _part_of(item: Part) -> str:
    if item.flag("gift_card"):
        return "gift_card"
    return "tip" if item.value.get("tip") else "goods"


def _discount(part: Part) -> Decimal:
    """All discounts on a line: the allocations hold its share of those on the order."""
    told = part.parts("discount_allocations")
    if told:
        return sum((one.amount("amount") for one in told), ZERO)
    return part.amount("total_discount")


def _shipping(one: Part) -> Line:
    cells = {
        "line_id": one.cell("id"),
        "part": Cell(one.place, "shipping"),
        "sku": one.cell("code"),
        "name": one.cell("title"),
    }
    return _priced(one, 1, one.amount("price"), _discount(one), cells)


def _duties(order: Part, items: Sequence[Part]) -> list[Line]:
    """One line of all duties, whose tax stands with each of them."""
    found = _on_top(order, "duty", "Duties", "original_total_duties")
    told = [tax_words(duty) for item in items for duty in item.parts("duties")]
    tax = sum((amount for _, amount in told), ZERO)
    words = next((cells for cells, amount in told if amount), {})
    return [
        Line({**line.cells, **words, "tax_amount": Cell(order.place, plain(tax))}, line.amount, tax)
        for line in found
    ]


def _on_top(order: Part, part: str, title: str, name: str) -> list[Line]:
    amount = order.amount(name)
    if not amount:
        return []
    place = order.at(name)
    cells = {"part": Cell(place, part), "name": Cell(place, title)}
    return [_priced(Part(place, {}, order.errors), 1, amount, ZERO, cells)]


def _priced(
    part: Part, pieces: int, price: Decimal, discount: Decimal, cells: Mapping[str, Cell]
) -> Line:
    words, tax = tax_words(part)
    amount = price * pieces - discount
    money = {
        "qty": Cell(part.at("quantity"), pieces),
        "price": Cell(part.at("price"), plain(price)),
        "discount": Cell(part.at("discount_allocations"), plain(discount)),
        "amount": Cell(part.place, plain(amount)),
        "tax_amount": Cell(part.at("tax_lines"), plain(tax)),
    }
    return Line({**cells, **money, **words}, amount, tax)
