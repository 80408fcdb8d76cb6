"""What is wrong with a decision table that parsed, as far as the table alone can tell.

Lives here: the width of rows, actions that do not fit the kind of table. Not here: whether the
rows cover every case (the `rules` package), for which fields and statuses must be known.
"""

from collections.abc import Iterator
from typing import Any

from grammar import nodes
from grammar.text.problem import Problem
from grammar.text.vocabulary import TABLES

_HOLDS = ("hold", "review")
_MAY = {
    "on edit": (
        *_HOLDS,
        "block",
        "credit_and_new",
        "new_document",
        "credit_note",
        "update",
        "ignore",
    ),
    "on cancel": (*_HOLDS, "block", "credit_note", "void"),
    "retry": (*_HOLDS, "try_again", "look_up"),
}


def faults(node: Any) -> Iterator[Problem]:
    """The problems of a decision table; none of any other declaration."""
    kinds = {nodes.Edit: "on edit", nodes.Cancel: "on cancel", nodes.Retry: "retry"}
    kind = kinds.get(type(node))
    if kind is not None:
        yield from _columns(node.table)
        for row in node.table.rows:
            yield from _width(row, node.table.head)
            yield from _action(row.action, kind)


def _columns(table: nodes.Table) -> Iterator[Problem]:
    for number, name in enumerate(table.head):
        if name in table.head[:number]:
            message = f"the column '{name}' stands twice"
            yield Problem("SYN28", message, "keep one of them: a cell holds a list too", table.span)


def _width(row: nodes.TableRow, head: tuple[str, ...]) -> Iterator[Problem]:
    if len(row.cells) != len(head):
        said = f"{len(row.cells)} condition{'s' if len(row.cells) > 1 else ''}"
        message = f"this row has {said}, the head has {len(head)}"
        hint = f"one cell for each column: | {' | '.join(head)} | do |, with - for any"
        yield Problem("SYN25", message, hint, row.span)


def _action(action: nodes.Action | nodes.TryAgain, kind: str) -> Iterator[Problem]:
    if isinstance(action, nodes.TryAgain):
        may, what, last = _MAY[kind], "try_again", action.then
        if what in may and last.kind not in _HOLDS:
            message = f"'{_words(last.kind)}' cannot stand behind the last try"
            yield Problem("SYN27", message, "then hold for ROLE, or review by ROLE", last.span)
    else:
        may, what = _MAY[kind], action.kind
    if what not in may:
        message = f"'{_words(what)}' cannot stand in a table of '{kind}'"
        yield Problem("SYN27", message, f"one of: {', '.join(TABLES[kind])}", action.span)


def _words(kind: str) -> str:
    """The action as it is written."""
    said = {"credit_and_new": "credit note and new", "look_up": "look up first", "try_again": "try"}
    return said.get(kind, kind.replace("_", " "))
