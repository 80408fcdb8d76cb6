"""Collect the text of one generated function: its lines, variables, constants and guards."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from sys import intern
from typing import TYPE_CHECKING, Any

from grammar import nodes
from rules.expressions.compiler import Compiler
from rules.expressions.lists import count_answers
from rules.types.inference import Listed, resolve_list
from rules.types.symbol_table import Ref, Scope
from rules.values import kinds
from rules.values.cause_keys import Unknown, all_of, any_of, join_unknowns

if TYPE_CHECKING:
    from rules.codegen.emit_expressions import Calls

ARGUMENT = "run"

FUNCTION = "made"

SHARED: dict[str, Any] = {
    "Unknown": Unknown,
    "join": join_unknowns,
    "all_of": all_of,
    "any_of": any_of,
    "add": kinds.add,
    "subtract": kinds.subtract,
    "multiply": kinds.multiply,
    "divide": kinds.divide,
    "scale": kinds.scale,
    "rescaled": kinds.rescale_and_round,
    "round_half_up": kinds.round_half_up,
    "quantize": kinds.quantize,
    "counted": count_answers,
    "len": len,
    "Decimal": Decimal,
    "sum": sum,
    "str": str,
    "errors": (ArithmeticError, TypeError, RecursionError),
}
"""The names that every generated function may use."""

OF_VALUES: dict[type, str] = {
    Decimal: "decimal",
    str: "text",
    date: "date",
    datetime: "moment",
    timedelta: "duration",
    bool: "yes",
}

DEEPEST = 12
"""Brackets and blocks inside each other, before a variable or a function of its own takes over."""

_NOTHING = Decimal(0)

_NUMBERS = frozenset({"money", "decimal", "quantity", "whole"})


@dataclass(frozen=True, slots=True)
class Source:
    """The text of a function called `made`, and the values behind the names it uses."""

    text: str
    names: Mapping[str, Any]


Build = Callable[[Source], Callable[..., Any]]
"""What makes a function of its source (rules/program.py)."""


@dataclass(frozen=True, slots=True)
class Atom:
    """Python text that gives a value.

    `kind`: values of one kind can be compared without an error, blank if unknown; `known`: it is
    never an Unknown; `inline`: it is an operation, not a name; `depth` counts its brackets.
    """

    code: str
    kind: str = ""
    known: bool = False
    inline: bool = False
    depth: int = 0


@dataclass(slots=True)
class Page:
    """The lines of one function. `have` are the leaves whose value a variable holds already."""

    lines: list[str] = field(default_factory=list)
    names: dict[str, Any] = field(default_factory=dict)
    have: dict[object, Atom] = field(default_factory=dict)
    indent: int = 1
    _ahead: dict[str, str] = field(default_factory=dict)
    _numbers: dict[object, str] = field(default_factory=dict)
    _temporaries: int = 0

    def write(self, line: str) -> None:
        """Write one line at the current block's depth."""
        self.lines.append("    " * self.indent + line)

    def number(self, value: Any, key: object = None) -> str:
        """Return a value's name in the table; values with one key share it."""
        if key is None:  # 0.1 and 0.10 are equal, but not the same
            key = str(value) if isinstance(value, Decimal) else value
        at = (type(value), key)
        name = self._numbers.get(at)
        if name is None:
            name = self._numbers[at] = f"k{len(self._numbers)}"
            self.names[name] = value
        return name

    def variable(self) -> str:
        """Return a new variable."""
        self._temporaries += 1
        return f"v{self._temporaries}"

    def mark(self) -> int:
        """Return the current position, for `is_since`."""
        return self._temporaries

    def is_since(self, mark: int, code: str) -> bool:
        """Check whether this is a variable that was made after a mark."""
        return code[:1] == "v" and code[1:].isdigit() and int(code[1:]) > mark

    def write_at(self, begin: int, line: str) -> None:
        """Write one line above others, at the current block's depth."""
        self.lines.insert(begin, "    " * self.indent + line)

    def put(self, code: str) -> str:
        """Return a new variable with this value from here on."""
        name = self.variable()
        self.write(f"{name} = {code}")
        return name

    def ahead(self, code: str) -> str:
        """Return a shared variable that has this value before everything else."""
        found = self._ahead.get(code)
        if found is None:
            found = self._ahead[code] = self.variable()
        return found

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Write a block; what its variables hold is known only inside."""
        self.write(head)
        before = self.have.copy()
        self.indent += 1
        try:
            yield
        finally:
            self.indent -= 1
            self.have = before

    def visit(self, times: int | str = 1) -> None:
        """Count visits of every line, as `Run.spend` does."""
        root, lines = self.ahead(f"{ARGUMENT}.root"), self.ahead(f"len({ARGUMENT}.lines)")
        self.write(f"{root}.steps -= {lines if times == 1 else f'{times} * {lines}'}")
        with self.block(f"if {root}.steps < 0:"):
            self.write(f"{ARGUMENT}.spend(0)")

    @contextmanager
    def lines_of_record(self, times: int | str) -> Iterator[None]:
        """Write a loop over the record's lines, each in `line`, and count the visits."""
        self.visit(times)
        with self.block(f"for line in {ARGUMENT}.shown:"):
            begin = len(self.lines)
            self.have["line"] = Atom("line")
            yield
            if any(f"({ARGUMENT}" in line for line in self.lines[begin:]):
                self.write_at(begin, f"{ARGUMENT}.line = line")  # for the helpers that are asked

    def source(self, shared: Mapping[str, Any]) -> Source:
        """Return the finished function."""
        ahead = [f"    {name} = {code}" for code, name in self._ahead.items()]
        text = "\n".join([f"def {FUNCTION}({ARGUMENT}):", *ahead, *self.lines, ""])
        return Source(text, {**shared, **self.names})


class Pen(ABC):
    """Writes one function, with the values that it may assume.

    `clean`: every required field of the record has a value. `bare`: no caller needs a value's
    entries, and an error ends the function. Computed fields and line sums are then computed where
    they are needed, and the run notes what a look-up answered before. `own`: an `item` is the line
    in the variable `line`.
    """

    def __init__(
        self,
        compiler: Compiler,
        scope: Scope,
        page: Page,
        *,
        clean: bool = False,
        bare: bool = False,
        own: bool = False,
    ) -> None:
        self.compiler, self.scope, self.page = compiler, scope, page
        self.clean, self.bare, self.own = clean, bare, own
        self.inside: set[tuple[str, str]] = set()  # computed fields that are being written

    def value(self, node: nodes.Expr) -> Atom:
        """Return what gives an expression's value from here on."""
        found: Atom = getattr(self, f"_{type(node).__name__.lower()}")(node)
        return self.atom(found) if found.depth > DEEPEST else found

    @abstractmethod
    def field(self, ref: Ref, path: object) -> Atom:
        """Return the value of a field, or of whatever else a name means."""

    def atom(self, value: Atom) -> Atom:
        """Return the value in a variable."""
        if not value.inline:
            return value
        return Atom(self.page.put(value.code), value.kind, value.known)

    def held(self, node: nodes.Expr) -> Atom:
        """Return an expression's value in a variable, for code that uses it twice."""
        return self.atom(self.value(node))

    def constant(self, value: Any) -> Atom:
        """Return a value of the table."""
        return Atom(self.page.number(value), OF_VALUES.get(type(value), ""), known=True)

    def asked(self, closure: Any, key: object, kind: str = "") -> Atom:
        """Return a helper's result for this run."""
        name = self.page.number(closure, key)
        return Atom(self.page.put(f"{name}({ARGUMENT})"), kind)

    def guard(self, code: str, *values: Atom) -> tuple[str, bool]:
        """Return the code, or an Unknown where a value is unknown; and whether it is known."""
        unsure = list(dict.fromkeys(v.code for v in values if not v.known))
        if not unsure:
            return code, True
        tests = " or ".join(f"{v}.__class__ is Unknown" for v in unsure)
        gone = unsure[0] if len(unsure) == 1 else f"join({', '.join(unsure)})"
        return f"({gone} if {tests} else {code})", False


def stored_sum(writer: Calls, node: nodes.Call) -> Atom | None:
    """Return the sum of a field that every line has, or None for other sums."""
    field = _summed_field(writer, node)
    if field is None:
        return None
    page = writer.page
    key, name = _kept(writer, node), page.number(intern(field.name))
    value = page.put(f"{ARGUMENT}.memo.get({key})")
    with page.block(f"if {value} is None:"):
        page.visit()
        total = f"sum([row[{name}] for row in {ARGUMENT}.shown], {page.number(_NOTHING)})"
        page.write(f"{ARGUMENT}.memo[{key}] = {value} = ({total}, ())")
    return Atom(page.put(f"{value}[0]"), "decimal", known=True)


def _summed_field(writer: Calls, node: nodes.Call) -> nodes.Field | None:
    """Return the record's line field to sum, if every line has it."""
    arg = node.args[0]
    over = resolve_list(arg.path, writer.scope) if isinstance(arg, nodes.Name) else None
    if node.name != "sum" or node.where is not None or over is None or over.link is not None:
        return None
    field = writer.compiler.index.fields.get(over.record, {}).get(over.field)
    if not writer.clean or not isinstance(field, nodes.Field) or field.mark == "optional":
        return None
    return field if field.type in _NUMBERS else None


def _kept(writer: Calls, node: nodes.Call) -> str:
    """Return the name of an aggregate's cache key in the run."""
    writer.compiler.lists.aggregate(node, writer.scope)
    return writer.page.number(writer.compiler.lists.keys[node], ("kept", id(node)))


@contextmanager
def add_on_the_way(
    head: Calls, line: Calls, calls: Sequence[nodes.Call], checks: int
) -> Iterator[None]:
    """Write the loop over the lines for some checks, which also adds up these header sums."""
    page, found = head.page, dict.fromkeys(calls)
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
            value = line.value(nodes.Name(("line", field.name), node.span))
            page.write(f"{totals[node]} += {value.code}")
    for node, total in totals.items():
        page.write(f"{memo}[{keys[node]}] = ({total}, ())")
        page.have[node] = Atom(total, "decimal", known=True)


def sums_of(node: Any) -> Iterator[nodes.Call]:
    """Yield the sums that an expression needs whatever its values are."""
    if isinstance(node, nodes.Call) and node.name == "sum":
        yield node
        return
    for slot in getattr(node, "__slots__", ()):
        if slot not in {"span", "default", "where"}:
            part = getattr(node, slot)
            for inner in part if isinstance(part, tuple) else (part,):
                yield from sums_of(inner)


def over_own_lines(writer: Calls, node: nodes.Call) -> Atom | None:
    """Return an aggregate's value, or None where a helper must compute it."""
    page, scope, arg = writer.page, writer.scope, node.args[0]
    over = resolve_list(arg.path, scope) if isinstance(arg, nodes.Name) else None
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


def _sums(writer: Calls, calls: Mapping[nodes.Call, Listed]) -> dict[nodes.Call, Atom]:
    """Return these sums over the record's lines, all of one kind."""
    page = writer.page
    into = {node: (page.put(page.number(_NOTHING)), page.put("[]")) for node in calls}
    sum_kinds: dict[nodes.Call, str] = {}
    record = next(iter(calls.values())).record
    with _each_own_line(writer, record, len(calls)) as inner:
        for node, over in calls.items():
            sum_kinds[node] = _add(inner, over, _wanted(inner, node), *into[node])
    return {node: _sum(page, *into[node], kind) for node, kind in sum_kinds.items()}


@contextmanager
def _each_own_line(writer: Calls, record: str, times: int) -> Iterator[Calls]:
    """Write the loop over the lines, counted `times` times, and yield the inner writer."""
    page = writer.page
    page.visit(times)
    before = page.put(f"{ARGUMENT}.line")
    with page.block(f"for line in {ARGUMENT}.shown:"):
        page.write(f"{ARGUMENT}.line = {ARGUMENT}.item = line")
        page.have = {"line": Atom("line"), "item": Atom("line")}
        yield writer.of_own_lines(record)
    page.write(f"{ARGUMENT}.line = {before}")
    page.write(f"{ARGUMENT}.item = {page.number({}, 'nothing')}")


def _add(inner: Calls, over: Listed, wanted: Atom, total: str, unsure: str) -> str:
    """Write the lines that add one row, and return the sum's kind."""
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


def _wanted(inner: Calls, node: nodes.Call) -> Atom:
    """Return whether a line counts for an aggregate."""
    return inner.held(node.where) if node.where is not None else Atom("True", "yes", known=True)


def _sum(page: Page, total: str, unsure: str, kind: str) -> Atom:
    return Atom(page.put(f"join(*{unsure}) if {unsure} else {total}"), kind)


def _answer(page: Page, name: str, answers: str) -> Atom:
    if name in {"any", "all"}:
        return Atom(page.put(f"{name}_of({answers})"), "yes")
    return Atom(page.put(f"counted({answers})"), "decimal")


def add_up(writer: Calls, calls: Sequence[nodes.Call]) -> None:
    """Write one loop that adds up every unconditional sum without a helper."""
    found: dict[nodes.Call, Listed] = {}
    for node in calls:
        arg = node.args[0]
        over = resolve_list(arg.path, writer.scope) if isinstance(arg, nodes.Name) else None
        if over is not None and over.link is None and _summed_field(writer, node) is None:
            found[node] = over
    if len(found) > 1 and len({over.record for over in found.values()}) == 1:
        for node, total in _sums(writer, found).items():
            writer.page.have[node] = total
