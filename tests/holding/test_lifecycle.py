"""The tables of allowed moves are whole, and no illegal move can be made."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holding.lifecycle import HOLD_MOVES, POSTING_MOVES, PUSH_MOVES, Moves, allowed, move_posting
from holding.models import Posting
from holding.models.hold import HOLD_STATES
from holding.models.posting import IN_FLIGHT_STATES, POSTING_STATES, PUSH_STATES, UNSENT_STATES
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


@given(st.lists(st.sampled_from(POSTING_STATES), min_size=1, max_size=20))
@settings(max_examples=50)
def test_no_walk_leaves_the_table(wishes: list[str]) -> None:
    state = "waiting"
    for wish in wishes:
        if allowed(POSTING_MOVES, state, wish):
            assert wish in POSTING_MOVES[state]
            state = wish
    assert not allowed(POSTING_MOVES, "reversed", state)


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
