"""The page of a payout: its totals, the difference to the deposit, the orders that it names."""

import re

import pytest

from holding.reconciliation.ledger_check import deposit_text
from sandbox.simulators.netshop.deliveries import delivery, sample_payout
from tests.portal.intake.test_hooks import wire
from tests.portal.reading import plain
from tests.portal.seed import HOOK_SECRET

pytestmark = pytest.mark.sqlite
PAGE = "/c/kedai/records/netshop/payout/PO-1"


@pytest.fixture
def deliver(app, clock):
    def send(kind, record, event):
        sent = delivery([record], event_id=event, secret=HOOK_SECRET, now=clock.now(), kind=kind)
        answer = app.test_client().post("/hooks/kedai/netshop", data=sent.raw, headers=sent.headers)
        assert answer.status_code == 202, answer.get_data()

    return send


def lines(count, **first):
    rows = [
        {"id": f"L{at}", "kind": "sale", "number": f"SO-{900 + at}", "amount": "10.00"}
        for at in range(1, count + 1)
    ]
    return [{**rows[0], **first}, *rows[1:]]


def test_it_shows_the_totals_the_difference_and_the_orders_that_are_here(visit, deliver):
    deliver("order", wire("SO-901")["order"], "evt-1")
    told = [*lines(2), {"id": "F", "kind": "fee", "name": "Gateway", "amount": "-0.50"}]
    given = {"gross": "20.00", "fees": "0.50", "fee_tax": "0.00", "net": "19.50"}
    deliver("payout", sample_payout("PO-1", lines=told, **given, deposit="19.51"), "evt-2")
    page = visit("farah").text(PAGE)
    well = re.search(r'<section id="payout".*?</section>', page, re.S)[0]
    words = plain(well)
    assert "RM 0.01 less than the bank deposit." in words
    assert "Paid out RM 19.50" in words
    assert "Bank deposit RM 19.51" in words
    assert 'href="/c/kedai/records/netshop/order/SO-901"' in well
    assert "SO-902 is not here" in words
    assert "Fee Gateway none -0.50" in words
    assert "page 1 of" not in words


def test_a_number_that_is_the_id_of_another_order_leads_to_its_own(visit, deliver):
    deliver("order", {**wire("SO-901")["order"], "number": "SO-902"}, "evt-1")
    deliver("order", {**wire("SO-902")["order"], "number": "SO-901"}, "evt-2")
    deliver("order", {**wire("SO-903")["order"], "number": "SO-904"}, "evt-3")
    told = [
        {"id": "L1", "kind": "sale", "number": "SO-901", "amount": "10.00"},
        {"id": "L2", "kind": "sale", "order": "SO-901", "number": "SO-902", "amount": "10.00"},
        {"id": "L3", "kind": "sale", "order": "SO-904", "amount": "10.00"},
    ]
    deliver("payout", sample_payout("PO-1", lines=told), "evt-4")
    page = visit("farah").text(PAGE)
    well = re.search(r'<section id="payout".*?</section>', page, re.S)[0]
    rows = re.findall(r"<tr.*?</tr>", well, re.S)
    by_line = {plain(row).split()[0]: re.findall(r'href="([^"]+)"', row) for row in rows}
    assert by_line["1"] == ["/c/kedai/records/netshop/order/SO-902"]
    assert by_line["2"] == ["/c/kedai/records/netshop/order/SO-901"]
    assert by_line["3"] == []


def test_many_entries_come_in_pages(visit, deliver):
    deliver("payout", sample_payout("PO-1", lines=lines(60)), "evt-1")
    farah = visit("farah")
    first, last = (plain(farah.text(f"{PAGE}?entries={page}")) for page in (1, 3))
    assert "60 entries, page 1 of 3" in first
    assert "SO-925 " in first
    assert "SO-926 " not in first
    assert "SO-960 " in last
    assert "SO-950 " not in last
    assert plain(farah.text(f"{PAGE}?entries=99")) == first


def test_no_other_record_has_it(visit, deliver):
    deliver("order", wire("SO-901")["order"], "evt-1")
    assert 'id="payout"' not in visit("farah").text("/c/kedai/records/netshop/order/SO-901")


@pytest.mark.parametrize(
    ("net", "deposit", "words"),
    [
        ("10.00", "10.00", "Equal to the bank deposit."),
        ("10.00", "10.01", "RM 0.01 less than the bank deposit."),
        ("1000.00", "1.99", "RM 998.01 more than the bank deposit."),
        ("10.00", None, "What the bank received was not entered."),
        (None, "10.00", "What the bank received was not entered."),
    ],
)
def test_how_it_stands_to_the_deposit(net, deposit, words):
    assert deposit_text("MYR", net, deposit) == words
