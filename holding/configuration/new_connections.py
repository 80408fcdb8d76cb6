"""Connections that are new: what is asked before there is one.

Here: adding one, which has to suit the rules in force. Not here: changing its settings
(holding/configuration/settings_change.py), its key and its pauses (holding/connections/connections.py).
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import ConnectionSide
from holding.access.actors import Actor
from holding.configuration import target_ways, ways_in
from holding.configuration.settings_change import unusable
from holding.connections import confirmed_rates
from holding.connections.connections import permitted, tell, wait_for_test
from holding.db.models import Connection, Throttle
from holding.db.refusal import Refusal
from holding.rulesets import declared_rounding

RESERVED: Final = "new"  # an address of its own: the page where one is added


def add_connection(
    session: Session,
    *,
    company_id: int,
    name: str,
    side: ConnectionSide,
    connector: str,
    settings: Mapping[str, Any],
    actor: Actor,
    now: datetime,
    ask_rates: bool = True,
) -> int | Refusal:
    """The id of a new source or target of a company.

    Of a new target the rates of units are confirmed by people where it tells none itself, unless
    whoever adds it says that the units table is enough (`ask_rates`).
    """
    if refusal := permitted(actor, "connection.admin", company_id):
        return refusal
    known = registry.sources() if side == "source" else registry.targets()
    if connector not in known:
        return _unknown(side, connector, known)
    if refusal := name_fault(name):
        return refusal
    if _named(session, company_id, name):
        return Refusal("connection.taken", f"There is a connection “{name}” already.")
    if refusal := unusable(side, connector, settings):
        return refusal
    row = Connection(
        company_id=company_id, name=name, side=side, connector=connector, settings=dict(settings)
    )
    if refusal := declared_rounding.refusal(session, row, settings):
        return refusal
    if refusal := _second_way(session, row, settings):
        return refusal
    session.add(row)
    session.flush()
    session.add(Throttle(connection_id=row.id))
    session.flush()
    if side == "target":
        wait_for_test(session, row, now)
    added = f"Source {name} was added."
    told = f"Accounting system {name} was added." if side == "target" else added
    tell(session, row, actor, now, "connection.added", told)
    if side == "target" and ask_rates:
        confirmed_rates.ask(session, actor, row.id, now)
    return row.id


def _second_way(session: Session, row: Connection, settings: Mapping[str, Any]) -> Refusal | None:
    if row.side == "source":
        return ways_in.refusal(session, row, settings)
    return target_ways.refusal(session, row, settings)


def _unknown(side: ConnectionSide, connector: str, known: Iterable[str]) -> Refusal:
    """The refusal of a connector that is not there: of a way that is known, why it is not."""
    code, others = "connection.connector", f"Known: {', '.join(known)}."
    wanted = "accounting system" if side == "target" else "source"
    told = registry.not_offered(connector) if side == "target" else None
    if told is None:
        return Refusal(code, f"Clearpost has no {wanted} named “{connector}”.", others, 422)
    offered = ", ".join(told.instead)
    words = f"You cannot connect {told.title}, because {told.why}."
    return Refusal(code, words, f"Offered for {told.system}: {offered}.", 422)


def name_fault(name: str) -> Refusal | None:
    """Why a connection cannot be called so: rules and addresses name it."""
    if re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name) and name != RESERVED:
        return None
    words = f"A connection cannot be called “{name}”." if name else "The connection has no name."
    hint = "Use small letters, digits and underscores, a letter first, such as books_2."
    return Refusal("connection.name", words, hint, 422)


def _named(session: Session, company_id: int, name: str) -> Connection | None:
    query = select(Connection).where(Connection.company_id == company_id, Connection.name == name)
    return session.scalars(query).one_or_none()
