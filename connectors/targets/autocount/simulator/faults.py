"""Answers that go wrong on purpose.

Here: the named faults and what each does to a write. Not here: refusals that follow from data
(checks.py), and look-ups that lag (books.py).
"""

from connectors.kit.scripted import Fault, usual
from connectors.kit.simulator import Reply


def refused(status: int, message: str) -> Reply:
    """The one shape of every refusal."""
    return Reply(status=status, content={"statusCode": status, "message": message})


FAULTS = {
    **usual(Fault),
    "unavailable": Fault(instead=refused(503, "Service unavailable.")),
    "rate_limited": Fault(instead=refused(429, "429 Too Many Requests.")),
    "invalid_key": Fault(instead=refused(401, "401 Unauthorized.")),
}
