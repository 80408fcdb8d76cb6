"""Connections to sources and targets: settings, secrets, pauses.

Here: giving one a secret, pausing it, trusting it again. Not here: adding one
(holding/configuration/new_connections.py), changing its settings
(holding/configuration/settings_change.py), testing it (holding/connections/probe.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from connectors import registry
from holding.access.actors import SYSTEM, Actor, Keys, key_fault, load_keys, may
from holding.connections import breaker
from holding.db.models import Cause, Connection, ConnectionKey, Posting, Pull, Run, Throttle
from holding.db.models.columns import KeyState, among_words
from holding.db.refusal import Refusal
from holding.platform.changes import next_revision, wake_cause
from holding.platform.events import record_event
from holding.platform.settings import Settings
from rules.values.cause_keys import CauseKey, CauseKind
from rules.values.posting_states import PostingState

KEEP_OLD = timedelta(days=7)
CALLS_PER_MINUTE = "calls_per_minute"  # a setting: how often a target may be called
TAIL = 4


@dataclass(frozen=True, slots=True)
class KeySet:
    """A secret was stored; only its tail is ever shown."""

    no: int
    tail: str
    trimmed: bool
    """White space around it was left out."""


def set_key(
    session: Session,
    actor: Actor,
    connection_id: int,
    secret: str,
    *,
    now: datetime,
    keys: Keys | None = None,
) -> KeySet | Refusal:
    """Store a secret, encrypted for this one row; the one before it is kept for a week.

    What the target refused for its key is judged again.
    """
    connection = session.get_one(Connection, connection_id)
    refusal = permitted(actor, "connection.admin", connection.company_id) or key_fault(secret)
    box = keys or load_keys(Settings.from_env())
    if refusal:
        return refusal
    if isinstance(box, Refusal):
        return box
    session.execute(
        update(ConnectionKey)
        .where(ConnectionKey.connection_id == connection.id, ConnectionKey.state == KeyState.ACTIVE)
        .values(state=KeyState.OLD, keep_until=now + KEEP_OLD)
    )
    row = keep_key(session, connection, actor, secret, KeyState.ACTIVE, now, box)
    connection.key_id = row.id
    connection.lock += 1
    trust_again(session, connection, now)
    session.execute(  # a source that did not accept the one before is asked again
        update(Pull)
        .where(Pull.connection_id == connection.id, Pull.wrong.is_not(None))
        .values(due_at=now, tries=0)
    )
    words = f"The key of {connection.name} was stored. It ends in {row.tail}."
    tell(session, connection, actor, now, "connection.key", words)
    return KeySet(row.no, row.tail, trimmed=secret.strip() != secret)


def keep_key(
    session: Session,
    connection: Connection,
    actor: Actor,
    secret: str,
    state: KeyState,
    now: datetime,
    box: Keys,
) -> ConnectionKey:
    """The row of another secret, encrypted for it alone; white space around it is left out."""
    text = secret.strip()
    last = select(ConnectionKey.no).where(ConnectionKey.connection_id == connection.id)
    no = max(session.scalars(last), default=0) + 1
    row = ConnectionKey(
        connection_id=connection.id,
        no=no,
        secret=box.encrypt(text, row=bound(connection, no)),
        tail=text[-TAIL:],
        state=state,
        made_at=now,
        made_by_id=actor.person_id,
    )
    session.add(row)
    session.flush()
    return row


def ask_key_again(session: Session, connection: Connection, now: datetime) -> bool:
    """Take its secrets out of use, which were given for another host; whether there were any."""
    ended = session.scalars(
        update(ConnectionKey)
        .where(ConnectionKey.connection_id == connection.id)
        .where(ConnectionKey.state != KeyState.DISABLED)
        .values(state=KeyState.DISABLED, keep_until=now + KEEP_OLD)
        .returning(ConnectionKey.id)
        .execution_options(synchronize_session=False)
    ).all()
    connection.key_id = None
    return bool(ended)


_KEYS = (
    select(ConnectionKey)
    .where(ConnectionKey.connection_id == bindparam("connection"))
    .where(among_words(ConnectionKey.state, (KeyState.ACTIVE, KeyState.OLD)))
    .order_by(ConnectionKey.no.desc())
)


def secret_of(session: Session, connection: Connection, keys: Keys | None = None) -> str | Refusal:
    """The secret that is in use."""
    found = _opened(session, connection, None, keys)
    return found if isinstance(found, Refusal) else found[0]


def secrets_of(
    session: Session, connection_id: int, now: datetime, keys: Keys | None = None
) -> tuple[str, ...] | Refusal:
    """The secret in use, then older ones that are still honoured."""
    return _opened(session, session.get_one(Connection, connection_id), now, keys)


def _opened(
    session: Session, connection: Connection, now: datetime | None, keys: Keys | None
) -> tuple[str, ...] | Refusal:
    """The secrets in plain text; without `now` only the one in use. What asks for no key has a
    blank one.
    """
    if _asks_for_none(connection):
        return ("",)
    box = keys or load_keys(Settings.from_env())
    if isinstance(box, Refusal):
        return box
    return _texts(connection, session.scalars(_KEYS, {"connection": connection.id}), now, box)


def opened(connection: Connection, active: ConnectionKey | None, keys: Keys) -> str | Refusal:
    """The secret that is in use, where its row was read with the connection."""
    if _asks_for_none(connection):
        return ""
    found = _texts(connection, [active] if active else [], None, keys)
    return found if isinstance(found, Refusal) else found[0]


def _asks_for_none(connection: Connection) -> bool:
    form = registry.form_of(connection.side, connection.connector)
    return form is not None and (
        form.key is None or (form.key.optional and connection.key_id is None)
    )


def _texts(
    connection: Connection, rows: Iterable[ConnectionKey], now: datetime | None, box: Keys
) -> tuple[str, ...] | Refusal:
    live = [row for row in rows if row.state == KeyState.ACTIVE or _kept(row, now)]
    if not any(row.state == KeyState.ACTIVE for row in live):
        words = f"{connection.name} has no key yet."
        return Refusal("connection.no_key", words, "Paste the key on the connection's page.")
    texts: list[str] = []
    for row in live:
        text = box.decrypt(row.secret, row=bound(connection, row.no))
        if isinstance(text, Refusal):
            return text
        texts.append(text)
    return tuple(texts)


def pause(
    session: Session,
    actor: Actor,
    connection_id: int,
    reason: str,
    *,
    now: datetime,
    until: datetime | None = None,
) -> Refusal | None:
    """Send nothing to this target until then, or somebody resumes; what is in flight ends."""
    connection = session.get_one(Connection, connection_id)
    if refusal := permitted(actor, "run.operate", connection.company_id):
        return refusal
    if not reason.strip():
        return Refusal("reason.missing", "Pausing needs a reason.", "Say why, for the others.", 422)
    if until is not None and until <= now:
        return Refusal("pause.until", "The pause ends before it begins.", "Name a later time.", 422)
    if connection.paused_at is None:
        connection.paused_at, connection.paused_by_id = now, actor.person_id
        connection.pause_reason, connection.pause_until = reason.strip(), until
        connection.lock += 1
        words = f"{connection.name} was paused: {reason.strip()}"
        if until is not None:
            end = f"{until.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
            words = f"{connection.name} was paused until {end}: {reason.strip()}"
        tell(session, connection, actor, now, "connection.paused", words, reason=reason.strip())
    return None


def resume(session: Session, actor: Actor, connection_id: int, *, now: datetime) -> Refusal | None:
    """Send again."""
    connection = session.get_one(Connection, connection_id)
    if refusal := permitted(actor, "run.operate", connection.company_id):
        return refusal
    if connection.paused_at is not None:
        connection.paused_at = connection.paused_by_id = connection.pause_reason = None
        connection.pause_until = None
        connection.lock += 1
        words = f"{connection.name} was resumed."
        tell(session, connection, actor, now, "connection.resumed", words)
    return None


def trust_again(
    session: Session, connection: Connection, now: datetime, *, surely: bool = True
) -> None:
    """What it refused for its key, or because it was away, is tried or judged again now; unless a
    person says so (`surely`), who was away has to answer a call first.
    """
    for kind in (CauseKind.CREDENTIAL, CauseKind.AWAY):
        _free(session, connection, CauseKey(kind, connection.name), now)
    session.execute(  # what waits only to be undone keeps its time
        update(Posting)
        .where(Posting.connection_id == connection.id, Posting.state == PostingState.READY)
        .where(Posting.tries > 0, Posting.due_at > now, Posting.lease_until.is_(None))
        .values(due_at=now)
    )
    session.execute(  # and so is the run that sends it, which waits for the same
        update(Run)
        .where(Run.connection_id == connection.id, Run.due_at > now, Run.lease_until.is_(None))
        .values(due_at=now)
    )
    session.execute(  # whatever it wanted us to wait for is over
        update(Throttle)
        .where(Throttle.connection_id == connection.id, Throttle.filled_at > now)
        .values(tokens=0, filled_at=now)
    )
    if connection.untested_since is None:
        close = breaker.close if surely else breaker.passed
        close(session, connection.id, now)


def wait_for_test(session: Session, connection: Connection, now: datetime) -> None:
    """Send nothing to this target until a test of it passes."""
    connection.untested_since = connection.untested_since or now
    breaker.hold_back(session, connection.id, now)


def permitted(actor: Actor, act: str, company_id: int) -> Refusal | None:
    """The system may; a person needs the permission, in this very company."""
    if actor.via == SYSTEM.via:
        return None
    if actor.company_id != company_id:
        return Refusal("connection.unknown", "There is no such connection.", status=404)
    return may(actor, act)


def tell(session: Session, connection: Connection, actor: Actor, now: datetime, act: str,
         say: str, **told: str) -> None:  # fmt: skip
    """Leave an event of a connection; `told` stands beside the sentence."""
    record_event(
        session,
        company_id=connection.company_id,
        at=now,
        actor=actor,
        act=act,
        object=f"connection:{connection.id}",
        body={"say": say, **told},
    )


def _free(session: Session, connection: Connection, key: CauseKey, now: datetime) -> None:
    """Have judged again what was held by this cause, if anything was."""
    query = select(Cause.records).where(Cause.company_id == connection.company_id, Cause.key == key)
    if not session.scalar(query):
        return
    revision = next_revision(
        session,
        connection.company_id,
        "connection",
        f"{connection.name} is trusted again",
        person_id=None,
        reason="a new key, or a test that passed",
        now=now,
    )
    wake_cause(session, key, now, company_id=connection.company_id, revision=revision)


def _kept(row: ConnectionKey, now: datetime | None) -> bool:
    return now is not None and row.keep_until is not None and row.keep_until > now


def bound(connection: Connection, no: int) -> str:
    """The one row a secret is made for."""
    return f"{connection.company_id}:{connection.id}:{no}"
