"""The filter of the list of runs, as its form and its address write it.

Here: words of the address, times in the zone of the company, what is wrong with them. Not here:
what fits (holding/runs/run_search.py).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from holding.runs.run_search import RunFilter
from portal.web import forms

TEXTS: Final = ("record", "customer", "vendor", "invoice", "payment", "connector", "connection")
TIMES: Final = ("from", "to")
LONGEST: Final = 100
_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked: the filter, what was typed by word, and problems by word."""

    wanted: RunFilter
    typed: Mapping[str, str]
    problems: Mapping[str, str]


def asked(args: Mapping[str, str], zone: ZoneInfo) -> Asked:
    """The filter that an address means."""
    given = {word: args.get(word, "").strip()[:LONGEST] for word in (*TEXTS, *TIMES)}
    typed = {word: text for word, text in given.items() if text}
    wrong: dict[str, str] = {
        word: "Enter a time as 2026-11-20 14:30."
        for word in TIMES
        if word in typed and _begin(typed[word], zone) is None
    }
    first, until = _begin(given["from"], zone), _end(given["to"], zone)
    if first and until and first >= until:
        wrong["to"] = "The last time is before the first."
    wanted = RunFilter(first=first, until=until, **{word: given[word] for word in TEXTS})
    return Asked(wanted, typed, wrong)


def _begin(text: str, zone: ZoneInfo) -> datetime | None:
    """The moment at which a day or a minute begins."""
    found = _MOMENT.fullmatch(text)
    day = forms.day(found[1]) if found else None
    if not found or not day:
        return None
    clock = forms.hour(found[2]) if found[2] else time()
    return None if clock is None else datetime.combine(day, clock, zone).astimezone(UTC)


def _end(text: str, zone: ZoneInfo) -> datetime | None:
    """The moment at which it is over."""
    begin = _begin(text, zone)
    if begin is None:
        return None
    if len(text) > len("2026-11-20"):
        return begin + timedelta(minutes=1)
    return (begin.astimezone(zone) + timedelta(days=1)).astimezone(UTC)
