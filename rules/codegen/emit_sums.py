"""Aggregates over the record's own lines as a loop.

Here: over_own_lines, as the helper does it (rules/expressions/aggregates.py): every line is visited
and counted, and the reasons of unknown ones are joined; stored_sum, kept for whoever asks again;
add_up, several sums in one loop; add_on_the_way, for a loop that is there anyway. Not here: what
stands in the loop (emit_expressions.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from sys import intern
from typing import TYPE_CHECKING, Any

from grammar import nodes as n
from rules.codegen.source_text import ARGUMENT, Atom, Page
from rules.types.inference import Listed, listed
from rules.types.symbol_table import Ref

if TYPE_CHECKING:
    from rules.codegen.emit_calls import Calls

_NOTHING = Decimal(0)
_NUMBERS = frozenset({"money", "decimal", "quantity", "whole"})


def stored_sum(writer: Calls, node: n.Call) -> Atom | None:
    """The sum of a field that every line has; None where it is not that simple."""
    field = _summed_field(writer, node)
    if field is None:
        return None
    page = writer.page
    key, name = _kept(writer, node), page.number(intern(field.name))
    value = page.put(f"{ARGUMENT}.memo.get({key})")
    with page.block(f"if {value} is None:"):
        page.visit()
        total = f"sum([row[{name}] for row in {ARGUMENT}.lines], {page.number(_NOTHING)})"
        page.write(f"{ARGUMENT}.memo[{key}] = {value} = ({total}, ())")
    return Atom(page.put(f"{value}[0]"), "decimal", known=True)


@contextmanager
def add_on_the_way(
    head: Calls, line: Calls, nodes: Sequence[n.Call], checks: int
) -> Iterator[None]:
    """The loop over the lines for so many checks, which also adds up these sums of the header."""
    page, found = head.page, dict.fromkeys(nodes)
    fields = {node: f for node in found if (f := _summed_field(head, node)) is not None}
    totals = {node: page.put(page.number(_NOTHING)) for node in fields}
    keys = {node: _kept(head, node) for node in fields}
    times = str(checks)
    if keys:
        memo = page.put(f"{ARGUMENT}.memo")
        times = f"({' + '.join([times, *(f'({k} not in {memo})' for k in keys.values())])})"
    with page.lines_of_record(times):
        yield
        for node, field in fields.items():
            value = line.value(n.Name(("line", field.name), node.span))
            page.write(f"{totals[node]} += {value.code}")
    for node, total in totals.items():
        page.write(f"{memo}[{keys[node]}] = ({total}, ())")
        page.have[node] = Atom(total, "decimal", known=True)


def sums_of(node: Any) -> Iterator[n.Call]:
    """The sums that an expression asks for whatever its values are."""
    if isinstance(node, n.Call) and node.name == "sum":
        yield node
        return
    for slot in getattr(node, "__slots__", ()):
        if slot not in {"span", "default", "where"}:
            part = getattr(node, slot)
            for inner in part if isinstance(part, tuple) else (part,):
                yield from sums_of(inner)


def _summed_field(writer: Calls, node: n.Call) -> n.Field | None:
    """The field of the record's own lines that is added up, where all lines have it."""
    arg = node.args[0]
    over = listed(arg.path, writer.scope) if isinstance(arg, n.Name) else None
    if node.name != "sum" or node.where is not None or over is None or over.link is not None:
        return None
    field = writer.compiler.index.fields.get(over.record, {}).get(over.field)
    if not writer.clean or not isinstance(field, n.Field) or field.mark == "optional":
        return None
    return field if field.type in _NUMBERS else None


def _kept(writer: Calls, node: n.Call) -> str:
    """The name of the key under which a run keeps the value of an aggregate."""
    writer.compiler.lists.aggregate(node, writer.scope)
    return writer.page.number(writer.compiler.lists.keys[node], ("kept", id(node)))


def over_own_lines(writer: Calls, node: n.Call) -> Atom | None:
    """The value of an aggregate; None where a helper must work it out."""
    page, scope, arg = writer.page, writer.scope, node.args[0]
    over = listed(arg.path, scope) if isinstance(arg, n.Name) else None
    if over is None or over.link is not None or node.name == "latest":
        return None
    if "line" in page.have or scope.line or scope.item is not None:
        return None
    if node.name == "sum":
        return _sums(writer, {node: over})[node]
    answers = page.put("[]")
    with _each_own_line(writer, over.record, 1) as inner:
        page.write(f"{answers}.append({_wanted(inner, node).code})")
    return _answer(page, node.name, answers)


def add_up(writer: Calls, nodes: Sequence[n.Call]) -> None:
    """Add up in one loop what is asked in any case, of all that is no helper's."""
    found: dict[n.Call, Listed] = {}
    for node in nodes:
        arg = node.args[0]
        over = listed(arg.path, writer.scope) if isinstance(arg, n.Name) else None
        if over is not None and over.link is None and _summed_field(writer, node) is None:
            found[node] = over
    if len(found) > 1 and len({over.record for over in found.values()}) == 1:
        for node, total in _sums(writer, found).items():
            writer.page.have[node] = total


def _sums(writer: Calls, nodes: Mapping[n.Call, Listed]) -> dict[n.Call, Atom]:
    """These sums over the lines of the record, which all are of one kind."""
    page = writer.page
    into = {node: (page.put(page.number(_NOTHING)), page.put("[]")) for node in nodes}
    kinds: dict[n.Call, str] = {}
    record = next(iter(nodes.values())).record
    with _each_own_line(writer, record, len(nodes)) as inner:
        for node, over in nodes.items():
            kinds[node] = _add(inner, over, _wanted(inner, node), *into[node])
    return {node: _sum(page, *into[node], kind) for node, kind in kinds.items()}


@contextmanager
def _each_own_line(writer: Calls, record: str, times: int) -> Iterator[Calls]:
    """The loop over the lines, counted so many times, and what writes inside it."""
    page = writer.page
    page.visit(times)
    before = page.put(f"{ARGUMENT}.line")
    with page.block(f"for line in {ARGUMENT}.lines:"):
        page.write(f"{ARGUMENT}.line = {ARGUMENT}.item = line")
        page.have = {"line": Atom("line"), "item": Atom("line")}
        yield writer.of_own_lines(record)
    page.write(f"{ARGUMENT}.line = {before}")
    page.write(f"{ARGUMENT}.item = {page.number({}, 'nothing')}")


def _wanted(inner: Calls, node: n.Call) -> Atom:
    """Whether a line counts for an aggregate."""
    return inner.held(node.where) if node.where is not None else Atom("True", "yes", known=True)


def _add(inner: Calls, over: Listed, wanted: Atom, total: str, unsure: str) -> str:
    """The lines that add one row, and the kind of the sum."""
    page = inner.page
    declared = inner.compiler.index.fields[over.record][over.field]

    def add() -> str:
        value = inner.field(Ref("item", over.field, declared, over.record), (over.field,))
        exact = value.kind == "decimal"
        more = f"{total} + {value.code}" if exact else f"add({total}, {value.code})"
        if value.known:
            page.write(f"{total} = {more}")
            return value.kind
        with page.block(f"if {value.code}.__class__ is Unknown:"):
            page.write(f"{unsure}.append({value.code})")
        with page.block("else:"):
            page.write(f"{total} = {more}")
        return value.kind

    if wanted.code == "True":
        return add()
    with page.block(f"if {wanted.code} is True:"):
        kind = add()
    with page.block(f"elif {wanted.code}.__class__ is Unknown:"):
        page.write(f"{unsure}.append({wanted.code})")
    return kind


def _sum(page: Page, total: str, unsure: str, kind: str) -> Atom:
    return Atom(page.put(f"join(*{unsure}) if {unsure} else {total}"), kind)


def _answer(page: Page, name: str, answers: str) -> Atom:
    if name in {"any", "all"}:
        return Atom(page.put(f"{name}_of({answers})"), "yes")
    return Atom(page.put(f"counted({answers})"), "decimal")
