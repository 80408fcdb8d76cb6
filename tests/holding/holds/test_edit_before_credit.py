"""Ways out of an edit in the target while a newer version waits to be credited and made anew."""

import pytest
from sqlalchemy import select

from holding.db.models import Hold, Person, Posting
from holding.holds import releases
from holding.holds.assignments import Question, ask_source
from holding.holds.holds import Done
from holding.holds.restored_documents import (
    can_overwrite_hold,
    has_hold_beside,
    overwrite_edit,
    waiting_resends,
)
from tests.holding.holds.test_edited_documents import DAY, decide, hold_id, later
from tests.holding.life import LARGE, SMALL, Life
from tests.holding.posting.test_autocount_life import control, effects, life, running
from tests.holding.reconciliation.test_newest_version import posted
from tests.holding.reconciliation.test_vanished import breaches
from tests.holding.reconciliation.test_void_by_hand import approved_by
from tests.holding.shop import line

__all__ = ["life", "running"]  # fixtures
pytestmark = pytest.mark.parametrize(
    "database_url", [pytest.param("sqlite", marks=pytest.mark.sqlite)], indirect=True
)


@pytest.fixture
def credited(life: Life) -> Life:
    """The newest version is credited and made anew, but the quantity was edited before."""
    life.arrive("A-1")
    later(life, 60)
    control(life, "by_hand", number="A-1-1", details=[{"qty": 300}])
    later(life, DAY)
    life.arrive("A-1", **LARGE)
    later(life, DAY)
    assert life.held("A-1") == ["STL03"]
    assert effects(life) == [("created", "A-1-1")]
    return life


def test_the_hold_is_about_the_edited_document(credited: Life) -> None:
    with credited.shop.database.read() as session:
        hold = session.get_one(Hold, hold_id(credited))
        assert session.get_one(Posting, hold.posting_id or 0).number == "A-1-1"
        assert can_overwrite_hold(session, hold.id)
        assert not has_hold_beside(session, hold.id)


def test_the_hold_names_the_edited_document_though_another_is_planned(life: Life) -> None:
    """The events of its release quote this number."""
    posted(life, review=False)
    life.arrive("A-1", total="1200.00", lines=[line(qty="12.5")])
    control(life, "by_hand", number="A-1-1", details=[{"qty": 300}])
    later(life, DAY)
    with life.shop.database.read() as session:
        numbers = {hold.code: hold.number for hold in life.shop.holds(session, "A-1")}
    assert numbers["STL03"] == "A-1-1"
    assert set(numbers.values()) != {"A-1-1"}


def test_an_edit_while_the_next_waits_for_an_approval_has_both_ways_out(life: Life) -> None:
    posted(life, review=False)
    life.arrive("A-1", total="1200.00", lines=[line(qty="12.5")])
    control(life, "by_hand", number="A-1-1", details=[{"qty": 300}])
    later(life, DAY)
    with life.shop.database.write() as session:
        holds = {hold.code: hold for hold in life.shop.holds(session, "A-1")}
        (tan,) = session.scalars(select(Person.id).where(Person.name.like("Tan%")))
        by, edit = life.shop.actor("farah"), holds["STL03"].id
        asked = ask_source(session, by, edit, Question(tan, "It is 300"), life.shop.now)
        assert isinstance(asked, Done), asked
        made = overwrite_edit(
            session, life.shop.actor("lim"), edit, "The shop is right", life.shop.now
        )
        assert isinstance(made, Done), made
    later(life, DAY)
    assert (life.held("A-1"), effects(life)) == (["APP01"], [("created", "A-1-1")])
    approved_by(life, "tan")
    assert (life.held("A-1"), life.shop.states()) == ([], {"A-1": "posted"})
    assert [number for _, number in effects(life)] == ["A-1-1", "A-1-1", "CN-A-1-1", "A-1-2"]
    assert breaches(life) == []


def test_an_approved_document_is_sent_again_without_another_approval(life: Life) -> None:
    """It has the content that was approved."""
    life.arrive("A-1", total="1200.00", lines=[line(qty="12.5")])
    approved_by(life, "tan")
    control(life, "by_hand", number="A-1-1", details=[{"qty": 300}])
    later(life, DAY)
    assert isinstance(decide(life, overwrite_edit, "The shop is right", who="lim"), Done)
    later(life, DAY)
    assert effects(life) == [("created", "A-1-1"), ("updated", "A-1-1")]
    assert (life.held("A-1"), breaches(life)) == ([], [])


def test_the_edit_is_overwritten_then_credited_and_made_anew(credited: Life) -> None:
    assert isinstance(decide(credited, overwrite_edit, "The shop is right", who="lim"), Done)
    later(credited, DAY)
    assert (credited.held("A-1"), credited.shop.states()) == ([], {"A-1": "posted"})
    assert effects(credited) == [
        ("created", "A-1-1"),
        ("updated", "A-1-1"),
        ("created", "CN-A-1-1"),
        ("created", "A-1-2"),
    ]


def test_the_source_follows_the_books(credited: Life) -> None:
    with credited.shop.database.read() as session:
        person = session.scalars(select(Person).where(Person.name.like("Lim%"))).one()
    question = Question(person.id, "The quantity is 300")
    assert isinstance(decide(credited, ask_source, question, who="farah"), Done)
    pieces = {"total": "720.00", "lines": [line(qty="7.5")]}
    credited.arrive("A-1", **pieces)
    later(credited, DAY)
    assert (credited.held("A-1"), credited.shop.states()) == ([], {"A-1": "posted"})
    assert effects(credited) == [("created", "A-1-1")]


def test_an_edit_after_the_overwrite_is_overwritten_too(life: Life) -> None:
    life.arrive("A-1")
    later(life, 60)
    for _ in range(2):
        control(life, "by_hand", number="A-1-1", details=[{"qty": 300}])
        later(life, DAY)
        assert life.held("A-1") == ["STL03"]
        assert isinstance(decide(life, overwrite_edit, "The shop is right", who="lim"), Done)
        later(life, DAY)
        assert life.held("A-1") == []
    assert effects(life) == [("created", "A-1-1"), ("updated", "A-1-1"), ("updated", "A-1-1")]


def test_a_review_of_the_newer_version_stays_open_after_the_overwrite(life: Life) -> None:
    """What is sent again is the old version, so the newer version still differs from it."""
    posted(life, review=True)
    life.arrive("A-1", **SMALL)
    control(life, "by_hand", number="A-1-1", details=[{"qty": 120}])
    later(life, DAY)
    assert sorted(life.held("A-1")) == ["STL01", "STL03"]
    with life.shop.database.read() as session:
        edit = next(h.id for h in life.shop.holds(session, "A-1") if h.code == "STL03")
        assert has_hold_beside(session, edit)
    lim = life.shop.actor("lim")
    with life.shop.database.write() as session:
        made = overwrite_edit(session, lim, edit, "The shop is right", life.shop.now)
    assert isinstance(made, Done), made
    later(life, DAY)
    assert (life.held("A-1"), effects(life)) == (["STL01"], [("created", "A-1-1")])
    assert resends(life) == [("A-1-1", [hold_id(life)])]
    kept = decide(life, releases.release, "It stays as posted", who="lim")
    assert isinstance(kept, Done), kept
    later(life, DAY)
    assert effects(life) == [("created", "A-1-1"), ("updated", "A-1-1")]
    assert (life.held("A-1"), resends(life)) == ([], [])


def resends(life: Life) -> list[tuple[str, list[int]]]:
    """Return each document that waits to be sent again, with the holds that it waits for."""
    with life.shop.database.read() as session:
        record = life.shop.record(session, "A-1").id
        return [(one.number, list(one.hold_ids)) for one in waiting_resends(session, record)]
