"""A receipt or payment beside what it pays.

Here: what is open of it, and what AiAccount says to paying what is not there, or too much. Not
here: the books (books.py).
"""

from dataclasses import dataclass
from decimal import Decimal

from connectors.targets.aiaccount.simulator.amounts import decimal
from connectors.targets.aiaccount.simulator.kinds import KINDS, Document
from connectors.targets.aiaccount.simulator.replies import Fault, fault


@dataclass(frozen=True, slots=True)
class Paid:
    """An invoice or bill that stands in the books: its currency, what nobody paid yet."""

    currency: str
    open: Decimal


def paying_faults(document: Document, paid: Paid | None, row: int) -> list[Fault]:
    """What is wrong with paying this."""
    kind = document.kind
    what = KINDS[kind.pays].noun
    title = kind.column(kind.paid).title
    amount = decimal(document.header["Amount"])
    if amount <= 0:
        return [fault(row, "Amount", "bad_value", amount, "Amount must be above 0")]
    if paid is None:
        message = f"There is no {what} {document.paid} of {document.party}"
        return [fault(row, title, f"unknown_{what}", document.paid, message)]
    if document.header["Currency"] != paid.currency:
        message = f"The {what} {document.paid} is in {paid.currency}"
        return [fault(row, "Currency", "bad_value", document.header["Currency"], message)]
    if amount > paid.open:
        message = f"{amount} is more than the {paid.open} that is open of {document.paid}"
        return [fault(row, "Amount", "over_payment", amount, message)]
    return []
