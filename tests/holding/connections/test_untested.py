"""Nothing is sent to a target before a test of it has passed, and then what waited goes."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from connectors.contract import ConnectionReport
from connectors.transport.http import Http
from holding.access.actors import SYSTEM
from holding.connections import breaker, channel
from holding.connections.connections import set_key, untested_words, wait_for_test
from holding.db.models import Cause, Connection, Event, Hold, Throttle
from holding.db.models.decisions import HOLD_OPEN
from holding.rulesets.new_connections import change_settings
from tests.connectors.simulator_processes import SAMPLES, Simulator
from tests.holding.desks import KEYS
from tests.holding.life import Life
from tests.holding.posting.test_autocount_life import effects, life
from tests.holding.posting.test_autocount_life import running as _running
from tests.holding.shop import order
from tests.support.pills import pill

__all__ = ["life"]  # a fixture


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    yield from _running.__wrapped__(tmp_path_factory)  # type: ignore[attr-defined]


def status(life: Life) -> str:
    with life.shop.database.read() as session:
        row = session.scalars(select(Connection).where(Connection.connector == "autocount")).one()
        return pill(session, life.shop.company.id, row.id, "invoice").text


def run_test(life: Life, connection_id: int) -> ConnectionReport:
    database, clock = life.shop.database, life.shop.clock
    told = channel.test_connection(
        database, clock, connection_id, SYSTEM, http=Http(clock), keys=KEYS
    )
    assert isinstance(told, ConnectionReport)
    return told


@pytest.mark.slow
def test_what_is_ready_waits_for_a_test_that_passes_whatever_key_is_given(life: Life) -> None:
    with life.shop.database.write() as session:
        row = session.scalars(select(Connection).where(Connection.connector == "autocount")).one()
        wait_for_test(session, row, life.shop.now)
    life.shop.receive(*(order(no, updated_at=life.shop.now.isoformat()) for no in ("A-1", "A-2")))
    life.work()
    assert effects(life) == []
    assert status(life).startswith("Not tested OK")
    assert status(life).endswith("· 1 waiting")
    assert life.held("A-1") == ["TGT01"], "the first that waits says so, for a person to act"
    with life.shop.database.read() as session:
        words = session.scalars(select(Hold.message)).one()
    told = "No connection test of autocount has passed since its settings were last changed"
    assert words == f"{told}, so nothing is sent there."

    wrong, right = "nobody-knows-this-key", SAMPLES["autocount"].secret
    for secret in (wrong, right):
        with life.shop.database.write() as session:
            set_key(session, SYSTEM, row.id, secret, now=life.shop.now, keys=KEYS)
            assert not breaker.closed(session, row.id), "a new key alone says nothing"
        life.work()
        assert effects(life) == []
        report = run_test(life, row.id)
        assert report.ok is (secret == right)
        with life.shop.database.read() as session:
            found = session.get_one(Connection, row.id)
            assert (found.untested_since is None) is report.ok
            kept = [step["ok"] is not False for step in found.test_steps]
            assert all(kept) is report.ok
    life.work()
    assert sorted(effects(life)) == [("created", "A-1-1"), ("created", "A-2-1")]
    with life.shop.database.read() as session:
        said = session.scalars(select(Event.act).where(Event.act.like("connection.%"))).all()
    assert "connection.back" not in said, "it never was away"


def test_a_test_tells_how_far_the_clock_there_is_from_ours(life: Life) -> None:
    """The stand-in answers with the moment of this machine; ours is the clock of the test."""
    with life.shop.database.read() as session:
        row = session.scalars(select(Connection).where(Connection.connector == "autocount")).one()
    begun = datetime.now(UTC)
    run_test(life, row.id)
    with life.shop.database.read() as session:
        found = session.scalars(select(Throttle).where(Throttle.connection_id == row.id)).one()
    expected = (begun - life.shop.now).total_seconds()
    assert found.clock_ahead is not None
    assert abs(found.clock_ahead - expected) < 10
    assert found.clock_at == life.shop.now


def test_a_hold_for_a_refused_key_shows_that_the_settings_changed_since(
    life: Life,
) -> None:
    """The key may be right for the other company: only a connection test shows that."""
    control = life.books.control  # type: ignore[attr-defined]
    control("rekey", key_id="cp-demo", secret="another-one")
    life.shop.receive(order("A-1", updated_at=life.shop.now.isoformat()))
    life.work()
    with life.shop.database.read() as session:
        hold, cause = session.execute(select(Hold, Cause).join(Cause).where(HOLD_OPEN)).one()
    assert (hold.code, cause.label) == ("TGT01", "autocount rejects the API key")
    control("rekey", key_id="cp-demo", secret=SAMPLES["autocount"].secret)
    with life.shop.database.write() as session:
        there = session.scalars(select(Connection).where(Connection.connector == "autocount")).one()
        settings = {"company_id": "99"}
        changed = change_settings(session, SYSTEM, there.id, settings, now=life.shop.now)
        assert changed == ("company_id",)
    life.work()
    with life.shop.database.read() as session:
        hold, cause = session.execute(select(Hold, Cause).join(Cause).where(HOLD_OPEN)).one()
    assert cause.label == "autocount has not passed its connection test"
    assert hold.message == untested_words(there)
