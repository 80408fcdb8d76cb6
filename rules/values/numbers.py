"""Exact numbers: decimals of at most 38 digits, fractions where a division does not end.

Here: the decimal context, arithmetic that never rounds unasked, rounding half up, and the text
of a number. Not here: units of measure (facts/units.py), which types may meet (types/inference.py).

A result that 38 digits cannot hold exactly raises an ArithmeticError; whoever evaluates turns
it into a finding (EVA01). Nothing is ever rounded silently.
"""

from __future__ import annotations

import decimal
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import lru_cache
from itertools import repeat

from rules.values.canonical import number_text

Number = Decimal | Fraction

DIGITS = 38
EXPONENT = 999
BITS = 1024  # the most that a numerator or denominator may have

CONTEXT = decimal.Context(
    prec=DIGITS,
    Emin=-EXPONENT,
    Emax=EXPONENT,
    rounding=ROUND_HALF_UP,
    traps=[decimal.Inexact, decimal.Overflow, decimal.InvalidOperation, decimal.DivisionByZero],
)
_ROUNDING = decimal.Context(
    prec=2 * DIGITS,
    Emin=-EXPONENT,
    Emax=EXPONENT,
    rounding=ROUND_HALF_UP,
    traps=[decimal.Overflow, decimal.InvalidOperation],
)


quantize = _ROUNDING.quantize
"""A decimal rounded half up to the places of another."""


class TooLargeError(ArithmeticError):
    """A number left the bounds that keep every evaluation short."""


def as_fraction(value: Number) -> Fraction:
    """The same number as a fraction."""
    return value if type(value) is Fraction else Fraction(value)


def tidy(value: Fraction) -> Number:
    """A fraction as a decimal where it ends within 38 digits, else itself, within bounds."""
    num, den = value.numerator, value.denominator
    if num.bit_length() > BITS or den.bit_length() > BITS:
        raise TooLargeError("a number has too many digits")
    if den == 1 and num.bit_length() < 126:
        return Decimal(num)
    rest = den
    twos = (rest & -rest).bit_length() - 1
    rest >>= twos
    fives = 0
    while rest % 5 == 0:
        rest //= 5
        fives += 1
    if rest != 1:
        return value
    places = max(twos, fives)
    digits = num * 10**places // den
    return Decimal(digits).scaleb(-places, _WIDE) if len(str(abs(digits))) <= DIGITS else value


_SMALL = 10**18
_WIDE = decimal.Context(prec=400, Emin=-EXPONENT, Emax=EXPONENT)


def add(a: Number, b: Number) -> Number:
    """a + b, exactly."""
    if type(a) is Decimal and type(b) is Decimal:
        return CONTEXT.add(a, b)
    return tidy(as_fraction(a) + as_fraction(b))


def subtract(a: Number, b: Number) -> Number:
    """a - b, exactly."""
    if type(a) is Decimal and type(b) is Decimal:
        return CONTEXT.subtract(a, b)
    return tidy(as_fraction(a) - as_fraction(b))


def multiply(a: Number, b: Number) -> Number:
    """a * b, exactly."""
    if type(a) is Decimal and type(b) is Decimal:
        return CONTEXT.multiply(a, b)
    return tidy(as_fraction(a) * as_fraction(b))


def divide(a: Number, b: Number) -> Number:
    """a / b, exactly: a fraction where no decimal is."""
    return tidy(as_fraction(a) / as_fraction(b))


def scale(value: Number, num: int, den: int) -> Number:
    """value × num ÷ den, exactly; a decimal times a whole number stays within 38 digits."""
    if type(value) is Decimal:
        if den == 1:
            return CONTEXT.multiply(value, Decimal(num))  # as generated code multiplies at once
        try:
            return CONTEXT.divide(CONTEXT.multiply(value, Decimal(num)), Decimal(den))
        except decimal.Inexact:
            pass  # no decimal says it exactly: a fraction does
    return tidy(as_fraction(value) * Fraction(num, den))


def round_half_up(value: Number, step: Decimal) -> Decimal:
    """The nearest multiple of `step`; halves go away from zero.

    >>> round_half_up(Decimal("2.345"), Decimal("0.01")), round_half_up(Fraction(-5, 2), Decimal(1))
    (Decimal('2.35'), Decimal('-3'))
    """
    if step <= 0:
        raise TooLargeError("a rounding step is above zero")
    if type(value) is Decimal and _places(step) is not None:
        return quantize(value, step)
    steps = as_fraction(value) / Fraction(step)
    doubled = 2 * abs(steps.numerator) + steps.denominator
    count = doubled // (2 * steps.denominator)
    if count.bit_length() > BITS:
        raise TooLargeError("a number has too many digits")
    signed = count if steps >= 0 else -count
    return quantize(_ROUNDING.multiply(Decimal(signed), step), step)


def rounded_all(values: Sequence[Number], step: Decimal) -> Sequence[Decimal]:
    """round_half_up of each, with this step.

    >>> rounded_all([Decimal("2.345"), Fraction(1, 3)], Decimal("0.01"))
    [Decimal('2.35'), Decimal('0.33')]
    """
    if step > 0 and _places(step) is not None:
        try:
            return list(map(quantize, values, repeat(step)))  # type: ignore[arg-type]
        except TypeError:
            pass  # one of them is a fraction
    return [round_half_up(value, step) for value in values]


def is_simple(step: Decimal) -> bool:
    """Whether a step is a one with places, such as 0.01, so that decimals are rounded at once."""
    return step > 0 and _places(step) is not None


def rescaled(value: Number, num: int, den: int, step: Decimal) -> Decimal:
    """round_half_up(scale(value, num, den), step): the same, without a fraction in between.

    >>> rescaled(Decimal("38.45"), 1, 12, Decimal("0.0001"))
    Decimal('3.2042')
    """
    by = _steps(num, den, step)
    if by is not None and type(value) is Decimal and value < _BELOW and not value.is_signed():
        if num == den:
            return quantize(value, step)
        steps = _ROUNDING.add(_ROUNDING.multiply(value, by[0]), by[1])
        return _ROUNDING.scaleb(_ROUNDING.divide_int(steps, by[2]), by[3])
    return round_half_up(scale(value, num, den), step)


@lru_cache(maxsize=4096)
def _steps(num: int, den: int, step: Decimal) -> tuple[Decimal, Decimal, Decimal, int] | None:
    """What rescales a small value: half a step more than so many half steps, of so many each.

    None where the digits of a product might not all be kept.
    """
    places = _places(step)
    if places is None or not 0 <= places <= _FINEST or max(num, den) >= _SMALL:
        return None
    return Decimal(2 * num * 10**places), Decimal(den), Decimal(2 * den), -places


_BELOW, _FINEST = Decimal(10**18), 12


@lru_cache(maxsize=256)
def _places(step: Decimal) -> int | None:
    """How many decimal places a step such as 0.01 keeps; None for any other step."""
    _, digits, exponent = step.as_tuple()
    return -exponent if digits == (1,) and isinstance(exponent, int) else None


def show(value: Number, places: int = 0) -> str:
    """The text of a number: a decimal, or `5/3` where no decimal says it exactly."""
    if isinstance(value, Decimal):
        return number_text(value, places)
    if value.denominator == 1:
        return str(value.numerator)
    return f"{value.numerator}/{value.denominator}"


def balance(values: Sequence[tuple[bool, object]]) -> Number | None:
    """The sum of some numbers, of which those marked no are taken away; None where one is none."""
    total: Number = Decimal(0)
    for plus, value in values:
        if not isinstance(value, Number):
            return None
        total = add(total, value) if plus else subtract(total, value)
    return total


def last_whole(op: str, bound: Number) -> tuple[str, Number]:
    """A bound of a field that holds whole numbers only: the last one that fits."""
    below = Decimal(as_fraction(bound).numerator // as_fraction(bound).denominator)
    is_whole = below == bound
    if op in {"<", "<="}:
        return "<=", below - 1 if op == "<" and is_whole else below
    if op in {">", ">="}:
        return ">=", below if op == ">=" and is_whole else below + 1
    return op, bound
