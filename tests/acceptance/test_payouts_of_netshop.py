"""Payouts and refunds of NetShop under the shipped rules: AutoCount comes to what the bank
received, to the sen, and the receipt is knocked off against the invoices of its orders; what went
back is a credit note. Else it is on hold.
"""

import json
import time
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.houses import COMPANY
from tests.acceptance.many import run_all
from tests.acceptance.product import ADMIN, Product, free_environment
from tests.acceptance.test_payouts import TEAMS, Shop
from tests.acceptance.trader import Trader, opened_trader

pytestmark = pytest.mark.slow
SECRET = "netshop-secret-of-the-test"
PIECE = {"pos": 1, "sku": "MUG", "name": "Mug", "uom": "PCS", "qty": 1, "tax": "NONE"}


def ordered(number: int, price: str) -> dict[str, Any]:
    """A paid order of one mug at this price, as NetShop tells it."""
    return {
        "id": number,
        "number": f"NS-{number}",
        "status": "paid",
        "ordered_at": "2026-11-19T13:55:02+08:00",
        "paid_at": "2026-11-19T14:03:11+08:00",
        "updated_at": "2026-11-19T14:03:12+08:00",
        "currency": "MYR",
        "channel": "FPX",
        "customer": {"id": "C-88", "name": "Aisyah Rahman"},
        "items": [{**PIECE, "price": price}],
        "subtotal": price,
        "tax_total": "0.00",
        "round_off": "0.00",
        "total": price,
        "version": 1,
    }


def paid_out(key: str, *orders: Mapping[str, Any], back: str = "0.00") -> dict[str, Any]:
    """What NetShop pays out of these: of each a fee of 1.50, and 0.12 of tax on it; `back` went
    back to the buyer of the last.
    """
    lines: list[dict[str, str]] = []
    for order in orders:
        for kind, amount in (("sale", order["total"]), ("fee", "-1.50"), ("fee_tax", "-0.12")):
            about = {"order": order["id"], "number": order["number"], "amount": amount}
            lines.append({"id": f"{key}-{len(lines) + 1}", "kind": kind, **about})
    if Decimal(back):
        lines.append({**lines[-1], "id": f"{key}-back", "kind": "refund", "amount": f"-{back}"})
    gross = sum(Decimal(order["total"]) for order in orders)
    net = str(gross - Decimal(back) - len(orders) * Decimal("1.62"))
    return {
        "id": key,
        "status": "paid",
        "currency": "MYR",
        "deposited_on": "2026-11-20",
        "bank_ref": "IBG-5512",
        "updated_at": "2026-11-20T09:30:00+08:00",
        "gross": str(gross),
        "refunds": back,
        "fees": str(len(orders) * Decimal("1.50")),
        "fee_tax": str(len(orders) * Decimal("0.12")),
        "adjustments": "0.00",
        "net": net,
        "deposit": net,
        "lines": lines,
    }


class NetShop(Shop):
    """NetShop calls by webhook; its stand-in is not asked here."""

    def __init__(self, trader: Trader) -> None:
        super().__init__(trader, "", "netshop")

    def tells(self, kind: str, *records: Mapping[str, Any]) -> None:
        """A signed delivery, judged and carried out."""
        event = f"evt_{next(self.trader._events)}"
        at = time.time() + self.trader.offset()
        raw = json.dumps({"event": f"{kind}.updated", f"{kind}s": records}).encode()
        assert self.trader.post_hook(raw, event_id=event, secret=SECRET, at=at).ok
        for _ in range(4):
            self.trader.work()
            self.trader.move(minutes=1)

    def sold(self, number: int, price: str) -> dict[str, Any]:
        """A paid order, which is invoiced."""
        order = ordered(number, price)
        self.tells("order", order)
        return order

    def status(self, number: str) -> str:
        """What AutoCount calls a document."""
        found = self.trader.books["autocount"].documents()
        return next(
            str(one["master"]["status"]) for one in found if one["master"]["docNo"] == number
        )


@pytest.fixture(scope="module")
def netshop(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NetShop]:
    product = Product(command, tmp_path_factory.mktemp("netshop"), free_environment())
    product.run("init", "rules", "--template", "netshop-autocount")
    rules = product.folder / "rules"
    with opened_trader(product, rules, "autocount", teams=TEAMS) as trader:
        trader.books["autocount"].control(
            "book",
            debtors=["300-N001"],
            creditors=["400-N001"],
            products=dict.fromkeys(("MUG", "SHIPPING"), "PCS"),
        )
        by_admin = (*COMPANY, "--as", ADMIN)
        ran = run_all(
            product,
            [
                ("connection", "add", "netshop", *by_admin, "--side", "source"),
                ("connection", "key", "netshop", *by_admin),
            ],
            {1: SECRET},
        )
        assert [one.code in (0, None) for one in ran] == [True, True], ran
        yield NetShop(trader)


def test_a_payout_of_netshop_comes_to_the_bank_deposit_and_pays_its_invoices(
    netshop: NetShop,
) -> None:
    orders = [netshop.sold(number, price) for number, price in ((1, "118.80"), (2, "77.35"))]
    told = paid_out("PO-47", *orders)
    net = Decimal(told["net"])

    netshop.tells("payout", {**told, "deposit": str(net - Decimal("0.01"))})
    (more,) = netshop.held("PO-47")
    assert "payout PO-47 is RM 0.01 more than the deposit" in more
    assert netshop.booked("PO-47") == {}

    netshop.tell("PO-47", net)
    assert netshop.held("PO-47") == set()
    made = netshop.trader.books["autocount"].made()
    assert sorted(one for one in made if one.endswith("PO-47")) == [
        f"{word}-PO-47" for word in ("FB", "FP", "KO", "RC")
    ]
    paid = {
        one["master"]["docNo"]: Decimal(str(one["paymentDetails"][0]["paymentAmt"]))
        for one in netshop.trader.books["autocount"].documents()
        if one.get("paymentDetails")
    }
    assert paid["RC-PO-47"] - paid["FP-PO-47"] == net
    assert [netshop.status(one) for one in ("NS-1", "NS-2")] == ["Paid", "Paid"]
    assert netshop.status("RC-PO-47") == "Fully Applied"
    netshop.read()
    again = netshop.trader.books["autocount"].made()
    assert (again, len(again)) == (made, len(set(made)))


def test_an_order_of_netshop_that_is_not_here_holds_its_payout(netshop: NetShop) -> None:
    here = netshop.sold(11, "20.00")
    netshop.tells("payout", paid_out("PO-48", here, ordered(77, "30.00")))
    held = netshop.held("PO-48")
    assert any("order NS-77 of payout PO-48 was not received" in words for words in held), held
    assert not [one for one in netshop.trader.books["autocount"].made() if "PO-48" in one]


def test_a_payout_whose_refunds_went_back_is_knocked_off_by_a_person(netshop: NetShop) -> None:
    order = netshop.sold(21, "50.00")
    items = [{"sku": "MUG", "qty": 1}]
    back = {"id": "RF-21", "status": "Refunded + Items Returned", "amount": "10.00", "items": items}
    later = {"updated_at": "2026-11-20T10:00:00+08:00", "version": 2}
    netshop.tells("order", {**order, **later, "refund": back})
    netshop.tells("payout", paid_out("PO-49", order, back="10.00"))
    assert netshop.held("PO-49") == set()
    made = netshop.trader.books["autocount"].made()
    assert sorted(one for one in made if one.endswith("PO-49")) == [
        f"{word}-PO-49" for word in ("FB", "FP", "RC")
    ]
    assert netshop.status("NS-21") == "Unpaid"


def test_a_refund_is_a_credit_note_of_what_came_back_or_is_held(netshop: NetShop) -> None:
    """NetShop tells the item and what all of the refund comes to; AutoCount shows the goods and the
    tax of the order.
    """
    mug = {**PIECE, "price": "10.00", "qty": 2, "tax": "SST"}
    sums = {"items": [mug], "subtotal": "20.00", "tax_total": "2.00", "total": "22.00"}
    order = {**ordered(41, "20.00"), **sums}
    netshop.tells("order", order)
    items = [{"sku": "MUG", "qty": 1}]
    back = {"id": "RF-41", "status": "Refunded + Items Returned", "amount": "11.00", "items": items}
    later = {"updated_at": "2026-11-20T10:00:00+08:00", "version": 2}
    netshop.tells("order", {**order, **later, "refund": back})
    (note,) = [
        one
        for one in netshop.trader.books["autocount"].documents()
        if one["master"]["docNo"] == "CN-RF-41"
    ]
    master, (line,) = note["master"], note["details"]
    assert (master["ourInvoiceNo"], master["debtorCode"]) == ("NS-41", "300-N001")
    assert (master["finalTotal"], master["tax"]) == ("11.00", "1.00")
    assert (line["productCode"], str(line["qty"]), line["goodsReturn"]) == ("MUG", "1.0000", True)
    assert netshop.held("NS-41") == set()

    for number, change, said in (
        (42, {"status": "refunded"}, "Missing or not valid in the data from NetShop"),
        (43, {"items": []}, "Refund without items: RF-43 of RM 11.00."),
        (44, {"amount": "22.01"}, "Refunded more than sold"),
    ):
        sold = {**ordered(number, "20.00"), **sums}
        netshop.tells("order", sold)
        told = {**back, "id": f"RF-{number}", **change}
        netshop.tells("order", {**sold, **later, "refund": told})
        assert any(said in words for words in netshop.held(f"RF-{number}"))
        assert f"CN-RF-{number}" not in netshop.trader.books["autocount"].made()


def test_T36k_F04_a_sen_of_a_shop_that_rounds_once_is_the_rounding_line_and_is_paid_out(
    netshop: NetShop,
) -> None:
    """Three lines of 10.04 with 10 % tax: AutoCount makes 33.12 of them, the buyer paid 33.13."""
    mugs = [{**PIECE, "pos": pos, "price": "10.04", "tax": "SST"} for pos in (1, 2, 3)]
    told = {**ordered(31, "30.12"), "items": mugs, "tax_total": "3.01", "total": "33.13"}
    netshop.tells("order", told)
    assert netshop.held("NS-31") == set()
    found = netshop.trader.books["autocount"].documents()
    (head,) = [one["master"] for one in found if one["master"]["docNo"] == "NS-31"]
    assert (head["finalTotal"], head["tax"]) == ("33.13", "3.01")
    netshop.tells("payout", paid_out("PO-50", told))
    assert netshop.held("PO-50") == set()
    assert netshop.status("NS-31") == "Paid"
