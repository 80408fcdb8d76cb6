"""By which rule line a backtest comes to another result: how many records of each cell, a line.

Here: finding the lines of a record, and keeping their counts between two turns. Not here: why one
record is judged so (rules/comparison/backtest_reasons.py), the turns (backtest_turns.py).
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from rules.comparison.backtest import Backtest, Tally
from rules.comparison.backtest_reasons import reason
from rules.comparison.two_sides import Past
from rules.outcomes.summary import stricter

KEY = "lines"
"""Where they stand in what is kept of a backtest."""


class Line(NamedTuple):
    """A rule that decides in a cell: of the change (`is_new`) or of the rules in force; `place` is
    its file and line, blank where no rule speaks of the record.
    """

    kind: str
    route: str
    was: str
    would: str
    is_new: bool
    rule: str
    place: str


def of_record(judge: Backtest, past: Past, tally: Tally) -> Iterator[Line]:
    """The line of each route under which the record would be another thing: the one that stops it,
    in the change; where the change lets more through, the one that stopped it until now.
    """
    for cell in tally.cells:
        if cell.was == cell.would:
            continue
        is_new = stricter(cell.would, cell.was)
        told = reason(judge.new if is_new else judge.old, past, cell.route)
        place = f"{told.span.file}:{told.span.line}" if told.span else ""
        yield Line(cell.kind, cell.route, cell.was, cell.would, is_new, told.rule, place)


def stored(lines: Mapping[Line, int]) -> list[list[Any]]:
    """Lines with their counts, as JSON takes them."""
    return [[*line, times] for line, times in sorted(lines.items())]


def counted(kept: Mapping[str, Any]) -> Counter[Line]:
    """The lines of a backtest with the number of their records; none of an older one."""
    return Counter({Line(*line): times for *line, times in kept.get(KEY, ())})
