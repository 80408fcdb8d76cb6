"""Read typed values from a shop's payload, each with its place, and sum order lines."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import ClassVar, Literal, Self
from zoneinfo import ZoneInfo

from connectors.contract import RowError
from connectors.contract.schema import FieldSchema
from connectors.kit.canonical_record import Cell, has_binary_error

_AMOUNT = re.compile(r"-?\d{1,15}(\.\d{1,12})?", re.ASCII)

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d.*(Z|[+-]\d\d:?\d\d)", re.ASCII)

_MILLISECONDS = 10**11
"""A count of seconds reaches this in the year 5138: what is greater counts thousandths."""

ZERO = Decimal(0)

LineKind = Literal[
    "goods",  # a product
    "shipping",
    "gift_card",  # sold: money owed to its holder, no sale yet
    "tip",
    "duty",
    "fee",  # packaging, restocking, return shipping
    "surcharge",  # an extra charge for the way of paying, such as cash on delivery
    "deposit",  # goes back to the buyer, such as for a bottle
    "rounding",  # of the total, such as cash rounding
    "discount",  # belongs to no line; with a minus
    "price_support",  # what a marketplace bears of prices that are lower already
    "store_credit",  # given to the buyer, or used by them
    "adjustment",  # a difference that the shop does not explain
]
"""What a line of any shop stands for, in the field `part`. Templates give each kind its own item,
account and tax code.
"""

REST = "adjustment"

_REST_NAME = "Vouchers, coins and subsidies"


@dataclass(frozen=True, slots=True)
class Part:
    """An object at its place. What cannot be read is added to `errors`, which all parts of one
    record share.
    """

    place: str
    value: Mapping[str, object]
    errors: list[RowError] = field(default_factory=list)

    api: ClassVar[str] = "The shop's API"
    """Whose words say how a value is written."""

    def cell(self, name: str) -> Cell:
        """Return a value as it came, with its place."""
        return Cell(self.at(name), self.value.get(name))

    def cells(self, *names: str) -> dict[str, Cell]:
        """Return these values as they came, by name."""
        return {name: self.cell(name) for name in names}

    def at(self, name: str) -> str:
        """Return the place of a value, for error messages: `place.name`."""
        return f"{self.place}.{name}"

    def part(self, name: str) -> Self:
        """Return the nested object of that name; an empty part if there is none.

        A value of another type is added to `errors`.
        """
        nested = self.value.get(name)
        if nested is not None and not isinstance(nested, Mapping):
            self.wrong(name, "This is not an object.", f"Send it as {self.api} describes it.")
        inner = nested if isinstance(nested, Mapping) else {}
        return type(self)(self.at(name), inner, self.errors)

    def parts(self, name: str) -> list[Self]:
        """Return the objects of a list; none where there is no list. Add what is no object."""
        content = self.value.get(name)
        if content is None:
            return []
        items = content if isinstance(content, list) else []
        if not isinstance(content, list) or not all(isinstance(item, Mapping) for item in items):
            self.wrong(name, "This is not a list of objects.", f"Send it as {self.api} has it.")
        return [
            type(self)(f"{self.at(name)}[{at}]", item, self.errors)
            for at, item in enumerate(items)
            if isinstance(item, Mapping)
        ]

    def alone(self) -> Self:
        """Return the part with its own errors, for a record that is held by itself."""
        return type(self)(self.place, self.value)

    def text(self, name: str) -> str:
        """Return a text, or a whole number as text; blank for anything else."""
        value = self.value.get(name)
        is_integer = isinstance(value, int) and not isinstance(value, bool)
        return str(value) if isinstance(value, str) or is_integer else ""

    def flag(self, name: str) -> bool:
        """Check whether the value is exactly `true`."""
        return self.value.get(name) is True

    def stated(self, name: str) -> bool:
        """Check whether the payload has a value of that name."""
        return self.value.get(name) is not None

    def amount(self, name: str) -> Decimal:
        """Return an amount that came as text or as a number; zero if it is missing."""
        return self.exact(name, self.value.get(name))

    def exact(self, name: str, value: object) -> Decimal:
        """Return the value of `name` as a decimal; zero if it is missing.

        A value that is no amount is added to `errors` and gives zero.
        """
        if value is None:
            return ZERO
        if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
            return self._no_amount(name)
        text = format(value, "f") if isinstance(value, Decimal) else str(value).strip()
        if not _AMOUNT.fullmatch(text):
            return self._no_amount(name)
        amount = Decimal(text)
        if has_binary_error(amount):
            message = f"{text} is the inexact result of a binary calculation."
            self.wrong(name, message, "Send it rounded, such as 49.50.")
            return ZERO
        return amount

    def whole(self, name: str) -> int:
        """Return a number of pieces; zero if it is missing.

        A value that is no whole number is added to `errors`.
        """
        count = self.value.get(name)
        if count is None:
            return 0
        if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count < 10**12:
            self.wrong(name, "This is not a number of pieces.", "Send a whole number, such as 3.")
            return 0
        return count

    def day(self, name: str, zone: ZoneInfo) -> Cell:
        """Return the date of a moment in the shop's time zone.

        A value that is no moment is returned as it came, for a later check.
        """
        text = self.value.get(name)
        if not isinstance(text, str):
            return self.cell(name)
        try:
            when = datetime.fromisoformat(text)
            date_text = when.astimezone(zone).date().isoformat() if when.tzinfo else text
        except (ValueError, OverflowError):
            date_text = text
        return Cell(self.at(name), date_text)

    def moment(self, *names: str) -> Cell:
        """Return the first of these moments that has a value.

        A moment without a time zone is added to `errors`, for guessing the zone could be wrong.
        """
        name = next((name for name in names if self.value.get(name)), names[-1])
        text = self.value.get(name)
        if isinstance(text, str) and not _MOMENT.fullmatch(text.strip()):
            hint = "Send it as 2026-11-19T14:03:11+08:00."
            self.wrong(name, "This is not a date and time with a time zone.", hint)
        return self.cell(name)

    def since_1970(self, name: str) -> datetime | None:
        """Return a moment that came as seconds or milliseconds since 1970; None if it is missing or
        0. Other values are added to `errors`.
        """
        number = self.value.get(name)
        if number is None or number == 0:
            return None
        if isinstance(number, int) and not isinstance(number, bool) and 0 < number < 10**15:
            seconds, milliseconds = divmod(number, 1000) if number >= _MILLISECONDS else (number, 0)
            return datetime.fromtimestamp(seconds, UTC).replace(microsecond=milliseconds * 1000)
        hint = "Send it in seconds since 1970, such as 1763531100."
        self.wrong(name, "This is not a date and time counted from 1970 on.", hint)
        return None

    def differs(self, name: str, stated: Decimal, computed: Decimal, message: str) -> None:
        """Add the error that a stated amount differs from the sum of its parts.

        The record is stored and held with both amounts and their difference (SUM01). The values
        stay as they came. A line for the difference may be added, which is posted once a person
        releases the hold.
        """
        place = self.at(name)
        error = RowError(
            where=place,
            value="",
            message=message,
            hint="Compare it in the shop: a newer version with figures that agree ends the hold.",
            stated=stated,
            computed=computed,
        )
        if error not in self.errors:
            self.errors.append(error)

    def wrong(self, name: str, message: str, hint: str) -> None:
        """Add that a value cannot be read; it stays blank, and its record is held (VAL04)."""
        value = self.value.get(name)
        excerpt = value[:200] if isinstance(value, str) else ""
        error = RowError(where=self.at(name), value=excerpt, message=message, hint=hint)
        if error not in self.errors:
            self.errors.append(error)

    def has_unread(self) -> bool:
        """Check whether a value in this part could not be read, so that what follows from it is
        not known either.
        """
        inside = f"{self.place}."
        return any(error.stated is None and error.where.startswith(inside) for error in self.errors)

    def _no_amount(self, name: str) -> Decimal:
        self.wrong(
            name, "This is not an amount.", "Send digits and a decimal point, such as 49.50."
        )
        return ZERO


def plain(amount: Decimal) -> str:
    """Return an amount as text, neither shortened nor with an exponent."""
    return format(amount, "f")


def rounded_to_sum(
    values: Sequence[Decimal], total: Decimal, unit: Decimal, most: Decimal
) -> list[Decimal]:
    """Return the values rounded to `unit` so that they add up to the total.

    What rounding leaves is put on the values that were rounded furthest the other way, then on the
    largest, a unit each. If more than `most` is left, the values do not add up: the difference has
    another reason.
    """
    rounded = [value.quantize(unit, ROUND_HALF_UP) for value in values]
    remainder = total - sum(rounded, ZERO)
    if not remainder or abs(remainder) > most or remainder % unit:
        return rounded
    step = unit.copy_sign(remainder)
    places = sorted(
        (at for at, value in enumerate(values) if value),
        key=lambda at: ((rounded[at] - values[at]) * step, -abs(values[at])),
    )
    for at in places[: int(remainder / step)]:
        rounded[at] += step
    return rounded


def part_field(*kinds: LineKind) -> FieldSchema:
    """Return the field `part` of a kind whose lines are of these kinds."""
    return FieldSchema(name="part", meaning=f"What the line stands for: {', '.join(kinds)}.")


@dataclass(frozen=True, slots=True)
class Line:
    """One line as cells, and its amount."""

    cells: Mapping[str, Cell]
    amount: Decimal


def one_of(part: str, name: str, place: str, amount: Decimal) -> Line:
    """Return a line of quantity 1 for a charge that is not goods, such as shipping or a
    difference.
    """
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
    """Return the sum of the lines' amounts."""
    return sum((line.amount for line in lines), ZERO)


def with_the_rest(lines: Sequence[Line], total: Decimal, place: str) -> list[Line]:
    """Return the lines, plus an adjustment line if they do not add up to the total."""
    difference = total - summed(lines)
    return [*lines, *([one_of(REST, _REST_NAME, place, difference)] if difference else [])]


def numbered(lines: Sequence[Line]) -> list[Mapping[str, Cell]]:
    """Return the cells of the lines, each with its position from 1."""
    return [{"pos": Cell("", at), **line.cells} for at, line in enumerate(lines, 1)]
