"""Duplicates, approvals and releases: what lets a record pass, and what asks for somebody."""

import gc
from datetime import UTC, datetime
from typing import Any

import pytest

from rules.expressions.run import Run
from rules.facts import TargetDocument
from rules.outcomes import ApprovalNeed
from tests.rules.kedai import (
    INVOICE,
    RECEIPT,
    TEXT,
    decision,
    findings,
    judge,
    line,
    only,
    order,
    program_of,
)


def test_the_same_number_in_history_is_a_duplicate() -> None:
    name, value = program_of().link_keys(order(), "order")[0]
    assert name.startswith("dup:aiaccount.sales_invoice:")
    assert value == '{"number":"NS-1"}'
    found = only(order(), history={name: ("NS-1 (shop)",)})
    assert (found.code, found.error_class, str(found.cause_key)) == (
        "DUP01",
        "duplicate",
        "duplicate:NS-1",
    )
    assert found.message == "NS-1 was seen before. The same: NS-1 (shop)."
    assert str(found.clears) == "by:accounts"


def test_a_document_of_another_record_in_the_target_is_a_duplicate() -> None:
    same = TargetDocument(INVOICE, "NS-1", {"InvoiceNumber": "NS-1", "Customer": "300-C077"}, "o9")
    assert only(order(), documents=(same,)).code == "DUP01"
    other = TargetDocument(INVOICE, "NS-1", {"InvoiceNumber": "NS-1", "Customer": "300-X"}, "o9")
    assert findings(order(), documents=(other,)) == []


def test_link_keys_hold_document_numbers_too() -> None:
    keys = dict(program_of().link_keys(order(), "order"))
    assert keys[f"doc:{INVOICE}"] == "NS-1"
    assert keys[f"doc:{RECEIPT}"] == "RC-NS-1"
    assert program_of().link_keys({}, "order") == ()
    assert program_of().link_keys({}, "nobody") == ()


@pytest.mark.slow
def test_what_is_opened_for_its_link_keys_is_freed_at_once() -> None:
    program = program_of()
    program.link_keys(order(), "order")  # functions that are written when they are first asked
    gc.collect()
    searched = gc.isenabled()
    gc.disable()
    try:
        program.link_keys(order(), "order")
        left = [one for one in gc.get_objects() if isinstance(one, Run)]
    finally:
        if searched:
            gc.enable()
    assert not left


def dear(**changes: Any) -> dict[str, Any]:
    rows = [line(qty="1", price="4000.00", tax="NONE")]
    sums = {"subtotal": "4000.00", "tax_total": "0.00", "total": "4000.00"}
    return order(**({"lines": rows} | sums | changes))


def test_an_approval_is_asked_for_with_who_must_not_give_it() -> None:
    found = decision(judge(dear()))
    assert found.state == "held"
    assert [(f.code, f.severity, f.owner) for f in found.findings] == [
        ("APP01", "approve", "accounts")
    ]
    assert found.approvals == (
        ApprovalNeed("approve by accounts", "accounts", ("lim",), "RM 4,000.00 is above 3,000.00."),
    )
    assert found.document is not None


def test_a_const_changes_on_its_day() -> None:
    later = dear(ordered_on="2027-01-05", paid_at="2027-01-05T01:00:00Z")
    assert decision(judge(later, at=datetime(2027, 2, 1, tzinfo=UTC))).approvals == ()


def test_a_release_lifts_its_own_finding_and_no_other() -> None:
    body = order(total="248.71", customer="C-0")
    before = findings(body)
    after = findings(body, releases=frozenset({(INVOICE, "total_adds")}))
    assert [f for f in before if f.rule != "total_adds"] == after
    outcome = judge(order(total="248.71"), releases=frozenset({(INVOICE, "total_adds")}))
    assert decision(outcome).state == "ready"
    marks = {
        (v.result, v.released)
        for v in outcome.verdicts
        if v.rule == "total_adds" and v.route == INVOICE
    }
    assert marks == {("pass", False), ("hit", True)}


def test_what_clears_by_itself_cannot_be_released() -> None:
    wanted = frozenset({(INVOICE, "one_debtor"), (INVOICE, "debtor")})
    assert [f.rule for f in findings(order(customer="C-0"), releases=wanted)] == ["debtor"]


def test_T17a_who_made_it_is_blank_so_nobody_can_be_asked() -> None:
    found = decision(judge(dear(created_by=None)))
    assert found.state == "held"
    blank = next(f for f in found.findings if f.severity == "hold")
    assert (blank.code, blank.error_class, str(blank.cause_key)) == (
        "MIS01",
        "missing_field",
        "field:created_by",
    )
    assert blank.message.endswith("Who made this must not approve it.")
    assert str(blank.clears) == "itself"
    assert findings(order(created_by=None)) == []  # nobody is asked below the limit


def test_T17b_it_is_the_first_field_that_says_who_made_it() -> None:
    text = TEXT.replace("never    created_by", "never    last_editor, created_by, tin", 1)
    body = dear(created_by=None)
    assert [f.severity for f in findings(body, program=program_of(text))] == ["hold", "approve"]
    body = dear()
    assert [f.severity for f in findings(body, program=program_of(text))] == ["approve"]
