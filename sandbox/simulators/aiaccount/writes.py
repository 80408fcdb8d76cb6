"""Check a write and decide its effect: the ledger lines and the answer."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sandbox.simulators.aiaccount.books import ZONE, Books, local_day
from sandbox.simulators.aiaccount.kinds import (
    INVOICES,
    NUMERIC,
    Column,
    Company,
    Document,
    ErrorEntry,
    Kind,
    Paid,
    Totals,
    Values,
    fault,
    paying_faults,
    totals,
)

FAR = date(9999, 12, 31)

BUYER_LIMIT = Decimal(10000)

_PERSON_TIN = re.compile(r"IG\d{1,12}", re.ASCII)

_COMPANY_TIN = re.compile(r"(?:C|CS|D|F|FA|PT|TA|TC|TN|TR|TP|J|LE)[1-9]\d*0", re.ASCII)

_GENERAL_TIN = re.compile(r"EI000000000[1-4]0", re.ASCII)

_ACCOUNTS = {"AccountCode": "Account Code", "BankAccountCode": "Bank Account Code"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One accepted write: its content, and the form of its reply."""

    call: str
    kind: Kind
    company: str
    key: str
    content: bytes
    documents: tuple[Document, ...]
    rows: int
    request_id: str
    as_import: bool
    import_id: str = ""
    cache_id: str = ""
    locked: bool = False
    drop: bool = False
    twice: bool = False
    short: bool = False

    @property
    def body_sha256(self) -> str:
        """Return the hash of the content that the key identifies."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a write: its lines, not yet in the ledger, and the answer."""

    lines: list[dict[str, Any]]
    status: int
    content: dict[str, Any]


def post(books: Books, job: Job, now: datetime) -> Result:
    """Decide about every document of a job, in file order; each is taken whole or not at all."""
    company = books.companies[job.company]
    if job.locked:
        company = replace(company, locked_through=FAR)
    import_id = job.import_id or (books.next_id("imp", 8800) if job.as_import else "")
    decided: list[_Decided] = []
    created_lines: list[Mapping[str, Any]] = []
    for document in job.documents:
        decision = _decide(books, job, company, document, created_lines=created_lines, now=now)
        decided.append(decision)
        if decision.line["effect"] == "created":
            created_lines.append(decision.line)
    if company.whole_files and job.as_import and any(decision.errors for decision in decided):
        return _refused_whole(job, now)
    status, content = _answer(job, decided, import_id)
    lines = [{**decision.line, "import_id": import_id or None} for decision in decided]
    if job.twice:
        copies = [line for line in lines if line["effect"] == "created"]
        lines += [{**line, "id": books.next_id(*job.kind.ids)} for line in copies]
    return Result(_closed(job, lines, status, content), status, content)


@dataclass(frozen=True, slots=True)
class _Decided:
    line: dict[str, Any]
    entry: dict[str, Any]
    errors: Sequence[Mapping[str, Any]]


def _decide(
    books: Books,
    job: Job,
    company: Company,
    document: Document,
    *,
    created_lines: Sequence[Mapping[str, Any]],
    now: datetime,
) -> _Decided:
    line = {
        **base_line(job, now),
        "number": document.number,
        "party": document.party,
        "paid": document.paid,
        "document": document.to_json(),
    }
    entry: dict[str, Any] = {
        job.kind.number: document.number,
        job.kind.party: str(document.header.get(job.kind.keys[2], "")),
        "lines": list(document.rows),
    }
    if document.paid:
        entry[job.kind.word(job.kind.paid)] = document.paid
    if books.dedupe == "number+customer" and document.number:
        twins = books.twins(job.company, document, created_lines)
        if twins:
            return _skipped(line, entry, twins[0], document)
    paid = books.paid(job.company, document, created_lines)
    errors = faults_of(document, company, paid)
    if (
        not errors
        and not document.kind.refunds
        and _over_quota(books, company, len(created_lines), now)
    ):
        message = f"Plan limit of {company.quota} transactions per month reached"
        errors = [fault(document.rows[0], "", "quota_exceeded", "", message)]
    if errors:
        line.update(code=errors[0]["code"])
        return _Decided(line, {**entry, "outcome": "rejected"}, errors)
    amounts = totals(document, company)
    if paid is not None and not document.kind.refunds:
        word = document.kind.word(document.kind.paid).removesuffix("_number")
        entry[f"{word}_balance"] = str(paid.open - amounts.total)
    if document.kind.refunds and paid is not None:
        line["currency"] = paid.currency
    return _created(books, job, document, amounts, line=line, entry=entry, now=now)


def _skipped(
    line: dict[str, Any], entry: dict[str, Any], existing: Mapping[str, Any], document: Document
) -> _Decided:
    same_content = existing["content"] == document.content()
    line.update(effect="skipped", code="duplicate", total=existing["total"], id=existing["id"])
    outcome = {"outcome": "skipped_duplicate", "id": existing["id"], "same_content": same_content}
    return _Decided(line, {**entry, **outcome}, [])


def _over_quota(books: Books, company: Company, created_count: int, now: datetime) -> bool:
    if company.quota is None:
        return False
    return books.quota_used(company.id, local_day(now)) + created_count >= company.quota


def _created(
    books: Books,
    job: Job,
    document: Document,
    amounts: Totals,
    *,
    line: dict[str, Any],
    entry: dict[str, Any],
    now: datetime,
) -> _Decided:
    currency = line.get("currency") or str(document.header["Currency"])
    document_id = books.next_id(*job.kind.ids)
    stored, stored_amounts = document, amounts
    if job.short and len(document.lines) > 1:  # the answer tells what was sent, the books have less
        stored = replace(document, lines=document.lines[:-1], rows=document.rows[:-1])
        stored_amounts = totals(stored, books.companies[job.company])
        line["document"] = stored.to_json()
    line.update(
        effect="refused" if job.drop else "created",
        code="dropped" if job.drop else "",
        id=document_id,
        total=str(stored_amounts.total),
        subtotal=str(stored_amounts.subtotal),
        tax=str(stored_amounts.tax),
        currency=currency,
        content=stored.content(),
        month=local_day(now).isoformat()[:7],
        created_at=now.astimezone(ZONE).isoformat(timespec="seconds"),
    )
    entry.update({"outcome": "accepted", "id": document_id, job.kind.amount: str(amounts.total)})
    entry.update(currency=currency, warnings=list(amounts.warnings))
    if job.kind.refunds:
        back = document.lines if document.restocks else ()
        entry["restocked"] = [
            {"sku": line["SKU"], "quantity": str(line["Quantity"])} for line in back
        ]
    if job.kind is INVOICES:
        entry.update(subtotal=str(amounts.subtotal), tax=str(amounts.tax))
    return _Decided(line, entry, [])


def _refused_whole(job: Job, now: datetime) -> Result:
    """Refuse a file as a whole without naming the row, as some importers do."""
    message = "The file was not imported"
    content = {"error": {"code": "bad_file", "message": message, "request_id": job.request_id}}
    line = {**base_line(job, now), "code": "bad_file"}
    lines = [
        {**line, "number": document.number, "party": document.party} for document in job.documents
    ]
    return Result(_closed(job, lines, 400, content), 400, content)


def _closed(
    job: Job, lines: list[dict[str, Any]], status: int, content: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return the lines, the last one with the stored reply.

    A refusal as a whole is not stored, so that the file can be corrected.
    """
    effects = {line["effect"] for line in lines}
    dropped = any(line["code"] == "dropped" for line in lines)
    lines[-1]["reply"] = {
        "status": status,
        "content": content,
        "created": "created" in effects,
        "keep": bool(effects & {"created", "skipped"}) or dropped or bool(job.cache_id),
        "import": content["import"]["status"] if "import" in content else None,
    }
    return lines


def _answer(job: Job, decided: Sequence[_Decided], import_id: str) -> tuple[int, dict[str, Any]]:
    errors = [error for decision in decided for error in decision.errors]
    if not job.as_import:
        return _answer_one(job, decided[0])
    outcomes = [decision.entry["outcome"] for decision in decided]
    content: dict[str, Any] = {
        "import": {
            "id": import_id,
            "type": job.kind.title,
            "status": "completed_with_errors" if errors else "completed",
            "rows": job.rows,
            "accepted": outcomes.count("accepted"),
            "skipped": outcomes.count("skipped_duplicate"),
            "rejected": outcomes.count("rejected"),
            "view_url": f"/settings/integrations/logs?import={import_id}",
        },
        "documents": [decision.entry for decision in decided],
    }
    if not errors:
        return 201, content
    return _status(errors), {"error": _envelope(job, errors[0]), "errors": errors, **content}


def _answer_one(job: Job, decision: _Decided) -> tuple[int, dict[str, Any]]:
    number, customer = decision.entry[job.kind.number], decision.entry["customer"]
    if decision.errors:
        error = _envelope(job, decision.errors[0])
        return _status(decision.errors), {"error": error, "errors": list(decision.errors)}
    if decision.entry["outcome"] == "skipped_duplicate":
        error = {
            "code": "duplicate",
            "reason": "document_exists",
            "message": f"{job.kind.noun.capitalize()} {number} for {customer} already exists",
            "existing_id": decision.entry["id"],
            "same_content": decision.entry["same_content"],
            "request_id": job.request_id,
        }
        return 409, {"error": error}
    if job.kind.refunds:
        return 201, {name: decision.entry[name] for name in ("id", "refund_number", "restocked")}
    stored = {name: decision.entry[name] for name in ("id", "invoice_number", "customer")}
    amounts = {name: decision.entry[name] for name in ("subtotal", "tax", "total")}
    return 201, {**stored, "status": "posted", **amounts, "warnings": decision.entry["warnings"]}


def _envelope(job: Job, first: Mapping[str, Any]) -> dict[str, Any]:
    error = {"code": first["code"], "message": first["message"], "request_id": job.request_id}
    return {**error, **({"reason": first["reason"]} if "reason" in first else {})}


def _status(errors: Sequence[Mapping[str, Any]]) -> int:
    return 429 if any(error["code"] == "quota_exceeded" for error in errors) else 422


def base_line(job: Job, now: datetime) -> dict[str, Any]:
    """Return the common fields of a job's ledger lines."""
    return {
        "at": now.isoformat(),
        "request_id": job.request_id,
        "call": job.call,
        "company": job.company,
        "type": job.kind.name,
        "number": "",
        "party": "",
        "paid": "",
        "key": job.key,
        "body_sha256": job.body_sha256,
        "total": None,
        "effect": "refused",
        "code": "",
        "answer": "sent",
        "cache_id": job.cache_id or None,
    }


def tin_is_valid(tin: str) -> bool:
    """Check whether a tax number has a form that the tax office accepts."""
    patterns = (_PERSON_TIN, _COMPANY_TIN, _GENERAL_TIN)
    return len(tin) <= 14 and any(pattern.fullmatch(tin) for pattern in patterns)


def einvoice_faults(invoice: Document, company: Company, row: int) -> list[ErrorEntry]:
    """Return what the tax office would refuse."""
    tin = str(invoice.header.get("CustomerTIN", ""))
    errors: list[ErrorEntry] = []
    if tin and not tin_is_valid(tin):
        message = f"TIN {tin} has a wrong format"
        error = fault(row, "Customer TIN", "einvoice_invalid", tin, message)
        errors.append({**error, "reason": "tin_format"})
    if totals(invoice, company).total > BUYER_LIMIT:
        blank = [
            column
            for column in INVOICES.header
            if column.name in {"CustomerTIN", "CustomerAddress"}
            and not invoice.header.get(column.name)
        ]
        if blank:
            message = (
                f"Above RM 10,000 the buyer needs: {', '.join(column.title for column in blank)}"
            )
            error = fault(row, blank[0].title, "einvoice_invalid", "", message)
            errors.append({**error, "reason": "buyer_incomplete"})
    for at, line in zip(invoice.rows, invoice.lines, strict=True):
        if not line.get("ClassificationCode") and not company.default_classification_code:
            message = "No classification code on the line, and no default"
            error = fault(at, "Classification Code", "einvoice_invalid", "", message)
            errors.append({**error, "reason": "classification_missing"})
    return errors


def faults_of(document: Document, company: Company, paid: Paid | None) -> list[ErrorEntry]:
    """Return all faults of a document; a closed period comes before all others.

    `paid` is the settled document, if it is in the books.
    """
    first = document.rows[0] if document.rows else 0
    day, locked = document.day, company.locked_through
    if locked and is_date(day) and date.fromisoformat(day) <= locked:
        title = document.kind.column(document.kind.keys[1]).title
        message = f"Accounting period is locked through {locked}"
        return [fault(first, title, "period_locked", day, message)]
    errors = [*document.faults, *_shape(document.kind.header, document.header, first)]
    for row, line in zip(document.rows, document.lines, strict=False):
        errors += _shape(document.kind.lines, line, row)
    errors += _repeated_lines(document)
    errors += _currency(document, company, first)
    for row, values in (
        (first, document.header),
        *zip(document.rows, document.lines, strict=False),
    ):
        errors += _codes(values, company, row)
    if not errors and document.kind.pays:
        errors += paying_faults(document, paid, first)
    if not errors and document.kind is INVOICES and company.einvoice_enabled:
        errors += einvoice_faults(document, company, first)
    return errors


def _shape(columns: Sequence[Column], values: Values, row: int) -> list[ErrorEntry]:
    errors: list[ErrorEntry] = []
    for column in columns:
        value = values.get(column.name)
        if value is None or str(value).strip() == "":
            if column.must and column.name != "LineTotal":
                message = f"{column.title} is required"
                errors.append(fault(row, column.title, "missing_field", "", message))
            continue
        words = _wrong(column, value)
        if words:
            errors.append(fault(row, column.title, "bad_value", value, f"{column.title} {words}"))
    return errors


def _wrong(column: Column, value: str | Decimal) -> str:
    if column.form == "date":
        return "" if is_date(str(value)) else "is not a date"
    if column.form in NUMERIC:
        return _wrong_number(column, value)
    if column.longest and len(str(value)) > column.longest:
        return f"is longer than {column.longest}"
    return ""


def _wrong_number(column: Column, value: str | Decimal) -> str:
    if not isinstance(value, Decimal) or not value.is_finite():
        return "is not a number"
    if column.form == "whole" and (value != int(value) or value < 1):
        return "is not a whole number from 1"
    if column.places is not None and value != round(value, column.places):
        return f"has more than {column.places} decimal places"
    if column.name == "Quantity" and value <= 0:
        return "must be above 0"
    return ""


def _repeated_lines(document: Document) -> list[ErrorEntry]:
    errors: list[ErrorEntry] = []
    line_numbers = set()
    for row, line in zip(document.rows, document.lines, strict=False):
        number = line.get("LineNo")
        if number is not None and number in line_numbers:
            errors.append(fault(row, "Line No", "bad_value", number, "Line No is not unique"))
        line_numbers.add(number)
    return errors


def _currency(document: Document, company: Company, row: int) -> list[ErrorEntry]:
    currency = document.header.get("Currency")
    if currency is None:
        return []
    if currency not in company.currencies:
        message = f"Currency {currency} is not enabled"
        return [fault(row, "Currency", "currency_disabled", currency, message)]
    if currency != company.base_currency and "ExchangeRate" not in document.header:
        message = f"Exchange Rate is required for {currency}"
        return [fault(row, "Exchange Rate", "missing_field", "", message)]
    return []


def _codes(values: Values, company: Company, row: int) -> list[ErrorEntry]:
    errors: list[ErrorEntry] = []
    for name, title in _ACCOUNTS.items():
        account = values.get(name)
        if account is not None and str(account) not in company.accounts:
            message = f"Account {account} does not exist"
            errors.append(fault(row, title, "unknown_account", account, message))
    tax = values.get("TaxCode")
    if tax is not None and str(tax) not in company.tax_codes:
        message = f"Tax code {tax} is not configured"
        errors.append(fault(row, "Tax Code", "unknown_tax_code", tax, message))
    return errors


def is_date(text: str) -> bool:
    """Check whether a text is a day."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
