"""Read a text file of rows, whatever its character set and the sign between its cells."""

import codecs
import csv
import io
import re
from typing import Final

from connectors.kit.workbook import Limits, Sheet, WorkbookRefusal, read_csv_rows

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_SIGNS: Final = (",", ";", "\t", "|")

_SAMPLE: Final = 50  # rows that show the sign between cells

_FOREIGN: Final = re.compile(r"[\x80-\uffff]{3,}")
"""Three such signs side by side are no Western text: they are another character set."""

_GUARDED: Final = re.compile(r'="([^"]*)"|\'([-+]?\d[\d.,-]*)')
"""A cell that an export wrote so that a spreadsheet keeps its zeros or takes it for no formula."""

_SEPARATOR_LINE: Final = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)


def read_delimited(
    name: str, raw: bytes, limits: Limits | None = None
) -> tuple[Sheet, ...] | WorkbookRefusal:
    """Return the file as one sheet whose cells are all text, or why it is not read."""
    limits = limits or Limits()
    if len(raw) > limits.file_bytes:
        return WorkbookRefusal("too_large", "The file is larger than 20 MB.", "Split it.")
    if (text := decoded(raw)) is None:
        words = "The character set of the file is not known."
        return WorkbookRefusal("not_utf8", words, "Save it as CSV UTF-8.")
    if "\x00" in text:
        return WorkbookRefusal("bad_text", "The file contains a NUL sign.", "Save it again.")
    first, separator_match = 1, _SEPARATOR_LINE.match(text)
    content = text
    if separator_match:  # Excel's own line about the sign between cells
        first, content = 2, text[separator_match.end() :]
    sign = separator_match[1] if separator_match else separator_of(text)
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=sign, strict=True)
    rows = ([_unguarded(cell) for cell in row] for row in reader)
    return read_csv_rows(name, rows, first, limits)


def _unguarded(cell: str) -> str:
    """Return a cell without what guards it: `="00123"` and `'00123` are 00123."""
    guarded = _GUARDED.fullmatch(cell)
    return cell if guarded is None else guarded[1] or guarded[2] or ""


def decoded(raw: bytes) -> str | None:
    """Return the text of the bytes: by their mark, else as UTF-8, UTF-16 or Windows-1252; None
    where they are none of these.
    """
    for mark, charset in _MARKS:
        if raw.startswith(mark):
            return _decode(raw, charset)
    if (wide := _unmarked_utf16(raw)) is not None:
        return _decode(raw, wide)
    if (text := _decode(raw, "utf-8")) is not None:
        return text
    western = _decode(raw, "cp1252")
    return None if western is None or _FOREIGN.search(western) else western


def _decode(raw: bytes, charset: str) -> str | None:
    try:
        return raw.decode(charset)
    except UnicodeDecodeError:
        return None


def _unmarked_utf16(raw: bytes) -> str | None:
    """Return the byte order of UTF-16 text without a mark: every second byte of English is 0."""
    sample = raw[:2000]
    if len(sample) < 4 or len(raw) % 2:
        return None
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if odd > half * 0.6 and even == 0:
        return "utf-16-le"
    return "utf-16-be" if even > half * 0.6 and odd == 0 else None


def separator_of(text: str) -> str:
    """Return the sign that cuts the first rows into the most cells, equally many in each."""
    sample = "".join(text[:100_000].splitlines(keepends=True)[:_SAMPLE])
    return max(_SIGNS, key=lambda sign: _evenness(sample, sign))


def _evenness(sample: str, sign: str) -> tuple[int, int]:
    """Return how many rows have the widest row's number of cells, and that number."""
    try:
        widths = [len(row) for row in csv.reader(io.StringIO(sample, newline=""), delimiter=sign)]
    except csv.Error:
        return 0, 0
    most = max(widths, default=0)
    if most < 2:
        return 0, 0
    return sum(width == most for width in widths) * most, most
