"""Read one untrusted workbook in a process with bounded memory and time.

workbook.py starts it. It reads the file's bytes from standard input, writes JSON lines to standard
output, and touches nothing else. Cells are read with calamine if it shows all values exactly, else
with openpyxl.
"""

import io
import json
import re
import sys
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from python_calamine import CalamineSheet, CalamineWorkbook, SheetTypeEnum

from connectors.kit.workbook import (
    SURE,
    Limits,
    WorkbookRefusal,
    confine,
    exact,
    kind_and_text,
    told_exactly,
)

_ACTIVE = ("vbaproject", "xl/macrosheets/", "xl/activex/", "xl/externallinks/", "xl/ctrlprops/")
_WITHOUT_CELLS = re.compile(
    r".*\.rels|\[content_types\]\.xml|(?:docprops|customxml|_rels)/.*|xl/(?:(?:workbook|styles|metadata"
    r"|calcchain|connections)\.xml|(?:theme|drawings|charts|tables|media|persons|threadedcomments"
    r"|printersettings|querytables|richdata|pivot\w+|slicer\w*)/.*|comments\w*\.xml)"
)
"""Parts that no sheet and no text of one lies in. In all others cells are looked for: a sheet may
have any name, and its relation says which.
"""
_CHUNK = 1 << 20
_MORE = re.compile(
    rb"<\w+:"  # names with a prefix
    rb"|<f\b"  # a formula: one without a result is an error of its cell
    rb"""|\bt=["'](?:e|d)["']"""  # an error, which calamine takes for an empty cell; ISO dates
    rb"|<[tv]>\s|\s</[tv]>"  # blanks at the edge of a text, which it cuts off
    rb"|_x[0-9A-Fa-f]{4}_"  # a sign by its number, which only one of them translates
    rb"|<v>[^<]{16}"  # more digits than a float keeps
    rb"|<v>-?[0-9.]*(?:[eE]|\.0*<)"  # whole, and written as if it were not
    rb"|\br=[\"'](?:[A-Z]{3}|[H-Z][A-Z]|[A-Z]+(?:[0-9]{7}|[2-9][0-9]{5}|1[1-9][0-9]{4}))"
    # far out: it makes room for all between
)
"""What calamine does not tell of a sheet, or not to the digit."""
_REACH = 128
"""Bytes of which a match may be cut in two by the edge of a chunk."""
_STYLES = re.compile(rb"<(?:\w+:)?cellXfs\b.*?</(?:\w+:)?cellXfs>", re.DOTALL)
_STYLE = re.compile(rb"""<(?:\w+:)?xf\b[^>]*?\bnumFmtId=["'](\d+)""")
_FORMAT = re.compile(rb"""<(?:\w+:)?numFmt\b(?=[^<]*\bformatCode=["'][^<]*[dmyhs])"""
                     rb"""[^<]*?\bnumFmtId=["'](\d+)""", re.IGNORECASE)  # fmt: skip
_DAYS = (*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59))
"""Formats of days and times that every spreadsheet program knows by their numbers."""


class RefusedError(Exception):
    """The file is not read, with the reason."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.refusal = WorkbookRefusal(code, message, hint)


def main() -> None:
    """Read the workbook on standard input and print its rows as JSON lines.

    The only argument holds the limits.
    """
    limits = Limits(**json.loads(sys.argv[1]))
    confine(memory_bytes=limits.memory_bytes, cpu_seconds=limits.cpu_seconds)
    out = sys.stdout
    length = 0
    try:
        for line in read(sys.stdin.buffer.read(), limits):
            words = json.dumps(line)
            length += len(words)
            if length > limits.told_bytes:
                raise _bomb()
            out.write(words + "\n")
    except RefusedError as refused:
        out.write(json.dumps({"refused": asdict(refused.refusal)}) + "\n")
    out.write('{"end": true}\n')


def read(raw: bytes, limits: Limits) -> Iterator[dict[str, object]]:
    """Yield the workbook as JSON-ready lines: a sheet's name, then its rows.

    Raises RefusedError.
    """
    plain = check_archive(raw, limits)
    warnings.simplefilter("ignore")
    try:
        quick = _quickly(raw, limits) if plain else None
        yield from quick if quick is not None else _sheets(raw, limits)
    except RefusedError:
        raise
    except MemoryError:
        raise RefusedError("too_large", "The workbook is too large.", "Split it.") from None
    except Exception as error:  # noqa: BLE001 - readers raise whatever a broken part causes
        kind = type(error).__name__
        raise RefusedError(
            "bad_file",
            f"The workbook cannot be read ({kind}).",
            "Open it in a spreadsheet program and save it again as .xlsx.",
        ) from None


def check_archive(raw: bytes, limits: Limits) -> bool:
    """Check that the file is a plain .xlsx that does not grow too large when unpacked. Raises
    RefusedError.

    Return whether its sheets contain only values that calamine reads exactly.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            entries = archive.infolist()
            _check_entries(entries, limits)
            return _inflate(archive, entries, limits)
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        OSError,
        EOFError,
        ValueError,
        zlib.error,
    ) as error:
        raise _cut() from error
    except (NotImplementedError, RuntimeError) as error:
        raise RefusedError(
            "bad_file", "The file is packed in a way not read here.", "Save it again."
        ) from error


def _cut() -> RefusedError:
    return RefusedError("bad_file", "The workbook is cut off or damaged.", "Send it again.")


def _check_entries(entries: list[zipfile.ZipInfo], limits: Limits) -> None:
    names = [entry.filename.lower() for entry in entries]
    if len(entries) > limits.entries:
        raise RefusedError(
            "too_many_parts", f"The workbook has {len(entries)} parts.", "Save it again."
        )
    if len(set(names)) != len(names) or any(_slips(name) for name in names):
        raise RefusedError("bad_file", "The workbook has parts with wrong names.", "Save it again.")
    if any(entry.flag_bits & 1 for entry in entries):
        raise RefusedError("encrypted", "The workbook is protected.", "Save it without a password.")
    if any(part in name for part in _ACTIVE for name in names):
        raise RefusedError(
            "active_content",
            "The workbook holds macros or links to other files.",
            "Save it as plain .xlsx with values only.",
        )
    if "[content_types].xml" not in names or "xl/workbook.xml" not in names:
        raise RefusedError("not_xlsx", "The file is not an .xlsx workbook.", "Save it as .xlsx.")
    if sum(entry.file_size for entry in entries) > limits.inflated_bytes:
        raise _bomb()
    for entry in entries:
        large = entry.file_size > limits.ratio_from_bytes
        if large and entry.file_size > limits.ratio * max(entry.compress_size, 1):
            raise _bomb()


def _bomb() -> RefusedError:
    return RefusedError("too_large", "The workbook is too large when uncompressed.", "Split it.")


def _slips(name: str) -> bool:
    return name.startswith("/") or "\\" in name or ".." in name.split("/")


def _inflate(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], limits: Limits) -> bool:
    """Unpack every part once while counting its bytes, because the declared sizes prove nothing.
    Raises RefusedError if it grows too large or may hold macros.

    Return whether calamine reads all values in the sheets exactly.
    """
    total, plain, late = 0, True, _late_days(archive, limits)
    for entry in entries:
        size = 0
        content_types = tail = b""
        with_cells = _WITHOUT_CELLS.fullmatch(entry.filename.lower()) is None
        with archive.open(entry) as part:
            while chunk := part.read(_CHUNK):
                size += len(chunk)
                total += len(chunk)
                if entry.filename.lower() == "[content_types].xml":
                    content_types += chunk
                if with_cells:
                    window = tail + chunk
                    plain = plain and not (_MORE.search(window) or late.search(window))
                    tail = chunk[-_REACH:]
                grown = size > limits.ratio_from_bytes and size > limits.ratio * entry.compress_size
                if grown or total > limits.inflated_bytes:
                    raise _bomb()
        if b"macroEnabled" in content_types:
            words = "The workbook may hold macros."
            raise RefusedError("active_content", words, "Save it as .xlsx.")
    return plain


def _late_days(archive: zipfile.ZipFile, limits: Limits) -> re.Pattern[bytes]:
    """Return a pattern for a seven-digit number in a cell with a date format.

    Such a number lies beyond the last date. Calamine reads it as a number, openpyxl as an error. A
    shop's ids have no date format, so they do not match.
    """
    styles = b"<cellXfs><xf numFmtId='0'/></cellXfs>"
    for entry in archive.infolist():
        if entry.filename.lower() == "xl/styles.xml":
            with archive.open(entry) as part:
                styles = part.read(limits.ratio_from_bytes)
    dated = {*map(int, _FORMAT.findall(styles)), *_DAYS}
    used = [int(style) for style in _STYLE.findall((_STYLES.search(styles) or [b""])[0])]
    places = [str(at).encode() for at, style in enumerate(used) if style in dated]
    if not used or used[0] in dated:  # cells that name no format have the first
        return re.compile(rb"<v>-?[0-9]{7}")
    named = b"|".join(places) or b"-"
    return re.compile(rb"""\bs=["'](?:%s)["'][^>]*><v>-?[0-9]{7}""" % named)


def _quickly(raw: bytes, limits: Limits) -> Iterator[dict[str, object]] | None:
    """Return the lines of a plain workbook, read with calamine and checked first.

    None if calamine fails or does not read every value exactly.
    """
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(raw))
        sheets = []
        for number, about in enumerate(book.sheets_metadata):
            if about.typ == SheetTypeEnum.WorkSheet:
                sheet = book.get_sheet_by_index(number)
                rows, columns = sheet.end or (0, 0)  # from 0, as its total_height and total_width
                _check_size(about.name, rows + 1, columns + 1, limits)
                for row in sheet.iter_rows():
                    if not SURE.issuperset(map(type, row)):
                        for value in row:
                            exact(value)
                sheets.append(sheet)
    except (RefusedError, MemoryError, KeyboardInterrupt):
        raise
    except BaseException:  # noqa: BLE001 - a panic of its own language is no Exception
        return None
    return _lines(sheets)


def _lines(sheets: Iterable[CalamineSheet]) -> Iterator[dict[str, object]]:
    for sheet in sheets:
        yield {"sheet": sheet.name}
        _, right = sheet.start or (0, 0)  # empty rows above are told, empty columns before are not
        names: list[str] = []  # of its columns: all rows have as many cells
        for place, row in enumerate(sheet.iter_rows(), start=1):
            names = names or [str(at) for at in range(right + 1, right + 1 + len(row))]
            pairs = zip(names, map(told_exactly, row), strict=True)
            cells = {name: words for name, words in pairs if words is not None}
            if cells:
                yield {"row": place, "cells": cells}


def _sheets(raw: bytes, limits: Limits) -> Iterator[dict[str, object]]:
    import openpyxl  # two thirds of what this process takes to start, and few workbooks need it

    if not openpyxl.DEFUSEDXML:
        raise RuntimeError("defusedxml is not installed")
    values = _load(raw, data_only=True)
    formula_sheets: list[Any] = [None] * len(values.worksheets)
    if any(_has_formulas(sheet) for sheet in values.worksheets):
        formula_sheets = _load(raw, data_only=False).worksheets
    for sheet, twin in zip(values.worksheets, formula_sheets, strict=True):
        yield {"sheet": sheet.title}
        yield from _rows(sheet, twin, limits)


def _load(raw: bytes, *, data_only: bool) -> Any:
    import openpyxl

    book = openpyxl.load_workbook(
        io.BytesIO(raw), read_only=True, data_only=data_only, keep_links=False
    )
    for sheet in book.worksheets:
        sheet.reset_dimensions()
    return book


def _has_formulas(sheet: Any) -> bool:
    tail = b""
    with sheet._get_source() as source:
        while chunk := source.read(_CHUNK):
            if b"<f" in tail + chunk or b":f>" in tail + chunk:
                return True
            tail = chunk[-2:]
    return False


def _rows(sheet: Any, twin: Any, limits: Limits) -> Iterator[dict[str, object]]:
    formula_rows = twin.iter_rows() if twin is not None else None
    for number, row in enumerate(sheet.iter_rows(), start=1):
        _check_size(sheet.title, number, len(row), limits)
        written = next(formula_rows) if formula_rows is not None else row
        cells = {}
        for column, (cell, formula) in enumerate(zip(row, written, strict=True), start=1):
            entry = _cell(cell)
            if entry is None and formula_rows is not None and formula.value is not None:
                entry = ["e", "a formula without a result"]
            if entry is not None:
                cells[str(column)] = entry
        if cells:
            yield {"row": number, "cells": cells}


def _check_size(sheet: str, rows: int, columns: int, limits: Limits) -> None:
    if refused := limits.too_many(sheet, rows, columns):
        raise RefusedError(refused.code, refused.message, refused.hint)


def _cell(cell: Any) -> list[str] | None:
    if cell.data_type == "e" and cell.value:
        return ["e", str(cell.value)]
    return kind_and_text(cell.value)


if __name__ == "__main__":
    main()
