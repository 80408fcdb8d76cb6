"""What a write does in QuickBooks: create, full or sparse update, void.

Here: the conflict with what the books have already, what follows from the data, and what QuickBooks
works out: numbers of lines, tax for each rate on the sum of its lines, totals. Not here: who may
write (api.py); the books change only when the lines are applied (books.py).
"""

from calendar import monthrange
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from connectors.simulators.quickbooks.books import Books, Company, Shown
from connectors.simulators.quickbooks.checks import closed, objection
from connectors.simulators.quickbooks.faults import Problem
from connectors.simulators.quickbooks.json_words import SHAPES, strange
from connectors.simulators.quickbooks.kinds import Kind
from connectors.transport.strict_json import dumps

_SEN = Decimal("0.01")
_NONE = Decimal("0.00")


def worked_out(company: Company, kind: Kind, document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with all amounts."""
    lines = [
        ln for ln in document.get("Line") or () if ln.get("DetailType") != "SubTotalLineDetail"
    ]
    total = sum((Decimal(line["Amount"]) for line in lines), _NONE)
    made = {"CurrencyRef": {"value": company.home_currency}, **document}
    if kind.due and (day := _due(company, made)):
        made["DueDate"] = day
    if not kind.detail:
        paid = Decimal(made["TotalAmt"])
        return {**made, "Line": lines, "TotalAmt": paid, "UnappliedAmt": paid - total}
    rows = [{**line, "Id": str(at), "LineNum": at} for at, line in enumerate(lines, start=1)]
    if kind.party == "CustomerRef":
        rows.append({"Amount": total, "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {}})
    inclusive = made.get("GlobalTaxCalculation") == "TaxInclusive"
    tax = _tax(company, kind, lines, inclusive=inclusive)
    return {
        **made,
        "Line": rows,
        "TotalAmt": total if inclusive else total + tax,
        "TxnTaxDetail": {"TotalTax": tax},
    }


def _due(company: Company, document: Mapping[str, Any]) -> str | None:
    """The day by which it is paid: the one that is named, else what its terms come to. Terms of a
    day of the month mean that of the next where it was made so few days before, or after it.
    """
    ref = document.get("SalesTermRef") or {}
    terms = company.terms.get(str(ref.get("value", "")))
    if document.get("DueDate") or terms is None:
        return document.get("DueDate")
    made = date.fromisoformat(str(document["TxnDate"])[:10])
    if "DueDays" in terms:
        return (made + timedelta(days=terms["DueDays"])).isoformat()
    due = _of_month(made, terms["DayOfMonthDue"])
    left, grace = (due - made).days, terms.get("DueNextMonthDays", 0)
    if left < 0 or (grace and left <= grace):
        due = _of_month(made.replace(day=1) + timedelta(days=31), terms["DayOfMonthDue"])
    return due.isoformat()


def _of_month(some: date, day: int) -> date:
    """That day of its month, or the last where it has fewer."""
    return some.replace(day=min(day, monthrange(some.year, some.month)[1]))


def void(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document stays; its amounts and quantities are nothing, and its note says so."""
    rows = []
    for line in document["Line"]:
        emptied = {**line, "Amount": _NONE}
        for name, inner in line.items():
            if name.endswith("Detail") and isinstance(inner, Mapping) and "Qty" in inner:
                emptied[name] = {**inner, "Qty": 0}
        rows.append(emptied)
    return {
        **document,
        "Line": rows,
        "TotalAmt": _NONE,
        "TxnTaxDetail": {"TotalTax": _NONE},
        "PrivateNote": f"Voided {document.get('PrivateNote', '')}".strip(),
    }


def _tax(
    company: Company, kind: Kind, lines: list[Mapping[str, Any]], *, inclusive: bool
) -> Decimal:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        code = (line.get(kind.detail) or {}).get("TaxCodeRef") or {}
        sums[str(code.get("value", ""))] += Decimal(line["Amount"])
    found = _NONE
    for code, amount in sums.items():
        rate = company.rates.get(code, Decimal(0))
        part = amount * rate / ((100 + rate) if inclusive else 100)
        found += part.quantize(_SEN, ROUND_HALF_UP)
    return found


PACIFIC = timezone(timedelta(hours=-8))  # its moments are of the US west coast
_KEPT = ("Id", "MetaData", "domain", "_deposited")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One write that was let in."""

    kind: Kind
    company: Company
    sent: Mapping[str, Any]
    operation: str = ""
    locked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of a write: an effect and the document as it then stands, or a refusal."""

    effect: str = "refused"
    stands: Shown | None = None
    problem: Problem | None = None


def decide(books: Books, job: Job, now: datetime) -> Outcome:
    """Decide about one write."""
    if job.operation not in ("", "update", "void"):
        return _no(Problem("2010", f"Operation {job.operation} is not supported"))
    if found := strange(SHAPES[job.kind.entity], job.sent):
        words = f"Property Name:{found} specified is unsupported or invalid"
        return _no(Problem("2010", words, found))
    if "Id" not in job.sent:
        return _create(books, job, now)
    stands = books.documents.get((job.company.realm, job.kind.entity, str(job.sent["Id"])))
    if stands is None:
        words = "Object Not Found : Something you're trying to use has been made inactive."
        return _no(Problem("610", words))
    refused = _may_change(job, stands)
    if refused is not None:
        return _no(refused)
    if job.operation == "void":
        if not job.kind.voids:
            return _no(Problem("2010", "Operation void is not supported"))
        return Outcome(effect="voided", stands=touched(void(stands), now))
    return _update(books, job, stands, now)


def touched(document: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The document after a change: one token further."""
    stamp = now.astimezone(PACIFIC).isoformat(timespec="seconds")
    meta = {"CreateTime": stamp, **document.get("MetaData", {}), "LastUpdatedTime": stamp}
    token = int(document.get("SyncToken", "-1")) + 1
    return {**document, "SyncToken": str(token), "MetaData": meta, "domain": "QBO", "sparse": False}


def told(kind: Kind, outcome: Outcome) -> dict[str, Any]:
    """What a ledger line says of a decision."""
    stands = outcome.stands or {}
    return {
        "entity": kind.entity,
        "type": kind.type,
        "id": stands["Id"],
        "number": str(stands.get(kind.number) or ""),
        "party": str((stands.get(kind.party) or {}).get("value", "")),
        "total": str(stands["TotalAmt"]),
        "effect": outcome.effect,
        "stands": dumps(stands).decode(),
    }


def _may_change(job: Job, stands: Shown) -> Problem | None:
    token = job.sent.get("SyncToken")
    if token is None:
        return Problem(
            "2020", "Required parameter SyncToken is missing in the request", "SyncToken"
        )
    if str(token) != stands["SyncToken"]:
        words = "Stale Object Error : You and user were working on this at the same time."
        return Problem("5010", words)
    if stands.get("_deposited"):
        return Problem("6540", "Deposited Transaction cannot be changed")
    return closed(job.company, stands.get("TxnDate"), locked=job.locked)


def _create(books: Books, job: Job, now: datetime) -> Outcome:
    document = {"TxnDate": now.date().isoformat(), **job.sent}
    refused = _refused(books, job, document)
    if refused is not None:
        return _no(refused)
    made = worked_out(job.company, job.kind, {**document, "Id": str(books.last_id + 1)})
    return Outcome(effect="created", stands=touched(made, now))


def _update(books: Books, job: Job, stands: Shown, now: datetime) -> Outcome:
    """A full update empties what it does not name; a sparse one leaves it alone."""
    sent = {name: value for name, value in job.sent.items() if name != "sparse"}
    kept = (
        stands if job.sent.get("sparse") is True else {n: stands[n] for n in _KEPT if n in stands}
    )
    merged = {"TxnDate": stands["TxnDate"], **kept, **sent}
    refused = _refused(books, job, merged)
    if refused is not None:
        return _no(refused)
    made = worked_out(job.company, job.kind, {**merged, "SyncToken": stands["SyncToken"]})
    return Outcome(effect="updated", stands=touched(made, now))


def _refused(books: Books, job: Job, document: Mapping[str, Any]) -> Problem | None:
    return (
        objection(books, job.company, job.kind, document)
        or closed(job.company, document["TxnDate"], locked=job.locked)
        or _doubled(books, job, document)
    )


def _doubled(books: Books, job: Job, document: Mapping[str, Any]) -> Problem | None:
    """Another document has the number; payments may share theirs."""
    number = document.get("DocNumber")
    if not number or not job.company.duplicate_check or job.kind.number != "DocNumber":
        return None
    for other in books.of(job.company.realm, job.kind.entity):
        if other.get("DocNumber") == number and other["Id"] != document.get("Id"):
            where = f"TxnType={job.kind.entity} with TxnId={other['Id']}"
            words = "Duplicate Document Number Error : You must specify a different number."
            return Problem("6140", f"{words} DocNumber={number} is assigned to {where}")
    return None


def _no(problem: Problem) -> Outcome:
    return Outcome(problem=problem)
