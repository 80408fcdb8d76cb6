"""Checks are compared with few others, and nothing is lost by it."""

import random

import pytest

from grammar.parsing.parser import parse
from rules.checker import logic
from rules.checker import logic as checker_logic
from rules.types.symbol_table import Index
from tests.rules.kedai import TEXT

FACTS = (
    "total > {n}00.00",
    "total <= {n}00.00",
    "total <> {n}00.00",
    "total >= {n}00.00 or total < 100.00",
    'customer = "C{n}"',
    'customer <> "C{n}"',
    "status in (paid, packed)",
    "status = paid",
    "total > round_off",
    "round_off * {n} < total",
)


def checks(seed: int) -> str:
    rng = random.Random(seed)
    out = []
    for number in range(24):
        facts = [f.format(n=rng.randint(1, 4)) for f in rng.sample(FACTS, rng.randint(1, 3))]
        when = f"    when {rng.choice(FACTS[:4]).format(n=2)}\n" if rng.random() < 0.5 else ""
        does = rng.choice(["warn", "reject", "hold for tax_desk", "hold for accounts"])
        out.append(
            f"check made_{number} on order\n{when}    require {facts[0]}\n"
            + "".join(f"    and {fact}\n" for fact in facts[1:])
            + f'    else {does}\n    say "{{number}}"\n    clears when it passes\n'
        )
    return "\n".join(out)


@pytest.mark.parametrize("seed", range(4))
def test_all_that_can_be_said_of_two_checks_is_said(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ruleset, broken = parse({"kedai.rules": f"{TEXT}\n{checks(seed)}"})
    assert not broken, broken
    index = Index(ruleset)
    found = list(logic.check_logic(index))
    assert {"LOG05", "LOG06"} <= {p.code for p in found}

    def every(likely: checker_logic.Likely, at: int) -> list[int]:
        return [i for i in range(len(likely._said)) if i != at]

    def before(_: checker_logic.Likely, at: int) -> list[int]:
        return list(range(at))

    monkeypatch.setattr(checker_logic.Likely, "covering", every)
    monkeypatch.setattr(checker_logic.Likely, "contradicting", before)
    assert found == list(logic.check_logic(index))


def test_a_thousand_alike_give_a_finding_each() -> None:
    alike = "".join(
        f"check over_{n} on order\n    require total > {n}.00\n    else hold for accounts\n"
        f'    say "{{number}}"\n    clears never\n'
        for n in range(1000)
    )
    ruleset, _ = parse({"kedai.rules": f"{TEXT}\n{alike}"})
    found = [p.message for p in logic.check_logic(Index(ruleset)) if p.code == "LOG06"]
    assert len(found) == 999
    assert found[0] == "'over_0' adds nothing: wherever it fails, 'over_1' fails too"
