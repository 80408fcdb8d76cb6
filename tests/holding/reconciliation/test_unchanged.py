"""Of many documents one call tells which were changed: only those are read, and all where it does
not tell.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connectors import registry
from connectors.contract import Found, Kept
from holding.db.database import Database
from holding.db.models import Company, Posting
from holding.reconciliation.read_back import MARGIN
from holding.reconciliation.reading_plan import EVERY
from tests.holding.desks import make_desk
from tests.holding.life import NUMBERED, TABLES, Life, under
from tests.holding.shop import FILES, open_shop
from tests.support.books import Books
from tests.support.clock import SetClock

DAY = EVERY.total_seconds()
MANY = [f"A-{at}" for at in range(1, 6)]


class Watching(Books):
    """Books that show two documents a call, and tell what was changed in them."""

    read_at_once = 2
    changes_reach = timedelta(days=30)
    tells = True

    def __init__(self) -> None:
        super().__init__()
        self.touched: set[str] = set()
        self.reads: list[str] = []
        self.asked: list[tuple[set[str], datetime]] = []

    def read(self, documents: Sequence[Any], *_: Any) -> tuple[Found, ...]:
        self.reads += [one.number for one in documents]
        return tuple(self._found(one.number) for one in documents)

    def _found(self, number: str) -> Found:
        if number not in self.touched:
            return Found(kind="equal", words="As it was sent.")
        differs = (Kept(0, "Customer", "Cash"),)
        return Found(kind="different", words="Customer is Cash there.", differs=differs)

    def changed(self, documents: Collection[str], since: datetime, *_: Any) -> Any:
        self.asked.append((set(documents), since))
        if not self.tells:
            return Found(kind="unknown", words="Not now.")
        return frozenset(f"ref-{number}" for number in self.touched)


@pytest.fixture
def books(monkeypatch: pytest.MonkeyPatch) -> Watching:
    found = Watching()
    monkeypatch.setattr(registry, "_TARGETS", (found,))
    monkeypatch.setenv("CLEARPOST_ENV", "test")
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "0")
    return found


@pytest.fixture
def life(
    database: Database, company: Company, clock: SetClock, tmp_path: Path, books: Watching
) -> Life:
    """Five orders are posted, and were read once."""
    ours = under(open_shop(database, company, clock), FILES | {"shop.rules": NUMBERED + TABLES})
    found = Life(ours, books, make_desk(ours.database, ours.clock, tmp_path))
    for number in MANY:
        found.arrive(number, customer_name=f"Buyer {number}")
    later(found, 120)
    assert set(ours.states().values()) == {"posted"}
    assert sorted(set(books.reads)) == [f"{number}-1" for number in MANY]
    books.reads.clear()
    books.asked.clear()
    return found


def later(life: Life, seconds: float) -> None:
    life.shop.clock.advance(seconds)
    life.work()


def read_at(life: Life) -> list[datetime]:
    with life.shop.database.read() as session:
        return [one for one in session.scalars(select(Posting.read_at)) if one is not None]


@pytest.mark.slow
def test_one_call_tells_that_nothing_was_changed(life: Life, books: Watching) -> None:
    before = read_at(life)
    later(life, DAY)
    assert (len(books.asked), books.reads) == (1, [])
    ((kinds, since),) = books.asked
    assert kinds == {"sales_invoice"}
    assert since == min(before) - MARGIN
    assert set(read_at(life)) == {life.shop.now}
    later(life, DAY / 2)
    assert len(books.asked) == 1, "each is read once a day"
    later(life, DAY / 2)
    assert len(books.asked) == 2


@pytest.mark.slow
def test_only_what_was_changed_there_is_read_and_is_a_finding(life: Life, books: Watching) -> None:
    books.touched.add("A-3-1")
    later(life, DAY)
    assert (len(books.asked), books.reads) == (1, ["A-3-1"])
    assert [life.held(number) for number in MANY] == [[], [], ["STL03"], [], []]
    books.touched.clear()
    books.reads.clear()
    later(life, DAY)
    assert books.reads == ["A-3-1"], "what differed is read, also where nothing was changed since"
    assert life.held("A-3") == []


@pytest.mark.slow
def test_without_an_answer_each_is_read(life: Life, books: Watching) -> None:
    books.tells = False
    books.touched.add("A-3-1")
    later(life, DAY)
    assert sorted(set(books.reads)) == [f"{number}-1" for number in MANY]
    assert life.held("A-3") == ["STL03"]


@pytest.mark.slow
def test_longer_ago_than_the_target_tells_each_is_read(life: Life, books: Watching) -> None:
    books.changes_reach = timedelta(days=2)
    later(life, 3 * DAY)
    assert books.asked == []
    assert sorted(books.reads) == [f"{number}-1" for number in MANY]
    later(life, DAY)
    assert len(books.asked) == 1


def test_where_one_reading_tells_as_much_nothing_is_asked(life: Life, books: Watching) -> None:
    books.read_at_once = 5
    later(life, DAY)
    assert (books.asked, len(books.reads)) == ([], 5)


def test_what_is_sent_anew_meanwhile_is_not_put_off(
    life: Life, books: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Watching.changed

    def meanwhile(self: Watching, *given: Any) -> Any:
        with life.shop.database.write() as session:
            posting = session.scalars(select(Posting).where(Posting.number == "A-2-1")).one()
            posting.read_at = life.shop.now - timedelta(hours=1)
        return told(self, *given)

    monkeypatch.setattr(Watching, "changed", meanwhile)
    later(life, DAY)
    assert "A-2-1" in books.reads
    assert "A-1-1" not in books.reads
