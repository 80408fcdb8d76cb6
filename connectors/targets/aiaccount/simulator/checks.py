"""What AiAccount would say about one document: every refusal comes from its data.

Here: pure checks. Not here: what stands in the books already (books.py), what it pays (paying.py),
what the tax office asks of an invoice (einvoice.py).
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from connectors.targets.aiaccount.simulator.columns import NUMERIC, Column
from connectors.targets.aiaccount.simulator.data import Company
from connectors.targets.aiaccount.simulator.einvoice import einvoice_faults
from connectors.targets.aiaccount.simulator.kinds import INVOICES, Document, Values
from connectors.targets.aiaccount.simulator.paying import Paid, paying_faults
from connectors.targets.aiaccount.simulator.replies import Fault, fault

_ACCOUNTS = {"AccountCode": "Account Code", "BankAccountCode": "Bank Account Code"}


def faults_of(document: Document, company: Company, paid: Paid | None) -> list[Fault]:
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


def _shape(columns: Sequence[Column], values: Values, row: int) -> list[Fault]:
    found: list[Fault] = []
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


def _repeated_lines(document: Document) -> list[Fault]:
    found: list[Fault] = []
    seen = set()
    for row, line in zip(document.rows, document.lines, strict=False):
        number = line.get("LineNo")
        if number is not None and number in seen:
            found.append(fault(row, "Line No", "bad_value", number, "Line No is not unique"))
        seen.add(number)
    return found


def _currency(document: Document, company: Company, row: int) -> list[Fault]:
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


def _codes(values: Values, company: Company, row: int) -> list[Fault]:
    found: list[Fault] = []
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
