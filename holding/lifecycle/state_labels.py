"""How each state is called where people read it; the database, CSV and JSON keep the word.

Here: one label for each state of records, postings, pushes, attempts, calls, holds and runs, and
for each kind of call and of run. Not here: the states themselves
(holding/tables/row_states.py), their tones and
icons (portal/web/labels.py), the result of a rule (rules/outcomes/outcome.py).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from rules.values.posting_states import POSTING_LABELS, PostingState

STATE_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "received": "Received",
        **POSTING_LABELS,
        "reference": "For reference",
    }
)
"""Where a record or a posting stands."""
BY_RULE: Final = "Not posted (by rule)"
REJECTED: Final = "Not posted (rejected)"
REJECTION: Final = "rejected"
"""How the reason begins of a posting that a person rejected; any other is ignored by a rule."""
PUSH_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "intent": "Queued",
        "sending": "Sending",
        "awaiting": "Awaiting confirmation",
        "uncertain": "Unconfirmed",
        "accepted": "Accepted",
        "refused": "Rejected",
        "conflict": "Conflict",
        "dropped": "Cancelled",
    }
)
"""Where one push stands: its target is always named beside it."""
ATTEMPT_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "sending": "Sending",
        "awaiting": "Awaiting confirmation",
        "uncertain": "No clear answer",
        "accepted": "Accepted",
        "existing": "Already posted",
        "refused": "Rejected",
        "temporary": "Temporary problem",
        "split": "Sent again in smaller files",
        "equal": "Found",
        "different": "Found with other values",
        "absent": "Not found",
        "unknown": "Not known",
    }
)
"""What came of one call, or what a look-up found."""
CALL_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {"sending": "Sending", "answered": "Answered", "unanswered": "No answer"}
)
CALL_KIND_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "push": "Posting request",
        "lookup": "Look-up",
        "poll": "Question for confirmation",
        "read": "Verification",
    }
)
HOLD_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {"open": "Open", "cleared": "Cleared", "released": "Released", "approved": "Approved"}
)
RUN_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {"due": "Scheduled", "running": "Running", "done": "Completed", "failed": "Failed"}
)
RUN_KIND_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {"immediate": "Automatic", "daily": "Daily run", "manual": "Manual sync"}
)


def state_label(state: str, reason: str | None = None) -> str:
    """What a state is called; a posting's reason tells who decided that it is not posted.

    >>> state_label("held"), state_label("ignored"), state_label("ignored", "rejected: twice")
    ('On hold', 'Not posted', 'Not posted (rejected)')
    >>> state_label("ignored", "status draft is ignored")
    'Not posted (by rule)'
    """
    if state == PostingState.IGNORED and reason is not None:
        return REJECTED if reason.startswith(REJECTION) else BY_RULE
    return STATE_LABELS[state]
