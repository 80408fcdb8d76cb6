"""Complete an order of a spreadsheet: number its lines, turn columns into lines, compare sums."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from connectors.contract import RowError
from connectors.contract.schema import MARKETPLACE, KindSchema
from connectors.kit.canonical_record import Cell
from connectors.kit.order_sums import (
    INCLUSIVE,
    ROUND_OFF,
    UNTAXED,
    amount_of,
    line_amount,
)
from connectors.kit.shops.payload_parts import LineKind
from connectors.sources.workbook.known_exports import KnownExport

_SEN: Final = Decimal("0.01")

_PRICE: Final = Decimal("0.000001")

_REFUNDED: Final = " refunded"

_CANCELLED: Final = ", cancelled"

_PARTS: Final[Sequence[tuple[str, LineKind, str]]] = (
    ("+shipping", "shipping", "Shipping"),
    ("+line_shipping", "shipping", "Shipping"),
    ("+fee", "fee", "Fee"),
    ("+duty", "duty", "Duty"),
    ("+tip", "tip", "Tip"),
    ("+platform_rebate", "price_support", "Rebate of the marketplace"),
    ("+order_discount", "discount", "Discount"),
    ("+more_discount", "discount", "Further discount"),
)
"""A column, the kind of line that it becomes, and the line's name."""

_DISCOUNTS: Final = ("+order_discount", "+more_discount")

_BORNE_BY_PLATFORM: Final = (
    "+platform_voucher",
    "+platform_coins",
    "+platform_bundle",
    "+platform_card",
    "+platform_rebate",
)

_FACTORS: Final = ("qty", "price", "discount", "amount")

_OF_ITEM: Final = frozenset({"sku", "name", *_FACTORS})
"""Fields of a line that an order without items leaves blank: its total has nothing to equal."""

_PERCENTS: Final = range(1, 31)

Cells = dict[str, Cell]


@dataclass(slots=True)
class SheetOrder:
    """One order as its rows hold it: cells by field, of its head and of each line.

    `extras` and `line_extras` are cells of columns that match no field. `place` is its first cell,
    `stated` the cell of its total. `interpreted`: the rows do not use our own layout, so the total
    must prove the values that were read.
    """

    place: str
    head: Cells
    lines: list[Cells]
    extras: Cells
    line_extras: list[Cells]
    interpreted: bool
    export: KnownExport | None = None
    errors: list[RowError] = field(default_factory=list)


def number_lines(order: SheetOrder) -> bool:
    """Number the lines from 1 where none has a number; return whether that was done."""
    if any("pos" in line for line in order.lines):
        return False
    for at, line in enumerate(order.lines, 1):
        line["pos"] = Cell(order.place, at)
    return bool(order.lines)


def complete_rows(order: SheetOrder, kind: KindSchema) -> None:
    """Complete an order read from a sheet.

    Fill fields that the export keeps in other columns, and add a line for each amount column, such
    as shipping. Add an error to the order if its lines do not come to its total.
    """
    order.errors += _unread_amounts(order)
    unread = bool(order.errors) or any(
        _is_unread(line.get(name)) for line in order.lines for name in _FACTORS
    )
    _fill_head(order)
    if order.export is not None and order.export.marketplace:
        order.head.setdefault(MARKETPLACE, Cell(order.place, order.export.name))
    fields = {field_schema.name for field_schema in kind.lines}
    for line, extras in zip(order.lines, order.line_extras, strict=True):
        _fill_line(order, line, extras, fields)
    sums, stated_prices = _Sums.of(order), _stated_prices(order)
    reading = _Reading(discounted=True, inclusive=bool(stated_prices))
    total = amount_of(order.head.get("total"))
    if total is None:
        if order.export is not None and order.export.row_is_piece and sums.complete:
            order.head["total"] = Cell(order.place, str(sums.come_to(reading)))
    else:
        stated = total + sums.platform
        if sums.platform:
            order.head["total"] = Cell(order.head["total"].where, str(stated))
        proved = sums.reading_of(stated, len(order.lines), stated_prices)
        itemized = any(not _OF_ITEM.isdisjoint(line) for line in order.lines)
        comparable = order.interpreted and not unread and (itemized or bool(order.export))
        if proved is None and comparable:
            order.errors.append(_difference(order, stated, sums.come_to(reading)))
            _book_difference(order, sums, stated - sums.come_to(reading))
        reading = proved or reading
    _add_lines(order, sums, reading, fields)
    if sums.complete:
        _fill_totals(order, sums, reading, kind)


def _is_unread(cell: Cell | None) -> bool:
    """Check whether a cell holds something that is no amount."""
    return cell is not None and bool(str(cell.value).strip()) and amount_of(cell) is None


def _unread_amounts(order: SheetOrder) -> Iterator[RowError]:
    """Yield errors for unreadable amounts in columns that match no field, such as shipping."""
    names = [*(name for name, _, _ in _PARTS), *_BORNE_BY_PLATFORM, "+refunded", "+line_total"]
    for cells in (order.extras, *order.line_extras):
        for name in names:
            cell = cells.get(name)
            if cell is not None and _is_unread(cell):
                hint = "Write it with digits and a decimal point, such as 1234.50."
                value = str(cell.value)[:200]
                yield RowError(
                    where=cell.where, value=value, message="This is not a number.", hint=hint
                )


@dataclass(frozen=True, slots=True)
class _Reading:
    """An interpretation of an order's amounts: whether the order's discount reduces the prices, and
    whether the prices include tax.
    """

    discounted: bool
    inclusive: bool


@dataclass(frozen=True, slots=True)
class _Sums:
    """The sums of an order's columns. `complete`: every line has a readable amount."""

    goods: Decimal
    tax: Decimal
    rounding: Decimal
    platform: Decimal
    parts: Mapping[str, Decimal]
    complete: bool

    @classmethod
    def of(cls, order: SheetOrder) -> "_Sums":
        """Return the sums of all amounts that can be read."""
        amounts = [line_amount(line) for line in order.lines]
        parts = {name: _part(order, name) for name, _, _ in _PARTS}
        return cls(
            goods=sum((amount for amount in amounts if amount is not None), Decimal(0)),
            tax=amount_of(order.head.get("tax_total")) or Decimal(0),
            rounding=amount_of(order.head.get("round_off")) or Decimal(0),
            platform=_borne_by_platform(order),
            parts={name: amount for name, amount in parts.items() if amount},
            complete=None not in amounts and None not in parts.values(),
        )

    @property
    def discount(self) -> Decimal:
        """Return the order's discounts, which are written with and without a minus."""
        return sum((self.parts.get(name, Decimal(0)) for name in _DISCOUNTS), Decimal(0))

    @property
    def beside(self) -> Decimal:
        """The shipping, fees and tips that the buyer pays in addition to the goods."""
        others = (amount for name, amount in self.parts.items() if name not in _DISCOUNTS)
        return sum(others, Decimal(0))

    def come_to(self, reading: _Reading) -> Decimal:
        """Return the order's total if its amounts are interpreted in this way."""
        total = self.goods + self.beside + self.rounding
        total -= self.discount if reading.discounted else 0
        return total if reading.inclusive else total + self.tax

    def reading_of(self, total: Decimal, lines: int, stated: bool | None) -> _Reading | None:
        """Return the first interpretation of the amounts that gives the order's total, or None.

        Each line may be off by half a sen. `stated`: whether the order's prices include tax, or
        None if the order does not show it.
        """
        most = _SEN + _SEN / 2 * max(lines - 1, 0)
        tax_modes = (False, True) if self.tax else (False,)
        for inclusive in tax_modes if stated is None else (stated,):
            for discounted in (True, False) if self.discount else (True,):
                reading = _Reading(discounted, inclusive)
                if abs(self.come_to(reading) - total) <= most:
                    return reading
        return None


def _borne_by_platform(order: SheetOrder) -> Decimal:
    """Return the vouchers that the marketplace pays: they are revenue of the seller."""
    amounts = (amount_of(order.extras.get(name)) for name in _BORNE_BY_PLATFORM)
    return sum((abs(amount) for amount in amounts if amount is not None), Decimal(0))


def _part(order: SheetOrder, name: str) -> Decimal | None:
    cell = order.extras.get(name)
    amount = Decimal(0) if cell is None else amount_of(cell)
    return amount if amount is None or name not in _DISCOUNTS else abs(amount)


def _fill_head(order: SheetOrder) -> None:
    head, extras = order.head, order.extras
    names = [str(extras[name].value) for name in ("+first_name", "+last_name") if name in extras]
    if "customer_name" not in head or "+company" in extras:
        name = extras.get("+company") or Cell(order.place, " ".join(names))
        if str(name.value).strip():
            head["customer_name"] = name
    status = head.get("status")
    if status is None:
        return
    refunded, cancelled = amount_of(extras.get("+refunded")), "+cancelled_at" in extras
    word = str(status.value).strip()
    if cancelled and word.casefold() in ("refunded", "voided"):
        head["status"] = Cell(extras["+cancelled_at"].where, "cancelled")
    elif cancelled and word.casefold() != "cancelled":
        head["status"] = Cell(extras["+cancelled_at"].where, (word + _CANCELLED)[:100])
    elif refunded and "refund" not in word.casefold():
        # The refund's lines are not in the file: the rules hold a word that they do not know.
        head["status"] = Cell(
            extras["+refunded"].where, ", ".join((word, str(abs(refunded)) + _REFUNDED))[:100]
        )


def _fill_line(order: SheetOrder, line: Cells, extras: Cells, fields: set[str]) -> None:
    if order.export is not None:
        if "uom" in fields:
            line.setdefault("uom", Cell(order.place, order.export.unit))
        if order.export.row_is_piece:
            line.setdefault("qty", Cell(order.place, 1))
    if "part" in fields:
        line.setdefault("part", Cell(order.place, "goods"))
    off = amount_of(line.get("discount"))
    if off is not None and off < 0 and order.export is not None:
        line["discount"] = Cell(line["discount"].where, str(-off))
    if "tax" not in line and (name := _order_tax(order)) is not None:
        taxable = str(extras["+line_taxable"].value).casefold() if "+line_taxable" in extras else ""
        line["tax"] = Cell(name.where, UNTAXED if taxable in ("false", "no") else name.value)
    _fill_price(line, extras.get("+line_total"))
    amount = line_amount(line)
    if "amount" in fields and "amount" not in line and amount is not None:
        line["amount"] = Cell(order.place, str(amount))


def _order_tax(order: SheetOrder) -> Cell | None:
    """Return the name of the order's tax.

    Shopify's export leaves the name blank where an order bears no tax.
    """
    name, tax = order.extras.get("+order_tax"), order.head.get("tax_total")
    if name is not None or tax is None or amount_of(tax) != 0:
        return name
    names_taxes = order.export is not None and "+order_tax" in order.export.fields.values()
    return Cell(tax.where, UNTAXED) if names_taxes else None


def _fill_price(line: Cells, total: Cell | None) -> None:
    """Fill the unit price from the line's total, if no column holds it.

    With 0 pieces, only if the total is 0.
    """
    line_total, qty = amount_of(total), amount_of(line.get("qty"))
    if (
        total is None
        or line_total is None
        or qty is None
        or "price" in line
        or (line_total and not qty)
    ):
        return
    price = line_total / qty if qty else line_total
    line["price"] = Cell(total.where, format(price.quantize(_PRICE), "f"))


def _stated_prices(order: SheetOrder) -> bool | None:
    """Return whether the order's prices include tax, if the order states it; else None."""
    cell = order.head.get(INCLUSIVE)
    word = str(cell.value).strip().casefold() if cell is not None else ""
    return {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}.get(word)


def _difference(order: SheetOrder, stated: Decimal, computed: Decimal) -> RowError:
    cell, difference = order.head["total"], stated - computed
    hint = "Check that no row and no amount of the order is missing in the file."
    blank = (at for at, line in enumerate(order.lines, 1) if line_amount(line) is None)
    if at := next(blank, 0):
        hint = f"Line {at} has no amount. Write its price, or 0 if it is free."
    return RowError(
        where=cell.where,
        value=str(cell.value)[:200],
        message=f"The lines come to {computed:.2f} and the order to {stated:.2f}: "
        f"{difference:+.2f}.",
        hint=hint,
        field="total",
        stated=stated,
        computed=computed,
    )


def _book_difference(order: SheetOrder, sums: _Sums, difference: Decimal) -> None:
    """Add a difference to the order's rounding.

    Once its hold is released, the rounding line makes the document equal the order's total.
    """
    if sums.complete:
        where = order.head["total"].where
        order.head[ROUND_OFF] = Cell(where, format(sums.rounding + difference, "f"))


def _add_lines(order: SheetOrder, sums: _Sums, reading: _Reading, fields: set[str]) -> None:
    """Add the lines of shipping, fees, tips and discounts that are not 0."""
    goods = {str(line["tax"].value) for line in order.lines if "tax" in line}
    common = goods.pop() if len(goods) == 1 else None
    charge_tax = _tax_beside(order, sums, reading, common)
    units = [line["uom"] for line in order.lines if "uom" in line]
    positions = [amount_of(line.get("pos")) or Decimal(0) for line in order.lines]
    pos = int(max(positions, default=Decimal(0)))
    for name, part, title in _PARTS:
        amount = sums.parts.get(name)
        if not amount or (name in _DISCOUNTS and not reading.discounted):
            continue
        pos += 1
        where = order.extras[name].where
        value = format(-amount if part == "discount" else amount, "f")
        name_cell = order.extras.get("+shipping_name") if part == "shipping" else None
        values: dict[str, object] = {
            "pos": pos,
            "part": part,
            "sku": part.upper(),
            "name": name_cell.value if name_cell else title,
            "uom": units[0].value if units else None,
            "qty": 1,
            "price": value,
            "amount": value,
            "tax": common if part == "discount" else charge_tax,
        }
        named = {key: Cell(where, value) for key, value in values.items() if value is not None}
        order.lines.append({key: cell for key, cell in named.items() if key in fields})


def _tax_beside(
    order: SheetOrder, sums: _Sums, reading: _Reading, common: str | None
) -> str | None:
    """Return the tax type of shipping and fees: as a column has it, else as the tax shows; None
    where it cannot be known.
    """
    if (tax_cell := order.extras.get("+shipping_tax")) is not None:
        return str(tax_cell.value)
    on_shipping = amount_of(order.extras.get("+shipping_tax_amount"))
    if on_shipping is not None:
        return common if on_shipping else UNTAXED
    if common is None or not sums.tax:
        return common
    goods = sums.goods - (sums.discount if reading.discounted else 0)
    fits_goods = _has_plain_rate(sums.tax, goods, inclusive=reading.inclusive)
    together = _has_plain_rate(sums.tax, goods + sums.beside, inclusive=reading.inclusive)
    if fits_goods == together:
        return None
    return UNTAXED if fits_goods else common


def _has_plain_rate(tax: Decimal, base: Decimal, *, inclusive: bool) -> bool:
    """Check whether the tax is a whole percentage of the base."""
    return any(
        abs((base * percent / (100 + percent if inclusive else 100)) - tax) <= _SEN
        for percent in _PERCENTS
    )


def _fill_totals(order: SheetOrder, sums: _Sums, reading: _Reading, kind: KindSchema) -> None:
    head, fields = order.head, {field_schema.name for field_schema in kind.fields}
    if "total" not in head:
        return
    where = head["total"].where
    values: dict[str, object] = {}
    if reading.inclusive:
        values[INCLUSIVE] = "yes"
        values["subtotal"] = str(sums.come_to(reading) - sums.tax - sums.rounding)
    elif sums.parts or "subtotal" not in head:
        lines = [line_amount(line) or Decimal(0) for line in order.lines]
        head["subtotal"] = Cell(where, str(sum(lines, Decimal(0))))
    if "tax_total" not in head and not reading.inclusive and order.interpreted:
        values["tax_total"] = "0.00"
    total = amount_of(head["total"])
    if order.interpreted and total == sums.come_to(reading):
        values["round_off"] = "0.00"
    if sums.discount and reading.discounted:
        values["discount_total"] = str(sums.discount)
    refunded = amount_of(order.extras.get("+refunded"))
    if refunded is not None:
        values["refunded_total"] = str(abs(refunded))
    for name, value in values.items():
        if name in fields and name not in head:
            head[name] = Cell(where, value)


def blank_cells(
    order: SheetOrder, kind: KindSchema, headings: Mapping[str, tuple[str, str]], row: str
) -> Iterator[RowError]:
    """Report each required header field whose own cell is blank, with the place of that cell.

    `headings`: field -> its column's letters and heading.
    """
    sheet, _, cell = row.rpartition("!")
    number = cell.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    for field_schema in kind.fields:
        filled = order.head.get(field_schema.name)
        if not field_schema.required or field_schema.name not in headings:
            continue
        if filled is None or str(filled.value).strip() == "":
            letters, heading = headings[field_schema.name]
            words = f"{heading} is blank."
            where = f"{sheet}!{letters}{number}"
            order.head[field_schema.name] = Cell(where, "")
            hint = f"Fill in {heading}."
            yield RowError(where=where, value="", message=words, hint=hint, field=field_schema.name)
