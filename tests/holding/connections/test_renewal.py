"""A key that runs out is exchanged in time by one process, and the next one is stored encrypted."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connectors import registry
from connectors.contract import ConnectionReport
from connectors.contract.targets import Renewed
from connectors.kit.calls import grant_of
from holding.access.actors import SYSTEM
from holding.connections import breaker, connections
from holding.connections.channel import (
    Channel,
    Desk,
    open_channel,
    renew,
    renewed_after_all,
    with_good_key,
)
from holding.connections.channel import test_connection as try_connection
from holding.connections.connections import secret_of
from holding.db import leases
from holding.db.database import Database
from holding.db.models import Company, Connection, ConnectionKey, Event
from tests.connectors.simulator_processes import Simulator
from tests.holding.desks import KEYS, make_desk
from tests.support.clock import SetClock
from tests.support.factories import add_target

PASTED = "qbo-client-3Rk9:qbo-refresh-5Mx8-0"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    sim = Simulator("quickbooks", tmp_path_factory.mktemp("sim") / "ledger.jsonl")
    yield sim
    sim.kill()


@dataclass
class House:
    """A connection to QuickBooks, and a worker's desk."""

    desk: Desk
    sim: Simulator
    connection_id: int

    def use(self, key: str) -> None:
        with self.desk.database.write() as session:
            row = session.get_one(Connection, self.connection_id)
            connections.set_key(session, SYSTEM, row.id, key, now=self.desk.clock.now(), keys=KEYS)

    @property
    def secret(self) -> str:
        with self.desk.database.read() as session:
            found = secret_of(session, session.get_one(Connection, self.connection_id), KEYS)
        assert isinstance(found, str)
        return found

    def channel(self) -> Channel:
        with self.desk.database.read() as session:
            row = session.get_one(Connection, self.connection_id)
            found = open_channel(session, self.desk, row)
        assert isinstance(found, Channel)
        return found

    def exchanges(self) -> int:
        lines: list[dict[str, Any]] = self.sim.ledger()
        start = max(at for at, one in enumerate(lines) if one.get("act") == "reset")
        return sum(one["call"] == "token" for one in lines[start:])

    def shut(self) -> bool:
        with self.desk.database.read() as session:
            return not breaker.closed(session, self.connection_id)

    def test(self) -> ConnectionReport:
        desk = self.desk
        told = try_connection(
            desk.database, desk.clock, self.connection_id, SYSTEM, http=desk.http, keys=KEYS
        )
        assert isinstance(told, ConnectionReport)
        return told


@pytest.fixture
def house(
    running: Simulator,
    database: Database,
    company: Company,
    clock: SetClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> House:
    running.control("reset")
    for name, value in (("ENV", "test"), ("ALLOW_LOOPBACK", "1")):
        monkeypatch.setenv(f"CLEARPOST_{name}", value)
    with database.write() as session:
        made = add_target(session, company, "quickbooks", running.settings, clock.now())
        connection_id = made.id
    desk = make_desk(database, clock, tmp_path)
    found = House(desk, running, connection_id)
    found.use(PASTED)
    return found


def test_it_is_exchanged_before_the_first_call_and_again_before_it_ends(
    house: House, clock: SetClock
) -> None:
    channel = with_good_key(house.desk, house.channel())
    assert isinstance(channel, Channel)
    assert channel.secret == house.secret
    assert (with_good_key(house.desk, channel), house.exchanges()) == (channel, 1)
    clock.advance(timedelta(minutes=56))
    assert with_good_key(house.desk, channel) not in (None, channel)
    assert with_good_key(house.desk, channel) is not None, "somebody else renewed it meanwhile"
    assert house.exchanges() == 2
    grant = grant_of(house.secret)
    assert grant is not None
    assert grant.refresh == "qbo-refresh-5Mx8-2"
    with house.desk.database.read() as session:
        (row,) = session.scalars(select(ConnectionKey)).all()
        said = str([one.body for one in session.scalars(select(Event).order_by(Event.id))])
        assert "qbo" not in row.secret
        assert (row.no, row.tail, row.state) == (1, "x8-0", "active")
        assert "qbo" not in said


def test_a_test_renews_what_is_due_and_whoever_is_second_does_not(house: House) -> None:
    desk, now = house.desk, house.desk.clock.now()
    name = f"renewal:{house.connection_id}"
    with desk.database.write() as session:
        leases.take(session, name, owner="else", until=now + timedelta(minutes=1), now=now)
    assert with_good_key(desk, house.channel()) is None
    assert (house.exchanges(), house.shut()) == (0, False)
    with desk.database.write() as session:
        leases.leave(session, name, owner="else")
    assert house.test().ok
    assert house.exchanges() == 1


def test_a_test_waits_for_who_renews_the_key_just_now(
    house: House, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker begins with a connection as soon as it has a key, and a person tests it then."""
    desk, now = house.desk, clock.now()
    name, real, naps = f"renewal:{house.connection_id}", clock.sleep, list[float]()
    with desk.database.write() as session:
        leases.take(session, name, owner="else", until=now + timedelta(minutes=1), now=now)

    def sleep(seconds: float) -> None:
        real(seconds)
        naps.append(seconds)
        if len(naps) == 3:  # the other one is through
            with desk.database.write() as session:
                leases.leave(session, name, owner="else")
            told = renew(desk.database, clock, house.connection_id, http=desk.http, keys=KEYS)
            assert told is not None

    monkeypatch.setattr(clock, "sleep", sleep)
    assert house.test().ok
    assert (house.exchanges(), len(naps)) == (1, 3)


def test_a_test_does_not_wait_for_ever_for_who_renews_the_key(
    house: House, clock: SetClock
) -> None:
    now = clock.now()
    with house.desk.database.write() as session:
        name, until = f"renewal:{house.connection_id}", now + timedelta(minutes=1)
        leases.take(session, name, owner="else", until=until, now=now)
    assert not house.test().ok
    assert (clock.now() - now).total_seconds() == pytest.approx(20, abs=1)
    assert house.exchanges() == 0


def test_a_token_that_ended_early_is_renewed_by_the_next_test(house: House) -> None:
    assert house.test().ok
    client, refresh, _, until = house.secret.split(":")
    house.use(f"{client}:{refresh}:qbo-access-7Wd2-99:{until}")
    with house.desk.database.write() as session:
        key_id = session.get_one(Connection, house.connection_id).key_id
        breaker.shut(session, house.connection_id, house.desk.clock.now(), key_id)
    assert house.test().ok
    assert (house.exchanges(), house.shut()) == (2, False)


def test_a_key_that_cannot_be_renewed_passes_no_test_while_it_is_still_good(
    house: House, clock: SetClock
) -> None:
    assert house.test().ok
    clock.advance(timedelta(minutes=56))
    house.sim.control("authorize", number=7)  # somebody connects the app anew, elsewhere
    client, refresh, _, until = house.secret.split(":")
    house.use(f"{client}:{refresh}:qbo-access-7Wd2-7:{until}")
    report = house.test()
    assert [step.name for step in report.steps if step.ok is False] == ["Key renewal"]
    assert house.shut()


def test_whoever_finds_that_another_one_renews_it_waits(house: House, clock: SetClock) -> None:
    assert house.test().ok
    desk, channel = house.desk, house.channel()
    clock.advance(timedelta(minutes=20))
    name, now = f"renewal:{house.connection_id}", clock.now()
    with desk.database.write() as session:
        leases.take(session, name, owner="else", until=now + timedelta(minutes=1), now=now)
    assert renewed_after_all(desk, channel)
    with desk.database.write() as session:
        leases.leave(session, name, owner="else")
    assert renewed_after_all(desk, channel)
    assert house.exchanges() == 2
    assert renewed_after_all(desk, channel), "it was renewed meanwhile"
    assert house.exchanges() == 2
    assert not renewed_after_all(desk, house.channel()), "it is new, and refused all the same"
    clock.advance(timedelta(minutes=20))
    house.sim.control("revoke")
    assert not renewed_after_all(desk, house.channel())
    assert house.shut()


def test_a_refresh_token_that_was_revoked_needs_a_person(house: House) -> None:
    house.sim.control("revoke")
    told_now = with_good_key(house.desk, house.channel())
    assert isinstance(told_now, Renewed)
    assert (told_now.kind, house.shut()) == ("refused", True)
    wrong = [step.name for step in house.test().steps if step.ok is False]
    assert wrong == ["Key renewal", "Key text"]
    assert house.shut()
    with house.desk.database.read() as session:
        told = session.scalars(
            select(Event.body).where(Event.act == "connection.not_renewed").order_by(Event.id)
        ).all()
    (once,) = told
    assert "answered 400 to the refresh token: invalid_grant." in once["say"]
    house.sim.control("authorize", number=7)
    house.use(PASTED.replace("-0", "-7"))
    assert with_good_key(house.desk, house.channel()) is not None
    assert house.test().ok


def test_no_answer_is_tried_again_and_other_targets_are_left_alone(
    house: House, company: Company
) -> None:
    with house.desk.database.write() as session:
        row = session.get_one(Connection, house.connection_id)
        row.settings = {**row.settings, "token_url": "http://127.0.0.1:1"}
    assert with_good_key(house.desk, house.channel()) is None
    assert (house.shut(), house.secret) == (False, PASTED)
    for _ in range(4):
        assert with_good_key(house.desk, house.channel()) is None
    assert house.shut(), "it is away, and asked less often"
    other = replace(house.channel(), target=registry.targets()["autocount"])
    assert with_good_key(house.desk, other) is other
    renew(house.desk.database, house.desk.clock, house.connection_id, http=house.desk.http)
    assert house.secret == PASTED
