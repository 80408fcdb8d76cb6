"""Run samples, tests and single records without I/O, and measure the coverage by mutation."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, is_dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from grammar import nodes
from grammar.nodes import Ruleset
from grammar.text.problem import Problem, Span
from rules.comparison.difference import show_part
from rules.facts import Facts, Subject, TargetState, load_seeds
from rules.outcomes import Outcome
from rules.program import Program, compile_ruleset, hash_files
from rules.testing.expectations import Expectations
from rules.testing.test_steps import play_test
from rules.types.inference import ignore_problem, infer
from rules.types.symbol_table import Index, Schemas, Scope
from rules.values.kinds import NUMERIC
from rules.values.wording import format_expression

Declared = nodes.Edit | nodes.Cancel | nodes.Retry

_CLEARS = {"itself": "when it passes", "by": "by {}", "never": "never"}

_LAX = ("trimmed", "any_case", "any_punctuation")

_FAR = 1000

_DAY = timedelta(days=1)

_TEXTS = frozenset({"text", "user", "one_of", "any"})

GONE: Any = object()
"""Marks a node that is removed."""


@dataclass(frozen=True, slots=True)
class TrialResult:
    """The outcome, the program that judged it, and the problems in the CSV files."""

    outcome: Outcome
    program: Program
    problems: tuple[Problem, ...]


def try_record(
    ruleset: Ruleset,
    sources: Mapping[str, str],
    *,
    files: Mapping[str, str],
    body: Mapping[str, object],
    kind: str,
    now: datetime,
    schemas: Schemas | None = None,
) -> TrialResult:
    """Judge one body as a record of `kind`; `files` are CSV texts by path."""
    program = compile_ruleset(ruleset, hash=hash_files(sources), schemas=schemas)
    seeds = load_seeds(ruleset, files)
    targets = {t.name: TargetState(known=True) for t in ruleset.targets}
    source = next((r.source for r in ruleset.records if r.name == kind), None) or ""
    subject = Subject(kind, source, body, 1)
    outcome = program.evaluate(subject, Facts(now), seeds.world(0, targets), now)
    return TrialResult(outcome, program, tuple(seeds.problems))


def kinds_of(ruleset: Ruleset) -> tuple[str, ...]:
    """Return the record kinds that the rules judge, for a caller that must choose one."""
    return tuple(r.name for r in ruleset.records if r.source)


@dataclass(frozen=True, slots=True)
class TestResult:
    """The result of one test."""

    __test__ = False

    title: str
    passed: bool
    message: str
    span: Span


@dataclass(frozen=True, slots=True)
class TestReport:
    """The results of all tests of a rule set."""

    __test__ = False

    results: tuple[TestResult, ...]

    @property
    def failed(self) -> tuple[TestResult, ...]:
        """The tests that did not pass."""
        return tuple(r for r in self.results if not r.passed)


def run_tests(ruleset: nodes.Ruleset, program: Program) -> TestReport:
    """Run every test of a ruleset in its own world."""
    index = Index(ruleset)
    return TestReport(tuple(run_test(test, index, program) for test in ruleset.tests))


def run_test(test: nodes.Test, index: Index, program: Program) -> TestResult:
    """Run one test in its own world."""
    sample = index.samples.get(test.given)
    if sample is None:
        message = f"there is no sample '{test.given}'"
        return TestResult(test.title, passed=False, message=message, span=test.span)
    end = play_test(sample, test, index, program)
    message = Expectations(test, end, program.zone(sample.record)).failure()
    return TestResult(test.title, passed=not message, message=message, span=test.span)


@dataclass(frozen=True, slots=True)
class Part:
    """Name a part of a declaration; `mutants` are the declaration with the part broken, or GONE.

    It is covered if every test passes with the intact declaration, and one fails with a mutant.
    """

    kind: str
    name: str
    span: Span
    declared: Any
    mutants: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Covered:
    """Pair a part with the title of a test that fails if it is broken; blank if none does."""

    part: Part
    by: str


def coverage(
    ruleset: nodes.Ruleset, chosen: Iterable[Part], schemas: Schemas | None = None
) -> Iterator[Covered]:
    """Yield for each part the passing test that covers it."""
    bench = _Bench(ruleset, schemas)
    for part in chosen:
        yield Covered(part, bench.noticed(part))


@dataclass(slots=True)
class _Bench:
    """Run the tests of a rule set, starting with the tests that failed last."""

    ruleset: nodes.Ruleset
    schemas: Schemas | None
    tests: list[nodes.Test] = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        index, program = self._compiled(self.ruleset)
        self.tests = [t for t in self.ruleset.tests if run_test(t, index, program).passed]

    def noticed(self, part: Part) -> str:
        """Return the title of a test that fails with the part broken, or an empty text."""
        for mutant in part.mutants:
            index, program = self._compiled(
                replace_declaration(self.ruleset, part.declared, mutant)
            )
            for position, test in enumerate(self.tests):
                if not run_test(test, index, program).passed:
                    self.tests.insert(0, self.tests.pop(position))
                    return test.title
        return ""

    def _compiled(self, ruleset: nodes.Ruleset) -> tuple[Index, Program]:
        return Index(ruleset), compile_ruleset(ruleset, hash="", schemas=self.schemas)


def route_parts(index: Index) -> Iterator[Part]:
    """Yield all parts of all routes."""
    for post in index.ruleset.posts:
        name = f"post {post.record} to {post.route}"
        yield from _going(post, name)
        yield from _document(post, name, index)
    for reversal in index.ruleset.reversals:
        yield from _document(reversal, f"post {reversal.record} to {reversal.route}", index)


def _going(post: nodes.Post, name: str) -> Iterator[Part]:
    """Yield the parts that decide when a document goes, and who may change it."""
    if post.when is not None:
        yield make_part("timing of routes", f"{name}: when", post, post.when, (GONE,))
    if isinstance(post.timing, nodes.Daily):
        later = replace(post.timing, at=post.timing.at.replace(hour=(post.timing.at.hour + 1) % 24))
        yield make_part("timing of routes", f"{name}: daily", post, post.timing, (later,))
    if post.after is not None:
        yield make_part("timing of routes", f"{name}: after", post, post.after, (GONE,))
    if post.bill is not None:
        yield make_part("timing of routes", f"{name}: bill", post, post.bill, (GONE,))
    if post.uncompared is not None:
        yield make_part("amounts of routes", f"{name}: amount", post, post.uncompared, (GONE,))
    if post.allows is not None:
        yield from _allowed(post, post.allows, name)
    kind = "ignore" if post.we_own.kind != "ignore" else "block"
    instead = nodes.Action(kind, None, post.we_own.span)
    yield make_part("owners of fields", f"{name}: we own", post, post.we_own, (instead,))


def _allowed(post: nodes.Post, allows: nodes.Allows, name: str) -> Iterator[Part]:
    """Yield each unusual feature that the route allows."""
    for word in allows.what:
        less = replace(allows, what=tuple(other for other in allows.what if other != word))
        named = f"{name}: allows {word.replace('_', ' ')}"
        yield Part("amounts of routes", named, allows.span, post, (replace(post, allows=less),))


def _document(route: nodes.Post | nodes.Reversal, name: str, index: Index) -> Iterator[Part]:
    """Yield the number, the fields, and the fields of each line."""
    if route.record not in index.records:
        return
    bills = isinstance(route, nodes.Post) and route.bill is not None
    head = Scope(index, route.record, document=True, bills=bills)
    numbered = replace(route, number=f"{route.number}-broken")
    yield Part("document numbers", f"{name} as", route.span, route, (numbered,))
    sides = ((route.fields, head, ""), (route.line_fields, replace(head, line=True), "line "))
    for assigns, scope, where in sides:
        for assign in assigns:
            if (other_expr := other_expression(assign.expr, scope)) is not None:
                label = f"{name}: {where}{assign.name}"
                changed = replace(assign, expr=other_expr)
                yield make_part("posted fields", label, route, assign, (changed,))


def field_parts(index: Index) -> Iterator[Part]:
    """Yield computed fields, and the conditions of links."""
    for record in index.ruleset.records:
        scope = Scope(index, record.parent or record.name, line=record.parent is not None)
        for declared_field in record.fields:
            if (
                isinstance(declared_field, nodes.Computed)
                and (other_expr := other_expression(declared_field.expr, scope)) is not None
            ):
                name = f"{record.name}.{declared_field.name}"
                yield make_part(
                    "computed fields",
                    name,
                    record,
                    declared_field,
                    (replace(declared_field, expr=other_expr),),
                )
    for link in index.ruleset.links:
        if link.where is not None:
            name = f"link {link.name} of {link.record}: where"
            yield make_part("links", name, link, link.where, (GONE,))


def table_parts(ruleset: nodes.Ruleset) -> Iterator[Part]:
    """Yield all table rows and groups."""
    role = ruleset.roles[0].name if ruleset.roles else ""
    for edit in ruleset.edits:
        name = f"on edit of {edit.record}"
        for group in edit.groups:
            mutant = (replace(group, fields=()),)
            yield make_part("groups of edits", f"{name}: {group.name}", edit, group, mutant)
            yield from _of_lines(name, edit, group)
        yield from _rows("rows of edits", name, edit, role)
    for cancel in ruleset.cancels:
        name = f"on cancel of {', '.join(word.name for word in cancel.records)}"
        yield from _rows("rows of cancels", name, cancel, role)
    for retry in ruleset.retries:
        yield from _rows("rows of retries", f"retry {retry.target}", retry, role)


def _of_lines(name: str, edit: nodes.Edit, group: nodes.Group) -> Iterator[Part]:
    """Yield each line field of a group, moved back to the lines."""
    for word in group.fields:
        if word.name.startswith(nodes.OF_LINE):
            remaining = tuple(other for other in group.fields if other is not word)
            label = f"{name}: {group.name} with {word.name}"
            yield make_part(
                "fields of lines in groups", label, edit, group, (replace(group, fields=remaining),)
            )


def _rows(kind: str, name: str, declared: Declared, role: str) -> Iterator[Part]:
    for row in declared.table.rows:
        answer = _other_action(row.action, role, retry=isinstance(declared, nodes.Retry))
        label = f"{name}: {show_part(row)}"
        yield make_part(kind, label, declared, row, (replace(row, action=answer),))


def _other_action(action: nodes.Action | nodes.TryAgain, role: str, *, retry: bool) -> nodes.Action:
    """Return another action for a row of such a table."""
    person, other = ("hold", "look_up") if retry else ("review", "block")
    if isinstance(action, nodes.Action) and action.kind == other:
        return nodes.Action(person, role, action.span)
    return nodes.Action(other, None, action.span)


def all_parts(ruleset: nodes.Ruleset) -> tuple[Part, ...]:
    """Return all parts, in the order of the text."""
    index = Index(ruleset)
    parts = [*_gates(ruleset), *_checks(ruleset), *_duplicates(ruleset), *_approvals(ruleset)]
    parts += [*table_parts(ruleset), *route_parts(index), *field_parts(index)]
    parts += [*_consts(ruleset), *_maps(ruleset), *_units(ruleset), *_owners(ruleset)]
    return tuple(sorted(parts, key=lambda part: (part.span, part.kind, part.name)))


def _gates(ruleset: nodes.Ruleset) -> Iterator[Part]:
    """Yield each status, moved to another word."""
    for gate in ruleset.gates:
        route = f" for {gate.route}" if gate.route else ""
        for row in gate.rows:
            word: nodes.GateWord = "wait" if row.word == "ready" else "ready"
            for state in row.states:
                remaining = tuple(other for other in row.states if other is not state)
                moved = nodes.GateRow(word, (state,), None, None, row.span)
                rows = [
                    replace(row, states=remaining) if other is row else other for other in gate.rows
                ]
                mutant = replace(gate, rows=(*(r for r in rows if r.states), moved))
                row_word = "early" if row.early else row.word
                name = f"gate {gate.record}{route}: {row_word} {state.name}"
                yield Part("statuses of gates", name, state.span, gate, (mutant,))


def _checks(ruleset: nodes.Ruleset) -> Iterator[Part]:
    """Yield each check that always fails, each requirement that always passes, and the check
    without its `when`.

    A hold's clearing is listed without a mutant, because no test can show it.
    """
    for check in ruleset.checks:
        name = f"check {check.name}"
        never = replace(check, requires=(_literal(check, value=False),))
        yield Part("checks that pass", name, check.span, check, (never,))
        for fact in check.requires:
            label = f"{name}: {format_expression(fact)}"
            yield make_part("checks that fail", label, check, fact, (_literal(fact, value=True),))
        if check.when is not None:
            label = f"{name}: when {format_expression(check.when)}"
            yield make_part("checks that do not apply", label, check, check.when, (GONE,))
        label = f"{name}: clears {_CLEARS[check.clears.kind].format(check.clears.role)}"
        yield Part("what clears a hold", label, check.clears.span, check, ())


def _literal(node: Any, *, value: bool) -> nodes.Literal:
    return nodes.Literal("yes_no", value, node.span)


def _duplicates(ruleset: nodes.Ruleset) -> Iterator[Part]:
    for declared in ruleset.duplicates:
        name = f"duplicates of {', '.join(word.name for word in declared.records)}"
        for unique in declared.uniques:
            fields = ", ".join(unique.keys)
            label = f"{name}: by {fields} in {unique.where.removeprefix('number_in_')}"
            is_only = len(declared.uniques) == 1
            mutant = GONE if is_only else _left_out(declared, unique)
            yield Part("duplicates", label, unique.span, declared, (mutant,))


def _left_out(declared: nodes.Duplicates, unique: nodes.Unique) -> nodes.Duplicates:
    return replace(declared, uniques=tuple(u for u in declared.uniques if u is not unique))


def _approvals(ruleset: nodes.Ruleset) -> Iterator[Part]:
    for approve in ruleset.approvals:
        name = f"approve {approve.record}{f' for {approve.route}' if approve.route else ''}"
        yield Part("approvals that are asked for", name, approve.span, approve, (GONE,))
        if approve.when is not None:
            label = f"{name}: when {format_expression(approve.when)}"
            yield make_part("approvals that are not needed", label, approve, approve.when, (GONE,))
        for person in approve.never:
            remaining = tuple(other for other in approve.never if other != person)
            mutant = replace(approve, never=remaining)
            label = f"{name}: never {person}"
            yield Part("people who may not approve", label, approve.span, approve, (mutant,))


def _consts(ruleset: nodes.Ruleset) -> Iterator[Part]:
    for const in ruleset.consts:
        for row in const.rows:
            mutants = tuple(replace(row, value=value) for value in other_values(row.value))
            yield make_part("consts", f"const {const.name} from {row.since}", const, row, mutants)


def _maps(ruleset: nodes.Ruleset) -> Iterator[Part]:
    for table in ruleset.maps:
        for word in table.match:
            remaining = tuple(other for other in table.match if other != word)
            mutant = replace(table, match=_LAX if word == "exact" else remaining or ("exact",))
            label = f"map {table.name}: match {word.replace('_', ' ')}"
            yield Part("match of maps", label, table.span, table, (mutant,))
        for row in table.rows:
            mutants = tuple(replace(row, value=value) for value in other_values(row.value))
            yield make_part("rows of maps", f'map {table.name}: "{row.key}"', table, row, mutants)


def _units(ruleset: nodes.Ruleset) -> Iterator[Part]:
    for units in ruleset.units:
        for row in units.rows:
            item_text = f' of "{row.item}"' if row.item else ""
            mutant = replace(row, base_count=row.base_count * 7)
            yield make_part("rows of units", f"units: {row.unit}{item_text}", units, row, (mutant,))


def _owners(ruleset: nodes.Ruleset) -> Iterator[Part]:
    """Yield each `missing` action with another owner."""
    declarations: tuple[nodes.Source | nodes.Target | nodes.Map | nodes.Units, ...]
    declarations = (*ruleset.sources, *ruleset.targets, *ruleset.maps, *ruleset.units)
    for declared in declarations:
        action = declared.missing.action
        role = next((r.name for r in ruleset.roles if r.name != action.role), None)
        if role is not None:
            kind = type(declared).__name__.lower()
            name = f"{kind} {getattr(declared, 'name', '')}".strip()
            mutant = (replace(action, role=role),)
            yield make_part(
                "owners of what is missing", f"{name}: missing", declared, action, mutant
            )


def other_values(literal: nodes.Literal) -> tuple[nodes.Literal, ...]:
    """Return other values of a literal: far above and far below, or one different value."""
    value, span = literal.value, literal.span
    if isinstance(value, bool):
        return (nodes.Literal(literal.kind, not value, span),)
    if isinstance(value, Decimal):
        return (
            nodes.Literal(literal.kind, value * _FAR + 1, span),
            nodes.Literal(literal.kind, Decimal(0) if value else Decimal(1), span),
        )
    if isinstance(value, timedelta):
        return (
            nodes.Literal(literal.kind, value * _FAR + _DAY, span),
            nodes.Literal(literal.kind, timedelta(0), span),
        )
    if isinstance(value, str):
        return (nodes.Literal(literal.kind, f"{value} (broken)", span),)
    far = _DAY * _FAR
    return tuple(nodes.Literal(literal.kind, moved, span) for moved in (value + far, value - far))


def other_expression(expr: nodes.Expr, scope: Scope) -> nodes.Expr | None:
    """Return an expression with another value of its type, or None."""
    kind = infer(expr, scope, ignore_problem).kind
    if kind in NUMERIC:
        return nodes.Arith("+", expr, nodes.Literal("number", Decimal(1), expr.span), expr.span)
    if kind in {"date", "moment", "duration"}:
        return nodes.Arith("+", expr, nodes.Literal("duration", _DAY, expr.span), expr.span)
    if kind == "yesno":
        return nodes.Not(expr, expr.span)
    return nodes.Literal("text", "(broken)", expr.span) if kind in _TEXTS else None


def make_part(kind: str, name: str, declared: Any, node: Any, replacements: Iterable[Any]) -> Part:
    """Return the part of a declaration that `node` is, with one mutant for each replacement
    node.
    """
    mutants = tuple(exchange_node(declared, node, replacement) for replacement in replacements)
    return Part(kind, name, node.span, declared, mutants)


def replace_declaration(ruleset: nodes.Ruleset, declared: Any, instead: Any) -> nodes.Ruleset:
    """Return the rule set with another declaration in place of this one."""
    return exchange_node(ruleset, declared, instead)  # type: ignore[no-any-return]


def exchange_node(node: Any, old: Any, new: Any) -> Any:
    """Return the tree with one node replaced, or the tree itself if it does not contain the
    node.
    """
    if node is old:
        return new
    if isinstance(node, tuple):
        items = [exchange_node(item, old, new) for item in node]
        if all(new_item is other for new_item, other in zip(items, node, strict=True)):
            return node
        return tuple(item for item in items if item is not GONE)
    if not is_dataclass(node) or isinstance(node, Span):
        return node
    changes = {}
    for field in dataclasses.fields(node):
        value = getattr(node, field.name)
        other = exchange_node(value, old, new)
        if other is not value:
            changes[field.name] = None if other is GONE else other
    return replace(node, **changes) if changes else node  # type: ignore[type-var]
