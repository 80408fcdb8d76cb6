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
"""What people would have twice if two targets had it: the kind of a document; blank of others."""


@dataclass(frozen=True, slots=True)
class Change:
    """One declaration that is new, gone or changed; `details` are `part: old -> new`, `before` and
    `after` where it stands in the old rules and in the new ones.
    """

    kind: str  # added | removed | changed
    name: str
    details: tuple[str, ...]
    routes: tuple[str, ...]
    before: Span | None
    after: Span | None

    @property
    def span(self) -> Span:
        """Where it stands; what is gone, where it stood."""
        return next(place for place in (self.after, self.before) if place is not None)


def difference(old: nodes.Ruleset, new: nodes.Ruleset) -> tuple[Change, ...]:
    """All changes, in the order of the new text; what is gone comes last."""
    before, after = _named(old), _named(new)
    old_index, new_index = Index(old), Index(new)
    found, gone = [], []
    for name in {**after, **before}:
        pairs = _pairs(before.get(name, []), after.get(name, []))
        several = max(len(side.get(name, ())) for side in (before, after)) > 1
        for was, now in pairs:
            told = _told_apart(name, was if now is None else now) if several else name
            if now is None:
                gone.append(_one("removed", told, was, old_index, was.span, None))
            elif was is None:
                found.append(_one("added", told, now, new_index, None, now.span))
            else:
                details = tuple(dict.fromkeys(_parts(was, now, "")))
                changed = _one("changed", told, now, new_index, was.span, now.span)
                found.append(replace(changed, details=details))
    return (*found, *gone)


def _named(ruleset: nodes.Ruleset) -> dict[str, list[Any]]:
    """The declarations under the name that each keeps from version to version; of approvals there
    may be several under one.
    """
    found: dict[str, list[Any]] = {}
    for group in fields(ruleset):
        for node in getattr(ruleset, group.name):
            found.setdefault(_name(group.name, node), []).append(node)
    return found


def _name(group: str, node: Any) -> str:
    word = _WORDS.get(group, group.removesuffix("s"))
    route = getattr(node, "route", None)
    if group in {"posts", "reversals"}:
        return f"{word} {node.record} to {route}"
    if group == "silences":
        return f"silence {node.code} of {node.name}"
    if hasattr(node, "records") and group != "checks":
        who = ", ".join(w.name for w in node.records)
    else:
        known = (getattr(node, a, "") for a in ("name", "record", "target", "title"))
        who = next((k for k in known if k), "")
    if group == "duplicates":
        who += f" by {', '.join('+'.join(u.fields) or 'number' for u in node.uniques)}"
    return f"{word} {who}".strip() + (f" for {route}" if route and group != "checks" else "")


def _pairs(before: Sequence[Any], after: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Declarations of one name that are otherwise: each new one with the old one that is most like
    it, None where there is none left. Those of both sides that say the same are left out.
    """
    came = [node for node in after if node not in before]
    went = [node for node in before if node not in after]
    for _ in came[len(went) :]:  # the least alike have no old one
        came.remove(node := min(came, key=lambda one: _most_alike(one, went)))
        yield None, node
    for node in came:
        went.remove(other := max(went, key=lambda one: _alike(one, node)))
        yield other, node
    yield from ((node, None) for node in went)


def _most_alike(node: Any, others: Sequence[Any]) -> int:
    return max((_alike(node, other) for other in others), default=0)


def _alike(one: Any, other: Any) -> int:
    """How many parts of two declarations say the same."""
    return sum(getattr(one, part.name) == getattr(other, part.name) for part in fields(one))


def _told_apart(name: str, node: Any) -> str:
    """Which of several declarations of one name is meant: by its condition, where it has one."""
    condition = getattr(node, "when", None)
    return name if condition is None else " when ".join((name, format_expression(condition)))


def _one(
    kind: str, name: str, node: Any, index: Index, before: Span | None, after: Span | None
) -> Change:
    return Change(kind, name, (), tuple(_routes(node, index)), before, after)


def _routes(node: Any, index: Index) -> Iterator[str]:
    """The routes whose documents the declaration may decide about."""
    if isinstance(node, nodes.Sample | nodes.Test):
        return
    own = getattr(node, "route", None)
    if isinstance(own, nodes.RouteName):
        yield str(own)
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
    wanted = {"in_base", "price_in_base", "base_unit"} if isinstance(node, nodes.Units) else {name}
    found = {p.scope.record for p in places(index) if wanted & set(used_names(p.expr))}
    if isinstance(node, nodes.Const) and any(_compares(t, name) for t in all_tables(index)):
        found |= {e.record for e in index.ruleset.edits}
        found |= {w.name for c in index.ruleset.cancels for w in c.records}
    return found


def _compares(table: nodes.Table, const: str) -> bool:
    cells = (cell for row in table.rows for cell in row.cells)
    named = (c.value for c in cells if isinstance(c, nodes.Compared))
    return any(isinstance(v, nodes.Word) and v.name == const for v in named)


def _parts(old: Any, new: Any, at: str) -> Iterator[str]:
    """The smallest parts that differ, as `where: old → new`."""
    if old == new:
        return
    alike = type(old) is type(new)
    if alike and isinstance(old, tuple):
        yield from _lists(old, new, at)
    elif alike and isinstance(old, nodes.AllOf | nodes.AnyOf) and len(old.parts) == len(new.parts):
        for one, other in zip(old.parts, new.parts, strict=True):
            yield from _parts(one, other, at)
    elif alike and is_dataclass(old) and not isinstance(old, _WHOLE):
        for part in (f.name for f in fields(old) if f.name != "span"):
            yield from _parts(getattr(old, part), getattr(new, part), _at(at, part, old))
    elif alike and isinstance(old, nodes.Compare) and _threshold(old) == _threshold(new) != "":
        yield f"{_threshold(old)}: {show_part(old.right)} → {show_part(new.right)}"
    else:
        yield (
            f"{at}: {show_part(old)} → {show_part(new)}"
            if at
            else f"{show_part(old)} → {show_part(new)}"
        )


def _lists(old: tuple[Any, ...], new: tuple[Any, ...], at: str) -> Iterator[str]:
    gone = [x for x in old if x not in new]
    come = [x for x in new if x not in old]
    if len(gone) == len(come):
        for one, other in zip(gone, come, strict=True):
            yield from _parts(one, other, at)
        return
    yield from (f"{at}: without {show_part(x)}" for x in gone)
    yield from (f"{at}: also {show_part(x)}" for x in come)


def _at(at: str, name: str, node: Any) -> str:
    own = getattr(node, "name", None) or getattr(node, "key", None) or getattr(node, "since", None)
    where = f"{at} {own}" if own and at else at
    inner = name.replace("_", " ").removesuffix("s")
    return inner if not where else where if name in {"value", "expr"} else f"{where} {inner}"


def _threshold(node: nodes.Compare) -> str:
    return (
        f"{format_expression(node.left)} {node.op}" if isinstance(node.right, nodes.Literal) else ""
    )


def show_part(value: Any) -> str:
    """A part of a declaration in a few words."""
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
    """Days of one kind of record, in words such as `below 2026-05-17`, and who takes them."""

    record: str
    field: str
    days: str
    targets: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Whether exactly one target takes them."""
        return len(self.targets) == 1


@dataclass(frozen=True, slots=True)
class Stranded:
    """A document that waits for another of its record, which on these days goes elsewhere."""

    route: str
    follows: str
    field: str
    days: tuple[str, ...]


def landings(ruleset: nodes.Ruleset, same: Same = lambda _: "") -> tuple[Landing, ...]:
    """All days of each kind of record that goes to two targets or more by its day. A route that
    asks for no day takes all of them beside one that makes the same kind of document elsewhere by
    its day: that one was meant to begin or to end.
    """
    index = Index(ruleset)
    return tuple(
        one
        for record, posts in index.posts.items()
        for one in _of_record(index, record, posts, same)
    )


def _of_record(
    index: Index, record: str, posts: list[nodes.Post], same: Same
) -> tuple[Landing, ...]:
    cuts, asked = _days(index, record, posts)
    dated = index.marked(record, "dated")
    if dated is None or not asked:
        return ()
    column = cuts.columns[dated.name]
    taken: dict[str, int] = {}
    for post, cases in (*asked, *((one, column.all) for one in _whole(posts, asked, same))):
        taken[post.route.target] = taken.get(post.route.target, 0) | cases
    if len(taken) < 2:
        return ()
    order = dict.fromkeys(one.route.target for one in posts)
    return tuple(
        Landing(
            record,
            dated.name,
            column.labels[case],
            tuple(target for target in order if taken.get(target, 0) >> case & 1),
        )
        for case in members(column.all)
    )


def _days(
    index: Index, record: str, posts: list[nodes.Post]
) -> tuple[Cuts, list[tuple[nodes.Post, Cases]]]:
    """The routes that ask for the day of their record, each with its days."""
    cuts, claims = _allowed(index, record, posts)
    dated = index.marked(record, "dated")
    told = [] if dated is None else [(post, one.cases.get(dated.name)) for post, one in claims]
    return cuts, [(post, cases) for post, cases in told if cases is not None]


def _allowed(
    index: Index, record: str, posts: list[nodes.Post]
) -> tuple[Cuts, list[tuple[nodes.Post, Allowed]]]:
    """The routes with a condition, each with what that allows."""
    scope = Scope(index, record)
    claims = [
        (post, claim_of(_with_days(post.when, index), scope))
        for post in posts
        if post.when is not None
    ]
    cuts = Cuts(index, [claim for _, claim in claims])
    return cuts, [(post, cuts.allowed(claim)) for post, claim in claims]


def _with_days(node: nodes.Expr, index: Index) -> nodes.Expr:
    """The condition with each named day that never changes written out."""
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


def _whole(
    posts: Collection[nodes.Post], asked: Collection[tuple[nodes.Post, Cases]], same: Same
) -> list[nodes.Post]:
    """Routes that ask for no day, of the kind of document that another target takes by its day."""
    by_day = [post for post, _ in asked]
    return [
        one
        for one in posts
        if one not in by_day
        and same(one)
        and any(
            other.route.target != one.route.target and same(other) == same(one) for other in by_day
        )
    ]


def days_apart(ruleset: nodes.Ruleset) -> frozenset[frozenset[str]]:
    """Pairs of routes of one kind of record, to two targets, that never take the same day of it."""
    index = Index(ruleset)
    return frozenset(
        frozenset({str(first.route), str(second.route)})
        for record, posts in index.posts.items()
        for (first, days), (second, others) in combinations(_days(index, record, posts)[1], 2)
        if first.route.target != second.route.target and not days & others
    )


def stranded(ruleset: nodes.Ruleset) -> tuple[Stranded, ...]:
    """Documents of records that go to several targets by their day, which follow another document:
    where the days of both differ, some wait for what goes elsewhere, and for ever.
    """
    index = Index(ruleset)
    return tuple(
        one for record, posts in index.posts.items() for one in _left(index, record, posts)
    )


def _left(index: Index, record: str, posts: list[nodes.Post]) -> tuple[Stranded, ...]:
    cuts, asked = _days(index, record, posts)
    dated = index.marked(record, "dated")
    if dated is None or len({post.route.target for post, _ in asked}) < 2:
        return ()
    column, days = cuts.columns[dated.name], {str(post.route): cases for post, cases in asked}
    found = []
    for post in posts:
        before = days.get(str(post.after)) if post.after is not None else None
        left = 0 if before is None else days.get(str(post.route), column.all) & ~before
        if left:
            labels = tuple(column.labels[case] for case in members(left))
            found.append(Stranded(str(post.route), str(post.after), dated.name, labels))
    return tuple(found)


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
