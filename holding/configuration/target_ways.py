"""One way into each accounting system for each type of document: by its interface or by Excel
import, never by both.

Here: which targets of a company are two ways into one system, the refusal of the second, and
resuming one that was paused, when a person says so or its pause is over. Not here: ways in for
records (ways_in.py).

By two ways the same document gets there twice, or the later one overwrites the first. A paused
connection sends nothing, so a company changes its way by pausing the old one first; and what the
interface has no method for may go by the import beside it, where that takes nothing else.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import declared_settings as declared
from connectors.contract.hand_imports import DOCUMENT_TYPES, types_taken
from holding.access.actors import SYSTEM, Actor
from holding.configuration.ways_in import CODE
from holding.connections import connections as setup
from holding.db.models import Connection
from holding.db.models.columns import NOW
from holding.db.refusal import Refusal
from holding.platform.changes import locked_company

_OVER: Final = (
    select(Connection)
    .where(Connection.paused_at.is_not(None), Connection.pause_until <= NOW)
    .order_by(Connection.id)
    .with_for_update(skip_locked=True)
)
SETTINGS: Final = frozenset({DOCUMENT_TYPES})
"""Those of a target that say what it takes."""


def refusal(
    session: Session, connection: Connection, settings: Mapping[str, Any]
) -> Refusal | None:
    """Why a target cannot be in use with these settings beside the others of its company; it need
    not be stored yet.
    """
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
        if its is None or its.system != form.system or its.way == form.way:
            continue
        if other.id != connection.id and _types(connection, settings) & _types(
            other, other.settings
        ):
            words = (
                f"You cannot use {connection.name} ({declared.WAYS[form.way]}), because"
                f" {other.name} ({declared.WAYS[its.way]}) goes to {its.title} already: the same"
                " documents could get there by both."
            )
            return Refusal(CODE, words, _hint(connection, other), 422)
    return None


def _types(connection: Connection, settings: Mapping[str, Any]) -> frozenset[str]:
    """The types of document that a target takes."""
    documents = registry.targets()[connection.connector].documents
    return types_taken(settings, [one.name for one in documents])


def _hint(connection: Connection, other: Connection) -> str:
    """The ways out: one of them is paused, or what is chosen leaves the other its documents."""
    pause = f"Keep one: pause {other.name} first."
    chosen = [one for one in (connection, other) if _chooses(one)]
    if not chosen:
        return pause
    there = other if chosen[0] is connection else connection
    rest = _types(chosen[0], {}) - _types(there, {})
    named = ", ".join(sorted(rest))
    return (
        f"{pause} Or leave {chosen[0].name} only what {there.name} cannot post, as its document"
        f" types: {named}."
    )


def _chooses(connection: Connection) -> bool:
    form = registry.form_of("target", connection.connector)
    return form is not None and any(one.name in SETTINGS for one in form.settings)


def resume_due(session: Session, now: datetime) -> None:
    """Resume each target whose pause is over; one that cannot be stays paused, and says why."""
    for connection in session.scalars(_OVER, {"now": now}).all():
        found = resume(session, SYSTEM, connection.id, now=now)
        if found is not None:
            connection.pause_until = None
            words = f"{connection.name} stays paused: {found.message}"
            setup.tell(session, connection, SYSTEM, now, "connection.stays_paused", words)


def resume(session: Session, actor: Actor, connection_id: int, *, now: datetime) -> Refusal | None:
    """Send again, unless another way into the same system was opened meanwhile."""
    connection = session.get_one(Connection, connection_id)
    theirs = actor.company_id in (None, connection.company_id)
    if connection.paused_at is not None and theirs:
        found = refusal(session, connection, connection.settings)
        if found:
            return found
    return setup.resume(session, actor, connection_id, now=now)
