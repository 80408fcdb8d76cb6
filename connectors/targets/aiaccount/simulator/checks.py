"""What AiAccount would say about one sales invoice: every refusal comes from its data.

Here: pure checks and the recomputed totals. Not here: what stands in the books already (books.py).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from connectors.kit.schema import FieldSchema
from connectors.targets.aiaccount.documents import SALES_INVOICE
from connectors.targets.aiaccount.simulator.data import Company

HEADER = tuple(field for field in SALES_INVOICE.header if field.sent)
LINES = tuple(field for field in SALES_INVOICE.lines if field.sent)
NUMERIC = frozenset({"whole", "decimal", "money", "quantity"})
BUYER_LIMIT = Decimal(10000)

_SEN = Decimal("0.01")
_PERSON_TIN = re.compile(r"IG\d{1,12}", re.ASCII)
_COMPANY_TIN = re.compile(r"(?:C|CS|D|F|FA|PT|TA|TC|TN|TR|TP|J|LE)[1-9]\d*0", re.ASCII)
_GENERAL_TIN = re.compile(r"EI000000000[1-4]0", re.ASCII)
_NOT_COMPARED = frozenset({"LineTotal", "TaxAmount"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """One invoice as sent. A value is text or a decimal; `rows` are its sheet rows, or its line
    numbers in JSON.
    """

    header: Mapping[str, str | Decimal]
    lines: tuple[Mapping[str, str | Decimal], ...]
    rows: tuple[int, ...]
    faults: tuple[Mapping[str, Any], ...] = ()

    @property
    def number(self) -> str:
        """The invoice number."""
        return str(self.header.get("InvoiceNumber", ""))

    @property
    def party(self) -> str:
        """The customer, trimmed: how it is compared."""
        return str(self.header.get("Customer", "")).strip()

    def to_json(self) -> dict[str, Any]:
        """All of it, with decimals as text."""
        return {
            **{name: str(value) for name, value in self.header.items()},
            "lines": [{name: str(value) for name, value in line.items()} for line in self.lines],
            "rows": list(self.rows),
        }

    def content(self) -> dict[str, Any]:
        """What decides whether two invoices are the same: amounts as numbers, recomputed values
        left out.
        """
        lines = [_plain(line, without=_NOT_COMPARED) for line in self.lines]
        header = {name: value for name, value in _plain(self.header).items() if name != "Customer"}
        return {**header, "Customer": self.party, "lines": lines}


@dataclass(frozen=True, slots=True)
class Totals:
    """What the books will show, and where that differs from what was sent."""

    subtotal: Decimal
    tax: Decimal
    warnings: tuple[Mapping[str, Any], ...]

    @property
    def total(self) -> Decimal:
        """With tax."""
        return self.subtotal + self.tax


def fault(line: int, column: str, code: str, value: object, message: str) -> dict[str, Any]:
    """One entry of `errors`."""
    return {
        "line": line,
        "column": column,
        "code": code,
        "value": "" if value is None else str(value),
        "message": message,
    }


def invoice_faults(invoice: Invoice, company: Company) -> list[Mapping[str, Any]]:
    """Everything wrong with an invoice; a closed period wins over all the rest."""
    first = invoice.rows[0] if invoice.rows else 0
    when = str(invoice.header.get("InvoiceDate", ""))
    locked = company.locked_through
    if locked and _is_date(when) and date.fromisoformat(when) <= locked:
        message = f"Accounting period is locked through {locked}"
        return [fault(first, "Invoice Date", "period_locked", when, message)]
    found = [*invoice.faults, *_shape(HEADER, invoice.header, first)]
    for row, line in zip(invoice.rows, invoice.lines, strict=True):
        found += _shape(LINES, line, row)
    found += _repeated_lines(invoice)
    found += _currency(invoice, company, first)
    for row, line in zip(invoice.rows, invoice.lines, strict=True):
        found += _codes(line, company, row)
    if not found and company.einvoice_enabled:
        found += _einvoice(invoice, company, first)
    return found


def totals(invoice: Invoice, company: Company) -> Totals:
    """The amounts, worked out anew in the company's rounding mode; half a sen goes up."""
    nets, taxes, warnings = [], [], []
    for row, line in zip(invoice.rows, invoice.lines, strict=True):
        net = _decimal(line["Quantity"]) * _decimal(line["UnitPrice"])
        net -= _decimal(line.get("DiscountAmount", Decimal(0)))
        tax = net * company.tax_codes.get(str(line["TaxCode"]), Decimal(0))
        nets.append(net)
        taxes.append(tax)
        stored = _sen(net) + _sen(tax)
        sent = line.get("LineTotal")
        if sent is not None and _decimal(sent) != stored:
            warnings.append(
                {
                    "line": row,
                    "code": "total_recomputed",
                    "sent": str(sent),
                    "stored": str(stored),
                }
            )
    if company.rounding == "per_line":
        subtotal, tax = sum(map(_sen, nets), Decimal(0)), sum(map(_sen, taxes), Decimal(0))
    else:
        subtotal, tax = _sen(sum(nets, Decimal(0))), _sen(sum(taxes, Decimal(0)))
    return Totals(subtotal, tax, tuple(warnings))


def tin_is_valid(tin: str) -> bool:
    """Whether a tax number has the form that the tax office accepts."""
    patterns = (_PERSON_TIN, _COMPANY_TIN, _GENERAL_TIN)
    return len(tin) <= 14 and any(pattern.fullmatch(tin) for pattern in patterns)


def _shape(
    schemas: Sequence[FieldSchema], values: Mapping[str, str | Decimal], row: int
) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for schema in schemas:
        value = values.get(schema.name)
        if value is None or str(value).strip() == "":
            if schema.required and schema.name != "LineTotal":
                message = f"{schema.title} is required"
                found.append(fault(row, schema.title, "missing_field", "", message))
            continue
        words = _wrong(schema, value)
        if words:
            found.append(fault(row, schema.title, "bad_value", value, f"{schema.title} {words}"))
    return found


def _wrong(schema: FieldSchema, value: str | Decimal) -> str:
    if schema.type == "date":
        return "" if _is_date(str(value)) else "is not a date"
    if schema.type in NUMERIC:
        return _wrong_number(schema, value)
    if schema.max_length and len(str(value)) > schema.max_length:
        return f"is longer than {schema.max_length}"
    return ""


def _wrong_number(schema: FieldSchema, value: str | Decimal) -> str:
    if not isinstance(value, Decimal) or not value.is_finite():
        return "is not a number"
    if schema.type == "whole" and (value != int(value) or value < 1):
        return "is not a whole number from 1"
    if schema.places is not None and value != round(value, schema.places):
        return f"has more than {schema.places} decimal places"
    if schema.name == "Quantity" and value <= 0:
        return "must be above 0"
    return ""


def _repeated_lines(invoice: Invoice) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    seen = set()
    for row, line in zip(invoice.rows, invoice.lines, strict=True):
        number = line.get("LineNo")
        if number is not None and number in seen:
            found.append(fault(row, "Line No", "bad_value", number, "Line No is not unique"))
        seen.add(number)
    return found


def _currency(invoice: Invoice, company: Company, row: int) -> list[Mapping[str, Any]]:
    currency = invoice.header.get("Currency")
    if currency is None:
        return []
    if currency not in company.currencies:
        message = f"Currency {currency} is not enabled"
        return [fault(row, "Currency", "currency_disabled", currency, message)]
    if currency != company.base_currency and "ExchangeRate" not in invoice.header:
        message = f"Exchange Rate is required for {currency}"
        return [fault(row, "Exchange Rate", "missing_field", "", message)]
    return []


def _codes(
    line: Mapping[str, str | Decimal], company: Company, row: int
) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    account, tax = line.get("AccountCode"), line.get("TaxCode")
    if account is not None and str(account) not in company.accounts:
        message = f"Account {account} does not exist"
        found.append(fault(row, "Account Code", "unknown_account", account, message))
    if tax is not None and str(tax) not in company.tax_codes:
        message = f"Tax code {tax} is not configured"
        found.append(fault(row, "Tax Code", "unknown_tax_code", tax, message))
    return found


def _einvoice(invoice: Invoice, company: Company, row: int) -> list[Mapping[str, Any]]:
    tin = str(invoice.header.get("CustomerTIN", ""))
    found: list[Mapping[str, Any]] = []
    if tin and not tin_is_valid(tin):
        message = f"TIN {tin} has a wrong format"
        told = fault(row, "Customer TIN", "einvoice_invalid", tin, message)
        found.append({**told, "reason": "tin_format"})
    if totals(invoice, company).total > BUYER_LIMIT:
        blank = [
            schema
            for schema in HEADER
            if schema.name in {"CustomerTIN", "CustomerAddress"}
            and not invoice.header.get(schema.name)
        ]
        if blank:
            message = f"Above RM 10,000 the buyer needs: {', '.join(s.title for s in blank)}"
            told = fault(row, blank[0].title, "einvoice_invalid", "", message)
            found.append({**told, "reason": "buyer_incomplete"})
    for at, line in zip(invoice.rows, invoice.lines, strict=True):
        if not line.get("ClassificationCode") and not company.default_classification_code:
            message = "No classification code on the line, and no default"
            told = fault(at, "Classification Code", "einvoice_invalid", "", message)
            found.append({**told, "reason": "classification_missing"})
    return found


def _plain(
    values: Mapping[str, str | Decimal], without: frozenset[str] = frozenset()
) -> dict[str, str]:
    return {
        name: format(value.normalize(), "f") if isinstance(value, Decimal) else str(value)
        for name, value in values.items()
        if name not in without
    }


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _decimal(value: str | Decimal) -> Decimal:
    try:
        return Decimal(value)
    except InvalidOperation:
        return Decimal(0)


def _sen(amount: Decimal) -> Decimal:
    return amount.quantize(_SEN, ROUND_HALF_UP)
