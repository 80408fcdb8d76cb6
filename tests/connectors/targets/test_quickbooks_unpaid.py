"""Unpaid invoices and bills of QuickBooks, page by page."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from connectors.contract import Found
from connectors.contract.targets import ListEntry
from connectors.registry import targets
from connectors.targets.quickbooks import probe
from connectors.transport.http import HttpAnswer
from tests.connectors.recorded import BASE, Tape, recorded
from tests.connectors.simulator_processes import SAMPLES, Bench

SOLD = {
    "Amount": 99,
    "DetailType": "SalesItemLineDetail",
    "SalesItemLineDetail": {"ItemRef": {"value": "11"}},
}
BOUGHT = {
    "Amount": 250,
    "DetailType": "AccountBasedExpenseLineDetail",
    "AccountBasedExpenseLineDetail": {"AccountRef": {"value": "81"}},
}


@pytest.fixture
def bench(start, http):
    return Bench(targets()["quickbooks"], start(target="quickbooks"), http)


def typed(bench, entity, **body):
    mode = {} if entity == "Payment" else {"GlobalTaxCalculation": "NotApplicable"}
    given = {"TxnDate": "2026-11-19", **mode, **body}
    return bench.sim.control("typed", entity=entity, body=given)["id"]


def invoice(bench, number, customer="58"):
    ref = {"value": customer}
    return typed(bench, "Invoice", DocNumber=number, CustomerRef=ref, Line=[SOLD])


def paid(bench, document, amount, number="R-1"):
    lines = [{"Amount": amount, "LinkedTxn": [{"TxnId": document, "TxnType": "Invoice"}]}]
    ref = {"value": "58"}
    body = {"PaymentRefNum": number, "CustomerRef": ref, "TotalAmt": amount, "Line": lines}
    return typed(bench, "Payment", **body)


def page(bench, kind, after=""):
    found = bench.target.list_page(kind, after, bench.sim.settings, bench.sample.secret, bench.http)
    assert not isinstance(found, Found), found.words
    return found


def left(bench, kind="invoice"):
    return {one.sku: one.left for one in page(bench, kind).entries}


def test_what_is_unpaid_is_told_with_its_number_its_customer_and_what_is_left(bench):
    first, second = invoice(bench, "NS-1"), invoice(bench, "NS-2")
    invoice(bench, "NS-3", customer="60")
    paid(bench, first, 20)
    told = page(bench, "invoice")
    assert told.after == ""
    assert [(one.code, one.sku, one.party, one.active) for one in told.entries] == [
        (first, "NS-1", "58", True),
        (second, "NS-2", "58", True),
        (told.entries[2].code, "NS-3", "60", True),
    ]
    named = ["Kedai Maju Sdn. Bhd.", "Kedai Maju Sdn. Bhd.", "Restoran Serai Wangi"]
    assert [one.name for one in told.entries] == named
    whole = told.entries[1].left
    assert isinstance(whole, Decimal)
    assert told.entries[0].left == whole - 20
    paid(bench, first, float(whole - 20), "R-2")
    assert left(bench) == {"NS-2": whole, "NS-3": whole}, "what is paid is not told any more"


def test_bills_are_told_likewise(bench):
    typed(bench, "Bill", DocNumber="ST-1", VendorRef={"value": "77"}, Line=[BOUGHT])
    (one,) = page(bench, "bill").entries
    assert (one.sku, one.party, one.left is not None and one.left >= 250) == ("ST-1", "77", True)
    assert one.name == "Ladang Teh Sdn. Bhd."
    assert page(bench, "invoice").entries == ()


def test_where_nothing_is_found_by_its_balance_all_are_gone_through(bench):
    first = invoice(bench, "NS-1")
    invoice(bench, "NS-2")
    whole = left(bench)["NS-1"]
    paid(bench, first, float(whole))
    bench.sim.control("company", not_queryable={"Invoice": ["Balance"]})
    assert left(bench) == {"NS-2": whole}


def test_a_long_list_goes_on_in_the_way_that_it_began(bench):
    at = datetime.now(UTC)
    rows = [{"Id": str(no), "Balance": no % 2, "DocNumber": f"NS-{no}"} for no in range(1, 1_002)]
    asked = []

    def get(path):
        asked.append(path)
        barred = "Balance" in path
        part = rows[1000:] if "startposition%201001" in path else rows[:1000]
        body = (
            {"Fault": {"Error": [{"code": "4001"}]}}
            if barred
            else {"QueryResponse": {"Invoice": part}}
        )
        status = 400 if barred else 200
        return HttpAnswer(
            status=status, headers={}, body=json.dumps(body).encode(), seconds=0.1, at=at
        )

    first = probe.list_page("invoice", "", get)
    assert not isinstance(first, Found)
    second = probe.list_page("invoice", first.after, get)
    assert not isinstance(second, Found)
    assert (len(first.entries), len(second.entries), second.after) == (500, 1, "")
    assert ["Balance" in one for one in asked] == [True, False, False]
    asked.clear()
    probe.list_page("invoice", "1001", get)
    assert "startposition" not in asked[-1], "among all it begins with the first"


def test_the_client_reads_unpaid_documents_as_recorded():
    settings = {"base_url": BASE, "company_id": "9130347"}
    secret = SAMPLES["quickbooks"].secret
    for kind, entries in {
        "invoice": (
            ListEntry("145", "Kedai Maju Sdn. Bhd.", sku="NS-10231", party="58",
                      left=Decimal("88.90"), currency="MYR"),
        ),
        "bill": (
            ListEntry("310", "Blogger 12", sku="ST-88", party="77",
                      left=Decimal("250.00"), currency="MYR"),
        ),
    }.items():  # fmt: skip
        tape = Tape(recorded("quickbooks", "lists/unpaid")[kind])
        found = targets()["quickbooks"].list_page(kind, "", settings, secret, tape)
        assert not isinstance(found, Found)
        assert (found.entries, found.after, tape.calls) == (entries, "", [])


@pytest.mark.parametrize(
    "shown",
    [
        {"Id": "7", "Balance": 0},
        {"Id": "7", "Balance": -1},
        {"Id": "7", "Balance": "9"},
        {"Id": "7", "Balance": True},
        {"Id": "7"},
        {"Balance": 1},
    ],
)
def test_what_has_nothing_left_or_says_nothing_of_it_is_left_out(shown):
    body = json.dumps({"QueryResponse": {"Bill": [shown]}}).encode()
    answer = HttpAnswer(status=200, headers={}, body=body, seconds=0.1, at=datetime.now(UTC))
    found = probe.list_page("bill", "", lambda _: answer)
    assert not isinstance(found, Found)
    assert found.entries == ()


def test_nobody_can_say_without_an_answer(bench):
    bench.sim.control("revoke")
    secret = bench.sample.secret
    found = bench.target.list_page("bill", "", bench.sim.settings, secret, bench.http)
    assert isinstance(found, Found)
    assert (found.kind, found.key_refused) == ("unknown", True)
