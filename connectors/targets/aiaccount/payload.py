"""A document as the bytes AiAccount takes: one as JSON, several as a workbook.

Here: pure building, and the refusal of what AiAccount could only misread. Not here: sending
(connector.py).
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from connectors.kit.contract import Answer, OutgoingDocument, Payload
from connectors.kit.preflight import NUMERIC, Fault, refused, value_fault
from connectors.kit.schema import DocumentSchema, FieldSchema
from connectors.kit.workbook import Written, write
from connectors.targets.aiaccount.documents import SALES_INVOICE

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
JSON = "application/json; charset=utf-8"
COLUMNS = tuple(field for field in (*SALES_INVOICE.header, *SALES_INVOICE.lines) if field.sent)


def build(documents: Sequence[OutgoingDocument], *, batch: bool, batch_name: str) -> Payload:
    """The call for these documents. One that could never be taken is left out and answered at
    once.
    """
    refused = {at: answer for at, doc in enumerate(documents) if (answer := _preflight(doc))}
    good = [(at, doc) for at, doc in enumerate(documents) if at not in refused]
    numbers = tuple(document.number for document in documents)
    if batch:
        return _workbook(good, numbers, refused, batch_name)
    if len(documents) != 1:
        raise ValueError("a JSON call carries one document")
    return _json(good, numbers, refused)


def _json(
    good: Sequence[tuple[int, OutgoingDocument]],
    numbers: tuple[str, ...],
    refused: Mapping[int, Answer],
) -> Payload:
    body = b""
    rows: dict[int, str] = {}
    for _, document in good:
        content = _wire(SALES_INVOICE.header, document.fields)
        content["lines"] = [_wire(SALES_INVOICE.lines, line) for line in document.lines]
        body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        rows = {int(line["LineNo"]): document.number for line in document.lines}
    return Payload(
        method="POST",
        path="/v1/sales/invoices",
        headers={"Prefer": "wait=10"},
        body=body,
        content_type=JSON,
        rows=rows,
        numbers=numbers,
        positions=dict.fromkeys(rows, 0),
        refused=refused,
    )


def _workbook(
    good: Sequence[tuple[int, OutgoingDocument]],
    numbers: tuple[str, ...],
    refused: Mapping[int, Answer],
    batch_name: str,
) -> Payload:
    table: list[list[Written]] = [[column.title for column in COLUMNS]]
    rows: dict[int, str] = {}
    positions: dict[int, int] = {}
    for at, document in good:
        for line in document.lines:
            values = {**document.fields, **line}
            table.append([_cell(column, values.get(column.name, "")) for column in COLUMNS])
            rows[len(table)] = document.number
            positions[len(table)] = at
    return Payload(
        method="POST",
        path="/v1/imports/sales-invoices",
        headers={"Prefer": "wait=10"},
        body=write("Sales Invoices", table) if good else b"",
        content_type=XLSX,
        rows=rows,
        numbers=numbers,
        positions=positions,
        refused=refused,
        file_name=f"{_plain(batch_name)}.xlsx",
        form={"source_batch": _plain(batch_name)},
    )


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


def _preflight(document: OutgoingDocument) -> Answer | None:
    if document.document != SALES_INVOICE.name:
        return refused(
            document, "business_rule", f"AiAccount does not take {document.document} here."
        )
    if not document.lines:
        return refused(document, "missing_field", "The document has no lines.")
    found = _fault(SALES_INVOICE, document)
    return refused(document, *found) if found else None


def _fault(schema: DocumentSchema, document: OutgoingDocument) -> Fault | None:
    for field in schema.header:
        if found := _field_fault(field, document.fields.get(field.name, ""), ""):
            return found
    seen: set[str] = set()
    for at, line in enumerate(document.lines, start=1):
        for field in schema.lines:
            if found := _field_fault(field, line.get(field.name, ""), f" of line {at}"):
                return found
        number = line["LineNo"]
        if number in seen:
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
