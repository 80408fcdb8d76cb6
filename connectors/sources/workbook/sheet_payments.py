"""What the payouts of a file pay of each order, from their lines that are sales.

Here: whether a file tells enough of its sales, and the payments of one payout. Not here: the payout
itself (sheet_orders.py), what a payment of an order is for every shop (kit/shops/payouts.py).

A sale is told by its id alone, in this file and in all others of the source: an id that occurs
twice is told as wrong, for one of both payments would take the place of the other.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from connectors.contract import IncomingRecord, RowError
from connectors.contract.schema import KindSchema
from connectors.kit.canonical_record import Cell, RawRecord
from connectors.kit.sheet_tables import place
from connectors.kit.shops import payouts
from connectors.sources.workbook.file_sheets import Parts
from connectors.sources.workbook.sheet_rows import SheetRow

_NEEDED: Final = ("part", "line_id", "amount")
_SALE: Final = "sale"
Body = Mapping[str, object]


def payment_kind(kind: KindSchema, beside: Iterable[KindSchema]) -> KindSchema | None:
    """The kind of the payments that come of records of a kind, where they may come at all."""
    if kind.kind != payouts.PAYOUT:
        return None
    return next((one for one in beside if one.kind == payouts.ORDER_PAYMENT), None)


def lacking(parts: Parts, filled: Mapping[tuple[str, str], str]) -> tuple[str, ...]:
    """The fields that no column fills and without which no sale is told, as a row has them."""
    fills = {name: key for key, name in parts.line_keys.items()}
    sheet = parts.items.name
    return tuple(fills[name] for name in _NEEDED if (sheet, fills[name]) not in filled)


@dataclass(frozen=True, slots=True)
class Payments:
    """The payments of one file: their kind, and how often each id of a sale occurs in it. `fills`:
    field of a line -> what a row fills it by.
    """

    kind: KindSchema
    ids: Mapping[str, int]
    fills: Mapping[str, str]
    zone: ZoneInfo

    def of_payout(
        self, raw: RawRecord, rows: Sequence[SheetRow], body: Body
    ) -> tuple[IncomingRecord, ...] | tuple[RowError, ...]:
        """What a payout pays of each order, or all that is wrong with its entries; `body` is the
        payout in its canonical form.
        """
        told = body.get("lines")
        lines = told if isinstance(told, list) else []
        errors, sales = list[RowError](), list[payouts.Entry]()
        for row, cells, line in zip(rows, raw.lines, lines, strict=True):
            wrong = self._wrong(row, cells, line)
            errors += wrong
            if not wrong and line["part"] == _SALE:
                sales.append(_sale(row, cells, line))
        return tuple(errors) or payouts.payments_of(raw.head, sales, self.kind, self.zone)

    def _wrong(self, row: SheetRow, cells: Mapping[str, Cell], line: Body) -> list[RowError]:
        """What is wrong with an entry, cell by cell."""
        if line.get("part") not in payouts.PARTS:
            known = ", ".join(payouts.PARTS)
            words = "This is not a kind of entry that a payout has."
            return [self._error(row, cells, "part", words, f"Write one of {known}.")]
        if line["part"] != _SALE:
            return []
        found, own = [], _text(line.get("line_id"))
        if line.get("amount") is None:
            found.append(
                self._error(row, cells, "amount", "The sale has no amount.", "Write its amount.")
            )
        if not own or self.ids.get(own, 0) > 1:
            words = "Another sale of this file has the same id." if own else "The sale has no id."
            hint = "Give each sale its own id: it settles an invoice of its own."
            found.append(self._error(row, cells, "line_id", words, hint))
        return found

    def _error(
        self, row: SheetRow, cells: Mapping[str, Cell], name: str, message: str, hint: str
    ) -> RowError:
        blank = Cell(place(row.sheet, row.number, row.columns[self.fills[name]]), "")
        cell = cells.get(name) or blank
        return RowError(where=cell.where, value=str(cell.value)[:200], message=message, hint=hint)


def payments_in(
    parts: Parts, rows: Iterable[SheetRow], kind: KindSchema, zone: ZoneInfo
) -> Payments:
    """The payments of a file with these lines, whose sales are told."""
    fills = {name: key for key, name in parts.line_keys.items()}
    return Payments(kind, Counter(_ids(rows, fills["part"], fills["line_id"])), fills, zone)


def _ids(rows: Iterable[SheetRow], part: str, line_id: str) -> Iterator[str]:
    for row in rows:
        if row.text(part) == _SALE and (found := row.text(line_id)):
            yield found


def _sale(row: SheetRow, cells: Mapping[str, Cell], line: Body) -> payouts.Entry:
    return payouts.Entry(
        place=cells["line_id"].where if "line_id" in cells else row.place,
        line_id=_text(line.get("line_id")),
        part="sale",
        amount=Decimal(str(line["amount"])),
        order_id=_text(line.get("order_id")),
        order_number=_text(line.get("order_number")),
    )


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()
