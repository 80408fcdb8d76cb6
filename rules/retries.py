"""What happens when a target answers with an error: the rules' own `retry` tables.

Here: RetryProgram, RetryAnswer. Not here: what is retried where no table says so (holding).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from grammar import nodes as n
from grammar.problem import Span
from rules.index import Index
from rules.tables import TableProgram, latest

LONGEST = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RetryAnswer:
    """What is done now: `try_again` after a pause, or the word of an action with its team.

    `again` is what the row says of trying again, also when its tries are used up.
    """

    kind: str  # try_again look_up hold review warn ignore drop wait block reject
    role: str | None
    pause: timedelta | None
    again: n.TryAgain | None
    span: Span


class RetryProgram:
    """One `retry` declaration."""

    def __init__(self, index: Index, declared: n.Retry) -> None:
        self.table = TableProgram(declared.table, None, latest(index.consts))

    def answer(self, error_class: str, tries: int) -> RetryAnswer | None:
        """The answer for an error after so many tries; None where no row has one."""
        hit = self.table.find({"error": error_class, "tries": Decimal(tries)}, None)
        if hit.row is None:
            return None
        action, span = hit.row.action, hit.row.span
        if not isinstance(action, n.TryAgain):
            return RetryAnswer(action.kind, action.role, None, None, span)
        if tries >= action.times:
            return RetryAnswer(action.then.kind, action.then.role, None, action, span)
        doubled = 2 ** min(max(tries - 1, 0), 17)  # 1s, doubled so often, is longer than a day
        pause = min(min(action.pause, LONGEST) * doubled, LONGEST)
        return RetryAnswer("try_again", None, pause, action, span)
