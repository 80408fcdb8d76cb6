"""What a look without a lock has seen to be due, and what of it is taken."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from holding.connections.channel import Channel
from holding.db.models import Connection, Posting, Record
from holding.posting.claims import CLAIMED_AT_ONCE, TOGETHER, claim_seen
from holding.runs.dispatch import due_targets
from tests.holding.pushing import Lane
from tests.support.postings import NOW

MORE = CLAIMED_AT_ONCE + 2


def seen(lane: Lane) -> tuple[Channel, str]:
    """The target, and what is due there."""
    [(channel, waits)] = due_targets(lane.desk, lane.company.id)
    assert waits.ready
    return channel, waits.ready


def waiting(lane: Lane) -> list[int]:
    """More than are taken at once; of each two the later one is due longer."""
    return [lane.ready(f"IV-{n}", due=NOW - timedelta(minutes=n))[0] for n in range(MORE)]


def test_of_more_than_are_taken_at_once_those_due_longest_are(lane: Lane) -> None:
    keys = waiting(lane)
    claims, whole = claim_seen(lane.desk, *seen(lane))
    assert {one.posting_id for one in claims} == set(keys[2:])
    assert not whole
    assert {one.due_at for one in claims} == {NOW - timedelta(minutes=n) for n in range(2, MORE)}


def test_what_workers_died_under_goes_alone_when_it_is_due_longest(lane: Lane) -> None:
    *_, longest = waiting(lane)
    with lane.database.write() as session:
        session.get_one(Posting, longest).crashes = TOGETHER
    claims, whole = claim_seen(lane.desk, *seen(lane))
    assert [one.posting_id for one in claims] == [longest]
    assert not whole, "the others are due as well"


def later(session: Session) -> None:
    session.execute(update(Posting).values(due_at=NOW + timedelta(days=9)))


def taken(session: Session) -> None:
    session.execute(update(Posting).values(lease_until=NOW + timedelta(days=9)))


def judged(session: Session) -> None:
    session.execute(update(Record).values(due_at=NOW))


def paused(session: Session) -> None:
    session.execute(update(Connection).values(paused_at=NOW))


@pytest.mark.parametrize("happens", [later, taken, judged, paused], ids=lambda one: one.__name__)
def test_what_happened_since_the_look_is_seen_when_it_is_taken(
    lane: Lane, happens: Callable[[Session], None]
) -> None:
    [key] = lane.ready("IV-1")
    channel, told = seen(lane)
    with lane.database.write() as session:
        happens(session)
    assert claim_seen(lane.desk, channel, told) == ((), False)
    assert lane.one(key).fence == 0
