"""Who reads the code meets the terms of the glossary, not the words of the house."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = ("grammar", "rules", "connectors", "holding", "portal", "workers")
HOUSE_WORDS = re.compile(
    r"\b(st(?:and|ands|ood)\s+there|by\s+itself|what\s+it\s+comes\s+to|lets?\s+go|anew"
    r"|put(?:s|ting)?\s+aside|way\s+out)\b",
    re.IGNORECASE,
)
"""Words for what has a term: posted, automatically, released, again, snoozed, a remedy."""


def prose(text: str) -> Iterator[tuple[int, str]]:
    """Line and text of each comment and docstring of a module, and of what explains a constant."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.lineno, str(node.value.value)


def house_words(text: str) -> list[str]:
    """The lines of a module that say one of them, each with the word."""
    found = ((line, HOUSE_WORDS.search(said)) for line, said in prose(text))
    return [f"{line}: {word[0]}" for line, word in found if word]


@pytest.mark.parametrize(
    "planted",
    [
        '"""What stands there."""',
        "x = 1  # it is asked again by itself",
        'def f():\n    """It is read\n    anew."""',
        'LIMIT = 1\n"""Who lets go."""',
        "# Put aside until Monday",
    ],
)
def test_a_house_word_is_found(planted: str) -> None:
    assert len(house_words(planted)) == 1


def test_what_people_read_on_pages_is_not_looked_at() -> None:
    assert house_words('words = "It is asked again by itself."') == []


def test_comments_and_docstrings_say_the_terms() -> None:
    assert [
        f"{path.relative_to(ROOT)}:{place}"
        for floor in FLOORS
        for path in sorted((ROOT / floor).rglob("*.py"))
        for place in house_words(path.read_text("utf-8"))
    ] == []
