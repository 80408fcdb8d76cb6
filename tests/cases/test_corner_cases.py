"""Settlements of a marketplace in AiAccount, and orders that come at an odd moment."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from holding.db.refusal import Refusal
from holding.evaluation.evaluate_due import judge_due
from holding.platform.settings import Settings
from holding.runs.dispatch import open_desk, push_due
from tests.cases.company import CaseCompany, Plan, case_path
from tests.cases.test_rounding_cases import correct

pytestmark = pytest.mark.sqlite
Make = Callable[..., CaseCompany]


@pytest.fixture
def market(make: Make) -> CaseCompany:
    """Return a company that posts the statements of a marketplace to AiAccount."""
    return make(
        Plan(
            template="settlements-aiaccount",
            rules={"daily    at 02:00 by settled_on": "immediately"},
        ),
        "aiaccount",
        accounts=["12090", "40010", "61010"],
    )


def feed(company: CaseCompany, folder: Path, *records: dict[str, Any]) -> None:
    """Read records of the intake one after the other and let the workers work."""
    for record in records:
        path = folder / f"{record['id']}.records.json"
        path.write_text(json.dumps({"records": [record]}), "utf-8")
        company.ingest(path)
        assert company.errors == []
        company.work()


def settlement(**changed: Any) -> dict[str, Any]:
    """Return a statement of one order: 100.00 sold, 10.00 kept back."""
    line = {"pos": 1, "order_number": "O1", "tax": "NONE", "gross": "100.00", "fee": "-10.00"}
    return {
        "kind": "settlement",
        "id": "S-1",
        "number": "S-1",
        "status": "approved",
        "updated_at": "2026-11-18T11:00:00+08:00",
        "supplier": "SHOPEE",
        "channel": "shopee",
        "settled_on": "2026-11-16",
        "gross": "100.00",
        "fees": "-10.00",
        "refunds": "0.00",
        "net": "90.00",
        "version": 1,
        "approved_version": 1,
        "approved_by": "Farid",
        "lines": [{**line, "net": "90.00"}],
        **changed,
    }


def payout(number: str, amount: str, day: str) -> dict[str, Any]:
    """Return a payout of that statement."""
    return {
        "kind": "settlement_payment",
        "id": number,
        "number": number,
        "status": "paid",
        "updated_at": f"{day}T12:00:00+08:00",
        "supplier": "SHOPEE",
        "settlement": "S-1",
        "method": "IBG",
        "bank_ref": number,
        "paid_on": day,
        "amount": amount,
    }


def test_corner_16_a_negative_settlement_is_held_and_a_fee_of_no_order_is_a_bill(
    market: CaseCompany,
) -> None:
    folder = case_path("16-negative-settlement", "corners")
    for number in range(1, 5):
        market.ingest(folder / f"{number}.records.json")
        market.work()
    assert market.errors == []
    states = market.states()
    assert (states["S-161"], states["P-161"], states["S-163"]) == ("held", "held", "held")
    owners = {hold.owner for hold in market.holds()}
    assert owners == {"accounts"}
    documents = market.documents()
    bills = {number: one for number, one in documents.items() if number.startswith("FB-")}
    assert "FB-S-162" in bills
    assert market.postings("S-162")[1] == ("aiaccount.expense_bill", "posted", Decimal("12.00"))
    assert not {"S-161", "S-162", "S-163", "FB-S-163"} & documents.keys()


@pytest.mark.parametrize("way", ["release", "correct"])
def test_a_statement_that_does_not_balance_is_released_or_corrected(
    market: CaseCompany, tmp_path: Path, way: str
) -> None:
    feed(market, tmp_path, settlement(net="89.00"))
    (hold, *more) = market.holds("S-1")
    assert ({hold.rule, *(one.rule for one in more)}, hold.owner) == (
        {"statement_adds"},
        "accounts",
    )
    assert all(figure in hold.text for figure in ("RM 89.00", "RM 90.00", "\u2212RM 1.00"))
    if way == "release":
        market.release("S-1")
        market.work()
    else:
        correct(market, "S-1", "net", "90.00")
    assert market.holds("S-1") == []
    assert market.states()["S-1"] == "posted"


def test_a_statement_that_is_paid_once_is_settled(market: CaseCompany, tmp_path: Path) -> None:
    feed(market, tmp_path, settlement())
    feed(market, tmp_path, payout("P-1", "90.00", "2026-11-18"))
    assert market.holds() == []
    assert market.postings("P-1") == [
        ("aiaccount.sales_receipt", "posted", Decimal("100.00")),
        ("aiaccount.expense_payment", "posted", Decimal("10.00")),
    ]


def test_a_statement_that_is_paid_twice_is_held_with_both_payouts(
    market: CaseCompany, tmp_path: Path
) -> None:
    feed(market, tmp_path, settlement())
    feed(market, tmp_path, payout("P-1", "90.00", "2026-11-18"))
    feed(market, tmp_path, payout("P-2", "90.00", "2026-11-20"))
    holds = {hold.rule: hold for hold in market.holds("P-2")}
    assert holds.keys() == {"paid_once", "pays_the_net", "duplicates"}
    assert {hold.owner for hold in holds.values()} == {"accounts"}
    text = holds["pays_the_net"].text
    assert all(figure in text for figure in ("P-2", "S-1", "RM 180.00", "RM 90.00")), text
    assert "P-1" in holds["duplicates"].text, "the other payout stands beside it"
    assert {state for _, state, _ in market.postings("P-2")} == {"held"}


def test_a_statement_that_is_paid_in_parts_is_held_and_each_part_books_itself(
    market: CaseCompany, tmp_path: Path
) -> None:
    feed(market, tmp_path, settlement())
    feed(market, tmp_path, payout("P-1", "60.00", "2026-11-18"))
    (hold,) = market.holds("P-1")
    assert (hold.rule, hold.owner) == ("pays_the_net", "accounts")
    assert all(figure in hold.text for figure in ("RM 60.00", "RM 90.00", "RM 30.00")), hold.text
    assert market.postings("P-1")[0] == ("aiaccount.sales_receipt", "held", Decimal("60.00"))

    feed(market, tmp_path, payout("P-2", "30.00", "2026-11-20"))
    assert {hold.rule for hold in market.holds("P-2")} == {"paid_once", "duplicates"}
    assert market.postings("P-2")[0] == ("aiaccount.sales_receipt", "held", Decimal("30.00"))
    assert all(state != "posted" for _, state, _ in market.postings("P-2"))


@pytest.fixture
def netshop(make: Make) -> CaseCompany:
    """Return a company that posts the orders of NetShop to AiAccount."""
    customers = [f"C-1{number:02},Customer {number}" for number in range(1, 10)]
    return make(
        Plan(
            template="netshop-aiaccount",
            maps={"debtors": customers, "items": ["CUP-GLASS-20,CUP-GLASS-20"]},
        ),
        "aiaccount",
        accounts=["12000", "40000", "61001"],
    )


def call(company: CaseCompany, content: dict[str, Any], path: Path) -> None:
    """Read a webhook's content from a file."""
    path.write_text(json.dumps(content), "utf-8")
    company.ingest(path)


def test_corner_12_three_spellings_are_three_invoices_and_find_shows_all(
    netshop: CaseCompany, tmp_path: Path
) -> None:
    folder = case_path("12-case-and-collation", "corners")
    for number in range(1, 8):
        call(netshop, json.loads((folder / f"{number}.json").read_text()), tmp_path / "a.json")
    netshop.work()
    spelled = {"ns-121", "NS-121", "Ns-121"}
    assert spelled <= netshop.documents().keys()
    assert set(netshop.states().values()) == {"posted"}
    for text in sorted(spelled | {"nS-121"}):
        page = netshop.visit("vera").get(f"/c/kedai/find?q={text}", status=200)
        assert all(f"{number}</" in page.text for number in spelled), text


@pytest.mark.parametrize("number", ["NS-141", "NS-143", "NS-144"])
def test_corner_14_a_customer_that_changes_after_a_push_without_an_answer(
    netshop: CaseCompany, tmp_path: Path, number: str
) -> None:
    folder = case_path("14-customer-changed-while-unclear", "corners")
    bodies = [json.loads(one.read_text()) for one in sorted(folder.glob("*.json"))]
    first, changed = (one for one in bodies if one["order"]["number"] == number)
    for body in (first, changed):  # ordered and paid before the day of the test
        body["order"] |= dict.fromkeys(("ordered_at", "paid_at"), "2026-11-20T10:00:00+08:00")
    netshop.target.control("faults", fault="half_closed_after", number=number)
    call(netshop, first, tmp_path / "a.json")
    netshop.work(1)
    call(netshop, changed, tmp_path / "b.json")
    for _ in range(4):
        netshop.work(1)
        netshop.clock.advance(timedelta(minutes=5))
    answer = requests.get(f"{netshop.target.url}/_sim/documents", timeout=10).json()
    (posted,) = answer["documents"]
    assert posted["answer"] == "withheld"
    assert posted["document"]["Customer"] == "Customer 1", "as it was sent, and once"
    (hold,) = netshop.holds(number)
    assert (hold.code, hold.owner, hold.rule) == ("STL01", "accounts", "party")


def test_corner_19_four_workers_post_sixty_orders_once(
    netshop: CaseCompany, tmp_path: Path
) -> None:
    case_path("19-two-workers", "corners")  # its orders are made by a script: these are alike
    folder = case_path("12-case-and-collation", "corners")
    order = json.loads((folder / "1.json").read_text())["order"]
    for at in range(60):
        pieces = at % 9 + 1
        item = {**order["items"][0], "qty": pieces}
        total = f"{10 * pieces}.00"
        one = {"id": 20_000 + at, "number": f"N{at}", "items": [item], "subtotal": total}
        one |= {"total": total, "customer": {"id": f"C-10{at % 5 + 1}", "name": f"Buyer {at}"}}
        one["ordered_at"] = one["paid_at"] = f"2026-11-{at % 10 + 10}T10:00:00+08:00"
        content = {"event": "order.updated", "order": {**order, **one}}
        call(netshop, content, tmp_path / f"{at}.json")

    def run_worker(number: int) -> None:
        owner = f"worker {number}"
        desk = open_desk(netshop.database, netshop.clock, owner=owner, settings=Settings.from_env())
        assert not isinstance(desk, Refusal)
        mine, now = netshop.company_id, netshop.clock
        for _ in range(8):
            judge_due(netshop.database, now, company_id=mine, owner=owner)
            pushed = push_due(netshop.database, now, company_id=mine, owner=owner, desk=desk)
            assert not isinstance(pushed, Refusal)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run_worker, range(4)))
    netshop.work()
    assert netshop.holds() == []
    answer = requests.get(f"{netshop.target.url}/_sim/documents", timeout=10).json()
    assert len(answer["documents"]) == 60
    assert set(netshop.documents()) == {f"N{at}" for at in range(60)}


def test_corner_11_long_and_large_values_are_posted_or_held_by_name(
    netshop: CaseCompany, tmp_path: Path
) -> None:
    folder = case_path("11-long-and-large", "corners")
    for number in range(1, 6):
        body = json.loads((folder / f"{number}.json").read_text("utf-8"))
        body["order"] |= dict.fromkeys(("ordered_at", "paid_at"), "2026-11-20T10:00:00+08:00")
        call(netshop, body, tmp_path / f"{number}.json")
        netshop.work()
    assert list(netshop.documents()) == ["NS-111"]
    held = {hold.number: hold for hold in netshop.holds()}
    assert {number: hold.code for number, hold in held.items()} == {
        "112": "VAL04",
        "NS-113": "VAL04",
        "NS-114": "EVA02",
        "NS-115": "VAL04",
    }
    for number, words in {
        "112": "longer than 50 characters",
        "NS-113": "too long to be exact",
        "NS-114": "more than the books can hold",
        "NS-115": "longer than 100 characters",
    }.items():
        assert words in held[number].text, held[number]


def test_a_refund_of_netshop_that_cannot_be_read_leaves_the_others_to_their_order(
    make: Make, tmp_path: Path
) -> None:
    maps = {"debtors": ["C-101,Customer 1"], "items": ["CUP-GLASS-20,CUP-GLASS-20"]}
    accounts = ["12000", "40000", "61001"]
    company = make(
        Plan(template="netshop-aiaccount-refunds", maps=maps), "aiaccount", accounts=accounts
    )
    folder = case_path("12-case-and-collation", "corners")
    body = json.loads((folder / "1.json").read_text("utf-8"))
    order, moment = body["order"], "2026-11-10T10:00:00+08:00"
    order["items"][0] |= {"qty": 4}
    order |= {"subtotal": "40.00", "total": "40.00", "ordered_at": moment, "paid_at": moment}
    call(company, body, tmp_path / "1.json")
    company.work()
    assert list(company.documents()) == ["ns-121"]
    item = {"pos": 1, "sku": "CUP-GLASS-20", "name": "Cup", "uom": "PCS", "qty": 1}
    good = {"id": "R-1", "status": "Refunded", "amount": "10.00"}
    good |= {"refunded_at": "2026-11-12T10:00:00Z"}
    good |= {"items": [{**item, "amount": "10.00", "tax": "NONE"}]}
    order |= {"refunds": [good, {**good, "id": "R-2", "amount": "ten"}]}
    order |= {"updated_at": "2026-11-20T11:00:00+08:00"}
    call(company, body, tmp_path / "2.json")
    company.work()
    assert company.holds("R-1") == []
    assert {hold.owner for hold in company.holds("ns-121")} == {"accounts"}, "not all is known"
    company.release("ns-121")
    company.work()
    assert company.postings("R-1") == [("aiaccount.sales_refund", "posted", Decimal("10.00"))]
    assert "VAL04" in {hold.code for hold in company.holds("R-2")}
