"""What a target takes in a minute and a month, counted in one place for all workers."""

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.contract import FileLimits, Pace, Snapshot
from connectors.registry import targets
from holding.connections import limits
from holding.connections.channel import Channel, counted_together
from holding.connections.connections import trust_again
from holding.connections.master_data import keep_snapshot
from holding.db.database import Database
from holding.db.models import Company, Connection, Posting, Throttle
from holding.posting.claims import without_trouble
from tests.support.factories import connection_named, make_company, make_connection
from tests.support.postings import NOW, make_ready

PER_MINUTE = 60


@pytest.fixture
def open_(database: Database, company: Company) -> Iterator[tuple[Session, Channel]]:
    with database.write() as session:
        found = connection_named(session, company, "aiaccount")
        session.add(Throttle(connection_id=found.id))
        session.flush()
        yield session, channel(found.id, company.id)


def channel(connection_id: int, company_id: int) -> Channel:
    target = SimpleNamespace(pace=Pace(to_look=3), file_limits=FileLimits(documents=500))
    return Channel(
        company_id=company_id,
        connection_id=connection_id,
        name="aiaccount",
        connector="aiaccount",
        target=cast(Any, target),
        settings={},
        secret="",
        key_id=None,
        settle=timedelta(),
        looks_first=False,
        calls_per_minute=PER_MINUTE,
        zone=ZoneInfo("Asia/Kuala_Lumpur"),
    )


def granted(take: Callable[[datetime], int], seconds: int) -> list[datetime]:
    """The moments of calls, asked for twice a second by somebody who wants ten each time."""
    moments = []
    for tick in range(seconds * 2):
        now = NOW + timedelta(milliseconds=500 * tick)
        moments += [now] * take(now)
    return moments


def test_no_minute_has_more_than_the_target_allows_and_little_is_left_unused(
    open_: tuple[Session, Channel],
) -> None:
    session, target = open_
    calls = granted(lambda now: limits.sends(session, target, now, 10), 75)
    for first in calls:
        window = [at for at in calls if first <= at < first + timedelta(minutes=1)]
        assert len(window) <= PER_MINUTE
    assert len(calls) >= 62


@pytest.mark.slow
def test_quickbooks_gets_no_more_batches_and_workers_than_it_takes(
    open_: tuple[Session, Channel], company: Company
) -> None:
    """40 batches a minute, 500 calls a minute, 10 at once, of which two are left to people."""
    session, some = open_
    there = targets()["quickbooks"]
    target = replace(some, target=there, calls_per_minute=there.pace.per_minute, looks_first=True)
    batches = granted(lambda now: min(1, limits.in_a_file(session, target, now, 10)), 130)
    for first in batches:
        window = [at for at in batches if first <= at < first + timedelta(minutes=1)]
        assert len(window) <= 40
        assert len(window) * target.calls_to_file <= 500
    assert len(batches) >= 45, "and little is left unused"
    later = NOW + timedelta(minutes=10)
    for at in range(7):
        _leased(session, company, target, f"worker-{at}", later)
    _leased(session, company, target, "worker-0", later)
    assert limits.looks(session, target, later, 10) == 10, "seven call it"
    _leased(session, company, target, "worker-7", later)
    later += timedelta(minutes=1)
    for way in (limits.looks, limits.sends, limits.in_a_file):
        assert way(session, target, later, 10) == 0, "eight call it"
    assert limits.sends(session, replace(target, target=some.target), later, 1) == 1


def two_of_a_realm(
    session: Session, some: Channel, company: Company, other_realm: str
) -> tuple[Channel, Channel]:
    """QuickBooks connected twice, in two companies of ours: here realm 77, there the other one."""
    there = targets()["quickbooks"]
    elsewhere = make_company(session, "second")
    found = []
    for mine, realm in ((company, "77"), (elsewhere, other_realm)):
        settings = {"company_id": f" {realm}", "base_url": "https://quickbooks.example/"}
        made = make_connection(session, mine, "quickbooks", side="target", settings=dict(settings))
        found.append(
            replace(
                some,
                company_id=mine.id,
                connection_id=made.id,
                connector="quickbooks",
                target=there,
                calls_per_minute=there.pace.per_minute,
            )
        )
    session.flush()
    return found[0], found[1]


def test_two_connections_to_one_realm_share_its_calls_and_its_pauses(
    open_: tuple[Session, Channel], company: Company
) -> None:
    """QuickBooks counts the calls of a company, whoever makes them: 400 of us a minute, 10 at once;
    and who has enough of one has enough of both.
    """
    session, some = open_
    first, second = two_of_a_realm(session, some, company, "77")
    calls = []
    for tick in range(130):
        now = NOW + timedelta(milliseconds=500 * tick)
        for each in (first, second):
            calls += [now] * (limits.sends(session, each, now, 10) * each.calls_to_send)
    for begin in calls[::40]:
        window = [at for at in calls if begin <= at < begin + timedelta(minutes=1)]
        assert len(window) <= 400
    assert len(calls) >= 350, "and little is left unused"
    later = NOW + timedelta(minutes=10)
    assert limits.looks(session, second, later, 100) == 30
    assert limits.looks(session, first, later, 100) == 0, "the second took all that were left"
    limits.refund(session, second, 5, in_file=False)
    assert limits.sends(session, first, later, 100) == 5
    limits.hold_off(session, first, later, 30.0)
    for each in (first, second):
        assert limits.sends(session, each, later + timedelta(seconds=29), 1) == 0
        assert limits.sends(session, each, later + timedelta(seconds=31), 1) == 1
    held = later + timedelta(minutes=5)
    limits.hold_off(session, second, held, 30.0)
    assert not limits.sends(session, first, held + timedelta(seconds=29), 1)
    much = held + timedelta(minutes=9)
    for at in range(8):
        _leased(session, company, (first, second)[at % 2], f"worker-{at}", much)
    for each in (first, second):
        assert limits.sends(session, each, much, 10) == 0, "four call each of them: eight in all"


def test_two_realms_share_nothing(open_: tuple[Session, Channel], company: Company) -> None:
    session, some = open_
    first, second = two_of_a_realm(session, some, company, "78")
    blank = [make_connection(session, company, name, side="target", connector="quickbooks").id
             for name in ("new", "newer")]  # fmt: skip
    assert [counted_together(session, one, first.target.pace) for one in blank] == [
        (one,) for one in blank
    ]
    assert limits.looks(session, first, NOW, 100) == 30
    assert limits.looks(session, second, NOW, 100) == 30
    limits.hold_off(session, first, NOW, 30.0)
    assert limits.sends(session, second, NOW + timedelta(seconds=20), 1) == 1
    for one in (first, second, some):
        alone = counted_together(session, one.connection_id, one.target.pace)
        assert alone == (one.connection_id,)


@pytest.mark.parametrize("documents", ["sends", "looks"])
def test_batches_have_their_turn_among_what_costs_less(
    open_: tuple[Session, Channel], documents: str
) -> None:
    """What goes alone takes each call as soon as it may be made: a batch need not wait for all."""
    session, some = open_
    there = targets()["quickbooks"]
    target = replace(some, target=there, calls_per_minute=there.pace.per_minute)
    alone = {"sends": limits.sends, "looks": limits.looks}[documents]
    cost = {"sends": target.calls_to_send, "looks": there.pace.to_look}[documents]
    batches, calls = [], []
    for tick in range(260):
        now = NOW + timedelta(milliseconds=500 * tick)
        batch = min(1, limits.in_a_file(session, target, now, 10))
        batches += [now] * batch
        calls += [now] * (batch * target.calls_to_file + alone(session, target, now, 10) * cost)
    assert len(batches) >= 45
    for first in calls[::20]:
        window = [at for at in calls if first <= at < first + timedelta(minutes=1)]
        assert len(window) <= 400


def _leased(session: Session, company: Company, target: Channel, owner: str, now: datetime) -> None:
    """A posting of this connection that a worker has in hand."""
    made = make_ready(session, company, f"IV-{owner}-{len(session.query(Posting).all())}")
    made.connection_id = target.connection_id
    made.lease_owner, made.lease_until = owner, now + timedelta(minutes=5)
    session.flush()


def test_looks_cost_more_and_debts_are_paid(open_: tuple[Session, Channel]) -> None:
    session, target = open_
    assert limits.looks(session, target, NOW, 10) == 3  # nine calls
    assert limits.sends(session, target, NOW, 10) == 0
    limits.spend(session, target, 4)
    assert limits.sends(session, target, NOW + timedelta(seconds=4), 10) == 0
    assert limits.sends(session, target, NOW + timedelta(seconds=7), 10) == 1
    assert limits.in_a_file(session, target, NOW + timedelta(seconds=9), 800) == 500


def test_who_has_enough_of_us_is_left_alone_for_as_long_as_it_says(
    open_: tuple[Session, Channel],
) -> None:
    session, target = open_
    free = replace(target, calls_per_minute=None)
    assert limits.sends(session, free, NOW, 10) == 10
    limits.hold_off(session, free, NOW, 7.0)
    for way in (limits.sends, limits.looks, limits.in_a_file):
        assert way(session, free, NOW + timedelta(seconds=6), 10) == 0
    assert limits.sends(session, free, NOW + timedelta(seconds=7), 10) == 10
    limits.hold_off(session, target, NOW, 86_400.0)
    assert limits.sends(session, target, NOW + timedelta(minutes=15), 10) == 0
    assert limits.sends(session, target, NOW + timedelta(minutes=15, seconds=3), 10) == 2
    limits.hold_off(session, free, NOW, None)
    assert limits.sends(session, free, NOW - timedelta(hours=1), 10) == 10  # the clock jumped
    trust_again(session, session.get_one(Connection, free.connection_id), NOW)
    assert limits.sends(session, free, NOW, 10) == 10


def test_the_month_ends_where_the_target_says(open_: tuple[Session, Channel]) -> None:
    session, target = open_
    free = replace(target, calls_per_minute=None)
    row = session.get_one(Throttle, target.connection_id)
    row.quota_limit, row.quota_used, row.quota_month = 100, 97, "2026-11"
    assert limits.sends(session, free, NOW, 10) == 3
    assert limits.in_a_file(session, free, NOW, 10) == 3
    limits.count_documents(session, free, NOW, 3)
    assert limits.sends(session, free, NOW, 10) == 0
    assert limits.looks(session, free, NOW, 10) == 10
    assert limits.sends(session, free, NOW + timedelta(days=11), 10) == 10
    row.quota_limit = None
    limits.mark_exhausted(session, free, NOW)
    assert limits.sends(session, free, NOW, 10) == 0


TURN = datetime(2026, 11, 30, 16, tzinfo=UTC)  # the first of December in Kuala Lumpur


def test_the_month_turns_where_the_company_is(open_: tuple[Session, Channel]) -> None:
    session, target = open_
    free = replace(target, calls_per_minute=None)
    row = session.get_one(Throttle, target.connection_id)

    def stands_still(now: datetime) -> bool:
        found = select(Connection.id).where(Connection.id == target.connection_id)
        found = found.where(without_trouble(limits.SPENT))
        return session.scalar(found, limits.months(session, now)) is None

    row.quota_limit, row.quota_used, row.quota_month = 100, 100, "2026-11"
    session.flush()
    last = TURN - timedelta(seconds=1)
    assert limits.sends(session, free, last, 10) == 0
    assert stands_still(last)
    assert limits.sends(session, free, TURN, 10) == 10
    assert not stands_still(TURN)
    limits.count_documents(session, free, TURN, 3)
    assert (row.quota_month, row.quota_used) == ("2026-12", 3)
    limits.mark_exhausted(session, free, TURN)
    session.flush()
    assert stands_still(TURN)
    assert limits.sends(session, replace(free, zone=ZoneInfo("UTC")), TURN, 10) == 10
    keep_snapshot(
        session,
        session.get_one(Connection, free.connection_id),
        told_of(100, 40),
        person=None,
        now=TURN,
    )
    assert (row.quota_month, row.quota_used) == ("2026-12", 40)


def told_of(limit: int, used: int) -> Snapshot:
    fields: dict[str, Any] = dict.fromkeys(field.name for field in dataclasses.fields(Snapshot))
    return Snapshot(**fields | {"tax_rates": {}, "quota_limit": limit, "quota_used": used})


@settings(max_examples=30, deadline=None)
@given(gaps=st.lists(st.integers(-5000, 20_000), max_size=60), cost=st.integers(1, 4))
def test_a_clock_that_jumps_never_gives_more_than_the_bucket_holds(
    gaps: list[int], cost: int
) -> None:
    row = Throttle(connection_id=1, tokens=0, filled_at=None)
    now = NOW
    for gap in gaps:
        now += timedelta(milliseconds=gap)
        limits.fill(row, PER_MINUTE, cost, now)
        assert row.tokens <= max(cost, PER_MINUTE * limits.HELD // 100)
        assert row.filled_at is not None
        assert row.filled_at <= now
