"""The right to write a posting: who gets it, in which order, and what it is worth a moment later.

Here: claims and the last look, each against what can happen between both. Not here: what a push
does (test_pushes.py), leases that are renewed (tests/holding/posting/test_slow_calls.py).
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from connectors.targets.aiaccount.connector import AiAccount
from holding.approvals.consent import posting_hash
from holding.db.models import Attempt, Company, Connection, Posting, Push, Record, Request
from holding.platform.states import READY
from holding.posting import holds, prepare
from holding.posting.claims import (
    POISON_CRASHES,
    Claim,
    claim,
    lease_postings,
    release_expired_claims,
)
from holding.posting.holds import NUMBER_TAKEN, WORKERS_DIED, Trouble
from holding.posting.prepare import (
    Checked,
    NotNow,
    Verdict,
    check_claims,
    check_postings,
    first_call,
    store_call,
)
from holding.posting.push import push_lease
from rules.values.canonical import plain
from tests.holding.posting.test_slow_calls import channel_of
from tests.holding.pushing import Lane
from tests.support.postings import NOW, invoice, make_push

HOUR = timedelta(hours=1)


def claimed(lane: Lane, most: int = 9) -> tuple[Claim, ...]:
    return claim(lane.desk, channel_of(lane), READY, most)


def looked(lane: Lane, claims: tuple[Claim, ...], *, lock: bool = False) -> dict[int, Verdict]:
    """What the last look says now, as it does before the intent and in its commit."""
    channel = channel_of(lane)
    with lane.database.write() as session:
        return check_postings(session, channel, claims, lock=lock, now=lane.clock.now())


def test_what_is_due_longest_comes_first_and_knows_its_place(lane: Lane) -> None:
    [young] = lane.ready("IV-1", due=NOW)
    [old] = lane.ready("IV-2", due=NOW - HOUR)
    lane.ready("IV-3", due=lane.clock.now() + HOUR)
    lane.ready("IV-4", due=None)
    [first] = claimed(lane, 1)
    assert (first.posting_id, first.due_at) == (old, NOW - HOUR)
    assert [one.posting_id for one in claimed(lane)] == [young], "what is due later is left"
    assert claimed(lane) == ()


def test_a_claim_is_a_lease_a_fence_and_no_due_mark(lane: Lane) -> None:
    [key] = lane.ready("IV-1")
    [mine] = claimed(lane)
    row = lane.one(key)
    assert (row.lease_owner, row.lease_until) == (
        lane.desk.owner,
        lane.clock.now() + lane.desk.lease,
    )
    assert (row.fence, mine.fence, row.due_at) == (1, 1, None)
    other = replace(lane.desk, owner="worker-2")
    with lane.database.write() as session:
        assert lease_postings(session, other, [key], lane.clock.now()) == (), (
            "it is somebody's already"
        )
    lane.clock.advance(lane.desk.lease + timedelta(seconds=1))
    with lane.database.write() as session:
        assert release_expired_claims(session, lane.clock.now()) == 1
    [theirs] = claimed(replace(lane, desk=other))
    assert (theirs.fence, lane.one(key).crashes) == (2, 1)


def fence(session: Session) -> None:
    session.execute(update(Posting).values(fence=Posting.fence + 1))


def record_due(session: Session) -> None:
    session.execute(update(Record).values(due_at=NOW))


def record_judged(session: Session) -> None:
    session.execute(update(Record).values(lease_owner="judge", lease_until=NOW + HOUR))


def newer_version(session: Session) -> None:
    other = select(Record.version_id).where(Record.number == "IV-OTHER").scalar_subquery()
    session.execute(update(Posting).where(Posting.number == "IV-1").values(version_id=other))


def paused(session: Session) -> None:
    session.execute(update(Connection).values(paused_at=NOW))


def held(session: Session) -> None:
    row = session.scalars(select(Posting).where(Posting.number == "IV-1")).one()
    found = Trouble(code=holds.NO_ANSWER, error_class="uncertain", words="?")
    holds.open_hold(session, row, found, NOW)


def relative_on_its_way(session: Session) -> None:
    row = session.scalars(select(Posting).where(Posting.number == "IV-1")).one()
    other = session.scalars(select(Posting).where(Posting.number == "IV-OTHER")).one()
    push = make_push(other, state="sending", at=NOW)
    push.family = row.family
    session.add(push)


@pytest.mark.parametrize(
    "happens",
    [fence, record_due, record_judged, newer_version, paused, held, relative_on_its_way],
    ids=lambda one: one.__name__,
)
@pytest.mark.parametrize("lock", [False, True], ids=["examined", "in the commit"])
def test_what_happens_after_the_claim_stops_it_in_silence(
    lane: Lane, happens: Callable[[Session], None], lock: bool
) -> None:
    [key] = lane.ready("IV-1")
    lane.ready("IV-OTHER", due=None)
    claims = claimed(lane)
    assert isinstance(looked(lane, claims, lock=lock)[key], Checked)
    with lane.database.write() as session:
        happens(session)
    assert looked(lane, claims, lock=lock) == {key: NotNow()}


def test_other_rules_have_it_judged_again(lane: Lane) -> None:
    [key] = lane.ready("IV-1")
    claims = claimed(lane)
    with lane.database.write() as session:
        session.execute(update(Company).values(ruleset_version_id=4711))
    assert looked(lane, claims) == {key: NotNow(judge=True)}


def code_of(verdict: Verdict) -> str:
    assert isinstance(verdict, Trouble), verdict
    return verdict.code


def test_workers_that_died_over_it_hold_it(lane: Lane) -> None:
    keys = lane.ready("IV-1", "IV-2")
    claims = claimed(lane)
    with lane.database.write() as session:
        for key, crashes in zip(keys, (POISON_CRASHES, POISON_CRASHES - 1), strict=True):
            session.get_one(Posting, key).crashes = crashes
    found = looked(lane, claims)
    assert code_of(found[keys[0]]) == WORKERS_DIED
    assert isinstance(found[keys[1]], Checked)


def test_of_one_number_and_of_one_family_one_goes(lane: Lane) -> None:
    first, second, third = lane.ready("IV-1", "IV-2", "IV-3")
    claims = claimed(lane)
    one_family = tuple(replace(one, family=claims[0].family) for one in claims)
    found = looked(lane, one_family)
    assert isinstance(found[first], Checked)
    assert (found[second], found[third]) == (NotNow(), NotNow())


def test_a_number_that_another_document_was_sent_under_is_taken(lane: Lane) -> None:
    first, second = lane.ready("IV-1", "IV-2")
    claims = claimed(lane)
    for changes, goes in (
        ({"number": "IV-1"}, True),
        ({"sent_at": NOW}, False),
        ({"doc_type": "bill"}, True),
    ):
        with lane.database.write() as session:
            session.execute(update(Posting).where(Posting.id == second).values(**changes))
        found = looked(lane, claims[:1])[first]
        assert isinstance(found, Checked) is goes, changes
        assert goes or code_of(found) == NUMBER_TAKEN


def test_of_two_with_one_number_the_first_goes(lane: Lane) -> None:
    first, second = *lane.ready("IV-1"), *lane.ready("IV-2", document=invoice("IV-1"))
    found = looked(lane, claimed(lane))
    assert isinstance(found[first], Checked)
    assert code_of(found[second]) == NUMBER_TAKEN


def test_what_is_judged_to_another_content_after_it_was_examined_goes_as_it_is_now(
    lane: Lane,
) -> None:
    """The bytes of a call, its push and its posting are of one content, whenever that changed."""
    [key] = lane.ready("IV-1")
    channel = channel_of(lane)
    examined = check_claims(lane.desk, channel, claimed(lane), in_file=False)
    dearer = invoice("IV-1", price="25.00")
    with lane.database.write() as session:
        row = session.get_one(Posting, key)
        row.content, row.lock = plain(dearer), row.lock + 1
        row.hash = posting_hash(row.connection_id, "CMP-1042", dearer, "create")
    flight, left = store_call(lane.desk, channel, examined, run_id=None)
    assert flight is not None
    assert left.good == ()
    [push], [request] = lane.rows(Push), lane.rows(Request)
    assert (push.hash, push.content) == (lane.one(key).hash, plain(dearer))
    assert b"25.00" in request.body
    assert b"10.00" not in request.body


def test_a_look_up_during_which_another_worker_took_it_writes_nothing(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    [key] = lane.ready("IV-1")
    lane.target.control("faults", fault="timeout_before")
    lane.work()
    assert lane.state(key) == "uncertain"
    before, real = len(lane.rows(Attempt)), AiAccount.look_up

    def look_up(self: AiAccount, *given: Any, **more: Any) -> Any:
        with lane.database.write() as session:
            session.execute(update(Posting).values(fence=Posting.fence + 1))
        return real(self, *given, **more)

    monkeypatch.setattr(AiAccount, "look_up", look_up)
    lane.clock.advance(60)
    fence = lane.one(key).fence
    lane.work()
    row = lane.one(key)
    assert row.fence > fence + 1, "it was looked up, and taken meanwhile"
    assert (row.state, row.lease_owner) == ("uncertain", lane.desk.owner)
    assert len(lane.rows(Attempt)) == before


def test_a_faster_push_of_the_family_leaves_the_claim_to_later(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database has the last word on that; nothing is sent, and nobody waits for the lease."""
    first, second = lane.ready("IV-1", "IV-2")
    channel = channel_of(lane)
    examined = check_claims(lane.desk, channel, claimed(lane), in_file=False)

    def faster(*_: object) -> None:
        raise IntegrityError("uq_push_open", {}, Exception("faster"))

    monkeypatch.setattr(prepare, "_commit", faster)
    flight, left = store_call(lane.desk, channel, examined.only([first]), run_id=1)
    assert (flight, left.good) == (None, ())
    row, other = lane.one(first), lane.one(second)
    assert (row.lease_until, row.due_at) == (None, lane.clock.now() + lane.desk.lease / 4)
    assert other.lease_until is not None


def test_what_changed_in_a_file_takes_nothing_else_out_of_it(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file takes one document here; the first is judged again after it was examined."""
    first, second = lane.ready("IV-1", "IV-2")
    channel = channel_of(lane)
    monkeypatch.setattr(
        prepare,
        "first_call",
        lambda target, documents, *given, **more: (
            1,
            first_call(target, documents[:1], *given, **more)[1],
        ),
    )
    examined = check_claims(lane.desk, channel, claimed(lane), in_file=True)
    with lane.database.write() as session:
        session.get_one(Posting, first).lock += 1
    flight, left = store_call(lane.desk, channel, examined, run_id=None, name="a-1")
    assert flight is not None
    assert [one.claim.posting_id for one in flight.members] == [first]
    assert [one.claim.posting_id for one in left.good] == [second]


def test_the_lease_of_a_document_lasts_as_long_as_its_call_may(lane: Lane) -> None:
    """It begins when the call is written down, however much of the claim was left by then."""
    [key] = lane.ready("IV-1")
    channel, claims = channel_of(lane), claimed(lane)
    examined = check_claims(lane.desk, channel, claims, in_file=False)
    lane.clock.advance(lane.desk.lease / 2)
    flight, _ = store_call(lane.desk, channel, examined, run_id=None)
    assert flight is not None
    row, [request] = lane.one(key), lane.rows(Request)
    assert row.lease_until == lane.clock.now() + push_lease(lane.desk)
    assert row.lease_until is not None
    assert request.deadline_at <= row.lease_until
