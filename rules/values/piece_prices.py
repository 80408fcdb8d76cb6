"""Find the price of a piece whose line comes to the shop's amount and tax in the target."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Final

from rules.values.kinds import Number, as_fraction, round_half_up

_SEN: Final = Decimal("0.01")


class _Line:
    """Compute what a target makes of a line: pieces times price, less a discount in whole sen.

    `exact` is the middle of all amounts that round to the shop's amount and tax.
    """

    def __init__(self, pieces: Number, amount: Number, tax: Number, rate: Number) -> None:
        self.pieces, self.rate = as_fraction(pieces), as_fraction(rate)
        self.amount, self.tax = as_fraction(amount), as_fraction(tax)
        self.exact = (self.amount + self.tax) / (1 + self.rate)

    def discount(self, price: Number, amount: Fraction) -> Decimal:
        """Return the discount that leaves an amount at a price, 0 where the price is too low."""
        rest = self.pieces * as_fraction(price) - amount
        return max(round_half_up(rest, _SEN), Decimal("0.00"))

    def sums(self, price: Decimal) -> tuple[Decimal, Decimal]:
        """Return amount and tax as the target computes them."""
        net = self.pieces * as_fraction(price) - as_fraction(self.discount(price, self.exact))
        return round_half_up(net, _SEN), round_half_up(net * self.rate, _SEN)

    def is_same(self, price: Decimal) -> bool:
        """Check whether amount and tax are the shop's."""
        amount, tax = map(as_fraction, self.sums(price))
        return (amount, tax) == (self.amount, self.tax)

    def is_same_in_total(self, price: Decimal) -> bool:
        """Check whether amount and tax together are the shop's, with a sen between them."""
        amount, tax = map(as_fraction, self.sums(price))
        moved = abs(amount - self.amount)
        return amount + tax == self.amount + self.tax and moved <= as_fraction(_SEN)


def _nearest_prices(middle: Fraction, pieces: Fraction, step: Decimal) -> Iterator[Decimal]:
    """Yield prices around the middle, nearest first, until all parts of a sen have been tried."""
    start = round_half_up(middle, step)
    yield start
    parts_of_sen = (pieces * as_fraction(step) / as_fraction(_SEN)).denominator
    for steps in range(1, min(parts_of_sen, 100) + 1):
        yield start + steps * step
        yield start - steps * step


def _choose(
    price: Number, pieces: Number, amount: Number, tax: Number, rate: Number, step: Decimal
) -> tuple[Decimal, Decimal]:
    """Return price and discount. A price that nothing makes fit stays, so that the line is held.

    A line that comes to more than its price has another fault than rounding.
    """
    stated = round_half_up(price, step)
    if pieces <= 0 or rate <= -1:
        return stated, Decimal("0.00")
    line = _Line(pieces, amount, tax, rate)
    if line.is_same(stated):
        return stated, line.discount(stated, line.exact)
    unchanged = stated, line.discount(stated, line.amount)
    if line.exact > line.pieces * as_fraction(price) + as_fraction(_SEN):
        return unchanged
    middle = (line.exact + as_fraction(line.discount(price, line.exact))) / line.pieces
    fits: tuple[Callable[[Decimal], bool], ...] = (line.is_same, line.is_same_in_total)
    for is_fit in fits:
        for candidate in _nearest_prices(middle, line.pieces, step):
            if is_fit(candidate):
                return candidate, line.discount(candidate, line.exact)
    return unchanged


def piece_price(
    price: Number, pieces: Number, amount: Number, tax: Number, rate: Number, step: Decimal
) -> Decimal:
    """Return the price of a piece that gives a line's amount and tax in the target.

    The target multiplies it, takes off `piece_discount`, and rounds amount and tax half up. Both
    follow the shop's price as closely as a multiple of `step` can.

    >>> sixteen = [Decimal(text) for text in ("14.55", "1", "14.55", "1.45", "0.1", "0.0001")]
    >>> piece_price(*sixteen), piece_discount(*sixteen)
    (Decimal('14.5455'), Decimal('0.00'))
    >>> box = [Fraction(10, 12), *map(Decimal, ("12", "10.00", "0", "0", "0.01"))]
    >>> piece_price(*box), piece_discount(*box)
    (Decimal('0.84'), Decimal('0.08'))
    """
    return _choose(price, pieces, amount, tax, rate, step)[0]


def piece_discount(
    price: Number, pieces: Number, amount: Number, tax: Number, rate: Number, step: Decimal
) -> Decimal:
    """Return the discount of a line whose pieces have their `piece_price`, in whole sen."""
    return _choose(price, pieces, amount, tax, rate, step)[1]
