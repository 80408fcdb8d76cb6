"""Read numbers and days as people and spreadsheets write them; every other value stays as it is."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from babel.numbers import list_currencies

from connectors.contract.pulls import DayOrder
from connectors.contract.schema import FieldType


class DecimalSign(StrEnum):
    """The decimal separator of a file's numbers."""

    POINT = "point"
    COMMA = "comma"


CURRENCY_SIGNS: Final = {
    "RM": "MYR",
    "S$": "SGD",
    "US$": "USD",
    "€": "EUR",
    "£": "GBP",
    "¥": "",
    "$": "",
    "฿": "THB",
    "₱": "PHP",
    "₫": "VND",
    "Rp": "IDR",
}
"""Sign -> its currency; blank where several currencies are written with it."""

_SIGN: Final = "|".join(sorted((re.escape(sign) for sign in CURRENCY_SIGNS), key=len, reverse=True))

_AMOUNT: Final = re.compile(
    rf"(?P<minus>[-+]?) ?(?P<before>{_SIGN}|[A-Z]{{3}})?\.? ?(?P<inner>[-+]?)"
    rf"(?P<digits>\d(?:[\d.,' ]*\d)?) ?(?P<behind>{_SIGN}|[A-Z]{{3}})?(?P<trail>[-+]?)",
    re.ASCII | re.IGNORECASE,
)

_BLANKS: Final = str.maketrans({"\xa0": " ", "\u202f": " ", "\u2009": " ", "\u2212": "-"})

_DOUBTFUL: Final = re.compile(r"(?<![\d.,])\d{1,3},\d{3}(?![\d.,])", re.ASCII)
"""An amount that is a thousand times larger if its comma is no decimal sign."""

_GROUPED: Final = re.compile(r"\d{1,3}(?:([.,' ])\d{3})(?:\1\d{3})*", re.ASCII)

_PLAIN: Final = re.compile(r"\d+", re.ASCII)

_MOST_DIGITS: Final = 18

_EPOCH: Final = datetime(1899, 12, 30)  # noqa: DTZ001 - day 0 of spreadsheets, without a zone

_SERIAL: Final = re.compile(r"[3-7]\d{4}(?:\.\d{1,15})?", re.ASCII)
"""Days from 1982 to 2119: a smaller or larger number is more likely no day."""

_MONTHS: Final = {
    **dict.fromkeys(("jan", "january", "januari"), 1),
    **dict.fromkeys(("feb", "february", "februari"), 2),
    **dict.fromkeys(("mar", "march", "mac"), 3),
    **dict.fromkeys(("apr", "april"), 4),
    **dict.fromkeys(("may", "mei"), 5),
    **dict.fromkeys(("jun", "june"), 6),
    **dict.fromkeys(("jul", "july", "julai"), 7),
    **dict.fromkeys(("aug", "august", "ogos", "ogo"), 8),
    **dict.fromkeys(("sep", "sept", "september"), 9),
    **dict.fromkeys(("oct", "october", "okt", "oktober"), 10),
    **dict.fromkeys(("nov", "november"), 11),
    **dict.fromkeys(("dec", "december", "dis", "disember"), 12),
}

_DAY_FIRST: Final = re.compile(
    r"(?:[A-Za-z]{3,9},? )?(?P<day>\d{1,2})(?:st|nd|rd|th)?[-/. ]{1,2}(?P<month>[A-Za-z]{3,9})\.?,?"
    r"[-/. ]{1,2}(?P<year>\d{4}|\d{2})(?P<rest>(?:,?[ T].*)?)",
    re.ASCII,
)

_MONTH_FIRST: Final = re.compile(
    r"(?:[A-Za-z]{3,9},? )?(?P<month>[A-Za-z]{3,9})\.?[-/. ](?P<day>\d{1,2})(?:st|nd|rd|th)?,?"
    r"[-/. ](?P<year>\d{4}|\d{2})(?P<rest>(?:,?[ T].*)?)",
    re.ASCII,
)

_YEAR_FIRST: Final = re.compile(
    r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})(?P<rest>(?:[ T].*)?)", re.ASCII
)

_TIME: Final = re.compile(
    r"[ T,]*(?:at )?(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.\d{1,9})?)?"
    r" ?(?P<half>[AaPp]\.?[Mm]\.?)? ?(?P<zone>Z|UTC|GMT|(?:GMT|UTC)?[+-]\d\d:?\d\d)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class ColumnReading:
    """How the cells of a column are read: the type of its field, and what its file shows about the
    order of days and the decimal sign. `zone` is where the shop is.
    """

    type: FieldType
    zone: ZoneInfo
    days: DayOrder | None
    decimals: "Decimals"

    def read(self, value: object) -> object:
        """Return the value in the form that all sources share; a value that cannot be converted is
        unchanged.
        """
        if self.type in ("date", "moment"):
            return self._read_day(value)
        if isinstance(value, str) and self.type in ("money", "quantity", "decimal", "whole"):
            if self.decimals.doubtful and _DOUBTFUL.search(value):
                return value
            # “2 ctn” is no quantity: read as 2, cartons would become pieces.
            if self.type != "money" and any(map(str.isalpha, value)):
                return value
            amount = read_amount(value, self.decimals.sign)
            return value if amount is None else amount
        if isinstance(value, str) and self.type == "yesno":
            return _YES_NO.get(value.strip().casefold(), value)
        return value

    def _read_day(self, value: object) -> object:
        moment = read_moment(value)
        if moment is None:
            return value
        if self.type == "moment":
            return moment
        return (moment.astimezone(self.zone) if moment.tzinfo else moment).date()


_YES_NO: Final = {"y": "yes", "t": "yes", "ya": "yes", "n": "no", "f": "no", "tidak": "no"}


def currency_of(text: str) -> str:
    """Return the currency that an amount is written with; blank where its sign names none."""
    amount_match = _AMOUNT.fullmatch(_bare_amount(text))
    sign = (amount_match["before"] or amount_match["behind"] or "") if amount_match else ""
    if not sign:
        return ""
    named = {symbol.upper(): code for symbol, code in CURRENCY_SIGNS.items()}
    return named.get(sign.upper(), sign.upper())


@lru_cache(maxsize=4096)
def read_amount(text: str, decimals: DecimalSign) -> str | None:
    """Return the number that the text means, with a decimal point; None where it means none."""
    plain = _bare_amount(text)
    negative = plain.startswith("(") and plain.endswith(")")
    amount_match = _AMOUNT.fullmatch(plain[1:-1].strip() if negative else plain)
    if amount_match is None:
        return None
    code = amount_match["before"] or amount_match["behind"] or ""
    if code.isalpha() and len(code) == 3 and code.upper() not in list_currencies():
        return None
    signs = [
        sign
        for sign in (amount_match["minus"], amount_match["inner"], amount_match["trail"])
        if sign
    ]
    digits = _digits(amount_match["digits"], decimals)
    if digits is None or len(signs) > 1 or (negative and signs):
        return None
    return f"-{digits}" if negative or signs == ["-"] else digits


def _bare_amount(text: str) -> str:
    return " ".join(text.translate(_BLANKS).split()).removeprefix("'")


def _digits(text: str, decimals: DecimalSign) -> str | None:
    point, comma = (".", ",") if decimals is DecimalSign.POINT else (",", ".")
    integer_part, sign, places = text.rpartition(point) if point in text else (text, "", "")
    if sign and not _PLAIN.fullmatch(places):
        return None
    grouped = _GROUPED.fullmatch(integer_part)
    if not _PLAIN.fullmatch(integer_part) and not (grouped and grouped[1] in {comma, "'", " "}):
        return None
    plain = "".join(character for character in integer_part if character.isdigit())
    if len(plain) + len(places) > _MOST_DIGITS * 2:
        return None
    return f"{plain}.{places}" if sign else plain


@dataclass(frozen=True, slots=True)
class Decimals:
    """The decimal separator that a file's amounts show together.

    `doubtful`: the first ambiguous amount, if no other amount shows which separator is meant.
    """

    sign: DecimalSign
    doubtful: str = ""


def decimals_of(values: Iterable[object]) -> Decimals:
    """Return the decimal separator of a file.

    A sign followed by other than three digits precedes decimals. So does the last of two different
    signs.
    """
    points = commas = 0
    doubtful = ""
    for value in values:
        if not isinstance(value, str):
            continue
        amount_match = _AMOUNT.fullmatch(_bare_amount(value).strip("()"))
        text = amount_match["digits"] if amount_match else ""
        last = max(text.rfind("."), text.rfind(","))
        if last < 0:
            continue
        sign, other = text[last], "," if text[last] == "." else "."
        repeated = text.count(sign) > 1
        shows = other in text or len(text) - last - 1 != 3
        if repeated or shows:
            decimal = other if repeated else sign
            points, commas = points + (decimal == "."), commas + (decimal == ",")
        elif sign == "," and not doubtful:
            doubtful = text
    if points or commas:
        return Decimals(DecimalSign.COMMA if commas and not points else DecimalSign.POINT)
    return Decimals(DecimalSign.POINT, doubtful)


def read_moment(value: object) -> datetime | None:
    """Return the day, with its time where there is one; None where the value is no day. Days such
    as 05/06/2026 are none: the file or a person shows first which number is the day.
    """
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - a cell has no zone
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return _of_serial(format(value, "f") if isinstance(value, Decimal) else str(value))
    if not isinstance(value, str):
        return None
    text = " ".join(value.translate(_BLANKS).split()).removeprefix("'")
    return _of_serial(text) or _of_text(text)


def _of_serial(text: str) -> datetime | None:
    """Return the moment that a spreadsheet stores as this number of days, to the second."""
    if not _SERIAL.fullmatch(text):
        return None
    day_number = Decimal(text)
    seconds = int((day_number * 86_400).to_integral_value())
    return _EPOCH + timedelta(seconds=seconds)


def _of_text(text: str) -> datetime | None:
    for pattern in (_YEAR_FIRST, _DAY_FIRST, _MONTH_FIRST):
        date_match = pattern.fullmatch(text)
        if date_match is None:
            continue
        month = date_match["month"]
        number = int(month) if month.isdecimal() else _MONTHS.get(month.casefold())
        year = date_match["year"]
        if number is None:
            continue
        day = (int(year) if len(year) == 4 else 2000 + int(year), number, int(date_match["day"]))
        return _with_time(day, date_match["rest"])
    return None


def _with_time(day: tuple[int, int, int], time_text: str) -> datetime | None:
    try:
        moment = datetime(*day)  # noqa: DTZ001 - its zone follows, where it has one
    except ValueError:
        return None
    if not time_text.strip(" ,T"):
        return moment
    time = _TIME.fullmatch(time_text)
    if time is None:
        return None
    hour = int(time["hour"])
    if time["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if time["half"].casefold().startswith("p") else 0)
    zone = (time["zone"] or "").replace("GMT", "").replace("UTC", "") or (time["zone"] and "Z")
    clock = f"{hour:02}:{time['minute']}:{time['second'] or '00'}{zone or ''}"
    text = f"{moment.date().isoformat()}T{clock}"
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


_WRITTEN: Final = re.compile(
    r"(?P<first>\d{1,2})(?P<sign>[/.-])(?P<second>\d{1,2})(?P=sign)(?P<third>\d{4}|\d{2})"
    r"(?P<rest>(?:[ T]+\d{1,2}:\d\d(?::\d\d)?.*)?)",
    re.ASCII,
)

_CENTURY: Final = "20"

DateParts = tuple[str, str, str]


class OrderEvidence(StrEnum):
    """The date order that the values of a file show together: which number is the day."""

    DAY = "day"
    MONTH = "month"
    NOTHING = "nothing"
    EITHER = "either"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Days:
    """The date order shown by a file, an example that can be read in several ways, and the possible
    orders.
    """

    evidence: OrderEvidence
    example: str = ""
    ways: tuple[DayOrder, ...] = ()

    def order(self, chosen: str) -> DayOrder | None:
        """Return how the file's dates are read: by its own values, else as the user chose.

        None if unknown.
        """
        if self.evidence in (OrderEvidence.DAY, OrderEvidence.MONTH):
            return DayOrder(self.evidence.value)
        return (
            DayOrder(chosen)
            if self.evidence is OrderEvidence.EITHER and chosen in self.ways
            else None
        )


def days_of(values: Iterable[object]) -> Days:
    """Return the date order in which all of these cells can be read.

    The year first is never concluded from the values alone, since a typing error looks alike.
    """
    written: dict[DateParts, str] = {}
    for value in values:
        date_match = _WRITTEN.fullmatch(value.strip()) if isinstance(value, str) else None
        if date_match is not None:
            written.setdefault(
                (date_match["first"], date_match["second"], date_match["third"]), date_match[0]
            )
    readings_by_parts = {parts: read for parts in written if (read := readings(parts))}
    day_orders = tuple(
        day_order
        for day_order in DayOrder
        if all(day_order in read for read in readings_by_parts.values())
    )
    several = (parts for parts, read in readings_by_parts.items() if len(set(read.values())) > 1)
    example = next((written[parts] for parts in several), "")
    if not readings_by_parts:
        return Days(OrderEvidence.DAY if written else OrderEvidence.NOTHING)
    if not day_orders:
        return Days(OrderEvidence.BOTH, example)
    if DayOrder.YEAR not in day_orders and len(day_orders) == 1:
        return Days(OrderEvidence(day_orders[0].value), example, day_orders)
    in_doubt = (
        parts
        for parts, read in readings_by_parts.items()
        if len({read[day_order] for day_order in day_orders}) > 1 or day_orders == (DayOrder.YEAR,)
    )
    # A year of two digits is only ever chosen by a person: one typing error could suggest it.
    first = next(in_doubt, None)
    if first is None:
        return Days(OrderEvidence.DAY)  # 05/05/2026 is one day either way
    return Days(OrderEvidence.EITHER, written[first], day_orders)


def readings(parts: DateParts) -> dict[DayOrder, str]:
    """Return date order -> ISO date for each possible order of a date's three numbers.

    An order is left out if its month is above 12 or its day above 31. The year comes first only as
    two digits, if the last number also has two digits.
    """
    first, second, third = (number.zfill(2) for number in parts)
    year = third if len(third) > 2 else f"{_CENTURY}{third}"
    read = {DayOrder.DAY: (year, second, first), DayOrder.MONTH: (year, first, second)}
    if len(third) == 2:
        read[DayOrder.YEAR] = (f"{_CENTURY}{first}", second, third)
    return {
        order: "-".join(numbers)
        for order, numbers in read.items()
        if 1 <= int(numbers[1]) <= 12 and 1 <= int(numbers[2]) <= 31
    }


def as_iso(value: object, order: DayOrder) -> object:
    """Return the value with its date as 2026-06-05 and the text behind it unchanged.

    Any other value is returned as it is.
    """
    date_match = _WRITTEN.fullmatch(value.strip()) if isinstance(value, str) else None
    if date_match is None:
        return value
    day = readings((date_match["first"], date_match["second"], date_match["third"])).get(order)
    if day is None:
        return value
    time_text = date_match["rest"].strip()
    if time_text:
        hour, _, behind = time_text.partition(":")
        time_text = f" {hour.zfill(2)}:{behind}"
    return f"{day}{time_text}"
