"""Handing out bytes as they came or went: each time is an event of the records that they tell of.

Here: the events, and why there are no bytes to hand out. Not here: the bytes themselves
(holding/records/record_rows.py, holding/posting/push_history.py), who may take them (portal).
"""

from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access.actors import Actor
from holding.db.models import Attempt, Posting, Push
from holding.db.refusal import Refusal
from holding.platform.events import record_event

OF_OTHERS: Final = Refusal(
    code="reach.limited",
    message="You cannot download what this call sent, because it also carried documents of other "
    "sources.",
    hint="A colleague who works with all sources can.",
    status=403,
)


def pruned(digest: str) -> Refusal:
    """Why there are no bytes of a delivery any more."""
    return Refusal(
        code="delivery.body_removed",
        message="The raw bytes of this delivery were removed: it is older than what is kept.",
        hint=f"Its content stands on this page. Its SHA-256 is {digest}.",
        status=410,
    )


def delivery_taken(
    session: Session, actor: Actor, company_id: int, record_id: int, no: int, now: datetime
) -> None:
    """Write down who took the bytes that brought a version of a record."""
    said = f"{actor.name} downloaded the source data of version {no} as it was delivered."
    body = {"say": said, "version": no}
    record_event(session, company_id=company_id, at=now, actor=actor, act="audit.delivery",
                 record_id=record_id, body=body)  # fmt: skip


def call_taken(
    session: Session, actor: Actor, company_id: int, request_id: int, now: datetime
) -> None:
    """Write down who took what a call sent: at each record whose document it carried."""
    carried = (
        select(Posting.record_id)
        .join(Push, Push.posting_id == Posting.id)
        .join(Attempt, Attempt.push_id == Push.id)
        .where(Attempt.request_id == request_id)
        .distinct()
    )
    body = {"say": f"{actor.name} downloaded what call {request_id} sent.", "request": request_id}
    for one in [*session.scalars(carried)] or [None]:  # a look-up carries none
        record_event(session, company_id=company_id, at=now, actor=actor, act="audit.call",
                     record_id=one, body=body)  # fmt: skip
