"""A record with intake faults is held by every engine until it is corrected or released."""

from decimal import Decimal
from typing import Any

import pytest

from connectors.contract import IncomingRecord, RowError
from connectors.contract.pulls import not_in_source
from rules.decisions.corrections import correctable_fields
from rules.facts import PostingFact
from rules.outcomes import Finding
from rules.values.canonical import PostingState
from tests.rules.kedai import INVOICE, RECEIPT, decision, judge, order, program_of

SUMS = RowError(
    where="orders[3].total",
    value="",
    message="The lines do not come to the total.",
    hint="",
    field="total",
    stated=Decimal("248.71"),
    computed=Decimal("248.7"),
)


def unread(field: str, *, optional: bool = False) -> RowError:
    return RowError(
        where=f"order.{field}",
        value="twe\ud83dlve\x00",
        message="This is not a number.",
        hint="Write digits.",
        field=field,
        optional=optional,
    )


def body_with(*errors: RowError, **changes: Any) -> dict[str, Any]:
    body = order(**changes)
    record = IncomingRecord(kind="order", external_id="1", number="NS-1", stamp=None, body=body)
    return record.with_faults(errors).body


def found(body: dict[str, Any], **facts: Any) -> list[Finding]:
    outcome = judge(body, **facts)
    return [one for one in decision(outcome).findings if one.code in ("SRC01", "SUM01", "VAL04")]


def test_sums_that_differ_hold_with_both_figures_and_their_difference() -> None:
    body = body_with(SUMS, currency="MYR")
    (finding,) = found(body)
    assert (finding.code, finding.severity, finding.owner) == ("SUM01", "hold", "accounts")
    assert finding.message.startswith("248.71 stated, 248.70 computed: 0.01.")
    outcome = judge(body)
    assert {one.state for one in outcome.decisions} == {"held"}
    assert decision(judge(order()), INVOICE).state == "ready"


def test_a_release_of_sums_counts_for_its_route_and_its_field() -> None:
    body = body_with(SUMS)
    (finding,) = found(body)
    assert finding.clears.by_people
    assert found(body, releases=frozenset({(INVOICE, finding.rule)})) == []
    assert found(body, releases=frozenset({(RECEIPT, finding.rule)})) == [finding]
    other = frozenset({(INVOICE, "intake other")})
    assert found(body, releases=other) == [finding]


@pytest.mark.parametrize("optional", [True, False])
def test_an_unreadable_value_holds_and_only_what_is_no_amount_can_be_left_out(
    optional: bool,
) -> None:
    body = body_with(unread("customer_name" if optional else "total", optional=optional))
    (finding,) = found(body)
    assert (finding.code, finding.clears.by_people) == ("VAL04", optional)
    assert "\\ud83d" in finding.message
    assert "\x00" not in finding.message
    released = found(body, releases=frozenset({(INVOICE, finding.rule)}))
    assert released == ([] if optional else [finding])


def test_a_value_of_a_line_names_the_line() -> None:
    (finding,) = found(body_with(unread("lines[1].price")))
    assert finding.lines == (2,)
    assert "price of line 2" in finding.message
    assert finding.cause_key.named == "line.price"


def test_a_posted_document_is_not_changed_by_a_version_with_a_fault() -> None:
    posted = PostingFact(
        INVOICE, 1, PostingState.POSTED, "NS-1", 1, {"fields": {}, "lines": [], "amount": "248.70"}
    )
    changed = body_with(SUMS, total="248.71")
    outcome = judge(changed, postings=(posted,))
    one = decision(outcome, INVOICE)
    assert [step.action for step in one.plan if step.action in ("update", "void", "create")] == []
    assert "SUM01" in {finding.code for finding in one.findings}


def test_a_posted_record_that_its_source_no_longer_shows_is_held_until_its_team_releases_it() -> (
    None
):
    posted = PostingFact(
        INVOICE, 1, PostingState.POSTED, "NS-1", 1, {"fields": {}, "lines": [], "amount": "248.70"}
    )
    body = body_with(not_in_source("order", "NS-1"))
    one = decision(judge(body, postings=(posted,)), INVOICE)
    assert [step.action for step in one.plan if step.action in ("update", "void", "create")] == []
    (finding,) = [each for each in one.findings if each.code == "SRC01"]
    assert (finding.severity, bool(finding.owner), finding.clears.by_people) == ("hold", True, True)
    assert finding.message.startswith("The source no longer shows order NS-1.")
    released = frozenset({(INVOICE, finding.rule)})
    after = decision(judge(body, postings=(posted,), releases=released), INVOICE)
    assert "SRC01" not in {each.code for each in after.findings}


def test_the_field_of_a_fault_can_be_corrected_by_its_owner() -> None:
    program = program_of()
    body = body_with(SUMS)
    (finding,) = found(body)
    fields = correctable_fields(program.ruleset, "order", body, finding)
    paths = {one.path for one in fields if one.setter.value == "owner"}
    assert {"total", "lines[0].price", "lines[1].qty"} <= paths


def test_a_body_lists_a_few_faults_and_each_once() -> None:
    faults = [unread(f"lines[{at}].price") for at in range(200)]
    body = body_with(*faults, *faults)
    assert len(body["intake_faults"]) == 50
    assert body_with(SUMS)["intake_faults"] == body_with(SUMS, SUMS)["intake_faults"]
