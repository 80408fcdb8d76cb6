"""The last backtest of some rules, as `clearpost backtest --json` printed it.

Here: reading it for the rule book. Not here: what it counts (rules/comparison/two_sides.py).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from portal.terminal.command_frame import USAGE, Stop, plural

NONE = "Last backtest: none given."


@dataclass(frozen=True, slots=True)
class LastBacktest:
    """What it was in one sentence, and what it said of each check and approval, by name."""

    say: str
    rules: Mapping[str, str] = field(default_factory=dict)


def read_backtest(path: Path | None, fingerprint: str) -> LastBacktest:
    """The backtest in a file, told when that was written; `fingerprint` is that of the rules it
    should have judged.
    """
    from rules.comparison.two_sides import book_name

    if path is None:
        return LastBacktest(NONE)
    try:
        found = json.loads(path.read_text("utf-8"))
        rules = {
            book_name(row["declared"], row["rule"], row["kind"]): _said(row)
            for row in found["rules"]
        }
        records, of_these = int(found["records"]), found["hash"] == fingerprint
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        hint = "clearpost backtest OLD NEW RECORDS --json > FILE"
        raise Stop(f"{path} is not a backtest report.", hint, USAGE) from problem
    told_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    told = f"Last backtest: told {told_at:%Y-%m-%d %H:%M} UTC, {plural(records, 'record')}."
    if not of_these:
        told = f"{told} The rules have changed since."
    return LastBacktest(told, rules)


def _said(row: Mapping[str, str | int]) -> str:
    return f"last backtest: it fired on {int(row['fired']):,} of {plural(int(row['of']), 'record')}"
