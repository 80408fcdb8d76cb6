"""Check and write QuickBooks documents, and answer with errors, real or planned."""

from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

from connectors.transport.strict_json import dumps
from sandbox.simulators.base.server import Fault, Reply, usual, with_content
from sandbox.simulators.quickbooks.books import (
    HEAD_REFS,
    LENGTHS,
    LINE_REFS,
    PARTY_LISTS,
    TAX_MODES,
    Books,
    Company,
    Kind,
    Shown,
)

_MESSAGES: Mapping[str, str] = {
    "610": "Object Not Found",
    "2010": "Request has invalid or unsupported property",
    "2020": "Required param missing, need to supply the required value for the API",
    "2050": "The string length is either shorter or longer than supported by specification",
    "2170": "Invalid Enumeration",
    "2500": "Invalid Reference Id",
    "4000": "Error parsing query",
    "4001": "Invalid query",
    "5010": "Stale Object Error",
    "6000": "A business validation error has occurred while processing your request",
    "6070": "Amount calculation incorrect in the request.",
    "6140": "Duplicate Document Number Error",
    "6190": "Invalid Company Status",
    "6240": "Duplicate Name Exists Error",
    "6210": "Account Period Closed, Cannot Update Through Services API",
    "6540": "Deposited Transaction cannot be changed",
}

_FRENCH: Mapping[str, str] = {
    "5010": "Erreur d'objet périmé",
    "6140": "Numéro de document en double",
    "6210": "Période comptable fermée",
    "6240": "Le nom existe déjà",
}

_UNAVAILABLE = Reply(status=503, content=b"Service Unavailable")

_NAME = "The name supplied already exists. : Another customer, vendor or employee has this name."

_NONE = Decimal("0.00")

PACIFIC = timezone(timedelta(hours=-8))  # its moments are of the US west coast

_KEPT = ("Id", "MetaData", "domain", "_deposited")

_SEN = Decimal("0.01")

FIRST_OWN_NUMBER = 1001  # of sales, where the company has no custom transaction numbers

MOST_TAXED_LINES = 750  # of a transaction with tax, by Intuit's page of the invoice

_NO_TAX = (
    "Business Validation Error: Make sure all your transactions have a tax rate before you save."
)

Form = Literal["text", "number", "yesno", "any"]

Shape = Mapping[str, "Form | Shape"]
"""The words of an object, or of each object of a list; `any` is never looked into."""

_FORMS: Mapping[str, Any] = {"text": str, "number": int | Decimal, "yesno": bool, "any": object}


@dataclass(frozen=True, slots=True)
class Problem:
    """One objection of QuickBooks."""

    code: str
    detail: str
    element: str = ""


def fault(problem: Problem, *, language: str = "en", status: int = 400) -> Reply:
    """Return a fault in QuickBooks' form. Its messages are in the company's language."""
    words = (_FRENCH if language == "fr" else _MESSAGES).get(problem.code)
    detail = problem.detail
    if language == "fr":
        detail = detail.replace("TxnType=Invoice", "TxnType=Facture")
    told = {
        "Message": words or _MESSAGES.get(problem.code, "Error"),
        "Detail": detail,
        "code": problem.code,
        "element": problem.element,
    }
    content = {"Fault": {"Error": [told], "type": "ValidationFault"}}
    return Reply(status=status, content=content)


def gate(status: int, code: str, name: str, detail: str) -> Reply:
    """Return a fault of Intuit's gateway, with field names in lower case."""
    error = {
        "message": f"message={name}; errorCode={code.zfill(6)}; statusCode={status}",
        "detail": detail,
        "code": code,
        "element": None,
    }
    kind = "THROTTLE" if status == 429 else "AUTHENTICATION"
    content = {"warnings": None, "intuitObject": None, "fault": {"error": [error], "type": kind}}
    return Reply(status=status, content=content)


def throttled() -> Reply:
    """Return the fault for too many calls, in this minute or at once."""
    return gate(429, "3001", "ThrottleExceeded", "Too many requests")


def expired() -> Reply:
    """Return the fault for an access token that expired or was never issued."""
    return gate(401, "3200", "AuthenticationFailed", "Token expired")


@dataclass(frozen=True, slots=True, kw_only=True)
class Met(Fault):
    """The effect of a planned fault. In a batch it may also omit an item from the answer."""

    untold: bool = False


def worked_out(company: Company, kind: Kind, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document with all computed amounts, its due date and numbered lines."""
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
    inside = inclusive and company.inclusive_as_gross
    own = _tax(company, kind, lines, inclusive=inside)
    tax = _sent_tax(company, made, own)
    if inclusive:
        rows = [_with_gross(company, kind, row) for row in rows]
    return {
        **made,
        "Line": rows,
        "TotalAmt": total if inside else total + tax,
        "TxnTaxDetail": {"TotalTax": tax},
    }


def _with_gross(company: Company, kind: Kind, row: dict[str, Any]) -> dict[str, Any]:
    """Show the amount including tax of a line; computed from its rate where none was sent."""
    detail = row.get(kind.detail)
    if detail is None or "TaxInclusiveAmt" in detail:
        return row
    rate = company.rates.get(str(_value(detail.get("TaxCodeRef"))), Decimal(0))
    gross = (Decimal(row["Amount"]) * (100 + rate) / 100).quantize(_SEN, ROUND_HALF_UP)
    return {**row, kind.detail: {**detail, "TaxInclusiveAmt": gross}}


def _due(company: Company, document: Mapping[str, Any]) -> str | None:
    """Return the due date: the given date, else the date from the payment terms.

    Terms with a day of the month move to the next month if the document date is later, or only a
    few days before.
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
    """Return this day of the date's month, or the last day of a shorter month."""
    return some.replace(day=min(day, monthrange(some.year, some.month)[1]))


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


def _sent_tax(company: Company, document: Mapping[str, Any], own: Decimal) -> Decimal:
    """Return the tax of the tax lines sent, else `own`.

    Tax lines with an unlisted rate are ignored.
    """
    sent = (document.get("TxnTaxDetail") or {}).get("TaxLine") or ()
    known = {f"{code}0" for code in company.rates}
    refs = {str(_value(one["TaxLineDetail"]["TaxRateRef"])) for one in sent}
    if not company.tax_as_sent or not sent or not refs <= known:
        return own
    return sum((Decimal(one["Amount"]) for one in sent), _NONE)


def void(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document as void: it stays, with zero amounts and quantities, and its note begins
    with "Voided".
    """
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
    """The result of a write: an effect and the resulting document, or a refusal."""

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


def _no(problem: Problem) -> Outcome:
    return Outcome(problem=problem)


def _create(books: Books, job: Job, now: datetime) -> Outcome:
    document = _with_currency(job, {"TxnDate": now.date().isoformat(), **_with_fields(job)})
    if not job.company.custom_numbers and job.kind.party == "CustomerRef" and job.kind.detail:
        document["DocNumber"] = str(FIRST_OWN_NUMBER + books.last_id)
    refused = _refused(books, job, document)
    if refused is not None:
        return _no(refused)
    made = worked_out(job.company, job.kind, {**document, "Id": str(books.last_id + 1)})
    if job.company.other_totals:
        made["TotalAmt"] += 1
    return Outcome(effect="created", stands=touched(made, now))


def _with_fields(job: Job) -> Mapping[str, Any]:
    """Return the document with only the custom fields whose DefinitionId QuickBooks knows.

    Other values are dropped silently, as in QuickBooks.
    """
    if "CustomField" not in job.sent or job.company.fields_by_name:
        return job.sent
    names = job.company.custom_fields
    kept = [
        {**one, "Name": names[one["DefinitionId"]], "Type": "StringType"}
        for one in job.sent["CustomField"]
        if names.get(one.get("DefinitionId", ""))
    ]
    return {**job.sent, "CustomField": kept}


def _with_currency(job: Job, document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with its party's currency, where none is sent."""
    party = str(_value(document.get(job.kind.party)) or "")
    own = job.company.currency(PARTY_LISTS[job.kind.party], party)
    return {"CurrencyRef": {"value": own}, **document}


def _refused(books: Books, job: Job, document: Mapping[str, Any]) -> Problem | None:
    return (
        objection(books, job.company, job.kind, document)
        or closed(job.company, document["TxnDate"], locked=job.locked)
        or _doubled(books, job, document)
    )


def _doubled(books: Books, job: Job, document: Mapping[str, Any]) -> Problem | None:
    """Return a problem if another document has the number. Payments may share a number."""
    number = document.get("DocNumber")
    if not number or not job.company.duplicate_check or job.kind.number != "DocNumber":
        return None
    for other in books.of(job.company.realm, job.kind.entity):
        if other.get("DocNumber") == number and other["Id"] != document.get("Id"):
            where = f"TxnType={job.kind.entity} with TxnId={other['Id']}"
            words = "Duplicate Document Number Error : You must specify a different number."
            return Problem("6140", f"{words} DocNumber={number} is assigned to {where}")
    return None


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


def _update(books: Books, job: Job, stands: Shown, now: datetime) -> Outcome:
    """Update a document.

    A full update empties all fields it does not name; a sparse update keeps them.
    """
    sent = {name: value for name, value in _with_fields(job).items() if name != "sparse"}
    kept = (
        stands if job.sent.get("sparse") is True else {n: stands[n] for n in _KEPT if n in stands}
    )
    merged = _with_currency(job, {"TxnDate": stands["TxnDate"], **kept, **sent})
    refused = _refused(books, job, merged)
    if refused is not None:
        return _no(refused)
    made = worked_out(job.company, job.kind, {**merged, "SyncToken": stands["SyncToken"]})
    return Outcome(effect="updated", stands=touched(made, now))


def touched(document: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the document after a change, with the next sync token and its update time."""
    stamp = now.astimezone(PACIFIC).isoformat(timespec="seconds")
    meta = {"CreateTime": stamp, **document.get("MetaData", {}), "LastUpdatedTime": stamp}
    token = int(document.get("SyncToken", "-1")) + 1
    return {**document, "SyncToken": str(token), "MetaData": meta, "domain": "QBO", "sparse": False}


def told(kind: Kind, outcome: Outcome) -> dict[str, Any]:
    """Return the ledger fields of a decision."""
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


def objection(
    books: Books, company: Company, kind: Kind, sent: Mapping[str, Any]
) -> Problem | None:
    """Return QuickBooks' first objection to a document, or None."""
    return next(_objections(books, company, kind, sent), None)


def _objections(
    books: Books, company: Company, kind: Kind, sent: Mapping[str, Any]
) -> Iterator[Problem]:
    lines = [line for line in sent.get("Line") or () if _counts(line)]
    yield from _missing(kind, sent, lines)
    yield from _forms(sent)
    yield from _unknown(company, sent, HEAD_REFS)
    if not company.any_currency:
        yield from _currencies(company, kind, sent)
    for line in lines:
        yield from _unknown(company, line.get(kind.detail) or {}, LINE_REFS)
    if kind.detail:
        yield from _taxes(company, kind, sent, lines)
        for line in lines:
            yield from _amount(kind, line)
        if not company.negative_totals and worked_out(company, kind, sent)["TotalAmt"] < 0:
            yield Problem("6000", "Transaction amount must be 0 or greater.")
    else:
        yield from _applied(books, company, kind, sent, lines)


def _counts(line: Mapping[str, Any]) -> bool:
    return line.get("DetailType") != "SubTotalLineDetail"


def _missing(
    kind: Kind, sent: Mapping[str, Any], lines: list[Mapping[str, Any]]
) -> Iterator[Problem]:
    for name in (kind.party, *kind.required):
        if _value(sent.get(name)) in (None, ""):
            yield _need(name)
    if kind.detail and not lines:
        yield _need("Line")
    if len(lines) > MOST_TAXED_LINES:
        words = f"Business Validation Error: a transaction has at most {MOST_TAXED_LINES} lines"
        yield Problem("6000", words, "Line")
    for line in lines if kind.detail else ():
        if line.get("DetailType") != kind.detail:
            yield Problem("2170", f"DetailType:{line.get('DetailType')}", "DetailType")
        if not isinstance(line.get("Amount"), int | Decimal):
            yield _need("Amount")
        if kind.party == "VendorRef" and not _value(
            (line.get(kind.detail) or {}).get("AccountRef")
        ):
            yield _need("AccountRef")


def _value(ref: object) -> Any:
    return ref.get("value") if isinstance(ref, Mapping) else ref


def _need(name: str) -> Problem:
    return Problem("2020", f"Required parameter {name} is missing in the request", name)


def _forms(sent: Mapping[str, Any]) -> Iterator[Problem]:
    for name, most in LENGTHS.items():
        text = sent.get(name)
        if isinstance(text, str) and len(text) > most:
            words = f"String length specified does not match the supported length. Min:0 Max:{most}"
            yield Problem("2050", f"{words} supported. Supplied length:{len(text)}", name)
    mode = sent.get("GlobalTaxCalculation")
    if mode is not None and mode not in TAX_MODES:
        yield Problem("2170", f"GlobalTaxCalculation:{mode}", "GlobalTaxCalculation")
    for name in ("TxnDate", "DueDate"):
        if sent.get(name) not in (None, "") and not _is_day(sent[name]):
            yield Problem("2010", f"Property Name:{name} specified is unsupported or invalid", name)


def _is_day(text: object) -> bool:
    try:
        return date.fromisoformat(str(text)).isoformat() == text
    except ValueError:
        return False


def _unknown(
    company: Company, part: Mapping[str, Any], refs: Mapping[str, str]
) -> Iterator[Problem]:
    for name, entity in refs.items():
        found = _value(part.get(name))
        if found in (None, ""):
            continue
        if found not in company.lists.get(entity, {}):
            yield Problem(
                "2500", f"Invalid Reference Id : {entity} element id {found} not found", name
            )
        elif (entity, found) in company.inactive:
            words = "Something you're trying to use has been made inactive."
            named = f" {entity} {found}" if company.names_inactive else ""
            yield Problem("610", f"Object Not Found : {words}{named}", "")


def _currencies(company: Company, kind: Kind, sent: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield a problem if the document's currency does not fit its party or account.

    A party has one currency. A deposit account has the document's or the home currency. Public
    connectors quote this message; its code is the general one for validation.
    """
    chosen = _value(sent.get("CurrencyRef"))
    party = str(_value(sent.get(kind.party)) or "")
    account = str(_value(sent.get("DepositToAccountRef")) or "")
    allowed = {company.home_currency, chosen}
    other_party = chosen not in (None, company.currency(PARTY_LISTS[kind.party], party))
    other_account = bool(account) and company.currency("Account", account) not in allowed
    if other_party or other_account:
        words = "The currency of the transaction is invalid for customer/vendor/account."
        yield Problem("6000", f"Business Validation Error: {words}")


def _taxes(
    company: Company, kind: Kind, sent: Mapping[str, Any], lines: list[Mapping[str, Any]]
) -> Iterator[Problem]:
    mode = sent.get("GlobalTaxCalculation")
    if not company.taxed or mode == "NotApplicable":
        return
    bare = [ln for ln in lines if not _value((ln.get(kind.detail) or {}).get("TaxCodeRef"))]
    if mode is None or bare:
        yield Problem("6000", _NO_TAX)


def _amount(kind: Kind, line: Mapping[str, Any]) -> Iterator[Problem]:
    detail = line.get(kind.detail) or {}
    if not isinstance(detail.get("Qty"), int | Decimal) or "UnitPrice" not in detail:
        return
    exact = (Decimal(detail["Qty"]) * Decimal(detail["UnitPrice"])).quantize(_SEN, ROUND_HALF_UP)
    if exact != line["Amount"]:
        words = f"Amount is not equal to UnitPrice * Qty. Supplied value:{line['Amount']:,}"
        yield Problem("6070", words, "Line.Amount")


def _applied(
    books: Books,
    company: Company,
    kind: Kind,
    sent: Mapping[str, Any],
    lines: list[Mapping[str, Any]],
) -> Iterator[Problem]:
    """Yield the problems of a payment: it may only pay open documents of its own party, up to their
    balance.
    """
    bank = sent.get("CheckPayment") or {}
    yield from _unknown(company, bank, HEAD_REFS)
    if sent.get("PayType") == "Check" and not _value(bank.get("BankAccountRef")):
        yield _need("CheckPayment")
    total = Decimal(0)
    for line in lines:
        amount = line.get("Amount")
        if not isinstance(amount, int | Decimal):
            yield _need("Amount")
            return
        total += amount
        for linked in line.get("LinkedTxn") or ():
            yield from _linked(books, company, kind, sent, linked, Decimal(amount))
    if total > Decimal(sent["TotalAmt"]):
        words = "Business Validation Error: The amounts applied are more than the payment."
        yield Problem("6000", words)


def _linked(
    books: Books,
    company: Company,
    kind: Kind,
    sent: Mapping[str, Any],
    linked: Mapping[str, Any],
    amount: Decimal,
) -> Iterator[Problem]:
    entity, invoice = str(linked.get("TxnType")), str(linked.get("TxnId"))
    found = books.documents.get((company.realm, entity, invoice))
    if found is None:
        words = "Object Not Found : Something you're trying to use has been deleted."
        yield Problem("610", words)
        return
    if _value(found.get(kind.party)) != _value(sent.get(kind.party)):
        yield Problem("6000", "Business Validation Error: The transaction is of another party.")
    if amount > found["TotalAmt"] - books.applied(
        company.realm, invoice, without=str(sent.get("Id", ""))
    ):
        words = "Business Validation Error: You can't apply more than the open balance"
        yield Problem("6000", f"{words} of {entity} {invoice}.")


def closed(company: Company, text: object, *, locked: bool) -> Problem | None:
    """Return a problem if this day is closed for changes, else None."""
    through = company.closed_through
    if locked or (through is not None and str(text)[:10] <= through.isoformat()):
        words = "Business Validation Error: The account period has closed and the account books "
        return Problem("6210", f"{words}cannot be updated through the QBO Services API.")
    return None


def strange(shape: Shape, sent: Mapping[str, object]) -> str | None:
    """Return the first field that QuickBooks does not know or that has the wrong form; else
    None.
    """
    return next(_strange(shape, sent), None)


def _strange(shape: Shape, sent: Mapping[str, object]) -> Iterator[str]:
    for word, value in sent.items():
        form = shape.get(word)
        if form is None:
            yield word
        elif isinstance(form, str):
            good = value is None or isinstance(value, _FORMS[form])
            if not good or (form == "number" and isinstance(value, bool)):
                yield word
        else:
            for one in value if isinstance(value, list) else (value,):
                if isinstance(one, Mapping):
                    yield from _strange(form, one)
                elif one is not None:
                    yield word


def _of(form: Form, words: str) -> dict[str, "Form | Shape"]:
    return dict.fromkeys(words.split(), form)


def _refs(words: str) -> dict[str, "Form | Shape"]:
    return {word: _of("text", "value name") for word in words.split()}


FAULTS = {
    **usual(Met),
    **with_content(Met),
    "unavailable": Met(instead=_UNAVAILABLE),
    "rate_limited": Met(instead=throttled()),
    "invalid_key": Met(instead=expired()),
    "name_taken": Met(instead=fault(Problem("6240", _NAME))),
    "item_untold": Met(untold=True),
    "item_lost": Met(untold=True, drop=True),
}

_SALES_LINE: Shape = {
    **_of("text", "Id DetailType Description"),
    **_of("number", "LineNum Amount"),
    **_of("any", "SubTotalLineDetail LinkedTxn"),
    "SalesItemLineDetail": {
        **_refs("ItemRef TaxCodeRef ClassRef"),
        **_of("number", "Qty UnitPrice TaxInclusiveAmt"),
    },
}

_BILL_LINE: Shape = {
    **_of("text", "Id DetailType Description"),
    **_of("number", "LineNum Amount"),
    **_of("any", "LinkedTxn"),
    "AccountBasedExpenseLineDetail": {
        **_refs("AccountRef TaxCodeRef ClassRef CustomerRef"),
        **_of("number", "TaxInclusiveAmt"),
    },
}

_PAID_LINE: Shape = {
    **_of("text", "Id"),
    **_of("number", "LineNum Amount"),
    **_of("any", "LineEx"),
    "LinkedTxn": _of("text", "TxnId TxnType TxnLineId"),
}

_ENTITY: Shape = {
    **_of("text", "Id SyncToken TxnDate PrivateNote domain"),
    **_of("number", "ExchangeRate TotalAmt"),
    **_of("yesno", "sparse"),
    **_of("any", "MetaData TxnTaxDetail"),
    **_refs("CurrencyRef DepartmentRef"),
    "CustomField": _of("text", "DefinitionId Name Type StringValue"),
}

_SALES: Shape = {
    **_ENTITY,
    **_of("text", "DocNumber GlobalTaxCalculation"),
    **_of("number", "Balance"),
    **_of(
        "any", "BillAddr ShipAddr BillEmail EmailStatus PrintStatus ShipDate ApplyTaxAfterDiscount"
    ),
    **_refs("CustomerRef ClassRef SalesTermRef ShipMethodRef"),
    "CustomerMemo": _of("text", "value"),
    "Line": _SALES_LINE,
}

_MONEY: Shape = {
    **_ENTITY,
    **_of("number", "UnappliedAmt"),
    "Line": _PAID_LINE,
}

SHAPES: Mapping[str, Shape] = {
    "Invoice": {**_SALES, **_of("text", "DueDate"), **_of("any", "LinkedTxn Deposit")},
    "SalesReceipt": {
        **_SALES,
        **_of("text", "PaymentRefNum"),
        **_refs("PaymentMethodRef DepositToAccountRef"),
    },
    "CreditMemo": {**_SALES, **_of("number", "RemainingCredit")},
    "RefundReceipt": {
        **_SALES,
        **_of("text", "PaymentRefNum"),
        **_refs("PaymentMethodRef DepositToAccountRef"),
    },
    "Payment": {
        **_MONEY,
        **_of("text", "PaymentRefNum"),
        **_refs("CustomerRef PaymentMethodRef DepositToAccountRef"),
    },
    "Bill": {
        **_ENTITY,
        **_of("text", "DocNumber DueDate GlobalTaxCalculation"),
        **_of("number", "Balance"),
        **_of("any", "VendorAddr LinkedTxn"),
        **_refs("VendorRef APAccountRef SalesTermRef"),
        "Line": _BILL_LINE,
    },
    "BillPayment": {
        **_MONEY,
        **_of("text", "DocNumber PayType"),
        **_refs("VendorRef APAccountRef"),
        "CheckPayment": {**_refs("BankAccountRef"), **_of("any", "PrintStatus")},
    },
}
"""By the name of the entity."""
