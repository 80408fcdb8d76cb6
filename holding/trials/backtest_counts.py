"""What a backtest in the browser has counted so far, as it is stored between two turns.

Here: a tally to JSON and back, without the records themselves. Not here: the counting
(rules/comparison/backtest.py), the turns (backtest_turns.py).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from rules.comparison.backtest import Change, Money, Sum, Tally
from rules.values.canonical import number_text

NOTHING: Final[Mapping[str, Any]] = {
    "records": 0,
    "same": 0,
    "bad": 0,
    "cells": [],
    "stopped": {},
    "freed": {},
    "judged": {},
    "fired": [],
}


def stored(tally: Tally) -> dict[str, Any]:
    """The counts and sums of a tally; amounts are texts, exact."""
    return {
        "records": tally.records,
        "same": tally.same,
        "bad": tally.bad,
        "cells": [[*change, _money(money)] for change, money in sorted(tally.cells.items())],
        "stopped": _money(tally.stopped),
        "freed": _money(tally.freed),
        "judged": tally.judged,
        "fired": [[kind, rule, times] for (kind, rule), times in sorted(tally.fired.items())],
    }


def counted(kept: Mapping[str, Any]) -> Tally:
    """The tally that was stored."""
    return Tally(
        records=kept["records"],
        same=kept["same"],
        cells={Change(*words): _sums(money) for *words, money in kept["cells"]},
        stopped=_sums(kept["stopped"]),
        freed=_sums(kept["freed"]),
        judged=dict(kept["judged"]),
        fired={(kind, rule): times for kind, rule, times in kept["fired"]},
        bad=kept["bad"],
    )


def _money(money: Money) -> dict[str, list[Any]]:
    return {code: [one.records, number_text(one.amount)] for code, one in sorted(money.items())}


def _sums(kept: Mapping[str, Any]) -> Money:
    return {code: Sum(records, Decimal(amount)) for code, (records, amount) in kept.items()}
