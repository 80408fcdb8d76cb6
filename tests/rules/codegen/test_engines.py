"""Every story of the templates and of the test files, told by both engines: one meaning."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from grammar import nodes as n
from grammar.parsing.parser import parse
from rules.facts.world import Facts, Subject, World
from rules.outcomes.outcome import Outcome
from rules.programs.program import compile_ruleset, interpreted
from rules.testing.runner import run_tests
from tests.rules.decisions.test_glance import same

HERE = Path(__file__).parents[1]
STARTERS = HERE.parents[1] / "portal" / "starters"
SETS = [
    *sorted(p for p in STARTERS.iterdir() if any(p.glob("*.rules"))),
    *(HERE / f"{name}.rules" for name in ("kedai", "depot", "roaster")),
]


class Both:
    """A program that asks both engines, and wants the same of them."""

    def __init__(self, ruleset: n.Ruleset) -> None:
        self.fast = compile_ruleset(ruleset, hash="h")
        self.slow = interpreted(ruleset, hash="h")
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.fast, name)

    def evaluate(self, subject: Subject, facts: Facts, world: World, now: datetime) -> Outcome:
        self.asked += 1
        outcome = self.slow.evaluate(subject, facts, world, now)
        assert self.fast.evaluate(subject, facts, world, now) == outcome
        same(self.fast, outcome, self.fast.glance(subject, facts, world, now))
        keys = self.slow.link_keys(subject.body, subject.kind)
        assert self.fast.link_keys(subject.body, subject.kind) == keys
        return outcome


@pytest.mark.parametrize("path", SETS, ids=[p.stem for p in SETS])
def test_both_engines_tell_the_same_stories(path: Path) -> None:
    files = sorted(path.glob("*.rules")) if path.is_dir() else [path]
    ruleset, problems = parse({p.name: p.read_text("utf-8") for p in files})
    assert problems == ()
    both = Both(ruleset)
    report = run_tests(ruleset, both)  # type: ignore[arg-type]
    assert report.failed == ()
    assert both.asked >= len(report.results) > 0
