"""Whole files cut short, with lines lost, doubled, mixed up and words strewn in: never a traceback.

1,000 files each time; CLEARPOST_FUZZ_FILES=10000 for more, CLEARPOST_FUZZ_SEED for others.
"""

import os
import random
from collections.abc import Callable, Iterator
from time import process_time

import pytest

from grammar.layout.written import format_text
from grammar.parsing.parser import parse
from grammar.text.problem import TOKEN, show, to_json
from rules.checker.all_checks import check
from tests.grammar.kit import DECLARATIONS, SHOP, WAREHOUSE

FILES = int(os.environ.get("CLEARPOST_FUZZ_FILES", "1000"))
SEED = int(os.environ.get("CLEARPOST_FUZZ_SEED", "16"))
PARTS = 10
SECONDS = 1.0
WORDS: list[str] = [
    *sorted(set(TOKEN.findall(SHOP + WAREHOUSE))),
    "|",
    "\t",
    '"',
    "(",
    "#",
    "\n",
    "–",
    "\x00",
]


def mutated(number: int) -> str:
    """The file of this number: the same in every run with one seed."""
    dice = random.Random(f"{SEED}-{number}")
    whole = number % 100 == 0
    text = dice.choice((SHOP, WAREHOUSE)) if whole else "\n".join(dice.sample(DECLARATIONS, 2))
    for _ in range(dice.randint(1, 5)):
        text = dice.choice(WAYS)(text, dice)
    return text


def _cut_short(text: str, dice: random.Random) -> str:
    return text[: dice.randint(len(text) // 2, len(text))]


def _words(text: str, dice: random.Random) -> str:
    at = dice.randint(0, len(text))
    return (
        text[:at] + dice.choice((" ", "")) + dice.choice(WORDS) + text[at + dice.randint(0, 12) :]
    )


def _lines(text: str, dice: random.Random) -> str:
    lines = text.split("\n")
    at, other = dice.randrange(len(lines)), dice.randrange(len(lines))
    found = lines.pop(at)
    again = dice.choice(((), (found, found), (found.strip(),), ("    " + found,)))
    lines[other:other] = again
    return "\n".join(lines)


def _signs(text: str, dice: random.Random) -> str:
    at = dice.randint(0, len(text))
    return text[:at] + dice.choice('|,.()=<>-#"\\ é茶\r\x85') * dice.randint(1, 3) + text[at + 1 :]


WAYS: tuple[Callable[[str, random.Random], str], ...] = (_cut_short, _words, _lines, _signs)


def files(part: int) -> Iterator[str]:
    return (mutated(number) for number in range(part, FILES, PARTS))


@pytest.mark.parametrize("part", range(PARTS))
def test_a_mutated_file_has_problems_or_a_layout_and_nothing_else(part: int) -> None:
    for text in files(part):
        begin = process_time()
        ruleset, problems = parse({"a": text})
        for problem in (*problems, *check(ruleset)):
            assert problem.message, text
            assert problem.hint, text
            assert show(problem, text), text
            assert to_json(problem), text
        if not problems:
            tidy = format_text(text, "a")
            assert parse({"a": tidy}) == (ruleset, ()), text
            assert format_text(tidy, "a") == tidy, text
        assert process_time() - begin < SECONDS, text
