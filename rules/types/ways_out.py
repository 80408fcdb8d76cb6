"""What to write instead of a name or a comparison that is none, with the names that were meant.

Here: hints for an unknown name, a list of values, two types that never meet. Not here: finding what
is wrong (inference.py), the nearest known name (functions.py).
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from grammar import nodes as n
from grammar.advice.hints import WORDS as FOREIGN
from rules.types.functions import did_you_mean
from rules.types.symbol_table import Scope
from rules.values.kinds import NUMERIC, Type, compare_hint
from rules.values.wording import bare, say

_DAYS = frozenset({"date", "moment"})


def of_name(name: str, scope: Scope) -> str:
    """Where a name that is not known here stands, or which one was meant."""
    lines = scope.index.lines_field(scope.record)
    if lines is not None and name in scope.index.fields.get(scope.line_record, {}):
        all_lines = f"sum({lines.name}.{name})"
        return f"It is a field of the lines: 'line.{name}' behind each line, or '{all_lines}'."
    if name in scope.index.maps:
        return f"It is a map, which looks a value up: '{name}(…)'."
    return FOREIGN.get(name) or did_you_mean(name, scope.names())


def of_list(name: n.Name) -> str:
    """What is asked of a field of all lines at once."""
    path = ".".join(name.path)
    one = f"line.{name.path[-1]}"
    return f"Ask for all together, such as 'sum({path})', or for '{one}' behind each line."


def of_member(expr: n.Member, word: n.Word, scope: Scope) -> str:
    """What a bare word in a list of values was meant for."""
    if scope.resolve((word.name,)) is None:
        return f'Write "{word.name}" in quotes.'
    left = say(expr.left)
    each = " or ".join(f"{left} = {say(value)}" for value in expr.values)
    return f"A list holds values, not fields: '{each}'."


def of_comparison(expr: n.Compare, left: Type, right: Type) -> str:
    """How two sides that cannot be compared could be."""
    written = expr.right if isinstance(expr.right, n.Literal) else None
    value = written.value if written is not None else None
    if written is not None and left.kind == "text" and right.kind in NUMERIC:
        return f'A text is compared with a text: write "{bare(written)}", in quotes.'
    if written is not None and left.kind in _DAYS and isinstance(value, str):
        return f"A day stands without quotes: '{value}'."
    if written is not None and left.kind in _DAYS and isinstance(value, Decimal | timedelta):
        days = bare(written).removesuffix("d")
        return f"A day is compared with a day: '2026-11-20', or 'today - {days}d'."
    return compare_hint(left, right)
