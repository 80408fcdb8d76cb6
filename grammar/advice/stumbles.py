"""Where the parser stumbled, and what stands around it.

Here: Stumble, which the parser hands over, so that nothing else of the advice knows Lark; Place.
Not here: what is said of it (syntax_errors.py, table_errors.py).
"""

import re
from dataclasses import dataclass

from grammar.advice.hints import clipped
from grammar.text.vocabulary import Block


@dataclass(frozen=True, slots=True)
class Stumble:
    """Where the parser stopped; line and column are those of the block, from 1."""

    kind: str
    """token, character, end, or glued (two words with nothing between them)."""
    line: int
    column: int
    met: str
    """Name of the token that did not fit; empty at a character."""
    text: str
    expected: frozenset[str]
    """Names of the tokens that would have fitted."""


@dataclass(frozen=True, slots=True)
class Place:
    """The surroundings of a stumble."""

    head: str
    first: str
    """The first line of the declaration."""
    above: frozenset[str]
    """The first words of the lines above."""
    line: str
    before: str
    """What stands before it in its line."""
    word: str

    @property
    def last(self) -> str:
        """The word or sign before the stumble."""
        found = re.findall(r"\w+|[^\w\s]", self.before)
        return found[-1] if found else ""

    @property
    def is_first(self) -> bool:
        """Whether nothing stands before it in its line."""
        return not self.before.strip()


def place(stumble: Stumble, block: Block) -> Place:
    """What stands around a stumble."""
    line = block.lines[stumble.line - 1] if stumble.line <= len(block.lines) else ""
    above = {words[0] for text in block.lines[1 : stumble.line - 1] if (words := text.split())}
    return Place(
        head=block.head,
        first=block.lines[0],
        above=frozenset(above),
        line=line,
        before=line[: stumble.column - 1],
        word=clipped(_word(stumble, line)),
    )


def _word(stumble: Stumble, line: str) -> str:
    found = re.compile(r"\w+").match(line, stumble.column - 1)
    return found.group() if found else stumble.text.split("\n")[0]
