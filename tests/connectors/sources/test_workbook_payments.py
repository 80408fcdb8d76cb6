"""A payout from a file brings what it pays of each order, as one from the shop itself does."""

import pytest

from connectors.contract.pulls import FileOrders
from connectors.contract.schema import KindSchema
from connectors.registry import sources
from connectors.sources.netshop.connector import payout_of
from tests.support.zones import SHOP_ZONE

NETSHOP = {one.kind: one for one in sources()["netshop"].kinds}
HEADS = (
    "Payout no,Status,Deposit date,Currency,Net,Line,Line ID,Kind of entry,Order ID,Order number,"
    "Amount\n"
)
SALE = "PO-1,paid,2026-11-19,MYR,{net},{pos},{id},{part},{order},{number},{amount}\n"


def line(pos: int, key: str, part: str, amount: str, order: str = "", **more: str) -> str:
    told = {"net": "13.00", "number": order and f"NS-{order}", **more}
    row = SALE.format(pos=pos, id=key, part=part, amount=amount, order=order, **told)
    return row.replace("PO-1", more.get("payout", "PO-1"))


def upload(text: str, beside: tuple[KindSchema, ...] = tuple(NETSHOP.values())) -> FileOrders:
    found = sources()["workbook"].upload(  # type: ignore[attr-defined]
        "p.csv", text.encode(), SHOP_ZONE, {}, NETSHOP["payout"], beside
    )
    assert isinstance(found, FileOrders)
    return found


GOOD = (
    HEADS
    + line(1, "S-1", "sale", "10.00", "71")
    + line(2, "S-2", "sale", "5.00", "72")
    + line(3, "F-1", "fee", "-2.00")
)


def test_the_payments_are_those_that_the_shop_itself_would_send() -> None:
    (one,) = upload(GOOD).orders
    lines = [
        {"id": "S-1", "kind": "sale", "order": "71", "number": "NS-71", "amount": "10.00"},
        {"id": "S-2", "kind": "sale", "order": "72", "number": "NS-72", "amount": "5.00"},
        {"id": "F-1", "kind": "fee", "amount": "-2.00"},
    ]
    told = {"id": "PO-1", "status": "paid", "deposited_on": "2026-11-19", "currency": "MYR"}
    sent = payout_of("payout", {**told, "net": "13.00", "lines": lines}, SHOP_ZONE)
    assert one.errors == ()
    assert [(r.kind, r.external_id) for r in one.records] == [
        ("payout", "PO-1"),
        ("order_payment", "S-1"),
        ("order_payment", "S-2"),
    ]
    assert one.more == sent[1:]


def test_a_source_that_may_not_bring_payments_gives_the_payout_alone() -> None:
    found = upload(GOOD.replace("F-1,fee", "F-1,whatever"), (NETSHOP["payout"], NETSHOP["order"]))
    (one,) = found.orders
    assert ([r.kind for r in one.records], found.lacking) == (["payout"], ())


@pytest.mark.parametrize(
    ("heading", "lacks"), [("Line ID", "line_id"), ("Kind of entry", "part"), ("Amount", "amount")]
)
def test_a_file_that_does_not_tell_its_sales_says_what_it_lacks(heading: str, lacks: str) -> None:
    found = upload(GOOD.replace(heading, "Something"))
    (one,) = found.orders
    assert ([r.kind for r in one.records], found.lacking) == (["payout"], (lacks,))
    assert upload(GOOD).lacking == ()


def wrong(text: str) -> list[list[tuple[str, str]]]:
    orders = upload(HEADS + text).orders
    assert all(len(one.records) == 1 for one in orders if one.errors), "payouts without payments"
    assert all(one.record.faults for one in orders if one.record and one.errors)
    return [[(error.where, error.message) for error in one.errors] for one in orders]


def test_what_is_no_sale_with_an_id_and_an_amount_of_its_own_is_a_wrong_cell() -> None:
    same = "Another sale of this file has the same id."
    assert wrong(line(1, "S-1", "sale", "1.00") + line(2, "S-1", "sale", "2.00")) == [
        [("payouts!G2", same), ("payouts!G3", same)]
    ]
    assert wrong(line(1, "1", "sale", "1.00") + line(1, "1", "sale", "2.00", payout="PO-2")) == [
        [("payouts!G2", same)],
        [("payouts!G3", same)],
    ]
    assert wrong(line(1, "F", "fee", "-1.00") + line(2, "F", "fee", "-2.00")) == [[]]
    sale = line(1, "S-1", "sale", "9.00")
    assert wrong(sale + line(2, "S-1", "fee", "-1.00") + line(3, "", "adjustment", "")) == [[]]
    assert wrong(line(1, "", "sale", "1.00")) == [[("payouts!G2", "The sale has no id.")]]
    assert wrong(line(1, "S-1", "sale", "")) == [[("payouts!K2", "The sale has no amount.")]]
    kind = "This is not a kind of entry that a payout has."
    assert wrong(line(1, "S-1", "Charge", "1.00")) == [[("payouts!H2", kind)]]
    assert wrong(line(1, "S-1", "", "1.00")) == [[("payouts!H2", kind)]]
    assert wrong(line(1, "S" * 51, "sale", "1.00"))[0][0][0] == "payouts!G2"
