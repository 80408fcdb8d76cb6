"""AutoCount On The Go as the vendor's own pages show its answers: a request is taken in under an id
and a name, where it stands is one call, and what came of it another.

Written from wiki.autocountsoft.com, AOTG API: Create AR Invoice, Get List of Debtor, and
Template:AOTGResponseStatus. Here: that way. Not here: the other one, in which an answer to a write
has its state (test_aotg_steps.py).
"""

import json
from datetime import UTC, datetime

import pytest

from connectors.registry import targets
from connectors.transport.http import HttpAnswer
from tests.connectors.recorded_aotg import FIRST
from tests.connectors.simulator_processes import SAMPLES, Bench
from tests.support.zones import BOOKS

SECRET = SAMPLES["autocount_aotg"].secret
SETTINGS = {"base_url": "https://recorded.example", **SAMPLES["autocount_aotg"].settings}
REQUEST = "def14c1a-cdb5-4aa4-834d-0b9c1faa1532"
TAKEN_IN = {
    "Id": REQUEST,
    "Name": "CreateARInvoice",
    "StartTimestamp": "2019-03-04T07:43:25.2720622Z",
    "EndTimestamp": "2019-03-04T07:43:25.2720622Z",
}


@pytest.fixture
def bench(emptied, http):
    found = Bench(targets()["autocount_aotg"], emptied("autocount_aotg"), http)
    found.sim.control("book", apart=True)
    return found


def sent(bench, *documents, **more):
    answers = bench.send(*(documents or (bench.make(),)), **more).answers
    assert {one.kind for one in answers} == {"awaiting"}
    return answers[0].target_ref


def ended(bench, document, ticket):
    """Asked until somebody knows."""
    for _ in range(4):
        found = bench.ask_again(document, ticket)
        if found.kind != "unknown" or not found.target_ref:
            return found
        ticket = found.target_ref
    return found


class Script:
    """A session that gives these answers, and keeps what was asked."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    def request(self, method, url, **given):
        self.asked.append((method, url.removeprefix(SETTINGS["base_url"])))
        status, content = self.answers.pop(0)
        body = json.dumps(content).encode()
        return HttpAnswer(status=status, headers={}, body=body, seconds=0.0, at=self.now())

    def now(self):
        return datetime(2026, 11, 20, tzinfo=UTC)


def test_the_literal_answers_of_the_pages_are_read() -> None:
    target = targets()["autocount_aotg"]
    payload = target.build([FIRST], BOOKS, batch=False, batch_name="")
    (answer,) = target.send(payload, SETTINGS, SECRET, "", Script((200, TAKEN_IN))).answers
    assert (answer.kind, answer.target_ref) == ("awaiting", f"CreateARInvoice/{REQUEST}")
    failed = Script(
        (200, {"RequestId": REQUEST, "Status": "Failed"}),
        (200, {"RequestTypeName": "ARInvoice", "ResultJson": "Debtor 300-X999 not exists"}),
        (200, {**TAKEN_IN, "Id": "look-1", "Name": "GetARInvoiceList"}),
    )
    found = target.ask_again(FIRST, answer.target_ref, SETTINGS, SECRET, failed)
    assert failed.asked == [
        ("GET", f"/api/public/v1/Result/{REQUEST}"),
        ("GET", f"/api/public/v1/Result/CreateARInvoice/{REQUEST}/result"),
        ("POST", "/api/public/v1/ARInvoice/GetARInvoiceList"),
    ]
    ticket = f"CreateARInvoice/{REQUEST}+GetARInvoiceList/look-1"
    assert (found.kind, found.target_ref) == ("unknown", ticket)
    empty = Script(
        (200, {"RequestId": "look-1", "Status": "Completed"}),
        (200, {"RequestTypeName": "ARInvoice", "ResultJson": "[]"}),
        (200, {"RequestId": REQUEST, "Status": "Failed"}),
        (200, {"RequestTypeName": "ARInvoice", "ResultJson": "Debtor 300-X999 not exists"}),
    )
    found = target.ask_again(FIRST, ticket, SETTINGS, SECRET, empty)
    assert (found.kind, found.refused.error_class) == ("absent", "mapping_missing")
    assert found.refused.words == "Debtor 300-X999 not exists"


@pytest.mark.parametrize(
    ("status", "told"), [(200, {"RequestId": "look-1", "Status": "Failed"}), (404, {})]
)
def test_a_look_up_that_the_account_book_failed_is_no_failed_call(status, told) -> None:
    """It is made once more; the connection is as good as it was."""
    http = Script((200, {"RequestId": "look-1", "Status": "Completed"}), (status, told))
    found = targets()["autocount_aotg"].look_up(FIRST, SETTINGS, SECRET, "", http)
    assert (found.kind, found.target_ref, found.answered) == ("unknown", None, True)


@pytest.mark.parametrize(
    "told",
    [
        {**TAKEN_IN, "Name": ""},
        {**TAKEN_IN, "Id": 7},
        {**TAKEN_IN, "Id": "a/b"},
        {"Id": REQUEST},
        {**TAKEN_IN, "Status": "Done"},
    ],
)
def test_what_names_no_request_stays_uncertain(told) -> None:
    target = targets()["autocount_aotg"]
    payload = target.build([FIRST], BOOKS, batch=False, batch_name="")
    (answer,) = target.send(payload, SETTINGS, SECRET, "", Script((200, told))).answers
    assert (answer.kind, answer.code) == ("uncertain", "unclear")


DEBTORS = (
    '[{"Id":"{[!MzAwLUEwMDE!]}","AccNo":"300-A001","CompanyName":"ABC CUSTOMER",'
    '"RegisterNo":"123-X","CreditTerm":"C.O.D.","CreditLimit":30000.00,"Outstanding":15650.00,"IsActive":true,'
    '"CurrencyCode":"MYR"},{"AccNo":"300-U001","CompanyName":"USD CUSTOMER","IsActive":false}]'
)


def test_the_debtors_of_the_page_are_read() -> None:
    tape = Script(
        (200, {"RequestId": REQUEST, "Status": "Completed"}),
        (200, {"RequestTypeName": "Debtor", "IPAddress": "---", "ResultJson": DEBTORS}),
    )
    page = targets()["autocount_aotg"].list_page(
        "customer", f"Debtor/{REQUEST}", SETTINGS, SECRET, tape
    )
    assert [(one.code, one.name, one.active, one.registration) for one in page.entries] == [
        ("300-A001", "ABC CUSTOMER", True, "123-X"),
        ("300-U001", "USD CUSTOMER", False, ""),
    ]


@pytest.mark.parametrize("told", [{}, {"ResultJson": None}, {"ResultJson": 7}, [], "x"])
def test_a_result_that_cannot_be_read_is_asked_for_again(told) -> None:
    state = (200, {"RequestId": REQUEST, "Status": "Completed"})
    tape = Script(state, (200, told))
    found = targets()["autocount_aotg"].ask_again(
        FIRST, f"CreateARInvoice/{REQUEST}", SETTINGS, SECRET, tape
    )
    assert (found.kind, found.target_ref) == ("unknown", None)


class TestBesideTheStandIn:
    def test_what_was_taken_in_is_made_and_found(self, bench) -> None:
        ticket = sent(bench)
        found = ended(bench, bench.make(), ticket)
        assert (found.kind, found.target_ref) == ("equal", "1455")
        assert len(bench.standing()) == 1

    def test_a_lost_answer_is_looked_up(self, bench) -> None:
        bench.sim.control("faults", fault="timeout_after")
        (answer,) = bench.send(bench.make()).answers
        assert answer.kind == "uncertain"
        first = bench.look_up(bench.make())
        assert (first.kind, bool(first.target_ref)) == ("unknown", True)
        assert ended(bench, bench.make(), first.target_ref).kind == "equal"
        other = bench.look_up(bench.make("NS-9"))
        assert ended(bench, bench.make("NS-9"), other.target_ref).kind == "absent"

    @pytest.mark.parametrize(
        ("change", "error_class"),
        [({"DebtorCode": "300-X999"}, "mapping_missing"), ({}, "period_locked")],
    )
    def test_a_refusal_has_its_class(self, bench, change, error_class) -> None:
        if not change:
            bench.sim.control("lock", through="2026-12-31")
        document = bench.make(**change)
        found = ended(bench, document, sent(bench, document))
        assert (found.kind, found.refused.error_class) == ("absent", error_class)

    def test_each_of_a_batch_has_its_own_end(self, bench) -> None:
        bad = bench.make("NS-2", DebtorCode="300-X999")
        ticket = sent(bench, bench.make("NS-1"), bad, batch=True)
        assert ended(bench, bench.make("NS-1"), ticket).kind == "equal"
        assert ended(bench, bad, ticket).refused.error_class == "mapping_missing"

    def test_posted_ones_are_read_again(self, bench) -> None:
        ended(bench, bench.make(), sent(bench))
        there = bench.sim.settings, SECRET, bench.http
        (asked,) = bench.target.read([bench.make()], *there)
        assert (asked.kind, bool(asked.target_ref)) == ("unknown", True)
        (found,) = bench.target.read_later([bench.make()], asked.target_ref, *there)
        assert found.kind == "equal"
        bench.sim.control("by_hand", number="NS-1", Cancelled=True)
        (asked,) = bench.target.read([bench.make()], *there)
        (found,) = bench.target.read_later([bench.make()], asked.target_ref, *there)
        assert (found.kind, found.void) == ("different", True)

    @pytest.mark.parametrize("apart", [True, False])
    def test_its_debtors_are_listed_in_two_steps(self, bench, apart) -> None:
        bench.sim.control("book", apart=apart, inactive=["300-Z009"])
        there = bench.sim.settings, SECRET, bench.http
        asked = bench.target.list_page("customer", "", *there)
        assert (asked.entries, bool(asked.after)) == ((), True)
        page = bench.target.list_page("customer", asked.after, *there)
        assert page.after == ""
        told = {one.code: (one.name, one.active) for one in page.entries}
        assert told["300-W001"] == ("Customer 300-W001", True)
        assert told["300-Z009"] == ("Customer 300-Z009", False)
        again = bench.target.list_page("customer", "Debtor/no-such" if apart else "no-such", *there)
        assert (again.entries, bool(again.after)) == ((), True), "it is asked for once more"

    def test_a_book_that_is_switched_off_lists_nothing_yet(self, bench) -> None:
        bench.sim.control("book", offline=True)
        there = bench.sim.settings, SECRET, bench.http
        asked = bench.target.list_page("customer", "", *there)
        found = bench.target.list_page("customer", asked.after, *there)
        assert (found.kind, "not listed its debtors yet" in found.words) == ("unknown", True)

    def test_the_connection_test_passes(self, bench) -> None:
        report = bench.target.test(bench.sim.settings, SECRET, bench.http)
        assert report.ok
        assert report.reached
