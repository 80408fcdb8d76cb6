"""Define AiAccount's books: documents, imports, answers by key and settings; read requests."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from zoneinfo import ZoneInfo

from connectors.kit.workbook import (
    CellError,
    CellValue,
    Limits,
    Row,
    WorkbookRefusal,
    header_of,
    sheets_of,
)
from connectors.kit.workbook_child import RefusedError, read
from connectors.transport.strict_json import JsonRefusal, loads
from sandbox.simulators.aiaccount.kinds import (
    INVOICES,
    KINDS,
    NUMERIC,
    ApiKey,
    Column,
    Company,
    Document,
    Kind,
    Paid,
    Values,
    fault,
)
from sandbox.simulators.base.server import Act, Request, Scripted, last_day

ZONE = ZoneInfo("Asia/Kuala_Lumpur")

Line = Mapping[str, Any]

Name = tuple[str, str, str, str]  # company, type, number, party

_SWITCHES = (
    "einvoice_enabled",
    "inventory_enabled",
    "refunds_enabled",
    "excel_import_enabled",
    "whole_files",
)

_IDS = (
    ("imp", 8800, "import_id"),
    ("cch", 0, "cache_id"),
    *((*one.ids, "id") for one in KINDS.values()),
)

MAX_FILE = 5 * 1024 * 1024

MAX_ROWS = 2_000


class Books(Scripted):
    """The state of the simulator."""

    def __init__(
        self,
        *,
        companies: dict[str, Company],
        keys: dict[str, ApiKey],
        dedupe: str,
        withhold: int,
        seed: int,
        receipts_by: str = "receipt",
    ) -> None:
        self._start = (companies, keys)
        self.dedupe = dedupe
        self.receipts_by = receipts_by
        super().__init__(withhold=withhold, seed=seed)

    def rewind(self) -> None:
        """Reset to a new subscription."""
        super().rewind()
        companies, keys = deepcopy(self._start)
        self.companies: dict[str, Company] = companies
        self.keys: dict[str, ApiKey] = keys
        self.documents: list[Mapping[str, Any]] = []
        self.void_ids: set[str] = set()
        self._by_name: dict[Name, list[Mapping[str, Any]]] = defaultdict(list)
        self._paying: dict[Name, list[Mapping[str, Any]]] = defaultdict(list)
        self.imports: dict[str, dict[str, Any]] = {}
        self.answers: dict[tuple[str, str], Mapping[str, Any]] = {}
        self.cached: dict[str, dict[str, Any]] = {}
        self._numbers: dict[str, int] = defaultdict(int)

    def next_id(self, prefix: str, start: int) -> str:
        """Return a new id; ids are counted in memory and restored from ledger lines after a
        restart.
        """
        self._numbers[prefix] += 1
        return f"{prefix}_{start + self._numbers[prefix]}"

    def existing(self, company: str, kind: str, number: str, party: str) -> list[Line]:
        """Return the documents of a type, number and party, oldest first."""
        return self._by_name[company, kind, number, party]

    def twins(self, company: str, document: Document, new_lines: Sequence[Line] = ()) -> list[Line]:
        """Return what AiAccount takes for a duplicate, also among the documents in `new_lines`."""
        by_invoice = document.kind.name == "sales_receipt" and self.receipts_by == "invoice"
        word, number = ("paid", document.paid) if by_invoice else ("number", document.number)
        index = self._paying if by_invoice else self._by_name
        stored_lines = index[company, document.kind.name, number, document.party]
        return [
            *stored_lines,
            *(
                line
                for line in new_lines
                if (line[word], line["party"]) == (number, document.party)
            ),
        ]

    def paid(self, company: str, document: Document, new_lines: Sequence[Line] = ()) -> Paid | None:
        """Return what a receipt, payment or refund settles, and its open amount."""
        kind = document.kind
        if not kind.pays or not document.paid:
            return None
        paid_documents = self.existing(company, kind.pays, document.paid, document.party)
        if not paid_documents:
            return None
        name = (document.paid, document.party)
        payments = [
            *self._paying[(company, kind.name, *name)],
            *(line for line in new_lines if (line["paid"], line["party"]) == name),
        ]
        open_amount = Decimal(paid_documents[0]["total"]) - sum(
            Decimal(payment["total"]) for payment in payments
        )
        items = (str(line.get("SKU", "")) for line in paid_documents[0]["document"]["lines"])
        return Paid(paid_documents[0]["currency"], open_amount, frozenset(items))

    def quota_used(self, company: str, today: date) -> int:
        """Return how many documents of this month count."""
        month = today.isoformat()[:7]
        documents = [
            doc
            for doc in self.documents
            if doc["company"] == company and not KINDS[doc["type"]].refunds
        ]
        used = sum(1 for doc in documents if doc["month"] == month)
        return used + self.companies[company].quota_used_before

    def take(self, line: Mapping[str, Any]) -> None:
        """Apply a call's ledger line."""
        for prefix, start, name in _IDS:
            self._count(prefix, start, str(line.get(name) or ""))
        if line["effect"] == "created":
            self.documents.append(line)
            company, kind, party = line["company"], line["type"], line["party"]
            self._by_name[company, kind, line["number"], party].append(line)
            if line.get("paid"):
                self._paying[company, kind, line["paid"], party].append(line)
        if "reply" in line:
            self._close(line)

    def _close(self, line: Mapping[str, Any]) -> None:
        """Apply a request's last line, which has the stored reply."""
        reply = line["reply"]
        if reply.get("created"):
            self.effects += 1
        if reply.get("import"):
            self.imports[line["import_id"]] = {
                "id": line["import_id"],
                "company": line["company"],
                "key": line["key"],
                "type": KINDS[line["type"]].title,
                "status": reply["import"],
                "at": line["at"],
                "content": reply["content"],
            }
        if reply.get("keep"):
            self.answers[line["company"], line["key"]] = {
                "body_sha256": line["body_sha256"],
                "status": reply["status"],
                "content": reply["content"],
                "cache_id": line.get("cache_id"),
                "at": line["at"],
            }
        if reply.get("park"):
            self.cached[line["cache_id"]] = {**reply["park"], "polls": 0}
        elif line.get("cache_id"):
            self.cached.pop(line["cache_id"], None)

    def _count(self, prefix: str, start: int, document_id: str) -> None:
        if document_id.startswith(f"{prefix}_"):
            number = int(document_id.split("_")[1]) - start
            self._numbers[prefix] = max(self._numbers[prefix], number)

    def acts(self) -> dict[str, Act]:
        """Return AiAccount's control acts."""
        return super().acts() | {
            "lock": self._set_lock,
            "pause": self._set_key_status,
            "issue": self._issue,
            "quota": self._set_quota,
            "company": self._set_company,
            "void": self._set_void,
        }

    def _set_lock(self, body: Mapping[str, Any]) -> None:
        """Lock a company's books up to and including a day, or unlock them without a day."""
        self._company(body).locked_through = last_day(body)

    def _set_key_status(self, body: Mapping[str, Any]) -> None:
        """Set an API key's status; `paused` if the body has none."""
        self.keys[body["key"]].status = str(body.get("status", "paused"))

    def _issue(self, body: Mapping[str, Any]) -> None:
        """Issue an API key with the first key's permissions."""
        first = next(iter(self.keys.values()))
        name = f"key_{31 + len(self.keys)}"
        self.keys[body["key"]] = replace(first, text=body["key"], id=name, status="active")

    def _set_quota(self, body: Mapping[str, Any]) -> None:
        """Set a company's monthly document limit and the number of documents used before."""
        company = self._company(body)
        company.quota = body.get("limit")
        company.quota_used_before = int(body.get("used", 0))

    def _set_void(self, body: Mapping[str, Any]) -> None:
        """Make a document void, or valid again, as a user would in AiAccount's own pages.

        `type` (sales_invoice), `number`, and `void` (true).
        """
        kind = body.get("type", "sales_invoice")
        ids = {
            str(line["id"])
            for line in self.documents
            if (line["type"], line["number"]) == (kind, body.get("number"))
        }
        self.void_ids = self.void_ids | ids if body.get("void", True) else self.void_ids - ids

    def _set_company(self, body: Mapping[str, Any]) -> None:
        company = self._company(body)
        if "accounts" in body:
            company.accounts = tuple(body["accounts"])
        if "currencies" in body:
            company.currencies = tuple(body["currencies"])
        if "tax_codes" in body:
            rates = body["tax_codes"].items()
            company.tax_codes = {code: Decimal(rate) for code, rate in rates}
        company.rounding = str(body.get("rounding", company.rounding))
        for switch in _SWITCHES:
            if switch in body:
                setattr(company, switch, bool(body[switch]))

    def _company(self, body: Mapping[str, Any]) -> Company:
        return self.companies[body.get("company", "CMP-1042")]


def local_day(moment: datetime) -> date:
    """Return the day in AiAccount's own zone."""
    return moment.astimezone(ZONE).date()


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
    """Return the bytes that the idempotency key identifies: the JSON, or the form's file."""
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
    """Return a body's documents."""
    return _json(content, kind) if call == "json" else _workbook(content, kind)


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
    """Return the first unknown field, or blank."""
    heads = {column.word for column in kind.header}
    rows = {column.word for column in kind.lines}
    field_names = [
        f"{name}.{inner}" if inner else name
        for name, value in body.items()
        if name != "lines"
        for inner in (value if isinstance(value, dict) else ("",))
    ]
    of_lines = (name for line in body["lines"] for name in line if name not in rows)
    return next((name for name in field_names if name not in heads), "") or next(of_lines, "")


def _wire(columns: Sequence[Column], body: Mapping[str, Any]) -> dict[str, str | Decimal]:
    fields: dict[str, str | Decimal] = {}
    for column in columns:
        value: Any = body
        for word in column.word.split("."):
            value = value.get(word) if isinstance(value, dict) else None
        if value is not None and value != "":
            fields[column.name] = _number(value) if column.form in NUMERIC else str(value)
    return fields


def _number(value: object) -> str | Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return str(value)


def _line_number(line: Mapping[str, str | Decimal], at: int) -> int:
    number = line.get("LineNo")
    return int(number) if isinstance(number, Decimal) and number == int(number) else at


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
    columns_by_title = {column.title: column for column in (*kind.header, *kind.lines)}
    missing = [
        column.title
        for column in columns_by_title.values()
        if column.must and column.title not in titles.values()
    ]
    if missing:
        return Unreadable(400, "missing_column", f"Column {missing[0]} is missing")
    if strange := [title for title in titles.values() if title not in columns_by_title]:
        return Unreadable(400, "bad_file", f"Column {strange[0]} is not known")
    columns = {at: columns_by_title[title] for at, title in titles.items()}
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


def _cell(value: CellValue, column: Column) -> str | Decimal:
    if isinstance(value, Decimal):
        return value if column.form in NUMERIC else format(value, "f")
    if isinstance(value, datetime):
        return value.date().isoformat()
    return "" if isinstance(value, CellError) else str(value)


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
