"""How each state is called and shown.

Here: state -> word and tone, for records and postings alike, and the tone of a push. Not here:
which moves are allowed (holding/lifecycle.py).
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Shown:
    """A state as people see it; the icon has the state's own name."""

    word: str
    tone: str
    plain: str  # the short word other programs of the same users show


STATES: Final = {
    "received": Shown("Received", "idle", "pending"),
    "waiting": Shown("Waiting", "idle", "pending"),
    "ready": Shown("Ready", "info", "pending"),
    "held": Shown("Held", "warn", "needs attention"),
    "sending": Shown("Sending", "info", "pending"),
    "awaiting": Shown("Accepted, not confirmed", "info", "pending"),
    "uncertain": Shown("Uncertain: look up first", "doubt", "needs attention"),
    "posted": Shown("Posted", "ok", "succeeded"),
    "reversed": Shown("Reversed", "idle", "succeeded"),
    "failed": Shown("Failed", "bad", "failed"),
    "ignored": Shown("Ignored by rule", "idle", "skipped"),
    "dropped": Shown("Cancelled before sending", "idle", "skipped"),
}


GOES: Final = ("ready", "sending", "awaiting")  # what is on its way, or goes when its time comes


def plain(state: str, tries: int = 0) -> str:
    """One of six words with one meaning everywhere: what a person must know of a state.

    pending, retrying, succeeded, failed, skipped, needs attention.
    """
    word = STATES[state].plain
    return "retrying" if tries > 0 and state in GOES else word


PUSH_TONES: Final = {
    "intent": ("info", "sending"),
    "sending": ("info", "sending"),
    "awaiting": ("info", "awaiting"),
    "uncertain": ("doubt", "uncertain"),
    "accepted": ("ok", "posted"),
    "refused": ("bad", "failed"),
    "conflict": ("warn", "held"),
    "dropped": ("idle", "dropped"),
}
