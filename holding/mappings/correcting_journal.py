"""The journal that moves the money of posted documents to where a change would have booked it.

Here: balanced entries, one pair for each account or party that a document booked otherwise, as
pure values, and the rows of their sheet. Not here: which documents (reclassification.py), nor any
posting: a person enters the journal in the accounts.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, Literal

from connectors import registry
from connectors.contract.schema import DocumentSchema
from connectors.kit.workbook import Written
from holding.mappings.reclassification import Contradicted, Moved, Saved
from rules.outcomes.outcome import Document

Side = Literal["debit", "credit"]
OTHER: Final[dict[Side, Side]] = {"debit": "credit", "credit": "debit"}
PARTIES: Final = ("customer", "vendor")
HEAD: Final = (
    *("Journal", "Date", "Document", "Document date", "Party", "Account"),
    *("Debit", "Credit", "Currency", "Description"),
)
HEAD_OF_DOCUMENTS: Final = (
    *("Document type", "Document", "Document date", "Party", "Amount", "Currency"),
    *("Line", "Field", "In the books", "With the change", "In the journal"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal: an account, or a party's account, with its money."""

    document: str
    doc_date: date | None
    party: str
    account: str
    side: Side
    amount: Decimal
    currency: str
    text: str


def entries(one: Contradicted) -> tuple[Entry, ...]:
    """The pairs that move what the document booked; none where only other values differ."""
    schema = registry.document(one.target, one.doc_type)
    if one.document is None or schema is None:
        return ()
    return tuple(entry for moved in one.moved for entry in _pair(one, one.document, schema, moved))


def journal_rows(
    change: Saved, documents: Iterable[Contradicted], day: date
) -> list[Sequence[Written]]:
    """The sheet to enter: two lines a move, and the sums of each currency, which are equal."""
    rows: list[Sequence[Written]] = [HEAD]
    sums: dict[str, dict[Side, Decimal]] = defaultdict(
        lambda: {"debit": Decimal(), "credit": Decimal()}
    )
    for one in documents:
        for entry in entries(one):
            sums[entry.currency][entry.side] += entry.amount
            rows.append(_row(change, entry, day))
    for currency, found in sorted(sums.items()):
        blank: list[Written] = [None] * 5
        rows.append([*blank, "Total", found["debit"], found["credit"], currency, None])
    return rows


def document_rows(documents: Iterable[Contradicted]) -> list[Sequence[Written]]:
    """Every document with every value that would be another, also those that no journal moves."""
    rows: list[Sequence[Written]] = [HEAD_OF_DOCUMENTS]
    for one in documents:
        amount = one.document.amount if one.document else None
        head = (one.doc_type.replace("_", " "), one.number, one.doc_date, one.party, amount)
        if one.stopped:
            rows.append([*head, one.currency, None, None, None, one.stopped, "no"])
        for moved in one.moved:
            booked = "yes" if _moves(one, moved) else "no"
            rows.append(
                [*head, one.currency, moved.line, moved.field, moved.before, moved.after, booked]
            )
    return rows


def _moves(one: Contradicted, moved: Moved) -> bool:
    schema = registry.document(one.target, one.doc_type)
    return bool(schema and one.document and list(_pair(one, one.document, schema, moved)))


def _pair(
    one: Contradicted, document: Document, schema: DocumentSchema, moved: Moved
) -> Iterator[Entry]:
    """From the old account to the new one, on the side on which the document booked it."""
    books = schema.books
    if books is None or not (moved.before and moved.after):
        return
    whole = (*schema.header, *schema.lines) if schema.one_row else schema.header
    fields = schema.lines if moved.line else whole
    refers = next((field.refers for field in fields if field.name == moved.field), "")
    if refers == "account":
        values = document.lines[moved.line - 1] if moved.line else document.fields
        if books.amount not in values:
            return
        side: Side = books.side
        amount = Decimal(values[books.amount])
        amount -= sum((Decimal(values.get(name) or 0) for name in books.less), Decimal())
    elif refers in PARTIES:
        side, amount = OTHER[books.side], document.amount
    else:
        return
    if amount < 0:
        side, amount = OTHER[side], -amount
    if not amount:
        return
    party = refers in PARTIES
    where = f", line {moved.line}" if moved.line else ""
    text = f"{one.number}{where}: {moved.before} to {moved.after}"
    for account, on in ((moved.before, OTHER[side]), (moved.after, side)):
        yield Entry(
            document=one.number,
            doc_date=one.doc_date,
            party=account if party else one.party,
            account=f"account of {account}" if party else account,
            side=on,
            amount=amount,
            currency=document.currency,
            text=text,
        )


def _row(change: Saved, entry: Entry, day: date) -> Sequence[Written]:
    debit, credit = (entry.amount if entry.side == side else None for side in ("debit", "credit"))
    return (
        f"RECLASS-{change.no}",
        day,
        entry.document,
        entry.doc_date,
        entry.party,
        entry.account,
        debit,
        credit,
        entry.currency,
        entry.text,
    )
