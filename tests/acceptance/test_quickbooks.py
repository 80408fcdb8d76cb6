"""A shop with its books in QuickBooks: five kinds of documents, each once, in open periods only."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.depot import Body, day
from tests.acceptance.houses import COMPANY
from tests.acceptance.pages import words
from tests.acceptance.parts import Part, read, state
from tests.acceptance.product import ADMIN, Product, free_environment
from tests.acceptance.quiet import BASE, rows, send
from tests.acceptance.trader import Books, Trader, opened_trader

pytestmark = pytest.mark.slow
RULES = Path(__file__).with_name("books.rules")
HOLDS = """
SELECT hold.id, hold.class, hold.code FROM hold JOIN record ON record.id = hold.record_id
WHERE hold.state = 'open' AND record.number = ?
"""
FIVE = {
    "SalesReceipt": "SR-NS-1-1",
    "Invoice": "IV-NS-2-1",
    "CreditMemo": "CM-RF-1",
    "Bill": "B-ST-1",
    "BillPayment": "BP-PV-1",
}


@pytest.fixture(scope="module")
def trader(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trader]:
    product = Product(command, tmp_path_factory.mktemp("quickbooks"), free_environment())
    rules = product.folder / "rules"
    rules.mkdir()
    (rules / RULES.name).write_text(RULES.read_text("utf-8"), "utf-8")
    with opened_trader(product, rules, "quickbooks", teams=("accounts",)) as found:
        yield found


def order(number: str, price: str, **changes: Any) -> Body:
    """Two cups that were paid three days ago."""
    line = {"pos": 1, "sku": "CUP", "qty": "2", "price": price}
    body = {"kind": "order", "number": number, "status": "paid"}
    total = f"{2 * float(price) * 1.1:.2f}"
    return {**body, "ordered_on": day(3), "total": total, "lines": [line], **changes}


def refund(number: str, of: str) -> Body:
    """One of those cups, given back at 10.00 before tax."""
    line = {"pos": 1, "sku": "CUP", "qty": "1", "amount": "10.00"}
    body = {"kind": "refund", "number": number, "order_number": of, "status": "refunded"}
    return {**body, "refunded_on": day(2), "total": "11.00", "lines": [line]}


def settlement(number: str) -> Body:
    """What a marketplace kept: 250.00."""
    line = {"pos": 1, "fee": "-250.00"}
    body = {"kind": "settlement", "number": number, "status": "approved", "settled_on": day(2)}
    return {**body, "fees": "-250.00", "lines": [line]}


def payout(number: str, of: str) -> Body:
    """That it was paid."""
    body = {"kind": "settlement_payment", "number": number, "settlement": of, "status": "paid"}
    return {**body, "paid_on": day(1), "amount": "250.00"}


def standing(books: Books, number: str) -> dict[str, Any]:
    """The one document of this number, as it stands in QuickBooks."""
    found: list[dict[str, Any]] = [x for x in books.documents() if x.get("DocNumber") == number]
    (only,) = found
    return only


def writes(books: Books, number: str) -> list[tuple[str, str, str]]:
    """Effect, code and request id of all that was written, or tried, under this number."""
    lines = [one for one in books.lines() if one.get("call") == "write"]
    return [(x["effect"], x["code"], x["key"]) for x in lines if x.get("number") == number]


def test_E31_five_kinds_of_documents_each_once_and_in_open_periods_only(trader: Trader) -> None:
    books = trader.books["quickbooks"]
    _five_kinds(trader, books)
    _an_answer_that_got_lost(trader, books)
    _a_closed_period_that_is_known(trader, books)
    _a_closed_period_that_was_not_known(trader, books)
    _made_void(trader, books)
    _an_item_by_its_sku(trader, books)
    numbers = [one["DocNumber"] for one in books.documents()]
    assert sorted(numbers) == sorted({*numbers})
    told = trader.product.json("invariants", "--json")
    assert [one["breaches"] for one in told.values()] == [[]]


def _five_kinds(trader: Trader, books: Books) -> None:
    """Each call arrives there twice: it is done under its request id once, and told twice."""
    books.control("faults", plan=["duplicate_delivery"] * 5)
    trader.take(
        order("NS-1", "5.00", status="till_sale"),
        order("NS-2", "10.00"),
        refund("RF-1", "NS-2"),
        settlement("ST-1"),
        payout("PV-1", "ST-1"),
    )
    trader.work()
    found = {number: standing(books, number) for number in FIVE.values()}
    made = [one for one in books.lines() if one.get("call") == "write"]
    by_entity: dict[str, list[dict[str, Any]]] = {}
    for line in made:
        by_entity.setdefault(line["entity"], []).append(line)
    assert by_entity.keys() == FIVE.keys()
    keys = set()
    for entity, number in FIVE.items():
        first, second = by_entity[entity]
        assert (first["effect"], second["effect"]) == ("created", "replayed"), entity
        assert first["number"] == number
        assert first["key"] == second["key"]
        assert first["key"].startswith("cp-")
        assert len(first["key"]) <= 50
        keys.add(first["key"])
    assert len(keys) == 5, "each write has a request id of its own"
    receipt, invoice, memo, bill, paid = found.values()
    assert (receipt["TotalAmt"], receipt["DepositToAccountRef"]) == (11.0, {"value": "37"})
    assert (invoice["TotalAmt"], invoice["Balance"]) == (22.0, 22.0)
    assert (memo["TotalAmt"], memo["PrivateNote"]) == (11.0, "IV-NS-2-1")
    assert (bill["TotalAmt"], bill["Balance"]) == (250.0, 0.0), "the payment names the bill"
    assert paid["Line"][0]["LinkedTxn"] == [{"TxnId": bill["Id"], "TxnType": "Bill"}]
    for kind, number in (("order", "NS-1"), ("order", "NS-2"), ("refund", "RF-1")):
        assert state(trader.page(kind, number)) == "Posted"
    for kind, number in (("settlement", "ST-1"), ("settlement_payment", "PV-1")):
        assert state(trader.page(kind, number)) == "Posted"


def _an_answer_that_got_lost(trader: Trader, books: Books) -> None:
    """Stored there and told as an error: looked up, and not made a second time."""
    books.control("faults", plan=["error_500_after"])
    trader.take(order("NS-3", "11.00"))
    trader.move(minutes=2)
    trader.work()
    assert state(trader.page("order", "NS-3")) == "Posted"
    assert [effect for effect, *_ in writes(books, "IV-NS-3-1")] == ["created"]


def _a_closed_period_that_is_known(trader: Trader, books: Books) -> None:
    """The closing date is read by the connection test: what is of then is held without a call."""
    books.control("lock", through=day(20))
    test = ("connection", "test", "quickbooks", *COMPANY, "--as", ADMIN)
    trader.product.run(*test)
    before = len(books.lines())
    trader.take(order("NS-4", "12.00", ordered_on=day(20)), order("NS-5", "13.00"))
    assert state(trader.page("order", "NS-4")) == "On hold"
    ((_, kind, _),) = rows(trader, HOLDS, "NS-4")
    assert kind == "period_locked"
    asked = json.dumps(books.lines()[before:])
    assert "NS-4" not in asked
    assert "NS-5" in asked
    books.control("lock", through=day(25))
    trader.product.run(*test)
    trader.work()
    assert state(trader.page("order", "NS-4")) == "Posted"
    assert standing(books, "IV-NS-4-1")["TxnDate"] == day(20)


def _a_closed_period_that_was_not_known(trader: Trader, books: Books) -> None:
    """Closed after it was asked: QuickBooks answers 6210, and the hold has its three ways out."""
    books.control("lock", through=day(3))
    trader.take(order("NS-6", "14.00"))
    assert [(e, code) for e, code, _ in writes(books, "IV-NS-6-1")] == [("refused", "6210")]
    ((hold, kind, _),) = rows(trader, HOLDS, "NS-6")
    assert kind == "period_locked"
    finance = trader.person("finance")
    trader.product.run("connection", "test", "quickbooks", *COMPANY, "--as", ADMIN)
    trader.work()
    ((hold, kind, _),) = rows(trader, HOLDS, "NS-6")
    assert kind == "period_locked"
    page = read(finance.get(f"{BASE}/holding/{hold}"))
    assert "IV-NS-6-1" not in [one.get("DocNumber") for one in books.documents()]
    ways = acts(page)
    assert {"date", "reopen", "redirect"} <= ways.keys()
    reason = "Dated into the open month, as Mei Ling agreed"
    send(finance, ways["date"], {**ways["date"].fields(), "day": day(1), "reason": reason})
    trader.work()
    assert state(trader.page("order", "NS-6")) == "Posted"
    numbers = [n for n in books.made() if n.startswith("IV-NS-6-")]
    assert len(numbers) == 1
    assert standing(books, numbers[0])["TxnDate"] == day(1)


def _made_void(trader: Trader, books: Books) -> None:
    """A cancelled order's invoice is made void in an open period; in a closed one it stays as it
    is, and is held.
    """
    books.control("lock", through=day(10))
    trader.product.run("connection", "test", "quickbooks", *COMPANY, "--as", ADMIN)
    books.control("faults", plan=["duplicate_delivery"])
    trader.take(
        order("NS-3", "11.00", status="cancelled"),
        order("NS-4", "12.00", status="cancelled", ordered_on=day(20)),
    )
    invoice = standing(books, "IV-NS-3-1")
    assert (invoice["TotalAmt"], invoice["Balance"]) == (0.0, 0.0)
    assert invoice["PrivateNote"].startswith("Voided")
    lines = [x for x in books.lines() if x.get("effect") in ("voided", "replayed")][-2:]
    first, second = lines
    assert (first["effect"], first["number"]) == ("voided", "IV-NS-3-1")
    assert (second["effect"], second["key"]) == ("replayed", first["key"])
    keys = [x["key"] for x in books.lines() if x["effect"] == "created"]
    assert first["key"] not in keys, "a void has a request id of its own"
    assert state(trader.page("order", "NS-3")) == "Reversed"
    assert standing(books, "IV-NS-4-1")["TotalAmt"] == 26.4
    ((_, kind, _),) = rows(trader, HOLDS, "NS-4")
    assert kind == "stale_version"


def _an_item_by_its_sku(trader: Trader, books: Books) -> None:
    """An item that nobody mapped yet is proposed by the SKU that QuickBooks tells of it."""
    lines = [{"pos": 1, "sku": "BOWL-9", "qty": "2", "price": "7.00"}]
    trader.take(order("NS-9", "7.00", lines=lines))
    ((_, kind, _),) = rows(trader, HOLDS, "NS-9")
    assert kind == "mapping_missing"
    books.control("company", lists={"Item": {"44": "Soup bowl"}}, skus={"44": "BOWL-9"})
    person = trader.person("finance")
    admin = trader.person("admin")
    asking = read(admin.get(f"{BASE}/connections/quickbooks")).form_of("listsnow")
    send(admin, asking, asking.fields())
    trader.work()
    by_letters = words(person.get(f"{BASE}/mappings/missing/values?{_asked(trader)}&q=bowl-9"))
    assert "44 Soup bowl. SKU BOWL-9. Listed by QuickBooks." in by_letters
    page = person.get(f"{BASE}/mappings/exact")
    assert "BOWL-9 Soup bowl 44 Same SKU" in words(page)
    _what_is_unpaid(trader, books)
    form = read(page).form_of("acceptexact")
    fields = form.fields()
    given = {**fields, "pick": fields["of"], "reason": "QuickBooks says so"}
    told = send(person, form, given)
    assert "1 mapping accepted." in told
    trader.work()
    line, *_ = standing(books, "IV-NS-9-1")["Line"]
    assert line["SalesItemLineDetail"]["ItemRef"] == {"value": "44"}


def _what_is_unpaid(trader: Trader, books: Books) -> None:
    """The same reading told what is left to pay, as QuickBooks shows it."""
    left = {
        kind: {x["DocNumber"]: x["Balance"] for x in books.documents() if x["entity"] == kind}
        for kind in ("Invoice", "Bill")
    }
    page = f"{BASE}/mappings/lists/unpaid"
    person = trader.person("finance")
    for kind, open_there in left.items():
        parts = person.get(page).split('"')
        address = next(one for one in parts if f"kind={kind.lower()}" in one)
        told = words(person.get(address.replace("&amp;", "&")))
        for number, balance in open_there.items():
            shown = f"{number} " in told
            assert shown == (balance > 0), (number, balance)
            assert not shown or f"RM {balance:,.2f}" in told
    assert any(left["Invoice"].values())
    assert not left["Bill"]["B-ST-1"], "it was paid"


def _asked(trader: Trader) -> str:
    """The cause of the one value that is missing, as an address has it."""
    ((cause,),) = rows(trader, "SELECT cause_id FROM hold WHERE class = 'mapping_missing'")
    return f"cause={cause}"


def acts(page: Part) -> dict[str, Part]:
    """The forms of a hold, by what they do."""
    forms = page.all("form", cls="act")
    return {one.attributes["action"].rpartition("/")[2]: one for one in forms}
