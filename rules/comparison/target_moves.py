"""Where documents go by their day, when a company moves from one target to another.

Here: of the routes that ask for the day of a record, which target takes which days, so that no day
is taken by two, or by none; which of them never share a day; and which document waits for another
that the days of its record send elsewhere. Not here: routes that post to several targets on
purpose, which ask for no day.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from itertools import combinations

from grammar import nodes as n
from rules.overlaps.cases import Cases, members
from rules.overlaps.claims import claimed
from rules.overlaps.ranges import Allowed, Cuts
from rules.types.symbol_table import Index, Scope


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


Same = Callable[[n.Post], str]
"""What people would have twice if two targets had it: the kind of a document; blank of others."""


def landings(ruleset: n.Ruleset, same: Same = lambda _: "") -> tuple[Landing, ...]:
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


def days_apart(ruleset: n.Ruleset) -> frozenset[frozenset[str]]:
    """Pairs of routes of one kind of record, to two targets, that never take the same day of it."""
    index = Index(ruleset)
    return frozenset(
        frozenset({str(first.route), str(second.route)})
        for record, posts in index.posts.items()
        for (first, days), (second, others) in combinations(_days(index, record, posts)[1], 2)
        if first.route.target != second.route.target and not days & others
    )


def stranded(ruleset: n.Ruleset) -> tuple[Stranded, ...]:
    """Documents of records that go to several targets by their day, which follow another document:
    where the days of both differ, some wait for what goes elsewhere, and for ever.
    """
    index = Index(ruleset)
    return tuple(
        one for record, posts in index.posts.items() for one in _left(index, record, posts)
    )


def _of_record(index: Index, record: str, posts: list[n.Post], same: Same) -> tuple[Landing, ...]:
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


def _whole(
    posts: Collection[n.Post], asked: Collection[tuple[n.Post, Cases]], same: Same
) -> list[n.Post]:
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


def _days(
    index: Index, record: str, posts: list[n.Post]
) -> tuple[Cuts, list[tuple[n.Post, Cases]]]:
    """The routes that ask for the day of their record, each with its days."""
    cuts, claims = _allowed(index, record, posts)
    dated = index.marked(record, "dated")
    told = [] if dated is None else [(post, one.cases.get(dated.name)) for post, one in claims]
    return cuts, [(post, cases) for post, cases in told if cases is not None]


def _allowed(
    index: Index, record: str, posts: list[n.Post]
) -> tuple[Cuts, list[tuple[n.Post, Allowed]]]:
    """The routes with a condition, each with what that allows."""
    scope = Scope(index, record)
    claims = [
        (post, claimed(_with_days(post.when, index), scope))
        for post in posts
        if post.when is not None
    ]
    cuts = Cuts(index, [claim for _, claim in claims])
    return cuts, [(post, cuts.allowed(claim)) for post, claim in claims]


def _left(index: Index, record: str, posts: list[n.Post]) -> tuple[Stranded, ...]:
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


def _with_days(node: n.Expr, index: Index) -> n.Expr:
    """The condition with each named day that never changes written out."""
    if isinstance(node, n.AllOf | n.AnyOf):
        return replace(node, parts=tuple(_with_days(part, index) for part in node.parts))
    if isinstance(node, n.Not):
        return replace(node, expr=_with_days(node.expr, index))
    if isinstance(node, n.Compare):
        return replace(node, left=_day(node.left, index), right=_day(node.right, index))
    return node


def _day(node: n.Expr, index: Index) -> n.Expr:
    const = index.consts.get(node.path[0]) if isinstance(node, n.Name) else None
    if const is None or len(const.rows) != 1:
        return node
    value = const.rows[0].value
    return value if isinstance(value, n.Literal) and value.kind == "date" else node
