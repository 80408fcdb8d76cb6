"""What a payment that its target refused could pay: what is unpaid of the same party.

Here: the nearest of them, by the list that the target told or a person gave in. Not here: the list
(holding/code_lists). They are proposed, and nothing is chosen: a list is as old as it is, and which
document was meant only the record can say.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors import registry
from holding.code_lists import unpaid_documents
from holding.code_lists.unpaid_documents import Unpaid, UnpaidList
from holding.db.models import Connection, Posting
from holding.db.models.columns import ListKind
from rules.outcomes.outcome import Document
from rules.values.canonical import revive
from rules.values.spelling import alike

SHOWN: Final = 5
LOOKED_AT: Final = 200


@dataclass(frozen=True, slots=True)
class UnpaidChoice:
    """One of them; `why` says in what its number is like the one that is paid, where it is, and
    `enough` whether as much is left as is paid.
    """

    document: Unpaid
    same: bool
    why: str
    enough: bool


@dataclass(frozen=True, slots=True)
class UnpaidChoices:
    """What is unpaid of the party of a payment, the nearest first; `more` are not shown. `number`
    is what the payment says that it pays.
    """

    listed: UnpaidList
    number: str
    choices: tuple[UnpaidChoice, ...]
    more: bool

    @property
    def of_customer(self) -> bool:
        """Whether they are invoices of a customer, and not bills of a supplier."""
        return self.listed.kind == ListKind.INVOICE


def of_posting(session: Session, posting_id: int) -> UnpaidChoices | None:
    """Those of the document of a posting; None where it pays nothing, or no list could tell."""
    row = session.execute(
        select(Posting.content, Posting.doc_type, Posting.connection_id, Connection.connector)
        .join(Connection, Connection.id == Posting.connection_id)
        .where(Posting.id == posting_id, Posting.content.is_not(None))
    ).first()
    if row is None:
        return None
    target = registry.targets().get(row.connector)
    documents = target.documents if target else ()
    schema = next((one for one in documents if one.name == row.doc_type), None)
    pays = unpaid_documents.paid_by(schema) if schema else None
    listed = unpaid_documents.standing(session, row.connection_id, pays[1]) if pays else None
    if pays is None or listed is None:
        return None
    document: Document = revive(Document, row.content)
    number = document.fields.get(pays[0], "")
    found = unpaid_documents.of_party(session, listed, document.party, number, LOOKED_AT)
    if not found and not unpaid_documents.tells_parties(session, listed):
        return None  # whose they are, nobody knows
    ranked = sorted(found, key=lambda one: _nearness(one.number, number))
    choices = (_choice(one, number, document) for one in ranked[:SHOWN])
    return UnpaidChoices(listed, number, tuple(choices), more=len(found) > SHOWN)


def _nearness(number: str, wanted: str) -> tuple[bool, int, str]:
    return number != wanted, -alike(wanted, number)[1], number


def _choice(one: Unpaid, number: str, document: Document) -> UnpaidChoice:
    same = one.number == number
    why = "" if same else alike(number, one.number)[0]
    enough = one.currency == document.currency and one.left >= document.amount
    return UnpaidChoice(one, same, why, enough)
