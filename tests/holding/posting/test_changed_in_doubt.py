"""A record that changes while nobody knows whether its document arrived.

What is proved absent is not sent again as it was.
"""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from holding.db.models import Push, Record, RouteStop
from holding.evaluation import batch
from holding.mappings.fixes import Fixed
from holding.operations.invariants import CHECKS, check
from holding.platform.changes import next_revision, wake_records
from holding.platform.settings import Settings
from holding.posting import send, uncertain
from holding.posting.claims import release_expired_claims
from holding.runs.dispatch import push_due
from tests.holding.fixing import fix
from tests.holding.life import NUMBERED, SMALL, TABLES, Begun, Life
from tests.holding.pushing import Lane
from tests.holding.shop import FILES, ROUTE, line, order
from tests.support.factories import make_company

NOT_SMALL = """
check not_small on order
    require  total > 100.00
    else     hold for accounts
    say      "RM {total} is too little."
    clears   by accounts
"""
MIDDLE: dict[str, Any] = {"total": "192.00"}


def _wait(life: Life, minutes: int = 30) -> None:
    """Time passes until nothing is in doubt any more."""
    for _ in range(minutes):
        life.shop.clock.advance(60)
        with life.shop.database.write() as session:
            release_expired_claims(session, life.shop.now)
        life.work()


def _in_doubt(life: Life, **content: Any) -> None:
    """An order whose document did not arrive, which nobody knows."""
    life.books.moods = ["away"]
    life.arrive("NS-1", **content)


def _states(life: Life) -> list[str]:
    return [str(state) for _, _, state, _ in life.postings("NS-1")]


def _keys(life: Life) -> list[str]:
    with life.shop.database.read() as session:
        return list(session.scalars(select(Push.key).order_by(Push.id)))


def test_what_is_cancelled_before_it_arrived_is_not_sent_again(life: Life) -> None:
    _in_doubt(life, **SMALL)
    assert _states(life) == ["uncertain"]
    life.arrive("NS-1", **SMALL, status="cancelled")
    _wait(life)
    assert life.books.effects == []
    assert _states(life) == ["dropped"]
    assert life.shop.states() == {"NS-1": "dropped"}
    (said,) = life.told("posting.overtaken")
    assert "was not sent again as it was" in said


def test_what_changed_before_it_arrived_is_sent_as_it_is_by_now(life: Life) -> None:
    _in_doubt(life, **SMALL)
    life.arrive("NS-1", **MIDDLE)
    _wait(life)
    assert life.books.effects == [("create", "NS-1-1")]
    assert "192.00" in life.books.shelf["NS-1-1"].content
    assert _states(life) == ["posted"]


def test_what_arrived_after_all_is_changed_there(life: Life) -> None:
    """The doubt ends first, whatever came meanwhile."""
    life.books.moods = ["silent"]
    life.arrive("NS-1", **SMALL)
    life.arrive("NS-1", **SMALL, status="cancelled")
    _wait(life)
    assert life.books.effects == [("create", "NS-1-1"), ("void", "NS-1-1")]


def test_a_void_in_doubt_is_not_made_of_an_order_that_stands_again(life: Life) -> None:
    life.arrive("NS-1", **SMALL)
    life.books.moods = ["away"]
    life.arrive("NS-1", **SMALL, status="cancelled")
    assert _states(life) == ["uncertain"]
    life.arrive("NS-1", **SMALL)
    _wait(life)
    assert life.books.effects == [("create", "NS-1-1")]
    assert _states(life) == ["posted"]
    assert not life.books.shelf["NS-1-1"].void


def test_a_change_in_doubt_goes_as_the_order_is_by_now(life: Life) -> None:
    life.arrive("NS-1", **SMALL)
    life.books.moods = ["away"]
    life.arrive("NS-1", total="144.00", lines=[line(qty="1.5")])
    assert _states(life) == ["uncertain"]
    life.arrive("NS-1", **MIDDLE)
    _wait(life)
    assert [act for act, _ in life.books.effects] == ["create", "update"]
    assert "192.00" in life.books.shelf["NS-1-1"].content


def test_what_needs_an_approval_by_now_waits_for_it(life: Life) -> None:
    _in_doubt(life, **SMALL)
    life.arrive("NS-1", total="1920.00", lines=[line(qty="20")])
    _wait(life)
    assert life.books.effects == []
    assert life.held("NS-1") == ["APP01"]


def test_rules_that_came_into_force_meanwhile_are_asked(begun: Begun) -> None:
    life = begun(FILES | {"shop.rules": NUMBERED + TABLES})
    _in_doubt(life, **SMALL)
    life.shop.publish(FILES | {"shop.rules": NUMBERED + TABLES + NOT_SMALL})
    _wait(life)
    assert life.books.effects == []
    assert life.held("NS-1") == ["CHK01"]


def test_a_mapping_that_was_corrected_meanwhile_counts(life: Life) -> None:
    """A correction wakes what is not sent; what is in doubt is neither sent nor not."""
    _in_doubt(life, **SMALL)
    fixed = fix(life.shop, "debtor", "C-77", "Aisyah Trading")
    assert isinstance(fixed, Fixed), fixed
    _wait(life)
    assert life.books.effects == [("create", "NS-1-1")]
    assert "Aisyah Trading" in life.books.shelf["NS-1-1"].content


def test_what_did_not_change_goes_again_with_its_key(life: Life) -> None:
    _in_doubt(life, **SMALL)
    with life.shop.database.write() as session:  # another company changes what is its own
        other = make_company(session, "other").id
        next_revision(session, other, "unit", "x", person_id=None, reason=None, now=life.shop.now)
    _wait(life)
    assert life.books.effects == [("create", "NS-1-1")]
    assert len(_keys(life)) == 1
    assert not life.told("posting.overtaken")


def test_a_route_that_stopped_meanwhile_sends_nothing(life: Life) -> None:
    _in_doubt(life, **SMALL)
    with life.shop.database.write() as session:
        stop = RouteStop(company_id=life.shop.company.id, route=ROUTE, revision=1, state="stopped")
        session.add(stop)
    _wait(life)
    assert life.books.effects == []
    assert _states(life) == ["ready"]
    with life.shop.database.write() as session:
        session.execute(update(RouteStop).values(state="resumed"))
    _wait(life)
    assert life.books.effects == [("create", "NS-1-1")]


def test_what_comes_between_the_look_and_the_call_counts(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    _in_doubt(life, **SMALL)
    parted = send.split_members

    def late(*given: Any) -> Any:
        stamp = life.shop.now.isoformat()
        life.shop.receive(order("NS-1", updated_at=stamp, **SMALL, status="cancelled"))
        return parted(*given)

    monkeypatch.setattr(uncertain, "split_members", late)
    _wait(life)
    assert life.books.effects == []
    assert _states(life) == ["dropped"]


def test_what_is_being_judged_at_that_moment_counts(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    _in_doubt(life, **SMALL)
    parted, shop = send.split_members, life.shop
    claims: list[Any] = []

    def judged(*given: Any) -> Any:
        """Something it was judged by changed, and a worker has just taken it."""
        with shop.database.write() as session:
            wake_records(session, [shop.record(session, "NS-1").id], shop.now)
        taking: Any = {"company_id": shop.company.id, "owner": "other", "now": shop.now}
        claims.extend(batch.claim(shop.database, **taking, limit=1, lease_seconds=60))
        return parted(*given)

    monkeypatch.setattr(uncertain, "split_members", judged)
    for _ in range(30):
        shop.clock.advance(10)
        push_due(shop.database, shop.clock, company_id=shop.company.id, owner="t", desk=life.desk)
        if claims:
            break
    assert _states(life) == ["ready"]
    assert life.books.effects == []
    with shop.database.write() as session:
        batch.return_claims(session, claims, "other", shop.now)
    _wait(life)
    assert life.books.effects == [("create", "NS-1-1")]


DATED = """
check not_ahead on order
    require  ordered_on <= today
    else     hold for accounts
    say      "{number} is of a day to come."
    clears   by accounts
"""
A_DAY = timedelta(days=1).total_seconds()


def _of_today(begun: Begun) -> Life:
    """Decisions hold until midnight, so each record is due then."""
    return begun(FILES | {"shop.rules": NUMBERED + TABLES + DATED})


@pytest.mark.parametrize("past", [False, True], ids=["yet to come", "past"])
def test_what_is_due_by_the_clock_alone_goes_again_with_its_key(begun: Begun, past: bool) -> None:
    life = _of_today(begun)
    _in_doubt(life, **SMALL)
    life.shop.clock.advance(A_DAY * past)
    _wait(life)
    assert life.books.effects == [("create", "NS-1-1")]
    assert len(_keys(life)) == 1


def test_what_is_due_by_the_clock_and_was_judged_by_other_things_is_judged(begun: Begun) -> None:
    life = _of_today(begun)
    _in_doubt(life, **SMALL)
    life.shop.clock.advance(A_DAY)
    life.shop.judge()
    life.shop.publish(FILES | {"shop.rules": NUMBERED + TABLES + DATED + NOT_SMALL})
    _wait(life)
    assert life.books.effects == []
    assert life.held("NS-1") == ["CHK01"]


def test_a_version_counts_though_its_record_is_due_by_the_clock(begun: Begun) -> None:
    life = _of_today(begun)
    _in_doubt(life, **SMALL)
    life.shop.clock.advance(A_DAY)
    life.shop.judge()
    life.arrive("NS-1", **SMALL, status="cancelled")
    _wait(life)
    assert life.books.effects == []


@pytest.mark.parametrize("more", ["", DATED], ids=["without an end", "until midnight"])
def test_what_was_woken_before_its_time_is_judged(begun: Begun, more: str) -> None:
    life = begun(FILES | {"shop.rules": NUMBERED + TABLES + more})
    _in_doubt(life, **SMALL)
    with life.shop.database.write() as session:
        wake_records(session, [life.shop.record(session, "NS-1").id], life.shop.now)
    _wait(life)
    assert life.books.effects == [("create", "NS-1-1")]
    assert len(set(_keys(life))) == 2


def test_the_journal_of_it_keeps_the_invariants(life: Life) -> None:
    _in_doubt(life, **SMALL)
    life.arrive("NS-1", **MIDDLE)
    _wait(life)
    assert len(set(_keys(life))) == 2
    with life.shop.database.read() as session:
        settings = Settings.from_env({"CLEARPOST_HOME": "/nowhere"})
        only = set(CHECKS) - {"I11"}  # nothing has chained the events here
        company = life.shop.company.id
        found = check(session, company, now=life.shop.now, settings=settings, only=only)
    assert found.breaches == ()


def test_the_others_of_a_file_go_again_without_it(lane: Lane) -> None:
    lane.target.control("faults", fault="timeout_before")
    keys = lane.ready("IV-1", "IV-2", "IV-3", due=None)
    lane.start_sync()
    lane.work()
    assert lane.states(keys) == ["uncertain"] * 3
    with lane.database.write() as session:
        changed = lane.one(keys[1]).record_id
        session.execute(update(Record).where(Record.id == changed).values(due_at=lane.clock.now()))
    for _ in range(40):
        lane.clock.advance(15)
        with lane.database.write() as session:
            release_expired_claims(session, lane.clock.now())
        lane.work()
    assert lane.states(keys) == ["posted", "ready", "posted"]
    files = [sorted(set((call.rows or {}).values())) for call in lane.sends()]
    assert files == [["IV-1", "IV-2", "IV-3"], ["IV-1", "IV-3"]]
