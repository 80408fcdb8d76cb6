"""What is judged when: not before something moved that matters, nor while it is on its way."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from holding.connections.master_data import keep_snapshot
from holding.db.database import Database
from holding.db.models import Company, Evaluation, Push, Record
from holding.evaluation.batch import claim, return_claims
from holding.evaluation.evaluate_due import judge_due
from holding.platform.changes import wake_families
from tests.holding.life import NUMBERED, SMALL, TABLES, Life, begin
from tests.holding.shop import FILES, Shop, open_shop, order
from tests.support.clock import SetClock
from tests.support.factories import connection_named
from tests.support.snapshots import snapshot


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    return open_shop(database, company, clock)


@pytest.fixture
def life(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Life:
    return begin(shop, tmp_path, monkeypatch, FILES | {"shop.rules": NUMBERED + TABLES})


def lock(life: Life, through: date | None, **more: object) -> None:
    with life.shop.database.write() as session:
        target = connection_named(session, life.shop.company, "aiaccount")
        told = snapshot(through, **more)
        keep_snapshot(session, target, told, person=None, now=life.shop.now)


def count(life: Life, table: type[Push] | type[Evaluation]) -> int:
    with life.shop.database.read() as session:
        return session.scalar(select(func.count(table.id))) or 0


def test_what_a_closed_month_refused_is_sent_again_when_the_month_moves_and_not_before(
    life: Life,
) -> None:
    lock(life, None)
    life.books.moods = ["locked"]
    life.arrive("A-1")
    assert life.held("A-1") == ["TGT01"]
    life.shop.publish(FILES | {"shop.rules": NUMBERED + TABLES})
    life.work()
    lock(life, None, tax_codes=("NT", "SR"))
    life.work()
    assert count(life, Push) == 1
    assert life.held("A-1") == ["TGT01"]
    lock(life, date(2026, 9, 30), tax_codes=("NT", "SR"))
    life.work()
    assert life.books.effects == [("create", "A-1-1")]
    assert life.held("A-1") == []


def test_an_evaluation_says_which_targets_were_known(life: Life) -> None:
    """Also of a record of which nothing else is told, and of two that came at one moment."""
    life.arrive("A-1")
    lock(life, None)
    life.arrive("A-2")
    by_id = select(Evaluation.facts).order_by(Evaluation.id)
    with life.shop.database.read() as session:
        known = [(facts or {})["known"] for facts in session.scalars(by_id)]
    assert known[0] == []
    assert known[-1] == ["aiaccount"]


def test_what_is_on_its_way_is_judged_after_it_was_looked_up(life: Life) -> None:
    life.books.moods = ["away"]
    life.arrive("A-1")
    assert life.shop.states() == {"A-1": "uncertain"}
    for _ in range(6):
        life.shop.clock.advance(600)
        life.books.moods = ["away"]
        life.work()
    judged = count(life, Evaluation)
    life.shop.publish(FILES | {"shop.rules": NUMBERED + TABLES})
    life.shop.judge()
    with life.shop.database.read() as session:
        record, posting = life.shop.record(session, "A-1"), life.shop.posting(session, "A-1")
        assert posting.state == "uncertain"
        assert posting.due_at is not None
        assert record.due_at is not None
        assert record.due_at > max(posting.due_at, life.shop.now)
    life.books.moods = []
    for _ in range(6):
        life.shop.clock.advance(600)
        life.work()
    assert life.shop.states() == {"A-1": "posted"}
    assert count(life, Evaluation) == judged + 1


@pytest.mark.parametrize(("column", "woken"), [("due_at", 1), ("lease_until", 1), ("none", 0)])
def test_a_posted_relative_wakes_while_its_change_is_due_or_about_to_be_sent(
    life: Life, column: str, woken: int
) -> None:
    life.arrive("A-1")
    life.arrive("A-2")
    with life.shop.database.write() as session:
        first, second = life.shop.record(session, "A-1"), life.shop.record(session, "A-2")
        second.family = first.family
        posting = life.shop.posting(session, "A-1")
        posting.due_at = posting.lease_until = None
        if column != "none":
            setattr(posting, column, life.shop.now)
        session.flush()
        assert wake_families(session, [second.id], life.shop.now) == woken
        session.refresh(first)
        assert (first.due_at is not None) == bool(woken)


def test_a_claim_that_is_another_s_by_now_gives_nothing_back(shop: Shop) -> None:
    shop.publish()
    shop.receive(order("NS-1"))
    taken = []
    for _ in range(2):
        with shop.database.write() as session:
            record = shop.record(session, "NS-1")
            record.lease_until = record.lease_owner = None
            record.due_at = shop.now
        taken += claim(
            shop.database,
            company_id=shop.company.id,
            owner="one",
            now=shop.now,
            limit=1,
            lease_seconds=60,
        )
    old, new = taken
    with shop.database.write() as session:
        return_claims(session, [old], "one", shop.now)
    with shop.database.read() as session:
        record = shop.record(session, "NS-1")
        assert (record.due_at, record.lease_owner) == (None, "one")
    later = shop.now + timedelta(seconds=5)
    with shop.database.write() as session:
        return_claims(session, [new], "one", later)
    with shop.database.read() as session:
        record = session.scalars(select(Record)).one()
        assert (record.due_at, record.lease_owner) == (later, None)


def test_a_change_that_is_due_calls_who_pushes(life: Life) -> None:
    life.arrive("A-1")
    life.shop.clock.advance(60)
    life.shop.receive(order("A-1", updated_at=life.shop.now.isoformat(), **SMALL))
    judged = judge_due(
        life.shop.database, life.shop.clock, company_id=life.shop.company.id, owner="test"
    )
    assert judged.woke_push
