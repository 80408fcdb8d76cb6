"""Connections: secrets that are pasted badly, moved, rotated; pauses; what a test teaches."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select, update

from connectors.transport.http import Http
from holding.access.actors import SYSTEM, Actor
from holding.connections import channel, connections, master_data
from holding.connections.connections import secret_of, secrets_of, set_key
from holding.db.database import Database
from holding.db.models import (
    Company,
    Connection,
    ConnectionKey,
    Event,
    Record,
    Revision,
    Snapshot,
    SnapshotItem,
)
from holding.db.refusal import Refusal
from holding.rulesets.new_connections import add_connection
from tests.holding.desks import KEYS
from tests.support.clock import SetClock
from tests.support.factories import connection_named
from tests.support.postings import NOW, make_ready
from tests.support.simulator import DEMO_KEY, Simulator, simulator


def actor(company: Company, *roles: str) -> Actor:
    return Actor(None, "Tan", "tan@example.test", company.id, frozenset(roles))


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulator(tmp_path_factory.mktemp("aiaccount")) as running:
        yield running


@pytest.fixture
def connection_id(
    database: Database, company: Company, target: Simulator, monkeypatch: pytest.MonkeyPatch
) -> int:
    monkeypatch.setenv("CLEARPOST_ENV", "test")
    monkeypatch.setenv("CLEARPOST_ALLOW_LOOPBACK", "1")
    target.control("reset")
    with database.write() as session:
        row = connection_named(session, company, "aiaccount")
        row.settings = {**row.settings, "base_url": target.url}
        set_key(session, SYSTEM, row.id, DEMO_KEY, now=NOW, keys=KEYS)
        return row.id


def test_a_pasted_key_is_trimmed_and_only_its_tail_is_shown(
    database: Database, connection_id: int
) -> None:
    with database.write() as session:
        row = session.get_one(Connection, connection_id)
        done = set_key(session, SYSTEM, row.id, "  aia_live_new_9Xyz \n", now=NOW, keys=KEYS)
        assert done == connections.KeySet(2, "9Xyz", trimmed=True)
        assert secret_of(session, row, KEYS) == "aia_live_new_9Xyz"
        stored = session.scalars(select(ConnectionKey).order_by(ConnectionKey.no)).all()
        assert [key.state for key in stored] == ["old", "active"]
        assert not any("aia_live" in key.secret for key in stored)
        told = str([event.body for event in session.scalars(select(Event))])
        assert "9Xyz" in told
        assert "aia_live" not in told


@pytest.mark.parametrize(
    "secret", ["aia_live demo_7Qk2", "aia\tlive_demo", "short", "", "a\x00bcdefgh"]
)
def test_a_key_that_cannot_be_one_is_refused(
    database: Database, connection_id: int, secret: str
) -> None:
    with database.write() as session:
        row = session.get_one(Connection, connection_id)
        done = set_key(session, SYSTEM, row.id, secret, now=NOW, keys=KEYS)
        assert isinstance(done, Refusal)
        assert done.code in ("key.white_space", "key.unusable")
        assert secret_of(session, row, KEYS) == DEMO_KEY


def test_a_secret_copied_to_another_row_is_refused(
    database: Database, company: Company, connection_id: int
) -> None:
    with database.write() as session:
        source = connection_named(session, company, "netshop")
        set_key(session, SYSTEM, source.id, "another-secret", now=NOW, keys=KEYS)
        stolen = session.scalars(
            select(ConnectionKey.secret).where(ConnectionKey.connection_id == connection_id)
        ).one()
        session.execute(
            update(ConnectionKey)
            .where(ConnectionKey.connection_id == source.id)
            .values(secret=stolen)
        )
        found = secret_of(session, source, KEYS)
        assert isinstance(found, Refusal)
        assert found.code == "secret.moved"


def test_a_rotated_webhook_secret_is_honoured_for_a_week(
    database: Database, company: Company, clock: SetClock
) -> None:
    with database.write() as session:
        source = connection_named(session, company, "netshop")
        for secret in ("first-secret", "second-secret"):
            set_key(session, SYSTEM, source.id, secret, now=clock.now(), keys=KEYS)
        assert secrets_of(session, source.id, clock.now(), KEYS) == (
            "second-secret",
            "first-secret",
        )
        clock.advance(8 * 86400)
        assert secrets_of(session, source.id, clock.now(), KEYS) == ("second-secret",)


def test_without_a_key_there_is_a_clear_word(database: Database, company: Company) -> None:
    with database.read() as session:
        found = secret_of(session, connection_named(session, company, "aiaccount"), KEYS)
    assert isinstance(found, Refusal)
    assert found.code == "connection.no_key"


def test_adding_knows_the_connectors_and_the_names(database: Database, company: Company) -> None:
    def add(name: str, connector: str) -> int | Refusal:
        return add_connection(
            session,
            company_id=company.id,
            name=name,
            side="target",
            connector=connector,
            settings={},
            actor=SYSTEM,
            now=NOW,
        )

    with database.write() as session:
        assert isinstance(add("second", "aiaccount"), int)
        for name, connector, code in (
            ("second", "aiaccount", "connection.taken"),
            ("third", "sap", "connection.connector"),
        ):
            refused = add(name, connector)
            assert isinstance(refused, Refusal)
            assert refused.code == code


def test_pausing_needs_the_right_and_a_reason(
    database: Database, company: Company, connection_id: int
) -> None:
    operator, viewer = actor(company, "operator"), actor(company, "viewer")
    stranger = Actor(None, "Ng", "", company.id + 1, frozenset({"operator"}))
    with database.write() as session:
        row = session.get_one(Connection, connection_id)
        for who, reason, code in (
            (viewer, "x", "forbidden"),
            (stranger, "x", "connection.unknown"),
            (operator, " ", "reason.missing"),
        ):
            refused = connections.pause(session, who, row.id, reason, now=NOW)
            assert isinstance(refused, Refusal)
            assert refused.code == code
        assert connections.pause(session, operator, row.id, "month end", now=NOW) is None
        assert (row.paused_at, row.pause_reason) == (NOW, "month end")
        assert connections.resume(session, operator, row.id, now=NOW) is None
        assert row.paused_at is None


def test_keys_and_tests_are_the_admins(
    database: Database, company: Company, clock: SetClock, connection_id: int
) -> None:
    operator = actor(company, "operator")
    with database.write() as session:
        row = session.get_one(Connection, connection_id)
        refused = set_key(session, operator, row.id, "aia_live_new_9Xyz", now=NOW, keys=KEYS)
        assert isinstance(refused, Refusal)
        assert refused.code == "forbidden"
        done = set_key(
            session, actor(company, "admin"), row.id, "aia_live_new_9Xyz", now=NOW, keys=KEYS
        )
        assert done == connections.KeySet(2, "9Xyz", trimmed=False)
    tested = channel.test_connection(
        database, clock, connection_id, operator, http=Http(clock), keys=KEYS
    )
    assert isinstance(tested, Refusal)
    assert tested.status == 403


def test_a_test_keeps_what_it_saw_and_wakes_what_it_may_change(
    database: Database, company: Company, clock: SetClock, connection_id: int, target: Simulator
) -> None:
    with database.write() as session:
        record_id = make_ready(session, company, "IV-1").record_id

    def look() -> None:
        report = channel.test_connection(
            database, clock, connection_id, SYSTEM, http=Http(clock), keys=KEYS
        )
        assert not isinstance(report, Refusal)
        assert report.ok, report.steps

    look()
    with database.write() as session:
        assert session.get_one(Record, record_id).due_at == clock.now()
        session.get_one(Record, record_id).due_at = None
        codes = {row.kind: row.id for row in session.scalars(select(Snapshot))}
        assert set(codes) == {"period", "rounding", "tax_code", "account", "currency"}
    clock.advance(60)
    look()  # nothing changed: seen again, no revision, nobody woken
    with database.read() as session:
        assert session.get_one(Record, record_id).due_at is None
        assert len(session.scalars(select(Revision)).all()) == 1
        assert {row.checked_at for row in session.scalars(select(Snapshot))} == {clock.now()}
    target.control("lock", through="2026-10-31")
    clock.advance(60)
    look()
    with database.read() as session:
        assert session.get_one(Record, record_id).due_at == clock.now()
        period = session.scalars(
            select(SnapshotItem)
            .where(SnapshotItem.snapshot_id == codes["period"])
            .order_by(SnapshotItem.id)
        ).all()
        assert [(item.body, item.to_revision) for item in period] == [
            ({"date": None}, 2),
            ({"date": "2026-10-31"}, None),
        ]


def test_master_data_is_looked_at_again_after_a_quarter_of_an_hour(
    database: Database, clock: SetClock, connection_id: int
) -> None:
    with database.read() as session:
        assert channel.to_refresh(session, clock.now()) == (connection_id,)
    channel.test_connection(database, clock, connection_id, SYSTEM, http=Http(clock), keys=KEYS)
    with database.read() as session:
        assert channel.to_refresh(session, clock.now()) == ()
        later = clock.now() + master_data.FRESH
        assert channel.to_refresh(session, later) == (connection_id,)
