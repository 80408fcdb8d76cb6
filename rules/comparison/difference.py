"""Compare two rulesets by meaning; layout, order and comments do not count."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import combinations
from typing import Any, get_args

from grammar import nodes
from grammar.layout.written import expect_text, fact_text, outcome_text
from grammar.text.characters import duration
from grammar.text.problem import Span
from rules.checker.cases import Cases, members
from rules.checker.places import all_tables, places, used_names
from rules.checker.ranges import Allowed, Cuts, claim_of
from rules.types.symbol_table import Index, Scope
from rules.values.wording import format_expression

_EXPRS = (
    nodes.Name,
    nodes.Call,
    nodes.Compare,
    nodes.Member,
    nodes.Known,
    nodes.Absent,
    nodes.AllOf,
    nodes.AnyOf,
    nodes.Not,
    nodes.Arith,
    nodes.Negative,
    nodes.Otherwise,
    nodes.Literal,
    nodes.Word,
)

_WHOLE = (
    *_EXPRS,
    nodes.Action,
    nodes.TryAgain,
    nodes.TableRow,
    nodes.GateRow,
    nodes.Immediately,
    nodes.Daily,
    nodes.Group,
    nodes.ByTeam,
    nodes.UnitRow,
    nodes.Expected,
)

_WORDS = {
    "edits": "on edit of",
    "cancels": "on cancel of",
    "retries": "retry",
    "units": "units",
    "approvals": "approve",
    "duplicates": "duplicates of",
    "reversals": "reversal of",
}

_FACTS = get_args(nodes.Fact)

Same = Callable[[nodes.Post], str]
"""Returns a document kind that two targets must not both receive; blank for other documents."""


@dataclass(frozen=True, slots=True)
class Change:
    """Describe one declaration that was added, removed or changed; `details` are `part: old ->
    new`, `before` and `after` its spans in the old and new rules.
    """

    kind: str  # added | removed | changed
    name: str
    details: tuple[str, ...]
    routes: tuple[str, ...]
    before: Span | None
    after: Span | None

    @property
    def span(self) -> Span:
        """The span in the new rules, or in the old rules for a removed declaration."""
        return next(place for place in (self.after, self.before) if place is not None)


def difference(old: nodes.Ruleset, new: nodes.Ruleset) -> tuple[Change, ...]:
    """Return all changes, in the order of the new text; removed declarations come last."""
    before, after = _named(old), _named(new)
    old_index, new_index = Index(old), Index(new)
    changes, removed = [], []
    for name in {**after, **before}:
        pairs = _pairs(before.get(name, []), after.get(name, []))
        several = max(len(side.get(name, ())) for side in (before, after)) > 1
        for old_node, new_node in pairs:
            label = (
                _distinct_name(name, old_node if new_node is None else new_node)
                if several
                else name
            )
            if new_node is None:
                removed.append(
                    _make_change("removed", label, old_node, old_index, old_node.span, None)
                )
            elif old_node is None:
                changes.append(
                    _make_change("added", label, new_node, new_index, None, new_node.span)
                )
            else:
                details = tuple(dict.fromkeys(_parts(old_node, new_node, "")))
                changed = _make_change(
                    "changed", label, new_node, new_index, old_node.span, new_node.span
                )
                changes.append(replace(changed, details=details))
    return (*changes, *removed)


def _named(ruleset: nodes.Ruleset) -> dict[str, list[Any]]:
    """Return the declarations by the name that persists between versions. Approvals may share a
    name.
    """
    by_name: dict[str, list[Any]] = {}
    for group in fields(ruleset):
        for node in getattr(ruleset, group.name):
            by_name.setdefault(_name(group.name, node), []).append(node)
    return by_name


def _name(group: str, node: Any) -> str:
    word = _WORDS.get(group, group.removesuffix("s"))
    route = getattr(node, "route", None)
    if group in {"posts", "reversals"}:
        return f"{word} {node.record} to {route}"
    if group == "silences":
        return f"silence {node.code} of {node.name}"
    if hasattr(node, "records") and group != "checks":
        subject = ", ".join(w.name for w in node.records)
    else:
        candidates = (getattr(node, a, "") for a in ("name", "record", "target", "title"))
        subject = next((k for k in candidates if k), "")
    if group == "duplicates":
        subject += f" by {', '.join('+'.join(u.fields) or 'number' for u in node.uniques)}"
    return f"{word} {subject}".strip() + (f" for {route}" if route and group != "checks" else "")


def _pairs(before: Sequence[Any], after: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield changed declarations of one name: each new one with its most similar old one, or None.

    Declarations that are equal on both sides are omitted.
    """
    added = [node for node in after if node not in before]
    removed = [node for node in before if node not in after]
    for _ in added[len(removed) :]:  # the least similar have no counterpart
        added.remove(node := min(added, key=lambda candidate: _best_similarity(candidate, removed)))
        yield None, node
    for node in added:
        removed.remove(other := max(removed, key=lambda candidate: _similarity(candidate, node)))
        yield other, node
    yield from ((node, None) for node in removed)


def _best_similarity(node: Any, others: Sequence[Any]) -> int:
    return max((_similarity(node, other) for other in others), default=0)


def _similarity(first: Any, second: Any) -> int:
    """Return how many parts of two declarations are equal."""
    return sum(getattr(first, part.name) == getattr(second, part.name) for part in fields(first))


def _distinct_name(name: str, node: Any) -> str:
    """Return the name of a declaration, with its condition if several share the name."""
    condition = getattr(node, "when", None)
    return name if condition is None else " when ".join((name, format_expression(condition)))


def _make_change(
    kind: str, name: str, node: Any, index: Index, before: Span | None, after: Span | None
) -> Change:
    return Change(kind, name, (), tuple(_routes(node, index)), before, after)


def _routes(node: Any, index: Index) -> Iterator[str]:
    """Yield the routes whose documents the declaration may affect."""
    if isinstance(node, nodes.Sample | nodes.Test):
        return
    declared_route = getattr(node, "route", None)
    if isinstance(declared_route, nodes.RouteName):
        yield str(declared_route)
        return
    records = _records(node, index)
    for route, post in index.routes().items():
        if post.record in records or (
            isinstance(node, nodes.Retry) and post.route.target == node.target
        ):
            yield route


def _records(node: Any, index: Index) -> set[str]:
    if isinstance(node, nodes.Record):
        return {node.parent or node.name}
    if hasattr(node, "records"):
        return {w.name for w in node.records}
    if isinstance(node, nodes.Gate | nodes.Approve | nodes.Edit | nodes.Link):
        return {node.record}
    name = getattr(node, "name", "")
    if isinstance(node, nodes.Source):
        return {r.name for r in index.ruleset.records if r.source == name}
    if isinstance(node, nodes.Target):
        return {p.record for p in index.ruleset.posts if p.route.target == name}
    names = {"in_base", "price_in_base", "base_unit"} if isinstance(node, nodes.Units) else {name}
    records = {p.scope.record for p in places(index) if names & set(used_names(p.expr))}
    if isinstance(node, nodes.Const) and any(_compares(t, name) for t in all_tables(index)):
        records |= {e.record for e in index.ruleset.edits}
        records |= {w.name for c in index.ruleset.cancels for w in c.records}
    return records


def _compares(table: nodes.Table, const: str) -> bool:
    cells = (cell for row in table.rows for cell in row.cells)
    named = (c.value for c in cells if isinstance(c, nodes.Compared))
    return any(isinstance(v, nodes.Word) and v.name == const for v in named)


def _parts(old: Any, new: Any, place: str) -> Iterator[str]:
    """Yield the smallest differing parts, as `where: old → new`."""
    if old == new:
        return
    is_same_type = type(old) is type(new)
    if is_same_type and isinstance(old, tuple):
        yield from _lists(old, new, place)
    elif (
        is_same_type
        and isinstance(old, nodes.AllOf | nodes.AnyOf)
        and len(old.parts) == len(new.parts)
    ):
        for old_part, new_part in zip(old.parts, new.parts, strict=True):
            yield from _parts(old_part, new_part, place)
    elif is_same_type and is_dataclass(old) and not isinstance(old, _WHOLE):
        for part in (f.name for f in fields(old) if f.name != "span"):
            yield from _parts(
                getattr(old, part), getattr(new, part), _extend_place(place, part, old)
            )
    elif (
        is_same_type and isinstance(old, nodes.Compare) and _threshold(old) == _threshold(new) != ""
    ):
        yield f"{_threshold(old)}: {show_part(old.right)} → {show_part(new.right)}"
    else:
        yield (
            f"{place}: {show_part(old)} → {show_part(new)}"
            if place
            else f"{show_part(old)} → {show_part(new)}"
        )


def _lists(old: tuple[Any, ...], new: tuple[Any, ...], place: str) -> Iterator[str]:
    removed = [x for x in old if x not in new]
    added = [x for x in new if x not in old]
    if len(removed) == len(added):
        for old_item, new_item in zip(removed, added, strict=True):
            yield from _parts(old_item, new_item, place)
        return
    yield from (f"{place}: without {show_part(x)}" for x in removed)
    yield from (f"{place}: also {show_part(x)}" for x in added)


def _extend_place(place: str, name: str, node: Any) -> str:
    label = (
        getattr(node, "name", None) or getattr(node, "key", None) or getattr(node, "since", None)
    )
    where = f"{place} {label}" if label and place else place
    inner = name.replace("_", " ").removesuffix("s")
    return inner if not where else where if name in {"value", "expr"} else f"{where} {inner}"


def _threshold(node: nodes.Compare) -> str:
    return (
        f"{format_expression(node.left)} {node.op}" if isinstance(node.right, nodes.Literal) else ""
    )


def show_part(value: Any) -> str:
    """Return a part of a declaration in a few words."""
    if value is None or value == ():
        return "nothing"
    for kinds, words in _SHOW:
        if isinstance(value, kinds):
            return str(words(value))
    name = getattr(value, "name", None) or getattr(value, "key", None)
    inner = getattr(value, "expr", None) or getattr(value, "value", None)
    if name:
        return f"{name} = {show_part(inner)}" if inner is not None else str(name)
    if not is_dataclass(value):
        return str(value)
    return " ".join(show_part(getattr(value, f.name)) for f in fields(value) if f.name != "span")


@dataclass(frozen=True, slots=True)
class Landing:
    """Days of one record kind, in words such as `below 2026-05-17`, and the targets that take
    them.
    """

    record: str
    field: str
    days: str
    targets: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Whether exactly one target takes the days."""
        return len(self.targets) == 1


@dataclass(frozen=True, slots=True)
class Stranded:
    """Describe a document that waits for another of its record, which goes to another target on
    these days.
    """

    route: str
    follows: str
    field: str
    days: tuple[str, ...]


def landings(ruleset: nodes.Ruleset, document_kind: Same = lambda _: "") -> tuple[Landing, ...]:
    """Return all days of each record kind that goes to several targets by its date.

    A route without a date condition takes all days if another target takes that kind of document by
    date: that route was meant to begin or end.
    """
    index = Index(ruleset)
    return tuple(
        landing
        for record, posts in index.posts.items()
        for landing in _landings_of_record(index, record, posts, document_kind)
    )


def _landings_of_record(
    index: Index, record: str, posts: list[nodes.Post], document_kind: Same
) -> tuple[Landing, ...]:
    cuts, dated_routes = _days(index, record, posts)
    dated = index.marked(record, "dated")
    if dated is None or not dated_routes:
        return ()
    column = cuts.columns[dated.name]
    cases_by_target: dict[str, int] = {}
    for post, cases in (
        *dated_routes,
        *((undated, column.all) for undated in _undated_rivals(posts, dated_routes, document_kind)),
    ):
        cases_by_target[post.route.target] = cases_by_target.get(post.route.target, 0) | cases
    if len(cases_by_target) < 2:
        return ()
    order = dict.fromkeys(undated.route.target for undated in posts)
    return tuple(
        Landing(
            record,
            dated.name,
            column.labels[case],
            tuple(target for target in order if cases_by_target.get(target, 0) >> case & 1),
        )
        for case in members(column.all)
    )


def _days(
    index: Index, record: str, posts: list[nodes.Post]
) -> tuple[Cuts, list[tuple[nodes.Post, Cases]]]:
    """Return the routes with a date condition, each with its days."""
    cuts, claims = _allowed(index, record, posts)
    dated = index.marked(record, "dated")
    route_days = (
        [] if dated is None else [(post, allowed.cases.get(dated.name)) for post, allowed in claims]
    )
    return cuts, [(post, cases) for post, cases in route_days if cases is not None]


def _allowed(
    index: Index, record: str, posts: list[nodes.Post]
) -> tuple[Cuts, list[tuple[nodes.Post, Allowed]]]:
    """Return the routes with a condition, each with the values that it allows."""
    scope = Scope(index, record)
    claims = [
        (post, claim_of(_with_days(post.when, index), scope))
        for post in posts
        if post.when is not None
    ]
    cuts = Cuts(index, [claim for _, claim in claims])
    return cuts, [(post, cuts.allowed(claim)) for post, claim in claims]


def _with_days(node: nodes.Expr, index: Index) -> nodes.Expr:
    """Return the condition with each named date that never changes replaced by its value."""
    if isinstance(node, nodes.AllOf | nodes.AnyOf):
        return replace(node, parts=tuple(_with_days(part, index) for part in node.parts))
    if isinstance(node, nodes.Not):
        return replace(node, expr=_with_days(node.expr, index))
    if isinstance(node, nodes.Compare):
        return replace(node, left=_day(node.left, index), right=_day(node.right, index))
    return node


def _day(node: nodes.Expr, index: Index) -> nodes.Expr:
    const = index.consts.get(node.path[0]) if isinstance(node, nodes.Name) else None
    if const is None or len(const.rows) != 1:
        return node
    value = const.rows[0].value
    return value if isinstance(value, nodes.Literal) and value.kind == "date" else node


def _undated_rivals(
    posts: Collection[nodes.Post],
    dated_routes: Collection[tuple[nodes.Post, Cases]],
    document_kind: Same,
) -> list[nodes.Post]:
    """Return routes without a date condition whose kind of document another target takes by
    date.
    """
    by_day = [post for post, _ in dated_routes]
    return [
        candidate
        for candidate in posts
        if candidate not in by_day
        and document_kind(candidate)
        and any(
            dated.route.target != candidate.route.target
            and document_kind(dated) == document_kind(candidate)
            for dated in by_day
        )
    ]


def days_apart(ruleset: nodes.Ruleset) -> frozenset[frozenset[str]]:
    """Return pairs of routes of one record kind, to two targets, that never take a common day."""
    index = Index(ruleset)
    return frozenset(
        frozenset({str(first.route), str(second.route)})
        for record, posts in index.posts.items()
        for (first, days), (second, others) in combinations(_days(index, record, posts)[1], 2)
        if first.route.target != second.route.target and not days & others
    )


def stranded(ruleset: nodes.Ruleset) -> tuple[Stranded, ...]:
    """Return documents that follow another document which their record sends to another target on
    some days.

    On those days the document would wait forever.
    """
    index = Index(ruleset)
    return tuple(
        document
        for record, posts in index.posts.items()
        for document in _stranded_of_record(index, record, posts)
    )


def _stranded_of_record(index: Index, record: str, posts: list[nodes.Post]) -> tuple[Stranded, ...]:
    cuts, dated_routes = _days(index, record, posts)
    dated = index.marked(record, "dated")
    if dated is None or len({post.route.target for post, _ in dated_routes}) < 2:
        return ()
    column, days = (
        cuts.columns[dated.name],
        {str(post.route): cases for post, cases in dated_routes},
    )
    documents = []
    for post in posts:
        before = days.get(str(post.after)) if post.after is not None else None
        waiting_cases = 0 if before is None else days.get(str(post.route), column.all) & ~before
        if waiting_cases:
            labels = tuple(column.labels[case] for case in members(waiting_cases))
            documents.append(Stranded(str(post.route), str(post.after), dated.name, labels))
    return tuple(documents)


def _action(value: nodes.Action) -> str:
    link = "by" if value.kind == "review" else "for"
    return value.kind.replace("_", " ") + (f" {link} {value.role}" if value.role else "")


def _tries(value: nodes.TryAgain) -> str:
    return f"try {value.times} times from {duration(value.pause)} then {_action(value.then)}"


def _row(value: nodes.TableRow) -> str:
    return f"| {' | '.join(show_part(c) for c in value.cells)} | {show_part(value.action)} |"


def _gate_row(value: nodes.GateRow) -> str:
    owner = f" for {value.owner}" if value.owner else ""
    word = "early" if value.early else value.word
    return f"{word} {', '.join(s.name for s in value.states)}{owner}"


def _conversion(value: nodes.UnitRow) -> str:
    item = f' of "{value.item}"' if value.item else ""
    return f"{value.count:f} {value.unit}{item} = {value.base_count:f} {value.base_unit}"


def _base(value: nodes.UnitBase) -> str:
    return value.unit + (f' of "{value.item}"' if value.item else "")


_SHOW: tuple[tuple[Any, Any], ...] = (
    (nodes.TryAgain, _tries),
    (nodes.Action, _action),
    (nodes.TableRow, _row),
    (nodes.GateRow, _gate_row),
    (nodes.Any_, lambda _: "-"),
    (nodes.Among, lambda v: ", ".join(show_part(x) for x in v.values)),
    (nodes.Compared, lambda v: f"{v.op} {show_part(v.value)}"),
    (nodes.Immediately, lambda _: "immediately"),
    (nodes.Daily, lambda v: f"daily at {v.at:%H:%M} by {v.by}"),
    (nodes.Group, lambda v: f"{v.name} = {', '.join(w.name for w in v.fields)}"),
    (nodes.ByTeam, lambda v: f"by {v.role}"),
    (_EXPRS, format_expression),
    (tuple, lambda v: ", ".join(show_part(x) for x in v)),
    (nodes.RouteName, str),
    (nodes.UnitRow, _conversion),
    (nodes.UnitBase, _base),
    (nodes.Expect, expect_text),
    (nodes.Expected, outcome_text),
    (_FACTS, fact_text),
)
