"""Making records due again after something changed: always in the transaction of the change.

Here: who is woken by what, and the one counter of a company that numbers every change. A change
takes the company's next revision first, so that a judging under way notices. Not here: the change.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Executable,
    Select,
    and_,
    bindparam,
    case,
    exists,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.orm import Session, aliased

from holding.store import bulk
from holding.tables import (
    Cause,
    Company,
    Connection,
    Hold,
    LinkKey,
    Posting,
    Push,
    Record,
    Revision,
)
from holding.tables.columns import NOW, among_words
from holding.tables.decisions import HOLD_OPEN
from holding.tables.postings import CHANGES, LEFT_OUT_STATES, UNSENT_STATES
from holding.tables.records import RECORD_OPEN
from holding.tables.row_states import RecordState
from rules.values.cause_keys import CauseKey
from rules.values.posting_states import PostingState


def locked_company(session: Session, company_id: int) -> Company:
    """The company as it stands under our lock: who publishes, fixes or sets waits for us."""
    return session.get_one(
        Company, company_id, with_for_update={"key_share": True}, populate_existing=True
    )


_OF_COMPANY = Company.id == bindparam("company")
_LAST = select(Company.revision).where(_OF_COMPANY).with_for_update(key_share=True)
_COUNT_UP = update(Company).where(_OF_COMPANY).values(revision=bindparam("next"))


def next_revision(
    session: Session,
    company_id: int,
    kind: str,
    what: str,
    *,
    person_id: int | None,
    reason: str | None,
    now: datetime,
) -> int:
    """Lock the company's row, count up and note what changed."""
    number = session.execute(_LAST, {"company": company_id}).scalar_one() + 1
    session.execute(_COUNT_UP, {"company": company_id, "next": number})
    session.add(
        Revision(
            company_id=company_id,
            no=number,
            kind=kind,
            at=now,
            person_id=person_id,
            reason=reason,
            what=what,
        )
    )
    session.flush()
    return number


def read_now(session: Session, posting_ids: Sequence[int], now: datetime) -> int:
    """Make these posted documents due for a reading; how many of them are still posted."""
    if not posting_ids:
        return 0
    woken = session.execute(
        update(Posting)
        .where(Posting.id.in_(posting_ids), Posting.state == PostingState.POSTED)
        .values(read_due_at=now)
        .returning(Posting.id)
        .execution_options(synchronize_session=False)
    )
    return len(woken.all())


def wake_records(session: Session, record_ids: Collection[int], now: datetime) -> int:
    """Make these records due."""
    if not record_ids:
        return 0
    return _wake(session, _THESE, now, ids=list(record_ids))


def wake_cause(
    session: Session, cause_key: CauseKey, now: datetime, *, company_id: int, revision: int = 0
) -> int:
    """Make due whatever is held by a cause; `revision` is noted as its latest change."""
    cause = select(Cause.id).where(Cause.company_id == company_id, Cause.key == cause_key)
    cause_id = session.scalar(cause)
    if cause_id is None:
        return 0
    session.execute(
        update(Cause)
        .where(Cause.id == cause_id, Cause.changed_revision < revision)
        .values(changed_revision=revision)
        .execution_options(synchronize_session=False)
    )
    return _wake(session, _HELD, now, cause=cause_id)


def wake_all_unsent(session: Session, company_id: int, now: datetime) -> int:
    """Make due every record of which something is not posted, what the rules left out as well, and
    what is posted with a change that may go out; crashes are forgotten with the old rules.

    What rules left out they may post now. What a person rejected stays so: that is asked for again.
    """
    return _wake(session, _UNSENT, now, forget_crashes=True, company=company_id)


def wake_linked(session: Session, record_ids: Collection[int], now: datetime) -> int:
    """Make due the held records that share a compared value with these."""
    return _wake(session, _SHARING_AND_HELD, now, ids=list(record_ids))


def wake_letting_go(session: Session, record_ids: Collection[int], now: datetime) -> int:
    """Make due those of these records that may go, or that a judging under way may release."""
    if not record_ids:
        return 0
    return _wake(session, _LETTING_GO, now, ids=sorted(record_ids))


def wake_relatives(session: Session, record_ids: Collection[int], now: datetime) -> int:
    """Make due whatever a link joins to these records: what they say is a fact of its judging."""
    if not record_ids:
        return 0
    return _wake(session, _JOINED_BY_LINKS, now, ids=list(record_ids))


def wake_families(session: Session, record_ids: Collection[int], now: datetime) -> int:
    """Make due what is not sent yet of other records in the families of these."""
    if not record_ids:
        return 0
    return _wake(session, _OF_FAMILIES, now, ids=list(record_ids))


_THESE = select(Record.id).where(bulk.among_given(Record.id, "ids"))
_LETTING_GO = _THESE.where(
    or_(
        Record.lease_until.is_not(None),
        exists().where(Posting.record_id == Record.id, Posting.state == PostingState.READY),
    )
)
_HELD = select(Hold.record_id).where(Hold.cause_id == bindparam("cause"), HOLD_OPEN)
_OPEN = select(Record.id).where(Record.company_id == bindparam("company"), RECORD_OPEN)
PLANNED_CHANGE = and_(Posting.state == PostingState.POSTED, among_words(Posting.action, CHANGES))
"""A document that is posted and was last planned to be changed or made void; it may be so by now.
"""
UNSENT = or_(
    Posting.state.in_(UNSENT_STATES),
    and_(
        PLANNED_CHANGE,
        exists().where(Push.id == Posting.posted_push_id, Push.hash != Posting.hash),
    ),
)
"""What is not sent as it stands now: a document, or a change of one that is posted."""
_CHANGE_DUE = and_(
    Posting.state == PostingState.POSTED, Posting.due_at.is_not(None), Posting.lease_until.is_(None)
)
_CHANGE_LEASED = and_(Posting.state == PostingState.POSTED, Posting.lease_until.is_not(None))
"""A change of a posted document that is not sent yet: it is due, or a worker is about to send it.

Two, so that each finds its rows by an index of its own.
"""
_CHANGED = (
    select(Posting.record_id)
    .join(Connection, Connection.id == Posting.connection_id)
    .where(Connection.company_id == bindparam("company"))
)
_LEFT_OUT = select(Posting.record_id).where(
    Posting.company_id == bindparam("company"), among_words(Posting.state, LEFT_OUT_STATES)
)
_UNSENT = union_all(_OPEN, _LEFT_OUT, _CHANGED.where(_CHANGE_DUE), _CHANGED.where(_CHANGE_LEASED))
_other = aliased(LinkKey)
_shared = and_(
    LinkKey.company_id == _other.company_id,
    LinkKey.name == _other.name,
    LinkKey.value == _other.value,
    LinkKey.record_id != _other.record_id,
)
_SHARING = (
    select(_other.record_id)
    .join(LinkKey, _shared)
    .where(bulk.among_given(LinkKey.record_id, "ids"))
)
"""The records that share a value with these, in the same company and under the same name."""
_SHARING_AND_HELD = _SHARING.join(Record, Record.id == _other.record_id).where(
    Record.state == RecordState.HELD
)
_JOINED_BY_LINKS = _SHARING.where(LinkKey.name.startswith(LinkKey.OF_LINKS, autoescape=True))
_mine = aliased(Record)
_changes = exists().where(Posting.record_id == Record.id, or_(_CHANGE_DUE, _CHANGE_LEASED))
_OF_FAMILIES = (
    select(Record.id)
    .join(_mine, and_(_mine.company_id == Record.company_id, _mine.family == Record.family))
    .where(bulk.among_given(_mine.id, "ids"), Record.id != _mine.id)
    .where(or_(RECORD_OPEN, _changes))
)


def _wake(
    session: Session,
    records: Select[int] | CompoundSelect[int],
    now: datetime,
    *,
    forget_crashes: bool = False,
    **given: int | list[int],
) -> int:
    """Set the due time, never later than it is; rows are locked in id order."""
    session.flush()
    waking = _waking(records, forget_crashes=forget_crashes)
    return len(session.execute(waking, {"now": now, **given}).all())


@cache
def _waking(records: Select[int] | CompoundSelect[int], *, forget_crashes: bool) -> Executable:
    locked = select(Record.id).where(Record.id.in_(records)).order_by(Record.id)
    later = or_(Record.due_at.is_(None), Record.due_at > NOW)
    values: dict[str, Any] = {"due_at": case((later, NOW), else_=Record.due_at)}
    if forget_crashes:
        values["crashes"] = 0
    return (
        update(Record)
        .where(Record.id.in_(locked.with_for_update(key_share=True)))
        .values(values)
        .returning(Record.id)
        .execution_options(synchronize_session=False)
    )
