"""Refunds of AiAccount: one call each, and no list there shows them."""

from datetime import timedelta

import pytest

from sandbox.conformance.target_suite import Late, first_write, relaying
from tests.connectors.sample_documents import billed, refund
from tests.connectors.simulator_processes import DEMO_KEY, Bench

TEE = {"SKU": "TEE-BLK-M", "Quantity": "1", "Amount": "54.45"}


@pytest.fixture
def bench(sim, aiaccount, http):
    found = Bench(aiaccount, sim, http)
    (answer,) = found.send(billed(), key="cp-sale").answers
    assert answer.kind == "accepted"
    return found


def refunds(bench):
    return [one for one in bench.sim.show("documents") if one["type"] == "sales_refund"]


def stock(bench):
    return bench.sim.show("stock")["CMP-1042"].get("TEE-BLK-M", "0")


@pytest.mark.parametrize("batch", [False, True])
def test_a_refund_goes_as_one_call_and_its_items_return_to_stock(bench, batch):
    assert stock(bench) == "-3"
    (answer,) = bench.send(refund(), batch=batch).answers
    assert (answer.kind, answer.target_ref) == ("accepted", "rfd_11")
    assert answer.besides == "Returned to stock there: 1 TEE-BLK-M."
    assert stock(bench) == "-2"
    (there,) = refunds(bench)
    assert (there["paid"], there["total"], there["currency"]) == ("IN-1", "54.45", "MYR")
    assert there["import_id"] is None


@pytest.mark.parametrize(
    "word", ["Refunded", "refunded + items returned", "Refunded+Items Returned"]
)
def test_any_other_word_gives_money_back_and_moves_no_stock(bench, word):
    (answer,) = bench.send(refund(SourceRefundStatus=word)).answers
    assert (answer.kind, answer.besides) == ("accepted", "Nothing was returned to stock.")
    assert stock(bench) == "-3"


def test_two_never_go_in_one_call(bench):
    for batch in (False, True):
        with pytest.raises(ValueError, match="one document"):
            bench.build(refund(), refund("RF-2"), batch=batch)


def test_the_same_call_tells_what_became_of_the_first(bench):
    bench.sim.control("faults", fault="timeout_after")
    (lost,) = bench.send(refund()).answers
    assert lost.kind == "uncertain"
    (told,) = bench.send(refund()).answers
    assert (told.kind, told.existing, told.target_ref) == ("accepted", True, "rfd_11")
    assert told.besides == "Returned to stock there: 1 TEE-BLK-M."
    assert len(refunds(bench)) == 1
    (other,) = bench.send(refund(), key="cp-2").answers
    assert (other.kind, other.words) == ("accepted", "Already there, with the same content.")
    (changed,) = bench.send(refund(amount="50.00"), key="cp-3").answers
    assert (changed.kind, changed.error_class) == ("refused", "stale_version")
    assert len(refunds(bench)) == 1


@pytest.mark.parametrize("late", Late)
def test_one_is_made_when_nobody_heard_of_it(bench, late):
    usual = bench.http
    with relaying(bench.sim.url, first_write(), late) as relay:
        bench.http = relay.http
        (answer,) = bench.send(refund(), base_url=relay.url).answers
        assert answer.kind == "uncertain"
        bench.http = usual
        (again,) = bench.send(refund()).answers
        assert (again.kind, again.target_ref) == ("accepted", "rfd_11")
        relay.release()
    assert (len(refunds(bench)), stock(bench)) == (1, "-2")


@pytest.mark.parametrize("sent", [False, True])
def test_no_look_up_says_that_it_is_there_or_not(bench, sent):
    if sent:
        bench.send(refund())
    before = len(bench.sim.ledger())
    found = bench.look_up(refund())
    assert (found.kind, found.key_lasts) == ("unknown", timedelta(days=30))
    assert found.words == "AiAccount lists no refunds, so it cannot be looked up."
    assert len(bench.sim.ledger()) == before + 1
    (read,) = bench.target.read((refund(),), bench.sim.settings, DEMO_KEY, bench.http)
    assert (read.kind, read.key_lasts) == ("unknown", timedelta(days=30))
    assert len(bench.sim.ledger()) == before + 1, "nothing was asked"


def test_a_look_up_without_a_clear_answer_does_not_ask_for_the_call_again(bench):
    found = bench.look_up(refund(), base_url="http://127.0.0.1:9")
    assert (found.kind, found.key_lasts) == ("unknown", None)


def test_what_is_kept_for_later_is_followed_by_its_key(bench):
    bench.sim.control("pause", key=DEMO_KEY)
    (kept,) = bench.send(refund()).answers
    assert (kept.kind, kept.code) == ("awaiting", "key_paused")
    waiting = bench.look_up(refund())
    assert (waiting.kind, waiting.key_lasts) == ("unknown", None)
    bench.sim.control("pause", key=DEMO_KEY, status="active")
    found = bench.look_up(refund())
    assert (found.kind, found.target_ref) == ("equal", "rfd_11")
    assert found.besides == "Returned to stock there: 1 TEE-BLK-M."
    assert len(refunds(bench)) == 1


@pytest.mark.parametrize(
    ("changed", "error_class", "code"),
    [
        ({"InvoiceNumber": "IN-9"}, "business_rule", "unknown_invoice"),
        ({"Customer": "Raj"}, "business_rule", "unknown_invoice"),
        ({"amount": "173.26"}, "business_rule", "over_payment"),
        ({"lines": [{**TEE, "SKU": "tee-blk-m"}]}, "mapping_missing", "unknown_sku"),
        ({"lines": [{**TEE, "SKU": "TEE-BLK-M "}]}, "mapping_missing", "unknown_sku"),
        ({"lines": [{**TEE, "Amount": "0.00"}]}, "bad_value", "bad_value"),
    ],
)
def test_what_it_refuses(bench, changed, error_class, code):
    (answer,) = bench.send(refund(**changed)).answers
    assert (answer.kind, answer.error_class, answer.code) == ("refused", error_class, code)
    assert refunds(bench) == []


def test_no_more_goes_back_than_was_sold_and_is_not_back_yet(bench):
    assert bench.send(refund(amount="120.00")).answers[0].kind == "accepted"
    (answer,) = bench.send(refund("RF-2", amount="53.26"), key="cp-2").answers
    assert (answer.kind, answer.code) == ("refused", "over_payment")
    assert bench.send(refund("RF-2", amount="53.25"), key="cp-3").answers[0].kind == "accepted"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"SourceRefundStatus": ""}, "Source Refund Status is blank."),
        ({"lines": [{**TEE, "SKU": ""}]}, "SKU of line 1 is blank."),
        ({"lines": []}, "The document has no lines."),
    ],
)
def test_what_is_never_sent(bench, changed, words):
    before = len(bench.sim.ledger())
    (answer,) = bench.send(refund(**changed)).answers
    assert (answer.kind, answer.error_class, answer.words) == ("refused", "missing_field", words)
    assert len(bench.sim.ledger()) == before


def test_a_company_without_refunds_and_a_key_without_the_permission(bench):
    (answer,) = bench.send(refund(), secret="aia_live_norefunds_5Tg2").answers
    assert (answer.kind, answer.error_class) == ("refused", "authorization_failed")
    bench.sim.control("company", refunds_enabled=False)
    (answer,) = bench.send(refund(), key="cp-2").answers
    assert (answer.error_class, answer.code) == ("business_rule", "method_not_allowed")
    assert refunds(bench) == []


def test_a_refund_is_no_transaction_of_the_month(bench):
    """The sheet counts invoices, receipts, bills and payments."""
    bench.sim.control("quota", limit=1)
    assert bench.send(refund()).answers[0].kind == "accepted"
    told = bench.target.test(bench.sim.settings, DEMO_KEY, bench.http)
    assert (told.snapshot.quota_limit, told.snapshot.quota_used) == (1, 1)


class TestTheWholeTest:
    """Also whether each document type that the rules post is taken."""

    def step(self, bench, *documents, secret=DEMO_KEY):
        report = bench.target.test_whole(documents, bench.sim.settings, secret, bench.http)
        return report.steps[4]

    def test_all_types_are_taken(self, bench):
        step = self.step(bench, "sales_invoice", "sales_refund")
        assert step.ok
        assert step.words.endswith("expense payments and sales refunds may be written.")
        assert bench.target.more_calls(("sales_refund",)) == 0

    def test_the_key_may_write_no_refunds(self, bench):
        key = "aia_live_norefunds_5Tg2"
        assert self.step(bench, "sales_invoice", secret=key).ok
        step = self.step(bench, "sales_refund", secret=key)
        assert (step.ok, step.code) == (False, "key.types")
        assert "“Write refunds”: no refund is taken" in step.words

    def test_bills_that_the_rules_post_are_needed(self, bench):
        for document in ("expense_bill", "expense_payment"):
            step = self.step(bench, document, secret="aia_live_nobills_3Yd6")
            assert (step.ok, step.code) == (False, "key.types")

    def test_the_company_takes_no_refunds(self, bench):
        bench.sim.control("company", refunds_enabled=False)
        assert self.step(bench, "sales_invoice").ok
        step = self.step(bench, "sales_refund")
        assert (step.ok, step.code) == (False, "refunds.off")
        assert step.words == "AiAccount takes no refunds in this company, and the rules post some."
