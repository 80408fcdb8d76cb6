"""A listing saved by hand, with moved columns and a total row, proves the documents it names."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from connectors import registry
from connectors.contract.pulls import ImportedByHand
from holding.db.database import Database
from holding.db.models import Company, Hold, ImportFile, Posting, Record
from holding.db.models.columns import ImportFileState
from holding.db.refusal import Refusal
from holding.reconciliation import listings
from holding.reconciliation.open_files import Outcome
from tests.cases.company import case_path
from tests.connectors.simulator_processes import Simulator
from tests.holding.reconciliation.desktop import SETTINGS, Desktop, connect, open_desktop, rules
from tests.holding.shop import Shop, line, order, start
from tests.support.clock import SetClock

FOLDER = "18-excel-listing-moved-columns"
ORDERS = {"NS-196": ("55.00", "2026-11-21"), "NS-197": ("65.00", "2026-11-22")}
ORDERS |= {"NS-198": ("1235.50", "2026-11-23")}


@pytest.fixture
def desk(
    running: Simulator,
    database: Database,
    company: Company,
    clock: SetClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Desktop:
    """Return the shop of the case, whose numbers begin with NS-."""
    return open_desktop(running, database, company, clock, tmp_path, monkeypatch, of_the_case)


@start
def of_the_case(shop: Shop) -> Shop:
    """Connect the shop under the numbers and the debtor of the case."""
    files = {name: text.replace("300-W001", "300-N001") for name, text in rules().items()}
    files["shop.rules"] = files["shop.rules"].replace("1000.00", "2000.00")
    return connect(shop, {**SETTINGS, "number_prefix": "NS-"}, files)


def compare(desk: Desktop, file: ImportFile, name: str) -> ImportFileState | Refusal:
    """Upload a listing of the case for a file, as Siti does."""
    target = registry.targets()["autocount_excel"]
    assert isinstance(target, ImportedByHand)
    listed = target.listed((case_path(FOLDER, "corners") / name).read_bytes())
    with desk.shop.database.write() as session:
        told = listings.compare_listing(
            session, desk.siti, desk.shop.company.id, file.id, listed, desk.shop.now
        )
    desk.work()
    return told


def reasons(desk: Desktop) -> dict[str, str]:
    """Return the open holds by the number of their record."""
    query = (
        select(Record.number, Hold.message)
        .join(Posting, Posting.record_id == Record.id)
        .join(Hold, Hold.posting_id == Posting.id)
        .where(Hold.state == "open")
    )
    with desk.shop.database.read() as session:
        return {row.number: row.message for row in session.execute(query)}


def test_corner_18_a_listing_with_moved_columns_proves_all_but_the_missing_one(
    desk: Desktop,
) -> None:
    case_path(FOLDER, "corners")
    desk.shop.clock.advance(timedelta(days=6))
    stamp = desk.shop.now.isoformat()
    desk.shop.receive(
        *(
            order(
                number,
                total=total,
                ordered_on=day,
                updated_at=stamp,
                lines=[line(uom="PCS", qty="1", price=total)],
            )
            for number, (total, day) in ORDERS.items()
        )
    )
    desk.work()
    (file,) = desk.files
    desk.download(file)
    desk.tell(file, Outcome(new=3, update=0, error=0, updated=frozenset(), errors={}))
    told = compare(desk, file, "listing-1-one-missing.xlsx")
    assert told is ImportFileState.MISMATCH
    states = desk.posting_states()
    assert (states["NS-196"], states["NS-198"]) == ("posted", "posted")
    assert states["NS-197"] != "posted"
    assert "NS-197" in str(reasons(desk))
    assert compare(desk, file, "listing-2-date-in-words.xlsx") is ImportFileState.RECONCILED
    assert desk.posting_states()["NS-197"] == "posted"
