"""F10 on a server of its own: PostgreSQL goes down at once while somebody stands at a point."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import create_engine, text

from tests.faults.amounts import Done, amount
from tests.faults.yard import (
    APPROVAL,
    APPROVED,
    BATCH,
    REACHED_BY,
    hire_approver,
    nothing_wrong,
    stopped_at,
)
from tests.support.databases import Cluster, cluster, postgresql_database
from tests.support.house import DAILY, House

APPROVALS, FILES = (
    [point for point, who in REACHED_BY.items() if who == one] for one in (APPROVAL, BATCH)
)
GROUPS: dict[str, tuple[dict[str, str], list[str]]] = {
    "workers": ({}, [point for point in REACHED_BY if point not in (*APPROVALS, *FILES)]),
    "approvers": ({"rules": APPROVED}, APPROVALS),
    "files": ({"timing": DAILY}, FILES),
}
"""Who stands at which points, and in what kind of house they are reached."""
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


@pytest.mark.parametrize("who", GROUPS)
def test_f10_the_server_goes_down_at_each_point(
    server: Cluster, house_of: Callable[..., House], done: Done, who: str
) -> None:
    given, points = GROUPS[who]
    house = house_of(**given)
    if who == "approvers":
        hire_approver(house)

    def down_and_up() -> None:
        house.database.close()
        server.stop_at_once()
        server.start()

    sent: list[str] = []
    for point in points[:: amount(6, 1, 1)]:
        sent += stopped_at(house, point, down_and_up)
        done.faults += 1
    house.drain({"posted": len(sent)}, seconds=120)
    nothing_wrong(house, sent, done)
