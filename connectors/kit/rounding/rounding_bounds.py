"""How far rounding alone can move a total from what was sent.

Here: the one bound that comparing and keeping go by. Not here: what follows from a difference.
"""

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

_PRICE = Decimal("0.00005")  # prices have four places at most, so one is off by half of the last


def room(quantities: Iterable[object], unit: Decimal = Decimal("0.01")) -> Decimal:
    """Of lines with these quantities: each may move by half a unit of the currency in its amount
    and half a one in its tax, and by what its rounded price leaves out.

    >>> room(["1", "1", "336"])
    Decimal('0.04690')
    """
    return sum((unit + _PRICE * _number(one) for one in quantities), Decimal(0))


def _number(text: object) -> Decimal:
    try:
        return abs(Decimal(str(text)))
    except InvalidOperation:
        return Decimal(0)
