"""Cartons that are posted in pieces to a target that tells no rates: each item is asked once."""

from pathlib import Path

import pytest
from sqlalchemy import select

from holding.connections import confirmed_rates
from holding.connections.confirmed_rates import Rates, WaitingRate
from holding.db.database import Database
from holding.db.models import Company, Evaluation
from holding.db.refusal import Refusal
from holding.programs import world
from tests.holding.fixing import fix, rev
from tests.holding.life import NUMBERED, TABLES, Life, begin
from tests.holding.shop import FILES, Shop, line, open_shop
from tests.support.clock import SetClock
from tests.support.factories import connection_named, make_company

BOX = [line(uom="BOX", qty="2")]


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    return open_shop(database, company, clock)


@pytest.fixture
def life(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Life:
    begun = begin(shop, tmp_path, monkeypatch, FILES | {"shop.rules": NUMBERED + TABLES})
    assert asked(begun, on=True) is None
    return begun


def asked(life: Life, *, on: bool, who: str = "adam") -> Refusal | None:
    with life.shop.database.write() as session:
        actor, now = life.shop.actor(who), life.shop.now
        return confirmed_rates.ask(session, actor, target(life), now, on=on)


def target(life: Life) -> int:
    with life.shop.database.read() as session:
        return connection_named(session, life.shop.company, "aiaccount").id


def rates(life: Life) -> Rates:
    with life.shop.database.read() as session:
        return confirmed_rates.of_connection(session, target(life))


def confirm(life: Life, *causes: int, who: str = "farah") -> tuple[WaitingRate, ...] | Refusal:
    with life.shop.database.write() as session:
        return confirmed_rates.confirm(
            session, life.shop.actor(who), target(life), causes, now=life.shop.now
        )


def waiting(life: Life) -> list[str]:
    return [f"{one.says}: {one.records}" for one in rates(life).waiting]


@pytest.mark.slow
def test_T07b_an_item_is_asked_once_and_all_that_wait_for_it_go(life: Life) -> None:
    life.arrive("A-1")
    life.arrive("A-2", customer="C-78")
    life.arrive("A-3", lines=BOX)
    life.arrive("A-4", lines=[line(uom="PCS", qty="2")])
    assert life.books.effects == [("create", "A-4-1")], "what is in pieces needs no rate"
    assert [life.held(n) for n in ("A-1", "A-2", "A-3")] == [["UOM09"]] * 3
    assert waiting(life) == ["1 BOX of TEA-1 = 12 PCS: 1", "1 CTN of TEA-1 = 40 PCS: 2"]
    assert rates(life).says("AutoCount", unit=True) == (
        "AutoCount reports one unit an item and no rate; 0 rates are confirmed, 2 wait"
    )

    (carton,) = (one.cause_id for one in rates(life).waiting if one.unit == "CTN")
    done = confirm(life, carton)
    assert not isinstance(done, Refusal)
    assert waiting(life) == ["1 BOX of TEA-1 = 12 PCS: 1"], "what is confirmed waits for nobody"
    assert isinstance(confirm(life, carton), Refusal)
    life.work()
    assert sorted(life.books.effects[1:]) == [("create", "A-1-1"), ("create", "A-2-1")]
    assert life.held("A-3") == ["UOM09"]
    life.arrive("A-5", customer="C-78", total="96.00", lines=[line(qty="1")])
    assert life.books.effects[-1] == ("create", "A-5-1"), "it is not asked a second time"
    (told,) = rates(life).confirmed
    assert (told.says, told.by) == ("1 CTN of TEA-1 = 40 PCS", "Farah")
    assert told.at < life.shop.now
    assert rates(life).says("AiAccount", unit=False) == (
        "AiAccount reports no units and no rate; 1 rate is confirmed, 1 waits"
    )
    assert life.told("connection.rate") == ["1 CTN of TEA-1 = 40 PCS was confirmed for aiaccount."]


def test_T07b_another_rate_of_ours_is_asked_again(life: Life) -> None:
    life.arrive("A-1")
    (one,) = rates(life).waiting
    confirm(life, one.cause_id)
    life.work()
    fix(life.shop, "units", "CTN|TEA-1", "24 PCS")
    life.arrive("A-2", customer="C-78")
    assert life.held("A-2") == ["UOM09"]
    assert waiting(life) == ["1 CTN of TEA-1 = 24 PCS: 1"]
    old = confirm(life, one.cause_id)
    assert isinstance(old, Refusal), "what was shown before is not what waits now"
    assert old.code == "rate.changed"
    (again,) = rates(life).waiting
    confirm(life, again.cause_id)
    life.work()
    assert life.held("A-2") == []
    assert [told.says for told in rates(life).confirmed] == ["1 CTN of TEA-1 = 24 PCS"]


def test_T07b_who_may_confirm_and_who_may_ask(life: Life) -> None:
    life.arrive("A-1")
    (one,) = rates(life).waiting
    refused = confirm(life, one.cause_id, who="vera")
    assert isinstance(refused, Refusal)
    assert isinstance(confirm(life), Refusal), "nothing is no rate"
    assert isinstance(asked(life, on=False, who="farah"), Refusal)
    assert life.held("A-1") == ["UOM09"]
    with life.shop.database.write() as session:
        other = make_company(session, "other")
        theirs = connection_named(session, other, "aiaccount").id
        stranger = confirmed_rates.confirm(
            session, life.shop.actor("farah"), theirs, [one.cause_id], now=life.shop.now
        )
        assert isinstance(stranger, Refusal)
        assert confirmed_rates.of_connection(session, theirs) == Rates(False, (), ())


def test_T07b_who_does_not_want_it_is_not_asked_and_yesterday_stays_as_it_was(life: Life) -> None:
    life.arrive("A-1")
    with life.shop.database.read() as session:
        before = session.scalars(select(Evaluation).order_by(Evaluation.id.desc())).first()
        assert before is not None
        revision = before.revision
    assert asked(life, on=False) is None
    life.work()
    assert life.books.effects == [("create", "A-1-1")]
    assert rates(life).says("AiAccount", unit=False) == (
        "AiAccount reports no units and no rate; rates of the units table are used without"
        " confirmation"
    )
    with life.shop.database.read() as session:
        company = life.shop.company.id
        then = world.build_world(session, company, revision, frozenset()).targets["aiaccount"]
        now = world.build_world(session, company, rev(life.shop), frozenset()).targets["aiaccount"]
    assert (then.confirmed, now.confirmed) == ({}, None)
    assert "rate" not in now.codes
