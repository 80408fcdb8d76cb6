"""A shop whose documents go to AutoCount desktop in files, and the person who carries them.

Here: the rules, the stand-in, the acts of the person. Not here: what is asserted.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import select

from connectors import registry
from connectors.contract import ConnectionReport
from connectors.contract.pulls import ImportedByHand
from connectors.transport.http import Http
from holding.access.actors import SYSTEM, Actor
from holding.connections import channel
from holding.db.database import Database
from holding.db.models import Company, ImportFile, Posting, Record
from holding.db.models.columns import ImportFileState
from holding.db.refusal import Refusal
from holding.reconciliation import listings, open_files
from holding.reconciliation.open_files import Outcome
from tests.connectors.simulator_processes import Simulator
from tests.holding.desks import KEYS, make_desk
from tests.holding.life import Life
from tests.holding.shop import FILES, RULES, Shop, open_shop, order, start
from tests.support.clock import SetClock
from tests.support.factories import add_target

SETTINGS = {"company_id": "kedai", "number_prefix": "A-", "locked_through": "none"}
POST = """
post order to autocount_excel.invoice as "{number}"
    immediately
    we own  the rest  else review by accounts
    DocNo           = document_number
    DocDate         = ordered_on
    DebtorCode      = debtor(customer)
    DisplayTerm     = "C.O.D."
    CurrencyCode    = "MYR"
    CurrencyRate    = 1
    InclusiveTax    = no
    FinalTotal      = total
    each line
        ItemCode        = item(line.sku)
        DtlDescription  = line.name
        Qty             = line.pieces
        UOM             = base_unit(line.sku)
        UnitPrice       = round(price_in_base(line.price, line.uom, line.sku), 0.0001)
        SubTotal        = line.amount
        TaxCode         = "NT"

"""


def rules() -> dict[str, str]:
    """The shop on AutoCount's import: nothing there can be changed from here."""
    before, rest = RULES.split("post order to ")
    after = rest[rest.index("on edit of order") :]
    text = (before + POST + after).replace("aiaccount.sales_invoice", "autocount_excel.invoice")
    text = text.replace("target aiaccount", "target autocount_excel")
    debtors = "customer,debtor\nC-77,300-W001\nC-78,300-K210\n"
    items = "sku,item\nTEA-1,TEE-BLK-M\nCUP-4,SOAP90\n"
    return FILES | {"shop.rules": text, "maps/debtors.csv": debtors, "maps/items.csv": items}


class Desktop(Life):
    """The shop, and what its finance user does with files."""

    siti: Actor
    sim: Simulator

    @property
    def files(self) -> list[ImportFile]:
        """All files so far."""
        with self.shop.database.read() as session:
            return list(session.scalars(select(ImportFile).order_by(ImportFile.id)))

    def at_once(self, *numbers: str, **changes: Any) -> None:
        """Orders that arrive together, judged and exported."""
        stamp = self.shop.now.isoformat()
        self.shop.receive(*(order(number, updated_at=stamp, **changes) for number in numbers))
        self.work()

    def download(self, file: ImportFile) -> bytes:
        with self.shop.database.write() as session:
            told = open_files.download_file(
                session, self.siti, self.shop.company.id, file.id, self.shop.now
            )
        assert not isinstance(told, Refusal), told
        return told[1]

    def imports(self, body: bytes, **query: str) -> list[dict[str, Any]]:
        """Siti imports it in AutoCount; what it shows of each row."""
        told = requests.post(
            f"{self.sim.url}/desktop/import",
            params={"type": "invoice", "user": "siti", **query},
            data=body,
            timeout=20,
        )
        assert told.ok, told.text
        rows: list[dict[str, Any]] = told.json()["rows"]
        return rows

    def outcome(self, rows: list[dict[str, Any]]) -> Outcome:
        """What Siti would enter of these rows."""
        states = [row["state"] for row in rows]
        return Outcome(
            new=states.count("New"),
            update=states.count("Update"),
            error=states.count("Error"),
            updated=frozenset(row["row"] for row in rows if row["state"] == "Update"),
            errors={row["row"]: row["message"] for row in rows if row["state"] == "Error"},
        )

    def tell(self, file: ImportFile, outcome: Outcome) -> ImportFileState | Refusal:
        with self.shop.database.write() as session:
            told = open_files.enter_outcome(
                session, self.siti, self.shop.company.id, file.id, outcome, self.shop.now
            )
        self.work()
        return told

    def compare(self, file: ImportFile, kind: str = "invoice") -> ImportFileState | Refusal:
        """Siti uploads AutoCount's listing."""
        raw = requests.get(
            f"{self.sim.url}/desktop/listing", params={"type": kind}, timeout=20
        ).content
        target = registry.targets()["autocount_excel"]
        assert isinstance(target, ImportedByHand)
        with self.shop.database.write() as session:
            told = listings.compare_listing(
                session,
                self.siti,
                self.shop.company.id,
                file.id,
                target.listed(raw),
                self.shop.now,
            )
        self.work()
        return told

    def withdraw(self, file: ImportFile, reason: str = "never imported") -> str | Refusal:
        with self.shop.database.write() as session:
            told = open_files.withdraw_file(
                session, self.siti, self.shop.company.id, file.id, reason, self.shop.now
            )
        self.work()
        return told

    def posting_states(self) -> Mapping[str, str]:
        with self.shop.database.read() as session:
            query = select(Posting.number, Posting.state).join(
                Record, Record.id == Posting.record_id
            )
            return {row.number: str(row.state) for row in session.execute(query)}


def open_desktop(
    sim: Simulator,
    database: Database,
    company: Company,
    clock: SetClock,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    begin: Callable[[Shop], Shop] | None = None,
) -> Desktop:
    """The shop with its connection tested and its rules in force; `begin` does both."""
    sim.control("reset")
    for name, value in (("ENV", "test"), ("UNDO_SECONDS", "0"), ("ALLOW_LOOPBACK", "1")):
        monkeypatch.setenv(f"CLEARPOST_{name}", value)
    shop = (begin or connected)(open_shop(database, company, clock))
    sim.control("reset")  # it was asked by the test that made the start, and by no other
    desk = make_desk(database, clock, folder, Http(clock))
    found = Desktop(shop, sim, desk)  # type: ignore[arg-type]
    found.siti, found.sim = shop.actor("farah"), sim
    return found


@start
def connected(shop: Shop) -> Shop:
    """It exports for AutoCount, and these rules are in force."""
    return connect(shop, SETTINGS, rules())


def connect(shop: Shop, settings: Mapping[str, str], files: dict[str, str]) -> Shop:
    """Connect the shop with AutoCount and put these rules in force."""
    with shop.database.write() as session:
        made = add_target(session, shop.company, "autocount_excel", settings, shop.now).id
    report = channel.test_connection(
        shop.database, shop.clock, made, SYSTEM, http=Http(shop.clock), keys=KEYS
    )
    assert isinstance(report, ConnectionReport)
    assert report.ok, report
    shop.publish(files)
    return shop
