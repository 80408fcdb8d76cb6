"""What changed before a record failed: rules, mappings, connections, people, Clearpost, the record.

Here: the changes of a company and the versions of one record, newest first, before a moment and
since it. Reads only. Not here: the failure (failures.py), all other events
(holding/platform/event_log.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import select

from connectors.registry import titled
from holding.db.models import Connection, Event, Person, Record, Version
from holding.db.together import Question
from holding.platform import backup as installed_version
from holding.platform.events import shown_actor

DAYS: Final = 14
MOST: Final = 100
PROPOSED: Final = 10
"""So many of the newest are proposed for the packet; who escalates chooses among the others."""


class ChangeKind(StrEnum):
    """What was changed."""

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
    "connection.key": ChangeKind.CONNECTION,
    "connection.key_added": ChangeKind.CONNECTION,
    "connection.key_deleted": ChangeKind.CONNECTION,
    "connection.authorized": ChangeKind.CONNECTION,
    "connection.disconnected": ChangeKind.CONNECTION,
    "connection.not_renewed": ChangeKind.CONNECTION,
    "connection.quota": ChangeKind.CONNECTION,
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
    installed_version.CHANGED: ChangeKind.PROGRAM,
}
"""The acts that change how records are decided or sent -> what they change."""


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


def around(company_id: int, record_id: int, failed_at: datetime) -> Question[tuple[Change, ...]]:
    """The last changes up to the failure, newest first, of two weeks; the newest is on top."""
    first = failed_at - timedelta(days=DAYS)
    events = yield from _events(company_id, first, failed_at)
    versions = yield from _versions(record_id, first, failed_at)
    return _newest([*events, *versions], failed_at)


def since(
    company_id: int, record_id: int, failed_at: datetime, now: datetime
) -> Question[tuple[Change, ...]]:
    """What was changed after the failure, newest first."""
    after = failed_at + timedelta(microseconds=1)
    events = yield from _events(company_id, after, now)
    versions = yield from _versions(record_id, after, now)
    return _newest([*events, *versions], failed_at)


def _newest(found: Iterable[Change], failed_at: datetime) -> tuple[Change, ...]:
    listed = sorted(found, key=lambda change: (change.at, change.key), reverse=True)[:MOST]
    return tuple(
        Change(
            one.key,
            one.kind,
            one.at,
            one.by,
            one.say,
            failed_at - one.at if one.at <= failed_at else None,
        )
        for one in listed
    )


def _events(company_id: int, first: datetime, last: datetime) -> Question[list[Change]]:
    query = (
        select(Event)
        .where(Event.company_id == company_id, Event.record_id.is_(None))
        .where(Event.act.in_(sorted(ACTS)), Event.at >= first, Event.at <= last)
        .order_by(Event.at.desc(), Event.id.desc())
        .limit(MOST)
    )
    rows = yield query
    return [
        Change(
            f"event-{event.id}",
            ACTS[event.act],
            event.at,
            shown_actor(event.actor, event.body),
            str(event.body.get("say") or ""),
            None,
        )
        for event in rows.scalars()
    ]


def _versions(record_id: int, first: datetime, last: datetime) -> Question[list[Change]]:
    rows = yield (
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
        .limit(MOST)
    )
    return [
        Change(
            f"version-{row.no}",
            ChangeKind.VERSION,
            row.at,
            row.name or titled(row.source),
            f"Version {row.no} of the record"
            f" {'is a correction' if row.corrects_id else 'arrived'}"
            f"{f': {row.reason}' if row.reason else ''}.",
            None,
        )
        for row in rows
    ]
