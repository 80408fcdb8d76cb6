"""What AiAccount would say about one document: every refusal comes from its data.

Here: pure checks, also what the tax office asks of an e-invoice. Not here: what the books have
already (books.py), what it pays (amounts.py).
"""

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from connectors.simulators.aiaccount.amounts import Paid, paying_faults, totals
from connectors.simulators.aiaccount.kinds import INVOICES, Company, Document, Values
from connectors.simulators.aiaccount.replies import ErrorEntry, fault
from connectors.simulators.aiaccount.sheet_columns import NUMERIC, Column

BUYER_LIMIT = Decimal(10000)
_PERSON_TIN = re.compile(r"IG\d{1,12}", re.ASCII)
_COMPANY_TIN = re.compile(r"(?:C|CS|D|F|FA|PT|TA|TC|TN|TR|TP|J|LE)[1-9]\d*0", re.ASCII)
_GENERAL_TIN = re.compile(r"EI000000000[1-4]0", re.ASCII)


def tin_is_valid(tin: str) -> bool:
    """Whether a tax number has the form that the tax office accepts."""
    patterns = (_PERSON_TIN, _COMPANY_TIN, _GENERAL_TIN)
    return len(tin) <= 14 and any(pattern.fullmatch(tin) for pattern in patterns)


def einvoice_faults(invoice: Document, company: Company, row: int) -> list[ErrorEntry]:
    """What the tax office would send back."""
    tin = str(invoice.header.get("CustomerTIN", ""))
    found: list[ErrorEntry] = []
    if tin and not tin_is_valid(tin):
        message = f"TIN {tin} has a wrong format"
        told = fault(row, "Customer TIN", "einvoice_invalid", tin, message)
        found.append({**told, "reason": "tin_format"})
    if totals(invoice, company).total > BUYER_LIMIT:
        blank = [
            column
            for column in INVOICES.header
            if column.name in {"CustomerTIN", "CustomerAddress"}
            and not invoice.header.get(column.name)
        ]
        if blank:
            message = f"Above RM 10,000 the buyer needs: {', '.join(one.title for one in blank)}"
            told = fault(row, blank[0].title, "einvoice_invalid", "", message)
            found.append({**told, "reason": "buyer_incomplete"})
    for at, line in zip(invoice.rows, invoice.lines, strict=True):
        if not line.get("ClassificationCode") and not company.default_classification_code:
            message = "No classification code on the line, and no default"
            told = fault(at, "Classification Code", "einvoice_invalid", "", message)
            found.append({**told, "reason": "classification_missing"})
    return found


_ACCOUNTS = {"AccountCode": "Account Code", "BankAccountCode": "Bank Account Code"}


def faults_of(document: Document, company: Company, paid: Paid | None) -> list[ErrorEntry]:
    """Everything wrong with a document; a closed period wins over all the rest. `paid` is what it
    pays, where that stands in the books.
    """
    first = document.rows[0] if document.rows else 0
    day, locked = document.day, company.locked_through
    if locked and is_date(day) and date.fromisoformat(day) <= locked:
        title = document.kind.column(document.kind.keys[1]).title
        message = f"Accounting period is locked through {locked}"
        return [fault(first, title, "period_locked", day, message)]
    found = [*document.faults, *_shape(document.kind.header, document.header, first)]
    for row, line in zip(document.rows, document.lines, strict=False):
        found += _shape(document.kind.lines, line, row)
    found += _repeated_lines(document)
    found += _currency(document, company, first)
    for row, values in (
        (first, document.header),
        *zip(document.rows, document.lines, strict=False),
    ):
        found += _codes(values, company, row)
    if not found and document.kind.pays:
        found += paying_faults(document, paid, first)
    if not found and document.kind is INVOICES and company.einvoice_enabled:
        found += einvoice_faults(document, company, first)
    return found


def _shape(columns: Sequence[Column], values: Values, row: int) -> list[ErrorEntry]:
    found: list[ErrorEntry] = []
    for column in columns:
        value = values.get(column.name)
        if value is None or str(value).strip() == "":
            if column.must and column.name != "LineTotal":
                message = f"{column.title} is required"
                found.append(fault(row, column.title, "missing_field", "", message))
            continue
        words = _wrong(column, value)
        if words:
            found.append(fault(row, column.title, "bad_value", value, f"{column.title} {words}"))
    return found


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
    found: list[ErrorEntry] = []
    seen = set()
    for row, line in zip(document.rows, document.lines, strict=False):
        number = line.get("LineNo")
        if number is not None and number in seen:
            found.append(fault(row, "Line No", "bad_value", number, "Line No is not unique"))
        seen.add(number)
    return found


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
    found: list[ErrorEntry] = []
    for name, title in _ACCOUNTS.items():
        account = values.get(name)
        if account is not None and str(account) not in company.accounts:
            message = f"Account {account} does not exist"
            found.append(fault(row, title, "unknown_account", account, message))
    tax = values.get("TaxCode")
    if tax is not None and str(tax) not in company.tax_codes:
        message = f"Tax code {tax} is not configured"
        found.append(fault(row, "Tax Code", "unknown_tax_code", tax, message))
    return found


def is_date(text: str) -> bool:
    """Whether a text is a day."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
