"""Deliveries, each kept once however often it comes.

Here: telling a new delivery from a repeated one, counting that, and noting one that comes again
with another content. Not here: what is in it (holding/intake.py).
"""

from sqlalchemy import bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from holding import bulk
from holding.events import record_event
from holding.models import Delivery
from holding.refusal import Refusal

_COUNT = (
    update(Delivery)
    .where(Delivery.id == bindparam("delivery"))
    .values(times=Delivery.times + 1)
    .execution_options(synchronize_session=False)
)
_newest = select(func.max(Delivery.id)).where(Delivery.source_id == bindparam("source"))
_KNOWN = select(Delivery).where(
    Delivery.source_id == bindparam("source"),
    or_(Delivery.key == bindparam("key"), Delivery.id == _newest.scalar_subquery()),
)
"""The delivery of a source with this key, and its newest."""


def keep(session: Session, delivery: Delivery) -> Delivery | Refusal:
    """Keep the delivery, or count it when it was here before."""
    known = _again(session, delivery)
    if known is not None:
        return known
    values = {
        c.key: getattr(delivery, c.key)
        for c in Delivery.__table__.columns
        if getattr(delivery, c.key) is not None
    }
    made = bulk.insert_once(session, Delivery, values | {"times": 1})
    if made is None:  # the same key came in at the same moment
        return _again(session, delivery) or _other_body(session, delivery)
    delivery.id, delivery.times = made, 1
    return delivery


def _again(session: Session, delivery: Delivery) -> Delivery | Refusal | None:
    """The delivery with this key, or the source's last one if it has this body; counted up."""
    given = {"source": delivery.source_id, "key": delivery.key}
    found = {one.key: one for one in session.scalars(_KNOWN, given)}
    known = found.get(delivery.key) or next(iter(found.values()), None)
    if known is None:
        return None
    if known.sha256 != delivery.sha256:
        return _other_body(session, delivery) if known.key == delivery.key else None
    session.execute(_COUNT, {"delivery": known.id})
    session.refresh(known)
    return known


def _other_body(session: Session, delivery: Delivery) -> Refusal:
    message = f"Delivery {delivery.key} was received before, with another content."
    record_event(
        session,
        company_id=delivery.company_id,
        at=delivery.received_at,
        actor=None,
        act="delivery.conflict",
        object=f"connection:{delivery.source_id}",
        body={"say": f"{message} The second one was not taken.", "sha256": delivery.sha256},
    )
    return Refusal(
        code="delivery.conflict",
        message=message,
        hint="Send changed content under a new delivery id.",
    )
