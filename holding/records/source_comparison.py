"""Describe whether the nightly sweep compared a record with its source, when, and the result.

A module of its own because the sweep itself belongs to intake, and only the trace shows this.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract.pulls import Pulls
from holding.connections import connections
from holding.db.models import Company, Connection, Pull, Record
from holding.db.models.columns import Compared
from holding.db.refusal import plural
from holding.intake import sweeps


def describe_comparison(session: Session, record_id: int) -> str:
    """Return the sentence that the trace shows about the last comparison of a record."""
    record = session.get_one(Record, record_id)
    source = session.get_one(Connection, record.source_id)
    if record.compared_at is not None and record.compared is not None:
        zone = ZoneInfo(session.get_one(Company, record.company_id).zone)
        return _compared(source.name, record.compared_at, record.compared, zone)
    return _not_compared(session, record, source)


def _compared(name: str, at: datetime, result: Compared, zone: ZoneInfo) -> str:
    when = f"{at.astimezone(zone):%Y-%m-%d %H:%M}"
    if result is Compared.SAME:
        return f"The nightly sweep compared it with {name} on {when}: the same there."
    if result is Compared.CHANGED:
        return (
            f"The nightly sweep compared it with {name} on {when}: a new version came from there."
        )
    return f"The nightly sweep compared it with {name} on {when}: {name} no longer shows it."


def _not_compared(session: Session, record: Record, source: Connection) -> str:
    """Return why a record was never compared."""
    connector = registry.sources().get(source.connector)
    done_at = session.scalar(
        select(Pull.done_at).where(Pull.connection_id == source.id, Pull.kind == "sweep")
    )
    if not isinstance(connector, Pulls) or not connections.is_set(source.settings):
        return f"Not compared with {source.name}: it only sends, and cannot be read."
    back = connections.plan_of(source.settings).compare_back
    if back is None:
        return f"Not compared with {source.name}: its settings switch the comparison off."
    if record.type not in sweeps.compared_kinds(connector, source):
        return f"Not compared with {source.name}: it does not list all records of this kind."
    if done_at is None or done_at < record.seen_at:
        return f"Not compared with {source.name} yet: the next nightly sweep compares it."
    days = plural(back.days, "day")
    return f"Not compared with {source.name}: its last change lies more than {days} back."
