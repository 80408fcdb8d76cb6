"""Check that each document type reaches a target by its API or by Excel import, never by both."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import combinations
from typing import Any, Final

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import schema
from connectors.contract.pulls import DOCUMENT_TYPES, types_taken
from holding.access.actors import SYSTEM, Actor
from holding.connections import connections
from holding.db import bulk
from holding.db.kept_plans import KEPT, at_most
from holding.db.models import Connection, Delivery, Event, Record, Version
from holding.db.models.columns import NOW, Moment, moment_of
from holding.db.refusal import Refusal, in_a_row
from holding.platform.changes import lock_company
from rules.decisions.document_rules import COMPANY
from rules.facts import Conflict
from rules.values.canonical import parse_json

_OVER: Final = (
    select(Connection)
    .where(Connection.paused_at.is_not(None), Connection.pause_until <= NOW)
    .order_by(Connection.id)
    .with_for_update(skip_locked=True)
)

TARGET_SETTINGS: Final = frozenset({DOCUMENT_TYPES})
"""Settings of a target that define which documents it takes."""

CODE: Final = "connection.two_ways"

SOURCE_SETTINGS: Final = frozenset({schema.DELIVERIES, schema.RECORD_KINDS})
"""Settings of a source that define which records it delivers."""

_Told = tuple[str, str, Mapping[str, Any]]  # name, connector, settings

_SOURCES = (
    select(Connection)
    .where(Connection.company_id == bindparam("company"), Connection.side == "source")
    .order_by(Connection.id)
)

LONG: Final = timedelta(minutes=10)

LATELY: Final = timedelta(hours=1)

HISTORY: Final = timedelta(hours=6)
"""Older changes were sent on purpose, so they did not wait at the source."""

LAST_EVENTS: Final = 500  # so far back is looked for late arrivals

HOOK: Final = "webhook"

Late = Mapping[str, tuple[int, timedelta]]
"""Source name -> number of late changes, and the largest delay."""

_SINCE: Final = bindparam("calls_since", type_=Moment)


def target_refusal(
    session: Session, connection: Connection, settings: Mapping[str, Any]
) -> Refusal | None:
    """Refuse a target with these settings if another one posts equal documents to its system.

    The target need not be stored yet.
    """
    form = registry.form_of("target", connection.connector)
    if form is None or not form.system:
        return None
    lock_company(session, connection.company_id)  # the other way may be opened meanwhile
    for other in session.scalars(
        select(Connection)
        .where(Connection.company_id == connection.company_id, Connection.side == "target")
        .where(Connection.paused_at.is_(None))
        .order_by(Connection.id)
    ):
        its = registry.form_of("target", other.connector)
        if its is None or its.system != form.system or its.way == form.way:
            continue
        # By settings, not by the rules in force: rules and connections change independently.
        if other.id != connection.id and _types(connection, settings) & _types(
            other, other.settings
        ):
            words = (
                f"You cannot use {connection.name} ({schema.WAYS[form.way]}), because"
                f" {other.name} ({schema.WAYS[its.way]}) goes to {its.title} already: the same"
                " documents could get there by both."
            )
            return Refusal(CODE, words, _hint(connection, other), 422)
    return None


def _types(connection: Connection, settings: Mapping[str, Any]) -> frozenset[str]:
    """Return the document types that a target takes."""
    documents = registry.targets()[connection.connector].documents
    return types_taken(settings, [document.name for document in documents])


def _hint(connection: Connection, other: Connection) -> str:
    """Return how to resolve it: pause one, or choose document types that do not overlap."""
    pause = f"Keep one: pause {other.name} first."
    chosen = [target for target in (connection, other) if _chooses(target)]
    if not chosen:
        return pause
    other_target = other if chosen[0] is connection else connection
    other_types = _types(chosen[0], {}) - _types(other_target, {})
    named = ", ".join(sorted(other_types))
    return (
        f"{pause} Or leave {chosen[0].name} only what {other_target.name} cannot post, as its"
        " document"
        f" types: {named}."
    )


def _chooses(connection: Connection) -> bool:
    form = registry.form_of("target", connection.connector)
    return form is not None and any(setting.name in TARGET_SETTINGS for setting in form.settings)


def resume_due(session: Session, now: datetime) -> None:
    """Resume each target whose pause is over; record why one stays paused."""
    for connection in session.scalars(_OVER, {"now": now}).all():
        refusal = resume_target(session, SYSTEM, connection.id, now=now)
        if refusal is not None:
            connection.pause_until = None
            words = f"{connection.name} stays paused: {refusal.message}"
            connections.log_connection_event(
                session, connection, SYSTEM, now, "connection.stays_paused", words
            )


def resume_target(
    session: Session, actor: Actor, connection_id: int, *, now: datetime
) -> Refusal | None:
    """Resume a target, unless another way into its system was opened meanwhile."""
    connection = session.get_one(Connection, connection_id)
    is_allowed = actor.company_id in (None, connection.company_id)
    if connection.paused_at is not None and is_allowed:
        refusal = target_refusal(session, connection, connection.settings)
        if refusal:
            return refusal
    return connections.resume(session, actor, connection_id, now=now)


@dataclass(frozen=True, slots=True)
class TwoWays:
    """Two sources that deliver equal kinds by different ways; `is_new`: the second is not
    stored.
    """

    first: str
    first_way: str
    second: str
    second_way: str
    kinds: tuple[str, ...]
    is_new: bool = False

    @property
    def words(self) -> str:
        """The problem in words."""
        kinds = in_a_row(kind.replace("_", " ") for kind in self.kinds)
        return (
            f"{self.first} ({self.first_way}) brings {kinds} records already. By {self.second}"
            f" ({self.second_way}) the same would come a second time."
        )

    @property
    def todo(self) -> str:
        """The possible solutions."""
        if self.is_new:
            return (
                f"Keep one: under Settings switch the deliveries of {self.first} off before you add"
                f" {self.second}, or leave this kind of record to one of them."
            )
        return (
            f"Keep one: under Settings switch the deliveries of {self.first} or of {self.second}"
            f" off, or leave this kind of record to one of them."
        )


def source_refusal(
    session: Session, connection: Connection, after: Mapping[str, Any]
) -> Refusal | None:
    """Refuse settings of a source that overlap with another source; it need not be stored yet."""
    lock_company(session, connection.company_id)  # the other way may be switched on meanwhile
    others = [
        source for source in _sources(session, connection.company_id) if source.id != connection.id
    ]
    for other in others:
        clash = _between((other.name, other.connector, other.settings), _told(connection, after))
        if clash is not None:
            reported_clash = replace(clash, is_new=connection.id is None)
            return Refusal(CODE, reported_clash.words, reported_clash.todo, 422)
    return None


def _sources(session: Session, company_id: int) -> Iterable[Connection]:
    return session.scalars(_SOURCES, {"company": company_id}).all()


def _between(first: _Told, second: _Told) -> TwoWays | None:
    delivery_channels = [_way(connector) for _, connector, _ in (first, second)]
    kinds = sorted(_kinds(first) & _kinds(second))
    if not kinds or delivery_channels[0] == delivery_channels[1]:
        return None
    return TwoWays(first[0], delivery_channels[0], second[0], delivery_channels[1], tuple(kinds))


def _way(connector: str) -> str:
    form = registry.form_of("source", connector)
    return schema.WAYS[form.way] if form else ""


def _kinds(source_setup: _Told) -> frozenset[str]:
    """Return the record kinds that a source delivers."""
    _, connector, settings = source_setup
    source = registry.sources().get(connector)
    if source is None or not schema.takes_deliveries(settings):
        return frozenset()
    all_kinds = frozenset(kind.kind for kind in source.kinds)
    allowed = schema.split_list(str(settings.get(schema.RECORD_KINDS, "")))
    return all_kinds & frozenset(allowed) if allowed else all_kinds


def _told(connection: Connection, settings: Mapping[str, Any]) -> _Told:
    return connection.name, connection.connector, settings


def find_clashes(session: Session, company_id: int) -> tuple[TwoWays, ...]:
    """Return pairs of active sources that deliver equal kinds."""
    rows = [
        (source.name, source.connector, source.settings) for source in _sources(session, company_id)
    ]
    pairs = (_between(first, second) for first, second in combinations(rows, 2))
    return tuple(clash for clash in pairs if clash is not None)


def company_conflicts(body: Mapping[str, Any], settings: str, company: str) -> tuple[Conflict, ...]:
    """Return the conflict if a record names another company than its source; case is ignored.

    `settings` is the stored JSON text.
    """
    named = _text(body)
    if not named:
        return ()
    bound = company_code(parse_json(settings), company)
    if named.casefold() == bound.casefold():
        return ()
    return (Conflict(COMPANY, named, (bound,)),)


def _text(settings: Mapping[str, Any]) -> str:
    return str(settings.get(schema.COMPANY_CODE) or "").strip()


def company_code(settings: Mapping[str, Any], company: str) -> str:
    """Return the company code that records of a source use: the set one, otherwise the
    company's.
    """
    return _text(settings) or company


def load_late_calls(session: Session, company_id: int, now: datetime) -> Late:
    """Return the sources that reported changes late in the last hour."""
    late_json = session.scalar(
        _lately(company_id), {_SINCE.key: now - LATELY}, execution_options=KEPT
    )
    late: dict[str, tuple[int, timedelta]] = {}
    for name, at, stamp in json.loads(late_json or "[]"):
        length = _after(moment_of(at), stamp)
        if LONG < length <= HISTORY:
            count, longest = late.get(name, (0, length))
            late[name] = (count + 1, max(longest, length))
    return late


@lru_cache(maxsize=256)
def _lately(company_id: int) -> Select[str]:
    """Return the query as one row, so that a combined query does not repeat its columns."""
    lately = (
        select(Event.record_id)
        .where(Event.company_id == company_id)
        .order_by(Event.id.desc())
        .limit(at_most(LAST_EVENTS))
        .subquery()
    )
    return (
        select(bulk.json_rows(Connection.name, Version.at, Version.stamp))
        .select_from(Record)
        .join(Version, Version.id == Record.version_id)
        .join(Delivery, Delivery.id == Version.delivery_id)
        .join(Connection, Connection.id == Record.source_id)
        .where(Record.company_id + 0 == company_id)  # by the events, not by all of the company
        .where(Record.id.in_(select(lately.c.record_id)))
        .where(Version.at > _SINCE, Version.stamp.is_not(None), Delivery.kind == HOOK)
    )


def _after(at: datetime, stamp: str) -> timedelta:
    """Return how late a version arrived, or zero if its timestamp has no time zone."""
    try:
        stamped_at = datetime.fromisoformat(stamp)
    except ValueError:
        return timedelta()
    return at - stamped_at if stamped_at.tzinfo else timedelta()
