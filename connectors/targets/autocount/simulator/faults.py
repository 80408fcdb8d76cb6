"""Answers that go wrong on purpose.

Here: the named faults and what each does to a write. Not here: refusals that follow from data
(checks.py), and look-ups that lag (books.py).
"""

from connectors.kit.scripted import Fault
from connectors.kit.simulator import Reply


def refused(status: int, message: str) -> Reply:
    """The one shape of every refusal."""
    return Reply(status=status, content={"statusCode": status, "message": message})


_HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"

FAULTS = {
    "timeout_before": Fault(instead=Reply(status=0, content=b"", cut="before"), hang=True),
    "timeout_after": Fault(cut="before", hang=True),
    "error_500_after": Fault(status=500),
    "html_502": Fault(
        instead=Reply(status=502, content=_HTML, headers={"Content-Type": "text/html"})
    ),
    "html_502_after": Fault(status=502, body=_HTML),
    "unavailable": Fault(instead=refused(503, "Service unavailable.")),
    "rate_limited": Fault(instead=refused(429, "429 Too Many Requests.")),
    "invalid_key": Fault(instead=refused(401, "401 Unauthorized.")),
    "closed_period": Fault(locked=True),
    "slow": Fault(hang=True),
    "silent_drop": Fault(drop=True),
    "duplicate_delivery": Fault(twice=True),
}
