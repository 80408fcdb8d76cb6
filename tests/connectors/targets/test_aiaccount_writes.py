"""AiAccount's own ways of taking documents: keys that are remembered, files, work done later."""

from dataclasses import replace
from decimal import Decimal

import pytest

from connectors.contract import Kept
from tests.connectors.sample_documents import invoice, line, shipping
from tests.connectors.simulator_processes import Bench


@pytest.fixture
def bench(sim, aiaccount, http):
    return Bench(aiaccount, sim, http)


@pytest.mark.parametrize("batch", [False, True])
class TestBothWays:
    def test_what_is_kept_otherwise_than_sent_is_told_by_line(self, bench, batch):
        odd = invoice("NS-2", lines=[line(1), shipping(5, LineTotal="9.91")])
        answers = bench.send(odd, batch=batch).answers
        assert [answer.kept for answer in answers] == [(Kept(2, "LineTotal", "9.90"),)]
        (exact,) = bench.send(invoice(), key="cp-2", batch=batch).answers
        assert exact.kept == ()

    def test_the_same_key_again_changes_nothing(self, bench, batch):
        before = bench.send(invoice(), batch=batch)
        after = bench.send(invoice(), batch=batch)
        assert not any(answer.existing for answer in before.answers)
        assert after.answers == tuple(replace(one, existing=True) for one in before.answers)
        assert after.headers["idempotent-replayed"] == "true"
        assert len(bench.sim.show("documents")) == 1

    def test_a_used_key_with_another_body_is_a_duplicate(self, bench, batch):
        bench.send(invoice(), batch=batch)
        (answer,) = bench.send(invoice("NS-2"), batch=batch).answers
        assert (answer.kind, answer.error_class) == ("refused", "duplicate")

    def test_what_is_written_there_only_is_refused(self, bench, batch):
        (answer,) = bench.send(invoice(Notes="x"), batch=batch).answers
        assert (answer.kind, answer.error_class) == ("refused", "bad_value")

    def test_what_is_processed_later_is_awaited(self, bench, batch):
        bench.sim.control("faults", fault="processing_completed")
        assert bench.send(invoice(), batch=batch).answers[0].kind == "awaiting"
        assert bench.look_up(invoice()).kind == "unknown"
        assert bench.look_up(invoice()).kind == "equal"

    def test_what_fails_later_is_told_by_the_look_up(self, bench, batch):
        bench.sim.control("faults", fault="processing_failed")
        assert bench.send(invoice(), batch=batch).answers[0].kind == "awaiting"
        bench.look_up(invoice())
        found = bench.look_up(invoice())
        assert found.kind == "absent"
        assert found.refused.error_class == "period_locked"


class TestBatches:
    def test_each_document_has_its_own_answer(self, bench):
        bench.sim.control("lock", through="2026-09-30")
        bench.send(invoice("NS-1"), key="cp-0")
        documents = [
            invoice("NS-1"),
            invoice("NS-2"),
            invoice("NS-3", InvoiceDate="2026-09-30"),
            invoice("NS-4", Customer="=1+1"),
            invoice("NS-5", lines=[line(1, TaxCode="SR-6")]),
            invoice("NS-6"),
        ]
        answers = bench.send(*documents, batch=True).answers
        assert [(a.number, a.kind, a.error_class) for a in answers] == [
            ("NS-1", "accepted", None),
            ("NS-2", "accepted", None),
            ("NS-3", "refused", "period_locked"),
            ("NS-4", "refused", "bad_value"),
            ("NS-5", "refused", "mapping_missing"),
            ("NS-6", "accepted", None),
        ]
        assert answers[0].existing
        assert len(bench.sim.show("documents")) == 3

    def test_the_quota_is_taken_in_file_order(self, bench):
        bench.sim.control("quota", limit=2)
        documents = [invoice(f"NS-{n}") for n in range(4)]
        answers = bench.send(*documents, batch=True).answers
        kinds = [answer.kind for answer in answers]
        assert kinds == ["accepted", "accepted", "temporary", "temporary"]
        assert answers[2].retry_after > 0

    def test_one_number_with_two_customers_is_two_documents(self, bench):
        answers = bench.send(invoice("A"), invoice("A", Customer="Raj"), batch=True).answers
        assert [answer.kind for answer in answers] == ["accepted", "accepted"]
        assert answers[0].target_ref != answers[1].target_ref

    def test_hundreds_at_once(self, bench):
        documents = [invoice(f"NS-{n}") for n in range(300)]
        sent = bench.send(*documents, batch=True)
        assert {answer.kind for answer in sent.answers} == {"accepted"}
        assert [answer.number for answer in sent.answers] == [one.number for one in documents]


def test_the_amount_of_a_document_decides_not_its_text(bench):
    bench.send(invoice())
    assert bench.look_up(invoice(amount="118.8000"), key="cp-x").kind == "equal"
    assert Decimal("118.8000") == invoice().amount
