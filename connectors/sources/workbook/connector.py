"""Workbooks and CSV files: orders, and records of other kinds, typed or exported by hand.

Here: a file as a delivery of orders, and as an upload of any kind that is looked at before it is
one. An .xlsx has the sheets `orders` and `order_items`, or one sheet with a row for each item that
repeats the order's own columns, as a CSV has; other kinds likewise under their own word. Columns
are named as the canonical fields or as people usually name them (headings.py); `id` is the shop's
order id, and `order_id` (or `number`) in `order_items` says which order an item belongs to. Not
here: reading files (kit/workbook.py), which sheet is which (file_sheets.py), which row belongs to
which order (sheet_orders.py), the canonical form (kit/canonical_record.py).
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from connectors.contract import Accepted, ConnectionForm, RowError, Source, SourceRefusal
from connectors.contract.schema import KindSchema
from connectors.contract.uploads import (
    LEFT_OUT,
    Chosen,
    FieldLabel,
    FileColumn,
    FileOrders,
    MatchedBy,
)
from connectors.kit.confined_process import run
from connectors.kit.sheet_tables import Limits, WorkbookRefusal
from connectors.kit.shops.record_kinds import kinds_of
from connectors.kit.workbook import read_csv, read_tables
from connectors.sources.workbook.file_sheets import Parts, fields_of, parts_of
from connectors.sources.workbook.headings import headings_of, labels
from connectors.sources.workbook.sheet_orders import orders_of_file
from connectors.sources.workbook.sheet_payments import payment_kind

NAME = "workbook"
KINDS = kinds_of(NAME)
CSV = ".csv"
UPLOAD_SECONDS = 60  # of the processor, to read a file that nobody waits for at a page

FORM = ConnectionForm(
    title="Workbooks and CSV files",
    gives="Records of any kind from files that a person uploads",
    needs="Nothing to connect",
    way="file",
)


class Workbook:
    """The source `workbook`: the same records as a webhook brings, from a file."""

    name = NAME
    form = FORM
    kinds = KINDS
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
        """The records of a file; all good ones, and every error of the others. Of which kind they
        are the name of the file says (`refunds.csv`); without such a name they are orders. A column
        that nobody knows is an error, too, and days that can be read in two ways: nobody is there
        to be asked.
        """
        parts = _parts(name, raw, _kind_named(name))
        if isinstance(parts, SourceRefusal):
            return parts
        found = orders_of_file(parts, zone, {})
        if found.in_doubt:
            day = found.in_doubt
            message = f"{day} can be read in more than one way: nothing says which is the day."
            hint = "Write days as 2026-06-05, or upload the file: the page asks which is meant."
            return SourceRefusal(422, "days_in_doubt", message, hint)
        if found.missing:
            sheet, column = found.missing[0]
            message = f"{sheet}: the column {column} is missing."
            return SourceRefusal(422, "missing_column", message, "Row 1 holds the column names.")
        records, of_orders = [], list[RowError]()
        for order in found.orders:
            of_orders += order.errors
            if order.record is not None:
                records.append(order.record)
        return Accepted(
            delivery_id="file-" + hashlib.sha256(raw).hexdigest(),
            records=tuple(records),
            errors=(*_unknown(parts, found.columns), *found.errors, *of_orders),
        )

    def upload(
        self,
        name: str,
        raw: bytes,
        zone: ZoneInfo,
        chosen: Chosen,
        kind: KindSchema,
        beside: Sequence[KindSchema] = (),
    ) -> FileOrders | SourceRefusal:
        """The records of a kind in a file, and the columns that were read for them; beside payouts
        what they pay of each order, where payments of orders may come.
        """
        parts = _parts(name, raw, kind, Limits(cpu_seconds=UPLOAD_SECONDS))
        if isinstance(parts, SourceRefusal):
            return parts
        return orders_of_file(parts, zone, chosen, payment_kind(kind, beside))

    def fields(
        self, sheet_columns: Sequence[FileColumn], kind: KindSchema
    ) -> Mapping[str, tuple[FieldLabel, ...]]:
        """What each sheet's columns can fill: of one sheet alone records and their lines, else
        first those of records.
        """
        headings = headings_of(kind)
        names = tuple(dict.fromkeys(column.sheet for column in sheet_columns))
        kinds = (headings.joined,) if len(names) == 1 else (headings.head, headings.items)
        return {name: labels(kind) for name, kind in zip(names, kinds, strict=False)}

    def with_errors(self, name: str, raw: bytes, errors: Mapping[str, str]) -> bytes | None:
        """The file with what is wrong in each row, made by a child process under limits."""
        limits = Limits()
        only = next((place.rpartition("!")[0] for place in errors), KINDS[0].kind)
        csv = only if name.lower().endswith(CSV) else ""  # the one sheet, as its cells are named
        told = json.dumps({"csv": csv, "errors": dict(errors)}).encode()
        child = "connectors.sources.workbook.errors_child"
        return run(child, [], told + b"\n" + raw, limits.cpu_seconds * 6)


def _kind_named(name: str) -> KindSchema:
    """The kind that the name of a file begins with, in the singular or in the plural."""
    stem = name.replace("\\", "/").rpartition("/")[2].rpartition(".")[0].casefold()
    fits = [one for one in KINDS if re.match(rf"({_either(one.kind)})(?![a-z])", stem)]
    return max(fits, key=lambda one: len(one.kind), default=KINDS[0])


def _either(kind: str) -> str:
    """A pattern of one or several of a kind: delivery, deliveries."""
    many = kind.removesuffix("y") + "ies" if kind.endswith("y") else f"{kind}s"
    return "|".join(word.replace("_", "[ _-]") for word in (kind, many))


def _parts(
    name: str, raw: bytes, kind: KindSchema, limits: Limits | None = None
) -> Parts | SourceRefusal:
    only = f"{kind.kind}s"
    sheets = read_csv(only, raw) if name.lower().endswith(CSV) else read_tables(raw, limits)
    if isinstance(sheets, WorkbookRefusal):
        status = 413 if sheets.code.startswith("too_") else 422
        return SourceRefusal(status, sheets.code, sheets.message, sheets.hint)
    if name.lower().endswith(CSV):
        return Parts(sheets[0], sheets[0], sheets, kind, headings_of(kind))
    found = parts_of(sheets, kind)
    if isinstance(found, str):
        hint = f"Name the sheets {only} and {kind.kind}_items."
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
