"""Orders, payments and refunds that programs send, whose amounts or order do not fit."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from holding.db.models import Hold, Record
from holding.db.refusal import Refusal
from holding.holds.futile_releases import refuse_futile_releases
from tests.cases.company import CaseCompany, Plan
from tests.cases.conftest import Make
from tests.cases.test_marketplace_variants import join_team
from tests.cases.test_rounding_cases import feed, intake

pytestmark = pytest.mark.sqlite
Send = Callable[[Mapping[str, Any]], None]
SOLD_BACK = "Refunded + Items Returned"


LINE: Mapping[str, Any] = {
    "pos": 1,
    "sku": "TEA-1",
    "name": "Cup",
    "uom": "PCS",
    "qty": 1,
    "amount": "5.31",
    "tax": "SST",
}


def refund(**values: Any) -> dict[str, Any]:
    """Return a refund of one of the two cups of order NS-901, 5.31 and 10% tax."""
    record = {
        "kind": "refund",
        "id": "R1",
        "number": "R1",
        "order_number": "NS-901",
        "status": "Refunded",
        "refunded_on": "2026-11-22",
        "customer": "C-77",
        "currency": "MYR",
        "total": "5.84",
        "lines": [LINE],
    }
    return {"records": [{**record, **values}]}


def receipt(**values: Any) -> dict[str, Any]:
    """Return a payment of order NS-901."""
    record = {
        "kind": "receipt",
        "id": "T1",
        "number": "T1",
        "order_number": "NS-901",
        "status": "Captured",
        "received_on": "2026-11-27",
        "customer": "C-77",
        "method": "FPX",
        "currency": "MYR",
        "amount": "11.70",
    }
    return {"records": [{**record, **values}]}


@pytest.fixture
def company(make: Make) -> CaseCompany:
    """A program that posts to QuickBooks; Lim may decide for every team, and Farah correct."""
    company = make(Plan(template="orders-quickbooks"), "quickbooks")
    for name in ("Lim", "Farah"):
        for team in ("accounts", "sales_admin", "tax_desk", "purchasing"):
            join_team(company, name, team)
    return company


@pytest.fixture
def send(company: CaseCompany, tmp_path: Path) -> Send:
    return lambda content: feed(company, tmp_path, content)


def totals(company: CaseCompany) -> dict[str, Decimal]:
    return {number: Decimal(str(one["TotalAmt"])) for number, one in company.documents().items()}


def hold_of(company: CaseCompany, number: str, rule: str) -> int:
    """Return the id of the open hold of a record by this rule."""
    query = select(Hold.id).join(Record, Record.id == Hold.record_id)
    query = query.where(Record.number == number, Hold.rule == rule, Hold.state == "open")
    with company.database.read() as session:
        return session.scalars(query).one()


def correct(company: CaseCompany, hold_id: int, path: str, value: str, rev: int = 1) -> None:
    """Correct a field on the page of a hold."""
    form = {"path": path, "value": value, "reason": "as in the shop", "rev": str(rev)}
    browser = company.visit("farah")
    browser.post(f"/c/kedai/holding/{hold_id}/correct", form | {"op": f"op-{hold_id}-{path}"})
    company.work()


@pytest.mark.parametrize("status", ["Refunded", SOLD_BACK])
def test_a_taxed_refund_that_does_not_add_up_offers_no_release_that_leads_nowhere(
    company: CaseCompany, send: Send, status: str
) -> None:
    """It was released, and then held for what QuickBooks makes of it, which nobody releases."""
    send(intake())
    send(refund(total="5.90", status=status))
    (hold,) = company.holds()
    assert (hold.rule, hold.owner, hold.amount) == ("refund_adds", "accounts", Decimal("5.90"))
    assert all(figure in hold.text for figure in ("5.31", "0.53", "5.90", "0.06"))
    hold_id = hold_of(company, "R1", "refund_adds")
    page = company.visit("lim").get(f"/c/kedai/holding/{hold_id}").get_data(as_text=True)
    assert f'id="futile{hold_id}"' in page
    assert f'id="release{hold_id}"' not in page
    with company.database.read() as session:
        refusal = refuse_futile_releases(session, [session.get_one(Hold, hold_id)])[hold_id]
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.status) == ("hold.release_futile", 409)
    correct(company, hold_id, "total", "5.84")
    assert company.holds() == []
    assert totals(company)["RF-R1"] == Decimal("5.84")


@pytest.mark.parametrize("status", ["Refunded", SOLD_BACK])
def test_a_taxed_refund_that_states_its_tax_is_released_with_the_difference(
    company: CaseCompany, send: Send, status: str
) -> None:
    send(intake())
    send(refund(total="5.90", tax_total="0.53", status=status))
    (hold,) = company.holds()
    assert (hold.code, hold.owner) == ("SUM01", "accounts")
    company.release("R1")
    company.work()
    assert company.holds() == []
    assert totals(company)["RF-R1"] == Decimal("5.90")


def test_a_refund_whose_release_posts_it_can_be_released(company: CaseCompany, send: Send) -> None:
    send(intake())
    send(refund(refunded_on="2026-11-19"))
    (hold,) = company.holds()
    assert hold.rule == "sold_before"
    send(refund(total="13.00", lines=[LINE | {"amount": "11.82"}]))
    (hold,) = company.holds()
    assert hold.rule == "refund_within_order"
    company.release("R1")
    company.work()
    assert company.holds() == []
    assert totals(company)["RF-R1"] == Decimal("13.00")


def test_an_order_whose_tax_is_another_can_be_corrected_where_nobody_can_release_it(
    company: CaseCompany, send: Send
) -> None:
    send(intake(tax_total="2.00", total="12.64"))
    (hold,) = company.holds()
    assert (hold.rule, hold.owner) == ("total_adds", "accounts")
    hold_id = hold_of(company, "NS-901", "total_adds")
    page = company.visit("lim").get(f"/c/kedai/holding/{hold_id}").get_data(as_text=True)
    assert f'id="futile{hold_id}"' in page
    correct(company, hold_id, "tax_total", "1.06")
    (hold,) = company.holds()
    hold_id = hold_of(company, "NS-901", hold.rule)
    correct(company, hold_id, "total", "11.70", rev=2)
    assert company.holds() == []
    assert totals(company)["NS-901-1"] == Decimal("11.70")


# ---- a record that waits for another one -------------------------------------------------------


def test_a_payment_of_an_order_that_was_not_received_is_held_by_that_name(
    company: CaseCompany, send: Send
) -> None:
    """It was held as a payment above its order, whose release left it waiting for ever."""
    send(receipt())
    holds = {hold.rule: hold for hold in company.holds("T1")}
    assert holds["order_is_here"].owner == "accounts"
    assert "NS-901" in holds["order_is_here"].text
    assert "not_too_much" not in holds
    send(intake())
    assert company.holds() == []
    assert company.states() == {"T1": "posted", "NS-901": "posted"}


def test_a_payment_of_a_draft_is_held_at_once(company: CaseCompany, send: Send) -> None:
    send(intake(status="draft"))
    send(receipt())
    (hold,) = company.holds("T1")
    assert (hold.code, hold.owner) == ("EVA06", "accounts")
    assert "draft" in hold.text


def test_a_payment_of_an_order_that_stays_unpaid_is_held_after_three_days(
    company: CaseCompany, send: Send
) -> None:
    send(intake(status="Pending"))
    send(receipt())
    assert company.holds() == []
    assert company.states()["T1"] == "waiting"
    company.clock.advance(timedelta(days=4))
    company.test_target()
    company.work()
    (hold,) = company.holds("T1")
    assert (hold.rule, hold.owner) == ("order_goes", "accounts")
    assert "11.70" in hold.text
    send(intake(version=2))
    assert company.holds() == []
    assert company.states() == {"NS-901": "posted", "T1": "posted"}


@pytest.fixture
def distributor(make: Make) -> CaseCompany:
    return make(
        Plan(
            template="orders-autocount",
            without=["goods.rules"],  # AutoCount's cloud interface takes none of its documents
            rules={"    after    autocount.delivery_order\n": ""},
        ),
        "autocount",
        debtors=["300-K210"],
        creditors=["400-M001"],
    )


@pytest.mark.parametrize(
    ("record", "rule"),
    [
        ({"kind": "receipt", "received_on": "2026-11-27", "method": "FPX"}, "paid_order_came"),
        ({"kind": "refund", "refunded_on": "2026-11-27", "branch": "KL"}, "order_came"),
        (
            {"kind": "settlement_payment", "paid_on": "2026-11-27", "method": "Payout"},
            "settlement_came",
        ),
    ],
)
def test_a_record_whose_order_never_comes_is_held_after_three_days(
    distributor: CaseCompany, tmp_path: Path, record: Mapping[str, Any], rule: str
) -> None:
    """It waited in silence for as long as the order did not come."""
    words = {"receipt": "cleared", "refund": "refunded", "settlement_payment": "paid"}
    whole = {"id": "W1", "number": "W1", "status": words[record["kind"]], **record}
    if record["kind"] == "settlement_payment":
        whole |= {"settlement": "SHP-99", "supplier": "SHOPEE", "amount": "10.00"}
    else:
        whole |= {"order_number": "1999", "customer": "K-210"}
        whole |= {"amount": "10.00"} if record["kind"] == "receipt" else {"total": "10.00"}
    if record["kind"] == "refund":
        line = {"pos": 1, "order_line": 1, "sku": "SOAP-90", "uom": "PCS", "qty": 1}
        whole |= {"lines": [line | {"amount": "10.00", "tax": "NONE"}]}
    feed(distributor, tmp_path, {"records": [whole]})
    assert rule not in {hold.rule for hold in distributor.holds("W1")}
    distributor.clock.advance(timedelta(days=4))
    distributor.test_target()
    distributor.work()
    held = {hold.rule: hold for hold in distributor.holds("W1")}
    assert held[rule].owner == "accounts"
    assert all(word in held[rule].text for word in ("10.00", whole.get("order_number", "SHP-99")))
