"""Create, redact and store escalation packets for a support desk."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.registry import insert_titles
from holding.access.actors import Actor, Keys, may
from holding.access.operations import once
from holding.connections.connections import bound
from holding.db import kept_plans
from holding.db.bulk import Columns, of
from holding.db.models import Connection, ConnectionKey, Escalation, Event, Person, Record, Version
from holding.db.refusal import Refusal, plural
from holding.operations.failures import Failure
from holding.platform import backup, row_seals
from holding.platform.events import record_event, shown_actor
from rules.values.canonical import dumps, sha256_hex
from rules.values.cause_keys import GENERAL_TINS, OTHERS, PERSONS, PERSONS_BEFORE

ACT: Final = "record.read"

LONGEST_NOTE: Final = 200


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored packet; `personal` marks one with personal data and tax numbers."""

    id: int
    record_id: int
    number: str
    source: str
    kind: str
    external_id: str
    by: str
    made_at: datetime
    packet: dict[str, Any]
    sha256: str
    personal: bool
    sent_to: str | None
    ticket: str | None
    sent_at: datetime | None


KEPT = Columns(
    Kept(
        id=of(Escalation.id),
        record_id=of(Escalation.record_id),
        number=of(Record.number),
        source=of(Connection.name),
        kind=of(Record.type),
        external_id=of(Record.external_id),
        by=of(Person.name),
        made_at=of(Escalation.made_at),
        packet=of(Escalation.packet),
        sha256=of(Escalation.sha256),
        personal=of(Escalation.personal),
        sent_to=of(Escalation.sent_to),
        ticket=of(Escalation.ticket),
        sent_at=of(Escalation.sent_at),
    ),
    {"source": "connection.name", "kind": "record.type", "by": "person.name"},
)

LONGEST_ANSWER: Final = 4000
"""How many characters a person may write in one field."""

NOT_RECORDED: Final = "not recorded"

NO_CHANGE: Final = "No change is recorded in the 14 days before."

NO_CHANGE_CHOSEN: Final = "Changes are recorded in the 14 days before; none was chosen."

AT_ONCE: Final = "none: it is sent as soon as it is ready"

NOT_SENT: Final = "none: it was never sent"

LABELS: Final[Mapping[str, str]] = {
    "connector": "Connector",
    "record_number": "Record number",
    "sync_run": "Sync run",
    "status": "Status",
    "exact_message": "Exact message",
    "retry_count": "Retry count",
    "expected_result": "Expected result",
    "what_changed_recently": "What changed recently",
    "module": "Module",
    "branch_or_warehouse": "Branch or warehouse",
    "user": "User",
    "visible_message": "Visible message",
    "same_failure": "Same failure",
    "company": "Company",
    "made_at": "Made",
}
"""The fields of a packet as people read them, in the order in which a desk asks for them."""

TYPED: Final = ("record_number", "exact_message", "expected_result")
"""What the form shows for a person to check or to write."""

DAYS: Final = 14

MOST: Final = 100

PROPOSED: Final = 10
"""So many of the newest are proposed for the packet; who escalates chooses among the others."""


class ChangeKind(StrEnum):
    """The kind of a change."""

    MAPPING = "mapping"
    RULES = "rules"
    CONNECTION = "connection"
    PEOPLE = "people"
    COMPANY = "company"
    VERSION = "version"
    PROGRAM = "program"


ACTS: Final = {
    "mapping.fixed": ChangeKind.MAPPING,
    "mapping.removed": ChangeKind.MAPPING,
    "party.merged": ChangeKind.MAPPING,
    "party.kept_apart": ChangeKind.MAPPING,
    "rules.published": ChangeKind.RULES,
    "rules.rolled_back": ChangeKind.RULES,
    "route.stopped": ChangeKind.RULES,
    "route.resumed": ChangeKind.RULES,
    "route.kept": ChangeKind.RULES,
    "route.superseded": ChangeKind.RULES,
    "stop.limit": ChangeKind.RULES,
    "schedule.switched": ChangeKind.RULES,
    "connection.added": ChangeKind.CONNECTION,
    "connection.changed": ChangeKind.CONNECTION,
    "connection.paused": ChangeKind.CONNECTION,
    "connection.resumed": ChangeKind.CONNECTION,
    "connection.restore_ended": ChangeKind.CONNECTION,
    "connection.key": ChangeKind.CONNECTION,
    "connection.key_added": ChangeKind.CONNECTION,
    "connection.key_deleted": ChangeKind.CONNECTION,
    "connection.authorized": ChangeKind.CONNECTION,
    "connection.disconnected": ChangeKind.CONNECTION,
    "connection.not_renewed": ChangeKind.CONNECTION,
    "connection.quota": ChangeKind.CONNECTION,
    "connection.quota_used": ChangeKind.CONNECTION,
    "connection.quota_free": ChangeKind.CONNECTION,
    "connection.no_key": ChangeKind.CONNECTION,
    "connection.untested": ChangeKind.CONNECTION,
    "connection.test_passed": ChangeKind.CONNECTION,
    "connection.refused": ChangeKind.CONNECTION,
    "connection.away": ChangeKind.CONNECTION,
    "connection.back": ChangeKind.CONNECTION,
    "connection.rates": ChangeKind.CONNECTION,
    "connection.units": ChangeKind.CONNECTION,
    "list.given": ChangeKind.CONNECTION,
    "person.joined": ChangeKind.PEOPLE,
    "person.left": ChangeKind.PEOPLE,
    "person.role_granted": ChangeKind.PEOPLE,
    "person.role_taken": ChangeKind.PEOPLE,
    "team.joined": ChangeKind.PEOPLE,
    "person.team_joined": ChangeKind.PEOPLE,
    "person.sources": ChangeKind.PEOPLE,
    "person.team_left": ChangeKind.PEOPLE,
    "deputy.named": ChangeKind.PEOPLE,
    "deputy.ended": ChangeKind.PEOPLE,
    "company.due_set": ChangeKind.COMPANY,
    "company.fallback_set": ChangeKind.COMPANY,
    "company.cutover": ChangeKind.COMPANY,
    "company.went_live": ChangeKind.COMPANY,
    backup.CHANGED: ChangeKind.PROGRAM,
}
"""The acts that change how records are decided or sent -> what they change."""

REMOVED: Final = "(secret removed)"

TAX_NUMBER: Final = "(tax number removed)"

Redact = Callable[[str], str]
"""A text without what may not leave."""

_SHORTEST: Final = 6

_NAMED: Final = re.compile(
    r"""(?ix)
    \b(?P<name> (?:x-)?api[-_ ]?key | apikey | (?:access|refresh|auth|bearer|id|client)?[-_ ]?token
      | (?:client[-_ ]?)?secret | password | passwd | pwd | signature | authorization | cookie )
    (?P<between> ["']?\s*[:=]\s*["']? (?:(?:bearer|basic)\s+)? )
    (?P<value> [^\s"',;&}<>]{4,} )"""
)

_BEARER: Final = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")

_JWT: Final = re.compile(r"\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?")

_MARKED: Final = re.compile(r"\b[A-Za-z]{2,8}_(?:live|test|sandbox|prod)_[A-Za-z0-9_-]{4,}")

_IN_ADDRESS: Final = re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://)[^\s/@]+@")

_LONG: Final = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{20,}(?![A-Za-z0-9_-])")

_HEX: Final = re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}")

_LETTERS: Final = "|".join((*PERSONS, *PERSONS_BEFORE, *OTHERS, next(iter(GENERAL_TINS))[:2]))

_TAX: Final = re.compile(rf"\b(?:{_LETTERS})[- ]?\d{{8,13}}\b")
"""A tax number, also one with a digit that is wrong: messages quote those, too."""

_SERVICE_TAX: Final = re.compile(r"\b[A-Z]\d{2}-\d{4}-\d{8}\b")
"""The number of a company registered for sales and service tax, such as W10-1808-32000059."""


@dataclass(frozen=True, slots=True)
class Made:
    """The packet that a form made."""

    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """The packet's content: texts and the list of changes, with the names of its JSON."""

    connector: str
    record_number: str
    sync_run: str
    status: str
    exact_message: str
    retry_count: str
    expected_result: str
    what_changed_recently: tuple[str, ...]
    module: str
    branch_or_warehouse: str
    user: str
    visible_message: str
    same_failure: str
    company: str
    made_at: str

    def as_json(self) -> dict[str, Any]:
        """Return the packet as an object; equal packets are equal objects."""
        fields = asdict(self)
        return {**fields, "what_changed_recently": list(self.what_changed_recently)}


def make(
    session: Session,
    actor: Actor,
    record_id: int,
    draft: Packet,
    *,
    personal: bool,
    now: datetime,
    op: str | None,
) -> Made | Refusal:
    """Keep a packet about a record of the actor's company; a second click gets the first one."""
    body = draft.as_json()

    def act() -> Made | Refusal:
        refusal = may(actor, ACT) or (may(actor, "record.pii") if personal else None)
        if refusal:
            return refusal
        record = session.get(Record, record_id)
        if record is None or record.company_id != actor.company_id:
            return _unknown()
        row = Escalation(
            company_id=record.company_id,
            record_id=record.id,
            person_id=actor.person_id or 0,
            made_at=now,
            packet=body,
            sha256=sha256_hex(dumps(body)),
            personal=personal,
        )
        session.add(row)
        session.flush()
        say = f"{actor.name} made an escalation packet for {record.number}."
        _tell(session, actor, row, "escalation.made", say, now, {"sha256": row.sha256}, op)
        return Made(row.id)

    request = ("escalate", record_id, {**body, "made_at": ""}, personal)
    return once(
        session,
        actor,
        op,
        asked=request,
        now=now,
        act=act,
        read=lambda stored_result: Made(**stored_result),
    )


def _unknown() -> Refusal:
    return Refusal("escalation.unknown", "There is no such packet here.", "", 404)


def _tell(
    session: Session,
    actor: Actor,
    row: Escalation,
    act: str,
    say: str,
    now: datetime,
    body: Mapping[str, Any],
    op: str | None,
) -> None:
    record_event(
        session,
        company_id=row.company_id,
        at=now,
        actor=actor,
        act=act,
        body={
            "say": say,
            **body,
            **row_seals.seals(session, row.company_id, {row_seals.PACKET: [row.id]}),
        },
        record_id=row.record_id,
        object=f"escalation:{row.id}",
        operation_id=op,
    )


def one(session: Session, company_id: int, escalation_id: int) -> Kept | None:
    """Return a packet of the company, or None."""
    rows = session.execute(
        _kept().where(Escalation.id == escalation_id, Escalation.company_id == company_id)
    )
    return KEPT.first(rows)


def _kept() -> Any:
    return (
        KEPT.select()
        .join(Record, Record.id == Escalation.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .join(Person, Person.id == Escalation.person_id)
    )


def list_packets(session: Session, record_id: int) -> tuple[Kept, ...]:
    """Return a record's packets, newest first."""
    query = _kept().where(Escalation.record_id == record_id).order_by(Escalation.id.desc())
    return KEPT.each(session.execute(query, execution_options=kept_plans.KEPT))


def sent(
    session: Session, actor: Actor, escalation_id: int, to: str, ticket: str, now: datetime
) -> Kept | Refusal:
    """Store once to whom a packet was sent and the number of their ticket."""
    if refusal := may(actor, ACT):
        return refusal
    row = session.get(Escalation, escalation_id, with_for_update=True)
    if row is None or row.company_id != actor.company_id:
        return _unknown()
    to, ticket = to.strip(), ticket.strip()
    if not to or len(to) > LONGEST_NOTE or len(ticket) > LONGEST_NOTE:
        words = f"Enter to whom it went, in at most {LONGEST_NOTE} characters."
        return Refusal("escalation.to", words, "", 422)
    if row.sent_at is not None:
        words = f"This packet went to {row.sent_to} already."
        return Refusal("escalation.sent", words, "Make another packet to escalate it again.")
    row.sent_to, row.ticket, row.sent_at, row.sent_by_id = to, ticket or None, now, actor.person_id
    session.flush()
    stored_packet = one(session, row.company_id, row.id)
    if stored_packet is None:
        return _unknown()
    ticket_text = f", ticket {ticket}" if ticket else ""
    say = f"{actor.name} escalated {stored_packet.number} to {to}{ticket_text}."
    _tell(session, actor, row, "escalation.sent", say, now, {"to": to, "ticket": ticket}, None)
    return stored_packet


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What a person entered: number, message, expectation, changes to omit, and other changes."""

    record_number: str
    exact_message: str
    expected_result: str
    left_out: frozenset[str] = frozenset()
    also_changed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The texts that only a page can format: times in the company's zone, and a state."""

    moment: Callable[[datetime], str]
    status: str
    company: str
    user: str
    money: str


def missing(typed: Typed) -> Mapping[str, str]:
    """Return by field why no packet can be made; empty if one can."""
    blank = {
        "record_number": "The record number is missing. Support cannot find the record without it.",
        "exact_message": "The message is missing. Copy the exact words that you see.",
        "expected_result": "The expected result is missing. Say what should have happened.",
    }
    long = f"At most {LONGEST_ANSWER:,} characters fit here."
    answers = {name: str(getattr(typed, name)).strip() for name in TYPED}
    missing_answers = {name: words for name, words in blank.items() if not answers[name]}
    texts = {**answers, "also_changed": typed.also_changed}
    return missing_answers | {
        name: long for name, text in texts.items() if len(text) > LONGEST_ANSWER
    }


def unknown_number(typed: Typed, failure: Failure) -> Refusal | None:
    """Return the refusal of a number that is not the record's, or None."""
    if typed.record_number.strip() in failure.numbers:
        return None
    words = f"This page is about {failure.number}; {typed.record_number.strip()} is another number."
    return Refusal("escalation.number", words, "Open that record and escalate it there.", 422)


@dataclass(frozen=True, slots=True)
class Change:
    """One change; `key` names it among all changes, `before` how long before the failure it was
    (None: after it).
    """

    key: str
    kind: ChangeKind
    at: datetime
    by: str
    say: str
    before: timedelta | None


def packet(
    failure: Failure,
    changes: Sequence[Change],
    typed: Typed,
    words: Words,
    now: datetime,
    redact: Redact,
) -> Packet:
    """Return the packet, filled from the failure and the person's words, without secrets."""
    message = typed.exact_message.strip()
    recorded = failure.message.strip()
    if recorded and _plain(message) != _plain(recorded):
        message = f"{message} (recorded: {recorded})"
    return Packet(
        connector=_connector(failure),
        record_number=typed.record_number.strip(),
        sync_run=run_words(failure, words),
        status=words.status,
        exact_message=redact(message),
        retry_count=retry_words(failure, words),
        expected_result=redact(typed.expected_result.strip()),
        what_changed_recently=_changed(changes, typed, words, redact),
        module=module(failure),
        branch_or_warehouse=redact(failure.place or NOT_RECORDED),
        user=words.user,
        visible_message=redact(failure.visible or NOT_RECORDED),
        same_failure=same_words(failure, words),
        company=words.company,
        made_at=words.moment(now),
    )


def _plain(text: str) -> str:
    return " ".join(text.split())


def _connector(failure: Failure) -> str:
    target_connector = failure.target_connector
    other = (
        f" ({target_connector})"
        if target_connector and target_connector != failure.connector
        else ""
    )
    return f"{failure.connector}{other}"


def _changed(
    changes: Collection[Change], typed: Typed, words: Words, redact: Redact
) -> tuple[str, ...]:
    change_lines = [
        f"{words.moment(change.at)}, {change.by}: {redact(change.say)}"
        for change in changes
        if change.key not in typed.left_out
    ]
    if also := typed.also_changed.strip():
        change_lines.append(redact(also))
    return tuple(change_lines) or (NO_CHANGE_CHOSEN if changes else NO_CHANGE,)


def as_text(packet_body: Mapping[str, Any]) -> str:
    """Return a packet as plain lines for a mail or chat; `packet_body` is its JSON."""
    lines = []
    for name, label in LABELS.items():
        value = packet_body.get(name, NOT_RECORDED)
        if isinstance(value, list):
            lines += [f"{label}:", *(f"  - {item}" for item in value)]
        else:
            lines.append(f"{label}: {value}")
    return "\n".join(lines) + "\n"


def run_words(failure: Failure, words: Words) -> str:
    """Return the words for the run that sent the document last, or why there is none."""
    if failure.run_id is None:
        return AT_ONCE if failure.tries else NOT_SENT
    at = f", {words.moment(failure.run_at)}" if failure.run_at else ""
    return f"Run {failure.run_id}{at}"


def retry_words(failure: Failure, words: Words) -> str:
    """Return how often the document was sent again, and when last."""
    if not failure.tries or failure.last_try is None:
        return "0, it was never sent"
    return f"{failure.retries}, last sent {words.moment(failure.last_try)}"


def same_words(failure: Failure, words: Words) -> str:
    """Return how many records wait for one cause."""
    if failure.same < 2:
        return "Only this record."
    return f"{plural(failure.same, 'record')} on hold for the same cause, {words.money}"


def module(failure: Failure) -> str:
    """Return the document type, as the target names it, or else as the source does."""
    return (failure.document or failure.kind).replace("_", " ").capitalize()


def changes_before(
    session: Session, company_id: int, record_id: int, failed_at: datetime
) -> tuple[Change, ...]:
    """Return the changes of the two weeks before the failure, newest first."""
    first = failed_at - timedelta(days=DAYS)
    events = _load_events(session, company_id, first, failed_at)
    versions = _load_versions(session, record_id, first, failed_at)
    return _newest([*events, *versions], failed_at)


def _load_events(
    session: Session, company_id: int, first: datetime, last: datetime
) -> list[Change]:
    query = (
        select(Event)
        .where(Event.company_id == company_id, Event.record_id.is_(None))
        .where(Event.act.in_(sorted(ACTS)), Event.at >= first, Event.at <= last)
        .order_by(Event.at.desc(), Event.id.desc())
        .limit(MOST)
    )
    events = session.scalars(query, execution_options=kept_plans.KEPT)
    return [
        Change(
            f"event-{event.id}",
            ACTS[event.act],
            event.at,
            shown_actor(event.actor, event.body),
            str(event.body.get("say") or ""),
            None,
        )
        for event in events
    ]


def _load_versions(
    session: Session, record_id: int, first: datetime, last: datetime
) -> list[Change]:
    rows = session.execute(
        select(
            Version.no,
            Version.at,
            Version.corrects_id,
            Version.reason,
            Person.name,
            Connection.name.label("source"),
        )
        .join(Record, Record.id == Version.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .outerjoin(Person, Person.id == Version.person_id)
        .where(Version.record_id == record_id, Version.at >= first, Version.at <= last)
        .where(Version.no > 1)  # that a record came is no change of it
        .order_by(Version.no.desc())
        .limit(MOST),
        execution_options=kept_plans.KEPT,
    )
    return [
        Change(
            f"version-{row.no}",
            ChangeKind.VERSION,
            row.at,
            row.name or insert_titles(row.source),
            f"Version {row.no} of the record"
            f" {'is a correction' if row.corrects_id else 'arrived'}"
            f"{f': {row.reason}' if row.reason else ''}.",
            None,
        )
        for row in rows
    ]


def _newest(changes: Iterable[Change], failed_at: datetime) -> tuple[Change, ...]:
    listed = sorted(changes, key=lambda change: (change.at, change.key), reverse=True)[:MOST]
    return tuple(
        Change(
            change.key,
            change.kind,
            change.at,
            change.by,
            change.say,
            failed_at - change.at if change.at <= failed_at else None,
        )
        for change in listed
    )


def changes_since(
    session: Session, company_id: int, record_id: int, failed_at: datetime, now: datetime
) -> tuple[Change, ...]:
    """Return the changes after the failure, newest first."""
    after = failed_at + timedelta(microseconds=1)
    events = _load_events(session, company_id, after, now)
    versions = _load_versions(session, record_id, after, now)
    return _newest([*events, *versions], failed_at)


def secrets_of(session: Session, company_id: int, keys: Keys) -> frozenset[str]:
    """Return every secret of the company's connections in plain text, including old ones."""
    rows = session.execute(
        select(Connection, ConnectionKey)
        .join(ConnectionKey, ConnectionKey.connection_id == Connection.id)
        .where(Connection.company_id == company_id)
    )
    secrets = [keys.decrypt(key.secret, row=bound(connection, key.no)) for connection, key in rows]
    return frozenset(text for text in secrets if not isinstance(text, Refusal))


def redacting(secrets: Collection[str], *, tax_numbers: bool, keep: Collection[str] = ()) -> Redact:
    """Return the function that removes secrets and tax numbers from a text.

    It removes these secrets and everything that looks like one. `tax_numbers` allows tax numbers;
    the texts of `keep`, such as the record's own number, stay.
    """
    long_secrets = sorted(
        (secret for secret in secrets if len(secret) >= _SHORTEST), key=len, reverse=True
    )
    kept_texts = frozenset(keep)

    def redact(text: str) -> str:
        for secret in long_secrets:
            text = text.replace(secret, REMOVED)
        text = _NAMED.sub(rf"\g<name>\g<between>{REMOVED}", text)
        text = _BEARER.sub(rf"\1 {REMOVED}", text)
        text = _IN_ADDRESS.sub(rf"\1{REMOVED}@", text)
        for pattern in (_JWT, _MARKED):
            text = pattern.sub(REMOVED, text)
        text = _LONG.sub(
            lambda match_: _unless(match_[0], kept_texts, REMOVED, is_secret=_random(match_[0])),
            text,
        )
        if tax_numbers:
            return text
        text = _SERVICE_TAX.sub(TAX_NUMBER, text)
        return _TAX.sub(
            lambda match_: _unless(match_[0], kept_texts, TAX_NUMBER, is_secret=True), text
        )

    return redact


def _unless(text: str, kept_texts: Collection[str], mark: str, *, is_secret: bool) -> str:
    return mark if is_secret and text not in kept_texts else text


def _random(text: str) -> bool:
    """Check whether a text looks like a key: digits with letters of either case, or hexadecimal."""
    if _HEX.fullmatch(text.lower()):
        return True
    signs = (str.islower, str.isupper, str.isdigit)
    return all(any(test(sign) for sign in text) for test in signs)
