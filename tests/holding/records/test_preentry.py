"""The strip of checks before entry: a warning fails nothing."""

from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import pytest

from grammar.text.problem import Span
from holding.records.preentry import entry_checks
from rules.outcomes import Decision, Finding, Lineage, Outcome, Severity, Verdict
from rules.values.canonical import PostingState
from rules.values.cause_keys import ITSELF, CauseKey, CauseKind

FILES = {
    "a.rules": "    InvoiceDate = ordered_on\n    Customer = debtor(customer)\n"
    "    require  ordered_on >= today - 21d\n"
}
OLD = Finding(
    code="CHK01",
    error_class="business_rule",
    rule="back_dated",
    route="r",
    severity="warn",
    owner="",
    message="More than three weeks old.",
    clears=ITSELF,
    cause_key=CauseKey(CauseKind.RULE, "back_dated"),
    cause_label="",
    would_pass="",
    span=Span("a.rules", 3, 5, 3, 39),
)
SCHEMA = SimpleNamespace(party_field="Customer", date_field="InvoiceDate")


def outcome(*findings: Finding) -> Outcome:
    """One route whose document is dated, with these findings."""
    row = Lineage("InvoiceDate", None, Span("a.rules", 1, 5, 1, 29), (), "2026-10-23", "r")
    decision = Decision("r", PostingState.READY, None, findings, None, "")
    return Outcome(
        decisions=(decision,),
        verdicts=(),
        used=(),
        lineage=(row,),
        status="paid",
        status_word="paid",
        number="NS-1",
        party="",
        doc_date=date(2026, 10, 23),
        amount=None,
        currency="MYR",
        valid_until=None,
        engine="1",
    )


@pytest.mark.parametrize(("severity", "state"), [("warn", "passed"), ("hold", "failed")])
def test_a_check_that_only_warns_does_not_fail_the_date(severity: Severity, state: str) -> None:
    found = entry_checks(outcome(replace(OLD, severity=severity)), "r", SCHEMA, FILES)
    assert found[3].name == "Document date in an open period"
    assert found[3].state == state


@pytest.mark.parametrize(
    ("decided", "state"),
    [
        (PostingState.IGNORED, "not asked"),
        (PostingState.DROPPED, "not asked"),
        (PostingState.HELD, "failed"),
    ],
)
def test_a_status_that_the_rules_leave_out_did_not_fail(decided: PostingState, state: str) -> None:
    span = Span("a.rules", 3, 5, 3, 39)
    gate = Verdict("gate", "gate", "r", "hit", span, (), None, "status draft is ignored", False)
    judged = outcome()
    decisions = tuple(replace(one, state=decided) for one in judged.decisions)
    judged = replace(judged, decisions=decisions, verdicts=(gate,), status="draft")
    status = entry_checks(judged, "r", SCHEMA, FILES)[0]
    assert (status.state, status.text) == (state, "draft")
