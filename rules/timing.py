"""When a document may go: at once, or at the first such hour after a day.

Here: due. Not here: runs and schedules (holding).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def due(value: date | datetime, at: time, zone: ZoneInfo) -> datetime:
    """The first `at` after the day of a value, in the zone, as a UTC moment.

    >>> due(date(2026, 11, 18), time(2, 0), ZoneInfo("Asia/Kuala_Lumpur")).isoformat()
    '2026-11-18T18:00:00+00:00'
    """
    day = value.astimezone(zone).date() if isinstance(value, datetime) else value
    return datetime.combine(day + timedelta(days=1), at, tzinfo=zone).astimezone(UTC)


def next_midnight(now: datetime, zone: ZoneInfo) -> datetime:
    """The moment at which `today` changes."""
    day = now.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(day, time(0), tzinfo=zone).astimezone(UTC)
