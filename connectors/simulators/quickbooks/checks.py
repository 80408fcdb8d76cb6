"""What QuickBooks would say about one document: every refusal comes from its data.

Here: required fields, lengths, references, taxes, amounts, the closing date. Not here: what stands
under the same number or id (writes.py), and what is worked out (writes.py).
"""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from connectors.simulators.quickbooks.books import Books, Company
from connectors.simulators.quickbooks.faults import Problem
from connectors.simulators.quickbooks.kinds import HEAD_REFS, LENGTHS, LINE_REFS, TAX_MODES, Kind

_SEN = Decimal("0.01")
_NO_TAX = (
    "Business Validation Error: Make sure all your transactions have a tax rate before you save."
)


def objection(
    books: Books, company: Company, kind: Kind, sent: Mapping[str, Any]
) -> Problem | None:
    """QuickBooks' first objection."""
    return next(_objections(books, company, kind, sent), None)


def closed(company: Company, text: object, *, locked: bool) -> Problem | None:
    """Why nothing of this day may be made or changed."""
    through = company.closed_through
    if locked or (through is not None and str(text)[:10] <= through.isoformat()):
        words = "Business Validation Error: The account period has closed and the account books "
        return Problem("6210", f"{words}cannot be updated through the QBO Services API.")
    return None


def _objections(
    books: Books, company: Company, kind: Kind, sent: Mapping[str, Any]
) -> Iterator[Problem]:
    lines = [line for line in sent.get("Line") or () if _counts(line)]
    yield from _missing(kind, sent, lines)
    yield from _forms(sent)
    yield from _unknown(company, sent, HEAD_REFS)
    for line in lines:
        yield from _unknown(company, line.get(kind.detail) or {}, LINE_REFS)
    if kind.detail:
        yield from _taxes(company, kind, sent, lines)
        for line in lines:
            yield from _amount(kind, line)
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
    for line in lines if kind.detail else ():
        if line.get("DetailType") != kind.detail:
            yield Problem("2170", f"DetailType:{line.get('DetailType')}", "DetailType")
        if not isinstance(line.get("Amount"), int | Decimal):
            yield _need("Amount")
        if kind.party == "VendorRef" and not _value(
            (line.get(kind.detail) or {}).get("AccountRef")
        ):
            yield _need("AccountRef")


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
            yield Problem("610", f"Object Not Found : {words} {entity} {found}", name)


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
    """What a payment pays: live documents of the same party, and no more than is open."""
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
        yield Problem("610", f"{words} {entity} {invoice}", "LinkedTxn")
        return
    if _value(found.get(kind.party)) != _value(sent.get(kind.party)):
        yield Problem("6000", "Business Validation Error: The transaction is of another party.")
    if amount > found["TotalAmt"] - books.applied(
        company.realm, invoice, without=str(sent.get("Id", ""))
    ):
        words = "Business Validation Error: You can't apply more than the open balance"
        yield Problem("6000", f"{words} of {entity} {invoice}.")


def _is_day(text: object) -> bool:
    try:
        return date.fromisoformat(str(text)).isoformat() == text
    except ValueError:
        return False


def _value(ref: object) -> Any:
    return ref.get("value") if isinstance(ref, Mapping) else ref
