"""What fields mean, in a sentence each.

Here: the meaning of a name that several kinds of record share, and a target's own table of
sentences put on its documents. Not here: fields of one source alone, which say it themselves
(contract/schema.py), the sentences of a target (its field_meanings.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from connectors.contract.schema import DocumentSchema, FieldSchema

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
    "round_off": "The part of the total that the source itself calls rounding.",
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
    "price": "Price of one unit before discount and tax.",
    "discount": "Discount on the whole line.",
    "tax": "The source's word for the tax. The rules translate it.",
    "delivered_qty": "Quantity delivered so far.",
    "returned_qty": "Quantity that came back.",
    "order_line": "Number of the line of the order.",
    "amount": "Amount of the line before tax.",
    "order_number": "Number of the order.",
    "gross": "What was sold in that order.",
    "fee": "What was kept back, with a minus.",
    "refund": "What was given back, with a minus.",
    "net": "What is paid out for that order.",
}


def meaning_of(one: FieldSchema, *, of_line: bool) -> str:
    """The sentence for a field; "" where nobody said one."""
    return one.meaning or (_OF_LINES if of_line else _OF_RECORDS).get(one.name, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Meanings:
    """Sentences by the name of a field, of the head and of a line; those of one document type alone
    stand in `apart` by `type.Field`, and come first there.
    """

    header: Mapping[str, str]
    lines: Mapping[str, str] = field(default_factory=dict)
    apart: Mapping[str, str] = field(default_factory=dict)

    def on(self, document: DocumentSchema) -> DocumentSchema:
        """The document with the meaning of every field. A field without one is a KeyError: it could
        not be explained to anybody.
        """
        return replace(
            document,
            header=self._told(document.name, document.header, self.header),
            lines=self._told(document.name, document.lines, self.lines),
        )

    def on_all(self, documents: Iterable[DocumentSchema]) -> tuple[DocumentSchema, ...]:
        """All of them, in their order."""
        return tuple(self.on(one) for one in documents)

    def _told(
        self, document: str, fields: Iterable[FieldSchema], known: Mapping[str, str]
    ) -> tuple[FieldSchema, ...]:
        return tuple(
            replace(one, meaning=self.apart.get(f"{document}.{one.name}") or known[one.name])
            for one in fields
        )
