"""What stands in AutoCount beside what it was told: only what is ours is compared.

Here: one comparison, used after each write and in every look-up. Not here: reading either side, and
what follows from a difference.

AutoCount rounds in silence to the decimals of the book, and drops rows in silence. A rounded
quantity or price is *kept* otherwise, and so is a total that rounding alone has moved; everything
else that is not the same is a difference. A field that AutoCount does not show cannot be compared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from connectors.contract import Kept
from connectors.kit.rounding.rounding_bounds import room

_ROUNDED = {"qty": "Qty", "unitPrice": "UnitPrice"}
_FEWEST_PLACES = 2
_PARTS, _TOTAL = "subTotal", "finalTotal"
_LISTS = ("details", "paymentDetails")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same. `field` is AutoCount's word in a line (0 is the header), or
    blank when lines came or went.
    """

    line: int
    field: str
    there: str
    words: str


@dataclass(frozen=True, slots=True)
class Compared:
    """The differences, and what AutoCount keeps otherwise."""

    differences: tuple[Difference, ...]
    kept: tuple[Kept, ...]

    @property
    def words(self) -> str:
        """The first differences, for people."""
        more = len(self.differences) - 3
        told = "; ".join(one.words for one in self.differences[:3])
        return f"{told}; and {more} more" if more > 0 else told


def compare(
    wanted: Mapping[str, Any], expected: Mapping[str, str], stands: Mapping[str, Any]
) -> Compared:
    """A body as it was sent, the amounts that were expected, and the document as it is read."""
    told: list[Difference] = []
    kept: list[Kept] = []
    theirs = _mapping(stands.get("master"))
    told += _fields(_mapping(wanted.get("master")), theirs, 0)
    for name in _LISTS:
        rows = wanted.get(name)
        if isinstance(rows, list):
            _rows(rows, stands.get(name), expected, theirs, told, kept)
    for name, text in expected.items():
        if name not in theirs or _same(text, theirs[name]):
            continue
        if name == _TOTAL and _is_near(text, theirs[name], wanted):
            kept.append(Kept(0, "FinalTotal", _shown(theirs[name])))
        else:
            told.append(_difference(0, name, theirs[name], text))
    return Compared(tuple(told), tuple(kept))


def _rows(
    rows: Sequence[Mapping[str, Any]],
    found: object,
    expected: Mapping[str, str],
    master: Mapping[str, Any],
    told: list[Difference],
    kept: list[Kept],
) -> None:
    there = [_mapping(row) for row in found] if isinstance(found, list) else []
    if len(there) != len(rows):
        words = f"{len(there)} lines exist there, not {len(rows)}"
        told.append(Difference(0, "", str(len(there)), words))
        return
    shown = _PARTS if master.get("inclusiveTax") is True else "subTotalExTax"
    for at, (ours, theirs) in enumerate(zip(rows, there, strict=True)):
        both = _ROUNDED.keys() & ours.keys() & theirs.keys()
        rounded = {name for name in both if _is_rounded(ours[name], theirs[name])}
        plain = {name: value for name, value in ours.items() if name not in rounded}
        told += _fields(plain, theirs, at + 1)
        kept += [Kept(at + 1, _ROUNDED[n], _shown(theirs[n])) for n in _ROUNDED if n in rounded]
        part = expected.get(f"{_PARTS}.{at}")
        if part is not None and shown in theirs and not _same(part, theirs[shown]):
            kept.append(Kept(at + 1, "SubTotal", _shown(theirs[shown])))


def _fields(ours: Mapping[str, Any], theirs: Mapping[str, Any], line: int) -> list[Difference]:
    return [
        _difference(line, name, theirs[name], _shown(value))
        for name, value in ours.items()
        if name in theirs and not _same(value, theirs[name], name)
    ]


def _difference(line: int, name: str, value: object, ours: str) -> Difference:
    shown, where = _shown(value), f" of line {line}" if line else ""
    there = "" if value in (None, "") else shown
    return Difference(line, name, there, f"{name}{where} is {shown} there, not {ours}")


def _same(ours: object, theirs: object, name: str = "") -> bool:
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return (ours or False) is (theirs or False)
    if name == "docNo":
        return str(ours).casefold() == str(theirs).casefold()
    if name.endswith("Date"):
        return str(ours or "")[:10] == str(theirs or "")[:10]
    if _is_number(ours) or _is_number(theirs):
        one, other = _number(ours), _number(theirs)
        return one is not None and one == other
    return str(ours or "") == str(theirs or "")


def _is_rounded(ours: object, theirs: object) -> bool:
    """Whether the other number is ours with the decimals that the book has; a book shows all of
    them, so a number that is shown with fewer than two is nobody's rounding.
    """
    one, other = _number(ours), _number(theirs)
    if one is None or other is None or one == other:
        return False
    exponent = other.as_tuple().exponent
    places = max(_FEWEST_PLACES, -exponent) if isinstance(exponent, int) else _FEWEST_PLACES
    return one.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP) == other


def _is_near(ours: object, theirs: object, wanted: Mapping[str, Any]) -> bool:
    """Whether a total is ours but for rounding."""
    one, other = _number(ours), _number(theirs)
    rows = wanted.get(_LISTS[0])
    quantities = [row.get("qty", 0) for row in rows] if isinstance(rows, list) else []
    return one is not None and other is not None and abs(one - other) <= room(quantities)


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal)


def _number(value: object) -> Decimal | None:
    """An absent number is 0, as it is there."""
    if value in (None, ""):
        return Decimal(0)
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def _shown(value: object) -> str:
    if value in (None, ""):
        return "blank"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _trimmed(value) if isinstance(value, Decimal) else str(value)


def _trimmed(value: Decimal) -> str:
    """Without the zeros that only show the decimals of the book; sen keep both places."""
    whole = value == value.to_integral_value()
    places = 0 if whole else max(2, -int(value.normalize().as_tuple().exponent))
    return format(value, f".{places}f")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
