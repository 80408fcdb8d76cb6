"""Generated code and interpreter are one meaning: programs by lot, records with holes.

300 programs each time; CLEARPOST_FUZZ_PROGRAMS=20000 for more.
"""

import os
from collections import Counter
from dataclasses import replace
from datetime import datetime
from itertools import chain
from pathlib import Path
from random import Random
from typing import TypeAlias
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.codegen import emit_expressions
from rules.decisions.fast_path import Completeness
from rules.expressions.compiler import Interpreter
from rules.expressions.run import STEPS, Drafted, Run
from rules.facts import Facts, Subject, World
from rules.outcomes import Outcome
from rules.program import Program, compile_interpreted, compile_ruleset
from tests.rules.kedai import TEXT, decision, judge, order, program_of
from tests.rules.one_meaning import in_every_way, same_decision, same_glance
from tests.rules.random_rules import Lot

PROGRAMS = int(os.environ.get("CLEARPOST_FUZZ_PROGRAMS", "300"))
MANY = 400_000
STEP_LIMITS = (MANY, MANY, MANY, 30, 90)

by_lot = settings(
    max_examples=PROGRAMS,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
    derandomize=PROGRAMS == 300,
)
Asked: TypeAlias = tuple[Subject, Facts, World, datetime]


RECORDS = 3
"""So many records of one program, one after the other in the same world."""


def law(seed: int) -> list[Outcome]:
    """Both engines say the same of the same records, and so do their bits, glances and decisions.

    Whatever the world has answered before, a decision is what it is in a world that nobody asked.
    """
    lot = Lot(Random(seed))
    ruleset = lot.ruleset()
    fast, slow = compile_ruleset(ruleset, hash="h"), compile_interpreted(ruleset, hash="h")
    world, found = lot.world(), []
    remembers = replace(world)
    for _ in range(RECORDS):
        about = Subject("order", "netshop", lot.body(), 1), lot.facts()
        asked = (*about, world, now := lot.now())
        steps = lot.dice.choice(STEP_LIMITS)
        with mock.patch("rules.expressions.run.STEPS", steps):
            outcome = slow.evaluate(*asked)
            assert fast.evaluate(*asked) == outcome
            same_glance(fast, outcome, fast.glance(*about, remembers, now))
            for engine in (fast, slow):
                alone = engine.decision(*about, replace(world), now)
                same_decision(outcome, alone)
                assert engine.decision(*about, remembers, now) == alone
                assert engine.decisions([(*about, remembers, now)] * 2) == [alone, alone]
            if steps == MANY and not asked[1].postings:  # what is posted may ask no check at all
                same_bits(fast, outcome, asked)
        found.append(outcome)
    return found


def same_bits(program: Program, outcome: Outcome, asked: Asked) -> None:
    """The bare functions say what the verdicts say, unless the record leaves the bounds."""
    checks = program.together("order")
    assert checks is not None
    try:
        fail, unknown = checks.bits(program.opened(*asked))
    except (ArithmeticError, TypeError):
        return
    names = {c.name for c in program.ruleset.checks if c.route is None}
    for bits, result in ((fail, "hit"), (unknown, "unknown")):
        told = {v.rule for v in outcome.verdicts if (v.kind, v.result) == ("check", result)}
        found = {r.name for i, r in enumerate(program.rules) if bits >> i & 1}
        assert found == {name for name in told & names if common(program, name)}


def common(program: Program, name: str) -> bool:
    check = next(c for c in program.ruleset.checks if c.name == name)
    return "period" not in repr((check.when, check.requires))


@pytest.mark.slow
@given(st.integers(0, 2**48))
@by_lot
def test_interpreter_bits_and_trace_agree(seed: int) -> None:
    law(seed)


@pytest.mark.slow
def test_the_lot_draws_every_sort_of_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    found, drafted, drafts = Counter[str](), Counter[bool](), Completeness._drafted

    def noted(self: Completeness, run: Run, kept: dict[str, Drafted]) -> bool:
        drafted[made := drafts(self, run, kept)] += 1
        return made

    monkeypatch.setattr(Completeness, "_drafted", noted)
    for outcome in chain.from_iterable(map(law, range(60))):
        found.update(d.state for d in outcome.decisions)
        found.update(v.result for v in outcome.verdicts)
        found.update(f.code for d in outcome.decisions for f in d.findings)
    common_ = {"ready", "held", "waiting", "posted", "pass", "hit", "unknown", "not_applicable"}
    assert min(drafted.values()) > 10
    assert set(found) >= common_ | {"CHK01", "CHK02", "MAP01", "UOM01", "EVA01", "MIS01", "VAL01"}


@pytest.mark.slow
@pytest.mark.parametrize(("right", "wrong"), [("<", "<="), ("=", "!="), (">=", ">")])
def test_a_flipped_comparison_is_found(right: str, wrong: str) -> None:
    with mock.patch.dict(emit_expressions.OPERATORS, {right: wrong}):
        for seed in range(PROGRAMS):
            try:
                law(seed)
            except AssertionError:
                return
    pytest.fail(f"{right} became {wrong}, and {PROGRAMS} programs by lot did not notice")


@pytest.mark.slow
@pytest.mark.parametrize("steps", [40, 400])
def test_no_program_visits_more_than_its_bound(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    granted = Counter[Run]()
    spend = Run.spend

    def counted(run: Run, wanted: int) -> None:
        spend(run, wanted)
        granted[run.root] += wanted

    monkeypatch.setattr(Run, "spend", counted)
    monkeypatch.setattr("rules.expressions.run.STEPS", steps)
    for seed in range(25):
        lot = Lot(Random(seed))
        ruleset, body = lot.ruleset(), order(lines=[lot.line(i) for i in range(1, 12)])
        asked = (Subject("order", "netshop", body, 1), lot.facts(), lot.world(), lot.now())
        fast, slow = compile_ruleset(ruleset, hash="h"), compile_interpreted(ruleset, hash="h")
        assert in_every_way(fast, *asked) == slow.evaluate(*asked)
    assert steps / 4 < max(granted.values()) <= steps


def test_the_bound_is_printed() -> None:
    page = Path(__file__).parents[3] / "docs" / "rules" / "language.md"
    assert f"{STEPS:,} lines" in page.read_text("utf-8")


def test_a_clean_record_needs_no_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = judge(order(tin="IG115002000"))
    assert decision(expected).state == "ready"

    def refuse(*_: object) -> None:
        raise AssertionError("the interpreter was asked")

    for name in vars(Interpreter):
        if callable(getattr(Interpreter, name)):
            monkeypatch.setattr(Interpreter, name, refuse)
    fresh = TEXT.replace("# A tea seller", "# Another tea seller")
    assert judge(order(tin="IG115002000"), program=program_of(fresh)) == expected
    with pytest.raises(AssertionError, match="was asked"):
        compile_interpreted(program_of(fresh).ruleset, hash="h")
