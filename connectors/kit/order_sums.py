"""Complete an order: a line for its cash rounding, whether its prices include tax, and its sums."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Final

from connectors.contract import RowError
from connectors.kit.canonical_record import Cell, RawRecord, has_binary_error
from connectors.kit.shops.payload_parts import LineKind

UNTAXED: Final = "NONE"
"""The tax word of a line without tax, for sources that state one word a line."""

ROUND_OFF: Final = "round_off"

INCLUSIVE: Final = "prices_include_tax"

_YES: Final = ("true", "yes", "1")

_BLANK: Final = ("", "none")

_SEN: Final = Decimal("0.01")

_PIECES: Final = "PCS"

_MOST_DIGITS: Final = 15

_MOST_PLACES: Final = 12
"""As many decimals as a record stores: a binary number such as 30.299999999999997 has more."""


def amount_of(cell: Cell | None) -> Decimal | None:
    """Return the amount in a cell; None if it has none."""
    if cell is None or isinstance(cell.value, bool) or str(cell.value).strip() == "":
        return None
    try:
        amount = Decimal(str(cell.value).strip())
    except InvalidOperation:
        return None
    # The exponent is checked first: 1e999999999 overflows in any arithmetic.
    if amount.is_finite() and not amount:
        return Decimal(0)
    if not amount.is_finite() or not -_MOST_PLACES <= amount.adjusted() < _MOST_DIGITS:
        return None
    places = -int(amount.normalize().as_tuple().exponent)
    return None if places > _MOST_PLACES or has_binary_error(amount) else amount


def line_amount(line: Mapping[str, Cell]) -> Decimal | None:
    """Return a line's amount in whole sen; None if its cells do not show it."""
    if (stated := amount_of(line.get("amount"))) is not None:
        return stated
    qty, price = amount_of(line.get("qty")), amount_of(line.get("price"))
    if qty is None or price is None:
        return None
    off = amount_of(line.get("discount")) or Decimal(0)
    return (qty * price - off).quantize(_SEN, ROUND_HALF_UP)


def complete_order(raw: RawRecord) -> RawRecord:
    """Complete an order with a line for its cash rounding and a flag if its prices include tax.

    An order that needs neither is returned unchanged.
    """
    order = _with_rounding(raw)
    return _with_inclusive_prices(order)


def _with_rounding(raw: RawRecord) -> RawRecord:
    """Return an order with a line for its cash rounding, unless it has such a line or no
    rounding.
    """
    cell = raw.head.get(ROUND_OFF)
    amount = amount_of(cell)
    if cell is None or not amount or any(_part(line) == "rounding" for line in raw.lines):
        return raw
    line = own_line("rounding", "Rounding", amount, next_position(raw.lines), cell.where)
    return replace(raw, lines=[*raw.lines, line])


def _with_inclusive_prices(raw: RawRecord) -> RawRecord:
    """Set `prices_include_tax` if only then the lines add up to the order's stated total.

    An order that already states it is returned unchanged.
    """
    total, tax = (raw.head.get(name) for name in ("total", "tax_total"))
    stated, added = amount_of(total), amount_of(tax)
    flag = raw.head.get(INCLUSIVE)
    amounts = [line_amount(line) for line in raw.lines]
    if total is None or stated is None or not added or None in amounts:
        return raw
    if flag is not None and str(flag.value if flag.value is not None else "").strip():
        return raw
    if sum((amount for amount in amounts if amount is not None), Decimal(0)) != stated:
        return raw
    return replace(raw, head={**raw.head, INCLUSIVE: Cell(total.where, "yes")})


def settle_sums(
    raw: RawRecord, *, amounts_hold_tax: bool = False
) -> tuple[RawRecord, tuple[RowError, ...]]:
    """Return an order or refund whose lines and tax add up to its total, and an error if they did
    not.

    The error holds the record (SUM01). A rounding line takes the difference, so that the document
    has the stated total once the hold is released. Nothing is compared if the total, the tax or a
    line's amount is missing or unreadable. Lines without tax need no total tax. `amounts_hold_tax`:
    the lines' amounts include their tax.
    """
    total = raw.head.get("total")
    stated = amount_of(total)
    tax_total = raw.head.get("tax_total", Cell("", ""))
    tax = Decimal(0) if amounts_hold_tax else amount_of(tax_total)
    if tax_total.value in (None, "") and {_tax_word(line) for line in raw.lines} == {UNTAXED}:
        tax = Decimal(0)
    amounts = [line_amount(line) for line in raw.lines]
    if total is None or stated is None or tax is None or not amounts or None in amounts:
        return raw, ()
    goods = sum((amount for amount in amounts if amount is not None), Decimal(0))
    flag = raw.head.get(INCLUSIVE)
    word = str(flag.value).strip().casefold() if flag is not None else ""
    computed = goods if word in _YES else goods + tax
    if stated == computed or (word in _BLANK and stated == goods):
        return raw, ()
    difference = stated - computed
    rounding = (amount_of(raw.head.get(ROUND_OFF)) or Decimal(0)) + difference
    name = "Difference to the total"
    line = own_line("rounding", name, difference, next_position(raw.lines), total.where)
    error = RowError(
        where=total.where,
        value=str(total.value)[:200],
        message="The lines and the tax do not come to the total.",
        hint="Compare it in the source: a newer version with figures that agree ends the hold.",
        field="total",
        stated=stated,
        computed=computed,
    )
    head = {**raw.head, ROUND_OFF: Cell(total.where, format(rounding, "f"))}
    return replace(raw, head=head, lines=[*raw.lines, line]), (error,)


def own_line(
    part: LineKind, name: str, amount: Decimal, pos: int, where: str
) -> Mapping[str, Cell]:
    """Return a line that is no goods and bears no tax, in the fields that all sources share."""
    value = format(amount, "f")
    cells = {
        "pos": pos,
        "part": part,
        "sku": part.upper(),
        "name": name,
        "uom": _PIECES,
        "qty": 1,
        "price": value,
        "amount": value,
        "tax": UNTAXED,
    }
    return {field: Cell(where, cell_value) for field, cell_value in cells.items()}


def next_position(lines: Iterable[Mapping[str, Cell]]) -> int:
    """Return the line number that follows the highest one in use."""
    positions = [amount_of(line.get("pos")) for line in lines]
    numbers = [int(position) for position in positions if position is not None]
    return max([*numbers, len(positions)]) + 1


def _tax_word(line: Mapping[str, Cell]) -> str:
    """Return the tax word of a line in capitals; blank if it has none."""
    cell = line.get("tax")
    return "" if cell is None or cell.value is None else str(cell.value).strip().upper()


def _part(line: Mapping[str, Cell]) -> str:
    cell = line.get("part")
    return str(cell.value).strip() if cell is not None else ""
