"""Plans carried out against AutoCount's stand-in, which refuses what AutoCount refuses."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connectors import registry
from connectors.contract import ConnectionReport
from connectors.transport.http import Http
from holding.access.actors import SYSTEM
from holding.connections import probe, setup
from holding.store.database import Database
from holding.tables import Company, Connection
from tests.connectors.simulator_processes import SAMPLES, Simulator
from tests.holding.desks import KEYS, make_desk
from tests.holding.life import LARGE, SMALL, TABLES, Life
from tests.holding.shop import FILES, RULES, line, open_shop, order
from tests.support.clock import SetClock
from tests.support.factories import add_target

POST = """
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
    FinalTotal      = total
    each line
        ItemCode        = item(line.sku)
        DtlDescription  = line.name
        AccNo           = sales_account
        Qty             = line.pieces
        UOM             = base_unit(line.sku)
        UnitPrice       = round(price_in_base(line.price, line.uom, line.sku), 0.0001)
        SubTotal        = line.amount
        TaxCode         = "NT"

"""


def rules() -> dict[str, str]:
    """The shop on AutoCount: what is small is changed in place, what is large is taken back."""
    before, rest = RULES.split("post order to ")
    after = rest[rest.index("on edit of order") :]
    text = (before + POST + after + TABLES).replace("aiaccount.sales_invoice", "autocount.invoice")
    text = text.replace("aiaccount.credit_note", "autocount.credit_note")
    text = text.replace("target aiaccount", "target autocount").replace('"40000"', '"500-0000"')
    text = text.replace("InvoiceNumber  = document", "DocNo  = document")
    text = text.replace("InvoiceDate    = today", "DocDate  = today")
    debtors = "customer,debtor\nC-77,300-W001\nC-78,300-K210\n"
    items = "sku,item\nTEA-1,TEE-BLK-M\nCUP-4,SOAP90\n"
    return FILES | {"shop.rules": text, "maps/debtors.csv": debtors, "maps/items.csv": items}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    sim = Simulator(
        "autocount", tmp_path_factory.mktemp("sim") / "ledger.jsonl", "--calls-a-minute", "1000"
    )
    yield sim
    sim.kill()


@pytest.fixture
def life(
    running: Simulator,
    database: Database,
    company: Company,
    clock: SetClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Life:
    running.control("reset")
    for name, value in (("ENV", "test"), ("UNDO_SECONDS", "0"), ("ALLOW_LOOPBACK", "1")):
        monkeypatch.setenv(f"CLEARPOST_{name}", value)
    shop = open_shop(database, company, clock)
    with database.write() as session:
        made = add_target(session, company, "autocount", running.settings, shop.now)
        setup.set_key(
            session, SYSTEM, made.id, SAMPLES["autocount"].secret, now=shop.now, keys=KEYS
        )
        connection_id = made.id
    http = Http(clock)
    report = probe.test_connection(database, clock, connection_id, SYSTEM, http=http, keys=KEYS)
    assert isinstance(report, ConnectionReport)
    assert report.ok
    shop.publish(rules())
    desk = make_desk(database, clock, tmp_path, http)
    return Life(shop, running, desk)  # type: ignore[arg-type]


def effects(life: Life) -> list[tuple[str, str]]:
    """What the ledger says was done since the books were empty."""
    lines: list[dict[str, Any]] = life.books.ledger()  # type: ignore[attr-defined]
    start = max(at for at, one in enumerate(lines) if one.get("act") == "reset")
    done = ("created", "updated", "voided")
    return [(one["effect"], one["number"]) for one in lines[start:] if one["effect"] in done]


def control(life: Life, act: str, **given: Any) -> None:
    life.books.control(act, **given)  # type: ignore[attr-defined]


def test_a_document_is_made_changed_void_or_taken_back(life: Life) -> None:
    life.arrive("A-1")
    life.arrive("A-1", **SMALL)
    life.arrive("A-1", status="cancelled", **SMALL)
    life.arrive("A-2")
    life.arrive("A-2", **LARGE)
    assert effects(life) == [
        ("created", "A-1-1"),
        ("updated", "A-1-1"),
        ("voided", "A-1-1"),
        ("created", "A-2-1"),
        ("created", "CN-A-2-1"),
        ("created", "A-2-2"),
    ]
    assert [row[2] for row in life.postings("A-2")] == ["reversed", "posted", "posted"]
    assert life.shop.states() == {"A-1": "reversed", "A-2": "posted"}


def test_what_stands_is_not_written_over(life: Life) -> None:
    """Changed by hand, typed by hand under our number, or in a period that is closed there."""
    sample, target = SAMPLES["autocount"], registry.targets()["autocount"]
    typed = target.build([sample.make("A-2-1")], batch=False, batch_name="")
    target.send(typed, life.books.settings, sample.secret, "", life.desk.http)  # type: ignore[attr-defined]
    life.arrive("A-1")
    control(life, "by_hand", number="A-1-1", details=[{"description": "Tea, gift"}])
    life.arrive("A-1", **SMALL)
    life.arrive("A-2")
    life.arrive("A-3")
    control(life, "lock", through="2026-11-30")
    life.arrive("A-3", **SMALL)
    assert effects(life) == [("created", "A-2-1"), ("created", "A-1-1"), ("created", "A-3-1")]
    assert life.shop.states() == {"A-1": "held", "A-2": "held", "A-3": "held"}
    assert [life.held(number) for number in ("A-1", "A-2", "A-3")] == [
        ["STL03"],
        ["TGT05"],
        ["TGT01"],
    ]
    assert life.postings("A-3") == [("invoice", 1, "posted", "A-3-1")]


def test_every_silence_ends_in_one_effect(life: Life) -> None:
    """Of a create, of an update and of a void: not stored, lost though answered, stored unheard."""
    small = {"total": "288.00", "lines": [line(qty="3")]}
    for changes in ({}, small, {**small, "status": "cancelled"}):
        control(life, "faults", plan=["timeout_before", "silent_drop", "timeout_after"])
        before = effects(life)
        life.arrive("A-1", **changes)
        for _ in range(9):
            if effects(life) != before and life.shop.states()["A-1"] in ("posted", "reversed"):
                break
            life.shop.clock.advance(600)
            life.work()
    assert effects(life) == [("created", "A-1-1"), ("updated", "A-1-1"), ("voided", "A-1-1")]
    assert life.shop.states() == {"A-1": "reversed"}
    withheld = [one for one in life.books.ledger() if one.get("answer") == "withheld"]  # type: ignore[attr-defined]
    assert len(withheld) >= 6


def test_a_key_refused_at_the_first_look_is_one_exception(life: Life) -> None:
    """It is noticed before anything is written, asked once, and what waited goes with a new key."""

    def use(key: str) -> None:
        with life.desk.database.write() as session:
            row = session.scalars(select(Connection).filter_by(name="autocount")).one()
            setup.set_key(session, SYSTEM, row.id, key, now=life.shop.now, keys=KEYS)

    use("a-key-of-yesterday")
    before = len(life.books.ledger())  # type: ignore[attr-defined]
    life.shop.receive(*(order(f"A-{n}", updated_at=life.shop.now.isoformat()) for n in range(1, 5)))
    life.work()
    life.work()
    assert sorted(life.shop.states().values()) == ["failed", "ready", "ready", "ready"]
    assert len(life.books.ledger()) - before == 1  # type: ignore[attr-defined]
    (failed,) = (number for number, state in life.shop.states().items() if state == "failed")
    assert life.held(failed) == ["TGT01"]
    use(SAMPLES["autocount"].secret)
    for _ in range(3):  # AutoCount takes so many calls a minute
        life.shop.clock.advance(60)
        life.work()
    assert set(life.shop.states().values()) == {"posted"}
