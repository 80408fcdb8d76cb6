"""Collect the contents of a record's evidence packet, and store audit notes."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connectors.registry import insert_titles
from holding.access.actors import ALL_PERSONAL, Actor, Hide, changes, hiding, may, without_personal
from holding.access.operations import once
from holding.access.people import names_of
from holding.db.models import (
    Approval,
    Attempt,
    Connection,
    Event,
    EventLink,
    Posting,
    Push,
    Record,
    Request,
    Version,
)
from holding.db.models.columns import moment_text, table_of
from holding.db.refusal import Refusal
from holding.platform import events as chain
from holding.platform.events import (
    APPROVAL,
    PUSH,
    Head,
    Link,
    record_event,
    seal_row,
    sealed_values,
    shown_actor,
)
from holding.records import checklist_and_finding, record_rows, trace
from rules.decisions.verdict import reason_to_show
from rules.values.canonical import dumps, plain, sha256_hex

Redact = Callable[[str], str]

MOST_TEXT: Final = 1_000_000
"""Longest call text in a packet, in characters; a longer call is listed by hash only."""

_OURS: Final = frozenset({"hash", "operation_id"})
"""Generated fields of an approval that look like secrets but are listed anyway."""

OF_OTHERS: Final = Refusal(
    code="reach.limited",
    message="You cannot download what this call sent, because it also carried documents of other "
    "sources.",
    hint="A colleague who works with all sources can.",
    status=403,
)

MOST_PLACES: Final = 20_000
"""How many chain places one packet holds besides the record's own."""

ACT: Final = "audit.note"

WRITTEN: Final = "audit.noted"

LONGEST: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Who a packet is made for, when, and whether it contains personal data."""

    by: str
    now: datetime
    personal: bool
    redact: Redact

    @property
    def hidden(self) -> frozenset[str]:
        """Return the personal fields that the packet masks."""
        return frozenset() if self.personal else ALL_PERSONAL


def collect_contents(
    session: Session, company: Mapping[str, str], row: record_rows.RecordRow, wanted: Wanted
) -> dict[str, Any]:
    """Return the packet's contents except the events; `company` has code, name, zone and
    currency.
    """
    hide = hiding(session, row.id, wanted.hidden)

    def say(text: str) -> str:
        return hide(wanted.redact(text))

    def told_by_us(text: str) -> str:
        """Return a text as the page shows it, without secrets; users' texts and sent data stay as
        they are.
        """
        return insert_titles(say(text))

    postings = session.scalars(
        select(Posting).where(Posting.record_id == row.id).order_by(Posting.id)
    ).all()
    ids = [one.id for one in postings]
    found = checklist_and_finding.trace_finding(session, row.id, wanted.now)
    calls = _requests(session, ids, say, personal=wanted.personal)
    story: dict[str, Any] = {
        "packet": {
            "made_at": wanted.now,
            "made_by": wanted.by,
            "personal": wanted.personal,
            "company": dict(company),
        },
        "record": _record(row, company["currency"], hide),
        "documents": _documents(session, row.id, told_by_us),
        "finding": {
            "verdict": found.verdict,
            "reasons": [
                {"side": one.side, "say": told_by_us(one.say), "over": one.over}
                for one in found.reasons
            ],
        },
        "timeline": [
            {"at": one.at, "actor": one.actor, "say": told_by_us(one.say), "proof": one.proved_by}
            for one in trace.timeline(session, row.id, wanted.now)
            if one.at <= wanted.now
        ],
        "versions": _versions(session, row, say, wanted.hidden),
        "postings": _postings(session, postings, say, personal=wanted.personal),
        "approvals": _approvals(session, ids, say),
        "pushes": _pushes(session, ids, personal=wanted.personal),
        "requests": calls,
        "notes": [
            {"at": one.at, "by": one.by, "text": say(one.text), "event": one.event_id}
            for one in notes_of_record(session, row.id)
        ],
    }
    told: dict[str, Any] = plain(story)
    return told


def _documents(session: Session, record_id: int, say: Redact) -> list[dict[str, Any]]:
    """Return the seven answers of each document."""
    return [
        {
            "number": document.number,
            "title": say(document.title),
            "key_tail": document.key_tail,
            "reverses": document.reverses,
            "answers": [
                {
                    "no": answer.no,
                    "question": answer.question,
                    "answer": say(answer.text),
                    "proofs": [proof.label for proof in answer.proofs],
                }
                for answer in document.answers
            ],
        }
        for document in trace.answer_documents(session, record_id)
    ]


def _record(row: record_rows.RecordRow, company_currency: str, hide: Hide) -> dict[str, Any]:
    return {
        "number": row.number,
        "source": row.source,
        "kind": row.kind,
        "external_id": row.external_id,
        "state": row.state,
        "status": row.status,
        "party": hide(row.party),
        "amount": row.amount,
        "currency": row.currency or company_currency,
        "doc_date": row.doc_date,
        "seen_at": row.seen_at,
    }


def _requests(
    session: Session, posting_ids: Sequence[int], say: Redact, *, personal: bool
) -> list[dict[str, Any]]:
    """Return the calls that carried the documents.

    Bytes of a call that also carried other records' documents are left out.
    """
    mine = (
        select(Attempt.request_id)
        .join(Push, Push.id == Attempt.push_id)
        .where(Push.posting_id.in_(posting_ids))
    )
    carried = (
        select(Attempt.request_id, func.count().label("many"))
        .join(Push, Push.id == Attempt.push_id)
        .where(Attempt.request_id.in_(mine), Push.posting_id.not_in(posting_ids))
        .group_by(Attempt.request_id)
    )
    shared = {row.request_id for row in session.execute(carried)}
    rows = session.scalars(select(Request).where(Request.id.in_(mine)).order_by(Request.id)).all()
    names = _connections(session, {one.connection_id for one in rows})
    listed = []
    for one in rows:
        kept = one.id not in shared and personal
        listed.append(
            {
                "id": one.id,
                "kind": one.kind,
                "target": names[one.connection_id],
                "run": one.run_id,
                "made_at": one.made_at,
                "answered_at": one.answered_at,
                "status": one.status,
                "key_tail": one.key_tail,
                "call": " ".join(one.headers.get(f":{name}", "") for name in ("method", "path")),
                "sha256": one.sha256,
                "sent": _text(one.body, say) if kept else None,
                "answer_sha256": one.answer_sha256,
                "answer": _text(one.answer, say) if kept else None,
                "with_others": one.id in shared,
            }
        )
    return listed


def _connections(session: Session, ids: set[int]) -> dict[int, str]:
    query = select(Connection.id, Connection.name).where(Connection.id.in_(sorted(ids)))
    return {row.id: row.name for row in session.execute(query)}


def _text(raw: bytes | None, say: Redact) -> dict[str, Any] | None:
    """Return the text of a call, if it is text; `whole` means nothing was redacted."""
    if raw is None or len(raw) > MOST_TEXT:
        return None
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    told = say(text)
    return {"text": told, "whole": told == text, "sha256": sha256_hex(told)}


def _versions(
    session: Session, record: record_rows.RecordRow, say: Redact, hidden: Collection[str]
) -> list[dict[str, Any]]:
    rows = session.scalars(
        select(Version).where(Version.record_id == record.id).order_by(Version.no)
    ).all()
    people = names_of(session, [one.person_id for one in rows])
    listed = []
    for one in rows:
        body = without_personal(one.body, hidden)
        listed.append(
            {
                "no": one.no,
                "at": one.at,
                "source_time": one.stamp,
                "stale": one.stale,
                "status": one.status,
                "by": people.get(one.person_id or 0, insert_titles(record.source)),
                "reason": say(one.reason) if one.reason else one.reason,
                "sha256": one.sha256,
                "body": dict(body),
                "whole": one.body is not None and dict(body) == one.body,
            }
        )
    return listed


def _postings(
    session: Session, rows: Sequence[Posting], say: Redact, *, personal: bool
) -> list[dict[str, Any]]:
    names = _connections(session, {one.connection_id for one in rows})
    return [
        {
            "id": one.id,
            "target": names[one.connection_id],
            "document": one.doc_type,
            "number": one.number,
            "state": one.state,
            "action": one.action,
            "hash": one.hash,
            "why": say(reason_to_show(one.reason, one.state, reverses=one.reverses_id is not None)),
            "amount": one.amount,
            "currency": one.currency,
            "doc_date": one.doc_date,
            "posted_at": one.posted_at,
            "target_id": one.target_ref,
            "content": one.content if personal else None,
        }
        for one in rows
    ]


def _approvals(session: Session, posting_ids: Sequence[int], say: Redact) -> list[dict[str, Any]]:
    query = select(Approval).where(Approval.posting_id.in_(posting_ids)).order_by(Approval.id)
    rows = session.scalars(query).all()
    people = names_of(session, [key for one in rows for key in (one.person_id, one.for_person_id)])
    listed = []
    for one in rows:
        whole = sealed_values(APPROVAL, {name: getattr(one, name) for name in APPROVAL})
        read = {name: value for name, value in whole.items() if name not in _OURS}
        listed.append(
            {
                "id": one.id,
                "at": whole["at"],
                "by": people.get(one.person_id, "not recorded"),
                "in_place_of": people.get(one.for_person_id or 0),
                "reason": say(one.reason),
                "hash": one.hash,
                "void_since": one.voided_at,
                "sealed_row": None if say(str(read)) != str(read) or changes(say, read) else whole,
            }
        )
    return listed


def _pushes(
    session: Session, posting_ids: Sequence[int], *, personal: bool
) -> list[dict[str, Any]]:
    push = table_of(Push)
    query = select(push).where(push.c.posting_id.in_(posting_ids)).order_by(push.c.id)
    return [
        {
            "id": row["id"],
            "no": row["no"],
            "action": row["action"],
            "number": row["number"],
            "key": row["key"],
            "state": row["state"],
            "made_at": row["made_at"],
            "sealed": seal_row(PUSH, dict(row)),
            "sealed_row": sealed_values(PUSH, dict(row)) if personal else None,
        }
        for row in session.execute(query).mappings()
    ]


def attached_files(told: Mapping[str, Any]) -> dict[str, bytes]:
    """Return files that open without a program: versions, and call texts that are included.

    An unredacted version has the hash that its event sealed.
    """
    files = {f"versions/{one['no']}.json": dumps(one["body"]).encode() for one in told["versions"]}
    for one in told["requests"]:
        for word in ("sent", "answer"):
            if one[word]:
                files[f"calls/{one['id']}-{word}.txt"] = one[word]["text"].encode()
    return files


def body_removed_refusal(digest: str) -> Refusal:
    """Return the refusal for a delivery whose raw bytes were pruned."""
    return Refusal(
        code="delivery.body_removed",
        message="The raw bytes of this delivery were removed: it is older than what is kept.",
        hint=f"Its content stands on this page. Its SHA-256 is {digest}.",
        status=410,
    )


def log_delivery_download(
    session: Session, actor: Actor, company_id: int, record_id: int, no: int, now: datetime
) -> None:
    """Log in the audit trail who downloaded the bytes of a version's delivery."""
    said = f"{actor.name} downloaded the source data of version {no} as it was delivered."
    body = {"say": said, "version": no}
    record_event(session, company_id=company_id, at=now, actor=actor, act="audit.delivery",
                 record_id=record_id, body=body)  # fmt: skip


def log_call_download(
    session: Session, actor: Actor, company_id: int, request_id: int, now: datetime
) -> None:
    """Log who downloaded a call's bytes, at each record whose document it carried."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The record's events as JSON, and what part of the proof the packet lacks, in words."""

    events: dict[str, Any]
    left_out: tuple[str, ...]


def event_proof(
    session: Session,
    company_id: int,
    record_id: int,
    *,
    noted: Sequence[Head],
    others: bool,
    hide: Hide,
    now: datetime,
    head: Head,
    sealed_at: Collection[int] = (),
) -> Proof:
    """Return a record's events until `now`, with their places in the chain at `head`.

    `others` adds other records' events up to the next noted head, so that the chain can be verified
    without gaps. A place whose event `hide` changes is included without its text. `sealed_at`:
    places of events that sealed the record's rows.
    """
    found = session.execute(
        select(Event, EventLink.seq)
        .outerjoin(EventLink, EventLink.event_id == Event.id)
        .where(Event.record_id == record_id, Event.company_id == company_id, Event.at <= now)
        .order_by(Event.id)
    )
    rows = [(event, seq if seq and seq <= head.seq else None) for event, seq in found]
    own_places = sorted({*sealed_at, *(seq for _, seq in rows if seq is not None)})
    noted = [one for one in noted if one.seq <= head.seq]
    spans = [(seq, seq) for seq in own_places]
    left_out = []
    if others:
        reached = _joined((seq, _end(seq, noted, head)) for seq in own_places)
        if sum(last - first + 1 for first, last in reached) <= MOST_PLACES:
            spans = reached
        else:
            left_out.append(f"Other events: there are more than {MOST_PLACES:,} between.")
    else:
        left_out.append("Events of other records between these and a noted head: not asked for.")
    stretches = [_stretch(session, company_id, span, hide) for span in spans]
    held = {one["seq"] for stretch in stretches for one in stretch["links"]}
    whole = {
        one["seq"] for stretch in stretches for one in stretch["links"] if one["text"] is not None
    }
    if late := sum(1 for _, seq in rows if seq is None):
        left_out.append(f"Places of {late:,} events that are not sealed yet.")
    return Proof(
        events={
            "events": [_listed(event, seq, hide, proved=seq in whole) for event, seq in rows],
            "stretches": stretches,
            "anchors": [{"seq": one.seq, "hash": one.hash} for one in noted if one.seq in held],
            "head": {"seq": head.seq, "hash": head.hash},
        },
        left_out=tuple(left_out),
    )


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Merge spans that touch or overlap."""
    merged: list[tuple[int, int]] = []
    for first, last in spans:
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def _end(seq: int, noted: Sequence[Head], head: Head) -> int:
    """Return the place of the next noted head, otherwise of the newest one."""
    return min((one.seq for one in noted if one.seq >= seq), default=head.seq)


def _stretch(
    session: Session, company_id: int, span: tuple[int, int], hide: Hide
) -> dict[str, Any]:
    first, last = span
    links = chain.chain_links(session, company_id, first, last)
    return {
        "first": first,
        "before": chain.hash_at(session, company_id, first - 1),
        "links": [_link(one, hide) for one in links],
    }


def _link(one: Link, hide: Hide) -> dict[str, Any]:
    """Return a chain place with its sealed text, or marked as removed."""
    if not _changes(hide, one.text):
        return {"seq": one.seq, "hash": one.hash, "text": one.text}
    return {"seq": one.seq, "hash": one.hash, "text": None, "removed": True}


def _changes(hide: Hide, sealed: str) -> bool:
    """Check whether redaction changes the text, also inside JSON-escaped strings."""
    if hide(sealed) != sealed:
        return True
    try:
        told = json.loads(sealed)
        return changes(hide, told) or changes(hide, json.loads(told["body"]))
    except (ValueError, KeyError, TypeError):  # what was tampered with is sealed as it stands
        return False


def _listed(event: Event, seq: int | None, hide: Hide, *, proved: bool) -> dict[str, Any]:
    return {
        "id": event.id,
        "seq": seq,
        "at": moment_text(event.at),
        "actor": event.actor,
        "who": shown_actor(event.actor, event.body),
        "act": event.act,
        "say": hide(str(event.body.get("say") or "")),
        "proved": proved,
    }


@dataclass(frozen=True, slots=True)
class AuditNote:
    """A note; `event_id` is set if it is about one event."""

    id: int
    at: datetime
    by: str
    text: str
    event_id: int | None


@dataclass(frozen=True, slots=True)
class Written:
    """The subject of a note, in words."""

    about: str


@dataclass(frozen=True, slots=True)
class Noted:
    """An event that a note can be about: its record and its text."""

    id: int
    record_id: int | None
    at: datetime
    actor: str
    say: str


def write_note(
    session: Session,
    actor: Actor,
    text: str,
    now: datetime,
    *,
    record_id: int | None = None,
    event_id: int | None = None,
    op: str | None = None,
) -> Written | Refusal:
    """Write a note about a record of the actor's company, or about an audit event."""

    def act() -> Written | Refusal:
        if refusal := may(actor, ACT) or _unfit(text):
            return refusal
        noted = load_event(session, actor.company_id or 0, event_id) if event_id else None
        wanted = noted.record_id if noted else record_id
        record = session.get(Record, wanted) if wanted else None
        if record is not None and record.company_id != actor.company_id:
            record = None
        if noted is None and (event_id or record is None):
            return Refusal("note.unknown", "There is nothing here by this number.", "", 404)
        told = text.strip()
        about = record.number if record else "the company"
        say = f"{actor.name} noted on {about}: {told}"
        if noted and record:
            about = f"event {noted.id} of {record.number}"
            say = f"{actor.name} noted on event {noted.id} of {record.number}: {told}"
        elif noted:
            about = f"event {noted.id} of the company"
            say = f"{actor.name} noted on event {noted.id} of the company: {told}"
        record_event(
            session,
            company_id=actor.company_id or 0,
            at=now,
            actor=actor,
            act=WRITTEN,
            body={"say": say, "note": told},
            record_id=record.id if record else None,
            object=f"event:{noted.id}" if noted else None,
            operation_id=op,
        )
        return Written(about)

    asked = ("audit note", record_id, event_id, text)
    return once(
        session, actor, op, asked=asked, now=now, act=act, read=lambda kept: Written(**kept)
    )


def _unfit(text: str) -> Refusal | None:
    if not text.strip():
        return Refusal("note.empty", "Write something first.", status=422)
    if len(text) > LONGEST:
        words = f"A note has at most {LONGEST:,} characters; this one has {len(text):,}."
        return Refusal("note.long", words, status=422)
    return None


def load_event(session: Session, company_id: int, event_id: int | None) -> Noted | None:
    """Return an event of the company, or None."""
    event_row = session.get(Event, event_id) if event_id else None
    if event_row is None or event_row.company_id != company_id:
        return None
    say = str(event_row.body.get("say") or event_row.act)
    return Noted(event_row.id, event_row.record_id, event_row.at, event_row.actor, say)


def notes_of_record(session: Session, record_id: int) -> tuple[AuditNote, ...]:
    """Return the notes about a record and its events, oldest first."""
    query = select(Event).where(Event.record_id == record_id, Event.act == WRITTEN)
    return tuple(
        AuditNote(one.id, one.at, one.actor, str(one.body.get("note", "")), _about(one.object))
        for one in session.scalars(query.order_by(Event.id))
    )


def _about(told: str | None) -> int | None:
    kind, _, key = (told or "").partition(":")
    return int(key) if kind == "event" and key.isdecimal() else None
