"""F10 on a server of its own: PostgreSQL goes down at once while a worker stands at a point."""

import os
import signal
from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, text

from tests.faults.amounts import Done, amount
from tests.faults.yard import REACHED_BY, WORKER, nothing_wrong, until_stopped
from tests.support.databases import Cluster, cluster, postgresql_database
from tests.support.house import House

POINTS = [point for point, who in REACHED_BY.items() if who == WORKER]
NAME = "clearpost_goes_down"


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with cluster() as found:
        if found is None:
            pytest.skip("NO POSTGRESQL PROGRAMS: no server of our own")
        yield found


@pytest.fixture(params=[pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(server: Cluster) -> Iterator[str]:
    with postgresql_database(server.url, NAME) as url:
        engine = create_engine(server.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:  # what is committed outlives the server
            connection.execute(text(f'ALTER DATABASE "{NAME}" SET synchronous_commit = on'))
        engine.dispose()
        yield url


def test_f10_the_server_goes_down_at_each_point(server: Cluster, house: House, done: Done) -> None:
    sent: list[str] = []
    for point in POINTS[:: amount(6, 1, 1)]:
        sent += house.orders(1)
        worker = house.worker("--no-redis", CLEARPOST_FAULTS=f"{point}=stop@1")
        until_stopped(worker.pid or 0)
        house.database.close()
        server.stop_at_once()
        os.kill(worker.pid or 0, signal.SIGCONT)
        server.start()
        done.faults += 1
        worker.terminate()
        worker.join(15)
    house.drain({"posted": len(sent)}, seconds=120)
    nothing_wrong(house, sent, done)
