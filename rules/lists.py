"""The aggregates over the lines of a record: sum, count, any, all, latest.

Here: their closures, three-valued and counted in steps. Not here: any other call (interpret.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from grammar import nodes as n
from rules import numbers
from rules.gaps import NOWHERE
from rules.index import Ref, Scope
from rules.run import Run
from rules.unknown import Gap, Unknown, all_of, any_of, join

if TYPE_CHECKING:
    from rules.closures import Closure
    from rules.interpret import Compiler

Row = dict[str, Any]


class Lists:
    """Compiles aggregates for one Compiler."""

    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler
        self._known: dict[n.Call, Closure] = {}

    def aggregate(self, node: n.Call, scope: Scope) -> Closure:
        """The closure of one aggregate; worked out once a record unless it looks at `line`."""
        if node not in self._known:
            self._known[node] = self._aggregate(node, scope)
        return self._known[node]

    def _aggregate(self, node: n.Call, scope: Scope) -> Closure:
        arg = node.args[0]
        assert isinstance(arg, n.Name)  # noqa: S101
        many = scope.index.fields[scope.record][arg.path[0]]
        item = (many.of if isinstance(many, n.Field) else None) or scope.line_record
        where = self._where(node, scope, item)
        field = self._field(item, arg.path[1]) if len(arg.path) == 2 else None
        inner = self._bodies(arg.path[0])[node.name](where, field)
        if node.where is not None and mentions_line(node.where):
            return inner
        key = object()

        def once(run: Run) -> Any:
            if key not in run.memo:
                outer, run.uses = run.uses, []
                run.memo[key] = (inner(run), tuple(dict.fromkeys(run.uses)))
                run.uses = outer
            value, uses = run.memo[key]
            run.uses.extend(uses)
            return value

        return once

    def _where(self, node: n.Call, scope: Scope, item: str) -> Closure | None:
        if node.where is None:
            return None
        return self.compiler.expr(node.where, scope.inside(item))

    def _field(self, item: str, name: str) -> Closure:
        declared = self.compiler.index.fields[item][name]
        return self.compiler.ref(Ref("item", name, declared, item))

    def _bodies(self, many: str) -> dict[str, Callable[..., Closure]]:
        return {
            "sum": _sum,
            "count": _count,
            "any": lambda where, _: lambda run: any_of(_answers(run, where)),
            "all": lambda where, _: lambda run: all_of(_answers(run, where)),
            "latest": lambda where, field: _latest(where, field, many, self.compiler.owner),
        }


def mentions_line(expr: Any) -> bool:
    """Whether an expression looks at the line it stands in."""
    if isinstance(expr, n.Name):
        return expr.path[0] == "line"
    parts = (getattr(expr, slot) for slot in getattr(expr, "__slots__", ()) if slot != "span")
    return any(
        mentions_line(e) for part in parts for e in (part if isinstance(part, tuple) else (part,))
    )


def mentions(node: Any, word: str) -> bool:
    """Whether an expression names a fact or calls a function, anywhere."""
    if isinstance(node, n.Name):
        return node.path == (word,)
    if isinstance(node, n.Call) and node.name == word:
        return True
    if isinstance(node, tuple):
        return any(mentions(part, word) for part in node)
    slots = getattr(node, "__slots__", ())
    return any(mentions(getattr(node, s), word) for s in slots if s not in {"span", "value"})


def _rows(run: Run) -> Iterator[Row]:
    """Each line in turn as the element that a bare name means inside `where`."""
    run.spend(len(run.lines))
    outer = run.item
    for row in run.lines:
        run.item = row
        yield row
    run.item = outer


def _answers(run: Run, where: Closure | None) -> list[Any]:
    return [True if where is None else where(run) for _ in _rows(run)]


def _sum(where: Closure | None, field: Closure) -> Closure:
    def add_up(run: Run) -> Any:
        total: Any = Decimal(0)
        unknown = []
        for _ in _rows(run):
            wanted = True if where is None else where(run)
            value: Any = field(run) if wanted is True else wanted
            if type(value) is Unknown:
                unknown.append(value)
            elif wanted is True:
                total = numbers.add(total, value)
        return join(*unknown) if unknown else total

    return add_up


def _count(where: Closure | None, _: Closure | None) -> Closure:
    def count(run: Run) -> Any:
        answers = _answers(run, where)
        unknown = [a for a in answers if type(a) is Unknown]
        return join(*unknown) if unknown else Decimal(sum(a is True for a in answers))

    return count


def _latest(where: Closure | None, field: Closure, many: str, owner: str) -> Closure:
    nothing = Unknown(_empty_gap(many, owner))

    def latest(run: Run) -> Any:
        value: Any = nothing
        for _ in _rows(run):
            wanted = True if where is None else where(run)
            if wanted is not False:
                value = field(run) if wanted is True else wanted
        return value

    return latest


def _empty_gap(many: str, owner: str) -> Gap:
    message = f"{many} is empty, so there is no latest."
    return Gap(
        kind="field",
        rule=many,
        code="MIS01",
        error_class="missing_field",
        owner=owner,
        message=message,
        cause_key=f"field:{many}",
        cause_label=message,
        would_pass=f"{many} has a row",
        span=NOWHERE,
    )
