"""A view that two windows keep at once is one view."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from sqlalchemy import func, select

from holding.db.database import Database
from holding.db.models import Company, SavedView
from holding.db.refusal import Refusal
from holding.worklist import facets
from tests.holding.shop import Shop, open_shop
from tests.support.clock import SetClock


def test_two_windows_that_keep_a_view_at_once_keep_one(
    database: Database, company: Company, clock: SetClock
) -> None:
    shop: Shop = open_shop(database, company, clock)
    lim, both = shop.actor("lim"), Barrier(2)

    def keep(words: str) -> int | Refusal:
        both.wait(timeout=30)
        with database.write() as session:
            return facets.save_view(session, lim, "Mine", {"age": [words]}, clock.now())

    for words in (("1", "1"), ("1", "1")):
        with ThreadPoolExecutor(2) as windows:
            first, second = windows.map(keep, words)
        assert first == second
        assert isinstance(first, int)
    with ThreadPoolExecutor(2) as windows:
        refused = [one for one in windows.map(keep, ("2", "2")) if isinstance(one, Refusal)]
    assert [one.code for one in refused] == ["view.taken"] * 2
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(SavedView)) == 1
