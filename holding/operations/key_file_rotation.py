"""Replace the key of the key file and encrypt every stored secret again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access import enrolment
from holding.access.actors import add_key, key_path, load_keys, only_newest_key
from holding.connections import connections
from holding.db.database import Database
from holding.db.models import Connection, ConnectionKey, Recipient, SecondFactor
from holding.db.refusal import Refusal
from holding.operations import recipients
from holding.platform.processes import count_workers
from holding.platform.settings import Settings


@dataclass(frozen=True, slots=True)
class Secret:
    """A stored secret: its cipher, the row name it is encrypted for, and how to replace it."""

    title: str
    row: str
    cipher: str
    replace: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Rotated:
    """How many secrets were encrypted again, and the titles of those that no key decrypts."""

    count: int
    unreadable: tuple[str, ...]


def rotate_key_file(database: Database, settings: Settings, now: datetime) -> Rotated | Refusal:
    """Write a new key, encrypt every secret with it, and remove the older keys from the file.

    Refused while a worker runs, because a process keeps the keys that it read at its start. The
    older keys stay in the file until all secrets are stored, so an interrupted rotation loses
    nothing and can be repeated.
    """
    with database.read() as session:
        running = count_workers(session, now).running
    if running:
        words = f"{running} workers run, and each keeps the keys that it read at its start."
        return Refusal("key.in_use", words, "Stop all workers and portals first.", 409)
    path = key_path(settings)
    keys = load_keys(settings)
    if isinstance(keys, Refusal):
        return keys
    add_key(path)
    keys = load_keys(settings)
    if isinstance(keys, Refusal):
        return keys
    unreadable = []
    count = 0
    with database.write() as session:
        for secret in _secrets(session):
            text = keys.decrypt(secret.cipher, row=secret.row)
            if isinstance(text, Refusal):
                unreadable.append(secret.title)
                continue
            secret.replace(keys.encrypt(text, row=secret.row))
            count += 1
    only_newest_key(path)
    return Rotated(count, tuple(unreadable))


def _secrets(session: Session) -> Iterator[Secret]:
    """Yield every encrypted value of the database, of all companies."""
    pairs = select(ConnectionKey, Connection).join(
        Connection, Connection.id == ConnectionKey.connection_id
    )
    for key, connection in session.execute(pairs.order_by(ConnectionKey.id)):
        title = f"key ending in {key.tail} of {connection.name}"
        yield _secret(title, connections.bound(connection, key.no), key)
    factors = select(SecondFactor).order_by(SecondFactor.person_id)
    for factor in session.scalars(factors):
        title = f"authenticator app of person {factor.person_id}"
        yield _secret(title, enrolment.bound(factor.person_id), factor)
    hooks = select(Recipient).where(Recipient.secret.is_not(None)).order_by(Recipient.id)
    for hook in session.scalars(hooks):
        yield _secret(f"notice webhook {hook.id}", recipients.bound(hook.id), hook)


def _secret(title: str, row: str, model: ConnectionKey | SecondFactor | Recipient) -> Secret:
    def replace(cipher: str) -> None:
        model.secret = cipher

    return Secret(title, row, model.secret or "", replace)
