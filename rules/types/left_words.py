"""Words that were left behind a comparison: `status = paid or packed`.

Here: split_words. Not here: which words a field has (inference.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from grammar import nodes as n
from grammar.text.problem import Problem
from rules.values.wording import say

IsWord = Callable[[n.Compare, n.Name], bool]


def split_words(parts: Sequence[n.Expr], is_word: IsWord) -> tuple[list[n.Expr], list[Problem]]:
    """The conditions among some that stand side by side, and one finding for all words that belong
    to the comparison before them.
    """
    conditions: list[n.Expr] = []
    words: dict[int, list[n.Name]] = {}
    for part in parts:
        compare = _compared(conditions[-1]) if conditions else None
        if compare is not None and isinstance(part, n.Name) and is_word(compare, part):
            words.setdefault(len(conditions) - 1, []).append(part)
        else:
            conditions.append(part)
    return conditions, [_left(conditions[at], left) for at, left in words.items()]


def _compared(condition: n.Expr) -> n.Compare | None:
    inner = condition.expr if isinstance(condition, n.Not) else condition
    return inner if isinstance(inner, n.Compare) else None


def _left(condition: n.Expr, words: Sequence[n.Name]) -> Problem:
    compare = _compared(condition)
    if compare is None:
        raise TypeError("only a comparison leaves words behind")
    negated = "not " if isinstance(condition, n.Not) or compare.op == "<>" else ""
    among = ", ".join([say(compare.right), *map(say, words)])
    hint = f"Write {negated}{say(compare.left)} in ({among})."
    return Problem("NAM01", f"'{say(words[0])}' alone is not a condition", hint, words[0].span)
