"""Every story of the templates and of the test files, told by both engines: one meaning."""

import random
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from grammar import nodes
from grammar.parsing.parser import parse
from holding.programs.known_schemas import schemas
from rules.facts import Facts, Subject, World
from rules.outcomes import Outcome
from rules.program import compile_interpreted, compile_ruleset
from rules.testing.runner import TestReport, run_tests
from rules.types.symbol_table import Schemas
from tests.rules.kedai import NOW, TEXT, line, order, program_of, world
from tests.rules.one_meaning import in_every_way
from tests.support.templates import WITH_OWN_RULES, rules_of

HERE = Path(__file__).parents[1]
SETS = (*WITH_OWN_RULES, "kedai", "depot", "roaster")


class Both:
    """A program that asks both engines, and wants the same of them."""

    def __init__(self, ruleset: nodes.Ruleset, known: Schemas | None = None) -> None:
        self.fast = compile_ruleset(ruleset, hash="h", schemas=known)
        self.slow = compile_interpreted(ruleset, hash="h", schemas=known)
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.fast, name)

    def evaluate(self, subject: Subject, facts: Facts, world: World, now: datetime) -> Outcome:
        self.asked += 1
        outcome = self.slow.evaluate(subject, facts, world, now)
        assert in_every_way(self.fast, subject, facts, world, now) == outcome
        keys = self.slow.link_keys(subject.body, subject.kind)
        assert self.fast.link_keys(subject.body, subject.kind) == keys
        return outcome


# ---- The stories as they are, and T22: with numbers that nobody meant ----------------------------

NUMBER = re.compile(r"-?[0-9]+([.][0-9]+)?")
WILD = (
    "9" * 38,
    "3" * 38,
    "-" + "9" * 38,
    "1" + "0" * 37,
    "9" * 37 + ".9",
    "0." + "0" * 37 + "1",
    "0.00",
)


def damaged(dice: random.Random, body: Mapping[str, object]) -> dict[str, object]:
    """A record in which about half of the numbers are damaged, those of its lines too."""
    found: dict[str, object] = {}
    for name, value in body.items():
        if isinstance(value, list | tuple):
            found[name] = [damaged(dice, row) for row in value]
        elif NUMBER.fullmatch(str(value)) and dice.random() < 0.5:
            found[name] = dice.choice(WILD)
        else:
            found[name] = value
    return found


class Damaged(Both):
    """Both engines, asked about damaged records beside those of the tests."""

    wild = 0

    def evaluate(self, subject: Subject, facts: Facts, world: World, now: datetime) -> Outcome:
        dice = random.Random(self.asked)
        for _ in range(3):
            links = {
                name: tuple(damaged(dice, row) for row in rows)
                for name, rows in facts.links.items()
            }
            wild = replace(subject, body=damaged(dice, subject.body))
            super().evaluate(wild, replace(facts, links=links), world, now)
            self.wild += 1
        return super().evaluate(subject, facts, world, now)


def rules_named(name: str) -> dict[str, str]:
    """Return the rule files of one set."""
    if name in WITH_OWN_RULES:
        return rules_of(name)
    path = HERE / f"{name}.rules"
    return {path.name: path.read_text("utf-8")}


@cache
def told(name: str) -> tuple[Damaged, TestReport]:
    """The stories of one set, and each damaged: both engines are asked once for all tests."""
    ruleset, problems = parse(rules_named(name))
    assert problems == ()
    both = Damaged(ruleset, schemas() if name in WITH_OWN_RULES else None)
    return both, run_tests(ruleset, both)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_both_engines_tell_the_same_stories(name: str) -> None:
    both, report = told(name)
    assert report.failed == ()
    assert both.asked - both.wild >= len(report.results) > 0


@pytest.mark.parametrize("name", SETS)
def test_T22a_both_engines_say_the_same_of_damaged_numbers(name: str) -> None:
    both, _ = told(name)
    assert both.wild == 3 * (both.asked - both.wild) > 0


def test_T22b_a_quantity_of_38_digits_times_its_factor_is_said_by_name() -> None:
    body = order(lines=[line(qty="9" * 38), line(pos=2)])
    for program in (program_of(), compile_interpreted(program_of().ruleset, hash="h")):
        outcome = program.evaluate(Subject("order", "netshop", body, 1), Facts(NOW), world(), NOW)
        found = {f.message for f in outcome.decisions[0].findings if f.code == "EVA01"}
        said = "in_base(line.qty, line.uom, line.sku) cannot be worked out"
        assert f"{said}: the result has more than 38 digits." in found


def test_T22c_a_division_by_zero_is_said_in_words() -> None:
    text = TEXT.replace(
        "require  commission > 0.00", "require  round(10 / commission, 0.01) > 0.00"
    )
    body = {"number": "ST-1", "status": "Approved", "blogger": "B-1", "settled_on": "2026-11-18",
            "commission": "0.00"}  # fmt: skip
    ruleset = program_of(text).ruleset
    for program in (program_of(text), compile_interpreted(ruleset, hash="h")):
        outcome = program.evaluate(
            Subject("settlement", "netshop", body, 1), Facts(NOW), world(), NOW
        )
        told = [f.message for d in outcome.decisions for f in d.findings if f.code == "EVA01"]
        assert told
        assert all("it divides by zero" in message for message in told)
        assert "Fraction(" not in str(outcome)


BEYOND = {
    "settled_on - 999999d > settled_on": "it leads to a day before the year 1 or after 9999",
    "paid_at + 9999999d > now": "it leads to a day before the year 1 or after 9999",
    "now - paid_at > long + long": "a duration of 1999999998 days is longer than can be counted",
}


@pytest.mark.parametrize("said", BEYOND)
def test_days_beyond_the_calendar_are_said_in_words(said: str) -> None:
    long = "const long\n    from 2026-01-01 = 999999999d\n\nconst bank_account"
    text = TEXT.replace("require  commission > 0.00", f"require  {said}")
    text = text.replace("const bank_account", long)
    body = {"number": "ST-1", "status": "approved", "blogger": "B-1", "settled_on": "2026-11-18",
            "commission": "9.00", "paid_at": "2026-11-18T06:30:00+08:00"}  # fmt: skip
    ruleset = program_of(text).ruleset
    for program in (program_of(text), compile_interpreted(ruleset, hash="h")):
        subject = Subject("settlement", "netshop", body, 1)
        outcome = program.evaluate(subject, Facts(NOW), world(), NOW)
        told = {f.message for d in outcome.decisions for f in d.findings if f.code == "EVA01"}
        assert [message.partition(" cannot be worked out: ")[2] for message in told] == [
            f"{BEYOND[said]}."
        ]
        assert "out of range" not in str(outcome)
        assert "magnitude" not in str(outcome)
