"""One pass over the targets of a company: which of them are called, with which key, and when.

Here: what a pass reads in the beginning, and what it asks again. Not here: the push of a document
(tests/holding/posting), how many statements that takes (test_statement_budget.py).
"""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from connectors.targets.aiaccount.connector import AiAccount
from holding.access.actors import SYSTEM
from holding.approvals.consent import posting_hash
from holding.connections import breaker
from holding.connections.channel import Channel, Desk
from holding.connections.connections import set_key
from holding.db.models import Connection, ConnectionKey, Posting, Record, Request, Run
from holding.db.models.columns import KeyState
from holding.posting.claims import CLAIMED_AT_ONCE, claim_seen
from holding.runs import dispatch
from holding.runs.dispatch import Pushed, push_due
from tests.holding.desks import KEYS
from tests.holding.pushing import Lane
from tests.support.factories import make_connection, passed
from tests.support.postings import NOW, invoice
from tests.support.simulator import DEMO_KEY


def another_target(lane: Lane, name: str = "branch") -> int:
    """A second connection to the same target."""
    with lane.database.write() as session:
        settings = lane.connection(session).settings
        made = make_connection(
            session,
            lane.company,
            name,
            side="target",
            connector="aiaccount",
            settings=settings,
        )
        set_key(session, SYSTEM, made.id, DEMO_KEY, now=NOW, keys=KEYS)
        passed(session, made)
        return made.id


def goes_to(lane: Lane, posting_id: int, connection_id: int) -> None:
    with lane.database.write() as session:
        row = session.get_one(Posting, posting_id)
        row.connection_id = connection_id
        row.hash = posting_hash(connection_id, "CMP-1042", invoice(row.number), "create")


def test_what_came_while_another_target_was_worked_on_goes_in_the_same_pass(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    branch = another_target(lane)
    [first] = lane.ready("IV-1")
    [late] = lane.ready("IV-2", due=None)
    goes_to(lane, late, branch)
    real = AiAccount.send

    def send(self: AiAccount, *given: Any) -> Any:
        told = real(self, *given)
        with lane.database.write() as session:
            session.execute(update(Posting).where(Posting.id == late).values(due_at=NOW))
        return told

    monkeypatch.setattr(AiAccount, "send", send)
    assert lane.work() == 2
    assert lane.states((first, late)) == ["posted", "posted"]


def test_each_target_gets_its_own_documents_in_a_run_of_its_own(lane: Lane) -> None:
    branch = another_target(lane)
    keys = lane.ready("IV-1", "IV-2", "IV-3")
    goes_to(lane, keys[1], branch)
    assert lane.work() == 3
    assert lane.states(keys) == ["posted"] * 3
    runs = [(run.connection_id == branch, run.total, run.state) for run in lane.rows(Run)]
    assert sorted(runs) == [(False, 2, "done"), (True, 1, "done")]
    assert sorted(row.connection_id == branch for row in lane.rows(Request)) == [False, False, True]


def test_a_connection_has_one_active_key_and_the_newest_is_it(lane: Lane) -> None:
    def key(session: Session, no: int) -> ConnectionKey:
        return session.scalars(select(ConnectionKey).where(ConnectionKey.no == no)).one()

    with lane.database.write() as session:
        there = lane.connection(session).id
        set_key(session, SYSTEM, there, "aia_live_of_before", now=NOW, keys=KEYS)
        set_key(session, SYSTEM, there, DEMO_KEY, now=NOW, keys=KEYS)
        # The first row held the key that is in use again, so it is no replaced key.
        states = select(ConnectionKey.no, ConnectionKey.state).order_by(ConnectionKey.no)
        assert session.execute(states).all() == [(2, "old"), (3, "active")]
    [posting] = lane.ready("IV-1")
    assert lane.work() == 1
    assert lane.state(posting) == "posted"
    with pytest.raises(IntegrityError), lane.database.write() as session:
        key(session, 2).state = KeyState.ACTIVE


def test_a_paused_target_is_not_called(lane: Lane) -> None:
    branch = another_target(lane)
    keys = lane.ready("IV-1", "IV-2")
    goes_to(lane, keys[1], branch)
    with lane.database.write() as session:
        session.execute(update(Connection).where(Connection.id == branch).values(paused_at=NOW))
    assert lane.work() == 1
    assert lane.states(keys) == ["posted", "ready"]


def test_a_target_that_says_wait_gets_no_document_of_another_type_either(lane: Lane) -> None:
    keys = lane.ready("IV-1", "IV-2")
    with lane.database.write() as session:
        session.get_one(Posting, keys[1]).doc_type = "credit_note"
    lane.target.control("faults", fault="rate_limited")
    lane.work()
    assert len(lane.target.writes()) == 1
    assert lane.states(keys) == ["ready", "ready"]
    assert [lane.one(key).tries for key in keys] == [1, 0]
    assert [run.doc_type for run in lane.rows(Run)] == ["sales_invoice"]
    lane.clock.advance(3)
    lane.work()
    assert lane.states(keys) == ["posted", "posted"]


def told(run: Run) -> tuple[str, str, int, int, dict[str, int], bool]:
    return run.kind, run.state, run.total, run.done, dict(run.counts), run.ended_at is not None


def during(lane: Lane, patch: pytest.MonkeyPatch) -> list[list[Run]]:
    """The runs as they stand while the target works on each call."""
    seen: list[list[Run]] = []
    real = AiAccount.send

    def send(self: AiAccount, *given: Any) -> Any:
        seen.append(lane.rows(Run))
        return real(self, *given)

    patch.setattr(AiAccount, "send", send)
    return seen


def test_what_goes_at_once_is_one_run_while_it_rests_for_seconds_only(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = during(lane, monkeypatch)
    lane.ready("IV-1", "IV-2")
    assert lane.work() == 2
    [first] = lane.rows(Run)
    assert told(first) == ("immediate", "done", 2, 2, {"posted": 2}, True)
    assert first.error is None
    lane.clock.advance(4)
    lane.ready("IV-3")
    lane.work()
    [same] = lane.rows(Run)
    assert told(same) == ("immediate", "done", 3, 3, {"posted": 3}, True)
    lane.clock.advance(6)
    lane.ready("IV-4")
    lane.work()
    assert [run.total for run in lane.rows(Run)] == [3, 1]
    under_way = [[(run.state, run.ended_at is None) for run in runs] for runs in seen]
    running, over = ("running", True), ("done", False)
    assert under_way == [[running], [running], [running], [over, running]]


def test_a_run_that_another_kind_of_document_or_a_person_began_is_not_gone_on_with(
    lane: Lane,
) -> None:
    lane.ready("IV-1")
    lane.work()
    with lane.database.write() as session:
        [run] = session.scalars(select(Run))
        run.doc_type = "credit_note"
    lane.ready("IV-2")
    lane.work()
    assert [(run.doc_type, run.total) for run in lane.rows(Run)] == [
        ("credit_note", 1),
        ("sales_invoice", 1),
    ]
    with lane.database.write() as session:
        session.execute(update(Run).where(Run.doc_type == "sales_invoice").values(kind="manual"))
    lane.ready("IV-3")
    lane.work()
    assert [(run.kind, run.total) for run in lane.rows(Run)][1:] == [
        ("manual", 1),
        ("immediate", 1),
    ]


def test_a_run_that_a_dead_worker_left_is_gone_on_with(lane: Lane) -> None:
    lane.ready("IV-1")
    lane.work()
    with lane.database.write() as session:
        session.execute(update(Run).values(ended_at=None, state="running"))
    lane.clock.advance(60)
    lane.ready("IV-2")
    lane.work()
    [run] = lane.rows(Run)
    assert told(run) == ("immediate", "done", 2, 2, {"posted": 2}, True)


def test_a_run_of_which_nothing_came_has_failed_until_something_does(lane: Lane) -> None:
    lane.target.control("faults", fault="timeout_after")
    lane.ready("IV-1")
    lane.work()
    [run] = lane.rows(Run)
    assert told(run) == ("immediate", "failed", 1, 0, {"uncertain": 1}, True)
    assert run.error
    lane.ready("IV-2")
    lane.work()
    [run] = lane.rows(Run)
    assert told(run) == ("immediate", "done", 2, 1, {"posted": 1, "uncertain": 1}, True)
    assert run.error is None


def test_a_run_that_a_person_begins_meanwhile_parts_nothing(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that one pass sends at once is in one run."""
    real = AiAccount.send

    def send(self: AiAccount, *given: Any) -> Any:
        answer = real(self, *given)
        with lane.database.write() as session:
            columns = {"company_id": lane.company.id, "doc_type": "sales_invoice", "made_at": NOW}
            there = lane.connection(session).id
            session.add(Run(**columns, connection_id=there, kind="manual", state="done"))
        return answer

    monkeypatch.setattr(AiAccount, "send", send)
    lane.ready("IV-1", "IV-2")
    assert lane.work() == 2
    assert [run.total for run in lane.rows(Run) if run.kind == "immediate"] == [2]


def test_a_document_that_is_taken_ends_a_row_of_failures(lane: Lane) -> None:
    """What the look at the posting brought of the target is what its answer is judged by."""
    with lane.database.write() as session:
        row = breaker.locked(session, lane.connection(session).id)
        row.failures, row.recent = 4, "xxxx"
    [posting] = lane.ready("IV-1")
    lane.work()
    assert lane.state(posting) == "posted"
    with lane.database.read() as session:
        after = breaker.known(session, lane.connection(session).id)
        assert after is not None
        assert (after.failures, after.recent[:4], len(after.recent)) == (0, "xxxx", 5)


def passed_over(lane: Lane) -> Pushed:
    """One pass, and what it says of itself."""
    desk = lane.desk
    done = push_due(
        desk.database, desk.clock, company_id=lane.company.id, owner=desk.owner, desk=desk
    )
    assert isinstance(done, Pushed)
    return done


def test_what_nobody_waited_for_wakes_nobody_and_is_not_looked_for_again(lane: Lane) -> None:
    lane.ready("IV-1", "IV-2")
    with lane.database.overheard() as said:
        assert passed_over(lane) == Pushed(2, more=False, woke=False)
    assert sum("AS doubts" in words for words in said) == 1
    assert passed_over(lane) == Pushed(0, more=False, woke=False)


@pytest.mark.parametrize("waits", ["a record of its family", "nothing, it was not taken"])
def test_what_somebody_may_wait_for_is_told(lane: Lane, waits: str) -> None:
    lane.ready("IV-1")
    if waits.startswith("nothing"):
        lane.target.control("faults", fault="timeout_after")
    else:
        other = lane.one(lane.ready("IV-2", due=None)[0]).record_id
        with lane.database.write() as session:
            family = select(Record.family).where(Record.number == "IV-1").scalar_subquery()
            session.execute(update(Record).where(Record.id == other).values(family=family))
    with lane.database.overheard() as said:
        assert passed_over(lane) == Pushed(1, more=False, woke=True)
    assert sum("AS doubts" in words for words in said) == 2, "it is asked what that made due"


def test_more_than_is_claimed_at_once_goes_in_the_same_pass(lane: Lane) -> None:
    keys = lane.ready(*(f"IV-{no}" for no in range(CLAIMED_AT_ONCE + 1)))
    assert passed_over(lane) == Pushed(len(keys), more=False, woke=True)
    assert lane.states(keys) == ["posted"] * len(keys)


def test_of_two_workers_in_one_run_each_counts_the_other(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is answered while the other's call is out has counted that as under way."""
    other, counted = replace(lane.desk, owner="worker-2"), list[Any]()
    real = AiAccount.send

    def send(self: AiAccount, *given: Any) -> Any:
        if len(lane.rows(Request)) == 1:
            lane.ready("IV-2")
            assert lane.work(other) == 1
            counted.extend(told(run) for run in lane.rows(Run))
        return real(self, *given)

    monkeypatch.setattr(AiAccount, "send", send)
    lane.ready("IV-1")
    assert lane.work() == 1
    assert counted == [("immediate", "done", 2, 1, {"posted": 1, "sending": 1}, True)]
    assert [told(run) for run in lane.rows(Run)] == [
        ("immediate", "done", 2, 2, {"posted": 2}, True)
    ]


def test_what_another_worker_took_since_the_look_is_left_to_it(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, asked = replace(lane.desk, owner="worker-2"), []

    def late(desk: Desk, channel: Channel, seen: str) -> Any:
        if desk.owner != other.owner:
            asked.append(lane.work(other))
            lane.ready("IV-2")
        return claim_seen(desk, channel, seen)

    monkeypatch.setattr(dispatch, "claim_seen", late)
    lane.ready("IV-1")
    assert lane.work() == 1, "the one that is due by now"
    assert asked == [1]
    assert len(lane.sends()) == 2


def test_what_may_not_go_since_the_look_does_not_go(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim asks again what the look has asked."""

    def paused(desk: Desk, channel: Channel, seen: str) -> Any:
        with lane.database.write() as session:
            session.execute(update(Connection).values(paused_at=NOW))
        return claim_seen(desk, channel, seen)

    monkeypatch.setattr(dispatch, "claim_seen", paused)
    [key] = lane.ready("IV-1")
    assert lane.work() == 0
    posting = lane.one(key)
    assert (posting.state, posting.due_at, posting.lease_until) == ("ready", NOW, None)


def test_a_run_whose_last_document_another_worker_has_by_now_does_not_stay_open(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer changes nothing here, and the run ends with what is known of it."""
    [key] = lane.ready("IV-1")
    real = AiAccount.send

    def send(self: AiAccount, *given: Any) -> Any:
        told = real(self, *given)
        with lane.database.write() as session:
            session.execute(update(Posting).values(fence=Posting.fence + 1))
        return told

    monkeypatch.setattr(AiAccount, "send", send)
    lane.work()
    assert lane.state(key) == "sending"
    [run] = lane.rows(Run)
    assert run.state != "running"
    assert run.ended_at is not None
