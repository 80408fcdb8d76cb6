"""Lines of a marketplace and the total that it states.

Here: a line for what goods and shipping do not explain. Not here: what a line is made of (each
source).

A marketplace pays vouchers, coins and part of the shipping itself, and tells an order's total
without them. What they come to is a line of its own, so that lines and total always agree and a
rule can see it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from connectors.kit.canonical_record import Cell
from connectors.kit.shops.payload_parts import ZERO, plain

REST = "adjustment"
_REST_NAME = "Vouchers, coins and subsidies"


@dataclass(frozen=True, slots=True)
class Line:
    """One line as cells, and what it amounts to."""

    cells: Mapping[str, Cell]
    amount: Decimal


def one_of(part: str, name: str, place: str, amount: Decimal) -> Line:
    """A line that is no goods: shipping, or a difference."""
    cells = {
        "part": Cell(place, part),
        "sku": Cell(place, part.upper()),
        "name": Cell(place, name),
        "qty": Cell(place, 1),
        "price": Cell(place, plain(amount)),
        "discount": Cell(place, "0"),
        "amount": Cell(place, plain(amount)),
    }
    return Line(cells, amount)


def summed(lines: Sequence[Line]) -> Decimal:
    """What lines come to."""
    return sum((line.amount for line in lines), ZERO)


def with_the_rest(lines: Sequence[Line], total: Decimal, place: str) -> list[Line]:
    """The lines, and one more where they do not come to the total."""
    rest = total - summed(lines)
    return [*lines, *([one_of(REST, _REST_NAME, place, rest)] if rest else [])]


def numbered(lines: Sequence[Line]) -> list[Mapping[str, Cell]]:
    """The cells of the lines, with their positions."""
    return [{"pos": Cell("", at), **line.cells} for at, line in enumerate(lines, 1)]
