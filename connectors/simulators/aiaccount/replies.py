"""The error envelope, and answers that go wrong on purpose.

Here: the form of every refusal, and the named faults with what each does to a write. Not here:
refusals that follow from data (checks.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from connectors.simulators.base import scripted
from connectors.simulators.base.scripted import usual, with_content
from connectors.simulators.base.server import Reply

ErrorEntry = Mapping[str, Any]
"""One entry of `errors`: a line, its column, what is wrong there."""


def error(status: int, code: str, message: str, **more: Any) -> Reply:
    """An answer with the error envelope."""
    return Reply(status=status, content={"error": {"code": code, "message": message, **more}})


def forbidden(permission: str) -> Reply:
    """The answer to a key that lacks a permission."""
    message = f"The key lacks the permission {permission}"
    return error(403, "missing_permission", message, permission=permission)


def fault(line: int, column: str, code: str, value: object, message: str) -> dict[str, Any]:
    """One entry of `errors`."""
    return {
        "line": line,
        "column": column,
        "code": code,
        "value": "" if value is None else str(value),
        "message": message,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault(scripted.Fault):
    """One of AiAccount: it may also write elsewhere, lose the last line, or end later."""

    elsewhere: bool = False
    short: bool = False
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
    "drop_line": Fault(short=True),
}
