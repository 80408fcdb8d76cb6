"""What a record comes to: gates, waits, findings, releases, approvals."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from rules.facts import TargetState
from tests.rules.kedai import (
    INVOICE,
    NOW,
    RECEIPT,
    TEXT,
    decision,
    findings,
    judge,
    line,
    only,
    order,
    program_of,
    world,
)

DAY = datetime(2026, 11, 18, 18, 0, tzinfo=UTC)


def test_a_clean_order_is_a_whole_document() -> None:
    outcome = judge(order())
    found = decision(outcome)
    assert (found.state, found.reason, found.findings, found.wait) == ("ready", "ready", (), None)
    document = found.document
    assert document is not None
    assert (document.target, document.document, document.number) == (
        "aiaccount",
        "sales_invoice",
        "NS-1",
    )
    assert (document.date, document.party, document.currency) == (
        date(2026, 11, 18),
        "300-C077",
        "MYR",
    )
    assert document.amount == Decimal("248.70")
    assert document.lines[0] == {
        "LineNo": "1",
        "SKU": "TEA-1",
        "Description": "Tea",
        "Quantity": "80",
        "UOM": "PCS",
        "UnitPrice": "2.40",
        "AccountCode": "40000",
        "TaxCode": "MY-SALES10",
        "TaxAmount": "19.20",
        "LineTotal": "192.00",
    }
    assert (outcome.status, outcome.status_word, outcome.number) == ("paid", "Paid", "NS-1")
    assert (outcome.party, outcome.doc_date) == ("Aisyah Rahman", date(2026, 11, 18))
    assert (outcome.amount, outcome.currency) == (Decimal("248.70"), "MYR")


# ---- gate ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("paid", "ready"),
        (" COMPLETED ", "ready"),
        ("delivered", "ready"),
        ("pending", "waiting"),
        ("draft", "ignored"),
        ("cancelled", "dropped"),
        ("Refunded + Items Returned", "held"),
    ],
)
def test_a_status_in_any_spelling_has_its_answer(word: str, state: str) -> None:
    assert decision(judge(order(status=word))).state == state


def test_an_unknown_status_word_holds_and_is_never_ready() -> None:
    found = only(order(status="Shipped"))
    assert (found.code, found.error_class, found.owner) == ("STA01", "bad_value", "counter")
    assert str(found.cause_key) == "status:Shipped"
    assert 'status = "Shipped"' in found.message
    outcome = judge(order(status="Shipped"))
    assert decision(outcome).state == "held"
    assert (outcome.status, outcome.status_word) == ("", "Shipped")


def test_a_gate_that_holds_may_be_released_by_its_owner() -> None:
    found = only(order(status="Refunded + Items Returned"))
    assert (found.code, found.rule, str(found.clears)) == ("HLD01", "gate", "by:accounts")
    assert found.message == "NS-1 came back to the shop."
    assert found.would_pass == "the status is paid or delivered"
    released = judge(
        order(status="Refunded + Items Returned"), releases=frozenset({(INVOICE, "gate")})
    )
    assert decision(released).state == "ready"
    verdict = next(v for v in released.verdicts if v.kind == "gate" and v.route == INVOICE)
    assert (verdict.result, verdict.released) == ("hit", True)


def test_ignored_and_dropped_records_hold_nobody() -> None:
    for word in ("draft", "cancelled"):
        assert findings(order(status=word, total="1.00", customer="C-0")) == []


def test_a_finding_beside_a_wait_is_kept_and_holds() -> None:
    found = decision(judge(order(status="pending", total="1.00")))
    assert found.state == "held"
    assert found.wait is not None
    assert found.wait.kind == "gate"


# ---- when, timing, after -------------------------------------------------------------


def test_a_route_that_does_not_apply_waits_and_says_so() -> None:
    found = decision(judge(order(paid_at=None)))
    assert (found.state, found.reason) == ("waiting", "waits until paid_at is known")
    assert found.document is None


def test_daily_is_the_first_such_hour_after_the_day() -> None:
    outcome = judge(order(paid_at="2026-11-18T06:30:00Z"), at=DAY.replace(hour=17))
    found = decision(outcome)
    assert found.state == "waiting"
    assert found.wait is not None
    assert found.wait.until == DAY
    assert outcome.valid_until == DAY
    assert decision(judge(order(paid_at="2026-11-18T06:30:00Z"), at=DAY)).state == "ready"


def test_the_day_is_that_of_the_source() -> None:
    late = order(paid_at="2026-11-18T16:10:00Z")  # 00:10 of the 19th in the shop
    assert decision(judge(late, at=DAY)).state == "waiting"


def test_a_look_at_the_clock_says_until_when() -> None:
    outcome = judge(order())
    assert outcome.valid_until == datetime(2026, 11, 19, 16, 0, tzinfo=UTC)
    assert judge(order(status="draft")).valid_until is None


def test_after_waits_and_then_names_the_number() -> None:
    found = decision(judge(order()), RECEIPT)
    assert (found.state, found.document) == ("waiting", None)
    assert found.wait is not None
    assert (found.wait.kind, found.wait.route) == ("for", INVOICE)
    later = decision(judge(order(), documents_of_family={INVOICE: "NS-1"}), RECEIPT)
    assert later.state == "ready"
    assert later.document is not None
    assert later.document.fields["InvoiceNumber"] == "NS-1"


# ---- missing -------------------------------------------------------------------------


def test_a_missing_field_holds_for_the_source() -> None:
    found = only(order(customer="  "))
    assert (found.code, found.error_class, found.owner) == ("MIS01", "missing_field", "counter")
    assert str(found.cause_key) == "field:customer"
    assert found.message == "NetShop sent no usable customer."
    assert found.would_pass == "customer is filled in"


def test_a_missing_field_of_two_lines_is_one_finding() -> None:
    rows = [line(sku=None), line(pos=2, sku="")]
    found = [f for f in findings(order(lines=rows)) if f.code == "MIS01"]
    assert [(str(f.cause_key), f.lines) for f in found] == [("field:line.sku", (1, 2))]


def test_an_optional_field_that_a_check_needs_does_what_its_else_says() -> None:
    dear = {"lines": [line(qty="1", price="20000.00", tax="NONE")], "address": "KL"}
    body = order(**dear, subtotal="20000.00", tax_total="0.00", total="20000.00")
    found = next(f for f in findings(body) if f.rule == "buyer_named")
    assert (found.code, found.error_class, found.owner) == ("CHK02", "missing_field", "tax_desk")
    assert str(found.cause_key) == "field:tin"
    assert found.message == "TIN is missing: Above 10,000.00 a buyer has a TIN and an address."
    assert (found.cause_label or "").startswith("TIN is missing: ")


def test_a_certain_no_wins_over_an_unknown() -> None:
    dear = {"lines": [line(qty="1", price="20000.00", tax="NONE")]}
    body = order(**dear, subtotal="20000.00", tax_total="0.00", total="20000.00")
    found = next(f for f in findings(body) if f.rule == "buyer_named")
    assert (found.code, found.error_class) == ("CHK01", "business_rule")
    assert found.would_pass == "tin is filled in; the address is filled in"
    assert found.message == "Above 10,000.00 a buyer has a TIN and an address."


def test_a_fact_that_nobody_could_tell_holds_for_the_target() -> None:
    unknown = world(targets={"aiaccount": TargetState(known=False)})
    found = only(order(), world=unknown)
    assert (found.code, found.owner, found.rule) == ("FCT01", "systems", "period")


def test_a_const_before_its_first_day_is_unknown() -> None:
    text = TEXT.replace("from 2026-01-01 = 3000.00", "from 2026-12-01 = 3000.00")
    found = findings(order(), program=program_of(text))
    assert [f.code for f in found] == ["APP01"]  # an unknown `when` asks for the approval


# ---- checks --------------------------------------------------------------------------


def test_one_sen_off_says_the_smallest_change() -> None:
    found = only(order(total="248.71"))
    assert (found.code, found.rule, found.owner) == ("CHK01", "total_adds", "accounts")
    assert found.would_pass == "the total is RM 248.70 (now RM 248.71)"
    assert found.message == "The parts of NS-1 do not make RM 248.71."
    assert found.cause_label == "The parts of ‹number› do not make ‹total›."
    assert (found.span.line, found.span.column) == _at("subtotal + tax_total + round_off")


def test_a_group_is_called_by_the_values_of_consts_and_their_days() -> None:
    found = next(f for f in findings(order(total="4000.00")) if f.severity == "approve")
    assert found.message == "RM 4,000.00 is above 3,000.00."
    assert found.cause_label == "‹total› is above 5000.00 (before 2027-01-01: 3000.00)."


def _at(words: str) -> tuple[int, int]:
    before = TEXT[: TEXT.index(words)]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def test_lines_are_listed_inside_one_finding() -> None:
    rows = [line(qty="0.01", uom="BOX", price="1.00"), line(pos=2), line(pos=3, qty="0.1")]
    found = next(
        f
        for f in findings(order(lines=[rows[0], rows[1], line(pos=3, uom="BOX", qty="0.1")]))
        if f.rule == "whole_pieces"
    )
    assert found.lines == (1, 3)
    assert found.message == "0.01 BOX of TEA-1 are 0.12 pieces. (lines 1, 3)"
    assert found.would_pass == (
        "line 1: the pieces of the line is a whole number (0 or 1); "
        "line 3: the pieces of the line is a whole number (1 or 2)"
    )


def test_a_warning_stays_beside_and_stops_nothing() -> None:
    found = decision(judge(order(ordered_on="2026-10-01")))
    assert found.state == "ready"
    assert [(f.severity, f.rule) for f in found.findings] == [("warn", "old")]


def test_a_rejection_is_ignored_with_its_reason() -> None:
    body = {
        "number": "ST-1",
        "status": "paid",
        "blogger": "B",
        "settled_on": "2026-11-01",
        "commission": "0",
    }
    found = decision(judge(body, kind="settlement"), "aiaccount.expense_bill")
    assert (found.state, found.reason) == ("ignored", "Nothing is owed to B.")


def test_a_locked_period_is_a_class_and_a_cause_of_its_own() -> None:
    locked = world(
        targets={"aiaccount": TargetState(known=True, locked_through=date(2026, 11, 30))}
    )
    finding = only(order(), world=locked)
    assert (finding.code, finding.error_class) == ("PER01", "period_locked")
    assert str(finding.cause_key) == "period:aiaccount:2026-11"
    assert finding.cause_label == "Period November 2026 of aiaccount is locked"


@pytest.mark.parametrize(("last", "codes"), [(18, ["PER01"]), (17, [])])
def test_the_last_day_of_what_is_locked_is_locked(last: int, codes: list[str]) -> None:
    state = TargetState(known=True, locked_through=date(2026, 11, last))
    found = findings(order(ordered_on="2026-11-18"), world=world(targets={"aiaccount": state}))
    assert [finding.code for finding in found] == codes


def test_all_findings_are_kept_the_strongest_first() -> None:
    body = order(ordered_on="2026-10-01", total="248.71", customer="C-0")
    assert [(f.severity, f.rule) for f in findings(body)] == [
        ("hold", "total_adds"),
        ("hold", "debtor"),
        ("warn", "old"),
    ]


def test_a_kind_that_the_rules_do_not_know_has_no_decision() -> None:
    outcome = judge({}, kind="parcel")
    assert (outcome.decisions, outcome.number) == ((), "")
    assert outcome == judge({"a": 1}, kind="parcel", at=NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"customer": "C-0"},
        {"customer": None},
        {"status": "Nope"},
        {"total": "x"},
        {"lines": [line(uom="TIN", sku="NO", tax="GST")]},
    ],
)
def test_every_finding_has_a_verdict_at_its_rule(changes: dict[str, Any]) -> None:
    outcome = judge(order(**changes))
    said = {(v.route, v.rule) for v in outcome.verdicts if v.result in {"hit", "unknown"}}
    for found in outcome.decisions:
        assert {(f.route, f.rule) for f in found.findings} <= said
