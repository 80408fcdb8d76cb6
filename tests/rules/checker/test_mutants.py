"""The checker is total, and what it lets through runs: mutated rule files give no traceback."""

import random
import re

import pytest

from grammar.parsing.parser import parse
from rules.checker.all_checks import check
from rules.facts import Facts, Subject
from rules.program import compile_ruleset
from rules.testing.runner import run_tests
from tests.rules.kedai import NOW, TEXT, order, world

LINES = TEXT.splitlines(keepends=True)
WORDS = sorted({w.strip('(),="{}') for w in TEXT.split()} - {""})


def mutant(seed: int) -> str:
    """The example with a few lines gone, doubled or moved, and a few words exchanged."""
    rng = random.Random(seed)
    lines = list(LINES)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(lines))
        act = rng.choice(["drop", "double", "move", "word", "word", "block"])
        if act == "drop":
            del lines[at]
        elif act == "double":
            lines.insert(at, lines[at])
        elif act == "move":
            lines.insert(rng.randrange(len(lines)), lines.pop(at))
        elif act == "block":
            del lines[at : at + rng.randint(2, 25)]
        else:
            words = lines[at].split(" ")
            words[rng.randrange(len(words))] = rng.choice(WORDS)
            lines[at] = " ".join(words).rstrip("\n") + "\n"
    return "".join(lines)


@pytest.mark.parametrize("part", range(4))
def test_a_mutant_gives_problems_and_never_a_traceback(part: int) -> None:
    for seed in range(part * 15, part * 15 + 15):
        ruleset, _ = parse({"a.rules": mutant(seed)})
        problems = check(ruleset)
        assert all(p.message and p.hint and p.span.line > 0 for p in problems), problems


@pytest.mark.slow
def test_what_the_checker_lets_through_runs() -> None:
    ran = 0
    numbers = list(re.finditer(r"\b[0-9]+(\.[0-9]+)?\b", TEXT))
    for seed in range(12):
        rng = random.Random(seed)
        hit = rng.choice(numbers)
        other = rng.choice(["0", "1", "99999999.99", "0.0001", "7"])
        ruleset, broken = parse({"a.rules": TEXT[: hit.start()] + other + TEXT[hit.end() :]})
        if broken or any(p.severity == "error" for p in check(ruleset)):
            continue
        ran += 1
        program = compile_ruleset(ruleset, hash="")
        run_tests(ruleset, program)
        program.evaluate(Subject("order", "netshop", order(), 1), Facts(NOW), world(), NOW)
    assert ran > 0


def test_an_empty_ruleset_is_no_problem() -> None:
    ruleset, _ = parse({})
    assert check(ruleset) == ()
    assert compile_ruleset(ruleset, hash="").routes == ()
