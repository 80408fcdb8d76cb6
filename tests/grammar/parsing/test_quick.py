"""The quick way of reading says what Lark says, or nothing."""

import random
from pathlib import Path
from typing import Any

import pytest
from lark.exceptions import UnexpectedInput

from grammar.parsing.parser import _checked, _GluedError, _machine, _quickly
from grammar.parsing.parser import parse as public
from grammar.text.problem import Problem
from grammar.text.vocabulary import Block, split_blocks
from tests.grammar.kit import DECLARATIONS, SHOP, WAREHOUSE

STARTERS = Path(__file__).parents[3] / "portal" / "starters"
SHIPPED = [path.read_text("utf-8") for path in sorted(STARTERS.rglob("*.rules"))]
WORDS = sorted({word for text in DECLARATIONS for word in text.split()})


def by_lark(block: Block) -> Any:
    """The node as Lark's own tree gives it; None where it stumbles or something is wrong."""
    try:
        (node,) = _checked(_machine()[0].parse(block.text), block, "a.rules")
    except (UnexpectedInput, _GluedError, ValueError):
        return None
    return None if isinstance(node, Problem) else node


@pytest.mark.slow
@pytest.mark.parametrize("texts", [[SHOP, WAREHOUSE], SHIPPED], ids=["constructs", "shipped"])
def test_what_is_right_is_read_quickly_and_alike(texts: list[str]) -> None:
    for text in texts:
        for block in split_blocks(text):
            if block.head != "language":
                quick = _quickly(block, "a.rules")
                assert quick is not None, block.text
                assert repr(quick) == repr(by_lark(block))  # with the spans, which == leaves out


def mutant(rng: random.Random) -> str:
    text = rng.choice(DECLARATIONS)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(text))
        act = rng.choice(["cut", "blank", "word", "double", "note", "glue"])
        if act == "cut":
            text = text[:at] + text[at + 1 :]
        elif act == "blank":
            text = f"{text[:at]}  {text[at:]}"
        elif act == "word":
            text = f"{text[:at]} {rng.choice(WORDS)} {text[at:]}"
        elif act == "double":
            text = text[:at] + text[at : at + 9] + text[at:]
        elif act == "note":
            text = text.replace("\n", "  # a note\n", 1)
        else:
            text = (
                text.replace(" ", "", 1) if rng.random() < 0.5 else text.replace(", ", ",\n   ", 1)
            )
        text = text or "x"
    return text


@pytest.mark.parametrize("seed", range(4))
def test_what_is_wrong_is_never_taken(seed: int) -> None:
    rng, taken = random.Random(seed), 0
    for _ in range(80):
        for block in split_blocks(mutant(rng)):
            quick = _quickly(block, "a.rules")
            if quick is not None and not isinstance(quick, tuple):
                slow = by_lark(block)
                assert slow is None or repr(quick) == repr(slow), block.text
                assert slow is not None or list(_problems(block)), block.text
                taken += 1
    assert taken > 10


def _problems(block: Block) -> tuple[Problem, ...]:
    return public({"a.rules": block.text})[1]


@pytest.mark.parametrize(
    "text",
    [
        "check c on order\n    requires x\n",
        "check line on order\n    require x\n",
        'role 5a "A"\n',
        'role a "A" b\n',
        'role a "A\n',
        "const c\n    from 2026-02-30 = 5\n",
        "record a from b\n    x = (" + "(" * 70 + "1" + ")" * 71 + "\n",
        "record a from b\n    x = " + "(" * 17 + "1" + ")" * 17 + "\n",
    ],
)
def test_what_is_not_certain_is_left_to_lark(text: str) -> None:
    (block,) = split_blocks(text)
    assert _quickly(block, "a.rules") is None
