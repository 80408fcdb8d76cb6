"""A run that goes in files: several workers send them side by side, and the last one ends it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from connectors.contract import FileLimits
from connectors.targets.aiaccount.connector import AiAccount
from holding.connections import limits
from holding.db.models import Approval, Company, Operation, Posting
from holding.posting.claims import release_expired_claims
from holding.runs import dispatch
from holding.runs.dispatch import push_due
from tests.holding.posting.test_slow_calls import channel_of
from tests.holding.pushing import Lane
from tests.support.factories import make_person


def test_a_worker_that_slept_over_its_run_does_not_end_it_for_the_next(lane: Lane) -> None:
    keys = lane.ready("IV-1", "IV-2", due=None)
    lane.start_sync()
    channel, other = channel_of(lane), replace(lane.desk, owner="worker-2")
    first = dispatch._claim_batch(lane.desk, channel)
    assert first is not None
    lane.clock.advance(lane.desk.lease + lane.desk.answer + timedelta(seconds=1))
    with lane.database.write() as session:
        assert release_expired_claims(session, lane.clock.now()) == 3, "two documents and their run"
    second = dispatch._claim_batch(other, channel)
    assert second is not None
    assert (first.fence, second.fence) == (1, 2)
    assert {one.posting_id for one in second.claims} == set(keys)
    before = lane.run()
    dispatch._finish(lane.desk, first)
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
    batch = dispatch._claim_batch(lane.desk, channel)
    assert batch is not None
    assert [one.posting_id for one in batch.claims] == keys[1:]
    assert lane.one(keys[0]).lease_owner == "worker-2"
    dispatch._finish(lane.desk, batch)
    until = lane.one(keys[0]).lease_until
    assert lane.run().due_at == until, "who has it sends it; should it die, the run does"


def test_a_run_waits_for_the_sweeper_where_somebody_died_over_a_document(lane: Lane) -> None:
    """Due at once, its worker would ask again and again, and at no other time than before."""
    keys = lane.ready("IV-1", due=None)
    lane.start_sync()
    with lane.database.write() as session:
        row = session.get_one(Posting, keys[0])
        row.lease_owner, row.lease_until = "worker-2", lane.clock.now() - timedelta(seconds=1)
    channel = channel_of(lane)
    assert dispatch.send_next_file(lane.desk, channel) == 1, "it looked"
    due = lane.run().due_at
    assert due is not None
    assert lane.clock.now() < due <= lane.clock.now() + timedelta(seconds=5)
    assert dispatch.send_next_file(lane.desk, channel) == 0
    with lane.database.write() as session:
        assert release_expired_claims(session, lane.clock.now()) == 1
    lane.clock.advance(5)
    while dispatch.send_next_file(lane.desk, channel):
        pass
    assert (lane.states(keys), lane.run().state) == (["posted"], "done")


def test_what_is_let_go_while_its_run_is_under_way_has_its_time_to_undo(lane: Lane) -> None:
    """Documents of a daily route have no time of their own that would keep them back."""
    keys = lane.ready("IV-1", "IV-2", due=None)
    lane.start_sync()
    until = lane.clock.now() + timedelta(seconds=20)
    with lane.database.write() as session:
        company = session.get_one(Company, lane.company.id)
        one, now = session.get_one(Posting, keys[0]), lane.clock.now()
        given = {"person_id": make_person(session, company, "lim@kedai.my", "approver").id}
        session.add(Operation(id="form-1", undo_until=until, answer=None, at=now, **given))
        session.flush()
        agreed = {"posting_id": one.id, "hash": one.hash, "content": {}, "level": "x"}
        session.add(Approval(reason="checked", operation_id="form-1", at=now, **agreed, **given))
    assert dispatch.send_next_file(lane.desk, channel_of(lane)) == 1
    assert lane.states(keys) == ["ready", "posted"]
    assert lane.run().due_at == until
    lane.clock.advance(19)
    assert dispatch.send_next_file(lane.desk, channel_of(lane)) == 0
    lane.clock.advance(1)
    assert dispatch.send_next_file(lane.desk, channel_of(lane)) == 1
    assert lane.states(keys) == ["posted", "posted"]
    assert lane.run().state == "done"


@pytest.fixture
def pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of two documents."""
    monkeypatch.setattr(AiAccount, "file_limits", FileLimits(documents=2))


def others_while_the_first_is_called(
    lane: Lane, monkeypatch: pytest.MonkeyPatch, *, workers: int
) -> list[tuple[int, int]]:
    """The files that are sent, each as its place and how many documents it has: while the first is
    on its way, other workers take one turn each.
    """
    real, sent = AiAccount.send, list[tuple[int, int]]()

    def send(self, payload, *rest):  # type: ignore[no-untyped-def]
        sent.append((len(sent) + 1, len(payload.numbers)))
        if len(sent) == 1:
            for no in range(2, 2 + workers):
                dispatch.send_next_file(replace(lane.desk, owner=f"worker-{no}"), channel_of(lane))
        return real(self, payload, *rest)

    monkeypatch.setattr(AiAccount, "send", send)
    return sent


@pytest.mark.usefixtures("pairs")
def test_files_of_one_run_are_on_their_way_at_the_same_time(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = lane.ready("IV-1", "IV-2", "IV-3", "IV-4", "IV-5", due=None)
    lane.start_sync()
    sent = others_while_the_first_is_called(lane, monkeypatch, workers=2)
    assert dispatch.send_next_file(lane.desk, channel_of(lane)) == 2
    assert sent == [(1, 2), (2, 2), (3, 1)], "all of it while the first was on its way"
    assert lane.states(keys) == ["posted"] * 5
    run = lane.run()
    assert (run.state, run.counts) == ("done", {"posted": 5})
    assert (run.due_at, run.lease_until) == (None, None)
    assert [line["number"] for line in lane.target.lines("created")].count("IV-5") == 1


@pytest.mark.usefixtures("pairs")
def test_who_ends_before_the_others_leaves_the_end_to_them(lane: Lane) -> None:
    keys = lane.ready("IV-1", "IV-2", "IV-3", due=None)
    lane.start_sync()
    channel, other = channel_of(lane), replace(lane.desk, owner="worker-2")
    first = dispatch._claim_batch(lane.desk, channel)
    second = dispatch._claim_batch(other, channel)
    assert first is not None
    assert second is not None
    assert [one.posting_id for one in (*first.claims, *second.claims)] == keys
    assert (first.more, second.more) == (True, False)
    assert dispatch._claim_batch(replace(lane.desk, owner="worker-3"), channel) is None
    dispatch._send(lane.desk, channel, first)
    dispatch._finish(lane.desk, first)
    assert lane.run().ended_at is None
    dispatch._send(other, channel, second)
    dispatch._finish(other, second)
    assert lane.run().counts == {"posted": 3}
    assert lane.run().ended_at is not None


@pytest.mark.usefixtures("pairs")
def test_what_a_dead_worker_had_of_a_run_still_goes_with_it(lane: Lane) -> None:
    keys = lane.ready("IV-1", "IV-2", "IV-3", due=None)
    lane.start_sync()
    channel, other = channel_of(lane), replace(lane.desk, owner="worker-2")
    dead = dispatch._claim_batch(lane.desk, channel)
    assert dead is not None
    assert dispatch.send_next_file(other, channel) == 1
    run = lane.run()
    assert (run.ended_at, run.due_at) == (None, lane.one(keys[0]).lease_until)
    lane.clock.advance(lane.desk.lease + timedelta(seconds=1))
    with lane.database.write() as session:
        assert release_expired_claims(session, lane.clock.now()) == 2
    while lane.work(other):
        pass
    run = lane.run()
    assert (run.state, run.counts, run.due_at) == ("done", {"posted": 3}, None)
    assert lane.states(keys) == ["posted"] * 3


@pytest.mark.usefixtures("pairs")
def test_help_is_called_before_a_file_goes_while_there_is_another(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane.ready("IV-1", "IV-2", "IV-3", due=None)
    lane.start_sync()
    order, real = list[object](), AiAccount.send

    def send(self, payload, *rest):  # type: ignore[no-untyped-def]
        order.append(len(payload.numbers))
        return real(self, payload, *rest)

    monkeypatch.setattr(AiAccount, "send", send)
    push_due(
        lane.database,
        lane.clock,
        company_id=lane.company.id,
        owner=lane.desk.owner,
        desk=lane.desk,
        call_help=lambda: order.append("help"),
    )
    assert order == ["help", 2, 1]


@pytest.mark.usefixtures("pairs")
def test_files_that_people_carry_come_one_after_the_other(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane.ready("IV-1", "IV-2", "IV-3", due=None)
    lane.start_sync()
    channel = channel_of(lane)
    monkeypatch.setattr(type(channel), "by_hand", property(lambda _: True))
    first = dispatch._claim_batch(lane.desk, channel)
    assert first is not None
    assert (len(first.claims), first.more) == (2, False)
    assert dispatch._claim_batch(replace(lane.desk, owner="worker-2"), channel) is None


@pytest.mark.usefixtures("pairs")
def test_a_file_that_the_month_cuts_leaves_none_for_another_worker(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane.ready("IV-1", "IV-2", "IV-3", due=None)
    lane.start_sync()
    monkeypatch.setattr(limits, "in_a_file", lambda *_: 1)
    first = dispatch._claim_batch(lane.desk, channel_of(lane))
    assert first is not None
    assert (len(first.claims), first.more) == (1, False)
