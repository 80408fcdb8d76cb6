"""reject > hold > approve > wait > ready, a warning beside: every case of it, all findings kept."""

from itertools import product
from typing import Any

import pytest

from tests.rules.shop import NO_TOTAL, found, judged, line, order, program

FIELDS = """\
    total    money
    may      yesno   optional
    fine     yesno   optional
    tidy     yesno   optional
    dear     yesno   optional
"""
RULES = """\
check must on order
    require  may
    else     reject
    say      "It may not."
    clears   never

check should on order
    require  fine
    else     hold for accounts
    say      "It is not fine."
    clears   when it passes

check could on order
    require  tidy
    else     warn
    say      "It is untidy."
    clears   when it passes

approve order for books.invoice
    when     dear
    by       accounts
    say      "It is dear."
"""
CHANGES = {**NO_TOTAL, "    total    money\n": FIELDS}
STRENGTH = ("reject", "hold", "approve", "warn")
YES, NO, MISSING = True, False, None


def expected(may: Any, fine: Any, tidy: Any, dear: Any, status: str) -> tuple[str, list[str]]:
    """The state and the findings: what is unknown counts as failed, never as passed."""
    kept = [
        severity
        for severity, asks in (
            ("reject", may is not YES),
            ("hold", fine is not YES),
            ("approve", dear is not NO and status == "paid"),
            ("warn", tidy is not YES),
        )
        if asks
    ]
    if "reject" in kept:
        return "ignored", kept
    if "hold" in kept or "approve" in kept:
        return "held", kept
    return ("ready" if status == "paid" else "waiting"), kept


@pytest.mark.parametrize("status", ["paid", "open"])
def test_the_strongest_decides_and_all_findings_are_kept(status: str) -> None:
    of = program(CHANGES, more=RULES, checked=False)
    for may, fine, tidy, dear in product((YES, NO, MISSING), repeat=4):
        body = order(line(), status=status, may=may, fine=fine, tidy=tidy, dear=dear)
        outcome = judged(of, body)
        (decision,) = outcome.decisions
        state, kept = expected(may, fine, tidy, dear, status)
        assert (decision.state, [f.severity for f in decision.findings]) == (state, kept), body
        assert kept == sorted(kept, key=STRENGTH.index)
        assert bool(decision.approvals) == ("approve" in kept and state == "held")


def test_each_failing_rule_says_what_would_make_it_pass() -> None:
    of = program(CHANGES, more=RULES, checked=False)
    outcome = judged(of, order(line(), may=False, tidy=True, dear=True))
    assert {f.rule: f.would_pass for f in found(outcome)} == {
        "must": "the may is yes",
        "should": "fine is filled in",
        "approve by accounts": "Accounts approves it",
    }


def test_a_rejected_record_asks_nobody_to_approve_what_is_not_sent() -> None:
    (decision,) = judged(
        program(CHANGES, more=RULES, checked=False), order(line(), may=False)
    ).decisions
    assert decision.approvals == ()
    assert decision.document is None
