"""Reading a list that was downloaded: its filter and its rows, the same from every shape."""

import csv
import io
import json
from dataclasses import dataclass
from typing import Any

import openpyxl


@dataclass(frozen=True)
class Read:
    """A downloaded list: the filter in words, and head -> cell for each row, all as text."""

    filter: str
    rows: list[dict[str, str]]


def read_csv(raw: bytes) -> Read:
    """The first table of a CSV."""
    lines = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    return _read(lines)


def read_xlsx(raw: bytes, sheet: int = 0) -> Read:
    """A sheet of a workbook; no cell is a formula."""
    book = openpyxl.load_workbook(io.BytesIO(raw))
    found = [[_text(cell.value) for cell in row] for row in book.worksheets[sheet].iter_rows()]
    assert all(cell.data_type != "f" for row in book.worksheets[sheet].iter_rows() for cell in row)
    return _read(found)


def sheets_of(raw: bytes) -> list[str]:
    """The names of its sheets."""
    return list(openpyxl.load_workbook(io.BytesIO(raw)).sheetnames)


def _text(value: object) -> str:
    """A cell as the CSV has it: amounts have two decimals."""
    if isinstance(value, float):
        return f"{value:.2f}"
    return "" if value is None else str(value)


def read_json(raw: bytes) -> dict[str, Any]:
    """The object, with `meta` and `rows`."""
    told: dict[str, Any] = json.loads(raw)
    return told


def _read(lines: list[list[str]]) -> Read:
    assert lines[0][0] == "Filter"
    heads = lines[1]
    rows = []
    for line in lines[2:]:
        if not any(line):
            break
        rows.append(dict(zip(heads, line, strict=True)))
    return Read(lines[0][1], rows)
