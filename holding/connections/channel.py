"""What a worker needs to push: the desk, and one open channel to a target.

Here: time, chance, limits, and a connection with its secret read. Not here: any step of a push.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import Pace, Target
from connectors.contract.declared_settings import looks_first
from connectors.contract.hand_imports import ImportedByHand
from connectors.transport.clock import Clock
from connectors.transport.http import Http
from holding.access.actors import Keys
from holding.connections.own_settings import settings_and_zone, settled
from holding.connections.setup import CALLS_PER_MINUTE, opened, secret_of
from holding.db.database import Database
from holding.db.models import Connection, ConnectionKey
from holding.db.refusal import Refusal
from holding.platform.settings import Settings

USUAL_SETTLE_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One worker's tools; `trace` renders the stories of evaluations for keeping, `renew` keeps
    what this turn has claimed (holding/posting/prepare.py), `forget` forgets what `trace`
    has read of the database.
    """

    database: Database
    clock: Clock
    settings: Settings
    keys: Keys
    owner: str
    chance: Random
    http: Http
    trace: Callable[[Session, Collection[int]], Mapping[int, bytes]]
    renew: Callable[[], None] = lambda: None
    forget: Callable[[], None] = lambda: None

    @property
    def lease(self) -> timedelta:
        """How long a claim holds without being renewed."""
        return timedelta(seconds=self.settings.lease_seconds)

    @property
    def answer(self) -> timedelta:
        """How long a call may take, as the journal promises it to whoever looks later."""
        return timedelta(seconds=self.settings.answer_seconds)

    @property
    def pace(self) -> float:
        """1 in real life; smaller where tests settle faster than the usual half minute."""
        settle = self.settings.settle_seconds
        return 1.0 if settle is None else min(1.0, settle / USUAL_SETTLE_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One connection, ready to talk."""

    company_id: int
    connection_id: int
    name: str
    connector: str
    target: Target
    settings: Mapping[str, object]
    secret: str
    key_id: int | None
    settle: timedelta
    looks_first: bool
    calls_per_minute: int | None
    zone: ZoneInfo

    @property
    def by_hand(self) -> bool:
        """Whether a person carries its files there, so that nothing is ever called."""
        return isinstance(self.target, ImportedByHand)

    @property
    def company_there(self) -> str:
        """The company in the target that this connection posts to."""
        return str(self.settings.get("company_id", ""))

    def total_field(self, document: str) -> str | None:
        """The field that has the total of a document type."""
        known = (one for one in self.target.documents if one.name == document)
        return next((one.total_field for one in known), None)

    def shows(self, document: str) -> bool:
        """Whether the target shows documents of a type when it is asked."""
        return all(one.shown for one in self.target.documents if one.name == document)

    def counts(self, document: str) -> bool:
        """Whether one of a type is a document of the month, where the target counts those."""
        return all(one.counted for one in self.target.documents if one.name == document)

    @property
    def calls_to_send(self) -> int:
        """How many calls one document costs, with the look before it where there is one."""
        pace = self.target.pace
        return pace.sending(self.settings) + (pace.to_look if self.looks_first else 0)

    @property
    def calls_to_file(self) -> int:
        """How many calls a file or a batch counts for, with the looks before it."""
        return self.target.pace.to_batch or self.calls_to_send


def open_channel(session: Session, desk: Desk, connection: Connection) -> Channel | Refusal:
    """The connection with its connector and its secret, or why it cannot be used."""
    target = _target_of(connection)
    if isinstance(target, Refusal):
        return target
    secret = secret_of(session, connection, desk.keys)
    if isinstance(secret, Refusal):
        return secret
    return _channel(desk, connection, target, secret, settings_and_zone(session, connection))


def opened_channel(
    desk: Desk, connection: Connection, key: ConnectionKey | None, zone: str, currency: str
) -> Channel | Refusal:
    """The same, where its key in use and what it has of its company were read with it."""
    target = _target_of(connection)
    if isinstance(target, Refusal):
        return target
    secret = opened(connection, key, desk.keys)
    if isinstance(secret, Refusal):
        return secret
    return _channel(desk, connection, target, secret, settled(connection, zone, currency))


def counted_together(session: Session, connection_id: int, pace: Pace) -> tuple[int, ...]:
    """The connections whose calls the target counts together with those of this one, of whatever
    company of ours, the oldest first; that one keeps the count.
    """
    setting = pace.counted_by
    if not setting:
        return (connection_id,)
    mine = session.get_one(Connection, connection_id)
    account = str(mine.settings.get(setting, "")).strip()
    alike = session.execute(_OF_CONNECTOR, {"connector": mine.connector})
    same = [row.id for row in alike if str(row.settings.get(setting, "")).strip() == account]
    return tuple(same) if account else (connection_id,)


def together_with(session: Session, channel: Channel) -> tuple[int, ...]:
    """The same of an open channel."""
    return counted_together(session, channel.connection_id, channel.target.pace)


_OF_CONNECTOR = (
    select(Connection.id, Connection.settings)
    .where(Connection.connector == bindparam("connector"), Connection.side == "target")
    .order_by(Connection.id)
)


def _target_of(connection: Connection) -> Target | Refusal:
    target = registry.targets().get(connection.connector)
    if target is None:
        return Refusal("connection.connector", f"There is no connector {connection.connector}.")
    return target


def _channel(
    desk: Desk,
    connection: Connection,
    target: Target,
    secret: str,
    told: tuple[Mapping[str, object], ZoneInfo],
) -> Channel:
    settings, zone = told
    given = desk.settings.settle_seconds
    settle = target.settle_seconds if given is None else given
    return Channel(
        company_id=connection.company_id,
        connection_id=connection.id,
        name=connection.name,
        connector=connection.connector,
        target=target,
        settings=settings,
        secret=secret,
        key_id=connection.key_id,
        settle=timedelta(seconds=settle),
        looks_first=(target.dedupe in ("key", "none") or looks_first(connection.settings))
        and not isinstance(target, ImportedByHand),
        calls_per_minute=calls_a_minute(target, connection.settings, desk.pace),
        zone=zone,
    )


def calls_a_minute(target: Target, settings: Mapping[str, object], pace: float) -> int | None:
    """What the target allows, or less where the connection's settings say so; nothing is counted
    where nothing takes time.
    """
    told = str(settings.get(CALLS_PER_MINUTE, ""))
    figures = [int(told)] if told.isascii() and told.isdecimal() and int(told) else []
    figures += [target.pace.per_minute] if target.pace.per_minute else []
    figure = min(figures, default=None)
    return int(figure / pace) if figure and pace else None
