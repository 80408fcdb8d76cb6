"""The tables of allowed moves are whole, and no illegal move can be made."""

from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select, update

from holding import lifecycle
from holding.lifecycle import (
    HOLD_MOVES,
    POSTING_MOVES,
    PUSH_MOVES,
    Moves,
    move_posting,
    move_push,
)
from holding.models import Hold, Posting, Push
from holding.models.hold import HOLD_STATES
from holding.models.posting import IN_FLIGHT_STATES, POSTING_STATES, PUSH_STATES, UNSENT_STATES
from holding.pushing.case import Case, close_push
from tests.holding.pushing import Lane
from tests.support.shop import Shop, order


@pytest.mark.parametrize(
    ("moves", "states"),
    [(POSTING_MOVES, POSTING_STATES), (HOLD_MOVES, HOLD_STATES), (PUSH_MOVES, PUSH_STATES)],
)
def test_every_state_has_its_row(moves: Moves, states: tuple[str, ...]) -> None:
    assert set(moves) == set(states)
    assert set().union(*moves.values()) <= set(states)


def test_what_was_sent_is_never_planned_again() -> None:
    for state in (*IN_FLIGHT_STATES, "posted"):
        assert not POSTING_MOVES[state] & {"waiting", "held", "ignored", "dropped"}
    assert POSTING_MOVES["posted"] == {"posted", "sending", "reversed"}


def test_only_ready_is_sent() -> None:
    assert {s for s in UNSENT_STATES if "sending" in POSTING_MOVES[s]} == {"ready"}


@pytest.mark.parametrize("before", POSTING_STATES)
def test_no_posting_leaves_the_table(shop: Shop, before: str) -> None:
    shop.map("A")
    shop.arrive(order("1", "A"))
    shop.judge()
    (seen,) = shop.rows(Posting)
    for wish in POSTING_STATES:
        with shop.database.write() as session:
            session.execute(update(Posting).values(state=before, lock=0))
            try:
                moved = move_posting(session, seen.id, expected=before, to=wish, lock=0)
            except ValueError:
                moved = False
            assert moved == (wish in POSTING_MOVES[before]), wish
            assert session.scalar(select(Posting.state)) == (wish if moved else before)


@pytest.mark.parametrize("before", PUSH_STATES)
def test_no_push_leaves_the_table(lane: Lane, before: str) -> None:
    lane.ready("IV-1")
    lane.work()
    [push] = lane.rows(Push)
    for wish in PUSH_STATES:
        with lane.database.write() as session:
            session.execute(update(Push).values(state=before))
            moved = move_push(session, push.id, wish)
            assert moved == (wish in PUSH_MOVES[before]), wish
            assert session.scalar(select(Push.state)) == (wish if moved else before)


def test_an_end_that_was_written_stays(lane: Lane) -> None:
    """A second end of the same push, whoever comes with it, changes nothing."""
    [key] = lane.ready("IV-1")
    lane.work()
    [push] = lane.rows(Push)
    assert push.state == "accepted"
    posting = lane.one(key)
    nobody: Any = None
    member: Any = SimpleNamespace(push_id=push.id)
    with lane.database.write() as session:
        late = Case(session, lane.desk, nobody, member, lane.clock.now())
        with pytest.raises(RuntimeError, match="never becomes refused"):
            close_push(late, "refused")
    [after] = lane.rows(Push)
    assert (after.state, after.closed_at) == ("accepted", push.closed_at)
    assert lane.one(key).lock == posting.lock


def test_a_judging_makes_no_move_that_the_table_does_not_have(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would is held, and the others of its batch go on."""
    shop.arrive(order("1", "A"))
    shop.arrive(order("2", "B"))
    shop.judge()
    assert {row.state for row in shop.rows(Posting)} == {"held"}
    without = {state: after - {"ready"} for state, after in POSTING_MOVES.items()}
    monkeypatch.setattr(lifecycle, "POSTING_MOVES", without)
    shop.map("A")
    shop.judge()
    first, second = shop.rows(Posting)
    assert (first.state, second.state) == ("held", "held")
    told = [hold.message for hold in shop.rows(Hold, Hold.code == "EVA02")]
    assert len(told) == 1
    assert "never goes from held to ready" in told[0]


def test_a_move_is_conditional(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("1", "A"))
    shop.judge()
    (seen,) = shop.rows(Posting)
    with shop.database.write() as session:
        assert move_posting(session, seen.id, expected="ready", to="sending", lock=seen.lock)
        assert not move_posting(session, seen.id, expected="ready", to="sending", lock=seen.lock)
        with pytest.raises(ValueError, match="never goes from posted to held"):
            move_posting(session, seen.id, expected="posted", to="held", lock=1)
    (after,) = shop.rows(Posting)
    assert (after.state, after.lock) == ("sending", seen.lock + 1)
