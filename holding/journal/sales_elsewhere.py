"""One sale that two targets of the company would have.

Here: which other connection has the same document, or one of the same record; whether both make an
e-Invoice of it; whether it went there by a rule that would not post it there any more; whether a
person let that pass. Not here: the hold (holding/posting/last_check.py), the same before anything
is due (holding/preflight/waiting_documents.py).
"""

from functools import lru_cache
from typing import Any, Final

from sqlalchemy import ColumnElement, bindparam, exists, func, select
from sqlalchemy.orm import Session, aliased

from connectors import registry
from connectors.contract.e_invoices import SAME_E_INVOICE
from holding.journal.target_holds import MOVED, TWO_E_INVOICES, Trouble
from holding.programs import world
from holding.tables import Connection, Evaluation, Posting, Record, Release, Version
from holding.tables.columns import is_word
from rules.comparison.target_moves import days_apart
from rules.programs.program import Program
from rules.values.posting_states import PostingState

_other, _earlier = aliased(Posting), aliased(Posting)
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


RECORD_ELSEWHERE: Final[ColumnElement[bool]] = exists().where(
    Posting.reverses_id.is_(None),
    _earlier.record_id == Posting.record_id,
    _earlier.connection_id != Posting.connection_id,
    _earlier.sent_at.is_not(None),
    _earlier.reverses_id.is_(None),
    ~is_word(_earlier.state, PostingState.REVERSED),
)
"""Whether another connection has a document of the same record, whatever its number, which is not
undone there. Neither is one that undoes another.
"""


def found(
    session: Session, posting_id: int, same_number: int | None, *, of_record: bool
) -> Trouble | None:
    """Why a document that is about to be made waits for a person, by what another connection has:
    the document SENT_ELSEWHERE, or one of RECORD_ELSEWHERE.
    """
    both = trouble(session, posting_id, same_number) if same_number is not None else None
    return both or (moved(session, posting_id) if of_record else None)


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


def moved(session: Session, posting_id: int) -> Trouble | None:
    """Why this document waits for a person, where another connection has one of the same record
    that the rules in force would not post there: they have no such route any more, or each day goes
    to one of both and the day of the record was another then. Rules that name both targets mean
    both; and where some of the record was posted here by this route, somebody has decided it.
    """
    posting = session.get_one(Posting, posting_id)
    rules = session.get_one(Evaluation, posting.evaluation_id).ruleset_version_id
    program = world.program(session, rules)
    known, apart = {one.name for one in program.routes}, _apart(program)
    given = {"record": posting.record_id, "posting": posting_id}
    others = session.execute(_OF_RECORD, given).all()
    if any((one.at, one.route) == (posting.connection_id, posting.route) for one in others):
        return None
    for one in others:
        left = one.route not in known
        if one.at == posting.connection_id or not one.stands:
            continue
        if (left or {one.route, posting.route} in apart) and not _let_pass(
            session, posting_id, MOVED
        ):
            number, there = one.number, one.name
            gone = (
                f"{number} was posted to {there}, by a posting rule that is not in force any more."
                " It would be in both accounting systems."
            )
            another_day = (
                f"{number} was posted to {there} when the record had another day: by the rules each"
                " day goes to one accounting system. It would be in both."
            )
            words = gone if left else another_day
            return Trouble(
                code=MOVED,
                error_class="duplicate",
                words=words,
                target_code=one.name,
                decided=True,
            )
    return None


_OF_RECORD = (
    select(
        Posting.route,
        Posting.number,
        Posting.connection_id.label("at"),
        Connection.name,
        (~is_word(Posting.state, PostingState.REVERSED)).label("stands"),
    )
    .join(Connection, Connection.id == Posting.connection_id)
    .where(Posting.record_id == bindparam("record"), Posting.id != bindparam("posting"))
    .where(Posting.sent_at.is_not(None), Posting.reverses_id.is_(None))
    .order_by(Posting.id)
)


@lru_cache(maxsize=8)
def _apart(program: Program) -> frozenset[frozenset[str]]:
    """Pairs of routes of which each day goes to one."""
    return days_apart(program.ruleset)


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
