"""F12 of a target that takes many documents in one call, each with a result of its own.

Workers die around a batch, answers get lost, and answers leave items out: each document is made
once all the same.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from holding.db.models import Connection, Posting
from holding.runs import date_ranges
from tests.faults.abroad import ELSEWHERE
from tests.faults.amounts import Done, amount
from tests.faults.yard import nothing_wrong
from tests.support.house import DAILY, House, make_house
from tests.support.simulator import simulator

KILLS = amount(1, 2, 30)
UNWRITTEN = "export.after_file"
"""What a worker died under before it was written down goes with its run or on its own: by whichever
of both finds it first, when its lease is over.
"""
WRITTEN = (
    "push.after_intent",
    "push.after_connect",
    "push.after_answer",
    "push.before_answer_commit",
    "push.after_answer_commit",
)
LOST = ("timeout_after", "timeout_before", "error_500_after", "item_untold", "item_lost")


@pytest.fixture
def house_there(database_url: str, tmp_path: Path) -> Iterator[Callable[[], House]]:
    """A company whose daily run goes to QuickBooks."""
    rules, secret, given = ELSEWHERE["quickbooks"]
    with ExitStack() as stack:

        def make() -> House:
            target = stack.enter_context(simulator(tmp_path, name="quickbooks"))
            where = (database_url, tmp_path / "home", target)
            told: dict[str, Any] = {"connector": "quickbooks", "secret": secret, **given}
            told["token_url"] = f"{target.url}/oauth2/v1/tokens/bearer"
            house = make_house(*where, rules=rules, timing=DAILY, **told)
            stack.callback(house.close)
            return house

        yield make


def arrived(house: House, count: int) -> list[str]:
    """So many orders, ready, and a run over all of them."""
    sent = house.orders(count)
    with house.working("--no-redis"):
        house.wait_until(lambda states: not states.get("received"))
    with house.database.write() as session:
        target = session.scalars(select(Connection).where(Connection.side == "target")).one()
        ids = list(session.scalars(select(Posting.id).where(Posting.state == "ready")))
        date_ranges.add_run(session, target, "range", "invoice", ids, datetime.now(UTC))
    return sent


def numbers(sent: list[str]) -> list[str]:
    return [one.replace("x-", "IV-") for one in sent]


def made(house: House) -> list[str]:
    return sorted(one["number"] for one in house.target.lines("created"))


def in_batches(house: House) -> set[str]:
    """Documents that were made by a batch."""
    lines = house.target.lines("created")
    return {one["number"] for one in lines if one["path"].endswith("/batch")}


@pytest.mark.parametrize("point", [UNWRITTEN, *WRITTEN])
def test_f12_a_worker_dies_around_a_batch(
    house_there: Callable[[], House], done: Done, point: str
) -> None:
    house = house_there()
    sent: list[str] = []
    for _ in range(KILLS):
        sent += arrived(house, 3)
        child = house.worker("--no-redis", CLEARPOST_FAULTS=f"{point}=kill")
        child.join(30)
        assert child.exitcode == -signal.SIGKILL, point
        done.faults += 1
        house.drain({"posted": len(sent)}, seconds=60)
    assert made(house) == sorted(numbers(sent))
    assert in_batches(house) or point == UNWRITTEN
    nothing_wrong(house, sent, done)


@pytest.mark.parametrize("fault", LOST)
def test_f12_an_answer_to_a_batch_is_lost_or_leaves_one_out(
    house_there: Callable[[], House], done: Done, fault: str
) -> None:
    house = house_there()
    sent: list[str] = []
    for _ in range(KILLS):
        sent += arrived(house, 3)
        house.target.control("faults", fault=fault)
        done.faults += 1
        house.drain({"posted": len(sent)}, seconds=60)
    assert made(house) == sorted(numbers(sent))
    assert in_batches(house)
    nothing_wrong(house, sent, done)
