"""The tables of allowed moves are whole, and no illegal move can be made."""

from contextlib import nullcontext
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Update, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from holding.db.bulk import JointWrites
from holding.db.database import Database
from holding.db.models import Hold, Posting, Push, Record
from holding.db.models.columns import HoldState, PushState, RecordState
from holding.db.models.postings import (
    ENDED,
    IN_FLIGHT_STATES,
    POSTING_STATES,
    PUSH_STATES,
    TO_SEND_STATES,
    UNSENT_STATES,
)
from holding.db.models.records import RECORD_STATES
from holding.platform import states as lifecycle_states
from holding.platform.states import (
    BESIDE,
    HOLD_MOVES,
    POSTING_MOVES,
    PUSH_MOVES,
    RECORD_HELD,
    UNPOSTED,
    Moves,
    Step,
    counted_state,
    join_pushes,
    join_steps,
    move_posting,
    move_push,
    state_beside,
    state_of,
)
from holding.posting import holds as target_holds
from holding.posting.holds import Trouble
from holding.posting.push import Case, close_push
from rules.values.canonical import PostingState
from tests.holding.pushing import Lane
from tests.support.databases import any_move
from tests.support.shop import Shop, order


@pytest.mark.parametrize(
    ("moves", "states"),
    [(POSTING_MOVES, POSTING_STATES), (HOLD_MOVES, tuple(HoldState)), (PUSH_MOVES, PUSH_STATES)],
)
def test_every_state_has_its_row(moves: Moves[Any], states: tuple[str, ...]) -> None:
    assert set(moves) == set(states)
    assert set().union(*moves.values()) <= set(states)


def test_what_was_sent_is_never_planned_again() -> None:
    for state in (*IN_FLIGHT_STATES, PostingState.POSTED):
        assert not POSTING_MOVES[state] & {"waiting", "held", "ignored", "dropped"}
    moves = POSTING_MOVES[PostingState.POSTED]
    assert moves == {"posted", "sending", "reversed", "ready"}, "ready: lost there, sent again"


def test_a_posting_is_still_to_be_sent_or_on_its_way_or_at_an_end() -> None:
    assert sorted((*TO_SEND_STATES, *IN_FLIGHT_STATES, *ENDED)) == sorted(POSTING_STATES)
    assert set(UNSENT_STATES) - set(TO_SEND_STATES) == {PostingState.IGNORED, PostingState.DROPPED}


def test_only_ready_is_sent() -> None:
    assert {s for s in UNSENT_STATES if "sending" in POSTING_MOVES[s]} == {"ready"}


@pytest.mark.parametrize("before", POSTING_STATES)
def test_no_posting_leaves_the_table(shop: Shop, before: PostingState) -> None:
    shop.map("A")
    shop.arrive(order("1", "A"))
    shop.judge()
    (seen,) = shop.rows(Posting)
    for wish in POSTING_STATES:
        with shop.database.write() as session:
            with any_move(session):
                session.execute(update(Posting).values(state=before, lock=0))
            try:
                moved = move_posting(session, seen.id, expected=before, to=wish, lock=0)
            except ValueError:
                moved = False
            assert moved == (wish in POSTING_MOVES[before]), wish
            assert session.scalar(select(Posting.state)) == (wish if moved else before)


@pytest.mark.parametrize("before", PUSH_STATES)
def test_no_push_leaves_the_table(lane: Lane, before: PushState) -> None:
    lane.ready("IV-1")
    lane.work()
    [push] = lane.rows(Push)
    for wish in PUSH_STATES:
        with lane.database.write() as session:
            with any_move(session):
                session.execute(update(Push).values(state=before))
            moved = move_push(session, push.id, wish)
            assert moved == (wish in PUSH_MOVES[before]), wish
            if not moved:
                _refuse_joint_move(session, push.id, wish)
            assert session.scalar(select(Push.state)) == (wish if moved else before)


def _refuse_joint_move(session: Session, push_id: int, wish: PushState) -> None:
    """Moves that are written with others are refused with them, and leave what was."""
    writes = JointWrites(session)
    join_pushes(writes, {push_id: {"kept": 1}}, wish)
    with pytest.raises(RuntimeError, match="a push moved"):
        writes.write()
    assert session.scalar(select(Push.kept)) != 1


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
            close_push(late, PushState.REFUSED)
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
    monkeypatch.setattr(lifecycle_states, "POSTING_MOVES", without)
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
        assert move_posting(
            session, seen.id, expected=PostingState.READY, to=PostingState.SENDING, lock=seen.lock
        )
        assert not move_posting(
            session, seen.id, expected=PostingState.READY, to=PostingState.SENDING, lock=seen.lock
        )
        with pytest.raises(ValueError, match="never goes from posted to held"):
            move_posting(
                session, seen.id, expected=PostingState.POSTED, to=PostingState.HELD, lock=1
            )
    (after,) = shop.rows(Posting)
    assert (after.state, after.lock) == ("sending", seen.lock + 1)
    sending, uncertain = PostingState.SENDING, PostingState.UNCERTAIN
    for lock, moves in ((seen.lock, False), (seen.lock + 1, True)):
        with shop.database.write() as session:
            assert moves == move_posting(
                session, seen.id, expected=sending, to=uncertain, lock=lock
            )


def test_of_many_steps_each_is_conditional(shop: Shop) -> None:
    """On the state as on the lock that the caller saw: with one that moved, none is written."""
    shop.map("A")
    shop.arrive(order("1", "A"), order("2", "A"), order("3", "A"))
    shop.judge()
    seen = shop.rows(Posting)
    ready, sending, held = PostingState.READY, PostingState.SENDING, PostingState.HELD
    good = Step(seen[0].id, ready, seen[0].lock, sending, {"push_id": 7})
    for moved in (
        Step(seen[1].id, ready, seen[1].lock + 1, sending, {"push_id": 8}),
        Step(seen[2].id, held, seen[2].lock, ready, {"push_id": 9}),
    ):
        with (
            pytest.raises(RuntimeError, match="a posting moved under our lock"),
            shop.database.write() as session,
        ):
            _write_steps(session, good, moved)
    with (
        pytest.raises(ValueError, match="never goes from posted to held"),
        shop.database.write() as session,
    ):
        _write_steps(session, good, Step(seen[1].id, PostingState.POSTED, 0, held, {}))
    assert [(row.state, row.lock) for row in shop.rows(Posting)] == [
        ("ready", one.lock) for one in seen
    ]
    with shop.database.write() as session:
        _write_steps(session, good)
    after = [(row.state, row.push_id, row.lock) for row in shop.rows(Posting)]
    assert after == [
        ("sending", 7, seen[0].lock + 1),
        ("ready", None, seen[1].lock),
        ("ready", None, seen[2].lock),
    ]


def _write_steps(session: Session, *steps: Step) -> None:
    writes = JointWrites(session)
    join_steps(writes, steps)
    writes.write()


def test_the_database_refuses_every_other_move_of_a_posting_or_a_hold(shop: Shop) -> None:
    """By SQL, past the program: the lists of the triggers are those of the program."""
    shop.arrive(order("1", "A"))
    shop.judge()
    _refuses_other_moves(shop.database, Posting, POSTING_MOVES)
    _refuses_other_moves(shop.database, Hold, HOLD_MOVES)


def test_the_database_refuses_every_other_move_of_a_push(lane: Lane) -> None:
    lane.ready("IV-1")
    lane.work()
    _refuses_other_moves(lane.database, Push, PUSH_MOVES)


def _refuses_other_moves(
    database: Database, model: type[Posting | Push | Hold], moves: Moves[Any]
) -> None:
    for before in moves:
        with database.write() as session, any_move(session):
            session.execute(update(model).values(state=before))
        for after in moves:
            legal = after in moves[before] or after == before
            with nullcontext() if legal else pytest.raises(IntegrityError):
                _try(database, update(model).values(state=after))
        with database.read() as session:
            assert set(session.scalars(select(model.state))) == {before}


def _try(database: Database, act: Update) -> None:
    """Do it, and take it back."""
    with database.engine.connect() as connection:
        connection.execute(act)
        connection.rollback()


@pytest.mark.parametrize("stays", [RecordState.RECEIVED, RecordState.REFERENCE])
def test_what_has_no_posting_and_no_hold_stays_where_its_judging_left_it(
    shop: Shop, stays: RecordState
) -> None:
    shop.arrive(order("1", "A"))
    with shop.database.write() as session:
        record_id = session.scalars(select(Record.id)).one()
        session.execute(update(Record).values(state=stays))
        lifecycle_states.refresh_record_states(session, [record_id])
        assert session.scalars(select(Record.state)).one() == stays


def test_the_state_of_a_record_is_the_same_in_python_and_in_the_database(lane: Lane) -> None:
    """Sixty postings in any state, over thirty records; some take another back, some have holds."""
    chance = Random(18)
    keys = lane.ready(*(f"IV-{no}" for no in range(60)))
    before = {}
    with lane.database.write() as session, any_move(session):
        postings = [session.get_one(Posting, key) for key in keys]
        of = [posting.record_id for posting in postings[:30]]
        for seq, posting in enumerate(postings, 2):
            if chance.random() < 0.3:
                found = Trouble(code="TGT01", error_class="business_rule", words="No.")
                target_holds.open_hold(session, posting, found, lane.clock.now())
            posting.record_id, posting.seq = chance.choice(of), seq
            posting.state = chance.choice(list(PostingState))
            posting.reverses_id = chance.choice([None, keys[0]])
        for no, hold in enumerate(session.scalars(select(Hold).order_by(Hold.id))):
            hold.seq = no  # several open ones of a record are of several documents
            hold.record_id, hold.state = chance.choice(of), chance.choice(list(HoldState))
        for record in session.scalars(select(Record).where(Record.id.in_(of))):
            record.state = before[record.id] = chance.choice(RECORD_STATES)
    with lane.database.write() as session:
        lifecycle_states.refresh_record_states(session, of)
    postings, holds = lane.rows(Posting), lane.rows(Hold)
    meant = {}
    for key in of:
        mine = [
            counted_state(one.state, one.reverses_id) for one in postings if one.record_id == key
        ]
        held = any(one.record_id == key and one.state == HoldState.OPEN for one in holds)
        empty = before[key] if before[key] in UNPOSTED else RecordState.WAITING
        meant[key] = state_of(mine, is_held=held, empty=empty)
    rows = {row.id: row for row in lane.rows(Record) if row.id in meant}
    assert {key: row.state for key, row in rows.items()} == meant
    moved = {key for key in meant if meant[key] != before[key]}
    assert {key for key, row in rows.items() if row.lock} == moved
    assert len(set(meant.values())) > 5
    asked = select(Posting, BESIDE.label("beside"), RECORD_HELD.label("held"))
    with lane.database.read() as session:
        for one in session.execute(asked.where(Posting.record_id.in_(of))).all():
            own = counted_state(one.Posting.state, one.Posting.reverses_id)
            held = bool(one.held)
            assert state_beside(one.beside, own, is_held=held) == meant[one.Posting.record_id]


def test_steps_that_change_different_columns_are_all_taken(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("1", "A"), order("2", "A"))
    shop.judge()
    one, two = shop.rows(Posting)
    ready, sending = PostingState.READY, PostingState.SENDING
    with shop.database.write() as session:
        _write_steps(
            session,
            Step(one.id, ready, one.lock, sending, {"push_id": 7}),
            Step(two.id, ready, two.lock, sending, {"tries": 2}),
        )
    after = [(row.state, row.push_id, row.tries) for row in shop.rows(Posting)]
    assert after == [("sending", 7, 0), ("sending", None, 2)]
