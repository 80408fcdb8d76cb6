"""A workbook that a person uploaded, as it looked, with what is wrong in each row beside it.

Here: the column Errors in a workbook that keeps its fonts, formats of numbers and days, widths,
merged cells and other sheets, as far as openpyxl keeps them: charts, pictures and pivot tables are
gone. What a formula came to is a value, and text that begins as a formula does stays text. Not
here: large workbooks, whose formats would take too much memory, and CSV files (errors_child.py).
"""

import copy
import io
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any, Final

import openpyxl
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell, MergedCell
from openpyxl.styles import Alignment
from openpyxl.utils import get_column_letter

from connectors.kit.delivery_limits import MEGABYTE
from connectors.sources.workbook.headings import ERRORS

MOST_UNPACKED: Final = 48 * MEGABYTE
"""Of all parts of a workbook, which is about a million cells: openpyxl takes ten times as much."""
_WIDTH: Final = 60  # of the column Errors, in signs
_LONGEST: Final = 32_767  # signs of a cell
Errors = Mapping[str, Mapping[int, str]]


def kept(raw: bytes, errors: Errors) -> bytes | None:
    """The workbook with these errors (sheet -> row -> words); None where it is too large, or holds
    what openpyxl does not read. The archive was checked before.
    """
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        if sum(one.file_size for one in archive.infolist()) > MOST_UNPACKED:
            return None
    try:
        book = openpyxl.load_workbook(io.BytesIO(raw), data_only=True, keep_links=False)
        for sheet in book.worksheets:
            _tell(sheet, errors.get(sheet.title, {}))
        out = io.BytesIO()
        book.save(out)
    except Exception:  # noqa: BLE001 - openpyxl raises whatever a strange part causes
        return None
    return out.getvalue()


def _tell(sheet: Any, errors: Mapping[int, str]) -> None:
    """Write the column Errors: where the sheet has one already, else behind all that is filled."""
    old = sorted(one.column for one in _cells(sheet) if one.row == 1 and one.value == ERRORS)
    for cell in _cells(sheet):
        if cell.column in old:
            cell.value = None
    if not errors:
        return
    at = old[0] if old else _behind(sheet)
    letter, head = get_column_letter(at), sheet.cell(1, max(at - 1, 1))
    for row, words in {1: ERRORS, **errors}.items():
        cell = sheet.cell(row, at)
        cell.value = ILLEGAL_CHARACTERS_RE.sub("\ufffd", words)[:_LONGEST]
        cell.data_type = "s"  # never a formula
        cell.alignment = Alignment(wrap_text=True, vertical="top")
    if not old:
        _like(sheet.cell(1, at), head)
        sheet.column_dimensions[letter].width = _WIDTH


def _cells(sheet: Any) -> Iterator[Cell]:
    """The cells that are written; one far out makes no others between."""
    for cell in tuple(sheet._cells.values()):  # iter_rows makes all that are missing
        if not isinstance(cell, MergedCell):
            yield cell


def _behind(sheet: Any) -> int:
    """The first column behind all that is filled, and behind all merged cells."""
    filled = max((cell.column for cell in _cells(sheet) if cell.value is not None), default=0)
    merged = max((int(one.max_col) for one in sheet.merged_cells.ranges), default=0)
    return max(filled, merged) + 1


def _like(cell: Any, other: Any) -> None:
    """Give a heading the looks of the one beside it."""
    cell.font, cell.fill = copy.copy(other.font), copy.copy(other.fill)
    cell.border = copy.copy(other.border)
