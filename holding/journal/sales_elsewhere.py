"""One sale that two targets of the company would have.

Here: which other connection has the same document; whether both make an e-Invoice of it; whether it
went there by a rule that is not in force any more; whether a person let that pass. Not here: the
hold (holding/posting/last_check.py), the same before anything is due
(holding/onboarding/waiting_documents.py).
"""

from typing import Any, Final

from sqlalchemy import ColumnElement, bindparam, func, select
from sqlalchemy.orm import Session, aliased

from connectors import registry
from connectors.contract.e_invoices import SAME_E_INVOICE
from holding.journal.target_holds import MOVED, TWO_E_INVOICES, Trouble
from holding.programs import world
from holding.tables import Connection, Evaluation, Posting, Record, Release, Version
from holding.tables.columns import is_word
from rules.values.posting_states import PostingState

_other = aliased(Posting)
SENT_ELSEWHERE: Final[ColumnElement[Any]] = (
    select(func.min(_other.id))
    .where(
        _other.company_id == Posting.company_id,
        _other.number == Posting.number,
        _other.doc_date == Posting.doc_date,
        _other.connection_id != Posting.connection_id,
        _other.sent_at.is_not(None),
        ~is_word(_other.state, PostingState.REVERSED),
    )
    .correlate(Posting)
    .scalar_subquery()
)
"""A document of the same number and day that went to another connection of the company, and is not
undone there.
"""


def trouble(session: Session, posting_id: int, other_id: int) -> Trouble | None:
    """Why this document waits for a person, where that other one is the same to the tax office."""
    posting, other = (session.get_one(Posting, one) for one in (posting_id, other_id))
    here, there = (session.get_one(Connection, one.connection_id) for one in (posting, other))
    kind = _kind_of(here, posting.doc_type)
    if not kind or kind != _kind_of(there, other.doc_type):
        return None
    if _let_pass(session, posting_id, TWO_E_INVOICES):
        return None
    words = (
        f"It went to {there.name} already, and an e-Invoice is made of it there and in {here.name}."
        f" {SAME_E_INVOICE}"
    )
    return Trouble(
        code=TWO_E_INVOICES,
        error_class="duplicate",
        words=words,
        target_code=there.name,
        decided=True,
    )


def moved(session: Session, posting_id: int, other_id: int) -> Trouble | None:
    """Why this document waits for a person, where that other one is of the same record and no rule
    in force posts it any more: the company went on to another target, and the record changed since.
    Rules that name both targets mean both.
    """
    posting, other = (session.get_one(Posting, one) for one in (posting_id, other_id))
    rules = session.get_one(Evaluation, posting.evaluation_id).ruleset_version_id
    meant = other.route in {one.name for one in world.program(session, rules).routes}
    if meant or other.record_id != posting.record_id or _let_pass(session, posting_id, MOVED):
        return None
    there = session.get_one(Connection, other.connection_id).name
    words = (
        f"{other.number} was posted to {there}, by a posting rule that is not in force any more. It"
        " would be in both accounting systems."
    )
    return Trouble(
        code=MOVED, error_class="duplicate", words=words, target_code=there, decided=True
    )


def _let_pass(session: Session, posting_id: int, code: str) -> bool:
    given = {"posting": posting_id, "code": code}
    return session.scalar(_LET_PASS, given) is not None


def _kind_of(connection: Connection, doc_type: str) -> str:
    """The type of the e-Invoice that is made of such a document; blank where none is made."""
    target = registry.targets().get(connection.connector)
    stated = target.form.e_invoices if target else None
    return stated.type_in(doc_type, connection.settings) if stated else ""


_LET_PASS = (
    select(Release.id)
    .join(Posting, Posting.record_id == Release.record_id)
    .join(Record, Record.id == Release.record_id)
    .join(Version, Version.id == Record.version_id)
    .where(Posting.id == bindparam("posting"), Release.route == Posting.route)
    .where(Release.seq == Posting.seq, Release.code == bindparam("code"), Release.kind == "release")
    .where(Release.voided_at.is_(None), Release.content_sha256 == Version.sha256)
    .limit(1)
)
