"""Making records due again after something changed: always in the transaction of the change.

Here: who is woken by what. Not here: the change; it takes the company's next revision first, so
that a judging under way notices (holding/revisions.py).
"""

from collections.abc import Collection
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
    text,
    union_all,
    update,
)
from sqlalchemy.orm import Session, aliased

from holding import bulk
from holding.models import Cause, Connection, Hold, LinkKey, Posting, Record
from holding.models.base import DUE, LEASED, NOW


def wake_records(session: Session, record_ids: Collection[int], now: datetime) -> int:
    """Make these records due."""
    if not record_ids:
        return 0
    return _wake(session, _THESE, now, ids=list(record_ids))


def wake_cause(
    session: Session, cause_key: str, now: datetime, *, company_id: int, revision: int = 0
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
    """Make due every record whose state is not final, and what is posted with a change that may go
    out; crashes are forgotten with the old rules.
    """
    return _wake(session, _UNSENT, now, forget_crashes=True, company=company_id)


def wake_linked(session: Session, record_ids: Collection[int], now: datetime) -> int:
    """Make due the held records that share a compared value with these."""
    return _wake(session, _SHARING_AND_HELD, now, ids=list(record_ids))


def wake_letting_go(session: Session, record_ids: Collection[int], now: datetime) -> int:
    """Make due those of these records that may go, or that a judging under way may let go."""
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
        exists().where(Posting.record_id == Record.id, Posting.state == "ready"),
    )
)
_HELD = select(Hold.record_id).where(Hold.cause_id == bindparam("cause"), text(f"hold.{Hold.OPEN}"))
_OPEN = select(Record.id).where(
    Record.company_id == bindparam("company"), text(f"record.{Record.OPEN}")
)
_CHANGED = (
    select(Posting.record_id)
    .join(Connection, Connection.id == Posting.connection_id)
    .where(Connection.company_id == bindparam("company"), Posting.state == "posted")
)
_UNSENT = union_all(_OPEN, _CHANGED.where(text(DUE)), _CHANGED.where(text(LEASED)))
"""A change that is planned on a posted document is due, or a worker is about to send it."""
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
    Record.state == "held"
)
_JOINED_BY_LINKS = _SHARING.where(LinkKey.name.startswith(LinkKey.OF_LINKS, autoescape=True))
_mine = aliased(Record)
_changes = exists().where(
    Posting.record_id == Record.id,
    Posting.state == "posted",
    or_(Posting.due_at.is_not(None), Posting.lease_until.is_not(None)),
)
_OF_FAMILIES = (
    select(Record.id)
    .join(_mine, and_(_mine.company_id == Record.company_id, _mine.family == Record.family))
    .where(bulk.among_given(_mine.id, "ids"), Record.id != _mine.id)
    .where(or_(text(f"record.{Record.OPEN}"), _changes))
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
