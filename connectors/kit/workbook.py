"""Read and write workbooks and CSV files; untrusted files are read in a confined process."""

import csv
import io
import json
import math
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from math import inf
from pathlib import Path
from typing import IO
from xml.sax.saxutils import escape, quoteattr

import msgspec

from connectors.kit.delivery_limits import DELIVERY_BYTES, DELIVERY_LINES, MEGABYTE

Written = str | Decimal | int | date | None

CSV = "text/csv; charset=utf-8"

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Signs with which a program for tables begins a formula; the last four are their wide forms."""

_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""What XML cannot hold; one such sign and no program opens the workbook."""

_MOST = 32_767  # signs of a cell, counted as UTF-16

_FIXED_DATE = (1980, 1, 1, 0, 0, 0)

_PACKING = zipfile.ZIP_DEFLATED  # at its usual level: a fifteenth of the size

_MOST_SHARED = 4096
"""So many different values of a file are made once: words of a status, prices, codes."""

_END = b'{"end": true}\n'

_DECODE = msgspec.json.Decoder(dict[str, object]).decode

_EPOCH = date(1899, 12, 30)


@dataclass(frozen=True, slots=True)
class WorkbookRefusal:
    """The reason why a file cannot be read."""

    code: str
    message: str
    hint: str


_NO_ANSWER = WorkbookRefusal(
    "too_large", "The workbook needs too much memory or time to read.", "Split it."
)

_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'

_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'

_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"

_PACKAGE = "http://schemas.openxmlformats.org/package/2006"

_SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"

_CONTENT_TYPES = (
    f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_SHEET_TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_SHEET_TYPE}.styles+xml"/>'
    "{}</Types>"
)

_SHEET_PART = (
    f'<Override PartName="/xl/worksheets/sheet{{}}.xml" ContentType="{_SHEET_TYPE}.worksheet+xml"/>'
)

_ROOT_LINKS = (
    f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
    "</Relationships>"
)

_WORKBOOK = f'{_XML}<workbook {_MAIN} xmlns:r="{_OFFICE}"><sheets>{{}}</sheets></workbook>'

_SHEET = '<sheet name={0} sheetId="{1}" r:id="rId{1}"/>'

_LINKS = (
    f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">'
    f'{{}}<Relationship Id="rId{{}}" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>'
)

_SHEET_LINK = (
    f'<Relationship Id="rId{{0}}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{{0}}.xml"/>'
)

_STYLES = (
    f'{_XML}<styleSheet {_MAIN}><fonts count="1"><font><sz val="11"/><name val="Calibri"/></font>'
    '</fonts><fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border/>'
    '</borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/>'
    '</cellStyleXfs><cellXfs count="2"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"'
    ' xfId="0"/><xf numFmtId="14" fontId="0" fillId="0" borderId="0" xfId="0"'
    ' applyNumberFormat="1"/></cellXfs><cellStyles count="1">'
    '<cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)

_STYLES_PREFIXED = _STYLES.replace('<cellXfs count="2">', '<cellXfs count="3">').replace(
    "</cellXfs>",
    '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" quotePrefix="1"'
    ' applyNumberFormat="1"/></cellXfs>',
)


@dataclass(frozen=True, slots=True)
class CellError:
    """A cell without a usable value: `#N/A`, or a formula without a stored result."""

    words: str

    def __str__(self) -> str:
        return self.words


CellValue = str | Decimal | datetime | date | bool | CellError

Row = Mapping[int, CellValue]

SURE = frozenset({str, float, int, bool})
"""Kinds of values of which calamine is always exact."""

_DIGITS = 15

_LARGEST_EXACT_NUMBER = 10**_DIGITS

_LONGEST = 10**18

try:
    import resource
except ImportError:  # pragma: no cover - Windows
    resource = None  # type: ignore[assignment]

_PASSED_VARIABLES = ("PATH", "LANG", "VIRTUAL_ENV", "SYSTEMROOT", "TMPDIR", "CLEARPOST_CONNECTORS")

_HOME = str(Path(__file__).resolve().parents[2])

_OUT_OF_MEMORY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of a workbook and of the process that reads it.

    `told_bytes` limits the total size of cell values: the file may store a text once for a million
    cells.
    """

    file_bytes: int = DELIVERY_BYTES
    entries: int = 2_000
    inflated_bytes: int = 200 * MEGABYTE
    ratio: int = 100
    ratio_from_bytes: int = MEGABYTE
    rows: int = DELIVERY_LINES
    columns: int = 200
    told_bytes: int = 100 * MEGABYTE
    memory_bytes: int = 512 * MEGABYTE
    cpu_seconds: int = 20

    def too_many(self, sheet: str, rows: int, columns: int) -> WorkbookRefusal | None:
        """Return a refusal for a sheet with more rows or columns than allowed, else None.

        `rows` includes the heading row.
        """
        code, hint = "too_many_rows", "Split it, and delete what lies outside the table."
        if rows > self.rows + 1:
            words = f"{sheet} has more than {self.rows:,} rows below its headings."
            return WorkbookRefusal(code, words, hint)
        if columns > self.columns:
            return WorkbookRefusal(code, f"{sheet} has more than {self.columns} columns.", hint)
        return None


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: its rows by number, the cells of a row by column number, both from 1. Blank
    cells are left out. `header` is the number of the row that holds the column names.
    """

    name: str
    rows: Mapping[int, Row]
    header: int = 1


def read_tables(
    source: Path | bytes, limits: Limits | None = None
) -> tuple[Sheet, ...] | WorkbookRefusal:
    """Return the sheets of an .xlsx file, read by a child process under limits; or why it is not
    read.
    """
    limits = limits or Limits()
    raw = source.read_bytes() if isinstance(source, Path) else source
    if len(raw) > limits.file_bytes:
        return WorkbookRefusal("too_large", "The file is larger than 20 MB.", "Split it.")
    if raw[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        return WorkbookRefusal(
            "encrypted", "The file is an old or a protected workbook.", "Save it as plain .xlsx."
        )
    if raw[:4] != b"PK\x03\x04":
        return WorkbookRefusal(
            "not_xlsx", "The file is not an .xlsx workbook.", "Save it as .xlsx."
        )
    output = run(
        "connectors.kit.workbook_child", [json.dumps(asdict(limits))], raw, limits.cpu_seconds * 6
    )
    if not output or not output.endswith(_END):
        return _NO_ANSWER
    return sheets_of(_lines(output[: -len(_END)]))


def _lines(output: bytes) -> Iterator[dict[str, object]]:
    """Yield the child's JSON lines one by one.

    Splitting a large file at once would take gigabytes.
    """
    first = 0
    while (end := output.find(b"\n", first)) >= 0:
        yield _DECODE(output[first:end])
        first = end + 1


def sheets_of(lines: Iterable[dict[str, object]]) -> tuple[Sheet, ...] | WorkbookRefusal:
    """Return the sheets from the JSON lines that the child process wrote, or its refusal."""
    sheets: list[tuple[str, dict[int, Row]]] = []
    values, columns = _Values(), dict[tuple[str, ...], Mapping[int, int]]()
    for line in lines:
        match line:
            case {"row": int(number), "cells": dict(cells)}:
                named = tuple(cells)
                if (places := columns.get(named)) is None:
                    places = {int(column): at for at, column in enumerate(named)}
                    if len(columns) < _MOST_SHARED:
                        columns[named] = places
                row = tuple([values.of(kind, text) for kind, text in cells.values()])
                sheets[-1][1][number] = CompactRow(places, row)
            case {"refused": {"code": code, "message": message, "hint": hint}}:
                return WorkbookRefusal(str(code), str(message), str(hint))
            case {"sheet": name}:
                sheets.append((str(name), {}))
    return tuple(Sheet(name, rows) for name, rows in sheets)


class _Values:
    """The values of a file's cells. Equal values share a single object."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], CellValue] = {}

    def of(self, kind: str, text: str) -> CellValue:
        """Return the value for a cell's kind and text, cached for repeated values."""
        value = self._made.get((kind, text))
        if value is None:
            value = _value(kind, text)
            if len(self._made) < _MOST_SHARED:
                self._made[kind, text] = value
        return value


def _value(kind: str, text: str) -> CellValue:
    match kind:
        case "n":
            return Decimal(text)
        case "b":
            return text == "yes"
        case "m":
            return datetime.fromisoformat(text)
        case "e":
            return CellError(text)
        case _:
            return text


def read_csv(
    name: str, raw: bytes, limits: Limits | None = None
) -> tuple[Sheet, ...] | WorkbookRefusal:
    """Return a CSV file as one sheet whose cells are all text, or why it is not read."""
    limits = limits or Limits()
    if len(raw) > limits.file_bytes:
        return WorkbookRefusal("too_large", "The file is larger than 20 MB.", "Split it.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return WorkbookRefusal("not_utf8", "The file is not UTF-8.", "Save it as CSV UTF-8.")
    if "\x00" in text:
        return WorkbookRefusal("bad_text", "The file contains a NUL sign.", "Save it again.")
    return read_csv_rows(name, csv.reader(io.StringIO(text, newline=""), strict=True), 1, limits)


def read_csv_rows(
    name: str, reader: Iterable[list[str]], first: int, limits: Limits
) -> tuple[Sheet, ...] | WorkbookRefusal:
    """Return the rows of a CSV reader as one sheet, numbered from `first`, without blank cells."""
    rows: dict[int, dict[int, CellValue]] = {}
    try:
        for number, row in enumerate(reader, first):
            if refused := limits.too_many(name, number, len(row)):
                return refused
            cells: dict[int, CellValue] = {at: cell for at, cell in enumerate(row, 1) if cell}
            if cells:
                rows[number] = cells
    except csv.Error as error:
        return WorkbookRefusal("bad_file", f"The CSV cannot be read: {error}.", "Save it again.")
    return (Sheet(name, rows),)


def stream_csv(out: IO[bytes], rows: Iterable[Sequence[Written]]) -> None:
    """Write the rows as CSV in UTF-8 with a byte order mark, which Excel needs.

    Numbers stay numbers, None becomes a blank cell. Text that begins like a formula gets an
    apostrophe before it.
    """
    text = io.TextIOWrapper(out, "utf-8-sig", newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerows([_no_formula(cell) for cell in row] for row in rows)
    text.detach()


def _no_formula(cell: Written) -> str:
    if isinstance(cell, str):
        return harmless(cell)
    return "" if cell is None else str(cell)


def harmless(text: str) -> str:
    """Return the text with an apostrophe before it if a spreadsheet program would run it as a
    formula.
    """
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def write(name: str, rows: Sequence[Sequence[Written]]) -> bytes:
    """Return a workbook of one sheet as bytes, as `write_sheets` writes it."""
    return write_sheets({name: rows})


def write_sheets(
    sheets: Mapping[str, Sequence[Sequence[Written]]], *, prefixed: bool = False
) -> bytes:
    """Return a workbook of these sheets as bytes, as `stream_sheets` writes it."""
    out = io.BytesIO()
    stream_sheets(out, sheets, prefixed=prefixed)
    return out.getvalue()


def stream_sheets(
    out: IO[bytes], sheets: Mapping[str, Iterable[Sequence[Written]]], *, prefixed: bool = False
) -> None:
    """Write a workbook row by row. Text stays text and is never a formula, decimals are written
    digit by digit, equal rows give equal bytes, packed. A sign that a workbook cannot hold is shown
    as �, and a text ends where a cell does. `prefixed`: a text that begins as a formula does has
    the quote prefix, by which a table program keeps it as text when it is copied from there.
    """
    numbered = list(enumerate(sheets.items(), start=1))
    parts = {
        "[Content_Types].xml": _CONTENT_TYPES.format(
            "".join(_SHEET_PART.format(n) for n, _ in numbered)
        ),
        "_rels/.rels": _ROOT_LINKS,
        "xl/workbook.xml": _WORKBOOK.format(
            "".join(_SHEET.format(quoteattr(name), n) for n, (name, _) in numbered)
        ),
        "xl/_rels/workbook.xml.rels": _LINKS.format(
            "".join(_SHEET_LINK.format(n) for n, _ in numbered), len(numbered) + 1
        ),
        "xl/styles.xml": _STYLES_PREFIXED if prefixed else _STYLES,
    }
    with zipfile.ZipFile(out, "w") as archive:
        for path, content in parts.items():
            with _entry(archive, path) as part:
                part.write(content.encode())
        for n, (_, rows) in numbered:
            with _entry(archive, f"xl/worksheets/sheet{n}.xml") as part:
                for piece in _sheet_xml(rows, prefixed=prefixed):
                    part.write(piece.encode())


def _entry(archive: zipfile.ZipFile, path: str) -> IO[bytes]:
    entry = zipfile.ZipInfo(path, _FIXED_DATE)
    entry.compress_type = _PACKING
    entry.create_system = 3
    entry.external_attr = 0o600 << 16
    return archive.open(entry, "w")


def _sheet_xml(rows: Iterable[Sequence[Written]], *, prefixed: bool) -> Iterator[str]:
    yield f"{_XML}<worksheet {_MAIN}><sheetData>"
    for number, row in enumerate(rows, start=1):
        cells = "".join(
            _cell_xml(f"{column_name(at)}{number}", v, prefixed=prefixed)
            for at, v in enumerate(row, 1)
        )
        yield f'<row r="{number}">{cells}</row>'
    yield "</sheetData></worksheet>"


def _cell_xml(place: str, value: Written, *, prefixed: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        style = ' s="2"' if prefixed and harmless(value) != value else ""
        text = escape(_fitting(value), {"\r": "&#13;", "\n": "&#10;", "\t": "&#9;"})
        return (
            f'<c r="{place}"{style} t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'
        )
    if isinstance(value, date):
        return f'<c r="{place}" s="1"><v>{(value - _EPOCH).days}</v></c>'
    return (
        f'<c r="{place}"><v>{value:f}</v></c>'
        if isinstance(value, Decimal)
        else (f'<c r="{place}"><v>{value}</v></c>')
    )


def _fitting(text: str) -> str:
    """Return the text cut to what a cell holds. Characters that XML cannot hold are replaced."""
    text = _NO_TEXT.sub("\ufffd", text)
    if len(text) * 2 <= _MOST:
        return text
    return text.encode("utf-16-le")[: _MOST * 2].decode("utf-16-le", "ignore")


class CompactRow(Mapping[int, CellValue]):
    """A row of cell values.

    Rows with equal columns share one map of places, which saves most of the memory that a dict per
    row would take.
    """

    __slots__ = ("_places", "_values")

    def __init__(self, places: Mapping[int, int], values: Sequence[CellValue]) -> None:
        self._places, self._values = places, values

    def __getitem__(self, column: int) -> CellValue:
        """Return the value of a column. Raises KeyError if the cell is blank."""
        return self._values[self._places[column]]

    def __contains__(self, column: object) -> bool:
        """Check whether a column is filled."""
        return column in self._places

    def __iter__(self) -> Iterator[int]:
        """Yield the numbers of the filled columns, from the left."""
        return iter(self._places)

    def __len__(self) -> int:
        """Return the number of filled columns."""
        return len(self._places)


@lru_cache(maxsize=256)
def column_name(column: int) -> str:
    """Return the letters of a column number: 1 is A, 28 is AB."""
    letters = ""
    while column:
        column, letter_index = divmod(column - 1, 26)
        letters = chr(65 + letter_index) + letters
    return letters


def place(sheet: str, row: int, column: int) -> str:
    """Return a cell's place as a spreadsheet shows it: `orders!C17`."""
    return f"{sheet}!{column_name(column)}{row}"


def header_of(sheet: Sheet) -> Sequence[tuple[int, str]]:
    """Return the columns of the sheet's header row with their words, trimmed."""
    first = sheet.rows.get(sheet.header, {})
    return [(column, str(value).strip()) for column, value in sorted(first.items())]


class UnsureError(Exception):
    """A value that the fast reader (calamine) does not read exactly."""


def told_exactly(value: object) -> list[str] | None:
    """Return the kind and the text of a cell that calamine read; None if it is blank.

    Text, the most frequent kind, is handled first.
    """
    if value.__class__ is str:
        return ["t", str(value)] if value else None
    return kind_and_text(exact(value))


def exact(value: object) -> object:
    """Return the value of a cell, corrected for how calamine reads it.

    Whole floats become integers, days become datetimes. Raises UnsureError for a time without a
    date, and for a date before 1901, which spreadsheets count wrong.
    """
    if isinstance(value, (time, timedelta)) or (isinstance(value, date) and value.year < 1901):
        raise UnsureError
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - a cell has no zone
    return value


def kind_and_text(value: object) -> list[str] | None:
    """Return a value's kind and text:

    `b` yes/no, `n` number, `m` moment, `t` text, `e` error. None for an empty cell.
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return ["b", "yes" if value else "no"]
    if isinstance(value, (int, float)):
        return _number(value)
    if isinstance(value, (datetime, date)):
        return ["m", value.isoformat()]
    if isinstance(value, str):
        return ["t", value]
    return ["e", f"{value}, which is a time without a date"]


def _number(value: float) -> list[str]:
    """Return the number as a person typed it: a spreadsheet keeps 15 digits.

    A whole number that lost digits is an error, because as an id it would be a different one.
    """
    if isinstance(value, int) and not _has_lost_digits(value):
        return ["n", str(value)]
    if _LARGEST_EXACT_NUMBER <= abs(value) < inf:
        return ["e", "a number too long to be exact"]
    text = repr(value)
    if sum(sign.isdigit() for sign in text.split("e")[0].lstrip("-0.")) > 15:
        text = format(value, ".15g")
    return ["n", text] if text.lstrip("-") not in {"inf", "nan"} else ["e", "a number out of range"]


def _has_lost_digits(value: int) -> bool:
    if abs(value) < _LARGEST_EXACT_NUMBER:
        return False
    behind = 10 ** (len(str(abs(value))) - _DIGITS)
    return abs(value) >= _LONGEST or value % behind == 0


class Ended(Enum):
    """Why a child gave no answer."""

    PROCESSOR = "processor"
    TIME = "time"
    MEMORY = "memory"
    BROKEN = "broken"


def confine(*, memory_bytes: int, cpu_seconds: float) -> None:
    """Limit this process for good: its memory, and the processor time from now on."""
    if resource is None:  # pragma: no cover - Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    _allow(cpu_seconds)


def _allow(cpu_seconds: float) -> None:
    """Limit this process to `cpu_seconds` more of processor time."""
    if resource is None:  # pragma: no cover - Windows
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = math.ceil(used.ru_utime + used.ru_stime + cpu_seconds)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (until, hard))


def run(module: str, words: Sequence[str], content: bytes, seconds: float) -> bytes | None:
    """Run one of our modules with `content` as its input and return its output.

    None if it fails or takes longer than `seconds`.
    """
    try:
        child = subprocess.run(
            [sys.executable, "-m", module, *words],
            input=content,
            capture_output=True,
            timeout=seconds,
            check=False,
            env=_environment(),
        )
    except subprocess.TimeoutExpired:
        return None
    return child.stdout if child.returncode == 0 else None


def _environment() -> dict[str, str]:
    return {
        "PYTHONPATH": _HOME,
        **{name: os.environ[name] for name in _PASSED_VARIABLES if name in os.environ},
    }


class Child:
    """A child process that runs a module of ours with `serve` and answers one line after
    another.
    """

    def __init__(self, module: str, *words: str) -> None:
        self._late = False
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env=_environment(),
        )

    def ask(self, question: bytes, seconds: float) -> bytes | Ended:
        """Send one line to the child and return its answer line.

        If the child gives none within `seconds`, return why it ended.
        """
        watch = threading.Timer(seconds, self._give_up)
        watch.start()
        try:
            answer = self._told(question)
        finally:
            watch.cancel()
        return answer.rstrip(b"\n") if answer.endswith(b"\n") else self._why()

    def end(self) -> None:
        """End it now."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()

    def _told(self, question: bytes) -> bytes:
        into, out = self._process.stdin, self._process.stdout
        if into is None or out is None:
            return b""
        try:
            into.write(question + b"\n")
            into.flush()
        except OSError:  # it has ended
            return b""
        return out.readline()

    def _give_up(self) -> None:
        self._late = True
        self._process.kill()

    def _why(self) -> Ended:
        code = self._process.wait()
        self.end()
        if self._late:
            return Ended.TIME
        if code == -getattr(signal, "SIGXCPU", 0):
            return Ended.PROCESSOR
        return Ended.MEMORY if code == _OUT_OF_MEMORY else Ended.BROKEN


def serve(answer: Callable[[bytes], bytes], *, memory_bytes: int, cpu_seconds: float) -> None:
    """Answer the lines of standard input, each within these limits.

    End when the parent process closes it.
    """
    confine(memory_bytes=memory_bytes, cpu_seconds=cpu_seconds)
    questions: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(questions,), daemon=True).start()
    while True:
        question = questions.get()
        _allow(cpu_seconds)
        try:
            reply = answer(question)
        except MemoryError:
            os._exit(_OUT_OF_MEMORY)
        sys.stdout.buffer.write(reply + b"\n")
        sys.stdout.buffer.flush()


def _listen(questions: "queue.SimpleQueue[bytes]") -> None:
    """Put each input line into the queue.

    When the input closes, end this process at once, even while it works.
    """
    for line in sys.stdin.buffer:
        questions.put(line)
    os._exit(0)
