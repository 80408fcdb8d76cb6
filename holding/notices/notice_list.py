"""The messages that were sent, or not, with what came of each.

Here: the list, newest first. Reads only. Not here: sending (sending.py).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, func
from sqlalchemy.orm import Session

from holding.db.bulk import Columns, of
from holding.db.models import Notice, Person, Recipient
from holding.db.models.columns import NoticeKind, NoticeState
from holding.notices.recipients import shown

SHOWN: Final = 50
STATES: Final = {
    NoticeState.DUE: "Waiting",
    NoticeState.CLAIMED: "Sending",
    NoticeState.SENDING: "Sending",
    NoticeState.SENT: "Sent",
    NoticeState.UNKNOWN: "Not confirmed",
    NoticeState.FAILED: "Failed",
    NoticeState.NOTHING: "Nothing to tell",
}
KINDS: Final = {
    NoticeKind.DIGEST: "Digest",
    NoticeKind.URGENT: "Urgent signal",
    NoticeKind.PACKET: "Escalation packet",
    NoticeKind.TEST: "Test",
    NoticeKind.RETURNED: "Returned rule change",
}


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One message; `key` of a packet names its escalation."""

    id: int
    kind: NoticeKind
    key: str
    subject: str
    state: NoticeState
    address: str
    made_at: datetime
    due_at: datetime | None
    ended_at: datetime | None
    tries: int
    answer: str

    @property
    def to(self) -> str:
        """Who was told, as people read it."""
        return shown(self.address)

    @property
    def state_word(self) -> str:
        """Where it stands, as people read it."""
        return STATES[self.state]

    @property
    def kind_word(self) -> str:
        """Why it was sent, as people read it."""
        return KINDS[self.kind]


_TO = func.coalesce(Person.name, Recipient.address).label("address")
DELIVERY = Columns(
    DeliveryRow(
        id=of(Notice.id),
        kind=of(Notice.kind),
        key=of(Notice.key),
        subject=of(Notice.subject),
        state=of(Notice.state),
        address=of(_TO),
        made_at=of(Notice.made_at),
        due_at=of(Notice.due_at),
        ended_at=of(Notice.ended_at),
        tries=of(Notice.tries),
        answer=of(Notice.answer),
    )
)


def listing(session: Session, company_id: int, *, most: int = SHOWN) -> tuple[DeliveryRow, ...]:
    """The last messages of a company."""
    query = _rows().where(Notice.company_id == company_id).order_by(Notice.id.desc()).limit(most)
    return DELIVERY.each(session.execute(query))


def of_packet(session: Session, company_id: int, escalation_id: int) -> tuple[DeliveryRow, ...]:
    """The messages that carried an escalation packet."""
    query = _rows().where(
        Notice.company_id == company_id,
        Notice.kind == NoticeKind.PACKET,
        Notice.key == f"escalation:{escalation_id}",
    )
    return DELIVERY.each(session.execute(query.order_by(Notice.id)))


def _rows() -> Select[Any]:
    return (
        DELIVERY.select()
        .select_from(Notice)
        .join(Recipient, Recipient.id == Notice.recipient_id)
        .outerjoin(Person, Person.id == Recipient.person_id)
    )
