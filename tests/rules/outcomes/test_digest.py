"""The hash of an outcome: it holds the decision and no wording."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from grammar.text.problem import Span
from rules.facts import Facts
from rules.outcome_hash import (
    DESCRIBED,
    REPEATED,
    WHERE,
    WORDING,
    counted_fields,
    hash_outcome,
)
from rules.outcomes import (
    ApprovalNeed,
    Decision,
    Document,
    Finding,
    Lineage,
    Outcome,
    Step,
    Use,
    Verdict,
    Wait,
)
from rules.values.canonical import dumps
from tests.rules.kedai import NOW, judge, line, order

SPAN = Span("a.rules", 1, 1, 1, 2)
STEP = Step("update", "r", 1, None, "edits", SPAN, "the shop changed it", 1, {"1": Decimal(1)})
WAIT = Wait("until", NOW, "r", "not before the night")
NEED = ApprovalNeed("big", "boss", ("created_by",), "above 1,000")
KINDS = (Verdict, Finding, Document, Wait, ApprovalNeed, Step, Decision, Use, Lineage, Outcome)
BESIDE = (Verdict, Lineage, Use)
"""What follows from facts, rules and version, and is not hashed."""
FACTS = dumps({"facts": Facts(NOW), "known": ["aiaccount"]})
CASES = [(kind, each.name) for kind in KINDS for each in fields(kind)]


def whole() -> Outcome:
    """An outcome in which every type occurs: one decision goes, one is held."""
    good, bad = judge(order()), judge(order(total="1.00", lines=[line(uom="TIN")]))
    ready = good.decisions[0]
    held = next(one for decision in bad.decisions for one in decision.findings)
    first = replace(
        ready,
        findings=(held,),
        wait=WAIT,
        approvals=(NEED,),
        plan=(STEP,),
        open={"1": Decimal(2)},
    )
    return replace(good, decisions=(first, *good.decisions[1:]), valid_until=NOW)


def changed(value: Any, kind: type, name: str) -> Any:
    """The same with another value in this field of every object of this type."""
    if is_dataclass(value) and not isinstance(value, type):
        parts = {
            each.name: changed(getattr(value, each.name), kind, name) for each in fields(value)
        }
        if type(value) is kind:
            parts[name] = other(parts[name])
        return replace(value, **parts)
    if isinstance(value, tuple):
        return tuple(changed(one, kind, name) for one in value)
    return value


RESULTS = {"pass": "hit", "hit": "unknown", "unknown": "not_applicable", "not_applicable": "pass"}


def other(value: Any) -> Any:
    """Another value of the same type; nothing is added to what is empty."""
    match value:
        case bool():
            return not value
        case str():
            return RESULTS.get(value, f"{value}x")
        case int() | Decimal():
            return value + 1
        case date() | datetime():
            return value + timedelta(days=1)
        case Mapping():
            return {key: other(one) for key, one in value.items()}
        case Span():
            return replace(value, line=value.line + 1)
        case tuple() if value and not is_dataclass(value[0]):
            return tuple(other(one) for one in value)
        case tuple():
            return value[:-1]
    return 7


@pytest.mark.parametrize(("kind", "name"), CASES, ids=lambda one: getattr(one, "__name__", one))
def test_T38a_a_decision_counts_and_its_wording_does_not(kind: type, name: str) -> None:
    before, after = whole(), changed(whole(), kind, name)
    is_compared = next(each.compare for each in fields(kind) if each.name == name)
    assert (after != before) is is_compared
    read_only = name in WORDING.get(kind, frozenset()) | WHERE | REPEATED
    assert (name in counted_fields(kind)) is not read_only
    beside = kind in BESIDE or (kind is Outcome and name in DESCRIBED)
    assert (hash_outcome(after, FACTS) == hash_outcome(before, FACTS)) is (read_only or beside)


def test_T38a_what_is_done_counts_where_nothing_else_is_said() -> None:
    """Of most decisions there is a document alone, which is written down in a quicker way."""
    outcome = judge(order())
    ready = outcome.decisions[0]
    hashes = [
        hash_outcome(replace(outcome, decisions=(replace(ready, plan=plan),)), FACTS)
        for plan in ((), (STEP,), (replace(STEP, seq=2),), (STEP, STEP))
    ]
    assert len(set(hashes)) == len(hashes)
    told = replace(ready, plan=(STEP,), findings=())
    assert hash_outcome(replace(outcome, decisions=(told,)), FACTS) == hashes[1]


@pytest.mark.parametrize("kind", WORDING, ids=lambda kind: kind.__name__)
def test_T38a_what_is_called_wording_is_text(kind: type) -> None:
    assert {str(each.type) for each in fields(kind) if each.name in WORDING[kind]} == {"str"}


def test_T38b_the_facts_count() -> None:
    outcome, later = whole(), dumps({"facts": Facts(NOW + timedelta(1)), "known": ["aiaccount"]})
    assert hash_outcome(outcome, FACTS) != hash_outcome(outcome, later)


@pytest.mark.parametrize("name", ["ready", "held", "whole"])
def test_T38c_what_is_stored_today_comes_out_for_ever(name: str) -> None:
    """Hashes of what goes, of what is held, and of every type at once. What counts and what is
    wording is no matter of a table alone, which could be changed by mistake.
    """
    outcomes = {"ready": judge(order()), "held": judge(order(total="1.00", status="Nope"))}
    outcome = outcomes.get(name) or whole()
    facts = '{"facts":{"billed":{},"conflicts":[]},"known":["aiaccount"]}'
    assert hash_outcome(outcome, facts) == STORED[name]


STORED = {
    "ready": "994ef637816416903386c49f8948ce7e74cd1d1cd7e13e2d1e56371586a5de85",
    "held": "b6ed2ffecaef7043d2700fddd34b4ec602617bccd79028ad9d761890a320bdf7",
    "whole": "ff57cf59252bd89c33150af37514586d048a5b6344cd2fc7e486e1a08c6871a2",
}
