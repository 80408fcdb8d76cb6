"""What is posted, in sentences: when, what of it, with which fields, and whose they are.

Here: post and reversal. Not here: whether it may go (readiness.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from grammar import nodes as n
from rules.explain.actions import action, becoming
from rules.explain.nouns import a, capital, listed, plain
from rules.explain.phrases import Phrases

_HOLE = re.compile(r"\{([^{}]*)\}")
_COUNTED = {"posting": "1, 2, 3 …", "reversed": "the number of what it takes back"}


def timing(one: n.Post, words: Phrases) -> str:
    """When a document goes."""
    here = words.of(one.record)
    when = f", if {here.expr(one.when)}" if one.when is not None else ""
    if isinstance(one.timing, n.Daily):
        day = here.expr(n.Name((one.timing.by,), one.timing.span))
        moment = f"in the run of {one.timing.at:%H:%M} in the night after {day}"
    else:
        moment = "as soon as it is ready"
    after = f", once its {plain(one.after.document)} is posted" if one.after else ""
    return (
        f"{capital(a(one.record))} becomes {a(one.route.document)} in {one.route.target} "
        f"{moment}{after}{when}. Its number is {_number(one.number)}."
    )


def bill(one: n.Post, billed: n.Bill, words: Phrases) -> str:
    """What of it stands on the document."""
    here = words.of(one.record, line=True)
    document = plain(one.route.document)
    rest = {
        "wait": f"The rest waits for {a('later ' + document)}",
        "drop": "The rest is never billed",
    }.get(billed.action.kind, f"While a rest remains, {action(billed.action, words)}")
    return (
        f"{capital(becoming(one.route))} bills only what is not billed yet: "
        f"{here.expr(billed.expr)}, less what was billed before, out of {here.expr(billed.of)}. "
        f"{rest}."
    )


def uncompared(one: n.Post, said: n.Uncompared) -> str:
    """That its amount is not compared with the record's own total, and why."""
    return (
        f"The amount of {becoming(one.route)} is not compared with the total of the "
        f"{plain(one.record)}. The reason: “{said.reason.rstrip('.')}”."
    )


def fields_of(one: n.Post | n.Reversal, assigns: Sequence[n.Assign], words: Phrases) -> str:
    """The fields of a document, or those of its lines, in one sentence."""
    line = bool(assigns) and assigns is one.line_fields
    here = words.of(one.record, line=line)
    said = [f"{assign.name} is {here.gets(assign.expr)}" for assign in assigns]
    back = isinstance(one, n.Reversal)
    undone = f" that takes {a(one.reversing.document)} back" if isinstance(one, n.Reversal) else ""
    rest = "; everything else is as it was posted" if back else ""
    where = f"In {becoming(one.route)}{undone}{', on each line' if line else ''}"
    return f"{where}: {'; '.join(said)}{rest}."


def owned(one: n.Post | n.Reversal, words: Phrases) -> str:
    """Who may change what after posting."""
    theirs = listed(list(one.they_own))
    place = becoming(one.route)
    left = f"{theirs} of {place} may be changed there by hand. " if theirs else ""
    other = "any other field" if theirs else f"any field of {place}"
    answer = action(one.we_own, words, one.route.target) if one.we_own else ""
    return f"{left}If {other} is changed there by hand, {answer}."


def reversal(one: n.Reversal) -> str:
    """How a posting is taken back."""
    return (
        f"{capital(a(one.reversing.document))} in {one.reversing.target} is taken back by "
        f"{a(one.route.document)}, the mirror of what was posted, with the number "
        f"{_number(one.number)}. The tables of changes and cancels start it."
    )


def _number(template: str) -> str:
    return f"“{_HOLE.sub(lambda hit: f'‹{_COUNTED.get(hit[1], plain(hit[1]))}›', template)}”"
