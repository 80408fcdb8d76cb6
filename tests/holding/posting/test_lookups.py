"""Look-ups of a pass: together where the target can be asked so, and as careful as alone."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from connectors.contract import Found, Question
from connectors.transport.http import Http, HttpAnswer, HttpFailure
from holding.connections.channel import Channel
from holding.db.models import Connection, Posting, Throttle
from holding.posting.lookups import Lookups
from tests.connectors.simulator_processes import Simulator
from tests.holding.posting import test_quickbooks_cells
from tests.holding.posting.test_quickbooks_cells import EVENING, House, database_url
from tests.holding.posting.test_quickbooks_cells import house as swift
from tests.holding.quickbooks_cells import plain
from tests.support.postings import invoice

__all__ = ["database_url", "swift"]  # fixtures


@pytest.fixture
def running(tmp_path: Any) -> Iterator[Simulator]:
    yield from test_quickbooks_cells.running.__wrapped__(tmp_path)  # type: ignore[attr-defined]


@pytest.fixture
def by_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders wait for the evening, and then go in batches."""
    rules = test_quickbooks_cells.FILES["posting.rules"]
    evening = rules.replace("    immediately", "    daily    at 18:00 by ordered_on", 1)
    assert evening != rules
    monkeypatch.setitem(test_quickbooks_cells.FILES, "posting.rules", evening)


def paced(swift: House) -> House:
    """With real pauses, and calls that are counted."""
    settings = replace(swift.desk.settings, settle_seconds=None)
    swift.desk = replace(swift.desk, settings=settings)
    return swift


@pytest.fixture
def house(by_the_day: None, swift: House) -> House:
    return paced(swift)


def deliver(house: House, count: int, first: int = 0) -> None:
    """So many orders, of amounts that nobody would take for each other."""
    orders = [plain(f"L{at:03}", price=f"{100 + 7 * at}.00") for at in range(first, first + count)]
    house.deliver(*orders)


def states(house: House) -> dict[str, int]:
    with house.desk.database.read() as session:
        found = [one.state for one in session.query(Posting)]
    return {state: found.count(state) for state in sorted(set(found))}


def looked_up(house: House) -> list[str]:
    """The queries for numbers, in their order."""
    lines = [line["number"] for line in house.sim.ledger() if line["call"] == "lookup"]
    return [query for query in lines if "where DocNumber" in query]


def effects(house: House) -> list[str]:
    return sorted(number for _, number in house.effects())


def pass_by(house: House, minutes: int) -> None:
    for _ in range(minutes * 2):
        house.shop.clock.advance(30)
        house.work()


@pytest.mark.slow
@pytest.mark.sqlite
def test_thirty_doubts_are_three_queries_and_each_ends_as_it_must(house: House) -> None:
    """Two batches were made without an answer, one was not; somebody changed one of the made."""
    deliver(house, 30)
    plan = ["timeout_after", "timeout_before", "timeout_after"]
    house.sim.control("faults", plan=plan)
    house.shop.clock.advance(EVENING)
    house.work()
    assert states(house) == {"uncertain": 30}
    there = set(effects(house))
    assert len(there) == 20
    changed = min(there)
    house.sim.control("by_hand", number=changed, lines=[{"Description": "Gift"}])
    before = len(looked_up(house))
    house.shop.clock.advance(60)
    house.work()
    queries = looked_up(house)[before:]
    assert [query.count("'L") for query in queries] == [10, 10, 10]
    assert states(house) == {"failed": 1, "posted": 19, "uncertain": 10}, (
        "absent once proves nothing"
    )
    assert len(effects(house)) == 20
    pass_by(house, 6)
    made = effects(house)
    assert made == sorted(set(made)), "none twice"
    assert len(made) == 30
    assert house.holds()[changed.removesuffix("-1")] == [("accounts", "TGT02")]
    assert states(house) == {"failed": 1, "posted": 29}


@pytest.mark.slow
@pytest.mark.sqlite
def test_before_a_batch_is_sent_its_numbers_are_one_query(house: House) -> None:
    deliver(house, 20)
    before = len(looked_up(house))
    house.shop.clock.advance(EVENING)
    house.work()
    assert [query.count("'L") for query in looked_up(house)[before:]] == [10, 10]
    assert len(effects(house)) == 20


def tokens(house: House) -> int:
    """The calls that may be made at once now; 60 when nothing was called for a while."""
    with house.desk.database.read() as session:
        return session.get_one(Throttle, house.target).tokens


@pytest.mark.slow
@pytest.mark.sqlite
def test_calls_that_were_not_made_are_given_back(house: House) -> None:
    deliver(house, 10)
    house.sim.control("faults", fault="timeout_after")
    house.shop.clock.advance(EVENING)
    house.work()
    assert states(house) == {"uncertain": 10}
    told = "a batch, and whether the customer, the items, the location and the class are in use"
    assert tokens(house) == 60 - 14 - 4, told
    house.shop.clock.advance(timedelta(minutes=2))
    house.work()
    assert states(house) == {"posted": 10}
    assert tokens(house) == 60 - 1, "one query"


@pytest.mark.slow
@pytest.mark.sqlite
def test_a_batch_that_goes_again_counts_as_one(house: House) -> None:
    deliver(house, 10)
    house.sim.control("faults", fault="timeout_before")
    house.shop.clock.advance(EVENING)
    house.work()
    while effects(house) == []:
        house.shop.clock.advance(timedelta(minutes=1))
        house.work()
    assert len(effects(house)) == 10
    assert tokens(house) == 60 - 1 - 14


@pytest.mark.slow
@pytest.mark.sqlite
def test_ten_that_go_at_once_are_looked_up_by_one_query_and_pay_for_it(swift: House) -> None:
    house = paced(swift)
    deliver(house, 10)
    assert states(house) == {"posted": 10}
    assert [query.count("'L") for query in looked_up(house)] == [10]
    told = "the customer, the items, the location, the class, the query, and of each two"
    assert tokens(house) == 60 - 4 - 1 - 10 * 2, told


class Heard(Http):
    """Writes down when each call was made, by our clock."""

    def request(self, method: str, url: str, **given: Any) -> HttpAnswer | HttpFailure:
        if "/v3/company/" in url:
            self.calls.append((self.now(), "/batch?" in url))
        return super().request(method, url, **given)

    calls: list[tuple[datetime, bool]]


@pytest.mark.slow
@pytest.mark.sqlite
def test_a_long_run_keeps_to_the_calls_of_a_minute(house: House) -> None:
    """With a tenth of what QuickBooks allows; whatever is asked before a batch counts, too."""
    deliver(house, 60)
    with house.desk.database.write() as session:
        connection = session.get_one(Connection, house.target)
        connection.settings = {**connection.settings, "calls_per_minute": "40"}
    heard = Heard(house.desk.clock)
    heard.calls = []
    house.desk = replace(house.desk, http=heard)
    house.shop.clock.advance(EVENING)
    for _ in range(60):
        house.work()
        house.shop.clock.advance(5)
    assert states(house) == {"posted": 60}
    assert sum(batch for _, batch in heard.calls) == 6
    for first, _ in heard.calls:
        window = [at for at, _ in heard.calls if first <= at < first + timedelta(minutes=1)]
        assert len(window) <= 40


class Target:
    """Answers what it is told to, and says how it was asked."""

    def __init__(self, together: Sequence[Found]) -> None:
        self.told = together
        self.asked: list[list[str]] = []

    def look_up_together(self, questions: Sequence[Question], *_: object) -> tuple[Found, ...]:
        self.asked.append([one.document.number for one in questions])
        return tuple(self.told)

    def look_up(self, document: Any, *_: object, **__: object) -> Found:
        self.asked.append([document.number])
        return found("equal", "alone")


def found(kind: Any, words: str = "together") -> Found:
    return Found(kind=kind, words=words)


QUESTIONS = {
    at: Question(document=cast(Any, invoice(f"NS-{at}")), key=f"cp-{at}") for at in (1, 2, 3)
}


def asking(target: object, questions: dict[int, Question]) -> Callable[[int], str]:
    channel = cast(Channel, SimpleNamespace(target=target, settings={}, secret=""))
    looks = Lookups(channel, cast(Http, None), questions)
    return lambda at: looks.ask(at, QUESTIONS[at]).words


def test_the_first_asks_for_all_and_none_is_asked_for_twice() -> None:
    target = Target([found("equal"), found("absent"), found("different")])
    ask = asking(target, QUESTIONS)
    assert target.asked == []
    assert [ask(at) for at in (2, 1, 3)] == ["together"] * 3
    assert target.asked == [["NS-1", "NS-2", "NS-3"]]


def test_what_is_asked_again_is_asked_anew() -> None:
    target = Target([found("equal"), found("absent"), found("different")])
    ask = asking(target, QUESTIONS)
    assert [ask(1), ask(1)] == ["together", "alone"]


def test_an_answer_that_tells_nothing_answers_one_alone() -> None:
    target = Target([found("unknown"), found("unknown"), found("equal")])
    ask = asking(target, QUESTIONS)
    assert [ask(at) for at in (1, 2, 3)] == ["together", "alone", "together"]
    assert target.asked == [["NS-1", "NS-2", "NS-3"], ["NS-2"]]


def test_one_alone_and_one_that_was_not_among_them_are_asked_for_alone() -> None:
    target = Target([])
    assert asking(target, {1: QUESTIONS[1]})(1) == "alone"
    assert asking(target, {})(2) == "alone"
    both = Target([found("equal"), found("equal")])
    ask = asking(both, {at: QUESTIONS[at] for at in (1, 2)})
    assert [ask(1), ask(3)] == ["together", "alone"]


def test_a_target_that_cannot_be_asked_together_is_asked_for_each() -> None:
    target = Target([])
    plain = SimpleNamespace(look_up=target.look_up)
    ask = asking(plain, QUESTIONS)
    assert [ask(at) for at in (1, 2, 3)] == ["alone"] * 3
    assert target.asked == [["NS-1"], ["NS-2"], ["NS-3"]]
