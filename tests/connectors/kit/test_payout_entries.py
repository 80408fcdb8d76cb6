"""An unreadable entry of a payout holds the payout and the payment that it is a part of."""

from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from connectors.contract import IncomingRecord
from connectors.contract.pulls import RowError
from connectors.kit.canonical_record import Cell
from connectors.kit.shops import payouts
from connectors.kit.shops.payouts import Entry, Payout


@pytest.mark.parametrize("place", ["sales[0].amount", "sales[0]", "income[0].fee"])
def test_a_fault_holds_the_payout_and_its_own_payment_alone(place: str) -> None:
    sale = {"part": "sale", "amount": Decimal("10.00")}
    entries = (
        Entry(place="sales[0]", line_id="1", order_id="A", sums=("income[0]",), **sale),
        Entry(place="sales[1]", line_id="2", order_id="B", **sale),
    )
    head = {"status": Cell("payout.status", "paid")}
    payout = Payout(place="payout", key=Cell("payout.id", "PO-1"), head=head, entries=entries)
    error = RowError(where=place, value="ten", message="It is no amount.", hint="Correct it.")
    kinds = payouts.payout_kinds("shopee")
    whole, first, second = payouts.records_of(payout, kinds, ZoneInfo("Asia/Kuala_Lumpur"), [error])
    assert isinstance(whole, IncomingRecord)
    assert isinstance(first, IncomingRecord)
    assert isinstance(second, IncomingRecord)
    read = (whole, first, second)
    held = [one.external_id for one in read if place in {fault.where for fault in one.errors}]
    assert held == [whole.external_id, first.external_id]


def test_two_payments_of_one_id_are_errors_and_no_records() -> None:
    sales = [
        Entry(place=f"sales[{at}]", line_id="1", part="sale", amount=Decimal(10), order_id="A")
        for at in range(2)
    ]
    head = {"status": Cell("payout.status", "paid")}
    _, payment = payouts.payout_kinds("workbook")
    found = payouts.payments_of(head, sales, payment, ZoneInfo("Asia/Kuala_Lumpur"))
    assert [one.where for one in found if isinstance(one, RowError)] == ["sales[1]"]
    assert len(found) == 1
