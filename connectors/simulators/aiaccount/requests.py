"""Requests opened: the documents in a workbook, or the invoice or refund in a JSON body.

Here: columns by their header text, rows grouped to documents, the multipart form. Not here:
whether they are good.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from connectors.kit.sheet_tables import (
    CellError,
    CellValue,
    Limits,
    Row,
    WorkbookRefusal,
    header_of,
)
from connectors.kit.workbook import sheets_of
from connectors.kit.workbook_child import RefusedError, read
from connectors.simulators.aiaccount.kinds import INVOICES, Document, Kind, Values
from connectors.simulators.aiaccount.replies import fault
from connectors.simulators.aiaccount.sheet_columns import NUMERIC, Column
from connectors.simulators.base.server import Request
from connectors.transport.strict_json import JsonRefusal, loads

MAX_FILE = 5 * 1024 * 1024
MAX_ROWS = 2_000


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a body is not read at all."""

    status: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Opened:
    """The content of a write: the bytes that count, and the documents in them."""

    content: bytes
    documents: tuple[Document, ...]
    rows: int


def content_of(request: Request, call: str) -> bytes | Unreadable:
    """The bytes that the idempotency key stands for: the JSON, or the file inside the form."""
    if call == "json":
        return request.body
    head = (
        b"Content-Type: " + request.headers.get("content-type", "").encode("latin-1") + b"\r\n\r\n"
    )
    form = BytesParser(policy=HTTP).parsebytes(head + request.body)
    for part in form.iter_parts() if form.is_multipart() else ():
        if part.get_param("name", header="content-disposition") == "file":
            content = part.get_payload(decode=True)
            return content if isinstance(content, bytes) else b""
    return Unreadable(400, "bad_file", "No file part in the form")


def opened(content: bytes, call: str, kind: Kind = INVOICES) -> Opened | Unreadable:
    """The documents in a body."""
    return _json(content, kind) if call == "json" else _workbook(content, kind)


def _workbook(content: bytes, kind: Kind) -> Opened | Unreadable:
    if len(content) > MAX_FILE:
        return Unreadable(413, "file_too_large", "The file is larger than 5 MiB")
    try:
        sheets = sheets_of(list(read(content, Limits())))
    except RefusedError as refused:
        return Unreadable(400, "bad_file", refused.refusal.message)
    if isinstance(sheets, WorkbookRefusal) or not sheets:
        return Unreadable(400, "bad_file", "No sheet in the file")
    titles = dict(header_of(sheets[0]))
    known = {column.title: column for column in (*kind.header, *kind.lines)}
    missing = [one.title for one in known.values() if one.must and one.title not in titles.values()]
    if missing:
        return Unreadable(400, "missing_column", f"Column {missing[0]} is missing")
    if strange := [title for title in titles.values() if title not in known]:
        return Unreadable(400, "bad_file", f"Column {strange[0]} is not known")
    columns = {at: known[title] for at, title in titles.items()}
    data = {number: row for number, row in sheets[0].rows.items() if number > 1}
    if len(data) > MAX_ROWS:
        return Unreadable(413, "file_too_large", f"More than {MAX_ROWS} rows")
    return Opened(content, _grouped(kind, data, columns), len(data))


def _grouped(
    kind: Kind, data: Mapping[int, Row], columns: Mapping[int, Column]
) -> tuple[Document, ...]:
    groups: list[list[tuple[int, Values]]] = []
    for number, row in sorted(data.items()):
        values = {
            column.name: _cell(row[at], column) for at, column in columns.items() if at in row
        }
        of_last = kind.lines and groups and _identity(kind, groups[-1][0][1])
        if of_last and of_last == _identity(kind, values):
            groups[-1].append((number, values))
        else:
            groups.append([(number, values)])
    return tuple(_document(kind, group) for group in groups)


def _identity(kind: Kind, values: Values) -> tuple[str, str]:
    number, _, party = kind.keys
    return str(values.get(number, "")), str(values.get(party, "")).strip()


def _document(kind: Kind, rows: Sequence[tuple[int, Values]]) -> Document:
    header = _pick(kind.header, rows[0][1])
    faults = []
    for number, values in rows[1:]:
        for column in kind.header:
            if values.get(column.name) != header.get(column.name):
                message = f"{column.title} differs within the document"
                value = values.get(column.name)
                faults.append(fault(number, column.title, "inconsistent_header", value, message))
    return Document(
        kind=kind,
        header=header,
        lines=tuple(_pick(kind.lines, values) for _, values in rows) if kind.lines else (),
        rows=tuple(number for number, _ in rows),
        faults=tuple(faults),
    )


def _pick(columns: Sequence[Column], values: Values) -> dict[str, str | Decimal]:
    return {column.name: values[column.name] for column in columns if column.name in values}


def _cell(value: CellValue, column: Column) -> str | Decimal:
    if isinstance(value, Decimal):
        return value if column.form in NUMERIC else format(value, "f")
    if isinstance(value, datetime):
        return value.date().isoformat()
    return "" if isinstance(value, CellError) else str(value)


def _json(content: bytes, kind: Kind) -> Opened | Unreadable:
    body = loads(content)
    if isinstance(body, JsonRefusal):
        return Unreadable(400, "bad_json", body.message)
    if not isinstance(body, dict) or not isinstance(body.get("lines"), list) or not body["lines"]:
        return Unreadable(400, "bad_json", "It is no object with lines")
    if not all(isinstance(line, dict) for line in body["lines"]):
        return Unreadable(400, "bad_json", "A line is an object")
    if strange := _strange(body, kind):
        return Unreadable(400, "bad_json", f"{strange} is not known")
    lines = tuple(_wire(kind.lines, line) for line in body["lines"])
    rows = tuple(_line_number(line, at) for at, line in enumerate(lines, start=1))
    header = _wire(kind.header, body)
    return Opened(content, (Document(kind=kind, header=header, lines=lines, rows=rows),), len(rows))


def _strange(body: Mapping[str, Any], kind: Kind) -> str:
    """The first word that no such document has; blank where all are known."""
    heads = {column.word for column in kind.header}
    rows = {column.word for column in kind.lines}
    told = [
        f"{name}.{inner}" if inner else name
        for name, value in body.items()
        if name != "lines"
        for inner in (value if isinstance(value, dict) else ("",))
    ]
    of_lines = (name for line in body["lines"] for name in line if name not in rows)
    return next((name for name in told if name not in heads), "") or next(of_lines, "")


def _line_number(line: Mapping[str, str | Decimal], at: int) -> int:
    number = line.get("LineNo")
    return int(number) if isinstance(number, Decimal) and number == int(number) else at


def _wire(columns: Sequence[Column], body: Mapping[str, Any]) -> dict[str, str | Decimal]:
    found: dict[str, str | Decimal] = {}
    for column in columns:
        value: Any = body
        for word in column.word.split("."):
            value = value.get(word) if isinstance(value, dict) else None
        if value is not None and value != "":
            found[column.name] = _number(value) if column.form in NUMERIC else str(value)
    return found


def _number(value: object) -> str | Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return str(value)
