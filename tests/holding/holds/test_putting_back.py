"""Who gave a hold away or snoozed it by mistake gets it back as it was."""

from datetime import timedelta

import pytest

from holding.db.database import Database
from holding.db.models import Company, Hold, Person, Record
from holding.holds import assignments, releases, undo
from holding.holds.holds import Done, Each
from holding.holds.restored_assignments import PutBack
from tests.holding.held import held_shop, hold_of, refused, says
from tests.holding.shop import Shop
from tests.support.clock import SetClock

pytestmark = pytest.mark.usefixtures("half_minute")


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    return held_shop(database, company, clock)


@pytest.fixture
def half_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "30")


def give(shop: Shop, who: str, to: str | None, op: str, number: str = "NS-1") -> None:
    person_id = shop.actor(to).person_id if to else None
    with shop.database.write() as session:
        wanted = shop.holds(session, number)[0].id
        actor = shop.actor(who)
        done = assignments.assign(session, actor, wanted, person_id, shop.now, op)
        assert isinstance(done, Done)


def put_aside(shop: Shop, who: str, days: int, op: str, number: str = "NS-1") -> None:
    with shop.database.write() as session:
        wanted = shop.holds(session, number)[0].id
        until = shop.now + timedelta(days=days)
        done = assignments.snooze(session, shop.actor(who), wanted, until, shop.now, op)
        assert isinstance(done, Done)


def take_back(shop: Shop, who: str, op: str) -> object:
    with shop.database.write() as session:
        return undo.undo(session, shop.actor(who), op, shop.now)


def bar(shop: Shop, who: str) -> undo.Undoable | None:
    with shop.database.read() as session:
        return undo.latest_undoable(session, shop.actor(who), shop.now)


def stands(hold: Hold) -> tuple[object, ...]:
    return hold.state, hold.team_id, hold.person_id, hold.snoozed_until


def test_a_hold_that_was_given_away_is_whose_it_was(shop: Shop) -> None:
    give(shop, "lim", "farah", "form-1")
    before = hold_of(shop, "NS-1")
    give(shop, "farah", "lim", "form-2")
    offered = bar(shop, "farah")
    assert offered is not None
    assert (offered.op, offered.say, offered.sends) == ("form-2", "NS-1 assigned to Lim", False)
    shop.clock.advance(29)
    refused(take_back(shop, "lim", "form-2"), "undo.unknown")
    answer = take_back(shop, "farah", "form-2")
    assert isinstance(answer, PutBack)
    assert answer.say == "Undone: 1 hold is as it was."
    after = hold_of(shop, "NS-1")
    assert stands(after) == stands(before)
    assert after.person_id == shop.actor("farah").person_id
    assert after.lock > before.lock
    assert says(shop, "operation.undone") == ["Farah undid the assignment of NS-1."]
    assert bar(shop, "farah") is None
    refused(take_back(shop, "farah", "form-2"), "undo.done")


def test_a_hold_that_was_put_aside_rests_as_long_as_before(shop: Shop) -> None:
    put_aside(shop, "farah", 2, "form-1")
    before = hold_of(shop, "NS-1")
    assert before.snoozed_until is not None
    put_aside(shop, "farah", 9, "form-2")
    assert isinstance(take_back(shop, "farah", "form-2"), PutBack)
    assert stands(hold_of(shop, "NS-1")) == stands(before)
    assert isinstance(take_back(shop, "farah", "form-1"), PutBack)
    assert hold_of(shop, "NS-1").snoozed_until is None


def test_acts_are_taken_back_one_after_the_other(shop: Shop) -> None:
    before = hold_of(shop, "NS-1")
    give(shop, "farah", "lim", "form-1")
    shop.clock.advance(1)
    put_aside(shop, "farah", 2, "form-2")
    shop.clock.advance(1)
    give(shop, "farah", None, "form-3")
    for op in ("form-3", "form-2", "form-1"):
        offered = bar(shop, "farah")
        assert offered is not None
        assert offered.op == op
        assert isinstance(take_back(shop, "farah", op), PutBack)
    assert stands(hold_of(shop, "NS-1")) == stands(before)


def test_what_somebody_else_changed_meanwhile_stays_theirs(shop: Shop) -> None:
    give(shop, "farah", "lim", "form-1")
    put_aside(shop, "lim", 2, "form-2")
    theirs = hold_of(shop, "NS-1")
    told = refused(take_back(shop, "farah", "form-1"), "undo.moved")
    assert told.message == "NS-1 was changed since: nothing was undone."
    assert told.hint.startswith("Lim snoozed NS-1 until ")
    assert stands(hold_of(shop, "NS-1")) == stands(theirs)
    with shop.database.write() as session:
        releases.release(session, shop.actor("lim"), theirs.id, "agreed", shop.now)
    told = refused(take_back(shop, "lim", "form-2"), "undo.moved")
    assert told.hint == "Lim released NS-1 (adds up): agreed"


def all_of(
    shop: Shop, who: str, numbers: tuple[str, ...], op: str, act: assignments.Act = "assign"
) -> Each:
    """One act over the holds of these orders, as they are now: to Lim, or aside for three days."""
    with shop.database.write() as session:
        found = [hold for number in numbers for hold in shop.holds(session, number)]
        versions = {hold.id: session.get_one(Record, hold.record_id).version_id for hold in found}
        wish = assignments.Wish(
            act=act,
            seen={hold.id: (hold.lock, versions[hold.id] or 0) for hold in found},
            person_id=shop.actor("lim").person_id,
            until=shop.now + timedelta(days=3),
        )
        done = assignments.apply_to_holds(session, shop.actor(who), wish, shop.now, op)
        assert isinstance(done, Each)
        assert len(done.done) == len(numbers)
        return done


def test_many_are_put_back_but_those_that_were_changed(shop: Shop) -> None:
    numbers = ("NS-1", "NS-2", "NS-3")
    give(shop, "lim", "farah", "form-0", "NS-2")
    before = {number: hold_of(shop, number) for number in numbers}
    all_of(shop, "farah", numbers, "form-1", "snooze")
    offered = bar(shop, "farah")
    assert offered is not None
    assert offered.say.startswith("3 snoozed until ")
    give(shop, "lim", "lim", "form-2", "NS-3")
    answer = take_back(shop, "farah", "form-1")
    assert isinstance(answer, PutBack)
    told = "Undone: 2 holds are as they were. 1 was changed since and stays: NS-3."
    assert answer.say == told
    for number in ("NS-1", "NS-2"):
        assert stands(hold_of(shop, number)) == stands(before[number])
    assert hold_of(shop, "NS-3").snoozed_until is not None


def test_many_are_put_back_with_as_many_questions_as_few(shop: Shop, statements: list[str]) -> None:
    counts = []
    for numbers in (("NS-1",), ("NS-1", "NS-2", "NS-3")):
        op = f"form-{len(numbers)}"
        all_of(shop, "farah", numbers, op)
        statements.clear()
        assert isinstance(take_back(shop, "farah", op), PutBack)
        counts.append(len(statements))
    assert counts[0] == counts[1]


def test_nothing_goes_back_to_somebody_who_left(shop: Shop) -> None:
    give(shop, "lim", "farah", "form-1")
    give(shop, "lim", None, "form-2")
    with shop.database.write() as session:
        person = session.get_one(Person, shop.actor("farah").person_id)
        assignments.remove_member(session, shop.actor("adam"), shop.company.id, person.id, shop.now)
    assert isinstance(take_back(shop, "lim", "form-2"), PutBack)
    assert hold_of(shop, "NS-1").person_id is None


def test_its_time_is_over_like_that_of_any_other_act(shop: Shop) -> None:
    give(shop, "farah", "lim", "form-1")
    shop.clock.advance(31)
    assert bar(shop, "farah") is None
    refused(take_back(shop, "farah", "form-1"), "undo.late")
    assert hold_of(shop, "NS-1").person_id == shop.actor("lim").person_id
