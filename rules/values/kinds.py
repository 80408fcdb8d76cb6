"""Define the types of the rules language, exact arithmetic, and the readers of raw values."""

from __future__ import annotations

import decimal
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import lru_cache
from itertools import product as pairs
from itertools import repeat
from typing import Any, Final, NamedTuple

from grammar.nodes import Field
from rules.values.canonical import number_text

COUNTS = frozenset({"whole", "decimal", "quantity", "number", "percent"})

NUMERIC = COUNTS | {"money"}

ORDERED = NUMERIC | {"date", "moment", "duration", "any"}

WANT = {
    "numeric": "a number",
    "text": "a text",
    "moment": "a moment",
    "count": "a quantity",
    "price": "money",
    "written": "a number or a date",
}

_AMOUNTS = frozenset({"money", "decimal", "number"})

_QUANTITIES = frozenset({"quantity", "whole", "decimal", "number"})

_TEXTS = frozenset({"text", "user", "one_of"})

_FITTING = {
    "numeric": NUMERIC,
    "text": _TEXTS,
    "count": _QUANTITIES,
    "price": _AMOUNTS,
    "written": NUMERIC | {"date"},
}

_POSTED = {
    "text": _TEXTS,
    "user": _TEXTS,
    "one_of": _TEXTS,
    "money": _AMOUNTS,
    "quantity": _QUANTITIES,
    "decimal": frozenset({"decimal", "whole", "number", "percent"}),
    "whole": frozenset({"whole", "number"}),
}
"""Map each type of a document field to the types that fit it without conversion. Any other type
fits only itself.
"""

ONE_CURRENCY = "Ask about amounts of one currency: no rate stands between two."

LONGEST_TEXT = 4_000

_NUMBER = re.compile(r"[+-]?[0-9]{1,38}(?:\.[0-9]{1,38})?")

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

_SURROGATE = re.compile("[\ud800-\udfff\x00]")

LEVELS = ("exact", "product", "fraction")

_DATED = frozenset({"date", "moment"})

_MOST_WRITTEN = 100
"""The limit on combined written values. Longer lists never come from hand-written rules."""

_DURATIONS: Mapping[str, Callable[[Any, Any], Any]] = {"+": operator.add, "-": operator.sub}

_VERBS = {"+": "added to", "-": "taken together with", "*": "multiplied by", "/": "divided by"}

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
"""Round a decimal half up to the decimal places of another decimal."""

_SMALL = 10**18

_WIDE = decimal.Context(prec=400, Emin=-EXPONENT, Emax=EXPONENT)

_BELOW, _FINEST = Decimal(10**18), 12


@dataclass(frozen=True, slots=True)
class Type:
    """Define a type of the rules language.

    `states` lists the words of a word type. `level` is exact, product (unrounded) or fraction; a
    duration is exact if it is certainly a number of whole days. `currency` is blank if the amount's
    currency is not known in advance. `written` holds the constant numbers and durations that the
    rules assign, whatever a record contains.
    """

    kind: str
    states: tuple[str, ...] = ()
    level: str = "exact"
    currency: str = ""
    written: tuple[Any, ...] = ()


ANY = Type("any")

YESNO = Type("yesno")


def is_postable(have: Type, want: str) -> bool:
    """Check whether a value of a type fits a document field of type `want`."""
    return have.kind == "any" or have.kind in _POSTED.get(want, {want})


def type_fits(have: Type, want: str) -> bool:
    """Check whether a value of a type fits where a value of kind `want` is required."""
    return have.kind == "any" or have.kind in _FITTING.get(want, {want})


def two_currencies(left_type: Type, right_type: Type) -> bool:
    """Check whether two amounts have two different known currencies."""
    return left_type.currency != right_type.currency and bool(
        left_type.currency and right_type.currency
    )


def are_comparable(left_type: Type, right_type: Type) -> bool:
    """Check whether two types can be compared."""
    kinds = {left_type.kind, right_type.kind}
    if two_currencies(left_type, right_type):
        return False
    if "any" in kinds or len(kinds) == 1:
        return True
    if "money" in kinds:
        return kinds <= {"money", "number", "decimal"}
    return kinds <= COUNTS or kinds <= {"text", "user", "one_of"}


def say_type(value_type: Type, other_type: Type = ANY) -> str:
    """Return a type in words. An amount beside another currency includes its own currency."""
    if two_currencies(value_type, other_type):
        return f"money in {value_type.currency}"
    return {
        "one_of": "a word",
        "yesno": "a yes or no",
        "many": "a list",
        "money": "money",
        "text": "text",
        "user": "a user",
        "whole": "a whole number",
    }.get(value_type.kind, f"a {value_type.kind}")


def post_hint(have: Type, want: str, source_text: str, *, literal: bool) -> str:
    """Return a hint for a value whose type does not fit a document field. `source_text` is the
    value as written in the rules.
    """
    if have.kind == "moment" and want == "date":
        return f"Take the day of the moment: date_of({source_text})."
    if want == "text" and have.kind == "moment":
        return f"Take the day of the moment first: text(date_of({source_text}))."
    if want == "text" and literal:
        return f'Write "{source_text}" in quotes.'
    if want == "text" and type_fits(have, "written"):
        return f"Write text({source_text}), if it is meant so."
    return "Give a value of that type."


def compare_hint(left_type: Type, right_type: Type) -> str:
    """Return a hint for two types that cannot be compared."""
    if two_currencies(left_type, right_type):
        return ONE_CURRENCY
    if {left_type.kind, right_type.kind} == {"date", "moment"}:
        return "Take the day of the moment: date_of(x)."
    if "text" in {left_type.kind, right_type.kind} and {left_type.kind, right_type.kind} & NUMERIC:
        return "A text in quotes is not a number: leave the quotes out, or compare another field."
    return "Both sides must be of one type."


class BadValueError(ValueError):
    """Raised for a value that is not of its type. A record reader turns it into a gap."""


def clean_text(text: str) -> str:
    """Return the text with characters replaced that a database cannot store."""
    return text if text.isprintable() else _SURROGATE.sub("\ufffd", text)


def read_text(field: Field, text: str) -> Any:
    """Return the value of a text for a field. Raises BadValueError or ValueError."""
    return reader_of(field)(text)


def reader_of(field: Field) -> Callable[[Any], Any]:
    """Return the function that reads the values of a field."""
    if field.type == "one_of":
        return _states(field)
    return _READERS[field.type]


def _states(field: Field) -> Callable[[Any], Any]:
    names_by_word: dict[str, str] = {}
    for state in field.states:
        for word in (state.name, *state.aliases):
            names_by_word.setdefault(word.strip().casefold(), state.name)

    def read(raw: Any) -> str:
        name = names_by_word.get(raw.strip().casefold()) if isinstance(raw, str) else None
        if name is None:
            raise BadValueError
        return name

    return read


def as_text(raw: Any) -> str:
    """Return the text unchanged if it is short enough and storable, else raise BadValueError."""
    if type(raw) is str and raw.isprintable() and len(raw) <= LONGEST_TEXT:
        return raw  # the usual case: nothing that is printed is a surrogate
    if not isinstance(raw, str) or len(raw) > LONGEST_TEXT or _SURROGATE.search(raw):
        raise BadValueError
    return raw


class Misfit(NamedTuple):
    """What is wrong with two sides, and what to do."""

    message: str
    hint: str


def least_exact(*levels: str) -> str:
    """Return the least exact of some levels."""
    return max(levels, key=LEVELS.index)


def written_type(kind: str, values: Iterable[Any]) -> Type:
    """Return the type of constants written in the rules, with several values if a const changes
    over time.
    """
    written = tuple(values)
    if all(type(value) is timedelta for value in written):
        level = "exact" if all(map(_whole_days, written)) else "fraction"
        return Type(kind, level=level, written=written)
    return Type(kind, written=written if all(type(v) is Decimal for v in written) else ())


def _whole_days(value: timedelta) -> bool:
    return not value.seconds


def operation_type(op: str, left_type: Type, right_type: Type) -> Type | None:
    """Return the type of an operation on two types, or None if it is impossible."""
    combined = (
        _product(op, left_type, right_type) if op in "*/" else _total(op, left_type, right_type)
    )
    if combined is None or not left_type.written or not right_type.written:
        return combined
    return replace(combined, written=_combine_written(op, left_type, right_type))


def _product(op: str, left_type: Type, right_type: Type) -> Type | None:
    kinds = {left_type.kind, right_type.kind}
    if not kinds <= NUMERIC:
        return None
    level = least_exact(left_type.level, right_type.level)
    if op == "*":
        if left_type.kind == right_type.kind == "money":
            return None
        level = least_exact(level, "product") if "money" in kinds else level
        currency = left_type.currency or right_type.currency
        return Type(_stronger(left_type.kind, right_type.kind), level=level, currency=currency)
    if (right_type.kind == "money" and left_type.kind != "money") or two_currencies(
        left_type, right_type
    ):
        return None
    if left_type.kind == right_type.kind:
        return Type("decimal", level="fraction")
    return Type(left_type.kind, level="fraction", currency=left_type.currency)


def _stronger(left_kind: str, right_kind: str) -> str:
    order = ("number", "whole", "percent", "decimal", "quantity", "money")
    return max(left_kind, right_kind, key=order.index)


def _total(op: str, left_type: Type, right_type: Type) -> Type | None:
    kinds = {left_type.kind, right_type.kind}
    if two_currencies(left_type, right_type):
        return None
    if kinds <= COUNTS or kinds <= {"money", "number", "decimal"}:
        kind, currency = (
            _stronger(left_type.kind, right_type.kind),
            left_type.currency or right_type.currency,
        )
        return Type(kind, level=least_exact(left_type.level, right_type.level), currency=currency)
    if kinds == {"duration"}:
        return Type("duration", level=least_exact(left_type.level, right_type.level))
    if right_type.kind == "duration" and left_type.kind in _DATED:
        return Type(left_type.kind)
    if op == "-" and len(kinds) == 1 and left_type.kind in _DATED:
        return Type("duration", level="exact" if left_type.kind == "date" else "fraction")
    return None


def _combine_written(op: str, left_type: Type, right_type: Type) -> tuple[Any, ...]:
    """Return the results of the operation on each pair of written values. Empty if any pair has no
    result.
    """
    if len(left_type.written) * len(right_type.written) > _MOST_WRITTEN:
        return ()
    operate = (_DURATIONS if left_type.kind == "duration" else _NUMBERS)[op]
    try:
        return tuple(
            {
                operate(left_value, right_value)
                for left_value, right_value in pairs(left_type.written, right_type.written)
            }
        )
    except ArithmeticError:
        return ()


def negated_type(operand: Type) -> Type:
    """Return the type of the negated value."""
    return replace(operand, written=tuple(-value for value in operand.written))


def alternative_type(preferred: Type, default: Type) -> Type:
    """Return the type of a value or of its default."""
    written = tuple(dict.fromkeys((*preferred.written, *default.written)))
    return replace(preferred, level=least_exact(preferred.level, default.level), written=written)


def explain_misfit(op: str, left_type: Type, right_type: Type) -> Misfit:
    """Return why an operation on two types is impossible, with a hint."""
    message = (
        f"{say_type(left_type, right_type)} cannot be {_VERBS[op]} "
        f"{say_type(right_type, left_type)}"
    )
    return Misfit(message, _hint(op, left_type, right_type))


def _hint(op: str, left_type: Type, right_type: Type) -> str:
    if two_currencies(left_type, right_type):
        return ONE_CURRENCY
    if op == "*" and left_type.kind == right_type.kind == "money":
        return "Money times money is nothing: multiply money by a quantity, a number or a percent."
    if "percent" in {left_type.kind, right_type.kind}:
        return "A percent is multiplied: x * 6%."
    if "text" in {left_type.kind, right_type.kind}:
        return "Texts are not calculated with."
    return "Only numbers of one kind are added; dates take durations such as 31d."


def find_fruitless(op: str, left_type: Type, right_type: Type, right_text: str) -> Misfit | None:
    """Return an operation that the types allow but the written values make useless, or None.
    `right_text` is the right operand as written in the rules.
    """
    if op == "/" and any(not value for value in right_type.written):
        zero_certainty = "is" if not any(right_type.written) else "can be"
        message = f"'{right_text}' {zero_certainty} zero: nothing can be divided by it"
        return Misfit(message, "Write a divisor that is not zero, in every row of a const too.")
    # Reported only: another type would change how engines subtract, and so what rules in force
    # mean.
    if left_type.kind == "date" and right_type.kind == "duration" and right_type.level != "exact":
        day_certainty = "is" if right_type.written else "may be"
        message = (
            f"'{right_text}' {day_certainty} no number of whole days: on a date, the rest would "
            "not count"
        )
        return Misfit(message, "Write whole days, such as 2d. A moment takes hours: now - 36h.")
    return None


class TooLargeError(ArithmeticError):
    """Raised for a number outside the bounds that keep every evaluation short."""


def as_fraction(value: Number) -> Fraction:
    """Return the number as a fraction."""
    return value if type(value) is Fraction else Fraction(value)


def simplify(value: Fraction) -> Number:
    """Return a fraction as a decimal if it has at most 38 digits, else unchanged.

    Raises TooLargeError.
    """
    num, den = value.numerator, value.denominator
    if num.bit_length() > BITS or den.bit_length() > BITS:
        raise TooLargeError("a number has too many digits")
    if den == 1 and num.bit_length() < 126:
        return Decimal(num)
    remaining = den
    twos = (remaining & -remaining).bit_length() - 1
    remaining >>= twos
    fives = 0
    while remaining % 5 == 0:
        remaining //= 5
        fives += 1
    if remaining != 1:
        return value
    places = max(twos, fives)
    digits = num * 10**places // den
    return Decimal(digits).scaleb(-places, _WIDE) if len(str(abs(digits))) <= DIGITS else value


def add(a: Number, b: Number) -> Number:
    """Return a + b, exactly."""
    if type(a) is Decimal and type(b) is Decimal:
        return CONTEXT.add(a, b)
    return simplify(as_fraction(a) + as_fraction(b))


def subtract(a: Number, b: Number) -> Number:
    """Return a - b, exactly."""
    if type(a) is Decimal and type(b) is Decimal:
        return CONTEXT.subtract(a, b)
    return simplify(as_fraction(a) - as_fraction(b))


def multiply(a: Number, b: Number) -> Number:
    """Return a * b, exactly."""
    if type(a) is Decimal and type(b) is Decimal:
        return CONTEXT.multiply(a, b)
    return simplify(as_fraction(a) * as_fraction(b))


def divide(a: Number, b: Number) -> Number:
    """Return a / b exactly, as a fraction if no decimal is exact."""
    return simplify(as_fraction(a) / as_fraction(b))


def scale(value: Number, num: int, den: int) -> Number:
    """Return value * num / den, exactly, as a decimal if the result fits in 38 digits."""
    if type(value) is Decimal:
        if den == 1:
            return CONTEXT.multiply(value, Decimal(num))  # as generated code multiplies at once
        try:
            return CONTEXT.divide(CONTEXT.multiply(value, Decimal(num)), Decimal(den))
        except decimal.Inexact:
            pass  # no decimal says it exactly: a fraction does
    return simplify(as_fraction(value) * Fraction(num, den))


def round_half_up(value: Number, step: Decimal) -> Decimal:
    """Return the nearest multiple of `step`; halves round away from zero.

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


@lru_cache(maxsize=256)
def _places(step: Decimal) -> int | None:
    """Return the number of decimal places of a step such as 0.01, or None for any other step."""
    _, digits, exponent = step.as_tuple()
    return -exponent if digits == (1,) and isinstance(exponent, int) else None


def round_all(values: Sequence[Number], step: Decimal) -> Sequence[Decimal]:
    """Return the values rounded to `step` by round_half_up.

    >>> round_all([Decimal("2.345"), Fraction(1, 3)], Decimal("0.01"))
    [Decimal('2.35'), Decimal('0.33')]
    """
    if step > 0 and _places(step) is not None:
        try:
            return list(map(quantize, values, repeat(step)))  # type: ignore[arg-type]
        except TypeError:
            pass  # one of them is a fraction
    return [round_half_up(value, step) for value in values]


def is_simple(step: Decimal) -> bool:
    """Check whether a step is a power of ten such as 0.01, so that decimals can be quantized
    directly.
    """
    return step > 0 and _places(step) is not None


def rescale_and_round(value: Number, num: int, den: int, step: Decimal) -> Decimal:
    """Return round_half_up(scale(value, num, den), step) without an intermediate fraction.

    >>> rescale_and_round(Decimal("38.45"), 1, 12, Decimal("0.0001"))
    Decimal('3.2042')
    """
    factors = _rescale_factors(num, den, step)
    if factors is not None and type(value) is Decimal and value < _BELOW and not value.is_signed():
        if num == den:
            return quantize(value, step)
        steps = _ROUNDING.add(_ROUNDING.multiply(value, factors[0]), factors[1])
        return _ROUNDING.scaleb(_ROUNDING.divide_int(steps, factors[2]), factors[3])
    return round_half_up(scale(value, num, den), step)


@lru_cache(maxsize=4096)
def _rescale_factors(
    num: int, den: int, step: Decimal
) -> tuple[Decimal, Decimal, Decimal, int] | None:
    """Return the factors that rescale and round a small value, or None if the product might lose
    digits.

    The factors are (multiplier, addend of half a step, divisor, exponent of the result).
    """
    places = _places(step)
    if places is None or not 0 <= places <= _FINEST or max(num, den) >= _SMALL:
        return None
    return Decimal(2 * num * 10**places), Decimal(den), Decimal(2 * den), -places


def show(value: Number, places: int = 0) -> str:
    """Return a number as text: a decimal, or `5/3` if no decimal is exact."""
    if isinstance(value, Decimal):
        return number_text(value, places)
    if value.denominator == 1:
        return str(value.numerator)
    return f"{value.numerator}/{value.denominator}"


def sum_signed(values: Sequence[tuple[bool, object]]) -> Number | None:
    """Return the sum of (is_plus, value) pairs, subtracting those marked False. None if any value
    is not a number.
    """
    total: Number = Decimal(0)
    for is_plus, value in values:
        if not isinstance(value, Number):
            return None
        total = add(total, value) if is_plus else subtract(total, value)
    return total


def tighten_to_whole(op: str, bound: Number) -> tuple[str, Number]:
    """Return the equivalent comparison with a whole number, for a field that holds whole numbers
    only.
    """
    below = Decimal(as_fraction(bound).numerator // as_fraction(bound).denominator)
    is_whole = below == bound
    if op in {"<", "<="}:
        return "<=", below - 1 if op == "<" and is_whole else below
    if op in {">", ">="}:
        return ">=", below if op == ">=" and is_whole else below + 1
    return op, bound


def _decimal(raw: Any) -> Decimal:
    if isinstance(raw, str) and _NUMBER.fullmatch(text := raw.strip()):
        value = Decimal(text)
        if len(text) <= DIGITS:
            return value
    elif isinstance(raw, Decimal | int) and not isinstance(raw, bool):
        value = _plain_decimal(Decimal(raw) if abs(raw) < 10**DIGITS else None)
    else:
        raise BadValueError
    if len(value.as_tuple().digits) > DIGITS:
        raise BadValueError
    return value


def _plain_decimal(value: Decimal | None) -> Decimal:
    if value is None or not value.is_finite() or value.adjusted() < -DIGITS:
        raise BadValueError
    exponent = value.as_tuple().exponent
    return Decimal(format(value, "f")) if isinstance(exponent, int) and exponent > 0 else value


def _whole(raw: Any) -> Decimal:
    value = _decimal(raw)
    if value != value.to_integral_value():
        raise BadValueError
    return value


def _date(raw: Any) -> date:
    if not isinstance(raw, str) or not _DATE.fullmatch(raw.strip()):
        raise BadValueError
    return date.fromisoformat(raw.strip())


def _moment(raw: Any) -> datetime:
    if not isinstance(raw, str) or len(raw) > 40 or len(raw) < 16:
        raise BadValueError
    value = datetime.fromisoformat(raw.strip())
    if value.tzinfo is None:
        raise BadValueError
    return value.astimezone(UTC)


def _yesno(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    word = raw.strip().casefold() if isinstance(raw, str) else ""
    if word not in {"yes", "no", "true", "false"}:
        raise BadValueError
    return word in {"yes", "true"}


def _many(raw: Any) -> str:
    if not isinstance(raw, list | tuple):
        raise BadValueError
    return "list"


# Kept as a list of its own: a library that learns or forgets a code would change stored decisions.
# Codes that left circulation since 2015 stay, for documents of their time.
CURRENCY_CODES: Final = frozenset(
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD"  # noqa: SIM905
    " BTN BWP BYN BYR BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK"
    " DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR"
    " ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL"
    " LYD MAD MDL MGA MKD MMK MNT MOP MRO MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR"
    " NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE"
    " SLL SOS SRD SSP STD STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN"
    " UYI UYU UYW UZS VEF VES VND VUV WST XAF XCD XCG XDR XOF XPF XSU XUA YER ZAR ZMW ZWG"
    " ZWL".split()
)
"""The codes of currencies that a document may be in."""

# Signs that one currency alone is written with here: "$" and "¥" name several.
_CURRENCY_SIGNS: Final = {
    "RM": "MYR",
    "S$": "SGD",
    "US$": "USD",
    "A$": "AUD",
    "HK$": "HKD",
    "RP": "IDR",
    "€": "EUR",
    "£": "GBP",
    "฿": "THB",
    "₱": "PHP",
    "₫": "VND",
    "₹": "INR",
    "RMB": "CNY",
}


def as_currency(raw: Any) -> str:
    """Return the code of a currency; raise BadValueError for any other text."""
    text = as_text(raw)
    if text not in CURRENCY_CODES:
        raise BadValueError
    return text


def suggest_currency(text: str) -> str:
    """Return the code that a text probably means, or blank.

    >>> suggest_currency("Rm"), suggest_currency("myr "), suggest_currency("$")
    ('MYR', 'MYR', '')
    """
    word = text.strip().upper().rstrip(".")
    return word if word in CURRENCY_CODES else _CURRENCY_SIGNS.get(word, "")


_READERS: dict[str, Callable[[Any], Any]] = {
    "text": as_text,
    "user": as_text,
    "whole": _whole,
    "decimal": _decimal,
    "money": _decimal,
    "quantity": _decimal,
    "date": _date,
    "moment": _moment,
    "yesno": _yesno,
    "many": _many,
}

_NUMBERS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
}
