"""Receive a delivery: store its records and versions and mark them due for evaluation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any, Literal

from sqlalchemy import delete, event, func, select
from sqlalchemy.orm import Session

from connectors.contract import IncomingRecord, schema
from connectors.transport.strict_json import fault_point
from holding.access.actors import Actor, may
from holding.db import bulk, kept_plans
from holding.db.bulk import whole_sum
from holding.db.models import Company, Connection, Delivery, HookCall, Record, Version
from holding.db.refusal import Refusal
from holding.intake.deliveries import (
    StoredRecord,
    family_of,
    ids_of,
    is_ahead,
    is_later,
    load_stored_records,
    lock_company,
    record_values,
    store_delivery,
    text_of,
    version_event,
)
from holding.intake.families import CurrentContent, omitted_records, update_families
from holding.platform.events import Fact, record_event, record_events
from holding.programs import world
from rules.values.canonical import dumps, sha256_hex

KEPT = 500  # of each source: strangers can call, too

REFUSED_SINCE = timedelta(days=30)

MOST_REASONS = 20

LISTED = 15

Outcome = Literal["accepted", "repeated", "rejected", "test"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """The result of a delivery. A repeated delivery only increments `times`."""

    delivery_id: int
    times: int
    new_records: int = 0
    new_versions: int = 0
    unchanged: int = 0
    stale: int = 0


def receive(
    session: Session,
    *,
    company_id: int,
    source_id: int,
    delivery_key: str,
    kind: str,
    headers: Mapping[str, str],
    raw: bytes,
    records: Sequence[IncomingRecord],
    now: datetime,
    programs: world.Programs = world.program,
    signature: str = "",
    by: Actor | None = None,
    upload_id: int | None = None,
) -> Receipt | Refusal:
    """Store a delivery with its new records and versions; a repeated delivery is only counted.

    `signature` proves a delivery without a proved key; `by` may not approve what they enter.
    """
    if by and (refused := may(by, "upload")):
        return refused
    company, source = lock_company(session, company_id, source_id)
    if refused := refused_kind(session, source, records, now):
        return refused
    delivery = store_delivery(
        session,
        Delivery(
            company_id=company_id,
            source_id=source.id,
            key=delivery_key,
            signature=signature or None,
            sha256=sha256(raw).hexdigest(),
            kind=kind,
            headers=dict(headers),
            body=raw,
            received_at=now,
            upload_id=upload_id,
        ),
    )
    if isinstance(delivery, Refusal):
        return delivery
    if delivery.times > 1:
        return Receipt(delivery_id=delivery.id, times=delivery.times)
    records = [*records, *omitted_records(session, source.id, records, now)]
    judge = programs(session, rules) if (rules := company.ruleset_version_id) is not None else None
    family = partial(_family_of_record, company.id, source.id, judge)
    ids, fresh = _records(session, company, source, records, family, now)
    stored_records = load_stored_records(session, ids, fresh)
    plan = _plan(stored_records, ids, records, (delivery.id, by.person_id if by else None), now)
    _store(session, plan, now)
    if judge is not None:
        contents = [CurrentContent(i, r.kind, r.body) for i, r in plan.contents.items()]
        old = [item for item in plan.contents.items() if item[0] not in fresh]
        families = {i: (stored_records[i].family, family(record)) for i, record in old}
        update_families(session, company_id, judge, contents, families, now)
    _tell(session, company_id, source, plan, records, ids, fresh, by, now)
    fault_point("inbox.before_commit")
    event.listen(session, "after_commit", lambda _: fault_point("inbox.after_commit"), once=True)
    return plan.receipt(delivery.id, len(fresh))


def _family_of_record(
    company_id: int, source_id: int, program: world.Judge | None, record: IncomingRecord
) -> int:
    return family_of(company_id, source_id, record.kind, record.external_id, record.body, program)


def _records(
    session: Session,
    company: Company,
    source: Connection,
    records: Sequence[IncomingRecord],
    family: Callable[[IncomingRecord], int],
    now: datetime,
) -> tuple[dict[tuple[str, str], int], set[int]]:
    """Return the ids of all records of a delivery, and the ids of the new ones.

    New records are inserted.
    """
    incoming = {(record.kind, record.external_id): record for record in records}
    known_ids = ids_of(session, source.id, incoming)
    rows = [
        record_values(company, source, incoming[key], family(incoming[key]), now)
        for key in sorted(incoming)
        if key not in known_ids
    ]
    inserted = bulk.insert_rows(
        session, Record, rows, returning=("id", "type", "external_id"), ignore=True
    )
    fresh = {(kind, external_id): record_id for record_id, kind, external_id in inserted}
    if len(inserted) < len(rows):  # somebody else made them at the same moment
        known_ids = ids_of(session, source.id, incoming)
    return known_ids | fresh, set(fresh.values())


@dataclass(slots=True)
class _Plan:
    """What to write for the records of one delivery."""

    versions: list[dict[str, Any]] = field(default_factory=list)
    current: dict[int, int] = field(default_factory=dict)  # record -> the number of its version
    contents: dict[int, IncomingRecord] = field(default_factory=dict)  # and what that says
    replaced: set[int] = field(default_factory=set)  # records whose correction is over
    unchanged: int = 0
    stale: int = 0

    def receipt(self, delivery_id: int, new_records: int) -> Receipt:
        """Return the receipt of a delivery with these changes."""
        return Receipt(
            delivery_id=delivery_id,
            times=1,
            new_records=new_records,
            new_versions=len(self.versions) - self.stale,
            unchanged=self.unchanged,
            stale=self.stale,
        )


def _plan(
    stored_records: Mapping[int, StoredRecord],
    ids: Mapping[tuple[str, str], int],
    records: Sequence[IncomingRecord],
    origin: tuple[int, int | None],
    now: datetime,
) -> _Plan:
    """Plan the versions to write: those that differ from the source's last content. Older ones are
    marked stale.

    `origin`: their delivery and the person who entered it.
    """
    plan = _Plan()
    for record in records:
        before = stored_records[ids[record.kind, record.external_id]]
        body = dumps(record.body)
        digest = sha256_hex(body)
        if before.has(record.stamp, digest):
            plan.unchanged += 1
            continue
        newest = before.newest_stamp
        stale = record.stamp is not None and newest is not None and is_later(newest, record.stamp)
        same_stamp = record.stamp is not None and record.stamp == newest
        before.no += 1
        before.seen.add((record.stamp, digest))
        plan.versions.append(
            {
                "record_id": before.record_id,
                "no": before.no,
                "sha256": digest,
                "body": bulk.Encoded(body),
                "stamp": record.stamp,
                "stale": stale,
                "status": text_of(record.body, "status"),
                "delivery_id": origin[0],
                "person_id": origin[1],
                "reason": "same stamp, other content" if same_stamp else None,
                "at": now,
            }
        )
        plan.stale += stale
        if not stale:
            before.sha256 = digest
            if record.stamp is not None and not is_ahead(record.stamp, now):
                before.newest_stamp = record.stamp
            plan.current[before.record_id] = before.no
            plan.contents[before.record_id] = record
            if before.corrected:
                plan.replaced.add(before.record_id)
    return plan


def _store(session: Session, plan: _Plan, now: datetime) -> None:
    """Insert the versions, make the newest one of each record current, and mark the record due."""
    inserted = bulk.insert_rows(
        session, Version, plan.versions, returning=("id", "record_id", "no")
    )
    rows = [
        {"id": record_id, "version_id": version_id, "due_at": now, "crashes": 0}
        for version_id, record_id, no in inserted
        if plan.current.get(record_id) == no
    ]
    bulk.update(session, Record, rows, bump="lock")


def _tell(
    session: Session,
    company_id: int,
    source: Connection,
    plan: _Plan,
    records: Sequence[IncomingRecord],
    ids: Mapping[tuple[str, str], int],
    fresh: set[int],
    by: Actor | None,
    now: datetime,
) -> None:
    """Record one event for each new record, new version and stale version."""
    records_by_id = {ids[incoming.kind, incoming.external_id]: incoming for incoming in records}
    facts = []
    for version in plan.versions:
        record_id, no = version["record_id"], version["no"]
        is_new, replaces = record_id in fresh, record_id in plan.replaced
        record = records_by_id[record_id]
        act, say = version_event(
            record.kind.replace("_", " "),
            record.number,
            source.name,
            version,
            is_new=is_new,
            replaces=replaces,
        )
        body = {"say": say, "version": no, "sha256": version["sha256"]}
        facts.append(
            Fact(company_id=company_id, at=now, actor=by, act=act, record_id=record_id, body=body)
        )
    record_events(session, facts)


@dataclass(frozen=True, slots=True)
class DeliveryLine:
    """One line in the list of latest deliveries; `times` counts repetitions in a row."""

    at: datetime
    outcome: Outcome
    status: int
    words: str
    hint: str
    times: int


def note_rejected(
    session: Session, company_id: int, source_id: int, refusal: Refusal, now: datetime
) -> None:
    """Log a rejected call with the message that its sender received."""
    response = (refusal.status, refusal.code, refusal.message, refusal.hint)
    _note(session, company_id, source_id, "rejected", response, now)


def _note(
    session: Session,
    company_id: int,
    source_id: int,
    outcome: Outcome,
    answer: tuple[int, str, str, str],
    now: datetime,
) -> None:
    of_source = HookCall.source_id == source_id
    last = session.scalars(
        select(HookCall).where(of_source).order_by(HookCall.id.desc()).limit(1).with_for_update()
    ).one_or_none()
    status, code, words, hint = answer
    if last and (last.outcome, last.status, last.code, last.words) == (outcome, *answer[:3]):
        last.at, last.times = now, last.times + 1
        return
    row = HookCall(
        company_id=company_id,
        source_id=source_id,
        at=now,
        outcome=outcome,
        status=status,
        code=code,
        words=words,
        hint=hint,
    )
    session.add(row)
    session.flush()
    newest = select(HookCall.id).where(of_source).order_by(HookCall.id.desc()).limit(KEPT)
    oldest = select(func.min(newest.subquery().c.id)).scalar_subquery()
    session.execute(
        delete(HookCall)
        .where(of_source, HookCall.id < oldest)
        .execution_options(synchronize_session=False)
    )


def note_test(
    session: Session, company_id: int, source_id: int, words: str, status: int, now: datetime
) -> None:
    """Log a test delivery and its result; it creates no record."""
    _note(session, company_id, source_id, "test", (status, "test", words, ""), now)


def refused_kind(
    session: Session, source: Connection, records: Sequence[IncomingRecord], now: datetime
) -> Refusal | None:
    """Return why a delivery is refused: no source, switched off, or a kind it may not deliver.

    A kind that it may not deliver is logged in the audit trail, because it is unexpected.
    """
    if source.side != "source":
        hint = "Name the connection that the records come from."
        return Refusal("delivery.no_source", f"{source.name} is not a source.", hint, 422)
    if not schema.takes_deliveries(source.settings):
        words = f"{source.name} is switched off, so nothing of this delivery was taken."
        hint = "An admin switches its deliveries on again, on the page of the connection."
        return Refusal("delivery.off", words, hint, 403)
    strange = next((record for record in records if not may_deliver(source, record.kind)), None)
    if strange is None:
        return None
    allowed = _allowed(source)
    may = " and ".join(_many(kind) for kind in allowed)
    words = (
        f"{source.name} may not deliver {_many(strange.kind)}, so nothing was taken:"
        f" {strange.number} is one."
    )
    hint = f"It may deliver {may}. An admin allows other kinds on the page of the connection."
    record_event(
        session,
        company_id=source.company_id,
        at=now,
        actor=None,
        act="delivery.refused",
        object=f"connection:{source.id}",
        body={"say": f"{words} It may deliver {may}.", "kind": strange.kind},
    )
    return Refusal("delivery.kind", words, hint, 403)


def _allowed(source: Connection) -> tuple[str, ...]:
    return schema.split_list(str(source.settings.get(schema.RECORD_KINDS, "")))


def _many(kind: str) -> str:
    """Return the plural of a record kind: orders, deliveries, settlement payments."""
    word = kind.replace("_", " ")
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"


def may_deliver(source: Connection, kind: str) -> bool:
    """Check whether the source may deliver records of this kind.

    When records are pulled, other kinds are left out.
    """
    allowed = _allowed(source)
    return not allowed or kind in allowed


@dataclass(frozen=True, slots=True)
class LatestDeliveries:
    """The latest calls of a source, newest first, and the number of accepted deliveries."""

    calls: tuple[DeliveryLine, ...] = ()
    deliveries: int = 0


def latest_deliveries(session: Session, source_id: int) -> LatestDeliveries:
    """Return the latest deliveries of a source, accepted or not."""
    total = func.count().over().label("deliveries")
    accepted = session.execute(
        select(Delivery.received_at, Delivery.times, Delivery.kind, total)
        .where(Delivery.source_id == source_id)
        .order_by(Delivery.id.desc())
        .limit(LISTED)
    ).all()
    noted = session.scalars(
        select(HookCall)
        .where(HookCall.source_id == source_id)
        .order_by(HookCall.id.desc())
        .limit(LISTED)
    )
    lines = [_taken(row.received_at, row.times, row.kind) for row in accepted]
    lines += [
        DeliveryLine(call.at, call.outcome, call.status, call.words, call.hint, call.times)  # type: ignore[arg-type]
        for call in noted
    ]
    calls = tuple(sorted(lines, key=lambda call: call.at, reverse=True)[:LISTED])
    return LatestDeliveries(calls, accepted[0].deliveries if accepted else 0)


def _taken(at: datetime, times: int, kind: str) -> DeliveryLine:
    if times > 1:
        words = f"Received {times} times with the same content, counted once."
        return DeliveryLine(at, "repeated", 200, words, "", times)
    channel = "by webhook" if kind == "webhook" else f"as {kind}"
    return DeliveryLine(at, "accepted", 202, f"Received {channel}.", "", 1)


@dataclass(frozen=True, slots=True)
class RefusedCalls:
    """Count the calls of a source that were refused for one reason, with the latest time."""

    source: str
    words: str
    hint: str
    times: int
    last_at: datetime


def list_refused(
    session: Session,
    company_id: int,
    now: datetime,
    *,
    source_id: int | None = None,
    text: str = "",
) -> tuple[RefusedCalls, ...]:
    """Return what was refused in the last 30 days, by source and reason, the newest first.

    `text`: only reasons that name it, such as a record's number.
    """
    query = (
        select(
            Connection.name,
            HookCall.words,
            func.max(HookCall.hint),
            whole_sum(HookCall.times),
            func.max(HookCall.at).label("last_at"),
        )
        .join(Connection, Connection.id == HookCall.source_id)
        .where(
            HookCall.company_id == company_id,
            HookCall.outcome == "rejected",
            HookCall.at >= now - REFUSED_SINCE,
        )
        .group_by(Connection.name, HookCall.words)
        .order_by(func.max(HookCall.at).desc())
        .limit(MOST_REASONS)
    )
    if source_id is not None:
        query = query.where(HookCall.source_id == source_id)
    if text:
        query = query.where(HookCall.words.icontains(text, autoescape=True))
    # A search for a text is planned for that text.
    options = {} if text else kept_plans.KEPT
    rows = session.execute(query, execution_options=options).all()
    return tuple(
        RefusedCalls(name, words, hint, int(times), last_at)
        for name, words, hint, times, last_at in rows
    )
