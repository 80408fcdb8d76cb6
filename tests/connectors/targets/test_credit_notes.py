"""What takes a sale back: once, whatever happens to the answer, and the goods once with it."""

from functools import partial

import pytest

from connectors.contract.pulls import ImportedByHand
from connectors.registry import targets
from sandbox.conformance.target_suite import Late, first_write, relaying
from tests.connectors.sample_documents import autocount_credit_note, bill_line
from tests.connectors.simulator_processes import SAMPLES, Bench

ITEM = {"autocount": ("1042", "TEE-BLK-M"), "quickbooks": ("9130347", "11")}
"""Where the stock of the sample's article is counted: the company, the article."""
NOTES = [
    "autocount credit note",
    "quickbooks credit memo",
    "quickbooks refund receipt",
]
BY_HAND = {"autocount_excel": "the notes of its import are posted by hand: test_autocount_excel.py"}
NOT_LOOKED_UP = {"aiaccount": "no list shows its refunds: test_aiaccount_refunds.py"}
NONE_OF_THEM = {
    "autocount_aotg": "its interface books A/R invoices alone",
}


def takes_back(schema):
    """Whether it is called what such a document is called."""
    return any(word in schema.name for word in ("credit", "refund", "return"))


def test_every_target_that_declares_one_is_tried():
    declared = {
        name: {one.name for one in target.documents if takes_back(one)}
        for name, target in targets().items()
    }
    tried = {name: set() for name in targets()}
    for sample in NOTES:
        tried[sample.split()[0]].add(SAMPLES[sample].make("CN-1").document)
    assert all(isinstance(targets()[name], ImportedByHand) for name in BY_HAND)
    for name in NOT_LOOKED_UP:
        assert not any(one.shown for one in targets()[name].documents if takes_back(one))
    for name in (*BY_HAND, *NOT_LOOKED_UP):
        tried[name] = declared[name]
        assert declared[name], name
    assert tried == declared
    assert {name for name, found in declared.items() if not found} == NONE_OF_THEM.keys()


@pytest.fixture(params=NOTES)
def bench(request, running, http):
    name = request.param.split()[0]
    found = Bench(targets()[name], running(name), http, request.param)
    found.afresh()
    return found


def stock(bench):
    company, item = ITEM[bench.target.name]
    return bench.sim.show("stock").get(company, {}).get(item, "0")


def test_the_goods_come_back_once_however_often_it_is_sent(bench):
    assert stock(bench) == "-2", "sold"
    for key in ("cp-1", "cp-1", "cp-2"):
        (answer,) = bench.send(bench.make("CN-1"), key=key).answers
        assert answer.kind == "accepted"
        assert (len(bench.standing()), stock(bench)) == (1, "-1")


@pytest.mark.parametrize("late", Late)
def test_the_goods_come_back_once_when_nobody_heard_of_it(bench, late):
    usual = bench.http
    with relaying(bench.sim.url, first_write(), late) as relay:
        bench.http = relay.http
        (answer,) = bench.send(bench.make("CN-1"), base_url=relay.url).answers
        assert answer.kind == "uncertain"
        bench.http = usual
        assert bench.send(bench.make("CN-1")).answers[0].kind == "accepted"
        relay.release()
    assert bench.look_up(bench.make("CN-1")).kind == "equal"
    assert (len(bench.standing()), stock(bench)) == (1, "-1")


def test_a_part_of_it_that_is_changed_moves_the_goods_by_the_difference(bench):
    one, both = bench.make("CN-1"), bench.make("CN-1", **bench.sample.more)
    bench.send(one)
    for _ in range(2):
        (answer,) = bench.send(both, key="cp-update", action="update").answers
        assert answer.kind == "accepted"
        assert (len(bench.standing()), stock(bench)) == (1, "0")
    assert bench.look_up(both, action="update", standing=one).kind == "equal"


def test_an_invoice_of_its_number_is_no_proof_of_it(bench):
    """The sale and what takes it back may have one number."""
    credit = bench.make("NS-7")
    assert bench.look_up(credit).kind == "absent"
    assert bench.send(credit).answers[0].kind == "accepted"
    assert bench.look_up(credit).kind == "equal"
    assert stock(bench) == "-1"


@pytest.mark.parametrize(("returned", "left"), [("yes", "-1"), ("no", "-2"), ("", "-2")])
def test_goods_that_stay_with_the_customer_stay_out_of_the_stock(
    autocount, autocount_sim, http, returned, left
):
    bench = Bench(autocount, autocount_sim, http, "autocount credit note")
    bench.afresh()
    row = partial(bill_line, AccNo="510-0000", Qty="1", SubTotal="49.50")
    (answer,) = bench.send(autocount_credit_note(lines=[row(GoodsReturn=returned)])).answers
    assert answer.kind == "accepted"
    assert stock(bench) == left
