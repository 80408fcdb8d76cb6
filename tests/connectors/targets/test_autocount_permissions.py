"""What a key of AutoCount may do is asked of each type of document, when a person tests it."""

from datetime import UTC, datetime

import pytest

from connectors.transport.http import Http, HttpAnswer
from tests.connectors.simulator_processes import Bench

NOON = datetime(2026, 11, 20, 4, tzinfo=UTC)


@pytest.fixture
def bench(autocount_sim, autocount, http):
    return Bench(autocount, autocount_sim, http)


ALL = (
    "ap_invoice",
    "ap_payment",
    "ar_payment",
    "credit_note",
    "invoice",
    "knock_off",
    "purchase_invoice",
    "purchase_order",
)
ALONE = ["knockOffEntry", "payment", "purchaseInvoice", "purchaseOrder", "receipt"]


class TestWhole:
    """What a person asks for: each type of document that the rules post."""

    def reads(self, bench, *documents: str, secret: str = "", **settings: str):
        """The report, and what was read for it."""
        before = len(bench.sim.ledger())
        given = {**bench.sim.settings, **settings}
        own = secret or bench.sample.secret
        report = bench.target.test_whole(documents, given, own, bench.http)
        paths = [str(one["path"]).rpartition("/")[2] for one in bench.sim.ledger()[before:]]
        return report, paths

    def test_each_is_read_once_and_a_number_that_nothing_has_is_asked_for(self, bench):
        report, calls = self.reads(bench, *ALL)
        assert calls == ["invoice", "creditNote", *ALONE]
        assert bench.target.more_calls(ALL) == len(ALONE)
        assert [step.ok for step in report.steps] == [True, True, True, None, None, True]
        assert report.steps[4].words == (
            "It may read invoices, credit notes, knock-offs, payments, purchase invoices, purchase"
            " orders and receipts; whether it may write, only a write shows."
        )
        assert bench.sim.show("documents") == []

    def test_what_no_rule_posts_is_not_asked(self, bench):
        report, calls = self.reads(bench, "invoice", "ar_payment")
        assert calls == ["invoice", "creditNote", "receipt"]
        assert bench.target.more_calls(["invoice", "ar_payment"]) == 1
        assert bench.target.more_calls(["invoice", "credit_note", "ar_invoice"]) == 0
        assert "credit notes and receipts; whether" in report.steps[4].words

    def test_the_usual_test_makes_its_two_calls(self, bench):
        before = len(bench.sim.ledger())
        report = bench.target.test(bench.sim.settings, bench.sample.secret, bench.http)
        assert len(bench.sim.ledger()) - before == 2
        assert report.steps[4].words == "It may read; whether it may write, only a write shows."

    def test_what_the_key_may_not_is_named_and_the_others_are_tried(self, bench):
        report, calls = self.reads(bench, *ALL, secret="acc_reader_1Hs7", key_id="cp-reader")
        assert calls == ["invoice", "creditNote", *ALONE]
        step = report.steps[4]
        assert (step.ok, step.code) == (False, "key.types")
        assert step.words == (
            "The key may not read knock-offs, payments, purchase invoices, purchase orders and"
            " receipts."
        )
        assert report.snapshot is not None

    def test_a_key_that_nothing_is_known_of_costs_no_more_calls(self, bench):
        report, calls = self.reads(bench, *ALL, secret="acc_wrong")
        assert calls == ["invoice", "creditNote"]
        assert report.steps[2].ok is False

    def test_an_answer_that_tells_nothing_is_no_permission(self, bench):
        """No such path there, or no answer."""
        seen = []

        def asked(document: str, status: int, body: bytes):
            found = wired(bench.target, document, status, body)
            seen.append(found.steps[4])
            return found.steps[4]

        known = asked("ar_payment", 404, b'{"message": "Receipt (ReceiptKey = x) not exists"}')
        assert "credit notes and receipts; whether" in known.words
        for status, body in ((404, b'{"message": "404 Not Found."}'), (500, b""), (429, b"")):
            step = asked("ar_payment", status, body)
            assert (step.ok, step.words) == (None, "Nothing is known about receipts.")


def _answer(status: int, body: bytes) -> HttpAnswer:
    return HttpAnswer(status=status, headers={}, body=body, seconds=0.0, at=NOON)


def wired(target, document: str, status: int, body: bytes):
    """The report where listings are empty and the rest is answered so."""

    class Wire(Http):
        def __init__(self) -> None:
            pass

        def request(self, method, url, **_):
            if "listing" in url:
                return _answer(200, b'{"data": []}')
            return _answer(status, body)

    settings = {"company_id": "1042", "key_id": "cp", "locked_through": "none"}
    return target.test_whole([document], settings, "acc_x", Wire())
