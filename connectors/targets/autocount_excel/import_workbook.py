"""Documents as the workbook that a person imports in AutoCount.

Here: the sheets `Data` and `Clearpost`, built purely, and the refusal of what AutoCount would only
cut, misread or overwrite. Not here: which columns there are (documents.py).
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal

from connectors.contract import Action, Answer, OutgoingDocument, Payload, Settings
from connectors.contract import declared_settings as declared
from connectors.contract.database_settings import columns_fault
from connectors.contract.hand_imports import types_taken
from connectors.contract.schema import DocumentSchema, FieldSchema
from connectors.kit.connection_settings import base_currency_of
from connectors.kit.preflight import NUMERIC, Fault, not_offered, rate_fault, refused, value_fault
from connectors.kit.rounding.book_decimals import decimals_fault
from connectors.kit.workbook import Written, write_sheets
from connectors.targets.autocount_excel.documents import DOCUMENTS

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SCHEMAS: Mapping[str, DocumentSchema] = {schema.name: schema for schema in DOCUMENTS}
PREFIX = "number_prefix"
USUAL_DECIMALS = 4
"""Of quantities and prices, where nobody says how many the book keeps: what a column takes."""
HEADS = "column_names"
TITLES = tuple(
    dict.fromkeys(
        field.title for one in DOCUMENTS for field in (*one.header, *one.lines) if field.sent
    )
)
"""The system column names of all types."""
_HEAD = re.compile(r"[A-Za-z0-9_]+")
_SHORT = 40
_MARKS = {"yes": "T", "no": "F"}
Row = list[Written]


def build(
    documents: Sequence[OutgoingDocument], settings: Settings, *, name: str, action: Action
) -> Payload:
    """The workbook of these documents, all of one type. One that could never be imported is left
    out and answered at once.
    """
    kind = documents[0].document
    schema, base = SCHEMAS.get(kind), base_currency_of(settings)
    refusals = {
        at: said
        for at, document in enumerate(documents)
        if (said := _preflight(schema, document, action, settings))
    }
    good = [(at, one) for at, one in enumerate(documents) if at not in refusals]
    table: list[Row] = []
    rows: dict[int, str] = {}
    positions: dict[int, int] = {}
    if schema is not None:
        table.append(list(heads_of(schema, settings)))
        for at, document, cells in _cells(schema, good):
            table.append(cells)
            rows[len(table)], positions[len(table)] = document.number, at
    file = file_name(settings, kind, name)
    told = _told(file, name, kind, table, [one for _, one in good], base)
    return Payload(
        method="FILE",
        path=kind,
        headers={},
        body=write_sheets({"Data": table, "Clearpost": told}, prefixed=True) if good else b"",
        content_type=XLSX,
        rows=rows,
        numbers=tuple(document.number for document in documents),
        positions=positions,
        refused=refusals,
        file_name=file,
    )


def columns(schema: DocumentSchema) -> tuple[FieldSchema, ...]:
    """The columns of a type's sheet, in their order."""
    return tuple(field for field in (*schema.header, *schema.lines) if field.sent)


def heads_of(schema: DocumentSchema, settings: Settings) -> tuple[str, ...]:
    """Their headings: the system column names, or what the customer's template calls them."""
    own = own_heads(settings)
    return tuple(own.get(field.title, field.title) for field in columns(schema))


def own_heads(settings: Settings) -> Mapping[str, str]:
    """System column name -> what the template of the customer calls it."""
    parts = (part.partition("=") for part in re.split(r"[,\n]", str(settings.get(HEADS, ""))))
    return {field.strip(): name.strip() for name, equals, field in parts if equals}


def heads_fault(settings: Settings, schemas: Sequence[DocumentSchema] = DOCUMENTS) -> str:
    """Why these headings would not be imported; blank when they are good."""
    if found := columns_fault(str(settings.get(HEADS, "")), TITLES):
        return found
    names = own_heads(settings).values()
    if spaced := next((name for name in names if not _HEAD.fullmatch(name)), ""):
        return f"“{spaced[:60]}” has a space or a sign: AutoCount leaves such a column out."
    for schema in schemas:
        heads = [head.casefold() for head in heads_of(schema, settings)]
        if twice := next((head for head in heads if heads.count(head) > 1), ""):
            return f"Two columns of {schema.title.lower()} would be called {twice}."
    return ""


def rows_taken(document: OutgoingDocument) -> int:
    """A row for each line; of a document without lines, one."""
    return max(1, len(document.lines))


def file_name(settings: Settings, kind: str, name: str) -> str:
    """`cp_kedai_invoice_20261120_17.xlsx`, for the name `20261120_17`."""
    company = _plain(str(settings.get("company_id", "")))
    return f"cp_{company}_{_plain(kind)}_{_plain(name)}.xlsx"


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", text)[:_SHORT] or "none"


def _cells(
    schema: DocumentSchema, good: Sequence[tuple[int, OutgoingDocument]]
) -> Iterator[tuple[int, OutgoingDocument, Row]]:
    """The rows of the sheet: each line beside the cells of its document."""
    for at, document in good:
        head = [_cell(f, document.fields.get(f.name, "")) for f in schema.header if f.sent]
        for line in document.lines if schema.lines else ({},):
            cells = [_cell(f, line.get(f.name, "")) for f in schema.lines if f.sent]
            yield at, document, [*head, *cells]


def _cell(field: FieldSchema, value: str) -> Written:
    if value == "":
        return None
    if field.type == "yesno":
        return _MARKS[value]
    if field.type == "date":
        return date.fromisoformat(value)
    return Decimal(value) if field.type in NUMERIC else value


def _told(
    file: str,
    name: str,
    kind: str,
    table: Sequence[Row],
    documents: Sequence[OutgoingDocument],
    base: str,
) -> list[Row]:
    """The second sheet: by what a file that was edited, or imported in part, is found out."""
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for document in documents:
        totals[document.currency or base] += document.amount
    rows: list[Row] = [
        ["File", file],
        ["Run", name.rpartition("_")[2]],
        ["Document type", kind],
        ["Rows", max(0, len(table) - 1)],
        ["Documents", len(documents)],
    ]
    rows += [[f"Total {currency}".rstrip(), total] for currency, total in sorted(totals.items())]
    rows.append(["SHA-256 of the data", data_sha256(table)])
    return rows


def data_sha256(table: Sequence[Row]) -> str:
    """The hash of the sheet `Data`: its cells as text with tabs between, its rows with line feeds;
    a number is written digit by digit, a date as 2026-11-19, a blank cell as nothing.
    """
    lines = ("\t".join(_text(cell) for cell in row) for row in table)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _text(cell: Written) -> str:
    if cell is None:
        return ""
    return f"{cell:f}" if isinstance(cell, Decimal) else str(cell)


# ---- what AutoCount would cut, misread or overwrite ----


def _preflight(
    schema: DocumentSchema | None, document: OutgoingDocument, action: Action, settings: Settings
) -> Answer | None:
    refusal = not_offered(schema, document, action, "AutoCount's Excel import")
    if refusal or schema is None:
        return refusal
    base = base_currency_of(settings)
    found = (
        _type_fault(schema, settings)
        or _heads_fault(schema, settings)
        or _number_fault(document.number, declared.listed(str(settings.get(PREFIX, ""))))
        or _header_fault(schema, document)
        or _lines_fault(schema, document)
        or decimals_fault(schema, document, settings, usual=USUAL_DECIMALS)
        or _payment_fault(schema, document, base)
        or rate_fault(document, "CurrencyRate", base)
    )
    return refused(document, *found) if found else None


def _type_fault(schema: DocumentSchema, settings: Settings) -> Fault | None:
    """A type that this connection leaves to another way into the same books."""
    if schema.name in types_taken(settings, SCHEMAS):
        return None
    words = (
        f"The connection takes no document of the type {schema.title.lower()}:"
        " see its setting Document types it takes."
    )
    return "business_rule", words


def _heads_fault(schema: DocumentSchema, settings: Settings) -> Fault | None:
    heads = heads_fault(settings, (schema,))
    return ("business_rule", f"Column names of the connection: {heads}") if heads else None


def _number_fault(number: str, prefixes: Sequence[str]) -> Fault | None:
    """AutoCount overwrites a number that is taken, so ours begin as nothing else there does."""
    if not prefixes:
        return "business_rule", "The connection has no prefix for the numbers of our documents."
    if any(number.startswith(prefix) and number != prefix for prefix in prefixes):
        return None
    words = f"DocNo {number} does not begin with {' or '.join(prefixes)}, which is kept for us in"
    return "business_rule", f"{words} AutoCount: an import overwrites a number that is taken."


def _header_fault(schema: DocumentSchema, document: OutgoingDocument) -> Fault | None:
    for field in schema.header:
        if found := _field_fault(field, document.fields.get(field.name, ""), ""):
            return found
    return None


def _lines_fault(schema: DocumentSchema, document: OutgoingDocument) -> Fault | None:
    if not schema.lines:
        return None
    if not document.lines:
        return "missing_field", "The document has no lines."
    for at, line in enumerate(document.lines, start=1):
        where = f" of line {at}"
        for field in schema.lines:
            if found := _field_fault(field, line.get(field.name, ""), where):
                return found
        if not line.get("ItemCode") and not line.get("AccNo"):
            return "missing_field", f"Line {at} has no ItemCode and no AccNo."
        if line.get("ItemCode") and not line.get("UOM"):
            return "missing_field", f"UOM{where} is blank; an item needs one of its units."
        if Decimal(line["Qty"]) <= 0:
            return "bad_value", f"Qty{where} is not above 0: {line['Qty']}."
    return None


def _field_fault(field: FieldSchema, value: str, where: str) -> Fault | None:
    name = f"{field.title}{where}"
    if value == "":
        must = field.required or field.needed
        return ("missing_field", f"{name} is blank; AutoCount needs it.") if must else None
    return value_fault(field, value, name, runs="")


def _payment_fault(schema: DocumentSchema, document: OutgoingDocument, base: str) -> Fault | None:
    """What AutoCount asks of a payment, and would refuse row by row; of a cash sale, which holds
    its own, no more is paid than it comes to.
    """
    fields = document.fields
    if "PaymentAmt" not in fields:
        return None
    paid, number = Decimal(fields["PaymentAmt"]), fields.get("KnockOffDocNo", "")
    amount = fields.get("KnockOffAmt", "")
    if paid <= 0:
        return "bad_value", f"PaymentAmt is not above 0: {paid}."
    if schema.total_field != "PaymentAmt":
        over = paid > document.amount
        words = f"PaymentAmt {paid} is more than the sale comes to: {document.amount}."
        return ("bad_value", words) if over else None
    if bool(number) != bool(amount):
        return "missing_field", "KnockOffDocNo and KnockOffAmt go together; one is blank."
    if amount and not 0 < Decimal(amount) <= paid:
        return "bad_value", f"KnockOffAmt {amount} is not between 0 and the payment of {paid}."
    if document.currency not in ("", base):
        return "bad_value", f"A payment in {document.currency} needs a rate; there is no column."
    return None
