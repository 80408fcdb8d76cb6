"""The total that a target keeps where it works it out itself: how far it may be from what was sent.

Here: pure. A target that rounds otherwise than the rules, or a `tolerance` that lets a difference
pass, leaves another total there than was sent. What stands in the books is what counts, as long as
rounding explains it. Not here: storing it (posting/results.py), reading it again
(holding/reconciliation).
"""

from decimal import Decimal, InvalidOperation

from connectors.contract import Kept
from connectors.kit.rounding.rounding_bounds import room
from grammar.text.amounts import in_currency
from holding.tables.columns import from_minor, to_minor
from rules.documents.columns import QUANTITIES
from rules.outcomes.outcome import Document


def is_rounding(document: Document, total: Decimal) -> bool:
    """Whether rounding alone may have made this total of the lines that were sent."""
    quantities = [
        next((line[name] for name in QUANTITIES if line.get(name)), "0") for line in document.lines
    ]
    return abs(total - document.amount) <= room(quantities, from_minor(1, document.currency))


def in_minor(document: Document, total: Decimal | None) -> int | None:
    """What a target told, in minor units; None where it told nothing that can be a total."""
    try:
        return None if total is None else to_minor(total, document.currency)
    except (OverflowError, InvalidOperation):
        return None


def stands(document: Document, kept: int | None) -> int:
    """What the document counts in the books, in minor units: what the target keeps of it, where it
    told that and rounding explains it; else what was sent.
    """
    sent = to_minor(document.amount, document.currency)
    if kept is None or not is_rounding(document, from_minor(kept, document.currency)):
        return sent
    return kept


def said(document: Document, kept: int | None) -> str:
    """The difference in words, where there is one and rounding explains it; else blank."""
    there = stands(document, kept)
    if there == to_minor(document.amount, document.currency):
        return ""
    total = from_minor(there, document.currency)
    return (
        f"It comes to {in_currency(total, document.currency)} there and was sent with"
        f" {in_currency(document.amount, document.currency)}: the difference is rounding."
    )


def beside(total_field: str | None, document: Document, kept: int | None) -> tuple[Kept, ...]:
    """The total as a value that is kept otherwise, if it is."""
    if total_field is None or kept in (None, to_minor(document.amount, document.currency)):
        return ()
    return (Kept(0, total_field, str(from_minor(kept or 0, document.currency))),)
