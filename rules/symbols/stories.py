"""The names that samples and tests say.

Here: Stories. Not here: all other declarations (walk.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from grammar import nodes as n
from grammar.problem import Span
from rules.index import BUILT_IN_GROUPS, FACTS, LATER_FACTS, Index
from rules.symbols.expressions import Said
from rules.symbols.mention import Mention, Symbol, behind


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
