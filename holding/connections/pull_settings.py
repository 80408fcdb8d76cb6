"""When a source is asked for what changed: every so many minutes, and each night further back.

Here: what the settings of a connection say of it. Not here: which values they may have
(connectors/contract/declared_settings.py), the asking (holding/intake/pulls.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from connectors.contract import declared_settings as declared

ADDRESS: Final = "base_url"
EVERY, AT, DAYS, FROM = "pull_minutes", "sweep_at", "sweep_days", "pull_from"
_USUAL: Final = {EVERY: "15", AT: "02:30", DAYS: "7"}
_MOST_DAYS: Final = 90


@dataclass(frozen=True, slots=True)
class PullPlan:
    """`every`: None where only the sweep asks; `start`: the day from which on there is anything."""

    every: timedelta | None
    sweep_at: time
    sweep_back: timedelta
    start: date | None

    def next_sweep(self, now: datetime, zone: ZoneInfo) -> datetime:
        """The next night's moment, by the clock of the source."""
        here = now.astimezone(zone)
        tonight = datetime.combine(here.date(), self.sweep_at, zone)
        if tonight <= here:
            tonight = datetime.combine(here.date() + timedelta(days=1), self.sweep_at, zone)
        return tonight

    def start_at(self, zone: ZoneInfo) -> datetime | None:
        """From when on changes are asked for; None: from when the asking began, for nobody asked
        for older ones, which may be in the books already.
        """
        return datetime.combine(self.start, time(), zone) if self.start else None


def is_set(settings: Mapping[str, Any]) -> bool:
    """Whether the connection says where to ask, and is not switched off."""
    return declared.takes(settings) and bool(str(settings.get(ADDRESS) or "").strip())


def plan_of(settings: Mapping[str, Any]) -> PullPlan:
    """The plan of settings that were let in."""
    minutes, days = int(_said(settings, EVERY)), min(_MOST_DAYS, int(_said(settings, DAYS)))
    start = str(settings.get(FROM) or "")
    return PullPlan(
        every=timedelta(minutes=minutes) if minutes else None,
        sweep_at=time.fromisoformat(_said(settings, AT)),
        sweep_back=timedelta(days=days),
        start=date.fromisoformat(start) if start else None,
    )


def _said(settings: Mapping[str, Any], name: str) -> str:
    return str(settings.get(name) or _USUAL[name]).strip()
