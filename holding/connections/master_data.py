"""Snapshots of a target's master data, each kept with a revision when it changed.

Kinds: `tax_code`, `account`, `currency` and `custom_field` (one item a code, its body
`{"name": …}` or empty; of a tax code also `"rate"` and `"rate_id"`, where the target lists them),
`period` (one item `locked_through`, its body `{"date": the last closed day, or null}`), `rounding`
(one item `mode`, its body `{"mode": the target's word}`), `item` (one for each item that our
documents use, its body `{"unit": …, "rates": {unit: [num, den]}}`) and `rate` (see
holding/connections/confirmed_rates.py).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, func, literal, select, text, update
from sqlalchemy.orm import Session

from connectors import contract
from connectors.contract import ItemSetup, schema
from connectors.contract.schema import DocumentSchema
from holding.connections import breaker
from holding.db import bulk
from holding.db.models import (
    Company,
    Connection,
    ItemReading,
    Posting,
    Revision,
    Snapshot,
    SnapshotItem,
    Throttle,
)
from holding.db.models.columns import NOW, moment, moment_text
from holding.db.models.postings import TO_SEND_STATES
from holding.db.refusal import listed
from holding.platform import states
from holding.platform.changes import next_revision, wake_all_unsent
from holding.platform.events import record_event
from holding.platform.unit_changes import log_unit_changes
from rules.values.canonical import dumps, sha256_hex
from rules.values.cause_keys import MISSING_ENTRY, CauseKey, CauseKind
from rules.values.wording import readable_name


def month_of(now: datetime, zone: tzinfo) -> str:
    """Return the current month in this zone."""
    return f"{now.astimezone(zone):%Y-%m}"


def zone_of(session: Session, company_id: int) -> ZoneInfo:
    """Return the company's time zone."""
    return ZoneInfo(session.scalar(_ZONE, {"company": company_id}) or "UTC")


_ZONE = select(Company.zone).where(Company.id == bindparam("company"))


FRESH = timedelta(minutes=15)

ITEM, RATE = "item", "rate"
PERIOD = "period"
CUSTOM_FIELD = "custom_field"
ROUNDING, MODE = "rounding", "mode"

Items = Mapping[str, Any]

_MINE = Snapshot.connection_id == bindparam("connection")
_OF_CONNECTION = select(Snapshot).where(_MINE)
_CHECKED = (
    update(Snapshot)
    .where(_MINE, ~bulk.among_given(Snapshot.kind, "unread"))
    .values(checked_at=NOW, due_at=moment("due"))
)
_LIVE = select(SnapshotItem).where(
    SnapshotItem.snapshot_id == bindparam("snapshot"), SnapshotItem.to_revision.is_(None)
)


_ENTRIES = (
    select(Snapshot.kind, SnapshotItem.code, SnapshotItem.body)
    .outerjoin(
        SnapshotItem,
        (SnapshotItem.snapshot_id == Snapshot.id) & SnapshotItem.to_revision.is_(None),
    )
    .where(_MINE, bulk.among_given(Snapshot.kind, "kinds"))
    .order_by(Snapshot.kind, SnapshotItem.code)
)


def load_listed(
    session: Session, connection_id: int, kinds: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Return what a target last listed of these kinds: kind -> code -> body.

    A kind that was never listed is left out.
    """
    listed: dict[str, dict[str, Any]] = {}
    parameters = {"connection": connection_id, "kinds": list(kinds)}
    for kind, code, body in session.execute(_ENTRIES, parameters):
        entries = listed.setdefault(kind, {})
        if code is not None:
            entries[code] = body
    return listed


def keep_snapshot(
    session: Session,
    connection: Connection,
    snapshot: contract.Snapshot,
    *,
    person: int | None,
    now: datetime,
) -> int | None:
    """Store master data from a target.

    If anything changed, wake the unsent records and return the new revision.
    """
    kinds = _kinds(snapshot)
    if snapshot.items is not None:
        kinds[ITEM] = _with_updates(session, connection, snapshot.items, now)
    parameters = {"connection": connection.id, "unread": sorted(CODES - kinds.keys())}
    session.execute(_CHECKED, parameters | {"now": now, "due": now + FRESH})
    _keep_quota(session, connection, snapshot, now)
    return keep_kinds(session, connection, kinds, person=person, now=now)


def keep_items(
    session: Session,
    connection: Connection,
    updates: Mapping[str, ItemSetup | None],
    now: datetime,
) -> frozenset[str]:
    """Store items from a target and return those that changed, which wakes the unsent records."""
    before = known_items(session, connection.id)
    items = _with_updates(session, connection, updates, now)
    keep_kinds(session, connection, {ITEM: items}, person=None, now=now)
    return frozenset(code for code, setup in updates.items() if before.get(code) != setup)


def recently_asked(
    session: Session, connection_id: int, codes: Iterable[str], since: datetime
) -> set[str]:
    """Return the codes that were queried since then."""
    parameters = {"connection": connection_id, "codes": list(codes), "since": since}
    return set(session.scalars(_ASKED, parameters))


_ASKED = select(ItemReading.code).where(
    ItemReading.connection_id == bindparam("connection"),
    bulk.among_given(ItemReading.code, "codes"),
    ItemReading.asked_at > moment("since"),
)


_ASKED_AGAIN = (
    update(ItemReading)
    .where(ItemReading.connection_id == bindparam("connection"))
    .where(bulk.among_given(ItemReading.code, "codes"))
    .values(asked_at=NOW)
    .execution_options(synchronize_session=False)
)


def _with_updates(
    session: Session, connection: Connection, updates: Mapping[str, ItemSetup | None], now: datetime
) -> Items:
    """Return all known items with these updates, and store when each was queried."""
    breaker.locked(session, connection.id)  # one update at a time
    session.execute(_ASKED_AGAIN, {"connection": connection.id, "codes": list(updates), "now": now})
    rows = [{"connection_id": connection.id, "code": code, "asked_at": now} for code in updates]
    bulk.insert_rows(session, ItemReading, rows, ignore=True)
    before = known_items(session, connection.id)
    log_unit_changes(session, connection, before, updates, now)
    items = {**before, **updates}
    return {code: body_of(setup) for code, setup in items.items() if setup is not None}


def keep_kinds(
    session: Session,
    connection: Connection,
    kinds: Mapping[str, Items],
    *,
    person: int | None,
    now: datetime,
    reason: str = "seen in the accounting system",
) -> int | None:
    """Store all items of these kinds.

    If any changed, wake the unsent records and return the new revision.
    """
    parameters = {"connection": connection.id}
    rows_by_kind = {row.kind: row for row in session.scalars(_OF_CONNECTION, parameters)}
    changed = [
        kind
        for kind, items in kinds.items()
        if kind not in rows_by_kind or rows_by_kind[kind].sha256 != sha256_hex(dumps(items))
    ]
    if not changed:
        return None
    description = f"{connection.name}: {', '.join(changed)}"
    revision = next_revision(
        session,
        connection.company_id,
        "snapshot",
        description,
        person_id=person,
        reason=reason,
        now=now,
    )
    for kind in changed:
        _replace(session, connection.id, kind, kinds[kind], rows_by_kind.get(kind), revision, now)
    wake_all_unsent(session, connection.company_id, now)
    if PERIOD in changed:
        words = {connection.name, connection.connector}  # by which rules call it
        keys = [CauseKey.period(word, "") for word in sorted(words)]
        states.note_cause_change(session, connection.company_id, keys, revision)
    if not {*changed} <= {PERIOD, RATE, ROUNDING}:
        refused = CauseKey(CauseKind.TARGET, f"{connection.name}:")
        states.note_cause_change(
            session, connection.company_id, [refused], revision, error_class="mapping_missing"
        )
    return revision


CODES: Final = frozenset(
    {"tax_code", "account", "currency", "payment_method", "payment_term", CUSTOM_FIELD}
)

_LISTS_OF: Final[Mapping[CauseKind, frozenset[str]]] = {
    CauseKind.LISTED: CODES,
    CauseKind.PERIOD: frozenset({PERIOD}),
    CauseKind.ROUNDING: frozenset({ROUNDING}),
    CauseKind.TARGET: CODES,
}
"""The kinds of master data whose change may clear a hold of this cause."""

_CHANGED_LISTS = (
    select(Connection.name, Connection.connector, Snapshot.kind, Snapshot.revision)
    .add_columns(Snapshot.changed_at.label("at"), literal("").label("code"))
    .join(Connection, Connection.id == Snapshot.connection_id)
    .where(Connection.company_id == bindparam("company"), Snapshot.revision > bindparam("since"))
    .order_by(Snapshot.revision, Snapshot.id)
)

_ADDED_CODES = (
    select(Connection.name, Connection.connector, Snapshot.kind, Revision.no.label("revision"))
    .add_columns(Revision.at, SnapshotItem.code)
    .select_from(SnapshotItem)
    .join(Snapshot, Snapshot.id == SnapshotItem.snapshot_id)
    .join(Connection, Connection.id == Snapshot.connection_id)
    .join(
        Revision,
        (Revision.company_id == Connection.company_id)
        & (Revision.no == SnapshotItem.from_revision),
    )
    .where(Connection.company_id == bindparam("company"), Revision.no > bindparam("since"))
    .where(SnapshotItem.to_revision.is_(None), bulk.among_given(SnapshotItem.code, "codes"))
)

_ENTRY_KINDS: Final = ("mapping", "unit")

_CHANGED_ENTRIES = (
    select(literal("").label("name"), literal("").label("connector"), Revision.kind)
    .add_columns(Revision.no.label("revision"), Revision.at, Revision.what.label("code"))
    .where(Revision.company_id == bindparam("company"), Revision.no > bindparam("since"))
    .where(Revision.kind.in_(_ENTRY_KINDS), bulk.among_given(Revision.what, "entries"))
    .order_by(Revision.no)
)


@dataclass(frozen=True, slots=True)
class Change:
    """A list of a target that changed, a code that it has now, or a changed mapping entry.

    `kind` is a kind of master data, or of a revision of entries; `code` is blank for a whole list.
    `at` is when the list was read, or the entry changed, in the company's time zone.
    """

    name: str
    connector: str
    kind: str
    revision: int
    at: str
    code: str


def changes_since(
    session: Session, company_id: int, keys: Collection[CauseKey], since: int
) -> tuple[Change, ...]:
    """Return what changed after a revision and may clear holds of these causes."""
    codes = sorted({key.named.split(":", 2)[-1] for key in keys if key.kind is CauseKind.LISTED})
    entries = sorted({f"{key.table}: {key.entry}" for key in keys if key.kind in MISSING_ENTRY})
    parameters = {"company": company_id, "since": since, "codes": codes, "entries": entries}
    queries = [_ADDED_CODES] if codes else []
    queries += [_CHANGED_ENTRIES] if entries else []
    queries += [_CHANGED_LISTS] if any(key.kind in _LISTS_OF for key in keys) else []
    zone = zone_of(session, company_id) if queries else UTC
    return tuple(
        Change(
            name=row.name,
            connector=row.connector,
            kind=row.kind,
            revision=row.revision,
            at=f"{row.at.astimezone(zone):%Y-%m-%d %H:%M}",
            code=row.code,
        )
        for query in queries
        for row in session.execute(query, parameters)
    )


def clearing_change(changes: Sequence[Change], key: CauseKey, since: int) -> str:
    """Describe the change after a revision that cleared a hold of this cause; blank if unknown."""
    later = [change for change in changes if change.revision > since]
    if key.kind in MISSING_ENTRY:
        entry = f"{key.table}: {key.entry}"
        edits = [change for change in later if change.kind in _ENTRY_KINDS and change.code == entry]
        if not edits:
            return ""
        return f"{entry} was changed {edits[-1].at} (revision {edits[-1].revision})"
    target, _, entry = key.named.partition(":")
    kinds = _LISTS_OF.get(key.kind, frozenset())
    code = ""
    if key.kind is CauseKind.LISTED:
        kind, _, code = entry.partition(":")
        kinds = frozenset({kind})
    read = [
        change
        for change in later
        if change.kind in kinds
        and change.code == code
        and target in (change.name, change.connector)
    ]
    if not read:
        return ""
    last = read[-1]
    when = f"read {last.at} (revision {last.revision})"
    if code:
        kind = readable_name(last.kind)
        return f"{kind} {code} is in the {kind} list of {last.name}, {when}"
    names = listed(list(dict.fromkeys(readable_name(change.kind) for change in read)))
    return f"the {names} list of {last.name} changed, {when}"


def _kinds(snapshot: contract.Snapshot) -> dict[str, Items]:
    codes: dict[str, Items] = {
        kind: {code: snapshot.called(kind, code) for code in codes_of_kind}
        for kind, codes_of_kind in snapshot.codes().items()
    }
    items: dict[str, Items] = {}
    if snapshot.rounding_mode:
        items[ROUNDING] = {MODE: {MODE: snapshot.rounding_mode}}
    locked = snapshot.locked_through.isoformat() if snapshot.locked_through else None
    return {PERIOD: {"locked_through": {"date": locked}}, **codes, **items}


def _replace(
    session: Session,
    connection_id: int,
    kind: str,
    items: Items,
    stored: Snapshot | None,
    revision: int,
    now: datetime,
) -> None:
    """Close removed or changed items and insert new ones."""
    row = stored or Snapshot(connection_id=connection_id, kind=kind, checked_at=now, sha256="")
    row.changed_at, row.revision = now, revision
    row.sha256, row.due_at = sha256_hex(dumps(items)), now + FRESH
    session.add(row)
    session.flush()
    current_items = session.scalars(_LIVE, {"snapshot": row.id}).all()
    unchanged_codes = {
        item.code for item in current_items if item.code in items and item.body == items[item.code]
    }
    for item in current_items:
        if item.code not in unchanged_codes:
            item.to_revision = revision
    session.flush()
    session.add_all(
        SnapshotItem(snapshot_id=row.id, code=code, body=body, from_revision=revision)
        for code, body in items.items()
        if code not in unchanged_codes
    )
    session.flush()


def _keep_quota(
    session: Session, connection: Connection, snapshot: contract.Snapshot, now: datetime
) -> None:
    """Store the monthly quota from the target, or our own count if only the settings
    have a limit.
    """
    throttle = session.get(Throttle, connection.id)
    if throttle is None:
        throttle = Throttle(connection_id=connection.id)
        session.add(throttle)
    zone = zone_of(session, connection.company_id)
    was_spent = is_spent(throttle, zone, now)
    month, target_limit = month_of(now, zone), snapshot.quota_limit
    own_limit = str(connection.settings.get(schema.DOCUMENTS_A_MONTH) or "").strip()
    if target_limit is not None or not own_limit:
        throttle.quota_used = snapshot.quota_used or 0
    elif throttle.quota_limit is None or throttle.quota_month != month:
        first = now.astimezone(zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        parameters = {"connection": connection.id, "since": first}
        throttle.quota_used = session.scalar(_POSTED_SINCE, parameters) or 0
    limits = [
        limit
        for limit in (target_limit, int(own_limit) if own_limit else None)
        if limit is not None
    ]
    throttle.quota_limit, throttle.quota_month = min(limits, default=None), month
    log_quota(session, connection, throttle, now, was_spent)


def is_spent(row: Throttle, zone: tzinfo, now: datetime) -> bool:
    """Check whether the target takes no more documents this month."""
    is_current = row.quota_month == month_of(now, zone)
    return is_current and row.quota_limit is not None and (row.quota_used or 0) >= row.quota_limit


def log_quota(
    session: Session, connection: Connection, row: Throttle, now: datetime, was_spent: bool
) -> None:
    """Record that the month's quota is used up, and until when, or that it is available again."""
    zone = zone_of(session, connection.company_id)
    spent = is_spent(row, zone, now)
    if spent == was_spent:
        return
    act, words = "connection.quota_free", f"{connection.name} takes documents of this month again."
    body = {"say": words}
    if spent:
        next_month = now.astimezone(zone).date().replace(day=1) + timedelta(days=32)
        until = datetime.combine(next_month.replace(day=1), time.min, zone)
        words = f"The monthly quota of {connection.name} is used up until {until:%Y-%m-%d}."
        act, body = "connection.quota_used", {"say": words, "until": moment_text(until)}
    record_event(
        session,
        company_id=connection.company_id,
        at=now,
        actor=None,
        act=act,
        object=f"connection:{connection.id}",
        body=body,
    )


_POSTED_SINCE = select(func.count()).where(
    Posting.connection_id == bindparam("connection"), Posting.posted_at >= moment("since")
)


LOOKED_AT = 500  # unsent documents, the newest first


def known_items(session: Session, connection_id: int) -> dict[str, ItemSetup]:
    """Return the known items of a target."""
    rows = session.execute(
        select(SnapshotItem.code, SnapshotItem.body)
        .join(Snapshot, Snapshot.id == SnapshotItem.snapshot_id)
        .where(Snapshot.connection_id == connection_id, Snapshot.kind == ITEM)
        .where(SnapshotItem.to_revision.is_(None))
        .order_by(SnapshotItem.code)
    )
    return {code: setup_of(body) for code, body in rows}


def body_of(setup: ItemSetup) -> dict[str, Any]:
    """Return an item as it is stored."""
    return {"unit": setup.unit, "rates": {unit: list(rate) for unit, rate in setup.rates.items()}}


def setup_of(body: Mapping[str, Any]) -> ItemSetup:
    """Return a stored item."""
    rates = {unit: (num, den) for unit, (num, den) in body["rates"].items()}
    return ItemSetup(body["unit"], rates)


def item_field(documents: Iterable[DocumentSchema], name: str) -> str:
    """Return the line field that contains the item, or an empty string."""
    lines = next((document.lines for document in documents if document.name == name), ())
    return next((field.name for field in lines if field.refers == "item"), "")


def codes_to_query(
    session: Session,
    connection_id: int,
    documents: Iterable[DocumentSchema],
    have: Mapping[str, ItemSetup],
    *,
    most: int,
    now: datetime,
) -> list[str]:
    """Return the codes to query now: new ones first, then known ones in rotation."""
    fields = {document.name: item_field((document,), document.name) for document in documents}
    query = (
        select(Posting.doc_type, Posting.content)
        .where(Posting.connection_id == connection_id, Posting.state.in_(TO_SEND_STATES))
        .where(text(f"posting.{Posting.OPEN}"), Posting.content.is_not(None))
        .order_by(Posting.id.desc())
        .limit(LOOKED_AT)
    )
    used_codes = {
        line[fields[doc_type]]
        for doc_type, content in session.execute(query)
        for line in (content or {}).get("lines", ())
        if fields.get(doc_type) and line.get(fields[doc_type])
    }
    new = sorted(used_codes - have.keys())[:most]
    old, room = sorted(have), most - len(new)
    start = int(now.timestamp() // FRESH.total_seconds()) * room % len(old) if old and room else 0
    return new + (old[start:] + old[:start])[:room]
