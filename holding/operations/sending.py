"""Send due notices one at a time, with claims and retries.

A message that may have left is never sent again; a list shows it instead.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from connectors.kit.delivery import sign
from connectors.transport.http import Http, HttpAnswer, HttpFailure, MailServer, send_mail
from holding.access.actors import Keys
from holding.db.database import Database
from holding.db.models import Notice, Person, Recipient
from holding.db.models.columns import NoticeState, RecipientKind
from holding.db.refusal import Refusal
from holding.operations import digests
from holding.operations.recipients import active_recipients, bound
from holding.platform.settings import DatabaseClock

PREFIX: Final = "X-Clearpost"
AGAIN: Final = (60, 300, 900, 3600, 10_800)
"""Seconds until the next try of what surely did not arrive; after the last it has failed."""
LEASE: Final = timedelta(seconds=120)
"""Longer than any call takes."""
_FAR: Final = timedelta(days=1)  # a lease that ends later was given before a clock was set back
_NOT_NOW: Final = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Tools:
    """The channels that messages are sent by."""

    http: Http
    keys: Keys
    mail: MailServer | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one attempt. `again`: it certainly did not arrive and can be retried."""

    state: NoticeState
    answer: str
    again: bool = False


@dataclass(frozen=True, slots=True)
class _Message:
    id: int
    tries: int
    subject: str
    body: Mapping[str, Any]
    kind: RecipientKind
    to: str
    recipient_id: int
    secret: str | None
    made_at: datetime


def due_companies(session: Session, now: datetime) -> list[int]:
    """Return companies with a message that is due or leased by a lost worker."""
    query = select(Notice.company_id).where(Notice.due_at.is_not(None), _waits(now)).distinct()
    return list(session.scalars(query.order_by(Notice.company_id)))


def send_due(
    database: Database, clock: DatabaseClock, company_id: int, *, owner: str, tools: Tools
) -> int:
    """Send one message of the company; 1 where there was one."""
    with database.write() as session:
        now = clock.now()
        _recover(session, company_id, now)
        _end_untold(session, company_id, now)
        message = _claim(session, company_id, owner, now)
    if message is None:
        return 0
    with database.write() as session:
        if not _moved(session, message.id, owner, NoticeState.CLAIMED, state=NoticeState.SENDING):
            return 1
    outcome = _carried(message, tools, clock.now())
    with database.write() as session:
        _write_down(session, message, owner, outcome, clock.now())
    return 1


def _over(now: datetime) -> Any:
    return or_(Notice.lease_until < now, Notice.lease_until > now + _FAR)


def _waits(now: datetime) -> Any:
    due = and_(Notice.state == NoticeState.DUE, Notice.due_at <= now)
    in_hand = Notice.state.in_((NoticeState.CLAIMED, NoticeState.SENDING))
    return or_(due, and_(in_hand, _over(now)))


def _recover(session: Session, company_id: int, now: datetime) -> None:
    """Release a lost worker's messages: unsent ones are due again, begun ones stay uncertain."""
    dead = (Notice.company_id == company_id, Notice.due_at.is_not(None), _over(now))
    free = {"lease_owner": None, "lease_until": None}
    session.execute(
        update(Notice)
        .where(*dead, Notice.state == NoticeState.CLAIMED)
        .values(state=NoticeState.DUE, **free)
    )
    session.execute(
        update(Notice)
        .where(*dead, Notice.state == NoticeState.SENDING)
        .values(
            state=NoticeState.UNKNOWN,
            due_at=None,
            ended_at=now,
            answer="The worker ended while it was sent. It may have arrived.",
            **free,
        )
    )


def _end_untold(session: Session, company_id: int, now: datetime) -> None:
    """End messages to recipients who were removed, left or may not sign in."""
    session.execute(
        update(Notice)
        .where(
            Notice.company_id == company_id,
            Notice.due_at <= now,
            Notice.state == NoticeState.DUE,
            Notice.recipient_id.not_in(active_recipients(company_id)),
        )
        .values(
            state=NoticeState.FAILED,
            due_at=None,
            ended_at=now,
            answer="It was not sent: they are no longer a recipient.",
        )
        .execution_options(synchronize_session=False)
    )


def _claim(session: Session, company_id: int, owner: str, now: datetime) -> _Message | None:
    """Claim one message for sending, or return None."""
    claimed = session.execute(
        select(Notice, Recipient, Person.email)
        .join(Recipient, Recipient.id == Notice.recipient_id)
        .outerjoin(Person, Person.id == Recipient.person_id)
        .where(
            Notice.company_id == company_id,
            Notice.due_at <= now,
            Notice.state == NoticeState.DUE,
        )
        .order_by(Notice.due_at, Notice.id)
        .limit(1)
        .with_for_update(of=Notice, skip_locked=True)
    ).first()
    if claimed is None:
        return None
    notice, recipient, email = claimed
    notice.state, notice.tries = NoticeState.CLAIMED, notice.tries + 1
    notice.lease_owner, notice.lease_until = owner, now + LEASE
    session.flush()
    return _Message(
        id=notice.id,
        tries=notice.tries,
        subject=notice.subject,
        body=notice.body,
        kind=recipient.kind,
        to=email or recipient.address,
        recipient_id=recipient.id,
        secret=recipient.secret,
        made_at=notice.made_at,
    )


def _moved(
    session: Session, notice_id: int, owner: str, before: NoticeState, **values: Any
) -> bool:
    """Move a message to its next state; return False if another worker has it."""
    done = session.execute(
        update(Notice)
        .where(Notice.id == notice_id, Notice.lease_owner == owner, Notice.state == before)
        .values(**values)
        .returning(Notice.__table__.c.id)
    )
    return done.first() is not None


def _write_down(
    session: Session, message: _Message, owner: str, outcome: Outcome, now: datetime
) -> None:
    values: dict[str, Any] = {"lease_owner": None, "lease_until": None, "answer": outcome.answer}
    if outcome.again and message.tries <= len(AGAIN):
        wait = timedelta(seconds=AGAIN[message.tries - 1])
        values |= {"state": NoticeState.DUE, "due_at": now + wait}
    else:
        values |= {"state": outcome.state, "due_at": None, "ended_at": now}
    _moved(session, message.id, owner, NoticeState.SENDING, **values)


def _carried(message: _Message, tools: Tools, now: datetime) -> Outcome:
    if message.kind == RecipientKind.WEBHOOK:
        return _called(message, tools, now)
    return _mailed(message, tools.mail)


def _mailed(message: _Message, server: MailServer | None) -> Outcome:
    if server is None:
        words = "No mail server is set up: CLEARPOST_SMTP_HOST names none."
        return Outcome(NoticeState.FAILED, words, again=True)
    text = digests.as_text(message.body)
    delivery = send_mail(
        server,
        to=message.to,
        subject=digests.subject_of(message.subject, message.body),
        text=text,
        message_id=f"clearpost-notice-{message.id}",
    )
    if delivery.taken:
        return Outcome(NoticeState.SENT, "The mail server took it.")
    if delivery.unasked:
        return Outcome(NoticeState.FAILED, f"It was not sent: {delivery.words}.")
    if delivery.doubtful:
        words = f"The mail server got it and did not answer: {delivery.words}. It may have arrived."
        return Outcome(NoticeState.UNKNOWN, words)
    words = f"The mail server says: {delivery.words}"
    return Outcome(NoticeState.FAILED, words, again=not delivery.final)


def _called(message: _Message, tools: Tools, now: datetime) -> Outcome:
    secret = tools.keys.decrypt(message.secret or "", row=bound(message.recipient_id))
    if isinstance(secret, Refusal):
        return Outcome(NoticeState.FAILED, secret.words)
    event_id = f"notice-{message.id}"
    raw = json.dumps({"id": event_id, **message.body}, ensure_ascii=False).encode()
    stamp = str(int(now.timestamp()))
    headers = {
        "Content-Type": "application/json",
        f"{PREFIX}-Timestamp": stamp,
        f"{PREFIX}-Event-Id": event_id,
        f"{PREFIX}-Signature": sign(secret, stamp, event_id, raw),
    }
    return outcome_of(tools.http.request("POST", message.to, headers=headers, body=raw))


def outcome_of(answer: HttpAnswer | HttpFailure) -> Outcome:
    """Return the outcome that a webhook's answer means."""
    if isinstance(answer, HttpFailure):
        if answer.kind == "no_answer":
            return Outcome(NoticeState.UNKNOWN, f"{answer.words} It may have arrived.")
        return Outcome(NoticeState.FAILED, answer.words, again=answer.kind == "not_sent")
    if answer.status in range(200, 300):
        return Outcome(NoticeState.SENT, f"It answered {answer.status}.")
    later = answer.status >= 500 or answer.status in _NOT_NOW
    return Outcome(NoticeState.FAILED, f"It answered {answer.status}.", again=later)
