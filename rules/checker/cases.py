"""Cut the columns of a decision table into cases, and compute gaps and overlaps of its rows.

A set of cases is an integer with bit i for case i, so that hundreds of rules about one field are
quick to compare.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from grammar import nodes
from rules.values.kinds import Type
from rules.values.wording import format_expression

Cases: TypeAlias = int
Box = tuple[Cases, ...]
ANY = "-"
OTHER = "another text"
MOST_BOXES = 5_000
MOST_MERGED = 500
_APART = ("below ", "above ", "between ")
_LITERALS = {"yesno": "yes_no", "quantity": "number", "money": "number", "decimal": "number"}
_FROM_ZERO = frozenset({"e_invoice_age", "tries"})

_HOLDS: dict[str, Callable[[int], Cases]] = {
    "=": lambda at: 1 << at,
    "<>": lambda at: ~(1 << at),
    "<": lambda at: (1 << at) - 1,
    "<=": lambda at: (1 << at + 1) - 1,
    ">": lambda at: -1 << at + 1,
    ">=": lambda at: -1 << at,
}
"""Comparison -> the cases for which it holds against case `at`, without an end upwards."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column with its cases by label, in order.

    `points` are the cut values of an ordered column: case 2k+1 is at the k-th point, even cases lie
    between points. A column of words has no points. `never` are impossible cases.
    """

    name: str
    labels: tuple[str, ...]
    points: tuple[Any, ...] = ()
    never: Cases = 0
    _places: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        places = {label: at for at, label in reversed([*enumerate(self.labels)])}
        object.__setattr__(self, "_places", places)

    @property
    def all(self) -> Cases:
        """Every case that can come."""
        return ((1 << len(self.labels)) - 1) & ~self.never

    def among(self, cell: nodes.Cell, value_of: Callable[[nodes.Value], Any]) -> Cases | None:
        """Return the cases that a cell names, or None if it does not fit the column."""
        if isinstance(cell, nodes.Any_):
            return self.all
        values = cell.values if isinstance(cell, nodes.Among) else (cell.value,)
        op = "=" if isinstance(cell, nodes.Among) else cell.op
        found = 0
        for value in values:
            if not self.points and (op not in {"=", "<>"} or plain(value) not in self._places):
                return None
            found |= _HOLDS[op](self._at(value, value_of))
        return found & self.all

    def _at(self, value: nodes.Value, value_of: Callable[[nodes.Value], Any]) -> int:
        if self.points:
            return 2 * bisect_left(self.points, value_of(value)) + 1
        return self._places[plain(value)]

    def cell(self, cases: Cases) -> str | None:
        """Return a cell for the cases, or None if one cell cannot express them."""
        left = self.all & ~cases
        if not left:
            return ANY
        if not self.points:
            if self.labels[-1] != OTHER or left >> (len(self.labels) - 1):
                return ", ".join(self.labels[i] for i in members(cases))
            return f"<> {self.labels[lowest(left)]}" if left.bit_count() == 1 else None
        for at in range(1, 2 * len(self.points), 2):
            for op, holding in _HOLDS.items():
                if holding(at) & self.all == cases & self.all:
                    return self.labels[at] if op == "=" else f"{op} {self.labels[at]}"
        return None


def members(cases: Cases) -> Iterator[int]:
    """Yield the cases in order."""
    while cases:
        yield lowest(cases)
        cases &= cases - 1


def lowest(cases: Cases) -> int:
    """Return the first case; at least one must exist."""
    return (cases & -cases).bit_length() - 1


def plain(value: nodes.Value) -> str:
    """Return a cell's value as a label."""
    if isinstance(value, nodes.Word):
        return value.name
    if isinstance(value.value, bool):
        return "yes" if value.value else "no"
    return str(value.value)


def named_values(rows: Sequence[nodes.TableRow], at: int) -> Iterator[nodes.Value]:
    """Yield the values that a column's cells name."""
    for row in rows:
        cell = row.cells[at]
        if isinstance(cell, nodes.Among):
            yield from cell.values
        elif isinstance(cell, nodes.Compared):
            yield cell.value


def words_column(name: str, words: Sequence[str]) -> Column:
    """Return a column whose values are known by name."""
    return Column(name, tuple(words))


def text_column(name: str, values: Sequence[nodes.Value]) -> Column:
    """Return a column of texts: the named ones, and all others."""
    return Column(name, (*dict.fromkeys(plain(v) for v in values), OTHER))


def ordered_column(name: str, of: Type, values: Mapping[str, Any]) -> Column:
    """Return a column of numbers, dates or durations with cases below, at and above each value."""
    shown = {value: label for label, value in reversed(list(values.items()))}
    points = tuple(sorted(shown))
    labels = [f"below {shown[points[0]]}"] if points else ["any"]
    for here, after in itertools.zip_longest(points, points[1:]):
        labels.append(shown[here])
        labels.append(f"above {shown[here]}" if after is None else _between(shown, here, after))
    never = sum(
        1 << 2 * k
        for k in range(len(points))
        if (k == 0 and name in _FROM_ZERO and not points[0])
        or (k and of.kind == "whole" and points[k] - points[k - 1] == 1)
    )
    return Column(name, tuple(labels), points, never)


def _between(shown: Mapping[Any, str], low: Any, high: Any) -> str:
    return f"between {shown[low]} and {shown[high]}"


def literal_fits(of: Type, kind: str) -> bool:
    """Check whether a literal of this kind can be compared with a column of this type."""
    wanted = _LITERALS.get(of.kind, "number" if of.kind == "whole" else of.kind)
    return kind == wanted


def gaps(columns: Sequence[Column], rows: Sequence[Box]) -> list[Box] | None:
    """Return what no row covers as disjoint boxes, or None if there are too many."""
    open_: list[Box] = [tuple(c.all for c in columns)]
    for row in rows:
        open_ = [piece for box in open_ for piece in _without(box, row)]
        if len(open_) > MOST_BOXES:
            return None
    return sorted(_merged(open_), key=lambda box: [lowest(cases) for cases in box])


def _merged(boxes: list[Box]) -> list[Box]:
    """Return equal cases in fewer boxes, by merging boxes that differ in one column only."""
    for at in range(len(boxes[0]) if 1 < len(boxes) <= MOST_MERGED else 0):
        alike: dict[Box, Cases] = {}
        for box in boxes:
            rest = (*box[:at], *box[at + 1 :])
            alike[rest] = alike.get(rest, 0) | box[at]
        boxes = [(*rest[:at], mine, *rest[at:]) for rest, mine in alike.items()]
    return boxes


def _without(box: Box, row: Box) -> Iterator[Box]:
    """Yield the parts of a box that a row does not cover."""
    common = tuple(a & b for a, b in zip(box, row, strict=True))
    if not all(common):
        yield box
        return
    for at, (mine, both) in enumerate(zip(box, common, strict=True)):
        rest = mine & ~both
        if rest:
            yield (*common[:at], rest, *box[at + 1 :])


def overlap(one: Box, other: Box) -> Box | None:
    """Return what two rows have in common, or None."""
    common = tuple(a & b for a, b in zip(one, other, strict=True))
    return common if all(common) else None


def count_cases(boxes: Sequence[Box]) -> int:
    """Return the number of cases in disjoint boxes."""
    total = 0
    for box in boxes:
        size = 1
        for cases in box:
            size *= cases.bit_count()
        total += size
    return total


def first(columns: Sequence[Column], box: Box) -> str:
    """Return the first case of a box in words."""
    found = ((c.name, c.labels[lowest(cases)]) for c, cases in zip(columns, box, strict=True))
    return ", ".join(
        f"{name} {'' if label.startswith(_APART) else '= '}{label}" for name, label in found
    )


def rows_to_paste(columns: Sequence[Column], boxes: Sequence[Box], action: str) -> list[str]:
    """Return the boxes as table rows, where rows can express them."""
    rows = []
    for box in boxes:
        cells = [c.cell(cases) for c, cases in zip(columns, box, strict=True)]
        if all(cell is not None for cell in cells):
            rows.append(f"| {' | '.join(str(cell) for cell in cells)} | {action} |")
    return rows


def label(value: nodes.Value) -> str:
    """Return a value as written in the table."""
    return value.name if isinstance(value, nodes.Word) else format_expression(value)
