"""Doubts that ended badly or not at all: each finds its end, and no old alarm is left."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from connectors.contract import Answer, Found
from connectors.targets.aiaccount.connector import AiAccount
from holding.db.models import Attempt, Posting, Push, Request, Throttle
from holding.posting import push as posting_push
from holding.posting.claims import POISON_CRASHES, release_expired_claims
from tests.holding.pushing import Lane
from tests.support.simulator import DEMO_KEY


def see(patch: pytest.MonkeyPatch, found: Found) -> None:
    """Every look-up sees this."""
    patch.setattr(AiAccount, "look_up", lambda *_, **__: found)


def refused(error_class: str, kind: str, code: str = "") -> Found:
    answer = Answer(kind=kind, error_class=error_class, words="It says no.", code=code)  # type: ignore[arg-type]
    return Found(kind="absent", words="AiAccount refused it.", refused=answer)


def in_doubt(lane: Lane) -> int:
    """A posting that was sent and never answered."""
    lane.target.control("faults", fault="timeout_before")
    [key] = lane.ready("IV-1")
    lane.work()
    assert lane.state(key) == "uncertain"
    return key


def alarmed(lane: Lane) -> int:
    """The same, for so long that a person was told."""
    key = in_doubt(lane)
    with pytest.MonkeyPatch.context() as nobody:
        see(nobody, Found(kind="unknown", words="No answer."))
        lane.clock.advance(posting_push.DOUBT_LIMIT + timedelta(minutes=1))
        lane.work()
    assert lane.open_holds() == ["TGT03"]
    with lane.database.write() as session:
        session.execute(update(Throttle).values(breaker="closed", open_until=None))
    lane.clock.advance(timedelta(minutes=10))
    return key


def test_of_a_file_without_an_answer_what_was_over_the_quota_waits_for_the_month(
    lane: Lane,
) -> None:
    keys = lane.ready(*(f"IV-{n}" for n in range(3)), due=None)
    lane.target.control("quota", limit=2, used=0)
    lane.target.control("faults", fault="timeout_after")
    lane.start_sync()
    lane.work()
    assert set(lane.states(keys)) == {"uncertain"}
    lane.settle()
    assert lane.states(keys) == ["posted", "posted", "ready"]
    assert len(lane.target.writes()) == 3  # one file of three
    with lane.database.read() as session:
        throttle = session.scalars(select(Throttle)).one()
        assert throttle.quota_month == "2026-11"
        assert throttle.quota_limit == throttle.quota_used
    lane.target.control("quota", limit=100, used=2)
    lane.clock.advance(timedelta(days=11))
    lane.work()
    assert lane.state(keys[2]) == "posted"
    pushes = [push for push in lane.rows(Push) if push.posting_id == keys[2]]
    assert [push.state for push in pushes] == ["refused", "accepted"]
    assert pushes[0].key != pushes[1].key


def test_a_temporary_no_that_a_look_up_tells_is_tried_again_with_another_key(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = in_doubt(lane)
    with monkeypatch.context() as busy:
        see(busy, refused("temporary", "temporary"))
        lane.clock.advance(6)
        lane.work()
    assert lane.state(key) == "ready"
    lane.settle(minutes=1)
    assert lane.state(key) == "posted"
    assert len({push.key for push in lane.rows(Push)}) == 2


def test_a_definite_no_ends_the_alarm(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    key = alarmed(lane)
    see(monkeypatch, refused("bad_value", "refused", "bad_account"))
    lane.work()
    assert lane.state(key) == "failed"
    assert lane.open_holds() == ["TGT01"]


def test_a_temporary_no_ends_the_alarm_and_it_is_sent_again(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = alarmed(lane)
    with monkeypatch.context() as busy:
        see(busy, refused("temporary", "temporary"))
        lane.work()
    assert lane.open_holds() == []
    lane.settle(minutes=1)
    assert lane.state(key) == "posted"
    assert lane.open_holds() == []


@pytest.mark.slow
def test_what_the_target_had_and_lost_goes_out_again_with_its_key(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane.target.control("pause", key=DEMO_KEY)
    [key] = lane.ready("IV-1")
    lane.work()
    assert lane.state(key) == "awaiting"
    lane.target.control("reset")
    with monkeypatch.context() as flickers:
        lane.settle(minutes=9)
        assert lane.state(key) == "awaiting"  # it may come yet
        see(flickers, Found(kind="unknown", words="It is being worked on."))
        lane.settle(minutes=2)
    lane.settle(minutes=9)
    assert lane.state(key) == "awaiting"  # counted anew
    assert lane.target.writes() == []
    lane.settle(minutes=14)
    assert lane.state(key) == "posted"
    assert len(lane.target.lines("created")) == 1
    sends = lane.sends()
    assert len(sends) == 2
    assert len({(row.key, row.sha256) for row in sends}) == 1
    assert lane.open_holds() == []


@pytest.mark.slow
def test_a_look_up_at_which_workers_end_gets_an_owner(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    key = in_doubt(lane)
    with monkeypatch.context() as deadly:
        deadly.setattr(AiAccount, "look_up", die)
        for _ in range(POISON_CRASHES + 1):
            assert lane.open_holds() == []
            lane.clock.advance(lane.desk.lease + timedelta(seconds=1))
            with lane.database.write() as session:
                release_expired_claims(session, lane.clock.now())
            with pytest.raises(KeyboardInterrupt):
                lane.work()
    assert lane.open_holds() == ["TGT03"]
    lane.clock.advance(lane.desk.lease + timedelta(seconds=1))
    lane.settle()
    assert lane.state(key) == "posted"
    assert lane.one(key).crashes == 0
    assert lane.open_holds() == []


def test_a_look_up_that_came_back_starts_the_count_of_crashes_anew(lane: Lane) -> None:
    key = in_doubt(lane)
    with lane.database.write() as session:
        session.execute(update(Posting).values(crashes=POISON_CRASHES - 1))
    lane.clock.advance(6)
    lane.work()
    assert [row.state for row in lane.rows(Attempt)] == ["uncertain", "absent"]
    assert lane.one(key).crashes == 0


def test_a_clock_that_was_set_back_during_a_call_proves_nothing_sooner(lane: Lane) -> None:
    key = in_doubt(lane)
    with lane.database.write() as session:
        call = session.scalars(select(Request)).one()
        call.answered_at = call.made_at - timedelta(hours=1)
    lane.clock.advance(6)
    lane.work()  # seen once: absent
    with lane.database.write() as session:
        session.execute(update(Posting).values(due_at=lane.clock.now()))
    lane.clock.advance(6)
    lane.work()  # and again, before the target has had its time to settle
    assert (lane.state(key), len(lane.sends())) == ("uncertain", 1)
    lane.settle()
    assert (lane.state(key), len(lane.sends())) == ("posted", 2)


@pytest.mark.slow
def test_what_failed_twice_goes_in_halves_and_each_of_it_is_in_one(lane: Lane) -> None:
    keys = lane.ready(*(f"IV-{n}" for n in range(1, 6)), due=None)
    lane.target.control("faults", plan=["timeout_before"] * 2)
    lane.start_sync()
    lane.settle()
    assert set(lane.states(keys)) == {"posted"}
    of = {row.id: 0 for row in lane.sends()}
    for attempt in lane.rows(Attempt):
        if attempt.request_id in of:
            of[attempt.request_id] += 1
    assert list(of.values()) == [5, 5, 2, 3]


def test_what_was_sent_again_is_looked_up_as_soon_as_the_first_time(lane: Lane) -> None:
    lane.target.control("faults", plan=["timeout_before"] * 2)
    [key] = lane.ready("IV-1")
    waited = []
    while len(lane.sends()) < 2:
        lane.work()
        due = lane.one(key).due_at
        assert due is not None
        waited.append(due - lane.clock.now())
        lane.clock.advance(due - lane.clock.now())
    assert waited[-1] == waited[0] < max(waited)
