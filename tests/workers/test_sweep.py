"""What nobody rings for comes back by the sweep."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from holding.access import sessions
from holding.access.actors import SYSTEM
from holding.connections.connections import pause
from holding.db import models
from holding.db.database import Database
from holding.db.models import Attempt, Company, Connection, Event, Hold, Record, Request, Schedule
from holding.holds import assignments
from holding.holds.holds import Done
from holding.platform import events as chain
from holding.platform.events import Anchors
from holding.platform.settings import Settings
from holding.rulesets import admission, publication
from holding.rulesets.start_time import set_start
from rules.testing.runner import run_tests
from tests.holding.shop import FILES, Shop, open_shop, order
from tests.support.clock import SetClock
from tests.support.factories import make_company
from tests.support.postings import make_push, make_ready
from workers.loop import Sweeper


@pytest.fixture(autouse=True)
def _own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep noted heads out of the home folder of the person who runs the tests."""
    monkeypatch.setenv("CLEARPOST_HOME", str(tmp_path / "home"))


def sweeper_of(database: Database, clock: SetClock) -> Sweeper:
    bench = SimpleNamespace(
        database=database, clock=clock, owner="worker-1", settings=Settings.from_env()
    )
    return Sweeper(cast(Any, bench))


def resting(shop: Shop) -> int:
    """A hold that rests for a day."""
    shop.publish()
    shop.receive(order("NS-1", total="1.00"))
    shop.judge()
    until = shop.now + timedelta(days=1)
    with shop.database.write() as session:
        hold_id = shop.holds(session, "NS-1")[0].id
        done = assignments.snooze(session, shop.actor("farah"), hold_id, until, shop.now)
        assert isinstance(done, Done)
    return hold_id


def test_a_hold_that_rested_long_enough_is_back(
    database: Database, company: Company, clock: SetClock
) -> None:
    hold_id = resting(open_shop(database, company, clock))
    sweeper = sweeper_of(database, clock)
    for seconds, rests in ((86_399, True), (2, False)):
        clock.advance(seconds)
        assert sweeper.sweep()
        with database.read() as session:
            assert (session.get_one(Hold, hold_id).snoozed_until is not None) is rests


def test_a_pause_that_is_over_ends(database: Database, company: Company, clock: SetClock) -> None:
    open_shop(database, company, clock).publish()
    sweeper = sweeper_of(database, clock)
    with database.write() as session:
        target = session.scalars(select(Connection).where(Connection.side == "target")).first()
        assert target is not None
        key, until = target.id, clock.now() + timedelta(hours=1)
        assert pause(session, SYSTEM, key, "stock", now=clock.now(), until=until) is None
    for seconds, waits in ((3_599, True), (2, False)):
        clock.advance(seconds)
        assert sweeper.sweep()
        with database.read() as session:
            assert (session.get_one(Connection, key).paused_at is not None) is waits


def test_sign_ins_that_ended_long_ago_are_forgotten_once_a_day(
    database: Database, company: Company, clock: SetClock
) -> None:
    sweeper, lim = sweeper_of(database, clock), open_shop(database, company, clock).actor("lim")

    def signed_in(name: str, ended: timedelta) -> None:
        with database.write() as session:
            at = clock.now() - ended
            fields = {"person_id": lim.person_id, "seen_at": at, "expires_at": at}
            session.add(models.Session(token_hash=name, created_at=at, **fields))

    def kept() -> set[str]:
        with database.read() as session:
            return set(session.scalars(select(models.Session.token_hash)))

    signed_in("now", -timedelta(hours=1))
    signed_in("of this year", sessions.KEPT - timedelta(hours=2))
    signed_in("older", sessions.KEPT + timedelta(seconds=1))
    assert sweeper.sweep()
    assert kept() == {"now", "of this year"}
    clock.advance(7200)
    assert sweeper.sweep()
    assert kept() == {"now", "of this year"}
    clock.advance(86_400)
    assert sweeper.sweep()
    assert kept() == {"now"}


def test_T05e_what_a_refused_file_carried_is_removed_once_its_documents_ended_long_ago(
    database: Database, company: Company, clock: SetClock
) -> None:
    sweeper, at = sweeper_of(database, clock), clock.now()
    with database.write() as session:
        push = make_push(
            make_ready(session, company, "IV-1"), state="accepted", at=at, closed_at=at
        )
        call = {"kind": "push", "key": "k", "sha256": "ab", "state": "answered"}
        times = {"made_at": at, "deadline_at": at}
        refused, taken = (
            Request(connection_id=push.connection_id, body=b"PK", **call, **times) for _ in "12"
        )
        session.add_all([push, refused])
        session.flush()
        taken.parent_id = refused.id
        session.add(taken)
        session.flush()
        for no, (request, state) in enumerate([(refused, "split"), (taken, "accepted")], start=1):
            tried = {"request_id": request.id, "push_id": push.id, "no": no, "fence": 1}
            session.add(Attempt(state=state, at=at, **tried))

    def bodies() -> list[bytes | None]:
        with database.read() as session:
            return list(session.scalars(select(Request.body).order_by(Request.id)))

    assert sweeper.sweep()
    clock.advance(timedelta(days=29))
    assert sweeper.sweep()
    assert bodies() == [b"PK", b"PK"]
    clock.advance(timedelta(days=1, seconds=1))
    assert sweeper.sweep()
    assert bodies() == [None, b"PK"]


def test_the_heads_of_the_chains_are_noted_and_the_last_events_linked(
    database: Database, company: Company, clock: SetClock, tmp_path: Path
) -> None:
    settings = replace(Settings.from_env(), anchor_file=tmp_path / "anchors.jsonl")
    bench = SimpleNamespace(database=database, clock=clock, owner="worker-1", settings=settings)
    shop, sweeper = open_shop(database, company, clock), Sweeper(cast(Any, bench))
    shop.publish()
    assert sweeper.sweep()
    (noted,) = Anchors(settings.anchor_file).of(company.code)
    shop.receive(order("NS-1"))
    sweeper.leave()
    with database.read() as session:
        events = session.scalar(select(func.count()).select_from(Event))
        assert chain.chain_head(session, company.id).seq == events
        assert chain.verify_chain(session, company.id, noted_heads=[noted]) == []


@pytest.mark.slow
def test_T30d_a_sweep_notes_the_head_every_five_minutes_and_in_the_log(
    database: Database,
    company: Company,
    clock: SetClock,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = replace(Settings.from_env(), anchor_file=tmp_path / "anchors.jsonl")
    bench = SimpleNamespace(database=database, clock=clock, owner="worker-1", settings=settings)
    shop, sweeper = open_shop(database, company, clock), Sweeper(cast(Any, bench))
    caplog.set_level("INFO")
    shop.publish()
    for minute in range(12):
        shop.receive(order(f"NS-{minute}"))
        for _ in range(6):
            assert sweeper.sweep()
            clock.advance(timedelta(seconds=10))
    noted = Anchors(settings.anchor_file).of(company.code)
    assert len(noted) == 3, "at once, and after 5 and 10 minutes"
    for one in noted:
        assert f"{one.seq}:{one.hash}" in caplog.text
    assert caplog.text.count("The head of a chain is noted.") == len(noted)


def test_a_file_that_cannot_be_written_stops_no_work(
    database: Database, company: Company, clock: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    settings = replace(Settings.from_env(), anchor_file=Path("/dev/null/anchors.jsonl"))
    bench = SimpleNamespace(database=database, clock=clock, owner="worker-1", settings=settings)
    open_shop(database, company, clock).publish()
    assert Sweeper(cast(Any, bench)).sweep()
    assert "The heads of the chains cannot be noted" in caplog.text


def test_what_breaks_one_duty_keeps_none_of_the_others(
    database: Database, company: Company, clock: SetClock
) -> None:
    """An hour that is none stops the daily runs; what rests comes back all the same, and leases of
    the dead do, too.
    """
    hold_id = resting(open_shop(database, company, clock))
    with database.write() as session:
        record_id = session.get_one(Hold, hold_id).record_id
        session.execute(
            update(Record)
            .where(Record.id == record_id)
            .values(due_at=None, lease_owner="dead", lease_until=clock.now())
        )
        other = make_company(session, "gudang")
        broken = Schedule(company_id=other.id, route="aiaccount.x", at="soon", zone="UTC")
        broken.next_at = clock.now()
        session.add(broken)
    clock.advance(86_401)
    with pytest.raises(ValueError, match="soon"):
        sweeper_of(database, clock).sweep()
    with database.read() as session:
        assert session.get_one(Hold, hold_id).snoozed_until is None
        assert session.get_one(Record, record_id).lease_owner is None


def test_the_tests_of_rules_whose_time_has_come_run_while_others_may_write(
    database: Database, company: Company, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = open_shop(database, company, clock)
    with database.write() as session:
        no = publication.push_change(
            session, company.id, shop.actor("chan"), FILES, "Rules", shop.now
        )
        assert isinstance(no, int)
        at = shop.now + timedelta(hours=1)
        assert set_start(session, no, shop.actor("pua"), at, "Audit", shop.now) == at
    admission._inspect_cached.cache_clear()
    wrote = database.write
    seen: list[bool] = []  # whether a transaction was open while tests ran
    inside: list[bool] = []

    @contextmanager
    def write(**how: bool) -> Iterator[Session]:
        with wrote(**how) as session:
            inside.append(True)
            yield session
        inside.pop()

    def watched(*given: Any) -> Any:
        seen.append(bool(inside))
        return run_tests(*given)

    monkeypatch.setattr(database, "write", write)
    monkeypatch.setattr(admission, "run_tests", watched)
    sweeper = sweeper_of(database, clock)
    clock.advance(3_599)
    assert sweeper.sweep()
    assert seen == []
    clock.advance(1)
    assert sweeper.sweep()
    assert seen == [False]
    with database.read() as session:
        assert session.scalars(select(models.Change.state)).one() == "published"
