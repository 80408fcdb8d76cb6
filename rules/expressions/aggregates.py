"""The aggregates over the lines of a record or over a link: sum, count, any, all, latest.

Here: their closures, three-valued and counted in steps. Not here: any other call (interpreter.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from grammar import nodes as n
from rules.expressions.links import LinkProgram
from rules.expressions.run import Run
from rules.types.functions import AGGREGATES
from rules.types.inference import Listed, listed
from rules.types.symbol_table import Ref, Scope
from rules.values import numbers
from rules.values.cause_keys import CauseKey, CauseKind
from rules.values.unknown import NOWHERE, Gap, Unknown, all_of, any_of, join

if TYPE_CHECKING:
    from rules.expressions.compiler import Compiler
    from rules.expressions.lookups import Closure

Row = dict[str, Any]
Rows = Sequence[tuple[Run, list[Row]]]
"""Rows, each list with the run of the record that it belongs to."""


class Lists:
    """Compiles aggregates for one Compiler."""

    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler
        self._known: dict[n.Call, Closure] = {}
        self.keys: dict[n.Call, object] = {}  # under which a run keeps what was worked out
        self._links: dict[n.Link, LinkProgram] = {}

    def aggregate(self, node: n.Call, scope: Scope) -> Closure:
        """The closure of one aggregate; worked out once a record unless it looks at `line`."""
        if node not in self._known:
            self._known[node] = self._aggregate(node, scope)
        return self._known[node]

    def _aggregate(self, node: n.Call, scope: Scope) -> Closure:
        arg = node.args[0]
        assert isinstance(arg, n.Name)  # noqa: S101
        over = listed(arg.path, scope)
        assert over is not None  # noqa: S101
        where = self._where(node, scope, over.record)
        field = self._field(over.record, over.field) if over.field else None
        inner = self._over(over, self._bodies(".".join(arg.path[:-1]))[node.name](where, field))
        if node.where is not None and mentions_line(node.where):
            return inner
        key = self.keys.setdefault(node, object())

        def once(run: Run) -> Any:
            if key not in run.memo:
                outer, run.uses = run.uses, []
                run.memo[key] = (inner(run), tuple(dict.fromkeys(run.uses)))
                run.uses = outer
            value, uses = run.memo[key]
            run.uses.extend(uses)
            return value

        return once

    def _over(self, over: Listed, body: Callable[[Run, Rows], Any]) -> Closure:
        """The aggregate over the record's own lines, or over what is linked."""
        if over.link is None:
            return lambda run: body(run, [(run, run.lines)])
        if over.link not in self._links:
            self._links[over.link] = LinkProgram(self.compiler, over.link)
        link = self._links[over.link]

        def of_linked(run: Run) -> Any:
            linked = link.runs(run)
            if isinstance(linked, Unknown):
                return linked
            return body(run, [(r, r.lines if over.lines else [r.head]) for r in linked])

        return of_linked

    def _where(self, node: n.Call, scope: Scope, item: str) -> Closure | None:
        if node.where is None:
            return None
        return self.compiler.expr(node.where, scope.inside(item))

    def _field(self, item: str, name: str) -> Closure:
        declared = self.compiler.index.fields[item][name]
        return self.compiler.ref(Ref("item", name, declared, item))

    def _bodies(self, many: str) -> dict[str, Callable[..., Callable[[Run, Rows], Any]]]:
        return {
            "sum": _sum,
            "count": _count,
            "any": lambda where, _: lambda run, rows: any_of(_answers(run, rows, where)),
            "all": lambda where, _: lambda run, rows: all_of(_answers(run, rows, where)),
            "latest": lambda where, field: _latest(where, field, many, self.compiler.owner),
        }


def mentions_line(expr: Any) -> bool:
    """Whether an expression looks at the line it stands in."""
    if isinstance(expr, n.Name):
        return expr.path[0] == "line"
    return any(mentions_line(part) for part in n.inner(expr))


def costly(node: Any) -> bool:
    """Whether an expression on a line goes over a list again, which counts as steps each time."""
    if isinstance(node, n.Call) and node.where is not None:
        return node.name in AGGREGATES and mentions_line(node.where)
    return any(costly(part) for part in n.inner(node))


def words_of(node: Any) -> set[str]:
    """The names and functions of an expression, or of several."""
    return {".".join(path) for path in n.mentioned(node)}


def _each(run: Run, rows: Rows) -> Iterator[Row]:
    """Each row in turn as the element that a bare name means inside `where`."""
    outer = run.item, run.home
    for home, of_one in rows:
        run.spend(len(of_one))
        for row in of_one:
            run.item, run.home = row, home
            yield row
    run.item, run.home = outer


def _answers(run: Run, rows: Rows, where: Closure | None) -> list[Any]:
    return [True if where is None else where(run) for _ in _each(run, rows)]


def _sum(where: Closure | None, field: Closure) -> Callable[[Run, Rows], Any]:
    def add_up(run: Run, rows: Rows) -> Any:
        total: Any = Decimal(0)
        unknown = []
        for _ in _each(run, rows):
            wanted = True if where is None else where(run)
            value: Any = field(run) if wanted is True else wanted
            if type(value) is Unknown:
                unknown.append(value)
            elif wanted is True:
                total = numbers.add(total, value)
        return join(*unknown) if unknown else total

    return add_up


def _count(where: Closure | None, _: Closure | None) -> Callable[[Run, Rows], Any]:
    return lambda run, rows: counted(_answers(run, rows, where))


def counted(answers: list[Any]) -> Any:
    """How many answers are yes, or the Unknown of those that nobody could give."""
    unknown = [a for a in answers if type(a) is Unknown]
    return join(*unknown) if unknown else Decimal(sum(a is True for a in answers))


def _latest(
    where: Closure | None, field: Closure, many: str, owner: str
) -> Callable[[Run, Rows], Any]:
    nothing = Unknown(_empty_gap(many, owner))

    def latest(run: Run, rows: Rows) -> Any:
        value: Any = nothing
        for _ in _each(run, rows):
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
        cause_key=CauseKey(CauseKind.FIELD, many),
        cause_label=message,
        would_pass=f"{many} has a row",
        span=NOWHERE,
    )
