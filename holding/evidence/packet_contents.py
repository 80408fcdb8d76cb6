"""What an evidence packet says of a record: answers, story, versions, documents, calls, notes.

Here: all of it as plain JSON, without secrets, and without personal data unless it is allowed.
Reads only. Not here: the events and their chain (packet_chain.py), the file (packet_file.py).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connectors.registry import titled
from holding.access.actors import changes, hiding, without_personal
from holding.access.people import names_of
from holding.db.models import Approval, Attempt, Connection, Posting, Push, Request, Version
from holding.db.models.columns import table_of
from holding.evidence import audit_notes
from holding.platform.events import APPROVAL, PUSH, seal, sealed_row
from holding.records import checklist_and_finding, record_rows, trace
from rules.decisions.posting_steps import told_later
from rules.values.canonical import dumps, plain, sha256_hex

Redact = Callable[[str], str]
MOST_TEXT: Final = 1_000_000
"""Characters of one call; a longer one stands by its hash alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a packet is made for: by whom, when, with personal data or without."""

    by: str
    now: datetime
    personal: bool
    redact: Redact


def contents(
    session: Session, company: Mapping[str, str], row: record_rows.RecordRow, wanted: Wanted
) -> dict[str, Any]:
    """Everything but the events; `company`: code, name, zone and currency."""
    hide = hiding(session, row.id, show=wanted.personal)

    def say(text: str) -> str:
        return hide(wanted.redact(text))

    def told_by_us(text: str) -> str:
        """As on the page; what people wrote and what was sent stay. Secrets are gone before."""
        return titled(say(text))

    postings = session.scalars(
        select(Posting).where(Posting.record_id == row.id).order_by(Posting.id)
    ).all()
    ids = [one.id for one in postings]
    found = checklist_and_finding.finding(session, row.id)
    calls = _requests(session, ids, say, personal=wanted.personal)
    story: dict[str, Any] = {
        "packet": {
            "made_at": wanted.now,
            "made_by": wanted.by,
            "personal": wanted.personal,
            "company": dict(company),
        },
        "record": {
            "number": row.number,
            "source": row.source,
            "kind": row.kind,
            "external_id": row.external_id,
            "state": row.state,
            "status": row.status,
            "party": hide(row.party),
            "amount": row.amount,
            "currency": row.currency or company["currency"],
            "doc_date": row.doc_date,
            "seen_at": row.seen_at,
        },
        "answers": [
            {
                "no": one.no,
                "question": one.question,
                "answer": told_by_us(one.text),
                "proofs": [proof.label for proof in one.proofs],
            }
            for one in trace.seven(session, row.id)
        ],
        "finding": {
            "verdict": found.verdict,
            "reasons": [
                {"side": one.side, "say": told_by_us(one.say), "over": one.over}
                for one in found.reasons
            ],
        },
        "timeline": [
            {"at": one.at, "actor": one.actor, "say": told_by_us(one.say), "proof": one.proved_by}
            for one in trace.timeline(session, row.id)
            if one.at <= wanted.now
        ],
        "versions": _versions(session, row, say, personal=wanted.personal),
        "postings": _postings(session, postings, say, personal=wanted.personal),
        "approvals": _approvals(session, ids, say),
        "pushes": _pushes(session, ids, personal=wanted.personal),
        "requests": calls,
        "notes": [
            {"at": one.at, "by": one.by, "text": say(one.text), "event": one.event_id}
            for one in audit_notes.of_record(session, row.id)
        ],
    }
    told: dict[str, Any] = plain(story)
    return told


def _versions(
    session: Session, record: record_rows.RecordRow, say: Redact, *, personal: bool
) -> list[dict[str, Any]]:
    rows = session.scalars(
        select(Version).where(Version.record_id == record.id).order_by(Version.no)
    ).all()
    people = names_of(session, [one.person_id for one in rows])
    listed = []
    for one in rows:
        body = without_personal(one.body, show=personal)
        listed.append(
            {
                "no": one.no,
                "at": one.at,
                "source_time": one.stamp,
                "stale": one.stale,
                "status": one.status,
                "by": people.get(one.person_id or 0, titled(record.source)),
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
            "why": say(told_later(one.reason, one.state, reverses=one.reverses_id is not None)),
            "amount": one.amount,
            "currency": one.currency,
            "doc_date": one.doc_date,
            "posted_at": one.posted_at,
            "target_id": one.target_ref,
            "content": one.content if personal else None,
        }
        for one in rows
    ]


_OURS: Final = frozenset({"hash", "operation_id"})
"""Of an approval: made here of what is listed anyway, though they look like keys."""


def _approvals(session: Session, posting_ids: Sequence[int], say: Redact) -> list[dict[str, Any]]:
    query = select(Approval).where(Approval.posting_id.in_(posting_ids)).order_by(Approval.id)
    rows = session.scalars(query).all()
    people = names_of(session, [key for one in rows for key in (one.person_id, one.for_person_id)])
    listed = []
    for one in rows:
        whole = sealed_row(APPROVAL, {name: getattr(one, name) for name in APPROVAL})
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
            "sealed": seal(PUSH, dict(row)),
            "sealed_row": sealed_row(PUSH, dict(row)) if personal else None,
        }
        for row in session.execute(query).mappings()
    ]


def _requests(
    session: Session, posting_ids: Sequence[int], say: Redact, *, personal: bool
) -> list[dict[str, Any]]:
    """The calls that carried the documents; the bytes of those that carried others, too, stay out:
    they tell of other records.
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
                "call": " ".join(one.headers.get(f":{name}", "") for name in ("method", "path")),
                "sha256": one.sha256,
                "sent": _text(one.body, say) if kept else None,
                "answer_sha256": one.answer_sha256,
                "answer": _text(one.answer, say) if kept else None,
                "with_others": one.id in shared,
            }
        )
    return listed


def _text(raw: bytes | None, say: Redact) -> dict[str, Any] | None:
    """What a call carried, where that is text; `whole`: nothing had to be removed."""
    if raw is None or len(raw) > MOST_TEXT:
        return None
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    told = say(text)
    return {"text": told, "whole": told == text, "sha256": sha256_hex(told)}


def _connections(session: Session, ids: set[int]) -> dict[int, str]:
    query = select(Connection.id, Connection.name).where(Connection.id.in_(sorted(ids)))
    return {row.id: row.name for row in session.execute(query)}


def attached(told: Mapping[str, Any]) -> dict[str, bytes]:
    """What of it people open without a program, each as a file: the versions, of which one that is
    whole has the very hash that its event sealed, and what calls carried, as far as it is told.
    """
    found = {f"versions/{one['no']}.json": dumps(one["body"]).encode() for one in told["versions"]}
    for one in told["requests"]:
        for word in ("sent", "answer"):
            if one[word]:
                found[f"calls/{one['id']}-{word}.txt"] = one[word]["text"].encode()
    return found
