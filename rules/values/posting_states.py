"""The states of a posting.

Here: the words, which the database and JSON keep as they are. Not here: which may follow which
(holding/lifecycle/states.py).
"""

from enum import StrEnum


class PostingState(StrEnum):
    """Where a posting stands; a decision answers with one of the first five, or `posted`."""

    WAITING = "waiting"
    HELD = "held"
    IGNORED = "ignored"
    DROPPED = "dropped"
    READY = "ready"
    SENDING = "sending"
    AWAITING = "awaiting"
    UNCERTAIN = "uncertain"
    FAILED = "failed"
    POSTED = "posted"
    REVERSED = "reversed"
