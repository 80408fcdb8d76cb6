from datetime import timedelta

import pytest
from sqlalchemy import select, update

from holding import schedules
from holding.database import Database
from holding.impact import safety
from holding.mappings import Fixed
from holding.models import Company, Event, Posting, RouteStop, Run
from holding.queries import stops as queries
from holding.refusal import Refusal
from holding.wakes import wake_all_unsent
from tests.holding.shop import FILES, ROUTE, RULES, Shop, line, open_shop, order
from tests.holding.test_mappings import fix
from tests.support.clock import SetClock

UNKNOWN = [line(sku="AB-100", uom="PCS")]


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    """Four orders of an unknown item; a change may move three."""
    found = open_shop(database, company, clock)
    found.publish()
    limit(found, records=3)
    found.receive(*(order(f"NS-{n}", lines=UNKNOWN) for n in range(1, 5)))
    found.judge()
    return found


def limit(shop: Shop, *, records: int | None = None, book: int | None = None) -> None:
    with shop.database.write() as session:
        refusal = safety.set_limit(
            session, shop.actor("adam"), shop.company.id, records=records, book=book, now=shop.now
        )
        assert refusal is None


def stops(shop: Shop) -> list[tuple[str, int, int]]:
    with shop.database.read() as session:
        rows = session.scalars(select(RouteStop).order_by(RouteStop.revision))
        return [(row.state, row.records, row.book) for row in rows]


def decide(shop: Shop, who: str, act: str = "resume", reason: str = "I looked") -> object:
    with shop.database.write() as session:
        stop_id = session.scalars(select(RouteStop.id)).one()
        answer = getattr(safety, act)(session, shop.actor(who), stop_id, reason, shop.now)
        return answer.code if isinstance(answer, Refusal) else answer.state


def test_a_change_within_the_limit_goes(shop: Shop) -> None:
    limit(shop, records=4)
    fix(shop, "item", "AB-100", "TEA-1")
    shop.judge()
    assert stops(shop) == [("counting", 4, 4 * 19200)]


def test_a_change_beyond_the_limit_stops_its_route_and_says_why(shop: Shop) -> None:
    done = fix(shop, "item", "AB-100", "TEA-1")
    assert isinstance(done, Fixed)
    shop.judge()
    assert stops(shop) == [("stopped", 4, 4 * 19200)]
    with shop.database.read() as session:
        said = session.scalars(select(Event).where(Event.act == "route.stopped")).one()
        assert said.body["say"] == (
            f"{ROUTE} stopped and asks: 4 records, MYR 768.00, move at once"
            f" through item: AB-100 (revision {done.revision}, Farah)."
        )
        [row], over = queries.listing(session, shop.company.id)
        assert (row.by, row.waiting, row.waiting_book, over) == ("Farah", 4, 4 * 19200, ())


def test_money_alone_stops_too(shop: Shop) -> None:
    limit(shop, records=100, book=70000)
    fix(shop, "item", "AB-100", "TEA-1")
    shop.judge()
    assert [state for state, _, _ in stops(shop)] == ["stopped"]


def test_what_is_ready_and_becomes_another_document_counts(shop: Shop) -> None:
    shop.receive(*(order(f"NS-{n}", customer="C-78") for n in range(10, 15)))
    shop.judge()
    assert stops(shop) == []
    fix(shop, "debtor", "C-78", "Another Name")
    shop.judge()
    assert stops(shop) == [("stopped", 5, 5 * 19200)]


def test_rules_that_let_many_go_stop_their_route(shop: Shop) -> None:
    shop.receive(*(order(f"NS-{n}", total="190.00") for n in range(10, 15)))
    shop.judge()
    shop.publish(
        {**FILES, "shop.rules": RULES.replace("sum(lines.amount) = total", "total > 1.00")}
    )
    shop.judge()
    assert stops(shop) == [("stopped", 5, 5 * 19000)]


def test_new_records_and_new_versions_are_no_change_of_ours(shop: Shop) -> None:
    fix(shop, "item", "OTHER", "TEA-1")
    right = [order(f"NS-{n}", updated_at="2026-11-18T07:30:00Z") for n in range(1, 5)]
    shop.receive(*right)
    shop.receive(*(order(f"NS-{n}") for n in range(20, 29)))
    shop.judge()
    assert set(shop.states().values()) == {"ready"}
    assert stops(shop) == []


def test_an_unrelated_change_is_not_blamed(shop: Shop) -> None:
    fix(shop, "debtor", "C-99", "Somebody")
    limit(shop, records=1)
    fix(shop, "item", "AB-100", "TEA-1")
    shop.judge()
    with shop.database.read() as session:
        [row], _ = queries.listing(session, shop.company.id)
        assert row.what == "item: AB-100"


def test_somebody_else_lets_it_go_on(shop: Shop) -> None:
    fix(shop, "item", "AB-100", "TEA-1", who="adam")
    shop.judge()
    assert decide(shop, "vera") == "forbidden"
    assert decide(shop, "adam") == "stop.own"
    assert decide(shop, "lim", reason=" ") == "reason.missing"
    assert decide(shop, "lim", "keep") == "stopped"
    assert decide(shop, "lim") == "resumed"
    assert decide(shop, "tan") == "stop.over"
    with shop.database.read() as session:
        acts = session.scalars(
            select(Event.act).where(Event.act.startswith("route.")).order_by(Event.id)
        )
        assert list(acts) == ["route.stopped", "route.kept", "route.resumed"]


def test_resumed_it_does_not_stop_again_for_the_same_change(shop: Shop) -> None:
    fix(shop, "item", "AB-100", "TEA-1")
    shop.judge()
    decide(shop, "lim")
    with shop.database.write() as session:
        session.execute(update(Posting).values(state="held", revision=0))
    with shop.database.write() as session:
        wake_all_unsent(session, shop.company.id, shop.now)
    shop.judge()
    assert [state for state, _, _ in stops(shop)] == ["resumed"]


def test_left_open_the_limit_is_three_usual_days(shop: Shop) -> None:
    limit(shop)
    with shop.database.read() as session:
        found = safety.limit_of(session, shop.company.id, ROUTE, shop.now)
    assert (found.records, found.book) == (100, 100_000_00)
    with shop.database.write() as session:
        day = shop.now - timedelta(days=2)
        session.execute(update(Posting).values(posted_at=day, book=5_000_000_00))
        found = safety.limit_of(session, shop.company.id, ROUTE, shop.now)
    assert (found.records, found.book) == (100, 3 * 4 * 5_000_000_00 // 30)


def test_the_night_waits_until_somebody_decided_and_is_made_up_then(shop: Shop) -> None:
    daily = RULES.replace("    immediately\n", "    daily at 02:00 by ordered_on\n")
    shop.publish({**FILES, "shop.rules": daily})
    shop.judge()
    fix(shop, "item", "AB-100", "TEA-1")
    shop.judge()
    started = []
    for seconds, decided in ((0, False), (86_400, False), (60, True)):
        shop.clock.advance(seconds)
        if decided:
            decide(shop, "lim")
        with shop.database.write() as session:
            started.append(schedules.start_due(session, shop.now))
    assert started[:2] == [0, 0]
    assert started[2] >= 1
    with shop.database.read() as session:
        totals = session.scalars(select(Run.total).where(Run.kind == "daily").order_by(Run.id))
        assert sum(totals) == 4
