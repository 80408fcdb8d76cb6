"""Every name of a ruleset with its place, declaration by declaration.

Here: mentions. Not here: names inside expressions (mentioned_names.py) and inside samples and tests
(mentioned_names.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from grammar import nodes as n
from grammar.text.problem import Span
from grammar.text.tokens import Token
from rules.checker.places import records_of
from rules.editing.mentioned_names import Said, Stories
from rules.editing.mentions import Mention, Symbol, Texts, behind, listed
from rules.types.symbol_table import BUILT_IN_GROUPS, FACTS, TABLE_FACTS, Index, Scope


def mentions(index: Index, sources: Mapping[str, str]) -> tuple[Mention, ...]:
    """All names that mean something, in the order of the text; `sources` are the texts it came of.

    A place that speaks of two records at once is mentioned once for each.
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
        """Roles, consts, sources, targets, maps, units."""
        rules = self.rules
        shelves: tuple[
            tuple[str, Sequence[n.Role | n.Const | n.Source | n.Target | n.Map]], ...
        ] = (
            ("role", rules.roles),
            ("const", rules.consts),
            ("source", rules.sources),
            ("target", rules.targets),
            ("map", rules.maps),
        )
        for kind, nodes in shelves:
            for node in nodes:
                yield self._declared(Symbol(kind, node.name), node.span)
        owners: tuple[n.Source | n.Target | n.Map | n.Units, ...] = (
            *rules.sources, *rules.targets, *rules.maps, *rules.units
        )  # fmt: skip
        for owner in owners:
            yield from self._action(owner.missing.action)
        kept = [table.kept for table in rules.maps] + [units.kept for units in rules.units]
        for clause in filter(None, kept):
            yield from self._roles(behind(self.texts.tokens(clause.span), "by"))
        for target in rules.targets:
            yield from self._action(target.tolerance_action)
        for silence in rules.silences:
            yield from self._silence(silence)

    def _silence(self, silence: n.Silence) -> Iterator[Mention]:
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
        """Records with their fields, links."""
        for record in self.rules.records:
            said = self.texts.tokens(record.span)
            yield self._declared(Symbol("record", record.name), record.span)
            kind, name = ("record", record.parent) if record.parent else ("source", record.source)
            yield Mention(Symbol(kind, name or ""), said[3].span)
            for field in record.fields:
                yield from self._field(field, record)
        for link in self.rules.links:
            yield from self._link(link)

    def _field(self, field: n.Field | n.Computed, record: n.Record) -> Iterator[Mention]:
        said = self.texts.tokens(field.span)
        yield Mention(Symbol("field", field.name, record.name), said[0].span, declares=True)
        if isinstance(field, n.Computed):
            line = record.parent is not None
            yield from self.said.expr(
                field.expr, Scope(self.index, record.parent or record.name, line=line)
            )
            return
        if field.completed is not None:
            said_by = self.texts.tokens(field.completed.span)
            yield from self._roles(behind(said_by, "by"))
        for state in field.states:
            at = self.texts.tokens(state.span)[0].span
            symbol = Symbol("state", state.name, f"{record.name}.{field.name}")
            yield Mention(symbol, at, declares=True)
        if field.of is not None:
            yield Mention(Symbol("record", field.of), said[2].span)

    def _link(self, link: n.Link) -> Iterator[Mention]:
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
        """Gates, checks, duplicates, approvals."""
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

    def _gate_row(self, row: n.GateRow, record: str) -> Iterator[Mention]:
        field = self.index.status_field(record)
        for word in row.states:
            yield self.said.word(word, record, field.name if field else "status")
        if row.owner is not None:
            yield from self._roles(behind(self.texts.tokens(row.span), "for"))
            yield from self.said.message(row.span, "say", Scope(self.index, record))

    def _check(self, check: n.Check) -> Iterator[Mention]:
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
            yield from self._roles(behind(self.texts.tokens(check.clears.span), "by"))

    def _duplicates(self, one: n.Duplicates) -> Iterator[Mention]:
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
            for token in behind(self.texts.tokens(unique.span), "as"):
                yield Mention(Symbol("map", token.text), token.span)

    def _keys(self, unique: n.Unique) -> Iterator[Token]:
        """The fields that are compared, without the maps that say how."""
        said = self.texts.tokens(unique.span)
        yield from behind(said, "by")
        yield from behind(said, ",")

    def _approve(self, approve: n.Approve) -> Iterator[Mention]:
        said = self.texts.tokens(approve.span)
        scope = Scope(self.index, approve.record)
        yield Mention(Symbol("record", approve.record), said[1].span)
        yield from self._route(approve.route)
        yield from self.said.expr(approve.when, scope)
        yield from self._roles(behind(said, "by", clause=True))
        yield from self._fields(listed(said, "never", clause=True), scope)
        yield from self.said.message(approve.span, "say", scope)

    def tables(self) -> Iterator[Mention]:
        """On edit, on cancel, retry."""
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

    def _stored(self, word: n.Word, record: str) -> Mention:
        """A field of a record, or of its lines as `line.price`."""
        lines = self.index.line_records.get(record)
        if lines is None or not word.name.startswith(n.OF_LINE):
            return Mention(Symbol("field", word.name, record), word.span)
        name = self.texts.tokens(word.span)[-1]
        return Mention(Symbol("field", name.text, lines.name), name.span)

    def _table(self, table: n.Table, record: str) -> Iterator[Mention]:
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

    def _cell(self, cell: n.Cell, column: str, record: str) -> Iterator[Mention]:
        values = cell.values if isinstance(cell, n.Among) else getattr(cell, "value", None)
        for value in values if isinstance(values, tuple) else (values,):
            if not isinstance(value, n.Word):
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
        """Posts and reversals."""
        for post in self.rules.posts:
            head = Scope(self.index, post.record, document=True, bills=post.bill is not None)
            yield from self._posted(post, head)
            yield from self.said.expr(post.when, Scope(self.index, post.record))
            yield from self._route(post.after)
            if isinstance(post.timing, n.Daily):
                yield from self._fields(behind(self.texts.tokens(post.timing.span), "by"), head)
            if post.bill is not None:
                line = Scope(self.index, post.record, line=True)
                yield from self.said.expr(post.bill.expr, line)
                yield from self.said.expr(post.bill.of, line)
                yield from self._action(post.bill.action)
        for reversal in self.rules.reversals:
            yield from self._posted(reversal, Scope(self.index, reversal.record, document=True))
            yield from self._route(reversal.reversing)

    def _posted(self, post: n.Post | n.Reversal, head: Scope) -> Iterator[Mention]:
        said = self.texts.tokens(post.span)
        route = str(post.route)
        yield Mention(Symbol("record", post.record), said[1].span)
        yield Mention(Symbol("target", post.route.target), said[3].span)
        yield Mention(Symbol("route", route), post.route.span, declares=True)
        yield from self.said.message(post.span, "as", head)
        for token in listed(said, "own") if post.they_own else ():
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

    def _records(self, words: Sequence[n.Word]) -> Iterator[Mention]:
        for word in words:
            yield Mention(Symbol("record", word.name), word.span)

    def _route(self, route: n.RouteName | None) -> Iterator[Mention]:
        if route is not None:
            yield Mention(Symbol("route", str(route)), route.span)

    def _action(self, action: n.Action | n.TryAgain) -> Iterator[Mention]:
        action = action.then if isinstance(action, n.TryAgain) else action
        if action.role is not None:
            yield Mention(Symbol("role", action.role), self.texts.tokens(action.span)[-1].span)

    def _roles(self, said: Iterator[Token]) -> Iterator[Mention]:
        for token in said:
            yield Mention(Symbol("role", token.text), token.span)

    def _fields(self, said: Iterator[Token], scope: Scope) -> Iterator[Mention]:
        for token in said:
            yield from self.said.name(n.Name((token.text,), token.span), scope)
