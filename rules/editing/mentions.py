"""Where a name is used in a rule file, and renaming it everywhere.

Here: Symbol, Mention, and Texts, which finds the place of a name in a node: nodes carry the place
of a whole clause, so names are found among its tokens. Not here: which names a node has
(symbols.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from grammar.text.problem import Span
from grammar.text.tokens import Token, tokens
from grammar.text.vocabulary import RESERVED, clean
from rules.types.outside_schemas import Schemas
from rules.types.symbol_table import Index


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


_NAME = re.compile(r"[a-z][a-z0-9_]*")
_OF_OTHERS = {
    "source": "is what its connector is called",
    "target": "is what its connector is called",
    "route": "is a document of the target: the target calls it so",
    "document field": "is what the target calls its field",
    "function": "is a word of the language",
    "fact": "is a word of the language",
    "finding": "is the code of a finding",
    "word": "is a word of the language",
    "state": 'is what the source says: give it a spelling instead, such as: settled as "{name}"',
}
"""Kind of symbol -> why a rule file cannot give it another name."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why something keeps its name."""

    reason: str


def may_rename(symbol: Symbol, index: Index, known: Schemas) -> Refused | None:
    """Whether the name belongs to the rules; what others call so, no rule file can rename."""
    if symbol.kind in _OF_OTHERS:
        why = _OF_OTHERS[symbol.kind].format(name=symbol.name)
        return Refused(f"'{symbol.name}' {why}")
    record = index.records.get(symbol.name if symbol.kind == "record" else symbol.owner)
    owner = index.records.get(record.parent or "", record) if record else None
    kind = known.kind(owner.source or "", owner.name) if owner else None
    if kind is None or owner is None or record is None:
        return None
    sent = {field.name for field in (kind.fields if record is owner else kind.lines)} | {"lines"}
    named = record is owner if symbol.kind == "record" else symbol.name in sent
    if symbol.kind in {"record", "field"} and named:
        return Refused(f"'{symbol.name}' is what {owner.source} calls it")
    return None


def renamed(
    symbol: Symbol, name: str, mentions: Sequence[Mention], index: Index, known: Schemas
) -> tuple[Span, ...] | Refused:
    """The places that say the symbol, all to be replaced by the new name; or why not."""
    refused = may_rename(symbol, index, known)
    if refused is not None:
        return refused
    if not _NAME.fullmatch(name):
        return Refused(f"'{name}' is no name: lower case letters, digits and _, a letter first")
    if name in RESERVED:
        return Refused(f"'{name}' is a word of the language, it cannot be a name")
    mine = {m.span for m in mentions if m.symbol == symbol}
    others = sorted({m.symbol for m in mentions if m.span in mine} - {symbol})
    if others:
        other = others[0]
        place = min(m.span for m in mentions if m.span in mine and m.symbol == other)
        what = f"the {other.kind} '{other.name}' of {other.owner}"
        return Refused(f"{place} speaks of {what} too: write a rule for each first")
    return tuple(sorted(mine))
