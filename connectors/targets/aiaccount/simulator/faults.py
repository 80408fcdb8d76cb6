"""Answers that go wrong on purpose.

Here: the named faults and what each does to a write. Not here: refusals that follow from data
(checks.py).
"""

from dataclasses import dataclass
from typing import Any, Literal

from connectors.kit import scripted
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


_HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
_HTML_REPLY = Reply(status=502, content=_HTML, headers={"Content-Type": "text/html"})

FAULTS = {
    "timeout_before": Fault(instead=Reply(status=0, content=b"", cut="before"), hang=True),
    "timeout_after": Fault(cut="before", hang=True),
    "error_500_after": Fault(status=500),
    "html_502": Fault(instead=_HTML_REPLY),
    "html_502_after": Fault(status=502, body=_HTML),
    "unavailable": Fault(instead=_error(503, "unavailable", "Try later", Retry_After="1")),
    "rate_limited": Fault(instead=_error(429, "rate_limited", "Too many", Retry_After="2")),
    "invalid_key": Fault(instead=_error(401, "invalid_key", "Unknown API key")),
    "closed_period": Fault(locked=True),
    "slow": Fault(hang=True),
    "processing_completed": Fault(later="completed"),
    "processing_failed": Fault(later="failed"),
    "wrong_company": Fault(elsewhere=True),
    "silent_drop": Fault(drop=True),
    "duplicate_delivery": Fault(twice=True),
    "cut_body": Fault(cut="middle"),
    "garbage_after": Fault(status=200, body=b"\x00\x01 not json"),
}
