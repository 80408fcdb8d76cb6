"""A change that comes into force at its time, and one that cannot any more."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event, select

from holding.db.database import Database
from holding.db.models import Change, Company, Event, Membership, Revision, RulesetVersion
from holding.db.refusal import Refusal
from holding.rulesets import publication
from holding.rulesets.recorded_backtests import Published
from holding.rulesets.start_time import LONGEST, drop_start, publish_started, set_start
from tests.holding.shop import FILES, Shop, open_shop
from tests.support.clock import SetClock

LATER = timedelta(hours=6)
MORE = "\n# a comment of the change\n"


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    return open_shop(database, company, clock)


def pushed(shop: Shop, files: dict[str, str] = FILES, title: str = "Rules") -> int:
    with shop.database.write() as session:
        answer = publication.push_change(
            session, shop.company.id, shop.actor("chan"), files, title, shop.now
        )
    assert isinstance(answer, int), answer
    return answer


def commented() -> dict[str, str]:
    path = next(path for path in FILES if path.endswith(".rules"))
    return {**FILES, path: FILES[path] + MORE}


def planned(shop: Shop, no: int, who: str = "pua", after: timedelta = LATER) -> object:
    with shop.database.write() as session:
        at = shop.now + after
        return set_start(session, no, shop.actor(who), at, "Audit finding 7", shop.now)


def swept(shop: Shop) -> object:
    with shop.database.write() as session:
        return publish_started(session, shop.now)


def versions(shop: Shop) -> int:
    with shop.database.read() as session:
        return len(session.scalars(select(RulesetVersion)).all())


def told(shop: Shop, act: str) -> str:
    with shop.database.read() as session:
        event = session.scalars(select(Event).where(Event.act == act)).one()
    return str(event.body["say"])


def test_it_is_published_when_its_time_has_come_and_not_before(shop: Shop) -> None:
    no = pushed(shop)
    assert planned(shop, no) == shop.now + LATER
    shop.clock.advance(LATER - timedelta(seconds=1))
    assert swept(shop) is None
    assert versions(shop) == 0
    shop.clock.advance(timedelta(seconds=1))
    done = swept(shop)
    assert isinstance(done, Published), done
    with shop.database.read() as session:
        version = session.scalars(select(RulesetVersion)).one()
        change = session.scalars(select(Change)).one()
        revision = session.scalars(select(Revision).where(Revision.kind == "rules")).one()
    assert (version.published_by_id, version.published_at) == (
        shop.actor("pua").person_id,
        shop.now,
    )
    assert (change.state, change.starts_at, change.starts_by_id) == ("published", None, None)
    assert revision.reason == "Audit finding 7"
    assert told(shop, "rules.published").endswith("Reason: Audit finding 7")
    assert swept(shop) is None


def test_the_author_sets_no_time_and_neither_does_who_publishes_nothing(shop: Shop) -> None:
    no = pushed(shop)
    both = replace(shop.actor("chan"), roles=frozenset({"consultant", "publisher"}))
    shop.actors["chan"] = both
    for who, code in (("chan", "rules.own"), ("farah", "forbidden")):
        answer = planned(shop, no, who)
        assert isinstance(answer, Refusal)
        assert (answer.code, answer.status) == (code, 403)


@pytest.mark.parametrize("after", [timedelta(0), timedelta(hours=-1), LONGEST + timedelta(1)])
def test_a_time_that_has_passed_or_is_too_far_is_none(shop: Shop, after: timedelta) -> None:
    answer = planned(shop, pushed(shop), after=after)
    assert isinstance(answer, Refusal)
    assert answer.code == "change.start"


def test_the_time_can_be_taken_back(shop: Shop) -> None:
    no = pushed(shop)
    planned(shop, no)
    with shop.database.write() as session:
        assert drop_start(session, no, shop.actor("pua"), shop.now) is None
        again = drop_start(session, no, shop.actor("pua"), shop.now)
    assert isinstance(again, Refusal)
    shop.clock.advance(LATER)
    assert swept(shop) is None
    assert versions(shop) == 0
    assert "start time was removed" in told(shop, "rules.start_dropped")


def test_what_was_overtaken_does_not_come_into_force_and_the_trail_says_why(shop: Shop) -> None:
    planned(shop, pushed(shop, commented()))
    shop.publish()
    shop.clock.advance(LATER)
    answer = swept(shop)
    assert isinstance(answer, Refusal)
    assert answer.code == "change.behind"
    assert versions(shop) == 1
    assert "other rules were published after" in told(shop, "rules.start_missed")
    assert swept(shop) is None


def test_who_may_not_publish_any_more_publishes_nothing_at_the_time(shop: Shop) -> None:
    planned(shop, pushed(shop))
    with shop.database.write() as session:
        mine = Membership.person_id == shop.actor("pua").person_id
        for row in session.scalars(select(Membership).where(mine)):
            session.delete(row)
    shop.clock.advance(LATER)
    answer = swept(shop)
    assert isinstance(answer, Refusal)
    assert versions(shop) == 0
    assert "not in this company any more" in told(shop, "rules.start_missed")


def dropped(shop: Shop, no: int) -> object:
    with shop.database.write() as session:
        return drop_start(session, no, shop.actor("pua"), shop.now)


def first_under_the_lock(
    shop: Shop, act: Callable[[], object], then: Callable[[], object]
) -> object:
    """What `act` answers where `then` has the lock of the company a moment before it does."""
    left = [then]

    def before(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if left and "FROM company" in statement and "FOR NO KEY UPDATE" in statement:
            left.pop()()

    event.listen(shop.database.engine, "before_cursor_execute", before)
    try:
        return act()
    finally:
        event.remove(shop.database.engine, "before_cursor_execute", before)
        assert not left


@pytest.fixture
def shop_on_a_server(shop: Shop) -> Shop:
    if shop.database.dialect == "sqlite":
        pytest.skip("SQLite has one writer at a time: nobody waits with what was read before")
    return shop


def test_a_time_that_is_taken_back_while_the_worker_waits_starts_nothing(
    shop_on_a_server: Shop,
) -> None:
    shop = shop_on_a_server
    no = pushed(shop)
    planned(shop, no)
    shop.clock.advance(LATER)
    assert first_under_the_lock(shop, lambda: swept(shop), lambda: dropped(shop, no)) is None
    assert versions(shop) == 0
    assert "start time was removed" in told(shop, "rules.start_dropped")


def test_a_time_that_is_moved_while_the_worker_waits_is_kept(shop_on_a_server: Shop) -> None:
    shop = shop_on_a_server
    no = pushed(shop)
    planned(shop, no)
    shop.clock.advance(LATER)
    assert first_under_the_lock(shop, lambda: swept(shop), lambda: planned(shop, no)) is None
    assert versions(shop) == 0
    with shop.database.read() as session:
        assert session.scalars(select(Change.starts_at)).one() == shop.now + LATER


def test_who_waits_with_an_old_page_is_told_that_it_is_in_force(shop_on_a_server: Shop) -> None:
    shop = shop_on_a_server
    no = pushed(shop)
    planned(shop, no)
    shop.clock.advance(LATER)
    answer = first_under_the_lock(shop, lambda: dropped(shop, no), lambda: swept(shop))
    assert isinstance(answer, Refusal)
    assert answer.code == "change.closed"
