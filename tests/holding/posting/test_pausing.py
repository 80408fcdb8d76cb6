"""A pause by a person: from its commit on nothing is sent, whoever has claimed what by then."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update

from connectors.targets.aiaccount.connector import AiAccount
from holding.connections import limits
from holding.db.models import Request, Throttle
from holding.db.models.columns import BreakerState
from holding.posting import prepare, uncertain
from holding.runs import dispatch
from tests.holding.pushing import Lane
from tests.support.postings import NOW


@pytest.fixture
def pause(lane: Lane) -> Callable[[bool], None]:
    def set_to(on: bool) -> None:
        with lane.database.write() as session:
            lane.connection(session).paused_at = NOW if on else None

    return set_to


def just_before(patch: pytest.MonkeyPatch, place: Any, step: str, act: Callable[[], None]) -> None:
    """Something happens between two steps of a worker."""
    real = getattr(place, step)

    def acted(*given: Any, **named: Any) -> Any:
        act()
        return real(*given, **named)

    patch.setattr(place, step, acted)


@pytest.mark.parametrize("step", ["claim_seen", "look_up_before_send", "store_call"])
def test_what_is_claimed_when_the_pause_comes_stays_ready(
    lane: Lane, pause: Callable[[bool], None], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    keys = lane.ready("IV-1", "IV-2", "IV-3")
    with monkeypatch.context() as racing:
        just_before(racing, dispatch, step, lambda: pause(True))
        lane.work()
    assert lane.target.writes() == []
    assert set(lane.states(keys)) == {"ready"}
    pause(False)
    lane.work()
    assert set(lane.states(keys)) == {"posted"}


def test_a_target_that_is_paused_is_not_even_asked_whether_it_is_well(
    lane: Lane, pause: Callable[[bool], None]
) -> None:
    [key] = lane.ready("IV-1")
    with lane.database.write() as session:
        session.execute(update(Throttle).values(breaker=BreakerState.OPEN, open_until=NOW))
    pause(True)
    lane.work()
    assert (lane.target.lines(), lane.state(key)) == ([], "ready")
    pause(False)
    lane.work()
    assert lane.target.lines() != []


def test_a_push_in_flight_ends_and_the_next_waits(
    lane: Lane, pause: Callable[[bool], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = lane.ready("IV-1", "IV-2", "IV-3")
    just_before(monkeypatch, AiAccount, "send", lambda: pause(True))
    lane.work()
    assert lane.states(keys) == ["posted", "ready", "ready"]


@pytest.mark.parametrize("step", ["_claim_batch", "check_claims", "store_call"])
def test_a_run_that_is_paused_sends_no_file_and_goes_on_later(
    lane: Lane, pause: Callable[[bool], None], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    keys = lane.ready("IV-1", "IV-2", due=None)
    lane.start_sync()
    with monkeypatch.context() as racing:
        just_before(racing, dispatch, step, lambda: pause(True))
        lane.work()
    assert lane.target.writes() == []
    pause(False)
    lane.clock.advance(prepare.pause_length(lane.desk))
    lane.work()
    assert set(lane.states(keys)) == {"posted"}
    [request] = lane.rows(Request)
    assert request.run_id is not None


def test_what_is_proved_absent_is_sent_again_after_the_pause_and_is_paid_for(
    lane: Lane, pause: Callable[[bool], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    lane.target.control("faults", fault="timeout_before")
    [key] = lane.ready("IV-1")
    lane.work()
    with monkeypatch.context() as racing:
        just_before(racing, uncertain, "resend", lambda: pause(True))
        lane.settle()
    assert lane.target.lines("created") == []
    assert lane.state(key) == "uncertain"
    pause(False)
    spent: list[int] = []
    monkeypatch.setattr(limits, "spend", lambda _session, _channel, calls: spent.append(calls))
    lane.settle(minutes=1)
    assert lane.state(key) == "posted"
    looked = 2 - AiAccount.pace.to_look  # the look took two calls of those that were paid for
    assert spent == [AiAccount.pace.to_send, looked]
