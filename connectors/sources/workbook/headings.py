"""What the columns of a kind of record are called in files, and which field a heading means.

Here: labels and usual names of fields, and the match of headings with fields. Not here: which
sheet is which (sheet_orders.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from connectors.contract.schema import FieldSchema, KindSchema
from connectors.contract.uploads import LEFT_OUT, FieldLabel, MatchedBy

ERRORS: Final = "Errors"
"""The column that we ourselves add to a file that goes back."""

_HEAD: Final[Mapping[str, tuple[str, str]]] = {
    "id": ("Order ID", "order id, shop order id"),
    "number": ("Order number", "order no, order number, order num, order ref, order reference, no"),
    "status": ("Status", "order status, state"),
    "ordered_on": ("Order date", "date, order date, ordered, ordered at, date ordered"),
    "paid_at": ("Paid at", "paid on, paid, payment date, date paid"),
    "updated_at": ("Last change", "updated, last updated, last change, modified, changed at"),
    "channel": ("Sales channel", "payment method, channel, paid by"),
    "currency": ("Currency", "ccy, cur, currency code"),
    "exchange_rate": ("Exchange rate", "fx rate, currency rate, rate of exchange, conversion rate"),
    "customer": (
        "Customer code",
        "cust, customer code, cust code, customer id, debtor, debtor code",
    ),
    "customer_name": ("Customer name", "buyer, buyer name, customer name, debtor name"),
    "tin": ("TIN", "tax identification number, customer tin, buyer tin"),
    "address": ("Address", "billing address, customer address"),
    "subtotal": ("Subtotal", "sub total, total before tax"),
    "tax_total": ("Total tax", "total tax, tax amount, tax total"),
    "round_off": ("Rounding", "round off, rounding adjustment"),
    "total": ("Total", "grand total, order total, total amount"),
    "company_code": ("Company code", "company code, company"),
    "created_by": ("Created by", "created by, made by, entered by"),
    "approved_by": ("Approved by", "approved by"),
    "approved_version": ("Approved version", "approved version"),
    "version": ("Version", "order version, revision"),
    "delivered": ("Delivered", "all delivered, fully delivered"),
}
_LINE: Final[Mapping[str, tuple[str, str]]] = {
    "pos": ("Line number", "line, line no, line number, position"),
    "sku": ("Item code (SKU)", "item code, item, stock code, product code, article, item no"),
    "name": ("Item name", "item name, description, product, product name, item description"),
    "uom": ("Unit (UOM)", "unit, unit of measure"),
    "qty": ("Quantity", "quantity, ordered quantity"),
    "price": ("Unit price", "unit price, price each"),
    "discount": ("Discount", "line discount, discount amount"),
    "tax": ("Tax type", "tax type, tax code, tax word"),
    "delivered_qty": ("Delivered quantity", "quantity delivered, delivered quantity"),
    "returned_qty": ("Returned quantity", "quantity returned, returned quantity"),
}
_OTHER: Final[Mapping[str, tuple[str, str]]] = {
    "order_number": ("Order number", "order no, order ref, for order, of order"),
    "order_line": ("Line of the order", "order line no, order line number"),
    "refunded_on": ("Refund date", "date, refunded, refunded at, date refunded"),
    "delivered_on": ("Delivery date", "date, delivered at, date delivered, do date"),
    "arrived_on": ("Arrival date", "date, arrived, received, date received, grn date"),
    "received_on": ("Receipt date", "date, received, received at, date received, payment date"),
    "settled_on": ("Settlement date", "date, settled, settled at, statement date"),
    "paid_on": ("Payment date", "date, paid, paid at, date paid"),
    "deposited_on": ("Deposit date", "date, deposited, deposited at, payout date, transfer date"),
    "supplier": ("Supplier code", "vendor, vendor code, creditor, creditor code"),
    "supplier_name": ("Supplier name", "vendor name, creditor name"),
    "registration": ("Registration number", "brn, registration no, company no, reg no, ssm no"),
    "amount": ("Amount", "amt, sum"),
    "tax_amount": ("Tax of the line", "line tax"),
    "method": ("Payment method", "paid by, method of payment, channel"),
    "bank_ref": ("Bank reference", "bank ref no, reference, transaction id, cheque no"),
    "blogger": ("Blogger", "influencer, affiliate, blogger code, blogger id"),
    "commission": ("Commission", "amount, earned"),
    "period": ("Period", "week"),
    "gross": ("Gross", "gross amount, sales"),
    "fees": ("Fees", "total fees, charges"),
    "fee": ("Fee", "charge"),
    "fee_tax": ("Tax on fees", "service tax, sst on fees"),
    "refunds": ("Refunds", "total refunds, refunded"),
    "refund": ("Refund", "refunded"),
    "net": ("Net", "net amount"),
    "deposit": ("Bank deposit", "bank amount, amount received"),
    "line_id": ("Line ID", "entry id, sale id, line reference"),
    "part": ("Kind of entry", "type, entry type, transaction type"),
    "settlement": ("Settlement", "settlement no, settlement number, statement"),
    "branch": ("Branch", "outlet, location"),
    "warehouse": ("Warehouse", "store, stock location"),
    "agent": ("Salesperson", "sales agent, sales person, agent"),
    "project": ("Project", "job"),
    "reason": ("Reason", "remark, remarks, notes"),
}
_LINE_OF: Final = "line_"
"""Before a field of a line where one row has a field of the same name for the whole record."""


@dataclass(frozen=True, slots=True)
class Headings:
    """Field -> its label and its usual names: of records, of their lines, of both in one row.

    `lines` is field of a row -> field of the line that it fills, where both are in one row, `apart`
    the same where lines have a sheet of their own; there `owner` names the record by its id.
    """

    head: Mapping[str, tuple[str, str]]
    items: Mapping[str, tuple[str, str]]
    joined: Mapping[str, tuple[str, str]]
    lines: Mapping[str, str]
    apart: Mapping[str, str]
    owner: str
    fields: frozenset[str]


@cache
def headings_of(kind: KindSchema) -> Headings:
    """What the columns of this kind are called. Its own word stands before those of its number and
    id: `Refund no` is the number of a refund, and the order's number another field of it.
    """
    word = kind.kind.replace("_", " ")
    head = {"id": _own("id", word), "number": _own("number", word), "status": _own("status", word)}
    fields = [one for one in kind.fields if one.name not in head and one.name != id_of(kind)]
    head |= {one.name: _said(one, word, _HEAD) for one in fields}
    named = frozenset(one.name for one in kind.fields)
    if not kind.lines:
        return Headings(head, {}, head, {}, {}, "", named)
    items = {one.name: _said(one, word, _LINE) for one in kind.lines}
    lines = {_LINE_OF + name if name in head else name: name for name in items}
    beside = {key: _beside(items[name], key != name) for key, name in lines.items()}
    owner = id_of(kind)
    owners = {owner: _owner(word), "number": head["number"]}
    apart = {name: name for name in items}
    joined = {**head, **beside}
    return Headings(head, {**owners, **items}, joined, lines, apart, owner, named)


def id_of(kind: KindSchema) -> str:
    """What other records call the id of this kind; shops have it as a field of the record, too."""
    return f"{kind.kind}_id"


def _own(name: str, word: str) -> tuple[str, str]:
    """What identifies a record; of an order as people have always called it."""
    label, usual = _HEAD[name]
    if word == "order":
        return label, usual
    capital = word.capitalize()
    if name == "id":
        return f"{capital} ID", f"{word} id"
    if name == "number":
        more = f"{word} no, {word} number, {word} num, {word} ref, doc no, document no, no"
        return f"{capital} number", more
    return label, f"{word} status, state"


def _owner(word: str) -> tuple[str, str]:
    return f"{word.capitalize()} ID", f"{word} id, shop {word} id, {word}"


def _said(one: FieldSchema, word: str, first: Mapping[str, tuple[str, str]]) -> tuple[str, str]:
    """The label of a field and its usual names; of one that nobody has described, its own name."""
    plain = one.name.replace("_", " ")
    found = first.get(one.name) or _OTHER.get(one.name) or _HEAD.get(one.name)
    return found or (plain.capitalize(), f"{word} {plain}")


def _beside(said: tuple[str, str], clashes: bool) -> tuple[str, str]:
    label, _ = said
    return (f"{label} of the line", f"line {label}") if clashes else said


def labels(fields: Mapping[str, tuple[str, str]]) -> tuple[FieldLabel, ...]:
    """The fields as a list to choose from."""
    return tuple(FieldLabel(name, label) for name, (label, _) in fields.items())


def matched(
    words: Sequence[tuple[int, str]],
    fields: Mapping[str, tuple[str, str]],
    chosen: Mapping[int, str],
) -> dict[int, tuple[str, MatchedBy]]:
    """Column -> its field and how it found it. A field is filled by one column: by the one that a
    person chose, else the first of exactly its name, else the first with a usual name of it.
    """
    found = {
        column: (name, MatchedBy.PERSON)
        for column, name in chosen.items()
        if name == LEFT_OUT or name in fields
    }
    taken = {name for name, _ in found.values()}
    usual = {
        _bare(word): name
        for name, (label, text) in fields.items()
        for word in (name, label, *text.split(", "))
    }
    for how in (MatchedBy.NAME, MatchedBy.MEANING):
        for column, word in words:
            name = word if how is MatchedBy.NAME else usual.get(_bare(word), LEFT_OUT)
            if column not in found and name in fields and name not in taken:
                found[column] = (name, how)
                taken.add(name)
    return {column: found.get(column, (LEFT_OUT, MatchedBy.NOTHING)) for column, _ in words}


def _bare(word: str) -> str:
    """Letters and digits in one case: `Order No.` is `order_no`."""
    return "".join(sign for sign in word.casefold() if sign.isalnum())
