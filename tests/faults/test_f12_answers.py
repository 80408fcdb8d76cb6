"""F12 to F16: answers that do not come, look-ups that lag, storms."""

from collections.abc import Callable
from random import Random

import pytest
from sqlalchemy import func, select

from holding.models import Push, Request
from tests.faults.amounts import Done, amount
from tests.faults.course import end, for_a_while, heal, run
from tests.faults.history import Chances, History
from tests.faults.town import town
from tests.faults.yard import nothing_wrong
from tests.support.house import House

TRIES = amount(1, 12, 200)
PER_MINUTE = 30
LAGGING, STORM_SECONDS, HERD = amount(3, 60, 1000), 600, amount(20, 150, 2000)
SILENT = (
    "timeout_after",
    "error_500_after",
    "html_502_after",
    "garbage_after",
    "cut_body",
    "duplicate_delivery",
)[:5]


@pytest.mark.parametrize("fault", SILENT)
def test_f12_done_and_not_told(house_of: Callable[..., House], done: Done, fault: str) -> None:
    house = house_of("--dedupe", "nothing")
    house.target.control("faults", fault=fault, count=TRIES)
    sent = house.orders(TRIES)
    house.drain({"posted": len(sent)}, seconds=120)
    done.faults += TRIES
    with house.database.read() as session:
        looks = select(func.count(Request.id)).where(Request.kind == "lookup")
        assert (session.scalar(looks) or 0) >= TRIES
    assert len(house.target.lines("created")) == len(sent)
    nothing_wrong(house, sent, done)


@pytest.mark.parametrize("where", ["http://127.0.0.1:1", "http://no-such-name.invalid"])
def test_f13_no_connection_is_no_doubt(
    house_of: Callable[..., House], done: Done, where: str
) -> None:
    house = house_of(base_url=where)
    house.orders(TRIES)
    with house.working("--no-redis"):
        house.wait_until(lambda states: not states.get("received"))
        house.wait_until(lambda _: _refused(house) > 0)
    done.faults += TRIES
    with house.database.read() as session:
        doubts = select(func.count(Push.id)).where(Push.state == "uncertain")
        looks = select(func.count(Request.id)).where(Request.kind == "lookup")
        assert (session.scalar(doubts), session.scalar(looks)) == (0, 0)


def _refused(house: House) -> int:
    with house.database.read() as session:
        query = select(func.count(Push.id)).where(Push.state == "refused")
        return session.scalar(query) or 0


def test_f14_look_ups_that_lag(done: Done) -> None:
    """What is not to be seen yet is not sent again."""
    for seed in range(LAGGING):
        ending, history = run(seed, Chances(kill=3, fate=100, jump=0, dedupe=("nothing",)), lag=20)
        done.histories += 1
        done.records += ending.records
        done.doubled += len(ending.doubled)
        assert not ending.wrong, (seed, ending.wrong, history.trace[-100:])


@pytest.mark.parametrize("fate", ["busy", "later"])
def test_f15_a_storm_of_refusals(done: Done, fate: str) -> None:
    """Ten minutes: few calls while it lasts, and all goes through soon after it."""
    with town(dedupe="nothing") as place:
        history = History(place, Random(15), Chances())
        history.hire()
        for _ in range(5):
            history.arrive(20)
        place.wire.storm = fate  # type: ignore[assignment]
        for_a_while(history, STORM_SECONDS)
        during = len(place.wire.asked)
        place.wire.storm = None
        over = place.clock.monotonic()
        heal(history)
        soon = min(at for at in place.wire.asked if at >= over) - over
        ending = end(history, 15)
    done.faults += 1
    done.records += ending.records
    assert during <= 5 + 5 + STORM_SECONDS / 30, during
    assert soon <= 120, soon
    assert not ending.wrong
    assert ending.posted == 5


def test_f16_many_become_due_at_once(done: Done) -> None:
    with town(dedupe="nothing") as place:
        history = History(place, Random(16), Chances())
        for _ in range(2):
            history.hire()
        place.allow(PER_MINUTE)
        place.wire.down = True
        for _ in range(HERD):
            history.arrive(20)
        for_a_while(history, 300)
        place.wire.asked.clear()
        heal(history, turns=40 * HERD)  # a queue as long as that, so many calls a minute
        asked = sorted(place.wire.asked)
        ending = end(history, 16)
    most = max(sum(1 for at in asked if one <= at < one + 60) for one in asked)
    done.faults += 1
    done.records += ending.records
    assert most <= PER_MINUTE, most
    assert not ending.wrong
    assert ending.posted == HERD
