"""Workers that die in the middle: every record ends right, and nobody clicks."""

import json
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.acceptance.conftest import STARTER, NewProduct
from tests.acceptance.houses import quiet
from tests.acceptance.orders import clean
from tests.acceptance.product import FINANCE, House, until
from tests.acceptance.quiet import until_shown, work, writes

pytestmark = pytest.mark.slow
AFTER_THE_EFFECT = ("push.after_send", "push.after_answer", "push.before_answer_commit")
POINTS = ("push.after_intent", *AFTER_THE_EFFECT, "push.claimed")  # the quickest to mend is last


@pytest.fixture
def still(new_product: NewProduct, tmp_path: Path) -> Iterator[House]:
    """One target that de-duplicates, and one that does not, which tests/workers has on both."""
    product = new_product(tmp_path)
    product.env |= {"CLEARPOST_ANSWER_SECONDS": "6", "CLEARPOST_LEASE_SECONDS": "2"}
    dedupe = "number+customer" if product.server else "none"
    with quiet(product, STARTER, simulator=("--dedupe", dedupe)) as house:
        yield house


def kill_at(house: House, point: str) -> None:
    """A worker that dies at this point, proved by its signal and by the log of faults."""
    log = house.product.folder / f"{point}.faults"
    plan = {"CLEARPOST_FAULTS": f"{point}=kill", "CLEARPOST_FAULT_LOG": str(log)}
    work(house, code=-signal.SIGKILL, env=plan)
    assert [json.loads(line)["point"] for line in log.read_text().splitlines()] == [point]


def more_than(house: House, known: int) -> bool:
    return len(house.created()) > known


def test_H03_killed_at_five_points_of_a_push_every_order_ends_posted_once(still: House) -> None:
    numbers = list(range(301, 301 + len(POINTS)))
    for number, point in zip(numbers, POINTS, strict=True):
        assert still.deliver(clean(number)).status_code == 202
        before = len(still.created())
        kill_at(still, point)
        if point in AFTER_THE_EFFECT:
            until(partial(more_than, still, before), f"effect before {point}")

    with still.product.started("worker", "--no-redis"):
        finance = still.visitor(FINANCE)
        for number in numbers:
            until_shown(finance, number, "Posted")
    assert sorted(still.created()) == [f"NS-{number}" for number in numbers]
    for number in numbers:
        assert [call["effect"] for call in writes(still, f"NS-{number}")] == ["created"]
