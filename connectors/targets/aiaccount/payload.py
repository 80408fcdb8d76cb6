"""A document as the bytes AiAccount takes: one invoice or refund as JSON, all else as a workbook.

Here: pure building, and the refusal of what AiAccount could only misread. Not here: where it goes
(ways.py), sending (connector.py).
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal

from connectors.contract import Answer, OutgoingDocument, Payload
from connectors.contract.schema import DocumentSchema, FieldSchema
from connectors.kit.preflight import NUMERIC, Fault, rate_fault, refused, value_fault
from connectors.kit.workbook import Written, write
from connectors.targets.aiaccount.ways import WAYS, Way

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
JSON = "application/json; charset=utf-8"
Good = Sequence[tuple[int, OutgoingDocument]]


def columns(schema: DocumentSchema) -> tuple[FieldSchema, ...]:
    """The columns of a document's sheet."""
    return tuple(field for field in (*schema.header, *schema.lines) if field.sent)


def rows_of(schema: DocumentSchema, document: OutgoingDocument) -> Sequence[Mapping[str, str]]:
    """The lines of a document; where it is all in the header, that is its one row."""
    whole = not schema.lines or (schema.one_row and not document.lines)
    return ({},) if whole else document.lines


def rows_taken(document: OutgoingDocument) -> int:
    """How many rows of a sheet it takes."""
    way = WAYS.get(document.document)
    return max(1, len(rows_of(way.schema, document))) if way else 1


def build(
    documents: Sequence[OutgoingDocument], *, batch: bool, batch_name: str, base: str = ""
) -> Payload:
    """The call for these documents, all of one type, for books in the currency `base`. One that
    could never be taken is left out and answered at once.
    """
    way = WAYS.get(documents[0].document)
    refused = {at: said for at, doc in enumerate(documents) if (said := _preflight(way, doc, base))}
    good = [(at, doc) for at, doc in enumerate(documents) if at not in refused]
    numbers = tuple(document.number for document in documents)
    in_file = way is None or (bool(way.imports) and (batch or not way.alone))
    if not (batch and in_file) and len(documents) != 1:
        raise ValueError("a call of its own carries one document")
    if way is None or in_file:
        return _workbook(way, good, numbers, refused, batch_name or documents[0].number)
    return _json(way, good, numbers, refused)


def _json(way: Way, good: Good, numbers: tuple[str, ...], refused: Mapping[int, Answer]) -> Payload:
    body = b""
    rows: dict[int, str] = {}
    for _, document in good:
        content = _wire(way.schema.header, document.fields)
        content["lines"] = [_wire(way.schema.lines, line) for line in document.lines]
        body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        rows = {
            int(line.get("LineNo", at)): document.number
            for at, line in enumerate(document.lines, start=1)
        }
    return Payload(
        method="POST",
        path=way.page,
        headers={"Prefer": "wait=10"},
        body=body,
        content_type=JSON,
        rows=rows,
        numbers=numbers,
        positions=dict.fromkeys(rows, 0),
        refused=refused,
    )


def _workbook(
    way: Way | None,
    good: Good,
    numbers: tuple[str, ...],
    refused: Mapping[int, Answer],
    batch_name: str,
) -> Payload:
    table: list[list[Written]] = []
    rows: dict[int, str] = {}
    positions: dict[int, int] = {}
    if way is not None:
        fields = columns(way.schema)
        table.append([field.title for field in fields])
        for at, document, values in _sheet(way, good):
            table.append([_cell(field, values.get(field.name, "")) for field in fields])
            rows[len(table)] = document.number
            positions[len(table)] = at
    return Payload(
        method="POST",
        path=way.imports if way else "",
        headers={"Prefer": "wait=10"},
        body=write(way.sheet, table) if way and good else b"",
        content_type=XLSX,
        rows=rows,
        numbers=numbers,
        positions=positions,
        refused=refused,
        file_name=f"{_plain(batch_name)}.xlsx",
        form={"source_batch": _plain(batch_name)},
    )


def _sheet(way: Way, good: Good) -> Iterator[tuple[int, OutgoingDocument, Mapping[str, str]]]:
    """The rows of the sheet: each line beside the cells of its document."""
    for at, document in good:
        for line in rows_of(way.schema, document):
            yield at, document, {**document.fields, **line}


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", name)[:100] or "batch"


def _wire(schemas: Sequence[FieldSchema], values: Mapping[str, str]) -> dict[str, object]:
    told: dict[str, object] = {}
    for schema in schemas:
        value = values.get(schema.name, "")
        if not schema.sent or value == "":
            continue
        outer, _, inner = schema.wire.partition(".")
        told_value: object = int(value) if schema.type == "whole" else value
        if inner:
            nested = told.setdefault(outer, {})
            if isinstance(nested, dict):
                nested[inner] = told_value
        else:
            told[outer] = told_value
    return told


def _cell(schema: FieldSchema, value: str) -> Written:
    if value == "":
        return None
    if schema.type == "date":
        return date.fromisoformat(value)
    return Decimal(value) if schema.type in NUMERIC else value


# ---- what AiAccount could only misread ----


def _preflight(way: Way | None, document: OutgoingDocument, base: str) -> Answer | None:
    if way is None or document.document != way.schema.name:
        words = f"AiAccount does not take {document.document} here."
        return refused(document, "business_rule", words)
    found = _fault(way.schema, document)
    if not found and document.fields.get("ExchangeRate"):  # where it lacks, AiAccount says so
        found = rate_fault(document, "ExchangeRate", base)
    return refused(document, *found) if found else None


def _fault(schema: DocumentSchema, document: OutgoingDocument) -> Fault | None:
    rows = rows_of(schema, document)
    if not rows:
        return "missing_field", "The document has no lines."
    for field in schema.header:
        if found := _field_fault(field, document.fields.get(field.name, ""), ""):
            return found
    seen: set[str] = set()
    for at, line in enumerate(rows, start=1):
        values, where = (line, f" of line {at}") if line else (document.fields, "")
        for field in schema.lines:
            if found := _field_fault(field, values.get(field.name, ""), where):
                return found
        number = values.get("LineNo", "")
        if number and number in seen:
            return "bad_value", f"Line No {number} occurs twice."
        seen.add(number)
    return None


def _field_fault(schema: FieldSchema, value: str, where: str) -> Fault | None:
    name = f"{schema.title}{where}"
    if value == "":
        return ("missing_field", f"{name} is blank.") if schema.required else None
    if schema.theirs:
        return "bad_value", f"{name} is written in AiAccount only."
    return value_fault(schema, value, name, runs="a workbook")
