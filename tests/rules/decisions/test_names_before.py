"""A posted receipt that names an invoice which was taken back: when somebody is asked."""

from typing import Any

import pytest

from rules.facts import PostingFact, TargetEdit
from rules.outcomes import Finding
from rules.values.canonical import PostingState
from tests.rules.kedai import INVOICE, RECEIPT, decision, judge, order

BODY = order()
CONTENT = {"fields": {"InvoiceNumber": "NS-1", "Amount": "248.70"}, "lines": []}
PAID = PostingFact(RECEIPT, 1, PostingState.POSTED, "RC-NS-1", 1, CONTENT)
BACK = {INVOICE: ("NS-1",)}


def found(**given: Any) -> list[Finding]:
    """What is said of the receipt of an order whose invoice was taken back."""
    facts = {"postings": (PAID,), "taken_back": BACK} | given
    return list(decision(judge(facts.pop("body", BODY), **facts), RECEIPT).findings)


def test_a_receipt_of_what_was_taken_back_is_held_with_what_is_posted_instead() -> None:
    (alone,) = found()
    assert (alone.code, alone.rule, alone.owner, alone.error_class) == (
        "STL04",
        "taken_back",
        "accounts",
        "stale_version",
    )
    assert alone.message.startswith("RC-NS-1 is posted, but NS-1, which it names, was taken back.")
    (replaced,) = found(documents_of_family={INVOICE: "NS-1b"})
    assert "was taken back; NS-1b is posted instead." in replaced.message
    assert "assigned to NS-1b" in replaced.would_pass


@pytest.mark.parametrize(
    "given",
    [
        {"taken_back": {}},
        {"taken_back": {INVOICE: ("NS-2",)}},
        {"taken_back": {RECEIPT: ("NS-1",)}},
        {"releases": frozenset({(RECEIPT, "taken_back")})},
        {"target_edited": (TargetEdit(RECEIPT, 1, None, "InvoiceNumber", "NS-1b"),),
         "releases": frozenset({(RECEIPT, "target_edited")})},
    ],
    ids=["nothing", "another", "of another route", "confirmed", "assigned there"],
)  # fmt: skip
def test_nobody_is_asked_where_it_names_what_stands_or_somebody_has_said_so(
    given: dict[str, Any],
) -> None:
    assert found(**given) == []


def test_one_that_a_person_is_asked_about_is_not_asked_about_twice() -> None:
    (only,) = found(body=order(status="cancelled"))
    assert only.code == "STL01"
    left = frozenset({(RECEIPT, "cancel")})
    (only,) = found(body=order(status="cancelled"), releases=left)
    assert only.code == "STL04"
