"""Check that rules guard optional fields, name reachable statuses, and clear their holds."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

from grammar import nodes
from grammar.text.problem import Problem, Span
from rules.checker.places import Look, make_problem, records_of
from rules.types.functions import AGGREGATES, expand_parts
from rules.types.inference import resolve_list
from rules.types.symbol_table import Index, Scope
from rules.values.wording import format_expression, parse_message

_STOPS = frozenset({"hold", "review", "reject"})

_ENDS = frozenset({"ignore", "cancel"})
"""Words of a gate behind which no check counts; all others are asked, also while it waits."""

_ENDED = {"ignore": "ignores it", "cancel": "takes it back", "wait": "lets it wait"}

_TABLES = {"in_base": "the units table", "price_in_base": "the units table"}


@dataclass(frozen=True, slots=True)
class Need:
    """An optional field that a value needs: its name, and the first formula that uses it."""

    record: str
    name: str
    span: Span
    by: tuple[str, str] | None
    """Record and name of the computed field whose formula names it; None where the value does."""


def guard_notes(ruleset: nodes.Ruleset) -> tuple[Problem, ...]:
    """Return one note for each optional field that a check needs without a guard."""
    index = Index(ruleset)
    found: dict[Problem, None] = {}
    for check in ruleset.checks:
        for record in records_of(check.records, index):
            scope = Scope(index, record, line=check.each_line)
            for note in _of_check(check, scope):
                found[note] = None
    return tuple(sorted(found, key=lambda p: (p.span, p.message)))


def _of_check(check: nodes.Check, scope: Scope) -> Iterator[Problem]:
    guarded = {word for node in (check.when, *check.requires) for word in _guards(node)}
    told: set[str] = set()
    for node in (check.when, *check.requires):
        for need in needs(node, scope, guarded):
            said = f"line.{need.name}" if need.record == scope.line_record else need.name
            if said in told:
                continue
            told.add(said)
            by = f", by way of '{need.by[1]}'" if need.by else ""
            message = f"'{check.name}' holds a record without '{said}'{by}"
            hint = f"That may be meant. If not: when {said} is known, or {said} otherwise …"
            yield replace(make_problem("OPT01", message, hint, need.span), severity="info")


def check_guards(index: Index) -> Iterator[Problem]:
    """Yield each optional field that documents need, at its name."""
    told: set[tuple[str, str, tuple[str, str] | None]] = set()
    for post in index.ruleset.posts:
        if post.record not in index.records:
            continue
        guarded = {*_guards(post.when), *_checked(post, index)}
        guarded |= {post.timing.by} if isinstance(post.timing, nodes.Daily) else set()
        for what, expr, scope in _needed_by(post, index):
            for need in needs(expr, scope, guarded):
                at = (need.record, need.name, need.by)
                if at not in told:
                    told.add(at)
                    yield _unguarded(need, what, post)


def _unguarded(need: Need, what: str, post: nodes.Post) -> Problem:
    who = f"'{need.by[1]}'" if need.by else what
    message = f"{who} needs '{need.name}', which may be blank: without it the {post.record} is held"
    path = f"line.{need.name}" if need.record != post.record else need.name
    hint = f"Write {path} otherwise …, or say in the route: when {path} is known."
    if need.record != post.record:
        hint = f"Write {path} otherwise …, or take 'optional' from the field."
    return make_problem("OPT02", message, hint, need.span, "warning")


def _needed_by(post: nodes.Post, index: Index) -> Iterator[tuple[str, nodes.Expr, Scope]]:
    """Yield the expressions that a document requires."""
    head = Scope(index, post.record, document=True, bills=post.bill is not None)
    line = replace(head, line=True)
    for part in parse_message(post.number.replace("{posting}", ""), post.span)[0]:
        if not isinstance(part, str):
            yield "the document number", part, head
    for expr in (post.bill.expr, post.bill.of) if post.bill else ():
        yield "bill", expr, replace(line, document=False, bills=False)
    yield from ((f"'{a.name}'", a.expr, head) for a in post.fields)
    yield from ((f"'{a.name}'", a.expr, line) for a in post.line_fields)


def _checked(post: nodes.Post, index: Index) -> Iterator[str]:
    """Yield the conditions that the route's checks already require."""
    for check in index.ruleset.checks:
        mine = post.record in {word.name for word in check.records}
        mine = mine and check.route in (None, post.route) and check.when is None
        if mine and check.action.kind in _STOPS:
            scope = Scope(index, post.record, line=check.each_line)
            for condition in check.requires:
                yield from _guards(condition)
                for need in (one for one in needs(condition, scope, ()) if one.by is None):
                    yield f"line.{need.name}" if need.record != post.record else need.name


def _guards(node: Any) -> Iterator[str]:
    """Yield the names whose presence a condition tests."""
    if isinstance(node, nodes.Known | nodes.Absent):
        yield format_expression(node.expr)
    for part in getattr(node, "parts", ()):
        yield from _guards(part)


def needs(
    node: Any,
    scope: Scope,
    guarded: Collection[str],
    by: tuple[str, str] | None = None,
    seen: frozenset[tuple[str, str]] = frozenset(),
) -> Iterator[Need]:
    """Yield the optional fields that a value needs; a guarded look-up needs none."""
    if isinstance(node, nodes.Known | nodes.Absent | nodes.Otherwise) or node is None:
        return
    if isinstance(node, nodes.Name):
        yield from _of_name(node, scope, guarded, by, seen)
    elif isinstance(node, nodes.Call) and (node.where is not None or node.name in AGGREGATES):
        yield from _of_list(node, scope, seen)
    elif not (
        isinstance(node, nodes.Call)
        and (format_expression(node) in guarded or node.name == "number_of")
    ):
        for part in nodes.inner(node):
            yield from needs(part, scope, guarded, by, seen)


def _of_name(
    node: nodes.Name,
    scope: Scope,
    guarded: Collection[str],
    by: tuple[str, str] | None,
    seen: frozenset[tuple[str, str]],
) -> Iterator[Need]:
    ref = scope.resolve(node.path)
    if (
        ref is None
        or ref.field is None
        or format_expression(node) in guarded
        or (ref.record, ref.name) in seen
    ):
        return
    if isinstance(ref.field, nodes.Computed):
        at = (ref.record, ref.name)
        inner = _own_scope(scope.index, ref.record)
        yield from needs(ref.field.expr, inner, guarded, at, seen | {at})
    elif ref.field.mark == "optional":
        yield Need(ref.record, ref.name, node.span, by)


def _of_list(node: nodes.Call, scope: Scope, seen: frozenset[tuple[str, str]]) -> Iterator[Need]:
    """Yield what each of the record's own lines needs for a sum.

    `where` is skipped, because it may test presence.
    """
    arg = node.args[0] if len(node.args) == 1 else None
    over = resolve_list(arg.path, scope) if isinstance(arg, nodes.Name) else None
    if over is None or over.link is not None or not over.field or node.where is not None:
        return
    field = scope.index.fields.get(over.record, {}).get(over.field)
    at = (over.record, over.field)
    if isinstance(field, nodes.Computed) and at not in seen:
        inner = _own_scope(scope.index, over.record)
        yield from needs(field.expr, inner, (), at, seen | {at})
    elif isinstance(field, nodes.Field) and field.mark == "optional":
        yield Need(over.record, over.field, node.span, None)


def _own_scope(index: Index, record: str) -> Scope:
    owner = index.records[record].parent
    return Scope(index, owner or record, line=owner is not None)


# ---- statuses that never come here ---------------------------------------------------------------


def check_statuses(look: Look) -> Iterator[Problem]:
    """Yield conditions on statuses in which they are never evaluated."""
    index, words = look.index, _Words(look.index)
    for check in look.saying({of.name for r in index.judged if (of := index.status_field(r))}):
        for record in records_of(check.records, index):
            asked = (check.when, *check.requires)
            yield from _in_vain(asked, words.of(record, check.route), _ENDS)
    for approve in index.ruleset.approvals:
        if approve.record in index.judged and approve.when is not None:
            said = words.of(approve.record, approve.route)
            yield from _in_vain((approve.when,), said, _ENDS | {"wait"})
    for post in index.ruleset.posts:
        if post.record in index.judged:
            asked = (post.when, *(a.expr for a in (*post.fields, *post.line_fields)))
            whole = post.when.parts if isinstance(post.when, nodes.AllOf) else (post.when,)
            yield from _in_vain(asked, words.of(post.record, post.route), _ENDS | {"wait"}, whole)


@dataclass(frozen=True, slots=True)
class _Said:
    """The meaning of each status by the gates of some routes; `status` is their field."""

    record: str
    status: str
    words: list[dict[str, nodes.GateWord]]


class _Words:
    """The gates' meanings, computed once per record and route."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.known: dict[tuple[str, str], _Said | None] = {}

    def of(self, record: str, route: nodes.RouteName | None) -> _Said | None:
        """Return the gates' meaning, or None where a route has no gate or posts nothing."""
        at = (record, str(route or ""))
        if at not in self.known:
            self.known[at] = self._asked(record, route)
        return self.known[at]

    def _asked(self, record: str, route: nodes.RouteName | None) -> _Said | None:
        index, status = self.index, self.index.status_field(record)
        posts = [p for p in index.posts.get(record, []) if route in (None, p.route)]
        gates = [gate for p in posts if (gate := index.gate(record, str(p.route))) is not None]
        if status is None or len(gates) < len(posts) or not gates:
            return None
        words = [{s.name: row.word for row in gate.rows for s in row.states} for gate in gates]
        return _Said(record, status.name, words)


def _in_vain(
    asked: Collection[nodes.Expr | None],
    gates: _Said | None,
    ends: Collection[str],
    whole: tuple[nodes.Expr | None, ...] = (),
) -> Iterator[Problem]:
    if gates is None:
        return
    for node in (part for expr in asked for part in _wanted(expr)):
        if not isinstance(node.left, nodes.Name) or node.left.path != (gates.status,):
            continue
        said = [
            (name, span, [of.get(name, "") for of in gates.words]) for name, span in _statuses(node)
        ]
        dead = [one for one in said if all(word in ends for word in one[2])]
        goes = any("ready" in found for _, _, found in said)
        if not goes and any(node is part for part in whole):
            continue  # the route never goes: that is told of it already (POS20)
        for name, span, found in dead:
            message = f"'{name}' never comes here: the gate of {gates.record} {_ENDED[found[0]]}"
            yield make_problem("GAT09", message, _hint(gates.words, ends), span, "warning")


def _wanted(node: Any) -> Iterator[nodes.Compare | nodes.Member]:
    """Yield the comparisons that must or may be true for a condition to be true."""
    if isinstance(node, nodes.Member) or (isinstance(node, nodes.Compare) and node.op == "="):
        yield node
    for part in getattr(node, "parts", ()):
        yield from _wanted(part)


def _statuses(node: nodes.Compare | nodes.Member) -> Iterator[tuple[str, Span]]:
    for value in node.values if isinstance(node, nodes.Member) else (node.right,):
        if isinstance(value, nodes.Word):
            yield value.name, value.span
        elif isinstance(value, nodes.Name) and len(value.path) == 1:
            yield value.path[0], value.span
        elif isinstance(value, nodes.Literal):
            yield str(value.value), value.span


def _hint(words: list[dict[str, nodes.GateWord]], ends: Collection[str]) -> str:
    come = dict.fromkeys(name for of in words for name, word in of.items() if word not in ends)
    return f"What comes here: {', '.join(come)}." if come else "Correct the gate."


# ---- holds that nothing clears -------------------------------------------------------------------


def check_clears(index: Index) -> Iterator[Problem]:
    """Yield checks that never clear although they look up editable data."""
    for check in index.ruleset.checks:
        if check.clears.kind != "never" or check.action.kind not in _STOPS:
            continue
        for record in records_of(check.records, index):
            scope = Scope(index, record, line=check.each_line)
            kept = (_kept(node, scope) for node in (check.when, *check.requires) if node)
            table = next((name for names in kept for name in names), None)
            if table is not None:
                message = (
                    f"'{check.name}' never clears, though a repair of {table} would let it pass"
                )
                hint = "Write: clears when it passes."
                yield make_problem("LOG07", message, hint, check.clears.span, "warning")
                break


def _kept(node: nodes.Expr, scope: Scope) -> Iterator[str]:
    """Yield the maps and unit tables that a condition uses, also through computed fields."""
    for part in expand_parts(node, scope):
        for call in nodes.walk(part):
            if isinstance(call, nodes.Call):
                known = _TABLES.get(call.name)
                table = f"map '{call.name}'" if call.name in scope.index.maps else known
                if table is not None:
                    yield table
