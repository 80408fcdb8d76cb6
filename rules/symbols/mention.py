"""A name where it stands: Symbol, Mention, and Texts, which find the place of a name in a node.

Nodes carry the place of a whole clause; names inside it are found among its tokens. Not here: which
names a node has (walk.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from grammar.problem import Span
from grammar.split import clean
from grammar.tokens import Token, tokens


@dataclass(frozen=True, slots=True, order=True)
class Symbol:
    """What a name means, whoever says it.

    `kind` is a declaration (role, const, source, target, record, link, map, check, sample, route),
    field, state, group, function, fact, finding, document field, or a word of the language.
    `owner` tells equal names apart: the record of a field, link or group, `record.field` of a
    state, the route of a document field.
    """

    kind: str
    name: str
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Mention:
    """A symbol where it is said; `declares` where this is what gives it its meaning."""

    symbol: Symbol
    span: Span
    declares: bool = False


class Texts:
    """The texts that a ruleset was read from."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._lines = {file: clean(text).split("\n") for file, text in sources.items()}

    def tokens(self, span: Span) -> list[Token]:
        """The tokens of a node."""
        return list(tokens(self._lines.get(span.file, ()), span))

    def quoted(self, span: Span, behind: str) -> Span | None:
        """The text in quotes behind a word of a node, without its quotes."""
        said = self.tokens(span)
        for word, text in pairwise(said):
            if word.text == behind and text.text.startswith('"'):
                at = text.span
                return Span(at.file, at.line, at.column + 1, at.line, at.end_column - 1)
        return None

    def written(self, span: Span) -> str:
        """What stands in a span of one line."""
        lines = self._lines.get(span.file, ())
        line = lines[span.line - 1] if span.line <= len(lines) else ""
        return line[span.column - 1 : span.end_column - 1]


def behind(said: Sequence[Token], word: str, *, clause: bool = False) -> Iterator[Token]:
    """The tokens behind each use of a word, or of a clause that begins with it."""
    for this, following in pairwise(said):
        if this.text == word and (this.leads or not clause):
            yield following


def listed(said: Sequence[Token], start: str, *, clause: bool = False) -> Iterator[Token]:
    """The names of a list that begins behind a word: `never created_by, last_editor`."""
    for at, token in enumerate(said):
        if token.text == start and (token.leads or not clause):
            for name, comma in zip(said[at + 1 :: 2], [*said[at + 2 :: 2], None], strict=False):
                yield name
                if comma is None or comma.text != ",":
                    return
