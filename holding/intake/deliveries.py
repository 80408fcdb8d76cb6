"""Store each delivery once, however often it arrives, and read the record's first
columns from it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import Text, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import ConnectionReport, ConnectionSide, IncomingRecord, Step, Target
from connectors.contract.calls import NOT_RUN
from connectors.contract.pulls import Testable
from connectors.contract.targets import TestedWhole
from connectors.kit.calls import ZONE
from connectors.transport.http import Clock, Http
from grammar.nodes import Ruleset
from holding.access.actors import Actor, Keys
from holding.connections import breaker, channel, connections, limits
from holding.connections.channel import calls_a_minute, renew, with_renewal
from holding.connections.connections import log_connection_event, permitted, secret_of
from holding.db import bulk
from holding.db.database import Database
from holding.db.models import Company, Connection, Delivery, Record, Version
from holding.db.models.columns import RecordState, table_of, to_minor
from holding.db.refusal import Refusal
from holding.platform.events import record_event
from holding.programs import world
from holding.programs.world import Judge, program, target_connections
from rules.values.canonical import dumps, sha256_hex

_WRONG_ZONE = timedelta(days=1)

_COUNT = (
    update(Delivery)
    .where(Delivery.id == bindparam("delivery"))
    .values(times=Delivery.times + 1)
    .execution_options(synchronize_session=False)
)

_newest = select(func.max(Delivery.id)).where(Delivery.source_id == bindparam("source"))

_KNOWN = select(Delivery).where(
    Delivery.source_id == bindparam("source"),
    or_(
        Delivery.key == bindparam("key"),
        Delivery.signature == bindparam("signature", type_=Text()),
        Delivery.id == _newest.scalar_subquery(),
    ),
)
"""The delivery of a source with this key, the one with this signature, and its newest."""

_HELD = (
    select(Company, Connection)
    .join(Connection, Connection.company_id == Company.id)
    .where(Company.id == bindparam("company"), Connection.id == bindparam("source"))
    .with_for_update(read=True, of=Company)
)

FAMILY_BITS = 63

_PARTIES = ("customer", "supplier")

_DAYS = (
    *("ordered_on", "delivered_on", "refunded_on", "received_on", "arrived_on"),
    *("settled_on", "paid_on"),
)

_AMOUNTS = ("total", "amount", "net")

Key = tuple[str, str]
"""Kind and id of a record, as its source has them."""

_RECORD, _VERSION = table_of(Record), table_of(Version)

_IDS = (
    select(_RECORD.c.type, _RECORD.c.external_id, _RECORD.c.id)
    .where(_RECORD.c.source_id == bindparam("source"))
    .where(bulk.among_given(_RECORD.c.type, "kinds"))
    .where(bulk.among_given(_RECORD.c.external_id, "external_ids"))
)

_PLAIN = (
    select(_RECORD.c.id, _RECORD.c.version_id, _RECORD.c.family)
    .where(bulk.among_given(_RECORD.c.id, "ids"))
    .order_by(_RECORD.c.id)
)

_LOCK = _PLAIN.with_for_update(key_share=True)

_VERSIONS = (
    select(
        _VERSION.c.id,
        _VERSION.c.record_id,
        _VERSION.c.no,
        _VERSION.c.sha256,
        _VERSION.c.stamp,
        _VERSION.c.stale,
        _VERSION.c.corrects_id,
        _VERSION.c.at,
    )
    .where(bulk.among_given(_VERSION.c.record_id, "ids"))
    .order_by(_VERSION.c.record_id, _VERSION.c.no)
)

_A_MOMENT: Final = timedelta(microseconds=1)

_ADDED: Final = timedelta(milliseconds=1)
"""So much is added to a stamp at most."""


def is_later(stamp: str, other: str | None) -> bool:
    """Check whether a change stamp comes after another one; every stamp comes after None."""
    return other is None or _order(stamp) > _order(other)


def _order(stamp: str) -> str:
    """Return a sort key: stamps that are timestamps sort by time, others as text."""
    moment = moment_of_stamp(stamp)
    return stamp if moment is None else moment.isoformat(timespec="microseconds")


def moment_of_stamp(stamp: str) -> datetime | None:
    """Return the moment of a change stamp, or None if it is no timestamp."""
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def version_event(
    noun: str,
    number: str,
    source: str,
    version: Mapping[str, Any],
    *,
    is_new: bool,
    replaces: bool,
) -> tuple[str, str]:
    """Return the act and the sentence for a stored version of a record.

    `replaces`: the version ends a correction that a person made.
    """
    no = version["no"]
    if is_new and no == 1:
        noun = noun.capitalize()
        return "record.received", f"{noun} {number} arrived from {source}."
    if version["stale"]:
        say = (
            f"Version {no} of {noun} {number} arrived late: a newer one is here, so it is not"
            " checked."
        )
        return "record.stale", say
    ends = " It takes the place of the correction made here." if replaces else ""
    if version["reason"]:
        say = (
            f"Version {no} of {noun} {number} arrived with the same change stamp as the one before."
        )
        return "record.conflict", say + ends
    return "record.changed", f"Version {no} of {noun} {number} arrived from {source}.{ends}"


def is_ahead(stamp: str, arrived: datetime) -> bool:
    """Check whether a change stamp is further in the future than a wrong time zone explains.

    Such a stamp must not order versions: all later changes, even a cancellation, would count as
    older.
    """
    moment = moment_of_stamp(stamp)
    return moment is not None and moment > arrived + _WRONG_ZONE


def lock_company(session: Session, company_id: int, source_id: int) -> tuple[Company, Connection]:
    """Return the company, locked so that a publish waits for this delivery, and the source."""
    company, source = session.execute(_HELD, {"company": company_id, "source": source_id}).one()
    return company, source


def store_delivery(session: Session, delivery: Delivery) -> Delivery | Refusal:
    """Store a delivery, or count it if it was received before."""
    earlier = _again(session, delivery)
    if earlier is not None:
        return earlier
    values = {
        c.key: getattr(delivery, c.key)
        for c in Delivery.__table__.columns
        if getattr(delivery, c.key) is not None
    }
    delivery_id = bulk.insert_once(session, Delivery, values | {"times": 1})
    if delivery_id is None:  # the same key came in at the same moment
        return _again(session, delivery) or _other_body(session, delivery)
    delivery.id, delivery.times = delivery_id, 1
    return delivery


def _again(session: Session, delivery: Delivery) -> Delivery | Refusal | None:
    """Return an earlier delivery with an equal key, signature or body, and increment its counter.

    The signature is compared first, because an unsigned id may be forged.
    """
    parameters = {
        "source": delivery.source_id,
        "key": delivery.key,
        "signature": delivery.signature,
    }
    by_key = {row.key: row for row in session.scalars(_KNOWN, parameters)}
    by_signature: dict[str | None, Delivery] = {
        row.signature: row for row in by_key.values() if row.signature
    }
    match = by_signature.get(delivery.signature) or by_key.get(delivery.key)
    earlier = match or next(iter(by_key.values()), None)
    if earlier is None:
        return None
    if earlier.sha256 != delivery.sha256:
        return _other_body(session, delivery) if match is not None else None
    session.execute(_COUNT, {"delivery": earlier.id})
    session.refresh(earlier)
    return earlier


def _other_body(session: Session, delivery: Delivery) -> Refusal:
    message = f"Delivery {delivery.key} was received before, with another content."
    record_event(
        session,
        company_id=delivery.company_id,
        at=delivery.received_at,
        actor=None,
        act="delivery.conflict",
        object=f"connection:{delivery.source_id}",
        body={"say": f"{message} The second one was not taken.", "sha256": delivery.sha256},
    )
    return Refusal(
        code="delivery.conflict",
        message=message,
        hint="Send changed content under a new delivery id.",
    )


def record_values(
    company: Company, source: Connection, record: IncomingRecord, family: int, now: datetime
) -> dict[str, Any]:
    """Return the column values of a new record."""
    body = record.body
    names = tuple(f"{party}_name" for party in _PARTIES)
    amount, currency = stated_amount(body, company.currency)
    return {
        "company_id": company.id,
        "source_id": source.id,
        "type": record.kind,
        "external_id": record.external_id,
        "number": record.number,
        "family": family,
        "status": text_of(body, "status"),
        "state": RecordState.RECEIVED,
        "party": _first(body, (*names, *_PARTIES)),
        "party_key": _first(body, _PARTIES)[: Record.LONGEST_PARTY],
        "branch": text_of(body, "branch"),
        "doc_date": _day(_first(body, _DAYS)),
        "amount": amount,
        "currency": currency,
        "book": amount if currency == company.currency else None,
        "priority": 100,
        "seen_at": now,
        "due_at": now,
        "lock": 0,
    }


def stated_amount(body: Mapping[str, object], books: str) -> tuple[int | None, str]:
    """Return a record's total in minor units, None without one, and its currency.

    `books`: the company's currency, for a record that names none.
    """
    currency = text_of(body, "currency") or books
    return _minor(_first(body, _AMOUNTS), currency), currency


def _minor(value: object, currency: str) -> int | None:
    try:
        return to_minor(Decimal(str(value)), currency)
    except (InvalidOperation, ValueError, OverflowError):
        return None


def _first(body: Mapping[str, object], names: Iterable[str]) -> str:
    """Return the first of these texts that the body has, or an empty string."""
    return next((text for name in names if (text := text_of(body, name))), "")


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return None


def text_of(body: Mapping[str, object], name: str) -> str:
    """Return a text field of the body, or an empty string."""
    value = body.get(name)
    return value if isinstance(value, str) else ""


def family_of(
    company_id: int,
    source_id: int,
    kind: str,
    external_id: str,
    body: Mapping[str, object],
    judge: Judge | None,
) -> int:
    """Return the number of a record's family: the first 63 bits of a hash, so no table is needed.

    The rules decide which records belong together. Without rules, the record is its own family.
    """
    shared_values = judge.family(dict(body), kind) if judge is not None else None
    own_key = f"{source_id}|{kind}|{external_id}"
    digest = sha256_hex(f"{company_id}|{'|'.join(shared_values) if shared_values else own_key}")
    return int(digest[:16], 16) >> (64 - FAMILY_BITS)


def has_test(side: ConnectionSide, connector: str) -> bool:
    """Check whether connections of a connector can be tested."""
    return side == "target" or isinstance(registry.sources().get(connector), Testable)


def is_testable(side: ConnectionSide, connector: str, settings: Mapping[str, Any]) -> bool:
    """Check whether a connection can be tested: each target, and each source with an address."""
    is_called_by_us = side == "target" or bool(str(settings.get(connections.ADDRESS) or "").strip())
    return is_called_by_us and has_test(side, connector)


def accepts_deliveries(side: ConnectionSide, connector: str) -> bool:
    """Check whether a source receives webhooks or files, rather than only being pulled."""
    source = registry.sources().get(connector)
    return side == "source" and source is not None and bool(source.headers or source.suffixes)


def accepts_webhooks(side: ConnectionSide, connector: str) -> bool:
    """Check whether a source receives webhooks; others receive files alone."""
    source = registry.sources().get(connector)
    return side == "source" and source is not None and bool(source.headers)


def test_either_side(
    database: Database,
    clock: Clock,
    connection_id: int,
    actor: Actor,
    *,
    http: Http,
    keys: Keys | None = None,  # noqa: PT028 - a connection is tested here
) -> ConnectionReport | Refusal:
    """Test a source or a target without changing anything there."""
    with database.read() as session:
        connection = session.get_one(Connection, connection_id)
        source = registry.sources().get(connection.connector)
        refusal = permitted(actor, "connection.admin", connection.company_id)
        is_target = connection.side == "target"
        refusal = refusal or _unasked(connection)
        zone = None if is_target else zone_of_source(session, connection_id)
    if zone is None or not isinstance(source, Testable):
        settings_used = (
            channel.run_test if refusal else lookup_settings(database, clock, connection_id)
        )
        return channel.test_connection(
            database, clock, connection_id, actor, http=http, keys=keys, asks=settings_used
        )
    if refusal:
        return refusal
    renewed = renew(database, clock, connection_id, http=http, keys=keys)
    with database.read() as session:
        secret = secret_of(session, session.get_one(Connection, connection_id), keys)
    if isinstance(secret, Refusal):
        return secret
    source_report = source.test(connection.settings, secret, zone, http)
    report = channel.with_outgoing(with_renewal(source_report, renewed))
    with database.write() as session:
        _keep(session, connection_id, actor, report, clock)
    return report


def _unasked(connection: Connection) -> Refusal | None:
    """Return the refusal for a source that only receives webhooks, or None."""
    if is_testable(connection.side, connection.connector, connection.settings):
        return None
    words = f"{connection.name} is not asked: it waits for what is sent to it."
    return Refusal(
        "connection.unasked", words, "Enter its address under Settings to have it asked."
    )


def _keep(
    session: Session, connection_id: int, actor: Actor, report: ConnectionReport, clock: Clock
) -> None:
    connection, now = session.get_one(Connection, connection_id), clock.now()
    channel.keep_report(session, connection, report, now, requested=True)
    log_connection_event(
        session, connection, actor, now, "connection.tested", channel.outcome(connection, report)
    )


def lookup_settings(database: Database, clock: Clock, connection_id: int) -> channel.Asks:
    """Return how a person's test calls a target, including each document type that the rules post.

    The extra calls are charged now. They are left out if documents need them.
    """
    with database.write() as session:
        connection = session.get_one(Connection, connection_id)
        target = registry.targets().get(connection.connector)
        if target is None or not isinstance(target, TestedWhole):
            return channel.run_test
        documents = _posted(session, connection)
        if not documents:
            return channel.run_test
        more = target.more_calls(documents)
        if not _spent(session, connection, target, more, clock.now()):
            return _asked_later
    return partial(_asked_whole, documents)


def _posted(session: Session, connection: Connection) -> frozenset[str]:
    """Return the document types that the rules in force post to a target."""
    company = session.get_one(Company, connection.company_id)
    if company.ruleset_version_id is None:
        return frozenset()
    connections_by_word = target_connections(session, company.id)
    target_words = {word for word, row in connections_by_word.items() if row.id == connection.id}
    posts = program(session, company.ruleset_version_id).ruleset.posts
    return frozenset(post.route.document for post in posts if post.route.target in target_words)


def _spent(
    session: Session, connection: Connection, target: Target, calls: int, now: datetime
) -> bool:
    """Use calls of the target's limit; return False if too few are left."""
    per_minute = calls_a_minute(target, connection.settings, 1.0)
    if per_minute is None or not calls:
        return True
    row = breaker.locked(session, connection.id)
    if row.filled_at is not None and row.filled_at > now:  # it asked us to wait
        return False
    limits.fill(row, per_minute, calls, now)
    if row.tokens < calls:
        return False
    row.tokens -= calls
    return True


def _asked_later(
    target: Target, settings: Mapping[str, object], secret: str, http: Http
) -> ConnectionReport:
    """Run the usual connection test, with a step that reports the document types as not tested."""
    report = channel.run_test(target, settings, secret, http)
    words = "Not tried: the calls of this minute are needed for documents."
    skipped_step = Step("Each document type", None, words, "Test again in a minute.", NOT_RUN)
    return replace(report, steps=(*report.steps, skipped_step))


def _asked_whole(
    documents: frozenset[str],
    target: Target,
    settings: Mapping[str, object],
    secret: str,
    http: Http,
) -> ConnectionReport:
    if not isinstance(target, TestedWhole):
        return channel.run_test(target, settings, secret, http)
    return channel.with_outgoing(target.test_whole(documents, settings, secret, http))


@dataclass(slots=True)
class StoredRecord:
    """The stored state of one record.

    `sha256`: the source's last content. `newest_stamp`: the newest change stamp, used to order
    arrivals.
    """

    record_id: int
    family: int = 0
    no: int = 0
    sha256: str = ""
    newest_stamp: str | None = None
    corrected: bool = False
    seen: set[tuple[str | None, str]] = field(default_factory=set)

    def has(self, stamp: str | None, digest: str) -> bool:
        """Check whether this content adds no version: it is the current one, or arrived before
        unchanged.
        """
        return digest == self.sha256 or (stamp is not None and (stamp, digest) in self.seen)


def ids_of(session: Session, source_id: int, keys: Collection[Key]) -> dict[Key, int]:
    """Return the ids of the records that exist."""
    kinds, external_ids = (
        sorted({kind for kind, _ in keys}),
        [external_id for _, external_id in keys],
    )
    parameters = {"source": source_id, "kinds": kinds, "external_ids": external_ids}
    return {(row.type, row.external_id): row.id for row in session.execute(_IDS, parameters)}


def load_stored_records(
    session: Session, ids: Mapping[Key, int], fresh: set[int], *, locked: bool = True
) -> dict[int, StoredRecord]:
    """Return the stored state of each record.

    The records are locked, so that version numbers have no gaps, unless nothing will be written.
    """
    old = sorted(set(ids.values()) - fresh)
    states = {record_id: StoredRecord(record_id) for record_id in ids.values()}
    if not old:
        return states
    current: dict[int, int | None] = {}
    for record in session.execute(_LOCK if locked else _PLAIN, {"ids": old}):
        current[record.id], states[record.id].family = record.version_id, record.family
    for row in session.execute(_VERSIONS, {"ids": old}):
        state = states[row.record_id]
        state.no = max(state.no, row.no)
        state.seen.add((row.stamp, row.sha256))
        if row.id == current[row.record_id]:
            state.corrected = row.corrects_id is not None
        if row.corrects_id is None and not row.stale:
            state.sha256 = row.sha256
        is_ordered = row.stamp is not None and not is_ahead(row.stamp, row.at)
        if is_ordered and is_later(row.stamp, state.newest_stamp):
            state.newest_stamp = row.stamp
    return states


def new_versions(
    session: Session, source_id: int, records: Iterable[IncomingRecord]
) -> Sequence[IncomingRecord]:
    """Return the records that would add a version.

    Pulled records are what the source shows now. If two contents have an equal change stamp, the
    shown one counts again, with a stamp one microsecond later than the newest.
    """
    all_records = list(records)
    ids = (
        ids_of(session, source_id, {(record.kind, record.external_id) for record in all_records})
        if all_records
        else {}
    )
    states = load_stored_records(session, ids, set(), locked=False)
    changed = []
    for record in all_records:
        record_id = ids.get((record.kind, record.external_id))
        state = states[record_id] if record_id is not None else None
        digest = sha256_hex(dumps(record.body))
        if state is None:
            changed.append(record)
        elif later := _shown_again(record, digest, state):
            changed.append(later)
        elif not state.has(record.stamp, digest):
            changed.append(record)
    return changed


def _shown_again(record: IncomingRecord, digest: str, state: StoredRecord) -> IncomingRecord | None:
    """Return the record with a later stamp if its content changed without a new stamp, else None.

    Such a record would count as already stored or as older. Its new stamp is the newest stored
    stamp plus one microsecond. A later change under an unchanged original stamp is detected too:
    the stored stamp then exceeds the original one by the microseconds added so far.
    """
    moment, newest = (
        moment_of_stamp(stamp) if stamp else None for stamp in (record.stamp, state.newest_stamp)
    )
    if digest == state.sha256 or moment is None or newest is None:
        return None
    is_new = not state.has(record.stamp, digest)
    if not timedelta(0) <= newest - moment < _ADDED or (is_new and moment == newest):
        return None
    return replace(record, stamp=(newest + _A_MOMENT).isoformat())


def zone_of_source(session: Session, connection_id: int) -> ZoneInfo:
    """Return the time zone of a source: from its settings (`zone`), the rules, or its company."""
    connection = session.get_one(Connection, connection_id)
    company = session.get_one(Company, connection.company_id)
    zone_name = str(connection.settings.get(ZONE) or "")
    if not zone_name and company.ruleset_version_id is not None:
        zone_name = _in_rules(world.program(session, company.ruleset_version_id), connection)
    return ZoneInfo(zone_name or company.zone)


class _Rules(Protocol):
    """The part of a program that lists sources."""

    @property
    def ruleset(self) -> Ruleset:
        """Return the parsed rules."""
        ...


def _in_rules(rules: _Rules, connection: Connection) -> str:
    zones = {source.name: source.zone for source in rules.ruleset.sources}
    return zones.get(connection.name) or zones.get(connection.connector, "")
