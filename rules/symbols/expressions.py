"""The names that expressions and messages say.

Here: Said, for the expressions of one ruleset. Not here: names of declarations (walk.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from grammar import nodes as n
from grammar.problem import Span
from rules.functions import NAMES
from rules.index import Index, Ref, Scope
from rules.links import listed
from rules.symbols.mention import Mention, Symbol, Texts
from rules.types import infer, silent, word_of

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)?)\s*(\()?")
_COUNTED = frozenset({"posting", "reversed"})
_FIELDS = frozenset({"head", "line", "item", "list"})


class Said:
    """The mentions inside the expressions of one ruleset."""

    def __init__(self, index: Index, texts: Texts) -> None:
        self.index, self.texts = index, texts

    def expr(self, node: n.Expr | None, scope: Scope) -> Iterator[Mention]:
        """All names of an expression."""
        if isinstance(node, n.Name):
            yield from self.name(node, scope)
        elif isinstance(node, n.Call):
            yield from self._call(node, scope)
        elif isinstance(node, n.Compare | n.Member):
            yield from self._compared(node, scope)
        else:
            for slot in getattr(node, "__slots__", ()):
                part = getattr(node, slot)
                for inner in part if isinstance(part, tuple) else (part,):
                    if hasattr(inner, "span"):
                        yield from self.expr(inner, scope)

    def name(self, node: n.Name, scope: Scope) -> Iterator[Mention]:
        """A name with a path: each part that means something of its own."""
        parts = [token.span for token in self.texts.tokens(node.span) if token.text != "."]
        ref = scope.resolve(node.path)
        if ref is not None:
            if ref.kind == "list":
                yield Mention(Symbol("field", node.path[0], scope.record), parts[0])
            yield Mention(symbol_of(ref), parts[-1])
            return
        over = listed(node.path, scope)
        if over is None or over.link is None:
            return
        yield Mention(Symbol("link", over.link.name, over.link.record), parts[0])
        if over.lines:
            yield Mention(Symbol("field", node.path[1], over.link.other), parts[1])
        if over.field:
            yield Mention(Symbol("field", over.field, over.record), parts[-1])

    def word(self, word: n.Word, record: str, field: str) -> Mention:
        """A word that a field may hold."""
        return Mention(Symbol("state", word.name, f"{record}.{field}"), word.span)

    def message(self, span: Span, behind: str, scope: Scope) -> Iterator[Mention]:
        """The placeholders in the text behind a word of a node."""
        place = self.texts.quoted(span, behind)
        if place is None:
            return
        for hole in _PLACEHOLDER.finditer(self.texts.written(place)):
            for found in _NAME.finditer(hole.string, hole.start(1), hole.end(1)):
                yield from self._filled(found, place, scope)

    def _filled(self, found: re.Match[str], text: Span, scope: Scope) -> Iterator[Mention]:
        name, at = found.group(1), text.column + found.start()
        where = Span(text.file, text.line, at, text.line, at + len(name))
        if found.group(2):
            yield from self._called(name, where)
        elif name in _COUNTED and scope.resolve((name,)) is None:
            yield Mention(Symbol("word", name), where)
        else:
            yield from self.name(n.Name(tuple(name.split(".")), where), scope)

    def _call(self, node: n.Call, scope: Scope) -> Iterator[Mention]:
        at = self.texts.tokens(node.span)[0].span
        yield from self._called(node.name, at)
        first = node.args[0] if node.args else None
        path = first.path if isinstance(first, n.Name) else ()
        if node.name == "number_of" and ".".join(path) in self.index.routes():
            yield Mention(Symbol("route", ".".join(path)), node.args[0].span)
            return
        for arg in node.args:
            yield from self.expr(arg, scope)
        over = listed(path, scope) if node.where is not None else None
        yield from self.expr(node.where, scope.inside(over.record) if over else scope)

    def _called(self, name: str, at: Span) -> Iterator[Mention]:
        if name in self.index.maps:
            yield Mention(Symbol("map", name), at)
        elif name in NAMES:
            yield Mention(Symbol("function", name), at)

    def _compared(self, node: n.Compare | n.Member, scope: Scope) -> Iterator[Mention]:
        yield from self.expr(node.left, scope)
        left = infer(node.left, scope, silent)
        ref = scope.resolve(node.left.path) if isinstance(node.left, n.Name) else None
        owner = f"{ref.record}.{ref.name}" if ref and ref.field else ref.name if ref else ""
        if isinstance(node, n.Member):
            words = [v for v in node.values if isinstance(v, n.Word) and left.states]
        else:
            word = word_of(left, node.right)
            words = [n.Word(word, node.right.span)] if word is not None else []
            if word is None:
                yield from self.expr(node.right, scope)
        for said in words:
            yield Mention(Symbol("state", said.name, owner), said.span)


def symbol_of(ref: Ref) -> Symbol:
    """What a resolved name means."""
    if ref.kind in _FIELDS:
        return Symbol("field", ref.name, ref.record)
    return Symbol("const" if ref.kind == "const" else "fact", ref.name)
