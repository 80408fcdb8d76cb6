"""Settings of a connection, changed after it was added.

Here: the change, and what must be asked or judged again because of it. Not here: adding a
connection and its key (holding/connections/connections.py).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import ConnectionSide
from connectors.contract import declared_settings as declared
from holding.access.actors import Actor
from holding.configuration import target_ways, ways_in
from holding.connections.connections import ask_key_again, permitted, tell, wait_for_test
from holding.db.models import Connection, Posting, Snapshot
from holding.db.models.postings import IN_FLIGHT_STATES
from holding.db.refusal import Refusal, plural
from holding.intake.pulls import plan_anew
from holding.mappings import list_turns
from holding.platform.changes import next_revision, wake_all_unsent
from holding.rulesets import declared_rounding

PLACE: Final = ("base_url", "company_id")  # settings that say which books a target writes
HOSTS: Final = (
    "base_url",
    "token_url",
    "revoke_url",
)  # settings that say who is shown the key, of any side


def change_settings(
    session: Session,
    actor: Actor,
    connection_id: int,
    settings: Mapping[str, str],
    *,
    now: datetime,
) -> tuple[str, ...] | Refusal:
    """Give settings these values, "" takes one away; the names of those that really changed.

    A target in another place has other master data: it is asked again and the unsent are judged
    again. That waits until nothing is on its way, for the end of a call is looked up where it went.
    Another host is not shown the key that was given for the one before: it has to be given again.
    """
    connection = session.get_one(Connection, connection_id)
    if refusal := permitted(actor, "connection.admin", connection.company_id):
        return refusal
    if refusal := unusable(connection.side, connection.connector, settings):
        return refusal
    before = connection.settings
    changed = tuple(n for n, value in settings.items() if str(before.get(n, "")) != value)
    if not changed:
        return ()
    after = {**before, **{name: settings[name] for name in changed}}
    after = {name: value for name, value in after.items() if value != ""}
    moved = [name for name in changed if name in PLACE] if connection.side == "target" else []
    elsewhere = any(_host(before.get(name)) != _host(after.get(name)) for name in HOSTS)
    if refusal := _unsuited(session, connection, changed, after, moved=bool(moved or elsewhere)):
        return refusal
    connection.settings = after
    connection.lock += 1
    words = "; ".join(_words(name, before, connection.settings) for name in changed)
    said = f"{connection.name} was changed: {words}."
    if elsewhere and _is_shown(connection) and ask_key_again(session, connection, now):
        said += " Its key was given for another host, so it is not used until it is given again."
    tell(session, connection, actor, now, "connection.changed", said)
    if connection.side == "source":
        plan_anew(session, connection_id, now)
        if declared.COMPANY_CODE in changed:
            _judge_again(session, actor, connection, "company of its records", now)
    else:
        list_turns.plan_anew(session, connection_id, now)
    if connection.side == "target" and (moved or elsewhere):
        wait_for_test(session, connection, now)
    if moved:
        _ask_again(session, actor, connection, moved, now)
    return changed


def _unsuited(
    session: Session,
    connection: Connection,
    changed: Sequence[str],
    after: Mapping[str, Any],
    *,
    moved: bool,
) -> Refusal | None:
    """Why a connection cannot have these settings now, as other things stand."""
    if declared_rounding.SETTING in changed and (
        refusal := declared_rounding.refusal(session, connection, after)
    ):
        return refusal
    if ways_in.SETTINGS & set(changed) and (refusal := ways_in.refusal(session, connection, after)):
        return refusal
    if target_ways.SETTINGS & set(changed) and connection.paused_at is None:
        refusal = target_ways.refusal(session, connection, after)
        if refusal:
            return refusal
    return _in_flight(session, connection) if moved else None


def _is_shown(connection: Connection) -> bool:
    """Whether the system is shown the key; a secret that was made here only signs."""
    form = registry.form_of(connection.side, connection.connector)
    return form is None or form.key is None or not form.key.made_here


def _host(address: object) -> tuple[str, str, int | None]:
    """Scheme, host and port of an address; one that cannot be read is like no other."""
    text = str(address or "").strip()
    try:
        parts = urlsplit(text)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return ("", text, None)
    return (parts.scheme, parts.hostname or "", port)


def unusable(side: ConnectionSide, connector: str, given: Mapping[str, Any]) -> Refusal | None:
    """Why a connection cannot have these values, as its connector declares its settings; a blank
    one is taken away, so it is asked for where a connection is added (new_connections.py).
    """
    form = registry.form_of(side, connector)
    known = {one.name: one for one in form.settings} if form else {}
    for name, value in given.items():
        if name not in known:
            words = f"{connector} has no setting {name}."
            hint = f"It has: {', '.join(f'`{one}`' for one in known) or 'none'}."
            return Refusal("connection.setting", words, hint, 422)
        words = declared.fault(known[name], str(value)) if str(value).strip() else ""
        if words:
            return Refusal("connection.setting", words, f"The setting is {name}.", 422)
    return None


def _in_flight(session: Session, connection: Connection) -> Refusal | None:
    query = select(func.count(Posting.id)).where(
        Posting.connection_id == connection.id, Posting.state.in_(IN_FLIGHT_STATES)
    )
    count = session.scalar(query) or 0
    if not count:
        return None
    told = plural(count, "document is on its way", "documents are on their way")
    hint = f"Pause {connection.name} and wait until each has its end."
    return Refusal("connection.in_flight", f"{told} to {connection.name}.", hint)


def _ask_again(
    session: Session, actor: Actor, connection: Connection, moved: list[str], now: datetime
) -> None:
    session.execute(
        update(Snapshot).where(Snapshot.connection_id == connection.id).values(due_at=now)
    )
    reason = "another place has other master data"
    _judge_again(session, actor, connection, ", ".join(moved), now, reason)


def _judge_again(
    session: Session,
    actor: Actor,
    connection: Connection,
    what: str,
    now: datetime,
    reason: str | None = None,
) -> None:
    """All that is not sent is judged again, and the list of changes says why."""
    next_revision(
        session,
        connection.company_id,
        "connection",
        f"{connection.name}: {what}",
        person_id=actor.person_id,
        reason=reason,
        now=now,
    )
    wake_all_unsent(session, connection.company_id, now)


def _words(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    new, old = (f"“{each[name]}”" if name in each else "not set" for each in (after, before))
    return f"{name} is {new}, was {old}"
