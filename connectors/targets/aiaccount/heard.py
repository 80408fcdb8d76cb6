"""AiAccount's answer to a call, opened.

Here: its JSON object, and what stands in it under a name, or nothing. Not here: what it means for a
document (answers.py, outcomes.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from connectors.kit.http import HttpAnswer, retry_after
from connectors.kit.strictjson import loads

ZONE = ZoneInfo("Asia/Kuala_Lumpur")


@dataclass(frozen=True, slots=True)
class Heard:
    """One answer, opened: its JSON object, or nothing when it is none."""

    answer: HttpAnswer
    content: Mapping[str, Any] | None
    now: datetime

    @property
    def error(self) -> Mapping[str, Any]:
        """The error envelope, perhaps empty."""
        return object_of(self.content, "error")


def hear(answer: HttpAnswer, now: datetime) -> Heard:
    """Open an answer."""
    content = _opened(answer.body)
    return Heard(answer, content if isinstance(content, dict) else None, now)


@lru_cache(maxsize=2)
def _opened(body: bytes) -> object:
    """What it says; that of a whole file is asked for by each of its documents, and opened once."""
    return loads(body)


def pause_of(heard: Heard) -> float | None:
    """After how many seconds it may be asked again, where it says so."""
    asked = retry_after(heard.answer.headers, heard.now)
    if asked is not None:
        return asked
    try:
        day = date.fromisoformat(text_of(heard.error.get("resets_on")))
    except ValueError:
        return None
    start = datetime.combine(day, time(), ZONE)
    return max(0.0, (start - heard.now) / timedelta(seconds=1))


def object_of(content: Mapping[str, Any] | None, name: str) -> Mapping[str, Any]:
    """The object under a name, perhaps empty."""
    value = (content or {}).get(name)
    return value if isinstance(value, dict) else {}


def list_of(value: object) -> list[Mapping[str, Any]]:
    """The objects of a list; nothing where it is none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def values_of(value: object) -> list[object]:
    """Any list; nothing where it is none."""
    return value if isinstance(value, list) else []


def text_of(value: object) -> str:
    """A text; blank where it is none."""
    return value if isinstance(value, str) else ""


def decimal_of(value: object) -> Decimal | None:
    """A number as text; None where it is none."""
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None
