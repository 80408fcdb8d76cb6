"""Where documents go by their day, when a company moves from one target to another.

Here: of the routes that ask for the day of a record, which target takes which days; so that no day
is taken by two, or by none. Not here: routes that post to several targets on purpose, which ask for
no day.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from grammar import nodes as n
from rules.overlaps.cases import members
from rules.overlaps.claims import claimed
from rules.overlaps.ranges import Cuts
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


def landings(ruleset: n.Ruleset) -> tuple[Landing, ...]:
    """All days of each kind of record that goes to two targets or more by its day."""
    index = Index(ruleset)
    return tuple(
        one for record, posts in index.posts.items() for one in _of_record(index, record, posts)
    )


def _of_record(index: Index, record: str, posts: list[n.Post]) -> tuple[Landing, ...]:
    dated = index.marked(record, "dated")
    if dated is None:
        return ()
    scope = Scope(index, record)
    claims = {
        at: claimed(_with_days(post.when, index), scope)
        for at, post in enumerate(posts)
        if post.when is not None
    }
    cuts = Cuts(index, claims.values())
    taken: dict[str, int] = {}
    for at, claim in claims.items():
        cases = cuts.allowed(claim).cases.get(dated.name)
        if cases is not None:
            target = posts[at].route.target
            taken[target] = taken.get(target, 0) | cases
    if len(taken) < 2:
        return ()
    column = cuts.columns[dated.name]
    return tuple(
        Landing(
            record,
            dated.name,
            column.labels[case],
            tuple(target for target, cases in taken.items() if cases >> case & 1),
        )
        for case in members(column.all)
    )


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
