"""Connect a target through its own permission page: start, return with a key, disconnect.

The new key is tested in holding/connections/key_rotation.py before it is used.
"""

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from connectors.contract.targets import Authorizing, Returned, Revoked
from connectors.transport.http import Clock, Http
from holding.access.actors import Actor, Keys, load_keys
from holding.access.sessions import digest
from holding.connections import connections
from holding.connections.channel import AT_MOST, duty_of, own_settings
from holding.connections.connections import KeySet, keep_key, log_connection_event, permitted
from holding.connections.key_rotation import add_key, app_secret, authorizing
from holding.db import leases
from holding.db.database import Database
from holding.db.models import AuthorizationRequest, Connection
from holding.db.models.columns import KeyState
from holding.db.refusal import Refusal
from holding.platform.settings import Settings

GOOD_FOR: Final = timedelta(minutes=10)
LONGEST: Final = 2_000  # of a code, a company or an error that a browser brings back
AGAIN: Final = "Open the connection and press Connect again."


@dataclass(frozen=True, slots=True)
class _Way:
    """A valid return from the target: what to exchange the code with, and for which connection."""

    connection: Connection
    target: Authorizing
    settings: Mapping[str, object]
    secret: str
    back: str
    lock: int


def begin(
    session: Session,
    actor: Actor,
    connection_id: int,
    *,
    token: str,
    back: str,
    now: datetime,
    keys: Keys | None = None,
) -> str | Refusal:
    """Return the URL where the person permits the connection.

    `token` is their session's, `back` the return URL.
    """
    connection = session.get_one(Connection, connection_id)
    if refusal := permitted(actor, "connection.admin", connection.company_id):
        return refusal
    target, secret = authorizing(connection.connector), app_secret(session, connection, keys)
    if target is None or actor.person_id is None:
        words = f"You cannot connect {connection.name} so, because its key is pasted."
        return Refusal("authorization.none", words, "Paste the key on its page.", 404)
    if isinstance(secret, Refusal):
        return secret
    session.execute(
        delete(AuthorizationRequest).where(
            AuthorizationRequest.connection_id == connection_id,
            AuthorizationRequest.expires_at <= now,
        )
    )
    state = secrets.token_urlsafe(32)
    session.add(
        AuthorizationRequest(
            state_hash=digest(state),
            session_hash=digest(token),
            company_id=connection.company_id,
            connection_id=connection_id,
            person_id=actor.person_id,
            back=back,
            made_at=now,
            expires_at=now + GOOD_FOR,
        )
    )
    return target.authorization_address(own_settings(session, connection), state=state, back=back)


def finish(
    database: Database,
    clock: Clock,
    connection_id: int,
    actor: Actor,
    query: Mapping[str, str],
    *,
    token: str,
    http: Http,
    keys: Keys | None = None,
) -> KeySet | Refusal:
    """Exchange the returned code for a key, which waits for its test.

    Each return works once, and only for the person, session, company and connection that began it.
    """
    with database.read() as session:
        connection = session.get_one(Connection, connection_id)
        if refusal := permitted(actor, "connection.admin", connection.company_id):
            return refusal
        target = authorizing(connection.connector)
    if target is None:
        return Refusal(
            "authorization.none", "No sign-in is expected for this connection.", status=404
        )
    returned = target.returned({name: value[:LONGEST] for name, value in query.items()})
    with database.read() as session:  # who brings a strange word changes nothing
        request_row = _request(session, connection, returned.state, token)
    if request_row is None:
        words = f"You cannot finish connecting {connection.name}, because your session asked for"
        return Refusal("authorization.foreign", f"{words} nothing of the kind.", AGAIN, 403)
    with database.write() as session:
        exchange_context = _taken(session, request_row, target, actor, returned, clock.now(), keys)
    if isinstance(exchange_context, Refusal):
        return exchange_context
    granted = target.exchange(
        exchange_context.settings,
        exchange_context.secret,
        code=returned.code,
        back=exchange_context.back,
        http=http,
    )
    with database.write() as session:
        connection, now = session.get_one(Connection, connection_id), clock.now()
        if granted.kind != "granted":
            return _not_granted(session, connection, actor, granted.kind, granted.words, now)
        if connection.lock != exchange_context.lock:
            words = f"The key or the settings of {connection.name} were changed meanwhile."
            return _refused(session, connection, actor, now, "changed", words, AGAIN)
        words = f"{actor.name} connected {connection.name} to {target.authorizes}"
        message = f"{words}, company {returned.company}."
        log_connection_event(session, connection, actor, now, "connection.authorized", message)
        return add_key(session, actor, connection_id, granted.secret, now=now, keys=keys)


def disconnect(
    database: Database,
    clock: Clock,
    connection_id: int,
    actor: Actor,
    *,
    http: Http,
    keys: Keys | None = None,
) -> Revoked | Refusal:
    """Stop sending at once and revoke the permission at the target.

    The app's secret is kept for a new connection.
    """
    duty, owner = duty_of(connection_id), uuid.uuid4().hex
    with database.write() as session:
        now = clock.now()
        if not leases.take(session, duty, owner=owner, until=now + AT_MOST, now=now):
            words = "You cannot disconnect it now, because its key is being renewed."
            return Refusal("authorization.busy", words, "Try again in a minute.")
    try:
        with database.write() as session:
            stopped = _stopped(session, connection_id, actor, clock.now(), keys)
        if isinstance(stopped, Refusal):
            return stopped
        revocation = stopped.target.revoke(stopped.settings, stopped.secret, http)
        with database.write() as session:
            connection, now = session.get_one(Connection, connection_id), clock.now()
            log_connection_event(
                session, connection, actor, now, f"connection.{revocation.kind}", revocation.words
            )
        return revocation
    finally:
        with database.write() as session:
            leases.leave(session, duty, owner=owner)


def _stopped(
    session: Session, connection_id: int, actor: Actor, now: datetime, keys: Keys | None
) -> _Way | Refusal:
    """Disable the key and keep the app's secret, before the target is called."""
    connection = session.get_one(Connection, connection_id)
    if refusal := permitted(actor, "connection.admin", connection.company_id):
        return refusal
    target, box = authorizing(connection.connector), keys or load_keys(Settings.from_env())
    if isinstance(box, Refusal):
        return box
    if target is None or connection.key_id is None:
        words = f"You cannot disconnect {connection.name}, because it is not connected."
        return Refusal("authorization.none", words, "Load the page again.")
    secret = connections.secret_of(session, connection, box)
    if isinstance(secret, Refusal):
        return secret
    connections.ask_key_again(session, connection, now)
    connections.wait_for_test(session, connection, now)
    connection.lock += 1
    keep_key(session, connection, actor, target.app_secret(secret), KeyState.NEW, now, box)
    words = f"{connection.name} was disconnected from {target.authorizes}. Nothing is sent there."
    log_connection_event(session, connection, actor, now, "connection.disconnected", words)
    settings = own_settings(session, connection)
    return _Way(connection, target, settings, secret, "", connection.lock)


def _request(
    session: Session, connection: Connection, state: str, token: str
) -> AuthorizationRequest | None:
    """Return the request of this state, if this session made it for this connection."""
    query = select(AuthorizationRequest).where(
        AuthorizationRequest.state_hash == digest(state),
        AuthorizationRequest.session_hash == digest(token),
        AuthorizationRequest.company_id == connection.company_id,
        AuthorizationRequest.connection_id == connection.id,
    )
    return session.scalars(query).one_or_none()


def _taken(
    session: Session,
    request_row: AuthorizationRequest,
    target: Authorizing,
    actor: Actor,
    came: Returned,
    now: datetime,
    keys: Keys | None,
) -> _Way | Refusal:
    """Use up the return, and check whether it leads to a key."""
    connection = session.get_one(Connection, request_row.connection_id)
    used = session.execute(
        update(AuthorizationRequest)
        .where(AuthorizationRequest.id == request_row.id, AuthorizationRequest.used_at.is_(None))
        .values(used_at=now)
        .returning(AuthorizationRequest.id)
    ).first()
    cannot = f"You cannot finish connecting {connection.name}, because"
    if used is None:
        words = f"{cannot} this answer of {target.authorizes} was used already."
        return Refusal("authorization.used", words, AGAIN)
    if request_row.expires_at <= now:
        words = f"{cannot} it was begun more than {GOOD_FOR.seconds // 60} minutes ago."
        return Refusal("authorization.expired", words, AGAIN)
    if came.denied:
        words = f"{cannot} it was declined in {target.authorizes}."
        hint = f"Who administers the company in {target.authorizes} can allow it. {AGAIN}"
        return _refused(session, connection, actor, now, "denied", words, hint)
    if came.error or not came.code:
        why = f"said “{came.error}”" if came.error else "sent no code"
        words = f"{cannot} {target.authorizes} {why}."
        return _refused(session, connection, actor, now, "failed", words, AGAIN)
    settings, secret = own_settings(session, connection), app_secret(session, connection, keys)
    own_company = str(settings.get("company_id", "")).strip()
    # Compared before the exchange: a token of another company would post into its books.
    if came.company != own_company:
        chosen = came.company or "without an ID"
        words = f"{cannot} company {chosen} was chosen there, not {own_company}."
        hint = f"Choose the company {own_company} there, or correct the company ID under Settings."
        return _refused(session, connection, actor, now, "company", words, hint)
    if isinstance(secret, Refusal):
        return secret
    return _Way(connection, target, settings, secret, request_row.back, connection.lock)


def _not_granted(
    session: Session,
    connection: Connection,
    actor: Actor,
    kind: str,
    target_words: str,
    now: datetime,
) -> Refusal:
    """Return why no key was granted, and what to do."""
    cannot = f"You cannot finish connecting {connection.name}, because"
    if kind == "app_refused":
        words = f"{cannot} its client ID and client secret were not accepted."
        hint = "Correct the client ID under Settings, or paste the client secret again."
    elif kind == "code_refused":
        words, hint = f"{cannot} the code that you came back with is not valid any more.", AGAIN
    else:
        words = f"{cannot} the code could not be exchanged now."
        hint = f"Try again in a few minutes. {AGAIN}"
    return _refused(session, connection, actor, now, kind, words, f"{target_words} {hint}")


def _refused(
    session: Session,
    connection: Connection,
    actor: Actor,
    now: datetime,
    code: str,
    words: str,
    hint: str,
) -> Refusal:
    """Return a refusal and record it as an event."""
    message = f"{connection.name} was not connected: {words} {hint}"
    log_connection_event(session, connection, actor, now, "connection.not_authorized", message)
    return Refusal(f"authorization.{code}", words, hint)
