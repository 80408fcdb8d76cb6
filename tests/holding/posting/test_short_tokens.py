"""Access tokens that end seconds after they are issued are used, and the connection test warns."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.contract import ConnectionReport
from holding.access.actors import SYSTEM
from holding.company.diagnosis import Topic, diagnose
from holding.connections.channel import test_connection as try_connection
from tests.cases.company import case_body
from tests.connectors.simulator_processes import Simulator
from tests.holding.desks import KEYS
from tests.holding.posting.test_quickbooks_cells import House, database_url, house

__all__ = ["database_url", "house"]  # fixtures

CASE = "22-qb-token-of-a-few-minutes"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Simulator]:
    sim = Simulator(
        "quickbooks",
        tmp_path / "ledger.jsonl",
        "--calls-a-minute",
        "100000",
        "--token-seconds",
        "3",
        "--stale-hours",
        "0.0001",
    )
    yield sim
    sim.kill()


def renewals(house: House) -> int:
    return sum(line["call"] == "token" for line in house.sim.ledger())


@pytest.mark.sqlite
def test_documents_are_posted_with_tokens_of_three_seconds(house: House) -> None:
    records = case_body(CASE, "input.records.json", "books")["records"]
    before = renewals(house)
    house.deliver(*records)
    assert house.effects() == [("created", "T-1-1")]
    assert 1 <= renewals(house) - before <= 4


@pytest.mark.sqlite
def test_the_connection_test_and_the_diagnosis_name_the_short_token(house: House) -> None:
    desk = house.desk
    house.shop.clock.advance(60)
    report = try_connection(
        desk.database, desk.clock, house.target, SYSTEM, http=desk.http, keys=KEYS
    )
    assert isinstance(report, ConnectionReport)
    assert report.ok
    [warning] = [step for step in report.steps if step.code == "key.short_lived"]
    assert warning.ok is None
    with desk.database.read() as session:
        shown = diagnose(session, house.target, house.shop.now)
    assert Topic.DELAYED in {one.topic for one in shown}
