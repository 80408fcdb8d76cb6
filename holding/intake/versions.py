"""From a delivery to records and versions, due to be judged.

Here: keeping a delivery once, and making versions of what is new in it, in a constant number of
statements. Not here: reading it (connectors/sources), judging (evaluation/due_records.py).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import bindparam, event, select
from sqlalchemy.orm import Session

from connectors.contract import IncomingRecord
from connectors.transport.fault_points import point
from holding.access.actors import Actor, may
from holding.audit.events import Fact, record_events
from holding.intake.deliveries import family_of, held, keep, later, new_record, story, text_of
from holding.intake.families import Current, relate
from holding.programs import world
from holding.refusal import Refusal
from holding.store import bulk
from holding.tables import Company, Connection, Delivery, Record, Version
from holding.tables.columns import table_of
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


@dataclass(slots=True)
class _Known:
    """What is stored of a record before this delivery; `sha256`: what its source said last."""

    record_id: int
    family: int = 0
    no: int = 0
    sha256: str = ""
    newest_stamp: str | None = None
    corrected: bool = False
    seen: set[tuple[str | None, str]] = field(default_factory=set)


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
) -> Receipt | Refusal:
    """Keep a delivery and what is new in it; the same delivery again is counted, not read.

    `signature`: what proved it where `delivery_key` is not proved (holding/intake/deliveries.py).
    `by`: who enters it by hand; they may not approve what comes of it.
    """
    if by and (refused := may(by, "upload")):
        return refused
    company, source = held(session, company_id, source_id)
    if source.side != "source":
        hint = "Name the connection that the records come from."
        return Refusal("delivery.no_source", f"{source.name} is no source.", hint, 422)
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
        ),
    )
    if isinstance(delivery, Refusal):
        return delivery
    if delivery.times > 1:
        return Receipt(delivery_id=delivery.id, times=delivery.times)
    rules = company.ruleset_version_id
    judge = programs(session, rules) if rules is not None else None

    def family(one: IncomingRecord) -> int:
        return family_of(company.id, source.id, one.kind, one.external_id, one.body, judge)

    ids, fresh = _records(session, company, source, _last_of_each(records), family, now)
    known = _known(session, ids, fresh)
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
    known = _ids(session, source, incoming)
    rows = [
        new_record(company, source, incoming[key], family(incoming[key]), now)
        for key in sorted(incoming)
        if key not in known
    ]
    made = bulk.insert(session, Record, rows, returning=("id", "type", "external_id"), ignore=True)
    fresh = {(kind, external_id): record_id for record_id, kind, external_id in made}
    if len(made) < len(rows):  # somebody else made them at the same moment
        known = _ids(session, source, incoming)
    return known | fresh, set(fresh.values())


def _ids(
    session: Session, source: Connection, incoming: Mapping[tuple[str, str], IncomingRecord]
) -> dict[tuple[str, str], int]:
    kinds, external_ids = sorted({kind for kind, _ in incoming}), [one for _, one in incoming]
    given = {"source": source.id, "kinds": kinds, "external_ids": external_ids}
    return {(row.type, row.external_id): row.id for row in session.execute(_IDS, given)}


_RECORD, _VERSION = table_of(Record), table_of(Version)
_IDS = (
    select(_RECORD.c.type, _RECORD.c.external_id, _RECORD.c.id)
    .where(_RECORD.c.source_id == bindparam("source"))
    .where(bulk.among_given(_RECORD.c.type, "kinds"))
    .where(bulk.among_given(_RECORD.c.external_id, "external_ids"))
)


def _known(
    session: Session, ids: Mapping[tuple[str, str], int], fresh: set[int]
) -> dict[int, _Known]:
    """What is stored of the records, which stay locked so that version numbers have no gaps."""
    old = sorted(set(ids.values()) - fresh)
    found = {record_id: _Known(record_id) for record_id in ids.values()}
    if not old:
        return found
    current: dict[int, int | None] = {}
    for record in session.execute(_LOCK, {"ids": old}):
        current[record.id], found[record.id].family = record.version_id, record.family
    for row in session.execute(_VERSIONS, {"ids": old}):
        known = found[row.record_id]
        known.no = max(known.no, row.no)
        known.seen.add((row.stamp, row.sha256))
        if row.id == current[row.record_id]:
            known.corrected = row.corrects_id is not None
        if row.corrects_id is None and not row.stale:
            known.sha256 = row.sha256
        if row.stamp is not None and later(row.stamp, known.newest_stamp):
            known.newest_stamp = row.stamp
    return found


_LOCK = (
    select(_RECORD.c.id, _RECORD.c.version_id, _RECORD.c.family)
    .where(bulk.among_given(_RECORD.c.id, "ids"))
    .order_by(_RECORD.c.id)
    .with_for_update(key_share=True)
)
_VERSIONS = (
    select(
        _VERSION.c.id,
        _VERSION.c.record_id,
        _VERSION.c.no,
        _VERSION.c.sha256,
        _VERSION.c.stamp,
        _VERSION.c.stale,
        _VERSION.c.corrects_id,
    )
    .where(bulk.among_given(_VERSION.c.record_id, "ids"))
    .order_by(_VERSION.c.record_id, _VERSION.c.no)
)


def _plan(
    known: Mapping[int, _Known],
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
        stored = known[ids[record.kind, record.external_id]]
        digest = sha256_hex(dumps(record.body))
        repeated = record.stamp is not None and (record.stamp, digest) in stored.seen
        if digest == stored.sha256 or repeated:
            plan.unchanged += 1
            continue
        newest = stored.newest_stamp
        stale = record.stamp is not None and newest is not None and later(newest, record.stamp)
        same_stamp = record.stamp is not None and record.stamp == newest
        stored.no += 1
        stored.seen.add((record.stamp, digest))
        plan.versions.append(
            {
                "record_id": stored.record_id,
                "no": stored.no,
                "sha256": digest,
                "body": record.body,
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
            stored.sha256 = digest
            stored.newest_stamp = record.stamp or newest
            plan.current[stored.record_id] = stored.no
            plan.contents[stored.record_id] = record
            if stored.corrected:
                plan.replaced.add(stored.record_id)
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
    names = {ids[r.kind, r.external_id]: f"{r.kind} {r.number}" for r in records}
    facts = []
    for version in plan.versions:
        record_id, no = version["record_id"], version["no"]
        is_new, replaces = record_id in fresh, record_id in plan.replaced
        act, say = story(names[record_id], source.name, version, is_new=is_new, replaces=replaces)
        body = {"say": say, "version": no, "sha256": version["sha256"]}
        facts.append(
            Fact(company_id=company_id, at=now, actor=by, act=act, record_id=record_id, body=body)
        )
    record_events(session, facts)
