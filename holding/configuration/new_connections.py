"""Connections that are new: what is asked before there is one.

Here: adding one, which has to suit the rules in force. Not here: changing its settings
(holding/configuration/settings_change.py), its key and its pauses (holding/connections/setup.py).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors import registry
from holding.access.actors import Actor
from holding.connections.setup import permitted, tell
from holding.refusal import Refusal
from holding.rulesets import declared_rounding
from holding.tables import Connection, Throttle


def add_connection(
    session: Session,
    *,
    company_id: int,
    name: str,
    side: str,
    connector: str,
    settings: Mapping[str, Any],
    actor: Actor,
    now: datetime,
) -> int | Refusal:
    """The id of a new source or target of a company."""
    if refusal := permitted(actor, "connection.admin", company_id):
        return refusal
    known = registry.sources() if side == "source" else registry.targets()
    if connector not in known:
        words = f"There is no {side} “{connector}”."
        return Refusal("connection.connector", words, f"Known: {', '.join(known)}.", 422)
    if _named(session, company_id, name):
        return Refusal("connection.taken", f"There is a connection “{name}” already.")
    row = Connection(
        company_id=company_id, name=name, side=side, connector=connector, settings=dict(settings)
    )
    if refusal := declared_rounding.refusal(session, row, settings):
        return refusal
    session.add(row)
    session.flush()
    session.add(Throttle(connection_id=row.id))
    tell(session, row, actor, now, "connection.added", f"{side.title()} {name} was added.")
    return row.id


def _named(session: Session, company_id: int, name: str) -> Connection | None:
    query = select(Connection).where(Connection.company_id == company_id, Connection.name == name)
    return session.scalars(query).one_or_none()
