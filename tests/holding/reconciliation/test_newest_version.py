"""An edit in the target that says what the record says now needs no decision."""

import pytest

from holding.db.refusal import Refusal
from holding.holds import releases
from tests.holding.life import LARGE, SMALL, Life
from tests.holding.posting import test_autocount_life
from tests.holding.posting.test_autocount_life import control, effects, life, running
from tests.holding.shop import line

__all__ = ["life", "running"]  # fixtures
DAY = 24 * 3600
UPDATE = "| money     | <= 500.00 | update              |"
REVIEW = "| money     | <= 500.00 | review by accounts  |"
pytestmark = pytest.mark.parametrize(
    "database_url", [pytest.param("sqlite", marks=pytest.mark.sqlite)], indirect=True
)


def later(life: Life, seconds: float) -> None:
    life.shop.clock.advance(seconds)
    life.work()


def posted(life: Life, *, review: bool) -> None:
    files = test_autocount_life.rules()
    text = files["shop.rules"]
    assert UPDATE in text
    life.shop.publish(files | {"shop.rules": text.replace(UPDATE, REVIEW) if review else text})
    life.arrive("A-1")
    later(life, 60)


def corrected_there(life: Life) -> None:
    """Somebody enters the quantity of the newest version in AutoCount, in base units."""
    control(life, "by_hand", number="A-1-1", details=[{"qty": 40}])
    later(life, DAY)


def test_the_record_follows_the_books(life: Life) -> None:
    posted(life, review=False)
    corrected_there(life)
    assert life.held("A-1") == ["STL03"]
    life.arrive("A-1", **SMALL)
    later(life, 60)
    assert (life.held("A-1"), life.shop.states()) == ([], {"A-1": "posted"})
    assert effects(life) == [("created", "A-1-1")], "it stands there already"
    later(life, DAY)
    assert life.held("A-1") == []


def test_the_books_follow_the_record(life: Life) -> None:
    posted(life, review=True)
    life.arrive("A-1", **SMALL)
    assert life.held("A-1") == ["STL01"]
    corrected_there(life)
    assert (life.held("A-1"), life.shop.states()) == ([], {"A-1": "posted"})
    assert effects(life) == [("created", "A-1-1")]


def test_what_the_books_say_already_is_not_credited_and_made_anew(life: Life) -> None:
    """The books would have the edited invoice, a credit note of the old one, and a new one."""
    posted(life, review=False)
    control(life, "by_hand", number="A-1-1", details=[{"qty": 400}])
    later(life, DAY)
    assert life.held("A-1") == ["STL03"]
    life.arrive("A-1", **LARGE)
    later(life, DAY)
    assert (life.held("A-1"), life.shop.states()) == ([], {"A-1": "posted"})
    assert effects(life) == [("created", "A-1-1")]


def test_what_is_edited_again_after_that_is_held(life: Life) -> None:
    posted(life, review=False)
    control(life, "by_hand", number="A-1-1", details=[{"qty": 400}])
    later(life, DAY)
    life.arrive("A-1", **LARGE)
    later(life, DAY)
    life.arrive("A-1", status="cancelled", **LARGE)
    later(life, DAY)
    assert life.held("A-1") == ["STL03"], "a credit note of what was posted would be too small"
    assert effects(life) == [("created", "A-1-1")]


def test_what_says_neither_is_still_held(life: Life) -> None:
    posted(life, review=True)
    life.arrive("A-1", **SMALL)
    control(life, "by_hand", number="A-1-1", details=[{"qty": 120}])
    later(life, DAY)
    assert sorted(life.held("A-1")) == ["STL01", "STL03"]
    assert effects(life) == [("created", "A-1-1")]


def test_an_edited_amount_is_not_credited_with_the_posted_one(life: Life) -> None:
    """The books would keep what the edit added: only a document that is right again is credited."""
    posted(life, review=False)
    life.arrive("A-1", **LARGE)
    control(life, "by_hand", number="A-1-2", details=[{"qty": 300}])
    later(life, DAY)
    before = effects(life)
    life.arrive("A-1", total="768.00", lines=[line(qty="8")])
    assert life.held("A-1") == ["STL03"]
    with life.shop.database.write() as session:
        (hold,) = life.shop.holds(session, "A-1")
        lim = life.shop.actor("lim")
        refused = releases.release(session, lim, hold.id, "It is right", life.shop.now)
    assert isinstance(refused, Refusal)
    assert refused.code == "hold.clears_itself"
    assert effects(life) == before
    control(life, "by_hand", number="A-1-2", details=[{"qty": 400}])
    later(life, DAY)
    assert life.held("A-1") == []
    assert effects(life)[len(before) :] != []
