"""The small closures that expressions are made of.

Here: comparisons, constants, two operands, several operands, a look-up, an error; each passes the
unknown on. Not here: which of them an expression becomes (interpret.py).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from rules.lookups import Lookup
from rules.run import Run
from rules.unknown import Unknown, join

Closure = Callable[[Run], Any]

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def always(value: Any) -> Closure:
    """The same value for every run."""
    return lambda _: value


def binary(left: Closure, right: Closure, op: Callable[[Any, Any], Any]) -> Closure:
    """An operation on two values; unknown if one of them is."""

    def both(run: Run) -> Any:
        a = left(run)
        b = right(run)
        if type(a) is Unknown or type(b) is Unknown:
            return join(a, b)
        return op(a, b)

    return both


def applied(args: Sequence[Closure], function: Callable[..., Any]) -> Closure:
    """A function of several values; unknown if one of them is."""

    def apply(run: Run) -> Any:
        values = [a(run) for a in args]
        for value in values:
            if type(value) is Unknown:
                return join(*values)
        return function(*values)

    return apply


def never(message: str) -> Closure:
    """What no checked ruleset has: an error when it runs."""

    def never(_: Run) -> Any:
        raise TypeError(message)

    return never


def looked_up(key: Closure, table: Lookup) -> Closure:
    """The value that a map gives for a key."""

    def look_up(run: Run) -> Any:
        value = key(run)
        return value if type(value) is Unknown else table.get(run, value)

    return look_up
