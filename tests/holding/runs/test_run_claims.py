"""A run that goes in files is one worker's at a time: the end of another changes nothing."""

from dataclasses import replace
from datetime import timedelta

from holding.journal.posting_claims import free_the_dead
from holding.runs import batch_sending
from holding.tables import Posting
from tests.holding.journal.test_slow_calls import channel_of
from tests.holding.pushing import Lane


def test_a_worker_that_slept_over_its_run_does_not_end_it_for_the_next(lane: Lane) -> None:
    keys = lane.ready("IV-1", "IV-2", due=None)
    lane.start_sync()
    channel, other = channel_of(lane), replace(lane.desk, owner="worker-2")
    first = batch_sending._claim(lane.desk, channel)
    assert first is not None
    lane.clock.advance(lane.desk.lease + lane.desk.answer + timedelta(seconds=1))
    with lane.database.write() as session:
        assert free_the_dead(session, lane.clock.now()) == 3, "two documents and their run"
    second = batch_sending._claim(other, channel)
    assert second is not None
    assert (first.fence, second.fence) == (1, 2)
    assert {one.posting_id for one in second.claims} == set(keys)
    before = lane.run()
    batch_sending._finish(lane.desk, first)
    after = lane.run()
    assert (after.state, after.ended_at, after.due_at) == ("running", None, None)
    assert (after.lease_owner, after.lease_until) == (other.owner, before.lease_until)


def test_a_run_takes_no_document_that_somebody_has_in_hand(lane: Lane) -> None:
    keys = lane.ready("IV-1", "IV-2", due=None)
    lane.start_sync()
    channel = channel_of(lane)
    with lane.database.write() as session:
        row = session.get_one(Posting, keys[0])
        row.lease_owner, row.lease_until = "worker-2", lane.clock.now() + lane.desk.lease
        row.fence += 1
    batch = batch_sending._claim(lane.desk, channel)
    assert batch is not None
    assert [one.posting_id for one in batch.claims] == keys[1:]
    assert lane.one(keys[0]).lease_owner == "worker-2"
    batch_sending._finish(lane.desk, batch)
    assert lane.run().due_at is None, "who has it sends it: nothing is left to come back for"
