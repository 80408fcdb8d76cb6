"""A document made void in the target, or lost there, is never credited: it counts for nothing."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connectors.contract import Found
from holding.approvals import approve
from holding.db.database import Database
from holding.db.models import Company, Hold, Posting
from holding.holds import releases
from holding.holds.holds import Done
from tests.holding.life import LARGE, NUMBERED, SMALL, TABLES, Life, begin
from tests.holding.posting.test_autocount_life import control, effects, life, running
from tests.holding.reconciliation.test_vanished import breaches, decide, later
from tests.holding.records.test_after_sync import seen
from tests.holding.shop import FILES, line, open_shop
from tests.support.clock import SetClock

__all__ = ["life", "running"]  # fixtures
DAY = 24 * 3600
CANCELLED: dict[str, Any] = {**LARGE, "status": "cancelled"}
pytestmark = pytest.mark.parametrize(
    "database_url", [pytest.param("sqlite", marks=pytest.mark.sqlite)], indirect=True
)


@pytest.fixture
def void(life: Life) -> Life:
    life.arrive("A-1")
    later(life, 60)
    control(life, "by_hand", number="A-1-1", master={"cancelled": True})
    later(life, DAY)
    assert life.held("A-1") == ["STL03"]
    return life


def test_a_void_document_is_not_credited_before_the_next(void: Life) -> None:
    void.arrive("A-1", **LARGE)
    later(void, DAY)
    assert void.held("A-1") == ["STL03"]
    assert isinstance(decide(void, releases.release), Done)
    later(void, DAY)
    assert effects(void) == [("created", "A-1-1"), ("created", "A-1-2")]
    assert [row[2] for row in void.postings("A-1") if row[3] == "A-1-1"] == ["reversed"]
    assert (void.held("A-1"), void.shop.states()) == ([], {"A-1": "posted"})
    assert breaches(void) == []


def test_a_void_document_of_a_cancelled_order_is_not_credited(void: Life) -> None:
    void.arrive("A-1", **CANCELLED)
    later(void, DAY)
    assert isinstance(decide(void, releases.release), Done)
    later(void, DAY)
    assert effects(void) == [("created", "A-1-1")]
    assert (void.held("A-1"), void.shop.states()) == ([], {"A-1": "reversed"})
    assert breaches(void) == []


def approved_by(life: Life, name: str) -> None:
    """A person approves all that waits for an approval."""
    query = select(Posting.id, Posting.hash).join(Hold, Hold.posting_id == Posting.id)
    with life.shop.database.write() as session:
        waits = session.execute(query.where(Hold.code == "APP01", Hold.state == "open")).all()
        actor, hashes = life.shop.actor(name), dict(waits)
        given = approve.approve(session, actor, hashes, "As ordered", life.shop.now)
        assert isinstance(given, approve.Approved), given
        assert sorted(given.done) == sorted(hashes)
    later(life, DAY)


def test_what_is_void_while_the_next_waits_for_an_approval_is_not_credited(life: Life) -> None:
    """Only the next document is approved: nothing is sent for the void one."""
    life.arrive("A-1")
    life.arrive("A-1", total="1200.00", lines=[line(qty="12.5")])
    later(life, 60)
    control(life, "by_hand", number="A-1-1", master={"cancelled": True})
    later(life, DAY)
    assert sorted(life.held("A-1")) == ["APP01", "STL03"]
    approved_by(life, "tan")
    assert life.held("A-1") == ["STL03"]
    assert isinstance(decide(life, releases.release), Done)
    later(life, DAY)
    assert effects(life) == [("created", "A-1-1"), ("created", "A-1-2")]
    assert (life.held("A-1"), life.shop.states()) == ([], {"A-1": "posted"})
    assert breaches(life) == []


def test_a_void_document_is_not_updated(void: Life) -> None:
    void.arrive("A-1", **SMALL)
    later(void, DAY)
    assert isinstance(decide(void, releases.release), Done)
    later(void, DAY)
    assert effects(void) == [("created", "A-1-1"), ("created", "A-1-2")]


def test_a_release_before_the_newer_rules_credits_nothing(void: Life) -> None:
    assert isinstance(decide(void, releases.release), Done)
    later(void, DAY)
    assert void.held("A-1") == []
    void.arrive("A-1", **LARGE)
    later(void, DAY)
    assert ("created", "CN-A-1-1") not in effects(void)


def test_a_lost_document_is_not_credited(life: Life) -> None:
    life.arrive("A-1")
    control(life, "reset")
    later(life, 60)
    assert life.held("A-1") == ["TGT14"]
    life.arrive("A-1", **LARGE)
    later(life, DAY)
    assert effects(life) == []


def test_in_aiaccount_nothing_is_sent_for_what_is_void(
    database: Database,
    company: Company,
    clock: SetClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """AiAccount has no call that makes a document void, so none may be needed."""
    shop = open_shop(database, company, clock)
    life = begin(shop, tmp_path, monkeypatch, FILES | {"shop.rules": NUMBERED + TABLES})
    life.arrive("A-1")
    life.books.shelf["A-1-1"].void = True
    seen(life, Found(kind="different", words="It was made void.", void=True))
    life.arrive("A-1", **LARGE)
    assert life.held("A-1") == ["STL03"]
    assert isinstance(decide(life, releases.release), Done)
    later(life, DAY)
    assert [effect for effect in life.books.effects if "voided" in effect] == []
    assert [number for _, number in life.books.effects] == ["A-1-1", "A-1-2"]
    assert life.shop.states() == {"A-1": "posted"}


@pytest.fixture
def read(life: Life) -> Life:
    """A-1-1 is posted and was read back; its next reading is a day later."""
    life.arrive("A-1")
    later(life, 60)
    assert life.held("A-1") == []
    life.shop.clock.advance(600)
    return life


@pytest.mark.parametrize("newer", [LARGE, CANCELLED], ids=["changed", "cancelled"])
@pytest.mark.parametrize(
    "change",
    [{"master": {"cancelled": True}}, {"details": [{"qty": 300}]}, None],
    ids=["void", "total", "deleted"],
)
def test_a_document_is_looked_at_before_it_is_credited(
    read: Life, change: dict[str, Any] | None, newer: dict[str, Any]
) -> None:
    """Its next reading would come too late."""
    if change is None:
        control(read, "reset")
    else:
        control(read, "by_hand", number="A-1-1", **change)
    read.arrive("A-1", **newer)
    later(read, 120)
    assert [number for _, number in effects(read) if number != "A-1-1"] == []
    assert read.held("A-1") == ["TGT14" if change is None else "STL03"]
    assert breaches(read) == []


def test_a_document_that_is_there_as_it_was_posted_is_credited(read: Life) -> None:
    read.arrive("A-1", **LARGE)
    assert [number for _, number in effects(read)] == ["A-1-1", "CN-A-1-1", "A-1-2"]
