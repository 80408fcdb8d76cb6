"""What happened to connections and rules while a record waited stands on its timeline."""

from datetime import timedelta

import pytest

from holding.connections import breaker, connections
from holding.records import trace
from tests.holding.life import NUMBERED, TABLES, Life
from tests.holding.shop import FILES
from tests.support.factories import connection_named, make_connection


def acts(life: Life, number: str = "A-1") -> list[str]:
    """The acts of its timeline, in order."""
    with life.shop.database.read() as session:
        record = life.shop.record(session, number)
        found = trace.timeline(session, record.id)
    proofs = [proof.label.partition(" ")[0] for one in found for proof in one.proofs]
    return [one for one in proofs if "." in one]


def pause(life: Life, name: str = "aiaccount") -> None:
    life.shop.clock.advance(timedelta(minutes=1))
    with life.shop.database.write() as session:
        one = connection_named(session, life.shop.company, name)
        actor = life.shop.actor("adam")
        assert not connections.pause(session, actor, one.id, "stock-take", now=life.shop.now)


def resume(life: Life, name: str = "aiaccount") -> None:
    life.shop.clock.advance(timedelta(minutes=1))
    with life.shop.database.write() as session:
        one = connection_named(session, life.shop.company, name)
        assert not connections.resume(session, life.shop.actor("adam"), one.id, now=life.shop.now)


def test_a_pause_of_its_target_says_why_it_waited(life: Life) -> None:
    pause(life)
    resume(life)
    pause(life)
    life.arrive("A-1")
    resume(life)
    life.work()
    pause(life)
    found = acts(life)
    assert found == [
        "record.received",
        "record.judged",
        "connection.resumed",
        "posting.sending",
        "posting.posted",
    ], "nothing before it came, nor after it was posted"


def test_the_pause_stands_between_its_own_steps(life: Life) -> None:
    life.arrive("A-1", status="pending")
    pause(life)
    life.arrive("A-1")
    resume(life)
    life.work()
    found = acts(life)
    assert found.index("connection.paused") < found.index("record.changed")
    assert found.index("connection.resumed") < found.index("posting.sending")
    with life.shop.database.read() as session:
        steps = trace.timeline(session, life.shop.record(session, "A-1").id)
    paused = next(one for one in steps if one.proof.label.startswith("connection.paused"))
    assert "stock-take" in paused.say
    assert paused.actor == "Adam"


def test_a_target_that_was_away_and_came_back_is_told_and_another_is_not(life: Life) -> None:
    life.arrive("A-1", status="pending")
    life.shop.clock.advance(60)
    with life.shop.database.write() as session:
        make_connection(session, life.shop.company, "books", side="target")
        for name in ("books", "aiaccount"):
            target = connection_named(session, life.shop.company, name).id
            for _ in range(breaker.FAILURES):
                breaker.failed(session, target, life.shop.now, 1.0)
    life.shop.clock.advance(60)
    with life.shop.database.write() as session:
        breaker.close(session, target, life.shop.now)
    told = [one for one in acts(life) if one.startswith("connection.")]
    assert told == ["connection.away", "connection.back"]


def test_rules_that_were_published_while_it_was_on_hold(life: Life) -> None:
    life.arrive("A-1", customer="C-99")
    life.arrive("A-2")
    assert life.held("A-1")
    before = acts(life)
    life.shop.clock.advance(60)
    life.shop.publish(FILES | {"shop.rules": "# Anew.\n" + NUMBERED + TABLES})
    life.work()
    assert "rules.published" not in before
    assert "rules.published" in acts(life)
    assert "rules.published" not in acts(life, "A-2"), "it was posted already"


@pytest.mark.parametrize("again", ["cancelled", "paid"])
def test_what_happened_while_it_stood_posted_is_left_out(life: Life, again: str) -> None:
    life.arrive("A-1")
    pause(life)
    resume(life)
    life.arrive("A-1", status=again, total="96.00" if again == "paid" else "192.00")
    assert "connection.paused" not in acts(life)
