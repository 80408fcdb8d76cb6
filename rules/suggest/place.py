"""Where in a rule file somebody is typing.

Here: Place, read from the text before the cursor alone: what stands there is seldom complete. Not
here: what fits there (names.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from grammar.problem import Span
from grammar.split import blocks, clean
from grammar.tokens import Token, tokens

_WORD = re.compile(r"[A-Za-z_]\w*$")
_HOLE = re.compile(r"\{[^{}]*$")


@dataclass(frozen=True, slots=True)
class Place:
    """The declaration up to the cursor, without the word that is being typed.

    `hole` is set inside the braces of a message, `quiet` inside any other text or a comment.
    """

    begun: str
    clauses: tuple[tuple[str, ...], ...]
    hole: bool
    quiet: bool

    @property
    def head(self) -> tuple[str, ...]:
        """The words of the first clause: `check paid on order`."""
        return self.clauses[0] if self.clauses else ()

    @property
    def word(self) -> str:
        """The word that starts the declaration; empty where a new one may start."""
        return self.head[0] if self.head else ""

    @property
    def said(self) -> tuple[str, ...]:
        """The words of the clause that is being typed, so far."""
        return self.clauses[-1] if self.clauses else ()

    @property
    def first(self) -> str:
        """The word that starts this clause."""
        return self.said[0] if self.said else ""

    @property
    def last(self) -> str:
        """The word or sign before the cursor."""
        return self.said[-1] if self.said else ""

    @property
    def in_head(self) -> bool:
        """Whether the first clause is being typed."""
        return len(self.clauses) == 1

    def behind(self, word: str) -> str:
        """What stands behind the first use of a word in the first clause."""
        head = self.head
        at = head.index(word) + 1 if word in head else len(head)
        return head[at] if at < len(head) else ""

    def clause(self, first: str) -> tuple[str, ...]:
        """The first clause that starts with a word."""
        return next((clause for clause in self.clauses if clause[:1] == (first,)), ())


def place(before: str) -> Place:
    """The place behind a text: what its last declaration says so far."""
    text = _WORD.sub("", clean(before))
    line = text.rsplit("\n", 1)[-1]
    starts = [block.first for block in blocks(text)]
    open_text = line.count('"') % 2 == 1
    hole = open_text and bool(_HOLE.search(line))
    quiet = not hole and (open_text or "#" in re.sub(r'"[^"]*"', "", line))
    if not starts or not line:
        return Place("", (), hole=False, quiet=quiet)
    begun = "\n".join(text.split("\n")[starts[-1] - 1 :])
    lines = begun.split("\n")
    found = list(tokens(lines, Span("", 1, 1, len(lines), len(lines[-1]) + 1)))
    return Place(begun, _clauses(found, lines), hole, quiet)


def _clauses(found: Sequence[Token], lines: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The tokens by clause; an empty one behind them where a new one may start."""
    clauses: list[list[str]] = []
    for at, token in enumerate(found):
        goes_on = at and found[at - 1].text == ","
        if token.leads and not goes_on:
            clauses.append([])
        clauses[-1].append(token.text)
    ended = not found or found[-1].span.line < len(lines)
    if ended and not (found and found[-1].text == ","):
        clauses.append([])
    return tuple(tuple(clause) for clause in clauses)
