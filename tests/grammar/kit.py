"""What the grammar tests share: two rule files with every construct, and a short way in."""

from pathlib import Path
from typing import Any

from grammar.parsing.parser import parse
from grammar.text.problem import Problem
from grammar.text.vocabulary import split_blocks

SHOP = Path(__file__).with_name("shop.rules").read_text(encoding="utf-8")
WAREHOUSE = Path(__file__).with_name("warehouse.rules").read_text(encoding="utf-8")
DECLARATIONS = [block.text for text in (SHOP, WAREHOUSE) for block in split_blocks(text)]


def problems(text: str) -> tuple[Problem, ...]:
    return parse({"a.rules": text})[1]


def only(text: str) -> Problem:
    """The one problem of a text."""
    found = problems(text)
    assert len(found) == 1, found
    return found[0]


def expression(text: str) -> Any:
    """The node of an expression."""
    ruleset, found = parse({"a.rules": f"record a from b\n    x = {text}\n"})
    assert not found, found
    return ruleset.records[0].fields[0].expr  # type: ignore[union-attr]
