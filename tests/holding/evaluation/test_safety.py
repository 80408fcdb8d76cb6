from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from holding.access.actors import Actor
from holding.db.database import Database
from holding.db.models import Company, Event, Posting, RouteStop, Run
from holding.db.refusal import Refusal
from holding.evaluation import safety_stop
from holding.evaluation.evaluate_due import judge_due
from holding.mappings.fixes import Fixed
from holding.platform.changes import wake_all_unsent
from holding.runs import schedules, status
from tests.holding.consent import TRUSTED
from tests.holding.fixing import fix
from tests.holding.shop import FILES, ROUTE, RULES, Shop, line, open_shop, order, start
from tests.support.clock import SetClock
from tests.support.factories import make_company

UNKNOWN = [line(sku="AB-100", uom="PCS")]
DEAR = line(qty="10", price="120.00")


@pytest.fixture
@start
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
        refusal = safety_stop.set_limit(
            session, shop.actor("adam"), shop.company.id, records=records, book=book, now=shop.now
        )
        assert refusal is None


def stops(shop: Shop) -> list[tuple[str, int, int]]:
    with shop.database.read() as session:
        rows = session.scalars(select(RouteStop).order_by(RouteStop.revision))
        return [(row.state, row.records, row.book) for row in rows]


def decide(shop: Shop, who: str | Actor, act: str = "resume", reason: str = "I looked") -> object:
    actor = shop.actor(who) if isinstance(who, str) else who
    with shop.database.write() as session:
        stop_id = session.scalars(select(RouteStop.id)).one()
        decisions = {"resume": safety_stop.resume_route, "keep": safety_stop.keep_stopped}
        answer = decisions[act](session, actor, stop_id, reason, shop.now)
        if isinstance(answer, Refusal):
            return answer.code
        stop = session.get_one(RouteStop, stop_id)
        assert answer == stop.route
        return stop.state


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
            f"Posting of {ROUTE} stopped for a decision: a single change affects 4 records,"
            f" RM\u00a0768.00. Change: item: AB-100 (revision {done.revision}, Farah)."
        )
        [row], over = status.list_stops(session, shop.company.id)
        assert (row.by, row.waiting, row.waiting_money, over) == ("Farah", 4, {"": 4 * 19200}, ())


def test_what_an_entry_lets_go_that_only_a_check_asks_for_counts(shop: Shop) -> None:
    shop.publish({**FILES, "shop.rules": TRUSTED})
    shop.receive(*(order(f"NS-{n}") for n in range(10, 15)))
    shop.judge()
    assert stops(shop) == []
    fix(shop, "trusted", "C-77", "yes")
    shop.judge()
    assert stops(shop) == [("stopped", 5, 5 * 19200)]


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
    shop.receive(*(order(f"NS-{n}", total="1200.00", lines=[DEAR]) for n in range(10, 15)))
    shop.judge()
    shop.publish({**FILES, "shop.rules": RULES.replace("total > 1000.00", "total > 2000.00")})
    shop.judge()
    assert stops(shop) == [("stopped", 5, 5 * 120000)]


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
        [row], _ = status.list_stops(session, shop.company.id)
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


def test_who_wrote_the_rules_that_somebody_published_does_not_let_them_go_on(shop: Shop) -> None:
    shop.receive(*(order(f"NS-{n}", total="1200.00", lines=[DEAR]) for n in range(10, 15)))
    shop.judge()
    shop.publish({**FILES, "shop.rules": RULES.replace("total > 1000.00", "total > 2000.00")})
    shop.judge()
    approves = shop.actor("lim").roles
    for who in ("chan", "pua"):
        assert decide(shop, replace(shop.actor(who), roles=approves)) == "stop.own"
    assert decide(shop, "lim") == "resumed"


def test_a_stop_of_another_company_is_nobodys_here(shop: Shop) -> None:
    fix(shop, "item", "AB-100", "TEA-1")
    shop.judge()
    with shop.database.write() as session:
        other = make_company(session, "other").id
    theirs = replace(shop.actor("lim"), company_id=other)
    assert [decide(shop, theirs, act) for act in ("keep", "resume")] == ["stop.unknown"] * 2
    assert [state for state, _, _ in stops(shop)] == ["stopped"]


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
        found = safety_stop.limit_of(session, shop.company.id, ROUTE, shop.now)
    assert (found.records, found.book) == (100, 100_000_00)
    with shop.database.write() as session:
        day = shop.now - timedelta(days=2)
        session.execute(update(Posting).values(posted_at=day, book=5_000_000_00))
        found = safety_stop.limit_of(session, shop.company.id, ROUTE, shop.now)
    assert (found.records, found.book) == (100, 3 * 4 * 5_000_000_00 // 30)


def test_what_is_usual_is_that_of_this_route_and_company_and_of_thirty_days(shop: Shop) -> None:
    limit(shop)
    with shop.database.write() as session:
        other = make_company(session, "other")
        old = shop.now - timedelta(days=safety_stop.USUAL_DAYS, seconds=1)
        for day, book in ((shop.now, 100_000_000_00), (old, 0)):
            session.execute(update(Posting).values(posted_at=day, book=100_000_000_00))
            found = safety_stop.limit_of(session, shop.company.id, ROUTE, shop.now).book
            assert found == max(3 * 4 * book // 30, safety_stop.LEAST_BOOK)
            for company_id, route in ((other.id, ROUTE), (shop.company.id, "books.other")):
                theirs = safety_stop.limit_of(session, company_id, route, shop.now)
                assert theirs.book == safety_stop.LEAST_BOOK


def listed(shop: Shop) -> tuple[list[int], list[str]]:
    """The revisions that are asked about, and how those that are over ended."""
    with shop.database.read() as session:
        still, over = status.list_stops(session, shop.company.id)
    assert all(row.resumed_by and row.resumed_at for row in over)
    return [row.revision for row in still], [f"{row.resumed_by}: {row.resumed_why}" for row in over]


def fixed(shop: Shop, value: str, who: str = "farah") -> int:
    done = fix(shop, "item", "AB-100", value, who=who)
    assert isinstance(done, Fixed)
    return done.revision


def test_T11a_a_corrected_mapping_leaves_one_stop_for_the_new_value(shop: Shop) -> None:
    fixed(shop, "TEA-1")
    shop.judge()
    anew = fixed(shop, "CUP-4", who="adam")
    ended = f"Adam: superseded by revision {anew}, item(“AB-100”) = CUP-4"
    assert listed(shop) == ([anew], [ended])
    shop.judge()
    assert listed(shop) == ([anew], [ended])
    assert stops(shop) == [("resumed", 4, 4 * 19200), ("stopped", 4, 4 * 19200)]
    with shop.database.read() as session:
        said = session.scalars(select(Event.body).where(Event.act == "route.superseded")).one()
    assert said["say"] == (
        f"Adam set item(“AB-100”) = CUP-4, which supersedes revision {anew - 1}:"
        f" {ROUTE} stays stopped until that one is reviewed."
    )


def agreed(shop: Shop) -> None:
    """The first value was looked at and let go; another, set by mistake, stopped the route."""
    fixed(shop, "TEA-1")
    shop.judge()
    decide(shop, "lim")
    fixed(shop, "CUP-4")
    shop.judge()
    assert [state for state, _, _ in stops(shop)] == ["resumed", "stopped"]


def test_T11a_a_correction_back_to_what_was_agreed_leaves_no_stop(shop: Shop) -> None:
    agreed(shop)
    shop.receive(*(order(f"NS-{n}", lines=UNKNOWN) for n in range(5, 8)))
    shop.judge()
    back = fixed(shop, "TEA-1")
    assert listed(shop)[0] == []
    shop.judge()
    still, over = listed(shop)
    assert (still, over[0]) == (
        [],
        f"Farah: superseded by revision {back}, item(“AB-100”) = TEA-1",
    )
    assert set(shop.states().values()) == {"ready"}


def test_T11a_a_value_that_nobody_agreed_to_stops_again_when_it_comes_back(shop: Shop) -> None:
    fixed(shop, "TEA-1")
    shop.judge()
    fixed(shop, "CUP-4")
    shop.judge()
    third = fixed(shop, "TEA-1")
    shop.judge()
    assert listed(shop)[0] == [third]
    assert [state for state, _, _ in stops(shop)] == ["resumed", "resumed", "stopped"]


def test_T11a_back_over_two_wrong_values_to_what_was_agreed(shop: Shop) -> None:
    agreed(shop)
    fix(shop, "item", "CUP-9", "CUP-4")  # another key has nothing to do with it
    third = fixed(shop, "CUP-9")
    shop.judge()
    assert listed(shop)[0] == [third]
    fixed(shop, "TEA-1")
    shop.judge()
    assert listed(shop)[0] == []


def test_T11a_what_another_change_stopped_stays_stopped(shop: Shop) -> None:
    fixed(shop, "TEA-1")
    shop.judge()
    first = listed(shop)[0]
    fix(shop, "debtor", "C-77", "Another Name")
    shop.judge()
    assert first[0] in listed(shop)[0]
    assert len(listed(shop)[0]) == 2


@pytest.mark.parametrize("batch", [1, 2])
def test_T11b_T35b_one_change_is_counted_over_all_batches(shop: Shop, batch: int) -> None:
    """No batch is over the limit of three alone."""
    fixed(shop, "TEA-1")
    seen = []
    for _ in range(4 // batch):
        judge_due(shop.database, shop.clock, company_id=shop.company.id, owner="test", limit=batch)
        seen += stops(shop)
    assert seen[-1] == ("stopped", 4, 4 * 19200)
    assert [state for state, _, _ in seen[:-1]] == ["counting"] * (4 // batch - 1)


def test_T11b_T35b_money_is_counted_over_all_batches(shop: Shop) -> None:
    limit(shop, records=100, book=3 * 19200)
    fixed(shop, "TEA-1")
    for _ in range(2):
        judge_due(shop.database, shop.clock, company_id=shop.company.id, owner="test", limit=2)
    assert stops(shop) == [("stopped", 4, 4 * 19200)]


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
