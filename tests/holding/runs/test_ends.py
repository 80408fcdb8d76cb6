"""How a run goes on and when it is over: by what of it is still ready, and by nothing else."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from connectors.contract import Answer, FileLimits, Found, Sent
from connectors.targets.aiaccount.connector import AiAccount
from holding.connections.connections import trust_again
from holding.db.models import Hold, Posting, Record, Run
from holding.posting.claims import release_expired_claims
from holding.runs import dispatch
from tests.holding.pushing import Lane, answer_whole_files
from tests.holding.shop import FILES, RULES, open_shop
from tests.support.postings import invoice

CLOSED = Answer(kind="temporary", error_class="temporary", words="Connection refused.")


def wake(lane: Lane, posting_id: int, *, on: bool = True) -> None:
    """Its record is to be judged first, or was."""
    with lane.database.write() as session:
        record = session.get_one(Record, session.get_one(Posting, posting_id).record_id)
        record.due_at = lane.clock.now() if on else None


@pytest.fixture
def by_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """The target takes one document a call, as AutoCount and QuickBooks do."""
    monkeypatch.setattr(AiAccount, "file_limits", FileLimits(documents=1))


def test_what_was_not_taken_is_tried_again_after_its_pause_and_as_one_file(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = lane.ready(*(f"IV-{n}" for n in range(6)), due=None)
    with monkeypatch.context() as away:
        answer_whole_files(away, 0, CLOSED, lambda numbers: True)
        lane.start_sync()
        lane.work()
        assert len(lane.sends()) == 1
        lane.work()
        assert len(lane.sends()) == 1  # not before its time
    assert {lane.one(key).tries for key in keys} == {1}
    [due] = {lane.one(key).due_at for key in keys}  # what went together goes together
    assert due is not None
    assert due > lane.clock.now()
    run = lane.run()
    assert (run.state, run.due_at, run.counts) == ("running", due, {"later": 6})
    lane.clock.set(due)
    lane.work()
    assert set(lane.states(keys)) == {"posted"}
    assert len(lane.sends()) == 2
    run = lane.run()
    assert (run.state, run.counts) == ("done", {"posted": 6})


def test_a_refusal_that_the_rules_try_again_waits_as_long_as_they_say(lane: Lane) -> None:
    others = ("duplicate", "stale_version", "missing_field", "bad_value", "mapping_missing")
    table = "\nretry aiaccount\n    | error | tries | do |\n"
    table += "    | period_locked | - | try 3 times from 30s then hold for sales_admin |\n"
    for error in (*others, "business_rule", "authorization_failed", "temporary"):
        table += f"    | {error} | - | hold for sales_admin |\n"
    table += "    | uncertain | - | look up first |\n"
    open_shop(lane.database, lane.company, lane.clock).publish(
        FILES | {"shop.rules": RULES + table}
    )
    lane.target.control("lock", through="2026-11-30")
    [key] = lane.ready("IV-1", due=None)
    lane.start_sync()
    lane.work()
    assert (lane.state(key), lane.one(key).tries) == ("ready", 1)
    lane.clock.advance(29)
    lane.work()
    assert len(lane.sends()) == 1
    for pause in (8, 75):
        lane.clock.advance(pause)
        lane.work()
    assert len(lane.sends()) == 3
    assert lane.state(key) == "failed"
    assert [hold.code for hold in lane.rows(Hold)] == ["TGT04"]
    assert lane.run().state == "done"


def test_what_cannot_go_now_does_not_end_the_run_for_those_behind_it(
    lane: Lane, by_ones: None
) -> None:
    first, *rest = lane.ready("IV-1", "IV-2", "IV-3", due=None)
    lane.start_sync()
    wake(lane, first)
    lane.work()
    assert lane.states((first, *rest)) == ["ready", "posted", "posted"]
    assert lane.run().state == "running"
    assert lane.work() == 0  # it is left alone for a while
    wake(lane, first, on=False)
    lane.clock.advance(lane.desk.lease)
    lane.work()
    assert lane.state(first) == "posted"
    run = lane.run()
    assert (run.state, run.counts) == ("done", {"posted": 3})


@pytest.mark.parametrize("kind", ["unknown", "equal", "different"])
def test_whatever_a_first_look_says_of_one_the_others_go(
    lane: Lane, monkeypatch: pytest.MonkeyPatch, by_ones: None, kind: str
) -> None:
    with lane.database.write() as session:
        connection = lane.connection(session)
        connection.settings = {**connection.settings, "look_first": "yes"}
    first, *rest = lane.ready("IV-1", "IV-2", "IV-3", due=None)
    look_up = AiAccount.look_up

    def of_the_first(self, document, *given, **named):  # type: ignore[no-untyped-def]
        if document.number == "IV-1":
            return Found(kind=kind, words="So it is.", target_ref="inv_1")  # type: ignore[arg-type]
        return look_up(self, document, *given, **named)

    monkeypatch.setattr(AiAccount, "look_up", of_the_first)
    lane.start_sync()
    lane.work()
    assert set(lane.states(rest)) == {"posted"}
    ends = {"unknown": "ready", "equal": "posted", "different": "failed"}
    assert lane.state(first) == ends[kind]
    assert lane.run().state == ("running" if kind == "unknown" else "done")


def test_a_run_waits_an_hour_and_what_takes_longer_goes_by_itself(lane: Lane) -> None:
    late, quick = lane.ready("IV-1", "IV-2", due=None)
    lane.start_sync()
    with lane.database.write() as session:
        longer = dispatch.WAITS + timedelta(seconds=1)
        session.get_one(Posting, late).due_at = lane.clock.now() + longer
    lane.work()
    assert lane.states((late, quick)) == ["ready", "posted"]
    assert lane.run().state == "done"
    lane.clock.advance(longer)
    lane.work()
    assert lane.state(late) == "posted"


@pytest.mark.slow
def test_a_crash_at_any_step_loses_nothing_from_the_run(
    lane: Lane, monkeypatch: pytest.MonkeyPatch, by_ones: None
) -> None:
    keys = lane.ready(*(f"IV-{n}" for n in range(4)), due=None)
    lane.start_sync()
    for step in ("check_claims", "store_call", "send_flight", "_finish"):
        with monkeypatch.context() as dying:
            dying.setattr(dispatch, step, _die)
            with pytest.raises(KeyboardInterrupt):
                lane.work()
        lane.clock.advance(lane.desk.lease + lane.desk.answer + timedelta(seconds=1))
        with lane.database.write() as session:
            release_expired_claims(session, lane.clock.now())
            session.execute(update(Record).values(due_at=None))
    for _ in range(20):
        lane.work()
        lane.clock.advance(30)
        with lane.database.write() as session:
            session.execute(update(Record).values(due_at=None))
    assert set(lane.states(keys)) == {"posted"}
    assert sorted(line["number"] for line in lane.target.lines("created")) == [
        f"IV-{n}" for n in range(4)
    ]
    assert lane.run().state == "done"
    assert lane.open_holds() == []


def _die(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_target_that_is_trusted_again_gets_the_file_at_once(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = lane.ready("IV-1", "IV-2", due=None)
    with monkeypatch.context() as away:
        answer_whole_files(away, 0, CLOSED, lambda numbers: True)
        lane.start_sync()
        lane.work()
    with lane.database.write() as session:
        trust_again(session, lane.connection(session), lane.clock.now())
    lane.work()
    assert set(lane.states(keys)) == {"posted"}
    assert lane.run().counts == {"posted": 2}


def test_of_two_unsent_documents_with_one_number_one_goes_with_all_others(lane: Lane) -> None:
    first, *rest = lane.ready("IV-1", "IV-2", "IV-3", due=None)
    [twin] = lane.ready("order-9", due=None, document=invoice("IV-1", price="11.00"))
    lane.start_sync()
    lane.work()
    assert set(lane.states((first, *rest))) == {"posted"}
    assert lane.state(twin) == "held"
    [hold] = lane.rows(Hold)
    assert (hold.code, hold.error_class) == ("PSH03", "duplicate")
    assert "IV-1" in hold.message
    assert lane.run().state == "done"


def test_a_run_of_what_goes_at_once_fails_where_nobody_answered(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it is over: what goes on a moment later continues it, and mends it."""
    lane.ready("IV-1", "IV-2")
    with monkeypatch.context() as away:
        told = Sent(answers=(CLOSED,), status=None, headers={}, body=b"", seconds=0.0)
        away.setattr(AiAccount, "send", lambda *_: told)
        lane.work()
    [run] = lane.rows(Run)
    assert (run.state, run.error, run.counts) == ("failed", CLOSED.words, {"later": 2})
    assert (run.total, run.done, run.ended_at) == (2, 2, lane.clock.now())
    lane.clock.advance(4)
    lane.work()
    [run] = lane.rows(Run)
    assert (run.state, run.error, run.counts) == ("done", None, {"posted": 2})
    lane.clock.advance(5)
    lane.ready("IV-3")
    lane.work()
    assert [(one.state, one.total) for one in lane.rows(Run)] == [("done", 2), ("done", 1)]


def test_what_goes_at_once_never_continues_a_run_that_was_asked_for(lane: Lane) -> None:
    lane.ready("IV-1", due=None)
    lane.start_sync()
    lane.work()
    asked = lane.run()
    lane.ready("IV-2")
    lane.work()
    assert [(one.kind == "immediate", one.total) for one in lane.rows(Run)] == [
        (False, 1),
        (True, 1),
    ]
    assert lane.run().ended_at == asked.ended_at
