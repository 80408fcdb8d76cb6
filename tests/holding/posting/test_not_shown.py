"""Documents that a target shows to nobody: only the same call tells what became of the first."""

from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select, update

from connectors.contract import Found
from connectors.targets.aiaccount.connector import AiAccount
from holding.connections import breaker
from holding.db.models import Attempt, Event, Hold, Posting, Push, Reading, Throttle
from holding.evaluation.batch import may_retry
from rules.outcomes import Document
from tests.holding.pushing import Lane
from tests.support.simulator import DEMO_KEY

KNOWN = timedelta(days=29)
"""How long a key surely is known there: a day less than AiAccount keeps it."""


def refund(number: str = "RF-1", *, amount: str = "10.00") -> Document:
    """Money back for one tee of IV-1."""
    return Document(
        target="aiaccount",
        document="sales_refund",
        number=number,
        date=date(2026, 11, 19),
        party="Aisyah Rahman",
        currency="MYR",
        amount=Decimal(amount),
        fields={
            "RefundNumber": number,
            "InvoiceNumber": "IV-1",
            "Customer": "Aisyah Rahman",
            "RefundDate": "2026-11-19",
            "SourceRefundStatus": "Refunded + Items Returned",
            "Currency": "MYR",
            "Total": amount,
        },
        lines=({"SKU": "TEE-BLK-M", "Quantity": "1", "Amount": amount},),
    )


@pytest.fixture
def sold(lane: Lane) -> Lane:
    """IV-1 is in the books."""
    lane.put_there("IV-1")
    return lane


def refunds(lane: Lane) -> list[str]:
    """The numbers of those in the books."""
    made = lane.target.lines("created")
    return [line["number"] for line in made if line["type"] == "sales_refund"]


def calls(lane: Lane) -> list[tuple[str, str]]:
    return [(row.key, row.sha256) for row in lane.sends()]


def in_doubt(lane: Lane, fault: str) -> int:
    lane.target.control("faults", fault=fault)
    [key] = lane.ready("RF-1", document=refund())
    lane.work()
    assert lane.state(key) == "uncertain"
    return key


@pytest.mark.parametrize("fault", ["timeout_after", "timeout_before", "html_502", "cut_body"])
def test_the_same_call_goes_again_and_there_is_one_refund(sold: Lane, fault: str) -> None:
    key = in_doubt(sold, fault)
    sold.settle()
    assert sold.state(key) == "posted"
    assert refunds(sold) == ["RF-1"]
    assert len(calls(sold)) == 2
    assert len(set(calls(sold))) == 1, "the same key and bytes"
    assert sold.open_holds() == []
    assert [push.state for push in sold.rows(Push)] == ["accepted"]


def test_it_is_not_sent_again_while_the_first_call_may_be_under_way(sold: Lane) -> None:
    key = in_doubt(sold, "timeout_after")
    sold.clock.advance(6)
    with sold.database.write() as session:
        session.execute(update(Posting).values(due_at=sold.clock.now()))
    sold.work()
    assert (sold.state(key), len(calls(sold))) == ("uncertain", 1)


@pytest.mark.slow
def test_answer_after_answer_may_be_lost(sold: Lane) -> None:
    sold.target.control("faults", plan=["timeout_before", "html_502", "timeout_after"])
    [key] = sold.ready("RF-1", document=refund())
    sold.settle(minutes=30)
    assert sold.state(key) == "posted"
    assert refunds(sold) == ["RF-1"]
    assert (len(calls(sold)), len(set(calls(sold)))) == (4, 1)


def test_what_it_says_besides_is_told_with_the_posting(sold: Lane) -> None:
    sold.ready("RF-1", document=refund())
    sold.work()
    (said,) = [row.body["say"] for row in sold.rows(Event) if row.act == "posting.posted"]
    assert said.endswith("has RF-1 as rfd_11. Returned to stock there: 1 TEE-BLK-M.")


def test_it_is_never_read_again(sold: Lane) -> None:
    [key] = sold.ready("RF-1", document=refund())
    sold.work()
    assert sold.one(key).read_due_at is None
    with sold.database.write() as session:  # a person asks for it all the same
        session.execute(update(Posting).values(read_due_at=sold.clock.now()))
    sold.settle(minutes=6)
    assert sold.one(key).read_due_at is None
    assert sold.rows(Reading) == []
    with sold.database.read() as session:
        assert set(session.scalars(select(Throttle.breaker))) <= {"closed"}
    assert sold.open_holds() == []


@pytest.mark.slow
def test_what_is_kept_there_for_later_is_not_sent_again(sold: Lane) -> None:
    sold.target.control("pause", key=DEMO_KEY)
    [key] = sold.ready("RF-1", document=refund())
    sold.settle(minutes=30)
    assert (sold.state(key), len(calls(sold))) == ("awaiting", 1)
    sold.target.control("pause", key=DEMO_KEY, status="active")
    sold.settle()
    assert (sold.state(key), len(calls(sold))) == ("posted", 1)
    assert refunds(sold) == ["RF-1"]


def test_what_was_often_tried_before_and_is_kept_there_waits_all_the_same(
    sold: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    sold.target.control("pause", key=DEMO_KEY)
    [key] = sold.ready("RF-1", document=refund())
    with sold.database.write() as session:
        session.execute(update(Posting).values(tries=11))
    sold.work()
    lost = Found(kind="unknown", words="Nothing is shown.", key_lasts=timedelta(days=30))
    monkeypatch.setattr(AiAccount, "look_up", lambda *_, **__: lost)
    later(sold, timedelta(hours=1))
    assert (sold.state(key), len(calls(sold))) == ("awaiting", 1)


@pytest.mark.slow
def test_what_was_kept_there_and_is_in_no_list_any_more_goes_to_a_person(
    sold: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    sold.target.control("pause", key=DEMO_KEY)
    [key] = sold.ready("RF-1", document=refund())
    sold.work()
    lost = Found(kind="unknown", words="Nothing is shown.", key_lasts=timedelta(days=30))
    monkeypatch.setattr(AiAccount, "look_up", lambda *_, **__: lost)
    sold.settle(minutes=30)
    assert (sold.state(key), len(calls(sold))) == ("awaiting", 1)
    later(sold, KNOWN)
    assert (sold.state(key), len(calls(sold))) == ("failed", 1)
    assert sold.open_holds() == ["TGT10"]


def later(lane: Lane, passed: timedelta) -> None:
    """So long after the first call, the posting is looked at."""
    lane.clock.advance(passed)
    with lane.database.write() as session:
        session.execute(update(Posting).values(due_at=lane.clock.now()))
        session.execute(update(Throttle).values(breaker="closed", open_until=None))
    lane.work()


def test_a_day_before_the_key_may_be_forgotten_a_person_is_asked(sold: Lane) -> None:
    key = in_doubt(sold, "timeout_after")
    later(sold, KNOWN + timedelta(minutes=1))
    assert (sold.state(key), len(calls(sold))) == ("failed", 1)
    [hold] = [hold for hold in sold.rows(Hold) if hold.state == "open"]
    assert (hold.code, hold.rule, hold.error_class) == ("TGT10", "target.not_shown", "duplicate")
    assert hold.message.startswith("Sent 1 time without a clear answer.")
    assert "a person looks for it in the accounting system" in hold.would_pass
    assert [push.state for push in sold.rows(Push)] == ["conflict"]
    (said,) = [row.body["say"] for row in sold.rows(Event) if row.act == "posting.conflict"]
    assert said.startswith("Clearpost cannot see whether aiaccount has RF-1. Sent 1 time without")


def test_the_days_are_counted_from_the_first_call(sold: Lane) -> None:
    key = in_doubt(sold, "timeout_before")
    sold.target.control("faults", fault="timeout_before")
    later(sold, timedelta(days=20))
    assert (sold.state(key), len(calls(sold))) == ("uncertain", 2)
    later(sold, timedelta(days=9, minutes=1))
    assert (sold.state(key), len(calls(sold))) == ("failed", 2)
    assert sold.open_holds() == ["TGT10"]


def test_the_pause_is_counted_from_the_last_call(sold: Lane) -> None:
    key = in_doubt(sold, "timeout_before")
    sold.target.control("faults", fault="timeout_before")
    later(sold, timedelta(days=1))
    later(sold, timedelta(seconds=6))
    assert (sold.state(key), len(calls(sold))) == ("uncertain", 2)
    later(sold, timedelta(hours=1))
    assert (sold.state(key), len(calls(sold))) == ("posted", 3)


@pytest.mark.parametrize("same", [True, False])
def test_nothing_but_a_person_sends_it_again(same: bool) -> None:
    """Not a new version of its record, not other rules."""
    hold: Any = SimpleNamespace(
        code="TGT10", error_class="duplicate", changed_revision=9, revision=1
    )
    batch: Any = SimpleNamespace(rules_revision=9)
    assert not may_retry(batch, hold, same_content=same, posted=False)
    hold.code = "TGT01"
    assert may_retry(batch, hold, same_content=same, posted=False)


def test_until_then_it_is_sent_again(sold: Lane) -> None:
    key = in_doubt(sold, "timeout_before")
    later(sold, KNOWN - timedelta(minutes=1))
    assert (sold.state(key), len(calls(sold))) == ("posted", 2)


@pytest.mark.slow
def test_who_never_gets_an_answer_asks_a_person_in_the_end(sold: Lane) -> None:
    sold.target.control("faults", plan=["timeout_after", *["timeout_before"] * 40])
    [key] = sold.ready("RF-1", document=refund())
    for _ in range(40):
        later(sold, timedelta(hours=2))
        if sold.state(key) == "failed":
            break
    assert sold.open_holds() == ["TGT10"]
    assert 2 < len(calls(sold)) < 20
    assert len(set(calls(sold))) == 1
    assert refunds(sold) == ["RF-1"]


@pytest.mark.slow
def test_a_look_that_tells_nothing_does_not_send_it_again(
    sold: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The import history did not answer: it may be kept there."""
    key = in_doubt(sold, "timeout_after")
    with monkeypatch.context() as away:
        away.setattr(
            AiAccount, "look_up", lambda *_, **__: Found(kind="unknown", words="No answer.")
        )
        sold.settle(minutes=30)
    assert (sold.state(key), len(calls(sold))) == ("uncertain", 1)


def test_in_a_run_each_goes_in_a_call_of_its_own(sold: Lane) -> None:
    numbers = [f"RF-{n}" for n in range(1, 5)]
    keys = [sold.ready(one, due=None, document=refund(one, amount="1.00"))[0] for one in numbers]
    sold.start_sync("sales_refund")
    sold.settle(minutes=3)
    assert sold.states(keys) == ["posted"] * 4
    assert sorted(refunds(sold)) == numbers
    assert len({key for key, _ in calls(sold)}) == 4
    assert (sold.run().state, sold.run().counts["posted"]) == ("done", 4)


def test_first_looks_send_what_no_look_can_show(lane: Lane) -> None:
    """A connection that looks first finds nothing out, and sends."""
    with lane.database.write() as session:
        connection = lane.connection(session)
        connection.settings = {**connection.settings, "look_first": "yes"}
    lane.put_there("IV-1")
    [key] = lane.ready("RF-1", document=refund())
    lane.settle(minutes=2)
    assert (lane.state(key), refunds(lane)) == ("posted", ["RF-1"])
    assert [row.state for row in lane.rows(Attempt)] == ["unknown", "accepted"]


def test_the_attempts_say_what_was_done(sold: Lane) -> None:
    in_doubt(sold, "timeout_after")
    sold.settle()
    states = [row.state for row in sold.rows(Attempt)]
    assert (states[0], states[-1]) == ("uncertain", "existing")
    assert set(states[1:-1]) == {"unknown"}
    with sold.database.read() as session:
        assert session.scalars(select(Hold)).all() == []


@pytest.mark.slow
@pytest.mark.parametrize("gate", ["key", "switch"])
def test_a_repeat_that_is_turned_away_says_nothing_of_the_first_call(sold: Lane, gate: str) -> None:
    """Whoever refuses it has not looked at its key: a new one could refund twice."""
    plan = ["timeout_after", "invalid_key"] if gate == "key" else ["timeout_after"]
    sold.target.control("faults", plan=plan)
    [key] = sold.ready("RF-1", document=refund())
    sold.work()
    sold.target.control("company", refunds_enabled=gate == "key")
    sold.settle(minutes=3)
    assert sold.state(key) == "uncertain"
    assert len(calls(sold)) > 1
    sold.target.control("company", refunds_enabled=True)
    later(sold, timedelta(hours=1))
    assert sold.state(key) == "posted"
    assert len(set(calls(sold))) == 1, "the same key and bytes"
    assert refunds(sold) == ["RF-1"]


def test_a_repeat_that_is_refused_for_its_content_fails(sold: Lane) -> None:
    """Its key was looked at, and nothing was done under it."""
    sold.target.control("faults", fault="timeout_before")
    [key] = sold.ready("RF-1", document=refund())
    sold.work()
    sold.target.control("lock", through="2026-12-31")
    sold.settle(minutes=3)
    assert (sold.state(key), len(calls(sold)), refunds(sold)) == ("failed", 2, [])
    assert [push.state for push in sold.rows(Push)] == ["refused"]


def test_a_first_call_that_is_turned_away_was_not_made(sold: Lane) -> None:
    sold.target.control("company", refunds_enabled=False)
    [key] = sold.ready("RF-1", document=refund())
    sold.settle(minutes=1)
    assert (sold.state(key), sold.open_holds()) == ("failed", ["TGT01"])


def test_it_is_no_transaction_of_the_month(sold: Lane) -> None:
    """AiAccount counts invoices, receipts, bills and payments: an invoice may follow."""
    with sold.database.write() as session:
        row = breaker.locked(session, sold.connection(session).id)
        row.quota_limit, row.quota_used, row.quota_month = 2, 1, "2026-11"
    keys = sold.ready("RF-1", document=refund())
    sold.work()
    keys += sold.ready("IV-2")
    sold.work()
    assert sold.states(keys) == ["posted", "posted"]
    with sold.database.read() as session:
        assert session.scalar(select(Throttle.quota_used)) == 2
