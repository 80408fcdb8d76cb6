"""Units of measure: exact factors to the base unit, with their proof.

Here: Bases (which base an item has), convert (the chain from a unit to it), clash (where a target
counts the item otherwise), the words of the proof. Not here: where the factors are kept, and what a
missing factor does (expressions/lookups.py), when a document is compared (documents/agreement.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from grammar.nodes import UnitBase
from rules.facts.world import ItemUnits, UnitEntry
from rules.values.numbers import BITS, Number, show, tidy

LONGEST_CHAIN = 12


@dataclass(frozen=True, slots=True)
class Conversion:
    """1 of a unit = num/den of the base unit, and the entries that say so."""

    unit: str
    base: str
    num: int
    den: int
    path: tuple[tuple[str, UnitEntry], ...]

    @property
    def factor(self) -> str:
        """The factor as people write it."""
        return str(self.num) if self.den == 1 else f"{self.num}/{self.den}"

    def __str__(self) -> str:
        return f"1 {self.unit} = {self.factor} {self.base}"


def itself(unit: str) -> Conversion:
    """A unit in itself."""
    return Conversion(unit, unit, 1, 1, ())


class Bases:
    """The base unit of each item, and the one of all others."""

    def __init__(self, rows: Iterable[UnitBase]) -> None:
        self._of = {row.item: row.unit for row in rows}

    def of(self, item: str) -> str | None:
        """The base unit of an item."""
        return self._of.get(item, self._of.get(None))


def convert(
    unit: str, item: str, bases: Bases, entries: Mapping[str, UnitEntry]
) -> Conversion | None:
    """The exact factor from a unit to the item's base unit; the item's own rows win.

    None where a step is missing: a missing factor is never 1.
    """
    base = bases.of(item)
    num, den = 1, 1
    path: list[tuple[str, UnitEntry]] = []
    at = unit
    while at != base:
        key, entry = _step(at, item, entries)
        if (
            entry is None
            or base is None
            or len(path) == LONGEST_CHAIN
            or min(entry.num, entry.den) < 1
        ):
            return None
        path.append((key, entry))
        num, den, at = num * entry.num, den * entry.den, entry.to
        if num.bit_length() > BITS or den.bit_length() > BITS:
            return None
    factor = Fraction(num, den)
    return Conversion(unit, base, factor.numerator, factor.denominator, tuple(path))


def _step(unit: str, item: str, entries: Mapping[str, UnitEntry]) -> tuple[str, UnitEntry | None]:
    own = f"{unit}|{item}"
    entry = entries.get(own)
    return (own, entry) if entry is not None else (unit, entries.get(unit))


@dataclass(frozen=True, slots=True)
class Clash:
    """How a target counts an item otherwise: of which unit, and whether it has that unit at all.

    `text` is what the target says, for people: `1 CTN = 24 PCS`, or `no PCS, only BOX, CTN`.
    """

    unit: str
    has_unit: bool
    text: str


def clash(source: Conversion, posted: Conversion, set_up: ItemUnits) -> Clash | None:
    """Where a target's item set-up differs from the factors of the rules; None where it does not.

    The posted unit must be one of the item's. A unit that is not posted and that the target does
    not have is no difference.
    """
    there = set_up.rate(posted.unit)
    if there is None:
        units = ", ".join(dict.fromkeys((set_up.base, *sorted(set_up.rates))))
        return Clash(posted.unit, has_unit=False, text=f"no {posted.unit}, only {units}")
    ours = Fraction(posted.num, posted.den)
    base = set_up.rate(posted.base)
    if base is not None and there / base != ours:
        return _other_rate(posted.unit, there / base, posted.base)
    theirs = set_up.rate(source.unit)
    if theirs is not None and theirs / there != Fraction(source.num, source.den) / ours:
        return _other_rate(source.unit, theirs / there, posted.unit)
    return None


def _other_rate(unit: str, rate: Fraction, base: str) -> Clash:
    return Clash(unit, has_unit=True, text=f"1 {unit} = {show(tidy(rate))} {base}")


def quantity_proof(quantity: Number, pieces: Number, by: Conversion) -> str:
    """`5 CTN × 12 = 60 PCS`."""
    return f"{show(quantity)} {by.unit} × {by.factor} = {show(pieces)} {by.base}"


def price_proof(price: Number, base_price: Number, by: Conversion) -> str:
    """`42.00 ÷ 12 = 3.50`."""
    return f"{show(price, 2)} ÷ {by.factor} = {show(base_price, 2)}"


def total_proof(before: Number, after: Number) -> str:
    """`210.00 = 210.00`: the line is worth the same in either unit."""
    return f"{show(before, 2)} = {show(after, 2)}"
