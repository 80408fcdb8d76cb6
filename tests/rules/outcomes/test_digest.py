"""The hash of an outcome: it holds the decision and no wording."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from grammar.text.problem import Span
from rules.facts import Facts, Subject
from rules.outcome_hash import (
    DESCRIBED,
    REPEATED,
    WHERE,
    WORDING,
    Digest,
    counted_fields,
    hash_bare,
    hash_decided,
    hash_outcome,
    hash_worded,
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
from rules.values.wording import MISSING
from tests.rules.kedai import NOW, TEXT, judge, judged_as_first, line, order, program_of, world

SPAN = Span("a.rules", 1, 1, 1, 2)
STEP = Step("update", "r", 1, None, "edits", SPAN, "the shop changed it", 1, {"1": Decimal(1)})
WAIT = Wait("until", NOW, "r", "not before the night")
NEED = ApprovalNeed("big", "boss", ("created_by",), "above 1,000")
KINDS = (Verdict, Finding, Document, Wait, ApprovalNeed, Step, Decision, Use, Lineage, Outcome)
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
    assert (hash_decided(after, FACTS) == hash_decided(before, FACTS)) is read_only
    assert (name in counted_fields(kind)) is not read_only
    beside = kind in {Verdict, Lineage, Use} or (kind is Outcome and name in DESCRIBED)
    assert (hash_bare(after, FACTS) == hash_bare(before, FACTS)) is (read_only or beside)


def test_T38a_what_is_done_counts_where_nothing_else_is_said() -> None:
    """Of most decisions there is a document alone, which is written down in a quicker way."""
    outcome = judge(order())
    ready = outcome.decisions[0]
    hashes = [
        hash_bare(replace(outcome, decisions=(replace(ready, plan=plan),)), FACTS)
        for plan in ((), (STEP,), (replace(STEP, seq=2),), (STEP, STEP))
    ]
    assert len(set(hashes)) == len(hashes)
    told = replace(ready, plan=(STEP,), findings=())
    assert hash_bare(replace(outcome, decisions=(told,)), FACTS) == hashes[1]


@pytest.mark.parametrize("kind", WORDING, ids=lambda kind: kind.__name__)
def test_T38a_what_is_called_wording_is_text(kind: type) -> None:
    assert {str(each.type) for each in fields(kind) if each.name in WORDING[kind]} == {"str"}


def test_T38a_words_for_a_missing_value_and_labels_of_operands_are_wording() -> None:
    outcome = judge(order(total=None))
    told = [v for v in outcome.verdicts if any(shown == MISSING for _, shown in v.operands)]
    assert told
    renamed = tuple(
        replace(v, operands=tuple((f"label {at}", one) for at, (_, one) in enumerate(v.operands)))
        for v in outcome.verdicts
    )
    assert hash_decided(replace(outcome, verdicts=renamed), FACTS) == hash_decided(outcome, FACTS)
    filled = tuple(
        replace(v, operands=tuple((label, one.replace(MISSING, "")) for label, one in v.operands))
        for v in outcome.verdicts
    )
    assert hash_decided(replace(outcome, verdicts=filled), FACTS) != hash_decided(outcome, FACTS)
    assert MISSING not in json.dumps(FACTS)


def test_T38b_the_facts_count() -> None:
    outcome, later = whole(), dumps({"facts": Facts(NOW + timedelta(1)), "known": ["aiaccount"]})
    assert hash_decided(outcome, FACTS) != hash_decided(outcome, later)
    assert hash_worded(outcome) == hash_outcome(outcome, later, Digest.WORDED)
    assert hash_bare(outcome, FACTS) != hash_bare(outcome, later)
    assert hash_outcome(outcome, FACTS, Digest.DECIDED) == hash_decided(outcome, FACTS)
    assert hash_outcome(outcome, FACTS, Digest.BARE) == hash_bare(outcome, FACTS)


def test_T38c_the_older_digest_is_what_it_was() -> None:
    """Hashes that older versions stored; they must come out for ever."""
    assert hash_worded(judged_as_first(order())) == KEPT["ready"]
    assert hash_worded(judged_as_first(order(total="1.00", status="Nope"))) == KEPT["held"]
    facts = '{"facts":{"billed":{},"conflicts":[]},"known":["aiaccount"]}'
    assert hash_decided(judge(order()), facts) == KEPT["decided"]


ENDLESS = "const bank_account", "const long\n    from 2026-01-01 = 999999999d\n\nconst bank_account"


@pytest.mark.parametrize(
    ("said", "hash_"),
    [
        ("today - 999999d", "51c44dba9091e1cb235faa6c745e4409de4391bd0d7490223475d1be13a055ad"),
        (
            "today - (long + long)",
            "508a4270adbb6fa71c153dff8c66b09df4721a615f7f1cabead53c104ded7212",
        ),
    ],
)
def test_T38c_what_python_said_of_days_is_counted_as_it_was(said: str, hash_: str) -> None:
    """The digest of words was made with Python's own, before they became plain."""
    program = program_of(TEXT.replace("today - 31d", said).replace(*ENDLESS))
    subject = Subject("order", "netshop", order(), 1)
    told = program.evaluate_as_first(subject, Facts(NOW), world(), NOW)
    assert hash_worded(told) == hash_
    assert "worked out: date value" not in str(told)


@pytest.mark.parametrize("name", ["ready", "held", "whole"])
def test_T38c_what_is_stored_today_comes_out_for_ever(name: str) -> None:
    """Hashes of both newer digests: of what goes, of what is held, and of every type at once. What
    counts and what is wording is no matter of a table alone, which could be changed by mistake.
    """
    made = {"ready": judge(order()), "held": judge(order(total="1.00", status="Nope"))}
    outcome = made.get(name) or whole()
    facts = '{"facts":{"billed":{},"conflicts":[]},"known":["aiaccount"]}'
    assert (hash_decided(outcome, facts), hash_bare(outcome, facts)) == NEWER[name]


NEWER = {
    "ready": (
        "ede871af3147241e59fb1cb0fa30e46bf3470b84d84ffc41705371f22f513468",
        "994ef637816416903386c49f8948ce7e74cd1d1cd7e13e2d1e56371586a5de85",
    ),
    "held": (
        "e8706437a691d490c63e3d1491743ccefc776820be47e73b36351e7f5d766bb2",
        "b6ed2ffecaef7043d2700fddd34b4ec602617bccd79028ad9d761890a320bdf7",
    ),
    "whole": (
        "f336c6d20b0ca719e555bea8659569fb5fb1e4ef4267cf401d1ea2d0bb724c01",
        "ff57cf59252bd89c33150af37514586d048a5b6344cd2fc7e486e1a08c6871a2",
    ),
}
KEPT = {
    "ready": "8ea40a2a5e66d70c66e8b6a678090e951b0613328e8280f52c4ed8f65a1b2d04",
    "decided": "ede871af3147241e59fb1cb0fa30e46bf3470b84d84ffc41705371f22f513468",
    "held": "56316deb170c7372bf9e72643cc08ce534adb9ad0d24ef281e88442ce4f152f6",
}
