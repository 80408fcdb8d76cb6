"""Payment terms: named by their id, and the day that they come to is QuickBooks' work."""

from dataclasses import replace
from decimal import Decimal

import pytest

from connectors.contract import Kept
from connectors.registry import targets
from tests.connectors.quickbooks import bill, stands
from tests.connectors.recorded import Tape, expected, played, recorded
from tests.connectors.recorded_documents import DOCUMENTS
from tests.connectors.simulator_processes import SAMPLES, Bench
from tests.connectors.targets.test_wire import settings
from tests.support.zones import BOOKS, LISTED

KEY = "cp-204243b6b1eee9e99448b8a93675c486b1322c6b"


@pytest.fixture
def bench(emptied, http):
    return Bench(targets()["quickbooks"], emptied("quickbooks"), http)


def on(bench, terms, **given):
    return bench.make(SalesTermRef=terms, **given)


class TestRecorded:
    def sent(self, name, **changed):
        """What the client makes of what was recorded: the invoice, without its day."""
        (call,) = recorded("quickbooks", f"terms/{name}")["write"]
        (one,) = DOCUMENTS["quickbooks"]["invoice.create"]
        fields = {**one.fields, **changed}
        document = replace(one, fields={name: text for name, text in fields.items() if text})
        client = targets()["quickbooks"]
        payload = client.build([document], {**BOOKS, **LISTED}, batch=False, batch_name="")
        assert payload.body.decode() == call.body
        tape = Tape([call])
        secret = SAMPLES["quickbooks"].secret
        sent = client.send(payload, settings("quickbooks"), secret, KEY, tape)
        assert tape.calls == []
        return sent.answers[0]

    def test_the_client_sends_terms_alone_and_takes_the_day_for_no_difference(self):
        answer = self.sent("invoice.create", DueDate="")
        assert (answer.kind, answer.words, answer.total) == (
            "accepted",
            "Accepted.",
            Decimal("118.80"),
        )

    def test_terms_that_are_not_there_are_a_missing_mapping(self):
        answer = self.sent("unknown", SalesTermRef="99")
        assert (answer.kind, answer.error_class, answer.code) == (
            "refused",
            "mapping_missing",
            "2500",
        )

    @pytest.mark.parametrize("name", ["invoice.create", "unknown"])
    def test_the_stand_in_answers_as_recorded(self, emptied, name):
        (call,) = recorded("quickbooks", f"terms/{name}")["write"]
        assert played(emptied("quickbooks").url, call) == expected(call)

    def test_the_stand_in_lists_them_as_recorded(self, emptied):
        (call,) = recorded("quickbooks", "terms/listed")["terms"]
        assert played(emptied("quickbooks").url, call) == expected(call)


class TestDay:
    @pytest.mark.parametrize(
        ("terms", "made", "due"),
        [
            ("1", "2026-11-20", "2026-11-20"),
            ("3", "2026-11-20", "2026-12-20"),
            ("3", "2027-01-31", "2027-03-02"),
            ("5", "2026-11-09", "2026-11-15"),
            ("5", "2026-11-10", "2026-12-15"),
            ("5", "2026-11-15", "2026-12-15"),
            ("5", "2026-12-16", "2027-01-15"),
            ("31", "2026-11-30", "2026-11-30"),
            ("31", "2027-01-31", "2027-01-31"),
            ("30", "2027-01-31", "2027-02-28"),
        ],
    )
    def test_the_stand_in_works_it_out_and_a_look_up_agrees(self, bench, terms, made, due):
        more = {"31": {"DayOfMonthDue": 31}, "30": {"DayOfMonthDue": 30}}
        bench.sim.control("company", lists={"Term": dict.fromkeys(more, "Last")}, terms=more)
        document = on(bench, terms, TxnDate=made, DueDate="")
        (answer,) = bench.send(document).answers
        assert answer.kind == "accepted"
        assert stands(bench)["DueDate"] == due
        assert stands(bench)["SalesTermRef"] == {"value": terms}
        assert bench.look_up(document).kind == "equal"

    def test_a_day_of_ours_counts_before_the_terms(self, bench):
        document = on(bench, "3", DueDate="2026-12-24")
        bench.send(document)
        assert stands(bench)["DueDate"] == "2026-12-24"
        bench.sim.control("by_hand", number="NS-1", fields={"DueDate": "2026-12-25"})
        found = bench.look_up(document)
        assert (found.kind, found.differs) == ("different", (Kept(0, "DueDate", "2026-12-25"),))

    def test_a_bill_has_them_too(self, bench):
        document = bill(SalesTermRef="3")
        (answer,) = bench.send(document).answers
        assert answer.kind == "accepted"
        assert stands(bench)["DueDate"] == "2026-12-18"
        (refused,) = bench.send(replace(bill(SalesTermRef="99"), number="B-2"), key="cp-2").answers
        assert (refused.code, refused.error_class) == ("2500", "mapping_missing")

    def test_terms_out_of_use_are_refused(self, bench):
        bench.sim.control("company", inactive={"Term": ["3"]})
        (answer,) = bench.send(on(bench, "3")).answers
        assert (answer.code, answer.error_class) == ("610", "mapping_missing")


class TestUpdate:
    def test_other_terms_make_another_day(self, bench):
        bench.send(on(bench, "3"))
        (answer,) = bench.send(on(bench, "1"), action="update", key="cp-u").answers
        assert answer.kind == "accepted"
        assert stands(bench)["DueDate"] == stands(bench)["TxnDate"]

    def test_another_date_makes_another_day(self, bench):
        bench.send(on(bench, "3", TxnDate="2026-11-19"))
        moved = on(bench, "3", TxnDate="2026-12-05")
        (answer,) = bench.send(moved, action="update", key="cp-u").answers
        assert answer.kind == "accepted"
        assert stands(bench)["DueDate"] == "2027-01-04"

    def test_a_day_that_somebody_set_there_stays_with_the_same_terms(self, bench):
        bench.send(on(bench, "3"))
        there = {"value": "3", "name": "Net 30"}
        fields = {"DueDate": "2027-01-31", "SalesTermRef": there}
        bench.sim.control("by_hand", number="NS-1", fields=fields)
        changed = replace(bench.changed(), fields={**bench.changed().fields, "SalesTermRef": "3"})
        (answer,) = bench.send(changed, action="update", key="cp-u").answers
        assert answer.kind == "accepted"
        assert stands(bench)["DueDate"] == "2027-01-31"

    def test_other_terms_there_are_a_difference(self, bench):
        bench.send(on(bench, "3"))
        bench.sim.control("by_hand", number="NS-1", fields={"SalesTermRef": {"value": "1"}})
        found = bench.look_up(on(bench, "3"))
        assert Kept(0, "SalesTermRef", "1") in found.differs


def test_the_connection_test_lists_them_by_name_without_those_out_of_use(bench):
    bench.sim.control("company", inactive={"Term": ["5"]})
    report = bench.target.test(bench.sim.settings, bench.sample.secret, bench.http)
    assert report.snapshot is not None
    assert report.snapshot.terms == ("1", "3")
    assert report.snapshot.codes()["payment_term"] == frozenset({"1", "3"})
    assert report.snapshot.called("payment_term", "3") == {"name": "Net 30"}
