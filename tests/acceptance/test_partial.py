"""Deliveries in parts, goods that come back, and records that come in the wrong order."""

import itertools
import os
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.acceptance.depot import (
    SIMULATOR_KEY,
    Body,
    Depot,
    channel,
    cut_for_the_cloud,
    day,
    opened_depot,
    purchase,
    receipt,
    refund,
    sale,
    van,
)
from tests.acceptance.houses import COMPANY
from tests.acceptance.parts import answers, state
from tests.acceptance.product import ADMIN, MALAYSIA, Product, free_environment, until
from tests.acceptance.quiet import agree, approve, ask_target, rows

CONSENT = """
language 1

approve settlement for autocount.ap_invoice
    when     fees < -500.00
    by       finance_manager
    never    last_editor
    say      "{number} costs {fees}: a finance manager decides."

approve order for autocount.credit_note
    by       finance_manager
    never    created_by, last_editor
    say      "The invoice of {number} is taken back: a finance manager decides."
"""
UNDO = {
    "| locked | -                | -     | block              |": (
        "| locked | - | - | credit note |"
    ),
    "| open   | <= cancel_window | no    | void               |": "| open | - | no | void |",
    "    | no       | open   | > cancel_window  | no    | credit note        |\n": "",
}
"""What is taken back is made void; in a locked period it is credited, today."""

WITHHELD = "    immediately\n    after    autocount.ap_invoice\n"
"""What a channel withheld: it goes in the night after it was paid."""


CALLS = """
SELECT push.family, request.made_at, request.answered_at FROM request
JOIN attempt ON attempt.request_id = request.id JOIN push ON push.id = attempt.push_id
WHERE push.number LIKE '%34___%' AND request.answered_at IS NOT NULL ORDER BY request.made_at
"""
CHAINS = int(os.environ.get("CLEARPOST_CHAINS", "8"))
PATIENCE = 90 if CHAINS < 100 else 600


@pytest.fixture(scope="module")
def depot(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Depot]:
    product = Product(command, tmp_path_factory.mktemp("depot"), free_environment())
    buying = ("buying.rules", (Path(__file__).parent / "buying.rules").read_text("utf-8"))
    more = (buying, ("consent.rules", CONSENT))
    rules = cut_for_the_cloud(product, product.folder / "rules", *more)
    text = (rules / "posting.rules").read_text("utf-8")
    assert text.count(WITHHELD) == 1
    nightly = WITHHELD.replace("immediately", "daily    at 02:00 by paid_on")
    (rules / "posting.rules").write_text(text.replace(WITHHELD, nightly), "utf-8")
    text = (rules / "changes.rules").read_text("utf-8")
    for row, instead in UNDO.items():
        assert text.count(row) == 1
        text = text.replace(row, instead)
    (rules / "changes.rules").write_text(text, "utf-8")
    with opened_depot(product, rules) as found:
        yield found


def quantities(depot: Depot, number: str) -> list[str]:
    return [
        f"{float(row['qty']):g} at {row['unitPrice']}" for row in depot.document(number)["details"]
    ]


def test_F10_what_it_says(depot: Depot) -> None:
    """10 ordered, 6 delivered: a document of 6, 4 open; 4 more close it; a further 1 is held."""
    depot.take(sale("1001"), van("501", "1001", "6"))
    assert depot.effects("1001") == [("created", "IV-1001-1")]
    assert quantities(depot, "IV-1001-1") == ["6 at 2.5000"]
    assert depot.record("1001")["state"] == "waiting"
    page = depot.page("order", "1001")
    assert "Partly posted" in page.text
    assert "still open: 4 of line 1" in page.text

    depot.take(van("502", "1001", "4"))
    assert depot.effects("1001")[1:] == [("created", "IV-1001-2")]
    assert quantities(depot, "IV-1001-2") == ["4 at 2.5000"]
    page = depot.page("order", "1001")
    assert state(page) == "Posted"
    assert "open:" not in page.text

    depot.take(van("503", "1001", "1"))
    assert len(depot.effects("1001")) == 2
    page = depot.page("order", "1001")
    assert state(page) == "On hold"
    assert "Delivered quantity above ordered: TISSUE-3P, 11 delivered, 10 ordered." in page.text


def test_A19_what_it_says(depot: Depot) -> None:
    """A payment that comes before its order waits for it; then both go, and the trace says so."""
    depot.take(receipt("R-11", "1101", "26.00"))
    assert depot.record("R-11")["state"] == "waiting"
    depot.take(van("511", "1101", "10"))
    assert depot.effects("1101", "R-11") == []
    depot.take(sale("1101", price="2.60"))
    assert depot.effects("1101", "R-11") == [("created", "IV-1101-1"), ("created", "RC-R-11")]
    assert depot.document("RC-R-11")["master"]["description"] == "IV-1101-1"
    assert answers(depot.page("receipt", "R-11"))[4].startswith("Not applicable: ")
    told = depot.page("receipt", "R-11", "trace").text
    waits, goes = (
        told.find("R-11 waits for autocount.invoice"),
        told.find("RC-R-11 is ready to post"),
    )
    assert 0 < waits < goes


def test_F14_what_it_says(depot: Depot) -> None:
    """Only "Refunded + Items Returned" puts goods back; "Refunded" moves money, and says so."""
    depot.take(sale("1201", price="2.70"), van("521", "1201", "10"))
    depot.take(
        refund("RF-1", "1201", "Refunded + Items Returned"),
        refund("RF-2", "1201", "refunded", refunded_on=day(2)),
    )
    assert depot.effects("RF-") == [("created", "CN-RF-1"), ("created", "CN-RF-2")]
    back = {n: depot.document(f"CN-{n}")["details"][0]["goodsReturn"] for n in ("RF-1", "RF-2")}
    assert back == {"RF-1": True, "RF-2": False}
    says = "Refund without goods return: RF-"
    assert f"{says}2 does not change stock." in depot.page("refund", "RF-2").text
    assert says not in depot.page("refund", "RF-1").text


def test_D07_what_it_says(depot: Depot) -> None:
    """A request that two of three levels agreed to waits; with the third it is a purchase order."""
    heads = {name: f"{name}@kedai.example" for name in ("suresh", "siti")}
    teams = [
        word for team in ("purchasing", "accounts", "finance_manager") for word in ("--team", team)
    ]
    for email in heads.values():
        words = ("user", "add", email, *COMPANY, "--role", "approver", *teams)
        depot.passwords[email] = depot.product.run(*words).stdout.split("only now: ")[1].split()[0]
    depot.take(request_for_goods("310"))
    ((posting,),) = rows(depot, "SELECT id FROM posting WHERE number = 'PO-310-1'")

    said = agree(depot.person("approver"), posting)
    assert "1 approved" in said
    assert "Others still decide: approve by accounts, approve by finance_manager." in said
    again = agree(depot.person("approver"), posting, code=403)
    assert "You approved it at another level" in again
    assert "approve by finance_manager" in agree(depot.visitor(heads["suresh"]), posting)
    depot.work()
    assert state(depot.page("purchase", "310")) == "On hold"
    assert depot.effects("310") == []

    assert "still decide" not in agree(depot.visitor(heads["siti"]), posting)
    depot.move(minutes=2)  # AutoCount takes so many calls a minute
    depot.work()
    page = depot.page("purchase", "310")
    assert state(page) == "Posted"
    assert depot.effects("310") == [("created", "PO-310-1")]
    assert depot.document("PO-310-1")["master"]["finalTotal"] == "1900.00"
    for name in ("approver", "suresh", "siti"):
        assert f"{name}, " in answers(page)[2]


def request_for_goods(number: str) -> Body:
    """A request that its own system has approved, too: a hundred bags of rice."""
    line = {"pos": 1, "sku": "RICE-5", "uom": "BAG", "qty": "100", "price": "19.00", "tax": "NONE"}
    given = {"created_by": "Ali", "ordered_on": day(3), "total": "1900.00", "lines": [line]}
    return purchase(number, "19.00", **given)


def test_D04_what_it_says(depot: Depot) -> None:
    """Five edits after the approval: what it was given for stays approved, anything else is not."""
    numbers = {"2101": "4.10", "2102": "4.20", "2103": "4.30"}
    buyer = {"tin": "C20880050010"}
    orders = [sale(n, qty="3000", price=price, **buyer) for n, price in numbers.items()]
    depot.take(*orders, *(van(f"D{n}", n, "2500") for n in numbers))
    approver = depot.person("approver")
    approve(approver, *numbers)
    fees = channel("2104", day(3), supplier="S-14", fees="-600.00", net="4400.00")
    depot.post_records(
        sale("2101", qty="2900", price="4.10", version=2, **buyer),  # the customer wants fewer
        sale("2102", qty="3000", price="4.00", version=2, **buyer),  # sales lowers the price
        van("D2103", "2103", "2400"),  # the warehouse sent fewer
        fees,
    )
    depot.work()
    assert depot.effects(*numbers) == [("created", "IV-2101-1")]
    assert depot.record("2104")["state"] == "held"
    approve(approver, "2104")
    depot.take({**fees, "supplier": "S-22"})  # purchasing finds that it was another supplier
    void = {
        "2102": ("order", "line 1 SubTotal, line 1 UnitPrice"),
        "2103": ("order", "line 1 Qty, line 1 SubTotal"),
        "2104": ("settlement", "CreditorCode, CreditorName"),
    }
    for number, (kind, fields) in void.items():
        assert depot.record(number)["state"] == "held", number
        told = depot.page(kind, number).text
        assert f": changed {fields}." in told, told
    assert depot.effects("2102", "2103", "2104") == []

    def budget(no: int, price: str) -> dict[str, object]:
        return sale("2105", qty="10", price=price, version=no, approved_version=2)

    depot.take(budget(1, "8.10"), van("D2105", "2105", "10"))
    assert depot.record("2105")["state"] == "held"
    depot.take(budget(2, "8.20"))
    assert depot.effects("2105") == [("created", "IV-2105-1")]
    depot.take(budget(3, "8.30"))
    page = depot.page("order", "2105")
    assert "Not approved in the source: 2105 is version 3, approved is version 2." in page.text
    assert depot.effects("2105") == [("created", "IV-2105-1")]
    assert depot.document("IV-2105-1")["master"]["finalTotal"] == "82.00"


def test_E40_what_it_says(depot: Depot) -> None:
    """A delivery is undone: void in an open period, a credit note of today in a locked one."""
    vans = [van("D2201", "2201", "10"), van("D2202", "2202", "10", delivered_on=day(20))]
    depot.post_records(sale("2201", price="5.50"), sale("2202", price="5.60"), *vans)
    depot.work_on(2)
    depot.lock(day(10))
    off = {"status": "cancelled"}
    orders = [sale("2201", price="5.50", **off), sale("2202", price="5.60", **off)]
    depot.take(*({**one, **off} for one in vans), *orders)
    made = [("created", "IV-2201-1"), ("created", "IV-2202-1")]
    assert sorted(depot.effects("2201", "2202")) == made
    for number in ("2201", "2202"):
        page = depot.page("order", number)
        assert state(page) == "On hold"
        says = f"The invoice of {number} is taken back: a finance manager decides."
        assert says in page.text
    approve(depot.person("approver"), "2201", "2202", reason="The lorry came back")
    depot.work_on(2)
    undone = [effect for effect in depot.effects("2201", "2202") if effect not in made]
    assert sorted(undone) == [("created", "CN-IV-2202-1"), ("voided", "IV-2201-1")]
    assert depot.document("IV-2201-1")["master"]["cancelled"] is True
    credit = depot.document("CN-IV-2202-1")["master"]
    assert (credit["docDate"][:10] > day(10), credit["finalTotal"]) == (True, "56.00")
    for number in ("2201", "2202"):
        assert state(depot.page("order", number)) == "Reversed"


def test_a_credited_invoice_answers_before_its_credit_note(depot: Depot) -> None:
    """Page, command and key: each document of the record for itself, the invoice first."""
    depot.lock("none")
    depot.move(minutes=2)
    depot.take(sale("2203", price="5.70"), van("D2203", "2203", "10", delivered_on=day(20)))
    assert depot.effects("2203") == [("created", "IV-2203-1")]
    depot.lock(day(10))
    rotate_key(depot, "acc_demo_other_8Wn3")
    off = {"status": "cancelled"}
    order = sale("2203", price="5.70", **off)
    depot.take(van("D2203", "2203", "10", delivered_on=day(20), **off), order)
    depot.move(minutes=2)
    approve(depot.person("approver"), "2203", reason="The lorry came back")
    depot.work()
    assert depot.effects("2203") == [("created", "IV-2203-1"), ("created", "CN-IV-2203-1")]

    told = depot.product.json("trace", "2203", *COMPANY, "--json")["documents"]
    shown = [(one["number"], one["reverses"], one["state"], one["key_tail"]) for one in told]
    assert shown == [
        ("IV-2203-1", "", "reversed", SIMULATOR_KEY[-4:]),
        ("CN-IV-2203-1", "IV-2203-1", "posted", "8Wn3"),
    ]
    invoice, note = ([one["answer"] for one in each["answers"]] for each in told)
    assert "CN-IV-2203-1 posted in autocount" in invoice[4]
    assert note[4] == "No. Version 2 is the latest version."
    assert invoice[1].startswith("No approval required")
    assert note[1].startswith("approver, ")
    assert invoice[6] == "No. It was never put on hold."
    assert note[6].startswith("Yes: ")

    depot.person("finance").show_rule_lines()
    page = depot.page("order", "2203")
    assert _plain(answers(page).values()) == _plain(invoice)
    (second,) = [one for one in page.all("section") if "Seven answers about CN-" in one.text]
    assert _plain(one.text for one in second.all("span", cls="a")) == _plain(note)
    attempts = depot.page("order", "2203", "pushes")
    tails = [one.text for one in attempts.all("td") if one.attributes.get("data-label") == "Key"]
    assert {f"…{SIMULATOR_KEY[-4:]}", "…8Wn3"} == set(tails)


def _plain(texts: Iterable[str]) -> list[str]:
    """The texts without what pages add: titles of connections, spaces that do not break."""
    return ["".join(text.casefold().split()) for text in texts]


def rotate_key(depot: Depot, secret: str) -> None:
    """AutoCount replaces its key, and an administrator stores the new one."""
    ask_target(depot, "rekey", key_id="cp-demo", secret=secret)
    by_admin = (*COMPANY, "--as", ADMIN)
    depot.product.run("connection", "key", "autocount", *by_admin, stdin=secret)
    depot.product.run("connection", "test", "autocount", *by_admin)


def test_B12_each_leaves_at_its_moment_and_not_before(depot: Depot) -> None:
    """Five ways out, each driven to the moment before it leaves, and to the moment."""
    fees = {"supplier": "S-14", "net": "4990.00"}
    depot.take(channel("2601", day(5), fees="-10.00", **fees))  # at once
    assert depot.effects("2601") == [("created", "2601")]

    dear = channel("2602", day(6), fees="-600.00", **{**fees, "net": "4400.00"})  # after approval
    depot.take(dear)
    depot.move(minutes=50)
    depot.work()
    assert depot.effects("2602") == []
    assert state(depot.page("settlement", "2602")) == "On hold"
    approve(depot.person("approver"), "2602")
    depot.work()
    assert depot.effects("2602") == [("created", "2602")]

    depot.take(sale("2603", price="2.63"))  # after the warehouse has confirmed
    depot.take(van("D-2603", "2603", "10", status="open"))
    depot.move(minutes=50)
    depot.work()
    assert depot.effects("2603") == []
    assert state(depot.page("order", "2603")) == "Waiting"
    depot.take(van("D-2603", "2603", "10"))
    assert depot.effects("2603") == [("created", "IV-2603-1")]

    out = sale("2604", price="2.64", status="exception")  # held until somebody clears it
    depot.take(out, van("D-2604", "2604", "10"))
    depot.move(minutes=50)
    depot.work()
    page = depot.page("order", "2604")
    assert state(page) == "On hold"
    assert "Exception in the order system: 2604 is flagged as an exception." in page.text
    assert depot.effects("2604") == []
    depot.take(sale("2604", price="2.64", version=2))
    assert depot.effects("2604") == [("created", "IV-2604-1")]

    now = datetime.now(MALAYSIA) + timedelta(seconds=depot.offset())  # in the night after its day
    two = now.replace(hour=2, minute=0, second=0, microsecond=0) + timedelta(days=1)
    paid = {
        "kind": "settlement_payment",
        "number": "2605",
        "settlement": "2601",
        "status": "paid",
        "paid_on": now.date().isoformat(),
        "supplier": "S-14",
        "method": "Payout",
        "amount": "10.00",
    }
    depot.take(paid)
    for short_of, sent in ((60, []), (-60, [("created", "PV-2605")])):
        assert depot.effects("2605") == []
        reached = two - timedelta(seconds=short_of)
        depot.product.shift_clock((reached - datetime.now(MALAYSIA)).total_seconds())
        depot.work()
        assert depot.effects("2605") == sent
    assert depot.document("PV-2605")["master"]["docDate"][:10] == now.date().isoformat()


def _calls_at_once(depot: Depot) -> list[tuple[str, str]]:
    """The chains whose calls were under way at the same time."""
    return [
        (mine, theirs)
        for (mine, _, end), (theirs, start, _) in itertools.pairwise(rows(depot, CALLS))
        if start < end
    ]


def test_E34_two_workers_keep_every_chain_in_its_order(depot: Depot) -> None:
    """Invoice, receipt and the invoice of the second delivery, for many orders at once; while a
    call of one chain takes its time, another chain goes on.
    """
    chains = range(34_001, 34_001 + CHAINS)

    def made() -> list[str]:
        return [number for number in depot.created() if any(f"{n}" in number for n in chains)]

    with (
        depot.product.started("worker", "--no-redis"),
        depot.product.started("worker", "--no-redis"),
    ):
        for n in chains:
            cents = 200 + n - chains[0]  # no order looks like another
            order = sale(f"{n}", price=f"{cents / 100:.2f}")
            paid = receipt(f"R{n}", f"{n}", f"{cents / 10:.2f}")
            assert depot.post_records(paid, van(f"6{n}", f"{n}", "6"), order).ok
        until(lambda: len(made()) >= 2 * CHAINS, "invoices and receipts", PATIENCE)
        ask_target(depot, "faults", fault="slow", count=8)
        for n in chains:
            assert depot.post_records(van(f"4{n}", f"{n}", "4")).ok
        until(lambda: len(made()) >= 3 * CHAINS, "the second invoices", PATIENCE)
        more = itertools.count(34_900)  # one worker may have had all of them in hand
        while not (beside := _calls_at_once(depot)):
            ask_target(depot, "faults", fault="slow", count=1)
            n = next(more)
            assert n < 35_000, "two calls were under way at once"
            gone = van(f"6{n}", f"{n}", "10")
            assert depot.post_records(sale(f"{n}", price=f"9.{n % 100:02d}"), gone).ok
    assert len(made()) == len(set(made())) == 3 * CHAINS
    for n in chains:
        mine = [number for number in made() if f"{n}" in number]
        assert mine == [f"IV-{n}-1", f"RC-R{n}", f"IV-{n}-2"]
    assert all(mine != theirs for mine, theirs in beside), "never two of one chain"
