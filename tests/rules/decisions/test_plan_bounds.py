"""Plans are total: hostile bodies, postings of any content, mutated tables end with an outcome."""

import random
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grammar.parsing.parser import parse
from rules.checker.all_checks import check
from rules.facts import TargetEdit
from rules.program import compile_ruleset
from rules.testing.runner import run_tests
from tests.rules.roaster import (
    INVOICE,
    TEXT,
    actions,
    decide,
    first_bill,
    judge,
    line,
    order,
    parcel,
)

BILL = first_bill(order(), parcel("1"))
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=8),
    st.sampled_from(["9" * 38, "0.333333333333333333333333333333333333", "-1", "2026-02-30", "KL"]),
)
bodies = st.dictionaries(st.sampled_from(sorted(order())), scalars, max_size=4)
rows = st.lists(st.dictionaries(st.sampled_from(sorted(line())), scalars, max_size=3), max_size=3)
contents = st.one_of(
    st.none(),
    st.just(BILL.content),
    st.fixed_dictionaries({"fields": scalars, "lines": st.one_of(scalars, st.lists(scalars))}),
)
quantities = st.decimals(
    allow_nan=False, allow_infinity=False, places=2, min_value=-(10**9), max_value=10**9
)


@pytest.mark.slow
@given(
    bodies,
    rows,
    contents,
    st.one_of(st.none(), bodies),
    st.dictionaries(st.sampled_from(["1", "2", ""]), quantities, max_size=2),
    st.sampled_from(["agreed", "draft", "cancelled", "nope"]),
    st.text(max_size=4),
)
@settings(max_examples=120, deadline=None)
def test_whatever_is_posted_has_an_answer(
    head: dict[str, Any],
    lines: list[dict[str, Any]],
    content: Any,
    before: dict[str, Any] | None,
    billed: dict[str, Decimal],
    status: str,
    shows: str,
) -> None:
    body = order(lines=[line(**row) for row in lines], status=status) | head
    old = None if before is None else order() | before
    one = replace(BILL, content=content, body=old, billed=billed)
    facts: dict[str, Any] = {
        "postings": (one, replace(BILL, seq=2)),
        "target_edited": (TargetEdit(INVOICE, 1, 1, "Qty", shows),),
    }
    outcome = judge(body, parcel("2"), version=3, **facts)
    (found,) = outcome.decisions
    assert outcome == judge(body, parcel("2"), version=3, **facts)
    stops = {s.action for s in found.plan} & {"review", "block", "hold"}
    assert not stops or all(s.action in {"review", "block", "hold"} for s in found.plan)
    if found.state == "ready":
        assert all(s.document is not None or s.action == "void" for s in found.plan)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(3))
def test_a_mutant_that_is_let_through_runs(part: int) -> None:
    lines = TEXT.splitlines(keepends=True)
    words = sorted({w.strip('(),="{}|') for w in TEXT.split()} - {""})
    for seed in range(part * 20, part * 20 + 20):
        rng = random.Random(seed)
        at = rng.randrange(len(lines))
        parts = lines[at].rstrip("\n").split(" ")
        parts[rng.randrange(len(parts))] = rng.choice(words)
        text = "".join([*lines[:at], " ".join(parts) + "\n", *lines[at + 1 :]])
        ruleset, broken = parse({"a.rules": text})
        problems = check(ruleset, in_force=False)
        if broken or any(p.severity == "error" for p in problems):
            continue
        program = compile_ruleset(ruleset, hash="")
        run_tests(ruleset, program)
        judge(order(), parcel("1"), program=program, postings=(BILL,), version=2)


@pytest.mark.slow
def test_a_bill_of_many_lines_is_judged_in_time() -> None:
    many = [line(pos=at, qty="2") for at in range(1, 400)]
    gone = parcel(*("1" for _ in many))
    found = decide(order(lines=many), gone)
    assert (found.state, len(found.plan[0].billed)) == ("ready", 399)
    assert actions(found) == [("create", INVOICE, 1)]
