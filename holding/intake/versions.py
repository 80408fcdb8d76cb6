"""From a delivery to records and versions, due to be judged.

Here: keeping a delivery once, and making versions of what is new in it, in a constant number of
statements. Not here: reading it (connectors/sources), judging (evaluation/due_records.py).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from connectors.contract import IncomingRecord
from connectors.transport.fault_points import point
from holding.access.actors import Actor, may
from holding.audit.events import Fact, record_events
from holding.intake.deliveries import (
    family_of,
    held,
    is_ahead,
    keep,
    later,
    new_record,
    story,
    text_of,
)
from holding.intake.families import Current, relate
from holding.intake.hook_calls import refused_kind
from holding.intake.stored_versions import Stored, ids_of, stored
from holding.intake.withdrawals import left_out
from holding.programs import world
from holding.refusal import Refusal
from holding.store import bulk
from holding.tables import Company, Connection, Delivery, Record, Version
from rules.values.canonical import dumps, sha256_hex


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a delivery came to; a repeated one counts up `times` and changes nothing else."""

    delivery_id: int
    times: int
    new_records: int = 0
    new_versions: int = 0
    unchanged: int = 0
    stale: int = 0


@dataclass(slots=True)
class _Plan:
    """What the records of one delivery ask to be written."""

    versions: list[dict[str, Any]] = field(default_factory=list)
    current: dict[int, int] = field(default_factory=dict)  # record -> the number of its version
    contents: dict[int, IncomingRecord] = field(default_factory=dict)  # and what that says
    replaced: set[int] = field(default_factory=set)  # records whose correction is over
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
    """Keep a delivery and what is new in it; the same delivery again is counted, not read.

    `signature`: what proved it where `delivery_key` is not proved (holding/intake/deliveries.py).
    `by`: who enters it by hand; they may not approve what comes of it. `upload_id`: the file that
    they are rows of.
    """
    if by and (refused := may(by, "upload")):
        return refused
    company, source = held(session, company_id, source_id)
    if source.side != "source":
        hint = "Name the connection that the records come from."
        return Refusal("delivery.no_source", f"{source.name} is not a source.", hint, 422)
    if refused := refused_kind(session, source, records, now):
        return refused
    delivery = keep(
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
    records = [*records, *left_out(session, source.id, records, now)]
    rules = company.ruleset_version_id
    judge = programs(session, rules) if rules is not None else None

    def family(one: IncomingRecord) -> int:
        return family_of(company.id, source.id, one.kind, one.external_id, one.body, judge)

    ids, fresh = _records(session, company, source, _last_of_each(records), family, now)
    known = stored(session, ids, fresh)
    plan = _plan(known, ids, records, (delivery.id, by.person_id if by else None), now)
    _store(session, plan, now)
    if judge is not None:
        contents = [Current(i, r.kind, r.body) for i, r in plan.contents.items()]
        before = {i: known[i].family for i in plan.contents if i not in fresh}
        after = {i: family(plan.contents[i]) for i in before}
        relate(session, company_id, judge, contents, before, after, now)
    _tell(session, company_id, source, plan, records, ids, fresh, by, now)
    point("inbox.before_commit")
    event.listen(session, "after_commit", lambda _: point("inbox.after_commit"), once=True)
    return Receipt(
        delivery_id=delivery.id,
        times=1,
        new_records=len(fresh),
        new_versions=len(plan.versions) - plan.stale,
        unchanged=plan.unchanged,
        stale=plan.stale,
    )


def _last_of_each(records: Sequence[IncomingRecord]) -> dict[tuple[str, str], IncomingRecord]:
    return {(record.kind, record.external_id): record for record in records}


def _records(
    session: Session,
    company: Company,
    source: Connection,
    incoming: Mapping[tuple[str, str], IncomingRecord],
    family: Callable[[IncomingRecord], int],
    now: datetime,
) -> tuple[dict[tuple[str, str], int], set[int]]:
    """The ids of all records of a delivery, and which of them are new."""
    known = ids_of(session, source.id, incoming)
    rows = [
        new_record(company, source, incoming[key], family(incoming[key]), now)
        for key in sorted(incoming)
        if key not in known
    ]
    made = bulk.insert(session, Record, rows, returning=("id", "type", "external_id"), ignore=True)
    fresh = {(kind, external_id): record_id for record_id, kind, external_id in made}
    if len(made) < len(rows):  # somebody else made them at the same moment
        known = ids_of(session, source.id, incoming)
    return known | fresh, set(fresh.values())


def _plan(
    known: Mapping[int, Stored],
    ids: Mapping[tuple[str, str], int],
    records: Sequence[IncomingRecord],
    origin: tuple[int, int | None],
    now: datetime,
) -> _Plan:
    """Which versions to write: those that differ from what their source said last; older ones as
    stale. `origin`: their delivery, and who entered it.
    """
    plan = _Plan()
    for record in records:
        before = known[ids[record.kind, record.external_id]]
        body = dumps(record.body)
        digest = sha256_hex(body)
        if before.has(record.stamp, digest):
            plan.unchanged += 1
            continue
        newest = before.newest_stamp
        stale = record.stamp is not None and newest is not None and later(newest, record.stamp)
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
    """Write the versions; the newest of each record becomes its current one, and it is due."""
    made = bulk.insert(session, Version, plan.versions, returning=("id", "record_id", "no"))
    rows = [
        {"id": record_id, "version_id": version_id, "due_at": now, "crashes": 0}
        for version_id, record_id, no in made
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
    """One event for each new record, new version and stale version."""
    named = {ids[one.kind, one.external_id]: one for one in records}
    facts = []
    for version in plan.versions:
        record_id, no = version["record_id"], version["no"]
        is_new, replaces = record_id in fresh, record_id in plan.replaced
        record = named[record_id]
        act, say = story(
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
