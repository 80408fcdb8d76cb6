"""What a batch costs does not grow with what is stored: every query finds its rows by index.

Here: SQLite's own count of the instructions that it ran. Not here: how many statements there are
(test_evaluation).
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from holding.db.database import Database
from holding.evaluation.batch import claim, due_companies
from holding.posting.claims import companies_due, release_expired_claims
from holding.reconciliation.reading_plan import companies_to_read
from tests.holding.pushing import Lane
from tests.support.shop import Shop, order

BATCH = 40
EACH = 20  # instructions of SQLite's virtual machine


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
def instructions(database: Database) -> Iterator[list[int]]:
    """How often SQLite has run so many instructions, in one cell."""
    count = [0]

    def ran() -> int:
        count[0] += 1
        return 0

    def watch(connection: Any, *_rest: object) -> None:
        connection.set_progress_handler(ran, EACH)

    event.listen(database.engine, "checkout", watch)
    yield count
    event.remove(database.engine, "checkout", watch)


def _cost(shop: Shop, instructions: list[int], start: int) -> tuple[int, int]:
    """What receiving and what judging a batch takes."""
    instructions[0] = 0
    shop.arrive(*(order(str(start + i), "A", "B") for i in range(BATCH)))
    received, instructions[0] = instructions[0], 0
    assert shop.judge() == BATCH
    return received, instructions[0]


@pytest.mark.slow
def test_a_batch_costs_the_same_however_much_is_stored(shop: Shop, instructions: list[int]) -> None:
    shop.map("A")
    _cost(shop, instructions, 1000)
    few = _cost(shop, instructions, 2000)
    shop.arrive(*(order(str(10_000 + i), "A", "B") for i in range(20 * BATCH)))
    while shop.judge():
        pass
    many = _cost(shop, instructions, 3000)
    assert many[0] < 1.5 * few[0], (few, many)
    assert many[1] < 1.5 * few[1], (few, many)


def test_a_claim_costs_the_same_however_much_is_due(shop: Shop, instructions: list[int]) -> None:
    """Also where all of it has waited for so long that one under which a worker died goes first."""
    costs = []
    for count in (BATCH, 20 * BATCH):
        shop.arrive(*(order(str(count + i), "A") for i in range(count)))
        shop.later(seconds=60)
        instructions[0] = 0
        found = claim(
            shop.database,
            company_id=shop.company.id,
            owner="one",
            now=shop.clock.now(),
            limit=BATCH,
            lease_seconds=60,
        )
        costs.append(instructions[0])
        assert len(found) == BATCH
    assert costs[1] < 1.5 * costs[0], costs


def _sweep(lane: Lane, instructions: list[int]) -> dict[str, int]:
    """What it takes to find out that there is nothing to do, by question."""
    now, found = lane.clock.now(), {}
    asked: dict[str, Callable[[Session], object]] = {
        "judging": lambda session: due_companies(session, now),
        "pushing": lambda session: companies_due(session, now),
        "reading": lambda session: companies_to_read(session, now),
        "dead": lambda session: release_expired_claims(session, now, longest=lane.desk.lease),
    }
    for name, ask in asked.items():
        instructions[0] = 0
        with lane.database.write() as session:
            ask(session)
        found[name] = instructions[0]
    return found


@pytest.mark.slow
def test_a_sweep_costs_the_same_however_much_is_posted(lane: Lane, instructions: list[int]) -> None:
    lane.ready(*(f"IV-{no}" for no in range(5)))
    while lane.work():
        pass
    few = _sweep(lane, instructions)
    lane.ready(*(f"IV-{no}" for no in range(5, 60)))
    while lane.work():
        pass
    assert len(lane.target.lines("created")) == 60
    many = _sweep(lane, instructions)
    assert all(many[name] <= few[name] + 2 for name in few), (few, many)
