"""Many workers at once, killed at random: nothing twice, nothing lost.

`CLEARPOST_MANY=10000` asks for so many records and eight workers instead of a quick look.
"""

import json
import os
import random
import signal
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import partial

import pytest
import redis

from tests.acceptance.conftest import POSTGRESQL, STARTER, NewProduct
from tests.acceptance.houses import COMPANY, furnished
from tests.acceptance.orders import clean
from tests.acceptance.product import FINANCE, House, children_of, until
from tests.acceptance.quiet import rows
from tests.acceptance.warm import Started

pytestmark = pytest.mark.slow
MANY = int(os.environ.get("CLEARPOST_MANY", "0"))
PATIENCE = 600 if MANY else 90
A_FILE = 2_000  # records: the product takes no more than 5,000 at once
RECORDS, WORKERS, KILLS = (MANY, 8, MANY // 100) if MANY else (48, 3, 3)


@pytest.fixture(scope="module")
def quick(
    new_product: NewProduct, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    product = new_product(tmp_path_factory.mktemp("many"))
    product.env["REDIS_URL"] = redis_url
    product.env["CLEARPOST_ANSWER_SECONDS"] = "6"  # what was in flight is looked up soon
    if MANY:  # as delivered: eight who judge 500 each take longer than the lease of a test
        product.env["CLEARPOST_LEASE_SECONDS"] = "60"
    with furnished(product, STARTER, ()) as house:
        yield house


@pytest.mark.parametrize("new_product", [POSTGRESQL], indirect=True)
def test_H02_many_workers_and_kills_make_as_many_documents_as_records(quick: House) -> None:
    """On PostgreSQL, with the bell of a Redis server, over workers that die without a word."""
    numbers = [f"NS-{number}" for number in range(1, RECORDS + 1)]
    _ingest(quick)
    chance = random.Random(7)  # a plan that can be repeated

    with ExitStack() as stack:

        def begin() -> Started:
            return stack.enter_context(quick.product.started("worker", forks=not MANY))

        workers = [begin() for _ in range(WORKERS)]
        for kill in range(1, KILLS + 1):
            some = RECORDS * kill // (KILLS + 2)
            until(partial(_so_many, quick, some), f"{some} documents", PATIENCE)
            _kill(workers.pop(chance.randrange(WORKERS)))
            workers.append(begin())
        until(lambda: _posted(quick) == RECORDS, "every record posted", PATIENCE)
        with redis.Redis.from_url(quick.product.env["REDIS_URL"]) as server:
            assert server.info("clients")["connected_clients"] > WORKERS, "each listens there"
    assert sorted(quick.created()) == sorted(numbers)
    found = quick.product.json("ledger", str(quick.ledger), *COMPANY, "--json")
    assert (found["lost"], found["doubled"]) == (0, 0)


def _ingest(house: House) -> None:
    file = house.product.folder / "orders.json"
    for first in range(1, RECORDS + 1, A_FILE):
        some = range(first, min(first + A_FILE, RECORDS + 1))
        file.write_text(json.dumps({"orders": [clean(n) for n in some]}), "utf-8")
        house.product.run("ingest", str(file), *COMPANY, "--source", "netshop", "--as", FINANCE)


def _kill(worker: Started) -> None:
    """A worker and its listening child at once: a child whose worker is gone would end well."""
    children = children_of(worker.pid)
    worker.kill()
    for child in children:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


def _so_many(house: House, wanted: int) -> bool:
    return len(house.created()) >= wanted


def _posted(house: House) -> int:
    ((count,),) = rows(house, "SELECT count(*) FROM record WHERE state = 'posted'")
    return int(count)
