"""Plan notices: digests, signals, packets and tests."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access.actors import Actor, may, reach_of
from holding.company.own_account import taste
from holding.connections import open_signals
from holding.db import bulk
from holding.db.models import Change, Company, Escalation, Notice, Person, Record
from holding.db.models.columns import NoticeKind, NoticeState, moment_of, moment_text
from holding.db.refusal import Refusal
from holding.operations import digests, escalation_packets, recipients
from holding.operations.recipients import RecipientRow
from holding.operations.recipients import list_recipients as listing
from holding.platform.changes import lock_company
from holding.platform.events import record_event

TEST_ACT: Final = "company.setup"

PACKET_ACT: Final = "record.read"

ACT: Final = "company.setup"

SETTING: Final = "digest"  # key of company.settings: at, days, since

DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

USUAL: Final = "08:00"

_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


def plan_due_notices(session: Session, now: datetime, *, root: str) -> None:
    """Create the due notices of every company.

    `root` is the address at which people reach the pages.
    """
    for company in session.scalars(select(Company).order_by(Company.id)).all():
        if recipient_rows := listing(session, company.id):
            _urgent(session, company, recipient_rows, now, root)
            _digests(session, company, recipient_rows, now, root)


def _urgent(
    session: Session,
    company: Company,
    recipient_rows: Iterable[RecipientRow],
    now: datetime,
    root: str,
) -> None:
    """Create a notice of each signal for each recipient once, as soon as it is raised."""
    urgent_recipients = [
        recipient
        for recipient in recipient_rows
        if recipient.urgent and not _limited(session, company.id, recipient)
    ]
    signals = open_signals.list_signals(session, company.id) if urgent_recipients else ()
    if not signals:
        return
    keys = {signal.id: f"signal:{signal.id}" for signal in signals}
    query = select(Notice.recipient_id, Notice.key).where(
        Notice.company_id == company.id,
        Notice.kind == NoticeKind.URGENT,
        bulk.among(Notice.key, sorted(keys.values())),
    )
    done = {(row.recipient_id, row.key) for row in session.execute(query)}
    link = f"{root.rstrip('/')}/c/{company.code}/signals"
    for signal in signals:
        sentence = open_signals.sentence(signal, company.currency)
        for recipient in urgent_recipients:
            if recipient.made_at > signal.opened_at or (recipient.id, keys[signal.id]) in done:
                continue
            body = {
                "kind": "urgent",
                "company": {"code": company.code, "name": company.name},
                "signal": signal.kind,
                "say": sentence,
                "text": f"{company.name}: {sentence}\n\n{link}\n",
                "link": link,
            }
            subject = f"{company.name}: {sentence}"
            add(
                session,
                company.id,
                recipient.id,
                NoticeKind.URGENT,
                keys[signal.id],
                subject,
                body,
                now,
            )


def _limited(session: Session, company_id: int, recipient: RecipientRow) -> bool:
    """Check whether a recipient is limited to some sources; a signal concerns all sources."""
    return (
        recipient.person_id is not None
        and reach_of(session, company_id, recipient.person_id).limited
    )


def _digests(
    session: Session,
    company: Company,
    recipient_rows: Iterable[RecipientRow],
    now: datetime,
    root: str,
) -> None:
    """Create one digest per recipient and period; later recipients begin with the next one."""
    due = period(times_of(company.settings), company.zone, now)
    waiting = [
        recipient
        for recipient in recipient_rows
        if recipient.digest and due is not None and recipient.made_at <= due
    ]
    if due is None or not waiting:
        return
    key = moment_text(due)
    done = set(
        session.scalars(
            select(Notice.recipient_id).where(
                Notice.company_id == company.id,
                Notice.kind == NoticeKind.DIGEST,
                Notice.key == key,
            )
        )
    )
    for recipient in waiting:
        if recipient.id in done:
            continue
        if recipient.person_id is not None:
            digest = digests.of_person(session, company.id, recipient.person_id)
        else:
            digest = digests.of_team(session, company.id, recipient.team_id)
        if digest.groups:
            body = digests.digest_body(company, digest, due, now, root=root)
            subject = f"{company.name}: {body['summary']}"
            add(session, company.id, recipient.id, NoticeKind.DIGEST, key, subject, body, now)
        else:
            add(
                session,
                company.id,
                recipient.id,
                NoticeKind.DIGEST,
                key,
                "Nothing on hold",
                {},
                now,
            )


def test(
    session: Session, actor: Actor, recipient_id: int, now: datetime
) -> RecipientRow | Refusal:
    """Send a test message to a recipient."""
    if refusal := may(actor, TEST_ACT):
        return refusal
    company = session.get_one(Company, actor.company_id)
    matching = [
        recipient for recipient in listing(session, company.id) if recipient.id == recipient_id
    ]
    if not matching:
        return Refusal("notice.unknown", "There is no such recipient here.", "", 404)
    text = f"A test of {company.name} in Clearpost, sent by {actor.name}. Nothing is to be done.\n"
    body = {
        "kind": "test",
        "company": {"code": company.code, "name": company.name},
        "text": text,
    }
    subject = f"{company.name}: test"
    add(session, company.id, recipient_id, NoticeKind.TEST, moment_text(now), subject, body, now)
    return matching[0]


def packet(
    session: Session, actor: Actor, escalation_id: int, recipient_id: int, now: datetime
) -> RecipientRow | Refusal:
    """Send an escalation packet to a recipient that gets them; a second time sends nothing."""
    if refusal := may(actor, PACKET_ACT):
        return refusal
    row = session.get(Escalation, escalation_id)
    if row is None or row.company_id != actor.company_id:
        return Refusal("escalation.unknown", "There is no such packet here.", "", 404)
    recipient_rows = listing(session, row.company_id)
    matching = [
        recipient
        for recipient in recipient_rows
        if recipient.id == recipient_id and recipient.packets
    ]
    if not matching:
        words = "Choose a recipient that gets escalation packets."
        return Refusal("notice.recipient", words, "An administrator adds one under Notices.", 422)
    if refusal := may(actor, "record.pii") if row.personal else None:
        return refusal
    number = session.get_one(Record, row.record_id).number
    company = session.get_one(Company, row.company_id)
    body = {
        "kind": "packet",
        "company": {"code": company.code, "name": company.name},
        "packet": row.packet,
        "sha256": row.sha256,
        "text": f"{escalation_packets.as_text(row.packet)}\nSHA-256 of the JSON: {row.sha256}\n",
    }
    key, subject = f"escalation:{row.id}", f"{company.name}: escalation packet for {number}"
    notice = add(session, row.company_id, recipient_id, NoticeKind.PACKET, key, subject, body, now)
    if notice is None:
        words = f"This packet went to {matching[0].name} already."
        return Refusal("escalation.sent", words, "Make another packet to escalate it again.")
    record_event(
        session,
        company_id=row.company_id,
        at=now,
        actor=actor,
        act="escalation.sending",
        record_id=row.record_id,
        object=f"escalation:{row.id}",
        body={"say": f"{actor.name} sends the packet for {number} to {matching[0].name}."},
    )
    return matching[0]


def add(
    session: Session,
    company_id: int,
    recipient_id: int,
    kind: NoticeKind,
    key: str,
    subject: str,
    body: Mapping[str, Any],
    now: datetime,
) -> int | None:
    """Create one message unless it exists or has no body; return its id, or None."""
    values = {
        "company_id": company_id,
        "recipient_id": recipient_id,
        "kind": kind,
        "key": key,
        "subject": subject,
        "body": dict(body),
        "state": NoticeState.DUE if body else NoticeState.NOTHING,
        "made_at": now,
        "due_at": now if body else None,
        "ended_at": None if body else now,
        "tries": 0,
        "answer": "",
    }
    return bulk.insert_once(session, Notice, values)


def plan_returned_change(
    session: Session,
    actor: Actor,
    change_no: int,
    why: str,
    now: datetime,
    *,
    link: str,
    say: Callable[[str, str], str],
) -> str | None:
    """Create the mail about a returned change in the caller's transaction; return the recipient.

    None where the author is unknown, left, or wants no mail about their own work. `why` is sent as
    written; `link`: the change's page; the last argument translates a text into a language (en, ms,
    zh).
    """
    company = session.get_one(Company, actor.company_id)
    terms = (Change.company_id == company.id, Change.no == change_no)
    change = session.scalars(select(Change).where(*terms)).one()
    author = session.get(Person, change.author_id) if change.author_id is not None else None
    if author is None or not taste(author.settings).mails:
        return None
    recipient = recipients.of_person(session, company.id, author.id, now)
    if recipient is None:
        return None
    language = taste(author.settings).language or "en"
    first = say(
        language,
        f"{actor.name} returned change {change_no}, “{change.title}”, to you. "
        "Nothing of it comes into force.",
    )
    last = say(language, "Continue with its files, correct them and submit them again:")
    body = {
        "kind": "returned",
        "company": {"code": company.code, "name": company.name},
        "change": change_no,
        "text": f"{first}\n\n{why.strip()}\n\n{last}\n{link}\n",
        "link": link,
    }
    subject = say(language, f"{company.name}: change {change_no} was returned to you")
    key, kind = f"change:{change_no}", NoticeKind.RETURNED
    add(session, company.id, recipient, kind, key, subject, body, now)
    return author.name


@dataclass(frozen=True, slots=True)
class DigestTimes:
    """The time of day, the days of the week (0 is Monday; none: no digest), and since when."""

    at: str
    days: tuple[int, ...]
    since: datetime | None


def times_of(settings: Mapping[str, Any]) -> DigestTimes:
    """Return the configured times; without a setting no digest is sent."""
    stored_times = settings.get(SETTING)
    if not isinstance(stored_times, Mapping):
        return DigestTimes(USUAL, (), None)
    return DigestTimes(
        str(stored_times["at"]),
        tuple(int(day) for day in stored_times["days"]),
        moment_of(stored_times["since"]),
    )


def own_times(session: Session, company_id: int) -> DigestTimes:
    """Return a company's own times."""
    return times_of(session.get_one(Company, company_id).settings)


def period(times: DigestTimes, zone: str, now: datetime) -> datetime | None:
    """Return the newest moment at which a digest was due since it was configured.

    Of several missed moments only the last counts.
    """
    place, (hour, minute) = ZoneInfo(zone), map(int, times.at.split(":"))
    today = now.astimezone(place).date()
    for back in range(8):
        day = today - timedelta(days=back)
        moment = datetime.combine(day, time(hour, minute), place).astimezone(now.tzinfo)
        if day.weekday() in times.days and moment <= now:
            return moment if times.since is not None and moment > times.since else None
    return None


def set_times(
    session: Session, actor: Actor, at: str, days: Sequence[int], now: datetime
) -> Refusal | None:
    """Send digests at this time on these days; on none, never."""
    if refusal := may(actor, ACT):
        return refusal
    if not _CLOCK.fullmatch(at):
        return Refusal("notice.time", "Enter a time as 08:00.", "", 422)
    if not set(days) <= set(range(len(DAYS))):
        return Refusal("notice.days", "Choose days from Monday to Sunday.", "", 422)
    chosen = sorted(set(days))
    company = lock_company(session, actor.company_id or 0)
    times = {"at": at, "days": chosen, "since": moment_text(now)}
    company.settings = {**company.settings, SETTING: times}
    when = f"at {at} on {', '.join(DAYS[day] for day in chosen)}" if chosen else "never"
    record_event(
        session,
        company_id=company.id,
        at=now,
        actor=actor,
        act="notice.set",
        body={"say": f"{actor.name} set the digest: {when}."},
    )
    return None
