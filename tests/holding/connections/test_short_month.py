"""A month of which fewer documents are left than wait: shared out, counted, told once."""

from dataclasses import replace
from datetime import UTC, date, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.connections import breaker, limits
from holding.connections.channel import Channel, open_channel
from holding.connections.master_data import keep_snapshot
from holding.db.database import Database
from holding.db.models import Company, Event, Posting, Throttle
from holding.platform.states import READY
from holding.posting.claims import claim
from rules.values.canonical import PostingState
from tests.holding.connections.test_limits import channel, told_of
from tests.holding.pushing import Lane
from tests.support.factories import connection_named
from tests.support.postings import NOW, make_ready

MONTH = "2026-11"


def counted(session: Session, company: Company, limit: int | None, used: int) -> Channel:
    """The channel of a target that took so many of this month's documents."""
    target = connection_named(session, company, "aiaccount")
    row = Throttle(connection_id=target.id, quota_limit=limit, quota_used=used)
    row.quota_month = MONTH
    session.add(row)
    session.flush()
    return channel(target.id, company.id)


def ready(session: Session, company: Company, *days: int) -> list[Posting]:
    made = [make_ready(session, company, f"NS-{at}") for at in range(len(days))]
    for one, day in zip(made, days, strict=True):
        one.doc_date = date(2026, 11, day)
    session.flush()
    return made


def test_what_another_worker_has_in_hand_is_left_out(database: Database, company: Company) -> None:
    with database.write() as session:
        target = counted(session, company, 100, 97)
        first, second, third = ready(session, company, 3, 2, 1)
        assert limits.sends(session, target, NOW, 10) == 3
        first.lease_owner, first.lease_until = "other", NOW + timedelta(minutes=1)
        second.state = PostingState.SENDING
        session.flush()
        assert limits.sends(session, target, NOW, 10) == 1
        assert limits.sends(session, target, NOW + timedelta(days=11), 10) == 9, "another month"
        assert third.state == PostingState.READY


@pytest.mark.parametrize(("limit", "short"), [(None, False), (3, False), (2, True)])
def test_it_is_short_where_more_is_ready_than_is_left(
    database: Database, company: Company, limit: int | None, short: bool
) -> None:
    with database.write() as session:
        target = counted(session, company, limit, 0)
        ready(session, company, 3, 2, 1)
        assert limits.is_short(session, target, NOW) is short
        urgent = session.scalars(select(Posting.number).order_by(*limits.MOST_URGENT)).all()
    assert urgent == ["NS-2", "NS-1", "NS-0"]


def test_of_what_is_posted_only_a_planned_change_waits(
    database: Database, company: Company
) -> None:
    with database.write() as session:
        target = counted(session, company, 3, 0)
        posted = ready(session, company, 1, 2, 3, 4)[1:]
        for state in (PostingState.SENDING, PostingState.POSTED):
            for one in posted:
                one.state, one.due_at = state, None
            session.flush()
        assert not limits.is_short(session, target, NOW)
        for one in posted:
            one.due_at = NOW
        session.flush()
        assert limits.is_short(session, target, NOW)
        for one in posted:
            one.due_at, one.lease_until = None, NOW + timedelta(minutes=1)
        session.flush()
        assert limits.is_short(session, target, NOW)


def test_a_new_month_begins_with_the_limit_of_the_last(
    database: Database, company: Company
) -> None:
    with database.write() as session:
        target = replace(counted(session, company, 3, 3), calls_per_minute=None)
        session.get_one(Throttle, target.connection_id).quota_month = "2026-10"
        ready(session, company, *range(1, 5))
        assert limits.is_short(session, target, NOW)
        assert limits.sends(session, target, NOW, 10) == 3
        assert limits.in_a_file(session, target, NOW, 10) == 3
    desk = cast(Any, SimpleNamespace(database=database, clock=SimpleNamespace(now=lambda: NOW)))
    assert limits.another_file(desk, target, 2)


def test_a_month_that_was_used_up_without_a_known_limit_does_not_stop_the_next(
    database: Database, company: Company
) -> None:
    with database.write() as session:
        target = replace(counted(session, company, None, 40), calls_per_minute=None)
        limits.mark_exhausted(session, target, NOW)
        assert limits.sends(session, target, NOW, 50) == 0
        ready(session, company, 1)
        next_month = NOW + timedelta(days=11)
        assert not limits.is_short(session, target, next_month)
        assert limits.sends(session, target, next_month, 50) == 50
        limits.count_documents(session, target, next_month, 1)
        assert limits.sends(session, target, next_month, 50) == 50


def test_that_little_is_left_is_told_once(database: Database, company: Company) -> None:
    with database.write() as session:
        target = counted(session, company, 10, 6)
        for _ in range(3):
            limits.count_documents(session, target, NOW, 1)
        told = session.scalars(select(Event).where(Event.act == "connection.quota")).all()
        assert [one.body["say"] for one in told] == ["8 of 10 documents of this month are used."]


def test_a_limit_of_our_own_counts_what_was_posted_this_month(
    database: Database, company: Company
) -> None:
    with database.write() as session:
        target = connection_named(session, company, "aiaccount")
        target.settings = {**target.settings, "documents_per_month": "5"}
        one, two, _ = ready(session, company, 1, 2, 3)
        turn = NOW.replace(day=1, hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)
        one.posted_at, two.posted_at = NOW, turn - timedelta(hours=9)  # October, in Kuala Lumpur
        session.flush()

        def kept(limit: int | None, used: int | None) -> tuple[int | None, int]:
            seen = told_of(cast(Any, limit), cast(Any, used))
            keep_snapshot(session, target, seen, person=None, now=NOW)
            row = session.get_one(Throttle, target.id)
            return row.quota_limit, row.quota_used

        assert kept(None, None) == (5, 1)
        limits.count_documents(session, channel(target.id, company.id), NOW, 2)
        assert kept(None, None) == (5, 3), "our own count goes on"
        assert kept(4, 2) == (4, 2), "the lower of the two, as the target counts"
        assert kept(100, 40) == (5, 40)
        target.settings = {**target.settings, "documents_per_month": ""}
        assert kept(None, None) == (None, 0)


def test_a_second_file_goes_on_with_what_was_claimed_until_the_month_is_spent(
    database: Database, company: Company
) -> None:
    with database.write() as session:
        target = counted(session, company, 10, 8)
        ready(session, company, 1, 2, 3)
    desk = cast(Any, SimpleNamespace(database=database, clock=SimpleNamespace(now=lambda: NOW)))
    assert limits.another_file(desk, target, 2)
    with database.write() as session:
        session.get_one(Throttle, target.connection_id).quota_used = 10
    assert not limits.another_file(desk, target, 2)


def test_where_the_month_is_short_the_most_urgent_is_claimed_first(lane: Lane) -> None:
    keys = lane.ready("IV-1", "IV-2", "IV-3")
    with lane.database.write() as session:
        connection = lane.connection(session)
        row = breaker.locked(session, connection.id)
        row.quota_limit, row.quota_used, row.quota_month = 10, 9, MONTH
        for key, day in zip(keys, (3, 1, 2), strict=True):
            session.get_one(Posting, key).doc_date = date(2026, 11, day)
        target = cast(Channel, open_channel(session, lane.desk, connection))
    claims = claim(lane.desk, target, READY, 10)
    assert [one.posting_id for one in claims] == [keys[1]]


def test_what_is_noted_of_a_connection_is_what_is_locked_later(lane: Lane) -> None:
    with lane.database.write() as session:
        key = lane.connection(session).id
        breaker.note(session, key, None)
        assert breaker.known(session, key) is None
        row = breaker.locked(session, key)
        row.quota_used = 7
        assert breaker.known(session, key) is row
