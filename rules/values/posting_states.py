"""The states of a posting.

Here: the words, which the database and JSON keep as they are, and what people read instead. Not
here: which may follow which (holding/platform/states.py).
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


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


POSTING_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        PostingState.WAITING: "Waiting",
        PostingState.HELD: "On hold",
        PostingState.IGNORED: "Not posted",
        PostingState.DROPPED: "Cancelled before posting",
        PostingState.READY: "Ready to post",
        PostingState.SENDING: "Sending",
        PostingState.AWAITING: "Awaiting confirmation",
        PostingState.UNCERTAIN: "Unconfirmed",
        PostingState.FAILED: "Failed",
        PostingState.POSTED: "Posted",
        PostingState.REVERSED: "Reversed",
    }
)
"""What each state is called."""


def in_sentence(label: str) -> str:
    """A label after "is": on hold, ready to post."""
    return label[:1].lower() + label[1:]
