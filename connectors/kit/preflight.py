"""What no target could take as it is meant: told of a value before it is sent, instead of after.

Here: the faults of one value and of one document by its schema, and the refusal as an answer. Not
here: what one target alone cannot take (payload.py of each).
"""

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation

from connectors.contract import Action, Answer, OutgoingDocument
from connectors.contract.schema import DocumentSchema, FieldSchema
from grammar.text.finding_codes import ErrorClass

Fault = tuple[ErrorClass, str]
NUMERIC = frozenset({"whole", "decimal", "money", "quantity"})

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LINE_ENDS = "\t\r\n\x00"
_DANGEROUS = "=+-@\t\r\x00＝＋－＠"
_LARGEST = 15  # digits before the point, less one
_CURRENCY = ("Currency", "CurrencyCode", "CurrencyRef")


def value_fault(schema: FieldSchema, value: str, name: str, *, runs: str) -> Fault | None:
    """What is wrong with a value that is not blank; `name` is the field as people know it, `runs`
    what could take a text for a formula: blank where it is written so that nothing does.
    """
    if schema.type in NUMERIC:
        return _number_fault(schema, value, name)
    if schema.type == "yesno":
        good = value in ("yes", "no")
        return None if good else ("bad_value", f"{name} is neither yes nor no: {value[:20]}.")
    if schema.type == "date":
        return None if _is_date(value) else ("bad_value", f"{name} is not a date: {value[:30]}.")
    if value[0] in (_DANGEROUS if runs else _LINE_ENDS):
        why = f"which {runs} could run" if runs else "which no cell of text holds"
        return "bad_value", f"{name} begins with {value[0]!r}, {why}."
    if _CONTROL.search(value):
        return "bad_value", f"{name} contains an unsupported character."
    if schema.max_length and len(value) > schema.max_length:
        return "bad_value", f"{name} is longer than {schema.max_length} characters."
    return None


def first_fault(
    schema: DocumentSchema,
    document: OutgoingDocument,
    target: str,
    *,
    new: bool,
    of_line: Callable[[Mapping[str, str], str], Fault | None],
) -> Fault | None:
    """The first fault of a document for a target that takes each as JSON, by its schema; `of_line`
    says what the target alone cannot take of a line.
    """
    for field in schema.header:
        must = field.required or (new and field.needed)
        value = document.fields.get(field.name, "")
        if found := _field_fault(field, value, "", target, must=must):
            return found
    if schema.lines and not document.lines:
        return "missing_field", "The document has no lines."
    for at, line in enumerate(document.lines if schema.lines else (), start=1):
        where = f" of line {at}"
        for field in schema.lines:
            must = field.required or field.needed
            if found := _field_fault(field, line.get(field.name, ""), where, target, must=must):
                return found
        if found := of_line(line, where):
            return found
    return None


def _field_fault(
    schema: FieldSchema, value: str, where: str, target: str, *, must: bool
) -> Fault | None:
    name = f"{schema.title or schema.name}{where}"
    if value == "":
        return ("missing_field", f"{name} is blank; {target} needs it.") if must else None
    return value_fault(schema, value, name, runs="an export")


def rate_fault(document: OutgoingDocument, field: str, base: str) -> Fault | None:
    """What is wrong with the rate of a document, which this field names, for books in this
    currency (blank where nobody says it). A rate that is left out, or is another one than 1 in the
    books' own currency, books another amount than anybody meant, and no system asks about it.
    """
    told = document.fields.get(field, "")
    currency = next((document.fields[one] for one in _CURRENCY if one in document.fields), "")
    currency = currency or document.currency
    abroad = bool(base) and currency not in ("", base)
    if told == "":
        words = (
            f"{field} is blank, and the document is in {currency}: it says how much {base} 1"
            f" {currency} is."
        )
        return ("missing_field", words) if abroad else None
    rate = Decimal(told)
    if rate <= 0:
        return "bad_value", f"{field} is not above 0: {told}."
    if base and not abroad and rate != 1:
        words = f"{field} is {told}, and the document is in {base}, the books' own: there it is 1."
        return "bad_value", words
    return None


def currency_fault(document: OutgoingDocument, field: str, base: str) -> Fault | None:
    """What is wrong with a document for books in this currency that is in another one and does not
    say so in this field: it would be booked as if it were in that of its party, or of the books.
    """
    abroad = bool(base) and document.currency not in ("", base)
    if not abroad or document.fields.get(field):
        return None
    words = f"{field} is blank, and the document is in {document.currency}, not in {base}."
    return "missing_field", words


def not_offered(
    schema: DocumentSchema | None, document: OutgoingDocument, action: Action, target: str
) -> Answer | None:
    """The answer to what a target is never asked: another document, or another action on it."""
    if schema is None:
        words = f"The connection to {target} does not take a {document.document}."
        return refused(document, "business_rule", words)
    if action != "create" and action not in schema.actions:
        words = f"{target} offers no {action} of a {schema.title.lower()}."
        return refused(document, "business_rule", words)
    return None


def refused(document: OutgoingDocument, error_class: ErrorClass, words: str) -> Answer:
    """The answer to a document that was never sent."""
    return Answer(
        kind="refused",
        error_class=error_class,
        code="preflight",
        words=words,
        number=document.number,
    )


def _number_fault(schema: FieldSchema, value: str, name: str) -> Fault | None:
    try:
        number = Decimal(value)
    except InvalidOperation:
        return "bad_value", f"{name} is not a number: {value[:50]}."
    if not number.is_finite() or number.adjusted() > _LARGEST:
        return "bad_value", f"{name} is not a number that can be posted."
    if schema.type == "whole":
        good = value.isdecimal() and number >= 1
        return None if good else ("bad_value", f"{name} is not a whole number from 1 up: {value}.")
    if schema.places is not None and number != round(number, schema.places):
        return "bad_value", f"{name} has more than {schema.places} decimal places: {value}."
    return None


def _is_date(value: str) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False
