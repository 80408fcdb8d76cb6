"""Check document fields and decimals before sending, and describe shared fields."""

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Final

from connectors.contract import Action, Answer, OutgoingDocument, Setting, Settings
from connectors.contract.schema import DocumentSchema, FieldSchema
from grammar.text.finding_codes import ErrorClass

Fault = tuple[ErrorClass, str]

NUMERIC = frozenset({"whole", "decimal", "money", "quantity"})

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

_LINE_ENDS = "\t\r\n\x00"

_DANGEROUS = "=+-@\t\r\x00＝＋－＠"

_QUOTED = 60  # characters of a value that is too long

_LARGEST = 15  # digits before the point, less one

_CURRENCY = ("Currency", "CurrencyCode", "CurrencyRef")

QUANTITY: Final = "quantity_decimals"

PRICE: Final = "price_decimals"

CURRENCY: Final = 2
"""Decimals of an amount: those of the ringgit."""

_MOST: Final = 4  # more than these no document of ours has

_CHOICES: Final = {str(places): str(places) for places in range(_MOST + 1)}

_LABELS: Final = {QUANTITY: "Decimals of quantities", PRICE: "Decimals of unit prices"}

_PRICE_FIELD, _PRICE_ON_THE_WIRE, _DISCOUNT = "UnitPrice", "unitPrice", "Discount"

_Number = tuple[str, str, int, str]

_HALF_PRICE_STEP = Decimal(
    "0.00005"
)  # prices have four places at most, so one is off by half of the last

_OF_RECORDS: Final = {
    "number": "The number that people know it by.",
    "status": "The source's own word. The rules say what it means; one they do not name is held.",
    "company_code": "The company it is of. One that its source is not bound to is held.",
    "updated_at": "Moment of this state. Of two states the later one counts.",
    "ordered_on": "Day of the order, where the source is.",
    "paid_at": "Moment at which it was paid. Blank: not yet.",
    "channel": "How it was paid or where it was sold.",
    "currency": "Three letters, such as MYR. All amounts of the record are in it.",
    "exchange_rate": "How much of the company's currency 1 of that currency was that day.",
    "customer": "The source's key of the customer.",
    "customer_name": "Name of the customer.",
    "supplier": "The source's key of the supplier.",
    "supplier_name": "Name of the supplier.",
    "tin": "Tax identification number of the other party.",
    "registration": "Registration number of the other party.",
    "address": "Address of the customer, in one line.",
    "subtotal": "All lines before tax.",
    "tax_total": "All tax.",
    "round_off": "Cash rounding, which is part of the total. It becomes a line of its own.",
    "prices_include_tax": "Whether prices hold their tax. Blank: no, unless the total shows it.",
    "total": "What it comes to, with tax.",
    "created_by": "Who made it in the source. They may not approve what comes of it.",
    "approved_by": "Who approved it in the source.",
    "approved_version": "The version that was approved.",
    "version": "The source's own count of changes.",
    "delivered": "Whether all of it was delivered.",
    "branch": "Branch that sold, bought or received.",
    "warehouse": "Warehouse that the goods left or came to.",
    "agent": "Salesperson.",
    "project": "Project or job.",
    "price_level": "Level of prices that the customer has.",
    "marketplace": "The marketplace that sold it, such as Shopee. Blank: the company's own shop.",
    "order_number": "Number of the order that it belongs to.",
    "delivered_on": "Day of the delivery.",
    "refunded_on": "Day of the refund.",
    "received_on": "Day on which the money came in.",
    "arrived_on": "Day on which the goods came in.",
    "method": "How it was paid.",
    "bank_ref": "The bank's reference.",
    "amount": "How much was paid.",
    "settled_on": "Last day that the settlement is for.",
    "gross": "What was sold.",
    "fees": "What was kept back, with a minus.",
    "refunds": "What was given back, with a minus.",
    "net": "What is paid out: the three together.",
    "settlement": "Number of the settlement that is paid.",
    "paid_on": "Day of the payment.",
    "blogger": "Key of the blogger.",
    "period": "First and last day, as 2026-11-10/2026-11-16.",
    "commission": "What the blogger earned.",
}

_OF_LINES: Final = {
    "pos": "Number of the line in the record: 1, 2, 3.",
    "sku": "Article number, exactly as it came: case and blanks count.",
    "name": "Name of the article.",
    "uom": "Unit of the quantity and of the price.",
    "qty": "Quantity in that unit.",
    "price": "Price of one unit before discount; without tax unless prices include it.",
    "discount": "Discount on the whole line.",
    "tax": "The source's word for the tax. The rules translate it.",
    "delivered_qty": "Quantity delivered so far.",
    "returned_qty": "Quantity that came back.",
    "part": "What the line stands for, such as goods, shipping, fee or rounding. Blank: goods.",
    "order_line": "Number of the line of the order.",
    "amount": "Amount of the line before tax.",
    "order_number": "Number of the order.",
    "gross": "What was sold in that order.",
    "fee": "What was kept back, with a minus.",
    "refund": "What was given back, with a minus.",
    "net": "What is paid out for that order.",
}


def value_fault(schema: FieldSchema, value: str, name: str, *, runs: str) -> Fault | None:
    """Return what is wrong with a value that is not blank, or None. `name` is the field's name for
    people.

    `runs` names the program that could run a text as a formula. Blank: the value is written so that
    no program runs it.
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
        length, most, excerpt = len(value), schema.max_length, value[:_QUOTED]
        words = f"{name} has {length} characters; at most {most} are taken: {excerpt}"
        return "bad_value", words
    return None


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


def first_fault(
    schema: DocumentSchema,
    document: OutgoingDocument,
    target: str,
    *,
    new: bool,
    of_line: Callable[[Mapping[str, str], str], Fault | None],
) -> Fault | None:
    """Return the first fault of a document for a target that takes JSON, checked against its
    schema. None if it has none.

    `new`: the document is created, so fields needed only then are required. `of_line` adds the
    target's own checks of a line.
    """
    for field in schema.header:
        must = field.required or (new and field.needed)
        value = document.fields.get(field.name, "")
        if fault := _field_fault(field, value, "", target, must=must):
            return fault
    if schema.lines and not document.lines:
        return "missing_field", "The document has no lines."
    for at, line in enumerate(document.lines if schema.lines else (), start=1):
        where = f" of line {at}"
        for field in schema.lines:
            must = field.required or field.needed
            if fault := _field_fault(field, line.get(field.name, ""), where, target, must=must):
                return fault
        if fault := of_line(line, where):
            return fault
    return None


def _field_fault(
    schema: FieldSchema, value: str, where: str, target: str, *, must: bool
) -> Fault | None:
    name = f"{schema.title or schema.name}{where}"
    if value == "":
        return ("missing_field", f"{name} is blank; {target} needs it.") if must else None
    return value_fault(schema, value, name, runs="an export")


def rate_fault(document: OutgoingDocument, field: str, base: str) -> Fault | None:
    """Return what is wrong with the rate in `field`, for books in the currency `base`, or None.

    A foreign-currency document without a rate, or a domestic one with a rate other than 1, would
    post a wrong amount. No target checks this. If `base` is blank, only the sign of the rate is
    checked.
    """
    rate_text, currency = document.fields.get(field, ""), _currency_of(document)
    abroad = _is_abroad(document, base)
    if rate_text == "":
        words = (
            f"{field} is blank. A document in {currency} needs this rate: {base} for 1 {currency}."
        )
        return ("missing_field", words) if abroad else None
    rate = Decimal(rate_text)
    if rate <= 0:
        return "bad_value", f"{field} is not above 0: {rate_text}."
    if base and not abroad and rate != 1:
        words = (
            f"{field} is {rate_text}, and the document is in {base}, the books' own: there it is 1."
        )
        return "bad_value", words
    return None


def no_rate_fault(document: OutgoingDocument, base: str, target: str) -> Fault | None:
    """Refuse a document in a foreign currency for a target that takes no exchange rate.

    The target would apply its own rate.
    """
    if not _is_abroad(document, base):
        return None
    words = f"A document in {_currency_of(document)} needs a rate, and {target} takes none here."
    return "bad_value", words


def currency_fault(document: OutgoingDocument, field: str, base: str) -> Fault | None:
    """Refuse a document abroad that does not name its currency in `field`.

    It would be booked in the currency of its party, or of the books.
    """
    if not _is_abroad(document, base) or document.fields.get(field):
        return None
    words = f"{field} is blank, and the document is in {document.currency}, not in {base}."
    return "missing_field", words


def amount_fault(document: OutgoingDocument, field: str, *, zero: bool = False) -> Fault | None:
    """Refuse a negative payment, and a payment of zero unless `zero` is set.

    The target would refuse the payment, or accept it and drop its row.
    """
    amount = document.fields.get(field, "")
    if amount and Decimal(amount) < 0 and zero:
        return "bad_value", f"{field} is below 0: {amount}."
    if amount and Decimal(amount) <= 0 and not zero:
        return "bad_value", f"{field} is not above 0: {amount}."
    return None


def _currency_of(document: OutgoingDocument) -> str:
    """Return the currency that a document names, else its record's currency."""
    named = next((document.fields[field] for field in _CURRENCY if field in document.fields), "")
    return named or document.currency


def _is_abroad(document: OutgoingDocument, base: str) -> bool:
    """Check whether a document is in another currency than the books, where both are known."""
    return bool(base) and _currency_of(document) not in ("", base)


def not_offered(
    schema: DocumentSchema | None, document: OutgoingDocument, action: Action, target: str
) -> Answer | None:
    """Return a refusal if the target does not take this document type or this action on it, else
    None.
    """
    if schema is None:
        words = f"The connection to {target} does not take a {document.document}."
        return refused(document, "business_rule", words)
    if action != "create" and action not in schema.actions:
        words = f"{target} offers no {action} of a {schema.title.lower()}."
        return refused(document, "business_rule", words)
    return None


def refused(document: OutgoingDocument, error_class: ErrorClass, words: str) -> Answer:
    """Return the answer for a document that was refused before it was sent."""
    return Answer(
        kind="refused",
        error_class=error_class,
        code="preflight",
        words=words,
        number=document.number,
    )


def settings_of_book(usual: int) -> tuple[Setting, ...]:
    """Return the settings for the decimals that the account book keeps.

    `usual` applies where no choice is made.
    """
    return tuple(
        Setting(
            name=name,
            label=label,
            hint="As in AutoCount. It rounds what has more without a word, so Clearpost holds it.",
            kind="choice",
            choices=_CHOICES,
            unset=f"Not set: {usual}",
        )
        for name, label in _LABELS.items()
    )


def decimals_fault(
    schema: DocumentSchema, document: OutgoingDocument, settings: Settings, *, usual: int
) -> Fault | None:
    """Return a fault for the first number with more decimals than the book keeps, or None. It names
    the field, the value and the kept decimals.

    Skips values that are not numbers, including discounts in percent.
    """
    for name, value, places, setting in _numbers(schema, document, settings, usual):
        if _places(value) <= places:
            continue
        words = (
            f"{name} is {value}, and the account book keeps {places} decimals: AutoCount would"
            " round it without a word."
        )
        remedy = "Round it in the rules."
        if setting:
            remedy = f"Round it in the rules, or correct the setting {setting} of the connection."
        return "bad_value", f"{words} {remedy}"
    return None


def _numbers(
    schema: DocumentSchema, document: OutgoingDocument, settings: Settings, usual: int
) -> Iterator[_Number]:
    """Yield each number's name and value, the decimals kept, and the label of the setting that
    defines them.
    """
    parts = [(schema.header, document.fields, "")]
    for at, line in enumerate(document.lines if schema.lines else (), start=1):
        parts.append((schema.lines, line, f" of line {at}"))
    for fields, values, where in parts:
        for field in fields:
            name, value = f"{field.title or field.name}{where}", values.get(field.name, "")
            if (kept_decimals := _kept(field, settings, usual)) is not None:
                yield name, value, *kept_decimals


def _kept(field: FieldSchema, settings: Settings, usual: int) -> tuple[int, str] | None:
    """Return how many decimals of a field are kept and the setting's label; None if no such limit
    applies.

    A bill's single amount is sent as a price. Other amounts of money are checked by their schema,
    except a discount, which may be text.
    """
    if field.type == "quantity":
        return _chosen(settings, QUANTITY, usual), _LABELS[QUANTITY]
    if field.name == _PRICE_FIELD or field.wire == _PRICE_ON_THE_WIRE:
        return _chosen(settings, PRICE, usual), _LABELS[PRICE]
    if field.name == _DISCOUNT:
        return CURRENCY, ""
    return None


def _chosen(settings: Settings, name: str, usual: int) -> int:
    chosen = str(settings.get(name) or "").strip()
    return int(chosen) if chosen in _CHOICES else usual


def _places(value: str) -> int:
    """Return how many decimals a number has, without trailing zeros; 0 for other text.

    >>> _places("0.125"), _places("2.00"), _places("5.5%"), _places("1E+2")
    (3, 0, 0, 0)
    """
    try:
        exponent = Decimal(value).normalize().as_tuple().exponent
    except InvalidOperation:
        return 0
    return max(0, -exponent) if isinstance(exponent, int) else 0


def room(quantities: Iterable[object], unit: Decimal = Decimal("0.01")) -> Decimal:
    """Return the rounding tolerance for lines with these quantities.

    The amount of each line may differ by half a `unit`, and so may its tax. A rounded unit price
    adds the quantity times half a step of the price.

    >>> room(["1", "1", "336"])
    Decimal('0.04690')
    """
    return sum((unit + _HALF_PRICE_STEP * _number(quantity) for quantity in quantities), Decimal(0))


def _number(text: object) -> Decimal:
    try:
        return abs(Decimal(str(text)))
    except InvalidOperation:
        return Decimal(0)


def meaning_of(field: FieldSchema, *, of_line: bool) -> str:
    """Return the sentence that explains a field; blank if none exists."""
    return field.meaning or (_OF_LINES if of_line else _OF_RECORDS).get(field.name, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Meanings:
    """Sentences that explain fields, by the name of a header or line field.

    `apart` holds sentences for a single document type under `type.Field`. They take precedence.
    """

    header: Mapping[str, str]
    lines: Mapping[str, str] = dataclasses.field(default_factory=dict)
    apart: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def on(self, document: DocumentSchema) -> DocumentSchema:
        """Return the document schema with the meaning of every field filled in.

        Raises KeyError for a field without a meaning.
        """
        return replace(
            document,
            header=self._told(document.name, document.header, self.header),
            lines=self._told(document.name, document.lines, self.lines),
        )

    def on_all(self, documents: Iterable[DocumentSchema]) -> tuple[DocumentSchema, ...]:
        """Return all document schemas with their meanings filled in, in their order."""
        return tuple(self.on(document) for document in documents)

    def _told(
        self, document: str, fields: Iterable[FieldSchema], meanings: Mapping[str, str]
    ) -> tuple[FieldSchema, ...]:
        return tuple(
            replace(
                field, meaning=self.apart.get(f"{document}.{field.name}") or meanings[field.name]
            )
            for field in fields
        )
