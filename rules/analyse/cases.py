"""The cases of a decision table: each column cut where its rows name a value.

Here: Column and its cells as sets of cases, gaps as boxes of cases, boxes as rows to paste. Not
here: which tables there are and what is said about them (tables.py).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grammar import nodes as n
from rules.kinds import Type
from rules.words import say

Box = tuple[frozenset[int], ...]
ANY = "-"
OTHER = "another text"
MOST_BOXES = 5_000
MOST_MERGED = 500
_APART = ("below ", "above ", "between ")
_LITERALS = {"yesno": "yes_no", "quantity": "number", "money": "number", "decimal": "number"}
_FROM_ZERO = frozenset({"e_invoice_age", "tries"})


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its cases by label, in order.

    `points` are the values that an ordered column is cut at: case 2k+1 is at the k-th of them, the
    even cases lie between. A column of words has no points. `never` are cases that cannot come.
    """

    name: str
    labels: tuple[str, ...]
    points: tuple[Any, ...] = ()
    never: frozenset[int] = frozenset()

    @property
    def all(self) -> frozenset[int]:
        """Every case that can come."""
        return frozenset(range(len(self.labels))) - self.never

    def among(self, cell: n.Cell, value_of: Callable[[n.Value], Any]) -> frozenset[int] | None:
        """The cases that a cell names; None where it does not fit the column."""
        if isinstance(cell, n.Any_):
            return self.all
        values = cell.values if isinstance(cell, n.Among) else (cell.value,)
        op = "=" if isinstance(cell, n.Among) else cell.op
        found: set[int] = set()
        for value in values:
            if not self.points and (op not in {"=", "<>"} or plain(value) not in self.labels):
                return None
            at = self._at(value, value_of)
            found |= {i for i in self.all if _HOLDS[op](i, at)}
        return frozenset(found)

    def _at(self, value: n.Value, value_of: Callable[[n.Value], Any]) -> int:
        if self.points:
            return 2 * self.points.index(value_of(value)) + 1
        return self.labels.index(plain(value))

    def cell(self, cases: frozenset[int]) -> str | None:
        """Cases as a cell; None where no one cell says them."""
        if cases >= self.all:
            return ANY
        if not self.points:
            left = self.all - cases
            if self.labels[-1] != OTHER or len(self.labels) - 1 in left:
                return ", ".join(self.labels[i] for i in sorted(cases))
            return f"<> {self.labels[min(left)]}" if len(left) == 1 else None
        wanted = cases | self.never
        for k in range(len(self.points)):
            for op, holds in _HOLDS.items():
                at = 2 * k + 1
                if {i for i in range(len(self.labels)) if holds(i, at)} - self.never == (
                    wanted - self.never
                ):
                    return self.labels[at] if op == "=" else f"{op} {self.labels[at]}"
        return None


_HOLDS: dict[str, Callable[[int, int], bool]] = {
    "=": lambda i, at: i == at,
    "<>": lambda i, at: i != at,
    "<": lambda i, at: i < at,
    "<=": lambda i, at: i <= at,
    ">": lambda i, at: i > at,
    ">=": lambda i, at: i >= at,
}


def plain(value: n.Value) -> str:
    """A value of a cell as a label."""
    if isinstance(value, n.Word):
        return value.name
    if isinstance(value.value, bool):
        return "yes" if value.value else "no"
    return str(value.value)


def named(rows: Sequence[n.TableRow], at: int) -> Iterator[n.Value]:
    """The values that the cells of a column name."""
    for row in rows:
        cell = row.cells[at]
        if isinstance(cell, n.Among):
            yield from cell.values
        elif isinstance(cell, n.Compared):
            yield cell.value


def words_column(name: str, words: Sequence[str]) -> Column:
    """A column whose values are known by name."""
    return Column(name, tuple(words))


def text_column(name: str, values: Sequence[n.Value]) -> Column:
    """A column of texts: those that are named, and all others."""
    return Column(name, (*dict.fromkeys(plain(v) for v in values), OTHER))


def ordered_column(name: str, of: Type, values: Mapping[str, Any]) -> Column:
    """A column of numbers, dates or durations, cut below, at and above each value it names."""
    shown = {value: label for label, value in reversed(list(values.items()))}
    points = tuple(sorted(shown))
    labels = [f"below {shown[points[0]]}"] if points else ["any"]
    for here, after in itertools.zip_longest(points, points[1:]):
        labels.append(shown[here])
        labels.append(f"above {shown[here]}" if after is None else _between(shown, here, after))
    never = {
        2 * k
        for k in range(len(points))
        if (k == 0 and name in _FROM_ZERO and not points[0])
        or (k and of.kind == "whole" and points[k] - points[k - 1] == 1)
    }
    return Column(name, tuple(labels), points, frozenset(never))


def _between(shown: Mapping[Any, str], low: Any, high: Any) -> str:
    return f"between {shown[low]} and {shown[high]}"


def fits(of: Type, kind: str) -> bool:
    """Whether a literal of this kind can be compared with a column of this type."""
    wanted = _LITERALS.get(of.kind, "number" if of.kind == "whole" else of.kind)
    return kind == wanted


def gaps(columns: Sequence[Column], rows: Sequence[Box]) -> list[Box] | None:
    """What no row covers, as boxes that do not meet; None where they are too many to tell."""
    open_: list[Box] = [tuple(c.all for c in columns)]
    for row in rows:
        open_ = [piece for box in open_ for piece in _without(box, row)]
        if len(open_) > MOST_BOXES:
            return None
    return sorted(_merged(open_), key=lambda box: [min(cases) for cases in box])


def _merged(boxes: list[Box]) -> list[Box]:
    """The same cases in fewer boxes: those that differ in one column only become one."""
    for at in range(len(boxes[0]) if 1 < len(boxes) <= MOST_MERGED else 0):
        alike: dict[Box, frozenset[int]] = {}
        for box in boxes:
            rest = (*box[:at], *box[at + 1 :])
            alike[rest] = alike.get(rest, frozenset()) | box[at]
        boxes = [(*rest[:at], mine, *rest[at:]) for rest, mine in alike.items()]
    return boxes


def _without(box: Box, row: Box) -> Iterator[Box]:
    """A box without what a row covers of it."""
    common = tuple(a & b for a, b in zip(box, row, strict=True))
    if not all(common):
        yield box
        return
    for at, (mine, both) in enumerate(zip(box, common, strict=True)):
        rest = mine - both
        if rest:
            yield (*common[:at], rest, *box[at + 1 :])


def meet(one: Box, other: Box) -> Box | None:
    """What two rows both cover."""
    common = tuple(a & b for a, b in zip(one, other, strict=True))
    return common if all(common) else None


def count(boxes: Sequence[Box]) -> int:
    """How many cases lie in boxes that do not meet."""
    total = 0
    for box in boxes:
        size = 1
        for cases in box:
            size *= len(cases)
        total += size
    return total


def first(columns: Sequence[Column], box: Box) -> str:
    """The first case of a box, in words."""
    found = ((c.name, c.labels[min(cases)]) for c, cases in zip(columns, box, strict=True))
    return ", ".join(
        f"{name} {'' if label.startswith(_APART) else '= '}{label}" for name, label in found
    )


def offered(columns: Sequence[Column], boxes: Sequence[Box], action: str) -> list[str]:
    """The boxes as rows to paste, as far as rows can say them."""
    rows = []
    for box in boxes:
        cells = [c.cell(cases) for c, cases in zip(columns, box, strict=True)]
        if all(cell is not None for cell in cells):
            rows.append(f"| {' | '.join(str(cell) for cell in cells)} | {action} |")
    return rows


def label(value: n.Value) -> str:
    """A value as it stands in the table."""
    return value.name if isinstance(value, n.Word) else say(value)
