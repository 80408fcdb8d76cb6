"""What the columns of orders are called in files, and which field a heading means.

Here: labels and usual names of fields, and the match of headings with fields. Not here: which
sheet is which (connector.py).
"""

from collections.abc import Mapping, Sequence
from typing import Final

from connectors.contract.uploads import LEFT_OUT, FieldLabel, MatchedBy

ORDER_ID: Final = "order_id"
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
    "customer": (
        "Customer code",
        "cust, customer code, cust code, customer id, debtor, debtor code",
    ),
    "customer_name": ("Customer name", "buyer, buyer name, customer name, debtor name"),
    "tin": ("TIN", "tax identification number, customer tin, buyer tin"),
    "address": ("Address", "billing address, customer address"),
    "subtotal": ("Subtotal", "sub total, total before tax"),
    "tax_total": ("Tax amount", "total tax, tax amount, tax total"),
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
_OWNER: Final[Mapping[str, tuple[str, str]]] = {
    ORDER_ID: ("Order ID", "order id, shop order id, order"),
    "number": _HEAD["number"],
}
ORDERS: Final = _HEAD
ITEMS: Final[Mapping[str, tuple[str, str]]] = {**_OWNER, **_LINE}
JOINED: Final[Mapping[str, tuple[str, str]]] = {**_HEAD, **_LINE}
"""Field -> its label and its usual names: of orders, of their items, of both in one row."""


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
