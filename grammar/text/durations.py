"""A duration as rule files write it.

Here: its text. Not here: reading one (grammar/parsing).
"""

from datetime import timedelta


def duration(value: timedelta) -> str:
    """A duration in its largest whole unit: `31d`, `72h`, `30s`."""
    seconds = int(value.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
