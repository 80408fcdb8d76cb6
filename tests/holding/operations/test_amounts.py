"""What we keep of a document's amount, and what the books of each target show: the same, with tax.

Against the stand-ins, whose own totals are read from them; on SQLite, since no database adds here.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import select

from connectors import registry
from connectors.contract import ConnectionReport
from connectors.transport.http import Http
from holding.access.actors import SYSTEM
from holding.connections import channel, connections
from holding.db.database import Database
from holding.db.models import Company, Posting
from holding.operations import invariants, journal_and_ledgers
from holding.operations.journal_and_ledgers import Look
from tests.connectors.simulator_processes import SAMPLES, Simulator
from tests.holding.desks import KEYS, make_desk
from tests.holding.life import Life
from tests.holding.posting.test_billing import PARCELS, NetShopWithParcels, parcel
from tests.holding.shop import FILES, RULES, open_shop
from tests.support.clock import SetClock
from tests.support.factories import add_target, connection_named

SECRETS = {name: sample.secret for name, sample in SAMPLES.items()}
SECRETS["quickbooks"] = "qbo-client-3Rk9:qbo-refresh-5Mx8-0"
CODES = {
    "aiaccount": ("MY-SALES10", "NT"),
    "autocount": ("S-10", "NT"),
    "quickbooks": ("5", "3"),
}
PARTIES = {"aiaccount": "Aisyah Rahman", "autocount": "300-W001", "quickbooks": "58"}
ITEMS = {"aiaccount": "TEE-BLK-M", "autocount": "TEE-BLK-M", "quickbooks": "11"}

AIACCOUNT = """
post order to aiaccount.sales_invoice as "{number}"
    immediately
    we own  the rest  else review by accounts
    InvoiceNumber  = document_number
    InvoiceDate    = ordered_on
    Customer       = debtor(customer)
    Currency       = "MYR"
    Total          = total
    each line
        LineNo       = line.pos
        SKU          = item(line.sku)
        Description  = line.name
        Quantity     = line.pieces
        UnitPrice    = round(price_in_base(line.price, line.uom, line.sku), 0.0001)
        AccountCode  = sales_account
        TaxCode      = code(line.tax)
        TaxAmount    = line.tax_due
        LineTotal    = line.amount + line.tax_due

"""
AUTOCOUNT = """
post order to autocount.invoice as "{number}-{posting}"
    immediately
    we own  the rest  else review by accounts
    DocNo           = document_number
    DocDate         = ordered_on
    DebtorCode      = debtor(customer)
    DebtorName      = "Web Customer"
    DisplayTerm     = "C.O.D."
    Location        = "HQ"
    InclusiveTax    = no
    each line
        ItemCode        = item(line.sku)
        DtlDescription  = line.name
        AccNo           = sales_account
        Qty             = line.pieces
        UOM             = base_unit(line.sku)
        UnitPrice       = round(price_in_base(line.price, line.uom, line.sku), 0.0001)
        SubTotal        = line.amount
        TaxCode         = code(line.tax)
        TaxAmount       = line.tax_due

"""
INCLUSIVE = (
    ("InclusiveTax    = no", "InclusiveTax    = yes"),
    ("price_in_base(line.price", "price_in_base(line.with_tax"),
    ("SubTotal        = line.amount", "SubTotal        = line.amount + line.tax_due"),
    ("        TaxAmount       = line.tax_due\n", ""),
)
QUICKBOOKS = """
post order to quickbooks.invoice as "{number}-{posting}"
    immediately
    we own  the rest  else review by accounts
    DocNumber             = document_number
    TxnDate               = ordered_on
    CustomerRef           = debtor(customer)
    GlobalTaxCalculation  = "TaxExcluded"
    Total                 = total
    each line
        ItemRef      = item(line.sku)
        Description  = line.name
        Qty          = line.pieces
        UnitPrice    = round(price_in_base(line.price, line.uom, line.sku), 0.0001)
        Amount       = line.amount
        TaxCodeRef   = code(line.tax)
        TaxAmount    = line.tax_due

"""
GONE = "    gone    = sum(parcels.lines.qty where of_line = line.pos)\n"
IN_PARTS = (
    ("    amount  = round", f"{GONE}    amount  = round"),
    ("not_ready |", "not_ready, overbilled |"),
    (
        "    immediately\n",
        "    immediately\n    bill     line.gone of line.pieces  else wait\n",
    ),
    ("Qty             = line.pieces", "Qty             = line.due"),
    ("SubTotal        = line.amount", "SubTotal        = due_of(line.amount)"),
    (
        "TaxAmount       = line.tax_due",
        "TaxAmount       = round(tax(due_of(line.amount), rate(line.tax)), 0.01)",
    ),
)
TAXED: dict[str, Any] = {
    "tax_total": "15.00",
    "total": "177.00",
    "lines": [
        {"pos": 1, "sku": "TEA-1", "name": "Tee", "uom": "PCS", "qty": "15", "price": "10.00",
         "tax": "SST"},
        {"pos": 2, "sku": "TEA-1", "name": "Tee", "uom": "PCS", "qty": "1", "price": "12.00",
         "tax": "NONE"},
    ],
}  # fmt: skip
"""162.00 and 15.00 SST."""


def rules(target: str, post: str, *changes: tuple[str, str]) -> dict[str, str]:
    """The shop on one target, with tax by line."""
    before, rest = RULES.split("post order to ")
    text = before + post + rest[rest.index("on edit of order") :]
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    route = post.split(" to ")[1].split(" ")[0]
    text = text.replace("for aiaccount.sales_invoice", f"for {route}")
    text = text.replace("target aiaccount", f"target {target}")
    if target == "quickbooks":
        text = text.replace("per line then sum", "sum then round")
    text = text.replace('"40000"', '"500-0000"' if target == "autocount" else '"40000"')
    text = text.replace("    total       money\n", "    tax_total   money\n    total       money\n")
    text = text.replace("= lines, total,", "= lines, tax_total, total,")
    text = text.replace("sum(lines.amount) = total", "sum(lines.amount) + tax_total = total")
    text = text.replace(
        "    price   money\n",
        "    price   money\n    tax     text\n"
        "    tax_due = round(tax(line.amount, rate(line.tax)), 0.01)\n"
        "    with_tax = round(line.price + tax(line.price, rate(line.tax)), 0.0001)\n",
    )
    sst, none = CODES[target]
    text += f"""
map code
    match    exact
    "SST"   -> "{sst}"
    "NONE"  -> "{none}"
    missing  hold for accounts  say "No code for {{key}}."

map rate
    match    exact
    "SST"   -> 10%
    "NONE"  -> 0%
    missing  hold for accounts  say "No rate for {{key}}."
"""
    debtors = f"customer,debtor\nC-77,{PARTIES[target]}\n"
    return FILES | {
        "shop.rules": text,
        "maps/debtors.csv": debtors,
        "maps/items.csv": f"sku,item\nTEA-1,{ITEMS[target]}\n",
    }


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
def begun(
    database: Database,
    company: Company,
    clock: SetClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[[str, dict[str, str]], Life]]:
    """Begins the life of a shop on a target, under rules."""
    running: list[Simulator] = []
    for name, value in (("ENV", "test"), ("UNDO_SECONDS", "0"), ("ALLOW_LOOPBACK", "1")):
        monkeypatch.setenv(f"CLEARPOST_{name}", value)

    def begin(target: str, files: dict[str, str]) -> Life:
        more = () if target == "aiaccount" else ("--calls-a-minute", "1000")
        sim = Simulator(target, tmp_path / "ledger.jsonl", *more)
        running.append(sim)
        shop = open_shop(database, company, clock)
        with database.write() as session:
            if target == "aiaccount":  # the company has it already
                made = connection_named(session, company, target)
                made.settings = sim.settings
            else:
                made = add_target(session, company, target, sim.settings, shop.now)
            connections.set_key(session, SYSTEM, made.id, SECRETS[target], now=shop.now, keys=KEYS)
            connection_id = made.id
        http = Http(clock)
        report = channel.test_connection(
            database, clock, connection_id, SYSTEM, http=http, keys=KEYS
        )
        assert isinstance(report, ConnectionReport)
        assert report.ok, report
        shop.publish(files)
        return Life(shop, sim, make_desk(database, clock, tmp_path, http))  # type: ignore[arg-type]

    yield begin
    for sim in running:
        sim.kill()


def kept(life: Life) -> list[tuple[str, Decimal]]:
    """Number and amount of everything that is posted, as our lists show it."""
    with life.shop.database.read() as session:
        rows = session.scalars(
            select(Posting).where(Posting.state == "posted").order_by(Posting.id)
        )
        return [(row.number, Decimal(row.amount or 0) / 100) for row in rows]


def shown(life: Life, number: str) -> Decimal:
    """The total that the target's own interface shows of a document."""
    sim: Simulator = life.books  # type: ignore[assignment]
    if sim.target == "autocount":
        head = {"Key-ID": "cp-demo", "API-Key": SECRETS["autocount"]}
        told = requests.get(f"{sim.url}/1042/invoice?docNo={number}", headers=head, timeout=10)
        return Decimal(str(told.json()["master"]["finalTotal"]))
    if sim.target == "aiaccount":
        told = sim.call("GET", f"/v1/sales/invoices?invoice_number={number}")
        return Decimal(told.json()["data"][0]["total"])
    (one,) = [d for d in sim.show("documents") if d.get("DocNumber") == number]
    return Decimal(str(one["TotalAmt"]))


def broken(life: Life, *, less: str = "0.00") -> list[str]:
    """What I14 says, where the target's ledger shows so much less of the last document."""
    lines = journal_and_ledgers.read([life.books.ledger_path])  # type: ignore[attr-defined]
    last = lines[-1]
    other = replace(last, total=str(Decimal(last.total or 0) - Decimal(less)))
    span = timedelta(minutes=5)
    with life.shop.database.read() as session:
        look = Look(
            session=session,
            company_id=life.shop.company.id,
            now=life.shop.now,
            lease=span,
            answer=span,
            sweep=span,
            lines=(*lines[:-1], other),
        )
        return [breach.say for breach in invariants.sums_agree(look)]


@pytest.mark.parametrize(
    ("target", "post", "changes"),
    [
        ("autocount", AUTOCOUNT, ()),
        ("autocount", AUTOCOUNT, INCLUSIVE),
        ("quickbooks", QUICKBOOKS, ()),
        ("aiaccount", AIACCOUNT, ()),
    ],
    ids=["autocount", "autocount-inclusive", "quickbooks", "aiaccount"],
)
def test_T03a_the_amount_that_we_keep_is_what_the_books_show(
    begun: Callable[..., Life], target: str, post: str, changes: tuple[tuple[str, str], ...]
) -> None:
    life = begun(target, rules(target, post, *changes))
    life.arrive("A-1", **TAXED)
    assert life.shop.states() == {"A-1": "posted"}, life.held("A-1")
    ((number, amount),) = kept(life)
    assert (amount, shown(life, number)) == (Decimal("177.00"), Decimal("177.00"))
    with life.shop.database.read() as session:
        assert life.shop.record(session, "A-1").amount == 17700
    assert broken(life) == []
    assert len(broken(life, less="15.00")) == 1


@pytest.mark.slow
def test_T03b_two_deliveries_are_billed_with_their_tax_each(
    begun: Callable[..., Life], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_SOURCES", (NetShopWithParcels(),))
    files = rules("autocount", AUTOCOUNT, *IN_PARTS)
    files["shop.rules"] += PARCELS
    life = begun("autocount", files)
    life.arrive("A-1", **TAXED)
    parcel(life, "P-1", "7")
    both = [{"pos": 1, "of_line": 1, "qty": "8"}, {"pos": 2, "of_line": 2, "qty": "1"}]
    parcel(life, "P-2", "", lines=both)
    assert life.shop.states()["A-1"] == "posted", life.held("A-1")
    found = kept(life)
    assert found == [("A-1-1", Decimal("77.00")), ("A-1-2", Decimal("100.00"))]
    assert [shown(life, number) for number, _ in found] == [Decimal("77.00"), Decimal("100.00")]
    assert broken(life) == []
    (said,) = broken(life, less="8.00")
    assert "A-1-2" in said
    assert "100.00" in said
    assert "92.00" in said


def test_T04b_what_is_lost_is_held_and_the_target_hears_nothing(begun: Callable[..., Life]) -> None:
    lost = (
        ("tolerance  1000.00", "tolerance  0.00"),
        ("    Total          = total\n", ""),
        ("TaxAmount    = line.tax_due", "TaxAmount    = 0.00"),
        ("LineTotal    = line.amount + line.tax_due", "LineTotal    = line.amount"),
    )
    life = begun("aiaccount", rules("aiaccount", AIACCOUNT, *lost))
    life.arrive("A-1", **TAXED)
    assert life.shop.states() == {"A-1": "held"}
    with life.shop.database.read() as session:
        (hold,) = life.shop.holds(session, "A-1")
        assert (hold.code, hold.error_class) == ("RND02", "business_rule")
        assert "177.00" in hold.message
        assert "162.00" in hold.message
    writes = [one for one in life.books.ledger() if one["call"] not in ("lookup", "test", "probe")]  # type: ignore[attr-defined]
    assert [one for one in writes if one["effect"] == "created"] == []
    assert kept(life) == []
