"""Workbooks and CSV files: orders typed or exported by hand.

Here: which sheet and column holds what. An .xlsx has the sheets `orders` and `order_items`; a
CSV has one row an item, repeating the order's own columns. Columns are named as the canonical
fields, `id` is the shop's order id, and `order_id` (or `number`) in `order_items` says which
order an item belongs to. Not here: reading files (kit/workbook.py), the canonical form
(kit/canonical_record.py).
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from connectors.contract import Accepted, ConnectionForm, IncomingRecord, RowError, SourceRefusal
from connectors.kit.canonical_record import (
    COMPANY_CODE,
    LINE_FIELDS,
    Cell,
    RawRecord,
    canonical,
    orders_of,
)
from connectors.kit.delivery_counts import too_long
from connectors.kit.sheet_tables import Sheet, WorkbookRefusal, header_of, place
from connectors.kit.workbook import read_csv, read_tables

NAME = "workbook"
ORDER = orders_of(NAME, COMPANY_CODE)

_HEAD = tuple(field.name for field in ORDER.fields)
_LINE = tuple(field.name for field in LINE_FIELDS)


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of a sheet: its cells by column word, and where it stands."""

    place: str
    cells: Mapping[str, Cell]

    def text(self, *names: str) -> str:
        """The first of these cells that is filled, as text."""
        for name in names:
            if name in self.cells:
                return str(self.cells[name].value).strip()
        return ""


FORM = ConnectionForm(
    title="Workbooks and CSV files",
    gives="Orders from files that a person uploads",
    needs="Nothing to connect",
    way="file",
)


class Workbook:
    """The source `workbook`: the same orders as the webhook brings, from a file."""

    name = NAME
    form = FORM
    kinds = (ORDER,)
    suffixes = (".xlsx", ".csv")
    headers = ""

    def accept(
        self,
        headers: Mapping[str, str],  # noqa: ARG002
        raw: bytes,  # noqa: ARG002
        secrets: Sequence[str],  # noqa: ARG002
        now: datetime,  # noqa: ARG002
        zone: ZoneInfo,  # noqa: ARG002
    ) -> Accepted | SourceRefusal:
        """Nothing: a workbook carries no signature, so somebody signed in has to bring it."""
        return SourceRefusal(
            405, "no_webhook", "Workbooks are not taken here.", "Upload the file, or use ingest."
        )

    def read(self, name: str, raw: bytes, zone: ZoneInfo) -> Accepted | SourceRefusal:
        """The orders of a file; all good ones, and every error of the others."""
        csv = name.lower().endswith(".csv")
        sheets = read_csv("orders", raw) if csv else read_tables(raw)
        if isinstance(sheets, WorkbookRefusal):
            status = 413 if sheets.code.startswith("too_") else 422
            return SourceRefusal(status, sheets.code, sheets.message, sheets.hint)
        delivery_id = "file-" + hashlib.sha256(raw).hexdigest()
        return _joined(sheets[0], delivery_id, zone) if csv else _apart(sheets, delivery_id, zone)


def _apart(sheets: Sequence[Sheet], delivery_id: str, zone: ZoneInfo) -> Accepted | SourceRefusal:
    by_name = {sheet.name.strip().lower(): sheet for sheet in sheets}
    for name in ("orders", "order_items"):
        if name not in by_name:
            hint = "Name the sheets orders and order_items."
            return SourceRefusal(422, "missing_sheet", f"The sheet {name} is missing.", hint)
    refused = _lacks(by_name["orders"], ("number", "status"))
    refused = refused or _lacks(by_name["order_items"], ("pos",))
    refused = refused or _nameless(by_name["orders"], by_name["order_items"])
    if refused is not None:
        return refused
    errors = [
        *_unknown(by_name["orders"], ("id", *_HEAD)),
        *_unknown(by_name["order_items"], ("order_id", "number", *_LINE)),
    ]
    heads = _rows(by_name["orders"])
    owners = _owners(heads)
    items: dict[str, list[_Row]] = {}
    for item in _rows(by_name["order_items"]):
        owner = owners.get(item.text("order_id", "number"))
        if owner is None:
            errors.append(_orphan(item))
        else:
            items.setdefault(owner, []).append(item)
    good = [(head, items.get(head.place, [])) for head in heads]
    return _accepted(delivery_id, good, errors, zone)


def _joined(sheet: Sheet, delivery_id: str, zone: ZoneInfo) -> Accepted | SourceRefusal:
    refused = _lacks(sheet, ("number", "status", "pos"))
    if refused is not None:
        return refused
    errors = list(_unknown(sheet, ("id", *_HEAD, *_LINE)))
    groups: dict[str, list[_Row]] = {}
    for row in _rows(sheet):
        groups.setdefault(row.text("id", "number"), []).append(row)
    good = []
    for rows in groups.values():
        unlike = list(_unlike(rows))
        errors += unlike
        if not unlike:
            good.append((rows[0], rows))
    return _accepted(delivery_id, good, errors, zone)


def _accepted(
    delivery_id: str,
    orders: Sequence[tuple[_Row, Sequence[_Row]]],
    errors: list[RowError],
    zone: ZoneInfo,
) -> Accepted:
    seen = Counter(head.text("id", "number") for head, _ in orders)
    records = []
    for head, items in orders:
        if seen[head.text("id", "number")] > 1:
            errors.append(_repeated(head))
            continue
        if long := too_long(head.place, len(items)):
            errors.append(long)
            continue
        record = canonical(ORDER, _raw(head, items), zone)
        if isinstance(record, IncomingRecord):
            records.append(record)
        else:
            errors += record
    return Accepted(delivery_id=delivery_id, records=tuple(records), errors=tuple(errors))


def _raw(head: _Row, items: Sequence[_Row]) -> RawRecord:
    external_id = head.cells.get("id") or head.cells.get("number") or Cell(head.place, "")
    return RawRecord(
        external_id,
        {name: cell for name, cell in head.cells.items() if name in _HEAD},
        [{name: cell for name, cell in item.cells.items() if name in _LINE} for item in items],
    )


def _owners(heads: Sequence[_Row]) -> dict[str, str]:
    """The order that an item names, by the order's id or by its number; an id wins."""
    by_number = {head.text("number"): head.place for head in heads}
    by_id = {head.text("id"): head.place for head in heads}
    return {name: where for name, where in {**by_number, **by_id}.items() if name}


def _rows(sheet: Sheet) -> list[_Row]:
    columns = header_of(sheet)
    found = []
    for number, row in sorted(sheet.rows.items()):
        cells = {
            word: Cell(place(sheet.name, number, column), row[column])
            for column, word in columns
            if column in row
        }
        if number > 1 and cells:
            found.append(_Row(place(sheet.name, number, 1), cells))
    return found


def _lacks(sheet: Sheet, needed: Sequence[str]) -> SourceRefusal | None:
    there = {word for _, word in header_of(sheet)}
    missing = [word for word in needed if word not in there]
    return _missing(sheet, missing[0]) if missing else None


def _nameless(orders: Sheet, items: Sheet) -> SourceRefusal | None:
    """Items must say which order they belong to, by a column that the orders have too."""
    named = {word for _, word in header_of(items)} & {"order_id", "number"}
    if not named:
        return _missing(items, "order_id")
    if "number" in named or "id" in {word for _, word in header_of(orders)}:
        return None
    numbers = {row.text("number") for row in _rows(orders)}
    meant = {row.text("order_id") for row in _rows(items)}
    return _missing(orders, "id") if meant and not meant & numbers else None


def _missing(sheet: Sheet, column: str) -> SourceRefusal:
    message = f"{sheet.name}: the column {column} is missing."
    return SourceRefusal(422, "missing_column", message, "Row 1 holds the column names.")


def _unknown(sheet: Sheet, known: Sequence[str]) -> Iterator[RowError]:
    counted: Counter[str] = Counter()
    for column, word in header_of(sheet):
        counted[word] += 1
        if word not in known or counted[word] > 1:
            twice = "occurs twice" if word in known else "is not known, and not read"
            yield RowError(
                where=place(sheet.name, 1, column),
                value=word[:200],
                message=f"The column {word[:50]} {twice}.",
                hint=f"Known: {', '.join(known)}.",
            )


def _unlike(rows: Sequence[_Row]) -> Iterator[RowError]:
    """The rows of one order repeat its own columns; where they differ nobody knows which is
    right.
    """
    for row in rows[1:]:
        for name in _HEAD:
            if row.text(name) != rows[0].text(name):
                yield _wrong(
                    row.cells.get(name) or Cell(row.place, ""),
                    f"{name} differs from the first row of this order.",
                    "Repeat the same value in all rows of an order.",
                )


def _orphan(item: _Row) -> RowError:
    cell = item.cells.get("order_id") or item.cells.get("number") or Cell(item.place, "")
    return _wrong(
        cell,
        "This item belongs to no order of the sheet orders.",
        "Write the order's id in order_id.",
    )


def _repeated(head: _Row) -> RowError:
    cell = head.cells.get("id") or head.cells.get("number") or Cell(head.place, "")
    return _wrong(cell, "This order occurs twice in the file.", "Keep one row for each order.")


def _wrong(cell: Cell, message: str, hint: str) -> RowError:
    return RowError(where=cell.where, value=str(cell.value)[:200], message=message, hint=hint)
