"""Build import workbooks for AutoCount desktop, and read the files a person brings back."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Final, Literal

from connectors.contract import (
    Action,
    Answer,
    BookFacts,
    ConnectionForm,
    ConnectionReport,
    EInvoices,
    FileLimits,
    Found,
    OutgoingDocument,
    Pace,
    Payload,
    Rounding,
    Sent,
    Setting,
    Settings,
    Snapshot,
    SourceRefusal,
    Step,
    Submitter,
    Target,
)
from connectors.contract.errors import columns_fault
from connectors.contract.pulls import Listed, document_types, types_taken
from connectors.contract.schema import DocumentSchema, FieldSchema, split_list
from connectors.kit.calls import (
    E_INVOICES,
    base_currency_of,
    closed_through,
    make_not_sent,
    snapshot_from_settings,
)
from connectors.kit.preflight import (
    NUMERIC,
    Fault,
    amount_fault,
    decimals_fault,
    no_rate_fault,
    not_offered,
    rate_fault,
    refused,
    settings_of_book,
    value_fault,
)
from connectors.kit.workbook import (
    CellValue,
    Row,
    Sheet,
    WorkbookRefusal,
    Written,
    read_tables,
    write_sheets,
)
from connectors.targets.autocount_excel.documents import DOCUMENTS
from connectors.transport.http import Http
from grammar.text.finding_codes import ErrorClass

_ASK = (
    "Enter the last day that is closed for the user who imports, or none, in “Books closed"
    " through”."
)

PREFIX = "number_prefix"

HEADS = "column_names"

TITLES = tuple(
    dict.fromkeys(
        field.title for one in DOCUMENTS for field in (*one.header, *one.lines) if field.sent
    )
)
"""The system column names of all types."""

USUAL_DECIMALS = 4
"""Of quantities and prices, where nobody says how many the book keeps: what a column takes."""

FORM = ConnectionForm(
    title="AutoCount Excel import",
    gives="Sales and purchase documents, bills and payments, in a workbook to import",
    needs="A prefix for document numbers that nothing else in the account book uses",
    settings=(
        Setting(
            name="company_id",
            label="Short name of the account book",
            hint="Stands in the name of every file, so that it is imported in the right book.",
            example="kedai",
            required=True,
        ),
        Setting(
            name="company_name",
            label="Name of the account book",
            hint="Shown here only: nothing in AutoCount is asked, so it cannot be compared.",
            example="Kedai Contoh Sdn Bhd",
        ),
        Setting(
            name=PREFIX,
            label="Prefix of our document numbers",
            hint="An import overwrites a number that is taken. Several with commas: CP, NS-.",
            example="CP",
            required=True,
        ),
        Setting(
            name="locked_through",
            label="Books closed through",
            hint="The last day closed for the user who imports, or none. Keep it up to date.",
            example="2026-09-30",
            kind="closed_day",
            required=True,
        ),
        Setting(
            name=HEADS,
            label="Column names of your import template",
            hint="Only where they differ from AutoCount's own: yours = AutoCount's, one a line.",
            example="InvNo = DocNo",
            kind="columns",
            fields=TITLES,
        ),
        document_types({one.name: one.title for one in DOCUMENTS}),
        *settings_of_book(USUAL_DECIMALS),
        E_INVOICES,
    ),
    way="file",
    system="AutoCount",
    tells=BookFacts(closing_date="entered"),
    e_invoices=EInvoices(
        submitter=Submitter.TARGET,
        types={"invoice": "01", "cash_sale": "01", "credit_note": "02"},
        says=(
            "They are submitted in AutoCount desktop.",
            "Clearpost submits none, waits for none, and reads nothing of them.",
        ),
    ),
    can=(
        "Writes one workbook for each run and document type, for a finance user to import.",
        "Takes invoices, credit notes, sales orders, delivery orders and goods received notes.",
        "Takes cash sales, each with what was paid and how.",
        "Takes A/R payments, A/P invoices and A/P payments.",
        "Compares AutoCount's own listing with the file: number, party, date and total.",
    ),
    cannot=(
        "Post automatically: a document counts as posted when a person or a listing says so.",
        "Tie a delivery to its order: AutoCount transfers documents, an import only adds them.",
        "Change or void what is posted: that is done in AutoCount.",
        "Look into AutoCount: codes, closed periods and manual changes are not read from it.",
    ),
)

STEPS = ("Account book", "Prefix", "Closed period", "Column names")

WAITS = "It stands in a file, and waits for a person to import it and to say what happened."

CANNOT_LOOK = "AutoCount desktop cannot be asked from here: compare the document there."

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

SCHEMAS: Mapping[str, DocumentSchema] = {schema.name: schema for schema in DOCUMENTS}

_HEAD = re.compile(r"[A-Za-z0-9_]+")

_SHORT = 40

_MARKS = {"yes": "T", "no": "F"}

SheetRow = list[Written]

_HEADINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "number": ("docno", "documentno", "invoiceno", "no"),
    "party": ("debtorcode", "creditorcode", "accno", "code", "debtor", "creditor"),
    "date": ("docdate", "documentdate", "date"),
    "total": ("finaltotal", "nettotal", "total", "docamt", "paymentamt", "amount"),
}
"""What a column may be called, the clearest first: it is taken wherever it stands."""

_CANCELLED: Final = ("cancelled", "canceled", "void", "voided")
"""Likewise a column that not every listing has, and what it says of a document that is."""

_YES: Final = frozenset({"t", "true", "y", "yes", "1", *_CANCELLED})

_HEAD_WITHIN: Final = 20  # rows: a printed listing has its title above the columns

_DAYS: Final = (
    *("%Y-%m-%d", "%d/%m/%Y", "%d-%m-%Y"),
    *("%d-%b-%Y", "%d %b %Y", "%d-%b-%y", "%d %B %Y"),
)

_TOTALS: Final = frozenset({"total", "totals", "grandtotal", "subtotal", "jumlah"})

_LARGEST: Final = Decimal(10) ** 15

_PLACES: Final = 18  # a workbook may have 118.80 as 118.80000000000001

_WANTED = "Save the listing of AutoCount as .xlsx, with its columns number, code, date and total."

_LOCKED: Final = re.compile(r"\block(ed)?\b|\bclosed period\b|\bfiscal year\b", re.IGNORECASE)

_UNKNOWN: Final = re.compile(
    r"\bnot found\b|\bdoes(n't| not) exist\b|\bno such\b|\binvalid\b.*\bcode\b|\bunknown\b",
    re.IGNORECASE,
)

_MISSING: Final = re.compile(
    r"\bmandatory\b|\brequired\b|\bmissing\b|\bblank\b|\b(cannot|can't|must not) be empty\b",
    re.IGNORECASE,
)

_TAKEN: Final = re.compile(r"\balready (exists|used)\b|\bduplicate", re.IGNORECASE)

_VALUE: Final = re.compile(
    r"\btoo long\b|\bexceeds?\b|\bnot a (number|date)\b|\binvalid\b|\bformat\b", re.IGNORECASE
)

_CLASSES: Final[tuple[tuple[re.Pattern[str], ErrorClass], ...]] = (
    (_LOCKED, "period_locked"),
    (_TAKEN, "duplicate"),
    (_UNKNOWN, "mapping_missing"),
    (_MISSING, "missing_field"),
    (_VALUE, "bad_value"),
)


class AutoCountExcel:
    """The target `autocount_excel`. It writes files and never calls AutoCount."""

    name = "autocount_excel"
    form = FORM
    documents = DOCUMENTS
    dedupe: Literal["key", "number", "number+customer", "none"] = "none"
    lookup: Literal["strong", "lagging", "none"] = "none"
    settle_seconds = 0.0
    pace = Pace()
    file_limits = FileLimits(documents=500, rows=5_000, bytes=5 * 1024 * 1024)

    def rounding(self, settings: Settings) -> Rounding:  # noqa: ARG002 - it has no other way
        """Return `per_line`: AutoCount calculates tax for each line and sums the lines."""
        return "per_line"

    def refusal(
        self, document: OutgoingDocument, settings: Settings, action: Action
    ) -> Answer | None:
        """Return why AutoCount's Excel import could never take this document, or None."""
        return preflight(document, settings, action)

    def rows_of(self, document: OutgoingDocument) -> int:
        """Return the number of sheet rows a document takes: one for each line, or one in all
        without lines.
        """
        return rows_taken(document)

    def build(
        self,
        documents: Sequence[OutgoingDocument],
        settings: Settings,
        *,
        batch: bool,  # noqa: ARG002 - one document is a file as well
        batch_name: str,
        action: Action = "create",
    ) -> Payload:
        """Build the workbook of these documents.

        `batch_name` ends with the run number: `20261120_17`.
        """
        name = batch_name or documents[0].number
        return build(documents, settings, name=name, action=action)

    def send(
        self,
        payload: Payload,
        settings: Settings,  # noqa: ARG002 - nothing is called
        secret: str,  # noqa: ARG002
        key: str,  # noqa: ARG002
        http: Http,  # noqa: ARG002
    ) -> Sent:
        """Return the answers for a written file: its documents await a person, and refused
        documents stay refused.
        """
        if len(payload.refused) == len(payload.numbers):
            return make_not_sent(payload)
        answers = (
            payload.refused.get(at) or Answer(kind="awaiting", words=WAITS, number=number)
            for at, number in enumerate(payload.numbers)
        )
        return Sent(answers=tuple(answers), status=None, headers={}, body=b"", seconds=0.0)

    def look_up(
        self,
        document: OutgoingDocument,
        settings: Settings,  # noqa: ARG002 - nothing is called
        secret: str,  # noqa: ARG002
        key: str,  # noqa: ARG002
        http: Http,  # noqa: ARG002
        *,
        action: Action = "create",  # noqa: ARG002
        standing: OutgoingDocument | None = None,  # noqa: ARG002
    ) -> Found:
        """Return `different`, because no lookup is possible.

        Only a person can end the wait of a document.
        """
        return Found(kind="different", words=f"{document.number}: {CANNOT_LOOK}")

    def class_of(self, message: str) -> ErrorClass:
        """Return the error class of a message that the import gave for a row."""
        return class_of(message)

    def listed(self, raw: bytes) -> tuple[Listed, ...] | SourceRefusal:
        """Return the documents in a listing that AutoCount exported."""
        return listed(raw)

    def test(
        self,
        settings: Settings,
        secret: str,  # noqa: ARG002 - it has no key
        http: Http,  # noqa: ARG002
    ) -> ConnectionReport:
        """Check whether the settings contain all that a safe file needs. Nothing is called."""
        locked = closed_through(settings, _ASK)
        steps = (_book(settings), _prefix(settings), _closed(locked), _heads(settings))
        snapshot = None if isinstance(locked, str) else _snapshot(settings, locked)
        return ConnectionReport(steps=steps, snapshot=snapshot)


def _book(settings: Settings) -> Step:
    book = str(settings.get("company_id", "")).strip()
    if not book:
        hint = "Set the short name of the account book of this connection."
        return Step.failed(STEPS[0], "The account book has no short name.", hint, "company.unknown")
    words = f"Files are named cp_{book}_… AutoCount desktop is not called: compare the book once."
    return Step(STEPS[0], ok=None, words=words)


def _prefix(settings: Settings) -> Step:
    prefixes = split_list(str(settings.get(PREFIX, "")))
    if not prefixes:
        hint = "Choose one that no other number in the account book begins with, such as CP."
        return Step.failed(STEPS[1], "No prefix is set.", hint, "number_prefix")
    words = f"Numbers begin with {' or '.join(prefixes)}; no other document is sent."
    return Step(STEPS[1], ok=True, words=words)


def _closed(locked: date | str | None) -> Step:
    if isinstance(locked, str):
        hint = "Set Books closed through of this connection."
        return Step.failed(STEPS[2], locked, hint, "closed_day")
    closed = f"Closed through {locked}" if locked else "Nothing is closed"
    return Step(STEPS[2], ok=True, words=f"{closed}, by the setting.")


def _heads(settings: Settings) -> Step:
    if fault := heads_fault(settings):
        hint = "Correct the column names of your import template."
        return Step.failed(STEPS[3], fault, hint, "column_names")
    template_headings = own_heads(settings)
    headings = ", ".join(f"{name} for {field}" for field, name in template_headings.items())
    words = f"As in your template: {headings}." if template_headings else "AutoCount's own names."
    return Step(STEPS[3], ok=True, words=words)


def _snapshot(settings: Settings, locked: date | None) -> Snapshot:
    snapshot = snapshot_from_settings(settings, locked)
    return replace(snapshot, key_status="none", excel_import_enabled=True)


def build(
    documents: Sequence[OutgoingDocument], settings: Settings, *, name: str, action: Action
) -> Payload:
    """Build the workbook of these documents, all of one type.

    Documents that could never be imported are left out and refused at once.
    """
    kind = documents[0].document
    schema, base = SCHEMAS.get(kind), base_currency_of(settings)
    refusals = {
        at: fault_answer
        for at, document in enumerate(documents)
        if (fault_answer := preflight(document, settings, action))
    }
    good = [(at, document) for at, document in enumerate(documents) if at not in refusals]
    table: list[SheetRow] = []
    rows: dict[int, str] = {}
    positions: dict[int, int] = {}
    if schema is not None:
        table.append(list(heads_of(schema, settings)))
        for at, document, cells in _cells(schema, good):
            table.append(cells)
            rows[len(table)], positions[len(table)] = document.number, at
    file = file_name(settings, kind, name)
    manifest = _manifest_rows(file, name, kind, table, [document for _, document in good], base)
    return Payload(
        method="FILE",
        path=kind,
        headers={},
        body=write_sheets({"Data": table, "Clearpost": manifest}, prefixed=True) if good else b"",
        content_type=XLSX,
        rows=rows,
        numbers=tuple(document.number for document in documents),
        positions=positions,
        refused=refusals,
        file_name=file,
    )


def preflight(document: OutgoingDocument, settings: Settings, action: Action) -> Answer | None:
    """Return why AutoCount's Excel import could never take this document, or None."""
    schema = SCHEMAS.get(document.document)
    refusal = not_offered(schema, document, action, "AutoCount's Excel import")
    if refusal or schema is None:
        return refusal
    base = base_currency_of(settings)
    fault = (
        _type_fault(schema, settings)
        or _heads_fault(schema, settings)
        or _number_fault(document.number, split_list(str(settings.get(PREFIX, ""))))
        or _header_fault(schema, document)
        or _lines_fault(schema, document)
        or decimals_fault(schema, document, settings, usual=USUAL_DECIMALS)
        or _payment_fault(schema, document, base)
        or rate_fault(document, "CurrencyRate", base)
    )
    return refused(document, *fault) if fault else None


def _type_fault(schema: DocumentSchema, settings: Settings) -> Fault | None:
    """Return a fault for a document type that this connection leaves to another connection, else
    None.
    """
    if schema.name in types_taken(settings, SCHEMAS):
        return None
    words = (
        f"The connection takes no document of the type {schema.title.lower()}:"
        " see its setting Document types it takes."
    )
    return "business_rule", words


def _heads_fault(schema: DocumentSchema, settings: Settings) -> Fault | None:
    # AutoCount leaves out a column whose heading it does not know, and reports nothing.
    heads = heads_fault(settings, (schema,))
    return ("business_rule", f"Column names of the connection: {heads}") if heads else None


def _number_fault(number: str, prefixes: Sequence[str]) -> Fault | None:
    """Return a fault for a number without one of our prefixes, else None.

    AutoCount overwrites an existing number, so only our documents may begin with these prefixes.
    """
    if not prefixes:
        return "business_rule", "The connection has no prefix for the numbers of our documents."
    if any(number.startswith(prefix) and number != prefix for prefix in prefixes):
        return None
    words = f"DocNo {number} does not begin with {' or '.join(prefixes)}, which is kept for us in"
    return "business_rule", f"{words} AutoCount: an import overwrites a number that is taken."


def _header_fault(schema: DocumentSchema, document: OutgoingDocument) -> Fault | None:
    for field in schema.header:
        if fault := _field_fault(field, document.fields.get(field.name, ""), ""):
            return fault
    return None


def _field_fault(field: FieldSchema, value: str, where: str) -> Fault | None:
    name = f"{field.title}{where}"
    if value == "":
        must = field.required or field.needed
        return ("missing_field", f"{name} is blank; AutoCount needs it.") if must else None
    return value_fault(field, value, name, runs="")


def _lines_fault(schema: DocumentSchema, document: OutgoingDocument) -> Fault | None:
    if not schema.lines:
        return None
    if not document.lines:
        return "missing_field", "The document has no lines."
    for at, line in enumerate(document.lines, start=1):
        where = f" of line {at}"
        for field in schema.lines:
            if fault := _field_fault(field, line.get(field.name, ""), where):
                return fault
        if not line.get("ItemCode") and not line.get("AccNo"):
            return "missing_field", f"Line {at} has no ItemCode and no AccNo."
        if line.get("ItemCode") and not line.get("UOM"):
            return "missing_field", f"UOM{where} is blank; an item needs one of its units."
        if Decimal(line["Qty"]) <= 0:
            return "bad_value", f"Qty{where} is not above 0: {line['Qty']}."
    return None


def _payment_fault(schema: DocumentSchema, document: OutgoingDocument, base: str) -> Fault | None:
    """Return a fault of a payment that AutoCount would refuse row by row, or None.

    A cash sale's payment may not exceed its total.
    """
    fields = document.fields
    if "PaymentAmt" not in fields:
        return None
    paid, number = Decimal(fields["PaymentAmt"]), fields.get("KnockOffDocNo", "")
    amount = fields.get("KnockOffAmt", "")
    if fault := amount_fault(document, "PaymentAmt"):
        return fault
    if schema.total_field != "PaymentAmt":
        over = paid > document.amount
        words = f"PaymentAmt {paid} is more than the sale comes to: {document.amount}."
        return ("bad_value", words) if over else None
    if bool(number) != bool(amount):
        return "missing_field", "KnockOffDocNo and KnockOffAmt go together; one is blank."
    if amount and not 0 < Decimal(amount) <= paid:
        return "bad_value", f"KnockOffAmt {amount} is not between 0 and the payment of {paid}."
    return no_rate_fault(document, base, "AutoCount's Excel import")


def _cells(
    schema: DocumentSchema, good: Sequence[tuple[int, OutgoingDocument]]
) -> Iterator[tuple[int, OutgoingDocument, SheetRow]]:
    """Yield the rows of the sheet: place, document, and the document's cells with each line's
    cells.
    """
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


def _manifest_rows(
    file: str,
    name: str,
    kind: str,
    table: Sequence[SheetRow],
    documents: Sequence[OutgoingDocument],
    base: str,
) -> list[SheetRow]:
    """Return the rows of the second sheet, which reveal a file that was edited or only partly
    imported.
    """
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for document in documents:
        totals[document.currency or base] += document.amount
    rows: list[SheetRow] = [
        ["File", file],
        ["Run", name.rpartition("_")[2]],
        ["Document type", kind],
        ["Rows", max(0, len(table) - 1)],
        ["Documents", len(documents)],
    ]
    rows += [[f"Total {currency}".rstrip(), total] for currency, total in sorted(totals.items())]
    rows.append(["SHA-256 of the data", data_sha256(table)])
    return rows


def columns(schema: DocumentSchema) -> tuple[FieldSchema, ...]:
    """Return the columns of a type's sheet, in their order."""
    return tuple(field for field in (*schema.header, *schema.lines) if field.sent)


def heads_of(schema: DocumentSchema, settings: Settings) -> tuple[str, ...]:
    """Return the headings of the columns: the system column names, or the names in the customer's
    template.
    """
    template_names = own_heads(settings)
    return tuple(template_names.get(field.title, field.title) for field in columns(schema))


def own_heads(settings: Settings) -> Mapping[str, str]:
    """Return system column name -> its name in the customer's template."""
    parts = (part.partition("=") for part in re.split(r"[,\n]", str(settings.get(HEADS, ""))))
    return {field.strip(): name.strip() for name, equals, field in parts if equals}


def heads_fault(settings: Settings, schemas: Sequence[DocumentSchema] = DOCUMENTS) -> str:
    """Return why these headings would not be imported; blank if they are good."""
    if fault := columns_fault(str(settings.get(HEADS, "")), TITLES):
        return fault
    names = own_heads(settings).values()
    if spaced := next((name for name in names if not _HEAD.fullmatch(name)), ""):
        return f"“{spaced[:60]}” has a space or a sign: AutoCount leaves such a column out."
    for schema in schemas:
        heads = [head.casefold() for head in heads_of(schema, settings)]
        if twice := next((head for head in heads if heads.count(head) > 1), ""):
            return f"Two columns of {schema.title.lower()} would be called {twice}."
    return ""


def rows_taken(document: OutgoingDocument) -> int:
    """Return the number of sheet rows a document takes: one for each line, or one in all without
    lines.
    """
    return max(1, len(document.lines))


def file_name(settings: Settings, kind: str, name: str) -> str:
    """Return the file name, such as `cp_kedai_invoice_20261120_17.xlsx` for the name
    `20261120_17`.
    """
    company = _plain(str(settings.get("company_id", "")))
    return f"cp_{company}_{_plain(kind)}_{_plain(name)}.xlsx"


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", text)[:_SHORT] or "none"


def data_sha256(table: Sequence[SheetRow]) -> str:
    """Return the SHA-256 hash of the sheet `Data`.

    Cells are joined as text with tabs, rows with line feeds. A number is written digit by digit, a
    date as 2026-11-19, a blank cell as an empty text.
    """
    lines = ("\t".join(_text(cell) for cell in row) for row in table)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _text(cell: Written) -> str:
    if cell is None:
        return ""
    return f"{cell:f}" if isinstance(cell, Decimal) else str(cell)


def listed(raw: bytes) -> tuple[Listed, ...] | SourceRefusal:
    """Return the documents of the first sheet that has the four required columns."""
    sheets = read_tables(raw)
    if isinstance(sheets, WorkbookRefusal):
        return SourceRefusal(422, f"listing.{sheets.code}", sheets.message, sheets.hint)
    for sheet in sheets:
        head = _head(sheet)
        if head is not None:
            at, columns = head
            below = sorted((no, row) for no, row in sheet.rows.items() if no > at)
            rows = (_listed(no, row, columns) for no, row in below)
            return tuple(row for row in rows if row.number and not _is_total(row))
    words = "The workbook has no columns for number, debtor or creditor code, date and total."
    return SourceRefusal(422, "listing.columns", words, _WANTED)


def _is_total(row: Listed) -> bool:
    """Check whether a row of a listing is its total: it has neither a party nor a day."""
    return not row.party and row.date is None and _bare(row.number) in _TOTALS


def _head(sheet: Sheet) -> tuple[int, Mapping[str, int]] | None:
    """Return the row number of the headings and the column of each field; None if there are
    none.
    """
    for number, row in sorted(sheet.rows.items())[:_HEAD_WITHIN]:
        columns = {_bare(value): column for column, value in sorted(row.items(), reverse=True)}
        columns_by_field = {
            field: next(columns[word] for word in headings if word in columns)
            for field, headings in _HEADINGS.items()
            if not columns.keys().isdisjoint(headings)
        }
        if columns_by_field.keys() == _HEADINGS.keys():
            more = next((columns[word] for word in _CANCELLED if word in columns), None)
            return number, columns_by_field if more is None else {
                **columns_by_field,
                _CANCELLED[0]: more,
            }
    return None


def _bare(value: CellValue) -> str:
    return "".join(sign for sign in str(value).casefold() if sign.isalnum())


def _listed(number: int, row: Row, columns: Mapping[str, int]) -> Listed:
    def text(field: str) -> str:
        value = row.get(columns[field])
        return "" if value is None else str(value).strip()

    return Listed(
        number=text("number"),
        party=text("party"),
        date=_day(row.get(columns["date"])),
        total=_amount(row.get(columns["total"])),
        row=number,
        cancelled=_bare(row.get(columns.get(_CANCELLED[0], -1)) or "") in _YES,
    )


def _day(value: CellValue | None) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    for form in _DAYS:
        try:
            return datetime.strptime(str(value).strip(), form).date()  # noqa: DTZ007 - a day
        except ValueError:
            continue
    return None


def _amount(value: CellValue | None) -> Decimal | None:
    """Return a total; None if it is no number, or too large or precise for a document's total.

    The limits also stop a short text such as 1e999 from expanding to endless digits.
    """
    try:
        number = Decimal(str(value).strip().removeprefix("RM").strip().replace(",", ""))
    except InvalidOperation:
        return None
    places = number.as_tuple().exponent
    if not isinstance(places, int) or places < -_PLACES or number.copy_abs() >= _LARGEST:
        return None
    return number


def class_of(message: str) -> ErrorClass:
    """Return the error class of a message.

    An unknown message counts as a business rule of AutoCount.
    """
    return next(
        (error_class for words, error_class in _CLASSES if words.search(message)), "business_rule"
    )


TARGET: Target = AutoCountExcel()
