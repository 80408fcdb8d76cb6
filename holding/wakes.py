"""Making records due again after something changed: always in the transaction of the change.

Here: who is woken by what. Not here: the change; it takes the company's next revision first, so
that a judging under way notices (holding/revisions.py).
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, case, literal, or_, select, text, update
from sqlalchemy.orm import Session, aliased

from holding import bulk
from holding.models import Cause, Hold, LinkKey, Record


def wake_records(session: Session, record_ids: Collection[int], now: datetime) -> int:
    """Make these records due."""
    if not record_ids:
        return 0
    return _wake(session, select(Record.id).where(bulk.among(Record.id, record_ids)), now)


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
    held = select(Hold.record_id).where(Hold.cause_id == cause_id, text(f"hold.{Hold.OPEN}"))
    return _wake(session, held, now)


def wake_all_unsent(session: Session, company_id: int, now: datetime) -> int:
    """Make due every record whose state is not final; crashes are forgotten with the old rules."""
    unsent = select(Record.id).where(Record.company_id == company_id, text(f"record.{Record.OPEN}"))
    return _wake(session, unsent, now, forget_crashes=True)


def wake_linked(session: Session, record_ids: Collection[int], now: datetime) -> int:
    """Make due the held records that share a compared value with these."""
    shared = _sharing(record_ids).join(Record, Record.id == _OTHER.record_id)
    return _wake(session, shared.where(Record.state == "held"), now)


def wake_relatives(session: Session, record_ids: Collection[int], now: datetime) -> int:
    """Make due whatever a link joins to these records: what they say is a fact of its judging."""
    if not record_ids:
        return 0
    of_links = LinkKey.name.startswith(LinkKey.OF_LINKS, autoescape=True)
    return _wake(session, _sharing(record_ids).where(of_links), now)


_OTHER = aliased(LinkKey)


def _sharing(record_ids: Collection[int]) -> Select[int]:
    """The records that share a value with these, in the same company and under the same name."""
    shared = and_(
        LinkKey.company_id == _OTHER.company_id,
        LinkKey.name == _OTHER.name,
        LinkKey.value == _OTHER.value,
        LinkKey.record_id != _OTHER.record_id,
    )
    found = select(_OTHER.record_id).join(LinkKey, shared)
    return found.where(bulk.among(LinkKey.record_id, record_ids))


def _wake(
    session: Session, records: Select[int], now: datetime, *, forget_crashes: bool = False
) -> int:
    """Set the due time, never later than it is; rows are locked in id order."""
    session.flush()
    locked = select(Record.id).where(Record.id.in_(records)).order_by(Record.id)
    later = or_(Record.due_at.is_(None), Record.due_at > now)
    at = literal(now, Record.due_at.type)
    values: dict[str, Any] = {"due_at": case((later, at), else_=Record.due_at)}
    if forget_crashes:
        values["crashes"] = 0
    woken = session.execute(
        update(Record)
        .where(Record.id.in_(locked.with_for_update(key_share=True)))
        .values(values)
        .returning(Record.id)
        .execution_options(synchronize_session=False)
    ).all()
    return len(woken)
