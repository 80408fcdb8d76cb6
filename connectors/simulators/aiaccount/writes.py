"""Deciding what a write does: the ledger lines and the answer that follow from a request and the
books.

Here: dedupe, checks, quota and totals, document by document. Not here: who may write (api.py);
the books change only when the lines are applied (books.py).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from connectors.simulators.aiaccount.amounts import Totals, totals
from connectors.simulators.aiaccount.books import ZONE, Books, local_day
from connectors.simulators.aiaccount.checks import faults_of
from connectors.simulators.aiaccount.kinds import INVOICES, Company, Document, Kind
from connectors.simulators.aiaccount.replies import fault

FAR = date(9999, 12, 31)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One write that was let in: what it asks for, and how the answer is shaped."""

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
        """The hash of what the key stands for."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a write: its lines, not yet in the ledger, and the answer."""

    lines: list[dict[str, Any]]
    status: int
    content: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Decided:
    line: dict[str, Any]
    entry: dict[str, Any]
    errors: Sequence[Mapping[str, Any]]


def post(books: Books, job: Job, now: datetime) -> Result:
    """Decide about every document of a job, in file order; each is taken whole or not at all."""
    company = books.companies[job.company]
    if job.locked:
        company = replace(company, locked_through=FAR)
    import_id = job.import_id or (books.next_id("imp", 8800) if job.as_import else "")
    decided: list[_Decided] = []
    taken: list[Mapping[str, Any]] = []
    for document in job.documents:
        one = _decide(books, job, company, document, taken=taken, now=now)
        decided.append(one)
        if one.line["effect"] == "created":
            taken.append(one.line)
    if company.whole_files and job.as_import and any(one.errors for one in decided):
        return _refused_whole(job, now)
    status, content = _answer(job, decided, import_id)
    lines = [{**one.line, "import_id": import_id or None} for one in decided]
    if job.twice:
        copies = [line for line in lines if line["effect"] == "created"]
        lines += [{**line, "id": books.next_id(*job.kind.ids)} for line in copies]
    return Result(_closed(job, lines, status, content), status, content)


def _refused_whole(job: Job, now: datetime) -> Result:
    """Some importers take a file whole or not at all, and do not say which row was wrong."""
    message = "The file was not imported"
    content = {"error": {"code": "bad_file", "message": message, "request_id": job.request_id}}
    line = {**base_line(job, now), "code": "bad_file"}
    lines = [{**line, "number": one.number, "party": one.party} for one in job.documents]
    return Result(_closed(job, lines, 400, content), 400, content)


def base_line(job: Job, now: datetime) -> dict[str, Any]:
    """What every ledger line of a job begins with."""
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


def _decide(
    books: Books,
    job: Job,
    company: Company,
    document: Document,
    *,
    taken: Sequence[Mapping[str, Any]],
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
        twins = books.twins(job.company, document, taken)
        if twins:
            return _skipped(line, entry, twins[0], document)
    paid = books.paid(job.company, document, taken)
    errors = faults_of(document, company, paid)
    if not errors and not document.kind.refunds and _over_quota(books, company, len(taken), now):
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
    stored, kept = document, amounts
    if job.short and len(document.lines) > 1:  # the answer tells what was sent, the books have less
        stored = replace(document, lines=document.lines[:-1], rows=document.rows[:-1])
        kept = totals(stored, books.companies[job.company])
        line["document"] = stored.to_json()
    line.update(
        effect="refused" if job.drop else "created",
        code="dropped" if job.drop else "",
        id=document_id,
        total=str(kept.total),
        subtotal=str(kept.subtotal),
        tax=str(kept.tax),
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


def _skipped(
    line: dict[str, Any], entry: dict[str, Any], there: Mapping[str, Any], document: Document
) -> _Decided:
    same = there["content"] == document.content()
    line.update(effect="skipped", code="duplicate", total=there["total"], id=there["id"])
    told = {"outcome": "skipped_duplicate", "id": there["id"], "same_content": same}
    return _Decided(line, {**entry, **told}, [])


def _over_quota(books: Books, company: Company, taken: int, now: datetime) -> bool:
    if company.quota is None:
        return False
    return books.quota_used(company.id, local_day(now)) + taken >= company.quota


def _answer(job: Job, decided: Sequence[_Decided], import_id: str) -> tuple[int, dict[str, Any]]:
    errors = [error for one in decided for error in one.errors]
    if not job.as_import:
        return _answer_one(job, decided[0])
    outcomes = [one.entry["outcome"] for one in decided]
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
        "documents": [one.entry for one in decided],
    }
    if not errors:
        return 201, content
    return _status(errors), {"error": _envelope(job, errors[0]), "errors": errors, **content}


def _answer_one(job: Job, one: _Decided) -> tuple[int, dict[str, Any]]:
    number, customer = one.entry[job.kind.number], one.entry["customer"]
    if one.errors:
        error = _envelope(job, one.errors[0])
        return _status(one.errors), {"error": error, "errors": list(one.errors)}
    if one.entry["outcome"] == "skipped_duplicate":
        error = {
            "code": "duplicate",
            "reason": "document_exists",
            "message": f"{job.kind.noun.capitalize()} {number} for {customer} already exists",
            "existing_id": one.entry["id"],
            "same_content": one.entry["same_content"],
            "request_id": job.request_id,
        }
        return 409, {"error": error}
    if job.kind.refunds:
        return 201, {name: one.entry[name] for name in ("id", "refund_number", "restocked")}
    kept = {name: one.entry[name] for name in ("id", "invoice_number", "customer")}
    amounts = {name: one.entry[name] for name in ("subtotal", "tax", "total")}
    return 201, {**kept, "status": "posted", **amounts, "warnings": one.entry["warnings"]}


def _status(errors: Sequence[Mapping[str, Any]]) -> int:
    return 429 if any(error["code"] == "quota_exceeded" for error in errors) else 422


def _envelope(job: Job, first: Mapping[str, Any]) -> dict[str, Any]:
    told = {"code": first["code"], "message": first["message"], "request_id": job.request_id}
    return {**told, **({"reason": first["reason"]} if "reason" in first else {})}


def _closed(
    job: Job, lines: list[dict[str, Any]], status: int, content: dict[str, Any]
) -> list[dict[str, Any]]:
    """The lines, the last one carrying what is remembered: a whole refusal is forgotten, so that
    it can be mended.
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
