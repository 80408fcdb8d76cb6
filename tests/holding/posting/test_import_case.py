"""Numbers that differ by case alone: an import into AutoCount would overwrite the earlier one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from holding.db.database import Database
from holding.db.models import Company, Hold
from tests.connectors.simulator_processes import Simulator
from tests.holding.reconciliation.desktop import Desktop, open_desktop
from tests.support.clock import SetClock


@pytest.fixture
def desk(
    database: Database,
    company: Company,
    clock: SetClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Desktop]:
    sim = Simulator("autocount_excel", tmp_path / "ledger.jsonl")
    yield open_desktop(sim, database, company, clock, tmp_path, monkeypatch)
    sim.kill()


def held_messages(desk: Desktop, number: str) -> list[tuple[str, str]]:
    with desk.shop.database.read() as session:
        record = desk.shop.record(session, number)
        query = select(Hold.code, Hold.message).where(Hold.record_id == record.id)
        return [(row.code, row.message) for row in session.execute(query)]


@pytest.mark.slow
def test_a_later_order_in_another_case_is_held_and_names_the_earlier_one(desk: Desktop) -> None:
    desk.at_once("A-1b")
    desk.at_once("A-1B")
    [(code, message)] = held_messages(desk, "A-1B")
    assert code == "PSH03"
    assert "A-1b" in message
    assert held_messages(desk, "A-1b") == []
    (file,) = desk.files
    assert [row["state"] for row in desk.imports(desk.download(file))] == ["New"]


@pytest.mark.slow
def test_of_two_orders_of_one_file_the_first_goes_and_the_other_names_it(desk: Desktop) -> None:
    desk.at_once("A-2c", "A-2C")
    for _ in range(2):
        desk.shop.clock.advance(60)
        desk.work()
    (file,) = desk.files
    assert [row["state"] for row in desk.imports(desk.download(file))] == ["New"]
    first, other = sorted(("A-2c", "A-2C"), key=lambda number: len(held_messages(desk, number)))
    assert held_messages(desk, first) == []
    [(code, message)] = held_messages(desk, other)
    assert code == "PSH03"
    assert f"the number of {first}, posted by Clearpost" in message
