"""Documents that would make a second e-Invoice, or book a sale twice, are held by every engine."""

import json

import pytest

from rules.facts import Facts
from rules.values.canonical import PostingState, dumps
from tests.rules import kedai
from tests.rules.kedai import INVOICE, NOW, RECEIPT, TEXT, order, program_of
from tests.rules.roaster import GONE, NOTE, changed, decide
from tests.rules.roaster import order as coffee
from tests.rules.roaster import parcel as coffee_parcel

READY = {INVOICE: "NS-1"}
"""With its invoice posted, the receipt of an order is ready, too."""

CODES = {"unknown": "SRC02", "platform": "SRC03", "module": "SRC04"}


def codes(route: str = INVOICE, **facts: object) -> list[str]:
    return [one.code for one in kedai.findings(order(), route, **facts)]


@pytest.mark.parametrize(("reason", "code"), CODES.items())
def test_a_barred_document_is_held_and_its_cause_names_the_reason(reason: str, code: str) -> None:
    one = kedai.only(order(), barred={INVOICE: reason})
    assert (one.code, one.severity, one.clears.by_people) == (code, "hold", False)
    assert str(one.cause_key).endswith(f":{reason}")
    assert one.would_pass


def test_only_the_route_that_is_named_is_barred() -> None:
    outcome = kedai.judge(order(), barred={INVOICE: "unknown"}, documents_of_family=READY)
    assert kedai.decision(outcome, INVOICE).state == "held"
    assert kedai.decision(outcome, RECEIPT).state == "ready"
    outcome = kedai.judge(order(), barred={"aiaccount": "module"}, documents_of_family=READY)
    assert {one.state for one in outcome.decisions} == {PostingState.HELD}


def test_another_target_bars_nothing_here() -> None:
    assert codes(barred={"autocount": "module", "autocount.invoice": "unknown"}) == []


def test_a_release_lets_no_barred_document_go() -> None:
    released = frozenset({(INVOICE, "e_invoice_issuer")})
    assert codes(barred={INVOICE: "unknown"}, releases=released) == ["SRC02"]


def test_a_document_that_is_not_due_yet_is_not_held() -> None:
    outcome = kedai.judge(order(status="pending"), barred={INVOICE: "unknown"})
    found = kedai.decision(outcome)
    assert (found.state, found.findings) == ("waiting", ())


def test_what_else_is_wrong_is_told_beside_it() -> None:
    found = kedai.findings(order(customer="C-404"), barred={INVOICE: "unknown"})
    assert [one.code for one in found] == ["SRC02", "MAP01"]


@pytest.mark.parametrize(
    ("issuer", "asked"), [("us", True), ("platform", False), ("unknown", False)]
)
def test_a_check_may_ask_who_makes_the_e_invoice(issuer: str, asked: bool) -> None:
    ours = "total > named_buyer_limit and e_invoice_issuer = us"
    program = program_of(TEXT.replace("total > named_buyer_limit", ours))
    large = order(tin=None, total="12000.00", tax_total="8.14", subtotal="11991.86")
    found = kedai.findings(large, program=program, e_invoice_issuer=issuer)
    assert ("buyer_named" in {one.rule for one in found}) is asked


def test_a_credit_note_that_is_barred_takes_nothing_back() -> None:
    again = {"body": coffee(total="19.00"), "parcel": GONE}
    free = decide(again["body"], again["parcel"], **changed())
    assert "credit_note" in {step.action for step in free.plan}
    assert "SRC02" not in {one.code for one in free.findings}
    held = decide(again["body"], again["parcel"], **changed(barred={NOTE: "unknown"}))
    assert held.state == PostingState.HELD
    assert {(one.code, one.route) for one in held.findings} >= {("SRC02", NOTE)}


def test_what_is_posted_and_unchanged_is_not_held() -> None:
    first = decide(coffee(), coffee_parcel("1"))
    assert first.state == PostingState.READY
    free = decide(coffee(), GONE, **changed(version=1))
    held = decide(coffee(), GONE, **changed(version=1, barred={NOTE: "unknown"}))
    assert (held.state, held.findings) == (free.state, free.findings)


def test_the_facts_are_stored_only_where_they_say_something() -> None:
    assert Facts(NOW).to_json() == {"first_seen": "2026-11-18T18:00:00Z"}
    ours = Facts(NOW, e_invoice_issuer="us")
    assert ours.usual
    facts = Facts(NOW, e_invoice_issuer="unknown", barred={INVOICE: "unknown"})
    assert not facts.usual
    assert Facts.from_json(json.loads(dumps(facts.to_json()))) == facts
