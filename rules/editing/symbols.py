"""List every name of a ruleset with its position, declaration by declaration."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from grammar import nodes
from grammar.text.problem import Span, Token
from rules.checker.places import records_of
from rules.editing.mentions import Mention, Symbol, Texts, tokens_behind
from rules.editing.mentions import names_behind as list_texts
from rules.types.functions import NAMES
from rules.types.inference import ignore_problem, infer, resolve_list, word_of
from rules.types.symbol_table import (
    BUILT_IN_GROUPS,
    FACTS,
    LATER_FACTS,
    TABLE_FACTS,
    Index,
    Ref,
    Scope,
)

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")

_NAME = re.compile(r"([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)?)\s*(\()?")

_COUNTED = frozenset({"posting", "reversed"})

_FIELDS = frozenset({"head", "line", "item", "list", "own"})


def mentions(index: Index, sources: Mapping[str, str]) -> tuple[Mention, ...]:
    """Return all meaningful names in the order of the text; `sources` are the parsed texts.

    A place that refers to two records is mentioned once for each.
    """
    walk = _Walk(index, Texts(sources))
    found = chain(
        walk.surroundings(), walk.records(), walk.readiness(), walk.tables(), walk.routes(),
        Stories(index, walk.said).mentions(),
    )  # fmt: skip
    return tuple(sorted(dict.fromkeys(found), key=lambda m: (m.span, m.symbol)))


class _Walk:
    """The declarations of one ruleset."""

    def __init__(self, index: Index, texts: Texts) -> None:
        self.index, self.texts, self.rules = index, texts, index.ruleset
        self.said = Said(index, texts)

    def surroundings(self) -> Iterator[Mention]:
        """Yield roles, constants, sources, targets, maps and units."""
        rules = self.rules
        shelves: tuple[
            tuple[
                str, Sequence[nodes.Role | nodes.Const | nodes.Source | nodes.Target | nodes.Map]
            ],
            ...,
        ] = (
            ("role", rules.roles),
            ("const", rules.consts),
            ("source", rules.sources),
            ("target", rules.targets),
            ("map", rules.maps),
        )
        for kind, declarations in shelves:
            for node in declarations:
                yield self._declared(Symbol(kind, node.name), node.span)
        owners: tuple[nodes.Source | nodes.Target | nodes.Map | nodes.Units, ...] = (
            *rules.sources, *rules.targets, *rules.maps, *rules.units
        )  # fmt: skip
        for owner in owners:
            yield from self._action(owner.missing.action)
        kept = [table.kept for table in rules.maps] + [units.kept for units in rules.units]
        for clause in filter(None, kept):
            yield from self._roles(tokens_behind(self.texts.tokens(clause.span), "by"))
        for target in rules.targets:
            yield from self._action(target.tolerance_action)
        for silence in rules.silences:
            yield from self._silence(silence)

    def _silence(self, silence: nodes.Silence) -> Iterator[Mention]:
        said = self.texts.tokens(silence.span)
        yield Mention(Symbol("finding", silence.code), said[1].span)
        index, name = self.index, silence.name
        for kind, there in (
            ("role", name in index.roles),
            ("const", name in index.consts),
            ("map", name in index.maps),
            ("sample", name in index.samples),
        ):
            if there:
                yield Mention(Symbol(kind, name), said[3].span)
        for record, links in index.links.items():
            if name in links:
                yield Mention(Symbol("link", name, record), said[3].span)

    def records(self) -> Iterator[Mention]:
        """Yield records with their fields, and links."""
        for record in self.rules.records:
            said = self.texts.tokens(record.span)
            yield self._declared(Symbol("record", record.name), record.span)
            kind, name = ("record", record.parent) if record.parent else ("source", record.source)
            yield Mention(Symbol(kind, name or ""), said[3].span)
            for field in record.fields:
                yield from self._field(field, record)
        for link in self.rules.links:
            yield from self._link(link)

    def _field(
        self, field: nodes.Field | nodes.Computed, record: nodes.Record
    ) -> Iterator[Mention]:
        said = self.texts.tokens(field.span)
        yield Mention(Symbol("field", field.name, record.name), said[0].span, declares=True)
        if isinstance(field, nodes.Computed):
            line = record.parent is not None
            yield from self.said.expr(
                field.expr, Scope(self.index, record.parent or record.name, line=line)
            )
            return
        if field.completed is not None:
            said_by = self.texts.tokens(field.completed.span)
            yield from self._roles(tokens_behind(said_by, "by"))
        for state in field.states:
            at = self.texts.tokens(state.span)[0].span
            symbol = Symbol("state", state.name, f"{record.name}.{field.name}")
            yield Mention(symbol, at, declares=True)
        if field.of is not None:
            yield Mention(Symbol("record", field.of), said[2].span)

    def _link(self, link: nodes.Link) -> Iterator[Mention]:
        said = self.texts.tokens(link.span)
        yield Mention(Symbol("link", link.name, link.record), said[1].span, declares=True)
        yield Mention(Symbol("record", link.record), said[3].span)
        yield Mention(Symbol("record", link.other), said[5].span)
        yield Mention(Symbol("field", link.theirs, link.other), said[7].span)
        ours = Symbol("field", link.ours, self.index.joining(link))
        yield Mention(ours, said[11 if link.of_lines else 9].span)
        yield from self.said.expr(link.where, Scope.of_link(self.index, link))
        yield from self._action(link.action)

    def readiness(self) -> Iterator[Mention]:
        """Yield gates, checks, duplicates and approvals."""
        for gate in self.rules.gates:
            yield Mention(Symbol("record", gate.record), self.texts.tokens(gate.span)[1].span)
            yield from self._route(gate.route)
            for row in gate.rows:
                yield from self._gate_row(row, gate.record)
        for check in self.rules.checks:
            yield from self._check(check)
        for one in self.rules.duplicates:
            yield from self._duplicates(one)
        for approve in self.rules.approvals:
            yield from self._approve(approve)

    def _gate_row(self, row: nodes.GateRow, record: str) -> Iterator[Mention]:
        field = self.index.status_field(record)
        for word in row.states:
            yield self.said.word(word, record, field.name if field else "status")
        if row.owner is not None:
            yield from self._roles(tokens_behind(self.texts.tokens(row.span), "for"))
            yield from self.said.message(row.span, "say", Scope(self.index, record))

    def _check(self, check: nodes.Check) -> Iterator[Mention]:
        yield self._declared(Symbol("check", check.name), check.span)
        yield from self._records(check.records)
        yield from self._route(check.route)
        for record in records_of(check.records, self.index):
            scope = Scope(self.index, record, line=check.each_line)
            for expr in (check.when, *check.requires):
                yield from self.said.expr(expr, scope)
            yield from self.said.message(check.span, "say", scope)
        yield from self._action(check.action)
        if check.clears.role is not None:
            yield from self._roles(tokens_behind(self.texts.tokens(check.clears.span), "by"))

    def _duplicates(self, one: nodes.Duplicates) -> Iterator[Mention]:
        yield from self._records(one.records)
        yield from self._route(one.route)
        yield from self._action(one.action)
        for record in records_of(one.records, self.index):
            scope = Scope(self.index, record, document=True)
            yield from self.said.message(one.span, "say", scope)
            for unique in one.uniques:
                if unique.where != "target":
                    yield from self._fields(self._keys(unique), scope)
        for unique in one.uniques:
            for token in tokens_behind(self.texts.tokens(unique.span), "as"):
                yield Mention(Symbol("map", token.text), token.span)

    def _keys(self, unique: nodes.Unique) -> Iterator[Token]:
        """Yield the compared fields, without the maps that compare them."""
        said = self.texts.tokens(unique.span)
        yield from tokens_behind(said, "by")
        yield from tokens_behind(said, ",")

    def _approve(self, approve: nodes.Approve) -> Iterator[Mention]:
        said = self.texts.tokens(approve.span)
        scope = Scope(self.index, approve.record)
        yield Mention(Symbol("record", approve.record), said[1].span)
        yield from self._route(approve.route)
        yield from self.said.expr(approve.when, scope)
        yield from self._roles(tokens_behind(said, "by", clause=True))
        yield from self._fields(list_texts(said, "never", clause=True), scope)
        yield from self.said.message(approve.span, "say", scope)

    def tables(self) -> Iterator[Mention]:
        """Yield the names in edit, cancel and retry tables."""
        for edit in self.rules.edits:
            yield Mention(Symbol("record", edit.record), self.texts.tokens(edit.span)[3].span)
            yield from self._route(edit.route)
            for group in edit.groups:
                at = self.texts.tokens(group.span)[0].span
                yield Mention(Symbol("group", group.name, edit.record), at, declares=True)
                for word in group.fields:
                    yield self._stored(word, edit.record)
            yield from self._table(edit.table, edit.record)
        for cancel in self.rules.cancels:
            yield from self._records(cancel.records)
            yield from self._route(cancel.route)
            for record in records_of(cancel.records, self.index):
                yield from self._table(cancel.table, record)
        for retry in self.rules.retries:
            yield Mention(Symbol("target", retry.target), self.texts.tokens(retry.span)[1].span)
            yield from self._table(retry.table, "")

    def _stored(self, word: nodes.Word, record: str) -> Mention:
        """Return a field of a record, or of its lines as `line.price`."""
        lines = self.index.line_records.get(record)
        if lines is None or not word.name.startswith(nodes.OF_LINE):
            return Mention(Symbol("field", word.name, record), word.span)
        name = self.texts.tokens(word.span)[-1]
        return Mention(Symbol("field", name.text, lines.name), name.span)

    def _table(self, table: nodes.Table, record: str) -> Iterator[Mention]:
        fields = self.index.fields.get(record, {})
        heads = {token.text: token.span for token in reversed(self.texts.tokens(table.span))}
        for name in table.head:
            if name in fields:
                yield Mention(Symbol("field", name, record), heads[name])
            elif name in FACTS or name in TABLE_FACTS:
                yield Mention(Symbol("fact", name), heads[name])
        for row in table.rows:
            yield from self._action(row.action)
            for name, cell in zip(table.head, row.cells, strict=False):
                yield from self._cell(cell, name, record)

    def _cell(self, cell: nodes.Cell, column: str, record: str) -> Iterator[Mention]:
        values = cell.values if isinstance(cell, nodes.Among) else getattr(cell, "value", None)
        for value in values if isinstance(values, tuple) else (values,):
            if not isinstance(value, nodes.Word):
                continue
            if column == "changed":
                kind = "fact" if value.name in BUILT_IN_GROUPS else "group"
                owner = "" if kind == "fact" else record
                yield Mention(Symbol(kind, value.name, owner), value.span)
            elif value.name in self.index.consts:
                yield Mention(Symbol("const", value.name), value.span)
            elif column in self.index.fields.get(record, {}):
                yield self.said.word(value, record, column)
            else:
                yield Mention(Symbol("state", value.name, column), value.span)

    def routes(self) -> Iterator[Mention]:
        """Yield posts and reversals."""
        for post in self.rules.posts:
            head = Scope(self.index, post.record, document=True, bills=post.bill is not None)
            yield from self._posted(post, head)
            yield from self.said.expr(post.when, Scope(self.index, post.record))
            yield from self._route(post.after)
            if isinstance(post.timing, nodes.Daily):
                yield from self._fields(
                    tokens_behind(self.texts.tokens(post.timing.span), "by"), head
                )
            if post.bill is not None:
                line = Scope(self.index, post.record, line=True)
                yield from self.said.expr(post.bill.expr, line)
                yield from self.said.expr(post.bill.of, line)
                yield from self._action(post.bill.action)
        for reversal in self.rules.reversals:
            yield from self._posted(reversal, Scope(self.index, reversal.record, document=True))
            yield from self._route(reversal.reversing)

    def _posted(self, post: nodes.Post | nodes.Reversal, head: Scope) -> Iterator[Mention]:
        said = self.texts.tokens(post.span)
        route = str(post.route)
        yield Mention(Symbol("record", post.record), said[1].span)
        yield Mention(Symbol("target", post.route.target), said[3].span)
        yield Mention(Symbol("route", route), post.route.span, declares=True)
        yield from self.said.message(post.span, "as", head)
        for token in list_texts(said, "own") if post.they_own else ():
            yield Mention(Symbol("document field", token.text, route), token.span)
        if post.we_own is not None:
            yield from self._action(post.we_own)
        for scope, assigns in ((head, post.fields), (replace(head, line=True), post.line_fields)):
            for assign in assigns:
                at = self.texts.tokens(assign.span)[0].span
                yield Mention(Symbol("document field", assign.name, route), at)
                yield from self.said.expr(assign.expr, scope)

    # ---- what several declarations say ----------------------------------------------------------

    def _declared(self, symbol: Symbol, span: Span) -> Mention:
        return Mention(symbol, self.texts.tokens(span)[1].span, declares=True)

    def _records(self, words: Sequence[nodes.Word]) -> Iterator[Mention]:
        for word in words:
            yield Mention(Symbol("record", word.name), word.span)

    def _route(self, route: nodes.RouteName | None) -> Iterator[Mention]:
        if route is not None:
            yield Mention(Symbol("route", str(route)), route.span)

    def _action(self, action: nodes.Action | nodes.TryAgain) -> Iterator[Mention]:
        action = action.then if isinstance(action, nodes.TryAgain) else action
        if action.role is not None:
            yield Mention(Symbol("role", action.role), self.texts.tokens(action.span)[-1].span)

    def _roles(self, said: Iterator[Token]) -> Iterator[Mention]:
        for token in said:
            yield Mention(Symbol("role", token.text), token.span)

    def _fields(self, said: Iterator[Token], scope: Scope) -> Iterator[Mention]:
        for token in said:
            yield from self.said.name(nodes.Name((token.text,), token.span), scope)


class Said:
    """The mentions inside the expressions of one ruleset."""

    def __init__(self, index: Index, texts: Texts) -> None:
        self.index, self.texts = index, texts

    def expr(self, node: nodes.Expr | None, scope: Scope) -> Iterator[Mention]:
        """Yield all names of an expression."""
        if isinstance(node, nodes.Name):
            yield from self.name(node, scope)
        elif isinstance(node, nodes.Call):
            yield from self._call(node, scope)
        elif isinstance(node, nodes.Compare | nodes.Member):
            yield from self._compared(node, scope)
        else:
            for slot in getattr(node, "__slots__", ()):
                part = getattr(node, slot)
                for inner in part if isinstance(part, tuple) else (part,):
                    if hasattr(inner, "span"):
                        yield from self.expr(inner, scope)

    def name(self, node: nodes.Name, scope: Scope) -> Iterator[Mention]:
        """Yield each meaningful part of a name with a path."""
        parts = [token.span for token in self.texts.tokens(node.span) if token.text != "."]
        ref = scope.resolve(node.path)
        if ref is not None:
            if ref.kind == "list":
                yield Mention(Symbol("field", node.path[0], scope.record), parts[0])
            elif ref.kind == "own" and len(parts) > 1:
                yield Mention(Symbol("record", ref.record), parts[0])
            yield Mention(symbol_of(ref), parts[-1])
            return
        over = resolve_list(node.path, scope)
        if over is None or over.link is None:
            return
        yield Mention(Symbol("link", over.link.name, over.link.record), parts[0])
        if over.lines:
            yield Mention(Symbol("field", node.path[1], over.link.other), parts[1])
        if over.field:
            yield Mention(Symbol("field", over.field, over.record), parts[-1])

    def word(self, word: nodes.Word, record: str, field: str) -> Mention:
        """Return a word that a field may hold."""
        return Mention(Symbol("state", word.name, f"{record}.{field}"), word.span)

    def message(self, span: Span, behind: str, scope: Scope) -> Iterator[Mention]:
        """Yield the placeholders in the text after a word of a node."""
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
            yield from self.name(nodes.Name(tuple(name.split(".")), where), scope)

    def _call(self, node: nodes.Call, scope: Scope) -> Iterator[Mention]:
        at = self.texts.tokens(node.span)[0].span
        yield from self._called(node.name, at)
        first = node.args[0] if node.args else None
        path = first.path if isinstance(first, nodes.Name) else ()
        if node.name == "number_of" and ".".join(path) in self.index.routes():
            yield Mention(Symbol("route", ".".join(path)), node.args[0].span)
            return
        for arg in node.args:
            yield from self.expr(arg, scope)
        over = resolve_list(path, scope) if node.where is not None else None
        yield from self.expr(node.where, scope.inside(over.record) if over else scope)

    def _called(self, name: str, at: Span) -> Iterator[Mention]:
        if name in self.index.maps:
            yield Mention(Symbol("map", name), at)
        elif name in NAMES:
            yield Mention(Symbol("function", name), at)

    def _compared(self, node: nodes.Compare | nodes.Member, scope: Scope) -> Iterator[Mention]:
        yield from self.expr(node.left, scope)
        left = infer(node.left, scope, ignore_problem)
        ref = scope.resolve(node.left.path) if isinstance(node.left, nodes.Name) else None
        owner = f"{ref.record}.{ref.name}" if ref and ref.field else ref.name if ref else ""
        if isinstance(node, nodes.Member):
            words = [v for v in node.values if isinstance(v, nodes.Word) and left.states]
        else:
            word = word_of(left, node.right)
            words = [nodes.Word(word, node.right.span)] if word is not None else []
            if word is None:
                yield from self.expr(node.right, scope)
        for said in words:
            yield Mention(Symbol("state", said.name, owner), said.span)


def symbol_of(ref: Ref) -> Symbol:
    """Return the meaning of a resolved name."""
    if ref.kind in _FIELDS:
        return Symbol("field", ref.name, ref.record)
    return Symbol("const" if ref.kind == "const" else "fact", ref.name)


class Stories:
    """The samples and tests of one ruleset."""

    def __init__(self, index: Index, said: Said) -> None:
        self.index, self.said, self.texts = index, said, said.texts

    def mentions(self) -> Iterator[Mention]:
        """Yield all names of samples and tests."""
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

    def _test(self, test: nodes.Test) -> Iterator[Mention]:
        sample = self.index.samples.get(test.given)
        record = sample.record if sample else ""
        for token in tokens_behind(self.texts.tokens(test.span), "given", clause=True):
            yield Mention(Symbol("sample", token.text), token.span)
        yield from self._facts(test.facts, record)
        for step in test.steps:
            yield from self._facts(step.facts, record)
        routes = {str(post.route) for post in self.index.posts.get(record, ())}
        only = next(iter(routes)) if len(routes) == 1 else ""
        for expect in test.expects:
            yield from self._expect(expect, record, only)

    def _expect(self, expect: nodes.Expect, record: str, only: str) -> Iterator[Mention]:
        route = str(expect.route) if expect.route is not None else only
        if expect.route is not None:
            yield Mention(Symbol("route", route), expect.route.span)
        if expect.outcome is not None:
            yield from self._outcome(expect.outcome, record)
        rows = [field for _, row in expect.lines for field in row]
        for field in (*expect.head, *rows):
            at = self.texts.tokens(field.span)[0].span
            yield Mention(Symbol("document field", field.name, route), at)

    def _outcome(self, outcome: nodes.Expected, record: str) -> Iterator[Mention]:
        said = self.texts.tokens(outcome.span)
        if outcome.route is not None:
            yield Mention(Symbol("route", str(outcome.route)), outcome.route.span)
        action = outcome.again.then if outcome.again else outcome
        for token in tokens_behind(said, "for" if action.kind == "hold" else "by"):
            if token.text == action.role:
                yield Mention(Symbol("role", token.text), token.span)
        for token in tokens_behind(said, "because"):
            symbol = self._reason(token.text, record)
            if symbol is not None:
                yield Mention(symbol, token.span)

    def _reason(self, name: str, record: str) -> Symbol | None:
        """Return an outcome's reason: a check, a map, a group of changes, a field, …"""
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

    def _pair(
        self, pair: nodes.Pair | nodes.IsValue | nodes.LineValue, record: str
    ) -> Iterator[Mention]:
        tokens = self.texts.tokens(pair.span)
        at = tokens[3 if isinstance(pair, nodes.LineValue) else 0].span
        yield from self._field(pair.name, at, record)
        if isinstance(pair.value, nodes.Word):
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

    def _facts(self, facts: Sequence[nodes.Fact], record: str) -> Iterator[Mention]:
        lines = self.index.line_records.get(record)
        for fact in facts:
            tokens = self.texts.tokens(fact.span)
            if isinstance(fact, nodes.IsValue):
                yield from self._pair(fact, record)
            elif isinstance(fact, nodes.LineValue):
                yield from self._pair(fact, lines.name if lines else "")
            elif isinstance(fact, nodes.IsMissing | nodes.IsRecords):
                yield from self._field(fact.name, tokens[0].span, record)
            elif isinstance(fact, nodes.Entry):
                yield Mention(Symbol("map", fact.table), tokens[0].span)
            elif isinstance(fact, nodes.SetUp):
                yield Mention(Symbol("target", fact.target), tokens[-1].span)
            else:
                yield Mention(Symbol("route", str(fact.route)), fact.route.span)
            if isinstance(fact, nodes.TargetShows):
                symbol = Symbol("document field", fact.field, str(fact.route))
                yield Mention(symbol, tokens[4].span)
            for token in tokens[3:-1:2] if isinstance(fact, nodes.IsRecords) else ():
                yield Mention(Symbol("sample", token.text), token.span)
