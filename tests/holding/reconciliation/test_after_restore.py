"""After a restore nothing is put in an import file before a person decides."""

from collections.abc import Callable

from sqlalchemy import select, update

from holding.connections import connections
from holding.db.models import Connection, Hold
from holding.db.models.columns import HoldState
from holding.db.refusal import Refusal
from holding.holds import releases
from holding.holds.holds import Done
from tests.holding.reconciliation.desktop import Desktop

OPEN = select(Hold).where(Hold.state == HoldState.OPEN).order_by(Hold.id)


def restore(desk: Desktop) -> None:
    with desk.shop.database.write() as session:
        session.execute(update(Connection).values(restored_at=desk.shop.now))


def held(desk: Desktop) -> list[Hold]:
    with desk.shop.database.read() as session:
        return list(session.scalars(OPEN))


def decide(desk: Desktop, act: Callable[..., object], hold: Hold) -> None:
    shop = desk.shop
    with shop.database.write() as session:
        assert isinstance(act(session, shop.actor("lim"), hold.id, "looked", shop.now), Done)
    desk.work()


def end(desk: Desktop, name: str) -> Refusal | None:
    shop = desk.shop
    with shop.database.write() as session:
        excel = session.scalars(select(Connection).filter_by(name="autocount_excel")).one()
        return connections.end_restore(session, shop.actor(name), excel.id, now=shop.now)


def test_a_person_decides_about_each(desk: Desktop) -> None:
    restore(desk)
    desk.at_once("A-1", "A-2")
    assert desk.files == []
    first, second = held(desk)
    assert [hold.code for hold in (first, second)] == ["PSH09", "PSH09"]
    decide(desk, releases.release, first)
    decide(desk, releases.reject, second)
    assert held(desk) == []
    assert len(desk.files) == 1
    assert sorted(desk.posting_states().values()) == ["awaiting", "ignored"]


def test_the_end_of_the_restore_frees_what_waits(desk: Desktop) -> None:
    restore(desk)
    desk.at_once("A-1")
    assert len(held(desk)) == 1
    assert end(desk, "adam") is None
    desk.work()
    desk.at_once("A-2")
    assert held(desk) == []
    assert list(desk.posting_states().values()) == ["awaiting", "awaiting"]


def test_only_operators_end_it(desk: Desktop) -> None:
    restore(desk)
    assert isinstance(end(desk, "lim"), Refusal)
    desk.at_once("A-1")
    assert len(held(desk)) == 1
