"""Answers that go wrong on purpose.

Here: the named faults and what each does to a write. Not here: refusals that follow from data
(checks.py).
"""

from dataclasses import dataclass
from typing import Any, Literal

from connectors.kit import scripted
from connectors.kit.scripted import usual, with_content
from connectors.kit.simulator import Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault(scripted.Fault):
    """One of AiAccount: it may also write elsewhere, or end later."""

    elsewhere: bool = False
    later: Literal["", "completed", "failed"] = ""


def _error(status: int, code: str, message: str, **headers: str) -> Reply:
    content: dict[str, Any] = {"error": {"code": code, "message": message}}
    return Reply(
        status=status,
        content=content,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


FAULTS = {
    **usual(Fault),
    **with_content(Fault),
    "unavailable": Fault(instead=_error(503, "unavailable", "Try later", Retry_After="1")),
    "rate_limited": Fault(instead=_error(429, "rate_limited", "Too many", Retry_After="2")),
    "invalid_key": Fault(instead=_error(401, "invalid_key", "Unknown API key")),
    "processing_completed": Fault(later="completed"),
    "processing_failed": Fault(later="failed"),
    "wrong_company": Fault(elsewhere=True),
}
