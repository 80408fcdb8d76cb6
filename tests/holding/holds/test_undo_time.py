"""The time to take an act back is really that time, whatever makes the record due meanwhile."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from holding.approvals import approve as approvals_approve
from holding.approvals.approve import Approved
from holding.db.database import Database
from holding.db.models import Company, Person, Record, Release
from holding.db.refusal import Refusal
from holding.holds import releases, undo
from holding.holds.holds import Done
from holding.operations import content_invariants
from tests.holding.consent import LARGE
from tests.holding.shop import FILES, RULES, Shop, open_shop, order
from tests.support.clock import SetClock

MORE = """
check no_gift on order
    require  customer = "C-77"
    else     hold for accounts
    say      "{number} may be a gift."
    clears   by accounts
"""


@pytest.fixture
def shop(
    database: Database, company: Company, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> Shop:
    """NS-1 has two holds that accounts may release, NS-2 waits for an approval."""
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "30")
    shop = open_shop(database, company, clock)
    shop.publish(FILES | {"shop.rules": RULES + MORE})
    shop.receive(
        order("NS-1", customer="C-78", total="190.00"),
        order("NS-2", total="1920.00", lines=LARGE),
    )
    shop.judge()
    assert set(shop.states().values()) == {"held"}
    return shop


def release(shop: Shop, who: str, rule: str, op: str) -> None:
    with shop.database.write() as session:
        (hold,) = [one for one in shop.holds(session, "NS-1") if one.rule == rule]
        made = releases.release(session, shop.actor(who), hold.id, "agreed", shop.now, op)
        assert isinstance(made, Done), made


def approve(shop: Shop, op: str) -> None:
    with shop.database.write() as session:
        ids = [shop.posting(session, "NS-2").id]
        made = approvals_approve.approve(session, shop.actor("lim"), ids, "checked", shop.now, op)
        assert isinstance(made, Approved), made


def wake(shop: Shop, number: str) -> None:
    with shop.database.write() as session:
        session.execute(update(Record).where(Record.number == number).values(due_at=shop.now))


def goes_in(shop: Shop, number: str) -> timedelta:
    """After how long it is sent: it is ready."""
    with shop.database.read() as session:
        posting = shop.posting(session, number)
        assert (posting.state, posting.due_at is None) == ("ready", False)
        assert posting.due_at is not None
        return posting.due_at - shop.now


def take_back(shop: Shop, who: str, op: str) -> None:
    with shop.database.write() as session:
        assert isinstance(undo.undo(session, shop.actor(who), op, shop.now), undo.Undone)


def test_the_later_of_two_releases_has_its_whole_time(shop: Shop) -> None:
    release(shop, "lim", "adds_up", "form-1")
    shop.clock.advance(20)
    release(shop, "tan", "no_gift", "form-2")
    shop.clock.advance(10)
    shop.judge()
    assert goes_in(shop, "NS-1") == timedelta(seconds=20)
    shop.clock.advance(19)
    take_back(shop, "tan", "form-2")
    shop.judge()
    assert shop.states()["NS-1"] == "held"


def test_a_release_that_is_judged_early_waits_all_the_same(shop: Shop) -> None:
    release(shop, "lim", "adds_up", "form-1")
    release(shop, "lim", "no_gift", "form-2")
    shop.clock.advance(5)
    wake(shop, "NS-1")
    shop.judge()
    assert goes_in(shop, "NS-1") == timedelta(seconds=25)
    shop.clock.advance(31)
    wake(shop, "NS-1")
    shop.judge()
    assert goes_in(shop, "NS-1") <= timedelta(0)


def test_an_approval_of_a_record_that_is_due_waits(shop: Shop) -> None:
    wake(shop, "NS-2")
    approve(shop, "form-1")
    shop.judge()
    assert goes_in(shop, "NS-2") == timedelta(seconds=30)
    shop.clock.advance(29)
    take_back(shop, "lim", "form-1")
    shop.judge()
    assert shop.states()["NS-2"] == "held"


def test_a_decision_made_and_undone_twice_in_one_instant_reopens_one_hold(shop: Shop) -> None:
    """A clock that was set back shows the same instant again."""

    def reject(shop: Shop, op: str) -> None:
        with shop.database.write() as session:
            hold = next(one for one in shop.holds(session, "NS-1") if one.rule == "no_gift")
            made = releases.reject(session, shop.actor("lim"), hold.id, "no", shop.now, op)
            assert isinstance(made, Done), made

    for turn in range(3):
        approve(shop, f"approve-{turn}")
        take_back(shop, "lim", f"approve-{turn}")
        release(shop, "lim", "adds_up", f"release-{turn}")
        take_back(shop, "lim", f"release-{turn}")
        reject(shop, f"reject-{turn}")
        take_back(shop, "lim", f"reject-{turn}")
    shop.judge()
    assert shop.states() == {"NS-1": "held", "NS-2": "held"}
    with shop.database.read() as session:
        assert sorted(one.rule for one in shop.holds(session, "NS-1")) == ["adds_up", "no_gift"]
        assert len(shop.holds(session, "NS-2")) == 1


def test_what_was_taken_back_makes_nothing_wait(shop: Shop) -> None:
    wake(shop, "NS-2")
    approve(shop, "form-1")
    take_back(shop, "lim", "form-1")
    shop.publish(FILES | {"shop.rules": RULES.replace("1000.00", "5000.00")})
    shop.judge()
    assert goes_in(shop, "NS-2") == timedelta(0)


def test_who_asked_for_it_has_four_times_as_long(shop: Shop) -> None:
    with shop.database.write() as session:
        person = session.get_one(Person, shop.actor("lim").person_id)
        person.settings = {**person.settings, "long_undo": True}
    approve(shop, "form-1")
    shop.judge()
    assert goes_in(shop, "NS-2") == timedelta(seconds=120)
    shop.clock.advance(119)
    take_back(shop, "lim", "form-1")
    shop.judge()
    assert shop.states()["NS-2"] == "held"


def test_a_rejection_can_be_taken_back_as_it_was(shop: Shop) -> None:
    with shop.database.read() as session:
        before = [(one.rule, one.opened_at, one.team_id) for one in shop.holds(session, "NS-1")]
    assert len(before) == 2
    shop.clock.advance(600)
    with shop.database.write() as session:
        first, _ = shop.holds(session, "NS-1")
        made = releases.reject(session, shop.actor("lim"), first.id, "not ours", shop.now, "form-r")
        assert isinstance(made, Done), made
        told = undo.latest_undoable(session, shop.actor("lim"), shop.now)
        assert told is not None
        assert (told.say, told.sends) == ("NS-1 rejected", False)
    assert shop.states()["NS-1"] == "ignored"
    shop.clock.advance(29)
    shop.judge()
    assert shop.states()["NS-1"] == "ignored"
    take_back(shop, "lim", "form-r")
    assert shop.states()["NS-1"] == "held"
    with shop.database.read() as session:
        assert shop.posting(session, "NS-1").state == "held"
    shop.judge()
    with shop.database.read() as session:
        after = [(one.rule, one.opened_at, one.team_id) for one in shop.holds(session, "NS-1")]
        assert session.scalar(select(Release.voided_by_id)) == shop.actor("lim").person_id
        assert list(content_invariants.act_breaks(session, shop.company.id)) == []
    assert after == before


def test_a_rejection_stands_after_its_time(shop: Shop) -> None:
    with shop.database.write() as session:
        first, _ = shop.holds(session, "NS-1")
        releases.reject(session, shop.actor("lim"), first.id, "not ours", shop.now, "form-r")
    shop.clock.advance(31)
    with shop.database.write() as session:
        refused = undo.undo(session, shop.actor("lim"), "form-r", shop.now)
        assert isinstance(refused, Refusal)
    shop.publish(FILES | {"shop.rules": RULES + MORE})
    shop.judge()
    assert shop.states()["NS-1"] == "ignored"
