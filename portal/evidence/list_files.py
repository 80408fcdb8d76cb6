"""A list as a file: CSV, XLSX or JSON, with the same rows in the same order.

Here: the three shapes, and that no cell of any is a formula. Not here: which rows (the pages), what
may be handed out (permissions.py).
"""

import csv
import io
import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from flask import Response, make_response

from connectors.kit.workbook import harmless, write


class FileKind(StrEnum):
    """The shapes of a list; the word is the ending of its address and of its name."""

    CSV = "csv"
    XLSX = "xlsx"
    JSON = "json"


_TYPES: Final = {
    FileKind.CSV: "text/csv; charset=utf-8",
    FileKind.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    FileKind.JSON: "application/json",
}


def answered(
    kind: FileKind, name: str, columns: Sequence[str], rows: Sequence[Sequence[str]]
) -> Response:
    """The file, to be saved as `name` with its ending."""
    answer = make_response(_written(kind, name, columns, rows))
    answer.headers["Content-Type"] = _TYPES[kind]
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return answer


def _written(
    kind: FileKind, name: str, columns: Sequence[str], rows: Sequence[Sequence[str]]
) -> bytes:
    if kind is FileKind.JSON:
        keys = [column.lower().replace(" ", "_") for column in columns]
        listed = [dict(zip(keys, row, strict=True)) for row in rows]
        return json.dumps(listed, ensure_ascii=False, indent=1).encode()
    if kind is FileKind.XLSX:
        return write(name[:31], [list(columns), *[[*row] for row in rows]])
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")
