"""Payments that are ready, each beside the target's list of unpaid invoices and bills.

Here: what such a list says against a payment. Not here: the list (holding/code_lists), the other
things that are wrong with a document (waiting_documents.py). A list is of its hour: a payment is
told of and goes all the same, for the target itself says when it is sent what is left to pay.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from connectors.contract.schema import DocumentSchema
from holding.db.models import Connection, Posting
from holding.db.models.columns import ListKind
from holding.mappings import file_codes as unpaid_documents
from holding.mappings.file_codes import Unpaid, UnpaidList
from rules.outcomes.outcome import Document

NOT_UNPAID: Final = "payment.not_unpaid"
TOO_MUCH: Final = "payment.too_much"
Listed = tuple[UnpaidList, Mapping[str, Sequence[Unpaid]]]


class WaitingPayments:
    """The payments of one target, looked at one after the other: two of one invoice add up."""

    def __init__(self, session: Session, connection: Connection) -> None:
        self._session, self._connection = session, connection
        self._lists: dict[ListKind, Listed | None] = {}
        self._unknown: dict[ListKind, frozenset[str]] = {}
        self._paid: defaultdict[tuple[ListKind, str, str, str], Decimal] = defaultdict(Decimal)

    def wrong(self, schema: DocumentSchema, document: Document) -> Iterator[tuple[str, str, str]]:
        """(code, what is wrong, what to do). Nothing where there is no list, or where what is paid
        was posted after the list was read.
        """
        pays = unpaid_documents.paid_by(schema)
        number = document.fields.get(pays[0], "") if pays else ""
        told = self._told(pays[1]) if pays and number else None
        if pays is None or told is None:
            return
        kind, (one, listed) = pays[1], told
        rows = [row for row in listed.get(number, ()) if row.may_be_of(document.party)]
        paid = (kind, number, document.party, document.currency)
        self._paid[paid] += document.amount
        there = self._connection.name
        if not rows and number not in self._not_known(one, schema):
            todo = "Compare it there: it may be paid already, void, or have another number."
            yield NOT_UNPAID, _not_unpaid(kind, there, one.dated), todo
            return
        left = sum((row.left for row in rows if row.currency == document.currency), Decimal(0))
        same = rows and all(row.currency == document.currency for row in rows)
        if same and self._paid[paid] > left:
            todo = "Compare it there: the payment may have been entered already."
            yield TOO_MUCH, _too_much(kind, there, one.dated), todo

    def _told(self, kind: ListKind) -> Listed | None:
        if kind not in self._lists:
            one = unpaid_documents.standing(self._session, self._connection.id, kind)
            listed = unpaid_documents.by_number(self._session, one) if one else {}
            self._lists[kind] = (one, listed) if one else None
        return self._lists[kind]

    def _not_known(self, one: UnpaidList, schema: DocumentSchema) -> frozenset[str]:
        """Numbers of our documents that a list cannot have: they came after it, or are to come."""
        if one.kind not in self._unknown:
            query = select(Posting.number).where(
                Posting.connection_id == self._connection.id,
                Posting.doc_type != schema.name,  # a payment may have the number of what it pays
                or_(Posting.posted_at.is_(None), Posting.posted_at > one.since),
            )
            self._unknown[one.kind] = frozenset(self._session.scalars(query))
        return self._unknown[one.kind]


def _not_unpaid(kind: ListKind, there: str, dated: str) -> str:
    if kind == ListKind.INVOICE:
        return (
            "The invoice that it pays is not among those of its customer that are unpaid in"
            f" {there}, by the list of {dated}."
        )
    return (
        "The bill that it pays is not among those of its supplier that are unpaid in"
        f" {there}, by the list of {dated}."
    )


def _too_much(kind: ListKind, there: str, dated: str) -> str:
    if kind == ListKind.INVOICE:
        return (
            f"More is paid of the invoice than is left to pay in {there}, by the list of {dated}."
        )
    return f"More is paid of the bill than is left to pay in {there}, by the list of {dated}."
