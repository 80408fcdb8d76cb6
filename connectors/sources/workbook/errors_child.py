"""Writes a file that a person uploaded once more, with what is wrong in each row beside it.

A process of its own with bounded memory and time, for the file is a stranger's. One line of JSON
comes on standard input (the sheet that a CSV is, and the words for each cell), then the file; the
workbook leaves on standard output. Values come back as they were read: text is text and never a
formula. A workbook keeps its formats unless it is large (formatted_errors.py); then, as of a CSV,
the values alone come back. Not here: who starts it (connector.py).
"""

import json
import sys
import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal

from connectors.kit.confined_process import confine
from connectors.kit.sheet_tables import CellValue, Limits, Sheet, WorkbookRefusal, header_of
from connectors.kit.workbook import Written, read_csv, sheets_of, write_sheets
from connectors.kit.workbook_child import check_archive, read
from connectors.sources.workbook.formatted_errors import kept
from connectors.sources.workbook.headings import ERRORS


def main() -> None:
    """Read standard input, write the workbook; nothing when the file cannot be read."""
    limits = replace(Limits(), memory_bytes=1024 * 1024 * 1024)
    confine(memory_bytes=limits.memory_bytes, cpu_seconds=limits.cpu_seconds * 3)
    told = json.loads(sys.stdin.buffer.readline())
    made = written(sys.stdin.buffer.read(), told["csv"], told["errors"], limits)
    if made is None:
        sys.exit(1)
    sys.stdout.buffer.write(made)


def written(raw: bytes, csv: str, errors: Mapping[str, str], limits: Limits) -> bytes | None:
    """The workbook with the words for each cell of `errors`; `csv` names the one sheet of a CSV.
    None, or RefusedError, when it cannot be read.
    """
    words = _by_row(errors)
    if not csv:
        check_archive(raw, limits)
        warnings.simplefilter("ignore")
        if (made := kept(raw, words)) is not None:
            return made
    sheets = read_csv(csv, raw) if csv else sheets_of(list(read(raw, limits)))
    if isinstance(sheets, WorkbookRefusal):
        return None
    return write_sheets({one.name: _rows(one, words.get(one.name, {})) for one in sheets})


def _by_row(errors: Mapping[str, str]) -> Mapping[str, Mapping[int, str]]:
    """Sheet -> row -> what is wrong in it, a sentence for each cell."""
    found: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for place, words in errors.items():
        sheet, _, cell = place.rpartition("!")
        digits = cell.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        if digits.isdecimal():
            found[sheet][int(digits)].append(f"{cell}: {words}")
    return {
        sheet: {row: "\n".join(told) for row, told in rows.items()} for sheet, rows in found.items()
    }


def _rows(sheet: Sheet, errors: Mapping[int, str]) -> Sequence[Sequence[Written]]:
    """The rows as they were, up to the last one; the column Errors stands last, once."""
    headings = header_of(sheet)
    old = {column for column, word in headings if word == ERRORS}
    width = max((column for row in sheet.rows.values() for column in row), default=0)
    kept = [column for column in range(1, width + 1) if column not in old]
    found: list[Sequence[Written]] = []
    for number in range(1, max(sheet.rows, default=0) + 1):
        row = sheet.rows.get(number, {})
        said = ERRORS if number == 1 and errors else errors.get(number)
        found.append([*(_written(row.get(column)) for column in kept), said])
    return found


def _written(value: CellValue | None) -> Written:
    if isinstance(value, datetime):
        return value.date() if value.time() == time() else value.isoformat(" ")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if value is None or isinstance(value, str | Decimal | date) else str(value)


if __name__ == "__main__":
    main()
