"""One way into each accounting system: by its interface or by Excel import, never by both.

Here: which targets of a company are two ways into one system, the refusal of the second, and
resuming one that was paused for that. Not here: ways in for records (ways_in.py).

By two ways the same document gets there twice, or the later one overwrites the first. A paused
connection sends nothing, so a company changes its way by pausing the old one first.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import declared_settings as declared
from holding.access.actors import Actor
from holding.configuration.ways_in import CODE
from holding.connections import setup
from holding.lifecycle.changes import locked_company
from holding.refusal import Refusal
from holding.tables import Connection


def refusal(session: Session, connection: Connection) -> Refusal | None:
    """Why a target cannot be in use beside the others of its company; it need not be stored yet."""
    form = registry.form_of("target", connection.connector)
    if form is None or not form.system:
        return None
    locked_company(session, connection.company_id)  # the other way may be opened meanwhile
    for other in session.scalars(
        select(Connection)
        .where(Connection.company_id == connection.company_id, Connection.side == "target")
        .where(Connection.paused_at.is_(None))
        .order_by(Connection.id)
    ):
        its = registry.form_of("target", other.connector)
        same = its is not None and its.system == form.system and other.id != connection.id
        if same and its is not None and its.way != form.way:
            words = (
                f"You cannot use {connection.name} ({declared.WAYS[form.way]}), because"
                f" {other.name} ({declared.WAYS[its.way]}) goes to {its.title} already: the same"
                " documents could get there by both."
            )
            return Refusal(CODE, words, f"Keep one: pause {other.name} first.", 422)
    return None


def resume(session: Session, actor: Actor, connection_id: int, *, now: datetime) -> Refusal | None:
    """Send again, unless another way into the same system was opened meanwhile."""
    connection = session.get_one(Connection, connection_id)
    theirs = actor.company_id in (None, connection.company_id)
    if connection.paused_at is not None and theirs and (found := refusal(session, connection)):
        return found
    return setup.resume(session, actor, connection_id, now=now)
