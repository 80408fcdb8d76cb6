"""A workbook as AutoCount reads it: columns by their exact header text, values as they are.

Here: cells to values, and what a person changes before "Import" is pressed. Not here: whether the
values are good (imports.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from connectors.kit.sheet_tables import CellValue, Limits, WorkbookRefusal
from connectors.kit.workbook import sheets_of
from connectors.kit.workbook_child import RefusedError, read

Values = dict[str, str]
MAX_FILE: Final = 20 * 1024 * 1024


class UnreadableError(Exception):
    """The import is not possible at all; the words say why."""


@dataclass(slots=True)
class RowRead:
    """One row of the first sheet, its number there, its cells by header."""

    row: int
    values: Values


def rows_of(
    content: bytes, names: Sequence[str], template: Mapping[str, str] | None = None
) -> list[RowRead]:
    """The rows below the headings. A heading that is no system column name, also for a space in
    it, is left out without a word; without the row of headings nothing can be imported. The header
    mapping of a company (`template`, heading -> column) takes the place of the names it gives.
    """
    meant = {name: name for name in names if name not in (template or {}).values()}
    meant |= template or {}
    if len(content) > MAX_FILE:
        raise UnreadableError("The file is too large")
    try:
        sheets = sheets_of(list(read(content, Limits())))
    except RefusedError as refused:
        raise UnreadableError(refused.refusal.message) from None
    if isinstance(sheets, WorkbookRefusal) or not sheets:
        raise UnreadableError("No sheet in the file")
    rows = sheets[0].rows
    heads = {at: meant[str(value)] for at, value in rows.get(1, {}).items() if str(value) in meant}
    if "DocNo" not in heads.values():
        raise UnreadableError("The header row is not there")
    return [RowRead(no, _values(rows[no], heads)) for no in sorted(rows) if no > 1]


def edited(rows: Sequence[RowRead], changes: Sequence[Mapping[str, Any]]) -> Iterator[RowRead]:
    """The rows as a person leaves them: `row`, `column` and `value`, or `row` and `delete`."""
    for one in rows:
        mine = [change for change in changes if change.get("row") == one.row]
        if any(change.get("delete") for change in mine):
            continue
        told = {str(each["column"]): str(each["value"]) for each in mine if "column" in each}
        yield RowRead(one.row, {**one.values, **told})


def _values(row: Mapping[int, CellValue], heads: Mapping[int, str]) -> Values:
    return {heads[at]: _text(value) for at, value in row.items() if at in heads}


def _text(value: CellValue) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
