"""An edit in the target that says what the record says now needs no decision."""

from datetime import date
from typing import Any

import pytest

from holding.db.refusal import Refusal
from holding.holds import releases
from holding.reconciliation import daily_totals
from holding.reconciliation.compared_documents import Span, Standing, Totals
from holding.reconciliation.daily_totals import Sides
from tests.holding.life import LARGE, SMALL, Life
from tests.holding.posting import test_autocount_life
from tests.holding.posting.test_autocount_life import control, effects, life, running
from tests.holding.shop import line
from tests.support.factories import connection_named

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


def totals(life: Life, *, each: bool) -> Totals:
    """The sums of November, each document read by itself or counted where it can be."""
    with life.shop.database.read() as session:
        target = connection_named(session, life.shop.company, "autocount")
        november = Span(date(2026, 11, 1), date(2026, 11, 30))
        sides, places = Sides(november, november), {target.id: target.name}
        days = None if each else ()
        shown = daily_totals.compare_days(session, life.shop.company.id, sides, places, days)
    (kind,) = shown.kinds
    (total,) = kind.totals
    return total


@pytest.mark.parametrize("each", [True, False])
@pytest.mark.parametrize(
    ("review", "newest", "pieces", "minor"),
    [(False, SMALL, 40, 9600), (True, SMALL, 40, 9600), (False, LARGE, 400, 96000)],
    ids=["updated", "reviewed", "credited"],
)
def test_the_sums_of_the_day_show_what_both_sides_say(
    life: Life, review: bool, newest: dict[str, Any], pieces: int, minor: int, each: bool
) -> None:
    posted(life, review=review)
    control(life, "by_hand", number="A-1-1", details=[{"qty": pieces}])
    later(life, DAY)
    life.arrive("A-1", **newest)
    later(life, DAY)
    assert life.held("A-1") == []
    total = totals(life, each=each)
    assert (total.source.minor, total.target.minor) == (minor, minor)
    assert (total.ours.minor, total.difference) == (minor, 0)
    assert {standing for standing, part in total.by.items() if part.count} == {Standing.AGREES}
