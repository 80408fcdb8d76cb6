"""Plans carried out against AutoCount's stand-in, which refuses what AutoCount refuses."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from connectors import registry
from connectors.contract import ConnectionReport
from connectors.transport.http import Http
from holding.access.actors import SYSTEM
from holding.connections import channel, connections, master_data
from holding.db.database import Database
from holding.db.models import Company, Connection, Posting
from holding.db.models.columns import PostingWait
from holding.records import record_rows
from tests.connectors.simulator_processes import SAMPLES, Simulator
from tests.holding.desks import KEYS, make_desk
from tests.holding.life import LARGE, SMALL, TABLES, Life
from tests.holding.shop import FILES, RULES, Shop, line, open_shop, order, start
from tests.support.clock import SetClock
from tests.support.factories import add_target
from tests.support.zones import BOOKS

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
    shop = connected(open_shop(database, company, clock), dict(running.settings))
    running.control("reset")  # it was asked by the test that made the start, and by no other
    desk = make_desk(database, clock, tmp_path, Http(clock))
    return Life(shop, running, desk)  # type: ignore[arg-type]


@start
def connected(shop: Shop, settings: dict[str, Any]) -> Shop:
    """AutoCount has these settings and answers, and these rules are in force."""
    with shop.database.write() as session:
        made = add_target(session, shop.company, "autocount", settings, shop.now)
        connections.set_key(
            session, SYSTEM, made.id, SAMPLES["autocount"].secret, now=shop.now, keys=KEYS
        )
        connection_id = made.id
    http = Http(shop.clock)
    report = channel.test_connection(
        shop.database, shop.clock, connection_id, SYSTEM, http=http, keys=KEYS
    )
    assert isinstance(report, ConnectionReport)
    assert report.ok
    shop.publish(rules())
    return shop


def effects(life: Life) -> list[tuple[str, str]]:
    """What the ledger says was done since the books were empty."""
    lines: list[dict[str, Any]] = life.books.ledger()  # type: ignore[attr-defined]
    start = max(at for at, one in enumerate(lines) if one.get("act") == "reset")
    done = ("created", "updated", "voided")
    return [(one["effect"], one["number"]) for one in lines[start:] if one["effect"] in done]


def control(life: Life, act: str, **given: Any) -> None:
    life.books.control(act, **given)  # type: ignore[attr-defined]


@pytest.mark.slow
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


@pytest.mark.slow
def test_what_stands_is_not_written_over(life: Life) -> None:
    """Changed by hand, typed by hand under our number, or in a period that is closed there."""
    sample, target = SAMPLES["autocount"], registry.targets()["autocount"]
    typed = target.build([sample.make("A-2-1")], BOOKS, batch=False, batch_name="")
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


@pytest.mark.slow
@pytest.mark.parametrize("restored", [False, True])
def test_a_restored_copy_does_not_say_that_a_document_is_not_ours(
    life: Life, restored: bool
) -> None:
    """It may have been posted after the backup, which this database does not know."""
    sample, target = SAMPLES["autocount"], registry.targets()["autocount"]
    there = target.build([sample.make("A-2-1")], BOOKS, batch=False, batch_name="")
    target.send(there, life.books.settings, sample.secret, "", life.desk.http)  # type: ignore[attr-defined]
    if restored:
        with life.shop.database.write() as session:
            session.execute(update(Connection).values(restored_at=life.shop.now))
    life.arrive("A-2")
    with life.shop.database.read() as session:
        (hold,) = life.shop.holds(session, "A-2")
        assert hold.code == "TGT05"
        assert "A-2-1" in hold.message
        assert ("not posted by Clearpost" in hold.message) is not restored
        assert ("after the backup" in hold.message) is restored


@pytest.mark.slow
def test_a_number_that_differs_by_case_alone_is_held_and_names_our_document(life: Life) -> None:
    """To AutoCount both are one number: the same content would count as posted already."""
    life.arrive("A-1")
    life.arrive("a-1")
    assert effects(life) == [("created", "A-1-1")]
    assert (life.held("A-1"), life.held("a-1")) == ([], ["PSH03"])
    with life.shop.database.read() as session:
        (hold,) = life.shop.holds(session, "a-1")
        assert "autocount already has A-1-1 for 300-W001" in hold.message
        assert "posted by Clearpost. It takes a-1-1 for the same number." in hold.message


@pytest.mark.slow
def test_numbers_that_differ_by_case_alone_do_not_go_in_one_round(life: Life) -> None:
    """Both were looked up before either was there, so the second was sent and refused."""
    for number in ("A-1", "a-1"):
        life.shop.receive(order(number))
    life.shop.judge()
    for _ in range(3):
        life.work()
        life.shop.clock.advance(60)
    assert effects(life) == [("created", "A-1-1")]
    assert (life.held("A-1"), life.held("a-1")) == ([], ["PSH03"])
    with life.shop.database.read() as session:
        (hold,) = life.shop.holds(session, "a-1")
        assert "posted by Clearpost. It takes a-1-1 for the same number." in hold.message


@pytest.mark.slow
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
            connections.set_key(session, SYSTEM, row.id, key, now=life.shop.now, keys=KEYS)

    use("a-key-of-yesterday")
    before = len(life.books.ledger())  # type: ignore[attr-defined]
    life.shop.receive(*(order(f"A-{n}", updated_at=life.shop.now.isoformat()) for n in range(1, 5)))
    life.work()
    life.work()
    assert sorted(life.shop.states().values()) == ["held", "ready", "ready", "ready"]
    assert len(life.books.ledger()) - before == 1  # type: ignore[attr-defined]
    (held,) = (number for number, state in life.shop.states().items() if state == "held")
    assert life.held(held) == ["TGT01"]
    use(SAMPLES["autocount"].secret)
    for _ in range(3):  # AutoCount takes so many calls a minute
        life.shop.clock.advance(60)
        life.work()
    assert set(life.shop.states().values()) == {"posted"}


TEA = "TEE-BLK-M"


def tested(life: Life) -> None:
    """What comes by itself every quarter of an hour."""
    with life.shop.database.read() as session:
        target = session.scalars(select(Connection).where(Connection.connector == "autocount"))
        wanted = target.one().id
    told = channel.test_connection(
        life.shop.database, life.shop.clock, wanted, SYSTEM, http=life.desk.http, keys=KEYS
    )
    assert isinstance(told, ConnectionReport)


def asked(life: Life) -> list[str]:
    """The items that AutoCount was asked for since the books were empty, one word a call."""
    lines: list[dict[str, Any]] = life.books.ledger()  # type: ignore[attr-defined]
    start = max(at for at, one in enumerate(lines) if one.get("act") == "reset")
    return [one["path"] for one in lines[start:] if str(one.get("path")).endswith("/product")]


@pytest.mark.slow
def test_T07a_what_goes_at_once_is_compared_with_the_item_as_it_is(life: Life) -> None:
    """An item that nobody asked for, counted otherwise there; and one that is counted so later."""
    control(life, "book", products={TEA: "CTN"})
    life.arrive("A-1")
    assert effects(life) == []
    assert life.held("A-1") == ["UOM08"]
    control(life, "book", products={TEA: "PCS"})
    life.shop.clock.advance(3601)
    tested(life)  # what is held is not about to be sent: the test of the connection asks
    life.arrive("A-2")
    assert sorted(effects(life)) == [("created", "A-1-1"), ("created", "A-2-1")]

    control(life, "book", products={TEA: "CTN"})
    life.arrive("A-3")  # young enough to be believed
    assert effects(life)[-1] == ("created", "A-3-1")
    life.shop.clock.advance(3601)
    life.arrive("A-4")
    assert life.held("A-4") == ["UOM08"]
    assert len(effects(life)) == 3
    said = f"autocount counts {TEA} otherwise: in CTN now, in PCS before. 3 posted documents were"
    assert [one for one in life.told("connection.units") if one.startswith(said)]


@pytest.mark.slow
def test_T07a_one_question_serves_all_that_name_an_item(life: Life) -> None:
    life.shop.clock.advance(60)
    stamp = life.shop.now.isoformat()
    for number in range(1, 8):
        life.shop.receive(order(f"B-{number}", updated_at=stamp, customer=f"C-7{7 + number % 2}"))
    life.work()
    assert len(effects(life)) == 3  # as many as its pace allows at once: waiting cost no calls
    for _ in range(5):
        life.shop.clock.advance(60)
        life.work()
    assert len(effects(life)) == 7
    assert len(asked(life)) == 1


def test_T07a_a_document_waits_for_the_answer_and_says_so(life: Life) -> None:
    """An item that was never told, then one whose telling is too old; the answer is the same."""
    for number in ("A-1", "A-2"):
        control(life, "book", products_away=True)
        life.arrive(number)
        assert life.shop.states()[number] == "ready"
        [row] = of_record(life, number)
        assert row.why
        assert row.why == f"Waits until autocount says how it counts {TEA}."
        control(life, "book", products_away=False)
        life.shop.clock.advance(3601)
        life.work()
        assert effects(life)[-1] == ("created", f"{number}-1")
        assert not of_record(life, number)[0].why
        life.shop.clock.advance(3601)


def test_T07a_what_it_waits_for_is_told_by_a_word_of_ours_not_by_its_sentence(life: Life) -> None:
    control(life, "book", products_away=True)
    life.arrive("A-1")
    assert of_record(life, "A-1")[0].waits is PostingWait.ITEM_SETUP
    _reworded(life, "Menunggu jawapan.")
    assert of_record(life, "A-1")[0].why
    control(life, "book", products_away=False)
    life.shop.clock.advance(3601)
    life.work()
    assert effects(life) == [("created", "A-1-1")]
    [row] = of_record(life, "A-1")
    assert (row.waits, row.why) == (None, "")
    control(life, "book", products_away=True)
    life.shop.clock.advance(3601)
    life.arrive("A-2")
    assert of_record(life, "A-2")[0].why
    _reworded(life, "Waits until Monday.", waits=None)
    assert not of_record(life, "A-2")[0].why
    _reworded(life, "Menunggu jawapan.", waits=PostingWait.ITEM_SETUP)
    life.shop.clock.advance(60)
    life.shop.receive(order("A-2", updated_at=life.shop.now.isoformat(), **SMALL))
    life.shop.judge()
    assert of_record(life, "A-2")[0].waits is None, "judged anew, it has not been looked at yet"


def _reworded(life: Life, words: str, **given: Any) -> None:
    with life.shop.database.write() as session:
        session.execute(update(Posting).values(reason=words, **given))


def stock(life: Life) -> Any:
    """What the documents did to the stock of the book, as AutoCount counts it."""
    return life.books.show("stock").get("1042", {})  # type: ignore[attr-defined]


def test_T07c_stock_follows_the_documents_in_the_unit_of_the_item(life: Life) -> None:
    """40 here and 40 there: what is sent in pieces leaves the stock in pieces, and comes back."""
    life.arrive("A-1")
    assert stock(life) == {TEA: "-80"}
    life.arrive("A-1", **SMALL)
    assert stock(life) == {TEA: "-40"}
    life.arrive("A-1", status="cancelled", **SMALL)
    assert stock(life) == {}
    life.arrive("A-2")
    control(life, "by_hand", number="A-2-1", details=[{"qty": 2, "unit": "CTN"}])
    assert stock(life) == {TEA: "-2"}, "AutoCount converts nothing: two cartons are two pieces"


def of_record(life: Life, number: str) -> tuple[record_rows.PostingRow, ...]:
    with life.shop.database.read() as session:
        return record_rows.list_postings(session, life.shop.record(session, number).id)


@pytest.mark.slow
def test_T07a_an_item_that_is_not_there_is_no_reason_to_wait(life: Life) -> None:
    control(life, "book", products={})
    with life.shop.database.write() as session:
        connection = session.scalars(
            select(Connection).where(Connection.connector == "autocount")
        ).one()
        told = {TEA: None}
        assert master_data.keep_items(session, connection, told, life.shop.now) == frozenset()
        since = life.shop.now - timedelta(minutes=1)
        found = master_data.recently_asked(session, connection.id, [TEA, "OTHER"], since)
        assert found == {TEA}
    life.arrive("A-1")
    assert asked(life) == []
    assert effects(life) == [("created", "A-1-1")]
