"""Manage recipients of notices (users, mail addresses, webhooks) and list deliveries."""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from connectors.transport.strict_json import Blocked, resolve_url
from holding.access.actors import Actor, Keys, may
from holding.db.bulk import Columns, of
from holding.db.models import Membership, Notice, Person, Recipient, Team
from holding.db.models.columns import NoticeKind, NoticeState, RecipientKind
from holding.db.refusal import Refusal
from holding.platform.events import record_event

ACT: Final = "company.setup"

MOST: Final = 100

LONGEST: Final = 500

SECRET_BYTES: Final = 32

CHOSEN: Final = Recipient.digest | Recipient.urgent | Recipient.packets
"""Whom an administrator chose: they get at least one of these."""

_MAIL: Final = re.compile(r"(?=[!-~]+\Z)[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s,;<>\".]+")

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

_TO = func.coalesce(Person.name, Recipient.address).label("address")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The content of the recipient form: address, kind and messages."""

    kind: RecipientKind
    person_id: int | None = None
    team_id: int | None = None
    address: str = ""
    digest: bool = False
    urgent: bool = False
    packets: bool = False


@dataclass(frozen=True, slots=True)
class RecipientRow:
    """A recipient for display; `email`: the person's address."""

    id: int
    kind: RecipientKind
    person_id: int | None
    team_id: int | None
    person: str | None
    email: str | None
    team: str | None
    address: str
    digest: bool
    urgent: bool
    packets: bool
    made_at: datetime

    @property
    def name(self) -> str:
        """The recipient's name: the person's, else the address in its displayable form."""
        return self.person or shown(self.address)

    @property
    def webhook(self) -> bool:
        """Whether it is called, and not written to."""
        return self.kind == RecipientKind.WEBHOOK

    @property
    def gets(self) -> str:
        """The kinds of notices that the recipient gets, in words."""
        words = {
            "digest": self.digest,
            "urgent signals": self.urgent,
            "escalation packets": self.packets,
        }
        return ", ".join(word for word, is_wanted in words.items() if is_wanted)


@dataclass(frozen=True, slots=True)
class Added:
    """A recipient was added; `secret` signs the calls of a webhook and is shown this once."""

    id: int
    name: str
    secret: str


def list_recipients(session: Session, company_id: int) -> tuple[RecipientRow, ...]:
    """Return the active recipients in the order of their creation.

    People who left the company or may not sign in are excluded.
    """
    query = (
        RECIPIENT.select()
        .select_from(Recipient)
        .outerjoin(Person, Person.id == Recipient.person_id)
        .outerjoin(Team, Team.id == Recipient.team_id)
        .where(Recipient.id.in_(active_recipients(company_id)), CHOSEN)
        .order_by(Recipient.id)
    )
    return RECIPIENT.each(session.execute(query))


def active_recipients(company_id: int) -> Select[int]:
    """Return the select of active recipients' ids, for a query about what waits for them."""
    members = select(Membership.person_id).where(Membership.company_id == company_id)
    active = select(Person.id).where(Person.active, Person.id.in_(members))
    is_active = Recipient.person_id.is_(None) | Recipient.person_id.in_(active)
    query = select(Recipient.id).where(Recipient.company_id == company_id)
    return query.where(Recipient.ended_at.is_(None), is_active)


def add(session: Session, actor: Actor, wish: Wish, now: datetime, keys: Keys) -> Added | Refusal:
    """Add a recipient of the actor's company; a webhook gets a secret of its own."""
    if refusal := may(actor, ACT):
        return refusal
    company_id = actor.company_id or 0
    standing = list_recipients(session, company_id)
    address = wish.address.strip()
    if refusal := _unfit(session, company_id, wish, address, standing):
        return refusal
    secret = secrets.token_urlsafe(SECRET_BYTES) if wish.kind == RecipientKind.WEBHOOK else ""
    person = wish.kind == RecipientKind.PERSON
    row = Recipient(
        company_id=company_id,
        kind=wish.kind,
        person_id=wish.person_id if person else None,
        team_id=wish.team_id if wish.kind == RecipientKind.WEBHOOK else None,
        address="" if person else address,
        secret="" if secret else None,
        digest=wish.digest,
        urgent=wish.urgent,
        packets=wish.packets,
        made_at=now,
        made_by_id=actor.person_id,
    )
    session.add(row)
    session.flush()
    if secret:
        row.secret = keys.encrypt(secret, row=bound(row.id))
        session.flush()
    (recipient,) = [
        recipient for recipient in list_recipients(session, company_id) if recipient.id == row.id
    ]
    _tell(session, actor, row.id, "notice.added", f"{recipient.name} gets {recipient.gets}", now)
    return Added(row.id, recipient.name, secret)


def _unfit(
    session: Session,
    company_id: int,
    wish: Wish,
    address: str,
    standing: tuple[RecipientRow, ...],
) -> Refusal | None:
    if not (wish.digest or wish.urgent or wish.packets):
        return Refusal("notice.nothing", "Choose what they get.", "", 422)
    if len(standing) >= MOST:
        return Refusal("notice.many", f"At most {MOST} recipients are told.", "Remove one.", 422)
    if len(address) > LONGEST:
        return Refusal("notice.address", f"At most {LONGEST} characters fit here.", "", 422)
    if refusal := _not_reached(session, company_id, wish, address):
        return refusal
    person = wish.person_id if wish.kind == RecipientKind.PERSON else None
    team = wish.team_id if wish.kind == RecipientKind.WEBHOOK else None
    key = (wish.kind, person, team, "" if person else address)
    if key in {
        (recipient.kind, recipient.person_id, recipient.team_id, recipient.address)
        for recipient in standing
    }:
        return Refusal("notice.same", "They are on the list already.", "Remove the old line.", 422)
    return None


def _not_reached(session: Session, company_id: int, wish: Wish, address: str) -> Refusal | None:
    """Return the refusal of an unreachable recipient: no person, no address, a blocked address."""
    if wish.kind == RecipientKind.PERSON:
        members = select(Membership.person_id).where(
            Membership.company_id == company_id, Membership.person_id == wish.person_id
        )
        if wish.person_id is None or session.scalar(members.limit(1)) is None:
            return Refusal("notice.person", "Choose a person of this company.", "", 422)
        return None
    if wish.kind == RecipientKind.MAIL:
        if _MAIL.fullmatch(address):
            return None
        return Refusal("notice.address", "Enter one address, as desk@example.com.", "", 422)
    team = session.get(Team, wish.team_id) if wish.team_id else None
    if wish.team_id and (team is None or team.company_id != company_id):
        return Refusal("notice.team", "Choose a team of this company.", "", 422)
    if " " in address or not address.isprintable():
        words = "Enter the address without spaces or line breaks, as https://desk.example.com/new."
        return Refusal("notice.address", words, "", 422)
    place = resolve_url(address)
    if isinstance(place, Blocked):
        words = place.words.replace("of the accounting system", "of the webhook")
        return Refusal("notice.address", words, "", 422)
    return None


def _tell(
    session: Session, actor: Actor, recipient_id: int, act: str, what: str, now: datetime
) -> None:
    record_event(
        session,
        company_id=actor.company_id or 0,
        at=now,
        actor=actor,
        act=act,
        object=f"recipient:{recipient_id}",
        body={"say": f"{actor.name} changed who is told: {what}."},
    )


def remove(session: Session, actor: Actor, recipient_id: int, now: datetime) -> str | Refusal:
    """Remove a recipient and return its name; sent messages stay in the list."""
    if refusal := may(actor, ACT):
        return refusal
    matching = [
        recipient
        for recipient in list_recipients(session, actor.company_id or 0)
        if recipient.id == recipient_id
    ]
    if not matching:
        return Refusal("notice.unknown", "There is no such recipient here.", "", 404)
    session.get_one(Recipient, recipient_id).ended_at = now
    _tell(session, actor, recipient_id, "notice.removed", f"{matching[0].name} gets no more", now)
    return matching[0].name


def of_person(session: Session, company_id: int, person_id: int, now: datetime) -> int | None:
    """Return the recipient for a person's own work; create it if missing.

    None for a person who left or may not sign in. The company's lock prevents a second one.
    """
    own_terms = (Recipient.company_id == company_id, Recipient.person_id == person_id, ~CHOSEN)
    recipient_id = session.scalar(
        select(Recipient.id).where(*own_terms, Recipient.ended_at.is_(None))
    )
    if recipient_id is None:
        row = Recipient(
            company_id=company_id,
            kind=RecipientKind.PERSON,
            person_id=person_id,
            digest=False,
            urgent=False,
            packets=False,
            made_at=now,
        )
        session.add(row)
        session.flush()
        recipient_id = row.id
    return session.scalar(active_recipients(company_id).where(Recipient.id == recipient_id))


def shown(address: str) -> str:
    """Return an address for display; of a webhook only the host: paths are often keys."""
    return urlsplit(address).netloc.rpartition("@")[2] if "://" in address else address


def bound(recipient_id: int) -> str:
    """Return the context that a recipient's secret is encrypted for."""
    return f"recipient:{recipient_id}"


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
        """Return the recipient's name for display."""
        return shown(self.address)

    @property
    def state_word(self) -> str:
        """Return the message's state for display."""
        return STATES[self.state]

    @property
    def kind_word(self) -> str:
        """Why it was sent, as people read it."""
        return KINDS[self.kind]


def list_deliveries(
    session: Session, company_id: int, *, most: int = SHOWN
) -> tuple[DeliveryRow, ...]:
    """Return a company's latest messages."""
    query = _rows().where(Notice.company_id == company_id).order_by(Notice.id.desc()).limit(most)
    return DELIVERY.each(session.execute(query))


def _rows() -> Select[Any]:
    return (
        DELIVERY.select()
        .select_from(Notice)
        .join(Recipient, Recipient.id == Notice.recipient_id)
        .outerjoin(Person, Person.id == Recipient.person_id)
    )


def of_packet(session: Session, company_id: int, escalation_id: int) -> tuple[DeliveryRow, ...]:
    """Return the messages that carried an escalation packet."""
    query = _rows().where(
        Notice.company_id == company_id,
        Notice.kind == NoticeKind.PACKET,
        Notice.key == f"escalation:{escalation_id}",
    )
    return DELIVERY.each(session.execute(query.order_by(Notice.id)))


RECIPIENT = Columns(
    RecipientRow(
        id=of(Recipient.id),
        kind=of(Recipient.kind),
        person_id=of(Recipient.person_id),
        team_id=of(Recipient.team_id),
        person=of(Person.name),
        email=of(Person.email),
        team=of(Team.shown.label("team")),
        address=of(Recipient.address),
        digest=of(Recipient.digest),
        urgent=of(Recipient.urgent),
        packets=of(Recipient.packets),
        made_at=of(Recipient.made_at),
    ),
    {"person": "person.name", "email": "person.email"},
)

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
