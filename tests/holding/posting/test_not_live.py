"""A company that did not go live: nothing is sent, whatever is ready, running or claimed."""

from typing import Any

import pytest

from holding.db.models import Attempt, Company, Request
from holding.runs import dispatch
from tests.holding.posting.test_pausing import just_before
from tests.holding.pushing import Lane


def set_live(lane: Lane, on: bool) -> None:
    with lane.database.write() as session:
        session.get_one(Company, lane.company.id).live = on


def sent_nothing(lane: Lane, keys: list[int]) -> bool:
    quiet = lane.target.writes() == [] and lane.rows(Request) == lane.rows(Attempt) == []
    return quiet and set(lane.states(keys)) == {"ready"}


def test_what_is_ready_waits_for_the_go_live_of_its_company(lane: Lane) -> None:
    keys = lane.ready("IV-1", "IV-2")
    set_live(lane, False)
    assert lane.work() == 0
    lane.clock.advance(3600)
    assert lane.work() == 0
    assert sent_nothing(lane, keys)
    set_live(lane, True)
    lane.work()
    assert set(lane.states(keys)) == {"posted"}


def test_a_run_is_not_sent_and_none_begins(lane: Lane) -> None:
    keys = lane.ready("IV-1", "IV-2", due=None)
    set_live(lane, False)
    with pytest.raises(AssertionError, match=r"sync\.not_live"):
        lane.start_sync()
    set_live(lane, True)
    lane.start_sync()
    set_live(lane, False)
    lane.work()
    assert sent_nothing(lane, keys)


@pytest.mark.parametrize("step", ["claim_seen", "look_up_before_send", "store_call"])
def test_the_last_check_before_the_call_is_the_senders(
    lane: Lane, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Whatever claimed the documents, the call itself is not made."""
    keys = lane.ready("IV-1", "IV-2", "IV-3")
    with monkeypatch.context() as racing:
        just_before(racing, dispatch, step, lambda: set_live(lane, False))
        lane.work()
    assert sent_nothing(lane, keys)


def test_a_new_company_is_not_live_unless_it_says_so(lane: Lane) -> None:
    fresh: Any = {"code": "dua", "name": "Dua", "zone": "Asia/Kuala_Lumpur", "currency": "MYR"}
    with lane.database.write() as session:
        company = Company(**fresh)
        session.add(company)
        session.flush()
        assert company.live is False
