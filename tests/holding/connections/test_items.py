"""How the target counts its items is read, kept as of when it was told, and judged by."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import ConnectionReport, ItemSetup
from holding.access.actors import SYSTEM
from holding.connections import channel, master_data
from holding.connections.connections import pause, resume
from holding.db.models import Connection, Posting, SnapshotItem
from holding.programs import world
from tests.holding.desks import KEYS
from tests.holding.life import SMALL, Life
from tests.holding.posting.test_autocount_life import control, effects, life, running

__all__ = ["life", "running"]  # fixtures
TEA, SOAP = "TEE-BLK-M", "SOAP90"


@pytest.fixture
def paused(life: Life) -> Life:
    """A-1 is ready and AutoCount is paused, so that there is time to learn of its item."""
    with life.shop.database.write() as session:
        pause(session, SYSTEM, there(session, life).id, "stocktaking", now=life.shop.now)
    life.arrive("A-1", **SMALL)
    assert life.shop.states() == {"A-1": "ready"}
    return life


def target(life: Life) -> int:
    with life.shop.database.read() as session:
        query = select(Connection.id).where(Connection.connector == "autocount")
        return session.scalars(query).one()


def there(session: Session, life: Life) -> Connection:
    return session.get_one(Connection, target(life))


def ask(life: Life) -> None:
    """The round of a quarter of an hour."""
    life.shop.clock.advance(900)
    report = channel.test_connection(
        life.shop.database, life.shop.clock, target(life), SYSTEM, http=life.desk.http, keys=KEYS
    )
    assert isinstance(report, ConnectionReport)


def known(life: Life) -> dict[str, ItemSetup]:
    with life.shop.database.read() as session:
        return master_data.known_items(session, target(life))


def test_what_documents_name_is_asked_for_and_held_where_it_differs(paused: Life) -> None:
    assert known(paused) == {}
    ask(paused)
    assert known(paused) == {TEA: ItemSetup("PCS")}
    paused.shop.judge()
    assert paused.shop.states() == {"A-1": "ready"}
    control(paused, "book", products={TEA: "CTN"})
    ask(paused)
    paused.shop.judge()
    assert paused.held("A-1") == ["UOM08"]
    control(paused, "book", products={TEA: "PCS"})
    ask(paused)
    with paused.shop.database.write() as session:
        resume(session, SYSTEM, there(session, paused).id, now=paused.shop.now)
    paused.work()
    assert effects(paused) == [("created", "A-1-1")]


def test_what_cannot_be_read_now_stays_as_it_was_told_and_old_news_is_none(paused: Life) -> None:
    ask(paused)
    control(paused, "rekey", key_id=str(paused.books.settings["key_id"]), secret="another")  # type: ignore[attr-defined]
    ask(paused)
    assert known(paused) == {TEA: ItemSetup("PCS")}
    shop, late = paused.shop, paused.shop.now + timedelta(hours=25)
    with shop.database.read() as session:
        revision = session.get_one(type(shop.company), shop.company.id).revision
        for now, fresh in ((shop.now, True), (late, False)):
            told = world.fresh_targets(session, shop.company.id, now)
            state = world.build_world(session, shop.company.id, revision, told).targets
            assert state["autocount"].known is fresh
            assert state["autocount"].items[TEA].base == "PCS"
            assert "item" not in state["autocount"].codes


def test_new_ones_come_first_and_the_others_by_turns(paused: Life) -> None:
    have = {f"OLD-{n}": ItemSetup("PCS") for n in range(5)}
    shop = paused.shop
    with shop.database.read() as session:
        documents = registry.targets()["autocount"].documents
        asked = [
            master_data.codes_to_query(
                session,
                target(paused),
                documents,
                have,
                most=3,
                now=shop.now + timedelta(minutes=15 * turn),
            )
            for turn in range(5)
        ]
        assert session.scalars(select(Posting.state)).all() == ["ready"]
        assert session.scalars(select(SnapshotItem.code)).all() != []
    assert {one[0] for one in asked} == {TEA}
    assert {code for one in asked for code in one[1:]} == set(have)
