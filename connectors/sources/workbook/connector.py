"""Workbooks and CSV files: orders typed or exported by hand.

Here: a file as a delivery, and as an upload that is looked at before it is one. An .xlsx has the
sheets `orders` and `order_items`, or one sheet with a row for each item that repeats the order's
own columns, as a CSV has. Columns are named as the canonical fields or as people usually name them
(headings.py); `id` is the shop's order id, and `order_id` (or `number`) in `order_items` says which
order an item belongs to. Not here: reading files (kit/workbook.py), which row belongs to which
order (sheet_orders.py), the canonical form (kit/canonical_record.py).
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from connectors.contract import Accepted, ConnectionForm, RowError, Source, SourceRefusal
from connectors.contract.uploads import (
    LEFT_OUT,
    Chosen,
    FieldLabel,
    FileColumn,
    FileOrders,
    MatchedBy,
)
from connectors.kit.canonical_record import COMPANY_CODE, orders_of
from connectors.kit.confined_process import run
from connectors.kit.sheet_tables import Limits, WorkbookRefusal
from connectors.kit.workbook import read_csv, read_tables
from connectors.sources.workbook.headings import ITEMS, JOINED, ORDERS, labels
from connectors.sources.workbook.sheet_orders import Parts, fields_of, orders_of_file, parts_of

NAME = "workbook"
ORDER = orders_of(NAME, COMPANY_CODE)
CSV = ".csv"
UPLOAD_SECONDS = 60  # of the processor, to read a file that nobody waits for at a page

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
    suffixes = (".xlsx", CSV)
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
        """The orders of a file; all good ones, and every error of the others. A column that nobody
        knows is an error, too: nobody is there to be asked.
        """
        parts = _parts(name, raw)
        if isinstance(parts, SourceRefusal):
            return parts
        found = orders_of_file(parts, ORDER, zone, {})
        if found.missing:
            sheet, column = found.missing[0]
            message = f"{sheet}: the column {column} is missing."
            return SourceRefusal(422, "missing_column", message, "Row 1 holds the column names.")
        of_orders = (error for order in found.orders for error in order.errors)
        return Accepted(
            delivery_id="file-" + hashlib.sha256(raw).hexdigest(),
            records=tuple(order.record for order in found.orders if order.record is not None),
            errors=(*_unknown(parts, found.columns), *found.errors, *of_orders),
        )

    def upload(
        self, name: str, raw: bytes, zone: ZoneInfo, chosen: Chosen
    ) -> FileOrders | SourceRefusal:
        """The orders of a file, and the columns that were read for them."""
        parts = _parts(name, raw, Limits(cpu_seconds=UPLOAD_SECONDS))
        if isinstance(parts, SourceRefusal):
            return parts
        return orders_of_file(parts, ORDER, zone, chosen)

    def fields(self, sheet_columns: Sequence[FileColumn]) -> Mapping[str, tuple[FieldLabel, ...]]:
        """What each sheet's columns can fill: of one sheet alone orders and items, else first those
        of orders.
        """
        names = tuple(dict.fromkeys(column.sheet for column in sheet_columns))
        kinds = (JOINED,) if len(names) == 1 else (ORDERS, ITEMS)
        return {name: labels(kind) for name, kind in zip(names, kinds, strict=False)}

    def with_errors(self, name: str, raw: bytes, errors: Mapping[str, str]) -> bytes | None:
        """The file with what is wrong in each row, made by a child process under limits."""
        limits = Limits()
        told = json.dumps({"csv": name.lower().endswith(CSV), "errors": dict(errors)}).encode()
        child = "connectors.sources.workbook.errors_child"
        return run(child, [], told + b"\n" + raw, limits.cpu_seconds * 6)


def _parts(name: str, raw: bytes, limits: Limits | None = None) -> Parts | SourceRefusal:
    sheets = read_csv("orders", raw) if name.lower().endswith(CSV) else read_tables(raw, limits)
    if isinstance(sheets, WorkbookRefusal):
        status = 413 if sheets.code.startswith("too_") else 422
        return SourceRefusal(status, sheets.code, sheets.message, sheets.hint)
    if name.lower().endswith(CSV):
        return Parts(sheets[0], sheets[0], sheets)
    found = parts_of(sheets)
    if isinstance(found, str):
        hint = "Name the sheets orders and order_items."
        return SourceRefusal(422, "missing_sheet", f"The sheet {found} is missing.", hint)
    return found


def _unknown(parts: Parts, columns: Sequence[FileColumn]) -> Iterator[RowError]:
    filled = Counter((one.sheet, one.field) for one in columns)
    for one in columns:
        if one.matched_by is MatchedBy.NOTHING and one.field == LEFT_OUT:
            known = fields_of(parts, one.sheet)
            twice = (
                "occurs twice" if filled[one.sheet, one.heading] else "is not known, and not read"
            )
            yield RowError(
                where=f"{one.key}1",
                value=one.heading[:200],
                message=f"The column {one.heading[:50]} {twice}.",
                hint=f"Known: {', '.join(known)}.",
            )


SOURCE: Source = Workbook()
