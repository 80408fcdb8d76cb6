"""A source that says only that something changed is asked at once, with a key that lasts."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from connectors import registry
from connectors.contract import Settings
from connectors.contract.pulls import NoPage
from connectors.contract.targets import Renewed
from connectors.transport.http import Http
from holding.access.actors import SYSTEM
from holding.connections import breaker, connections
from holding.db import leases
from holding.db.database import Database
from holding.db.models import Company, Connection, Event, Pull
from holding.intake import pulls
from holding.intake.pulls import pull_due, start_new_pulls
from tests.holding.desks import KEYS
from tests.holding.intake.shelf import Shelf
from tests.support.clock import SetClock
from tests.support.factories import make_connection

SETTINGS = {"base_url": "https://shop.example", "pull_minutes": "60", "sweep_at": "02:30"}


@dataclass
class Locked(Shelf):
    """Its key is due where it ends in `old`, and may be over where it ends in `worn`."""

    answers: list[Renewed] = field(default_factory=list)

    def is_due(self, secret: str, now: datetime) -> bool:
        del now
        return secret.endswith("old")

    def may_be_over(self, secret: str, now: datetime) -> bool:
        del now
        return secret.endswith("worn")

    def renew(self, settings: Settings, secret: str, http: Http) -> Renewed:
        del settings, secret, http
        return self.answers.pop(0)


class House:
    """One such source, and a worker who asks it."""

    def __init__(self, database: Database, company: Company, clock: SetClock, shelf: Locked):
        self.database, self.company, self.clock, self.shelf = database, company, clock, shelf
        with database.write() as session:
            made = make_connection(session, company, "shelf", side="source", settings=SETTINGS)
            self.id = made.id
        self.use("a-key-new")

    def use(self, key: str) -> None:
        with self.database.write() as session:
            connections.set_key(session, SYSTEM, self.id, key, now=self.clock.now(), keys=KEYS)
            start_new_pulls(session, self.clock.now())

    def ask_soon(self) -> None:
        with self.database.write() as session:
            pulls.pull_soon(session, self.id, self.clock.now())

    def read(self) -> int:
        """How many pages were asked for until nothing is due."""
        before, more = len(self.shelf.asked), True
        while more:
            more = pull_due(
                self.database,
                self.clock,
                company_id=self.company.id,
                owner="worker-1",
                http=Http(self.clock),
                keys=KEYS,
                lease_seconds=60,
            ).more
            self.clock.advance(0.001)
        return len(self.shelf.asked) - before

    @property
    def row(self) -> Pull:
        with self.database.read() as session:
            return session.query(Pull).filter_by(kind="pull").one()

    @property
    def secret(self) -> object:
        with self.database.read() as session:
            return connections.secret_of(session, session.get_one(Connection, self.id), KEYS)

    def said(self) -> list[str]:
        with self.database.read() as session:
            rows = session.query(Event).filter_by(act="pull.failed").order_by(Event.id)
            return [(one.body or {})["say"] for one in rows]


@pytest.fixture
def house(
    monkeypatch: pytest.MonkeyPatch, database: Database, company: Company, clock: SetClock
) -> House:
    shelf = Locked()
    monkeypatch.setattr(registry, "_SOURCES", (shelf,))
    return House(database, company, clock, shelf)


def test_it_is_asked_at_once_and_then_as_planned(house: House, clock: SetClock) -> None:
    assert house.read() == 1
    clock.advance(timedelta(minutes=5))
    assert house.read() == 0
    house.ask_soon()
    assert house.read() == 1
    due = house.row.due_at
    assert due is not None
    assert timedelta(minutes=59) < due - clock.now() <= timedelta(minutes=60)


def test_what_is_told_while_it_is_asked_is_asked_for_again(house: House) -> None:
    def once() -> None:
        house.shelf.meanwhile = lambda: None
        house.clock.advance(1)
        house.ask_soon()

    house.shelf.meanwhile = once
    assert house.read() == 2
    assert house.read() == 0


def test_one_that_fails_keeps_its_pace(house: House) -> None:
    house.shelf.answer = NoPage(words="It is away.")
    assert house.read() == 1
    house.ask_soon()
    assert house.read() == 0
    house.clock.advance(timedelta(minutes=2))
    assert house.read() == 1


def test_a_key_is_exchanged_before_it_ends_and_stored(house: House) -> None:
    house.use("a-key-old")
    house.shelf.answers = [Renewed(kind="renewed", words="Renewed.", secret="a-key-next")]
    assert house.read() == 1
    assert house.shelf.keys == {"a-key-next"}
    assert house.secret == "a-key-next"


def test_a_key_that_ended_early_is_exchanged_once_and_the_page_asked_for_again(
    house: House,
) -> None:
    house.use("a-key-worn")
    house.shelf.answer = NoPage(words="Refused.", key_refused=True)
    house.shelf.answers = [Renewed(kind="renewed", words="Renewed.", secret="a-key-next")]
    assert house.read() == 2
    assert house.shelf.keys == {"a-key-worn", "a-key-next"}
    assert house.said() == []
    house.shelf.answer = NoPage(words="Refused.", key_refused=True)  # a fresh one is refused
    house.clock.advance(timedelta(hours=1))
    assert house.read() == 1
    assert house.said() == ["shelf could not be read. Refused."]


@pytest.mark.parametrize("kind", ["refused", "away"])
def test_an_exchange_that_fails_is_told_and_shuts_nothing(house: House, kind: str) -> None:
    house.use("a-key-old")
    house.shelf.answers = [Renewed(kind=kind, words="No other key.")]  # type: ignore[arg-type]
    assert house.read() == 0
    hint = " Give the connection a new key: its page says where it comes from."
    assert house.said() == [f"shelf could not be read. No other key.{hint * (kind == 'refused')}"]
    assert house.secret == "a-key-old"
    with house.database.read() as session:
        assert breaker.closed(session, house.id)
    house.use("a-key-new")
    house.clock.advance(timedelta(minutes=2))
    assert house.read() == 1


def test_while_another_worker_exchanges_the_key_nothing_is_wrong(house: House) -> None:
    house.use("a-key-old")
    with house.database.write() as session:
        now = house.clock.now()
        until = now + timedelta(minutes=2)
        leases.take(session, f"renewal:{house.id}", owner="other", until=until, now=now)
    assert house.read() == 0
    assert house.said() == []
    house.use("a-key-new")
    house.clock.advance(6)
    assert house.read() == 1
