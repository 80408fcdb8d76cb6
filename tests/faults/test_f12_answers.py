"""F12 to F14, F16: answers that do not come, look-ups that lag, storms."""

import math
from collections.abc import Callable
from random import Random
from statistics import mean, pstdev

import pytest
from sqlalchemy import func, select

from connectors.transport.http import HttpAnswer
from holding.connections.breaker import FAILURES
from holding.connections.limits import FILLED, HELD
from holding.db.models import Attempt, Connection, Event, Request
from tests.faults.amounts import Done, amount
from tests.faults.course import end, for_a_while, heal, run
from tests.faults.history import Chances, History, order
from tests.faults.target import Fate
from tests.faults.town import LEASE, SETTLE, town
from tests.faults.yard import nothing_wrong
from tests.support.house import House

TRIES = amount(1, 12, 200)  # with processes on SQLite, where the amount of the table is played
ON_SERVER = amount(1, 50, 1000)  # PostgreSQL is not played; more by night
PLAYED = amount(3, 100, 1000)
PER_MINUTE = 30
LONGEST_LAG = 45.0
LAGGING, HERD = amount(3, 100, 1000), amount(20, 10_000, 10_000)
WATCHED = 600  # seconds of the herd that are looked at
MENDED = 60 + LEASE  # a worker may have just taken it
SILENT = (
    "timeout_after",
    "half_closed_after",
    "error_500_after",
    "html_502_after",
    "garbage_after",
    "cut_body",
)


@pytest.mark.parametrize("fault", SILENT)
def test_f12_done_and_not_told(house_of: Callable[..., House], done: Done, fault: str) -> None:
    house = house_of("--dedupe", "nothing")
    tries = TRIES if house.database.dialect == "sqlite" else ON_SERVER
    house.target.control("faults", fault=fault, count=tries)
    sent = house.orders(tries)
    house.drain({"posted": len(sent)}, seconds=120)
    done.faults += tries
    with house.database.read() as session:
        looks = select(func.count(Request.id)).where(Request.kind == "lookup")
        assert (session.scalar(looks) or 0) >= tries
    assert len(house.target.lines("created")) == len(sent)
    nothing_wrong(house, sent, done)


@pytest.mark.parametrize("fate", ["silent", "reset", "broken", "garbage", "torn"])
def test_f12_each_answer_many_times(done: Done, fate: Fate) -> None:
    """Each becomes a doubt, which one look-up clears; nothing is sent a second time."""
    with town(dedupe="nothing") as place:
        history = History(place, Random(12), Chances())
        history.hire()
        place.wire.fates = [fate] * PLAYED
        records = [order(no, 20, minute=0) for no in range(1, PLAYED + 1)]
        history.sent = {one.external_id: [one] for one in records}
        place.deliver("evt-all", *records)
        while place.wire.fates:
            for_a_while(history, 5)
        back = place.clock.monotonic()
        while place.open_work():
            for_a_while(history, 5)
        took = place.clock.monotonic() - back
        ending = end(history, 12)
        with place.database.read() as session:
            doubts = session.scalar(
                select(func.count(Event.id)).where(Event.act == "posting.uncertain")
            )
    done.faults += PLAYED
    done.records += ending.records
    assert not ending.wrong
    assert (doubts, ending.posted) == (PLAYED, PLAYED)
    assert took <= MENDED, took


def test_f13_refused_many_times(done: Done) -> None:
    """No byte was sent: no doubt, no look-up, only another try."""
    with town(dedupe="nothing") as place:
        history = History(place, Random(13), Chances())
        history.hire()
        place.wire.fates = ["refused"] * PLAYED
        records = [order(no, 20, minute=0) for no in range(1, PLAYED + 1)]
        history.sent = {one.external_id: [one] for one in records}
        place.deliver("evt-all", *records)
        heal_after(history, PLAYED)
        with place.database.read() as session:
            looks = session.scalar(select(func.count(Request.id)).where(Request.kind == "lookup"))
            doubts = session.scalar(
                select(func.count(Event.id)).where(Event.act == "posting.uncertain")
            )
        ending = end(history, 13)
    done.faults += PLAYED
    done.records += ending.records
    assert (looks, doubts) == (0, 0)
    assert not ending.wrong
    assert ending.posted == PLAYED


def heal_after(history: History, refused: int) -> None:
    """Every connection is refused once more than there are documents, then none is."""
    wire = history.place.wire
    limit = history.place.clock.monotonic() + 3600 * refused
    while wire.fates and history.place.clock.monotonic() < limit:
        for_a_while(history, 30)
    assert not wire.fates
    heal(history, turns=100 * refused)


@pytest.mark.parametrize(
    "where", ["http://127.0.0.1:1", "http://no-such-name.invalid", "https://{plain}"]
)
def test_f13_no_connection_is_no_doubt(
    house_of: Callable[..., House], done: Done, where: str
) -> None:
    """After a few calls nobody calls any more but to ask; the amount of the table is played."""
    house = house_of()
    _lives_at(house, where.format(plain=house.target.url.removeprefix("http://")))
    sent = house.orders(2 * FAILURES)
    with house.working("--no-redis"):
        house.wait_until(lambda _: _refused(house) >= FAILURES)
    done.faults += _refused(house)
    with house.database.read() as session:
        doubts = select(func.count(Event.id)).where(Event.act == "posting.uncertain")
        looks = select(func.count(Request.id)).where(Request.kind == "lookup")
        assert (session.scalar(doubts), session.scalar(looks)) == (0, 0)
    assert house.target.writes() == []
    _lives_at(house, house.target.url)
    house.drain({"posted": len(sent)})
    nothing_wrong(house, sent, done)


def _lives_at(house: House, address: str) -> None:
    with house.database.write() as session:
        target = session.scalars(select(Connection).where(Connection.side == "target")).one()
        target.settings = {**target.settings, "base_url": address}


def _refused(house: House) -> int:
    """How many calls found nobody."""
    with house.database.read() as session:
        query = select(func.count(Attempt.id)).where(Attempt.error_class == "temporary")
        return session.scalar(query) or 0


def test_f14_look_ups_that_lag(done: Done) -> None:
    """What is not to be seen yet is not sent again, and nothing is before the target settled."""
    for seed in range(LAGGING):
        chances = Chances(kill=3, fate=100, jump=0, dedupe=("nothing",))
        ending, history = run(seed, chances, lag=LONGEST_LAG * seed / max(1, LAGGING - 1))
        done.histories += 1
        done.faults += len(history.place.wire.written)
        done.records += ending.records
        done.doubled += len(ending.doubled)
        assert not ending.wrong, (seed, ending.wrong, history.trace[-100:])
        assert all(again >= SETTLE for again in _sent_again(history)), seed


def _sent_again(history: History) -> list[float]:
    """Seconds from each write that may have had an effect to the next one of the same content."""
    last: dict[str, float] = {}
    found = []
    for one in history.place.wire.written:
        key = one.request.headers["idempotency-key"]
        found += [one.at - last[key]] if key in last else []
        if not (isinstance(one.answer, HttpAnswer) and 400 <= one.answer.status < 500):
            last[key] = one.at
    return found


def test_f16_many_become_due_at_once(done: Done) -> None:
    """The target is back, and everybody wants to go: no minute has more calls than are allowed, no
    second more than are kept in hand, and they are spread over it.
    """
    with town(dedupe="nothing") as place:
        history = History(place, Random(16), Chances())
        for _ in range(2):
            history.hire()
        place.allow(PER_MINUTE)
        place.wire.down = True
        records = [order(no, 20, minute=0) for no in range(1, HERD + 1)]
        history.sent = {one.external_id: [one] for one in records}
        place.deliver("evt-herd", *records)
        for_a_while(history, 120)
        place.wire.asked.clear()
        place.wire.down = False
        for_a_while(history, WATCHED)
        asked = sorted(place.wire.asked)
        ending = end(history, 16)
    most, at_once = (
        max(sum(1 for at in asked if one <= at < one + window) for one in asked)
        for window in (60, 1)
    )
    minutes = [
        sum(1 for at in asked if one <= at - asked[0] < one + 60) for one in range(60, 540, 60)
    ]
    done.faults += 1
    done.records += ending.records
    assert most <= PER_MINUTE, most
    assert at_once <= math.ceil(PER_MINUTE * (HELD / 100 + FILLED / 100 / 60)), at_once
    assert (ending.lost, ending.doubled, ending.breaches) == ((), (), ())
    assert ending.posted <= len(asked)
    if HERD > PER_MINUTE * WATCHED // 60:
        assert min(minutes) > 0
        assert pstdev(minutes) / mean(minutes) < 0.5, minutes
