"""What a record comes to that has a posted document: of another route of it, or of the same."""

from dataclasses import replace
from typing import Any

import pytest

from rules.facts import PostingFact
from rules.values.canonical import PostingState
from tests.rules.kedai import (
    INVOICE,
    RECEIPT,
    TEXT,
    UNTABLED,
    decision,
    judge,
    order,
    program_of,
)

MOVED = order(address="2 Jalan Ampang")
OLD = program_of(UNTABLED)


def posted(**changes: Any) -> PostingFact:
    document = decision(judge(order())).document
    assert document is not None
    content = {"fields": document.fields, "lines": list(document.lines)}
    given = {"state": "posted", "content": content} | changes
    return PostingFact(INVOICE, 1, PostingState(given["state"]), "NS-1", 1, given["content"])


def sent() -> PostingFact:
    return replace(posted(), version=0, body=order())


def waits(**given: Any) -> str:
    """Why the receipt of an order waits whose invoice is posted; empty where it does not."""
    facts = {"documents_of_family": {INVOICE: "NS-1"}, "postings": (sent(),)} | given
    found = decision(judge(facts.pop("body", order()), **facts), RECEIPT)
    assert (found.state, found.wait is None) in {("waiting", False), ("ready", True)}
    assert bool(found.plan) is (found.state == "ready")
    return found.reason if found.wait else ""


def test_after_waits_while_somebody_decides_about_what_is_posted() -> None:
    assert waits(body=MOVED) == f"waits while {INVOICE} NS-1 is held for accounts (buyer)"
    assert waits() == ""
    assert waits(body=MOVED, releases=frozenset({(INVOICE, "buyer")})) == ""
    cancelled = decision(judge(order(status="cancelled"), postings=(sent(),)), RECEIPT)
    assert cancelled.state == "dropped"


def test_after_waits_for_another_record_about_which_somebody_decides() -> None:
    theirs = {INVOICE: "held for accounts (goods)"}
    told = f"waits while {INVOICE} NS-1 is held for accounts (goods)"
    assert waits(postings=(), held_of_family=theirs) == told
    assert waits(postings=(), held_of_family={RECEIPT: "held for accounts (money)"}) == ""


def test_after_asks_what_it_follows_first_wherever_that_is_written() -> None:
    begin, end = TEXT.index("post order to aiaccount.sales_receipt"), TEXT.index("post settlement")
    mixed = program_of(
        TEXT[:begin].replace("post order to", f"{TEXT[begin:end]}post order to", 1) + TEXT[end:]
    )
    facts: dict[str, Any] = {
        "documents_of_family": {INVOICE: "NS-1"},
        "postings": (sent(),),
        "program": mixed,
    }
    outcome = judge(MOVED, **facts)
    assert [d.route for d in outcome.decisions] == [RECEIPT, INVOICE]
    assert decision(outcome, RECEIPT).state == "waiting"


# ---- the same document -------------------------------------------------------------


def test_what_is_posted_and_equal_is_posted() -> None:
    found = decision(judge(order(status="Delivered"), postings=(posted(),)))
    assert (found.state, found.findings) == ("posted", ())


def test_a_change_after_posting_is_for_a_person() -> None:
    body = order(round_off="1.00", total="249.70")
    outcome = judge(body, program=OLD, postings=(posted(),))
    found = decision(outcome)
    assert found.state == "posted"
    assert [(f.code, f.error_class, f.owner, str(f.cause_key)) for f in found.findings] == [
        ("STL01", "stale_version", "counter", f"stale:{INVOICE}")
    ]
    assert "Total was 248.70, is 249.70" in found.findings[0].message
    kept = judge(body, program=OLD, postings=(posted(),), releases=frozenset({(INVOICE, "change")}))
    assert decision(kept).findings == ()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("cancelled", "is cancelled now"),
        ("returned", "may not go any more"),
        ("pending", "may not"),
    ],
)
def test_a_status_that_falls_back_after_posting(status: str, words: str) -> None:
    found = decision(judge(order(status=status), program=OLD, postings=(posted(),)))
    assert found.state == "posted"
    assert words in found.findings[0].message


def test_what_is_on_its_way_is_not_made_again() -> None:
    found = decision(judge(order(total="1.00"), program=OLD, postings=(posted(state="sending"),)))
    assert found.state == "posted"
    assert found.findings[0].code == "STL01"
    assert (
        decision(judge(order(), program=OLD, postings=(posted(state="failed"),))).state == "ready"
    )
