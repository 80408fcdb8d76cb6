"""F12 of a target that makes documents later: workers die between its two steps.

Whatever dies where, each document is submitted once and made once; what was lost before it was
submitted is sent again by nobody but a person.
"""

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from holding.db.models import Attempt, Hold, Posting, Push
from tests.faults.abroad import ELSEWHERE
from tests.faults.amounts import Done, amount
from tests.faults.yard import nothing_wrong
from tests.support.house import House, make_house
from tests.support.simulator import simulator

KILLS = amount(1, 3, 50)
CREATE = "/api/public/v1/ARInvoice/CreateARInvoice"
SUBMITTED = ("push.after_answer", "push.before_answer_commit", "push.after_answer_commit")
POLLED = ("lookup.before", "lookup.after", "lookup.before_commit")
IN_THE_QUEUE = 0.6  # seconds that each request takes there


@pytest.fixture
def house_there(database_url: str, tmp_path: Path) -> Iterator[Callable[[float], House]]:
    """A company that posts by AutoCount On The Go."""
    rules, secret, given = ELSEWHERE["autocount_aotg"]
    with ExitStack() as stack:

        def make(seconds: float) -> House:
            options = ("--seconds", str(seconds))
            target = stack.enter_context(simulator(tmp_path, *options, name="autocount_aotg"))
            where = (database_url, tmp_path / "home", target)
            told: dict[str, Any] = {"connector": "autocount_aotg", "secret": secret, **given}
            house = make_house(*where, rules=rules, **told)
            stack.callback(house.close)
            return house

        yield make


def submitted(house: House) -> list[str]:
    """The numbers that were put into the queue, each as often as it was."""
    lines = [one for one in house.target.lines("queued") if one["path"] == CREATE]
    return sorted(json.loads(one["content"])["DocNo"] for one in lines)


def made(house: House) -> list[str]:
    return sorted(one["number"] for one in house.target.lines("created"))


def numbers(sent: list[str]) -> list[str]:
    return sorted(one.replace("x-", "IV-") for one in sent)


@pytest.mark.parametrize("point", [*SUBMITTED, *POLLED])
def test_f12_a_worker_dies_between_the_two_steps(
    house_there: Callable[[float], House], done: Done, point: str
) -> None:
    house = house_there(IN_THE_QUEUE)
    sent: list[str] = []
    for _ in range(KILLS):
        sent += house.orders(2)
        child = house.worker("--no-redis", CLEARPOST_FAULTS=f"{point}=kill")
        child.join(30)
        assert child.exitcode == -signal.SIGKILL, point
        done.faults += 1
    house.drain({"posted": len(sent)}, seconds=120)
    assert submitted(house) == made(house) == numbers(sent)
    with house.database.read() as session:
        refs = set(session.scalars(select(Posting.target_ref)))
        polled = session.scalars(select(Attempt.state).where(Attempt.state == "unknown")).all()
    assert len(refs) == len(sent)
    assert polled, "some look came before the end"
    nothing_wrong(house, sent, done)


def test_f12_what_was_lost_before_it_was_submitted_is_sent_by_nobody(
    house_there: Callable[[float], House], done: Done
) -> None:
    house = house_there(0)
    (sent,) = house.orders(1)
    child = house.worker("--no-redis", CLEARPOST_FAULTS="push.after_connect=kill")
    child.join(30)
    assert child.exitcode == -signal.SIGKILL
    done.faults += 1
    house.drain({"failed": 1}, seconds=60)
    assert (submitted(house), made(house)) == ([], [])
    with house.database.read() as session:
        held = session.execute(select(Hold.code, Hold.state)).all()
        (push,) = session.scalars(select(Push))
    assert held == [("TGT04", "open")]
    assert (numbers([sent]), push.state) == ([push.number], "refused")
    assert push.error is not None
    assert "It may still be queued there, so it is not sent again automatically." in push.error
