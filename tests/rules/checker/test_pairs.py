"""Checks are compared with few others, and nothing is lost by it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bench import rule_bench
from grammar.nodes import Ruleset
from grammar.parsing.parser import parse
from grammar.text.problem import Problem
from rules.checker import all_checks
from rules.checker.pairs import Crossings, Pairs, Reasoned, contradicted, repeats_other
from rules.checker.places import Look
from rules.types.symbol_table import Index
from tests.rules.kedai import TEXT

FACTS = (
    "total > {n}00.00",
    "total <= {n}00.00",
    "total <> {n}00.00",
    "total = {n}00.00",
    "total >= {n}00.00 or total < 100.00",
    "not total > {n}00.00",
    'customer = "C{n}"',
    'customer <> "C{n}"',
    'customer in ("C{n}", "C1")',
    "status in (paid, draft)",
    "status = paid",
    "status <> paid",
    "total > round_off",
    "round_off * {n} < total",
)
BOTH_FAIL = [
    f"check made_{{at}} on order\n    require {fact}\n    else    reject\n"
    '    say "{number}"\n    clears when it passes'
    for fact in ("total > 100.00", "total <= 100.00")
]  # chance alone finds two such checks nearly always
LINES = ("line.qty > {n}", "line.qty <= {n}", 'line.sku = "S{n}"', "line.qty <> {n}")
DOES = ("warn", "reject", "hold for tax_desk", "hold for accounts", "review by accounts")
ROUTES = ("", " for aiaccount.sales_invoice", " for aiaccount.sales_receipt")


@st.composite
def a_check(draw: st.DrawFn) -> str:
    line = draw(st.booleans()) and draw(st.booleans())
    facts = st.tuples(st.sampled_from(LINES if line else FACTS), st.integers(1, 3))
    route = draw(st.sampled_from(ROUTES))
    of = f"order{' each line' if line else ''}{route}"
    when = [f.format(n=n) for f, n in draw(st.lists(facts, max_size=2))]
    require = [f.format(n=n) for f, n in draw(st.lists(facts, min_size=1, max_size=2))]
    clauses = [f"    when {' and '.join(map(_closed, when))}"] if when else []
    clauses += [f"    {'and' if at else 'require'} {fact}" for at, fact in enumerate(require)]
    does = draw(st.sampled_from(DOES))
    clauses += [f"    else {does}", '    say "{number}"', "    clears when it passes"]
    return "\n".join([f"check made_{{at}} on {of}", *clauses])


def _closed(fact: str) -> str:
    return f"({fact})" if " or " in fact else fact


@cache
def _kedai() -> Ruleset:
    ruleset, broken = parse({"kedai.rules": TEXT})
    assert not broken
    return ruleset


def ruleset_of(checks: Sequence[str]) -> Ruleset:
    text = "\n".join(check.replace("{at}", str(at)) for at, check in enumerate(checks))
    made, broken = parse({"made.rules": text})
    assert not broken, broken
    return replace(_kedai(), checks=(*_kedai().checks, *made.checks))


def plainly(reasoned: Sequence[Reasoned]) -> Iterator[Problem]:
    """Every check compared with every other: what must come out."""
    every = range(len(reasoned))
    for at, one in enumerate(reasoned):
        wrong = [i for i in every if i < at and contradicted(reasoned[i], one)]
        more = [i for i in every if i != at and repeats_other(i, at, reasoned)]
        yield from (all_checks.contradiction_finding(reasoned[i], one) for i in wrong[:1])
        yield from (all_checks.coverage_finding(one.check, reasoned[i].check) for i in more[:1])


@pytest.mark.slow
def test_T24a_all_that_can_be_said_of_two_checks_is_said_in_the_same_order() -> None:
    codes: set[str] = set()

    @settings(max_examples=100, deadline=None)
    @given(st.lists(a_check(), min_size=2, max_size=14))
    @example(BOTH_FAIL)
    def compared(checks: list[str]) -> None:
        look = Look(Index(ruleset_of(checks)))
        found = list(all_checks.check_logic(look))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(all_checks, "compare_checks", plainly)
            assert list(all_checks.check_logic(look)) == found
        codes.update(problem.code for problem in found)

    compared()
    assert {"LOG02", "LOG03", "LOG04", "LOG05", "LOG06"} <= codes


CASES = st.integers(0, (1 << 12) - 1)


@given(st.lists(CASES, max_size=8), CASES)
def test_T24a_crossings_name_exactly_the_sets_that_share_a_case(
    sets: list[int], asked: int
) -> None:
    meeting = Crossings(enumerate(sets), 12).meeting(asked)
    assert meeting == sum(1 << at for at, cases in enumerate(sets) if cases & asked)


EXTRA = {
    "one customer each, one amount": """\
check one_{n} on invoice
    when     customer = "C-{n}"
    require  total > 0.00
""",
    "the same twice": """\
check twice_{n} on invoice
    require  total > 5.00
""",
    "tiers that contradict nothing": """\
check tier_{n} on invoice
    when     total > {n}.00 and subtotal < {n}9.00
    require  customer <> "C-{n}"
    and      tax_total <= {n}.00
""",
}
END = """\
    else     hold for accounts
    say      "The total of {{number}} is {{total}}."
    clears   when it passes
"""
GUARDS = (
    """\
check of_customer_{n} on invoice
    when     customer = "C-{n}"
    require  tax_total > 0.00
"""
    + END,
    """\
check of_tier_{n} on invoice
    when     total > {n}.00
    require  tax_total > 0.00
"""
    + END,
)
SHAPES = {
    **rule_bench.SHAPES,
    "half of them on lines": (rule_bench._LINE_CHECK, rule_bench._HEAD_CHECK),
    "guards of two fields": GUARDS,
    **{name: (shape + END,) for name, shape in EXTRA.items()},
}


@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
def test_T24b_the_pairs_that_are_asked_grow_as_the_checks_do(
    shapes: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _asked(shapes, 400, monkeypatch) <= 4.1 * max(_asked(shapes, 100, monkeypatch), 50)


def _asked(shapes: Sequence[str], rules: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many pairs were looked at one by one."""
    asked = 0

    def told(self: Pairs, at: int, which: str) -> Iterator[int]:
        nonlocal asked
        for other in originals[which](self, at):
            asked += 1
            yield other

    ruleset, broken = parse({"invoices.rules": rule_bench.repeat_checks(shapes, rules)})
    assert not broken
    originals = {"covering": Pairs.covering, "contradicting": Pairs.contradicting}
    with monkeypatch.context() as patch:
        patch.setattr(Pairs, "covering", lambda self, at: told(self, at, "covering"))
        patch.setattr(Pairs, "contradicting", lambda self, at: told(self, at, "contradicting"))
        list(all_checks.check_logic(Look(Index(ruleset))))
    return asked


def test_a_thousand_alike_give_a_finding_each() -> None:
    alike = "".join(
        f"check over_{n} on order\n    require total > {n}.00\n    else hold for accounts\n"
        f'    say "{{number}}"\n    clears never\n'
        for n in range(1000)
    )
    ruleset, _ = parse({"kedai.rules": f"{TEXT}\n{alike}"})
    found = [p.message for p in all_checks.check_logic(Look(Index(ruleset))) if p.code == "LOG06"]
    assert len(found) == 999
    assert found[0] == "'over_0' adds nothing: wherever it fails, 'over_1' fails too"
