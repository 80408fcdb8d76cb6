"""The names that expressions, messages, samples and tests use.

Here: a walk over each of them. Not here: all other declarations (symbols.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from grammar import nodes as n
from grammar.text.problem import Span
from rules.editing.mentions import Mention, Symbol, Texts, behind
from rules.types.functions import NAMES
from rules.types.inference import infer, listed, silent, word_of
from rules.types.symbol_table import BUILT_IN_GROUPS, FACTS, LATER_FACTS, Index, Ref, Scope

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)?)\s*(\()?")
_COUNTED = frozenset({"posting", "reversed"})
_FIELDS = frozenset({"head", "line", "item", "list", "own"})


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
            elif ref.kind == "own" and len(parts) > 1:
                yield Mention(Symbol("record", ref.record), parts[0])
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


class Stories:
    """The samples and tests of one ruleset."""

    def __init__(self, index: Index, said: Said) -> None:
        self.index, self.said, self.texts = index, said, said.texts

    def mentions(self) -> Iterator[Mention]:
        """All names of samples and tests."""
        for sample in self.index.ruleset.samples:
            tokens = self.texts.tokens(sample.span)
            yield Mention(Symbol("sample", sample.name), tokens[1].span, declares=True)
            yield Mention(Symbol("record", sample.record), tokens[3].span)
            lines = self.index.line_records.get(sample.record)
            for pair in sample.sets:
                yield from self._pair(pair, sample.record)
            for line in sample.lines:
                for pair in line:
                    yield from self._pair(pair, lines.name if lines else "")
            yield from self._facts(sample.facts, sample.record)
        for test in self.index.ruleset.tests:
            yield from self._test(test)

    def _test(self, test: n.Test) -> Iterator[Mention]:
        sample = self.index.samples.get(test.given)
        record = sample.record if sample else ""
        for token in behind(self.texts.tokens(test.span), "given", clause=True):
            yield Mention(Symbol("sample", token.text), token.span)
        yield from self._facts(test.facts, record)
        for step in test.steps:
            yield from self._facts(step.facts, record)
        routes = {str(post.route) for post in self.index.posts.get(record, ())}
        only = next(iter(routes)) if len(routes) == 1 else ""
        for expect in test.expects:
            yield from self._expect(expect, record, only)

    def _expect(self, expect: n.Expect, record: str, only: str) -> Iterator[Mention]:
        route = str(expect.route) if expect.route is not None else only
        if expect.route is not None:
            yield Mention(Symbol("route", route), expect.route.span)
        if expect.outcome is not None:
            yield from self._outcome(expect.outcome, record)
        rows = [field for _, row in expect.lines for field in row]
        for field in (*expect.head, *rows):
            at = self.texts.tokens(field.span)[0].span
            yield Mention(Symbol("document field", field.name, route), at)

    def _outcome(self, outcome: n.Expected, record: str) -> Iterator[Mention]:
        said = self.texts.tokens(outcome.span)
        if outcome.route is not None:
            yield Mention(Symbol("route", str(outcome.route)), outcome.route.span)
        action = outcome.again.then if outcome.again else outcome
        for token in behind(said, "for" if action.kind == "hold" else "by"):
            if token.text == action.role:
                yield Mention(Symbol("role", token.text), token.span)
        for token in behind(said, "because"):
            symbol = self._reason(token.text, record)
            if symbol is not None:
                yield Mention(symbol, token.span)

    def _reason(self, name: str, record: str) -> Symbol | None:
        """What an outcome is because of: a check, a map, a group of changes, a field, …"""
        rules = self.index.ruleset
        if any(check.name == name for check in rules.checks):
            return Symbol("check", name)
        if name in self.index.maps:
            return Symbol("map", name)
        if any(g.name == name for e in rules.edits if e.record == record for g in e.groups):
            return Symbol("group", name, record)
        if name in self.index.links.get(record, {}):
            return Symbol("link", name, record)
        if name in self.index.fields.get(record, {}):
            return Symbol("field", name, record)
        facts = {*FACTS, *LATER_FACTS, *BUILT_IN_GROUPS}
        return Symbol("fact", name) if name in facts else None

    def _pair(self, pair: n.Pair | n.IsValue | n.LineValue, record: str) -> Iterator[Mention]:
        tokens = self.texts.tokens(pair.span)
        at = tokens[3 if isinstance(pair, n.LineValue) else 0].span
        yield from self._field(pair.name, at, record)
        if isinstance(pair.value, n.Word):
            known = pair.name in self.index.fields.get(record, {})
            owner = f"{record}.{pair.name}" if known else pair.name
            yield Mention(Symbol("state", pair.value.name, owner), pair.value.span)

    def _field(self, name: str, at: Span, record: str) -> Iterator[Mention]:
        if name in self.index.fields.get(record, {}):
            yield Mention(Symbol("field", name, record), at)
        elif name in self.index.links.get(record, {}):
            yield Mention(Symbol("link", name, record), at)
        else:
            yield Mention(Symbol("fact", name), at)

    def _facts(self, facts: Sequence[n.Fact], record: str) -> Iterator[Mention]:
        lines = self.index.line_records.get(record)
        for fact in facts:
            tokens = self.texts.tokens(fact.span)
            if isinstance(fact, n.IsValue):
                yield from self._pair(fact, record)
            elif isinstance(fact, n.LineValue):
                yield from self._pair(fact, lines.name if lines else "")
            elif isinstance(fact, n.IsMissing | n.IsRecords):
                yield from self._field(fact.name, tokens[0].span, record)
            elif isinstance(fact, n.Entry):
                yield Mention(Symbol("map", fact.table), tokens[0].span)
            elif isinstance(fact, n.SetUp):
                yield Mention(Symbol("target", fact.target), tokens[-1].span)
            else:
                yield Mention(Symbol("route", str(fact.route)), fact.route.span)
            if isinstance(fact, n.TargetShows):
                symbol = Symbol("document field", fact.field, str(fact.route))
                yield Mention(symbol, tokens[4].span)
            for token in tokens[3:-1:2] if isinstance(fact, n.IsRecords) else ():
                yield Mention(Symbol("sample", token.text), token.span)
