"""Small questions about a version that arrives: which of two is later, and how its story is told.

Here: comparing stamps, the act and sentence of an arrival. Not here: storing it (intake.py).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any


def later(stamp: str, other: str | None) -> bool:
    """Whether a change stamp comes after another; after none, each does."""
    return other is None or _order(stamp) > _order(other)


def story(
    name: str, source: str, version: Mapping[str, Any], *, is_new: bool, replaces: bool
) -> tuple[str, str]:
    """The act and the sentence for a version that was stored; `replaces`: a correction ends."""
    no = version["no"]
    if is_new and no == 1:
        return "record.received", f"{name[0].upper()}{name[1:]} arrived from {source}."
    if version["stale"]:
        say = f"Version {no} of {name} arrived late: a newer one is here, so it is not judged."
        return "record.stale", say
    ends = " It takes the place of the correction made here." if replaces else ""
    if version["reason"]:
        say = f"Version {no} of {name} arrived with the same change stamp as the one before."
        return "record.conflict", say + ends
    return "record.changed", f"Version {no} of {name} arrived from {source}.{ends}"


def _order(stamp: str) -> str:
    """Stamps that are moments compare as moments, others as text."""
    try:
        return datetime.fromisoformat(stamp).isoformat(timespec="microseconds")
    except ValueError:
        return stamp
